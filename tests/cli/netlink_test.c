// SPDX-License-Identifier: GPL-2.0
/* libkquorum against a kernel of our own: requests, errors and dumps. */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "kernel.h"
#include "test.h"

static void says_that_the_module_is_absent(void **state)
{
	struct kquorum *k;
	char err[256];

	(void)state;
	kernel_begin(false);
	assert_int_equal(kquorum_open(&k, err, sizeof(err)), -ENOENT);
	assert_null(k);
	assert_contains(err, "modprobe kquorum");
}

static void hands_on_the_text_of_an_extended_ack(void **state)
{
	struct kquorum *k = *state;
	struct kquorum_config c = { .name = "d", .cluster_id = 1, .node_id = 1, .n_members = 1,
				    .members[0] = { .id = 1, .name = "n1", .address = { "h", 1 } } };
	const struct nlattr *a;
	int fd = 5, offset = 0;

	answer_ack(-EINVAL, "a lease this short cannot be kept", NLMSG_HDRLEN + GENL_HDRLEN);
	assert_int_equal(kquorum_node_start(k, &c, &fd, 1, NULL, 0), -EINVAL);
	/* The first attribute is the name. */
	assert_string_equal(kquorum_error(k), "a lease this short cannot be kept (name)");

	mnl_attr_for_each(a, (struct nlmsghdr *)sent, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) == KQUORUM_A_SEGMENT_FD)
			offset = (const char *)a - sent;
	assert_true(offset);
	answer_ack(-EBADF, "not a file", offset);
	assert_int_equal(kquorum_node_start(k, &c, &fd, 1, NULL, 0), -EBADF);
	assert_string_equal(kquorum_error(k), "not a file (segment file)");
}

static void explains_bare_errors(void **state)
{
	struct kquorum *k = *state;
	struct kquorum_status st;

	answer_ack(-ENODEV, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), -ENODEV);
	assert_contains(kquorum_error(k), "no node runs");
	answer_ack(-EBUSY, NULL, 0);
	assert_int_equal(kquorum_node_stop(k, true), -EBUSY);
	assert_string_equal(kquorum_error(k), "this node is still reading its log: try again");
	answer_ack(-EPERM, NULL, 0);
	assert_int_equal(kquorum_node_stop(k, true), -EPERM);
	assert_contains(kquorum_error(k), "CAP_NET_ADMIN");
}

static void asks_for_a_snapshot(void **state)
{
	struct kquorum *k = *state;
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload((struct nlmsghdr *)sent);
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_SNAPSHOT_SAVE, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_snapshot_save(k), fd);
	assert_int_equal(genl->cmd, KQUORUM_CMD_SNAPSHOT_SAVE);
	close(fd);
	answer_ack(-EALREADY, "of this very state", 0);
	assert_int_equal(kquorum_snapshot_save(k), -EALREADY);
	assert_string_equal(kquorum_error(k), "of this very state");
}

static void asks_for_a_change(void **state)
{
	struct kquorum_change c = { .based_on = 77, .voters = 0xe, .learners = 0x10, .id = 4,
				    .promote = true, .name = "n4", .address = "h:1" };
	struct kquorum *k = *state;
	struct kq_lib_attrs member;

	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_reconfigure(k, &c), 0);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_VOTERS)), 0xe);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_LEARNERS)), 0x10);
	assert_int_equal(mnl_attr_get_u64(sent_attr(KQUORUM_A_CONF_INDEX)), 77);
	kq_lib_parse_nested(sent_attr(KQUORUM_A_MEMBER), &member);
	assert_int_equal(kq_lib_u32(&member, KQUORUM_MEMBER_ID, 0), 4);
	assert_string_equal(mnl_attr_get_str(member.table[KQUORUM_MEMBER_NAME]), "n4");
	assert_string_equal(mnl_attr_get_str(member.table[KQUORUM_MEMBER_ADDRESS]), "h:1");
	assert_int_equal(kq_lib_u32(&member, KQUORUM_MEMBER_FLAGS, 0), KQUORUM_CONF_PROMOTE);
	/* Nobody is described who need not be, and a promise that is not made takes one back. */
	c.promote = false;
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_reconfigure(k, &c), 0);
	kq_lib_parse_nested(sent_attr(KQUORUM_A_MEMBER), &member);
	assert_int_equal(kq_lib_u32(&member, KQUORUM_MEMBER_FLAGS, 0), 0);
	c.id = 0;
	answer_ack(-ESTALE, "look again", 0);
	assert_int_equal(kquorum_reconfigure(k, &c), -ESTALE);
	assert_null(sent_attr(KQUORUM_A_MEMBER));
	assert_string_equal(kquorum_error(k), "look again");
}

