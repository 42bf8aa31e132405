// SPDX-License-Identifier: GPL-2.0
/*
 * Taking a snapshot from another node. It goes into a file that says in its name which one it is to
 * become, so that after whatever ended the connection the rest is enough. Every byte is checked
 * before it is written, those that were here before as well: they may be of before a power cut.
 *
 * One is taken at a time. Others are told so and come again.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../kmod/core/kq_snap_format.h"
#include "daemon.h"

static void receive_recv(struct kqd_receive *r);
static void receive_check(struct kqd_receive *r);
static void receive_write(struct kqd_receive *r);

/* Nothing is written for it any more: another one may be taken. */
static void receive_release(struct kqd_receive *r)
{
	if (r->d->receiving != r)
		return;
	kqd_feed_close(&r->feed);
	r->d->receiving = NULL;
	kqd_transit_end(&r->d->peers[r->offer.from]);
	r->d->snap.files.dirty = true;
}

static void receive_free(struct kqd_receive *r)
{
	struct kqd *d = r->d;
	struct kqd_receive **p;

	for (p = &d->receives; *p != r; p = &(*p)->next)
		;
	*p = r->next;
	kqd_timer_del(&d->loop, &r->limit);
	kqd_timer_del(&d->loop, &r->pulse);
	close(r->fd);
	if (r->file >= 0)
		close(r->file);
	receive_release(r);
	free(r->reader);
	free(r->buf);
	free(r);
}

/* Everything ends; what is under way has to come back first. */
static void receive_end(struct kqd_receive *r)
{
	struct kqd_loop *l = &r->d->loop;

	if (!r->dead) {
		r->dead = true;
		kqd_timer_stop(&r->limit);
		kqd_timer_stop(&r->pulse);
		kqd_op_cancel(l, &r->recv);
		kqd_op_cancel(l, &r->send);
		kqd_op_cancel(l, &r->io);
	}
	if (!r->recv.busy && !r->send.busy && !r->io.busy && !r->place.op.busy)
		receive_free(r);
}

/* One answer at a time; the last one asked for is the one to give. */
static void receive_speak(struct kqd_receive *r)
{
	if (r->send.busy || r->mute)
		return;
	if (r->sent == sizeof(r->out)) {
		if (!r->say)
			return;
		kqd_answer_encode(&r->out, r->say, r->at, r->why);
		r->say = 0;
		r->sent = 0;
	}
	kqd_op_send(&r->d->loop, &r->send, r->fd, (char *)&r->out + r->sent,
		    sizeof(r->out) - r->sent);
}

static void receive_say(struct kqd_receive *r, enum kqd_answer answer, const char *why)
{
	r->say = answer;
	snprintf(r->why, sizeof(r->why), "%s", why);
	receive_speak(r);
}

static bool receive_has_socket(const struct kqd_receive *r)
{
	return r->stage != KQD_RECEIVE_PLACE && r->stage != KQD_RECEIVE_SETTLE;
}

/* Nobody is there any more. A file that is whole is of use all the same. */
static void receive_mute(struct kqd_receive *r)
{
	r->mute = true;
	if (receive_has_socket(r))
		receive_end(r);
}

static void receive_spoke(struct kqd_op *op, int res)
{
	struct kqd_receive *r = kqd_container(op, struct kqd_receive, send);

	if (r->dead) {
		receive_end(r);
		return;
	}
	if (res <= 0) {
		receive_mute(r);
		return;
	}
	r->sent += res;
	if (r->stage == KQD_RECEIVE_LAST && r->sent == sizeof(r->out) && !r->say)
		shutdown(r->fd, SHUT_WR);
	else
		receive_speak(r);
}

/* The last word. Who closes while bytes still come may take it back: so the other side closes. */
static void receive_last(struct kqd_receive *r, enum kqd_answer answer, const char *why)
{
	r->stage = KQD_RECEIVE_LAST;
	receive_release(r);
	kqd_timer_stop(&r->pulse);
	if (r->mute) {
		receive_end(r);
		return;
	}
	kqd_timer_in(&r->limit, kqd_attempt_limit_ns(r->d));
	receive_say(r, answer, why);
	if (!r->recv.busy)
		receive_recv(r);
}

