/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replicated table of resources: what was said of them, who holds, who waits. What happens in
 * it and by which rule is in kq_m_resource.c. Nothing here needs a core.
 */
#ifndef KQ_RESOURCE_H
#define KQ_RESOURCE_H

#include "kq_conf.h"
#include "kq_entry.h"
#include "kq_snap_format.h"

#define KQ_MAX_CLAIMS	(1u << 20)	/* holders and waiters in the whole cluster */
#define KQ_MAX_POOLS	(1u << 20)	/* resources that are defined */

/**
 * struct kq_item - what a snapshot has a record of
 * @all: of all items, in the order in which they came
 * @saved: number of the save that it was written into, or that it is too young for
 * @type: enum kq_snap_type: struct kq_claim or struct kq_pool
 */
struct kq_item {
	struct list_head all;
	u64 saved;
	u16 type;
};

enum kq_claim_mode {
	KQ_CLAIM_EXCLUSIVE,		/* all of it, whatever there is */
	KQ_CLAIM_SHARED,		/* along with others that share it */
	KQ_CLAIM_UNITS,			/* so many units */
};

/**
 * struct kq_claim - one request for a resource that is granted, or waits
 * @item: for snapshots
 * @node: of the resource's holders, or of its queue
 * @by_owner: of those of its node, by session and owner
 * @resource: what it is for
 * @since_ns: when this replica applied it; for display
 * @token: 0: waits
 * @mode: enum kq_claim_mode
 * @units: with KQ_CLAIM_UNITS: how many
 * @numbers: of its units that it has, behind the info; 0: they have none
 * @ttl_ms: to be renewed in that time: as asked for, once granted as it holds; 0: it need not be
 * @hold_ms: likewise, held so long at most
 * @drain_ms: with @evicted: how long it had to end
 * @uid: who asked
 * @evicted: holds, and has to give it back
 * @evict_ns: when this replica applied that
 * @evict_end_ns: by the clock of this replica @drain_ms are over
 * @evict_term: in this term this node, the leader, has proposed to take it away
 * @evicting: of those of the table
 * @info_len: bytes that say what it is for
 * @bytes: those, then room for min(@units, KQ_NUMBERED) numbers
 */
struct kq_claim {
	struct kq_item item;
	struct list_head node;
	struct rb_node by_owner;
	struct kq_resource *resource;
	u64 session;
	u64 owner;
	u64 index;
	u64 token;
	u64 since_ns;
	u64 evict_ns;
	u64 evict_end_ns;
	u64 evict_term;
	struct list_head evicting;
	u32 holder_node;
	u32 pid;
	u32 units;
	u32 ttl_ms;
	u32 hold_ms;
	u32 drain_ms;
	u32 uid;
	u16 numbers;
	u8 mode;
	u8 info_len;
	bool evicted;
	char comm[KQ_COMM_MAX];
	u8 bytes[];
};

static inline u8 *kq_claim_numbers(const struct kq_claim *c)
{
	return (u8 *)c->bytes + c->info_len;
}

/**
 * struct kq_terms - what can be said of a resource
 * @units: how many of it there are
 * @max_waiters: in its queue; 0: as many as the cluster has room for
 * @ttl_ms: of a grant to who asks for none: it must be renewed in that time; 0: it need not be
 * @hold_ms: nobody holds it longer; 0: as long as he likes
 * @uid: owner
 * @gid: group
 * @mode: who may have a share (r) and all the rest (w), as of a file
 * @fenced: 1: its users check tokens: who holds it may lose it before its lease ends
 */
struct kq_terms {
	u32 units;
	u32 max_waiters;
	u32 ttl_ms;
	u32 hold_ms;
	u32 uid;
	u32 gid;
	u16 mode;
	u16 fenced;
};

/**
 * struct kq_pool - what was said of a resource: it stays, also when nobody wants it
 * @item: for snapshots
 * @resource: which
 * @index: log index of the entry that defined it
 * @fence: the highest token that it was shown
 * @is: what was said
 */
struct kq_pool {
	struct kq_item item;
	struct kq_resource *resource;
	u64 index;
	u64 fence;
	struct kq_terms is;
};

