/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A configuration: who votes, and what a majority of them is. While one configuration is being
 * replaced by another, both must agree, each with a majority of its own (joint consensus: Raft
 * paper 6, thesis 4.3).
 */
#ifndef KQ_CONF_H
#define KQ_CONF_H

#include <linux/kquorum.h>
#include "kq_break.h"
#include "kq_entry.h"
#include "kq_settings.h"

#define KQ_MAX_NODES	KQUORUM_MAX_NODES
#define KQ_NODES_UPTO(id) ((2u << (id)) - 2)	/* ids begin with 1 */
#define KQ_NODES_BITS	KQ_NODES_UPTO(KQ_MAX_NODES)

/* A set of nodes: bit ID is set when node ID belongs to it. */
typedef u32 kq_nodes;

/**
 * struct kq_conf - who decides
 * @voters: have a vote; never empty in a configuration that is used
 * @outgoing: the voters before them, in a joint configuration; else empty
 * @learners: get the log and decide nothing; none of them is in @voters
 * @left: numbers of nodes that have left, whether or not they have been given again
 * @origin: of the log; the same in all configurations of it, never 0
 * @identity: by node id, of its files; of members never 0
 * @witnesses: members that should not lead; not all of those who vote
 * @lineage: as the log has it
 * @before: settings that are on their way out of use; else the same as @now
 * @now: settings
 * @left_identity: by number in @left, of who left with it last; never 0
 */
struct kq_conf {
	kq_nodes voters;
	kq_nodes outgoing;
	kq_nodes learners;
	kq_nodes left;
	kq_nodes witnesses;
	u64 origin;
	u64 identity[KQ_MAX_NODES + 1];
	u64 left_identity[KQ_MAX_NODES + 1];
	struct kquorum_lineage lineage;
	struct kq_settings before;
	struct kq_settings now;
};

/* The longest payload of an entry CONF. */
#define KQ_CONF_MAX	(sizeof(struct kquorum_conf) + \
			 KQ_MAX_NODES * (sizeof(struct kquorum_conf_member) + \
					 sizeof(struct kquorum_conf_left)))

static inline kq_nodes kq_node_bit(u32 id)
{
	return 1u << id;
}

/* The lowest id in @set above @id; 0: there is none. */
static inline u32 kq_node_next(kq_nodes set, u32 id)
{
	kq_nodes rest = set & ~((2u << id) - 1);

	return rest ? ffs(rest) - 1 : 0;
}

/* The ids in @set, rising. */
#define kq_for_each_node(set, id)						\
	for ((id) = kq_node_next(set, 0); (id); (id) = kq_node_next(set, id))

static inline kq_nodes kq_conf_members(const struct kq_conf *conf)
{
	return conf->voters | conf->outgoing | conf->learners;
}

static inline bool kq_conf_has(const struct kq_conf *conf, u32 id)
{
	return kq_conf_members(conf) & kq_node_bit(id);
}

/* Do both give the same nodes the same part? */
static inline bool kq_conf_same(const struct kq_conf *a, const struct kq_conf *b)
{
	return a->voters == b->voters && a->outgoing == b->outgoing && a->learners == b->learners;
}

/* Are settings being replaced by others? */
static inline bool kq_conf_overlaps(const struct kq_conf *conf)
{
	return !kq_settings_same(&conf->before, &conf->now);
}

/* Is there nobody among @voters who should lead? */
static inline bool kq_conf_only_witnesses(const struct kq_conf *conf, kq_nodes voters)
{
	return !(voters & ~conf->witnesses) && !KQ_BREAK(WITNESSES_ONLY);
}

static inline bool kq_conf_votes(const struct kq_conf *conf, u32 id)
{
	return (conf->voters | conf->outgoing) & kq_node_bit(id);
}

/* How many nodes belong to @set. */
static inline u32 kq_node_count(kq_nodes set)
{
	return hweight32(set);
}

const char *kq_conf_check(const struct kq_conf *conf);
const char *kq_conf_check_member(const struct kquorum_conf_member *m);
const char *kq_conf_read(const void *payload, u32 len, struct kq_conf *conf);
u32 kq_conf_write(const struct kq_conf *conf,
		  const struct kquorum_conf_member *const member[KQ_MAX_NODES + 1],
		  const char *const left[KQ_MAX_NODES + 1], void *payload);
const struct kquorum_conf_member *kq_conf_member(const void *payload, const struct kq_conf *conf,
						 u32 id);
const struct kquorum_conf_left *kq_conf_left(const void *payload, const struct kq_conf *conf,
					     u32 id);
int kq_conf_decided(const struct kq_conf *conf, kq_nodes yes, kq_nodes no);
u64 kq_conf_reached(const struct kq_conf *conf, const u64 value[KQ_MAX_NODES + 1]);

#endif /* KQ_CONF_H */
