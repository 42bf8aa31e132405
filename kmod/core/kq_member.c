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

static bool is_conf(const struct kq_entry *e)
{
	return e && le16_to_cpu(e->rec.type) == KQ_ENTRY_CONF;
}

/* By the newest configuration that is not above @index. */
static bool had_vote(const struct kq_core *core, u64 index)
{
	const struct kq_entry *e;
	struct kq_conf conf;

	while (index > core->log.base_index && !is_conf(kq_log_get(&core->log, index)))
		index--;
	e = kq_core_conf_entry(core, index);
	return is_conf(e) && !kq_conf_read(e->data, kq_entry_len(e), &conf) &&
		kq_conf_votes(&conf, core->cfg.self) &&
		conf.identity[core->cfg.self] == core->hs.identity;
}

static void adopt(struct kq_core *core, const struct kq_conf *conf, u64 index)
{
	kq_nodes before = kq_conf_members(&core->conf), now = kq_conf_members(conf);
	bool first = !core->conf_index;
	bool settings = first || !kq_settings_same(&conf->before, &core->conf.before) ||
		!kq_settings_same(&conf->now, &core->conf.now);
	u32 id;

	core->conf = *conf;
	core->conf_index = index;
	core->had_vote = index && !kq_conf_votes(conf, core->cfg.self) && had_vote(core, index - 1);
	if (settings || !index)
		kq_overlap_effective(core);
	if (settings && !first && index)
		kq_trace(core, "settings: heartbeat %u election %u lease %u delta %u drift %u%s",
			 conf->now.heartbeat_ms, conf->now.election_ms, conf->now.lease_ms,
			 conf->now.delta_ms, conf->now.drift_ppm,
			 kq_conf_overlaps(conf) ? ", and those before" : "");
	core->conf_count++;
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
 * kq_member_cut() - the log is another one, or ends elsewhere: what holds now?
 * @core: the core
 */
void kq_member_cut(struct kq_core *core)
{
	static const struct kq_conf none;
	u64 i = core->log.last;

	while (i > core->log.base_index && !is_conf(kq_log_get(&core->log, i)))
		i--;
	if (i > core->log.base_index)
		adopt_entry(core, kq_log_get(&core->log, i));
	else if (core->base_conf)
		adopt_entry(core, core->base_conf);
	else
		adopt(core, &none, 0);
}

/**
 * kq_core_conf_entry() - the entry with a configuration, also when a snapshot stands for it
 * @core: the core
 * @index: core->conf_index or core->conf_applied
 *
 * Return: valid until the next call of the core; NULL: there is none.
 */
const struct kq_entry *kq_core_conf_entry(const struct kq_core *core, u64 index)
{
	return index > core->log.base_index ? kq_log_get(&core->log, index) : core->base_conf;
}

/**
 * kq_conf_record() - the newest configuration that is applied, as a snapshot has it
 * @core: the core
 * @buf: room for struct kq_snap_conf and KQ_CONF_MAX bytes
 *
 * Return: how many bytes it has; 0: there is none.
 */
u32 kq_conf_record(const struct kq_core *core, void *buf)
{
	const struct kq_entry *e = core->conf_applied ?
		kq_core_conf_entry(core, core->conf_applied) : NULL;
	struct kq_snap_conf *out = buf;

	if (!e)
		return 0;
	out->index = e->rec.index;
	out->term = e->rec.term;
	memcpy(out + 1, e->data, kq_entry_len(e));
	return sizeof(*out) + kq_entry_len(e);
}

/**
 * kq_core_has_left() - was this node a member, and is none any more?
 * @core: the core
 *
 * Return: true: it is committed that it has left, and it has handed over what it led; who joins
 * has not been a member yet.
 */
bool kq_core_has_left(const struct kq_core *core)
{
	return kq_is_out(core) && core->conf_index <= core->commit && !kq_is_leader(core) &&
		core->conf.left_identity[core->cfg.self] == core->hs.identity;
}

/**
 * kq_core_is_eligible() - may this node stand for election, as far as the configuration goes?
 * @core: the core
 *
 * By the newest in its log, committed or not (thesis 4.1). One that takes this node's vote may be
 * in no other log that is left, and its end be what the others lack: until it knows that to be
 * committed it may be the only one who can win, by the votes of the others, and bring it about
 * (thesis 4.2.2). It steps down then, as a leader does that removes itself.
 *
 * Return: true: it has a vote, or had one until a configuration that may not be committed.
 */
bool kq_core_is_eligible(const struct kq_core *core)
{
	if ((kq_conf_votes(&core->conf, core->cfg.self) || KQ_BREAK(LEARNER_STANDS)) &&
	    kq_is_member(core, core->cfg.self))
		return true;
	return core->conf_index > core->commit && core->had_vote && !KQ_BREAK(REMOVED_SILENT);
}

/**
 * kq_core_is_gone() - is the node that was connected last with a number one that has left?
 * @core: the core
 * @id: node id
 *
 * Return: true: nobody misses it.
 */
bool kq_core_is_gone(const struct kq_core *core, u32 id)
{
	u64 identity = core->conf.left_identity[id];

	return identity && identity == core->peer[id].identity && !kq_conf_has(&core->conf, id);
}

/**
 * kq_member_tick() - tell when it is committed that this node has left
 * @core: the core
 */
void kq_member_tick(struct kq_core *core)
{
	bool left = kq_core_has_left(core);

	if (left != core->left)
		core->events |= KQUORUM_EVENT_PEER;
	core->left = left;
}

/**
 * kq_core_member() - what a member is called and where it is
 * @core: the core
 * @id: node id
 *
 * Before there is a configuration: what is known of the founders.
 *
 * Return: valid until the next call of the core; NULL: it is no member.
 */
const struct kquorum_conf_member *kq_core_member(const struct kq_core *core, u32 id)
{
	const struct kq_entry *e;

	if (!core->conf_index)
		return core->cfg.founders & kq_node_bit(id) ? &core->founder[id] : NULL;
	e = kq_core_conf_entry(core, core->conf_index);
	return e ? kq_conf_member(e->data, &core->conf, id) : NULL;
}

/**
 * kq_core_left_name() - what the last one was called that left with a number
 * @core: the core
 * @id: the number
 *
 * Return: valid until the next call of the core; empty: nobody has left with it.
 */
const char *kq_core_left_name(const struct kq_core *core, u32 id)
{
	const struct kq_entry *e = core->conf_index ? kq_core_conf_entry(core, core->conf_index) :
		NULL;
	const struct kquorum_conf_left *l = e ? kq_conf_left(e->data, &core->conf, id) : NULL;

	return l ? l->name : "";
}

/* What stays from one configuration to the next; who leaves is noted with number and name. */
static void carry_on(const struct kq_core *core, struct kq_conf *conf,
		     const char *left[KQ_MAX_NODES + 1])
{
	u32 id;

	conf->lineage = core->conf.lineage;
	conf->left = core->conf.left;
	memcpy(conf->left_identity, core->conf.left_identity, sizeof(conf->left_identity));
	kq_for_each_node(conf->left, id)
		left[id] = kq_core_left_name(core, id);
	kq_for_each_node(kq_conf_members(&core->conf) & ~kq_conf_members(conf), id) {
		const struct kquorum_conf_member *m = kq_core_member(core, id);

		conf->left |= kq_node_bit(id);
		conf->left_identity[id] = core->conf.identity[id];
		left[id] = m ? m->name : "";
	}
}

/* The payload of an entry with @conf, for kq_free(); its length and CRC go into @rec. */
static void *conf_payload(struct kq_core *core, struct kq_conf *conf,
			  const struct kq_conf_change *change, struct kq_record *rec)
{
	const struct kquorum_conf_member *member[KQ_MAX_NODES + 1];
	const char *left[KQ_MAX_NODES + 1] = {};
	void *payload = kq_alloc(KQ_CONF_MAX);
	u32 id;

	if (!payload)
		return NULL;
	for (id = 1; id <= KQ_MAX_NODES; id++)
		member[id] = change && change->id == id ? &change->member :
			kq_core_member(core, id);
	carry_on(core, conf, left);
	rec->len = cpu_to_le32(kq_conf_write(conf, member, left, payload));
	rec->crc = cpu_to_le32(kq_entry_crc(rec, payload));
	return payload;
}

/* May this node begin the log of the cluster? */
static bool may_begin(const struct kq_core *core)
{
	u32 id;

	if (core->log.last || core->report.claimed_index || core->stopping ||
	    (core->cfg.joins && !KQ_BREAK(JOINER_BEGINS)) || core->state != KQUORUM_NODE_RUNNING ||
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
	struct kq_conf first = { .voters = core->cfg.founders, .origin = core->hs.identity,
				 .before = core->cfg.set, .now = core->cfg.set };
	struct kq_record rec = {
		.index = cpu_to_le64(1), .term = cpu_to_le64(1),
		.type = cpu_to_le16(KQ_ENTRY_CONF), .node = cpu_to_le32(core->cfg.self),
	};
	struct kq_entry *e;
	void *payload;
	u32 id;

	if (!may_begin(core))
		return;
	kq_for_each_node(first.voters, id)
		first.identity[id] = core->peer[id].identity;
	payload = conf_payload(core, &first, NULL, &rec);
	e = payload ? kq_entry_from_record(&rec, payload) : NULL;
	kq_free(payload);
	/* Without memory the next tick tries again. */
	if (!e || kq_log_append(&core->log, e)) {
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

static int append_conf(struct kq_core *core, struct kq_conf *conf,
		       const struct kq_conf_change *change)
{
	struct kq_record rec = {};
	void *payload = conf_payload(core, conf, change, &rec);
	int err = -ENOMEM;

	if (payload)
		err = kq_leader_append_own(core, KQ_ENTRY_CONF, payload, le32_to_cpu(rec.len));
	kq_free(payload);
	return err;
}

/* Who is there now, with nearly all of the log. */
static kq_nodes ready_members(struct kq_core *core)
{
	u64 election_ns = kq_ms(core->eff.election_ms);
	kq_nodes ready = kq_node_bit(core->cfg.self);
	struct kq_peer *p;

	kq_for_each_member(core, p)
		if (p->connected && !p->flags && kq_is_member(core, p->id) &&
		    p->progress == KQUORUM_PROGRESS_REPLICATE &&
		    core->now_ns - p->heard_ns <= election_ns &&
		    core->log.last - p->match <= CAUGHT_UP)
			ready |= kq_node_bit(p->id);
	return ready;
}

/* Is the node with this number one that has left, and another is meant, with another name? */
static bool is_another(const struct kq_core *core, const struct kq_conf_change *change, u32 id)
{
	return kq_core_is_gone(core, id) && change->id == id &&
		strcmp(change->member.name, kq_core_left_name(core, id)) &&
		!KQ_BREAK(TAKEN_FOR_ANOTHER);
}

/*
 * Who is in it keeps its identity; who joins brings its own, and must be connected to tell. Who
 * has left, and was not stopped, is not taken for the one that gets its number.
 */
static int identify(const struct kq_core *core, const struct kq_conf_change *change,
		    struct kq_conf *conf)
{
	u32 id;

	conf->origin = core->conf.origin;
	conf->before = core->conf.before;
	conf->now = core->conf.now;
	memcpy(conf->identity, core->conf.identity, sizeof(conf->identity));
	kq_for_each_node(kq_conf_members(conf) & ~kq_conf_members(&core->conf), id) {
		if (!core->peer[id].connected)
			return -EHOSTUNREACH;
		if (is_another(core, change, id))
			return -EKEYREJECTED;
		conf->identity[id] = core->peer[id].identity;
	}
	conf->witnesses = core->conf.witnesses & kq_conf_members(conf);
	if (change->id && change->member.flags & KQUORUM_CONF_WITNESS)
		conf->witnesses |= kq_node_bit(change->id);
	else if (change->id)
		conf->witnesses &= ~kq_node_bit(change->id);
	return kq_conf_only_witnesses(conf, conf->voters) ? -EDOM : 0;
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

/*
 * Has another member that name or address? One that is away may be the very machine that comes
 * back there without its files, in its own place.
 */
static int check_texts(const struct kq_core *core, const struct kq_conf_change *change)
{
	kq_nodes others = kq_conf_members(&change->to) & ~kq_node_bit(change->id);
	u32 id;

	kq_for_each_node(others, id) {
		const struct kquorum_conf_member *m = kq_core_member(core, id);

		if (!m)
			continue;
		if (m->name[0] && !strcmp(m->name, change->member.name))
			return -ENOTUNIQ;
		if (m->address[0] && !strcmp(m->address, change->member.address) &&
		    (id == core->cfg.self || core->peer[id].connected))
			return -EADDRINUSE;
	}
	return 0;
}

/* Can it be done at all? Return: 0, or as kq_core_reconfigure(). */
static int check_change(const struct kq_core *core, const struct kq_conf_change *change)
{
	const struct kq_conf *to = &change->to;
	kq_nodes joining = kq_conf_members(to) & ~kq_conf_members(&core->conf);

	if (to->outgoing || kq_conf_check(to))
		return -EINVAL;
	if (change->id && (change->id > KQ_MAX_NODES || !kq_conf_has(to, change->id) ||
			   kq_conf_check_member(&change->member)))
		return -EINVAL;
	if (change->based_on && change->based_on != core->conf_index)
		return -ESTALE;
	if (kq_conf_same(to, &core->conf) && !change->id && !change->settings)
		return -EALREADY;
	if (joining & ~kq_node_bit(change->id))
		return -EDESTADDRREQ;
	if (number_is_taken(core, joining))
		return -EEXIST;
	return change->id ? check_texts(core, change) : 0;
}

/**
 * kq_core_reconfigure() - change who decides, what a member is called, or the settings
 * @core: the core
 * @now_ns: the clock
 * @change: what is wanted
 *
 * It is entered by way of a joint configuration when other nodes vote in it. Whether it has
 * come about is seen in core->conf and core->conf_index.
 *
 * Return: 0: it is in the log; -EREMOTE when not leader; -EAGAIN: no entry of this term is
 * committed yet; -EBUSY: another change, or a transfer, is under way; -EINVAL: it cannot be used;
 * -ESTALE: the configuration is another by now; -EALREADY: it is in force; -EINPROGRESS: the
 * settings before those in force are not out of use yet; -EDOM: all voters would be witnesses;
 * -EDESTADDRREQ: a node joins that @change does not describe; -ENOTUNIQ: another member has that
 * name; -EADDRINUSE: another one that is connected has that address; -EEXIST: a node that joins has
 * a session of its earlier life; -EHOSTUNREACH: a node that joins is not connected; -EKEYREJECTED:
 * it is one that left with that number and had another name; -ENOSPC: no room in the log, not even
 * for this; -ENOTCONN: no majority of its voters is connected and caught up; or as
 * kq_leader_append().
 */
int kq_core_reconfigure(struct kq_core *core, u64 now_ns, const struct kq_conf_change *change)
{
	struct kq_conf next = change->to;
	int err;

	core->now_ns = now_ns;
	if (!kq_is_leader(core))
		return -EREMOTE;
	if (!core->lead_ready && !KQ_BREAK(SINGLE_SERVER))
		return -EAGAIN;
	if (core->transfer_to || core->conf.outgoing ||
	    (core->conf_index > core->commit && !KQ_BREAK(TWO_CHANGES)))
		return -EBUSY;
	err = check_change(core, change);
	if (err)
		return err;
	err = identify(core, change, &next);
	if (!err && change->settings)
		err = kq_overlap_change(core, change, &next);
	if (err)
		return err;
	/* The way out of a joint configuration is another entry: it must not be stuck there. */
	if (!kq_disk_has_room(core, 2 * kq_record_size(KQ_CONF_MAX), KQ_WAL_ROOM_CONF))
		return -ENOSPC;
	if (next.voters != core->conf.voters) {
		if (kq_conf_decided(&next, ready_members(core), 0) <= 0)
			return -ENOTCONN;
		if (!KQ_BREAK(SINGLE_SERVER))
			next.outgoing = core->conf.voters;
	}
	return append_conf(core, &next, change);
}

/* Learners that are to have a vote, and have caught up. */
static kq_nodes promotable(struct kq_core *core)
{
	kq_nodes ready = ready_members(core), promote = 0;
	u32 id;

	kq_for_each_node(core->conf.learners & ready, id)
		if (kq_core_member(core, id)->flags & KQUORUM_CONF_PROMOTE)
			promote |= kq_node_bit(id);
	return promote;
}

/* That it cannot be done now is no matter: the next tick tries again. */
static void promote_learners(struct kq_core *core)
{
	kq_nodes promote = promotable(core);
	struct kq_conf_change change = { .to = core->conf };

	if (!promote)
		return;
	change.to.voters |= promote;
	change.to.learners &= ~promote;
	kq_core_reconfigure(core, core->now_ns, &change);
}

/**
 * kq_member_step_down() - a leader that should not be one looks for a successor once, and goes
 * @core: the core, leader
 * @why: what is the matter with it
 */
void kq_member_step_down(struct kq_core *core, const char *why)
{
	if (core->transfer_to)
		return;
	if (!core->handed_over) {
		core->handed_over = true;
		if (!kq_core_transfer(core, core->now_ns, 0))
			return;
	}
	kq_trace(core, "steps down: %s", why);
	kq_become_follower(core, core->hs.term, 0);
}

/* A history that came from another one says so in its log, before anything else is done. */
static bool lineage_is_logged(const struct kq_core *core)
{
	return core->conf_index != le64_to_cpu(core->conf.lineage.begins) || !core->conf_index;
}

/**
 * kq_member_settle() - what follows at the leader from a configuration that is committed
 * @core: the core
 *
 * A joint one is left (that no memory or room was there for it is mended at the next tick); a
 * leader without a vote steps down (thesis 4.2.2); settings that were replaced go out of use;
 * learners get the vote that they wait for.
 */
void kq_member_settle(struct kq_core *core)
{
	struct kq_conf to = core->conf;

	if (!kq_is_leader(core) || !core->lead_ready || core->conf_index > core->commit)
		return;
	if (core->conf.outgoing || !lineage_is_logged(core)) {
		to.outgoing = 0;
		append_conf(core, &to, NULL);
	} else if (!kq_conf_votes(&core->conf, core->cfg.self) && !KQ_BREAK(REMOVED_LEADS)) {
		kq_member_step_down(core, "has no vote");
	} else if (kq_overlap_is_over(core)) {
		to.before = to.now;
		append_conf(core, &to, NULL);
	} else if (core->conf.learners && !core->transfer_to) {
		promote_learners(core);
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
	core->conf_applied = kq_entry_index(e);
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
