// SPDX-License-Identifier: GPL-2.0
/*
 * What arrives is believed only when every field of it is right: each row of the tables
 * makes one thing wrong about a message that is right otherwise.
 */
#include <kunit/test.h>
#include "core/kq_wire.h"

static const struct kq_wire_peer peer = {
	.cluster = 0x1122334455667788,
	.self = 1,
	.self_inc = 7,
	.peer = 2,
	.peer_inc = 9,
};

static void seal(struct kq_wire_hdr *h)
{
	h->crc = cpu_to_le32(kq_crc(0, h, offsetof(struct kq_wire_hdr, crc)));
}

static struct kq_wire_hdr good_header(u8 type, const void *body, u32 len)
{
	struct kq_wire_hdr h = {
		.magic = cpu_to_le32(KQ_WIRE_MAGIC),
		.version = KQ_WIRE_VERSION,
		.type = type,
		.len = cpu_to_le32(len),
		.cluster = cpu_to_le64(peer.cluster),
		.from = cpu_to_le32(peer.peer),
		.to = cpu_to_le32(peer.self),
		.from_inc = cpu_to_le64(peer.peer_inc),
		.to_inc = cpu_to_le64(peer.self_inc),
		.term = cpu_to_le64(3),
	};

	h.body_crc = cpu_to_le32(body ? kq_crc(0, body, len) : 0);
	seal(&h);
	return h;
}

/* --- headers ------------------------------------------------------------------------ */

struct header_row {
	const char *desc;
	void (*spoil)(struct kq_wire_hdr *h);
	bool unsealed;		/* the checksum does not know of it */
	int error;
};

#define SPOIL(name, code) static void spoil_##name(struct kq_wire_hdr *h) { code; }
SPOIL(magic, h->magic ^= cpu_to_le32(1))
SPOIL(crc, h->crc ^= cpu_to_le32(1))
SPOIL(bit, h->term ^= cpu_to_le64(1))
SPOIL(version, h->version++)
SPOIL(type_none, h->type = 0)
SPOIL(type_high, h->type = KQ_MSG_TYPE_END)
SPOIL(type_max, h->type = 255)
SPOIL(flags, h->flags = cpu_to_le16(1))
SPOIL(group, h->group = cpu_to_le32(1))
SPOIL(cluster, h->cluster ^= cpu_to_le64(1ull << 40))
SPOIL(from, h->from = cpu_to_le32(3))
SPOIL(to, h->to = cpu_to_le32(2))
SPOIL(from_inc, h->from_inc = cpu_to_le64(8))
SPOIL(to_inc, h->to_inc = cpu_to_le64(6))
SPOIL(term, h->term = 0)
SPOIL(longer, h->len = cpu_to_le32(sizeof(struct kq_body_vote_req) + 1))
SPOIL(shorter, h->len = cpu_to_le32(sizeof(struct kq_body_vote_req) - 1))
SPOIL(empty, h->len = 0)
SPOIL(records_short, h->type = KQ_MSG_APPEND; h->len = cpu_to_le32(1))
SPOIL(over_bound, h->type = KQ_MSG_APPEND; h->len = cpu_to_le32(KQ_WIRE_BODY_MAX + 1))
SPOIL(huge, h->type = KQ_MSG_APPEND; h->len = cpu_to_le32(U32_MAX))

static const struct header_row header_rows[] = {
	{ "magic", spoil_magic, false, -EPROTO },
	{ "checksum", spoil_crc, true, -EPROTO },
	{ "a bit that the checksum does not know of", spoil_bit, true, -EPROTO },
	{ "newer version", spoil_version, false, -EPROTONOSUPPORT },
	{ "type 0", spoil_type_none, false, -EPROTO },
	{ "type behind the last", spoil_type_high, false, -EPROTO },
	{ "type 255", spoil_type_max, false, -EPROTO },
	{ "flags", spoil_flags, false, -EPROTO },
	{ "group", spoil_group, false, -EPROTO },
	{ "another cluster", spoil_cluster, false, -EPROTO },
	{ "another sender", spoil_from, false, -EPROTO },
	{ "another receiver", spoil_to, false, -EPROTO },
	{ "another incarnation of the sender", spoil_from_inc, false, -EPROTO },
	{ "an earlier incarnation of the receiver", spoil_to_inc, false, -EPROTO },
	{ "term 0", spoil_term, false, -EPROTO },
	{ "fixed body, one byte more", spoil_longer, false, -EPROTO },
	{ "fixed body, one byte less", spoil_shorter, false, -EPROTO },
	{ "fixed body, empty", spoil_empty, false, -EPROTO },
	{ "body of records shorter than its head", spoil_records_short, false, -EPROTO },
	{ "body over the bound", spoil_over_bound, false, -EPROTO },
	{ "body of 4 GiB", spoil_huge, false, -EPROTO },
};

