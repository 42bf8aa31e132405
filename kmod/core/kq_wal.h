/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log on disk: format, encoding of batches, recovery. No I/O here: whoever
 * owns the disk writes what is encoded and hands in what was read.
 */
#ifndef KQ_WAL_H
#define KQ_WAL_H

#include "kq_conf.h"
#include "kq_snap_format.h"

#define KQ_WAL_BLOCK	4096u
#define KQ_WAL_SECTOR	512u
#define KQ_WAL_MAX_SEGMENTS 1024

/**
 * struct kq_hard_state - what must not be forgotten; every batch carries it
 * @term: newest term
 * @vote: node voted for in @term, 0: none
 * @vote_inc: low half of that node's incarnation
 * @incarnation: of this node, as in kq_incarnation()
 * @commit: commit index known when the batch was made (a hint)
 * @promise_ns: the longest this node may have promised not to vote
 * @identity: of this log; by chance, when it was begun
 * @peer: by node id, the incarnation of that peer which was met last; 0: none ever
 * @whose: by node id, the low half of the identity of that peer
 * @met: by node id, the low half of the own incarnation in which that peer was met last; 0: never
 * @starts: low halves of the own incarnations before this one, the newest first; 0: none
 * @snap: the snapshot that stands for the beginning of the log
 */
struct kq_hard_state {
	u64 term;
	u32 vote;
	u32 vote_inc;
	u64 incarnation;
	u64 commit;
	u64 promise_ns;
	u64 identity;
	u64 peer[KQ_MAX_NODES + 1];
	u32 whose[KQ_MAX_NODES + 1];
	u32 met[KQ_MAX_NODES + 1];
	u32 starts[KQUORUM_STARTS];
	struct kq_snap_ref snap;
};

/*
 * An incarnation is the number of a start, for people, and enough chance that no two are the
 * same, not even those of a node whose files were set back: it counts again what it had counted.
 */
static inline u64 kq_incarnation(u64 before, u64 salt)
{
	return ((before >> KQUORUM_INCARNATION_SALT) + 1) << KQUORUM_INCARNATION_SALT |
		(salt & ((1ULL << KQUORUM_INCARNATION_SALT) - 1));
}

/* Sessions of one start have ids above this, below those of the next: by chance, like it. */
static inline u64 kq_first_session(u64 incarnation)
{
	return (incarnation >> KQUORUM_INCARNATION_SALT) << 36 | (incarnation & 0xffff) << 20;
}

/* How often the node has been started. */
static inline u64 kq_incarnation_start(u64 incarnation)
{
	return incarnation >> KQUORUM_INCARNATION_SALT;
}

/**
 * struct kq_batch - one write to the log
 * @data: block-aligned bytes to be written
 * @len: multiple of KQ_WAL_BLOCK
 * @slot: segment file
 * @offset: bytes from its start
 * @seq: batch sequence number
 * @term: of the hard state in it; 0: a probe
 * @hs_version: version of the hard state that it makes durable (kept by the core)
 * @first: index of the first entry in it, 0: no entries
 * @last: of the last; lowered by the core when entries are truncated meanwhile
 * @last_term: term of the entry @last
 * @entries: how many
 * @repaired: true: the entries go where some were missing; @first and @last are 0
 * @probe: true: only a sign of life of the disk, written to the scratch block
 * @restart: true: no entries; the log goes on behind index @last
 */
struct kq_batch {
	u8 *data;
	u32 len;
	u32 slot;
	u64 offset;
	u64 seq;
	u64 term;
	u64 hs_version;
	u64 first;
	u64 last;
	u64 last_term;
	u32 entries;
	bool repaired;
	bool probe;
	bool restart;
};

enum kq_wal_room {		/* how much of the reserve a batch may use */
	KQ_WAL_ROOM_CLIENT,	/* proposals of clients */
	KQ_WAL_ROOM_INTERNAL,	/* no-ops, session entries, entries a leader replicates */
	KQ_WAL_ROOM_CONF,	/* configurations: a log full of all else must not hold them up */
	KQ_WAL_ROOM_VOTE,	/* hard state without entries: to the last block */
};

enum kq_wal_health {
	KQ_WAL_CLEAN,		/* ended with a whole batch */
	KQ_WAL_TORN,		/* the last batch was torn and cut off: it was never acknowledged */
	KQ_WAL_GAPS,		/* damaged, but all that is missing is known to be */
	KQ_WAL_DAMAGED,		/* something that may have been acknowledged cannot be read */
};

/**
 * struct kq_wal_report - how recovery went
 * @health: enum kq_wal_health
 * @slot: where the torn or damaged batch is
 * @offset: bytes from the start of that segment
 * @bytes: how much was cut off (torn)
 * @reason: one line for a person; names what was found there
 * @hs: the newest hard state
 * @vote_known: false: a batch header that may have been newer cannot be read, so
 *	this node's vote is unknown and it must not vote
 * @crossed: damaged places that recovery went on behind
 * @last_index: last entry that was delivered, or that is known to be missing
 * @claimed_index: log end as the newest header has it (damage: what may have
 *	been acknowledged)
 * @claimed_term: term of that entry
 */
