// SPDX-License-Identifier: GPL-2.0
/*
 * Replaying the writes to one node's device. Segment files are filled once and overwritten
 * ever after, so their extents stay where they are and no mount is needed to know what
 * they hold: a write to the device is a write to the place in them that lies there.
 */
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "volume.h"

#define EXTENTS_MAX 64

/* --- where the files are ---------------------------------------------------------------- */

/* Physical bytes that are not what the file holds. */
#define NOT_IN_PLACE (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | \
		      FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_UNWRITTEN)

static void file_extents(const char *path, u32 slot, u64 bytes)
{
	struct fiemap *map = allocate(sizeof(*map) + EXTENTS_MAX * sizeof(map->fm_extents[0]));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	u64 at = 0;
	u32 i;

	map->fm_length = FIEMAP_MAX_OFFSET;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = EXTENTS_MAX;
	if (fd < 0 || ioctl(fd, FS_IOC_FIEMAP, map))
		fail("%s: %s", path, strerror(errno));
	for (i = 0; i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &map->fm_extents[i];

		if (e->fe_logical != at || (e->fe_flags & NOT_IN_PLACE) ||
		    (e->fe_physical | e->fe_length) % SECTOR)
			fail("%s: a hole, or an extent without a place", path);
		printf("extent %u %llu %llu %llu\n", slot, e->fe_logical / SECTOR,
		       e->fe_physical / SECTOR, e->fe_length / SECTOR);
		at += e->fe_length;
	}
	if (at < bytes)
		fail("%s: extents for %llu of %llu bytes", path, (unsigned long long)at,
		     (unsigned long long)bytes);
	close(fd);
	free(map);
}

void extents_print(const char *dir, u32 node, u64 device_sectors)
{
	struct stat first = { 0 }, st;
	u32 count = 0, slot;
	char path[512];

	for (;; count++) {
		snprintf(path, sizeof(path), "%s/segment-%04u", dir, count);
		if (stat(path, &st))
			break;
		if (!count)
			first = st;
		if (st.st_size != first.st_size)
			fail("%s: not as long as the first segment", path);
	}
	printf("node %u segments %u of %llu device %llu\n", node, count,
	       (unsigned long long)first.st_size, (unsigned long long)device_sectors);
	for (slot = 0; slot < count; slot++) {
		snprintf(path, sizeof(path), "%s/segment-%04u", dir, slot);
		file_extents(path, slot, first.st_size);
	}
}

static void place_extent(struct volume *v, const char *path, u32 slot, u64 in_file, u64 sector,
			 u64 sectors)
{
	u64 per_file = v->segment_bytes / SECTOR, i;

	if (slot >= v->segments || in_file > per_file || sector > v->device_sectors ||
	    sectors > v->device_sectors - sector)
		fail("%s: an extent out of range", path);
	for (i = 0; i < sectors && in_file + i < per_file; i++) {
		if (v->place[sector + i])
			fail("%s: two files in one place", path);
		v->place[sector + i] = 1 + slot * per_file + in_file + i;
	}
}

static void extents_read(struct volume *v, const char *path)
{
	unsigned long long device, in_file, sector, sectors;
	FILE *f = fopen(path, "re");
	u64 placed = 0, i;
	u32 node, slot;
	int got;

	if (!f)
		fail("%s: %s", path, strerror(errno));
	if (fscanf(f, "node %u segments %u of %u device %llu\n", &node, &v->segments,
		   &v->segment_bytes, &device) != 4 ||
	    node != v->node || !v->segments || v->segments > KQ_WAL_MAX_SEGMENTS ||
	    v->segment_bytes % KQ_WAL_BLOCK || v->segment_bytes > 1 << 30 || device > 1 << 24)
		fail("%s: a bad first line", path);
	v->device_sectors = device;
	v->place = allocate(device * sizeof(*v->place));
	while ((got = fscanf(f, "extent %u %llu %llu %llu\n", &slot, &in_file, &sector,
			     &sectors)) == 4)
		place_extent(v, path, slot, in_file, sector, sectors);
	if (got != EOF)
		fail("%s: a bad line", path);
	fclose(f);
	for (i = 0; i < device; i++)
		placed += !!v->place[i];
	if (placed != (u64)v->segments * v->segment_bytes / SECTOR)
		fail("%s: not every sector of the segments has its place", path);
}

/**
 * volume_read() - the log and the extents of a node
 * @v: filled in
 * @dir: has n1.log and n1.extents, and so on
 * @node: which
 */
