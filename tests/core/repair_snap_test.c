// SPDX-License-Identifier: GPL-2.0
/* Snapshots for a node whose log has gaps: which stands for what is missing, and what then is left. */
#include "kq_int.h"
#include "damaged.h"
#include "trio_snap.h"

/* Node 1's own tail, of term 2, is of a dead branch, and damaged; node 2 leads in a later one. */
static struct kq_core *dead_branch(struct trio *t)
{
	uint64_t last;

	trio_lead(t);
	append_many(t, 1, 10);
	trio_pass(t, 200);
	image_take(&im, t->core[2], 4096);
	assert_int_equal(im.ref.term, TRIO_TERM);
	t->cut[1] = true;
	append_many(t, 1, 60);
	last = t->core[1]->log.last;
	trio_pass(t, 2000);
	trio_power_off(t, 1);
	damage(t, 1, last - 20);
	trio_power_on(t, 1, &report);
	assert_damaged(t->core[1], last - 20, 1);
	assert_true(trio_elect(t, 2));
	trio_pass(t, 4000);
	t->cut[1] = false;
	connect_all(t, 1);
	trio_pass(t, 3000);
	return t->core[1];
}

static void a_snapshot_stands_for_what_the_leader_has_not_got(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = dead_branch(t);

	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(c->log.missing, 1);
	assert_true(c->repair.need);
	assert_true(kq_core_needs_snapshot(t->core[2], 1));
	assert_true(t->core[2]->log.last < c->report.claimed_index);
	assert_int_equal(t->core[2]->peer[1].snap_index, t->core[2]->log.last);
	/* One in which something may be lacking that this node acknowledged. */
	assert_int_equal(install(t, 1), -ESTALE);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	/* One that ends earlier, and in a later term. */
	image_free(&im);
	image_take(&im, t->core[2], 4096);
	assert_true(im.ref.index < c->report.claimed_index);
	assert_true(im.ref.term > TRIO_TERM);
	assert_int_equal(install(t, 1), 0);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	trio_pass(t, 500);
	assert_repaired(t, 1, 2);
	assert_takes_part(t, 2, 1);
	/* Nothing of that is left on its disk. */
	trio_power_off(t, 1);
	trio_power_on(t, 1, &report);
	assert_int_equal(t->core[1]->log.base_index, im.ref.index);
	assert_int_equal(t->core[1]->log.missing, 0);
	kq_core_fail(t->core[1], -EIO, "its snapshot is no file here");
}

static void a_snapshot_of_the_whole_log_stands_for_it(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = dead_branch(t);

	append_many(t, 2, 80);
	image_free(&im);
	image_take(&im, t->core[2], 4096);
	assert_true(im.ref.index >= c->report.claimed_index);
	/* Also for one that has seen a later term itself. */
	c->recovered_term = im.ref.term;
	assert_int_equal(install(t, 1), 0);
	trio_pass(t, 500);
	assert_repaired(t, 1, 2);
	assert_takes_part(t, 2, 1);
}

/*
 * It has seen the term of the leader before it was damaged, and nobody proposes anything: the
 * leader's log does not become any longer.
 */
static void an_idle_leader_with_a_shorter_log_is_enough(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = dead_branch(t), *l = t->core[2];
	uint64_t end = l->log.last;

	c->recovered_term = c->hs.term;
	trio_pass(t, 3000);
	assert_int_equal(l->log.last, end);
	assert_true(end < c->report.claimed_index);
	assert_int_equal(c->repair.enough, end);
	/* An older one is not. */
	assert_int_equal(install(t, 1), -ESTALE);
	trio_pass(t, 1000);
	assert_int_equal(l->peer[1].snap_index, end);
	image_free(&im);
	image_take(&im, l, 4096);
	assert_int_equal(im.ref.index, end);
	assert_int_equal(im.ref.term, c->recovered_term);
	assert_int_equal(install(t, 1), 0);
	trio_pass(t, 500);
	assert_repaired(t, 1, 2);
	assert_takes_part(t, 2, 1);
}

