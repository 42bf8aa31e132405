// SPDX-License-Identifier: GPL-2.0
/* Reading a snapshot: what is in it comes out, and what is wrong is found and told apart. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images.h"
#include "snapshot_file.h"
#include "settings.h"
#include "test.h"

struct cli cli;

static struct snapshot_reader reader;

/* --- what is in it -------------------------------------------------------------------------- */

struct seen {
	unsigned int confs, sessions, claims, pools;
	struct snapshot_session session[KQUORUM_MAX_NODES + 1];
	struct snapshot_claim claim[64];
	struct snapshot_pool pool[4];
	int stop_at;	/* at that claim, counted from 1 */
};

static int see(const struct snapshot_record *r, void *user)
{
	struct seen *s = user;
	const struct snapshot_conf *c = &r->conf;

	switch (r->type) {
	case KQ_SNAP_CONF:
		s->confs++;
		assert_int_equal(c->index, 5);
		assert_int_equal(c->term, 5);
		assert_int_equal(c->conf.voters, 0xe);
		assert_int_equal(c->conf.learners, 0x20);
		assert_int_equal(c->conf.identity[2], 5);
		assert_string_equal(kq_conf_member(c->payload, &c->conf, 5)->name, "n5");
		assert_string_equal(kq_conf_left(c->payload, &c->conf, 4)->name, "n4");
		break;
	case KQ_SNAP_SESSION:
		s->sessions++;
		s->session[r->session.node] = r->session;
		break;
	case KQ_SNAP_POOL:
		assert_true(s->pools < 4);
		s->pool[s->pools++] = r->pool;
		break;
	default:
		assert_true(s->claims < 64);
		s->claim[s->claims++] = r->claim;
		if ((int)s->claims == s->stop_at)
			return 123;
	}
	return 0;
}

/* In pieces of @piece bytes, each in a block of its own, so that ASan sees one byte too far. */
static int feed(const struct bytes *b, size_t piece)
{
	size_t at, n;
	int ret = 0;

	for (at = 0; !ret && at < b->len; at += n) {
		void *copy;

		n = b->len - at < piece ? b->len - at : piece;
		copy = malloc(n);
		memcpy(copy, b->data + at, n);
		ret = snapshot_reader_feed(&reader, copy, n);
		free(copy);
	}
	return ret ? ret : snapshot_reader_end(&reader);
}

static int check(const struct bytes *b, size_t piece)
{
	snapshot_reader_init(&reader, 0, NULL, NULL);
	return feed(b, piece);
}

static const struct snapshot_claim *claim_of(const struct seen *s, const char *name, uint64_t owner)
{
	unsigned int i;

	for (i = 0; i < s->claims; i++)
		if (s->claim[i].owner == owner && !strcmp(s->claim[i].resource, name))
			return &s->claim[i];
	fail_msg("no claim of %s by %u", name, (unsigned int)owner);
	return NULL;
}

static void all_that_is_in_it_comes_out(void **state)
{
	static const size_t pieces[] = { 1, 7, sizeof(struct kq_snap_head), 1000, 1 << 20 };
	struct bytes b = image_of_all(5);
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		const struct snapshot_claim *c;
		struct seen s = { 0 };

		snapshot_reader_init(&reader, IMAGE_CLUSTER, see, &s);
		assert_int_equal(feed(&b, pieces[i]), 0);
		assert_true(kq_snap_same(&reader.raw.ref, &b.ref));
		assert_int_equal(s.confs, 1);
		assert_true(reader.has_conf);
		assert_int_equal(s.sessions, 3);
		assert_int_equal(reader.open_sessions, 3);
		assert_int_equal(s.session[1].id, 111);
		assert_false(s.session[1].silent);
		assert_true(s.session[3].silent);
		assert_int_equal(s.session[3].left_ns, 4 * NS_PER_SEC);
		assert_int_equal(s.claims, 9);
		assert_int_equal(reader.claims, 9);
		assert_int_equal(reader.held, 7);
		c = claim_of(&s, "db", 11);
		assert_int_equal(c->node, 1);
		assert_int_equal(c->session, 111);
		assert_int_equal(c->pid, 11);
		assert_string_equal(c->comm, "test");
		assert_true(c->token);
		assert_int_equal(claim_of(&s, "db", 12)->token, 0);
		assert_int_equal(claim_of(&s, "a\tb", 14)->node, 2);
	}
	free(b.data);
}

