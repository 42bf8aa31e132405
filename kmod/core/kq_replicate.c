// SPDX-License-Identifier: GPL-2.0
/*
 * The leader's side of replication: progress of each peer, a window of what is in
 * flight, commit by counting, check-quorum, transfer. States are named as in
 * etcd's raft: probe (find where the logs agree), replicate (pipeline).
 */
#include "kq_int.h"

static bool send_append(struct kq_core *core, struct kq_peer *p, u64 prev, bool entries,
			u32 flags)
{
	u64 last = entries ? core->log.last : prev;
	u32 bytes = kq_msg_entries_fit(core, prev + 1, &last);
	struct kq_body_append *b;
	struct kq_msg *msg;

	if (!KQ_ASSERT(core, prev >= core->log.base_index) ||
	    !KQ_ASSERT(core, !entries || last > prev))
		return false;
	msg = kq_msg_alloc(core, p->id, KQ_MSG_APPEND, sizeof(*b) + bytes);
	if (!msg)
		return false;
	b = kq_msg_body(msg);
	b->prev_index = cpu_to_le64(prev);
	b->prev_term = cpu_to_le64(kq_log_term(&core->log, prev));
	b->commit = cpu_to_le64(core->commit);
	b->round = cpu_to_le64(core->round);
	kq_rate_stamp(core, p, &b->clock);
	b->match = cpu_to_le64(p->match);
	b->count = cpu_to_le32((u32)(last - prev));
	b->flags = cpu_to_le32(flags);
	b->promise_ms = cpu_to_le32(core->eff.count_ms);
	kq_msg_put_entries(core, prev + 1, last, b + 1);
	if (last > prev) {
		u32 slot = (p->inflight_start + p->inflight_count) % KQ_INFLIGHT_MSGS;

		p->inflight[slot].last = last;
		p->inflight[slot].bytes = bytes;
		p->inflight_count++;
		p->inflight_bytes += bytes;
		p->next = last + 1;
	}
	p->commit_sent = core->commit;
	kq_msg_send(core, msg, core->hs.term);
	return true;
}

static bool window_open(const struct kq_peer *p)
{
	return p->inflight_count < KQ_INFLIGHT_MSGS;
}

/*
 * What comes next for it is gone from the log. It hears heartbeats, which ask for the entry that
 * the log goes on from; when it has that, by a snapshot, it says so like any other peer.
 */
static void wait_for_snapshot(struct kq_core *core, struct kq_peer *p)
{
	p->next = core->log.base_index + 1;
	if (p->progress == KQUORUM_PROGRESS_SNAPSHOT)
		return;
	p->progress = KQUORUM_PROGRESS_SNAPSHOT;
	p->snap_index = core->snap.index;
	core->events |= KQUORUM_EVENT_SNAPSHOT;
	kq_trace(core, "node %u needs a snapshot", p->id);
}

/* Its log is whole, but the snapshot is gone that this goes on from: an older one is of no use. */
static void wait_for_state(struct kq_core *core, struct kq_peer *p, u64 index)
{
	wait_for_snapshot(core, p);
	p->snap_index = max(p->snap_index, min(index, core->log.last));
}

/* All that the window lets through; in the probe state one question at a time. */
static void send_to(struct kq_core *core, struct kq_peer *p)
{
	if (!p->connected)	/* so is the node itself */
		return;
	if (p->next <= core->log.base_index && p->progress != KQUORUM_PROGRESS_PAUSED)
		wait_for_snapshot(core, p);
	if (p->progress == KQUORUM_PROGRESS_PROBE && !p->probe_sent)
		p->probe_sent = send_append(core, p, p->next - 1, false, 0);
	while (p->progress == KQUORUM_PROGRESS_REPLICATE && p->next <= core->log.last &&
	       window_open(p))
		if (!send_append(core, p, p->next - 1, true, 0))
			break;
}

/**
 * kq_leader_send() - send what is new to every peer
 * @core: the core
 */
void kq_leader_send(struct kq_core *core)
{
	struct kq_peer *p;

	kq_for_each_peer(core, kq_replicas(core), p)
		send_to(core, p);
}

/**
 * kq_leader_broadcast() - a heartbeat to every peer, and with it a new round
 * @core: the core
 */
