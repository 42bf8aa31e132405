// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does by itself before a lease runs out, or a grant comes to its own end: a
 * signal, then SIGKILL, to whom the holder of the lock has named. It needs nobody for that: no
 * daemon, no process, no step of the node.
 *
 *	lease |-----------------------| warn_ms left: the signal --- kill_ms left: SIGKILL --- end
 *
 * A timer does it, right in the interrupt, where no other work of the machine is in its way. It is
 * set once: when it expires and the lease, or the grant, has been renewed meanwhile it is set
 * again, so that renewals cost nothing. An end that comes nearer, by an eviction, is a change of
 * the owner: the timer is set anew then. What may sleep follows in a work: the cgroup, the line in
 * the kernel log, and signals of who may not signal everybody, for whose sake it is checked again
 * whether he may.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/pid.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include "handle.h"
#include "node.h"
#include "on_loss.h"

/* An eighth of a wait the timer leaves out: its clock may be a tenth too slow (adjtimex). */
#define KQ_ON_LOSS_REST		8
/* So near to its time a stage comes. */
#define KQ_ON_LOSS_EARLY_NS	((u64)NSEC_PER_MSEC)

static struct workqueue_struct *kq_on_loss_wq;

/* --- whom it concerns ----------------------------------------------------------------------- */

static void target_put(struct kq_on_loss_target *t)
{
	if (!t->pid)
		return;
	put_pid(t->pid);
	put_cred(t->cred);
	if (t->cgroup)
		fput(t->cgroup);
	memset(t, 0, sizeof(*t));
}

static void target_get(struct kq_on_loss_target *to, const struct kq_on_loss_target *t)
{
	*to = *t;
	get_pid(to->pid);
	get_cred(to->cred);
	if (to->cgroup)
		get_file(to->cgroup);
}

/* Context: any with @by_kernel; else a process, whose credentials are asked, as in kill(2). */
static int target_signal(const struct kq_on_loss_target *t, int sig, bool by_kernel)
{
	return t->what.flags & KQUORUM_ON_LOSS_GROUP ? kill_pgrp(t->pid, sig, by_kernel) :
		kill_pid(t->pid, sig, by_kernel);
}

/* 0: this stage is not asked for. */
static int signal_of(const struct kquorum_on_loss *what, enum kq_on_loss_stage stage)
{
	if (stage == KQ_ON_LOSS_WARN)
		return what->signal;
	return what->flags & KQUORUM_ON_LOSS_KILL ? SIGKILL : 0;
}

static u64 margin_ns(const struct kquorum_on_loss *what, enum kq_on_loss_stage stage)
{
	return (u64)(stage == KQ_ON_LOSS_WARN ? what->warn_ms : what->kill_ms) * NSEC_PER_MSEC;
}

static bool is_valid(const struct kquorum_on_loss *what)
{
	bool kill = what->flags & KQUORUM_ON_LOSS_KILL;

	if (what->zero[0] || what->zero[1])
		return false;
	if (what->flags & ~(KQUORUM_ON_LOSS_GROUP | KQUORUM_ON_LOSS_KILL))
		return false;
	if (!what->pid)
		return true;
	if (what->pid < 0 || what->signal > _NSIG)
		return false;
	if (what->warn_ms > KQUORUM_LEASE_MS_MAX || what->kill_ms > KQUORUM_LEASE_MS_MAX)
		return false;
	if (kill)
		return !what->signal || what->warn_ms > what->kill_ms;
	return what->signal && what->cgroup_fd == -1;
}

/* Return: 0 and the file, counted; -EBADF or -EINVAL. */
static int cgroup_take(struct file **cgroup, int fd)
{
	struct file *file = fget(fd);
	int err = 0;

	if (!file)
		return -EBADF;
	if (!(file->f_mode & FMODE_WRITE))
		err = -EBADF;
	else if (file_inode(file)->i_sb->s_magic != CGROUP2_SUPER_MAGIC ||
		 strcmp(file->f_path.dentry->d_name.name, "cgroup.kill"))
		err = -EINVAL;
	if (err)
		fput(file);
	else
		*cgroup = file;
	return err;
}

/* Context: the process that writes. Return: 0; or negative errno, nothing is counted then. */
static int target_take(struct kq_on_loss_target *t, const struct kquorum_on_loss *what)
{
	int err;

	if (!what->pid)
		return 0;
	t->pid = find_get_pid(what->pid);
	if (!t->pid)
		return -ESRCH;
	t->what = *what;
	t->cred = get_current_cred();
	t->anybody = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	err = target_signal(t, 0, false);
	if (!err && what->cgroup_fd != -1)
		err = cgroup_take(&t->cgroup, what->cgroup_fd);
	if (err)
		target_put(t);
	return err;
}

