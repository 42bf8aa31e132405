// SPDX-License-Identifier: GPL-2.0
/*
 * A node's life: start after recovery, roles and terms, the dispatch of messages,
 * the end.
 */
#include "kq_int.h"

/**
 * kq_cluster_hash() - what every message carries: cluster id and founders
 * @cfg: configuration
 *
 * Nodes that differ in one do not talk to each other.
 *
 * Return: the hash.
 */
u64 kq_cluster_hash(const struct kq_config *cfg)
{
	__le64 cluster = cpu_to_le64(cfg->cluster_id);
	u32 hi = kq_crc(0, &cluster, sizeof(cluster));
	u32 lo = kq_crc(0x6b71, &cluster, sizeof(cluster));
	u32 id;

	kq_for_each_node(cfg->founders, id) {
		__le32 m = cpu_to_le32(id);

		lo = kq_crc(lo, &m, sizeof(m));
	}
	return (u64)hi << 32 | lo;
}

/**
 * kq_core_create() - a core, to be recovered into and then started
 * @cfg: checked configuration; copied
 *
 * Return: the core, or NULL without memory.
 */
struct kq_core *kq_core_create(const struct kq_config *cfg)
{
	struct kq_core *core = kq_alloc(sizeof(*core));
	u32 i;

	if (!core)
		return NULL;
	core->cfg = *cfg;
	core->cluster_hash = kq_cluster_hash(cfg);
	core->wal = kq_wal_create(cfg->cluster_id, cfg->self, cfg->segment_bytes,
				  cfg->segments);
	core->res = kq_resources_create();
	if (!core->wal || !core->res) {
		kq_wal_destroy(core->wal);
		kq_resources_free(core->res);
		kq_free(core);
		return NULL;
	}
	core->state = KQUORUM_NODE_RECOVERING;
	core->role = KQUORUM_FOLLOWER;
	for (i = 0; i <= KQ_MAX_NODES; i++) {
		core->peer[i].id = i;
		INIT_LIST_HEAD(&core->peer[i].msgs);
	}
	kq_overlap_effective(core);
	INIT_LIST_HEAD(&core->held);
	INIT_LIST_HEAD(&core->owners);
	core->owners_by_id = RB_ROOT;
	core->owners_by_end = RB_ROOT;
	INIT_LIST_HEAD(&core->pending);
	INIT_LIST_HEAD(&core->changed);
	INIT_LIST_HEAD(&core->done);
	INIT_LIST_HEAD(&core->local.open.node);
	core->next_owner = 1;
	return core;
}

/**
 * kq_core_name_founder() - what a founder is called
 * @core: the core, not started
 * @id: node id
 * @name: for people
 * @address: where the others connect to it
 *
 * Counts until there is a configuration, and becomes part of the first one.
 *
 * Return: 0 or -EINVAL: what no configuration can hold.
 */
int kq_core_name_founder(struct kq_core *core, u32 id, const char *name, const char *address)
{
	struct kquorum_conf_member *m = &core->founder[id];

	memset(m, 0, sizeof(*m));
	m->priority = KQUORUM_PRIORITY_DEFAULT;
	if (strscpy(m->name, name, sizeof(m->name)) < 0 ||
	    strscpy(m->address, address, sizeof(m->address)) < 0 || kq_conf_check_member(m))
		return -EINVAL;
	return 0;
}

/**
 * kq_core_destroy() - free a core
 * @core: the core; no write is under way, its done list has been taken
 *
 * Owners that are still open are let go of: @closed is set, nothing is linked.
 */
