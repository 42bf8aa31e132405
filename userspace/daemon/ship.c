// SPDX-License-Identifier: GPL-2.0
/*
 * Sending the newest snapshot to a peer that lacks what is gone from the log. The module says who
 * does (KQUORUM_PEER_SNAPSHOT); it ends when it does not say so any more. One at a time to each,
 * and to few peers, so that the leader serves on; no faster than kquorum.conf allows.
 *
 * One attempt is: wait, look the name up, connect, offer, send, hear how it went. The file stays
 * open between attempts, for a newer snapshot may have taken its place meanwhile, and what the peer
 * has of this one would be lost.
 */
#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../kmod/core/kq_snap_format.h"
#include "daemon.h"

/* Whose connection broke gets what is left of its snapshot when it comes back so soon. */
#define SHIP_PATIENCE_NS	(600 * KQD_NS_PER_SEC)

static void ship_next(struct kqd_ship *s);

static const char *ship_to(const struct kqd_ship *s)
{
	return kqd_node_name(s->d, s->peer);
}

/* Forgets the peer. */
static void ship_free(struct kqd_ship *s)
{
	if (s->file >= 0)
		close(s->file);
	s->file = -1;
	s->peer = 0;
	s->stopped = false;
	s->why[0] = '\0';
	kqd_timer_stop(&s->next);
}

/* So much of it is there, for the status. */
static void ship_tell(const struct kqd_ship *s)
{
	struct kqd_transit t = {
		.index = s->ref.index,
		.bytes = s->ref.bytes,
		.done = s->at - (s->have - s->put),
	};

	kqd_transit_tell(&s->d->peers[s->peer], &t);
}

/* All operations of an attempt are over. */
static void ship_closed(struct kqd_ship *s)
{
	if (s->io.busy || s->recv.busy)
		return;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	kqd_transit_end(&s->d->peers[s->peer]);
	free(s->buf);
	free(s->reader);
	s->buf = NULL;
	s->reader = NULL;
	kqd_timer_stop(&s->limit);
	s->stage = KQD_SHIP_WAIT;
	if (s->stopped)
		ship_free(s);
	else
		kqd_timer_in(&s->next, kqd_backoff_wait(&s->backoff, kqd_random()));
}

/* Ends the attempt; another one comes, unless the whole has been stopped. */
static void ship_close(struct kqd_ship *s)
{
	struct kqd_loop *l = &s->d->loop;

	kqd_timer_stop(&s->next);
	kqd_timer_stop(&s->limit);
	if (s->stage == KQD_SHIP_RESOLVE) {
		kqd_resolve_kill(&s->resolve);
		return;
	}
	s->stage = KQD_SHIP_CLOSING;
	kqd_op_cancel(l, &s->io);
	kqd_op_cancel(l, &s->recv);
	ship_closed(s);
}

/* Somebody else may have a better chance. */
static bool ship_others_wait(const struct kqd *d)
{
	uint32_t waiting = 0;
	unsigned int i;

	for (i = 0; i < d->st.n_peers; i++)
		if (d->st.peers[i].needs)
			waiting |= 1u << d->st.peers[i].id;
	for (i = 0; i < KQD_SHIPS; i++)
		waiting &= ~(1u << d->ships[i].peer);
	return waiting;
}

static void ship_fail(struct kqd_ship *s, const char *why)
{
	bool news = strcmp(s->why, why);

	kqd_log(news ? LOG_NOTICE : LOG_DEBUG, "the snapshot of index %llu does not reach %s: %s%s",
		(unsigned long long)s->ref.index, ship_to(s), why, news ? "; trying on" : "");
	snprintf(s->why, sizeof(s->why), "%s", why);
	if (ship_others_wait(s->d))
		s->stopped = true;
	ship_close(s);
}

static void ship_limit(struct kqd_ship *s, uint64_t ns)
{
	kqd_timer_in(&s->limit, ns);
}