/* All is back, and cannot be written; the snapshot that makes room is not refused. */
static void a_snapshot_makes_room_for_what_was_put_back(void **state)
{
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_core *c;
	struct answer a;
	const char *why;

	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	image_take(&im, t->core[1], 4096);
	c = restart_damaged(t, 3, 10, 14);
	connect_all(t, 3);
	ask(t, 1, &f);
	answer(t, &a, &f, 10, 5);
	trio_fill_log(t, 3);
	assert_int_equal(answer_say(t, 1, &a, &why), 0);
	trio_pass(t, 2000);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(c->log.missing, 0);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	assert_int_equal(im.ref.index, c->log.last);
	assert_int_equal(install(t, 3), 0);
	/* The log has that entry; what is before it is on no disk. */
	assert_int_equal(c->restart_at, im.ref.index);
	trio_pass(t, 500);
	assert_int_equal(c->log.base_index, im.ref.index);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* What is missing below the snapshot that it has is not needed. */
static void what_is_missing_below_a_snapshot_is_not_fetched(void **state)
{
	struct trio *t = *state;
	struct kq_core *c;
	uint64_t at;

	trio_lead(t);
	append_many(t, 1, 26);
	trio_pass(t, 200);
	image_take(&im, t->core[3], 4096);
	at = im.ref.index;
	assert_int_equal(kq_core_snapshot_done(t->core[3], t->now, &im.ref), 0);
	append_many(t, 1, 10);
	trio_pass(t, 200);
	trio_power_off(t, 3);
	damage(t, 3, at - 1);
	damage(t, 3, at);
	damage(t, 3, at + 5);
	c = trio_power_on(t, 3, &report);
	assert_int_equal(report.crossed, 3);
	assert_int_equal(report.hs.snap.index, at);
	assert_int_equal(c->log.base_index, at);
	assert_int_equal(c->log.base_term, im.ref.term);
	assert_damaged(c, at + 5, 1);
	assert_true(c->stateless);		/* it was not restored here */
	connect_all(t, 3);
	trio_pass(t, 500);
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->repair.total, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_non_null(strstr(c->reason, "snapshot: "));
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	image_free(&im);
	image_take(&im, t->core[1], 4096);
	assert_int_equal(install(t, 3), 0);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* Nobody has entries 10 to 12 any more; what stands for them is older than the log's end. */
static struct kq_core *trimmed(struct trio *t)
{
	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	image_take(&im, t->core[2], 4096);
	append_many(t, 1, 20);
	trio_pass(t, 200);
	trio_power_off(t, 3);
	damage(t, 3, 10);
	damage(t, 3, 11);
	damage(t, 3, 12);
	return t->core[2];
}

static void a_log_goes_on_behind_a_snapshot_of_what_is_missing(void **state)
{
	struct trio *t = *state;
	uint64_t last = trimmed(t)->log.last;
	struct kq_core *c = trio_power_on(t, 3, &report);

	assert_damaged(c, 10, 3);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(c->log.base_index, im.ref.index);
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->log.last, last);
	assert_int_equal(c->applied, im.ref.index);
	assert_int_equal(c->restart_at, 0);
	assert_true(c->snap.index < im.ref.index);	/* its disk does not name it yet */
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	trio_settle(t);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->disk_state, KQUORUM_DISK_OK);
	assert_int_equal(c->snap.index, im.ref.index);
	trio_power_off(t, 3);
	c = trio_power_on(t, 3, &report);
	assert_int_equal(report.hs.snap.index, im.ref.index);
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->log.last, last);
	kq_core_fail(c, -EIO, "its snapshot is no file here");
}

static void what_is_missing_behind_that_snapshot_is_fetched(void **state)
{
	struct trio *t = *state;
	struct kq_core *c;

	trimmed(t);
	damage(t, 3, im.ref.index + 1);
	damage(t, 3, im.ref.index + 9);
	c = trio_power_on(t, 3, &report);
	assert_damaged(c, 10, 5);
	assert_int_equal(install(t, 3), 0);
	assert_damaged(c, im.ref.index + 1, 2);
	trio_settle(t);
	assert_int_equal(c->snap.index, im.ref.index);
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
	connect_all(t, 3);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* Whether it had that entry is not known: then it has to stand for all of the log. */
static void a_snapshot_that_ends_within_what_is_missing_is_refused(void **state)
{
	struct trio *t = *state;
	struct kq_core *c;

	trimmed(t);
	damage(t, 3, im.ref.index);
	c = trio_power_on(t, 3, &report);
	assert_damaged(c, 10, 4);
	c->repair.need = 13;
	assert_int_equal(install(t, 3), -ESTALE);
	assert_int_equal(c->repair.need, c->report.claimed_index);
	assert_damaged(c, 10, 4);
	connect_all(t, 3);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
}

/* The log has another entry there. */
static void a_snapshot_of_another_branch_is_refused(void **state)
{
	struct trio *t = *state;
	struct kq_core *c;

	trimmed(t);
	c = trio_power_on(t, 3, &report);
	kq_log_get(&c->log, im.ref.index)->rec.term = cpu_to_le64(1);
	assert_int_equal(install(t, 3), -ESTALE);
	assert_damaged(c, 10, 3);
	kq_core_fail(c, -EIO, "its log is not what it was");
}

/* A part of what was fetched is being written when the snapshot comes. */
static void it_waits_for_what_is_on_its_way_to_the_disk(void **state)
{
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_batch *b;
	struct kq_core *c;
	struct answer a;
	const char *why;

	trimmed(t);
	c = trio_power_on(t, 3, &report);
	connect_all(t, 3);
	ask(t, 1, &f);
	answer(t, &a, &f, 10, 2);
	assert_int_equal(answer_say(t, 1, &a, &why), 0);
	b = kq_core_take_batch(c);
	assert_non_null(b);
	assert_true(b->repaired);
	assert_damaged(c, 12, 1);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	memcpy(t->disk[3] + b->slot * SEGMENT + b->offset, b->data, b->len);
	kq_core_disk_done(c, t->now, b, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, damaged_setup, trio_snap_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_snapshot_stands_for_what_the_leader_has_not_got),
		TEST(a_snapshot_of_the_whole_log_stands_for_it),
		TEST(an_idle_leader_with_a_shorter_log_is_enough),
		TEST(a_snapshot_makes_room_for_what_was_put_back),
		TEST(what_is_missing_below_a_snapshot_is_not_fetched),
		TEST(a_log_goes_on_behind_a_snapshot_of_what_is_missing),
		TEST(what_is_missing_behind_that_snapshot_is_fetched),
		TEST(a_snapshot_that_ends_within_what_is_missing_is_refused),
		TEST(a_snapshot_of_another_branch_is_refused),
		TEST(it_waits_for_what_is_on_its_way_to_the_disk),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
