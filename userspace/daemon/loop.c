// SPDX-License-Identifier: GPL-2.0
/*
 * The event loop. One thread, one ring: every wait of the daemon (sockets,
 * signals, netlink, pipes of name look-ups) is an operation in it. Timers are
 * few (one per peer and per greeting), so a list is enough: the earliest one
 * bounds the wait in io_uring_enter().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "loop.h"

#define LOOP_ENTRIES	256

/**
 * kqd_now_ns() - the daemon's clock
 *
 * Context: Any.
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
uint64_t kqd_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * kqd_loop_init() - set up the ring
 * @l: to be filled
 *
 * Return: 0 or the negative errno of io_uring_setup(2): -ENOSYS without
 * io_uring, -EPERM where it is switched off.
 */
int kqd_loop_init(struct kqd_loop *l)
{
	memset(l, 0, sizeof(*l));
	return io_uring_queue_init(LOOP_ENTRIES, &l->ring, 0);
}

/**
 * kqd_loop_exit() - give the ring back
 * @l: the loop; what is still under way in it is cancelled by the kernel
 */
void kqd_loop_exit(struct kqd_loop *l)
{
	io_uring_queue_exit(&l->ring);
}

static struct io_uring_sqe *loop_sqe(struct kqd_loop *l)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);

	if (!sqe) {
		io_uring_submit(&l->ring);
		sqe = io_uring_get_sqe(&l->ring);
	}
	if (!sqe)
		kqd_die("io_uring takes no more operations");
	return sqe;
}

static void loop_start(struct kqd_loop *l, struct io_uring_sqe *sqe, struct kqd_op *op)
{
	io_uring_sqe_set_data(sqe, op);
	op->busy = true;
	l->busy++;
}

/**
 * kqd_op_accept() - take one connection; the result is its descriptor
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: listening socket
 * @a: filled with the other side's address
 * @n: bytes in @a
 */
void kqd_op_accept(struct kqd_loop *l, struct kqd_op *op, int fd, struct sockaddr *a, socklen_t *n)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_accept(sqe, fd, a, n, SOCK_CLOEXEC);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_connect() - connect a socket
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: the socket
 * @a: where to
 * @n: bytes in @a
 */
void kqd_op_connect(struct kqd_loop *l, struct kqd_op *op, int fd, const struct sockaddr *a,
		    socklen_t n)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_connect(sqe, fd, a, n);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_recv() - receive what there is, up to @len; 0: the other side closed
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: connected socket
 * @buf: where to
 * @len: bytes there
 */
void kqd_op_recv(struct kqd_loop *l, struct kqd_op *op, int fd, void *buf, size_t len)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_recv(sqe, fd, buf, len, 0);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_send() - send; may send less
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: connected socket
 * @buf: what to send
 * @len: bytes of it
 */
void kqd_op_send(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf, size_t len)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_send(sqe, fd, buf, len, MSG_NOSIGNAL);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_read() - read what comes next (pipe, a snapshot that is saved)
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: the descriptor
 * @buf: where to
 * @len: bytes there
 */
void kqd_op_read(struct kqd_loop *l, struct kqd_op *op, int fd, void *buf, size_t len)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_read(sqe, fd, buf, len, -1);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_pread() - read from a file
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: the file
 * @buf: where to
 * @len: bytes there
 * @at: where in the file, bytes
 */
void kqd_op_pread(struct kqd_loop *l, struct kqd_op *op, int fd, void *buf, size_t len,
		  uint64_t at)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_read(sqe, fd, buf, len, at);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_pwrite() - write to a file; may write less
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: the file
 * @buf: what to write
 * @len: bytes of it
 * @at: where in the file, bytes
 */
void kqd_op_pwrite(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf, size_t len,
		   uint64_t at)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_write(sqe, fd, buf, len, at);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_write_out() - have the disk begin with what was written; nothing is durable by that
 * @l: the loop
 * @op: idle, with its callback set, which gets an error where that cannot be done
 * @fd: the file
 * @at: where in the file, bytes
 * @len: bytes; those that are on their way to the disk already are waited for
 */
void kqd_op_write_out(struct kqd_loop *l, struct kqd_op *op, int fd, uint64_t at, uint32_t len)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_sync_file_range(sqe, fd, len, at, SYNC_FILE_RANGE_WAIT_BEFORE |
				      SYNC_FILE_RANGE_WRITE);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_fsync() - make a file, or what a directory names, durable
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: the file or directory
 */
void kqd_op_fsync(struct kqd_loop *l, struct kqd_op *op, int fd)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_fsync(sqe, fd, 0);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_rename() - give a file another name in its directory
 * @l: the loop
 * @op: idle, with its callback set
 * @dir: the directory
 * @from: its name
 * @to: the new one
 * @replace: else -EEXIST where there is such a name already
 */
