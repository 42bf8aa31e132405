// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: how much room there is, and for whom.
 */
#include "kq_wal_priv.h"

/**
 * kq_wal_disk_bytes() - what a batch takes on disk
 * @stream: bytes of its header and body
 *
 * Return: bytes, in whole blocks.
 */
u64 kq_wal_disk_bytes(u64 stream)
{
	return div_u64(stream + KQ_WAL_BLOCK_DATA - 1, KQ_WAL_BLOCK_DATA) * KQ_WAL_BLOCK;
}

/**
 * kq_wal_per_segment() - what one segment holds
 * @wal: the log
 *
 * Return: bytes of batches.
 */
u32 kq_wal_per_segment(const struct kq_wal *wal)
{
	return wal->segment_bytes - KQ_WAL_FIRST;
}

/**
 * kq_wal_tail() - what is left in the segment being written
 * @wal: the log
 *
 * Return: bytes.
 */
u32 kq_wal_tail(const struct kq_wal *wal)
{
	return wal->slot == KQ_WAL_NO_SLOT ? 0 : wal->segment_bytes - wal->pos;
}

/**
 * kq_wal_left() - what is left in all
 * @wal: the log
 *
 * Return: bytes.
 */
u64 kq_wal_left(const struct kq_wal *wal)
{
	return (u64)wal->spares * kq_wal_per_segment(wal) + kq_wal_tail(wal);
}

/**
 * kq_wal_reserve() - what a batch must leave alone
 * @wal: the log
 * @room: its class
 *
 * Return: bytes.
 */
u64 kq_wal_reserve(const struct kq_wal *wal, enum kq_wal_room room)
{
	switch (room) {
	case KQ_WAL_ROOM_CLIENT:
		return div_u64(kq_wal_capacity(wal), 8);
	case KQ_WAL_ROOM_INTERNAL:
		return div_u64(kq_wal_capacity(wal), 32) * 3;
	case KQ_WAL_ROOM_CONF:
		return div_u64(kq_wal_capacity(wal), 16);
	case KQ_WAL_ROOM_VOTE:
		break;
	}
	return 0;
}

/**
 * kq_wal_capacity() - what the log holds
 * @wal: the log
 *
 * Return: bytes of batches, in all segments.
 */
u64 kq_wal_capacity(const struct kq_wal *wal)
{
	return (u64)wal->segments * kq_wal_per_segment(wal);
}

/**
 * kq_wal_used() - how much of it is gone
 * @wal: the log
 *
 * Return: bytes, with the unused ends of closed segments and segments that are
 * damaged. Everything, while recovery is under way.
 */
u64 kq_wal_used(const struct kq_wal *wal)
{
	if (wal->mode == KQ_WAL_RECOVERING)
		return kq_wal_capacity(wal);
	return kq_wal_capacity(wal) - kq_wal_left(wal);
}

/**
 * kq_wal_has_room() - may this much more be accepted?
 * @wal: the log
 * @bytes: of records (kq_record_size()) that are not encoded yet
 * @room: reserve they may use
 *
 * Counts them as one batch, and the end of each segment as lost where they cross
 * it. Return: true: they fit.
 */
bool kq_wal_has_room(const struct kq_wal *wal, u64 bytes, enum kq_wal_room room)
{
	u32 tail = kq_wal_tail(wal);
	u64 need, lost = 0;

	if (wal->mode != KQ_WAL_WRITABLE || bytes > kq_wal_capacity(wal))
		return false;
	need = kq_wal_disk_bytes(sizeof(struct kq_wal_batch_head) + bytes);
	if (need > tail) {
		u64 most = min_t(u64, need, KQ_WAL_ENTRY_BYTES_MAX);

		lost = min_t(u64, tail, most);
		lost += div_u64(need - 1, kq_wal_per_segment(wal)) * most;
	}
	return kq_wal_left(wal) >= need + lost + kq_wal_reserve(wal, room);
}

/**
 * kq_wal_spare() - the segment that will be opened next
 * @wal: the log
 *
 * Return: the lowest slot that is free, or KQ_WAL_NO_SLOT.
 */
u32 kq_wal_spare(const struct kq_wal *wal)
{
	u32 i;

	for (i = 0; i < wal->segments; i++)
		if (wal->slots[i].state == KQ_WAL_SLOT_FREE)
			return i;
	return KQ_WAL_NO_SLOT;
}

/**
 * kq_wal_position() - where the next batch goes, as far as is known
 * @wal: the log
 * @slot: segment file; the one to be opened next when none is being written
 * @offset: bytes from its start
 */
void kq_wal_position(const struct kq_wal *wal, u32 *slot, u64 *offset)
{
	*slot = wal->slot;
	*offset = wal->pos;
	if (wal->slot == KQ_WAL_NO_SLOT) {
		*slot = kq_wal_spare(wal);
		*offset = KQ_WAL_FIRST;
	}
}
