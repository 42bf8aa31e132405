// SPDX-License-Identifier: GPL-2.0
/*
 * The disk's turn: one write at a time, what gathers meanwhile is the next. What
 * is durable, and what a failing or hanging disk means.
 */
#include "kq_int.h"

/**
 * kq_hard_state_changed() - term, vote or the own incarnation is to be written
 * @core: the core
 *
 * Nothing is said before it is.
 */
void kq_hard_state_changed(struct kq_core *core)
{
	core->hs_said = ++core->hs_version;
}

/**
 * kq_peer_changed() - the incarnation of a peer is to be written
 * @core: the core
 * @p: the peer: nothing is said to it before that is
 */
void kq_peer_changed(struct kq_core *core, struct kq_peer *p)
{
	core->hs_version++;
	if (!KQ_BREAK(SPOKEN_EARLY))
		p->hs_version = core->hs_version;
}

/**
 * kq_log_cut() - truncate the log, and what is being written with it
 * @core: the core
 * @last: index that stays the last
 *
 * A write under way may still carry what is cut off: its completion then counts
 * up to here only.
 */
void kq_log_cut(struct kq_core *core, u64 last)
{
	if (!KQ_ASSERT(core, last >= core->commit))
		return;
	kq_log_truncate(&core->log, last);
	if (core->conf_index > last && !KQ_BREAK(CONF_KEPT))
		kq_member_cut(core);
	if (core->durable > last)
		core->durable = last;
	if (core->write_next > last + 1) {
		core->write_next = last + 1;
		core->written_bytes = core->log.bytes;
	}
	if (core->batch && core->batch->first && core->batch->last > last &&
	    !KQ_BREAK(COMPLETION)) {
		core->batch->last = last;
		core->batch->last_term = kq_log_term(&core->log, last);
	}
}

static void disk_set_state(struct kq_core *core, u32 state)
{
	if (core->disk_state == state)
		return;
	core->disk_state = state;
	core->events |= KQUORUM_EVENT_DISK;
}

/*
 * A burst may fill a small log between two looks of whoever saves snapshots: so that is told, too,
 * that another part of it is in use.
 */
static void disk_tell_use(struct kq_core *core)
{
	u64 part = kq_wal_capacity(core->wal) / KQ_DISK_PARTS;
	u32 parts = part ? div64_u64(kq_wal_used(core->wal), part) : 0;

	if (core->disk_part == parts)
		return;
	core->disk_part = parts;
	core->events |= KQUORUM_EVENT_DISK;
}

static u32 disk_state_by_room(struct kq_core *core)
{
	u64 capacity = kq_wal_capacity(core->wal);

	core->log_full = !kq_disk_has_room(core, KQ_WAL_BLOCK, KQ_WAL_ROOM_CLIENT);
	if (core->log_full)
		return KQUORUM_DISK_FULL;
	return kq_wal_used(core->wal) > capacity - capacity / 4 ? KQUORUM_DISK_LOW :
		KQUORUM_DISK_OK;
}

/**
 * kq_disk_has_room() - is there room on disk for one more entry?
 * @core: the core
 * @bytes: of its record
 * @room: how much of the reserve it may use
 *
 * Return: true if so, after what waits to be written.
 */
bool kq_disk_has_room(const struct kq_core *core, u32 bytes, enum kq_wal_room room)
{
	return kq_wal_has_room(core->wal, core->log.bytes - core->written_bytes + bytes, room);
}

/**
 * kq_room_of() - how much of the reserve an entry may use that is not a client's any more
 * @type: enum kquorum_entry_type
 *
 * The start of a term is worth all of it: without it nobody leads. Nor may a log that is full of
 * other things keep anybody from changing who has to store it.
 *
 * Return: its class.
 */
