// SPDX-License-Identifier: LGPL-2.1-or-later
/* STATUS: everything about this namespace's node in one answer. */
#include <endian.h>
#include <string.h>

#include "internal.h"

/* MEMBER and PEER describe the same nodes: whichever comes first makes the row. */
static struct kquorum_peer_status *peer_by_id(struct kquorum_status *st, uint32_t id)
{
	unsigned int i, at;

	for (at = 0; at < st->n_peers && st->peers[at].id < id; at++)
		;
	if (at < st->n_peers && st->peers[at].id == id)
		return &st->peers[at];
	if (!id || st->n_peers == KQUORUM_MAX_NODES)
		return NULL;
	for (i = st->n_peers++; i > at; i--)
		st->peers[i] = st->peers[i - 1];
	memset(&st->peers[at], 0, sizeof(st->peers[at]));
	st->peers[at].id = id;
	st->peers[at].rtt_ns = KQUORUM_NEVER;
	st->peers[at].seen_ns = KQUORUM_NEVER;
	st->peers[at].disk_ns = KQUORUM_NEVER;
	return &st->peers[at];
}

static void take_member(struct kquorum_status *st, const struct nlattr *nest)
{
	struct kquorum_peer_status *p;
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	p = peer_by_id(st, kq_lib_u32(&a, KQUORUM_MEMBER_ID, 0));
	if (!p)
		return;
	kq_lib_string(&a, KQUORUM_MEMBER_NAME, p->name, sizeof(p->name));
	kq_lib_string(&a, KQUORUM_MEMBER_ADDRESS, p->address, sizeof(p->address));
	p->member = true;
	p->promote = kq_lib_u32(&a, KQUORUM_MEMBER_FLAGS, 0) & KQUORUM_CONF_PROMOTE;
	p->witness = kq_lib_u32(&a, KQUORUM_MEMBER_FLAGS, 0) & KQUORUM_CONF_WITNESS;
	p->priority = kq_lib_u32(&a, KQUORUM_MEMBER_PRIORITY, KQUORUM_PRIORITY_DEFAULT);
}

static void take_departed(struct kquorum_status *st, const struct nlattr *nest)
{
	struct kq_lib_attrs a;
	uint32_t id;

	kq_lib_parse_nested(nest, &a);
	id = kq_lib_u32(&a, KQUORUM_MEMBER_ID, 0);
	if (id >= 1 && id <= KQUORUM_MAX_NODES)
		kq_lib_string(&a, KQUORUM_MEMBER_NAME, st->departed[id], sizeof(st->departed[id]));
}

static void take_transit(struct kquorum_peer_status *p, const struct nlattr *nest)
{
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	p->transit.index = kq_lib_u64(&a, KQUORUM_TRANSIT_INDEX, 0);
	p->transit.bytes = kq_lib_u64(&a, KQUORUM_TRANSIT_BYTES, 0);
	p->transit.done_bytes = kq_lib_u64(&a, KQUORUM_TRANSIT_DONE, 0);
	p->transit.comes = a.table[KQUORUM_TRANSIT_COMES];
}

