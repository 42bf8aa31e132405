// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of resources: defined, said otherwise, taken back; while somebody holds them, and
 * while somebody waits.
 */
#include "resources.h"

static struct kq_core *c;

static int setup(void **state)
{
	(void)state;
	return resources_begin(&c);
}

static int teardown(void **state)
{
	(void)state;
	return resources_end(c);
}

static int32_t set_units(const char *name, uint32_t units)
{
	return define(c, name, KQ_DEFINE_UNITS, units, 0);
}

static const struct kq_pool *pool_of(const char *name)
{
	return resource_of(c, name)->pool;
}

static void what_is_defined_stays_when_nobody_wants_it(void **state)
{
	uint64_t index;

	(void)state;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_FLAGS, 4, 7), 0);
	index = c->applied;
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 0), 0);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_non_null(resource_of(c, "gpu"));
	assert_int_equal(pool_of("gpu")->index, index);
	assert_int_equal(pool_of("gpu")->is.units, 4);
	assert_int_equal(pool_of("gpu")->is.max_waiters, 7);
	/* Also when a session takes its last claim along. */
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 2), 0);
	end_session(c, 2);
	assert_non_null(resource_of(c, "gpu"));
	assert_int_equal(undefine(c, "gpu"), 0);
	assert_null(resource_of(c, "gpu"));
}

static void what_is_defined_is_not_defined_again(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(define(c, "gpu", KQ_DEFINE_FLAGS, 5, 7), -EEXIST);
	assert_int_equal(pool_of("gpu")->is.units, 4);
	assert_int_equal(pool_of("gpu")->is.max_waiters, 0);
	assert_int_equal(undefine(c, "gpu"), 0);
	pool(c, "gpu", 5);
}

static void nothing_else_is_said_of_what_is_not_defined(void **state)
{
	(void)state;
	assert_int_equal(set_units("gpu", 4), -ENOENT);
	assert_int_equal(define(c, "gpu", KQ_DEFINE_MAX_WAITERS, 0, 4), -ENOENT);
	assert_int_equal(define(c, "gpu", 0, 0, 0), -ENOENT);
	assert_int_equal(undefine(c, "gpu"), -ENOENT);
	assert_null(resource_of(c, "gpu"));
	/* Nor when somebody holds it for the moment. */
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 0), 0);
	assert_int_equal(set_units("gpu", 4), -ENOENT);
	assert_int_equal(undefine(c, "gpu"), -ENOENT);
	assert_true(holds(c, 1, 1));
}

static void what_somebody_wants_stays_defined(void **state)
{
	(void)state;
	pool(c, "gpu", 2);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 1), 0);
	assert_int_equal(undefine(c, "gpu"), -EBUSY);
	assert_int_equal(ask(c, 1, 2, "gpu", 0, 2), 0);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_int_equal(undefine(c, "gpu"), -EBUSY);
	assert_int_equal(give_back(c, 1, 2, "gpu"), 0);
	assert_int_equal(undefine(c, "gpu"), 0);
}

static void each_is_said_by_itself(void **state)
{
	uint64_t index;

	(void)state;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_FLAGS, 4, 7), 0);
	index = c->applied;
	assert_int_equal(set_units("gpu", 5), 0);
	assert_int_equal(pool_of("gpu")->is.max_waiters, 7);
	assert_int_equal(define(c, "gpu", KQ_DEFINE_MAX_WAITERS, 0, 3), 0);
	assert_int_equal(pool_of("gpu")->is.units, 5);
	assert_int_equal(pool_of("gpu")->is.max_waiters, 3);
	assert_int_equal(define(c, "gpu", KQ_DEFINE_MAX_WAITERS, 0, 0), 0);
	assert_int_equal(pool_of("gpu")->is.max_waiters, 0);
	assert_int_equal(define(c, "gpu", 0, 0, 0), 0);
	assert_int_equal(pool_of("gpu")->is.units, 5);
	assert_int_equal(pool_of("gpu")->index, index);
}

