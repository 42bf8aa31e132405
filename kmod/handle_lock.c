// SPDX-License-Identifier: GPL-2.0
/*
 * The lock handle: a descriptor that asks for a lock, holds it, and gives it back when
 * it is closed, be it by the death of its process.
 */
#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/uio.h>
#include "handle.h"
#include "node.h"
#include "trace.h"

/**
 * kq_lock_put() - one reference less; the last frees
 * @lock: the handle
 *
 * Context: may sleep.
 */
void kq_lock_put(struct kq_lock *lock)
{
	struct kq_node *node = lock->node;

	if (!refcount_dec_and_test(&lock->ref))
		return;
	kq_on_loss_destroy(&lock->on_loss);
	kq_owner_destroy(&lock->owner);
	kfree(lock);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
	kq_node_put(node);
}

/* Time left on the lease of what is granted; 0: it is not, or no longer. */
static u64 left_ns(const struct kq_lock *lock, u64 now)
{
	const struct kq_core *core = lock->node->core;

	if (!core || lock->owner.state != KQUORUM_LOCK_GRANTED ||
	    lock->owner.session != core->local.id || core->local.deadline_ns <= now)
		return 0;
	return core->local.deadline_ns - now;
}

/* So little is left that it is time to say so. */
static bool is_short(const struct kq_core *core, u64 left)
{
	return !core || left < (u64)core->eff.lease_ms * NSEC_PER_MSEC / 3;
}

static bool at_risk(const struct kq_lock *lock, u64 now)
{
	/* A handle may outlive its node. */
	return lock->owner.state == KQUORUM_LOCK_GRANTED &&
		is_short(lock->node->core, left_ns(lock, now));
}

/*
 * Validity is found out at each use, never by a timer: a lease that has run out is lost
 * now, not at the next tick.
 */
static void kq_lock_refresh(struct kq_lock *lock)
{
	struct kq_node *node = lock->node;
	struct kq_step step;

	if (lock->owner.state != KQUORUM_LOCK_GRANTED || left_ns(lock, kq_clock()))
		return;
	mutex_unlock(&node->lock);
	if (!kq_node_enter(node, &step)) {
		kq_trace_call(node, KQ_TRACE_TICK, true, 0, 0);
		kq_core_tick(step.core, step.now);
		kq_node_leave(&step);
	}
	mutex_lock(&node->lock);
}

static u32 mode_of(const struct kq_owner *o)
{
	if (o->flags & KQUORUM_LOCK_SHARED)
		return KQUORUM_CLAIM_SHARED;
	return o->units ? KQUORUM_CLAIM_MODE_UNITS : KQUORUM_CLAIM_EXCLUSIVE;
}

static void kq_lock_info(struct kq_lock *lock, struct kquorum_lock_info *info)
{
	const struct kq_owner *o = &lock->owner;
	struct kq_core *core = lock->node->core;
	const struct kq_resource *r;

	static_assert(sizeof(info->numbers) == sizeof(o->numbers));

	memset(info, 0, sizeof(*info));
	info->state = o->state;
	info->error = o->error;
	info->token = o->token;
	info->left_ns = left_ns(lock, kq_clock());
	/* Between the two looks at the clock it may have run out. */
	if (o->state == KQUORUM_LOCK_GRANTED && !info->left_ns)
		info->state = KQUORUM_LOCK_LOST;
	info->owner = o->id;
	info->session = o->session;
	info->mode = mode_of(o);
	info->units = o->units;
	memcpy(info->numbers, o->numbers, sizeof(info->numbers));
	if (!core)
		return;
	info->leader = core->leader;
	r = kq_core_resource_find(core, o->name, o->name_len);
	if (r && !list_empty(&r->holders))
		info->holder = list_first_entry(&r->holders, struct kq_claim, node)->holder_node;
}

static ssize_t kq_lock_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct kq_lock *lock = iocb->ki_filp->private_data;
	struct kquorum_lock_info info;

	if (iov_iter_count(to) < sizeof(info))
		return -EINVAL;
	mutex_lock(&lock->node->lock);
	kq_lock_refresh(lock);
	kq_lock_info(lock, &info);
	lock->seen = lock->version;
	mutex_unlock(&lock->node->lock);
	return copy_to_iter(&info, sizeof(info), to) == sizeof(info) ? (ssize_t)sizeof(info) :
		-EFAULT;
}

