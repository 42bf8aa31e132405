// SPDX-License-Identifier: GPL-2.0
/*
 * The clock that leases are measured with.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/timekeeping.h>
#include "clock.h"

static void it_never_goes_back(struct kunit *test)
{
	u64 last = kq_clock();
	u32 i;

	for (i = 0; i < 10000; i++) {
		u64 now = kq_clock();

		KUNIT_ASSERT_GE(test, now, last);
		last = now;
	}
}

static void it_moves_with_time(struct kunit *test)
{
	u64 from = kq_clock();

	msleep(200);
	KUNIT_EXPECT_GE(test, kq_clock() - from, 200ull * NSEC_PER_MSEC);
}

static void it_is_raw_time_and_the_time_spent_suspended(struct kunit *test)
{
	u64 suspended = ktime_to_ns(ktime_sub(ktime_get_boottime(), ktime_get()));
	u64 low = ktime_get_raw_ns();
	u64 now = kq_clock();

	/* Between two looks at two clocks a moment goes by. */
	KUNIT_EXPECT_GE(test, now + NSEC_PER_SEC, low + suspended);
	KUNIT_EXPECT_LE(test, now, low + suspended + NSEC_PER_SEC);
}

static void setting_the_wall_clock_does_not_move_it(struct kunit *test)
{
	struct timespec64 wall, moved;
	u64 before, after;
	int err;

	ktime_get_real_ts64(&wall);
	moved = wall;
	moved.tv_sec += 3600;
	before = kq_clock();
	err = do_settimeofday64(&moved);
	after = kq_clock();
	do_settimeofday64(&wall);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_GE(test, after, before);
	KUNIT_EXPECT_LT(test, after - before, 60ull * NSEC_PER_SEC);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(it_never_goes_back),
	KUNIT_CASE(it_moves_with_time),
	KUNIT_CASE(it_is_raw_time_and_the_time_spent_suspended),
	KUNIT_CASE(setting_the_wall_clock_does_not_move_it),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_clock",
	.test_cases = cases,
};
kunit_test_suite(suite);
