// SPDX-License-Identifier: GPL-2.0
/* Entries of the log in words; a wrong length is never read past. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "test.h"
#include "kq_entry.h"

struct cli cli;
static struct kquorum_status st = { .n_peers = 1, .peers[0] = { .id = 2, .name = "n2" } };
static char text[200];

/* The payload is copied to a block of its own size, so that ASan sees one byte too far. */
static const char *describe(uint32_t type, const void *payload, uint32_t bytes)
{
	void *copy = bytes ? malloc(bytes) : NULL;
	struct kquorum_log_entry e = {
		.index = 7, .term = 3, .session = 5, .type = type, .bytes = bytes, .payload = copy,
	};
	char *json;

	if (bytes)
		memcpy(copy, payload, bytes);
	entry_describe(&e, &st, text, sizeof(text));
	cJSON *o = entry_json(&e, &st);
	json = cJSON_PrintUnformatted(o);
	assert_non_null(json);
	free(json);
	cJSON_Delete(o);
	free(copy);
	return text;
}

static void describes_sessions(void **state)
{
	struct kq_session_cmd cmd = { .session = htole64(5), .node = htole32(2),
				      .left_ns = htole64(4 * NS_PER_SEC) };

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_OPEN, &cmd, sizeof(cmd)), "session 5 of n2 begins");
	assert_contains(describe(KQUORUM_ENTRY_SUSPECT, &cmd, sizeof(cmd)), "is silent, 4.0s left");
	assert_contains(describe(KQUORUM_ENTRY_EXPIRE, &cmd, sizeof(cmd)), "released");
	cmd.node = htole32(9);
	assert_contains(describe(KQUORUM_ENTRY_CLOSE, &cmd, sizeof(cmd)), "of node 9");
	assert_contains(describe(KQUORUM_ENTRY_CLEAR, &cmd, sizeof(cmd) - 1), "not shown");
}

static void describes_configurations(void **state)
{
	struct kquorum_conf c = { .voters = htole32(0x4) };

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_CONF, &c, sizeof(c)), "voters n2");
	c.voters = htole32(0xc);
	c.outgoing = htole32(0x4);
	c.learners = htole32(0x8000);
	assert_string_equal(describe(KQUORUM_ENTRY_CONF, &c, sizeof(c)),
			    "voters n2, node 3; replacing n2; learners node 15");
	c.voters = c.outgoing = c.learners = htole32(0xffffffff);
	assert_int_equal(strlen(describe(KQUORUM_ENTRY_CONF, &c, sizeof(c))), sizeof(text) - 1);
	assert_contains(describe(KQUORUM_ENTRY_CONF, &c, sizeof(c) - 1), "not shown");
}

/* As describe(), of the part that @name has. */
static int part(const void *payload, uint32_t bytes, const char *name)
{
	void *copy = bytes ? malloc(bytes) : NULL;
	struct kquorum_log_entry e = {
		.type = KQUORUM_ENTRY_CONF, .bytes = bytes, .payload = copy,
	};
	int ret;

	if (bytes)
		memcpy(copy, payload, bytes);
	ret = entry_conf_part(&e, name);
	free(copy);
	return ret;
}

static void finds_a_node_in_a_configuration(void **state)
{
	struct {
		struct kquorum_conf head;
		struct kquorum_conf_member member[4];
	} __attribute__((packed)) c = {
		.head = { .voters = htole32(1 << 2), .outgoing = htole32(1 << 2 | 1 << 9),
			  .learners = htole32(1 << 5 | 1 << 7) },
		.member = { { .name = "n2" }, { .name = "n5" }, { .name = "n7" },
			    { .name = "n9" } },
	};

	(void)state;
	assert_int_equal(part(&c, sizeof(c), "n2"), 2);
	assert_int_equal(part(&c, sizeof(c), "n5"), 1);
	assert_int_equal(part(&c, sizeof(c), "n9"), 2);
	assert_int_equal(part(&c, sizeof(c), "n"), 0);
	assert_int_equal(part(&c, sizeof(c) - 1, "n9"), 0);
	assert_int_equal(part(&c, sizeof(c.head), "n2"), 0);
	assert_int_equal(part(NULL, 0, "n2"), 0);
	/* A name as long as its place. */
	memset(c.member[1].name, 'x', sizeof(c.member[1].name));
	assert_int_equal(part(&c, sizeof(c), "n7"), 1);
	c.head.voters = c.head.outgoing = c.head.learners = htole32(0xffffffff);
	assert_int_equal(part(&c, sizeof(c), "n12"), 0);
	assert_int_equal(entry_conf_part(&(struct kquorum_log_entry){ .type = KQUORUM_ENTRY_APPEND,
					 .payload = "x", .bytes = 1 }, "n2"), 0);
}

