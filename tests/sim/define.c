// SPDX-License-Identifier: GPL-2.0
/*
 * An operator who says of resources how many units they have and how many may wait, says something
 * else, and takes it back, at whichever node, while programs use them. One resource is never used:
 * there nothing stands in the way.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static void come_again(struct sim *s)
{
	if (s->d.define_ms)
		sim_push(s, s->now + sim_about(s, s->d.define_ms * SIM_MS), EV_DEFINE, 0, 0, 0);
}

void define_begin(struct sim *s)
{
	come_again(s);
}

/* Mostly few; at times more than have numbers, and any at all. */
static u32 how_many(struct sim *s)
{
	switch (sim_below(s, 10)) {
	case 0:
		return sim_range(s, KQ_NUMBERED - 4, KQ_NUMBERED + 4);
	case 1:
		return 1 + sim_below(s, KQ_UNITS_MAX);
	case 2:
		return 1;
	default:
		return sim_range(s, 1, 8);
	}
}

/* What a grant of it is bound to, and whether its users check tokens; none of it, often. */
static u32 say_ends(struct sim *s, struct kq_define_cmd *cmd)
{
	u32 flags = 0;

	if (sim_chance(s, 25)) {
		flags |= KQ_DEFINE_TTL;
		cmd->ttl_ms = cpu_to_le32(sim_chance(s, 50) ? 0 : 10 + sim_about(s, 300));
	}
	if (sim_chance(s, 25)) {
		flags |= KQ_DEFINE_HOLD;
		cmd->hold_ms = cpu_to_le32(sim_chance(s, 50) ? 0 : 10 + sim_about(s, 600));
	}
	if (sim_chance(s, 40)) {
		flags |= KQ_DEFINE_FENCED;
		cmd->fenced = cpu_to_le16(sim_chance(s, 70));
	}
	return flags;
}

static u32 say_who(struct sim *s, struct kq_define_cmd *cmd)
{
	u32 flags = 0;

	if (sim_chance(s, 30)) {
		flags |= KQ_DEFINE_UID | KQ_DEFINE_GID;
		cmd->uid = cpu_to_le32(1 + sim_below(s, 3));
		cmd->gid = cpu_to_le32(1 + sim_below(s, 3));
	}
	if (sim_chance(s, 50)) {
		flags |= KQ_DEFINE_MODE;
		cmd->mode = cpu_to_le16(sim_chance(s, 50) ? 0666 :
					sim_below(s, 01000) & KQ_MODE_BITS);
	}
	return flags;
}

/* Something may be said that cannot be so: then that is the outcome. */
static struct kq_entry *make_define(struct sim *s, const struct sim_node *n, const char *name)
{
	const struct kq_resource *r = kq_core_resource_find(n->core, name, strlen(name));
	u8 buf[sizeof(struct kq_define_cmd) + KQ_RESOURCE_MAX] = { 0 };
	struct kq_define_cmd *cmd = (void *)buf;
	bool is_defined = r && r->pool, is_new = is_defined == sim_chance(s, 10);
	u32 flags = is_new ? KQ_DEFINE_NEW | KQ_DEFINE_UNITS :
		sim_chance(s, 80) ? KQ_DEFINE_UNITS : 0;

	if (flags & KQ_DEFINE_UNITS)
		cmd->units = cpu_to_le32(how_many(s));
	if (sim_chance(s, 40)) {
		flags |= KQ_DEFINE_MAX_WAITERS;
		cmd->max_waiters = cpu_to_le32(sim_below(s, 5));
	}
	flags |= say_ends(s, cmd) | say_who(s, cmd);
	cmd->flags = cpu_to_le16(flags);
	cmd->name_len = cpu_to_le16(strlen(name));
	memcpy(cmd + 1, name, strlen(name));
	sim_trace(s, n, "is asked to %s %s: %u units, %u waiters (flags %#x)",
		  is_new ? "define" : "redefine", name, le32_to_cpu(cmd->units),
		  le32_to_cpu(cmd->max_waiters), flags);
	return kq_entry_alloc(KQ_ENTRY_DEFINE, buf, sizeof(*cmd) + strlen(name));
}

static struct kq_entry *make_undefine(struct sim *s, const struct sim_node *n, const char *name)
{
	u8 buf[sizeof(struct kq_undefine_cmd) + KQ_RESOURCE_MAX] = { 0 };
	struct kq_undefine_cmd *cmd = (void *)buf;

	cmd->name_len = cpu_to_le16(strlen(name));
	memcpy(cmd + 1, name, strlen(name));
	sim_trace(s, n, "is asked to undefine %s", name);
	return kq_entry_alloc(KQ_ENTRY_UNDEFINE, buf, sizeof(*cmd) + strlen(name));
}

/* Something is said of a resource by @e; NULL: there is no memory for it. */
void define_say(struct sim *s, struct sim_node *n, struct sim_append *a, struct kq_entry *e)
{
	struct sim_ack *ack;
	int err;

	if (!e)
		return;
	a->p.entry = e;
	s->st.ops++;
	a->id = client_ack_new(s, n->id);
	ack = &s->ack[a->id];
	ack->said = true;
	err = kq_core_append(n->core, sim_clock(s, n), &a->p);
	if (err) {
		kq_entry_free(a->p.entry);
		ack->done = true;
		ack->error = err;
	} else {
		a->busy = true;
	}
	node_out(s, n);
}

static void say(struct sim *s, struct sim_node *n)
{
	/* That of no client is behind those of the others. */
	const char *name = sim_resource_name(sim_below(s, s->d.resources + 1));
	struct sim_append *a = client_append_slot(s, n);

	if (a)
		define_say(s, n, a, sim_chance(s, 25) ? make_undefine(s, n, name) :
			   make_define(s, n, name));
}

/* At some node; an operator who finds it hanging tries again later. */
void define_step(struct sim *s)
{
	struct sim_node *n = &s->node[1 + sim_below(s, s->d.nodes)];

	if (s->phase >= PHASE_DRAIN)
		return;
	come_again(s);
	if (n->up && !n->stopping && n->paused_until <= s->now)
		say(s, n);
}

static bool can_be(s32 error)
{
	switch (error) {
	case 0: case -EEXIST: case -ENOENT: case -EBUSY: case -EHOSTDOWN: case -ENOSPC:
	case -EACCES: case -EINVAL: case -ESTALE: case -EMEDIUMTYPE:
		return true;
	default:
		return false;
	}
}

/* What was said has its outcome, noted for the end. */
void define_done(struct sim *s, struct sim_node *n, struct sim_append *a)
{
	struct kq_proposal *p = &a->p;
	struct sim_ack *ack = &s->ack[a->id];

	sim_trace(s, n, "what was said of a resource: error %d index %llu", p->error,
		  (unsigned long long)p->index);
	if (!can_be(p->error))
		sim_fail(s, n, "what is said of a resource is refused by an error that nobody can know: %d",
			 p->error);
	model_said(s, n, p);
	if (p->index)
		check_took_effect(s, n, "what is said of a resource", p->index, a->since);
	ack->session = p->session;
	ack->seq = p->seq;
	s->st.said += p->index > 0;
	s->st.unknown += p->error == -EHOSTDOWN;
	s->st.refused += !p->index && p->error != -EHOSTDOWN;
	kq_entry_free(p->entry);
	p->entry = NULL;
}
