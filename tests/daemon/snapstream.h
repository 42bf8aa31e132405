/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots for tests: right to the byte, with nothing of interest in them.
 */
#ifndef SNAPSTREAM_H
#define SNAPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "../../userspace/daemon/status.h"

/* About 150 bytes for each of @claims. To be freed. */
char *snapstream(uint64_t index, uint64_t term, unsigned int claims, struct kqd_ref *ref);

/* The same as a file. */
void snapstream_file(const char *path, uint64_t index, uint64_t term, unsigned int claims,
		     struct kqd_ref *ref);

#endif /* SNAPSTREAM_H */
