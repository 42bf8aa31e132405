// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of the replicated state: first come first served, who holds a resource goes
 * together, units and their numbers add up, tokens rise, everything is applied once, and the state
 * at one index is the same on every replica. What holds in true time is in check_hold.c.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static char names[SIM_RESOURCES][KQ_RESOURCE_MAX + 1] = { "db", "disk/a", "gpu", "spare" };

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

/* --- the replicated state ------------------------------------------------------------------ */

static u64 mix(u64 h, u64 x)
{
	h ^= x + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
	h ^= h >> 29;
	return h * 0xbf58476d1ce4e5b9ULL;
}

/* The numbers of its units, as bits. Returns false: they do not rise. */
bool claim_numbers(const struct kq_claim *c, u64 numbers[KQ_NUMBERED / 64])
{
	const u8 *number = kq_claim_numbers(c);
	u32 i;

	memset(numbers, 0, KQ_NUMBERED / 8);
	for (i = 0; i < c->numbers; i++) {
		if (i && number[i] <= number[i - 1])
			return false;
		numbers[number[i] / 64] |= 1ULL << (number[i] % 64);
	}
	return true;
}

static u64 claim_digest(u64 h, const struct kq_claim *c)
{
	h = mix(h, c->holder_node);
	h = mix(h, c->session);
	h = mix(h, c->owner);
	h = mix(h, c->index);
	h = mix(h, c->pid);
	h = mix(h, c->mode | (u64)c->units << 32);
	h = mix(h, c->ttl_ms | (u64)c->hold_ms << 32);
	h = mix(h, c->uid | (u64)c->drain_ms << 32);
	h = mix(h, c->evicted);
	/* What it is for, then its numbers. */
	if (c->info_len || c->numbers)
		h = mix(h, kq_crc(c->info_len, c->bytes, c->info_len + c->numbers));
	return mix(h, c->token);
}

static u64 pool_digest(u64 h, const struct kq_pool *p)
{
	h = mix(h, p->index);
	h = mix(h, p->fence);
	h = mix(h, p->is.ttl_ms | (u64)p->is.hold_ms << 32);
	h = mix(h, p->is.uid | (u64)p->is.gid << 32);
	h = mix(h, p->is.mode | (u64)p->is.fenced << 32);
	return mix(h, p->is.units | (u64)p->is.max_waiters << 32);
}

/* Whoever stands behind @c in this list is another one. */
static void same_owner_behind(struct sim *s, struct sim_node *n, const struct kq_resource *r,
			      const struct kq_claim *c, const struct list_head *end)
{
	const struct list_head *at;

	for (at = c->node.next; at != end; at = at->next) {
		const struct kq_claim *d = list_entry(at, struct kq_claim, node);

		if (d->holder_node == c->holder_node && d->session == c->session &&
		    d->owner == c->owner)
			sim_fail(s, n, "owner %llu of node %u stands twice for %s: a request was "
				 "applied twice", (unsigned long long)c->owner, c->holder_node,
				 r->name);
	}
}

static bool session_known(const struct kq_core *core, const struct kq_claim *c)
{
	return c->holder_node <= KQ_MAX_NODES && core->session[c->holder_node].id == c->session;
}

/* What all that stand for a resource add up to. */
struct sums {
	u64 last;		/* index of the request before */
	u64 token;		/* of the newest holder */
	u64 units;
	u32 sharing, holders, waiting;
	u64 numbers[KQ_NUMBERED / 64];
};

static void check_claim(struct sim *s, struct sim_node *n, const struct kq_resource *r,
			const struct kq_claim *c, struct sums *sum)
{
	if (c->index <= sum->last)
		sim_fail(s, n, "%s is not first come first served: request %llu behind %llu",
			 r->name, (unsigned long long)c->index, (unsigned long long)sum->last);
	sum->last = c->index;
	if (!session_known(n->core, c))
		sim_fail(s, n, "%s is %s in a session that is over", r->name,
			 c->token ? "held" : "awaited");
	if (c->resource != r || (c->mode == KQ_CLAIM_UNITS) != !!c->units)
		sim_fail(s, n, "%s: request %llu is of mode %u for %u units", r->name,
			 (unsigned long long)c->index, c->mode, c->units);
}