void kq_core_destroy(struct kq_core *core)
{
	struct kq_owner *o, *next;
	u32 i;

	if (!core)
		return;
	/* Handles that are still open live on, in their end state. */
	list_for_each_entry_safe(o, next, &core->owners, node) {
		list_del_init(&o->node);
		list_del_init(&o->changed);
		list_del_init(&o->acquire.node);
		list_del_init(&o->release.node);
		o->closed = true;
	}
	KQ_ASSERT(core, !core->save);
	kq_batch_free(core->batch);
	for (i = 0; i <= KQ_MAX_NODES; i++)
		kq_msgs_free(&core->peer[i].msgs);
	kq_held_drop(core, 0);
	kq_entry_free(core->local.open.entry);
	kq_resources_free(core->res);
	kq_log_destroy(&core->log);
	kq_entry_free(core->base_conf);
	kq_wal_destroy(core->wal);
	kq_free(core);
}

/* What was missing when it was put back may be there, or not be needed, as it is read now. */
static int recover_fill(struct kq_core *core, const struct kq_record *rec)
{
	const struct kq_entry *old = kq_log_get(&core->log, le64_to_cpu(rec->index));
	int err;

	if (le64_to_cpu(rec->index) <= core->log.base_index)
		return 0;
	if (old)
		return old->rec.term == rec->term && old->rec.crc == rec->crc ? 0 : -EUCLEAN;
	err = kq_machines_log(&core->log, rec, rec + 1, kq_log_fill);
	return err == -EINVAL ? -EUCLEAN : err;
}

static int recover_gap(struct kq_core *core, u64 after, u64 last, u64 term)
{
	struct kq_log *log = &core->log;

	kq_log_truncate(log, max(after, log->base_index));
	return last >= log->last ? kq_log_skip(log, last, term) : 0;
}

/**
 * kq_core_recover_entry() - recovery delivers an entry (kq_wal_entry_fn)
 * @ctx: the core
 * @rec: the record, or of a type KQ_RECORD_BASE, _GAP or _FILL
 * @payload: its payload
 *
 * Return: 0, -ENOMEM, or -EUCLEAN.
 */
int kq_core_recover_entry(void *ctx, const struct kq_record *rec, const void *payload)
{
	struct kq_core *core = ctx;

	if (le16_to_cpu(rec->type) == KQ_RECORD_FILL)
		return recover_fill(core, payload);
	if (le16_to_cpu(rec->type) == KQ_RECORD_GAP)
		return recover_gap(core, le64_to_cpu(rec->seq), le64_to_cpu(rec->index),
				   le64_to_cpu(rec->term));
	if (le16_to_cpu(rec->type) == KQ_RECORD_BASE) {
		kq_log_reset(&core->log, le64_to_cpu(rec->index), le64_to_cpu(rec->term));
		return 0;
	}
	/* Its predecessor went with a segment; a snapshot stands for both. */
	if (le64_to_cpu(rec->index) <= core->log.base_index) {
		kq_log_reset(&core->log, le64_to_cpu(rec->index), le64_to_cpu(rec->term));
		return 0;
	}
	if (le64_to_cpu(rec->index) <= core->log.last)
		kq_log_truncate(&core->log, le64_to_cpu(rec->index) - 1);
	return kq_machines_log(&core->log, rec, payload, kq_log_append);
}

/**
 * kq_promise_longest() - how long may another clock take for a promise, measured on this one?
 * @core: the core
 * @promised_ns: the promise; that of this node counts if it is longer
 *
 * Return: nanoseconds.
 */
u64 kq_promise_longest(const struct kq_core *core, u64 promised_ns)
{
	u64 promise = max(promised_ns, core->hs.promise_ns);

	return promise + div_u64(promise, 1000000) * 2 * core->eff.drift_ppm + kq_ms(1);
}

/*
 * A log that still begins with its first entry needs no snapshot. Where it goes on from one that
 * cannot be had, its entries are good and count in an election, but nothing can be applied.
 */
static void start_without_snapshot(struct kq_core *core)
{
	if (!core->log.base_index) {
		core->reason[0] = '\0';
		return;
	}
	core->stateless = true;
	core->state = KQUORUM_NODE_DAMAGED;
	if (!core->reason[0])
		snprintf(core->reason, sizeof(core->reason),
			 "snapshot: there is none, and the log begins above index %llu",
			 (unsigned long long)core->log.base_index);
}