static void ship_late(struct kqd_timer *t)
{
	struct kqd_ship *s = kqd_container(t, struct kqd_ship, limit);

	if (s->stage == KQD_SHIP_RESOLVE)
		kqd_resolve_kill(&s->resolve);
	else
		ship_fail(s, "no answer");
}

static void ship_all_sent(struct kqd_ship *s)
{
	s->stage = KQD_SHIP_OUTCOME;
	ship_limit(s, kqd_silence_ns(s->d));
}

/* The file here is damaged: another one has to be made, before any peer can have it. */
static void ship_own_damage(struct kqd_ship *s, const char *why)
{
	struct kqd *d = s->d;

	if (d->snap.damaged != s->ref.index)
		kqd_err("the snapshot of index %llu in %s cannot be sent: %s; saving another one",
			(unsigned long long)s->ref.index, d->opt.dir, why);
	d->snap.damaged = s->ref.index;
	s->stopped = true;
	ship_close(s);
}

static void ship_sent(struct kqd_op *op, int res)
{
	struct kqd_ship *s = kqd_container(op, struct kqd_ship, io);

	if (s->stage == KQD_SHIP_CLOSING) {
		ship_closed(s);
		return;
	}
	if (res < 0) {
		ship_fail(s, strerror(-res));
		return;
	}
	s->put += res;
	if (s->stage == KQD_SHIP_STREAM) {
		kqd_backoff_reset(&s->backoff);
		ship_tell(s);
	}
	ship_next(s);
}

static void ship_send(struct kqd_ship *s, const void *from, size_t len)
{
	s->io.done = ship_sent;
	ship_limit(s, kqd_silence_ns(s->d));
	kqd_op_send(&s->d->loop, &s->io, s->fd, (const char *)from + s->put, len - s->put);
}

/*
 * The limit is for the sake of commits. Where none is possible before a snapshot has come, it would
 * only make the cluster stand longer, and leases end. Returns bytes in a second, 0: no limit.
 */
static uint64_t ship_rate(const struct kqd *d)
{
	uint32_t commit = 1u << d->st.node_id;
	unsigned int i;

	for (i = 0; i < d->st.n_peers; i++)
		if (d->st.peers[i].connected && !d->st.peers[i].needs)
			commit |= 1u << d->st.peers[i].id;
	return kqd_status_majority(&d->st, commit) ? d->config.snapshot_rate : 0;
}

static void ship_did_read(struct kqd_op *op, int res)
{
	struct kqd_ship *s = kqd_container(op, struct kqd_ship, io);

	if (s->stage == KQD_SHIP_CLOSING) {
		ship_closed(s);
		return;
	}
	if (res == -EINTR || res == -EAGAIN) {
		ship_next(s);
		return;
	}
	if (res <= 0) {
		ship_own_damage(s, res ? strerror(-res) : "it was cut off");
		return;
	}
	/* Without the first bytes it cannot be judged; the receiver has them, and does. */
	if (!s->first && kq_snap_read(s->reader, s->buf, res, NULL, NULL)) {
		ship_own_damage(s, s->reader->why);
		return;
	}
	s->have = res;
	s->put = 0;
	s->at += res;
	kqd_throttle_take(&s->d->throttle, ship_rate(s->d), kqd_now_ns(), res);
	ship_next(s);
}

/* Small enough that a limited rate does not come in bursts. */
static size_t ship_chunk(const struct kqd_ship *s)
{
	uint64_t left = s->ref.bytes - s->at, rate = ship_rate(s->d), chunk = rate / 16;

	if (!rate || chunk > KQD_SNAPSHOT_BUFFER)
		chunk = KQD_SNAPSHOT_BUFFER;
	return left < chunk ? left : chunk;
}

static void ship_read(struct kqd_ship *s)
{
	uint64_t wait = kqd_throttle_wait(&s->d->throttle, kqd_now_ns());

	if (wait) {
		kqd_timer_stop(&s->limit);
		kqd_timer_in(&s->next, wait);
		return;
	}
	s->io.done = ship_did_read;
	kqd_op_pread(&s->d->loop, &s->io, s->file, s->buf, ship_chunk(s), s->at);
}

