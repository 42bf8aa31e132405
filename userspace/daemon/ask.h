/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine that is to be made a node asks others what cluster they belong to: the bytes, without
 * I/O. The question comes on the port where nodes greet; what is answered is the last word.
 */
#ifndef KQD_ASK_H
#define KQD_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kquorum.h>

#define KQD_ASK_MAGIC	0x316b7341514bULL	/* "KQAsk1" */
#define KQD_TOLD_MAGIC	0x31646c54514bULL	/* "KQTld1" */
#define KQD_ASK_VERSION	1
#define KQD_SETTINGS	6

/**
 * struct kqd_ask_wire - the question
 * @cluster: name of the cluster that is asked for; nobody tells of another
 * @crc: CRC32C of all before
 */
struct kqd_ask_wire {
	__le64 magic;
	__le16 version;
	__le16 length;
	__le32 zero;
	char cluster[KQUORUM_NODE_NAME_MAX + 1];
	__le32 crc;
} __attribute__((packed));

struct kqd_told_member_wire {
	__le64 identity;
	__le32 id;
	__le32 flags;
	char name[KQUORUM_NODE_NAME_MAX + 1];
	char address[KQUORUM_ADDRESS_MAX + 1];
} __attribute__((packed));

/**
 * struct kqd_told_wire - the answer; the node that gives it speaks of what it knows itself
 * @node: its number
 * @flags: KQD_TOLD_*
 * @settings: heartbeat, election timeout, lease, delta (ms), drift (ppm), bytes of a segment
 * @n: how many of @member are used
 * @crc: CRC32C of all before
 */
struct kqd_told_wire {
	__le64 magic;
	__le16 version;
	__le16 length;
	__le32 node;
	__le32 flags;
	__le32 founders;
	__le64 cluster_id;
	__le64 capacity;
	__le32 gone;
	__le32 n;
	__le32 settings[KQD_SETTINGS];
	char cluster[KQUORUM_NODE_NAME_MAX + 1];
	struct kqd_told_member_wire member[KQUORUM_MAX_NODES];
	__le32 crc;
} __attribute__((packed));

#define KQD_TOLD_BEGUN	1	/* it knows a configuration */
#define KQD_TOLD_EMPTY	2	/* its log was never written to */
#define KQD_TOLD_MEMBER	1	/* in the configuration; else seen, and perhaps to be taken in */

/* The answer in host order. */
struct kqd_told {
	uint32_t node;			/* number of who answers */
	bool begun;			/* it knows a configuration */
	bool empty;			/* its log was never written to */
	uint64_t cluster_id;
	uint64_t capacity;		/* of its log, bytes */
	uint32_t founders, gone;	/* bit n: node n */
	uint32_t settings[KQD_SETTINGS];
	char cluster[KQUORUM_NODE_NAME_MAX + 1];
	unsigned int n;
	struct kqd_told_member {
		uint32_t id;
		uint64_t identity;	/* of its files, 0: not known */
		bool member;
		char name[KQUORUM_NODE_NAME_MAX + 1];
		char address[KQUORUM_ADDRESS_MAX + 1];
	} member[KQUORUM_MAX_NODES];
};

void kqd_ask_encode(struct kqd_ask_wire *wire, const char *cluster);
int kqd_ask_decode(const struct kqd_ask_wire *wire, char *cluster, char *why, size_t whylen);
void kqd_told_encode(struct kqd_told_wire *wire, const struct kqd_told *t);
int kqd_told_decode(const struct kqd_told_wire *wire, struct kqd_told *t, char *why,
		    size_t whylen);

#endif /* KQD_ASK_H */
