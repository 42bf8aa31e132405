# SPDX-License-Identifier: GPL-2.0
#
# Unit tests of the core, in user space. One program per CORE_TESTS entry T:
# tests/core/T.c, the core sources it names in T_CORE, its helpers in T_WITH, others in T_MORE, T_LINK.
# Stands alone (make -f tests/core/tests.mk core-check) and as a part of a larger make.

BUILD ?= build
CORE_TEST_BUILD := $(BUILD)/tests
CORE_TEST_SAN := -fsanitize=address,undefined -fno-sanitize-recover
CORE_TEST_CFLAGS := -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -O1 -g \
	$(CORE_TEST_SAN) -Iinclude/uapi -Ikmod/core -Itests/core
CORE_TEST_HEADERS := $(wildcard kmod/core/*.h tests/core/*.h)

CORE_WAL := kq_conf kq_wal kq_wal_check kq_wal_chain kq_wal_recover kq_wal_release kq_wal_room kq_entry kq_platform_user

CORE_ALL := $(patsubst kmod/core/%.c,%,$(wildcard kmod/core/*.c))

CORE_TRIO := call_test disk_test identity_test install_test invariant_test join_test lease_test \
	lock_test member_test memory_test peer_test sum_test
CORE_TESTS += conf_test entry_test wire_test log_test snap_test seed_test $(CORE_TRIO) lockstep_test wal_test \
	wal_call_test wal_damage_test wal_lies_test wal_snap_test
conf_test_CORE := kq_conf kq_platform_user
$(foreach t,$(CORE_TRIO),$(eval $(t)_CORE := $(CORE_ALL)) \
	$(eval $(t)_WITH := trio))
install_test_WITH := trio snap_state
invariant_test_LINK := -Wl,--wrap=kq_assert_fail
lockstep_test_CORE := $(CORE_ALL)
snap_test_CORE := $(CORE_ALL)
snap_test_WITH := snap_state
seed_test_CORE := $(CORE_ALL)
seed_test_WITH := snap_state
seed_test_MORE := userspace/cli/seed.c
log_test_CORE := $(CORE_ALL)
wire_test_CORE := kq_wire kq_conf kq_entry kq_platform_user
entry_test_CORE := kq_conf kq_entry kq_platform_user
$(foreach t,wal_test wal_call_test wal_damage_test wal_lies_test wal_snap_test,$(eval $(t)_CORE := $(CORE_WAL)) \
	$(eval $(t)_WITH := wal_disk))

# Programs with a bug compiled in: T-bug builds T with -DKQ_BREAK_IS=KQ_BUG_BUG. Their tests
# must fail, which tests/core/must-fail checks.
CORE_BREAKS += wal_test-stale

CORE_TEST_PROGRAMS = $(CORE_TESTS:%=$(CORE_TEST_BUILD)/core_%)
CORE_BREAK_PROGRAMS = $(foreach b,$(CORE_BREAKS),$(CORE_TEST_BUILD)/core_$(subst -,_break_,$(b)))

core_test_sources = tests/core/$(1).c $($(1)_MORE) $($(1)_WITH:%=tests/core/%.c) $($(1)_CORE:%=kmod/core/%.c)
core_upper = $(shell echo $(1) | tr a-z A-Z)

# $(1): program, $(2): test, $(3): more flags
define core_test_rule
$(CORE_TEST_BUILD)/core_$(1): $(call core_test_sources,$(2)) $(CORE_TEST_HEADERS) tests/core/tests.mk
	@mkdir -p $$(@D)
	$$(CC) $$(CORE_TEST_CFLAGS) $(3) $$(CFLAGS) -o $$@ $$(filter %.c,$$^) $($(2)_LINK) -lcmocka
endef

$(foreach t,$(CORE_TESTS),$(eval $(call core_test_rule,$(t),$(t),)))
$(foreach b,$(CORE_BREAKS),$(eval $(call core_test_rule,$(subst -,_break_,$(b)),$(firstword \
	$(subst -, ,$(b))),-DKQ_BREAK_IS=KQ_BUG_$(call core_upper,$(lastword $(subst -, ,$(b)))))))

.PHONY: core-tests core-check
core-tests: $(CORE_TEST_PROGRAMS) $(CORE_BREAK_PROGRAMS)

core-check: core-tests
	@set -e; for t in $(CORE_TEST_PROGRAMS); do \
		echo "# $$t"; CMOCKA_MESSAGE_OUTPUT=TAP $$t; \
	done
	@for t in $(CORE_BREAK_PROGRAMS); do \
		tests/core/must-fail $$t "$${t##*_break_}_*" || exit 1; \
	done
