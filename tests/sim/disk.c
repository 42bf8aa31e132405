// SPDX-License-Identifier: GPL-2.0
/*
 * The disk of a node: segments side by side in one array. A completed write is
 * durable; one under way when the power goes leaves any set of its sectors.
 */
#include "kq_wal_priv.h"
#include "sim.h"

static u64 seg(const struct sim *s)
{
	return s->d.segment_kib * 1024;
}

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

static void put(struct sim_node *n, u64 at, const void *data, u32 len)
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
		put(n, b->slot * seg(s) + b->offset, b->data, b->len);
		*last += b->entries;
	}
	kq_batch_free(b);
	for (i = 0; i < count; i++)
		kq_entry_free(e[i]);
}

/* The files served another cluster before, and hold whole batches of it. */
static void earlier_life(struct sim *s, struct sim_node *n)
{
	struct kq_wal *wal = kq_wal_create(~s->seed, n->id, seg(s), s->d.segments);
	u32 i, batches = sim_range(s, 1, 200);
	u64 term = sim_range(s, 1, 9), last = 0;
	struct kq_wal_report rep;
	int slot;

	for (i = 0; i < s->d.segments; i++)
		kq_wal_scan_header(wal, i, n->disk + i * seg(s));
	while ((slot = kq_wal_next_segment(wal)) >= 0)
		kq_wal_scan_segment(wal, slot, n->disk + slot * seg(s), seg(s), NULL, NULL);
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
	u64 bytes = seg(s) * s->d.segments;

	arena_give(s, n, bytes);
	n->block_kept = sim_calloc(1, bytes / KQ_WAL_BLOCK);
	n->rot = sim_calloc(1, bytes / KQ_WAL_BLOCK);
	if (sim_chance(s, s->d.used_disk_pct))
		earlier_life(s, n);
}

/* Its log cannot be mended by its peers: what was newest in it is not known. */
bool disk_beyond_repair(const struct sim_node *n)
{
	return n->rotten && n->core && n->core->report.health == KQ_WAL_DAMAGED;
}

#define ROT		1	/* anywhere in the block */
#define ROT_HEAD	2	/* in its first sector, which may be a batch's header */
#define ROT_ALL		3	/* all of it is another block's */

static void note_rot(struct sim *s, struct sim_node *n, u64 block, u8 what)
{
	n->rot[block] = what;
	n->rotten = true;
	n->mended = false;
	n->rots++;
	s->st.damaged++;
}

static bool any_rot(const struct sim *s, const struct sim_node *n)
{
	u64 i, total = seg(s) / KQ_WAL_BLOCK * s->d.segments;

	for (i = 0; i < total && !n->rot[i]; i++)
		;
	return i < total;
}

/* Is there a segment with a header, besides this one? It tells what number others can have. */
static bool another_head(const struct sim *s, const struct sim_node *n, u64 but)
{
	u64 blocks = seg(s) / KQ_WAL_BLOCK, i;

	for (i = 0; i < s->d.segments; i++)
		if (i != but && n->seg_kept[i] && !n->rot[i * blocks])
			return true;
	return false;
}

/*
 * Nobody could say what the node knew last: the header of the newest batch is gone, or nothing
 * tells which segment this is.
 */
static bool newest_not_known(const struct sim *s, const struct sim_node *n)
{
	u64 blocks = seg(s) / KQ_WAL_BLOCK, first = n->last_first, i;
	const u8 *batch = n->rot + KQ_WAL_FIRST / KQ_WAL_BLOCK;

	/* A segment's first batch comes with the segment's header. */
	if (!(first % blocks))
		first += KQ_WAL_FIRST / KQ_WAL_BLOCK;
	if (n->rot[first] >= ROT_HEAD)
		return true;
	for (i = 0; i < s->d.segments * blocks; i += blocks)
		if (n->rot[i] && (batch[i] == ROT_ALL || (batch[i] == ROT_HEAD &&
							  !another_head(s, n, i / blocks))))
			return true;
	return false;
}

/*
 * A segment that is used again is damaged no more: else what is left there, behind its newest
 * batch, could not be told from a damaged newest batch, and the node would stay out.
 */
