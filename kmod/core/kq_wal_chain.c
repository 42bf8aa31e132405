// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, while it is recovered: batches are followed one by one along the chain, also
 * behind damage (kq_wal_gap.c). Where that cannot be, delivery ends, and from there on each block
 * that could begin a batch is looked at, for the newest header of all (kq_wal_scan.c).
 */
#include "kq_break.h"
#include "kq_wal_priv.h"

/* Batch by batch */

static int kq_batch_deliver(struct kq_wal *wal, const struct kq_wal_head *h, const u8 *body,
			    kq_wal_entry_fn deliver, void *ctx)
{
	u64 index = h->first;
	u32 at = 0;
	int err;

	if (h->restart) {
		err = kq_scan_base(wal, h->end_index, h->end_term, deliver, ctx);
		return err ? kq_scan_fail(wal, err, h->slot, h->pos, "the log's base was refused") :
			0;
	}
	for (; at < h->body_bytes; index++) {
		const struct kq_record *rec = (const void *)(body + at);
		struct kq_record fill = { .type = cpu_to_le16(KQ_RECORD_FILL) };

		err = h->repaired ? deliver(ctx, &fill, rec) : deliver(ctx, rec, rec + 1);
		if (err)
			return kq_scan_fail(wal, err, h->slot, h->pos,
					    "the entry with log index %llu was refused",
					    (unsigned long long)index);
		if (!h->repaired)
			wal->scan.delivered = index;
		at += kq_record_size(le32_to_cpu(rec->len));
	}
	return 0;
}

static void kq_batch_accept(struct kq_wal *wal, const struct kq_wal_head *h, u64 end_before)
{
	bool cuts = h->first && !h->repaired && (h->first <= end_before || wal->scan.gap);

	wal->cut_seq = cuts || h->restart ? (u32)h->seq : h->cut_seq;
	wal->scan.gap = false;
	wal->seq = h->seq;
	wal->prev_crc = h->crc;
	wal->attempt = h->attempt;
	wal->term = h->hs.term;
	wal->snap_index = h->hs.snap.index;
	wal->end_index = h->end_index;
	wal->end_term = h->end_term;
	wal->slot = h->slot;
	wal->generation = h->generation;
	wal->pos = h->pos + h->bytes;
	kq_scan_note(wal, h);
}

/**
 * kq_batch_take() - the next batch of the chain: deliver what is in it
 * @wal: the log, up to the batch before
 * @data: the segment
 * @h: its header
 * @whole: nothing of it is missing; else what cannot be read is told to be missing
 * @deliver: gets it
 * @ctx: for @deliver
 *
 * Return: KQ_CHAIN_MORE: the log goes up to it; KQ_CHAIN_DAMAGED or KQ_CHAIN_ERROR.
 */
enum kq_chain kq_batch_take(struct kq_wal *wal, const void *data, const struct kq_wal_head *h,
			    bool whole, kq_wal_entry_fn deliver, void *ctx)
{
	const char *head = kq_batch_check_head(wal, h);
	const char *body = head ? NULL : kq_batch_check_body(wal, h, data, wal->scan.buf);
	u64 end = wal->end_index;

	if (head || (body && whole)) {
		kq_chain_break(wal, h->slot, h->pos, "batch %llu: %s", (unsigned long long)h->seq,
			       head ? head : body);
		return KQ_CHAIN_DAMAGED;
	}
	if (body ? kq_wal_tell_batch(wal, h, deliver, ctx) :
	    kq_batch_deliver(wal, h, wal->scan.buf, deliver, ctx))
		return KQ_CHAIN_ERROR;
	kq_batch_accept(wal, h, end);
	return KQ_CHAIN_MORE;
}