void kq_leader_broadcast(struct kq_core *core)
{
	struct kq_peer *p;

	core->round++;
	core->heartbeat_ns = core->now_ns;
	kq_for_each_peer(core, kq_replicas(core), p) {
		if (p->id == core->cfg.self || !p->connected)
			continue;
		if (p->progress == KQUORUM_PROGRESS_PAUSED)
			p->next = max(p->match, core->log.base_index) + 1;
		else if (p->next <= core->log.base_index)
			wait_for_snapshot(core, p);
		send_append(core, p, p->next - 1, false, 0);
	}
}

/**
 * kq_leader_peer_reset() - what is known of a peer's log is only what it acknowledged
 * @core: the core
 * @p: the peer, after its connection came or went
 */
void kq_leader_peer_reset(struct kq_core *core, struct kq_peer *p)
{
	p->progress = p->connected ? KQUORUM_PROGRESS_PROBE : KQUORUM_PROGRESS_PAUSED;
	p->next = max(p->match, min(p->next - 1, core->log.last)) + 1;
	p->commit_sent = 0;
	p->probe_sent = false;
	if (KQ_BREAK(INFLIGHT))
		return;
	p->inflight_start = 0;
	p->inflight_count = 0;
	p->inflight_bytes = 0;
}

/**
 * kq_leader_peer_begin() - a peer's log is to be followed from here on
 * @core: the core, leader
 * @p: the peer, of whom nothing is known in this term
 */
void kq_leader_peer_begin(struct kq_core *core, struct kq_peer *p)
{
	if (!KQ_BREAK(MATCH_KEPT))
		p->match = 0;
	p->next = core->log.last + 1;
	p->acked_round = 0;
	p->heard_ns = core->now_ns;
	p->renew_round = 0;
	p->flags = 0;
	p->low = false;
	kq_leader_peer_reset(core, p);
}

/**
 * kq_leader_start() - lead the term that was won
 * @core: the core
 *
 * An empty entry starts the term: only with it do entries of earlier terms commit
 * (paper 5.4.2), and only then are sessions renewed.
 */
void kq_leader_start(struct kq_core *core)
{
	struct kq_peer *p;
	u64 i;

	core->role = KQUORUM_LEADER;
	core->leader = core->cfg.self;
	core->lead_ready = false;
	core->transfer_to = 0;
	core->round = 0;
	core->events |= KQUORUM_EVENT_LEADER;
	kq_trace(core, "leads");
	kq_sum_lead(core);
	core->leaving = 0;
	core->handed_over = false;
	kq_rate_forget(core);
	kq_for_each_peer(core, KQ_NODES_BITS, p) {
		kq_leader_peer_begin(core, p);
		kq_member_meet(core, p);
	}
	core->uncommitted_bytes = 0;
	for (i = core->commit + 1; i <= core->log.last && !KQ_BREAK(BOUND); i++)
		core->uncommitted_bytes +=
			kq_record_size(kq_entry_len(kq_log_get(&core->log, i)));
	core->term_start = core->log.last + 1;
	if (kq_leader_append_own(core, KQ_ENTRY_NOOP, NULL, 0)) {
		kq_become_follower(core, core->hs.term, 0);
		return;
	}
	kq_propose_unsend(core);
	kq_leader_broadcast(core);
	kq_propose_pump(core);
}

/*
 * Logs do not fill evenly. What clients propose must leave the reserve of a majority
 * alone, or releases and the ends of sessions could not commit any more.
 */
static bool quorum_has_room(struct kq_core *core)
{
	struct kq_peer *p;
	kq_nodes room = 0;

	kq_for_each_member(core, p)
		if (p->id == core->cfg.self || (!p->low && kq_is_member(core, p->id)))
			room |= kq_node_bit(p->id);
	return kq_conf_decided(&core->conf, room, 0) > 0;
}

/**
 * kq_leader_append() - put an entry into the log
 * @core: the core, leader
 * @rec: record of the proposer; index and term are set here
 * @payload: its payload
 * @room: how much of the log's reserve it may use
 *
 * Return: 0; -EBUSY: too much is uncommitted; -ENOSPC: the log is full; -EPERM: not
 * now, leadership is being handed over; -ENOMEM.
 */
int kq_leader_append(struct kq_core *core, const struct kq_record *rec, const void *payload,
		     enum kq_wal_room room)
{
	u32 size = kq_record_size(le32_to_cpu(rec->len));
	struct kq_record own = *rec;
	int err;

