// SPDX-License-Identifier: GPL-2.0
/*
 * A leader takes what somebody was evicted from, where tokens are checked, as soon as his node has
 * had its time: looked at by what the leader's clock said when it applied the EVICT and when it
 * began to lead, and by what is in its log.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

/* What @n has applied beyond @from. */
void evict_applied(struct sim *s, struct sim_node *n, u64 from)
{
	u64 i;

	/* From a snapshot: when each of them was is not to be seen there. */
	if (!from || n->installed > from)
		return;
	for (i = from + 1; i <= n->core->applied; i++) {
		const struct sim_committed *v = &s->log[i];

		if (v->type != KQ_ENTRY_EVICT || !v->counts || v->result || !v->session)
			continue;
		n->evict_seen[n->evicts_seen++ % SIM_EVICTS_SEEN] = (struct sim_evict_seen){
			.request = v->request,
			.end_clock = sim_clock(s, n) + v->drain_ms * SIM_MS,
		};
		if (v->cmd_node == n->id)
			grant_evicted(s, n, i);
	}
}

/* By the first of them to end; 0: @n has not seen any. */
static u64 end_clock(const struct sim_node *n, u64 request)
{
	u64 first = 0;
	u32 i;

	for (i = 0; i < min(n->evicts_seen, SIM_EVICTS_SEEN); i++)
		if (n->evict_seen[i].request == request &&
		    (!first || n->evict_seen[i].end_clock < first))
			first = n->evict_seen[i].end_clock;
	return first;
}

/* Is it in its log, beyond what it has applied, that this request is over? */
static bool has_proposed(const struct sim_node *n, const struct model_claim *m)
{
	u64 i;

	for (i = n->core->applied + 1; i <= n->core->log.last; i++) {
		const struct kq_entry *e = kq_log_get(&n->core->log, i);
		const struct kq_evict_cmd *cmd = (const void *)e->data;

		if (le16_to_cpu(e->rec.type) == KQ_ENTRY_EVICT && !e->rec.session &&
		    le64_to_cpu(cmd->owner) == m->owner &&
		    le64_to_cpu(cmd->session) == m->session && le32_to_cpu(cmd->node) == m->node)
			return true;
	}
	return false;
}

static void check_claim(struct sim *s, struct sim_node *n, const struct model_claim *m)
{
	u64 clock = sim_clock(s, n), end = end_clock(n, m->index), due;

	if (!m->token || !m->evicted || !end)
		return;
	due = max(end, n->lead_clock) + n->core->eff.election_ms * SIM_MS;
	/* No memory for it, or no room: then it tries again. */
	if (s->d.alloc_fail_pct || s->d.full)
		due += 2 * SIM_SEC;
	if (clock >= due && !has_proposed(n, m))
		sim_fail(s, n, "leads, and leaves request %llu alone %llu us after its time to end",
			 (unsigned long long)m->index, (unsigned long long)(clock - due) / 1000);
}

/* Its core has just looked at its clock. */
void evict_ticked(struct sim *s, struct sim_node *n)
{
	u32 w, i;

	if (n->core->role != KQUORUM_LEADER || !n->core->lead_ready) {
		n->lead_clock = 0;
		return;
	}
	if (!n->lead_clock)
		n->lead_clock = sim_clock(s, n);
	if (n->core->applied != s->model.applied)
		return;
	for (w = 0; w < SIM_RESOURCES; w++) {
		const struct model_resource *r = &s->model.res[w];

		for (i = 0; r->defined && r->is.fenced && i < r->count; i++)
			check_claim(s, n, &r->claim[i]);
	}
}
