/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's own recovery makes of segment files, and what may become of it.
 */
#ifndef RECOVERED_H
#define RECOVERED_H

#include "kq_wal.h"

#define TEXT_MAX	48
#define ENTRIES_MAX	8192

/**
 * struct seen - one entry of a recovered log
 * @term: its term
 * @print: CRC of what does not depend on the node
 * @text: beginning of the payload of an appended line, else empty
 */
struct seen {
	u64 term;
	u32 print;
	char text[TEXT_MAX];
};

/**
 * struct recovered - what stands in a node's segments
 * @error: of recovery
 * @report: how it went
 * @replaced: entries that were truncated while it was read
 * @last: log end
 * @entries: from 1 to @last
 */
struct recovered {
	int error;
	struct kq_wal_report report;
	u32 replaced;
	u64 last;
	struct seen entries[ENTRIES_MAX + 1];
};

void recover(struct recovered *r, const u8 *files, u64 cluster, u32 node, u32 segments,
	     u32 segment_bytes);
void recovered_copy(struct recovered *to, const struct recovered *from);
/* Returns NULL, or what must not be. */
const char *recovered_bad(const struct recovered *r);
const char *recovered_forgot(const struct recovered *before, const struct recovered *r,
			     u64 committed);

#endif /* RECOVERED_H */
