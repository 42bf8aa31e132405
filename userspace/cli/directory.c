// SPDX-License-Identifier: GPL-2.0
/* A node's directory: which one it is, its segment files, how they are filled and opened. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../lib/snapshots.h"
#include "cli.h"

#define FILL_BYTES (1024 * 1024)

const char *state_directory = KQUORUM_STATE_DIR;

static bool has_config(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	return !access(path, F_OK);
}

/* The only node below KQUORUM_STATE_DIR, or an explanation. */
static int find_only(char *buf, size_t size)
{
	DIR *d = opendir(state_directory);
	char names[1024] = "";
	unsigned int found = 0;
	struct dirent *e;

	if (!d && errno == EACCES) {
		cli_error("%s: %s", state_directory, strerror(errno));
		return KQUORUM_EXIT_DENIED;
	}
	while (d && (e = readdir(d))) {
		char path[400];

		/* What kquorum recover keeps is the node of a cluster that is no more. */
		if (e->d_name[0] == '.' || strstr(e->d_name, DIRECTORY_KEPT))
			continue;
		snprintf(path, sizeof(path), "%s/%.255s", state_directory, e->d_name);
		if (!has_config(path))
			continue;
		if (!found++)
			snprintf(buf, size, "%s", path);
		if (strlen(names) + strlen(e->d_name) + 2 > sizeof(names))
			continue;
		strcat(names, " ");
		strcat(names, e->d_name);
	}
	if (d)
		closedir(d);
	if (found == 1)
		return 0;
	if (found)
		cli_error("%u nodes are below %s: name one of%s", found, state_directory, names);
	else
		cli_error("no node is below %s: make one with kquorum init, or give --dir\n"
			  "  was there one, and its disk is lost? on the leader of its cluster:\n"
			  "  kquorum member replace NODE NODE=ADDR", state_directory);
	return found ? KQUORUM_EXIT_USAGE : KQUORUM_EXIT_NOT_FOUND;
}

int directory_find(const char *dir, const char *name, char *buf, size_t size)
{
	if (dir && name)
		cli_usage_error("give either --dir or a name, not both");
	if (!dir && !name)
		return find_only(buf, size);
	if (dir || strchr(name, '/'))
		snprintf(buf, size, "%s", dir ? dir : name);
	else
		snprintf(buf, size, "%s/%s", state_directory, name);
	if (has_config(buf))
		return 0;
	if (errno == EACCES) {
		cli_error("%s: %s", buf, strerror(errno));
		return KQUORUM_EXIT_DENIED;
	}
	cli_error("%s has no %s: make it with kquorum init", buf, KQUORUM_CONFIG_FILE);
	return KQUORUM_EXIT_NOT_FOUND;
}

int directory_read_config(const char *dir, struct kquorum_config *c)
{
	char path[512], err[512];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	ret = kquorum_config_read(path, c, err, sizeof(err));
	if (!ret)
		return 0;
	cli_error("%s", err);
	return cli_exit_code(ret);
}

static void segment_path(char *buf, size_t size, const char *dir, unsigned int slot)
{
	snprintf(buf, size, "%s/segment-%04u", dir, slot);
}

bool directory_has_segments(const char *dir)
{
	DIR *d = opendir(dir);
	bool has = false;
	struct dirent *e;

	while (d && !has && (e = readdir(d)))
		has = !strncmp(e->d_name, "segment-", 8);
	if (d)
		closedir(d);
	return has;
}

bool directory_has_mark(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_FOUNDED_FILE);
	return !access(path, F_OK);
}

int directory_drop_marks(const char *dir)
{
	static const char *const marks[] = { KQUORUM_FOUNDED_FILE, KQUORUM_SEED_FILE };
	char path[512];
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, marks[i]);
		if (unlink(path) && errno != ENOENT) {
			cli_error("%s: %s", path, strerror(errno));
			return cli_exit_code(-errno);
		}
	}
	return 0;
}

