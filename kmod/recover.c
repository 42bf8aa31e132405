// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery: a work reads the segments into the core, which it has for itself: only its
 * configuration is looked at by others meanwhile.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>
#include "node.h"
#include "snapshot.h"
#include "trace.h"

#define KQ_RECOVER_AGAIN_MS	100

static int scan_headers(struct kq_node *node, void *buf, u32 *slot)
{
	int err;

	for (*slot = 0; *slot < node->cfg.segments; (*slot)++) {
		err = kq_disk_read(&node->disk, *slot, buf, KQ_WAL_HEAD_BYTES, &node->cancel);
		if (!err)
			err = kq_wal_scan_header(node->core->wal, *slot, buf);
		if (err)
			return err;
	}
	return 0;
}

static int scan_segments(struct kq_node *node, void *buf, u32 *slot)
{
	u32 len = node->cfg.segment_bytes;
	int next, err;

	while ((next = kq_wal_next_segment(node->core->wal)) >= 0) {
		*slot = next;
		err = kq_disk_read(&node->disk, next, buf, len, &node->cancel);
		if (!err)
			err = kq_wal_scan_segment(node->core->wal, next, buf, len,
						  kq_core_recover_entry, node->core);
		if (err)
			return err;
		cond_resched();
	}
	return next == -ENOENT ? 0 : next;
}

/* It is of another size: says what that may mean. One that cannot be read says nothing. */
static void say_size(struct file *file, loff_t bytes, const struct kq_snap_ref *ref, char *why,
		     size_t size)
{
	struct kq_snap_head head;
	loff_t pos = 0;
	ssize_t got = kernel_read(file, &head, sizeof(head), &pos);

	if (got == min_t(loff_t, bytes, sizeof(head)))
		kq_snap_say_size(ref, &head, got, bytes, why, size);
}

/* Is @file the snapshot that the log refers to? Returns -ESTALE: it is another one. */
static int restore_from(struct kq_node *node, struct file *file, const struct kq_wal_report *report,
			char *why, size_t size)
{
	loff_t bytes = i_size_read(file_inode(file));
	struct kq_restore *rs;
	int err;

	if (bytes != (loff_t)report->hs.snap.bytes) {
		say_size(file, bytes, &report->hs.snap, why, size);
		return -ESTALE;
	}
	rs = kq_restore_create(&node->cfg, kq_clock());
	if (!rs)
		return -ENOMEM;
	err = kq_snapshot_restore(node, file, rs, NULL, NULL);
	if (!err)
		err = kq_core_restore(node->core, rs, report);
	if (err == -EUCLEAN)
		strscpy(why, "the log does not go with it", size);
	else if (err && err != -ESTALE)
		strscpy(why, *kq_restore_why(rs) ? kq_restore_why(rs) : "it cannot be read", size);
	kq_restore_free(rs);
	return err;
}

/* The state at the log's beginning. Without it the node starts, and says what is wrong. */
static int restore_snapshot(struct kq_node *node, const struct kq_wal_report *report)
{
	const struct kq_snap_ref *ref = &report->hs.snap;
	char why[120] = "", text[sizeof(why) + 40];
	u32 i;

	if (!ref->index)
		return 0;
	for (i = 0; i < KQUORUM_MAX_SNAPSHOT_FDS && node->snapshots[i]; i++) {
		int err = restore_from(node, node->snapshots[i], report, why, sizeof(why));

		if (!err || err == -ENOMEM || err == -EINTR)
			return err;
	}
	snprintf(text, sizeof(text), "that of index %llu: %s", ref->index,
		 why[0] ? why : "its file is missing");
	kq_core_restore_failed(node->core, text);
	return 0;
}

/* A log that has not begun: with what does it? Returns 0 with @node->begin, or an error. */
static int read_seed(struct kq_node *node, struct kq_wal_report *report)
{
	struct kq_restore *rs = kq_restore_create(&node->cfg, kq_clock());
	int err = rs ? kq_snapshot_restore(node, node->snapshots[0], rs, NULL, NULL) : -ENOMEM;

	if (err && err != -ENOMEM)
		snprintf(report->reason, sizeof(report->reason), "the snapshot to begin with: %s",
			 *kq_restore_why(rs) ? kq_restore_why(rs) : "it cannot be read");
	if (err)
		kq_restore_free(rs);
	else
		node->begin = rs;
	return err;
}

