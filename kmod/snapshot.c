// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshot files. The daemon writes and names them; here they are only read: opened once more for
 * us alone, in pieces, and judged by what the core knows of their format.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include "node.h"
#include "snapshot.h"

#define KQ_SNAPSHOT_PIECE	(64 * 1024)	/* bytes between two looks at the cancel flags */
#define KQ_SNAPSHOT_LOOK	(HZ / 5)	/* and when nothing comes */

/**
 * kq_snapshot_open() - take a snapshot file
 * @fd: of the calling process
 * @why: set to what is wrong with it
 *
 * Context: process; may sleep.
 * Return: opened for reading, for fput(); or an error pointer.
 */
struct file *kq_snapshot_open(int fd, const char **why)
{
	struct file *given = fget(fd);
	struct file *file = ERR_PTR(-EINVAL);

	if (!given) {
		*why = "the snapshot is not an open file descriptor";
		return ERR_PTR(-EBADF);
	}
	if (!S_ISREG(file_inode(given)->i_mode)) {
		*why = "the snapshot is not a regular file";
	} else if (!(given->f_mode & FMODE_READ)) {
		*why = "the snapshot is not open for reading";
		file = ERR_PTR(-EBADF);
	} else if (!given->f_op->read_iter || given->f_op->read) {
		*why = "the snapshot is on a file system that the kernel itself cannot read";
	} else {
		file = dentry_open(&given->f_path, O_RDONLY | O_LARGEFILE, current_cred());
		if (IS_ERR(file))
			*why = "the snapshot cannot be opened again";
	}
	fput(given);
	return file;
}

/* Nobody waits any more for the end of a file that is long, or endless. */
static bool is_over(const struct kq_node *node, const bool *cancel)
{
	return READ_ONCE(node->cancel) || (cancel && READ_ONCE(*cancel));
}

static bool may_read(const struct kq_snapshot_part *part, loff_t pos)
{
	/* Both pair with part_grows(): what is said to be there has been written. */
	if (smp_load_acquire(&part->whole))
		return true;
	return smp_load_acquire(&part->bytes) > pos;	/* as above */
}

/* How many bytes may be read at @pos; waits for one. 0: nobody wants them any more. */
static size_t await_bytes(const struct kq_node *node, struct kq_snapshot_part *part, loff_t pos,
			  const bool *cancel)
{
	if (!part)
		return is_over(node, cancel) ? 0 : KQ_SNAPSHOT_PIECE;
	while (!is_over(node, cancel)) {
		if (may_read(part, pos))
			return READ_ONCE(part->whole) ? KQ_SNAPSHOT_PIECE :
				min_t(u64, READ_ONCE(part->bytes) - pos, KQ_SNAPSHOT_PIECE);
		/* Nobody tells this queue that the node goes down. */
		wait_event_idle_timeout(part->wait, may_read(part, pos) || is_over(node, cancel),
					KQ_SNAPSHOT_LOOK);
	}
	return 0;
}

/* All of @file to @feed, until that returns an error. */
static int read_file(const struct kq_node *node, struct file *file, struct kq_snapshot_part *part,
		     const bool *cancel, int (*feed)(void *ctx, const void *data, size_t len),
		     void *ctx)
{
	void *buf = kvmalloc(KQ_SNAPSHOT_PIECE, GFP_KERNEL);
	loff_t pos = 0;
	ssize_t got;
	int err = 0;

	if (!buf)
		return -ENOMEM;
	while (!err) {
		size_t len = await_bytes(node, part, pos, cancel);

		if (!len) {
			err = -EINTR;
			break;
		}
		got = kernel_read(file, buf, len, &pos);
		if (got <= 0) {
			err = got;
			break;
		}
		err = feed(ctx, buf, got);
		cond_resched();
	}
	kvfree(buf);
	return err;
}

static int feed_reader(void *ctx, const void *data, size_t len)
{
	return kq_snap_read(ctx, data, len, NULL, NULL);
}

static int feed_restore(void *ctx, const void *data, size_t len)
{
	return kq_restore_feed(ctx, data, len);
}

/**
 * kq_snapshot_check() - is it whole and undamaged?
 * @node: for whom; given up once it goes down
 * @file: from kq_snapshot_open()
 * @r: initialised; says which it is, or what is wrong
 * @cancel: given up once it is true; NULL: never
 *
 * Context: may sleep, for the disk.
 * Return: 0; as kq_snap_read_end(); -EINTR: given up; or as reading the file failed, and then
 * @r->why is empty.
 */
int kq_snapshot_check(const struct kq_node *node, struct file *file, struct kq_snap_reader *r,
		      const bool *cancel)
{
	int err = read_file(node, file, NULL, cancel, feed_reader, r);

	return err ? err : kq_snap_read_end(r);
}

/**
 * kq_snapshot_restore() - read the state in it
 * @node: for whom; given up once it goes down
 * @file: from kq_snapshot_open()
 * @rs: fresh
 * @part: it is still being written, and so much of it is there; NULL: it is whole
 * @cancel: given up once it is true; NULL: never
 *
 * Context: may sleep, for the disk and memory.
 * Return: as kq_restore_finish(); -EINTR: given up; or as reading the file failed.
 */
int kq_snapshot_restore(const struct kq_node *node, struct file *file, struct kq_restore *rs,
			struct kq_snapshot_part *part, const bool *cancel)
{
	int err = read_file(node, file, part, cancel, feed_restore, rs);

	return err ? err : kq_restore_finish(rs);
}
