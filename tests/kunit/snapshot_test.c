// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of a node alone: saved, in pieces, while locks come and go; handed over again, whole
 * and not; closed, and the node killed, at any moment; and what a node starts with.
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

static void adopt(struct kunit *test, struct fixture *f, const char *name)
{
	struct kquorum_snapshot_result r = handed_over(test, f, name, false);
	struct kq_snap_ref ref = ref_of(test, f, name);

	KUNIT_ASSERT_EQ_MSG(test, r.error, 0, "%s", r.why);
	KUNIT_EXPECT_EQ(test, r.index, ref.index);
	KUNIT_EXPECT_EQ(test, r.term, ref.term);
	KUNIT_EXPECT_EQ(test, r.bytes, ref.bytes);
	KUNIT_EXPECT_EQ(test, r.crc, ref.crc);
	KUNIT_ASSERT_TRUE(test, wait_for(is_in_use(f, &ref)));
}

static void fails(struct kunit *test, struct fixture *f, const char *name, bool install, int error,
		  const char *why)
{
	struct kquorum_snapshot_result r = handed_over(test, f, name, install);

	KUNIT_EXPECT_EQ_MSG(test, r.error, error, "%s", r.why);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(r.why, why), "'%s'", r.why);
}

/* Locks are taken and given back, one by one. */
static void locks_come_and_go(struct kunit *test, struct fixture *f, u32 count)
{
	u64 before;
	u32 i;

	fixture_step(f, look);
	before = core_claims;
	for (i = 0; i < count; i++) {
		struct file *file = lock_open(test, f, 1000);

		KUNIT_ASSERT_TRUE(test, wait_for(has_claims(f, before + 1)));
		fput(file);
		KUNIT_ASSERT_TRUE(test, wait_for(has_claims(f, before)));
	}
}

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
	struct kq_snap_ref ref;

	save(test, f, "snapshot");
	ref = ref_of(test, f, "snapshot");
	fixture_kill(f);
	KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
	fixture_start(test, f, 1);
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

static void rewrite(struct kunit *test, struct fixture *f, loff_t at, u8 byte)
{
	struct file *file = fixture_open(f->mnt, "snapshot", O_RDWR);
	loff_t pos = at;
	u8 old;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, kernel_read(file, &old, 1, &pos), (ssize_t)1);
	byte ^= old;
	KUNIT_ASSERT_EQ(test, kernel_write(file, &byte, 1, &at), (ssize_t)1);
	fput(file);
}

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
static struct file_operations odd_fops;

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

static ssize_t (*sound_read)(struct kiocb *iocb, struct iov_iter *to);
static atomic_t reads;
static int failing;	/* how many reads from now on fail */
static int failure;

/* A byte at a time, and each takes its time. */
static ssize_t slow_read(struct kiocb *iocb, struct iov_iter *to)
{
	atomic_inc(&reads);
	msleep(20);
	iov_iter_truncate(to, 1);
	return sound_read(iocb, to);
}

static ssize_t failing_read(struct kiocb *iocb, struct iov_iter *to)
{
	if (failing > 0) {
		failing--;
		return failure;
	}
	return sound_read(iocb, to);
}

/* The file of that name is read by @read from now on. */
static void read_by(struct kunit *test, struct fixture *f, const char *name,
		    ssize_t (*read)(struct kiocb *iocb, struct iov_iter *to))
{
	struct file *file = fixture_open(f->mnt, name, O_RDONLY);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	sound_read = file->f_op->read_iter;
	odd_fops = *file->f_op;
	odd_fops.read_iter = read;
	file_inode(file)->i_fop = &odd_fops;
	atomic_set(&reads, 0);
	fput(file);
}

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

/* --- starting -------------------------------------------------------------------------- */

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
	KUNIT_CASE(it_starts_with_the_snapshot_that_its_log_refers_to),
	KUNIT_CASE(without_its_snapshot_it_is_damaged_until_one_is_installed),
	KUNIT_CASE(with_a_damaged_snapshot_it_says_what_is_wrong_with_it),
	KUNIT_CASE(a_snapshot_that_is_empty_is_called_so),
	KUNIT_CASE(killed_while_its_snapshot_is_read_it_goes),
	KUNIT_CASE(without_memory_for_its_snapshot_it_starts_later),
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
