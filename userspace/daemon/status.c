// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the attributes of KQUORUM_CMD_STATUS. Attributes that this daemon
 * does not know are skipped, so that a newer module does not disturb it.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <netlink/attr.h>

#include "status.h"

/* Entries that a peer may lack and still have nearly all of the log. */
#define KEEPS_UP	1024

static uint32_t status_u32(struct nlattr *a)
{
	return a && nla_len(a) >= 4 ? nla_get_u32(a) : 0;
}

static uint64_t status_u64(struct nlattr *a, uint64_t absent)
{
	return a && nla_len(a) >= 8 ? nla_get_u64(a) : absent;
}

static bool status_u8(struct nlattr *a)
{
	return a && nla_len(a) >= 1 && nla_get_u8(a);
}

static void status_string(struct nlattr *a, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", a ? nla_len(a) : 0, a ? (char *)nla_data(a) : "");
}

static int status_settings(struct nlattr *nest, struct kqd_status *st)
{
	struct nlattr *tb[KQUORUM_SETTING_MAX + 1];
	unsigned int i;

	if (nla_parse_nested(tb, KQUORUM_SETTING_MAX, nest, NULL) < 0)
		return -EBADMSG;
	st->heartbeat_ms = status_u32(tb[KQUORUM_SETTING_HEARTBEAT_MS]);
	st->election_ms = status_u32(tb[KQUORUM_SETTING_ELECTION_MS]);
	for (i = 1; i <= KQUORUM_SETTING_MAX; i++)
		st->settings[i - 1] = status_u32(tb[i]);
	return 0;
}

/* Heartbeats may come as seldom, and voters wait as long, as either says. */
static int status_before(struct nlattr *nest, struct kqd_status *st)
{
	struct kqd_status before = { 0 };

	if (status_settings(nest, &before))
		return -EBADMSG;
	if (before.heartbeat_ms < st->heartbeat_ms)
		st->heartbeat_ms = before.heartbeat_ms;
	if (before.election_ms > st->election_ms)
		st->election_ms = before.election_ms;
	return 0;
}

static int status_member(struct nlattr *nest, struct kqd_status *st)
{
	struct nlattr *tb[KQUORUM_MEMBER_MAX + 1];
	uint32_t id;

	if (nla_parse_nested(tb, KQUORUM_MEMBER_MAX, nest, NULL) < 0)
		return -EBADMSG;
	id = status_u32(tb[KQUORUM_MEMBER_ID]);
	if (id < 1 || id > KQUORUM_MAX_NODES)
		return -EBADMSG;
	st->named |= 1u << id;
	status_string(tb[KQUORUM_MEMBER_NAME], st->member[id].name, sizeof(st->member[id].name));
	status_string(tb[KQUORUM_MEMBER_ADDRESS], st->member[id].address,
		      sizeof(st->member[id].address));
	st->member[id].priority = status_u32(tb[KQUORUM_MEMBER_PRIORITY]);
	st->member[id].witness = status_u32(tb[KQUORUM_MEMBER_FLAGS]) & KQUORUM_CONF_WITNESS;
	return 0;
}

static int status_peer(struct nlattr *nest, struct kqd_status *st)
{
	struct nlattr *tb[KQUORUM_PEER_MAX + 1];
	struct kqd_status_peer *p;
	uint32_t id;

	if (nla_parse_nested(tb, KQUORUM_PEER_MAX, nest, NULL) < 0)
		return -EBADMSG;
	id = status_u32(tb[KQUORUM_PEER_ID]);
	if (id == st->node_id)
		return 0;
	if (id < 1 || id > KQUORUM_MAX_NODES || st->n_peers == KQUORUM_MAX_NODES)
		return -EBADMSG;
	p = &st->peers[st->n_peers++];
	p->id = id;
	status_string(tb[KQUORUM_PEER_NAME], p->name, sizeof(p->name));
	p->incarnation = status_u64(tb[KQUORUM_PEER_INCARNATION], 0);
	p->whose = status_u32(tb[KQUORUM_PEER_WHOSE]);
	p->identity = status_u64(tb[KQUORUM_PEER_IDENTITY], 0);
	p->met = status_u32(tb[KQUORUM_PEER_MET]);
	status_string(tb[KQUORUM_PEER_ADDRESS], p->address, sizeof(p->address));
	p->connected = status_u8(tb[KQUORUM_PEER_CONNECTED]);
	p->needs = status_u64(tb[KQUORUM_PEER_SNAPSHOT], 0);
	status_string(tb[KQUORUM_PEER_REASON], p->reason, sizeof(p->reason));
	p->current = tb[KQUORUM_PEER_PROGRESS] &&
		status_u32(tb[KQUORUM_PEER_PROGRESS]) == KQUORUM_PROGRESS_REPLICATE &&
		!status_u32(tb[KQUORUM_PEER_FLAGS]) && !tb[KQUORUM_PEER_CLOCK_OFF] &&
		status_u64(tb[KQUORUM_PEER_MATCH], 0) + KEEPS_UP >= st->last;
	return 0;
}

