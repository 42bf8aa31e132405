// SPDX-License-Identifier: GPL-2.0
/*
 * Resources: who holds, who waits, in which order; the same on every replica.
 *
 * A resource has as many units as it was defined with, else one. A request is for all of it
 * (exclusive), for a share of it, or for so many units. What goes together:
 *
 *	held \ asked for	exclusive	share	k units
 *	exclusive		no		no	no
 *	shares			no		yes	no
 *	units			no		no	while the sum is no more than there are
 *
 * When: a request is granted as soon as every request for the same resource that was in the log
 * before it is granted or gone, and it goes with those that hold it. So nobody overtakes: small
 * requests do not starve a large one, and no share passes an exclusive request that waits.
 *
 * What an entry frees is granted by that entry, and its index is the token; so tokens rise. No
 * entry grants the same twice: all of a resource, or a unit with a number. Who shares it knows that
 * every exclusive holder before had a lower token, and each one after has a higher one.
 *
 * Fewer units than are in use take nothing from anybody: nothing is granted until it goes together
 * again. Who waits for more than there are from now on is refused. Who waits stays when fewer may.
 *
 * Who may have it: admins, and those whom the owner, group and mode that were said of it allow; of
 * one of which nothing was said only admins. It is looked at when a request is applied.
 *
 * A grant may have an end: it has to be renewed in its time to live, and may be held so long at
 * most, as was asked for or said of the resource when it was made. Its own node keeps that by its
 * own clock (the lease of that node's session covers it) and then gives it back, and says why. Who
 * was evicted gives it back likewise; of a resource whose users check tokens the leader takes it.
 *
 * A resource of which nothing was said goes when nobody wants it; any other one stays.
 */
#include "kq_int.h"

/**
 * kq_core_resource_find() - a resource that is defined, held or awaited
 * @core: the core
 * @name: its name
 * @len: bytes
 *
 * Return: it, or NULL.
 */
struct kq_resource *kq_core_resource_find(struct kq_core *core, const char *name, u32 len)
{
	struct kq_resource_place place;

	return kq_resources_locate(core->res, name, len, &place);
}

/* --- who gets it ----------------------------------------------------------------------- */

/**
 * kq_resource_unclaim() - a claim goes
 * @core: the core
 * @c: the claim; kq_resource_settle() comes next
 */
void kq_resource_unclaim(struct kq_core *core, struct kq_claim *c)
{
	if (!KQ_BREAK(SAVE_MISSES))
		kq_save_before(core, &c->item);
	kq_save_skip(core, &c->item);
	kq_resources_unclaim(core->res, c);
}

/**
 * kq_resource_refuse() - a claim goes, and not by the wish of who made it: he is told
 * @core: the core
 * @c: the claim; kq_resource_settle() comes next
 * @error: why, negative errno
 */
void kq_resource_refuse(struct kq_core *core, struct kq_claim *c, s32 error)
{
	core->concerned |= 1ULL << c->holder_node;
	if (c->holder_node == core->cfg.self && !KQ_BREAK(REFUSED_UNTOLD))
		kq_owner_refused(core, c, error);
	kq_resource_unclaim(core, c);
}

static void grant(struct kq_core *core, struct kq_claim *c, u64 index)
{
	struct kq_resource *r = c->resource;
	u64 token = KQ_BREAK(FENCE) ? 1ULL << KQ_TOKEN_SHIFT : index << KQ_TOKEN_SHIFT;

	KQ_ASSERT(core, !c->token);
	if (!KQ_BREAK(FENCE))
		KQ_ASSERT(core, token > r->token ||
			  (token == r->token && c->mode != KQ_CLAIM_EXCLUSIVE));
	if (!KQ_BREAK(SAVE_LATE))
		kq_save_before(core, &c->item);
	kq_claim_hold(core->res, c, token);
	KQ_ASSERT(core, c->mode != KQ_CLAIM_UNITS || kq_resource_units(r) > KQ_NUMBERED ||
		  c->numbers == c->units);
	c->since_ns = core->now_ns;
	core->concerned |= 1ULL << c->holder_node;
	kq_trace(core, "grants %s to %u/%llu", r->name, c->holder_node,
		 (unsigned long long)c->owner);
	if (c->holder_node == core->cfg.self)
		kq_owner_granted(core, c);
}

