// SPDX-License-Identifier: GPL-2.0
/*
 * One durable write after the other, as kquorum's log does them: asynchronous direct
 * I/O with IOCB_DSYNC into blocks that have been written before.
 */
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "floor.h"

#define WRITE_BLOCK	4096

struct floor_iocb {
	struct kiocb iocb;
	long result;
	struct completion done;
};

static void write_complete(struct kiocb *iocb, long result)
{
	struct floor_iocb *io = container_of(iocb, struct floor_iocb, iocb);

	io->result = result;
	complete(&io->done);
}

/* Return: 0 when the block is durable, else negative errno. */
static int write_block(struct file *file, struct page *page, loff_t pos)
{
	struct bio_vec bvec = { .bv_page = page, .bv_len = WRITE_BLOCK };
	struct floor_iocb io = {
		.iocb = {
			.ki_filp = file,
			.ki_pos = pos,
			.ki_flags = IOCB_WRITE | IOCB_DIRECT | IOCB_DSYNC,
			.ki_complete = write_complete,
		},
	};
	struct iov_iter iter;
	long ret;

	init_completion(&io.done);
	iov_iter_bvec(&iter, ITER_SOURCE, &bvec, 1, WRITE_BLOCK);
	file_start_write(file);
	ret = file->f_op->write_iter(&io.iocb, &iter);
	if (ret == -EIOCBQUEUED) {
		/* the iocb and the page are ours until the device is done: not killable */
		wait_for_completion_io(&io.done);
		ret = io.result;
	}
	file_end_write(file);
	if (ret < 0)
		return ret;
	return ret == WRITE_BLOCK ? 0 : -EIO;
}

static int write_loop(struct file *file, struct page *page, const struct kqfloor_write *ask,
		      u32 *samples)
{
	u64 end_ns = ktime_get_ns() + (u64)ask->duration_ms * NSEC_PER_MSEC;
	u64 begun_ns, now_ns = 0;
	loff_t pos = 0;
	u32 i;

	for (i = 0; i < ask->count && now_ns < end_ns; i++) {
		int err;

		memset(page_address(page), i, WRITE_BLOCK);
		begun_ns = ktime_get_ns();
		err = write_block(file, page, pos);
		if (err)
			return err;
		now_ns = ktime_get_ns();
		samples[i] = min_t(u64, now_ns - begun_ns, U32_MAX);
		pos += WRITE_BLOCK;
		if (pos == ask->span)
			pos = 0;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return i;
}

/**
 * floor_write() - measure durable writes
 * @ask: the file and how long
 * @samples: room for @ask->count, nanoseconds each
 *
 * Context: process; may sleep; can be killed between two writes.
 * Return: the number of samples or negative errno.
 */
int floor_write(const struct kqfloor_write *ask, u32 *samples)
{
	struct file *file;
	struct page *page;
	int ret = -EINVAL;

	file = fget(ask->fd);
	if (!file)
		return -EBADF;
	if (!S_ISREG(file_inode(file)->i_mode) || !(file->f_mode & FMODE_WRITE) ||
	    !(file->f_flags & O_DIRECT) || !file->f_op->write_iter)
		goto put;
	if (!ask->span || ask->span % WRITE_BLOCK || ask->span > i_size_read(file_inode(file)))
		goto put;
	ret = -ENOMEM;
	page = alloc_page(GFP_KERNEL);
	if (!page)
		goto put;
	ret = write_loop(file, page, ask, samples);
	__free_page(page);
put:
	fput(file);
	return ret;
}
