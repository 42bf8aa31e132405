// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions and their leases, where the simulator seldom comes: answers that are late, requests
 * that outlive a leadership, clocks that run ahead, a log without room.
 */
#include "trio.h"
#include "resources.h"

static void assert_not_longer(struct trio *t, uint32_t id, uint64_t sent_ns, uint64_t lease_ms)
{
	struct kq_core *c = t->core[id];
	struct kq_body_renew_resp r = {
		.session = cpu_to_le64(c->local.id), .sent_ns = cpu_to_le64(sent_ns),
		.lease_ns = cpu_to_le64(lease_ms * MS),
	};
	uint64_t deadline = c->local.deadline_ns;
	uint32_t was = c->local.state;
	const char *why;

	kq_core_take_events(c);
	assert_int_equal(trio_say(t, 1, id, KQ_MSG_RENEW_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
	assert_false(kq_core_take_events(c) & KQUORUM_EVENT_SESSION);
	assert_int_equal(c->local.deadline_ns, deadline);
	assert_int_equal(c->local.state, was);
}

static void a_renewal_that_comes_after_its_lease_is_over_is_worth_nothing(void **state)
{
	struct trio *t = *state;

	assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
	trio_settle(t);
	kq_core_tick(t->core[1], t->now += 100 * MS);
	trio_settle(t);
	kq_core_tick(t->core[2], t->now);
	trio_settle(t);
	assert_int_equal(t->core[2]->local.state, KQ_SESSION_OPEN);
	assert_not_longer(t, 2, t->now - 500 * MS, 500);
	trio_pass(t, 500);
	assert_int_equal(t->core[2]->local.state, KQ_SESSION_LIVE);
	assert_not_longer(t, 2, t->now - 500 * MS, 500);
	assert_not_longer(t, 2, t->now + 1, 2000);	/* nor one of what was not asked yet */
}

static void a_session_that_opens_while_its_node_stops_expires_unseen(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	uint64_t id;

	assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
	trio_settle(t);
	kq_core_tick(t->core[1], t->now += 100 * MS);
	trio_settle(t);
	kq_core_tick(c, t->now);
	assert_int_equal(c->local.state, KQ_SESSION_OPENING);
	id = c->local.id;
	kq_core_stop(c, t->now, false);
	assert_int_equal(c->local.state, KQ_SESSION_NONE);
	trio_settle(t);
	assert_int_equal(t->core[1]->session[3].id, id);	/* the log opened it all the same */
	assert_int_equal(c->local.deadline_ns, 0);
	kq_core_take_events(c);
	trio_pass(t, 3000);
	assert_int_equal(t->core[1]->session[3].id, 0);
	assert_false(kq_core_take_events(c) & KQUORUM_EVENT_SESSION);
	assert_int_equal(c->local.state, KQ_SESSION_NONE);
}

/* CLEAR stands in the log of a leader that loses its quorum; it commits in the next term. */
static void a_suspicion_that_is_lifted_in_a_later_term_is_lifted_once(void **state)
{
	const struct kq_body_vote_resp vote = { .req_term = cpu_to_le64(TRIO_TERM + 1),
						.granted = cpu_to_le32(1) };
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	const char *why;

	trio_suspect(t);
	t->cut[2] = true;
	trio_renew(t);
	trio_settle(t);
	assert_true(c->peer[3].clear_sent);
	assert_true(c->session[3].suspect);
	t->now += 1100 * MS;
	kq_core_tick(c, t->now);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);
	assert_int_equal(kq_core_campaign(c, t->now), 0);
	trio_settle(t);
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_VOTE_RESP, TRIO_TERM + 1, &vote, sizeof(vote),
				 &why), 0);
	t->cut[2] = false;
	t->now += 100 * MS;
	kq_core_tick(c, t->now);
	trio_settle(t);
	/* It was no request of this leadership: nothing is answered, a fresh promise runs. */
	assert_true(c->lead_ready);
	assert_false(c->session[3].suspect);
	assert_false(c->peer[3].clear_sent);
	assert_int_equal(c->peer[3].renew_round, 0);
	t->cut[3] = false;
	trio_pass(t, 500);
	assert_true(c->session[3].id);
}

