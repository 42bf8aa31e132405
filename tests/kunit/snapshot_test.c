// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of a node alone: saved, in pieces, while locks come and go; handed over again, whole
 * and not; closed, and the node killed, at any moment.
 */
#include <linux/uio.h>
#include "snapshots.h"

static struct file *paused[8];
static u32 pauses;

/* Each time one lock more; and one that was there before the save began goes. */
static void locks_change(struct kunit *test, struct fixture *f)
{
	u32 i = pauses++;

	if (i >= ARRAY_SIZE(paused))
		return;
	fput(paused[i]);
	paused[i] = lock_open(test, f, 100 + i);
	msleep(100);
}

static void what_comes_out_is_the_state_of_one_moment(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *save = save_file(test, f);
	struct kq_snap_reader *r;

	hold_locks(test, f, paused, ARRAY_SIZE(paused));
	KUNIT_ASSERT_EQ(test, kq_save_ask(save), 0);
	fixture_step(f, look);
	pauses = 0;
	save_rest(test, f, save, "snapshot", locks_change);
	r = read_back(test, f, "snapshot");
	KUNIT_EXPECT_TRUE_MSG(test, r->ended, "%s", r->why);
	KUNIT_EXPECT_EQ(test, r->ref.index, core_applied);
	KUNIT_EXPECT_EQ(test, r->claims, (u64)ARRAY_SIZE(paused));
	fixture_step(f, look);
	KUNIT_EXPECT_GE(test, core_applied, r->ref.index + ARRAY_SIZE(paused));
	kvfree(r);
	drop_locks(f, paused, ARRAY_SIZE(paused));
	fput(save);
}

static void one_saves_at_a_time(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *first = save_file(test, f), *second = save_file(test, f);
	u8 byte;

	KUNIT_ASSERT_EQ(test, kq_save_ask(first), 0);
	KUNIT_EXPECT_EQ(test, kq_save_ask(second), -EBUSY);
	KUNIT_EXPECT_EQ(test, read_piece(first, &byte, 1), (ssize_t)1);
	fput(first);
	/* Closed in the middle; a file is let go of a moment later. */
	KUNIT_EXPECT_TRUE(test, wait_for(!fixture_step(f, look) && !core_saves));
	KUNIT_EXPECT_EQ(test, kq_save_ask(second), 0);
	save_rest(test, f, second, "snapshot", NULL);
	fput(second);
	ref_of(test, f, "snapshot");
}

static void a_killed_node_ends_the_save(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = save_file(test, f), *late;
	u8 byte;

	KUNIT_ASSERT_EQ(test, kq_save_ask(file), 0);
	KUNIT_EXPECT_EQ(test, read_piece(file, &byte, 1), (ssize_t)1);
	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, read_piece(file, &byte, 1), (ssize_t)-EIO);
	KUNIT_EXPECT_EQ(test, read_piece(file, &byte, 1), (ssize_t)-EIO);
	late = save_file(test, f);
	KUNIT_EXPECT_EQ(test, kq_save_ask(late), -ENODEV);
	fput(late);
	fput(file);
}

static void a_save_that_is_whole_stays_so_when_the_node_is_killed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = save_file(test, f);
	u8 byte;

	KUNIT_ASSERT_EQ(test, kq_save_ask(file), 0);
	save_rest(test, f, file, "snapshot", NULL);
	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, read_piece(file, &byte, 1), (ssize_t)0);
	fput(file);
}

static void a_piece_that_cannot_be_copied_ends_the_save(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = save_file(test, f);
	struct kiocb iocb;
	struct iov_iter to;
	u8 byte;

	KUNIT_ASSERT_EQ(test, kq_save_ask(file), 0);
	/* No process has memory there. */
	init_sync_kiocb(&iocb, file);
	iov_iter_ubuf(&to, ITER_DEST, (void __user *)-PAGE_SIZE, 100);
	KUNIT_EXPECT_EQ(test, file->f_op->read_iter(&iocb, &to), (ssize_t)-EFAULT);
	KUNIT_EXPECT_EQ(test, read_piece(file, &byte, 1), (ssize_t)-EFAULT);
	KUNIT_EXPECT_EQ(test, fixture_step(f, look), 0);
	KUNIT_EXPECT_FALSE(test, core_saves);
	fput(file);
}

/* --- handing over -------------------------------------------------------------------- */

