// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: going on behind damage. Each header of a batch says what the log was before it,
 * so behind a place that cannot be read the next header tells how far the log had come, and what
 * is missing is known to be. It may be fetched from another node then; see kq_repair.c.
 */
#include "kq_wal_priv.h"

/* What is missing */

/* No log of this size can have had more entries than that. */
static u64 most_entries(const struct kq_wal *wal)
{
	return div_u64(kq_wal_capacity(wal), sizeof(struct kq_record));
}

/* The entries behind @after up to @last, whose term is @term, are missing. */
static int tell_gap(struct kq_wal *wal, u64 after, u64 last, u64 term, kq_wal_entry_fn deliver,
		    void *ctx)
{
	struct kq_record rec = { .index = cpu_to_le64(last), .term = cpu_to_le64(term),
				 .seq = cpu_to_le64(after),
				 .type = cpu_to_le16(KQ_RECORD_GAP) };

	wal->scan.delivered = last;
	wal->end_index = last;
	wal->end_term = term;
	return deliver(ctx, &rec, NULL);
}

/*
 * Batches are missing before that of which @g tells. If anything was cut off in one of them, only
 * what is committed is sure to be there. Returns NULL, with what @deliver returned in @err; else
 * why this is no gap, for a person.
 */
static const char *cross_gap(struct kq_wal *wal, const struct kq_wal_gap *g,
			     kq_wal_entry_fn deliver, void *ctx, int *err)
{
	struct kq_wal_scan *scan = &wal->scan;
	u64 after = wal->end_index;

	*err = 0;
	if (g->cut)
		after = min(after, max(scan->have ? scan->newest.hs.commit : 0,
				       wal->snap_index));
	after = max(after, scan->base);
	if (g->snap.index > after) {
		after = g->snap.index;
		*err = kq_scan_base(wal, after, g->snap.term, deliver, ctx);
		wal->end_index = after;
		wal->end_term = g->snap.term;
	}
	if (g->end_index < after && g->cut)
		return "cuts off what was committed";
	if (g->end_index > after && g->end_index - after > most_entries(wal))
		return "has a log index that this log never reached";
	/* What it cuts off itself is not missing. */
	if (!*err && (g->cut || g->end_index > after))
		*err = tell_gap(wal, after, g->end_index, g->end_term, deliver, ctx);
	wal->seq = g->seq - 1;
	wal->prev_crc = g->prev_crc;
	scan->gap = true;
	return NULL;
}

/**
 * kq_wal_tell_batch() - the records of a batch cannot be read, its header can
 * @wal: the log up to the batch before
 * @h: the header; kq_batch_check_head() has nothing against it
 * @deliver: is told which entries are missing
 * @ctx: for @deliver
 *
 * Return: 0, or the error that ends recovery.
 */
int kq_wal_tell_batch(struct kq_wal *wal, const struct kq_wal_head *h, kq_wal_entry_fn deliver,
		      void *ctx)
{
	int err;

	/* What it put back is missing as before. */
	if (!h->first || h->repaired)
		return 0;
	err = tell_gap(wal, h->first - 1, h->end_index, h->end_term, deliver, ctx);
	return err ? kq_scan_fail(wal, err, h->slot, h->pos, "what is missing was refused") : 0;
}

/* Was anything cut off between what is known and the later batch with header @h? */
static bool cut_since(const struct kq_wal *wal, const struct kq_wal_head *h)
{
	return (s32)(h->cut_seq - (u32)wal->seq) > 0;
}

/* What does the header @h of a later batch say of what was before it? */
static void gap_before(const struct kq_wal *wal, const struct kq_wal_head *h, struct kq_wal_gap *g)
{
	bool adds = h->first && !h->repaired;

	g->seq = h->seq;
	g->prev_crc = h->prev_crc;
	g->end_index = adds ? h->first - 1 : h->end_index;
	g->end_term = h->base_term;
	g->snap = h->hs.snap;
	g->cut = cut_since(wal, h);
}

