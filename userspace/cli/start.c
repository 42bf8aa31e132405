// SPDX-License-Identifier: GPL-2.0
/* kquorum start: hand the log to the module, wait for recovery, run the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/snapshots.h"
#include "cli.h"

enum { OPT_NO_DAEMON = 256 };

static const struct cli_option options[] = {
	{ 'd', "dir", "DIR", "the node's directory" },
	{ OPT_NO_DAEMON, "no-daemon", NULL, "do not start kquorumd (a service manager does)" },
	{ 'w', "wait", "TIME", "how long to wait for recovery and the daemon (default 60s)" },
	{ 0 },
};

struct start {
	const char *dir;
	bool no_daemon;
	uint64_t wait_ns;
};

static void take(int key, const char *arg, void *user)
{
	struct start *s = user;

	switch (key) {
	case 'd':
		s->dir = arg;
		break;
	case OPT_NO_DAEMON:
		s->no_daemon = true;
		break;
	case 'w':
		s->wait_ns = cli_duration("--wait", arg);
		break;
	}
}

static int open_snapshot(int dir, const char *name, int *fd)
{
	struct stat st;
	bool good;

	*fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0) {
		cli_error("%s: %s", name, strerror(errno));
		return errno == EACCES ? KQUORUM_EXIT_DENIED : KQUORUM_EXIT_ERROR;
	}
	good = !fstat(*fd, &st) && S_ISREG(st.st_mode) && !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
		(!st.st_uid || st.st_uid == geteuid());
	if (good)
		return 0;
	close(*fd);
	cli_error("%s must be a regular file of root's that nobody else can write", name);
	return KQUORUM_EXIT_DENIED;
}

/* The log may refer to a snapshot: the module finds out to which, so it gets all of them. */
static int open_snapshots(const char *path, int *fds, unsigned int *n_fds)
{
	struct kquorum_snapshot_file list[KQUORUM_MAX_SNAPSHOT_FDS];
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = dir < 0 ? -errno : kquorum_snapshots_list(dir, list, KQUORUM_MAX_SNAPSHOT_FDS);
	int i, ret = 0;

	*n_fds = 0;
	if (n < 0) {
		cli_error("%s: %s", path, strerror(-n));
		ret = KQUORUM_EXIT_ERROR;
	}
	for (i = 0; !ret && i < n; i++) {
		char name[KQUORUM_SNAPSHOT_NAME_MAX];

		kquorum_snapshot_name(name, list[i].index, list[i].term);
		ret = open_snapshot(dir, name, &fds[i]);
		*n_fds += !ret;
	}
	if (dir >= 0)
		close(dir);
	return ret;
}

int node_start_from(struct kquorum *k, const char *dir, const struct kquorum_config *c)
{
	static int fds[KQUORUM_MAX_SEGMENTS];
	int snapshots[KQUORUM_MAX_SNAPSHOT_FDS];
	unsigned int i, n_snapshots;
	int ret;

	ret = directory_open_segments(dir, c, fds);
	if (ret)
		return ret;
	ret = open_snapshots(dir, snapshots, &n_snapshots);
	if (!ret) {
		ret = kquorum_node_start(k, c, fds, c->segments, snapshots, n_snapshots);
		if (ret) {
			cli_error("%s", kquorum_error(k));
			ret = cli_exit_code(ret);
		}
	}
	/* The module has opened them for itself. */
	for (i = 0; i < c->segments; i++)
		close(fds[i]);
	for (i = 0; i < n_snapshots; i++)
		close(snapshots[i]);
	return ret;
}

static int wait_recovery(struct kquorum *k, struct kquorum_events *e, uint64_t until,
			 struct kquorum_status *st)
{
	bool told = false;
	uint64_t begun = now_ns();

