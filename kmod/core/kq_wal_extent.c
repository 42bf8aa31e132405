// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, looked at while it is written: how far does it go, and what is it made of? And
 * going on in another segment, for the end of this one cannot be trusted.
 */
#include "kq_wal_priv.h"

/**
 * kq_wal_get_extent() - what of the files is log now, and durable
 * @wal: the log
 * @under_way: the write that is, NULL: none
 * @x: filled in
 *
 * Return: 0; -EAGAIN: the write under way opens a segment: before it ends that is neither part of
 * the log nor not; -EINVAL: the log is not in use.
 */
int kq_wal_get_extent(const struct kq_wal *wal, const struct kq_batch *under_way,
		      struct kq_wal_extent *x)
{
	bool writes = under_way && !under_way->probe;
	u32 i;

	if (wal->mode != KQ_WAL_WRITABLE)
		return -EINVAL;
	if (writes && !under_way->offset)
		return -EAGAIN;
	memset(x, 0, sizeof(*x));
	x->segments = wal->segments;
	x->segment_bytes = wal->segment_bytes;
	x->slot = writes ? under_way->slot : wal->slot;
	x->pos = writes ? (u32)under_way->offset : wal->pos;
	x->seq = wal->seq - writes;
	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state != KQ_WAL_SLOT_FREE)
			x->used[i / 64] |= 1ULL << (i % 64);
	return 0;
}

/**
 * kq_wal_seq() - how many batches were there?
 * @wal: the log
 *
 * Return: the sequence number of the last one.
 */
u64 kq_wal_seq(const struct kq_wal *wal)
{
	return wal->seq;
}

/**
 * kq_wal_is_open() - is a segment being written?
 * @wal: the log
 *
 * Return: false: the next batch opens one.
 */
bool kq_wal_is_open(const struct kq_wal *wal)
{
	return wal->slot != KQ_WAL_NO_SLOT;
}

/**
 * kq_wal_close_segment() - go on in another segment, if there is room for that
 * @wal: the log
 */
void kq_wal_close_segment(struct kq_wal *wal)
{
	u64 left = (u64)wal->spares * kq_wal_per_segment(wal);

	if (wal->mode == KQ_WAL_WRITABLE && left > kq_wal_reserve(wal, KQ_WAL_ROOM_INTERNAL))
		wal->slot = KQ_WAL_NO_SLOT;
}
