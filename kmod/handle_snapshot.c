// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot file that was handed over: a work reads and checks it; then another syncs it and has
 * the core take it, as the place of its log's beginning (adopt), or of its whole state (install).
 * The handle says how it went; whoever closes it before gives it up, unless the core has it then.
 *
 * One of another node may be handed over while it still arrives, so that its state is built in the
 * time that the bytes take: write() to the handle says how many are there, and once that they all
 * are. Nothing is taken before.
 *
 * Files are read for long, and perhaps without end, which must hold up neither the nodes nor a
 * machine that goes to sleep: so the first work has a queue of its own, and that one is not frozen.
 * The second one is: what it writes and promises a resumed image would not know of.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>
#include "node.h"
#include "snapshot.h"
#include "trace.h"

#define KQ_ADOPT_NICE	10	/* where processors are scarce, a tenth of one */

static struct workqueue_struct *kq_snapshot_wq;	/* reads */
static struct workqueue_struct *kq_snapshot_end_wq;

/**
 * struct kq_snapshot_job - the handle
 * @ref: the handle's and the work's
 * @node: the node, with a reference
 * @file: the snapshot
 * @install: it takes the place of the state
 * @part: with @install: how much of the file is there
 * @cancel: nobody wants to know any more
 * @done: @result is set
 * @given: bit 0: it was read
 * @wait: readers and pollers
 * @work: reads and checks
 * @end: has the core take it
 * @reader: with adopt: what was read
 * @restore: with install: the state in it
 * @result: how it went
 */
struct kq_snapshot_job {
	refcount_t ref;
	struct kq_node *node;
	struct file *file;
	bool install;
	struct kq_snapshot_part part;
	bool cancel;
	bool done;
	unsigned long given;
	wait_queue_head_t wait;
	struct work_struct work;
	struct work_struct end;
	struct kq_snap_reader *reader;
	struct kq_restore *restore;
	struct kquorum_snapshot_result result;
};

static void job_put(struct kq_snapshot_job *job)
{
	if (!refcount_dec_and_test(&job->ref))
		return;
	fput(job->file);
	kq_node_put(job->node);
	kfree(job);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
}

static int job_fail(struct kq_snapshot_job *job, int err, const char *why)
{
	strscpy(job->result.why, why, sizeof(job->result.why));
	return err;
}

static const char *refusal(int err)
{
	switch (err) {
	case -ESTALE:
		return "there is a newer one, or the state here is no further behind";
	case -EINVAL:
		return "the state of this node never was that";
	case -EXDEV:
		return "it is of another history of the cluster";
	case -EBUSY:
		return "this node leads, or is not up yet";
	case -ENODEV:
		return "the node went down";
	default:
		return "the node has failed, or its log is damaged";
	}
}

/* It was not read to a good end. @why: what is wrong with it, empty: the file could not be read. */
static int job_unread(struct kq_snapshot_job *job, int err, const char *why)
{
	if (err == -EINTR && READ_ONCE(job->node->cancel))
		return job_fail(job, -ENODEV, refusal(-ENODEV));
	return job_fail(job, err, *why ? why : "it cannot be read");
}

/* Whole and sound: which it is, and that it stays so when the power goes. */
static int job_sync(struct kq_snapshot_job *job, const struct kq_snap_ref *ref)
{
	int err = vfs_fsync(job->file, 0);

	job->result.index = ref->index;
	job->result.term = ref->term;
	job->result.bytes = ref->bytes;
	job->result.crc = ref->crc;
	return err ? job_fail(job, err, "it cannot be synced to the disk") : 0;
}

static int core_adopts(struct kq_step *step, const struct kq_snap_reader *r)
{
	u64 origin = step->core->conf.origin;
	int err;

	/* The core knows it by index and term, which another history may have as well. */
	if (origin && le64_to_cpu(r->head.origin) != origin)
		return -EXDEV;
	kq_trace_snapshot(step->node, KQ_TRACE_ADOPT, &r->ref);
	err = kq_core_snapshot_done(step->core, step->now, &r->ref);
	kq_trace_result(step->node, err, 0);
	return err;
}

