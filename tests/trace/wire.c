// SPDX-License-Identifier: GPL-2.0
/*
 * What a node received on a connection is what its peer had sent there, from the first byte on,
 * in order. Both ends of a connection are found by their ports.
 */
#include "replay.h"

struct packet {
	struct packet *next;
	u32 len;
	u8 data[];
};

/* A connection; index 0 is the end of the lower node. */
struct wire {
	struct wire *next;
	u32 node[2], port[2];
	bool attached[2];	/* ever */
	struct packet *sent[2], **tail[2];
};

static struct wire *wires;	/* the newest first */
static struct wire *end_of[SIM_NODES + 1][SIM_NODES + 1];	/* node, peer */

static u32 side(const struct wire *w, u32 node)
{
	return w->node[1] == node;
}

static struct wire *wire_find(u32 node, u32 peer, u32 own, u32 other)
{
	struct wire *w;

	for (w = wires; w; w = w->next) {
		u32 i = side(w, node);

		if (w->node[i] == node && w->node[!i] == peer && w->port[i] == own &&
		    w->port[!i] == other && !w->attached[i])
			return w;
	}
	return NULL;
}

/**
 * wire_up() - a node is given its end of a connection
 * @node: the node
 * @peer: the other
 * @ports: own port << 16 | the other's
 */
void wire_up(u32 node, u32 peer, u32 ports)
{
	u32 i = node > peer, own = ports >> 16, other = ports & 0xffff;
	struct wire *w = wire_find(node, peer, own, other);

	if (!w) {
		w = sim_calloc(1, sizeof(*w));
		w->node[i] = node;
		w->node[!i] = peer;
		w->port[i] = own;
		w->port[!i] = other;
		w->tail[0] = &w->sent[0];
		w->tail[1] = &w->sent[1];
		w->next = wires;
		wires = w;
	}
	w->attached[i] = true;
	end_of[node][peer] = w;
}

/**
 * wire_down() - the node let go of it
 * @node: the node
 * @peer: the other
 */
void wire_down(u32 node, u32 peer)
{
	end_of[node][peer] = NULL;
}

/**
 * wire_node_gone() - of all of them
 * @node: the node
 */
void wire_node_gone(u32 node)
{
	u32 peer;

	for (peer = 1; peer <= SIM_NODES; peer++)
		end_of[node][peer] = NULL;
}

/**
 * wire_send() - a message goes into the connection
 * @node: from
 * @peer: to
 * @data: header and body
 * @len: bytes
 */
void wire_send(u32 node, u32 peer, const void *data, u32 len)
{
	struct wire *w = end_of[node][peer];
	struct packet *k;
	u32 i;

	if (!w)
		return;
	i = side(w, node);
	k = malloc(sizeof(*k) + len);
	if (!k)
		abort();
	k->next = NULL;
	k->len = len;
	memcpy(k->data, data, len);
	*w->tail[i] = k;
	w->tail[i] = &k->next;
}

/**
 * wire_can_take() - is there a message that was sent and not yet received?
 * @node: the receiver
 * @peer: the sender
 *
 * Return: true if so; also when nothing is known of the connection, for wire_take() to say so.
 */
bool wire_can_take(u32 node, u32 peer)
{
	struct wire *w = end_of[node][peer];

	return !w || w->sent[!side(w, node)];
}

/**
 * wire_take() - a message comes out of the connection: is it the one that is due?
 * @s: the world
 * @node: the receiver
 * @peer: the sender
 * @data: header and body
 * @len: bytes
 */
void wire_take(struct sim *s, u32 node, u32 peer, const void *data, u32 len)
{
	struct wire *w = end_of[node][peer];
	const struct kq_wire_hdr *h = data, *due;
	struct packet *k;
	u32 i;

	if (!w)
		sim_fail(s, &s->node[node], "receives a message of node %u and has no connection to it",
			 peer);
	i = !side(w, node);
	k = w->sent[i];
	if (!k)
		sim_fail(s, &s->node[node], "receives %s, which node %u has not sent on this connection",
			 kq_msg_name(h->type), peer);
	due = (const void *)k->data;
	if (k->len != len || memcmp(k->data, data, len))
		sim_fail(s, &s->node[node], "receives %s of %u bytes; what node %u sent next on this connection is %s of %u bytes%s",
			 kq_msg_name(h->type), len, peer, kq_msg_name(due->type), k->len,
			 k->len == len ? ", not the same" : "");
	w->sent[i] = k->next;
	if (!w->sent[i])
		w->tail[i] = &w->sent[i];
	free(k);
}
