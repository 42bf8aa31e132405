// SPDX-License-Identifier: GPL-2.0
/*
 * What a scrub counts as missing. All cases are tested in user space (tests/core); here, that the
 * same code does the same in a kernel.
 */
#include <kunit/test.h>
#include "core/kq_scrub.h"

static void deliver(struct kunit *test, struct kq_scrub *scrub, u16 type, u64 index, u64 after)
{
	struct kq_record rec = { .type = cpu_to_le16(type), .index = cpu_to_le64(index),
				 .seq = cpu_to_le64(after) };
	struct kq_record fill = { .type = cpu_to_le16(KQ_RECORD_FILL) };

	if (type == KQ_RECORD_FILL)
		KUNIT_EXPECT_EQ(test, kq_scrub_entry(scrub, &fill, &rec), 0);
	else
		KUNIT_EXPECT_EQ(test, kq_scrub_entry(scrub, &rec, NULL), 0);
}

static void gaps_are_followed(struct kunit *test)
{
	struct kq_scrub *scrub = kunit_kzalloc(test, sizeof(*scrub), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, scrub);
	deliver(test, scrub, KQ_ENTRY_APPEND, 1, 0);
	deliver(test, scrub, KQ_RECORD_GAP, 9, 1);
	deliver(test, scrub, KQ_RECORD_FILL, 5, 0);
	KUNIT_ASSERT_EQ(test, scrub->count, 2);
	KUNIT_EXPECT_EQ(test, scrub->gap[0].first, 2);
	KUNIT_EXPECT_EQ(test, scrub->gap[0].last, 4);
	KUNIT_EXPECT_EQ(test, scrub->gap[1].first, 6);
	KUNIT_EXPECT_EQ(test, scrub->gap[1].last, 9);
	deliver(test, scrub, KQ_ENTRY_APPEND, 3, 0);
	KUNIT_ASSERT_EQ(test, scrub->count, 1);
	KUNIT_EXPECT_EQ(test, scrub->gap[0].last, 2);
	deliver(test, scrub, KQ_RECORD_BASE, 20, 0);
	KUNIT_EXPECT_EQ(test, scrub->count, 0);
}

static struct kunit_case scrub_cases[] = {
	KUNIT_CASE(gaps_are_followed),
	{}
};

static struct kunit_suite scrub_suite = {
	.name = "kquorum_scrub",
	.test_cases = scrub_cases,
};

kunit_test_suite(scrub_suite);
