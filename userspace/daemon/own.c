// SPDX-License-Identifier: GPL-2.0
/*
 * What the status says of this node itself, and whether this node listens where the others look
 * for it: an address that was changed in the configuration has to be changed in kquorum.conf, too,
 * and nobody but this node knows both.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"

/*
 * Who was restarted comes before its former connection is noticed to be dead: so many election
 * timeouts later it does not come any more. Who is silent for so long has gone.
 */
#define OWN_KNOCKS_ELECTIONS	5
#define OWN_GONE_ELECTIONS	10

/* A name may mean something else later. */
#define OWN_LOOK_AGAIN_NS	(60 * KQD_NS_PER_SEC)

/* What matters most is told: who cannot be reached does nothing else either. */
static void own_tell(struct kqd *d)
{
	struct kqd_own *o = &d->own;
	const char *why = "";
	unsigned int i;

	for (i = 0; i < KQD_OWN_NOTES && !why[0]; i++)
		why = o->note[i];
	if (!d->have_node || (o->told && !strcmp(o->said, why)))
		return;
	snprintf(o->said, sizeof(o->said), "%s", why);
	o->told = !kqd_genl_note(&d->genl, d->st.node_id, why);
}

/**
 * kqd_own_note() - have the status say what is wrong with this node
 * @d: the daemon
 * @which: of what kind
 * @why: for a person; "": nothing any more
 */
void kqd_own_note(struct kqd *d, enum kqd_own_kind which, const char *why)
{
	snprintf(d->own.note[which], sizeof(d->own.note[which]), "%s", why);
	own_tell(d);
}

/**
 * kqd_own_forget() - another node is taken, or this one by another daemon
 * @d: the daemon
 *
 * What the module has been told of it is not known.
 */
void kqd_own_forget(struct kqd *d)
{
	struct kqd_own *o = &d->own;

	memset(o->note, 0, sizeof(o->note));
	o->told = false;
	o->logged[0] = '\0';
}

static bool own_takes(const struct kqd_address *at, const struct kqd_address *a)
{
	const struct in6_addr *six = &at->in6.sin6_addr;

	/* The port has the same place in both. */
	if (at->in.sin_port != a->in.sin_port)
		return false;
	if (at->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(six))
		return true;
	if (at->sa.sa_family != a->sa.sa_family)
		return false;
	if (at->sa.sa_family == AF_INET6)
		return IN6_ARE_ADDR_EQUAL(six, &a->in6.sin6_addr);
	return at->in.sin_addr.s_addr == htonl(INADDR_ANY) ||
		at->in.sin_addr.s_addr == a->in.sin_addr.s_addr;
}

/* Does somebody who comes to one of @to come to this node? */
static bool own_listens_at(const struct kqd *d, const struct kqd_addresses *to)
{
	unsigned int i, k;

	for (i = 0; i < KQD_LISTENERS; i++) {
		const struct kqd_listener *s = &d->listen.sockets[i];

		for (k = 0; s->fd >= 0 && !s->closing && k < to->n; k++)
			if (own_takes(&s->at, &to->a[k]))
				return true;
	}
	return false;
}

static bool own_listens(const struct kqd *d)
{
	unsigned int i;

	for (i = 0; i < KQD_LISTENERS; i++)
		if (d->listen.sockets[i].fd >= 0 && !d->listen.sockets[i].closing)
			return true;
	return false;
}

static void own_resolved(struct kqd_resolve *r)
{
	struct kqd_own *o = kqd_container(r, struct kqd_own, resolve);

	o->resolving = false;
	o->known = r->out;
	o->again_ns = kqd_now_ns() + OWN_LOOK_AGAIN_NS;
}

/* Names mean here what they mean, and mostly the same elsewhere. Returns false: not known yet. */
static bool own_look_up(struct kqd *d, const char *where, const struct kquorum_address *to)
{
	struct kqd_own *o = &d->own;

	if (o->resolving)
		return false;
	if (!strcmp(o->looked_up, where) && kqd_now_ns() < o->again_ns)
		return true;
	snprintf(o->looked_up, sizeof(o->looked_up), "%s", where);
	o->resolving = true;
	kqd_resolve_start(&o->resolve, &d->loop, to->host, to->port);
	return !o->resolving;
}

/* A machine's own name is often one of loopback there, which says nothing of elsewhere. */
static bool own_may_be_here(const struct kqd_addresses *to)
{
	unsigned int i;

	for (i = 0; i < to->n; i++)
		if (kqd_address_loopback(&to->a[i]))
			return true;
	return to->gai_error;
}

enum own_there { OWN_IS_THERE, OWN_IS_ELSEWHERE, OWN_NOT_KNOWN };