static void says_who_founded_the_cluster_only_to_join_it(void **state)
{
	struct kquorum_config c = { .name = "d", .cluster_id = 1, .node_id = 4, .n_members = 1,
				    .members[0] = { .id = 4, .name = "n4", .address = { "h", 1 } } };
	struct kquorum *k = *state;
	int fd = 5;

	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_node_start(k, &c, &fd, 1, NULL, 0), 0);
	assert_null(sent_attr(KQUORUM_A_VOTERS));
	c.founders = 3;
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_node_start(k, &c, &fd, 1, NULL, 0), 0);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_VOTERS)), 0xe);
	/* One that was there when it began must not begin it again. */
	c.founders = 0;
	c.founded = true;
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_node_start(k, &c, &fd, 1, NULL, 0), 0);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_VOTERS)), 0x2);
}

static void says_how_many_locks_there_may_be(void **state)
{
	struct kquorum_config c = { .name = "d", .cluster_id = 1, .node_id = 1, .user_locks = 7,
				    .node_locks = 70 };
	struct kquorum *k = *state;
	int fd = 5;

	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_node_start(k, &c, &fd, 1, NULL, 0), 0);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_USER_LOCKS)), 7);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_NODE_LOCKS)), 70);
}

static void asks_for_a_lock(void **state)
{
	struct kquorum_lock_request r = { .resource = "gpu", .flags = KQUORUM_LOCK_TRY, .units = 2,
					  .info = "epoch 3" };
	struct kquorum *k = *state;
	char info[KQUORUM_INFO_MAX + 2];
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_LOCK, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, &r), fd);
	assert_string_equal(mnl_attr_get_str(sent_attr(KQUORUM_A_RESOURCE)), "gpu");
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_LOCK_FLAGS)), KQUORUM_LOCK_TRY);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_LOCK_UNITS)), 2);
	assert_string_equal(mnl_attr_get_str(sent_attr(KQUORUM_A_LOCK_INFO)), "epoch 3");
	/* What is not said is not sent. */
	r = (struct kquorum_lock_request){ .resource = "gpu", .flags = KQUORUM_LOCK_SHARED, .info = "" };
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_LOCK, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, &r), fd);
	close(fd);
	assert_null(sent_attr(KQUORUM_A_LOCK_UNITS));
	assert_null(sent_attr(KQUORUM_A_LOCK_INFO));
	/* What cannot be is not even asked for. */
	r.units = 1;
	assert_int_equal(kquorum_lock_open(k, &r), -EINVAL);
	r.flags = 0;
	r.units = KQUORUM_UNITS_MAX + 1;
	assert_int_equal(kquorum_lock_open(k, &r), -EINVAL);
	r.units = 0;
	memset(info, 'x', sizeof(info));
	info[KQUORUM_INFO_MAX + 1] = '\0';
	r.info = info;
	assert_int_equal(kquorum_lock_open(k, &r), -EINVAL);
	assert_contains(kquorum_error(k), "at most 63 bytes, not 64");
}

