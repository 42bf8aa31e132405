// SPDX-License-Identifier: GPL-2.0
/*
 * libkquorum against a kernel of our own: libmnl's socket is replaced by one
 * that answers from a script, so that every kind of answer can be given.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "internal.h"
#include "test.h"

#define FAMILY 0x21

/* One answer to come: what recvfrom() gives next. */
static char queue[8][8192];
static unsigned int queued, taken;
static char sent[KQUORUM_REQUEST_BYTES];
static bool loaded;

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size);
int __wrap_mnl_socket_close(struct mnl_socket *nl);

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	return (struct mnl_socket *)&queue;
}

int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	(void)nl;
	(void)type;
	(void)buf;
	(void)len;
	return 0;
}

int __wrap_mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	return 0;
}

/* --- building answers ------------------------------------------------------------------ */

static struct nlmsghdr *answer(uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	assert_true(queued < 8);
	nlh = mnl_nlmsg_put_header(queue[queued++]);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	return nlh;
}

static struct nlmsghdr *answer_genl(uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = answer(FAMILY, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = cmd;
	return nlh;
}

static void answer_ack(int error, const char *message, int offset)
{
	struct nlmsghdr *nlh = answer(NLMSG_ERROR, NLM_F_CAPPED | (message ? NLM_F_ACK_TLVS : 0));
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = error;
	if (message)
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, message);
	if (message && offset)
		mnl_attr_put_u32(nlh, NLMSGERR_ATTR_OFFS, offset);
}

static void answer_done(int error)
{
	struct nlmsghdr *nlh = answer(NLMSG_DONE, NLM_F_MULTI);

	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = error;
}

static void answer_family(void)
{
	struct nlmsghdr *nlh = answer(GENL_ID_CTRL, 0);
	struct nlattr *groups, *group;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	mnl_attr_put_u32(nlh, CTRL_ATTR_VERSION, KQUORUM_GENL_VERSION);
	groups = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);
	group = mnl_attr_nest_start(nlh, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME, KQUORUM_MCGRP_EVENTS);
	mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, 9);
	mnl_attr_nest_end(nlh, group);
	mnl_attr_nest_end(nlh, groups);
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;

	(void)nl;
	memcpy(sent, buf, len);
	if (nlh->nlmsg_type == GENL_ID_CTRL && loaded) {
		answer_family();
		answer_ack(0, NULL, 0);
	} else if (nlh->nlmsg_type == GENL_ID_CTRL) {
		answer_ack(-ENOENT, NULL, 0);
	}
	return len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)queue[taken];

	(void)nl;
	if (taken == queued) {
		errno = EAGAIN;
		return -1;
	}
	taken++;
	assert_true(nlh->nlmsg_len <= size);
	if (!nlh->nlmsg_seq)
		nlh->nlmsg_seq = ((struct nlmsghdr *)sent)->nlmsg_seq;
	memcpy(buf, nlh, nlh->nlmsg_len);
	return nlh->nlmsg_len;
}

/* --- tests ----------------------------------------------------------------------------- */

static int setup(void **state)
{
	struct kquorum *k;
	char err[256];

	loaded = true;
	queued = taken = 0;
	memset(queue, 0, sizeof(queue));
	assert_int_equal(kquorum_open(&k, err, sizeof(err)), 0);
	assert_int_equal(k->family, FAMILY);
	assert_int_equal(k->group, 9);
	queued = taken = 0;
	memset(queue, 0, sizeof(queue));
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kquorum_close(*state);
	return 0;
}

