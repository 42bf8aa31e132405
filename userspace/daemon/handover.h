/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When a leader hands over to one that should lead rather (prefer.h). A node that comes and goes
 * must not take the cluster with it: it has to be steady for a while, and for longer each time that
 * leadership came back soon. A witness does not wait, the first time. Without any I/O.
 */
#ifndef KQD_HANDOVER_H
#define KQD_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

struct kqd_handover_input {
	uint64_t now_ns;	/* any monotonic clock */
	uint32_t election_ms;
	bool leads;		/* and has a quorum; nothing else is under way */
	bool witness;		/* this node is one */
	uint32_t successor;	/* kqd_prefer_successor() */
};

struct kqd_handover {
	uint32_t to;		/* who could take over; 0: nobody */
	uint64_t since_ns;	/* since when it could */
	uint64_t gave_ns;	/* when this node handed over last; 0: never */
	unsigned int often;	/* how often in a row */
};

uint32_t kqd_handover_step(struct kqd_handover *h, const struct kqd_handover_input *in,
			   uint64_t *next_ns);

#endif /* KQD_HANDOVER_H */
