// SPDX-License-Identifier: GPL-2.0
/*
 * What a node starts with when its log refers to a snapshot: the right file, a damaged one, an
 * empty one, none, and one that is killed, or without memory, while it is read.
 */
#include <linux/uio.h>
#include "snapshots.h"

/* Until the log has gone round: its first entry is nowhere any more. */
static void go_round(struct kunit *test, struct fixture *f, const char *name)
{
	u32 i;

	for (i = 0; i < 2 * SEGMENTS; i++) {
		locks_come_and_go(test, f, 5);
		save(test, f, name);
		adopt(test, f, name);
	}
}

static void restart(struct kunit *test, struct fixture *f)
{
	fixture_kill(f);
	KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
	KUNIT_ASSERT_EQ(test, fixture_launch(test, f, 1), 0);
	KUNIT_ASSERT_TRUE(test, wait_for(fixture_step(f, look) != -EBUSY));
}

static void copy(struct kunit *test, struct fixture *f, const char *from, const char *to)
{
	struct file *in = fixture_open(f->mnt, from, O_RDONLY);
	struct file *out = fixture_open(f->mnt, to, O_WRONLY | O_CREAT | O_TRUNC);
	loff_t pos = 0, at = 0;
	ssize_t got;
	u8 buf[256];

	KUNIT_ASSERT_FALSE(test, IS_ERR(in));
	KUNIT_ASSERT_FALSE(test, IS_ERR(out));
	while ((got = kernel_read(in, buf, sizeof(buf), &pos)) > 0)
		KUNIT_ASSERT_EQ(test, kernel_write(out, buf, got, &at), got);
	fput(in);
	fput(out);
}

static void it_starts_with_the_snapshot_that_its_log_refers_to(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held[3];
	struct kq_snap_ref ref;
	u64 last;

	hold_locks(test, f, held, ARRAY_SIZE(held));
	go_round(test, f, "right");
	ref = ref_of(test, f, "right");
	locks_come_and_go(test, f, 1);
	save(test, f, "newer");		/* that was never adopted */
	copy(test, f, "right", "snapshot");
	rewrite(test, f, ref.bytes / 2, 1);
	fixture_step(f, look);
	last = core_last;
	f->snapshots[0] = "newer";
	f->snapshots[1] = "snapshot";	/* damaged, of the same size */
	f->snapshots[2] = "right";
	kq_node_kill(f->node);
	drop_locks(f, held, ARRAY_SIZE(held));	/* of which nobody is told any more */
	restart(test, f);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
	KUNIT_EXPECT_TRUE(test, is_in_use(f, &ref));
	KUNIT_EXPECT_GT(test, core_base, 0ull);
	KUNIT_EXPECT_LE(test, core_base, ref.index);
	KUNIT_EXPECT_EQ(test, core_last, last);
	KUNIT_EXPECT_EQ(test, core_claims, (u64)ARRAY_SIZE(held));
	fixture_lead(test, f);
	/* Its former session is over: so are the locks. */
	KUNIT_EXPECT_TRUE(test, wait_for(has_claims(f, 0)));
	go_round(test, f, "next");
}

static const char *reason(struct fixture *f)
{
	static char text[200];

	mutex_lock(&f->node->lock);
	strscpy(text, f->node->core->reason, sizeof(text));
	mutex_unlock(&f->node->lock);
	return text;
}

static void without_its_snapshot_it_is_damaged_until_one_is_installed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file, *held[3];
	struct kq_snap_ref ref, newer;
	char why[60];

	hold_locks(test, f, held, ARRAY_SIZE(held));
	go_round(test, f, "right");
	ref = ref_of(test, f, "right");
	drop_locks(f, held, ARRAY_SIZE(held));
	KUNIT_ASSERT_TRUE(test, wait_for(has_claims(f, 0)));
	save(test, f, "newer");
	newer = ref_of(test, f, "newer");
	f->snapshots[0] = "newer";
	restart(test, f);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_DAMAGED));
	snprintf(why, sizeof(why), "snapshot: that of index %llu: its file is missing", ref.index);
	KUNIT_EXPECT_STREQ(test, reason(f), why);
	file = save_file(test, f);
	KUNIT_EXPECT_EQ(test, kq_save_ask(file), -EIO);
	fput(file);
	fails(test, f, "right", false, -EIO, "its log is damaged");
	KUNIT_EXPECT_EQ(test, handed_over(test, f, "newer", true).error, 0);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
	KUNIT_EXPECT_STREQ(test, reason(f), "");
	KUNIT_EXPECT_TRUE(test, wait_for(is_in_use(f, &newer)));
	fixture_lead(test, f);
	restart(test, f);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
	KUNIT_EXPECT_TRUE(test, is_in_use(f, &newer));
}

static void with_a_damaged_snapshot_it_says_what_is_wrong_with_it(struct kunit *test)
{
	struct fixture *f = test->priv;

	go_round(test, f, "right");
	copy(test, f, "right", "snapshot");
	rewrite(test, f, ref_of(test, f, "right").bytes / 2, 1);
	f->snapshots[0] = "snapshot";
	restart(test, f);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_DAMAGED));
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(reason(f), "damaged"), "'%s'", reason(f));
	KUNIT_EXPECT_EQ(test, handed_over(test, f, "right", true).error, 0);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
}

static void a_snapshot_that_is_empty_is_called_so(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref;
	struct file *file;
	char why[60];

	go_round(test, f, "right");
	ref = ref_of(test, f, "right");
	file = fixture_open(f->mnt, "snapshot", O_WRONLY | O_CREAT | O_TRUNC);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	fput(file);
	f->snapshots[0] = "snapshot";
	restart(test, f);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_DAMAGED));
	snprintf(why, sizeof(why), "snapshot: that of index %llu: its file is empty", ref.index);
	KUNIT_EXPECT_STREQ(test, reason(f), why);
	KUNIT_EXPECT_EQ(test, handed_over(test, f, "right", true).error, 0);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
}

static void killed_while_its_snapshot_is_read_it_goes(struct kunit *test)
{
	struct fixture *f = test->priv;

	go_round(test, f, "right");
	read_by(test, f, "right", slow_read);
	f->snapshots[0] = "right";
	fixture_kill(f);
	KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
	KUNIT_ASSERT_EQ(test, fixture_launch(test, f, 1), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(atomic_read(&reads) > 3));
	KUNIT_EXPECT_EQ(test, fixture_step(f, look), -EBUSY);
	fixture_kill(f);
	KUNIT_EXPECT_TRUE(test, wait_for(!objects_left()));
	KUNIT_EXPECT_LT(test, atomic_read(&reads), 10);
}

static void without_memory_for_its_snapshot_it_starts_later(struct kunit *test)
{
	struct fixture *f = test->priv;

	go_round(test, f, "right");
	read_by(test, f, "right", failing_read);
	f->snapshots[0] = "right";
	failing = 3;
	failure = -ENOMEM;
	restart(test, f);
	KUNIT_EXPECT_EQ(test, failing, 0);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(it_starts_with_the_snapshot_that_its_log_refers_to),
	KUNIT_CASE(without_its_snapshot_it_is_damaged_until_one_is_installed),
	KUNIT_CASE(with_a_damaged_snapshot_it_says_what_is_wrong_with_it),
	KUNIT_CASE(a_snapshot_that_is_empty_is_called_so),
	KUNIT_CASE(killed_while_its_snapshot_is_read_it_goes),
	KUNIT_CASE(without_memory_for_its_snapshot_it_starts_later),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_snapshot_start",
	.test_cases = cases,
	.init = snapshot_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
