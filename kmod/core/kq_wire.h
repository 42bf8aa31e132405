/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages between kernels: fixed header, body by type. Little-endian,
 * version 5. A message with any field wrong ends the connection.
 */
#ifndef KQ_WIRE_H
#define KQ_WIRE_H

#include "kq_entry.h"

#define KQ_WIRE_MAGIC	0x314d514bU	/* "KQM1" */
#define KQ_WIRE_VERSION	5
#define KQ_WIRE_BODY_MAX (256 * 1024)	/* bytes */
#define KQ_WIRE_TERM_MAX (1ULL << 60)	/* below what the log can store: room to campaign */

enum kq_msg_type {
	KQ_MSG_PREVOTE_REQ = 1,
	KQ_MSG_PREVOTE_RESP,
	KQ_MSG_VOTE_REQ,
	KQ_MSG_VOTE_RESP,
	KQ_MSG_APPEND,
	KQ_MSG_APPEND_RESP,
	KQ_MSG_PROPOSE,
	KQ_MSG_PROPOSE_RESP,
	KQ_MSG_RENEW,
	KQ_MSG_RENEW_RESP,
	KQ_MSG_TIMEOUT_NOW,
	KQ_MSG_MET,		/* the receiver's connection is taken */
	KQ_MSG_SUM,		/* what the state adds up to at a log index */
	KQ_MSG_FETCH,		/* entries that damage took are asked for */
	KQ_MSG_FETCHED,
	KQ_MSG_TYPE_END,
};

/**
 * struct kq_wire_hdr - first 64 bytes of every message
 * @magic: KQ_WIRE_MAGIC
 * @version: KQ_WIRE_VERSION
 * @type: enum kq_msg_type
 * @flags: 0
 * @group: 0
 * @len: bytes of body
 * @cluster: hash of cluster id and founders
 * @from: sender
 * @to: receiver
 * @from_inc: sender's incarnation
 * @to_inc: receiver's, as the greeting gave it
 * @term: sender's term (pre-vote request: the term it would campaign in)
 * @body_crc: CRC32C of the body
 * @crc: CRC32C of the 60 bytes before
 */
struct kq_wire_hdr {
	__le32 magic;
	u8 version;
	u8 type;
	__le16 flags;
	__le32 group;
	__le32 len;
	__le64 cluster;
	__le32 from;
	__le32 to;
	__le64 from_inc;
	__le64 to_inc;
	__le64 term;
	__le32 body_crc;
	__le32 crc;
} __packed;
static_assert(sizeof(struct kq_wire_hdr) == 64);

/* PREVOTE_REQ, VOTE_REQ (paper 5.2, thesis 9.6) */
struct kq_body_vote_req {
	__le64 last_index;
	__le64 last_term;
	__le32 flags;		/* KQ_VOTE_TRANSFER: the leader asked for it */
	__le32 zero;
} __packed;
#define KQ_VOTE_TRANSFER 1

struct kq_body_vote_resp {
	__le64 req_term;	/* term of the request answered */
	__le32 granted;		/* 0 or 1 */
	__le32 zero;
} __packed;

/*
 * The clocks of two nodes, as each sees the other's: kq_rate.c. All zero: it is not told.
 */
struct kq_wire_clock {
	__le64 sent_ns;		/* the sender's, now */
	__le64 echo_ns;		/* @sent_ns of the newest that came from the receiver, 0: none */
	__le64 came_ns;		/* when that was, by the sender's clock */
} __packed;

/* APPEND; @count records follow. Without records it is the heartbeat. */
struct kq_body_append {
	__le64 prev_index;
	__le64 prev_term;
	__le64 commit;
	__le64 round;		/* rises with every broadcast of the leader */
	struct kq_wire_clock clock;
	__le64 match;		/* what the receiver acknowledged in this term */
	__le32 count;
	__le32 flags;		/* KQ_APPEND_COMMIT */
	__le32 promise_ms;	/* for how long the leader counts on the receiver's vote */
	__le32 zero;
} __packed;
#define KQ_APPEND_COMMIT 1	/* only tells the commit index: needs no answer */

