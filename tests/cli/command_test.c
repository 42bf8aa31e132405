// SPDX-License-Identifier: GPL-2.0
/*
 * Whole subcommands against a cluster that says what the test wants: libkquorum is
 * replaced, and each command runs in a child whose output is read through a pipe
 * or, where it matters that somebody looks on, a terminal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "test.h"

struct cli cli;

/* What the replaced library answers. */
static struct kquorum_status status;
static struct kquorum_resource resource;
static struct kquorum_lock_info lock_info;
static struct { unsigned int times; int error; } refused;	/* so often before @lock_info */
static bool node_runs;
static unsigned int daemon_in;	/* statuses until there is a daemon; 0: as it is */
static int other_end = -1;	/* of the descriptor that stands in for a handle */

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	/* Whoever has started a daemon sees it some time later. */
	if (daemon_in && !--daemon_in)
		status.daemon = true;
	*st = status;
	return node_runs ? 0 : -ENODEV;
}

int kquorum_node_start(struct kquorum *k, const struct kquorum_config *c, const int *fds,
		       unsigned int n_fds, const int *snapshots, unsigned int n_snapshots)
{
	(void)k;
	(void)c;
	(void)fds;
	(void)n_fds;
	(void)snapshots;
	(void)n_snapshots;
	node_runs = true;
	return 0;
}

static int open_handle(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	other_end = ends[1];
	return ends[0];
}

int kquorum_lock_open(struct kquorum *k, const struct kquorum_lock_request *request)
{
	(void)k;
	if (resource.n_claims && request->flags & KQUORUM_LOCK_TRY) {
		lock_info.state = KQUORUM_LOCK_REFUSED;
		lock_info.error = -EAGAIN;
	}
	return open_handle();
}

int kquorum_lock_read(int fd, struct kquorum_lock_info *info)
{
	(void)fd;
	*info = lock_info;
	if (refused.times) {
		refused.times--;
		*info = (struct kquorum_lock_info){ .state = KQUORUM_LOCK_REFUSED, .error = refused.error };
	}
	return 0;
}

int kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss)
{
	(void)fd;
	(void)on_loss;
	return 0;
}

int kquorum_lock_renew(int fd, uint64_t token)
{
	(void)fd;
	(void)token;
	return 0;
}

int kquorum_resource_evict(struct kquorum *k, const struct kquorum_evict_request *request)
{
	(void)k;
	(void)request;
	return -ENOENT;
}

int kquorum_append_open(struct kquorum *k)
{
	(void)k;
	return open_handle();
}

int kquorum_resource_dump(struct kquorum *k, kquorum_resource_cb cb, void *user)
{
	(void)k;
	return resource.name[0] ? cb(&resource, user) : 0;
}

int kquorum_resource_get(struct kquorum *k, const char *name, kquorum_resource_cb cb, void *user)
{
	(void)k;
	return strcmp(name, resource.name) ? -ENOENT : cb(&resource, user);
}

int kquorum_resource_set(struct kquorum *k, const struct kquorum_resource_request *request)
{
	(void)k;
	(void)request;
	return -EOPNOTSUPP;
}

int kquorum_resource_delete(struct kquorum *k, const char *name)
{
	(void)k;
	(void)name;
	return -EOPNOTSUPP;
}

/* One entry: the first there is. */
int kquorum_log_dump(struct kquorum *k, uint64_t first, uint64_t last, kquorum_log_cb cb,
		     void *user)
{
	struct kquorum_log_entry e = {
		.index = first > status.first_index ? first : status.first_index, .term = 4,
		.type = KQUORUM_ENTRY_NOOP, .committed = true,
	};

	(void)k;
	(void)last;
	return cb(&e, user);
}

/* --- the cluster ----------------------------------------------------------------------- */

