// SPDX-License-Identifier: GPL-2.0
/*
 * The log in memory when its beginning is taken off, or entries between are missing: what is there
 * is what should be, whatever stands on the border of a chunk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kq_core.h"

#define CHUNK 512

static struct kq_log log_;

static void add(u64 count, u64 term)
{
	while (count--) {
		struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_APPEND, "12345678", 8);

		e->rec.index = cpu_to_le64(log_.last + 1);
		e->rec.term = cpu_to_le64(term);
		e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
		assert_int_equal(kq_log_append(&log_, e), 0);
	}
}

/* Entries @first to @last, of this term each, and nothing else. */
static void assert_holds(u64 first, u64 last, u64 term)
{
	u64 i;

	assert_int_equal(log_.base_index, first - 1);
	assert_int_equal(log_.last, last);
	assert_int_equal(log_.bytes, (last - first + 1) * kq_record_size(8));
	for (i = first; i <= last; i++) {
		assert_int_equal(kq_entry_index(kq_log_get(&log_, i)), i);
		assert_int_equal(kq_log_term(&log_, i), term);
	}
	assert_null(kq_log_get(&log_, first - 1));
	assert_null(kq_log_get(&log_, last + 1));
	assert_int_equal(kq_log_term(&log_, first - 1), first == 1 ? 0 : term);
	if (first > 2)
		assert_int_equal(kq_log_term(&log_, first - 2), 0);
}

static void over(void)
{
	kq_log_destroy(&log_);
	assert_int_equal(log_.last, 0);
	assert_int_equal(log_.base_index, 0);
	assert_int_equal(kq_alloc_live, 0);
}

static void entries_are_taken_off_the_beginning_one_by_one(void **state)
{
	u64 i;

	(void)state;
	add(3 * CHUNK, 4);
	assert_holds(1, 3 * CHUNK, 4);
	for (i = 1; i <= 3 * CHUNK; i++) {
		kq_log_trim(&log_, i);
		if (i % 97 == 0 || (i + 1) % CHUNK < 3)
			assert_holds(i + 1, 3 * CHUNK, 4);
	}
	kq_log_trim(&log_, 9 * CHUNK);		/* there is no more than that */
	assert_holds(3 * CHUNK + 1, 3 * CHUNK, 4);
	add(1, 4);
	assert_holds(3 * CHUNK + 1, 3 * CHUNK + 1, 4);
	over();
}

/* As a cluster's does for ever: the table does not grow with it. */
static void a_log_that_grows_and_is_trimmed_takes_no_more_room(void **state)
{
	u64 i;
	long live;

	(void)state;
	add(2 * CHUNK, 1);
	live = kq_alloc_live;
	for (i = 1; i < 200; i++) {
		add(CHUNK - 3, 1);
		kq_log_trim(&log_, log_.last - 2 * CHUNK);
		assert_true(kq_alloc_live <= live + 2);
		assert_true(log_.chunk_count <= 16);
	}
	assert_holds(log_.last - 2 * CHUNK + 1, log_.last, 1);
	over();
}

static void a_log_is_cut_and_trimmed_at_the_same_place(void **state)
{
	(void)state;
	add(CHUNK + 5, 1);
	kq_log_trim(&log_, CHUNK);
	kq_log_truncate(&log_, CHUNK + 2);
	assert_holds(CHUNK + 1, CHUNK + 2, 1);
	kq_log_truncate(&log_, CHUNK);
	assert_holds(CHUNK + 1, CHUNK, 1);
	kq_log_truncate(&log_, 3);		/* what was taken off is not cut off */
	assert_holds(CHUNK + 1, CHUNK, 1);
	add(2, 1);
	assert_holds(CHUNK + 1, CHUNK + 2, 1);
	over();
}

static void a_log_begins_anew_behind_any_index(void **state)
{
	static const u64 at[] = { 1, CHUNK - 1, CHUNK, CHUNK + 1, 1ULL << 40 };
	u32 i, crc;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_NOOP, NULL, 0);

		add(3, 2);
		crc = kq_log_crc(&log_);
		kq_log_reset(&log_, at[i], 7);
		assert_int_equal(log_.last, at[i]);
		assert_int_equal(kq_log_term(&log_, at[i]), 7);
		assert_null(kq_log_get(&log_, at[i]));
		assert_int_equal(kq_log_crc(&log_), 0);
		e->rec.index = cpu_to_le64(at[i]);
		assert_int_equal(kq_log_append(&log_, e), -EINVAL);
		kq_entry_free(e);
		add(3, 7);
		assert_int_not_equal(kq_log_crc(&log_), crc);
		assert_holds(at[i] + 1, at[i] + 3, 7);
		over();
	}
}

static struct kq_entry *entry(u64 index, u64 term)
{
	struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_APPEND, "12345678", 8);

	e->rec.index = cpu_to_le64(index);
	e->rec.term = cpu_to_le64(term);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	return e;
}

static int fill(u64 index, u64 term)
{
	struct kq_entry *e = entry(index, term);
	int err = kq_log_fill(&log_, e);

	if (err)
		kq_entry_free(e);
	return err;
}

/* The first gap at @from or behind it. */
static void assert_gap(u64 from, u64 first, u64 last)
{
	u64 end = 0;

	assert_true(kq_log_gap(&log_, &from, &end));
	assert_int_equal(from, first);
	assert_int_equal(end, last);
}

static void assert_no_gap(u64 from)
{
	u64 end;

	assert_false(kq_log_gap(&log_, &from, &end));
}

