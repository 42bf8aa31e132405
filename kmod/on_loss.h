/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of a lock's user before the lease, or the grant, runs out.
 */
#ifndef KQ_ON_LOSS_H
#define KQ_ON_LOSS_H

#include <linux/hrtimer.h>
#include <linux/kquorum.h>
#include <linux/workqueue.h>

struct cred;
struct file;
struct kq_core;
struct kq_lock;
struct pid;
struct seq_file;

/* What may come, in this order, each once. */
enum kq_on_loss_stage {
	KQ_ON_LOSS_WARN,	/* the signal that was asked for */
	KQ_ON_LOSS_KILL,	/* SIGKILL, and the cgroup */
	KQ_ON_LOSS_STAGES,
};

/**
 * struct kq_on_loss_target - whom it concerns
 * @what: as it was written
 * @pid: counted; NULL: nobody
 * @cgroup: its cgroup.kill, counted, or NULL
 * @cred: of who wrote it, counted
 * @anybody: who wrote it may signal every process there is
 */
struct kq_on_loss_target {
	struct kquorum_on_loss what;
	struct pid *pid;
	struct file *cgroup;
	const struct cred *cred;
	bool anybody;
};

/**
 * struct kq_on_loss - of a lock handle
 * @target: whom it concerns
 * @timer: runs only while the lock is granted and a stage is to come
 * @work: the rest of what was done from the timer; has a reference to the handle
 * @core: has the deadline; for @timer
 * @done: bit per stage: it came
 * @due: bit per stage: @work has to do with it
 * @error: by stage, of the signal
 * @left_ms: by stage, of the lease or the grant when it came
 *
 * Under the node's lock, but for @timer: whoever changes what it looks at cancels it first.
 */
struct kq_on_loss {
	struct kq_on_loss_target target;
	struct hrtimer timer;
	struct work_struct work;
	const struct kq_core *core;
	unsigned long done;
	unsigned long due;
	int error[KQ_ON_LOSS_STAGES];
	u32 left_ms[KQ_ON_LOSS_STAGES];
};

int kq_on_loss_module_init(void);
void kq_on_loss_module_exit(void);

void kq_on_loss_init(struct kq_on_loss *ol);
void kq_on_loss_destroy(struct kq_on_loss *ol);
int kq_on_loss_set(struct kq_lock *lock, const struct kquorum_on_loss *what);
void kq_on_loss_changed(struct kq_lock *lock);
void kq_on_loss_disarm(struct kq_lock *lock);
void kq_on_loss_orphaned(struct kq_lock *lock);
void kq_on_loss_end(struct kq_lock *lock);
void kq_on_loss_show(struct seq_file *m, const struct kq_lock *lock);

#endif /* KQ_ON_LOSS_H */
