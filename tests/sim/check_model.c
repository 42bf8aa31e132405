// SPDX-License-Identifier: GPL-2.0
/*
 * An independent model of the replicated state, fed from the committed log: sessions, which
 * requests count; resources are in check_resource.c. The real state must be this one. Plain arrays
 * of its own, none of the core's code.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

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
		if (!m->id || m->id != c->cmd_session)
			break;
		model_session_end(s, c->cmd_node, m->id, index);
		m->id = 0;
		m->suspect = false;
	}
}

static void step(struct sim *s, u64 index)
{
	struct sim_committed *c = &s->log[index];
	struct model_session *m = &s->model.session[c->node];

	if (c->session && c->type != KQ_ENTRY_OPEN &&
	    (m->id != c->session || !first_time(m, c->seq)))
		return;
	c->counts = true;
	if (c->type >= KQ_ENTRY_OPEN && c->type <= KQ_ENTRY_EXPIRE) {
		session_cmd(s, c, index);
	} else if (c->type == KQ_ENTRY_CONF) {
		conf_applied(s, c);
	} else if (c->type >= KQ_ENTRY_ACQUIRE && c->type <= KQ_ENTRY_FENCE) {
		model_resource_step(s, c, index);
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
	model_resources_compare(s, n);
}

/* What the leader refused to write of a resource must not be in the log all the same. */
static void said_end(struct sim *s, const struct sim_ack *k)
{
	u64 i;

	for (i = 1; !k->index && k->session && i <= s->log_count; i++)
		if (s->log[i].counts && s->log[i].session == k->session && s->log[i].seq == k->seq)
			sim_fail(s, &s->node[k->node], "what was to be said of a resource was "
				 "refused (%d) and is at index %llu", k->error,
				 (unsigned long long)i);
}

/* What was acknowledged counts once, where it was said; what was refused never. */
void model_end(struct sim *s)
{
	u64 i;

	for (i = 0; i < s->ack_count; i++) {
		const struct sim_ack *k = &s->ack[i];

		if (!k->done || k->error == -EHOSTDOWN)
			continue;
		if (k->said) {
			said_end(s, k);
			continue;
		}
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
	model_resources_free(s);
}
