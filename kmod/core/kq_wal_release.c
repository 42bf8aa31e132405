// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, when a snapshot stands for its beginning: which segments it needs, and which may
 * be used again.
 */
#include "kq_wal_priv.h"

/**
 * kq_wal_first_for() - the segment that the log begins with, given a snapshot
 * @wal: the log
 * @index: last log index in the snapshot
 * @generation: of the segment that has a whole batch which names it
 *
 * What is needed behind @index was written behind the last point at which the log ended at or
 * below it: so with the newest segment that was opened there it may begin. One that is newer than
 * @generation may be without a batch, and know nothing of term and vote.
 *
 * Return: its slot; KQ_WAL_NO_SLOT: there is none.
 */
u32 kq_wal_first_for(const struct kq_wal *wal, u64 index, u64 generation)
{
	u32 best = KQ_WAL_NO_SLOT;
	u32 i;

	for (i = 0; i < wal->segments; i++) {
		const struct kq_wal_slot *s = &wal->slots[i];

		if (s->state != KQ_WAL_SLOT_OURS || s->base_index > index ||
		    s->generation > generation)
			continue;
		if (best == KQ_WAL_NO_SLOT || s->generation > wal->slots[best].generation)
			best = i;
	}
	return best;
}

/**
 * kq_wal_release() - give the segments back that are not needed any more
 * @wal: the log, recovered
 * @index: of the snapshot that a durable batch in the segment being written names; 0: none
 *
 * The one being written stays. Without a snapshot all do, also those in which there is no entry.
 *
 * Return: how many have become spare.
 */
u32 kq_wal_release(struct kq_wal *wal, u64 index)
{
	u32 first = kq_wal_first_for(wal, index, wal->generation);
	u32 freed = 0, i;

	if (!index || wal->mode != KQ_WAL_WRITABLE || first == KQ_WAL_NO_SLOT ||
	    wal->slot == KQ_WAL_NO_SLOT)
		return 0;
	for (i = 0; i < wal->segments; i++) {
		struct kq_wal_slot *s = &wal->slots[i];

		if (s->state != KQ_WAL_SLOT_OURS || i == wal->slot ||
		    s->generation >= wal->slots[first].generation)
			continue;
		s->state = KQ_WAL_SLOT_FREE;
		wal->spares++;
		freed++;
	}
	return freed;
}
