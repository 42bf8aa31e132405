// SPDX-License-Identifier: GPL-2.0
/* kquorum resource: what is shown of a pool, what is asked for, and what is said of each outcome. */
#include <errno.h>
#include <stdlib.h>
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

static void lose_quorum(void)
{
	status.quorum = false;
	status.leader = 0;
	status.peers[1].connected = status.peers[2].connected = false;
}

/* --- list ----------------------------------------------------------------------------------- */

static void list_counts_holders_and_units(void **state)
{
	(void)state;
	assert_int_equal(resource("list"), 0);
	assert_string_equal(out,
		"RESOURCE  IN-USE  HOLDER     PID  COMMAND  SINCE  LEFT  WAITING  TOKEN\n"
		"gpu       3/4     2 holders  -    -        65.0s  -     2        78\n");
	gpu.n_claims = 1;
	gpu.in_use = 2;
	assert_int_equal(resource("list"), 0);
	assert_contains(out, "\ngpu       2/4     n2      4194304  fifteen-letters  65.0s  -     0        78\n");
	gpu.n_claims = 0;
	gpu.in_use = gpu.token = 0;
	assert_int_equal(resource("list"), 0);
	assert_contains(out, "\ngpu       0/4     -       -    -        -      -     0        -\n");
	assert_fits();
}

static void list_takes_the_beginning_of_names(void **state)
{
	(void)state;
	assert_int_equal(resource("list gp"), 0);
	assert_contains(out, "\ngpu ");
	assert_int_equal(resource("list gpu/"), 0);
	assert_string_equal(out, "nothing that begins with gpu/ is defined, held or awaited\n");
	assert_int_equal(resource("list -j x"), 0);
	assert_string_equal(out, "[]\n");
	assert_int_equal(resource("list a b"), 2);
	assert_contains(out, "Usage: kquorum resource list [PREFIX]\n");
	assert_int_equal(resource("list a\tb"), 2);
	pool_none();
	assert_int_equal(resource("list"), 0);
	assert_string_equal(out, "nothing is defined, held or awaited\n");
}

/* Who knows of one holder only finds the first one where it always was. */
static void json_has_all_holders_and_the_first(void **state)
{
	const char *holder, *holders, *queue;

	(void)state;
	assert_int_equal(resource("list -j"), 0);
	assert_contains(out, "\"resource\":\t\"gpu\",\n\t\t\"token\":\t78,\n\t\t\"units\":\t4,\n\t\t\"in_use\":\t3,\n"
			"\t\t\"defined\":\ttrue,\n\t\t\"defined_index\":\t20,\n\t\t\"max_waiters\":\t0,\n");
	holder = strstr(out, "\"holder\":");
	holders = strstr(out, "\"holders\":");
	queue = strstr(out, "\"queue\":");
	assert_true(holder && holder < holders && holders < queue);
	assert_contains(holder, "\"token\":\t77,");
	assert_contains(holders, "\"token\":\t77,");
	assert_true(strstr(holders, "\"token\":\t78,") < queue);
	assert_contains(holders, "\"mode\":\t\"units\",\n\t\t\t\t\"units\":\t2,\n\t\t\t\t\"numbers\":\t[0, 3],\n"
			"\t\t\t\t\"info\":\t\"epoch 3\"");
	assert_contains(queue, "\"mode\":\t\"shared\",\n\t\t\t\t\"units\":\tnull,\n\t\t\t\t\"numbers\":\t[],\n"
			"\t\t\t\t\"info\":\t\"\"");
	gpu.n_claims = 0;
	gpu.defined = 0;
	gpu.max_waiters = 0;
	assert_int_equal(run(&command_resource, "resource -j show gpu"), 0);
	assert_contains(out, "\"defined\":\tfalse,\n\t\"defined_index\":\tnull,\n");
	assert_contains(out, "\"holder\":\tnull,\n\t\"holders\":\t[],\n\t\"queue\":\t[]\n");
	gpu.defined = 20;
	gpu.max_waiters = 7;
	assert_int_equal(resource("show gpu -j"), 0);
	assert_contains(out, "\"max_waiters\":\t7,");
}