static void describes_locks(void **state)
{
	struct {
		struct kq_acquire_cmd cmd;
		char name[2];
	} __attribute__((packed)) a = {
		.cmd = { .owner = htole64(11), .pid = htole32(1234), .name_len = htole16(2),
			 .flags = htole16(KQ_ACQUIRE_TRY), .comm = "sixteen-bytes-co" },
		.name = "db",
	};
	struct {
		struct kq_release_cmd cmd;
		char name[2];
	} __attribute__((packed)) r = { .cmd = { .owner = htole64(11), .name_len = htole16(2) },
					.name = "db" };

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)),
			    "db, owner 11, pid 1234 (sixteen-bytes-co), without waiting");
	assert_string_equal(describe(KQUORUM_ENTRY_RELEASE, &r, sizeof(r)),
			    "db, owner 11");
	a.cmd.name_len = htole16(3);
	assert_contains(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_ACQUIRE, &a, 10), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_RELEASE, &r, 3), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_RELEASE, NULL, 0), "not shown");
}

static void describes_what_of_it_is_asked_for(void **state)
{
	struct {
		struct kq_acquire_cmd cmd;
		char text[10];
	} __attribute__((packed)) a = {
		.cmd = { .owner = htole64(11), .pid = htole32(12), .units = htole32(2),
			 .name_len = htole16(3), .info_len = htole16(7), .comm = "train" },
		.text = "gpuepoch 3",
	};

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)),
			    "gpu, 2 units, owner 11, pid 12 (train): epoch 3");
	a.cmd.units = 0;
	a.cmd.flags = htole16(KQ_ACQUIRE_SHARED | KQ_ACQUIRE_TRY);
	a.text[5] = '\n';
	assert_string_equal(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)),
			    "gpu, shared, owner 11, pid 12 (train), without waiting: ep\\x0ach 3");
	a.cmd.info_len = htole16(8);
	assert_contains(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)), "not shown");
	a.cmd.info_len = a.cmd.name_len = htole16(65535);
	assert_contains(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a.cmd) - 1), "not shown");
}

static void describes_what_is_said_of_resources(void **state)
{
	struct {
		struct kq_define_cmd cmd;
		char name[3];
	} __attribute__((packed)) d = {
		.cmd = { .units = htole32(4), .name_len = htole16(3),
			 .flags = htole16(KQ_DEFINE_NEW | KQ_DEFINE_UNITS) },
		.name = "gpu",
	};
	struct {
		struct kq_undefine_cmd cmd;
		char name[3];
	} __attribute__((packed)) u = { .cmd = { .name_len = htole16(3) }, .name = "gpu" };

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)),
			    "gpu, new, 4 units, any number may wait");
	d.cmd.flags = htole16(KQ_DEFINE_UNITS);
	d.cmd.units = htole32(1);
	assert_string_equal(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "gpu, 1 unit");
	d.cmd.flags = htole16(KQ_DEFINE_MAX_WAITERS);
	assert_string_equal(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "gpu, any number may wait");
	d.cmd.max_waiters = htole32(7);
	assert_string_equal(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "gpu, at most 7 may wait");
	assert_string_equal(describe(KQUORUM_ENTRY_UNDEFINE, &u, sizeof(u)), "gpu");
	d.cmd.name_len = u.cmd.name_len = htole16(4);
	assert_contains(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d.cmd) - 1), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_UNDEFINE, &u, sizeof(u)), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_UNDEFINE, &u, 7), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_DEFINE, NULL, 0), "not shown");
}