static void asks_for_a_change_of_a_resource(void **state)
{
	struct kquorum_resource_request r = { .name = "gpu", .create = true, .units = 4,
					      .has_max_waiters = true };
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload((struct nlmsghdr *)sent);
	struct kquorum *k = *state;
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_RESOURCE_SET, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_resource_set(k, &r), fd);
	assert_int_equal(genl->cmd, KQUORUM_CMD_RESOURCE_SET);
	assert_string_equal(mnl_attr_get_str(sent_attr(KQUORUM_A_RESOURCE)), "gpu");
	assert_non_null(sent_attr(KQUORUM_A_CREATE));
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_UNITS)), 4);
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_MAX_WAITERS)), 0);
	/* What is to stay as it is is not said. */
	r = (struct kquorum_resource_request){ .name = "gpu", .has_max_waiters = true, .max_waiters = 9 };
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_RESOURCE_SET, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_resource_set(k, &r), fd);
	assert_null(sent_attr(KQUORUM_A_CREATE));
	assert_null(sent_attr(KQUORUM_A_UNITS));
	assert_int_equal(mnl_attr_get_u32(sent_attr(KQUORUM_A_MAX_WAITERS)), 9);
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_RESOURCE_DELETE, 0), KQUORUM_A_FD, fd);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_resource_delete(k, "gpu"), fd);
	assert_int_equal(genl->cmd, KQUORUM_CMD_RESOURCE_DELETE);
	close(fd);
	r.has_max_waiters = false;
	assert_int_equal(kquorum_resource_set(k, &r), -EINVAL);
	r.create = true;
	assert_int_equal(kquorum_resource_set(k, &r), -EINVAL);
	r.units = KQUORUM_UNITS_MAX + 1;
	assert_int_equal(kquorum_resource_set(k, &r), -EINVAL);
	assert_int_equal(kquorum_resource_delete(k, ""), -EINVAL);
	answer_ack(-EPERM, NULL, 0);
	assert_int_equal(kquorum_resource_delete(k, "gpu"), -EPERM);
}

static void put_claims(struct nlmsghdr *nlh, const char *name, uint64_t first, unsigned int n)
{
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, KQUORUM_A_RESOURCE, name);
	while (n--) {
		nest = mnl_attr_nest_start(nlh, KQUORUM_A_CLAIM);
		mnl_attr_put_u64(nlh, KQUORUM_CLAIM_OWNER, first++);
		mnl_attr_nest_end(nlh, nest);
	}
}

struct seen {
	unsigned int resources, claims;
	uint64_t owners;
};

static int see(const struct kquorum_resource *r, void *user)
{
	struct seen *s = user;
	unsigned int i;

	s->resources++;
	for (i = 0; i < r->n_claims; i++, s->claims++)
		s->owners += r->claims[i].owner;
	return 0;
}

static void joins_a_long_queue(void **state)
{
	struct kquorum *k = *state;
	struct seen s = { 0 };

	put_claims(answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI), "a", 1, 20);
	put_claims(answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI), "a", 21, 20);
	put_claims(answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI), "b", 41, 1);
	answer_done(0);
	assert_int_equal(kquorum_resource_dump(k, see, &s), 0);
	assert_int_equal(s.resources, 2);
	assert_int_equal(s.claims, 41);
	assert_int_equal(s.owners, 41 * 42 / 2);
}

static int see_pool(const struct kquorum_resource *r, void *user)
{
	const struct kquorum_claim *c = r->claims;

	++*(unsigned int *)user;
	if (strcmp(r->name, "gpu")) {
		/* Nothing of the one before is left. */
		assert_int_equal(r->units, 1);
		assert_int_equal(r->in_use + r->defined + r->max_waiters + r->token, 0);
		assert_int_equal(r->ttl_ms + r->hold_ms + r->uid + r->gid + r->mode + r->fence, 0);
		assert_false(r->fenced);
		assert_int_equal(r->n_claims, 0);
		return 0;
	}
	assert_int_equal(r->token, 78);
	assert_int_equal(r->units, 256);
	assert_int_equal(r->in_use, 1ULL << 40);
	assert_int_equal(r->defined, 20);
	assert_int_equal(r->max_waiters, 7);
	assert_int_equal(r->ttl_ms, 30000);
	assert_int_equal(r->hold_ms, 60000);
	assert_int_equal(r->uid, 1000);
	assert_int_equal(r->gid, 44);
	assert_int_equal(r->mode, 0640);
	assert_true(r->fenced);
	assert_int_equal(r->fence, 4096);
	assert_int_equal(r->n_claims, 2);
	assert_int_equal(c[0].uid, 1001);
	assert_int_equal(c[0].ttl_ms, 20000);
	assert_int_equal(c[0].hold_ms, 50000);
	assert_true(c[0].evicted);
	assert_int_equal(c[0].drain_ms, 0);
	assert_int_equal(c[0].evicted_ns, 9);
	assert_int_equal(c[1].uid, KQUORUM_NOBODY);
	assert_int_equal(c[1].ttl_ms + c[1].hold_ms, 0);
	assert_false(c[1].evicted);
	assert_int_equal(c[0].mode, KQUORUM_CLAIM_MODE_UNITS);
	assert_int_equal(c[0].units, 2);
	assert_int_equal(c[0].numbers[0], 1 << 3);
	assert_int_equal(c[0].numbers[3], 1ULL << 63);
	assert_string_equal(c[0].info, "epoch 3");
	assert_int_equal(c[1].mode, KQUORUM_CLAIM_SHARED);
	assert_int_equal(c[1].numbers[0] | c[1].numbers[3], 0);
	assert_string_equal(c[1].info, "");
	return 0;
}

