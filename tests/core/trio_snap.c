// SPDX-License-Identifier: GPL-2.0
/* Snapshots among three nodes: see trio_snap.h. */
#include "trio_snap.h"

struct image im;

int trio_snap_setup(void **state)
{
	struct trio *t;
	uint32_t i;
	int err;

	kq_alloc_live = 0;	/* what a test that failed left behind is not this one's */
	err = trio_setup(state);
	t = *state;

	for (i = 1; i <= 3; i++)
		t->core[i]->cfg.keep_entries = 4;
	return err;
}

int trio_snap_teardown(void **state)
{
	image_free(&im);
	return trio_teardown(state);
}

void snapshot(struct trio *t, uint32_t id)
{
	image_free(&im);
	image_take(&im, t->core[id], 4096);
	assert_int_equal(kq_core_snapshot_done(t->core[id], t->now, &im.ref), 0);
	trio_pass(t, 100);
	assert_true(kq_snap_same(&t->core[id]->snap, &im.ref));
}

int install(struct trio *t, uint32_t id)
{
	struct kq_restore *rs;
	int err;

	rs = image_restore(&im, &t->core[id]->cfg, 1000, &err, NULL);
	assert_non_null(rs);
	err = kq_core_install(t->core[id], t->now, rs);
	kq_restore_free(rs);
	return err;
}

void leave_behind(struct trio *t)
{
	t->cut[3] = true;
	append_many(t, 1, 40);
	snapshot(t, 2);
	snapshot(t, 1);
	assert_true(t->core[1]->log.base_index > t->core[3]->log.last);
	assert_int_equal(t->core[1]->log.last - t->core[1]->log.base_index, 4);
	t->cut[3] = false;
	trio_pass(t, 200);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
}

void assert_caught_up(struct trio *t, uint32_t leader, uint32_t id)
{
	trio_pass(t, 300);
	assert_int_equal(t->core[id]->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(t->core[id]->applied, t->core[leader]->log.last);
	assert_int_equal(t->core[id]->durable, t->core[leader]->log.last);
	assert_int_equal(t->core[leader]->peer[id].match, t->core[leader]->log.last);
	assert_int_equal(t->core[leader]->peer[id].progress, KQUORUM_PROGRESS_REPLICATE);
	assert_false(kq_core_needs_snapshot(t->core[leader], id));
	assert_same_state(t->core[leader], t->core[id]);
}
