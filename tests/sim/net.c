// SPDX-License-Identifier: GPL-2.0
/*
 * The network: one connection per pair, in order, with delay. It may stall (the
 * bytes come later) or break (what is on its way is lost); the two ends learn of
 * either at different times.
 */
#include "check.h"
#include "sim.h"

#define NET_WINDOW (256 * 1024)		/* bytes before the sender's socket is full */

static struct sim_conn *conn(struct sim *s, u32 a, u32 b)
{
	return a < b ? &s->conn[a][b] : &s->conn[b][a];
}

static void pipe_clear(struct sim_pipe *p)
{
	while (p->head) {
		struct sim_packet *k = p->head;

		p->head = k->next;
		free(k);
	}
	p->tail = &p->head;
	p->bytes = 0;
	p->last_due = 0;
}

void net_init(struct sim *s)
{
	u32 a, b;

	for (a = 1; a <= SIM_MACHINES; a++) {
		for (b = 1; b <= SIM_MACHINES; b++) {
			s->pipe[a][b].tail = &s->pipe[a][b].head;
			if (a < b && b <= s->d.nodes)
				sim_push(s, sim_below(s, s->d.redial_ms * SIM_MS), EV_DIAL, a, b, 0);
		}
	}
}

/* A machine more: it and all others dial. */
void net_dial_all(struct sim *s, u32 a)
{
	u32 b;

	for (b = 1; b <= sim_last(s); b++)
		if (s->node[b].id && s->node[b].id != s->node[a].id)
			sim_push(s, s->now + sim_below(s, s->d.redial_ms * SIM_MS), EV_DIAL, a, b,
				 0);
}

static void pipe_swap(struct sim_pipe *p, struct sim_pipe *q)
{
	struct sim_pipe was = *p;

	*p = *q;
	*q = was;
	if (!p->head)
		p->tail = &p->head;
	if (!q->head)
		q->tail = &q->head;
}

/* Each has the connections of the other, with all that is on its way. */
void net_swap(struct sim *s, u32 a, u32 b)
{
	struct sim_conn was;
	u32 i;

	for (i = 1; i <= sim_last(s); i++) {
		struct sim_side side = s->node[i].side[a];

		s->node[i].side[a] = s->node[i].side[b];
		s->node[i].side[b] = side;
		if (i == a || i == b)
			continue;
		was = *conn(s, i, a);
		*conn(s, i, a) = *conn(s, i, b);
		*conn(s, i, b) = was;
		pipe_swap(&s->pipe[i][a], &s->pipe[i][b]);
		pipe_swap(&s->pipe[a][i], &s->pipe[b][i]);
	}
}

void net_free(struct sim *s)
{
	u32 a, b;

	for (a = 1; a <= sim_last(s); a++)
		for (b = 1; b <= sim_last(s); b++)
			pipe_clear(&s->pipe[a][b]);
}

static u64 delay(struct sim *s)
{
	u64 us = s->d.net_us + s->d.wan_us + sim_below(s, s->d.net_jitter_us + 1);
	/* Of a network that has healed progress is demanded: a leader can keep its majority. */
	u64 spike = s->phase == PHASE_FAULTS ? 300000 : s->set.election_ms * 250;

	if (sim_below(s, 1000) < s->d.net_spike_pm)
		us += sim_below(s, min(spike, 300000));
	return us * 1000;
}

/* A message leaves the core for good. */
void net_leaves(struct sim *s, struct sim_node *n, u32 to, const struct kq_msg *m)
{
	const struct kq_wire_hdr *h = (const void *)m->data;

	if (m->to != to || m->len < sizeof(*h) || le32_to_cpu(h->len) + sizeof(*h) != m->len)
		sim_fail(s, n, "malformed message in the queue to node %u", to);
	if (m->hs_version > n->core->hs_durable)
		sim_fail(s, n, "%s left before its hard state was durable", kq_msg_name(h->type));
	check_sent(s, n, h, h + 1);
	s->st.messages++;
}

static void send_one(struct sim *s, struct sim_node *n, u32 to, struct kq_msg *m)
{
	u32 at = sim_at(s, n);
	struct sim_pipe *p = &s->pipe[at][to];
	struct sim_packet *k;

	net_leaves(s, n, s->node[to].id, m);
	if (!conn(s, at, to)->alive || n->side[to].epoch != conn(s, at, to)->epoch) {
		kq_free(m);
		return;		/* into a connection that is broken without our knowing */
	}
	k = malloc(sizeof(*k) + m->len);
	if (!k)
		abort();
	memcpy(k->data, m->data, m->len);
	k->len = m->len;
	k->next = NULL;
	p->last_due = max(p->last_due, s->now + delay(s));
	k->due = p->last_due;
	*p->tail = k;
	p->tail = &k->next;
	p->bytes += k->len;
	kq_free(m);
	sim_push(s, k->due, EV_DELIVER, at, to, n->side[to].epoch);
}