static struct kquorum_claim claims[2] = {
	{ .node = 2, .pid = 4194304, .session = 5, .owner = 1, .token = 77,
	  .age_ns = 65 * NS_PER_SEC, .comm = "fifteen-letters" },
	{ .node = 3, .pid = 12, .session = 6, .owner = 1, .age_ns = NS_PER_SEC, .comm = "waits" },
};

/* Three nodes, this is n1, n2 leads and holds "tt". */
static int setup(void **state)
{
	unsigned int i;

	(void)state;
	node_runs = true;
	daemon_in = 0;
	lock_info = (struct kquorum_lock_info){ .state = KQUORUM_LOCK_QUEUED, .left_ns = 9 * NS_PER_SEC,
						 .renew_left_ns = KQUORUM_NEVER,
						 .hold_left_ns = KQUORUM_NEVER };
	refused.times = 0;
	resource = (struct kquorum_resource){
		.name = "tt", .token = 77, .units = 1, .in_use = 1, .n_claims = 2, .claims = claims,
	};
	status = (struct kquorum_status){
		.name = "demo", .cluster_id = 0xabc, .node_id = 1, .state = KQUORUM_NODE_RUNNING,
		.term = 4, .leader = 2, .quorum = true, .daemon = true, .n_peers = 3, .session = 9,
		.conf_index = 1, .commit_index = 9, .voters = 0xe, .founders = 0xe,
		.session_left_ns = 9 * NS_PER_SEC,
		.settings = { .election_ms = 1000, .lease_ms = 10000, .delta_ms = 250 },
	};
	for (i = 0; i < 3; i++) {
		struct kquorum_peer_status *p = &status.peers[i];

		p->id = i + 1;
		p->member = true;
		p->connected = i > 0;
		snprintf(p->name, sizeof(p->name), "n%u", i + 1);
		snprintf(p->address, sizeof(p->address), "10.0.0.%u:7420", i + 1);
		p->rtt_ns = p->disk_ns = KQUORUM_NEVER;
		p->seen_ns = 3725 * NS_PER_SEC;
	}
	status.peers[1].seen_ns = 12 * NS_PER_MS;
	return 0;
}

static void lose_quorum(void)
{
	status.quorum = false;
	status.leader = 0;
	status.silence_ns = 12 * NS_PER_SEC;
	status.peers[1].connected = status.peers[2].connected = false;
}

static void end_session(void)
{
	status.session_left_ns = 0;
	resource.n_claims = 0;
	lock_info.state = KQUORUM_LOCK_ASKING;
}

/* --- tests ----------------------------------------------------------------------------- */

static void who_was_sent_away_is_no_row(void **state)
{
	(void)state;
	status.peers[3] = (struct kquorum_peer_status){
		.id = 4, .rtt_ns = KQUORUM_NEVER, .disk_ns = KQUORUM_NEVER, .seen_ns = KQUORUM_NEVER,
		.reason = "refused, from 10.0.0.9: it is of another cluster",
	};
	status.n_peers = 4;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_null(strstr(out, "none"));
	assert_int_equal(run(&command_status, "status -j"), 0);
	assert_contains(out, "refused, from 10.0.0.9");
	status.peers[3].connected = true;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "none");
}

static void followers_are_not_called_silent(void **state)
{
	(void)state;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "12ms");
	assert_null(strstr(out, "1h02m"));
	assert_int_equal(run(&command_status, "status -j"), 0);
	assert_contains(strstr(out, "\"n3\""), "\"seen_ms\":\tnull");
	assert_contains(strstr(out, "\"n2\""), "\"seen_ms\":\t12.000");
	/* The leader does hear them. */
	status.leader = 1;
	status.role = KQUORUM_LEADER;
	run(&command_status, "status");
	assert_contains(out, "1h02m");
}

