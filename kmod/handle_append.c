// SPDX-License-Identifier: GPL-2.0
/*
 * The append stream: write() proposes an entry, read() gives what became of it. The handle of a
 * command is one that was made with its only entry: it proposes that, and ends with its result.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include "handle.h"
#include "node.h"
#include "trace.h"

#define KQ_APPEND_OPEN_MAX	64	/* writes of a stream without a result that was read */

/**
 * struct kq_append_op - one write(), or the command
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
 * struct kq_append - an append stream, or the handle of a command
 * @node: the node, with a reference
 * @link: in the node's list, until it is down
 * @wait: readers and pollers
 * @waiting: without a result
 * @ready: with one
 * @command: the only one, until it is proposed
 * @once: there is a command, or was
 * @open: how many in @waiting and @ready
 * @next: number of the next write
 * @down: the node is down: no more results come
 *
 * All but @wait and @once are under the node's lock.
 */
struct kq_append {
	struct kq_node *node;
	struct list_head link;
	wait_queue_head_t wait;
	struct list_head waiting;
	struct list_head ready;
	struct kq_append_op *command;
	bool once;
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

static struct kq_append_op *op_create(u16 type, const void *payload, u32 len)
{
	struct kq_append_op *op = kzalloc(sizeof(*op), GFP_KERNEL);

	if (!op)
		return ERR_PTR(-ENOMEM);
	op->p.entry = kq_entry_alloc(type, payload, len);
	if (!op->p.entry) {
		kfree(op);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&op->p.node);
	INIT_LIST_HEAD(&op->link);
	kq_object_add(KQ_OBJECT_APPEND, 1);
	return op;
}

static struct kq_append_op *op_create_append(const char __user *buf, u32 len)
{
	void *data = kvmalloc(len, GFP_KERNEL | __GFP_NOWARN);
	struct kq_append_op *op;

