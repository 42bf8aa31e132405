/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of snapshots share: locks that come and go, snapshots saved into files and read
 * back, and handed over; files with faults. Each includes it once.
 */
#ifndef KQ_SNAPSHOTS_H
#define KQ_SNAPSHOTS_H

#include <linux/poll.h>
#include <linux/uio.h>
#include "fixture.h"

#define KEEP_ENTRIES	8
#define PIECE_MAX	100000	/* bytes of one read */

static inline const char *lock_name(char *name, u32 i)
{
	sprintf(name, "resource/%u", i);
	return name;
}

static inline struct file *lock_open(struct kunit *test, struct fixture *f, u32 i)
{
	char name[32];
	struct file *file = fixture_lock_file(f, lock_name(name, i), 0, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, kq_lock_ask(file), 0);
	return file;
}

/* What the core has; read in a step. */
static struct kq_snap_ref core_snap;
static u64 core_base, core_last, core_claims, core_applied;
static bool core_saves;

static inline int look(struct kq_core *core, u64 now_ns)
{
	core_snap = core->snap;
	core_base = core->log.base_index;
	core_last = core->log.last;
	core_claims = core->res->claims;
	core_applied = core->applied;
	core_saves = core->save;
	return 0;
}

static inline bool has_claims(struct fixture *f, u64 count)
{
	return !fixture_step(f, look) && core_claims == count;
}

static inline bool is_in_use(struct fixture *f, const struct kq_snap_ref *ref)
{
	return !fixture_step(f, look) && kq_snap_same(&core_snap, ref);
}

static inline void hold_locks(struct kunit *test, struct fixture *f, struct file **held, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		held[i] = lock_open(test, f, i);
	KUNIT_ASSERT_TRUE(test, wait_for(has_claims(f, count)));
}

static inline void drop_locks(struct fixture *f, struct file **held, u32 count)
{
	while (count--)
		fput(held[count]);
}

/* --- saving -------------------------------------------------------------------------- */

static inline struct file *save_file(struct kunit *test, struct fixture *f)
{
	struct file *file = kq_save_file(f->node);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

static inline ssize_t read_piece(struct file *file, void *buf, size_t len)
{
	loff_t pos = 0;

	return kernel_read(file, buf, len, &pos);
}

/* The rest of it into the file of that name; between the pieces @pause, if there is one. */
static inline void save_rest(struct kunit *test, struct fixture *f, struct file *save,
			     const char *name,
			     void (*pause)(struct kunit *test, struct fixture *f))
{
	static const u32 pieces[] = { 1, 7, 111, 3, 64, 5, 200, 2, 4096, 65536, PIECE_MAX };
	struct file *to = fixture_open(f->mnt, name, O_WRONLY | O_CREAT | O_TRUNC);
	u8 *buf = kvmalloc(PIECE_MAX, GFP_KERNEL);
	loff_t at = 0;
	ssize_t got;
	u32 i = 0;

	KUNIT_ASSERT_FALSE(test, IS_ERR(to));
	KUNIT_ASSERT_NOT_NULL(test, buf);
	while ((got = read_piece(save, buf, pieces[i++ % ARRAY_SIZE(pieces)])) > 0) {
		KUNIT_EXPECT_EQ(test, kernel_write(to, buf, got, &at), got);
		if (pause)
			pause(test, f);
	}
	KUNIT_EXPECT_EQ(test, got, (ssize_t)0);
	KUNIT_EXPECT_EQ(test, read_piece(save, buf, 1), (ssize_t)0);
	fput(to);
	kvfree(buf);
}

static inline void save(struct kunit *test, struct fixture *f, const char *name)
{
	struct file *file = save_file(test, f);

	KUNIT_ASSERT_EQ(test, kq_save_ask(file), 0);
	save_rest(test, f, file, name, NULL);
	fput(file);
}

/* What the file has, as user space would find it. */
static inline struct kq_snap_reader *read_back(struct kunit *test, struct fixture *f,
					       const char *name)
{
	struct kq_snap_reader *r = kvzalloc(sizeof(*r), GFP_KERNEL);
	struct file *file = fixture_open(f->mnt, name, O_RDONLY);

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	kq_snap_reader_init(r, f->node->cfg.cluster_id, 0);
	kq_snapshot_check(f->node, file, r, NULL);
	fput(file);
	return r;
}

static inline struct kq_snap_ref ref_of(struct kunit *test, struct fixture *f, const char *name)
{
	struct kq_snap_reader *r = read_back(test, f, name);
	struct kq_snap_ref ref = r->ref;

	KUNIT_EXPECT_TRUE_MSG(test, r->ended, "%s: %s", name, r->why);
	kvfree(r);
	return ref;
}

/* --- handing over -------------------------------------------------------------------- */

static inline __poll_t readiness(struct file *file)
{
	return vfs_poll(file, NULL);
}

static inline struct file *hand_over_as(struct kunit *test, struct fixture *f, const char *name,
					bool install, bool grows)
{
	const char *why = NULL;
	struct file *snapshot = snapshot_take(test, fixture_open(f->mnt, name, O_RDONLY), &why);
	struct file *file;

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(snapshot), "%s", why);
	file = kq_snapshot_file(f->node, snapshot, install, grows);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

static inline struct file *hand_over(struct kunit *test, struct fixture *f, const char *name,
				     bool install)
{
	return hand_over_as(test, f, name, install, false);
}

/* Reads what became of it, once. */
static inline struct kquorum_snapshot_result outcome(struct kunit *test, struct file *file)
{
	struct kquorum_snapshot_result r = { .error = 1 };

	KUNIT_EXPECT_TRUE(test, wait_for(readiness(file) == (EPOLLIN | EPOLLRDNORM)));
	KUNIT_EXPECT_EQ(test, read_piece(file, &r, sizeof(r) - 1), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, read_piece(file, &r, sizeof(r)), (ssize_t)sizeof(r));
	KUNIT_EXPECT_EQ(test, read_piece(file, &r, sizeof(r)), (ssize_t)0);
	return r;
}

static inline struct kquorum_snapshot_result handed_over(struct kunit *test, struct fixture *f,
							 const char *name, bool install)
{
	struct file *file = hand_over(test, f, name, install);
	struct kquorum_snapshot_result r;

	KUNIT_ASSERT_EQ(test, kq_snapshot_ask(file), 0);
	r = outcome(test, file);
	fput(file);
	return r;
}

static inline void adopt(struct kunit *test, struct fixture *f, const char *name)
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

static inline void fails(struct kunit *test, struct fixture *f, const char *name, bool install,
			 int error, const char *why)
{
	struct kquorum_snapshot_result r = handed_over(test, f, name, install);

	KUNIT_EXPECT_EQ_MSG(test, r.error, error, "%s", r.why);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(r.why, why), "'%s'", r.why);
}

