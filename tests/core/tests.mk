# SPDX-License-Identifier: GPL-2.0
#
# Unit tests of the core, in user space. One program per CORE_TESTS entry T:
# tests/core/T.c, the core sources it names in T_CORE, its helpers in T_WITH, others in T_MORE, T_LINK.
# Stands alone (make -f tests/core/tests.mk core-check) and as a part of a larger make.

include tests/objects.mk

CORE_TEST_BUILD := $(BUILD)/tests

CORE_WAL := kq_conf kq_settings kq_wal kq_wal_check kq_wal_chain kq_wal_extent kq_wal_gap kq_wal_lost kq_wal_recover kq_wal_scan kq_wal_release kq_wal_room kq_entry kq_platform_user

CORE_ALL := $(patsubst kmod/core/%.c,%,$(wildcard kmod/core/*.c))

CORE_TRIO := call_test disk_test evict_test grant_test identity_test install_test install_lock_test \
	invariant_test join_test lease_test leave_test lock_test member_test memory_test owner_test \
	peer_test rate_test repair_test \
	repair_answer_test repair_snap_test scrub_call_test settings_test snap_use_test sum_test
CORE_WAL_TESTS := wal_test wal_call_test wal_damage_test wal_gap_test wal_lies_test wal_lost_test \
	wal_repair_test wal_snap_test wal_stale_test
CORE_RESOURCES := units_test pool_test access_test fence_test command_test item_save_test item_lies_test
CORE_TESTS += conf_test entry_test wire_test log_test table_test snap_test snap_lies_test \
	snap_refused_test seed_test scrub_test $(CORE_TRIO) lockstep_test $(CORE_WAL_TESTS) \
	$(CORE_RESOURCES)
conf_test_CORE := kq_conf kq_settings kq_platform_user
$(foreach t,$(CORE_TRIO),$(eval $(t)_CORE := $(CORE_ALL)) \
	$(eval $(t)_WITH := trio))
identity_test_WITH := trio snap_state
evict_test_WITH := trio snap_state resources
grant_test_WITH := trio snap_state resources
install_test_WITH := trio trio_snap snap_state
install_lock_test_WITH := trio trio_snap snap_state resources
memory_test_WITH := trio snap_state resources
owner_test_WITH := trio snap_state resources
repair_test_WITH := trio damaged
repair_answer_test_WITH := trio damaged
repair_snap_test_WITH := trio damaged trio_snap snap_state
scrub_call_test_WITH := trio damaged snap_state
invariant_test_LINK := -Wl,--wrap=kq_assert_fail
lockstep_test_CORE := $(CORE_ALL)
snap_test_CORE := $(CORE_ALL)
scrub_test_CORE := $(CORE_ALL)
snap_test_WITH := snap_state
snap_lies_test_CORE := $(CORE_ALL)
snap_lies_test_WITH := snap_state lies
snap_refused_test_CORE := $(CORE_ALL)
snap_refused_test_WITH := snap_state
snap_use_test_WITH := trio trio_snap snap_state
seed_test_CORE := $(CORE_ALL)
seed_test_WITH := snap_state
seed_test_MORE := userspace/cli/seed.c
log_test_CORE := $(CORE_ALL)
$(foreach t,$(CORE_RESOURCES),$(eval $(t)_CORE := $(CORE_ALL)) \
	$(eval $(t)_WITH := snap_state resources))
item_lies_test_WITH := snap_state resources lies
table_test_CORE := $(CORE_ALL)
table_test_WITH := snap_state
wire_test_CORE := kq_wire kq_conf kq_settings kq_entry kq_platform_user
entry_test_CORE := kq_conf kq_settings kq_entry kq_platform_user
$(foreach t,$(CORE_WAL_TESTS),$(eval $(t)_CORE := $(CORE_WAL)) \
	$(eval $(t)_WITH := wal_disk))
wal_gap_test_WITH := wal_disk wal_batches
wal_repair_test_WITH := wal_disk wal_batches

# Programs with a bug compiled in: T-bug builds T with -DKQ_BREAK_IS=KQ_BUG_BUG. Their tests
# must fail, which tests/core/must-fail checks.
CORE_BREAKS += wal_stale_test-stale

CORE_TEST_PROGRAMS = $(CORE_TESTS:%=$(CORE_TEST_BUILD)/core_%)
CORE_BREAK_PROGRAMS = $(foreach b,$(CORE_BREAKS),$(CORE_TEST_BUILD)/core_$(subst -,_break_,$(b)))

core_test_sources = tests/core/$(1).c $($(1)_MORE) $($(1)_WITH:%=tests/core/%.c) $($(1)_CORE:%=kmod/core/%.c)
core_upper = $(shell echo $(1) | tr a-z A-Z)

# $(1): program, $(2): its objects, $(3): how it is linked
define core_test_link
$(CORE_TEST_BUILD)/core_$(1): $(2)
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_SAN) $$(CFLAGS) -o $$@ $$^ $(3) -lcmocka
endef

# With a bug in them even the core's sources are others: these programs share nothing.
# $(1): test, $(2): bug
define core_break_rule
$(BUILD)/break-$(2)/%.o: OBJ_FLAGS := $(OBJ_CORE) -Itests/core -DKQ_BREAK_IS=KQ_BUG_$(call core_upper,$(2))
$(BUILD)/break-$(2)/%.o: %.c tests/objects.mk
	@mkdir -p $$(@D)
	$$(CC) $$(OBJ_FLAGS) $$(san_FLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
-include $(wildcard $(BUILD)/break-$(2)/*/*/*.d)
$(call core_test_link,$(1)_break_$(2),$(call objects,break-$(2),$(call core_test_sources,$(1))),$($(1)_LINK))
endef

$(foreach t,$(CORE_TESTS),$(eval $(call core_test_link,$(t),$(call objects,san,$(call \
	core_test_sources,$(t))),$($(t)_LINK))))
$(foreach b,$(CORE_BREAKS),$(eval $(call core_break_rule,$(firstword $(subst -, ,$(b))),$(lastword \
	$(subst -, ,$(b))))))

.PHONY: core-tests core-check
core-tests: $(CORE_TEST_PROGRAMS) $(CORE_BREAK_PROGRAMS)
	@# breaks.t runs all that are there: one that is built no more must not be left
	@rm -f $(filter-out $(CORE_BREAK_PROGRAMS),$(wildcard $(CORE_TEST_BUILD)/core_*_break_*))

core-check: core-tests
	@set -e; for t in $(CORE_TEST_PROGRAMS); do \
		echo "# $$t"; CMOCKA_MESSAGE_OUTPUT=TAP $$t; \
	done
	@for t in $(CORE_BREAK_PROGRAMS); do \
		tests/core/must-fail $$t "$${t##*_break_}_*" || exit 1; \
	done
