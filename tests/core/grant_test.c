// SPDX-License-Identifier: GPL-2.0
/*
 * Grants that end by themselves: by their time to live, their longest hold; renewals, in time,
 * late, of others; and handles that are closed, nodes that fail or stop, at every moment in between.
 */
#include "trio.h"
#include "resources.h"

static struct kq_owner *want(struct trio *t, uint32_t id, uint32_t ttl_ms, uint32_t hold_ms)
{
	const struct kq_lock_ask ask = { .name = "gpu", .name_len = 3, .pid = 1, .admin = true,
					 .comm = "test", .ttl_ms = ttl_ms, .hold_ms = hold_ms };
	struct kq_owner *o;
	int err;

	o = trio_ask(t, id, &ask, &err);
	assert_non_null(o);
	trio_settle(t);
	return o;
}

static int renew(struct trio *t, uint32_t id, struct kq_owner *o)
{
	return kq_core_renew(t->core[id], t->now, o, o->token);
}

static uint64_t left_ms(struct trio *t, uint32_t id, const struct kq_owner *o)
{
	uint64_t until = kq_owner_deadline(t->core[id], o);

	return until > t->now ? (until - t->now) / MS : 0;
}

static void assert_nothing_left(struct trio *t)
{
	uint32_t i;

	trio_pass(t, 200);
	for (i = 1; i <= 3; i++) {
		assert_table(t->core[i]);
		assert_same_state(t->core[1], t->core[i]);
		assert_int_equal(t->core[i]->res->claims, 0);
		assert_null(rb_first(&t->core[i]->owners_by_end));
	}
}

static void who_does_not_renew_loses_it_and_the_next_one_has_it(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o, *next;

	trio_lead(t);
	o = want(t, 2, 300, 0);
	next = want(t, 3, 0, 0);
	assert_int_equal(left_ms(t, 2, o), 300);
	trio_pass(t, 275);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(next->state, KQUORUM_LOCK_QUEUED);
	trio_pass(t, 25);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(o->error, -ETIME);
	trio_settle(t);
	assert_int_equal(next->state, KQUORUM_LOCK_GRANTED);
	assert_true(next->token > o->token);
	trio_drop(t, 2, o);
	trio_drop(t, 3, next);
	assert_nothing_left(t);
}

static void who_renews_keeps_it_as_long_as_he_may(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;
	uint32_t i;

	trio_lead(t);
	o = want(t, 2, 300, 1000);
	for (i = 0; i < 7; i++) {
		trio_pass(t, 100);
		assert_int_equal(renew(t, 2, o), 0);
		assert_int_equal(left_ms(t, 2, o), 300);
	}
	trio_pass(t, 200);
	assert_int_equal(renew(t, 2, o), 0);
	assert_int_equal(left_ms(t, 2, o), 100);
	trio_pass(t, 75);
	assert_int_equal(renew(t, 2, o), 0);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	trio_pass(t, 25);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(o->error, -ETIMEDOUT);
	assert_int_equal(renew(t, 2, o), -ETIME);
	trio_drop(t, 2, o);
	assert_nothing_left(t);
}

/* At the very moment of its end it is lost, whether anybody has noticed or not. */
static void a_renewal_revives_nothing(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o, *waiter;

	trio_lead(t);
	o = want(t, 2, 300, 0);
	waiter = want(t, 3, 300, 0);
	assert_int_equal(kq_core_renew(t->core[2], t->now, o, o->token + 1), -EINVAL);
	assert_int_equal(kq_core_renew(t->core[2], t->now, o, 0), -EINVAL);
	assert_int_equal(kq_core_renew(t->core[3], t->now, waiter, 0), -EINVAL);
	t->now += 300 * MS - 1;
	assert_int_equal(left_ms(t, 2, o), 0);
	assert_int_equal(renew(t, 2, o), 0);
	t->now += 300 * MS;
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(renew(t, 2, o), -ETIME);
	trio_pass(t, 25);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(renew(t, 2, o), -ETIME);
	assert_int_equal(kq_core_renew(t->core[2], t->now, o, o->token + 1), -EINVAL);
	trio_settle(t);
	assert_int_equal(waiter->state, KQUORUM_LOCK_GRANTED);
	trio_drop(t, 2, o);
	trio_drop(t, 3, waiter);
	assert_nothing_left(t);
}

static void one_without_an_end_needs_no_renewal_and_may_have_one(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;

	trio_lead(t);
	o = want(t, 2, 0, 0);
	assert_int_equal(o->end_ns, KQ_NEVER);
	assert_int_equal(renew(t, 2, o), 0);
	assert_int_equal(o->end_ns, KQ_NEVER);
	trio_pass(t, 5000);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	trio_drop(t, 2, o);
	assert_nothing_left(t);
}

/* Whatever it is bound to, the session's end comes first when it is nearer. */
static void the_end_of_the_session_is_an_end_all_the_same(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;

	trio_lead(t);
	o = want(t, 2, 60000, 0);
	assert_true(left_ms(t, 2, o) <= 2000);
	t->cut[2] = true;
	trio_pass(t, 2500);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(o->error, 0);
	assert_int_equal(renew(t, 2, o), -ETIME);
	t->cut[2] = false;
	trio_pass(t, 3000);
	trio_drop(t, 2, o);
	assert_nothing_left(t);
}

/* The log is told, as soon as somebody can hear it, and says why. */
static void what_ended_while_nobody_heard_it_is_given_back(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o, *next;

	trio_lead(t);
	o = want(t, 2, 300, 0);
	next = want(t, 3, 0, 0);
	t->cut[2] = true;
	trio_pass(t, 500);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(next->state, KQUORUM_LOCK_QUEUED);
	t->cut[2] = false;
	trio_pass(t, 300);
	trio_pass(t, 2500);
	assert_int_equal(next->state, KQUORUM_LOCK_GRANTED);
	trio_drop(t, 2, o);
	trio_drop(t, 3, next);
	assert_nothing_left(t);
}

