// SPDX-License-Identifier: GPL-2.0
/*
 * Who is a node to the cluster, who works, and what is the matter with who does not: pure
 * functions of a status. Votes are counted here and nowhere else: in a joint configuration each
 * half has its own majority.
 */
#include <inttypes.h>
#include <string.h>

#include "cli.h"

/* Entries that a node may lack and still count as caught up: a moment's worth, as in the module. */
#define CAUGHT_UP 1024

/* Room for " and 15 more". */
#define MORE_COLUMNS 12

bool status_settled(const struct kquorum_status *st)
{
	return st->conf_index && !st->outgoing && st->conf_index <= st->commit_index;
}

bool status_is_member(const struct kquorum_status *st, uint32_t id)
{
	return id && status_members(st) & node_bit(id);
}

bool status_left(const struct kquorum_status *st)
{
	/* After a restart it knows only what its log says, and not that this is committed. */
	return st->left || (st->conf_index && !st->quorum && !status_is_member(st, st->node_id) &&
			    st->gone & node_bit(st->node_id));
}

bool status_joins(const struct kquorum_status *st)
{
	if (status_left(st) || st->state == KQUORUM_NODE_RECOVERING || status_is_member(st, st->node_id))
		return false;
	return st->conf_index || st->joins;
}

/*
 * A founder of a cluster that has begun has an empty log. One that joins under a founder's number
 * knows of others than the founders.
 */
bool status_lost(const struct kquorum_status *st)
{
	unsigned int i;

	if (!status_joins(st) || st->conf_index || !(st->founders & node_bit(st->node_id)))
		return false;
	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].member != !!(st->founders & node_bit(st->peers[i].id)))
			return false;
	return true;
}

const char *node_role(const struct kquorum_status *st, uint32_t id)
{
	if (st->voters & node_bit(id))
		return "voter";
	if (st->learners & node_bit(id))
		return "learner";
	if (st->outgoing & node_bit(id))
		return "leaving";
	if (id == st->node_id && status_left(st))
		return "left";
	if (id == st->node_id && status_joins(st))
		return "joins";
	if (st->conf_index)
		return "none";
	/* The configuration is in the log, which is still being read. */
	if (st->state == KQUORUM_NODE_RECOVERING)
		return "unknown";
	return st->founders & node_bit(id) ? "founder" : "unknown";
}

/*
 * Who must have answered by now: everyone to the leader's heartbeats, and to a node
 * without a leader that asks around. Followers have nothing to tell each other, and
 * who waits after a restart asks nobody.
 */
bool node_is_silent(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	uint64_t election_ms = st->settings.election_ms ? st->settings.election_ms :
		KQUORUM_DEFAULT_ELECTION_MS;

	if (st->quorum ? st->role != KQUORUM_LEADER : st->wait_left_ns > 0)
		return false;
	return p->seen_ns != KQUORUM_NEVER && p->seen_ns > 3 * election_ms * NS_PER_MS;
}

bool node_is_live(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	if (p->id == st->node_id)
		return st->state == KQUORUM_NODE_RUNNING;
	return p->connected && !p->stranger && !node_is_silent(st, p) &&
		!(p->flags & (KQUORUM_PEERF_FAULTY | KQUORUM_PEERF_LOG_FULL));
}

uint64_t node_lag(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	return st->last_index > p->match_index ? st->last_index - p->match_index : 0;
}

bool node_is_ready(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	if (!node_is_live(st, p))
		return false;
	if (p->id == st->node_id || st->role != KQUORUM_LEADER || !p->has_progress)
		return true;
	return p->progress == KQUORUM_PROGRESS_REPLICATE && node_lag(st, p) <= CAUGHT_UP;
}

/* Before there is a configuration, the founders are to vote. */
static uint32_t first_voters(const struct kquorum_status *st)
{
	return st->conf_index ? st->voters : st->founders;
}

unsigned int status_voters(const struct kquorum_status *st)
{
	return node_count(first_voters(st));
}

uint32_t nodes_live(const struct kquorum_status *st, uint32_t nodes)
{
	uint32_t live = 0;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (node_is_live(st, &st->peers[i]))
			live |= node_bit(st->peers[i].id);
	return live & nodes;
}

int nodes_spare(const struct kquorum_status *st, uint32_t voters)
{
	return (int)node_count(nodes_live(st, voters)) - (int)nodes_majority(voters);
}

bool status_has_majority(const struct kquorum_status *st)
{
	return nodes_spare(st, first_voters(st)) >= 0 &&
		(!st->outgoing || nodes_spare(st, st->outgoing) >= 0);
}

unsigned int status_may_lose(const struct kquorum_status *st)
{
	int spare = nodes_spare(st, first_voters(st));

	if (st->outgoing && nodes_spare(st, st->outgoing) < spare)
		spare = nodes_spare(st, st->outgoing);
	return st->quorum && spare > 0 ? spare : 0;
}

bool reason_helps(const char *reason)
{
	static const char *const vague[] = {
		"Connection refused", "no answer", "timed out", "No route", "unreachable",
		"is down", "reset", "closed the connection", "connection broken", "replaced",
		"does not answer",
	};
	size_t i;

	for (i = 0; i < sizeof(vague) / sizeof(vague[0]); i++)
		if (strstr(reason, vague[i]))
			return false;
	return reason[0];
}

