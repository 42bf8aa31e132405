// SPDX-License-Identifier: GPL-2.0
/*
 * Grants to lock handles of this node, and their ends: a grant may have to be renewed, may be held
 * so long at most, or may be taken back by an operator. Whatever comes first is its end, kept by
 * this node's own clock: it is lost here then, and only behind that the log is told, so that nobody
 * else has it before. That this node is there to do so is what its session stands for.
 */
#include "kq_int.h"

static void end_add(struct kq_core *core, struct kq_owner *o)
{
	struct rb_node **link = &core->owners_by_end.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = o->end_ns < rb_entry(parent, struct kq_owner, by_end)->end_ns ?
			&parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&o->by_end, parent, link);
	rb_insert_color(&o->by_end, &core->owners_by_end);
}

/**
 * kq_owner_no_end() - it is not granted any more: it does not come to an end of its own
 * @core: the core
 * @o: the owner. Its @end_ns stays: who looks at it without lock must not see a later one
 */
void kq_owner_no_end(struct kq_core *core, struct kq_owner *o)
{
	if (RB_EMPTY_NODE(&o->by_end))
		return;
	rb_erase(&o->by_end, &core->owners_by_end);
	RB_CLEAR_NODE(&o->by_end);
}

/**
 * kq_owner_set_end() - a grant is lost by itself at some time
 * @core: the core
 * @o: whose it is
 * @end_ns: then; KQ_NEVER: not
 */
void kq_owner_set_end(struct kq_core *core, struct kq_owner *o, u64 end_ns)
{
	KQ_ASSERT(core, o->state == KQUORUM_LOCK_GRANTED);
	KQ_ASSERT(core, !o->closing);
	KQ_ASSERT(core, end_ns <= o->limit_ns || KQ_BREAK(RENEW_BEYOND));
	kq_owner_no_end(core, o);
	WRITE_ONCE(o->end_ns, end_ns);
	if (end_ns != KQ_NEVER)
		end_add(core, o);
}

/* It has to be given back. */
static void evict(struct kq_core *core, struct kq_owner *o, u32 drain_ms, bool fenced)
{
	u64 until = core->now_ns + kq_ms(drain_ms), told = kq_owner_deadline(core, o);

	if (!fenced)
		until = max(until, told);
	if (until >= o->limit_ns)
		return;
	o->limit_ns = until;
	o->limit = KQ_RELEASE_EVICTED;
	kq_owner_set_end(core, o, min(o->end_ns, until));
	kq_owner_changed(core, o);
}

/* What it is bound to, it is from now on: this node may be late, and grants no less for that. */
static void begin_grant(struct kq_core *core, struct kq_owner *o, const struct kq_claim *c)
{
	u64 now = core->now_ns;

	o->ttl_ms = c->ttl_ms;
	o->limit_ns = c->hold_ms ? now + kq_ms(c->hold_ms) : KQ_NEVER;
	o->limit = KQ_RELEASE_OVERDUE;
	kq_owner_set_end(core, o, min(c->ttl_ms ? now + kq_ms(c->ttl_ms) : KQ_NEVER, o->limit_ns));
	if (c->evicted)
		kq_owner_evicted(core, c);
}

/**
 * kq_owner_granted() - the replicated state grants a lock to an owner of this node
 * @core: the core
 * @c: its claim, which holds
 *
 * In a session that has lapsed here a grant is worth nothing; EXPIRE follows.
 */
void kq_owner_granted(struct kq_core *core, struct kq_claim *c)
{
	struct kq_owner *o = kq_owner_of(core, c);
	const u8 *number = kq_claim_numbers(c);
	u32 i;

	if (!o || (core->local.state != KQ_SESSION_LIVE && !KQ_BREAK(GRANT_LAPSED)))
		return;
	if (o->state != KQUORUM_LOCK_ASKING && o->state != KQUORUM_LOCK_QUEUED)
		return;
	KQ_ASSERT(core, c->token > o->token);
	o->token = c->token;
	memset(o->numbers, 0, sizeof(o->numbers));
	for (i = 0; i < c->numbers; i++)
		o->numbers[number[i] / 64] |= 1ULL << (number[i] % 64);
	kq_owner_set_state(core, o, KQUORUM_LOCK_GRANTED, 0);
	if (!o->closing)
		begin_grant(core, o, c);
}

/**
 * kq_owner_refuse() - it has no claim any more, and did not give it back
 * @core: the core
 * @o: the owner; one that closes has its RELEASE under way, which finds nothing
 * @error: negative errno
 */
