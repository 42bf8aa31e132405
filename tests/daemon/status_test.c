// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a status as the module writes it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "../../userspace/daemon/status.h"

static struct nl_msg *begin(void)
{
	struct nl_msg *msg = nlmsg_alloc_simple(0, 0);

	assert_non_null(msg);
	nla_put_u32(msg, KQUORUM_A_NODE_ID, 2);
	nla_put_u32(msg, KQUORUM_A_STATE, KQUORUM_NODE_RUNNING);
	return msg;
}

static void put_member(struct nl_msg *msg, uint32_t id, const char *name, const char *address)
{
	struct nlattr *nest = nla_nest_start(msg, KQUORUM_A_MEMBER);

	nla_put_u32(msg, KQUORUM_MEMBER_ID, id);
	nla_put_string(msg, KQUORUM_MEMBER_NAME, name);
	nla_put_string(msg, KQUORUM_MEMBER_ADDRESS, address);
	nla_nest_end(msg, nest);
}

static void put_peer(struct nl_msg *msg, uint32_t id, const char *name, const char *address)
{
	struct nlattr *nest = nla_nest_start(msg, KQUORUM_A_PEER);

	nla_put_u32(msg, KQUORUM_PEER_ID, id);
	nla_put_string(msg, KQUORUM_PEER_NAME, name);
	nla_put_string(msg, KQUORUM_PEER_ADDRESS, address);
	nla_put_u8(msg, KQUORUM_PEER_CONNECTED, 1);
	nla_nest_end(msg, nest);
}

static int end(struct nl_msg *msg, struct kqd_status *st)
{
	struct nlmsghdr *n = nlmsg_hdr(msg);
	int rc = kqd_status_parse(nlmsg_attrdata(n, 0), nlmsg_attrlen(n, 0), st);

	nlmsg_free(msg);
	return rc;
}

static void the_configuration_is_read(void **state)
{
	struct nl_msg *msg = begin();
	struct kqd_status st;

	nla_put_u32(msg, KQUORUM_A_VOTERS, 1 << 2 | 1 << 3);
	nla_put_u32(msg, KQUORUM_A_OUTGOING, 1 << 1 | 1 << 2);
	nla_put_u32(msg, KQUORUM_A_LEARNERS, 1 << 7);
	put_member(msg, 1, "n1", "10.0.0.1:7420");
	put_member(msg, 2, "self", "10.0.0.2:7420");
	put_member(msg, 7, "n7", "10.0.0.7:7420");
	assert_int_equal(end(msg, &st), 0);
	assert_int_equal(st.voters, 1 << 2 | 1 << 3);
	assert_int_equal(st.outgoing, 1 << 1 | 1 << 2);
	assert_int_equal(st.learners, 1 << 7);
	assert_int_equal(kqd_status_members(&st), 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7);
	assert_int_equal(st.named, 1 << 1 | 1 << 2 | 1 << 7);
	assert_false(st.left);
	assert_string_equal(kqd_status_name(&st, 1), "n1");
	assert_string_equal(kqd_status_name(&st, 2), "self");
	assert_string_equal(kqd_status_address(&st, 7), "10.0.0.7:7420");
	assert_string_equal(kqd_status_name(&st, 3), "");
	assert_string_equal(kqd_status_address(&st, 3), "");
}

static void a_node_that_has_left_is_told(void **state)
{
	struct nl_msg *msg = begin();
	struct kqd_status st;

	nla_put_flag(msg, KQUORUM_A_LEFT);
	assert_int_equal(end(msg, &st), 0);
	assert_true(st.left);
	assert_false(st.eligible);
	assert_int_equal(kqd_status_members(&st), 0);
}

static void whether_a_node_may_stand_is_told(void **state)
{
	struct nl_msg *msg = begin();
	struct kqd_status st;

	nla_put_flag(msg, KQUORUM_A_ELIGIBLE);
	assert_int_equal(end(msg, &st), 0);
	assert_true(st.eligible);
}

static void a_member_is_told_of_before_its_connection(void **state)
{
	struct nl_msg *msg = begin();
	struct kqd_status st;

	put_peer(msg, 1, "old", "10.0.0.1:7420");
	put_peer(msg, 4, "n4", "10.0.0.4:7420");
	put_member(msg, 1, "new", "10.0.1.1:7420");
	assert_int_equal(end(msg, &st), 0);
	assert_int_equal(st.named, 1 << 1);
	assert_int_equal(st.n_peers, 2);
	assert_string_equal(kqd_status_name(&st, 1), "new");
	assert_string_equal(kqd_status_address(&st, 1), "10.0.1.1:7420");
	assert_string_equal(kqd_status_name(&st, 4), "n4");
	assert_string_equal(kqd_status_address(&st, 4), "10.0.0.4:7420");
}