static void status_tells_how_many_locks_there_may_be(void **state)
{
	(void)state;
	status.locks.user_max = 7;
	status.locks.node_max = 70;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_null(strstr(out, "lock handle"));
	status.locks.open = 1;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "\n1 lock handle here, of at most 70, and 7 for one user\n");
	status.locks.open = 5;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "\n5 lock handles here, ");
	assert_int_equal(run(&command_status, "status -j"), 0);
	assert_contains(strstr(out, "\"locks\""), "\"open\":\t5,\n\t\t\"user_max\":\t7,\n\t\t\"node_max\":\t70\n");
}

/* As after kquorum recover, which goes on 2^40 above. */
static void status_fits_with_large_indexes(void **state)
{
	(void)state;
	status.commit_index = status.applied_index = status.last_index = (1ULL << 40) + 7;
	status.first_index = (1ULL << 40) + 3;
	status.snapshot.index = (1ULL << 40) + 2;
	status.snapshot.bytes = 4200;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_fits();
	assert_contains(out, "leader n2, term 4\n  committed 1099511627783, applied 1099511627783 \302\267 ");
	assert_contains(out, "\n  5 entries since; log from 1099511627779 on (right behind it)\n");
	status.commit_index = status.applied_index = 9;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "term 4 \302\267 committed 9, applied 9 \302\267 daemon up\n");
}

/* It may be about to be asked in, or never; nobody knows how far it is. */
static void status_tells_nothing_of_who_was_never_heard(void **state)
{
	struct kquorum_peer_status *p = &status.peers[status.n_peers++];

	(void)state;
	*p = (struct kquorum_peer_status){ .id = 4, .name = "n4", .has_progress = true,
		.seen_ns = KQUORUM_NEVER, .rtt_ns = KQUORUM_NEVER, .disk_ns = KQUORUM_NEVER };
	status.leader = 1;
	status.role = KQUORUM_LEADER;
	status.last_index = 9;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "none   down       -      -    -  ");
	p->match_index = 3;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "none   down       3      6    -  ");
}

static void status_names_who_is_missing_without_alarm(void **state)
{
	const char *line;

	(void)state;
	status.peers[2].connected = false;
	assert_int_equal(run_on_terminal(&command_status, "status"), 0);
	assert_contains(out, "may lose 0 of 3");
	line = strstr(out, "without n3 (down): kquorum start there");
	assert_non_null(line);
	/* Neither is a colour switched on before it nor off behind it. */
	assert_int_equal(line[-1], '\n');
	assert_null(strstr(line, "\033["));
}

/* Learners, and who is no member, have rows and no votes. */
static void status_shows_what_each_is(void **state)
{
	uint32_t id;

	(void)state;
	for (id = 4; id <= 6; id++) {
		struct kquorum_peer_status *p = &status.peers[status.n_peers++];

		*p = status.peers[1];
		p->id = id;
		snprintf(p->name, sizeof(p->name), "n%u", id);
		p->promote = id == 4;
	}
	status.learners = 0x30;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "demo: quorum yes, may lose 1 of 3 ");
	assert_contains(out, "\nn3    10.0.0.3:7420  voter    connected");
	assert_contains(out, "\nn5    10.0.0.2:7420  learner  connected");
	assert_contains(out, "\nn6    10.0.0.2:7420  none     connected");
	assert_int_equal(run(&command_status, "status -j"), 0);
	assert_contains(out, "\"voters\":\t3,");
	assert_contains(out, "\"configuration_settled\":\ttrue,\n\t\"left\":\tfalse,");
	assert_contains(strstr(out, "\"n4\""), "\"role\":\t\"learner\",\n\t\t\t\"promote\":\ttrue");
	status.left = true;
	status.voters = 0xc;
	status.quorum = false;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "\nn1    10.0.0.1:7420  left     follower");
	assert_contains(out, "this node has left the cluster");
	assert_fits();
}

