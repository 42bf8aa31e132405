// SPDX-License-Identifier: GPL-2.0
/*
 * Scrubbing: what would a start miss in the log on disk?
 *
 * Damage that nobody looks for is found at the next start, and by then the same entry may be lost
 * elsewhere. So the log is read while it is in use, by recovery itself; what is written meanwhile
 * is not looked at. Entries that a start would miss go into batches that put them back (see
 * kq_wal_format.h), those of them at least that no snapshot stands for. Where the newest batches
 * cannot be read nobody could tell what they were; but this node can, as it wrote them: it writes
 * another one behind them, in a segment of its own, which says what the log was there.
 */
#include "kq_int.h"
#include "kq_scrub.h"

/* --- a pass ---------------------------------------------------------------------------------- */

/**
 * kq_scrub_create() - begin to read the log on disk
 * @core: the core, kq_core_scrub_begin() done in the same step
 *
 * Return: for kq_scrub_destroy(); NULL: no memory.
 */
struct kq_scrub *kq_scrub_create(const struct kq_core *core)
{
	const struct kq_config *cfg = &core->cfg;
	struct kq_scrub *scrub = kq_alloc(sizeof(*scrub));

	if (!scrub)
		return NULL;
	scrub->wal = kq_wal_create(cfg->cluster_id, cfg->self, cfg->segment_bytes,
				   cfg->segments);
	if (!scrub->wal || kq_wal_get_extent(core->wal, core->batch, &scrub->extent)) {
		kq_scrub_destroy(scrub);
		return NULL;
	}
	return scrub;
}

/**
 * kq_scrub_destroy() - forget what was found
 * @scrub: may be NULL
 */
void kq_scrub_destroy(struct kq_scrub *scrub)
{
	if (!scrub)
		return;
	kq_wal_destroy(scrub->wal);
	kq_free(scrub);
}

/**
 * kq_scrub_reads() - is this segment part of the log?
 * @scrub: the pass
 * @slot: segment
 *
 * Return: false: it counts as blank, and need not be read.
 */
bool kq_scrub_reads(const struct kq_scrub *scrub, u32 slot)
{
	return scrub->extent.used[slot / 64] >> (slot % 64) & 1;
}

/**
 * kq_scrub_segments() - how many are part of the log?
 * @scrub: the pass
 *
 * Return: so many.
 */
u32 kq_scrub_segments(const struct kq_scrub *scrub)
{
	u32 slot, n = 0;

	for (slot = 0; slot < scrub->extent.segments; slot++)
		n += kq_scrub_reads(scrub, slot);
	return n;
}

/**
 * kq_scrub_head() - hand in what a segment begins with
 * @scrub: the pass
 * @slot: segment
 * @data: its first KQ_WAL_HEAD_BYTES; changed. Of one that is not read: room for them
 *
 * Return: as kq_wal_scan_header().
 */
int kq_scrub_head(struct kq_scrub *scrub, u32 slot, void *data)
{
	if (!kq_scrub_reads(scrub, slot))
		memset(data, 0, KQ_WAL_HEAD_BYTES);
	return kq_wal_scan_header(scrub->wal, slot, data);
}

/**
 * kq_scrub_next() - which segment is to be handed in now?
 * @scrub: the pass
 *
 * Return: as kq_wal_next_segment().
 */
int kq_scrub_next(struct kq_scrub *scrub)
{
	return kq_wal_next_segment(scrub->wal);
}

/**
 * kq_scrub_segment() - hand in a segment
 * @scrub: the pass
 * @slot: which, as kq_scrub_next() said
 * @data: all of it; changed. Of one that is not read: room for it
 *
 * Return: as kq_wal_scan_segment().
 */
int kq_scrub_segment(struct kq_scrub *scrub, u32 slot, void *data)
{
	const struct kq_wal_extent *x = &scrub->extent;
	u32 from = !kq_scrub_reads(scrub, slot) ? 0 : slot == x->slot ? x->pos : x->segment_bytes;

	/* What was written since may be there in part. */
	memset((u8 *)data + from, 0, x->segment_bytes - from);
	return kq_wal_scan_segment(scrub->wal, slot, data, x->segment_bytes, kq_scrub_entry, scrub);
}

