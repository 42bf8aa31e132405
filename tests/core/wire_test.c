// SPDX-License-Identifier: GPL-2.0
/* The decoder of the data connections: each field wrong in turn has its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/kquorum.h>

#include "kq_wire.h"

static const struct kq_wire_peer peer = {
	.cluster = 77, .self = 1, .self_inc = 3, .peer = 2, .peer_inc = 5,
};

static struct kq_wire_hdr good(uint8_t type, uint32_t len)
{
	return (struct kq_wire_hdr){
		.magic = cpu_to_le32(KQ_WIRE_MAGIC), .version = KQ_WIRE_VERSION, .type = type,
		.len = cpu_to_le32(len), .cluster = cpu_to_le64(77), .from = cpu_to_le32(2),
		.to = cpu_to_le32(1), .from_inc = cpu_to_le64(5), .to_inc = cpu_to_le64(3),
		.term = cpu_to_le64(9),
	};
}

static void seal(struct kq_wire_hdr *h)
{
	h->crc = cpu_to_le32(kq_crc(0, h, offsetof(struct kq_wire_hdr, crc)));
}

static void each_field_of_a_header_is_checked(void **state)
{
	const uint32_t len = sizeof(struct kq_body_renew);
	static const struct {
		size_t at;
		uint8_t bytes, value;
		const char *why;
		int err;
	} wrong[] = {
#define FIELD(name) offsetof(struct kq_wire_hdr, name), sizeof(((struct kq_wire_hdr *)0)->name)
		{ FIELD(magic), 1, "no message starts here (magic)", -EPROTO },
		{ FIELD(version), 9, "of another wire version", -EPROTONOSUPPORT },
		{ FIELD(type), 0, "unknown message type", -EPROTO },
		{ FIELD(type), KQ_MSG_TYPE_END, "unknown message type", -EPROTO },
		{ FIELD(flags), 1, "flags or group not zero", -EPROTO },
		{ FIELD(group), 1, "flags or group not zero", -EPROTO },
		{ FIELD(cluster), 1, "another cluster, or other founders", -EPROTO },
		{ FIELD(from), 3, "sender is not whom this connection belongs to", -EPROTO },
		{ FIELD(to), 3, "meant for another node", -EPROTO },
		{ FIELD(from_inc), 6, "sender's incarnation changed", -EPROTO },
		{ FIELD(to_inc), 2, "meant for an earlier incarnation of this node", -EPROTO },
		{ FIELD(term), 0, "term out of range", -EPROTO },
		{ FIELD(len), 1, "body length", -EPROTO },
		{ FIELD(len), sizeof(struct kq_body_renew) + 1, "body length", -EPROTO },
#undef FIELD
	};
	struct kq_wire_hdr h = good(KQ_MSG_RENEW, len);
	const char *why;
	size_t i;

	seal(&h);
	assert_int_equal(kq_wire_check_header(&h, &peer, &why), len);
	h.crc ^= 1;
	assert_int_equal(kq_wire_check_header(&h, &peer, &why), -EPROTO);
	assert_string_equal(why, "header checksum");
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		h = good(KQ_MSG_RENEW, len);
		memset((uint8_t *)&h + wrong[i].at, 0, wrong[i].bytes);
		((uint8_t *)&h)[wrong[i].at] = wrong[i].value;
		seal(&h);
		assert_int_equal(kq_wire_check_header(&h, &peer, &why), wrong[i].err);
		assert_string_equal(why, wrong[i].why);
	}
	h = good(KQ_MSG_RENEW, len);
	h.term = cpu_to_le64(KQ_WIRE_TERM_MAX);
	seal(&h);
	assert_int_equal(kq_wire_check_header(&h, &peer, &why), -EPROTO);
	h = good(KQ_MSG_APPEND, KQ_WIRE_BODY_MAX + 1);
	seal(&h);
	assert_int_equal(kq_wire_check_header(&h, &peer, &why), -EPROTO);
	assert_string_equal(why, "body length");
}

static const char *body_of(uint8_t type, void *body, uint32_t len)
{
	struct kq_wire_hdr h = good(type, len);
	const char *why;

	h.body_crc = cpu_to_le32(kq_crc(0, body, len));
	return kq_wire_check_body(&h, body, &why) ? why : NULL;
}

struct one {
	struct kq_body_append b;
	struct kq_record rec;
	uint8_t data[8];
} __packed;

/* An APPEND of one entry, index 4 of term 2, behind index 3 of term 1. */
static struct one one_entry(void)
{
	struct one o = {
		.b = { .prev_index = cpu_to_le64(3), .prev_term = cpu_to_le64(1),
		       .count = cpu_to_le32(1), .promise_ms = cpu_to_le32(1000) },
		.rec = { .len = cpu_to_le32(8), .type = cpu_to_le16(KQ_ENTRY_APPEND),
			 .node = cpu_to_le32(2), .session = cpu_to_le64(1), .seq = cpu_to_le64(1),
			 .settled = cpu_to_le64(1), .index = cpu_to_le64(4),
			 .term = cpu_to_le64(2) },
	};

