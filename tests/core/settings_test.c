// SPDX-License-Identifier: GPL-2.0
/*
 * Settings that are replaced by others: what can be asked for, what holds while both overlap, what
 * a voter promises and remembers.
 */
#include "kq_int.h"
#include "trio.h"

static const struct kq_settings first = TEST_SETTINGS;

static void which_settings_can_be_used(void **state)
{
	static const struct {
		struct kq_settings set;
		const char *why;
	} given[] = {
		{ TEST_SETTINGS, NULL },
		{ { 5, 15, 11, 0, 0 }, NULL },
		{ { 10000, 300000, 3600000, 3599999, 100000 }, NULL },
		{ { 4, 1000, 2000, 50, 500 }, "heartbeat_ms must be from 5 to 10000" },
		{ { 10001, 100000, 200000, 50, 500 }, "heartbeat_ms must be from 5 to 10000" },
		{ { 100, 299, 2000, 50, 500 }, "election_ms must be at least 3 times heartbeat_ms" },
		{ { 100, 300001, 2000, 50, 500 }, "election_ms is over 300000" },
		{ { 100, 1000, 200, 50, 500 }, "lease_ms must be more than 2 times heartbeat_ms" },
		{ { 100, 1000, 3600001, 50, 500 }, "lease_ms is over 3600000" },
		{ { 100, 1000, 2000, 2000, 500 }, "delta_ms must be less than lease_ms" },
		{ { 100, 1000, 2000, 50, 100001 }, "drift_ppm is over 100000" },
		{ { 0 }, "heartbeat_ms must be from 5 to 10000" },
		{ { ~0u, ~0u, ~0u, ~0u, ~0u }, "heartbeat_ms must be from 5 to 10000" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(given); i++) {
		const char *why = kq_settings_check(&given[i].set);

		if (given[i].why)
			assert_string_equal(why, given[i].why);
		else
			assert_null(why);
	}
}

static void settings_are_the_same_when_each_of_them_is(void **state)
{
	struct kq_settings other = first;
	u32 *field[] = { &other.heartbeat_ms, &other.election_ms, &other.lease_ms,
			 &other.delta_ms, &other.drift_ppm };
	size_t i;

	(void)state;
	assert_true(kq_settings_same(&first, &other));
	for (i = 0; i < ARRAY_SIZE(field); i++) {
		++*field[i];
		assert_false(kq_settings_same(&first, &other));
		--*field[i];
	}
}

static void who_goes_by_both_takes_the_shorter_and_promises_the_longer(void **state)
{
	static const struct kq_settings other = { 50, 3000, 8000, 10, 1000 };
	struct kq_effective a, b, one;

	(void)state;
	kq_settings_effective(&first, &other, &a);
	kq_settings_effective(&other, &first, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.heartbeat_ms, 50);
	assert_int_equal(a.count_ms, 1000);
	assert_int_equal(a.election_ms, 3000);
	assert_int_equal(a.lease_ms, 2000);
	assert_int_equal(a.held_ms, 8000);
	assert_int_equal(a.delta_ms, 50);
	assert_int_equal(a.drift_ppm, 1000);
	/* The promise for both is no shorter than that for either. */
	kq_settings_effective(&first, &first, &one);
	assert_true(kq_settings_promise_ns(&a) > kq_settings_promise_ns(&one));
	kq_settings_effective(&other, &other, &one);
	assert_true(kq_settings_promise_ns(&a) > kq_settings_promise_ns(&one));
}

/* --- in a cluster ------------------------------------------------------------------------- */

static int ask(struct kq_core *c, uint64_t now, const struct kq_settings *set)
{
	struct kq_conf_change change = { .to = c->conf, .settings = true };

	change.to.outgoing = 0;
	change.to.now = *set;
	return kq_core_reconfigure(c, now, &change);
}

static const struct kq_settings longer = { 100, 3000, 6000, 50, 500 };
static const struct kq_settings shorter = { 100, 500, 1500, 50, 500 };

static void what_a_cluster_begins_with_is_in_its_log(void **state)
{
	struct trio *t = *state;
	uint32_t id;

	trio_lead(t);
	for (id = 1; id <= 3; id++) {
		assert_true(kq_settings_same(&t->core[id]->conf.now, &first));
		assert_false(kq_conf_overlaps(&t->core[id]->conf));
		assert_int_equal(t->core[id]->eff.lease_ms, 2000);
	}
}

static void what_is_asked_for_in_vain(void **state)
{
	static const struct kq_settings bad = { 100, 100, 2000, 50, 500 };
	struct kq_conf_change change = { .settings = true };
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	assert_int_equal(ask(c, t->now, &longer), -EREMOTE);
	trio_lead(t);
	assert_int_equal(ask(t->core[2], t->now, &longer), -EREMOTE);
	assert_int_equal(ask(c, t->now, &bad), -EINVAL);
	assert_int_equal(ask(c, t->now, &first), -EALREADY);
	/* Together with something else: which of both would have been refused? */
	change.to = c->conf;
	change.to.now = longer;
	change.to.voters = kq_node_bit(1) | kq_node_bit(2);
	change.to.learners = kq_node_bit(3);
	assert_int_equal(kq_core_reconfigure(c, t->now, &change), -EINVAL);
	change.to = c->conf;
	change.to.now = longer;
	change.id = 2;
	strcpy(change.member.name, "n2");
	assert_int_equal(kq_core_reconfigure(c, t->now, &change), -EINVAL);
	change.id = 0;
	change.based_on = c->conf_index + 1;
	assert_int_equal(kq_core_reconfigure(c, t->now, &change), -ESTALE);
	/* Not committed yet; then not out of use yet. */
	assert_int_equal(ask(c, t->now, &longer), 0);
	assert_int_equal(ask(c, t->now, &shorter), -EBUSY);
	trio_settle(t);
	assert_int_equal(ask(c, t->now, &shorter), -EINPROGRESS);
}

static void both_hold_until_nobody_can_rely_on_those_before(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t promise, since;
	uint32_t id;

	trio_lead(t);
	assert_int_equal(ask(c, t->now, &longer), 0);
	assert_true(kq_conf_overlaps(&c->conf));
	assert_int_equal(c->eff.held_ms, 6000);
	trio_settle(t);
	since = t->now;
	promise = kq_settings_promise_ns(&c->eff);
	for (id = 1; id <= 3; id++) {
		assert_int_equal(t->core[id]->eff.lease_ms, 2000);
		assert_int_equal(t->core[id]->eff.held_ms, 6000);
		assert_int_equal(t->core[id]->eff.count_ms, 1000);
		assert_int_equal(t->core[id]->eff.election_ms, 3000);
	}
	while (kq_conf_overlaps(&c->conf)) {
		assert_true(t->now - since <= promise + 1000 * MS);
		trio_pass(t, 25);
	}
	assert_true(t->now - since >= promise);
	trio_pass(t, 100);
	for (id = 1; id <= 3; id++) {
		assert_false(kq_conf_overlaps(&t->core[id]->conf));
		assert_true(kq_settings_same(&t->core[id]->conf.now, &longer));
		assert_int_equal(t->core[id]->eff.lease_ms, 6000);
		assert_int_equal(t->core[id]->eff.count_ms, 3000);
	}
}

static void sessions_live_through_a_change(void **state)
{
	struct trio *t = *state;
	uint64_t id[4];
	uint32_t i;

	trio_lead(t);
	trio_pass(t, 1000);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(t->core[i]->local.state, KQ_SESSION_LIVE);
		id[i] = t->core[i]->local.id;
	}
	assert_int_equal(ask(t->core[1], t->now, &shorter), 0);
	for (i = 0; i < 400; i++) {
		uint32_t n;

		trio_pass(t, 25);
		for (n = 1; n <= 3; n++) {
			assert_int_equal(t->core[n]->local.id, id[n]);
			assert_int_equal(t->core[n]->local.state, KQ_SESSION_LIVE);
			assert_false(t->core[1]->peer[n].suspect_sent);
		}
	}
	assert_false(kq_conf_overlaps(&t->core[1]->conf));
	assert_int_equal(t->core[1]->eff.lease_ms, 1500);
}

