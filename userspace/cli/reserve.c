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

/* What is in the file: process and name. */
static void write_holder(int fd, const char *name)
{
	if (ftruncate(fd, 0) || dprintf(fd, "%d %s\n", getpid(), name) < 0)
		return;		/* then it is not told who holds it */
}

static void read_holder(int fd, struct reservation *other)
{
	char text[128] = "", format[32];
	int pid;

	*other = (struct reservation){ 0 };
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	snprintf(format, sizeof(format), "%%d %%%ds", KQUORUM_NODE_NAME_MAX);
	if (sscanf(text, format, &pid, other->name) == 2)
		other->pid = pid;
	else
		other->name[0] = '\0';
}

int reserve_number(uint64_t cluster, uint32_t id, const char *name, struct reservation *other,
		   char *why, size_t size)
{
	int dir = open_directory(why, size), fd, error;
	char file[64];

	if (dir < 0)
		return dir;
	/* It stays when it is free again: were it removed, two could hold files of one name. */
	snprintf(file, sizeof(file), "join-%016" PRIx64 "-%u.lock", cluster, id);
	fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	error = errno;
	close(dir);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
		write_holder(fd, name);
		return fd;
	}
	if (fd >= 0) {
		error = errno;
		read_holder(fd, other);
		close(fd);
	}
	snprintf(why, size, "%s/%s: %s", reserve_directory, file, strerror(error));
	return -error;
}
