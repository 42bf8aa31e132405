// SPDX-License-Identifier: GPL-2.0
/* Which node should lead, who waits for it, and when a leader hands over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../userspace/daemon/handover.h"
#include "../../userspace/daemon/prefer.h"

#define MS	1000000ULL
#define E_MS	1000
#define E_NS	(E_MS * MS)

/* Three voters that are there and current: nobody should rather lead. */
static void three(struct kqd_voter v[3])
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		v[i] = (struct kqd_voter){ .id = i + 1, .priority = 100, .there = true,
					   .current = true };
}

static void a_higher_priority_goes_first_and_a_witness_last(void **state)
{
	struct kqd_voter v[3];

	(void)state;
	three(v);
	assert_int_equal(kqd_prefer_successor(v, 3, 1), 0);
	v[1].priority = 120;
	v[2].priority = 110;
	assert_int_equal(kqd_prefer_successor(v, 3, 1), 2);
	assert_int_equal(kqd_prefer_successor(v, 3, 2), 0);
	v[1].current = false;
	assert_int_equal(kqd_prefer_successor(v, 3, 1), 3);
	v[2].there = false;
	assert_int_equal(kqd_prefer_successor(v, 3, 1), 0);
	three(v);
	v[1].witness = true;
	v[1].priority = 255;
	assert_int_equal(kqd_prefer_successor(v, 3, 1), 0);
	assert_int_equal(kqd_prefer_successor(v, 3, 2), 1);
	/* Who has no vote has no say in it. */
	assert_int_equal(kqd_prefer_successor(v, 3, 9), 0);
	assert_int_equal(kqd_prefer_yield_ns(v, 3, 9, E_MS), 0);
}

static void who_should_not_lead_stands_later(void **state)
{
	struct kqd_voter v[15] = { { .id = 0 } };
	unsigned int i;

	(void)state;
	for (i = 0; i < 15; i++)
		v[i] = (struct kqd_voter){ .id = i + 1, .priority = 200 - i, .there = true };
	assert_int_equal(kqd_prefer_yield_ns(v, 15, 1, E_MS), 0);
	assert_int_equal(kqd_prefer_yield_ns(v, 15, 2, E_MS), E_NS / 4);
	assert_int_equal(kqd_prefer_yield_ns(v, 15, 3, E_MS), E_NS / 2);
	assert_int_equal(kqd_prefer_yield_ns(v, 15, 15, E_MS), E_NS);
	v[0].there = false;		/* nobody waits for who cannot come */
	assert_int_equal(kqd_prefer_yield_ns(v, 15, 2, E_MS), 0);
}

/* When it hands over, milliseconds from now on; the time is then that. 0: not within @ms. */
static uint64_t hands_over(struct kqd_handover *h, struct kqd_handover_input *in, uint64_t ms)
{
	uint64_t from = in->now_ns, next;

	for (;;) {
		if (kqd_handover_step(h, in, &next))
			return (in->now_ns - from) / MS + 1;
		if (next > from + ms * MS)
			return 0;
		assert_true(next > in->now_ns);
		in->now_ns = next;
	}
}

static void a_steady_one_takes_over(void **state)
{
	struct kqd_handover_input in = { .now_ns = 1, .election_ms = E_MS, .leads = true };
	struct kqd_handover h = { 0 };

	(void)state;
	assert_int_equal(hands_over(&h, &in, 100000), 0);
	in.successor = 2;
	assert_int_equal(hands_over(&h, &in, 100000), 5 * E_MS + 1);
}

static void one_that_comes_and_goes_does_not(void **state)
{
	struct kqd_handover_input in = { .now_ns = 1, .election_ms = E_MS, .leads = true };
	struct kqd_handover h = { 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		in.successor = 2;
		assert_int_equal(hands_over(&h, &in, 4000), 0);
		in.now_ns += 4 * E_NS;
		in.successor = 0;
		assert_int_equal(hands_over(&h, &in, 1), 0);
	}
	/* Another one in its place begins anew. */
	in.successor = 2;
	assert_int_equal(hands_over(&h, &in, 4000), 0);
	in.now_ns += 4 * E_NS;
	in.successor = 3;
	assert_int_equal(hands_over(&h, &in, 4000), 0);
}

static void each_time_that_it_comes_back_soon_it_waits_longer(void **state)
{
	struct kqd_handover_input in = { .now_ns = 1, .election_ms = E_MS, .leads = true,
					 .successor = 2 };
	struct kqd_handover h = { 0 };
	uint64_t last = 0, ms;
	unsigned int i;

	(void)state;
	for (i = 0; i < 7; i++) {
		ms = hands_over(&h, &in, 1000000);
		assert_true(ms + 2 >= 2 * last);
		last = ms;
		in.leads = false;	/* and it leads again at once */
		assert_int_equal(hands_over(&h, &in, 1), 0);
		in.leads = true;
	}
	assert_int_equal(hands_over(&h, &in, 1000000), last);
	/* Once it has lasted, all is forgotten. */
	in.leads = false;
	in.now_ns += 1000000 * MS;
	assert_int_equal(hands_over(&h, &in, 1), 0);
	in.leads = true;
	assert_int_equal(hands_over(&h, &in, 1000000), 5 * E_MS + 1);
}

static void a_witness_does_not_wait_the_first_time(void **state)
{
	struct kqd_handover_input in = { .now_ns = 1, .election_ms = E_MS, .leads = true,
					 .witness = true, .successor = 2 };
	struct kqd_handover h = { 0 };

	(void)state;
	assert_int_equal(hands_over(&h, &in, 0), 1);
	assert_int_equal(hands_over(&h, &in, 100000), 2 * E_MS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_higher_priority_goes_first_and_a_witness_last),
		cmocka_unit_test(who_should_not_lead_stands_later),
		cmocka_unit_test(a_steady_one_takes_over),
		cmocka_unit_test(one_that_comes_and_goes_does_not),
		cmocka_unit_test(each_time_that_it_comes_back_soon_it_waits_longer),
		cmocka_unit_test(a_witness_does_not_wait_the_first_time),
	};

	return cmocka_run_group_tests_name("daemon_prefer", tests, NULL, NULL);
}
