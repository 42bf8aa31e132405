// SPDX-License-Identifier: GPL-2.0
/*
 * Connections to peers, and who it is that connects: what a node tells of its past, whom it takes,
 * and how it knows a member again.
 */
#include "kq_int.h"

/* Is there nothing in the log, nor was there ever? */
static bool is_empty(const struct kq_core *core)
{
	return !core->log.last && !core->report.claimed_index;
}

/**
 * kq_core_past() - what this node tells a peer of its past
 * @core: the core
 * @id: node id of the peer; 0: none in particular
 * @out: filled in
 */
void kq_core_past(const struct kq_core *core, u32 id, struct kquorum_past *out)
{
	u32 i;

	out->origin = cpu_to_le64(core->conf.origin);
	out->identity = cpu_to_le64(core->hs.identity);
	out->incarnation = cpu_to_le64(core->hs.incarnation);
	out->met = cpu_to_le32(core->hs.met[id]);
	out->flags = cpu_to_le32(is_empty(core) ? KQUORUM_PAST_EMPTY : 0);
	for (i = 0; i < KQUORUM_STARTS; i++)
		out->starts[i] = cpu_to_le32(core->hs.starts[i]);
}

/*
 * Does the past that a peer tells of hold the start in which it was met last? If not, what it
 * acknowledged and whom it voted for since is forgotten there. To count the starts would not do:
 * who was set back counts on, and some starts later is past what is known of it.
 */
static bool is_in_past(u64 known, const struct kquorum_past *past)
{
	u64 now = le64_to_cpu(past->incarnation);
	u32 i;

	if (!known || known == now || (u32)known == le32_to_cpu(past->met))
		return true;
	for (i = 0; i < KQUORUM_STARTS; i++)
		if (past->starts[i] && (u32)known == le32_to_cpu(past->starts[i]))
			return true;
	return KQ_BREAK(COUNTED) && now > known;
}

/* A damaged node whose vote is not known writes nothing, and so it says nothing. */
static bool is_mute(const struct kq_core *core)
{
	return !kq_is_up(core) ||
		(core->report.health == KQ_WAL_DAMAGED && !core->report.vote_known);
}

/**
 * kq_peer_note() - a member is known again by the start in which it was met last
 * @core: the core
 * @p: the peer
 * @identity: of its files; nothing is noted of who is no member
 * @incarnation: its present one
 *
 * Return: 0, or -ENOSPC: the log has no room for it.
 */
int kq_peer_note(struct kq_core *core, struct kq_peer *p, u64 identity, u64 incarnation)
{
	if (!kq_conf_has(&core->conf, p->id) || core->conf.identity[p->id] != identity ||
	    (core->hs.peer[p->id] == incarnation && core->hs.whose[p->id] == (u32)identity))
		return 0;
	if (is_mute(core))
		return 0;
	/* Behind damage only hard states are written, as long as there is room for them. */
	if (core->state == KQUORUM_NODE_RUNNING &&
	    !kq_disk_has_room(core, KQ_WAL_BLOCK, KQ_WAL_ROOM_VOTE))
		return -ENOSPC;
	core->hs.peer[p->id] = incarnation;
	core->hs.whose[p->id] = (u32)identity;
	kq_peer_changed(core, p);
	return 0;
}

/* Why a connection is not taken; 0: it is. As kq_core_peer_up() returns it. */
static int refuse_peer(const struct kq_core *core, const struct kq_peer *p,
		       const struct kquorum_past *past)
{
	u64 identity = le64_to_cpu(past->identity), origin = le64_to_cpu(past->origin);
	u64 known = KQ_BREAK(AMNESIA) ? p->incarnation : core->hs.peer[p->id];
	u64 member = core->conf.identity[p->id];
	u32 flags = le32_to_cpu(past->flags);

	if (!past->incarnation || !identity || flags & ~KQUORUM_PAST_EMPTY)
		return -EINVAL;
	/* Only a member takes the place of who is none. */
	if (p->connected && p->incarnation != le64_to_cpu(past->incarnation) &&
	    (identity != member || p->identity == member))
		return -EBUSY;
	if (origin && core->conf.origin && origin != core->conf.origin)
		return -EXDEV;
	if (!kq_conf_has(&core->conf, p->id))
		return 0;
	if (identity != member)
		return flags & KQUORUM_PAST_EMPTY && !KQ_BREAK(WIPED) ? -EKEYREJECTED : 0;
	return core->hs.whose[p->id] == (u32)identity && !is_in_past(known, past) ? -ESTALE : 0;
}

/* Followers have nothing else to say to each other, and who begins a cluster asks for this. */
static void send_met(struct kq_core *core, u32 to)
{
	bool empty = is_empty(core);
	struct kq_body_met *b;
	struct kq_msg *msg;

	if (is_mute(core))
		return;
	/* Of two machines that would begin the cluster, one only. */
	if (empty && to == kq_node_next(core->cfg.founders, 0)) {
		if (!core->beginner)
			core->beginner = core->peer[to].identity;
		empty = core->beginner == core->peer[to].identity;
	}
	msg = kq_msg_alloc(core, to, KQ_MSG_MET, sizeof(*b));
	if (!msg)
		return;
	b = kq_msg_body(msg);
	b->flags = cpu_to_le32(empty ? KQ_MET_EMPTY : 0);
	kq_msg_send(core, msg, max_t(u64, core->hs.term, 1));
}

