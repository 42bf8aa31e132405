// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets a resource: what goes together, first come first served, which numbers units have, and
 * why a request is refused.
 */
#include "resources.h"

#define EXCLUSIVE 0, 0
#define SHARE	  KQ_ACQUIRE_SHARED, 0
#define UNITS(n)  0, n

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

/* --- what goes together ----------------------------------------------------------------- */

struct want {
	uint16_t flags;
	uint32_t units;
};

static void what_goes_together_is_granted_together(void **state)
{
	static const struct {
		struct want held, asked;
		bool together;
	} pair[] = {
		{ { EXCLUSIVE }, { EXCLUSIVE }, false },
		{ { EXCLUSIVE }, { SHARE }, false },
		{ { EXCLUSIVE }, { UNITS(1) }, false },
		{ { SHARE }, { EXCLUSIVE }, false },
		{ { SHARE }, { SHARE }, true },
		{ { SHARE }, { UNITS(1) }, false },
		{ { UNITS(1) }, { EXCLUSIVE }, false },
		{ { UNITS(1) }, { SHARE }, false },
		{ { UNITS(1) }, { UNITS(1) }, true },
		{ { UNITS(1) }, { UNITS(3) }, true },
		{ { UNITS(1) }, { UNITS(4) }, false },
		{ { UNITS(2) }, { UNITS(2) }, true },
		{ { UNITS(2) }, { UNITS(3) }, false },
		{ { UNITS(4) }, { UNITS(1) }, false },
	};
	uint32_t i;

	(void)state;
	pool(c, "gpu", 4);
	for (i = 0; i < ARRAY_SIZE(pair); i++) {
		assert_int_equal(ask(c, 1, i, "gpu", pair[i].held.flags, pair[i].held.units), 0);
		assert_true(holds(c, 1, i));
		assert_int_equal(ask(c, 2, i, "gpu", pair[i].asked.flags, pair[i].asked.units), 0);
		if (holds(c, 2, i) != pair[i].together)
			fail_msg("pair %u", i);
		assert_int_equal(give_back(c, 1, i, "gpu"), 0);
		assert_true(holds(c, 2, i));
		assert_int_equal(give_back(c, 2, i, "gpu"), 0);
	}
}

/* Nothing was said of it: it has one unit, and is gone when nobody wants it. */
static void what_is_not_defined_has_one_unit(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", UNITS(1)), 0);
	assert_string_equal(numbers_of(c, 1, 1), "0");
	assert_int_equal(ask(c, 2, 1, "db", UNITS(1)), 0);
	assert_int_equal(ask(c, 3, 1, "db", SHARE), 0);
	assert_int_equal(ask(c, 3, 2, "db", SHARE), 0);
	assert_int_equal(ask(c, 1, 2, "db", EXCLUSIVE), 0);
	assert_true(waits(c, 2, 1) && waits(c, 3, 1));
	assert_int_equal(give_back(c, 1, 1, "db"), 0);
	assert_true(holds(c, 2, 1) && waits(c, 3, 1));
	assert_int_equal(give_back(c, 2, 1, "db"), 0);
	assert_true(holds(c, 3, 1) && holds(c, 3, 2) && waits(c, 1, 2));
	assert_int_equal(give_back(c, 3, 1, "db"), 0);
	assert_true(waits(c, 1, 2));
	assert_int_equal(give_back(c, 3, 2, "db"), 0);
	assert_true(holds(c, 1, 2));
	assert_int_equal(give_back(c, 1, 2, "db"), 0);
	assert_null(resource_of(c, "db"));
}

/* --- first come, first served ----------------------------------------------------------- */

static void small_requests_do_not_starve_a_large_one(void **state)
{
	uint64_t owner;

	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(2)), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", UNITS(3)), 0);
	/* There would be room for two of these. */
	for (owner = 1; owner <= 5; owner++)
		assert_int_equal(ask(c, 3, owner, "gpu", UNITS(1)), 0);
	assert_true(waits(c, 2, 1));
	for (owner = 1; owner <= 5; owner++)
		assert_true(waits(c, 3, owner));
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_true(holds(c, 2, 1) && holds(c, 3, 1) && waits(c, 3, 2));
}

