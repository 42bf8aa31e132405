/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A directory per node for its snapshots, and what tests ask about it.
 */
#ifndef SNAPDIRS_H
#define SNAPDIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../userspace/daemon/status.h"

extern char dirs[][64];		/* by node id */

void dirs_make(void);
void dirs_remove(void);
unsigned int dir_files(unsigned int id, const char *end);
bool dir_has(unsigned int id, uint64_t index, uint64_t term);
bool dir_has_ref(unsigned int id, const struct kqd_ref *ref);
void dir_put(unsigned int id, uint64_t index, uint64_t term, unsigned int claims,
	     struct kqd_ref *ref);
void dir_path(char *path, unsigned int id, uint64_t index, uint64_t term);
bool dir_find(unsigned int id, const char *end, char *path, size_t *size);

#endif /* SNAPDIRS_H */