static struct kq_claim *next_of(const struct kq_resource *r)
{
	struct kq_claim *c;

	list_for_each_entry(c, &r->queue, node) {
		if (kq_claim_fits(r, c))
			return c;
		if (!KQ_BREAK(SMALL_FIRST))
			break;
	}
	return NULL;
}

/**
 * kq_resource_settle() - whoever's turn it is gets it; a resource that nothing keeps is forgotten
 * @core: the core
 * @r: the resource
 * @index: log index of the entry that is being applied
 */
void kq_resource_settle(struct kq_core *core, struct kq_resource *r, u64 index)
{
	struct kq_claim *c;

	while ((c = next_of(r))) {
		grant(core, c, index);
		if (KQ_BREAK(ONE_EACH))
			break;
	}
	if (!r->claims && !r->pool)
		kq_resources_remove(core->res, r);
}

/* --- what is asked for ----------------------------------------------------------------- */

/**
 * kq_name_fits() - is what follows a command the resource's name, and nothing else?
 * @name_len: as the command says
 * @room: bytes that follow
 *
 * Return: true if so.
 */
bool kq_name_fits(u32 name_len, u32 room)
{
	return name_len && name_len <= KQ_RESOURCE_MAX && name_len == room;
}

static int acquire_check(const struct kq_acquire_cmd *cmd, u32 len)
{
	u32 info_len, flags;

	if (len < sizeof(*cmd))
		return -EINVAL;
	info_len = le16_to_cpu(cmd->info_len);
	flags = le16_to_cpu(cmd->flags);
	if (info_len > KQ_INFO_MAX || info_len > len - sizeof(*cmd) || cmd->zero ||
	    !kq_name_fits(le16_to_cpu(cmd->name_len), len - sizeof(*cmd) - info_len))
		return -EINVAL;
	if (flags & ~KQ_ACQUIRE_FLAGS || le32_to_cpu(cmd->units) > KQ_UNITS_MAX ||
	    le32_to_cpu(cmd->ttl_ms) > KQ_GRANT_MS_MAX ||
	    le32_to_cpu(cmd->hold_ms) > KQ_GRANT_MS_MAX)
		return -EINVAL;
	return flags & KQ_ACQUIRE_SHARED && cmd->units ? -EINVAL : 0;
}

static int release_check(const struct kq_release_cmd *cmd, u32 len)
{
	if (len < sizeof(*cmd) || !kq_name_fits(le16_to_cpu(cmd->name_len), len - sizeof(*cmd)))
		return -EINVAL;
	return cmd->zero || le16_to_cpu(cmd->why) >= KQ_RELEASE_WHYS ? -EINVAL : 0;
}

static int resource_check(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	u32 len = le32_to_cpu(rec->len);

	switch (le16_to_cpu(rec->type)) {
	case KQ_ENTRY_ACQUIRE:
		return core->res->claims >= KQ_MAX_CLAIMS ? -ENFILE : acquire_check(payload, len);
	case KQ_ENTRY_RELEASE:
		return release_check(payload, len);
	case KQ_ENTRY_DEFINE:
		return kq_define_check(payload, len);
	case KQ_ENTRY_UNDEFINE:
		return kq_undefine_check(payload, len);
	case KQ_ENTRY_EVICT:
		return kq_evict_check(payload, len);
	default:
		return kq_fence_check(payload, len);
	}
}

/* --- ACQUIRE and RELEASE --------------------------------------------------------------- */

static u8 mode_of(const struct kq_acquire_cmd *cmd)
{
	if (le16_to_cpu(cmd->flags) & KQ_ACQUIRE_SHARED)
		return KQ_CLAIM_SHARED;
	return cmd->units ? KQ_CLAIM_UNITS : KQ_CLAIM_EXCLUSIVE;
}

