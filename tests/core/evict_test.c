// SPDX-License-Identifier: GPL-2.0
/*
 * Somebody is evicted: what the log makes of it, when a leader takes it by itself, and what is told
 * to whom.
 */
#include "trio.h"
#include "resources.h"

/* --- in the log -------------------------------------------------------------------------- */

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

static int32_t set_fenced(const char *name, bool is)
{
	return say(c, name, KQ_DEFINE_FENCED, (struct kq_terms){ .fenced = is });
}

static void who_waits_goes_at_once_and_lets_others_in(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", KQ_ACQUIRE_SHARED, 0), 0);
	assert_int_equal(ask(c, 2, 1, "db", 0, 0), 0);
	assert_int_equal(ask(c, 3, 1, "db", KQ_ACQUIRE_SHARED, 0), 0);
	assert_int_equal(evict(c, 2, 1, "db", 60000), 0);
	assert_null(claim_of(c, 2, 1));
	assert_int_equal(claim_of(c, 3, 1)->token, token_now(c));
}

static void who_holds_keeps_it_until_he_gives_it_back(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", 0, 0), 0);
	assert_int_equal(ask(c, 2, 1, "db", 0, 0), 0);
	assert_int_equal(evict(c, 1, 1, "db", 500), 0);
	assert_true(claim_of(c, 1, 1)->evicted && holds(c, 1, 1) && waits(c, 2, 1));
	assert_int_equal(claim_of(c, 1, 1)->drain_ms, 500);
	assert_int_equal(give_back(c, 1, 1, "db"), 0);
	assert_true(holds(c, 2, 1));
	assert_true(list_empty(&c->res->evicting));
}

static void of_two_evictions_the_sooner_end_counts(void **state)
{
	const struct kq_claim *claim;
	uint64_t end;

	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", 0, 0), 0);
	claim = claim_of(c, 1, 1);
	c->now_ns = 1000 * MS;
	assert_int_equal(evict(c, 1, 1, "db", 500), 0);
	end = 1500 * MS;
	assert_int_equal(claim->evict_end_ns, end);
	c->now_ns = 1400 * MS;
	assert_int_equal(evict(c, 1, 1, "db", 5000), 0);
	assert_int_equal(claim->drain_ms, 500);
	assert_int_equal(claim->evict_end_ns, end);
	assert_int_equal(evict(c, 1, 1, "db", 300), 0);
	assert_int_equal(claim->drain_ms, 300);
	assert_int_equal(claim->evict_end_ns, end);
	assert_int_equal(evict(c, 1, 1, "db", 0), 0);
	assert_int_equal(claim->evict_end_ns, 1400 * MS);
	assert_int_equal(claim->evict_ns, 1000 * MS);
}

static void only_the_request_that_is_meant_is_evicted(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "db", 0, 0), 0);
	assert_int_equal(evict(c, 1, 2, "db", 0), -ENOENT);
	assert_int_equal(evict(c, 2, 1, "db", 0), -ENOENT);
	assert_int_equal(evict(c, 1, 1, "dc", 0), -ENOENT);
	assert_int_equal(evict(c, 1, 1, "d", 0), -ENOENT);
	assert_int_equal(evict(c, 0, 1, "db", 0), -ENOENT);
	end_session(c, 1);
	assert_int_equal(ask(c, 1, 1, "db", 0, 0), 0);
	/* The same owner in the next session is somebody else. */
	{
		struct kq_evict_cmd who = { .session = cpu_to_le64(c->session[1].id - 1),
					    .owner = cpu_to_le64(1), .node = cpu_to_le32(1) };
		uint8_t buf[COMMAND_MAX];

		assert_int_equal(lone_apply(c, KQ_ENTRY_EVICT, 2, buf, put_evict(buf, &who, "db")),
				 -ENOENT);
	}
	assert_false(claim_of(c, 1, 1)->evicted);
}

static void a_leader_takes_only_what_is_evicted_where_tokens_are_checked(void **state)
{
	(void)state;
	pool(c, "db", 1);
	assert_int_equal(ask(c, 1, 1, "db", 0, 0), 0);
	assert_int_equal(ask(c, 2, 1, "db", 0, 0), 0);
	assert_int_equal(take(c, 1, 1, "db"), -EPERM);
	assert_int_equal(take(c, 2, 1, "db"), -EPERM);
	assert_int_equal(take(c, 3, 1, "db"), -ENOENT);
	assert_int_equal(set_fenced("db", true), 0);
	assert_int_equal(take(c, 1, 1, "db"), -EPERM);
	assert_int_equal(set_fenced("db", false), 0);
	assert_int_equal(evict(c, 1, 1, "db", 0), 0);
	assert_int_equal(take(c, 1, 1, "db"), -EPERM);
	assert_true(holds(c, 1, 1));
	assert_int_equal(set_fenced("db", true), 0);
	assert_int_equal(take(c, 1, 1, "db"), 0);
	assert_null(claim_of(c, 1, 1));
	assert_int_equal(claim_of(c, 2, 1)->token, token_now(c));
}

/* --- on three nodes ---------------------------------------------------------------------- */

static struct kq_owner *want(struct trio *t, uint32_t id)
{
	struct kq_owner *o;
	int err;

	o = trio_owner(t, id, "gpu", &err);
	assert_non_null(o);
	trio_settle(t);
	return o;
}

