// SPDX-License-Identifier: GPL-2.0
/*
 * Lock handles that ask for shares and units: what each is told, and what is left when it is
 * closed; what is said of resources, and what became of that.
 */
#include "trio.h"
#include "resources.h"

/* Node @id says something of "gpu"; returns what became of it. */
static int32_t say_define(struct trio *t, uint32_t id, uint16_t flags, uint32_t units,
			  uint32_t max_waiters)
{
	uint8_t buf[COMMAND_MAX];

	return trio_command(t, id, KQ_ENTRY_DEFINE, buf,
			    put_define(buf, "gpu", flags, units, max_waiters));
}

static struct kq_owner *want(struct trio *t, uint32_t id, uint32_t flags, uint32_t units)
{
	const struct kq_lock_ask a = { .name = "gpu", .name_len = 3, .pid = 77, .admin = true, .comm = "train",
				       .info = "epoch 4", .info_len = 7, .flags = flags,
				       .units = units };
	struct kq_owner *o;
	int err;

	o = trio_ask(t, id, &a, &err);
	assert_non_null(o);
	trio_settle(t);
	return o;
}

static void assert_all_sound(struct trio *t)
{
	uint32_t i;

	trio_pass(t, 200);
	for (i = 1; i <= 3; i++) {
		assert_table(t->core[i]);
		assert_same_state(t->core[1], t->core[i]);
	}
}

static void assert_nothing_left(struct trio *t)
{
	uint32_t i;

	assert_all_sound(t);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(t->core[i]->res->claims, 0);
		assert_int_equal(t->core[i]->pending_count, 0);
	}
}

