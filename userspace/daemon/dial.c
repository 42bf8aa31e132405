// SPDX-License-Identifier: GPL-2.0
/*
 * Dialling. Of two nodes the one with the higher id dials, so that there is
 * one connection per pair and no race between two; unless it does not know the
 * other one: then it takes connections from there (greet_check()).
 *
 * So a node that is in no configuration that it knows of dials everybody. A
 * member with a lower id tries as well when the higher one does not come: that
 * one may be behind, and this node be news to it. It does so silently, for in
 * all other cases the higher one knows the reason better, or is just down;
 * but that somebody else answers at its address it cannot know.
 *
 * One attempt is: wait, look the name up, connect, greet, each with a time
 * limit; what ends an attempt leads back to the wait.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

/* The higher one should dial, and gets this many attempts before this node tries, too. */
#define DIAL_PATIENCE	5

static bool dial_is_ours(const struct kqd_peer *p)
{
	return p->id < p->d->st.node_id || kqd_node_outside(p->d);
}

static bool dial_wanted(const struct kqd_peer *p)
{
	if (!kqd_node_serves(p->d) || !p->named || p->connected)
		return false;
	return dial_is_ours(p) ||
		kqd_now_ns() - p->since_ns >= DIAL_PATIENCE * kqd_attempt_limit_ns(p->d);
}

static void dial_wait(struct kqd_peer *p)
{
	p->dial.stage = KQD_DIAL_IDLE;
	p->dial.moved = false;
	kqd_timer_stop(&p->dial.timer);
	if (!dial_wanted(p))
		return;
	p->dial.stage = KQD_DIAL_WAIT;
	if (!p->dial.tried)
		kqd_timer_in(&p->dial.timer, 0);
	else
		kqd_timer_in(&p->dial.timer, kqd_backoff_wait(&p->dial.backoff, kqd_random()));
	p->dial.tried = true;
}

/* FNV-1a. */
static uint64_t dial_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * 0x100000001b3ULL;
	return hash;
}

/* Was this not said since the peer was connected or moved? With two addresses reasons alternate. */
static bool dial_is_news(struct kqd_dial *dial, const char *why)
{
	uint64_t hash = dial_hash(why);
	unsigned int i;

	for (i = 0; i < dial->n_told; i++)
		if (dial->told[i] == hash)
			return false;
	if (dial->n_told == KQD_TOLD)
		return false;
	dial->told[dial->n_told++] = hash;
	return true;
}

static void dial_note(struct kqd_peer *p, const char *why)
{
	if (!strcmp(p->dial.why, why))
		return;
	snprintf(p->dial.why, sizeof(p->dial.why), "%s", why);
	p->dial.why_by_config = p->dial.by_config;
	kqd_genl_note(&p->d->genl, p->id, why);
}

/*
 * A peer that is down for a day gets one line, not thousands; the status gets the last reason. Whose
 * turn it is to dial does not matter for who answers at its address, as long as that one does.
 */
static void dial_report(struct kqd_peer *p, const char *why, bool another)
{
	bool ours = dial_is_ours(p), news = (ours || another) && dial_is_news(&p->dial, why);

	kqd_log(news ? LOG_NOTICE : LOG_DEBUG, "cannot connect to %s: %s%s",
		kqd_node_name(p->d, p->id), why, news ? "; trying on" : "");
	if (ours || another)
		dial_note(p, why);
	else if (p->dial.why_by_config == p->dial.by_config)
		dial_note(p, "");
}

static void dial_over(struct kqd_peer *p, const char *why, bool another)
{
	if (dial_wanted(p) && !p->dial.moved)
		dial_report(p, why, another);
	dial_wait(p);
}

/* The attempt came to nothing. */
static void dial_failed(struct kqd_peer *p, const char *why)
{
	dial_over(p, why, false);
}

/* The next address of those that this host has. */
static void dial_turn(struct kqd_dial *dial)
{
	dial->turn[dial->by_config]++;
}

static void dial_connected(struct kqd_op *op, int res)
{
	struct kqd_peer *p = kqd_container(op, struct kqd_peer, dial.connect);
	char where[KQD_ADDRESS_TEXT], why[192];

	kqd_timer_stop(&p->dial.timer);
	if (res >= 0 && dial_wanted(p)) {
		p->dial.stage = KQD_DIAL_GREET;
		p->dial.moved = false;
		kqd_greet_start(p->d, p->dial.fd, p->id, &p->dial.to);
		return;
	}
	close(p->dial.fd);
	dial_turn(&p->dial);
	kqd_address_text(&p->dial.to, where, sizeof(where));
	snprintf(why, sizeof(why), "%s: %s", where,
		 p->dial.late ? "no answer" : strerror(res < 0 ? -res : ECANCELED));
	dial_failed(p, why);
}

static void dial_resolved(struct kqd_resolve *r)
{
	struct kqd_peer *p = kqd_container(r, struct kqd_peer, dial.resolve);
	char why[192];
	int fd;

	kqd_timer_stop(&p->dial.timer);
	if (r->out.gai_error) {
		snprintf(why, sizeof(why), "looking up its address: %s",
			 p->dial.late ? "no answer" : gai_strerror(r->out.gai_error));
		dial_failed(p, why);
		return;
	}
	if (!dial_wanted(p) || p->dial.moved) {
		dial_wait(p);
		return;
	}
	p->dial.to = r->out.a[p->dial.turn[p->dial.by_config] % r->out.n];
	fd = socket(p->dial.to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		dial_turn(&p->dial);
		dial_failed(p, strerror(errno));
		return;
	}
	p->dial.fd = fd;
	p->dial.stage = KQD_DIAL_CONNECT;
	p->dial.late = false;
	kqd_timer_in(&p->dial.timer, kqd_attempt_limit_ns(p->d));
	kqd_op_connect(&p->d->loop, &p->dial.connect, fd, &p->dial.to.sa, p->dial.to.len);
}

