// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of resources: DEFINE and UNDEFINE, and who may have them by that; and FENCE: for who
 * checks tokens where the resource is, the cluster keeps the highest one that was shown.
 */
#include "kq_int.h"

/**
 * kq_resource_allows() - may somebody have it?
 * @r: the resource; NULL: there is none by that name
 * @uid: as in the entry
 * @gid: likewise
 * @flags: likewise, KQ_ACQUIRE_*
 *
 * Return: true if so.
 */
bool kq_resource_allows(const struct kq_resource *r, __le32 uid, __le32 gid, __le16 flags)
{
	if (le16_to_cpu(flags) & KQ_ACQUIRE_ADMIN || KQ_BREAK(ANYBODY))
		return true;
	return r && r->pool && kq_terms_allow(&r->pool->is, le32_to_cpu(uid), le32_to_cpu(gid),
					      le16_to_cpu(flags) & KQ_ACQUIRE_SHARED);
}

/* --- DEFINE ---------------------------------------------------------------------------- */

static void terms_read(struct kq_terms *is, const struct kq_define_cmd *cmd)
{
	*is = (struct kq_terms){
		.units = le32_to_cpu(cmd->units),
		.max_waiters = le32_to_cpu(cmd->max_waiters),
		.ttl_ms = le32_to_cpu(cmd->ttl_ms),
		.hold_ms = le32_to_cpu(cmd->hold_ms),
		.uid = le32_to_cpu(cmd->uid),
		.gid = le32_to_cpu(cmd->gid),
		.mode = le16_to_cpu(cmd->mode),
		.fenced = le16_to_cpu(cmd->fenced),
	};
}

/* Those of @to that do not count are as in @from. */
static void terms_keep(struct kq_terms *to, const struct kq_terms *from, u32 flags)
{
	if (!(flags & KQ_DEFINE_UNITS))
		to->units = from->units;
	if (!(flags & KQ_DEFINE_MAX_WAITERS))
		to->max_waiters = from->max_waiters;
	if (!(flags & KQ_DEFINE_TTL))
		to->ttl_ms = from->ttl_ms;
	if (!(flags & KQ_DEFINE_HOLD))
		to->hold_ms = from->hold_ms;
	if (!(flags & KQ_DEFINE_UID))
		to->uid = from->uid;
	if (!(flags & KQ_DEFINE_GID))
		to->gid = from->gid;
	if (!(flags & KQ_DEFINE_MODE))
		to->mode = from->mode;
	if (!(flags & KQ_DEFINE_FENCED))
		to->fenced = from->fenced;
}

/**
 * kq_define_check() - is this a well-formed DEFINE?
 * @payload: of an entry
 * @len: its bytes
 *
 * Return: 0 or -EINVAL.
 */
int kq_define_check(const void *payload, u32 len)
{
	const struct kq_define_cmd *cmd = payload;
	static const struct kq_terms none;
	struct kq_terms is, rest;
	u32 flags;

	if (len < sizeof(*cmd) || !kq_name_fits(le16_to_cpu(cmd->name_len), len - sizeof(*cmd)))
		return -EINVAL;
	flags = le16_to_cpu(cmd->flags);
	terms_read(&is, cmd);
	if (flags & ~KQ_DEFINE_FLAGS || is.units > KQ_UNITS_MAX || is.mode & ~KQ_MODE_BITS ||
	    is.ttl_ms > KQ_GRANT_MS_MAX || is.hold_ms > KQ_GRANT_MS_MAX ||
	    le16_to_cpu(cmd->fenced) > 1)
		return -EINVAL;
	if (!(flags & KQ_DEFINE_UNITS) != !is.units || (flags & KQ_DEFINE_NEW && !is.units))
		return -EINVAL;
	/* What does not count is 0. */
	rest = is;
	terms_keep(&rest, &none, flags);
	return memcmp(&rest, &is, sizeof(is)) ? -EINVAL : 0;
}

/*
 * The first token that may pass: that of who holds it; or else of the entry that said so, for what
 * was granted before is over.
 */
static u64 fence_of(const struct kq_resource *r, const struct kq_terms *is, u64 index)
{
	u64 before = r->pool ? r->pool->fence : 0, first = index << KQ_TOKEN_SHIFT;

	if (!is->fenced || kq_resource_is_fenced(r))
		return before;
	if (!list_empty(&r->holders))
		first = list_first_entry(&r->holders, struct kq_claim, node)->token;
	return max(before, KQ_BREAK(FENCE_FORGETS) ? 0 : first);
}

static s32 define_new(struct kq_core *core, struct kq_entry *e, struct kq_resource *r,
		      const struct kq_resource_place *place)
{
	const struct kq_define_cmd *cmd = (const void *)e->data;
	struct kq_pool *pool = e->pool;

	if (r && r->pool)
		return -EEXIST;
	if (core->res->pools >= KQ_MAX_POOLS)
		return -ENFILE;
	if (!r) {
		r = e->resource;
		e->resource = NULL;
		kq_resources_add(core->res, r, place);
	}
	e->pool = NULL;
	pool->index = kq_entry_index(e);
	terms_read(&pool->is, cmd);
	if (!(le16_to_cpu(cmd->flags) & KQ_DEFINE_MODE))
		pool->is.mode = KQ_MODE_NEW;
	pool->fence = fence_of(r, &pool->is, pool->index);
	pool->item.saved = core->saves;		/* of no snapshot that is under way */
	kq_resources_define(core->res, r, pool);
	kq_resource_settle(core, r, pool->index);
	return 0;
}