static void a_handle_has_the_numbers_of_its_units(void **state)
{
	struct trio *t = *state;
	struct kq_owner *a, *b, *w;

	trio_lead(t);
	assert_int_equal(say_define(t, 1, KQ_DEFINE_FLAGS, 100, 0), 0);
	a = want(t, 1, 0, 65);
	b = want(t, 2, 0, 3);
	assert_int_equal(a->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(a->numbers[0], U64_MAX);
	assert_int_equal(a->numbers[1], 1);
	assert_int_equal(b->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(b->numbers[0], 0);
	assert_int_equal(b->numbers[1], 7 << 1);
	w = want(t, 3, 0, 70);
	assert_int_equal(w->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(w->numbers[0], 0);
	trio_drop(t, 1, a);
	assert_int_equal(w->state, KQUORUM_LOCK_GRANTED);
	assert_true(w->token > b->token);
	assert_int_equal(w->numbers[0], U64_MAX);
	assert_int_equal(w->numbers[1], 1 | 0x1f0);
	assert_all_sound(t);
	trio_drop(t, 2, b);
	trio_drop(t, 3, w);
	assert_nothing_left(t);
}

static void who_shares_is_let_in_with_the_others(void **state)
{
	struct trio *t = *state;
	struct kq_owner *x, *s[3], *try;
	uint32_t i;

	trio_lead(t);
	x = want(t, 1, 0, 0);
	for (i = 0; i < 3; i++)
		s[i] = want(t, 1 + i, KQUORUM_LOCK_SHARED, 0);
	try = want(t, 2, KQUORUM_LOCK_SHARED | KQUORUM_LOCK_TRY, 0);
	assert_int_equal(try->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(try->error, -EAGAIN);
	trio_drop(t, 2, try);
	trio_drop(t, 1, x);
	for (i = 0; i < 3; i++) {
		assert_int_equal(s[i]->state, KQUORUM_LOCK_GRANTED);
		assert_int_equal(s[i]->token, s[0]->token);
	}
	try = want(t, 2, KQUORUM_LOCK_SHARED | KQUORUM_LOCK_TRY, 0);
	assert_int_equal(try->state, KQUORUM_LOCK_GRANTED);
	trio_drop(t, 2, try);
	for (i = 0; i < 3; i++)
		trio_drop(t, 1 + i, s[i]);
	assert_nothing_left(t);
	assert_null(resource_of(t->core[3], "gpu"));
}

/* Of those who share it one is enough for a node to be told, and nobody who does not hold it need be. */
static void nodes_that_share_it_are_told_that_it_is_awaited(void **state)
{
	struct trio *t = *state;
	struct kq_owner *s[4], *x, *gone;
	uint32_t i;

	trio_lead(t);
	gone = want(t, 1, 0, 0);
	trio_drop(t, 1, gone);
	for (i = 0; i < 4; i++)
		s[i] = want(t, 2 + i % 2, KQUORUM_LOCK_SHARED, 0);
	trio_drop(t, 2, s[0]);
	x = want(t, 1, 0, 0);
	assert_int_equal(x->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(t->core[1]->concerned, 1 << 1 | 1 << 2 | 1 << 3);
	for (i = 1; i <= 3; i++)
		assert_int_equal(resource_of(t->core[i], "gpu")->nodes, 1 << 2 | 1 << 3);
	for (i = 1; i < 4; i++)
		trio_drop(t, 2 + i % 2, s[i]);
	assert_int_equal(x->state, KQUORUM_LOCK_GRANTED);
	for (i = 1; i <= 3; i++)
		assert_int_equal(resource_of(t->core[i], "gpu")->nodes, 1 << 1);
	trio_drop(t, 1, x);
	assert_nothing_left(t);
}

/* On every replica, for whoever looks there. */
static void who_holds_it_and_what_for_is_known_everywhere(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;
	uint32_t i;

	trio_lead(t);
	o = want(t, 2, KQUORUM_LOCK_SHARED, 0);
	assert_all_sound(t);
	for (i = 1; i <= 3; i++) {
		const struct kq_claim *claim = holder_of(t->core[i], "gpu");

		assert_int_equal(claim->holder_node, 2);
		assert_int_equal(claim->mode, KQ_CLAIM_SHARED);
		assert_int_equal(claim->pid, 77);
		assert_string_equal(claim->comm, "train");
		assert_int_equal(claim->info_len, 7);
		assert_memory_equal(claim->bytes, "epoch 4", 7);
	}
	trio_drop(t, 2, o);
	assert_nothing_left(t);
}

static void a_handle_is_told_why_it_cannot_have_it(void **state)
{
	static const struct {
		uint32_t flags, units;
		int32_t error;
	} row[] = {
		{ 0, 3, -ERANGE },
		{ KQUORUM_LOCK_TRY, 3, -ERANGE },
		{ KQUORUM_LOCK_TRY, 1, -EAGAIN },
		{ 0, 1, -EUSERS },
		{ KQUORUM_LOCK_SHARED, 0, -EUSERS },
	};
	struct trio *t = *state;
	struct kq_owner *holder, *waiter, *o;
	uint32_t i;

	trio_lead(t);
	assert_int_equal(say_define(t, 2, KQ_DEFINE_FLAGS, 2, 1), 0);
	holder = want(t, 1, 0, 0);
	waiter = want(t, 3, 0, 2);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		o = want(t, 1 + i % 3, row[i].flags, row[i].units);
		assert_int_equal(o->state, KQUORUM_LOCK_REFUSED);
		assert_int_equal(o->error, row[i].error);
		trio_drop(t, 1 + i % 3, o);
	}
	trio_drop(t, 1, holder);
	assert_int_equal(waiter->state, KQUORUM_LOCK_GRANTED);
	trio_drop(t, 3, waiter);
	assert_nothing_left(t);
}

static void a_handle_that_waits_for_too_many_is_told(void **state)
{
	struct trio *t = *state;
	struct kq_owner *holder, *waiter, *behind;
	uint32_t closed;

	trio_lead(t);
	assert_int_equal(say_define(t, 1, KQ_DEFINE_FLAGS, 4, 0), 0);
	holder = want(t, 1, 0, 1);
	waiter = want(t, 3, 0, 4);
	behind = want(t, 2, 0, 1);
	assert_int_equal(behind->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(say_define(t, 2, KQ_DEFINE_UNITS, 3, 0), 0);
	assert_int_equal(waiter->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(waiter->error, -ERANGE);
	assert_int_equal(behind->state, KQUORUM_LOCK_GRANTED);
	/* Nothing of it has to be given back. */
	closed = t->owners_closed;
	kq_core_unlock(t->core[3], t->now, waiter);
	assert_int_equal(t->core[3]->pending_count, 0);
	trio_settle(t);
	assert_int_equal(t->owners_closed, closed + 1);
	trio_drop(t, 1, holder);
	trio_drop(t, 2, behind);
	assert_nothing_left(t);
}

/* Its RELEASE comes behind the DEFINE that took its claim away: it finds nothing. */
static void one_that_is_refused_while_it_closes_is_closed(void **state)
{
	struct trio *t = *state;
	struct kq_owner *holder, *waiter;
	uint8_t buf[COMMAND_MAX];
	uint32_t closed, len = put_define(buf, "gpu", KQ_DEFINE_UNITS, 2, 0);

	trio_lead(t);
	assert_int_equal(say_define(t, 1, KQ_DEFINE_FLAGS, 4, 0), 0);
	holder = want(t, 1, 0, 1);
	waiter = want(t, 3, 0, 4);
	assert_int_equal(kq_core_append(t->core[1], t->now,
					command_new(KQ_ENTRY_DEFINE, buf, len)), 0);
	closed = t->owners_closed;
	kq_core_unlock(t->core[3], t->now, waiter);
	trio_pass(t, 50);
	assert_int_equal(t->owners_closed, closed + 1);
	trio_drop(t, 1, holder);
	assert_nothing_left(t);
}

static void one_that_stops_waiting_lets_others_in(void **state)
{
	struct trio *t = *state;
	struct kq_owner *holder, *large, *small[2];
	uint64_t token;
	uint32_t i;

	trio_lead(t);
	assert_int_equal(say_define(t, 1, KQ_DEFINE_FLAGS, 3, 0), 0);
	holder = want(t, 1, 0, 1);
	large = want(t, 2, 0, 3);
	for (i = 0; i < 2; i++)
		small[i] = want(t, 3, 0, 1);
	assert_int_equal(small[1]->state, KQUORUM_LOCK_QUEUED);
	trio_drop(t, 2, large);
	token = small[0]->token;
	assert_int_not_equal(token, 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(small[i]->state, KQUORUM_LOCK_GRANTED);
		assert_int_equal(small[i]->token, token);
		assert_int_equal(small[i]->numbers[0], 2 << i);
		trio_drop(t, 3, small[i]);
	}
	trio_drop(t, 1, holder);
	assert_nothing_left(t);
}

/* A lease that ran out takes all of them along; what waited asks again. */
static void the_units_of_a_node_that_is_gone_go_to_others(void **state)
{
	struct trio *t = *state;
	struct kq_owner *held[2], *again, *waiter;
	uint32_t i;

	trio_lead(t);
	assert_int_equal(say_define(t, 1, KQ_DEFINE_FLAGS, 4, 0), 0);
	for (i = 0; i < 2; i++)
		held[i] = want(t, 3, 0, 2);
	again = want(t, 3, 0, 3);
	waiter = want(t, 2, 0, 4);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	t->cut[3] = true;
	trio_pass(t, 4000);
	assert_int_equal(t->core[1]->session[3].id, 0);
	assert_int_equal(waiter->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(waiter->numbers[0], 0xf);
	for (i = 0; i < 2; i++) {
		assert_int_equal(held[i]->state, KQUORUM_LOCK_LOST);
		assert_true(held[i]->token < waiter->token);
	}
	t->cut[3] = false;
	trio_pass(t, 1000);
	assert_int_equal(again->state, KQUORUM_LOCK_QUEUED);
	trio_drop(t, 2, waiter);
	assert_int_equal(again->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(again->numbers[0], 7);
	for (i = 0; i < 2; i++)
		trio_drop(t, 3, held[i]);
	assert_all_sound(t);
	trio_drop(t, 3, again);
	assert_nothing_left(t);
}

static void whoever_says_something_is_told_what_became_of_it(void **state)
{
	struct trio *t = *state;
	uint8_t buf[COMMAND_MAX];
	struct kq_owner *o;
	uint32_t len;

	trio_lead(t);
	assert_int_equal(say_define(t, 3, KQ_DEFINE_UNITS, 2, 0), -ENOENT);
	len = put_undefine(buf, "gpu");
	assert_int_equal(trio_command(t, 2, KQ_ENTRY_UNDEFINE, buf, len), -ENOENT);
	assert_int_equal(say_define(t, 3, KQ_DEFINE_FLAGS, 2, 0), 0);
	assert_int_equal(say_define(t, 1, KQ_DEFINE_FLAGS, 2, 0), -EEXIST);
	assert_int_equal(say_define(t, 2, 0x4000, 2, 0), -EINVAL);
	o = want(t, 1, 0, 2);
	assert_int_equal(trio_command(t, 2, KQ_ENTRY_UNDEFINE, buf, len), -EBUSY);
	trio_drop(t, 1, o);
	assert_int_equal(trio_command(t, 2, KQ_ENTRY_UNDEFINE, buf, len), 0);
	assert_nothing_left(t);
	assert_null(resource_of(t->core[3], "gpu"));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(a_handle_has_the_numbers_of_its_units),
		TRIO_TEST(who_shares_is_let_in_with_the_others),
		TRIO_TEST(nodes_that_share_it_are_told_that_it_is_awaited),
		TRIO_TEST(who_holds_it_and_what_for_is_known_everywhere),
		TRIO_TEST(a_handle_is_told_why_it_cannot_have_it),
		TRIO_TEST(a_handle_that_waits_for_too_many_is_told),
		TRIO_TEST(one_that_is_refused_while_it_closes_is_closed),
		TRIO_TEST(one_that_stops_waiting_lets_others_in),
		TRIO_TEST(the_units_of_a_node_that_is_gone_go_to_others),
		TRIO_TEST(whoever_says_something_is_told_what_became_of_it),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