static void receive_fail(struct kqd_receive *r, enum kqd_answer answer, const char *why)
{
	kqd_log_limited(&r->d->receive_told, LOG_WARNING, "the snapshot of index %llu from %s: %s",
			(unsigned long long)r->offer.ref.index,
			kqd_node_name(r->d, r->offer.from), why);
	receive_last(r, answer, why);
}

/* What came is worth nothing; the next time begins at the beginning. */
static void receive_damaged(struct kqd_receive *r, const char *why)
{
	unlinkat(r->d->snap.files.dir, r->part, 0);
	receive_fail(r, KQD_ANSWER_DAMAGED, why);
}

static void receive_disk(struct kqd_receive *r, int err)
{
	char why[KQD_ANSWER_WHY];

	if (err == -ENOSPC || err == -EDQUOT || err == -EFBIG) {
		snprintf(why, sizeof(why), "%s after %llu bytes of a snapshot: make room on %.40s",
			 strerror(-err), (unsigned long long)r->at, r->d->opt.dir);
		kqd_snapshot_note(r->d, why);
	} else {
		snprintf(why, sizeof(why), "its disk: %s", strerror(-err));
	}
	receive_fail(r, KQD_ANSWER_FAILED, why);
}

static void receive_placed(struct kqd_place *p, int err)
{
	struct kqd_receive *r = kqd_container(p, struct kqd_receive, place);
	struct kqd *d = r->d;

	if (r->dead) {
		receive_end(r);
		return;
	}
	if (err) {
		receive_disk(r, err);
		return;
	}
	r->stage = KQD_RECEIVE_SETTLE;
	kqd_files_forgive(d, &(struct kquorum_snapshot_file){ r->offer.ref.index,
							      r->offer.ref.term });
	kqd_info("received the snapshot of index %llu from %s: %llu bytes in %llu ms",
		 (unsigned long long)r->offer.ref.index, kqd_node_name(d, r->offer.from),
		 (unsigned long long)(r->at - r->stored),
		 (unsigned long long)((kqd_now_ns() - r->begun_ns) / KQD_NS_PER_MS));
	kqd_node_refresh(d);
}

/* All of it is here: is it what was offered? */
static void receive_whole(struct kqd_receive *r)
{
	const struct kq_snap_ref *got = &r->reader->ref;
	const struct kqd_ref *ref = &r->offer.ref;

	if (kq_snap_read_end(r->reader)) {
		receive_damaged(r, r->reader->why);
		return;
	}
	if (got->index != ref->index || got->term != ref->term || got->crc != ref->crc) {
		receive_damaged(r, "another snapshot came than was offered");
		return;
	}
	r->stage = KQD_RECEIVE_PLACE;
	kqd_timer_stop(&r->limit);
	kqd_timer_in(&r->pulse, kqd_silence_ns(r->d) / 4);
	/* One of that name that the node lost its state with is worth nothing. */
	kqd_place_start(&r->place, r->d, r->file, r->part, r->whole,
			r->d->st.state == KQUORUM_NODE_DAMAGED);
}

static void receive_go_on(struct kqd_receive *r)
{
	struct kqd_transit t = {
		.index = r->offer.ref.index,
		.bytes = r->offer.ref.bytes,
		.done = r->at,
		.comes = true,
	};

	kqd_transit_tell(&r->d->peers[r->offer.from], &t);
	kqd_feed_grown(&r->feed, r->at);
	if (r->at == r->offer.ref.bytes)
		receive_whole(r);
	else
		receive_recv(r);
}

static void receive_went_on(struct kqd_op *op, int res)
{
	struct kqd_receive *r = kqd_container(op, struct kqd_receive, io);

	if (r->dead)
		receive_end(r);
	else
		receive_go_on(r);
}

static void receive_wrote(struct kqd_op *op, int res)
{
	struct kqd_receive *r = kqd_container(op, struct kqd_receive, io);

	if (r->dead) {
		receive_end(r);
		return;
	}
	if (res <= 0) {
		receive_disk(r, res < 0 ? res : -ENOSPC);
		return;
	}
	r->put += res;
	r->at += res;
	if (r->put < r->have) {
		receive_write(r);
		return;
	}
	r->io.done = receive_went_on;
	if (!kqd_write_out(r->d, &r->io, r->file, r->at, &r->told))
		receive_go_on(r);
}