	for (;;) {
		struct pollfd p = { kquorum_events_fd(e), POLLIN, 0 };
		struct kquorum_event_record record;
		int ret = kquorum_status(k, st);

		if (ret) {
			cli_error("the node is gone again: %s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		if (st->state != KQUORUM_NODE_RECOVERING)
			return 0;
		if (now_ns() >= until) {
			cli_error("the log is still being read; it goes on by itself: kquorum status");
			return KQUORUM_EXIT_BLOCKED;
		}
		if (!told && now_ns() - begun > NS_PER_SEC && cli_progress_wanted()) {
			cli_note("reading the log...");
			told = true;
		}
		/* Events are wake-ups only: the timeout covers one that got lost. */
		poll(&p, 1, poll_ms(until, 200));
		while (!kquorum_events_read(e, &record))
			;
	}
}

/*
 * One that is no member (any more) may have no name; and one that takes the place of another one
 * with its name has an addition to it until that has left.
 */
static bool is_called(const struct kquorum_status *st, const char *name)
{
	const struct kquorum_peer_status *self = kquorum_status_peer(st, st->node_id);
	size_t len = strlen(name);

	return !self || !self->name[0] || !strcmp(self->name, name) ||
		(!strncmp(self->name, name, len) && !strcmp(self->name + len, ".new"));
}

/* What a node that runs here already has to be, for this one to be started: the same. */
static int check_same(const struct kquorum_config *c, const struct kquorum_status *st)
{
	const char *node = node_name(st, st->node_id);
	char ids[80] = "";

	if (st->cluster_id == c->cluster_id && st->node_id == c->node_id &&
	    is_called(st, c->node_name))
		return 0;
	if (st->cluster_id != c->cluster_id && !strcmp(st->name, c->name))
		snprintf(ids, sizeof(ids), "\n  the cluster ids differ: %016" PRIx64 " and %016" PRIx64,
			 st->cluster_id, c->cluster_id);
	cli_error("node %s of cluster %s runs here already, not %s of %s%s\n"
		  "  one network namespace has one node: kquorum stop first", node, st->name,
		  c->node_name, c->name, ids);
	return KQUORUM_EXIT_ERROR;
}

static int report(const struct kquorum_config *c, const struct kquorum_status *st, bool ran,
		  bool had_daemon)
{
	bool good = st->state == KQUORUM_NODE_RUNNING;
	char why[4096];
	cJSON *o;

	/* What is not known yet right after a start is no news. */
	if (good && st->disk.state < KQUORUM_DISK_LOW && !st->disk.torn_bytes)
		why[0] = '\0';
	else
		status_why(st, why, sizeof(why));
	if (cli.json) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "name", c->name);
		cJSON_AddStringToObject(o, "node", c->node_name);
		json_u64(o, "node_id", st->node_id);
		cJSON_AddStringToObject(o, "state", state_name(st->state));
		cJSON_AddBoolToObject(o, "already_running", ran);
		cJSON_AddBoolToObject(o, "daemon", st->daemon);
		cJSON_AddBoolToObject(o, "daemon_started", st->daemon && !had_daemon);
		json_u64(o, "term", st->term);
		json_u64(o, "last_index", st->last_index);
		cJSON_AddStringToObject(o, "why", why);
		json_print(o, false);
	} else {
		printf("%s: node %s %s, term %llu, last index %llu, %s\n", c->name, c->node_name,
		       ran ? "already runs" : good ? "runs" : state_name(st->state),
		       (unsigned long long)st->term, (unsigned long long)st->last_index,
		       !st->daemon ? "no daemon" : had_daemon ? "daemon up" : "daemon started");
	}
	if (!cli.json)
		fputs(why, good ? stdout : stderr);
	return good ? KQUORUM_EXIT_DONE : KQUORUM_EXIT_ERROR;
}

static int start(struct kquorum *k, struct kquorum_events *e, const struct start *s,
		 const char *dir, const struct kquorum_config *c)
{
	uint64_t until = now_ns() + s->wait_ns;
	struct kquorum_status st;
	bool ran, had_daemon;
	int ret;

	ret = kquorum_status(k, &st);
	if (ret && ret != -ENODEV) {
		cli_error("%s", kquorum_error(k));
		return cli_exit_code(ret);
	}
	ran = !ret;
	had_daemon = ran && st.daemon;
	ret = ran ? check_same(c, &st) : node_start_from(k, dir, c);
	if (!ret)
		ret = wait_recovery(k, e, until, &st);
	if (!ret && !s->no_daemon)
		ret = daemon_ensure(k, dir, s->wait_ns);
	if (ret)
		return ret;
	if (kquorum_status(k, &st)) {
		cli_error("the node is gone again: %s", kquorum_error(k));
		return KQUORUM_EXIT_ERROR;
	}
	return report(c, &st, ran, had_daemon);
}

static int run(int argc, char **argv)
{
	struct start s = { .wait_ns = 60 * NS_PER_SEC };
	int at = cli_parse(argc, argv, take, &s);
	struct kquorum_config c;
	struct kquorum_events *e;
	struct kquorum *k;
	char dir[512], err[512];
	int ret;

	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	ret = directory_find(s.dir, at < argc ? argv[at] : NULL, dir, sizeof(dir));
	if (!ret)
		ret = directory_read_config(dir, &c);
	if (!ret)
		ret = cli_open(&k);
	if (ret)
		return ret;
	/* Subscribed before it starts: the end of recovery cannot be missed. */
	ret = kquorum_events_open(&e, err, sizeof(err));
	if (ret) {
		cli_error("%s", err);
		ret = cli_exit_code(ret);
	} else {
		ret = start(k, e, &s, dir, &c);
	}
	kquorum_events_close(e);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_start = {
	.name = "start",
	.synopsis = "[NAME | --dir DIR] [--no-daemon] [--wait TIME]",
	.summary = "start this machine's node and its daemon",
	.details = "NAME is a directory below " KQUORUM_STATE_DIR "; with only one there it can be left out.\n"
		   "A node that runs already is left alone; only its daemon is started when it is down. When\n"
		   "another node runs here it is an error: kquorum stop first.\n",
	.options = options,
	.json = true,
	.run = run,
};
