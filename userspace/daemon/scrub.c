// SPDX-License-Identifier: GPL-2.0
/*
 * Scrubs: the module reads its log when kquorum.conf says that it is time, or when a person asked
 * it to; and whenever it does, the file of the snapshot that the log goes on from is read here. One
 * that is damaged is not needed before a start, and by then another one can be saved.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../kmod/core/kq_snap_format.h"
#include "daemon.h"

#define SCRUB_BUFFER	(256 * 1024)
#define SCRUB_AGAIN_NS	(60 * KQD_NS_PER_SEC)	/* when the module refused */

static void scrub_read(struct kqd_scrub *s);

static void scrub_close(struct kqd_scrub *s)
{
	kqd_timer_stop(&s->pause);
	if (s->file >= 0)
		close(s->file);
	s->file = -1;
	s->dropped = false;
	free(s->reader);
	free(s->buf);
	s->reader = NULL;
	s->buf = NULL;
}

/* Unless another one is in use by now. */
static void scrub_damaged(struct kqd_scrub *s, const char *why)
{
	struct kqd *d = s->d;
	uint64_t index = s->ref.index;

	scrub_close(s);
	if (d->st.snapshot.index != index)
		return;
	if (d->snap.damaged != index)
		kqd_err("scrub: the snapshot of index %llu in %s cannot be used: %s; saving another one",
			(unsigned long long)index, d->opt.dir, why);
	d->snap.damaged = index;
	kqd_node_refresh(d);
}

static void scrub_whole(struct kqd_scrub *s)
{
	char why[sizeof(s->reader->why)];

	if (kq_snap_read_end(s->reader)) {
		snprintf(why, sizeof(why), "%s", s->reader->why);
		scrub_damaged(s, why);
		return;
	}
	if (s->reader->ref.index != s->ref.index || s->reader->ref.crc != s->ref.crc) {
		scrub_damaged(s, "it is another one than the log goes on from");
		return;
	}
	kqd_info("scrub: the snapshot of index %llu is whole", (unsigned long long)s->ref.index);
	scrub_close(s);
}

static void scrub_did_read(struct kqd_op *op, int res)
{
	struct kqd_scrub *s = kqd_container(op, struct kqd_scrub, io);
	char why[sizeof(s->reader->why)];

	if (s->dropped) {
		scrub_close(s);
		return;
	}
	if (res == -EINTR || res == -EAGAIN) {
		scrub_read(s);
		return;
	}
	if (res < 0) {
		scrub_damaged(s, strerror(-res));
		return;
	}
	if (!res) {
		scrub_whole(s);
		return;
	}
	if (kq_snap_read(s->reader, s->buf, res, NULL, NULL)) {
		snprintf(why, sizeof(why), "%s", s->reader->why);
		scrub_damaged(s, why);
		return;
	}
	s->at += res;
	kqd_throttle_take(&s->throttle, s->rate, kqd_now_ns(), res);
	kqd_timer_in(&s->pause, kqd_throttle_wait(&s->throttle, kqd_now_ns()) + 1);
}

static void scrub_go_on(struct kqd_timer *t)
{
	scrub_read(kqd_container(t, struct kqd_scrub, pause));
}

static void scrub_read(struct kqd_scrub *s)
{
	s->io.done = scrub_did_read;
	kqd_op_pread(&s->d->loop, &s->io, s->file, s->buf, SCRUB_BUFFER, s->at);
}

static void scrub_snapshot(struct kqd_scrub *s)
{
	struct kqd *d = s->d;
	char name[KQUORUM_SNAPSHOT_NAME_MAX];

	if (s->file >= 0 || !d->st.snapshot.index || d->snap.files.dir < 0)
		return;
	s->ref = d->st.snapshot;
	s->rate = d->st.scrub_rate;
	kquorum_snapshot_name(name, s->ref.index, s->ref.term);
	s->file = kqd_files_read(d, name);
	if (s->file < 0) {
		/* That it is gone is seen, and told, elsewhere. */
		s->file = -1;
		return;
	}
	s->reader = malloc(sizeof(*s->reader));
	s->buf = malloc(SCRUB_BUFFER);
	if (!s->reader || !s->buf) {
		scrub_close(s);
		return;
	}
	kq_snap_reader_init(s->reader, d->st.cluster_id, 0);
	memset(&s->throttle, 0, sizeof(s->throttle));
	s->at = 0;
	scrub_read(s);
}

/*
 * A start reads the log too, so the first one has time. Not all nodes of a cluster do it at the
 * same moment.
 */
static uint64_t scrub_due_ns(const struct kqd *d, uint64_t now)
{
	uint64_t every_ns = d->config.scrub_every_hours * 3600 * KQD_NS_PER_SEC;
	uint64_t after = every_ns - kqd_random() % 1000 * (every_ns / 10000);
	uint64_t ago = d->st.scrub_ended_ns == UINT64_MAX ? 0 : d->st.scrub_ended_ns;

	return now + (ago < after ? after - ago : 0) + 1;
}

/**
 * kqd_scrub_update() - is it time for one, or has one begun?
 * @d: with a new status
 */
void kqd_scrub_update(struct kqd *d)
{
	struct kqd_scrub *s = &d->scrub;
	uint64_t now = kqd_now_ns();
	int rc;

	if (d->loop.stop || d->st.state != KQUORUM_NODE_RUNNING)
		return;
	if (d->st.scrub_count != s->count) {
		/* What had ended before this daemon came is no news. */
		if (d->st.scrub_running || s->due_ns)
			scrub_snapshot(s);
		s->count = d->st.scrub_count;
	}
	if (s->running != d->st.scrub_running || !s->due_ns ||
	    s->every != d->config.scrub_every_hours) {
		s->running = d->st.scrub_running;
		s->every = d->config.scrub_every_hours;
		s->due_ns = scrub_due_ns(d, now);
	}
	if (!s->every || d->st.scrub_running) {
		kqd_timer_stop(&s->timer);
		return;
	}
	if (now < s->due_ns) {
		kqd_timer_at(&s->timer, s->due_ns);
		return;
	}
	rc = kqd_genl_scrub(&d->genl, d->config.scrub_rate);
	if (rc && rc != -EALREADY)
		kqd_warn("no scrub of the log: %s; trying again",
			 d->genl.refused[0] ? d->genl.refused : strerror(-rc));
	else
		kqd_info("the log is scrubbed: kquorum scrub status");
	s->due_ns = now + SCRUB_AGAIN_NS;
	kqd_timer_at(&s->timer, s->due_ns);
	if (!rc)
		kqd_node_refresh(d);
}

/**
 * kqd_scrub_drop() - the node is gone
 * @d: the daemon
 */
void kqd_scrub_drop(struct kqd *d)
{
	struct kqd_scrub *s = &d->scrub;

	kqd_timer_stop(&s->timer);
	s->count = 0;
	s->running = false;
	s->due_ns = 0;
	if (s->file < 0)
		return;
	if (s->io.busy)
		s->dropped = true;
	else
		scrub_close(s);
}

static void scrub_due(struct kqd_timer *t)
{
	kqd_node_refresh(kqd_container(t, struct kqd_scrub, timer)->d);
}

/**
 * kqd_scrub_init() - nothing is under way
 * @d: with its settings
 */
void kqd_scrub_init(struct kqd *d)
{
	struct kqd_scrub *s = &d->scrub;

	s->d = d;
	s->file = -1;
	kqd_timer_add(&d->loop, &s->timer, scrub_due);
	kqd_timer_add(&d->loop, &s->pause, scrub_go_on);
}
