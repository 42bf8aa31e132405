// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of the locks: one holder in true time, tokens that rise, first
 * come first served, the same state on every replica, everything applied once.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static char names[SIM_RESOURCES][KQ_RESOURCE_MAX + 1] = { "db", "disk/a", "gpu" };

/* A name that a real cluster uses. Returns false: it is one too many. */
bool sim_resource_add(const char *name, u32 len)
{
	u32 i;

	for (i = 0; i < SIM_RESOURCES && names[i][0]; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return true;
	if (i == SIM_RESOURCES)
		return false;
	memcpy(names[i], name, len);
	return true;
}

const char *sim_resource_name(u32 which)
{
	return names[which];
}

/* A name that no client uses counts as the first one: the comparison will differ. */
u32 sim_resource_index(const char *name, u32 len)
{
	u32 i;

	for (i = 0; i < SIM_RESOURCES; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return i;
	return 0;
}

/* --- mutual exclusion, in true time ---------------------------------------------------- */

static bool valid(const struct sim_node *n, const struct kq_owner *o, u64 clock)
{
	return o && o->state == KQUORUM_LOCK_GRANTED && o->session == n->core->local.id &&
		clock < n->core->local.deadline_ns;
}

/* It ended by its deadline: from here a new holder has to keep 2 Delta away. */
static void note_expired(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	struct sim_resource *r = &s->res[c->resource];

	r->expired_at = sim_clock_to_true(s, n, c->hold.deadline);
	r->expired_node = sim_at(s, n);
	r->expired_life = n->life;
	r->expired_slot = slot;
	c->hold.active = false;
}

static void settle(struct sim *s, struct sim_node *n)
{
	u64 clock = sim_clock(s, n);
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		if (n->slot[i].hold.active && clock >= n->slot[i].hold.deadline)
			note_expired(s, n, i);
}

void check_clock_changes(struct sim *s, struct sim_node *n)
{
	settle(s, n);
	promise_clock_changes(s, n);
}

/* Given back, or its machine went down: nobody has to wait for its deadline. */
static void forget(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	struct sim_resource *r = &s->res[c->resource];

	c->hold.active = false;
	if (r->expired_node == sim_at(s, n) && r->expired_life == n->life &&
	    r->expired_slot == slot)
		r->expired_at = 0;
}

void check_released(struct sim *s, struct sim_node *n, u32 slot)
{
	forget(s, n, slot);
}

void check_node_gone(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		forget(s, n, i);
	for (i = 0; i < SIM_RESOURCES; i++)
		if (s->res[i].expired_node == sim_at(s, n))
			s->res[i].expired_at = 0;
}

/* Whoever else holds it: an error, or what only the token can tell apart. */
static void check_others(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	u32 a, i;

	for (a = 1; a <= sim_last(s); a++) {
		struct sim_node *m = &s->node[a];

		if (!m->up)
			continue;
		settle(s, m);
		for (i = 0; i < SIM_SLOTS; i++) {
			struct sim_slot *d = &m->slot[i];

			if (d == c || !d->hold.active || d->resource != c->resource)
				continue;
			if (s->clocks_lie) {
				s->st.overlaps++;
				return;
			}
			sim_fail(s, n, "two holders of %s: owner %llu here, token %llx, and on "
				 "node %u client %u, token %llx, for another %llu us",
				 names[c->resource], (unsigned long long)c->owner->id,
				 (unsigned long long)c->owner->token, m->id, i,
				 (unsigned long long)d->hold.token,
				 (unsigned long long)(d->hold.deadline - sim_clock(s, m)) / 1000);
		}
	}
}

static void check_new_holder(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	struct sim_resource *r = &s->res[c->resource];
	u64 gap = 2 * s->d.delta_ms * SIM_MS;

	check_others(s, n, slot);
	if (s->clocks_lie)
		return;
	if (r->expired_at && !s->clock_errors && s->now + 1000 < r->expired_at + gap)
		sim_fail(s, n, "%s granted %llu us after the last deadline on node %u, "
			 "2 Delta is %llu us", names[c->resource],
			 (unsigned long long)(s->now - r->expired_at) / 1000,
			 s->node[r->expired_node].id,
			 (unsigned long long)gap / 1000);
	r->expired_at = 0;
}

/* What the resource itself would do with a write under this token. */
static void use_token(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	struct sim_resource *r = &s->res[c->resource];

	if (c->owner->token < r->fence && !s->clocks_lie)
		sim_fail(s, n, "a valid holder of %s is refused by the fence: token %llx, seen %llx",
			 names[c->resource], (unsigned long long)c->owner->token,
			 (unsigned long long)r->fence);
	s->st.stale += c->owner->token < r->fence;	/* refused: nothing is written */
	r->fence = max(r->fence, c->owner->token);
}

void check_holds(struct sim *s, struct sim_node *n)
{
	u64 clock = sim_clock(s, n);
	u32 i;

	settle(s, n);
	promise_deadline(s, n);
	for (i = 0; i < SIM_SLOTS; i++) {
		struct sim_slot *c = &n->slot[i];
		bool was = c->hold.active;

		if (c->state == SLOT_CLOSING || !valid(n, c->owner, clock)) {
			c->hold.active = false;
			continue;
		}
		c->hold.active = true;
		c->hold.deadline = n->core->local.deadline_ns;
		c->hold.session = c->owner->session;
		if (was && c->hold.token != c->owner->token)
			sim_fail(s, n, "the token of a held lock changes");
		c->hold.token = c->owner->token;
		if (!was)
			check_new_holder(s, n, i);
		use_token(s, n, i);
	}
}

/* --- the replicated state ------------------------------------------------------------------ */

static u64 mix(u64 h, u64 x)
{
	h ^= x + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
	h ^= h >> 29;
	return h * 0xbf58476d1ce4e5b9ULL;
}

static u64 claim_digest(u64 h, const struct kq_claim *c)
{
	h = mix(h, c->holder_node);
	h = mix(h, c->session);
	h = mix(h, c->owner);
	h = mix(h, c->index);
	return mix(h, c->token);
}

static bool same_claim(const struct kq_claim *a, const struct kq_claim *b)
{
	return a->holder_node == b->holder_node && a->session == b->session &&
		a->owner == b->owner;
}

static void same_owner_twice(struct sim *s, struct sim_node *n, const struct kq_resource *r,
			     const struct kq_claim *c)
{
	const struct kq_claim *d;
	u32 count = r->holder && same_claim(r->holder, c);

	list_for_each_entry(d, &r->queue, node)
		count += same_claim(d, c);
	if (count > 1)
		sim_fail(s, n, "owner %llu of node %u stands %u times for %s: a request was "
			 "applied twice", (unsigned long long)c->owner, c->holder_node, count,
			 r->name);
}

static bool session_known(const struct kq_core *core, const struct kq_claim *c)
{
	return c->holder_node <= KQ_MAX_NODES && core->session[c->holder_node].id == c->session;
}

static u64 resource_digest(struct sim *s, struct sim_node *n, const struct kq_resource *r)
{
	const struct kq_claim *c;
	u64 h = mix(r->token, r->name_len), last = 0;
	u32 i;

	for (i = 0; i < r->name_len; i++)
		h = mix(h, r->name[i]);
	if (!r->holder && !list_empty(&r->queue))
		sim_fail(s, n, "%s is free and somebody waits for it", r->name);
	if (r->holder) {
		last = r->holder->index;
		h = claim_digest(h, r->holder);
		if (!session_known(n->core, r->holder))
			sim_fail(s, n, "%s is held in a session that is over", r->name);
		if (r->holder->token != r->token || !r->token)
			sim_fail(s, n, "%s and its holder have different tokens", r->name);
	}
	list_for_each_entry(c, &r->queue, node) {
		if (c->index <= last)
			sim_fail(s, n, "%s is not first come first served: request %llu behind "
				 "%llu", r->name, (unsigned long long)c->index,
				 (unsigned long long)last);
		last = c->index;
		if (!session_known(n->core, c))
			sim_fail(s, n, "%s is awaited in a session that is over", r->name);
		same_owner_twice(s, n, r, c);
		h = claim_digest(h, c);
	}
	for (i = 0; i < SIM_RESOURCES; i++) {
		if (strcmp(r->name, names[i]) || !r->holder)
			continue;
		if (r->token < n->seen_token[i] || (r->token == n->seen_token[i] &&
						    r->holder->index != n->seen_claim[i]))
			sim_fail(s, n, "the token of %s does not rise: %llx after %llx", r->name,
				 (unsigned long long)r->token,
				 (unsigned long long)n->seen_token[i]);
		n->seen_token[i] = r->token;
		n->seen_claim[i] = r->holder->index;
	}
	return h;
}

/* After each change of the applied index: the same state at the same index, everywhere. */
void check_state(struct sim *s, struct sim_node *n)
{
	const struct kq_core *core = n->core;
	const struct rb_node *r;
	u64 h = 0;
	u32 i, j;

	for (i = 1; i <= s->d.nodes; i++) {
		const struct kq_session *x = &core->session[i];

		h = mix(h, x->id);
		h = mix(h, x->last_id);
		h = mix(h, x->suspect);
		h = mix(h, x->left_ns);
		h = mix(h, x->settled);
		for (j = 0; j < ARRAY_SIZE(x->applied); j++)
			h = mix(h, x->applied[j]);
	}
	for (r = rb_first(&core->res->by_name); r; r = rb_next(r))
		h += resource_digest(s, n, rb_entry(r, struct kq_resource, node));
	h = h ? h : 1;
	if (!s->log[core->applied].digest)
		s->log[core->applied].digest = h;
	else if (s->log[core->applied].digest != h)
		sim_fail(s, n, "its state at index %llu differs from another replica's",
			 (unsigned long long)core->applied);
}
