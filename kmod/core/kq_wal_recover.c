// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: recovery. Which segments are read, in which order, and what follows
 * for the log. kq_wal_check.c says what a place holds, kq_wal_chain.c follows the batches.
 */
#include "kq_break.h"
#include "kq_wal_priv.h"

/* After damage: go on behind the newest header, repeating the log end it claims. */
static void kq_scan_resume(struct kq_wal *wal)
{
	const struct kq_wal_head *h = &wal->scan.newest;

	if (!wal->scan.have)
		return;
	wal->seq = h->seq;
	wal->prev_crc = h->crc;
	wal->attempt = max_t(u32, wal->attempt, h->attempt);
	wal->term = h->hs.term;
	wal->cut_seq = (u32)h->seq;	/* not known: it may have */
	wal->snap_index = h->hs.snap.index;
	wal->end_index = h->end_index;
	wal->end_term = h->end_term;
	wal->generation = h->generation;
	wal->slot = h->generation < wal->scan.closed ? KQ_WAL_NO_SLOT : h->slot;
	wal->pos = h->pos + h->bytes;
}

/* The segment that is written next: what did a torn write leave there? */
static int kq_scan_spare(struct kq_wal *wal, u32 slot, const void *data)
{
	u64 generation = wal->generation_max + 1;
	struct kq_wal_head h;
	bool lost = false;
	u32 bytes;
	int later;

	if (wal->scan.damaged)
		kq_scan_resume(wal);
	bytes = kq_scan_attempts(wal, data, generation, wal->seq + 1, KQ_WAL_FIRST);
	if (KQ_BREAK(STALE))
		return 0;
	/* Only the first batch of a segment can stand there without its header. */
	if (kq_head_read(wal, slot, data, KQ_WAL_FIRST, &h) == KQ_HEAD_OK)
		lost = h.generation == generation && h.attempt >= wal->attempt &&
		       h.seq > wal->seq + 1;
	later = kq_scan_heads(wal, slot, data, KQ_WAL_FIRST + KQ_WAL_BLOCK, generation, false);
	if (later < 0)
		return later;
	if (lost || later) {
		kq_scan_damage(wal, slot, 0,
			       "the segment's header is missing, but its batches are there");
		kq_scan_newest(wal, slot, data, KQ_WAL_FIRST, generation);
		wal->slots[slot].state = KQ_WAL_SLOT_BAD;
	} else if (bytes) {
		kq_scan_torn(wal, slot, 0, KQ_WAL_FIRST + bytes);
	}
	return wal->scan.error;
}

/* A sector that was read where a segment header of this version should be. */
static int kq_scan_own_header(struct kq_wal *wal, u32 slot, const struct kq_wal_sector *s)
{
	const struct kq_wal_segment_head *d = (const void *)s->data;
	struct kq_wal_slot *sl = &wal->slots[slot];

	if (le16_to_cpu(d->version) != KQ_WAL_VERSION)
		return kq_scan_fail(wal, -EPROTONOSUPPORT, slot, 0,
				    "log format version %u, this module reads %u (kquorum init --force)",
				    le16_to_cpu(d->version), KQ_WAL_VERSION);
	if (le32_to_cpu(d->node) != wal->node)
		return kq_scan_fail(wal, -EINVAL, slot, 0,
				    "this is the log of node %u, not of node %u",
				    le32_to_cpu(d->node), wal->node);
	if (le32_to_cpu(d->segment_bytes) != wal->segment_bytes)
		return kq_scan_fail(wal, -EINVAL, slot, 0,
				    "the segment was made with %u bytes, not %u",
				    le32_to_cpu(d->segment_bytes), wal->segment_bytes);
	if (le32_to_cpu(d->slot) != slot)
		return kq_scan_fail(wal, -EINVAL, slot, 0,
				    "this is segment %u, given as segment %u",
				    le32_to_cpu(d->slot), slot);
	sl->generation = le64_to_cpu(d->generation);
	sl->base_seq = le64_to_cpu(d->base_seq);
	sl->base_index = le64_to_cpu(d->base_index);
	sl->base_term = le64_to_cpu(d->base_term);
	sl->prev_crc = le32_to_cpu(d->prev_crc);
	if (le16_to_cpu(d->head_len) != sizeof(*d) ||
	    !sl->generation || sl->generation >= KQ_WAL_NUMBER_MAX || !sl->base_seq ||
	    sl->base_seq >= KQ_WAL_NUMBER_MAX ||
	    !kq_sector_stamped(wal, s, sl->generation, sl->base_seq, 0, false))
		return -EBADMSG;
	sl->state = KQ_WAL_SLOT_OURS;
	return 0;
}