	if (room == KQ_WAL_ROOM_CLIENT && core->transfer_to)
		return -EPERM;
	if (room == KQ_WAL_ROOM_CLIENT &&
	    core->uncommitted_bytes + size > KQ_UNCOMMITTED_BYTES) {
		core->counters.busy++;
		return -EBUSY;
	}
	if (room == KQ_WAL_ROOM_CLIENT && !quorum_has_room(core))
		return -ENOSPC;
	if (!kq_disk_has_room(core, size, room))
		return -ENOSPC;
	own.index = cpu_to_le64(core->log.last + 1);
	own.term = cpu_to_le64(core->hs.term);
	err = kq_machines_log(&core->log, &own, payload, kq_log_append);
	if (err)
		return err;
	core->uncommitted_bytes += size;
	kq_member_logged(core, kq_log_get(&core->log, core->log.last));
	return 0;
}

/**
 * kq_leader_append_own() - an entry of the leader itself
 * @core: the core, leader
 * @type: enum kq_entry_type
 * @payload: payload
 * @len: its bytes
 *
 * Return: as kq_leader_append().
 */
int kq_leader_append_own(struct kq_core *core, u16 type, const void *payload, u32 len)
{
	struct kq_record rec = {
		.len = cpu_to_le32(len),
		.type = cpu_to_le16(type),
		.node = cpu_to_le32(core->cfg.self),
	};
	int err;

	rec.crc = cpu_to_le32(kq_entry_crc(&rec, payload));
	err = kq_leader_append(core, &rec, payload, kq_room_of(type));
	if (!err) {
		kq_leader_send(core);
		kq_disk_pump(core);
	}
	return err;
}

static u64 match_of(struct kq_core *core, struct kq_peer *p)
{
	if (p->id == core->cfg.self)
		return KQ_BREAK(SELF_COUNT) ? core->log.last : core->durable;
	/* What a node says it cannot serve any more is no copy to count on. */
	return p->flags & KQUORUM_PEERF_FAULTY ? 0 : p->match;
}

/**
 * kq_leader_tell_commit() - tell the commit index to whom it concerns
 * @core: the core, leader
 * @nodes: bit n: node n
 *
 * Who proposed elsewhere, or waits there for what a release here grants, is served by
 * its own replica: it must hear of a commit now. The others hear of it with the next
 * entries, or at the next tick.
 */
void kq_leader_tell_commit(struct kq_core *core, u64 nodes)
{
	struct kq_peer *p;

	kq_for_each_peer(core, kq_replicas(core), p) {
		if (p->id == core->cfg.self || !p->connected || !(nodes & 1ULL << p->id) ||
		    p->progress != KQUORUM_PROGRESS_REPLICATE ||
		    p->commit_sent >= core->commit || p->next <= core->log.base_index)
			continue;
		send_append(core, p, p->next - 1, false, KQ_APPEND_COMMIT);
	}
}

/**
 * kq_leader_commit() - commit what a majority has on disk
 * @core: the core, leader
 *
 * Only an entry of the own term commits by counting, and all before it (5.4.2).
 */
void kq_leader_commit(struct kq_core *core)
{
	u64 index = kq_quorum_value(core, match_of);

	if (index <= core->commit)
		return;
	if (kq_log_term(&core->log, index) != core->hs.term && !KQ_BREAK(COMMIT))
		return;
	if (!KQ_ASSERT(core, index <= core->log.last))
		return;
	while (core->commit < index) {
		u32 size = kq_record_size(kq_entry_len(kq_log_get(&core->log,
								  ++core->commit)));

		core->uncommitted_bytes -= min_t(u64, size, core->uncommitted_bytes);
	}
	core->concerned = 0;
	kq_machines_apply(core);
	if (!core->lead_ready && kq_is_leader(core) && core->applied >= core->term_start) {
		core->lead_ready = true;
		core->lead_ns = core->now_ns;
		kq_lease_lead(core);
	}
	kq_member_settle(core);
	kq_propose_pump(core);
	if (kq_is_leader(core)) {
		kq_leader_send(core);
		kq_leader_tell_commit(core, core->concerned);
	}
}

