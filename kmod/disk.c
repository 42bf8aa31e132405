// SPDX-License-Identifier: GPL-2.0
/*
 * The log's files.
 *
 * Nobody who calls into the node does the log's I/O (callers bring their file size
 * limit, their cgroup, an open journal transaction): a work of ours does. A write that
 * hangs, in the device or because the file system is frozen, holds one work item and
 * nothing else: no lock, no other node. (The machine refuses to suspend meanwhile, as
 * the queue is freezable: what is written must be known to the image that resumes.)
 *
 *	kq_disk_write() -> submit work -> ->write_iter() -> ki_complete() -> done work
 *	                                                 -> or its return value
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>
#include <linux/xarray.h>
#include "compat.h"
#include "disk.h"
#include "node.h"

#define KQ_DISK_PAGES	136	/* of one write; the longest batch and what stands before it */
#define KQ_DISK_READ	(1024 * 1024)	/* bytes between two looks at the cancel flag */
#define KQ_DISK_RETRY_MS	10	/* until a write that got no memory is tried again */

static struct workqueue_struct *kq_disk_wq;

/*
 * Inodes of all segment files in use, also those of stopped nodes with a write that
 * does not end: whoever starts a node on these would have that write land in its log.
 */
static DEFINE_XARRAY(kq_disk_inodes);

static unsigned long inode_key(const struct file *file)
{
	return (unsigned long)file_inode(file) / sizeof(long);
}

static void disk_submit(struct work_struct *work);
static void disk_done(struct work_struct *work);

/**
 * kq_disk_init() - room for @count files
 * @disk: zeroed
 * @count: segments
 * @segment_bytes: size of each
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; kq_disk_destroy() frees in both cases.
 */
int kq_disk_init(struct kq_disk *disk, u32 count, u32 segment_bytes)
{
	u32 i;

	spin_lock_init(&disk->lock);
	INIT_WORK(&disk->submit, disk_submit);
	INIT_WORK(&disk->done, disk_done);
	disk->count = count;
	disk->segment_bytes = segment_bytes;
	disk->direct = true;
	disk->files = kcalloc(count, sizeof(*disk->files), GFP_KERNEL);
	disk->pages = kcalloc(KQ_DISK_PAGES, sizeof(*disk->pages), GFP_KERNEL);
	disk->bvec = kcalloc(KQ_DISK_PAGES, sizeof(*disk->bvec), GFP_KERNEL);
	if (!disk->files || !disk->pages || !disk->bvec)
		return -ENOMEM;
	for (i = 0; i < KQ_DISK_PAGES; i++) {
		disk->pages[i] = alloc_page(GFP_KERNEL);
		if (!disk->pages[i])
			return -ENOMEM;
	}
	return 0;
}

static int file_check(const struct file *file, u32 segment_bytes, const char **why)
{
	if (!S_ISREG(file_inode(file)->i_mode)) {
		*why = "segment is not a regular file";
		return -EINVAL;
	}
	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE)) {
		*why = "segment is not open for reading and writing";
		return -EBADF;
	}
	if (i_size_read(file_inode(file)) != segment_bytes) {
		*why = "segment file has another size than the setting says";
		return -EINVAL;
	}
	if (!file_inode(file)->i_nlink) {
		*why = "segment file was removed";
		return -ESTALE;
	}
	return 0;
}

/* Direct I/O in units of a block: the log's only kind of write. */
static bool can_direct(const struct file *file)
{
	struct block_device *bdev = file_inode(file)->i_sb->s_bdev;

	return !bdev || bdev_logical_block_size(bdev) <= KQ_WAL_BLOCK;
}

/*
 * Opens the file once more, for us alone, so that nobody else can change its flags.
 * A file system without direct I/O is written through the page cache and synced.
 */
static struct file *file_reopen(struct kq_disk *disk, const struct file *given)
{
	const unsigned int flags = O_RDWR | O_LARGEFILE | O_DSYNC;
	struct file *file;

