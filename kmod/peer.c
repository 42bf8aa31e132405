// SPDX-License-Identifier: GPL-2.0
/*
 * A connection's life: attached with a socket of the daemon's, watched for a stall, let
 * go when it breaks, is replaced, or the node goes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/tcp.h>
#include <linux/vmalloc.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>
#include "compat.h"
#include "node.h"
#include "trace.h"
#include "transport.h"

/**
 * kq_conn_get() - one more reference
 * @conn: the connection; the caller has one, or its socket's callback lock
 */
void kq_conn_get(struct kq_conn *conn)
{
	refcount_inc(&conn->ref);
}

static void conn_free(struct kq_conn *conn)
{
	struct kq_msg *msg, *next;

	list_for_each_entry_safe(msg, next, &conn->queue, node) {
		kq_free(msg);
		kq_object_add(KQ_OBJECT_MESSAGE, -1);
	}
	vfree(conn->in);
	kfree(conn);
	kq_object_add(KQ_OBJECT_PEER, -1);
}

/**
 * kq_conn_put() - one reference less; the last lets go of socket and node
 * @conn: the connection
 *
 * Context: process, or a socket's callback for a reference that is not the last.
 */
void kq_conn_put(struct kq_conn *conn)
{
	struct kq_node *node = conn->node;

	if (!refcount_dec_and_test(&conn->ref))
		return;
	/*
	 * ORDER: the count first. Were it higher than what pins the namespace, this would
	 * look abandoned.
	 */
	atomic_dec(&node->sockets);
	if (conn->reset)
		sock_no_linger(conn->sock->sk);
	sockfd_put(conn->sock);
	conn_free(conn);
	kq_node_put(node);
}

static void conn_close_work(struct work_struct *work)
{
	struct kq_conn *conn = container_of(work, struct kq_conn, close);

	kq_conn_unhook(conn);
	/*
	 * The daemon may still have the file: make sure that the connection ends. RST is
	 * what the last close sends, so that must be ours.
	 */
	if (!conn->reset || file_count(conn->sock->file) > 1)
		kernel_sock_shutdown(conn->sock, SHUT_RDWR);
	kq_conn_put(conn);
}

/**
 * kq_conn_close() - let go of a connection that the node no longer has
 * @conn: the connection; takes over the reference of the node's pointer
 * @reset: with RST, which waits for nothing
 *
 * Context: under the node's lock; the socket is used later, by a work.
 */
void kq_conn_close(struct kq_conn *conn, bool reset)
{
	spin_lock(&conn->lock);
	conn->reset = reset;
	WRITE_ONCE(conn->dead, true);
	spin_unlock(&conn->lock);
	queue_work(kq_wq, &conn->close);
}

/* A stranger that does not come any more is forgotten after so many election timeouts. */
#define KQ_STRANGER_ELECTIONS 30

/**
 * kq_peer_reason() - note why there is no connection
 * @step: the step
 * @id: to whom; this node: why it takes none
 * @why: for a person, cut when too long; empty: no reason any more
 */
void kq_peer_reason(struct kq_step *step, u32 id, const char *why)
{
	struct kq_member *m = &step->node->member[id];

	/* Why one went that has left is no news. */
	if (kq_core_is_gone(step->core, id))
		return;
	strscpy(m->reason, why, sizeof(m->reason));
	m->reason_ns = step->now;
}

/* Of a member the reason stays until it comes; of others nobody says that it does not hold. */
static void forget_strangers(struct kq_step *step)
{
	u64 limit = KQ_STRANGER_ELECTIONS * (u64)step->node->cfg.set.election_ms * NSEC_PER_MSEC;
	u32 id;

	if (!step->core->conf_index)
		return;
	kq_for_each_node(KQ_NODES_BITS & ~kq_conf_members(&step->core->conf), id) {
		struct kq_member *m = &step->node->member[id];

		if (id != step->node->cfg.self && m->reason[0] && !step->node->conn[id] &&
		    step->now > m->reason_ns && step->now - m->reason_ns > limit)
			m->reason[0] = '\0';
	}
}

/* Takes a connection out of the node, with the core told. */
static void conn_remove(struct kq_step *step, struct kq_conn *conn, bool reset, const char *why)
{
	struct kq_node *node = step->node;

	node->conn[conn->peer] = NULL;
	kq_peer_reason(step, conn->peer, why);
	kq_trace_call(node, KQ_TRACE_PEER_DOWN, conn->peer, 0, 0);
	kq_core_peer_down(step->core, step->now, conn->peer);
	kq_node_event(node, KQUORUM_EVENT_PEER);
	kq_conn_close(conn, reset);
}

/**
 * kq_conn_break() - end a connection for a reason
 * @conn: the connection; nothing happens when the node no longer has it
 * @bad_message: the peer said what cannot be
 * @why: for a person
 *
 * Context: may sleep, not under the node's lock.
 */
