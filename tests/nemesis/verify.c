// SPDX-License-Identifier: GPL-2.0
/*
 * Judges what clients saw of a cluster: the history, and the logs of all nodes at the end.
 * Prints "holds: ..." or "BROKEN: ..." for each property, and what was seen. Exit 1: one is broken.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "linear.h"
#include "report.h"

#define LOGS_MAX 16
#define COMPLAINTS_MAX 5	/* of a kind; the rest is counted */

static struct history history;
static struct log logs[LOGS_MAX];
static size_t log_count;
static bool broken;

static size_t complaints;

#define complain(...) do { \
	if (complaints++ < COMPLAINTS_MAX) { \
		printf("# "); \
		printf(__VA_ARGS__); \
		printf("\n"); \
	} \
} while (0)

static void judged(const char *what)
{
	printf("%s: %s\n", complaints ? "BROKEN" : "holds", what);
	broken |= !!complaints;
	complaints = 0;
}

/* --- the logs ------------------------------------------------------------------------- */

/* Of appends in effect, by text. */
static const struct log_entry **by_text;
static size_t text_count;

static int compare_text(const void *a, const void *b)
{
	const struct log_entry *const *x = a, *const *y = b;
	int c = strcmp((*x)->text, (*y)->text);

	return c ? c : (*x)->index < (*y)->index ? -1 : (*x)->index > (*y)->index;
}

