// SPDX-License-Identifier: GPL-2.0
/* Configurations: the only place that knows what a majority is. */
#include "kq_break.h"
#include "kq_conf.h"

static u32 majority_of(kq_nodes voters)
{
	u32 count = kq_node_count(voters);

	return count / 2 + (KQ_BREAK(MAJORITY) ? count < 2 : 1);
}

/**
 * kq_conf_check() - can this configuration be used?
 * @conf: as it was read or asked for
 *
 * Return: NULL: yes; else what is wrong, for a person.
 */
const char *kq_conf_check(const struct kq_conf *conf)
{
	if (kq_conf_members(conf) & ~KQ_NODES_BITS)
		return "a node id is out of range";
	if (!conf->voters)
		return "it has no voters";
	if (conf->learners & conf->voters)
		return "a node is voter and learner";
	return NULL;
}

static int half_decided(kq_nodes voters, kq_nodes yes, kq_nodes no)
{
	if (kq_node_count(voters & yes) >= majority_of(voters))
		return 1;
	return kq_node_count(voters & ~no) < majority_of(voters) ? -1 : 0;
}

/**
 * kq_conf_decided() - has a question been answered?
 * @conf: the configuration
 * @yes: who agreed
 * @no: who did not, and will not
 *
 * Return: 1: a majority agreed, in a joint configuration one of each half; -1: that can not happen
 * any more; 0: open.
 */
int kq_conf_decided(const struct kq_conf *conf, kq_nodes yes, kq_nodes no)
{
	int voters, outgoing;

	if (!conf->outgoing)
		return half_decided(conf->voters, yes, no);
	voters = half_decided(conf->voters, yes, no);
	outgoing = half_decided(conf->outgoing, yes, no);
	return min(voters, outgoing);
}

/* The highest value that a majority of @voters has reached. */
static u64 half_reached(kq_nodes voters, const u64 value[KQ_MAX_NODES + 1])
{
	u64 v[KQ_MAX_NODES];
	u32 id, n = 0, i;

	kq_for_each_node(voters, id) {
		for (i = n++; i && v[i - 1] < value[id]; i--)
			v[i] = v[i - 1];
		v[i] = value[id];
	}
	return n ? v[majority_of(voters) - 1] : 0;
}

/**
 * kq_conf_reached() - how far has a majority come?
 * @conf: the configuration
 * @value: of each node, by its id; those of nodes without a vote do not count
 *
 * Return: the highest value that a majority has reached, in a joint configuration one of each half.
 */
u64 kq_conf_reached(const struct kq_conf *conf, const u64 value[KQ_MAX_NODES + 1])
{
	u64 reached = half_reached(conf->voters, value);

	return conf->outgoing ? min(reached, half_reached(conf->outgoing, value)) : reached;
}
