// SPDX-License-Identifier: GPL-2.0
/*
 * A new connection, from its first byte until it is the kernel's or closed.
 *
 * Who dialled greets first and knows whom it greets; who accepted reads first,
 * for it has to know whom to answer. Neither reads a byte beyond the greeting:
 * what follows belongs to the kernel.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

static void greet_unlink(struct kqd_greet *g)
{
	struct kqd_greet **p;

	for (p = &g->d->greets; *p; p = &(*p)->next) {
		if (*p == g) {
			*p = g->next;
			return;
		}
	}
}

/*
 * What this node tells of itself to the other side. A peer that the status does not speak of is no
 * member here, so that it is told of no start in which it was met, and of none of its own. That is
 * harmless: nothing is noted of who is no member, and what a member there has noted of this node is
 * among the starts that this node tells of, unless it started more than KQUORUM_STARTS times since.
 */
static struct kquorum_past greet_past(const struct kqd_greet *g)
{
	const struct kqd_status_peer *p = kqd_status_peer(&g->d->st, g->peer);
	struct kquorum_past past = g->d->st.past;

	past.met = htole32(p ? p->met : 0);
	return past;
}

/* The module has the connection. */
static void greet_taken(struct kqd_greet *g)
{
	const struct kqd *d = g->d;
	uint32_t members = kqd_status_members(&d->st);
	uint32_t both = 1u << d->st.node_id | 1u << g->peer;
	bool empty = le32toh(g->hello.past.flags) & KQUORUM_PAST_EMPTY;

	g->d->peers[g->peer].address = g->address;
	/* The peer may be behind; if not, the configuration here will never be the newest again. */
	if ((members & both) == both && !g->hello.identity && !empty)
		kqd_info("%s does not know this node as a member: it is behind, or this node was "
			 "removed and has not heard of it", kqd_node_name(d, g->peer));
}

/* Gives the connection to the module. Returns what that said, with g->why set if it was no. */
static int greet_attach(struct kqd_greet *g)
{
	struct kquorum_past past = greet_past(g);
	struct kqd_genl *genl = &g->d->genl;
	int rc;

	g->disowned = kqd_hello_disowns(&g->hello, &past, g->d->config.founders, g->why,
					sizeof(g->why));
	if (g->disowned)
		return 0;
	rc = kqd_genl_attach(genl, g->fd, &g->hello);
	if (rc == -ENOTCONN)
		snprintf(g->why, sizeof(g->why), "it greets and closes the connection: kquorum "
			 "status there says why");
	else if (rc)
		snprintf(g->why, sizeof(g->why), "it is not taken: %s",
			 genl->refused[0] ? genl->refused : strerror(-rc));
	else
		greet_taken(g);
	return rc;
}

/* Both operations are over: hand on or report, and let go. */
static void greet_finish(struct kqd_greet *g)
{
	struct kqd *d = g->d;
	struct kqd_peer *p = &d->peers[g->peer];
	int rc = 0;

	if (!g->why[0])
		rc = greet_attach(g);
	greet_unlink(g);
	kqd_timer_del(&d->loop, &g->limit);
	close(g->fd);		/* the kernel has its own reference */
	if (kqd_node_lost(d, rc))
		;	/* nobody wants to know any more */
	else if (g->dialled)
		kqd_dial_greeted(p, g->why, g->another);
	else
		kqd_listen_greeted(d, g);
	free(g);
	if (!d->loop.stop)
		kqd_node_refresh(d);
}

static void greet_fail(struct kqd_greet *g, const char *why)
{
	if (!g->why[0])
		snprintf(g->why, sizeof(g->why), "%s", why);
	if (!g->send.busy && !g->recv.busy) {
		greet_finish(g);
		return;
	}
	kqd_op_cancel(&g->d->loop, &g->send);
	kqd_op_cancel(&g->d->loop, &g->recv);
}

static void greet_late(struct kqd_timer *t)
{
	struct kqd_greet *g = kqd_container(t, struct kqd_greet, limit);

	greet_fail(g, g->got ? "its greeting did not end in time" : "it did not greet in time");
}

static void greet_send(struct kqd_greet *g)
{
	kqd_op_send(&g->d->loop, &g->send, g->fd, (char *)&g->out + g->sent,
		    sizeof(g->out) - g->sent);
}

static void greet_recv(struct kqd_greet *g)
{
	kqd_op_recv(&g->d->loop, &g->recv, g->fd, (char *)&g->in + g->got,
		    sizeof(g->in) - g->got);
}

