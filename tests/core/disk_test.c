// SPDX-License-Identifier: GPL-2.0
/*
 * The core and its disk: a log that is full or cannot be continued, writes that hang, messages
 * that wait for them.
 */
#include "trio.h"

#include "kq_int.h"
#include "kq_wal_priv.h"

/* The next batch but @more cannot be numbered any more; what recovery would find is the same. */
static void use_up(struct kq_core *c, uint32_t more)
{
	c->wal->seq = KQ_WAL_NUMBER_MAX - 1 - more;
}

static void assert_ended(const struct kq_core *c)
{
	assert_int_equal(c->state, KQUORUM_NODE_FAILED);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);
	assert_string_equal(c->reason, "the log cannot be continued");
	assert_int_equal(c->disk_error, -EUCLEAN);
}

static void a_follower_whose_log_cannot_be_continued_leaves_the_others_alone(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	use_up(t->core[2], 0);
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	assert_ended(t->core[2]);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, 0);
	assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
}

static void a_candidate_whose_log_ends_with_its_vote_never_leads(void **state)
{
	struct trio *t = *state;
	uint64_t commit;

	trio_lead(t);
	commit = t->core[2]->commit;
	t->cut[1] = true;
	trio_pass(t, 1500);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	t->cut[1] = false;
	use_up(t->core[1], 1);
	assert_int_equal(kq_core_canvass(t->core[1], t->now), 0);
	trio_settle(t);
	assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
	trio_settle(t);
	assert_ended(t->core[1]);
	assert_int_equal(t->core[2]->round, 0);		/* its first heartbeat never left */
	assert_int_equal(t->core[3]->round, 0);
	assert_int_equal(t->core[2]->commit, commit);
	assert_true(trio_elect(t, 2));
	assert_int_equal(t->core[2]->hs.term, TRIO_TERM + 2);
}

static void a_leader_whose_log_ends_at_an_expiry_says_nothing_more(void **state)
{
	struct trio *t = *state;
	uint64_t round;

	trio_lead(t);
	t->cut[3] = true;
	trio_pass(t, 500);
	use_up(t->core[1], 0);
	while (t->core[1]->state == KQUORUM_NODE_RUNNING) {
		round = t->core[1]->round;
		t->now += 25 * MS;
		t->core[1]->heartbeat_ns = 0;	/* one is due with each tick */
		kq_core_tick(t->core[1], t->now);
		trio_settle(t);
		assert_true(t->now < 10000 * MS);
	}
	assert_ended(t->core[1]);
	assert_int_equal(t->core[1]->round, round);	/* no heartbeat with it */
	t->cut[3] = false;
	assert_true(trio_elect(t, 2));
	trio_pass(t, 3000);
	assert_int_equal(t->core[3]->local.state, KQ_SESSION_LIVE);
}

/*
 * A lock is closed before it is granted: the release is proposed while the grant is applied.
 * The log ends there, in the middle of what is to be applied.
 */
static void give_back_at_the_end_of_the_log(struct trio *t, bool in_a_later_term)
{
	const struct kq_body_vote_resp vote = { .req_term = cpu_to_le64(TRIO_TERM + 1),
						.granted = cpu_to_le32(1) };
	struct kq_owner *o;
	uint64_t applied;
	const char *why;
	int err;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	o = trio_owner(t, 1, "db", &err);
	assert_non_null(o);
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	kq_core_unlock(t->core[1], t->now, o);
	applied = t->core[1]->applied;
	assert_int_equal(t->core[1]->log.last, applied + 2);
	if (in_a_later_term) {
		t->now += 1100 * MS;
		kq_core_tick(t->core[1], t->now);
		assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
		assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
		trio_settle(t);
		assert_int_equal(trio_say(t, 2, 1, KQ_MSG_VOTE_RESP, TRIO_TERM + 1, &vote, sizeof(vote),
					  &why), 0);
		trio_settle(t);
		assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
		assert_false(t->core[1]->lead_ready);
	}
	use_up(t->core[1], 0);
	t->cut[2] = t->cut[3] = false;
	t->now += 100 * MS;
	kq_core_tick(t->core[1], t->now);
	trio_settle(t);
	assert_ended(t->core[1]);
	assert_true(t->core[1]->commit >= applied + 2);
	assert_int_equal(t->core[1]->applied, applied + 1);	/* the grant, and no more */
	/* What it committed stays committed, and its session gives the lock back. */
	assert_true(trio_elect(t, 2));
	trio_pass(t, 3000);
	assert_int_equal(t->core[2]->res->claims, 0);
	assert_true(t->core[2]->applied > applied + 2);
}

static void what_is_applied_when_the_log_ends_is_the_last(void **state)
{
	give_back_at_the_end_of_the_log(*state, false);
}

static void what_is_applied_when_the_log_ends_in_a_new_term_is_the_last(void **state)
{
	struct trio *t = *state;

	give_back_at_the_end_of_the_log(t, true);
	assert_false(t->core[1]->lead_ready);
}