static void tells_what_a_pool_is(void **state)
{
	static const uint8_t numbers[] = { 3, 255 };
	struct kquorum *k = *state;
	struct nlmsghdr *nlh = answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI);
	unsigned int seen = 0;
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, KQUORUM_A_RESOURCE, "gpu");
	mnl_attr_put_u64(nlh, KQUORUM_A_TOKEN, 78);
	mnl_attr_put_u32(nlh, KQUORUM_A_UNITS, 256);
	mnl_attr_put_u64(nlh, KQUORUM_A_IN_USE, 1ULL << 40);
	mnl_attr_put_u64(nlh, KQUORUM_A_DEFINED, 20);
	mnl_attr_put_u32(nlh, KQUORUM_A_MAX_WAITERS, 7);
	mnl_attr_put_u32(nlh, KQUORUM_A_TTL, 30000);
	mnl_attr_put_u32(nlh, KQUORUM_A_HOLD, 60000);
	mnl_attr_put_u32(nlh, KQUORUM_A_UID, 1000);
	mnl_attr_put_u32(nlh, KQUORUM_A_GID, 44);
	mnl_attr_put_u32(nlh, KQUORUM_A_MODE, 0640);
	mnl_attr_put_u8(nlh, KQUORUM_A_FENCED, 1);
	mnl_attr_put_u64(nlh, KQUORUM_A_FENCE, 4096);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_CLAIM);
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_MODE, KQUORUM_CLAIM_MODE_UNITS);
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_UNITS, 2);
	mnl_attr_put(nlh, KQUORUM_CLAIM_NUMBERS, sizeof(numbers), numbers);
	mnl_attr_put_strz(nlh, KQUORUM_CLAIM_INFO, "epoch 3");
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_TTL, 20000);
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_HOLD, 50000);
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_UID, 1001);
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_DRAIN, 0);
	mnl_attr_put_u64(nlh, KQUORUM_CLAIM_EVICTED, 9);
	mnl_attr_nest_end(nlh, nest);
	/* The queue goes on in another message, which need not say all of it again. */
	nlh = answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI);
	mnl_attr_put_strz(nlh, KQUORUM_A_RESOURCE, "gpu");
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_CLAIM);
	mnl_attr_put_u32(nlh, KQUORUM_CLAIM_MODE, KQUORUM_CLAIM_SHARED);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_strz(answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI), KQUORUM_A_RESOURCE, "h");
	answer_done(0);
	assert_int_equal(kquorum_resource_dump(k, see_pool, &seen), 0);
	assert_int_equal(seen, 2);
	answer_done(0);
	assert_int_equal(kquorum_resource_get(k, "gpu", see_pool, &seen), -ENOENT);
	assert_string_equal(kquorum_error(k), "there is no gpu: it is not defined, and nobody holds it or waits");
}

static void tells_of_a_dump_that_changed(void **state)
{
	struct kquorum *k = *state;
	struct seen s = { 0 };

	put_claims(answer_genl(KQUORUM_CMD_RESOURCE_GET, NLM_F_MULTI | NLM_F_DUMP_INTR), "a", 1, 1);
	answer_done(0);
	assert_int_equal(kquorum_resource_dump(k, see, &s), -EINTR);
	/* A dump's own error comes with its end. */
	answer_done(-ENODEV);
	assert_int_equal(kquorum_resource_dump(k, see, &s), -ENODEV);
	assert_contains(kquorum_error(k), "no node runs");
}

static void skips_what_an_earlier_exchange_left(void **state)
{
	struct kquorum *k = *state;
	struct nlmsghdr *late = answer_genl(KQUORUM_CMD_STATUS, 0);
	struct kquorum_status st;

	late->nlmsg_seq = 77777;
	mnl_attr_put_strz(late, KQUORUM_A_NAME, "old");
	mnl_attr_put_strz(answer_genl(KQUORUM_CMD_STATUS, 0), KQUORUM_A_NAME, "new");
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), 0);
	assert_string_equal(st.name, "new");
}

