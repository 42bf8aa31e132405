/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshot files: taken from their descriptors, read, and what becomes of them.
 */
#ifndef KQ_SNAPSHOT_H
#define KQ_SNAPSHOT_H

#include <linux/wait.h>
#include "core/kq_core.h"

struct file;
struct kq_node;

/**
 * struct kq_snapshot_part - how much may be read of a file that is still being written
 * @wait: for more of it
 * @bytes: from its beginning
 * @whole: nothing is written to it any more
 */
struct kq_snapshot_part {
	wait_queue_head_t wait;
	u64 bytes;
	bool whole;
};

/* snapshot.c */
struct file *kq_snapshot_open(int fd, const char **why);
int kq_snapshot_check(const struct kq_node *node, struct file *file, struct kq_snap_reader *r,
		      const bool *cancel);
int kq_snapshot_restore(const struct kq_node *node, struct file *file, struct kq_restore *rs,
			struct kq_snapshot_part *part, const bool *cancel);

/* handle_save.c */
struct file *kq_save_file(struct kq_node *node);
int kq_save_ask(struct file *file);
void kq_saves_end(struct kq_node *node);

/* handle_snapshot.c */
struct file *kq_snapshot_file(struct kq_node *node, struct file *snapshot, bool install,
			      bool grows);
int kq_snapshot_ask(struct file *file);
int kq_snapshot_module_init(void);
void kq_snapshot_module_exit(void);

#endif /* KQ_SNAPSHOT_H */
