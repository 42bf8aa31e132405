// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: what the daemon of each node does with them. It saves, in small pieces with pauses,
 * so that commands come between; writes a file, and tells the core when that is safe; removes what
 * is not needed any more; sends the newest one to whoever needs it, and has the core install what
 * comes. A crash may come between any two of these.
 */
#include "disk.h"
#include "sim.h"

static struct sim_file *file_of(struct sim_node *n, const struct kq_snap_ref *ref)
{
	u32 i;

	for (i = 0; i < SIM_FILES; i++)
		if (n->file[i].data && kq_snap_same(&n->file[i].ref, ref))
			return &n->file[i];
	return NULL;
}

static void file_drop(struct sim_file *f)
{
	free(f->data);
	*f = (struct sim_file){};
}

/* Only the newest that is in use is needed, and what is newer still. */
static void clean_up(struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_FILES; i++)
		if (n->file[i].data && n->file[i].ref.index < n->core->snap.index)
			file_drop(&n->file[i]);
}

/*
 * Does the log refer to it, on the disk or in a write under way, or soon will? (The daemon keeps
 * whatever is newer than the one in use.)
 */
static bool is_named(const struct sim_node *n, const struct kq_snap_ref *ref)
{
	if (ref->index == n->durable_snap || (n->batch && ref->index == disk_batch_snap(n->batch)))
		return true;
	return kq_snap_same(ref, &n->core->snap) || kq_snap_same(ref, &n->core->hs.snap) ||
		kq_snap_same(ref, &n->core->snap_next);
}

static bool file_put(struct sim_node *n, const u8 *data, u32 len, const struct kq_snap_ref *ref)
{
	u32 i;

	if (file_of(n, ref))
		return true;
	/* What was left behind by a daemon that died goes, where there is no room. */
	for (i = 0; i < SIM_FILES && n->file[i].data; i++)
		;
	if (i == SIM_FILES)
		for (i = 0; i < SIM_FILES; i++)
			if (!is_named(n, &n->file[i].ref))
				file_drop(&n->file[i]);
	for (i = 0; i < SIM_FILES; i++) {
		struct sim_file *f = &n->file[i];

		if (f->data)
			continue;
		f->data = sim_calloc(1, len);
		memcpy(f->data, data, len);
		f->len = len;
		f->ref = *ref;
		return true;
	}
	return false;		/* no room on this disk */
}

/* Whoever kills the daemon ends its save, and what was being received. */
void snap_daemon_gone(struct sim_node *n)
{
	kq_core_save_end(n->core, n->save);
	n->save = NULL;
	file_drop(&n->saving);
	file_drop(&n->arriving);
}

/* The files of @n are those that were copied, or none. */
void snap_files(struct sim_node *n, struct sim_file *to, const struct sim_file *from)
{
	u32 i;

	(void)n;
	for (i = 0; i < SIM_FILES; i++) {
		file_drop(&to[i]);
		if (!from || !from[i].data)
			continue;
		to[i] = from[i];
		to[i].data = sim_calloc(1, from[i].len);
		memcpy(to[i].data, from[i].data, from[i].len);
	}
}

/* Its snapshots are gone. Where the log begins with its first entry that is no matter. */
void snap_lose(struct sim *s, struct sim_node *n)
{
	snap_files(n, n->file, NULL);
	n->lost = true;
	s->st.damaged++;
	sim_trace(s, n, "its snapshots are gone");
}

/* --- restoring ------------------------------------------------------------------------- */

static struct kq_restore *restore(struct sim *s, struct sim_node *n, const struct sim_file *f,
				  u64 now, int *err)
{
	struct kq_restore *rs = kq_restore_create(&n->core->cfg, now);
	u32 at, len;

	*err = rs ? 0 : -ENOMEM;
	for (at = 0; !*err && at < f->len; at += len) {
		len = min(f->len - at, 1 + (u32)sim_below(s, 8000));
		*err = kq_restore_feed(rs, f->data + at, len);
	}
	if (!*err)
		*err = kq_restore_finish(rs);
	if (*err && *err != -ENOMEM)
		sim_fail(s, n, "the snapshot of index %llu, saved by node %u, cannot be restored: %s",
			 (unsigned long long)f->ref.index, f->by, kq_restore_why(rs));
	if (!*err && !kq_snap_same(kq_restore_ref(rs), &f->ref))
		sim_fail(s, n, "a snapshot is another than it was saved as");
	if (!*err)
		return rs;
	kq_restore_free(rs);
	return NULL;
}

