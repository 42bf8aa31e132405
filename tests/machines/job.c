// SPDX-License-Identifier: GPL-2.0
/*
 * job DIR PROGRAM NUMBER MS: a job that needs a licence, under "kquorum lock -k 1". In DIR, which all
 * machines share, it leaves
 *
 *	PROGRAM.NUMBER.TOKEN.UNIT.began		is made first, and never changed
 *	PROGRAM.NUMBER.TOKEN.UNIT.ran		is written for as long as it runs
 *	PROGRAM.NUMBER.done			is made last
 *
 * The times of the first two are those of the host that has DIR: in between it had the licence.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static int make(const char *dir, const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	const char *token = getenv("KQUORUM_TOKEN"), *unit = getenv("KQUORUM_UNITS");
	uint64_t until = now_ms();
	char name[128];
	int ran;

	if (argc != 5 || !token || !unit) {
		fputs("usage: kquorum lock -k 1 NAME -- job DIR PROGRAM NUMBER MS\n", stderr);
		return 2;
	}
	until += strtoul(argv[4], NULL, 10);
	snprintf(name, sizeof(name), "%s.%s.%s.%s.began", argv[2], argv[3], token, unit);
	close(make(argv[1], name, O_EXCL));
	snprintf(name, sizeof(name), "%s.%s.%s.%s.ran", argv[2], argv[3], token, unit);
	ran = make(argv[1], name, O_EXCL);
	do {
		if (pwrite(ran, "r", 1, 0) != 1)
			return 1;
		usleep(10000);
	} while (now_ms() < until);
	snprintf(name, sizeof(name), "%s.%s.done", argv[2], argv[3]);
	close(make(argv[1], name, 0));
	/* The last sign of it: it has the licence still. */
	return pwrite(ran, "e", 1, 0) != 1;
}
