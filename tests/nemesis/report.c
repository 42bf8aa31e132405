// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define FAULT_KINDS 32

void report_operations(const struct history *h)
{
	size_t seen[KINDS][OUTCOMES] = { 0 }, i;
	uint64_t from = NEVER, to = 0;
	int k, o;

	for (i = 0; i < h->count; i++) {
		seen[h->op[i].kind][h->op[i].outcome]++;
		if (h->op[i].call < from)
			from = h->op[i].call;
		if (h->op[i].call > to)
			to = h->op[i].call;
	}
	printf("# %zu operations in %.0f s\n", h->count, h->count ? (to - from) / 1e6 : 0);
	for (k = 0; k < KINDS; k++) {
		printf("# %-8s", kind_name[k]);
		for (o = 0; o < OUTCOMES; o++)
			if (seen[k][o])
				printf(" %zu %s", seen[k][o], outcome_name[o]);
		printf("\n");
	}
}

static int by_return(const void *a, const void *b)
{
	const struct op *const *x = a, *const *y = b;

	return (*x)->ret < (*y)->ret ? -1 : (*x)->ret > (*y)->ret;
}

/* Acknowledged appends in order of their answers. */
static const struct op **answers(const struct history *h, size_t *count)
{
	const struct op **ops = calloc(h->count + 1, sizeof(*ops));
	size_t i;

	if (!ops)
		abort();
	*count = 0;
	for (i = 0; i < h->count; i++)
		if (h->op[i].kind == APPEND && h->op[i].outcome == OK)
			ops[(*count)++] = &h->op[i];
	qsort(ops, *count, sizeof(*ops), by_return);
	return ops;
}

/* How long nobody's append was answered. What the handle of a lock says is no answer of the cluster. */
void report_stall(const struct history *h, uint64_t election_ms)
{
	uint64_t longest = 0;
	size_t count, i;
	const struct op **ops = answers(h, &count);

	for (i = 1; i < count; i++)
		if (ops[i]->ret - ops[i - 1]->ret > longest)
			longest = ops[i]->ret - ops[i - 1]->ret;
	printf("# longest time without an answer: %.1f election timeouts (of %" PRIu64 " ms)\n",
	       longest / 1e3 / election_ms, election_ms);
	free(ops);
}

/*
 * From when the leader was struck until the first answer of a later term. 0: it went on leading, or
 * there is no such answer. @next: gets the moment of that answer.
 */
static uint64_t fail_over(const struct op **ops, size_t count, uint64_t struck, uint64_t *next)
{
	uint64_t term = 0;
	size_t i;

	for (i = 0; i < count && ops[i]->ret <= struck; i++)
		if (ops[i]->term > term)
			term = ops[i]->term;
	for (; i < count; i++) {
		*next = ops[i]->ret;
		if (ops[i]->term > term)
			return ops[i]->ret - struck;
		if (ops[i]->call > struck)
			return 0;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* @path: lines "MS start|end KIND TARGET [leader]", of the clock of the history. */
int report_faults(const struct history *h, const char *path, uint64_t election_ms)
{
	struct { char name[24]; size_t count, of_leader; } kind[FAULT_KINDS] = { 0 };
	size_t kinds = 0, lengths = 0, count, k;
	uint64_t *length = NULL, ms, until = 0;
	char line[256], what[8], name[24], target[64], leader[8];
	const struct op **ops = answers(h, &count);
	FILE *f = fopen(path, "r");

	if (!f) {
		fprintf(stderr, "verify: %s: %s\n", path, strerror(errno));
		free(ops);
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		int n = sscanf(line, "%" SCNu64 " %7s %23s %63s %7s", &ms, what, name, target, leader);
		uint64_t next = 0, took;

		if (n < 4 || strcmp(what, "start"))
			continue;
		for (k = 0; k < kinds && strcmp(kind[k].name, name); k++)
			;
		if (k == FAULT_KINDS)
			continue;
		if (k == kinds)
			strcpy(kind[kinds++].name, name);
		kind[k].count++;
		if (n < 5)
			continue;
		kind[k].of_leader++;
		/* struck again before another led: one fail-over, from the first blow */
		if (ms * 1000 < until)
			continue;
		took = fail_over(ops, count, ms * 1000, &next);
		if (!took)
			continue;
		until = next;
		length = grown(length, lengths, sizeof(*length));
		length[lengths++] = took;
	}
	fclose(f);
	for (k = 0; k < kinds; k++)
		printf("# fault %-12s %4zu, %zu of the leader\n", kind[k].name, kind[k].count,
		       kind[k].of_leader);
	if (lengths) {
		qsort(length, lengths, sizeof(*length), by_size);
		printf("# %zu fail-overs, from the blow to the first answer of a later term: median %.1f, worst %.1f\n"
		       "# election timeouts (of %" PRIu64 " ms)\n", lengths,
		       length[lengths / 2] / 1e3 / election_ms, length[lengths - 1] / 1e3 / election_ms,
		       election_ms);
	} else {
		printf("# no fail-over\n");
	}
	free(length);
	free(ops);
	return 0;
}