static int read_to_adopt(struct kq_snapshot_job *job)
{
	struct kq_snap_reader *r = kvzalloc(sizeof(*r), GFP_KERNEL);
	int err;

	if (!r)
		return job_fail(job, -ENOMEM, "no memory to check it");
	job->reader = r;
	kq_snap_reader_init(r, job->node->cfg.cluster_id, 0);
	err = kq_snapshot_check(job->node, job->file, r, &job->cancel);
	return err ? job_unread(job, err, r->why) : 0;
}

static int read_to_install(struct kq_snapshot_job *job)
{
	struct kq_restore *rs = kq_restore_create(&job->node->cfg, kq_clock());
	int err;

	if (!rs)
		return job_fail(job, -ENOMEM, "no memory for the state in it");
	job->restore = rs;
	err = kq_snapshot_restore(job->node, job->file, rs, &job->part, &job->cancel);
	return err ? job_unread(job, err, kq_restore_why(rs)) : 0;
}

static int core_installs(struct kq_step *step, struct kq_restore *rs)
{
	int err;

	kq_trace_snapshot(step->node, KQ_TRACE_INSTALL, kq_restore_ref(rs));
	err = kq_core_install(step->core, step->now, rs);
	kq_trace_result(step->node, err, 0);
	return err;
}

/* What was read is synced and taken. */
static int job_take(struct kq_snapshot_job *job)
{
	struct kq_step step;
	int err;

	err = job_sync(job, job->install ? kq_restore_ref(job->restore) : &job->reader->ref);
	if (err)
		return err;
	err = kq_node_enter(job->node, &step);
	if (!err) {
		err = job->install ? core_installs(&step, job->restore) :
			core_adopts(&step, job->reader);
		kq_node_leave(&step);
	}
	return err ? job_fail(job, err, refusal(err)) : 0;
}

static void job_end_work(struct work_struct *work)
{
	struct kq_snapshot_job *job = container_of(work, struct kq_snapshot_job, end);
	unsigned int noio = memalloc_noio_save();	/* kq_alloc() asks for it */

	if (!job->result.error)
		job->result.error = job_take(job);
	/* What was in the place of it, and may be large, goes without the lock. */
	kq_restore_free(job->restore);
	kvfree(job->reader);
	clear_bit(0, &job->node->snapshot_busy);
	/* Pairs with job_read(): who sees it done sees the result. */
	smp_store_release(&job->done, true);
	wake_up_interruptible_all(&job->wait);
	job_put(job);
	memalloc_noio_restore(noio);
	/* The queue is drained before the module goes, so this may still return. */
	module_put(THIS_MODULE);
}

static void job_work(struct work_struct *work)
{
	struct kq_snapshot_job *job = container_of(work, struct kq_snapshot_job, work);
	unsigned int noio = memalloc_noio_save();
	int nice = task_nice(current);

	/* A node that checks its own serves meanwhile, and commits come first. */
	if (!job->install)
		set_user_nice(current, KQ_ADOPT_NICE);
	job->result.error = job->install ? read_to_install(job) : read_to_adopt(job);
	set_user_nice(current, nice);
	queue_work(kq_snapshot_end_wq, &job->end);
	memalloc_noio_restore(noio);
}

static bool is_done(struct kq_snapshot_job *job)
{
	return smp_load_acquire(&job->done);	/* pairs with job_end_work() */
}

static ssize_t job_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct kq_snapshot_job *job = iocb->ki_filp->private_data;
	int err;

	if (iov_iter_count(to) < sizeof(job->result))
		return -EINVAL;
	if (!is_done(job)) {
		if (iocb->ki_filp->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(job->wait, is_done(job));
		if (err)
			return err;
	}
	if (test_and_set_bit(0, &job->given))
		return 0;
	return copy_to_iter(&job->result, sizeof(job->result), to) == sizeof(job->result) ?
		(ssize_t)sizeof(job->result) : -EFAULT;
}

/* Is it as it was told before, or more? Called with the lock of the part's queue. */
static bool part_grows(struct kq_snapshot_part *part, const struct kquorum_snapshot_grown *grown)
{
	if (part->whole || grown->bytes < part->bytes || grown->bytes > LLONG_MAX)
		return false;
	smp_store_release(&part->bytes, grown->bytes);	/* pairs with may_read() */
	smp_store_release(&part->whole, grown->whole);	/* likewise */
	return true;
}