static void what_of_it_is_held_comes_out(void **state)
{
	struct bytes b = image_of_pools(0);
	const struct snapshot_claim *c;
	struct seen s = { 0 };

	(void)state;
	snapshot_reader_init(&reader, IMAGE_CLUSTER, see, &s);
	assert_int_equal(feed(&b, 100), 0);
	assert_int_equal(reader.pools, 1);
	assert_int_equal(s.pools, 1);
	assert_string_equal(s.pool[0].resource, "gpu");
	assert_int_equal(s.pool[0].units, 4);
	assert_int_equal(s.pool[0].max_waiters, 9);
	assert_int_equal(s.pool[0].ttl_ms, 30000);
	assert_int_equal(s.pool[0].hold_ms, 3600000);
	assert_int_equal(s.pool[0].uid, 1000);
	assert_int_equal(s.pool[0].gid, 44);
	assert_int_equal(s.pool[0].mode, 0640);
	assert_true(s.pool[0].fenced);
	assert_int_equal(s.pool[0].fence, 6 << 12);
	assert_int_equal(s.pool[0].index, 6);
	c = claim_of(&s, "gpu", 21);
	assert_int_equal(c->mode, KQUORUM_CLAIM_MODE_UNITS);
	assert_int_equal(c->units, 2);
	assert_int_equal(c->numbers[0], 3);
	assert_string_equal(c->info, "epoch 3");
	assert_int_equal(claim_of(&s, "gpu", 22)->numbers[0], 4);
	assert_string_equal(claim_of(&s, "gpu", 22)->info, "");
	c = claim_of(&s, "gpu", 23);
	assert_int_equal(c->units, 4);
	assert_int_equal(c->token, 0);
	assert_int_equal(c->numbers[0], 0);
	c = claim_of(&s, "report", 25);
	assert_int_equal(c->mode, KQUORUM_CLAIM_SHARED);
	assert_true(c->token);
	assert_int_equal(reader.held, 4);
	free(b.data);
}

static void one_without_configuration_is_whole_too(void **state)
{
	struct bytes b = image_of_nothing();

	(void)state;
	assert_int_equal(check(&b, 10), 0);
	assert_false(reader.has_conf);
	assert_int_equal(reader.open_sessions, 0);
	assert_int_equal(reader.raw.ref.index, 1);
	free(b.data);
}

static void who_has_seen_enough_ends_it(void **state)
{
	struct bytes b = image_of_all(0);
	struct seen s = { .stop_at = 2 };

	(void)state;
	snapshot_reader_init(&reader, 0, see, &s);
	assert_int_equal(feed(&b, 100), 123);
	assert_int_equal(s.claims, 2);
	assert_int_equal(reader.error, 0);
	/* And it stays at that. */
	assert_int_equal(snapshot_reader_feed(&reader, b.data, 1), 123);
	assert_int_equal(snapshot_reader_end(&reader), 123);
	assert_int_equal(s.claims, 2);
	free(b.data);
}

/* --- what is wrong with it ------------------------------------------------------------------ */

static void each_byte_counts(struct bytes b)
{
	static const size_t pieces[] = { 13, 1 << 20 };
	size_t at, i;

	for (at = 0; at < b.len; at++) {
		for (i = 0; i < ARRAY_SIZE(pieces); i++) {
			int ret;

			b.data[at] ^= 0x10;
			ret = check(&b, pieces[i]);
			b.data[at] ^= 0x10;
			if (ret != (at < 8 ? -EINVAL : -EBADMSG))
				fail_msg("byte %zu: %d", at, ret);
			assert_int_equal(reader.error, ret);
			assert_true(reader.why[0]);
			/* The piece in which it is, or in which that is said which goes wrong. */
			assert_true(reader.offset <= at);
			assert_true(at - reader.offset < KQ_SNAP_FRAME_MAX);
		}
	}
	free(b.data);
}