/* As JSON without spaces. */
static const char *json(uint32_t type, const void *payload, uint32_t bytes)
{
	static char buf[1000];
	struct kquorum_log_entry e = { .index = 7, .type = type, .bytes = bytes, .payload = payload };
	cJSON *o = entry_json(&e, &st);

	assert_true(cJSON_PrintPreallocated(o, buf, sizeof(buf), false));
	cJSON_Delete(o);
	return buf;
}

static void tells_resources_in_json(void **state)
{
	struct {
		struct kq_define_cmd cmd;
		char name[3];
	} __attribute__((packed)) d = {
		.cmd = { .units = htole32(4), .name_len = htole16(3),
			 .flags = htole16(KQ_DEFINE_NEW | KQ_DEFINE_UNITS) },
		.name = "gpu",
	};
	struct {
		struct kq_acquire_cmd cmd;
		char text[4];
	} __attribute__((packed)) a = {
		.cmd = { .units = htole32(2), .name_len = htole16(3), .info_len = htole16(1) },
		.text = "gpux",
	};

	(void)state;
	assert_contains(json(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "\"resource\":\"gpu\",\"create\":true,"
			"\"units\":4,\"max_waiters\":null,\"ttl_ms\":null,\"hold_ms\":null,\"uid\":null,"
			"\"gid\":null,\"access\":null,\"fenced\":null}");
	d.cmd.flags = htole16(KQ_DEFINE_MAX_WAITERS);
	assert_contains(json(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "\"create\":false,\"units\":null,"
			"\"max_waiters\":0,\"ttl_ms\":null,");
	assert_contains(json(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)), "\"try\":false,\"mode\":\"units\","
			"\"units\":2,\"info\":\"x\",\"uid\":0,\"ttl_ms\":0,\"hold_ms\":0}");
	assert_contains(json(KQUORUM_ENTRY_UNDEFINE, &d, 7), "\"type\":\"undefine\"");
}

static void describes_the_ends_of_grants(void **state)
{
	struct {
		struct kq_acquire_cmd cmd;
		char name[2];
	} __attribute__((packed)) a = {
		.cmd = { .owner = htole64(11), .pid = htole32(12), .uid = htole32(54321), .name_len = htole16(2),
			 .ttl_ms = htole32(30000), .hold_ms = htole32(3600000), .comm = "sh" },
		.name = "db",
	};
	struct {
		struct kq_release_cmd cmd;
		char name[2];
	} __attribute__((packed)) r = { .cmd = { .owner = htole64(11), .name_len = htole16(2) },
					.name = "db" };
	static const char *const whys[][2] = {
		{ "db, owner 11", "\"why\":\"asked\"}" },
		{ "db, owner 11: it was not renewed in time", "\"why\":\"not_renewed\"}" },
		{ "db, owner 11: it was held as long as it may be", "\"why\":\"held_too_long\"}" },
		{ "db, owner 11: an operator took it", "\"why\":\"evicted\"}" },
		{ "db, owner 11", "\"why\":\"unknown\"}" },
	};
	unsigned int i;

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)), "db, owner 11, pid 12 (sh) of 54321, "
			    "renewed within 30.0s, for 1h00m at most");
	assert_contains(json(KQUORUM_ENTRY_ACQUIRE, &a, sizeof(a)),
			"\"uid\":54321,\"ttl_ms\":30000,\"hold_ms\":3600000}");
	for (i = 0; i < 5; i++) {
		r.cmd.why = htole16(i < 4 ? i : 999);
		assert_string_equal(describe(KQUORUM_ENTRY_RELEASE, &r, sizeof(r)), whys[i][0]);
		assert_contains(json(KQUORUM_ENTRY_RELEASE, &r, sizeof(r)), whys[i][1]);
	}
}