/* Of a survivor what can be read is all there is; that it is not all of it is said. */
static void start_damaged(struct kq_core *core, const struct kq_wal_report *report)
{
	snprintf(core->reason, sizeof(core->reason), "log damaged: %s", report->reason);
	core->disk_state = KQUORUM_DISK_DAMAGED;
	core->events |= KQUORUM_EVENT_DISK;
	if (!core->cfg.survivor)
		core->state = KQUORUM_NODE_DAMAGED;
	else if (!core->snap.index && core->log.base_index)
		start_without_snapshot(core);
}

/**
 * kq_core_start() - take part, with what recovery found
 * @core: the core, all entries delivered
 * @now_ns: the clock
 * @report: how recovery went; a snapshot that it names has been restored, or could not be
 *
 * The first thing written is the new incarnation; until that is durable nothing
 * leaves. A node that ran before does not know what it promised: it neither
 * votes nor campaigns until the longest such promise has passed.
 */
void kq_core_start(struct kq_core *core, u64 now_ns, const struct kq_wal_report *report)
{
	bool damaged = report->health == KQ_WAL_DAMAGED;
	bool fresh = !report->hs.incarnation;

	core->now_ns = now_ns;
	core->report = *report;
	core->hs = report->hs;
	kq_trim_missing(core, &report->hs.snap);
	/* Who may not go on writing, or does not speak with anybody, has what is before that. */
	if (core->log.missing && (core->cfg.survivor || report->health == KQ_WAL_DAMAGED)) {
		u64 first = 0, last;

		kq_log_gap(&core->log, &first, &last);
		kq_log_truncate(&core->log, first - 1);
		damaged = true;
	}
	core->recovered_term = core->hs.term;
	core->durable_term = core->hs.term;
	if (!fresh) {
		memmove(core->hs.starts + 1, core->hs.starts,
			sizeof(core->hs.starts) - sizeof(core->hs.starts[0]));
		core->hs.starts[0] = (u32)core->hs.incarnation;
	}
	core->hs.incarnation = kq_incarnation(core->hs.incarnation, core->cfg.salt);
	if (!core->hs.identity)
		core->hs.identity = core->cfg.salt | 1;
	kq_self(core)->identity = core->hs.identity;
	core->write_next = core->log.last + 1;
	core->written_bytes = core->log.bytes;
	core->durable = core->log.last;
	kq_member_cut(core);
	core->disk_idle_ns = now_ns;
	core->wait_until_ns = now_ns;
	/* Kept, should it start again before that has passed: kq_promise_tick(). */
	core->hs.promise_ns = max(core->hs.promise_ns, kq_ms(core->eff.election_ms));
	if (!fresh && !KQ_BREAK(NO_WAIT))
		core->wait_until_ns += kq_promise_longest(core, report->hs.promise_ns);
	core->state = KQUORUM_NODE_RUNNING;
	core->events |= KQUORUM_EVENT_STATE;
	if (damaged)
		start_damaged(core, report);
	else if (!core->snap.index)
		start_without_snapshot(core);
	kq_repair_start(core);
	if (core->cfg.survivor) {
		kq_survivor_start(core);
		return;
	}
	kq_hard_state_changed(core);
	kq_disk_pump(core);
}

/**
 * kq_core_fail() - this node stops serving, for good; the first reason stays
 * @core: the core
 * @error: negative errno
 * @why: one line for a person
 *
 * It no longer votes, acknowledges or leads. The cluster goes on without it.
 */
