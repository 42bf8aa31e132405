/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process holds: lock handles, append streams, and commands that the log has to take, each a
 * file descriptor.
 */
#ifndef KQ_HANDLE_H
#define KQ_HANDLE_H

#include <linux/refcount.h>
#include <linux/timerqueue.h>
#include <linux/wait.h>
#include "asker.h"
#include "core/kq_core.h"
#include "on_loss.h"

struct file;
struct kq_node;
struct kq_step;

/**
 * struct kq_lock - a lock handle
 * @owner: what the core knows of it
 * @ref: the file has one, the core from asking until it lets go, and a work of @on_loss
 * @node: the node, with a reference
 * @link: in the node's list, while the core knows @owner
 * @wait: pollers
 * @version: rises with each change of state
 * @seen: version that was read last
 * @asked: the core was asked; it may have let go since
 * @near: in the node's queue, while it is granted and its own end is not near yet
 * @on_loss: whom the module stops before the lease ends
 * @asker: who asked
 *
 * All but @ref and @wait are under the node's lock; @on_loss says more.
 */
struct kq_lock {
	struct kq_owner owner;
	refcount_t ref;
	struct kq_node *node;
	struct list_head link;
	wait_queue_head_t wait;
	u32 version;
	u32 seen;
	bool asked;
	struct timerqueue_node near;
	struct kq_on_loss on_loss;
	struct kq_asker asker;
};

/* handle_lock.c */
void kq_lock_put(struct kq_lock *lock);
struct file *kq_lock_file(struct kq_node *node, const struct kq_lock_ask *ask);
int kq_lock_ask(struct file *file);
void kq_lock_changed(struct kq_owner *owner);
void kq_locks_end(struct kq_node *node);

/* handle_end.c */
u64 kq_lock_left_ns(const struct kq_lock *lock, u64 now);
void kq_lock_ends(const struct kq_lock *lock, u64 now, struct kquorum_lock_info *info);
bool kq_lock_at_risk(const struct kq_lock *lock, u64 now);
bool kq_lock_watch(struct kq_lock *lock, u64 now);
void kq_lock_unwatch(struct kq_lock *lock);
int kq_lock_renew(struct kq_lock *lock, const struct kquorum_renew *what);
void kq_locks_tick(struct kq_step *step);

/* handle_append.c */
struct file *kq_append_file(struct kq_node *node);
struct file *kq_command_file(struct kq_node *node, u16 type, const void *payload, u32 len);
int kq_command_ask(struct file *file);
void kq_append_done(struct kq_proposal *p);
void kq_appends_end(struct kq_node *node);

#endif /* KQ_HANDLE_H */
