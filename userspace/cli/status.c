// SPDX-License-Identifier: GPL-2.0
/* kquorum status: who leads, how far everyone is, and why not when nobody does. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { OPT_WAIT = 256 };

static const struct cli_option options[] = {
	{ 'w', "watch", NULL, "show it again at every change, and each second" },
	{ OPT_WAIT, "wait", "TIME", "wait until there is a quorum; exit 69 when there is none in time" },
	{ 0 },
};

struct options {
	bool watch;
	uint64_t wait_ns;	/* KQUORUM_NEVER: not asked for */
};

static void take(int key, const char *arg, void *user)
{
	struct options *o = user;

	if (key == 'w')
		o->watch = true;
	else
		o->wait_ns = cli_duration("--wait", arg);
}

/* In a word how a node does, as far as this one knows. */
static const char *peer_state(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	if (p->id == st->node_id)
		return st->state == KQUORUM_NODE_RUNNING ? role_name(st->role) : state_name(st->state);
	if (st->state == KQUORUM_NODE_RECOVERING)
		return "unknown";
	if (!p->connected)
		return "down";
	if (p->stranger)
		return "another";
	if (p->flags & KQUORUM_PEERF_FAULTY)
		return "faulty";
	if (p->flags & KQUORUM_PEERF_LOG_FULL)
		return "log full";
	if (p->id == st->leader)
		return "leader";
	if (st->role == KQUORUM_LEADER && p->has_progress)
		return progress_name(p->progress);
	return "connected";
}

struct peer_numbers {
	bool has_match;
	uint64_t match, lag, rtt_ns, disk_ns, seen_ns;
};

static void peer_numbers(const struct kquorum_status *st, const struct kquorum_peer_status *p,
			 struct peer_numbers *n)
{
	bool self = p->id == st->node_id, leads = st->role == KQUORUM_LEADER;

	/* Of who is no member and has sent nothing there is nothing to tell. */
	n->has_match = self || (leads && p->has_progress && (p->member || p->match_index));
	n->match = self ? st->durable_index : p->match_index;
	n->lag = st->last_index > n->match ? st->last_index - n->match : 0;
	/* What was measured before the connection broke is no news. */
	n->rtt_ns = self || !p->connected ? KQUORUM_NEVER : p->rtt_ns;
	n->disk_ns = self ? (st->disk.write_ns ? st->disk.write_ns : KQUORUM_NEVER) :
		p->connected ? p->disk_ns : KQUORUM_NEVER;
	n->seen_ns = self ? 0 : p->seen_ns;
	/* Followers of a leader have nothing to tell each other: their silence is no news. */
	if (!self && st->quorum && !leads && p->id != st->leader)
		n->seen_ns = KQUORUM_NEVER;
}

static void add_peer_row(struct table *t, const struct kquorum_status *st,
			 const struct kquorum_peer_status *p)
{
	char match[FORMAT_MAX], lag[FORMAT_MAX], rtt[FORMAT_MAX], disk[FORMAT_MAX], seen[FORMAT_MAX];
	struct peer_numbers n;

	peer_numbers(st, p, &n);
	snprintf(match, sizeof(match), "%" PRIu64, n.match);
	snprintf(lag, sizeof(lag), "%" PRIu64, n.lag);
	table_row(t, 9, (const char *[]){
		p->name[0] ? p->name : NULL, p->address[0] ? p->address : NULL,
		node_role(st, p->id), peer_state(st, p), n.has_match ? match : NULL,
		n.has_match ? lag : NULL,
		format_duration(rtt, n.rtt_ns), format_duration(disk, n.disk_ns),
		p->id == st->node_id ? "now" : format_duration(seen, n.seen_ns) });
}

/* Between two parts of a line, of so many columns: a line break when they do not fit on one. */
static const char *joint(size_t columns, const char *text)
{
	return columns > 100 ? "\n  " : text;
}

