// SPDX-License-Identifier: GPL-2.0
/* kquorum status: the reasons it gives, one situation each. */
#include <errno.h>

#include "why.h"

struct cli cli;

static void silent_when_all_is_well(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	assert_string_equal(why_of(&st), "");
	assert_int_equal(status_may_lose(&st), 1);
}

static void says_what_a_new_cluster_waits_for(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.leader = 0;
	st.conf_index = st.last_index = st.term = 0;
	st.voters = 0;
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
	struct kquorum_status st = cut_off();

	(void)state;
	strcpy(st.peers[1].reason, "connection refused");
	st.peers[2].seen_ns = 3 * NS_PER_SEC;
	why_of(&st);
	assert_contains(why, "only 1 of 3 voters can be reached and work, 2 are needed:");
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
	assert_contains(why, "2 of 3 voters can be reached and work, which is enough; the others:\n");
	assert_contains(why, "n3 at 10.0.0.3:7420 is connected, but has been silent for 7.0s\n");
	st.peers[1].seen_ns = 7 * NS_PER_SEC;
	assert_contains(why_of(&st), "only 1 of 3 voters can be reached and work, 2 are needed:");
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
	struct kquorum_status st = cut_off();

	(void)state;
	strcpy(st.peers[1].reason, "10.0.0.2:7420: Connection refused");
	assert_contains(why_of(&st), "  are they up (kquorum start there), and are their ports open?\n");
	strcpy(st.peers[2].reason, "its cluster id or its list of members is another");
	assert_contains(why_of(&st), "  is it up (kquorum start there), and is its port open?\n");
	strcpy(st.peers[1].reason, "refused: it does not speak kquorum");
	assert_contains(why_of(&st), "not connected: refused: it does not speak kquorum\n");
	assert_null(strstr(why_of(&st), "port"));
}

static void says_that_it_listens_elsewhere(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	strcpy(st.peers[0].address, "10.0.0.9:7420");
	strcpy(st.peers[0].reason, "listens on 10.0.0.1:7420, not where the others look for it");
	assert_string_equal(why_of(&st),
			    "this node listens on 10.0.0.1:7420, not where the others look for it, 10.0.0.9:7420\n"
			    "  in its kquorum.conf: listen = 10.0.0.9:7420 and advertise = 10.0.0.9:7420, then systemctl reload\n"
			    "    kquorumd (or pkill -HUP kquorumd)\n"
			    "  should that address be wrong: kquorum member set-address n1 ADDR, on the leader\n");
}

static void says_why_nobody_can_connect(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	strcpy(st.peers[0].reason, "cannot listen on 10.0.0.1 port 7420: Address already in use");
	assert_contains(why_of(&st), "this node cannot listen on 10.0.0.1 port 7420: Address already in use\n"
			"  others connect to it there: free the port");
}

static void says_what_is_wrong_with_snapshots_and_nothing_of_ports(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	strcpy(st.peers[0].reason, "no snapshot: No space left on device: make room on "
	       "/var/lib/kquorum/a-directory-with-a-long-n, else the log fills up");
	assert_string_equal(why_of(&st), "no snapshot: No space left on device: make room on "
			    "/var/lib/kquorum/a-directory-with-a-long-n, else\n  the log fills up\n");
}

static void breaks_long_lines(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.quorum = false;
	st.peers[1].connected = false;
	strcpy(st.peers[1].reason, "it knows other files under this number than these, which are new: bring "
	       "those back, or kquorum member add and join anew");
	assert_contains(why_of(&st), "  n2 at 10.0.0.2:7420 is not connected: it knows other files under "
			"this number than these, which are\n    new: bring those back");
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
	assert_contains(why, "  on the leader: kquorum member replace n1 n1=10.0.0.1:7420\n");
	assert_contains(why, "kquorum recover");
	/* it takes no part, so that it hears nothing of the others is no news of them */
	assert_null(strstr(why, "silent"));
	assert_null(strstr(why, "can be reached"));
}

static void says_what_becomes_of_a_node_without_its_snapshot(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.state = KQUORUM_NODE_DAMAGED;
	st.quorum = false;
	strcpy(st.reason, "snapshot: that of index 5000: its file is missing");
	why_of(&st);
	assert_contains(why, "this node has no state, for its snapshot cannot be had: "
			"that of index 5000: its file is missing\n");
	assert_contains(why, "It mends itself: the leader's kquorumd sends it\n");
	assert_contains(why, "  on the leader: kquorum member replace n1 n1=10.0.0.1:7420\n");
	/* It is not the log that is damaged. */
	assert_null(strstr(why, "segment"));
	assert_fits(&st);
	st.daemon = false;
	assert_contains(why_of(&st), "no daemon has this node");
	strcpy(st.reason, "log damaged: snapshot: no");
	assert_contains(why_of(&st), "log is damaged in segment-0000");
}

