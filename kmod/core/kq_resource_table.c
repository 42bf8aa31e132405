// SPDX-License-Identifier: GPL-2.0
/*
 * The table of resources and claims: found by name, in the order of the requests, and by the node
 * that made them; with the sum over all of them. What happens to them and why is in
 * kq_m_resource.c; a table that is being restored is not any core's yet.
 */
#include "kq_int.h"

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
	for (i = 0; i <= KQ_MAX_NODES; i++)
		INIT_LIST_HEAD(&res->of_node[i]);
	return res;
}

/**
 * kq_resources_free() - free a table and all that is in it
 * @res: may be NULL; no core's any more
 */
void kq_resources_free(struct kq_resources *res)
{
	struct kq_claim *c, *next;

	if (!res)
		return;
	list_for_each_entry_safe(c, next, &res->all, all) {
		struct kq_resource *r = c->resource;

		/* The last one takes the resource along. */
		if (!--r->claims)
			kq_free(r);
		kq_free(c);
	}
	kq_free(res);
}

static int name_cmp(const char *a, u32 a_len, const char *b, u32 b_len)
{
	int cmp = memcmp(a, b, min(a_len, b_len));

	return cmp ? cmp : (int)a_len - (int)b_len;
}

/**
 * kq_resources_locate() - a resource that is held or awaited, or where it would stand
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
 * kq_resources_remove() - take a resource without claims out of the table and free it
 * @res: the table
 * @r: the resource
 */
void kq_resources_remove(struct kq_resources *res, struct kq_resource *r)
{
	rb_erase(&r->node, &res->by_name);
	kq_free(r);
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
	struct kq_snap_claim *s = buf;

	s->session = cpu_to_le64(c->session);
	s->owner = cpu_to_le64(c->owner);
	s->index = cpu_to_le64(c->index);
	s->token = cpu_to_le64(c->token);
	s->node = cpu_to_le32(c->holder_node);
	s->pid = cpu_to_le32(c->pid);
	memcpy(s->comm, c->comm, sizeof(s->comm));
	memcpy(s + 1, c->resource->name, c->resource->name_len);
	return sizeof(*s) + c->resource->name_len;
}

static u64 claim_hash(const struct kq_claim *c)
{
	u8 buf[KQ_SNAP_CLAIM_MAX];
	u32 len = kq_claim_record(c, buf);

	return kq_snap_hash(buf, len);
}

/**
 * kq_resources_claim() - put a claim into the table
 * @res: the table
 * @r: the resource it is for, in the table
 * @c: the claim, all of it filled in; whether it holds or waits is up to the caller
 */
void kq_resources_claim(struct kq_resources *res, struct kq_resource *r, struct kq_claim *c)
{
	c->resource = r;
	r->claims++;
	INIT_LIST_HEAD(&c->node);
	list_add_tail(&c->all, &res->all);
	list_add_tail(&c->of_node, &res->of_node[c->holder_node]);
	res->claims++;
	res->sum += claim_hash(c);
}

/**
 * kq_resources_unclaim() - take a claim out of the table and free it
 * @res: the table
 * @c: the claim; its resource stays, also without any
 */
void kq_resources_unclaim(struct kq_resources *res, struct kq_claim *c)
{
	res->sum -= claim_hash(c);
	res->claims--;
	c->resource->claims--;
	list_del(&c->all);
	list_del(&c->of_node);
	kq_free(c);
}

/**
 * kq_resources_set_token() - a claim has been granted
 * @res: the table
 * @c: the claim
 * @token: its token from now on
 */
void kq_resources_set_token(struct kq_resources *res, struct kq_claim *c, u64 token)
{
	res->sum -= claim_hash(c);
	c->token = token;
	res->sum += claim_hash(c);
}