void kq_core_fail(struct kq_core *core, s32 error, const char *why)
{
	if (core->state == KQUORUM_NODE_FAILED)
		return;
	core->state = KQUORUM_NODE_FAILED;
	snprintf(core->reason, sizeof(core->reason), "%s", why);
	if (!core->disk_error)
		core->disk_error = error;
	core->role = KQUORUM_FOLLOWER;
	core->leader = 0;
	core->canvass = KQUORUM_CANVASS_NONE;
	kq_held_drop(core, 0);
	core->events |= KQUORUM_EVENT_STATE | KQUORUM_EVENT_LEADER | KQUORUM_EVENT_DISK;
	kq_trace(core, "failed: %s", why);
}

/**
 * kq_become_follower() - follow @leader (0: nobody yet) in @term
 * @core: the core
 * @term: at least the present one; the vote is cleared by a new one only
 * @leader: node id
 */
void kq_become_follower(struct kq_core *core, u64 term, u32 leader)
{
	bool was_leader = kq_is_leader(core);

	if (!KQ_ASSERT(core, term >= core->hs.term))
		return;
	if (term > core->hs.term) {
		core->hs.term = term;
		core->hs.vote = 0;
		core->hs.vote_inc = 0;
		kq_hard_state_changed(core);
		core->verified = 0;
		core->round = 0;
		core->resp_due = false;
	}
	if (KQ_BREAK(VOTE_FORGOTTEN))
		core->hs.vote = 0;
	if (core->role == KQUORUM_CANDIDATE)
		core->canvass = KQUORUM_CAMPAIGN_LOST;
	else if (core->role == KQUORUM_CANVASSING)
		core->canvass = KQUORUM_CANVASS_LOST;
	if (core->role != KQUORUM_FOLLOWER || core->leader != leader)
		core->events |= KQUORUM_EVENT_LEADER;
	if (core->role != KQUORUM_FOLLOWER)
		kq_trace(core, "follower");
	core->role = KQUORUM_FOLLOWER;
	core->lead_ready = false;
	core->transfer_to = 0;
	if (was_leader) {
		core->verified = 0;
		core->round = 0;
	}
	if (core->leader != leader) {
		core->leader = leader;
		if (leader)
			kq_rate_forget(core);
		kq_propose_unsend(core);
	}
}

/**
 * kq_quorum_value() - the highest value that a majority has reached
 * @core: the core
 * @value: of one member
 *
 * Return: as kq_conf_reached().
 */
u64 kq_quorum_value(struct kq_core *core, u64 (*value)(struct kq_core *, struct kq_peer *))
{
	u64 v[KQ_MAX_NODES + 1] = {};
	struct kq_peer *p;

	kq_for_each_member(core, p)
		v[p->id] = kq_is_member(core, p->id) ? value(core, p) : 0;
	return kq_conf_reached(&core->conf, v);
}

static void watch_silence(struct kq_core *core)
{
	bool silent = !core->leader || (!kq_is_leader(core) &&
		core->now_ns - core->heard_ns > kq_ms(core->eff.election_ms));

	if (silent && !core->silent)
		core->events |= KQUORUM_EVENT_SILENCE;
	core->silent = silent;
}

/**
 * kq_core_tick() - time has passed; call it every quarter of a heartbeat
 * @core: the core
 * @now_ns: the clock
 */
void kq_core_tick(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	kq_lease_local_tick(core);
	kq_owners_tick(core);
	if (core->state == KQUORUM_NODE_FAILED)
		kq_owners_failed(core);
	if (!kq_is_up(core))
		return;
	kq_disk_watch(core);
	kq_peer_tick(core);
	kq_promise_tick(core);
	kq_scrub_settle(core);
	kq_trim(core);
	kq_repair_tick(core);
	kq_member_begin(core);
	kq_member_tick(core);
	kq_vote_tick(core);
	kq_rate_tick(core);
	if (kq_is_leader(core)) {
		kq_disk_probe(core);
		kq_leader_tick(core);
	}
	watch_silence(core);
	kq_propose_pump(core);
	kq_disk_pump(core);
}

