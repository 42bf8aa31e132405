// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the configuration (Raft paper 6, thesis 4): an entry of the log like any other,
 * in effect as soon as it is in the log, undone when it is cut off again. From one set of
 * voters to another the way leads through a joint configuration, which the leader leaves by
 * itself. The first one is the first entry of a log, made by the lowest of the founders when all of
 * them are there and have nothing yet: who lost its files finds others that have, and cannot begin
 * a second history under the same name.
 */
#include "kq_int.h"

/* Entries that a peer may lack and still count as caught up: a moment's worth. */
#define CAUGHT_UP	1024

static void adopt(struct kq_core *core, const struct kq_conf *conf, u64 index)
{
	kq_nodes before = kq_conf_members(&core->conf), now = kq_conf_members(conf);
	u32 id;

	core->conf = *conf;
	core->conf_index = index;
	core->events |= KQUORUM_EVENT_PEER;
	kq_trace(core, "configuration %llu: voters %#x outgoing %#x learners %#x",
		 (unsigned long long)index, conf->voters, conf->outgoing, conf->learners);
	kq_for_each_node(now, id)
		if (core->peer[id].connected)
			kq_peer_note(core, &core->peer[id], core->peer[id].identity,
				     core->peer[id].incarnation);
	if (!kq_is_leader(core))
		return;
	kq_for_each_node(now & ~before, id)
		kq_leader_peer_begin(core, &core->peer[id]);
	/* Who leaves shall hear of it: kq_member_told(). */
	core->leaving = (core->leaving | (before & ~now)) & ~now;
}

/* An entry of the log passed kq_entry_check(). */
static void adopt_entry(struct kq_core *core, const struct kq_entry *e)
{
	struct kq_conf conf;

	if (KQ_ASSERT(core, !kq_conf_read(e->data, kq_entry_len(e), &conf)))
		adopt(core, &conf, kq_entry_index(e));
}

static bool is_conf(const struct kq_entry *e)
{
	return le16_to_cpu(e->rec.type) == KQ_ENTRY_CONF;
}

/**
 * kq_member_logged() - an entry has been put into the log: is it a configuration?
 * @core: the core
 * @e: the entry
 */
void kq_member_logged(struct kq_core *core, const struct kq_entry *e)
{
	if (is_conf(e) && !KQ_BREAK(CONF_COMMITTED))
		adopt_entry(core, e);
}

/**
 * kq_member_cut() - the end of the log was cut off, or recovered: what holds now?
 * @core: the core
 */
void kq_member_cut(struct kq_core *core)
{
	static const struct kq_conf none;
	u64 i = core->log.last;

	while (i && !is_conf(kq_log_get(&core->log, i)))
		i--;
	if (i)
		adopt_entry(core, kq_log_get(&core->log, i));
	else
		adopt(core, &none, 0);
}

/* May this node begin the log of the cluster? */
static bool may_begin(const struct kq_core *core)
{
	u32 id;

	if (core->log.last || core->report.claimed_index || core->stopping ||
	    core->state != KQUORUM_NODE_RUNNING ||
	    kq_node_next(core->cfg.founders, 0) != core->cfg.self)
		return false;
	/* Nor may anybody else be there who has something: then there is a cluster already. */
	kq_for_each_node(KQ_NODES_BITS & ~kq_node_bit(core->cfg.self), id) {
		const struct kq_peer *p = &core->peer[id];

		if (!p->connected && core->cfg.founders & kq_node_bit(id))
			return false;
		if (p->connected && !p->empty && !KQ_BREAK(BEGINS_ALONE))
			return false;
	}
	return true;
}

/**
 * kq_member_begin() - is this the first node of a new cluster, and are all others there?
 * @core: the core
 *
 * They said that they have nothing, and have not said so to another under its number. The log
 * begins with the configuration of the founders, in term 1, in which no other node writes; the
 * election after it decides what commits.
 */
