// SPDX-License-Identifier: GPL-2.0
/*
 * The core without memory: whichever allocation fails, nothing is lost and it goes on.
 */
#include "trio.h"
#include "resources.h"

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

static void owners_need_a_request_that_can_be_and_memory(void **state)
{
	char text[KQ_RESOURCE_MAX + 1];
	struct kq_lock_ask ask = { .name = text, .info = text, .admin = true, .comm = "test" };
	struct kq_owner o = { 0 };
	unsigned long i;
	int err = -ENOMEM;

	memset(text, 'a', sizeof(text));
	assert_int_equal(kq_owner_init(&o, &ask), -EINVAL);
	ask.name_len = sizeof(text);
	assert_int_equal(kq_owner_init(&o, &ask), -EINVAL);
	ask.name_len = 1;
	ask.info_len = KQ_INFO_MAX + 1;
	assert_int_equal(kq_owner_init(&o, &ask), -EINVAL);
	ask.info_len = KQ_INFO_MAX;
	ask.units = KQ_UNITS_MAX + 1;
	assert_int_equal(kq_owner_init(&o, &ask), -EINVAL);
	ask.units = 2;
	ask.flags = KQUORUM_LOCK_SHARED;
	assert_int_equal(kq_owner_init(&o, &ask), -EINVAL);
	ask.flags = 0;
	for (i = 1; err; i++) {
		memset(&o, 0, sizeof(o));
		kq_alloc_fail_at = i;
		err = kq_owner_init(&o, &ask);
		kq_alloc_fail_at = 0;
		assert_true(!err || err == -ENOMEM);
	}
	assert_int_equal(i, 4);
	kq_owner_destroy(&o);
	assert_int_equal(kq_alloc_live, 0);
}

/* Everything a cluster does: elects, appends, locks, hands over, loses a connection. */
static void a_busy_day(struct trio *t)
{
	const struct kq_lock_ask a = { .name = "db", .name_len = 2, .admin = true, .comm = "test" };
	struct kq_owner *o[4] = { NULL };
	uint32_t i;
	int err;

	trio_elect(t, 1);
	for (i = 1; i <= 3; i++) {
		struct kq_proposal *p = proposal_new("bytes", 5);

		if (!p->entry || kq_core_append(t->core[i], t->now, p)) {
			kq_entry_free(p->entry);
			free(p);
		}
		o[i] = calloc(1, sizeof(*o[i]));
		err = kq_owner_init(o[i], &a);
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
	trio_up(t->core[1], t->now, 2, TRIO_INCARNATION(2));
	trio_up(t->core[2], t->now, 1, TRIO_INCARNATION(1));
	trio_settle(t);
	for (i = 1; i <= 3; i++)
		if (o[i])
			kq_core_unlock(t->core[i], t->now, o[i]);
	trio_pass(t, 300);
	for (i = 1; i <= 3; i++)
		kq_core_transfer(t->core[i], t->now, 0);
	trio_pass(t, 300);
}

/* A node falls silent: it is suspect, comes back, is cut off again and its session expires. */
static void a_lonely_day(struct trio *t)
{
	trio_elect(t, 1);
	trio_pass(t, 300);
	t->cut[3] = true;
	trio_pass(t, 1300);
	t->cut[3] = false;
	trio_pass(t, 300);
	t->cut[3] = true;
	trio_pass(t, 2300);
	t->cut[3] = false;
	trio_pass(t, 300);
}

/* A member has its vote taken away until it has caught up, and another gets a name. */
static void a_day_of_changes(struct trio *t)
{
	struct kq_conf_change to = {
		.to = { .voters = 0x6, .learners = 0x8 }, .id = 3,
		.member = { .flags = KQUORUM_CONF_PROMOTE, .name = "n3", .address = "10.0.0.3" },
	};

	trio_elect(t, 1);
	trio_pass(t, 300);
	kq_core_reconfigure(t->core[1], t->now, &to);
	trio_pass(t, 500);
	to = (struct kq_conf_change){ .to = t->core[1]->conf, .id = 2, .member.name = "n2" };
	kq_core_reconfigure(t->core[1], t->now, &to);
	trio_pass(t, 300);
}

/* Node 1 says something of "gpu", if there is memory for it. */
static void speak(struct trio *t, uint16_t type, const uint8_t *payload, uint32_t len)
{
	struct kq_proposal *p = command_new(type, payload, len);

	if (!p->entry || kq_core_append(t->core[1], t->now, p)) {
		kq_entry_free(p->entry);
		free(p);
	}
	trio_pass(t, 100);
}

/* Shares and units are taken of what is defined, said otherwise, and taken back. */
static void a_day_of_resources(struct trio *t)
{
	static const struct kq_lock_ask asks[] = {
		{ .name = "gpu", .name_len = 3, .units = 2, .info = "one", .info_len = 3 },
		{ .name = "gpu", .name_len = 3, .units = 3 },
		{ .name = "gpu", .name_len = 3, .flags = KQUORUM_LOCK_SHARED },
		{ .name = "gpu", .name_len = 3, .flags = KQUORUM_LOCK_SHARED },
		{ .name = "gpu", .name_len = 3, .units = 4, .flags = KQUORUM_LOCK_TRY },
	};
	struct kq_owner *o[ARRAY_SIZE(asks)];
	uint8_t buf[COMMAND_MAX];
	uint32_t i;

	trio_elect(t, 1);
	speak(t, KQ_ENTRY_DEFINE, buf, put_define(buf, "gpu", KQ_DEFINE_FLAGS, 3, 4));
	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		struct kq_lock_ask a = asks[i];

		a.comm = "test";
		o[i] = calloc(1, sizeof(*o[i]));
		if (kq_owner_init(o[i], &a) || kq_core_lock(t->core[1 + i % 3], t->now, o[i])) {
			kq_owner_destroy(o[i]);
			free(o[i]);
			o[i] = NULL;
		}
		trio_settle(t);
	}
	speak(t, KQ_ENTRY_DEFINE, buf, put_define(buf, "gpu", KQ_DEFINE_UNITS, 2, 0));
	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		if (o[i])
			kq_core_unlock(t->core[1 + i % 3], t->now, o[i]);
		trio_pass(t, 100);
	}
	speak(t, KQ_ENTRY_UNDEFINE, buf, put_undefine(buf, "gpu"));
}

