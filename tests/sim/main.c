// SPDX-License-Identifier: GPL-2.0
/*
 * kqsim: the options, and one seed from its beginning to its end.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/time.h>

#include "check.h"
#include "sim.h"

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

struct sim_opt opt = { .first = 1, .seeds = 100, .jobs = 2 };

void *sim_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

/* In seconds of this process, not of a busy machine. */
static void cpu_limit(time_t s)
{
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value.tv_sec = s }, NULL);
}

void run_seed(u64 seed, struct sim_stats *out)
{
	struct sim *s = sim_calloc(1, sizeof(*s));
	u32 i;

	sim_running = s;
	cpu_limit(120);
	s->seed = seed;
	sim_seed(s, seed);
	dials_draw(s, opt.swarm);
	s->end_faults = sim_range(s, 8, 30) * SIM_SEC;
	if (opt.seconds)
		s->end_faults = opt.seconds * SIM_SEC;
	s->clocks_lie = s->d.beyond;
	kq_alloc_live = 0;
	kq_alloc_fail_at = 0;
	check_init(s);
	for (i = 1; i <= s->d.nodes; i++) {
		node_create(s, i, i);
		node_restart_at(s, &s->node[i], sim_below(s, 100 * SIM_MS));
	}
	net_init(s);
	/* In some seeds while the cluster begins: fault_step(). */
	sim_push(s, seed % 8 ? 2 * SIM_SEC + sim_about(s, s->d.fault_ms * SIM_MS) :
		 sim_below(s, 400 * SIM_MS), EV_FAULT, 0, 0, 0);
	define_begin(s);
	evict_begin(s);
	sim_push(s, SIM_SEC, EV_CHECK, 0, 0, 0);
	sim_push(s, 50 * SIM_MS, EV_PHASE, 0, 0, 0);
	sim_run(s);
	check_end(s);
	for (i = 1; i <= sim_last(s); i++) {
		if (s->node[i].up)
			node_down(s, &s->node[i], "end");
		node_free(&s->node[i]);
	}
	if (kq_alloc_live)
		sim_fail(s, NULL, "%ld allocations of the core are left", kq_alloc_live);
	net_free(s);
	check_free(s);
	*out = s->st;
	free(s->heap);
	free(s);
	sim_running = NULL;
	cpu_limit(0);
}

static bool faults_only(const char *list)
{
	char *end;

	opt.fault_count = FAULTS_MAX;
	opt.faults = sim_calloc(1, FAULTS_MAX);
	while (*list && strcmp(list, "-")) {
		u64 no = strtoull(list, &end, 10);

		if (end == list || no >= FAULTS_MAX || (*end && *end != ','))
			return false;
		opt.faults[no] = 1;
		list = end + (*end == ',');
	}
	return true;
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: kqsim [--seeds N] [--first-seed S] [--time SECONDS] [--jobs N]\n"
		"             [--swarm] [--dial NAME=VALUE]... [--faults N,N...] [--bug NAME]\n"
		"             [--shrink] [--trace] [--quiet]\n"
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
		"  --faults N,N...  of the faults only these, by number ('-': none)\n"
		"  --shrink         make the first seed's failure as small as it can, print its timeline\n"
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
		{ "faults", required_argument, NULL, 'f' },
		{ "shrink", no_argument, NULL, 'S' },
		{ "swarm", no_argument, NULL, 'w' },
		{ "trace", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	static char bug[40];
	int c;

	opt.program = argv[0];
	opt.bug_option = bug;
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
			if (bug_plant(optarg)) {
				snprintf(bug, sizeof(bug), " --bug %s", optarg);
				break;
			}
			fprintf(stderr, "kqsim: --bug %s: not in this build; kqsim-bugs has those that --bugs lists\n",
				optarg);
			return 2;
		case 'B':
			bug_list(stdout);
			return 0;
		case 'f':
			if (faults_only(optarg))
				break;
			fprintf(stderr, "kqsim: --faults %s: numbers and commas are expected\n",
				optarg);
			return 2;
		case 'S':
			opt.shrink = true;
			break;
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
	return opt.shrink ? shrink_run() : seeds_run();
}
