// SPDX-License-Identifier: GPL-2.0
/*
 * One entry: what it takes to be accepted from the wire or the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kq_conf.h"
#include "settings.h"

static struct kq_entry *make(u32 len)
{
	struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_APPEND, NULL, len);

	assert_non_null(e);
	memset(e->data, 0x5a, len);
	e->rec.index = cpu_to_le64(1);
	e->rec.term = cpu_to_le64(1);
	e->rec.node = cpu_to_le32(3);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	return e;
}

static void a_sound_entry_is_accepted_and_copied(void **state)
{
	static const u32 lens[] = { 0, 1, 100, KQ_PAYLOAD_MAX };
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		struct kq_entry *e = make(lens[i]), *copy;

		assert_int_equal(kq_entry_check(&e->rec, e->data, lens[i]), 0);
		if (lens[i])
			assert_int_equal(kq_entry_check(&e->rec, e->data, lens[i] - 1), -EMSGSIZE);
		copy = kq_entry_from_record(&e->rec, e->data);
		assert_non_null(copy);
		assert_memory_equal(&copy->rec, &e->rec, sizeof(e->rec));
		assert_memory_equal(copy->data, e->data, lens[i]);
		e->claim = kq_alloc(8);		/* goes with the entry */
		e->resource = kq_alloc(8);
		e->pool = kq_alloc(8);
		kq_entry_free(e);
		kq_entry_free(copy);
	}
	kq_entry_free(NULL);
	assert_int_equal(kq_alloc_live, 0);
}

static void index_and_term_are_the_leaders_the_rest_is_covered(void **state)
{
	struct kq_entry *e = make(64);
	u8 *bytes = (u8 *)&e->rec;
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(e->rec) + 64; i++) {
		u8 *p = i < sizeof(e->rec) ? &bytes[i] : &e->data[i - sizeof(e->rec)];
		int err;

		*p ^= 0x02;
		err = kq_entry_check(&e->rec, e->data, 64);
		if (i < offsetof(struct kq_record, session))
			assert_int_equal(err, 0);
		else
			assert_int_not_equal(err, 0);
		*p ^= 0x02;
	}
	kq_entry_free(e);
}

static void what_no_honest_node_sends_is_refused(void **state)
{
	struct kq_entry *e = make(8);

	(void)state;
	assert_null(kq_entry_alloc(KQ_ENTRY_APPEND, NULL, KQ_PAYLOAD_MAX + 1));
	e->rec.index = 0;
	assert_int_equal(kq_entry_check(&e->rec, e->data, 8), -EPROTO);
	e->rec.index = cpu_to_le64(1);
	e->rec.term = 0;
	assert_int_equal(kq_entry_check(&e->rec, e->data, 8), -EPROTO);
	e->rec.term = cpu_to_le64(1);
	e->rec.type = cpu_to_le16(8);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	assert_int_equal(kq_entry_check(&e->rec, e->data, 8), -EPROTO);
	e->rec.type = cpu_to_le16(KQ_ENTRY_NOOP);
	e->rec.flags = cpu_to_le16(1);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	assert_int_equal(kq_entry_check(&e->rec, e->data, 8), -EPROTO);
	e->rec.len = cpu_to_le32(U32_MAX);
	assert_int_equal(kq_entry_check(&e->rec, e->data, 8), -EMSGSIZE);
	assert_null(kq_entry_from_record(&e->rec, e->data));
	kq_entry_free(e);
}

/* RFC 3720 B.4, and that pieces give the same as the whole. */
static void checksums_are_those_of_iscsi(void **state)
{
	uint8_t bytes[100];
	uint32_t i;

	(void)state;
	assert_int_equal(kq_crc(0, "123456789", 9), 0xe3069283u);
	memset(bytes, 0, 32);
	assert_int_equal(kq_crc(0, bytes, 32), 0x8a9136aau);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 7;
	for (i = 0; i <= sizeof(bytes); i++)
		assert_int_equal(kq_crc(kq_crc(0, bytes, i), bytes + i, sizeof(bytes) - i),
				 kq_crc(0, bytes, sizeof(bytes)));
}

static const struct kq_settings settings = TEST_SETTINGS;

static void a_configuration_that_cannot_be_used_is_refused(void **state)
{
	static const struct {
		u32 voters, outgoing, learners, left, origin, len;
		u8 identity;		/* of each of those in it */
		int err;
	} given[] = {
		{ 0xe, 0, 0, 0, 1, 496, 1, 0 },
		{ 0xe, 0x6, 0x10, 0, 1, 624, 1, 0 },
		{ 0, 0xe, 0, 0, 1, 496, 1, -EPROTO },
		{ 0xf, 0, 0, 0, 1, 624, 1, -EPROTO },
		{ 0xe, 0, 0x8, 0, 1, 496, 1, -EPROTO },
		{ 0xe, 0, 0, 1, 1, 536, 1, -EPROTO },
		{ 0xe, 0, 0, 0x18, 1, 496, 1, -EPROTO },
		{ 0xe, 0, 0, 0, 1, 15, 1, -EPROTO },
		{ 0xe, 0, 0, 0, 1, 24, 1, -EPROTO },
		{ 0xe, 0, 0, 0, 1, 495, 1, -EPROTO },
		{ 0xe, 0, 0, 0, 1, 500, 1, -EPROTO },
		{ 0xe, 0, 0, 0, 1, 496, 0, -EPROTO },
		{ 0xe, 0, 0, 0, 0, 496, 1, -EPROTO },
	};
	u32 i, at;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(given); i++) {
		struct kq_entry *e = make(given[i].len);
		struct kquorum_conf cmd = {
			.voters = cpu_to_le32(given[i].voters),
			.outgoing = cpu_to_le32(given[i].outgoing),
			.learners = cpu_to_le32(given[i].learners),
			.left = cpu_to_le32(given[i].left),
			.origin = cpu_to_le64(given[i].origin),
		};

		kq_settings_write(&settings, &cmd.before);
		kq_settings_write(&settings, &cmd.now);

		e->rec.type = cpu_to_le16(KQ_ENTRY_CONF);
		memset(e->data, 0, given[i].len);
		for (at = sizeof(cmd); at < given[i].len; at += sizeof(struct kquorum_conf_member))
			e->data[at] = given[i].identity;
		memcpy(e->data, &cmd, min_t(u32, sizeof(cmd), given[i].len));
		e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
		assert_int_equal(kq_entry_check(&e->rec, e->data, given[i].len), given[i].err);
		kq_entry_free(e);
	}
}