static void take_peer(struct kquorum_status *st, const struct nlattr *nest)
{
	struct kquorum_peer_status *p;
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	p = peer_by_id(st, kq_lib_u32(&a, KQUORUM_PEER_ID, 0));
	if (!p)
		return;
	if (a.table[KQUORUM_PEER_NAME])
		kq_lib_string(&a, KQUORUM_PEER_NAME, p->name, sizeof(p->name));
	if (a.table[KQUORUM_PEER_ADDRESS])
		kq_lib_string(&a, KQUORUM_PEER_ADDRESS, p->address, sizeof(p->address));
	p->connected = kq_lib_u8(&a, KQUORUM_PEER_CONNECTED);
	p->has_progress = a.table[KQUORUM_PEER_PROGRESS];
	p->progress = kq_lib_u32(&a, KQUORUM_PEER_PROGRESS, 0);
	p->match_index = kq_lib_u64(&a, KQUORUM_PEER_MATCH, 0);
	p->inflight_bytes = kq_lib_u32(&a, KQUORUM_PEER_INFLIGHT_BYTES, 0);
	p->incarnation = kq_lib_u64(&a, KQUORUM_PEER_INCARNATION, 0);
	p->rtt_ns = kq_lib_u64(&a, KQUORUM_PEER_RTT, KQUORUM_NEVER);
	p->seen_ns = kq_lib_u64(&a, KQUORUM_PEER_SEEN, KQUORUM_NEVER);
	p->disk_ns = kq_lib_u64(&a, KQUORUM_PEER_DISK, KQUORUM_NEVER);
	p->has_rate = a.table[KQUORUM_PEER_RATE_MIN];
	p->rate_min_ppm = (int32_t)kq_lib_u32(&a, KQUORUM_PEER_RATE_MIN, 0);
	p->rate_max_ppm = (int32_t)kq_lib_u32(&a, KQUORUM_PEER_RATE_MAX, 0);
	p->clock_off = (int32_t)kq_lib_u32(&a, KQUORUM_PEER_CLOCK_OFF, 0);
	p->flags = kq_lib_u32(&a, KQUORUM_PEER_FLAGS, 0);
	p->drops = kq_lib_u64(&a, KQUORUM_PEER_DROPS, 0);
	p->stranger = a.table[KQUORUM_PEER_STRANGER];
	kq_lib_string(&a, KQUORUM_PEER_FROM, p->from, sizeof(p->from));
	if (a.table[KQUORUM_PEER_TRANSIT])
		take_transit(p, a.table[KQUORUM_PEER_TRANSIT]);
	p->needs_snapshot = a.table[KQUORUM_PEER_SNAPSHOT];
	p->snapshot_index = kq_lib_u64(&a, KQUORUM_PEER_SNAPSHOT, 0);
	kq_lib_string(&a, KQUORUM_PEER_REASON, p->reason, sizeof(p->reason));
	/* A round trip or a write that took no time was not measured yet. */
	if (!p->rtt_ns)
		p->rtt_ns = KQUORUM_NEVER;
	if (!p->disk_ns)
		p->disk_ns = KQUORUM_NEVER;
}

static void take_disk(struct kquorum_disk_status *d, const struct nlattr *nest)
{
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	d->state = kq_lib_u32(&a, KQUORUM_DISK_STATE, KQUORUM_DISK_OK);
	d->error = kq_lib_u32(&a, KQUORUM_DISK_ERROR, 0);
	d->capacity_bytes = kq_lib_u64(&a, KQUORUM_DISK_CAPACITY, 0);
	d->used_bytes = kq_lib_u64(&a, KQUORUM_DISK_USED, 0);
	d->write_ns = kq_lib_u64(&a, KQUORUM_DISK_WRITE_TIME, 0);
	d->write_age_ns = kq_lib_u64(&a, KQUORUM_DISK_WRITE_AGE, 0);
	d->segment = kq_lib_u32(&a, KQUORUM_DISK_SEGMENT, 0);
	d->offset_bytes = kq_lib_u64(&a, KQUORUM_DISK_OFFSET, 0);
	d->torn_bytes = kq_lib_u64(&a, KQUORUM_DISK_TORN, 0);
	d->damaged_places = kq_lib_u32(&a, KQUORUM_DISK_CROSSED, 0);
	d->to_repair = kq_lib_u64(&a, KQUORUM_DISK_TO_REPAIR, 0);
	d->missing = kq_lib_u64(&a, KQUORUM_DISK_MISSING, 0);
	d->missing_from = kq_lib_u64(&a, KQUORUM_DISK_MISSING_FROM, 0);
	d->lacks = kq_lib_u32(&a, KQUORUM_DISK_LACKS, 0);
}

static void take_scrub(struct kquorum_scrub_status *s, const struct nlattr *nest)
{
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	s->count = kq_lib_u64(&a, KQUORUM_SCRUB_COUNT, 0);
	s->running = kq_lib_u8(&a, KQUORUM_SCRUB_RUNNING);
	s->rate = kq_lib_u64(&a, KQUORUM_SCRUB_RATE, 0);
	s->done_bytes = kq_lib_u64(&a, KQUORUM_SCRUB_DONE, 0);
	s->total_bytes = kq_lib_u64(&a, KQUORUM_SCRUB_TOTAL, 0);
	s->damaged_places = kq_lib_u32(&a, KQUORUM_SCRUB_PLACES, 0);
	s->missing = kq_lib_u64(&a, KQUORUM_SCRUB_MISSING, 0);
	s->rewritten = kq_lib_u64(&a, KQUORUM_SCRUB_REWRITTEN, 0);
	s->segment = kq_lib_u32(&a, KQUORUM_SCRUB_SEGMENT, 0);
	s->offset_bytes = kq_lib_u64(&a, KQUORUM_SCRUB_OFFSET, 0);
	s->ended_ns = kq_lib_u64(&a, KQUORUM_SCRUB_ENDED, KQUORUM_NEVER);
	s->error = (int32_t)kq_lib_u32(&a, KQUORUM_SCRUB_ERROR, 0);
	kq_lib_string(&a, KQUORUM_SCRUB_REASON, s->reason, sizeof(s->reason));
}

