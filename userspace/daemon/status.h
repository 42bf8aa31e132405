/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The node's status as the module tells it: all that the daemon knows about
 * the node, read anew each time and never written down.
 */
#ifndef KQD_STATUS_H
#define KQD_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kquorum.h>

struct nlattr;

struct kqd_status_peer {
	uint32_t id;
	char name[KQUORUM_NODE_NAME_MAX + 1];
	bool connected;
	uint64_t incarnation;	/* that was met last, 0: none */
	uint32_t whose;		/* low half of the identity with it */
	uint64_t identity;	/* that the configuration has, 0: no member */
	struct kquorum_past past;	/* of this node, for this peer */
	char reason[128];	/* why the last connection ended */
};

struct kqd_status {
	char cluster[KQUORUM_NODE_NAME_MAX + 1];
	uint32_t node_id;
	uint64_t incarnation;	/* 0: not told, for it is not durable yet */
	uint64_t cluster_id;
	uint64_t cluster_hash;
	uint64_t epoch;		/* 0: no daemon has taken the node yet */
	uint32_t state;		/* enum kquorum_node_state */
	uint32_t role;		/* enum kquorum_role */
	uint32_t canvass;	/* enum kquorum_canvass */
	uint64_t term;
	uint32_t leader;	/* 0: none known */
	bool quorum;
	uint32_t voters;	/* bit n: node n; none: there is no configuration yet */
	uint32_t outgoing;	/* voters before a change that is not complete */
	uint64_t silence_ns;	/* UINT64_MAX: no leader was ever heard */
	uint64_t wait_left_ns;
	uint32_t heartbeat_ms;	/* 0: not told */
	uint32_t election_ms;	/* 0: not told */
	char reason[256];	/* why the node does not serve */
	unsigned int n_peers;
	struct kqd_status_peer peers[KQUORUM_MAX_NODES];	/* without this node */
};

int kqd_status_parse(struct nlattr *attrs, int len, struct kqd_status *st);
const char *kqd_state_name(uint32_t state);

#endif /* KQD_STATUS_H */