static void describes_all_terms(void **state)
{
	struct {
		struct kq_define_cmd cmd;
		char name[3];
	} __attribute__((packed)) d = {
		.cmd = { .ttl_ms = htole32(30000), .hold_ms = htole32(90000), .uid = htole32(1000),
			 .gid = htole32(44), .mode = htole16(0640), .fenced = htole16(1), .name_len = htole16(3),
			 .flags = htole16(KQ_DEFINE_TTL | KQ_DEFINE_HOLD | KQ_DEFINE_UID | KQ_DEFINE_GID |
					  KQ_DEFINE_MODE | KQ_DEFINE_FENCED) },
		.name = "gpu",
	};

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "gpu, renewed within 30.0s, "
			    "held for 90.0s at most, owner 1000, group 44, mode 0640, fenced");
	assert_contains(json(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "\"ttl_ms\":30000,\"hold_ms\":90000,"
			"\"uid\":1000,\"gid\":44,\"access\":\"0640\",\"fenced\":true}");
	d.cmd.ttl_ms = d.cmd.hold_ms = 0;
	d.cmd.fenced = 0;
	assert_string_equal(describe(KQUORUM_ENTRY_DEFINE, &d, sizeof(d)), "gpu, need not be renewed, "
			    "held without end, owner 1000, group 44, mode 0640, not fenced");
}

static void describes_evictions_and_fences(void **state)
{
	struct {
		struct kq_evict_cmd cmd;
		char name[2];
	} __attribute__((packed)) v = {
		.cmd = { .session = htole64(8), .owner = htole64(11), .node = htole32(2),
			 .drain_ms = htole32(60000), .name_len = htole16(2) },
		.name = "db",
	};
	struct {
		struct kq_fence_cmd cmd;
		char name[2];
	} __attribute__((packed)) f = {
		.cmd = { .token = htole64(8192), .uid = htole32(1000), .name_len = htole16(2) }, .name = "db",
	};
	struct kquorum_log_entry by_leader = {
		.type = KQUORUM_ENTRY_EVICT, .bytes = sizeof(v), .payload = &v,
	};

	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_EVICT, &v, sizeof(v)),
			    "db, owner 11 of n2, session 8, has 60.0s to end");
	v.cmd.drain_ms = 0;
	assert_string_equal(describe(KQUORUM_ENTRY_EVICT, &v, sizeof(v)),
			    "db, owner 11 of n2, session 8, has no time to end");
	entry_describe(&by_leader, &st, text, sizeof(text));
	assert_string_equal(text, "db, owner 11 of n2, session 8: its node is silent, so the leader takes it");
	assert_contains(json(KQUORUM_ENTRY_EVICT, &v, sizeof(v)), "\"owner\":11,\"of_node\":\"n2\","
			"\"of_session\":8,\"drain_ms\":0,\"by_leader\":true}");
	assert_string_equal(describe(KQUORUM_ENTRY_FENCE, &f, sizeof(f)), "db, token 8192");
	assert_contains(json(KQUORUM_ENTRY_FENCE, &f, sizeof(f)), "\"token\":8192,\"uid\":1000}");
	v.cmd.name_len = f.cmd.name_len = htole16(3);
	assert_contains(describe(KQUORUM_ENTRY_EVICT, &v, sizeof(v)), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_EVICT, &v, sizeof(v.cmd) - 1), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_FENCE, &f, sizeof(f)), "not shown");
	assert_contains(describe(KQUORUM_ENTRY_FENCE, &f, sizeof(f.cmd) - 1), "not shown");
}

static void describes_the_rest(void **state)
{
	(void)state;
	assert_string_equal(describe(KQUORUM_ENTRY_NOOP, NULL, 0), "term 3 begins");
	assert_string_equal(describe(KQUORUM_ENTRY_APPEND, "h\001", 2), "h\\x01");
	assert_string_equal(describe(77, "x", 1), "x");
}

