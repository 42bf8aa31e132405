// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of the locks in true time: who holds a resource at the same time goes together,
 * nobody comes within 2 Delta of a deadline of whom it does not go together with, and tokens rise
 * as the resource itself sees them.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

/* Whose a right is, in one number. */
u64 sim_right_by(u64 session, u64 owner)
{
	return session * 1000003 + owner;
}

static bool is_valid(const struct sim_node *n, const struct kq_owner *o, u64 clock)
{
	return o && o->state == KQUORUM_LOCK_GRANTED && o->session == n->core->local.id &&
		clock < n->core->local.deadline_ns && clock < o->end_ns;
}

/* Where tokens are checked the leader took it from him, and his node may not know. */
static bool is_taken(const struct sim *s, const struct sim_hold *h)
{
	return s->log[h->right.request].taken;
}

/*
 * It ended by its deadline. If that was the session's, who does not go together with it has to keep
 * 2 Delta away; its own end is told to the log by its node, behind it.
 */
static void note_expired(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_hold *h = &n->slot[slot].hold;

	h->expired_at = h->by_session ? sim_clock_to_true(s, n, h->deadline) : 0;
	h->active = false;
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

/* Given back: nobody has to wait for its deadline. */
void check_released(struct sim *s, struct sim_node *n, u32 slot)
{
	(void)s;
	n->slot[slot].hold.active = false;
	n->slot[slot].hold.expired_at = 0;
}

/* Likewise, its machine went down. */
void check_node_gone(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		check_released(s, n, i);
}

/* --- who goes together --------------------------------------------------------------------- */

/* Whatever the sum of their units. */
static bool go_together(const struct sim_right *a, const struct sim_right *b)
{
	u32 i;

	if (a->mode != b->mode || a->mode == KQ_CLAIM_EXCLUSIVE)
		return false;
	for (i = 0; i < ARRAY_SIZE(a->numbers); i++)
		if (a->numbers[i] & b->numbers[i])
			return false;
	return true;
}

/* Did it end so lately that nobody may have what it had? */
static bool is_guarded(const struct sim *s, const struct sim_hold *h)
{
	u64 gap = 2 * s->d.delta_ms * SIM_MS;

	return h->expired_at && !is_taken(s, h) && !s->clock_errors && !s->clocks_lie &&
		s->now + 1000 < h->expired_at + gap;
}

/* The new holder in @c and another one, client @i of node @m, do not go together. */
__attribute__((noreturn))
static void fail_together(struct sim *s, struct sim_node *n, const struct sim_slot *c,
			  struct sim_node *m, u32 i)
{
	const struct sim_hold *h = &m->slot[i].hold;

	if (h->active)
		sim_fail(s, n, "two holders of %s: owner %llu here, token %llx, and on node %u "
			 "client %u, token %llx, for another %llu us",
			 sim_resource_name(c->resource), (unsigned long long)c->owner->id,
			 (unsigned long long)c->owner->token, m->id, i,
			 (unsigned long long)h->right.token,
			 (unsigned long long)(h->deadline - sim_clock(s, m)) / 1000);
	sim_fail(s, n, "%s granted %llu us after the last deadline on node %u, 2 Delta is %llu us",
		 sim_resource_name(c->resource),
		 (unsigned long long)(s->now - h->expired_at) / 1000, m->id,
		 (unsigned long long)(2 * s->d.delta_ms * SIM_MS) / 1000);
}

/* Units of all who hold a resource, at the newest grant of them. */
struct total {
	u64 units, token;
};

/*
 * Whoever else holds it on @m, or did until less than 2 Delta ago. Returns false: two hold what one
 * can, and only the token tells them apart.
 */
static bool check_with(struct sim *s, struct sim_node *n, const struct sim_slot *c,
		       struct sim_node *m, struct total *t)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++) {
		const struct sim_slot *d = &m->slot[i];

		if (d == c || d->resource != c->resource ||
		    !(d->hold.active || is_guarded(s, &d->hold)))
			continue;
		/* The other one has an older token, or a newer one than who does not know yet. */
		if ((is_taken(s, &d->hold) && d->hold.right.token < c->hold.right.token) ||
		    (is_taken(s, &c->hold) && c->hold.right.token < d->hold.right.token))
			continue;
		if (!go_together(&c->hold.right, &d->hold.right)) {
			if (s->clocks_lie)
				return false;
			fail_together(s, n, c, m, i);
		}
		t->units += d->hold.right.units;
		t->token = max(t->token, d->hold.right.token);
	}
	return true;
}

