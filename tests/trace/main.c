// SPDX-License-Identifier: GPL-2.0
/*
 * kqreplay: the options; whose step is next; what was seen.
 */
#include <getopt.h>
#include <stdio.h>
#include "check.h"
#include "replay.h"

struct sim_opt opt;

void *sim_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

/* Of the same node, an earlier one with something left to run. */
static bool waits_for_earlier_life(const struct life *l)
{
	const struct life *o;

	for (o = lives; o < l; o++)
		if (o->node == l->node && o->at < o->count)
			return true;
	return false;
}

/* Is what comes in there by now, and what was before done? */
static bool is_ready(struct life *l)
{
	const struct event *e = life_next(l);

	if (!strcmp(e->what, "recovered"))
		return !waits_for_earlier_life(l);
	return strcmp(e->what, "recv") || wire_can_take(l->node, e->a);
}

/*
 * The clock that each step brings orders the nodes: they share it. Where two processors' clocks
 * differ by a little, the message decides: it is taken after it was sent.
 */
static struct life *pick(void)
{
	struct life *l, *first = NULL, *next = NULL;

	for (l = lives; l < lives + life_count; l++) {
		if (l->at == l->count)
			continue;
		if (!first || life_next(l)->now < life_next(first)->now)
			first = l;
		if (is_ready(l) && (!next || life_next(l)->now < life_next(next)->now))
			next = l;
	}
	replayed.deferred += next && next != first;
	return next ? next : first;
}

static void summary(const struct sim *s, u32 nodes)
{
	size_t i, whole = 0, cut = 0;

	for (i = 0; i < life_count; i++) {
		whole += !lives[i].cut;
		cut += lives[i].cut;
	}
	printf("%u nodes, %zu lives to their end, %zu cut off; %llu steps, %llu calls: as the core does it\n",
	       nodes, whole, cut, (unsigned long long)replayed.steps,
	       (unsigned long long)replayed.calls);
	printf("terms with a leader %llu, entries committed %llu, locks granted %llu, appends acknowledged %llu, sessions expired %llu\n",
	       (unsigned long long)s->st.leaders, (unsigned long long)s->st.committed,
	       (unsigned long long)s->st.grants, (unsigned long long)s->st.acks,
	       (unsigned long long)s->st.expiries);
	printf("snapshots saved %llu, snapshots adopted %llu, snapshots installed %llu, starts with a snapshot %llu\n",
	       (unsigned long long)s->st.saved, (unsigned long long)replayed.adopted,
	       (unsigned long long)s->st.installed, (unsigned long long)s->st.restored);
	printf("messages sent %llu, received %llu, refused %llu; writes of logs %llu, logs read back %llu; steps out of the clock's order %llu\n",
	       (unsigned long long)replayed.messages, (unsigned long long)replayed.received,
	       (unsigned long long)replayed.refused, (unsigned long long)replayed.batches,
	       (unsigned long long)replayed.recoveries, (unsigned long long)replayed.deferred);
}

static void replay(void)
{
	struct sim *s = sim_calloc(1, sizeof(*s));
	bool has[SIM_NODES + 1] = { false };
	struct life *l;
	u32 i, count = 0;

	sim_running = s;
	s->payload_id = append_id;
	check_init(s);
	while ((l = pick())) {
		if (l->node > SIM_NODES)
			trace_bad(life_next(l)->line, "a node with the id %u: at most %u", l->node,
				  SIM_NODES);
		has[l->node] = true;
		node_step(s, l);
	}
	kq_for_each_node(conf_first(s).voters, i)
		if (!has[i])
			trace_bad(0, "node %u is missing in the trace", i);
	for (i = 1; i <= SIM_NODES; i++)
		count += has[i];
	check_logs(s);
	check_acks(s);
	summary(s, count);
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: kqreplay [--bug NAME] [--trace] FILE\n"
		"       kqreplay --bugs\n"
		"Runs a trace of a real cluster again: FILE is the text of trace_pipe with the events\n"
		"kquorum_call, kquorum_bytes, kquorum_out and kquorum_end of all nodes, from before\n"
		"they started. Each node's core must do what the module did, and the invariants of\n"
		"the simulator must hold.\n"
		"  --bug NAME   plant a deliberate bug into the core: then it must not do the same\n"
		"  --bugs       list them\n"
		"  --trace      print what each node decides\n"
		"Exit: 0 accepted; 1 a node did something else, or an invariant is broken; 2 the trace\n"
		"is not whole, or wrong usage.\n");
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "bug", required_argument, NULL, 'b' },
		{ "bugs", no_argument, NULL, 'B' },
		{ "trace", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
		switch (c) {
		case 'b':
			if (bug_plant(optarg))
				break;
			fprintf(stderr, "kqreplay: --bug %s: --bugs lists them\n", optarg);
			return 2;
		case 'B':
			bug_list(stdout);
			return 0;
		case 'v':
			opt.trace = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		usage(stderr);
		return 2;
	}
	timeline_child(true, -1);
	sim_timeline.shown = 30;
	sim_timeline.around = trace_around;
	trace_read(argv[optind]);
	if (!life_count)
		trace_bad(0, "no event of kquorum_call in it");
	replay();
	return 0;
}
