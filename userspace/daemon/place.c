// SPDX-License-Identifier: GPL-2.0
/*
 * A file that was written becomes a snapshot. Its bytes are on the disk before it gets its name,
 * and the name is there before anybody is told: a crash leaves the one before, or this one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "daemon.h"

static void place_dir_synced(struct kqd_op *op, int res)
{
	struct kqd_place *p = kqd_container(op, struct kqd_place, op);

	p->d->snap.files.dirty = true;
	p->done(p, res);
}

/* Not every file system can refuse to replace. The lock keeps everybody else from doing it. */
static bool place_may_replace(struct kqd_place *p)
{
	p->replace = faccessat(p->d->snap.files.dir, p->to, F_OK, 0) && errno == ENOENT;
	return p->replace;
}

static void place_renamed(struct kqd_op *op, int res)
{
	struct kqd_place *p = kqd_container(op, struct kqd_place, op);

	if (res == -EINVAL && !p->replace && place_may_replace(p)) {
		kqd_op_rename(&p->d->loop, op, p->d->snap.files.dir, p->from, p->to, true);
		return;
	}
	if (res < 0) {
		p->done(p, res);
		return;
	}
	op->done = place_dir_synced;
	kqd_op_fsync(&p->d->loop, op, p->d->snap.files.dir);
}

static void place_synced(struct kqd_op *op, int res)
{
	struct kqd_place *p = kqd_container(op, struct kqd_place, op);

	if (res < 0) {
		p->done(p, res);
		return;
	}
	op->done = place_renamed;
	kqd_op_rename(&p->d->loop, op, p->d->snap.files.dir, p->from, p->to, p->replace);
}

/**
 * kqd_write_out() - is it time for the disk to begin with what was written?
 * @d: the daemon
 * @op: idle, with its callback set: called if so, whose result means nothing; syncing says more
 * @file: that grows at its end
 * @at: bytes that it has
 * @told: of them, those the disk has been told of; moved on
 *
 * Return: false: not yet.
 */
bool kqd_write_out(struct kqd *d, struct kqd_op *op, int file, uint64_t at, uint64_t *told)
{
	uint64_t from = *told < KQD_SNAPSHOT_DIRTY ? 0 : *told - KQD_SNAPSHOT_DIRTY;

	if (at - *told < KQD_SNAPSHOT_DIRTY)
		return false;
	*told = at;
	kqd_op_write_out(&d->loop, op, file, from, at - from);
	return true;
}

/**
 * kqd_place_start() - sync a file, give it its name, sync the directory
 * @p: idle, with @done set, which is called once with 0 or a negative errno
 * @d: with a directory
 * @file: the file, whole and checked
 * @from: its name; both have to live until @done
 * @to: its name as a snapshot
 * @replace: may take the place of a file with that name
 */
void kqd_place_start(struct kqd_place *p, struct kqd *d, int file, const char *from,
		     const char *to, bool replace)
{
	p->d = d;
	p->file = file;
	p->from = from;
	p->to = to;
	p->replace = replace;
	p->op.done = place_synced;
	kqd_op_fsync(&d->loop, &p->op, file);
}
