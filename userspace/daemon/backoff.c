// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting between two attempts. Half of each wait is drawn, so that nodes that
 * lost the same peer at the same moment do not come back in step.
 */
#include "backoff.h"

/**
 * kqd_backoff_init() - begin with the shortest wait
 * @b: to be filled
 * @first_ns: first wait, nanoseconds
 * @last_ns: no wait is longer
 */
void kqd_backoff_init(struct kqd_backoff *b, uint64_t first_ns, uint64_t last_ns)
{
	b->first_ns = first_ns ? first_ns : 1;
	b->last_ns = last_ns > b->first_ns ? last_ns : b->first_ns;
	b->next_ns = b->first_ns;
}

/**
 * kqd_backoff_reset() - the attempt held: the next wait is the shortest again
 * @b: the back-off
 */
void kqd_backoff_reset(struct kqd_backoff *b)
{
	b->next_ns = b->first_ns;
}

/**
 * kqd_backoff_wait() - how long to wait now, and longer the next time
 * @b: the back-off
 * @random: any random number
 *
 * Return: nanoseconds, from half the present wait to all of it.
 */
uint64_t kqd_backoff_wait(struct kqd_backoff *b, uint64_t random)
{
	uint64_t half = b->next_ns / 2, wait = half + random % (b->next_ns - half + 1);

	b->next_ns = b->next_ns > b->last_ns / 2 ? b->last_ns : b->next_ns * 2;
	return wait;
}
