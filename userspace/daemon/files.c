// SPDX-License-Identifier: GPL-2.0
/*
 * The snapshot files in the node's directory:
 *
 *	snapshot-INDEX-TERM.kqs			finished: written, synced, renamed, in that order
 *	snapshot-INDEX-TERM.kqs.new		being saved
 *	snapshot-INDEX-TERM.kqs.BYTES-CRC.part	on its way from another node; kept to go on with
 *
 * The one that the log refers to (SNAPSHOT in the status) is needed until another one is in its
 * place there. A newer one is handed to the module (settle.c), and nothing else is written before
 * that has ended, so that there are never more than a few. All others of these names go; files with
 * any other name are not the daemon's.
 *
 * Of two daemons the older one may be in the middle of something, so the directory is locked.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"

static void files_tell(struct kqd_files *f, const char *why)
{
	if (strcmp(f->why, why) && why[0])
		kqd_warn("%s", why);
	snprintf(f->why, sizeof(f->why), "%s", why);
}

/*
 * The daemon that had the node before is about to end. When it lasts, somebody has to know: without
 * snapshots the log fills up.
 */
static void files_locked(struct kqd *d)
{
	struct kqd_files *f = &d->snap.files;
	uint64_t now = kqd_now_ns();
	char why[sizeof(f->why)];

	if (!f->locked_ns)
		f->locked_ns = now;
	if (now - f->locked_ns < kqd_silence_ns(d))
		return;
	snprintf(why, sizeof(why), "no snapshots: %.80s is locked, by another kquorumd?",
		 d->opt.dir);
	files_tell(f, why);
	kqd_snapshot_note(d, why);
}

static void files_open(struct kqd *d)
{
	struct kqd_files *f = &d->snap.files;
	char why[sizeof(f->why)];
	int fd = open(d->opt.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(why, sizeof(why), "no snapshots: %.100s: %s", d->opt.dir, strerror(errno));
		files_tell(f, why);
		return;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		files_locked(d);
		return;
	}
	files_tell(f, "");
	kqd_snapshot_note(d, "");
	f->locked_ns = 0;
	f->dir = fd;
	f->dirty = true;
	f->stale = false;
}

static bool files_idle(const struct kqd *d)
{
	return !d->snap.files.remove.busy && d->snap.save.from < 0 && !d->receives;
}

/* Is a part of no more use? The one that is being received is; else the newest may be. */
static bool part_is_waste(const struct kqd *d, const char *name, const char *newest)
{
	const struct kqd_receive *r = d->receiving;
	struct kquorum_snapshot_part part;

	if (r)
		return strcmp(name, r->part);
	if (!kquorum_snapshot_parse_part(name, &part) || strcmp(name, newest))
		return true;
	return d->st.state == KQUORUM_NODE_RUNNING && part.index <= d->st.commit;
}

static bool file_is_waste(const struct kqd *d, const char *name, const char *newest_part)
{
	struct kquorum_snapshot_file file, used = {
		.index = d->st.snapshot.index,
		.term = d->st.snapshot.term,
	};

	switch (kquorum_snapshot_kind(name)) {
	case KQUORUM_SNAPSHOT_NEW:
		return strcmp(name, d->snap.save.name);
	case KQUORUM_SNAPSHOT_PART:
		return part_is_waste(d, name, newest_part);
	case KQUORUM_SNAPSHOT_WHOLE:
		/* A node that lost its state: an operator may want to look at what there is. */
		return d->st.state == KQUORUM_NODE_RUNNING &&
			kquorum_snapshot_parse(name, &file) &&
			kquorum_snapshot_newer(&used, &file);
	case KQUORUM_SNAPSHOT_NOT_OURS:
		break;
	}
	return false;
}

static void newest_part(DIR *dir, char *name)
{
	struct kquorum_snapshot_part part, newest = { 0 };
	struct dirent *e;

	name[0] = '\0';
	while ((e = readdir(dir))) {
		if (!kquorum_snapshot_parse_part(e->d_name, &part) || part.index < newest.index)
			continue;
		newest = part;
		kquorum_snapshot_part_name(name, &part);
	}
	rewinddir(dir);
}

/* Removes one file that is of no more use; when that is done the next one. */
static void files_clean(struct kqd *d)
{
	struct kqd_files *f = &d->snap.files;
	int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char part[KQUORUM_SNAPSHOT_NAME_MAX];
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	newest_part(dir, part);
	while ((e = readdir(dir)))
		if (strlen(e->d_name) < sizeof(f->removing) && file_is_waste(d, e->d_name, part))
			break;
	if (e) {
		strcpy(f->removing, e->d_name);
		kqd_op_unlink(&d->loop, &f->remove, f->dir, f->removing);
	}
	closedir(dir);
}

static void files_removed(struct kqd_op *op, int res)
{
	struct kqd_files *f = kqd_container(op, struct kqd_files, remove);
	struct kqd *d = kqd_container(f, struct kqd, snap.files);
	char why[sizeof(f->why)];

	if (res < 0 && res != -ENOENT) {
		snprintf(why, sizeof(why), "cannot remove %s: %s", f->removing, strerror(-res));
		files_tell(f, why);
		return;
	}
	kqd_debug("removed %s", f->removing);
	if (kqd_node_serves(d) && !f->stale)
		files_clean(d);
}

