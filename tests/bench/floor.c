// SPDX-License-Identifier: GPL-2.0
/*
 * Has kqfloor.ko measure a round trip between two network namespaces and durable writes
 * to three files at once, and prints the percentiles as JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "floor/kqfloor.h"
#include "samples.h"

#define WRITERS 3
#define WRITES_MAX (KQFLOOR_SAMPLES_MAX / 4)	/* of each */
#define FILE_BYTES (16 << 20)
#define MESSAGE_BYTES 128
#define PORT 7499

struct writer {
	pthread_t thread;
	int device, fd;
	unsigned int duration_ms;
	uint32_t *ns;
	struct samples samples;
	int error;
};

static void fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "kqfloor: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

static uint32_t *buffer(size_t count)
{
	uint32_t *ns = calloc(count, sizeof(*ns));

	if (!ns)
		abort();
	return ns;
}

static void take(struct samples *s, uint32_t *ns, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		samples_add(s, ns[i]);
	free(ns);
}

static void enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail("%s", path);
	close(fd);
}

/* A socket belongs to the namespace that it was made in, wherever the process goes then. */
static void connect_pair(const char *server, const char *client, const char *address, int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int listener, one = 1, i;

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		errno = EINVAL;
		fail("address %s", address);
	}
	enter(server);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1))
		fail("listening on %s:%d in %s", address, PORT, server);
	enter(client);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd[0], (struct sockaddr *)&at, sizeof(at)))
		fail("connecting from %s to %s:%d", client, address, PORT);
	fd[1] = accept(listener, NULL, NULL);
	if (fd[1] < 0)
		fail("accept");
	close(listener);
	for (i = 0; i < 2; i++)
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void measure_rtt(int device, const int fd[2], unsigned int count, struct samples *out)
{
	struct kqfloor_rtt ask = {
		.fd = { fd[0], fd[1] }, .bytes = MESSAGE_BYTES, .count = count,
	};
	uint32_t *ns = buffer(count);

	ask.samples = (uintptr_t)ns;
	if (ioctl(device, KQFLOOR_RTT, &ask))
		fail("round trips");
	take(out, ns, count);
}

/* Blocks that were really written, as those of a recycled segment. */
static int filled_file(const char *dir, int i)
{
	static char block[1 << 20] __attribute__((aligned(4096)));
	char path[512];
	struct stat st;
	off_t at;
	int fd;

	snprintf(path, sizeof(path), "%s/floor%d", dir, i);
	fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st))
		fail("%s", path);
	if (st.st_size == FILE_BYTES)
		return fd;
	memset(block, 'f', sizeof(block));
	for (at = 0; at < FILE_BYTES; at += sizeof(block))
		if (pwrite(fd, block, sizeof(block), at) != sizeof(block))
			fail("filling %s", path);
	if (fsync(fd))
		fail("fsync %s", path);
	return fd;
}

static void *write_thread(void *arg)
{
	struct writer *w = arg;
	struct kqfloor_write ask = {
		.fd = w->fd, .duration_ms = w->duration_ms, .span = FILE_BYTES,
		.count = WRITES_MAX, .samples = (uintptr_t)w->ns,
	};

	if (ioctl(w->device, KQFLOOR_WRITE, &ask))
		w->error = errno;
	else
		take(&w->samples, w->ns, ask.count);
	return NULL;
}

static void measure_writes(int device, const char *dir, unsigned int duration_ms,
			   struct writer *w)
{
	int i;

	for (i = 0; i < WRITERS; i++) {
		w[i].device = device;
		w[i].duration_ms = duration_ms;
		w[i].fd = filled_file(dir, i + 1);
		w[i].ns = buffer(WRITES_MAX);
	}
	for (i = 0; i < WRITERS; i++)
		if (pthread_create(&w[i].thread, NULL, write_thread, &w[i]))
			fail("thread");
	for (i = 0; i < WRITERS; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].error) {
			errno = w[i].error;
			fail("durable writes to %s/floor%d", dir, i + 1);
		}
	}
}

static void report(struct samples *rtt, struct writer *w)
{
	struct samples all = { 0 };
	double rtt_us, write_us;
	int i;

	for (i = 0; i < WRITERS; i++)
		samples_append(&all, &w[i].samples);
	rtt_us = samples_percentile_us(rtt, 500);
	write_us = samples_percentile_us(&all, 500);
	printf("{\"rtt_bytes\":%d,\"rtt_count\":%zu,", MESSAGE_BYTES, rtt->count);
	samples_print_json(rtt, "rtt_");
	printf(",\"write_count\":%zu,", all.count);
	samples_print_json(&all, "write_");
	for (i = 0; i < WRITERS; i++)
		printf(",\"write_file%d_p50_us\":%.1f", i + 1,
		       samples_percentile_us(&w[i].samples, 500));
	printf(",\"floor_p50_us\":%.1f}\n", rtt_us > write_us ? rtt_us : write_us);
}

int main(int argc, char **argv)
{
	static struct writer writers[WRITERS];
	struct samples rtt = { 0 };
	unsigned int count, seconds;
	int device, pair[2];

	if (argc != 7) {
		fprintf(stderr,
			"Usage: kqfloor NETNS ADDRESS OTHER_NETNS DIR ROUND_TRIPS WRITE_SECONDS\n"
			"ADDRESS is NETNS's. DIR gets three files. kqfloor.ko must be loaded.\n");
		return 2;
	}
	count = atoi(argv[5]);
	seconds = atoi(argv[6]);
	if (!count || count > KQFLOOR_SAMPLES_MAX || !seconds) {
		fprintf(stderr, "kqfloor: ROUND_TRIPS is 1 to %u, WRITE_SECONDS at least 1\n",
			KQFLOOR_SAMPLES_MAX);
		return 2;
	}
	device = open("/dev/kqfloor", O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("/dev/kqfloor (is kqfloor.ko loaded?)");
	connect_pair(argv[1], argv[3], argv[2], pair);
	measure_rtt(device, pair, count, &rtt);
	measure_writes(device, argv[4], seconds * 1000, writers);
	report(&rtt, writers);
	return 0;
}
