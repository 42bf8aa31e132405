// SPDX-License-Identifier: GPL-2.0
/*
 * The greeting and the back-off of dialling.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../kmod/core/kq_platform.h"
#include "../../userspace/daemon/backoff.h"
#include "../../userspace/daemon/genl.h"
#include "../../userspace/daemon/hello.h"

#define SELF	2
#define CLUSTER	0x1122334455667788ULL

static const struct kqd_hello good = {
	.from = 3, .to = SELF, .cluster = CLUSTER,
	.past = { .origin = 9, .identity = 0x0123456789abcdefULL, .incarnation = 0xfedcba9876543210ULL },
	.known = 5, .identity = 6, .whose = 7, .name = "n3",
};

static int decode(const struct kquorum_hello *wire, struct kqd_hello *h, char *why)
{
	why[0] = '\0';
	return kqd_hello_decode(wire, SELF, CLUSTER, h, why, 192);
}

static void seal(struct kquorum_hello *wire)
{
	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kquorum_hello, crc)));
}

static void crc_is_that_of_rfc3720(void **state)
{
	assert_int_equal(kq_crc(0, "123456789", 9), 0xe3069283);
}

static void wire_layout_is_fixed(void **state)
{
	static const unsigned char begin[] = {
		0x4b, 0x51, 0x48, 0x6c, 0x6f, 0x31, 0, 0,	/* "KQHlo1" */
		4, 0, 208, 0,					/* version, length */
		3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,		/* from, to, zero */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,	/* cluster */
		9, 0, 0, 0, 0, 0, 0, 0,				/* origin */
		0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,	/* identity */
		0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe,	/* incarnation */
	};
	struct kquorum_hello wire;

	kqd_hello_encode(&wire, &good);
	assert_int_equal(sizeof(wire), 208);
	assert_memory_equal(&wire, begin, sizeof(begin));
}

static void what_was_written_is_read(void **state)
{
	struct kquorum_hello wire;
	struct kqd_hello h;
	char why[192];

	kqd_hello_encode(&wire, &good);
	assert_int_equal(decode(&wire, &h, why), 0);
	assert_int_equal(h.from, good.from);
	assert_true(h.past.incarnation == good.past.incarnation);
	assert_int_equal(h.known, good.known);
	assert_int_equal(h.identity, good.identity);
	assert_int_equal(h.whose, good.whose);
	assert_string_equal(h.name, good.name);
}

static void every_flipped_bit_is_refused(void **state)
{
	struct kquorum_hello wire;
	struct kqd_hello h;
	char why[192];
	unsigned int bit;

	for (bit = 0; bit < sizeof(wire) * 8; bit++) {
		kqd_hello_encode(&wire, &good);
		((unsigned char *)&wire)[bit / 8] ^= 1 << bit % 8;
		assert_int_not_equal(decode(&wire, &h, why), 0);
		assert_true(strlen(why) > 0);
	}
}

struct hello_case {
	const char *text;	/* what the reason has to say */
	int err;
	void (*spoil)(struct kquorum_hello *wire);
};

static void newer(struct kquorum_hello *w)
{
	/* A later version may look different everywhere else. */
	w->version = cpu_to_le16(KQUORUM_HELLO_VERSION + 1);
	w->length = cpu_to_le16(64);
	w->crc = 0;
}

static void longer(struct kquorum_hello *w)
{
	w->length = cpu_to_le16(49);
}

static void zero(struct kquorum_hello *w)
{
	w->zero = cpu_to_le32(1);
}

static void past_flags(struct kquorum_hello *w)
{
	w->past.flags = cpu_to_le32(2);
}

static void other_cluster(struct kquorum_hello *w)
{
	w->cluster = cpu_to_le64(CLUSTER + 1);
}

static void for_another(struct kquorum_hello *w)
{
	w->to = cpu_to_le32(1);
}

static void from_self(struct kquorum_hello *w)
{
	w->from = cpu_to_le32(SELF);
}