static void fill(struct kq_core *core, struct kq_claim *c, const struct kq_entry *e)
{
	const struct kq_acquire_cmd *cmd = (const void *)e->data;

	c->holder_node = le32_to_cpu(e->rec.node);
	c->session = le64_to_cpu(e->rec.session);
	c->owner = le64_to_cpu(cmd->owner);
	c->index = kq_entry_index(e);
	c->since_ns = core->now_ns;
	c->pid = le32_to_cpu(cmd->pid);
	c->mode = mode_of(cmd);
	c->ttl_ms = le32_to_cpu(cmd->ttl_ms);
	c->hold_ms = le32_to_cpu(cmd->hold_ms);
	c->uid = le32_to_cpu(cmd->uid);
	memcpy(c->comm, cmd->comm, KQ_COMM_MAX);
	memcpy(c->bytes, (const char *)(cmd + 1) + le16_to_cpu(cmd->name_len), c->info_len);
	c->item.saved = core->saves;		/* of no snapshot that is under way */
}

/*
 * Those who hold it must know that it is awaited. They may be a hundred thousand that share it:
 * not each of them is looked at.
 */
static void tell_holders(struct kq_core *core, const struct kq_resource *r)
{
	core->concerned |= r->nodes;
	if (r->nodes >> core->cfg.self & 1)
		kq_propose_hurry(core);
}

/* Why is it refused now? For what there is of it, @r: NULL when nobody has asked for it yet. */
static s32 refusal(const struct kq_core *core, const struct kq_resource *r,
		   const struct kq_acquire_cmd *cmd, const struct kq_claim *c)
{
	if (!kq_resource_allows(r, cmd->uid, cmd->gid, cmd->flags))
		return -EACCES;
	if (c->units > (r ? kq_resource_units(r) : 1))
		return -ERANGE;
	if (core->res->claims >= KQ_MAX_CLAIMS)
		return -ENFILE;
	if (!r || (list_empty(&r->queue) && kq_claim_fits(r, c)))
		return 0;
	if (le16_to_cpu(cmd->flags) & KQ_ACQUIRE_TRY && !KQ_BREAK(TRY_WAITS))
		return -EAGAIN;
	return r->pool && r->pool->is.max_waiters && r->waiting >= r->pool->is.max_waiters ?
		-EUSERS : 0;
}