static void check_holder(struct sim *s, struct sim_node *n, const struct kq_resource *r,
			 const struct kq_claim *c, struct sums *sum)
{
	u64 numbers[KQ_NUMBERED / 64];
	u32 i;

	if (!c->token || c->token < sum->token)
		sim_fail(s, n, "%s has a holder with token %llx behind one with %llx", r->name,
			 (unsigned long long)c->token, (unsigned long long)sum->token);
	sum->token = c->token;
	if (sum->holders++ && (c->mode == KQ_CLAIM_EXCLUSIVE || c->mode !=
			       list_first_entry(&r->holders, struct kq_claim, node)->mode))
		sim_fail(s, n, "%s has holders that do not go together", r->name);
	sum->units += c->units;
	sum->sharing += c->mode == KQ_CLAIM_SHARED;
	if (!claim_numbers(c, numbers) || (c->numbers && c->numbers != c->units))
		sim_fail(s, n, "%s: request %llu has %u numbers for %u units", r->name,
			 (unsigned long long)c->index, c->numbers, c->units);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (sum->numbers[i] & numbers[i])
			sim_fail(s, n, "a unit of %s has two holders", r->name);
		sum->numbers[i] |= numbers[i];
	}
}

/* What the table counts along with its changes, counted once more. */
static void check_sums(struct sim *s, struct sim_node *n, const struct kq_resource *r,
		       const struct sums *sum)
{
	if (!sum->holders && sum->waiting)
		sim_fail(s, n, "%s is free and somebody waits for it", r->name);
	if (r->in_use != sum->units || r->sharing != sum->sharing || r->waiting != sum->waiting ||
	    r->claims != sum->holders + sum->waiting)
		sim_fail(s, n, "%s counts %llu units, %u shares, %u waiters, %u claims, and has "
			 "%llu, %u, %u, %u", r->name, (unsigned long long)r->in_use, r->sharing,
			 r->waiting, r->claims, (unsigned long long)sum->units, sum->sharing,
			 sum->waiting, sum->holders + sum->waiting);
	if (r->token != sum->token)
		sim_fail(s, n, "%s has token %llx, and its newest holder has %llx", r->name,
			 (unsigned long long)r->token, (unsigned long long)sum->token);
	if (memcmp(r->numbers, sum->numbers, sizeof(sum->numbers)))
		sim_fail(s, n, "%s takes units %llx... for held, and holders have %llx...",
			 r->name, (unsigned long long)r->numbers[0],
			 (unsigned long long)sum->numbers[0]);
	if (r->pool && (r->pool->resource != r || !r->pool->is.units || !r->pool->index))
		sim_fail(s, n, "%s is defined, with nothing", r->name);
}

static void check_tokens(struct sim *s, struct sim_node *n, const struct kq_resource *r)
{
	struct sim_fence *f = &n->seen_fence[sim_resource_index(r->name, r->name_len)];
	const struct kq_claim *c;

	list_for_each_entry(c, &r->holders, node) {
		struct sim_right right = {
			.mode = c->mode, .units = c->units, .token = c->token,
			.by = sim_right_by(c->session, c->owner),
		};
		const char *against;

		claim_numbers(c, right.numbers);
		against = fence_pass(f, &right);
		if (against)
			sim_fail(s, n, "the token of %s does not rise: %llx, after %s", r->name,
				 (unsigned long long)c->token, against);
	}
}

static u64 resource_digest(struct sim *s, struct sim_node *n, const struct kq_resource *r)
{
	struct sums sum = { 0 };
	const struct kq_claim *c;
	u64 h = r->name_len;
	u32 i;

	for (i = 0; i < r->name_len; i++)
		h = mix(h, r->name[i]);
	if (r->pool)
		h = pool_digest(h, r->pool);
	list_for_each_entry(c, &r->holders, node) {
		check_claim(s, n, r, c, &sum);
		check_holder(s, n, r, c, &sum);
		same_owner_behind(s, n, r, c, &r->holders);
		h = claim_digest(h, c);
	}
	list_for_each_entry(c, &r->queue, node) {
		check_claim(s, n, r, c, &sum);
		sum.waiting++;
		if (c->token || c->numbers)
			sim_fail(s, n, "%s: request %llu waits, with a token or a unit", r->name,
				 (unsigned long long)c->index);
		same_owner_behind(s, n, r, c, &r->queue);
		h = claim_digest(h, c);
	}
	check_sums(s, n, r, &sum);
	check_tokens(s, n, r);
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
