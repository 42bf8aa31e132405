// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a failure as small as it can: fewer faults (delta debugging, Zeller 1999), then
 * smaller dials, as long as the same invariant breaks. What is left is one command line and
 * a timeline that fits a screen.
 */
#include <ctype.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

static u64 tries;

/* Two failures are the same when they differ in numbers only. */
static bool same(const char *a, const char *b)
{
	for (;;) {
		while (isxdigit((unsigned char)*a) || *a == '-')
			a++;
		while (isxdigit((unsigned char)*b) || *b == '-')
			b++;
		if (*a != *b)
			return false;
		if (!*a++)
			return true;
		b++;
	}
}

static struct sim_outcome attempt(void)
{
	struct sim_outcome o = { 0 };
	struct sim_stats st;
	int p[2], status;
	pid_t pid;

	if (pipe(p))
		abort();
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid) {
		close(p[0]);
		if (!freopen("/dev/null", "w", stderr))
			_exit(2);
		timeline_child(false, p[1]);
		run_seed(opt.first, &st);
		_exit(0);
	}
	close(p[1]);
	if (read(p[0], &o, sizeof(o)) != sizeof(o))
		o.failed = false;
	close(p[0]);
	waitpid(pid, &status, 0);
	if (!opt.quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\rshrinking: %llu tries ", (unsigned long long)++tries);
	return o;
}

/* Is it still the failure @of, and no later? Then @of is what it is now. */
static bool still(struct sim_outcome *of)
{
	struct sim_outcome o = attempt();

	if (!o.failed || !same(o.text, of->text) || o.events > of->events)
		return false;
	*of = o;
	return true;
}

/* Leave out as many faults as can be, in ever smaller pieces. */
static void fewer_faults(struct sim_outcome *of)
{
	u64 piece, from, i;
	u8 kept[FAULTS_MAX];

	for (piece = opt.fault_count; piece; piece /= 2) {
		for (from = 0; from < opt.fault_count; from += piece) {
			u64 end = min(from + piece, opt.fault_count), count = 0;

			memcpy(kept, opt.faults, opt.fault_count);
			for (i = from; i < end; i++) {
				count += opt.faults[i];
				opt.faults[i] = 0;
			}
			if (count && !still(of))
				memcpy(opt.faults, kept, opt.fault_count);
		}
	}
}

static void drawn(struct sim_dials *d)
{
	struct sim *s = sim_calloc(1, sizeof(*s));

	s->seed = opt.first;
	sim_seed(s, opt.first);
	dials_draw(s, opt.swarm);
	*d = s->d;
	free(s);
}

static void smaller_dials(struct sim_outcome *of)
{
	struct sim_dials now;
	size_t i;
	u32 how;

	for (i = 0; i < dials_count(); i++) {
		for (how = 0; how < 4; how++) {
			drawn(&now);
			if (!dials_smaller(i, how, &now))
				continue;
			if (still(of))
				break;
			dials_undo(i);
		}
	}
}

static void print_command(void)
{
	char sep = ' ';
	u64 i;

	printf("%s%s --first-seed %llu --seeds 1%s", opt.program, opt.bug_option,
	       (unsigned long long)opt.first, opt.swarm ? " --swarm" : "");
	dials_print_fixed(stdout);
	printf(" --faults");
	for (i = 0; i < opt.fault_count; i++) {
		if (opt.faults[i]) {
			printf("%c%llu", sep, (unsigned long long)i);
			sep = ',';
		}
	}
	printf("%s\n", sep == ' ' ? " -" : "");
}

/**
 * shrink_run() - shrink the failure of the seed opt.first, and show what is left
 *
 * Return: exit status: 1, or 2 when that seed does not fail.
 */
int shrink_run(void)
{
	struct sim_outcome of = attempt(), was = of;
	u64 before, left = 0, i;

	if (!of.failed) {
		fprintf(stderr, "kqsim: seed %llu does not fail: nothing to shrink\n",
			(unsigned long long)opt.first);
		return 2;
	}
	if (!opt.faults) {
		opt.fault_count = min(of.faults, (u64)FAULTS_MAX);
		opt.faults = sim_calloc(1, FAULTS_MAX);
		memset(opt.faults, 1, opt.fault_count);
		still(&of);
	}
	do {
		before = of.events;
		fewer_faults(&of);
		smaller_dials(&of);
	} while (of.events < before);
	for (i = 0; i < opt.fault_count; i++)
		left += opt.faults[i];
	if (!opt.quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	printf("shrunk from %llu events and %llu faults to %llu and %llu:\n",
	       (unsigned long long)was.events, (unsigned long long)was.faults,
	       (unsigned long long)of.events, (unsigned long long)left);
	print_command();
	fflush(stdout);
	opt.brief = true;
	seeds_replay(opt.first);
	return 1;
}
