// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, written and recovered in kernel memory. Torn writes, damage and
 * stale records in all their cases are tested in user space (tests/core); here, that
 * the same code does the same with the kernel's checksum, allocator and byte order.
 */
#include <kunit/test.h>
#include <linux/vmalloc.h>
#include "core/kq_wal_priv.h"

#define SEGMENT_BYTES	(64u * 1024)
#define SEGMENTS	4u
#define CLUSTER		0x6b71756f72756dULL
#define NODE		3
#define LEN		1000u

struct disk {
	u8 *data;
	struct kq_wal *wal;
	struct kq_hard_state hs;
	struct kq_wal_report report;
	u64 last;		/* written */
	u64 got;		/* recovered */
	u64 missing;		/* of that */
};

static struct disk disk;

static u8 byte_of(u64 index, u32 i)
{
	return (u8)(index * 31 + i);
}

static int deliver(void *ctx, const struct kq_record *rec, const void *payload)
{
	struct kunit *test = ctx;
	const u8 *p = payload;
	u32 i;

	if (le16_to_cpu(rec->type) == KQ_RECORD_GAP) {
		KUNIT_EXPECT_EQ(test, le64_to_cpu(rec->seq), disk.got);
		disk.missing += le64_to_cpu(rec->index) - disk.got;
		disk.got = le64_to_cpu(rec->index);
		return 0;
	}
	KUNIT_EXPECT_EQ(test, le64_to_cpu(rec->index), disk.got + 1);
	KUNIT_EXPECT_EQ(test, kq_entry_check(rec, payload, LEN), 0);
	for (i = 0; i < LEN; i++)
		if (p[i] != byte_of(disk.got + 1, i))
			break;
	KUNIT_EXPECT_EQ(test, i, LEN);
	disk.got = le64_to_cpu(rec->index);
	return 0;
}

static void recover(struct kunit *test)
{
	u32 i;
	int slot;

	kq_wal_destroy(disk.wal);
	disk.wal = kq_wal_create(CLUSTER, NODE, SEGMENT_BYTES, SEGMENTS);
	KUNIT_ASSERT_NOT_NULL(test, disk.wal);
	disk.got = 0;
	disk.missing = 0;
	for (i = 0; i < SEGMENTS; i++)
		KUNIT_ASSERT_EQ(test, kq_wal_scan_header(disk.wal, i,
							 disk.data + i * SEGMENT_BYTES), 0);
	while ((slot = kq_wal_next_segment(disk.wal)) >= 0)
		KUNIT_ASSERT_EQ(test, kq_wal_scan_segment(disk.wal, slot,
							  disk.data + slot * SEGMENT_BYTES,
							  SEGMENT_BYTES, deliver, test), 0);
	KUNIT_ASSERT_EQ(test, slot, -ENOENT);
	KUNIT_ASSERT_EQ(test, kq_wal_scan_end(disk.wal, &disk.report), 0);
}

/* Encodes one entry, and keeps the first @bytes of it on disk. Returns what encode says. */
static int add(struct kunit *test, u32 bytes)
{
	struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_APPEND, NULL, LEN);
	struct kq_batch *batch;
	u64 index = disk.last + 1;
	u32 i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, e);
	for (i = 0; i < LEN; i++)
		e->data[i] = byte_of(index, i);
	e->rec.index = cpu_to_le64(index);
	e->rec.term = cpu_to_le64(disk.hs.term);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	err = kq_wal_encode(disk.wal, &disk.hs, &e, 1, disk.wal->end_term, KQ_WAL_ROOM_CLIENT,
			    &batch);
	kq_entry_free(e);
	if (err)
		return err;
	KUNIT_ASSERT_LE(test, batch->offset + batch->len, (u64)SEGMENT_BYTES);
	memcpy(disk.data + batch->slot * SEGMENT_BYTES + batch->offset, batch->data,
	       min(bytes, batch->len));
	kq_batch_free(batch);
	disk.last = index;
	return 0;
}

static void what_was_written_comes_back(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 30; i++)
		KUNIT_ASSERT_EQ(test, add(test, U32_MAX), 0);
	recover(test);
	KUNIT_EXPECT_EQ(test, disk.report.health, KQ_WAL_CLEAN);
	KUNIT_EXPECT_EQ(test, disk.got, disk.last);
	KUNIT_EXPECT_EQ(test, disk.report.last_index, disk.last);
	KUNIT_EXPECT_EQ(test, disk.report.hs.term, disk.hs.term);
	KUNIT_EXPECT_EQ(test, disk.report.hs.vote, disk.hs.vote);
	KUNIT_EXPECT_TRUE(test, disk.report.vote_known);
}

static void a_full_log_says_so_and_comes_back(struct kunit *test)
{
	int err;

	do {
		err = add(test, U32_MAX);
	} while (!err);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_GT(test, disk.last, 40ull);
	recover(test);
	KUNIT_EXPECT_EQ(test, disk.report.health, KQ_WAL_CLEAN);
	KUNIT_EXPECT_EQ(test, disk.got, disk.last);
}

static void a_torn_last_batch_is_cut_off(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 5; i++)
		KUNIT_ASSERT_EQ(test, add(test, U32_MAX), 0);
	KUNIT_ASSERT_EQ(test, add(test, 2 * KQ_WAL_SECTOR), 0);
	recover(test);
	KUNIT_EXPECT_EQ(test, disk.report.health, KQ_WAL_TORN);
	KUNIT_EXPECT_EQ(test, disk.got, 5ull);
	disk.last = disk.got;
	KUNIT_EXPECT_EQ(test, add(test, U32_MAX), 0);
	recover(test);
	KUNIT_EXPECT_EQ(test, disk.report.health, KQ_WAL_CLEAN);
	KUNIT_EXPECT_EQ(test, disk.got, 6ull);
}

static void a_changed_byte_in_the_middle_takes_its_entry(struct kunit *test)
{
	u32 slot, i;
	u64 offset;

	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, add(test, U32_MAX), 0);
	kq_wal_position(disk.wal, &slot, &offset);
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, add(test, U32_MAX), 0);
	disk.data[slot * SEGMENT_BYTES + offset + 700] ^= 1;
	recover(test);
	KUNIT_EXPECT_EQ(test, disk.report.health, KQ_WAL_GAPS);
	KUNIT_EXPECT_EQ(test, disk.report.slot, slot);
	KUNIT_EXPECT_EQ(test, disk.report.offset, offset);
	KUNIT_EXPECT_EQ(test, disk.got, 6ull);
	KUNIT_EXPECT_EQ(test, disk.missing, 1ull);
	KUNIT_EXPECT_EQ(test, disk.report.claimed_index, 6ull);
}

static int setup(struct kunit *test)
{
	memset(&disk, 0, sizeof(disk));
	disk.data = vzalloc(SEGMENTS * SEGMENT_BYTES);
	if (!disk.data)
		return -ENOMEM;
	disk.hs = (struct kq_hard_state){ .term = 4, .vote = 2, .incarnation = 1 };
	recover(test);
	return 0;
}

static void teardown(struct kunit *test)
{
	kq_wal_destroy(disk.wal);
	vfree(disk.data);
	memset(&disk, 0, sizeof(disk));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_was_written_comes_back),
	KUNIT_CASE(a_full_log_says_so_and_comes_back),
	KUNIT_CASE(a_torn_last_batch_is_cut_off),
	KUNIT_CASE(a_changed_byte_in_the_middle_takes_its_entry),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_wal",
	.test_cases = cases,
	.init = setup,
	.exit = teardown,
};
kunit_test_suite(suite);