/* The batch at @pos, with header @h: is it the next, and whole? Then it is taken. */
static enum kq_chain kq_chain_step(struct kq_wal *wal, u32 slot, const void *data, u32 pos,
				   struct kq_wal_head *h, kq_wal_entry_fn deliver, void *ctx)
{
	u64 generation = wal->slots[slot].generation;
	unsigned long long seq = wal->seq + 1;
	u32 missing, bad, first_bad = 0;

	switch (kq_head_read(wal, slot, data, pos, h)) {
	case KQ_HEAD_NONE:
		return KQ_CHAIN_END;
	case KQ_HEAD_BAD:
	case KQ_HEAD_INSANE:
		return KQ_CHAIN_HEAD;
	case KQ_HEAD_NEWER:
		if (h->generation != generation)
			return KQ_CHAIN_END;
		kq_scan_fail(wal, -EPROTONOSUPPORT, slot, pos,
			     "a batch of a newer log format: use that version");
		return KQ_CHAIN_ERROR;
	case KQ_HEAD_OK:
		break;
	}
	if (!KQ_BREAK(STALE)) {
		if (h->generation != generation || h->seq != seq || h->attempt < wal->attempt)
			return KQ_CHAIN_END;
		if (h->prev_crc != wal->prev_crc) {
			kq_chain_break(wal, slot, pos,
				       "batch %llu does not follow the one before it", seq);
			return KQ_CHAIN_DAMAGED;
		}
	}
	bad = kq_batch_sectors(wal, h, data, &missing, &first_bad);
	if (bad && !KQ_BREAK(DAMAGE_CUT))
		return KQ_CHAIN_BODY;
	if (bad || (missing && !KQ_BREAK(TORN)))
		return KQ_CHAIN_TORN;
	return kq_batch_take(wal, data, h, true, deliver, ctx);
}

/* Segments */

/**
 * kq_slot_after() - the segment that comes next in the log
 * @wal: the log
 * @generation: of the one before
 *
 * Return: the slot with the lowest generation above it, or KQ_WAL_NO_SLOT.
 */
u32 kq_slot_after(const struct kq_wal *wal, u64 generation)
{
	u32 best = KQ_WAL_NO_SLOT;
	u32 i;

	for (i = 0; i < wal->segments; i++) {
		const struct kq_wal_slot *s = &wal->slots[i];

		if (s->state != KQ_WAL_SLOT_OURS || s->generation <= generation)
			continue;
		if (best == KQ_WAL_NO_SLOT || s->generation < wal->slots[best].generation)
			best = i;
	}
	return best;
}

/* Does the segment @s begin with the batch that is expected now? */
static bool kq_slot_follows(const struct kq_wal *wal, const struct kq_wal_slot *s)
{
	if (s->base_seq != wal->seq + 1)
		return false;
	if (s->headless)
		return true;
	if (s->prev_crc != wal->prev_crc)
		return false;
	return s->remade ||
	       (s->base_index == wal->end_index && s->base_term == wal->end_term);
}

/* The chain ended at @pos and no later segment goes on. What does that mean? */
static void kq_chain_judge(struct kq_wal *wal, u32 slot, const void *data, u32 pos, u32 bytes,
			   enum kq_chain how)
{
	u64 generation = wal->slots[slot].generation;
	unsigned long long seq = wal->seq + 1;
	/* What a torn batch carries is no header, whatever a client wrote into it. */
	u32 behind = pos + (how == KQ_CHAIN_TORN ? bytes : KQ_WAL_BLOCK);
	int later = 0;
	u32 left;