/* A message of an older term: tell the sender, so that a deposed one steps down. */
static void answer_stale(struct kq_core *core, const struct kq_wire_hdr *h)
{
	struct kq_msg *msg;

	if (h->type != KQ_MSG_APPEND)
		return;
	msg = kq_msg_alloc(core, le32_to_cpu(h->from), KQ_MSG_APPEND_RESP,
			   sizeof(struct kq_body_append_resp));
	if (msg)
		kq_msg_send(core, msg, core->hs.term);
}

/*
 * A node that has failed takes no part and takes no new term, but its leader's status should
 * tell it from one that is merely silent. It speaks of the term that is on its disk.
 */
static void answer_failed(struct kq_core *core, const struct kq_wire_hdr *h)
{
	struct kq_body_append_resp *r;
	struct kq_msg *msg;

	if (core->state != KQUORUM_NODE_FAILED || h->type != KQ_MSG_APPEND || !core->durable_term)
		return;
	if (KQ_BREAK(SILENT) && le64_to_cpu(h->term) != core->hs.term)
		return;
	msg = kq_msg_alloc(core, le32_to_cpu(h->from), KQ_MSG_APPEND_RESP, sizeof(*r));
	if (!msg)
		return;
	r = kq_msg_body(msg);
	r->flags = cpu_to_le32(KQ_APPEND_FAILED);
	kq_msg_send_failed(core, msg);
}

static bool says_failed(const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_append_resp *r = body;

	return h->type == KQ_MSG_APPEND_RESP && le32_to_cpu(r->flags) & KQ_APPEND_FAILED;
}

/* Returns false when the message is of no further interest. */
static bool recv_term(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	u64 term = le64_to_cpu(h->term);

	if (h->type == KQ_MSG_PREVOTE_REQ || h->type == KQ_MSG_PREVOTE_RESP ||
	    h->type == KQ_MSG_VOTE_REQ || h->type == KQ_MSG_MET ||
	    h->type == KQ_MSG_FETCH || h->type == KQ_MSG_FETCHED)
		return true;	/* these decide by themselves what a term means */
	if (term < core->hs.term) {
		answer_stale(core, h);
		return says_failed(h, body);
	}
	if (term > core->hs.term)
		kq_become_follower(core, term,
				   h->type == KQ_MSG_APPEND ? le32_to_cpu(h->from) : 0);
	return true;
}

typedef void (*recv_fn)(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);

static const recv_fn recv_table[KQ_MSG_TYPE_END] = {
	[KQ_MSG_PREVOTE_REQ] = kq_vote_recv_req,
	[KQ_MSG_PREVOTE_RESP] = kq_vote_recv_resp,
	[KQ_MSG_VOTE_REQ] = kq_vote_recv_req,
	[KQ_MSG_VOTE_RESP] = kq_vote_recv_resp,
	[KQ_MSG_APPEND] = kq_follow_recv_append,
	[KQ_MSG_APPEND_RESP] = kq_leader_recv_resp,
	[KQ_MSG_PROPOSE] = kq_propose_recv,
	[KQ_MSG_PROPOSE_RESP] = kq_propose_recv_resp,
	[KQ_MSG_RENEW] = kq_lease_recv_renew,
	[KQ_MSG_RENEW_RESP] = kq_lease_recv_renew_resp,
	[KQ_MSG_TIMEOUT_NOW] = kq_vote_recv_timeout_now,
	[KQ_MSG_MET] = kq_peer_recv_met,
	[KQ_MSG_SUM] = kq_sum_recv,
	[KQ_MSG_FETCH] = kq_repair_recv_fetch,
	[KQ_MSG_FETCHED] = kq_repair_recv_fetched,
};

/**
 * kq_core_recv() - a message has arrived
 * @core: the core
 * @now_ns: the clock
 * @h: its header, checked by kq_wire_check_header()
 * @body: its body, checked by kq_wire_check_body()
 * @why: set to what is wrong
 *
 * Return: 0, or -EPROTO when a peer says what cannot be: close the connection.
 */
