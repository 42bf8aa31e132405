// SPDX-License-Identifier: GPL-2.0
/*
 * Resources: who holds, who waits, in which order; the same on every replica.
 * A grant's token is the log index of the entry that made it, so it rises.
 */
#include "kq_int.h"

/**
 * kq_core_resource_find() - a resource that is held or awaited
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

static void claim_free(struct kq_core *core, struct kq_claim *c)
{
	if (!KQ_BREAK(SAVE_MISSES))
		kq_save_before(core, c);
	kq_save_skip(core, c);
	kq_resources_unclaim(core->res, c);
}

static void grant(struct kq_core *core, struct kq_resource *r, struct kq_claim *c, u64 index)
{
	u64 token = KQ_BREAK(FENCE) ? 1ULL << KQ_TOKEN_SHIFT : index << KQ_TOKEN_SHIFT;

	KQ_ASSERT(core, !r->holder);
	if (!KQ_BREAK(FENCE))
		KQ_ASSERT(core, token > r->token);
	r->token = token;
	r->holder = c;
	if (!KQ_BREAK(SAVE_LATE))
		kq_save_before(core, c);
	kq_resources_set_token(core->res, c, token);
	c->since_ns = core->now_ns;
	core->concerned |= 1ULL << c->holder_node;
	kq_trace(core, "grants %s to %u/%llu", r->name, c->holder_node,
		 (unsigned long long)c->owner);
	if (c->holder_node == core->cfg.self)
		kq_owner_granted(core, c->session, c->owner, token);
}

/* The next in the queue holds; a resource that nobody wants is forgotten. */
static void settle(struct kq_core *core, struct kq_resource *r, u64 index)
{
	struct kq_claim *c;

	if (r->holder)
		return;
	c = list_first_entry_or_null(&r->queue, struct kq_claim, node);
	if (c && KQ_BREAK(WAITER_FORGOTTEN))
		return;
	if (c) {
		list_del_init(&c->node);
		grant(core, r, c, index);
		return;
	}
	kq_resources_remove(core->res, r);
}

static int acquire_check(const struct kq_acquire_cmd *cmd, u32 len)
{
	u32 name_len;

	if (len < sizeof(*cmd))
		return -EINVAL;
	name_len = le16_to_cpu(cmd->name_len);
	if (!name_len || name_len > KQ_RESOURCE_MAX || len != sizeof(*cmd) + name_len)
		return -EINVAL;
	return le16_to_cpu(cmd->flags) & ~KQ_ACQUIRE_TRY ? -EINVAL : 0;
}

static int release_check(const struct kq_release_cmd *cmd, u32 len)
{
	u32 name_len;

	if (len < sizeof(*cmd))
		return -EINVAL;
	name_len = le16_to_cpu(cmd->name_len);
	if (!name_len || name_len > KQ_RESOURCE_MAX || len != sizeof(*cmd) + name_len)
		return -EINVAL;
	return cmd->zero || cmd->zero2 ? -EINVAL : 0;
}

static int resource_check(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	if (le16_to_cpu(rec->type) == KQ_ENTRY_RELEASE)
		return release_check(payload, le32_to_cpu(rec->len));
	if (core->res->claims >= KQ_MAX_CLAIMS)
		return -ENOSPC;
	return acquire_check(payload, le32_to_cpu(rec->len));
}

static bool claim_is(const struct kq_claim *c, const struct kq_entry *e, u64 owner)
{
	return c->holder_node == le32_to_cpu(e->rec.node) &&
		c->session == le64_to_cpu(e->rec.session) &&
		(c->owner == owner || (KQ_BREAK(RELEASE_ANY) &&
				       le16_to_cpu(e->rec.type) == KQ_ENTRY_RELEASE));
}

static struct kq_claim *claim_find(struct kq_resource *r, const struct kq_entry *e, u64 owner)
{
	struct kq_claim *c;

	if (r->holder && claim_is(r->holder, e, owner))
		return r->holder;
	list_for_each_entry(c, &r->queue, node)
		if (claim_is(c, e, owner))
			return c;
	return NULL;
}

