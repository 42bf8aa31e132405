// SPDX-License-Identifier: GPL-2.0
/*
 * Reading what dm-log-writes wrote. One sector per entry, then its data:
 *
 *	super | entry | data | entry | data | ...
 *
 * The log is the evidence, so nothing in it is taken on trust.
 */
#include <stdarg.h>

#include "write_log.h"

#define MAGIC	0x6a736677736872ULL
#define VERSION	1

struct super {
	__le64 magic;
	__le64 version;
	__le64 nr_entries;
	__le32 sectorsize;
} __packed;

struct head {
	__le64 sector;
	__le64 nr_sectors;
	__le64 flags;
	__le64 data_len;
} __packed;

void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "log-writes: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void *allocate(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (!p)
		fail("no memory");
	return p;
}

static void file_read(struct write_log *log, const char *path)
{
	FILE *f = fopen(path, "re");
	u64 room = 1024 * 1024;
	size_t got;

	if (!f)
		fail("%s: %s", path, strerror(errno));
	log->file = allocate(room);
	while ((got = fread(log->file + log->bytes, 1, room - log->bytes, f))) {
		log->bytes += got;
		if (log->bytes == room)
			log->file = realloc(log->file, room *= 2);
		if (!log->file)
			fail("no memory");
	}
	if (ferror(f))
		fail("%s: %s", path, strerror(errno));
	fclose(f);
}

static const char *mark_take(struct write_entry *e, const u8 *text, u64 len)
{
	if (e->flags != WRITE_MARK)
		return "a mark that is something else too";
	if (e->sector || e->sectors)
		return "a mark with a place on the device";
	if (!len || len > SECTOR - sizeof(struct head) - 1 || memchr(text, 0, len))
		return "a mark without a text of its length";
	e->mark = strndup((const char *)text, len);
	return e->mark ? NULL : "no memory";
}

static const char *write_check(const struct write_entry *e, u64 len, u64 device_sectors)
{
	if (len)
		return "a write with a text";
	if ((e->flags & WRITE_DISCARD) && (e->flags & (WRITE_FLUSH | WRITE_FUA)))
		return "a discard that flushes";
	if (!e->sectors && !(e->flags & WRITE_FLUSH))
		return "a write of nothing";
	/* A flush has the place, and flags, of the write that asked for it. */
	if (e->sectors > device_sectors || (e->sectors && e->sector > device_sectors - e->sectors))
		return "a write beyond the end of the device";
	return NULL;
}

/* Returns the bytes that the entry at @at takes, or 0 with @why. */
static u64 entry_read(struct write_log *log, u64 at, struct write_entry *e, u64 device_sectors,
		      const char **why)
{
	const struct head *h = (const void *)(log->file + at);
	u64 left = (log->bytes - at) / SECTOR, len;

	if (!left) {
		*why = "the log ends before it";
		return 0;
	}
	e->sector = le64_to_cpu(h->sector);
	e->sectors = le64_to_cpu(h->nr_sectors);
	e->flags = le64_to_cpu(h->flags);
	len = le64_to_cpu(h->data_len);
	if (e->flags & ~(u64)(WRITE_FLUSH | WRITE_FUA | WRITE_DISCARD | WRITE_MARK | WRITE_META))
		*why = "flags that nobody knows";
	else if (e->flags & WRITE_MARK)
		*why = mark_take(e, (const u8 *)(h + 1), len);
	else
		*why = write_check(e, len, device_sectors);
	if (*why)
		return 0;
	if ((e->flags & (WRITE_MARK | WRITE_DISCARD)) || !e->sectors)
		return SECTOR;
	if (e->sectors > left - 1) {
		*why = "the log ends in its data";
		return 0;
	}
	e->data = log->file + at + SECTOR;
	return (1 + e->sectors) * SECTOR;
}

/**
 * write_log_read() - read a log and check every field of it
 * @log: filled in; lives as long as the process
 * @path: the log device, or a copy of its first bytes
 * @device_sectors: size of the device that was written
 */
void write_log_read(struct write_log *log, const char *path, u64 device_sectors)
{
	const struct super *s;
	const char *why = NULL;
	u64 at = SECTOR, i;

	memset(log, 0, sizeof(*log));
	file_read(log, path);
	if (log->bytes < SECTOR)
		fail("%s: too short for a log", path);
	s = (const void *)log->file;
	if (le64_to_cpu(s->magic) != MAGIC || le64_to_cpu(s->version) != VERSION)
		fail("%s: not a log of dm-log-writes, version %u", path, VERSION);
	if (le32_to_cpu(s->sectorsize) != SECTOR)
		fail("%s: sectors of %u bytes", path, le32_to_cpu(s->sectorsize));
	log->count = le64_to_cpu(s->nr_entries);
	if (!log->count || log->count > log->bytes / SECTOR - 1)
		fail("%s: %llu entries in %llu bytes", path, (unsigned long long)log->count,
		     (unsigned long long)log->bytes);
	log->entries = allocate(log->count * sizeof(*log->entries));
	for (i = 0; i < log->count; i++) {
		u64 bytes = entry_read(log, at, &log->entries[i], device_sectors, &why);

		if (!bytes)
			fail("%s: entry %llu at byte %llu: %s", path, (unsigned long long)i,
			     (unsigned long long)at, why);
		at += bytes;
	}
	/* The target writes it when it goes: without it the end of the log is missing. */
	if (!log->entries[log->count - 1].mark ||
	    strcmp(log->entries[log->count - 1].mark, "dm-log-writes-end"))
		fail("%s: it does not end with dm-log-writes-end", path);
}

bool write_is_point(const struct write_entry *e)
{
	return e->flags & (WRITE_FLUSH | WRITE_FUA);
}
