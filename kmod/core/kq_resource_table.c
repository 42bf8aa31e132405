// SPDX-License-Identifier: GPL-2.0
/*
 * The table of resources: found by name; what was said of them comes and goes. Who holds and who
 * waits is in kq_claim.c, what happens to them and why in kq_m_resource.c; a table that is being
 * restored is not any core's yet.
 */
#include "kq_platform.h"
#include "kq_resource.h"

/**
 * kq_resources_create() - an empty table
 *
 * Return: the table, or NULL without memory.
 */
struct kq_resources *kq_resources_create(void)
{
	struct kq_resources *res = kq_alloc(sizeof(*res));
	u32 i;

	if (!res)
		return NULL;
	res->by_name = RB_ROOT;
	INIT_LIST_HEAD(&res->all);
	INIT_LIST_HEAD(&res->evicting);
	for (i = 0; i <= KQ_MAX_NODES; i++)
		res->by_owner[i] = RB_ROOT;
	return res;
}

static void item_free(struct kq_item *item)
{
	if (item->type == KQ_SNAP_CLAIM)
		kq_free(container_of(item, struct kq_claim, item));
	else
		kq_free(container_of(item, struct kq_pool, item));
}

/**
 * kq_resources_free() - free a table and all that is in it
 * @res: may be NULL; no core's any more
 */
void kq_resources_free(struct kq_resources *res)
{
	struct kq_item *item, *next;

	if (!res)
		return;
	list_for_each_entry_safe(item, next, &res->all, all) {
		struct kq_resource *r;

		if (item->type == KQ_SNAP_CLAIM) {
			r = container_of(item, struct kq_claim, item)->resource;
			r->claims--;
		} else {
			r = container_of(item, struct kq_pool, item)->resource;
			r->pool = NULL;
		}
		/* The last one takes the resource along. */
		if (!r->claims && !r->pool)
			kq_free(r);
		item_free(item);
	}
	kq_free(res);
}

static int name_cmp(const char *a, u32 a_len, const char *b, u32 b_len)
{
	int cmp = memcmp(a, b, min(a_len, b_len));

	return cmp ? cmp : (int)a_len - (int)b_len;
}

/**
 * kq_resources_locate() - a resource that is in the table, or where it would stand
 * @res: the table
 * @name: its name
 * @len: bytes
 * @place: set to where it is to be added, if it is not there: for kq_resources_add()
 *
 * Return: it, or NULL.
 */
struct kq_resource *kq_resources_locate(struct kq_resources *res, const char *name, u32 len,
					struct kq_resource_place *place)
{
	place->link = &res->by_name.rb_node;
	place->parent = NULL;
	while (*place->link) {
		struct kq_resource *r = rb_entry(*place->link, struct kq_resource, node);
		int cmp = name_cmp(name, len, r->name, r->name_len);

		if (!cmp)
			return r;
		place->parent = *place->link;
		place->link = cmp < 0 ? &place->parent->rb_left : &place->parent->rb_right;
	}
	return NULL;
}

/**
 * kq_resources_locate_near() - the same, looked for behind another one first
 * @res: the table
 * @near: a resource in it, or NULL
 * @name: the name
 * @len: bytes
 * @place: as with kq_resources_locate()
 *
 * In a large table a search from the root is a row of cache misses. It is spared when nothing
 * stands between @near and @name.
 *
 * Return: as kq_resources_locate().
 */
struct kq_resource *kq_resources_locate_near(struct kq_resources *res, struct kq_resource *near,
					     const char *name, u32 len,
					     struct kq_resource_place *place)
{
	struct kq_resource *next;
	struct rb_node *n;
	int cmp;

	cmp = near ? name_cmp(name, len, near->name, near->name_len) : -1;
	if (!cmp)
		return near;
	if (cmp < 0)
		return kq_resources_locate(res, name, len, place);
	n = rb_next(&near->node);
	next = n ? rb_entry(n, struct kq_resource, node) : NULL;
	cmp = next ? name_cmp(name, len, next->name, next->name_len) : -1;
	if (!cmp)
		return next;
	if (cmp > 0)
		return kq_resources_locate(res, name, len, place);
	/* With anything right of @near, its successor is the leftmost there. */
	place->parent = near->node.rb_right ? n : &near->node;
	place->link = near->node.rb_right ? &n->rb_left : &near->node.rb_right;
	return NULL;
}

/**
 * kq_resources_next() - the first resource from a name on
 * @res: the table
 * @name: the name
 * @len: bytes, 0: the first of all
 * @behind: not that one itself
 *
 * Return: it, or NULL.
 */
struct kq_resource *kq_resources_next(const struct kq_resources *res, const char *name, u32 len,
				      bool behind)
{
	struct rb_node *n = res->by_name.rb_node;
	struct kq_resource *best = NULL;

	while (n) {
		struct kq_resource *r = rb_entry(n, struct kq_resource, node);
		int cmp = name_cmp(r->name, r->name_len, name, len);

		if (cmp > 0 || (!cmp && !behind)) {
			best = r;
			n = n->rb_left;
		} else {
			n = n->rb_right;
		}
	}
	return best;
}

/**
 * kq_resource_alloc() - room for a resource
 * @name: its name
 * @len: bytes
 *
 * Return: it, for kq_free() until it is in a table; or NULL without memory.
 */
struct kq_resource *kq_resource_alloc(const char *name, u32 len)
{
	struct kq_resource *r = kq_alloc(sizeof(*r) + len + 1);

	if (!r)
		return NULL;
	INIT_LIST_HEAD(&r->touched);
	INIT_LIST_HEAD(&r->holders);
	INIT_LIST_HEAD(&r->queue);
	r->name_len = len;
	memcpy(r->name, name, len);
	return r;
}

