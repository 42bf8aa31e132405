// SPDX-License-Identifier: GPL-2.0
/*
 * The core and its caller: what it answers to calls, above all to those that come at the
 * wrong time. How clusters behave is the simulator's subject.
 */
#include "trio.h"

#include "kq_wal_priv.h"

static void connections_of_what_is_no_other_node_are_refused(void **state)
{
	struct trio *t = *state;
	struct kquorum_past past = { .identity = cpu_to_le64(TRIO_IDENTITY(2)) };
	struct kq_core *c = t->core[1];

	assert_int_equal(trio_up(c, t->now, 0, TRIO_INCARNATION(0)), -EINVAL);
	assert_int_equal(trio_up(c, t->now, 1, TRIO_INCARNATION(1)), -EINVAL);
	assert_int_equal(trio_up(c, t->now, KQ_MAX_NODES + 1, 1), -EINVAL);
	assert_int_equal(trio_up(c, t->now, 2, 0), -EINVAL);
	assert_int_equal(trio_up(c, t->now, 2, TRIO_INCARNATION(2)), 0);
	assert_int_equal(trio_up(c, t->now, 2, 7), -EBUSY);
	kq_core_peer_down(c, t->now, 2);
	assert_int_equal(trio_up(c, t->now, 2, 7), 0);
	kq_core_peer_down(c, t->now, 2);
	past.incarnation = cpu_to_le64(6);
	assert_int_equal(kq_core_peer_up(c, t->now, 2, &past), -ESTALE);
	past.incarnation = cpu_to_le64(8);		/* higher, and does not know of 7 */
	assert_int_equal(kq_core_peer_up(c, t->now, 2, &past), -ESTALE);
	past.starts[KQUORUM_STARTS - 1] = cpu_to_le32(7);
	assert_int_equal(kq_core_peer_up(c, t->now, 2, &past), 0);
	kq_core_peer_down(c, t->now, 0);
	kq_core_peer_down(c, t->now, KQ_MAX_NODES + 1);
	kq_core_peer_down(c, t->now, 2);
	kq_core_peer_down(c, t->now, 2);
	assert_false(c->peer[2].connected);
}

/* Else it would take a node that was set back for the one it had met. */
static void whom_a_node_has_met_it_knows_after_a_restart(void **state)
{
	struct kquorum_past past = { .identity = cpu_to_le64(TRIO_IDENTITY(1)),
				     .incarnation = cpu_to_le64(9ULL << 40 | 1) };
	struct trio *t = *state;
	struct kq_wal_report report;
	struct kq_core *c = trio_replace(t, &report);

	report.hs.incarnation = 4ULL << 40 | 44;
	report.hs.starts[0] = 33;
	report.hs.peer[1] = 8ULL << 40 | 88;
	report.hs.whose[1] = TRIO_IDENTITY(1);
	c->cfg.salt = 55;
	kq_core_start(c, t->now, &report);
	assert_int_equal(c->hs.incarnation, 5ULL << 40 | 55);
	assert_int_equal(c->hs.starts[0], 44);
	assert_int_equal(c->hs.starts[1], 33);
	assert_int_equal(kq_core_peer_up(c, t->now, 1, &past), -ESTALE);
	past.starts[KQUORUM_STARTS - 1] = cpu_to_le32(88);
	assert_int_equal(kq_core_peer_up(c, t->now, 1, &past), 0);
	assert_int_equal(c->hs.peer[1], 9ULL << 40 | 1);
	assert_true(c->hs_version > c->hs_durable);	/* nothing is said to it before */
	kq_core_past(c, 1, &past);
	assert_int_equal(le64_to_cpu(past.incarnation), c->hs.incarnation);
	assert_int_equal(le32_to_cpu(past.met), 0);
	assert_int_equal(le32_to_cpu(past.starts[1]), 33);
}

static void elections_are_refused_where_they_make_no_sense(void **state)
{
	struct trio *t = *state;

	assert_false(kq_core_has_quorum(t->core[2]));
	trio_lead(t);
	assert_true(kq_core_has_quorum(t->core[1]));
	assert_true(kq_core_has_quorum(t->core[2]));
	assert_int_equal(kq_core_canvass(t->core[1], t->now), -EALREADY);
	assert_int_equal(kq_core_campaign(t->core[1], t->now), -EALREADY);
	assert_int_equal(kq_core_canvass(t->core[2], t->now), -EAGAIN);
	assert_int_equal(kq_core_campaign(t->core[2], t->now), -EAGAIN);
	kq_core_fail(t->core[2], -EIO, "the first reason");
	kq_core_fail(t->core[2], -EIO, "another");
	assert_string_equal(t->core[2]->reason, "the first reason");
	assert_int_equal(kq_core_canvass(t->core[2], t->now), -EIO);
	assert_int_equal(kq_core_campaign(t->core[2], t->now), -EIO);
	assert_false(kq_core_has_quorum(t->core[2]));
	t->cut[1] = true;
	trio_pass(t, 1500);
	assert_false(kq_core_has_quorum(t->core[3]));
}

