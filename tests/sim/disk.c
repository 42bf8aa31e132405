// SPDX-License-Identifier: GPL-2.0
/*
 * The disk of a node: segments side by side in one array. A completed write is
 * durable; one under way when the power goes leaves any set of its sectors.
 */
#include "kq_wal_priv.h"
#include "disk.h"

/*
 * The bytes of all disks stay with the process: what one seed wrote is zeroed for the next
 * one. Fresh pages for each seed would cost more than the rest of it.
 */
static struct sim_arena arenas[SIM_MACHINES + 1];

static void arena_give(struct sim *s, struct sim_node *n, u64 bytes)
{
	struct sim_arena *a = &arenas[sim_at(s, n)];
	u64 i;

	if (a->room < bytes) {
		free(a->bytes);
		free(a->dirty);
		a->bytes = sim_calloc(1, bytes);
		a->dirty = sim_calloc(1, bytes / KQ_WAL_BLOCK);
		a->room = bytes;
	}
	for (i = 0; i < a->room / KQ_WAL_BLOCK; i++)
		if (a->dirty[i])
			memset(a->bytes + i * KQ_WAL_BLOCK, 0, KQ_WAL_BLOCK);
	memset(a->dirty, 0, a->room / KQ_WAL_BLOCK);
	n->arena = a;
	n->disk = a->bytes;
}

void disk_put(struct sim_node *n, u64 at, const void *data, u32 len)
{
	memcpy(n->disk + at, data, len);
	memset(n->arena->dirty + at / KQ_WAL_BLOCK, 1,
	       (at + len - 1) / KQ_WAL_BLOCK - at / KQ_WAL_BLOCK + 1);
}

static void old_entries(struct sim *s, struct sim_node *n, struct kq_wal *wal, u64 term,
			u64 *last)
{
	struct kq_hard_state hs = { .term = term, .vote = 1, .incarnation = 7, .commit = *last };
	struct kq_entry *e[8];
	u32 i, count = sim_below(s, 9);
	u64 base_term = wal->end_term;
	struct kq_batch *b = NULL;
	u8 data[512];
	int err;

	for (i = 0; i < count; i++) {
		memset(data, 0xff, sizeof(data));	/* no client's id */
		e[i] = kq_entry_alloc(KQ_ENTRY_APPEND, data, 8 + sim_below(s, 500));
		e[i]->rec.index = cpu_to_le64(*last + i + 1);
		e[i]->rec.term = cpu_to_le64(term);
		e[i]->rec.crc = cpu_to_le32(kq_entry_crc(&e[i]->rec, e[i]->data));
	}
	err = kq_wal_encode(wal, &hs, e, count, base_term, KQ_WAL_ROOM_INTERNAL, &b);
	if (!err) {
		disk_put(n, b->slot * disk_seg(s) + b->offset, b->data, b->len);
		*last += b->entries;
	}
	kq_batch_free(b);
	for (i = 0; i < count; i++)
		kq_entry_free(e[i]);
}

/* The files served another cluster before, and hold whole batches of it. */
static void earlier_life(struct sim *s, struct sim_node *n)
{
	struct kq_wal *wal = kq_wal_create(~s->seed, n->id, disk_seg(s), s->d.segments);
	u32 i, batches = sim_range(s, 1, 200);
	u64 term = sim_range(s, 1, 9), last = 0;
	struct kq_wal_report rep;
	int slot;

	for (i = 0; i < s->d.segments; i++)
		kq_wal_scan_header(wal, i, n->disk + i * disk_seg(s));
	while ((slot = kq_wal_next_segment(wal)) >= 0)
		kq_wal_scan_segment(wal, slot, n->disk + slot * disk_seg(s), disk_seg(s), NULL,
				    NULL);
	if (kq_wal_scan_end(wal, &rep))
		sim_fail(s, n, "recovery of a blank log fails");
	for (i = 0; i < batches; i++) {
		term += sim_chance(s, 10);
		old_entries(s, n, wal, term, &last);
	}
	kq_wal_destroy(wal);
}

void disk_init(struct sim *s, struct sim_node *n)
{
	u64 bytes = disk_seg(s) * s->d.segments;

	arena_give(s, n, bytes);
	n->block_kept = sim_calloc(1, bytes / KQ_WAL_BLOCK);
	n->rot = sim_calloc(1, bytes / KQ_WAL_BLOCK);
	if (sim_chance(s, s->d.used_disk_pct))
		earlier_life(s, n);
}

/*
 * What is in this segment is needed no more: the log on disk names a snapshot, and a later
 * segment was opened at or below it.
 */
static void seg_release(struct sim *s, struct sim_node *n, u32 slot)
{
	u64 blocks = disk_seg(s) / KQ_WAL_BLOCK;
	u32 i;

	for (i = 0; i < s->d.segments; i++)
		if (n->seg_generation[i] > n->seg_generation[slot] &&
		    n->seg_base[i] <= n->durable_snap)
			break;
	if (i == s->d.segments && !n->rotten && !n->set_back)
		sim_fail(s, n, "gives segment %u up, which it needs: on its disk is the snapshot of %llu",
			 slot, (unsigned long long)n->durable_snap);
	memset(n->block_kept + slot * blocks, 0, blocks);
	n->seg_kept[slot] = false;
	disk_heal(s, n, slot);
}

