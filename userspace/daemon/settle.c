// SPDX-License-Identifier: GPL-2.0
/*
 * Handing a finished snapshot to the module: this node's own to have the log begin behind it, one
 * of another node to take the place of the state. Whatever file is newer than the one in use comes
 * here, also after a crash: where it is from does not matter, but how far this node is.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"

/* No other moment will have another answer: the file is of no use here. */
static bool settle_is_final(int err)
{
	return err == -EINVAL || err == -EXDEV || err == -EBADMSG || err == -ENODATA ||
		err == -EPROTONOSUPPORT;
}

static void settle_refused(struct kqd_settle *s, int err, const char *reason)
{
	char why[sizeof(s->why)], name[KQUORUM_SNAPSHOT_NAME_MAX];
	struct kqd *d = s->d;

	kquorum_snapshot_name(name, s->file.index, s->file.term);
	snprintf(why, sizeof(why), "the module does not take %s: %.100s", name, reason);
	if (strcmp(s->why, why))
		kqd_warn("%s%s", why, !settle_is_final(err) ? "; trying again" :
			 d->st.state == KQUORUM_NODE_RUNNING ? "; it is removed" : "; it is kept");
	snprintf(s->why, sizeof(s->why), "%s", why);
	if (settle_is_final(err)) {
		kqd_files_refuse(d, &s->file);
		snprintf(why, sizeof(why), "a snapshot was of no use: %.100s", reason);
		kqd_snapshot_note(d, why);
	}
	s->not_before_ns = kqd_now_ns() + kqd_backoff_wait(&s->backoff, kqd_random());
}

static void settle_ended(struct kqd_settle *s, int err, const char *why)
{
	struct kqd *d = s->d;

	if (err) {
		settle_refused(s, err, why);
	} else {
		kqd_debug("the module has the snapshot of index %llu",
			  (unsigned long long)s->file.index);
		s->taken = s->file;
		s->why[0] = '\0';
		kqd_snapshot_note(d, "");
		kqd_backoff_reset(&s->backoff);
	}
	if (!s->install)
		kqd_save_settled(d, err);
	kqd_receive_settled(d, &s->file, err, why);
}

static void settle_answered(struct kqd_op *op, int res)
{
	struct kqd_settle *s = kqd_container(op, struct kqd_settle, poll);
	struct kquorum_snapshot_result r = { .error = -EIO, .why = "no answer" };
	bool dropped = s->dropped;
	ssize_t got = -1;

	if (!dropped && res >= 0)
		got = read(s->fd, &r, sizeof(r));
	close(s->fd);
	s->dropped = false;
	if (dropped)
		return;
	if (got != sizeof(r))
		r = (struct kquorum_snapshot_result){ .error = -EIO, .why = "no answer" };
	r.why[sizeof(r.why) - 1] = '\0';
	settle_ended(s, r.error, r.why[0] ? r.why : strerror(-r.error));
	kqd_node_refresh(s->d);
}

static void settle_start(struct kqd_settle *s, bool install)
{
	struct kqd *d = s->d;
	char name[KQUORUM_SNAPSHOT_NAME_MAX];
	int file, fd;

	s->file = d->snap.files.newest;
	s->install = install;
	kquorum_snapshot_name(name, s->file.index, s->file.term);
	/* By its name, so that what the module reads is what a start would find. */
	file = kqd_files_read(d, name);
	fd = file < 0 ? file : kqd_receive_fed(d, &s->file, file, install);
	if (file >= 0 && fd < 0)
		fd = kqd_genl_hand_over(&d->genl, file, install ? KQD_HAND_INSTALL :
					KQD_HAND_ADOPT);
	if (file >= 0)
		close(file);
	if (fd == -ENODEV)
		return;
	if (fd < 0) {
		settle_ended(s, fd == -EBUSY ? fd : -EIO, file >= 0 && d->genl.refused[0] ?
			     d->genl.refused : strerror(-fd));
		d->snap.files.dirty = true;
		return;
	}
	s->fd = fd;
	kqd_op_poll(&d->loop, &s->poll, fd, POLLIN);
}

static bool settle_in_use(struct kqd_settle *s)
{
	const struct kqd_ref *used = &s->d->st.snapshot;

	if (!s->taken.index)
		return true;
	if (used->index < s->taken.index)
		return false;
	kqd_info("the snapshot of index %llu is in use", (unsigned long long)used->index);
	s->taken.index = 0;
	return true;
}

/**
 * kqd_settle_update() - hand the newest snapshot over, if there is one to
 * @d: with a status and a directory
 */
void kqd_settle_update(struct kqd *d)
{
	const struct kqd_files *f = &d->snap.files;
	struct kqd_settle *s = &d->snap.settle;
	bool damaged = d->st.state == KQUORUM_NODE_DAMAGED;

	if (!settle_in_use(s) || s->poll.busy || !f->pending || f->dirty ||
	    kqd_now_ns() < s->not_before_ns)
		return;
	if (damaged || f->newest.index > d->st.commit)
		settle_start(s, true);
	else if (f->newest.index <= d->st.applied)
		settle_start(s, false);
}

/**
 * kqd_settle_init() - nothing handed over yet
 * @d: the daemon
 */
void kqd_settle_init(struct kqd *d)
{
	struct kqd_settle *s = &d->snap.settle;

	s->d = d;
	s->poll.done = settle_answered;
	kqd_backoff_init(&s->backoff, d->heartbeat_ms * KQD_NS_PER_MS * 10,
			 d->heartbeat_ms * KQD_NS_PER_MS * 600);
}

/**
 * kqd_settle_drop() - the node is gone
 * @d: the daemon
 */
void kqd_settle_drop(struct kqd *d)
{
	struct kqd_settle *s = &d->snap.settle;

	s->taken.index = 0;
	s->not_before_ns = 0;
	s->why[0] = '\0';
	kqd_backoff_reset(&s->backoff);
	if (!s->poll.busy)
		return;
	s->dropped = true;
	kqd_op_cancel(&d->loop, &s->poll);
}