/* Node 1 is told; it leads. */
static int32_t evict_at(struct trio *t, uint32_t id, const struct kq_owner *o, uint32_t drain_ms)
{
	const struct kq_evict_cmd who = {
		.session = cpu_to_le64(t->core[id]->local.id), .owner = cpu_to_le64(o->id),
		.node = cpu_to_le32(id), .drain_ms = cpu_to_le32(drain_ms),
	};
	uint8_t buf[COMMAND_MAX];

	return trio_command(t, 1, KQ_ENTRY_EVICT, buf, put_evict(buf, &who, "gpu"));
}

static void define_fenced(struct trio *t, bool fenced)
{
	const struct kq_terms is = { .units = 1, .fenced = fenced };
	uint8_t buf[COMMAND_MAX];

	assert_int_equal(trio_command(t, 1, KQ_ENTRY_DEFINE, buf,
				      put_terms(buf, "gpu", KQ_DEFINE_NEW | KQ_DEFINE_UNITS |
						KQ_DEFINE_FENCED, &is)), 0);
}

static void who_waits_is_told_that_he_is_evicted(void **state)
{
	struct trio *t = *state;
	struct kq_owner *holder, *waiter;

	trio_lead(t);
	holder = want(t, 2);
	waiter = want(t, 3);
	assert_int_equal(evict_at(t, 3, waiter, 1000), 0);
	trio_pass(t, 25);
	assert_int_equal(waiter->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(waiter->error, -ECANCELED);
	trio_drop(t, 3, waiter);
	trio_drop(t, 2, holder);
}

/* No less than the time to end, no less than what was left of the lease; and no renewal of that. */
static void who_does_not_check_tokens_keeps_what_he_was_told(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o, *next;
	uint64_t told;

	trio_lead(t);
	o = want(t, 2);
	next = want(t, 3);
	told = kq_owner_deadline(t->core[2], o);
	assert_true(told > t->now + 1000 * MS);
	assert_int_equal(evict_at(t, 2, o, 10), 0);
	trio_settle(t);
	assert_int_equal(kq_owner_deadline(t->core[2], o), told);
	assert_int_equal(o->limit, KQ_RELEASE_EVICTED);
	while (t->now + 25 * MS < told) {
		trio_pass(t, 25);
		assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
		assert_int_equal(kq_owner_deadline(t->core[2], o), told);
	}
	trio_pass(t, 50);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(o->error, -ECANCELED);
	assert_int_equal(next->state, KQUORUM_LOCK_GRANTED);
	trio_drop(t, 2, o);
	trio_drop(t, 3, next);
}

static void where_tokens_are_checked_it_ends_with_the_time_to_end(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;

	trio_lead(t);
	define_fenced(t, true);
	o = want(t, 2);
	assert_int_equal(evict_at(t, 2, o, 300), 0);
	trio_settle(t);
	assert_int_equal(kq_owner_deadline(t->core[2], o), t->now + 300 * MS);
	assert_int_equal(evict_at(t, 2, o, 5000), 0);
	trio_settle(t);
	assert_int_equal(kq_owner_deadline(t->core[2], o), t->now + 300 * MS);
	trio_pass(t, 275);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	trio_pass(t, 25);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(o->error, -ECANCELED);
	trio_drop(t, 2, o);
}

/* Its node is silent: with tokens the leader takes it behind the time to end and an election. */
static void of_a_silent_node(struct trio *t, bool fenced)
{
	uint32_t election = trio_config.set.election_ms, waited;
	struct kq_owner *o, *next;
	uint64_t told;

	trio_lead(t);
	define_fenced(t, fenced);
	trio_pass(t, 500);
	o = want(t, 2);
	next = want(t, 3);
	t->cut[2] = true;
	told = kq_owner_deadline(t->core[2], o);
	assert_int_equal(evict_at(t, 2, o, 200), 0);
	for (waited = 0; next->state != KQUORUM_LOCK_GRANTED; waited += 25) {
		assert_true(waited < 10000);
		trio_pass(t, 25);
	}
	if (fenced) {
		assert_in_range(waited, 200 + election, 200 + election + 50);
		/* He does not know, may have been told more, and has a token that is lower. */
		assert_true(o->token < next->token);
	} else {
		/* His session has expired. */
		assert_true(t->now >= told + 2ULL * trio_config.set.delta_ms * MS);
	}
	t->cut[2] = false;
	trio_pass(t, 2000);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	trio_drop(t, 2, o);
	trio_drop(t, 3, next);
}

static void of_a_silent_node_the_leader_takes_it_where_tokens_are_checked(void **state)
{
	of_a_silent_node(*state, true);
}

static void elsewhere_it_waits_for_the_end_of_the_lease(void **state)
{
	of_a_silent_node(*state, false);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(who_waits_goes_at_once_and_lets_others_in),
		TEST(who_holds_keeps_it_until_he_gives_it_back),
		TEST(of_two_evictions_the_sooner_end_counts),
		TEST(only_the_request_that_is_meant_is_evicted),
		TEST(a_leader_takes_only_what_is_evicted_where_tokens_are_checked),
		TRIO_TEST(who_waits_is_told_that_he_is_evicted),
		TRIO_TEST(who_does_not_check_tokens_keeps_what_he_was_told),
		TRIO_TEST(where_tokens_are_checked_it_ends_with_the_time_to_end),
		TRIO_TEST(of_a_silent_node_the_leader_takes_it_where_tokens_are_checked),
		TRIO_TEST(elsewhere_it_waits_for_the_end_of_the_lease),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
