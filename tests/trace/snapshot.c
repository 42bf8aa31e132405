// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots. What is in them is not in the trace: where a node saves one, its core here does, in
 * the same pieces, and what comes out must be the same. Whoever adopts or installs one, or starts
 * with it, names it to the byte, and gets what came out here.
 */
#include "replay.h"

static struct sim_file *files;
static u32 file_count, file_room;

static const struct sim_file *file_find(const struct kq_snap_ref *ref)
{
	u32 i;

	for (i = 0; i < file_count; i++)
		if (kq_snap_same(&files[i].ref, ref))
			return &files[i];
	return NULL;
}

static void file_keep(struct sim_node *n)
{
	if (file_count == file_room) {
		file_room = file_room ? 2 * file_room : 16;
		files = realloc(files, file_room * sizeof(*files));
		if (!files)
			abort();
	}
	kq_core_save_ref(n->save, &n->saving.ref);
	files[file_count++] = n->saving;
	n->saving = (struct sim_file){};
}

/**
 * snapshot_begin() - the node begins to save
 * @n: the node
 *
 * Return: what the core returns.
 */
int snapshot_begin(struct sim_node *n)
{
	struct kq_save *save;
	int err;

	save = kq_core_save_begin(n->core, &err);
	if (save) {
		n->save = save;
		n->saving = (struct sim_file){ .by = n->id };
	}
	return err;
}

/**
 * snapshot_next() - a piece of it comes out
 * @s: the world
 * @n: the node
 * @e: says how much there was room for
 * @value: how much there came, and its CRC
 *
 * Return: 0, or the core's error.
 */
int snapshot_next(struct sim *s, struct sim_node *n, const struct event *e, u64 *value)
{
	struct sim_file *f = &n->saving;
	int got;

	if (!n->save)
		node_differs(s, e, "a piece of a snapshot comes out that was not begun");
	f->data = realloc(f->data, f->len + e->a);
	if (!f->data)
		abort();
	got = kq_core_save_next(n->core, n->save, f->data + f->len, e->a);
	if (!got) {
		file_keep(n);
		s->st.saved++;
	}
	if (got <= 0)
		return got;
	*value = got | (u64)kq_crc(0, f->data + f->len, got) << 32;
	f->len += got;
	return 0;
}

/* The one that the event names. */
static const struct sim_file *named(struct sim *s, const struct event *e)
{
	const struct kq_snap_ref ref = {
		.index = event_word(e, 0), .term = event_word(e, 1),
		.bytes = event_word(e, 2), .crc = event_word(e, 3),
	};
	const struct sim_file *f = file_find(&ref);

	if (e->len != 4 * 8)
		trace_bad(e->line, "no snapshot that this program understands");
	if (!f)
		node_differs(s, e, "no core has saved the snapshot of index %llu with %llu bytes and the checksum %08x",
			     (unsigned long long)ref.index, (unsigned long long)ref.bytes,
			     ref.crc);
	return f;
}

static struct kq_restore *restore(struct sim *s, struct sim_node *n, const struct event *e)
{
	const struct sim_file *f = named(s, e);
	struct kq_restore *rs = kq_restore_create(&n->core->cfg, s->now);

	if (!rs)
		abort();
	if (kq_restore_feed(rs, f->data, f->len) || kq_restore_finish(rs))
		sim_fail(s, n, "the snapshot of index %llu, saved by node %u, cannot be restored: %s",
			 (unsigned long long)f->ref.index, f->by, kq_restore_why(rs));
	return rs;
}

/**
 * snapshot_adopt() - one of the node's own is finished
 * @s: the world
 * @n: the node
 * @e: names it
 *
 * Return: what the core returns.
 */
int snapshot_adopt(struct sim *s, struct sim_node *n, const struct event *e)
{
	int err = kq_core_snapshot_done(n->core, s->now, &named(s, e)->ref);

	replayed.adopted += !err;
	return err;
}

/**
 * snapshot_install() - one of another node takes the place of its state
 * @s: the world
 * @n: the node
 * @e: names it
 *
 * Return: what the core returns.
 */
int snapshot_install(struct sim *s, struct sim_node *n, const struct event *e)
{
	struct kq_restore *rs = restore(s, n, e);
	int err = kq_core_install(n->core, s->now, rs);

	if (!err) {
		n->installed = kq_restore_ref(rs)->index;
		s->st.installed++;
	}
	kq_restore_free(rs);
	return err;
}

/**
 * snapshot_restored() - the node starts with it
 * @s: the world
 * @n: the node, not started
 * @e: names it
 * @rep: how recovery went here
 */
void snapshot_restored(struct sim *s, struct sim_node *n, const struct event *e,
		       const struct kq_wal_report *rep)
{
	struct kq_restore *rs = restore(s, n, e);
	int err = kq_core_restore(n->core, rs, rep);

	if (err)
		node_differs(s, e, "it starts with a snapshot that does not go with its log: error %d",
			     -err);
	kq_restore_free(rs);
	s->st.restored++;
}
