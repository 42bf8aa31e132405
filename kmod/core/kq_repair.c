// SPDX-License-Identifier: GPL-2.0
/*
 * Repair: entries that damage took from the log on disk are fetched from whoever has them.
 *
 * No leader is needed, since the log itself tells whose entries are the same: where two logs have
 * one entry in common, by index and term, they agree on all before it (Raft paper 5.3, log
 * matching). So a node asks with the entry that follows what it lacks, or with the end that its
 * newest header claims, and only a log that has that one answers. Until all is back, and on disk,
 * the node takes nothing new, leads nobody, and votes by the log end that it had.
 *
 * What the leader itself has no more, or has not for it is of a dead branch, a snapshot stands for:
 * for all of the log if it is new enough, see kq_repair_covers(); else for what is missing up to
 * its last entry, if the log has that one, see kq_repair_goes_on(). What nobody has is lost, and
 * the node says so.
 */
#include "kq_int.h"

/* For a person: where to look. How many are missing changes, and stands elsewhere in the status. */
static void say(struct kq_core *core)
{
	u64 first = core->repair.from, last = 0;

	kq_log_gap(&core->log, &first, &last);
	snprintf(core->reason, sizeof(core->reason),
		 "log damaged: %.100s; entries are missing from %llu on", core->report.reason,
		 (unsigned long long)first);
}

/**
 * kq_repair_start() - recovery went on behind damage
 * @core: the core, being started; its state is set
 *
 * Where nothing is missing it is as good as any other.
 */
void kq_repair_start(struct kq_core *core)
{
	if (!core->log.missing)
		return;
	core->repair.total = core->log.missing;
	core->state = KQUORUM_NODE_DAMAGED;
	core->disk_state = KQUORUM_DISK_DAMAGED;
	core->events |= KQUORUM_EVENT_DISK;
	say(core);
}

/* All of it is back, and on disk. */
static void finish(struct kq_core *core)
{
	kq_trace(core, "has repaired its log: %llu entries",
		 (unsigned long long)core->repair.total);
	memset(&core->repair, 0, sizeof(core->repair));
	core->written_bytes = core->log.bytes;
	core->events |= KQUORUM_EVENT_DISK | KQUORUM_EVENT_STATE;
	kq_member_cut(core);
	if (core->stateless) {
		snprintf(core->reason, sizeof(core->reason),
			 "snapshot: that of index %llu is missing, or cannot be read",
			 (unsigned long long)core->hs.snap.index);
		return;
	}
	core->state = KQUORUM_NODE_RUNNING;
	core->disk_state = KQUORUM_DISK_OK;
	core->reason[0] = '\0';
}

/* The entry by which another log shows that it had the same before it. */
static void match(const struct kq_core *core, u64 last, u64 *index, u64 *term)
{
	*index = min(last + 1, core->log.last);
	*term = kq_log_term(&core->log, *index);
}

static void ask(struct kq_core *core, struct kq_peer *p, u64 first, u64 last)
{
	struct kq_msg *msg = kq_msg_alloc(core, p->id, KQ_MSG_FETCH, sizeof(struct kq_body_fetch));
	struct kq_body_fetch *b;
	u64 index, term;

	if (!msg)
		return;
	match(core, last, &index, &term);
	b = kq_msg_body(msg);
	b->first = cpu_to_le64(first);
	b->last = cpu_to_le64(last);
	b->match_index = cpu_to_le64(index);
	b->match_term = cpu_to_le64(term);
	core->repair.asked = p->id;
	core->repair.asked_ns = core->now_ns;
	kq_msg_send(core, msg, core->hs.term);
}

/* Who comes next, of those that are there and have not said that they lack it? */
static struct kq_peer *whom(struct kq_core *core)
{
	kq_nodes there = 0;
	struct kq_peer *p;

	kq_for_each_peer(core, KQ_NODES_BITS, p)
		if (p->connected && !(core->repair.lacks & kq_node_bit(p->id)))
			there |= kq_node_bit(p->id);
	p = kq_peer_next(core, there, core->repair.asked);
	return p ? p : kq_peer_next(core, there, 0);
}

/**
 * kq_repair_tick() - go on fetching what is missing
 * @core: the core
 */
void kq_repair_tick(struct kq_core *core)
{
	struct kq_repair *r = &core->repair;
	u64 patience = kq_ms(core->eff.election_ms);
	struct kq_peer *p;
	u64 last;

	if (!r->total || r->first)
		return;
	if (r->waits && core->now_ns - r->asked_ns <= patience)
		return;
	if (!kq_log_gap(&core->log, &r->from, &last))
		return;
	p = whom(core);
	if (!p && core->now_ns - r->asked_ns > patience) {
		r->lacks = 0;		/* they may have been repaired themselves since */
		p = whom(core);
	}
	r->waits = p;
	if (p)
		ask(core, p, r->from, last);
}

