// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: segments whose header cannot be read. Their first batch tells what the header
 * did. Where that cannot be read either, each of its other sectors is still bound to generation and
 * number of that batch; of those that are missing between the other segments one must be it.
 *
 * Nothing is concluded from a sector's being another one, only from its being this one: a first
 * batch that was acknowledged covers all sectors of its block.
 */
#include "kq_wal_priv.h"

/* A missing segment has a generation near those of the others; so many numbers are tried in all. */
#define LOST_GENERATIONS	8
#define LOST_TRIES		(1u << 20)

/* Returns false: the first batch cannot be read. */
static bool remake(struct kq_wal *wal, u32 slot, const void *data)
{
	struct kq_wal_slot *s = &wal->slots[slot];
	struct kq_wal_head h;

	if (kq_head_read(wal, slot, data, KQ_WAL_FIRST, &h) != KQ_HEAD_OK)
		return false;
	s->remade = true;
	s->generation = h.generation;
	s->base_seq = h.seq;
	s->prev_crc = h.prev_crc;
	s->base_index = h.first && !h.repaired ? h.first - 1 : h.end_index;
	s->base_term = h.base_term;
	return true;
}

/* One sector of the first batch, behind that with its header. */
static void note_stamp(struct kq_wal_slot *s, const void *data)
{
	u32 pos;

	for (pos = KQ_WAL_FIRST + KQ_WAL_SECTOR; pos < KQ_WAL_HEAD_BYTES; pos += KQ_WAL_SECTOR) {
		const struct kq_wal_sector *sec = kq_sector_at(data, pos);

		if (kq_sector_blank(sec) || !kq_sector_whole(sec))
			continue;
		s->sector = pos / KQ_WAL_SECTOR;
		s->attempt = le32_to_cpu(sec->attempt);
		s->stamp = le32_to_cpu(sec->stamp);
		return;
	}
}

/**
 * kq_wal_lost_header() - recovery: the header of a segment cannot be read
 * @wal: the log
 * @slot: segment
 * @data: its first KQ_WAL_HEAD_BYTES
 * @what: why not, for a person
 */
void kq_wal_lost_header(struct kq_wal *wal, u32 slot, const void *data, const char *what)
{
	struct kq_wal_slot *s = &wal->slots[slot];

	kq_scan_crossed(wal, slot, 0, "segment header: %s", what);
	s->state = KQ_WAL_SLOT_BAD;
	if (!remake(wal, slot, data)) {
		note_stamp(s, data);
		return;
	}
	s->state = KQ_WAL_SLOT_OURS;
	if (wal->generation_max < s->generation)
		wal->generation_max = s->generation;
}

/**
 * kq_wal_blank_header() - recovery: a segment has no header
 * @wal: the log
 * @slot: segment
 * @data: its first KQ_WAL_HEAD_BYTES
 *
 * Its opening was torn, it was never used, or the header is gone: that only a later segment tells.
 */
void kq_wal_blank_header(struct kq_wal *wal, u32 slot, const void *data)
{
	struct kq_wal_slot *s = &wal->slots[slot];

	s->state = KQ_WAL_SLOT_FREE;
	s->blank = true;
	if (!remake(wal, slot, data))
		note_stamp(s, data);
}

/* The segments around a generation that is missing: NULL where there is none. */
struct around {
	const struct kq_wal_slot *before;
	const struct kq_wal_slot *after;
};

static bool fits(const struct around *a, u64 generation, u64 seq)
{
	return generation > (a->before ? a->before->generation : 0) &&
		(!a->after || generation < a->after->generation) &&
		seq > (a->before ? a->before->base_seq : 0) &&
		(!a->after || seq < a->after->base_seq);
}

/* Is it one of the batches that this generation can have begun with? */
static bool match(const struct kq_wal *wal, struct kq_wal_slot *s, const struct around *a,
		  u64 generation, u32 *tries)
{
	u64 most = kq_wal_per_segment(wal) / KQ_WAL_BLOCK * (u64)LOST_GENERATIONS;
	u64 seq = a->before ? a->before->base_seq + 1 : 1;
	u64 end = a->after ? a->after->base_seq : seq + most;

	if (!a->before && end > most)
		seq = max(seq, end - most);
	for (; seq < end && *tries; seq++, --*tries)
		if (kq_wal_stamp(wal, generation, seq, s->attempt, s->sector, false) ==
		    s->stamp) {
			s->headless = true;
			s->base_index = KQ_WAL_NUMBER_MAX;
			s->generation = generation;
			s->base_seq = seq;
			return true;
		}
	return false;
}

/* Does the sector that is whole belong to a segment that is missing there? */
static bool match_any(const struct kq_wal *wal, struct kq_wal_slot *s, const struct around *a,
		      u32 *tries)
{
	u64 generation = a->before ? a->before->generation + 1 : 1;
	u64 end = a->after ? a->after->generation : wal->generation_max + LOST_GENERATIONS;

	if (end > 2 * LOST_GENERATIONS && !a->before)
		generation = max(generation, end - 2 * LOST_GENERATIONS);
	end = min(end, generation + 2 * LOST_GENERATIONS);
	for (; generation < end; generation++)
		if (match(wal, s, a, generation, tries))
			return true;
	return false;
}

/* What is blank may be the newest one only for having been torn, which is seen to elsewhere. */
static bool find(const struct kq_wal *wal, struct kq_wal_slot *s, u32 *tries)
{
	struct around a = {};
	u32 slot;

	do {
		slot = kq_slot_after(wal, a.before ? a.before->generation : 0);
		a.after = slot == KQ_WAL_NO_SLOT ? NULL : &wal->slots[slot];
		if (!a.after && s->blank)
			return false;
		if (s->remade ? fits(&a, s->generation, s->base_seq) :
		    s->sector && match_any(wal, s, &a, tries))
			return true;
		a.before = a.after;
	} while (a.after);
	return false;
}

/**
 * kq_wal_find_lost() - recovery: which segment is it whose header cannot be read?
 * @wal: the log; all headers have been looked at
 */
void kq_wal_find_lost(struct kq_wal *wal)
{
	u32 tries = LOST_TRIES;
	u32 i;

	for (i = 0; i < wal->segments; i++) {
		struct kq_wal_slot *s = &wal->slots[i];

		if (s->state == KQ_WAL_SLOT_OURS || (!s->remade && !s->sector))
			continue;
		if (!find(wal, s, &tries))
			continue;
		s->state = KQ_WAL_SLOT_OURS;
		if (wal->generation_max < s->generation)
			wal->generation_max = s->generation;
	}
}