void kq_conn_break(struct kq_conn *conn, bool bad_message, const char *why)
{
	struct kq_node *node = conn->node;
	struct kq_step step;

	if (kq_node_enter(node, &step))
		return;
	if (node->conn[conn->peer] == conn) {
		if (bad_message) {
			node->bad_messages++;
			node->member[conn->peer].drops++;
			snprintf(node->reason, sizeof(node->reason), "message of %s refused: %s",
				 node->member[conn->peer].name, why);
			pr_warn_ratelimited("%s/%s: %s\n", node->cluster,
					    node->member[node->cfg.self].name, node->reason);
		}
		conn_remove(&step, conn, bad_message, why);
	}
	kq_node_leave(&step);
}

/**
 * kq_conns_tick() - find connections whose queue does not move, forget old reasons
 * @step: the step
 */
void kq_conns_tick(struct kq_step *step)
{
	struct kq_node *node = step->node;
	u32 dead_ms = 2 * step->core->eff.election_ms;
	u64 limit = (u64)dead_ms * NSEC_PER_MSEC;
	u32 id;

	forget_strangers(step);
	for (id = 1; id <= KQ_MAX_NODES; id++) {
		struct kq_conn *conn = node->conn[id];
		bool stalled, full;

		if (!conn)
			continue;
		spin_lock(&conn->lock);
		stalled = conn->queued && step->now > conn->moved_ns &&
			step->now - conn->moved_ns > limit;
		full = conn->queued > KQ_CONN_QUEUE_MAX;
		spin_unlock(&conn->lock);
		if (stalled)
			conn_remove(step, conn, true, "stalled: peer takes no bytes");
		else if (full)
			conn_remove(step, conn, true, "peer too slow: send queue over its bound");
		else if (conn->dead_ms != dead_ms)
			kq_conn_set_dead(conn, dead_ms);
	}
}

/* --- attach and detach -------------------------------------------------------------- */

static int sock_check(struct socket *sock, const struct net *net, const char **why)
{
	struct sock *sk = sock->sk;

	if (!net) {
		*why = "the node went down";
		return -ENODEV;
	}
	if (sock->type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP ||
	    (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)) {
		*why = "not a TCP socket";
		return -EPROTOTYPE;
	}
	if (!net_eq(sock_net(sk), net)) {
		*why = "socket of another network namespace";
		return -EXDEV;
	}
	if (sk->sk_state != TCP_ESTABLISHED) {
		*why = "socket is not connected";
		return -ENOTCONN;
	}
	/* Such a protocol (TLS, say) has callbacks of its own, which ours would cut off. */
	if (inet_csk_has_ulp(sk)) {
		*why = "socket with an upper layer protocol (TCP_ULP)";
		return -EPROTOTYPE;
	}
	return 0;
}

static void sock_prepare(struct sock *sk, u32 dead_ms)
{
	lock_sock(sk);
	sk->sk_allocation = GFP_NOIO;
	kq_sock_no_task_frag(sk);
	/* The last close is ours, in a work that closes for the whole machine: no waiting. */
	sock_reset_flag(sk, SOCK_LINGER);
	release_sock(sk);
	tcp_sock_set_nodelay(sk);
	kq_sock_set_dead(sk, dead_ms);
	tcp_sock_set_keepintvl(sk, 1);
	tcp_sock_set_keepcnt(sk, 3);
	sock_set_keepalive(sk);
}

/* Without its port, which says nothing of who dialled. */
static void note_from(struct kq_conn *conn)
{
	struct sockaddr_storage a;
	const struct in6_addr *six = &((struct sockaddr_in6 *)&a)->sin6_addr;

	if (kernel_getpeername(conn->sock, (struct sockaddr *)&a) < 0)
		return;
	if (a.ss_family == AF_INET6 && ipv6_addr_v4mapped(six))
		snprintf(conn->from, sizeof(conn->from), "%pI4", &six->s6_addr32[3]);
	else
		snprintf(conn->from, sizeof(conn->from), "%pISc", &a);
}

static struct kq_conn *conn_create(struct kq_node *node, const struct kq_conn_ask *ask,
				   struct socket *sock)
{
	struct kq_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	conn->in = __vmalloc(KQ_RECV_BUFFER, GFP_KERNEL | __GFP_NOWARN);
	if (!conn->in) {
		kfree(conn);
		return NULL;
	}
	kq_object_add(KQ_OBJECT_PEER, 1);
	refcount_set(&conn->ref, 1);
	conn->node = node;
	conn->peer = ask->id;
	strscpy(conn->name, ask->name, sizeof(conn->name));
	conn->sock = sock;
	note_from(conn);
	spin_lock_init(&conn->lock);
	INIT_LIST_HEAD(&conn->queue);
	INIT_WORK(&conn->rx, kq_conn_rx_work);
	INIT_WORK(&conn->tx, kq_conn_tx_work);
	INIT_WORK(&conn->close, conn_close_work);
	conn->moved_ns = kq_clock();
	return conn;
}

