// SPDX-License-Identifier: GPL-2.0
/*
 * writer DISK NODE EXITS kill|term|obey|ignore: a command under a lock that writes directly to a disk which
 * other machines write to as well, without an end; so does its child. It goes on where the one before
 * has stopped. Both hold the fifo EXITS open: its reader sees when the last of them has ended.
 *
 * SIGTERM: "obey": writes what it has to, and ends; the others do not mind.
 */
#include <signal.h>

#include "disk.h"

#define PAUSE_US	1500
#define LAST_WORDS	5		/* records that are written after SIGTERM */

static volatile sig_atomic_t told;

static void on_term(int sig)
{
	told = sig;
}

/* The highest counter that is on the disk. */
static unsigned long newest(int fd, char *block)
{
	unsigned long counter, max = 0;
	unsigned int at;

	for (at = 0; at < DISK_RING; at++) {
		if (pread(fd, block, DISK_BLOCK, (off_t)at * DISK_BLOCK) != DISK_BLOCK) {
			perror("the shared disk");
			exit(1);
		}
		if (sscanf(block, "W %*s %*u %lu", &counter) == 1 && counter > max)
			max = counter;
	}
	return max;
}

/* @args: NODE EXITS MODE */
static void write_on(int fd, char kind, char **args, const char *token, unsigned long counter)
{
	unsigned int first = kind == 'C' ? DISK_RING : 0, left = LAST_WORDS;
	char *block = disk_buffer();

	while (!told || left--) {
		counter++;
		disk_put(fd, first + counter % DISK_RING, block, "%c %s %s %lu %d %s\n", kind,
			 args[0], token, counter, getpid(), args[2]);
		usleep(PAUSE_US);
	}
}

static void announce(const char *exits, const char *token)
{
	int fd = open(exits, O_WRONLY | O_NONBLOCK);

	if (fd < 0 || dprintf(fd, "%s\n", token) < 0) {
		perror(exits);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const char *token = getenv("KQUORUM_TOKEN");
	int fd;

	if (argc != 5 || !token) {
		fputs("usage: kquorum lock NAME -- writer DISK NODE EXITS kill|term|obey|ignore\n", stderr);
		return 2;
	}
	signal(SIGTERM, strcmp(argv[4], "obey") ? SIG_IGN : on_term);
	announce(argv[3], token);
	fd = disk_open(argv[1]);
	if (!fork())
		write_on(fd, 'C', argv + 2, token, 0);
	else
		write_on(fd, 'W', argv + 2, token, newest(fd, disk_buffer()));
	return 0;
}
