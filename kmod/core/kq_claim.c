// SPDX-License-Identifier: GPL-2.0
/*
 * Claims: found by who made them, among the holders of a resource or in its queue; which of them go
 * together, and which units each has. The sum over all of them is kept along.
 */
#include "kq_platform.h"
#include "kq_break.h"
#include "kq_resource.h"

/**
 * kq_claim_alloc() - room for a claim
 * @info_len: bytes that say what it is for
 * @units: that it asks for
 *
 * Return: it, for kq_free() until it is in a table; or NULL without memory.
 */
struct kq_claim *kq_claim_alloc(u32 info_len, u32 units)
{
	struct kq_claim *c;

	info_len = min_t(u32, info_len, KQ_INFO_MAX);
	c = kq_alloc(sizeof(*c) + info_len + min_t(u32, units, KQ_NUMBERED));
	if (!c)
		return NULL;
	c->item.type = KQ_SNAP_CLAIM;
	c->info_len = info_len;
	c->units = units;
	INIT_LIST_HEAD(&c->node);
	INIT_LIST_HEAD(&c->evicting);
	return c;
}

/**
 * kq_claim_record() - a claim as a snapshot has it
 * @c: the claim, in a table
 * @buf: room for KQ_SNAP_CLAIM_MAX bytes
 *
 * Return: how many it has.
 */
u32 kq_claim_record(const struct kq_claim *c, void *buf)
{
	const struct kq_resource *r = c->resource;
	struct kq_snap_claim *s = buf;
	u8 *at = (u8 *)(s + 1);

	memset(s, 0, sizeof(*s));
	s->session = cpu_to_le64(c->session);
	s->owner = cpu_to_le64(c->owner);
	s->index = cpu_to_le64(c->index);
	s->token = cpu_to_le64(c->token);
	s->node = cpu_to_le32(c->holder_node);
	s->pid = cpu_to_le32(c->pid);
	s->units = cpu_to_le32(c->units);
	s->numbers = cpu_to_le16(c->numbers);
	s->mode = c->mode;
	s->name_len = r->name_len;
	s->info_len = c->info_len;
	s->evicted = c->evicted;
	s->ttl_ms = cpu_to_le32(KQ_BREAK(TTL_UNSAVED) ? 0 : c->ttl_ms);
	s->hold_ms = cpu_to_le32(c->hold_ms);
	s->drain_ms = cpu_to_le32(c->drain_ms);
	s->uid = cpu_to_le32(c->uid);
	memcpy(s->comm, c->comm, sizeof(s->comm));
	memcpy(at, r->name, r->name_len);
	at += r->name_len;
	/* The numbers follow the info here as well. */
	memcpy(at, c->bytes, c->info_len + c->numbers);
	return sizeof(*s) + r->name_len + c->info_len + c->numbers;
}

static u64 claim_hash(const struct kq_claim *c)
{
	u8 buf[KQ_SNAP_CLAIM_MAX];
	u32 len = kq_claim_record(c, buf);

	return kq_snap_hash(buf, len);
}

/* --- by who made them ------------------------------------------------------------------ */

static int owner_cmp(u64 session, u64 owner, const struct kq_claim *c)
{
	if (session != c->session)
		return session < c->session ? -1 : 1;
	return owner < c->owner ? -1 : owner > c->owner;
}

/**
 * kq_claim_find() - the claim of an owner
 * @res: the table
 * @node: of the owner
 * @session: of that node
 * @owner: its number
 *
 * Return: it, or NULL.
 */
struct kq_claim *kq_claim_find(const struct kq_resources *res, u32 node, u64 session, u64 owner)
{
	struct rb_node *n = node <= KQ_MAX_NODES ? res->by_owner[node].rb_node : NULL;

	while (n) {
		struct kq_claim *c = rb_entry(n, struct kq_claim, by_owner);
		int cmp = owner_cmp(session, owner, c);

		if (!cmp)
			return c;
		n = cmp < 0 ? n->rb_left : n->rb_right;
	}
	return NULL;
}

/**
 * kq_claim_first() - the first claim of a session
 * @res: the table
 * @node: whose session
 * @session: the session
 *
 * Return: that of the lowest owner, or NULL.
 */
struct kq_claim *kq_claim_first(const struct kq_resources *res, u32 node, u64 session)
{
	struct rb_node *n = res->by_owner[node].rb_node;
	struct kq_claim *best = NULL;