/* Own and other port: a trace finds the other end of the connection by them. */
static u32 ports(const struct sock *sk)
{
	return (u32)sk->sk_num << 16 | be16_to_cpu(sk->sk_dport);
}

/* Why the core does not take a connection. */
static const char *refusal(int err)
{
	switch (err) {
	case -EBUSY:
		return "it is connected: it was restarted just now, or two machines have its files";
	case -EKEYREJECTED:
		return "its files are new, and the cluster knows other files under its number";
	case -EXDEV:
		return "its log was begun by another node: it is of another cluster";
	case -ESTALE:
		return "its files are older than those with which it was met before";
	case -ENOSPC:
		return "the log is full: there is no room to note whom it meets";
	default:
		return "it is no other node, or tells neither identity nor incarnation";
	}
}

/* Makes @conn the node's connection to its peer; the core may send on it at once. */
static int conn_install(struct kq_conn *conn, const struct kq_conn_ask *ask, const char **why)
{
	const struct kquorum_past *past = ask->past;
	struct kq_node *node = conn->node;
	struct kq_conn *old;
	struct kq_step step;
	int err;

	err = kq_node_enter(node, &step);
	if (err) {
		*why = err == -EBUSY ? "this node is still reading its log" : "the node went down";
		return err;
	}
	old = node->conn[conn->peer];
	if (ask->epoch != node->epoch) {
		*why = "another daemon has taken the node";
		err = -ESTALE;
		goto leave;
	}
	kq_core_wire_peer(step.core, conn->peer, &conn->wire);
	conn->wire.peer_inc = le64_to_cpu(past->incarnation);
	err = kq_conn_hook(conn);
	if (err) {
		*why = "something else in the kernel uses this socket";
		goto leave;
	}
	kq_trace_peer_up(node, conn->peer, ports(conn->sock->sk), past);
	err = kq_core_peer_up(step.core, step.now, conn->peer, past);
	kq_trace_result(node, err, 0);
	if (err) {
		*why = refusal(err);
		kq_conn_unhook(conn);
		goto leave;
	}
	if (old) {
		kq_peer_reason(&step, conn->peer, "replaced by a newer connection");
		kq_conn_close(old, true);
	}
	kq_conn_get(conn);
	node->conn[conn->peer] = conn;
	kq_node_event(node, KQUORUM_EVENT_PEER);
leave:
	kq_node_leave(&step);
	return err;
}

/**
 * kq_conn_attach() - use a connected socket for a peer
 * @node: the node
 * @fd: of the calling process
 * @ask: for whom, and what its greeting told
 * @why: set to what is wrong
 *
 * Context: process; may sleep.
 * Return: 0 or negative errno.
 */
int kq_conn_attach(struct kq_node *node, int fd, const struct kq_conn_ask *ask,
		   const char **why)
{
	struct kq_conn *conn;
	struct socket *sock;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock) {
		*why = "not an open socket";
		return err;
	}
	err = sock_check(sock, READ_ONCE(node->net), why);
	if (err) {
		sockfd_put(sock);
		return err;
	}
	conn = conn_create(node, ask, sock);
	if (!conn) {
		sockfd_put(sock);
		return -ENOMEM;
	}
	/* The next tick brings that of the settings in effect. */
	conn->dead_ms = 2 * node->cfg.set.election_ms;
	conn->dead_was_ms = conn->dead_ms;
	sock_prepare(sock->sk, conn->dead_ms);
	kq_node_get(node);
	atomic_inc(&node->sockets);
	err = conn_install(conn, ask, why);
	if (!err) {
		/* What came before the callbacks were ours made no noise. */
		kq_conn_get(conn);
		if (!queue_work(kq_wq, &conn->rx))
			kq_conn_put(conn);
	}
	kq_conn_put(conn);
	return err;
}

/**
 * kq_conn_detach() - drop the connection to a peer
 * @node: the node
 * @id: the peer
 * @epoch: the daemon's
 * @why: set to what is wrong
 *
 * Return: 0, -ENOTCONN, -ESTALE or what kq_node_enter() says.
 */
int kq_conn_detach(struct kq_node *node, u32 id, u64 epoch, const char **why)
{
	struct kq_step step;
	int err = kq_node_enter(node, &step);

	if (err == -EBUSY)
		*why = "this node is still reading its log";
	if (err)
		return err;
	if (epoch != node->epoch) {
		*why = "another daemon has taken the node";
		err = -ESTALE;
	} else if (!node->conn[id]) {
		*why = "no connection to this node";
		err = -ENOTCONN;
	} else {
		conn_remove(&step, node->conn[id], false, "detached by the daemon");
	}
	kq_node_leave(&step);
	return err;
}
