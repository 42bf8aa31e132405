// SPDX-License-Identifier: GPL-2.0
/*
 * The other nodes: what the status says of them, and what follows from it.
 */
#include <stdio.h>
#include <string.h>

#include "daemon.h"

/* A connection that lasted this long was a good one. */
static uint64_t peer_stable_ns(const struct kqd *d)
{
	return d->heartbeat_ms * KQD_NS_PER_MS * 10;
}

/**
 * kqd_peers_begin() - a node has been taken: nothing is known of its peers
 * @d: with its status
 *
 * What was under way for an earlier node has been told to end.
 */
void kqd_peers_begin(struct kqd *d)
{
	unsigned int i;

	d->members = 1 << d->st.node_id;
	for (i = 1; i <= KQUORUM_MAX_NODES; i++) {
		d->peers[i].member = false;
		d->peers[i].connected = false;
	}
	kqd_peers_addresses(d);
}

/* The status names a peer for the first time: it does so only after recovery. */
static void peer_begin(struct kqd_peer *p)
{
	uint64_t heartbeat_ns = p->d->heartbeat_ms * KQD_NS_PER_MS;

	p->member = true;
	p->d->members |= 1 << p->id;
	p->dial.tried = false;
	p->dial.why[0] = '\0';
	kqd_backoff_init(&p->dial.backoff, heartbeat_ns / 2, heartbeat_ns * 10);
}

/**
 * kqd_peers_addresses() - take what the configuration says of addresses
 * @d: with a configuration
 *
 * Only numeric ones; names are looked up at each dial.
 */
void kqd_peers_addresses(struct kqd *d)
{
	struct kqd_addresses a;
	unsigned int i;

	for (i = 0; i < d->config.n_members; i++) {
		const struct kquorum_config_member *m = &d->config.members[i];

		if (!kqd_resolve_numeric(m->address.host, m->address.port, &a))
			d->peers[m->id].address = a.a[0];
	}
}

static void peer_changed(struct kqd_peer *p, const struct kqd_status_peer *s, bool first)
{
	uint64_t now = kqd_now_ns();

	p->connected = s->connected;
	if (p->connected) {
		p->connected_ns = now;
		kqd_info("%s is %s", kqd_node_name(p->d, p->id),
			 first ? "connected already" : "connected");
		return;
	}
	if (now - p->connected_ns >= peer_stable_ns(p->d))
		kqd_backoff_reset(&p->dial.backoff);
	kqd_notice("the connection to %s ended%s%s", kqd_node_name(p->d, p->id),
		   s->reason[0] ? ": " : "", s->reason);
}

/**
 * kqd_peers_update() - compare with the status, dial where that is ours to do
 * @d: with a new status
 */
void kqd_peers_update(struct kqd *d)
{
	unsigned int i;

	for (i = 0; i < d->st.n_peers; i++) {
		const struct kqd_status_peer *s = &d->st.peers[i];
		struct kqd_peer *p = &d->peers[s->id];
		bool first = !p->member;

		if (first)
			peer_begin(p);
		if (s->connected != p->connected)
			peer_changed(p, s, first);
		kqd_dial_update(p);
	}
}