/* Going on behind it */

/* The batch with header @h is not whole, and was: what stands in it that can be read? */
static enum kq_chain cross_batch(struct kq_wal *wal, const void *data, const struct kq_wal_head *h,
				 kq_wal_entry_fn deliver, void *ctx)
{
	u32 missing, first_bad = h->pos;
	u32 bad = kq_batch_sectors(wal, h, data, &missing, &first_bad);
	/* The damage may be where nothing stands. */
	enum kq_chain how = kq_batch_take(wal, data, h, false, deliver, ctx);

	if (how != KQ_CHAIN_MORE)
		return how;
	if (bad)
		kq_scan_crossed(wal, h->slot, h->pos,
				"batch %llu: %u bad sectors (checksum), the first at offset %u",
				(unsigned long long)h->seq, bad, first_bad);
	else
		kq_scan_crossed(wal, h->slot, h->pos,
				"batch %llu has %u sectors that were never written",
				(unsigned long long)h->seq, missing);
	return how;
}

/* Batches are missing before what @g tells of, which is in @slot at @pos. */
static enum kq_chain cross_batches(struct kq_wal *wal, u32 slot, u32 pos,
				   const struct kq_wal_gap *g, kq_wal_entry_fn deliver, void *ctx)
{
	unsigned long long seq = wal->seq + 1;
	const char *what;
	int err;

	what = cross_gap(wal, g, deliver, ctx, &err);
	if (what) {
		kq_chain_break(wal, slot, pos, "batch %llu is missing, and batch %llu %s", seq,
			       (unsigned long long)g->seq, what);
		return KQ_CHAIN_DAMAGED;
	}
	if (err) {
		kq_scan_fail(wal, err, slot, pos, "what is missing was refused");
		return KQ_CHAIN_ERROR;
	}
	if (g->seq == seq + 1)
		kq_scan_crossed(wal, slot, pos, "batch %llu cannot be read", seq);
	else
		kq_scan_crossed(wal, slot, pos, "batches %llu to %llu cannot be read", seq,
				(unsigned long long)g->seq - 1);
	return KQ_CHAIN_MORE;
}

/* The next header of this segment behind @from. Returns false: there is none. */
static bool find_later(struct kq_wal *wal, u32 slot, const void *data, u32 from,
		       struct kq_wal_head *h)
{
	for (; from < wal->segment_bytes; from += KQ_WAL_BLOCK)
		if (kq_head_read(wal, slot, data, from, h) == KQ_HEAD_OK &&
		    h->generation == wal->slots[slot].generation && h->seq > wal->seq + 1 &&
		    h->attempt >= wal->attempt)
			return true;
	return false;
}

/**
 * kq_chain_cross() - the chain does not go on: was this no torn write?
 * @wal: the log
 * @slot: segment
 * @data: the whole of it
 * @pos: where, within it; gets where to go on
 * @h: the header that is there, if it can be read
 * @how: what is there
 * @next: the segment that comes next in the log; NULL: none
 * @deliver: gets what stands behind it, and what is missing
 * @ctx: for @deliver
 *
 * It was none if something is behind it.
 *
 * Return: KQ_CHAIN_MORE; KQ_CHAIN_END: nothing is in this segment; KQ_CHAIN_DAMAGED or
 * KQ_CHAIN_ERROR.
 */
