/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wire on which a snapshot goes from one daemon to another: an offer, answers to it, and in
 * between the snapshot's own bytes. Making and checking it, without I/O. Little-endian.
 *
 *	sender				receiver
 *	struct kqd_offer_wire
 *					struct kqd_answer_wire: KQD_ANSWER_GO and an offset
 *	the snapshot from there on
 *					KQD_ANSWER_DONE, or why not
 *
 * It begins on the port on which nodes greet each other; the magic tells them apart. While the
 * receiver is at work it says so now and then (KQD_ANSWER_WORKING), for silence ends a connection.
 * Magic, version and length keep their places in all versions.
 */
#ifndef KQD_SHIPWIRE_H
#define KQD_SHIPWIRE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/kquorum.h>

#include "status.h"

#define KQD_OFFER_MAGIC		0x31706853514bULL	/* "KQShp1" */
#define KQD_ANSWER_MAGIC	0x31616853514bULL	/* "KQSha1" */
#define KQD_SHIP_VERSION	1

/**
 * struct kqd_offer_wire - who offers which snapshot to whom
 * @magic: KQD_OFFER_MAGIC
 * @version: KQD_SHIP_VERSION; another one is refused by name
 * @length: sizeof(struct kqd_offer_wire)
 * @from: node id
 * @to: node id
 * @zero: 0
 * @cluster: KQUORUM_A_CLUSTER_HASH of STATUS
 * @origin: of the sender's log
 * @identity: of the sender's files
 * @whom: identity that the sender's configuration has under the receiver's number
 * @index: of the snapshot
 * @term: of that entry
 * @bytes: its size
 * @snapshot_crc: CRC32C of all of them
 * @crc: CRC32C of all before
 */
struct kqd_offer_wire {
	__le64 magic;
	__le16 version;
	__le16 length;
	__le32 from;
	__le32 to;
	__le32 zero;
	__le64 cluster;
	__le64 origin;
	__le64 identity;
	__le64 whom;
	__le64 index;
	__le64 term;
	__le64 bytes;
	__le32 snapshot_crc;
	__le32 crc;
} __attribute__((packed));

#define KQD_OFFER_HEAD	offsetof(struct kqd_offer_wire, from)	/* of any version */

enum kqd_answer {
	KQD_ANSWER_GO = 1,	/* send it from @offset on */
	KQD_ANSWER_BUSY = 2,	/* not now */
	KQD_ANSWER_HAVE = 3,	/* no longer needed here */
	KQD_ANSWER_REFUSED = 4,
	KQD_ANSWER_WORKING = 5,	/* wait on */
	KQD_ANSWER_DONE = 6,	/* installed */
	KQD_ANSWER_FAILED = 7,	/* here */
	KQD_ANSWER_DAMAGED = 8,	/* what came is not what was offered */
};

#define KQD_ANSWER_WHY	120

/**
 * struct kqd_answer_wire - what the receiver says
 * @magic: KQD_ANSWER_MAGIC
 * @version: KQD_SHIP_VERSION
 * @length: sizeof(struct kqd_answer_wire)
 * @answer: enum kqd_answer
 * @offset: with KQD_ANSWER_GO, bytes that it has
 * @why: for a person, ends with NUL
 * @zero: 0
 * @crc: CRC32C of all before
 */
struct kqd_answer_wire {
	__le64 magic;
	__le16 version;
	__le16 length;
	__le32 answer;
	__le64 offset;
	char why[KQD_ANSWER_WHY];
	__le32 zero;
	__le32 crc;
} __attribute__((packed));

/* An offer in host order. */
struct kqd_offer {
	uint32_t from;
	uint32_t to;
	uint64_t cluster;
	uint64_t origin;
	uint64_t identity;
	uint64_t whom;
	struct kqd_ref ref;
};

void kqd_offer_encode(struct kqd_offer_wire *wire, const struct kqd_offer *o);
int kqd_offer_decode(const struct kqd_offer_wire *wire, size_t got, struct kqd_offer *o, char *why,
		     size_t whylen);
void kqd_answer_encode(struct kqd_answer_wire *wire, enum kqd_answer answer, uint64_t offset,
		       const char *why);
int kqd_answer_decode(const struct kqd_answer_wire *wire, enum kqd_answer *answer,
		      uint64_t *offset);

#endif /* KQD_SHIPWIRE_H */
