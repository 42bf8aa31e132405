// SPDX-License-Identifier: GPL-2.0
/* kquorum status: the reasons it gives, one situation each. */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "test.h"

struct cli cli;
static char why[4096];

/* Three nodes, this is n1, all is well and n2 leads. */
static struct kquorum_status healthy(void)
{
	struct kquorum_status st = {
		.name = "demo", .node_id = 1, .state = KQUORUM_NODE_RUNNING, .term = 4, .leader = 2,
		.quorum = true, .daemon = true, .n_peers = 3, .conf_index = 1, .voters = 0xe,
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct kquorum_peer_status *p = &st.peers[i];

		p->id = i + 1;
		p->connected = i > 0;
		snprintf(p->name, sizeof(p->name), "n%u", i + 1);
		snprintf(p->address, sizeof(p->address), "10.0.0.%u:7420", i + 1);
		p->rtt_ns = p->seen_ns = p->disk_ns = KQUORUM_NEVER;
	}
	return st;
}

static const char *why_of(const struct kquorum_status *st)
{
	status_why(st, why, sizeof(why));
	return why;
}

static void silent_when_all_is_well(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	assert_string_equal(why_of(&st), "");
	assert_int_equal(status_may_lose(&st), 1);
}

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
	st.n_peers = 1;
	assert_int_equal(status_may_lose(&st), 0);
}

static void says_what_a_new_cluster_waits_for(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.leader = 0;
	st.conf_index = 0;
	st.voters = 0;
	st.last_index = 0;
	st.term = 0;
	st.peers[1].connected = false;
	strcpy(st.peers[1].reason, "10.0.0.2:7420: Connection refused");
	assert_string_equal(why_of(&st),
			    "this node's log is empty; a new cluster begins when all of its first nodes are there at once\n"
			    "  n2 at 10.0.0.2:7420 is not connected: 10.0.0.2:7420: Connection refused\n"
			    "  is it up (kquorum start there), and is its port open?\n");
	st.peers[2].connected = false;
	strcpy(st.peers[1].reason, "its files are new");
	strcpy(st.peers[2].reason, "its files are new");
	why_of(&st);
	assert_contains(why, "  n3 at 10.0.0.3:7420 is not connected: its files are new\n");
	assert_null(strstr(why, "kquorum start"));	/* it is up */
	st.last_index = 3;
	assert_string_equal(why_of(&st), "this node does not know the configuration yet: the leader tells it\n");
	st.last_index = 0;
	st.peers[1].connected = st.peers[2].connected = true;
	assert_contains(why_of(&st), "all are connected to this one; n1, the first of them, begins it");
}

static void names_missing_peers(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.leader = 0;
	st.peers[1].connected = st.peers[2].connected = false;
	strcpy(st.peers[1].reason, "connection refused");
	st.peers[2].seen_ns = 3 * NS_PER_SEC;
	why_of(&st);
	assert_contains(why, "only 1 of 3 nodes can be reached and work, 2 are needed:");
	assert_contains(why, "n2 at 10.0.0.2:7420 is not connected: connection refused\n");
	assert_contains(why, "n3 at 10.0.0.3:7420 is not connected, last seen 3.0s ago\n");
}

static void notices_a_silent_connection(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.settings.election_ms = 2000;
	st.peers[1].seen_ns = st.peers[2].seen_ns = 7 * NS_PER_SEC;
	/* Followers have nothing to tell each other. */
	assert_int_equal(status_may_lose(&st), 1);
	st.role = KQUORUM_LEADER;
	st.peers[1].seen_ns = 5 * NS_PER_SEC;
	assert_int_equal(status_may_lose(&st), 0);
	st.role = KQUORUM_FOLLOWER;
	st.quorum = false;
	st.leader = 0;
	why_of(&st);
	assert_contains(why, "2 of 3 nodes can be reached and work, which is enough; the others:\n");
	assert_contains(why, "n3 at 10.0.0.3:7420 is connected, but has been silent for 7.0s\n");
	st.peers[1].seen_ns = 7 * NS_PER_SEC;
	assert_contains(why_of(&st), "only 1 of 3 nodes can be reached and work, 2 are needed:");
	/* Who waits after a restart asks nobody. */
	st.wait_left_ns = 1;
	assert_null(strstr(why_of(&st), "silent"));
}

static void tells_of_the_wait_after_a_restart(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.wait_left_ns = 7 * NS_PER_SEC;
	assert_contains(why_of(&st), "restarted and may not vote or stand for another 7.0s");
}

static void tells_of_lost_votes(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.canvass = KQUORUM_CANVASS_LOST;
	assert_contains(why_of(&st), "did not vote for this node");
	/* Whom nobody can reach has refused nothing. */
	st.peers[1].connected = st.peers[2].connected = false;
	assert_null(strstr(why_of(&st), "did not vote"));
}

static void says_what_to_do_about_missing_peers(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.leader = 0;
	st.peers[1].connected = st.peers[2].connected = false;
	strcpy(st.peers[1].reason, "10.0.0.2:7420: Connection refused");
	assert_contains(why_of(&st), "  are they up (kquorum start there), and are their ports open?\n");
	strcpy(st.peers[2].reason, "its cluster id or its list of members is another");
	assert_contains(why_of(&st), "  is it up (kquorum start there), and is its port open?\n");
	strcpy(st.peers[1].reason, "refused: it does not speak kquorum");
	assert_contains(why_of(&st), "not connected: refused: it does not speak kquorum\n");
	assert_null(strstr(why_of(&st), "port"));
}

