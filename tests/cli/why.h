/* SPDX-License-Identifier: GPL-2.0 */
/* What kquorum status says, in words, of a cluster of three in which all is well to begin with. */
#ifndef KQUORUM_TESTS_CLI_WHY_H
#define KQUORUM_TESTS_CLI_WHY_H

#include <string.h>

#include "cli.h"
#include "test.h"

static char why[4096];

/* Three nodes, this is n1, all is well and n2 leads. */
static inline struct kquorum_status healthy(void)
{
	struct kquorum_status st = {
		.name = "demo", .node_id = 1, .state = KQUORUM_NODE_RUNNING, .term = 4, .leader = 2,
		.quorum = true, .daemon = true, .n_peers = 3, .conf_index = 1, .commit_index = 9,
		.last_index = 9, .voters = 0xe, .founders = 0xe,
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct kquorum_peer_status *p = &st.peers[i];

		p->id = i + 1;
		p->member = true;
		p->connected = i > 0;
		snprintf(p->name, sizeof(p->name), "n%u", i + 1);
		snprintf(p->address, sizeof(p->address), "10.0.0.%u:7420", i + 1);
		p->rtt_ns = p->seen_ns = p->disk_ns = KQUORUM_NEVER;
	}
	return st;
}

/* Nobody else can be reached. */
static inline struct kquorum_status cut_off(void)
{
	struct kquorum_status st = healthy();

	st.quorum = false;
	st.leader = 0;
	st.peers[1].connected = st.peers[2].connected = false;
	return st;
}

static inline struct kquorum_peer_status *add_node(struct kquorum_status *st, uint32_t id)
{
	struct kquorum_peer_status *p = &st->peers[st->n_peers++];

	*p = (struct kquorum_peer_status){ .id = id, .connected = true, .rtt_ns = KQUORUM_NEVER,
					   .seen_ns = KQUORUM_NEVER, .disk_ns = KQUORUM_NEVER };
	snprintf(p->name, sizeof(p->name), "n%u", id);
	snprintf(p->address, sizeof(p->address), "10.0.0.%u:7420", id);
	return p;
}

static inline const char *why_of(const struct kquorum_status *st)
{
	status_why(st, why, sizeof(why));
	return why;
}

static inline const char *missing_of(const struct kquorum_status *st)
{
	status_missing(st, why, sizeof(why));
	return why;
}

#endif /* KQUORUM_TESTS_CLI_WHY_H */
