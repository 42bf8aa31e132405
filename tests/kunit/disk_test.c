// SPDX-License-Identifier: GPL-2.0
/*
 * The log's files: which are taken, and what becomes of a node whose files are removed,
 * cut, made read-only or frozen under it.
 */
#include "fixture.h"

/* --- files that are not taken --------------------------------------------------------- */

struct file_row {
	const char *desc;
	struct file *(*open)(struct kunit *test, struct vfsmount *mnt);
	int error;
};

static struct file *open_short(struct kunit *test, struct vfsmount *mnt)
{
	struct file *file = segment_open(test, mnt, 0, O_RDWR);

	KUNIT_ASSERT_EQ(test, vfs_truncate(&file->f_path, SEGMENT_BYTES - 1), 0);
	return file;
}

static struct file *open_long(struct kunit *test, struct vfsmount *mnt)
{
	struct file *file = segment_open(test, mnt, 0, O_RDWR);

	KUNIT_ASSERT_EQ(test, vfs_truncate(&file->f_path, SEGMENT_BYTES + 1), 0);
	return file;
}

static struct file *open_reader(struct kunit *test, struct vfsmount *mnt)
{
	return segment_open(test, mnt, 0, O_RDONLY);
}

static struct file *open_writer(struct kunit *test, struct vfsmount *mnt)
{
	return segment_open(test, mnt, 0, O_WRONLY);
}

static void unlink_file(struct kunit *test, struct file *file)
{
	struct dentry *dentry = dget(file->f_path.dentry);
	struct dentry *dir = dget_parent(dentry);

	inode_lock_nested(d_inode(dir), I_MUTEX_PARENT);
	KUNIT_EXPECT_EQ(test, vfs_unlink(&init_user_ns, d_inode(dir), dentry, NULL), 0);
	inode_unlock(d_inode(dir));
	dput(dir);
	dput(dentry);
}

static struct file *open_removed(struct kunit *test, struct vfsmount *mnt)
{
	struct file *file = segment_open(test, mnt, 0, O_RDWR);

	unlink_file(test, file);
	return file;
}

static struct file *open_directory(struct kunit *test, struct vfsmount *mnt)
{
	const struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };
	struct file *file = dentry_open(&root, O_RDONLY | O_DIRECTORY, current_cred());

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

static const struct file_row file_rows[] = {
	{ "a byte too short", open_short, -EINVAL },
	{ "a byte too long", open_long, -EINVAL },
	{ "not open for writing", open_reader, -EBADF },
	{ "not open for reading", open_writer, -EBADF },
	{ "removed", open_removed, -ESTALE },
	{ "a directory", open_directory, -EINVAL },
};

static void file_desc(const struct file_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(file, file_rows, file_desc);

static void a_file_that_cannot_hold_a_log_is_not_taken(struct kunit *test)
{
	const struct kq_config cfg = fixture_config(1);
	const struct file_row *row = test->param_value;
	struct fixture *f = test->priv;
	struct kq_node *node = kq_node_create(&cfg);
	const char *why = NULL;
	int fd;

	KUNIT_ASSERT_NOT_NULL(test, node);
	fd = fd_of(test, row->open(test, f->mnt));
	KUNIT_EXPECT_EQ(test, kq_disk_open(&node->disk, 0, fd, &why), row->error);
	KUNIT_EXPECT_NOT_NULL(test, why);
	close_fd(fd);
	why = NULL;
	KUNIT_EXPECT_EQ(test, kq_disk_open(&node->disk, 0, fd, &why), -EBADF);
	KUNIT_EXPECT_NOT_NULL(test, why);
	kq_node_put(node);
}

static void a_file_is_not_taken_twice(struct kunit *test)
{
	const struct kq_config cfg = fixture_config(1);
	struct fixture *f = test->priv;
	struct kq_node *node = kq_node_create(&cfg);
	const char *why = NULL;
	int fd = fd_of(test, segment_open(test, f->mnt, 0, O_RDWR));

	KUNIT_ASSERT_NOT_NULL(test, node);
	KUNIT_EXPECT_EQ(test, kq_disk_open(&node->disk, 0, fd, &why), 0);
	KUNIT_EXPECT_EQ(test, kq_disk_open(&node->disk, 1, fd, &why), -EBUSY);
	KUNIT_EXPECT_NOT_NULL(test, why);
	kq_node_put(node);
	node = kq_node_create(&cfg);
	KUNIT_ASSERT_NOT_NULL(test, node);
	KUNIT_EXPECT_EQ(test, kq_disk_open(&node->disk, 0, fd, &why), 0);
	kq_node_put(node);
	close_fd(fd);
}

/* --- files that fail under a node ------------------------------------------------------ */

struct fault_row {
	const char *desc;
	void (*fail)(struct kunit *test, struct fixture *f);
	int error;
	const char *reason;
};

/* Whichever segment is written next, this is done to all. */
static void each_segment(struct kunit *test, struct fixture *f,
			 void (*what)(struct kunit *test, struct file *file))
{
	u32 i;

	for (i = 0; i < SEGMENTS; i++)
		what(test, f->node->disk.files[i]);
}

static void cut_file(struct kunit *test, struct file *file)
{
	KUNIT_EXPECT_EQ(test, vfs_truncate(&file->f_path, SEGMENT_BYTES / 2), 0);
}

static void fail_removed(struct kunit *test, struct fixture *f)
{
	each_segment(test, f, unlink_file);
}

static void fail_cut(struct kunit *test, struct fixture *f)
{
	each_segment(test, f, cut_file);
}

static void fail_read_only(struct kunit *test, struct fixture *f)
{
	f->mnt->mnt_sb->s_flags |= SB_RDONLY;
}

static const struct fault_row fault_rows[] = {
	{ "removed", fail_removed, -ESTALE, "segment file was removed" },
	{ "cut", fail_cut, -ESTALE, "segment file was cut" },
	{ "read-only", fail_read_only, -EROFS, "file system is read-only" },
};

static void fault_desc(const struct fault_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(fault, fault_rows, fault_desc);

static int core_disk_error(struct kq_core *core, u64 now_ns)
{
	return core->disk_error;
}

static void a_node_that_cannot_write_stops_serving_and_says_why(struct kunit *test)
{
	const struct fault_row *row = test->param_value;
	struct fixture *f = test->priv;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	row->fail(test, f);
	/* A leader alone writes signs of life to its disk, so it finds out by itself. */
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_in_state(f, KQUORUM_NODE_FAILED)));
	KUNIT_EXPECT_EQ(test, fixture_step(f, core_disk_error), row->error);
	mutex_lock(&f->node->lock);
	KUNIT_EXPECT_NOT_NULL(test, strstr(f->node->core->reason, row->reason));
	mutex_unlock(&f->node->lock);
}

