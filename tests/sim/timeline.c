// SPDX-License-Identifier: GPL-2.0
/*
 * What happened, kept in a ring until it is known whether anybody wants to read it; and
 * the ways in which a seed fails.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "sim.h"

#define RING 4096
#define LINE 240
#define SHOWN 260		/* lines of a timeline */
#define SHOWN_SHORT 40		/* of one that was shrunk: a screen */

struct sim_timeline sim_timeline;
bool sim_tracing;
struct sim *sim_running;

static bool ring_on;
static int report_fd = -1;
static char ring[RING][LINE];
static u64 ring_count;

static void vline(const struct sim *s, const struct sim_node *n, const char *fmt, va_list ap)
{
	char *line = ring[ring_count++ % RING];
	int at;

	at = snprintf(line, LINE, "%10.3f ", (double)s->now / SIM_MS);
	if (n && n->core)
		at += snprintf(line + at, LINE - at, "%s%u t%llu log %llu/%llu/%llu%s  ",
			       sim_at(s, n) > SIM_NODES ? "ghost " : "n", n->id,
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
	u32 ghost = SIM_GHOST(core->cfg.self);

	sim_trace(s, &s->node[s->node[ghost].core == core ? ghost : core->cfg.self], "%s", text);
}

/* The bulk: what every commit needs, and what says little of how it came to the failure. */
static bool minor(const char *line)
{
	static const char *const bulk[] = {
		"disk: batch", "disk: probe", "<- ", "append ", "peer ", "connection to ",
		"client ", "owner ", "is asked to ", "what was said ",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bulk); i++)
		if (strstr(line, bulk[i]))
			return true;
	/* What each replica does, the leader did first. */
	return strstr(line, "  grants ") && strstr(line, " to ") && !strstr(line, "LEADER");
}

static void print_ring(void)
{
	u64 want = opt.brief ? SHOWN_SHORT : SHOWN, i = ring_count, shown = 0;

	fflush(stdout);
	if (sim_timeline.shown)
		want = sim_timeline.shown;
	if (!opt.brief && !sim_timeline.file) {
		fprintf(stderr, "# seed %llu, its dials:", (unsigned long long)sim_running->seed);
		dials_print(stderr, &sim_running->d);
		fputc('\n', stderr);
	}
	while (i && ring_count - i < RING && shown < want) {
		i--;
		shown += !opt.brief || !minor(ring[i % RING]);
	}
	fprintf(stderr, "# ms, node, term, log last/commit/applied, what:\n");
	for (; i < ring_count; i++)
		if (!opt.brief || !minor(ring[i % RING]))
			fprintf(stderr, "%s\n", ring[i % RING]);
}

/* The one place where a seed ends in failure. */
__attribute__((noreturn))
static void fail(const struct sim_node *n, const char *text)
{
	struct sim_outcome o = {
		.failed = true,
		.events = sim_running->st.events,
		.faults = sim_running->fault_no,
		.at = sim_running->now,
	};

	snprintf(o.text, sizeof(o.text), "%s", text);
	if (report_fd >= 0 && write(report_fd, &o, sizeof(o)) != sizeof(o))
		_exit(2);
	if (ring_on) {
		print_ring();
		if (sim_timeline.around)
			sim_timeline.around();
		if (sim_timeline.file)
			fprintf(stderr, "%s:%llu: FAILED at %.3f ms", sim_timeline.file,
				(unsigned long long)sim_timeline.line, (double)o.at / SIM_MS);
		else
			fprintf(stderr, "seed %llu FAILED at %.3f ms, event %llu",
				(unsigned long long)sim_running->seed, (double)o.at / SIM_MS,
				(unsigned long long)o.events);
		if (n)
			fprintf(stderr, ", node %u", n->id);
		fprintf(stderr, ": %s\n", text);
	}
	_exit(1);
}

void sim_fail(struct sim *s, const struct sim_node *n, const char *fmt, ...)
{
	char text[sizeof(((struct sim_outcome *)0)->text)];
	va_list ap;

	(void)s;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(n, text);
}

/* An assertion of the core, a sanitizer, or an endless loop. */
static void on_abort(int sig)
{
	fail(NULL, sig == SIGVTALRM ? "the core does not return" :
	     "stopped by an assertion or a sanitizer, see above");
}

/**
 * timeline_child() - this process runs seeds: how does it tell of a failure?
 * @with_ring: with a timeline on standard error
 * @fd: a struct sim_outcome is written there; -1: nowhere
 */
void timeline_child(bool with_ring, int fd)
{
	ring_on = with_ring;
	report_fd = fd;
	sim_tracing = with_ring || opt.trace;
	signal(SIGABRT, on_abort);
	signal(SIGVTALRM, on_abort);
}