static void peer_rejects(struct kq_core *core, struct kq_peer *p,
			 const struct kq_body_append_resp *r)
{
	u64 hint = le64_to_cpu(r->hint_index), term = le64_to_cpu(r->hint_term);
	u64 next;

	/* It has acknowledged that: an answer to what was asked before, nothing new. */
	if (le64_to_cpu(r->reject_prev) <= p->match)
		return;
	hint = min(hint, core->log.last);
	while (hint && kq_log_term(&core->log, hint) > term)
		hint--;
	next = max(hint, p->match) + 1;
	if (p->progress == KQUORUM_PROGRESS_SNAPSHOT && next <= core->log.base_index)
		return;		/* it still waits for one */
	p->next = core->log.last + 1;	/* for the reset: no further than this */
	kq_leader_peer_reset(core, p);
	p->next = next;
	if (p->flags & KQUORUM_PEERF_LOG_FULL)
		p->progress = KQUORUM_PROGRESS_PAUSED;
	send_to(core, p);
}

static void peer_acknowledges(struct kq_core *core, struct kq_peer *p, u64 match)
{
	if (match > p->match)
		p->match = match;
	while (p->inflight_count && p->inflight[p->inflight_start].last <= p->match) {
		p->inflight_bytes -= p->inflight[p->inflight_start].bytes;
		p->inflight_start = (p->inflight_start + 1) % KQ_INFLIGHT_MSGS;
		p->inflight_count--;
	}
	/* The answer to what was asked before entries went that it needs. */
	if (p->progress == KQUORUM_PROGRESS_SNAPSHOT && p->match < core->log.base_index)
		return;
	if (p->progress != KQUORUM_PROGRESS_REPLICATE) {
		p->progress = KQUORUM_PROGRESS_REPLICATE;
		p->next = max(p->next, p->match + 1);
	}
}

/**
 * kq_leader_recv_resp() - a peer answers an APPEND
 * @core: the core
 * @h: header
 * @body: struct kq_body_append_resp
 */
void kq_leader_recv_resp(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_append_resp *r = body;
	struct kq_peer *p = &core->peer[le32_to_cpu(h->from)];
	u64 match = le64_to_cpu(r->match), round = le64_to_cpu(r->round);
	u32 flags = le32_to_cpu(r->flags);

	if (!kq_is_leader(core) || !(kq_replicas(core) & kq_node_bit(p->id)))
		return;
	if (flags & KQ_APPEND_FAILED) {
		p->flags = KQUORUM_PEERF_FAULTY;
		p->progress = KQUORUM_PROGRESS_PAUSED;
		return;
	}
	if (match > core->log.last) {
		core->refused = "acknowledges what was never sent";
		return;
	}
	p->heard_ns = core->now_ns;
	p->disk_ns = le64_to_cpu(r->disk_ns);
	p->flags = (flags & KQ_APPEND_FULL ? KQUORUM_PEERF_LOG_FULL : 0) |
		(flags & KQ_APPEND_FAULTY ? KQUORUM_PEERF_FAULTY : 0);
	p->low = flags & (KQ_APPEND_LOW | KQ_APPEND_FULL);
	kq_rate_heard(core, p, &r->clock);
	if (round <= core->round && round > p->acked_round)
		p->acked_round = round;
	if (flags & KQ_APPEND_STATELESS)
		wait_for_state(core, p, le64_to_cpu(r->hint_index));
	else if (flags & KQ_APPEND_FAULTY)
		p->progress = KQUORUM_PROGRESS_PAUSED;
	else if (flags & KQ_APPEND_REJECT)
		peer_rejects(core, p, r);
	else
		peer_acknowledges(core, p, match);
	kq_leader_commit(core);
	if (!kq_is_leader(core))
		return;
	kq_member_told(core, p);
	kq_lease_rounds(core);
	kq_leader_send(core);
}

static u64 heard_of(struct kq_core *core, struct kq_peer *p)
{
	return p->id == core->cfg.self ? core->now_ns : p->heard_ns;
}

