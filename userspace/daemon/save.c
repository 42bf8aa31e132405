// SPDX-License-Identifier: GPL-2.0
/*
 * Saving a snapshot: from the module's descriptor into a file, checked as it passes. Whatever goes
 * wrong, the one in use stays, and the next attempt comes after a while.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../kmod/core/kq_snap_format.h"
#include "daemon.h"

#define SAVE_PIECE	(64 * 1024)	/* after which it rests */
#define SAVE_REST_MAX	(100 * KQD_NS_PER_MS)

static void save_read(struct kqd_save *s);
static void save_write(struct kqd_save *s);

static void save_wait(struct kqd_save *s)
{
	s->not_before_ns = kqd_now_ns() + kqd_backoff_wait(&s->backoff, kqd_random());
}

/* Nothing of it is left: what was written is removed as waste. */
static void save_end(struct kqd_save *s)
{
	struct kqd *d = s->d;

	close(s->from);
	s->from = -1;
	if (s->to >= 0)
		close(s->to);
	s->to = -1;
	free(s->reader);
	free(s->buf);
	s->reader = NULL;
	s->buf = NULL;
	s->name[0] = '\0';
	s->dropped = false;
	d->snap.files.dirty = true;
	kqd_node_refresh(d);
}

/* Once per reason in the log, and in the status until one was saved. */
static void save_tell(struct kqd_save *s, const char *why)
{
	if (strcmp(s->why, why))
		kqd_warn("%s; trying again", why);
	else
		kqd_debug("%s; trying again", why);
	snprintf(s->why, sizeof(s->why), "%s", why);
	kqd_snapshot_note(s->d, why);
	save_wait(s);
}

static void save_fail(struct kqd_save *s, const char *what, const char *error)
{
	char why[sizeof(s->why)];

	if (!s->dropped) {
		snprintf(why, sizeof(why), "no snapshot saved: %s: %s", what, error);
		save_tell(s, why);
	}
	save_end(s);
}

/* Writing failed. With no room the way out is said, in as many bytes as the status takes. */
static void save_fail_write(struct kqd_save *s, int err)
{
	char why[sizeof(s->why)];

	if (err != -ENOSPC && err != -EDQUOT && err != -EFBIG) {
		save_fail(s, "writing it", strerror(-err));
		return;
	}
	if (!s->dropped) {
		kqd_debug("no room after %llu bytes", (unsigned long long)s->at);
		snprintf(why, sizeof(why), "no snapshot: %.30s: make room on %.44s, else the log "
			 "fills up", strerror(-err), s->d->opt.dir);
		save_tell(s, why);
	}
	save_end(s);
}

static void save_placed(struct kqd_place *p, int err)
{
	struct kqd_save *s = kqd_container(p, struct kqd_save, place);

	if (err) {
		save_fail_write(s, err);
		return;
	}
	kqd_info("saved the snapshot of index %llu: %llu bytes in %llu ms",
		 (unsigned long long)s->reader->ref.index, (unsigned long long)s->at,
		 (unsigned long long)((kqd_now_ns() - s->begun_ns) / KQD_NS_PER_MS));
	save_end(s);
}

static void save_all_read(struct kqd_save *s)
{
	if (kq_snap_read_end(s->reader)) {
		save_fail(s, "what the module gives", s->reader->why);
		return;
	}
	kqd_place_start(&s->place, s->d, s->to, s->name, s->whole, false);
}

/* Its name is known as soon as its head is. */
static int save_create(struct kqd_save *s)
{
	const struct kq_snap_ref *ref = &s->reader->ref;

	kquorum_snapshot_name(s->whole, ref->index, ref->term);
	kquorum_snapshot_new_name(s->name, ref->index, ref->term);
	/* One of a daemon that was killed is no part of this one. */
	unlinkat(s->d->snap.files.dir, s->name, 0);
	s->to = kqd_files_create(s->d, s->name);
	return s->to < 0 ? s->to : 0;
}

static void save_did_read(struct kqd_op *op, int res)
{
	struct kqd_save *s = kqd_container(op, struct kqd_save, io);
	int err;

	if (s->dropped || (res < 0 && res != -EINTR && res != -EAGAIN)) {
		save_fail(s, "reading it from the module", strerror(res < 0 ? -res : ECANCELED));
		return;
	}
	if (!res) {
		save_all_read(s);
		return;
	}
	if (res < 0) {
		save_read(s);
		return;
	}
	if (kq_snap_read(s->reader, s->buf + s->have, res, NULL, NULL)) {
		save_fail(s, "what the module gives", s->reader->why);
		return;
	}
	s->have += res;
	if (!s->reader->has_head) {
		save_read(s);
		return;
	}
	err = s->to < 0 ? save_create(s) : 0;
	if (err)
		save_fail_write(s, err);
	else
		save_write(s);
}

static void save_read(struct kqd_save *s)
{
	s->io.done = save_did_read;
	kqd_op_read(&s->d->loop, &s->io, s->from, s->buf + s->have, SAVE_PIECE - s->have);
}

static void save_next_piece(struct kqd_save *s)
{
	s->piece_ns = kqd_now_ns();
	save_read(s);
}

static void save_rested(struct kqd_timer *t)
{
	struct kqd_save *s = kqd_container(t, struct kqd_save, rest);

	if (s->dropped)
		save_fail_write(s, -ECANCELED);
	else
		save_next_piece(s);
}