/**
 * kq_peer_tick() - an empty node says again that it is, to whoever would begin the cluster
 * @core: the core
 *
 * The first time it may have been lost, and there is no other word to follow.
 */
void kq_peer_tick(struct kq_core *core)
{
	u32 first = kq_node_next(core->cfg.founders, 0);

	if (!first || first == core->cfg.self || !core->peer[first].connected || !is_empty(core) ||
	    core->now_ns - core->met_ns < kq_ms(core->eff.election_ms))
		return;
	core->met_ns = core->now_ns;
	send_met(core, first);
}

/**
 * kq_core_peer_up() - a connection to a peer stands
 * @core: the core
 * @now_ns: the clock
 * @id: node id
 * @past: what its greeting told of it
 *
 * Its daemon has made sure who it is. It need not be a member: who joins hears of that from the
 * leader, and the leader's newest configuration may not have come here yet. A member's incarnation
 * is on disk before anything is said to it, so that a start here does not forget it.
 *
 * Under the number of a member another node may come, which has its place by a configuration
 * that is not known here: it is heard, and its votes and acknowledgements do not count.
 *
 * Return: 0; -EINVAL for what is no number of another node, or no past; -EBUSY while another start
 * under this number is connected: two machines have the same files, or its end is not noticed yet;
 * -EXDEV when its log was begun by another node: it is of another cluster with the same name;
 * -EKEYREJECTED when it is empty and the configuration means another; -ESTALE when its files are
 * older than those with which it was met; -ENOSPC when the log has no room to note it.
 */
int kq_core_peer_up(struct kq_core *core, u64 now_ns, u32 id, const struct kquorum_past *past)
{
	u64 incarnation = le64_to_cpu(past->incarnation);
	u64 identity = le64_to_cpu(past->identity);
	struct kq_peer *p;
	int err;

	core->now_ns = now_ns;
	if (!id || id > KQ_MAX_NODES || id == core->cfg.self || core->cfg.survivor)
		return -EINVAL;
	p = &core->peer[id];
	err = refuse_peer(core, p, past);
	if (!err)
		err = kq_peer_note(core, p, identity, incarnation);
	if (err)
		return err;
	if (p->connected)
		kq_core_peer_down(core, now_ns, id);
	if (p->identity != identity) {
		p->vote = 0;		/* that was another's */
		if (kq_is_leader(core))
			kq_leader_peer_begin(core, p);
	}
	if (p->incarnation != incarnation)
		p->rate = (struct kq_rate){};	/* another start, another clock */
	p->identity = identity;
	p->empty = false;
	p->incarnation = incarnation;
	p->connected = true;
	p->seen_ns = now_ns;
	core->events |= KQUORUM_EVENT_PEER;
	kq_trace(core, "peer %u up", id);
	send_met(core, id);
	if (kq_is_leader(core)) {
		kq_member_meet(core, p);
		kq_leader_peer_reset(core, p);
		kq_leader_send(core);
	}
	kq_propose_pump(core);
	kq_disk_pump(core);
	return 0;
}

/**
 * kq_core_peer_down() - the connection to a peer is gone, with what was in flight
 * @core: the core
 * @now_ns: the clock
 * @id: node id
 */
void kq_core_peer_down(struct kq_core *core, u64 now_ns, u32 id)
{
	core->now_ns = now_ns;
	if (!id || id > KQ_MAX_NODES || !core->peer[id].connected)
		return;
	core->peer[id].connected = false;
	kq_msgs_free(&core->peer[id].msgs);
	kq_held_drop(core, id);
	core->events |= KQUORUM_EVENT_PEER;
	kq_trace(core, "peer %u down", id);
	if (kq_is_leader(core))
		kq_leader_peer_reset(core, &core->peer[id]);
	if (core->leader == id)
		kq_propose_unsend(core);
}

/**
 * kq_peer_recv_met() - a peer has taken the connection
 * @core: the core
 * @h: header
 * @body: struct kq_body_met
 */
void kq_peer_recv_met(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_met *b = body;

	core->peer[le32_to_cpu(h->from)].empty = le32_to_cpu(b->flags) & KQ_MET_EMPTY;
}

/**
 * kq_peer_heard() - a peer speaks: so it has noted this start, if this node is a member there
 * @core: the core
 * @from: node id; it has not failed, for then it notes nothing
 *
 * Should many starts follow while it is away, it will know this node by this.
 */
void kq_peer_heard(struct kq_core *core, u32 from)
{
	u32 now = (u32)core->hs.incarnation;

	if (core->hs.met[from] == now)
		return;
	core->hs.met[from] = now;
	if (kq_disk_has_room(core, KQ_WAL_BLOCK, KQ_WAL_ROOM_INTERNAL))
		core->hs_version++;
}
