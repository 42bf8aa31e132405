/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When to stand for election: the daemon's only decision about leadership,
 * without any I/O, so that the simulator runs the very same code. The kernel
 * decides whether: asking at a wrong moment costs time, never safety.
 */
#ifndef KQD_ELECT_H
#define KQD_ELECT_H

#include <stdbool.h>
#include <stdint.h>

/* What the module's status says, in its own words (include/uapi/linux/kquorum.h). */
struct kqd_elect_input {
	uint64_t now_ns;	/* any monotonic clock */
	uint32_t election_ms;	/* the shortest election timeout; 0: as it was */
	uint32_t state;		/* enum kquorum_node_state */
	uint32_t role;		/* enum kquorum_role */
	uint32_t canvass;	/* enum kquorum_canvass; _RUNNING as soon as it was asked for */
	uint64_t term;
	uint32_t leader;	/* 0: none known */
	uint64_t silence_ns;	/* since the leader was heard of; UINT64_MAX: never */
	uint64_t wait_left_ns;	/* a restarted node may not stand before */
	uint64_t yield_ns;	/* others should rather lead: kqd_prefer_yield_ns() */
	bool may_win;		/* it is eligible, and connected with a majority */
	bool carrier_lost;	/* the leader's link is known to be down: no need to wait */
};

enum kqd_elect_action {
	KQD_ELECT_NOTHING,
	KQD_ELECT_CANVASS,
	KQD_ELECT_CAMPAIGN,
};

struct kqd_elect {
	uint32_t election_ms;	/* the shortest election timeout */
	uint64_t random;	/* state of the generator */
	uint64_t timeout_ns;	/* drawn for the present silence */
	uint64_t not_before_ns;	/* back-off after a lost attempt */
	uint64_t asked_ns;	/* when the canvass or campaign under way was asked for; 0: none */
	uint64_t campaign_ns;	/* when a campaign was asked for, after a won canvass; 0: none */
	uint64_t term;		/* term seen last; UINT64_MAX: none yet */
	uint32_t lost;		/* attempts lost in a row */
};

void kqd_elect_init(struct kqd_elect *e, uint32_t election_ms, uint64_t seed);
enum kqd_elect_action kqd_elect_step(struct kqd_elect *e, const struct kqd_elect_input *in,
				     uint64_t *next_ns);

#endif /* KQD_ELECT_H */
