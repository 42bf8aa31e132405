// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz target: recovery of the log. The input first writes a log, then changes bytes and
 * whole sectors of it, their checksums made right or not, then it is recovered and written on.
 */
#include <stdlib.h>

#include "input.h"
#include "kq_wal_format.h"
#include "kq_wal_priv.h"

#define SEGMENT (64u * 1024)
#define SEGMENTS 3u
#define BYTES (SEGMENT * SEGMENTS)

/* Not on the heap: to get and give back this much costs more than all the rest of a run. */
static u8 disk[BYTES];

struct seen {
	u64 last, count;
};

static int deliver(void *ctx, const struct kq_record *rec, const void *payload)
{
	struct seen *seen = ctx;

	if (le16_to_cpu(rec->type) == KQ_RECORD_BASE) {
		seen->last = le64_to_cpu(rec->index);
		return 0;
	}
	if (le16_to_cpu(rec->type) == KQ_RECORD_FILL) {
		rec = payload;
		if (!rec->index || le64_to_cpu(rec->index) > seen->last)
			abort();
		seen->count += kq_crc(0, rec + 1, le32_to_cpu(rec->len)) & 1;
		return 0;
	}
	if (le16_to_cpu(rec->type) == KQ_RECORD_GAP) {
		if (le64_to_cpu(rec->seq) > max(seen->last, le64_to_cpu(rec->index)))
			abort();
		seen->last = le64_to_cpu(rec->index);
		return 0;
	}
	/* Read all of it: the sanitizer knows what may be read. */
	seen->count += kq_crc(0, payload, le32_to_cpu(rec->len)) & 1;
	if (le64_to_cpu(rec->index) > seen->last + 1)
		abort();	/* a hole */
	seen->last = le64_to_cpu(rec->index);
	return 0;
}

static struct kq_wal *recover(struct kq_wal_report *rep, struct seen *seen, int *err)
{
	struct kq_wal *wal = kq_wal_create(77, 1, SEGMENT, SEGMENTS);
	int slot;

	memset(seen, 0, sizeof(*seen));
	*err = 0;
	for (slot = 0; !*err && slot < (int)SEGMENTS; slot++)
		*err = kq_wal_scan_header(wal, slot, disk + slot * SEGMENT);
	while (!*err && (slot = kq_wal_next_segment(wal)) >= 0)
		*err = kq_wal_scan_segment(wal, slot, disk + slot * SEGMENT, SEGMENT, deliver, seen);
	if (kq_wal_scan_end(wal, rep) && !rep->reason[0])
		abort();	/* refused without a reason */
	if (!*err && rep->health != KQ_WAL_CLEAN && !rep->reason[0])
		abort();
	return wal;
}

/* A snapshot stands for what is there, or one of another node for all. Returns false: neither. */
static bool snapshot(struct kq_wal *wal, u64 *last, u64 term, struct kq_hard_state *hs, u8 how)
{
	struct kq_batch *b = NULL;
	int err;

	hs->term = max(term, wal->term);
	if (how < 0xf0 || wal->mode != KQ_WAL_WRITABLE)
		return false;
	hs->snap = (struct kq_snap_ref){ wal->end_index, wal->end_term, 1, 1 };
	if (how >= 0xf8) {
		hs->snap.index = *last + how % 8 + 1;
		hs->snap.term = hs->term;
		err = kq_wal_encode_restart(wal, hs, KQ_WAL_ROOM_VOTE, &b);
	} else {
		err = kq_wal_encode(wal, hs, NULL, 0, 0, KQ_WAL_ROOM_VOTE, &b);
	}
	if (!err) {
		memcpy(disk + b->slot * SEGMENT + b->offset, b->data, b->len);
		*last = wal->end_index;
		kq_wal_release(wal, hs->snap.index);
	}
	kq_batch_free(b);
	return true;
}

static void make_entries(struct kq_entry **e, u32 count, u64 first, u64 term, struct input *in)
{
	u8 data[4096];
	u32 i;

	memset(data, input_u8(in), sizeof(data));
	for (i = 0; i < count; i++) {
		e[i] = kq_entry_alloc(KQ_ENTRY_APPEND, data, 1 + input_u8(in) * 16);
		e[i]->rec.index = cpu_to_le64(first + i);
		e[i]->rec.term = cpu_to_le64(term);
		e[i]->rec.crc = cpu_to_le32(kq_entry_crc(&e[i]->rec, e[i]->data));
	}
}