/* What is missing from @index on was cut off. */
static void cut(struct kq_scrub *scrub, u64 index)
{
	while (scrub->count && scrub->gap[scrub->count - 1].last >= index) {
		struct kq_scrub_gap *g = &scrub->gap[scrub->count - 1];

		if (g->first < index) {
			g->last = index - 1;
			return;
		}
		scrub->count--;
	}
}

static void add(struct kq_scrub *scrub, u64 first, u64 last)
{
	if (first > last)
		return;
	if (scrub->count == KQ_SCRUB_GAPS)
		scrub->gap[scrub->count - 1].last = last;
	else
		scrub->gap[scrub->count++] = (struct kq_scrub_gap){ first, last };
}

static void fill(struct kq_scrub *scrub, u64 index)
{
	struct kq_scrub_gap *g = scrub->gap, *end = g + scrub->count;

	while (g < end && g->last < index)
		g++;
	if (g == end || g->first > index)
		return;
	if (g->first == index) {
		g->first++;
	} else if (g->last == index) {
		g->last--;
	} else if (scrub->count < KQ_SCRUB_GAPS) {
		memmove(g + 1, g, (u8 *)end - (u8 *)g);
		g[0].last = index - 1;
		g[1].first = index + 1;
		scrub->count++;
	}
	if (g->first > g->last) {
		memmove(g, g + 1, (u8 *)end - (u8 *)(g + 1));
		scrub->count--;
	}
}

/**
 * kq_scrub_entry() - recovery delivers something (kq_wal_entry_fn)
 * @ctx: the pass
 * @rec: see there
 * @payload: likewise
 *
 * Return: 0.
 */
int kq_scrub_entry(void *ctx, const struct kq_record *rec, const void *payload)
{
	const struct kq_record *put_back = payload;
	struct kq_scrub *scrub = ctx;
	u64 index = le64_to_cpu(rec->index);

	switch (le16_to_cpu(rec->type)) {
	case KQ_RECORD_BASE:
		scrub->count = 0;
		break;
	case KQ_RECORD_GAP:
		cut(scrub, le64_to_cpu(rec->seq) + 1);
		add(scrub, le64_to_cpu(rec->seq) + 1, index);
		break;
	case KQ_RECORD_FILL:
		fill(scrub, le64_to_cpu(put_back->index));
		break;
	default:
		cut(scrub, index);
		break;
	}
	return 0;
}

/**
 * kq_scrub_result() - all has been handed in
 * @scrub: the pass
 * @report: how it went
 *
 * All that was looked at was durable, so nothing of it may be torn or end too early.
 *
 * Return: 0: @scrub->gap has what is missing; -EUCLEAN: a start could not know that, @report has
 * why; or as kq_wal_scan_end().
 */
int kq_scrub_result(struct kq_scrub *scrub, struct kq_wal_report *report)
{
	int err = kq_wal_scan_end(scrub->wal, report);

	if (err)
		return err;
	if (report->health == KQ_WAL_DAMAGED)
		return -EUCLEAN;
	if (kq_wal_seq(scrub->wal) == scrub->extent.seq)
		return 0;
	report->crossed = max_t(u32, report->crossed, 1);
	snprintf(report->reason, sizeof(report->reason),
		 "the log ends with batch %llu, and batch %llu has been written",
		 (unsigned long long)kq_wal_seq(scrub->wal),
		 (unsigned long long)scrub->extent.seq);
	return -EUCLEAN;
}

/* --- the log in use -------------------------------------------------------------------------- */

/* A write that opens a segment: only when it is durable a segment counts. */
static bool opens_segment(const struct kq_batch *b)
{
	return b && !b->probe && !b->offset;
}

/**
 * kq_core_scrub_begin() - the log on disk is going to be read
 * @core: the core
 * @now_ns: the clock
 *
 * Until kq_core_scrub_end() no segment is recycled, unless there is no room otherwise.
 *
 * Return: 0; -EALREADY: it is read; -EAGAIN: not this very moment; -EIO: the node does not serve.
 */
int kq_core_scrub_begin(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	if (core->state != KQUORUM_NODE_RUNNING || core->cfg.survivor)
		return -EIO;
	if (core->scrub.on)
		return -EALREADY;
	if (opens_segment(core->batch))
		return -EAGAIN;
	core->scrub.on = true;
	core->scrub.first = 0;
	core->scrub.error = 0;
	core->scrub.version = 0;
	return 0;
}