void kq_owner_refuse(struct kq_core *core, struct kq_owner *o, s32 error)
{
	if (o->closing)
		return;
	if (o->state == KQUORUM_LOCK_QUEUED)
		kq_owner_set_state(core, o, KQUORUM_LOCK_REFUSED, error);
	else if (o->state == KQUORUM_LOCK_GRANTED)
		kq_owner_set_state(core, o, KQUORUM_LOCK_LOST, error);
	else
		return;
	o->held = false;
}

/**
 * kq_owner_evicted() - an owner of this node holds, and has to give it back
 * @core: the core
 * @c: its claim
 *
 * Who does not check tokens may rely on what he was told that is left of the lease: it is not cut
 * short. It is not renewed any more.
 */
void kq_owner_evicted(struct kq_core *core, const struct kq_claim *c)
{
	bool fenced = kq_resource_is_fenced(c->resource);
	struct kq_owner *o = kq_owner_of(core, c);

	if (o && o->state == KQUORUM_LOCK_GRANTED && !o->closing)
		evict(core, o, c->drain_ms, fenced || KQ_BREAK(EVICT_AT_ONCE));
}

/**
 * kq_owner_deadline() - until when may who holds it rely on it?
 * @core: the core
 * @o: the owner, granted in the session of now
 *
 * Return: on the clock of the core; 0: not any more.
 */
u64 kq_owner_deadline(const struct kq_core *core, const struct kq_owner *o)
{
	return min(READ_ONCE(core->local.deadline_ns), READ_ONCE(o->end_ns));
}

/**
 * kq_core_renew() - who holds a lock is still at work
 * @core: the core
 * @now_ns: the clock
 * @o: the owner
 * @token: of the grant that is meant
 *
 * Return: 0; -EINVAL: it has no such token; -ETIME: it is lost.
 */
int kq_core_renew(struct kq_core *core, u64 now_ns, struct kq_owner *o, u64 token)
{
	core->now_ns = now_ns;
	if (!token || token != o->token)
		return -EINVAL;
	if (o->state != KQUORUM_LOCK_GRANTED || o->closing ||
	    (kq_owner_deadline(core, o) <= now_ns && !KQ_BREAK(RENEW_LATE)))
		return -ETIME;
	if (o->ttl_ms)
		kq_owner_set_end(core, o, min(now_ns + kq_ms(o->ttl_ms),
					      KQ_BREAK(RENEW_BEYOND) ? KQ_NEVER : o->limit_ns));
	return 0;
}

/* It is lost here first; only then the log is told, and others can have it. */
static void end(struct kq_core *core, struct kq_owner *o)
{
	static const s32 error[] = {
		[KQ_RELEASE_UNRENEWED] = -ETIME,
		[KQ_RELEASE_OVERDUE] = -ETIMEDOUT,
		[KQ_RELEASE_EVICTED] = -ECANCELED,
	};
	u32 why = o->end_ns == o->limit_ns ? o->limit : KQ_RELEASE_UNRENEWED;

	kq_trace(core, "owner %llu has lost its grant: %u", (unsigned long long)o->id, why);
	if (!KQ_BREAK(END_UNTOLD))
		kq_owner_set_state(core, o, KQUORUM_LOCK_LOST, error[why]);
	else
		kq_owner_no_end(core, o);
	if (o->held && kq_is_up(core))
		kq_owner_give_back(core, o, why);
}

/**
 * kq_owners_tick() - grants that come to their own end
 * @core: the core
 */
void kq_owners_tick(struct kq_core *core)
{
	struct rb_node *n;

	while ((n = rb_first(&core->owners_by_end))) {
		struct kq_owner *o = rb_entry(n, struct kq_owner, by_end);

		if (KQ_BREAK(RELEASE_EARLY) && o->held &&
		    o->end_ns < core->now_ns + kq_ms(core->eff.lease_ms) &&
		    list_empty(&o->release.node) && kq_is_up(core))
			kq_owner_give_back(core, o, o->limit);
		if (o->end_ns > core->now_ns || KQ_BREAK(ENDLESS))
			break;
		end(core, o);
	}
}

/**
 * kq_owner_refused() - the claim of an owner of this node goes, and not by its own wish
 * @core: the core
 * @c: its claim, which is about to go
 * @error: negative errno
 */
void kq_owner_refused(struct kq_core *core, const struct kq_claim *c, s32 error)
{
	struct kq_owner *o = kq_owner_of(core, c);

	if (o)
		kq_owner_refuse(core, o, error);
}