static void says_how_far_a_snapshot_is(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.peers[2].transit.index = 4990;
	st.peers[2].transit.bytes = 40 << 20;
	st.peers[2].transit.done_bytes = 10 << 20;
	assert_string_equal(why_of(&st),
			    "the snapshot of index 4990 is on its way to n3: 10 MiB of 40 MiB\n");
	st.peers[2].transit.comes = true;
	assert_string_equal(why_of(&st),
			    "the snapshot of index 4990 comes from n3: 10 MiB of 40 MiB\n");
	/* Also while it has no state. */
	st.state = KQUORUM_NODE_DAMAGED;
	st.quorum = false;
	assert_contains(why_of(&st), "\nthe snapshot of index 4990 comes from n3");
}

static void says_what_to_do_with_older_files(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.state = KQUORUM_NODE_FAILED;
	st.quorum = false;
	strcpy(st.reason, "acknowledged log entries are gone: 7 of 9");
	why_of(&st);
	assert_contains(why, "these files are older than what it said it had");
	assert_contains(why, "  on the leader: kquorum member replace n1 n1=10.0.0.1:7420\n");
	st.peers[0].name[0] = '\0';
	assert_contains(why_of(&st), "kquorum member replace NAME NAME=ADDR\n");
	strcpy(st.reason, "an invariant broke");
	assert_contains(why_of(&st), "kquorum stop; kquorum start");
}

static void announces_a_filling_log(void **state)
{
	struct kquorum_status st = healthy();

	(void)state;
	st.disk.state = KQUORUM_DISK_LOW;
	st.disk.capacity_bytes = 512 << 20;
	st.disk.used_bytes = 400 << 20;
	assert_contains(why_of(&st), "the log is 78% full (400 MiB of 512 MiB)\n"
			"  kquorumd saves a snapshot, which makes room; ");
	st.disk.state = KQUORUM_DISK_FULL;
	assert_contains(why_of(&st), "the log is full");
	assert_contains(why, "\n  a snapshot makes room");
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

static void says_whose_clock_is_off_and_what_follows(void **state)
{
	struct kquorum_status st = healthy();

	st.settings.drift_ppm = 500;
	st.peers[1].has_rate = true;
	st.peers[1].rate_min_ppm = -1210;
	st.peers[1].rate_max_ppm = -1190;
	assert_string_equal(why_of(&st), "");	/* as long as it is not found off */
	st.peers[1].clock_off = -1;
	assert_non_null(strstr(why_of(&st), "clock of n2"));
	assert_non_null(strstr(why, "by -1210 to -1190 ppm"));
	assert_non_null(strstr(why, "within 500"));
	assert_non_null(strstr(why, "kquorum status on n2"));
	st.leader = 1;
	st.role = KQUORUM_LEADER;
	assert_non_null(strstr(why_of(&st), "it gets no lease"));
	/* Where its own is off that of the others is not the matter. */
	st.clock_off = 1;
	assert_non_null(strstr(why_of(&st), "this node's clock is too fast"));
	assert_null(strstr(why, "clock of n2"));
	st.clock_off = -1;
	assert_non_null(strstr(why_of(&st), "too slow"));
	(void)state;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_when_all_is_well),
		cmocka_unit_test(says_what_a_new_cluster_waits_for),
		cmocka_unit_test(names_missing_peers),
		cmocka_unit_test(notices_a_silent_connection),
		cmocka_unit_test(tells_of_the_wait_after_a_restart),
		cmocka_unit_test(tells_of_lost_votes),
		cmocka_unit_test(says_what_to_do_about_missing_peers),
		cmocka_unit_test(says_that_it_listens_elsewhere),
		cmocka_unit_test(says_why_nobody_can_connect),
		cmocka_unit_test(says_what_is_wrong_with_snapshots_and_nothing_of_ports),
		cmocka_unit_test(breaks_long_lines),
		cmocka_unit_test(fits_the_screen),
		cmocka_unit_test(says_where_the_log_is_damaged),
		cmocka_unit_test(says_what_becomes_of_a_node_without_its_snapshot),
		cmocka_unit_test(says_how_far_a_snapshot_is),
		cmocka_unit_test(says_what_to_do_with_older_files),
		cmocka_unit_test(announces_a_filling_log),
		cmocka_unit_test(says_how_to_start_the_daemon),
		cmocka_unit_test(never_silent_without_quorum),
		cmocka_unit_test(fits_its_buffer),
		cmocka_unit_test(says_whose_clock_is_off_and_what_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
