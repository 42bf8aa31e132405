// SPDX-License-Identifier: GPL-2.0
/*
 * libkquorum against a kernel of our own: grants that end, terms of resources, evictions, the fence of
 * the cluster.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "test.h"

static void asks_for_a_grant_with_an_end(void **state)
{
	struct kquorum_lock_request r = { .resource = "gpu", .ttl_ms = 30000, .hold_ms = 3600000 };
	struct kquorum *k = *state;
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_LOCK, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, &r), fd);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_TTL)), 30000);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_HOLD)), 3600000);
	r.ttl_ms = r.hold_ms = 0;
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_LOCK, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, &r), fd);
	close(fd);
	assert_null(sent_attr(KQUORUM_A_TTL));
	assert_null(sent_attr(KQUORUM_A_HOLD));
	r.hold_ms = KQUORUM_GRANT_MS_MAX + 1;
	assert_int_equal(kquorum_lock_open(k, &r), -EINVAL);
	assert_contains(kquorum_error(k), "at most 2147483647 ms");
}

static void renews_by_the_token(void **state)
{
	struct kquorum_renew renew[2];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(kquorum_lock_renew(ends[1], 4711), 0);
	assert_int_equal(read(ends[0], renew, sizeof(renew)), sizeof(renew[0]));
	assert_int_equal(renew[0].token, 4711);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(kquorum_lock_renew(ends[1], 4711), -EBADF);
}

static void each_end_has_words_of_its_own(void **state)
{
	static const struct {
		uint32_t state;
		int error;
		const char *says;
	} cases[] = {
		{ KQUORUM_LOCK_GRANTED, 0, "" },
		{ KQUORUM_LOCK_UNKNOWN, 0, "" },
		{ KQUORUM_LOCK_REFUSED, -EACCES, "its owner, group and mode do not let this user: " },
		{ KQUORUM_LOCK_REFUSED, -ECANCELED, "an operator ended the wait (kquorum resource release): " },
		{ KQUORUM_LOCK_REFUSED, -EXDEV, "it cannot be had: see kquorum log" },
		{ KQUORUM_LOCK_LOST, 0, "the lease of this node ran out, " },
		{ KQUORUM_LOCK_LOST, -ETIME, "it was not renewed in its time to live: " },
		{ KQUORUM_LOCK_LOST, -ETIMEDOUT, "it was held as long as it may be: " },
		{ KQUORUM_LOCK_LOST, -ECANCELED, "an operator took it (kquorum resource release): " },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct kquorum_lock_info info = { .state = cases[i].state, .error = cases[i].error };

		assert_int_equal(strncmp(kquorum_lock_why(&info), cases[i].says, strlen(cases[i].says)), 0);
		if (!*cases[i].says)
			assert_string_equal(kquorum_lock_why(&info), "");
	}
}

static void asks_for_all_terms(void **state)
{
	struct kquorum_resource_request r = {
		.name = "gpu", .has_ttl = true, .has_hold = true, .has_uid = true, .has_gid = true,
		.has_mode = true, .has_fenced = true, .ttl_ms = 30000, .hold_ms = 1, .uid = 1000, .gid = 44,
		.mode = 0640, .fenced = true,
	};
	struct kquorum *k = *state;
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_RESOURCE_SET, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_resource_set(k, &r), fd);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_TTL)), 30000);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_HOLD)), 1);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_UID)), 1000);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_GID)), 44);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_MODE)), 0640);
	assert_int_equal(mnl_attr_get_u8(sent_attr(KQUORUM_A_FENCED)), 1);
	r = (struct kquorum_resource_request){ .name = "gpu", .has_fenced = true };
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_RESOURCE_SET, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_resource_set(k, &r), fd);
	close(fd);
	assert_int_equal(mnl_attr_get_u8(sent_attr(KQUORUM_A_FENCED)), 0);
	assert_null(sent_attr(KQUORUM_A_UID));
	r.has_mode = true;
	r.mode = 0770;
	assert_int_equal(kquorum_resource_set(k, &r), -EINVAL);
	assert_contains(kquorum_error(k), "not 0770");
	r.mode = 0;
	r.ttl_ms = KQUORUM_GRANT_MS_MAX + 1;
	assert_int_equal(kquorum_resource_set(k, &r), -EINVAL);
}

static void asks_for_an_eviction(void **state)
{
	struct kquorum_evict_request r = {
		.name = "gpu", .node = 2, .session = 5, .owner = 1ULL << 40, .drain_ms = 7000,
	};
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload((struct nlmsghdr *)sent);
	struct kquorum *k = *state;
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_RESOURCE_EVICT, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_resource_evict(k, &r), fd);
	assert_int_equal(genl->cmd, KQUORUM_CMD_RESOURCE_EVICT);
	assert_string_equal(mnl_attr_get_str(sent_attr(KQUORUM_A_RESOURCE)), "gpu");
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_NODE_ID)), 2);
	assert_int_equal(mnl_attr_get_u64(sent_attr(KQUORUM_A_SESSION)), 5);
	assert_int_equal(mnl_attr_get_u64(sent_attr(KQUORUM_A_OWNER)), 1ULL << 40);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_DRAIN)), 7000);
	r.drain_ms = KQUORUM_GRANT_MS_MAX + 1;
	assert_int_equal(kquorum_resource_evict(k, &r), -EINVAL);
	r.name = "";
	assert_int_equal(kquorum_resource_evict(k, &r), -EINVAL);
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_FENCE, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_fence_ask(k, "gpu", 1ULL << 50), fd);
	close(fd);
	assert_int_equal(genl->cmd, KQUORUM_CMD_FENCE);
	assert_int_equal(mnl_attr_get_u64(sent_attr(KQUORUM_A_TOKEN)), 1ULL << 50);
	assert_int_equal(kquorum_fence_ask(k, "", 1), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_HANDLE(asks_for_a_grant_with_an_end),
		WITH_HANDLE(renews_by_the_token),
		WITH_HANDLE(each_end_has_words_of_its_own),
		WITH_HANDLE(asks_for_all_terms),
		WITH_HANDLE(asks_for_an_eviction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