static void heal(struct sim *s, struct sim_node *n, u32 slot)
{
	static const u8 blank[KQ_WAL_BLOCK];
	u64 i, blocks = seg(s) / KQ_WAL_BLOCK;

	if (!n->rotten)
		return;
	for (i = slot * blocks; i < (slot + 1) * blocks; i++) {
		if (n->rot[i])
			put(n, i * KQ_WAL_BLOCK, blank, KQ_WAL_BLOCK);
		n->rot[i] = 0;
	}
	n->rotten = any_rot(s, n);
}

/*
 * What is in this segment is needed no more: the log on disk names a snapshot, and a later
 * segment was opened at or below it.
 */
static void seg_release(struct sim *s, struct sim_node *n, u32 slot)
{
	u64 blocks = seg(s) / KQ_WAL_BLOCK;
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
	heal(s, n, slot);
}

/* Its opening may have come through when the power went: nobody was told. */
static bool seg_kept(const struct sim *s, struct sim_node *n, u32 slot)
{
	u64 blocks = seg(s) / KQ_WAL_BLOCK;

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
	    b->slot >= s->d.segments || b->offset + b->len > seg(s))
		sim_fail(s, n, "write outside of the log: slot %u offset %llu len %u", b->slot,
			 (unsigned long long)b->offset, b->len);
	if (!b->offset && seg_kept(s, n, b->slot))
		seg_release(s, n, b->slot);
	for (i = 0; !b->probe && i < b->len / KQ_WAL_BLOCK; i++)
		if (n->block_kept[(b->slot * seg(s) + b->offset) / KQ_WAL_BLOCK + i])
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

static u64 place(struct sim *s, const struct kq_batch *b)
{
	return b->slot * seg(s) + b->offset;
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
			put(n, place(s, b) + i * KQ_WAL_SECTOR, b->data + i * KQ_WAL_SECTOR,
			    KQ_WAL_SECTOR);
	}
}

void disk_undo_forget(struct sim_node *n)
{
	while (n->undos)
		free(n->undo[--n->undos].bytes);
}

/* A batch of entries alone, with nothing of term or vote, can be taken back: disk_undo(). */
static void keep_undo(struct sim *s, struct sim_node *n, const struct kq_batch *b)
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
	memcpy(u->bytes, n->disk + place(s, b), b->len);
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

	put(n, place(s, b), b->data, b->len);
	note_hard_state(n, b);
	note_segment(n, b);
	if (b->probe)
		return;
	if (b->first || b->restart)
		n->written_last = b->last;
	n->seg_kept[b->slot] = true;
	n->last_first = place(s, b) / KQ_WAL_BLOCK;
	n->last_block = (place(s, b) + b->len) / KQ_WAL_BLOCK - 1;
	for (i = 0; i < b->len / KQ_WAL_BLOCK; i++)
		n->block_kept[(b->slot * seg(s) + b->offset) / KQ_WAL_BLOCK + i] =
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
		keep_undo(s, n, b);
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

/* Is an entry that is missing in @log also missing on the disk, or in the log, of @m? */
static bool missing_too(const struct kq_log *log, const struct kq_log *m)
{
	u64 first, last, m_first, m_last;

	for (first = 0; kq_log_gap(log, &first, &last); first = last + 1)
		for (m_first = first; kq_log_gap(m, &m_first, &m_last); m_first = m_last + 1)
			if (m_first <= last)
				return true;
	return false;
}

/* A core with what recovery makes of this disk, never started. NULL: it may not be believed. */
static struct kq_core *look_at(struct sim *s, struct sim_node *n)
{
	struct kq_wal_report rep = {};
	struct kq_config cfg;
	struct kq_core *core;
	int slot, err = 0;

	node_configure(s, n, &cfg);
	core = kq_core_create(&cfg);
	for (slot = 0; core && !err && slot < (int)s->d.segments; slot++)
		err = kq_wal_scan_header(core->wal, slot, n->disk + slot * seg(s));
	while (core && !err && (slot = kq_wal_next_segment(core->wal)) >= 0)
		err = kq_wal_scan_segment(core->wal, slot, n->disk + slot * seg(s), seg(s),
					  kq_core_recover_entry, core);
	if (core && !err && !kq_wal_scan_end(core->wal, &rep) && rep.health != KQ_WAL_DAMAGED) {
		core->hs = rep.hs;
		return core;
	}
	kq_core_destroy(core);
	return NULL;
}

