// SPDX-License-Identifier: GPL-2.0
/*
 * What programs are told of their grants, against the log and their own renewals: for how long they
 * may rely on one, and why they lose it. By the clock of their node, which is what they have.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

/*
 * The ACQUIRE of a request, looked for in the log: a replica that is ahead of the node in question
 * may have no claim of it any more. 0: it is not there.
 */
u64 model_request(const struct sim *s, u32 node, u64 session, u64 owner)
{
	u64 i;

	for (i = s->log_count; i; i--)
		if (s->log[i].type == KQ_ENTRY_ACQUIRE && s->log[i].owner == owner &&
		    s->log[i].session == session && s->log[i].node == node && s->log[i].counts)
			return i;
	return 0;
}

/* As its handle would tell: 0: it may not rely on it. */
static u64 told_until(const struct sim_node *n, const struct kq_owner *o)
{
	return min(n->core->local.deadline_ns, o->end_ns);
}

static void begin(struct sim *s, struct sim_node *n, struct sim_slot *c, u64 clock)
{
	struct sim_grant *g = &c->grant;
	const struct kq_owner *o = c->owner;
	const struct model_claim *m = model_find(s, n->id, o->session, o->id);

	memset(g, 0, sizeof(*g));
	g->owner = o->id;
	g->since = g->renewed = clock;
	g->request = m ? m->index : model_request(s, n->id, o->session, o->id);
	/* Where the claim is gone already, what it was bound to is not to be seen. */
	g->ttl_ms = m ? m->ttl_ms : o->ttl_ms;
	g->hold_ms = m ? m->hold_ms : 0;
}

/* By its own time to live, its longest hold, and an eviction. */
static u64 at_most(const struct sim_grant *g)
{
	u64 most = U64_MAX;

	if (g->ttl_ms)
		most = min(most, g->renewed + g->ttl_ms * SIM_MS);
	if (g->hold_ms)
		most = min(most, g->since + g->hold_ms * SIM_MS);
	if (g->evict_most)
		most = min(most, g->evict_most);
	return most;
}

static bool is_cut(const struct sim *s, const struct sim_grant *g)
{
	return s->log[g->request].cut || s->log[g->request].taken;
}

static void granted(struct sim *s, struct sim_node *n, struct sim_slot *c, u64 clock)
{
	struct sim_grant *g = &c->grant;
	const struct kq_owner *o = c->owner;
	u64 told = told_until(n, o);

	if (g->owner != o->id)
		begin(s, n, c, clock);
	if (g->lost_at)
		sim_fail(s, n, "owner %llu has lost its grant, and has it again",
			 (unsigned long long)o->id);
	if (told > at_most(g))
		sim_fail(s, n, "owner %llu is told that it holds %llu us longer than it may",
			 (unsigned long long)o->id, (unsigned long long)(told - at_most(g)) / 1000);
	/* The session ended, as it may: somebody else looks whether it did so in time. */
	if (!n->core->local.deadline_ns)
		return;
	if (told < g->told && !is_cut(s, g))
		sim_fail(s, n, "owner %llu is told that it holds %llu us less than before",
			 (unsigned long long)o->id, (unsigned long long)(g->told - told) / 1000);
	g->told = told;
}

static void lost(struct sim *s, struct sim_node *n, struct sim_slot *c, u64 clock)
{
	struct sim_grant *g = &c->grant;
	const struct kq_owner *o = c->owner;
	bool right;

	g->lost_at = s->now;
	switch (o->error) {
	case 0:			/* its session */
		return;
	case -ETIME:
		right = g->ttl_ms && clock >= g->renewed + g->ttl_ms * SIM_MS;
		break;
	case -ETIMEDOUT:
		right = g->hold_ms && clock >= g->since + g->hold_ms * SIM_MS;
		break;
	case -ECANCELED:
		right = s->log[g->request].evicted;
		break;
	default:
		right = false;
	}
	if (!right)
		sim_fail(s, n, "owner %llu has lost its grant by %d, which is not so",
			 (unsigned long long)o->id, o->error);
	if (clock < g->told && !is_cut(s, g))
		sim_fail(s, n, "owner %llu loses its grant (%d) %llu us before it was told",
			 (unsigned long long)o->id, o->error,
			 (unsigned long long)(g->told - clock) / 1000);
	s->st.ended++;
}

/* After each step, of a slot with an owner. */
void grant_follow(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	u64 clock = sim_clock(s, n);

	if (!c->owner || c->owner->closing || c->state == SLOT_CLOSING)
		return;
	if (c->owner->state == KQUORUM_LOCK_GRANTED)
		granted(s, n, c, clock);
	else if (c->owner->state == KQUORUM_LOCK_LOST && c->grant.owner == c->owner->id &&
		 !c->grant.lost_at)
		lost(s, n, c, clock);
}

/* The node has applied entry @index, which evicts one of its own. */
void grant_evicted(struct sim *s, struct sim_node *n, u64 index)
{
	const struct sim_committed *v = &s->log[index];
	u64 clock = sim_clock(s, n), most;
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++) {
		struct sim_grant *g = &n->slot[i].grant;

		if (!n->slot[i].owner || n->slot[i].owner->id != g->owner ||
		    g->request != v->request || g->lost_at)
			continue;
		most = clock + v->drain_ms * SIM_MS;
		/* Where no tokens are checked, what it was told holds. */
		if (!v->cut)
			most = max(most, g->told);
		g->evict_most = g->evict_most ? min(g->evict_most, most) : most;
	}
}

/* Its core has just looked at its clock. */
void grant_ticked(struct sim *s, struct sim_node *n)
{
	u64 clock = sim_clock(s, n);
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++) {
		const struct sim_slot *c = &n->slot[i];
		const struct kq_owner *o = c->owner;

		if (o && !o->closing && o->state == KQUORUM_LOCK_GRANTED &&
		    c->grant.owner == o->id && clock >= at_most(&c->grant))
			sim_fail(s, n, "owner %llu outlives its grant by %llu us",
				 (unsigned long long)o->id,
				 (unsigned long long)(clock - at_most(&c->grant)) / 1000);
	}
}

/*
 * All is well since phase_since: who has lost a grant by itself has no claim any more once its
 * RELEASE went to the leader, and again after a loss of it, and was committed.
 */
void grant_end(struct sim *s)
{
	u64 bound = 2 * SIM_SEC + 10 * settings_most(s).election_ms * SIM_MS;
	u32 a, i;

	for (a = 1; a <= s->d.nodes && !s->d.full; a++) {
		struct sim_node *n = &s->node[a];

		for (i = 0; i < SIM_SLOTS; i++) {
			const struct sim_slot *c = &n->slot[i];

			if (!n->up || !c->owner || !c->grant.lost_at || !c->owner->error ||
			    c->grant.owner != c->owner->id || sim_out_for_good(s, n))
				continue;
			if (s->now > max(c->grant.lost_at, s->phase_since) + bound &&
			    model_find(s, n->id, c->owner->session, c->owner->id))
				sim_fail(s, n, "owner %llu lost its grant %llu ms ago, and nobody "
					 "else can have it", (unsigned long long)c->owner->id,
					 (unsigned long long)(s->now - c->grant.lost_at) / SIM_MS);
		}
	}
}
