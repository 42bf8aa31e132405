/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What writer.c and watcher.c write to the disk that all machines share: blocks that begin with a line
 * of text, which the disk's journal has (kq-diskd --journal) and disk-judge.pl reads.
 *
 *	W NODE TOKEN COUNTER PID MODE	the command under the lock: to the block COUNTER % DISK_RING
 *	C NODE TOKEN COUNTER PID MODE	its child: to the next ring
 *	G NODE TOKEN US			NODE sees the grant; that long ago it did not yet
 *	X NODE TOKEN			all processes of the command on NODE have ended
 */
#ifndef KQ_TESTS_DISK_H
#define KQ_TESTS_DISK_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_BLOCK	4096
#define DISK_RING	256		/* blocks */
#define DISK_MARKS	(2 * DISK_RING)	/* block of the first machine's marks */

static inline int disk_open(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static inline char *disk_buffer(void)
{
	char *block = aligned_alloc(DISK_BLOCK, DISK_BLOCK);

	if (!block)
		abort();
	return block;
}

/* Returns when it is on the disk. */
__attribute__((format(printf, 4, 5)))
static inline void disk_put(int fd, unsigned int at, char *block, const char *format, ...)
{
	va_list args;

	memset(block, 0, DISK_BLOCK);
	va_start(args, format);
	vsnprintf(block, DISK_BLOCK, format, args);
	va_end(args);
	if (pwrite(fd, block, DISK_BLOCK, (off_t)at * DISK_BLOCK) != DISK_BLOCK) {
		perror("the shared disk");
		exit(1);
	}
}

#endif /* KQ_TESTS_DISK_H */