int directory_drop_segments(const char *dir)
{
	char path[512];
	unsigned int i;

	for (i = 0; i < KQUORUM_MAX_SEGMENTS; i++) {
		segment_path(path, sizeof(path), dir, i);
		if (unlink(path) && errno != ENOENT) {
			cli_error("%s: %s", path, strerror(errno));
			return cli_exit_code(-errno);
		}
	}
	return 0;
}

int directory_drop_snapshots(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int error = d ? 0 : errno;

	while (!error && (e = readdir(d)))
		if (kquorum_snapshot_kind(e->d_name) && unlinkat(dirfd(d), e->d_name, 0))
			error = errno;
	if (d)
		closedir(d);
	if (!error)
		return 0;
	cli_error("%s: removing its snapshots: %s", dir, strerror(error));
	return cli_exit_code(-error);
}

/* Whoever may write the directory or the files decides what the cluster believes. */
static int check_trust(const char *path, const struct stat *st)
{
	if (st->st_uid && st->st_uid != geteuid()) {
		cli_error("%s belongs to user %u: it must belong to root", path, st->st_uid);
		return KQUORUM_EXIT_DENIED;
	}
	if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		cli_error("%s can be written by others: chmod go-w %s", path, path);
		return KQUORUM_EXIT_DENIED;
	}
	return 0;
}

static int check_segment(const char *path, int fd, const struct kquorum_config *c)
{
	struct stat st;

	if (fstat(fd, &st)) {
		cli_error("%s: %s", path, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		cli_error("%s is not a regular file with one name", path);
		return KQUORUM_EXIT_ERROR;
	}
	if (st.st_size != c->segment_bytes) {
		cli_error("%s has %lld bytes, not the %u of %s: it was cut or its settings were changed",
			  path, (long long)st.st_size, c->segment_bytes, KQUORUM_CONFIG_FILE);
		return KQUORUM_EXIT_ERROR;
	}
	return check_trust(path, &st);
}

static void say_missing(const char *path, const struct kquorum_config *c)
{
	char address[KQUORUM_ADDRESS_MAX + 1], quoted[2 * KQUORUM_ADDRESS_MAX];

	kquorum_address_format(&c->advertise, address, sizeof(address));
	cli_error("%s is missing\n"
		  "  do not replace it with an empty file: bring it back, or, on the leader,\n"
		  "  kquorum member replace %s %s=%s", path, c->node_name, c->node_name,
		  shell_quote(quoted, sizeof(quoted), address));
}

static int open_segment(const char *path, const struct kquorum_config *c, int *fd)
{
	int ret;

	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd >= 0) {
		ret = check_segment(path, *fd, c);
		if (ret)
			close(*fd);
		return ret;
	}
	if (errno == ELOOP)
		cli_error("%s is a symbolic link: it must be a file", path);
	else if (errno == EROFS)
		cli_error("%s: the file system is mounted read-only", path);
	else if (errno == ENOENT)
		say_missing(path, c);
	else
		cli_error("%s: %s", path, strerror(errno));
	return errno == EACCES ? KQUORUM_EXIT_DENIED : KQUORUM_EXIT_ERROR;
}