/* Goes on with what there is to send. */
static void ship_next(struct kqd_ship *s)
{
	if (s->stage == KQD_SHIP_OFFER) {
		if (s->put < sizeof(s->offer))
			ship_send(s, &s->offer, sizeof(s->offer));
	} else if (s->put < s->have) {
		ship_send(s, s->buf, s->have);
	} else if (s->at < s->ref.bytes) {
		ship_read(s);
	} else {
		ship_all_sent(s);
	}
}

static void ship_go(struct kqd_ship *s, uint64_t offset)
{
	if (offset > s->ref.bytes) {
		ship_fail(s, "it claims to have more of it than there is");
		return;
	}
	s->stage = KQD_SHIP_STREAM;
	s->first = s->at = offset;
	s->have = s->put = 0;
	s->begun_ns = kqd_now_ns();
	kq_snap_reader_init(s->reader, s->d->st.cluster_id, 0);
	ship_tell(s);
	kqd_info("sending %s the snapshot of index %llu, %llu bytes, from byte %llu on", ship_to(s),
		 (unsigned long long)s->ref.index, (unsigned long long)s->ref.bytes,
		 (unsigned long long)offset);
	ship_next(s);
}

/* The peer has it: whether it needs another one the next status says. */
static void ship_arrived(struct kqd_ship *s)
{
	s->needed_ns = 0;
	ship_close(s);
}

static void ship_done(struct kqd_ship *s)
{
	kqd_info("%s has installed the snapshot of index %llu: %llu bytes in %llu ms", ship_to(s),
		 (unsigned long long)s->ref.index, (unsigned long long)(s->ref.bytes - s->first),
		 (unsigned long long)((kqd_now_ns() - s->begun_ns) / KQD_NS_PER_MS));
	s->why[0] = '\0';
	ship_arrived(s);
}

static void ship_answered(struct kqd_ship *s, enum kqd_answer answer, uint64_t offset)
{
	char why[sizeof(s->why)];

	switch (answer) {
	case KQD_ANSWER_WORKING:
		if (s->stage != KQD_SHIP_STREAM)
			ship_limit(s, kqd_silence_ns(s->d));
		return;
	case KQD_ANSWER_GO:
		if (s->stage == KQD_SHIP_OFFER && s->put == sizeof(s->offer))
			ship_go(s, offset);
		else
			ship_fail(s, "it answers what was not asked");
		return;
	case KQD_ANSWER_DONE:
		if (s->stage == KQD_SHIP_OUTCOME)
			ship_done(s);
		else
			ship_fail(s, "it says that it has it, and cannot");
		return;
	case KQD_ANSWER_HAVE:
		kqd_debug("%s needs no snapshot any more", ship_to(s));
		ship_arrived(s);
		return;
	default:
		snprintf(why, sizeof(why), "%s%s", answer == KQD_ANSWER_REFUSED ? "refused: " :
			 answer == KQD_ANSWER_DAMAGED ? "it arrived damaged: " : "", s->in.why);
		ship_fail(s, why);
	}
}

static void ship_recv(struct kqd_ship *s)
{
	kqd_op_recv(&s->d->loop, &s->recv, s->fd, (char *)&s->in + s->got,
		    sizeof(s->in) - s->got);
}

static void ship_received(struct kqd_op *op, int res)
{
	struct kqd_ship *s = kqd_container(op, struct kqd_ship, recv);
	enum kqd_answer answer;
	uint64_t offset;

	if (s->stage == KQD_SHIP_CLOSING) {
		ship_closed(s);
		return;
	}
	if (res <= 0) {
		ship_fail(s, res ? strerror(-res) : s->stage == KQD_SHIP_OFFER ?
			  "it closes the connection instead of answering: its log says why" :
			  "it closed the connection");
		return;
	}
	s->got += res;
	if (s->got == sizeof(s->in)) {
		s->got = 0;
		if (kqd_answer_decode(&s->in, &answer, &offset)) {
			ship_fail(s, "its answer is not understood: another version?");
			return;
		}
		ship_answered(s, answer, offset);
	}
	if (s->stage >= KQD_SHIP_OFFER && s->stage < KQD_SHIP_CLOSING)
		ship_recv(s);
}

