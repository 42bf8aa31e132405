// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, while it is recovered: batches are followed one by one along the
 * chain, also behind damage (kq_wal_gap.c). Where that cannot be, delivery ends, and from there
 * on each block that could begin a batch is looked at, for the newest header of all.
 */
#include "kq_break.h"
#include "kq_wal_priv.h"

/* Damage that nobody can go on behind: nothing after it is delivered. */
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
 * kq_scan_crossed() - something cannot be read, and what it was is known
 * @wal: the log
 * @slot: where
 * @pos: byte in that segment
 * @fmt: what is wrong, for a person
 */
void kq_scan_crossed(struct kq_wal *wal, u32 slot, u32 pos, const char *fmt, ...)
{
	struct kq_wal_scan *scan = &wal->scan;
	va_list ap;

	if (scan->crossed++ || scan->damaged)
		return;
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
	if (scan->crossed)
		return;
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
 * Damage is no torn write: a batch with a bad sector counts. What stands within one whose header is
 * there is not looked at, for a client may have written that.
 *
 * Return: false: there is none.
 */
bool kq_scan_last_whole(struct kq_wal *wal, u32 slot, const void *data, struct kq_wal_head *last)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	u32 pos = KQ_WAL_FIRST, missing, first_bad;
	u64 seq = s->base_seq;
	struct kq_wal_head h;
	bool found = false;

	while (pos < wal->segment_bytes) {
		if (kq_head_read(wal, slot, data, pos, &h) != KQ_HEAD_OK ||
		    h.generation != s->generation || h.seq < seq) {
			pos += KQ_WAL_BLOCK;
			continue;
		}
		if (kq_batch_sectors(wal, &h, data, &missing, &first_bad) || !missing) {
			*last = h;
			found = true;
		}
		seq = h.seq + 1;
		pos += h.bytes;
	}
	return found;
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

	wal->scan.base = index;
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

/* How following the chain through a segment ended. */
enum kq_chain {
	KQ_CHAIN_MORE,		/* a batch was taken */
	KQ_CHAIN_END,		/* no batch there */
	KQ_CHAIN_TORN,		/* the batch there is not complete */
	KQ_CHAIN_HEAD,		/* what is there cannot be read */
	KQ_CHAIN_BODY,		/* its header can be, not all of its records */
	KQ_CHAIN_DAMAGED,	/* noted already */
	KQ_CHAIN_ERROR,
};

/* The batch at @pos, with header @h: is it the next, and whole? Then it is taken. */
static enum kq_chain kq_chain_step(struct kq_wal *wal, u32 slot, const void *data, u32 pos,
				   struct kq_wal_head *h, kq_wal_entry_fn deliver, void *ctx)
{
	u64 generation = wal->slots[slot].generation, end = wal->end_index;
	unsigned long long seq = wal->seq + 1;
	u32 missing, bad, first_bad = 0;
	const char *what;

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
	what = kq_batch_check_head(wal, h);
	if (!what)
		what = kq_batch_check_body(wal, h, data, wal->scan.buf);
	if (what) {
		kq_chain_break(wal, slot, pos, "batch %llu: %s", seq, what);
		return KQ_CHAIN_DAMAGED;
	}
	if (kq_batch_deliver(wal, h, wal->scan.buf, deliver, ctx))
		return KQ_CHAIN_ERROR;
	kq_batch_accept(wal, h, end);
	return KQ_CHAIN_MORE;
}

/* Going on behind damage */

/* The batch with header @h is not whole, and was: what stands in it that can be read? */
static enum kq_chain kq_chain_cross_body(struct kq_wal *wal, const void *data,
					 const struct kq_wal_head *h, kq_wal_entry_fn deliver,
					 void *ctx)
{
	u64 end = wal->end_index;
	u32 missing, first_bad = h->pos;
	u32 bad = kq_batch_sectors(wal, h, data, &missing, &first_bad);
	const char *what = kq_batch_check_head(wal, h);
	int err;

	if (what) {
		kq_chain_break(wal, h->slot, h->pos, "batch %llu: %s",
			       (unsigned long long)h->seq, what);
		return KQ_CHAIN_DAMAGED;
	}
	if (bad)
		kq_scan_crossed(wal, h->slot, h->pos,
				"batch %llu: %u bad sectors (checksum), the first at offset %u",
				(unsigned long long)h->seq, bad, first_bad);
	else
		kq_scan_crossed(wal, h->slot, h->pos,
				"batch %llu has %u sectors that were never written",
				(unsigned long long)h->seq, missing);
	/* The damage may be where nothing stands. */
	if (!kq_batch_check_body(wal, h, data, wal->scan.buf))
		err = kq_batch_deliver(wal, h, wal->scan.buf, deliver, ctx);
	else
		err = kq_wal_cross_body(wal, h, deliver, ctx);
	if (err) {
		kq_scan_fail(wal, err, h->slot, h->pos, "what is missing was refused");
		return KQ_CHAIN_ERROR;
	}
	kq_batch_accept(wal, h, end);
	return KQ_CHAIN_MORE;
}

/* Batches are missing before what @g tells of, which is in @slot at @pos. */
static enum kq_chain kq_chain_cross_gap(struct kq_wal *wal, u32 slot, u32 pos,
					const struct kq_wal_gap *g, kq_wal_entry_fn deliver,
					void *ctx)
{
	unsigned long long seq = wal->seq + 1;
	const char *what;
	int err;

	what = kq_wal_cross_gap(wal, g, deliver, ctx, &err);
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
static bool kq_chain_find(struct kq_wal *wal, u32 slot, const void *data, u32 from,
			  struct kq_wal_head *h)
{
	for (; from < wal->segment_bytes; from += KQ_WAL_BLOCK)
		if (kq_head_read(wal, slot, data, from, h) == KQ_HEAD_OK &&
		    h->generation == wal->slots[slot].generation && h->seq > wal->seq + 1 &&
		    h->attempt >= wal->attempt)
			return true;
	return false;
}

/*
 * The chain does not go on at @pos: is something behind it, so that this was no torn write? Then
 * go on there. Returns KQ_CHAIN_END: nothing is in this segment.
 */
static enum kq_chain kq_chain_cross(struct kq_wal *wal, u32 slot, const void *data, u32 *pos,
				    const struct kq_wal_head *h, enum kq_chain how,
				    const struct kq_wal_slot *next, kq_wal_entry_fn deliver,
				    void *ctx)
{
	bool readable = how == KQ_CHAIN_TORN || how == KQ_CHAIN_BODY;
	bool beyond = next && next->base_seq > wal->seq + 1;
	u32 behind = *pos + (readable ? h->bytes : KQ_WAL_BLOCK);
	struct kq_wal_head later;
	struct kq_wal_gap gap;
	bool found;

	if (*pos >= wal->segment_bytes)
		return KQ_CHAIN_END;
	found = kq_chain_find(wal, slot, data, behind, &later);
	if (readable) {
		if (how == KQ_CHAIN_TORN && !found && !beyond)
			return KQ_CHAIN_END;
		*pos = behind;
		return kq_chain_cross_body(wal, data, h, deliver, ctx);
	}
	if (!found)
		return KQ_CHAIN_END;
	kq_wal_gap_before(wal, &later, &gap);
	how = kq_chain_cross_gap(wal, slot, *pos, &gap, deliver, ctx);
	*pos = later.pos;
	return how;
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
	if (s->base_seq != wal->seq + 1 || s->prev_crc != wal->prev_crc)
		return false;
	return s->remade ||
	       (s->base_index == wal->end_index && s->base_term == wal->end_term);
}

/* Is the segment in @slot one that the log went on in later, after batches that are missing? */
static enum kq_chain kq_chain_cross_to(struct kq_wal *wal, u32 slot, const void *data,
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

	if (s->base_seq <= wal->seq + 1) {
		kq_chain_break(wal, slot, 0,
			       "this segment begins with batch %llu, which does not follow batch %llu",
			       (unsigned long long)s->base_seq, (unsigned long long)wal->seq);
		return KQ_CHAIN_DAMAGED;
	}
	if (kq_head_read(wal, slot, data, KQ_WAL_FIRST, &h) == KQ_HEAD_OK &&
	    h.generation == s->generation && h.seq == s->base_seq)
		kq_wal_gap_before(wal, &h, &gap);
	return kq_chain_cross_gap(wal, slot, 0, &gap, deliver, ctx);
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
	enum kq_chain how = KQ_CHAIN_END, over;
	struct kq_wal_head h = {};
	u32 pos = KQ_WAL_FIRST;

	if (slot == wal->scan.first && !wal->scan.stop) {
		int err = kq_chain_begin(wal, s, deliver, ctx);

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