int directory_open_segments(const char *dir, const struct kquorum_config *c, int *fds)
{
	char path[512];
	struct stat st;
	unsigned int i;
	int ret;

	if (lstat(dir, &st)) {
		cli_error("%s: %s", dir, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	ret = check_trust(dir, &st);
	for (i = 0; !ret && i < c->segments; i++) {
		segment_path(path, sizeof(path), dir, i);
		ret = open_segment(path, c, &fds[i]);
	}
	if (!ret)
		return 0;
	/* The one that failed is closed. */
	while (i-- > 1)
		close(fds[i - 1]);
	return ret;
}

static void show_progress(uint64_t done, uint64_t all)
{
	char a[FORMAT_MAX], b[FORMAT_MAX];

	if (cli_progress_wanted())
		fprintf(stderr, "\rfilling the log: %s of %s   %s", format_bytes(a, done),
			format_bytes(b, all), done == all ? "\n" : "");
}

static int fill_error(const char *path, const struct kquorum_config *c, unsigned int slot)
{
	char all[FORMAT_MAX];
	int error = errno;

	if (cli_progress_wanted())
		fputc('\n', stderr);
	format_bytes(all, (uint64_t)c->segment_bytes * c->segments);
	if (error == ENOSPC || error == EDQUOT)
		cli_error("%s: %s after %u of %u segments\n"
			  "  the log takes %s: make room, or use a smaller --segment-size or --segments",
			  path, strerror(error), slot, c->segments, all);
	else if (error == EFBIG)
		cli_error("%s: file too large: a segment has %u bytes\n"
			  "  raise ulimit -f, or use a smaller --segment-size",
			  path, c->segment_bytes);
	else
		cli_error("%s: %s", path, strerror(error));
	return error == EACCES || error == EPERM ? KQUORUM_EXIT_DENIED : KQUORUM_EXIT_ERROR;
}

/* Writes zeros from the end of what is there: written blocks are overwritten fastest later. */
static int fill_one(int fd, const struct kquorum_config *c, uint64_t before)
{
	static char zeros[FILL_BYTES];
	uint64_t all = (uint64_t)c->segment_bytes * c->segments;
	struct stat st;
	off_t at;

	if (fstat(fd, &st))
		return -1;
	if (st.st_size > c->segment_bytes && ftruncate(fd, c->segment_bytes))
		return -1;
	for (at = st.st_size; at < c->segment_bytes; ) {
		size_t n = c->segment_bytes - at;
		ssize_t wrote = pwrite(fd, zeros, n < FILL_BYTES ? n : FILL_BYTES, at);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			if (!wrote)
				errno = ENOSPC;
			return -1;
		}
		at += wrote;
		show_progress(before + at, all);
	}
	return fsync(fd);
}

int write_bytes(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n) {
		ssize_t wrote = write(fd, at, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return -1;
		at += wrote;
		n -= wrote;
	}
	return 0;
}

int sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * Filling takes a while, to find at its end that it was in vain. A file system that does not say how
 * large it is may have room.
 */
static int check_room(const char *dir, const struct kquorum_config *c)
{
	uint64_t all = (uint64_t)c->segment_bytes * c->segments, there = 0, room;
	char path[512], a[FORMAT_MAX], b[FORMAT_MAX];
	struct statvfs fs;
	struct stat st;
	unsigned int i;

	if (statvfs(dir, &fs) || !fs.f_blocks)
		return 0;
	for (i = 0; i < c->segments; i++) {
		segment_path(path, sizeof(path), dir, i);
		if (!stat(path, &st))
			there += st.st_size;
	}
	room = (uint64_t)(geteuid() ? fs.f_bavail : fs.f_bfree) * fs.f_frsize;
	if (all <= there || all - there <= room)
		return 0;
	cli_error("%s: no room: the log takes %s, and %s are free\n"
		  "  make room, or use a smaller --segment-size or --segments", dir,
		  format_bytes(a, all), format_bytes(b, room + there));
	return KQUORUM_EXIT_ERROR;
}

int directory_fill_segments(const char *dir, const struct kquorum_config *c)
{
	char path[512];
	unsigned int i;

	if (check_room(dir, c))
		return KQUORUM_EXIT_ERROR;
	for (i = 0; i < c->segments; i++) {
		int fd, ret;

		segment_path(path, sizeof(path), dir, i);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return fill_error(path, c, i);
		ret = fill_one(fd, c, (uint64_t)c->segment_bytes * i);
		if (ret)
			ret = fill_error(path, c, i);
		/* NFS tells of a full disk only here. */
		if (close(fd) && !ret)
			ret = fill_error(path, c, i);
		if (ret)
			return ret;
	}
	/* Left over from an earlier life with more segments. */
	for (; i < KQUORUM_MAX_SEGMENTS; i++) {
		segment_path(path, sizeof(path), dir, i);
		if (unlink(path))
			break;
	}
	if (sync_directory(dir)) {
		cli_error("%s: %s", dir, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	return 0;
}
