// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum status: nodes that are no members, or not those that they should be, be it others or this
 * one, and what to do about them.
 */
#include "why.h"

struct cli cli;

static void a_stranger_in_a_members_place_is_not_taken_for_it(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	assert_int_equal(status_may_lose(&st), 1);
	st.peers[2].stranger = true;
	assert_int_equal(status_may_lose(&st), 0);
	assert_contains(missing_of(&st), "without n3 (another node is there)");
	st.quorum = false;
	st.leader = 0;
	assert_contains(why_of(&st), "n3 at 10.0.0.3:7420: another node is connected under its number: its files");
	assert_contains(why_of(&st), "may be an old one");
}

static void says_to_who_lost_its_disk_that_it_must_not_begin(void **state)
{
	struct kquorum_status st = cut_off();

	(void)state;
	st.conf_index = st.last_index = st.term = 0;
	st.voters = 0;
	assert_null(strstr(why_of(&st), "lost its disk"));
	strcpy(st.peers[1].reason, "refused: it is of another cluster, or has other founders (1, here 2)");
	assert_contains(why_of(&st), "kquorum member replace (or add), then here what that prints, with --force\n");
}

/* What is said of n3 when it is not connected for @reason. */
static const char *missing_for(struct kquorum_status *st, const char *reason)
{
	st->peers[2].connected = false;
	strcpy(st->peers[2].reason, reason);
	return missing_of(st);
}

static void says_what_to_do_about_who_is_another(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	assert_string_equal(missing_for(&st, "at 10.0.0.3:7420 answers db3: it is of another cluster, or has "
					"other founders"),
		"without n3 (refused): kquorum status there says why\n"
		"  n3 at 10.0.0.3:7420 is not connected: at 10.0.0.3:7420 answers db3: it is of another cluster, or\n"
		"    has other founders\n"
		"    is it elsewhere? Then on the leader: kquorum member set-address n3 ADDR\n"
		"    is it that machine, without its files? Bring them back; or, on the leader:\n"
		"      kquorum member replace n3 n3=10.0.0.3:7420\n");
	assert_contains(missing_for(&st, "at 10.0.0.3:7420 answers node 2 of this cluster, n2"),
			"    is it elsewhere? Then on the leader: kquorum member set-address n3 ADDR\n");
	st.role = KQUORUM_LEADER;
	assert_contains(missing_for(&st, "refused, from 10.0.0.8: it is of another cluster, or has other founders"),
			"    bring its own files back there; or have a new node in its place:\n"
			"      kquorum member replace n3 n3=10.0.0.3:7420\n");
	assert_contains(missing_for(&st, "at 10.0.0.3:7420 answers node 2 of this cluster, n2"),
			"    is it elsewhere? Then: kquorum member set-address n3 ADDR\n");
	assert_contains(missing_for(&st, "refused, from 10.0.0.3: it is not taken: its files are new, and the cluster "
				    "knows other files under its number"), "\n      kquorum member replace n3 n3=");
	assert_contains(missing_for(&st, "refused, from 10.0.0.3: it is not taken: its files are older than those with "
				    "which it was met before"), "    bring its newest files back there; or have");
	assert_contains(missing_for(&st, "refused, from 10.0.0.3: it is not taken: it is connected: it was restarted "
				    "just now, or two machines have its files"),
			"stop one of the two; it can be made a node of its own:\n");
	/* Those say what is to be looked at themselves. */
	assert_null(strstr(missing_for(&st, "refused, from 10.0.0.3: it does not speak kquorum"), "member"));
	/* There is no leader that could do that. */
	st.conf_index = 0;
	assert_null(strstr(missing_for(&st, "at 10.0.0.3:7420 answers db3: it is of another cluster"), "set-address"));
}

static void says_who_is_connected_in_a_members_place(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.role = KQUORUM_LEADER;
	st.peers[2].stranger = true;
	strcpy(st.peers[2].from, "10.0.0.8");
	assert_string_equal(missing_of(&st),
		"without n3 (another node is there): kquorum status there says why\n"
		"  n3 at 10.0.0.3:7420: another node is connected under its number, from 10.0.0.8: its files are not\n"
		"    those that the configuration means\n"
		"    bring its own files back there; or have a new node in its place:\n"
		"      kquorum member replace n3 n3=10.0.0.3:7420\n");
}

static void says_who_comes_as_one_that_is_connected(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	strcpy(st.peers[0].reason, "another n3 comes from 10.0.0.8: it is connected: it was restarted just now, or two "
	       "machines have its files");
	assert_string_equal(why_of(&st),
		"another n3 comes from 10.0.0.8: it is connected: it was restarted just now, or two machines have its\n"
		"  files\n"
		"    should it stay so: stop one of the two; it can be made a node of its own, on the leader:\n"
		"      kquorum member add NAME=ADDR\n");
	strcpy(st.peers[0].reason, "another n3 comes from 10.0.0.8: it is of another cluster, or has other founders");
	assert_contains(why_of(&st), "\n  correct the addresses that are in the kquorum.conf of that one, or kquorum stop");
}

