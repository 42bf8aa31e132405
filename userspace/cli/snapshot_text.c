// SPDX-License-Identifier: GPL-2.0
/* Which snapshot it is, and what is wrong with one, in words and in JSON. */
#include <inttypes.h>
#include <string.h>

#include "snapshot.h"

const char *snapshot_describe(const struct snapshot_reader *r, char *buf, size_t size)
{
	const struct kq_snap_ref *ref = &r->raw.ref;
	char bytes[FORMAT_MAX], exact[32] = "";

	if (ref->bytes >= 1024)
		snprintf(exact, sizeof(exact), " (%" PRIu64 " bytes)", (uint64_t)ref->bytes);
	snprintf(buf, size, "index %" PRIu64 ", term %" PRIu64 ", %s%s, CRC32C %08" PRIx32,
		 (uint64_t)ref->index, (uint64_t)ref->term, format_bytes(bytes, ref->bytes), exact,
		 ref->crc);
	return buf;
}

uint64_t snapshot_state_sum(const struct snapshot_reader *r)
{
	return kq_snap_hash(r->raw.head.sum, sizeof(r->raw.head.sum));
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

const char *snapshot_count(const struct snapshot_reader *r, char *buf, size_t size)
{
	uint64_t waiting = r->claims - r->held;

	snprintf(buf, size, "%" PRIu64 " session%s, %" PRIu64 " claim%s: %" PRIu64 " hold%s, %"
		 PRIu64 " wait%s; %" PRIu64 " defined resource%s", r->open_sessions,
		 plural(r->open_sessions), r->claims, plural(r->claims), r->held,
		 r->held == 1 ? "s" : "", waiting, waiting == 1 ? "s" : "", r->pools, plural(r->pools));
	return buf;
}

void snapshot_json(cJSON *o, const struct snapshot_reader *r)
{
	const struct kq_snap_head *h = &r->raw.head;
	char crc[16];

	json_hex(o, "cluster_id", le64_to_cpu(h->cluster));
	json_u64(o, "index", r->raw.ref.index);
	json_u64(o, "term", r->raw.ref.term);
	json_u64(o, "saved_term", le64_to_cpu(h->saved_term));
	json_u64(o, "bytes", r->raw.ref.bytes);
	snprintf(crc, sizeof(crc), "%08" PRIx32, r->raw.ref.crc);
	cJSON_AddStringToObject(o, "crc32c", crc);
	json_hex(o, "state_sum", snapshot_state_sum(r));
	json_u64(o, "sessions", r->open_sessions);
	json_u64(o, "claims", r->claims);
	json_u64(o, "held", r->held);
	json_u64(o, "waiting", r->claims - r->held);
	json_u64(o, "resources", r->pools);
}

int snapshot_complain(const char *path, const struct snapshot_reader *r)
{
	const char *hint = snapshot_error_hint(r->error), *name = strcmp(path, "-") ? path :
		"the standard input";
	char at[48] = "";

	/* Most reasons say where; where the file ends, or that nothing is there, is no place. */
	if (r->offset && r->error != -ENODATA && !strstr(r->why, "at byte"))
		snprintf(at, sizeof(at), ", at byte %" PRIu64, r->offset);
	cli_error("%s: %s%s%s%s", name, r->why, at, *hint ? "\n  " : "", hint);
	return snapshot_exit_code(r->error);
}