/* --- when ----------------------------------------------------------------------------------- */

static void queue_rest(struct kq_lock *lock)
{
	refcount_inc(&lock->ref);
	if (!queue_work(kq_on_loss_wq, &lock->on_loss.work))
		refcount_dec(&lock->ref);	/* the one that is queued has its own */
}

static void act(struct kq_lock *lock, enum kq_on_loss_stage stage, u64 left_ns)
{
	struct kq_on_loss *ol = &lock->on_loss;

	if (ol->target.anybody)
		ol->error[stage] = target_signal(&ol->target, signal_of(&ol->target.what, stage),
						 true);
	ol->left_ms[stage] = div_u64(left_ns, NSEC_PER_MSEC);
	set_bit(stage, &ol->done);
	/* Pairs with take_rest(), where the work may be for an earlier stage. */
	smp_mb__before_atomic();
	set_bit(stage, &ol->due);
	queue_rest(lock);
}

/* Does what is due with so much left. Return: ns to what comes next; 0: nothing does. */
static u64 act_if_due(struct kq_lock *lock, u64 left_ns)
{
	struct kq_on_loss *ol = &lock->on_loss;
	enum kq_on_loss_stage stage;

	for (stage = 0; stage < KQ_ON_LOSS_STAGES; stage++) {
		u64 margin = margin_ns(&ol->target.what, stage);

		if (!signal_of(&ol->target.what, stage) || test_bit(stage, &ol->done))
			continue;
		/* The first that is asked for has the larger margin. */
		if (left_ns > margin + KQ_ON_LOSS_EARLY_NS)
			return left_ns - margin;
		act(lock, stage, left_ns);
	}
	return 0;
}

/* Context: any; nobody else looks at it or changes it at the same time. */
static void look(struct kq_lock *lock)
{
	u64 deadline_ns = kq_owner_deadline(lock->on_loss.core, &lock->owner), now = kq_clock();
	u64 wait = act_if_due(lock, deadline_ns > now ? deadline_ns - now : 0);

	if (wait)
		hrtimer_start(&lock->on_loss.timer, ns_to_ktime(wait - wait / KQ_ON_LOSS_REST),
			      HRTIMER_MODE_REL);
}

static enum hrtimer_restart on_loss_timer(struct hrtimer *timer)
{
	look(container_of(timer, struct kq_lock, on_loss.timer));
	return HRTIMER_NORESTART;
}

/**
 * kq_on_loss_changed() - the lock may have another state, or another target
 * @lock: the handle, its node locked
 */
void kq_on_loss_changed(struct kq_lock *lock)
{
	struct kq_core *core = lock->node->core;
	struct kq_on_loss *ol = &lock->on_loss;

	lockdep_assert_held(&lock->node->lock);
	if (!ol->target.pid)
		return;
	hrtimer_cancel(&ol->timer);
	if (lock->owner.state == KQUORUM_LOCK_GRANTED && core) {
		ol->core = core;
		look(lock);
	} else if (lock->owner.state == KQUORUM_LOCK_LOST) {
		act_if_due(lock, 0);
	}
}

/**
 * kq_on_loss_disarm() - the core goes, and the deadline with it
 * @lock: the handle, its node locked
 */
void kq_on_loss_disarm(struct kq_lock *lock)
{
	hrtimer_cancel(&lock->on_loss.timer);
}

/* Do any run on? Who has begun to end does nothing any more that it could be stopped from. */
static bool target_runs(const struct kq_on_loss_target *t)
{
	struct task_struct *leader, *task;
	bool runs = false;

	rcu_read_lock();
	if (t->what.flags & KQUORUM_ON_LOSS_GROUP) {
		do_each_pid_task(t->pid, PIDTYPE_PGID, leader) {
			for_each_thread(leader, task)
				runs |= !(task->flags & PF_EXITING);
		} while_each_pid_task(t->pid, PIDTYPE_PGID, leader);
	} else {
		leader = pid_task(t->pid, PIDTYPE_PID);
		if (leader)
			for_each_thread(leader, task)
				runs |= !(task->flags & PF_EXITING);
	}
	rcu_read_unlock();
	return runs;
}

