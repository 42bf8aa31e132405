// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, while it is recovered: batches are followed one by one along the
 * chain. At the first damage delivery ends, and from there on each block that could
 * begin a batch is looked at, for the newest header of all.
 */
#include "kq_break.h"
#include "kq_wal_priv.h"

/* Damage in the log itself: nothing after it is delivered. */
#define kq_chain_break(wal, ...) do {						\
	kq_scan_damage(wal, __VA_ARGS__);					\
	(wal)->scan.stop = true;						\
} while (0)

/**
 * kq_scan_fail() - end recovery with an error
 * @wal: the log
 * @err: negative errno
 * @slot: where
 * @pos: byte in that segment
 * @fmt: why, for a person
 *
 * Nothing is read after the first error, so that is the one that the report names.
 * Return: @err.
 */
int kq_scan_fail(struct kq_wal *wal, int err, u32 slot, u32 pos, const char *fmt, ...)
{
	struct kq_wal_scan *scan = &wal->scan;
	va_list ap;

	scan->error = err;
	scan->slot = slot;
	scan->pos = pos;
	va_start(ap, fmt);
	vsnprintf(scan->reason, sizeof(scan->reason), fmt, ap);
	va_end(ap);
	return err;
}

/**
 * kq_scan_damage() - something that may have been acknowledged cannot be read
 * @wal: the log
 * @slot: where
 * @pos: byte in that segment
 * @fmt: what is wrong, for a person
 *
 * The first damage is what the report names; it wins over a torn tail.
 */
void kq_scan_damage(struct kq_wal *wal, u32 slot, u32 pos, const char *fmt, ...)
{
	struct kq_wal_scan *scan = &wal->scan;
	va_list ap;

	if (scan->damaged)
		return;
	scan->damaged = true;
	scan->slot = slot;
	scan->pos = pos;
	scan->bytes = 0;
	va_start(ap, fmt);
	vsnprintf(scan->reason, sizeof(scan->reason), fmt, ap);
	va_end(ap);
}

/**
 * kq_scan_torn() - the last write was torn, unless something worse is known
 * @wal: the log
 * @slot: where
 * @pos: byte in that segment
 * @bytes: what is cut off
 */
void kq_scan_torn(struct kq_wal *wal, u32 slot, u32 pos, u32 bytes)
{
	struct kq_wal_scan *scan = &wal->scan;

	if (scan->damaged || scan->torn)
		return;
	scan->torn = true;
	scan->slot = slot;
	scan->pos = pos;
	scan->bytes = bytes;
	snprintf(scan->reason, sizeof(scan->reason),
		 "the last write (batch %llu) was torn and never acknowledged: cut off",
		 (unsigned long long)wal->seq + 1);
}

static void kq_scan_note(struct kq_wal *wal, const struct kq_wal_head *h)
{
	struct kq_wal_scan *scan = &wal->scan;

	if (wal->generation_max < h->generation)
		wal->generation_max = h->generation;
	if (scan->have && (h->generation < scan->newest.generation ||
			   (h->generation == scan->newest.generation &&
			    h->seq <= scan->newest.seq)))
		return;
	scan->newest = *h;
	scan->have = true;
}

/**
 * kq_scan_last_whole() - the last batch of a segment of which nothing is missing
 * @wal: the log
 * @slot: segment
 * @data: the whole of it
 * @last: its header
 *
 * One follows the other from the segment's first: what stands within a torn one is not looked at,
 * for a client may have written that.
 *
 * Return: false: there is none.
 */
bool kq_scan_last_whole(struct kq_wal *wal, u32 slot, const void *data, struct kq_wal_head *last)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	u32 pos = KQ_WAL_FIRST, crc = s->prev_crc, missing, bad;
	u64 seq = s->base_seq;
	struct kq_wal_head h;

	while (pos < wal->segment_bytes) {
		if (kq_head_read(wal, slot, data, pos, &h) != KQ_HEAD_OK ||
		    h.generation != s->generation || h.seq != seq || h.prev_crc != crc ||
		    kq_batch_sectors(wal, &h, data, &missing, &bad) || missing)
			break;
		*last = h;
		crc = h.crc;
		seq++;
		pos += h.bytes;
	}
	return seq != s->base_seq;
}

/**
 * kq_scan_base() - tell that the log begins anew
 * @wal: the log
 * @index: behind this one
 * @term: of that entry
 * @deliver: gets it
 * @ctx: for @deliver
 *
 * Return: 0, or the error that ends recovery.
 */
int kq_scan_base(struct kq_wal *wal, u64 index, u64 term, kq_wal_entry_fn deliver, void *ctx)
{
	struct kq_record rec = { .index = cpu_to_le64(index), .term = cpu_to_le64(term),
				 .type = cpu_to_le16(KQ_RECORD_BASE) };

	wal->scan.delivered = index;
	return deliver(ctx, &rec, NULL);
}

/* Could @h have been written after the last batch of the chain? */
static bool kq_head_later(const struct kq_wal *wal, const struct kq_wal_head *h)
{
	return h->seq > wal->seq && h->attempt >= wal->attempt;
}

