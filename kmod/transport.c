// SPDX-License-Identifier: GPL-2.0
/*
 * Sending and receiving on a connection.
 *
 * The socket's callbacks run in softirq or under the socket's lock: they only queue
 * work. The receive work steps the core, and whoever leaves a step sends what came out
 * of it: one hop from a message to its answer.
 *
 * Memory reclaim may wait for a lock that we guard, so the works run in a noio scope
 * and the socket allocates with GFP_NOIO.
 */
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include "node.h"
#include "trace.h"
#include "transport.h"

#define KQ_SEND_VECS	16	/* messages in one sendmsg() */
#define KQ_SEND_ROUNDS	16	/* sendmsg() in a row before the work goes on with it */
#define KQ_RECV_MESSAGES 64	/* in one run of the receive work */

/* --- callbacks of the socket -------------------------------------------------------- */

static void conn_queue_work(struct kq_conn *conn, struct work_struct *work)
{
	kq_conn_get(conn);
	if (!queue_work(kq_wq, work))
		kq_conn_put(conn);
}

/* A timer of TCP's calls without rcu_read_lock(); what protects is the callback lock. */
static struct kq_conn *conn_of(struct sock *sk)
{
	return __locked_read_sk_user_data_with_flags(sk, SK_USER_DATA_NOCOPY);
}