static void settings_that_are_cut_off_are_undone(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	t->cut[1] = true;
	assert_int_equal(ask(c, t->now, &longer), 0);
	assert_int_equal(c->eff.held_ms, 6000);
	trio_pass(t, 3500);
	assert_true(trio_elect(t, 2));
	t->cut[1] = false;
	trio_pass(t, 1000);
	assert_true(kq_settings_same(&c->conf.now, &first));
	assert_false(kq_conf_overlaps(&c->conf));
	assert_int_equal(c->eff.held_ms, 2000);
	assert_int_equal(c->eff.election_ms, 1000);
}

/* --- what a voter promises ----------------------------------------------------------------- */

static void hear(struct trio *t, struct kq_core *c, uint32_t promise_ms)
{
	struct kq_body_append b = { .promise_ms = cpu_to_le32(promise_ms) };
	const char *why;

	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, c->hs.term, &b, sizeof(b), &why), 0);
}

static void a_voter_stands_by_its_leader_for_as_long_as_that_counts_on_it(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];

	trio_lead(t);
	t->cut[2] = true;
	hear(t, c, 5000);
	/* Before it answers it has this on its disk, and waits for it after a restart. */
	assert_int_equal(c->hs.promise_ns, 5000 * MS);
	assert_true(c->hs_said > c->hs_durable);
	trio_settle(t);
	t->now += 4999 * MS;
	assert_int_equal(kq_core_canvass(c, t->now), -EAGAIN);
	t->now += MS;
	assert_int_equal(kq_core_canvass(c, t->now), 0);
}

