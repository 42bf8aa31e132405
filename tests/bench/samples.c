// SPDX-License-Identifier: GPL-2.0
/* Latencies, and their percentiles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"

/* Room for so many at least; without memory the program ends. */
static void samples_room(struct samples *s, size_t room)
{
	if (room <= s->room)
		return;
	s->ns = realloc(s->ns, room * sizeof(*s->ns));
	if (!s->ns)
		abort();
	s->room = room;
}

/**
 * samples_add() - one more
 * @s: the samples
 * @ns: nanoseconds
 */
void samples_add(struct samples *s, uint64_t ns)
{
	if (s->count == s->room)
		samples_room(s, s->room ? 2 * s->room : 4096);
	s->ns[s->count++] = ns;
}

/**
 * samples_append() - all of another set
 * @s: the samples
 * @more: copied
 */
void samples_append(struct samples *s, const struct samples *more)
{
	samples_room(s, s->count + more->count);
	if (more->count)
		memcpy(s->ns + s->count, more->ns, more->count * sizeof(*s->ns));
	s->count += more->count;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/**
 * samples_percentile_us() - the smallest sample that at least @permille do not exceed
 * @s: the samples; gets sorted
 * @permille: 500 is the median
 *
 * Return: microseconds; 0 without samples.
 */
double samples_percentile_us(struct samples *s, unsigned int permille)
{
	size_t rank = (s->count * permille + 999) / 1000;

	if (!s->count)
		return 0;
	if (s->sorted != s->count) {
		qsort(s->ns, s->count, sizeof(*s->ns), compare);
		s->sorted = s->count;
	}
	return s->ns[rank ? rank - 1 : 0] / 1e3;
}

/**
 * samples_print_json() - the percentiles as members of an object, without braces
 * @s: the samples
 * @prefix: before each name
 */
void samples_print_json(struct samples *s, const char *prefix)
{
	static const struct { const char *name; unsigned int permille; } marks[] = {
		{ "p50_us", 500 }, { "p99_us", 990 }, { "p999_us", 999 }, { "max_us", 1000 },
	};
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		printf("%s\"%s%s\":%.1f", i ? "," : "", prefix, marks[i].name,
		       samples_percentile_us(s, marks[i].permille));
}