static void print_head(const struct kquorum_status *st)
{
	const char *quorum = st->quorum ? "yes" : "no", *daemon = st->daemon ? "up" : "down";
	char leads[KQUORUM_NODE_NAME_MAX + 16] = "no leader", near[160], far[80];
	int columns;

	if (st->leader && st->quorum)
		snprintf(leads, sizeof(leads), "leader %s", node_name(st, st->leader));
	snprintf(near, sizeof(near), ", may lose %u of %u \302\267 %s, term %" PRIu64,
		 status_may_lose(st), status_voters(st), leads, st->term);
	snprintf(far, sizeof(far), "committed %" PRIu64 ", applied %" PRIu64, st->commit_index,
		 st->applied_index);
	/* The dot in @near has two bytes. */
	columns = snprintf(NULL, 0, "%s: quorum %s%s . %s . daemon %s", st->name, quorum, near, far,
			   daemon) - 1;
	printf("%s%s%s: %squorum %s%s%s%s%s \302\267 daemon %s%s%s\n", colour_on(COLOUR_BOLD),
	       st->name, colour_off(), colour_on(st->quorum ? COLOUR_GOOD : COLOUR_BAD), quorum,
	       colour_off(), near, joint(columns, " \302\267 "), far,
	       colour_on(st->daemon ? COLOUR_NONE : COLOUR_BAD), daemon, colour_off());
}

static void print_snapshot(const struct kquorum_status *st)
{
	char range[160], bytes[FORMAT_MAX], which[80];
	size_t n;

	status_log_range(st, range, sizeof(range));
	n = snprintf(which, sizeof(which), "snapshot of index %" PRIu64 " (%s),", st->snapshot.index,
		     format_bytes(bytes, st->snapshot.bytes));
	printf("%s%s%s\n", which, joint(n + 1 + strlen(range), " "), range);
}

/* Somebody with that number was sent away: that says nothing of this cluster's nodes. */
static bool nobody_here(const struct kquorum_peer_status *p)
{
	return !p->member && !p->connected && !p->name[0];
}

/* Where nobody asks for a lock, nothing is told of them. */
static void print_locks(const struct kquorum_status *st)
{
	if (st->locks.open)
		printf("%u lock handle%s here, of at most %u, and %u for one user\n", st->locks.open,
		       st->locks.open == 1 ? "" : "s", st->locks.node_max, st->locks.user_max);
}

static void print_status(const struct kquorum_status *st)
{
	struct table t = { 0 };
	char why[4096];
	unsigned int i;

	print_head(st);
	table_row(&t, 9, (const char *[]){ "NODE", "ADDRESS", "ROLE", "STATE", "MATCH", "LAG", "RTT",
					   "DISK", "SEEN" });
	for (i = 0; i < st->n_peers; i++)
		if (!nobody_here(&st->peers[i]))
			add_peer_row(&t, st, &st->peers[i]);
	table_print(&t, stdout);
	if (st->snapshot.index)
		print_snapshot(st);
	print_locks(st);
	if (st->lineage.how)
		printf("%s from index %" PRIu64 " of cluster %016" PRIx64 "; begins with index %" PRIu64 "\n",
		       lineage_name(st->lineage.how), st->lineage.index, st->lineage.cluster_id,
		       st->lineage.begins);
	status_missing(st, why, sizeof(why));
	fputs(why, stdout);
	status_why(st, why, sizeof(why));
	if (why[0])
		printf("%s%s%s", colour_on(st->quorum ? COLOUR_WARN : COLOUR_BAD), why, colour_off());
}

/* The snapshot that is on its way between that node and this one, null: none is. */
static void add_transit_json(cJSON *row, const struct kquorum_peer_status *p)
{
	cJSON *t;

	if (!p->transit.index) {
		cJSON_AddNullToObject(row, "snapshot_transit");
		return;
	}
	t = cJSON_AddObjectToObject(row, "snapshot_transit");
	cJSON_AddStringToObject(t, "direction", p->transit.comes ? "from" : "to");
	json_u64(t, "index", p->transit.index);
	json_u64(t, "bytes", p->transit.bytes);
	json_u64(t, "done_bytes", p->transit.done_bytes);
}