static void greet_encode(struct kqd_greet *g)
{
	struct kqd_hello h = {
		.from = g->d->st.node_id,
		.to = g->peer,
		.cluster = g->d->st.cluster_hash,
	};
	const struct kqd_status_peer *p = kqd_status_peer(&g->d->st, g->peer);

	/* What happened to this node is for its cluster alone. */
	if (!g->foreign)
		h.past = greet_past(g);
	if (p && !g->foreign) {
		h.known = p->incarnation;
		h.whose = p->whose;
		h.identity = p->identity;
	}
	snprintf(h.name, sizeof(h.name), "%s", g->d->config.node_name);
	kqd_hello_encode(&g->out, &h);
}

/*
 * Before there is a configuration all know each other by what they were made with: two sets of
 * founders with as many nodes, by mistake under one cluster id, must not begin together.
 */
static bool greet_is_misnamed(const struct kqd_greet *g)
{
	const struct kquorum_config_member *m =
		kquorum_config_member(&g->d->config, g->hello.from);

	return !kqd_status_members(&g->d->st) && !g->d->config.founders && m &&
		strcmp(m->name, g->hello.name);
}

/*
 * What is wrong with a greeting. A node of another cluster, and who wants another node, came to the
 * wrong address, and only there can somebody see it: so it is told who this is. Who speaks another
 * version is told which one this is.
 */
static void greet_refuse(struct kqd_greet *g, int error, const char *why)
{
	char name[KQUORUM_NODE_NAME_MAX + 1], where[KQD_ADDRESS_TEXT];
	bool strays = error == -EXDEV || error == -EINVAL, version = error == -EPROTONOSUPPORT;
	uint32_t from = 0;

	kqd_hello_claims(&g->in, &from, name);
	kqd_address_text(&g->address, where, sizeof(where));
	g->foreign = error == -EXDEV || version;
	g->another = g->dialled && strays;
	g->answered = !g->dialled && from && (strays || version);
	/* Of two addresses that are tried by turns either may be the wrong one. */
	if (!g->dialled)
		snprintf(g->why, sizeof(g->why), "%s", why);
	else if (error == -EXDEV)
		snprintf(g->why, sizeof(g->why), "at %s answers %s: it is of another cluster, or "
			 "has other founders", where, name[0] ? name : "somebody");
	else
		snprintf(g->why, sizeof(g->why), "at %s: %s", where, why);
	if (!g->dialled && from)
		g->peer = from;
}

/* Is it who we dialled, or one that may dial us? */
static int greet_check(struct kqd_greet *g)
{
	struct kqd *d = g->d;
	char why[112], where[KQD_ADDRESS_TEXT];
	int rc = kqd_hello_decode(&g->in, d->st.node_id, d->st.cluster_hash, &g->hello, why,
				  sizeof(why));

	if (rc) {
		greet_refuse(g, rc, why);
		return -EPROTO;
	}
	if (g->dialled && g->hello.from != g->peer) {
		kqd_address_text(&g->address, where, sizeof(where));
		g->another = true;
		snprintf(g->why, sizeof(g->why), "at %s answers node %u of this cluster, %s", where,
			 g->hello.from, g->hello.name);
		return -EPROTO;
	}
	if (greet_is_misnamed(g)) {
		g->peer = g->hello.from;
		snprintf(g->why, sizeof(g->why), "it is called %s, and node %u is %s here: the "
			 "files by which they were made differ", g->hello.name, g->hello.from,
			 kqd_node_name(d, g->hello.from));
		return -EPROTO;
	}
	/*
	 * This side alone decides which of the two dials, by whom it knows, so that the two
	 * directions never cross for longer than that changes.
	 */
	if (!g->dialled && g->hello.from < d->st.node_id &&
	    kqd_peers_named(d) & 1u << g->hello.from) {
		g->ours_to_dial = true;
		snprintf(g->why, sizeof(g->why), "node %u should wait for this node to dial",
			 g->hello.from);
		return -EPROTO;
	}
	g->peer = g->hello.from;
	g->told = true;
	return 0;
}

static void greet_ended(struct kqd_greet *g)
{
	if (g->sent == sizeof(g->out) && g->told && !g->send.busy && !g->recv.busy)
		greet_finish(g);
}

static void greet_sent(struct kqd_op *op, int res)
{
	struct kqd_greet *g = kqd_container(op, struct kqd_greet, send);

	if (g->why[0] || res < 0) {
		greet_fail(g, res < 0 ? strerror(-res) : "");
		return;
	}
	g->sent += res;
	if (g->sent < sizeof(g->out))
		greet_send(g);
	else
		greet_ended(g);
}

