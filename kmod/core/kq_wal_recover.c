// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: recovery. kq_wal_check.c says what a place holds; here is what
 * follows from it.
 *
 * As long as all is well, batches are followed one by one along the chain. At the
 * first damage delivery ends, and from there on each block that could begin a
 * batch is looked at, for the newest header of all.
 */
#include "kq_break.h"
#include "kq_wal_priv.h"

/* The first error ends recovery; the report names it. */
#define kq_scan_fail(wal, err, slot_, pos_, ...) ({				\
	struct kq_wal_scan *_scan = &(wal)->scan;				\
										\
	if (!_scan->error) {							\
		_scan->error = (err);						\
		_scan->slot = (slot_);						\
		_scan->pos = (pos_);						\
		snprintf(_scan->reason, sizeof(_scan->reason), __VA_ARGS__);	\
	}									\
	_scan->error;								\
})

/* The first damage is what the report names; it wins over a torn tail. */
#define kq_scan_damage(wal, slot_, pos_, ...) do {				\
	struct kq_wal_scan *_scan = &(wal)->scan;				\
										\
	if (!_scan->damaged && !_scan->error) {					\
		_scan->damaged = true;						\
		_scan->slot = (slot_);						\
		_scan->pos = (pos_);						\
		_scan->bytes = 0;						\
		snprintf(_scan->reason, sizeof(_scan->reason), __VA_ARGS__);	\
	}									\
} while (0)

/* Damage in the log itself: nothing after it is delivered. */
#define kq_chain_break(wal, ...) do {						\
	kq_scan_damage(wal, __VA_ARGS__);					\
	(wal)->scan.stop = true;						\
} while (0)

static void kq_scan_torn(struct kq_wal *wal, u32 slot, u32 pos, u32 bytes)
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

/* Could @h have been written after the last batch of the chain? */
static bool kq_head_later(const struct kq_wal *wal, const struct kq_wal_head *h)
{
	return h->seq > wal->seq && h->attempt >= wal->attempt;
}

/*
 * Look for headers of batches from @from on. @generation 0: of any.
 * @note: they count for the newest. Returns how many are there.
 */