static void what_is_adopted_takes_the_place_of_the_logs_beginning(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kquorum_snapshot_result r;
	struct file *file, *again;
	struct kq_snap_ref ref;

	locks_come_and_go(test, f, KEEP_ENTRIES);
	fixture_step(f, look);
	KUNIT_EXPECT_EQ(test, core_base, 0ull);
	save(test, f, "snapshot");
	ref = ref_of(test, f, "snapshot");
	file = hand_over(test, f, "snapshot", false);
	KUNIT_EXPECT_EQ(test, readiness(file), (__poll_t)0);
	KUNIT_ASSERT_EQ(test, kq_snapshot_ask(file), 0);
	/* Nobody else runs here as long as this does not wait. */
	KUNIT_EXPECT_EQ(test, readiness(file), (__poll_t)0);
	file->f_flags |= O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, read_piece(file, &r, sizeof(r)), (ssize_t)-EAGAIN);
	file->f_flags &= ~O_NONBLOCK;
	r = outcome(test, file);
	KUNIT_EXPECT_EQ_MSG(test, r.error, 0, "%s", r.why);
	KUNIT_EXPECT_EQ(test, r.index, ref.index);
	fput(file);
	KUNIT_EXPECT_TRUE(test, wait_for(is_in_use(f, &ref)));
	KUNIT_EXPECT_TRUE(test, wait_for(!fixture_step(f, look) &&
					 core_base == core_last - KEEP_ENTRIES));
	again = save_file(test, f);
	KUNIT_EXPECT_EQ(test, kq_save_ask(again), -EALREADY);
	fput(again);
	fails(test, f, "snapshot", false, -ESTALE, "there is a newer one");
}

static void a_leader_installs_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;

	save(test, f, "snapshot");
	fails(test, f, "snapshot", true, -EBUSY, "this node leads");
}

/* One that starts again does not know what is committed, until it leads or hears it. */
static void what_is_no_newer_is_not_installed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kq_snap_ref ref = start_behind(test, f, "snapshot");

	KUNIT_EXPECT_EQ(test, handed_over(test, f, "snapshot", true).error, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(is_in_use(f, &ref)));
	KUNIT_EXPECT_EQ(test, core_applied, ref.index);
	fails(test, f, "snapshot", true, -ESTALE, "no further behind");
	fixture_lead(test, f);
}

/* --- files that are not taken --------------------------------------------------------- */

struct bad_row {
	const char *desc;
	void (*spoil)(struct kunit *test, struct fixture *f);
	int error;
	const char *why;
};

static void spoil_byte(struct kunit *test, struct fixture *f)
{
	rewrite(test, f, ref_of(test, f, "snapshot").bytes - 100, 1);
}

static void spoil_magic(struct kunit *test, struct fixture *f)
{
	rewrite(test, f, 0, 1);
}

static void cut(struct kunit *test, struct fixture *f, loff_t bytes)
{
	struct file *file = fixture_open(f->mnt, "snapshot", O_RDWR);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, vfs_truncate(&file->f_path, bytes), 0);
	fput(file);
}

static void spoil_end(struct kunit *test, struct fixture *f)
{
	cut(test, f, ref_of(test, f, "snapshot").bytes - 1);
}

static void spoil_all(struct kunit *test, struct fixture *f)
{
	cut(test, f, 0);
}

static void spoil_behind(struct kunit *test, struct fixture *f)
{
	cut(test, f, ref_of(test, f, "snapshot").bytes + 1);
}

static void spoil_cluster(struct kunit *test, struct fixture *f)
{
	f->node->cfg.cluster_id++;
}

static void spoil_history(struct kunit *test, struct fixture *f)
{
	mutex_lock(&f->node->lock);
	f->node->core->conf.origin ^= 2;
	mutex_unlock(&f->node->lock);
}

static const struct bad_row bad_rows[] = {
	{ "a byte changed", spoil_byte, -EBADMSG, "damaged" },
	{ "something else", spoil_magic, -EINVAL, "no snapshot begins here" },
	{ "cut off", spoil_end, -ENODATA, "cut off" },
	{ "empty", spoil_all, -ENODATA, "empty" },
	{ "with more behind it", spoil_behind, -EBADMSG, "something follows its end" },
	{ "of another cluster", spoil_cluster, -EXDEV, "another cluster" },
	{ "of another history", spoil_history, -EXDEV, "another history" },
};

static void bad_desc(const struct bad_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(bad, bad_rows, bad_desc);

static void a_snapshot_that_is_not_sound_is_not_adopted(struct kunit *test)
{
	const struct bad_row *row = test->param_value;
	struct fixture *f = test->priv;

	save(test, f, "snapshot");
	row->spoil(test, f);
	fails(test, f, "snapshot", false, row->error, row->why);
	fails(test, f, "snapshot", true, row->error, row->why);
	fixture_step(f, look);
	KUNIT_EXPECT_EQ(test, core_snap.index, 0ull);
}

static struct file *open_directory(struct vfsmount *mnt)
{
	const struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };

	return dentry_open(&root, O_RDONLY | O_DIRECTORY, current_cred());
}