static void a_leader_without_quorum_steps_down_and_a_vote_is_kept(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	trio_pass(t, 1500);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	assert_int_equal(t->core[1]->hs.vote, 1);
	t->cut[2] = t->cut[3] = false;
	/* A canvass that nobody answers ends by itself. */
	t->cut[2] = true;
	assert_int_equal(kq_core_canvass(t->core[2], t->now), 0);
	trio_pass(t, 1500);
	assert_int_equal(t->core[2]->canvass, KQUORUM_CANVASS_LOST);
}

static void transfers_are_refused_where_they_make_no_sense(void **state)
{
	struct trio *t = *state;

	assert_int_equal(kq_core_transfer(t->core[1], t->now, 2), -EREMOTE);
	trio_lead(t);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 1), -EALREADY);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 4), -EINVAL);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, KQ_MAX_NODES + 1), -EINVAL);
	kq_core_peer_down(t->core[1], t->now, 2);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 2), -ENOTCONN);
	/* To one that does not answer: given up after an election timeout. */
	t->cut[3] = true;
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 3), 0);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 3), -EBUSY);
	trio_up(t->core[1], t->now, 2, TRIO_INCARNATION(2));
	trio_pass(t, 1100);
	assert_int_equal(t->core[1]->transfer_to, 0);
	kq_core_peer_down(t->core[1], t->now, 2);
	kq_core_peer_down(t->core[1], t->now, 3);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 0), -ENOTCONN);
}

static void a_transfer_hands_over_without_a_daemon(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(trio_append(t, 1), 0);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 0), 0);
	trio_pass(t, 200);
	assert_int_not_equal(t->core[1]->role, KQUORUM_LEADER);
	assert_true(t->core[2]->role == KQUORUM_LEADER || t->core[3]->role == KQUORUM_LEADER);
	assert_int_equal(t->done_error, 0);
}

static void requests_of_a_node_that_stops_or_failed_are_refused(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;
	int err;

	trio_lead(t);
	o = trio_owner(t, 3, "db", &err);
	assert_int_equal(err, 0);
	trio_settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	kq_core_stop(t->core[3], t->now, false);
	kq_core_stop(t->core[3], t->now, false);
	trio_settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(trio_append(t, 3), -ESHUTDOWN);
	assert_null(trio_owner(t, 3, "db", &err));
	assert_int_equal(err, -ESHUTDOWN);
	kq_core_unlock(t->core[3], t->now, o);
	trio_settle(t);
	assert_true(kq_core_stopped(t->core[3]));

	o = trio_owner(t, 2, "db", &err);
	trio_settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(trio_append(t, 2), 0);
	kq_core_fail(t->core[2], -EIO, "broken by the test");
	assert_int_equal(trio_append(t, 2), -EIO);
	assert_null(trio_owner(t, 2, "other", &err));
	assert_int_equal(err, -EIO);
	kq_core_unlock(t->core[2], t->now, o);
	kq_core_unlock(t->core[2], t->now, o);
	kq_core_tick(t->core[2], t->now);
	trio_settle(t);
	assert_int_equal(t->owners_closed, 2);
	assert_int_equal(t->done_error, -EHOSTDOWN);
}

static void what_is_not_wanted_any_more_comes_back_without_a_cookie(void **state)
{
	struct trio *t = *state;
	struct kq_proposal *p = proposal_new("x", 1);

	trio_lead(t);
	p->cookie = t;
	t->disk_hangs[1] = t->disk_hangs[2] = t->disk_hangs[3] = true;
	assert_int_equal(kq_core_append(t->core[1], t->now, p), 0);
	kq_core_append_cancel(t->core[1], p);
	assert_null(p->cookie);
	t->disk_hangs[1] = t->disk_hangs[2] = t->disk_hangs[3] = false;
	trio_settle(t);
	assert_int_equal(t->done, 1);
}

