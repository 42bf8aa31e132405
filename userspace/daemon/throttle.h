/* SPDX-License-Identifier: GPL-2.0 */
/*
 * At most so many bytes per second; no I/O.
 */
#ifndef KQD_THROTTLE_H
#define KQD_THROTTLE_H

#include <stdint.h>

struct kqd_throttle {
	uint64_t free_ns;	/* when all that was taken is paid for */
};

uint64_t kqd_throttle_wait(const struct kqd_throttle *t, uint64_t now_ns);
void kqd_throttle_take(struct kqd_throttle *t, uint64_t rate, uint64_t now_ns, uint64_t bytes);

#endif /* KQD_THROTTLE_H */
