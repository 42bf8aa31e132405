/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Latencies, and their percentiles.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct samples - zeroed to begin with
 * @ns: nanoseconds each
 * @count: how many
 * @room: for how many there is memory
 * @sorted: the first so many are sorted
 */
struct samples {
	uint64_t *ns;
	size_t count, room, sorted;
};

void samples_add(struct samples *s, uint64_t ns);
void samples_append(struct samples *s, const struct samples *more);
double samples_percentile_us(struct samples *s, unsigned int permille);
void samples_print_json(struct samples *s, const char *prefix);

#endif /* SAMPLES_H */
