// SPDX-License-Identifier: GPL-2.0
/*
 * STATUS: everything about a node in one answer, a snapshot under its lock. It never
 * waits for recovery: that has the core for itself, so only what was configured is
 * told meanwhile.
 */
#include "netlink.h"
#include "node.h"
#include "transport.h"

#define KQ_STATUS_BYTES	(16 * 1024)	/* 15 peers with all their strings, twice over */

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, KQUORUM_A_PAD);
}

/* Time since @since, a clock of ours; 0: never. The other may have been read later. */
static u64 age(u64 now, u64 since)
{
	return since && now > since ? now - since : 0;
}

static int put_locks(struct sk_buff *skb, struct kq_askers *as)
{
	return nla_put_u32(skb, KQUORUM_A_LOCKS, kq_askers_handles(as)) ||
	       nla_put_u32(skb, KQUORUM_A_USER_LOCKS, as->user_max) ||
	       nla_put_u32(skb, KQUORUM_A_NODE_LOCKS, as->node_max) ? -EMSGSIZE : 0;
}

static int put_config(struct sk_buff *skb, const struct kq_node *node)
{
	if (nla_put_u32(skb, KQUORUM_A_GROUP, 0) ||
	    nla_put_string(skb, KQUORUM_A_NAME, node->cluster) ||
	    put_u64(skb, KQUORUM_A_CLUSTER_ID, node->cfg.cluster_id) ||
	    put_u64(skb, KQUORUM_A_CLUSTER_HASH, kq_cluster_hash(&node->cfg)) ||
	    nla_put_u32(skb, KQUORUM_A_FOUNDERS, node->cfg.founders) ||
	    (node->cfg.joins && nla_put_flag(skb, KQUORUM_A_JOINS)) ||
	    nla_put_u32(skb, KQUORUM_A_NODE_ID, node->cfg.self))
		return -EMSGSIZE;
	return 0;
}

/* Those in effect, and what came before them as long as somebody may rely on that. */
static int put_settings(struct sk_buff *skb, const struct kq_node *node, u64 now)
{
	const struct kq_core *core = node->core;
	u64 until = core->overlap_until_ns;
	bool logged = core->conf_index;

	if (kq_nl_put_settings(skb, KQUORUM_A_SETTINGS, logged ? &core->conf.now : &node->cfg.set,
			       node->cfg.segment_bytes))
		return -EMSGSIZE;
	if (!logged || !kq_conf_overlaps(&core->conf))
		return 0;
	if (kq_nl_put_settings(skb, KQUORUM_A_SETTINGS_BEFORE, &core->conf.before, 0))
		return -EMSGSIZE;
	if (core->role != KQUORUM_LEADER || !until)
		return 0;
	return put_u64(skb, KQUORUM_A_OVERLAP_LEFT, until > now ? until - now : 0);
}