/* --- show ----------------------------------------------------------------------------------- */

static void show_tells_who_has_what_and_who_asks(void **state)
{
	(void)state;
	gpu.max_waiters = 10;
	assert_int_equal(resource("show gpu"), 0);
	assert_string_equal(out,
		"gpu: held by 2, token 78\n"
		"4 units, 3 in use; at most 10 may wait\n"
		"for root only\n"
		"PLACE   NODE  PID      USER  COMMAND          HAS/ASKS      SINCE  LEFT  TOKEN  INFO\n"
		"holder  n2    4194304  root  fifteen-letters  2 units: 0,3  65.0s  -     77     epoch 3\n"
		"holder  n3    41       root  train            1 unit: 1     5.0s   -     78     -\n"
		"1       n3    12       root  waits            4 units       1.0s   -     -      -\n"
		"2       n2    13       root  too              shared        1.0s   -     -      -\n");
}

static void a_long_info_is_cut_to_the_line(void **state)
{
	(void)state;
	memset(claims[0].info, 'x', KQUORUM_INFO_MAX);
	claims[1].info[0] = '\033';
	assert_int_equal(resource("show gpu"), 0);
	assert_fits();
	assert_contains(out, "xxx...\n");
	assert_contains(out, "\\x1b\n");
	assert_int_equal(resource("show gpu -j"), 0);
	assert_contains(out, claims[0].info);
}

static void show_tells_free_ones_apart(void **state)
{
	(void)state;
	gpu.n_claims = 0;
	gpu.in_use = 0;
	assert_int_equal(resource("show gpu"), 0);
	assert_string_equal(out, "gpu: free\n4 units, 0 in use; any number may wait\nfor root only\n");
	gpu.n_claims = 1;
	gpu.units = 1;
	gpu.in_use = 1;
	gpu.defined = 0;
	assert_int_equal(resource("show gpu"), 0);
	assert_contains(out, "gpu: held, token 78\n1 unit, 1 in use; nothing was said of it: it is gone when nobody "
			"wants it\n");
	assert_int_equal(resource("show cpu"), 66);
	assert_contains(out, "there is no cpu: it is not defined, and nobody holds it or waits\n");
	assert_int_equal(resource("show"), 2);
	assert_int_equal(resource("show a b"), 2);
	assert_contains(out, "Usage: kquorum resource show NAME\n");
}

/* --- why ------------------------------------------------------------------------------------ */

static void why_says_what_each_waits_for(void **state)
{
	(void)state;
	assert_int_equal(resource("why gpu"), 0);
	assert_string_equal(out,
		"gpu: 4 units, 3 in use; 2 wait\n"
		"1. n3 pid 12 (waits), 4 units, waits for 1.0s: waits for 3 more of 4\n"
		"   held by n2 pid 4194304 (fifteen-letters), 2 units: 0,3, has it for 65.0s\n"
		"   held by n3 pid 41 (train), 1 unit: 1, has it for 5.0s\n"
		"2. n2 pid 13 (too), shared, waits for 1.0s: behind 1; then asks for a share: waits until all holders\n"
		"  are gone, for they do not share it\n"
		"Who has it may keep it for ever: no time is set for that. What a node has that dies or is cut off is\n"
		"  given back 10.5s after the leader heard from it last, at the latest (its lease and the guard);\n"
		"  later only if the leader changes meanwhile.\n"
		"To take it from who has it: kquorum resource release gpu\n");
	assert_fits();
}

