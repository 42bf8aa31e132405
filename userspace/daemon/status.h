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
	char address[KQUORUM_ADDRESS_MAX + 1];
	bool connected;
	uint64_t incarnation;	/* that was met last, 0: none */
	uint32_t whose;		/* low half of the identity with it */
	uint64_t identity;	/* that the configuration has, 0: no member */
	uint32_t met;		/* low half of this node's incarnation when it was met last */
	uint64_t needs;		/* a snapshot of this index or newer, 0: none; at the leader */
	char reason[128];	/* why the last connection ended */
	bool current;		/* at the leader: it works, and keeps up with the log */
};

/* Which snapshot, to the byte. */
struct kqd_ref {
	uint64_t index;		/* 0: none */
	uint64_t term;
	uint64_t bytes;
	uint32_t crc;		/* CRC32C of all of them */
};

/* A snapshot on its way between a peer and this node. */
struct kqd_transit {
	uint64_t index;
	uint64_t bytes;		/* of all of it */
	uint64_t done;		/* of these, how many are there */
	bool comes;		/* to this node */
};

/* Of a member; before there is a configuration, of a node that this one was started with. */
struct kqd_status_member {
	char name[KQUORUM_NODE_NAME_MAX + 1];
	char address[KQUORUM_ADDRESS_MAX + 1];
	uint32_t priority;
	bool witness;
};

struct kqd_status {
	char cluster[KQUORUM_NODE_NAME_MAX + 1];
	uint32_t node_id;
	uint64_t incarnation;	/* 0: not told, for it is not durable yet */
	struct kquorum_past past;	/* told with it; without @met */
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
	uint32_t learners;	/* get the log and do not vote */
	bool left;		/* this node was a member, and is none any more */
	bool eligible;		/* it has a vote, or the loss of it may not be committed */
	bool settled;		/* there is a configuration, and it is committed */
	uint32_t named;		/* bit n: there is @member[n] */
	struct kqd_status_member member[KQUORUM_MAX_NODES + 1];	/* by id, this node too */
	uint64_t silence_ns;	/* UINT64_MAX: no leader was ever heard */
	uint64_t wait_left_ns;
	/* In effect, 0: not told; while two overlap, as the module goes by both. */
	uint32_t heartbeat_ms;
	uint32_t election_ms;
	bool logged;		/* they stand in the log, and are not of this node's start */
	uint32_t settings[KQUORUM_SETTING_MAX];	/* from enum kquorum_setting_attr 1 on */
	uint32_t founders;	/* bit n: node n; who began the cluster, or will */
	uint32_t gone;		/* likewise; a node with that number has left */
	char reason[256];	/* why the node does not serve */
	uint64_t commit;	/* log index */
	uint64_t applied;	/* log index */
	uint64_t last;		/* log index */
	struct kqd_ref snapshot;	/* the one that the log refers to */
	uint64_t log_capacity;	/* bytes */
	uint64_t log_used;
	uint32_t disk_state;	/* enum kquorum_disk_state */
	uint64_t scrub_count;	/* how many have begun since the node's start */
	bool scrub_running;
	uint64_t scrub_rate;	/* bytes in a second */
	uint64_t scrub_ended_ns;	/* so long ago; UINT64_MAX: none has */
	unsigned int n_peers;
	/* Members, whoever is connected, and of whom it is known why not; without this node. */
	struct kqd_status_peer peers[KQUORUM_MAX_NODES];
};

int kqd_status_parse(struct nlattr *attrs, int len, struct kqd_status *st);
const struct kqd_status_peer *kqd_status_peer(const struct kqd_status *st, uint32_t id);
uint32_t kqd_status_members(const struct kqd_status *st);
bool kqd_status_majority(const struct kqd_status *st, uint32_t nodes);
const char *kqd_status_name(const struct kqd_status *st, uint32_t id);
const char *kqd_status_address(const struct kqd_status *st, uint32_t id);
bool kqd_ref_same(const struct kqd_ref *a, const struct kqd_ref *b);
const char *kqd_state_name(uint32_t state);

#endif /* KQD_STATUS_H */