/* The most up-to-date peer, or the one that was asked for, once it has everything. */
static void transfer_tick(struct kq_core *core)
{
	struct kq_peer *p = &core->peer[core->transfer_to];
	struct kq_body_timeout_now *b;
	struct kq_msg *msg;

	if (core->now_ns - core->transfer_since_ns > kq_ms(core->eff.election_ms)) {
		core->transfer_to = 0;
		core->events |= KQUORUM_EVENT_LEADER;
		return;
	}
	if (core->transfer_sent || !p->connected || p->match != core->log.last)
		return;
	msg = kq_msg_alloc(core, p->id, KQ_MSG_TIMEOUT_NOW, sizeof(*b));
	if (!msg)
		return;
	b = kq_msg_body(msg);
	b->last_index = cpu_to_le64(core->log.last);
	b->last_term = cpu_to_le64(kq_log_term(&core->log, core->log.last));
	core->transfer_sent = true;
	kq_msg_send(core, msg, core->hs.term);
}

/* It has so much of the log that the rest comes in no time. */
static bool keeps_up(const struct kq_core *core, const struct kq_peer *p)
{
	return p->progress == KQUORUM_PROGRESS_REPLICATE && core->log.last - p->match <= 1024;
}

/* Who leads for good before a witness, then who has more of the log, then who is preferred. */
static bool is_better(const struct kq_core *core, const struct kq_peer *p, const struct kq_peer *q)
{
	kq_nodes witnesses = core->conf.witnesses;
	bool p_leads = !(witnesses & kq_node_bit(p->id)) && keeps_up(core, p);
	bool q_leads = !(witnesses & kq_node_bit(q->id)) && keeps_up(core, q);

	if (p_leads != q_leads)
		return p_leads;
	if (p->match != q->match)
		return p->match > q->match;
	return kq_core_member(core, p->id)->priority > kq_core_member(core, q->id)->priority;
}

static u32 best_successor(struct kq_core *core)
{
	struct kq_peer *p;
	u32 best = 0;

	kq_for_each_peer(core, core->conf.voters, p) {
		if (p->id == core->cfg.self || !p->connected || p->flags ||
		    !kq_is_member(core, p->id) || (p->rate.off && !kq_rate_own_is_off(core)))
			continue;
		if (!best || is_better(core, p, &core->peer[best]))
			best = p->id;
	}
	return best;
}

/**
 * kq_core_transfer() - hand leadership to another node
 * @core: the core
 * @now_ns: the clock
 * @to: node id; 0: the most up-to-date
 *
 * New proposals wait meanwhile; given up after an election timeout.
 *
 * Return: 0, -EREMOTE when not leader, -EALREADY when @to leads, -EBUSY during
 * another transfer, -EINVAL for who has no vote, -ENOTCONN.
 */
int kq_core_transfer(struct kq_core *core, u64 now_ns, u32 to)
{
	core->now_ns = now_ns;
	if (!kq_is_leader(core))
		return -EREMOTE;
	if (to == core->cfg.self)
		return -EALREADY;
	if (core->transfer_to)
		return -EBUSY;
	if (!to)
		to = best_successor(core);
	if (!to)
		return -ENOTCONN;
	if (to > KQ_MAX_NODES || !(core->conf.voters & kq_node_bit(to)) || !kq_is_member(core, to))
		return -EINVAL;
	if (!core->peer[to].connected)
		return -ENOTCONN;
	core->transfer_to = to;
	core->transfer_since_ns = now_ns;
	core->transfer_sent = false;
	transfer_tick(core);
	return 0;
}

/**
 * kq_leader_tick() - heartbeats, check-quorum, leases, transfer
 * @core: the core, leader
 */
void kq_leader_tick(struct kq_core *core)
{
	u64 count_ns = kq_ms(core->eff.count_ms);

	if (core->now_ns - kq_quorum_value(core, heard_of) > count_ns &&
	    !KQ_BREAK(CHECK_QUORUM)) {
		kq_trace(core, "steps down: no quorum");
		kq_become_follower(core, core->hs.term, 0);
		return;
	}
	if (core->stopping && core->local.state == KQ_SESSION_NONE && !core->transfer_to)
		kq_core_transfer(core, core->now_ns, 0);
	if (core->transfer_to)
		transfer_tick(core);
	kq_member_settle(core);
	if (kq_is_leader(core)) {
		kq_lease_rounds(core);		/* the quorum may have become smaller */
		kq_lease_leader_tick(core);
		kq_evict_tick(core);
	}
	if (!kq_is_leader(core))
		return;
	if (core->now_ns - core->heartbeat_ns >= kq_ms(core->eff.heartbeat_ms))
		kq_leader_broadcast(core);
	kq_leader_send(core);
	kq_leader_tell_commit(core, U64_MAX);
}