/* Two uses of files under one number: none of them is to be believed. */
static void kq_scan_unique(struct kq_wal *wal, u32 slot)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	u32 i;

	for (i = 0; i < wal->segments; i++) {
		if (i == slot || wal->slots[i].state != KQ_WAL_SLOT_OURS ||
		    wal->slots[i].generation != s->generation)
			continue;
		wal->slots[slot].state = KQ_WAL_SLOT_BAD;
		kq_scan_damage(wal, slot, 0,
			       "segment header: its generation is also another segment's");
		return;
	}
}

/**
 * kq_wal_scan_header() - recovery: hand in what a segment begins with
 * @wal: the log
 * @slot: which file
 * @data: its first KQ_WAL_HEAD_BYTES
 *
 * Return: 0, also when the header is damaged (the report says so);
 * -EPROTONOSUPPORT: another format; -EINVAL: the file of another node, of another
 * size, or in another's place, or not the time for it. Errors end recovery;
 * kq_wal_scan_end() gives the reason.
 */
int kq_wal_scan_header(struct kq_wal *wal, u32 slot, const void *data)
{
	const struct kq_wal_sector *s = data;
	const struct kq_wal_segment_head *d = data;
	u64 generation;
	int err;

	if (wal->scan.error)
		return wal->scan.error;
	if (wal->scan.stage != KQ_WAL_STAGE_HEADERS || slot >= wal->segments ||
	    wal->slots[slot].state != KQ_WAL_SLOT_UNSEEN)
		return -EINVAL;
	wal->slots[slot].state = KQ_WAL_SLOT_FREE;
	if (kq_sector_blank(s)) {
		kq_wal_blank_header(wal, slot, data);
		return 0;
	}
	if (!kq_sector_whole(s) || le64_to_cpu(d->magic) != KQ_WAL_SEGMENT_MAGIC) {
		kq_wal_lost_header(wal, slot, data, kq_sector_whole(s) ?
				   "something else was written there" :
				   "its sector fails its checksum");
		kq_scan_unique(wal, slot);
		return 0;
	}
	generation = le64_to_cpu(d->generation);
	if (generation < KQ_WAL_NUMBER_MAX && wal->generation_max < generation)
		wal->generation_max = generation;
	if (le64_to_cpu(d->cluster) != wal->cluster)
		return 0;
	err = kq_scan_own_header(wal, slot, s);
	if (err && err != -EBADMSG)
		return err;
	if (err)
		kq_wal_lost_header(wal, slot, data, "it does not belong here");
	kq_scan_unique(wal, slot);
	return 0;
}

/* All headers are there. What is older than the youngest log that begins here is spare. */
static void kq_scan_begin(struct kq_wal *wal)
{
	u64 base = 0;
	u32 i;

	kq_wal_find_lost(wal);
	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_OURS && wal->slots[i].base_seq == 1 &&
		    wal->slots[i].generation > base)
			base = wal->slots[i].generation;
	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_OURS && wal->slots[i].generation < base)
			wal->slots[i].state = KQ_WAL_SLOT_FREE;
	wal->scan.stage = KQ_WAL_STAGE_NEWEST;
	wal->scan.cursor = KQ_WAL_NUMBER_MAX;
}

/*
 * The last whole batch names a snapshot: where does the log begin then? Should the segment be lost
 * that goes on behind it, what is between is missing.
 */
static void kq_scan_snapshot(struct kq_wal *wal, const struct kq_wal_head *last)
{
	u64 index = last->hs.snap.index;
	u32 first, i;

	if (!index)
		return;
	first = kq_wal_first_for(wal, index, last->generation);
	if (first == KQ_WAL_NO_SLOT) {
		first = kq_slot_after(wal, 0);
		kq_scan_crossed(wal, first, 0,
				"the log begins above index %llu, where its snapshot ends",
				(unsigned long long)index);
	}
	wal->scan.first = first;
	wal->scan.snap = last->hs.snap;
	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_OURS &&
		    wal->slots[i].generation < wal->slots[first].generation)
			wal->slots[i].state = KQ_WAL_SLOT_FREE;
}

