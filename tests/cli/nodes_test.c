// SPDX-License-Identifier: GPL-2.0
/* kquorum status: which part each node has, how many may fail, and who is missing. */
#include "why.h"

struct cli cli;

static void counts_who_may_still_fail(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.peers[2].connected = false;
	assert_int_equal(status_may_lose(&st), 0);
	st = healthy();
	st.peers[2].flags = KQUORUM_PEERF_LOG_FULL;
	assert_int_equal(status_may_lose(&st), 0);
	st = healthy();
	st.quorum = false;
	assert_int_equal(status_may_lose(&st), 0);
	st = healthy();
	st.voters = 2;
	assert_int_equal(status_may_lose(&st), 0);
}

static void counts_voters_and_nobody_else(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	/* A learner, and one that is no member. */
	add_node(&st, 4);
	add_node(&st, 5);
	st.learners = 0x10;
	assert_int_equal(status_voters(&st), 3);
	assert_int_equal(status_may_lose(&st), 1);
	st.peers[2].connected = false;
	assert_int_equal(status_may_lose(&st), 0);
	st.peers[1].connected = false;
	st.quorum = false;
	status_why(&st, why, sizeof(why));
	assert_contains(why, "only 1 of 3 voters can be reached and work, 2 are needed:\n");
	assert_null(strstr(why, "n4"));
	/* Before there is a configuration the founders are to vote. */
	st.conf_index = st.voters = 0;
	assert_int_equal(status_voters(&st), 3);
}

static void counts_both_halves_of_a_joint_configuration(void **state)
{
	struct kquorum_status st = healthy();
	unsigned int i;

	(void)state;
	st.outgoing = 0xe;
	st.voters = 0x3e;
	add_node(&st, 4);
	add_node(&st, 5);
	assert_int_equal(status_voters(&st), 5);
	assert_int_equal(status_may_lose(&st), 1);
	st.peers[4].connected = false;
	assert_int_equal(status_may_lose(&st), 1);
	st.peers[3].connected = false;
	assert_int_equal(status_may_lose(&st), 0);
	st.quorum = false;
	status_why(&st, why, sizeof(why));
	assert_contains(why, "3 of 5 voters can be reached and work, which is enough; the others:\n");
	assert_contains(why, "  n4 at 10.0.0.4:7420 is not connected\n");
	st.peers[2].connected = false;
	status_why(&st, why, sizeof(why));
	assert_contains(why, "only 2 of 5 new voters can be reached and work, 3 are needed "
			"(a change is under way):\n");
	assert_null(strstr(why, "old voters"));
	assert_null(strstr(why, "which is enough"));
	for (i = 1; i < 5; i++)
		st.peers[i].connected = i > 2;
	status_why(&st, why, sizeof(why));
	assert_contains(why, "only 1 of 3 old voters can be reached and work, 2 are needed "
			"(a change is under way):\n");
	assert_null(strstr(why, "new voters"));
	assert_null(strstr(why, "which is enough"));
}

static void names_who_is_missing_in_a_working_cluster(void **state)
{
	struct kquorum_status st = healthy();
	unsigned int i;

	(void)state;
	assert_string_equal(missing_of(&st), "");
	st.peers[2].connected = false;
	st.peers[2].seen_ns = 12 * NS_PER_SEC;
	/* A follower heard nothing of another follower before either. */
	assert_string_equal(missing_of(&st), "without n3 (down): kquorum start there, or open the port\n");
	st.leader = 1;
	st.role = KQUORUM_LEADER;
	assert_contains(missing_of(&st), "without n3 (down, heard 12.0s ago): kquorum start there");
	st.peers[2].connected = true;
	assert_string_equal(missing_of(&st),
			    "without n3 (silent for 12.0s): kquorum status there says why\n");
	st.peers[2].connected = false;
	strcpy(st.peers[2].reason, "refused: its files are older");
	assert_string_equal(missing_of(&st),
			    "without n3 (refused): kquorum status there says why\n"
			    "  n3 at 10.0.0.3:7420 is not connected: refused: its files are older, last seen 12.0s ago\n"
			    "    bring its newest files back there; or have a new node in its place:\n"
			    "      kquorum member replace n3 n3=10.0.0.3:7420\n");
	st.peers[2].connected = true;
	st.peers[2].seen_ns = 0;
	st.peers[2].flags = KQUORUM_PEERF_FAULTY;
	assert_contains(missing_of(&st), "without n3 (faulty): kquorum status there");
	st.n_peers = KQUORUM_MAX_NODES;
	st.voters = 0xfffe;
	for (i = 1; i < st.n_peers; i++) {
		st.peers[i].id = i + 1;
		st.peers[i].reason[0] = '\0';
		st.peers[i].connected = i > 7;
		st.peers[i].seen_ns = i > 7 ? 0 : 125 * NS_PER_SEC;
		snprintf(st.peers[i].name, sizeof(st.peers[i].name), "n%u", i + 1);
	}
	assert_contains(missing_of(&st), "without n2 (down, heard 2m05s ago) and 6 more: ");
	assert_true(strchr(why, '\n') - why <= 100);
	/* Once, for the first of them. */
	assert_string_equal(strchr(why, '\n') + 1, "  should it be gone for good, or its disk: "
			    "kquorum member replace n2 NAME=ADDR\n");
	st.quorum = false;
	assert_string_equal(missing_of(&st), "");
}

