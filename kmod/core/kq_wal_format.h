/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log on disk, version 6. All numbers are little-endian.
 *
 * The log lives in segment files of one size, filled with real writes when they
 * were made and overwritten ever after.
 *
 *	block 0		segment header, in its first sector
 *	block 1		scratch: target of signs of life, never read
 *	block 2...	batches, one after the other, each in whole 4 KiB blocks
 *
 * The first write to a segment holds header, scratch and its first batch, so
 * there is no header without a batch, except where that write was torn.
 *
 * Sectors. The one assumption about the disk: a 512-byte sector is written whole
 * or not at all. Each sector holds 500 bytes of data and a trailer that says
 * whether it belongs here (struct kq_wal_sector):
 *
 *	good	checksum right, stamp as expected
 *	stale	checksum right, another stamp: of an earlier life, or misdirected
 *	blank	512 zero bytes: never written
 *	bad	checksum wrong: damage, never what a power cut leaves behind
 *
 * The stamp also tells the sector with which a batch begins: nothing that a client wrote into an
 * entry is ever taken for the header of a batch.
 *
 * Stale or blank sectors in the last batch are a torn write, which was never
 * acknowledged. (A disk that lost an acknowledged write, or replaced sectors by
 * zeros, looks the same when it was the very last one: no log of its own can tell.)
 *
 * Names. A generation names one use of one segment file; a new one is higher than any
 * in any header of any file, whatever its cluster. A batch has a sequence number,
 * consecutive within a node's life. The attempt tells apart two writes that have
 * all of this in common: one that was torn, and the one that takes its place
 * after the restart. It rises with every recovery, above any attempt that left a
 * sector where the next batch may go.
 *
 * Batch. Header and body are one stream of bytes laid over the data of its
 * sectors: struct kq_wal_batch_head, then for each entry struct kq_record and
 * the payload, padded to 8 bytes. The rest of the last block is zero (in valid
 * sectors). A first index at or below the log's end truncates the log there
 * first. The chain: each header has the CRC of the header before, which has the
 * CRC of its body.
 *
 * Damage. Recovery goes on behind a batch that cannot be read, as long as a later header says
 * what the log was there: its end (first_index, base_term), and whether anything that had
 * been in the log was cut off meanwhile (cut_seq). What was in between is missing, and known
 * to be. A batch that is REPAIRED puts entries back in such a place; it cuts off nothing.
 *
 * Where a segment ends: at its last block, or where the header of the next one
 * (by generation) says that its own first batch is the one expected here.
 * Whatever then stands here is what a torn write left.
 *
 * Snapshots. The hard state names the newest one that is in use; the log on disk is never shorter
 * than that. Segments that end below it are used again, the oldest first. So a log need not begin
 * with its first batch: it begins with the newest segment that opened at or below the snapshot that
 * the last whole batch names, whatever older ones hold. A batch may say that the log goes on behind
 * its snapshot, and that nothing before it counts: that one was installed.
 *
 * Magic, version, cluster, node and generation keep their places in all versions.
 */
#ifndef KQ_WAL_FORMAT_H
#define KQ_WAL_FORMAT_H

#include "kq_wal.h"

#define KQ_WAL_VERSION		7
#define KQ_WAL_SEGMENT_MAGIC	0x31474553514bULL	/* "KQSEG1" */
#define KQ_WAL_BATCH_MAGIC	0x31544142514bULL	/* "KQBAT1" */

#define KQ_WAL_SECTOR_DATA	500u
#define KQ_WAL_BLOCK_SECTORS	(KQ_WAL_BLOCK / KQ_WAL_SECTOR)
#define KQ_WAL_BLOCK_DATA	(KQ_WAL_BLOCK_SECTORS * KQ_WAL_SECTOR_DATA)
#define KQ_WAL_FIRST		(2 * KQ_WAL_BLOCK)	/* offset of the first batch */
#define KQ_WAL_BATCH_MAX	(512u * 1024)		/* bytes of one batch */
#define KQ_WAL_SEGMENT_MIN	(64u * 1024)		/* holds any entry */
#define KQ_WAL_SEGMENT_MAX	(1u << 30)

/* No honest number gets there; what does is refused, so that none can wrap. */
#define KQ_WAL_NUMBER_MAX	(1ULL << 62)
#define KQ_WAL_ATTEMPT_MAX	(1u << 31)

/**
 * struct kq_wal_sector - one sector
 * @data: its part of the stream
 * @attempt: of the write it came with
 * @stamp: CRC32C of struct kq_wal_stamp
 * @crc: CRC32C of all that stands before
 */
struct kq_wal_sector {
	u8 data[KQ_WAL_SECTOR_DATA];
	__le32 attempt;
	__le32 stamp;
	__le32 crc;
} __packed;
static_assert(sizeof(struct kq_wal_sector) == KQ_WAL_SECTOR);

