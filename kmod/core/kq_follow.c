// SPDX-License-Identifier: GPL-2.0
/*
 * The follower's side of replication (Raft paper 5.3): match, cut off what
 * conflicts, append, answer when it is durable.
 */
#include "kq_int.h"

/*
 * There may be room again, and no entry come that would show it: the leader sends none as long
 * as it is told that there is none.
 */
static bool store_is_full(struct kq_core *core)
{
	core->store_full = core->store_full &&
		(KQ_BREAK(FULL_STAYS) ||
		 !kq_disk_has_room(core, core->store_bytes, core->store_room));
	return core->store_full;
}

static void respond(struct kq_core *core, u32 flags, u64 reject_prev, u64 hint_index)
{
	struct kq_body_append_resp *r;
	struct kq_msg *msg;

	msg = kq_msg_alloc(core, core->leader, KQ_MSG_APPEND_RESP, sizeof(*r));
	if (!msg)
		return;
	r = kq_msg_body(msg);
	r->round = cpu_to_le64(core->round);
	kq_rate_stamp(core, &core->peer[core->leader], &r->clock);
	r->match = cpu_to_le64(KQ_BREAK(ACK_UNVERIFIED) ? core->durable :
			       min(core->durable, core->verified));
	r->disk_ns = cpu_to_le64(core->disk_ns);
	if (store_is_full(core))
		flags |= KQ_APPEND_FULL;
	if (core->log_full)
		flags |= KQ_APPEND_LOW;
	if (core->state != KQUORUM_NODE_RUNNING)
		flags |= KQ_APPEND_FAULTY;
	if (flags & (KQ_APPEND_REJECT | KQ_APPEND_STATELESS)) {
		r->reject_prev = cpu_to_le64(reject_prev);
		r->hint_index = cpu_to_le64(hint_index);
		r->hint_term = cpu_to_le64(kq_log_term(&core->log, hint_index));
	}
	r->flags = cpu_to_le32(flags);
	kq_msg_send(core, msg, core->hs.term);
}

/* Where the logs may agree: no later than @index, no later term than @term. */
static u64 find_hint(const struct kq_core *core, u64 index, u64 term)
{
	index = min(index, core->log.last);
	while (index > core->log.base_index && kq_log_term(&core->log, index) > term)
		index--;
	/* What a snapshot stands for is committed, so the leader has it. */
	return max(index, core->log.base_index);
}

/* Does this log have that entry? What is before its base it has, in its snapshot. */
static bool log_has(const struct kq_core *core, u64 index, u64 term)
{
	return index < core->log.base_index ||
		(index <= core->log.last && kq_log_term(&core->log, index) == term);
}

static void advance_commit(struct kq_core *core, u64 commit)
{
	/* Not past what this leader verified: a longer tail may be of a dead branch. */
	commit = min(commit, KQ_BREAK(COMMIT_UNVERIFIED) ? core->log.last : core->verified);
	if (commit <= core->commit)
		return;
	core->commit = commit;
	kq_machines_apply(core);
}

/**
 * kq_is_of_another_history() - is this a configuration of a log that began elsewhere?
 * @core: the core
 * @rec: checked record
 * @payload: its payload
 *
 * Return: true: it does not belong into this log.
 */
bool kq_is_of_another_history(const struct kq_core *core, const struct kq_record *rec,
			      const void *payload)
{
	struct kq_conf conf;

	return le16_to_cpu(rec->type) == KQ_ENTRY_CONF && core->conf.origin &&
		!kq_conf_read(payload, le32_to_cpu(rec->len), &conf) &&
		conf.origin != core->conf.origin;
}

/* Take the records that are not there yet. Returns false when one could not be stored. */
static bool take_records(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_append *b = body;
	const void *end = (const u8 *)body + le32_to_cpu(h->len);
	const void *p = b + 1;

	while (p < end) {
		struct kq_record rec;
		const void *next = kq_wire_next_record(p, end, &rec);
		u64 index = le64_to_cpu(rec.index);

		if (!KQ_ASSERT(core, next))	/* kq_wire_check_body() has seen it */
			return false;
		if (index < core->log.base_index) {
			p = next;
			continue;
		}
		if (index <= core->log.last &&
		    kq_log_term(&core->log, index) != le64_to_cpu(rec.term)) {
			/* Cut, the log would end before what counts as agreed. */
			if (index <= core->verified)
				core->refused = "a leader sends two entries for one index";
			else if (index <= core->commit)
				core->refused = "a leader overwrites what is committed";
			if (core->refused)
				return false;
			kq_trace(core, "cuts its log to %llu", (unsigned long long)index - 1);
			kq_log_cut(core, index - 1);
			if (!kq_is_up(core))
				return false;
		}
		if (index <= core->log.last && index > core->log.base_index &&
		    kq_log_get(&core->log, index)->rec.crc != rec.crc) {
			kq_core_fail(core, -EUCLEAN,
				     "two histories: entries differ under one index and term");
			return false;
		}
		if (index > core->log.last) {
			core->store_bytes = kq_record_size(le32_to_cpu(rec.len));
			core->store_room = kq_room_of(le16_to_cpu(rec.type));
			core->store_full = !kq_disk_has_room(core, core->store_bytes,
							     core->store_room);
			if (core->store_full)
				return false;
			if (kq_is_of_another_history(core, &rec, (const u8 *)p + sizeof(rec))) {
				core->refused = "a configuration of another cluster";
				return false;
			}
			if (kq_machines_log(&core->log, &rec, (const u8 *)p + sizeof(rec),
					    kq_log_append))
				return false;
			kq_member_logged(core, kq_log_get(&core->log, index));
		}
		core->verified = max(core->verified, index);
		p = next;
	}
	return true;
}

