// SPDX-License-Identifier: GPL-2.0
/*
 * What a snapshot makes of the log. First its reference is made durable, for which the log has to
 * be that far itself; then the segments go that it stands for; and in memory the entries, but for
 * as many as a follower may lack that is only a little behind.
 */
#include "kq_int.h"

#define TRIM_ENTRIES	1024		/* at most in one go: nobody waits for more */
#define HOLD_BYTES	(64u << 20)	/* kept for a follower that is sent a snapshot */

/**
 * kq_core_snapshot_done() - a snapshot of this node's is finished
 * @core: the core
 * @now_ns: the clock
 * @ref: which; its file is whole, has been checked, and is durable under its name
 *
 * It is in use once core->snap says so; until then, and no longer, the one before it is needed.
 *
 * Return: 0; -ESTALE: there is one as new; -EINVAL: this node's state never was that; -EIO.
 */
int kq_core_snapshot_done(struct kq_core *core, u64 now_ns, const struct kq_snap_ref *ref)
{
	core->now_ns = now_ns;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (!ref->index || ref->index > core->applied || !ref->bytes)
		return -EINVAL;
	if (ref->index <= core->snap.index || ref->index <= core->snap_next.index ||
	    ref->index < core->hs.snap.index + !!core->snap_version)
		return -ESTALE;
	if (kq_log_term(&core->log, ref->index) != ref->term)
		return -EINVAL;
	core->snap_next = *ref;
	kq_snap_settle(core);
	kq_disk_pump(core);
	return 0;
}

/**
 * kq_snap_release() - recycle the segments that a snapshot stands for
 * @core: the core
 * @index: of the snapshot
 */
void kq_snap_release(struct kq_core *core, u64 index)
{
	u32 freed = kq_scrub_holds(core) ? 0 : kq_wal_release(core->wal, index);

	if (freed)
		kq_trace(core, "recycles %u segments below %llu", freed, (unsigned long long)index);
}

/**
 * kq_snap_settle() - where does the newest snapshot stand?
 * @core: the core
 *
 * Its reference goes to the disk once the log is there up to it, so that no start ever finds a
 * snapshot without the log that goes on behind it; and counts once it is there itself.
 */
void kq_snap_settle(struct kq_core *core)
{
	/* Who is being repaired gets one that stands for a part of what is missing. */
	if (core->state != KQUORUM_NODE_RUNNING && !core->repair.total)
		return;
	if (core->snap_next.index && core->durable >= core->snap_next.index) {
		core->hs.snap = core->snap_next;
		core->snap_next.index = 0;
		core->snap_version = ++core->hs_version;
		if (KQ_BREAK(TRIM_EARLY))
			kq_snap_release(core, core->hs.snap.index);
	}
	if (core->snap_version && core->hs_durable >= core->snap_version && !core->restart_at) {
		core->snap_version = 0;
		if (!KQ_ASSERT(core, core->hs.snap.index > core->snap.index ||
			       KQ_BREAK(INSTALL_BELOW)) ||
		    !KQ_ASSERT(core, core->hs.snap.index <= core->durable))
			return;
		core->snap = core->hs.snap;
		core->events |= KQUORUM_EVENT_SNAPSHOT;
		kq_trace(core, "snapshot of %llu is in use", (unsigned long long)core->snap.index);
		kq_snap_release(core, KQ_BREAK(SNAP_LOG_GAP) ?
				min(core->applied, core->durable) : core->snap.index);
		kq_repair_written(core);
	}
}

/* How far may entries go? Who is being sent a snapshot needs those behind it next. */
static u64 trim_limit(struct kq_core *core)
{
	u64 limit = min(core->snap.index, min(core->applied, core->durable));
	struct kq_peer *p;

	if (KQ_BREAK(SNAP_LOG_GAP) && core->snap.index)
		return min(core->applied, core->durable);
	if (!kq_is_leader(core) || core->log.bytes > HOLD_BYTES)
		return limit;
	kq_for_each_peer(core, kq_replicas(core), p)
		if (p->connected && p->progress == KQUORUM_PROGRESS_SNAPSHOT)
			limit = min(limit, p->snap_index);
	return limit;
}

/* The first entry goes, if it is there. A configuration stays known as long as it holds. */
static void drop_first(struct kq_core *core)
{
	struct kq_entry *e = kq_log_take_first(&core->log);

	if (e && le16_to_cpu(e->rec.type) == KQ_ENTRY_CONF) {
		kq_entry_free(core->base_conf);
		core->base_conf = e;
	} else {
		kq_entry_free(e);
	}
}

/**
 * kq_trim_missing() - what is missing below a snapshot is not needed
 * @core: the core, all entries delivered, not started
 * @ref: the snapshot that the log refers to; it may be one that cannot be had
 */
void kq_trim_missing(struct kq_core *core, const struct kq_snap_ref *ref)
{
	struct kq_log *log = &core->log;
	u64 first = 0, last;

	if (!kq_log_gap(log, &first, &last) || first > ref->index || ref->index > log->last)
		return;
	while (log->base_index < ref->index)
		drop_first(core);
	log->base_term = ref->term;
}

/**
 * kq_trim() - take off the log what is not needed any more
 * @core: the core
 *
 * A part of it: whoever calls this often has it done before long.
 */
void kq_trim(struct kq_core *core)
{
	u64 keep = core->cfg.keep_entries ? core->cfg.keep_entries : KQ_KEEP_ENTRIES;
	u64 bytes = core->cfg.keep_bytes ? core->cfg.keep_bytes : KQ_KEEP_BYTES;
	struct kq_log *log = &core->log;
	u64 limit = trim_limit(core);
	u32 n;

	if (log->missing)
		return;
	for (n = 0; n < TRIM_ENTRIES && log->base_index < limit; n++) {
		u64 before = log->bytes;

		if (log->last - log->base_index <= keep && log->bytes <= bytes)
			break;
		if (!KQ_ASSERT(core, log->base_index < core->snap.index || KQ_BREAK(SNAP_LOG_GAP)))
			return;
		drop_first(core);
		core->written_bytes -= before - log->bytes;
	}
}

/**
 * kq_core_needs_snapshot() - is what a peer lacks gone from this node's log?
 * @core: the core
 * @id: node id
 *
 * Return: true, at the leader: the peer's daemon is to be sent the newest snapshot.
 */
bool kq_core_needs_snapshot(const struct kq_core *core, u32 id)
{
	return kq_is_leader(core) && id && id <= KQ_MAX_NODES && core->peer[id].connected &&
		core->peer[id].progress == KQUORUM_PROGRESS_SNAPSHOT;
}
