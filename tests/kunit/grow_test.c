// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot that is handed over while it is still being written: read as it comes, taken when it
 * is whole and not before; and given up at any moment.
 */
#include "snapshots.h"

static ssize_t tell_bytes(struct file *file, const void *what, size_t len)
{
	struct kvec vec = { .iov_base = (void *)what, .iov_len = len };
	struct kiocb iocb;
	struct iov_iter from;

	init_sync_kiocb(&iocb, file);
	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, len);
	return file->f_op->write_iter(&iocb, &from);
}

static ssize_t tell(struct file *file, u64 bytes, u32 whole)
{
	struct kquorum_snapshot_grown grown = { .bytes = bytes, .whole = whole };

	return tell_bytes(file, &grown, sizeof(grown));
}

#define TOLD ((ssize_t)sizeof(struct kquorum_snapshot_grown))

/* The first bytes of "snapshot" in "part". */
static void grow(struct kunit *test, struct fixture *f, u64 to)
{
	struct file *in = fixture_open(f->mnt, "snapshot", O_RDONLY);
	struct file *out = fixture_open(f->mnt, "part", O_WRONLY | O_CREAT);
	loff_t pos, at;
	u8 byte;

	KUNIT_ASSERT_FALSE(test, IS_ERR(in));
	KUNIT_ASSERT_FALSE(test, IS_ERR(out));
	for (pos = i_size_read(file_inode(out)), at = pos; at < to;) {
		KUNIT_ASSERT_EQ(test, kernel_read(in, &byte, 1, &pos), (ssize_t)1);
		KUNIT_ASSERT_EQ(test, kernel_write(out, &byte, 1, &at), (ssize_t)1);
	}
	fput(in);
	fput(out);
}

static struct kq_snap_ref behind(struct kunit *test, struct fixture *f)
{
	struct kq_snap_ref ref = start_behind(test, f, "snapshot");

	grow(test, f, 0);
	return ref;
}

static struct file *ask(struct kunit *test, struct fixture *f)
{
	struct file *file = hand_over_as(test, f, "part", true, true);

	KUNIT_ASSERT_EQ(test, kq_snapshot_ask(file), 0);
	return file;
}

static bool done(struct file *file)
{
	return readiness(file);
}

static void what_comes_is_read_and_taken_once_it_is_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = behind(test, f);
	struct file *file = ask(test, f);
	struct kquorum_snapshot_result r;
	u64 at;

	for (at = 50; at < ref.bytes; at += 50) {
		grow(test, f, at);
		KUNIT_EXPECT_EQ(test, tell(file, at, 0), TOLD);
		msleep(20);
	}
	grow(test, f, ref.bytes);
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 0), TOLD);
	msleep(1000);
	KUNIT_EXPECT_FALSE(test, done(file));
	KUNIT_EXPECT_FALSE(test, is_in_use(f, &ref));
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 1), TOLD);
	r = outcome(test, file);
	KUNIT_EXPECT_EQ_MSG(test, r.error, 0, "%s", r.why);
	KUNIT_EXPECT_EQ(test, r.bytes, ref.bytes);
	KUNIT_EXPECT_EQ(test, r.crc, ref.crc);
	KUNIT_EXPECT_TRUE(test, wait_for(is_in_use(f, &ref)));
	KUNIT_EXPECT_EQ(test, core_applied, ref.index);
	fput(file);
}

static void what_cannot_be_is_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = behind(test, f);
	struct file *file = ask(test, f);
	struct kquorum_snapshot_grown odd = { .bytes = 40, .zero = 1 };

	KUNIT_EXPECT_EQ(test, tell_bytes(file, &odd, sizeof(odd)), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, tell_bytes(file, &odd, sizeof(odd) - 1), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, tell(file, 40, 2), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, tell(file, U64_MAX, 0), (ssize_t)-EINVAL);
	grow(test, f, 40);
	KUNIT_EXPECT_EQ(test, tell(file, 40, 0), TOLD);
	KUNIT_EXPECT_EQ(test, tell(file, 39, 0), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, tell(file, 39, 1), (ssize_t)-EINVAL);
	grow(test, f, ref.bytes);
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 1), TOLD);
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 1), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, outcome(test, file).error, 0);
	fput(file);
}

static void one_that_was_handed_over_whole_does_not_grow(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = behind(test, f);
	struct file *file = hand_over(test, f, "snapshot", true);

	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 1), (ssize_t)-EINVAL);
	fput(file);
}

static void less_than_was_told_is_not_taken(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = behind(test, f);
	struct file *file = ask(test, f);
	struct kquorum_snapshot_result r;

	grow(test, f, ref.bytes / 2);
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 0), TOLD);
	r = outcome(test, file);
	KUNIT_EXPECT_EQ(test, r.error, -ENODATA);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(r.why, "cut off"), "'%s'", r.why);
	fput(file);
}

static void whoever_closes_it_gives_it_up(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = behind(test, f);
	struct file *file = ask(test, f);

	grow(test, f, ref.bytes);
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes, 0), TOLD);
	msleep(500);
	KUNIT_EXPECT_FALSE(test, is_free(f));
	fput(file);
	KUNIT_EXPECT_TRUE(test, wait_for(is_free(f)));
	KUNIT_EXPECT_FALSE(test, is_in_use(f, &ref));
}

static void a_killed_node_waits_for_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = behind(test, f);
	struct file *file = ask(test, f);

	grow(test, f, ref.bytes);
	KUNIT_EXPECT_EQ(test, tell(file, ref.bytes - 1, 0), TOLD);
	msleep(500);
	KUNIT_EXPECT_FALSE(test, done(file));
	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, outcome(test, file).error, -ENODEV);
	fput(file);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_comes_is_read_and_taken_once_it_is_whole),
	KUNIT_CASE(what_cannot_be_is_refused),
	KUNIT_CASE(one_that_was_handed_over_whole_does_not_grow),
	KUNIT_CASE(less_than_was_told_is_not_taken),
	KUNIT_CASE(whoever_closes_it_gives_it_up),
	KUNIT_CASE(a_killed_node_waits_for_nothing),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_grow",
	.test_cases = cases,
	.init = snapshot_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
