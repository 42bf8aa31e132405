// SPDX-License-Identifier: GPL-2.0
/*
 * A node's own snapshots among three nodes: from when on one is in use, and how much of the log is
 * left then.
 */
#include "trio_snap.h"

static void a_snapshot_is_in_use_once_its_reference_is_on_disk(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	struct kq_snap_ref ref;

	trio_lead(t);
	append_many(t, 1, 20);
	trio_pass(t, 200);
	image_take(&im, c, 100);
	ref = im.ref;
	ref.index = c->applied + 1;
	assert_int_equal(kq_core_snapshot_done(c, t->now, &ref), -EINVAL);
	ref = im.ref;
	ref.term++;
	assert_int_equal(kq_core_snapshot_done(c, t->now, &ref), -EINVAL);
	ref = im.ref;
	ref.index = 0;
	assert_int_equal(kq_core_snapshot_done(c, t->now, &ref), -EINVAL);
	ref = im.ref;
	ref.bytes = 0;
	assert_int_equal(kq_core_snapshot_done(c, t->now, &ref), -EINVAL);
	t->disk_hangs[2] = true;
	assert_int_equal(kq_core_snapshot_done(c, t->now, &im.ref), 0);
	trio_pass(t, 300);
	assert_int_equal(c->snap.index, 0);
	assert_int_equal(c->log.base_index, 0);
	assert_int_equal(kq_core_snapshot_done(c, t->now, &im.ref), -ESTALE);
	t->disk_hangs[2] = false;
	trio_settle(t);
	assert_true(kq_snap_same(&c->snap, &im.ref));
	trio_pass(t, 100);
	assert_int_equal(c->log.base_index, c->log.last - 4);
	assert_true(c->log.base_index <= im.ref.index);
	assert_int_equal(kq_core_snapshot_done(c, t->now, &im.ref), -ESTALE);
	assert_false(kq_core_needs_snapshot(t->core[1], 0));
	assert_false(kq_core_needs_snapshot(t->core[1], KQ_MAX_NODES + 1));
	kq_core_fail(c, -EIO, "test");
	assert_int_equal(kq_core_snapshot_done(c, t->now, &im.ref), -EIO);
}

static void entries_are_kept_for_who_is_a_little_behind(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	trio_lead(t);
	for (i = 1; i <= 3; i++)
		t->core[i]->cfg.keep_entries = 30;
	append_many(t, 1, 60);
	t->cut[3] = true;
	append_many(t, 1, 20);
	snapshot(t, 1);
	trio_pass(t, 200);
	assert_int_equal(t->core[1]->log.last - t->core[1]->log.base_index, 30);
	t->cut[3] = false;
	assert_caught_up(t, 1, 3);		/* without a snapshot */
	/* Nothing is taken off that no snapshot stands for. */
	append_many(t, 1, 100);
	trio_pass(t, 500);
	assert_int_equal(t->core[1]->log.base_index, im.ref.index);
	assert_int_equal(t->core[2]->log.base_index, 0);
}

static void a_full_log_has_room_again_after_a_snapshot(void **state)
{
	struct trio *t = *state;
	uint32_t i, count;

	trio_lead(t);
	for (count = 0; !trio_append(t, 1); count++) {
		assert_true(count < 1000);
		trio_settle(t);
		trio_pass(t, 25);
	}
	assert_true(count > 100);
	assert_true(t->core[1]->log_full);
	trio_pass(t, 200);
	for (i = 1; i <= 3; i++)
		snapshot(t, i);
	for (i = 1; i <= 3; i++) {
		assert_false(t->core[i]->log_full);
		assert_int_equal(t->core[i]->disk_state, KQUORUM_DISK_OK);
	}
	t->done = 0;
	append_many(t, 1, 40);
	assert_int_equal(t->done, 40);
	assert_int_equal(t->done_error, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_SNAP_TEST(a_snapshot_is_in_use_once_its_reference_is_on_disk),
		TRIO_SNAP_TEST(entries_are_kept_for_who_is_a_little_behind),
		TRIO_SNAP_TEST(a_full_log_has_room_again_after_a_snapshot),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
