/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A snapshot: the state of all machines at one log index, as a stream of bytes; and the reader of
 * such a stream. All numbers are little-endian. Nothing here needs a core: the daemon is built
 * with the same file.
 *
 *	head		struct kq_snap_head
 *	frames		struct kq_snap_frame, each with whole records: struct kq_snap_record and
 *			its payload
 *	last frame	of the kind END: struct kq_snap_end; nothing follows
 *
 * The checksum of a frame's header begins with that of the frame before (of the first one: of the
 * head), so that none can be missing, doubled or of another snapshot. What is wrong is told apart:
 *
 *	-ENODATA		the stream ends too early: it was cut off
 *	-EBADMSG		damage: a checksum fails, or the contents contradict each other
 *	-EPROTONOSUPPORT	of a newer version
 *	-EXDEV			of another cluster, or of another history of this one
 *	-EINVAL			no snapshot at all
 *
 * Magic, version, length and checksum of the head keep their places in all versions.
 *
 * The configuration comes first, then the sessions, then pools and claims in the order in which
 * they came: those that were changed while the snapshot was written stand, in their old form,
 * wherever that happened.
 *
 * The sum over a machine's state is that of the hashes of its records (kq_snap_hash()), in any
 * order; it is the same on all replicas.
 */
#ifndef KQ_SNAP_FORMAT_H
#define KQ_SNAP_FORMAT_H

#include "kq_platform.h"

#define KQ_SNAP_MAGIC		0x3150414e53514bULL	/* "KQSNAP1" */
#define KQ_SNAP_VERSION		4
#define KQ_SNAP_HEAD_MAX	1024		/* of any version */
#define KQ_SNAP_FRAME_MAX	(16 * 1024)	/* bytes of records in one frame */
#define KQ_SNAP_NUMBER_MAX	(1ULL << 60)	/* no index or term gets there */
#define KQ_SNAP_WINDOW		16		/* words of a session's table of what was applied */

enum kq_snap_type {
	KQ_SNAP_CONF,
	KQ_SNAP_SESSION,
	KQ_SNAP_CLAIM,
	KQ_SNAP_POOL,
	KQ_SNAP_TYPES
};

enum kq_snap_kind {
	KQ_SNAP_DATA = 1,
	KQ_SNAP_END = 2,
};

/**
 * struct kq_snap_head - what a snapshot begins with
 * @magic: KQ_SNAP_MAGIC
 * @version: KQ_SNAP_VERSION
 * @head_len: bytes of this header
 * @crc: CRC32C of it, with 0 in this place
 * @cluster: whose state it is
 * @origin: of its log
 * @index: last log index that is applied in it
 * @term: of that entry
 * @saved_term: in which that entry is known to be committed: the node's when it was saved
 * @claims: how many
 * @pools: how many
 * @sum: over each machine's state, by enum kq_snap_type
 * @zero: 0
 */
struct kq_snap_head {
	__le64 magic;
	__le16 version;
	__le16 head_len;
	__le32 crc;
	__le64 cluster;
	__le64 origin;
	__le64 index;
	__le64 term;
	__le64 saved_term;
	__le64 claims;
	__le64 pools;
	__le64 sum[KQ_SNAP_TYPES];
	__le64 zero;
} __packed;
static_assert(sizeof(struct kq_snap_head) == 112);

/**
 * struct kq_snap_frame - what stands before each piece
 * @number: 0 for the first
 * @bytes: that follow
 * @kind: enum kq_snap_kind
 * @body_crc: CRC32C of what follows
 * @crc: of all before, seeded with that of the frame before
 */
struct kq_snap_frame {
	__le64 number;
	__le32 bytes;
	__le32 kind;
	__le32 body_crc;
	__le32 crc;
} __packed;
static_assert(sizeof(struct kq_snap_frame) == 24);

struct kq_snap_record {
	__le16 type;		/* enum kq_snap_type */
	__le16 len;		/* of the payload */
} __packed;

/* Payload of a configuration, followed by that of its entry in the log. */
struct kq_snap_conf {
	__le64 index;
	__le64 term;
} __packed;

struct kq_snap_session {
	__le32 node;
	__le32 suspect;
	__le64 id;
	__le64 last_id;
	__le64 left_ns;
	__le64 settled;
	__le64 applied[KQ_SNAP_WINDOW];
} __packed;