/* Take what the core has for its peers, as far as the sockets have room. */
void net_send(struct sim *s, struct sim_node *n)
{
	u32 to, at = sim_at(s, n);

	for (to = 1; to <= sim_last(s); to++) {
		LIST_HEAD(list);

		if (!n->side[to].up || s->pipe[at][to].bytes > NET_WINDOW)
			continue;
		kq_core_take_msgs(n->core, s->node[to].id, &list);
		while (!list_empty(&list)) {
			struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);

			list_del(&m->node);
			send_one(s, n, to, m);
		}
	}
}

/* A message for the core, of the node with number @from. Returns what the core did. */
int net_take(struct sim *s, struct sim_node *n, u32 from, const struct kq_wire_hdr *h,
	     const char **why)
{
	struct kq_wire_peer peer;
	u8 *body;
	struct kq_hard_state before;
	int r;

	kq_core_wire_peer(n->core, from, &peer);
	r = kq_wire_check_header(h, &peer, why);
	if (r < 0)
		sim_fail(s, n, "header of %s from node %u refused: %s", kq_msg_name(h->type), from,
			 *why ? *why : "?");
	/* Exact size, so that the sanitizer sees a read past the end. */
	body = malloc(r ? r : 1);
	if (!body)
		abort();
	memcpy(body, h + 1, r);
	if (kq_wire_check_body(h, body, why))
		sim_fail(s, n, "body of %s from node %u refused: %s", kq_msg_name(h->type), from,
			 *why ? *why : "?");
	if (sim_tracing)
		sim_trace(s, n, "<- %u %s term %llu", from, kq_msg_name(h->type),
			  (unsigned long long)le64_to_cpu(h->term));
	before = n->core->hs;
	r = kq_core_recv(n->core, sim_clock(s, n), h, body, why);
	check_received(s, n, h, body, &before);
	free(body);
	return r;
}

static void recv_one(struct sim *s, struct sim_node *n, u32 from, struct sim_packet *k)
{
	const struct kq_wire_hdr *h = (const void *)k->data;
	const char *why = NULL;
	int r = net_take(s, n, s->node[from].id, h, &why);

	if (r == -ENOMEM) {
		net_break(s, sim_at(s, n), from);
	} else if (r) {
		sim_fail(s, n, "%s from node %u refused by the core: %d, %s", kq_msg_name(h->type),
			 s->node[from].id, r, why ? why : "no reason");
	}
}

void net_deliver(struct sim *s, u32 from, u32 to, u64 epoch)
{
	struct sim_node *n = &s->node[to];
	struct sim_pipe *p = &s->pipe[from][to];
	struct sim_packet *k = p->head;
	bool full = p->bytes > NET_WINDOW;

	if (!conn(s, from, to)->alive || conn(s, from, to)->epoch != epoch || !k ||
	    p->blocked || !n->up)
		return;
	if (!n->side[from].up || n->side[from].epoch != epoch)
		return;		/* in the socket until the node is given it: net_side_up() */
	if (k->due > s->now)
		return;		/* came loose by a stall; its own event is still to come */
	p->head = k->next;
	if (!p->head)
		p->tail = &p->head;
	p->bytes -= k->len;
	recv_one(s, n, from, k);
	free(k);
	node_out(s, n);
	if (full && s->node[from].up)
		net_send(s, &s->node[from]);
}

/* Deliver all that waited in the pipe. */
static void pipe_loose(struct sim *s, u32 from, u32 to)
{
	struct sim_packet *k;

	for (k = s->pipe[from][to].head; k; k = k->next)
		sim_push(s, max(k->due, s->now), EV_DELIVER, from, to, conn(s, from, to)->epoch);
}

/* Of two machines under one number the core has a connection to one. */
static void other_is_left(struct sim *s, u32 a, u32 b)
{
	u32 id = s->node[b].id, other = b == id ? SIM_GHOST(id) : id;

	if (!s->node[a].side[other].up)
		return;
	s->node[a].side[other].up = false;
	net_break(s, a, other);
}

