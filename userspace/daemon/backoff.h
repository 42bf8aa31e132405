/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting between two attempts: doubling, with jitter, up to a bound.
 */
#ifndef KQD_BACKOFF_H
#define KQD_BACKOFF_H

#include <stdint.h>

struct kqd_backoff {
	uint64_t first_ns;
	uint64_t last_ns;	/* the bound */
	uint64_t next_ns;	/* the next wait, before jitter */
};

void kqd_backoff_init(struct kqd_backoff *b, uint64_t first_ns, uint64_t last_ns);
void kqd_backoff_reset(struct kqd_backoff *b);
uint64_t kqd_backoff_wait(struct kqd_backoff *b, uint64_t random);

#endif /* KQD_BACKOFF_H */