static void why_knows_what_goes_together(void **state)
{
	static const struct {
		uint32_t holds, has, asks, wants;	/* modes, units */
		const char *says;
	} pairs[] = {
		{ KQUORUM_CLAIM_MODE_UNITS, 2, KQUORUM_CLAIM_MODE_UNITS, 3, ": waits for 1 more of 4\n" },
		{ KQUORUM_CLAIM_MODE_UNITS, 2, KQUORUM_CLAIM_MODE_UNITS, 2, ": what it asks for is free: granted in a moment\n" },
		{ KQUORUM_CLAIM_MODE_UNITS, 2, KQUORUM_CLAIM_EXCLUSIVE, 0, ": asks for all of it: waits until all holders are" },
		{ KQUORUM_CLAIM_MODE_UNITS, 2, KQUORUM_CLAIM_SHARED, 0, ": asks for a share: waits until all holders are" },
		{ KQUORUM_CLAIM_SHARED, 4, KQUORUM_CLAIM_SHARED, 0, ": what it asks for is free: granted" },
		{ KQUORUM_CLAIM_SHARED, 4, KQUORUM_CLAIM_EXCLUSIVE, 0, ": asks for all of it" },
		{ KQUORUM_CLAIM_SHARED, 4, KQUORUM_CLAIM_MODE_UNITS, 1, ": waits for 1 more of 4\n" },
		{ KQUORUM_CLAIM_EXCLUSIVE, 4, KQUORUM_CLAIM_SHARED, 0, ": asks for a share" },
		{ KQUORUM_CLAIM_EXCLUSIVE, 4, KQUORUM_CLAIM_EXCLUSIVE, 0, ": asks for all of it" },
		{ KQUORUM_CLAIM_MODE_UNITS, 6, KQUORUM_CLAIM_MODE_UNITS, 1, ": waits for 3 more of 4\n" },
	};
	unsigned int i;

	(void)state;
	gpu.claims = &claims[1];
	gpu.n_claims = 2;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		claims[1].mode = pairs[i].holds;
		claims[1].units = gpu.in_use = pairs[i].has;
		claims[2].mode = pairs[i].asks;
		claims[2].units = pairs[i].wants;
		assert_int_equal(resource("why gpu"), 0);
		assert_contains(out, pairs[i].says);
	}
}

static void why_of_one_says_who_stands_before(void **state)
{
	(void)state;
	assert_int_equal(resource("why gpu --node n2 --pid 13"), 0);
	assert_contains(out, "in use; 2 wait\n2. n2 pid 13 (too), shared, ");
	assert_contains(out, "\n   before it: 1. n3 pid 12 (waits), 4 units, waits for 1.0s\n"
			"   held by n2 pid 4194304 (fifteen-letters), 2 units: 0,3, has it for 65.0s\n   held by n3 ");
	assert_int_equal(resource("why gpu --owner 3"), 0);
	assert_contains(out, "2 wait\n2. n2 pid 13 (too)");
	assert_int_equal(resource("why gpu --node 3"), 0);
	assert_contains(out, "\nn3 pid 41 (train), 1 unit: 1, has it for 5.0s: it does not wait\n1. n3 pid 12 (waits)");
	assert_null(strstr(out, "before it"));
	assert_int_equal(resource("why gpu --pid 5"), 66);
	assert_contains(out, "gpu: none like that holds it or waits\n");
	assert_int_equal(resource("why gpu --node n9"), 66);
	assert_contains(out, "there is no node n9");
	assert_int_equal(resource("why gpu --node n1 -j"), 66);
}

static void why_is_brief_of_many(void **state)
{
	static struct kquorum_claim many[40];
	unsigned int i;

	(void)state;
	for (i = 0; i < 40; i++) {
		many[i] = claims[i < 20 ? 1 : 2];
		many[i].pid = 100 + i;
		memset(many[i].comm, 'x', KQUORUM_COMM_MAX);
	}
	gpu.claims = many;
	gpu.n_claims = 40;
	gpu.units = gpu.in_use = 20;
	assert_int_equal(resource("why gpu --pid 139"), 0);
	assert_contains(out, "20. n3 pid 139 ");
	assert_contains(out, "behind 1 to 19; then\n  waits for 4 more of 20");
	assert_contains(out, "   before it: 9 more\n");
	assert_contains(out, "   held by 10 more\n");
	assert_fits();
}

static void why_tells_when_nobody_waits(void **state)
{
	(void)state;
	gpu.n_claims = 2;
	assert_int_equal(resource("why gpu"), 0);
	assert_string_equal(out, "nobody waits for gpu\n");
	assert_int_equal(resource("why gpu --pid 41"), 0);
	assert_contains(out, "gpu: 4 units, 3 in use; 0 wait\nn3 pid 41 (train)");
	assert_int_equal(resource("why gpu -j"), 0);
	assert_contains(out, "\"waiters\":\t[]");
	assert_int_equal(resource("why cpu"), 66);
	assert_contains(out, "there is no cpu: ");
	assert_int_equal(resource("why"), 2);
	assert_int_equal(resource("why gpu 5"), 2);
	assert_int_equal(resource("why gpu --pid 0"), 2);
}

