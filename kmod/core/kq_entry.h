/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One entry of the log, as it stands in memory, on the wire and on disk.
 *
 * The layout's version is carried by what surrounds it (the
 * wire header, the segment header). All numbers are little-endian.
 */
#ifndef KQ_ENTRY_H
#define KQ_ENTRY_H

#include "kq_platform.h"

#define KQ_PAYLOAD_MAX	(48 * 1024)	/* as KQUORUM_PAYLOAD_MAX */
#define KQ_RESOURCE_MAX	127		/* bytes of a resource's name */
#define KQ_INFO_MAX	63		/* bytes that say what a lock is for */
#define KQ_UNITS_MAX	(1U << 31)	/* of one resource */
#define KQ_NUMBERED	256		/* in a resource of no more units each has a number */
#define KQ_COMM_MAX	16
#define KQ_GRANT_MS_MAX	(U32_MAX / 2)	/* of a time to live, a hold, a drain */

/* Entry types: values of enum kquorum_entry_type in the uapi header. */
enum kq_entry_type {
	KQ_ENTRY_NOOP		= 1,
	KQ_ENTRY_OPEN		= 2,
	KQ_ENTRY_CLOSE		= 3,
	KQ_ENTRY_SUSPECT	= 4,
	KQ_ENTRY_CLEAR		= 5,
	KQ_ENTRY_EXPIRE		= 6,
	KQ_ENTRY_CONF		= 7,
	KQ_ENTRY_ACQUIRE	= 16,
	KQ_ENTRY_RELEASE	= 17,
	KQ_ENTRY_DEFINE		= 18,
	KQ_ENTRY_UNDEFINE	= 19,
	KQ_ENTRY_EVICT		= 20,
	KQ_ENTRY_FENCE		= 21,
	KQ_ENTRY_APPEND		= 32,
};

/**
 * struct kq_record - what stands before the payload, on the wire and on disk
 * @index: log index, from 1
 * @term: term of the leader that appended it
 * @session: the proposing node's session; 0: the leader itself
 * @seq: the proposer's sequence number within its session, from 1
 * @settled: every sequence number below this has an outcome at the proposer
 * @len: bytes of payload
 * @type: enum kq_entry_type
 * @flags: 0 in version 1
 * @node: the proposing node
 * @crc: CRC32C made by the proposer over @session, @seq, @settled, @len, @type,
 *	@flags, @node (bytes 16..51) and the payload. Index and term are given by the
 *	leader and are covered by the sectors on disk and the message on the wire.
 */
struct kq_record {
	__le64 index;
	__le64 term;
	__le64 session;
	__le64 seq;
	__le64 settled;
	__le32 len;
	__le16 type;
	__le16 flags;
	__le32 node;
	__le32 crc;
} __packed;
static_assert(sizeof(struct kq_record) == 56);

struct kq_claim;
struct kq_pool;
struct kq_resource;

/**
 * struct kq_entry - one entry in memory
 * @rec: as on disk
 * @claim: room for what applying an ACQUIRE needs, allocated with the entry so
 *	that applying cannot fail
 * @resource: likewise, and DEFINE
 * @pool: likewise, DEFINE
 * @applied: by this node
 * @result: of applying it: 0 it took effect, else why not
 * @data: the payload
 */
struct kq_entry {
	struct kq_record rec;
	struct kq_claim *claim;
	struct kq_resource *resource;
	struct kq_pool *pool;
	bool applied;
	s32 result;
	u8 data[];
};

/* Payload of OPEN, CLOSE, SUSPECT, CLEAR, EXPIRE. */
struct kq_session_cmd {
	__le64 session;
	__le64 left_ns;		/* SUSPECT: what is left of the promise */
	__le32 node;
	__le32 zero;
} __packed;

/*
 * Payload of ACQUIRE, followed by the resource's name and what it is for, both without NUL. Who
 * asks is as the node says: of his groups it names the one that the resource is of, if he is in it.
 */
struct kq_acquire_cmd {
	__le64 owner;		/* the handle's number on its node */
	__le32 pid;
	__le32 units;		/* so many; 0: all there are, or a share with KQ_ACQUIRE_SHARED */
	__le32 ttl_ms;		/* to be renewed in that time; 0: as the resource says */
	__le32 hold_ms;		/* so long at most; 0: likewise */
	__le32 uid;
	__le32 gid;
	__le16 flags;		/* KQ_ACQUIRE_* */
	__le16 name_len;
	__le16 info_len;
	__le16 zero;
	char comm[KQ_COMM_MAX];
} __packed;
#define KQ_ACQUIRE_TRY	1	/* refuse instead of queueing */
#define KQ_ACQUIRE_SHARED 2	/* along with others that do */
#define KQ_ACQUIRE_ADMIN 4	/* whatever its owner, group and mode are */
#define KQ_ACQUIRE_FLAGS 7

