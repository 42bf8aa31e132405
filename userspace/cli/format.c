// SPDX-License-Identifier: GPL-2.0
/* Times, sizes and states as people read them. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cli.h"

const char *format_duration(char *buf, uint64_t ns)
{
	double us = ns / 1e3, ms = ns / 1e6;
	uint64_t s = ns / NS_PER_SEC;

	if (ns == KQUORUM_NEVER)
		snprintf(buf, FORMAT_MAX, "-");
	else if (us < 9.95)
		snprintf(buf, FORMAT_MAX, "%.1fus", us);
	else if (us < 99.5)
		snprintf(buf, FORMAT_MAX, "%.0fus", us);
	else if (ms < 0.995)
		snprintf(buf, FORMAT_MAX, "%.2fms", ms);
	else if (ms < 9.95)
		snprintf(buf, FORMAT_MAX, "%.1fms", ms);
	else if (ms < 999.5)
		snprintf(buf, FORMAT_MAX, "%.0fms", ms);
	else if (ms < 99950)
		snprintf(buf, FORMAT_MAX, "%.1fs", ms / 1e3);
	else if (s < 3600)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return buf;
}

const char *format_bytes(char *buf, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = bytes / 1024.0;
	unsigned int i = 0;

	if (bytes < 1024) {
		snprintf(buf, FORMAT_MAX, "%" PRIu64 " B", bytes);
		return buf;
	}
	for (; n >= 1023.5 && i < sizeof(units) / sizeof(units[0]) - 1; i++)
		n /= 1024;
	snprintf(buf, FORMAT_MAX, n < 9.95 && n != (unsigned int)n ? "%.1f %s" : "%.0f %s", n, units[i]);
	return buf;
}

#define NAME_OF(table, i) \
	((i) < sizeof(table) / sizeof((table)[0]) && (table)[i] ? (table)[i] : "unknown")

const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[KQUORUM_NODE_RECOVERING] = "recovering", [KQUORUM_NODE_RUNNING] = "running",
		[KQUORUM_NODE_DAMAGED] = "damaged", [KQUORUM_NODE_FAILED] = "failed",
		[KQUORUM_NODE_STOPPING] = "stopping",
	};

	return NAME_OF(names, state);
}

const char *role_name(uint32_t role)
{
	static const char *const names[] = {
		[KQUORUM_FOLLOWER] = "follower", [KQUORUM_CANVASSING] = "canvassing",
		[KQUORUM_CANDIDATE] = "candidate", [KQUORUM_LEADER] = "leader",
	};

	return NAME_OF(names, role);
}

const char *canvass_name(uint32_t canvass)
{
	static const char *const names[] = {
		[KQUORUM_CANVASS_NONE] = "none", [KQUORUM_CANVASS_RUNNING] = "canvass_running",
		[KQUORUM_CANVASS_WON] = "canvass_won", [KQUORUM_CANVASS_LOST] = "canvass_lost",
		[KQUORUM_CAMPAIGN_RUNNING] = "campaign_running",
		[KQUORUM_CAMPAIGN_WON] = "campaign_won", [KQUORUM_CAMPAIGN_LOST] = "campaign_lost",
	};

	return NAME_OF(names, canvass);
}

const char *progress_name(uint32_t progress)
{
	static const char *const names[] = {
		[KQUORUM_PROGRESS_PROBE] = "probe", [KQUORUM_PROGRESS_REPLICATE] = "replicate",
		[KQUORUM_PROGRESS_PAUSED] = "paused", [KQUORUM_PROGRESS_SNAPSHOT] = "snapshot",
	};

	return NAME_OF(names, progress);
}

const char *disk_state_name(uint32_t state)
{
	static const char *const names[] = {
		[KQUORUM_DISK_OK] = "ok", [KQUORUM_DISK_SLOW] = "slow", [KQUORUM_DISK_LOW] = "low",
		[KQUORUM_DISK_FULL] = "full", [KQUORUM_DISK_FAILED] = "failed",
		[KQUORUM_DISK_DAMAGED] = "damaged",
	};

	return NAME_OF(names, state);
}

const char *entry_type_name(uint32_t type)
{
	static const char *const names[] = {
		[KQUORUM_ENTRY_NOOP] = "noop", [KQUORUM_ENTRY_OPEN] = "open",
		[KQUORUM_ENTRY_CLOSE] = "close", [KQUORUM_ENTRY_SUSPECT] = "suspect",
		[KQUORUM_ENTRY_CLEAR] = "clear", [KQUORUM_ENTRY_EXPIRE] = "expire",
		[KQUORUM_ENTRY_CONF] = "configuration",
		[KQUORUM_ENTRY_ACQUIRE] = "acquire", [KQUORUM_ENTRY_RELEASE] = "release",
		[KQUORUM_ENTRY_DEFINE] = "define", [KQUORUM_ENTRY_UNDEFINE] = "undefine",
		[KQUORUM_ENTRY_EVICT] = "evict", [KQUORUM_ENTRY_FENCE] = "fence",
		[KQUORUM_ENTRY_APPEND] = "append",
	};

	return NAME_OF(names, type);
}

const char *lock_state_name(uint32_t state)
{
	static const char *const names[] = {
		[KQUORUM_LOCK_ASKING] = "asking", [KQUORUM_LOCK_QUEUED] = "queued",
		[KQUORUM_LOCK_GRANTED] = "granted", [KQUORUM_LOCK_REFUSED] = "refused",
		[KQUORUM_LOCK_LOST] = "lost", [KQUORUM_LOCK_UNKNOWN] = "unknown",
	};

	return NAME_OF(names, state);
}

const char *lineage_name(uint32_t how)
{
	static const char *const names[] = {
		[KQUORUM_LINEAGE_NONE] = "none", [KQUORUM_LINEAGE_RESTORED] = "restored",
		[KQUORUM_LINEAGE_RECOVERED] = "recovered",
	};

	return NAME_OF(names, how);
}

const char *shell_quote(char *buf, size_t size, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		"._-:=/@%+,";
	size_t at = 0;

	if (*text && strspn(text, plain) == strlen(text)) {
		snprintf(buf, size, "%s", text);
		return buf;
	}
	/* A quote ends the quoted part, stands there by itself, and begins another. */
	at = snprintf(buf, size, "'");
	for (; *text && at + 5 < size; text++)
		at += snprintf(buf + at, size - at, *text == '\'' ? "'\\''" : "%c", *text);
	snprintf(buf + at, size - at, "'");
	return buf;
}

void format_text(char *buf, size_t size, const void *data, size_t bytes)
{
	const unsigned char *p = data;
	size_t at = 0, i;

	for (i = 0; i < bytes; i++) {
		char piece[8];
		size_t n;

		if (p[i] == '\\')
			n = snprintf(piece, sizeof(piece), "\\\\");
		else if (isprint(p[i]))
			n = snprintf(piece, sizeof(piece), "%c", p[i]);
		else
			n = snprintf(piece, sizeof(piece), "\\x%02x", p[i]);
		/* Room is kept for the mark that says there is more. */
		if (at + n + (i + 1 < bytes ? 3 : 0) >= size) {
			at += snprintf(buf + at, size - at, "...");
			break;
		}
		memcpy(buf + at, piece, n);
		at += n;
	}
	buf[at < size ? at : size - 1] = '\0';
}
