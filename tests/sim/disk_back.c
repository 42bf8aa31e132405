// SPDX-License-Identifier: GPL-2.0
/*
 * A disk as it was before: batches that are taken back, files that are set back to a copy of them,
 * and a new disk with none.
 */
#include "kq_wal_priv.h"
#include "check.h"
#include "disk.h"

void disk_undo_forget(struct sim_node *n)
{
	while (n->undos)
		free(n->undo[--n->undos].bytes);
}

/* A batch of entries alone, with nothing of term or vote, can be taken back: disk_undo(). */
void disk_keep_undo(struct sim *s, struct sim_node *n, const struct kq_batch *b)
{
	struct sim_undo *u;

	if (b->probe || !s->d.w_older)
		return;
	if (b->hs_version != n->core->hs_durable || !b->first) {
		disk_undo_forget(n);
		return;
	}
	if (n->undos == SIM_UNDOS) {
		free(n->undo[0].bytes);
		memmove(n->undo, n->undo + 1, --n->undos * sizeof(*u));
	}
	u = &n->undo[n->undos++];
	*u = (struct sim_undo){
		.slot = b->slot,
		.offset = b->offset,
		.len = b->len,
		.last = b->last,
		.branch = b->first <= n->written_last ? n->written_last : 0,
		.bytes = sim_calloc(1, b->len),
	};
	memcpy(u->bytes, n->disk + disk_place(s, b), b->len);
}

/* The last @count batches never were: the disk lied, or the files are those of a moment before. */
void disk_undo(struct sim *s, struct sim_node *n, u32 count)
{
	for (; count; count--) {
		const struct sim_undo *u = &n->undo[--n->undos];
		u64 at = u->slot * disk_seg(s) + u->offset;

		disk_put(n, at, u->bytes, u->len);
		memset(n->block_kept + at / KQ_WAL_BLOCK, 0, u->len / KQ_WAL_BLOCK);
		free(u->bytes);
	}
	disk_undo_forget(n);
	s->st.damaged++;
}

#define COPIED		1	/* a block that had been written */
#define COPIED_ROT	2	/* and had gone bad; what it held is in other blocks again */

/* Somebody copies the files of @n. */
void disk_copy(struct sim *s, struct sim_node *n)
{
	u64 i, blocks = disk_seg(s) / KQ_WAL_BLOCK * s->d.segments;

	if (!n->copy) {
		n->copy = sim_calloc(blocks, KQ_WAL_BLOCK);
		n->copied = sim_calloc(1, blocks);
	}
	for (i = 0; i < blocks; i++) {
		n->copied[i] = n->arena->dirty[i] ? COPIED : 0;
		if (n->rot[i])
			n->copied[i] |= COPIED_ROT;
		if (n->copied[i])
			memcpy(n->copy + i * KQ_WAL_BLOCK, n->disk + i * KQ_WAL_BLOCK,
			       KQ_WAL_BLOCK);
	}
	snap_files(n, n->copied_file, n->file);
	n->copy_start = kq_incarnation_start(n->core->hs.incarnation);
	n->starts_copied = n->starts;
	n->copy_conf = n->core->conf_index ? n->core->conf : conf_first(s);
}

/* And puts the copy in their place. */
void disk_set_back(struct sim *s, struct sim_node *n)
{
	static const u8 blank[KQ_WAL_BLOCK];
	u64 i, blocks = disk_seg(s) / KQ_WAL_BLOCK * s->d.segments;

	for (i = 0; i < blocks; i++)
		if (n->arena->dirty[i])
			disk_put(n, i * KQ_WAL_BLOCK,
				 n->copied[i] ? n->copy + i * KQ_WAL_BLOCK : blank, KQ_WAL_BLOCK);
	memset(n->block_kept, 0, blocks);
	for (i = 0; i < blocks; i++)
		n->rot[i] = n->copied[i] & COPIED_ROT ? ROT : 0;
	n->rotten = disk_any_rot(s, n);
	n->mended = true;
	disk_undo_forget(n);
	snap_files(n, n->file, n->copied_file);
	n->set_back = true;
	n->starts = n->starts_copied;
	s->st.damaged++;
}

/* A new disk, with new files on it. */
void disk_wipe(struct sim *s, struct sim_node *n)
{
	static const u8 blank[KQ_WAL_BLOCK];
	u64 i, blocks = disk_seg(s) / KQ_WAL_BLOCK * s->d.segments;

	for (i = 0; i < blocks; i++)
		if (n->arena->dirty[i])
			disk_put(n, i * KQ_WAL_BLOCK, blank, KQ_WAL_BLOCK);
	memset(n->block_kept, 0, blocks);
	memset(n->rot, 0, blocks);
	n->rotten = false;
	disk_undo_forget(n);
	n->durable_snap = 0;
	snap_files(n, n->file, NULL);
	snap_files(n, n->copied_file, NULL);
	free(n->copy);
	free(n->copied);
	n->copy = n->copied = NULL;
	s->st.damaged++;
}
