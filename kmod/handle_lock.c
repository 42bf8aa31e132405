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
	kq_asker_destroy(&lock->asker);
	kq_owner_destroy(&lock->owner);
	kfree(lock);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
	kq_node_put(node);
}

/*
 * Validity is found out at each use, never by a timer: what has run out, be it the session's lease
 * or the grant's own time, is lost now, not at the next tick. Returns the clock that was looked at.
 */
static u64 kq_lock_refresh(struct kq_lock *lock)
{
	struct kq_node *node = lock->node;
	u64 now = kq_clock();
	struct kq_step step;

	if (lock->owner.state != KQUORUM_LOCK_GRANTED || kq_lock_left_ns(lock, now))
		return now;
	mutex_unlock(&node->lock);
	if (!kq_node_enter(node, &step)) {
		kq_trace_call(node, KQ_TRACE_TICK, true, 0, 0);
		kq_core_tick(step.core, step.now);
		kq_node_leave(&step);
	}
	mutex_lock(&node->lock);
	return now;
}

static u32 mode_of(const struct kq_owner *o)
{
	if (o->flags & KQUORUM_LOCK_SHARED)
		return KQUORUM_CLAIM_SHARED;
	return o->units ? KQUORUM_CLAIM_MODE_UNITS : KQUORUM_CLAIM_EXCLUSIVE;
}

static void kq_lock_info(struct kq_lock *lock, u64 now, struct kquorum_lock_info *info)
{
	const struct kq_owner *o = &lock->owner;
	struct kq_core *core = lock->node->core;
	const struct kq_resource *r;

	static_assert(sizeof(info->numbers) == sizeof(o->numbers));

	memset(info, 0, sizeof(*info));
	info->state = o->state;
	info->error = o->error;
	info->token = o->token;
	info->left_ns = kq_lock_left_ns(lock, now);
	kq_lock_ends(lock, now, info);
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
	kq_lock_info(lock, kq_lock_refresh(lock), &info);
	lock->seen = lock->version;
	mutex_unlock(&lock->node->lock);
	return copy_to_iter(&info, sizeof(info), to) == sizeof(info) ? (ssize_t)sizeof(info) :
		-EFAULT;
}

/* What is written is told apart by its size. */
static ssize_t kq_lock_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct kq_lock *lock = iocb->ki_filp->private_data;
	size_t len = iov_iter_count(from);
	union {
		struct kquorum_on_loss on_loss;
		struct kquorum_renew renew;
	} what;
	int err;

	static_assert(sizeof(what.on_loss) != sizeof(what.renew));

	if (len != sizeof(what.on_loss) && len != sizeof(what.renew))
		return -EINVAL;
	if (!copy_from_iter_full(&what, len, from))
		return -EFAULT;
	err = len == sizeof(what.renew) ? kq_lock_renew(lock, &what.renew) :
		kq_on_loss_set(lock, &what.on_loss);
	return err ? err : (ssize_t)len;
}

static __poll_t kq_lock_poll(struct file *file, struct poll_table_struct *table)
{
	struct kq_lock *lock = file->private_data;
	__poll_t mask = 0;
	u64 now;

	poll_wait(file, &lock->wait, table);
	mutex_lock(&lock->node->lock);
	now = kq_lock_refresh(lock);
	if (lock->seen != lock->version)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (lock->owner.state >= KQUORUM_LOCK_REFUSED)
		mask |= EPOLLHUP;
	if (kq_lock_at_risk(lock, now))
		mask |= EPOLLPRI;
	mutex_unlock(&lock->node->lock);
	return mask;
}