static void receive_write(struct kqd_receive *r)
{
	r->io.done = receive_wrote;
	kqd_op_pwrite(&r->d->loop, &r->io, r->file, r->buf + r->put, r->have - r->put, r->at);
}

static void receive_begin(struct kqd_receive *r)
{
	r->stage = KQD_RECEIVE_STREAM;
	r->stored = r->told = r->at;
	r->begun_ns = kqd_now_ns();
	kqd_timer_stop(&r->pulse);
	kqd_info("%s sends the snapshot of index %llu, %llu bytes, from byte %llu on",
		 kqd_node_name(r->d, r->offer.from), (unsigned long long)r->offer.ref.index,
		 (unsigned long long)r->offer.ref.bytes, (unsigned long long)r->at);
	receive_say(r, KQD_ANSWER_GO, "");
	r->feed = kqd_feed_open(r->d, r->file);
	receive_go_on(r);
}

static void receive_reader(struct kqd_receive *r)
{
	kq_snap_reader_init(r->reader, r->d->st.cluster_id, r->offer.origin);
	r->at = 0;
}

/* What was here is not what it should be: from the beginning. */
static void receive_anew(struct kqd_receive *r)
{
	if (ftruncate(r->file, 0)) {
		receive_disk(r, -errno);
		return;
	}
	receive_reader(r);
	receive_begin(r);
}

static void receive_checked(struct kqd_op *op, int res)
{
	struct kqd_receive *r = kqd_container(op, struct kqd_receive, io);

	if (r->dead) {
		receive_end(r);
		return;
	}
	if (res <= 0 || kq_snap_read(r->reader, r->buf, res, NULL, NULL)) {
		receive_anew(r);
		return;
	}
	r->at += res;
	receive_check(r);
}

static void receive_check(struct kqd_receive *r)
{
	uint64_t left = r->stored - r->at;

	if (!left) {
		receive_begin(r);
		return;
	}
	r->io.done = receive_checked;
	kqd_op_pread(&r->d->loop, &r->io, r->file, r->buf,
		     left < KQD_SNAPSHOT_BUFFER ? left : KQD_SNAPSHOT_BUFFER, r->at);
}

/* How much of it is here already? */
static uint64_t receive_stored(struct kqd_receive *r)
{
	const struct kqd_ref *ref = &r->offer.ref;
	struct stat st;

	kquorum_snapshot_part_name(r->part, &(struct kquorum_snapshot_part){
		ref->index, ref->term, ref->bytes, ref->crc });
	kquorum_snapshot_name(r->whole, r->offer.ref.index, r->offer.ref.term);
	if (r->d->snap.files.dir < 0 || fstatat(r->d->snap.files.dir, r->part, &st,
						AT_SYMLINK_NOFOLLOW))
		return 0;
	return st.st_size < 0 || (uint64_t)st.st_size > r->offer.ref.bytes ? 0 : st.st_size;
}

static void receive_accept(struct kqd_receive *r)
{
	r->d->receiving = r;
	r->reader = malloc(sizeof(*r->reader));
	r->buf = malloc(KQD_SNAPSHOT_BUFFER);
	if (!r->reader || !r->buf)
		kqd_die("out of memory");
	r->file = kqd_files_create(r->d, r->part);
	if (r->file < 0) {
		receive_disk(r, r->file);
		return;
	}
	kqd_sock_bulk(r->fd, kqd_silence_ns(r->d));
	kqd_timer_stop(&r->limit);
	kqd_timer_in(&r->pulse, kqd_silence_ns(r->d) / 4);
	r->stage = KQD_RECEIVE_CHECK;
	receive_reader(r);
	if (r->stored)
		receive_check(r);
	else
		receive_anew(r);
}

/* A sender that comes again has given its earlier connection up. */
static void receive_replace(struct kqd *d, const struct kqd_offer *o)
{
	struct kqd_receive *old = d->receiving;

	if (old && old->offer.from == o->from && receive_has_socket(old))
		receive_end(old);
}

