// SPDX-License-Identifier: GPL-2.0
/* What comes next in a change of who belongs to the cluster, one situation each. */
#include "plan.h"

struct cli cli;

/* --- numbers -------------------------------------------------------------------------------- */

static void numbers_go_on_above_all_that_were_seen(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	assert_int_equal(member_free_id(&st, 0), 4);
	st.founders = 0x3e;
	assert_int_equal(member_free_id(&st, 0), 6);
	/* That it left is no reason to give its number away: it may still be up. */
	node_row(&st, 7)->connected = true;
	assert_int_equal(member_free_id(&st, 0), 8);
	assert_int_equal(member_free_id(&st, node_bit(8)), 9);
	st = cluster_of(3);
	st.voters = 0xc;
	st.founders = 2;
	assert_int_equal(member_free_id(&st, 0), 4);
	/* Who has left counts too, if it is this node. */
	st.node_id = 9;
	assert_int_equal(member_free_id(&st, 0), 10);
}

static void numbers_come_again_when_all_were_seen(void **state)
{
	struct kquorum_status st = cluster_of(3);
	uint32_t id;

	(void)state;
	node_row(&st, 15)->connected = true;
	assert_int_equal(member_free_id(&st, 0), 4);
	/* A founder's is the last to be taken. */
	st.voters = 0xc;
	st.n_peers = 0;
	st.node_id = 2;
	node_up(&st, 2);
	node_up(&st, 3);
	node_row(&st, 15)->connected = true;
	assert_int_equal(member_free_id(&st, 0), 4);
	for (id = 4; id < 15; id++)
		strcpy(node_row(&st, id)->reason, "refused");
	assert_int_equal(member_free_id(&st, 0), 1);
	node_row(&st, 1)->connected = true;
	assert_int_equal(member_free_id(&st, 0), 0);
}

/* --- add ------------------------------------------------------------------------------------ */

