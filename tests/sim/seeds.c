// SPDX-License-Identifier: GPL-2.0
/*
 * Many seeds, each process one after the other; the first that fails runs again with
 * its timeline; the end is a summary.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

struct frame {
	u64 seed;
	struct sim_stats st;
};

struct job {
	pid_t pid;
	int fd;
	u64 next;		/* seed it works on */
	bool over;
};

static void job_start(struct job *job, u32 k)
{
	int p[2];
	u64 seed;

	job->next = opt.first + k;
	job->over = false;
	if (pipe(p))
		abort();
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0)
		abort();
	if (job->pid) {
		close(p[1]);
		job->fd = p[0];
		return;
	}
	close(p[0]);
	timeline_child(false, -1);
	if (!freopen("/dev/null", "w", stderr))
		_exit(2);
	for (seed = job->next; seed < opt.first + opt.seeds; seed += opt.jobs) {
		struct frame f = { .seed = seed };

		run_seed(seed, &f.st);
		if (write(p[1], &f, sizeof(f)) != sizeof(f))
			_exit(2);
	}
	exit(0);	/* not _exit(): a build that counts coverage writes it now */
}

static void add_stats(struct sim_stats *sum, const struct sim_stats *one)
{
	const u64 *from = (const u64 *)one;
	u64 *to = (u64 *)sum;
	size_t i;

	for (i = 0; i < sizeof(*sum) / sizeof(u64); i++)
		to[i] += from[i];
}

/* The same seed once more, with its timeline. */
void seeds_replay(u64 seed)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct sim_stats st;

		timeline_child(true, -1);
		run_seed(seed, &st);
		fprintf(stderr, "seed %llu failed, and did not fail again: it is not "
			"reproducible\n", (unsigned long long)seed);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
}

/* What each seed did, for the medians. */
static struct {
	u32 *ops, *fail_overs, *kinds;
	u64 count;
} each;

static void note_seed(const struct sim_stats *st)
{
	u32 i, kinds = 0;

	if (!each.ops) {
		each.ops = sim_calloc(opt.seeds, sizeof(u32));
		each.fail_overs = sim_calloc(opt.seeds, sizeof(u32));
		each.kinds = sim_calloc(opt.seeds, sizeof(u32));
	}
	for (i = 0; i < FAULT_KINDS; i++)
		kinds += st->fault[i] > 0;
	each.ops[each.count] = st->ops;
	each.fail_overs[each.count] = st->leaders ? st->leaders - 1 : 0;
	each.kinds[each.count++] = kinds;
}

static int by_size(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static u32 median(u32 *v)
{
	if (!each.count)
		return 0;
	qsort(v, each.count, sizeof(*v), by_size);
	return v[each.count / 2];
}

static void summary(const struct sim_stats *t, u64 done, double host_s, bool failed)
{
	double s = host_s > 0.001 ? host_s : 0.001;
	int at = printf("faults:");
	u32 i;

	for (i = 0; i < FAULT_KINDS; i++) {
		if (at > 80)
			at = printf("\n       ") - 1;
		at += printf(" %s %llu", fault_name(i), (unsigned long long)t->fault[i]);
	}
	printf("\nclients: %llu operations, %llu grants (%llu shares, %llu of units), %llu acknowledged, %llu unknown, %llu refused; %llu times something was said of a resource\n",
	       (unsigned long long)t->ops, (unsigned long long)t->grants,
	       (unsigned long long)t->shares, (unsigned long long)t->units,
	       (unsigned long long)t->acks, (unsigned long long)t->unknown,
	       (unsigned long long)t->refused, (unsigned long long)t->said);
	printf("grants: %llu renewals, %llu ended by themselves, %llu evicted, %llu of them taken by the leader; %llu times access was denied; fences let %llu tokens pass, refused %llu\n",
	       (unsigned long long)t->renewed, (unsigned long long)t->ended,
	       (unsigned long long)t->evicted, (unsigned long long)t->taken,
	       (unsigned long long)t->denied, (unsigned long long)t->passed,
	       (unsigned long long)t->refused_tokens);
	printf("cluster: %llu messages, %llu committed, %llu leaders, %llu expiries\n"
	       "disks: %llu torn, %llu damaged (%llu not alone), %llu mended, %llu full\n",
	       (unsigned long long)t->messages, (unsigned long long)t->committed,
	       (unsigned long long)t->leaders, (unsigned long long)t->expiries,
	       (unsigned long long)t->torn, (unsigned long long)t->damaged,
	       (unsigned long long)t->shared, (unsigned long long)t->mended,
	       (unsigned long long)t->full);
	printf("snapshots: %llu saved, %llu installed, %llu restored at a start; %llu scrubs\n",
	       (unsigned long long)t->saved, (unsigned long long)t->installed,
	       (unsigned long long)t->restored, (unsigned long long)t->scrubs);
	if (t->overlaps || t->stale)
		printf("clocks beyond the settings or frozen: %llu overlaps of holders, %llu stale writes refused by their token\n",
		       (unsigned long long)t->overlaps, (unsigned long long)t->stale);
	printf("median seed: %u operations, %u fail-overs, faults of %u kinds\n", median(each.ops),
	       median(each.fail_overs), median(each.kinds));
	printf("kqsim: %llu seeds %s: %.1f h in %.0f s (%.1f h/min), %llu events (%.0f/s on each of %u)\n",
	       (unsigned long long)done, failed ? "passed before that" : "clean",
	       t->virtual_ns / 3600e9, host_s, t->virtual_ns / 60e9 / s,
	       (unsigned long long)t->events, t->events / s / opt.jobs, opt.jobs);
}

static double host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static volatile sig_atomic_t stop;

static void on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

int seeds_run(void)
{
	struct job job[64];
	struct pollfd pfd[64];
	struct sim_stats total = { 0 };
	u64 done = 0, failed = 0;
	bool fail = false;
	double start = host_now();
	u32 k, live = opt.jobs;

	for (k = 0; k < opt.jobs; k++)
		job_start(&job[k], k);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_stop }, NULL);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_stop }, NULL);
	while (live && !fail && !stop) {
		for (k = 0; k < opt.jobs; k++)
			pfd[k] = (struct pollfd){ .fd = job[k].over ? -1 : job[k].fd,
						  .events = POLLIN };
		if (poll(pfd, opt.jobs, -1) < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		for (k = 0; k < opt.jobs; k++) {
			struct frame f;
			int status;

			if (!pfd[k].revents)
				continue;
			if (read(job[k].fd, &f, sizeof(f)) == sizeof(f)) {
				add_stats(&total, &f.st);
				note_seed(&f.st);
				job[k].next = f.seed + opt.jobs;
				done++;
				continue;
			}
			job[k].over = true;
			live--;
			close(job[k].fd);
			waitpid(job[k].pid, &status, 0);
			if (!status)
				continue;
			if (!fail || job[k].next < failed)
				failed = job[k].next;
			fail = true;
		}
		if (!opt.quiet && isatty(STDERR_FILENO))
			fprintf(stderr, "\r%llu of %llu seeds ", (unsigned long long)done,
				(unsigned long long)opt.seeds);
	}
	if (!opt.quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	for (k = 0; k < opt.jobs; k++) {
		if (job[k].over)
			continue;
		kill(job[k].pid, SIGKILL);
		waitpid(job[k].pid, NULL, 0);
	}
	if (fail)
		seeds_replay(failed);
	summary(&total, done, host_now() - start, fail);
	return fail || stop;
}

