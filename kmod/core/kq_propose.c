// SPDX-License-Identifier: GPL-2.0
/*
 * Proposals of this node on their way into the log: numbered within the session,
 * given to the leader (or to the own log), given again after a change of leader,
 * and done when the own replica applies them. Applied once, whatever was retried.
 */
#include "kq_int.h"

/**
 * kq_propose_settled() - the lowest sequence number without an outcome
 * @core: the core
 *
 * Return: every number below it is settled.
 */
static u64 kq_propose_settled(const struct kq_core *core)
{
	struct kq_proposal *p;

	/* Those that wait for a session have no number yet. */
	list_for_each_entry(p, &core->pending, node)
		if (p->seq)
			return p->seq;
	return core->local.next_seq;
}

/**
 * kq_propose_find() - a pending proposal by its number
 * @core: the core
 * @session: session it was proposed in
 * @seq: sequence number
 *
 * Return: it, or NULL.
 */
static struct kq_proposal *kq_propose_find(struct kq_core *core, u64 session, u64 seq)
{
	struct kq_proposal *p;

	list_for_each_entry(p, &core->pending, node)
		if (p->seq == seq && p->session == session)
			return p;
	return NULL;
}

static void stamp(struct kq_core *core, struct kq_proposal *p)
{
	struct kq_record *rec = &p->entry->rec;

	rec->session = cpu_to_le64(p->session);
	rec->seq = cpu_to_le64(p->seq);
	rec->settled = cpu_to_le64(p->seq && !KQ_BREAK(SETTLED) ? kq_propose_settled(core) :
				   p->seq);
	rec->node = cpu_to_le32(core->cfg.self);
	rec->index = 0;
	rec->term = 0;
	rec->crc = cpu_to_le32(kq_entry_crc(rec, p->entry->data));
}

/* What a client asks for; all else must get through: the release of a lock, a session's end. */
static bool is_wish(u16 type)
{
	return type >= KQ_ENTRY_ACQUIRE && type != KQ_ENTRY_RELEASE;
}

static bool must_pass(const struct kq_proposal *p)
{
	return !is_wish(le16_to_cpu(p->entry->rec.type));
}

static bool known_session(const struct kq_core *core, const struct kq_proposal *p)
{
	return p->session && p->session == core->local.id;
}

/*
 * The leader said no. Only a first try is certainly not in the log: a later one may
 * have left its twin there, and so goes on trying.
 */
static void refused(struct kq_core *core, struct kq_proposal *p, s32 error)
{
	if ((p->tries <= 1 || KQ_BREAK(REFUSED)) && !must_pass(p) && error != -EPERM &&
	    error != -ENOMEM) {
		kq_propose_finish(core, p, error, 0, 0);
		return;
	}
	p->sent = false;
	if (error == -EPERM)
		p->tries--;	/* was no leader: nothing of it is left there */
	p->not_before_ns = core->now_ns + kq_ms(core->eff.heartbeat_ms);
}

static enum kq_wal_room room_of(u16 type)
{
	return is_wish(type) ? KQ_WAL_ROOM_CLIENT : KQ_WAL_ROOM_INTERNAL;
}

static int append_checked(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	int err = kq_machines_check(core, rec, payload);

	return err ?: kq_leader_append(core, rec, payload, room_of(le16_to_cpu(rec->type)));
}

/* It was given to the leader, or (@err) was not. */
static void submitted(struct kq_core *core, struct kq_proposal *p, int err)
{
	p->sent = true;
	p->lingers = false;
	p->tries++;
	/*
	 * Whatever was lost on the way, a refusal for want of memory say: ask again, less
	 * and less often, since each time may leave a twin in the log.
	 */
	p->not_before_ns = core->now_ns + 2 * kq_ms(core->eff.election_ms) *
		min_t(u32, p->tries, 16);
	if (err)
		refused(core, p, err);
}