static void leaves_no_descriptor_behind(void **state)
{
	static const struct kquorum_lock_request db = { .resource = "db" }, nameless = { .resource = "" };
	struct kquorum *k = *state;
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_LOCK, 0), KQUORUM_A_FD, fd);
	answer_ack(-ENOSPC, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, &db), -ENOSPC);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	/* An answer without a descriptor is an error too, not descriptor 0. */
	answer_genl(KQUORUM_CMD_LOCK, 0);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, &db), -EBADMSG);
	assert_int_equal(kquorum_lock_open(k, &nameless), -EINVAL);
}

struct entries {
	unsigned int count;
	uint64_t last;
	bool payload;
};

static int see_entry(const struct kquorum_log_entry *e, void *user)
{
	struct entries *s = user;

	s->count++;
	s->last = e->index;
	s->payload = e->payload;
	return s->count == 2 ? 5 : 0;
}

static void stops_a_dump_when_asked(void **state)
{
	struct kquorum *k = *state;
	struct entries s = { 0 };
	uint64_t i;

	for (i = 1; i <= 3; i++) {
		struct nlmsghdr *nlh = answer_genl(KQUORUM_CMD_LOG_GET, NLM_F_MULTI);
		struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_ENTRY);

		mnl_attr_put_u64(nlh, KQUORUM_ENTRY_INDEX, i);
		mnl_attr_put(nlh, KQUORUM_ENTRY_PAYLOAD, 3, "abc");
		/* Says more than there is: not to be shown. */
		mnl_attr_put_u32(nlh, KQUORUM_ENTRY_BYTES, 4);
		mnl_attr_nest_end(nlh, nest);
	}
	answer_done(0);
	assert_int_equal(kquorum_log_dump(k, 1, 0, see_entry, &s), 5);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.last, 2);
	assert_false(s.payload);
	/* The rest was read all the same. */
	assert_int_equal(taken, queued);
}

static void sends_all_segments_in_order(void **state)
{
	static int fds[KQUORUM_MAX_SEGMENTS];
	struct kquorum_config c = { .name = "d", .cluster_id = 1, .node_id = 1, .n_members = 15 };
	struct kquorum *k = *state;
	const struct nlattr *a;
	int i, next = 100, members = 0;

	for (i = 0; i < KQUORUM_MAX_SEGMENTS; i++)
		fds[i] = 100 + i;
	for (i = 0; i < 15; i++) {
		c.members[i].id = i + 1;
		memset(c.members[i].name, 'n', KQUORUM_NODE_NAME_MAX);
		memset(c.members[i].address.host, 'h', KQUORUM_HOST_MAX);
		c.members[i].address.port = 65535;
	}
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_node_start(k, &c, fds, KQUORUM_MAX_SEGMENTS, NULL, 0), 0);
	mnl_attr_for_each(a, (struct nlmsghdr *)sent, sizeof(struct genlmsghdr)) {
		members += mnl_attr_get_type(a) == KQUORUM_A_MEMBER;
		if (mnl_attr_get_type(a) == KQUORUM_A_SEGMENT_FD)
			assert_int_equal(mnl_attr_get_u32(a), next++);
	}
	assert_int_equal(next, 100 + KQUORUM_MAX_SEGMENTS);
	assert_int_equal(members, 15);
	assert_int_equal(kquorum_node_start(k, &c, fds, 0, NULL, 0), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_that_the_module_is_absent),
		WITH_HANDLE(hands_on_the_text_of_an_extended_ack),
		WITH_HANDLE(explains_bare_errors),
		WITH_HANDLE(asks_for_a_snapshot),
		WITH_HANDLE(asks_for_a_change),
		WITH_HANDLE(says_who_founded_the_cluster_only_to_join_it),
		WITH_HANDLE(says_how_many_locks_there_may_be),
		WITH_HANDLE(asks_for_a_lock),
		WITH_HANDLE(asks_for_a_change_of_a_resource),
		WITH_HANDLE(joins_a_long_queue),
		WITH_HANDLE(tells_what_a_pool_is),
		WITH_HANDLE(tells_of_a_dump_that_changed),
		WITH_HANDLE(skips_what_an_earlier_exchange_left),
		WITH_HANDLE(leaves_no_descriptor_behind),
		WITH_HANDLE(stops_a_dump_when_asked),
		WITH_HANDLE(sends_all_segments_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