static void receive_offered(struct kqd_receive *r)
{
	enum kqd_answer answer;
	char where[KQD_ADDRESS_TEXT], why[KQD_ANSWER_WHY] = "";
	int rc = kqd_offer_decode(&r->in, r->got, &r->offer, why, sizeof(why));

	if (rc == -EAGAIN) {
		receive_recv(r);
		return;
	}
	if (kqd_node_serves(r->d))
		kqd_files_update(r->d);
	r->stored = rc ? 0 : receive_stored(r);
	answer = rc ? KQD_ANSWER_REFUSED :
		kqd_judge_offer(r->d, &r->offer, r->stored, why, sizeof(why));
	if (answer == KQD_ANSWER_GO) {
		receive_accept(r);
		return;
	}
	if (answer == KQD_ANSWER_BUSY)
		receive_replace(r->d, &r->offer);
	if (answer == KQD_ANSWER_REFUSED) {
		kqd_address_text(&r->address, where, sizeof(where));
		kqd_log_limited(&r->d->receive_told, LOG_NOTICE, "refused a snapshot from %s: %s",
				where, why);
	}
	if (answer == KQD_ANSWER_FAILED)
		kqd_snapshot_note(r->d, why);
	receive_last(r, answer, why);
}

/* The next bytes of the snapshot are in the buffer. */
static void receive_bytes(struct kqd_receive *r, size_t len)
{
	if (kq_snap_read(r->reader, r->buf, len, NULL, NULL)) {
		receive_damaged(r, r->reader->why);
		return;
	}
	r->have = len;
	r->put = 0;
	receive_write(r);
}

static void receive_received(struct kqd_op *op, int res)
{
	struct kqd_receive *r = kqd_container(op, struct kqd_receive, recv);

	if (r->dead || (res <= 0 && res != -EINTR && res != -EAGAIN)) {
		if (!r->dead && r->stage == KQD_RECEIVE_STREAM)
			kqd_notice("%s has gone after byte %llu of the snapshot of index %llu: %s",
				   kqd_node_name(r->d, r->offer.from), (unsigned long long)r->at,
				   (unsigned long long)r->offer.ref.index,
				   res ? strerror(-res) : "it closed the connection");
		receive_end(r);
		return;
	}
	if (r->stage != KQD_RECEIVE_LAST)
		kqd_timer_stop(&r->limit);
	if (res <= 0 || r->stage == KQD_RECEIVE_LAST) {
		receive_recv(r);
	} else if (r->stage == KQD_RECEIVE_OFFER) {
		r->got += res;
		if (r->got < KQD_OFFER_HEAD)
			receive_recv(r);
		else
			receive_offered(r);
	} else {
		receive_bytes(r, res);
	}
}

/* Never more than belongs to it. After the last word whatever comes is thrown away. */
static void receive_recv(struct kqd_receive *r)
{
	struct kqd_loop *l = &r->d->loop;
	uint64_t left = r->offer.ref.bytes - r->at;

	switch (r->stage) {
	case KQD_RECEIVE_OFFER:
		kqd_op_recv(l, &r->recv, r->fd, (char *)&r->in + r->got, sizeof(r->in) - r->got);
		kqd_timer_in(&r->limit, kqd_attempt_limit_ns(r->d));
		break;
	case KQD_RECEIVE_STREAM:
		kqd_op_recv(l, &r->recv, r->fd, r->buf,
			    left < KQD_SNAPSHOT_BUFFER ? left : KQD_SNAPSHOT_BUFFER);
		kqd_timer_in(&r->limit, kqd_silence_ns(r->d));
		break;
	default:
		kqd_op_recv(l, &r->recv, r->fd, r->rest, sizeof(r->rest));
		break;
	}
}

static void receive_late(struct kqd_timer *t)
{
	struct kqd_receive *r = kqd_container(t, struct kqd_receive, limit);

	if (r->stage == KQD_RECEIVE_STREAM)
		kqd_notice("%s is silent after byte %llu of the snapshot of index %llu",
			   kqd_node_name(r->d, r->offer.from), (unsigned long long)r->at,
			   (unsigned long long)r->offer.ref.index);
	receive_end(r);
}

static void receive_pulse(struct kqd_timer *t)
{
	struct kqd_receive *r = kqd_container(t, struct kqd_receive, pulse);

	if (!r->say)
		receive_say(r, KQD_ANSWER_WORKING, "");
	kqd_timer_in(&r->pulse, kqd_silence_ns(r->d) / 4);
}