static void says_that_the_module_is_absent(void **state)
{
	struct kquorum *k;
	char err[256];

	(void)state;
	loaded = false;
	queued = taken = 0;
	memset(queue, 0, sizeof(queue));
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

static void put_peer(struct nlmsghdr *nlh, uint32_t id, const char *name, bool progress)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_PEER);

	mnl_attr_put_u32(nlh, KQUORUM_PEER_ID, id);
	mnl_attr_put_strz(nlh, KQUORUM_PEER_NAME, name);
	mnl_attr_put_u8(nlh, KQUORUM_PEER_CONNECTED, 1);
	if (progress) {
		mnl_attr_put_u32(nlh, KQUORUM_PEER_PROGRESS, KQUORUM_PROGRESS_REPLICATE);
		mnl_attr_put_u64(nlh, KQUORUM_PEER_MATCH, 41);
	}
	mnl_attr_nest_end(nlh, nest);
}

static void reads_a_status(void **state)
{
	struct kquorum *k = *state;
	struct kquorum_status st;
	struct nlmsghdr *nlh = answer_genl(KQUORUM_CMD_STATUS, 0);
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, KQUORUM_A_NAME, "demo");
	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, 2);
	mnl_attr_put_u64(nlh, KQUORUM_A_TERM, 1ULL << 40);
	mnl_attr_put_u8(nlh, KQUORUM_A_QUORUM, 1);
	put_peer(nlh, 3, "n3", true);
	put_peer(nlh, 1, "n1", false);
	/* This node only stands among the members; the peers are there too. */
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_MEMBER);
	mnl_attr_put_u32(nlh, KQUORUM_MEMBER_ID, 2);
	mnl_attr_put_strz(nlh, KQUORUM_MEMBER_NAME, "n2");
	mnl_attr_nest_end(nlh, nest);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_MEMBER);
	mnl_attr_put_u32(nlh, KQUORUM_MEMBER_ID, 3);
	mnl_attr_put_strz(nlh, KQUORUM_MEMBER_NAME, "n3");
	mnl_attr_put_u32(nlh, KQUORUM_MEMBER_FLAGS, KQUORUM_CONF_PROMOTE);
	mnl_attr_nest_end(nlh, nest);
	/* Attributes of a newer module, and one of a wrong size, are left out. */
	mnl_attr_put_u32(nlh, 4000, 1);
	mnl_attr_put_u8(nlh, KQUORUM_A_LEADER, 1);
	answer_ack(0, NULL, 0);

	assert_int_equal(kquorum_status(k, &st), 0);
	assert_string_equal(st.name, "demo");
	assert_true(st.term == 1ULL << 40);
	assert_true(st.quorum);
	assert_int_equal(st.leader, 0);
	assert_true(st.silence_ns == KQUORUM_NEVER);
	assert_int_equal(st.n_peers, 3);
	assert_string_equal(st.peers[0].name, "n1");
	assert_string_equal(st.peers[1].name, "n2");
	assert_false(st.peers[0].has_progress);
	assert_true(st.peers[2].has_progress);
	assert_int_equal(kquorum_status_peer(&st, 3)->match_index, 41);
	assert_null(kquorum_status_peer(&st, 4));
	assert_false(st.left);
	assert_false(st.peers[0].member);
	assert_true(st.peers[1].member);
	assert_true(st.peers[2].member);
	assert_false(st.peers[1].promote);
	assert_true(st.peers[2].promote);
}

