// SPDX-License-Identifier: GPL-2.0
/*
 * What the state adds up to: the same on all replicas at the same log index. Each node notes it at
 * agreed indexes and tells its leader, which compares. Who differs from a majority has gone wrong
 * (memory that forgets, a bug that only some builds have), stops, and says so. Where no majority
 * agrees nobody can tell who is right: that is an alarm, and nobody stops.
 */
#include "kq_int.h"

/**
 * kq_core_state_sum() - sums over the state as it is applied now
 * @core: the core
 * @sum: filled in, by enum kq_snap_type: as a snapshot of it has them
 *
 * Takes the same time whatever the size of the state.
 */
void kq_core_state_sum(const struct kq_core *core, u64 sum[KQ_SNAP_TYPES])
{
	const struct kq_entry *conf = core->conf_applied ?
		kq_core_conf_entry(core, core->conf_applied) : NULL;
	struct kq_snap_session buf;
	u32 id, len;

	sum[KQ_SNAP_CONF] = 0;
	if (conf) {
		const struct kq_snap_conf at = { conf->rec.index, conf->rec.term };

		sum[KQ_SNAP_CONF] = kq_snap_hash_two(&at, sizeof(at), conf->data,
						     kq_entry_len(conf));
	}
	sum[KQ_SNAP_SESSION] = 0;
	for (id = 1; id <= KQ_MAX_NODES; id++) {
		len = kq_session_record(core, id, &buf);
		if (len)
			sum[KQ_SNAP_SESSION] += kq_snap_hash(&buf, len);
	}
	sum[KQ_SNAP_CLAIM] = core->res->sum[KQ_SNAP_CLAIM];
	sum[KQ_SNAP_POOL] = core->res->sum[KQ_SNAP_POOL];
}

static u64 total(const struct kq_core *core)
{
	u64 sum[KQ_SNAP_TYPES];

	kq_core_state_sum(core, sum);
	return kq_snap_hash(sum, sizeof(sum));
}

static u32 every(const struct kq_core *core)
{
	return core->cfg.sum_every ? core->cfg.sum_every : KQ_SUM_EVERY;
}

/* The place of an agreed index; NULL: it is none, or what stands there is newer. */
static struct kq_sum *sum_at(struct kq_core *core, u64 index)
{
	struct kq_sum *s = &core->sum[div_u64(index, every(core)) % KQ_SUMS];

	if (!index || div_u64(index, every(core)) * every(core) != index || s->index > index)
		return NULL;
	if (s->index < index) {
		memset(s, 0, sizeof(*s));
		s->index = index;
	}
	return s;
}

/* This node's state is not what a majority has: nothing that it says is to be relied upon. */
static void replica_fails(struct kq_core *core, u64 index)
{
	char why[160];

	snprintf(why, sizeof(why),
		 "its state at index %llu differs from that of a majority: it must be wiped and join again",
		 (unsigned long long)index);
	kq_core_fail(core, -EUCLEAN, why);
}

static void send_sum(struct kq_core *core, u32 to, u64 index, u64 value)
{
	struct kq_msg *msg = kq_msg_alloc(core, to, KQ_MSG_SUM, sizeof(struct kq_body_sum));
	struct kq_body_sum *b;

	if (!msg)
		return;
	b = kq_msg_body(msg);
	b->index = cpu_to_le64(index);
	b->sum = cpu_to_le64(value);
	kq_msg_send(core, msg, core->hs.term);
}

/* Which nodes said the same as node @id? */
static kq_nodes agree_with(const struct kq_sum *s, u32 id)
{
	kq_nodes same = 0;
	u32 other;

	kq_for_each_node(s->said, other)
		if (s->value[other] == s->value[id])
			same |= kq_node_bit(other);
	return same;
}

