// SPDX-License-Identifier: GPL-2.0
/*
 * EVICT: an operator makes somebody give a resource back, or wait no longer. Who waits goes at
 * once. Who holds it is told by his own node, which takes it from him when he has had his time to
 * end; of a resource whose users check tokens the leader does, should that node be silent.
 */
#include "kq_int.h"

/**
 * kq_evict_check() - is this a well-formed EVICT?
 * @payload: of an entry
 * @len: its bytes
 *
 * Return: 0 or -EINVAL.
 */
int kq_evict_check(const void *payload, u32 len)
{
	const struct kq_evict_cmd *cmd = payload;

	if (len < sizeof(*cmd) || !kq_name_fits(le16_to_cpu(cmd->name_len), len - sizeof(*cmd)))
		return -EINVAL;
	return cmd->zero || cmd->zero2 || le32_to_cpu(cmd->drain_ms) > KQ_GRANT_MS_MAX ||
		le32_to_cpu(cmd->node) > KQ_MAX_NODES ? -EINVAL : 0;
}

static struct kq_claim *evicted_claim(struct kq_core *core, const struct kq_evict_cmd *cmd)
{
	struct kq_claim *c = kq_claim_find(core->res, le32_to_cpu(cmd->node),
					   le64_to_cpu(cmd->session), le64_to_cpu(cmd->owner));

	return kq_claim_is_for(c, cmd + 1, le16_to_cpu(cmd->name_len)) ? c : NULL;
}

/* It has no claim any more: who waits is refused, who holds has lost it. */
static void take_away(struct kq_core *core, struct kq_claim *c, u64 index)
{
	struct kq_resource *r = c->resource;

	kq_resource_refuse(core, c, -ECANCELED);
	kq_resource_settle(core, r, index);
}

/* May the leader take it, whatever its holder was told that is left? */
static bool may_take(const struct kq_claim *c)
{
	return kq_resource_is_fenced(c->resource) || KQ_BREAK(EVICT_UNFENCED);
}

/**
 * kq_evict_apply() - apply an EVICT
 * @core: the core
 * @e: the entry
 *
 * Return: 0 or why not.
 */
s32 kq_evict_apply(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_evict_cmd *cmd = (const void *)e->data;
	bool by_leader = !e->rec.session;
	struct kq_claim *c;

	if (kq_evict_check(cmd, kq_entry_len(e)))
		return -EINVAL;
	c = evicted_claim(core, cmd);
	if (!c)
		return -ENOENT;
	if (by_leader) {
		/* That its users check tokens was taken back meanwhile: its node gives it back. */
		if (!c->evicted || !may_take(c)) {
			c->evict_term = 0;
			return -EPERM;
		}
		take_away(core, c, kq_entry_index(e));
		return 0;
	}
	if (!c->token) {
		take_away(core, c, kq_entry_index(e));
		return 0;
	}
	kq_save_before(core, &c->item);
	kq_claim_evict(core->res, c, le32_to_cpu(cmd->drain_ms), core->now_ns);
	core->concerned |= 1ULL << c->holder_node;
	kq_trace(core, "evicts %u/%llu from %s", c->holder_node, (unsigned long long)c->owner,
		 c->resource->name);
	if (c->holder_node == core->cfg.self)
		kq_owner_evicted(core, c);
	return 0;
}

/**
 * kq_evict_keep() - a snapshot took the state's place: what this node knew before counts on
 * @core: the core, with the new state
 * @before: resources of the state before
 */
void kq_evict_keep(struct kq_core *core, const struct kq_resources *before)
{
	struct kq_claim *c;

	list_for_each_entry(c, &core->res->evicting, evicting) {
		const struct kq_claim *was = kq_claim_find(before, c->holder_node, c->session,
							   c->owner);

		if (!was || !was->evicted)
			continue;
		c->evict_ns = was->evict_ns;
		c->evict_end_ns = min(c->evict_end_ns, was->evict_end_ns);
	}
}

static int append_evict(struct kq_core *core, struct kq_claim *c)
{
	const struct kq_resource *r = c->resource;
	u8 buf[sizeof(struct kq_evict_cmd) + KQ_RESOURCE_MAX] = {};
	struct kq_evict_cmd *cmd = (void *)buf;

	cmd->session = cpu_to_le64(c->session);
	cmd->owner = cpu_to_le64(c->owner);
	cmd->node = cpu_to_le32(c->holder_node);
	cmd->name_len = cpu_to_le16(r->name_len);
	memcpy(cmd + 1, r->name, r->name_len);
	c->evict_term = core->hs.term;
	return kq_leader_append_own(core, KQ_ENTRY_EVICT, buf, sizeof(*cmd) + r->name_len);
}

/* When is its own node too late? Each new leader leaves it another moment to be heard. */
static u64 overdue_ns(const struct kq_core *core, const struct kq_claim *c)
{
	u64 until = max(c->evict_end_ns, core->lead_ns);

	if (KQ_BREAK(EVICT_LENGTHEN))
		until = max(c->evict_ns, core->lead_ns) + kq_ms(c->drain_ms);
	return until + kq_ms(core->eff.election_ms);
}

/**
 * kq_evict_tick() - whoever was evicted, and whose node does not give it back
 * @core: the core, leader
 *
 * Of a resource whose users check tokens he loses it when his time to end is over since this node
 * heard of it, and another election timeout since then and since it began to lead. What it proposed
 * stays in its log while it leads.
 */
void kq_evict_tick(struct kq_core *core)
{
	struct kq_claim *c;

	if (!core->lead_ready)
		return;
	list_for_each_entry(c, &core->res->evicting, evicting) {
		if (c->evict_term == core->hs.term || core->now_ns < overdue_ns(core, c) ||
		    !may_take(c))
			continue;
		if (append_evict(core, c)) {
			c->evict_term = 0;	/* no memory, or no room: at the next tick */
			return;
		}
		if (!kq_is_leader(core))
			return;
	}
}