static enum own_there own_there(struct kqd *d, const char *where)
{
	struct kquorum_address to;
	struct kqd_addresses a;
	char text[KQUORUM_ADDRESS_MAX + 1], why[192];

	/* Others may forward to where it listens: whoever says so in kquorum.conf knows it. */
	kquorum_address_format(&d->config.advertise, text, sizeof(text));
	if (!strcmp(text, where))
		return OWN_IS_THERE;
	kquorum_address_format(&d->config.listen, text, sizeof(text));
	if (!strcmp(text, where) || kquorum_address_parse(where, &to, why, sizeof(why)))
		return OWN_IS_THERE;
	if (!kqd_resolve_numeric(to.host, to.port, &a))
		return own_listens_at(d, &a) ? OWN_IS_THERE : OWN_IS_ELSEWHERE;
	if (!own_look_up(d, where, &to))
		return OWN_NOT_KNOWN;
	return own_listens_at(d, &d->own.known) || own_may_be_here(&d->own.known) ?
		OWN_IS_THERE : OWN_IS_ELSEWHERE;
}

static void own_log(struct kqd *d, const char *where, const char *listens)
{
	struct kqd_own *o = &d->own;
	char both[sizeof(o->logged)];

	snprintf(both, sizeof(both), "%s %s", where, listens);
	if (!strcmp(o->logged, both))
		return;
	strcpy(o->logged, both);
	kqd_warn("the others look for this node at %s, and it listens on %s: put the new address into "
		 "%s/%s, as listen and as advertise, then systemctl reload kquorumd (or pkill -HUP "
		 "kquorumd)", where, listens, d->opt.dir, KQUORUM_CONFIG_FILE);
}

/**
 * kqd_own_knock() - somebody was refused under the number of a peer that is connected
 * @d: the daemon
 * @peer: whose number
 * @from: the address that it came from
 * @why: what is wrong
 *
 * One is remembered for each number, the last one: whoever wants to comes as often as it wants.
 */
void kqd_own_knock(struct kqd *d, uint32_t peer, const char *from, const char *why)
{
	static const char taken[] = "it is not taken: ";
	struct kqd_knock *k = &d->peers[peer].knock;

	if (!strncmp(why, taken, sizeof(taken) - 1))
		why += sizeof(taken) - 1;
	k->last_ns = kqd_now_ns();
	if (!k->since_ns)
		k->since_ns = k->last_ns;
	snprintf(k->why, sizeof(k->why), "another %s comes from %s: %s", kqd_node_name(d, peer), from,
		 why);
}

/* Who comes still, and has come for long enough: the last one. */
static void own_knocks(struct kqd *d)
{
	uint64_t now = kqd_now_ns(), election_ns = d->election_ms * KQD_NS_PER_MS;
	const struct kqd_knock *last = NULL;
	unsigned int i;

	for (i = 1; i <= KQUORUM_MAX_NODES; i++) {
		struct kqd_knock *k = &d->peers[i].knock;

		if (!d->peers[i].connected || now - k->last_ns > OWN_GONE_ELECTIONS * election_ns)
			memset(k, 0, sizeof(*k));
		else if (k->last_ns - k->since_ns >= OWN_KNOCKS_ELECTIONS * election_ns &&
			 (!last || k->last_ns > last->last_ns))
			last = k;
	}
	kqd_own_note(d, KQD_OWN_KNOCK, last ? last->why : "");
}

/* Does this node listen where the configuration says that it is? */
static void own_address(struct kqd *d)
{
	const char *where = d->st.member[d->st.node_id].address;
	char listens[KQUORUM_ADDRESS_MAX + 1], why[KQD_NOTE_MAX];
	enum own_there there;

	if (!where[0] || !own_listens(d)) {
		kqd_own_note(d, KQD_OWN_ADDRESS, "");
		return;
	}
	there = own_there(d, where);
	if (there == OWN_NOT_KNOWN)
		return;
	if (there == OWN_IS_THERE) {
		d->own.logged[0] = '\0';
		kqd_own_note(d, KQD_OWN_ADDRESS, "");
		return;
	}
	kquorum_address_format(&d->config.listen, listens, sizeof(listens));
	own_log(d, where, listens);
	snprintf(why, sizeof(why), "listens on %s, not where the others look for it", listens);
	kqd_own_note(d, KQD_OWN_ADDRESS, why);
}

/**
 * kqd_own_update() - what is there to be said of this node?
 * @d: with a status
 */
void kqd_own_update(struct kqd *d)
{
	own_address(d);
	own_knocks(d);
}

/**
 * kqd_own_init() - nothing is known
 * @d: the daemon
 */
void kqd_own_init(struct kqd *d)
{
	d->own.resolve.done = own_resolved;
}