/* The first allocation of such a day fails, on the next day the second, and so on. */
static void each_allocation_may_fail(void (*day)(struct trio *t))
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
		day(t);
		left = kq_alloc_fail_at;	/* not reached any more: that was the last */
		kq_alloc_fail_at = 0;
		assert_true(trio_elect(t, 1));
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
			assert_int_equal(t->core[i]->res->claims, 0);
			assert_int_equal(t->core[i]->res->pools, t->core[1]->res->pools);
			assert_table(t->core[i]);
			assert_int_equal(t->core[i]->pending_count, 0);
			assert_false(t->core[1]->session[i].suspect);
		}
		trio_teardown(&fresh);
	}
	print_message("# %lu allocations failed, one a day\n", nth - 1);
}

static void each_allocation_of_a_busy_day_may_fail(void **state)
{
	each_allocation_may_fail(a_busy_day);
}

static void each_allocation_of_a_day_of_changes_may_fail(void **state)
{
	each_allocation_may_fail(a_day_of_changes);
}

static void each_allocation_of_a_day_of_resources_may_fail(void **state)
{
	each_allocation_may_fail(a_day_of_resources);
}

static void each_allocation_of_a_day_with_a_silent_node_may_fail(void **state)
{
	each_allocation_may_fail(a_lonely_day);
}

/* Node 1 says to node 2, in term 1, that it leads. */
static void the_leader_is_answered_once_there_is_memory(struct trio *t)
{
	struct kq_body_append b = { .promise_ms = cpu_to_le32(1000) };
	const char *why;

	kq_alloc_fail_at = 1;
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, &b, sizeof(b), &why), 0);
	assert_int_equal(kq_alloc_fail_at, 0);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_APPEND_RESP), 0);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, &b, sizeof(b), &why), 0);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_APPEND_RESP), 1);
}

static void a_stale_leader_is_told_once_there_is_memory(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	trio_take(t, 2, 1, 0);
	t->core[2]->hs.term = 5;		/* as if there had been elections since */
	the_leader_is_answered_once_there_is_memory(t);
	t->core[2]->hs.term = TRIO_TERM;
}

static void that_it_failed_is_told_once_there_is_memory(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	trio_take(t, 2, 1, 0);
	kq_core_fail(t->core[2], -EIO, "broken by the test");
	the_leader_is_answered_once_there_is_memory(t);
}

static void a_suspect_is_heard_although_there_was_no_memory_at_first(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	u64 session;

	trio_suspect(t);
	session = c->session[3].id;
	kq_alloc_fail_at = 1;
	trio_renew(t);
	assert_int_equal(kq_alloc_fail_at, 0);
	trio_settle(t);
	assert_true(c->session[3].suspect);
	trio_renew(t);
	trio_settle(t);
	assert_false(c->session[3].suspect);
	assert_int_equal(c->session[3].id, session);
}

/* It cannot say goodbye: its session is over when its promise is. */
static void a_node_that_stops_without_memory_lets_its_session_expire(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	kq_alloc_fail_at = 1;
	kq_core_stop(t->core[3], t->now, false);
	assert_int_equal(kq_alloc_fail_at, 0);
	assert_int_equal(t->core[3]->local.deadline_ns, 0);
	assert_true(kq_core_stopped(t->core[3]));
	assert_int_not_equal(t->core[1]->session[3].id, 0);
	trio_pass(t, 3000);
	assert_int_equal(t->core[1]->session[3].id, 0);
	assert_int_equal(t->core[3]->session[3].id, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_core_without_memory_is_none),
		cmocka_unit_test(owners_need_a_request_that_can_be_and_memory),
		cmocka_unit_test(each_allocation_of_a_busy_day_may_fail),
		cmocka_unit_test(each_allocation_of_a_day_with_a_silent_node_may_fail),
		cmocka_unit_test(each_allocation_of_a_day_of_changes_may_fail),
		cmocka_unit_test(each_allocation_of_a_day_of_resources_may_fail),
		TRIO_TEST(a_stale_leader_is_told_once_there_is_memory),
		TRIO_TEST(that_it_failed_is_told_once_there_is_memory),
		TRIO_TEST(a_suspect_is_heard_although_there_was_no_memory_at_first),
		TRIO_TEST(a_node_that_stops_without_memory_lets_its_session_expire),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
