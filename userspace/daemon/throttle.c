// SPDX-License-Identifier: GPL-2.0
/*
 * A bucket: what was not used in the last tenth of a second may be made up for, not more, so that
 * a stall is not followed by a burst that others feel.
 */
#include "throttle.h"

#define THROTTLE_BURST_NS	100000000ULL

/**
 * kqd_throttle_wait() - how long until the next piece may go?
 * @t: the bucket, zeroed at first
 * @now_ns: the clock
 *
 * Return: nanoseconds, 0: now.
 */
uint64_t kqd_throttle_wait(const struct kqd_throttle *t, uint64_t now_ns)
{
	return t->free_ns > now_ns ? t->free_ns - now_ns : 0;
}

/**
 * kqd_throttle_take() - a piece goes
 * @t: the bucket
 * @rate: bytes per second, 0: as many as there are
 * @now_ns: the clock
 * @bytes: of the piece, less than 4 GiB
 */
void kqd_throttle_take(struct kqd_throttle *t, uint64_t rate, uint64_t now_ns, uint64_t bytes)
{
	uint64_t least = now_ns > THROTTLE_BURST_NS ? now_ns - THROTTLE_BURST_NS : 0;

	if (!rate) {
		t->free_ns = 0;
		return;
	}
	if (t->free_ns < least)
		t->free_ns = least;
	t->free_ns += bytes * 1000000000ULL / rate;
}