/*
 * Payload of a claim, followed by the resource's name and what it is for, both without NUL, and the
 * numbers of its units, a byte each.
 */
struct kq_snap_claim {
	__le64 session;
	__le64 owner;
	__le64 index;
	__le64 token;		/* 0: waits */
	__le32 node;
	__le32 pid;
	__le32 units;		/* of KQ_CLAIM_UNITS, else 0 */
	__le16 numbers;		/* how many; 0: they have none */
	u8 mode;		/* enum kq_claim_mode */
	u8 name_len;
	u8 info_len;
	u8 evicted;		/* 1: it holds, and has to give it back */
	u8 zero[6];
	char comm[16];
	__le32 ttl_ms;
	__le32 hold_ms;
	__le32 drain_ms;	/* with @evicted, else 0 */
	__le32 uid;
} __packed;
static_assert(sizeof(struct kq_snap_claim) == 88);
#define KQ_SNAP_CLAIM_MAX (sizeof(struct kq_snap_claim) + 127 + 63 + 256)

/* Payload of a pool, followed by the resource's name without NUL. */
struct kq_snap_pool {
	__le64 index;
	__le64 fence;
	__le32 units;
	__le32 max_waiters;
	__le32 ttl_ms;
	__le32 hold_ms;
	__le32 uid;
	__le32 gid;
	__le16 mode;
	__le16 fenced;
	__le32 zero;
} __packed;
#define KQ_SNAP_POOL_MAX (sizeof(struct kq_snap_pool) + 127)

struct kq_snap_end {
	__le64 records;
	__le64 zero;
} __packed;

/* Which snapshot it is, to the byte. */
struct kq_snap_ref {
	u64 index;		/* 0: none */
	u64 term;
	u64 bytes;
	u32 crc;		/* CRC32C of all of them */
};

static inline bool kq_snap_same(const struct kq_snap_ref *a, const struct kq_snap_ref *b)
{
	return a->index == b->index && a->term == b->term && a->bytes == b->bytes &&
		a->crc == b->crc;
}

/**
 * typedef kq_snap_record_fn - the reader delivers a record
 * @ctx: of the caller
 * @type: enum kq_snap_type
 * @payload: whole, its checksum is right; no more is known
 * @len: bytes
 *
 * Return: NULL, or what is wrong, for a person: the snapshot is damaged.
 */
typedef const char *(*kq_snap_record_fn)(void *ctx, u16 type, const void *payload, u32 len);

/**
 * struct kq_snap_reader - a snapshot that is being read; all memory that it takes
 * @head: valid once @has_head
 * @has_head: it is checked
 * @ended: so is all of it
 * @error: negative errno: it is not to be used
 * @why: for a person
 * @ref: as much of it as was read; whole once @ended
 * @cluster: whose it must be, 0: whoever's
 * @origin: likewise of its history
 * @frame: the present one
 * @frames: before it
 * @chain: checksum of the header of the one before
 * @records: in all frames
 * @claims: likewise
 * @pools: likewise
 * @sum: likewise
 * @have: bytes in @buf
 * @need: that are wanted there
 * @buf: head, frame header, or frame
 */
struct kq_snap_reader {
	struct kq_snap_head head;
	bool has_head;
	bool ended;
	int error;
	char why[120];
	struct kq_snap_ref ref;
	u64 cluster;
	u64 origin;
	struct kq_snap_frame frame;
	bool in_frame;
	u64 frames;
	u32 chain;
	u64 records;
	u64 claims;
	u64 pools;
	u64 sum[KQ_SNAP_TYPES];
	u32 have;
	u32 need;
	u8 buf[KQ_SNAP_FRAME_MAX];
};

void kq_snap_reader_init(struct kq_snap_reader *r, u64 cluster, u64 origin);
int kq_snap_read(struct kq_snap_reader *r, const void *data, size_t len, kq_snap_record_fn deliver,
		 void *ctx);
int kq_snap_read_end(struct kq_snap_reader *r);
void kq_snap_say_size(const struct kq_snap_ref *ref, const void *begin, size_t have, u64 bytes,
		      char *why, size_t size);
u64 kq_snap_hash(const void *payload, u32 len);
u64 kq_snap_hash_two(const void *a, u32 a_len, const void *b, u32 b_len);

#endif /* KQ_SNAP_FORMAT_H */
