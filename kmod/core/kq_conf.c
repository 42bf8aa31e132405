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
	if ((kq_conf_members(conf) | conf->left) & ~KQ_NODES_BITS)
		return "a node id is out of range";
	if (!conf->voters)
		return "it has no voters";
	if (conf->learners & conf->voters)
		return "a node is voter and learner";
	return NULL;
}

static bool is_text(const char *s, u32 room)
{
	u32 len = strnlen(s, room), i;

	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	/* What is behind the end must be the same everywhere too. */
	return len < room && !memchr_inv(s + len, 0, room - len);
}

/**
 * kq_conf_check_member() - can this be what a member is called?
 * @m: as it was read or asked for; its identity is not looked at
 *
 * Return: NULL: yes; else what is wrong, for a person.
 */
const char *kq_conf_check_member(const struct kquorum_conf_member *m)
{
	if (m->flags & ~(KQUORUM_CONF_PROMOTE | KQUORUM_CONF_WITNESS) ||
	    memchr_inv(m->zero, 0, sizeof(m->zero)))
		return "a node has more than this version understands";
	if (!is_text(m->name, sizeof(m->name)) || !is_text(m->address, sizeof(m->address)))
		return "a name or address is no text";
	return NULL;
}

static u32 payload_size(const struct kq_conf *conf)
{
	return sizeof(struct kquorum_conf) +
		kq_node_count(kq_conf_members(conf)) * sizeof(struct kquorum_conf_member) +
		kq_node_count(conf->left) * sizeof(struct kquorum_conf_left);
}

static const char *read_left(struct kq_conf *conf, const struct kquorum_conf_left *l)
{
	u32 id;

	memset(conf->left_identity, 0, sizeof(conf->left_identity));
	kq_for_each_node(conf->left, id) {
		if (!l->identity)
			return "a node that has left has no identity";
		if (!is_text(l->name, sizeof(l->name)))
			return "the name of a node that has left is no text";
		conf->left_identity[id] = le64_to_cpu(l->identity);
		l++;
	}
	return NULL;
}

static bool lineage_can_be(const struct kquorum_lineage *l)
{
	switch (le32_to_cpu(l->how)) {
	case KQUORUM_LINEAGE_NONE:
		return !memchr_inv(l, 0, sizeof(*l));
	case KQUORUM_LINEAGE_RESTORED:
	case KQUORUM_LINEAGE_RECOVERED:
		return !l->zero && l->origin && l->index &&
			le64_to_cpu(l->begins) > le64_to_cpu(l->index);
	default:
		return false;
	}
}

static const char *read_settings(struct kq_conf *conf, const struct kquorum_conf *c)
{
	if (c->before.zero || c->now.zero)
		return "it has settings that this version does not understand";
	kq_settings_read(&conf->before, &c->before);
	kq_settings_read(&conf->now, &c->now);
	return kq_settings_check(&conf->before) || kq_settings_check(&conf->now) ?
		"it has settings that cannot be used" : NULL;
}

/* And those that have left, who stand behind them. */
static const char *read_members(struct kq_conf *conf, const struct kquorum_conf_member *m)
{
	const char *why;
	u32 id;

	memset(conf->identity, 0, sizeof(conf->identity));
	conf->witnesses = 0;
	kq_for_each_node(kq_conf_members(conf), id) {
		if (!m->identity)
			return "a node has no identity";
		why = kq_conf_check_member(m);
		if (why)
			return why;
		if (m->flags & KQUORUM_CONF_PROMOTE && !(conf->learners & kq_node_bit(id)))
			return "a node that votes is to be promoted";
		if (m->flags & KQUORUM_CONF_WITNESS)
			conf->witnesses |= kq_node_bit(id);
		conf->identity[id] = le64_to_cpu(m->identity);
		m++;
	}
	if (kq_conf_only_witnesses(conf, conf->voters))
		return "all of its voters are witnesses";
	return read_left(conf, (const void *)m);
}

/**
 * kq_conf_read() - the configuration in an entry
 * @payload: of an entry of type KQ_ENTRY_CONF; nothing about it is trusted
 * @len: its bytes
 * @conf: filled in
 *
 * Return: NULL, or what is wrong, for a person.
 */