/* The effect as JSON has it: "true", "false", "null". */
static const char *effect(const struct kquorum_log_entry *e)
{
	static char value[8];
	cJSON *o = entry_json(e, &st), *effect = cJSON_GetObjectItem(o, "effect");
	char *json = cJSON_PrintUnformatted(effect);

	assert_non_null(json);
	snprintf(value, sizeof(value), "%s", json);
	free(json);
	cJSON_Delete(o);
	return value;
}

static void tells_what_has_no_effect(void **state)
{
	struct kquorum_log_entry e = { .index = 7, .term = 3, .type = KQUORUM_ENTRY_APPEND };

	(void)state;
	assert_string_equal(entry_remark(&e), "(not committed) ");
	e.committed = true;
	assert_string_equal(entry_remark(&e), "");
	assert_string_equal(effect(&e), "null");
	e.applied = true;
	assert_string_equal(entry_remark(&e), "");
	assert_string_equal(effect(&e), "true");
	e.result = -EALREADY;
	assert_string_equal(entry_remark(&e), "(again, no effect) ");
	assert_string_equal(effect(&e), "false");
	e.result = -ESTALE;
	assert_string_equal(entry_remark(&e), "(session over, no effect) ");
	e.result = -EAGAIN;
	assert_string_equal(entry_remark(&e), "(held, not granted) ");
}

static void tells_what_was_refused_by_word(void **state)
{
	static const struct {
		int error;
		const char *remark, *name;
		uint32_t type;
	} results[] = {
		{ 0, "", "done", 0 },
		{ -ERANGE, "(has fewer units) ", "too_few_units", 0 },
		{ -EUSERS, "(too many wait) ", "too_many_wait", 0 },
		{ -ENFILE, "(no room in the cluster) ", "no_room", 0 },
		{ -EEXIST, "(exists already) ", "exists", 0 },
		{ -ENOENT, "(not there) ", "not_found", 0 },
		{ -EBUSY, "(in use) ", "in_use", 0 },
		{ -EINVAL, "(refused) ", "refused", 0 },
		{ -EACCES, "(not for this user) ", "denied", 0 },
		{ -EMEDIUMTYPE, "(not fenced, or several units) ", "not_fenced", 0 },
		/* The same error says something else of these: */
		{ -ESTALE, "(a higher token was shown) ", "stale_token", KQUORUM_ENTRY_FENCE },
		{ -EINVAL, "(nobody was given that one) ", "no_such_token", KQUORUM_ENTRY_FENCE },
		{ -ENOENT, "(no such request) ", "no_such_request", KQUORUM_ENTRY_EVICT },
		{ -ESTALE, "(session over, no effect) ", "session_over", KQUORUM_ENTRY_EVICT },
	};
	struct kquorum_log_entry e = { .committed = true, .applied = true };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		cJSON *o;

		e.result = results[i].error;
		e.type = results[i].type ? results[i].type : KQUORUM_ENTRY_APPEND;
		assert_string_equal(entry_remark(&e), results[i].remark);
		o = entry_json(&e, &st);
		assert_string_equal(cJSON_GetObjectItem(o, "result")->valuestring, results[i].name);
		cJSON_Delete(o);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_sessions),
		cmocka_unit_test(describes_configurations),
		cmocka_unit_test(finds_a_node_in_a_configuration),
		cmocka_unit_test(describes_locks),
		cmocka_unit_test(describes_what_of_it_is_asked_for),
		cmocka_unit_test(describes_what_is_said_of_resources),
		cmocka_unit_test(tells_resources_in_json),
		cmocka_unit_test(describes_the_ends_of_grants),
		cmocka_unit_test(describes_all_terms),
		cmocka_unit_test(describes_evictions_and_fences),
		cmocka_unit_test(describes_the_rest),
		cmocka_unit_test(tells_what_has_no_effect),
		cmocka_unit_test(tells_what_was_refused_by_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
