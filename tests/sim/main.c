// SPDX-License-Identifier: GPL-2.0
/*
 * kqsim: runs seeds, each in a child process; on a failure the same seed runs
 * again with a timeline, which is printed with the broken invariant.
 */
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define RING 260
#define LINE 240

/* Leaks are counted by kq_alloc_live, seed by seed; a failing seed leaves all behind. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:quarantine_size_mb=16:abort_on_error=1:handle_abort=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1:abort_on_error=1";
}

static struct {
	u64 first, seeds, seconds;
	u32 jobs;
	bool quiet, trace, swarm;
} opt = { .first = 1, .seeds = 100, .jobs = 2 };

bool sim_tracing;
static bool ring_on;
static char ring[RING][LINE];
static u64 ring_count;
static struct sim *running;

void *sim_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

/* --- the timeline ---------------------------------------------------------------------- */

static void vline(const struct sim *s, const struct sim_node *n, const char *fmt, va_list ap)
{
	char *line = ring[ring_count++ % RING];
	int at;

	at = snprintf(line, LINE, "%10.3f ", (double)s->now / SIM_MS);
	if (n && n->core)
		at += snprintf(line + at, LINE - at, "n%u t%llu log %llu/%llu/%llu%s  ", n->id,
			       (unsigned long long)n->core->hs.term,
			       (unsigned long long)n->core->log.last,
			       (unsigned long long)n->core->commit,
			       (unsigned long long)n->core->applied,
			       n->core->role == 3 ? " LEADER" : "");
	else if (n)
		at += snprintf(line + at, LINE - at, "n%u  ", n->id);
	vsnprintf(line + at, LINE - at, fmt, ap);
	if (opt.trace)
		printf("%s\n", line);
}

void sim_trace(struct sim *s, const struct sim_node *n, const char *fmt, ...)
{
	va_list ap;

	if (!sim_tracing)
		return;
	va_start(ap, fmt);
	vline(s, n, fmt, ap);
	va_end(ap);
}

void sim_core_trace(void *ctx, const struct kq_core *core, const char *text)
{
	struct sim *s = ctx;

	sim_trace(s, &s->node[core->cfg.self], "%s", text);
}

static void print_ring(void)
{
	u64 i = ring_count > RING ? ring_count - RING : 0;
	if (!ring_on)
		return;
	fflush(stdout);
	fprintf(stderr, "# seed %llu, its dials:", (unsigned long long)running->seed);
	dials_print(stderr, &running->d);
	fprintf(stderr, "\n# ms, node, term, log last/commit/applied, what:\n");
	for (; i < ring_count; i++)
		fprintf(stderr, "%s\n", ring[i % RING]);
}

void sim_fail(struct sim *s, const struct sim_node *n, const char *fmt, ...)
{
	va_list ap;

	if (ring_on) {
		print_ring();
		fprintf(stderr, "seed %llu FAILED at %.3f ms, event %llu, node %u: ",
			(unsigned long long)s->seed, (double)s->now / SIM_MS,
			(unsigned long long)s->st.events, n ? n->id : 0);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	_exit(1);
}

/* An assertion of the core, a sanitizer, or an endless loop. */
static void on_abort(int sig)
{
	print_ring();
	if (ring_on)
		fprintf(stderr, "seed %llu FAILED at %.3f ms, event %llu: %s\n",
			(unsigned long long)running->seed, (double)running->now / SIM_MS,
			(unsigned long long)running->st.events,
			sig == SIGVTALRM ? "the core does not return" :
			"stopped by an assertion or a sanitizer, see above");
	_exit(1);
}

/* --- one seed ---------------------------------------------------------------------------- */

static void seed_rng(struct sim *s)
{
	u64 x = s->seed, z;
	u32 i;

	for (i = 0; i < 4; i++) {
		z = (x += 0x9e3779b97f4a7c15ULL);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		s->rng[i] = z ^ (z >> 31);
	}
}

/* In seconds of this process, not of a busy machine. */
static void cpu_limit(time_t s)
{
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value.tv_sec = s }, NULL);
}

static void run_seed(u64 seed, struct sim_stats *out)
{
	struct sim *s = sim_calloc(1, sizeof(*s));
	u32 i;

	running = s;
	cpu_limit(120);
	s->seed = seed;
	seed_rng(s);
	dials_draw(s, opt.swarm);
	s->end_faults = opt.seconds ? opt.seconds * SIM_SEC : sim_range(s, 8, 30) * SIM_SEC;
	kq_alloc_live = 0;
	kq_alloc_fail_at = 0;
	check_init(s);
	for (i = 1; i <= s->d.nodes; i++) {
		s->node[i].id = i;
		disk_init(s, &s->node[i]);
		node_restart_at(s, &s->node[i], sim_below(s, 100 * SIM_MS));
	}
	net_init(s);
	sim_push(s, 2 * SIM_SEC + sim_about(s, s->d.fault_ms * SIM_MS), EV_FAULT, 0, 0, 0);
	sim_push(s, SIM_SEC, EV_CHECK, 0, 0, 0);
	sim_push(s, 50 * SIM_MS, EV_PHASE, 0, 0, 0);
	sim_run(s);
	check_end(s);
	for (i = 1; i <= s->d.nodes; i++) {
		node_down(s, &s->node[i], "end");
		free(s->node[i].block_kept);
		free(s->node[i].undo);
	}
	if (kq_alloc_live)
		sim_fail(s, NULL, "%ld allocations of the core are left", kq_alloc_live);
	net_free(s);
	check_free(s);
	*out = s->st;
	free(s->heap);
	free(s);
	running = NULL;
	cpu_limit(0);
}