static void too_much_under_way_is_busy(void **state)
{
	struct trio *t = *state;
	uint32_t i;
	int err = 0;

	trio_lead(t);
	t->cut[1] = t->cut[2] = t->cut[3] = true;
	for (i = 0; !err; i++)
		err = trio_append(t, 2);
	assert_int_equal(err, -EBUSY);
	assert_int_equal(i - 1, KQ_WINDOW / 2);
	assert_null(trio_owner(t, 2, "db", &err));
	assert_int_equal(err, -EBUSY);
	t->cut[1] = t->cut[2] = t->cut[3] = false;
	trio_pass(t, 4000);
	assert_int_equal(t->done, KQ_WINDOW / 2);
	assert_int_equal(t->done_error, 0);
}

static void the_uncommitted_log_is_bounded(void **state)
{
	static uint8_t bytes[KQ_PAYLOAD_MAX];
	struct trio *t = *state;
	uint32_t i;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	/* What waits beyond the bound, or for room on the disk, is refused on the spot. */
	for (i = 0; i < 200 && !t->core[1]->counters.busy && t->done < 3; i++) {
		struct kq_proposal *p = proposal_new(bytes, sizeof(bytes));

		if (kq_core_append(t->core[1], t->now, p)) {
			kq_entry_free(p->entry);
			free(p);
			break;
		}
		trio_settle(t);
	}
	assert_true(i < 200);
	assert_true(t->core[1]->uncommitted_bytes <= KQ_UNCOMMITTED_BYTES);
}

static void a_node_that_stops_does_not_stand_and_has_not_stopped_before(void **state)
{
	struct trio *t = *state;

	assert_false(kq_core_stopped(t->core[3]));
	trio_lead(t);
	kq_core_stop(t->core[3], t->now, false);
	assert_false(kq_core_stopped(t->core[3]));	/* its session is not closed yet */
	trio_settle(t);
	assert_true(kq_core_stopped(t->core[3]));
	t->cut[1] = true;
	trio_pass(t, 1500);
	assert_int_equal(kq_core_canvass(t->core[3], t->now), -EAGAIN);
	assert_int_equal(kq_core_campaign(t->core[3], t->now), -EAGAIN);
	assert_true(trio_elect(t, 2));
}

/* It ran before, and may have promised somebody not to vote: for 1500 ms, says its disk. */
static void a_node_that_was_restarted_waits_before_it_votes_or_stands(void **state)
{
	struct kq_body_vote_req v = { .last_index = cpu_to_le64(9), .last_term = cpu_to_le64(3) };
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c;
	const char *why;

	c = trio_replace(t, &report);
	t->cut[3] = true;		/* the others do not know its new incarnation */
	report.hs.incarnation = 1;
	report.hs.promise_ns = 1500 * MS;
	kq_core_start(c, t->now, &report);
	trio_settle(t);
	assert_int_equal(trio_up(c, t->now, 1, TRIO_INCARNATION(1)), 0);
	assert_int_equal(kq_core_canvass(c, t->now), -EAGAIN);
	t->now += 1500 * MS;
	assert_int_equal(kq_core_canvass(c, t->now), -EAGAIN);	/* clocks may differ */
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_VOTE_REQ, 4, &v, sizeof(v), &why), 0);
	trio_settle(t);
	assert_int_equal(c->hs.vote, 0);
	assert_int_equal(c->hs.term, 0);
	t->now += 5 * MS;
	assert_int_equal(kq_core_canvass(c, t->now), 0);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_VOTE_REQ, 4, &v, sizeof(v), &why), 0);
	assert_int_equal(c->hs.vote, 1);
	assert_int_equal(c->hs.term, 4);
}

/* A header that may have been the newest cannot be read: who knows whom it voted for. */
static void a_node_whose_vote_is_not_known_says_nothing(void **state)
{
	struct kq_body_vote_req v = { .last_index = cpu_to_le64(9), .last_term = cpu_to_le64(3) };
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c;
	const char *why;

	c = trio_replace(t, &report);
	report.hs.incarnation = 1;
	report.health = KQ_WAL_DAMAGED;
	report.vote_known = false;
	strcpy(report.reason, "bytes flipped by the test");
	c->wal->mode = KQ_WAL_DEAD;
	kq_core_start(c, t->now, &report);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_string_equal(c->reason, "log damaged: bytes flipped by the test");
	assert_int_equal(trio_up(c, t->now, 1, TRIO_INCARNATION(1)), 0);
	t->now += 5000 * MS;
	kq_core_tick(c, t->now);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_PREVOTE_REQ, 4, &v, sizeof(v), &why), 0);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_VOTE_REQ, 4, &v, sizeof(v), &why), 0);
	assert_null(c->batch);
	assert_int_equal(c->held_count, 0);
	assert_int_equal(trio_take(t, 3, 1, KQ_MSG_VOTE_RESP), 0);
	assert_int_equal(c->hs.vote, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
}

