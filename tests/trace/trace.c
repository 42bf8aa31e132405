// SPDX-License-Identifier: GPL-2.0
/*
 * The text of a trace, as /sys/kernel/tracing/trace_pipe gives it: which node did what. Whatever
 * order the lines have, those of a life are numbered (life, step, part): they are sorted, and what
 * is missing is an error.
 */
#include <stdarg.h>
#include "replay.h"

struct life *lives;
size_t life_count;

static char **lines;		/* from 1; of the whole file, for trace_around() */
static size_t line_count, line_room;

/* The trace itself cannot be used. */
void trace_bad(u64 line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s:%llu: ", sim_timeline.file, (unsigned long long)line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

/* The lines of the trace about the one that is being replayed. */
void trace_around(void)
{
	u64 i, at = sim_timeline.line, from = at > 6 ? at - 6 : 1;

	fprintf(stderr, "# the trace there:\n");
	for (i = from; i <= at + 3 && i <= line_count; i++)
		fprintf(stderr, "%s %6llu %.200s%s\n", i == at ? ">" : " ", (unsigned long long)i,
			lines[i], strlen(lines[i]) > 200 ? "..." : "");
}

static const char *keep_line(const char *text)
{
	if (line_count + 1 >= line_room) {
		line_room = line_room ? 2 * line_room : 4096;
		lines = realloc(lines, line_room * sizeof(*lines));
		if (!lines)
			abort();
	}
	lines[++line_count] = strdup(text);
	if (!lines[line_count])
		abort();
	return lines[line_count];
}

/* The number behind " NAME=". */
static u64 number(const struct event *e, const char *name)
{
	size_t len = strlen(name);
	const char *p = e->text;
	char *end;
	u64 x;

	while ((p = strchr(p, ' '))) {
		p++;
		if (strncmp(p, name, len) || p[len] != '=')
			continue;
		x = strtoull(p + len + 1, &end, 10);
		if (end != p + len + 1)
			return x;
	}
	trace_bad(e->line, "no %s= in this line", name);
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_bytes(struct event *e)
{
	const char *hex = strrchr(e->text, ' ') + 1;
	size_t i, len = strlen(hex);

	e->bytes = sim_calloc(1, len / 2 + 1);
	for (i = 0; i + 1 < len; i += 2) {
		int hi = nibble(hex[i]), lo = nibble(hex[i + 1]);

		if (hi < 0 || lo < 0)
			break;
		e->bytes[i / 2] = hi << 4 | lo;
	}
	if (i != len || !len)
		trace_bad(e->line, "the bytes are cut off");
	e->len = len / 2;
}

/* What is called, or what came out: the word behind the clock. */
static void read_item(struct event *e)
{
	const char *p = strstr(e->text, " now=");

	p = p ? strchr(p + 1, ' ') : NULL;
	if (!p || sscanf(p, " %15s", e->what) != 1)
		trace_bad(e->line, "no call in this line");
	e->a = number(e, "a");
	e->b = number(e, "b");
	e->c = number(e, "c");
	e->d = number(e, "d");
}

static struct life *life_of(u64 number, u32 node)
{
	size_t i;

	for (i = 0; i < life_count; i++)
		if (lives[i].life == number)
			return &lives[i];
	lives = realloc(lives, (life_count + 1) * sizeof(*lives));
	if (!lives)
		abort();
	lives[life_count] = (struct life){ .life = number, .node = node };
	return &lives[life_count++];
}

static struct event *life_add(struct life *l)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->events = realloc(l->events, l->room * sizeof(*l->events));
		if (!l->events)
			abort();
	}
	memset(&l->events[l->count], 0, sizeof(*l->events));
	return &l->events[l->count++];
}

static void read_line(const char *text)
{
	static const struct {
		const char *name;
		enum event_kind kind;
	} kinds[] = {
		{ ": kquorum_call:", EVENT_CALL },
		{ ": kquorum_out:", EVENT_OUT },
		{ ": kquorum_bytes:", EVENT_BYTES },
		{ ": kquorum_end:", EVENT_END },
	};
	struct event head = { .line = line_count }, *e;
	const char *p = NULL;
	size_t i;

	/* CPU:1 [LOST 12 EVENTS] */
	if (strstr(text, "[LOST ") && !strstr(text, ": kquorum_"))
		trace_bad(line_count, "events were lost: %s; a larger buffer_size_kb helps", text);
	for (i = 0; i < ARRAY_SIZE(kinds) && !p; i++)
		p = strstr(text, kinds[i].name);
	if (!p)
		return;		/* of another tracepoint, or for people */
	head.kind = kinds[i - 1].kind;
	head.text = p + strlen(kinds[i - 1].name);
	e = life_add(life_of(number(&head, "life"), number(&head, "node")));
	*e = head;
	e->step = number(e, "step");
	e->part = number(e, "part");
	if (e->kind == EVENT_BYTES)
		read_bytes(e);
	else
		e->now = number(e, "now");
	if (e->kind == EVENT_CALL || e->kind == EVENT_OUT)
		read_item(e);
}