	o.rec.crc = cpu_to_le32(kq_entry_crc(&o.rec, o.data));
	return o;
}

static void each_field_of_a_body_is_checked(void **state)
{
	struct one o = one_entry();
	struct kq_wire_hdr h = good(KQ_MSG_APPEND, sizeof(o));
	const char *why;

	assert_null(body_of(KQ_MSG_APPEND, &o, sizeof(o)));
	assert_int_equal(kq_wire_check_body(&h, &o, &why), -EPROTO);
	assert_string_equal(why, "body checksum");
	o.b.promise_ms = 0;
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "promise out of range");
	o.b.promise_ms = cpu_to_le32(KQUORUM_ELECTION_MS_MAX + 1);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "promise out of range");
	o = one_entry();
	o.b.prev_term = 0;
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "previous index without term");
	o = one_entry();
	o.b.flags = cpu_to_le32(2);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "unknown flags");
	o = one_entry();
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o) - 1), "record cut short");
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o.b) + 7), "record cut short");
	o.rec.len = cpu_to_le32(KQ_PAYLOAD_MAX + 1);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "record cut short");
	o = one_entry();
	o.rec.index = cpu_to_le64(5);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "indices not consecutive");
	o = one_entry();
	o.b.prev_term = cpu_to_le64(3);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "term of an entry");
	o = one_entry();
	o.rec.term = cpu_to_le64(10);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "term of an entry");
	o = one_entry();
	o.data[0] ^= 1;
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "entry checksum or fields");
	o = one_entry();
	o.b.count = cpu_to_le32(2);
	assert_string_equal(body_of(KQ_MSG_APPEND, &o, sizeof(o)), "number of entries");
	o = one_entry();
	assert_string_equal(body_of(KQ_MSG_PROPOSE, &o.rec, sizeof(o) - sizeof(o.b)),
			    "a proposal with index or term");
	o.rec.index = o.rec.term = 0;
	o.rec.node = cpu_to_le32(3);
	assert_string_equal(body_of(KQ_MSG_PROPOSE, &o.rec, sizeof(o) - sizeof(o.b)),
			    "a proposal of another node");
	assert_string_equal(body_of(KQ_MSG_PROPOSE, &o.rec, 0), "no proposal in it");
}

/* FETCH: entries 4 and 5 are asked for, of a log that goes on with 6. */
static struct kq_body_fetch fetch(void)
{
	return (struct kq_body_fetch){
		.first = cpu_to_le64(4), .last = cpu_to_le64(5),
		.match_index = cpu_to_le64(6), .match_term = cpu_to_le64(2),
	};
}

static void each_field_of_a_fetch_is_checked(void **state)
{
	static const struct {
		uint64_t first, last, index, term;
	} wrong[] = {
		{ 0, 5, 6, 2 },			/* there is no index 0 */
		{ 6, 5, 6, 2 },			/* nothing is asked for */
		{ 4, KQ_WIRE_TERM_MAX, KQ_WIRE_TERM_MAX, 2 },
		{ 4, U64_MAX, 0, 2 },
		{ 4, 5, 4, 2 },			/* neither the last nor what follows it */
		{ 4, 5, 7, 2 },
		{ 4, 5, 0, 2 },
		{ 4, 5, 6, 0 },
	};
	struct kq_body_fetch f = fetch();
	size_t i;

	assert_null(body_of(KQ_MSG_FETCH, &f, sizeof(f)));
	f.match_index = f.last;
	assert_null(body_of(KQ_MSG_FETCH, &f, sizeof(f)));
	f.first = f.last = f.match_index = cpu_to_le64(1);
	assert_null(body_of(KQ_MSG_FETCH, &f, sizeof(f)));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		f.first = cpu_to_le64(wrong[i].first);
		f.last = cpu_to_le64(wrong[i].last);
		f.match_index = cpu_to_le64(wrong[i].index);
		f.match_term = cpu_to_le64(wrong[i].term);
		assert_string_equal(body_of(KQ_MSG_FETCH, &f, sizeof(f)), "entries asked for");
	}
}

