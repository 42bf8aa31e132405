// SPDX-License-Identifier: GPL-2.0
/*
 * Replicas compare what their state adds up to: who differs from a majority stops and says where,
 * the leader too; where no majority agrees nobody stops, and that is told.
 */
#include "trio.h"
#include "resources.h"

#define EVERY 8

/* Of node 2, all the time. */
static struct kq_owner *held;

static int setup(void **state)
{
	struct trio *t;
	uint32_t i;
	int err;

	kq_alloc_live = 0;
	err = trio_setup(state);
	t = *state;
	for (i = 1; i <= 3; i++)
		t->core[i]->cfg.sum_every = EVERY;
	trio_lead(t);
	held = trio_owner(t, 2, "db", &err);
	trio_pass(t, 200);
	return err;
}

/* As if this node had applied something in another way than the others. */
static void diverge(struct trio *t, uint32_t id, uint32_t pid)
{
	struct kq_core *c = t->core[id];
	struct kq_claim *claim = holder_of(c, "db");
	uint8_t buf[KQ_SNAP_CLAIM_MAX];

	claim->pid = pid;
	/* It is the only one. */
	c->res->sum[KQ_SNAP_CLAIM] = kq_snap_hash(buf, kq_claim_record(claim, buf));
}

/* Until all have passed an agreed index, and told of it. */
static void go_on(struct trio *t, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < 2 * EVERY; i++) {
		if (t->core[id]->role == KQUORUM_LEADER)
			trio_append(t, id);
		trio_settle(t);
	}
	trio_pass(t, 200);
}

static void replicas_that_agree_go_on(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	go_on(t, 1);
	go_on(t, 1);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(t->core[i]->state, KQUORUM_NODE_RUNNING);
		assert_int_equal(t->core[i]->sum_alarm, 0);
	}
	for (i = 0; i < KQ_SUMS; i++) {
		const struct kq_sum *s = &t->core[1]->sum[i];

		if (!s->index || s->index + EVERY > t->core[1]->applied)
			continue;
		assert_int_equal(s->said, 0xe);
		assert_int_equal(s->value[1], s->value[2]);
		assert_int_equal(s->value[1], s->value[3]);
	}
}

static void a_follower_that_differs_stops_and_says_where(void **state)
{
	struct trio *t = *state;
	uint64_t from = t->core[1]->applied;
	char why[160];

	diverge(t, 3, 99);
	go_on(t, 1);
	assert_int_equal(t->core[3]->state, KQUORUM_NODE_FAILED);
	snprintf(why, sizeof(why),
		 "its state at index %llu differs from that of a majority: it must be wiped and join again",
		 (unsigned long long)(from / EVERY + 1) * EVERY);
	assert_string_equal(t->core[3]->reason, why);
	assert_int_equal(t->core[1]->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(t->core[2]->state, KQUORUM_NODE_RUNNING);
	t->done = 0;
	assert_int_equal(trio_append(t, 2), 0);
	trio_pass(t, 200);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->core[1]->sum_alarm, 0);
	assert_int_equal(t->core[1]->peer[3].flags, KQUORUM_PEERF_FAULTY);
}

static void a_leader_that_differs_stops_and_the_others_go_on(void **state)
{
	struct trio *t = *state;

	diverge(t, 1, 99);
	go_on(t, 1);
	assert_int_equal(t->core[1]->state, KQUORUM_NODE_FAILED);
	assert_true(trio_elect(t, 2));
	trio_pass(t, 4000);
	go_on(t, 2);
	assert_int_equal(t->core[2]->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(t->core[3]->state, KQUORUM_NODE_RUNNING);
	t->done = 0;
	assert_int_equal(trio_append(t, 3), 0);
	trio_pass(t, 200);
	assert_int_equal(t->done, 1);
}

static void without_a_majority_that_agrees_it_is_an_alarm(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	diverge(t, 1, 99);
	diverge(t, 2, 98);
	go_on(t, 1);
	for (i = 1; i <= 3; i++)
		assert_int_equal(t->core[i]->state, KQUORUM_NODE_RUNNING);
	assert_true(t->core[1]->sum_alarm);
	assert_int_equal(t->core[1]->sum_alarm % EVERY, 0);
	/* One of three that has not said anything may still agree with either. */
	assert_int_equal(t->core[2]->sum_alarm, 0);
}

static void who_says_nothing_is_no_majority(void **state)
{
	struct trio *t = *state;

	diverge(t, 2, 99);
	t->cut[3] = true;
	go_on(t, 1);
	assert_int_equal(t->core[1]->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(t->core[2]->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(t->core[1]->sum_alarm, 0);
	t->cut[3] = false;
	trio_pass(t, 500);
	go_on(t, 1);
	assert_int_equal(t->core[2]->state, KQUORUM_NODE_FAILED);
	assert_int_equal(t->core[1]->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(t->core[3]->state, KQUORUM_NODE_RUNNING);
}

static void what_comes_from_others_than_the_leader_harms_nobody(void **state)
{
	struct trio *t = *state;
	struct kq_body_sum b = { .sum = cpu_to_le64(1) };
	const char *why;

	go_on(t, 1);
	b.index = cpu_to_le64(t->core[2]->applied / EVERY * EVERY);
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_SUM, TRIO_TERM, &b, sizeof(b), &why), 0);
	b.index = cpu_to_le64(t->core[2]->applied / EVERY * EVERY + 1);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_SUM, TRIO_TERM, &b, sizeof(b), &why), 0);
	b.index = cpu_to_le64(1ULL << 50);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_SUM, TRIO_TERM, &b, sizeof(b), &why), 0);
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_SUM, TRIO_TERM, &b, sizeof(b), &why), 0);
	b.index = 0;
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_SUM, TRIO_TERM, &b, sizeof(b), &why), 0);
	assert_int_equal(t->core[2]->state, KQUORUM_NODE_RUNNING);
	go_on(t, 1);
	assert_int_equal(t->core[1]->sum_alarm, 0);
	assert_int_equal(t->core[2]->state, KQUORUM_NODE_RUNNING);
}

static int teardown(void **state)
{
	struct trio *t = *state;

	kq_core_unlock(t->core[2], t->now, held);
	trio_settle(t);
	return trio_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(replicas_that_agree_go_on),
		TEST(a_follower_that_differs_stops_and_says_where),
		TEST(a_leader_that_differs_stops_and_the_others_go_on),
		TEST(without_a_majority_that_agrees_it_is_an_alarm),
		TEST(who_says_nothing_is_no_majority),
		TEST(what_comes_from_others_than_the_leader_harms_nobody),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
