/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the log share: kq_wal.c writes, kq_wal_check.c judges single
 * sectors and batches, kq_wal_recover.c the whole, segment by segment.
 * Nobody else includes this.
 */
#ifndef KQ_WAL_PRIV_H
#define KQ_WAL_PRIV_H

#include "kq_wal_format.h"

#define KQ_WAL_NO_SLOT	U32_MAX

enum kq_wal_slot_state {
	KQ_WAL_SLOT_UNSEEN,	/* header not handed in yet */
	KQ_WAL_SLOT_FREE,	/* spare */
	KQ_WAL_SLOT_OURS,	/* part of the log */
	KQ_WAL_SLOT_BAD,	/* its header cannot be read: never written again */
};

/* One segment file, from its header. */
struct kq_wal_slot {
	enum kq_wal_slot_state state;
	u32 prev_crc;
	u64 generation;
	u64 base_seq;
	u64 base_index;
	u64 base_term;
	bool remade;		/* from its first batch, which does not tell all of this */
	bool blank;		/* it cannot be read because nothing is there */
	bool headless;		/* its first batch neither: no more is known of base_* */
	u32 sector;		/* one of its first batch that is whole, and what it is bound to */
	u32 attempt;
	u32 stamp;
};

/* A batch header that was found, in the CPU's byte order. */
struct kq_wal_head {
	struct kq_hard_state hs;
	u64 generation;
	u64 seq;
	u64 first;
	u64 end_index;
	u64 end_term;
	u32 slot;
	u32 pos;		/* bytes from the start of the segment */
	u32 bytes;
	u32 body_bytes;
	u32 attempt;
	u32 prev_crc;
	u32 body_crc;
	u64 base_term;
	u32 cut_seq;
	bool restart;
	bool repaired;
	u32 crc;		/* of the header itself */
};

/**
 * struct kq_wal_gap - what is known of the log behind batches that are missing
 * @seq: of the batch that comes next
 * @prev_crc: as it says
 * @end_index: log end before it, or what it lets stand of that
 * @end_term: term of that entry
 * @snap: the snapshot that is in use then; index 0: none, or it is not known
 * @cut: something may have been cut off meanwhile
 */
struct kq_wal_gap {
	u64 seq;
	u32 prev_crc;
	u64 end_index;
	u64 end_term;
	struct kq_snap_ref snap;
	bool cut;
};

/* What stands where a batch may begin. */
enum kq_head {
	KQ_HEAD_OK,		/* of this log, and at its own address */
	KQ_HEAD_NONE,		/* something else: blank, stale, the middle of a batch */
	KQ_HEAD_BAD,		/* the sector is damaged */
	KQ_HEAD_INSANE,		/* numbers in it that were never written */
	KQ_HEAD_NEWER,		/* a newer version's */
};

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

/* Damage that nobody can go on behind: nothing after it is delivered. */
#define kq_chain_break(wal, ...) do {						\
	kq_scan_damage(wal, __VA_ARGS__);					\
	(wal)->scan.stop = true;						\
} while (0)

enum kq_wal_mode {
	KQ_WAL_RECOVERING,
	KQ_WAL_WRITABLE,
	KQ_WAL_HARD_STATE_ONLY,	/* damaged, the newest header is known */
	KQ_WAL_DEAD,		/* damaged, what is newest is not known */
};

enum kq_wal_stage {		/* which segments recovery asks for, in this order */
	KQ_WAL_STAGE_HEADERS,
	KQ_WAL_STAGE_NEWEST,	/* the last one with a batch, for the snapshot that it names */
	KQ_WAL_STAGE_CHAIN,	/* the log itself, by generation */
	KQ_WAL_STAGE_BAD,	/* segments whose header is bad */
	KQ_WAL_STAGE_SPARE,	/* the one that will be written next */
	KQ_WAL_STAGE_DONE,
};