static void from_stranger(struct kquorum_hello *w)
{
	w->from = cpu_to_le32(KQUORUM_MAX_NODES + 1);
}

static void from_far(struct kquorum_hello *w)
{
	w->from = cpu_to_le32(0x80000001);
}

static void from_nobody(struct kquorum_hello *w)
{
	w->from = 0;
}

static void no_incarnation(struct kquorum_hello *w)
{
	w->past.incarnation = 0;
}

static void no_identity(struct kquorum_hello *w)
{
	w->past.identity = 0;
}

static void no_name(struct kquorum_hello *w)
{
	memset(w->name, 0, sizeof(w->name));
}

static void endless_name(struct kquorum_hello *w)
{
	memset(w->name, 'x', sizeof(w->name));
}

static void name_with_a_tail(struct kquorum_hello *w)
{
	w->name[sizeof(w->name) - 1] = 'x';
}

static void name_that_paints(struct kquorum_hello *w)
{
	strcpy(w->name, "\033[2J");
}

static void every_wrong_field_is_named(void **state)
{
	static const struct hello_case cases[] = {
		{ "speaks version 5", -EPROTONOSUPPORT, newer },
		{ "claims 49 bytes", -EPROTO, longer },
		{ "fields that this node does not know", -EPROTO, zero },
		{ "fields that this node does not know", -EPROTO, past_flags },
		{ "another cluster", -EXDEV, other_cluster },
		{ "wants node 1", -EINVAL, for_another },
		{ "itself", -EINVAL, from_self },
		{ "node 16, which there cannot be", -EINVAL, from_stranger },
		{ "cannot be", -EINVAL, from_far },
		{ "cannot be", -EINVAL, from_nobody },
		{ "no identity or no incarnation", -EPROTO, no_incarnation },
		{ "no identity or no incarnation", -EPROTO, no_identity },
		{ "no name that a node can have", -EPROTO, no_name },
		{ "no name that a node can have", -EPROTO, endless_name },
		{ "no name that a node can have", -EPROTO, name_with_a_tail },
		{ "no name that a node can have", -EPROTO, name_that_paints },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kquorum_hello wire;
		struct kqd_hello h;
		char why[192];

		kqd_hello_encode(&wire, &good);
		cases[i].spoil(&wire);
		if (cases[i].spoil != newer)
			seal(&wire);
		assert_int_equal(decode(&wire, &h, why), cases[i].err);
		if (!strstr(why, cases[i].text))
			fail_msg("\"%s\" does not say \"%s\"", why, cases[i].text);
	}
}

/* It goes to a terminal, whoever has written it. */
static void what_a_refused_one_says_of_itself_is_a_node_and_a_name(void **state)
{
	char name[KQUORUM_NODE_NAME_MAX + 1];
	struct kquorum_hello wire;
	uint32_t id = 0;

	kqd_hello_encode(&wire, &good);
	kqd_hello_claims(&wire, &id, name);
	assert_int_equal(id, good.from);
	assert_string_equal(name, good.name);
	name_that_paints(&wire);
	kqd_hello_claims(&wire, &id, name);
	assert_string_equal(name, "");
	kqd_hello_encode(&wire, &good);
	endless_name(&wire);
	kqd_hello_claims(&wire, &id, name);
	assert_string_equal(name, "");
	id = 0;
	kqd_hello_encode(&wire, &good);
	from_far(&wire);
	kqd_hello_claims(&wire, &id, name);
	assert_int_equal(id, 0);
	assert_string_equal(name, "");
}

static void back_off_doubles_up_to_its_bound(void **state)
{
	static const uint64_t expected[] = { 50, 100, 200, 400, 800, 1000, 1000, 1000 };
	struct kqd_backoff b;
	unsigned int i, round;

	kqd_backoff_init(&b, 50, 1000);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(expected); i++) {
			uint64_t wait = kqd_backoff_wait(&b, 123456789 * i);

			assert_true(wait >= expected[i] / 2);
			assert_true(wait <= expected[i]);
		}
		kqd_backoff_reset(&b);
	}
}

