/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process holds: lock handles, append streams, and commands that the log has to take, each a
 * file descriptor.
 */
#ifndef KQ_HANDLE_H
#define KQ_HANDLE_H

#include "core/kq_core.h"

struct file;
struct kq_node;
struct kq_step;

/* handle_lock.c */
struct file *kq_lock_file(struct kq_node *node, const struct kq_lock_ask *ask);
int kq_lock_ask(struct file *file);
void kq_lock_changed(struct kq_owner *owner);
void kq_locks_tick(struct kq_step *step);
void kq_locks_end(struct kq_node *node);

/* handle_append.c */
struct file *kq_append_file(struct kq_node *node);
struct file *kq_command_file(struct kq_node *node, u16 type, const void *payload, u32 len);
int kq_command_ask(struct file *file);
void kq_append_done(struct kq_proposal *p);
void kq_appends_end(struct kq_node *node);

#endif /* KQ_HANDLE_H */
