// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: one lease per node for all that it holds (design section 6).
 *
 * The holder's lease runs from when it SENT the request, on its clock; the
 * leader's promise from when it ANSWERED, on its own, and is longer by the guard
 * band. An answer is given only after a quorum has acknowledged a message sent
 * after the request came in, so no deposed leader can lengthen a lease.
 */
#include "kq_int.h"

/* --- the leader's side ---------------------------------------------------------------- */

static int append_session(struct kq_core *core, u16 type, u32 node, u64 left_ns)
{
	struct kq_session_cmd cmd = {
		.session = cpu_to_le64(core->session[node].id),
		.left_ns = cpu_to_le64(left_ns),
		.node = cpu_to_le32(node),
	};

	return kq_leader_append_own(core, type, &cmd, sizeof(cmd));
}

/**
 * kq_lease_lead() - the first entry of the own term is applied: watch over sessions
 * @core: the core, leader
 *
 * A new leader knows no deadlines: every session starts at its full promise, a
 * suspect one at what the log says it has left. That was counted on another clock;
 * the error of this one comes on top, or the promise would be spent by two errors of
 * Delta on this side, where it allows for one.
 */
void kq_lease_lead(struct kq_core *core)
{
	u64 promise = kq_settings_promise_ns(&core->eff);
	u64 error = 2 * kq_ms(core->eff.delta_ms);	/* over (1+rho) Delta */
	struct kq_peer *p;

	kq_for_each_peer(core, KQ_NODES_BITS, p) {
		const struct kq_session *s = &core->session[p->id];
		u64 left = promise;

		if (s->suspect && !KQ_BREAK(LENGTHEN))
			left = min(promise, min(promise, s->left_ns) + error);
		if (!KQ_BREAK(LEAD_ANEW))
			p->promise_until_ns = core->now_ns + left;
		p->told_left_ns = left;
		p->suspect_sent = s->suspect;
		p->expire_sent = false;
		p->clear_sent = false;
		p->renew_round = 0;
	}
}

/*
 * Say in the log what a silent session has left, and again as that shrinks: each new
 * leader counts down from there, and leaders that come and go must not keep it for ever.
 */
static void suspect(struct kq_core *core, struct kq_peer *p, u64 left)
{
	u64 told = p->told_left_ns;
	bool suspected = p->suspect_sent;

	p->suspect_sent = true;		/* in the log from here on: not renewed */
	p->told_left_ns = left;
	if (append_session(core, KQ_ENTRY_SUSPECT, p->id, left)) {
		p->suspect_sent = suspected;
		p->told_left_ns = told;
	}
}

/**
 * kq_lease_leader_tick() - suspect the silent, expire what is over
 * @core: the core, leader
 */
void kq_lease_leader_tick(struct kq_core *core)
{
	u64 silence = kq_ms(core->eff.lease_ms) / 2;
	struct kq_peer *p;

	if (!core->lead_ready)
		return;
	kq_for_each_peer(core, KQ_NODES_BITS, p) {
		u64 until = p->promise_until_ns, now = core->now_ns;
		u64 step = p->suspect_sent ? silence / 2 : silence;

		if (!core->session[p->id].id || p->expire_sent)
			continue;
		if (now >= until) {
			p->expire_sent = true;	/* in the log from here on: not renewed */
			if (append_session(core, KQ_ENTRY_EXPIRE, p->id, 0))
				p->expire_sent = false;
		} else if (!p->renew_round && !p->clear_sent &&
			   until - now + step < p->told_left_ns) {
			/* Whose request waits for its answer is not silent. */
			suspect(core, p, until - now);
		}
		if (!kq_is_leader(core))
			return;
	}
}

static void renew_accept(struct kq_core *core, u64 session, u64 sent_ns, u64 lease_ns, u64 commit);

