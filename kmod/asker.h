/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who asks for a lock: which user, of whom there may be so many handles, and which process, that
 * must not wait for itself.
 */
#ifndef KQ_ASKER_H
#define KQ_ASKER_H

#include <linux/rbtree.h>
#include <linux/xarray.h>

struct kq_lock_ask;
struct kq_node;
struct kq_owner;
struct kq_stake;

/**
 * struct kq_askers - of a node
 * @users: by user, as the initial namespace numbers them: of how many handles, a value; its lock
 *	protects @handles too
 * @handles: lock handles that are open
 * @user_max: how many of them one user may have who has not CAP_SYS_RESOURCE
 * @node_max: how many there may be
 * @stakes: under the node's lock: what each process asks for or holds
 */
struct kq_askers {
	struct xarray users;
	u32 handles;
	u32 user_max;
	u32 node_max;
	struct rb_root stakes;
};

/**
 * struct kq_asker - of a lock handle
 * @user: who asked, for whom it counts
 * @others: other handles of his process for the same resource are somebody else's
 * @stake: of his process in this resource; until it has asked, of nobody else; NULL: none any more
 * @mode: of what is part of @stake, enum kquorum_claim_mode
 * @units: likewise
 */
struct kq_asker {
	u32 user;
	bool others;
	struct kq_stake *stake;
	u32 mode;
	u32 units;
};

void kq_askers_init(struct kq_askers *as);
void kq_askers_destroy(struct kq_askers *as);
u32 kq_askers_handles(struct kq_askers *as);

int kq_asker_init(struct kq_asker *a, struct kq_askers *as, const struct kq_lock_ask *ask);
void kq_asker_destroy(struct kq_asker *a);
void kq_asker_uncount(struct kq_asker *a, struct kq_askers *as);
int kq_asker_stake(struct kq_asker *a, struct kq_node *node, const struct kq_owner *o, u32 mode);
void kq_asker_done(struct kq_asker *a, struct kq_node *node);
const char *kq_asker_refusal(int err);

#endif /* KQ_ASKER_H */