void volume_read(struct volume *v, const char *dir, u32 node)
{
	char path[512];

	memset(v, 0, sizeof(*v));
	v->node = node;
	snprintf(path, sizeof(path), "%s/n%u.extents", dir, node);
	extents_read(v, path);
	snprintf(path, sizeof(path), "%s/n%u.log", dir, node);
	write_log_read(&v->log, path, v->device_sectors);
	v->files = allocate((u64)v->segments * v->segment_bytes);
}

void volume_free(struct volume *v)
{
	u64 i;

	for (i = 0; i < v->log.count; i++)
		free(v->log.entries[i].mark);
	free(v->log.entries);
	free(v->log.file);
	free(v->files);
	free(v->place);
	free(v);
}

/* --- what is in them -------------------------------------------------------------------- */

static u64 lot(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 33;
}

bool volume_touched(const struct volume *v, const struct write_entry *e)
{
	u64 i;

	for (i = 0; i < e->sectors; i++)
		if (v->place[e->sector + i])
			return true;
	return false;
}

/* Where a sector of the device is in @to: the files, or the device itself. NULL: nowhere. */
static u8 *where(const struct volume *v, u8 *to, u64 sector, bool device)
{
	if (device)
		return to + sector * SECTOR;
	return v->place[sector] ? to + (u64)(v->place[sector] - 1) * SECTOR : NULL;
}

/* Sectors @from to @end of the write; with @lots only those drawn. What is discarded is zero. */
static void put(const struct volume *v, u8 *to, bool device, const struct write_entry *e, u64 from,
		u64 end, u64 *lots)
{
	u64 i;

	for (i = from; i < end; i++) {
		u8 *sector = where(v, to, e->sector + i, device);

		if (!sector || (lots && (lot(lots) & 1)))
			continue;
		if (e->data)
			memcpy(sector, e->data + i * SECTOR, SECTOR);
		else
			memset(sector, 0, SECTOR);
	}
}

/**
 * volume_replay() - the files after so many entries
 * @v: replayed to there or less far
 * @end: entries
 */
void volume_replay(struct volume *v, u64 end)
{
	for (; v->next < end; v->next++)
		put(v, v->files, false, &v->log.entries[v->next], 0,
		    v->log.entries[v->next].sectors, NULL);
}

static void tear(const struct volume *v, u8 *to, bool device, u64 from, u64 end, enum torn how,
		 u64 seed)
{
	u64 lots = seed * 0x9e3779b97f4a7c15ULL + 1, last = end, i;

	for (i = from; i < end; i++)
		if (volume_touched(v, &v->log.entries[i]))
			last = i;
	for (i = from; i < end; i++) {
		const struct write_entry *e = &v->log.entries[i];

		if (how == TORN_DRAWN)
			put(v, to, device, e, 0, e->sectors, &lots);
		else if (i != last || how == TORN_NOT)
			put(v, to, device, e, 0, e->sectors, NULL);
		else if (how == TORN_TAIL)
			put(v, to, device, e, 0, e->sectors / 2, NULL);
		else if (how == TORN_HEAD)
			put(v, to, device, e, e->sectors / 2, e->sectors, NULL);
	}
}

/**
 * volume_tear() - a cut in the middle of what is being written
 * @v: the device
 * @files: as they were after @from entries; what reaches the disk is put there
 * @from: entries before, all durable
 * @end: entries up to the next point, that one included
 * @how: what happens to the last of them that touches a segment (by lot: to all of them)
 * @seed: for the lot
 */
void volume_tear(const struct volume *v, u8 *files, u64 from, u64 end, enum torn how, u64 seed)
{
	tear(v, files, false, from, end, how, seed);
}

void volume_recover(const struct volume *v, const u8 *files, u64 cluster, struct recovered *r)
{
	recover(r, files, cluster, v->node, v->segments, v->segment_bytes);
}

/**
 * volume_image() - all of the device, for a mount
 * @v: the device
 * @from: entries that reached it whole
 * @end: entries up to the next point, torn
 * @how: as for volume_tear()
 * @seed: likewise
 *
 * Return: its bytes; free() it.
 */
u8 *volume_image(const struct volume *v, u64 from, u64 end, enum torn how, u64 seed)
{
	u8 *image = allocate(v->device_sectors * SECTOR);

	tear(v, image, true, 0, from, TORN_NOT, 0);
	tear(v, image, true, from, end, how, seed);
	return image;
}