/* A file system of which the kernel itself cannot read. */
static struct file *open_odd(struct kunit *test, struct fixture *f)
{
	struct file *file = fixture_open(f->mnt, "odd", O_RDWR | O_CREAT);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	odd_fops = *file->f_op;
	odd_fops.read_iter = NULL;
	file_inode(file)->i_fop = &odd_fops;
	fput(file);
	return fixture_open(f->mnt, "odd", O_RDONLY);
}

static void not_taken(struct kunit *test, struct file *file, int error, const char *what)
{
	const char *why = "";
	struct file *snapshot = snapshot_take(test, file, &why);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(snapshot), error);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why, what), "'%s'", why);
	if (!IS_ERR(snapshot))
		fput(snapshot);
}

static void what_is_no_file_to_read_is_not_taken(struct kunit *test)
{
	struct fixture *f = test->priv;
	const char *why = "";

	not_taken(test, open_directory(f->mnt), -EINVAL, "not a regular file");
	not_taken(test, fixture_open(f->mnt, "new", O_WRONLY | O_CREAT), -EBADF,
		  "not open for reading");
	not_taken(test, open_odd(test, f), -EINVAL, "the kernel itself cannot read");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(kq_snapshot_open(9999, &why)), -EBADF);
	KUNIT_EXPECT_NOT_NULL(test, strstr(why, "not an open file descriptor"));
}

/* --- while it is read ------------------------------------------------------------------ */

static void a_file_that_cannot_be_read_is_not_adopted(struct kunit *test)
{
	struct fixture *f = test->priv;

	save(test, f, "snapshot");
	read_by(test, f, "snapshot", failing_read);
	failing = 1;
	failure = -EIO;
	fails(test, f, "snapshot", false, -EIO, "it cannot be read");
	adopt(test, f, "snapshot");
}

static void one_is_read_at_a_time_and_ends_when_nobody_waits(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file, *second;
	u64 bytes;

	save(test, f, "snapshot");
	bytes = ref_of(test, f, "snapshot").bytes;
	read_by(test, f, "snapshot", slow_read);
	file = hand_over(test, f, "snapshot", false);
	KUNIT_ASSERT_EQ(test, kq_snapshot_ask(file), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(atomic_read(&reads) > 3));
	second = hand_over(test, f, "snapshot", false);
	KUNIT_EXPECT_EQ(test, kq_snapshot_ask(second), -EBUSY);
	KUNIT_EXPECT_EQ(test, readiness(file), (__poll_t)0);
	fput(file);
	KUNIT_EXPECT_TRUE(test, wait_for(is_free(f)));
	KUNIT_EXPECT_LT(test, (u64)atomic_read(&reads), bytes / 2);
	KUNIT_EXPECT_EQ(test, kq_snapshot_ask(second), 0);
	fput(second);
	KUNIT_EXPECT_TRUE(test, wait_for(is_free(f)));
	fixture_step(f, look);
	KUNIT_EXPECT_EQ(test, core_snap.index, 0ull);
}

static void a_killed_node_ends_what_is_read(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kquorum_snapshot_result r;
	struct file *file;
	int install;
	u64 bytes;

	save(test, f, "snapshot");
	bytes = ref_of(test, f, "snapshot").bytes;
	read_by(test, f, "snapshot", slow_read);
	for (install = 0; install <= 1; install++) {
		atomic_set(&reads, 0);
		file = hand_over(test, f, "snapshot", install);
		KUNIT_ASSERT_EQ(test, kq_snapshot_ask(file), 0);
		KUNIT_EXPECT_TRUE(test, wait_for(atomic_read(&reads) > 3));
		kq_node_kill(f->node);
		r = outcome(test, file);
		KUNIT_EXPECT_EQ(test, r.error, -ENODEV);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(r.why, "went down"), "'%s'", r.why);
		KUNIT_EXPECT_LT(test, (u64)atomic_read(&reads), bytes / 2);
		fput(file);
		fixture_kill(f);
		KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
		fixture_start(test, f, 1);
	}
}

static void a_handle_that_was_never_asked_with_leaves_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;

	save(test, f, "snapshot");
	fput(hand_over(test, f, "snapshot", false));
	fput(save_file(test, f));
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_HANDLE])));
}