static void add_takes_in_who_has_the_number(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin(member_plan_add, "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_NUMBER, NULL);
	job.id = 4;
	assert_next(&st, MEMBER_WAIT, "n4 is not connected: is it up, with the line above?");
	strcpy(node_row(&st, 4)->reason, "it is of another cluster");
	assert_next(&st, MEMBER_WAIT, "n4 is not connected: it is of another cluster");
	newcomer_up(&st, 4);
	strcpy(node_row(&st, 4)->name, "n9");
	assert_next(&st, MEMBER_NUMBER, NULL);
	assert_int_equal(job.id, 0);
	job.id = job.given_id = 4;
	assert_refused(&st, 1, "--id 4: n9 is connected with that number, not n4");
	job.given_id = 0;
	strcpy(node_row(&st, 4)->name, "n4");
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n4", "10.0.0.4:7420", true);
	job.learner = true;
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n4", "10.0.0.4:7420", false);
}

static void add_is_done_when_it_is_committed(void **state)
{
	struct kquorum_status st = cluster_of(4);

	(void)state;
	begin(member_plan_add, "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_DONE, NULL);
	st.outgoing = 0xe;
	node_down(&st, 2);
	assert_next(&st, MEMBER_WAIT, "a change is under way that makes n1, n2, n3, n4 the voters\n"
		    "  without n2 (down, heard 12.0s ago)");
	st.outgoing = 0;
	st.conf_index = 5001;
	assert_next(&st, MEMBER_WAIT, "not committed yet\n  without n2 (down, heard 12.0s ago)");
	st.conf_index = 0;
	assert_next(&st, MEMBER_WAIT, "has not begun");
	st.conf_index = 50;
	st.commit_index = 0;
	assert_next(&st, MEMBER_WAIT, "not known to be committed");
	st.state = KQUORUM_NODE_RECOVERING;
	assert_next(&st, MEMBER_WAIT, "still reads its log");
}

static void add_waits_for_the_vote(void **state)
{
	struct kquorum_status st = cluster_of(3);
	struct kquorum_peer_status *p = learner_up(&st, 4);

	(void)state;
	begin(member_plan_add, "n4", "10.0.0.4:7420");
	p->promote = true;
	assert_next(&st, MEMBER_WAIT, "n4 has caught up, and gets its vote");
	p->match_index = 100;
	assert_next(&st, MEMBER_WAIT, "n4 catches up, 4900 entries behind");
	p->progress = KQUORUM_PROGRESS_PROBE;
	assert_next(&st, MEMBER_WAIT, "n4 (learner, asked how far it is)");
	p->progress = KQUORUM_PROGRESS_SNAPSHOT;
	p->needs_snapshot = true;
	assert_next(&st, MEMBER_WAIT, "n4 needs a snapshot, for the log begins behind what it has: "
		    "kquorumd sends it");
	p->transit.index = 4990;
	p->transit.bytes = 1000;
	p->transit.done_bytes = 399;
	assert_next(&st, MEMBER_WAIT, "n4 is sent a snapshot, 30 % of it is there");
	p->transit.bytes = 0;
	st.daemon = false;
	assert_next(&st, MEMBER_WAIT, "there is no kquorumd here to send it");
	p->needs_snapshot = false;
	p->flags = KQUORUM_PEERF_LOG_FULL;
	assert_next(&st, MEMBER_WAIT, "n4 (learner, log full)");
	node_down(&st, 4);
	assert_next(&st, MEMBER_WAIT, "n4 is not connected");
	strcpy(p->reason, "no answer");
	assert_next(&st, MEMBER_WAIT, "n4 is not connected: no answer");
}

static void add_turns_the_promise_of_a_vote_on_and_off(void **state)
{
	struct kquorum_status st = cluster_of(3);
	struct kquorum_peer_status *p = learner_up(&st, 4);

	(void)state;
	begin(member_plan_add, "n4", "10.0.0.4:7420");
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n4", "10.0.0.4:7420", true);
	job.learner = true;
	assert_next(&st, MEMBER_DONE, NULL);
	p->promote = true;
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n4", "10.0.0.4:7420", false);
	st = cluster_of(4);
	assert_refused(&st, 1, "n4 is a voter already: kquorum member demote");
}

static void add_does_not_move_a_member(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin(member_plan_add, "n3", "10.0.0.9:7420");
	assert_refused(&st, 1, "n3 is a member already, at 10.0.0.3:7420\n"
		       "  it has moved? kquorum member set-address n3 10.0.0.9:7420");
	begin(member_plan_add, "n3", "[fe80::1]:7420");
	assert_refused(&st, 1, "set-address n3 '[fe80::1]:7420'");
	/* Nor does it give an address to two. */
	begin(member_plan_add, "n4", "10.0.0.3:7420");
	assert_refused(&st, 1, "n3 is at 10.0.0.3:7420 already\n  kquorum member replace n3");
}

static void add_chooses_again_when_the_number_is_gone(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin(member_plan_add, "n4", "10.0.0.4:7420");
	job.id = 4;
	assert_next(&st, MEMBER_WAIT, NULL);
	/* Another command has given it to n5. */
	strcpy(learner_up(&st, 4)->name, "n5");
	strcpy(node_row(&st, 4)->address, "10.0.0.5:7420");
	assert_next(&st, MEMBER_NUMBER, NULL);
	assert_int_equal(job.id, 0);
	job.given_id = 4;
	assert_refused(&st, 1, "--id 4: that is the number of n5");
}

/* --- votes ---------------------------------------------------------------------------------- */

static void remove_takes_out(void **state)
{
	struct kquorum_status st = cluster_of(5);

	(void)state;
	begin(member_plan_remove, "n5", "");
	assert_change(&st, 0x1e, 0);
	assert_describes(0, NULL, NULL, false);
	st.voters = 0x1e;
	assert_next(&st, MEMBER_DONE, NULL);
	/* A leader that goes: it is done when that is committed, whoever leads then. */
	st = cluster_of(5);
	begin(member_plan_remove, "n1", "");
	assert_change(&st, 0x3c, 0);
	st.voters = 0x3c;
	st.conf_index = 5001;
	assert_next(&st, MEMBER_WAIT, "not committed");
	st.commit_index = 5001;
	st.role = KQUORUM_FOLLOWER;
	st.leader = 2;
	assert_next(&st, MEMBER_DONE, NULL);
}

static void remove_again_is_done_already(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin(member_plan_remove, "n5", "");
	assert_next(&st, MEMBER_HISTORY, NULL);
	assert_string_equal(job.wanted, "n5");
	job.history = HISTORY_VOTER;
	assert_next(&st, MEMBER_DONE, "n5 has left already");
	job.history = HISTORY_NEVER;
	assert_refused(&st, 66, "no member n5 in cluster demo");
}

static void remove_keeps_a_voter(void **state)
{
	struct kquorum_status st = cluster_of(1);

	(void)state;
	begin(member_plan_remove, "n1", "");
	job.force = true;
	assert_refused(&st, 1, "n1 is the only voter, and a cluster needs one");
	learner_up(&st, 2);
	begin(member_plan_demote, "n1", "");
	assert_refused(&st, 1, "n1 is the only voter");
	begin(member_plan_remove, "n2", "");
	assert_change(&st, 2, 0);
}

static void remove_wants_force_when_none_may_fail_then(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin(member_plan_remove, "n2", "");
	assert_refused(&st, 1, "without n2 2 voters are left, and none of them may fail (now 1 may)");
	assert_contains(job.why, "--force");
	job.force = true;
	assert_change(&st, 0xa, 0);
	begin(member_plan_demote, "n2", "");
	assert_refused(&st, 1, "none of them may fail");
	/* Nothing is lost where none may fail anyway. */
	st = cluster_of(2);
	begin(member_plan_remove, "n2", "");
	assert_change(&st, 2, 0);
	/* A learner's vote is not missed. */
	st = cluster_of(3);
	learner_up(&st, 4);
	begin(member_plan_remove, "n4", "");
	assert_change(&st, 0xe, 0);
	st = cluster_of(4);
	begin(member_plan_remove, "n4", "");
	assert_change(&st, 0xe, 0);
}

static void remove_wants_force_while_another_is_down(void **state)
{
	struct kquorum_status st = cluster_of(7);

	(void)state;
	node_down(&st, 3);
	begin(member_plan_remove, "n2", "");
	assert_refused(&st, 1, "n2 works, and 1 of the voters that stay does not:\n"
		       "  n3 (down, heard 12.0s ago)\n  take out what is down first");
	node_row(&st, 4)->flags = KQUORUM_PEERF_FAULTY;
	assert_refused(&st, 1, "2 of the voters that stay do not:\n  n3 (down, heard 12.0s ago), n4 (faulty)");
	job.force = true;
	assert_change(&st, 0xfa, 0);
	/* Which is what is to be taken out. */
	begin(member_plan_remove, "n3", "");
	assert_change(&st, 0xf6, 0);
	st = cluster_of(3);
	node_down(&st, 3);
	begin(member_plan_remove, "n3", "");
	assert_change(&st, 0x6, 0);
}

static void promote_waits_until_it_has_caught_up(void **state)
{
	struct kquorum_status st = cluster_of(3);
	struct kquorum_peer_status *p = learner_up(&st, 4);

	(void)state;
	begin(member_plan_promote, "n4", "");
	p->match_index = 0;
	assert_next(&st, MEMBER_WAIT, "n4 catches up, 5000 entries behind");
	p->match_index = 4500;
	assert_change(&st, 0x1e, 0);
	st = cluster_of(4);
	assert_next(&st, MEMBER_DONE, NULL);
	begin(member_plan_promote, "n9", "");
	assert_refused(&st, 66, "no member n9 in cluster demo");
}

static void demote_takes_the_promise_of_a_vote_too(void **state)
{
	struct kquorum_status st = cluster_of(5);

	(void)state;
	begin(member_plan_demote, "n5", "");
	assert_change(&st, 0x1e, 0x20);
	/* Said anew, so that no promise of an earlier life is left. */
	assert_describes(5, "n5", "10.0.0.5:7420", false);
	learner_up(&st, 5)->promote = true;
	assert_change(&st, 0x1e, 0x20);
	assert_describes(5, "n5", "10.0.0.5:7420", false);
	node_row(&st, 5)->promote = false;
	assert_next(&st, MEMBER_DONE, NULL);
	begin(member_plan_demote, "n9", "");
	assert_refused(&st, 66, "no member n9");
}

static void set_address_changes_nothing_else(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin(member_plan_address, "n3", "10.0.0.9:7420");
	assert_change(&st, 0xe, 0);
	assert_describes(3, "n3", "10.0.0.9:7420", false);
	learner_up(&st, 3)->promote = true;
	assert_change(&st, 0x6, 0x8);
	assert_describes(3, "n3", "10.0.0.9:7420", true);
	begin(member_plan_address, "n3", "10.0.0.3:7420");
	assert_next(&st, MEMBER_DONE, NULL);
	begin(member_plan_address, "n3", "10.0.0.2:7420");
	assert_refused(&st, 1, "n2 is at 10.0.0.2:7420 already");
	begin(member_plan_address, "n9", "10.0.0.2:7420");
	assert_refused(&st, 66, "no member n9");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_on_above_all_that_were_seen),
		cmocka_unit_test(numbers_come_again_when_all_were_seen),
		cmocka_unit_test(add_takes_in_who_has_the_number),
		cmocka_unit_test(add_is_done_when_it_is_committed),
		cmocka_unit_test(add_waits_for_the_vote),
		cmocka_unit_test(add_turns_the_promise_of_a_vote_on_and_off),
		cmocka_unit_test(add_does_not_move_a_member),
		cmocka_unit_test(add_chooses_again_when_the_number_is_gone),
		cmocka_unit_test(remove_takes_out),
		cmocka_unit_test(remove_again_is_done_already),
		cmocka_unit_test(remove_keeps_a_voter),
		cmocka_unit_test(remove_wants_force_when_none_may_fail_then),
		cmocka_unit_test(remove_wants_force_while_another_is_down),
		cmocka_unit_test(promote_waits_until_it_has_caught_up),
		cmocka_unit_test(demote_takes_the_promise_of_a_vote_too),
		cmocka_unit_test(set_address_changes_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
