# SPDX-License-Identifier: GPL-2.0
# Tests of kquorumd without the module: cmocka programs that print TAP.
# Included after userspace/daemon/daemon.mk, or alone:
#	make -f tests/daemon/tests.mk check-daemon
include tests/objects.mk

DAEMON_TESTS := $(addprefix $(BUILD)/tests/daemon/,elect_test elect_step_test prefer_test \
	hello_test status_test links_test cluster_test member_test policy_test snapshot_test \
	ship_test offer_test ask_test own_test stranger_test)
# All of the daemon but its main() and its netlink, which the stand-in replaces.
DAEMON_TEST_SRC := $(filter-out %/main.c %/genl.c,$(DAEMON_SRC))
TESTS += $(DAEMON_TESTS)

# Sources of each test T besides T.c: daemon_T_WITH; how it is linked: daemon_T_LINK.
daemon_elect_test_WITH := userspace/daemon/elect.c
daemon_elect_step_test_WITH := userspace/daemon/elect.c
daemon_prefer_test_WITH := $(addprefix userspace/daemon/,handover.c prefer.c)
daemon_hello_test_WITH := userspace/daemon/hello.c userspace/daemon/backoff.c kmod/core/kq_platform_user.c
daemon_status_test_WITH := userspace/daemon/status.c
daemon_policy_test_WITH := $(addprefix userspace/daemon/,policy.c throttle.c shipwire.c) \
	userspace/lib/snapshots.c kmod/core/kq_platform_user.c
daemon_links_test_WITH := $(addprefix userspace/daemon/,links.c loop.c log.c resolve.c)
# In which order files are made durable is looked at from outside.
comma := ,
$(foreach t,cluster_test member_test snapshot_test ship_test offer_test ask_test own_test \
	stranger_test,$(eval daemon_$(t)_WITH := $(addprefix tests/daemon/,daemons.c fake_module.c \
	fake_snapshots.c snapstream.c snapdirs.c) $(DAEMON_TEST_SRC))$(eval daemon_$(t)_LINK := $(addprefix -Wl$$(comma)--wrap=kqd_op_,pwrite \
	fsync rename)))

# $(1): test
define daemon_test_link
$(BUILD)/tests/daemon/$(1): $(call objects,san,tests/daemon/$(1).c $(daemon_$(1)_WITH))
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_SAN) $$(CFLAGS) $(daemon_$(1)_LINK) -o $$@ $$^ $$$$(pkg-config --libs \
		$$(DAEMON_PKGS)) -lcmocka
endef
$(foreach t,$(notdir $(DAEMON_TESTS)),$(eval $(call daemon_test_link,$(t))))

.PHONY: check-daemon
check-daemon: $(DAEMON_TESTS)
	CMOCKA_MESSAGE_OUTPUT=TAP prove --exec '' $(DAEMON_TESTS)