/**
 * struct kq_resource - something that is defined, held, or awaited
 * @node: by name
 * @touched: somebody who held it or waited is gone; for the one entry that is being applied
 * @pool: what was said of it; NULL: it has one unit, and goes when nobody wants it
 * @token: of the newest of @holders, 0: there are none
 * @holders: of claims, in the order in which they were granted
 * @queue: of claims that wait, the first to come first
 * @in_use: units of those that hold some; may be more than there are when that was changed
 * @sharing: how many share it
 * @waiting: how many claims are in @queue
 * @claims: in @holders and @queue
 * @nodes: bit n: a claim of node n is among @holders, or was and others have been there ever since
 * @numbers: bit n: that unit is held, by somebody who has its number
 * @name_len: bytes of @name, which ends with a NUL
 */
struct kq_resource {
	struct rb_node node;
	struct list_head touched;
	struct kq_pool *pool;
	u64 token;
	struct list_head holders;
	struct list_head queue;
	u64 in_use;
	u32 sharing;
	u32 waiting;
	u32 claims;
	u32 nodes;
	u64 numbers[KQ_NUMBERED / 64];
	u16 name_len;
	char name[];
};

/**
 * struct kq_resources - all of them
 * @by_name: of struct kq_resource
 * @all: of struct kq_item, in the order in which they came
 * @by_owner: of struct kq_claim, by the node that made them
 * @evicting: claims that hold and were evicted, the last one at the end
 * @claims: how many there are
 * @pools: how many there are
 * @sum: over all claims, and over all pools, as in a snapshot; by enum kq_snap_type
 */
struct kq_resources {
	struct rb_root by_name;
	struct list_head all;
	struct rb_root by_owner[KQ_MAX_NODES + 1];
	struct list_head evicting;
	u32 claims;
	u32 pools;
	u64 sum[KQ_SNAP_TYPES];
};

/* Do its users check tokens? */
static inline bool kq_resource_is_fenced(const struct kq_resource *r)
{
	return r->pool && r->pool->is.fenced;
}

/* Where a resource stands, or would; kq_resource_table.c */
struct kq_resource_place {
	struct rb_node *parent, **link;
};

struct kq_resources *kq_resources_create(void);
void kq_resources_free(struct kq_resources *res);
struct kq_resource *kq_resources_locate(struct kq_resources *res, const char *name, u32 len,
					struct kq_resource_place *place);
struct kq_resource *kq_resources_locate_near(struct kq_resources *res, struct kq_resource *near,
					     const char *name, u32 len,
					     struct kq_resource_place *place);
struct kq_resource *kq_resources_next(const struct kq_resources *res, const char *name, u32 len,
				      bool behind);
struct kq_resource *kq_resource_alloc(const char *name, u32 len);
void kq_resources_add(struct kq_resources *res, struct kq_resource *r,
		      const struct kq_resource_place *place);
void kq_resources_remove(struct kq_resources *res, struct kq_resource *r);
u32 kq_resource_units(const struct kq_resource *r);

/* kq_claim.c */
struct kq_claim *kq_claim_alloc(u32 info_len, u32 units);
struct kq_claim *kq_claim_find(const struct kq_resources *res, u32 node, u64 session, u64 owner);
struct kq_claim *kq_claim_first(const struct kq_resources *res, u32 node, u64 session);
struct kq_claim *kq_claim_next(const struct kq_claim *c);
bool kq_claim_is_for(const struct kq_claim *c, const void *name, u32 len);
bool kq_resources_claim(struct kq_resources *res, struct kq_resource *r, struct kq_claim *c);
void kq_resources_unclaim(struct kq_resources *res, struct kq_claim *c);
u32 kq_claim_record(const struct kq_claim *c, void *buf);
bool kq_claim_fits(const struct kq_resource *r, const struct kq_claim *c);
void kq_claim_wait(struct kq_claim *c, struct list_head *behind);
void kq_claim_hold(struct kq_resources *res, struct kq_claim *c, u64 token);
void kq_claim_evict(struct kq_resources *res, struct kq_claim *c, u32 drain_ms, u64 now_ns);
bool kq_claim_held(struct kq_claim *c, struct list_head *behind);

void kq_resources_define(struct kq_resources *res, struct kq_resource *r, struct kq_pool *pool);
void kq_resources_redefine(struct kq_resources *res, struct kq_pool *pool,
			   const struct kq_terms *is, u64 fence);
bool kq_terms_allow(const struct kq_terms *is, u32 uid, u32 gid, bool share);
void kq_resources_undefine(struct kq_resources *res, struct kq_resource *r);

#define KQ_ITEM_RECORD_MAX KQ_SNAP_CLAIM_MAX

u32 kq_item_record(const struct kq_item *item, void *buf);
u32 kq_item_record_len(const struct kq_item *item);

#endif /* KQ_RESOURCE_H */