int kq_core_recv(struct kq_core *core, u64 now_ns, const struct kq_wire_hdr *h,
		 const void *body, const char **why)
{
	u32 from = le32_to_cpu(h->from);

	core->now_ns = now_ns;
	*why = NULL;
	if (from > KQ_MAX_NODES || !core->peer[from].connected)
		return 0;	/* of a connection that was given up meanwhile */
	if (!kq_is_up(core)) {
		answer_failed(core, h);
		return 0;
	}
	if (h->type == KQ_MSG_APPEND && le64_to_cpu(h->term) == core->hs.term &&
	    (kq_is_leader(core) || (core->leader && core->leader != from))) {
		*why = "a second leader in one term";
		return -EPROTO;
	}
	core->peer[from].seen_ns = now_ns;
	core->refused = NULL;
	if (!says_failed(h, body))
		kq_peer_heard(core, from);
	if (recv_term(core, h, body))
		recv_table[h->type](core, h, body);
	kq_disk_pump(core);
	*why = core->refused;
	return core->refused ? -EPROTO : 0;
}

/**
 * kq_core_take_msgs() - move the messages for a peer to the sender's list
 * @core: the core
 * @id: node id
 * @to: list of struct kq_msg, appended to; they are freed with kq_free()
 */
void kq_core_take_msgs(struct kq_core *core, u32 id, struct list_head *to)
{
	list_splice_tail_init(&core->peer[id].msgs, to);
}

/**
 * kq_core_take_events() - what changed since the last call
 * @core: the core
 *
 * Return: enum kquorum_event bits.
 */
u32 kq_core_take_events(struct kq_core *core)
{
	u32 events = core->events;

	core->events = 0;
	return events;
}

/**
 * kq_core_has_quorum() - is there a leader, heard of in time?
 * @core: the core
 *
 * Return: true if so, as far as this node knows.
 */
bool kq_core_has_quorum(const struct kq_core *core)
{
	if (core->state != KQUORUM_NODE_RUNNING || !core->leader)
		return false;
	return kq_is_leader(core) ||
		core->now_ns - core->heard_ns <= kq_ms(core->eff.election_ms);
}

/**
 * kq_core_wire_peer() - what headers on the connection to a peer must say
 * @core: the core
 * @id: node id
 * @out: filled in
 */
void kq_core_wire_peer(const struct kq_core *core, u32 id, struct kq_wire_peer *out)
{
	out->cluster = core->cluster_hash;
	out->self = core->cfg.self;
	out->self_inc = core->hs.incarnation;
	out->peer = id;
	out->peer_inc = core->peer[id].incarnation;
}

/**
 * kq_core_stop() - leave in an orderly way: end the session, hand over leadership
 * @core: the core
 * @now_ns: the clock
 * @force: do not wait for either
 *
 * All handles end at once. Ask kq_core_stopped() after each further event.
 */
void kq_core_stop(struct kq_core *core, u64 now_ns, bool force)
{
	core->now_ns = now_ns;
	if (!core->stopping) {
		core->stopping = true;
		core->stopping_since_ns = now_ns;
		core->events |= KQUORUM_EVENT_STATE;
		kq_lease_close(core);
		kq_owners_end(core);
	}
	if (force)
		core->stopping_since_ns = 0;
	kq_disk_pump(core);
}

/**
 * kq_core_stopped() - may the node be taken down now?
 * @core: the core
 *
 * Return: true when the session is closed and leadership handed over, or when
 * two election timeouts have not sufficed for that.
 */
bool kq_core_stopped(const struct kq_core *core)
{
	if (!core->stopping)
		return false;
	if (!kq_is_up(core) || core->state == KQUORUM_NODE_DAMAGED)
		return true;
	if (core->now_ns - core->stopping_since_ns > 2 * kq_ms(core->eff.election_ms))
		return true;
	if (core->local.state != KQ_SESSION_NONE)
		return false;
	return !kq_is_leader(core) || core->conf.voters == kq_node_bit(core->cfg.self);
}
