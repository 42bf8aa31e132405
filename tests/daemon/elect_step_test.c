// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's election logic, call by call: after which silence it stands, what it does with the
 * answers, and how long it waits in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kquorum.h>

#include "../../userspace/daemon/elect.h"

#define MS		1000000ULL
#define ELECTION_MS	1000
#define E_NS		(ELECTION_MS * MS)
#define SEEDS		1000

static void step_input(struct kqd_elect_input *in, uint64_t now_ns, uint64_t silence_ns)
{
	*in = (struct kqd_elect_input) {
		.now_ns = now_ns,
		.state = KQUORUM_NODE_RUNNING,
		.role = KQUORUM_FOLLOWER,
		.term = 7,
		.leader = 1,
		.silence_ns = silence_ns,
		.may_win = true,
	};
}

/* Calls it as the daemon does, with a leader that was heard at @heard_ns last. */
static uint64_t first_action(struct kqd_elect *e, struct kqd_elect_input *in, uint64_t heard_ns,
			     uint64_t until_ns)
{
	uint64_t next;

	while (in->now_ns < until_ns) {
		in->silence_ns = in->now_ns - heard_ns;
		if (kqd_elect_step(e, in, &next) != KQD_ELECT_NOTHING)
			return in->now_ns;
		assert_true(next > in->now_ns);
		in->now_ns = next;
	}
	return 0;
}

static void timeout_is_drawn_between_one_and_two(void **state)
{
	uint64_t low = UINT64_MAX, high = 0, at;
	unsigned int seed;

	for (seed = 0; seed < SEEDS; seed++) {
		struct kqd_elect_input in;
		struct kqd_elect e;

		kqd_elect_init(&e, ELECTION_MS, seed);
		step_input(&in, 100 * E_NS, 0);
		at = first_action(&e, &in, 100 * E_NS, 200 * E_NS) - 100 * E_NS;
		low = at < low ? at : low;
		high = at > high ? at : high;
	}
	assert_true(low >= E_NS);
	assert_true(low < E_NS + E_NS / 10);
	assert_true(high < 2 * E_NS);
	assert_true(high > 2 * E_NS - E_NS / 10);
}

static void lost_carrier_shortens_the_timeout(void **state)
{
	unsigned int seed;

	for (seed = 0; seed < SEEDS; seed++) {
		struct kqd_elect_input in;
		struct kqd_elect e;
		uint64_t next, at;

		kqd_elect_init(&e, ELECTION_MS, seed);
		step_input(&in, 100 * E_NS, 0);
		kqd_elect_step(&e, &in, &next);
		in.carrier_lost = true;
		in.now_ns += E_NS / 10;
		at = first_action(&e, &in, 100 * E_NS, 200 * E_NS) - 100 * E_NS;
		assert_true(at >= E_NS);
		assert_true(at < E_NS + E_NS / 8);
	}
}

/* Silent for longer than the shortened timeout when the carrier goes: it stands at once. */
static void carrier_lost_late_stands_at_once(void **state)
{
	struct kqd_elect_input in;
	struct kqd_elect e;
	uint64_t next, seed, long_draws = 0;

	for (seed = 0; seed < 100; seed++) {
		kqd_elect_init(&e, ELECTION_MS, seed);
		step_input(&in, 100 * E_NS, 0);
		assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_NOTHING);
		step_input(&in, 100 * E_NS + E_NS * 5 / 4, E_NS * 5 / 4);
		if (next <= in.now_ns)
			continue;
		long_draws++;
		in.carrier_lost = true;
		assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_CANVASS);
		assert_true(next == in.now_ns + E_NS);
	}
	assert_true(long_draws > 50);
}

static void leader_and_other_states_do_nothing(void **state)
{
	static const uint32_t states[] = {
		KQUORUM_NODE_RECOVERING, KQUORUM_NODE_DAMAGED, KQUORUM_NODE_FAILED,
		KQUORUM_NODE_STOPPING,
	};
	struct kqd_elect_input in;
	struct kqd_elect e;
	uint64_t next;
	unsigned int i, t;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		kqd_elect_init(&e, ELECTION_MS, i);
		for (t = 0; t < 100; t++) {
			step_input(&in, (100 + t) * E_NS, UINT64_MAX);
			in.state = states[i];
			assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_NOTHING);
			assert_true(next == UINT64_MAX);
		}
	}
	kqd_elect_init(&e, ELECTION_MS, 9);
	for (t = 0; t < 100; t++) {
		step_input(&in, (100 + t) * E_NS, UINT64_MAX);
		in.role = KQUORUM_LEADER;
		assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_NOTHING);
	}
}