struct back {
	struct kq_body_fetched b;
	struct kq_record rec[2];
} __packed;

static void sum(struct kq_record *rec, uint64_t index, uint64_t term)
{
	*rec = (struct kq_record){
		.type = cpu_to_le16(KQ_ENTRY_NOOP), .node = cpu_to_le32(2),
		.index = cpu_to_le64(index), .term = cpu_to_le64(term),
	};
	rec->crc = cpu_to_le32(kq_entry_crc(rec, NULL));
}

/* FETCHED: entries 4 of term 1 and 5 of term 2, of a log that goes on with 6 of term 2. */
static struct back back(void)
{
	struct back o = {
		.b = { .first = cpu_to_le64(4), .match_index = cpu_to_le64(6),
		       .match_term = cpu_to_le64(2), .last_index = cpu_to_le64(6),
		       .count = cpu_to_le32(2) },
	};

	sum(&o.rec[0], 4, 1);
	sum(&o.rec[1], 5, 2);
	return o;
}

static void each_field_of_what_was_fetched_is_checked(void **state)
{
	const size_t none = sizeof(struct kq_body_fetched);
	struct kq_wire_hdr h = good(KQ_MSG_FETCHED, none - 1);
	struct back o = back();
	const char *why;

	seal(&h);
	assert_int_equal(kq_wire_check_header(&h, &peer, &why), -EPROTO);
	assert_string_equal(why, "body length");
	h = good(KQ_MSG_FETCH, sizeof(struct kq_body_fetch) + 1);
	seal(&h);
	assert_int_equal(kq_wire_check_header(&h, &peer, &why), -EPROTO);
	assert_null(body_of(KQ_MSG_FETCHED, &o, sizeof(o)));
	o.b.flags = cpu_to_le32(KQ_FETCHED_LEADS);
	assert_null(body_of(KQ_MSG_FETCHED, &o, sizeof(o)));
	o.b.flags = cpu_to_le32(2);
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "unknown flags");
	o = back();
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o) - 1), "record cut short");
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, none + 7), "record cut short");
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, none), "number of entries");
	o.b.count = 0;
	assert_null(body_of(KQ_MSG_FETCHED, &o, none));
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "number of entries");
	o = back();
	o.b.last_index = cpu_to_le64(4);
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)),
			    "entries behind the end of its log");
	o = back();
	o.b.first = cpu_to_le64(3);
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "indices not consecutive");
	o = back();
	o.b.first = 0;
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "indices not consecutive");
	sum(&o.rec[0], 0, 1);
	sum(&o.rec[1], 1, 1);
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "entry checksum or fields");
	o = back();
	sum(&o.rec[1], 6, 2);
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "indices not consecutive");
	o = back();
	sum(&o.rec[1], 5, 3);			/* above that of the entry behind them */
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "term of an entry");
	sum(&o.rec[0], 4, 2);
	sum(&o.rec[1], 5, 1);			/* terms fall */
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "term of an entry");
	o = back();
	o.rec[1].node = cpu_to_le32(3);
	assert_string_equal(body_of(KQ_MSG_FETCHED, &o, sizeof(o)), "entry checksum or fields");
}

static void each_field_of_a_met_is_checked(void **state)
{
	struct kq_body_met met = { .flags = cpu_to_le32(KQ_MET_EMPTY) };

	(void)state;
	assert_null(body_of(KQ_MSG_MET, &met, sizeof(met)));
	met.zero = cpu_to_le32(1);
	assert_string_equal(body_of(KQ_MSG_MET, &met, sizeof(met)), "unknown flags");
	met = (struct kq_body_met){ .flags = cpu_to_le32(2) };
	assert_string_equal(body_of(KQ_MSG_MET, &met, sizeof(met)), "unknown flags");
}

static void every_type_has_a_name_and_no_other(void **state)
{
	unsigned int type;

	for (type = 0; type < 256; type++)
		assert_int_equal(strcmp(kq_msg_name(type), "?") != 0,
				 type && type < KQ_MSG_TYPE_END);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_of_a_header_is_checked),
		cmocka_unit_test(each_field_of_a_body_is_checked),
		cmocka_unit_test(each_field_of_a_fetch_is_checked),
		cmocka_unit_test(each_field_of_what_was_fetched_is_checked),
		cmocka_unit_test(each_field_of_a_met_is_checked),
		cmocka_unit_test(every_type_has_a_name_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