static void says_the_way_out_when_nodes_stay_away(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.peers[2].connected = false;
	st.peers[2].seen_ns = 61 * NS_PER_SEC;
	strcpy(st.peers[2].reason, "peer does not answer (TCP)");
	/* Only the leader has heard them, or not. */
	assert_string_equal(missing_of(&st), "without n3 (down): kquorum start there, or open the port\n");
	st.leader = 1;
	st.role = KQUORUM_LEADER;
	assert_string_equal(missing_of(&st),
			    "without n3 (down, heard 61.0s ago): kquorum start there, or open the port\n"
			    "  should it be gone for good, or its disk: kquorum member replace n3 NAME=ADDR\n");
	st.peers[2].seen_ns = 59 * NS_PER_SEC;
	assert_null(strstr(missing_of(&st), "replace"));

	st.quorum = false;
	st.leader = 0;
	st.role = KQUORUM_FOLLOWER;
	st.peers[1].connected = false;
	st.peers[1].seen_ns = st.peers[2].seen_ns = 61 * NS_PER_SEC;
	assert_contains(why_of(&st), "  are they up (kquorum start there), and are their ports open?\n"
			"  should too few come back, ever: kquorum recover says what that loses, and does it\n");
	st.peers[1].seen_ns = 10 * NS_PER_SEC;
	assert_null(strstr(why_of(&st), "recover"));
	st.peers[1].seen_ns = KQUORUM_NEVER;
	assert_null(strstr(why_of(&st), "recover"));
}

static void names_who_is_missing_by_its_part(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	add_node(&st, 4)->connected = false;
	st.learners = 0x10;
	assert_string_equal(missing_of(&st),
			    "without n4 (learner, down): kquorum start there, or open the port\n");
	/* Who is no member is missed by nobody, but its reason may be what somebody waits for. */
	st.learners = 0;
	assert_string_equal(missing_of(&st), "");
	strcpy(st.peers[3].reason, "10.0.0.4:7420: Connection refused");
	assert_string_equal(missing_of(&st), "");
	strcpy(st.peers[3].reason, "it is of another cluster");
	st.peers[3].name[0] = st.peers[3].address[0] = '\0';
	assert_string_equal(missing_of(&st), "  node 4 is not connected: it is of another cluster\n"
			    "    should it join this one: kquorum member add prints the line for that, on the leader\n");
}

static void tells_what_change_is_under_way(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.role = KQUORUM_LEADER;
	st.leader = 1;
	st.outgoing = 0xe;
	st.voters = 0x16;
	add_node(&st, 4);
	st.peers[2].connected = false;
	assert_string_equal(why_of(&st), "a change is under way that makes n1, n2, n4 the voters\n"
			    "  without n3 (down)\n");
	/* At the leader it is seen who lacks the log. */
	st.peers[3].has_progress = true;
	st.peers[3].progress = KQUORUM_PROGRESS_REPLICATE;
	st.last_index = 5000;
	assert_contains(why_of(&st), "  without n3 (down), n4 (5000 entries behind)\n");
	st.peers[3].progress = KQUORUM_PROGRESS_PROBE;
	assert_contains(why_of(&st), "n4 (asked how far it is)\n");
	st.outgoing = 0;
	st.peers[3].match_index = 5000;
	st.peers[3].progress = KQUORUM_PROGRESS_REPLICATE;
	assert_string_equal(why_of(&st), "");
	st.conf_index = 5000;
	assert_string_equal(why_of(&st), "a change of the members is not committed yet\n");
	st.commit_index = 5000;
	assert_string_equal(why_of(&st), "");
	/* After a restart nothing is known to be committed: that is no change. */
	st.commit_index = 0;
	assert_string_equal(why_of(&st), "");
}

