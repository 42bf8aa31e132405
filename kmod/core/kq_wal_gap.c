// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: going on behind damage. Each header of a batch says what the log was before it,
 * so behind a place that cannot be read the next header tells how far the log had come, and what
 * is missing is known to be. It may be fetched from another node then; see kq_repair.c.
 */
#include "kq_wal_priv.h"

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

/**
 * kq_wal_cross_gap() - batches are missing
 * @wal: the log, up to the batch before them
 * @g: what is known of the one behind them
 * @deliver: is told which entries are missing
 * @ctx: for @deliver
 * @err: gets what @deliver returned
 *
 * If anything was cut off in a batch that is missing, only what is committed is sure to be there.
 *
 * Return: NULL; else why this is no gap, for a person.
 */
const char *kq_wal_cross_gap(struct kq_wal *wal, const struct kq_wal_gap *g,
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
 * kq_wal_cross_body() - the records of a batch cannot be read, its header can
 * @wal: the log up to the batch before
 * @h: the header; kq_batch_check_head() has nothing against it
 * @deliver: is told which entries are missing
 * @ctx: for @deliver
 *
 * Return: what @deliver returned.
 */
int kq_wal_cross_body(struct kq_wal *wal, const struct kq_wal_head *h, kq_wal_entry_fn deliver,
		      void *ctx)
{
	/* What it put back is missing as before. */
	if (!h->first || h->repaired)
		return 0;
	return tell_gap(wal, h->first - 1, h->end_index, h->end_term, deliver, ctx);
}

/**
 * kq_wal_gap_before() - what does a header say of what was before it?
 * @wal: the log, up to the last batch that is there
 * @h: header of a later one
 * @g: filled in
 */
void kq_wal_gap_before(const struct kq_wal *wal, const struct kq_wal_head *h,
		       struct kq_wal_gap *g)
{
	bool adds = h->first && !h->repaired;

	g->seq = h->seq;
	g->prev_crc = h->prev_crc;
	g->end_index = adds ? h->first - 1 : h->end_index;
	g->end_term = h->base_term;
	g->snap = h->hs.snap;
	g->cut = (s32)(h->cut_seq - (u32)wal->seq) > 0;
	/* It begins the log anew itself. */
	if (h->restart)
		g->cut = true;
}

/**
 * kq_wal_remake() - a segment header that cannot be read, from the first batch of its segment
 * @wal: the log
 * @slot: segment
 * @data: its first KQ_WAL_HEAD_BYTES
 *
 * Return: true: the slot has all that its header had, but that the log may have gone on further
 * before its first batch than is known.
 */
bool kq_wal_remake(struct kq_wal *wal, u32 slot, const void *data)
{
	struct kq_wal_slot *s = &wal->slots[slot];
	struct kq_wal_head h;

	if (kq_head_read(wal, slot, data, KQ_WAL_FIRST, &h) != KQ_HEAD_OK)
		return false;
	s->state = KQ_WAL_SLOT_OURS;
	s->remade = true;
	s->generation = h.generation;
	s->base_seq = h.seq;
	s->prev_crc = h.prev_crc;
	s->base_index = h.first && !h.repaired ? h.first - 1 : h.end_index;
	s->base_term = h.base_term;
	return true;
}
