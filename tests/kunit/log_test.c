// SPDX-License-Identifier: GPL-2.0
/*
 * The log in memory, with the kernel's own allocator and checksum. What the log may do
 * in all its cases is shown in user space (tests/sim); here, that it is the same here.
 */
#include <kunit/test.h>
#include "core/kq_core.h"

#define CHUNK	512u	/* entries that the log allocates room for at a time */

static struct kq_entry *entry(struct kunit *test, u64 index, u32 len)
{
	struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_APPEND, NULL, len);

	KUNIT_ASSERT_NOT_NULL(test, e);
	memset(e->data, (int)index, len);
	e->rec.index = cpu_to_le64(index);
	e->rec.term = cpu_to_le64(1 + index / 100);
	e->rec.node = cpu_to_le32(2);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	return e;
}

static void grow_to(struct kunit *test, struct kq_log *log, u64 last)
{
	while (log->last < last) {
		struct kq_entry *e = entry(test, log->last + 1, 16);

		KUNIT_ASSERT_EQ(test, kq_log_append(log, e), 0);
	}
}

/* The check values of RFC 3720, B.4, and of the string that every CRC is known by. */
static void checksums_are_those_of_the_standard(struct kunit *test)
{
	u8 buf[32];
	u32 i;

	memset(buf, 0, sizeof(buf));
	KUNIT_EXPECT_EQ(test, kq_crc(0, buf, sizeof(buf)), 0x8a9136aau);
	memset(buf, 0xff, sizeof(buf));
	KUNIT_EXPECT_EQ(test, kq_crc(0, buf, sizeof(buf)), 0x62a8ab43u);
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i;
	KUNIT_EXPECT_EQ(test, kq_crc(0, buf, sizeof(buf)), 0x46dd794eu);
	KUNIT_EXPECT_EQ(test, kq_crc(0, "123456789", 9), 0xe3069283u);
}

static void checksums_of_pieces_are_those_of_the_whole(struct kunit *test)
{
	static const char text[] = "123456789";
	u32 cut;

	for (cut = 0; cut <= 9; cut++)
		KUNIT_EXPECT_EQ(test, kq_crc(kq_crc(0, text, cut), text + cut, 9 - cut),
				0xe3069283u);
}

static void a_changed_entry_is_refused(struct kunit *test)
{
	struct kq_entry *e = entry(test, 1, 100);
	u32 i;

	KUNIT_EXPECT_EQ(test, kq_entry_check(&e->rec, e->data, 100), 0);
	KUNIT_EXPECT_EQ(test, kq_entry_check(&e->rec, e->data, 99), -EMSGSIZE);
	for (i = 0; i < 100; i++) {
		e->data[i] ^= 1;
		KUNIT_EXPECT_EQ(test, kq_entry_check(&e->rec, e->data, 100), -EBADMSG);
		e->data[i] ^= 1;
	}
	kq_entry_free(e);
}

static void it_grows_over_many_chunks(struct kunit *test)
{
	struct kq_log log = {};
	u64 i;

	grow_to(test, &log, 9 * CHUNK + 1);	/* the table of chunks grows once, too */
	KUNIT_EXPECT_EQ(test, log.bytes, log.last * kq_record_size(16));
	for (i = 1; i <= log.last; i++) {
		const struct kq_entry *e = kq_log_get(&log, i);

		KUNIT_ASSERT_NOT_NULL(test, e);
		KUNIT_ASSERT_EQ(test, kq_entry_index(e), i);
		KUNIT_ASSERT_EQ(test, kq_log_term(&log, i), 1 + i / 100);
	}
	kq_log_destroy(&log);
}

static void what_is_truncated_is_gone_and_may_be_appended_anew(struct kunit *test)
{
	struct kq_log log = {};

	grow_to(test, &log, 2 * CHUNK);
	kq_log_truncate(&log, CHUNK - 1);
	KUNIT_EXPECT_EQ(test, log.last, (u64)CHUNK - 1);
	KUNIT_EXPECT_EQ(test, log.bytes, (u64)(CHUNK - 1) * kq_record_size(16));
	KUNIT_EXPECT_NULL(test, kq_log_get(&log, CHUNK));
	KUNIT_EXPECT_EQ(test, kq_log_term(&log, CHUNK), 0ull);
	grow_to(test, &log, CHUNK + 1);
	KUNIT_EXPECT_EQ(test, kq_entry_index(kq_log_get(&log, CHUNK + 1)), (u64)CHUNK + 1);
	kq_log_destroy(&log);
	KUNIT_EXPECT_EQ(test, log.last, 0ull);
	KUNIT_EXPECT_EQ(test, log.bytes, 0ull);
}

static void an_index_out_of_turn_is_refused_and_stays_the_callers(struct kunit *test)
{
	struct kq_log log = {};
	struct kq_entry *e = entry(test, 3, 16);

	grow_to(test, &log, 1);
	KUNIT_EXPECT_EQ(test, kq_log_append(&log, e), -EINVAL);
	e->rec.index = cpu_to_le64(1);
	KUNIT_EXPECT_EQ(test, kq_log_append(&log, e), -EINVAL);
	e->rec.index = cpu_to_le64(2);
	KUNIT_EXPECT_EQ(test, kq_log_append(&log, e), 0);
	KUNIT_EXPECT_NULL(test, kq_log_get(&log, 0));
	kq_log_destroy(&log);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(checksums_are_those_of_the_standard),
	KUNIT_CASE(checksums_of_pieces_are_those_of_the_whole),
	KUNIT_CASE(a_changed_entry_is_refused),
	KUNIT_CASE(it_grows_over_many_chunks),
	KUNIT_CASE(what_is_truncated_is_gone_and_may_be_appended_anew),
	KUNIT_CASE(an_index_out_of_turn_is_refused_and_stays_the_callers),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_log",
	.test_cases = cases,
};
kunit_test_suite(suite);