	if (pos < wal->segment_bytes)
		later = kq_scan_heads(wal, slot, data, behind, generation, false);
	if (later < 0)
		return;
	if (later) {
		kq_chain_break(wal, slot, pos, "batch %llu cannot be read, but later ones can",
			       seq);
		return;
	}
	if (how == KQ_CHAIN_HEAD) {
		kq_chain_break(wal, slot, pos,
			       "a batch header, where batch %llu would be, cannot be read", seq);
		return;
	}
	left = pos < wal->segment_bytes ?
	       kq_scan_attempts(wal, data, generation, wal->seq + 1, pos) : 0;
	if (pos == KQ_WAL_FIRST) {
		/* A header without a batch: opening the segment was torn. It is spare again. */
		kq_scan_torn(wal, slot, 0, KQ_WAL_FIRST + max_t(u32, bytes, left));
		wal->slots[slot].state = KQ_WAL_SLOT_FREE;
		/*
		 * The one before stays closed: that header says that it ended where it
		 * did, and is believed until the slot is written again.
		 */
		wal->slot = KQ_WAL_NO_SLOT;
		wal->scan.closed = generation;
	} else if (how == KQ_CHAIN_TORN || left) {
		kq_scan_torn(wal, slot, pos, max_t(u32, bytes, left));
	}
}

/* The log is followed from this segment on, and what it was before is believed. */
static int kq_chain_begin(struct kq_wal *wal, u32 slot, const void *data,
			  kq_wal_entry_fn deliver, void *ctx)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	int err;

	wal->seq = s->base_seq - 1;
	wal->prev_crc = s->prev_crc;
	if (s->base_index > wal->scan.snap.index)
		return kq_wal_begin_above(wal, slot, data, deliver, ctx);
	wal->end_index = s->base_index;
	wal->end_term = s->base_term;
	err = s->base_index ? kq_scan_base(wal, s->base_index, s->base_term, deliver, ctx) : 0;
	return err ? kq_scan_fail(wal, err, wal->scan.first, 0, "the log's base was refused") : 0;
}

/**
 * kq_scan_chain() - follow the log through one segment
 * @wal: the log
 * @slot: segment
 * @data: the whole of it
 * @deliver: gets each entry
 * @ctx: for @deliver
 *
 * Return: 0, also at damage; or the error that ends recovery.
 */
int kq_scan_chain(struct kq_wal *wal, u32 slot, const void *data,
		  kq_wal_entry_fn deliver, void *ctx)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	u32 after = kq_slot_after(wal, s->generation);
	const struct kq_wal_slot *next = after == KQ_WAL_NO_SLOT ? NULL : &wal->slots[after];
	enum kq_chain how = KQ_CHAIN_END, over;
	struct kq_wal_head h = {};
	u32 pos = KQ_WAL_FIRST;

	if (s->blank)
		kq_scan_crossed(wal, slot, 0, "segment header: nothing is there");
	if (slot == wal->scan.first && !wal->scan.stop) {
		int err = kq_chain_begin(wal, slot, data, deliver, ctx);

		if (err)
			return err;
	}
	if (!wal->scan.stop && !kq_slot_follows(wal, s) &&
	    kq_chain_cross_to(wal, slot, data, deliver, ctx) == KQ_CHAIN_ERROR)
		return wal->scan.error;
	while (!wal->scan.stop && pos < wal->segment_bytes) {
		if (next && kq_slot_follows(wal, next))
			return 0;
		how = kq_chain_step(wal, slot, data, pos, &h, deliver, ctx);
		if (how == KQ_CHAIN_MORE) {
			pos = wal->pos;
			continue;
		}
		over = how == KQ_CHAIN_ERROR || how == KQ_CHAIN_DAMAGED ? how :
			kq_chain_cross(wal, slot, data, &pos, &h, how, next, deliver, ctx);
		if (over == KQ_CHAIN_ERROR)
			return wal->scan.error;
		if (over != KQ_CHAIN_MORE)
			break;
		how = KQ_CHAIN_END;
	}
	if (!wal->scan.stop) {
		/* It goes on where this ends, or behind what is missing: that is seen there. */
		if (next)
			return 0;
		kq_chain_judge(wal, slot, data, pos, how == KQ_CHAIN_TORN ? h.bytes : 0, how);
	}
	if (wal->scan.stop)
		kq_scan_newest(wal, slot, data, pos, s->generation);
	return wal->scan.error;
}
