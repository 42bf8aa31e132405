// SPDX-License-Identifier: GPL-2.0
/*
 * Programs and the ends of their grants: what they ask for, as whom, and how they renew it: in
 * time, late, again when it is lost, with a token that is not theirs; or not at all, for they hang.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

#define USERS	3		/* and as many groups; user N is in group N and the next one */

static bool is_in(u32 uid, u32 gid)
{
	return gid == uid || gid == uid % USERS + 1;
}

/* As the module does: of his groups the one that counts here, if he is in it. */
static void as_user(struct sim *s, const struct sim_node *n, const char *name,
		    struct kq_lock_ask *ask)
{
	const struct kq_resource *r = kq_core_resource_find(n->core, name, strlen(name));

	ask->admin = false;
	ask->uid = 1 + sim_below(s, USERS);
	ask->gid = r && r->pool && is_in(ask->uid, r->pool->is.gid) ? r->pool->is.gid : ask->uid;
}

void grant_ask(struct sim *s, struct sim_node *n, const char *name, struct kq_lock_ask *ask)
{
	ask->admin = true;
	if (sim_chance(s, s->d.user_pct))
		as_user(s, n, name, ask);
	if (!sim_chance(s, s->d.end_pct))
		return;
	if (sim_chance(s, 70))
		ask->ttl_ms = 10 + sim_about(s, 300);
	if (sim_chance(s, 50))
		ask->hold_ms = 10 + sim_about(s, 600);
}

static void renew_later(struct sim *s, struct sim_node *n, u32 slot)
{
	const struct sim_slot *c = &n->slot[slot];

	sim_push(s, s->now + sim_about(s, c->owner->ttl_ms * SIM_MS / 3), EV_RENEW, sim_at(s, n),
		 slot, c->round);
}

/* It is granted. */
void grant_began(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];

	c->hangs = (c->owner->ttl_ms || c->owner->limit_ns != KQ_NEVER) &&
		sim_chance(s, s->d.hung_pct);
	if (c->owner->ttl_ms && !c->hangs)
		renew_later(s, n, slot);
}

/* Renews with @token; what the core answers must be so. Returns that. */
int grant_renewal(struct sim *s, struct sim_node *n, struct sim_slot *c, u64 token)
{
	struct kq_owner *o = c->owner;
	u64 clock = sim_clock(s, n);
	bool has = o->state == KQUORUM_LOCK_GRANTED && !o->closing &&
		clock < min(n->core->local.deadline_ns, o->end_ns);
	bool is_other = !token || token != o->token;
	int err = kq_core_renew(n->core, clock, o, token);

	if (err != (is_other ? -EINVAL : has ? 0 : -ETIME))
		sim_fail(s, n, "a renewal of owner %llu, which %s its grant, with %s token, is "
			 "answered by %d", (unsigned long long)o->id, has ? "has" : "has lost",
			 is_other ? "another's" : "its", err);
	if (!err) {
		c->grant.renewed = clock;
		s->st.renewed++;
	}
	return err;
}

void grant_renew(struct sim *s, struct sim_node *n, u32 slot, u64 round)
{
	struct sim_slot *c = &n->slot[slot];
	const struct kq_owner *o = c->owner;
	bool is_other = sim_chance(s, 5);

	if (!n->up || c->round != round || c->state != SLOT_HOLD || !o || !o->token)
		return;
	grant_renewal(s, n, c, o->token + ((u64)is_other << KQ_TOKEN_SHIFT));
	check_holds(s, n);
	renew_later(s, n, slot);
}
