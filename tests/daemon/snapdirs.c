// SPDX-License-Identifier: GPL-2.0
/*
 * Directories of nodes. And in which order the daemon makes files durable: its operations are
 * wrapped here by the linker, and noted.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../kmod/core/kq_platform.h"
#include "../../userspace/daemon/loop.h"
#include "../../userspace/lib/snapshots.h"
#include "fake_module.h"
#include "snapdirs.h"
#include "snapstream.h"

char dirs[FAKE_NODES + 1][64];

static char base[] = "/tmp/kquorum-test-XXXXXX";

void dirs_make(void)
{
	unsigned int i;

	strcpy(base + sizeof(base) - 7, "XXXXXX");
	if (!mkdtemp(base))
		abort();
	for (i = 1; i <= FAKE_NODES; i++) {
		snprintf(dirs[i], sizeof(dirs[i]), "%s/n%u", base, i);
		if (mkdir(dirs[i], 0700))
			abort();
	}
}

void dirs_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", base);
	if (system(command))
		abort();
}

/* The path of one whose name ends so, and its size; how many there are. */
static unsigned int find(unsigned int id, const char *end, char *path, size_t *size)
{
	DIR *d = opendir(dirs[id]);
	struct dirent *e;
	struct stat st;
	unsigned int n = 0;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name), m = strlen(end);
		char name[512];

		if (e->d_name[0] == '.' || len < m || strcmp(e->d_name + len - m, end))
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/%s", dirs[id], e->d_name);
		if (path)
			strcpy(path, name);
		if (size)
			*size = stat(name, &st) ? 0 : st.st_size;
	}
	if (d)
		closedir(d);
	return n;
}

unsigned int dir_files(unsigned int id, const char *end)
{
	return find(id, end, NULL, NULL);
}

bool dir_find(unsigned int id, const char *end, char *path, size_t *size)
{
	return find(id, end, path, size) > 0;
}

void dir_path(char *path, unsigned int id, uint64_t index, uint64_t term)
{
	char name[KQUORUM_SNAPSHOT_NAME_MAX];

	kquorum_snapshot_name(name, index, term);
	sprintf(path, "%s/%s", dirs[id], name);
}

bool dir_has(unsigned int id, uint64_t index, uint64_t term)
{
	char path[256];

	dir_path(path, id, index, term);
	return !access(path, F_OK);
}

/* To the byte. */
bool dir_has_ref(unsigned int id, const struct kqd_ref *ref)
{
	char path[256], buf[4096];
	uint64_t bytes = 0;
	uint32_t crc = 0;
	ssize_t got;
	int fd;

	dir_path(path, id, ref->index, ref->term);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		crc = kq_crc(crc, buf, got);
		bytes += got;
	}
	close(fd);
	return bytes == ref->bytes && crc == ref->crc;
}

void dir_put(unsigned int id, uint64_t index, uint64_t term, unsigned int claims,
	     struct kqd_ref *ref)
{
	char path[256];

	dir_path(path, id, index, term);
	snapstream_file(path, index, term, claims, ref);
}

void __real_kqd_op_pwrite(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf,
			  size_t len, uint64_t at);
void __real_kqd_op_fsync(struct kqd_loop *l, struct kqd_op *op, int fd);
void __real_kqd_op_rename(struct kqd_loop *l, struct kqd_op *op, int dir, const char *from,
			  const char *to, bool replace);
void __wrap_kqd_op_pwrite(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf,
			  size_t len, uint64_t at);
void __wrap_kqd_op_fsync(struct kqd_loop *l, struct kqd_op *op, int fd);
void __wrap_kqd_op_rename(struct kqd_loop *l, struct kqd_op *op, int dir, const char *from,
			  const char *to, bool replace);

void __wrap_kqd_op_pwrite(struct kqd_loop *l, struct kqd_op *op, int fd, const void *buf,
			  size_t len, uint64_t at)
{
	fake_order('W');
	__real_kqd_op_pwrite(l, op, fd, buf, len, at);
}

void __wrap_kqd_op_fsync(struct kqd_loop *l, struct kqd_op *op, int fd)
{
	struct stat st;

	fake_order(!fstat(fd, &st) && S_ISDIR(st.st_mode) ? 'D' : 'F');
	__real_kqd_op_fsync(l, op, fd);
}

void __wrap_kqd_op_rename(struct kqd_loop *l, struct kqd_op *op, int dir, const char *from,
			  const char *to, bool replace)
{
	fake_order('R');
	__real_kqd_op_rename(l, op, dir, from, to, replace);
}
