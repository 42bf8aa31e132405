/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dm-log-writes leaves on its log device: every write, in the order in which they
 * became durable, and marks. Format: Documentation/admin-guide/device-mapper/log-writes.rst
 * and drivers/md/dm-log-writes.c.
 */
#ifndef WRITE_LOG_H
#define WRITE_LOG_H

#include <stdnoreturn.h>

#include "kq_platform.h"

#define SECTOR 512u

enum {
	WRITE_FLUSH	= 1 << 0,
	WRITE_FUA	= 1 << 1,
	WRITE_DISCARD	= 1 << 2,
	WRITE_MARK	= 1 << 3,
	WRITE_META	= 1 << 4,
};

/**
 * struct write_entry - one write, flush, discard or mark
 * @sector: of the device
 * @sectors: how many
 * @flags: WRITE_*
 * @data: what was written; NULL for a discard
 * @mark: text of a mark, else NULL
 */
struct write_entry {
	u64 sector;
	u64 sectors;
	u64 flags;
	const u8 *data;
	char *mark;
};

/**
 * struct write_log - the whole of it
 * @bytes: of @file
 * @file: as read
 * @count: entries
 * @entries: in order
 */
struct write_log {
	u64 bytes;
	u8 *file;
	u64 count;
	struct write_entry *entries;
};

/* A log that is not as it must be ends the process with what is wrong. */
void write_log_read(struct write_log *log, const char *path, u64 device_sectors);
/* A power cut is possible after each: what stands before it, and itself, is durable. */
bool write_is_point(const struct write_entry *e);

__printf(1, 2)
noreturn void fail(const char *format, ...);
void *allocate(size_t bytes);

#endif /* WRITE_LOG_H */
