/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's one event loop, on io_uring: operations with a callback each,
 * and timers.
 */
#ifndef KQD_LOOP_H
#define KQD_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <liburing.h>

struct kqd_loop;

/*
 * One operation in the ring. It and whatever it points to (buffers, addresses)
 * stay where they are until @done was called, which also follows a cancel.
 */
struct kqd_op {
	void (*done)(struct kqd_op *op, int res);
	bool busy;
};

struct kqd_timer {
	void (*fire)(struct kqd_timer *t);
	uint64_t at_ns;		/* kqd_now_ns() clock; 0: not armed */
	struct kqd_timer *next;
};

struct kqd_loop {
	struct io_uring ring;
	struct kqd_timer *timers;
	unsigned int busy;	/* operations under way */
	bool stop;
};

int kqd_loop_init(struct kqd_loop *l);
int kqd_loop_run(struct kqd_loop *l);
void kqd_loop_exit(struct kqd_loop *l);

void kqd_op_accept(struct kqd_loop *l, struct kqd_op *op, int fd, struct sockaddr *a, socklen_t *n);
void kqd_op_connect(struct kqd_loop *l, struct kqd_op *op, int fd, const struct sockaddr *a,
		    socklen_t n);
void kqd_op_recv(struct kqd_loop *l, struct kqd_op *op, int fd, void *buf, size_t len);
void kqd_op_send(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf, size_t len);
void kqd_op_read(struct kqd_loop *l, struct kqd_op *op, int fd, void *buf, size_t len);
void kqd_op_pread(struct kqd_loop *l, struct kqd_op *op, int fd, void *buf, size_t len,
		  uint64_t at);
void kqd_op_pwrite(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf, size_t len,
		   uint64_t at);
void kqd_op_write_out(struct kqd_loop *l, struct kqd_op *op, int fd, uint64_t at, uint32_t len);
void kqd_op_fsync(struct kqd_loop *l, struct kqd_op *op, int fd);
void kqd_op_rename(struct kqd_loop *l, struct kqd_op *op, int dir, const char *from,
		   const char *to, bool replace);
void kqd_op_unlink(struct kqd_loop *l, struct kqd_op *op, int dir, const char *name);
void kqd_op_poll(struct kqd_loop *l, struct kqd_op *op, int fd, unsigned int events);
void kqd_op_cancel(struct kqd_loop *l, struct kqd_op *op);

uint64_t kqd_now_ns(void);
void kqd_timer_add(struct kqd_loop *l, struct kqd_timer *t, void (*fire)(struct kqd_timer *));
void kqd_timer_del(struct kqd_loop *l, struct kqd_timer *t);
void kqd_timer_at(struct kqd_timer *t, uint64_t at_ns);
void kqd_timer_in(struct kqd_timer *t, uint64_t ns);
void kqd_timer_stop(struct kqd_timer *t);

#endif /* KQD_LOOP_H */