static void a_share_does_not_pass_an_exclusive_request_that_waits(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", SHARE), 0);
	assert_int_equal(ask(c, 2, 1, "db", EXCLUSIVE), 0);
	assert_int_equal(ask(c, 3, 1, "db", SHARE), 0);
	assert_true(holds(c, 1, 1) && waits(c, 2, 1) && waits(c, 3, 1));
	assert_int_equal(give_back(c, 1, 1, "db"), 0);
	assert_true(holds(c, 2, 1) && waits(c, 3, 1));
	assert_int_equal(give_back(c, 2, 1, "db"), 0);
	assert_true(holds(c, 3, 1));
}

static void what_one_entry_makes_room_for_has_its_index_for_a_token(void **state)
{
	uint64_t token;

	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", EXCLUSIVE), 0);
	assert_int_equal(claim_of(c, 1, 1)->token, token_now(c));
	assert_int_equal(ask(c, 2, 1, "gpu", SHARE), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", SHARE), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", SHARE), 0);
	assert_int_equal(ask(c, 3, 2, "gpu", UNITS(2)), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", UNITS(2)), 0);
	assert_int_equal(ask(c, 1, 3, "gpu", SHARE), 0);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	token = token_now(c);
	assert_int_equal(claim_of(c, 2, 1)->token, token);
	assert_int_equal(claim_of(c, 2, 2)->token, token);
	assert_int_equal(claim_of(c, 3, 1)->token, token);
	assert_int_equal(resource_of(c, "gpu")->waiting, 3);
	assert_int_equal(give_back(c, 2, 1, "gpu"), 0);
	assert_int_equal(give_back(c, 3, 1, "gpu"), 0);
	assert_int_equal(resource_of(c, "gpu")->waiting, 3);
	assert_int_equal(give_back(c, 2, 2, "gpu"), 0);
	assert_true(token_now(c) > token);
	assert_int_equal(claim_of(c, 3, 2)->token, token_now(c));
	assert_int_equal(claim_of(c, 1, 2)->token, token_now(c));
	assert_true(waits(c, 1, 3));
}

static void whoever_stops_waiting_in_front_lets_the_next_ones_in(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(2)), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", UNITS(4)), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 3, 2, "gpu", UNITS(1)), 0);
	/* In the middle nothing changes by it, */
	assert_int_equal(give_back(c, 2, 2, "gpu"), 0);
	assert_int_equal(resource_of(c, "gpu")->waiting, 3);
	/* in front it does. */
	assert_int_equal(give_back(c, 2, 1, "gpu"), 0);
	assert_int_equal(claim_of(c, 3, 1)->token, token_now(c));
	assert_int_equal(claim_of(c, 3, 2)->token, token_now(c));
	assert_int_equal(resource_of(c, "gpu")->waiting, 0);
}

/* --- numbers ---------------------------------------------------------------------------- */

static void units_have_the_lowest_numbers_that_are_free(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(2)), 0);
	assert_string_equal(numbers_of(c, 1, 1), "0,1");
	assert_int_equal(ask(c, 2, 1, "gpu", UNITS(1)), 0);
	assert_string_equal(numbers_of(c, 2, 1), "2");
	assert_int_equal(ask(c, 3, 1, "gpu", UNITS(3)), 0);
	assert_string_equal(numbers_of(c, 3, 1), "");		/* waits */
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_string_equal(numbers_of(c, 3, 1), "0,1,3");
	assert_int_equal(give_back(c, 2, 1, "gpu"), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", UNITS(1)), 0);
	assert_string_equal(numbers_of(c, 2, 2), "2");
}

static void only_units_have_numbers(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", EXCLUSIVE), 0);
	assert_string_equal(numbers_of(c, 1, 1), "");
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", SHARE), 0);
	assert_string_equal(numbers_of(c, 1, 2), "");
}

static void as_many_have_numbers_as_a_byte_can_name(void **state)
{
	uint32_t i;

	(void)state;
	pool(c, "all", KQ_NUMBERED);
	assert_int_equal(ask(c, 1, 1, "all", UNITS(KQ_NUMBERED)), 0);
	assert_int_equal(claim_of(c, 1, 1)->numbers, KQ_NUMBERED);
	for (i = 0; i < KQ_NUMBERED; i++)
		assert_int_equal(kq_claim_numbers(claim_of(c, 1, 1))[i], i);
	assert_int_equal(ask(c, 2, 1, "all", UNITS(1)), 0);
	assert_true(waits(c, 2, 1));
	pool(c, "more", KQ_NUMBERED + 1);
	assert_int_equal(ask(c, 1, 2, "more", UNITS(1)), 0);
	assert_int_equal(ask(c, 1, 3, "more", UNITS(KQ_NUMBERED)), 0);
	assert_true(holds(c, 1, 2) && holds(c, 1, 3));
	assert_int_equal(claim_of(c, 1, 2)->numbers, 0);
	assert_int_equal(claim_of(c, 1, 3)->numbers, 0);
}