static void says_who_waits_to_be_taken_in(void **state)
{
	struct kquorum_status st = healthy();
	struct kquorum_peer_status *p = add_node(&st, 4);
	unsigned int i;

	(void)state;
	p->address[0] = '\0';
	strcpy(p->from, "10.0.0.4");
	assert_string_equal(missing_of(&st),
		"n4, number 4, from 10.0.0.4, is no member and waits to be taken in, on the leader:\n"
		"  kquorum member add n4=10.0.0.4 --id 4\n"
		"  or, in the place of another: kquorum member replace OLD n4=10.0.0.4 --id 4\n"
		"  with :PORT behind the address, should it not listen on 7420: its kquorum status has all of it\n");
	st.role = KQUORUM_LEADER;
	/* Made anew in its own place. */
	strcpy(p->name, "n3");
	strcpy(p->from, "fe80::1");
	assert_contains(missing_of(&st), "n3, number 4, from fe80::1, is no member and waits to be taken in:\n"
			"  kquorum member replace n3 n3='[fe80::1]' --id 4\n  with");
	p->name[0] = p->from[0] = '\0';
	assert_contains(missing_of(&st), "NAME, number 4, is no member and waits to be taken in:\n"
			"  kquorum member add NAME=ADDR --id 4\n");
	/* Whoever wants to may come: the screen has room for the rest. */
	for (i = 5; i <= 9; i++)
		add_node(&st, i);
	assert_contains(missing_of(&st), "\nand 3 more that are no members: kquorum member lists them\n");
	assert_null(strstr(missing_of(&st), "number 7"));
	/* One has left, and has not heard of it; the other ones are learners. */
	st.gone = 0x10;
	st.learners = 0x3e0;
	assert_string_equal(missing_of(&st), "");
	/* There is no leader to take anybody in. */
	st.gone = 0;
	st.quorum = false;
	assert_string_equal(missing_of(&st), "");
}

static void says_that_it_has_left(void **state)
{
	struct kquorum_status st = cut_off();

	(void)state;
	st.left = true;
	st.voters = 0xc;
	assert_contains(why_of(&st), "this node has left the cluster, and takes no part any more: kquorum stop");
	assert_contains(why, "kquorum member add, on the leader");
	assert_contains(why, "--force");
	assert_null(strstr(why, "can be reached"));
	assert_null(strstr(why, "waits to be taken in"));
	st.quorum = true;
	assert_contains(why_of(&st), "this node has left the cluster");
	assert_string_equal(missing_of(&st), "");
}

static void says_that_it_waits_to_be_taken_in(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.node_id = 4;
	st.joins = true;
	add_node(&st, 4)->member = true;
	st.conf_index = st.commit_index = st.last_index = st.voters = 0;
	st.quorum = false;
	st.leader = 0;
	st.peers[0].connected = true;
	why_of(&st);
	assert_contains(why, "this node waits to be taken in: the kquorum member add or replace");
	assert_contains(why, "\n  kquorum member add n4=10.0.0.4:7420 --id 4\n");
	assert_contains(why, "kquorum member replace OLD n4=10.0.0.4:7420 --id 4\n");
	assert_null(strstr(why, "new cluster begins"));
	assert_null(strstr(why, "no member is connected"));
	st.peers[0].connected = st.peers[1].connected = st.peers[2].connected = false;
	strcpy(st.peers[0].reason, "10.0.0.1:7420: Connection refused");
	why_of(&st);
	assert_contains(why, "no member is connected to this node:\n"
			"  n1 at 10.0.0.1:7420 is not connected: 10.0.0.1:7420: Connection refused\n");
	assert_contains(why, "are they up (kquorum start there), and are their ports open?");
	/* It may have a part of the log already, and be told of it by a leader. */
	st.conf_index = st.commit_index = st.last_index = 5;
	st.voters = 0xe;
	st.quorum = true;
	assert_contains(why_of(&st), "this node waits to be taken in");
	st.learners = 0x10;
	assert_null(strstr(why_of(&st), "taken in"));
	/* Under the number of a founder that has left. */
	st.conf_index = st.last_index = st.term = st.voters = st.learners = 0;
	st.founders = 0x1e;
	st.quorum = false;
	st.peers[1].member = false;
	assert_contains(why_of(&st), "this node waits to be taken in");
	/* A node that is about to know its part says nothing of it. */
	st.state = KQUORUM_NODE_RECOVERING;
	assert_null(strstr(why_of(&st), "taken in"));
}

static void says_that_the_log_of_a_founder_was_lost(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.conf_index = st.commit_index = st.last_index = st.term = st.voters = 0;
	st.quorum = false;
	st.leader = 0;
	st.peers[1].connected = false;
	assert_contains(why_of(&st), "new cluster begins");
	st.joins = true;
	assert_contains(why_of(&st), "this node's log is empty, but its cluster has begun");
	assert_contains(why, "\n  kquorum member replace n1 n1=10.0.0.1:7420\n");
	assert_null(strstr(why, "taken in"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_in_a_members_place_is_not_taken_for_it),
		cmocka_unit_test(says_to_who_lost_its_disk_that_it_must_not_begin),
		cmocka_unit_test(says_what_to_do_about_who_is_another),
		cmocka_unit_test(says_who_is_connected_in_a_members_place),
		cmocka_unit_test(says_who_comes_as_one_that_is_connected),
		cmocka_unit_test(says_who_waits_to_be_taken_in),
		cmocka_unit_test(says_that_it_has_left),
		cmocka_unit_test(says_that_it_waits_to_be_taken_in),
		cmocka_unit_test(says_that_the_log_of_a_founder_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