static void snapshots_are_told_of(void **state)
{
	struct nl_msg *msg = begin();
	const struct kqd_ref want = { .index = 7, .term = 8, .bytes = 1ULL << 40, .crc = 10 };
	struct kqd_status st;
	struct nlattr *nest;

	nla_put_u64(msg, KQUORUM_A_COMMIT_INDEX, 12);
	nla_put_u64(msg, KQUORUM_A_APPLIED_INDEX, 11);
	nest = nla_nest_start(msg, KQUORUM_A_SNAPSHOT);
	nla_put_u64(msg, KQUORUM_SNAPSHOT_INDEX, 7);
	nla_put_u64(msg, KQUORUM_SNAPSHOT_TERM, 8);
	nla_put_u64(msg, KQUORUM_SNAPSHOT_BYTES, 1ULL << 40);
	nla_put_u32(msg, KQUORUM_SNAPSHOT_CRC, 10);
	nla_nest_end(msg, nest);
	nest = nla_nest_start(msg, KQUORUM_A_DISK);
	nla_put_u32(msg, KQUORUM_DISK_STATE, KQUORUM_DISK_FULL);
	nla_put_u64(msg, KQUORUM_DISK_CAPACITY, 100);
	nla_put_u64(msg, KQUORUM_DISK_USED, 99);
	nla_nest_end(msg, nest);
	nest = nla_nest_start(msg, KQUORUM_A_PEER);
	nla_put_u32(msg, KQUORUM_PEER_ID, 4);
	nla_put_u64(msg, KQUORUM_PEER_SNAPSHOT, 6);
	nla_nest_end(msg, nest);
	assert_int_equal(end(msg, &st), 0);
	assert_int_equal(st.commit, 12);
	assert_int_equal(st.applied, 11);
	assert_true(kqd_ref_same(&st.snapshot, &want));
	assert_int_equal(st.disk_state, KQUORUM_DISK_FULL);
	assert_int_equal(st.log_capacity, 100);
	assert_int_equal(st.log_used, 99);
	assert_int_equal(kqd_status_peer(&st, 4)->needs, 6);
	/* Absent: there is none, and nobody needs one. */
	msg = begin();
	put_peer(msg, 4, "n4", "10.0.0.4:7420");
	assert_int_equal(end(msg, &st), 0);
	assert_int_equal(st.snapshot.index, 0);
	assert_int_equal(kqd_status_peer(&st, 4)->needs, 0);
}

static void ids_that_there_cannot_be_are_refused(void **state)
{
	struct nl_msg *msg = begin();
	struct kqd_status st;

	put_member(msg, KQUORUM_MAX_NODES + 1, "far", "");
	assert_int_equal(end(msg, &st), -EBADMSG);
	msg = begin();
	put_member(msg, 0, "nobody", "");
	assert_int_equal(end(msg, &st), -EBADMSG);
	msg = begin();
	put_peer(msg, KQUORUM_MAX_NODES + 1, "far", "");
	assert_int_equal(end(msg, &st), -EBADMSG);
}

static void texts_that_are_too_long_are_cut(void **state)
{
	struct nl_msg *msg = begin();
	struct kqd_status st;
	char name[100] = "";

	memset(name, 'x', sizeof(name) - 1);
	put_member(msg, 15, name, name);
	assert_int_equal(end(msg, &st), 0);
	assert_int_equal(strlen(kqd_status_name(&st, 15)), KQUORUM_NODE_NAME_MAX);
	assert_int_equal(strlen(kqd_status_address(&st, 15)), KQUORUM_ADDRESS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_is_read),
		cmocka_unit_test(a_node_that_has_left_is_told),
		cmocka_unit_test(whether_a_node_may_stand_is_told),
		cmocka_unit_test(a_member_is_told_of_before_its_connection),
		cmocka_unit_test(snapshots_are_told_of),
		cmocka_unit_test(ids_that_there_cannot_be_are_refused),
		cmocka_unit_test(texts_that_are_too_long_are_cut),
	};

	return cmocka_run_group_tests_name("daemon_status", tests, NULL, NULL);
}