/**
 * struct kq_wal_scan - recovery under way
 * @stage: enum kq_wal_stage
 * @asked: segment that was asked for last
 * @cursor: where to look on: a generation (chain) or slot (bad headers)
 * @buf: one body, laid out in one piece
 * @error: ends recovery
 * @damaged: something that may have been acknowledged cannot be read
 * @stop: the damage is in the log itself: nothing is delivered any more
 * @crossed: how many damaged places recovery went on behind
 * @gap: nothing is known of the batch before the one that comes now
 * @torn: the last write was cut off
 * @closed: generation of a segment that has a header and no batch, 0: none
 * @suspect: what follows the newest header cannot be read
 * @have: @newest is set
 * @newest: newest header seen, wherever it was
 * @first: the segment that the log begins with, if that is not its first one
 * @snap: that stands for what is before @first
 * @base: index behind which the log was told to begin anew last
 * @delivered: index of the last entry that was delivered
 * @attempt: highest that was seen where the next batch may go
 * @slot: of the first damage, or of what was torn
 * @pos: likewise
 * @bytes: cut off
 * @reason: for a person
 */
struct kq_wal_scan {
	enum kq_wal_stage stage;
	u32 asked;
	u64 cursor;
	u8 *buf;
	int error;
	bool damaged;
	bool stop;
	u32 crossed;
	bool gap;
	bool torn;
	bool suspect;
	bool have;
	u64 closed;
	struct kq_wal_head newest;
	u32 first;
	struct kq_snap_ref snap;
	u64 base;
	u64 delivered;
	u32 attempt;
	u32 slot;
	u32 pos;
	u32 bytes;
	char reason[sizeof(((struct kq_wal_report *)0)->reason)];
};

/**
 * struct kq_wal - the log of one node
 * @cluster: whose it is
 * @node: likewise
 * @segment_bytes: size of a segment file
 * @segments: how many
 * @spares: how many are free
 * @mode: enum kq_wal_mode
 * @generation_max: highest in any header seen or written
 * @slot: segment being written, KQ_WAL_NO_SLOT: the next batch opens one
 * @pos: where the next batch goes
 * @generation: of that segment
 * @seq: of the last batch
 * @attempt: of this life
 * @prev_crc: CRC of the last batch's header
 * @cut_seq: low half of the number of the newest batch that cut something off
 * @term: newest hard state's
 * @end_index: log end on disk
 * @end_term: term of that entry
 * @snap_index: newest hard state's
 * @probes: signs of life written
 * @scan: recovery
 * @slots: one per segment file
 */
struct kq_wal {
	u64 cluster;
	u32 node;
	u32 segment_bytes;
	u32 segments;
	u32 spares;
	enum kq_wal_mode mode;
	u64 generation_max;
	u32 slot;
	u32 pos;
	u64 generation;
	u64 seq;
	u32 attempt;
	u32 prev_crc;
	u32 cut_seq;
	u64 term;
	u64 end_index;
	u64 end_term;
	u64 snap_index;
	u64 probes;
	struct kq_wal_scan scan;
	struct kq_wal_slot slots[];
};

/* kq_wal.c */
u32 kq_wal_stamp(const struct kq_wal *wal, u64 generation, u64 seq, u32 attempt, u32 sector,
		 bool begins);
u32 kq_wal_sector_crc(const struct kq_wal_sector *s);
u32 kq_wal_spare(const struct kq_wal *wal);

/* kq_wal_room.c */
u64 kq_wal_disk_bytes(u64 stream);
u32 kq_wal_per_segment(const struct kq_wal *wal);
u32 kq_wal_tail(const struct kq_wal *wal);
u64 kq_wal_left(const struct kq_wal *wal);
u64 kq_wal_reserve(const struct kq_wal *wal, enum kq_wal_room room);

/* kq_wal_release.c */
u32 kq_wal_first_for(const struct kq_wal *wal, u64 index, u64 generation);