	while (n) {
		struct kq_claim *c = rb_entry(n, struct kq_claim, by_owner);

		if (c->session >= session) {
			best = c;
			n = n->rb_left;
		} else {
			n = n->rb_right;
		}
	}
	return best && best->session == session ? best : NULL;
}

/**
 * kq_claim_next() - the next claim of its session
 * @c: the claim
 *
 * Return: it, or NULL.
 */
struct kq_claim *kq_claim_next(const struct kq_claim *c)
{
	struct rb_node *n = rb_next(&c->by_owner);
	struct kq_claim *next = n ? rb_entry(n, struct kq_claim, by_owner) : NULL;

	return next && next->session == c->session ? next : NULL;
}

/**
 * kq_claim_is_for() - is a claim for the resource of that name?
 * @c: the claim; NULL: there is none
 * @name: the name
 * @len: bytes
 *
 * Return: true if so.
 */
bool kq_claim_is_for(const struct kq_claim *c, const void *name, u32 len)
{
	return c && c->resource->name_len == len && !memcmp(c->resource->name, name, len);
}

static bool by_owner_add(struct rb_root *root, struct kq_claim *c)
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		int cmp = owner_cmp(c->session, c->owner,
				    rb_entry(*link, struct kq_claim, by_owner));

		if (!cmp)
			return false;
		parent = *link;
		link = cmp < 0 ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&c->by_owner, parent, link);
	rb_insert_color(&c->by_owner, root);
	return true;
}

/**
 * kq_resources_claim() - put a claim into the table
 * @res: the table
 * @r: the resource it is for, in the table
 * @c: the claim, all of it filled in; kq_claim_wait() or kq_claim_held() comes next
 *
 * Return: false: that owner has one already; @c is not in the table.
 */
bool kq_resources_claim(struct kq_resources *res, struct kq_resource *r, struct kq_claim *c)
{
	if (!by_owner_add(&res->by_owner[c->holder_node], c))
		return false;
	c->resource = r;
	r->claims++;
	list_add_tail(&c->item.all, &res->all);
	res->claims++;
	res->sum[KQ_SNAP_CLAIM] += claim_hash(c);
	return true;
}

/* --- who holds, and who waits ----------------------------------------------------------- */

static u64 *word_of(struct kq_resource *r, u32 number)
{
	return &r->numbers[number / 64];
}

/* The last one was granted last. */
static void count_holder(struct kq_claim *c, bool holds)
{
	struct kq_resource *r = c->resource;
	const u8 *number = kq_claim_numbers(c);
	u32 i;

	if (c->mode == KQ_CLAIM_UNITS)
		r->in_use += holds ? c->units : -(u64)c->units;
	else if (c->mode == KQ_CLAIM_SHARED)
		r->sharing += holds ? 1 : -1;
	for (i = 0; i < c->numbers && (holds || !KQ_BREAK(NUMBER_KEPT)); i++)
		*word_of(r, number[i]) ^= 1ULL << (number[i] % 64);
	if (holds)
		r->nodes |= 1U << c->holder_node;
	else if (list_empty(&r->holders))
		r->nodes = 0;
	r->token = list_empty(&r->holders) ? 0 :
		list_last_entry(&r->holders, struct kq_claim, node)->token;
}

/**
 * kq_resources_unclaim() - a claim is given back, or given up
 * @res: the table
 * @c: the claim, of its resource's holders or queue; freed. The resource stays, also without any
 */
void kq_resources_unclaim(struct kq_resources *res, struct kq_claim *c)
{
	struct kq_resource *r = c->resource;

	if (!list_empty(&c->node)) {
		list_del(&c->node);
		if (c->token)
			count_holder(c, false);
		else
			r->waiting--;
	}
	res->sum[KQ_SNAP_CLAIM] -= claim_hash(c);
	res->claims--;
	r->claims--;
	list_del(&c->item.all);
	list_del(&c->evicting);
	rb_erase(&c->by_owner, &res->by_owner[c->holder_node]);
	kq_free(c);
}

/**
 * kq_claim_fits() - does a claim go with those who hold a resource?
 * @r: the resource
 * @c: the claim, none of them
 *
 * Return: true if so. Whether it is its turn is another matter.
 */
