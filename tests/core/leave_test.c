// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that leave: who is told when, what becomes of what they asked for, and leaders that take
 * their own vote away.
 */
#include "kq_int.h"
#include "trio.h"

static void a_node_that_leaves_is_told(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct kq_owner *o;
	int err;

	trio_lead(t);
	o = trio_owner(t, 3, "db", &err);
	trio_pass(t, 100);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 50);
	trio_assert_conf(c, N1 | N2, 0, 0);
	assert_int_equal(t->core[1]->leaving, 0);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(c->local.deadline_ns, 0);
	assert_int_equal(trio_append(t, 3), -ENXIO);
	assert_null(trio_owner(t, 3, "db", &err));
	assert_int_equal(err, -ENXIO);
	/* What it held is free once nobody can think any more that it holds. */
	assert_true(t->core[1]->session[3].id);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), -EEXIST);
	trio_pass(t, 3000);
	assert_int_equal(t->core[1]->session[3].id, 0);
	assert_int_equal(kq_core_canvass(c, t->now), -EAGAIN);
	assert_int_equal(kq_core_campaign(c, t->now), -EAGAIN);
	assert_int_equal(c->hs.term, TRIO_TERM);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_pass(t, 1000);
	assert_int_equal(c->local.state, KQ_SESSION_LIVE);
	kq_core_unlock(c, t->now, o);
	trio_settle(t);
	assert_int_equal(t->owners_closed, 1);
}

static void who_was_away_is_told_when_it_comes_back(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];

	trio_lead(t);
	assert_int_equal(trio_append(t, 3), 0);
	trio_settle(t);
	kq_core_peer_down(t->core[1], t->now, 3);
	kq_core_peer_down(c, t->now, 1);
	assert_int_equal(trio_append(t, 3), 0);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 3000);
	trio_assert_conf(c, N1 | N2 | N3, 0, 0);
	t->done = 0;
	assert_int_equal(trio_up(t->core[1], t->now, 3, c->hs.incarnation), 0);
	assert_int_equal(trio_up(c, t->now, 1, t->core[1]->hs.incarnation), 0);
	trio_pass(t, 300);
	trio_assert_conf(c, N1 | N2, 0, 0);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, -EHOSTDOWN);	/* its outcome is not known here */
	assert_int_equal(t->core[1]->leaving, 0);
}

/* Its log may end with a configuration that it is in, and that nobody else has. */
static void who_has_an_end_of_its_own_is_not_told_before_that_is_cut_off(void **state)
{
	struct kq_body_append_resp ack = {};
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	const char *why;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 3000);
	t->cut[1] = true;
	trio_pass(t, 1500);
	t->cut[1] = false;
	assert_true(trio_elect(t, 1));
	assert_true(c->term_start > c->conf_index);
	t->cut[3] = true;
	kq_core_peer_down(c, t->now, 3);
	assert_int_equal(trio_up(c, t->now, 3, TRIO_INCARNATION(3)), 0);
	assert_int_equal(c->leaving, N3);
	ack.match = cpu_to_le64(c->conf_index);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_APPEND_RESP, c->hs.term, &ack, sizeof(ack), &why),
			 0);
	assert_int_equal(c->leaving, N3);
	ack.match = cpu_to_le64(c->term_start);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_APPEND_RESP, c->hs.term, &ack, sizeof(ack), &why),
			 0);
	assert_int_equal(c->leaving, 0);
}

/* A join that was cut off again leaves nobody waiting. */
static void what_was_asked_for_while_it_was_a_member_ends(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct kq_owner *o;
	int err;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 3000);
	/* Into its log, and no further. */
	t->cut[2] = true;
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_settle(t);
	trio_assert_conf(c, N1 | N2, 0, N3);
	t->cut[1] = true;
	o = trio_owner(t, 3, "db", &err);
	assert_non_null(o);
	assert_int_equal(trio_append(t, 3), 0);
	trio_pass(t, 1500);
	t->cut[2] = false;
	assert_int_equal(o->state, KQUORUM_LOCK_ASKING);
	kq_log_cut(c, c->conf_index - 1);
	trio_assert_conf(c, N1 | N2, 0, 0);
	kq_core_tick(c, t->now += 25 * MS);
	assert_int_equal(o->state, KQUORUM_LOCK_UNKNOWN);
	trio_settle(t);
	assert_int_equal(t->done_error, -EHOSTDOWN);
	kq_core_unlock(c, t->now, o);
	trio_settle(t);
	assert_int_equal(t->owners_closed, 1);
}