static int in_order(const void *x, const void *y)
{
	const struct event *a = x, *b = y;

	if (a->step != b->step)
		return a->step < b->step ? -1 : 1;
	return a->part == b->part ? 0 : a->part < b->part ? -1 : 1;
}

/* The core is not touched: no "end" follows. */
static bool is_whole(const struct event *e)
{
	return e->kind == EVENT_END || (e->kind == EVENT_CALL &&
		(!strcmp(e->what, "create") || !strcmp(e->what, "founder") ||
		 !strcmp(e->what, "disk-late") ||
		 (!strcmp(e->what, "down") && e->a)));
}

/* Moves what the pieces have into their call. Each is checked to be there. */
static void gather(struct life *l)
{
	struct event *call = NULL, *to = l->events;
	size_t i;

	for (i = 0; i < l->count; i++) {
		struct event *e = &l->events[i];

		if (e->kind != EVENT_BYTES) {
			if (call && call->len != call->d)
				trace_bad(call->line, "of its %llu bytes %u are there",
					  (unsigned long long)call->d, call->len);
			*to = *e;
			call = e->kind == EVENT_CALL ? to : NULL;
			to++;
			continue;
		}
		if (!call || number(e, "at") != call->len)
			trace_bad(e->line, "bytes that belong to no call");
		call->bytes = realloc(call->bytes, call->len + e->len);
		if (!call->bytes)
			abort();
		memcpy(call->bytes + call->len, e->bytes, e->len);
		call->len += e->len;
		free(e->bytes);
	}
	l->count = to - l->events;
}

static void check_next(const struct life *l, const struct event *last, bool ended,
		       const struct event *e)
{
	bool same = e->step == last->step && e->part == last->part + 1 && !ended;
	bool next = e->step == last->step + 1 && !e->part && ended;

	/* Of a call that is whole by itself only the bytes follow in its step. */
	if (same || next || (e->kind == EVENT_BYTES && e->step == last->step &&
			     e->part == last->part + 1))
		return;
	trace_bad(e->line, "events were lost: step %llu part %u of node %u follows step %llu part %u",
		  (unsigned long long)e->step, e->part, l->node, (unsigned long long)last->step,
		  last->part);
}

/* In order, from the first step on, without a gap. What is begun and not ended is left out. */
static void complete(struct life *l)
{
	struct event *e = l->events;
	size_t i, whole = 0;
	bool ended = false;

	qsort(e, l->count, sizeof(*e), in_order);
	if (e->step != 1 || e->part || strcmp(e->what, "create"))
		trace_bad(e->line, "the trace of node %u begins in the middle, with step %llu: switch it on before the node starts",
			  l->node, (unsigned long long)e->step);
	for (i = 0; i < l->count; i++) {
		if (i)
			check_next(l, &e[i - 1], ended, &e[i]);
		if (e[i].kind != EVENT_BYTES)
			ended = is_whole(&e[i]);
		if (ended)
			whole = i + 1;
	}
	l->count = whole;
	gather(l);
	/* Of one that was made and never launched, for another was there, no more is known. */
	l->cut = l->count > 1;
	for (i = 0; i < l->count; i++)
		if (e[i].kind == EVENT_CALL && !strcmp(e[i].what, "down"))
			l->cut = false;
}

static int by_number(const void *x, const void *y)
{
	const struct life *a = x, *b = y;

	return a->life < b->life ? -1 : a->life > b->life;
}

/**
 * trace_read() - all lives in a file
 * @path: the file
 *
 * Does not return when the trace is not whole.
 */
void trace_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, i;
	ssize_t len;

	if (!f) {
		perror(path);
		exit(2);
	}
	sim_timeline.file = path;
	while ((len = getline(&line, &room, f)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = 0;
		read_line(keep_line(line));
	}
	free(line);
	fclose(f);
	for (i = 0; i < life_count; i++)
		complete(&lives[i]);
	qsort(lives, life_count, sizeof(*lives), by_number);
}

/**
 * event_word() - one of the 64-bit numbers that an event brings
 * @e: the event
 * @i: which
 *
 * Return: the number; 0 behind the last.
 */
u64 event_word(const struct event *e, u32 i)
{
	__le64 x = 0;

	if ((i + 1) * sizeof(x) <= e->len)
		memcpy(&x, e->bytes + i * sizeof(x), sizeof(x));
	return le64_to_cpu(x);
}

/**
 * life_next() - the next event that has not been run
 * @l: the life
 *
 * Return: it, or NULL.
 */
struct event *life_next(struct life *l)
{
	return l->at < l->count ? &l->events[l->at] : NULL;
}