enum kq_wal_room kq_room_of(u16 type)
{
	switch (type) {
	case KQ_ENTRY_NOOP:
		return KQ_WAL_ROOM_VOTE;
	case KQ_ENTRY_CONF:
		return KQ_WAL_ROOM_CONF;
	default:
		return KQ_WAL_ROOM_INTERNAL;
	}
}

static int disk_encode(struct kq_core *core, struct kq_batch **batch)
{
	struct kq_entry *entries[64];
	u32 count = 0;
	u64 i;

	core->hs.commit = core->commit;
	if (core->restart_at)
		return kq_wal_encode_restart(core->wal, &core->hs, KQ_WAL_ROOM_VOTE, batch);
	for (i = core->write_next; i <= core->log.last && count < ARRAY_SIZE(entries); i++)
		entries[count++] = kq_log_get(&core->log, i);
	if (core->state == KQUORUM_NODE_DAMAGED) {
		int err = core->repair.first ? kq_repair_encode(core, batch) : -ENOSPC;

		return err != -ENOSPC || core->hs_version == core->hs_durable ? err :
			kq_wal_encode(core->wal, &core->hs, NULL, 0, 0, KQ_WAL_ROOM_VOTE, batch);
	}
	/* What was let into the log is written, from the reserve if it must be. */
	if (count) {
		u64 base_term = kq_log_term(&core->log, core->write_next - 1);
		int err = kq_wal_encode(core->wal, &core->hs, entries, count, base_term,
					KQ_WAL_ROOM_VOTE, batch);

		if (err != -ENOSPC || core->hs_version == core->hs_durable)
			return err;
	}
	/* Peers come and go: what is reserved for votes is not for them. A snapshot makes room. */
	return kq_wal_encode(core->wal, &core->hs, NULL, 0, 0,
			     core->hs_said > core->hs_durable || core->snap_version ?
			     KQ_WAL_ROOM_VOTE : KQ_WAL_ROOM_INTERNAL, batch);
}

/**
 * kq_disk_pump() - give the disk its next write, unless one is under way
 * @core: the core
 *
 * What gathered during the last write is the next batch: the only batching rule.
 */
void kq_disk_pump(struct kq_core *core)
{
	struct kq_batch *batch = NULL;
	int err;

	if (core->batch || !kq_is_up(core) || core->cfg.survivor)
		return;
	if (core->scrub.first && !core->restart_at && kq_scrub_encode(core, &batch))
		return;		/* the next tick tries again */
	if (!batch && core->write_next > core->log.last && core->hs_version == core->hs_durable &&
	    !core->repair.first)
		return;
	err = batch ? 0 : disk_encode(core, &batch);
	if (err == -ENOMEM)
		return;		/* the next tick tries again */
	if (err == -ENOSPC) {
		if (core->state == KQUORUM_NODE_RUNNING)
			disk_set_state(core, KQUORUM_DISK_FULL);
		return;
	}
	if (err == -EUCLEAN && core->state == KQUORUM_NODE_DAMAGED)
		return;		/* vote unknown: nothing more is ever said */
	if (err) {
		kq_core_fail(core, err, "the log cannot be continued");
		return;
	}
	batch->hs_version = core->hs_version;
	if (batch->first) {
		KQ_ASSERT(core, batch->first == core->write_next);
		while (core->write_next <= batch->last) {
			const struct kq_entry *e = kq_log_get(&core->log, core->write_next++);

			core->written_bytes += kq_record_size(kq_entry_len(e));
		}
	}
	core->counters.entries += batch->entries;
	core->counters.batches++;
	core->batch = batch;
	core->batch_taken = false;
	core->batch_since_ns = core->now_ns;
	if (KQ_BREAK(FLUSH) && batch->first) {
		core->durable = batch->last;
		if (kq_is_leader(core))
			kq_leader_commit(core);
		else
			kq_follow_durable(core);
	}
}

/**
 * kq_disk_probe() - an idle leader shows that its disk still answers
 * @core: the core, leader
 */