void kq_member_begin(struct kq_core *core)
{
	struct kq_conf first = { .voters = core->cfg.founders, .origin = core->hs.identity };
	struct kq_record rec = {
		.index = cpu_to_le64(1), .term = cpu_to_le64(1),
		.type = cpu_to_le16(KQ_ENTRY_CONF), .node = cpu_to_le32(core->cfg.self),
	};
	__le64 payload[KQ_CONF_MAX / sizeof(__le64)];
	struct kq_entry *e;
	u32 id;

	if (!may_begin(core))
		return;
	kq_for_each_node(first.voters, id)
		first.identity[id] = core->peer[id].identity;
	rec.len = cpu_to_le32(kq_conf_write(&first, payload));
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, payload));
	e = kq_entry_from_record(&rec, payload);
	if (!e)
		return;		/* the next tick tries again */
	if (kq_log_append(&core->log, e)) {
		kq_entry_free(e);
		return;
	}
	kq_trace(core, "begins the cluster");
	if (!core->hs.term) {
		kq_become_follower(core, 1, 0);
		core->hs.vote = core->cfg.self;
		core->hs.vote_inc = (u32)core->hs.incarnation;
	}
	kq_member_logged(core, e);
}

static int append_conf(struct kq_core *core, const struct kq_conf *conf)
{
	__le64 payload[KQ_CONF_MAX / sizeof(__le64)];
	u32 len = kq_conf_write(conf, payload);

	return kq_leader_append_own(core, KQ_ENTRY_CONF, payload, len);
}

/* Would those who vote in @to form a majority now, with what they have of the log? */
static bool majority_is_ready(struct kq_core *core, const struct kq_conf *to)
{
	u64 election_ns = kq_ms(core->cfg.set.election_ms);
	kq_nodes ready = kq_node_bit(core->cfg.self);
	struct kq_peer *p;

	kq_for_each_member(core, p)
		if (p->connected && !p->flags && kq_is_member(core, p->id) &&
		    p->progress == KQUORUM_PROGRESS_REPLICATE &&
		    core->now_ns - p->heard_ns <= election_ns &&
		    core->log.last - p->match <= CAUGHT_UP)
			ready |= kq_node_bit(p->id);
	return kq_conf_decided(to, ready, 0) > 0;
}

/* Who is in it keeps its identity; who joins brings its own, and must be connected to tell. */
static bool identify(const struct kq_core *core, struct kq_conf *conf)
{
	u32 id;

	conf->origin = core->conf.origin;
	memcpy(conf->identity, core->conf.identity, sizeof(conf->identity));
	kq_for_each_node(kq_conf_members(conf) & ~kq_conf_members(&core->conf), id) {
		if (!core->peer[id].connected)
			return false;
		conf->identity[id] = core->peer[id].identity;
	}
	return true;
}

/* A node's number is taken as long as what the one before it held may still be held. */
static bool number_is_taken(const struct kq_core *core, kq_nodes joining)
{
	u32 id;

	kq_for_each_node(joining, id)
		if (core->session[id].id && !KQ_BREAK(NUMBER_TAKEN))
			return true;
	return false;
}

/**
 * kq_core_reconfigure() - change who decides
 * @core: the core
 * @now_ns: the clock
 * @to: the configuration wanted; not a joint one. Its identities are not looked at.
 *
 * It is entered by way of a joint configuration when other nodes vote in it. Whether it has
 * come about is seen in core->conf and core->conf_index.
 *
 * Return: 0: it is in the log; -EREMOTE when not leader; -EINVAL: it cannot be used; -EALREADY:
 * it is in force; -EAGAIN: no entry of this term is committed yet; -EBUSY: another change, or a
 * transfer, is under way; -EEXIST: a node that joins has a session of its earlier life;
 * -EHOSTUNREACH: a node that joins is not connected; -ENOTCONN: no majority of its voters is
 * connected and caught up; or as kq_leader_append().
 */