/**
 * kq_repair_recv_fetch() - another node lacks entries
 * @core: the core
 * @h: header
 * @body: struct kq_body_fetch
 *
 * Entries of a log that is not the same before the one that it names are not those.
 */
void kq_repair_recv_fetch(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_fetch *b = body;
	u64 first = le64_to_cpu(b->first), last = le64_to_cpu(b->last);
	u64 at = le64_to_cpu(b->match_index);
	bool same = at > core->log.base_index && at <= core->log.last &&
		kq_log_term(&core->log, at) == le64_to_cpu(b->match_term);
	struct kq_body_fetched *r;
	struct kq_msg *msg;
	u32 bytes;

	if (!same && !KQ_BREAK(REPAIR_ANY))
		last = first - 1;
	bytes = kq_msg_entries_fit(core, first, &last);
	msg = kq_msg_alloc(core, le32_to_cpu(h->from), KQ_MSG_FETCHED, sizeof(*r) + bytes);
	if (!msg)
		return;
	r = kq_msg_body(msg);
	r->first = b->first;
	r->match_index = b->match_index;
	r->match_term = b->match_term;
	r->last_index = cpu_to_le64(core->log.last);
	r->count = cpu_to_le32((u32)(last + 1 - first));
	r->flags = cpu_to_le32(kq_is_leader(core) ? KQ_FETCHED_LEADS : 0);
	kq_msg_put_entries(core, first, last, r + 1);
	kq_msg_send(core, msg, max_t(u64, core->hs.term, 1));
}

/* Puts the records back. Returns how many; fewer than came: the peer, or memory, is to blame. */
static u64 put_back(struct kq_core *core, const struct kq_body_fetched *b, const void *end,
		    u64 last, u64 match_term)
{
	u64 first = le64_to_cpu(b->first), index = first;
	u64 term = kq_log_term(&core->log, first - 1);
	const void *p = b + 1;

	while (p < end) {
		struct kq_record rec;
		const void *next = kq_wire_next_record(p, end, &rec);

		if (!KQ_ASSERT(core, next))	/* kq_wire_check_body() has seen it */
			break;
		if (index > last || le64_to_cpu(rec.term) < term ||
		    le64_to_cpu(rec.term) > match_term ||
		    (b->match_index == rec.index && b->match_term != rec.term)) {
			core->refused = "sends entries that were not missing";
			break;
		}
		if (kq_is_of_another_history(core, &rec, (const u8 *)p + sizeof(rec))) {
			core->refused = "a configuration of another cluster";
			break;
		}
		if (kq_machines_log(&core->log, &rec, (const u8 *)p + sizeof(rec), kq_log_fill))
			break;
		term = le64_to_cpu(rec.term);
		p = next;
		index++;
	}
	return index - first;
}

/**
 * kq_repair_recv_fetched() - another node answers
 * @core: the core
 * @h: header
 * @body: struct kq_body_fetched and records
 */
void kq_repair_recv_fetched(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_fetched *b = body;
	const void *end = (const u8 *)body + le32_to_cpu(h->len);
	struct kq_repair *r = &core->repair;
	u32 from = le32_to_cpu(h->from);
	u64 last, index, term, got;
	bool leads;

	if (!r->total || !r->waits || r->asked != from || r->first ||
	    !kq_log_gap(&core->log, &r->from, &last))
		return;
	match(core, last, &index, &term);
	if (le64_to_cpu(b->first) != r->from || le64_to_cpu(b->match_index) != index ||
	    le64_to_cpu(b->match_term) != term)
		return;		/* to what was asked before */
	r->waits = false;
	/* What the leader of this term has not got, nobody needs. */
	leads = le32_to_cpu(b->flags) & KQ_FETCHED_LEADS && core->leader == from &&
		le64_to_cpu(h->term) == core->hs.term;
	if (leads)
		r->enough = le64_to_cpu(b->last_index);
	if (!b->count) {
		r->lacks |= kq_node_bit(from);
		if (leads)
			r->need = max(r->need, index);
		kq_repair_tick(core);
		return;
	}
	got = put_back(core, b, end, last, term);
	if (!got)
		return;
	r->lacks = 0;
	r->first = r->from;
	r->last = r->from + got - 1;
	if (core->log.missing)
		say(core);
	core->events |= KQUORUM_EVENT_DISK;
}

