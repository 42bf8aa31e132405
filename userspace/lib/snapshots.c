// SPDX-License-Identifier: LGPL-2.1-or-later
/* The names of snapshot files, and which of them a directory has. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "snapshots.h"

void kquorum_snapshot_name(char *buf, uint64_t index, uint64_t term)
{
	snprintf(buf, KQUORUM_SNAPSHOT_NAME_MAX, "snapshot-%020" PRIu64 "-%" PRIu64 ".kqs", index,
		 term);
}

bool kquorum_snapshot_parse(const char *name, struct kquorum_snapshot_file *file)
{
	char whole[KQUORUM_SNAPSHOT_NAME_MAX];
	struct kquorum_snapshot_file f;

	if (sscanf(name, "snapshot-%20" SCNu64 "-%20" SCNu64, &f.index, &f.term) != 2)
		return false;
	/* Two names must never mean the same snapshot. */
	kquorum_snapshot_name(whole, f.index, f.term);
	if (strcmp(name, whole) || !f.index || !f.term)
		return false;
	*file = f;
	return true;
}

bool kquorum_snapshot_newer(const struct kquorum_snapshot_file *a,
			    const struct kquorum_snapshot_file *b)
{
	return a->index != b->index ? a->index > b->index : a->term > b->term;
}

/* Into a list of @n that is sorted and has room for @max. Returns its new length. */
static unsigned int insert(struct kquorum_snapshot_file *list, unsigned int n, unsigned int max,
			   const struct kquorum_snapshot_file *file)
{
	unsigned int at = n, i;

	while (at && kquorum_snapshot_newer(file, &list[at - 1]))
		at--;
	if (at == max)
		return n;
	if (n < max)
		n++;
	for (i = n - 1; i > at; i--)
		list[i] = list[i - 1];
	list[at] = *file;
	return n;
}

int kquorum_snapshots_list(int dir, struct kquorum_snapshot_file *list, unsigned int max)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct kquorum_snapshot_file file;
	unsigned int n = 0;
	struct dirent *e;
	int ret;

	if (!d) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	for (errno = 0; (e = readdir(d)); errno = 0)
		if (kquorum_snapshot_parse(e->d_name, &file))
			n = insert(list, n, max, &file);
	ret = -errno;
	closedir(d);
	return ret ? ret : (int)n;
}