void kq_disk_probe(struct kq_core *core)
{
	struct kq_batch *batch;

	if (core->batch || core->now_ns - core->disk_idle_ns < kq_ms(core->eff.count_ms) / 2)
		return;
	if (kq_wal_encode_probe(core->wal, &batch))
		return;
	batch->hs_version = core->hs_durable;
	core->batch = batch;
	core->batch_taken = false;
	core->batch_since_ns = core->now_ns;
}

/**
 * kq_disk_watch() - how is the disk, and how long has its write been under way?
 * @core: the core
 *
 * A leader whose disk hangs must fall silent: a heartbeat says that it can commit.
 */
void kq_disk_watch(struct kq_core *core)
{
	bool late = core->batch && !KQ_BREAK(DISK_HANGS) &&
		core->now_ns - core->batch_since_ns > kq_ms(core->eff.count_ms);

	if (core->state != KQUORUM_NODE_RUNNING)
		return;
	disk_tell_use(core);
	if (late && core->disk_state != KQUORUM_DISK_SLOW) {
		disk_set_state(core, KQUORUM_DISK_SLOW);
		if (kq_is_leader(core)) {
			kq_trace(core, "steps down: disk hangs");
			kq_become_follower(core, core->hs.term, 0);
		}
	} else if (!late) {
		disk_set_state(core, disk_state_by_room(core));
	}
}

/**
 * kq_core_disk_done() - a write of the log ended
 * @core: the core
 * @now_ns: the clock
 * @batch: what kq_core_take_batch() gave; freed here
 * @error: 0 or negative errno. The first one latches: the log is never trusted again
 */
void kq_core_disk_done(struct kq_core *core, u64 now_ns, struct kq_batch *batch, s32 error)
{
	bool repaired;

	core->now_ns = now_ns;
	if (!KQ_ASSERT(core, batch == core->batch))
		return;
	core->batch = NULL;
	core->disk_ns = now_ns - core->batch_since_ns;
	core->disk_idle_ns = now_ns;
	if (error && !KQ_BREAK(WRITE_ERROR)) {
		char why[120];

		snprintf(why, sizeof(why),
			 "log write failed: segment %u offset %llu: error %d", batch->slot,
			 (unsigned long long)batch->offset, -error);
		core->disk_error = error;
		core->disk_state = KQUORUM_DISK_FAILED;
		kq_core_fail(core, error, why);
		kq_batch_free(batch);
		return;
	}
	if (core->hs_durable < batch->hs_version)
		core->hs_durable = batch->hs_version;
	core->durable_term = max(core->durable_term, batch->term);
	if (batch->first && batch->last >= batch->first) {
		KQ_ASSERT(core, batch->last > core->durable || KQ_BREAK(FLUSH));
		KQ_ASSERT(core, kq_log_term(&core->log, batch->last) == batch->last_term);
		core->durable = batch->last;
	}
	/* Unless yet another snapshot has been installed since. */
	if (batch->restart && core->restart_at == batch->last) {
		core->durable = batch->last;
		core->restart_at = 0;
	}
	repaired = batch->repaired;
	kq_batch_free(batch);
	if (!kq_is_up(core))
		return;
	if (repaired)
		kq_repair_written(core);
	kq_snap_settle(core);
	kq_scrub_settle(core);
	kq_trim(core);
	kq_disk_watch(core);
	kq_held_release(core);
	kq_vote_tick(core);
	if (kq_is_leader(core))
		kq_leader_commit(core);
	else
		kq_follow_durable(core);
	kq_disk_pump(core);
}

/**
 * kq_core_take_batch() - the write that is to be done now
 * @core: the core
 *
 * Return: a batch, given once, to be answered by kq_core_disk_done(); or NULL.
 */
struct kq_batch *kq_core_take_batch(struct kq_core *core)
{
	if (!core->batch || core->batch_taken)
		return NULL;
	core->batch_taken = true;
	return core->batch;
}