static int kq_scan_heads(struct kq_wal *wal, u32 slot, const void *data, u32 from,
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

/*
 * Where the batch @seq of @generation may be written from @from on: attempts that
 * left sectors there must not be used again. Returns how many bytes they cover.
 */
static u32 kq_scan_attempts(struct kq_wal *wal, const void *data, u64 generation, u64 seq,
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

/* Damage: what in this segment, from @from on, is newer than all that is known? */
static void kq_scan_newest(struct kq_wal *wal, u32 slot, const void *data, u32 from,
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
	if (!KQ_BREAK_STALE) {
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
	if (bad) {
		kq_chain_break(wal, slot, pos,
			       "batch %llu: %u bad sectors (checksum), the first at offset %u",
			       seq, bad, first_bad);
		return KQ_CHAIN_DAMAGED;
	}
	if (missing)
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

/* The slot of this log with the lowest generation above @generation. */
static u32 kq_slot_after(const struct kq_wal *wal, u64 generation)
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
	u32 left;

	if (pos < wal->segment_bytes &&
	    kq_scan_heads(wal, slot, data, behind, generation, false)) {
		kq_chain_break(wal, slot, pos, "batch %llu %s, but later ones are there", seq,
			       how == KQ_CHAIN_BAD ? "cannot be read" :
			       how == KQ_CHAIN_TORN ? "has sectors that were never written" :
			       "is missing");
		return;
	}
	if (wal->scan.error)
		return;
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

static int kq_scan_chain(struct kq_wal *wal, u32 slot, const void *data,
			 kq_wal_entry_fn deliver, void *ctx)
{
	const struct kq_wal_slot *s = &wal->slots[slot];
	u32 after = kq_slot_after(wal, s->generation);
	const struct kq_wal_slot *next = after == KQ_WAL_NO_SLOT ? NULL : &wal->slots[after];
	enum kq_chain how = KQ_CHAIN_END;
	u32 pos = KQ_WAL_FIRST;
	u32 bytes = 0;

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
	if (wal->scan.stop && !wal->scan.error)
		kq_scan_newest(wal, slot, data, pos, s->generation);
	return wal->scan.error;
}

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

	if (wal->scan.damaged)
		kq_scan_resume(wal);
	bytes = kq_scan_attempts(wal, data, generation, wal->seq + 1, KQ_WAL_FIRST);
	if (KQ_BREAK_STALE)
		return 0;
	/* Only the first batch of a segment can stand there without its header. */
	if (kq_head_read(wal, slot, data, KQ_WAL_FIRST, &h) == KQ_HEAD_OK)
		lost = h.generation == generation && h.attempt >= wal->attempt &&
		       h.seq > wal->seq + 1;
	if (kq_scan_heads(wal, slot, data, KQ_WAL_FIRST + KQ_WAL_BLOCK, generation, false))
		lost = true;
	if (lost) {
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

	if (le16_to_cpu(d->version) > KQ_WAL_VERSION)
		return kq_scan_fail(wal, -EPROTONOSUPPORT, slot, 0,
				    "log format version %u, this module reads up to %u",
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
	if (le16_to_cpu(d->version) != KQ_WAL_VERSION || le16_to_cpu(d->head_len) != sizeof(*d) ||
	    !sl->generation || sl->generation >= KQ_WAL_NUMBER_MAX || !sl->base_seq ||
	    sl->base_seq >= KQ_WAL_NUMBER_MAX ||
	    !kq_sector_stamped(wal, s, sl->generation, sl->base_seq, 0))
		return -EBADMSG;
	sl->state = KQ_WAL_SLOT_OURS;
	return 0;
}

static void kq_scan_bad_header(struct kq_wal *wal, u32 slot, const char *what)
{
	wal->slots[slot].state = KQ_WAL_SLOT_BAD;
	kq_scan_damage(wal, slot, 0, "segment header: %s", what);
}

/**
 * kq_wal_scan_header() - recovery: hand in a segment's first block
 * @wal: the log
 * @slot: which file
 * @block: KQ_WAL_BLOCK bytes
 *
 * Return: 0, also when the header is damaged (the report says so);
 * -EPROTONOSUPPORT: a newer format; -EINVAL: the file of another node, of another
 * size, or in another's place, or not the time for it. Errors end recovery;
 * kq_wal_scan_end() gives the reason.
 */
int kq_wal_scan_header(struct kq_wal *wal, u32 slot, const void *block)
{
	const struct kq_wal_sector *s = block;
	const struct kq_wal_segment_head *d = block;
	u64 generation;
	u32 i;
	int err;

	if (wal->scan.error)
		return wal->scan.error;
	if (wal->scan.stage != KQ_WAL_STAGE_HEADERS || slot >= wal->segments ||
	    wal->slots[slot].state != KQ_WAL_SLOT_UNSEEN)
		return -EINVAL;
	wal->slots[slot].state = KQ_WAL_SLOT_FREE;
	if (kq_sector_blank(s))
		return 0;
	if (!kq_sector_whole(s)) {
		kq_scan_bad_header(wal, slot, "its sector fails its checksum");
		return 0;
	}
	if (le64_to_cpu(d->magic) != KQ_WAL_SEGMENT_MAGIC) {
		kq_scan_bad_header(wal, slot, "something else was written there");
		return 0;
	}
	generation = le64_to_cpu(d->generation);
	if (generation < KQ_WAL_NUMBER_MAX && wal->generation_max < generation)
		wal->generation_max = generation;
	if (le64_to_cpu(d->cluster) != wal->cluster)
		return 0;
	err = kq_scan_own_header(wal, slot, s);
	if (err == -EBADMSG) {
		kq_scan_bad_header(wal, slot, "it does not belong here");
		return 0;
	}
	for (i = 0; !err && i < wal->segments; i++)
		if (i != slot && wal->slots[i].state == KQ_WAL_SLOT_OURS &&
		    wal->slots[i].generation == generation) {
			kq_scan_bad_header(wal, slot, "its generation is also another segment's");
			break;
		}
	return err;
}

/* All headers are there: where does the log begin? What is older is spare. */
static void kq_scan_begin(struct kq_wal *wal)
{
	u64 base = 0;
	u32 i;

	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_OURS && wal->slots[i].base_seq == 1 &&
		    wal->slots[i].generation > base)
			base = wal->slots[i].generation;
	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_OURS && wal->slots[i].generation < base)
			wal->slots[i].state = KQ_WAL_SLOT_FREE;
	wal->scan.stage = KQ_WAL_STAGE_CHAIN;
	wal->scan.cursor = 0;
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

/**
 * kq_wal_next_segment() - recovery: which segment must be read now?
 * @wal: the log; each slot's header was handed in
 *
 * The segments of the log come in their order; then those with a damaged header;
 * at the end the spare one that is written next, for what a torn write left in it
 * (it may have been asked for before).
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
		scan->buf = kq_alloc(KQ_WAL_BATCH_MAX);
	if (!scan->buf)
		return -ENOMEM;
	scan->asked = KQ_WAL_NO_SLOT;
	switch (scan->stage) {
	case KQ_WAL_STAGE_CHAIN:
		scan->cursor = wal->slots[slot].generation;
		return kq_scan_chain(wal, slot, data, deliver, ctx);
	case KQ_WAL_STAGE_BAD:
		scan->cursor = (u64)slot + 1;
		/* Its header cannot be read: its batches, of whatever generation, count. */
		kq_scan_newest(wal, slot, data, KQ_WAL_FIRST, 0);
		return scan->error;
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

	memset(report, 0, sizeof(*report));
	report->slot = scan->slot;
	report->offset = scan->pos;
	report->bytes = scan->bytes;
	memcpy(report->reason, scan->reason, sizeof(report->reason));
	if (scan->error)
		return scan->error;
	if (scan->stage != KQ_WAL_STAGE_DONE || wal->mode != KQ_WAL_RECOVERING)
		return -EINVAL;

	report->health = scan->damaged ? KQ_WAL_DAMAGED : scan->torn ? KQ_WAL_TORN : KQ_WAL_CLEAN;
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