static void tells_of_scrubs(void **state)
{
	struct kquorum *k = *state;
	struct kquorum_status st;
	struct nlmsghdr *nlh = answer_genl(KQUORUM_CMD_STATUS, 0);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, 2);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_SCRUB);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_COUNT, 3);
	mnl_attr_put_u8(nlh, KQUORUM_SCRUB_RUNNING, 1);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_RATE, 1ULL << 33);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_DONE, 1ULL << 34);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_TOTAL, 1ULL << 35);
	mnl_attr_put_u32(nlh, KQUORUM_SCRUB_PLACES, 4);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_MISSING, 12);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_REWRITTEN, 10);
	mnl_attr_put_u32(nlh, KQUORUM_SCRUB_SEGMENT, 7);
	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_OFFSET, 8192);
	mnl_attr_put_u32(nlh, KQUORUM_SCRUB_ERROR, (uint32_t)-ENOSPC);
	mnl_attr_put_strz(nlh, KQUORUM_SCRUB_REASON, "no room");
	mnl_attr_nest_end(nlh, nest);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), 0);
	assert_int_equal(st.scrub.count, 3);
	assert_true(st.scrub.running);
	assert_true(st.scrub.rate == 1ULL << 33);
	assert_true(st.scrub.done_bytes == 1ULL << 34);
	assert_true(st.scrub.total_bytes == 1ULL << 35);
	assert_int_equal(st.scrub.damaged_places, 4);
	assert_int_equal(st.scrub.missing, 12);
	assert_int_equal(st.scrub.rewritten, 10);
	assert_int_equal(st.scrub.segment, 7);
	assert_int_equal(st.scrub.offset_bytes, 8192);
	assert_true(st.scrub.ended_ns == KQUORUM_NEVER);
	assert_int_equal(st.scrub.error, -ENOSPC);
	assert_string_equal(st.scrub.reason, "no room");
	/* There was none. */
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_STATUS, 0), KQUORUM_A_NODE_ID, 2);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), 0);
	assert_int_equal(st.scrub.count, 0);
	assert_true(st.scrub.ended_ns == KQUORUM_NEVER);
}

static void tells_of_snapshots(void **state)
{
	struct kquorum *k = *state;
	struct kquorum_status st;
	struct nlmsghdr *nlh = answer_genl(KQUORUM_CMD_STATUS, 0);
	struct nlattr *nest, *transit;

	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, 2);
	mnl_attr_put_u64(nlh, KQUORUM_A_FIRST_INDEX, 4001);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_SNAPSHOT);
	mnl_attr_put_u64(nlh, KQUORUM_SNAPSHOT_INDEX, 5000);
	mnl_attr_put_u64(nlh, KQUORUM_SNAPSHOT_TERM, 4);
	mnl_attr_put_u64(nlh, KQUORUM_SNAPSHOT_BYTES, 1ULL << 33);
	mnl_attr_put_u32(nlh, KQUORUM_SNAPSHOT_CRC, 0xfedcba98);
	mnl_attr_nest_end(nlh, nest);
	put_peer(nlh, 1, "n1", true);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_PEER);
	mnl_attr_put_u32(nlh, KQUORUM_PEER_ID, 3);
	mnl_attr_put_u32(nlh, KQUORUM_PEER_PROGRESS, KQUORUM_PROGRESS_SNAPSHOT);
	mnl_attr_put_u64(nlh, KQUORUM_PEER_SNAPSHOT, 4990);
	transit = mnl_attr_nest_start(nlh, KQUORUM_PEER_TRANSIT);
	mnl_attr_put_u64(nlh, KQUORUM_TRANSIT_INDEX, 4995);
	mnl_attr_put_u64(nlh, KQUORUM_TRANSIT_BYTES, 1ULL << 34);
	mnl_attr_put_u64(nlh, KQUORUM_TRANSIT_DONE, 1ULL << 33);
	mnl_attr_put(nlh, KQUORUM_TRANSIT_COMES, 0, NULL);
	mnl_attr_nest_end(nlh, transit);
	mnl_attr_nest_end(nlh, nest);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), 0);
	assert_int_equal(st.first_index, 4001);
	assert_int_equal(st.snapshot.index, 5000);
	assert_int_equal(st.snapshot.term, 4);
	assert_true(st.snapshot.bytes == 1ULL << 33);
	assert_true(st.snapshot.crc == 0xfedcba98);
	assert_false(st.peers[0].needs_snapshot);
	assert_true(st.peers[2].needs_snapshot);
	assert_int_equal(st.peers[2].snapshot_index, 4990);
	assert_int_equal(st.peers[0].transit.index, 0);
	assert_int_equal(st.peers[2].transit.index, 4995);
	assert_true(st.peers[2].transit.bytes == 1ULL << 34);
	assert_true(st.peers[2].transit.done_bytes == 1ULL << 33);
	assert_true(st.peers[2].transit.comes);
	/* What there is none of. */
	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_STATUS, 0), KQUORUM_A_NODE_ID, 2);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), 0);
	assert_int_equal(st.snapshot.index, 0);
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