/* Is it to be submitted now? Those beyond the session table's window are not. */
static bool is_due(struct kq_core *core, const struct kq_proposal *p)
{
	return core->now_ns >= p->not_before_ns && known_session(core, p) &&
		(!p->seq || p->seq - kq_propose_settled(core) < KQ_WINDOW);
}

static void pump_own(struct kq_core *core)
{
	struct kq_proposal *p, *next;
	bool sent = false;

	list_for_each_entry_safe(p, next, &core->pending, node) {
		if (p->sent || !is_due(core, p))
			continue;	/* sent: it is in the own log */
		stamp(core, p);
		submitted(core, p, append_checked(core, &p->entry->rec, p->entry->data));
		sent = true;
		if (KQ_BREAK(APPENDED) && p->sent && !p->owner && p->seq)
			kq_propose_finish(core, p, 0, core->log.last, core->hs.term);
	}
	if (sent) {
		kq_leader_send(core);
		kq_disk_pump(core);
	}
}

/* What is due and fits goes in one message, for one write of the leader's log. */
static u32 due_bytes(struct kq_core *core)
{
	struct kq_proposal *p;
	u32 bytes = 0;

	list_for_each_entry(p, &core->pending, node) {
		u32 size = kq_record_size(kq_entry_len(p->entry));

		if (!is_due(core, p))
			continue;
		if (bytes && bytes + size > KQ_APPEND_BYTES)
			break;
		bytes += size;
	}
	return bytes;
}

static void forward(struct kq_core *core, u32 bytes)
{
	struct kq_msg *msg = kq_msg_alloc(core, core->leader, KQ_MSG_PROPOSE, bytes);
	u8 *out = msg ? kq_msg_body(msg) : NULL;
	struct kq_proposal *p, *next;
	u32 at = 0;

	list_for_each_entry_safe(p, next, &core->pending, node) {
		u32 len = kq_entry_len(p->entry);

		if (!is_due(core, p))
			continue;
		if (at + kq_record_size(len) > bytes)
			break;
		stamp(core, p);
		if (out) {
			memcpy(out + at, &p->entry->rec, sizeof(p->entry->rec));
			memcpy(out + at + sizeof(p->entry->rec), p->entry->data, len);
		}
		at += kq_record_size(len);
		submitted(core, p, out ? 0 : -ENOMEM);
	}
	if (msg)
		kq_msg_send(core, msg, core->hs.term);
}

/**
 * kq_propose_pump() - give what is not sent yet to the leader, in order
 * @core: the core
 */
void kq_propose_pump(struct kq_core *core)
{
	u32 bytes;

	if (core->state != KQUORUM_NODE_RUNNING || !core->leader)
		return;
	if (kq_is_leader(core)) {
		pump_own(core);
		return;
	}
	if (!core->peer[core->leader].connected)
		return;
	while ((bytes = due_bytes(core)))
		forward(core, bytes);
}

/**
 * kq_propose_unsend() - the leader or the way to it changed: all is to be sent again
 * @core: the core
 */
void kq_propose_unsend(struct kq_core *core)
{
	struct kq_proposal *p;

	list_for_each_entry(p, &core->pending, node) {
		p->sent = false;
		p->not_before_ns = 0;
	}
}

static void number(struct kq_core *core, struct kq_proposal *p)
{
	p->session = core->local.id;
	p->seq = core->local.next_seq++;
	p->sent = false;
	p->lingers = false;
	p->tries = 0;
	p->not_before_ns = 0;
	p->error = 0;
	list_add_tail(&p->node, &core->pending);
	core->pending_count++;
}

/**
 * kq_propose_hurry() - what lingers is due now
 * @core: the core
 */
void kq_propose_hurry(struct kq_core *core)
{
	struct kq_proposal *p;

	if (!core->linger_until_ns)
		return;
	core->linger_until_ns = 0;
	list_for_each_entry(p, &core->pending, node)
		if (p->lingers)
			p->not_before_ns = 0;
}

