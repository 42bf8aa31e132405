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

void kquorum_snapshot_new_name(char *buf, uint64_t index, uint64_t term)
{
	snprintf(buf, KQUORUM_SNAPSHOT_NAME_MAX, "snapshot-%020" PRIu64 "-%" PRIu64 ".kqs.new",
		 index, term);
}

void kquorum_snapshot_part_name(char *buf, const struct kquorum_snapshot_part *part)
{
	snprintf(buf, KQUORUM_SNAPSHOT_NAME_MAX,
		 "snapshot-%020" PRIu64 "-%" PRIu64 ".kqs.%" PRIu64 "-%08" PRIx32 ".part",
		 part->index, part->term, part->bytes, part->crc);
}

bool kquorum_snapshot_parse_part(const char *name, struct kquorum_snapshot_part *part)
{
	char whole[KQUORUM_SNAPSHOT_NAME_MAX];
	struct kquorum_snapshot_part p;

	if (sscanf(name, "snapshot-%20" SCNu64 "-%20" SCNu64 ".kqs.%20" SCNu64 "-%8" SCNx32 ".part",
		   &p.index, &p.term, &p.bytes, &p.crc) != 4)
		return false;
	kquorum_snapshot_part_name(whole, &p);
	if (strcmp(name, whole) || !p.index || !p.term)
		return false;
	*part = p;
	return true;
}

static bool is_new(const char *name)
{
	char whole[KQUORUM_SNAPSHOT_NAME_MAX];
	struct kquorum_snapshot_file f;

	if (sscanf(name, "snapshot-%20" SCNu64 "-%20" SCNu64, &f.index, &f.term) != 2)
		return false;
	kquorum_snapshot_new_name(whole, f.index, f.term);
	return !strcmp(name, whole);
}

enum kquorum_snapshot_kind kquorum_snapshot_kind(const char *name)
{
	struct kquorum_snapshot_part part;
	struct kquorum_snapshot_file file;

	if (kquorum_snapshot_parse(name, &file))
		return KQUORUM_SNAPSHOT_WHOLE;
	if (kquorum_snapshot_parse_part(name, &part))
		return KQUORUM_SNAPSHOT_PART;
	return is_new(name) ? KQUORUM_SNAPSHOT_NEW : KQUORUM_SNAPSHOT_NOT_OURS;
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