static void a_disk_full_to_its_last_block_silences_a_node_and_does_not_fail_it(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t before = c->counters.batches;
	uint32_t i;

	kq_core_take_events(c);
	t->cut[2] = t->cut[3] = true;
	for (i = 0; i < 1000 && c->hs_durable == c->hs_version; i++) {
		assert_int_equal(kq_core_campaign(c, t->now), 0);
		trio_take(t, 1, 2, 0);
		trio_settle(t);
	}
	/* Each term took a block, like each write before, and the last one got none. */
	assert_int_equal(i, SEGMENTS * (SEGMENT / KQ_WAL_BLOCK - 2) - before + 1);
	assert_int_equal(kq_wal_used(c->wal), kq_wal_capacity(c->wal));
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->disk_state, KQUORUM_DISK_FULL);
	assert_true(kq_core_take_events(c) & KQUORUM_EVENT_DISK);
	assert_int_equal(trio_take(t, 1, 2, KQ_MSG_VOTE_REQ), 0); /* not on its disk */
}

/* So that whoever saves snapshots hears of a burst that fills a small log. */
static void each_part_of_the_log_that_fills_is_told(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t part = kq_wal_capacity(c->wal) / 16, used, told = 0;

	trio_lead(t);
	kq_core_take_events(c);
	used = kq_wal_used(c->wal) / part;
	while (kq_wal_used(c->wal) / part < used + 4) {
		uint64_t before = kq_wal_used(c->wal) / part;

		assert_int_equal(trio_append(t, 1), 0);
		trio_settle(t);
		if (kq_wal_used(c->wal) / part == before) {
			assert_false(kq_core_take_events(c) & KQUORUM_EVENT_DISK);
			continue;
		}
		assert_true(kq_core_take_events(c) & KQUORUM_EVENT_DISK);
		told++;
	}
	assert_true(told >= 4);
}

static void a_probe_without_memory_is_made_at_the_next_tick(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	c->now_ns = c->disk_idle_ns + 500 * MS;
	kq_alloc_fail_at = 1;
	kq_disk_probe(c);
	assert_int_equal(kq_alloc_fail_at, 0);
	assert_null(c->batch);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	kq_disk_probe(c);
	assert_non_null(c->batch);
	assert_true(c->batch->probe);
}

static void a_write_that_ends_after_the_node_failed_acknowledges_nothing(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	t->cut[3] = true;
	t->disk_hangs[2] = true;
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	assert_non_null(t->core[2]->batch);
	kq_core_fail(t->core[2], -EIO, "broken by the test");
	t->disk_hangs[2] = false;
	kq_core_take_batch(t->core[2]);
	kq_core_disk_done(t->core[2], t->now, t->core[2]->batch, 0);
	assert_null(t->core[2]->batch);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_APPEND_RESP), 0);
	trio_settle(t);
	assert_int_equal(t->done, 0);
	assert_string_equal(t->core[2]->reason, "broken by the test");
}

static void a_node_whose_disk_hangs_does_not_stand(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	t->disk_hangs[3] = true;
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	t->cut[1] = true;
	trio_pass(t, 1500);
	assert_int_equal(t->core[3]->disk_state, KQUORUM_DISK_SLOW);
	assert_int_equal(kq_core_canvass(t->core[3], t->now), -EAGAIN);
	assert_int_equal(kq_core_campaign(t->core[3], t->now), -EAGAIN);
	t->disk_hangs[3] = false;
	trio_settle(t);
	assert_int_equal(kq_core_canvass(t->core[3], t->now), 0);
}

static void what_a_hanging_disk_holds_up_is_bounded(void **state)
{
	struct kq_body_vote_req v = { 0 };
	struct trio *t = *state;
	const char *why;
	uint32_t i;

	t->disk_hangs[2] = true;
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_VOTE_REQ, 5, &v, sizeof(v), &why), 0);
	assert_int_equal(t->core[2]->held_count, 1);
	for (i = 0; i < 1100; i++)
		assert_int_equal(trio_say(t, 1, 2, KQ_MSG_PREVOTE_REQ, 6, &v, sizeof(v), &why), 0);
	assert_int_equal(t->core[2]->held_count, 1024);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_VOTE_RESP), 0);
	kq_core_take_batch(t->core[2]);
	kq_core_disk_done(t->core[2], t->now, t->core[2]->batch, 0);
	assert_int_equal(t->core[2]->held_count, 0);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_PREVOTE_RESP), 1023);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(a_follower_whose_log_cannot_be_continued_leaves_the_others_alone),
		TRIO_TEST(a_candidate_whose_log_ends_with_its_vote_never_leads),
		TRIO_TEST(a_leader_whose_log_ends_at_an_expiry_says_nothing_more),
		TRIO_TEST(what_is_applied_when_the_log_ends_is_the_last),
		TRIO_TEST(what_is_applied_when_the_log_ends_in_a_new_term_is_the_last),
		TRIO_TEST(a_disk_full_to_its_last_block_silences_a_node_and_does_not_fail_it),
		TRIO_TEST(each_part_of_the_log_that_fills_is_told),
		TRIO_TEST(a_probe_without_memory_is_made_at_the_next_tick),
		TRIO_TEST(a_write_that_ends_after_the_node_failed_acknowledges_nothing),
		TRIO_TEST(a_node_whose_disk_hangs_does_not_stand),
		TRIO_TEST(what_a_hanging_disk_holds_up_is_bounded),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
