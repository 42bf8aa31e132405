// SPDX-License-Identifier: GPL-2.0
/*
 * claims fill PREFIX: fills the table of resources, as it is told on its standard input, and answers each
 * line with the same words once all of it is done:
 *
 *	define N	N more resources are defined, nobody holds them
 *	hold N		N others are held
 *	wait N		so many more wait for the first of those
 *	refuse N	so many were refused it, their handles stay open
 *	share N		so many more share one more, PREFIXshared
 *
 * All of it stays until the input ends.
 *
 * claims cycle lock|queue|share NAME SECONDS: one client that takes NAME and gives it back; waits for NAME
 * behind all others and leaves the queue; shares NAME and gives that back. Prints what that took.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "libkquorum.h"

#define UNDER_WAY	48	/* asked for and not answered yet, at a time */
#define FILES		400000

/* What is asked for; @until: the state of the handle that ends it. */
static const struct kind {
	const char *word, *name;	/* of the resource, behind the prefix; NULL: each has its own */
	unsigned int flags;
	unsigned int until;
} kinds[] = {
	{ "define", NULL, 0, 0 },
	{ "hold", NULL, 0, KQUORUM_LOCK_GRANTED },
	{ "wait", "held000000", 0, KQUORUM_LOCK_QUEUED },
	{ "refuse", "held000000", KQUORUM_LOCK_TRY, KQUORUM_LOCK_REFUSED },
	{ "share", "shared", KQUORUM_LOCK_SHARED, KQUORUM_LOCK_GRANTED },
};

static struct kquorum *k;
static const char *prefix;

static void die(const char *what)
{
	fprintf(stderr, "claims: %s\n", what);
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int lock(const char *name, unsigned int flags)
{
	int fd = kquorum_lock_open(k, &(struct kquorum_lock_request){ .resource = name,
								      .flags = flags | KQUORUM_LOCK_CLOEXEC });

	if (fd < 0)
		die(kquorum_error(k));
	return fd;
}

/* Waits until the handle has the state @until. */
static void await(int fd, unsigned int until)
{
	struct kquorum_lock_info info;

	do {
		if (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 600000) < 1)
			die("no answer within ten minutes");
		if (kquorum_lock_read(fd, &info))
			die("a handle cannot be read");
	} while (info.state < until);
	if (info.state != until)
		die("a request has another outcome than it should");
}

/* --- filling -------------------------------------------------------------------------------- */

static int ask(const struct kind *kind, unsigned int i)
{
	char name[64];
	int fd;

	if (kind->name)
		snprintf(name, sizeof(name), "%s%s", prefix, kind->name);
	else
		snprintf(name, sizeof(name), "%s%s%06u", prefix, kind->until ? "held" : "pool", i);
	if (kind->until)
		return lock(name, kind->flags);
	fd = kquorum_resource_set(k, &(struct kquorum_resource_request){ .name = name, .create = true, .units = 4 });
	if (fd < 0)
		die(kquorum_error(k));
	return fd;
}

static void answered(const struct kind *kind, int fd)
{
	struct kquorum_append_result result;

	if (kind->until) {
		await(fd, kind->until);
		return;
	}
	if (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 600000) < 1 ||
	    read(fd, &result, sizeof(result)) != sizeof(result) || result.error)
		die("a resource cannot be defined");
	close(fd);
}

/* @from: so many of the kind are there already. */
static void fill(const struct kind *kind, unsigned int from, unsigned int count)
{
	int fd[UNDER_WAY];
	unsigned int i;

	for (i = 0; i < count + UNDER_WAY; i++) {
		if (i >= UNDER_WAY && i - UNDER_WAY < count)
			answered(kind, fd[i % UNDER_WAY]);
		if (i < count)
			fd[i % UNDER_WAY] = ask(kind, from + i);
	}
}

static void fill_as_told(void)
{
	struct rlimit files = { FILES, FILES };
	char line[64], word[16];
	unsigned int count, i, made[sizeof(kinds) / sizeof(kinds[0])] = { 0 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("so many files may not be open");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%15s %u", word, &count) != 2)
			die("what am I told?");
		for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(word, kinds[i].word)) {
				fill(&kinds[i], made[i], count);
				made[i] += count;
			}
		printf("%s %u\n", word, count);
		fflush(stdout);
	}
}

/* --- measuring ------------------------------------------------------------------------------ */

static void cycle(const char *what, const char *name, double seconds)
{
	unsigned int until = strcmp(what, "queue") ? KQUORUM_LOCK_GRANTED : KQUORUM_LOCK_QUEUED;
	unsigned int flags = strcmp(what, "share") ? 0 : KQUORUM_LOCK_SHARED;
	double begun = now_s(), elapsed;
	unsigned long n = 0;

	do {
		int fd = lock(name, flags);

		await(fd, until);
		close(fd);
		n++;
		elapsed = now_s() - begun;
	} while (elapsed < seconds);
	printf("{\"operations\":%lu,\"elapsed_s\":%.3f}\n", n, elapsed);
}

int main(int argc, char **argv)
{
	char err[256];

	if (kquorum_open(&k, err, sizeof(err)))
		die(err);
	if (argc == 3 && !strcmp(argv[1], "fill")) {
		prefix = argv[2];
		fill_as_told();
	} else if (argc == 5 && !strcmp(argv[1], "cycle")) {
		cycle(argv[2], argv[3], strtod(argv[4], NULL));
	} else {
		die("usage: claims fill PREFIX | claims cycle lock|queue|share NAME SECONDS");
	}
	return 0;
}
