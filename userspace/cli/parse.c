// SPDX-License-Identifier: GPL-2.0
/* Numbers, sizes and times as people write them. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

int parse_number(const char *text, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

int parse_hex64(const char *text, uint64_t *value)
{
	char *end;

	if (!strncmp(text, "0x", 2))
		text += 2;
	if (!isxdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 16);
	return errno || *end ? -EINVAL : 0;
}

void scale_times(double scale, uint32_t *heartbeat_ms, uint32_t *election_ms)
{
	*heartbeat_ms = KQUORUM_DEFAULT_HEARTBEAT_MS * scale + 0.5;
	*election_ms = KQUORUM_DEFAULT_ELECTION_MS * scale + 0.5;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const struct { const char *suffix; unsigned int shift; } units[] = {
		{ "", 0 }, { "B", 0 },
		{ "K", 10 }, { "KiB", 10 }, { "M", 20 }, { "MiB", 20 }, { "G", 30 }, { "GiB", 30 },
	};
	uint64_t n;
	size_t i;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(end, units[i].suffix))
			continue;
		if (n > UINT64_MAX >> units[i].shift)
			return -EINVAL;
		*bytes = n << units[i].shift;
		return 0;
	}
	return -EINVAL;
}

int parse_duration(const char *text, uint64_t *ns)
{
	static const struct { const char *suffix; double ns; } units[] = {
		{ "", 1e9 }, { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
		{ "m", 60e9 }, { "h", 3600e9 },
	};
	double n;
	size_t i;
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	/* strtod() would take hexadecimal too. */
	if (text[0] == '0' && tolower((unsigned char)text[1]) == 'x')
		return -EINVAL;
	errno = 0;
	n = strtod(text, &end);
	if (errno || end == text || n < 0)
		return -EINVAL;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].suffix))
			continue;
		/* A century is for ever, and keeps sums of times far from overflow. */
		if (n * units[i].ns > 3.2e18)
			return -EINVAL;
		*ns = llround(n * units[i].ns);
		return 0;
	}
	return -EINVAL;
}
