/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The segment files of one node: opening, reading for recovery, writing batches.
 */
#ifndef KQ_DISK_H
#define KQ_DISK_H

#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct kq_batch;

/**
 * struct kq_disk - the files and the write under way
 * @files: one per slot, opened by and for us
 * @count: how many
 * @segment_bytes: size of each
 * @direct: all files can do direct I/O
 * @lock: protects @users, @closing
 * @users: recovery or a scrub that reads, a batch that is being written: the files stay open
 * @closing: close them as soon as nobody uses them; no write starts any more
 * @batch: being written
 * @written: bytes of it that are on disk
 * @chunk: bytes of the present write
 * @result: what it returned
 * @pages: what is written from; nobody else touches these while a write is under way
 * @bvec: the same, for the iterator
 * @iocb: the write
 * @submit: starts the next write
 * @done: a write ended
 */
struct kq_disk {
	struct file **files;
	u32 count;
	u32 segment_bytes;
	bool direct;
	spinlock_t lock;
	u32 users;
	bool closing;
	struct kq_batch *batch;
	u32 written;
	u32 chunk;
	long result;
	struct page **pages;
	struct bio_vec *bvec;
	struct kiocb iocb;
	struct work_struct submit;
	struct work_struct done;
};

struct kq_node;

int kq_disk_init(struct kq_disk *disk, u32 count, u32 segment_bytes);
int kq_disk_open(struct kq_disk *disk, u32 slot, int fd, const char **why);
void kq_disk_destroy(struct kq_disk *disk);

void kq_disk_hold(struct kq_disk *disk);
int kq_disk_read(struct kq_disk *disk, u32 slot, void *to, u32 len, const bool *cancel);
int kq_disk_read_at(struct kq_disk *disk, u32 slot, void *to, u32 from, u32 len,
		    const bool *cancel);
void kq_disk_release(struct kq_disk *disk);

void kq_disk_write(struct kq_node *node, struct kq_batch *batch);
void kq_disk_shutdown(struct kq_disk *disk);

int kq_disk_module_init(void);
void kq_disk_module_exit(void);

#endif /* KQ_DISK_H */
