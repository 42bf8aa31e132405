// SPDX-License-Identifier: GPL-2.0
/*
 * An independent model of the replicated state, fed from the committed log:
 * sessions, which requests count, resources with holder and queue. The real state
 * must be this one. Plain arrays and lists of its own, none of the core's code.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static void compare_claim(struct sim *s, struct sim_node *n, const char *name,
			  const struct kq_claim *c, const struct model_claim *m)
{
	if (c->holder_node == m->node && c->session == m->session && c->owner == m->owner &&
	    c->index == m->index)
		return;
	sim_fail(s, n, "%s at index %llu: request %llu of owner %llu on node %u stands where "
		 "request %llu of owner %llu on node %u should", name,
		 (unsigned long long)n->core->applied, (unsigned long long)c->index,
		 (unsigned long long)c->owner, c->holder_node, (unsigned long long)m->index,
		 (unsigned long long)m->owner, m->node);
}

static void compare_resource(struct sim *s, struct sim_node *n, u32 which)
{
	const struct model_resource *m = &s->model.res[which];
	const char *name = sim_resource_name(which);
	const struct kq_resource *r = kq_core_resource_find(n->core, name, strlen(name));
	const struct kq_claim *c;
	u32 i = 0;

	if (!r) {
		if (m->count)
			sim_fail(s, n, "%s should have %u claims, and has none", name, m->count);
		return;
	}
	if (!m->count || !r->holder)
		sim_fail(s, n, "%s is %s against the log", name, m->count ? "free" : "held");
	compare_claim(s, n, name, r->holder, &m->claim[i++]);
	if (r->token != m->token)
		sim_fail(s, n, "%s has token %llx, the grant was at index %llx", name,
			 (unsigned long long)r->token, (unsigned long long)m->token);
	list_for_each_entry(c, &r->queue, node) {
		if (i == m->count)
			sim_fail(s, n, "%s has a waiter too many: owner %llu of node %u", name,
				 (unsigned long long)c->owner, c->holder_node);
		compare_claim(s, n, name, c, &m->claim[i++]);
	}
	if (i != m->count)
		sim_fail(s, n, "a waiter for %s was forgotten", name);
}

static void compare_session(struct sim *s, struct sim_node *n, u32 node)
{
	const struct kq_session *c = &n->core->session[node];
	const struct model_session *m = &s->model.session[node];
	u64 seq;

	if (c->id != m->id)
		sim_fail(s, n, "session of node %u is %llx at index %llu, by the log %llx", node,
			 (unsigned long long)c->id, (unsigned long long)n->core->applied,
			 (unsigned long long)m->id);
	if (!m->id)
		return;
	if (c->suspect != m->suspect)
		sim_fail(s, n, "session of node %u: suspect %u against the log", node, c->suspect);
	for (seq = max(c->settled, 1); seq < m->seqs && seq < c->settled + KQ_WINDOW; seq++)
		if (m->applied[seq] != (c->applied[seq % KQ_WINDOW / 64] >> (seq % 64) & 1))
			sim_fail(s, n, "request %llu of node %u: %s in the table of what was applied",
				 (unsigned long long)seq, node, m->applied[seq] ? "not" : "is");
}

static void grant_next(struct model_resource *r, u64 index)
{
	if (r->count && !r->held) {
		r->held = true;
		r->token = index << KQ_TOKEN_SHIFT;
	}
}

static void drop_claim(struct model_resource *r, u32 i)
{
	if (!i)
		r->held = false;
	memmove(&r->claim[i], &r->claim[i + 1], (r->count - i - 1) * sizeof(r->claim[0]));
	r->count--;
}

static void end_session(struct sim *s, u32 node, u64 index)
{
	struct model_session *m = &s->model.session[node];
	u32 w, i;

	for (w = 0; w < SIM_RESOURCES; w++) {
		struct model_resource *r = &s->model.res[w];

		for (i = r->count; i--;)
			if (r->claim[i].session == m->id && r->claim[i].node == node)
				drop_claim(r, i);
		grant_next(r, index);
	}
	m->id = 0;
	m->suspect = false;
}

static bool first_time(struct model_session *m, u64 seq)
{
	if (seq >= m->seqs) {
		u64 room = max(2 * m->seqs, seq + 64);

		m->applied = realloc(m->applied, room);
		if (!m->applied)
			abort();
		memset(m->applied + m->seqs, 0, room - m->seqs);
		m->seqs = room;
	}
	if (m->applied[seq])
		return false;
	m->applied[seq] = 1;
	return true;
}

static void acquire(struct sim *s, const struct sim_committed *c, u64 index)
{
	struct model_resource *r = &s->model.res[c->resource];

	if (c->is_try && r->count)
		return;
	if (r->count == MODEL_CLAIMS)
		sim_fail(s, NULL, "more claims than clients can have made");
	r->claim[r->count++] = (struct model_claim){
		.node = c->node, .session = c->session, .owner = c->owner, .index = index,
	};
	grant_next(r, index);
}

static void release(struct sim *s, const struct sim_committed *c, u64 index)
{
	struct model_resource *r = &s->model.res[c->resource];
	u32 i;

	for (i = 0; i < r->count; i++) {
		if (r->claim[i].session == c->session && r->claim[i].owner == c->owner &&
		    r->claim[i].node == c->node) {
			drop_claim(r, i);
			grant_next(r, index);
			return;
		}
	}
}

static void session_cmd(struct sim *s, const struct sim_committed *c, u64 index)
{
	struct model_session *m = &s->model.session[c->cmd_node];

	switch (c->type) {
	case KQ_ENTRY_OPEN:
		if (m->id || c->cmd_session <= m->last_id)
			break;
		m->id = m->last_id = c->cmd_session;
		m->suspect = false;
		if (m->seqs)
			memset(m->applied, 0, m->seqs);
		break;
	case KQ_ENTRY_SUSPECT:
	case KQ_ENTRY_CLEAR:
		if (m->id && m->id == c->cmd_session)
			m->suspect = c->type == KQ_ENTRY_SUSPECT;
		break;
	default:
		if (m->id && m->id == c->cmd_session)
			end_session(s, c->cmd_node, index);
	}
}

static void step(struct sim *s, u64 index)
{
	const struct sim_committed *c = &s->log[index];
	struct model_session *m = &s->model.session[c->node];

	if (c->session && c->type != KQ_ENTRY_OPEN &&
	    (m->id != c->session || !first_time(m, c->seq)))
		return;
	if (c->type >= KQ_ENTRY_OPEN && c->type <= KQ_ENTRY_EXPIRE) {
		session_cmd(s, c, index);
	} else if (c->type == KQ_ENTRY_CONF) {
		conf_applied(s, c);
	} else if (c->type == KQ_ENTRY_ACQUIRE) {
		acquire(s, c, index);
	} else if (c->type == KQ_ENTRY_RELEASE) {
		release(s, c, index);
	} else if (c->type == KQ_ENTRY_APPEND && c->payload < s->ack_count) {
		struct sim_ack *k = &s->ack[c->payload];

		if (k->effective)
			sim_fail(s, NULL, "append %llu counts twice: at index %llu and %llu",
				 (unsigned long long)c->payload, (unsigned long long)k->effective,
				 (unsigned long long)index);
		k->effective = index;
	}
}

/* The first replica to get anywhere moves the model along, and is compared with it. */
void model_follow(struct sim *s, struct sim_node *n)
{
	u64 applied = n->core->applied;
	u32 i;

	if (applied <= s->model.applied)
		return;
	while (s->model.applied < applied)
		step(s, ++s->model.applied);
	for (i = 1; i <= s->d.nodes; i++)
		compare_session(s, n, i);
	for (i = 0; i < SIM_RESOURCES; i++)
		compare_resource(s, n, i);
}

/* What was acknowledged counts once, where it was said; what was refused never. */
void model_end(struct sim *s)
{
	u64 i;

	for (i = 0; i < s->ack_count; i++) {
		const struct sim_ack *k = &s->ack[i];

		if (!k->done || k->error == -EHOSTDOWN)
			continue;
		if (k->error && k->effective)
			sim_fail(s, &s->node[k->node], "append %llu was refused (%d) and is at "
				 "index %llu", (unsigned long long)i, k->error,
				 (unsigned long long)k->effective);
		if (!k->error && k->effective != k->index)
			sim_fail(s, &s->node[k->node], "append %llu was acknowledged at index %llu "
				 "and counts at %llu", (unsigned long long)i,
				 (unsigned long long)k->index, (unsigned long long)k->effective);
	}
}

void model_free(struct sim *s)
{
	u32 i;

	for (i = 0; i <= SIM_NODES; i++)
		free(s->model.session[i].applied);
}
