// SPDX-License-Identifier: GPL-2.0
/*
 * Dialling. Of two nodes the one with the higher id dials, so that there is
 * one connection per pair and no race between two. One attempt is: wait, look
 * the name up, connect, greet, each with a time limit; what ends an attempt
 * leads back to the wait.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

static bool dial_wanted(const struct kqd_peer *p)
{
	return kqd_node_serves(p->d) && p->member && p->id < p->d->st.node_id && !p->connected;
}

static void dial_wait(struct kqd_peer *p)
{
	p->dial.stage = KQD_DIAL_IDLE;
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

/* The attempt came to nothing. A peer that is down for a day gets one line, not thousands. */
static void dial_failed(struct kqd_peer *p, const char *why)
{
	bool news = strcmp(p->dial.why, why);

	if (dial_wanted(p)) {
		kqd_log(news ? LOG_NOTICE : LOG_DEBUG, "cannot connect to %s: %s%s",
			kqd_node_name(p->d, p->id), why, news ? "; trying on" : "");
		snprintf(p->dial.why, sizeof(p->dial.why), "%s", why);
		if (news)
			kqd_genl_note(&p->d->genl, p->id, why);
	}
	dial_wait(p);
}

static void dial_connected(struct kqd_op *op, int res)
{
	struct kqd_peer *p = kqd_container(op, struct kqd_peer, dial.connect);
	char where[KQD_ADDRESS_TEXT], why[192];

	kqd_timer_stop(&p->dial.timer);
	if (res >= 0 && dial_wanted(p)) {
		p->dial.stage = KQD_DIAL_GREET;
		kqd_greet_start(p->d, p->dial.fd, p->id, &p->dial.to);
		return;
	}
	close(p->dial.fd);
	p->dial.turn++;
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
	if (!dial_wanted(p)) {
		dial_wait(p);
		return;
	}
	p->dial.to = r->out.a[p->dial.turn % r->out.n];
	fd = socket(p->dial.to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		p->dial.turn++;
		dial_failed(p, strerror(errno));
		return;
	}
	p->dial.fd = fd;
	p->dial.stage = KQD_DIAL_CONNECT;
	p->dial.late = false;
	kqd_timer_in(&p->dial.timer, kqd_attempt_limit_ns(p->d));
	kqd_op_connect(&p->d->loop, &p->dial.connect, fd, &p->dial.to.sa, p->dial.to.len);
}

static void dial_begin(struct kqd_peer *p)
{
	const struct kquorum_config_member *m = kquorum_config_member(&p->d->config, p->id);

	if (!m) {
		dial_failed(p, KQUORUM_CONFIG_FILE " does not name it");
		return;
	}
	p->dial.stage = KQD_DIAL_RESOLVE;
	p->dial.late = false;
	kqd_timer_in(&p->dial.timer, kqd_attempt_limit_ns(p->d));
	kqd_resolve_start(&p->dial.resolve, &p->d->loop, m->address.host, m->address.port);
}

static void dial_timer(struct kqd_timer *t)
{
	struct kqd_peer *p = kqd_container(t, struct kqd_peer, dial.timer);

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

/**
 * kqd_dial_update() - look whether to dial, after any change
 * @p: the peer
 *
 * An attempt under way goes on; at its end it looks again.
 */
void kqd_dial_update(struct kqd_peer *p)
{
	if (p->connected)
		p->dial.why[0] = '\0';
	if (p->dial.stage == KQD_DIAL_WAIT ? !dial_wanted(p) :
	    p->dial.stage == KQD_DIAL_IDLE && dial_wanted(p))
		dial_wait(p);
}

/**
 * kqd_dial_greeted() - the greeting of a dialled connection has ended
 * @p: the peer
 * @why: why it failed, "": the kernel has the connection
 */
void kqd_dial_greeted(struct kqd_peer *p, const char *why)
{
	if (why[0]) {
		p->dial.turn++;
		dial_failed(p, why);
		return;
	}
	/* The status that follows says that it is connected, or we go on. */
	p->dial.stage = KQD_DIAL_IDLE;
}