	if (disk->direct && can_direct(given)) {
		file = dentry_open(&given->f_path, flags | O_DIRECT, current_cred());
		if (PTR_ERR_OR_ZERO(file) != -EINVAL)
			return file;
	}
	disk->direct = false;
	return dentry_open(&given->f_path, flags, current_cred());
}

/**
 * kq_disk_open() - take the file of one segment
 * @disk: the disk
 * @slot: which segment; each is opened once
 * @fd: of the calling process
 * @why: set to what is wrong with it
 *
 * Context: process; may sleep.
 * Return: 0 or negative errno.
 */
int kq_disk_open(struct kq_disk *disk, u32 slot, int fd, const char **why)
{
	struct file *given = fget(fd);
	struct file *file;
	int err;

	if (!given) {
		*why = "segment is not an open file descriptor";
		return -EBADF;
	}
	err = file_check(given, disk->segment_bytes, why);
	if (err)
		goto put;
	file = file_reopen(disk, given);
	if (IS_ERR(file)) {
		*why = "segment file cannot be opened again";
		err = PTR_ERR(file);
		goto put;
	}
	if (!file->f_op->write_iter) {
		*why = "this file system cannot hold a log: it has no write_iter";
		err = -EOPNOTSUPP;
		fput(file);
		goto put;
	}
	err = xa_insert(&kq_disk_inodes, inode_key(file), disk, GFP_KERNEL);
	if (err) {
		*why = "segment file is given twice, or in use by a node or an unfinished write";
		fput(file);
		goto put;
	}
	disk->files[slot] = file;
put:
	fput(given);
	return err;
}

static void close_files(struct kq_disk *disk)
{
	u32 i;

	for (i = 0; disk->files && i < disk->count; i++) {
		if (!disk->files[i])
			continue;
		xa_erase(&kq_disk_inodes, inode_key(disk->files[i]));
		fput(disk->files[i]);
		disk->files[i] = NULL;
	}
}

/**
 * kq_disk_destroy() - free it
 * @disk: never started, or shut down and no longer busy
 */
void kq_disk_destroy(struct kq_disk *disk)
{
	u32 i;

	close_files(disk);
	for (i = 0; disk->pages && i < KQ_DISK_PAGES; i++)
		if (disk->pages[i])
			__free_page(disk->pages[i]);
	kfree(disk->pages);
	kfree(disk->bvec);
	kfree(disk->files);
}

/**
 * kq_disk_hold() - the files are in use: shutdown does not close them
 * @disk: the disk, not shut down
 */
void kq_disk_hold(struct kq_disk *disk)
{
	spin_lock(&disk->lock);
	disk->users++;
	spin_unlock(&disk->lock);
}

/**
 * kq_disk_release() - they are no longer
 * @disk: the disk, held
 *
 * After kq_disk_shutdown() the last one closes the files.
 */
void kq_disk_release(struct kq_disk *disk)
{
	bool last;

	spin_lock(&disk->lock);
	last = !--disk->users && disk->closing;
	spin_unlock(&disk->lock);
	if (last) {
		close_files(disk);
		module_put(THIS_MODULE);
	}
}

/**
 * kq_disk_shutdown() - close the files, now or when the write under way has ended
 * @disk: the disk; no write is started any more
 *
 * While a write is under way the module cannot be unloaded.
 * Context: the caller has a reference to the module. Does not wait.
 */
void kq_disk_shutdown(struct kq_disk *disk)
{
	bool busy;

	spin_lock(&disk->lock);
	busy = disk->users;
	WRITE_ONCE(disk->closing, true);	/* try_again() looks without the lock */
	if (busy)
		__module_get(THIS_MODULE);
	spin_unlock(&disk->lock);
	if (!busy)
		close_files(disk);
}

/**
 * kq_disk_read_at() - read some of a segment
 * @disk: the disk, held
 * @slot: which
 * @to: where to
 * @from: bytes from its start
 * @len: bytes
 * @cancel: give up when this is true
 *
 * Reads through the page cache, with a file of its own: kernel memory and direct
 * reads do not go together on every file system. What was cached is dropped again.
 * Context: may sleep for long.
 * Return: 0; -EINTR when cancelled; -EIO for a short file; other negative errno.
 */