static void answer_renewal(struct kq_core *core, struct kq_peer *p)
{
	u64 lease_ns = kq_ms(core->eff.lease_ms);
	struct kq_body_renew_resp *r;
	struct kq_msg *msg;

	p->renew_round = 0;
	if ((p->suspect_sent && !KQ_BREAK(RENEW_SUSPECT)) ||
	    (p->expire_sent && !KQ_BREAK(RENEW_EXPIRED)) ||
	    (!kq_is_member(core, p->id) && !KQ_BREAK(RENEW_REMOVED)) ||
	    !kq_rate_may_lease(core, p->id) || p->renew_session != core->session[p->id].id)
		return;
	p->promise_until_ns = core->now_ns + kq_settings_promise_ns(&core->eff);
	if (p->id == core->cfg.self) {
		renew_accept(core, p->renew_session, p->renew_sent_ns, lease_ns, core->commit);
		return;
	}
	/* The answer counts once its commit index is applied there. */
	kq_leader_tell_commit(core, 1ULL << p->id);
	msg = kq_msg_alloc(core, p->id, KQ_MSG_RENEW_RESP, sizeof(*r));
	if (!msg)
		return;
	r = kq_msg_body(msg);
	r->session = cpu_to_le64(p->renew_session);
	r->sent_ns = cpu_to_le64(p->renew_sent_ns);
	r->lease_ns = cpu_to_le64(lease_ns);
	r->commit = cpu_to_le64(core->commit);
	kq_msg_send(core, msg, core->hs.term);
}

static u64 round_of(struct kq_core *core, struct kq_peer *p)
{
	return p->id == core->cfg.self ? core->round : p->acked_round;
}

/**
 * kq_lease_rounds() - answer the renewals whose round a quorum has acknowledged
 * @core: the core, leader
 */
void kq_lease_rounds(struct kq_core *core)
{
	u64 round = kq_quorum_value(core, round_of);
	struct kq_peer *p;

	kq_for_each_peer(core, KQ_NODES_BITS, p)
		if (p->renew_round && p->renew_round <= round)
			answer_renewal(core, p);
}

/* The request of @p is answered when a quorum has acknowledged what is sent from now on. */
static void start_round(struct kq_core *core, struct kq_peer *p)
{
	p->renew_round = KQ_BREAK(RENEW_ALONE) ? 1 : core->round + 1;
	kq_leader_broadcast(core);
	kq_lease_rounds(core);
}

static void renew_ask(struct kq_core *core, u32 from, u64 session, u64 sent_ns)
{
	struct kq_peer *p = &core->peer[from];

	if (!kq_is_leader(core) || (!core->lead_ready && !KQ_BREAK(RENEW_EARLY)) || !session ||
	    (!kq_is_member(core, from) && !KQ_BREAK(RENEW_REMOVED)) ||
	    session != core->session[from].id || (p->expire_sent && !KQ_BREAK(RENEW_EXPIRED)) ||
	    !kq_rate_may_lease(core, from))
		return;
	/*
	 * The request that waits is answered first. Where a round takes longer than the
	 * time between two requests, the newer in its place would never be answered either.
	 */
	if (p->renew_round)
		return;
	p->renew_session = session;
	p->renew_sent_ns = sent_ns;
	if (p->suspect_sent && !KQ_BREAK(RENEW_SUSPECT)) {
		/* Only a committed CLEAR lifts the suspicion; it takes the request up again. */
		if (core->session[from].suspect && !p->clear_sent) {
			p->clear_sent = true;
			if (append_session(core, KQ_ENTRY_CLEAR, from, 0))
				p->clear_sent = false;
		}
		return;
	}
	start_round(core, p);
}

/**
 * kq_lease_recv_renew() - a node asks for its session to be renewed
 * @core: the core
 * @h: header
 * @body: struct kq_body_renew
 */
void kq_lease_recv_renew(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_renew *b = body;

	renew_ask(core, le32_to_cpu(h->from), le64_to_cpu(b->session), le64_to_cpu(b->sent_ns));
}

/* --- the holder's side ------------------------------------------------------------------ */

