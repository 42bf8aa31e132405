// SPDX-License-Identifier: GPL-2.0
/*
 * The core without memory: whichever allocation fails, nothing is lost and it goes on.
 */
#include "trio.h"

static void a_core_without_memory_is_none(void **state)
{
	struct kq_core *core = NULL;
	unsigned long i;

	for (i = 1; !core; i++) {
		struct kq_config cfg = trio_config;

		assert_true(i < 10);
		cfg.self = 1;
		kq_alloc_fail_at = i;
		core = kq_core_create(&cfg);
		kq_alloc_fail_at = 0;
	}
	assert_true(i > 2);
	kq_core_destroy(core);
	kq_core_destroy(NULL);
	assert_int_equal(kq_alloc_live, 0);
}

static void owners_need_a_name_and_memory(void **state)
{
	char name[KQ_RESOURCE_MAX + 1];
	struct kq_owner o = { 0 };
	unsigned long i;
	int err = -ENOMEM;

	memset(name, 'a', sizeof(name));
	assert_int_equal(kq_owner_init(&o, name, 0, 0, 1, "test"), -EINVAL);
	assert_int_equal(kq_owner_init(&o, name, sizeof(name), 0, 1, "test"), -EINVAL);
	for (i = 1; err; i++) {
		memset(&o, 0, sizeof(o));
		kq_alloc_fail_at = i;
		err = kq_owner_init(&o, name, 1, 0, 1, "test");
		kq_alloc_fail_at = 0;
		assert_true(!err || err == -ENOMEM);
	}
	assert_int_equal(i, 4);
	kq_owner_destroy(&o);
	assert_int_equal(kq_alloc_live, 0);
}

/* What a daemon on node 1 would do until there is a leader. */
static bool elect_somebody(struct trio *t)
{
	uint32_t i, n;

	for (i = 0; i < 40; i++) {
		for (n = 1; n <= 3; n++)
			if (t->core[n]->role == KQUORUM_LEADER && t->core[n]->lead_ready)
				return true;
		if (t->core[1]->canvass == KQUORUM_CANVASS_WON)
			kq_core_campaign(t->core[1], t->now);
		else
			kq_core_canvass(t->core[1], t->now);
		trio_settle(t);
		trio_pass(t, 100);
	}
	return false;
}

/* Everything a cluster does: elects, appends, locks, hands over, loses a connection. */
static void a_busy_day(struct trio *t)
{
	struct kq_owner *o[4] = { NULL };
	uint32_t i;
	int err;

	elect_somebody(t);
	for (i = 1; i <= 3; i++) {
		struct kq_proposal *p = proposal_new("bytes", 5);

		if (!p->entry || kq_core_append(t->core[i], t->now, p)) {
			kq_entry_free(p->entry);
			free(p);
		}
		o[i] = calloc(1, sizeof(*o[i]));
		err = kq_owner_init(o[i], "db", 2, 0, 1, "test");
		if (!err)
			err = kq_core_lock(t->core[i], t->now, o[i]);
		if (err) {
			assert_true(err == -ENOMEM || err == -EIO);
			kq_owner_destroy(o[i]);
			free(o[i]);
			o[i] = NULL;
		}
		trio_settle(t);
	}
	trio_pass(t, 300);
	kq_core_peer_down(t->core[1], t->now, 2);
	kq_core_peer_down(t->core[2], t->now, 1);
	kq_core_peer_up(t->core[1], t->now, 2, 1);
	kq_core_peer_up(t->core[2], t->now, 1, 1);
	trio_settle(t);
	for (i = 1; i <= 3; i++)
		if (o[i])
			kq_core_unlock(t->core[i], t->now, o[i]);
	trio_pass(t, 300);
	for (i = 1; i <= 3; i++)
		kq_core_transfer(t->core[i], t->now, 0);
	trio_pass(t, 300);
}

/* The first allocation of such a day fails, on the next day the second, and so on. */
static void each_allocation_may_fail(void **state)
{
	unsigned long nth = 0, left = 0;
	uint32_t i;

	while (!left) {
		struct trio *t;
		void *fresh;

		assert_true(++nth < 20000);
		trio_setup(&fresh);
		t = fresh;
		kq_alloc_fail_at = nth;
		a_busy_day(t);
		left = kq_alloc_fail_at;	/* not reached any more: that was the last */
		kq_alloc_fail_at = 0;
		assert_true(elect_somebody(t));
		trio_pass(t, 4000);
		t->done = 0;
		for (i = 1; i <= 3; i++) {
			assert_int_equal(t->core[i]->state, KQUORUM_NODE_RUNNING);
			assert_int_equal(t->core[i]->local.state, KQ_SESSION_LIVE);
			assert_int_equal(trio_append(t, i), 0);
		}
		trio_pass(t, 1000);
		assert_int_equal(t->done, 3);
		assert_int_equal(t->done_error, 0);
		for (i = 1; i <= 3; i++) {
			assert_int_equal(t->core[i]->applied, t->core[1]->applied);
			assert_int_equal(t->core[i]->claims, 0);
			assert_int_equal(t->core[i]->pending_count, 0);
		}
		trio_teardown(&fresh);
	}
	print_message("# %lu allocations failed, one a day\n", nth - 1);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_core_without_memory_is_none),
		cmocka_unit_test(owners_need_a_name_and_memory),
		cmocka_unit_test(each_allocation_may_fail),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