static void as_many_units_as_there_can_be_are_counted(void **state)
{
	(void)state;
	pool(c, "licence", KQ_UNITS_MAX);
	assert_int_equal(ask(c, 1, 1, "licence", UNITS(KQ_UNITS_MAX)), 0);
	/* In 32 bits the two add up to nothing. */
	assert_int_equal(ask(c, 2, 1, "licence", UNITS(KQ_UNITS_MAX)), 0);
	assert_true(holds(c, 1, 1) && waits(c, 2, 1));
	assert_int_equal(ask(c, 3, 1, "licence", UNITS(1)), 0);
	assert_int_equal(give_back(c, 1, 1, "licence"), 0);
	assert_true(holds(c, 2, 1) && waits(c, 3, 1));
}

/* --- refused ---------------------------------------------------------------------------- */

static void who_only_tries_never_waits(void **state)
{
	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", KQ_ACQUIRE_TRY, 2), 0);
	assert_true(holds(c, 1, 1));
	assert_int_equal(ask(c, 1, 2, "gpu", KQ_ACQUIRE_TRY, 3), -EAGAIN);
	assert_int_equal(ask(c, 1, 2, "gpu", KQ_ACQUIRE_TRY, 0), -EAGAIN);
	assert_int_equal(ask(c, 1, 2, "gpu", KQ_ACQUIRE_TRY | KQ_ACQUIRE_SHARED, 0), -EAGAIN);
	assert_int_equal(ask(c, 2, 1, "gpu", KQ_ACQUIRE_TRY, 2), 0);
	assert_int_equal(give_back(c, 2, 1, "gpu"), 0);
	/* There is room, and it is somebody else's turn. */
	assert_int_equal(ask(c, 3, 1, "gpu", UNITS(4)), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", KQ_ACQUIRE_TRY, 1), -EAGAIN);
	assert_int_equal(resource_of(c, "gpu")->claims, 2);
}

static void who_wants_more_than_there_are_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", UNITS(2)), -ERANGE);
	assert_null(resource_of(c, "db"));
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(5)), -ERANGE);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(KQ_UNITS_MAX)), -ERANGE);
	assert_int_equal(ask(c, 1, 1, "gpu", KQ_ACQUIRE_TRY, 5), -ERANGE);
	assert_int_equal(ask(c, 1, 1, "gpu", EXCLUSIVE), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", KQ_ACQUIRE_TRY, 5), -ERANGE);	/* nor later */
	assert_int_equal(resource_of(c, "gpu")->claims, 1);
}

static void no_more_wait_than_may(void **state)
{
	(void)state;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_FLAGS, 2, 2), 0);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 1, 2, "gpu", UNITS(1)), 0);	/* at once: does not wait */
	assert_int_equal(ask(c, 2, 1, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", SHARE), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", UNITS(1)), -EUSERS);
	assert_int_equal(ask(c, 3, 1, "gpu", EXCLUSIVE), -EUSERS);
	assert_int_equal(ask(c, 3, 1, "gpu", KQ_ACQUIRE_TRY, 1), -EAGAIN);
	assert_int_equal(give_back(c, 2, 2, "gpu"), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 3, 2, "gpu", UNITS(1)), -EUSERS);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_true(holds(c, 2, 1));
	assert_int_equal(ask(c, 3, 2, "gpu", UNITS(1)), 0);
	assert_int_equal(resource_of(c, "gpu")->waiting, 2);
}

static void no_more_hold_or_wait_than_the_cluster_has_room_for(void **state)
{
	uint8_t buf[COMMAND_MAX];
	uint32_t len = put_acquire(buf, 1, "db", EXCLUSIVE, NULL);

	(void)state;
	c->res->claims = KQ_MAX_CLAIMS;
	assert_int_equal(lone_apply(c, KQ_ENTRY_ACQUIRE, 1, buf, len), -ENFILE);
	c->res->claims = KQ_MAX_CLAIMS - 1;
	assert_int_equal(lone_apply(c, KQ_ENTRY_ACQUIRE, 1, buf, len), 0);
	c->res->claims = 1;
	assert_table(c);
}

/* --- sessions --------------------------------------------------------------------------- */

static uint32_t grants;

static void count_grants(void *ctx, const struct kq_core *core, const char *text)
{
	(void)ctx;
	(void)core;
	grants += !strncmp(text, "grants ", 7);
}

