/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of kquorum snapshot share. */
#ifndef KQUORUM_CLI_SNAPSHOT_H
#define KQUORUM_CLI_SNAPSHOT_H

#include "snapshot_file.h"

/*
 * Each is a command of its own, called "snapshot VERB", with its own options and --help; its
 * argv[0] is the verb. A new one is a file, a line in snapshot.c, and sections in the manual and
 * the completion.
 */
extern const struct cli_command command_snapshot_save, command_snapshot_verify;
extern const struct cli_command command_snapshot_show, command_snapshot_restore;

/* snapshot_text.c */

/* "index 5, term 2, 14 KiB (14012 bytes), CRC32C 0123abcd" of one that was read to its end. */
const char *snapshot_describe(const struct snapshot_reader *r, char *buf, size_t size);
/* Over the state in it: two files may differ in how they were written, but not in this. */
uint64_t snapshot_state_sum(const struct snapshot_reader *r);
/* Which it is and whose, into a JSON object. */
void snapshot_json(cJSON *o, const struct snapshot_reader *r);
/* "3 sessions, 3 claims: 2 hold, 1 waits; 1 defined resource" */
const char *snapshot_count(const struct snapshot_reader *r, char *buf, size_t size);
/* Says what is wrong with @path and what to do: an exit code. */
int snapshot_complain(const char *path, const struct snapshot_reader *r);

/* snapshot_dir.c */

/*
 * The directory of the node that runs: @given (--dir), or one below KQUORUM_STATE_DIR; the node in
 * it must be that of @st. 0, or a negative errno with @why; nothing is printed.
 */
int snapshot_directory(const struct kquorum_status *st, const char *given, char *buf, size_t size,
		       char *why, size_t why_size);

#endif /* KQUORUM_CLI_SNAPSHOT_H */