static void every_byte_counts(void **state)
{
	(void)state;
	each_byte_counts(image_of_all(5));
	each_byte_counts(image_of_pools(0));
}

static void what_is_cut_off_is_called_so(void **state)
{
	struct bytes b = image_of_all(5);
	size_t whole = b.len;

	(void)state;
	for (b.len = 0; b.len < whole; b.len++) {
		assert_int_equal(check(&b, 500), -ENODATA);
		assert_int_equal(reader.offset, b.len);
		assert_string_equal(snapshot_error_name(reader.error), "cut_off");
	}
	b.data = realloc(b.data, whole + 1);
	b.data[whole] = 0;
	b.len = whole + 1;
	assert_int_equal(check(&b, 500), -EBADMSG);
	assert_contains(reader.why, "something follows its end");
	assert_int_equal(reader.offset, whole);
	free(b.data);
}

/* Some 400 locks take more than one frame. */
static void the_place_of_damage_is_that_of_its_frame(void **state)
{
	struct bytes b = image_of_all(400);
	struct kq_snap_frame f;
	size_t at = sizeof(struct kq_snap_head), next;

	(void)state;
	memcpy(&f, b.data + at, sizeof(f));
	next = at + sizeof(f) + le32_to_cpu(f.bytes);
	b.data[next + 5] ^= 1;	/* in the header of the second */
	assert_int_equal(check(&b, 4096), -EBADMSG);
	assert_int_equal(reader.offset, next);
	b.data[next + 5] ^= 1;
	b.data[next + sizeof(f) + 100] ^= 1;
	assert_int_equal(check(&b, 4096), -EBADMSG);
	assert_int_equal(reader.offset, next + sizeof(f));
	free(b.data);
}

static void another_cluster_and_a_newer_version_are_no_damage(void **state)
{
	struct bytes b = image_of_all(0);
	struct kq_snap_head *h = (void *)b.data;

	(void)state;
	snapshot_reader_init(&reader, IMAGE_CLUSTER + 1, NULL, NULL);
	assert_int_equal(feed(&b, 4096), -EXDEV);
	assert_contains(reader.why, "of another cluster (id 000000000000004d)");
	assert_string_equal(snapshot_error_name(reader.error), "other_cluster");
	snapshot_reader_init(&reader, IMAGE_CLUSTER, NULL, NULL);
	assert_int_equal(feed(&b, 4096), 0);
	h->version = cpu_to_le16(KQ_SNAP_VERSION + 1);
	image_seal_head(&b);
	assert_int_equal(check(&b, 4096), -EPROTONOSUPPORT);
	assert_contains(reader.why, "of format version 5, this is read up to 4");
	assert_string_equal(snapshot_error_name(reader.error), "newer_version");
	free(b.data);
}

/* --- records whose checksums are right and that cannot be ----------------------------------- */

static uint8_t records[8192];
static size_t n_records;

static void add(uint16_t type, const void *payload, uint16_t bytes)
{
	n_records = record_add(records, n_records, type, payload, bytes);
}

static void add_session(uint32_t node, uint64_t id, uint64_t last_id, uint32_t suspect)
{
	struct kq_snap_session s = {
		.node = cpu_to_le32(node), .suspect = cpu_to_le32(suspect),
		.id = cpu_to_le64(id), .last_id = cpu_to_le64(last_id),
	};

	add(KQ_SNAP_SESSION, &s, sizeof(s));
}

static void add_claim(uint32_t node, uint64_t session, uint64_t index, unsigned int name_len)
{
	uint8_t buf[sizeof(struct kq_snap_claim) + 200];
	struct kq_snap_claim *c = (void *)buf;

	memset(buf, 'x', sizeof(buf));
	*c = (struct kq_snap_claim){
		.session = cpu_to_le64(session), .index = cpu_to_le64(index),
		.node = cpu_to_le32(node), .name_len = name_len,
	};
	memset(c->comm, 'c', sizeof(c->comm));	/* without an end */
	add(KQ_SNAP_CLAIM, buf, sizeof(*c) + name_len);
}