/* Returns 0 with @report, or an error with its reason. */
static int scan(struct kq_node *node, struct kq_wal_report *report)
{
	void *buf = __vmalloc(node->cfg.segment_bytes, GFP_KERNEL | __GFP_NOWARN);
	u32 slot = 0;
	int err, end;

	if (!buf) {
		snprintf(report->reason, sizeof(report->reason),
			 "no memory to read a segment of %u bytes", node->cfg.segment_bytes);
		return -ENOMEM;
	}
	err = scan_headers(node, buf, &slot);
	if (!err)
		err = scan_segments(node, buf, &slot);
	vfree(buf);
	end = kq_wal_scan_end(node->core->wal, report);
	if (err && !report->reason[0])
		snprintf(report->reason, sizeof(report->reason),
			 "segment %u cannot be read: error %d", slot, -err);
	if (!err && !end)
		end = node->seed && kq_core_is_blank(node->core, report) ?
			read_seed(node, report) : restore_snapshot(node, report);
	if (end == -ENOMEM && !report->reason[0])
		snprintf(report->reason, sizeof(report->reason), "no memory for the snapshot");
	return err ? err : end;
}

/**
 * kq_node_drop_snapshots() - recovery needs them no more
 * @node: the node; nobody else looks at them
 */
void kq_node_drop_snapshots(struct kq_node *node)
{
	u32 i;

	for (i = 0; i < KQUORUM_MAX_SNAPSHOT_FDS && node->snapshots[i]; i++) {
		fput(node->snapshots[i]);
		node->snapshots[i] = NULL;
	}
}

/* What recovery has put into the core is dropped: a new one takes its place. */
static int start_over(struct kq_node *node)
{
	struct kq_core *core = kq_core_create(&node->cfg);

	if (!core)
		return -ENOMEM;
	core->trace_ctx = node;
	memcpy(core->founder, node->core->founder, sizeof(core->founder));
	mutex_lock(&node->lock);
	swap(node->core, core);
	mutex_unlock(&node->lock);
	kq_core_destroy(core);
	return 0;
}

/* Returns false: the node goes down. */
static bool wait_for_memory(struct kq_node *node)
{
	do {
		msleep(KQ_RECOVER_AGAIN_MS);
		if (READ_ONCE(node->cancel))
			return false;
	} while (start_over(node));
	return true;
}

/* Want of memory passes; a node that it made fail would stay out until somebody starts it anew. */
static int scan_with_patience(struct kq_node *node, struct kq_wal_report *report)
{
	int err = scan(node, report);

	if (err == -ENOMEM)
		pr_warn("%s/%s: %s: trying again\n", node->cluster,
			node->member[node->cfg.self].name, report->reason);
	while (err == -ENOMEM && wait_for_memory(node)) {
		memset(report, 0, sizeof(*report));
		err = scan(node, report);
	}
	return err;
}

static void recovery_failed(struct kq_step *step, int err, const char *why)
{
	kq_trace_call_bytes(step->node, KQ_TRACE_FAIL, -err, why, strlen(why));
	kq_core_fail(step->core, err, why);
}

static void recovery_seeded(struct kq_step *step, const struct kq_wal_report *report)
{
	struct kq_restore *rs = step->node->begin;
	int err;

	kq_trace_snapshot(step->node, KQ_TRACE_SEED, kq_restore_ref(rs));
	err = kq_core_seed(step->core, step->now, rs, report);
	if (err)
		recovery_failed(step, err, "the snapshot to begin with was not made for this node");
}

static void recovery_done(struct kq_step *step, const struct kq_wal_report *report)
{
	kq_trace_call(step->node, KQ_TRACE_START, 0, 0, 0);
	kq_core_start(step->core, step->now, report);
}

/**
 * kq_node_recover() - read the log and start
 * @work: of the node, with a reference to it
 */
void kq_node_recover(struct work_struct *work)
{
	struct kq_node *node = container_of(work, struct kq_node, recover);
	struct kq_wal_report *report = kzalloc(sizeof(*report), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int noio = memalloc_noio_save();
	int err = scan_with_patience(node, report);
	struct kq_step step;

	kq_disk_release(&node->disk);
	kq_node_drop_snapshots(node);
	if (kq_node_enter_recovered(node, &step)) {
		kq_core_destroy(node->core);
		node->core = NULL;
	} else if (READ_ONCE(node->cancel)) {
		kq_node_leave(&step);
		kq_node_kill(node);
	} else {
		kq_trace_recovered(node, err, report);
		if (err)
			recovery_failed(&step, err, report->reason);
		else if (node->begin)
			recovery_seeded(&step, report);
		else
			recovery_done(&step, report);
		kq_node_leave(&step);
	}
	kq_restore_free(node->begin);
	node->begin = NULL;
	memalloc_noio_restore(noio);
	kfree(report);
	kq_node_put(node);
}