/* The promise of the settings: longer while longer ones may be relied on, and with worse clocks. */
static void why_knows_until_when_at_the_latest(void **state)
{
	(void)state;
	status.settings.drift_ppm = 100000;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "given back 12.8s after");
	status.settings.drift_ppm = 0;
	status.before = status.settings;
	status.before.lease_ms = 60000;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "given back 10.5s after");
	status.overlap = true;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "given back 60.5s after");
	status.peers[1].connected = false;
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "\nn2 (down) has it and is not there.\nWho has it may keep");
	lose_quorum();
	assert_int_equal(resource("why gpu"), 0);
	assert_contains(out, "There is no quorum: until there is one,\n  what a dead node has is not given back");
	assert_contains(out, "no quorum: so it stood when the leader was last heard, 12.0s ago");
	assert_null(strstr(out, "is not there"));
	assert_fits();
}

static void why_has_names_that_stay(void **state)
{
	const char *waiters;

	(void)state;
	assert_int_equal(resource("why gpu -j"), 0);
	assert_contains(out, "\"resource\":\t\"gpu\",\n\t\"units\":\t4,\n\t\"in_use\":\t3,\n\t\"quorum\":\ttrue,\n"
			"\t\"given_back_after_node_death_ms\":\t");
	assert_in_range(strtod(strstr(out, "death_ms\":\t") + strlen("death_ms\":\t"), NULL), 10500, 10510);
	waiters = strstr(out, "\"waiters\":");
	assert_non_null(waiters);
	assert_contains(waiters, "\"pid\":\t12,");
	assert_contains(waiters, "\"place\":\t1,\n\t\t\t\"behind\":\t0,\n\t\t\t\"waits_for\":\t\"units\",\n"
			"\t\t\t\"missing_units\":\t3\n");
	assert_contains(waiters, "\"place\":\t2,\n\t\t\t\"behind\":\t1,\n\t\t\t\"waits_for\":\t\"share\",\n"
			"\t\t\t\"missing_units\":\tnull\n");
	assert_int_equal(resource("why gpu -j --pid 13"), 0);
	assert_null(strstr(strstr(out, "\"waiters\":"), "\"pid\":\t12,"));
}

/* --- create, set, delete -------------------------------------------------------------------- */

static void create_asks_for_what_was_said(void **state)
{
	(void)state;
	assert_int_equal(resource("create gpu"), 0);
	assert_string_equal(asked, "create gpu, units 1, - 0\n");
	gpu.in_use = 0;
	assert_int_equal(resource("create gpu --units 8 --max-waiters 10"), 0);
	assert_contains(asked, "create gpu, units 8, waiters 10\n");
	assert_string_equal(out, "gpu: created: 8 units, 0 in use; any number may wait\nfor root only\n");
	assert_int_equal(resource("create -j -k 2 gpu"), 0);
	assert_contains(out, "\"resource\":\t\"gpu\",\n\t\"outcome\":\t\"created\",\n\t\"index\":\t4711,\n\t\"term\":\t4\n");
}

static void set_leaves_what_is_not_named(void **state)
{
	(void)state;
	assert_int_equal(resource("set gpu --units 6"), 0);
	assert_string_equal(asked, "set gpu, units 6, - 0\n");
	assert_string_equal(out, "gpu: changed: 6 units, 3 in use; any number may wait\nfor root only\n");
	assert_int_equal(resource("set gpu --max-waiters 0"), 0);
	assert_contains(asked, "set gpu, units 0, waiters 0\n");
	assert_int_equal(resource("set gpu --units 2"), 0);
	assert_contains(out, "more are in use, and who holds them keeps them:\n"
			"  nothing is granted until 1 of 3 are given back\n");
	assert_fits();
}