/* Would a start now lack an entry that no snapshot stands for, or not know what is newest? */
bool disk_would_miss(struct sim *s, struct sim_node *n)
{
	u64 alloc_fail_at = kq_alloc_fail_at, first = 0, last;
	struct kq_core *core;
	bool miss;

	kq_alloc_fail_at = 0;
	core = look_at(s, n);
	kq_alloc_fail_at = alloc_fail_at;
	if (core)
		first = core->hs.snap.index + 1;
	miss = !core || kq_log_gap(&core->log, &first, &last);
	kq_core_destroy(core);
	return miss;
}

/*
 * Is what is missing of the branch that was committed? Where two lack the ends of dead branches,
 * nothing can be committed, and so nothing can stand for these.
 */
static bool is_of_use(const struct sim *s, const struct kq_log *log)
{
	u64 first, last;

	for (first = 0; kq_log_gap(log, &first, &last); first = last + 1) {
		u64 at = min(last + 1, log->last);

		if (at > s->log_count || kq_log_term(log, at) != s->log[at].term)
			return false;
	}
	return true;
}

/* Does each entry that is missing somewhere stay elsewhere, with @n damaged as it is now? */
static bool nothing_twice(struct sim *s, struct sim_node *n)
{
	struct kq_core *core = look_at(s, n);
	bool twice = !core || !is_of_use(s, &core->log);
	u32 i;

	for (i = 1; !twice && i <= s->d.nodes; i++) {
		struct sim_node *m = &s->node[i];
		struct kq_core *other = m == n || !m->rotten ? NULL : m->up ? m->core :
			look_at(s, m);

		if (m == n || !m->rotten)
			continue;
		twice = !other || missing_too(&core->log, &other->log);
		if (!m->up)
			kq_core_destroy(other);
	}
	kq_core_destroy(core);
	return !twice;
}

/* Is this block of the newest batch that was acknowledged? */
static bool is_newest(const struct sim_node *n, u64 block)
{
	return n->last_block && block >= n->last_first && block <= n->last_block;
}

/* Of a block that has changed a second change might undo the first. */
static bool may_rot(const struct sim_node *n, u64 block, bool newest)
{
	return n->block_kept[block] && !n->rot[block] && (!newest || is_newest(n, block));
}

/*
 * One byte of what was acknowledged changes. @alone: whatever it is; else only if nothing is missing
 * on two disks then. Returns false: nothing is there yet, or it was not to be.
 */
bool disk_rot(struct sim *s, struct sim_node *n, bool alone)
{
	u64 blocks = seg(s) / KQ_WAL_BLOCK, total = blocks * s->d.segments;
	u64 i, start = sim_below(s, total), last = n->last_block, byte;

	/* The newest of all is where a torn write and damage are most alike. */
	if (last && sim_chance(s, s->d.rot_tail_pct))
		start = last - sim_below(s, last - n->last_first + 1);
	for (i = 0; i < total; i++) {
		u64 b = (start + i) % total;
		u8 *at, was;

		if (!may_rot(n, b, false))
			continue;
		/* Of a segment's first block only the first sector is used. */
		byte = sim_below(s, b % blocks ? KQ_WAL_BLOCK : KQ_WAL_SECTOR);
		at = n->disk + b * KQ_WAL_BLOCK + byte;
		was = *at;
		*at ^= 1 + sim_below(s, 255);
		if (!alone && !nothing_twice(s, n)) {
			*at = was;
			return false;
		}
		note_rot(s, n, b, byte < KQ_WAL_SECTOR ? ROT_HEAD : ROT);
		return true;
	}
	return false;
}

/*
 * Likewise, on a machine that runs: in the newest batch, or each block is as likely as another.
 * Sets @newest: it is that.
 */
