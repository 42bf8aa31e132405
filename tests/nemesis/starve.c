// SPDX-License-Identifier: GPL-2.0
/*
 * Lets allocations of the module's workers fail until it is killed: every 10 ms each worker that
 * served the module last has one of its next 32 allocations refused (/proc/PID/fail-nth), an early
 * one more often than a late one. Late ones count: a whole election may pass between two looks.
 *
 * usage: starve SEED
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define ROUNDS 50	/* between two looks for new workers */

static struct worker {
	int comm, nth;
} workers[WORKERS_MAX];
static size_t count;

/* Returns the descriptor of /proc/@pid/@file, or -1. */
static int proc_open(const char *pid, const char *file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, file);
	return open(path, flags | O_CLOEXEC);
}

/* The name tells which queue it serves: kworker/u2:1-kquorum. Empty: it is gone. */
static const char *name_of(const struct worker *w)
{
	static char name[64];
	ssize_t n = pread(w->comm, name, sizeof(name) - 1, 0);

	name[n > 0 ? n : 0] = '\0';
	return name;
}

static void find_workers(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while (count) {
		count--;
		close(workers[count].comm);
		close(workers[count].nth);
	}
	while (proc && (d = readdir(proc)) && count < WORKERS_MAX) {
		struct worker *w = &workers[count];

		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		w->comm = proc_open(d->d_name, "comm", O_RDONLY);
		w->nth = proc_open(d->d_name, "fail-nth", O_WRONLY);
		if (w->comm >= 0 && w->nth >= 0 && !strncmp(name_of(w), "kworker/u", 9)) {
			count++;
			continue;
		}
		close(w->comm);
		close(w->nth);
	}
	if (proc)
		closedir(proc);
}

/* Returns false: the worker is gone. */
static bool starve(const struct worker *w)
{
	char nth[16];
	int len = snprintf(nth, sizeof(nth), "%ld", 1 + random() % (2L << random() % 5));

	return !strstr(name_of(w), "kquorum") || pwrite(w->nth, nth, len, 0) == len;
}

int main(int argc, char **argv)
{
	unsigned int round;
	size_t i;

	if (argc != 2)
		return 2;
	srandom(strtoul(argv[1], NULL, 10));
	for (round = 0;; round++) {
		if (round % ROUNDS == 0)
			find_workers();
		for (i = 0; i < count; i++)
			if (!starve(&workers[i]))
				round = -1;	/* look again */
		usleep(10000);
	}
}
