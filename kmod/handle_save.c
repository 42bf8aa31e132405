// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot that is being saved: read() takes the next piece of it out of the core, in a step that
 * is short whatever the size of the state.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include "node.h"
#include "snapshot.h"
#include "trace.h"

/* Bytes of one step: whoever wants the node meanwhile waits no longer than a frame takes. */
#define KQ_SAVE_PIECE	KQ_SNAP_FRAME_MAX

/**
 * struct kq_saver - the handle
 * @node: the node, with a reference
 * @read: one reader at a time
 * @save: of the core, under the node's lock; NULL: not begun, or over
 * @error: once it is over: why it came to nothing; 0: all of it has come out
 * @buf: a piece
 */
struct kq_saver {
	struct kq_node *node;
	struct mutex read;
	struct kq_save *save;
	int error;
	u8 buf[KQ_SAVE_PIECE];
};

/* The core lets go of it, in a step. */
static void save_over(struct kq_saver *s, int error)
{
	lockdep_assert_held(&s->node->lock);
	if (!s->save)
		return;
	kq_trace_call(s->node, KQ_TRACE_SAVE_END, 0, 0, 0);
	kq_core_save_end(s->node->core, s->save);
	s->save = NULL;
	s->error = error;
	s->node->saver = NULL;
}

static int next_piece(struct kq_saver *s, u32 len)
{
	struct kq_step step;
	int got;

	/* A node that went down has ended the save, unless that was over. */
	if (kq_node_enter(s->node, &step))
		return s->error;
	got = s->error;
	if (s->save) {
		kq_trace_call(s->node, KQ_TRACE_SAVE_NEXT, len, 0, 0);
		got = kq_core_save_next(step.core, s->save, s->buf, len);
		kq_trace_saved(s->node, got, s->buf);
		if (got <= 0 && got != -EAGAIN)
			save_over(s, got);
	}
	kq_node_leave(&step);
	return got;
}

static void give_up(struct kq_saver *s, int error)
{
	struct kq_step step;

	if (kq_node_enter(s->node, &step))
		return;
	save_over(s, error);
	kq_node_leave(&step);
}

static ssize_t save_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct kq_saver *s = iocb->ki_filp->private_data;
	ssize_t done = 0;
	int got = 0;

	if (mutex_lock_interruptible(&s->read))
		return -ERESTARTSYS;
	while (iov_iter_count(to)) {
		got = next_piece(s, min_t(size_t, iov_iter_count(to), KQ_SAVE_PIECE));
		cond_resched();
		if (got == -EAGAIN && !signal_pending(current))
			continue;
		if (got == -EAGAIN)
			got = -EINTR;
		if (got <= 0)
			break;
		if (copy_to_iter(s->buf, got, to) != got) {
			give_up(s, -EFAULT);	/* that piece does not come again */
			got = -EFAULT;
			break;
		}
		done += got;
	}
	mutex_unlock(&s->read);
	return done ? done : got;
}

static void saver_free(struct kq_saver *s)
{
	struct kq_node *node = s->node;

	give_up(s, 0);
	mutex_destroy(&s->read);
	kvfree(s);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
	kq_node_put(node);
}

static int save_release(struct inode *inode, struct file *file)
{
	saver_free(file->private_data);
	return 0;
}

static const struct file_operations save_fops = {
	.owner = THIS_MODULE,
	.read_iter = save_read,
	.release = save_release,
	.llseek = noop_llseek,
};

/**
 * kq_save_file() - a handle to save with
 * @node: the node
 *
 * Context: may sleep.
 * Return: its file, or an error pointer.
 */
struct file *kq_save_file(struct kq_node *node)
{
	struct kq_saver *s = kvzalloc(sizeof(*s), GFP_KERNEL);
	struct file *file;

	if (!s)
		return ERR_PTR(-ENOMEM);
	mutex_init(&s->read);
	s->node = node;
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_HANDLE, 1);
	file = anon_inode_getfile("[kquorum-save]", &save_fops, s, O_RDONLY);
	if (IS_ERR(file))
		saver_free(s);
	return file;
}

/**
 * kq_save_ask() - the snapshot is of the state as it is now
 * @file: from kq_save_file()
 *
 * Context: may sleep.
 * Return: 0; -ENODEV, -EBUSY: the node is down, or not up yet; or as kq_core_save_begin().
 */
int kq_save_ask(struct file *file)
{
	struct kq_saver *s = file->private_data;
	struct kq_step step;
	int err = kq_node_enter(s->node, &step);

	if (err)
		return err;
	kq_trace_call(s->node, KQ_TRACE_SAVE_BEGIN, 0, 0, 0);
	s->save = kq_core_save_begin(step.core, &err);
	kq_trace_result(s->node, err, 0);
	if (s->save)
		s->node->saver = s;
	kq_node_leave(&step);
	return err;
}

/**
 * kq_saves_end() - the node goes down
 * @node: the node, locked, in a step
 */
void kq_saves_end(struct kq_node *node)
{
	if (node->saver)
		save_over(node->saver, -EIO);
}