void net_side_up(struct sim *s, u32 a, u32 b, u64 epoch)
{
	struct sim_node *n = &s->node[a], *peer = &s->node[b];
	struct sim_conn *c = conn(s, a, b);
	struct sim_side *side = &n->side[b];
	int err;

	if (!n->up || c->epoch != epoch || n->stopping)
		return;
	/* The greeting was for an incarnation of both that may be over. */
	if (side->inc_self != n->core->hs.incarnation)
		return;
	err = kq_core_peer_up(n->core, sim_clock(s, n), peer->id, &side->peer);
	sim_trace(s, n, "connection to node %u%s: %d", peer->id,
		  b > SIM_NODES ? ", a ghost" : "", err);
	check_taken(s, n, peer, &side->peer, err);
	if (err) {
		net_break(s, a, b);	/* an older one stays, until this side learns that it broke */
	} else {
		other_is_left(s, a, b);
		side->up = true;
		side->epoch = epoch;
		side->inc_peer = le64_to_cpu(side->peer.incarnation);
		side->identity_peer = le64_to_cpu(side->peer.identity);
		pipe_loose(s, b, a);
		if (!c->alive)	/* it broke before it was handed over */
			sim_push(s, s->now + sim_below(s, s->d.detect_ms * SIM_MS), EV_SIDE_DOWN,
				 a, b, epoch);
	}
	node_out(s, n);
}

void net_side_down(struct sim *s, u32 a, u32 b, u64 epoch)
{
	struct sim_node *n = &s->node[a];
	struct sim_side *side = &n->side[b];

	if (!n->up || !side->up || side->epoch != epoch)
		return;
	side->up = false;
	sim_trace(s, n, "connection to node %u broke", s->node[b].id);
	kq_core_peer_down(n->core, sim_clock(s, n), s->node[b].id);
	node_out(s, n);
}

/* The connection is dead; both ends learn of it, each in its time. */
void net_break(struct sim *s, u32 a, u32 b)
{
	struct sim_conn *c = conn(s, a, b);

	if (!c->alive)
		return;
	c->alive = false;
	pipe_clear(&s->pipe[a][b]);
	pipe_clear(&s->pipe[b][a]);
	sim_push(s, s->now + sim_below(s, s->d.detect_ms * SIM_MS), EV_SIDE_DOWN, a, b, c->epoch);
	sim_push(s, s->now + sim_below(s, s->d.detect_ms * SIM_MS), EV_SIDE_DOWN, b, a, c->epoch);
}

void net_node_gone(struct sim *s, u32 a)
{
	u32 b;

	for (b = 1; b <= sim_last(s); b++) {
		if (b == a)
			continue;
		net_break(s, a, b);
		s->node[a].side[b].up = false;
	}
}

void net_dial(struct sim *s, u32 a, u32 b)
{
	struct sim_conn *c = conn(s, a, b);
	struct sim_node *x = &s->node[a], *y = &s->node[b];
	struct sim_pipe *ab = &s->pipe[a][b], *ba = &s->pipe[b][a];
	u64 limit = s->d.detect_ms * SIM_MS;

	sim_push(s, s->now + SIM_MS + sim_about(s, s->d.redial_ms * SIM_MS), EV_DIAL, a, b, 0);
	/* TCP gives up on bytes that nobody acknowledges. */
	if (c->alive && ((ab->blocked && s->now - ab->blocked_since > limit) ||
			 (ba->blocked && s->now - ba->blocked_since > limit)))
		net_break(s, a, b);
	if (c->alive || ab->blocked || ba->blocked || !x->up || !y->up || !x->greet || !y->greet ||
	    x->stopping || y->stopping)
		return;
	/* Dialling and greeting are the daemons' work. */
	if (!x->daemon || !y->daemon || x->paused_until > s->now || y->paused_until > s->now)
		return;
	c->alive = true;
	c->epoch++;
	x->side[b].inc_self = x->core->hs.incarnation;
	y->side[a].inc_self = y->core->hs.incarnation;
	kq_core_past(x->core, y->id, &y->side[a].peer);
	kq_core_past(y->core, x->id, &x->side[b].peer);
	check_past(s, x, &y->side[a].peer);
	check_past(s, y, &x->side[b].peer);
	sim_push(s, s->now + delay(s), EV_SIDE_UP, a, b, c->epoch);
	sim_push(s, s->now + delay(s), EV_SIDE_UP, b, a, c->epoch);
}

void net_block(struct sim *s, u32 from, u32 to)
{
	struct sim_pipe *p = &s->pipe[from][to];

	if (!p->blocked++)
		p->blocked_since = s->now;
}

void net_unblock(struct sim *s, u32 from, u32 to, bool all)
{
	struct sim_pipe *p = &s->pipe[from][to];

	if (!p->blocked)
		return;
	p->blocked = all ? 0 : p->blocked - 1;
	if (!p->blocked)
		pipe_loose(s, from, to);
}