/**
 * kq_resources_add() - put a resource into the table
 * @res: the table
 * @r: the resource
 * @place: where it stands: from kq_resources_locate(), with no change in between
 */
void kq_resources_add(struct kq_resources *res, struct kq_resource *r,
		      const struct kq_resource_place *place)
{
	rb_link_node(&r->node, place->parent, place->link);
	rb_insert_color(&r->node, &res->by_name);
}

/**
 * kq_resources_remove() - take a resource that nothing keeps out of the table and free it
 * @res: the table
 * @r: the resource
 */
void kq_resources_remove(struct kq_resources *res, struct kq_resource *r)
{
	rb_erase(&r->node, &res->by_name);
	kq_free(r);
}

/**
 * kq_resource_units() - how many of it are there?
 * @r: the resource
 *
 * Return: 1 when nothing was said.
 */
u32 kq_resource_units(const struct kq_resource *r)
{
	return r->pool ? r->pool->is.units : 1;
}

/* --- what was said of them ------------------------------------------------------------- */

static u32 pool_record(const struct kq_pool *pool, void *buf)
{
	const struct kq_resource *r = pool->resource;
	struct kq_snap_pool *s = buf;

	*s = (struct kq_snap_pool){
		.index = cpu_to_le64(pool->index),
		.fence = cpu_to_le64(KQ_BREAK(FENCE_UNSAVED) ? 0 : pool->fence),
		.units = cpu_to_le32(pool->is.units),
		.max_waiters = cpu_to_le32(pool->is.max_waiters),
		.ttl_ms = cpu_to_le32(pool->is.ttl_ms),
		.hold_ms = cpu_to_le32(pool->is.hold_ms),
		.uid = cpu_to_le32(pool->is.uid),
		.gid = cpu_to_le32(pool->is.gid),
		.mode = cpu_to_le16(pool->is.mode),
		.fenced = cpu_to_le16(pool->is.fenced),
	};
	memcpy(s + 1, r->name, r->name_len);
	return sizeof(*s) + r->name_len;
}

static u64 pool_hash(const struct kq_pool *pool)
{
	u8 buf[KQ_SNAP_POOL_MAX];
	u32 len = pool_record(pool, buf);

	return kq_snap_hash(buf, len);
}

/**
 * kq_resources_define() - something is said of a resource that nothing was said of
 * @res: the table
 * @r: the resource, in it
 * @pool: filled in but for its links; the table's from here on
 */
void kq_resources_define(struct kq_resources *res, struct kq_resource *r, struct kq_pool *pool)
{
	pool->item.type = KQ_SNAP_POOL;
	pool->resource = r;
	r->pool = pool;
	list_add_tail(&pool->item.all, &res->all);
	res->pools++;
	res->sum[KQ_SNAP_POOL] += pool_hash(pool);
}

/**
 * kq_resources_redefine() - something else is said of it
 * @res: the table
 * @pool: of the resource
 * @is: from now on
 * @fence: the highest token that it was shown
 */
void kq_resources_redefine(struct kq_resources *res, struct kq_pool *pool,
			   const struct kq_terms *is, u64 fence)
{
	res->sum[KQ_SNAP_POOL] -= pool_hash(pool);
	pool->is = *is;
	pool->fence = fence;
	res->sum[KQ_SNAP_POOL] += pool_hash(pool);
}

/**
 * kq_terms_allow() - may somebody have it?
 * @is: what was said of a resource
 * @uid: who
 * @gid: a group of his; the one that the resource is of, if he is in it
 * @share: only a share; else whatever he asks for
 *
 * As for a file: who owns it goes by the owner's bits alone, who is in its group by those.
 *
 * Return: true if so.
 */
bool kq_terms_allow(const struct kq_terms *is, u32 uid, u32 gid, bool share)
{
	u32 bits = uid == is->uid ? is->mode >> 6 : gid == is->gid ? is->mode >> 3 : is->mode;

	if (KQ_BREAK(OTHERS_BITS))
		bits |= is->mode;
	return bits & (share ? 4 : 2);
}

/**
 * kq_resources_undefine() - nothing is said of it any more
 * @res: the table
 * @r: the resource; it stays
 */
void kq_resources_undefine(struct kq_resources *res, struct kq_resource *r)
{
	res->sum[KQ_SNAP_POOL] -= pool_hash(r->pool);
	res->pools--;
	list_del(&r->pool->item.all);
	kq_free(r->pool);
	r->pool = NULL;
}

/* --- records --------------------------------------------------------------------------- */

/**
 * kq_item_record() - a claim or a pool as a snapshot has it
 * @item: in a table
 * @buf: room for KQ_ITEM_RECORD_MAX bytes
 *
 * Return: how many it has.
 */
u32 kq_item_record(const struct kq_item *item, void *buf)
{
	if (item->type == KQ_SNAP_CLAIM)
		return kq_claim_record(container_of(item, struct kq_claim, item), buf);
	return pool_record(container_of(item, struct kq_pool, item), buf);
}

/**
 * kq_item_record_len() - how long is that?
 * @item: in a table
 *
 * Return: bytes.
 */
u32 kq_item_record_len(const struct kq_item *item)
{
	const struct kq_claim *c;

	if (item->type != KQ_SNAP_CLAIM)
		return sizeof(struct kq_snap_pool) +
			container_of(item, struct kq_pool, item)->resource->name_len;
	c = container_of(item, struct kq_claim, item);
	return sizeof(struct kq_snap_claim) + c->resource->name_len + c->info_len + c->numbers;
}