enum kq_chain kq_chain_cross(struct kq_wal *wal, u32 slot, const void *data, u32 *pos,
			     const struct kq_wal_head *h, enum kq_chain how,
			     const struct kq_wal_slot *next, kq_wal_entry_fn deliver, void *ctx)
{
	bool readable = how == KQ_CHAIN_TORN || how == KQ_CHAIN_BODY;
	bool beyond = next && next->base_seq > wal->seq + 1;
	u32 behind = *pos + (readable ? h->bytes : KQ_WAL_BLOCK);
	struct kq_wal_head later;
	struct kq_wal_gap gap;
	bool found;

	found = find_later(wal, slot, data, behind, &later);
	if (readable) {
		if (how == KQ_CHAIN_TORN && !found && !beyond)
			return KQ_CHAIN_END;
		*pos = behind;
		return cross_batch(wal, data, h, deliver, ctx);
	}
	if (!found)
		return KQ_CHAIN_END;
	gap_before(wal, &later, &gap);
	how = cross_batches(wal, slot, *pos, &gap, deliver, ctx);
	*pos = later.pos;
	return how;
}

/**
 * kq_chain_cross_to() - does the log go on in this segment, after batches that are missing?
 * @wal: the log
 * @slot: segment
 * @data: the whole of it
 * @deliver: is told what is missing
 * @ctx: for @deliver
 *
 * Return: as kq_chain_cross().
 */
enum kq_chain kq_chain_cross_to(struct kq_wal *wal, u32 slot, const void *data,
				kq_wal_entry_fn deliver, void *ctx)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	struct kq_wal_gap gap = {
		.seq = s->base_seq,
		.prev_crc = s->prev_crc,
		.end_index = s->base_index,
		.end_term = s->base_term,
		.cut = true,
	};
	struct kq_wal_head h;

	if (s->headless && s->base_seq > wal->seq + 1)
		return KQ_CHAIN_MORE;	/* its first header that can be read will tell */
	if (s->base_seq <= wal->seq + 1) {
		kq_chain_break(wal, slot, 0,
			       "this segment begins with batch %llu, which does not follow batch %llu",
			       (unsigned long long)s->base_seq, (unsigned long long)wal->seq);
		return KQ_CHAIN_DAMAGED;
	}
	if (kq_head_read(wal, slot, data, KQ_WAL_FIRST, &h) == KQ_HEAD_OK &&
	    h.generation == s->generation && h.seq == s->base_seq)
		gap_before(wal, &h, &gap);
	else if (find_later(wal, slot, data, KQ_WAL_FIRST + KQ_WAL_BLOCK, &h))
		gap.cut = cut_since(wal, &h);
	return cross_batches(wal, slot, 0, &gap, deliver, ctx);
}

/**
 * kq_wal_begin_above() - the log is followed from a segment that seems to begin above its snapshot
 * @wal: the log, of which nothing has been told
 * @slot: the segment; what went before it is missing
 * @data: the whole of it
 * @deliver: is told with what the log begins, and what is missing behind that
 * @ctx: for @deliver
 *
 * Return: 0, or the error that ends recovery.
 */
int kq_wal_begin_above(struct kq_wal *wal, u32 slot, const void *data, kq_wal_entry_fn deliver,
		       void *ctx)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	struct kq_wal_gap begin = { .end_index = s->base_index, .end_term = s->base_term };
	u64 index = wal->scan.snap.index, term = wal->scan.snap.term;
	struct kq_wal_head h;
	int err;

	/* Where it began its first header that can be read tells; what is before that, later. */
	if (s->headless && find_later(wal, slot, data, KQ_WAL_FIRST + KQ_WAL_BLOCK, &h))
		gap_before(wal, &h, &begin);
	if (begin.end_index <= index) {
		index = begin.end_index;
		term = begin.end_term;
	} else if (!s->headless && begin.end_index - index > most_entries(wal)) {
		kq_chain_break(wal, slot, 0,
			       "it begins at a log index that this log never reached");
		return 0;
	}
	wal->end_index = index;
	wal->end_term = term;
	err = index ? kq_scan_base(wal, index, term, deliver, ctx) : 0;
	if (!err && !s->headless)
		err = tell_gap(wal, index, begin.end_index, begin.end_term, deliver, ctx);
	return err ? kq_scan_fail(wal, err, slot, 0, "the log's base was refused") : 0;
}