static int put_members(struct sk_buff *skb, const struct kq_node *node, kq_nodes members)
{
	u32 id;

	kq_for_each_node(members, id) {
		struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_MEMBER);

		if (!nest || nla_put_u32(skb, KQUORUM_MEMBER_ID, id) ||
		    nla_put_string(skb, KQUORUM_MEMBER_NAME, node->member[id].name) ||
		    nla_put_string(skb, KQUORUM_MEMBER_ADDRESS, node->member[id].address) ||
		    nla_put_u32(skb, KQUORUM_MEMBER_FLAGS, node->member[id].flags) ||
		    nla_put_u32(skb, KQUORUM_MEMBER_PRIORITY, node->member[id].priority))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

/* A daemon that has died sends and takes nothing any more. */
static bool has_transit(const struct kq_node *node, u32 id)
{
	return node->member[id].transit.index && atomic_read(&node->daemon);
}

static int put_transit(struct sk_buff *skb, const struct kq_transit *t)
{
	struct nlattr *nest = nla_nest_start(skb, KQUORUM_PEER_TRANSIT);

	if (!nest ||
	    nla_put_u64_64bit(skb, KQUORUM_TRANSIT_INDEX, t->index, KQUORUM_TRANSIT_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_TRANSIT_BYTES, t->bytes, KQUORUM_TRANSIT_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_TRANSIT_DONE, t->done, KQUORUM_TRANSIT_PAD) ||
	    (t->comes && nla_put_flag(skb, KQUORUM_TRANSIT_COMES)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Connected under a member's number, by a configuration that is not known here, or by mistake. */
static bool is_stranger(const struct kq_node *node, u32 id)
{
	const struct kq_core *core = node->core;

	return node->conn[id] && kq_conf_has(&core->conf, id) &&
		core->peer[id].identity != core->conf.identity[id];
}

/* Of who is no member only its own word is known. */
static const char *peer_name(const struct kq_node *node, u32 id)
{
	return node->member[id].name[0] || !node->conn[id] ? node->member[id].name :
		node->conn[id]->name;
}

static int put_peer(struct sk_buff *skb, const struct kq_node *node, u32 id, u64 now)
{
	const struct kq_member *m = &node->member[id];
	const struct kq_core *core = node->core;
	const struct kq_peer *p = &core->peer[id];
	struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_PEER);
	bool leader = core->role == KQUORUM_LEADER;

	if (!nest || nla_put_u32(skb, KQUORUM_PEER_ID, id) ||
	    nla_put_string(skb, KQUORUM_PEER_NAME, peer_name(node, id)) ||
	    nla_put_string(skb, KQUORUM_PEER_ADDRESS, m->address) ||
	    nla_put_u8(skb, KQUORUM_PEER_CONNECTED, !!node->conn[id]) ||
	    nla_put_u64_64bit(skb, KQUORUM_PEER_INCARNATION, core->hs.peer[id], KQUORUM_PEER_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_PEER_DROPS, m->drops, KQUORUM_PEER_PAD))
		return -EMSGSIZE;
	if (nla_put_u32(skb, KQUORUM_PEER_WHOSE, core->hs.whose[id]) ||
	    nla_put_u32(skb, KQUORUM_PEER_MET, core->hs.met[id]) ||
	    nla_put_u64_64bit(skb, KQUORUM_PEER_IDENTITY, core->conf.identity[id],
			      KQUORUM_PEER_PAD))
		return -EMSGSIZE;
	if (m->reason[0] && nla_put_string(skb, KQUORUM_PEER_REASON, m->reason))
		return -EMSGSIZE;
	if (p->seen_ns && nla_put_u64_64bit(skb, KQUORUM_PEER_SEEN, age(now, p->seen_ns),
					    KQUORUM_PEER_PAD))
		return -EMSGSIZE;
	if (leader && (nla_put_u32(skb, KQUORUM_PEER_PROGRESS, p->progress) ||
		       nla_put_u64_64bit(skb, KQUORUM_PEER_MATCH, p->match, KQUORUM_PEER_PAD) ||
		       nla_put_u32(skb, KQUORUM_PEER_INFLIGHT_BYTES, p->inflight_bytes) ||
		       nla_put_u64_64bit(skb, KQUORUM_PEER_RTT, p->rtt_ns, KQUORUM_PEER_PAD) ||
		       nla_put_u64_64bit(skb, KQUORUM_PEER_DISK, p->disk_ns, KQUORUM_PEER_PAD) ||
		       nla_put_u32(skb, KQUORUM_PEER_FLAGS, p->flags)))
		return -EMSGSIZE;
	if (p->rate.judged_ns &&
	    (nla_put_s32(skb, KQUORUM_PEER_RATE_MIN, p->rate.min_ppm) ||
	     nla_put_s32(skb, KQUORUM_PEER_RATE_MAX, p->rate.max_ppm) ||
	     (p->rate.off && nla_put_s32(skb, KQUORUM_PEER_CLOCK_OFF, p->rate.off))))
		return -EMSGSIZE;
	if (kq_core_needs_snapshot(core, id) &&
	    nla_put_u64_64bit(skb, KQUORUM_PEER_SNAPSHOT, p->snap_index, KQUORUM_PEER_PAD))
		return -EMSGSIZE;
	if ((node->conn[id] && node->conn[id]->from[0] &&
	     nla_put_string(skb, KQUORUM_PEER_FROM, node->conn[id]->from)) ||
	    (is_stranger(node, id) && nla_put_flag(skb, KQUORUM_PEER_STRANGER)) ||
	    (has_transit(node, id) && put_transit(skb, &m->transit)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Of itself: what it is called where no MEMBER says so, and why nobody can connect to it. */
static int put_self(struct sk_buff *skb, const struct kq_node *node, bool member)
{
	const struct kq_member *m = &node->member[node->cfg.self];
	struct nlattr *nest;

	if (member && !m->reason[0])
		return 0;
	nest = nla_nest_start(skb, KQUORUM_A_PEER);
	if (!nest || nla_put_u32(skb, KQUORUM_PEER_ID, node->cfg.self) ||
	    nla_put_string(skb, KQUORUM_PEER_NAME, m->name) ||
	    nla_put_string(skb, KQUORUM_PEER_ADDRESS, m->address) ||
	    (m->reason[0] && nla_put_string(skb, KQUORUM_PEER_REASON, m->reason)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Whom the node was started with. */
static kq_nodes known_nodes(const struct kq_node *node)
{
	kq_nodes known = 0;
	u32 id;

	kq_for_each_node(KQ_NODES_BITS, id)
		if (node->member[id].name[0])
			known |= kq_node_bit(id);
	return known;
}

/* Members, who is connected, and who would be but for a reason that can be told. */
static int put_peers(struct sk_buff *skb, const struct kq_node *node, u64 now)
{
	kq_nodes members = node->core->conf_index ? kq_conf_members(&node->core->conf) :
		known_nodes(node);
	u32 id;

	if (put_members(skb, node, members))
		return -EMSGSIZE;
	kq_for_each_node(KQ_NODES_BITS & ~kq_node_bit(node->cfg.self), id) {
		if (!(members & kq_node_bit(id)) && !node->conn[id] &&
		    !node->member[id].reason[0] && !has_transit(node, id))
			continue;
		if (put_peer(skb, node, id, now))
			return -EMSGSIZE;
	}
	return put_self(skb, node, members & kq_node_bit(node->cfg.self));
}

static int put_repair(struct sk_buff *skb, const struct kq_core *core)
{
	u64 first = core->repair.from, last;

	if (!core->repair.total)
		return 0;
	if (!kq_log_gap(&core->log, &first, &last))
		first = 0;
	return nla_put_u64_64bit(skb, KQUORUM_DISK_TO_REPAIR, core->repair.total,
				 KQUORUM_DISK_PAD) ||
	       nla_put_u64_64bit(skb, KQUORUM_DISK_MISSING, core->log.missing,
				 KQUORUM_DISK_PAD) ||
	       nla_put_u64_64bit(skb, KQUORUM_DISK_MISSING_FROM, first, KQUORUM_DISK_PAD) ||
	       nla_put_u32(skb, KQUORUM_DISK_LACKS, core->repair.lacks) ? -EMSGSIZE : 0;
}

static int put_disk(struct sk_buff *skb, const struct kq_core *core, u64 now)
{
	struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_DISK);
	u64 offset = core->report.offset;
	u32 slot = core->report.slot;

	if (core->disk_state != KQUORUM_DISK_DAMAGED)
		kq_wal_position(core->wal, &slot, &offset);
	if (!nest || nla_put_u32(skb, KQUORUM_DISK_STATE, core->disk_state) ||
	    nla_put_s32(skb, KQUORUM_DISK_ERROR, core->disk_error) ||
	    nla_put_u64_64bit(skb, KQUORUM_DISK_CAPACITY, kq_wal_capacity(core->wal),
			      KQUORUM_DISK_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_DISK_USED, kq_wal_used(core->wal), KQUORUM_DISK_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_DISK_WRITE_TIME, core->disk_ns, KQUORUM_DISK_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_DISK_WRITE_AGE,
			      core->batch ? age(now, core->batch_since_ns) : 0,
			      KQUORUM_DISK_PAD) ||
	    nla_put_u32(skb, KQUORUM_DISK_SEGMENT, slot) ||
	    nla_put_u64_64bit(skb, KQUORUM_DISK_OFFSET, offset, KQUORUM_DISK_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_DISK_TORN,
			      core->report.health == KQ_WAL_TORN ? core->report.bytes : 0,
			      KQUORUM_DISK_PAD) ||
	    nla_put_u32(skb, KQUORUM_DISK_CROSSED, core->report.crossed) || put_repair(skb, core))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_counters(struct sk_buff *skb, const struct kq_node *node)
{
	const struct kq_counters *c = &node->core->counters;
	struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_COUNTERS);
	const struct {
		int attr;
		u64 value;
	} list[] = {
		{ KQUORUM_COUNTER_ELECTIONS, c->elections },
		{ KQUORUM_COUNTER_BATCHES, c->batches },
		{ KQUORUM_COUNTER_ENTRIES, c->entries },
		{ KQUORUM_COUNTER_BAD_MESSAGES, node->bad_messages },
		{ KQUORUM_COUNTER_BUSY, c->busy },
		{ KQUORUM_COUNTER_PENDING, node->core->pending_count },
	};
	u32 i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(list); i++)
		if (nla_put_u64_64bit(skb, list[i].attr, list[i].value, KQUORUM_COUNTER_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_session(struct sk_buff *skb, const struct kq_core *core, u64 now)
{
	const struct kq_local_session *l = &core->local;
	u64 left = l->deadline_ns > now ? l->deadline_ns - now : 0;
	u64 wait = core->wait_until_ns > now ? core->wait_until_ns - now : 0;

	return put_u64(skb, KQUORUM_A_SESSION, l->state >= KQ_SESSION_OPEN ? l->id : 0) ||
		put_u64(skb, KQUORUM_A_SESSION_LEFT, left) ||
		put_u64(skb, KQUORUM_A_WAIT_LEFT, wait) ? -EMSGSIZE : 0;
}

static int put_raft(struct sk_buff *skb, const struct kq_core *core, u64 now)
{
	bool leader = core->role == KQUORUM_LEADER;
	struct kquorum_past past;

	kq_core_past(core, 0, &past);
	if (nla_put_u32(skb, KQUORUM_A_ROLE, core->role) ||
	    put_u64(skb, KQUORUM_A_TERM, core->hs.term) ||
	    nla_put_u32(skb, KQUORUM_A_VOTE, core->hs.vote) ||
	    nla_put_u32(skb, KQUORUM_A_LEADER, core->leader) ||
	    nla_put_u8(skb, KQUORUM_A_QUORUM, kq_core_has_quorum(core)) ||
	    put_u64(skb, KQUORUM_A_COMMIT_INDEX, core->commit) ||
	    put_u64(skb, KQUORUM_A_APPLIED_INDEX, core->applied) ||
	    put_u64(skb, KQUORUM_A_DURABLE_INDEX, core->durable) ||
	    put_u64(skb, KQUORUM_A_LAST_INDEX, core->log.last) ||
	    nla_put_u32(skb, KQUORUM_A_CANVASS, core->canvass) ||
	    put_u64(skb, KQUORUM_A_CONF_INDEX, core->conf_index) ||
	    nla_put_u32(skb, KQUORUM_A_VOTERS, core->conf.voters) ||
	    nla_put_u32(skb, KQUORUM_A_OUTGOING, core->conf.outgoing) ||
	    nla_put_u32(skb, KQUORUM_A_LEARNERS, core->conf.learners) ||
	    nla_put_u32(skb, KQUORUM_A_GONE, core->conf.left) ||
	    (kq_core_is_eligible(core) && nla_put_flag(skb, KQUORUM_A_ELIGIBLE)) ||
	    (kq_core_has_left(core) && nla_put_flag(skb, KQUORUM_A_LEFT)) ||
	    (core->own_off && nla_put_s32(skb, KQUORUM_A_CLOCK_OFF, core->own_off)))
		return -EMSGSIZE;
	/* A greeting may name an incarnation only once it cannot come again. */
	if (core->hs_durable && (put_u64(skb, KQUORUM_A_INCARNATION, core->hs.incarnation) ||
				 nla_put(skb, KQUORUM_A_PAST, sizeof(past), &past)))
		return -EMSGSIZE;
	if (put_u64(skb, KQUORUM_A_FIRST_INDEX, core->log.base_index + 1))
		return -EMSGSIZE;
	if ((leader || core->heard_ns) &&
	    put_u64(skb, KQUORUM_A_SILENCE, leader ? 0 : age(now, core->heard_ns)))
		return -EMSGSIZE;
	return 0;
}

static int put_snapshot(struct sk_buff *skb, const struct kq_snap_ref *ref)
{
	struct nlattr *nest;

	if (!ref->index)
		return 0;
	nest = nla_nest_start(skb, KQUORUM_A_SNAPSHOT);
	if (!nest ||
	    nla_put_u64_64bit(skb, KQUORUM_SNAPSHOT_INDEX, ref->index, KQUORUM_SNAPSHOT_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_SNAPSHOT_TERM, ref->term, KQUORUM_SNAPSHOT_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_SNAPSHOT_BYTES, ref->bytes, KQUORUM_SNAPSHOT_PAD) ||
	    nla_put_u32(skb, KQUORUM_SNAPSHOT_CRC, ref->crc))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_lineage(struct sk_buff *skb, const struct kquorum_lineage *l)
{
	return l->how ? nla_put(skb, KQUORUM_A_LINEAGE, sizeof(*l), l) : 0;
}

/* What those were called that have left: the log may not tell any more. */
static int put_departed(struct sk_buff *skb, const struct kq_core *core)
{
	u32 id;

	kq_for_each_node(core->conf.left, id) {
		struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_DEPARTED);

		if (!nest || nla_put_u32(skb, KQUORUM_MEMBER_ID, id) ||
		    nla_put_string(skb, KQUORUM_MEMBER_NAME, kq_core_left_name(core, id)))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

static u32 shown_state(const struct kq_core *core)
{
	return core->stopping && core->state == KQUORUM_NODE_RUNNING ?
		KQUORUM_NODE_STOPPING : core->state;
}

static int put_core(struct sk_buff *skb, struct kq_node *node)
{
	const struct kq_core *core = node->core;
	u64 now = kq_clock();
	const char *reason = core->reason[0] ? core->reason : node->reason;

	if (nla_put_u32(skb, KQUORUM_A_STATE, shown_state(core)) || put_settings(skb, node, now) ||
	    put_raft(skb, core, now) || put_session(skb, core, now) ||
	    put_snapshot(skb, &core->snap) || put_lineage(skb, &core->conf.lineage) ||
	    put_departed(skb, core) ||
	    put_peers(skb, node, now) || put_disk(skb, core, now) ||
	    kq_nl_put_scrub(skb, node, now) || put_counters(skb, node))
		return -EMSGSIZE;
	return reason[0] ? nla_put_string(skb, KQUORUM_A_REASON, reason) : 0;
}

static int put_status(struct sk_buff *skb, struct kq_node *node)
{
	int err = put_config(skb, node);

	if (err || put_locks(skb, &node->askers) ||
	    nla_put_u8(skb, KQUORUM_A_DAEMON, !!atomic_read(&node->daemon)))
		return -EMSGSIZE;
	mutex_lock(&node->lock);
	if (put_u64(skb, KQUORUM_A_EPOCH, node->epoch))
		err = -EMSGSIZE;
	else if (node->dead)
		err = -ENODEV;
	else if (node->recovering)
		err = nla_put_u32(skb, KQUORUM_A_STATE, KQUORUM_NODE_RECOVERING) ||
			kq_nl_put_settings(skb, KQUORUM_A_SETTINGS, &node->cfg.set,
					   node->cfg.segment_bytes) ||
			put_members(skb, node, known_nodes(node)) ? -EMSGSIZE : 0;
	else
		err = put_core(skb, node);
	mutex_unlock(&node->lock);
	return err;
}

/**
 * kq_nl_status() - STATUS
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_status(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_node *node = kq_nl_node(genl_info_net(info), info->extack);
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (IS_ERR(node))
		return PTR_ERR(node);
	reply = genlmsg_new(KQ_STATUS_BYTES, GFP_KERNEL);
	err = -ENOMEM;
	if (!reply)
		goto put;
	hdr = genlmsg_put_reply(reply, info, &kq_nl_family, 0, KQUORUM_CMD_STATUS);
	err = hdr ? put_status(reply, node) : -EMSGSIZE;
	if (err) {
		nlmsg_free(reply);
		goto put;
	}
	genlmsg_end(reply, hdr);
	err = genlmsg_reply(reply, info);
put:
	kq_node_put(node);
	return err;
}