/**
 * kq_propose_submit() - number a proposal in the present session and send it
 * @core: the core, its session live or (session commands) about to be
 * @p: proposal with its entry; stays with the core until it is finished
 */
void kq_propose_submit(struct kq_core *core, struct kq_proposal *p)
{
	number(core, p);
	kq_propose_hurry(core);
	kq_propose_pump(core);
}

/**
 * kq_propose_linger() - number a proposal that nobody waits for
 * @core: the core, its session live
 * @p: proposal with its entry; stays with the core until it is finished
 *
 * It goes with the node's next proposal, in one message and one write of the log, or
 * alone after KQ_LINGER_NS: a program that gives a lock back often takes another one
 * (or the same) next.
 */
void kq_propose_linger(struct kq_core *core, struct kq_proposal *p)
{
	number(core, p);
	p->lingers = true;
	p->not_before_ns = core->now_ns + KQ_LINGER_NS;
	core->linger_until_ns = p->not_before_ns;
	core->linger_new = true;
}

/**
 * kq_core_take_linger() - is the core to be woken in KQ_LINGER_NS?
 * @core: the core
 *
 * Return: true once per proposal that lingers: call kq_core_linger_over() then.
 */
bool kq_core_take_linger(struct kq_core *core)
{
	bool is_new = core->linger_new;

	core->linger_new = false;
	return is_new;
}

/**
 * kq_core_linger_over() - what lingered long enough is proposed
 * @core: the core
 * @now_ns: the clock
 *
 * Return: ns until something that still lingers is due: call it again then; 0: nothing.
 */
u64 kq_core_linger_over(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	if (now_ns < core->linger_until_ns)
		return core->linger_until_ns - now_ns;
	core->linger_until_ns = 0;
	kq_propose_pump(core);
	return 0;
}

/**
 * kq_propose_finish() - a proposal has its outcome
 * @core: the core
 * @p: it; leaves the pending list
 * @error: 0 or negative errno
 * @index: log index, 0: not in the log
 * @term: its term
 */
void kq_propose_finish(struct kq_core *core, struct kq_proposal *p, s32 error, u64 index,
		       u64 term)
{
	list_del_init(&p->node);
	core->pending_count--;
	p->error = error;
	p->index = index;
	p->term = term;
	if (p == &core->local.open)
		kq_lease_open_outcome(core, p);
	else if (p->owner)
		kq_owner_outcome(core, p);
	else
		list_add_tail(&p->node, &core->done);
}

/**
 * kq_propose_applied() - the own replica applied an entry: is it one of ours?
 * @core: the core
 * @e: the entry
 * @result: what applying it gave
 */
void kq_propose_applied(struct kq_core *core, const struct kq_entry *e, s32 result)
{
	struct kq_proposal *p;

	if (le32_to_cpu(e->rec.node) != core->cfg.self || !e->rec.session)
		return;
	p = kq_propose_find(core, le64_to_cpu(e->rec.session), le64_to_cpu(e->rec.seq));
	if (p)
		kq_propose_finish(core, p, result, kq_entry_index(e), kq_entry_term(e));
}

/**
 * kq_propose_unknown() - a snapshot was installed, and the session has ended before its index
 * @core: the core
 *
 * Nobody can tell any more which of its proposals were applied. Bytes of a client that may have
 * been must not be proposed anew: they would count twice.
 */
void kq_propose_unknown(struct kq_core *core)
{
	struct kq_proposal *p, *next;

	list_for_each_entry_safe(p, next, &core->pending, node)
		if (p != &core->local.open && !p->owner && p->seq && p->tries)
			kq_propose_finish(core, p, -EHOSTDOWN, 0, 0);
}

