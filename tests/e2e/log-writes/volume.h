/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device of one node as its log of writes tells it: where its segment files lie on it,
 * and what is in them at each moment.
 */
#ifndef VOLUME_H
#define VOLUME_H

#include "recovered.h"
#include "write_log.h"

/**
 * struct volume - device, files, and how far they are replayed
 * @log: what was written
 * @node: whose
 * @segments: files
 * @segment_bytes: of each
 * @device_sectors: of the device
 * @place: per sector of the device: 1 + the sector of the files (one after the other)
 *	that lies there, 0: none
 * @files: the segments as they are after @next entries
 * @next: entries replayed
 */
struct volume {
	struct write_log log;
	u32 node;
	u32 segments;
	u32 segment_bytes;
	u64 device_sectors;
	u32 *place;
	u8 *files;
	u64 next;
};

/* How much of the last write that counts reaches the disk. */
enum torn {
	TORN_NOT,
	TORN_ALL,		/* nothing of it does */
	TORN_TAIL,		/* its second half is missing */
	TORN_HEAD,		/* its first half is missing */
	TORN_DRAWN,		/* of all writes since the last point, sectors drawn by lot */
};

void volume_read(struct volume *v, const char *dir, u32 node);
void volume_free(struct volume *v);
bool volume_touched(const struct volume *v, const struct write_entry *e);
void volume_replay(struct volume *v, u64 end);
void volume_tear(const struct volume *v, u8 *files, u64 from, u64 end, enum torn how, u64 seed);
void volume_recover(const struct volume *v, const u8 *files, u64 cluster, struct recovered *r);
u8 *volume_image(const struct volume *v, u64 from, u64 end, enum torn how, u64 seed);
/* In the guest: where segment files of @dir lie, as volume_read() wants it. */
void extents_print(const char *dir, u32 node, u64 device_sectors);

#endif /* VOLUME_H */
