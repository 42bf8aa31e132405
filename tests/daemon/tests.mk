# SPDX-License-Identifier: GPL-2.0
# Tests of kquorumd without the module: cmocka programs that print TAP.
# Included after userspace/daemon/daemon.mk, or alone:
#	make -f tests/daemon/tests.mk check-daemon
ifndef DAEMON_SRC
include userspace/daemon/daemon.mk
endif

DAEMON_TEST_SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
DAEMON_TEST_CFLAGS := $(DAEMON_CFLAGS) -O1 $(DAEMON_TEST_SAN)
DAEMON_TESTS := $(addprefix $(BUILD)/tests/daemon/,elect_test hello_test status_test links_test \
	cluster_test member_test policy_test snapshot_test ship_test offer_test)
# All of the daemon but its main() and its netlink, which the stand-in replaces.
DAEMON_TEST_SRC := $(filter-out %/main.c %/genl.c,$(DAEMON_SRC))
TESTS += $(DAEMON_TESTS)

$(BUILD)/tests/daemon/elect_test: tests/daemon/elect_test.c userspace/daemon/elect.c
$(BUILD)/tests/daemon/hello_test: tests/daemon/hello_test.c userspace/daemon/hello.c \
	userspace/daemon/backoff.c kmod/core/kq_platform_user.c
$(BUILD)/tests/daemon/status_test: tests/daemon/status_test.c userspace/daemon/status.c
$(BUILD)/tests/daemon/policy_test: tests/daemon/policy_test.c $(addprefix userspace/daemon/,policy.c \
	throttle.c shipwire.c) userspace/lib/snapshots.c kmod/core/kq_platform_user.c
$(addprefix $(BUILD)/tests/daemon/,cluster_test member_test snapshot_test ship_test offer_test): \
	$(BUILD)/tests/daemon/%: tests/daemon/%.c $(addprefix tests/daemon/,daemons.c fake_module.c \
	fake_snapshots.c snapstream.c snapdirs.c) $(DAEMON_TEST_SRC)
# In which order files are made durable is looked at from outside.
comma := ,
$(addprefix $(BUILD)/tests/daemon/,cluster_test member_test snapshot_test ship_test offer_test): \
	DAEMON_TEST_LDFLAGS := \
	$(addprefix -Wl$(comma)--wrap=kqd_op_,pwrite fsync rename)
$(BUILD)/tests/daemon/links_test: tests/daemon/links_test.c $(addprefix userspace/daemon/,links.c \
	loop.c log.c resolve.c)
$(DAEMON_TESTS): $(wildcard userspace/daemon/*.h tests/daemon/*.h) include/uapi/linux/kquorum.h

$(DAEMON_TESTS):
	@mkdir -p $(@D)
	$(DAEMON_CC) $(DAEMON_TEST_CFLAGS) $(CFLAGS) $$(pkg-config --cflags $(DAEMON_PKGS)) \
		$(DAEMON_TEST_LDFLAGS) -o $@ $(filter %.c,$^) $$(pkg-config --libs $(DAEMON_PKGS)) -lcmocka

.PHONY: check-daemon
check-daemon: $(DAEMON_TESTS)
	CMOCKA_MESSAGE_OUTPUT=TAP prove --exec '' $(DAEMON_TESTS)
