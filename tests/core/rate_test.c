// SPDX-License-Identifier: GPL-2.0
/*
 * The rates of clocks: what is measured, who is found off and when, and what follows from it. The
 * settings are those of the trio: the bound of one clock is 500 ppm, that of two 1000.5.
 */
#include "trio.h"

#define WINDOW_MS 10000		/* by the bound, KQ_RATE_TRIPS_NS / 500 ppm: it is above a lease */
#define ALARM_MS  (KQ_RATE_ALARM_WINDOWS * WINDOW_MS)

static const struct kq_rate *rate_of(const struct trio *t, uint32_t by, uint32_t of)
{
	return &t->core[by]->peer[of].rate;
}

static void a_window_is_a_lease_or_what_the_bound_asks_for(void **state)
{
	struct kq_effective eff = { .heartbeat_ms = 100, .lease_ms = 2000, .drift_ppm = 500 };

	(void)state;
	assert_int_equal(kq_rate_window_ns(&eff), WINDOW_MS * MS);
	eff.lease_ms = 20000;
	assert_int_equal(kq_rate_window_ns(&eff), 20000 * MS);
	eff.lease_ms = 2000;
	eff.drift_ppm = 100000;
	assert_int_equal(kq_rate_window_ns(&eff), 2000 * MS);
	eff.heartbeat_ms = 500;
	assert_int_equal(kq_rate_window_ns(&eff), 8000 * MS);
	eff.drift_ppm = 0;
	assert_int_equal(kq_rate_window_ns(&eff), KQ_RATE_WINDOW_MAX_NS);
}

static void two_clocks_differ_by_more_than_twice_what_one_may(void **state)
{
	(void)state;
	assert_int_equal(kq_rate_bound_ppm(500, 1), 1001);	/* 1000.5, rounded up */
	assert_int_equal(kq_rate_bound_ppm(500, -1), 1000);	/* 999.5 */
	assert_int_equal(kq_rate_bound_ppm(100000, 1), 222223);
	assert_int_equal(kq_rate_bound_ppm(100000, -1), 181819);
}

static void clocks_at_the_bound_raise_no_alarm_and_are_measured(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	t->ppm[1] = -500;
	t->ppm[2] = 500;
	t->ppm[3] = -500;
	trio_lead(t);
	for (i = 0; i < 2 * ALARM_MS / 1000; i++) {
		trio_pass(t, 1000);
		assert_int_equal(rate_of(t, 1, 2)->off, 0);
		assert_int_equal(rate_of(t, 1, 3)->off, 0);
	}
	assert_in_range(rate_of(t, 1, 2)->min_ppm, 990, 1001);
	assert_in_range(rate_of(t, 1, 2)->max_ppm, 1000, 1010);
	assert_true(rate_of(t, 1, 3)->min_ppm <= 0);
	assert_true(rate_of(t, 1, 3)->max_ppm >= 0);
	/* Who follows measures the leader, and nobody else. */
	assert_true(rate_of(t, 2, 1)->max_ppm >= -1000);
	assert_true(rate_of(t, 2, 1)->min_ppm <= -999);
	assert_int_equal(rate_of(t, 2, 3)->judged_ns, 0);
}