/* kq_wal_check.c */
bool kq_sector_blank(const struct kq_wal_sector *s);
bool kq_sector_whole(const struct kq_wal_sector *s);
bool kq_sector_stamped(const struct kq_wal *wal, const struct kq_wal_sector *s,
		       u64 generation, u64 seq, u32 sector, bool begins);
enum kq_head kq_head_read(const struct kq_wal *wal, u32 slot, const void *data, u32 pos,
			  struct kq_wal_head *h);
u32 kq_batch_sectors(const struct kq_wal *wal, const struct kq_wal_head *h,
		     const void *data, u32 *missing, u32 *first_bad);
const char *kq_batch_check_head(const struct kq_wal *wal, const struct kq_wal_head *h);
const char *kq_batch_check_body(const struct kq_wal *wal, const struct kq_wal_head *h,
				const void *data, u8 *body);

/* kq_wal_scan.c */
int __printf(5, 6) kq_scan_fail(struct kq_wal *wal, int err, u32 slot, u32 pos,
				const char *fmt, ...);
void __printf(4, 5) kq_scan_damage(struct kq_wal *wal, u32 slot, u32 pos, const char *fmt, ...);
void __printf(4, 5) kq_scan_crossed(struct kq_wal *wal, u32 slot, u32 pos, const char *fmt, ...);
void kq_scan_torn(struct kq_wal *wal, u32 slot, u32 pos, u32 bytes);
void kq_scan_note(struct kq_wal *wal, const struct kq_wal_head *h);
bool kq_scan_last_whole(struct kq_wal *wal, u32 slot, const void *data, struct kq_wal_head *last);
int kq_scan_base(struct kq_wal *wal, u64 index, u64 term, kq_wal_entry_fn deliver, void *ctx);
int kq_scan_heads(struct kq_wal *wal, u32 slot, const void *data, u32 from,
		  u64 generation, bool note);
u32 kq_scan_attempts(struct kq_wal *wal, const void *data, u64 generation, u64 seq,
		     u32 from);
void kq_scan_newest(struct kq_wal *wal, u32 slot, const void *data, u32 from,
		    u64 generation);

/* kq_wal_chain.c */
enum kq_chain kq_batch_take(struct kq_wal *wal, const void *data, const struct kq_wal_head *h,
			    bool whole, kq_wal_entry_fn deliver, void *ctx);
u32 kq_slot_after(const struct kq_wal *wal, u64 generation);
int kq_scan_chain(struct kq_wal *wal, u32 slot, const void *data,
		  kq_wal_entry_fn deliver, void *ctx);

/* kq_wal_gap.c */
int kq_wal_tell_batch(struct kq_wal *wal, const struct kq_wal_head *h, kq_wal_entry_fn deliver,
		      void *ctx);
enum kq_chain kq_chain_cross(struct kq_wal *wal, u32 slot, const void *data, u32 *pos,
			     const struct kq_wal_head *h, enum kq_chain how,
			     const struct kq_wal_slot *next, kq_wal_entry_fn deliver, void *ctx);
enum kq_chain kq_chain_cross_to(struct kq_wal *wal, u32 slot, const void *data,
				kq_wal_entry_fn deliver, void *ctx);
int kq_wal_begin_above(struct kq_wal *wal, u32 slot, const void *data, kq_wal_entry_fn deliver,
		       void *ctx);

/* kq_wal_lost.c */
void kq_wal_lost_header(struct kq_wal *wal, u32 slot, const void *data, const char *what);
void kq_wal_blank_header(struct kq_wal *wal, u32 slot, const void *data);
void kq_wal_find_lost(struct kq_wal *wal);

static inline const struct kq_wal_sector *kq_sector_at(const void *data, u32 pos)
{
	return (const void *)((const u8 *)data + pos);
}

/* Bytes that the body of any batch fits in: none is longer than its segment. */
static inline u32 kq_wal_body_max(const struct kq_wal *wal)
{
	return min_t(u32, wal->segment_bytes, KQ_WAL_BATCH_MAX);
}

#endif /* KQ_WAL_PRIV_H */