/* --- each allocation fails in turn ------------------------------------------------------ */

static int save_some(struct kunit *test, struct fixture *f)
{
	struct file *file = kq_save_file(f->node);
	u8 bytes[300];
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	err = kq_save_ask(file);
	while (!err) {
		err = read_piece(file, bytes, sizeof(bytes));
		if (!err)
			break;
		err = err < 0 ? err : 0;
	}
	fput(file);
	return err;
}

static int check_it(struct kunit *test, struct fixture *f)
{
	struct file *file = fixture_open(f->mnt, "snapshot", O_RDONLY);
	struct kq_snap_reader *r;
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	r = kvzalloc(sizeof(*r), GFP_KERNEL);
	err = -ENOMEM;
	if (r) {
		kq_snap_reader_init(r, 0, 0);
		err = kq_snapshot_check(f->node, file, r, NULL);
	}
	kvfree(r);
	fput(file);
	return err;
}

static int restore_it(struct kunit *test, struct fixture *f)
{
	struct file *file = fixture_open(f->mnt, "snapshot", O_RDONLY);
	struct kq_restore *rs;
	int err = -ENOMEM;

	if (IS_ERR(file))
		return PTR_ERR(file);
	rs = kq_restore_create(&f->node->cfg, kq_clock());
	if (rs)
		err = kq_snapshot_restore(f->node, file, rs, NULL, NULL);
	kq_restore_free(rs);
	fput(file);
	return err;
}

static int hand_it_over(struct kunit *test, struct fixture *f)
{
	struct file *file = fixture_open(f->mnt, "snapshot", O_RDONLY);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	file = kq_snapshot_file(f->node, file, false, false);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = kq_snapshot_ask(file);
	fput(file);
	return err;
}

static void each_failing_allocation(struct kunit *test, const char *what,
				    int (*call)(struct kunit *test, struct fixture *f))
{
	struct fixture *f = test->priv;
	unsigned int nth, left = 0;
	u32 failed = 0;
	int err = 0;

	for (nth = 1; nth < 1000 && !left; nth++) {
		current->fail_nth = nth;
		err = call(test, f);
		left = current->fail_nth;
		current->fail_nth = 0;
		failed += err == -ENOMEM || err == -ENFILE;
		KUNIT_EXPECT_TRUE_MSG(test, !err || err == -ENOMEM || err == -ENFILE, "%s: %d",
				      what, err);
		KUNIT_ASSERT_TRUE(test, wait_for(is_free(f) && !fixture_step(f, look) &&
						 !core_saves));
	}
	KUNIT_EXPECT_EQ_MSG(test, err, 0, "%s", what);
	KUNIT_EXPECT_LT(test, nth, 1000u);
	KUNIT_EXPECT_GE_MSG(test, failed, 1u, "%s", what);
}

static void each_failing_allocation_leaves_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held[10];

	hold_locks(test, f, held, ARRAY_SIZE(held));
	save(test, f, "snapshot");
	locks_come_and_go(test, f, 1);
	each_failing_allocation(test, "save", save_some);
	each_failing_allocation(test, "check", check_it);
	each_failing_allocation(test, "restore", restore_it);
	each_failing_allocation(test, "hand over", hand_it_over);
	drop_locks(f, held, ARRAY_SIZE(held));
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_HANDLE])));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_comes_out_is_the_state_of_one_moment),
	KUNIT_CASE(one_saves_at_a_time),
	KUNIT_CASE(a_killed_node_ends_the_save),
	KUNIT_CASE(a_save_that_is_whole_stays_so_when_the_node_is_killed),
	KUNIT_CASE(a_piece_that_cannot_be_copied_ends_the_save),
	KUNIT_CASE(what_is_adopted_takes_the_place_of_the_logs_beginning),
	KUNIT_CASE(a_leader_installs_nothing),
	KUNIT_CASE(what_is_no_newer_is_not_installed),
	KUNIT_CASE_PARAM(a_snapshot_that_is_not_sound_is_not_adopted, bad_gen_params),
	KUNIT_CASE(what_is_no_file_to_read_is_not_taken),
	KUNIT_CASE(a_file_that_cannot_be_read_is_not_adopted),
	KUNIT_CASE(one_is_read_at_a_time_and_ends_when_nobody_waits),
	KUNIT_CASE(a_killed_node_ends_what_is_read),
	KUNIT_CASE(a_handle_that_was_never_asked_with_leaves_nothing),
	KUNIT_CASE(each_failing_allocation_leaves_nothing),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_snapshot",
	.test_cases = cases,
	.init = snapshot_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