static void a_shorter_word_does_not_end_a_longer_one(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];

	trio_lead(t);
	t->cut[2] = true;
	hear(t, c, 5000);
	trio_settle(t);
	t->now += 100 * MS;
	hear(t, c, 100);
	t->now += 4899 * MS;
	assert_int_equal(kq_core_canvass(c, t->now), -EAGAIN);
	t->now += MS;
	assert_int_equal(kq_core_canvass(c, t->now), 0);
}

static void what_nobody_counts_on_any_more_is_forgotten(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];

	trio_lead(t);
	t->cut[2] = true;
	hear(t, c, 5000);
	trio_settle(t);
	kq_core_tick(c, t->now += 4999 * MS);
	assert_int_equal(c->hs.promise_ns, 5000 * MS);
	hear(t, c, 1000);
	kq_core_tick(c, t->now += MS);
	assert_int_equal(c->hs.promise_ns, 1000 * MS);
	trio_settle(t);
	assert_int_equal(c->hs_durable, c->hs_version);
}

static void a_start_waits_for_what_the_one_before_it_waited_for(void **state)
{
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c = trio_replace(t, &report);

	report.hs.promise_ns = 5000 * MS;
	report.hs.incarnation = 1ULL << 40;
	kq_core_start(c, t->now, &report);
	assert_true(c->wait_until_ns >= t->now + 5000 * MS);
	assert_int_equal(c->hs.promise_ns, 5000 * MS);
	/* Should it start again now, it must find this; once the wait is over, no more. */
	kq_core_tick(c, c->wait_until_ns - 1);
	assert_int_equal(c->hs.promise_ns, 5000 * MS);
	kq_core_tick(c, c->wait_until_ns);
	assert_int_equal(c->hs.promise_ns, 1000 * MS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_settings_can_be_used),
		cmocka_unit_test(settings_are_the_same_when_each_of_them_is),
		cmocka_unit_test(who_goes_by_both_takes_the_shorter_and_promises_the_longer),
		TRIO_TEST(what_a_cluster_begins_with_is_in_its_log),
		TRIO_TEST(what_is_asked_for_in_vain),
		TRIO_TEST(both_hold_until_nobody_can_rely_on_those_before),
		TRIO_TEST(sessions_live_through_a_change),
		TRIO_TEST(settings_that_are_cut_off_are_undone),
		TRIO_TEST(a_voter_stands_by_its_leader_for_as_long_as_that_counts_on_it),
		TRIO_TEST(a_shorter_word_does_not_end_a_longer_one),
		TRIO_TEST(what_nobody_counts_on_any_more_is_forgotten),
		TRIO_TEST(a_start_waits_for_what_the_one_before_it_waited_for),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
