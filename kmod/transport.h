/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections between nodes: TCP sockets handed over by user space.
 */
#ifndef KQ_TRANSPORT_H
#define KQ_TRANSPORT_H

#include <linux/inet.h>
#include <linux/net.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include "core/kq_core.h"

#define KQ_CONN_QUEUE_MAX (4 * 1024 * 1024)	/* bytes waiting; more ends the connection */
#define KQ_RECV_BUFFER	(sizeof(struct kq_wire_hdr) + KQ_WIRE_BODY_MAX)	/* one message, whole */

struct kq_node;
struct kq_step;

/**
 * struct kq_conn_ask - whose socket is handed over
 * @id: node id of the peer
 * @past: the peer's, as its greeting told
 * @epoch: of the daemon that hands it over
 * @name: of the peer, as its greeting told; empty: it did not
 */
struct kq_conn_ask {
	u32 id;
	const struct kquorum_past *past;
	u64 epoch;
	char name[KQUORUM_NODE_NAME_MAX + 1];
};

/**
 * struct kq_conn - one connection
 * @ref: the node's pointer, each work that is queued, each sender have one
 * @node: the node, with a reference
 * @peer: node id
 * @name: as its greeting told
 * @from: IP address of the other end
 * @wire: what each header on it must say
 * @sock: the socket, with a reference to its file
 * @data_ready: the socket's own callbacks, restored when it is let go
 * @state_change: likewise
 * @write_space: likewise
 * @rx: receives
 * @tx: sends, when the socket has room again
 * @close: lets go of the socket
 * @dead: protected by @lock: nothing is sent any more
 * @reset: close with RST instead of FIN
 * @dead_ms: how long a peer may be silent before it is given up; under the node's lock
 * @dead_was_ms: what the socket knows of that; @tx only
 * @lock: protects what follows; taken in process context only
 * @queue: struct kq_msg, in order; the first may be sent in part
 * @queued: bytes in @queue, without what was sent of the first
 * @offset: bytes of the first message that were sent
 * @sending: somebody is sending: the others only queue
 * @again: ... and must look again before it stops
 * @error: negative errno of sendmsg(): the connection is over
 * @moved_ns: when bytes left @queue last, or it was empty
 * @in: KQ_RECV_BUFFER bytes received and not handled yet; receive work only
 * @in_start: where the next message starts in @in
 * @in_end: behind the last byte received
 */
struct kq_conn {
	refcount_t ref;
	struct kq_node *node;
	u32 peer;
	char name[KQUORUM_NODE_NAME_MAX + 1];
	char from[INET6_ADDRSTRLEN];
	struct kq_wire_peer wire;
	struct socket *sock;
	void (*data_ready)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	struct work_struct rx;
	struct work_struct tx;
	struct work_struct close;
	bool reset;
	u32 dead_ms;
	u32 dead_was_ms;

	spinlock_t lock;
	bool dead;
	struct list_head queue;
	u32 queued;
	u32 offset;
	bool sending;
	bool again;
	int error;
	u64 moved_ns;

	u8 *in;
	u32 in_start;
	u32 in_end;
};

/* transport.c */
void kq_conn_queue(struct kq_conn *conn, struct list_head *list);
void kq_conn_send(struct kq_conn *conn);
void kq_conn_rx_work(struct work_struct *work);
void kq_conn_tx_work(struct work_struct *work);
void kq_sock_set_dead(struct sock *sk, u32 dead_ms);
void kq_conn_set_dead(struct kq_conn *conn, u32 dead_ms);
int kq_conn_hook(struct kq_conn *conn);
void kq_conn_unhook(struct kq_conn *conn);

/* peer.c */
void kq_conn_get(struct kq_conn *conn);
void kq_conn_put(struct kq_conn *conn);
void kq_peer_reason(struct kq_step *step, u32 id, const char *why);
int kq_conn_attach(struct kq_node *node, int fd, const struct kq_conn_ask *ask,
		   const char **why);
int kq_conn_detach(struct kq_node *node, u32 id, u64 epoch, const char **why);
void kq_conn_close(struct kq_conn *conn, bool reset);
void kq_conn_break(struct kq_conn *conn, bool bad_message, const char *why);
void kq_conns_tick(struct kq_step *step);

#endif /* KQ_TRANSPORT_H */
