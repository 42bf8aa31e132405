// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a resource is, how long a grant of it lasts, whether it is fenced: asked for, and shown; and
 * until when at the latest somebody has it.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "child.h"
#include "pool.h"
#include "test.h"

static int resource(const char *words)
{
	char all[400];

	snprintf(all, sizeof(all), "resource %s", words);
	return run(&command_resource, all);
}

/* --- said ----------------------------------------------------------------------------------- */

static void each_term_is_asked_for(void **state)
{
	static const struct {
		const char *words, *asked;
	} cases[] = {
		{ "create gpu --lease 30s", "create gpu, units 1, - 0, ttl 30000\n" },
		{ "create gpu --max-hold 1h --units 4", "create gpu, units 4, - 0, hold 3600000\n" },
		{ "create gpu --owner 1000 --group 44 --mode 0640", "create gpu, units 1, - 0, uid 1000, gid 44, mode 0640\n" },
		{ "create gpu --owner root --group root --mode 6", "create gpu, units 1, - 0, uid 0, gid 0, mode 0006\n" },
		{ "create gpu --fenced", "create gpu, units 1, - 0, fenced\n" },
		{ "set gpu --no-fenced", "set gpu, units 0, - 0, not fenced\n" },
		{ "set gpu --lease 0 --max-hold 0", "set gpu, units 0, - 0, ttl 0, hold 0\n" },
		{ "set gpu --mode 0", "set gpu, units 0, - 0, mode 0000\n" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		asked[0] = '\0';
		assert_int_equal(resource(cases[i].words), 0);
		assert_string_equal(asked, cases[i].asked);
	}
}

static void what_cannot_be_a_term_is_a_usage_error(void **state)
{
	static const struct {
		const char *words, *says;
	} wrong[] = {
		{ "create gpu --owner no-such-user", "--owner: there is no user \"no-such-user\" here, "
		  "nor is it a number\n" },
		{ "create gpu --owner 4294967295", "there is no user" },
		{ "create gpu --group no-such-group", "--group: there is no group \"no-such-group\"" },
		{ "create gpu --mode 0770", "--mode: \"0770\" is not four octal digits, as 0660" },
		{ "create gpu --mode rw", "--mode: \"rw\" is not" },
		{ "create gpu --mode 999", "--mode: \"999\" is not" },
		{ "create gpu --lease 50ms", "--lease: 50ms is from 100ms to 24 days, or 0: none\n" },
		{ "create gpu --max-hold 700h", "--max-hold: 700h is from 100ms to 24 days, or 0: none\n" },
		{ "create gpu --no-fenced", "no option --no-fenced" },
		{ "set gpu --fenced --no-fenced", "--fenced or --no-fenced: one or the other\n" },
		{ "set gpu", "what is to be set? --units N, --max-hold TIME, or another one of the options\n" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(resource(wrong[i].words), 2);
		assert_contains(out, wrong[i].says);
		assert_fits();
	}
	assert_string_equal(asked, "");
}

static void what_was_said_is_repeated(void **state)
{
	(void)state;
	gpu.in_use = gpu.n_claims = 0;
	gpu.hold_ms = 3600000;
	assert_int_equal(resource("create gpu --max-hold 1h"), 0);
	assert_string_equal(out, "gpu: created: 1 unit, 0 in use; any number may wait\n"
			    "it is held for 1h00m at most; for root only\n");
}

/* --- shown ---------------------------------------------------------------------------------- */

static void show_has_all_terms(void **state)
{
	char line[300];
	const struct passwd *user = getpwuid(1);

	(void)state;
	gpu.n_claims = 0;
	gpu.ttl_ms = 30000;
	gpu.hold_ms = 3600000;
	gpu.uid = 54321;
	gpu.gid = 54322;
	gpu.mode = 0660;
	gpu.fenced = true;
	gpu.fence = 8192;
	assert_int_equal(resource("show gpu"), 0);
	assert_contains(out, "\na grant is lost when it is not renewed for 30.0s; it is held for 1h00m at most; owner 54321, "
			"group\n  54322, mode 0660; fenced, tokens below 8192 are refused\n");
	assert_fits();
	assert_non_null(user);
	gpu.uid = 1;
	gpu.gid = 0;
	snprintf(line, sizeof(line), "owner %s (1),", user->pw_name);
	assert_int_equal(resource("show gpu"), 0);
	assert_contains(out, line);
	assert_contains(out, "group root (0),");
	assert_int_equal(resource("show -j gpu"), 0);
	assert_contains(out, "\"ttl_ms\":\t30000,\n\t\"hold_ms\":\t3600000,\n\t\"uid\":\t1,\n\t\"gid\":\t0,\n"
			"\t\"access\":\t\"0660\",\n\t\"fenced\":\ttrue,\n\t\"fence_token\":\t8192,\n");
	/* Nothing was said of it: then nothing is. */
	gpu.defined = 0;
	assert_int_equal(resource("show gpu"), 0);
	assert_null(strstr(out, "owner"));
}

static void who_has_it_is_shown_with_the_user(void **state)
{
	const char *queue;

	(void)state;
	claims[0].uid = 54321;
	claims[2].uid = KQUORUM_NOBODY;
	assert_int_equal(resource("show gpu"), 0);
	assert_contains(out, "\nholder  n2    4194304  54321  fifteen-letters  2 units: 0,3  65.0s  -");
	assert_contains(out, "\n1       n3    12       ?      waits ");
	assert_fits();
	assert_int_equal(resource("show -j gpu"), 0);
	assert_contains(out, "\"uid\":\t54321,\n\t\t\t\"user\":\t\"54321\",");
	queue = strstr(out, "\"queue\"");
	assert_contains(queue, "\"uid\":\tnull,\n\t\t\t\"user\":\t\"?\",");
	assert_contains(queue, "\"evicted\":\tfalse,\n\t\t\t\"drain_ms\":\tnull,\n\t\t\t\"evicted_age_ms\":\tnull,\n"
			"\t\t\t\"left_at_most_ms\":\tnull\n");
}

/* 65 s of it are over. */
static void until_when_it_is_held_is_counted(void **state)
{
	static const struct {
		uint32_t hold_ms, drain_ms;
		bool evicted, fenced;
		uint32_t evicted_s;
		const char *left;
	} cases[] = {
		{ 0, 0, false, false, 0, "-" },
		{ 100000, 0, false, false, 0, "35.0s" },
		{ 60000, 0, false, false, 0, "0.0us" },		/* its node is about to say so */
		{ 0, 60000, true, false, 20, "40.0s" },
		{ 0, 2000, true, false, 4, "6.0s" },		/* not before its lease of 10 s could end */
		{ 0, 2000, true, true, 1, "1.0s" },
		{ 70000, 60000, true, false, 20, "5.0s" },	/* whatever comes first */
	};
	char row[120];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		claims[0].hold_ms = cases[i].hold_ms;
		claims[0].evicted = cases[i].evicted;
		claims[0].drain_ms = cases[i].drain_ms;
		claims[0].evicted_ns = cases[i].evicted_s * NS_PER_SEC;
		gpu.fenced = cases[i].fenced;
		assert_int_equal(resource("show gpu"), 0);
		snprintf(row, sizeof(row), "2 units: 0,3  65.0s  %s ", cases[i].left);
		assert_contains(out, row);
		assert_contains(out, cases[i].evicted ? "\nevicted  n2 " : "\nholder  n2 ");
		assert_int_equal(resource("list"), 0);
		snprintf(row, sizeof(row), "65.0s  %s ", cases[i].left);
		assert_contains(out, row);
	}
	/* Two leases may be relied on while settings change. */
	gpu.fenced = false;
	claims[0].hold_ms = 0;
	claims[0].drain_ms = 2000;
	claims[0].evicted_ns = 4 * NS_PER_SEC;
	status.overlap = true;
	status.before.lease_ms = 30000;
	assert_int_equal(resource("show gpu"), 0);
	assert_contains(out, "65.0s  26.0s ");
	assert_int_equal(resource("show -j gpu"), 0);
	assert_contains(out, "\"evicted\":\ttrue,\n\t\t\t\"drain_ms\":\t2000,\n\t\t\t\"evicted_age_ms\":\t4000.000,\n"
			"\t\t\t\"left_at_most_ms\":\t26000.000\n");
}

/* --- why ------------------------------------------------------------------------------------ */

static void why_says_until_when(void **state)
{
	(void)state;
	claims[0].hold_ms = 100000;
	claims[0].ttl_ms = 30000;
	claims[1].uid = 54321;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "\n   held by n2 pid 4194304 (fifteen-letters), 2 units: 0,3, has it for 65.0s, for 35.0s more at "
			"most;\n     lost when not renewed for 30.0s\n"
			"   held by n3 pid 41 (train) of 54321, 1 unit: 1, has it for 5.0s\n");
	assert_contains(out, "\nThe first of it is given back in 35.0s at the latest; 1 of 2 who have it may keep it for ever.");
	assert_fits();
	claims[1].evicted = true;
	claims[1].drain_ms = 60000;
	claims[1].evicted_ns = 0;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "has it for 5.0s, for 60.0s more at most: an\n     operator takes it\n");
	assert_contains(out, "\nThe first of it is given back in 35.0s at the latest, all of it in 60.0s. What a node has");
	assert_fits();
	memmove(&claims[1], &claims[2], sizeof(claims[2]));
	gpu.n_claims = 2;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "\nIt is given back in 35.0s at the latest. What a node has");
	assert_contains(out, "\nTo take it from who has it: kquorum resource release gpu\n");
	assert_int_equal(resource("why gpu -j"), 0);
	assert_contains(out, "\"left_at_most_ms\":\t35000.000\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_term_is_asked_for, pool_begin),
		cmocka_unit_test_setup(what_cannot_be_a_term_is_a_usage_error, pool_begin),
		cmocka_unit_test_setup(what_was_said_is_repeated, pool_begin),
		cmocka_unit_test_setup(show_has_all_terms, pool_begin),
		cmocka_unit_test_setup(who_has_it_is_shown_with_the_user, pool_begin),
		cmocka_unit_test_setup(until_when_it_is_held_is_counted, pool_begin),
		cmocka_unit_test_setup(why_says_until_when, pool_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