static void what_no_member_can_be_called_is_refused(void **state)
{
#define AT(field) offsetof(struct kquorum_conf_member, field)
	static const struct {
		u32 at, len;
		u8 byte;
		const char *why;	/* of a voter */
	} given[] = {
		{ AT(name), 31, 'n', NULL },
		{ AT(name), 32, 'n', "a name or address is no text" },
		{ AT(name) + 1, 1, 'n', "a name or address is no text" },
		{ AT(name), 3, ' ', "a name or address is no text" },
		{ AT(name), 3, 0x7f, "a name or address is no text" },
		{ AT(name), 3, 0xc3, "a name or address is no text" },
		{ AT(address), 79, ':', NULL },
		{ AT(address), 80, ':', "a name or address is no text" },
		{ AT(address) + 79, 1, ':', "a name or address is no text" },
		{ AT(flags), 1, KQUORUM_CONF_PROMOTE, "a node that votes is to be promoted" },
		{ AT(flags), 1, 4, "a node has more than this version understands" },
		{ AT(flags), 1, KQUORUM_CONF_WITNESS, "all of its voters are witnesses" },
		{ AT(priority), 1, 255, NULL },
		{ AT(zero) + 5, 1, 1, "a node has more than this version understands" },
		{ AT(identity), 8, 0, "a node has no identity" },
	};
#undef AT
	u8 payload[sizeof(struct kquorum_conf) + sizeof(struct kquorum_conf_member)];
	struct kquorum_conf *c = (void *)payload;
	struct kq_conf conf;
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(given); i++) {
		const char *why;

		memset(payload, 0, sizeof(payload));
		c->voters = cpu_to_le32(2);
		c->origin = cpu_to_le64(1);
		kq_settings_write(&settings, &c->before);
		kq_settings_write(&settings, &c->now);
		c->member[0].identity = cpu_to_le64(1);
		memset(payload + sizeof(*c) + given[i].at, given[i].byte, given[i].len);
		why = kq_conf_read(payload, sizeof(payload), &conf);
		if (given[i].why)
			assert_string_equal(why, given[i].why);
		else
			assert_null(why);
	}
}

static void who_has_left_is_in_the_configuration(void **state)
{
	static const char *const called[KQ_MAX_NODES + 1] = { [3] = "n3", [15] = "n15" };
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	const struct kq_conf conf = {
		.voters = 2, .left = 1u << 3 | 1u << 15, .origin = 1,
		.identity = { [1] = 10 }, .left_identity = { [3] = 30, [15] = 150 },
		.before = TEST_SETTINGS, .now = TEST_SETTINGS,
	};
	static u8 payload[KQ_CONF_MAX];
	struct kquorum_conf_left *l;
	struct kq_conf got;
	u32 len = kq_conf_write(&conf, nameless, called, payload);

	(void)state;
	assert_null(kq_conf_read(payload, len, &got));
	assert_int_equal(got.left, conf.left);
	assert_memory_equal(got.left_identity, conf.left_identity, sizeof(got.left_identity));
	assert_string_equal(kq_conf_left(payload, &got, 15)->name, "n15");
	assert_null(kq_conf_left(payload, &got, 1));
	l = (void *)kq_conf_left(payload, &got, 3);
	assert_string_equal(l->name, "n3");
	assert_string_equal(kq_conf_read(payload, len - 1, &got), "it has another size");
	memset(l->name, 'n', sizeof(l->name));
	assert_string_equal(kq_conf_read(payload, len, &got),
			    "the name of a node that has left is no text");
	l->identity = 0;
	assert_string_equal(kq_conf_read(payload, len, &got),
			    "a node that has left has no identity");
}

static void no_memory_is_reported(void **state)
{
	(void)state;
	kq_alloc_fail_at = 1;
	assert_null(kq_entry_alloc(KQ_ENTRY_NOOP, NULL, 0));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_entry_is_accepted_and_copied),
		cmocka_unit_test(index_and_term_are_the_leaders_the_rest_is_covered),
		cmocka_unit_test(what_no_honest_node_sends_is_refused),
		cmocka_unit_test(a_configuration_that_cannot_be_used_is_refused),
		cmocka_unit_test(who_has_left_is_in_the_configuration),
		cmocka_unit_test(what_no_member_can_be_called_is_refused),
		cmocka_unit_test(checksums_are_those_of_iscsi),
		cmocka_unit_test(no_memory_is_reported),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
