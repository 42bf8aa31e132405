// SPDX-License-Identifier: GPL-2.0
/* What comes next in kquorum member replace, at each stage of it and with all that goes wrong. */
#include "plan.h"

struct cli cli;

/* The whole way, with the same command begun anew at each stage. */
static void replace_by_another_name_can_begin_anywhere(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	node_down(&st, 3);
	begin_replace("n3", "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_NUMBER, NULL);
	job.id = 4;
	newcomer_up(&st, 4);
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n4", "10.0.0.4:7420", false);

	learner_up(&st, 4)->match_index = 0;
	begin_replace("n3", "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_WAIT, "n4 catches up, 5000 entries behind");
	node_row(&st, 4)->match_index = 5000;
	assert_change(&st, 0x16, 0);
	assert_describes(4, "n4", "10.0.0.4:7420", false);

	st.voters = 0x16;
	st.outgoing = 0xe;
	st.learners = 0;
	begin_replace("n3", "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_WAIT, "a change is under way that makes n1, n2, n4 the voters");

	st.outgoing = 0;
	begin_replace("n3", "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_HISTORY, NULL);
	assert_string_equal(job.wanted, "n3");
	job.history = HISTORY_VOTER;
	assert_next(&st, MEMBER_DONE, NULL);
}

static void replace_under_the_same_name_can_begin_anywhere(void **state)
{
	struct kquorum_status st = cluster_of(3);
	struct member_job first;

	(void)state;
	node_down(&st, 3);
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_next(&st, MEMBER_NUMBER, NULL);
	job.id = 4;
	newcomer_up(&st, 4);
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n3.new", "10.0.0.3:7420", false);
	first = job;

	learner_up(&st, 4);
	strcpy(node_row(&st, 4)->name, "n3.new");
	strcpy(node_row(&st, 4)->address, "10.0.0.3:7420");
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_change(&st, 0x16, 0);
	assert_describes(4, "n3", "10.0.0.3:7420", false);

	/* Two have the name now. */
	strcpy(node_row(&st, 4)->name, "n3");
	st.voters = 0x16;
	st.outgoing = 0xe;
	st.learners = 0;
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_next(&st, MEMBER_WAIT, "a change is under way");

	/* Done: it does not begin again, neither anew nor in the command that has done it. */
	st.outgoing = 0;
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_next(&st, MEMBER_DONE, "n3 is up at 10.0.0.3:7420, and a member: nothing is to be replaced");
	job = first;
	node_down(&st, 4);
	assert_next(&st, MEMBER_DONE, NULL);
	assert_string_equal(job.why, "");
}

static void replace_leaves_alone_what_works(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_next(&st, MEMBER_DONE, "nothing is to be replaced");
	begin_replace("n1", "n1", "10.0.0.1:7420");
	assert_next(&st, MEMBER_DONE, "nothing is to be replaced");
	node_row(&st, 3)->flags = KQUORUM_PEERF_FAULTY;
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_refused(&st, 1, "n3 is up at 10.0.0.3:7420, with a faulty disk or log: kquorum stop there");
	/* That the connection still stands does not say that it lives. */
	node_row(&st, 3)->flags = 0;
	node_row(&st, 3)->seen_ns = 2 * NS_PER_SEC;
	begin_replace("n3", "n3", "10.0.0.3:7420");
	assert_next(&st, MEMBER_WAIT, "n3 is connected still, but silent: is it up?");
	node_down(&st, 3);
	assert_next(&st, MEMBER_NUMBER, NULL);
	/* Nor does another follower know. */
	st = cluster_of(3);
	st.role = KQUORUM_FOLLOWER;
	assert_next(&st, MEMBER_WAIT, NULL);
	st.role = KQUORUM_LEADER;
	/* Another machine under its name is another matter. */
	begin_replace("n3", "n3", "10.0.0.9:7420");
	assert_next(&st, MEMBER_NUMBER, NULL);
}

static void replace_waits_until_the_address_is_free(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin_replace("n3", "n4", "10.0.0.3:7420");
	job.id = 4;
	newcomer_up(&st, 4);
	assert_next(&st, MEMBER_WAIT, "n3 is still connected at 10.0.0.3:7420: kquorum stop there");
	node_down(&st, 3);
	assert_change(&st, 0xe, 0x10);
	begin_replace("n3", "n4", "10.0.0.2:7420");
	assert_refused(&st, 1, "n2 is at 10.0.0.2:7420 already");
}

static void replace_does_not_rewrite_a_voter(void **state)
{
	struct kquorum_status st = cluster_of(4);

	(void)state;
	node_down(&st, 3);
	begin_replace("n3", "n4", "10.0.0.4:7420");
	assert_refused(&st, 1, "n4 is a voter already: kquorum member remove n3 takes the other out");
	begin_replace("n3", "n4", "10.0.0.9:7420");
	assert_refused(&st, 1, "n4 is a member already, at 10.0.0.4:7420");
}

static void replace_gives_a_learner_a_learners_place(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	learner_up(&st, 4)->promote = true;
	node_down(&st, 4);
	learner_up(&st, 5);
	begin_replace("n4", "n5", "10.0.0.5:7420");
	assert_change(&st, 0xe, 0x20);
	assert_describes(5, "n5", "10.0.0.5:7420", true);
	node_row(&st, 4)->promote = false;
	assert_change(&st, 0xe, 0x20);
	assert_describes(5, "n5", "10.0.0.5:7420", false);
	st.learners = 0x20;
	assert_next(&st, MEMBER_DONE, NULL);
	begin_replace("n4", "n5", "10.0.0.5:7420");
	job.history = HISTORY_LEARNER;
	assert_next(&st, MEMBER_DONE, NULL);
	/* But in a voter's place it is to vote. */
	begin_replace("n4", "n5", "10.0.0.5:7420");
	job.history = HISTORY_VOTER;
	assert_change(&st, 0xe, 0x20);
	assert_describes(5, "n5", "10.0.0.5:7420", true);
}

static void replace_holds_back_a_vote_that_was_promised(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	node_down(&st, 3);
	learner_up(&st, 4)->promote = true;
	begin_replace("n3", "n4", "10.0.0.4:7420");
	assert_change(&st, 0xe, 0x10);
	assert_describes(4, "n4", "10.0.0.4:7420", false);
}

static void replace_goes_on_without_the_old_one(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	begin_replace("n9", "n4", "10.0.0.4:7420");
	assert_next(&st, MEMBER_HISTORY, NULL);
	job.history = HISTORY_NEVER;
	assert_refused(&st, 66, "no member n9 in cluster demo");
	job.history = HISTORY_VOTER;
	assert_refused(&st, 66, "n9 has left: kquorum member add takes n4 in");
	/* Never heard of, and the new one votes already: most likely a wrong name. */
	st = cluster_of(4);
	begin_replace("n9", "n4", "10.0.0.4:7420");
	job.history = HISTORY_NEVER;
	assert_refused(&st, 66, "no member n9 in cluster demo");
	job.history = HISTORY_VOTER;
	assert_next(&st, MEMBER_DONE, NULL);
	/* Taken out by another command meanwhile: the new one gets the name and the vote. */
	st = cluster_of(3);
	learner_up(&st, 4);
	strcpy(node_row(&st, 4)->name, "n3.new");
	begin_replace("n3", "n3", "10.0.0.4:7420");
	st.voters = 6;
	job.history = HISTORY_VOTER;
	assert_change(&st, 6, 0x10);
	assert_describes(4, "n3", "10.0.0.4:7420", true);
	job.history = HISTORY_LEARNER;
	assert_change(&st, 6, 0x10);
	assert_describes(4, "n3", "10.0.0.4:7420", false);
	job.history = HISTORY_VOTER;
	strcpy(node_row(&st, 4)->name, "n3");
	node_row(&st, 4)->promote = true;
	assert_next(&st, MEMBER_WAIT, "n3 has caught up, and gets its vote");
	begin_replace("n3", "n3", "10.0.0.4:7420");
	assert_next(&st, MEMBER_WAIT, "n3 has caught up, and gets its vote");
}

static void replace_tells_long_names_apart(void **state)
{
	static const char a[] = "a-name-of-thirty-one-letters-aa";
	static const char b[] = "a-name-of-thirty-one-letters-ab";
	struct kquorum_status st = cluster_of(3);
	char first[KQUORUM_NODE_NAME_MAX + 1];

	(void)state;
	assert_int_equal(strlen(a), KQUORUM_NODE_NAME_MAX);
	strcpy(node_row(&st, 2)->name, a);
	strcpy(node_row(&st, 3)->name, b);
	newcomer_up(&st, 4);
	begin_replace(a, a, "10.0.0.4:7420");
	job.id = 4;
	assert_change(&st, 0xe, 0x10);
	strcpy(first, job.change.name);
	begin_replace(b, b, "10.0.0.4:7420");
	job.id = 4;
	assert_change(&st, 0xe, 0x10);
	assert_string_not_equal(job.change.name, first);
	assert_int_equal(kquorum_name_check(first), 0);
	/* And it is found again. */
	learner_up(&st, 4);
	strcpy(node_row(&st, 4)->name, first);
	begin_replace(a, a, "10.0.0.4:7420");
	assert_change(&st, 0x1a, 0);
	assert_describes(4, a, "10.0.0.4:7420", false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(replace_by_another_name_can_begin_anywhere),
		cmocka_unit_test(replace_under_the_same_name_can_begin_anywhere),
		cmocka_unit_test(replace_leaves_alone_what_works),
		cmocka_unit_test(replace_waits_until_the_address_is_free),
		cmocka_unit_test(replace_does_not_rewrite_a_voter),
		cmocka_unit_test(replace_gives_a_learner_a_learners_place),
		cmocka_unit_test(replace_holds_back_a_vote_that_was_promised),
		cmocka_unit_test(replace_goes_on_without_the_old_one),
		cmocka_unit_test(replace_tells_long_names_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