/* The same, but it is another node that leads then. */
static void a_suspicion_that_another_leader_lifts_is_not_answered_here(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_suspect(t);
	t->disk_hangs[2] = true;
	trio_renew(t);
	trio_settle(t);
	assert_int_equal(t->core[2]->log.last, c->log.last);
	assert_true(c->peer[3].clear_sent);
	assert_true(c->session[3].suspect);
	t->cut[1] = true;
	t->cut[3] = false;
	t->disk_hangs[2] = false;
	t->now += 1100 * MS;
	kq_core_tick(c, t->now);
	assert_true(trio_elect(t, 2));
	assert_false(t->core[2]->session[3].suspect);
	t->cut[1] = false;
	trio_pass(t, 300);
	assert_int_equal(c->leader, 2);
	assert_false(c->session[3].suspect);
	assert_false(c->peer[3].clear_sent);
	assert_int_equal(c->peer[3].renew_round, 0);
}

/* The clock of a waiter runs ahead: its lease is over here, before anybody else knows. */
static void a_grant_in_a_session_that_has_lapsed_here_is_not_taken(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct kq_owner *o, *w, *h;
	int err;

	trio_lead(t);
	o = trio_owner(t, 1, "db", &err);
	h = trio_owner(t, 3, "held", &err);
	trio_settle(t);
	w = trio_owner(t, 3, "db", &err);
	trio_settle(t);
	assert_int_equal(h->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(w->state, KQUORUM_LOCK_QUEUED);
	kq_core_tick(c, t->now + 2500 * MS);
	assert_int_equal(c->local.state, KQ_SESSION_LAPSED);
	assert_int_equal(h->state, KQUORUM_LOCK_LOST);
	kq_core_unlock(t->core[1], t->now, o);
	trio_pass(t, 50);
	assert_int_equal(c->local.state, KQ_SESSION_LAPSED);
	assert_int_equal(t->core[1]->session[3].id, c->local.id);
	assert_int_equal(holder_of(c, "db")->holder_node, 3);
	assert_int_equal(w->state, KQUORUM_LOCK_QUEUED);
	assert_int_equal(w->token, 0);
	/* In the next session the waiter asks again; what was lost stays lost. */
	trio_pass(t, 6000);
	assert_int_equal(c->local.state, KQ_SESSION_LIVE);
	assert_int_equal(w->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(h->state, KQUORUM_LOCK_LOST);
	assert_int_equal(t->core[1]->res->claims, 1);
	kq_core_unlock(c, t->now, w);
	kq_core_unlock(c, t->now, h);
	trio_pass(t, 100);
}

static void what_a_node_holds_when_it_drops_its_lease_is_lost_at_once(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct kq_owner *h, *w;
	uint64_t promised, session;
	int err;

	trio_lead(t);
	h = trio_owner(t, 3, "db", &err);
	trio_settle(t);
	w = trio_owner(t, 1, "db", &err);
	trio_settle(t);
	assert_int_equal(h->state, KQUORUM_LOCK_GRANTED);
	promised = t->core[1]->peer[3].promise_until_ns;
	session = c->local.id;
	kq_core_take_events(c);
	kq_core_drop_lease(c, t->now);
	assert_int_equal(c->local.deadline_ns, 0);
	assert_int_equal(h->state, KQUORUM_LOCK_LOST);
	assert_true(kq_core_take_events(c) & KQUORUM_EVENT_SESSION);
	/* An answer that was on its way lengthens nothing, and nobody has it before the promise is over. */
	assert_not_longer(t, 3, t->now, 500);
	while (t->now + 25 * MS < promised) {
		trio_pass(t, 25);
		assert_int_equal(w->state, KQUORUM_LOCK_QUEUED);
		assert_int_equal(c->local.id, session);
		assert_int_equal(c->local.deadline_ns, 0);
	}
	trio_pass(t, 500);
	assert_int_equal(w->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(h->state, KQUORUM_LOCK_LOST);
	assert_int_equal(c->local.state, KQ_SESSION_LIVE);
	assert_int_not_equal(c->local.id, session);
	kq_core_unlock(c, t->now, h);
	kq_core_unlock(t->core[1], t->now, w);
	trio_pass(t, 100);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(a_renewal_that_comes_after_its_lease_is_over_is_worth_nothing),
		TRIO_TEST(a_session_that_opens_while_its_node_stops_expires_unseen),
		TRIO_TEST(a_suspicion_that_is_lifted_in_a_later_term_is_lifted_once),
		TRIO_TEST(a_suspicion_that_another_leader_lifts_is_not_answered_here),
		TRIO_TEST(a_grant_in_a_session_that_has_lapsed_here_is_not_taken),
		TRIO_TEST(what_a_node_holds_when_it_drops_its_lease_is_lost_at_once),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
