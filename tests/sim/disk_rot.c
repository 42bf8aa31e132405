// SPDX-License-Identifier: GPL-2.0
/*
 * What goes bad on a disk: where bytes change, what a start would lack then, and whether that is
 * still to be had elsewhere.
 */
#include "kq_wal_priv.h"
#include "disk.h"

/* Its log cannot be mended by its peers: what was newest in it is not known. */
bool disk_beyond_repair(const struct sim_node *n)
{
	return n->rotten && n->core && n->core->report.health == KQ_WAL_DAMAGED;
}

static void note_rot(struct sim *s, struct sim_node *n, u64 block, u8 what)
{
	n->rot[block] = what;
	n->rotten = true;
	n->mended = false;
	n->rots++;
	s->st.damaged++;
}

bool disk_any_rot(const struct sim *s, const struct sim_node *n)
{
	u64 i, total = disk_seg(s) / KQ_WAL_BLOCK * s->d.segments;

	for (i = 0; i < total && !n->rot[i]; i++)
		;
	return i < total;
}

/* Is there a segment with a header, besides this one? It tells what number others can have. */
static bool another_head(const struct sim *s, const struct sim_node *n, u64 but)
{
	u64 blocks = disk_seg(s) / KQ_WAL_BLOCK, i;

	for (i = 0; i < s->d.segments; i++)
		if (i != but && n->seg_kept[i] && !n->rot[i * blocks])
			return true;
	return false;
}

/*
 * Nobody could say what the node knew last: the header of the newest batch is gone, or nothing
 * tells which segment this is.
 */
bool disk_newest_not_known(const struct sim *s, const struct sim_node *n)
{
	u64 blocks = disk_seg(s) / KQ_WAL_BLOCK, first = n->last_first, i;
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
void disk_heal(struct sim *s, struct sim_node *n, u32 slot)
{
	static const u8 blank[KQ_WAL_BLOCK];
	u64 i, blocks = disk_seg(s) / KQ_WAL_BLOCK;

	if (!n->rotten)
		return;
	for (i = slot * blocks; i < (slot + 1) * blocks; i++) {
		if (n->rot[i])
			disk_put(n, i * KQ_WAL_BLOCK, blank, KQ_WAL_BLOCK);
		n->rot[i] = 0;
	}
	n->rotten = disk_any_rot(s, n);
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
		err = kq_wal_scan_header(core->wal, slot, n->disk + slot * disk_seg(s));
	while (core && !err && (slot = kq_wal_next_segment(core->wal)) >= 0)
		err = kq_wal_scan_segment(core->wal, slot, n->disk + slot * disk_seg(s),
					  disk_seg(s), kq_core_recover_entry, core);
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
 * One byte of what was acknowledged changes. @alone: whatever it is; else only if nothing is
 * missing on two disks then. Returns false: nothing is there yet, or it was not to be.
 */
bool disk_rot(struct sim *s, struct sim_node *n, bool alone)
{
	u64 blocks = disk_seg(s) / KQ_WAL_BLOCK, total = blocks * s->d.segments;
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
	u64 blocks = disk_seg(s) / KQ_WAL_BLOCK, total = blocks * s->d.segments;
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
	u64 total = disk_seg(s) / KQ_WAL_BLOCK * s->d.segments;
	u64 i, start = sim_below(s, total), from = total;

	for (i = 0; i < total; i++) {
		u64 b = (start + i) % total;

		if (!n->block_kept[b] || is_newest(n, b))
			continue;
		if (from == total) {
			from = b;
			continue;
		}
		disk_put(n, b * KQ_WAL_BLOCK, n->disk + from * KQ_WAL_BLOCK, KQ_WAL_BLOCK);
		note_rot(s, n, b, ROT_ALL);
		return true;
	}
	return false;
}