bool kq_claim_fits(const struct kq_resource *r, const struct kq_claim *c)
{
	if (list_empty(&r->holders))
		return c->mode != KQ_CLAIM_UNITS || c->units <= kq_resource_units(r);
	if (c->mode == KQ_CLAIM_SHARED)
		return r->sharing;
	return c->mode == KQ_CLAIM_UNITS && r->in_use &&
		r->in_use + (KQ_BREAK(OVERBOOKED) ? 1 : c->units) <= kq_resource_units(r);
}

/**
 * kq_claim_wait() - a claim waits in the queue of its resource
 * @c: the claim, in a table
 * @behind: another one's @node there, or the queue itself: before all
 */
void kq_claim_wait(struct kq_claim *c, struct list_head *behind)
{
	list_add(&c->node, behind);
	c->resource->waiting++;
}

/* The lowest ones that are free. There are enough, for it fits. */
static void give_numbers(struct kq_claim *c)
{
	struct kq_resource *r = c->resource;
	u32 units = kq_resource_units(r), n;
	u8 *number = kq_claim_numbers(c);

	if (c->mode != KQ_CLAIM_UNITS || units > KQ_NUMBERED)
		return;
	for (n = 0; n < units && c->numbers < c->units; n++)
		if (!(*word_of(r, n) >> (n % 64) & 1))
			number[c->numbers++] = n;
}

/* A grant is bound to what was said of the resource when it was made. */
static void bind_grant(struct kq_claim *c)
{
	const struct kq_terms *is = c->resource->pool ? &c->resource->pool->is : NULL;

	if (!is)
		return;
	if (!c->ttl_ms)
		c->ttl_ms = is->ttl_ms;
	if (is->hold_ms && (!c->hold_ms || c->hold_ms > is->hold_ms) && !KQ_BREAK(HOLD_UNBOUND))
		c->hold_ms = is->hold_ms;
}

/**
 * kq_claim_hold() - a claim that waits is granted
 * @res: the table
 * @c: the claim; it goes with those who hold its resource
 * @token: its token from now on
 */
void kq_claim_hold(struct kq_resources *res, struct kq_claim *c, u64 token)
{
	struct kq_resource *r = c->resource;

	res->sum[KQ_SNAP_CLAIM] -= claim_hash(c);
	c->token = token;
	bind_grant(c);
	give_numbers(c);
	res->sum[KQ_SNAP_CLAIM] += claim_hash(c);
	r->waiting--;
	list_move_tail(&c->node, &r->holders);
	count_holder(c, true);
}

/**
 * kq_claim_evict() - a holder has to give it back
 * @res: the table
 * @c: the claim, granted
 * @drain_ms: it has so long for that; the shorter one counts when it had to already
 * @now_ns: the clock
 */
void kq_claim_evict(struct kq_resources *res, struct kq_claim *c, u32 drain_ms, u64 now_ns)
{
	u64 end_ns = now_ns + (u64)drain_ms * KQ_NS_PER_MS;

	res->sum[KQ_SNAP_CLAIM] -= claim_hash(c);
	c->drain_ms = c->evicted && !KQ_BREAK(EVICT_AGAIN) ? min(c->drain_ms, drain_ms) : drain_ms;
	c->evict_end_ns = c->evicted ? min(c->evict_end_ns, end_ns) : end_ns;
	c->evict_ns = c->evicted ? c->evict_ns : now_ns;
	c->evicted = true;
	res->sum[KQ_SNAP_CLAIM] += claim_hash(c);
	if (list_empty(&c->evicting))
		list_add_tail(&c->evicting, &res->evicting);
}

/**
 * kq_claim_held() - a claim is restored as a holder
 * @c: the claim, in a table, with its token and its numbers
 * @behind: another one's @node among the holders, or that list itself: before all
 *
 * Return: false: another one has one of its numbers, or it is no number.
 */
bool kq_claim_held(struct kq_claim *c, struct list_head *behind)
{
	struct kq_resource *r = c->resource;
	const u8 *number = kq_claim_numbers(c);
	u32 i;

	for (i = 0; i < c->numbers; i++)
		if (*word_of(r, number[i]) >> (number[i] % 64) & 1 ||
		    (i && number[i] <= number[i - 1]))
			return false;
	list_add(&c->node, behind);
	count_holder(c, true);
	if (KQ_BREAK(NUMBERS_UNRESTORED))
		memset(r->numbers, 0, sizeof(r->numbers));
	return true;
}