/* The newest segment below @generation. */
static u32 kq_slot_before(const struct kq_wal *wal, u64 generation)
{
	u32 best = KQ_WAL_NO_SLOT;
	u32 i;

	for (i = 0; i < wal->segments; i++) {
		const struct kq_wal_slot *s = &wal->slots[i];

		if (s->state != KQ_WAL_SLOT_OURS || s->generation >= generation)
			continue;
		if (best == KQ_WAL_NO_SLOT || s->generation > wal->slots[best].generation)
			best = i;
	}
	return best;
}

static u32 kq_next_bad(struct kq_wal *wal)
{
	u64 i;

	for (i = wal->scan.cursor; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_BAD)
			break;
	return i < wal->segments ? (u32)i : KQ_WAL_NO_SLOT;
}

/* Asks again for the same segment until it was handed in. */
static u32 kq_next_slot(struct kq_wal *wal)
{
	u32 slot = KQ_WAL_NO_SLOT;

	if (wal->scan.stage == KQ_WAL_STAGE_NEWEST) {
		slot = kq_slot_before(wal, wal->scan.cursor);
		/* Where that is the first one, nothing went before it. */
		if (slot != KQ_WAL_NO_SLOT && wal->slots[slot].base_seq != 1)
			return slot;
		wal->scan.stage = KQ_WAL_STAGE_CHAIN;
		wal->scan.cursor = 0;
	}
	if (wal->scan.stage == KQ_WAL_STAGE_CHAIN) {
		slot = kq_slot_after(wal, wal->scan.cursor);
		if (slot != KQ_WAL_NO_SLOT)
			return slot;
		wal->scan.stage = KQ_WAL_STAGE_BAD;
		wal->scan.cursor = 0;
	}
	if (wal->scan.stage == KQ_WAL_STAGE_BAD) {
		slot = kq_next_bad(wal);
		if (slot != KQ_WAL_NO_SLOT)
			return slot;
		wal->scan.stage = KQ_WAL_STAGE_SPARE;
	}
	if (wal->scan.stage == KQ_WAL_STAGE_SPARE) {
		slot = kq_wal_spare(wal);
		if (slot == KQ_WAL_NO_SLOT)
			wal->scan.stage = KQ_WAL_STAGE_DONE;
	}
	return slot;
}

/* If its opening was torn, the one before is asked for next. */
static void kq_scan_for_snapshot(struct kq_wal *wal, u32 slot, const void *data)
{
	struct kq_wal_head last;

	wal->scan.cursor = wal->slots[slot].generation;
	if (!kq_scan_last_whole(wal, slot, data, &last))
		return;
	kq_scan_snapshot(wal, &last);
	wal->scan.stage = KQ_WAL_STAGE_CHAIN;
	wal->scan.cursor = 0;
}

/* Neither its header nor its first batch can be read: is anything of it newer than the log? */
static int kq_scan_bad_slot(struct kq_wal *wal, u32 slot, const void *data)
{
	u64 seq = wal->scan.have ? wal->scan.newest.seq : 0;

	kq_scan_newest(wal, slot, data, KQ_WAL_FIRST, 0);
	if (wal->scan.suspect || (wal->scan.have && wal->scan.newest.seq > seq))
		kq_scan_damage(wal, slot, 0,
			       "the segment's header cannot be read, and its batches may be the newest");
	return wal->scan.error;
}

/**
 * kq_wal_next_segment() - recovery: which segment must be read now?
 * @wal: the log; each slot's header was handed in
 *
 * First the newest one, for the snapshot with which the log begins. Then the segments of the log
 * in their order; those with a damaged header; at the end the spare one that is written next, for
 * what a torn write left in it (it may have been asked for before).
 * Return: slot; -ENOENT: none, call kq_wal_scan_end(); -EINVAL: a header is
 * missing; another error: recovery ended with it.
 */
int kq_wal_next_segment(struct kq_wal *wal)
{
	u32 i;

	if (wal->scan.error)
		return wal->scan.error;
	if (wal->scan.stage == KQ_WAL_STAGE_HEADERS) {
		for (i = 0; i < wal->segments; i++)
			if (wal->slots[i].state == KQ_WAL_SLOT_UNSEEN)
				return -EINVAL;
		kq_scan_begin(wal);
	}
	wal->scan.asked = kq_next_slot(wal);
	return wal->scan.asked == KQ_WAL_NO_SLOT ? -ENOENT : (int)wal->scan.asked;
}