static int status_snapshot(struct nlattr *nest, struct kqd_ref *ref)
{
	struct nlattr *tb[KQUORUM_SNAPSHOT_MAX + 1];

	if (nla_parse_nested(tb, KQUORUM_SNAPSHOT_MAX, nest, NULL) < 0)
		return -EBADMSG;
	ref->index = status_u64(tb[KQUORUM_SNAPSHOT_INDEX], 0);
	ref->term = status_u64(tb[KQUORUM_SNAPSHOT_TERM], 0);
	ref->bytes = status_u64(tb[KQUORUM_SNAPSHOT_BYTES], 0);
	ref->crc = status_u32(tb[KQUORUM_SNAPSHOT_CRC]);
	return 0;
}

static int status_disk(struct nlattr *nest, struct kqd_status *st)
{
	struct nlattr *tb[KQUORUM_DISK_MAX + 1];

	if (nla_parse_nested(tb, KQUORUM_DISK_MAX, nest, NULL) < 0)
		return -EBADMSG;
	st->disk_state = status_u32(tb[KQUORUM_DISK_STATE]);
	st->log_capacity = status_u64(tb[KQUORUM_DISK_CAPACITY], 0);
	st->log_used = status_u64(tb[KQUORUM_DISK_USED], 0);
	return 0;
}

static int status_scrub(struct nlattr *nest, struct kqd_status *st)
{
	struct nlattr *tb[KQUORUM_SCRUB_MAX + 1];

	if (nla_parse_nested(tb, KQUORUM_SCRUB_MAX, nest, NULL) < 0)
		return -EBADMSG;
	st->scrub_count = status_u64(tb[KQUORUM_SCRUB_COUNT], 0);
	st->scrub_running = status_u8(tb[KQUORUM_SCRUB_RUNNING]);
	st->scrub_rate = status_u64(tb[KQUORUM_SCRUB_RATE], 0);
	st->scrub_ended_ns = status_u64(tb[KQUORUM_SCRUB_ENDED], UINT64_MAX);
	return 0;
}

/* The first configuration of a log that begins with a snapshot is not in the log: it comes again. */
static uint64_t status_begins(const struct nlattr *lineage)
{
	const struct kquorum_lineage *l = lineage ? nla_data(lineage) : NULL;

	return l && nla_len(lineage) >= (int)sizeof(*l) ? le64toh(l->begins) : 0;
}

static void status_configuration(struct nlattr **tb, struct kqd_status *st)
{
	uint64_t index = status_u64(tb[KQUORUM_A_CONF_INDEX], 0);

	st->settled = index > status_begins(tb[KQUORUM_A_LINEAGE]) &&
		index <= status_u64(tb[KQUORUM_A_COMMIT_INDEX], 0);
	st->voters = status_u32(tb[KQUORUM_A_VOTERS]);
	st->outgoing = status_u32(tb[KQUORUM_A_OUTGOING]);
	st->learners = status_u32(tb[KQUORUM_A_LEARNERS]);
	st->left = tb[KQUORUM_A_LEFT];
	st->eligible = tb[KQUORUM_A_ELIGIBLE];
	st->founders = status_u32(tb[KQUORUM_A_FOUNDERS]);
	st->gone = status_u32(tb[KQUORUM_A_GONE]);
}

/* There are many of these, and nla_parse() keeps only the last one. */
static int status_nodes(struct nlattr *attrs, int len, struct kqd_status *st)
{
	struct nlattr *a;
	int rem;

	nla_for_each_attr(a, attrs, len, rem) {
		if (nla_type(a) == KQUORUM_A_PEER && status_peer(a, st))
			return -EBADMSG;
		if (nla_type(a) == KQUORUM_A_MEMBER && status_member(a, st))
			return -EBADMSG;
	}
	return 0;
}

/**
 * kqd_status_parse() - read the attributes of a status
 * @attrs: the first one
 * @len: bytes of all
 * @st: filled
 *
 * Return: 0, or -EBADMSG: what came is no status of this interface.
 */