static void status_tells_of_snapshots(void **state)
{
	(void)state;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_null(strstr(out, "snapshot"));
	assert_int_equal(run(&command_status, "status -j"), 0);
	assert_contains(out, "\"snapshot\":\tnull,");
	assert_contains(strstr(out, "\"n3\""), "\"needs_snapshot\":\tfalse,");
	status.snapshot = (struct kquorum_snapshot_status){ 5000, 4, 47104, 0xab };
	status.first_index = 4001;
	status.last_index = 5100;
	status.leader = 1;
	status.role = KQUORUM_LEADER;
	status.peers[2].has_progress = status.peers[2].needs_snapshot = true;
	status.peers[2].progress = KQUORUM_PROGRESS_SNAPSHOT;
	status.peers[2].seen_ns = 0;
	assert_int_equal(run(&command_status, "status"), 0);
	assert_contains(out, "\nsnapshot of index 5000 (46 KiB), 100 entries since; log from 4001 on "
			"(1000 before it)\n");
	assert_fits();
	assert_contains(out, "\nn3    10.0.0.3:7420  voter  snapshot   0      5100");
	assert_contains(out, "\nn3 needs a snapshot, the log begins behind what it has: kquorumd sends it\n");
	assert_int_equal(run(&command_status, "status -j"), 0);
	assert_contains(out, "\"first_index\":\t4001,\n\t\"last_index\":\t5100,");
	assert_contains(out, "\"snapshot\":\t{\n\t\t\"index\":\t5000,\n\t\t\"term\":\t4,\n\t\t"
			"\"bytes\":\t47104,\n\t\t\"crc32c\":\t\"000000ab\"\n\t},");
	assert_contains(strstr(out, "\"n3\""), "\"needs_snapshot\":\ttrue,");
}

static void log_says_that_what_was_asked_for_is_gone(void **state)
{
	(void)state;
	status.first_index = 4001;
	status.last_index = 5100;
	assert_int_equal(run(&command_log, "log"), 0);
	assert_contains(out, "      4001 ");
	assert_null(strstr(out, "the log begins"));
	assert_int_equal(run(&command_log, "log --from 4001"), 0);
	assert_null(strstr(out, "the log begins"));
	assert_int_equal(run(&command_log, "log --from 4000"), 0);
	assert_contains(out, "kquorum log: the log begins at index 4001; what came of the entries before is in the "
			"snapshot\n");
	assert_fits();
}

static void lock_says_that_the_session_ran_out(void **state)
{
	(void)state;
	end_session();
	assert_int_equal(run(&command_lock, "lock -w 0.1 tt -- true"), 75);
	assert_contains(out, "tt: not granted in time:\n  this node's session ran out, a new one begins "
			"when that is settled (up to 10.5s)");
	assert_fits();
	assert_int_equal(run(&command_lock, "lock -w 0.1 -E 9 tt -- true"), 9);
	assert_int_equal(run_on_terminal(&command_lock, "lock -w 1.3 tt -- true"), 75);
	assert_contains(out, "waiting for tt: this node's session ran out, a new one begins");
	status.session = 0;
	run(&command_lock, "lock -w 0.1 tt -- true");
	assert_contains(out, "this node has no session yet, a new one begins when the last one is settled");
}

static void lock_without_time_to_wait_only_tries(void **state)
{
	(void)state;
	assert_int_equal(run(&command_lock, "lock -w 0 -v tt -- true"), 75);
	assert_contains(out, "tt is held by n2");
	resource.n_claims = 0;
	lock_info.state = KQUORUM_LOCK_GRANTED;
	assert_int_equal(run(&command_lock, "lock -w 0 tt -- true"), 0);
}

