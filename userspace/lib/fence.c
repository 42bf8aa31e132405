// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fence: the highest token that was seen for each name, kept where the resource is.
 *
 * The file has a first line with the checksum of what follows, and a line "TOKEN NAME" for each name:
 *
 *	kquorum-fence 1 crc32c=89abcdef
 *	42 db
 *
 * It is never changed in place: FILE.new gets all of the next content, is synced, takes FILE's name,
 * and then the directory is synced. So FILE is whole at any moment, whatever is cut off, and it is
 * never empty: an empty one is damaged like any other.
 *
 * Whoever has FILE's lock may read and replace it. A lock is one on a file, not on a name: who gets
 * it looks whether the name still stands for that file, and else starts again with the new one.
 * FILE.new is locked likewise before anything is written to it and keeps its lock when it becomes
 * FILE, so that who makes FILE, for there is none yet, and who replaces it come one after the other.
 * ORDER: FILE's lock, then that of FILE.new.
 *
 * A token that is in FILE may be there by a process that was killed before it had synced the
 * directory. So nobody is answered that a token may pass before this process has done that too.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libkquorum.h"

#define HEAD_FORMAT	"kquorum-fence 1 crc32c=%08" PRIx32 "\n"
#define HEAD_BYTES	32
#define LINE_MAX_BYTES	(20 + 1 + KQUORUM_RESOURCE_NAME_MAX + 1)
/* Each token that rises costs a write of all of it. */
#define FILE_MAX_BYTES	(16 << 20)

struct kquorum_fence {
	char *path, *fresh, *directory;	/* FILE, FILE.new, and where both are */
	bool create;
	int fd;			/* FILE when it was looked at last, -1: there was none */
	bool entered;		/* it is locked, and stays so */
	bool synced;		/* it has its name on the disk too */
	char *text;		/* its content, or what it will be */
	size_t bytes;
	char error[PATH_MAX + 512];
};

static int fail(struct kquorum_fence *f, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct kquorum_fence *f, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->error, sizeof(f->error), format, ap);
	va_end(ap);
	return error;
}

/* What a file system says in words that have a meaning of their own here. */
static int own_errno(int error)
{
	return error == ESTALE || error == EAGAIN ? -EIO : -error;
}

static int fail_io(struct kquorum_fence *f, const char *path, const char *doing)
{
	int error = errno;

	return fail(f, own_errno(error), "%s: %s%s", path, doing, strerror(error));
}