static void names_the_part_of_each(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.learners = 0x30;
	st.outgoing = 0x5e;
	assert_string_equal(node_role(&st, 2), "voter");
	assert_string_equal(node_role(&st, 4), "learner");	/* was a voter */
	assert_string_equal(node_role(&st, 5), "learner");
	assert_string_equal(node_role(&st, 6), "leaving");
	assert_string_equal(node_role(&st, 7), "none");
	st.node_id = 7;
	assert_string_equal(node_role(&st, 7), "joins");
	st.left = true;
	assert_string_equal(node_role(&st, 7), "left");
	st.left = false;
	st.conf_index = st.voters = st.outgoing = st.learners = 0;
	assert_string_equal(node_role(&st, 2), "founder");
	assert_string_equal(node_role(&st, 5), "unknown");
	st.state = KQUORUM_NODE_RECOVERING;
	assert_string_equal(node_role(&st, 2), "unknown");
	assert_string_equal(node_role(&st, 7), "unknown");
}

static void says_who_needs_a_snapshot(void **state)
{
	struct kquorum_status st = healthy();
	unsigned int i;

	(void)state;
	st.leader = 1;
	st.role = KQUORUM_LEADER;
	for (i = 1; i < 3; i++) {
		st.peers[i].has_progress = true;
		st.peers[i].progress = KQUORUM_PROGRESS_REPLICATE;
		st.peers[i].match_index = st.last_index;
	}
	st.peers[2].progress = KQUORUM_PROGRESS_SNAPSHOT;
	st.peers[2].needs_snapshot = true;
	assert_string_equal(missing_of(&st),
			    "n3 needs a snapshot, the log begins behind what it has: kquorumd sends it\n");
	st.peers[1].needs_snapshot = true;
	st.daemon = false;
	assert_string_equal(missing_of(&st),
			    "n2, n3 need a snapshot, the log begins behind what they have: nobody sends it\n");
	/* Who waits for it hears so too. */
	st.outgoing = 0xe;
	status_change(&st, why, sizeof(why));
	assert_contains(why, "without n3 (needs a snapshot)");
	st.peers[1].progress = KQUORUM_PROGRESS_PROBE;
	st.peers[1].needs_snapshot = false;
	status_change(&st, why, sizeof(why));
	assert_contains(why, "n2 (asked how far it is)");
}

static void says_where_the_log_begins(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.snapshot.index = 5000;
	st.first_index = 4001;
	st.last_index = 5100;
	status_log_range(&st, why, sizeof(why));
	assert_string_equal(why, "100 entries since; log from 4001 on (1000 before it)");
	st.first_index = 5001;
	status_log_range(&st, why, sizeof(why));
	assert_string_equal(why, "100 entries since; log from 5001 on (right behind it)");
	/* Its log has not gone on behind one that was installed. */
	st.last_index = 5000;
	status_log_range(&st, why, sizeof(why));
	assert_string_equal(why, "0 entries since; log from 5001 on (right behind it)");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_who_may_still_fail),
		cmocka_unit_test(counts_voters_and_nobody_else),
		cmocka_unit_test(counts_both_halves_of_a_joint_configuration),
		cmocka_unit_test(names_who_is_missing_in_a_working_cluster),
		cmocka_unit_test(says_the_way_out_when_nodes_stay_away),
		cmocka_unit_test(names_who_is_missing_by_its_part),
		cmocka_unit_test(tells_what_change_is_under_way),
		cmocka_unit_test(names_the_part_of_each),
		cmocka_unit_test(says_who_needs_a_snapshot),
		cmocka_unit_test(says_where_the_log_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