void kqd_op_rename(struct kqd_loop *l, struct kqd_op *op, int dir, const char *from,
		   const char *to, bool replace)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_renameat(sqe, dir, from, dir, to, replace ? 0 : RENAME_NOREPLACE);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_unlink() - remove a file
 * @l: the loop
 * @op: idle, with its callback set
 * @dir: its directory
 * @name: its name there
 */
void kqd_op_unlink(struct kqd_loop *l, struct kqd_op *op, int dir, const char *name)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_unlinkat(sqe, dir, name, 0);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_poll() - wait once until a descriptor is ready
 * @l: the loop
 * @op: idle, with its callback set
 * @fd: the descriptor
 * @events: POLLIN...
 */
void kqd_op_poll(struct kqd_loop *l, struct kqd_op *op, int fd, unsigned int events)
{
	struct io_uring_sqe *sqe = loop_sqe(l);

	io_uring_prep_poll_add(sqe, fd, events);
	loop_start(l, sqe, op);
}

/**
 * kqd_op_cancel() - ask for the end of an operation; its callback still comes
 * @l: the loop
 * @op: any operation; nothing happens when it is idle
 */
void kqd_op_cancel(struct kqd_loop *l, struct kqd_op *op)
{
	struct io_uring_sqe *sqe;

	if (!op->busy)
		return;
	sqe = loop_sqe(l);
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

/**
 * kqd_timer_add() - make a timer known, not armed
 * @l: the loop
 * @t: the timer, not known yet
 * @fire: called when it is due; it is not armed any more then
 */
void kqd_timer_add(struct kqd_loop *l, struct kqd_timer *t, void (*fire)(struct kqd_timer *))
{
	t->fire = fire;
	t->at_ns = 0;
	t->next = l->timers;
	l->timers = t;
}

/**
 * kqd_timer_del() - forget a timer
 * @l: the loop
 * @t: the timer
 */
void kqd_timer_del(struct kqd_loop *l, struct kqd_timer *t)
{
	struct kqd_timer **p;

	for (p = &l->timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			return;
		}
	}
}

/**
 * kqd_timer_at() - arm a timer, anew if it was armed
 * @t: the timer
 * @at_ns: when, on the clock of kqd_now_ns(); UINT64_MAX: never
 */
void kqd_timer_at(struct kqd_timer *t, uint64_t at_ns)
{
	t->at_ns = at_ns == UINT64_MAX ? 0 : at_ns ? at_ns : 1;
}

/**
 * kqd_timer_in() - arm a timer, anew if it was armed
 * @t: the timer
 * @ns: from now, nanoseconds
 */
void kqd_timer_in(struct kqd_timer *t, uint64_t ns)
{
	kqd_timer_at(t, kqd_now_ns() + ns);
}

/**
 * kqd_timer_stop() - disarm a timer
 * @t: the timer
 */
void kqd_timer_stop(struct kqd_timer *t)
{
	t->at_ns = 0;
}

static struct kqd_timer *loop_earliest(struct kqd_loop *l)
{
	struct kqd_timer *t, *first = NULL;

	for (t = l->timers; t; t = t->next)
		if (t->at_ns && (!first || t->at_ns < first->at_ns))
			first = t;
	return first;
}

/* One at a time, for a callback may change the list. Only those due at the start. */
static void loop_fire(struct kqd_loop *l)
{
	uint64_t now = kqd_now_ns();
	struct kqd_timer *t;

	while (!l->stop && (t = loop_earliest(l)) && t->at_ns <= now) {
		t->at_ns = 0;
		t->fire(t);
	}
}

static void loop_complete(struct kqd_loop *l)
{
	struct io_uring_cqe *cqe;

	while (!l->stop && !io_uring_peek_cqe(&l->ring, &cqe)) {
		struct kqd_op *op = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&l->ring, cqe);
		if (!op)
			continue;
		op->busy = false;
		l->busy--;
		op->done(op, res);
	}
}

/**
 * kqd_loop_run() - run callbacks until one sets @l->stop
 * @l: the loop
 *
 * Context: Process; waits.
 * Return: 0, or a negative errno when the ring itself failed.
 */
int kqd_loop_run(struct kqd_loop *l)
{
	while (!l->stop) {
		struct kqd_timer *t = loop_earliest(l);
		struct __kernel_timespec ts, *wait = NULL;
		struct io_uring_cqe *cqe;
		int rc;

		if (t) {
			uint64_t now = kqd_now_ns(), left = t->at_ns > now ? t->at_ns - now : 0;

			ts.tv_sec = left / 1000000000;
			ts.tv_nsec = left % 1000000000;
			wait = &ts;
		}
		rc = io_uring_submit_and_wait_timeout(&l->ring, &cqe, 1, wait, NULL);
		if (rc < 0 && rc != -ETIME && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
			return rc;
		loop_complete(l);
		loop_fire(l);
	}
	return 0;
}
