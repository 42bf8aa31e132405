/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The snapshot files in a node's directory: what they are called, and which there are. Used by the
 * kquorum command, which hands them to the module at the start, and by kquorumd, which writes them.
 */
#ifndef KQUORUM_SNAPSHOTS_H
#define KQUORUM_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KQUORUM_SNAPSHOT_NAME_MAX 96	/* bytes with the final NUL, of unfinished ones too */

/* What the name of a finished snapshot says: its last log index, and the term of that entry. */
struct kquorum_snapshot_file {
	uint64_t index;
	uint64_t term;
};

/* What the name of a part says: which one it is of. */
struct kquorum_snapshot_part {
	uint64_t index;
	uint64_t term;
	uint64_t bytes;		/* of all of it */
	uint32_t crc;		/* likewise */
};

/* Prints the name into @buf of KQUORUM_SNAPSHOT_NAME_MAX bytes. */
void kquorum_snapshot_name(char *buf, uint64_t index, uint64_t term);

/* Is it the name of a finished snapshot? Only as kquorum_snapshot_name() prints it. */
bool kquorum_snapshot_parse(const char *name, struct kquorum_snapshot_file *file);

/* The name of one that is being saved, or of which a part is here. Buffers as above. */
void kquorum_snapshot_new_name(char *buf, uint64_t index, uint64_t term);
void kquorum_snapshot_part_name(char *buf, const struct kquorum_snapshot_part *part);

/* Is it the name of a part? Only as kquorum_snapshot_part_name() prints it. */
bool kquorum_snapshot_parse_part(const char *name, struct kquorum_snapshot_part *part);

/*
 * What a node or its daemon calls a file of its own: finished, being saved, or a part. Whatever
 * else lies beside it is somebody's, and not touched.
 */
enum kquorum_snapshot_kind {
	KQUORUM_SNAPSHOT_NOT_OURS,
	KQUORUM_SNAPSHOT_WHOLE,
	KQUORUM_SNAPSHOT_NEW,
	KQUORUM_SNAPSHOT_PART,
};

enum kquorum_snapshot_kind kquorum_snapshot_kind(const char *name);

/* Is @a newer than @b? */
bool kquorum_snapshot_newer(const struct kquorum_snapshot_file *a,
			    const struct kquorum_snapshot_file *b);

/*
 * The newest finished ones in directory @dir, the newest first, @max at most. Returns how many, or
 * a negative errno.
 */
int kquorum_snapshots_list(int dir, struct kquorum_snapshot_file *list, unsigned int max);

#endif /* KQUORUM_SNAPSHOTS_H */