	if (!data)
		return ERR_PTR(-ENOMEM);
	op = copy_from_user(data, buf, len) ? ERR_PTR(-EFAULT) :
		op_create(KQ_ENTRY_APPEND, data, len);
	kvfree(data);
	return op;
}

/* Hands @op to the core. On an error it stays the caller's. */
static int op_propose(struct kq_append *a, struct kq_append_op *op, struct kq_step *step)
{
	const struct kq_entry *e = op->p.entry;
	int err;

	op->p.cookie = a;
	kq_trace_call_bytes(a->node, KQ_TRACE_APPEND, le16_to_cpu(e->rec.type), e->data,
			    kq_entry_len(e));
	err = kq_core_append(step->core, step->now, &op->p);
	kq_trace_result(a->node, err, 0);
	return err;
}

/* From here on there is a result to come, or it is there. */
static void op_open(struct kq_append *a, struct kq_append_op *op)
{
	list_add_tail(&op->link, &a->waiting);
	op->number = ++a->next;
	WRITE_ONCE(a->open, a->open + 1);
}

/* On an error @op stays the caller's. That there is no room is a result. */
static int append_propose(struct kq_append *a, struct kq_append_op *op, struct kq_step *step)
{
	int err;

	if (a->open >= KQ_APPEND_OPEN_MAX)
		return -EAGAIN;
	err = op_propose(a, op, step);
	if (err && err != -EBUSY && err != -ENOSPC)
		return err;
	op_open(a, op);
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
	op = op_create_append(buf, len);
	if (IS_ERR(op))
		return PTR_ERR(op);
	err = kq_node_enter(a->node, &step);
	if (!err) {
		err = append_propose(a, op, &step);
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
static int give_result(struct kq_append *a, struct kq_append_op *op, struct iov_iter *to)
{
	struct kquorum_append_result r = {
		.number = op->number,
		.index = op->p.index,
		.term = op->p.term,
		.error = op->p.error,
		.session = op->p.session,
		.seq = op->p.seq,
	};
	int err = copy_to_iter(&r, sizeof(r), to) == sizeof(r) ? 0 : -EFAULT;

	mutex_lock(&a->node->lock);
	if (err)
		list_add(&op->link, &a->ready);
	else
		WRITE_ONCE(a->open, a->open - 1);
	mutex_unlock(&a->node->lock);
	if (err)
		wake_up_interruptible_poll(&a->wait, EPOLLIN | EPOLLRDNORM);
	else
		op_free(op);
	return err;
}

/* No result comes any more. */
static bool is_over(const struct kq_append *a)
{
	return READ_ONCE(a->down) || (a->once && !READ_ONCE(a->open));
}

static bool can_read(const struct kq_append *a)
{
	return !list_empty_careful(&a->ready) || is_over(a);
}

/* What a result that was read makes room for; with that of a command its handle is over. */
static void wake_others(struct kq_append *a)
{
	wake_up_interruptible_poll(&a->wait, a->once ? EPOLLHUP : EPOLLOUT | EPOLLWRNORM);
}

static ssize_t append_read(struct kiocb *iocb, struct iov_iter *to)
{
	const size_t size = sizeof(struct kquorum_append_result);
	struct kq_append *a = iocb->ki_filp->private_data;
	struct kq_append_op *op;
	size_t done = 0;
	int err = 0;

	if (iov_iter_count(to) < size)
		return -EINVAL;
	while (iov_iter_count(to) >= size) {
		op = take_ready(a);
		if (op) {
			err = give_result(a, op, to);
			if (err)
				break;
			done += size;
			continue;
		}
		if (done || is_over(a))
			break;
		if (iocb->ki_filp->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(a->wait, can_read(a));
		if (err)
			return err;
	}
	if (done)
		wake_others(a);
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
	if (!a->once && a->open < KQ_APPEND_OPEN_MAX)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (is_over(a))
		mask |= EPOLLHUP;
	mutex_unlock(&a->node->lock);
	return mask;
}

static void append_free(struct kq_append *a)
{
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
	if (a->command)
		op_free(a->command);
	mutex_unlock(&node->lock);
	kfree(a);
	kq_object_add(KQ_OBJECT_HANDLE, -1);
	kq_node_put(node);
}

static int append_release(struct inode *inode, struct file *file)
{
	append_free(file->private_data);
	return 0;
}

static const struct file_operations append_fops = {
	.owner = THIS_MODULE,
	.read_iter = append_read,
	.write = append_write,
	.poll = append_poll,
	.release = append_release,
	.llseek = noop_llseek,
};

static const struct file_operations command_fops = {
	.owner = THIS_MODULE,
	.read_iter = append_read,
	.poll = append_poll,
	.release = append_release,
	.llseek = noop_llseek,
};

/* @command is consumed; NULL: a stream. */
static struct file *append_file(struct kq_node *node, struct kq_append_op *command)
{
	struct kq_append *a = kzalloc(sizeof(*a), GFP_KERNEL);
	struct file *file;

	if (!a) {
		if (command)
			op_free(command);
		return ERR_PTR(-ENOMEM);
	}
	init_waitqueue_head(&a->wait);
	INIT_LIST_HEAD(&a->waiting);
	INIT_LIST_HEAD(&a->ready);
	INIT_LIST_HEAD(&a->link);
	a->command = command;
	a->once = command;
	a->node = node;
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_HANDLE, 1);
	mutex_lock(&node->lock);
	a->down = node->dead;
	if (!a->down)
		list_add_tail(&a->link, &node->appends);
	mutex_unlock(&node->lock);
	file = command ? anon_inode_getfile("[kquorum-command]", &command_fops, a, O_RDONLY) :
		anon_inode_getfile("[kquorum-append]", &append_fops, a, O_RDWR);
	if (IS_ERR(file))
		append_free(a);
	return file;
}

/**
 * kq_append_file() - a new append stream
 * @node: the node
 *
 * Context: may sleep.
 * Return: its file, or an error pointer.
 */
struct file *kq_append_file(struct kq_node *node)
{
	return append_file(node, NULL);
}

/**
 * kq_command_file() - a handle that has not proposed its command yet
 * @node: the node
 * @type: of what is said of a resource, KQ_ENTRY_DEFINE or another
 * @payload: copied
 * @len: bytes of it
 *
 * Context: may sleep.
 * Return: its file, or an error pointer.
 */
struct file *kq_command_file(struct kq_node *node, u16 type, const void *payload, u32 len)
{
	struct kq_append_op *op = op_create(type, payload, len);

	return IS_ERR(op) ? ERR_CAST(op) : append_file(node, op);
}

/**
 * kq_command_ask() - propose the command, once
 * @file: from kq_command_file()
 *
 * Return: 0: read() will give what became of it; or what kq_node_enter() and kq_core_append() say.
 */
int kq_command_ask(struct file *file)
{
	struct kq_append *a = file->private_data;
	struct kq_step step;
	int err = kq_node_enter(a->node, &step);

	if (err)
		return err;
	err = op_propose(a, a->command, &step);
	if (!err) {
		op_open(a, a->command);
		a->command = NULL;
	}
	kq_node_leave(&step);
	return err;
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