/*
 * Was it a signal that ended the process that closes the handle? It had no say in what becomes
 * of those it ran under the lock, as it has when it exits.
 */
static bool is_killed(void)
{
	return current->flags & PF_EXITING && current->exit_code & 0x7f;
}

/**
 * kq_on_loss_orphaned() - the handle is closed: was its process killed, stop whom it cannot now
 * @lock: the handle
 *
 * The lock is free in a moment. What is under way, a write say, ends before: it is waited for.
 *
 * Context: the process that closes; sleeps until they have ended, or the lease has.
 */
void kq_on_loss_orphaned(struct kq_lock *lock)
{
	struct kq_on_loss *ol = &lock->on_loss;
	struct kq_on_loss_target target = {};
	u64 left_ns;

	if (!is_killed())
		return;
	mutex_lock(&lock->node->lock);
	left_ns = kq_lock_left_ns(lock, kq_clock());
	if (ol->target.pid && signal_of(&ol->target.what, KQ_ON_LOSS_KILL) && left_ns) {
		target_get(&target, &ol->target);
		hrtimer_cancel(&ol->timer);
		if (!test_bit(KQ_ON_LOSS_KILL, &ol->done))
			act(lock, KQ_ON_LOSS_KILL, left_ns);
	}
	while (target.pid && kq_lock_left_ns(lock, kq_clock()) && target_runs(&target)) {
		mutex_unlock(&lock->node->lock);
		usleep_range(500, 2000);
		mutex_lock(&lock->node->lock);
	}
	mutex_unlock(&lock->node->lock);
	target_put(&target);
}

/**
 * kq_on_loss_end() - the handle is closed: nothing comes any more
 * @lock: the handle, its node locked
 *
 * But what has begun is done: SIGKILL may be why the handle is closed.
 */
void kq_on_loss_end(struct kq_lock *lock)
{
	struct kq_on_loss *ol = &lock->on_loss;

	hrtimer_cancel(&ol->timer);
	ol->done = BIT(KQ_ON_LOSS_STAGES) - 1;
	if (!ol->due)
		target_put(&ol->target);
}

/* --- what may sleep ------------------------------------------------------------------------- */

/* What is done of a stage that came. */
struct rest {
	struct kq_on_loss_target target;
	int sig;
	int error;
	u32 left_ms;
	char self[KQUORUM_NODE_NAME_MAX + 1];
};

static bool take_rest(struct kq_lock *lock, enum kq_on_loss_stage stage, struct rest *rest)
{
	struct kq_node *node = lock->node;
	struct kq_on_loss *ol = &lock->on_loss;
	bool due;

	mutex_lock(&node->lock);
	due = test_and_clear_bit(stage, &ol->due);
	if (due) {
		target_get(&rest->target, &ol->target);
		rest->sig = signal_of(&ol->target.what, stage);
		rest->error = ol->error[stage];
		rest->left_ms = ol->left_ms[stage];
		strscpy(rest->self, node->member[node->cfg.self].name, sizeof(rest->self));
	}
	mutex_unlock(&node->lock);
	return due;
}

/* The state in which he wrote it may have changed, the target may be another one's by now. */
static int signal_as_writer(const struct kq_on_loss_target *t, int sig)
{
	const struct cred *own = override_creds(t->cred);
	int err = target_signal(t, sig, false);

	revert_creds(own);
	return err;
}

static int kill_cgroup(struct file *cgroup)
{
	loff_t pos = 0;
	ssize_t n = kernel_write(cgroup, "1", 1, &pos);

	return n < 0 ? n : 0;
}

/* What was no longer there needs no line. */
static void tell(const struct kq_lock *lock, const struct rest *rest, const char *what, int err)
{
	const char *cluster = lock->node->cluster;
	int len = lock->owner.name_len;
	const char *name = lock->owner.name;

	if (err == -ESRCH || err == -ENODEV)
		return;
	if (err)
		pr_warn_ratelimited("%s/%s: lock %*pE, %u ms left: %s %d: error %d\n",
				    cluster, rest->self, len, name, rest->left_ms, what,
				    pid_nr(rest->target.pid), err);
	else
		pr_info_ratelimited("%s/%s: lock %*pE, %u ms left: %s %d\n",
				    cluster, rest->self, len, name, rest->left_ms, what,
				    pid_nr(rest->target.pid));
}