/* What this node tells of itself: five starts, of which the first is on no list any more. */
static const struct kquorum_past past = {
	.identity = 0x1111111122222222, .incarnation = 5ULL << 40 | 55, .met = 22,
	.starts = { 44, 33 },
};

/* Another node, that met this one in incarnation @known of @identity. */
static const char *disowned(uint64_t known, uint64_t identity)
{
	struct kqd_hello h = { .known = known, .whose = (uint32_t)identity };
	static char why[192];

	return kqd_hello_disowns(&h, &past, false, why, sizeof(why)) ? why : NULL;
}

static void a_node_that_was_set_back_sees_that_it_is_not_the_one_that_is_known(void **state)
{
	assert_null(disowned(0, past.identity));		/* never met */
	assert_null(disowned(5ULL << 40 | 55, past.identity));
	assert_null(disowned(4ULL << 40 | 44, past.identity));
	assert_null(disowned(3ULL << 40 | 33, past.identity));
	assert_null(disowned(2ULL << 40 | 22, past.identity));
	assert_string_equal(disowned(5ULL << 40 | 56, past.identity),	/* the same number */
			    "it met another start 5 of this node: another machine has its files: "
			    "stop one; or these are older: bring newer ones back");
	assert_string_equal(disowned(6ULL << 40 | 66, past.identity),
			    "it met start 6 of this node, these files make it start 5: "
			    "bring newer ones back");
	assert_string_equal(disowned(3ULL << 40 | 34, past.identity),
			    "it met another start 3 of this node than these files had: "
			    "bring those of then back");
	assert_non_null(disowned(6ULL << 40 | 66, past.identity));
	assert_non_null(disowned(1ULL << 40, past.identity));	/* no start leaves a 0 */
	assert_null(disowned(6ULL << 40 | 66, 0x33));		/* that was another's */
}

static void a_node_with_new_files_sees_that_the_cluster_knows_others(void **state)
{
	struct kqd_hello h = { .identity = 7 };
	struct kquorum_past new = { .identity = 8, .flags = htole32(KQUORUM_PAST_EMPTY) };
	char why[192];

	assert_true(kqd_hello_disowns(&h, &new, false, why, sizeof(why)));
	assert_string_equal(why, "it knows other files than these, which are new: bring those "
			    "back, or, on the leader, kquorum member replace NAME NAME=ADDR");
	assert_true(strlen(why) < KQD_NOTE_MAX);
	assert_true(kqd_hello_disowns(&h, &new, true, why, sizeof(why)));
	assert_string_equal(why, "it knows other files under this number: bring those back, or, on "
			    "the leader, kquorum member replace (or add), and join anew");
	assert_true(strlen(why) < KQD_NOTE_MAX);
	new.flags = 0;		/* it has a history: the other side may be behind */
	assert_false(kqd_hello_disowns(&h, &new, false, why, sizeof(why)));
	new.flags = htole32(KQUORUM_PAST_EMPTY);
	h.identity = 8;
	assert_false(kqd_hello_disowns(&h, &new, false, why, sizeof(why)));
	h.identity = 0;		/* no member */
	assert_false(kqd_hello_disowns(&h, &new, false, why, sizeof(why)));
	assert_false(kqd_hello_disowns(&h, &new, true, why, sizeof(why)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_that_of_rfc3720),
		cmocka_unit_test(wire_layout_is_fixed),
		cmocka_unit_test(a_node_that_was_set_back_sees_that_it_is_not_the_one_that_is_known),
		cmocka_unit_test(a_node_with_new_files_sees_that_the_cluster_knows_others),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_wrong_field_is_named),
		cmocka_unit_test(what_a_refused_one_says_of_itself_is_a_node_and_a_name),
		cmocka_unit_test(back_off_doubles_up_to_its_bound),
	};

	return cmocka_run_group_tests_name("daemon_hello", tests, NULL, NULL);
}