/**
 * kq_wal_scan_segment() - recovery: hand in the segment that was asked for
 * @wal: the log
 * @slot: what kq_wal_next_segment() returned
 * @data: the whole file
 * @len: bytes of it
 * @deliver: gets each entry
 * @ctx: for @deliver
 *
 * Return: 0; -ENOMEM: nothing has happened, call it again; -EINVAL: not what was
 * asked for; -EPROTONOSUPPORT; or what @deliver returned, which ends recovery.
 */
int kq_wal_scan_segment(struct kq_wal *wal, u32 slot, const void *data, u32 len,
			kq_wal_entry_fn deliver, void *ctx)
{
	struct kq_wal_scan *scan = &wal->scan;

	if (scan->error)
		return scan->error;
	if (slot == KQ_WAL_NO_SLOT || slot != scan->asked || len != wal->segment_bytes)
		return -EINVAL;
	if (!scan->buf)
		scan->buf = kq_alloc(kq_wal_body_max(wal));
	if (!scan->buf)
		return -ENOMEM;
	scan->asked = KQ_WAL_NO_SLOT;
	switch (scan->stage) {
	case KQ_WAL_STAGE_NEWEST:
		kq_scan_for_snapshot(wal, slot, data);
		return 0;
	case KQ_WAL_STAGE_CHAIN:
		scan->cursor = wal->slots[slot].generation;
		return kq_scan_chain(wal, slot, data, deliver, ctx);
	case KQ_WAL_STAGE_BAD:
		scan->cursor = (u64)slot + 1;
		return kq_scan_bad_slot(wal, slot, data);
	case KQ_WAL_STAGE_SPARE:
		scan->stage = KQ_WAL_STAGE_DONE;
		return kq_scan_spare(wal, slot, data);
	default:
		return -EINVAL;
	}
}

/**
 * kq_wal_scan_end() - recovery is over
 * @wal: the log, ready to be written as far as its health allows
 * @report: how it went; on an error only slot, offset and reason count
 *
 * Return: 0, also for a damaged log; the error that ended recovery; -EINVAL: it is
 * not over yet.
 */
int kq_wal_scan_end(struct kq_wal *wal, struct kq_wal_report *report)
{
	struct kq_wal_scan *scan = &wal->scan;
	u32 i;

	if (scan->gap && !scan->stop && !scan->error) {
		/* Term and vote were in what is missing. */
		scan->suspect = true;
		kq_scan_damage(wal, scan->slot, scan->pos,
			       "batches before a torn one cannot be read: the vote is not known");
	}
	memset(report, 0, sizeof(*report));
	report->slot = scan->slot;
	report->offset = scan->pos;
	report->bytes = scan->bytes;
	memcpy(report->reason, scan->reason, sizeof(report->reason));
	if (scan->error)
		return scan->error;
	if (scan->stage != KQ_WAL_STAGE_DONE || wal->mode != KQ_WAL_RECOVERING)
		return -EINVAL;

	report->crossed = scan->crossed;
	report->health = scan->damaged ? KQ_WAL_DAMAGED : scan->crossed ? KQ_WAL_GAPS :
		scan->torn ? KQ_WAL_TORN : KQ_WAL_CLEAN;
	report->hs = scan->newest.hs;
	report->vote_known = !scan->suspect;
	report->last_index = scan->delivered;
	report->claimed_index = scan->newest.end_index;
	report->claimed_term = scan->newest.end_term;
	if (scan->damaged) {
		kq_scan_resume(wal);
		wal->mode = scan->suspect ? KQ_WAL_DEAD : KQ_WAL_HARD_STATE_ONLY;
	} else {
		wal->mode = KQ_WAL_WRITABLE;
	}
	wal->attempt = max_t(u32, wal->attempt, scan->attempt) + 1;
	for (i = 0; i < wal->segments; i++)
		wal->spares += wal->slots[i].state == KQ_WAL_SLOT_FREE;
	kq_free(scan->buf);
	scan->buf = NULL;
	return 0;
}
