/* SPDX-License-Identifier: GPL-2.0 */
/* The status of a cluster, for tests to begin with. */
#ifndef KQUORUM_TESTS_CLI_STATUS_H
#define KQUORUM_TESTS_CLI_STATUS_H

#include <string.h>

#include "cli.h"

/* The row of node @id, made at its place if there is none. */
static inline struct kquorum_peer_status *node_row(struct kquorum_status *st, uint32_t id)
{
	unsigned int i, at;

	for (at = 0; at < st->n_peers && st->peers[at].id < id; at++)
		;
	if (at < st->n_peers && st->peers[at].id == id)
		return &st->peers[at];
	for (i = st->n_peers++; i > at; i--)
		st->peers[i] = st->peers[i - 1];
	st->peers[at] = (struct kquorum_peer_status){
		.id = id, .rtt_ns = KQUORUM_NEVER, .seen_ns = KQUORUM_NEVER,
		.disk_ns = KQUORUM_NEVER, .priority = KQUORUM_PRIORITY_DEFAULT,
	};
	return &st->peers[at];
}

/* Node @id is connected, works, has all of the log; called n@id, at 10.0.0.@id. */
static inline struct kquorum_peer_status *node_up(struct kquorum_status *st, uint32_t id)
{
	struct kquorum_peer_status *p = node_row(st, id);

	snprintf(p->name, sizeof(p->name), "n%u", id);
	snprintf(p->address, sizeof(p->address), "10.0.0.%u:7420", id);
	p->member = true;
	p->connected = id != st->node_id;
	p->has_progress = p->connected;
	p->progress = KQUORUM_PROGRESS_REPLICATE;
	p->match_index = st->last_index;
	p->seen_ns = p->connected ? 0 : KQUORUM_NEVER;
	return p;
}

/* @n nodes; this is n1 and leads; all vote, and all is well. */
static inline struct kquorum_status cluster_of(unsigned int n)
{
	struct kquorum_status st = {
		.name = "demo", .cluster_id = 0xabc, .node_id = 1, .state = KQUORUM_NODE_RUNNING,
		.role = KQUORUM_LEADER, .term = 4, .leader = 1, .quorum = true, .daemon = true,
		.conf_index = 50, .last_index = 5000, .commit_index = 5000, .applied_index = 5000,
		.disk = { .capacity_bytes = 8ULL * ((64 << 20) - 8192) },
		.settings = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 10000,
			      .delta_ms = 250, .drift_ppm = 500, .segment_bytes = 64 << 20 },
	};
	uint32_t id;

	st.voters = st.founders = (2u << n) - 2;
	for (id = 1; id <= n; id++)
		node_up(&st, id);
	return st;
}

/* A new machine that was started with the line for number @id: nothing tells its name. */
static inline struct kquorum_peer_status *newcomer_up(struct kquorum_status *st, uint32_t id)
{
	struct kquorum_peer_status *p = node_row(st, id);

	p->connected = true;
	return p;
}

/* Node @id is taken in as a learner. */
static inline struct kquorum_peer_status *learner_up(struct kquorum_status *st, uint32_t id)
{
	st->voters &= ~node_bit(id);
	st->learners |= node_bit(id);
	return node_up(st, id);
}

static inline void node_down(struct kquorum_status *st, uint32_t id)
{
	struct kquorum_peer_status *p = node_row(st, id);

	p->connected = false;
	p->seen_ns = 12 * NS_PER_SEC;
}

#endif /* KQUORUM_TESTS_CLI_STATUS_H */