/**
 * kq_core_scrub_busy() - is something of what was asked for not on disk yet?
 * @core: the core
 *
 * Return: true if so.
 */
bool kq_core_scrub_busy(const struct kq_core *core)
{
	return core->scrub.first || (core->batch && core->batch->repaired) ||
		core->scrub.version > core->hs_durable;
}

/* Nobody needs what a snapshot stands for; and what is not on disk yet is not missing there. */
static void clamp_range(struct kq_core *core, u64 *first, u64 *last)
{
	*first = max(*first, max(core->log.base_index, core->hs.snap.index) + 1);
	*last = min(*last, min(core->log.last, core->write_next - 1));
}

/**
 * kq_core_scrub_rewrite() - a start would miss these entries
 * @core: the core
 * @now_ns: the clock
 * @first: log index
 * @last: likewise
 *
 * They are written again, if no snapshot stands for them, and nothing else took their place.
 *
 * Return: 0; -EBUSY: see kq_core_scrub_busy(); -ECANCELED: the scrub is over; -EIO: the node does
 * not serve.
 */
int kq_core_scrub_rewrite(struct kq_core *core, u64 now_ns, u64 first, u64 last)
{
	core->now_ns = now_ns;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (!core->scrub.on)
		return -ECANCELED;
	if (kq_core_scrub_busy(core))
		return -EBUSY;
	clamp_range(core, &first, &last);
	if (first > last || KQ_BREAK(SCRUB_FORGETS))
		return 0;
	core->scrub.first = first;
	core->scrub.last = last;
	kq_disk_pump(core);
	return 0;
}

/**
 * kq_core_scrub_mend() - a start could not know what the log was at its end
 * @core: the core
 * @now_ns: the clock
 *
 * The log goes on in another segment, with a batch that says what it was.
 *
 * Return: as kq_core_scrub_rewrite().
 */
int kq_core_scrub_mend(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (!core->scrub.on)
		return -ECANCELED;
	if (kq_core_scrub_busy(core))
		return -EBUSY;
	kq_wal_close_segment(core->wal);
	core->scrub.version = ++core->hs_version;
	kq_disk_pump(core);
	return 0;
}

/**
 * kq_core_scrub_end() - the log on disk is not read any more
 * @core: the core
 * @now_ns: the clock
 */
void kq_core_scrub_end(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	core->scrub.on = false;
	core->scrub.first = 0;
	kq_scrub_settle(core);
}

/**
 * kq_scrub_holds() - may no segment be recycled now?
 * @core: the core, whose snapshot stands for some
 *
 * Return: true: it is done later.
 */
bool kq_scrub_holds(struct kq_core *core)
{
	core->scrub.release |= core->scrub.on;
	return core->scrub.on;
}

/**
 * kq_scrub_settle() - recycle what had to wait
 * @core: the core
 *
 * A log that fills up needs room more than it needs to be read.
 */
void kq_scrub_settle(struct kq_core *core)
{
	u64 capacity = kq_wal_capacity(core->wal);

	if (!core->scrub.release || core->state != KQUORUM_NODE_RUNNING)
		return;
	if (core->scrub.on && kq_wal_used(core->wal) <= capacity - capacity / 4)
		return;
	core->scrub.on = false;
	/* The segment being written has to name the snapshot, and is the first that does not go. */
	if (opens_segment(core->batch) || !kq_wal_is_open(core->wal))
		return;
	core->scrub.release = false;
	kq_snap_release(core, core->snap.index);
}

/**
 * kq_scrub_encode() - make a batch of what is to be written again
 * @core: the core; core->scrub.first is set
 * @batch: gets it; NULL: there is nothing, or no room
 *
 * Return: 0 or -ENOMEM.
 */
int kq_scrub_encode(struct kq_core *core, struct kq_batch **batch)
{
	struct kq_core_scrub *scrub = &core->scrub;
	bool none;
	int err;

	*batch = NULL;
	clamp_range(core, &scrub->first, &scrub->last);
	none = scrub->first > scrub->last;
	err = none ? 0 : kq_repair_batch(core, &scrub->first, scrub->last, batch);
	if (err == -ENOMEM)
		return err;
	if (err || none) {
		scrub->error = err;
		scrub->first = 0;
		return 0;
	}
	scrub->rewritten += (*batch)->entries;
	return 0;
}
