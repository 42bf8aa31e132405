// SPDX-License-Identifier: GPL-2.0
/* kquorum resource release: who is meant, what is said of it, what is done, until it is gone. */
#include <errno.h>
#include <string.h>

#include "child.h"
#include "pool.h"
#include "test.h"

static int release(const char *words)
{
	char all[200];

	snprintf(all, sizeof(all), "resource release %s", words);
	return run(&command_resource, all);
}

/* One holds it, one waits. */
static void one_holds(void)
{
	memmove(&claims[1], &claims[2], sizeof(claims[0]));
	gpu.n_claims = 2;
	gpu.in_use = 2;
	claims[0].uid = 12345;
}

#define OUTLOOK \
	"n2 pid 4194304 (fifteen-letters) of 12345, 2 units: 0,3 is told, and loses it in 10.0s at the\n" \
	"  latest; should its node be silent, when its session is over, 10.5s after it was heard last\n"

static void without_force_it_explains(void **state)
{
	(void)state;
	one_holds();
	assert_int_equal(release("gpu"), 2);
	assert_string_equal(out, OUTLOOK
		"kquorum resource release: gpu: nothing was done: --force does it, and the log keeps it\n");
	assert_fits();
	assert_string_equal(asked, "");
}

static void the_one_who_holds_it_is_told(void **state)
{
	(void)state;
	one_holds();
	assert_int_equal(release("gpu --force"), 0);
	assert_string_equal(asked, "evict gpu, node 2, session 5, owner 1, drain 10000\n");
	assert_string_equal(out, OUTLOOK);
}

/* Who may rely on a lease keeps it for that long; who checks tokens only as long as he is given. */
static void a_lease_is_cut_short_only_where_tokens_are_checked(void **state)
{
	(void)state;
	one_holds();
	assert_int_equal(release("gpu --drain 2s"), 2);
	assert_contains(out, "loses it in 10.0s at the");
	assert_contains(out, ": not after 2.0s, for it may rely on its lease");
	assert_int_equal(release("gpu --drain 1m"), 2);
	assert_contains(out, "loses it in 60.0s at the");
	assert_null(strstr(out, "rely"));
	gpu.fenced = true;
	assert_int_equal(release("gpu --drain 2s"), 2);
	assert_contains(out, "loses it in 2.0s at the");
	assert_contains(out, "should its node be silent, the leader takes it an election later: only the token stops "
			"what it\n  writes then\n");
	assert_fits();
	claims[0].hold_ms = 66000;	/* and 65 s are over */
	assert_int_equal(release("gpu --drain 2s --force"), 0);
	assert_contains(out, "loses it in 1.0s at the");
	assert_contains(asked, "drain 2000\n");
}

static void of_several_it_must_be_said_which(void **state)
{
	(void)state;
	assert_int_equal(release("gpu --force"), 2);
	assert_contains(out, "gpu: which of these 2? Say it, or --all:\n"
			"  --node n2 --lock 1: n2 pid 4194304 (fifteen-letters), 2 units: 0,3\n"
			"  --node n3 --lock 1: n3 pid 41 (train), 1 unit: 1\n");
	assert_string_equal(asked, "");
	assert_int_equal(release("gpu --force --node n3"), 0);
	assert_string_equal(asked, "evict gpu, node 3, session 6, owner 1, drain 10000\n");
	assert_int_equal(release("gpu --force --pid 4194304 --drain 0"), 0);
	assert_contains(asked, "evict gpu, node 2, session 5, owner 1, drain 0\n");
	asked[0] = '\0';
	assert_int_equal(release("gpu --force --all"), 0);
	assert_string_equal(asked, "evict gpu, node 2, session 5, owner 1, drain 10000\n"
			    "evict gpu, node 3, session 6, owner 1, drain 10000\n");
}

static void who_waits_goes_only_when_named(void **state)
{
	(void)state;
	assert_int_equal(release("gpu --force --node n3 --lock 2"), 0);
	assert_string_equal(asked, "evict gpu, node 3, session 6, owner 2, drain 10000\n");
	assert_string_equal(out, "n3 pid 12 (waits), 4 units waits: refused at once\n");
	assert_int_equal(release("gpu --force --pid 99"), 66);
	assert_contains(out, "gpu: none like that holds it: kquorum resource show gpu\n");
	gpu.n_claims = 0;
	assert_int_equal(release("gpu --force --all"), 66);
	assert_contains(out, "gpu: nobody holds it: kquorum resource show gpu\n");
	assert_int_equal(release("cpu --force"), 66);
	assert_int_equal(release("gpu --force --node n9"), 66);
	assert_contains(out, "there is no node n9");
}

static void it_is_waited_for_until_it_is_gone(void **state)
{
	(void)state;
	one_holds();
	evicted_go = true;
	assert_int_equal(release("gpu --force --wait 5"), 0);
	pool_begin(state);
	one_holds();
	assert_int_equal(release("gpu --force --wait 0.3"), 75);
	assert_contains(out, "gpu: not gone in time: kquorum resource show gpu\n");
}

static void what_went_by_itself_is_gone_already(void **state)
{
	(void)state;
	one_holds();
	outcome.error = -ENOENT;
	assert_int_equal(release("gpu --force --wait 5"), 0);
	assert_string_equal(out, "n2 pid 4194304 (fifteen-letters) of 12345, 2 units: 0,3 is gone already\n");
	outcome.error = -EHOSTDOWN;
	assert_int_equal(release("gpu --force"), 1);
	assert_contains(out, "the outcome is unknown");
	open_error = -EPERM;
	assert_int_equal(release("gpu --force"), 77);
}

static void json_has_names_that_stay(void **state)
{
	(void)state;
	one_holds();
	assert_int_equal(release("gpu --force -j"), 0);
	assert_contains(out, "\"uid\":\t12345,");
	assert_contains(out, "\"outcome\":\t\"told\",\n\t\t\"release_index\":\t4711,\n"
			"\t\t\"gone_in_at_most_ms\":\t10000.000\n");
}

static void what_cannot_be_meant_is_a_usage_error(void **state)
{
	(void)state;
	assert_int_equal(release(""), 2);
	assert_contains(out, "release which NAME?");
	assert_int_equal(release("a b"), 2);
	assert_int_equal(release("gpu --all --pid 3"), 2);
	assert_int_equal(release("gpu --drain 700h"), 2);
	assert_contains(out, "--drain: 700h is longer than 24 days");
	assert_string_equal(asked, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_force_it_explains, pool_begin),
		cmocka_unit_test_setup(the_one_who_holds_it_is_told, pool_begin),
		cmocka_unit_test_setup(a_lease_is_cut_short_only_where_tokens_are_checked, pool_begin),
		cmocka_unit_test_setup(of_several_it_must_be_said_which, pool_begin),
		cmocka_unit_test_setup(who_waits_goes_only_when_named, pool_begin),
		cmocka_unit_test_setup(it_is_waited_for_until_it_is_gone, pool_begin),
		cmocka_unit_test_setup(what_went_by_itself_is_gone_already, pool_begin),
		cmocka_unit_test_setup(json_has_names_that_stay, pool_begin),
		cmocka_unit_test_setup(what_cannot_be_meant_is_a_usage_error, pool_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
