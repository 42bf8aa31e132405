// SPDX-License-Identifier: GPL-2.0
/*
 * A scrub of a log in use, from its first call to its last: what it finds, what is written again,
 * and when it is refused.
 */
#include "kq_int.h"
#include "kq_scrub.h"
#include "kq_wal_priv.h"
#include "damaged.h"
#include "snap_state.h"

static struct kq_wal_report found;

/* The log of node 3 is read by @scrub, as it is on its disk. Returns as kq_scrub_result(). */
static int read_by(struct trio *t, struct kq_scrub *scrub)
{
	static uint8_t buf[SEGMENT];
	int slot, err = 0;

	for (slot = 0; !err && slot < (int)SEGMENTS; slot++) {
		memcpy(buf, t->disk[3] + slot * SEGMENT, KQ_WAL_HEAD_BYTES);
		err = kq_scrub_head(scrub, slot, buf);
	}
	while (!err && (slot = kq_scrub_next(scrub)) >= 0) {
		memcpy(buf, t->disk[3] + slot * SEGMENT, SEGMENT);
		err = kq_scrub_segment(scrub, slot, buf);
	}
	return err ? err : kq_scrub_result(scrub, &found);
}

/* A pass over it: what is missing goes into @gap, how many places there are is returned. */
static int pass(struct trio *t, struct kq_scrub_gap *gap)
{
	struct kq_scrub *scrub = kq_scrub_create(t->core[3]);
	int err;

	assert_non_null(scrub);
	err = read_by(t, scrub);
	if (!err && scrub->count)
		*gap = scrub->gap[0];
	if (!err)
		err = scrub->count;
	kq_scrub_destroy(scrub);
	return err;
}

/* @count entries on all disks; node 3 is going to be scrubbed. */
static struct kq_core *begin(struct trio *t, uint32_t count)
{
	trio_lead(t);
	append_many(t, 1, count);
	trio_pass(t, 200);
	assert_int_equal(kq_core_scrub_begin(t->core[3], t->now), 0);
	return t->core[3];
}

static void assert_a_start_misses_nothing(struct trio *t, uint64_t last)
{
	struct kq_core *c = restart_damaged(t, 3, 0, 0);

	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->log.last, last);
	assert_int_equal(report.claimed_index, last);
}

static void what_a_start_would_miss_is_written_again(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = begin(t, 30);
	uint64_t last = c->log.last;
	struct kq_scrub_gap gap;

	assert_int_equal(kq_core_scrub_begin(c, t->now), -EALREADY);
	assert_int_equal(pass(t, &gap), 0);
	damage(t, 3, 10);
	damage(t, 3, 11);
	assert_int_equal(pass(t, &gap), 2);
	assert_int_equal(gap.first, 10);
	assert_int_equal(gap.last, 10);
	assert_int_equal(found.crossed, 2);
	t->disk_hangs[3] = true;
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 10, 11), 0);
	assert_true(kq_core_scrub_busy(c));
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 12, 12), -EBUSY);
	assert_int_equal(kq_core_scrub_mend(c, t->now), -EBUSY);
	t->disk_hangs[3] = false;
	trio_settle(t);
	assert_false(kq_core_scrub_busy(c));
	assert_int_equal(c->scrub.rewritten, 2);
	/* What is not there cannot be missing. */
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, last + 1, last + 9), 0);
	assert_false(kq_core_scrub_busy(c));
	assert_int_equal(pass(t, &gap), 0);
	kq_core_scrub_end(c, t->now);
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 1, 1), -ECANCELED);
	assert_int_equal(kq_core_scrub_mend(c, t->now), -ECANCELED);
	assert_a_start_misses_nothing(t, last);
}

/* More than one batch takes, and the next tick goes on where memory was wanting. */
static void it_goes_on_until_all_is_written(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = begin(t, 150);
	uint64_t i, last = c->log.last;

	for (i = 20; i < 120; i++)
		damage(t, 3, i);
	kq_alloc_fail_at = 1;
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 20, 119), 0);
	kq_alloc_fail_at = 0;
	assert_null(c->batch);
	assert_true(kq_core_scrub_busy(c));
	trio_pass(t, 100);
	assert_int_equal(c->scrub.rewritten, 100);
	kq_core_scrub_end(c, t->now);
	assert_a_start_misses_nothing(t, last);
}

/* The place of the batch that was written last. */
static uint8_t *newest(struct trio *t)
{
	uint8_t *p, *at = NULL;
	uint64_t seq = 0;

	for (p = t->disk[3]; p < t->disk[3] + SEGMENTS * SEGMENT; p += KQ_WAL_BLOCK) {
		const struct kq_wal_batch_head *h = (void *)p;

		if (le64_to_cpu(h->magic) != KQ_WAL_BATCH_MAGIC || le64_to_cpu(h->seq) < seq)
			continue;
		seq = le64_to_cpu(h->seq);
		at = p;
	}
	assert_non_null(at);
	return at;
}