static int refused_at(const struct kqd_files *f, const struct kquorum_snapshot_file *file)
{
	unsigned int i;

	for (i = 0; i < f->n_refused; i++)
		if (f->refused[i].index == file->index && f->refused[i].term == file->term)
			return i;
	return -1;
}

/* The newest one that may be of use. */
static int files_newest(struct kqd_files *f)
{
	struct kquorum_snapshot_file list[KQUORUM_MAX_SNAPSHOT_FDS];
	int i, n = kquorum_snapshots_list(f->dir, list, KQUORUM_MAX_SNAPSHOT_FDS);

	for (i = 0; i < n; i++) {
		if (refused_at(f, &list[i]) >= 0)
			continue;
		f->newest = list[i];
		return 1;
	}
	return n < 0 ? n : 0;
}

/* Is there a file with all bytes of it? What is in them a scrub looks at. */
static bool files_has(const struct kqd_files *f, const char *name, uint64_t bytes, char *why,
		      size_t size)
{
	struct stat st;

	if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW))
		snprintf(why, size, "%s", strerror(errno));
	else if (!st.st_size)
		snprintf(why, size, "it is empty");
	else if ((uint64_t)st.st_size != bytes)
		snprintf(why, size, "it has %llu bytes, not %llu", (unsigned long long)st.st_size,
			 (unsigned long long)bytes);
	else
		return true;
	return false;
}

/* Is there what the log refers to, and something newer? */
static void files_look(struct kqd *d)
{
	const struct kqd_ref *used = &d->st.snapshot;
	struct kquorum_snapshot_file in_use = { used->index, used->term };
	struct kqd_files *f = &d->snap.files;
	char name[KQUORUM_SNAPSHOT_NAME_MAX], why[80];
	int n = files_newest(f);
	bool whole;

	f->dirty = n < 0;
	f->used = used->index;
	f->state = d->st.state;
	f->pending = n > 0 && kquorum_snapshot_newer(&f->newest, &in_use);
	if (!used->index)
		return;
	kquorum_snapshot_name(name, used->index, used->term);
	whole = files_has(f, name, used->bytes, why, sizeof(why));
	if (!whole && !d->snap.lost)
		kqd_err("the snapshot in use is not whole in %s: %s: %s", d->opt.dir, name, why);
	d->snap.lost = !whole;
}

/**
 * kqd_files_update() - look at the directory, if something may have changed
 * @d: with a status
 *
 * Return: true: it is ours.
 */
bool kqd_files_update(struct kqd *d)
{
	struct kqd_files *f = &d->snap.files;

	if (f->dir >= 0 && f->stale) {
		if (!files_idle(d))
			return false;
		close(f->dir);
		f->dir = -1;
	}
	if (f->dir < 0)
		files_open(d);
	if (f->dir < 0)
		return false;
	if (f->dirty || f->used != d->st.snapshot.index || f->state != d->st.state) {
		files_look(d);
		if (!f->remove.busy)
			files_clean(d);
	}
	return true;
}

/**
 * kqd_files_init() - no directory yet
 * @d: the daemon
 */
void kqd_files_init(struct kqd *d)
{
	d->snap.files.dir = -1;
	d->snap.files.remove.done = files_removed;
}

/**
 * kqd_files_refuse() - the module will never take a file
 * @d: with a directory
 * @file: which
 *
 * It goes, unless this node has lost its state: then its log may refer to that very file, and a
 * newer kquorum read it.
 */
void kqd_files_refuse(struct kqd *d, const struct kquorum_snapshot_file *file)
{
	struct kqd_files *f = &d->snap.files;
	char name[KQUORUM_SNAPSHOT_NAME_MAX];

	f->dirty = true;
	if (d->st.state == KQUORUM_NODE_RUNNING) {
		kquorum_snapshot_name(name, file->index, file->term);
		unlinkat(f->dir, name, 0);
	} else if (f->n_refused < KQUORUM_MAX_SNAPSHOT_FDS && refused_at(f, file) < 0) {
		f->refused[f->n_refused++] = *file;
	}
}

/**
 * kqd_files_forgive() - there is another file of that name now
 * @d: with a directory
 * @file: which
 */
void kqd_files_forgive(struct kqd *d, const struct kquorum_snapshot_file *file)
{
	struct kqd_files *f = &d->snap.files;
	int at = refused_at(f, file);

	if (at >= 0)
		f->refused[at] = f->refused[--f->n_refused];
}

/**
 * kqd_files_read() - open a snapshot
 * @d: with a directory
 * @name: in there
 *
 * Return: a descriptor, for the caller to close, or a negative errno.
 */
int kqd_files_read(const struct kqd *d, const char *name)
{
	int fd = openat(d->snap.files.dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * kqd_files_create() - open a file to write, or to go on with
 * @d: with a directory
 * @name: in there
 *
 * Return: a descriptor, for the caller to close, or a negative errno.
 */
int kqd_files_create(const struct kqd *d, const char *name)
{
	int fd = openat(d->snap.files.dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}