static void no_more_are_defined_than_the_cluster_has_room_for(void **state)
{
	uint8_t buf[COMMAND_MAX];
	uint32_t len;

	(void)state;
	pool(c, "gpu", 4);
	c->res->pools = KQ_MAX_POOLS;
	len = put_define(buf, "tape", KQ_DEFINE_NEW | KQ_DEFINE_UNITS, 4, 0);
	assert_int_equal(lone_apply(c, KQ_ENTRY_DEFINE, 1, buf, len), -ENFILE);
	assert_null(resource_of(c, "tape"));
	len = put_define(buf, "gpu", KQ_DEFINE_UNITS, 5, 0);
	assert_int_equal(lone_apply(c, KQ_ENTRY_DEFINE, 1, buf, len), 0);
	c->res->pools = 1;
	assert_int_equal(pool_of("gpu")->is.units, 5);
}

/* --- while it is held ------------------------------------------------------------------- */

static void when_there_are_more_those_who_wait_get_them_at_once(void **state)
{
	(void)state;
	pool(c, "gpu", 2);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 2), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", 0, 2), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 1), 0);
	assert_int_equal(set_units("gpu", 5), 0);
	assert_int_equal(claim_of(c, 2, 1)->token, token_now(c));
	assert_int_equal(claim_of(c, 2, 2)->token, token_now(c));
	assert_string_equal(numbers_of(c, 2, 1), "2");
	assert_string_equal(numbers_of(c, 2, 2), "3,4");
	assert_true(waits(c, 3, 1));
}

static void when_there_are_fewer_nobody_loses_and_nobody_gets(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 2), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 1, 3, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 2), 0);
	assert_int_equal(set_units("gpu", 2), 0);
	assert_int_equal(resource_of(c, "gpu")->in_use, 4);
	assert_true(holds(c, 1, 1) && holds(c, 1, 2) && holds(c, 1, 3));
	assert_int_equal(ask(c, 3, 1, "gpu", KQ_ACQUIRE_TRY, 1), -EAGAIN);
	/* 4, 3 and 2 of 2 are in use: there is still none to be had. */
	assert_int_equal(give_back(c, 1, 2, "gpu"), 0);
	assert_int_equal(give_back(c, 1, 3, "gpu"), 0);
	assert_true(waits(c, 2, 1));
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_true(holds(c, 2, 1));
	assert_string_equal(numbers_of(c, 2, 1), "0,1");
}

/* Those whose numbers there are no longer keep them; nobody is given such a one. */
static void numbers_beyond_the_end_are_not_given_out_again(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 2), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 1, 3, "gpu", 0, 1), 0);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_int_equal(set_units("gpu", 3), 0);
	assert_string_equal(numbers_of(c, 1, 3), "3");
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 1), 0);
	assert_string_equal(numbers_of(c, 2, 1), "0");
	assert_int_equal(ask(c, 2, 2, "gpu", 0, 1), 0);
	assert_true(waits(c, 2, 2));		/* 1 is free, but three of three are in use */
	assert_int_equal(give_back(c, 1, 3, "gpu"), 0);
	assert_string_equal(numbers_of(c, 2, 2), "1");
}

static void who_waits_for_more_than_there_are_is_refused(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 4), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", 0, 3), 0);
	assert_int_equal(ask(c, 3, 2, "gpu", 0, 0), 0);
	assert_int_equal(ask(c, 3, 3, "gpu", 0, 2), 0);
	assert_int_equal(set_units("gpu", 2), 0);
	assert_null(claim_of(c, 2, 1));
	assert_null(claim_of(c, 2, 2));
	/* Whoever stood behind them has it, by the same entry. */
	assert_int_equal(claim_of(c, 3, 1)->token, token_now(c));
	assert_true(waits(c, 3, 2) && waits(c, 3, 3));
	/* What they would give back is gone. */
	assert_int_equal(give_back(c, 2, 1, "gpu"), -ENOENT);
}

static void who_waits_stays_when_fewer_may(void **state)
{
	(void)state;
	pool(c, "gpu", 1);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 0), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 0), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", 0, 0), 0);
	assert_int_equal(define(c, "gpu", KQ_DEFINE_MAX_WAITERS, 0, 1), 0);
	assert_true(waits(c, 2, 1) && waits(c, 2, 2));
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 0), -EUSERS);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 0), -EUSERS);
	assert_int_equal(give_back(c, 2, 1, "gpu"), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 0), 0);
}

