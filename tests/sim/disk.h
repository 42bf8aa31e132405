/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disk of a node: what is written, what goes bad, and how it was before.
 */
#ifndef KQSIM_DISK_H
#define KQSIM_DISK_H

#include "sim.h"

/* disk.c */
void disk_init(struct sim *s, struct sim_node *n);
void disk_free(struct sim_node *n);
int disk_recover(struct sim *s, struct sim_node *n, struct kq_wal_report *rep);
void disk_begins(struct sim *s, struct sim_node *n, struct kq_batch *b);
void disk_submit(struct sim *s, struct sim_node *n, struct kq_batch *b);
void disk_go_on(struct sim *s, struct sim_node *n);
void disk_written(struct sim *s, struct sim_node *n, const struct kq_batch *b);
void disk_done(struct sim *s, struct sim_node *n);
void disk_power_cut(struct sim *s, struct sim_node *n);
u64 disk_batch_snap(const struct kq_batch *b);
void disk_released(struct sim *s, struct sim_node *n);
void disk_put(struct sim_node *n, u64 at, const void *data, u32 len);

/* Bytes of a segment. */
static inline u64 disk_seg(const struct sim *s)
{
	return s->d.segment_kib * 1024;
}

static inline u64 disk_place(struct sim *s, const struct kq_batch *b)
{
	return b->slot * disk_seg(s) + b->offset;
}

/* disk_rot.c: what is noted of a block that went bad */
#define ROT		1	/* anywhere in the block */
#define ROT_HEAD	2	/* in its first sector, which may be a batch's header */
#define ROT_ALL		3	/* all of it is another block's */
bool disk_rot(struct sim *s, struct sim_node *n, bool alone);
bool disk_rot_live(struct sim *s, struct sim_node *n, bool *newest);
bool disk_misdirect(struct sim *s, struct sim_node *n);
void disk_heal(struct sim *s, struct sim_node *n, u32 slot);
bool disk_any_rot(const struct sim *s, const struct sim_node *n);
bool disk_newest_not_known(const struct sim *s, const struct sim_node *n);
bool disk_beyond_repair(const struct sim_node *n);
bool disk_would_miss(struct sim *s, struct sim_node *n);

/* disk_back.c */
void disk_keep_undo(struct sim *s, struct sim_node *n, const struct kq_batch *b);
void disk_undo(struct sim *s, struct sim_node *n, u32 count);
void disk_undo_forget(struct sim_node *n);
void disk_copy(struct sim *s, struct sim_node *n);
void disk_set_back(struct sim *s, struct sim_node *n);
void disk_wipe(struct sim *s, struct sim_node *n);

#endif /* KQSIM_DISK_H */