int kqd_status_parse(struct nlattr *attrs, int len, struct kqd_status *st)
{
	struct nlattr *tb[KQUORUM_A_MAX + 1];

	memset(st, 0, sizeof(*st));
	if (nla_parse(tb, KQUORUM_A_MAX, attrs, len, NULL) < 0)
		return -EBADMSG;
	st->node_id = status_u32(tb[KQUORUM_A_NODE_ID]);
	if (st->node_id < 1 || st->node_id > KQUORUM_MAX_NODES || !tb[KQUORUM_A_STATE])
		return -EBADMSG;
	status_string(tb[KQUORUM_A_NAME], st->cluster, sizeof(st->cluster));
	status_string(tb[KQUORUM_A_REASON], st->reason, sizeof(st->reason));
	st->incarnation = status_u64(tb[KQUORUM_A_INCARNATION], 0);
	if (tb[KQUORUM_A_PAST] && nla_len(tb[KQUORUM_A_PAST]) == sizeof(st->past))
		memcpy(&st->past, nla_data(tb[KQUORUM_A_PAST]), sizeof(st->past));
	st->cluster_id = status_u64(tb[KQUORUM_A_CLUSTER_ID], 0);
	st->cluster_hash = status_u64(tb[KQUORUM_A_CLUSTER_HASH], 0);
	st->epoch = status_u64(tb[KQUORUM_A_EPOCH], 0);
	st->state = status_u32(tb[KQUORUM_A_STATE]);
	st->role = status_u32(tb[KQUORUM_A_ROLE]);
	st->canvass = status_u32(tb[KQUORUM_A_CANVASS]);
	st->term = status_u64(tb[KQUORUM_A_TERM], 0);
	st->leader = status_u32(tb[KQUORUM_A_LEADER]);
	st->quorum = status_u8(tb[KQUORUM_A_QUORUM]);
	status_configuration(tb, st);
	st->silence_ns = status_u64(tb[KQUORUM_A_SILENCE], UINT64_MAX);
	st->wait_left_ns = status_u64(tb[KQUORUM_A_WAIT_LEFT], 0);
	st->commit = status_u64(tb[KQUORUM_A_COMMIT_INDEX], 0);
	st->applied = status_u64(tb[KQUORUM_A_APPLIED_INDEX], 0);
	st->last = status_u64(tb[KQUORUM_A_LAST_INDEX], 0);
	if (tb[KQUORUM_A_SETTINGS] && status_settings(tb[KQUORUM_A_SETTINGS], st))
		return -EBADMSG;
	if (tb[KQUORUM_A_SETTINGS_BEFORE] && status_before(tb[KQUORUM_A_SETTINGS_BEFORE], st))
		return -EBADMSG;
	st->logged = status_u64(tb[KQUORUM_A_CONF_INDEX], 0);
	if (tb[KQUORUM_A_SNAPSHOT] && status_snapshot(tb[KQUORUM_A_SNAPSHOT], &st->snapshot))
		return -EBADMSG;
	if (tb[KQUORUM_A_DISK] && status_disk(tb[KQUORUM_A_DISK], st))
		return -EBADMSG;
	st->scrub_ended_ns = UINT64_MAX;
	if (tb[KQUORUM_A_SCRUB] && status_scrub(tb[KQUORUM_A_SCRUB], st))
		return -EBADMSG;
	return status_nodes(attrs, len, st);
}

/**
 * kqd_status_peer() - what the status says of a peer
 * @st: the status
 * @id: its id
 *
 * Return: within @st; NULL: nothing.
 */
const struct kqd_status_peer *kqd_status_peer(const struct kqd_status *st, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].id == id)
			return &st->peers[i];
	return NULL;
}

/**
 * kqd_status_members() - who is a member in the configuration that this node knows?
 * @st: the status
 *
 * Return: bit n: node n; 0: there is no configuration yet.
 */
uint32_t kqd_status_members(const struct kqd_status *st)
{
	return st->voters | st->outgoing | st->learners;
}

static bool status_is_majority(uint32_t voters, uint32_t nodes)
{
	return 2 * __builtin_popcount(voters & nodes) > __builtin_popcount(voters);
}

/**
 * kqd_status_majority() - are these a majority, and during a change of the voters one of either?
 * @st: the status
 * @nodes: bit n: node n
 *
 * Return: as it says.
 */
bool kqd_status_majority(const struct kqd_status *st, uint32_t nodes)
{
	return status_is_majority(st->voters, nodes) &&
		(!st->outgoing || status_is_majority(st->outgoing, nodes));
}

/**
 * kqd_status_name() - what the status calls a node
 * @st: the status
 * @id: its id, 1 to KQUORUM_MAX_NODES
 *
 * Return: within @st; "": it has no name there.
 */
const char *kqd_status_name(const struct kqd_status *st, uint32_t id)
{
	const struct kqd_status_peer *p = kqd_status_peer(st, id);

	return st->member[id].name[0] || !p ? st->member[id].name : p->name;
}

/**
 * kqd_status_address() - where the status says that a node is
 * @st: the status
 * @id: its id, 1 to KQUORUM_MAX_NODES
 *
 * Return: within @st, as the operator wrote it; "": it does not say.
 */
const char *kqd_status_address(const struct kqd_status *st, uint32_t id)
{
	const struct kqd_status_peer *p = kqd_status_peer(st, id);

	return st->member[id].address[0] || !p ? st->member[id].address : p->address;
}

/**
 * kqd_ref_same() - are they the same snapshot, to the byte?
 * @a: one
 * @b: the other
 *
 * Return: true: they are.
 */
bool kqd_ref_same(const struct kqd_ref *a, const struct kqd_ref *b)
{
	return a->index == b->index && a->term == b->term && a->bytes == b->bytes &&
		a->crc == b->crc;
}

/**
 * kqd_state_name() - a word for a state
 * @state: enum kquorum_node_state
 *
 * Return: a constant string.
 */
const char *kqd_state_name(uint32_t state)
{
	static const char *const names[] = {
		[KQUORUM_NODE_RECOVERING] = "recovering its log",
		[KQUORUM_NODE_RUNNING] = "running",
		[KQUORUM_NODE_DAMAGED] = "damaged",
		[KQUORUM_NODE_FAILED] = "failed",
		[KQUORUM_NODE_STOPPING] = "stopping",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}
