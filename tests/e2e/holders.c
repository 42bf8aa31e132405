// SPDX-License-Identifier: GPL-2.0
/*
 * holders PREFIX COUNT: takes COUNT locks with long names that begin with PREFIX and holds them, so
 * that there is a state to save that is not small. Says "held COUNT TOKEN" with the highest token;
 * then again for each line of its standard input, with how many are still held; ends with it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libkquorum.h"

#define UNDER_WAY	48	/* asked for and not granted yet, at a time */

static struct kquorum *k;
static struct pollfd *locks;
static unsigned int asked, count;

static void die(const char *what)
{
	fprintf(stderr, "holders: %s\n", what);
	exit(1);
}

static int ask(const char *prefix, unsigned int i)
{
	char name[KQUORUM_RESOURCE_NAME_MAX + 1];
	int n = snprintf(name, sizeof(name), "%s-%u-", prefix, i);

	memset(name + n, 'x', sizeof(name) - 1 - n);
	name[sizeof(name) - 1] = '\0';
	return kquorum_lock_open(k, &(struct kquorum_lock_request){ .resource = name,
								    .flags = KQUORUM_LOCK_CLOEXEC });
}

/* Counts those of the first @n that are held. */
static unsigned int held(unsigned int n, uint64_t *token)
{
	struct kquorum_lock_info info;
	unsigned int i, granted = 0;

	for (i = 0; i < n; i++) {
		if (kquorum_lock_read(locks[i].fd, &info))
			die("a handle cannot be read");
		if (info.state > KQUORUM_LOCK_GRANTED)
			continue;
		granted += info.state == KQUORUM_LOCK_GRANTED;
		if (info.token > *token)
			*token = info.token;
	}
	return granted;
}

static void take(const char *prefix)
{
	struct kquorum_lock_info info;
	unsigned int first = 0;

	while (first < count) {
		while (asked < count && asked - first < UNDER_WAY) {
			locks[asked].fd = ask(prefix, asked);
			locks[asked].events = POLLIN;
			if (locks[asked].fd < 0)
				die(kquorum_error(k));
			asked++;
		}
		if (poll(&locks[first], 1, 3600000) < 1)
			die("no lock within an hour");
		if (kquorum_lock_read(locks[first].fd, &info))
			die("a handle cannot be read");
		if (info.state == KQUORUM_LOCK_REFUSED && info.error == -ENOSPC) {
			/* The log is small and fills faster than a snapshot is saved: a moment later. */
			close(locks[first].fd);
			usleep(50000);
			locks[first].fd = ask(prefix, first);
			if (locks[first].fd < 0)
				die(kquorum_error(k));
			continue;
		}
		if (info.state > KQUORUM_LOCK_GRANTED)
			die(strerror(-info.error));
		first += info.state == KQUORUM_LOCK_GRANTED;
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;
	uint64_t token = 0;
	char line[64];

	if (argc != 3 || !(count = strtoul(argv[2], NULL, 10)))
		die("usage: holders PREFIX COUNT");
	files.rlim_cur = files.rlim_max = count + 64;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("so many files may not be open");
	locks = calloc(count, sizeof(*locks));
	if (!locks || kquorum_open(&k, line, sizeof(line)))
		die(locks ? line : "no memory");
	take(argv[1]);
	do {
		unsigned int n = held(count, &token);

		printf("held %u %llu\n", n, (unsigned long long)token);
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin));
	return 0;
}
