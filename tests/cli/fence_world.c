// SPDX-License-Identifier: GPL-2.0
/* The system's calls of the fence, counted, and its file: see fence_world.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fence_world.h"
#include "test.h"

struct world *world;

/* --- the system's calls ----------------------------------------------------------------------- */

int __real_open(const char *path, int flags, mode_t mode);
int __real_flock(int fd, int operation);
int __real_fstat(int fd, struct stat *st);
int __real_ftruncate(int fd, off_t size);
ssize_t __real_pread(int fd, void *data, size_t n, off_t at);
ssize_t __real_pwrite(int fd, const void *data, size_t n, off_t at);
int __real_fchmod(int fd, mode_t mode);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);

static bool fails(void)
{
	if (!world || ++world->calls != world->at)
		return false;
	if (!world->error)
		_exit(DIED);
	errno = world->error;
	return true;
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : __real_open(path, flags, flags & O_CREAT ? mode : 0);
}

int __wrap_flock(int fd, int operation)
{
	if (operation == LOCK_UN)
		return __real_flock(fd, operation);
	return fails() ? -1 : __real_flock(fd, operation);
}

int __wrap_fstat(int fd, struct stat *st)
{
	return fails() ? -1 : __real_fstat(fd, st);
}

int __wrap_ftruncate(int fd, off_t size)
{
	world->content_synced = false;
	return fails() ? -1 : __real_ftruncate(fd, size);
}

ssize_t __wrap_pread(int fd, void *data, size_t n, off_t at)
{
	return fails() ? -1 : __real_pread(fd, data, n, at);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t at)
{
	world->content_synced = false;
	if (world->write_most && n > world->write_most)
		n = world->write_most;
	return fails() ? -1 : __real_pwrite(fd, data, n, at);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fails() ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fsync(int fd)
{
	struct stat st;
	int ret = fails() ? -1 : __real_fsync(fd);

	if (ret || __real_fstat(fd, &st))
		return -1;
	if (S_ISDIR(st.st_mode))
		world->name_synced = true;
	else
		world->content_synced = true;
	return 0;
}

int __wrap_rename(const char *from, const char *to)
{
	int ret = fails() ? -1 : __real_rename(from, to);

	if (ret)
		return ret;
	world->renamed = true;
	world->renamed_whole = world->content_synced;
	world->name_synced = false;
	return 0;
}

/* --- helpers ---------------------------------------------------------------------------------- */

struct kquorum_fence *open_fence(bool create)
{
	struct kquorum_fence *f;
	char err[512];

	return kquorum_fence_open(&f, "fence", create, err, sizeof(err)) ? NULL : f;
}

/* As a process of its own would: nothing is remembered. */
int check(const char *name, uint64_t token)
{
	struct kquorum_fence *f = open_fence(true);
	int ret = f ? kquorum_fence_check(f, name, token, NULL) : -ENODATA;

	kquorum_fence_close(f);
	return ret;
}

int check_in_child(const char *name, uint64_t token)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		alarm(20);
		_exit(-check(name, token));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void get(struct content *c)
{
	int fd = __real_open("fence", O_RDONLY, 0);

	memset(c, 0, sizeof(*c));
	c->there = fd >= 0;
	if (!c->there)
		return;
	c->n = __real_pread(fd, c->data, sizeof(c->data), 0);
	close(fd);
}

void put(const struct content *c, size_t n)
{
	unlink("fence");
	if (c->there)
		put_file("fence", c->data, n);
}

void assert_content(const struct content *c)
{
	struct content now;

	get(&now);
	assert_int_equal(now.there, c->there);
	assert_int_equal(now.n, c->n);
	assert_memory_equal(now.data, c->data, c->n);
}

uint32_t crc32c(const char *data, size_t n)
{
	uint32_t crc = ~0u;
	size_t i;

	for (i = 0; i < 8 * n; i++) {
		uint32_t bit = (crc ^ (unsigned char)data[i / 8] >> i % 8) & 1;

		crc = crc >> 1 ^ (bit ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* A fence file with these lines, whatever they are. */
void put_lines(const char *lines)
{
	struct content c = { .there = true };

	c.n = snprintf(c.data, sizeof(c.data), "kquorum-fence 1 crc32c=%08x\n%s",
		       crc32c(lines, strlen(lines)), lines);
	put(&c, c.n);
}

int fence_begin(void **state)
{
	(void)state;
	if (!world)
		world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(world, MAP_FAILED);
	memset(world, 0, sizeof(*world));
	tmp_make();
	return chdir(tmp);
}

int fence_end(void **state)
{
	(void)state;
	return tmp_remove();
}