/*
 * What this node acknowledged may have been counted for a commit. When it is gone (the
 * disk lied, or the files are older than that), it must not vote: it could elect a leader
 * without it. Its leader knows as long as its term lasts; a later leader, or a start
 * after it, cannot tell. A node that did not restart in this term lost nothing. An older
 * log may even be longer, by a dead branch that had been cut off.
 */
static bool has_what_it_acknowledged(struct kq_core *core, u64 match, u64 prev, u64 prev_term)
{
	bool other = prev <= match && !log_has(core, prev, prev_term);
	/* What it installed stands for all that it had acknowledged. */
	u64 has = max(core->durable, core->restart_at);
	char why[160];

	if ((match <= has && (!other || KQ_BREAK(LOST_BRANCH))) || KQ_BREAK(LOST))
		return true;
	if (core->hs.term != core->recovered_term) {
		core->refused = "counts on what was never acknowledged";
		return false;
	}
	snprintf(why, sizeof(why),
		 "acknowledged log entries are gone: up to %llu, the log ends at %llu; the disk lost them, or the files are older",
		 (unsigned long long)match, (unsigned long long)core->durable);
	kq_core_fail(core, -EUCLEAN, why);
	return false;
}

/**
 * kq_follow_recv_append() - entries or a heartbeat of the leader of this term
 * @core: the core
 * @h: header; its term is the node's
 * @body: struct kq_body_append and records
 */
void kq_follow_recv_append(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_append *b = body;
	u32 from = le32_to_cpu(h->from);
	u64 prev = le64_to_cpu(b->prev_index), prev_term = le64_to_cpu(b->prev_term);
	bool stored;

	if (core->role != KQUORUM_FOLLOWER || core->leader != from)
		kq_become_follower(core, core->hs.term, from);
	core->heard_ns = core->now_ns;
	kq_promise_give(core, le32_to_cpu(b->promise_ms));
	core->round = max(core->round, le64_to_cpu(b->round));
	kq_rate_heard(core, &core->peer[from], &b->clock);
	if (core->state == KQUORUM_NODE_DAMAGED) {
		bool says = core->stateless && !KQ_BREAK(STATELESS_SILENT);
		u64 need = max(core->hs.snap.index, core->log.base_index);

		need = max(need, core->repair.need);
		/* Says that it is faulty, and what it lacks if that can be mended. */
		respond(core, says || core->repair.need ? KQ_APPEND_STATELESS : 0, 0, need);
		return;
	}
	if (!has_what_it_acknowledged(core, le64_to_cpu(b->match), prev, prev_term))
		return;
	if (!log_has(core, prev, prev_term) &&
	    !(prev <= core->log.last && KQ_BREAK(PREV_TERM))) {
		respond(core, KQ_APPEND_REJECT, prev, find_hint(core, prev, prev_term));
		return;
	}
	core->verified = max(core->verified, prev);
	stored = take_records(core, h, body);
	if (!kq_is_up(core))
		return;
	advance_commit(core, le64_to_cpu(b->commit));
	if (!kq_is_up(core))
		return;
	kq_sum_tell(core);
	kq_propose_pump(core);
	/*
	 * What needs no write is answered at once; else the answer comes with the end
	 * of the write. What could not be stored is asked for again by the leader.
	 */
	if (!stored)
		respond(core, KQ_APPEND_REJECT, le64_to_cpu(b->prev_index) + 1, core->log.last);
	else if (le32_to_cpu(b->flags) & KQ_APPEND_COMMIT)
		return;
	else if (!b->count || core->durable >= core->verified)
		respond(core, 0, 0, 0);
	else
		core->resp_due = true;
}

/**
 * kq_follow_durable() - a write ended: acknowledge what is durable now
 * @core: the core
 */
void kq_follow_durable(struct kq_core *core)
{
	if (!core->resp_due)
		return;
	KQ_ASSERT(core, core->leader);
	KQ_ASSERT(core, !kq_is_leader(core));
	core->resp_due = core->durable < core->verified;
	respond(core, 0, 0, 0);
}