/* Room for one more: the oldest that is not the accepted one goes. */
static void receive_make_room(struct kqd *d)
{
	struct kqd_receive *r, *oldest = NULL;
	unsigned int n = 0;

	for (r = d->receives; r; r = r->next) {
		if (!oldest && r != d->receiving && !r->dead)
			oldest = r;
		n++;
	}
	if (n >= KQD_RECEIVES && oldest)
		receive_end(oldest);
}

/**
 * kqd_receive_start() - somebody came to send a snapshot
 * @d: the daemon
 * @fd: connected socket; ours now
 * @address: of the other side
 * @bytes: what it has sent so far
 * @len: how much, KQD_OFFER_MAGIC at least
 */
void kqd_receive_start(struct kqd *d, int fd, const struct kqd_address *address, const void *bytes,
		       size_t len)
{
	struct kqd_receive *r, **p;

	receive_make_room(d);
	r = calloc(1, sizeof(*r));
	if (!r)
		kqd_die("out of memory");
	r->d = d;
	r->fd = fd;
	r->file = -1;
	r->feed = -1;
	r->address = *address;
	r->recv.done = receive_received;
	r->send.done = receive_spoke;
	r->place.done = receive_placed;
	r->sent = sizeof(r->out);
	for (p = &d->receives; *p; p = &(*p)->next)
		;
	*p = r;
	kqd_timer_add(&d->loop, &r->limit, receive_late);
	kqd_timer_add(&d->loop, &r->pulse, receive_pulse);
	r->got = len;
	memcpy(&r->in, bytes, len < sizeof(r->in) ? len : sizeof(r->in));
	if (r->got < KQD_OFFER_HEAD)
		receive_recv(r);
	else
		receive_offered(r);
}

static bool receive_is(const struct kqd_receive *r, const struct kquorum_snapshot_file *file)
{
	return r && r->stage == KQD_RECEIVE_SETTLE && file->index == r->offer.ref.index &&
		file->term == r->offer.ref.term;
}

/**
 * kqd_receive_fed() - has the module read this file already, while it came?
 * @d: the daemon
 * @file: which
 * @named: what there is under its name
 * @install: it is to take the place of the state
 *
 * Return: a descriptor as that of kqd_genl_hand_over(), which is to be called if it is -1.
 */
int kqd_receive_fed(struct kqd *d, const struct kquorum_snapshot_file *file, int named,
		    bool install)
{
	struct kqd_receive *r = d->receiving;

	if (!r)
		return -1;
	/* Another file's turn, or another use of it: the module reads one at a time. */
	if (!install || !receive_is(r, file))
		kqd_feed_close(&r->feed);
	return kqd_feed_whole(&r->feed, r->file, named, r->offer.ref.bytes);
}

/**
 * kqd_receive_settled() - the module has said what it makes of a snapshot
 * @d: the daemon
 * @file: which
 * @err: 0 or its error
 * @why: with that
 */
void kqd_receive_settled(struct kqd *d, const struct kquorum_snapshot_file *file, int err,
			 const char *why)
{
	struct kqd_receive *r = d->receiving;

	if (!receive_is(r, file))
		return;
	if (err)
		receive_fail(r, KQD_ANSWER_FAILED, why);
	else
		receive_last(r, KQD_ANSWER_DONE, "");
}

/**
 * kqd_receive_update() - is what is being received still of use?
 * @d: with a status
 */
void kqd_receive_update(struct kqd *d)
{
	struct kqd_receive *r = d->receiving;

	if (!r || r->dead || d->st.state != KQUORUM_NODE_RUNNING ||
	    r->offer.ref.index > d->st.commit)
		return;
	if (r->stage == KQD_RECEIVE_STREAM && !r->io.busy)
		receive_last(r, KQD_ANSWER_HAVE, "");
	else if (r->stage == KQD_RECEIVE_SETTLE && d->st.snapshot.index >= r->offer.ref.index)
		receive_last(r, KQD_ANSWER_DONE, "");
}

/**
 * kqd_receive_drop() - the node does not serve any more
 * @d: the daemon
 */
void kqd_receive_drop(struct kqd *d)
{
	struct kqd_receive *r, *next;

	for (r = d->receives; r; r = next) {
		next = r->next;
		receive_end(r);
	}
}