static void set_deadline(struct kq_core *core, u64 deadline_ns)
{
	WRITE_ONCE(core->local.deadline_ns, deadline_ns);
}

/* A deadline that has passed is never raised again: what was lost stays lost. */
static void lapse(struct kq_core *core)
{
	set_deadline(core, 0);
	core->local.state = KQ_SESSION_LAPSED;
	core->events |= KQUORUM_EVENT_SESSION;
	kq_trace(core, "session lapsed");
	kq_owners_session_lapsed(core);
}

static void check_lapse(struct kq_core *core)
{
	if (core->local.state == KQ_SESSION_LIVE && core->now_ns >= core->local.deadline_ns)
		lapse(core);
}

static void try_deadline(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;
	bool first = l->state == KQ_SESSION_OPEN;

	check_lapse(core);
	if (!l->pending_deadline_ns || (l->pending_commit > core->applied && !KQ_BREAK(LAG)))
		return;
	if (l->state != KQ_SESSION_OPEN && l->state != KQ_SESSION_LIVE &&
	    !(KQ_BREAK(REVIVE) && l->state == KQ_SESSION_LAPSED))
		return;
	if (l->pending_deadline_ns > core->now_ns) {
		set_deadline(core, max(l->deadline_ns, l->pending_deadline_ns));
		l->state = KQ_SESSION_LIVE;
	}
	l->pending_deadline_ns = 0;
	if (first && l->state == KQ_SESSION_LIVE) {
		core->events |= KQUORUM_EVENT_SESSION;
		kq_trace(core, "session live");
		kq_owners_session_live(core);
	}
}

static void renew_accept(struct kq_core *core, u64 session, u64 sent_ns, u64 lease_ns, u64 commit)
{
	struct kq_local_session *l = &core->local;

	if (session != l->id || sent_ns > core->now_ns)
		return;
	if (KQ_BREAK(RECEIVED))
		sent_ns = core->now_ns;
	/*
	 * One that waits for its commit index stays, while it is good for anything: a node
	 * that lags would never reach the index of the newest.
	 */
	if (sent_ns + lease_ns > l->pending_deadline_ns &&
	    (commit <= l->pending_commit || l->pending_deadline_ns <= core->now_ns)) {
		l->pending_deadline_ns = sent_ns + lease_ns;
		l->pending_commit = commit;
	}
	l->answered_ns = max(l->answered_ns, sent_ns);
	try_deadline(core);
}

/**
 * kq_lease_recv_renew_resp() - the leader renews this node's session
 * @core: the core
 * @h: header
 * @body: struct kq_body_renew_resp
 *
 * It counts once the commit index that it names is applied here, so that a late
 * node does not revive what was taken from it.
 */
void kq_lease_recv_renew_resp(struct kq_core *core, const struct kq_wire_hdr *h,
			      const void *body)
{
	const struct kq_body_renew_resp *b = body;
	u64 lease_ns = le64_to_cpu(b->lease_ns);

	if (core->leader != le32_to_cpu(h->from))
		return;
	if (lease_ns > kq_ms(KQUORUM_LEASE_MS_MAX)) {
		core->refused = "a lease longer than any setting";
		return;
	}
	/* Its settings may be newer than those that have come here. */
	lease_ns = min(lease_ns, kq_ms(core->eff.lease_ms));
	renew_accept(core, le64_to_cpu(b->session), le64_to_cpu(b->sent_ns), lease_ns,
		     le64_to_cpu(b->commit));
}

static void send_renewal(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;
	struct kq_body_renew *b;
	struct kq_msg *msg;

	l->asked_ns = core->now_ns;
	if (kq_is_leader(core)) {
		renew_ask(core, core->cfg.self, l->id, core->now_ns);
		return;
	}
	msg = kq_msg_alloc(core, core->leader, KQ_MSG_RENEW, sizeof(*b));
	if (!msg)
		return;
	b = kq_msg_body(msg);
	b->session = cpu_to_le64(l->id);
	b->sent_ns = cpu_to_le64(core->now_ns);
	kq_msg_send(core, msg, core->hs.term);
}