/* --- many seeds ---------------------------------------------------------------------------- */

struct frame {
	u64 seed;
	struct sim_stats st;
};

static void child_setup(bool with_ring)
{
	ring_on = with_ring;
	sim_tracing = with_ring || opt.trace;
	signal(SIGABRT, on_abort);
	signal(SIGVTALRM, on_abort);
}

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
	child_setup(false);
	if (!freopen("/dev/null", "w", stderr))
		_exit(2);
	for (seed = job->next; seed < opt.first + opt.seeds; seed += opt.jobs) {
		struct frame f = { .seed = seed };

		run_seed(seed, &f.st);
		if (write(p[1], &f, sizeof(f)) != sizeof(f))
			_exit(2);
	}
	fflush(stdout);
	_exit(0);
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
static void replay(u64 seed)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct sim_stats st;

		child_setup(true);
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
	static const char *const faults[FAULT_KINDS] = {
		"crash", "power", "daemon", "partition", "one-way", "bridge", "flap", "stall", "eio",
		"hang", "slow disk", "pause", "busy", "freeze", "transfer", "stop", "clock", "rot",
		"misdirect", "older disk",
	};
	double s = host_s > 0.001 ? host_s : 0.001;
	int at = printf("faults:");
	u32 i;

	for (i = 0; i < FAULT_KINDS; i++) {
		if (at > 80)
			at = printf("\n       ") - 1;
		at += printf(" %s %llu", faults[i], (unsigned long long)t->fault[i]);
	}
	printf("\nclients: %llu operations, %llu grants, %llu acknowledged, %llu unknown, %llu refused\n",
	       (unsigned long long)t->ops, (unsigned long long)t->grants,
	       (unsigned long long)t->acks, (unsigned long long)t->unknown,
	       (unsigned long long)t->refused);
	printf("cluster: %llu messages, %llu committed, %llu leaders, %llu expiries, %llu torn, %llu damaged, %llu full\n",
	       (unsigned long long)t->messages, (unsigned long long)t->committed,
	       (unsigned long long)t->leaders, (unsigned long long)t->expiries,
	       (unsigned long long)t->torn, (unsigned long long)t->damaged,
	       (unsigned long long)t->full);
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

static int run_all(void)
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
		replay(failed);
	summary(&total, done, host_now() - start, fail);
	return fail || stop;
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: kqsim [--seeds N] [--first-seed S] [--time SECONDS] [--jobs N]\n"
		"             [--dial NAME=VALUE]... [--bug NAME] [--trace] [--quiet]\n"
		"       kqsim --bugs\n"
		"Runs the core of kquorum on virtual networks, disks and clocks and checks its\n"
		"invariants. One seed is one run; a failing seed is printed with its timeline,\n"
		"and the exit status is 1.\n"
		"  --seeds N        how many (100)\n"
		"  --first-seed S   from this one on (1)\n"
		"  --time SECONDS   virtual time with faults; else 8 to 30, by the seed\n"
		"  --jobs N         processes (2)\n"
		"  --dial N=V       fix one dial instead of drawing it; a failure lists them all\n"
		"  --bug NAME       plant a deliberate bug (kqsim-bugs only)\n"
		"  --bugs           list them: name, what it does, who had it\n"
		"  --swarm          draw the dials for each seed, with some faults left out\n"
		"  --trace          print every event\n"
		"  --quiet          no progress on the terminal\n");
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "first-seed", required_argument, NULL, 's' },
		{ "time", required_argument, NULL, 't' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "dial", required_argument, NULL, 'd' },
		{ "bug", required_argument, NULL, 'b' },
		{ "bugs", no_argument, NULL, 'B' },
		{ "swarm", no_argument, NULL, 'w' },
		{ "trace", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:s:t:j:d:vqh", longs, NULL)) >= 0) {
		switch (c) {
		case 'n':
			opt.seeds = strtoull(optarg, NULL, 0);
			break;
		case 's':
			opt.first = strtoull(optarg, NULL, 0);
			break;
		case 't':
			opt.seconds = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			opt.jobs = strtoul(optarg, NULL, 0);
			break;
		case 'd':
			if (dials_fix(optarg))
				break;
			fprintf(stderr, "kqsim: --dial %s: no such dial, or out of its range\n",
				optarg);
			return 2;
		case 'b':
			if (bug_plant(optarg))
				break;
			fprintf(stderr, "kqsim: --bug %s: not in this build; kqsim-bugs has those that --bugs lists\n",
				optarg);
			return 2;
		case 'B':
			bug_list(stdout);
			return 0;
		case 'w':
			opt.swarm = true;
			break;
		case 'v':
			opt.trace = true;
			break;
		case 'q':
			opt.quiet = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (!opt.seeds || opt.jobs < 1 || opt.jobs > 64) {
		usage(stderr);
		return 2;
	}
	if (opt.jobs > opt.seeds)
		opt.jobs = opt.seeds;
	/* Disks come fresh from the kernel, zeroed page by page as they are written. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	return run_all();
}