static void header_desc(const struct header_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(header, header_rows, header_desc);

static void a_header_with_one_field_wrong_is_refused(struct kunit *test)
{
	const struct header_row *row = test->param_value;
	struct kq_wire_hdr h = good_header(KQ_MSG_VOTE_REQ, NULL, sizeof(struct kq_body_vote_req));
	const char *why = NULL;

	KUNIT_ASSERT_EQ(test, kq_wire_check_header(&h, &peer, &why),
			(int)sizeof(struct kq_body_vote_req));
	KUNIT_EXPECT_NULL(test, why);
	row->spoil(&h);
	if (!row->unsealed)
		seal(&h);
	KUNIT_EXPECT_EQ(test, kq_wire_check_header(&h, &peer, &why), row->error);
	KUNIT_EXPECT_NOT_NULL(test, why);
}

static void each_byte_of_a_header_counts(struct kunit *test)
{
	struct kq_wire_hdr h = good_header(KQ_MSG_VOTE_REQ, NULL, sizeof(struct kq_body_vote_req));
	u8 *bytes = (u8 *)&h;
	const char *why;
	u32 i;

	for (i = 0; i < sizeof(h); i++) {
		bytes[i] ^= 0x10;
		KUNIT_EXPECT_LT_MSG(test, kq_wire_check_header(&h, &peer, &why), 0, "byte %u", i);
		bytes[i] ^= 0x10;
	}
}

/* --- bodies ------------------------------------------------------------------------- */

#define ENTRIES	2
#define LEN	24u
#define RECORD	(sizeof(struct kq_record) + LEN)

/* An APPEND of two entries; a PROPOSE is what stands behind @append. */
struct body {
	struct kq_body_append append;
	u8 record[ENTRIES][RECORD];
	u8 spare[8];
};

struct body_row {
	const char *desc;
	u8 type;
	void (*spoil)(struct body *b);
	int bytes;		/* more or less than the whole */
};

static struct kq_record *record(struct body *b, u32 i)
{
	return (struct kq_record *)b->record[i];
}

static void seal_record(struct body *b, u32 i)
{
	record(b, i)->crc = cpu_to_le32(kq_entry_crc(record(b, i),
						     b->record[i] + sizeof(struct kq_record)));
}

static void good_body(struct body *b, u8 type)
{
	u32 i;

	memset(b, 0x5a, sizeof(*b));
	b->append = (struct kq_body_append) {
		.promise_ms = cpu_to_le32(1000),
		.prev_index = cpu_to_le64(10),
		.prev_term = cpu_to_le64(2),
		.count = cpu_to_le32(ENTRIES),
	};
	for (i = 0; i < ENTRIES; i++) {
		*record(b, i) = (struct kq_record) {
			.index = cpu_to_le64(type == KQ_MSG_APPEND ? 11 + i : 0),
			.term = cpu_to_le64(type == KQ_MSG_APPEND ? 3 : 0),
			.seq = cpu_to_le64(1 + i),
			.len = cpu_to_le32(LEN),
			.type = cpu_to_le16(KQ_ENTRY_APPEND),
			.node = cpu_to_le32(peer.peer),
		};
		seal_record(b, i);
	}
}

#define SPOIL_BODY(name, code) static void body_##name(struct body *b) { code; }
SPOIL_BODY(nothing, (void)b)
SPOIL_BODY(prev_term, b->append.prev_term = 0)
SPOIL_BODY(prev_index, b->append.prev_index = 0)
SPOIL_BODY(flags, b->append.flags = cpu_to_le32(2))
SPOIL_BODY(count, b->append.count = cpu_to_le32(ENTRIES + 1))
SPOIL_BODY(index, record(b, 1)->index = cpu_to_le64(13))
SPOIL_BODY(term_falls, record(b, 0)->term = cpu_to_le64(1))
SPOIL_BODY(term_ahead, record(b, 1)->term = cpu_to_le64(4))
SPOIL_BODY(payload, b->record[1][RECORD - 1] ^= 1)
SPOIL_BODY(type, record(b, 1)->type = cpu_to_le16(7); seal_record(b, 1))
SPOIL_BODY(entry_flags, record(b, 1)->flags = cpu_to_le16(1); seal_record(b, 1))
SPOIL_BODY(len, record(b, 1)->len = cpu_to_le32(LEN + 8))
SPOIL_BODY(len_huge, record(b, 0)->len = cpu_to_le32(U32_MAX - 3))
SPOIL_BODY(has_index, record(b, 0)->index = cpu_to_le64(1))
SPOIL_BODY(has_term, record(b, 0)->term = cpu_to_le64(1))
SPOIL_BODY(of_another, record(b, 0)->node = cpu_to_le32(3); seal_record(b, 0))

static const struct body_row body_rows[] = {
	{ "append: previous index without term", KQ_MSG_APPEND, body_prev_term, 0 },
	{ "append: previous term without index", KQ_MSG_APPEND, body_prev_index, 0 },
	{ "append: unknown flags", KQ_MSG_APPEND, body_flags, 0 },
	{ "append: another number of entries", KQ_MSG_APPEND, body_count, 0 },
	{ "append: indices not consecutive", KQ_MSG_APPEND, body_index, 0 },
	{ "append: terms fall", KQ_MSG_APPEND, body_term_falls, 0 },
	{ "append: a term ahead of the leader's", KQ_MSG_APPEND, body_term_ahead, 0 },
	{ "append: payload changed", KQ_MSG_APPEND, body_payload, 0 },
	{ "append: unknown type of entry", KQ_MSG_APPEND, body_type, 0 },
	{ "append: flags of an entry", KQ_MSG_APPEND, body_entry_flags, 0 },
	{ "append: entry longer than the body", KQ_MSG_APPEND, body_len, 0 },
	{ "append: entry of 4 GiB", KQ_MSG_APPEND, body_len_huge, 0 },
	{ "append: last entry cut short", KQ_MSG_APPEND, body_nothing, -1 },
	{ "append: bytes behind the last entry", KQ_MSG_APPEND, body_nothing, 8 },
	{ "propose: with an index", KQ_MSG_PROPOSE, body_has_index, 0 },
	{ "propose: with a term", KQ_MSG_PROPOSE, body_has_term, 0 },
	{ "propose: of another node", KQ_MSG_PROPOSE, body_of_another, 0 },
	{ "propose: payload changed", KQ_MSG_PROPOSE, body_payload, 0 },
	{ "propose: nothing", KQ_MSG_PROPOSE, body_nothing, -(int)(ENTRIES * RECORD) },
};

static void body_desc(const struct body_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(body, body_rows, body_desc);

static int check_body(u8 type, const struct body *b, int more, const char **why)
{
	const void *from = type == KQ_MSG_APPEND ? (const void *)b : (const void *)b->record;
	u32 len = ENTRIES * RECORD + (type == KQ_MSG_APPEND ? sizeof(b->append) : 0) + more;
	struct kq_wire_hdr h = good_header(type, from, len);

	return kq_wire_check_body(&h, from, why);
}

static void a_body_with_one_field_wrong_is_refused(struct kunit *test)
{
	const struct body_row *row = test->param_value;
	struct body *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	const char *why;

	KUNIT_ASSERT_NOT_NULL(test, b);
	good_body(b, row->type);
	KUNIT_ASSERT_EQ(test, check_body(row->type, b, 0, &why), 0);
	row->spoil(b);
	KUNIT_EXPECT_EQ(test, check_body(row->type, b, row->bytes, &why), -EPROTO);
	KUNIT_EXPECT_NOT_NULL(test, why);
}

static void a_body_with_another_checksum_is_refused(struct kunit *test)
{
	struct kq_body_vote_resp b = {};
	struct kq_wire_hdr h = good_header(KQ_MSG_VOTE_RESP, &b, sizeof(b));
	const char *why;

	KUNIT_EXPECT_EQ(test, kq_wire_check_body(&h, &b, &why), 0);
	b.granted = cpu_to_le32(1);
	KUNIT_EXPECT_EQ(test, kq_wire_check_body(&h, &b, &why), -EPROTO);
	KUNIT_EXPECT_STREQ(test, why, "body checksum");
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_header_with_one_field_wrong_is_refused, header_gen_params),
	KUNIT_CASE(each_byte_of_a_header_counts),
	KUNIT_CASE_PARAM(a_body_with_one_field_wrong_is_refused, body_gen_params),
	KUNIT_CASE(a_body_with_another_checksum_is_refused),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_wire",
	.test_cases = cases,
};
kunit_test_suite(suite);