/* Locks are taken and given back, one by one. */
static inline void locks_come_and_go(struct kunit *test, struct fixture *f, u32 count)
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

/* A node that starts again, and a snapshot of what it was: it may install that. */
static inline struct kq_snap_ref start_behind(struct kunit *test, struct fixture *f,
					      const char *name)
{
	struct kq_snap_ref ref;

	save(test, f, name);
	ref = ref_of(test, f, name);
	fixture_kill(f);
	KUNIT_ASSERT_TRUE(test, wait_for(!objects_left()));
	fixture_start(test, f, 1);
	return ref;
}

static inline bool is_free(struct fixture *f)
{
	return !test_bit(0, &f->node->snapshot_busy);
}

/* --- files that are not as they should be -------------------------------------------- */

/* One byte of "snapshot" becomes another one. */
static inline void rewrite(struct kunit *test, struct fixture *f, loff_t at, u8 byte)
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

static ssize_t (*sound_read)(struct kiocb *iocb, struct iov_iter *to);
static struct file_operations odd_fops;
static atomic_t reads;
static int failing;	/* how many reads from now on fail */
static int failure;

/* A byte at a time, and each takes its time. */
static inline ssize_t slow_read(struct kiocb *iocb, struct iov_iter *to)
{
	atomic_inc(&reads);
	msleep(20);
	iov_iter_truncate(to, 1);
	return sound_read(iocb, to);
}

static inline ssize_t failing_read(struct kiocb *iocb, struct iov_iter *to)
{
	if (failing > 0) {
		failing--;
		return failure;
	}
	return sound_read(iocb, to);
}

/* The file of that name is read by @read from now on. */
static inline void read_by(struct kunit *test, struct fixture *f, const char *name,
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

/* A node that leads alone. */
static inline int snapshot_setup(struct kunit *test)
{
	struct fixture *f;
	int err = fixture_setup(test);

	if (err)
		return err;
	f = test->priv;
	f->keep_entries = KEEP_ENTRIES;
	fixture_start(test, f, 1);
	fixture_lead(test, f);
	return 0;
}

#endif /* KQ_SNAPSHOTS_H */