/* Can no value have a majority any more, whatever those say who have not yet? */
static bool is_hopeless(const struct kq_core *core, const struct kq_sum *s)
{
	u32 id;

	kq_for_each_node(s->said, id)
		if (kq_conf_decided(&core->conf, agree_with(s, id),
				    s->said & ~agree_with(s, id)) >= 0)
			return false;
	return s->said && kq_conf_decided(&core->conf, 0, s->said) < 0;
}

/* The leader has heard one more. */
static void compare(struct kq_core *core, struct kq_sum *s)
{
	kq_nodes right = 0;
	u64 value = 0;
	u32 id;

	kq_for_each_node(s->said, id) {
		if (kq_conf_decided(&core->conf, agree_with(s, id), 0) > 0) {
			right = agree_with(s, id);
			value = s->value[id];
		}
	}
	if (!right) {
		if (is_hopeless(core, s) && core->sum_alarm != s->index) {
			core->sum_alarm = s->index;
			core->events |= KQUORUM_EVENT_STATE;
			kq_trace(core, "ALARM: no majority agrees on the state at %llu",
				 (unsigned long long)s->index);
		}
		return;
	}
	kq_for_each_node(s->said & ~right, id) {
		kq_trace(core, "the state of node %u at %llu differs", id,
			 (unsigned long long)s->index);
		if (id != core->cfg.self)
			send_sum(core, id, s->index, value);
	}
	if (s->said & ~right & kq_node_bit(core->cfg.self))
		replica_fails(core, s->index);
}

/**
 * kq_sum_applied() - one more entry is applied: is it one at which replicas compare?
 * @core: the core
 */
void kq_sum_applied(struct kq_core *core)
{
	u32 self = core->cfg.self;
	struct kq_sum *s;

	if (div_u64(core->applied, every(core)) * every(core) != core->applied)
		return;
	s = sum_at(core, core->applied);
	if (!s)
		return;
	s->value[self] = total(core);
	s->said |= kq_node_bit(self);
	if (kq_is_leader(core))
		compare(core, s);
}

/**
 * kq_sum_lead() - what was said to another leader, or in another term, counts no more
 * @core: the core, which leads from here on
 */
void kq_sum_lead(struct kq_core *core)
{
	u32 i;

	for (i = 0; i < KQ_SUMS; i++)
		core->sum[i].said &= kq_node_bit(core->cfg.self);
	core->sum_alarm = 0;
}

/**
 * kq_sum_tell() - a follower tells its leader what its state adds up to
 * @core: the core
 *
 * In each term once: the leader is another, or knows no more what it was told.
 */
void kq_sum_tell(struct kq_core *core)
{
	u32 self = core->cfg.self, i;

	if (core->sum_term != core->hs.term) {
		core->sum_term = core->hs.term;
		core->sum_told = 0;
	}
	for (i = 0; i < KQ_SUMS; i++) {
		const struct kq_sum *s = &core->sum[i];

		if (s->index <= core->sum_told || !(s->said & kq_node_bit(self)) ||
		    core->applied - s->index >= every(core))
			continue;
		core->sum_told = s->index;
		send_sum(core, core->leader, s->index, s->value[self]);
	}
}

/**
 * kq_sum_recv() - a node tells its leader, or the leader a node
 * @core: the core
 * @h: header
 * @body: struct kq_body_sum
 */
void kq_sum_recv(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_sum *b = body;
	u32 from = le32_to_cpu(h->from), self = core->cfg.self;
	u64 index = le64_to_cpu(b->index);
	u64 ahead = (u64)every(core) * (KQ_SUMS - 1);
	struct kq_sum *s;

	/* One that runs ahead of this node would push out what others are asked about. */
	if (index > core->applied + ahead)
		return;
	s = sum_at(core, index);
	if (!s)
		return;
	if (kq_is_leader(core)) {
		if (!kq_is_member(core, from))
			return;
		s->value[from] = le64_to_cpu(b->sum);
		s->said |= kq_node_bit(from);
		compare(core, s);
	} else if (core->leader == from && s->said & kq_node_bit(self) &&
		   s->value[self] != le64_to_cpu(b->sum)) {
		replica_fails(core, index);
	}
}