static void tells_of_a_node_that_has_left(void **state)
{
	struct kquorum *k = *state;
	struct kquorum_status st;
	struct nlmsghdr *nlh = answer_genl(KQUORUM_CMD_STATUS, 0);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, 2);
	mnl_attr_put_u32(nlh, KQUORUM_A_VOTERS, 0xa);
	mnl_attr_put(nlh, KQUORUM_A_LEFT, 0, NULL);
	put_peer(nlh, 3, "n3", false);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_PEER);
	mnl_attr_put_u32(nlh, KQUORUM_PEER_ID, 3);
	mnl_attr_put(nlh, KQUORUM_PEER_STRANGER, 0, NULL);
	mnl_attr_put_strz(nlh, KQUORUM_PEER_FROM, "10.0.0.9");
	mnl_attr_nest_end(nlh, nest);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_DEPARTED);
	mnl_attr_put_u32(nlh, KQUORUM_MEMBER_ID, 7);
	mnl_attr_put_strz(nlh, KQUORUM_MEMBER_NAME, "n7");
	mnl_attr_nest_end(nlh, nest);
	nest = mnl_attr_nest_start(nlh, KQUORUM_A_DEPARTED);
	mnl_attr_put_u32(nlh, KQUORUM_MEMBER_ID, 16);
	mnl_attr_put_strz(nlh, KQUORUM_MEMBER_NAME, "n16");
	mnl_attr_nest_end(nlh, nest);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_status(k, &st), 0);
	assert_true(st.left);
	assert_string_equal(st.departed[7], "n7");
	assert_string_equal(st.departed[6], "");
	assert_true(st.peers[1].stranger);
	assert_string_equal(st.peers[1].from, "10.0.0.9");
	assert_string_equal(st.peers[0].from, "");
	/* It has a row all the same. */
	assert_int_equal(st.n_peers, 2);
	assert_int_equal(st.peers[0].id, 2);
	assert_false(st.peers[0].member);
	assert_true(st.peers[0].seen_ns == KQUORUM_NEVER);
}

/* The attribute @type of what was sent last, NULL: there is none. */
static const struct nlattr *sent_attr(uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, (struct nlmsghdr *)sent, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
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
	struct kquorum *k = *state;
	int fd = dup(0);

	mnl_attr_put_u32(answer_genl(KQUORUM_CMD_LOCK, 0), KQUORUM_A_FD, fd);
	answer_ack(-ENOSPC, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, "db", 0), -ENOSPC);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	/* An answer without a descriptor is an error too, not descriptor 0. */
	answer_genl(KQUORUM_CMD_LOCK, 0);
	answer_ack(0, NULL, 0);
	assert_int_equal(kquorum_lock_open(k, "db", 0), -EBADMSG);
	assert_int_equal(kquorum_lock_open(k, "", 0), -EINVAL);
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

#define WITH_HANDLE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_that_the_module_is_absent),
		WITH_HANDLE(hands_on_the_text_of_an_extended_ack),
		WITH_HANDLE(explains_bare_errors),
		WITH_HANDLE(reads_a_status),
		WITH_HANDLE(tells_of_scrubs),
		WITH_HANDLE(tells_of_snapshots),
		WITH_HANDLE(asks_for_a_snapshot),
		WITH_HANDLE(tells_of_a_node_that_has_left),
		WITH_HANDLE(asks_for_a_change),
		WITH_HANDLE(says_who_founded_the_cluster_only_to_join_it),
		WITH_HANDLE(joins_a_long_queue),
		WITH_HANDLE(tells_of_a_dump_that_changed),
		WITH_HANDLE(skips_what_an_earlier_exchange_left),
		WITH_HANDLE(leaves_no_descriptor_behind),
		WITH_HANDLE(stops_a_dump_when_asked),
		WITH_HANDLE(sends_all_segments_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
