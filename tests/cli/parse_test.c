// SPDX-License-Identifier: GPL-2.0
/* Numbers, sizes and times, in and out. */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "test.h"

static void takes_times_with_units(void **state)
{
	static const struct { const char *text; uint64_t ns; } good[] = {
		{ "0", 0 }, { "5", 5 * NS_PER_SEC }, { "0.5", NS_PER_SEC / 2 }, { "250ms", 250 * NS_PER_MS },
		{ "10s", 10 * NS_PER_SEC }, { "3us", 3 * NS_PER_US }, { "7ns", 7 },
		{ "2m", 120 * NS_PER_SEC }, { "1h", 3600 * NS_PER_SEC }, { ".5ms", 500 * NS_PER_US },
	};
	static const char *const bad[] = { "", "-1", "5 s", "5x", "s", "0x10", "1e30", "inf", "nan", "." };
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse_duration(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_duration(bad[i], &ns), -EINVAL);
}

static void takes_sizes_with_units(void **state)
{
	static const struct { const char *text; uint64_t bytes; } good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "256K", 256 << 10 }, { "64M", 64 << 20 },
		{ "64MiB", 64 << 20 }, { "1g", 1ULL << 30 }, { "17179869183G", 17179869183ULL << 30 },
	};
	static const char *const bad[] = { "", "-4", "4KB!", "17179869184G", "4.5M", "M" };
	uint64_t bytes;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse_size(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_size(bad[i], &bytes), -EINVAL);
}

static void takes_whole_numbers_only(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(parse_number("18446744073709551615", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_number("18446744073709551616", &n), -EINVAL);
	assert_int_equal(parse_number("-1", &n), -EINVAL);
	assert_int_equal(parse_number(" 1", &n), -EINVAL);
	assert_int_equal(parse_number("1x", &n), -EINVAL);
	assert_int_equal(parse_hex64("0xFF", &n), 0);
	assert_int_equal(n, 255);
	assert_int_equal(parse_hex64("11112222333344445", &n), -EINVAL);
	assert_int_equal(parse_hex64("0x", &n), -EINVAL);
}

static void prints_times_shortly(void **state)
{
	static const struct { uint64_t ns; const char *text; } table[] = {
		{ 0, "0.0us" }, { 1500, "1.5us" }, { 42 * NS_PER_US, "42us" }, { 210 * NS_PER_US, "0.21ms" },
		{ 995 * NS_PER_US, "1.0ms" }, { 4400 * NS_PER_US, "4.4ms" }, { 12 * NS_PER_MS, "12ms" },
		{ 1500 * NS_PER_MS, "1.5s" }, { 125 * NS_PER_SEC, "2m05s" }, { 3725 * NS_PER_SEC, "1h02m" },
		{ 90000 * NS_PER_SEC, "1d01h" }, { KQUORUM_NEVER, "-" },
	};
	char buf[FORMAT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(format_duration(buf, table[i].ns), table[i].text);
}

static void prints_sizes_shortly(void **state)
{
	char buf[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_bytes(buf, 0), "0 B");
	assert_string_equal(format_bytes(buf, 1023), "1023 B");
	assert_string_equal(format_bytes(buf, 1536), "1.5 KiB");
	assert_string_equal(format_bytes(buf, 64 << 20), "64 MiB");
	assert_string_equal(format_bytes(buf, UINT64_MAX), "16 EiB");
}

static void escapes_what_a_terminal_would_obey(void **state)
{
	char buf[12];

	(void)state;
	format_text(buf, sizeof(buf), "a\033\\", 3);
	assert_string_equal(buf, "a\\x1b\\\\");
	format_text(buf, sizeof(buf), "0123456789abcdef", 16);
	assert_string_equal(buf, "01234567...");
	format_text(buf, sizeof(buf), "012345678", 9);
	assert_string_equal(buf, "012345678");
	format_text(buf, sizeof(buf), "", 0);
	assert_string_equal(buf, "");
}

static void names_every_state(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i <= KQUORUM_NODE_STOPPING; i++)
		assert_string_not_equal(state_name(i), "unknown");
	for (i = 0; i <= KQUORUM_LEADER; i++)
		assert_string_not_equal(role_name(i), "unknown");
	for (i = 0; i <= KQUORUM_CAMPAIGN_LOST; i++)
		assert_string_not_equal(canvass_name(i), "unknown");
	for (i = 0; i <= KQUORUM_DISK_DAMAGED; i++)
		assert_string_not_equal(disk_state_name(i), "unknown");
	for (i = 0; i < KQUORUM_LOCK_UNKNOWN; i++)
		assert_string_not_equal(lock_state_name(i), "unknown");
	assert_string_equal(entry_type_name(KQUORUM_ENTRY_APPEND), "append");
	assert_string_equal(entry_type_name(KQUORUM_ENTRY_CONF), "configuration");
	assert_string_equal(entry_type_name(99), "unknown");
	assert_string_equal(entry_type_name(8), "unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_times_with_units),
		cmocka_unit_test(takes_sizes_with_units),
		cmocka_unit_test(takes_whole_numbers_only),
		cmocka_unit_test(prints_times_shortly),
		cmocka_unit_test(prints_sizes_shortly),
		cmocka_unit_test(escapes_what_a_terminal_would_obey),
		cmocka_unit_test(names_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
