// SPDX-License-Identifier: GPL-2.0
/* Making a node that begins with a snapshot: see seed_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/snapshots.h"
#include "seed_file.h"

static int write_file(int dir, const char *name, const void *data, size_t bytes)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret = fd < 0 || write_bytes(fd, data, bytes) || fsync(fd);

	if (fd >= 0)
		ret |= close(fd);
	return ret;
}

/* The mark comes last: without it the snapshot is one that no log refers to. */
static int put_snapshot(struct init *in, const void *data, const struct kq_snap_ref *ref)
{
	static const char mark[] =
		"The log begins with the snapshot beside this file, which was made from another\n"
		"cluster's state. It counts as long as there is no file " KQUORUM_FOUNDED_FILE ".\n";
	int dir = open(in->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;
	char name[KQUORUM_SNAPSHOT_NAME_MAX];

	kquorum_snapshot_name(name, ref->index, ref->term);
	ret = dir < 0 || write_file(dir, name, data, ref->bytes) ||
		write_file(dir, KQUORUM_SEED_FILE, mark, sizeof(mark) - 1) || fsync(dir);
	if (ret) {
		cli_error("%s/%s: %s", in->dir, name, strerror(errno));
		if (dir >= 0)
			unlinkat(dir, name, 0);
	}
	if (dir >= 0)
		close(dir);
	return ret ? KQUORUM_EXIT_ERROR : 0;
}

static int furnish(struct init *in)
{
	struct seeding *s = in->more;
	char address[KQUORUM_ADDRESS_MAX + 1];
	void *data;
	int ret;

	kquorum_address_format(&in->c.advertise, address, sizeof(address));
	s->want.cluster = in->c.cluster_id;
	s->want.node = in->c.node_id;
	s->want.name = in->c.node_name;
	s->want.address = address;
	s->want.origin = init_random();
	ret = seed_make(&s->from, &s->want, &data, &s->ref);
	if (ret) {
		cli_error("the snapshot to begin with cannot be made: %s", strerror(-ret));
		return KQUORUM_EXIT_ERROR;
	}
	ret = put_snapshot(in, data, &s->ref);
	free(data);
	return ret;
}

int seed_take(const struct snapshot_record *r, void *seeding)
{
	struct seeding *s = seeding;
	struct seed_pool *p;

	if (r->type != KQ_SNAP_POOL)
		return 0;
	if (s->want.pools == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->pool = reallocarray(s->pool, s->room, sizeof(*s->pool));
		if (!s->pool)
			abort();
		s->want.pool = s->pool;
	}
	p = &s->pool[s->want.pools++];
	p->units = r->pool.units;
	p->max_waiters = r->pool.max_waiters;
	p->ttl_ms = r->pool.ttl_ms;
	p->hold_ms = r->pool.hold_ms;
	p->uid = r->pool.uid;
	p->gid = r->pool.gid;
	p->mode = r->pool.mode;
	p->fenced = r->pool.fenced;
	p->name_len = r->pool.resource_bytes;
	memcpy(p->name, r->pool.resource, p->name_len);
	return 0;
}

void seed_from(struct seeding *s, const struct snapshot_reader *reader)
{
	s->from = reader->raw.head;
	s->want.before = reader->before;
	s->want.now = reader->now;
}

int seed_directory(struct init *in, struct seeding *s)
{
	/* Its own file says what its log will: nobody shall have to wonder. */
	in->c.heartbeat_ms = s->want.now.heartbeat_ms;
	in->c.election_ms = s->want.now.election_ms;
	in->c.lease_ms = s->want.now.lease_ms;
	in->c.delta_ms = s->want.now.delta_ms;
	in->c.drift_ppm = s->want.now.drift_ppm;
	/* Before anything is written: these can be mended by who called. */
	if (!seed_index(&s->from, &s->want)) {
		cli_error("--index %" PRIu64 ": it must be above %" PRIu64 ", the last index that is known, "
			  "and at most %llu", s->want.index, le64_to_cpu(s->from.index),
			  (unsigned long long)SEED_INDEX_MAX);
		return KQUORUM_EXIT_USAGE;
	}
	in->furnish = furnish;
	in->more = s;
	return init_make(in);
}

void seed_json(cJSON *o, const struct seeding *s)
{
	cJSON *from = cJSON_AddObjectToObject(o, "from");

	json_hex(from, "cluster_id", le64_to_cpu(s->from.cluster));
	json_hex(from, "origin", le64_to_cpu(s->from.origin));
	json_u64(from, "index", le64_to_cpu(s->from.index));
	json_u64(from, "term", le64_to_cpu(s->from.term));
	json_u64(o, "begins_index", s->ref.index);
	json_u64(o, "resources", s->want.pools);
}

uint64_t seed_wait_ns(const struct kquorum_config *c)
{
	uint64_t promise_ms = c->lease_ms + 2 * c->delta_ms;

	return (promise_ms + promise_ms * 2 * c->drift_ppm / 1000000 + 1) * NS_PER_MS;
}

void seed_print_next(const struct init *in)
{
	char wait[FORMAT_MAX];

	printf("\nWhoever held something holds it no more. Nothing is granted for %s after the start.\n",
	       format_duration(wait, seed_wait_ns(&in->c)));
	printf("Then: kquorum start %s%s\n", in->given_dir ? "--dir " : "",
	       in->given_dir ? in->quoted_dir : in->c.name);
	puts("      kquorum member add NODE=ADDR, for each other machine");
}
