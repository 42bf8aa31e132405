// SPDX-License-Identifier: GPL-2.0
/*
 * watcher DISK NODE EXITS RESOURCE: marks on the shared disk, as soon as this machine sees it, when
 * RESOURCE is granted to anybody, and when the last process of a writer on this machine has ended.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include "disk.h"
#include "libkquorum.h"

#define LOOK_MS		5

static char *block;
static const char *node;
static unsigned int mark_at;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

static int fifo_open(const char *exits)
{
	int fd = open(exits, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		perror(exits);
		exit(1);
	}
	return fd;
}

/* Who begins to write says its token; the end of the file: all who had it open have ended. */
static int look_at_writers(int disk, int fifo, const char *exits, unsigned long long *token)
{
	char text[64];
	ssize_t n = read(fifo, text, sizeof(text) - 1);

	if (n > 0) {
		text[n] = '\0';
		*token = strtoull(text, NULL, 10);
		return fifo;
	}
	if (n < 0)
		return fifo;
	if (*token)
		disk_put(disk, mark_at, block, "X %s %llu\n", node, *token);
	*token = 0;
	close(fifo);
	return fifo_open(exits);
}

static int take_token(const struct kquorum_resource *r, void *user)
{
	*(uint64_t *)user = r->token;
	return 0;
}

static void look_at_grants(int disk, struct kquorum *k, const char *resource)
{
	static uint64_t seen, before_us;
	uint64_t token = 0, now = now_us();

	if (!kquorum_resource_get(k, resource, take_token, &token) && token > seen) {
		disk_put(disk, mark_at, block, "G %s %llu %llu\n", node, (unsigned long long)token,
			 (unsigned long long)(seen ? now_us() - before_us : 0));
		seen = token;
	}
	before_us = now;
}

int main(int argc, char **argv)
{
	unsigned long long token = 0;
	struct kquorum *k;
	char err[256];
	int disk, fifo;

	if (argc != 5) {
		fputs("usage: watcher DISK NODE EXITS RESOURCE\n", stderr);
		return 2;
	}
	node = argv[2];
	mark_at = DISK_MARKS + strtoul(node + strcspn(node, "0123456789"), NULL, 10);
	block = disk_buffer();
	disk = disk_open(argv[1]);
	fifo = fifo_open(argv[3]);
	if (kquorum_open(&k, err, sizeof(err))) {
		fprintf(stderr, "watcher: %s\n", err);
		return 1;
	}
	setpriority(PRIO_PROCESS, 0, -15);
	for (;;) {
		struct pollfd p = { fifo, POLLIN, 0 };

		if (poll(&p, 1, LOOK_MS) > 0)
			fifo = look_at_writers(disk, fifo, argv[3], &token);
		look_at_grants(disk, k, argv[4]);
	}
}