/**
 * kq_repair_batch() - make a batch that puts entries back
 * @core: the core
 * @first: index of the first; gets that of the next that is to be put back, 0 when none is
 * @last: index of the last
 * @batch: gets it, with as many as it takes
 *
 * Return: as kq_wal_encode_repaired().
 */
int kq_repair_batch(struct kq_core *core, u64 *first, u64 last, struct kq_batch **batch)
{
	struct kq_entry *entries[64];
	u32 count = 0;
	u64 i;
	int err;

	for (i = *first; i <= last && count < ARRAY_SIZE(entries); i++)
		entries[count++] = kq_log_get(&core->log, i);
	core->hs.commit = core->commit;
	err = kq_wal_encode_repaired(core->wal, &core->hs, entries, count, KQ_WAL_ROOM_INTERNAL,
				     batch);
	if (err)
		return err;
	*first += (*batch)->entries;
	if (*first > last)
		*first = 0;
	return 0;
}

/**
 * kq_repair_encode() - make a batch of what was fetched
 * @core: the core; core->repair.first is set
 * @batch: gets it
 *
 * Return: as kq_wal_encode_repaired().
 */
int kq_repair_encode(struct kq_core *core, struct kq_batch **batch)
{
	struct kq_repair *r = &core->repair;
	int err = kq_repair_batch(core, &r->first, r->last, batch);

	if (err == -ENOSPC)
		r->need = core->report.claimed_index;	/* it makes room */
	return err;
}

/* On disk too, or what stands for it. */
static bool all_is_back(const struct kq_core *core)
{
	return !core->log.missing && !core->repair.first &&
		!(core->batch && core->batch->repaired) &&
		!core->snap_next.index && !core->snap_version;
}

/**
 * kq_repair_written() - what was put back is on disk, or not needed there any more
 * @core: the core
 */
void kq_repair_written(struct kq_core *core)
{
	if (!core->repair.total)
		return;		/* a snapshot came first */
	if (all_is_back(core))
		finish(core);
	else
		kq_repair_tick(core);
}

/**
 * kq_repair_covers() - does a snapshot stand for what is missing?
 * @core: the core, entries of whose log are missing
 * @ref: the snapshot
 *
 * What this node acknowledged may be committed because it did. All that is committed below its end
 * a snapshot has. One that ends earlier has it too, if its last entry is of a later term than any
 * in which this node acknowledged something: the leader of that term had all of it (Raft paper
 * 5.4.3, leader completeness), before that entry. So did the leader of the present term, and what
 * this node acknowledged in that term is in that leader's log: what is behind the end that it had
 * at any time of the term is not committed.
 *
 * Return: true: it does.
 */
bool kq_repair_covers(const struct kq_core *core, const struct kq_snap_ref *ref)
{
	u64 end = core->report.claimed_index;

	if (core->repair.enough)
		end = min(end, core->repair.enough);
	return ref->index >= end || ref->term > core->recovered_term || KQ_BREAK(REPAIR_OLD);
}

/**
 * kq_repair_goes_on() - does the log go on behind a snapshot that does not stand for all of it?
 * @core: the core, entries of whose log are missing
 * @ref: the snapshot
 *
 * Where the log has the very entry that the snapshot ends with, it had all before it too, and may
 * go on.
 *
 * Return: true: it does, and not all that is missing is behind it.
 */
bool kq_repair_goes_on(const struct kq_core *core, const struct kq_snap_ref *ref)
{
	u64 first = 0, last;

	return kq_log_gap(&core->log, &first, &last) && first < ref->index &&
		kq_log_get(&core->log, ref->index) &&
		kq_log_term(&core->log, ref->index) == ref->term;
}

/**
 * kq_repair_refused() - a snapshot that came is of no use
 * @core: the core
 * @ref: the snapshot
 *
 * Should it be as new as was asked for, this log is another one there: one that stands for all of
 * it is needed.
 */
void kq_repair_refused(struct kq_core *core, const struct kq_snap_ref *ref)
{
	if (core->repair.need && ref->index >= core->repair.need)
		core->repair.need = core->report.claimed_index;
}

/**
 * kq_repair_installed() - a snapshot stands for what is missing up to its last entry
 * @core: the core; kq_repair_goes_on()
 * @ref: the snapshot
 */
void kq_repair_installed(struct kq_core *core, const struct kq_snap_ref *ref)
{
	struct kq_repair *r = &core->repair;

	kq_trim_missing(core, ref);
	core->written_bytes = core->log.bytes;
	if (r->first && r->first <= ref->index)
		r->first = r->last > ref->index ? ref->index + 1 : 0;
	r->from = max(r->from, ref->index + 1);
	r->need = 0;
	r->lacks = 0;
	r->waits = false;
	if (core->log.missing)
		say(core);
}