static void ship_offer(struct kqd_ship *s)
{
	const struct kqd_status *st = &s->d->st;
	const struct kqd_status_peer *p = kqd_status_peer(st, s->peer);
	struct kqd_offer o = {
		.from = st->node_id,
		.to = s->peer,
		.cluster = st->cluster_hash,
		.origin = le64toh(st->past.origin),
		.identity = le64toh(st->past.identity),
		.whom = p ? p->identity : 0,
		.ref = s->ref,
	};

	kqd_offer_encode(&s->offer, &o);
	s->buf = malloc(KQD_SNAPSHOT_BUFFER);
	s->reader = malloc(sizeof(*s->reader));
	if (!s->buf || !s->reader)
		kqd_die("out of memory");
	s->stage = KQD_SHIP_OFFER;
	s->got = s->put = s->have = 0;
	ship_next(s);
	ship_recv(s);
}

static void ship_connected(struct kqd_op *op, int res)
{
	struct kqd_ship *s = kqd_container(op, struct kqd_ship, io);

	if (s->stage == KQD_SHIP_CLOSING) {
		ship_closed(s);
		return;
	}
	if (res < 0) {
		s->turn++;
		ship_fail(s, strerror(-res));
		return;
	}
	kqd_sock_options(s->fd, s->d->election_ms);
	kqd_sock_bulk(s->fd, kqd_silence_ns(s->d));
	ship_offer(s);
}

static void ship_resolved(struct kqd_resolve *r)
{
	struct kqd_ship *s = kqd_container(r, struct kqd_ship, resolve);
	struct kqd_address *to;

	s->stage = KQD_SHIP_CONNECT;
	if (s->stopped) {
		ship_close(s);
		return;
	}
	if (r->out.gai_error) {
		ship_fail(s, gai_strerror(r->out.gai_error));
		return;
	}
	to = &r->out.a[s->turn % r->out.n];
	s->fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		ship_fail(s, strerror(errno));
		return;
	}
	s->io.done = ship_connected;
	ship_limit(s, kqd_attempt_limit_ns(s->d));
	kqd_op_connect(&s->d->loop, &s->io, s->fd, &to->sa, to->len);
}

/* The newest one is taken at the first attempt, and kept. */
static bool ship_open(struct kqd_ship *s)
{
	const struct kqd_ref *used = &s->d->st.snapshot;
	char name[KQUORUM_SNAPSHOT_NAME_MAX];
	struct stat st;

	if (s->file >= 0)
		return true;
	s->ref = *used;
	kquorum_snapshot_name(name, used->index, used->term);
	s->file = kqd_files_read(s->d, name);
	if (s->file >= 0 && !fstat(s->file, &st) && (uint64_t)st.st_size == used->bytes)
		return true;
	ship_own_damage(s, s->file < 0 ? strerror(-s->file) : "it has another size");
	return false;
}

static void ship_attempt(struct kqd_ship *s)
{
	struct kquorum_address to;

	if (!ship_open(s))
		return;
	if (!kqd_dial_where(&s->d->peers[s->peer], &s->by_config, &to)) {
		ship_fail(s, "nothing says where it is");
		return;
	}
	s->stage = KQD_SHIP_RESOLVE;
	ship_limit(s, kqd_attempt_limit_ns(s->d));
	kqd_resolve_start(&s->resolve, &s->d->loop, to.host, to.port);
}

/* Time for the next attempt, or for the next piece. */
static void ship_timer(struct kqd_timer *t)
{
	struct kqd_ship *s = kqd_container(t, struct kqd_ship, next);

	if (s->stage == KQD_SHIP_WAIT)
		ship_attempt(s);
	else if (s->stage == KQD_SHIP_STREAM)
		ship_next(s);
}

