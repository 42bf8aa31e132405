// SPDX-License-Identifier: GPL-2.0
/*
 * The module reads a snapshot while it arrives, so that the state in it is built in the time that
 * its bytes take. It takes nothing before it is told that the file is whole, which is when the file
 * is on the disk and has its name. Should anything of this fail, the file is handed over when it is
 * whole, as any other (settle.c).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"

/**
 * kqd_feed_close() - the module does not go on with it
 * @fd: of the feed, set to -1; may be -1
 */
void kqd_feed_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/**
 * kqd_feed_open() - have the module read a file that is still being written
 * @d: with a node
 * @file: open for reading; stays the caller's
 *
 * Return: for the other functions here, or -1.
 */
int kqd_feed_open(struct kqd *d, int file)
{
	int fd = kqd_genl_hand_over(&d->genl, file, KQD_HAND_GROWING);

	if (fd >= 0)
		return fd;
	kqd_debug("the module does not read the snapshot while it comes: %s",
		  d->genl.refused[0] ? d->genl.refused : strerror(-fd));
	return -1;
}

static bool feed_write(int *fd, const struct kquorum_snapshot_grown *grown)
{
	if (*fd < 0)
		return false;
	if (write(*fd, grown, sizeof(*grown)) == (ssize_t)sizeof(*grown))
		return true;
	kqd_debug("the module reads the snapshot no further: %s", strerror(errno));
	kqd_feed_close(fd);
	return false;
}

/**
 * kqd_feed_grown() - more of the file is there
 * @fd: of the feed, set to -1 if that fails; may be -1
 * @bytes: from its beginning, checked
 */
void kqd_feed_grown(int *fd, uint64_t bytes)
{
	feed_write(fd, &(struct kquorum_snapshot_grown){ .bytes = bytes });
}

static bool same_file(int a, int b)
{
	struct stat one, two;

	return !fstat(a, &one) && !fstat(b, &two) && one.st_dev == two.st_dev &&
		one.st_ino == two.st_ino;
}

/**
 * kqd_feed_whole() - the file is on the disk, under its name: the module may take it
 * @fd: of the feed, -1 afterwards; may be -1
 * @file: that was given to it
 * @named: what a start would find under that name
 * @bytes: of it
 *
 * Return: a descriptor as that of kqd_genl_hand_over(), or -1: the file has to be handed over.
 */
int kqd_feed_whole(int *fd, int file, int named, uint64_t bytes)
{
	int answer;

	if (!same_file(file, named))
		kqd_feed_close(fd);
	if (!feed_write(fd, &(struct kquorum_snapshot_grown){ .bytes = bytes, .whole = 1 }))
		return -1;
	answer = *fd;
	*fd = -1;
	return answer;
}