static int kq_lock_release(struct inode *inode, struct file *file)
{
	struct kq_lock *lock = file->private_data;
	struct kq_step step;

	kq_on_loss_orphaned(lock);
	/* ORDER: the timer first; it may look at the deadline of a node that goes meanwhile. */
	mutex_lock(&lock->node->lock);
	kq_on_loss_end(lock);
	kq_asker_done(&lock->asker, lock->node);
	mutex_unlock(&lock->node->lock);
	if (!kq_node_enter(lock->node, &step)) {
		if (lock->asked && !lock->owner.closed) {
			kq_trace_call(lock->node, KQ_TRACE_UNLOCK, lock->owner.id, 0, 0);
			kq_core_unlock(step.core, step.now, &lock->owner);
			kq_lock_unwatch(lock);
		}
		kq_node_leave(&step);
	}
	kq_asker_uncount(&lock->asker, &lock->node->askers);
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

static void show_ms(struct seq_file *m, const char *what, u64 ns)
{
	seq_printf(m, "kquorum-%s-ms:\t%llu\n", what, div_u64(ns, NSEC_PER_MSEC));
}

/* The ends of its own that a grant has. */
static void show_ends(struct seq_file *m, const struct kquorum_lock_info *info)
{
	if (info->state != KQUORUM_LOCK_GRANTED)
		return;
	if (info->renew_left_ns != U64_MAX)
		show_ms(m, "renew-left", info->renew_left_ns);
	if (info->hold_left_ns != U64_MAX)
		show_ms(m, info->why == KQUORUM_RELEASE_EVICTED ? "evicted-left" : "hold-left",
			info->hold_left_ns);
}

static void kq_lock_fdinfo(struct seq_file *m, struct file *file)
{
	struct kq_lock *lock = file->private_data;
	struct kquorum_lock_info info;

	mutex_lock(&lock->node->lock);
	kq_lock_info(lock, kq_lock_refresh(lock), &info);
	seq_puts(m, "kquorum-resource:\t");
	seq_escape(m, lock->owner.name, "\n\\");	/* whoever took it chose the name */
	seq_putc(m, '\n');
	seq_printf(m, "kquorum-mode:\t%s\n", kq_lock_mode_names[info.mode]);
	if (info.units)
		show_units(m, &info);
	seq_printf(m, "kquorum-state:\t%s\n", kq_lock_state_names[info.state]);
	seq_printf(m, "kquorum-token:\t%llu\n", info.token);
	if (info.error)
		seq_printf(m, "kquorum-error:\t%d\n", info.error);
	show_ms(m, "left", info.left_ns);
	show_ends(m, &info);
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
 * Return: its file, or an error pointer: as kq_owner_init(), kq_asker_init(), or of the file.
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
	if (err)
		goto free_lock;
	err = kq_asker_init(&lock->asker, &node->askers, &whole);
	if (err)
		goto destroy_owner;
	refcount_set(&lock->ref, 1);
	INIT_LIST_HEAD(&lock->link);
	init_waitqueue_head(&lock->wait);
	timerqueue_init(&lock->near);
	kq_on_loss_init(&lock->on_loss);
	lock->version = 1;
	lock->node = node;
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_HANDLE, 1);
	file = anon_inode_getfile("[kquorum-lock]", &kq_lock_fops, lock, O_RDWR);
	if (IS_ERR(file)) {
		kq_asker_uncount(&lock->asker, &node->askers);
		kq_lock_put(lock);
	}
	return file;

destroy_owner:
	kq_owner_destroy(&lock->owner);
free_lock:
	kfree(lock);
	return ERR_PTR(err);
}

/**
 * kq_lock_ask() - ask for the lock
 * @file: from kq_lock_file()
 *
 * Return: 0, or what kq_node_enter(), kq_asker_stake() and kq_core_lock() say.
 */
int kq_lock_ask(struct file *file)
{
	struct kq_lock *lock = file->private_data;
	struct kq_step step;
	int err = kq_node_enter(lock->node, &step);

	if (err)
		return err;
	err = kq_asker_stake(&lock->asker, lock->node, &lock->owner, mode_of(&lock->owner));
	if (err) {
		kq_node_leave(&step);
		return err;
	}
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
		kq_asker_done(&lock->asker, lock->node);
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
	kq_lock_watch(lock, kq_clock());
	if (owner->state >= KQUORUM_LOCK_REFUSED || owner->closed)
		kq_asker_done(&lock->asker, lock->node);
	if (owner->closed) {
		list_del_init(&lock->link);
		kq_lock_put(lock);
	}
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
		kq_lock_unwatch(lock);
		kq_on_loss_disarm(lock);
		kq_asker_done(&lock->asker, node);
		lock->owner.closed = true;
		lock->version++;
		wake_up_interruptible_all(&lock->wait);
		kq_lock_put(lock);
	}
}
