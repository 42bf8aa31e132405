// SPDX-License-Identifier: GPL-2.0
/*
 * The log in memory when its beginning is taken off: what is there is what should be, whatever
 * stands on the border of a chunk.
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_taken_off_the_beginning_one_by_one),
		cmocka_unit_test(a_log_that_grows_and_is_trimmed_takes_no_more_room),
		cmocka_unit_test(a_log_is_cut_and_trimmed_at_the_same_place),
		cmocka_unit_test(a_log_begins_anew_behind_any_index),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