static void lock_waits_for_room_in_the_log(void **state)
{
	(void)state;
	lock_info.state = KQUORUM_LOCK_GRANTED;
	refused.times = 3;
	refused.error = -ENOSPC;
	assert_int_equal(run(&command_lock, "lock tt -- true"), 0);
	assert_string_equal(out, "");
	refused.error = -EBUSY;
	assert_int_equal(run(&command_lock, "lock -w 10 tt -- true"), 0);
	refused.error = -ENOSPC;
	refused.times = 7;
	assert_int_equal(run_on_terminal(&command_lock, "lock -w 10 tt -- true"), 0);
	assert_contains(out, "waiting for tt: the log is full: kquorum status");
	refused.times = 1000;
	assert_int_equal(run(&command_lock, "lock -w 0.1 tt -- true"), 1);
	assert_contains(out, "tt: the log is full, and no room came in time: kquorum status");
}

static void lock_that_only_tries_is_refused_by_a_full_log(void **state)
{
	(void)state;
	lock_info.state = KQUORUM_LOCK_GRANTED;
	refused.times = 1;
	refused.error = -ENOSPC;
	assert_int_equal(run(&command_lock, "lock -n tt -- true"), 1);
	assert_string_equal(out, "kquorum lock: tt: the log is full: kquorum status\n");
	refused.error = -EBUSY;
	assert_int_equal(run(&command_lock, "lock -n tt -- true"), 75);
	assert_contains(out, "too much is under way; try again");
}

static void lock_names_the_holder_within_the_screen(void **state)
{
	(void)state;
	lock_info.session = 7;
	assert_int_equal(run(&command_lock, "lock -w 0.1 tt -- true"), 75);
	assert_string_equal(out, "kquorum lock: tt: not granted in time:\n"
			    "  held by n2 for 65.0s: pid 4194304 (fifteen-letters), 1 more before this one\n");
	resource.n_claims = 1;
	run(&command_lock, "lock -w 0.1 tt -- true");
	assert_string_equal(out, "kquorum lock: tt: not granted in time: "
			    "held by n2 for 65.0s: pid 4194304 (fifteen-letters)\n");
	lose_quorum();
	assert_int_equal(run(&command_lock, "lock -w 0.1 a/name/of/its/own -- true"), 69);
	assert_contains(out, "no quorum:\n  only 1 of 3 voters");
	assert_fits();
}

static void append_says_why_it_waits(void **state)
{
	(void)state;
	lose_quorum();
	assert_int_equal(run_on_terminal(&command_append, "append -w 1.3 text"), 69);
	assert_contains(out, "kquorum append: waiting: no quorum\r\nonly 1 of 3 voters");
	assert_contains(out, "kquorum append: no quorum:");
	assert_contains(out, "line 1: outcome unknown");
	assert_int_equal(run(&command_append, "append -w 0.1 text"), 69);
	assert_null(strstr(out, "waiting"));
	assert_contains(out, "kquorum append: no quorum: only 1 of 3 voters can be reached and work, 2 are "
			"needed (kquorum status)\n");
	assert_fits();
}

static void append_says_that_the_session_ran_out(void **state)
{
	(void)state;
	end_session();
	assert_int_equal(run(&command_append, "append -w 0.1 text"), 75);
	assert_contains(out, "no result in time:\n  this node's session ran out");
	status.session_left_ns = 1;
	assert_int_equal(run(&command_append, "append -w 0.1 text"), 75);
	assert_contains(out, "kquorum append: no result in time\n");
}

static void resources_without_quorum_are_of_yesterday(void **state)
{
	(void)state;
	assert_int_equal(run(&command_resource, "resource list"), 0);
	assert_null(strstr(out, "no quorum"));
	lose_quorum();
	assert_int_equal(run(&command_resource, "resource list"), 0);
	assert_contains(out, "fifteen-letters");
	assert_contains(out, "no quorum: so it stood when the leader was last heard, 12.0s ago;\n"
			"  holders may have lost it since");
	assert_fits();
	run(&command_resource, "resource show tt");
	assert_contains(out, "so it stood when the leader was last heard");
	assert_int_equal(run(&command_resource, "resource show other"), 66);
	assert_contains(out, "so it stood when the leader was last heard");
	run(&command_resource, "resource list -j");
	assert_null(strstr(out, "no quorum"));
}