static uint32_t crc32c(const char *data, size_t n)
{
	uint32_t crc = ~0u;
	unsigned int bit;
	size_t i;

	for (i = 0; i < n; i++) {
		crc ^= (unsigned char)data[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* --- locking -------------------------------------------------------------------------------- */

/* Of a file with two names only one would be replaced; and it might be the other of our two. */
static int open_plain(struct kquorum_fence *f, const char *path, int flags, int *fd)
{
	struct stat st;

	/* Not to wait at a pipe, which is refused. */
	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	if (*fd < 0)
		return fail_io(f, path, "");
	if (fstat(*fd, &st))
		return fail_io(f, path, "");
	if (!S_ISREG(st.st_mode))
		return fail(f, -EINVAL, "%s: not a regular file", path);
	if (st.st_nlink > 1)
		return fail(f, -EMLINK, "%s: has another name too, which would not be replaced", path);
	return 0;
}

/*
 * Locks what @path stands for now as @fd, which may be open already. @opened: it was opened anew.
 * After an error @fd may be open, and is not locked.
 */
static int lock_named(struct kquorum_fence *f, const char *path, int flags, int *fd, bool *opened)
{
	struct stat by_name, by_fd;
	int ret;

	for (;;) {
		if (*fd < 0) {
			*opened = true;
			ret = open_plain(f, path, flags, fd);
			if (ret)
				return ret;
		}
		if (flock(*fd, LOCK_EX))
			return fail_io(f, path, "locking: ");
		if (fstat(*fd, &by_fd)) {
			ret = fail_io(f, path, "");
			flock(*fd, LOCK_UN);
			return ret;
		}
		if (!lstat(path, &by_name) && by_name.st_ino == by_fd.st_ino &&
		    by_name.st_dev == by_fd.st_dev)
			return 0;
		close(*fd);
		*fd = -1;
	}
}

static void close_file(struct kquorum_fence *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->synced = false;
}

/* --- reading -------------------------------------------------------------------------------- */

static int damaged(struct kquorum_fence *f, const char *what)
{
	return fail(f, -EBADMSG, "%s: damaged, or no fence file: %s; refused, for what it had seen is unknown",
		    f->path, what);
}

static int read_text(struct kquorum_fence *f)
{
	char head[HEAD_BYTES + 1];
	struct stat st;
	ssize_t got;
	char *text;

	if (fstat(f->fd, &st))
		return fail_io(f, f->path, "");
	if (st.st_size > FILE_MAX_BYTES)
		return fail(f, -EFBIG, "%s: larger than %d MiB", f->path, FILE_MAX_BYTES >> 20);
	/* A byte more: what grows meanwhile is no fence file, and is found out. */
	text = malloc(st.st_size + 1);
	if (!text)
		return fail(f, -ENOMEM, "out of memory");
	free(f->text);
	f->text = text;
	for (f->bytes = 0; f->bytes <= (size_t)st.st_size; f->bytes += got) {
		got = pread(f->fd, text + f->bytes, st.st_size + 1 - f->bytes, f->bytes);
		if (got < 0 && errno == EINTR)
			got = 0;
		else if (got < 0)
			return fail_io(f, f->path, "reading: ");
		else if (!got)
			break;
	}
	if (!f->bytes)
		return damaged(f, "it is empty");
	if (f->bytes < HEAD_BYTES)
		return damaged(f, "it ends in its first line");
	snprintf(head, sizeof(head), HEAD_FORMAT, crc32c(text + HEAD_BYTES, f->bytes - HEAD_BYTES));
	if (memcmp(text, head, HEAD_BYTES))
		return damaged(f, "its checksum is not in its first line");
	return 0;
}

/* The number that @line, up to @end, begins with, behind which is one space; 0: there is none. */
static uint64_t line_token(const char *line, const char *end, const char **name)
{
	uint64_t token = 0;

	for (; line < end && isdigit((unsigned char)*line); line++)
		if (__builtin_mul_overflow(token, 10, &token) ||
		    __builtin_add_overflow(token, *line - '0', &token))
			return 0;
	*name = line + 1;
	return line < end && *line == ' ' ? token : 0;
}

/* The highest token of @name, 0: none; its lines are taken out of the text. */
static int take_out(struct kquorum_fence *f, const char *name, uint64_t *seen)
{
	char *at = f->text + HEAD_BYTES, *to = at, *end = f->text + f->bytes, *next;
	size_t bytes = strlen(name);
	const char *its;
	uint64_t token;

	for (; at < end; at = next) {
		next = memchr(at, '\n', end - at);
		token = next ? line_token(at, next, &its) : 0;
		if (!token || its == next)
			return damaged(f, "a line is not \"TOKEN NAME\"");
		if ((size_t)(next - its) == bytes && !memcmp(its, name, bytes)) {
			*seen = token > *seen ? token : *seen;
			next++;
			continue;
		}
		next++;
		memmove(to, at, next - at);
		to += next - at;
	}
	f->bytes = to - f->text;
	return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

/* What it will be: @name's line before what is left of the text, and the first line. */
static int put_in(struct kquorum_fence *f, const char *name, uint64_t token)
{
	char line[LINE_MAX_BYTES + 1], head[HEAD_BYTES + 1];
	size_t n = snprintf(line, sizeof(line), "%" PRIu64 " %s\n", token, name), others;
	char *text;

	others = f->bytes ? f->bytes - HEAD_BYTES : 0;
	if (HEAD_BYTES + n + others > FILE_MAX_BYTES)
		return fail(f, -EFBIG, "%s: would be larger than %d MiB", f->path, FILE_MAX_BYTES >> 20);
	text = realloc(f->text, HEAD_BYTES + n + others);
	if (!text)
		return fail(f, -ENOMEM, "out of memory");
	f->text = text;
	memmove(text + HEAD_BYTES + n, text + HEAD_BYTES, others);
	memcpy(text + HEAD_BYTES, line, n);
	f->bytes = HEAD_BYTES + n + others;
	snprintf(head, sizeof(head), HEAD_FORMAT, crc32c(text + HEAD_BYTES, n + others));
	memcpy(text, head, HEAD_BYTES);
	return 0;
}

static int sync_name(struct kquorum_fence *f)
{
	int fd, ret = 0;

	if (f->synced)
		return 0;
	fd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_io(f, f->directory, "");
	if (fsync(fd))
		ret = fail_io(f, f->directory, "writing: ");
	close(fd);
	f->synced = !ret;
	return ret;
}

/* Who could use FILE can use the next one too, whoever writes it. */
static int keep_access(struct kquorum_fence *f, int fd)
{
	struct stat old, new;

	if (f->fd < 0)
		return 0;
	if (fstat(f->fd, &old) || fstat(fd, &new))
		return -1;
	if ((old.st_uid != new.st_uid || old.st_gid != new.st_gid) &&
	    fchown(fd, old.st_uid, old.st_gid) && fchown(fd, -1, old.st_gid))
		return -1;
	return fchmod(fd, old.st_mode & 07777);
}

static int write_text(const struct kquorum_fence *f, int fd)
{
	size_t done = 0;
	ssize_t n;

	if (ftruncate(fd, 0))
		return -1;
	for (; done < f->bytes; done += n) {
		n = pwrite(fd, f->text + done, f->bytes - done, done);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n < 0)
			n = 0;
	}
	return fsync(fd);
}

/*
 * FILE is the text from now on, and locked. -EAGAIN: somebody else made it first. After an error
 * FILE is as it was, or has its next content and maybe not on the disk; locked is what is open.
 */
static int replace(struct kquorum_fence *f)
{
	bool opened;
	int fd = -1, ret = lock_named(f, f->fresh, O_CREAT, &fd, &opened);

	if (!ret && f->fd < 0 && !access(f->path, F_OK))
		ret = -EAGAIN;
	if (!ret && (keep_access(f, fd) || write_text(f, fd)))
		ret = fail_io(f, f->fresh, "writing: ");
	if (!ret && rename(f->fresh, f->path))
		ret = fail_io(f, f->path, "replacing: ");
	if (ret) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	close_file(f);
	f->fd = fd;
	return sync_name(f);
}

/* --- the interface -------------------------------------------------------------------------- */

/* Where FILE is for good, whatever becomes of the working directory and of links on the way. */
static char *resolve(const char *path, bool create)
{
	char *real = realpath(path, NULL), *directory, *joined = NULL;
	const char *last = strrchr(path, '/');

	if (real || errno != ENOENT || !create)
		return real;
	last = last ? last + 1 : path;
	if (!*last || !strcmp(last, ".") || !strcmp(last, "..")) {
		errno = EISDIR;
		return NULL;
	}
	directory = last == path ? strdup(".") : strndup(path, last - path);
	real = directory ? realpath(directory, NULL) : NULL;
	if (real && asprintf(&joined, "%s/%s", strcmp(real, "/") ? real : "", last) < 0)
		joined = NULL;
	free(directory);
	free(real);
	return joined;
}

/* Takes @path over. */
static struct kquorum_fence *fence_new(char *path, bool create)
{
	struct kquorum_fence *f = calloc(1, sizeof(*f));
	const char *slash = strrchr(path, '/');

	if (f) {
		f->path = path;
		f->create = create;
		f->fd = -1;
		f->directory = slash == path ? strdup("/") : strndup(path, slash - path);
		if (asprintf(&f->fresh, "%s.new", path) < 0)
			f->fresh = NULL;
	}
	if (f && f->directory && f->fresh)
		return f;
	if (f)
		kquorum_fence_close(f);
	else
		free(path);
	errno = ENOMEM;
	return NULL;
}

int kquorum_fence_open(struct kquorum_fence **f, const char *path, bool create, char *err,
		       size_t errlen)
{
	char *real = resolve(path, create);
	int error;

	*f = real ? fence_new(real, create) : NULL;
	if (*f)
		return 0;
	error = errno;
	snprintf(err, errlen, "%s: %s", path, strerror(error));
	return own_errno(error);
}

void kquorum_fence_close(struct kquorum_fence *f)
{
	if (!f)
		return;
	close_file(f);
	free(f->text);
	free(f->directory);
	free(f->fresh);
	free(f->path);
	free(f);
}

const char *kquorum_fence_error(const struct kquorum_fence *f)
{
	return f->error;
}

int kquorum_fence_fd(const struct kquorum_fence *f)
{
	return f->entered ? f->fd : -1;
}

static int check_request(struct kquorum_fence *f, const char *name, uint64_t token)
{
	size_t n = strlen(name), i;

	if (f->entered)
		return fail(f, -EBUSY, "%s: entered already, and not left", f->path);
	if (!n || n > KQUORUM_RESOURCE_NAME_MAX)
		return fail(f, -EINVAL, "a name has 1 to %d bytes, not %zu", KQUORUM_RESOURCE_NAME_MAX, n);
	for (i = 0; i < n; i++)
		if (iscntrl((unsigned char)name[i]))
			return fail(f, -EINVAL, "a name has no control characters");
	if (!token)
		return fail(f, -EINVAL, "no grant has token 0");
	return 0;
}

/* Locks and reads FILE, if there is one. */
static int look(struct kquorum_fence *f)
{
	bool opened = false;
	int ret = lock_named(f, f->path, 0, &f->fd, &opened);

	if (opened)
		f->synced = false;
	if (!ret)
		return read_text(f);
	/* What is open after an error was not locked, and perhaps never should be. */
	close_file(f);
	f->bytes = 0;
	return ret == -ENOENT && f->create ? 0 : ret;
}

static int pass(struct kquorum_fence *f, const char *name, uint64_t token, uint64_t *seen)
{
	int ret = look(f);

	*seen = 0;
	if (!ret && f->bytes)
		ret = take_out(f, name, seen);
	if (ret)
		return ret;
	if (token < *seen)
		return fail(f, -ESTALE, "%s: token %" PRIu64 " is stale: %" PRIu64 " has been seen; whoever has the lower one lost the lock",
			    name, token, *seen);
	if (token == *seen)
		return sync_name(f);
	ret = put_in(f, name, token);
	return ret ? ret : replace(f);
}

int kquorum_fence_enter(struct kquorum_fence *f, const char *name, uint64_t token, uint64_t *seen)
{
	uint64_t highest = 0;
	int ret = check_request(f, name, token);

	if (ret)
		return ret;
	do
		ret = pass(f, name, token, &highest);
	while (ret == -EAGAIN);
	if (seen)
		*seen = ret && ret != -ESTALE ? 0 : highest;
	f->entered = !ret;
	if (ret && f->fd >= 0)
		flock(f->fd, LOCK_UN);
	return ret;
}

void kquorum_fence_leave(struct kquorum_fence *f)
{
	if (f->entered)
		flock(f->fd, LOCK_UN);
	f->entered = false;
}

int kquorum_fence_check(struct kquorum_fence *f, const char *name, uint64_t token, uint64_t *seen)
{
	int ret = kquorum_fence_enter(f, name, token, seen);

	if (!ret)
		kquorum_fence_leave(f);
	return ret;
}
