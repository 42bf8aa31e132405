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
		.quorum = true, .daemon = true, .n_peers = 3, .conf_index = 1, .commit_index = 9,
		.last_index = 9, .voters = 0xe, .founders = 0xe,
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct kquorum_peer_status *p = &st.peers[i];

		p->id = i + 1;
		p->member = true;
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

/* Nobody else can be reached. */
static struct kquorum_status cut_off(void)
{
	struct kquorum_status st = healthy();

	st.quorum = false;
	st.leader = 0;
	st.peers[1].connected = st.peers[2].connected = false;
	return st;
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
	st.voters = 2;
	assert_int_equal(status_may_lose(&st), 0);
}

static struct kquorum_peer_status *add_node(struct kquorum_status *st, uint32_t id)
{
	struct kquorum_peer_status *p = &st->peers[st->n_peers++];

	*p = (struct kquorum_peer_status){ .id = id, .connected = true, .rtt_ns = KQUORUM_NEVER,
					   .seen_ns = KQUORUM_NEVER, .disk_ns = KQUORUM_NEVER };
	snprintf(p->name, sizeof(p->name), "n%u", id);
	snprintf(p->address, sizeof(p->address), "10.0.0.%u:7420", id);
	return p;
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

static const char *missing_of(const struct kquorum_status *st)
{
	status_missing(st, why, sizeof(why));
	return why;
}

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_when_all_is_well),
		cmocka_unit_test(counts_who_may_still_fail),
		cmocka_unit_test(counts_voters_and_nobody_else),
		cmocka_unit_test(counts_both_halves_of_a_joint_configuration),
		cmocka_unit_test(says_what_a_new_cluster_waits_for),
		cmocka_unit_test(names_missing_peers),
		cmocka_unit_test(notices_a_silent_connection),
		cmocka_unit_test(a_stranger_in_a_members_place_is_not_taken_for_it),
		cmocka_unit_test(tells_of_the_wait_after_a_restart),
		cmocka_unit_test(tells_of_lost_votes),
		cmocka_unit_test(says_what_to_do_about_missing_peers),
		cmocka_unit_test(says_that_it_listens_elsewhere),
		cmocka_unit_test(says_why_nobody_can_connect),
		cmocka_unit_test(says_what_is_wrong_with_snapshots_and_nothing_of_ports),
		cmocka_unit_test(names_who_is_missing_in_a_working_cluster),
		cmocka_unit_test(says_the_way_out_when_nodes_stay_away),
		cmocka_unit_test(says_to_who_lost_its_disk_that_it_must_not_begin),
		cmocka_unit_test(says_what_to_do_about_who_is_another),
		cmocka_unit_test(says_who_is_connected_in_a_members_place),
		cmocka_unit_test(says_who_comes_as_one_that_is_connected),
		cmocka_unit_test(says_who_waits_to_be_taken_in),
		cmocka_unit_test(names_who_is_missing_by_its_part),
		cmocka_unit_test(tells_what_change_is_under_way),
		cmocka_unit_test(says_that_it_has_left),
		cmocka_unit_test(says_that_it_waits_to_be_taken_in),
		cmocka_unit_test(says_that_the_log_of_a_founder_was_lost),
		cmocka_unit_test(names_the_part_of_each),
		cmocka_unit_test(breaks_long_lines),
		cmocka_unit_test(fits_the_screen),
		cmocka_unit_test(says_where_the_log_is_damaged),
		cmocka_unit_test(says_what_becomes_of_a_node_without_its_snapshot),
		cmocka_unit_test(says_who_needs_a_snapshot),
		cmocka_unit_test(says_how_far_a_snapshot_is),
		cmocka_unit_test(says_where_the_log_begins),
		cmocka_unit_test(says_what_to_do_with_older_files),
		cmocka_unit_test(announces_a_filling_log),
		cmocka_unit_test(says_how_to_start_the_daemon),
		cmocka_unit_test(never_silent_without_quorum),
		cmocka_unit_test(fits_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
