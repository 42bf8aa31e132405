// SPDX-License-Identifier: GPL-2.0
/*
 * A node's life: started, killed at any moment, stopped in order, started again on the
 * same files. After each of it nothing may be left (fixture_teardown() looks).
 */
#include "fixture.h"

static int core_term(struct kq_core *core, u64 now_ns)
{
	return core->hs.term;
}

static int core_last_index(struct kq_core *core, u64 now_ns)
{
	return core->log.last;
}

static int core_commit_index(struct kq_core *core, u64 now_ns)
{
	return core->commit;
}

static bool is_gone(struct fixture *f)
{
	struct kq_node *node = kq_node_find(&init_net);

	if (node)
		kq_node_put(node);
	return !node;
}

static void a_node_alone_recovers_and_leads(struct kunit *test)
{
	struct fixture *f = test->priv;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	KUNIT_EXPECT_EQ(test, fixture_step(f, core_term), 2);	/* in 1 the log begins */
	KUNIT_EXPECT_GE(test, fixture_step(f, core_commit_index), 3);	/* CONF, NOOP, OPEN */
}

static void a_namespace_has_one_node(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct fixture second = {};

	fixture_start(test, f, 1);
	second.mnt = fixture_mount(test);
	KUNIT_EXPECT_EQ(test, fixture_launch(test, &second, 1), -EEXIST);
	kq_node_put(second.node);
	kern_unmount(second.mnt);
	KUNIT_EXPECT_FALSE(test, is_gone(f));
}

static void killed_while_it_recovers_it_goes(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, fixture_launch(test, f, 1), 0);
	kq_node_kill(f->node);
	KUNIT_EXPECT_TRUE(test, is_gone(f));
	KUNIT_EXPECT_EQ(test, fixture_step(f, core_term), -ENODEV);
	msleep(500);	/* works and ticks that were under way come to their end */
	KUNIT_EXPECT_EQ(test, refcount_read(&f->node->ref), 1u);
}

static void killed_as_leader_it_goes(struct kunit *test)
{
	struct fixture *f = test->priv;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	kq_node_kill(f->node);
	kq_node_kill(f->node);	/* nothing happens the second time */
	KUNIT_EXPECT_TRUE(test, is_gone(f));
	msleep(500);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->node->ref), 1u);
}

/* The tick that was about to enter finds the node dead, and no other tick follows it. */
static void killed_while_its_tick_waits_it_goes(struct kunit *test)
{
	struct fixture *f = test->priv;

	fixture_start(test, f, 1);
	mutex_lock(&f->node->lock);
	msleep(200);
	mutex_unlock(&f->node->lock);
	kq_node_kill(f->node);
	msleep(500);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->node->ref), 1u);
}

static void stopped_in_order_it_ends_by_itself(struct kunit *test)
{
	struct fixture *f = test->priv;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, kq_node_stop(f->node, false), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(is_gone(f)));
	KUNIT_EXPECT_EQ(test, kq_node_stop(f->node, false), -ENODEV);
}

static void stopped_while_it_recovers_it_ends_by_itself(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, fixture_launch(test, f, 1), 0);
	KUNIT_ASSERT_EQ(test, kq_node_stop(f->node, false), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(is_gone(f)));
}

/* Files that cannot be opened for reading now and then, for want of memory. */
static struct file_operations starved_fops;
static int (*fed_open)(struct inode *inode, struct file *file);
static atomic_t passes, refusals;

static int starved_open(struct inode *inode, struct file *file)
{
	if ((file->f_flags & O_ACCMODE) == O_RDONLY && atomic_dec_if_positive(&passes) < 0 &&
	    atomic_dec_if_positive(&refusals) >= 0)
		return -ENOMEM;
	return fed_open ? fed_open(inode, file) : 0;
}

static void starve(struct fixture *f)
{
	u32 i;

	fed_open = f->node->disk.files[0]->f_op->open;
	starved_fops = *f->node->disk.files[0]->f_op;
	starved_fops.open = starved_open;
	for (i = 0; i < f->node->cfg.segments; i++)
		file_inode(f->node->disk.files[i])->i_fop = &starved_fops;
}