/* At a start, with what recovery found. Returns -ENOMEM: later. */
int snap_start(struct sim *s, struct sim_node *n, const struct kq_wal_report *rep)
{
	struct sim_file *f = rep->hs.snap.index ? file_of(n, &rep->hs.snap) : NULL;
	struct kq_restore *rs;
	int err;

	n->durable_snap = rep->hs.snap.index;
	if (!rep->hs.snap.index)
		return 0;
	if (!f && rep->health != KQ_WAL_DAMAGED && !n->lost)
		sim_fail(s, n, "its log refers to the snapshot of %llu, which is not there",
			 (unsigned long long)rep->hs.snap.index);
	if (!f) {
		kq_core_restore_failed(n->core, "its file is missing");
		return 0;
	}
	rs = restore(s, n, f, 0, &err);
	if (!rs)
		return err;
	err = kq_core_restore(n->core, rs, rep);
	kq_restore_free(rs);
	if (err && rep->health != KQ_WAL_DAMAGED)
		sim_fail(s, n, "the snapshot of %llu does not go with the log: %d",
			 (unsigned long long)rep->hs.snap.index, err);
	s->st.restored += !err;
	return 0;
}

/* Entries that it may have acknowledged are missing: a snapshot that is given to it has them. */
static void check_covers(struct sim *s, struct sim_node *n, bool missing)
{
	const struct kq_wal_report *rep = &n->core->report;

	if (missing && n->core->log.last < rep->claimed_index &&
	    rep->claimed_index <= s->log_count &&
	    s->log[rep->claimed_index].term == rep->claimed_term)
		sim_fail(s, n, "takes the snapshot of %llu for entries up to %llu that it acknowledged",
			 (unsigned long long)n->arriving.ref.index,
			 (unsigned long long)rep->claimed_index);
}

/* Its connection to @from may be gone by now: what has arrived whole has arrived. */
void snap_install(struct sim *s, struct sim_node *n)
{
	struct kq_restore *rs;
	int err;

	if (!n->arriving.data)
		return;
	if (!n->daemon || !file_put(n, n->arriving.data, n->arriving.len, &n->arriving.ref)) {
		file_drop(&n->arriving);
		return;
	}
	rs = restore(s, n, &n->arriving, sim_clock(s, n), &err);
	if (rs && sim_chance(s, 90)) {
		bool missing = n->core->log.missing;

		err = kq_core_install(n->core, sim_clock(s, n), rs);
		sim_trace(s, n, "is given the snapshot of %llu: %d",
			  (unsigned long long)n->arriving.ref.index, err);
		s->st.installed += !err;
		if (!err) {
			n->installed = n->arriving.ref.index;
			check_covers(s, n, missing);
		}
	}
	kq_restore_free(rs);
	if (err && !is_named(n, &n->arriving.ref))
		file_drop(file_of(n, &n->arriving.ref));
	file_drop(&n->arriving);
	node_out(s, n);
}

/* --- saving ---------------------------------------------------------------------------- */

/* Somebody needs one that is newer than what there is. */
static bool wants_newer(const struct kq_core *c)
{
	u32 id;

	kq_for_each_node(KQ_NODES_BITS, id)
		if (kq_core_needs_snapshot(c, id) && c->peer[id].snap_index > c->snap.index)
			return c->applied > c->snap.index;
	return false;
}

static bool shall_save(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;

	if (wants_newer(c))
		return true;
	if (kq_wal_used(c->wal) > kq_wal_capacity(c->wal) / 4 && c->applied > c->snap.index + 8)
		return true;
	return sim_below(s, s->d.snap_ms) < SIM_SNAP_MS;
}

static void save_begin(struct sim *s, struct sim_node *n)
{
	int err;

	n->save = kq_core_save_begin(n->core, &err);
	if (!n->save)
		return;
	n->saving = (struct sim_file){ .by = n->id };
	sim_trace(s, n, "saves at %llu", (unsigned long long)n->core->applied);
}