static void add_clock_json(cJSON *o, int32_t off)
{
	if (off)
		cJSON_AddStringToObject(o, "clock_off", off > 0 ? "fast" : "slow");
	else
		cJSON_AddNullToObject(o, "clock_off");
}

/* How much faster its clock is, and what bounds that: null: not measured. */
static void add_rate_json(cJSON *row, const struct kquorum_peer_status *p)
{
	if (p->has_rate && p->connected) {
		cJSON_AddNumberToObject(row, "rate_min_ppm", p->rate_min_ppm);
		cJSON_AddNumberToObject(row, "rate_max_ppm", p->rate_max_ppm);
	} else {
		cJSON_AddNullToObject(row, "rate_min_ppm");
		cJSON_AddNullToObject(row, "rate_max_ppm");
	}
}

static void add_peers_json(cJSON *o, const struct kquorum_status *st)
{
	cJSON *peers = cJSON_AddArrayToObject(o, "nodes"), *row;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];
		bool self = p->id == st->node_id;
		struct peer_numbers n;

		peer_numbers(st, p, &n);
		row = cJSON_CreateObject();
		cJSON_AddItemToArray(peers, row);
		json_u64(row, "id", p->id);
		cJSON_AddStringToObject(row, "node", p->name);
		cJSON_AddStringToObject(row, "address", p->address);
		cJSON_AddStringToObject(row, "role", node_role(st, p->id));
		cJSON_AddBoolToObject(row, "promote", p->promote);
		json_u64(row, "priority", p->priority);
		cJSON_AddBoolToObject(row, "witness", p->witness);
		cJSON_AddStringToObject(row, "state", peer_state(st, p));
		cJSON_AddBoolToObject(row, "self", self);
		cJSON_AddBoolToObject(row, "connected", self || p->connected);
		cJSON_AddBoolToObject(row, "stranger", p->stranger);
		cJSON_AddStringToObject(row, "from", p->from);
		if (n.has_match) {
			json_u64(row, "match_index", n.match);
			json_u64(row, "lag_entries", n.lag);
		} else {
			cJSON_AddNullToObject(row, "match_index");
			cJSON_AddNullToObject(row, "lag_entries");
		}
		json_u64(row, "inflight_bytes", p->inflight_bytes);
		json_time(row, "rtt_us", n.rtt_ns);
		add_rate_json(row, p);
		add_clock_json(row, self ? st->clock_off : p->clock_off);
		json_time(row, "disk_write_us", n.disk_ns);
		json_time(row, "seen_ms", n.seen_ns);
		cJSON_AddBoolToObject(row, "log_full", p->flags & KQUORUM_PEERF_LOG_FULL);
		cJSON_AddBoolToObject(row, "faulty", p->flags & KQUORUM_PEERF_FAULTY);
		cJSON_AddBoolToObject(row, "needs_snapshot", p->needs_snapshot);
		add_transit_json(row, p);
		json_u64(row, "drops", p->drops);
		cJSON_AddStringToObject(row, "reason", p->reason);
	}
}

static void add_disk_json(cJSON *o, const struct kquorum_disk_status *d)
{
	cJSON *disk = cJSON_AddObjectToObject(o, "disk");

	cJSON_AddStringToObject(disk, "state", disk_state_name(d->state));
	cJSON_AddNumberToObject(disk, "errno", d->error);
	json_u64(disk, "capacity_bytes", d->capacity_bytes);
	json_u64(disk, "used_bytes", d->used_bytes);
	json_time(disk, "write_us", d->write_ns ? d->write_ns : KQUORUM_NEVER);
	json_time(disk, "write_age_ms", d->write_age_ns);
	json_u64(disk, "segment", d->segment);
	json_u64(disk, "offset_bytes", d->offset_bytes);
	json_u64(disk, "torn_bytes", d->torn_bytes);
	json_u64(disk, "damaged_places", d->damaged_places);
	json_u64(disk, "entries_to_repair", d->to_repair);
	json_u64(disk, "entries_missing", d->missing);
}