static void check_new_holder(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	struct total t = { c->hold.right.units, c->hold.right.token };
	u32 a, units;

	for (a = 1; a <= sim_last(s); a++) {
		struct sim_node *m = &s->node[a];

		if (!m->up)
			continue;
		settle(s, m);
		if (!check_with(s, n, c, m, &t)) {
			s->st.overlaps++;
			return;
		}
	}
	/* When the last of them came there was room for all. */
	units = model_units_at(s, c->resource, t.token >> KQ_TOKEN_SHIFT);
	if (t.units > units && s->clocks_lie)
		s->st.overlaps++;
	else if (t.units > units)
		sim_fail(s, n, "%llu units of %s are held, it has %u",
			 (unsigned long long)t.units, sim_resource_name(c->resource), units);
}

/* --- tokens -------------------------------------------------------------------------------- */

static const char *pass_units(struct sim_fence *f, const struct sim_right *r)
{
	u32 w, n;

	for (w = 0; w < ARRAY_SIZE(r->numbers); w++) {
		u64 left;

		for (left = r->numbers[w]; left; left &= left - 1) {
			n = 64 * w + __builtin_ctzll(left);
			if (r->token < f->unit[n].token)
				return "a newer holder of that unit";
			if (r->token == f->unit[n].token && r->by != f->unit[n].by)
				return "another holder of that unit with the same token";
			f->unit[n].token = r->token;
			f->unit[n].by = r->by;
		}
	}
	return NULL;
}

/*
 * What a resource would do with a write under this token. Of holders of all of it, and of one unit,
 * each has a higher one than those before; who shares it, or has units of it, has a higher one than
 * all before who did not go together with it.
 *
 * Returns whom it has seen that stands against it; NULL: nobody does.
 */
const char *fence_pass(struct sim_fence *f, const struct sim_right *r)
{
	if (r->token < f->all.token || (r->token == f->all.token && r->by != f->all.by))
		return "a newer holder of all of it";
	if (r->mode != KQ_CLAIM_SHARED && r->token <= f->shares)
		return "a newer one who shares it";
	if (r->mode != KQ_CLAIM_UNITS && r->token <= f->units)
		return "a newer holder of units";
	switch (r->mode) {
	case KQ_CLAIM_EXCLUSIVE:
		f->all.token = r->token;
		f->all.by = r->by;
		return NULL;
	case KQ_CLAIM_SHARED:
		f->shares = max(f->shares, r->token);
		return NULL;
	default:
		f->units = max(f->units, r->token);
		return pass_units(f, r);
	}
}

static void use_token(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	const char *against = fence_pass(&s->fence[c->resource], &c->hold.right);

	if (against && !s->clocks_lie && !is_taken(s, &c->hold))
		sim_fail(s, n, "a valid holder of %s with token %llx is refused by the fence, "
			 "which has seen %s", sim_resource_name(c->resource),
			 (unsigned long long)c->owner->token, against);
	s->st.stale += !!against;	/* refused: nothing is written */
}

/* --- after each step ----------------------------------------------------------------------- */

static u32 count_numbers(const struct sim_right *r)
{
	u32 i, count = 0;

	for (i = 0; i < ARRAY_SIZE(r->numbers); i++)
		count += __builtin_popcountll(r->numbers[i]);
	return count;
}

static void begin_hold(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];
	struct sim_right *r = &c->hold.right;
	const struct kq_owner *o = c->owner;
	u32 numbers;

	r->mode = o->flags & KQUORUM_LOCK_SHARED ? KQ_CLAIM_SHARED :
		o->units ? KQ_CLAIM_UNITS : KQ_CLAIM_EXCLUSIVE;
	r->units = o->units;
	r->token = o->token;
	r->by = sim_right_by(o->session, o->id);
	r->request = c->grant.request;
	memcpy(r->numbers, o->numbers, sizeof(r->numbers));
	numbers = count_numbers(r);
	if (numbers && numbers != o->units)
		sim_fail(s, n, "owner %llu has %u numbers of %s for %u units",
			 (unsigned long long)o->id, numbers, sim_resource_name(c->resource),
			 o->units);
	check_new_holder(s, n, slot);
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

		grant_follow(s, n, i);
		if (c->state == SLOT_CLOSING || !is_valid(n, c->owner, clock)) {
			c->hold.active = false;
			continue;
		}
		c->hold.active = true;
		c->hold.deadline = min(n->core->local.deadline_ns, c->owner->end_ns);
		c->hold.by_session = c->hold.deadline == n->core->local.deadline_ns;
		c->hold.session = c->owner->session;
		if (was && (c->hold.right.token != c->owner->token ||
			    memcmp(c->hold.right.numbers, c->owner->numbers,
				   sizeof(c->owner->numbers))))
			sim_fail(s, n, "the token or the units of a held lock change");
		if (!was)
			begin_hold(s, n, i);
		use_token(s, n, i);
	}
}
