// SPDX-License-Identifier: GPL-2.0
/*
 * What a scrub counts as missing, by what recovery delivers. Whole scrubs are the simulator's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kq_scrub.h"

static struct kq_scrub *scrub;

static int setup(void **state)
{
	(void)state;
	scrub = test_calloc(1, sizeof(*scrub));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_free(scrub);
	return 0;
}

static void deliver(u16 type, u64 index, u64 seq)
{
	struct kq_record rec = { .type = cpu_to_le16(type), .index = cpu_to_le64(index),
				 .seq = cpu_to_le64(seq) };

	assert_int_equal(kq_scrub_entry(scrub, &rec, NULL), 0);
}

static void gap(u64 first, u64 last)
{
	deliver(KQ_RECORD_GAP, last, first - 1);
}

static void fill(u64 index)
{
	struct kq_record rec = { .type = cpu_to_le16(KQ_RECORD_FILL) };
	struct kq_record back = { .index = cpu_to_le64(index) };

	assert_int_equal(kq_scrub_entry(scrub, &rec, &back), 0);
}

static void entry(u64 index)
{
	deliver(KQ_ENTRY_APPEND, index, 0);
}

static void base(u64 index)
{
	deliver(KQ_RECORD_BASE, index, 0);
}

/* @want: pairs of first and last, then 0 */
static void are(const u64 *want)
{
	u32 i;

	for (i = 0; want[2 * i]; i++) {
		assert_true(i < scrub->count);
		assert_int_equal(scrub->gap[i].first, want[2 * i]);
		assert_int_equal(scrub->gap[i].last, want[2 * i + 1]);
	}
	assert_int_equal(scrub->count, i);
}

#define ARE(...) are((const u64 []){ __VA_ARGS__, 0 })
#define NONE() are((const u64 []){ 0 })

static void what_follows_a_gap_is_there(void **state)
{
	(void)state;
	entry(1);
	gap(2, 4);
	entry(5);
	gap(6, 6);
	entry(7);
	ARE(2, 4, 6, 6);
}

static void what_is_cut_off_is_not_missing(void **state)
{
	(void)state;
	gap(2, 9);
	entry(10);
	entry(5);
	ARE(2, 4);
	gap(12, 20);
	entry(12);
	ARE(2, 4);
	entry(2);
	NONE();
}

static void a_gap_may_cut_and_add(void **state)
{
	(void)state;
	gap(2, 9);
	gap(11, 14);
	/* What stood behind 4 was cut off, and what came instead up to 12 is missing. */
	gap(5, 12);
	ARE(2, 4, 5, 12);
	/* It may only cut. */
	gap(8, 7);
	ARE(2, 4, 5, 7);
}

static void what_is_put_back_is_there(void **state)
{
	(void)state;
	gap(2, 9);
	gap(20, 20);
	fill(2);
	ARE(3, 9, 20, 20);
	fill(9);
	ARE(3, 8, 20, 20);
	fill(5);
	ARE(3, 4, 6, 8, 20, 20);
	fill(20);
	ARE(3, 4, 6, 8);
	fill(5);
	fill(1);
	fill(30);
	ARE(3, 4, 6, 8);
	fill(3);
	fill(4);
	ARE(6, 8);
}

static void behind_a_snapshot_nothing_counts(void **state)
{
	(void)state;
	gap(2, 9);
	gap(12, 14);
	base(20);
	NONE();
	gap(21, 22);
	ARE(21, 22);
}

/* More than fit: what is told as missing may be there, but all that is missing is told. */
static void too_many_gaps_are_one(void **state)
{
	u64 i;

	(void)state;
	for (i = 0; i < KQ_SCRUB_GAPS + 10; i++)
		gap(10 * i + 10, 10 * i + 14);
	assert_int_equal(scrub->count, KQ_SCRUB_GAPS);
	assert_int_equal(scrub->gap[0].last, 14);
	assert_int_equal(scrub->gap[KQ_SCRUB_GAPS - 1].first, 10 * KQ_SCRUB_GAPS);
	assert_int_equal(scrub->gap[KQ_SCRUB_GAPS - 1].last, 10 * (KQ_SCRUB_GAPS + 9) + 14);
	/* Nor can one be divided. */
	fill(12);
	assert_int_equal(scrub->count, KQ_SCRUB_GAPS);
	assert_int_equal(scrub->gap[0].first, 10);
	assert_int_equal(scrub->gap[0].last, 14);
	/* Its ends go. */
	fill(10);
	assert_int_equal(scrub->gap[0].first, 11);
	entry(30);
	ARE(11, 14, 20, 24);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_follows_a_gap_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_cut_off_is_not_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_gap_may_cut_and_add, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_put_back_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(behind_a_snapshot_nothing_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_gaps_are_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
