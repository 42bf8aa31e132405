// SPDX-License-Identifier: GPL-2.0
/* Reads histories and logs; what is not understood is an error with its line. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

const char *const kind_name[KINDS] = { "append", "lock", "held", "unlock" };
const char *const outcome_name[OUTCOMES] = { "ok", "busy", "lost", "failed", "unknown" };

/* Room for one more: @array of @count elements, doubled at each power of two. */
void *grown(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	array = realloc(array, (count ? 2 * count : 1) * size);
	if (!array)
		abort();
	return array;
}

static int number_of(const char *name, const char *const *names, int count)
{
	int i;

	for (i = 0; i < count && strcmp(name, names[i]); i++)
		;
	return i < count ? i : -1;
}

static bool op_read(struct op *op, const char *line)
{
	char ret[24], kind[16], outcome[16], a[48] = "";
	int n, k, o;

	memset(op, 0, sizeof(*op));
	n = sscanf(line, "%15s %" SCNu64 " %23s %15s %47s %15s %47s %" SCNu64 " %" SCNu64, op->client,
		   &op->call, ret, kind, op->key, outcome, a, &op->index, &op->term);
	k = n < 6 ? -1 : number_of(kind, kind_name, KINDS);
	o = n < 6 ? -1 : number_of(outcome, outcome_name, OUTCOMES);
	if (k < 0 || o < 0)
		return false;
	op->kind = k;
	op->outcome = o;
	op->ret = strcmp(ret, "-") ? strtoull(ret, NULL, 10) : NEVER;
	if (op->ret < op->call)
		return false;
	if (op->kind == APPEND) {
		strcpy(op->text, a);
		return n == (op->outcome == OK ? 9 : 7);
	}
	op->token = strtoull(a, NULL, 10);
	return op->outcome != OK || op->token;
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		fprintf(stderr, "verify: %s: %s\n", path, strerror(errno));
	return f;
}

int history_read(struct history *h, const char *path)
{
	FILE *f = open_file(path);
	char line[256];

	memset(h, 0, sizeof(*h));
	while (f && fgets(line, sizeof(line), f)) {
		h->op = grown(h->op, h->count, sizeof(*h->op));
		if (op_read(&h->op[h->count++], line))
			continue;
		fprintf(stderr, "verify: %s:%zu: not an operation: %s", path, h->count, line);
		fclose(f);
		return -1;
	}
	if (f)
		fclose(f);
	return f ? 0 : -1;
}

int log_read(struct log *l, const char *path)
{
	FILE *f = open_file(path);
	bool complete = false;
	char line[256];

	memset(l, 0, sizeof(*l));
	l->name = path;
	while (f && fgets(line, sizeof(line), f)) {
		struct log_entry *e;
		int effect;

		complete = !strcmp(line, "end\n");
		if (complete)
			break;
		l->entry = grown(l->entry, l->count, sizeof(*l->entry));
		e = &l->entry[l->count++];
		memset(e, 0, sizeof(*e));	/* they are compared as they lie in memory */
		if (sscanf(line, "%" SCNu64 " %" SCNu64 " %u %d %47s", &e->index, &e->term, &e->type,
			   &effect, e->text) != 5 || e->index != l->count) {
			fprintf(stderr, "verify: %s:%zu: not the next entry: %s", path, l->count, line);
			fclose(f);
			return -1;
		}
		e->effect = effect;
	}
	if (f)
		fclose(f);
	if (f && !complete)
		fprintf(stderr, "verify: %s: the log is not complete\n", path);
	return complete ? 0 : -1;
}
