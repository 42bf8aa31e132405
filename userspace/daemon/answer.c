// SPDX-License-Identifier: GPL-2.0
/*
 * Answering a machine that asks what cluster this node belongs to (ask.h). It is told what the
 * status says, and no more than any member could tell it; nothing follows from that here.
 */
#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

static_assert(KQUORUM_SETTING_SEGMENT_BYTES == KQD_SETTINGS, "they are told in order");

static void answer_free(struct kqd_asker *a)
{
	struct kqd_asker **p;

	if (a->io.busy)
		return;
	for (p = &a->d->askers; *p != a; p = &(*p)->next)
		;
	*p = a->next;
	kqd_timer_del(&a->d->loop, &a->limit);
	close(a->fd);
	free(a);
}

static void answer_end(struct kqd_asker *a)
{
	a->dead = true;
	kqd_op_cancel(&a->d->loop, &a->io);
	answer_free(a);
}

static void answer_late(struct kqd_timer *t)
{
	answer_end(kqd_container(t, struct kqd_asker, limit));
}

/* Whom the status knows, by number: members, and who is connected besides. */
static void tell_nodes(const struct kqd *d, struct kqd_told *t)
{
	uint32_t id, members = kqd_status_members(&d->st);

	for (id = 1; id <= KQUORUM_MAX_NODES; id++) {
		const struct kqd_status_peer *p = kqd_status_peer(&d->st, id);
		struct kqd_told_member *m = &t->member[t->n];
		bool self = id == d->st.node_id;

		if (!self && !p && !(d->st.named & 1u << id))
			continue;
		m->id = id;
		m->member = (members ? members : d->st.named) & 1u << id;
		m->identity = self ? le64toh(d->st.past.identity) : p ? p->identity : 0;
		snprintf(m->name, sizeof(m->name), "%s", self ? kqd_node_name(d, id) :
			 kqd_status_name(&d->st, id));
		snprintf(m->address, sizeof(m->address), "%s", kqd_status_address(&d->st, id));
		/* One that is told of without name or address cannot be made use of. */
		if (m->member && (!m->name[0] || !m->address[0]))
			m->member = false;
		t->n++;
	}
}

/**
 * kqd_answer_fill() - what this node tells of its cluster
 * @d: with a node that serves
 * @t: filled
 */
void kqd_answer_fill(const struct kqd *d, struct kqd_told *t)
{
	const struct kqd_status *st = &d->st;
	unsigned int i;

	*t = (struct kqd_told) {
		.node = st->node_id,
		.begun = kqd_status_members(st),
		.empty = le32toh(st->past.flags) & KQUORUM_PAST_EMPTY,
		.cluster_id = st->cluster_id,
		.capacity = st->log_capacity,
		.founders = st->founders,
		.gone = st->gone,
	};
	/* The first of them, in this order, are what the answer has. */
	for (i = 0; i < KQD_SETTINGS; i++)
		t->settings[i] = st->settings[i];
	snprintf(t->cluster, sizeof(t->cluster), "%s", st->cluster);
	tell_nodes(d, t);
}

static void answer_sent(struct kqd_op *op, int res)
{
	struct kqd_asker *a = kqd_container(op, struct kqd_asker, io);

	if (!a->dead && res > 0) {
		a->sent += res;
		if (a->sent < sizeof(a->out)) {
			kqd_op_send(&a->d->loop, &a->io, a->fd, (char *)&a->out + a->sent,
				    sizeof(a->out) - a->sent);
			return;
		}
	}
	answer_free(a);
}

/* All of the question is here. */
static void answer_asked(struct kqd_asker *a)
{
	char cluster[KQUORUM_NODE_NAME_MAX + 1], why[128];
	struct kqd *d = a->d;
	struct kqd_told t;

	/* Who asks for another cluster hears nothing of this one. */
	if (kqd_ask_decode(&a->in, cluster, why, sizeof(why)) || strcmp(cluster, d->st.cluster) ||
	    !kqd_node_serves(d)) {
		answer_end(a);
		return;
	}
	kqd_answer_fill(d, &t);
	kqd_told_encode(&a->out, &t);
	a->io.done = answer_sent;
	kqd_op_send(&d->loop, &a->io, a->fd, &a->out, sizeof(a->out));
}

static void answer_received(struct kqd_op *op, int res)
{
	struct kqd_asker *a = kqd_container(op, struct kqd_asker, io);

	if (a->dead || res <= 0) {
		answer_free(a);
		return;
	}
	a->got += res;
	if (a->got == sizeof(a->in))
		answer_asked(a);
	else
		kqd_op_recv(&a->d->loop, &a->io, a->fd, (char *)&a->in + a->got,
			    sizeof(a->in) - a->got);
}

/* Room for one more: the oldest goes. */
static void answer_make_room(struct kqd *d)
{
	struct kqd_asker *a, *oldest = NULL;
	unsigned int n = 0;

	for (a = d->askers; a; a = a->next) {
		if (!oldest && !a->dead)
			oldest = a;
		n++;
	}
	if (n >= KQD_ASKERS && oldest)
		answer_end(oldest);
}

/**
 * kqd_answer_start() - somebody came to ask
 * @d: the daemon
 * @fd: connected socket; ours now
 * @bytes: what has come so far
 * @len: how much, not more than the question has
 */
void kqd_answer_start(struct kqd *d, int fd, const void *bytes, size_t len)
{
	struct kqd_asker *a, **p;

	answer_make_room(d);
	a = calloc(1, sizeof(*a));
	if (!a)
		kqd_die("out of memory");
	a->d = d;
	a->fd = fd;
	a->io.done = answer_received;
	a->got = len < sizeof(a->in) ? len : sizeof(a->in);
	memcpy(&a->in, bytes, a->got);
	for (p = &d->askers; *p; p = &(*p)->next)
		;
	*p = a;
	kqd_timer_add(&d->loop, &a->limit, answer_late);
	kqd_timer_in(&a->limit, kqd_attempt_limit_ns(d));
	if (a->got == sizeof(a->in))
		answer_asked(a);
	else
		kqd_op_recv(&d->loop, &a->io, fd, (char *)&a->in + a->got,
			    sizeof(a->in) - a->got);
}