/* Who waits for more than there are would wait for ever, and the others behind. */
static void refuse_too_many(struct kq_core *core, struct kq_resource *r)
{
	struct kq_claim *c, *next;

	list_for_each_entry_safe(c, next, &r->queue, node) {
		if (c->units > kq_resource_units(r))
			kq_resource_refuse(core, c, -ERANGE);
	}
}

/**
 * kq_define_apply() - apply a DEFINE
 * @core: the core
 * @e: the entry
 *
 * Return: 0 or why not.
 */
s32 kq_define_apply(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_define_cmd *cmd = (const void *)e->data;
	struct kq_resource_place place;
	struct kq_resource *r;
	struct kq_terms is;
	u64 fence;
	u32 flags;

	if (kq_define_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	flags = le16_to_cpu(cmd->flags);
	r = kq_resources_locate(core->res, (const char *)(cmd + 1), le16_to_cpu(cmd->name_len),
				&place);
	if (flags & KQ_DEFINE_NEW)
		return define_new(core, e, r, &place);
	if (!r || !r->pool)
		return -ENOENT;
	if (!KQ_BREAK(SAVE_POOL_LATE))
		kq_save_before(core, &r->pool->item);
	terms_read(&is, cmd);
	terms_keep(&is, &r->pool->is, flags);
	fence = fence_of(r, &is, kq_entry_index(e));
	KQ_ASSERT(core, fence >= r->pool->fence);
	kq_resources_redefine(core->res, r->pool, &is, fence);
	if (!KQ_BREAK(WAITS_FOR_TOO_MANY))
		refuse_too_many(core, r);
	kq_resource_settle(core, r, kq_entry_index(e));
	return 0;
}

/* --- UNDEFINE -------------------------------------------------------------------------- */

/**
 * kq_undefine_check() - is this a well-formed UNDEFINE?
 * @payload: of an entry
 * @len: its bytes
 *
 * Return: 0 or -EINVAL.
 */
int kq_undefine_check(const void *payload, u32 len)
{
	const struct kq_undefine_cmd *cmd = payload;

	if (len < sizeof(*cmd) || !kq_name_fits(le16_to_cpu(cmd->name_len), len - sizeof(*cmd)))
		return -EINVAL;
	return cmd->zero || cmd->zero2 ? -EINVAL : 0;
}

/**
 * kq_undefine_apply() - apply an UNDEFINE
 * @core: the core
 * @e: the entry
 *
 * Return: 0 or why not.
 */
s32 kq_undefine_apply(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_undefine_cmd *cmd = (const void *)e->data;
	struct kq_resource *r;

	if (kq_undefine_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	r = kq_core_resource_find(core, (const char *)(cmd + 1), le16_to_cpu(cmd->name_len));
	if (!r || !r->pool)
		return -ENOENT;
	if (r->claims && !KQ_BREAK(UNDEFINED_HELD))
		return -EBUSY;
	kq_save_before(core, &r->pool->item);
	kq_save_skip(core, &r->pool->item);
	kq_resources_undefine(core->res, r);
	kq_resource_settle(core, r, kq_entry_index(e));
	return 0;
}

/* --- FENCE ----------------------------------------------------------------------------- */

/**
 * kq_fence_check() - is this a well-formed FENCE?
 * @payload: of an entry
 * @len: its bytes
 *
 * Return: 0 or -EINVAL.
 */
int kq_fence_check(const void *payload, u32 len)
{
	const struct kq_fence_cmd *cmd = payload;

	if (len < sizeof(*cmd) || !kq_name_fits(le16_to_cpu(cmd->name_len), len - sizeof(*cmd)))
		return -EINVAL;
	return cmd->zero || le16_to_cpu(cmd->flags) & ~KQ_ACQUIRE_ADMIN ? -EINVAL : 0;
}

/*
 * Could somebody have been given it? A token is an index that is in the log already; and nobody
 * has a newer one than who holds all there is.
 */
static bool can_be_token(const struct kq_resource *r, u64 token, u64 index)
{
	if (token & ((1ULL << KQ_TOKEN_SHIFT) - 1) || token >> KQ_TOKEN_SHIFT > index)
		return false;
	return list_empty(&r->holders) || r->sharing || token <= r->token;
}

/**
 * kq_fence_apply() - apply a FENCE
 * @core: the core
 * @e: the entry
 *
 * Return: 0 or why not. -ESTALE: a higher token was shown before.
 */
s32 kq_fence_apply(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_fence_cmd *cmd = (const void *)e->data;
	struct kq_resource *r;
	struct kq_terms is;
	u64 token;

	if (kq_fence_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	token = le64_to_cpu(cmd->token);
	r = kq_core_resource_find(core, (const char *)(cmd + 1), le16_to_cpu(cmd->name_len));
	if (!kq_resource_allows(r, cmd->uid, cmd->gid, cmd->flags))
		return -EACCES;
	if (!r || !r->pool)
		return -ENOENT;
	/* Each unit has a fence of its own. */
	if (!r->pool->is.fenced || r->pool->is.units != 1)
		return -EMEDIUMTYPE;
	if (!can_be_token(r, token, kq_entry_index(e)))
		return -EINVAL;
	if (token < r->pool->fence)
		return -ESTALE;
	if (token == r->pool->fence)
		return 0;
	kq_save_before(core, &r->pool->item);
	is = r->pool->is;
	kq_resources_redefine(core->res, r->pool, &is, KQ_BREAK(FENCE_FORGETS) ? 0 : token);
	return 0;
}