/**
 * kq_scan_heads() - look for headers of batches
 * @wal: the log
 * @slot: segment
 * @data: the whole of it
 * @from: byte where to begin
 * @generation: only of this one; 0: of any
 * @note: they count for the newest
 *
 * Return: how many later ones than the chain's last are there, or negative errno.
 */
int kq_scan_heads(struct kq_wal *wal, u32 slot, const void *data, u32 from,
		  u64 generation, bool note)
{
	struct kq_wal_head h;
	int found = 0;
	u32 pos;

	for (pos = from; pos < wal->segment_bytes; pos += KQ_WAL_BLOCK) {
		enum kq_head st = kq_head_read(wal, slot, data, pos, &h);

		if (st != KQ_HEAD_OK && st != KQ_HEAD_NEWER)
			continue;
		if ((generation && h.generation != generation) || !kq_head_later(wal, &h))
			continue;
		if (st == KQ_HEAD_NEWER)
			return kq_scan_fail(wal, -EPROTONOSUPPORT, slot, pos,
					    "a batch of a newer log format: use that version");
		found++;
		if (note)
			kq_scan_note(wal, &h);
	}
	return found;
}

/* After damage: could what follows the newest header be newer still? */
static void kq_scan_suspect(struct kq_wal *wal, u32 slot, const void *data)
{
	struct kq_wal_scan *scan = &wal->scan;
	struct kq_wal_head h;
	u32 pos = KQ_WAL_FIRST;
	enum kq_head st;
	bool here = scan->have && scan->newest.slot == slot;

	if (here)
		pos = scan->newest.pos + scan->newest.bytes;
	if (pos >= wal->segment_bytes) {
		scan->suspect = false;
		return;
	}
	st = kq_head_read(wal, slot, data, pos, &h);
	if (st == KQ_HEAD_BAD || st == KQ_HEAD_INSANE)
		scan->suspect = true;
	else if (here)
		scan->suspect = false;
}

/**
 * kq_scan_attempts() - attempts that left sectors must not be used again
 * @wal: the log
 * @data: the whole segment
 * @generation: of the batch that may be written there
 * @seq: likewise
 * @from: byte where it may be written
 *
 * Return: how many bytes they cover.
 */
u32 kq_scan_attempts(struct kq_wal *wal, const void *data, u64 generation, u64 seq,
		     u32 from)
{
	u32 end = min_t(u32, wal->segment_bytes, from + KQ_WAL_BATCH_MAX);
	u32 bytes = 0;
	u32 pos;

	for (pos = from; pos < end; pos += KQ_WAL_SECTOR) {
		const struct kq_wal_sector *s = kq_sector_at(data, pos);
		u32 attempt = le32_to_cpu(s->attempt);

		if (attempt >= KQ_WAL_ATTEMPT_MAX || kq_sector_blank(s) ||
		    !kq_sector_stamped(wal, s, generation, seq, pos / KQ_WAL_SECTOR) ||
		    !kq_sector_whole(s))
			continue;
		wal->scan.attempt = max_t(u32, wal->scan.attempt, attempt);
		bytes = pos + KQ_WAL_SECTOR - from;
	}
	return bytes;
}

/**
 * kq_scan_newest() - after damage: what in this segment is newer than all that is known?
 * @wal: the log
 * @slot: segment
 * @data: the whole of it
 * @from: byte where to begin
 * @generation: only of this one; 0: of any
 */
void kq_scan_newest(struct kq_wal *wal, u32 slot, const void *data, u32 from,
		    u64 generation)
{
	const struct kq_wal_head *h = &wal->scan.newest;

	kq_scan_heads(wal, slot, data, from, generation, true);
	kq_scan_suspect(wal, slot, data);
	if (wal->scan.have && h->slot == slot)
		kq_scan_attempts(wal, data, h->generation, h->seq + 1, h->pos + h->bytes);
}

/* The chain, batch by batch */

static int kq_batch_deliver(struct kq_wal *wal, const struct kq_wal_head *h, const u8 *body,
			    kq_wal_entry_fn deliver, void *ctx)
{
	u32 at = 0;
	u32 i;
	int err;

	if (h->restart) {
		err = kq_scan_base(wal, h->end_index, h->end_term, deliver, ctx);
		return err ? kq_scan_fail(wal, err, h->slot, h->pos, "the log's base was refused") :
			0;
	}
	for (i = 0; i < h->records; i++) {
		const struct kq_record *rec = (const void *)(body + at);

		err = deliver(ctx, rec, rec + 1);
		if (err)
			return kq_scan_fail(wal, err, h->slot, h->pos,
					    "the entry with log index %llu was refused",
					    (unsigned long long)h->first + i);
		wal->scan.delivered = h->first + i;
		at += kq_record_size(le32_to_cpu(rec->len));
	}
	return 0;
}

