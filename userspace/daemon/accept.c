// SPDX-License-Identifier: GPL-2.0
/*
 * Listening. Only while the node serves: a refused connection tells the peer
 * more, and sooner, than one that nobody greets on.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

/*
 * A daemon that was killed a moment ago may still hold the port, for the kernel
 * takes its ring down in the background: try soon, and speak up when it lasts.
 */
#define LISTEN_RETRY_NS	(KQD_NS_PER_SEC / 10)
#define LISTEN_QUIET	20
#define ACCEPT_PAUSE_NS	(KQD_NS_PER_SEC / 10)

static void listen_accept(struct kqd_listener *s)
{
	s->address.len = sizeof(s->address.storage);
	kqd_op_accept(&s->d->loop, &s->accept, s->fd, &s->address.sa, &s->address.len);
}

static void listen_close(struct kqd_listener *s)
{
	kqd_timer_stop(&s->pause);
	close(s->fd);
	s->fd = -1;
	s->closing = false;
}

static void listen_accepted(struct kqd_op *op, int res)
{
	struct kqd_listener *s = kqd_container(op, struct kqd_listener, accept);
	struct kqd *d = s->d;

	if (s->closing) {
		if (res >= 0)
			close(res);
		listen_close(s);
		kqd_listen_update(d, d->listen.wanted);
		return;
	}
	if (res >= 0 && kqd_node_serves(d)) {
		kqd_greet_start(d, res, 0, &s->address);
	} else if (res >= 0) {
		close(res);
	} else if (res != -ECONNABORTED && res != -EINTR && res != -EAGAIN) {
		kqd_log_limited(&d->listen.refused, LOG_WARNING, "accepting a connection: %s",
				strerror(-res));
		/* Most likely out of descriptors or memory: give them time to come back. */
		kqd_timer_in(&s->pause, ACCEPT_PAUSE_NS);
		return;
	}
	listen_accept(s);
}

static void listen_pause_over(struct kqd_timer *t)
{
	struct kqd_listener *s = kqd_container(t, struct kqd_listener, pause);

	listen_accept(s);
}

/* Whatever went wrong is over. */
static void listen_forget(struct kqd *d)
{
	d->listen.why[0] = '\0';
	d->listen.failures = 0;
	kqd_own_note(d, KQD_OWN_LISTEN, "");
}

static void listen_failed(struct kqd *d, const char *why)
{
	bool patience = ++d->listen.failures < LISTEN_QUIET;
	char text[256];

	if (!patience && strcmp(d->listen.why, why)) {
		snprintf(d->listen.why, sizeof(d->listen.why), "%s", why);
		snprintf(text, sizeof(text), "cannot listen on %s port %u: %s", d->config.listen.host,
			 d->config.listen.port, why);
		kqd_err("%s; trying on", text);
		kqd_own_note(d, KQD_OWN_LISTEN, text);
	}
	kqd_timer_in(&d->listen.retry, LISTEN_RETRY_NS);
}