static void do_rest(const struct kq_lock *lock, struct rest *rest)
{
	const struct kq_on_loss_target *t = &rest->target;
	char what[40];

	if (!t->anybody)
		rest->error = signal_as_writer(t, rest->sig);
	snprintf(what, sizeof(what), "signal %d to %s", rest->sig,
		 t->what.flags & KQUORUM_ON_LOSS_GROUP ? "process group" : "process");
	tell(lock, rest, what, rest->error);
	if (rest->sig == SIGKILL && t->cgroup)
		tell(lock, rest, "cgroup.kill given along with", kill_cgroup(t->cgroup));
}

static void on_loss_work(struct work_struct *work)
{
	struct kq_lock *lock = container_of(work, struct kq_lock, on_loss.work);
	unsigned int noio = memalloc_noio_save();
	enum kq_on_loss_stage stage;
	struct rest rest;

	for (stage = 0; stage < KQ_ON_LOSS_STAGES; stage++) {
		if (!take_rest(lock, stage, &rest))
			continue;
		do_rest(lock, &rest);
		target_put(&rest.target);
	}
	memalloc_noio_restore(noio);
	kq_lock_put(lock);
}

/* --- a handle's life ------------------------------------------------------------------------ */

/**
 * kq_on_loss_init() - nobody is concerned yet
 * @ol: of a new handle, zeroed
 */
void kq_on_loss_init(struct kq_on_loss *ol)
{
	/* Of a machine that slept it expires at once. */
	hrtimer_init(&ol->timer, CLOCK_BOOTTIME, HRTIMER_MODE_REL);
	ol->timer.function = on_loss_timer;
	INIT_WORK(&ol->work, on_loss_work);
}

/**
 * kq_on_loss_destroy() - let go of whom it concerned
 * @ol: of a handle that nobody has any more; the timer has ended with its file
 */
void kq_on_loss_destroy(struct kq_on_loss *ol)
{
	target_put(&ol->target);
}

/**
 * kq_on_loss_set() - write() to a lock handle
 * @lock: the handle
 * @what: as written
 *
 * Context: the process that writes; may sleep.
 * Return: 0; -EINVAL; -ESRCH: there is no such process or group; -EPERM: it may not signal it;
 * -EBADF: the cgroup is no open file, or not open for writing. After an error what was written
 * before still counts.
 */
int kq_on_loss_set(struct kq_lock *lock, const struct kquorum_on_loss *what)
{
	struct kq_on_loss_target new = {}, old;
	struct kq_on_loss *ol = &lock->on_loss;
	int err;

	if (!is_valid(what))
		return -EINVAL;
	err = target_take(&new, what);
	if (err)
		return err;
	mutex_lock(&lock->node->lock);
	hrtimer_cancel(&ol->timer);
	old = ol->target;
	ol->target = new;
	ol->done = 0;
	ol->due = 0;
	kq_on_loss_changed(lock);
	mutex_unlock(&lock->node->lock);
	target_put(&old);
	return 0;
}

/**
 * kq_on_loss_show() - a line of fdinfo, when anybody is concerned
 * @m: the file; the process is numbered as its reader sees it
 * @lock: the handle, its node locked
 */
void kq_on_loss_show(struct seq_file *m, const struct kq_lock *lock)
{
	const struct kq_on_loss_target *t = &lock->on_loss.target;

	if (!t->pid)
		return;
	seq_printf(m, "kquorum-on-loss:\t%s %d",
		   t->what.flags & KQUORUM_ON_LOSS_GROUP ? "group" : "process", pid_vnr(t->pid));
	if (t->what.signal)
		seq_printf(m, " signal %u at %u ms", t->what.signal, t->what.warn_ms);
	if (t->what.flags & KQUORUM_ON_LOSS_KILL)
		seq_printf(m, " kill at %u ms", t->what.kill_ms);
	seq_printf(m, "%s\n", t->cgroup ? " with cgroup" : "");
}

/**
 * kq_on_loss_module_init() - the queue
 *
 * Not freezable: what is due before the machine sleeps is done before. Nothing of it reaches the
 * log.
 * Return: 0 or -ENOMEM.
 */
int kq_on_loss_module_init(void)
{
	kq_on_loss_wq = alloc_workqueue("kquorum_on_loss", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM,
					WQ_UNBOUND_MAX_ACTIVE);
	return kq_on_loss_wq ? 0 : -ENOMEM;
}

/**
 * kq_on_loss_module_exit() - the end; no handle is left
 */
void kq_on_loss_module_exit(void)
{
	destroy_workqueue(kq_on_loss_wq);
}