/* It is read up to somewhere, and its newest header tells how far it went. */
static void a_node_whose_log_cannot_be_read_on_votes_by_its_newest_header(void **state)
{
	struct kq_body_vote_req v = { .last_index = cpu_to_le64(8), .last_term = cpu_to_le64(3) };
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c;
	const char *why;

	c = trio_replace(t, &report);
	t->cut[3] = true;
	report.hs.incarnation = 1;
	report.hs.term = 3;
	report.health = KQ_WAL_DAMAGED;
	report.claimed_index = 9;
	report.claimed_term = 3;
	kq_core_start(c, t->now, &report);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_true(c->log.last < report.claimed_index);
	assert_int_equal(trio_up(c, t->now, 1, TRIO_INCARNATION(1)), 0);
	t->now += 5000 * MS;
	kq_core_tick(c, t->now);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_VOTE_REQ, 4, &v, sizeof(v), &why), 0);
	assert_int_equal(c->hs.term, 4);
	assert_int_equal(c->hs.vote, 0);
	v.last_index = cpu_to_le64(9);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_VOTE_REQ, 4, &v, sizeof(v), &why), 0);
	assert_int_equal(c->hs.vote, 1);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
}

static void logs_with_the_same_entries_have_the_same_crc(void **state)
{
	struct trio *t = *state;
	u32 crc;

	assert_int_equal(kq_log_crc(&t->core[2]->log), 0);
	trio_lead(t);
	crc = kq_log_crc(&t->core[1]->log);
	assert_int_equal(kq_log_crc(&t->core[2]->log), crc);
	t->cut[2] = true;
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	assert_int_not_equal(kq_log_crc(&t->core[1]->log), crc);
	assert_int_equal(kq_log_crc(&t->core[2]->log), crc);
}

static void messages_before_the_start_and_of_strangers_are_ignored(void **state)
{
	struct kq_body_append b = { .promise_ms = cpu_to_le32(1000) };
	struct kq_wire_hdr h = { .type = KQ_MSG_APPEND, .from = cpu_to_le32(KQ_MAX_NODES + 1),
				 .term = cpu_to_le64(7) };
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	const char *why;

	assert_int_equal(kq_core_recv(c, t->now, &h, &b, &why), 0);
	h.from = cpu_to_le32(4);
	assert_int_equal(kq_core_recv(c, t->now, &h, &b, &why), 0);
	assert_int_equal(c->hs.term, 0);
	c = trio_replace(t, &report);
	assert_int_equal(trio_up(c, t->now, 1, TRIO_INCARNATION(1)), 0);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_APPEND, 7, &b, sizeof(b), &why), 0);
	assert_int_equal(trio_take(t, 3, 1, KQ_MSG_APPEND_RESP), 0);
	assert_int_equal(c->leader, 0);
	kq_core_start(c, t->now, &report);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_APPEND, 7, &b, sizeof(b), &why), 0);
	assert_int_equal(c->leader, 1);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(connections_of_what_is_no_other_node_are_refused),
		TRIO_TEST(logs_with_the_same_entries_have_the_same_crc),
		TRIO_TEST(whom_a_node_has_met_it_knows_after_a_restart),
		TRIO_TEST(elections_are_refused_where_they_make_no_sense),
		TRIO_TEST(a_leader_without_quorum_steps_down_and_a_vote_is_kept),
		TRIO_TEST(transfers_are_refused_where_they_make_no_sense),
		TRIO_TEST(a_transfer_hands_over_without_a_daemon),
		TRIO_TEST(requests_of_a_node_that_stops_or_failed_are_refused),
		TRIO_TEST(what_is_not_wanted_any_more_comes_back_without_a_cookie),
		TRIO_TEST(too_much_under_way_is_busy),
		TRIO_TEST(the_uncommitted_log_is_bounded),
		TRIO_TEST(a_node_that_stops_does_not_stand_and_has_not_stopped_before),
		TRIO_TEST(a_node_that_was_restarted_waits_before_it_votes_or_stands),
		TRIO_TEST(a_node_whose_vote_is_not_known_says_nothing),
		TRIO_TEST(a_node_whose_log_cannot_be_read_on_votes_by_its_newest_header),
		TRIO_TEST(messages_before_the_start_and_of_strangers_are_ignored),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