static void a_session_that_ends_gives_back_all_of_it_at_once(void **state)
{
	uint64_t owner;

	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(ask(c, 2, 1, "gpu", UNITS(2)), 0);
	assert_int_equal(ask(c, 2, 2, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 1, 1, "gpu", UNITS(1)), 0);
	assert_int_equal(ask(c, 2, 3, "gpu", UNITS(2)), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", UNITS(3)), 0);
	assert_int_equal(ask(c, 2, 4, "gpu", EXCLUSIVE), 0);
	for (owner = 5; owner < 9; owner++)
		assert_int_equal(ask(c, 2, owner, "db", owner == 7 ? KQ_ACQUIRE_SHARED : 0, 0), 0);
	assert_int_equal(ask(c, 3, 2, "db", SHARE), 0);
	assert_int_equal(ask(c, 2, 9, "alone", EXCLUSIVE), 0);
	c->trace = count_grants;
	grants = 0;
	lone_session(c, KQ_ENTRY_EXPIRE, 2, c->session[2].id);
	c->trace = NULL;
	assert_table(c);
	/* To nobody who was about to go, and all by this entry. */
	assert_int_equal(grants, 2);
	assert_int_equal(claim_of(c, 3, 1)->token, token_now(c));
	assert_string_equal(numbers_of(c, 3, 1), "0,1,2");
	assert_int_equal(claim_of(c, 3, 2)->token, token_now(c));
	assert_true(holds(c, 1, 1));
	assert_null(resource_of(c, "alone"));
	assert_int_equal(c->res->claims, 3);
}

/* --- all of it -------------------------------------------------------------------------- */

static uint32_t below(uint32_t n)
{
	return rand() % n;
}

/* What goes in is by lot; what must hold is looked at behind each entry. */
static void whatever_happens_the_table_is_sound(void **state)
{
	static const char *const names[] = { "a", "b", "gpu", "licence" };
	uint32_t i;

	(void)state;
	srand(11);
	for (i = 0; i < 20000; i++) {
		const char *name = names[below(ARRAY_SIZE(names))];
		uint32_t node = 1 + below(3);
		uint64_t owner = below(8);

		switch (below(40)) {
		case 0:
			define(c, name, KQ_DEFINE_NEW | KQ_DEFINE_UNITS, 1 + below(8), 0);
			break;
		case 1:
			define(c, name, KQ_DEFINE_UNITS, 1 + below(8), 0);
			break;
		case 2:
			define(c, name, KQ_DEFINE_UNITS, below(2) ? 256 : 257 + below(100), 0);
			break;
		case 3:
			define(c, name, KQ_DEFINE_MAX_WAITERS, 0, below(6));
			break;
		case 4:
			undefine(c, name);
			break;
		case 5:
			end_session(c, node);
			break;
		case 6: case 7: case 8: case 9: case 10: case 11:
			ask(c, node, owner, name, below(2), 0);
			break;
		case 12: case 13: case 14: case 15: case 16: case 17:
			ask(c, node, owner, name, KQ_ACQUIRE_SHARED | below(2), 0);
			break;
		case 18: case 19: case 20: case 21: case 22: case 23: case 24: case 25:
			ask(c, node, owner, name, !below(4), 1 + below(below(4) ? 4 : 300));
			break;
		default:
			give_back(c, node, owner, name);
		}
		if (!(i % 256))
			kq_log_trim(&c->log, c->log.last - 1);
	}
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(what_goes_together_is_granted_together),
		TEST(what_is_not_defined_has_one_unit),
		TEST(small_requests_do_not_starve_a_large_one),
		TEST(a_share_does_not_pass_an_exclusive_request_that_waits),
		TEST(what_one_entry_makes_room_for_has_its_index_for_a_token),
		TEST(whoever_stops_waiting_in_front_lets_the_next_ones_in),
		TEST(units_have_the_lowest_numbers_that_are_free),
		TEST(only_units_have_numbers),
		TEST(as_many_have_numbers_as_a_byte_can_name),
		TEST(as_many_units_as_there_can_be_are_counted),
		TEST(who_only_tries_never_waits),
		TEST(who_wants_more_than_there_are_is_refused),
		TEST(no_more_wait_than_may),
		TEST(no_more_hold_or_wait_than_the_cluster_has_room_for),
		TEST(a_session_that_ends_gives_back_all_of_it_at_once),
		TEST(whatever_happens_the_table_is_sound),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