static void save_done(struct sim *s, struct sim_node *n)
{
	static struct kq_snap_reader r;
	int err;

	kq_core_save_ref(n->save, &n->saving.ref);
	kq_core_save_end(n->core, n->save);
	n->save = NULL;
	/* The module reads it before it relies on it. */
	kq_snap_reader_init(&r, 0, 0);
	kq_snap_read(&r, n->saving.data, n->saving.len, NULL, NULL);
	if (kq_snap_read_end(&r))
		sim_fail(s, n, "what it saved at index %llu cannot be read: %s",
			 (unsigned long long)n->saving.ref.index, r.why);
	if (!kq_snap_same(&r.ref, &n->saving.ref))
		sim_fail(s, n, "what it saved is not what it says");
	clean_up(n);
	if (!file_put(n, n->saving.data, n->saving.len, &n->saving.ref))
		return;
	file_of(n, &n->saving.ref)->by = n->id;
	s->st.saved++;
	if (sim_chance(s, 5))		/* a daemon that dies here leaves a file behind */
		return;
	err = kq_core_snapshot_done(n->core, sim_clock(s, n), &n->saving.ref);
	if (err && !is_named(n, &n->saving.ref))
		file_drop(file_of(n, &n->saving.ref));
}

static void save_piece(struct sim *s, struct sim_node *n)
{
	u8 buf[2048];
	u32 len = 1 + sim_below(s, sim_chance(s, 50) ? sizeof(buf) : 200);
	int got = kq_core_save_next(n->core, n->save, buf, len);

	if (got > 0) {
		n->saving.data = realloc(n->saving.data, n->saving.len + got);
		if (!n->saving.data)
			abort();
		memcpy(n->saving.data + n->saving.len, buf, got);
		n->saving.len += got;
		return;
	}
	if (got == -EAGAIN)
		return;
	if (!got)
		save_done(s, n);
	else
		kq_core_save_end(n->core, n->save);
	n->save = NULL;
	file_drop(&n->saving);
}

/* --- sending --------------------------------------------------------------------------- */

static void ship(struct sim *s, struct sim_node *n, struct sim_node *to)
{
	struct sim_file *f = file_of(n, &n->core->snap);
	u32 here = sim_at(s, n), there = sim_at(s, to);

	if (to->arriving.data || !to->up || !to->daemon || !f ||
	    f->ref.index < n->core->peer[to->id].snap_index || !n->side[there].up ||
	    !to->side[here].up || s->pipe[here][there].blocked || disk_beyond_repair(to) ||
	    to->set_back)
		return;
	to->arriving = *f;
	to->arriving.data = sim_calloc(1, f->len);
	memcpy(to->arriving.data, f->data, f->len);
	sim_trace(s, n, "sends the snapshot of %llu to node %u", (unsigned long long)f->ref.index,
		  to->id);
	sim_push(s, s->now + SIM_MS + sim_about(s, 1 + s->d.ship_ms * SIM_MS), EV_INSTALL, there,
		 0, to->life);
}

/* The daemon's turn. */
void snap_step(struct sim *s, struct sim_node *n)
{
	u32 i;

	sim_push(s, s->now + SIM_SNAP_MS * SIM_MS / 2 + sim_below(s, SIM_SNAP_MS * SIM_MS),
		 EV_SNAP, sim_at(s, n), 0, n->life);
	if (!n->daemon) {
		snap_daemon_gone(n);
		return;
	}
	if (n->save)
		save_piece(s, n);
	else if (shall_save(s, n))
		save_begin(s, n);
	clean_up(n);
	for (i = 1; i <= s->d.nodes; i++)
		if (kq_core_needs_snapshot(n->core, i))
			ship(s, n, sim_peer(s, n, i));
	node_out(s, n);
}

/* After each call of the core: nothing is recycled that the disk does not say it may be. */
void snap_check(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;

	if (n->lost && c->snap.index && file_of(n, &c->snap))
		n->lost = false;
	if (c->snap.index > n->durable_snap)
		sim_fail(s, n, "uses the snapshot of %llu, on its disk is that of %llu",
			 (unsigned long long)c->snap.index, (unsigned long long)n->durable_snap);
	/* A log beyond repair may begin where a torn batch says: nobody uses it. */
	if (c->log.base_index > max(n->durable_snap, n->installed) && !disk_beyond_repair(n))
		sim_fail(s, n, "has dropped entries up to %llu, on its disk is the snapshot of %llu",
			 (unsigned long long)c->log.base_index,
			 (unsigned long long)n->durable_snap);
	if (c->log.base_index && c->log.base_index <= s->log_count &&
	    c->log.base_term != s->log[c->log.base_index].term && c->state != KQUORUM_NODE_DAMAGED &&
	    c->log.base_index >= n->core->snap.index)
		sim_fail(s, n, "its log goes on behind entry %llu of term %llu, term %llu was committed",
			 (unsigned long long)c->log.base_index,
			 (unsigned long long)c->log.base_term,
			 (unsigned long long)s->log[c->log.base_index].term);
}