/* What a sector is bound to. Only its CRC is on disk. */
struct kq_wal_stamp {
	__le64 cluster;
	__le64 generation;
	__le64 seq;		/* of the batch */
	__le32 node;
	__le32 attempt;
	__le32 sector;		/* counted from the start of the segment */
	__le32 begins;		/* 1: a batch begins with it */
} __packed;
static_assert(sizeof(struct kq_wal_stamp) == 40);

/**
 * struct kq_wal_segment_head - what one use of a segment file begins with
 * @magic: KQ_WAL_SEGMENT_MAGIC
 * @version: KQ_WAL_VERSION
 * @head_len: bytes of this header
 * @node: whose log this is
 * @cluster: likewise
 * @generation: rises over all segments
 * @segment_bytes: size of the file
 * @slot: number of the file
 * @base_seq: sequence number of the first batch in here
 * @base_index: log end before that batch
 * @base_term: term of that entry
 * @prev_crc: CRC of the batch header before, 0: there was none
 * @zero: 0
 */
struct kq_wal_segment_head {
	__le64 magic;
	__le16 version;
	__le16 head_len;
	__le32 node;
	__le64 cluster;
	__le64 generation;
	__le32 segment_bytes;
	__le32 slot;
	__le64 base_seq;
	__le64 base_index;
	__le64 base_term;
	__le32 prev_crc;
	__le32 zero;
} __packed;
static_assert(sizeof(struct kq_wal_segment_head) == 72);

/**
 * struct kq_wal_batch_head - what each batch begins with
 * @magic: KQ_WAL_BATCH_MAGIC
 * @version: KQ_WAL_VERSION
 * @head_len: bytes of this header; the body follows
 * @node: whose log this is
 * @cluster: likewise
 * @generation: of the segment
 * @seq: sequence number of the batch
 * @bytes: of the whole batch on disk
 * @body_bytes: of the records, padding included
 * @term: hard state, as in struct kq_hard_state
 * @incarnation: likewise
 * @commit: likewise
 * @promise_ns: likewise
 * @first_index: of the first record, 0: no records
 * @end_index: log end after this batch
 * @end_term: term of that entry
 * @base_term: term of the entry before the first record; without records, @end_term
 * @vote: hard state
 * @prev_crc: CRC of the batch header before, 0: there was none
 * @body_crc: CRC32C of the body
 * @vote_inc: hard state
 * @identity: hard state
 * @peer: hard state: of node 1 first
 * @whose: likewise
 * @met: likewise
 * @starts: hard state
 * @snap_index: hard state: of the snapshot in use, 0: none
 * @snap_term: likewise
 * @snap_bytes: likewise
 * @snap_crc: likewise
 * @flags: KQ_WAL_RESTART, KQ_WAL_REPAIRED
 * @cut_seq: low half of the number of the newest batch before this one that cut something off
 */
struct kq_wal_batch_head {
	__le64 magic;
	__le16 version;
	__le16 head_len;
	__le32 node;
	__le64 cluster;
	__le64 generation;
	__le64 seq;
	__le32 bytes;
	__le32 body_bytes;
	__le64 term;
	__le64 incarnation;
	__le64 commit;
	__le64 promise_ns;
	__le64 first_index;
	__le64 end_index;
	__le64 end_term;
	__le64 base_term;
	__le32 vote;
	__le32 prev_crc;
	__le32 body_crc;
	__le32 vote_inc;
	__le64 identity;
	__le64 peer[KQ_MAX_NODES];
	__le32 whose[KQ_MAX_NODES];
	__le32 met[KQ_MAX_NODES];
	__le32 starts[KQUORUM_STARTS];
	__le64 snap_index;
	__le64 snap_term;
	__le64 snap_bytes;
	__le32 snap_crc;
	__le32 flags;
	__le32 cut_seq;
} __packed;
static_assert(sizeof(struct kq_wal_batch_head) == 500);
#define KQ_WAL_RESTART	1	/* the log goes on behind the snapshot */
#define KQ_WAL_REPAIRED	2	/* the records go where some were missing */
#define KQ_WAL_FLAGS	3
static_assert(sizeof(struct kq_wal_batch_head) <= KQ_WAL_SECTOR_DATA);

/* The longest entry fits the shortest segment and one batch. */
#define KQ_WAL_ENTRY_BYTES_MAX							\
	(DIV_ROUND_UP((u32)sizeof(struct kq_wal_batch_head) +			\
		      (u32)sizeof(struct kq_record) + KQ_PAYLOAD_MAX + 8,	\
		      KQ_WAL_BLOCK_DATA) * KQ_WAL_BLOCK)
static_assert(KQ_WAL_SEGMENT_MIN - KQ_WAL_FIRST >= KQ_WAL_ENTRY_BYTES_MAX);
static_assert(KQ_WAL_BATCH_MAX >= KQ_WAL_ENTRY_BYTES_MAX);

#endif /* KQ_WAL_FORMAT_H */
