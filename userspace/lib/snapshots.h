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

/* Prints the name into @buf of KQUORUM_SNAPSHOT_NAME_MAX bytes. */
void kquorum_snapshot_name(char *buf, uint64_t index, uint64_t term);

/* Is it the name of a finished snapshot? Only as kquorum_snapshot_name() prints it. */
bool kquorum_snapshot_parse(const char *name, struct kquorum_snapshot_file *file);

/* Is @a newer than @b? */
bool kquorum_snapshot_newer(const struct kquorum_snapshot_file *a,
			    const struct kquorum_snapshot_file *b);

/*
 * The newest finished ones in directory @dir, the newest first, @max at most. Returns how many, or
 * a negative errno.
 */
int kquorum_snapshots_list(int dir, struct kquorum_snapshot_file *list, unsigned int max);

#endif /* KQUORUM_SNAPSHOTS_H */