static void take_snapshot(struct kquorum_snapshot_status *s, const struct nlattr *nest)
{
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	s->index = kq_lib_u64(&a, KQUORUM_SNAPSHOT_INDEX, 0);
	s->term = kq_lib_u64(&a, KQUORUM_SNAPSHOT_TERM, 0);
	s->bytes = kq_lib_u64(&a, KQUORUM_SNAPSHOT_BYTES, 0);
	s->crc = kq_lib_u32(&a, KQUORUM_SNAPSHOT_CRC, 0);
}

static void take_settings(struct kquorum_settings *set, const struct nlattr *nest)
{
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	set->heartbeat_ms = kq_lib_u32(&a, KQUORUM_SETTING_HEARTBEAT_MS, 0);
	set->election_ms = kq_lib_u32(&a, KQUORUM_SETTING_ELECTION_MS, 0);
	set->lease_ms = kq_lib_u32(&a, KQUORUM_SETTING_LEASE_MS, 0);
	set->delta_ms = kq_lib_u32(&a, KQUORUM_SETTING_DELTA_MS, 0);
	set->drift_ppm = kq_lib_u32(&a, KQUORUM_SETTING_DRIFT_PPM, 0);
	set->segment_bytes = kq_lib_u32(&a, KQUORUM_SETTING_SEGMENT_BYTES, 0);
}

static void take_counters(struct kquorum_status *st, const struct nlattr *nest)
{
	struct kq_lib_attrs a;

	kq_lib_parse_nested(nest, &a);
	st->counters.elections = kq_lib_u64(&a, KQUORUM_COUNTER_ELECTIONS, 0);
	st->counters.batches = kq_lib_u64(&a, KQUORUM_COUNTER_BATCHES, 0);
	st->counters.entries = kq_lib_u64(&a, KQUORUM_COUNTER_ENTRIES, 0);
	st->counters.bad_messages = kq_lib_u64(&a, KQUORUM_COUNTER_BAD_MESSAGES, 0);
	st->counters.busy = kq_lib_u64(&a, KQUORUM_COUNTER_BUSY, 0);
	st->counters.pending = kq_lib_u64(&a, KQUORUM_COUNTER_PENDING, 0);
}

static void put_past(struct kquorum_status *st, const struct nlattr *attr)
{
	struct kquorum_past past;

	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(past))
		return;
	memcpy(&past, mnl_attr_get_payload(attr), sizeof(past));
	st->identity = le64toh(past.identity);
	st->empty = le32toh(past.flags) & KQUORUM_PAST_EMPTY;
}

static void put_lineage(struct kquorum_status *st, const struct nlattr *attr)
{
	const struct kquorum_lineage *l = attr ? mnl_attr_get_payload(attr) : NULL;

	if (!l || mnl_attr_get_payload_len(attr) < sizeof(*l))
		return;
	st->lineage.cluster_id = le64toh(l->cluster);
	st->lineage.origin = le64toh(l->origin);
	st->lineage.index = le64toh(l->index);
	st->lineage.begins = le64toh(l->begins);
	st->lineage.how = le32toh(l->how);
}