static void why_it_is_given_back_is_in_the_log(void **state)
{
	static const struct { uint32_t ttl, hold, why; } row[] = {
		{ 300, 0, KQ_RELEASE_UNRENEWED },
		{ 0, 300, KQ_RELEASE_OVERDUE },
		{ 200, 300, KQ_RELEASE_UNRENEWED },
		{ 400, 300, KQ_RELEASE_OVERDUE },
	};
	struct trio *t = *state;
	uint32_t i;

	trio_lead(t);
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		struct kq_owner *o = want(t, 2, row[i].ttl, row[i].hold);
		const struct kq_release_cmd *cmd;
		const struct kq_entry *e;

		trio_pass(t, 500);
		e = kq_log_get(&t->core[1]->log, t->core[1]->log.last);
		cmd = (const void *)e->data;
		assert_int_equal(le16_to_cpu(e->rec.type), KQ_ENTRY_RELEASE);
		assert_int_equal(le16_to_cpu(cmd->why), row[i].why);
		trio_drop(t, 2, o);
	}
	assert_nothing_left(t);
}

/* Its RELEASE is on its way, or done, when the handle is closed. */
static void a_handle_that_has_lost_its_grant_is_closed_at_any_time(void **state)
{
	struct trio *t = *state;
	uint32_t ms, closed;

	trio_lead(t);
	for (ms = 0; ms <= 400; ms += 25) {
		struct kq_owner *o = want(t, 2, 200, 300);

		t->cut[2] = ms % 50;
		trio_pass(t, ms);
		t->cut[2] = false;
		closed = t->owners_closed;
		kq_core_unlock(t->core[2], t->now, o);
		trio_pass(t, 2500);
		assert_int_equal(t->owners_closed, closed + 1);
		assert_int_equal(t->core[1]->res->claims, 0);
	}
	assert_nothing_left(t);
}

/* Nothing can be said in the log any more; what is told of it goes by the clock all the same. */
static void of_a_node_that_has_failed_grants_end_as_they_would(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;

	trio_lead(t);
	o = want(t, 2, 300, 0);
	kq_core_fail(t->core[2], -EIO, "the test says so");
	assert_int_equal(renew(t, 2, o), 0);
	trio_pass(t, 275);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	trio_pass(t, 25);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(o->error, -ETIME);
	assert_int_equal(t->core[2]->pending_count, 0);
	kq_core_unlock(t->core[2], t->now, o);
	trio_settle(t);
	assert_int_equal(t->owners_closed, 1);
}

static void of_a_node_that_stops_they_end_at_once(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;

	trio_lead(t);
	o = want(t, 2, 300, 500);
	kq_core_stop(t->core[2], t->now, false);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_null(rb_first(&t->core[2]->owners_by_end));
	assert_int_equal(renew(t, 2, o), -ETIME);
	trio_pass(t, 500);
	assert_int_equal(t->core[1]->res->claims, 0);
	kq_core_unlock(t->core[2], t->now, o);
	trio_settle(t);
}

/* Many, of which the nearest end comes first whatever was renewed in between. */
static void of_many_each_ends_in_its_time(void **state)
{
	struct trio *t = *state;
	const uint32_t order[] = { 5, 2, 7, 1, 6, 3, 4 };
	struct kq_owner *o[ARRAY_SIZE(order)];
	char name[] = "gpu0";
	uint32_t i, step;

	trio_lead(t);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		struct kq_lock_ask ask = { .name = name, .name_len = 4, .admin = true,
					   .comm = "test", .ttl_ms = 100 * order[i] };
		int err;

		name[3] = '0' + i;
		o[i] = trio_ask(t, 2, &ask, &err);
		assert_non_null(o[i]);
	}
	trio_settle(t);
	trio_pass(t, 50);
	assert_int_equal(renew(t, 2, o[1]), 0);		/* until 250 */
	assert_int_equal(renew(t, 2, o[0]), 0);		/* until 550 */
	for (step = 50; step <= 750; step += 25) {
		for (i = 0; i < ARRAY_SIZE(order); i++) {
			uint32_t end = 100 * order[i] + (i < 2 ? 50 : 0);

			if ((o[i]->state == KQUORUM_LOCK_LOST) != (step >= end))
				fail_msg("owner %u at %u ms is in state %u", i, step, o[i]->state);
		}
		trio_pass(t, 25);
	}
	for (i = 0; i < ARRAY_SIZE(order); i++)
		trio_drop(t, 2, o[i]);
	assert_nothing_left(t);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(who_does_not_renew_loses_it_and_the_next_one_has_it),
		TRIO_TEST(who_renews_keeps_it_as_long_as_he_may),
		TRIO_TEST(a_renewal_revives_nothing),
		TRIO_TEST(one_without_an_end_needs_no_renewal_and_may_have_one),
		TRIO_TEST(the_end_of_the_session_is_an_end_all_the_same),
		TRIO_TEST(what_ended_while_nobody_heard_it_is_given_back),
		TRIO_TEST(why_it_is_given_back_is_in_the_log),
		TRIO_TEST(a_handle_that_has_lost_its_grant_is_closed_at_any_time),
		TRIO_TEST(of_a_node_that_has_failed_grants_end_as_they_would),
		TRIO_TEST(of_a_node_that_stops_they_end_at_once),
		TRIO_TEST(of_many_each_ends_in_its_time),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