bool disk_rot_live(struct sim *s, struct sim_node *n, bool *newest)
{
	bool tail = sim_chance(s, s->d.rot_tail_pct);
	u64 blocks = seg(s) / KQ_WAL_BLOCK, total = blocks * s->d.segments;
	u64 b, kept = 0, pick, byte;

	for (b = 0; b < total; b++)
		kept += may_rot(n, b, tail);
	if (!kept)
		return false;
	pick = sim_below(s, kept);
	for (b = 0; pick || !may_rot(n, b, tail); b++)
		pick -= may_rot(n, b, tail);
	*newest = is_newest(n, b);
	byte = sim_below(s, b % blocks ? KQ_WAL_BLOCK : KQ_WAL_SECTOR);
	n->disk[b * KQ_WAL_BLOCK + byte] ^= 1 + sim_below(s, 255);
	note_rot(s, n, b, byte < KQ_WAL_SECTOR ? ROT_HEAD : ROT);
	return true;
}

/*
 * A block that was acknowledged ended up on another one, not of the newest batch: there it could
 * not be told from the segment's earlier life (the leader can: disk_undo()). Returns false: there
 * are no two.
 */
bool disk_misdirect(struct sim *s, struct sim_node *n)
{
	u64 total = seg(s) / KQ_WAL_BLOCK * s->d.segments;
	u64 i, start = sim_below(s, total), from = total;

	for (i = 0; i < total; i++) {
		u64 b = (start + i) % total;

		if (!n->block_kept[b] || is_newest(n, b))
			continue;
		if (from == total) {
			from = b;
			continue;
		}
		put(n, b * KQ_WAL_BLOCK, n->disk + from * KQ_WAL_BLOCK, KQ_WAL_BLOCK);
		note_rot(s, n, b, ROT_ALL);
		return true;
	}
	return false;
}

/* The last @count batches never were: the disk lied, or the files are those of a moment before. */
void disk_undo(struct sim *s, struct sim_node *n, u32 count)
{
	for (; count; count--) {
		const struct sim_undo *u = &n->undo[--n->undos];
		u64 at = u->slot * seg(s) + u->offset;

		put(n, at, u->bytes, u->len);
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
	u64 i, blocks = seg(s) / KQ_WAL_BLOCK * s->d.segments;

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
	u64 i, blocks = seg(s) / KQ_WAL_BLOCK * s->d.segments;

	for (i = 0; i < blocks; i++)
		if (n->arena->dirty[i])
			put(n, i * KQ_WAL_BLOCK, n->copied[i] ? n->copy + i * KQ_WAL_BLOCK : blank,
			    KQ_WAL_BLOCK);
	memset(n->block_kept, 0, blocks);
	for (i = 0; i < blocks; i++)
		n->rot[i] = n->copied[i] & COPIED_ROT ? ROT : 0;
	n->rotten = any_rot(s, n);
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
	u64 i, blocks = seg(s) / KQ_WAL_BLOCK * s->d.segments;

	for (i = 0; i < blocks; i++)
		if (n->arena->dirty[i])
			put(n, i * KQ_WAL_BLOCK, blank, KQ_WAL_BLOCK);
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
		err = kq_wal_scan_header(wal, slot, n->disk + slot * seg(s));
	while (!err && (slot = kq_wal_next_segment(wal)) >= 0)
		err = kq_wal_scan_segment(wal, slot, n->disk + slot * seg(s), seg(s),
					  kq_core_recover_entry, n->core);
	if (!err)
		err = kq_wal_scan_end(wal, rep);
	if (err == -ENOMEM)
		return err;
	if (err)
		sim_fail(s, n, "recovery fails: %d", err);
	for (slot = 0; rep->health != KQ_WAL_DAMAGED && slot < (int)s->d.segments; slot++)
		if (wal->slots[slot].state == KQ_WAL_SLOT_FREE)
			heal(s, n, slot);	/* that was not needed any more */
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
	if (rep->health == KQ_WAL_DAMAGED && !newest_not_known(s, n) && !n->set_back)
		sim_fail(s, n, "stays out, and its newest header is good: slot %u offset %llu: %s",
			 rep->slot, (unsigned long long)rep->offset, rep->reason);
	if (rep->health == KQ_WAL_TORN)
		s->st.torn++;
	return 0;
}