/* Its opening may have come through when the power went: nobody was told. */
static bool seg_kept(const struct sim *s, struct sim_node *n, u32 slot)
{
	u64 blocks = disk_seg(s) / KQ_WAL_BLOCK;

	if (n->seg_kept[slot])
		n->seg_kept[slot] = memchr(n->block_kept + slot * blocks, 1, blocks);
	return n->seg_kept[slot];
}

static void note_segment(struct sim_node *n, const struct kq_batch *b)
{
	const struct kq_wal_segment_head *h = (const void *)b->data;

	if (b->probe || b->offset)
		return;
	n->seg_generation[b->slot] = le64_to_cpu(h->generation);
	n->seg_base[b->slot] = le64_to_cpu(h->base_index);
}

/* The core gives a write away: where may it go? */
void disk_begins(struct sim *s, struct sim_node *n, struct kq_batch *b)
{
	u64 i;

	if (n->batch)
		sim_fail(s, n, "two writes of the log at once");
	if (!b->len || b->len % KQ_WAL_BLOCK || b->offset % KQ_WAL_BLOCK ||
	    b->slot >= s->d.segments || b->offset + b->len > disk_seg(s))
		sim_fail(s, n, "write outside of the log: slot %u offset %llu len %u", b->slot,
			 (unsigned long long)b->offset, b->len);
	if (!b->offset && seg_kept(s, n, b->slot))
		seg_release(s, n, b->slot);
	for (i = 0; !b->probe && i < b->len / KQ_WAL_BLOCK; i++)
		if (n->block_kept[(b->slot * disk_seg(s) + b->offset) / KQ_WAL_BLOCK + i])
			sim_fail(s, n, "a block that was acknowledged is written again: slot %u "
				 "offset %llu", b->slot,
				 (unsigned long long)(b->offset + i * KQ_WAL_BLOCK));
	n->batch = b;
	n->batch_ticks = 0;
}

void disk_submit(struct sim *s, struct sim_node *n, struct kq_batch *b)
{
	u64 us = 1 + sim_below(s, s->d.disk_us) + sim_below(s, s->d.disk_us);
	u64 at;

	disk_begins(s, n, b);
	if (sim_below(s, 1000) < s->d.disk_spike_pm)
		us += sim_below(s, 200000);
	if (n->slow_until > s->now)
		us = us * 20 + sim_below(s, 100000);
	at = s->now + us * 1000;
	if (n->hang_until > s->now)
		at = max(at, n->hang_until);
	n->batch_error = 0;
	if (n->eio) {
		n->eio = false;
		n->batch_error = -EIO;
	}
	sim_push(s, at, EV_DISK, sim_at(s, n), 0, ++n->batch_gen);
}

/* The write that hung ends now. */
void disk_go_on(struct sim *s, struct sim_node *n)
{
	sim_push(s, s->now, EV_DISK, sim_at(s, n), 0, ++n->batch_gen);
}

static void write_some(struct sim *s, struct sim_node *n, const struct kq_batch *b)
{
	u32 i, sectors = b->len / KQ_WAL_SECTOR, mode = sim_below(s, 4);
	u32 cut = sim_below(s, sectors + 1);

	for (i = 0; i < sectors; i++) {
		bool lost = mode == 0 ? i >= cut :		/* the beginning arrived */
			mode == 1 ? i < cut :			/* the end did */
			mode == 2 ? sim_below(s, 2) :		/* any */
			i == cut;				/* all but one */

		if (!lost)
			disk_put(n, disk_place(s, b) + i * KQ_WAL_SECTOR,
				 b->data + i * KQ_WAL_SECTOR, KQ_WAL_SECTOR);
	}
}

/* The first batch of a segment comes with the segment's header. */
static const struct kq_wal_batch_head *head_of(const struct kq_batch *b)
{
	return (const void *)(b->data + (b->offset ? 0 : KQ_WAL_FIRST));
}

/* Index of the snapshot that a batch names. */
u64 disk_batch_snap(const struct kq_batch *b)
{
	return b->probe ? 0 : le64_to_cpu(head_of(b)->snap_index);
}

/* What a recovery would find from here on, for check_durable(). */
static void note_hard_state(struct sim_node *n, const struct kq_batch *b)
{
	const struct kq_wal_batch_head *h = head_of(b);
	u32 i;

	if (b->probe)
		return;
	n->durable_term = le64_to_cpu(h->term);
	n->durable_vote = le32_to_cpu(h->vote);
	n->durable_snap = le64_to_cpu(h->snap_index);
	for (i = 1; i <= SIM_NODES; i++)
		n->durable_peer[i] = le64_to_cpu(h->peer[i - 1]);
}

