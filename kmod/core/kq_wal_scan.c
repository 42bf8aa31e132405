// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, while it is recovered: what has been found so far, and the search for headers of
 * batches where the chain does not go on, for the newest of all.
 */
#include "kq_wal_priv.h"

/* Where and why, for the report. */
static void __printf(4, 0) scan_say(struct kq_wal_scan *scan, u32 slot, u32 pos, const char *fmt,
				    va_list ap)
{
	scan->slot = slot;
	scan->pos = pos;
	scan->bytes = 0;
	vsnprintf(scan->reason, sizeof(scan->reason), fmt, ap);
}

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
	va_start(ap, fmt);
	scan_say(scan, slot, pos, fmt, ap);
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
	va_start(ap, fmt);
	scan_say(scan, slot, pos, fmt, ap);
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

/**
 * kq_scan_note() - a header has been found
 * @wal: the log
 * @h: the header; that of the newest batch is kept
 */
void kq_scan_note(struct kq_wal *wal, const struct kq_wal_head *h)
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
		    !kq_sector_stamped(wal, s, generation, seq, pos / KQ_WAL_SECTOR, pos == from) ||
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
