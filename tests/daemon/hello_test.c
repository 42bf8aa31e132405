// SPDX-License-Identifier: GPL-2.0
/*
 * The greeting and the back-off of dialling.
 */
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
#include "../../userspace/daemon/hello.h"

#define SELF	2
#define CLUSTER	0x1122334455667788ULL
#define MEMBERS	(1 << 1 | 1 << 2 | 1 << 3)

static const struct kqd_hello good = {
	.from = 3, .to = SELF, .cluster = CLUSTER, .incarnation = 0xfedcba9876543210ULL,
};

static int decode(const struct kquorum_hello *wire, struct kqd_hello *h, char *why)
{
	why[0] = '\0';
	return kqd_hello_decode(wire, SELF, CLUSTER, MEMBERS, h, why, 192);
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
		1, 0, 48, 0,					/* version, length */
		3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,		/* from, to, zero */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,	/* cluster */
		0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe,	/* incarnation */
	};
	struct kquorum_hello wire;

	kqd_hello_encode(&wire, &good);
	assert_int_equal(sizeof(wire), 48);
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
	assert_true(h.incarnation == good.incarnation);
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
	w->version = cpu_to_le16(2);
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

static void zero2(struct kquorum_hello *w)
{
	w->zero2 = cpu_to_le32(1);
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
	w->from = cpu_to_le32(4);
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
	w->incarnation = 0;
}

static void every_wrong_field_is_named(void **state)
{
	static const struct hello_case cases[] = {
		{ "speaks version 2", -EPROTONOSUPPORT, newer },
		{ "claims 49 bytes", -EPROTO, longer },
		{ "fields that this node does not know", -EPROTO, zero },
		{ "fields that this node does not know", -EPROTO, zero2 },
		{ "another cluster", -EXDEV, other_cluster },
		{ "wants node 1", -EINVAL, for_another },
		{ "itself", -EINVAL, from_self },
		{ "node 4, which is no member", -EINVAL, from_stranger },
		{ "no member", -EINVAL, from_far },
		{ "no member", -EINVAL, from_nobody },
		{ "no incarnation", -EPROTO, no_incarnation },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_that_of_rfc3720),
		cmocka_unit_test(wire_layout_is_fixed),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_wrong_field_is_named),
		cmocka_unit_test(back_off_doubles_up_to_its_bound),
	};

	return cmocka_run_group_tests_name("daemon_hello", tests, NULL, NULL);
}