/* All of it is on the disk, and counts as acknowledged. */
void disk_written(struct sim *s, struct sim_node *n, const struct kq_batch *b)
{
	u64 i;

	disk_put(n, disk_place(s, b), b->data, b->len);
	note_hard_state(n, b);
	note_segment(n, b);
	if (b->probe)
		return;
	if (b->first || b->restart)
		n->written_last = b->last;
	n->seg_kept[b->slot] = true;
	n->last_first = disk_place(s, b) / KQ_WAL_BLOCK;
	n->last_block = (disk_place(s, b) + b->len) / KQ_WAL_BLOCK - 1;
	for (i = 0; i < b->len / KQ_WAL_BLOCK; i++)
		n->block_kept[(b->slot * disk_seg(s) + b->offset) / KQ_WAL_BLOCK + i] =
			b->offset / KQ_WAL_BLOCK + i != 1;	/* not the scratch block */
}

void disk_done(struct sim *s, struct sim_node *n)
{
	struct kq_batch *b = n->batch;
	s32 error = n->batch_error;

	n->batch = NULL;
	if (error) {
		write_some(s, n, b);
		disk_undo_forget(n);
	} else {
		disk_keep_undo(s, n, b);
		disk_written(s, n, b);
	}
	if (sim_tracing)
		sim_trace(s, n, "disk: %s %llu..%llu slot %u offset %llu%s",
			  b->probe ? "probe" : "batch", (unsigned long long)b->first,
			  (unsigned long long)b->last, b->slot, (unsigned long long)b->offset,
			  error ? " FAILS" : "");
	kq_core_disk_done(n->core, sim_clock(s, n), b, error);
	node_out(s, n);
}

/* The write under way is torn. The batch itself goes with the core. */
void disk_power_cut(struct sim *s, struct sim_node *n)
{
	if (!n->batch)
		return;
	write_some(s, n, n->batch);
	disk_undo_forget(n);	/* something may stand behind it now */
	n->batch = NULL;
	n->batch_gen++;
}

/* A segment that is spare again may be written, and what is in it may rot. */
void disk_released(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < s->d.segments; i++)
		if (n->core->wal->slots[i].state == KQ_WAL_SLOT_FREE && seg_kept(s, n, i))
			seg_release(s, n, i);
}

void disk_free(struct sim_node *n)
{
	free(n->block_kept);
	free(n->rot);
	disk_undo_forget(n);
	snap_files(n, n->file, NULL);
	snap_files(n, n->copied_file, NULL);
	free(n->copy);
	free(n->copied);
}

/* As the module does it at NODE_START: headers first, then the segments it asks for. */
int disk_recover(struct sim *s, struct sim_node *n, struct kq_wal_report *rep)
{
	struct kq_wal *wal = n->core->wal;
	bool was_rotten = n->rotten;
	int slot, err = 0;

	n->live_rot = false;
	for (slot = 0; !err && slot < (int)s->d.segments; slot++)
		err = kq_wal_scan_header(wal, slot, n->disk + slot * disk_seg(s));
	while (!err && (slot = kq_wal_next_segment(wal)) >= 0)
		err = kq_wal_scan_segment(wal, slot, n->disk + slot * disk_seg(s), disk_seg(s),
					  kq_core_recover_entry, n->core);
	if (!err)
		err = kq_wal_scan_end(wal, rep);
	if (err == -ENOMEM)
		return err;
	if (err)
		sim_fail(s, n, "recovery fails: %d", err);
	for (slot = 0; rep->health != KQ_WAL_DAMAGED && slot < (int)s->d.segments; slot++)
		if (wal->slots[slot].state == KQ_WAL_SLOT_FREE)
			disk_heal(s, n, slot);	/* that was not needed any more */
	n->durable_snap = max(n->durable_snap, rep->hs.snap.index);
	for (slot = 0; slot < (int)s->d.segments; slot++) {
		if (wal->slots[slot].state != KQ_WAL_SLOT_OURS || wal->slots[slot].headless)
			continue;
		n->seg_generation[slot] = wal->slots[slot].generation;
		n->seg_base[slot] = wal->slots[slot].base_index;
	}
	disk_released(s, n);
	if (n->rotten && rep->health != KQ_WAL_DAMAGED && rep->health != KQ_WAL_GAPS)
		sim_fail(s, n, "recovery does not see that a byte was changed");
	if (!was_rotten && (rep->health == KQ_WAL_DAMAGED || rep->health == KQ_WAL_GAPS))
		sim_fail(s, n, "recovery finds damage where there is none: slot %u offset %llu: %s",
			 rep->slot, (unsigned long long)rep->offset, rep->reason);
	if (rep->health == KQ_WAL_DAMAGED && !disk_newest_not_known(s, n) && !n->set_back)
		sim_fail(s, n, "stays out, and its newest header is good: slot %u offset %llu: %s",
			 rep->slot, (unsigned long long)rep->offset, rep->reason);
	if (rep->health == KQ_WAL_TORN)
		s->st.torn++;
	return 0;
}