static void add_counters_json(cJSON *o, const struct kquorum_status *st)
{
	cJSON *counters = cJSON_AddObjectToObject(o, "counters");
	cJSON *settings = cJSON_AddObjectToObject(o, "settings");

	json_u64(counters, "elections", st->counters.elections);
	json_u64(counters, "batches", st->counters.batches);
	json_u64(counters, "entries", st->counters.entries);
	json_u64(counters, "bad_messages", st->counters.bad_messages);
	json_u64(counters, "busy", st->counters.busy);
	json_u64(counters, "pending", st->counters.pending);
	json_u64(settings, "heartbeat_ms", st->settings.heartbeat_ms);
	json_u64(settings, "election_ms", st->settings.election_ms);
	json_u64(settings, "lease_ms", st->settings.lease_ms);
	json_u64(settings, "delta_ms", st->settings.delta_ms);
	json_u64(settings, "drift_ppm", st->settings.drift_ppm);
	json_u64(settings, "segment_bytes", st->settings.segment_bytes);
}

/* Lock handles of this node, whoever holds what with them, and how many there may be. */
static void add_locks_json(cJSON *o, const struct kquorum_status *st)
{
	cJSON *locks = cJSON_AddObjectToObject(o, "locks");

	json_u64(locks, "open", st->locks.open);
	json_u64(locks, "user_max", st->locks.user_max);
	json_u64(locks, "node_max", st->locks.node_max);
}

/* What the cluster's history came from, null: from nothing else. */
static void add_lineage_json(cJSON *o, const struct kquorum_status *st)
{
	cJSON *l;

	if (!st->lineage.how) {
		cJSON_AddNullToObject(o, "lineage");
		return;
	}
	l = cJSON_AddObjectToObject(o, "lineage");
	cJSON_AddStringToObject(l, "how", lineage_name(st->lineage.how));
	json_hex(l, "cluster_id", st->lineage.cluster_id);
	json_hex(l, "origin", st->lineage.origin);
	json_u64(l, "index", st->lineage.index);
	json_u64(l, "begins_index", st->lineage.begins);
}

static cJSON *status_json(const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject();
	char why[4096];

	cJSON_AddStringToObject(o, "name", st->name);
	json_hex(o, "cluster_id", st->cluster_id);
	json_u64(o, "node_id", st->node_id);
	cJSON_AddStringToObject(o, "node", node_name(st, st->node_id));
	add_lineage_json(o, st);
	cJSON_AddStringToObject(o, "state", state_name(st->state));
	cJSON_AddStringToObject(o, "role", role_name(st->role));
	cJSON_AddBoolToObject(o, "quorum", st->quorum);
	json_u64(o, "may_lose_nodes", status_may_lose(st));
	json_u64(o, "voters", status_voters(st));
	json_u64(o, "term", st->term);
	json_u64(o, "vote", st->vote);
	json_u64(o, "leader", st->leader);
	if (st->leader)
		cJSON_AddStringToObject(o, "leader_node", node_name(st, st->leader));
	else
		cJSON_AddNullToObject(o, "leader_node");
	json_time(o, "silence_ms", st->silence_ns);
	json_u64(o, "configuration_index", st->conf_index);
	cJSON_AddBoolToObject(o, "configuration_settled", status_settled(st));
	cJSON_AddBoolToObject(o, "left", st->left);
	json_u64(o, "first_index", st->first_index);
	json_u64(o, "last_index", st->last_index);
	json_u64(o, "commit_index", st->commit_index);
	json_u64(o, "applied_index", st->applied_index);
	json_u64(o, "durable_index", st->durable_index);
	status_snapshot_json(o, st);
	json_u64(o, "session", st->session);
	json_time(o, "session_left_ms", st->session_left_ns);
	json_time(o, "wait_left_ms", st->wait_left_ns);
	add_clock_json(o, st->clock_off);
	cJSON_AddBoolToObject(o, "daemon", st->daemon);
	cJSON_AddStringToObject(o, "canvass", canvass_name(st->canvass));
	json_hex(o, "incarnation", st->incarnation);
	cJSON_AddStringToObject(o, "reason", st->reason);
	status_why(st, why, sizeof(why));
	cJSON_AddStringToObject(o, "why", why);
	status_missing(st, why, sizeof(why));
	cJSON_AddStringToObject(o, "missing", why);
	add_peers_json(o, st);
	add_disk_json(o, &st->disk);
	add_counters_json(o, st);
	add_locks_json(o, st);
	return o;
}