static void a_mutex_of_the_moment_becomes_a_pool_while_it_is_held(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 1), 0);
	pool(c, "gpu", 3);
	assert_string_equal(numbers_of(c, 1, 1), "0");
	assert_string_equal(numbers_of(c, 2, 1), "1");
	assert_string_equal(numbers_of(c, 2, 2), "2");
	assert_int_equal(claim_of(c, 2, 2)->token, token_now(c));
	assert_true(waits(c, 3, 1));
	/* Who has all of it keeps all of it. */
	assert_int_equal(ask(c, 1, 2, "db", 0, 0), 0);
	assert_int_equal(ask(c, 2, 3, "db", 0, 1), 0);
	pool(c, "db", 3);
	assert_true(holds(c, 1, 2) && waits(c, 2, 3));
	assert_int_equal(give_back(c, 1, 2, "db"), 0);
	assert_true(holds(c, 2, 3));
	assert_int_equal(give_back(c, 2, 3, "db"), 0);
	assert_non_null(resource_of(c, "db"));
}

/* --- with numbers and without ----------------------------------------------------------- */

static void with_many_units_nobody_has_numbers_and_with_fewer_again(void **state)
{
	(void)state;
	pool(c, "gpu", 300);
	assert_int_equal(ask(c, 1, 1, "gpu", 0, 3), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", 0, 290), 0);
	assert_string_equal(numbers_of(c, 1, 1), "");
	assert_int_equal(set_units("gpu", 6), 0);
	assert_int_equal(give_back(c, 1, 2, "gpu"), 0);
	/* Three without numbers are in use, which is half of what there is. */
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 2), 0);
	assert_string_equal(numbers_of(c, 2, 1), "0,1");
	assert_int_equal(ask(c, 2, 2, "gpu", 0, 1), 0);
	assert_string_equal(numbers_of(c, 2, 2), "2");
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 1), 0);
	assert_true(waits(c, 3, 1));
	/* Grown again: whoever comes now has none; those who have some keep them. */
	assert_int_equal(set_units("gpu", 257), 0);
	assert_true(holds(c, 3, 1));
	assert_string_equal(numbers_of(c, 3, 1), "");
	assert_string_equal(numbers_of(c, 2, 1), "0,1");
	assert_int_equal(give_back(c, 2, 2, "gpu"), 0);
	assert_int_equal(set_units("gpu", 256), 0);
	assert_int_equal(ask(c, 3, 2, "gpu", 0, 250), 0);
	assert_int_equal(claim_of(c, 3, 2)->numbers, 250);
	assert_int_equal(kq_claim_numbers(claim_of(c, 3, 2))[0], 2);
	assert_int_equal(kq_claim_numbers(claim_of(c, 3, 2))[249], 251);
	assert_int_equal(ask(c, 3, 3, "gpu", KQ_ACQUIRE_TRY, 1), -EAGAIN);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_int_equal(give_back(c, 3, 1, "gpu"), 0);
	assert_int_equal(ask(c, 3, 3, "gpu", 0, 4), 0);
	assert_string_equal(numbers_of(c, 3, 3), "252,253,254,255");
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(what_is_defined_stays_when_nobody_wants_it),
		TEST(what_is_defined_is_not_defined_again),
		TEST(nothing_else_is_said_of_what_is_not_defined),
		TEST(what_somebody_wants_stays_defined),
		TEST(each_is_said_by_itself),
		TEST(no_more_are_defined_than_the_cluster_has_room_for),
		TEST(when_there_are_more_those_who_wait_get_them_at_once),
		TEST(when_there_are_fewer_nobody_loses_and_nobody_gets),
		TEST(numbers_beyond_the_end_are_not_given_out_again),
		TEST(who_waits_for_more_than_there_are_is_refused),
		TEST(who_waits_stays_when_fewer_may),
		TEST(a_mutex_of_the_moment_becomes_a_pool_while_it_is_held),
		TEST(with_many_units_nobody_has_numbers_and_with_fewer_again),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