static void where_the_end_is_lost_the_log_goes_on_elsewhere(void **state)
{
	struct trio *t = *state;
	uint32_t how;

	for (how = 0; how < 2; how++) {
		struct kq_core *c = begin(t, 12);
		uint64_t last = c->log.last;
		struct kq_scrub_gap gap;

		/* It never was, or nobody can say what it was. */
		if (how)
			newest(t)[100] ^= 1;
		else
			memset(newest(t), 0, KQ_WAL_BLOCK);
		assert_int_equal(pass(t, &gap), -EUCLEAN);
		assert_true(found.crossed || found.health == KQ_WAL_DAMAGED);
		assert_true(found.reason[0]);
		assert_int_equal(kq_core_scrub_mend(c, t->now), 0);
		assert_true(kq_core_scrub_busy(c));
		trio_settle(t);
		assert_false(kq_core_scrub_busy(c));
		assert_true(pass(t, &gap) <= 1);
		assert_int_equal(kq_core_scrub_rewrite(c, t->now, last, last), 0);
		trio_settle(t);
		kq_core_scrub_end(c, t->now);
		assert_int_equal(pass(t, &gap), 0);
		assert_a_start_misses_nothing(t, last);
		trio_teardown(state);
		damaged_setup(state);
		t = *state;
	}
}

/* Used segments of node 3's log. */
static uint32_t segments(struct trio *t)
{
	struct kq_scrub *scrub = kq_scrub_create(t->core[3]);
	uint32_t n;

	assert_non_null(scrub);
	n = kq_scrub_segments(scrub);
	kq_scrub_destroy(scrub);
	return n;
}

/* Node 3 has a snapshot that stands for nearly all of its log. */
static void save(struct trio *t)
{
	struct image im;

	image_take(&im, t->core[3], 4096);
	assert_int_equal(kq_core_snapshot_done(t->core[3], t->now, &im.ref), 0);
	image_free(&im);
	trio_pass(t, 200);
}

static void no_segment_is_recycled_while_the_log_is_read(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = begin(t, 60);
	uint32_t before = segments(t);

	assert_true(before > 3);
	save(t);
	assert_int_equal(c->snap.index, c->log.last);
	assert_int_equal(segments(t), before);
	kq_core_scrub_end(c, t->now);
	assert_true(segments(t) < 3);
}

static void a_log_that_fills_up_ends_it(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = begin(t, 60);
	uint32_t i;

	save(t);
	assert_true(c->scrub.release);
	for (i = 0; i < 200 && c->scrub.on; i++)
		append_many(t, 1, 1);
	assert_false(c->scrub.on);
	assert_true(kq_wal_used(c->wal) > kq_wal_capacity(c->wal) / 2);
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 1, 2), -ECANCELED);
	assert_int_equal(kq_core_scrub_mend(c, t->now), -ECANCELED);
	trio_pass(t, 100);
	assert_false(c->scrub.release);
	assert_true(segments(t) < SEGMENTS - 4);
}

static void where_there_is_no_room_nothing_is_written_again(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = begin(t, 30);

	trio_fill_log(t, 3);
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 10, 11), 0);
	assert_int_equal(c->scrub.error, -ENOSPC);
	assert_int_equal(c->scrub.rewritten, 0);
	assert_false(kq_core_scrub_busy(c));
}

/* While a segment is being opened it is neither part of the log nor not. */
static void it_does_not_begin_while_a_segment_is_opened(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct kq_scrub_gap gap;
	uint32_t i;

	trio_lead(t);
	for (i = 0; i < 20; i++) {
		t->disk_hangs[3] = true;
		append_many(t, 1, 1);
		assert_non_null(c->batch);
		if (!c->batch->offset)
			break;
		/* Of what is being written nothing is read. */
		assert_int_equal(kq_core_scrub_begin(c, t->now), 0);
		assert_int_equal(pass(t, &gap), 0);
		kq_core_scrub_end(c, t->now);
		t->disk_hangs[3] = false;
		trio_settle(t);
	}
	assert_true(i && i < 20);
	assert_int_equal(kq_core_scrub_begin(c, t->now), -EAGAIN);
	assert_null(kq_scrub_create(c));
	t->disk_hangs[3] = false;
	trio_settle(t);
	assert_int_equal(kq_core_scrub_begin(c, t->now), 0);
}

static void who_does_not_serve_is_not_scrubbed(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = begin(t, 3);

	for (kq_alloc_fail_at = 1; kq_alloc_fail_at < 4; ) {
		unsigned long at = kq_alloc_fail_at;
		struct kq_scrub *scrub = kq_scrub_create(c);

		assert_int_equal(!scrub, at < 3);
		kq_scrub_destroy(scrub);
		kq_alloc_fail_at = at + 1;
	}
	kq_alloc_fail_at = 0;
	kq_core_fail(c, -EIO, "test");
	assert_int_equal(kq_core_scrub_begin(c, t->now), -EIO);
	assert_int_equal(kq_core_scrub_rewrite(c, t->now, 1, 1), -EIO);
	assert_int_equal(kq_core_scrub_mend(c, t->now), -EIO);
	kq_core_scrub_end(c, t->now);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, damaged_setup, trio_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_a_start_would_miss_is_written_again),
		TEST(it_goes_on_until_all_is_written),
		TEST(where_the_end_is_lost_the_log_goes_on_elsewhere),
		TEST(no_segment_is_recycled_while_the_log_is_read),
		TEST(a_log_that_fills_up_ends_it),
		TEST(where_there_is_no_room_nothing_is_written_again),
		TEST(it_does_not_begin_while_a_segment_is_opened),
		TEST(who_does_not_serve_is_not_scrubbed),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