int kq_core_reconfigure(struct kq_core *core, u64 now_ns, const struct kq_conf *to)
{
	struct kq_conf next = *to;

	core->now_ns = now_ns;
	if (!kq_is_leader(core))
		return -EREMOTE;
	if (to->outgoing || kq_conf_check(to))
		return -EINVAL;
	if (!core->lead_ready && !KQ_BREAK(SINGLE_SERVER))
		return -EAGAIN;
	if (core->transfer_to || core->conf.outgoing ||
	    (core->conf_index > core->commit && !KQ_BREAK(TWO_CHANGES)))
		return -EBUSY;
	if (kq_conf_same(to, &core->conf))
		return -EALREADY;
	if (number_is_taken(core, kq_conf_members(to) & ~kq_conf_members(&core->conf)))
		return -EEXIST;
	if (!identify(core, &next))
		return -EHOSTUNREACH;
	if (to->voters != core->conf.voters) {
		if (!majority_is_ready(core, to))
			return -ENOTCONN;
		if (!KQ_BREAK(SINGLE_SERVER))
			next.outgoing = core->conf.voters;
	}
	return append_conf(core, &next);
}

/* A leader that has no vote any more looks for a successor once, and goes. */
static void step_down(struct kq_core *core)
{
	if (core->transfer_to)
		return;
	if (!core->handed_over) {
		core->handed_over = true;
		if (!kq_core_transfer(core, core->now_ns, 0))
			return;
	}
	kq_trace(core, "steps down: has no vote");
	kq_become_follower(core, core->hs.term, 0);
}

/**
 * kq_member_settle() - what follows at the leader from a configuration that is committed
 * @core: the core
 *
 * A joint one is left (that no memory or room was there for it is mended at the next tick); a
 * leader without a vote steps down (thesis 4.2.2).
 */
void kq_member_settle(struct kq_core *core)
{
	struct kq_conf to = core->conf;

	if (!kq_is_leader(core) || !core->lead_ready || core->conf_index > core->commit)
		return;
	if (core->conf.outgoing) {
		to.outgoing = 0;
		append_conf(core, &to);
	} else if (!kq_conf_votes(&core->conf, core->cfg.self) && !KQ_BREAK(REMOVED_LEADS)) {
		step_down(core);
	}
}

/**
 * kq_member_meet() - a peer is connected: if it is no member, it may not know
 * @core: the core, leader
 * @p: the peer
 *
 * It is sent the log, until it knows that.
 */
void kq_member_meet(struct kq_core *core, struct kq_peer *p)
{
	if (!p->connected || kq_is_member(core, p->id))
		return;
	kq_leader_peer_begin(core, p);
	core->leaving |= kq_node_bit(p->id);
}

/**
 * kq_member_told() - a peer has answered: does it know by now that it has left?
 * @core: the core, leader
 * @p: the peer
 */
void kq_member_told(struct kq_core *core, struct kq_peer *p)
{
	/* Behind the first entry of this term nothing stands that may be cut off and held it in. */
	u64 index = KQ_BREAK(TOLD_EARLY) ? core->conf_index :
		max(core->conf_index, core->term_start);

	if (p->match >= index && p->commit_sent >= index)
		core->leaving &= ~kq_node_bit(p->id);
}

static int conf_check(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	return -EINVAL;		/* only the leader itself proposes one */
}

static s32 conf_apply(struct kq_core *core, struct kq_entry *e)
{
	/* It has been in effect since it was in the log. */
	if (KQ_BREAK(CONF_COMMITTED))
		adopt_entry(core, e);
	return 0;
}

const struct kq_machine_ops kq_conf_machine_ops = {
	.name = "configuration",
	.first = KQ_ENTRY_CONF,
	.last = KQ_ENTRY_CONF,
	.check = conf_check,
	.apply = conf_apply,
};
