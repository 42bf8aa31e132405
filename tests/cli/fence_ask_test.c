// SPDX-License-Identifier: GPL-2.0
/* kquorum fence ask: each answer of the cluster, in words and exit codes. */
#include <errno.h>
#include <string.h>

#include "child.h"
#include "pool.h"
#include "resource.h"
#include "test.h"

static int ask(const char *words)
{
	char all[200];

	snprintf(all, sizeof(all), "ask %s", words);
	return run(&command_fence_ask, all);
}

static void answer(int error)
{
	outcome.error = error;
}

static void what_passes_says_nothing(void **state)
{
	(void)state;
	assert_int_equal(ask("gpu 4096"), 0);
	assert_string_equal(out, "");
	assert_string_equal(asked, "fence gpu 4096\n");
	assert_int_equal(ask("gpu 18446744073709551615 -j"), 0);
	assert_string_equal(out, "{\"resource\":\"gpu\",\"token\":18446744073709551615,\"index\":4711,\"passed\":true}\n");
}

static void a_stale_token_is_refused(void **state)
{
	(void)state;
	answer(-ESTALE);
	gpu.fence = 8192;
	assert_int_equal(ask("gpu 4096"), 70);
	assert_string_equal(out, "kquorum fence ask: gpu: token 4096 is stale: 8192 has been shown\n"
			    "  whoever has it lost the lock: only a new grant helps\n");
	gpu.fence = 0;	/* this node has not heard of it */
	assert_int_equal(ask("gpu 4096"), 70);
	assert_contains(out, "gpu: token 4096 is stale: a higher one has been shown\n");
	assert_int_equal(ask("-j gpu 4096"), 70);
	assert_contains(out, "\"passed\":false}\n");
}

static void other_refusals_have_a_way_out(void **state)
{
	static const struct {
		int error, code;
		const char *says;
	} cases[] = {
		{ -EINVAL, 1, "gpu: nobody was given token 5 yet: is it of another cluster?\n" },
		{ -ENOENT, 66, "gpu is not defined: kquorum resource create gpu --fenced\n" },
		{ -EMEDIUMTYPE, 1, "gpu has no fence: it is not fenced, or has several units\n"
		  "  kquorum resource set gpu --fenced (and --units 1)\n" },
		{ -EACCES, 77, "gpu: its owner, group and mode do not let this user ask\n  kquorum resource show gpu\n" },
		{ -EHOSTDOWN, 1, "gpu: the outcome is unknown" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer(cases[i].error);
		assert_int_equal(ask("gpu 5"), cases[i].code);
		assert_contains(out, cases[i].says);
		assert_fits();
	}
	open_error = -EACCES;
	assert_int_equal(ask("gpu 5"), 77);
	assert_contains(out, "do not let this user ask");
	open_error = -ENODEV;
	assert_int_equal(ask("gpu 5"), 1);
	assert_contains(out, "the library's words");
}

static void what_does_not_come_is_said(void **state)
{
	(void)state;
	comes = OUTCOME_NEVER;
	assert_int_equal(ask("--wait 0.1 gpu 5"), 75);
	assert_contains(out, "gpu: no outcome in time\n");
	status.quorum = false;
	status.leader = 0;
	assert_int_equal(ask("--wait 0.1 gpu 5"), 69);
}

static void it_wants_a_name_and_a_token(void **state)
{
	(void)state;
	assert_int_equal(ask("gpu"), 2);
	assert_int_equal(ask("gpu 0"), 2);
	assert_int_equal(ask("gpu x"), 2);
	assert_int_equal(ask("gpu 5 6"), 2);
	assert_contains(out, "Usage: kquorum fence ask NAME TOKEN");
	assert_string_equal(asked, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_passes_says_nothing, pool_begin),
		cmocka_unit_test_setup(a_stale_token_is_refused, pool_begin),
		cmocka_unit_test_setup(other_refusals_have_a_way_out, pool_begin),
		cmocka_unit_test_setup(what_does_not_come_is_said, pool_begin),
		cmocka_unit_test_setup(it_wants_a_name_and_a_token, pool_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
