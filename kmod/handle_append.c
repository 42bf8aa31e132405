// SPDX-License-Identifier: GPL-2.0
/*
 * The append stream: write() proposes an entry, read() gives what became of it.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include "handle.h"
#include "node.h"
#include "trace.h"

#define KQ_APPEND_OPEN_MAX	64	/* writes of a stream without a result that was read */

/**
 * struct kq_append_op - one write()
 * @p: its proposal; the cookie is the stream, NULL: that was closed
 * @link: in the stream's list, waiting or ready
 * @number: of the write in its stream, from 1
 */
struct kq_append_op {
	struct kq_proposal p;
	struct list_head link;
	u64 number;
};

/**
 * struct kq_append - an append stream
 * @node: the node, with a reference
 * @link: in the node's list, until it is down
 * @wait: readers and pollers
 * @waiting: without a result
 * @ready: with one
 * @open: how many in both
 * @next: number of the next write
 * @down: the node is down: no more results come
 *
 * All but @wait are under the node's lock.
 */
struct kq_append {
	struct kq_node *node;
	struct list_head link;
	wait_queue_head_t wait;
	struct list_head waiting;
	struct list_head ready;
	u32 open;
	u64 next;
	bool down;
};

static void op_free(struct kq_append_op *op)
{
	kq_entry_free(op->p.entry);
	kfree(op);
	kq_object_add(KQ_OBJECT_APPEND, -1);
}

static struct kq_append_op *op_create(const char __user *buf, size_t len)
{
	struct kq_append_op *op = kzalloc(sizeof(*op), GFP_KERNEL);
	void *data = kvmalloc(len, GFP_KERNEL | __GFP_NOWARN);
	int err = -ENOMEM;

	if (!op || !data)
		goto free;
	err = -EFAULT;
	if (copy_from_user(data, buf, len))
		goto free;
	err = -ENOMEM;
	op->p.entry = kq_entry_alloc(KQ_ENTRY_APPEND, data, len);
	if (!op->p.entry)
		goto free;
	kvfree(data);
	INIT_LIST_HEAD(&op->p.node);
	INIT_LIST_HEAD(&op->link);
	kq_object_add(KQ_OBJECT_APPEND, 1);
	return op;
free:
	kvfree(data);
	kfree(op);
	return ERR_PTR(err);
}

/* Hands @op to the core, or finishes it at once. On an error it stays the caller's. */
static int op_propose(struct kq_append *a, struct kq_append_op *op, struct kq_step *step)
{
	int err;

	if (a->open >= KQ_APPEND_OPEN_MAX)
		return -EAGAIN;
	op->p.cookie = a;
	list_add_tail(&op->link, &a->waiting);
	kq_trace_call_bytes(a->node, KQ_TRACE_APPEND, 0, op->p.entry->data,
			    kq_entry_len(op->p.entry));
	err = kq_core_append(step->core, step->now, &op->p);
	kq_trace_result(a->node, err, 0);
	if (err && err != -EBUSY && err != -ENOSPC) {
		list_del_init(&op->link);
		return err;
	}
	a->open++;
	op->number = ++a->next;
	if (err) {
		op->p.error = err;
		kq_append_done(&op->p);
	}
	return 0;
}

static ssize_t append_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct kq_append *a = file->private_data;
	struct kq_append_op *op;
	struct kq_step step;
	int err;

	if (!len || len > KQUORUM_PAYLOAD_MAX)
		return -EMSGSIZE;
	op = op_create(buf, len);
	if (IS_ERR(op))
		return PTR_ERR(op);
	err = kq_node_enter(a->node, &step);
	if (!err) {
		err = op_propose(a, op, &step);
		kq_node_leave(&step);
	}
	if (err) {
		op_free(op);
		return err;
	}
	return len;
}

static struct kq_append_op *take_ready(struct kq_append *a)
{
	struct kq_append_op *op;

	mutex_lock(&a->node->lock);
	op = list_first_entry_or_null(&a->ready, struct kq_append_op, link);
	if (op)
		list_del_init(&op->link);
	mutex_unlock(&a->node->lock);
	return op;
}

