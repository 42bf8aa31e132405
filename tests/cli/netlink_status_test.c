// SPDX-License-Identifier: GPL-2.0
/* libkquorum against a kernel of our own: what a status says. */
#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "test.h"

static void put_peer(struct nlmsghdr *nlh, uint32_t id, const char *name, bool progress)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_PEER);

	mnl_attr_put_u32(nlh, KQUORUM_PEER_ID, id);
	mnl_attr_put_strz(nlh, KQUORUM_PEER_NAME, name);
	mnl_attr_put_u8(nlh, KQUORUM_PEER_CONNECTED, 1);
	if (progress) {
		mnl_attr_put_u32(nlh, KQUORUM_PEER_PROGRESS, KQUORUM_PROGRESS_REPLICATE);
		mnl_attr_put_u64(nlh, KQUORUM_PEER_MATCH, 41);
		mnl_attr_put_u32(nlh, KQUORUM_PEER_RATE_MIN, (uint32_t)-1210);
		mnl_attr_put_u32(nlh, KQUORUM_PEER_RATE_MAX, (uint32_t)-1190);
		mnl_attr_put_u32(nlh, KQUORUM_PEER_CLOCK_OFF, (uint32_t)-1);
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
	mnl_attr_put_u32(nlh, KQUORUM_A_LOCKS, 5);
	mnl_attr_put_u32(nlh, KQUORUM_A_USER_LOCKS, 7);
	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_LOCKS, 70);
	mnl_attr_put_u32(nlh, KQUORUM_A_CLOCK_OFF, 1);
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
	assert_int_equal(st.locks.open, 5);
	assert_int_equal(st.locks.user_max, 7);
	assert_int_equal(st.locks.node_max, 70);
	assert_int_equal(st.clock_off, 1);
	assert_int_equal(st.peers[0].clock_off, 0);
	assert_false(st.peers[0].has_rate);
	assert_true(st.peers[2].has_rate);
	assert_int_equal(st.peers[2].rate_min_ppm, -1210);
	assert_int_equal(st.peers[2].rate_max_ppm, -1190);
	assert_int_equal(st.peers[2].clock_off, -1);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_HANDLE(reads_a_status),
		WITH_HANDLE(tells_of_scrubs),
		WITH_HANDLE(tells_of_snapshots),
		WITH_HANDLE(tells_of_a_node_that_has_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