static ssize_t kq_lock_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct kquorum_on_loss what;
	int err;

	if (iov_iter_count(from) != sizeof(what))
		return -EINVAL;
	if (!copy_from_iter_full(&what, sizeof(what), from))
		return -EFAULT;
	err = kq_on_loss_set(iocb->ki_filp->private_data, &what);
	return err ? err : (ssize_t)sizeof(what);
}

static __poll_t kq_lock_poll(struct file *file, struct poll_table_struct *table)
{
	struct kq_lock *lock = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &lock->wait, table);
	mutex_lock(&lock->node->lock);
	kq_lock_refresh(lock);
	if (lock->seen != lock->version)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (lock->owner.state >= KQUORUM_LOCK_REFUSED)
		mask |= EPOLLHUP;
	if (at_risk(lock, kq_clock()))
		mask |= EPOLLPRI;
	mutex_unlock(&lock->node->lock);
	return mask;
}

static int kq_lock_release(struct inode *inode, struct file *file)
{
	struct kq_lock *lock = file->private_data;
	struct kq_step step;

	/* ORDER: the timer first; it may look at the deadline of a node that goes meanwhile. */
	mutex_lock(&lock->node->lock);
	kq_on_loss_end(lock);
	mutex_unlock(&lock->node->lock);
	if (!kq_node_enter(lock->node, &step)) {
		if (lock->asked && !lock->owner.closed) {
			kq_trace_call(lock->node, KQ_TRACE_UNLOCK, lock->owner.id, 0, 0);
			kq_core_unlock(step.core, step.now, &lock->owner);
		}
		kq_node_leave(&step);
	}
	kq_lock_put(lock);
	return 0;
}

static const char * const kq_lock_state_names[] = {
	[KQUORUM_LOCK_ASKING] = "asking",
	[KQUORUM_LOCK_QUEUED] = "queued",
	[KQUORUM_LOCK_GRANTED] = "granted",
	[KQUORUM_LOCK_REFUSED] = "refused",
	[KQUORUM_LOCK_LOST] = "lost",
	[KQUORUM_LOCK_UNKNOWN] = "unknown",
};

static const char * const kq_lock_mode_names[] = {
	[KQUORUM_CLAIM_EXCLUSIVE] = "exclusive",
	[KQUORUM_CLAIM_SHARED] = "shared",
	[KQUORUM_CLAIM_MODE_UNITS] = "units",
};

/* Which ones too, where they have numbers: as a list like that of processors, "0,3-5". */
static void show_units(struct seq_file *m, const struct kquorum_lock_info *info)
{
	DECLARE_BITMAP(numbers, KQUORUM_NUMBERED);

	seq_printf(m, "kquorum-units:\t%u\n", info->units);
	bitmap_from_arr64(numbers, info->numbers, KQUORUM_NUMBERED);
	if (!bitmap_empty(numbers, KQUORUM_NUMBERED))
		seq_printf(m, "kquorum-numbers:\t%*pbl\n", KQUORUM_NUMBERED, numbers);
}

static void kq_lock_fdinfo(struct seq_file *m, struct file *file)
{
	struct kq_lock *lock = file->private_data;
	struct kquorum_lock_info info;

	mutex_lock(&lock->node->lock);
	kq_lock_refresh(lock);
	kq_lock_info(lock, &info);
	seq_puts(m, "kquorum-resource:\t");
	seq_escape(m, lock->owner.name, "\n\\");	/* whoever took it chose the name */
	seq_putc(m, '\n');
	seq_printf(m, "kquorum-mode:\t%s\n", kq_lock_mode_names[info.mode]);
	if (info.units)
		show_units(m, &info);
	seq_printf(m, "kquorum-state:\t%s\n", kq_lock_state_names[info.state]);
	seq_printf(m, "kquorum-token:\t%llu\n", info.token);
	seq_printf(m, "kquorum-left-ms:\t%llu\n", div_u64(info.left_ns, NSEC_PER_MSEC));
	kq_on_loss_show(m, lock);
	mutex_unlock(&lock->node->lock);
}

static const struct file_operations kq_lock_fops = {
	.owner = THIS_MODULE,
	.read_iter = kq_lock_read,
	.write_iter = kq_lock_write,
	.poll = kq_lock_poll,
	.release = kq_lock_release,
	.show_fdinfo = kq_lock_fdinfo,
	.llseek = noop_llseek,
};