/* A module that never answers: attempts go on, neither faster nor ever slower. */
static void back_off_is_bounded(void **state)
{
	struct kqd_elect_input in;
	struct kqd_elect e;
	uint64_t next, last = 0, gap, longest = 0;
	unsigned int attempts = 0;

	kqd_elect_init(&e, ELECTION_MS, 3);
	step_input(&in, 100 * E_NS, UINT64_MAX);
	in.leader = 0;
	while (in.now_ns < 400 * E_NS) {
		if (kqd_elect_step(&e, &in, &next) == KQD_ELECT_CANVASS) {
			in.canvass = KQUORUM_CANVASS_RUNNING;
			gap = in.now_ns - last;
			if (last) {
				assert_true(gap >= E_NS + E_NS / 2);
				longest = gap > longest ? gap : longest;
			}
			last = in.now_ns;
			attempts++;
		} else if (in.now_ns - last >= E_NS) {
			/* Nor does the status say that it runs for ever. */
			in.canvass = KQUORUM_CANVASS_LOST;
		}
		assert_true(next > in.now_ns);
		in.now_ns = next;
	}
	assert_true(longest <= 5 * E_NS);
	assert_true(longest > 2 * E_NS);
	assert_true(attempts > 60);
}

static void won_canvass_gives_one_campaign(void **state)
{
	struct kqd_elect_input in;
	unsigned int campaigns = 0, i;
	struct kqd_elect e;
	uint64_t next;

	kqd_elect_init(&e, ELECTION_MS, 3);
	step_input(&in, 100 * E_NS, 5 * E_NS);
	while (kqd_elect_step(&e, &in, &next) != KQD_ELECT_CANVASS)
		in.now_ns = next;
	/* The status goes on to say "won", for the campaign was refused. */
	in.canvass = KQUORUM_CANVASS_WON;
	for (i = 0; i < 100; i++) {
		in.now_ns += MS;
		campaigns += kqd_elect_step(&e, &in, &next) == KQD_ELECT_CAMPAIGN;
	}
	assert_int_equal(campaigns, 1);
}

/* It won the canvass, and by a configuration that came in between it has no vote any more. */
static void who_lost_its_vote_does_not_campaign(void **state)
{
	struct kqd_elect_input in;
	struct kqd_elect e;
	uint64_t next;
	unsigned int i;

	kqd_elect_init(&e, ELECTION_MS, 3);
	step_input(&in, 100 * E_NS, 5 * E_NS);
	while (kqd_elect_step(&e, &in, &next) != KQD_ELECT_CANVASS)
		in.now_ns = next;
	in.canvass = KQUORUM_CANVASS_WON;
	in.may_win = false;
	for (i = 0; i < 100; i++) {
		in.now_ns += E_NS / 10;
		assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_NOTHING);
	}
	/* With a vote again, perhaps many configurations later, it asks anew. */
	in.may_win = true;
	in.canvass = KQUORUM_CANVASS_LOST;
	assert_true(first_action(&e, &in, 50 * E_NS, 200 * E_NS));
	assert_true(e.asked_ns && !e.campaign_ns);
}

static void term_of_another_is_given_time(void **state)
{
	struct kqd_elect_input in;
	struct kqd_elect e;
	uint64_t next, at;

	kqd_elect_init(&e, ELECTION_MS, 3);
	step_input(&in, 100 * E_NS, 5 * E_NS);
	kqd_elect_step(&e, &in, &next);
	in.term++;
	in.leader = 0;
	at = first_action(&e, &in, 95 * E_NS, 200 * E_NS);
	assert_true(at >= 100 * E_NS + E_NS / 2);
}

static void restarted_daemon_adopts_the_canvass(void **state)
{
	struct kqd_elect_input in;
	struct kqd_elect e;
	uint64_t next;

	kqd_elect_init(&e, ELECTION_MS, 3);
	step_input(&in, 100 * E_NS, 5 * E_NS);
	in.canvass = KQUORUM_CANVASS_RUNNING;
	assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_NOTHING);
	in.canvass = KQUORUM_CANVASS_WON;
	in.now_ns += MS;
	assert_int_equal(kqd_elect_step(&e, &in, &next), KQD_ELECT_CAMPAIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeout_is_drawn_between_one_and_two),
		cmocka_unit_test(lost_carrier_shortens_the_timeout),
		cmocka_unit_test(carrier_lost_late_stands_at_once),
		cmocka_unit_test(leader_and_other_states_do_nothing),
		cmocka_unit_test(back_off_is_bounded),
		cmocka_unit_test(won_canvass_gives_one_campaign),
		cmocka_unit_test(who_lost_its_vote_does_not_campaign),
		cmocka_unit_test(term_of_another_is_given_time),
		cmocka_unit_test(restarted_daemon_adopts_the_canvass),
	};

	return cmocka_run_group_tests_name("daemon_elect_step", tests, NULL, NULL);
}
