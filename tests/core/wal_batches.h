/* SPDX-License-Identifier: GPL-2.0 */
/* One node's log, written batch by batch, of which some are lost or damaged then. */
#ifndef KQ_TESTS_WAL_BATCHES_H
#define KQ_TESTS_WAL_BATCHES_H

#include "wal_disk.h"

extern struct node n;
extern struct place b[64];	/* its batches, as the tests count them */

void init(void);
/* Batch @i, of this node's term, from entry @first on (0: behind the last). */
void put(u32 i, u64 first, u32 count);
/* All of batch @i is gone; a bit in one of its sectors is another one. */
void lose(u32 i);
void flip(u32 i, u32 sector);

#endif /* KQ_TESTS_WAL_BATCHES_H */