static int check_records(void)
{
	struct bytes b = image_made(records, n_records);
	int ret = check(&b, 999);

	free(b.data);
	n_records = 0;
	return ret;
}

static void the_records_that_can_be_are_taken(void **state)
{
	struct seen s = { 0 };
	struct bytes b;

	(void)state;
	assert_int_equal(check_records(), 0);
	add_session(1, 7, 9, 1);
	add_session(15, 0, 9, 0);
	add_claim(1, 7, 1, 127);
	b = image_made(records, n_records);
	n_records = 0;
	snapshot_reader_init(&reader, 0, see, &s);
	assert_int_equal(feed(&b, 50), 0);
	assert_int_equal(reader.open_sessions, 1);
	assert_int_equal(strlen(s.claim[0].resource), 127);
	assert_string_equal(s.claim[0].comm, "cccccccccccccccc");
	free(b.data);
}

static void sessions_that_cannot_be_are_refused(void **state)
{
	static const struct {
		uint32_t node;
		uint64_t id, last_id;
		uint32_t suspect;
	} bad[] = {
		{ 0, 1, 1, 0 }, { 16, 1, 1, 0 }, { 1, 0, 0, 0 }, { 1, 2, 1, 0 }, { 1, 1, 1, 2 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		add_session(bad[i].node, bad[i].id, bad[i].last_id, bad[i].suspect);
		if (check_records() != -EBADMSG)
			fail_msg("session %u was taken", i);
		assert_contains(reader.why, "a session that cannot be");
	}
	add_session(1, 1, 1, 0);
	add_session(1, 1, 1, 0);
	assert_int_equal(check_records(), -EBADMSG);
	/* Good ones, of another length. */
	for (i = 0; i < 2; i++) {
		uint8_t buf[sizeof(struct kq_snap_session) + 8] = { 0 };
		struct kq_snap_session *s = (void *)buf;

		s->node = cpu_to_le32(1);
		s->id = s->last_id = cpu_to_le64(1);
		add(KQ_SNAP_SESSION, buf, sizeof(*s) + (i ? 8 : -8));
		assert_int_equal(check_records(), -EBADMSG);
	}
}

static void claims_that_cannot_be_are_refused(void **state)
{
	static const struct {
		uint32_t node;
		uint64_t session, index;
		unsigned int name_len;
	} bad[] = {
		{ 0, 0, 1, 1 }, { 16, 7, 1, 1 }, { 2, 7, 1, 1 }, { 1, 8, 1, 1 }, { 3, 0, 1, 1 },
		{ 1, 7, 0, 1 }, { 1, 7, 1000000, 1 }, { 1, 7, 1, 0 }, { 1, 7, 1, 128 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		add_session(1, 7, 7, 0);
		add_session(3, 0, 7, 0);
		add_claim(bad[i].node, bad[i].session, bad[i].index, bad[i].name_len);
		if (check_records() != -EBADMSG)
			fail_msg("claim %u was taken", i);
		assert_contains(reader.why, "a claim that cannot be");
	}
}

/* A claim of "r" by node 1, and what of it. */
struct asks {
	uint32_t mode, units, numbers, info_len;
	bool waits;
	int more;		/* bytes that it has besides */
	bool zero;		/* something stands where nothing may */
	uint8_t evicted;
	uint32_t drain_ms, ttl_ms, hold_ms;
	uint8_t first, second;	/* of its numbers; 0, 0: they rise from 0 on */
};

static void add_asking(const struct asks *a)
{
	uint8_t buf[sizeof(struct kq_snap_claim) + 600] = { 0 };
	struct kq_snap_claim *c = (void *)buf;
	uint8_t *number = (uint8_t *)(c + 1) + 1 + a->info_len;
	uint32_t i;

	c->session = cpu_to_le64(7);
	c->index = cpu_to_le64(1);
	c->token = cpu_to_le64(a->waits ? 0 : 4096);
	c->node = cpu_to_le32(1);
	c->mode = a->mode;
	c->units = cpu_to_le32(a->units);
	c->numbers = cpu_to_le16(a->numbers);
	c->name_len = 1;
	c->info_len = a->info_len;
	c->zero[5] = a->zero;
	c->evicted = a->evicted;
	c->drain_ms = cpu_to_le32(a->drain_ms);
	c->ttl_ms = cpu_to_le32(a->ttl_ms);
	c->hold_ms = cpu_to_le32(a->hold_ms);
	memset(c + 1, 'r', 1 + a->info_len);
	for (i = 0; i < a->numbers; i++)
		number[i] = i;
	if (a->first || a->second) {
		number[0] = a->first;
		number[1] = a->second;
	}
	add(KQ_SNAP_CLAIM, buf, sizeof(*c) + 1 + a->info_len + a->numbers + a->more);
}

static int check_asking(const struct asks *a)
{
	add_session(1, 7, 7, 0);
	add_asking(a);
	return check_records();
}

#define ALL	KQUORUM_CLAIM_EXCLUSIVE
#define SHARE	KQUORUM_CLAIM_SHARED
#define UNITS	KQUORUM_CLAIM_MODE_UNITS

static void what_can_be_asked_for_is_taken(void **state)
{
	static const struct asks good[] = {
		{ .mode = ALL, .info_len = 63 },
		{ .mode = SHARE, .waits = true },
		{ .mode = ALL, .evicted = 1, .drain_ms = KQUORUM_GRANT_MS_MAX },
		{ .mode = ALL, .ttl_ms = KQUORUM_GRANT_MS_MAX, .hold_ms = KQUORUM_GRANT_MS_MAX },
		{ .mode = UNITS, .units = 2, .numbers = 2, .info_len = 63 },
		{ .mode = UNITS, .units = 2, .waits = true },
		{ .mode = UNITS, .units = 256, .numbers = 256, .info_len = 63 },
		{ .mode = UNITS, .units = KQUORUM_UNITS_MAX },
		{ .mode = UNITS, .units = 2, .numbers = 2, .info_len = 5, .first = 3, .second = 255 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		if (check_asking(&good[i]))
			fail_msg("claim %u was refused: %s", i, reader.why);
}

static void what_cannot_be_asked_for_is_refused(void **state)
{
	static const struct asks bad[] = {
		{ .mode = 3 },
		{ .mode = 255, .units = 1 },
		{ .mode = ALL, .units = 1 },
		{ .mode = SHARE, .units = 1 },
		{ .mode = ALL, .numbers = 1 },
		{ .mode = SHARE, .numbers = 1 },
		{ .mode = UNITS, .units = 0 },
		{ .mode = UNITS, .units = KQUORUM_UNITS_MAX + 1 },
		{ .mode = UNITS, .units = 2, .numbers = 1 },
		{ .mode = UNITS, .units = 1, .numbers = 2 },
		{ .mode = UNITS, .units = 2, .numbers = 2, .waits = true },
		{ .mode = UNITS, .units = 257, .numbers = 257 },
		{ .mode = ALL, .info_len = 64 },
		{ .mode = ALL, .more = 1 },
		{ .mode = ALL, .more = -1 },
		{ .mode = UNITS, .units = 2, .numbers = 2, .more = -1 },
		{ .mode = UNITS, .units = 2, .numbers = 2, .info_len = 5, .more = 1 },
		{ .mode = ALL, .zero = true },
		{ .mode = ALL, .evicted = 2 },
		{ .mode = ALL, .evicted = 1, .waits = true },
		{ .mode = ALL, .drain_ms = 1 },
		{ .mode = ALL, .evicted = 1, .drain_ms = KQUORUM_GRANT_MS_MAX + 1U },
		{ .mode = ALL, .ttl_ms = KQUORUM_GRANT_MS_MAX + 1U },
		{ .mode = ALL, .hold_ms = KQUORUM_GRANT_MS_MAX + 1U },
		{ .mode = UNITS, .units = 2, .numbers = 2, .first = 3, .second = 3 },
		{ .mode = UNITS, .units = 2, .numbers = 2, .first = 3, .second = 2 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (check_asking(&bad[i]) != -EBADMSG)
			fail_msg("claim %u was taken", i);
		assert_contains(reader.why, "a claim that cannot be");
	}
}

static int check_pool(uint64_t index, uint32_t units, uint16_t bytes)
{
	uint8_t buf[sizeof(struct kq_snap_pool) + 200] = { 0 };
	struct kq_snap_pool *p = (void *)buf;

	memset(p + 1, 'x', 200);
	p->index = cpu_to_le64(index);
	p->units = cpu_to_le32(units);
	add(KQ_SNAP_POOL, buf, bytes);
	return check_records();
}

static int check_terms(const struct kq_snap_pool *terms)
{
	uint8_t buf[sizeof(struct kq_snap_pool) + 1];
	struct kq_snap_pool *p = (void *)buf;

	memset(buf, 'x', sizeof(buf));
	*p = *terms;
	p->index = cpu_to_le64(1);
	p->units = cpu_to_le32(1);
	add(KQ_SNAP_POOL, buf, sizeof(buf));
	return check_records();
}

static void resources_that_cannot_be_are_refused(void **state)
{
	const uint16_t fixed = sizeof(struct kq_snap_pool);
	const struct kq_snap_pool good[] = {
		{ .ttl_ms = cpu_to_le32(KQUORUM_GRANT_MS_MAX), .hold_ms = cpu_to_le32(KQUORUM_GRANT_MS_MAX) },
		{ .mode = cpu_to_le16(0666), .uid = cpu_to_le32(~0U), .gid = cpu_to_le32(~0U) },
		{ .fenced = cpu_to_le16(1), .fence = cpu_to_le64(4096) },
		{ .fence = cpu_to_le64(4096) },		/* it is not fenced any more */
	}, bad[] = {
		{ .ttl_ms = cpu_to_le32(KQUORUM_GRANT_MS_MAX + 1U) },
		{ .hold_ms = cpu_to_le32(KQUORUM_GRANT_MS_MAX + 1U) },
		{ .mode = cpu_to_le16(0770) },
		{ .mode = cpu_to_le16(01000) },
		{ .fenced = cpu_to_le16(1) },		/* of which token on? */
		{ .fenced = cpu_to_le16(2), .fence = cpu_to_le64(4096) },
		{ .fence = cpu_to_le64(1ULL << 60) },	/* nobody was given that one */
		{ .zero = cpu_to_le32(1) },
	};
	unsigned int i;

	(void)state;
	assert_int_equal(check_pool(1, 1, fixed + 1), 0);
	assert_int_equal(check_pool(1, KQUORUM_UNITS_MAX, fixed + 127), 0);
	assert_int_equal(reader.pools, 1);
	assert_int_equal(check_pool(0, 1, fixed + 1), -EBADMSG);
	assert_int_equal(check_pool(1000000, 1, fixed + 1), -EBADMSG);
	assert_int_equal(check_pool(1, 0, fixed + 1), -EBADMSG);
	assert_int_equal(check_pool(1, KQUORUM_UNITS_MAX + 1, fixed + 1), -EBADMSG);
	assert_int_equal(check_pool(1, 1, fixed), -EBADMSG);
	assert_int_equal(check_pool(1, 1, fixed - 1), -EBADMSG);
	assert_int_equal(check_pool(1, 1, fixed + 128), -EBADMSG);
	assert_contains(reader.why, "a resource that cannot be");
	for (i = 0; i < ARRAY_SIZE(good); i++)
		if (check_terms(&good[i]))
			fail_msg("terms %u were refused: %s", i, reader.why);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (check_terms(&bad[i]) != -EBADMSG)
			fail_msg("terms %u were taken", i);
}

static void configurations_that_cannot_be_are_refused(void **state)
{
	static const struct kq_settings set = TEST_SETTINGS;
	struct {
		struct kq_snap_conf at;
		struct kquorum_conf c;
		struct kquorum_conf_member m;
	} __packed good = {
		.at = { .index = cpu_to_le64(1), .term = cpu_to_le64(1) },
		.c = { .voters = cpu_to_le32(2), .origin = cpu_to_le64(3) },
		.m = { .identity = cpu_to_le64(5), .name = "n1" },
	}, bad;

	(void)state;
	kq_settings_write(&set, &good.c.before);
	kq_settings_write(&set, &good.c.now);
	add(KQ_SNAP_CONF, &good, sizeof(good));
	assert_int_equal(check_records(), 0);
	assert_true(reader.has_conf);
	add(KQ_SNAP_CONF, &good, sizeof(good));
	add(KQ_SNAP_CONF, &good, sizeof(good));
	assert_int_equal(check_records(), -EBADMSG);
	add(KQ_SNAP_CONF, &good, sizeof(good) - 1);
	assert_int_equal(check_records(), -EBADMSG);
	add(KQ_SNAP_CONF, &good, sizeof(good.at) - 1);
	assert_int_equal(check_records(), -EBADMSG);
	bad = good;
	bad.c.origin = cpu_to_le64(4);
	add(KQ_SNAP_CONF, &bad, sizeof(bad));
	assert_int_equal(check_records(), -EBADMSG);
	bad = good;
	bad.at.index = 0;
	add(KQ_SNAP_CONF, &bad, sizeof(bad));
	assert_int_equal(check_records(), -EBADMSG);
	bad = good;
	bad.at.term = 0;
	add(KQ_SNAP_CONF, &bad, sizeof(bad));
	assert_int_equal(check_records(), -EBADMSG);
	bad = good;
	bad.at.index = cpu_to_le64(1000000);
	add(KQ_SNAP_CONF, &bad, sizeof(bad));
	assert_int_equal(check_records(), -EBADMSG);
	assert_contains(reader.why, "a configuration that cannot be used");
}

/* --- files ---------------------------------------------------------------------------------- */

static void files_that_cannot_be_read_are_called_so(void **state)
{
	int fd = open("/dev/null", O_WRONLY);

	(void)state;
	snapshot_reader_init(&reader, 0, NULL, NULL);
	assert_int_equal(snapshot_file_read(&reader, fd), -EIO);
	close(fd);
	assert_string_equal(snapshot_error_name(reader.error), "unreadable");
	assert_int_equal(snapshot_exit_code(reader.error), 1);
	snapshot_reader_init(&reader, 0, NULL, NULL);
	assert_int_equal(snapshot_path_read(&reader, "/nonexistent"), -ENOENT);
	assert_string_equal(snapshot_error_name(reader.error), "not_found");
	assert_int_equal(snapshot_exit_code(reader.error), 66);
	snapshot_reader_init(&reader, 0, NULL, NULL);
	assert_int_equal(snapshot_path_read(&reader, "/"), -EIO);
	assert_string_equal(reader.why, "Is a directory");
	snapshot_reader_init(&reader, 0, NULL, NULL);
	assert_int_equal(snapshot_path_read(&reader, "/dev/null"), -ENODATA);
	assert_string_equal(reader.why, "empty");
	snapshot_reader_init(&reader, 0, NULL, NULL);
	assert_int_equal(snapshot_path_read(&reader, "/dev/zero"), -EINVAL);
	assert_int_equal(snapshot_exit_code(-EACCES), 77);
	assert_int_equal(snapshot_exit_code(0), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_in_it_comes_out),
		cmocka_unit_test(what_of_it_is_held_comes_out),
		cmocka_unit_test(one_without_configuration_is_whole_too),
		cmocka_unit_test(who_has_seen_enough_ends_it),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(what_is_cut_off_is_called_so),
		cmocka_unit_test(the_place_of_damage_is_that_of_its_frame),
		cmocka_unit_test(another_cluster_and_a_newer_version_are_no_damage),
		cmocka_unit_test(the_records_that_can_be_are_taken),
		cmocka_unit_test(sessions_that_cannot_be_are_refused),
		cmocka_unit_test(claims_that_cannot_be_are_refused),
		cmocka_unit_test(what_can_be_asked_for_is_taken),
		cmocka_unit_test(what_cannot_be_asked_for_is_refused),
		cmocka_unit_test(resources_that_cannot_be_are_refused),
		cmocka_unit_test(configurations_that_cannot_be_are_refused),
		cmocka_unit_test(files_that_cannot_be_read_are_called_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
