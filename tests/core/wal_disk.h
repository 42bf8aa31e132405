/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk in memory, and what a node's log should hold, for the tests of the log.
 */
#ifndef WAL_DISK_H
#define WAL_DISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kq_wal_format.h"
#include "kq_wal_priv.h"

#define CLUSTER		0x1122334455667788ULL
#define NODE		2u
#define SEG		(64u * 1024)
#define MODEL_MAX	20000

/* What the log holds: per index the term and a fingerprint of the rest. */
struct model {
	u64 last;
	u64 base;		/* the log begins behind it */
	u64 term[MODEL_MAX + 1];
	u32 print[MODEL_MAX + 1];	/* 0: missing */
	struct kq_entry **keep;	/* unless NULL: gets a copy of each */
};

/* Entries that are missing. */
struct missing {
	u64 first, last;
};

struct disk {
	u8 *data;
	u32 seg;
	u32 segments;
	u64 cluster;
	u32 node;
};

/* One node under test: disk, log, what it wrote last. */
struct node {
	struct disk disk;
	struct kq_wal *wal;
	struct kq_wal_report report;
	struct kq_hard_state hs;
	struct model want;	/* acknowledged */
	struct model got;	/* delivered by the last recovery */
	struct kq_batch *batch;
	int scan_error;
	struct kq_entry **kept;	/* by node_keep() */
};

u32 rnd(u32 below);
void rnd_seed(u64 seed);

void node_init(struct node *n, u32 seg, u32 segments);
void node_free(struct node *n);
u8 *node_at(struct node *n, u32 slot, u64 offset);

/* Recover from what is on the disk; returns what kq_wal_scan_end() returned. */
int node_recover(struct node *n);
/* Encode one batch of @count entries from @first on (0: log end + 1), each of @len bytes. */
int node_encode(struct node *n, u64 first, u32 count, u32 len, enum kq_wal_room room);
/* Write what was encoded, whole, and count it as acknowledged. */
void node_write(struct node *n);
/* Write only the sectors for which rnd(256) >= @lose; true: all of them landed. */
bool node_write_torn(struct node *n, u32 lose);
/* Encode and write; must succeed. */
void node_add(struct node *n, u64 first, u32 count, u32 len);
void node_vote(struct node *n, u64 term, u32 vote);
/* Same log, same hard state as acknowledged. */
void node_assert_same(struct node *n);
/* It recovers, and nothing is damaged or torn. */
void node_assert_clean(struct node *n);
bool model_same(const struct model *a, const struct model *b, u64 upto);
/* Exactly these entries were not delivered, up to index @last; all others as acknowledged. */
void node_assert_missing(struct node *n, const struct missing *m, u32 count, u64 last);
/* Recovery goes on behind damage: that is missing; the hard state is the newest. */
void node_assert_gaps(struct node *n, const struct missing *m, u32 count);
/* The same, then entries and votes are written: they are found, and the same is missing. */
void node_assert_goes_on(struct node *n, const struct missing *m, u32 count);
#define MISSING(...) (const struct missing[]){ __VA_ARGS__ }, \
	sizeof((struct missing[]){ __VA_ARGS__ }) / sizeof(struct missing)
#define NOTHING_MISSING NULL, 0

/* All entries of an undamaged log, by index, for node_repair(); and to be rid of them. */
void node_keep(struct node *n);
void node_unkeep(struct node *n);
/* Put back @count entries from @first on: encode, and write. */
int node_encode_repaired(struct node *n, u64 first, u32 count);
void node_repair(struct node *n, u64 first, u32 count);

/* Where a batch stands. */
struct place {
	u32 slot, bytes;
	u64 pos, last;
};

/* A node with @count batches of two entries; term and vote of b[i] are i + 1. */
void node_build(struct node *n, struct place *b, u32 count, u32 len);

/* The header at @offset was changed by hand: bind its sector to its numbers and @seq. */
void node_restamp(struct node *n, u32 slot, u64 offset, u64 seq);
/* Make the sector at @offset valid again after it was changed by hand. */
void node_reseal(struct node *n, u32 slot, u64 offset);
struct kq_wal_batch_head *node_head(struct node *n, u32 slot, u64 offset);

#endif /* WAL_DISK_H */