static void forget_open(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;

	if (list_empty(&l->open.node))
		return;
	list_del_init(&l->open.node);
	core->pending_count--;
}

/* OPEN and CLOSE share one proposal: a session ends before the next begins. */
static bool propose_session(struct kq_core *core, u16 type)
{
	struct kq_local_session *l = &core->local;
	struct kq_session_cmd cmd = {
		.session = cpu_to_le64(l->id),
		.node = cpu_to_le32(core->cfg.self),
	};
	struct kq_entry *e = kq_entry_alloc(type, &cmd, sizeof(cmd));

	if (!e)
		return false;
	/* Still pending when the leader's log opened the session by an entry of its own. */
	forget_open(core);
	kq_entry_free(l->open.entry);
	l->open.entry = e;
	return true;
}

static void open_session(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;

	l->asked_ns = core->now_ns;
	l->id = max(kq_first_session(core->hs.incarnation),
		    core->session[core->cfg.self].last_id) + 1;
	if (!propose_session(core, KQ_ENTRY_OPEN))
		return;
	l->state = KQ_SESSION_OPENING;
	l->next_seq = 1;
	l->pending_deadline_ns = 0;
	l->answered_ns = 0;
	set_deadline(core, 0);
	kq_trace(core, "opens session %llx", (unsigned long long)l->id);
	l->open.session = l->id;
	l->open.seq = 0;	/* the session's window does not exist yet */
	l->open.sent = false;
	l->open.tries = 0;
	l->open.not_before_ns = 0;
	list_add(&l->open.node, &core->pending);
	core->pending_count++;
	kq_propose_pump(core);
}

/**
 * kq_lease_open_outcome() - OPEN or CLOSE has been applied or refused
 * @core: the core
 * @p: the proposal
 *
 * What was applied has been told by kq_lease_session_opened() or _ended() already.
 */
void kq_lease_open_outcome(struct kq_core *core, struct kq_proposal *p)
{
	if (p->error && core->local.state == KQ_SESSION_OPENING)
		core->local.state = KQ_SESSION_NONE;
}

/*
 * This node is no member any more, and nobody renews its session. That this is over comes in
 * the log, when the promise is, and may not be heard here.
 */
static void left(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;

	kq_trace(core, "is no member: gives up its session and what waits");
	forget_open(core);
	set_deadline(core, 0);
	l->state = KQ_SESSION_NONE;
	core->events |= KQUORUM_EVENT_SESSION;
	kq_owners_end(core);
}

/**
 * kq_lease_local_tick() - open, renew, and see the end of, this node's session
 * @core: the core
 */
void kq_lease_local_tick(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;
	u64 heartbeat = kq_ms(core->eff.heartbeat_ms);
	u64 since = core->now_ns - l->asked_ns;

	check_lapse(core);
	if (core->state != KQUORUM_NODE_RUNNING)
		return;
	/* By what is applied: a removal that may still be cut off is none. */
	if (kq_is_out(core) && core->conf_index <= core->applied &&
	    (l->state != KQ_SESSION_NONE || kq_owners_any(core)))
		left(core);
	if (!core->leader)
		return;
	/* While the one of before the restart is in the table, an OPEN is refused: wait. */
	if (l->state == KQ_SESSION_NONE && !core->stopping && !core->session[core->cfg.self].id &&
	    kq_is_member(core, core->cfg.self) && (!l->asked_ns || since >= 2 * heartbeat))
		open_session(core);
	if (l->state != KQ_SESSION_OPEN && l->state != KQ_SESSION_LIVE)
		return;
	if (since >= 2 * heartbeat &&
	    (l->answered_ns < l->asked_ns || since >= kq_ms(core->eff.lease_ms) / 5))
		send_renewal(core);
}