/* Entries 1 to @before are there, then come those that are missing up to @last, then five. */
static void build_gap(u64 before, u64 last)
{
	add(before, 2);
	assert_int_equal(kq_log_skip(&log_, last, 3), 0);
	add(5, 4);
}

static void entries_that_are_missing_are_put_back_in_any_order(void **state)
{
	u64 first, last, i;
	u32 crc;

	(void)state;
	/* Within a chunk, over a border, and several chunks. */
	for (last = 20; last < 3 * CHUNK; last = last * 7 - 3) {
		add(last + 5, 4);
		crc = kq_log_crc(&log_);
		kq_log_destroy(&log_);
		add(8, 4);
		assert_no_gap(0);
		assert_int_equal(fill(8, 4), -EEXIST);
		assert_int_equal(kq_log_skip(&log_, last, 4), 0);
		assert_int_equal(log_.last, last);
		assert_int_equal(log_.missing, last - 8);
		assert_int_equal(log_.bytes, 8 * kq_record_size(8));
		assert_int_equal(kq_log_term(&log_, last), 4);
		assert_int_equal(kq_log_term(&log_, last - 1), 0);
		assert_null(kq_log_get(&log_, last));
		assert_gap(0, 9, last);
		add(5, 4);
		assert_int_equal(kq_log_term(&log_, last), 0);
		assert_gap(3, 9, last);
		assert_gap(11, 11, last);
		assert_no_gap(last + 1);
		assert_int_equal(fill(last + 6, 4), -EINVAL);
		assert_int_equal(fill(0, 4), -EINVAL);
		assert_int_not_equal(kq_log_crc(&log_), crc);
		first = 14;
		assert_int_equal(fill(first, 4), 0);
		assert_gap(0, 9, 13);
		assert_gap(14, 15, last);
		assert_int_equal(fill(first, 4), -EEXIST);
		for (i = last; i >= 9; i--)
			assert_int_equal(fill(i, 4), i == first ? -EEXIST : 0);
		assert_int_equal(log_.missing, 0);
		assert_no_gap(0);
		assert_holds(1, last + 5, 4);
		assert_int_equal(kq_log_crc(&log_), crc);
		over();
	}
}

static void a_log_is_cut_within_what_is_missing(void **state)
{
	(void)state;
	build_gap(6, CHUNK + 2);
	kq_log_truncate(&log_, CHUNK + 4);
	assert_int_equal(log_.missing, CHUNK + 2 - 6);
	kq_log_truncate(&log_, CHUNK + 2);
	/* What the last one's term is was told of this very entry. */
	assert_int_equal(kq_log_term(&log_, CHUNK + 2), 3);
	kq_log_truncate(&log_, 10);
	assert_int_equal(log_.missing, 4);
	assert_int_equal(log_.last, 10);
	assert_gap(0, 7, 10);
	/* And is told anew: of the same index, or of one behind it. */
	assert_int_equal(kq_log_skip(&log_, 10, 9), 0);
	assert_int_equal(kq_log_term(&log_, 10), 9);
	assert_int_equal(log_.missing, 4);
	assert_int_equal(kq_log_skip(&log_, 12, 10), 0);
	assert_int_equal(kq_log_term(&log_, 12), 10);
	assert_gap(0, 7, 12);
	kq_log_truncate(&log_, 6);
	assert_int_equal(log_.missing, 0);
	assert_holds(1, 6, 2);
	over();
}

static void what_is_missing_is_taken_off_the_beginning(void **state)
{
	u64 i;

	(void)state;
	build_gap(6, CHUNK + 2);
	for (i = 1; i <= CHUNK + 3; i++) {
		struct kq_entry *e = kq_log_take_first(&log_);

		assert_true(!e == (i > 6 && i <= CHUNK + 2));
		assert_int_equal(log_.base_index, i);
		assert_int_equal(log_.base_term, e ? kq_entry_term(e) : 0);
		assert_int_equal(log_.missing, i <= 6 ? CHUNK - 4 : i < CHUNK + 2 ? CHUNK + 2 - i : 0);
		kq_entry_free(e);
	}
	assert_holds(CHUNK + 4, CHUNK + 7, 4);
	over();
	build_gap(6, CHUNK + 2);
	kq_log_reset(&log_, 9, 1);
	assert_int_equal(log_.missing, 0);
	assert_no_gap(0);
	over();
}

static void a_gap_of_which_memory_has_no_more_is_told(void **state)
{
	unsigned long i;
	int err = -ENOMEM;

	(void)state;
	for (i = 1; err; i++) {
		add(1, 1);
		kq_alloc_fail_at = i;
		err = kq_log_skip(&log_, 3 * CHUNK, 1);
		kq_alloc_fail_at = 0;
		assert_true(!err || err == -ENOMEM);
		assert_int_equal(log_.missing, log_.last - 1);
		if (err)
			assert_true(log_.last < 3 * CHUNK);
		kq_log_destroy(&log_);
	}
	assert_int_equal(i, 4);
	over();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_taken_off_the_beginning_one_by_one),
		cmocka_unit_test(a_log_that_grows_and_is_trimmed_takes_no_more_room),
		cmocka_unit_test(a_log_is_cut_and_trimmed_at_the_same_place),
		cmocka_unit_test(a_log_begins_anew_behind_any_index),
		cmocka_unit_test(entries_that_are_missing_are_put_back_in_any_order),
		cmocka_unit_test(a_log_is_cut_within_what_is_missing),
		cmocka_unit_test(what_is_missing_is_taken_off_the_beginning),
		cmocka_unit_test(a_gap_of_which_memory_has_no_more_is_told),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