int kq_disk_read_at(struct kq_disk *disk, u32 slot, void *to, u32 from, u32 len,
		    const bool *cancel)
{
	struct file *own = disk->files[slot];
	loff_t pos = from, end = pos + len;
	struct file *file;
	int err = 0;

	file = dentry_open(&own->f_path, O_RDONLY | O_LARGEFILE, own->f_cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	while (pos < end) {
		ssize_t n;

		if (READ_ONCE(*cancel)) {
			err = -EINTR;
			break;
		}
		n = kernel_read(file, to + (pos - from), min_t(size_t, end - pos, KQ_DISK_READ),
				&pos);
		if (n <= 0) {
			err = n ? n : -EIO;
			break;
		}
		cond_resched();
	}
	if (disk->direct)
		invalidate_mapping_pages(file->f_mapping, 0, -1);
	fput(file);
	return err;
}

/**
 * kq_disk_read() - read the first bytes of a segment
 * @disk: the disk, held
 * @slot: which
 * @to: where to
 * @len: bytes
 * @cancel: give up when this is true
 *
 * Context and return: as kq_disk_read_at().
 */
int kq_disk_read(struct kq_disk *disk, u32 slot, void *to, u32 len, const bool *cancel)
{
	return kq_disk_read_at(disk, slot, to, 0, len, cancel);
}

/* --- writing ---------------------------------------------------------------------------- */

static struct kq_node *disk_node(struct kq_disk *disk)
{
	return container_of(disk, struct kq_node, disk);
}

static void disk_finish(struct kq_disk *disk, int error, const char *why)
{
	struct kq_batch *batch = disk->batch;

	disk->batch = NULL;
	kq_object_add(KQ_OBJECT_BATCH, -1);
	kq_disk_release(disk);	/* before the node hears of it: the next batch may come at once */
	kq_node_disk_done(disk_node(disk), batch, error, why);
	kq_node_put(disk_node(disk));
}

/* A segment that lost its name, its size or its file system's trust is not written. */
static int write_check(struct kq_disk *disk, const struct file *file, const char **why)
{
	const struct inode *inode = file_inode(file);

	if (!inode->i_nlink) {
		*why = "segment file was removed";
		return -ESTALE;
	}
	if (i_size_read(inode) < disk->segment_bytes) {
		*why = "segment file was cut";
		return -ESTALE;
	}
	if (sb_rdonly(inode->i_sb)) {
		*why = "file system is read-only";
		return -EROFS;
	}
	return 0;
}

static u32 fill_pages(struct kq_disk *disk, const struct kq_batch *batch)
{
	u32 chunk = min_t(u32, batch->len - disk->written, KQ_DISK_PAGES * PAGE_SIZE);
	u32 i, off;

	for (i = 0, off = 0; off < chunk; i++, off += PAGE_SIZE) {
		u32 len = min_t(u32, chunk - off, PAGE_SIZE);

		memcpy(page_address(disk->pages[i]), batch->data + disk->written + off, len);
		disk->bvec[i].bv_page = disk->pages[i];
		disk->bvec[i].bv_len = len;
		disk->bvec[i].bv_offset = 0;
	}
	return chunk;
}

static void disk_complete(struct kiocb *iocb, long result)
{
	struct kq_disk *disk = container_of(iocb, struct kq_disk, iocb);

	disk->result = result;
	queue_work(kq_disk_wq, &disk->done);
}

static void disk_submit(struct work_struct *work)
{
	struct kq_disk *disk = container_of(work, struct kq_disk, submit);
	struct kq_node *node = disk_node(disk);
	struct kq_batch *batch = disk->batch;
	struct file *file = disk->files[batch->slot];
	bool direct = file->f_flags & O_DIRECT;
	unsigned int noio = memalloc_noio_save();
	const char *why = NULL;
	struct iov_iter iter;
	long result;
	int err;

	err = write_check(disk, file, &why);
	if (err) {
		disk_finish(disk, err, why);
		goto out;
	}
	disk->chunk = fill_pages(disk, batch);
	iov_iter_bvec(&iter, ITER_SOURCE, disk->bvec, DIV_ROUND_UP(disk->chunk, PAGE_SIZE),
		      disk->chunk);
	disk->iocb = (struct kiocb) {
		.ki_filp = file,
		.ki_pos = batch->offset + disk->written,
		.ki_flags = IOCB_WRITE,
	};
	if (direct) {
		disk->iocb.ki_flags |= IOCB_DIRECT | IOCB_DSYNC;
		disk->iocb.ki_complete = disk_complete;
	}
	/*
	 * The write may be complete, its node gone and the file closed before ->write_iter(),
	 * which has the inode locked, returns.
	 */
	kq_node_get(node);
	get_file(file);
	kq_kiocb_start_write(&disk->iocb);	/* waits while the file system is frozen */
	result = file->f_op->write_iter(&disk->iocb, &iter);
	if (!direct && result == disk->chunk) {
		loff_t pos = batch->offset + disk->written;

		err = vfs_fsync_range(file, pos, pos + disk->chunk - 1, 1);
		if (err)
			result = err;
	}
	/* Any other value means that no completion will come. */
	if (result != -EIOCBQUEUED)
		disk_complete(&disk->iocb, result);
	fput(file);
	kq_node_put(node);
out:
	memalloc_noio_restore(noio);
}

/*
 * A direct write that the kernel had no memory for says nothing of the disk: the same bytes may go
 * to the same place again. Not so without direct I/O, where it may be a sync that failed, and the
 * next sync would know nothing of what this one lost.
 */
static bool try_again(struct kq_disk *disk)
{
	return disk->result == -ENOMEM && disk->iocb.ki_flags & IOCB_DIRECT &&
	       !READ_ONCE(disk->closing);
}

static void disk_done(struct work_struct *work)
{
	struct kq_disk *disk = container_of(work, struct kq_disk, done);
	long result = disk->result;

	kq_kiocb_end_write(&disk->iocb);
	if (try_again(disk)) {
		msleep(KQ_DISK_RETRY_MS);
		queue_work(kq_disk_wq, &disk->submit);
		return;
	}
	if (result < 0) {
		disk_finish(disk, result, NULL);
		return;
	}
	if (result != disk->chunk) {
		disk_finish(disk, -EIO, "short write to a segment");
		return;
	}
	disk->written += disk->chunk;
	if (disk->written < disk->batch->len)
		queue_work(kq_disk_wq, &disk->submit);
	else
		disk_finish(disk, 0, NULL);
}

/**
 * kq_disk_write() - write a batch; kq_node_disk_done() tells how it went
 * @node: the node
 * @batch: the batch; nobody else touches it until then
 *
 * Context: under the node's lock, no write under way. Does not wait.
 */
void kq_disk_write(struct kq_node *node, struct kq_batch *batch)
{
	struct kq_disk *disk = &node->disk;

	lockdep_assert_held(&node->lock);
	kq_disk_hold(disk);
	kq_node_get(node);
	kq_object_add(KQ_OBJECT_BATCH, 1);
	disk->batch = batch;
	disk->written = 0;
	queue_work(kq_disk_wq, &disk->submit);
}

/**
 * kq_disk_module_init() - the queue for all nodes' log writes
 *
 * Return: 0 or -ENOMEM.
 */
int kq_disk_module_init(void)
{
	/* Freezable as kq_wq is. */
	kq_disk_wq = alloc_workqueue("kquorum_disk", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_FREEZABLE,
				     WQ_UNBOUND_MAX_ACTIVE);
	return kq_disk_wq ? 0 : -ENOMEM;
}

/**
 * kq_disk_module_exit() - undo it; no write is under way
 */
void kq_disk_module_exit(void)
{
	destroy_workqueue(kq_disk_wq);
	xa_destroy(&kq_disk_inodes);
}
