# SPDX-License-Identifier: GPL-2.0
# Tests of libkquorum and the command that need no module. Included after userspace/userspace.mk,
# or alone: make -f tests/cli/tests.mk check-cli
include tests/objects.mk

comma := ,
# Sources of each test T besides T.c: cli_T_WITH; how it is linked: cli_T_LINK.
CLI_TESTS := $(addprefix $(BUILD)/tests/cli/,config_test parse_test nodes_test why_test \
	strangers_test entry_test netlink_test netlink_status_test netlink_grant_test hold_test command_test \
	join_test member_add_test member_plan_test member_replace_test member_test \
	rollout_plan_test rollout_test settings_test snapshot_file_test snapshot_save_test \
	snapshot_test restore_test scrub_test claim_test lock_test loss_test resource_test \
	release_test fence_test fence_crash_test fence_ask_test renew_test grant_test terms_test)
CLI_TEST_COMMON := userspace/cli/format.c userspace/cli/output.c userspace/cli/parse.c \
	userspace/cli/clock.c $(wildcard userspace/lib/*.c)

cli_config_test_WITH := userspace/lib/config.c
cli_parse_test_WITH := userspace/cli/parse.c userspace/cli/format.c
CLI_WHY := $(addprefix userspace/cli/,why.c say.c strangers.c)
cli_why_test_WITH := $(CLI_WHY) userspace/cli/nodes.c $(CLI_TEST_COMMON)
cli_nodes_test_WITH := $(cli_why_test_WITH)
cli_strangers_test_WITH := $(cli_why_test_WITH)
CLI_CLAIM := $(addprefix userspace/cli/,claim.c say.c)
cli_claim_test_WITH := $(CLI_CLAIM) $(CLI_TEST_COMMON)
cli_fence_test_WITH := tests/cli/files.c tests/cli/fence_world.c $(addprefix userspace/lib/,config.c fence.c)
cli_fence_test_LINK := $(addprefix -Wl$(comma)--wrap=,open flock fstat ftruncate pread pwrite fchmod fsync rename)
cli_fence_crash_test_WITH := $(cli_fence_test_WITH)
cli_fence_crash_test_LINK := $(cli_fence_test_LINK)
cli_entry_test_WITH := userspace/cli/entry.c $(CLI_CLAIM) $(CLI_TEST_COMMON)
cli_netlink_test_WITH := tests/cli/kernel.c $(wildcard userspace/lib/*.c)
cli_netlink_test_LINK := $(addprefix -Wl$(comma)--wrap=mnl_socket_,open2 bind setsockopt sendto recvfrom \
	close get_portid)
cli_netlink_status_test_WITH := $(cli_netlink_test_WITH)
cli_netlink_status_test_LINK := $(cli_netlink_test_LINK)
cli_netlink_grant_test_WITH := $(cli_netlink_test_WITH)
cli_netlink_grant_test_LINK := $(cli_netlink_test_LINK)
cli_hold_test_WITH := $(addprefix userspace/cli/,hold.c loss.c options.c nodes.c) $(CLI_CLAIM) \
	$(CLI_TEST_COMMON)
cli_loss_test_WITH := $(filter-out %/hold.c,$(cli_hold_test_WITH))
cli_grant_test_WITH := $(cli_hold_test_WITH)
cli_hold_test_LINK := $(addprefix -Wl$(comma)--wrap=kquorum_lock_,read on_loss renew)
cli_grant_test_LINK := $(cli_hold_test_LINK)
CLI_SETTINGS := $(addprefix kmod/core/,kq_settings.c kq_platform_user.c)
# The library is what is replaced here.
CLI_COMMAND := $(addprefix tests/cli/,child.c files.c library.c) userspace/lib/lock_why.c
cli_command_test_WITH := $(CLI_COMMAND) $(addprefix userspace/lib/,config.c snapshots.c) \
	$(addprefix userspace/cli/,append.c claim.c clock.c directory.c entry.c format.c held.c hold.c lock.c lock_say.c \
	log.c loss.c nodes.c options.c outcome.c output.c parse.c resource.c resource_list.c resource_release.c \
	resource_set.c resource_terms.c resource_why.c spawn.c start.c status.c wait.c) $(CLI_SETTINGS) $(CLI_WHY)
CLI_POOL := $(CLI_COMMAND) tests/cli/pool.c userspace/lib/config.c userspace/cli/claim.c $(CLI_WHY) \
	$(addprefix userspace/cli/,clock.c format.c nodes.c options.c output.c parse.c wait.c)
cli_lock_test_WITH := $(CLI_POOL) $(addprefix userspace/cli/,held.c hold.c lock.c lock_say.c \
	loss.c)
cli_resource_test_WITH := $(CLI_POOL) $(addprefix userspace/cli/,outcome.c resource.c resource_list.c resource_set.c resource_release.c \
	resource_terms.c resource_why.c) $(CLI_SETTINGS)
cli_terms_test_WITH := $(cli_resource_test_WITH)
cli_release_test_WITH := $(cli_resource_test_WITH)
cli_fence_ask_test_WITH := $(CLI_POOL) $(addprefix userspace/cli/,fence_ask.c outcome.c)
cli_renew_test_WITH := $(CLI_COMMAND) userspace/lib/config.c userspace/cli/renew.c \
	$(addprefix userspace/cli/,clock.c format.c options.c output.c parse.c)
cli_scrub_test_WITH := $(CLI_COMMAND) userspace/lib/config.c $(addprefix userspace/cli/,clock.c format.c \
	nodes.c options.c output.c parse.c scrub.c)
cli_member_test_WITH := $(CLI_COMMAND) tests/cli/leader.c userspace/lib/config.c \
	$(addprefix userspace/cli/,claim.c clock.c entry.c format.c join.c member.c member_list.c \
	member_number.c member_plan.c nodes.c options.c output.c parse.c reserve.c say.c strangers.c)
cli_member_add_test_WITH := $(cli_member_test_WITH)
cli_settings_test_WITH := $(CLI_COMMAND) tests/cli/leader.c userspace/lib/config.c \
	$(addprefix userspace/cli/,clock.c entry.c format.c nodes.c options.c output.c parse.c settings.c) \
	$(CLI_CLAIM)
cli_member_plan_test_WITH := userspace/cli/member_plan.c userspace/cli/nodes.c $(CLI_TEST_COMMON)
cli_member_replace_test_WITH := $(cli_member_plan_test_WITH)
cli_join_test_WITH := userspace/cli/join.c userspace/cli/nodes.c $(CLI_TEST_COMMON)
cli_rollout_plan_test_WITH := $(addprefix userspace/cli/,rollout_plan.c join.c nodes.c) \
	kmod/core/kq_platform_user.c $(CLI_TEST_COMMON)
cli_rollout_test_WITH := $(CLI_COMMAND) $(addprefix userspace/cli/,rollout.c rollout_plan.c rollout_ask.c \
	init.c init_command.c directory.c join.c member_plan.c nodes.c options.c output.c parse.c format.c \
	clock.c) userspace/daemon/ask.c kmod/core/kq_platform_user.c \
	$(addprefix userspace/lib/,config.c snapshots.c)
# The core makes the snapshots that are read here.
CLI_TEST_IMAGES := tests/cli/images.c tests/core/snap_state.c $(wildcard kmod/core/*.c)
cli_snapshot_file_test_WITH := $(CLI_TEST_IMAGES) userspace/cli/snapshot_file.c
cli_snapshot_test_WITH := $(CLI_COMMAND) tests/cli/module.c $(CLI_TEST_IMAGES) \
	$(addprefix userspace/lib/,config.c snapshots.c) $(wildcard userspace/cli/snapshot*.c) \
	$(addprefix userspace/cli/,clock.c format.c nodes.c options.c output.c parse.c) $(CLI_CLAIM)
cli_snapshot_save_test_WITH := $(cli_snapshot_test_WITH)
cli_snapshot_save_test_LINK := $(addprefix -Wl$(comma)--wrap=,read flock fsync renameat2)
cli_restore_test_WITH := $(CLI_COMMAND) $(CLI_TEST_IMAGES) \
	$(addprefix userspace/lib/,config.c snapshots.c) $(wildcard userspace/cli/snapshot*.c) \
	$(addprefix userspace/cli/,clock.c directory.c format.c init.c join.c nodes.c options.c output.c \
	parse.c recover.c restore.c seed.c seed_file.c) $(CLI_CLAIM)

# $(1): test
define cli_test_link
$(BUILD)/tests/cli/$(1): $(call objects,san,tests/cli/$(1).c $(cli_$(1)_WITH))
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_SAN) $$(CFLAGS) $(cli_$(1)_LINK) $$^ -o $$@ -lmnl -linih -lcjson -lm -lcmocka
endef
$(foreach t,$(notdir $(CLI_TESTS)),$(eval $(call cli_test_link,$(t))))

.PHONY: check-cli
check-cli: $(CLI_TESTS) userspace-cli
	prove tests/cli/*.t