static void says_why_nobody_can_connect(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	strcpy(st.peers[0].reason, "cannot listen on 10.0.0.1 port 7420: Address already in use");
	assert_contains(why_of(&st), "this node cannot listen on 10.0.0.1 port 7420: Address already in use\n"
			"  others connect to it there: free the port");
}

static const char *missing_of(const struct kquorum_status *st)
{
	status_missing(st, why, sizeof(why));
	return why;
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
			    "  n3 at 10.0.0.3:7420 is not connected: refused: its files are older, last seen 12.0s ago\n");
	st.peers[2].connected = true;
	st.peers[2].seen_ns = 0;
	st.peers[2].flags = KQUORUM_PEERF_FAULTY;
	assert_contains(missing_of(&st), "without n3 (faulty): kquorum status there");
	st.n_peers = KQUORUM_MAX_NODES;
	for (i = 1; i < st.n_peers; i++) {
		st.peers[i].id = i + 1;
		st.peers[i].connected = i > 7;
		st.peers[i].reason[0] = '\0';
		st.peers[i].seen_ns = i > 7 ? 0 : 125 * NS_PER_SEC;
		snprintf(st.peers[i].name, sizeof(st.peers[i].name), "n%u", i + 1);
	}
	assert_contains(missing_of(&st), "without n2 (down, heard 2m05s ago) and 6 more: ");
	assert_true(strlen(why) <= 101);
	st.quorum = false;
	assert_string_equal(missing_of(&st), "");
}

static void assert_fits(const struct kquorum_status *st)
{
	const char *line;

	for (line = why_of(st); *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 100)
			fail_msg("more than 100 columns: %s", line);
}

static void fits_the_screen(void **state)
{
	struct kquorum_status st = healthy();
	unsigned int i;

	(void)state;
	st.disk.capacity_bytes = st.disk.used_bytes = 512 << 20;
	st.disk.torn_bytes = 4096;
	st.disk.error = -EIO;
	for (i = 0; i <= KQUORUM_DISK_DAMAGED; i++) {
		st.disk.state = i;
		assert_fits(&st);
	}
	st.daemon = false;
	assert_fits(&st);
	st.quorum = false;
	st.wait_left_ns = 99 * NS_PER_SEC;
	for (i = 0; i <= KQUORUM_CAMPAIGN_LOST; i++) {
		st.canvass = i;
		assert_fits(&st);
	}
	st.peers[1].connected = st.peers[2].connected = false;
	assert_fits(&st);
	for (i = 0; i <= KQUORUM_NODE_STOPPING; i++) {
		st.state = i;
		assert_fits(&st);
	}
}

static void says_where_the_log_is_damaged(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.state = KQUORUM_NODE_DAMAGED;
	st.disk.state = KQUORUM_DISK_DAMAGED;
	st.disk.segment = 3;
	st.disk.offset_bytes = 8192;
	st.quorum = false;
	st.peers[1].seen_ns = 3600 * NS_PER_SEC;
	why_of(&st);
	assert_contains(why, "segment-0003 at byte 8192");
	assert_contains(why, "kquorum init --force");
	/* it takes no part, so that it hears nothing of the others is no news of them */
	assert_null(strstr(why, "silent"));
	assert_null(strstr(why, "can be reached"));
}

static void announces_a_filling_log(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.disk.state = KQUORUM_DISK_LOW;
	st.disk.capacity_bytes = 512 << 20;
	st.disk.used_bytes = 400 << 20;
	assert_contains(why_of(&st), "the log is 78% full (400 MiB of 512 MiB)");
	st.disk.state = KQUORUM_DISK_FULL;
	assert_contains(why_of(&st), "the log is full");
	st.disk.state = KQUORUM_DISK_FAILED;
	st.disk.error = -EIO;
	assert_contains(why_of(&st), "Input/output error");
}

static void says_how_to_start_the_daemon(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.daemon = false;
	assert_contains(why_of(&st), "what runs goes on");
	st.quorum = false;
	assert_contains(why_of(&st), "nobody connects it or stands for election (kquorum start)");
}

static void never_silent_without_quorum(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.leader = 0;
	assert_string_not_equal(why_of(&st), "");
}

static void fits_its_buffer(void **state)
{
	struct kquorum_status st = healthy();
	char small[40];

	(void)state;
	st.quorum = false;
	st.peers[1].connected = st.peers[2].connected = false;
	status_why(&st, small, sizeof(small));
	assert_true(strlen(small) < sizeof(small));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_when_all_is_well),
		cmocka_unit_test(counts_who_may_still_fail),
		cmocka_unit_test(says_what_a_new_cluster_waits_for),
		cmocka_unit_test(names_missing_peers),
		cmocka_unit_test(notices_a_silent_connection),
		cmocka_unit_test(tells_of_the_wait_after_a_restart),
		cmocka_unit_test(tells_of_lost_votes),
		cmocka_unit_test(says_what_to_do_about_missing_peers),
		cmocka_unit_test(says_why_nobody_can_connect),
		cmocka_unit_test(names_who_is_missing_in_a_working_cluster),
		cmocka_unit_test(fits_the_screen),
		cmocka_unit_test(says_where_the_log_is_damaged),
		cmocka_unit_test(announces_a_filling_log),
		cmocka_unit_test(says_how_to_start_the_daemon),
		cmocka_unit_test(never_silent_without_quorum),
		cmocka_unit_test(fits_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