static void without_memory_it_recovers_later(struct kunit *test)
{
	struct fixture *f = test->priv;
	int last, opens;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	starve(f);
	/* First the headers are read, then what is in the segments, into the core. */
	for (opens = 0; opens <= f->node->cfg.segments; opens += f->node->cfg.segments) {
		last = fixture_step(f, core_last_index);
		fixture_kill(f);
		KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
		atomic_set(&passes, opens);
		atomic_set(&refusals, 1);
		fixture_start(test, f, 1);
		KUNIT_EXPECT_EQ(test, atomic_read(&refusals), 0);
		KUNIT_EXPECT_GE(test, fixture_step(f, core_last_index), last);
		fixture_lead(test, f);
	}
	fixture_kill(f);
	KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
	/* One that goes down meanwhile does not wait for memory. */
	atomic_set(&refusals, INT_MAX);
	KUNIT_ASSERT_EQ(test, fixture_launch(test, f, 1), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(atomic_read(&refusals) < INT_MAX - 1));
	KUNIT_EXPECT_FALSE(test, fixture_in_state(f, KQUORUM_NODE_FAILED));
	fixture_kill(f);
	KUNIT_EXPECT_TRUE(test, wait_for(!objects_left()));
	atomic_set(&refusals, 0);
}

static void started_again_it_knows_its_term_and_log(struct kunit *test)
{
	struct fixture *f = test->priv;
	int last, life;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	for (life = 2; life <= 4; life++) {
		last = fixture_step(f, core_last_index);
		KUNIT_ASSERT_GT(test, last, 0);
		fixture_kill(f);
		KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
		fixture_start(test, f, 1);
		KUNIT_EXPECT_EQ(test, fixture_step(f, core_term), life);
		KUNIT_EXPECT_GE(test, fixture_step(f, core_last_index), last);
		fixture_lead(test, f);
		KUNIT_EXPECT_EQ(test, fixture_step(f, core_term), life + 1);
	}
}

/*
 * Fails the first allocation, then the second, ... until creating a node and taking its
 * files needs no more. `ignore-gfp-wait` of failslab is off in these machines.
 */
static void each_failing_allocation_leaves_nothing(struct kunit *test)
{
	const struct kq_config cfg = fixture_config(3);
	struct fixture *f = test->priv;
	unsigned int nth, left;
	u32 failed = 0;

	for (nth = 1; nth < 1000; nth++) {
		struct file *file = segment_open(test, f->mnt, 0, O_RDWR);
		int err = -ENOMEM, fd = fd_of(test, file);
		struct kq_node *node;
		const char *why;

		current->fail_nth = nth;
		node = kq_node_create(&cfg);
		if (node)
			err = kq_disk_open(&node->disk, 0, fd, &why);
		left = current->fail_nth;
		current->fail_nth = 0;
		if (node)
			kq_node_put(node);
		close_fd(fd);
		KUNIT_ASSERT_EQ(test, objects_left(), 0l);
		if (left) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		/* Large ones fall back to vmalloc, and succeed. */
		failed += err == -ENOMEM;
		KUNIT_EXPECT_TRUE(test, !err || err == -ENOMEM);
	}
	KUNIT_EXPECT_LT(test, nth, 1000u);
	KUNIT_EXPECT_GT(test, failed, 5u);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_node_alone_recovers_and_leads),
	KUNIT_CASE(a_namespace_has_one_node),
	KUNIT_CASE(killed_while_it_recovers_it_goes),
	KUNIT_CASE(killed_as_leader_it_goes),
	KUNIT_CASE(killed_while_its_tick_waits_it_goes),
	KUNIT_CASE(stopped_in_order_it_ends_by_itself),
	KUNIT_CASE(stopped_while_it_recovers_it_ends_by_itself),
	KUNIT_CASE(without_memory_it_recovers_later),
	KUNIT_CASE(started_again_it_knows_its_term_and_log),
	KUNIT_CASE(each_failing_allocation_leaves_nothing),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_node",
	.test_cases = cases,
	.init = fixture_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
