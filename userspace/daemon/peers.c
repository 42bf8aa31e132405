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

	for (i = 1; i <= KQUORUM_MAX_NODES; i++) {
		d->peers[i].known = false;
		d->peers[i].named = false;
		d->peers[i].connected = false;
		d->peers[i].where[0] = '\0';
	}
	kqd_peers_addresses(d);
}

/**
 * kqd_peers_named() - whom does this node have to be connected with?
 * @d: with a status
 *
 * The members of the configuration that it knows. A node that is in none that it knows may know a
 * very old one, as it comes by in the log: so also whom kquorum.conf names, which is of the day on
 * which it was made.
 *
 * Return: bit n: node n; without this node.
 */
uint32_t kqd_peers_named(const struct kqd *d)
{
	uint32_t members = kqd_status_members(&d->st);
	uint32_t named = members ? members : d->st.named;
	unsigned int i;

	if (kqd_node_outside(d))
		for (i = 0; i < d->config.n_members; i++)
			named |= 1u << d->config.members[i].id;
	return named & ~(1u << d->st.node_id);
}

/* Somebody speaks of it for the first time. */
static void peer_begin(struct kqd_peer *p)
{
	uint64_t heartbeat_ns = p->d->heartbeat_ms * KQD_NS_PER_MS;

	p->known = true;
	p->since_ns = kqd_now_ns();
	kqd_backoff_init(&p->dial.backoff, heartbeat_ns / 2, heartbeat_ns * 10);
	kqd_dial_begin_anew(p);
}

/* Nobody does any more: it has left, and is not connected. */
static void peer_end(struct kqd_peer *p)
{
	p->known = false;
	p->named = false;
	p->connected = false;
	p->where[0] = '\0';
	kqd_dial_update(p);
}

/* That it is not connected is no shortcoming any more. */
static void peer_unname(struct kqd_peer *p)
{
	p->named = false;
	if (p->dial.why[0] && !p->connected)
		kqd_genl_note(&p->d->genl, p->id, "");
	p->dial.why[0] = '\0';
}

/* Only numeric addresses; names are looked up at each attempt. */
static void peer_address(struct kqd_peer *p, const struct kquorum_address *to)
{
	struct kqd_addresses a;

	if (!kqd_resolve_numeric(to->host, to->port, &a))
		p->address = a.a[0];
}

/**
 * kqd_peers_addresses() - take what kquorum.conf says of addresses
 * @d: with a configuration
 */
void kqd_peers_addresses(struct kqd *d)
{
	unsigned int i;

	for (i = 0; i < d->config.n_members; i++)
		peer_address(&d->peers[d->config.members[i].id], &d->config.members[i].address);
}

/* Does the status say another address than before? A connection that stands is not touched. */
static void peer_where(struct kqd_peer *p)
{
	const char *where = kqd_status_address(&p->d->st, p->id);
	struct kquorum_address to;
	char why[192];

	if (!strcmp(p->where, where))
		return;
	snprintf(p->where, sizeof(p->where), "%s", where);
	if (p->connected && p->address.len)
		return;
	if (!kquorum_address_parse(where, &to, why, sizeof(why)))
		peer_address(p, &to);
	kqd_dial_moved(p);
}

static void peer_changed(struct kqd_peer *p, const struct kqd_status_peer *s, bool first)
{
	uint64_t now = kqd_now_ns(), lasted = now - p->since_ns;
	const char *why = s ? s->reason : "";

	p->connected = !p->connected;
	p->since_ns = now;
	if (p->connected) {
		kqd_info("%s is %s", kqd_node_name(p->d, p->id),
			 first ? "connected already" : "connected");
		return;
	}
	if (lasted >= peer_stable_ns(p->d))
		kqd_backoff_reset(&p->dial.backoff);
	kqd_notice("the connection to %s ended%s%s", kqd_node_name(p->d, p->id),
		   why[0] ? ": " : "", why);
}

static void peer_update(struct kqd_peer *p, bool named, bool first)
{
	const struct kqd_status_peer *s = kqd_status_peer(&p->d->st, p->id);

	if (!s && !named && !p->known)
		return;
	if (!p->known)
		peer_begin(p);
	if ((s && s->connected) != p->connected)
		peer_changed(p, s, first);
	if (named)
		p->named = true;
	else if (p->named)
		peer_unname(p);
	if (!s && !named) {
		peer_end(p);
		return;
	}
	peer_where(p);
	kqd_dial_update(p);
}

/**
 * kqd_peers_update() - compare with the status, dial where that is ours to do
 * @d: with a new status
 * @first: it is the first one of this node
 */
void kqd_peers_update(struct kqd *d, bool first)
{
	uint32_t named = kqd_peers_named(d);
	unsigned int i;

	for (i = 1; i <= KQUORUM_MAX_NODES; i++)
		if (i != d->st.node_id)
			peer_update(&d->peers[i], named & 1u << i, first);
}