static void take_scalars(struct kquorum_status *st, const struct kq_lib_attrs *a)
{
	kq_lib_string(a, KQUORUM_A_NAME, st->name, sizeof(st->name));
	kq_lib_string(a, KQUORUM_A_REASON, st->reason, sizeof(st->reason));
	st->cluster_id = kq_lib_u64(a, KQUORUM_A_CLUSTER_ID, 0);
	st->cluster_hash = kq_lib_u64(a, KQUORUM_A_CLUSTER_HASH, 0);
	st->incarnation = kq_lib_u64(a, KQUORUM_A_INCARNATION, 0);
	st->epoch = kq_lib_u64(a, KQUORUM_A_EPOCH, 0);
	st->node_id = kq_lib_u32(a, KQUORUM_A_NODE_ID, 0);
	st->state = kq_lib_u32(a, KQUORUM_A_STATE, KQUORUM_NODE_RECOVERING);
	st->role = kq_lib_u32(a, KQUORUM_A_ROLE, KQUORUM_FOLLOWER);
	st->canvass = kq_lib_u32(a, KQUORUM_A_CANVASS, KQUORUM_CANVASS_NONE);
	st->term = kq_lib_u64(a, KQUORUM_A_TERM, 0);
	st->vote = kq_lib_u32(a, KQUORUM_A_VOTE, 0);
	st->leader = kq_lib_u32(a, KQUORUM_A_LEADER, 0);
	st->conf_index = kq_lib_u64(a, KQUORUM_A_CONF_INDEX, 0);
	st->voters = kq_lib_u32(a, KQUORUM_A_VOTERS, 0);
	st->outgoing = kq_lib_u32(a, KQUORUM_A_OUTGOING, 0);
	st->learners = kq_lib_u32(a, KQUORUM_A_LEARNERS, 0);
	st->founders = kq_lib_u32(a, KQUORUM_A_FOUNDERS, 0);
	st->left = a->table[KQUORUM_A_LEFT];
	st->clock_off = (int32_t)kq_lib_u32(a, KQUORUM_A_CLOCK_OFF, 0);
	put_past(st, a->table[KQUORUM_A_PAST]);
	put_lineage(st, a->table[KQUORUM_A_LINEAGE]);
	st->joins = a->table[KQUORUM_A_JOINS];
	st->gone = kq_lib_u32(a, KQUORUM_A_GONE, 0);
	st->quorum = kq_lib_u8(a, KQUORUM_A_QUORUM);
	st->daemon = kq_lib_u8(a, KQUORUM_A_DAEMON);
	st->locks.open = kq_lib_u32(a, KQUORUM_A_LOCKS, 0);
	st->locks.user_max = kq_lib_u32(a, KQUORUM_A_USER_LOCKS, 0);
	st->locks.node_max = kq_lib_u32(a, KQUORUM_A_NODE_LOCKS, 0);
	st->silence_ns = kq_lib_u64(a, KQUORUM_A_SILENCE, KQUORUM_NEVER);
	st->scrub.ended_ns = KQUORUM_NEVER;
	st->first_index = kq_lib_u64(a, KQUORUM_A_FIRST_INDEX, 0);
	st->last_index = kq_lib_u64(a, KQUORUM_A_LAST_INDEX, 0);
	st->commit_index = kq_lib_u64(a, KQUORUM_A_COMMIT_INDEX, 0);
	st->applied_index = kq_lib_u64(a, KQUORUM_A_APPLIED_INDEX, 0);
	st->durable_index = kq_lib_u64(a, KQUORUM_A_DURABLE_INDEX, 0);
	st->session = kq_lib_u64(a, KQUORUM_A_SESSION, 0);
	st->session_left_ns = kq_lib_u64(a, KQUORUM_A_SESSION_LEFT, 0);
	st->wait_left_ns = kq_lib_u64(a, KQUORUM_A_WAIT_LEFT, 0);
	st->overlap_left_ns = kq_lib_u64(a, KQUORUM_A_OVERLAP_LEFT, KQUORUM_NEVER);
}

static int take_status(const struct nlmsghdr *answer, void *user)
{
	struct kquorum_status *st = user;
	struct kq_lib_attrs attrs;
	const struct nlattr *a;

	kq_lib_parse(answer, &attrs);
	take_scalars(st, &attrs);
	mnl_attr_for_each(a, answer, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(a)) {
		case KQUORUM_A_MEMBER:
			take_member(st, a);
			break;
		case KQUORUM_A_PEER:
			take_peer(st, a);
			break;
		case KQUORUM_A_DEPARTED:
			take_departed(st, a);
			break;
		case KQUORUM_A_SNAPSHOT:
			take_snapshot(&st->snapshot, a);
			break;
		case KQUORUM_A_SCRUB:
			take_scrub(&st->scrub, a);
			break;
		case KQUORUM_A_DISK:
			take_disk(&st->disk, a);
			break;
		case KQUORUM_A_SETTINGS:
			take_settings(&st->settings, a);
			break;
		case KQUORUM_A_SETTINGS_BEFORE:
			take_settings(&st->before, a);
			st->overlap = true;
			break;
		case KQUORUM_A_COUNTERS:
			take_counters(st, a);
			break;
		}
	}
	/* Of itself a node that is no member may have nothing to say. */
	peer_by_id(st, st->node_id);
	return 0;
}

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	memset(st, 0, sizeof(*st));
	st->silence_ns = KQUORUM_NEVER;
	return kq_lib_talk(k, kq_lib_request(k, KQUORUM_CMD_STATUS, 0), take_status, st);
}

const struct kquorum_peer_status *kquorum_status_peer(const struct kquorum_status *st, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].id == id)
			return &st->peers[i];
	return NULL;
}
