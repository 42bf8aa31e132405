// SPDX-License-Identifier: GPL-2.0
/*
 * What was under way at a node that installs a snapshot: locks that are held or waited for,
 * requests, and the session under which they were made.
 */
#include "resources.h"
#include "trio_snap.h"

/* What waits from one node for another is delivered, and only that. */
static void deliver(struct trio *t, uint32_t from, uint32_t to)
{
	LIST_HEAD(list);

	kq_core_take_msgs(t->core[from], to, &list);
	while (!list_empty(&list)) {
		struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
		const struct kq_wire_hdr *h = (const void *)m->data;
		const char *why;

		list_del(&m->node);
		assert_int_equal(kq_core_recv(t->core[to], t->now, h, h + 1, &why), 0);
		kq_free(m);
	}
}

/* Nodes 1 and 2 go on without node 3 for a moment, and what it lacks is gone. */
static void a_moment_without(struct trio *t)
{
	t->cut[3] = true;
	append_many(t, 1, 20);
	trio_pass(t, 50);
	snapshot(t, 1);
	t->cut[3] = false;
}

static void a_lock_that_was_granted_meanwhile_is_told(void **state)
{
	struct trio *t = *state;
	struct kq_owner *holder, *waiter, *second;
	int err;

	trio_lead(t);
	t->core[1]->cfg.keep_entries = 1;
	holder = trio_owner(t, 1, "db", &err);
	trio_settle(t);
	waiter = trio_owner(t, 3, "db", &err);
	second = trio_owner(t, 3, "db", &err);
	trio_settle(t);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	t->cut[3] = true;
	kq_core_unlock(t->core[1], t->now, holder);
	a_moment_without(t);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(waiter->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(waiter->token, holder_of(t->core[1], "db")->token);
	assert_int_equal(second->state, KQUORUM_LOCK_QUEUED);
	assert_caught_up(t, 1, 3);
	kq_core_unlock(t->core[3], t->now, waiter);
	trio_pass(t, 200);
	assert_int_equal(second->state, KQUORUM_LOCK_GRANTED);
	kq_core_unlock(t->core[3], t->now, second);
	trio_pass(t, 200);
	assert_int_equal(t->core[1]->res->claims, 0);
}

static struct kq_owner *units(struct trio *t, uint32_t id, uint32_t count)
{
	const struct kq_lock_ask a = { .name = "gpu", .name_len = 3, .admin = true, .comm = "test",
				       .units = count };
	struct kq_owner *o;
	int err;

	o = trio_ask(t, id, &a, &err);
	trio_settle(t);
	return o;
}

/* What it waits for cannot be had any more; which entry said so is not to be seen. */
static void a_lock_that_was_refused_meanwhile_is_told(void **state)
{
	struct kq_owner *holder, *waiter, *behind;
	struct trio *t = *state;
	uint8_t buf[COMMAND_MAX];

	trio_lead(t);
	t->core[1]->cfg.keep_entries = 1;
	assert_int_equal(trio_command(t, 1, KQ_ENTRY_DEFINE, buf,
				      put_define(buf, "gpu", KQ_DEFINE_FLAGS, 4, 0)), 0);
	holder = units(t, 1, 1);
	waiter = units(t, 3, 4);
	behind = units(t, 3, 2);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(behind->state, KQUORUM_LOCK_QUEUED);
	t->cut[3] = true;
	assert_int_equal(trio_command(t, 1, KQ_ENTRY_DEFINE, buf,
				      put_define(buf, "gpu", KQ_DEFINE_UNITS, 3, 0)), 0);
	a_moment_without(t);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(waiter->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(waiter->error, -EBUSY);
	assert_int_equal(behind->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(behind->token, claim_of(t->core[1], 3, behind->id)->token);
	assert_int_equal(behind->numbers[0], 6);
	assert_caught_up(t, 1, 3);
	/* There is nothing to be given back for it. */
	t->owners_closed = 0;
	kq_core_unlock(t->core[3], t->now, waiter);
	assert_int_equal(t->core[3]->pending_count, 0);
	trio_settle(t);
	assert_int_equal(t->owners_closed, 1);
	kq_core_unlock(t->core[3], t->now, behind);
	kq_core_unlock(t->core[1], t->now, holder);
	trio_pass(t, 200);
	assert_int_equal(t->core[1]->res->claims, 0);
}

/* What reached the leader, and was applied there, has an outcome here. */
static void requests_that_are_in_the_snapshot_have_their_outcome(void **state)
{
	struct trio *t = *state;
	const struct kq_lock_ask try = { .name = "other", .name_len = 5, .admin = true, .comm = "test",
					 .flags = KQUORUM_LOCK_TRY };
	struct kq_owner *held, *asked, *refused, *other;
	struct kq_core *c = t->core[3];
	int err;

	trio_lead(t);
	t->core[1]->cfg.keep_entries = 1;
	held = trio_owner(t, 3, "held", &err);
	other = trio_owner(t, 1, "other", &err);
	trio_settle(t);
	t->done = 0;
	t->owners_closed = 0;
	kq_core_unlock(c, t->now, held);
	kq_core_linger_over(c, t->now + KQ_LINGER_NS);
	asked = trio_owner(t, 3, "asked", &err);
	refused = trio_ask(t, 3, &try, &err);
	assert_int_equal(trio_append(t, 3), 0);
	deliver(t, 3, 1);
	a_moment_without(t);
	assert_int_equal(t->owners_closed, 0);
	assert_int_equal(asked->state, KQUORUM_LOCK_ASKING);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(asked->state, KQUORUM_LOCK_GRANTED);
	assert_true(asked->held);
	assert_int_equal(refused->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(refused->error, -EAGAIN);
	t->done = 0;
	trio_settle(t);
	assert_int_equal(t->owners_closed, 1);		/* held was given back */
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, -EHOSTDOWN);	/* which entry it was is not known */
	assert_int_equal(c->pending_count, 0);
	assert_caught_up(t, 1, 3);
	kq_core_unlock(c, t->now, asked);
	kq_core_unlock(c, t->now, refused);
	kq_core_unlock(t->core[1], t->now, other);
	trio_pass(t, 300);
	assert_int_equal(t->core[1]->res->claims, 0);
}

static void a_lock_whose_session_ended_meanwhile_is_lost(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o, *waiter, *holder;
	uint64_t session;
	int err;

	trio_lead(t);
	holder = trio_owner(t, 1, "b", &err);
	trio_settle(t);
	o = trio_owner(t, 3, "a", &err);
	waiter = trio_owner(t, 3, "b", &err);
	trio_settle(t);
	session = t->core[3]->local.id;
	t->done = 0;
	assert_int_equal(trio_append(t, 3), 0);
	deliver(t, 3, 1);			/* it is applied, and node 3 does not hear of it */
	t->cut[3] = true;
	trio_pass(t, 4000);
	assert_int_equal(t->core[1]->session[3].id, 0);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	leave_behind(t);
	t->done = 0;
	assert_int_equal(trio_append(t, 3), 0);	/* was never on its way */
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(waiter->state, KQUORUM_LOCK_ASKING);
	trio_settle(t);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, -EHOSTDOWN);
	assert_caught_up(t, 1, 3);
	trio_pass(t, 500);
	assert_int_equal(t->core[3]->local.state, KQ_SESSION_LIVE);
	assert_int_not_equal(t->core[3]->local.id, session);
	assert_int_equal(t->done, 2);
	assert_int_equal(t->done_error, 0);
	assert_int_equal(waiter->state, KQUORUM_LOCK_QUEUED);
	kq_core_unlock(t->core[3], t->now, o);
	kq_core_unlock(t->core[3], t->now, waiter);
	kq_core_unlock(t->core[1], t->now, holder);
	trio_pass(t, 500);
	assert_int_equal(t->core[1]->res->claims, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_SNAP_TEST(a_lock_that_was_granted_meanwhile_is_told),
		TRIO_SNAP_TEST(a_lock_that_was_refused_meanwhile_is_told),
		TRIO_SNAP_TEST(requests_that_are_in_the_snapshot_have_their_outcome),
		TRIO_SNAP_TEST(a_lock_whose_session_ended_meanwhile_is_lost),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
