// SPDX-License-Identifier: GPL-2.0
/* A log written batch by batch: see wal_batches.h. */
#include "wal_batches.h"

struct node n;
struct place b[64];

void put(u32 i, u64 first, u32 count)
{
	u32 lead;

	assert_int_equal(node_encode(&n, first, count, 3000, KQ_WAL_ROOM_CLIENT), 0);
	lead = n.batch->offset ? 0 : KQ_WAL_FIRST;
	b[i] = (struct place){ .slot = n.batch->slot, .pos = n.batch->offset + lead,
			       .bytes = n.batch->len - lead };
	node_write(&n);
	b[i].last = n.want.last;
}

void init(void)
{
	rnd_seed(4);
	node_init(&n, SEG, 6);
	assert_int_equal(node_recover(&n), 0);
	n.hs.vote = 1;
}

void lose(u32 i)
{
	memset(node_at(&n, b[i].slot, b[i].pos), 0, b[i].bytes);
}

void flip(u32 i, u32 sector)
{
	*node_at(&n, b[i].slot, b[i].pos + sector * KQ_WAL_SECTOR + 9) ^= 1;
}