static void kq_batch_accept(struct kq_wal *wal, const struct kq_wal_head *h)
{
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

/* How following the chain through a segment ended. */
enum kq_chain {
	KQ_CHAIN_MORE,		/* a batch was taken */
	KQ_CHAIN_END,		/* no batch there */
	KQ_CHAIN_TORN,		/* the batch there is not complete */
	KQ_CHAIN_BAD,		/* what is there cannot be read */
	KQ_CHAIN_DAMAGED,	/* noted already */
	KQ_CHAIN_ERROR,
};

static enum kq_chain kq_chain_step(struct kq_wal *wal, u32 slot, const void *data, u32 pos,
				   u32 *bytes, kq_wal_entry_fn deliver, void *ctx)
{
	u64 generation = wal->slots[slot].generation;
	unsigned long long seq = wal->seq + 1;
	u32 missing, bad, first_bad = 0;
	struct kq_wal_head h;
	const char *what;

	switch (kq_head_read(wal, slot, data, pos, &h)) {
	case KQ_HEAD_NONE:
		return KQ_CHAIN_END;
	case KQ_HEAD_BAD:
	case KQ_HEAD_INSANE:
		return KQ_CHAIN_BAD;
	case KQ_HEAD_NEWER:
		if (h.generation != generation)
			return KQ_CHAIN_END;
		kq_scan_fail(wal, -EPROTONOSUPPORT, slot, pos,
			     "a batch of a newer log format: use that version");
		return KQ_CHAIN_ERROR;
	case KQ_HEAD_OK:
		break;
	}
	if (!KQ_BREAK(STALE)) {
		if (h.generation != generation || h.seq != seq || h.attempt < wal->attempt)
			return KQ_CHAIN_END;
		if (h.prev_crc != wal->prev_crc) {
			kq_chain_break(wal, slot, pos,
				       "batch %llu does not follow the one before it", seq);
			return KQ_CHAIN_DAMAGED;
		}
	}
	*bytes = h.bytes;
	bad = kq_batch_sectors(wal, &h, data, &missing, &first_bad);
	if (bad && KQ_BREAK(DAMAGE_CUT))
		return KQ_CHAIN_TORN;
	if (bad) {
		kq_chain_break(wal, slot, pos,
			       "batch %llu: %u bad sectors (checksum), the first at offset %u",
			       seq, bad, first_bad);
		return KQ_CHAIN_DAMAGED;
	}
	if (missing && !KQ_BREAK(TORN))
		return KQ_CHAIN_TORN;
	what = kq_batch_check(wal, &h, data, wal->scan.buf);
	if (what) {
		kq_chain_break(wal, slot, pos, "batch %llu: %s", seq, what);
		return KQ_CHAIN_DAMAGED;
	}
	if (kq_batch_deliver(wal, &h, wal->scan.buf, deliver, ctx))
		return KQ_CHAIN_ERROR;
	kq_batch_accept(wal, &h);
	return KQ_CHAIN_MORE;
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
	return s->base_seq == wal->seq + 1 && s->prev_crc == wal->prev_crc &&
	       s->base_index == wal->end_index && s->base_term == wal->end_term;
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
		kq_chain_break(wal, slot, pos, "batch %llu %s, but later ones are there", seq,
			       how == KQ_CHAIN_BAD ? "cannot be read" :
			       how == KQ_CHAIN_TORN ? "has sectors that were never written" :
			       "is missing");
		return;
	}
	if (how == KQ_CHAIN_BAD) {
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
static int kq_chain_begin(struct kq_wal *wal, const struct kq_wal_slot *s,
			  kq_wal_entry_fn deliver, void *ctx)
{
	int err;

	wal->seq = s->base_seq - 1;
	wal->prev_crc = s->prev_crc;
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
	enum kq_chain how = KQ_CHAIN_END;
	u32 pos = KQ_WAL_FIRST;
	u32 bytes = 0;

	if (slot == wal->scan.first && !wal->scan.stop) {
		int err = kq_chain_begin(wal, s, deliver, ctx);

		if (err)
			return err;
	}
	if (!wal->scan.stop && !kq_slot_follows(wal, s))
		kq_chain_break(wal, slot, 0,
			       "this segment begins with batch %llu, batch %llu is missing",
			       (unsigned long long)s->base_seq, (unsigned long long)wal->seq + 1);
	while (!wal->scan.stop && pos < wal->segment_bytes) {
		if (next && kq_slot_follows(wal, next))
			return 0;
		how = kq_chain_step(wal, slot, data, pos, &bytes, deliver, ctx);
		if (how == KQ_CHAIN_ERROR)
			return wal->scan.error;
		if (how != KQ_CHAIN_MORE)
			break;
		pos = wal->pos;
		bytes = 0;
		how = KQ_CHAIN_END;
	}
	if (!wal->scan.stop) {
		if (next && kq_slot_follows(wal, next))
			return 0;
		if (next)
			kq_chain_break(wal, slot, pos,
				       "batch %llu cannot be read, but segment %u begins with %llu",
				       (unsigned long long)wal->seq + 1, after,
				       (unsigned long long)next->base_seq);
		else
			kq_chain_judge(wal, slot, data, pos, bytes, how);
	}
	if (wal->scan.stop)
		kq_scan_newest(wal, slot, data, pos, s->generation);
	return wal->scan.error;
}