static int setup_directory(void **state)
{
	tmp_make();
	return setup(state);
}

static int teardown_directory(void **state)
{
	(void)state;
	return tmp_remove();
}

static int start(const char *options)
{
	char words[256];

	snprintf(words, sizeof(words), "start --dir %s %s", tmp, options);
	return run(&command_start, words);
}

static void start_refuses_another_node_that_runs(void **state)
{
	(void)state;
	put_config(tmp, "demo", 0xabc, "n2");
	assert_int_equal(start(""), 1);
	assert_contains(out, "node n1 of cluster demo runs here already, not n2 of demo\n");
	assert_contains(out, "kquorum stop first");
	put_config(tmp, "other", 0xdef, "n1");
	assert_int_equal(start(""), 1);
	assert_contains(out, "node n1 of cluster demo runs here already, not n1 of other\n");
	put_config(tmp, "demo", 0xdef, "n1");
	assert_int_equal(start(""), 1);
	assert_contains(out, "cluster ids differ: 0000000000000abc and 0000000000000def\n");
	assert_fits();
	put_config(tmp, "demo", 0xabc, "n1");
	assert_int_equal(start(""), 0);
	assert_contains(out, "node n1 already runs");
	assert_contains(out, "daemon up");
	/* A node that is no member may have no name in its status. */
	status.peers[0].name[0] = '\0';
	assert_int_equal(start(""), 0);
	assert_contains(out, "node n1 already runs");
}

static void start_says_when_only_the_daemon_was_started(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/kquorumd", tmp);
	put_text(path, "#!/bin/sh\n");
	assert_int_equal(chmod(path, 0700), 0);
	snprintf(path, sizeof(path), "%s:%s", tmp, getenv("PATH"));
	setenv("PATH", path, 1);
	put_config(tmp, "demo", 0xabc, "n1");
	status.daemon = false;
	assert_int_equal(start("--no-daemon"), 0);
	assert_contains(out, "no daemon");
	daemon_in = 4;
	assert_int_equal(start(""), 0);
	assert_contains(out, "already runs");
	assert_contains(out, "daemon started");
	assert_int_equal(start("-j"), 0);
	assert_contains(out, "\"daemon_started\":\ttrue");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_was_sent_away_is_no_row, setup),
		cmocka_unit_test_setup(followers_are_not_called_silent, setup),
		cmocka_unit_test_setup(status_tells_how_many_locks_there_may_be, setup),
		cmocka_unit_test_setup(status_fits_with_large_indexes, setup),
		cmocka_unit_test_setup(status_tells_nothing_of_who_was_never_heard, setup),
		cmocka_unit_test_setup(status_names_who_is_missing_without_alarm, setup),
		cmocka_unit_test_setup(status_shows_what_each_is, setup),
		cmocka_unit_test_setup(status_tells_of_snapshots, setup),
		cmocka_unit_test_setup(log_says_that_what_was_asked_for_is_gone, setup),
		cmocka_unit_test_setup(lock_says_that_the_session_ran_out, setup),
		cmocka_unit_test_setup(lock_without_time_to_wait_only_tries, setup),
		cmocka_unit_test_setup(lock_waits_for_room_in_the_log, setup),
		cmocka_unit_test_setup(lock_that_only_tries_is_refused_by_a_full_log, setup),
		cmocka_unit_test_setup(lock_names_the_holder_within_the_screen, setup),
		cmocka_unit_test_setup(append_says_why_it_waits, setup),
		cmocka_unit_test_setup(append_says_that_the_session_ran_out, setup),
		cmocka_unit_test_setup(resources_without_quorum_are_of_yesterday, setup),
		cmocka_unit_test_setup_teardown(start_refuses_another_node_that_runs, setup_directory,
						teardown_directory),
		cmocka_unit_test_setup_teardown(start_says_when_only_the_daemon_was_started,
						setup_directory, teardown_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