static uint64_t log_room(const struct kqd *d)
{
	return d->st.log_capacity - d->st.log_used;
}

static void save_rest(struct kqd_save *s)
{
	const struct kqd_status *st = &s->d->st;
	const struct kqd_policy_pace pace = {
		.done = s->at,
		.expected = s->expected,
		.room_then = s->room,
		.room = log_room(s->d),
		.capacity = st->log_capacity,
	};
	uint64_t rest = kqd_policy_rest(&pace, kqd_now_ns() - s->piece_ns);

	if (rest)
		kqd_timer_in(&s->rest, rest < SAVE_REST_MAX ? rest : SAVE_REST_MAX);
	else
		save_next_piece(s);
}

static void save_went_on(struct kqd_op *op, int res)
{
	struct kqd_save *s = kqd_container(op, struct kqd_save, io);

	if (s->dropped)
		save_fail_write(s, -ECANCELED);
	else
		save_rest(s);
}

static void save_wrote(struct kqd_op *op, int res)
{
	struct kqd_save *s = kqd_container(op, struct kqd_save, io);

	if (s->dropped || res <= 0) {
		save_fail_write(s, res < 0 ? res : -ENOSPC);
		return;
	}
	s->put += res;
	s->at += res;
	if (s->put < s->have) {
		save_write(s);
		return;
	}
	s->have = s->put = 0;
	s->io.done = save_went_on;
	if (!kqd_write_out(s->d, &s->io, s->to, s->at, &s->told))
		save_rest(s);
}

static void save_write(struct kqd_save *s)
{
	s->io.done = save_wrote;
	kqd_op_pwrite(&s->d->loop, &s->io, s->to, s->buf + s->put, s->have - s->put, s->at);
}

/**
 * kqd_save_may_start() - is nothing in the way of a snapshot?
 * @d: with a directory
 *
 * Return: true: none is being saved, received or handed over, and the last failure is a while ago.
 */
bool kqd_save_may_start(const struct kqd *d)
{
	return d->st.state == KQUORUM_NODE_RUNNING && d->snap.save.from < 0 &&
		!d->snap.files.pending && !d->snap.files.dirty && !d->receiving &&
		kqd_now_ns() >= d->snap.save.not_before_ns;
}

/**
 * kqd_save_start() - save a snapshot
 * @d: kqd_save_may_start()
 * @why: not KQD_POLICY_NOT
 */
void kqd_save_start(struct kqd *d, enum kqd_policy_why why)
{
	struct kqd_save *s = &d->snap.save;
	char text[sizeof(s->why)];
	int fd = kqd_genl_save(&d->genl);

	if (fd < 0) {
		snprintf(text, sizeof(text), "no snapshot saved: %s", d->genl.refused[0] ?
			 d->genl.refused : strerror(-fd));
		/* Somebody else saves one, or a look at the status was too early. */
		if (fd == -EBUSY || fd == -EALREADY || fd == -ENODEV)
			save_wait(s);
		else
			save_tell(s, text);
		return;
	}
	kqd_info("saving a snapshot: %s", kqd_policy_text(why));
	s->from = fd;
	s->reader = malloc(sizeof(*s->reader));
	s->buf = malloc(SAVE_PIECE);
	if (!s->reader || !s->buf)
		kqd_die("out of memory");
	kq_snap_reader_init(s->reader, d->st.cluster_id, 0);
	s->have = s->put = 0;
	s->at = s->told = 0;
	s->begun_ns = kqd_now_ns();
	s->room = log_room(d);
	/* As the last one; the first has what the log has. */
	s->expected = d->st.snapshot.bytes ? d->st.snapshot.bytes : d->st.log_used;
	save_next_piece(s);
}

/**
 * kqd_save_settled() - the module has said what it makes of this node's own snapshot
 * @d: the daemon
 * @err: 0 or its error
 */
void kqd_save_settled(struct kqd *d, int err)
{
	struct kqd_save *s = &d->snap.save;

	if (!err) {
		s->why[0] = '\0';
		kqd_backoff_reset(&s->backoff);
	}
	/* When the log is full every entry is a reason for another one: not without a pause. */
	save_wait(s);
}

/**
 * kqd_save_init() - nothing is being saved
 * @d: the daemon
 */
void kqd_save_init(struct kqd *d)
{
	struct kqd_save *s = &d->snap.save;

	s->d = d;
	s->from = -1;
	s->to = -1;
	s->place.done = save_placed;
	kqd_timer_add(&d->loop, &s->rest, save_rested);
	kqd_backoff_init(&s->backoff, d->heartbeat_ms * KQD_NS_PER_MS * 10,
			 d->heartbeat_ms * KQD_NS_PER_MS * 600);
}

/**
 * kqd_save_drop() - the node is gone
 * @d: the daemon
 */
void kqd_save_drop(struct kqd *d)
{
	struct kqd_save *s = &d->snap.save;

	s->not_before_ns = 0;
	s->why[0] = '\0';
	kqd_backoff_reset(&s->backoff);
	if (s->from < 0)
		return;
	/* When it is being placed already, it becomes a file like any other. */
	s->dropped = true;
	if (s->rest.at_ns)
		kqd_timer_in(&s->rest, 0);
	else
		kqd_op_cancel(&d->loop, &s->io);
}