static void ship_stop(struct kqd_ship *s)
{
	if (s->stopped)
		return;
	s->stopped = true;
	ship_close(s);
}

/*
 * Is it sending what its peer needs? Who has all of it is about to say so. While the module's own
 * connection is broken nobody can tell, nor at once when it stands again: what the peer has of this
 * very snapshot shall not be lost for that, so the file stays open for a while.
 */
static bool ship_is_wanted(struct kqd_ship *s)
{
	const struct kqd_status_peer *p = kqd_status_peer(&s->d->st, s->peer);
	uint64_t now = kqd_now_ns();

	if (s->d->st.role != KQUORUM_LEADER || !p)
		return false;
	if (s->stage == KQD_SHIP_OUTCOME)
		return true;
	if (p->needs) {
		s->needed_ns = now;
		return s->file < 0 || s->ref.index >= p->needs;
	}
	if (!s->needed_ns)
		return false;
	if (!p->connected)
		s->away_ns = now;
	return now - s->needed_ns < SHIP_PATIENCE_NS &&
		now - s->away_ns < kqd_silence_ns(s->d);
}

static struct kqd_ship *ship_find(struct kqd *d, uint32_t peer)
{
	unsigned int i;

	for (i = 0; i < KQD_SHIPS; i++)
		if (d->ships[i].peer == peer)
			return &d->ships[i];
	return NULL;
}

static void ship_begin(struct kqd *d, uint32_t peer)
{
	const struct kqd_status_peer *p = kqd_status_peer(&d->st, peer);
	struct kqd_ship *s = ship_find(d, 0);

	if (!s || !p || !p->needs || d->st.snapshot.index < p->needs || ship_find(d, peer) ||
	    d->snap.damaged == d->st.snapshot.index)
		return;
	s->peer = peer;
	s->needed_ns = kqd_now_ns();
	s->away_ns = 0;
	s->by_config = true;
	s->stage = KQD_SHIP_WAIT;
	d->ship_after = peer;
	kqd_backoff_init(&s->backoff, d->heartbeat_ms * KQD_NS_PER_MS * 5,
			 d->heartbeat_ms * KQD_NS_PER_MS * 300);
	ship_attempt(s);
}

/**
 * kqd_ship_update() - who needs a snapshot, and who does not any more?
 * @d: with a status and a directory
 */
void kqd_ship_update(struct kqd *d)
{
	unsigned int i;

	for (i = 0; i < KQD_SHIPS; i++)
		if (d->ships[i].peer && !ship_is_wanted(&d->ships[i]))
			ship_stop(&d->ships[i]);
	if (d->st.role != KQUORUM_LEADER || !d->st.snapshot.index)
		return;
	/* Whoever had its turn last comes last. */
	for (i = 0; i < KQUORUM_MAX_NODES; i++)
		ship_begin(d, (d->ship_after + i) % KQUORUM_MAX_NODES + 1);
}

/**
 * kqd_ship_init() - nothing is under way
 * @d: the daemon
 */
void kqd_ship_init(struct kqd *d)
{
	unsigned int i;

	for (i = 0; i < KQD_SHIPS; i++) {
		struct kqd_ship *s = &d->ships[i];

		s->d = d;
		s->fd = -1;
		s->file = -1;
		s->resolve.done = ship_resolved;
		s->recv.done = ship_received;
		kqd_timer_add(&d->loop, &s->limit, ship_late);
		kqd_timer_add(&d->loop, &s->next, ship_timer);
	}
}

/**
 * kqd_ship_drop() - the node does not serve any more
 * @d: the daemon
 */
void kqd_ship_drop(struct kqd *d)
{
	unsigned int i;

	for (i = 0; i < KQD_SHIPS; i++)
		if (d->ships[i].peer)
			ship_stop(&d->ships[i]);
}