/* What it may mean that the other side says nothing. */
static const char *greet_closed(const struct kqd_greet *g)
{
	if (g->dialled && g->peer > g->d->st.node_id)
		return "it closes the connection instead of greeting: it dials this node itself, "
		       "or its log says why";
	return "it closes the connection instead of greeting: its log says why";
}

/* Some come on the same port to send a snapshot. Who does that has sent no more than an offer. */
static bool greet_is_offer(const struct kqd_greet *g)
{
	return !g->dialled && g->got >= sizeof(g->in.magic) &&
		le64toh(g->in.magic) == KQD_OFFER_MAGIC;
}

/* Others to ask what cluster this is. Who does that has sent no more than the question. */
static bool greet_is_question(const struct kqd_greet *g)
{
	return !g->dialled && g->got >= sizeof(g->in.magic) &&
		le64toh(g->in.magic) == KQD_ASK_MAGIC;
}

static void greet_hand_on(struct kqd_greet *g)
{
	greet_unlink(g);
	kqd_timer_del(&g->d->loop, &g->limit);
	if (greet_is_question(g))
		kqd_answer_start(g->d, g->fd, &g->in, g->got);
	else
		kqd_receive_start(g->d, g->fd, &g->address, &g->in, g->got);
	free(g);
}

/* Of a greeting that is none, or of another version, no more will be understood. */
static bool greet_is_over(const struct kqd_greet *g)
{
	char why[112];

	return g->got == sizeof(g->in) ||
		(g->got >= KQD_HELLO_HEAD && kqd_hello_head(&g->in, why, sizeof(why)));
}

static void greet_received(struct kqd_op *op, int res)
{
	struct kqd_greet *g = kqd_container(op, struct kqd_greet, recv);

	if (g->why[0] || res <= 0) {
		greet_fail(g, res < 0 ? strerror(-res) : greet_closed(g));
		return;
	}
	g->got += res;
	if (greet_is_offer(g) || greet_is_question(g)) {
		greet_hand_on(g);
		return;
	}
	if (!greet_is_over(g)) {
		greet_recv(g);
		return;
	}
	if (greet_check(g)) {
		/* What is sent now is the last word. */
		if (g->answered) {
			greet_encode(g);
			greet_send(g);
		} else {
			greet_fail(g, g->why);
		}
		return;
	}
	if (g->dialled) {
		greet_ended(g);
		return;
	}
	greet_encode(g);
	greet_send(g);
}

/* Room for one more accepted connection: the oldest goes. */
static void greet_make_room(struct kqd *d)
{
	struct kqd_greet *g, *oldest = NULL;
	unsigned int n = 0;

	for (g = d->greets; g; g = g->next) {
		if (g->dialled || g->why[0])
			continue;
		if (!oldest)
			oldest = g;
		n++;
	}
	if (n >= KQD_GREETINGS)
		greet_fail(oldest, "too many connections that do not greet");
}

/**
 * kqd_greet_start() - greet on a new connection
 * @d: with a node that serves
 * @fd: connected socket; ours now
 * @peer: whom we dialled; 0: accepted
 * @address: of the other side
 *
 * The end is told to kqd_dial_greeted() or kqd_listen_greeted().
 */
void kqd_greet_start(struct kqd *d, int fd, uint32_t peer, const struct kqd_address *address)
{
	struct kqd_greet *g, **p;

	if (!peer)
		greet_make_room(d);
	g = calloc(1, sizeof(*g));
	if (!g)
		kqd_die("out of memory");
	g->d = d;
	g->fd = fd;
	g->peer = peer;
	g->dialled = peer != 0;
	g->address = *address;
	g->send.done = greet_sent;
	g->recv.done = greet_received;
	for (p = &d->greets; *p; p = &(*p)->next)
		;
	*p = g;
	kqd_sock_options(fd, d->election_ms);
	kqd_timer_add(&d->loop, &g->limit, greet_late);
	kqd_timer_in(&g->limit, kqd_attempt_limit_ns(d));
	if (g->dialled) {
		greet_encode(g);
		greet_send(g);
	}
	greet_recv(g);
}

/**
 * kqd_greet_drop_all() - the node that we greeted for is gone
 * @d: the daemon
 * @why: for the log
 */
void kqd_greet_drop_all(struct kqd *d, const char *why)
{
	struct kqd_greet *g, *next;

	/* All of them wait for an operation, so none is freed here. */
	for (g = d->greets; g; g = next) {
		next = g->next;
		greet_fail(g, why);
	}
}
