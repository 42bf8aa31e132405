// SPDX-License-Identifier: GPL-2.0
/*
 * An operator who makes somebody give a resource back, or wait no longer, at whichever node; and
 * those who check tokens where a resource is, and show them to the cluster: of who holds it, of those
 * who did, and such as nobody has.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static void evict_later(struct sim *s)
{
	if (s->d.evict_ms)
		sim_push(s, s->now + sim_about(s, s->d.evict_ms * SIM_MS), EV_EVICT, 0, 0, 0);
}

static void show_later(struct sim *s)
{
	if (s->d.show_ms)
		sim_push(s, s->now + sim_about(s, s->d.show_ms * SIM_MS), EV_SHOW, 0, 0, 0);
}

void evict_begin(struct sim *s)
{
	evict_later(s);
	show_later(s);
}

/* At some node that answers. */
static struct sim_node *some_node(struct sim *s)
{
	struct sim_node *n = &s->node[1 + sim_below(s, s->d.nodes)];

	return n->up && !n->stopping && n->paused_until <= s->now ? n : NULL;
}

/* Any that this node knows of; NULL: it knows of none. */
static const struct kq_claim *some_claim(struct sim *s, const struct sim_node *n)
{
	u64 which = sim_below(s, max(n->core->res->claims, 1));
	const struct kq_item *item;

	list_for_each_entry(item, &n->core->res->all, all)
		if (item->type == KQ_SNAP_CLAIM && !which--)
			return container_of(item, struct kq_claim, item);
	return NULL;
}

static u32 how_long(struct sim *s)
{
	switch (sim_below(s, 5)) {
	case 0:
		return 0;
	case 1: case 2:
		return sim_below(s, 200);
	default:
		return sim_below(s, 3000);
	}
}

void evict_step(struct sim *s)
{
	u8 buf[sizeof(struct kq_evict_cmd) + KQ_RESOURCE_MAX] = { 0 };
	struct kq_evict_cmd *cmd = (void *)buf;
	struct sim_node *n = some_node(s);
	struct sim_append *a = n ? client_append_slot(s, n) : NULL;
	const struct kq_claim *c = n ? some_claim(s, n) : NULL;
	const char *name;

	if (s->phase >= PHASE_DRAIN)
		return;
	evict_later(s);
	if (!a || !c)
		return;
	/* Somebody else, or of another resource: then that is the outcome. */
	name = sim_chance(s, 5) ? sim_resource_name(0) : c->resource->name;
	cmd->node = cpu_to_le32(c->holder_node);
	cmd->session = cpu_to_le64(c->session);
	cmd->owner = cpu_to_le64(c->owner + sim_chance(s, 5));
	cmd->drain_ms = cpu_to_le32(how_long(s));
	cmd->name_len = cpu_to_le16(strlen(name));
	memcpy(cmd + 1, name, strlen(name));
	sim_trace(s, n, "is asked to evict %u/%llu from %s within %u ms", c->holder_node,
		  (unsigned long long)le64_to_cpu(cmd->owner), name, le32_to_cpu(cmd->drain_ms));
	define_say(s, n, a, kq_entry_alloc(KQ_ENTRY_EVICT, buf, sizeof(*cmd) + strlen(name)));
}

/* One that was given, as long as somebody remembers; or any. */
static u64 some_token(struct sim *s, u32 *resource)
{
	u64 count = min(s->givens, SIM_TOKENS), which;

	if (!count || sim_chance(s, 10))
		return sim_below(s, s->log_count + 10) << KQ_TOKEN_SHIFT | sim_below(s, 2);
	/* The newest ones more often than old ones. */
	which = s->givens - 1 - sim_below(s, sim_chance(s, 50) ? min(count, 3) : count);
	*resource = s->given[which % SIM_TOKENS].resource;
	return s->given[which % SIM_TOKENS].token;
}

void evict_show(struct sim *s)
{
	u8 buf[sizeof(struct kq_fence_cmd) + KQ_RESOURCE_MAX] = { 0 };
	u32 resource = sim_below(s, s->d.resources);
	struct kq_fence_cmd *cmd = (void *)buf;
	struct sim_node *n = some_node(s);
	struct sim_append *a = n ? client_append_slot(s, n) : NULL;
	bool admin = !sim_chance(s, s->d.user_pct);
	u64 token = some_token(s, &resource);
	const char *name = sim_resource_name(resource);

	if (s->phase >= PHASE_DRAIN)
		return;
	show_later(s);
	if (!a)
		return;
	cmd->token = cpu_to_le64(token);
	cmd->flags = cpu_to_le16(admin ? KQ_ACQUIRE_ADMIN : 0);
	cmd->uid = cpu_to_le32(admin ? 0 : 1 + sim_below(s, 3));
	cmd->gid = cmd->uid;
	cmd->name_len = cpu_to_le16(strlen(name));
	memcpy(cmd + 1, name, strlen(name));
	sim_trace(s, n, "is shown token %llx of %s", (unsigned long long)token, name);
	define_say(s, n, a, kq_entry_alloc(KQ_ENTRY_FENCE, buf, sizeof(*cmd) + strlen(name)));
}