static ssize_t job_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct kq_snapshot_job *job = iocb->ki_filp->private_data;
	struct kquorum_snapshot_grown grown;
	bool ok;

	if (iov_iter_count(from) != sizeof(grown))
		return -EINVAL;
	if (!copy_from_iter_full(&grown, sizeof(grown), from))
		return -EFAULT;
	if (grown.whole > 1 || grown.zero)
		return -EINVAL;
	spin_lock(&job->part.wait.lock);
	ok = part_grows(&job->part, &grown);
	spin_unlock(&job->part.wait.lock);
	if (!ok)
		return -EINVAL;
	wake_up(&job->part.wait);
	return sizeof(grown);
}

static __poll_t job_poll(struct file *file, struct poll_table_struct *table)
{
	struct kq_snapshot_job *job = file->private_data;

	poll_wait(file, &job->wait, table);
	return is_done(job) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int job_release(struct inode *inode, struct file *file)
{
	struct kq_snapshot_job *job = file->private_data;

	WRITE_ONCE(job->cancel, true);
	wake_up(&job->part.wait);
	job_put(job);
	return 0;
}

static const struct file_operations job_fops = {
	.owner = THIS_MODULE,
	.read_iter = job_read,
	.write_iter = job_write,
	.poll = job_poll,
	.release = job_release,
	.llseek = noop_llseek,
};

/**
 * kq_snapshot_file() - a handle for what becomes of a snapshot
 * @node: the node
 * @snapshot: from kq_snapshot_open(); consumed
 * @install: it is to take the place of the node's state
 * @grows: with @install: it is still being written; write() of struct kquorum_snapshot_grown says
 *	how much of it is there
 *
 * Context: may sleep.
 * Return: its file, or an error pointer.
 */
struct file *kq_snapshot_file(struct kq_node *node, struct file *snapshot, bool install,
			      bool grows)
{
	struct kq_snapshot_job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	struct file *file;

	if (!job) {
		fput(snapshot);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&job->ref, 1);
	init_waitqueue_head(&job->wait);
	init_waitqueue_head(&job->part.wait);
	job->part.whole = !grows;
	INIT_WORK(&job->work, job_work);
	INIT_WORK(&job->end, job_end_work);
	job->node = node;
	job->file = snapshot;
	job->install = install;
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_HANDLE, 1);
	file = anon_inode_getfile("[kquorum-snapshot]", &job_fops, job,
				  grows ? O_RDWR : O_RDONLY);
	if (IS_ERR(file))
		job_put(job);
	return file;
}

/**
 * kq_snapshot_ask() - begin to read it
 * @file: from kq_snapshot_file()
 *
 * Context: may sleep; a command of the module, so that stays.
 * Return: 0; -EBUSY: another one is being read.
 */
int kq_snapshot_ask(struct file *file)
{
	struct kq_snapshot_job *job = file->private_data;

	if (test_and_set_bit(0, &job->node->snapshot_busy))
		return -EBUSY;
	__module_get(THIS_MODULE);
	refcount_inc(&job->ref);
	queue_work(kq_snapshot_wq, &job->work);
	return 0;
}

/**
 * kq_snapshot_module_init() - the queues
 *
 * Return: 0 or -ENOMEM.
 */
int kq_snapshot_module_init(void)
{
	kq_snapshot_wq = alloc_workqueue("kquorum-snapshot", WQ_UNBOUND, 0);
	if (!kq_snapshot_wq)
		return -ENOMEM;
	kq_snapshot_end_wq = alloc_workqueue("kquorum-snapshot-end", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (kq_snapshot_end_wq)
		return 0;
	destroy_workqueue(kq_snapshot_wq);
	return -ENOMEM;
}

/**
 * kq_snapshot_module_exit() - nothing is under way any more
 */
void kq_snapshot_module_exit(void)
{
	/* ORDER: what was read goes on to the other one. */
	destroy_workqueue(kq_snapshot_wq);
	destroy_workqueue(kq_snapshot_end_wq);
}