/* What came of it goes to the disk, unless it was refused; the entries are given back. */
static u32 write_batch(struct kq_batch *b, struct kq_entry **e, u32 count)
{
	u32 i, entries = b ? b->entries : 0;

	if (b)
		memcpy(disk + b->slot * SEGMENT + b->offset, b->data, b->len);
	kq_batch_free(b);
	for (i = 0; i < count; i++)
		kq_entry_free(e[i]);
	return entries;
}

/* Entries of the log come again, as if they had been missing. Returns false: it is not asked for. */
static bool put_back(struct kq_wal *wal, u64 term, struct kq_hard_state *hs, u8 how, u32 count,
		     struct input *in)
{
	struct kq_batch *b = NULL;
	struct kq_entry *e[4];
	u64 first, room = wal->end_index - min(wal->end_index, hs->snap.index);

	if (how < 0xe0 || how >= 0xf0 || !count || !room)
		return false;
	hs->term = max(term, wal->term);
	count = min_t(u64, count, room);
	first = hs->snap.index + 1 + input_u8(in) % (room - count + 1);
	make_entries(e, count, first, 1 + input_u8(in) % min_t(u64, wal->end_term, 8), in);
	if (kq_wal_encode_repaired(wal, hs, e, count, KQ_WAL_ROOM_INTERNAL, &b))
		b = NULL;
	write_batch(b, e, count);
	return true;
}

static void write_some(struct kq_wal *wal, u64 *last, u64 *term, struct kq_snap_ref *snap,
		       struct input *in)
{
	u8 how = input_u8(in);
	struct kq_hard_state hs = { .vote = how % 4, .incarnation = 1, .commit = *last,
				    .snap = *snap };
	struct kq_entry *e[4];
	u32 count = input_u8(in) % 5;
	struct kq_batch *b = NULL;
	u64 was = *last, base_term;

	*term += input_u8(in) % 2;
	if (snapshot(wal, last, *term, &hs, how)) {
		if (wal->snap_index == hs.snap.index)
			*snap = hs.snap;
		return;
	}
	if (put_back(wal, *term, &hs, how, count, in))
		return;
	hs.term = *term;
	if (count && *last > 4 && input_u8(in) > 200)
		*last = max(*last - input_u8(in) % 4, snap->index);
	base_term = *last == wal->end_index ? wal->end_term : !!*last;
	make_entries(e, count, *last + 1, *term, in);
	if (kq_wal_encode(wal, &hs, e, count, base_term, KQ_WAL_ROOM_VOTE, &b))
		b = NULL;
	/* Without entries, or when it is full, nothing was cut off either. */
	count = write_batch(b, e, count);
	*last = count ? *last + count : was;
}

/* A change of one byte, or a sector that comes from elsewhere; its CRC is mended or not. */
static void change(struct input *in)
{
	u32 sector = (input_u8(in) << 8 | input_u8(in)) % (BYTES / KQ_WAL_SECTOR);
	struct kq_wal_sector *s = (void *)(disk + sector * KQ_WAL_SECTOR);
	u8 how = input_u8(in);

	if (how & 1)
		((u8 *)s)[(how & 2 ? 256 : 0) + input_u8(in)] = input_u8(in);
	else
		memcpy(s, disk + (input_u8(in) << 8 | input_u8(in)) % (BYTES / KQ_WAL_SECTOR) *
		       KQ_WAL_SECTOR, KQ_WAL_SECTOR);
	if (how & 4)
		s->crc = cpu_to_le32(kq_wal_sector_crc(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_of(data, size);
	struct kq_wal_report rep;
	struct kq_snap_ref snap = {};
	u64 last = 0, term = 1;
	struct kq_wal *wal;
	struct seen seen;
	u32 batches = input_u8(&in) % 32, changes = input_u8(&in) % 8, i;
	int err;

	memset(disk, 0, sizeof(disk));
	wal = recover(&rep, &seen, &err);
	for (i = 0; i < batches; i++)
		write_some(wal, &last, &term, &snap, &in);
	kq_wal_destroy(wal);
	for (i = 0; i < changes; i++)
		change(&in);
	wal = recover(&rep, &seen, &err);
	if (!changes && (err || rep.health != KQ_WAL_CLEAN || seen.last != last))
		abort();	/* what was written is not what is read */
	if (!err && rep.health != KQ_WAL_DAMAGED) {
		last = rep.last_index;
		term = max_t(u64, rep.hs.term, term);
		snap = rep.hs.snap;
		for (i = 0; i < 3; i++)
			write_some(wal, &last, &term, &snap, &in);
		kq_wal_destroy(wal);
		wal = recover(&rep, &seen, &err);
	}
	kq_wal_destroy(wal);
	if (kq_alloc_live)
		abort();
	return 0;
}
