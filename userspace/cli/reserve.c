// SPDX-License-Identifier: GPL-2.0
/*
 * Two commands that wait for a new machine each must not give the same number away: the first
 * machine to come would be taken for either. So a file of that number is locked, in a directory
 * that only root can write: nobody else can keep a number from being given away.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reserve.h"

const char *reserve_directory = "/run/kquorum";

/* Returns a descriptor or a negative errno. */
static int open_directory(char *why, size_t size)
{
	struct stat st;
	int dir;

	if (mkdir(reserve_directory, 0700) && errno != EEXIST) {
		snprintf(why, size, "%s: %s", reserve_directory, strerror(errno));
		return -errno;
	}
	dir = open(reserve_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st)) {
		int error = errno;

		snprintf(why, size, "%s: %s", reserve_directory, strerror(error));
		if (dir >= 0)
			close(dir);
		return -error;
	}
	if ((st.st_uid && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(why, size, "%s can be written by others: remove it", reserve_directory);
		close(dir);
		return -EPERM;
	}
	return dir;
}

int reserve_number(uint64_t cluster, uint32_t id, char *why, size_t size)
{
	int dir = open_directory(why, size), fd, error;
	char name[64];

	if (dir < 0)
		return dir;
	/* It stays when it is free again: were it removed, two could hold files of one name. */
	snprintf(name, sizeof(name), "join-%016" PRIx64 "-%u.lock", cluster, id);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	error = errno;
	close(dir);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (fd >= 0) {
		error = errno;
		close(fd);
	}
	snprintf(why, size, "%s/%s: %s", reserve_directory, name, strerror(error));
	return -error;
}
