// SPDX-License-Identifier: GPL-2.0
/*
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory
 * of Lowe ("Testing for linearizability", 2017): calls and returns in order of time; an operation
 * that the model allows is taken out and the search goes on from the start of what is left; at the
 * return of one that was not taken, the last choice is undone. A set of operations that were
 * taken, with the state they led to, is not tried twice.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "linear.h"

#define STATES_MAX 5000000	/* then it is given up, which is no success */

struct mark {			/* a call, or a return */
	uint64_t time;
	size_t event;
	bool is_return;
	struct mark *prev, *next, *other;
};

struct seen {
	uint64_t set[2];
	struct state state;
};

struct search {
	const struct event *events;
	struct mark *marks, head;
	struct mark **stack;
	struct seen *before;	/* what each choice on the stack changed */
	size_t depth, states;
	void *tree;
};

static bool step(const struct event *e, struct state *s)
{
	switch (e->step) {
	case STEP_ENTRY:
		if (e->value != s->last + 1)
			return false;
		s->last = e->value;
		return true;
	case STEP_GRANT:
		if (s->holder || (!(e->value & GHOST) && e->value <= s->last))
			return false;
		s->holder = e->value;
		if (!(e->value & GHOST))
			s->last = e->value;
		return true;
	case STEP_FREE:
		if (s->holder != e->value)
			return false;
		s->holder = 0;
		return true;
	case STEP_HELD:
		return s->holder == e->value;
	case STEP_BUSY:
		return s->holder;
	}
	return false;
}

/* A random number per operation: the sum of those of a set stands for the set. */
static uint64_t random_of(size_t event, uint64_t salt)
{
	uint64_t z = (event + 1) * 0x9e3779b97f4a7c15ULL + salt;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int by_time(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	/* at the same moment they overlap: calls come first */
	if (x->is_return != y->is_return)
		return x->is_return ? 1 : -1;
	return x->event < y->event ? -1 : x->event > y->event;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct seen));
}

/* True when set and state are new. */
static bool remember(struct search *s, const struct seen *seen)
{
	struct seen *copy = malloc(sizeof(*copy));
	struct seen **found;

	if (!copy)
		abort();
	*copy = *seen;
	found = tsearch(copy, &s->tree, by_bytes);
	if (!found)
		abort();
	if (*found != copy) {
		free(copy);
		return false;
	}
	s->states++;
	return true;
}

static void out(struct mark *m)
{
	m->prev->next = m->next;
	if (m->next)
		m->next->prev = m->prev;
}

static void back(struct mark *m)
{
	m->prev->next = m;
	if (m->next)
		m->next->prev = m;
}

static void prepare(struct search *s, size_t count)
{
	struct mark **call = calloc(count + 1, sizeof(*call)), *at = &s->head;
	size_t n = 0, i;

	s->marks = calloc(2 * count + 1, sizeof(*s->marks));
	s->stack = calloc(count + 1, sizeof(*s->stack));
	s->before = calloc(count + 1, sizeof(*s->before));
	if (!call || !s->marks || !s->stack || !s->before)
		abort();
	for (i = 0; i < count; i++) {
		s->marks[n++] = (struct mark){ .time = s->events[i].call, .event = i };
		if (s->events[i].ret != NEVER)
			s->marks[n++] = (struct mark){ .time = s->events[i].ret, .event = i, .is_return = true };
	}
	qsort(s->marks, n, sizeof(*s->marks), by_time);
	for (i = 0; i < n; i++) {
		struct mark *m = &s->marks[i];

		if (m->is_return) {
			m->other = call[m->event];
			m->other->other = m;
		} else {
			call[m->event] = m;
		}
		m->prev = at;
		at = at->next = m;
	}
	free(call);
}

/**
 * linear_check() - look for an order
 * @events: operations on one object
 * @count: their number
 * @reached: gets the most operations that an order was found for
 * @stuck: gets the operation that could not be placed then
 *
 * Return: whether there is one; UNDECIDED when the search became too long.
 */
enum verdict linear_check(const struct event *events, size_t count, size_t *reached, size_t *stuck)
{
	struct search s = { .events = events };
	enum verdict verdict = LINEAR;
	struct seen now = { 0 };
	size_t needed = 0, i;
	struct mark *m;

	*reached = *stuck = 0;
	prepare(&s, count);
	for (i = 0; i < count; i++)
		needed += events[i].ret != NEVER;
	for (m = s.head.next; needed;) {
		struct seen next = now;

		if (m && !m->is_return) {
			if (!step(&events[m->event], &next.state)) {
				m = m->next;
				continue;
			}
			next.set[0] += random_of(m->event, 1);
			next.set[1] += random_of(m->event, 2);
			if (!remember(&s, &next)) {
				m = m->next;
				continue;
			}
			s.before[s.depth] = now;
			s.stack[s.depth++] = m;
			now = next;
			needed -= !!m->other;
			out(m);
			if (m->other)
				out(m->other);
			m = s.head.next;
		} else {
			if (m && s.depth >= *reached) {
				*reached = s.depth;
				*stuck = m->event;
			}
			if (!s.depth || s.states > STATES_MAX) {
				verdict = s.depth ? UNDECIDED : NOT_LINEAR;
				break;
			}
			m = s.stack[--s.depth];
			now = s.before[s.depth];
			needed += !!m->other;
			if (m->other)
				back(m->other);
			back(m);
			m = m->next;
		}
	}
	tdestroy(s.tree, free);
	free(s.marks);
	free(s.stack);
	free(s.before);
	return verdict;
}