static void answer(struct kq_core *core, u32 to, const struct kq_record *rec, int err)
{
	struct kq_body_propose_resp *r;
	struct kq_msg *msg = kq_msg_alloc(core, to, KQ_MSG_PROPOSE_RESP, sizeof(*r));

	if (!msg)
		return;
	r = kq_msg_body(msg);
	r->session = rec->session;
	r->seq = rec->seq;
	r->error = cpu_to_le32(-err);
	kq_msg_send(core, msg, core->hs.term);
}

/**
 * kq_propose_recv() - another node's proposals
 * @core: the core
 * @h: header
 * @body: checked records
 *
 * Only a refusal is answered: success is seen in the log.
 */
void kq_propose_recv(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const void *end = (const u8 *)body + le32_to_cpu(h->len);
	u32 from = le32_to_cpu(h->from);
	const void *p = body;

	while (p < end) {
		struct kq_record rec;
		const void *next = kq_wire_next_record(p, end, &rec);
		int err = -EPERM;

		if (!KQ_ASSERT(core, next))	/* kq_wire_check_body() has seen it */
			return;
		if (kq_is_leader(core))
			err = append_checked(core, &rec, (const u8 *)p + sizeof(rec));
		if (err)
			answer(core, from, &rec, err);
		p = next;
	}
	if (kq_is_leader(core))
		kq_leader_send(core);
}

/**
 * kq_propose_recv_resp() - the leader refuses a proposal
 * @core: the core
 * @h: header
 * @body: struct kq_body_propose_resp
 */
void kq_propose_recv_resp(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_propose_resp *r = body;
	struct kq_proposal *p;

	if (core->leader != le32_to_cpu(h->from))
		return;
	if (!r->error) {
		core->refused = "a refusal without an error";	/* it would pass for success */
		return;
	}
	p = kq_propose_find(core, le64_to_cpu(r->session), le64_to_cpu(r->seq));
	if (p && p->sent)
		refused(core, p, -(s32)min_t(u32, le32_to_cpu(r->error), 4095));
}

/**
 * kq_core_append() - propose bytes of a client, or what is to be said of a resource
 * @core: the core
 * @now_ns: the clock
 * @p: proposal with an APPEND, DEFINE or UNDEFINE entry and a cookie; comes back through
 *	kq_core_take_done() when this returns 0
 *
 * Return: 0; -EBUSY: too many without outcome; -ENOSPC: the log is full; -ESHUTDOWN
 * when the node stops, -EIO when it has failed, -ENXIO when it is no member any more.
 */
int kq_core_append(struct kq_core *core, u64 now_ns, struct kq_proposal *p)
{
	core->now_ns = now_ns;
	if (core->stopping)
		return -ESHUTDOWN;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (kq_is_out(core))
		return -ENXIO;
	if (core->log_full)
		return -ENOSPC;
	if (core->pending_count >= KQ_WINDOW / 2) {
		core->counters.busy++;
		return -EBUSY;
	}
	if (core->local.state == KQ_SESSION_LIVE) {
		kq_propose_submit(core, p);
		return 0;
	}
	/* No session yet: it waits, unnumbered, at the end of the list. */
	p->session = 0;
	p->seq = 0;
	list_add_tail(&p->node, &core->pending);
	core->pending_count++;
	return 0;
}

/**
 * kq_core_append_cancel() - nobody wants the outcome any more
 * @core: the core
 * @p: a proposal given to kq_core_append() and not yet taken from the done list
 *
 * It is not undone: it may commit. It comes back through kq_core_take_done() with
 * a NULL cookie, to be freed.
 */
void kq_core_append_cancel(struct kq_core *core, struct kq_proposal *p)
{
	p->cookie = NULL;
}

/**
 * kq_core_take_done() - an append proposal with its outcome
 * @core: the core
 *
 * Return: it, or NULL.
 */
struct kq_proposal *kq_core_take_done(struct kq_core *core)
{
	struct kq_proposal *p = list_first_entry_or_null(&core->done, struct kq_proposal, node);

	if (p)
		list_del_init(&p->node);
	return p;
}