static bool dial_same(const struct kquorum_address *a, const struct kquorum_address *b)
{
	return a->port == b->port && !strcmp(a->host, b->host);
}

/**
 * kqd_dial_where() - where is a peer to be looked for?
 * @p: the peer
 * @by_config: did kquorum.conf say so the last time? true at first; set for this time
 * @to: set to the address
 *
 * Where the cluster's configuration says that it is. Who was away while that changed finds nobody
 * there: so by turns also where kquorum.conf says.
 *
 * Return: false: nothing says so.
 */
bool kqd_dial_where(const struct kqd_peer *p, bool *by_config, struct kquorum_address *to)
{
	const struct kquorum_config_member *m = kquorum_config_member(&p->d->config, p->id);
	char why[192];

	if (!kquorum_address_parse(kqd_status_address(&p->d->st, p->id), to, why, sizeof(why)) &&
	    (!m || *by_config || dial_same(to, &m->address))) {
		*by_config = false;
		return true;
	}
	*by_config = true;
	if (m)
		*to = m->address;
	return m;
}

static void dial_begin(struct kqd_peer *p)
{
	struct kquorum_address to;

	if (!kqd_dial_where(p, &p->dial.by_config, &to)) {
		dial_failed(p, "nothing says where it is");
		return;
	}
	p->dial.stage = KQD_DIAL_RESOLVE;
	p->dial.late = false;
	kqd_timer_in(&p->dial.timer, kqd_attempt_limit_ns(p->d));
	kqd_resolve_start(&p->dial.resolve, &p->d->loop, to.host, to.port);
}

/* Time for the next attempt, or no more for this one. */
static void dial_next(struct kqd_peer *p)
{
	p->dial.late = true;
	switch (p->dial.stage) {
	case KQD_DIAL_WAIT:
		if (dial_wanted(p))
			dial_begin(p);
		else
			dial_wait(p);
		break;
	case KQD_DIAL_RESOLVE:
		kqd_resolve_kill(&p->dial.resolve);
		break;
	case KQD_DIAL_CONNECT:
		kqd_op_cancel(&p->d->loop, &p->dial.connect);
		break;
	case KQD_DIAL_IDLE:
	case KQD_DIAL_GREET:	/* it has a limit of its own */
		break;
	}
}

static void dial_timer(struct kqd_timer *t)
{
	dial_next(kqd_container(t, struct kqd_peer, dial.timer));
}

/**
 * kqd_dial_init() - nothing dialled yet
 * @p: the peer
 */
void kqd_dial_init(struct kqd_peer *p)
{
	kqd_timer_add(&p->d->loop, &p->dial.timer, dial_timer);
	p->dial.resolve.done = dial_resolved;
	p->dial.connect.done = dial_connected;
}

/* What was tried and said is of before; the configuration's address comes first. */
static void dial_forget(struct kqd_dial *dial)
{
	dial->n_told = 0;
	dial->by_config = true;
}

/**
 * kqd_dial_begin_anew() - a peer that was not known, or under another node here
 * @p: the peer
 *
 * The first attempt comes at once. One under way goes on.
 */
void kqd_dial_begin_anew(struct kqd_peer *p)
{
	dial_forget(&p->dial);
	p->dial.why[0] = '\0';
	p->dial.tried = false;
}

/**
 * kqd_dial_moved() - the peer is said to be elsewhere: look there at once
 * @p: the peer
 */
void kqd_dial_moved(struct kqd_peer *p)
{
	dial_forget(&p->dial);
	kqd_backoff_reset(&p->dial.backoff);
	p->dial.tried = false;
	if (!dial_is_ours(p))
		dial_note(p, "");
	switch (p->dial.stage) {
	case KQD_DIAL_WAIT:
		dial_wait(p);
		break;
	case KQD_DIAL_RESOLVE:
	case KQD_DIAL_CONNECT:
		p->dial.moved = true;
		dial_next(p);
		break;
	case KQD_DIAL_IDLE:
	case KQD_DIAL_GREET:	/* somebody is there */
		break;
	}
}

/**
 * kqd_dial_update() - look whether to dial, after any change
 * @p: the peer
 *
 * An attempt under way goes on; at its end it looks again.
 */
void kqd_dial_update(struct kqd_peer *p)
{
	if (p->connected) {
		dial_forget(&p->dial);
		p->dial.why[0] = '\0';
	}
	if (p->dial.stage == KQD_DIAL_WAIT ? !dial_wanted(p) :
	    p->dial.stage == KQD_DIAL_IDLE && dial_wanted(p))
		dial_wait(p);
}

/**
 * kqd_dial_greeted() - the greeting of a dialled connection has ended
 * @p: the peer
 * @why: why it failed, "": the kernel has the connection
 * @another: for certain somebody else answers there
 */
void kqd_dial_greeted(struct kqd_peer *p, const char *why, bool another)
{
	if (why[0]) {
		dial_turn(&p->dial);
		dial_over(p, why, another);
		return;
	}
	/* The status that follows says that it is connected, or we go on. */
	p->dial.stage = KQD_DIAL_IDLE;
}