static void delete_says_that_it_is_done(void **state)
{
	(void)state;
	assert_int_equal(resource("delete gpu"), 0);
	assert_string_equal(asked, "delete gpu\n");
	assert_string_equal(out, "gpu: deleted\n");
}

static void what_cannot_be_meant_is_a_usage_error(void **state)
{
	static const struct {
		const char *words, *says;
	} wrong[] = {
		{ "", "list, show, why, create, set, delete or release?" },
		{ "-j", "list, show, why, create, set, delete or release?" },
		{ "crate gpu", "no \"crate\": did you mean create?" },
		{ "bogus", "no \"bogus\": list, show, why, create, set, delete or release\n" },
		{ "create", "NAME is needed\nUsage: kquorum resource create NAME [OPTION]" },
		{ "create a b", "\"b\" is one word too many" },
		{ "create gpu --units 0", "--units: \"0\" is not a whole number from 1 to 2147483648" },
		{ "create gpu --units 2147483649", "--units: \"2147483649\" is not" },
		{ "create gpu --max-waiters 4294967296", "--max-waiters: " },
		{ "create a\tb", "no control characters" },
		{ "set gpu", "what is to be set? --units N, --max-hold TIME, or another one of the options\nUsage: kquorum resource set NAME" },
		{ "set --units 3", "NAME is needed" },
		{ "delete", "NAME is needed\nUsage: kquorum resource delete NAME [--wait TIME]" },
		{ "delete gpu --units 3", "no option --units" },
		{ "show gpu --units 3", "no option --units" },
	};
	char name[KQUORUM_RESOURCE_NAME_MAX + 20];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(resource(wrong[i].words), 2);
		assert_contains(out, wrong[i].says);
	}
	snprintf(name, sizeof(name), "delete %0*d", KQUORUM_RESOURCE_NAME_MAX + 1, 0);
	assert_int_equal(resource(name), 2);
	assert_string_equal(asked, "");
}

static void what_exists_is_not_made_again(void **state)
{
	(void)state;
	outcome.error = -EEXIST;
	assert_int_equal(resource("create gpu --units 8"), 1);
	assert_contains(out, "gpu exists already: 4 units, 3 in use; any number may wait\n"
			"  to change it: kquorum resource set gpu\n");
	assert_fits();
}

static void what_is_not_there_is_not_found(void **state)
{
	(void)state;
	outcome.error = -ENOENT;
	assert_int_equal(resource("set gpu --units 8"), 66);
	assert_contains(out, "gpu is not defined: kquorum resource create gpu\n");
	assert_int_equal(resource("delete gpu"), 66);
	assert_contains(out, "gpu is not defined: there is nothing to be deleted\n");
}

/* Decided, for it is in the log: it is not asked again. */
static void what_is_in_use_is_not_deleted(void **state)
{
	(void)state;
	outcome.error = -EBUSY;
	assert_int_equal(resource("delete gpu"), 1);
	assert_string_equal(asked, "delete gpu\n");
	assert_contains(out, "gpu is in use, held by 2, longest by n2 for 65.0s: pid 4194304 (fifteen-letters), "
			"3 of 4 units in use: it stays as it is\n  kquorum resource show gpu\n");
}

static void what_was_too_much_is_asked_again(void **state)
{
	(void)state;
	busy = 3;
	assert_int_equal(resource("create gpu"), 0);
	assert_string_equal(asked, "create gpu, units 1, - 0\ncreate gpu, units 1, - 0\n"
			    "create gpu, units 1, - 0\ncreate gpu, units 1, - 0\n");
	busy = 1000;
	assert_int_equal(resource("create gpu -w 0.2"), 75);
	assert_contains(out, "gpu: too much is under way; try again\n");
	busy = 0;
	outcome = (struct kquorum_append_result){ .error = -ENOSPC };
	assert_int_equal(resource("delete gpu -w 0.2"), 1);
	assert_contains(out, "gpu: the log is full, and no room came in time: kquorum status\n");
}

