// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads and writes kquorum.conf. inih splits the file into section, key and
 * value; a table below says which keys there are and what their values may be.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

struct number_key {
	const char *section, *key;
	size_t offset;
	uint32_t min, max;
};

#define NUMBER(section, key, min, max) \
	{ section, #key, offsetof(struct kquorum_config, key), min, max }

static const struct number_key number_keys[] = {
	NUMBER("settings", heartbeat_ms, 5, 10000),
	NUMBER("settings", election_ms, 15, 300000),
	NUMBER("settings", lease_ms, 100, 3600000),
	NUMBER("settings", delta_ms, 0, 60000),
	NUMBER("settings", drift_ppm, 0, 100000),
	NUMBER("cluster", founders, 1, KQUORUM_MAX_NODES),
	NUMBER("log", segment_bytes, KQUORUM_MIN_SEGMENT_BYTES, KQUORUM_MAX_SEGMENT_BYTES),
	NUMBER("log", segments, KQUORUM_MIN_SEGMENTS, KQUORUM_MAX_SEGMENTS),
	{ "snapshot", "log_percent", offsetof(struct kquorum_config, snapshot_percent), 10, 90 },
	{ "snapshot", "entries", offsetof(struct kquorum_config, snapshot_entries), 1000,
	  UINT32_MAX },
	{ "snapshot", "rate", offsetof(struct kquorum_config, snapshot_rate), 0, UINT32_MAX },
	{ "scrub", "every_hours", offsetof(struct kquorum_config, scrub_every_hours), 0, 8784 },
	{ "scrub", "rate", offsetof(struct kquorum_config, scrub_rate), KQUORUM_MIN_SCRUB_RATE,
	  UINT32_MAX },
	NUMBER("limits", user_locks, 1, UINT32_MAX),
	NUMBER("limits", node_locks, 1, UINT32_MAX),
};

#define N_NUMBER_KEYS (sizeof(number_keys) / sizeof(number_keys[0]))

struct reading {
	struct kquorum_config *c;
	FILE *file;
	const char *path;
	char *err;
	size_t errlen;
	int line, failed_line;
	bool failed;
	bool partial;		/* the last piece of a line had no newline */
	bool plan;		/* it is of no machine in particular, and of a cluster to be */
	unsigned int numbers;	/* bit per number_keys[] seen */
	bool name, id, node, listen, advertise;
};

__attribute__((format(printf, 3, 4)))
static int fail(char *err, size_t errlen, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (err && errlen)
		vsnprintf(err, errlen, format, ap);
	va_end(ap);
	return -EINVAL;
}

void kquorum_config_defaults(struct kquorum_config *c)
{
	memset(c, 0, sizeof(*c));
	c->heartbeat_ms = KQUORUM_DEFAULT_HEARTBEAT_MS;
	c->election_ms = KQUORUM_DEFAULT_ELECTION_MS;
	c->lease_ms = KQUORUM_DEFAULT_LEASE_MS;
	c->delta_ms = KQUORUM_DEFAULT_DELTA_MS;
	c->drift_ppm = KQUORUM_DEFAULT_DRIFT_PPM;
	c->segment_bytes = KQUORUM_DEFAULT_SEGMENT_BYTES;
	c->segments = KQUORUM_DEFAULT_SEGMENTS;
	c->snapshot_percent = KQUORUM_DEFAULT_SNAPSHOT_PERCENT;
	c->snapshot_entries = KQUORUM_DEFAULT_SNAPSHOT_ENTRIES;
	c->scrub_every_hours = KQUORUM_DEFAULT_SCRUB_HOURS;
	c->scrub_rate = KQUORUM_DEFAULT_SCRUB_RATE;
	c->user_locks = KQUORUM_USER_LOCKS;
	c->node_locks = KQUORUM_NODE_LOCKS;
}

int kquorum_name_check(const char *name)
{
	size_t n = strlen(name);

	if (!n || n > KQUORUM_NODE_NAME_MAX || !isalnum((unsigned char)name[0]))
		return -EINVAL;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return -EINVAL;
	return 0;
}

int kquorum_name_compare(const char *a, const char *b)
{
	const char *whole_a = a, *whole_b = b;

	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t na, nb;
			int d;

			while (*a == '0')
				a++;
			while (*b == '0')
				b++;
			na = strspn(a, "0123456789");
			nb = strspn(b, "0123456789");
			if (na != nb)
				return na < nb ? -1 : 1;
			d = memcmp(a, b, na);
			if (d)
				return d;
			a += na;
			b += nb;
		} else if (*a != *b) {
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	if (*a || *b)
		return *a ? 1 : -1;
	/* "n1" and "n01" are equal as numbers; every machine must still order them alike. */
	return strcmp(whole_a, whole_b);
}

static bool decimal(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && !*end && *value <= max;
}

int kquorum_address_parse(const char *text, struct kquorum_address *a, char *err, size_t errlen)
{
	const char *host = text, *port = NULL, *p;
	size_t n;
	uint64_t value = KQUORUM_PORT;

	if (*text == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return fail(err, errlen, "bad address \"%s\": want [IPv6] or [IPv6]:PORT", text);
		host = text + 1;
		n = end - host;
		if (end[1])
			port = end + 2;
		if (!memchr(host, ':', n))
			return fail(err, errlen, "bad address \"%s\": brackets are for IPv6", text);
	} else {
		const char *colon = strchr(text, ':');

		if (colon && strchr(colon + 1, ':'))
			return fail(err, errlen, "bad address \"%s\": put IPv6 in brackets: [%s]",
				    text, text);
		n = colon ? (size_t)(colon - text) : strlen(text);
		if (colon)
			port = colon + 1;
	}
	if (!n)
		return fail(err, errlen, "bad address \"%s\": no host before the port", text);
	if (n > KQUORUM_HOST_MAX)
		return fail(err, errlen, "bad address \"%s\": host longer than %d bytes", text,
			    KQUORUM_HOST_MAX);
	for (p = host; p < host + n; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_:%", *p))
			return fail(err, errlen, "bad address \"%s\": '%c' in a host", text, *p);
	if (port && (!decimal(port, 65535, &value) || !value))
		return fail(err, errlen, "bad address \"%s\": port must be 1..65535", text);
	memcpy(a->host, host, n);
	a->host[n] = '\0';
	a->port = value;
	return 0;
}

void kquorum_address_format(const struct kquorum_address *a, char *buf, size_t len)
{
	if (strchr(a->host, ':'))
		snprintf(buf, len, "[%s]:%u", a->host, a->port);
	else
		snprintf(buf, len, "%s:%u", a->host, a->port);
}

const struct kquorum_config_member *kquorum_config_member(const struct kquorum_config *c,
							  uint32_t id)
{
	unsigned int i;

	for (i = 0; i < c->n_members; i++)
		if (c->members[i].id == id)
			return &c->members[i];
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct kquorum_config_member *x = a, *y = b;

	return kquorum_name_compare(x->name, y->name);
}

static int by_id(const void *a, const void *b)
{
	const struct kquorum_config_member *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Gives the members their numbers, or checks those they have. */
static int number_members(struct kquorum_config *c, char *err, size_t errlen)
{
	unsigned int i, numbered = 0;

	qsort(c->members, c->n_members, sizeof(c->members[0]), by_name);
	for (i = 0; i < c->n_members; i++) {
		if (i && !strcmp(c->members[i].name, c->members[i - 1].name))
			return fail(err, errlen, "node %s is named twice", c->members[i].name);
		numbered += c->members[i].id != 0;
	}
	/* The numbers of a cluster that has grown follow from no names. */
	if (!numbered && c->founders)
		return fail(err, errlen, "founders (%u) without an id for each member",
			    c->founders);
	if (!numbered) {
		for (i = 0; i < c->n_members; i++)
			c->members[i].id = i + 1;
		return 0;
	}
	if (!c->founders)
		return fail(err, errlen, "ids without founders: both are of a node that joined");
	if (numbered < c->n_members)
		return fail(err, errlen, "some nodes have an id and some have none");
	qsort(c->members, c->n_members, sizeof(c->members[0]), by_id);
	for (i = 1; i < c->n_members; i++)
		if (c->members[i].id == c->members[i - 1].id)
			return fail(err, errlen, "%s and %s have the same id", c->members[i - 1].name,
				    c->members[i].name);
	return 0;
}

int kquorum_config_number(struct kquorum_config *c, char *err, size_t errlen)
{
	unsigned int i;

	if (number_members(c, err, errlen))
		return -EINVAL;
	c->node_id = 0;
	for (i = 0; i < c->n_members; i++) {
		if (strcmp(c->members[i].name, c->node_name))
			continue;
		c->node_id = c->members[i].id;
		if (!c->advertise.host[0])
			c->advertise = c->members[i].address;
	}
	if (!c->node_id)
		return fail(err, errlen, "this node, %s, is not among the members", c->node_name);
	return 0;
}

struct kquorum_settings kquorum_config_settings(const struct kquorum_config *c)
{
	return (struct kquorum_settings){
		.heartbeat_ms = c->heartbeat_ms, .election_ms = c->election_ms,
		.lease_ms = c->lease_ms, .delta_ms = c->delta_ms, .drift_ppm = c->drift_ppm,
		.segment_bytes = c->segment_bytes,
	};
}

int kquorum_settings_check(const struct kquorum_settings *set, char *err, size_t errlen)
{
	if (set->heartbeat_ms < KQUORUM_HEARTBEAT_MS_MIN || set->heartbeat_ms > KQUORUM_HEARTBEAT_MS_MAX)
		return fail(err, errlen, "heartbeat_ms (%u) must be from %u to %u", set->heartbeat_ms,
			    KQUORUM_HEARTBEAT_MS_MIN, KQUORUM_HEARTBEAT_MS_MAX);
	if (set->election_ms < 3 * set->heartbeat_ms)
		return fail(err, errlen, "election_ms (%u) must be at least 3 times heartbeat_ms (%u)",
			    set->election_ms, set->heartbeat_ms);
	if (set->election_ms > KQUORUM_ELECTION_MS_MAX)
		return fail(err, errlen, "election_ms (%u) must be at most %u", set->election_ms,
			    KQUORUM_ELECTION_MS_MAX);
	if (set->lease_ms <= set->election_ms)
		return fail(err, errlen,
			    "lease_ms (%u) must be more than election_ms (%u): else a new leader costs the locks",
			    set->lease_ms, set->election_ms);
	if (set->lease_ms > KQUORUM_LEASE_MS_MAX)
		return fail(err, errlen, "lease_ms (%u) must be at most %u", set->lease_ms,
			    KQUORUM_LEASE_MS_MAX);
	if (set->lease_ms <= set->delta_ms)
		return fail(err, errlen, "lease_ms (%u) must be more than delta_ms (%u)",
			    set->lease_ms, set->delta_ms);
	if (set->drift_ppm > KQUORUM_DRIFT_PPM_MAX)
		return fail(err, errlen, "drift_ppm (%u) must be at most %u", set->drift_ppm,
			    KQUORUM_DRIFT_PPM_MAX);
	return 0;
}

int kquorum_config_check(const struct kquorum_config *c, char *err, size_t errlen)
{
	const struct kquorum_settings set = kquorum_config_settings(c);
	unsigned int i, j;

	if (kquorum_settings_check(&set, err, errlen))
		return -EINVAL;
	if (c->segment_bytes % KQUORUM_BLOCK)
		return fail(err, errlen, "segment_bytes (%u) must be a multiple of %u",
			    c->segment_bytes, KQUORUM_BLOCK);
	if (c->snapshot_rate && c->snapshot_rate < KQUORUM_MIN_SNAPSHOT_RATE)
		return fail(err, errlen, "rate (%u) in [snapshot] must be 0 or at least %u",
			    c->snapshot_rate, KQUORUM_MIN_SNAPSHOT_RATE);
	for (i = 0; i < c->n_members; i++)
		for (j = 0; j < i; j++)
			if (c->members[i].address.port == c->members[j].address.port &&
			    !strcmp(c->members[i].address.host, c->members[j].address.host))
				return fail(err, errlen, "%s and %s have the same address",
					    c->members[j].name, c->members[i].name);
	return 0;
}

__attribute__((format(printf, 2, 3)))
static int reading_fail(struct reading *r, const char *format, ...)
{
	char text[256];
	va_list ap;

	/* The first error is the one to mend; what follows is often its echo. */
	if (r->failed)
		return 0;
	r->failed = true;
	r->failed_line = r->line;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fail(r->err, r->errlen, "%s:%d: %s", r->path, r->line, text);
	return 0;
}

static int read_name(struct reading *r, bool *seen, const char *key, const char *value, char *to)
{
	if (*seen)
		return reading_fail(r, "%s is given twice", key);
	*seen = true;
	if (kquorum_name_check(value))
		return reading_fail(r, "bad %s \"%s\": 1 to %d of A-Z a-z 0-9 . _ -, first a letter or digit",
				    key, value, KQUORUM_NODE_NAME_MAX);
	strcpy(to, value);
	return 1;
}

static int read_address(struct reading *r, bool *seen, const char *key, const char *value,
			struct kquorum_address *to)
{
	char err[160];

	if (*seen)
		return reading_fail(r, "%s is given twice", key);
	*seen = true;
	if (kquorum_address_parse(value, to, err, sizeof(err)))
		return reading_fail(r, "%s", err);
	return 1;
}

static int read_cluster_id(struct reading *r, const char *value)
{
	char *end;

	if (r->id)
		return reading_fail(r, "id is given twice");
	r->id = true;
	errno = 0;
	r->c->cluster_id = strtoull(value, &end, 16);
	if (errno || *end || !isxdigit((unsigned char)value[0]) || !r->c->cluster_id)
		return reading_fail(r, "bad id \"%s\": want 1 to 16 hexadecimal digits, not 0", value);
	return 1;
}

static int read_member(struct reading *r, const char *name, const char *value)
{
	struct kquorum_config_member *m = &r->c->members[r->c->n_members];
	bool named = false, addressed = false;
	unsigned int i;

	for (i = 0; i < r->c->n_members; i++)
		if (!strcmp(r->c->members[i].name, name))
			return reading_fail(r, "member %s is given twice", name);
	if (r->c->n_members == KQUORUM_MAX_NODES)
		return reading_fail(r, "more than %d members", KQUORUM_MAX_NODES);
	if (!read_name(r, &named, "member name", name, m->name) ||
	    !read_address(r, &addressed, name, value, &m->address))
		return 0;
	r->c->n_members++;
	return 1;
}

/* A member stands in [members] first. */
static int read_id(struct reading *r, const char *name, const char *value)
{
	uint64_t id;
	unsigned int i;

	for (i = 0; i < r->c->n_members; i++)
		if (!strcmp(r->c->members[i].name, name))
			break;
	if (i == r->c->n_members)
		return reading_fail(r, "%s has an id, and no line in [members] before it", name);
	if (r->c->members[i].id)
		return reading_fail(r, "the id of %s is given twice", name);
	if (!decimal(value, KQUORUM_MAX_NODES, &id) || !id)
		return reading_fail(r, "bad id \"%s\": want a whole number from 1 to %d", value,
				    KQUORUM_MAX_NODES);
	r->c->members[i].id = id;
	return 1;
}

static int read_number(struct reading *r, const struct number_key *k, const char *value)
{
	unsigned int bit = 1U << (k - number_keys);
	uint64_t n;

	if (r->numbers & bit)
		return reading_fail(r, "%s is given twice", k->key);
	r->numbers |= bit;
	if (!decimal(value, k->max, &n) || n < k->min)
		return reading_fail(r, "bad %s \"%s\": want a whole number from %u to %u", k->key,
				    value, k->min, k->max);
	memcpy((char *)r->c + k->offset, &(uint32_t){ n }, sizeof(uint32_t));
	return 1;
}

static int read_key(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	struct kquorum_config *c = r->c;
	size_t i;

	if (r->plan && (!strcmp(section, "node") || !strcmp(section, "ids") ||
			!strcmp(key, "founders")))
		return reading_fail(r, "\"%s\" in section [%s] is of one machine; this file is for all",
				    key, section);
	if (!strcmp(section, "members"))
		return read_member(r, key, value);
	if (!strcmp(section, "ids"))
		return read_id(r, key, value);
	if (!strcmp(section, "cluster") && !strcmp(key, "name"))
		return read_name(r, &r->name, key, value, c->name);
	if (!strcmp(section, "cluster") && !strcmp(key, "id"))
		return read_cluster_id(r, value);
	if (!strcmp(section, "node") && !strcmp(key, "name"))
		return read_name(r, &r->node, key, value, c->node_name);
	if (!strcmp(section, "node") && !strcmp(key, "listen"))
		return read_address(r, &r->listen, key, value, &c->listen);
	if (!strcmp(section, "node") && !strcmp(key, "advertise"))
		return read_address(r, &r->advertise, key, value, &c->advertise);
	for (i = 0; i < N_NUMBER_KEYS; i++)
		if (!strcmp(section, number_keys[i].section) && !strcmp(key, number_keys[i].key))
			return read_number(r, &number_keys[i], value);
	if (!*section)
		return reading_fail(r, "key \"%s\" stands before any [section]", key);
	return reading_fail(r, "unknown key \"%s\" in section [%s]", key, section);
}

/* Feeds inih and counts lines, which its handler is not told in every build of it. */
static char *read_line(char *buf, int size, void *user)
{
	struct reading *r = user;
	char *got = fgets(buf, size, r->file);

	if (!got)
		return NULL;
	if (!r->partial)
		r->line++;
	r->partial = !strchr(buf, '\n') && !feof(r->file);
	if (r->partial)
		reading_fail(r, "line is longer than %d bytes", size - 2);
	return got;
}

static int read_missing(struct reading *r)
{
	const char *what = !r->name ? "name in [cluster]" : r->plan ? NULL :
			   !r->id ? "id in [cluster]" : !r->node ? "name in [node]" :
			   !r->listen ? "listen in [node]" : NULL;

	if (!what && !r->c->n_members)
		what = "any line in [members]";
	return !what ? 0 : fail(r->err, r->errlen, "%s:%d: end of the file without %s", r->path,
				r->line, what);
}

static bool is_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	char mark[PATH_MAX];

	snprintf(mark, sizeof(mark), "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name);
	return !access(mark, F_OK);
}

/* All of it, and nothing that it says is wrong by itself. */
static int read_file(struct reading *r)
{
	int ret, broken;

	kquorum_config_defaults(r->c);
	r->file = fopen(r->path, "re");
	if (!r->file) {
		ret = -errno;
		fail(r->err, r->errlen, "%s: %s", r->path, strerror(-ret));
		return ret;
	}
	broken = ini_parse_stream(read_line, r, read_key, r);
	ret = ferror(r->file) ? -EIO : 0;
	fclose(r->file);
	if (ret) {
		fail(r->err, r->errlen, "%s: cannot be read", r->path);
		return ret;
	}
	if (r->failed && (!broken || r->failed_line <= broken))
		return -EINVAL;
	if (broken)
		return fail(r->err, r->errlen, "%s:%d: neither [section] nor key = value", r->path,
			    broken);
	return read_missing(r);
}

static int read_checked(struct reading *r)
{
	char text[256];
	int ret = read_file(r);

	if (ret)
		return ret;
	if ((r->plan ? number_members(r->c, text, sizeof(text)) :
	     kquorum_config_number(r->c, text, sizeof(text))) ||
	    kquorum_config_check(r->c, text, sizeof(text)))
		return fail(r->err, r->errlen, "%s: %s", r->path, text);
	return 0;
}

int kquorum_config_read(const char *path, struct kquorum_config *c, char *err, size_t errlen)
{
	struct reading r = { .c = c, .path = path, .err = err, .errlen = errlen };
	int ret = read_checked(&r);

	if (ret)
		return ret;
	c->founded = is_beside(path, KQUORUM_FOUNDED_FILE);
	c->seeded = is_beside(path, KQUORUM_SEED_FILE);
	return 0;
}

int kquorum_config_read_plan(const char *path, struct kquorum_config *c, char *err, size_t errlen)
{
	struct reading r = { .c = c, .path = path, .err = err, .errlen = errlen, .plan = true };

	return read_checked(&r);
}

int kquorum_config_write(FILE *f, const struct kquorum_config *c)
{
	char listen[KQUORUM_ADDRESS_MAX + 1], advertise[KQUORUM_ADDRESS_MAX + 1];
	char address[KQUORUM_ADDRESS_MAX + 1];
	unsigned int i;

	kquorum_address_format(&c->listen, listen, sizeof(listen));
	kquorum_address_format(&c->advertise, advertise, sizeof(advertise));
	fputs(c->founders ?
	      "; Written by kquorum join. [cluster] and [settings] must be the same on every node;\n"
	      "; [members] and [ids] are of the day on which this node joined.\n\n" :
	      "; Written by kquorum init. [cluster], [members] and [settings] must be the\n"
	      "; same on every node; node ids follow from the order of the names.\n\n", f);
	fprintf(f, "[cluster]\nname = %s\nid = %016" PRIx64 "\n", c->name, c->cluster_id);
	if (c->founders)
		fprintf(f, "founders = %u\n", c->founders);
	fprintf(f, "\n[node]\nname = %s\nlisten = %s\nadvertise = %s\n\n[members]\n",
		c->node_name, listen, advertise);
	for (i = 0; i < c->n_members; i++) {
		kquorum_address_format(&c->members[i].address, address, sizeof(address));
		fprintf(f, "%s = %s\n", c->members[i].name, address);
	}
	if (c->founders) {
		fputs("\n[ids]\n", f);
		for (i = 0; i < c->n_members; i++)
			fprintf(f, "%s = %u\n", c->members[i].name, c->members[i].id);
	}
	fprintf(f, "\n[settings]\nheartbeat_ms = %u\nelection_ms = %u\nlease_ms = %u\n"
		   "delta_ms = %u\ndrift_ppm = %u\n\n[log]\nsegment_bytes = %u\nsegments = %u\n",
		c->heartbeat_ms, c->election_ms, c->lease_ms, c->delta_ms, c->drift_ppm,
		c->segment_bytes, c->segments);
	fprintf(f, "\n[snapshot]\nlog_percent = %u\nentries = %u\nrate = %u\n",
		c->snapshot_percent, c->snapshot_entries, c->snapshot_rate);
	fprintf(f, "\n[scrub]\nevery_hours = %u\nrate = %u\n", c->scrub_every_hours, c->scrub_rate);
	fprintf(f, "\n[limits]\nuser_locks = %u\nnode_locks = %u\n", c->user_locks, c->node_locks);
	fflush(f);
	return ferror(f) ? -EIO : 0;
}