struct kq_body_append_resp {
	__le64 round;		/* newest seen in this term */
	struct kq_wire_clock clock;
	__le64 match;		/* durable and verified against this leader up to here */
	__le64 hint_index;	/* REJECT: where the logs may agree; STATELESS: see there */
	__le64 hint_term;	/* REJECT: term there */
	__le64 reject_prev;	/* REJECT: prev_index that did not match */
	__le64 disk_ns;		/* last log write */
	__le32 flags;		/* KQ_APPEND_REJECT, _FULL, _FAULTY, _LOW, _FAILED, _STATELESS */
	__le32 zero;
} __packed;
#define KQ_APPEND_REJECT 1
#define KQ_APPEND_FULL	 2
#define KQ_APPEND_FAULTY 4
#define KQ_APPEND_LOW	 8	/* no room for what clients propose */
#define KQ_APPEND_FAILED 16	/* does not take part at all: counts for nothing */
#define KQ_APPEND_STATELESS 32	/* faulty for want of a snapshot, of hint_index or newer */
#define KQ_APPEND_FLAGS	 63

struct kq_body_propose_resp {
	__le64 session;
	__le64 seq;
	__le32 error;		/* positive errno of the refusal */
	__le32 zero;
} __packed;

struct kq_body_renew {
	__le64 session;
	__le64 sent_ns;		/* holder's clock */
} __packed;

struct kq_body_renew_resp {
	__le64 session;
	__le64 sent_ns;		/* echo */
	__le64 lease_ns;	/* granted from sent_ns on */
	__le64 commit;		/* counts once this index is applied */
} __packed;

/* MET: the sender has taken the connection, and noted the start of a receiver that is a member. */
struct kq_body_met {
	__le32 flags;		/* KQ_MET_EMPTY */
	__le32 zero;
} __packed;
#define KQ_MET_EMPTY	1	/* the sender has no log and has seen no term */

/*
 * SUM: to the leader, what the sender's state adds up to at this index; from the leader, what it
 * adds up to on a majority, to a node that said otherwise.
 */
struct kq_body_sum {
	__le64 index;
	__le64 sum;
} __packed;

/* FETCH: entries @first to @last, of a log that has the one at @match_index with @match_term. */
struct kq_body_fetch {
	__le64 first;
	__le64 last;
	__le64 match_index;	/* above @last, or @last itself */
	__le64 match_term;
} __packed;

/* FETCHED; @count records follow, from @first on. None: that log has not got the first. */
struct kq_body_fetched {
	__le64 first;
	__le64 match_index;	/* as it was asked */
	__le64 match_term;
	__le64 last_index;	/* where the sender's log ends */
	__le32 count;
	__le32 flags;		/* KQ_FETCHED_LEADS */
} __packed;
#define KQ_FETCHED_LEADS 1	/* the sender leads the header's term */

struct kq_body_timeout_now {
	__le64 last_index;
	__le64 last_term;
} __packed;

/**
 * struct kq_msg - an encoded message on its way to a peer
 * @node: list of the owner
 * @to: receiver
 * @hs_version: hard state that must be durable before this may leave
 * @len: bytes of @data
 * @data: header and body
 */
struct kq_msg {
	struct list_head node;
	u32 to;
	u64 hs_version;
	u32 len;
	u8 data[];
};

/* Whom a connection belongs to: what every header on it must say. */
struct kq_wire_peer {
	u64 cluster;
	u32 self;
	u64 self_inc;
	u32 peer;
	u64 peer_inc;
};

const char *kq_msg_name(u8 type);
int kq_wire_check_header(const struct kq_wire_hdr *h, const struct kq_wire_peer *peer,
			 const char **why);
int kq_wire_check_body(const struct kq_wire_hdr *h, const void *body, const char **why);
const void *kq_wire_next_record(const void *p, const void *end, struct kq_record *rec);

#endif /* KQ_WIRE_H */