static const struct log_entry *entry_of_text(const char *text)
{
	size_t low = 0, high = text_count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(by_text[mid]->text, text);

		if (!c)
			return by_text[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static void logs_are_the_same(void)
{
	size_t l, i, shortest = logs[0].count;

	for (l = 1; l < log_count; l++)
		if (logs[l].count < shortest)
			shortest = logs[l].count;
	for (l = 0; l < log_count; l++)
		for (i = 0; i < shortest; i++)
			if (memcmp(&logs[l].entry[i], &logs[0].entry[i], sizeof(struct log_entry)))
				complain("%s and %s differ at index %zu", logs[0].name, logs[l].name, i + 1);
	if (!shortest)
		complain("a log is empty");
	judged("the logs of all nodes are the same");
}

static void index_texts(void)
{
	const struct log *l = &logs[0];
	size_t i;

	by_text = calloc(l->count + 1, sizeof(*by_text));
	if (!by_text)
		abort();
	for (i = 0; i < l->count; i++)
		if (l->entry[i].effect && strcmp(l->entry[i].text, "-"))
			by_text[text_count++] = &l->entry[i];
	qsort(by_text, text_count, sizeof(*by_text), compare_text);
}

static void acknowledged_is_durable(void)
{
	size_t i, l, count = 0;

	for (i = 0; i < history.count; i++) {
		const struct op *op = &history.op[i];

		if (op->kind != APPEND || op->outcome != OK)
			continue;
		count++;
		for (l = 0; l < log_count; l++) {
			const struct log_entry *e = op->index && op->index <= logs[l].count ?
				&logs[l].entry[op->index - 1] : NULL;

			if (!e || e->term != op->term || !e->effect || strcmp(e->text, op->text))
				complain("%s was acknowledged at index %" PRIu64 " term %" PRIu64 "; in %s there is %s",
					 op->text, op->index, op->term, logs[l].name, e ? e->text : "nothing");
		}
	}
	if (!count)
		complain("nothing was acknowledged: this shows nothing");
	judged("every acknowledged append is in every log, where it was said to be");
}

static void nothing_counts_twice(void)
{
	size_t i;

	for (i = 1; i < text_count; i++)
		if (!strcmp(by_text[i]->text, by_text[i - 1]->text))
			complain("%s counts at index %" PRIu64 " and at %" PRIu64, by_text[i]->text,
				 by_text[i - 1]->index, by_text[i]->index);
	for (i = 0; i < history.count; i++) {
		const struct op *op = &history.op[i];

		if (op->kind == APPEND && op->outcome == FAILED && entry_of_text(op->text))
			complain("%s was refused, and is in the log", op->text);
	}
	judged("nothing counts twice, what was refused does not count");
}

/* --- linearizability -------------------------------------------------------------------- */

static void event_add(struct event **events, size_t *count, struct event e)
{
	*events = grown(*events, *count, sizeof(**events));
	(*events)[(*count)++] = e;
}

static void show_op(size_t at)
{
	const struct op *op = &history.op[at];
	char ret[24] = "never answered";

	if (op->ret != NEVER)
		snprintf(ret, sizeof(ret), "%.6f", op->ret / 1e6);
	printf("#   %-6s %.6f .. %s %s %s %s %" PRIu64 "\n", op->client, op->call / 1e6, ret,
	       kind_name[op->kind], op->kind == APPEND ? op->text : op->key, outcome_name[op->outcome],
	       op->kind == APPEND ? op->index : op->token);
}

static void check_object(const char *name, const struct event *events, size_t count)
{
	size_t reached, stuck, i;
	enum verdict v = linear_check(events, count, &reached, &stuck);

	if (v == LINEAR)
		return;
	complain("%s: %s; an order was found for %zu of %zu, then this did not fit:", name,
		 v == UNDECIDED ? "the search became too long" : "no order explains the answers", reached,
		 count);
	if (complaints > 1)
		return;
	show_op(events[stuck].op);
	printf("# what was under way near it:\n");
	for (i = 0; i < count; i++)
		if (i != stuck && events[i].call <= history.op[events[stuck].op].ret &&
		    (events[i].ret == NEVER ? events[i].call : events[i].ret) + 5000000 >=
		    history.op[events[stuck].op].call)
			show_op(events[i].op);
}

static int by_index(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

static void appends_are_linearizable(void)
{
	struct event *events = NULL;
	size_t count = 0, i, n;
	char text[100];

	for (i = 0; i < history.count; i++) {
		const struct op *op = &history.op[i];
		const struct log_entry *e = op->kind == APPEND ? entry_of_text(op->text) : NULL;

		/* One without an answer that is in the log has happened, at some time after its call. */
		if (e)
			event_add(&events, &count, (struct event){ .call = op->call,
				.ret = op->outcome == OK ? op->ret : NEVER - 1, .step = STEP_ENTRY,
				.value = e->index, .op = i });
	}
	/* The log says the order: only the n-th may come as n-th. */
	if (count)
		qsort(events, count, sizeof(*events), by_index);
	for (n = 0; n < count; n++)
		events[n].value = n + 1;
	check_object("append", events, count);
	free(events);
	snprintf(text, sizeof(text), "%zu appends are linearizable", count);
	judged(text);
}

/* What a client saw of a lock, as steps of the model. */
static void lock_events(struct event **events, size_t *count, size_t i)
{
	const struct op *op = &history.op[i];
	struct event e = { .call = op->call, .ret = op->ret, .op = i, .value = op->token };

	switch (op->kind) {
	case LOCK:
		if (op->outcome == BUSY) {
			e.step = STEP_BUSY;
			event_add(events, count, e);
			return;
		}
		/* Without an answer it may have been granted, and given back, at any time. */
		if (op->outcome != OK) {
			e.value = GHOST | i;
			e.ret = NEVER;
		}
		e.step = STEP_GRANT;
		event_add(events, count, e);
		e.step = STEP_FREE;
		e.ret = NEVER;
		event_add(events, count, e);
		return;
	case HELD:
	case UNLOCK:
		e.step = STEP_HELD;
		if (op->outcome == OK)
			event_add(events, count, e);
		return;
	default:
		return;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct op *x = &history.op[*(const size_t *)a], *y = &history.op[*(const size_t *)b];
	int c = strcmp(x->key, y->key);

	return c ? c : x->call < y->call ? -1 : x->call > y->call;
}

static void locks_are_linearizable(void)
{
	size_t *order = calloc(history.count + 1, sizeof(*order)), n = 0, i, grants = 0, names = 0;
	struct event *events = NULL;
	size_t count = 0;
	char text[120];

	if (!order)
		abort();
	for (i = 0; i < history.count; i++)
		if (history.op[i].kind != APPEND)
			order[n++] = i;
	qsort(order, n, sizeof(*order), by_key);
	for (i = 0; i < n; i++) {
		const struct op *op = &history.op[order[i]];

		grants += op->kind == LOCK && op->outcome == OK;
		lock_events(&events, &count, order[i]);
		if (i + 1 < n && !strcmp(op->key, history.op[order[i + 1]].key))
			continue;
		check_object(op->key, events, count);
		names++;
		free(events);
		events = NULL;
		count = 0;
	}
	free(order);
	if (!grants)
		complain("no lock was granted: this shows nothing");
	snprintf(text, sizeof(text), "%zu grants of %zu locks are linearizable: one holder, tokens rise",
		 grants, names);
	judged(text);
}

/* ---------------------------------------------------------------------------------------- */

static const char usage[] =
	"Usage: verify [--faults FILE --election-ms N] HISTORY LOG...\n"
	"Judges the HISTORY that tests/nemesis/clients wrote and the LOG of each node that a worker\n"
	"printed. --faults: what scripts did meanwhile, for the report of fail-overs.\n"
	"Exit: 0 all holds, 1 something is broken, 2 wrong usage or an unreadable file.\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "faults", required_argument, NULL, 'f' },
		{ "election-ms", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *faults = NULL;
	uint64_t election_ms = 1000;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			faults = optarg;
			break;
		case 'e':
			election_ms = strtoull(optarg, NULL, 10);
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (argc - optind < 2 || argc - optind > LOGS_MAX || !election_ms) {
		fputs(usage, stderr);
		return 2;
	}
	if (history_read(&history, argv[optind++]))
		return 2;
	for (; optind < argc; optind++)
		if (log_read(&logs[log_count++], argv[optind]))
			return 2;
	index_texts();
	logs_are_the_same();
	acknowledged_is_durable();
	nothing_counts_twice();
	appends_are_linearizable();
	locks_are_linearizable();
	report_operations(&history);
	report_stall(&history, election_ms);
	if (faults && report_faults(&history, faults, election_ms))
		return 2;
	return broken;
}