/* Why something is given back; values of enum kquorum_release_why in the uapi header. */
enum kq_release_why {
	KQ_RELEASE_ASKED,		/* its handle was closed */
	KQ_RELEASE_UNRENEWED,		/* its time to live was over */
	KQ_RELEASE_OVERDUE,		/* it was held as long as it may be */
	KQ_RELEASE_EVICTED,		/* an operator wished it, and it had time to end */
	KQ_RELEASE_WHYS
};

/* Payload of RELEASE, followed by the resource's name without NUL. */
struct kq_release_cmd {
	__le64 owner;
	__le16 name_len;
	__le16 why;		/* enum kq_release_why */
	__le32 zero;
} __packed;

/* Payload of DEFINE, followed by the resource's name without NUL. What does not count is 0. */
struct kq_define_cmd {
	__le32 units;		/* 1..KQ_UNITS_MAX */
	__le32 max_waiters;	/* 0: as many as the cluster has room for */
	__le32 ttl_ms;		/* of who asks for none; 0: none */
	__le32 hold_ms;		/* nobody holds it longer; 0: as long as he likes */
	__le32 uid;		/* owner */
	__le32 gid;		/* group */
	__le16 mode;		/* who may have a share (r) and all the rest (w), as of a file */
	__le16 fenced;		/* 1: its users check tokens */
	__le16 flags;		/* KQ_DEFINE_*: which of these count; the others stay as they are */
	__le16 name_len;
} __packed;
#define KQ_DEFINE_NEW		1	/* it must not be defined; else: it must be */
#define KQ_DEFINE_UNITS		2
#define KQ_DEFINE_MAX_WAITERS	4
#define KQ_DEFINE_TTL		8
#define KQ_DEFINE_HOLD		16
#define KQ_DEFINE_UID		32
#define KQ_DEFINE_GID		64
#define KQ_DEFINE_MODE		128
#define KQ_DEFINE_FENCED	256
#define KQ_DEFINE_FLAGS		511
#define KQ_MODE_BITS		0666
#define KQ_MODE_NEW		0600	/* when nothing is said */

/* Payload of UNDEFINE, followed by the resource's name without NUL. */
struct kq_undefine_cmd {
	__le16 name_len;
	__le16 zero;
	__le32 zero2;
} __packed;

/*
 * Payload of EVICT, followed by the resource's name without NUL: one request has to go. Who waits
 * goes at once; who holds has @drain_ms to end. By the leader itself (session 0 in the record): he
 * had them, and goes now.
 */
struct kq_evict_cmd {
	__le64 session;
	__le64 owner;
	__le32 node;
	__le32 drain_ms;
	__le16 name_len;
	__le16 zero;
	__le32 zero2;
} __packed;

/* Payload of FENCE, followed by the resource's name without NUL: may who has @token pass? */
struct kq_fence_cmd {
	__le64 token;
	__le32 uid;		/* who asks, as in ACQUIRE */
	__le32 gid;
	__le16 flags;		/* KQ_ACQUIRE_ADMIN */
	__le16 name_len;
	__le32 zero;
} __packed;

static inline u64 kq_entry_index(const struct kq_entry *e)
{
	return le64_to_cpu(e->rec.index);
}

static inline u64 kq_entry_term(const struct kq_entry *e)
{
	return le64_to_cpu(e->rec.term);
}

static inline u32 kq_entry_len(const struct kq_entry *e)
{
	return le32_to_cpu(e->rec.len);
}

/* Bytes of the entry on the wire and on disk, padded to 8. */
static inline u32 kq_record_size(u32 len)
{
	return ALIGN((u32)sizeof(struct kq_record) + len, 8);
}

struct kq_entry *kq_entry_alloc(u16 type, const void *payload, u32 len);
struct kq_entry *kq_entry_from_record(const struct kq_record *rec, const void *payload);
void kq_entry_release(struct kq_entry *e);
void kq_entry_free(struct kq_entry *e);
u32 kq_entry_crc(const struct kq_record *rec, const void *payload);
int kq_entry_check(const struct kq_record *rec, const void *payload, u32 room);

#endif /* KQ_ENTRY_H */
