/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which node should lead. A higher priority goes before a lower one, and whoever leads for good
 * before a witness. Without any I/O, so that the simulator runs the very same code. It decides
 * when, never whether: a node that nobody prefers leads all the same if the others cannot.
 */
#ifndef KQD_PREFER_H
#define KQD_PREFER_H

#include <stdbool.h>
#include <stdint.h>

/* A voter, as one node sees it. */
struct kqd_voter {
	uint32_t id;
	uint32_t priority;
	bool witness;
	bool there;		/* connected; of the node itself: always */
	bool current;		/* as its leader knows: it works, and keeps up with the log */
};

bool kqd_prefer(const struct kqd_voter *a, const struct kqd_voter *b);
uint64_t kqd_prefer_yield_ns(const struct kqd_voter *voters, unsigned int n, uint32_t self,
			     uint32_t election_ms);
uint32_t kqd_prefer_successor(const struct kqd_voter *voters, unsigned int n, uint32_t self);

#endif /* KQD_PREFER_H */