struct kq_wal_report {
	enum kq_wal_health health;
	u32 slot;
	u64 offset;
	u64 bytes;
	char reason[160];
	struct kq_hard_state hs;
	bool vote_known;
	u32 crossed;
	u64 last_index;
	u64 claimed_index;
	u64 claimed_term;
};

struct kq_wal;

/**
 * struct kq_wal_extent - what of the files is log, at one moment
 * @slot: segment being written; above all of them: none is
 * @pos: where the log ends in it
 * @segment_bytes: size of each
 * @segments: how many
 * @seq: of the last batch that is durable
 * @used: bit n: segment n is part of the log
 */
struct kq_wal_extent {
	u32 slot;
	u32 pos;
	u32 segment_bytes;
	u32 segments;
	u64 seq;
	u64 used[KQ_WAL_MAX_SEGMENTS / 64];
};

/* Types of no entry: what recovery delivers besides entries. */
#define KQ_RECORD_BASE	0
#define KQ_RECORD_GAP	0xffff
#define KQ_RECORD_FILL	0xfffe

/* What recovery is given of each segment to begin with: header, scratch, a batch's header. */
#define KQ_WAL_HEAD_BYTES (3 * KQ_WAL_BLOCK)

/**
 * typedef kq_wal_entry_fn - recovery delivers one entry
 * @ctx: of the caller
 * @rec: checked record; an index at or below the last delivered one means that
 *	the log was truncated there first. Of type 0 (KQ_RECORD_BASE): no entry; the log
 *	begins anew behind its index and term, whatever was delivered before. An entry at or
 *	below that index takes the place of the base: what stood there was cut off.
 *	KQ_RECORD_GAP: no entry; those behind its seq, up to its index and term, are missing,
 *	and what stood there was cut off. KQ_RECORD_FILL: @payload is a checked record, with its
 *	payload, of an entry that was put back where one was missing
 * @payload: its payload
 *
 * Return: 0 or negative errno, which ends recovery with that error.
 */
typedef int (*kq_wal_entry_fn)(void *ctx, const struct kq_record *rec, const void *payload);

struct kq_wal *kq_wal_create(u64 cluster, u32 node, u32 segment_bytes, u32 segments);
void kq_wal_destroy(struct kq_wal *wal);

/*
 * Recovery, in this order: kq_wal_scan_header() once for each slot with its
 * first KQ_WAL_HEAD_BYTES; then, while kq_wal_next_segment() gives a slot, read that segment
 * whole and give it to kq_wal_scan_segment() (the newest one is wanted twice); then
 * kq_wal_scan_end().
 */
int kq_wal_scan_header(struct kq_wal *wal, u32 slot, const void *data);
int kq_wal_next_segment(struct kq_wal *wal);
int kq_wal_scan_segment(struct kq_wal *wal, u32 slot, const void *data, u32 len,
			kq_wal_entry_fn deliver, void *ctx);
int kq_wal_scan_end(struct kq_wal *wal, struct kq_wal_report *report);

/*
 * Writing. kq_wal_encode() takes as many of @entries as fit one batch and says
 * how many through batch->entries. One batch may be outstanding; a failed write
 * ends the log's life (the caller latches it).
 */
int kq_wal_encode(struct kq_wal *wal, const struct kq_hard_state *hs,
		  struct kq_entry *const *entries, u32 count, u64 base_term,
		  enum kq_wal_room room, struct kq_batch **out);
int kq_wal_encode_repaired(struct kq_wal *wal, const struct kq_hard_state *hs,
			   struct kq_entry *const *entries, u32 count, enum kq_wal_room room,
			   struct kq_batch **out);
int kq_wal_encode_restart(struct kq_wal *wal, const struct kq_hard_state *hs,
			  enum kq_wal_room room, struct kq_batch **out);
int kq_wal_encode_probe(struct kq_wal *wal, struct kq_batch **out);
u32 kq_wal_release(struct kq_wal *wal, u64 index);
void kq_batch_free(struct kq_batch *batch);

int kq_wal_get_extent(const struct kq_wal *wal, const struct kq_batch *under_way,
		      struct kq_wal_extent *x);
u64 kq_wal_seq(const struct kq_wal *wal);
bool kq_wal_is_open(const struct kq_wal *wal);
void kq_wal_close_segment(struct kq_wal *wal);

u32 kq_hard_state_crc(const struct kq_hard_state *hs);
u64 kq_wal_capacity(const struct kq_wal *wal);
u64 kq_wal_used(const struct kq_wal *wal);
bool kq_wal_has_room(const struct kq_wal *wal, u64 bytes, enum kq_wal_room room);
void kq_wal_position(const struct kq_wal *wal, u32 *slot, u64 *offset);

#endif /* KQ_WAL_H */