static void who_is_off_is_found_in_the_stated_time_and_gets_no_lease(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t from, promise;

	trio_lead(t);
	t->ppm[3] = 1200;
	from = t->now;
	while (!rate_of(t, 1, 3)->off && t->now < from + 2 * ALARM_MS * MS)
		trio_pass(t, 25);
	assert_int_equal(rate_of(t, 1, 3)->off, 1);
	assert_true(kq_core_take_events(c) & KQUORUM_EVENT_CLOCK);
	assert_true(t->now - from <= ALARM_MS * MS);
	assert_true(t->now - from > (KQ_RATE_ROW - 1) * WINDOW_MS * MS);	/* and not on a whim */
	assert_int_equal(rate_of(t, 1, 2)->off, 0);
	assert_false(kq_rate_own_is_off(c));
	/* What it has ends by the ordinary rule, and no other begins. */
	promise = c->peer[3].promise_until_ns;
	trio_pass(t, 1000);
	assert_int_equal(c->peer[3].promise_until_ns, promise);
	trio_pass(t, 4000);
	assert_int_equal(c->session[3].id, 0);
	trio_pass(t, 20000);
	assert_int_equal(c->session[3].id, 0);
	assert_int_equal(t->core[3]->local.deadline_ns, 0);
	assert_int_equal(t->core[2]->local.state, KQ_SESSION_LIVE);
	/* Put right, it is as good as any other after one window, which a moment of the old rate spoils. */
	t->ppm[3] = 0;
	trio_pass(t, 3 * WINDOW_MS);
	assert_int_equal(rate_of(t, 1, 3)->off, 0);
	assert_true(kq_core_take_events(c) & KQUORUM_EVENT_CLOCK);
	assert_int_equal(t->core[3]->local.state, KQ_SESSION_LIVE);
}

static void a_clock_that_is_too_slow_is_found_as_well(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	t->ppm[2] = -1200;
	trio_pass(t, ALARM_MS);
	assert_int_equal(rate_of(t, 1, 2)->off, -1);
	assert_int_equal(rate_of(t, 1, 3)->off, 0);
}

/* An error that Delta is for, or a machine that was frozen for a moment. */
static void a_jump_is_no_rate(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	trio_lead(t);
	for (i = 0; i < 3; i++) {
		/* It spoils two windows at most. */
		t->ppm[3] = 500000;
		trio_pass(t, 100);
		t->ppm[3] = 0;
		trio_pass(t, WINDOW_MS / 2 + 3 * WINDOW_MS);
		assert_int_equal(rate_of(t, 1, 3)->off, 0);
	}
	assert_true(rate_of(t, 1, 3)->judged_ns);
	assert_int_equal(t->core[3]->local.state, KQ_SESSION_LIVE);
}

static void a_leader_that_finds_all_others_off_hands_over(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t from;
	uint32_t next;

	trio_lead(t);
	t->ppm[1] = 2000;
	from = t->now;
	while (c->role == KQUORUM_LEADER && t->now < from + 2 * ALARM_MS * MS)
		trio_pass(t, 25);
	assert_true(t->now - from <= (ALARM_MS + 1000) * MS);
	assert_int_equal(c->own_off, 1);
	trio_pass(t, 500);
	next = c->leader;
	assert_in_range(next, 2, 3);
	assert_int_equal(t->core[next]->role, KQUORUM_LEADER);
	/* Nobody lost a session by it. */
	for (from = 1; from <= 3; from++)
		assert_int_equal(t->core[from]->local.state, KQ_SESSION_LIVE);
	/* It does not stand again; the next leader finds it off in its turn. */
	trio_pass(t, ALARM_MS);
	assert_int_equal(c->own_off, 1);
	assert_int_equal(rate_of(t, next, 1)->off, 1);
	assert_int_equal(t->core[next]->own_off, 0);
	kq_core_tick(c, trio_clock(t, 1));
	t->cut[next] = true;
	trio_pass(t, 2500);
	assert_int_equal(kq_core_canvass(c, trio_clock(t, 1)), -EAGAIN);
	t->cut[next] = false;
	assert_true(trio_elect(t, next));
	/* Until a window shows that its clock is good. */
	t->ppm[1] = 0;
	trio_pass(t, 3 * WINDOW_MS);
	assert_int_equal(c->own_off, 0);
	assert_int_equal(c->local.state, KQ_SESSION_LIVE);
}

/* Rather a leader whose clock is off than none. */
static void without_any_leader_its_own_clock_counts_as_good_after_a_while(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	t->ppm[1] = -2000;
	trio_pass(t, ALARM_MS + 1000);
	assert_int_equal(c->own_off, -1);
	assert_int_not_equal(c->role, KQUORUM_LEADER);
	t->cut[1] = true;
	trio_pass(t, 2 * WINDOW_MS + 100);
	assert_int_equal(c->own_off, 0);
	assert_int_equal(kq_core_canvass(c, trio_clock(t, 1)), 0);
}