/* In a word what is the matter with @p, "" if nothing. */
static const char *trouble(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	if (p->id == st->node_id)
		return node_is_live(st, p) ? "" : state_name(st->state);
	if (!p->connected)
		return reason_helps(p->reason) ? "refused" : "down";
	if (p->stranger)
		return "another node is there";
	if (node_is_silent(st, p))
		return "silent";
	if (p->flags & KQUORUM_PEERF_FAULTY)
		return "faulty";
	return p->flags & KQUORUM_PEERF_LOG_FULL ? "log full" : "";
}

void node_missing(const struct kquorum_status *st, uint32_t id, char *buf, size_t size)
{
	static const struct kquorum_peer_status unknown = { .seen_ns = KQUORUM_NEVER };
	const struct kquorum_peer_status *p = kquorum_status_peer(st, id);
	const char *what = trouble(st, p ? p : (p = &unknown));
	bool silent = !strcmp(what, "silent"), leads = st->role == KQUORUM_LEADER;
	char a[FORMAT_MAX];
	int n;

	n = snprintf(buf, size, "%s (%s%s", node_name(st, id),
		     st->learners & node_bit(id) ? "learner, " : "", what);
	/* Followers do not talk to each other: the age of a last word would mislead. */
	if (leads && p->seen_ns != KQUORUM_NEVER && (silent || !strcmp(what, "down")))
		n += snprintf(buf + n, size - n, silent ? " for %s" : ", heard %s ago",
			      format_duration(a, p->seen_ns));
	if (!what[0] && p->needs_snapshot)
		n += snprintf(buf + n, size - n, "needs a snapshot");
	else if (!what[0] && p->progress != KQUORUM_PROGRESS_REPLICATE)
		n += snprintf(buf + n, size - n, "asked how far it is");
	else if (!what[0])
		n += snprintf(buf + n, size - n, "%" PRIu64 " entries behind", node_lag(st, p));
	snprintf(buf + n, size - n, ")");
}

static void just_name(const struct kquorum_status *st, uint32_t id, char *buf, size_t size)
{
	snprintf(buf, size, "%s", node_name(st, id));
}

static void list_nodes(const struct kquorum_status *st, uint32_t nodes, size_t columns, char *buf,
		       size_t size,
		       void (*describe)(const struct kquorum_status *, uint32_t, char *, size_t))
{
	unsigned int left = node_count(nodes), named = 0;
	size_t at = 0;
	uint32_t id;

	buf[0] = '\0';
	for (id = 1; id <= KQUORUM_MAX_NODES; id++) {
		size_t room = left > 1 && columns > MORE_COLUMNS ? columns - MORE_COLUMNS : columns;
		char one[96];

		if (!(nodes & node_bit(id)))
			continue;
		describe(st, id, one, sizeof(one));
		/* It stays one line that fits, with one name at least. */
		if (named && at + strlen(one) + 2 > room)
			continue;
		snprintf(buf + at, size - at, "%s%s", named++ ? ", " : "", one);
		at = strlen(buf);
		left--;
	}
	if (left)
		snprintf(buf + at, size - at, " and %u more", left);
}

void nodes_names(const struct kquorum_status *st, uint32_t nodes, size_t columns, char *buf,
		 size_t size)
{
	list_nodes(st, nodes, columns, buf, size, just_name);
}

void nodes_missing(const struct kquorum_status *st, uint32_t nodes, size_t columns, char *buf,
		   size_t size)
{
	uint32_t missing = nodes, id;

	for (id = 1; id <= KQUORUM_MAX_NODES; id++) {
		const struct kquorum_peer_status *p = kquorum_status_peer(st, id);

		if (p && node_is_ready(st, p))
			missing &= ~node_bit(id);
	}
	list_nodes(st, missing, columns, buf, size, node_missing);
}

void status_log_range(const struct kquorum_status *st, char *buf, size_t size)
{
	uint64_t index = st->snapshot.index;
	uint64_t since = st->last_index > index ? st->last_index - index : 0;
	int n;

	n = snprintf(buf, size, "%" PRIu64 " entries since; log from %" PRIu64 " on ", since,
		     st->first_index);
	/* Room is given back in pieces, and entries are kept for nodes that are a little behind. */
	if (st->first_index > index)
		snprintf(buf + n, size - n, "(right behind it)");
	else
		snprintf(buf + n, size - n, "(%" PRIu64 " before it)", index + 1 - st->first_index);
}

cJSON *status_snapshot_json(cJSON *o, const struct kquorum_status *st)
{
	const struct kquorum_snapshot_status *s = &st->snapshot;
	char crc[16];
	cJSON *row;

	if (!s->index) {
		cJSON_AddNullToObject(o, "snapshot");
		return NULL;
	}
	row = cJSON_AddObjectToObject(o, "snapshot");
	json_u64(row, "index", s->index);
	json_u64(row, "term", s->term);
	json_u64(row, "bytes", s->bytes);
	snprintf(crc, sizeof(crc), "%08" PRIx32, s->crc);
	cJSON_AddStringToObject(row, "crc32c", crc);
	return row;
}

void status_change(const struct kquorum_status *st, char *buf, size_t size)
{
	char names[128], missing[128];

	buf[0] = '\0';
	/* The first configuration is the founding, of which other lines tell. */
	if (!st->conf_index || status_settled(st) || !st->commit_index)
		return;
	if (st->outgoing) {
		nodes_names(st, st->voters, 40, names, sizeof(names));
		snprintf(buf, size, "a change is under way that makes %s the voters", names);
	} else {
		snprintf(buf, size, "a change of the members is not committed yet");
	}
	nodes_missing(st, st->voters | st->outgoing, 88, missing, sizeof(missing));
	if (missing[0])
		snprintf(buf + strlen(buf), size - strlen(buf), "\n  without %s", missing);
}