/* A file system that does direct I/O, and now and then has no memory for it. */
static struct file_operations starved_fops;
static ssize_t (*fed_write_iter)(struct kiocb *iocb, struct iov_iter *from);
static atomic_t refusals;

static ssize_t starved_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t ret;

	if (atomic_dec_if_positive(&refusals) >= 0)
		return -ENOMEM;
	iocb->ki_flags &= ~IOCB_DIRECT;
	ret = fed_write_iter(iocb, from);
	iocb->ki_flags |= IOCB_DIRECT;
	return ret;
}

static void starve(struct kunit *test, struct file *file)
{
	fed_write_iter = file->f_op->write_iter;
	starved_fops = *file->f_op;
	starved_fops.write_iter = starved_write_iter;
	file->f_op = &starved_fops;
	file->f_flags |= O_DIRECT;
}

static void a_direct_write_without_memory_is_tried_again(struct kunit *test)
{
	struct fixture *f = test->priv;

	atomic_set(&refusals, 0);
	fixture_start(test, f, 1);
	each_segment(test, f, starve);
	fixture_lead(test, f);
	atomic_set(&refusals, 5);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_read(&refusals)));
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_BATCH])));
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
	/* A node that goes down does not wait for memory. */
	atomic_set(&refusals, INT_MAX);
	KUNIT_EXPECT_TRUE(test, wait_for(atomic_long_read(&kq_objects[KQ_OBJECT_BATCH]) == 1));
	fixture_kill(f);
	KUNIT_EXPECT_TRUE(test, wait_for(!objects_left()));
}

static void a_frozen_file_system_holds_up_its_write_and_nothing_else(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct super_block *sb = f->mnt->mnt_sb;
	struct kq_node *node;
	const struct kq_config cfg = fixture_config(1);

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, freeze_super(sb), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(atomic_long_read(&kq_objects[KQ_OBJECT_BATCH]) == 1));
	msleep(100);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kq_objects[KQ_OBJECT_BATCH]), 1l);
	fixture_kill(f);	/* does not wait for it */
	/* Nobody else gets the files while that write may land in them. */
	node = kq_node_create(&cfg);
	KUNIT_ASSERT_NOT_NULL(test, node);
	KUNIT_EXPECT_EQ(test, take_segments(test, f->mnt, node), -EBUSY);
	kq_node_put(node);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kq_objects[KQ_OBJECT_NODE]), 1l);
	KUNIT_ASSERT_EQ(test, thaw_super(sb), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(!objects_left()));
	fixture_start(test, f, 1);
	fixture_lead(test, f);
}

static void a_file_system_without_direct_io_is_written_and_synced(struct kunit *test)
{
	struct fixture *f = test->priv;

	fixture_start(test, f, 1);
	KUNIT_EXPECT_FALSE(test, f->node->disk.direct);
	KUNIT_EXPECT_FALSE(test, f->node->disk.files[0]->f_flags & O_DIRECT);
	KUNIT_EXPECT_TRUE(test, f->node->disk.files[0]->f_flags & O_DSYNC);
}

static void disk_teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->mnt->mnt_sb->s_flags &= ~SB_RDONLY;
	fixture_teardown(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_file_that_cannot_hold_a_log_is_not_taken, file_gen_params),
	KUNIT_CASE(a_file_is_not_taken_twice),
	KUNIT_CASE_PARAM(a_node_that_cannot_write_stops_serving_and_says_why, fault_gen_params),
	KUNIT_CASE(a_direct_write_without_memory_is_tried_again),
	KUNIT_CASE(a_frozen_file_system_holds_up_its_write_and_nothing_else),
	KUNIT_CASE(a_file_system_without_direct_io_is_written_and_synced),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_disk",
	.test_cases = cases,
	.init = fixture_setup,
	.exit = disk_teardown,
};
kunit_test_suite(suite);