static int listen_open(struct kqd_listener *s, const struct kqd_address *a)
{
	int on = 1, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	/* The kernel's connections of an earlier daemon still use the port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a->sa, a->len) || listen(fd, SOMAXCONN)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	s->fd = fd;
	s->at = *a;
	listen_accept(s);
	return 0;
}

static void listen_warn(struct kqd *d, const struct kqd_address *a)
{
	if (d->listen.warned || kqd_address_loopback(a))
		return;
	d->listen.warned = true;
	kqd_warn("encryption is not built in yet: traffic is neither encrypted nor authenticated; "
		 "use only on a trusted network");
}

static void listen_resolved(struct kqd_resolve *r)
{
	struct kqd_listen *l = kqd_container(r, struct kqd_listen, resolve);
	struct kqd *d = kqd_container(l, struct kqd, listen);
	char where[KQD_ADDRESS_TEXT];
	unsigned int i, opened = 0;
	int rc = 0;

	l->resolving = false;
	if (!l->wanted)
		return;
	if (r->out.gai_error) {
		listen_failed(d, gai_strerror(r->out.gai_error));
		return;
	}
	for (i = 0; i < r->out.n && i < KQD_LISTENERS; i++) {
		int err = listen_open(&l->sockets[i], &r->out.a[i]);

		if (err) {
			rc = err;
			continue;
		}
		opened++;
		kqd_address_text(&r->out.a[i], where, sizeof(where));
		kqd_info("listening on %s", where);
		listen_warn(d, &r->out.a[i]);
	}
	if (!opened) {
		listen_failed(d, strerror(-rc));
		return;
	}
	listen_forget(d);
}

static bool listen_idle(const struct kqd_listen *l)
{
	unsigned int i;

	for (i = 0; i < KQD_LISTENERS; i++)
		if (l->sockets[i].fd >= 0)
			return false;
	return !l->resolving;
}

static void listen_retry(struct kqd_timer *t)
{
	struct kqd *d = kqd_container(t, struct kqd, listen.retry);

	kqd_listen_update(d, d->listen.wanted);
}

/**
 * kqd_listen_init() - not listening
 * @d: the daemon
 */
void kqd_listen_init(struct kqd *d)
{
	unsigned int i;

	d->listen.resolve.done = listen_resolved;
	kqd_timer_add(&d->loop, &d->listen.retry, listen_retry);
	for (i = 0; i < KQD_LISTENERS; i++) {
		struct kqd_listener *s = &d->listen.sockets[i];

		s->d = d;
		s->fd = -1;
		s->accept.done = listen_accepted;
		kqd_timer_add(&d->loop, &s->pause, listen_pause_over);
	}
}

/**
 * kqd_listen_update() - begin or cease to listen
 * @d: the daemon
 * @wanted: does the node serve?
 *
 * To change the address: false, then true.
 */
void kqd_listen_update(struct kqd *d, bool wanted)
{
	struct kqd_listen *l = &d->listen;
	unsigned int i;

	l->wanted = wanted;
	for (i = 0; !wanted && i < KQD_LISTENERS; i++) {
		struct kqd_listener *s = &l->sockets[i];

		if (s->fd < 0)
			continue;
		s->closing = true;
		if (s->accept.busy)
			kqd_op_cancel(&d->loop, &s->accept);
		else
			listen_close(s);
	}
	if (!wanted) {
		kqd_timer_stop(&l->retry);
		listen_forget(d);
		return;
	}
	if (!listen_idle(l) || l->retry.at_ns)
		return;
	l->resolving = true;
	kqd_resolve_start(&l->resolve, &d->loop, d->config.listen.host, d->config.listen.port);
}

/**
 * kqd_listen_greeted() - the greeting of an accepted connection has ended
 * @d: the daemon
 * @g: the greeting
 */
void kqd_listen_greeted(struct kqd *d, const struct kqd_greet *g)
{
	char where[KQD_ADDRESS_TEXT], why[sizeof(g->why) + sizeof(where) + 16];

	if (!g->why[0])
		return;
	kqd_address_text(&g->address, where, sizeof(where));
	/* Why there is no connection is known here, and it is another reason. */
	if (g->ours_to_dial) {
		kqd_debug("refused a connection from %s: %s", where, g->why);
		return;
	}
	kqd_log_limited(&d->listen.refused, LOG_NOTICE, "%s a connection from %s: %s",
			g->disowned ? "cannot take" : "refused", where, g->why);
	/* Who says that it is this node is most likely its own dialling of where another one was. */
	if (!g->peer || g->peer == d->st.node_id || !kqd_node_serves(d))
		return;
	kqd_address_host(&g->address, where, sizeof(where));
	if (d->peers[g->peer].connected) {
		kqd_own_knock(d, g->peer, where, g->why);
		return;
	}
	if (g->disowned)
		snprintf(why, sizeof(why), "%s", g->why);
	else
		snprintf(why, sizeof(why), "refused, from %s: %s", where, g->why);
	kqd_genl_note(&d->genl, g->peer, why);
}