const char *kq_conf_read(const void *payload, u32 len, struct kq_conf *conf)
{
	struct kquorum_conf c;
	const char *why;

	if (len < sizeof(c))
		return "it is too short";
	memcpy(&c, payload, sizeof(c));
	conf->voters = le32_to_cpu(c.voters);
	conf->outgoing = le32_to_cpu(c.outgoing);
	conf->learners = le32_to_cpu(c.learners);
	conf->left = le32_to_cpu(c.left);
	conf->origin = le64_to_cpu(c.origin);
	if (!conf->origin)
		return "it has no origin";
	if (!lineage_can_be(&c.lineage))
		return "it has a lineage that cannot be";
	conf->lineage = c.lineage;
	why = kq_conf_check(conf);
	if (!why)
		why = read_settings(conf, &c);
	if (why)
		return why;
	if (len != payload_size(conf))
		return "it has another size";
	return read_members(conf, ((const struct kquorum_conf *)payload)->member);
}

/**
 * kq_conf_write() - the payload of an entry
 * @conf: what it shall say
 * @member: names and addresses, by node id; NULL: it has none
 * @left: by number, what those were called that have left; NULL: nothing
 * @payload: room for KQ_CONF_MAX bytes
 *
 * Who gets its vote is not to be promoted any more.
 *
 * Return: how many bytes it has.
 */
u32 kq_conf_write(const struct kq_conf *conf,
		  const struct kquorum_conf_member *const member[KQ_MAX_NODES + 1],
		  const char *const left[KQ_MAX_NODES + 1], void *payload)
{
	struct kquorum_conf *c = payload;
	struct kquorum_conf_member *m = c->member;
	struct kquorum_conf_left *l;
	u32 id;

	*c = (struct kquorum_conf){
		.voters = cpu_to_le32(conf->voters),
		.outgoing = cpu_to_le32(conf->outgoing),
		.learners = cpu_to_le32(conf->learners),
		.left = cpu_to_le32(conf->left),
		.origin = cpu_to_le64(conf->origin),
		.lineage = conf->lineage,
	};
	kq_settings_write(&conf->before, &c->before);
	kq_settings_write(&conf->now, &c->now);
	kq_for_each_node(kq_conf_members(conf), id) {
		if (member[id])
			*m = *member[id];
		else
			memset(m, 0, sizeof(*m));
		m->identity = cpu_to_le64(conf->identity[id]);
		if (!(conf->learners & kq_node_bit(id)))
			m->flags &= ~KQUORUM_CONF_PROMOTE;
		m++;
	}
	l = (void *)m;
	kq_for_each_node(conf->left, id) {
		memset(l, 0, sizeof(*l));
		l->identity = cpu_to_le64(conf->left_identity[id]);
		if (left && left[id])
			strscpy(l->name, left[id], sizeof(l->name));
		l++;
	}
	return payload_size(conf);
}

/**
 * kq_conf_member() - a node's part of a payload
 * @payload: that kq_conf_read() has read
 * @conf: into this
 * @id: node id
 *
 * Return: within @payload; NULL: it is no member.
 */
const struct kquorum_conf_member *kq_conf_member(const void *payload, const struct kq_conf *conf,
						 u32 id)
{
	kq_nodes before = kq_conf_members(conf) & (kq_node_bit(id) - 1);

	if (!kq_conf_has(conf, id))
		return NULL;
	return ((const struct kquorum_conf *)payload)->member + kq_node_count(before);
}

/**
 * kq_conf_left() - who left with a number last
 * @payload: that kq_conf_read() has read
 * @conf: into this
 * @id: the number
 *
 * Return: within @payload; NULL: nobody.
 */
const struct kquorum_conf_left *kq_conf_left(const void *payload, const struct kq_conf *conf,
					     u32 id)
{
	const struct kquorum_conf *c = payload;
	const struct kquorum_conf_left *l =
		(const void *)(c->member + kq_node_count(kq_conf_members(conf)));

	if (!(conf->left & kq_node_bit(id)))
		return NULL;
	return l + kq_node_count(conf->left & (kq_node_bit(id) - 1));
}

/* Who decides in each half of @conf; of a simple one there is only the first. */
static kq_nodes first_half(const struct kq_conf *conf)
{
	if (KQ_BREAK(ONE_MAJORITY))
		return conf->voters | conf->outgoing;
	return KQ_BREAK(LEARNER_COUNTED) ? conf->voters | conf->learners : conf->voters;
}

static kq_nodes second_half(const struct kq_conf *conf)
{
	return KQ_BREAK(ONE_MAJORITY) ? 0 : conf->outgoing;
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
	int first = half_decided(first_half(conf), yes, no);
	int second = second_half(conf) ? half_decided(second_half(conf), yes, no) : 1;

	return min(first, second);
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
	u64 reached = half_reached(first_half(conf), value);
	kq_nodes second = second_half(conf);

	return second ? min(reached, half_reached(second, value)) : reached;
}