/**
 * kq_core_drop_lease() - what this node holds is lost, now
 * @core: the core
 * @now_ns: the clock
 *
 * The machine is about to sleep, or is not the one that asked for the lease. Others get what it
 * held when the promise is over, as ever: who used it may need that time to end. Then a new
 * session opens.
 */
void kq_core_drop_lease(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	if (core->local.state == KQ_SESSION_OPEN || core->local.state == KQ_SESSION_LIVE)
		lapse(core);
}

/**
 * kq_lease_close() - end this node's session: the node stops
 * @core: the core
 */
void kq_lease_close(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;

	set_deadline(core, 0);
	if (l->state == KQ_SESSION_NONE)
		return;
	if (l->state == KQ_SESSION_OPENING || !propose_session(core, KQ_ENTRY_CLOSE)) {
		/* Nothing can be said of it now; it expires. */
		l->state = KQ_SESSION_NONE;
		return;
	}
	l->state = KQ_SESSION_CLOSING;
	kq_propose_submit(core, &l->open);
}

/**
 * kq_lease_installed() - a snapshot was installed: what has become of this node's session?
 * @core: the core
 */
void kq_lease_installed(struct kq_core *core)
{
	struct kq_local_session *l = &core->local;
	u64 id = core->session[core->cfg.self].id;

	if (l->state == KQ_SESSION_NONE)
		return;
	if (l->state == KQ_SESSION_OPENING) {
		if (id == l->id)
			kq_lease_session_opened(core, core->cfg.self, id);
	} else if (id != l->id) {
		forget_open(core);
		kq_propose_unknown(core);
		kq_lease_session_ended(core, core->cfg.self, l->id);
	}
}

/**
 * kq_lease_applied() - the applied index has risen
 * @core: the core
 */
void kq_lease_applied(struct kq_core *core)
{
	try_deadline(core);
}

/**
 * kq_lease_session_opened() - the log says that a session begins
 * @core: the core
 * @node: whose
 * @id: session
 */
void kq_lease_session_opened(struct kq_core *core, u32 node, u64 id)
{
	struct kq_peer *p = &core->peer[node];

	p->told_left_ns = kq_settings_promise_ns(&core->eff);
	p->promise_until_ns = core->now_ns + p->told_left_ns;
	p->suspect_sent = false;
	p->expire_sent = false;
	p->clear_sent = false;
	p->renew_round = 0;
	if (node == core->cfg.self && id == core->local.id &&
	    core->local.state == KQ_SESSION_OPENING) {
		core->local.state = KQ_SESSION_OPEN;
		core->local.asked_ns = 0;
	}
}

/**
 * kq_lease_session_ended() - the log says that a session is over
 * @core: the core
 * @node: whose
 * @id: session
 */
void kq_lease_session_ended(struct kq_core *core, u32 node, u64 id)
{
	struct kq_local_session *l = &core->local;

	core->peer[node].renew_round = 0;
	if (node != core->cfg.self || id != l->id || l->state == KQ_SESSION_NONE)
		return;
	set_deadline(core, 0);
	l->state = KQ_SESSION_NONE;
	l->asked_ns = 0;
	core->events |= KQUORUM_EVENT_SESSION;
	kq_trace(core, "session over");
	kq_owners_session_over(core);
}

/**
 * kq_lease_session_cleared() - the log says that a suspect was heard again
 * @core: the core
 * @node: whose session
 *
 * The leader goes on with the request that made it say so. Were the holder to ask
 * again, the next tick would come first: it finds it as silent as before.
 */
void kq_lease_session_cleared(struct kq_core *core, u32 node)
{
	struct kq_peer *p = &core->peer[node];
	bool asked = p->clear_sent;

	p->suspect_sent = false;
	p->clear_sent = false;
	p->told_left_ns = kq_settings_promise_ns(&core->eff);
	if (asked && core->lead_ready && !p->expire_sent)
		start_round(core, p);
}
