# SPDX-License-Identifier: GPL-2.0
# Tests of libkquorum and the command that need no module. Included after userspace/userspace.mk,
# or alone: make -f tests/cli/tests.mk check-cli
ifndef CLI_OBJS
include userspace/userspace.mk
endif

comma := ,
CLI_TEST_SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
CLI_TEST_CFLAGS := $(USER_CFLAGS) $(CLI_TEST_SAN)
CLI_TESTS := $(addprefix $(BUILD)/tests/cli/,config_test parse_test why_test entry_test netlink_test \
	hold_test command_test join_test member_plan_test member_replace_test member_test \
	snapshot_file_test snapshot_test restore_test)
CLI_TEST_COMMON := userspace/cli/format.c userspace/cli/output.c userspace/cli/parse.c \
	userspace/cli/clock.c $(wildcard userspace/lib/*.c)

$(BUILD)/tests/cli/config_test: tests/cli/config_test.c userspace/lib/config.c
$(BUILD)/tests/cli/parse_test: tests/cli/parse_test.c userspace/cli/parse.c userspace/cli/format.c
$(BUILD)/tests/cli/why_test: tests/cli/why_test.c userspace/cli/why.c userspace/cli/nodes.c $(CLI_TEST_COMMON)
$(BUILD)/tests/cli/entry_test: tests/cli/entry_test.c userspace/cli/entry.c $(CLI_TEST_COMMON)
$(BUILD)/tests/cli/netlink_test: tests/cli/netlink_test.c $(wildcard userspace/lib/*.c)
$(BUILD)/tests/cli/netlink_test: CLI_TEST_LDFLAGS := $(addprefix -Wl$(comma)--wrap=mnl_socket_,open2 bind \
	setsockopt sendto recvfrom close get_portid)
$(BUILD)/tests/cli/hold_test: tests/cli/hold_test.c userspace/cli/hold.c $(CLI_TEST_COMMON)
# The library is what is replaced here.
$(BUILD)/tests/cli/command_test: tests/cli/command_test.c tests/cli/child.c \
	$(addprefix userspace/lib/,config.c snapshots.c) \
	$(addprefix userspace/cli/,append.c clock.c directory.c entry.c format.c hold.c lock.c log.c nodes.c \
	options.c output.c parse.c resource.c spawn.c start.c status.c wait.c why.c)
$(BUILD)/tests/cli/member_test: tests/cli/member_test.c tests/cli/child.c tests/cli/leader.c \
	userspace/lib/config.c $(addprefix userspace/cli/,clock.c entry.c format.c join.c member.c member_list.c \
	member_plan.c nodes.c options.c output.c parse.c)
$(BUILD)/tests/cli/member_plan_test $(BUILD)/tests/cli/member_replace_test: \
	$(BUILD)/tests/cli/%: tests/cli/%.c userspace/cli/member_plan.c userspace/cli/nodes.c \
	$(CLI_TEST_COMMON)
$(BUILD)/tests/cli/join_test: tests/cli/join_test.c userspace/cli/join.c userspace/cli/nodes.c \
	$(CLI_TEST_COMMON)
# The core makes the snapshots that are read here.
CLI_TEST_IMAGES := tests/cli/images.c tests/core/snap_state.c $(wildcard kmod/core/*.c)
$(BUILD)/tests/cli/snapshot_file_test: tests/cli/snapshot_file_test.c $(CLI_TEST_IMAGES) \
	userspace/cli/snapshot_file.c
$(BUILD)/tests/cli/snapshot_test: tests/cli/snapshot_test.c tests/cli/child.c $(CLI_TEST_IMAGES) \
	$(addprefix userspace/lib/,config.c snapshots.c) $(wildcard userspace/cli/snapshot*.c) \
	$(addprefix userspace/cli/,clock.c format.c nodes.c options.c output.c parse.c)
$(BUILD)/tests/cli/restore_test: tests/cli/restore_test.c tests/cli/child.c $(CLI_TEST_IMAGES) \
	$(addprefix userspace/lib/,config.c snapshots.c) $(wildcard userspace/cli/snapshot*.c) \
	$(addprefix userspace/cli/,clock.c directory.c format.c init.c join.c nodes.c options.c output.c \
	parse.c recover.c restore.c seed.c seed_file.c)
$(BUILD)/tests/cli/snapshot_test: CLI_TEST_LDFLAGS := $(addprefix -Wl$(comma)--wrap=,read flock fsync renameat2)
$(BUILD)/tests/cli/snapshot_file_test $(BUILD)/tests/cli/snapshot_test $(BUILD)/tests/cli/restore_test: \
	CLI_TEST_CFLAGS += -Wno-unused-parameter -Itests/core
$(BUILD)/tests/cli/snapshot_file_test $(BUILD)/tests/cli/snapshot_test $(BUILD)/tests/cli/restore_test: \
	$(wildcard kmod/core/*.h tests/core/*.h)

$(CLI_TESTS): $(wildcard tests/cli/*.h userspace/lib/*.h userspace/cli/*.h) include/uapi/linux/kquorum.h

$(CLI_TESTS):
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) -Iuserspace/cli -Ikmod/core $(CLI_TEST_CFLAGS) $(CLI_TEST_LDFLAGS) \
		$(filter %.c,$^) -o $@ -lmnl -linih -lcjson -lm -lcmocka

.PHONY: check-cli
check-cli: $(CLI_TESTS) userspace-cli
	prove tests/cli/*.t