static void conn_data_ready(struct sock *sk)
{
	struct kq_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = conn_of(sk);
	if (conn)
		conn_queue_work(conn, &conn->rx);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void conn_write_space(struct sock *sk)
{
	struct kq_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = conn_of(sk);
	if (conn && sk_stream_is_writeable(sk)) {
		clear_bit(SOCK_NOSPACE, &conn->sock->flags);
		conn_queue_work(conn, &conn->tx);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

/**
 * kq_conn_hook() - from now on the socket's events are ours
 * @conn: the connection
 *
 * Return: 0, or -EBUSY when something else in the kernel has the socket.
 */
int kq_conn_hook(struct kq_conn *conn)
{
	struct sock *sk = conn->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data) {
		write_unlock_bh(&sk->sk_callback_lock);
		return -EBUSY;
	}
	conn->data_ready = sk->sk_data_ready;
	conn->state_change = sk->sk_state_change;
	conn->write_space = sk->sk_write_space;
	/* Not counted: who disconnects the socket and listens on it must not clone this. */
	__rcu_assign_sk_user_data_with_flags(sk, conn, SK_USER_DATA_NOCOPY);
	sk->sk_data_ready = conn_data_ready;
	sk->sk_state_change = conn_data_ready;
	sk->sk_write_space = conn_write_space;
	write_unlock_bh(&sk->sk_callback_lock);
	return 0;
}

/**
 * kq_conn_unhook() - no event of the socket comes any more
 * @conn: the connection
 */
void kq_conn_unhook(struct kq_conn *conn)
{
	struct sock *sk = conn->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = conn->data_ready;
	sk->sk_state_change = conn->state_change;
	sk->sk_write_space = conn->write_space;
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
}

/* --- sending ------------------------------------------------------------------------ */

/**
 * kq_conn_queue() - messages wait for kq_conn_send()
 * @conn: the connection
 * @list: struct kq_msg; emptied
 *
 * Context: under the node's lock, which keeps the order.
 */
void kq_conn_queue(struct kq_conn *conn, struct list_head *list)
{
	struct kq_msg *msg;
	long count = 0;
	u32 bytes = 0;

	list_for_each_entry(msg, list, node) {
		bytes += msg->len;
		count++;
	}
	kq_object_add(KQ_OBJECT_MESSAGE, count);
	spin_lock(&conn->lock);
	if (list_empty(&conn->queue))
		conn->moved_ns = kq_clock();
	list_splice_tail_init(list, &conn->queue);
	conn->queued += bytes;
	spin_unlock(&conn->lock);
}

/* The first messages as vectors. Only who has @sending removes, so they stay. */
static u32 peek_messages(struct kq_conn *conn, struct kvec *vec, u32 *bytes)
{
	u32 count = 0, offset = conn->offset;
	struct kq_msg *msg;

	*bytes = 0;
	list_for_each_entry(msg, &conn->queue, node) {
		if (count == KQ_SEND_VECS)
			break;
		vec[count].iov_base = (u8 *)&msg->data + offset;
		vec[count].iov_len = msg->len - offset;
		*bytes += msg->len - offset;
		offset = 0;
		count++;
	}
	return count;
}

static void drop_sent(struct kq_conn *conn, u32 sent, struct list_head *done)
{
	struct kq_msg *msg;

	conn->queued -= sent;
	conn->moved_ns = kq_clock();
	sent += conn->offset;
	while (sent && (msg = list_first_entry_or_null(&conn->queue, struct kq_msg, node))) {
		if (sent < msg->len)
			break;
		sent -= msg->len;
		list_move_tail(&msg->node, done);
	}
	conn->offset = sent;
}

static void free_messages(struct list_head *list)
{
	struct kq_msg *msg, *next;

	list_for_each_entry_safe(msg, next, list, node) {
		kq_free(msg);
		kq_object_add(KQ_OBJECT_MESSAGE, -1);
	}
	INIT_LIST_HEAD(list);
}

/* One sendmsg(). Called and returns with @lock held. Return: go on? */
static bool send_some(struct kq_conn *conn)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec[KQ_SEND_VECS];
	LIST_HEAD(done);
	u32 count, bytes;
	int sent;

	conn->again = false;
	count = peek_messages(conn, vec, &bytes);
	if (!count)
		return false;
	spin_unlock(&conn->lock);
	sent = kernel_sendmsg(conn->sock, &msg, vec, count, bytes);
	spin_lock(&conn->lock);
	if (sent > 0) {
		drop_sent(conn, sent, &done);
		spin_unlock(&conn->lock);
		free_messages(&done);
		spin_lock(&conn->lock);
		return true;
	}
	if (sent == -EAGAIN)
		return conn->again;	/* room came while we were told that there is none */
	conn->error = sent ? sent : -EPIPE;
	return false;
}

/**
 * kq_conn_send() - send what is queued, as far as the socket takes it
 * @conn: the connection; the caller has a reference
 *
 * One sends at a time, so that nothing is interleaved; whoever comes meanwhile leaves
 * his messages to that one.
 * Context: may sleep, not under the node's lock.
 */
void kq_conn_send(struct kq_conn *conn)
{
	u32 rounds = 0;
	bool more = true;

	spin_lock(&conn->lock);
	conn->again = true;
	if (conn->sending || conn->dead || conn->error) {
		spin_unlock(&conn->lock);
		return;
	}
	conn->sending = true;
	while (more && !conn->dead && rounds++ < KQ_SEND_ROUNDS)
		more = send_some(conn);
	conn->sending = false;
	more = (more || conn->error) && !conn->dead;
	spin_unlock(&conn->lock);
	/* A broken connection too is for the work: its end is a step, which sends in turn. */
	if (more)
		conn_queue_work(conn, &conn->tx);
}

/* The socket reports an error, or (-EPIPE) the end. */
static void conn_broken(struct kq_conn *conn, int err)
{
	char why[48];

	switch (err) {
	case -EPIPE:
		kq_conn_break(conn, false, "peer closed the connection");
		break;
	case -ECONNRESET:
		kq_conn_break(conn, false, "peer reset the connection");
		break;
	case -ETIMEDOUT:
		kq_conn_break(conn, false, "peer does not answer (TCP)");
		break;
	default:
		/* %pe: -EHOSTUNREACH, where the kernel knows its name */
		snprintf(why, sizeof(why), "connection broken: %pe", ERR_PTR(err));
		kq_conn_break(conn, false, why);
	}
}

/**
 * kq_sock_set_dead() - a peer that is silent for that long is dead, whether or not we send
 * @sk: the connection's
 * @dead_ms: about two election timeouts
 */
void kq_sock_set_dead(struct sock *sk, u32 dead_ms)
{
	tcp_sock_set_user_timeout(sk, dead_ms);
	tcp_sock_set_keepidle(sk, max_t(u32, dead_ms / 1000, 1));
}

/**
 * kq_conn_set_dead() - the settings have changed
 * @conn: the connection
 * @dead_ms: as kq_sock_set_dead()
 *
 * Context: under the node's lock, for which whoever has the socket's may wait: the work does it.
 */
void kq_conn_set_dead(struct kq_conn *conn, u32 dead_ms)
{
	WRITE_ONCE(conn->dead_ms, dead_ms);
	kq_conn_get(conn);
	if (!queue_work(kq_wq, &conn->tx))
		kq_conn_put(conn);
}

static void take_dead(struct kq_conn *conn)
{
	u32 dead_ms = READ_ONCE(conn->dead_ms);

	if (dead_ms == conn->dead_was_ms)
		return;
	conn->dead_was_ms = dead_ms;
	kq_sock_set_dead(conn->sock->sk, dead_ms);
}

/**
 * kq_conn_tx_work() - the socket has room, or is broken, or the settings have changed
 * @work: of the connection, with a reference to it
 */
void kq_conn_tx_work(struct work_struct *work)
{
	struct kq_conn *conn = container_of(work, struct kq_conn, tx);
	unsigned int noio = memalloc_noio_save();

	take_dead(conn);
	kq_conn_send(conn);
	if (READ_ONCE(conn->error))
		conn_broken(conn, conn->error);
	memalloc_noio_restore(noio);
	kq_conn_put(conn);
}

/* --- receiving ---------------------------------------------------------------------- */

/*
 * Reads what the socket has, as far as there is room: mostly whole messages, header and
 * body in one go. Return: 0, -EAGAIN, or the errno that ends the connection.
 */
static int recv_some(struct kq_conn *conn)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec;
	int n;

	if (conn->in_start) {
		conn->in_end -= conn->in_start;
		memmove(conn->in, conn->in + conn->in_start, conn->in_end);
		conn->in_start = 0;
	}
	vec.iov_base = conn->in + conn->in_end;
	vec.iov_len = KQ_RECV_BUFFER - conn->in_end;
	n = kernel_recvmsg(conn->sock, &msg, &vec, 1, vec.iov_len, msg.msg_flags);
	if (n <= 0)
		return n ? n : -EPIPE;
	conn->in_end += n;
	return 0;
}