static void show(const struct kquorum_status *st, bool watch)
{
	if (cli.json) {
		json_print(status_json(st), watch);
		return;
	}
	if (watch && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	print_status(st);
	if (watch && !isatty(STDOUT_FILENO))
		fputc('\n', stdout);
}

/* The next status after an event, or after a second at most. */
static int next_status(struct kquorum *k, struct kquorum_events *e, int timeout_ms,
		       struct kquorum_status *st)
{
	struct pollfd p = { kquorum_events_fd(e), POLLIN, 0 };
	struct kquorum_event_record record;
	int ret;

	poll(&p, 1, timeout_ms);
	while (!(ret = kquorum_events_read(e, &record)) || ret == -ENOBUFS)
		;
	return kquorum_status(k, st);
}

static int watch(struct kquorum *k, struct kquorum_events *e, const struct options *o,
		 struct kquorum_status *st)
{
	uint64_t until = o->wait_ns == KQUORUM_NEVER ? KQUORUM_NEVER : now_ns() + o->wait_ns;
	int ret = 0;

	while (!ret && until != KQUORUM_NEVER && !st->quorum && now_ns() < until)
		ret = next_status(k, e, poll_ms(until, 200), st);
	if (!ret)
		show(st, o->watch);
	while (!ret && o->watch) {
		fflush(stdout);
		if (ferror(stdout))
			return KQUORUM_EXIT_ERROR;
		ret = next_status(k, e, 1000, st);
		if (!ret)
			show(st, true);
	}
	if (ret) {
		cli_error("%s", kquorum_error(k));
		return cli_exit_code(ret);
	}
	return until != KQUORUM_NEVER && !st->quorum ? KQUORUM_EXIT_NO_QUORUM : KQUORUM_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct options o = { .wait_ns = KQUORUM_NEVER };
	int at = cli_parse(argc, argv, take, &o), ret;
	struct kquorum_status st;
	struct kquorum_events *e = NULL;
	struct kquorum *k;
	char err[512];

	if (at < argc)
		cli_usage_error("\"%s\" is one word too many", argv[at]);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		ret = cli_exit_code(ret);
	} else if (!o.watch && o.wait_ns == KQUORUM_NEVER) {
		show(&st, false);
	} else if (kquorum_events_open(&e, err, sizeof(err))) {
		cli_error("%s", err);
		ret = KQUORUM_EXIT_ERROR;
	} else {
		ret = watch(k, e, &o, &st);
	}
	kquorum_events_close(e);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_status = {
	.name = "status",
	.synopsis = "[--watch] [--wait TIME] [--json]",
	.summary = "show who leads, how far each node is, and what is wrong",
	.details = "MATCH, LAG and RTT of the others are known to the leader only; elsewhere they are \"-\".\n"
		   "SEEN is the time since the last message from that node, DISK its last log write; followers\n"
		   "of a leader have nothing to tell each other, so that SEEN is \"-\" between them. Below stands\n"
		   "what is wrong, who is missing, and who waits to be taken in, with what to do.\n"
		   "It exits with 0 without a quorum too: scripts use --wait, which exits with 69 then.\n",
	.options = options,
	.json = true,
	.run = run,
};
