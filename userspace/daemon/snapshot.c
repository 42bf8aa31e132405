// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: what follows from a status. Each part looks for itself whether there is something for
 * it to do; nothing is remembered that the status or the directory tells.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"

/* A node that lost its own snapshot needs one that is no older. */
static uint64_t snapshot_needed(const struct kqd *d)
{
	uint64_t needed = 0;
	unsigned int i;

	for (i = 0; i < d->st.n_peers; i++)
		if (d->st.peers[i].needs > needed)
			needed = d->st.peers[i].needs;
	return needed;
}

static void snapshot_policy(struct kqd *d)
{
	const struct kqd_ref *used = &d->st.snapshot;
	struct kqd_policy_input in = {
		.log_percent = d->config.snapshot_percent,
		.entries = d->config.snapshot_entries,
		.capacity = d->st.log_capacity,
		.used = d->st.log_used,
		.full = d->st.disk_state == KQUORUM_DISK_FULL,
		.applied = d->st.applied,
		.index = used->index,
		.needed = snapshot_needed(d),
		.by_hand = d->snap.by_hand,
		.lost = d->snap.lost || (d->snap.damaged && d->snap.damaged == used->index),
	};
	enum kqd_policy_why why = kqd_policy_step(&d->snap.policy, &in);

	if (d->snap.by_hand && in.applied <= in.index) {
		kqd_info("no snapshot saved: the one in use is of this very state");
		d->snap.by_hand = false;
	}
	if (why == KQD_POLICY_NOT || !kqd_save_may_start(d))
		return;
	kqd_save_start(d, why);
	if (d->snap.save.from >= 0)
		d->snap.by_hand = false;
}

/**
 * kqd_snapshot_update() - do what there is to do
 * @d: with a new status
 */
void kqd_snapshot_update(struct kqd *d)
{
	if (d->loop.stop)
		return;
	if (!kqd_node_serves(d)) {
		kqd_ship_drop(d);
		kqd_receive_drop(d);
		return;
	}
	if (!kqd_files_update(d))
		return;
	kqd_ship_update(d);
	kqd_receive_update(d);
	kqd_settle_update(d);
	if (d->st.state == KQUORUM_NODE_RUNNING)
		snapshot_policy(d);
}

/**
 * kqd_snapshot_request() - somebody wants one now
 * @d: the daemon; a refresh has to follow
 */
void kqd_snapshot_request(struct kqd *d)
{
	d->snap.by_hand = true;
	d->snap.save.not_before_ns = 0;
}

/**
 * kqd_snapshot_note() - have the status say what is wrong with snapshots here
 * @d: the daemon
 * @why: for a person; "": nothing any more
 */
void kqd_snapshot_note(struct kqd *d, const char *why)
{
	kqd_own_note(d, KQD_OWN_SNAPSHOT, why);
}

/**
 * kqd_snapshot_drop() - the node is gone, and perhaps its directory with it
 * @d: the daemon
 */
void kqd_snapshot_drop(struct kqd *d)
{
	kqd_ship_drop(d);
	kqd_receive_drop(d);
	kqd_settle_drop(d);
	kqd_save_drop(d);
	memset(&d->snap.policy, 0, sizeof(d->snap.policy));
	d->snap.by_hand = false;
	d->snap.lost = false;
	d->snap.damaged = 0;
	d->snap.files.stale = true;
	d->snap.files.n_refused = 0;
}

/**
 * kqd_snapshot_init() - nothing is under way
 * @d: with its settings
 */
void kqd_snapshot_init(struct kqd *d)
{
	/* A file that may not grow any more is an error like any other. */
	signal(SIGXFSZ, SIG_IGN);
	kqd_files_init(d);
	kqd_save_init(d);
	kqd_settle_init(d);
	kqd_ship_init(d);
}
