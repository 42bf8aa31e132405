// SPDX-License-Identifier: GPL-2.0
/*
 * A round trip between two sockets whose receive side is driven as in kquorum: the
 * socket's callback queues work, the work receives and sends. No thread waits in
 * between, so this is one hop per message and direction.
 */
#include <linux/completion.h>
#include <linux/ktime.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include "floor.h"

#define RTT_LIMIT_S	30

struct floor_rtt;

/* One of the two sockets; @work is the only one that uses @buf and @have. */
struct rtt_end {
	struct floor_rtt *rtt;
	struct socket *sock;
	void (*data_ready)(struct sock *sk);
	struct work_struct work;
	u32 have;
	bool first;
	u8 buf[KQFLOOR_MESSAGE_MAX];
};

struct floor_rtt {
	struct rtt_end end[2];
	u32 bytes;
	u32 count;
	u32 done;
	u32 *samples;
	u64 sent_ns;
	int error;
	struct completion finished;
};

static struct workqueue_struct *rtt_wq;

static int rtt_send(struct rtt_end *end)
{
	struct kvec vec = { .iov_base = end->buf, .iov_len = end->rtt->bytes };
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	int n = kernel_sendmsg(end->sock, &msg, &vec, 1, vec.iov_len);

	if (n < 0)
		return n;
	return n == vec.iov_len ? 0 : -EIO;
}

/* One whole message is there. Return: 1 when that was the last, 0, or negative errno. */
static int rtt_message(struct rtt_end *end)
{
	struct floor_rtt *rtt = end->rtt;
	u64 now_ns;

	if (!end->first)
		return rtt_send(end);
	now_ns = ktime_get_ns();
	rtt->samples[rtt->done++] = min_t(u64, now_ns - rtt->sent_ns, U32_MAX);
	if (rtt->done == rtt->count)
		return 1;
	rtt->sent_ns = now_ns;
	return rtt_send(end);
}

static void rtt_work(struct work_struct *work)
{
	struct rtt_end *end = container_of(work, struct rtt_end, work);
	struct floor_rtt *rtt = end->rtt;
	int ret;

	for (;;) {
		struct kvec vec = {
			.iov_base = end->buf + end->have,
			.iov_len = rtt->bytes - end->have,
		};
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT };

		ret = kernel_recvmsg(end->sock, &msg, &vec, 1, vec.iov_len, MSG_DONTWAIT);
		if (ret == -EAGAIN)
			return;
		if (!ret)
			ret = -EPIPE;
		if (ret < 0)
			break;
		end->have += ret;
		if (end->have < rtt->bytes)
			continue;
		end->have = 0;
		ret = rtt_message(end);
		if (ret)
			break;
	}
	if (ret < 0)
		WRITE_ONCE(rtt->error, ret);
	complete(&rtt->finished);
}

static void rtt_data_ready(struct sock *sk)
{
	struct rtt_end *end;

	read_lock_bh(&sk->sk_callback_lock);
	end = sk->sk_user_data;
	if (end)
		queue_work(rtt_wq, &end->work);
	read_unlock_bh(&sk->sk_callback_lock);
}

static int rtt_attach(struct rtt_end *end, int fd)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	sk = sock->sk;
	if (sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP ||
	    sk->sk_state != TCP_ESTABLISHED) {
		sockfd_put(sock);
		return -ENOTCONN;
	}
	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data) {
		write_unlock_bh(&sk->sk_callback_lock);
		sockfd_put(sock);
		return -EBUSY;
	}
	end->sock = sock;
	end->data_ready = sk->sk_data_ready;
	sk->sk_user_data = end;
	sk->sk_data_ready = rtt_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	return 0;
}

static void rtt_detach(struct rtt_end *end)
{
	struct sock *sk;

	if (!end->sock)
		return;
	sk = end->sock->sk;
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = end->data_ready;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
	/* the callback queues under the lock: nothing is queued from here on */
	cancel_work_sync(&end->work);
	sockfd_put(end->sock);
}

static int rtt_run(struct floor_rtt *rtt)
{
	long left;
	int err;

	rtt->sent_ns = ktime_get_ns();
	err = rtt_send(&rtt->end[0]);
	if (err)
		return err;
	left = wait_for_completion_killable_timeout(&rtt->finished, RTT_LIMIT_S * HZ);
	if (left < 0)
		return left;
	return left ? READ_ONCE(rtt->error) : -ETIMEDOUT;
}

/**
 * floor_rtt() - measure round trips
 * @ask: sockets, length and count, checked against the limits
 * @samples: room for @ask->count, nanoseconds each
 *
 * Context: process; may sleep, for RTT_LIMIT_S seconds at most; can be killed.
 * Return: 0 or negative errno.
 */
int floor_rtt(const struct kqfloor_rtt *ask, u32 *samples)
{
	struct floor_rtt *rtt;
	int i, err = 0;

	rtt = kvzalloc(sizeof(*rtt), GFP_KERNEL);
	if (!rtt)
		return -ENOMEM;
	rtt->bytes = ask->bytes;
	rtt->count = ask->count;
	rtt->samples = samples;
	init_completion(&rtt->finished);
	for (i = 0; i < 2; i++) {
		rtt->end[i].rtt = rtt;
		rtt->end[i].first = !i;
		INIT_WORK(&rtt->end[i].work, rtt_work);
	}
	for (i = 0; i < 2 && !err; i++)
		err = rtt_attach(&rtt->end[i], ask->fd[i]);
	if (!err)
		err = rtt_run(rtt);
	for (i = 0; i < 2; i++)
		rtt_detach(&rtt->end[i]);
	kvfree(rtt);
	return err;
}

/**
 * floor_rtt_init() - the queue that receives
 *
 * Return: 0 or -ENOMEM.
 */
int floor_rtt_init(void)
{
	rtt_wq = alloc_workqueue("kqfloor", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	return rtt_wq ? 0 : -ENOMEM;
}

/**
 * floor_rtt_exit() - undo it
 */
void floor_rtt_exit(void)
{
	destroy_workqueue(rtt_wq);
}