static void what_was_measured_of_another_start_does_not_count(void **state)
{
	struct kq_wal_report report;
	struct trio *t = *state;

	trio_lead(t);
	t->ppm[3] = 1200;
	trio_pass(t, ALARM_MS);
	assert_int_equal(rate_of(t, 1, 3)->off, 1);
	trio_power_off(t, 3);
	trio_power_on(t, 3, &report);
	trio_settle(t);
	trio_connect(t, 1, 3);
	trio_connect(t, 2, 3);
	assert_int_equal(rate_of(t, 1, 3)->off, 0);
	assert_int_equal(rate_of(t, 1, 3)->row, 0);
	trio_settle(t);
	trio_pass(t, ALARM_MS + 2000);
	assert_int_equal(rate_of(t, 1, 3)->off, 1);
}

static void what_is_too_far_apart_is_not_measured(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	trio_lead(t);
	t->ppm[3] = 1200;
	/* Never is there a word where a window would end. */
	for (i = 0; i < 10; i++) {
		trio_pass(t, WINDOW_MS / 2);
		t->cut[3] = true;
		trio_pass(t, WINDOW_MS);
		t->cut[3] = false;
	}
	assert_int_equal(rate_of(t, 1, 3)->off, 0);
	assert_int_equal(rate_of(t, 1, 3)->judged_ns, 0);
}

/* Node 2 says that its clock shows this; it lies about one clock only, its own. */
static void says(struct trio *t, uint64_t echo, uint64_t came, uint64_t sent)
{
	struct kq_body_append_resp r = { .clock = { cpu_to_le64(sent), cpu_to_le64(echo),
						    cpu_to_le64(came) } };
	const char *why;

	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_APPEND_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
}

static void numbers_that_no_clock_shows_do_no_harm(void **state)
{
	static const uint64_t odd[] = { 0, 1, 5 * MS, 1ULL << 40, 1ULL << 62, UINT64_MAX - 1, UINT64_MAX };
	struct trio *t = *state;
	uint32_t i, n;

	trio_lead(t);
	for (i = 0; i < 7 * 7 * 7; i++) {
		for (n = 0; n < 60; n++) {
			t->now += WINDOW_MS / 8 / 3 * MS;
			/* Each at the one end of a window or the other, with good ones in between. */
			says(t, t->now, odd[(i + n / 25) % 7], odd[i / 7 % 7]);
			says(t, odd[i / 49], odd[i / 7 % 7], odd[i % 7]);
		}
		assert_in_range(rate_of(t, 1, 2)->min_ppm + 1000000, 0, 2000000);
		assert_in_range(rate_of(t, 1, 2)->max_ppm + 1000000, 0, 2000000);
	}
	assert_int_equal(rate_of(t, 1, 3)->off, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_is_a_lease_or_what_the_bound_asks_for),
		cmocka_unit_test(two_clocks_differ_by_more_than_twice_what_one_may),
		TRIO_TEST(clocks_at_the_bound_raise_no_alarm_and_are_measured),
		TRIO_TEST(who_is_off_is_found_in_the_stated_time_and_gets_no_lease),
		TRIO_TEST(a_clock_that_is_too_slow_is_found_as_well),
		TRIO_TEST(a_jump_is_no_rate),
		TRIO_TEST(a_leader_that_finds_all_others_off_hands_over),
		TRIO_TEST(without_any_leader_its_own_clock_counts_as_good_after_a_while),
		TRIO_TEST(what_was_measured_of_another_start_does_not_count),
		TRIO_TEST(what_is_too_far_apart_is_not_measured),
		TRIO_TEST(numbers_that_no_clock_shows_do_no_harm),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