/**
 * kq_lock_file() - a lock handle that has not asked yet
 * @node: the node
 * @ask: what it asks for; who asks is filled in here
 *
 * Context: of the process that asks; may sleep.
 * Return: its file, or an error pointer: as kq_owner_init(), or of the file.
 */
struct file *kq_lock_file(struct kq_node *node, const struct kq_lock_ask *ask)
{
	struct kq_lock *lock = kzalloc(sizeof(*lock), GFP_KERNEL);
	struct kq_lock_ask whole = *ask;
	char comm[TASK_COMM_LEN];
	struct file *file;
	int err;

	if (!lock)
		return ERR_PTR(-ENOMEM);
	get_task_comm(comm, current);
	whole.pid = task_tgid_nr(current);
	whole.comm = comm;
	err = kq_owner_init(&lock->owner, &whole);
	if (err) {
		kfree(lock);
		return ERR_PTR(err);
	}
	refcount_set(&lock->ref, 1);
	INIT_LIST_HEAD(&lock->link);
	init_waitqueue_head(&lock->wait);
	kq_on_loss_init(&lock->on_loss);
	lock->version = 1;
	lock->node = node;
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_HANDLE, 1);
	file = anon_inode_getfile("[kquorum-lock]", &kq_lock_fops, lock, O_RDWR);
	if (IS_ERR(file))
		kq_lock_put(lock);
	return file;
}

/**
 * kq_lock_ask() - ask for the lock
 * @file: from kq_lock_file()
 *
 * Return: 0, or what kq_node_enter() and kq_core_lock() say.
 */
int kq_lock_ask(struct file *file)
{
	struct kq_lock *lock = file->private_data;
	struct kq_step step;
	int err = kq_node_enter(lock->node, &step);

	if (err)
		return err;
	/* ORDER: known to us first; the core may change it before this returns. */
	lock->asked = true;
	refcount_inc(&lock->ref);
	list_add_tail(&lock->link, &lock->node->locks);
	kq_trace_call_bytes(lock->node, KQ_TRACE_LOCK, 0, lock->owner.acquire.entry->data,
			    kq_entry_len(lock->owner.acquire.entry));
	err = kq_core_lock(step.core, step.now, &lock->owner);
	kq_trace_result(lock->node, err, 0);
	if (err) {
		lock->asked = false;
		list_del_init(&lock->link);
	}
	kq_node_leave(&step);
	if (err)
		kq_lock_put(lock);
	return err;
}

/**
 * kq_lock_changed() - the core tells of a change
 * @owner: of a handle
 *
 * Context: under the node's lock.
 */
void kq_lock_changed(struct kq_owner *owner)
{
	struct kq_lock *lock = container_of(owner, struct kq_lock, owner);

	lock->version++;
	wake_up_interruptible_all(&lock->wait);
	kq_on_loss_changed(lock);
	if (owner->closed) {
		list_del_init(&lock->link);
		kq_lock_put(lock);
	}
}

/**
 * kq_locks_tick() - wake the holders when their lease gets short
 * @step: the step
 */
void kq_locks_tick(struct kq_step *step)
{
	struct kq_node *node = step->node;
	u64 deadline = step->core->local.deadline_ns;
	bool was = node->at_risk;
	struct kq_lock *lock;

	/* One lease stands for all locks: a million of them are looked at when that is news. */
	node->at_risk = is_short(step->core, deadline > step->now ? deadline - step->now : 0);
	if (!node->at_risk || was)
		return;
	list_for_each_entry(lock, &node->locks, link)
		if (lock->owner.state == KQUORUM_LOCK_GRANTED)
			wake_up_interruptible_poll(&lock->wait, EPOLLPRI);
}

/**
 * kq_locks_end() - the core goes: it knows no owner any more
 * @node: the node, locked
 */
void kq_locks_end(struct kq_node *node)
{
	struct kq_lock *lock, *next;

	list_for_each_entry_safe(lock, next, &node->locks, link) {
		list_del_init(&lock->link);
		kq_on_loss_disarm(lock);
		lock->owner.closed = true;
		lock->version++;
		wake_up_interruptible_all(&lock->wait);
		kq_lock_put(lock);
	}
}