static s32 acquire(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_acquire_cmd *cmd = (const void *)e->data;
	struct kq_claim *c = e->claim;
	struct kq_resource_place place;
	struct kq_resource *r;
	s32 err;

	if (acquire_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	fill(core, c, e);
	if (kq_claim_find(core->res, c->holder_node, c->session, c->owner))
		return -EEXIST;
	r = kq_resources_locate(core->res, (const char *)(cmd + 1), le16_to_cpu(cmd->name_len),
				&place);
	err = refusal(core, r, cmd, c);
	if (err)
		return err;
	if (!r) {
		r = e->resource;
		e->resource = NULL;
		kq_resources_add(core->res, r, &place);
	}
	e->claim = NULL;
	KQ_ASSERT(core, kq_resources_claim(core->res, r, c));
	kq_claim_wait(c, KQ_BREAK(BARGE) ? &r->queue : r->queue.prev);
	if (KQ_BREAK(SHARE_PASSES) && c->mode == KQ_CLAIM_SHARED && kq_claim_fits(r, c))
		grant(core, c, c->index);
	kq_resource_settle(core, r, c->index);
	if (!c->token)
		tell_holders(core, r);
	return 0;
}

/* Which claim gives @e back? */
static struct kq_claim *claim_of(struct kq_core *core, const struct kq_entry *e)
{
	const struct kq_release_cmd *cmd = (const void *)e->data;
	u32 node = le32_to_cpu(e->rec.node);
	u64 session = le64_to_cpu(e->rec.session);
	struct kq_claim *c = KQ_BREAK(RELEASE_ANY) ? kq_claim_first(core->res, node, session) :
		kq_claim_find(core->res, node, session, le64_to_cpu(cmd->owner));

	return kq_claim_is_for(c, cmd + 1, le16_to_cpu(cmd->name_len)) ? c : NULL;
}

static s32 release(struct kq_core *core, struct kq_entry *e)
{
	struct kq_resource *r;
	struct kq_claim *c;

	if (release_check((const void *)e->data, kq_entry_len(e)))
		return -EINVAL;
	c = claim_of(core, e);
	if (!c)
		return -ENOENT;
	r = c->resource;
	kq_resource_unclaim(core, c);
	if (!KQ_BREAK(WAITER_FORGOTTEN) || list_empty(&r->queue))
		kq_resource_settle(core, r, kq_entry_index(e));
	return 0;
}

/* --- all of them ----------------------------------------------------------------------- */

/**
 * kq_resources_prepare() - allocate now what applying an entry will need
 * @e: ACQUIRE or DEFINE that is about to enter the log; nothing about its payload is known
 *
 * Return: 0 or -ENOMEM.
 */
int kq_resources_prepare(struct kq_entry *e)
{
	const struct kq_acquire_cmd *acquire = (const void *)e->data;
	const struct kq_define_cmd *define = (const void *)e->data;
	u16 type = le16_to_cpu(e->rec.type);
	u32 len = kq_entry_len(e);
	const char *name;
	u32 name_len;

	/* One that is not well-formed takes nothing when it is applied. */
	if (type == KQ_ENTRY_ACQUIRE && !acquire_check(acquire, len)) {
		name = (const char *)(acquire + 1);
		name_len = le16_to_cpu(acquire->name_len);
		e->claim = kq_claim_alloc(le16_to_cpu(acquire->info_len),
					  le32_to_cpu(acquire->units));
		if (!e->claim)
			return -ENOMEM;
	} else if (type == KQ_ENTRY_DEFINE && !kq_define_check(define, len)) {
		name = (const char *)(define + 1);
		name_len = le16_to_cpu(define->name_len);
		e->pool = kq_alloc(sizeof(*e->pool));
		if (!e->pool)
			return -ENOMEM;
	} else {
		return 0;
	}
	e->resource = kq_resource_alloc(name, name_len);
	return e->resource ? 0 : -ENOMEM;
}

static s32 resource_apply(struct kq_core *core, struct kq_entry *e)
{
	switch (le16_to_cpu(e->rec.type)) {
	case KQ_ENTRY_ACQUIRE:
		return acquire(core, e);
	case KQ_ENTRY_RELEASE:
		return release(core, e);
	case KQ_ENTRY_DEFINE:
		return kq_define_apply(core, e);
	case KQ_ENTRY_UNDEFINE:
		return kq_undefine_apply(core, e);
	case KQ_ENTRY_EVICT:
		return kq_evict_apply(core, e);
	default:
		return kq_fence_apply(core, e);
	}
}

/**
 * kq_resources_session_end() - release all that a session held or awaited
 * @core: the core
 * @node: whose
 * @session: session that ended
 * @index: log index of the entry that ended it: the token of what is granted on
 *
 * All of it goes before anything is granted: nothing to one of those that are about to go.
 */
void kq_resources_session_end(struct kq_core *core, u32 node, u64 session, u64 index)
{
	struct kq_claim *c = kq_claim_first(core->res, node, session), *next;
	struct kq_resource *r, *rnext;
	LIST_HEAD(touched);

	for (; c; c = next) {
		next = kq_claim_next(c);
		r = c->resource;
		if (!c->token && KQ_BREAK(DEAD_WAITER))
			continue;
		if (list_empty(&r->touched))
			list_add_tail(&r->touched, &touched);
		kq_resource_unclaim(core, c);
	}
	list_for_each_entry_safe(r, rnext, &touched, touched) {
		list_del_init(&r->touched);
		kq_resource_settle(core, r, index);
	}
}

const struct kq_machine_ops kq_resource_machine_ops = {
	.name = "resources",
	.first = KQ_ENTRY_ACQUIRE,
	.last = KQ_ENTRY_FENCE,
	.check = resource_check,
	.apply = resource_apply,
};