/* Return: bytes of the message at the start of what was received; 0: not whole yet; errno. */
static int whole_message(struct kq_conn *conn, const char **why)
{
	const struct kq_wire_hdr *hdr = (const void *)(conn->in + conn->in_start);
	u32 have = conn->in_end - conn->in_start;
	int len;

	if (have < sizeof(*hdr))
		return 0;
	len = kq_wire_check_header(hdr, &conn->wire, why);
	if (len < 0)
		return len;
	return have < sizeof(*hdr) + len ? 0 : (int)sizeof(*hdr) + len;
}

/* Return: 0 a message was handled; -EAGAIN; other errno: the connection ends. */
static int recv_message(struct kq_conn *conn, const char **why)
{
	const struct kq_wire_hdr *hdr;
	struct kq_step step;
	int err, len;

	while (!(len = whole_message(conn, why))) {
		err = recv_some(conn);
		if (err)
			return err;
	}
	if (len < 0)
		return len;
	hdr = (const void *)(conn->in + conn->in_start);
	conn->in_start += len;
	err = kq_wire_check_body(hdr, hdr + 1, why);
	if (err)
		return err;
	err = kq_node_enter(conn->node, &step);
	if (err)
		return err;
	/* A message of a connection that was replaced must not reach the core. */
	if (conn->node->conn[conn->peer] == conn) {
		kq_trace_call_bytes(conn->node, KQ_TRACE_RECV, conn->peer, hdr, len);
		err = kq_core_recv(step.core, step.now, hdr, hdr + 1, why);
		kq_trace_result(conn->node, err, 0);
	} else {
		err = -ESTALE;
	}
	kq_node_leave(&step);
	return err;
}

/**
 * kq_conn_rx_work() - there is something to receive, or the connection has ended
 * @work: of the connection, with a reference to it
 */
void kq_conn_rx_work(struct work_struct *work)
{
	struct kq_conn *conn = container_of(work, struct kq_conn, rx);
	unsigned int noio = memalloc_noio_save();
	const char *why = NULL;
	int i, err = 0;

	for (i = 0; i < KQ_RECV_MESSAGES && !err && !READ_ONCE(conn->dead); i++)
		err = recv_message(conn, &why);
	/* Who asks and takes no answers must not fill the memory until the next tick. */
	if (!err && READ_ONCE(conn->queued) > KQ_CONN_QUEUE_MAX)
		kq_conn_break(conn, false, "peer too slow: send queue over its bound");
	else if (!err && !READ_ONCE(conn->dead))
		conn_queue_work(conn, &conn->rx);	/* others have their turn first */
	else if (why)
		kq_conn_break(conn, true, why);
	else if (err && err != -EAGAIN)
		conn_broken(conn, err);
	memalloc_noio_restore(noio);
	kq_conn_put(conn);
}