/* Return: 0; -EFAULT: the result stays to be read. */
static int give_result(struct kq_append *a, struct kq_append_op *op, char __user *to)
{
	struct kquorum_append_result r = {
		.number = op->number,
		.index = op->p.index,
		.term = op->p.term,
		.error = op->p.error,
		.session = op->p.session,
		.seq = op->p.seq,
	};
	int err = copy_to_user(to, &r, sizeof(r)) ? -EFAULT : 0;

	mutex_lock(&a->node->lock);
	if (err)
		list_add(&op->link, &a->ready);
	else
		a->open--;
	mutex_unlock(&a->node->lock);
	if (!err)
		op_free(op);
	return err;
}

static bool can_read(struct kq_append *a)
{
	return !list_empty_careful(&a->ready) || READ_ONCE(a->down);
}

static ssize_t append_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	const size_t size = sizeof(struct kquorum_append_result);
	struct kq_append *a = file->private_data;
	struct kq_append_op *op;
	size_t done = 0;
	int err = 0;

	if (count < size)
		return -EINVAL;
	while (done + size <= count) {
		op = take_ready(a);
		if (op) {
			err = give_result(a, op, buf + done);
			if (err)
				break;
			done += size;
			continue;
		}
		if (done || READ_ONCE(a->down))
			break;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(a->wait, can_read(a));
		if (err)
			return err;
	}
	if (done)
		wake_up_interruptible_poll(&a->wait, EPOLLOUT | EPOLLWRNORM);
	return done ? done : err;
}

static __poll_t append_poll(struct file *file, struct poll_table_struct *table)
{
	struct kq_append *a = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &a->wait, table);
	mutex_lock(&a->node->lock);
	if (!list_empty(&a->ready))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (a->open < KQ_APPEND_OPEN_MAX)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (a->down)
		mask |= EPOLLHUP;
	mutex_unlock(&a->node->lock);
	return mask;
}

static int append_release(struct inode *inode, struct file *file)
{
	struct kq_append *a = file->private_data;
	struct kq_node *node = a->node;
	struct kq_append_op *op, *next;

	mutex_lock(&node->lock);
	list_del(&a->link);
	list_for_each_entry_safe(op, next, &a->waiting, link) {
		list_del_init(&op->link);
		kq_core_append_cancel(node->core, &op->p);
	}
	list_for_each_entry_safe(op, next, &a->ready, link)
		op_free(op);
	mutex_unlock(&node->lock);
	kfree(a);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
	kq_node_put(node);
	return 0;
}

static const struct file_operations append_fops = {
	.owner = THIS_MODULE,
	.read = append_read,
	.write = append_write,
	.poll = append_poll,
	.release = append_release,
	.llseek = noop_llseek,
};

/**
 * kq_append_file() - a new append stream
 * @node: the node
 *
 * Context: may sleep.
 * Return: its file, or an error pointer; -ENODEV when the node went down.
 */
struct file *kq_append_file(struct kq_node *node)
{
	struct kq_append *a = kzalloc(sizeof(*a), GFP_KERNEL);
	struct file *file;

	if (!a)
		return ERR_PTR(-ENOMEM);
	init_waitqueue_head(&a->wait);
	INIT_LIST_HEAD(&a->waiting);
	INIT_LIST_HEAD(&a->ready);
	INIT_LIST_HEAD(&a->link);
	a->node = node;
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_HANDLE, 1);
	mutex_lock(&node->lock);
	a->down = node->dead;
	if (!a->down)
		list_add_tail(&a->link, &node->appends);
	mutex_unlock(&node->lock);
	file = anon_inode_getfile("[kquorum-append]", &append_fops, a, O_RDWR);
	if (!IS_ERR(file))
		return file;
	mutex_lock(&node->lock);
	list_del(&a->link);
	mutex_unlock(&node->lock);
	kfree(a);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
	kq_node_put(node);
	return file;
}

/**
 * kq_append_done() - a proposal has its outcome
 * @p: of an append stream; no longer the core's
 *
 * Context: under the node's lock.
 */
void kq_append_done(struct kq_proposal *p)
{
	struct kq_append_op *op = container_of(p, struct kq_append_op, p);
	struct kq_append *a = p->cookie;

	if (!a) {
		op_free(op);
		return;
	}
	list_move_tail(&op->link, &a->ready);
	wake_up_interruptible_poll(&a->wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * kq_appends_end() - the node is down; every proposal has its outcome
 * @node: the node, locked
 */
void kq_appends_end(struct kq_node *node)
{
	struct kq_append *a, *next;

	list_for_each_entry_safe(a, next, &node->appends, link) {
		list_del_init(&a->link);
		WRITE_ONCE(a->down, true);
		wake_up_interruptible_all(&a->wait);
	}
}
