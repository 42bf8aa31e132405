// SPDX-License-Identifier: GPL-2.0
/* What is asked for or held, in words. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "test.h"

struct cli cli;

static const char *what(uint32_t mode, uint32_t units, uint64_t first, uint64_t last)
{
	const __u64 numbers[KQUORUM_NUMBERED / 64] = { first, 0, 0, last };
	static char buf[CLAIM_WHAT_MAX];

	memset(buf, 'x', sizeof(buf));
	return claim_what(buf, mode, units, numbers);
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(what(KQUORUM_CLAIM_EXCLUSIVE, 0, 0, 0), "exclusive");
	assert_string_equal(what(KQUORUM_CLAIM_SHARED, 0, 0, 0), "shared");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 1, 0, 0), "1 unit");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, KQUORUM_UNITS_MAX, 0, 0), "2147483648 units");
	assert_string_equal(what(77, 0, 0, 0), "unknown");
}

static void numbers_in_a_row_are_one(void **state)
{
	(void)state;
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 1, 1 << 3, 0), "1 unit: 3");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 2, 0x9, 0), "2 units: 0,3");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 2, 0x3, 0), "2 units: 0,1");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 5, 0x8f, 0), "5 units: 0-3,7");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 2, 1, 1ULL << 63), "2 units: 0,255");
	assert_string_equal(what(KQUORUM_CLAIM_MODE_UNITS, 3, 0, 7ULL << 61), "3 units: 253-255");
}

static void too_many_numbers_are_cut(void **state)
{
	const char *text = what(KQUORUM_CLAIM_MODE_UNITS, 64, 0x5555555555555555, 0x5555555555555555);

	(void)state;
	assert_int_equal(strlen(text), CLAIM_WHAT_MAX - 1);
	assert_contains(text, "64 units: 0,2,4,");
	assert_string_equal(text + strlen(text) - 3, "...");
}

static void all_numbers_have_room(void **state)
{
	__u64 numbers[KQUORUM_NUMBERED / 64] = { 0 };
	char buf[CLAIM_NUMBERS_MAX];

	(void)state;
	assert_string_equal(claim_numbers(buf, sizeof(buf), numbers), "");
	numbers[0] = 0x9;
	assert_string_equal(claim_numbers(buf, sizeof(buf), numbers), "0,3");
	memset(numbers, 0xff, sizeof(numbers));
	claim_numbers(buf, sizeof(buf), numbers);
	assert_int_equal(strncmp(buf, "0,1,2,3,", 8), 0);
	assert_string_equal(buf + strlen(buf) - 8, ",254,255");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(numbers_in_a_row_are_one),
		cmocka_unit_test(too_many_numbers_are_cut),
		cmocka_unit_test(all_numbers_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