static void a_leader_that_removes_itself_hands_over(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N2 | N3, 0), 0);
	trio_pass(t, 200);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	assert_true(t->core[2]->role == KQUORUM_LEADER || t->core[3]->role == KQUORUM_LEADER);
	trio_assert_conf(t->core[2], N2 | N3, 0, 0);
	trio_pass(t, 500);
	trio_assert_conf(t->core[1], N2 | N3, 0, 0);
	assert_int_equal(trio_append(t, 1), -ENXIO);
}

/* A listener that counts how often it heard of a step down. */
static void hear(void *ctx, const struct kq_core *core, const char *text)
{
	if (strstr(text, "steps down"))
		++*(unsigned int *)ctx;
}

static void a_leader_that_removes_itself_goes_when_nobody_takes_over(void **state)
{
	struct trio *t = *state;
	unsigned int heard = 0;

	t->core[1]->trace = hear;
	t->core[1]->trace_ctx = &heard;
	trio_lead(t);
	t->core[2]->stopping = t->core[3]->stopping = true;	/* will not stand */
	assert_int_equal(trio_change(t, 1, N2 | N3, 0), 0);
	while (t->core[1]->conf.outgoing)
		trio_settle(t);
	assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
	trio_pass(t, 2500);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	assert_int_equal(heard, 1);
	t->core[1]->trace = NULL;
	t->core[2]->stopping = t->core[3]->stopping = false;
}

/* It goes off the net as soon as it has left the joint configuration. */
static void cut_off(void *ctx, const struct kq_core *core, const char *text)
{
	struct trio *t = ctx;

	if (!strncmp(text, "configuration", 13) && !core->conf.outgoing)
		t->cut[1] = true;
}

/* Node 1 takes its vote away; only its own log has the end of that. */
static void leave_alone(struct trio *t, kq_nodes learners)
{
	struct kq_core *c = t->core[1];

	trio_lead(t);
	c->trace = cut_off;
	c->trace_ctx = t;
	assert_int_equal(trio_change(t, 1, N2 | N3, learners), 0);
	trio_pass(t, 1500);
	c->trace = NULL;
	trio_assert_conf(c, N2 | N3, 0, learners);
	trio_assert_conf(t->core[2], N2 | N3, N1 | N2 | N3, learners);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);
	assert_true(c->conf_index > c->commit);
	t->cut[1] = false;
}

/*
 * The others may need its vote, which they do not get, for its log is longer: then it is for it to
 * lead once more (thesis 4.2.2).
 */
static void who_alone_has_the_end_of_its_own_vote_brings_it_about(void **state)
{
	struct trio *t = *state;

	leave_alone(t, 0);
	assert_true(kq_core_is_eligible(t->core[1]));
	assert_true(trio_elect(t, 1));
	trio_pass(t, 500);
	trio_assert_conf(t->core[2], N2 | N3, 0, 0);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	assert_true(t->core[2]->role == KQUORUM_LEADER || t->core[3]->role == KQUORUM_LEADER);
	trio_pass(t, 1500);
	assert_true(kq_core_has_left(t->core[1]));
	assert_false(kq_core_is_eligible(t->core[1]));
	t->cut[2] = t->cut[3] = true;
	trio_pass(t, 2500);
	assert_int_equal(kq_core_canvass(t->core[1], t->now), -EAGAIN);
}

static void who_becomes_a_learner_brings_it_about_too(void **state)
{
	struct trio *t = *state;

	leave_alone(t, N1);
	assert_true(trio_elect(t, 1));
	trio_pass(t, 1500);
	trio_assert_conf(t->core[2], N2 | N3, 0, N1);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	assert_false(kq_core_is_eligible(t->core[1]));
}

/* What it knows of its commit index is gone then; what its log says is not. */
static void it_may_do_so_after_a_restart_too(void **state)
{
	struct kq_wal_report report;
	struct trio *t = *state;

	leave_alone(t, 0);
	trio_power_off(t, 1);
	trio_power_on(t, 1, &report);
	trio_assert_conf(t->core[1], N2 | N3, 0, 0);
	assert_true(kq_core_is_eligible(t->core[1]));
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TRIO_TEST(a_node_that_leaves_is_told),
		TRIO_TEST(who_was_away_is_told_when_it_comes_back),
		TRIO_TEST(who_has_an_end_of_its_own_is_not_told_before_that_is_cut_off),
		TRIO_TEST(what_was_asked_for_while_it_was_a_member_ends),
		TRIO_TEST(a_leader_that_removes_itself_hands_over),
		TRIO_TEST(a_leader_that_removes_itself_goes_when_nobody_takes_over),
		TRIO_TEST(who_alone_has_the_end_of_its_own_vote_brings_it_about),
		TRIO_TEST(who_becomes_a_learner_brings_it_about_too),
		TRIO_TEST(it_may_do_so_after_a_restart_too),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