static void what_is_refused_at_once_is_said(void **state)
{
	(void)state;
	open_error = -EPERM;
	assert_int_equal(resource("create gpu"), 77);
	assert_string_equal(out, "kquorum resource create: gpu: the library's words\n");
	assert_string_equal(asked, "create gpu, units 1, - 0\n");
	open_error = -EBUSY;
	assert_int_equal(resource("create gpu -w 0.1"), 75);
	assert_contains(out, "gpu: the library's words\n");
	open_error = -ENOSPC;
	assert_int_equal(resource("delete gpu -w 0.1"), 1);
	assert_contains(out, "gpu: the log is full, and no room came in time: kquorum status\n");
}

static void what_is_not_known_is_said_so(void **state)
{
	(void)state;
	outcome = (struct kquorum_append_result){ .error = -EHOSTDOWN };
	assert_int_equal(resource("create gpu"), 1);
	assert_contains(out, "gpu: the outcome is unknown: kquorum resource show gpu\n");
	comes = OUTCOME_NODE_DOWN;
	assert_int_equal(resource("set gpu --units 2"), 1);
	assert_contains(out, "gpu: the outcome is unknown");
	outcome.error = -ENFILE;
	comes = OUTCOME_COMES;
	assert_int_equal(resource("create gpu"), 1);
	assert_contains(out, "in the whole cluster no more resources can be defined");
}

static void it_waits_for_a_leader_and_gives_up(void **state)
{
	(void)state;
	comes = OUTCOME_NEVER;
	assert_int_equal(resource("create gpu -w 0.1"), 75);
	assert_contains(out, "gpu: no outcome in time\n");
	assert_contains(out, "it may come about still: kquorum resource show gpu\n");
	status.session_left_ns = 0;
	assert_int_equal(resource("create gpu -w 0.1"), 75);
	assert_contains(out, "gpu: no outcome in time:\n  this node's session ran out");
	lose_quorum();
	assert_int_equal(resource("delete gpu -w 0.1"), 69);
	assert_contains(out, "gpu: no quorum:\n  only 1 of 3 voters");
	assert_contains(out, "it may come about still");
	assert_int_equal(run_on_terminal(&command_resource, "resource create gpu -w 1.3"), 69);
	assert_contains(out, "waiting for gpu: no quorum");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(list_counts_holders_and_units, pool_begin),
		cmocka_unit_test_setup(list_takes_the_beginning_of_names, pool_begin),
		cmocka_unit_test_setup(json_has_all_holders_and_the_first, pool_begin),
		cmocka_unit_test_setup(show_tells_who_has_what_and_who_asks, pool_begin),
		cmocka_unit_test_setup(a_long_info_is_cut_to_the_line, pool_begin),
		cmocka_unit_test_setup(show_tells_free_ones_apart, pool_begin),
		cmocka_unit_test_setup(why_says_what_each_waits_for, pool_begin),
		cmocka_unit_test_setup(why_knows_what_goes_together, pool_begin),
		cmocka_unit_test_setup(why_of_one_says_who_stands_before, pool_begin),
		cmocka_unit_test_setup(why_is_brief_of_many, pool_begin),
		cmocka_unit_test_setup(why_tells_when_nobody_waits, pool_begin),
		cmocka_unit_test_setup(why_knows_until_when_at_the_latest, pool_begin),
		cmocka_unit_test_setup(why_has_names_that_stay, pool_begin),
		cmocka_unit_test_setup(create_asks_for_what_was_said, pool_begin),
		cmocka_unit_test_setup(set_leaves_what_is_not_named, pool_begin),
		cmocka_unit_test_setup(delete_says_that_it_is_done, pool_begin),
		cmocka_unit_test_setup(what_cannot_be_meant_is_a_usage_error, pool_begin),
		cmocka_unit_test_setup(what_exists_is_not_made_again, pool_begin),
		cmocka_unit_test_setup(what_is_not_there_is_not_found, pool_begin),
		cmocka_unit_test_setup(what_is_in_use_is_not_deleted, pool_begin),
		cmocka_unit_test_setup(what_was_too_much_is_asked_again, pool_begin),
		cmocka_unit_test_setup(what_is_refused_at_once_is_said, pool_begin),
		cmocka_unit_test_setup(what_is_not_known_is_said_so, pool_begin),
		cmocka_unit_test_setup(it_waits_for_a_leader_and_gives_up, pool_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