static s32 acquire(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_acquire_cmd *cmd = (const void *)e->data;
	const char *name = (const char *)(cmd + 1);
	struct kq_claim *c = e->claim;
	struct kq_resource_place place;
	struct kq_resource *r;
	u32 len;

	if (acquire_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	len = le16_to_cpu(cmd->name_len);
	r = kq_resources_locate(core->res, name, len, &place);
	if (r && claim_find(r, e, le64_to_cpu(cmd->owner)))
		return -EEXIST;
	if (r && r->holder && (le16_to_cpu(cmd->flags) & KQ_ACQUIRE_TRY) && !KQ_BREAK(TRY_WAITS))
		return -EAGAIN;
	if (core->res->claims >= KQ_MAX_CLAIMS)
		return -ENOSPC;
	if (!r) {
		r = e->resource;
		e->resource = NULL;
		kq_resources_add(core->res, r, &place);
	}
	e->claim = NULL;
	c->holder_node = le32_to_cpu(e->rec.node);
	c->session = le64_to_cpu(e->rec.session);
	c->owner = le64_to_cpu(cmd->owner);
	c->index = kq_entry_index(e);
	c->since_ns = core->now_ns;
	c->pid = le32_to_cpu(cmd->pid);
	memcpy(c->comm, cmd->comm, KQ_COMM_MAX);
	c->saved = core->saves;		/* of no snapshot that is under way */
	kq_resources_claim(core->res, r, c);
	if (r->holder) {
		if (KQ_BREAK(BARGE))
			list_add(&c->node, &r->queue);
		else
			list_add_tail(&c->node, &r->queue);
		/* The holder's node must know that its release is awaited. */
		core->concerned |= 1ULL << r->holder->holder_node;
		if (r->holder->holder_node == core->cfg.self)
			kq_propose_hurry(core);
	} else {
		grant(core, r, c, c->index);
	}
	return 0;
}

static s32 release(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_release_cmd *cmd = (const void *)e->data;
	struct kq_resource *r;
	struct kq_claim *c;

	if (release_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	r = kq_core_resource_find(core, (const char *)(cmd + 1), le16_to_cpu(cmd->name_len));
	c = r ? claim_find(r, e, le64_to_cpu(cmd->owner)) : NULL;
	if (!c)
		return -ENOENT;
	if (r->holder == c)
		r->holder = NULL;
	else
		list_del(&c->node);
	claim_free(core, c);
	settle(core, r, kq_entry_index(e));
	return 0;
}

static s32 resource_apply(struct kq_core *core, struct kq_entry *e)
{
	return le16_to_cpu(e->rec.type) == KQ_ENTRY_ACQUIRE ? acquire(core, e) : release(core, e);
}

/**
 * kq_resources_session_end() - release all that a session held or awaited
 * @core: the core
 * @node: whose
 * @session: session that ended
 * @index: log index of the entry that ended it: the token of what is granted on
 */
void kq_resources_session_end(struct kq_core *core, u32 node, u64 session, u64 index)
{
	struct list_head *of_node = &core->res->of_node[node];
	struct kq_claim *c, *next;

	/* Those that wait first: nothing is granted to them on the way. */
	list_for_each_entry_safe(c, next, of_node, of_node) {
		if (c->session != session || c->resource->holder == c || KQ_BREAK(DEAD_WAITER))
			continue;
		list_del(&c->node);
		claim_free(core, c);
	}
	list_for_each_entry_safe(c, next, of_node, of_node) {
		struct kq_resource *r = c->resource;

		if (c->session != session || r->holder != c)
			continue;
		r->holder = NULL;
		claim_free(core, c);
		settle(core, r, index);
	}
}

const struct kq_machine_ops kq_resource_machine_ops = {
	.name = "resources",
	.first = KQ_ENTRY_ACQUIRE,
	.last = KQ_ENTRY_RELEASE,
	.check = resource_check,
	.apply = resource_apply,
};
