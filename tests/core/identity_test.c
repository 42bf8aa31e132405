// SPDX-License-Identifier: GPL-2.0
/*
 * Who is who: how a cluster begins, and what becomes of a node that has other files than those
 * with which the others know it.
 */
#include "snap_state.h"
#include "trio.h"

/* Node 1 of a cluster that has begun, with an empty disk. */
static struct kq_core *wiped(struct trio *t, uint64_t salt)
{
	struct kq_wal_report report;
	struct kq_core *c = trio_core_recovered(1, &report);

	c->cfg.salt = salt;
	kq_core_start(c, t->now, &report);
	return c;
}

/* Its write is on disk, and what it has to say is not heard. */
static void write_and_drop(struct trio *t, struct kq_core *c)
{
	LIST_HEAD(list);
	uint32_t to;

	if (kq_core_take_batch(c))
		kq_core_disk_done(c, t->now, c->batch, 0);
	for (to = 1; to <= 3; to++)
		kq_core_take_msgs(c, to, &list);
	kq_msgs_free(&list);
}

static void put_away(struct trio *t, struct kq_core *c)
{
	write_and_drop(t, c);
	write_and_drop(t, c);
	kq_core_destroy(c);
}

static void say_met(struct trio *t, struct kq_core *c, uint32_t from, uint32_t flags)
{
	struct kq_body_met b = { .flags = cpu_to_le32(flags) };
	struct kq_wire_hdr h = {
		.type = KQ_MSG_MET, .from = cpu_to_le32(from), .to = cpu_to_le32(c->cfg.self),
		.term = cpu_to_le64(1),
	};
	const char *why;

	assert_int_equal(kq_core_recv(c, t->now, &h, &b, &why), 0);
}

static int connect_to(struct trio *t, struct kq_core *c, const struct kq_core *peer)
{
	struct kquorum_past past;

	kq_core_past(peer, c->cfg.self, &past);
	return kq_core_peer_up(c, t->now, peer->cfg.self, &past);
}

static void the_lowest_of_the_founders_begins_when_all_are_there(void **state)
{
	struct trio *t = *state;
	const struct kq_core *c = t->core[1];
	uint32_t id;

	assert_int_equal(c->log.last, 1);
	assert_int_equal(c->conf_index, 1);
	assert_int_equal(c->conf.voters, trio_config.founders);
	assert_int_equal(c->hs.term, 1);
	assert_int_equal(c->hs.vote, 1);
	for (id = 1; id <= 3; id++)
		assert_int_equal(c->conf.identity[id], TRIO_IDENTITY(id));
	/* The others know of nothing yet, and wait. */
	assert_int_equal(t->core[2]->log.last, 0);
	assert_int_equal(t->core[2]->hs.term, 0);
	assert_int_equal(kq_core_canvass(t->core[2], t->now), -EAGAIN);
	assert_int_equal(trio_append(t, 2), 0);
	trio_lead(t);
	trio_pass(t, 200);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, 0);
	assert_int_equal(t->core[2]->conf_index, 1);
}

static void the_first_configuration_says_what_the_founders_are_called(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = wiped(t, 99);
	uint32_t id;

	assert_int_equal(kq_core_name_founder(c, 2, "n2", "10.0.0.2:7420"), 0);
	assert_int_equal(kq_core_name_founder(c, 3, "with a blank", "x"), -EINVAL);
	assert_int_equal(kq_core_name_founder(c, 3, "n3", "10.0.0.3:7420"), 0);
	assert_string_equal(kq_core_member(c, 2)->name, "n2");
	assert_null(kq_core_member(c, 4));
	write_and_drop(t, c);
	for (id = 2; id <= 3; id++) {
		assert_int_equal(trio_up(c, t->now, id, 1), 0);
		say_met(t, c, id, KQ_MET_EMPTY);
	}
	write_and_drop(t, c);
	kq_core_tick(c, t->now);
	assert_int_equal(c->conf_index, 1);
	memset(c->founder, 0, sizeof(c->founder));
	assert_string_equal(kq_core_member(c, 3)->name, "n3");
	assert_string_equal(kq_core_member(c, 3)->address, "10.0.0.3:7420");
	assert_int_equal(le64_to_cpu(kq_core_member(c, 3)->identity), TRIO_IDENTITY(3));
	put_away(t, c);
}

static void a_founders_name_has_its_length(void **state)
{
	struct kq_core *c = lone_create();
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(kq_core_name_founder(c, 2, "n2", "10.0.0.2:7420"), 0);
	assert_int_equal(kq_core_name_founder(c, 2, text, "10.0.0.2:7420"), -EINVAL);
	assert_int_equal(kq_core_name_founder(c, 2, "n2", text), -EINVAL);
	assert_int_equal(kq_core_name_founder(c, 2, "n 2", "10.0.0.2:7420"), -EINVAL);
	kq_core_destroy(c);
}

static void nobody_begins_before_all_have_said_that_they_have_nothing(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = wiped(t, 99);

	write_and_drop(t, c);
	assert_int_equal(trio_up(c, t->now, 2, TRIO_INCARNATION(2)), 0);
	say_met(t, c, 2, KQ_MET_EMPTY);
	kq_core_tick(c, t->now);
	assert_int_equal(c->log.last, 0);		/* node 3 is missing */
	assert_int_equal(trio_up(c, t->now, 3, TRIO_INCARNATION(3)), 0);
	kq_core_tick(c, t->now);
	assert_int_equal(c->log.last, 0);		/* ... and has not said anything yet */
	say_met(t, c, 3, 0);
	kq_core_tick(c, t->now);
	assert_int_equal(c->log.last, 0);		/* ... and has a log */
	say_met(t, c, 3, KQ_MET_EMPTY);
	kq_core_peer_down(c, t->now, 2);
	assert_int_equal(trio_up(c, t->now, 2, 2), 0);
	kq_core_tick(c, t->now);
	assert_int_equal(c->log.last, 0);		/* that was the connection before */
	say_met(t, c, 2, KQ_MET_EMPTY);
	kq_core_tick(c, t->now);
	assert_int_equal(c->log.last, 1);
	put_away(t, c);
}

/* Two machines that are node 1: nobody helps both of them to begin. */
static void only_one_is_told_that_there_is_nothing(void **state)
{
	struct kquorum_past past = { .identity = cpu_to_le64(99), .incarnation = cpu_to_le64(9),
				     .flags = cpu_to_le32(KQUORUM_PAST_EMPTY) };
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	const struct kq_body_met *b;
	struct kq_msg *m;
	LIST_HEAD(list);

	assert_int_equal(c->log.last, 0);
	assert_int_equal(c->beginner, TRIO_IDENTITY(1));
	kq_core_peer_down(c, t->now, 1);
	assert_int_equal(kq_core_peer_up(c, t->now, 1, &past), 0);
	kq_core_take_msgs(c, 1, &list);
	m = list_first_entry(&list, struct kq_msg, node);
	b = (const void *)(m->data + sizeof(struct kq_wire_hdr));
	assert_int_equal(((const struct kq_wire_hdr *)m->data)->type, KQ_MSG_MET);
	assert_int_equal(b->flags, 0);
	kq_msgs_free(&list);
}

/* It is said again, for the first word may be lost, and there is no other. */
static void who_has_nothing_says_so_again(void **state)
{
	struct trio *t = *state;

	trio_take(t, 2, 1, 0);
	t->now += 1100 * MS;
	kq_core_tick(t->core[2], t->now);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_MET), 1);
	kq_core_tick(t->core[2], t->now);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_MET), 0);
	trio_lead(t);
	trio_take(t, 2, 1, 0);
	t->now += 1100 * MS;
	kq_core_tick(t->core[2], t->now);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_MET), 0);
}

/* It voted for one start of node 3; another start in the same term has forgotten its own term. */
static void a_vote_is_for_one_start_of_a_node(void **state)
{
	struct kq_body_vote_req v = { .last_index = cpu_to_le64(9), .last_term = cpu_to_le64(9) };
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	struct kquorum_past past;
	const char *why;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	trio_pass(t, 3000);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_VOTE_REQ, 9, &v, sizeof(v), &why), 0);
	trio_settle(t);
	assert_int_equal(c->hs.vote, 3);
	assert_int_equal(c->hs.vote_inc, (u32)t->core[3]->hs.incarnation);
	kq_core_past(t->core[3], 1, &past);
	past.starts[0] = cpu_to_le32((u32)t->core[3]->hs.incarnation);
	past.incarnation = cpu_to_le64(kq_incarnation(t->core[3]->hs.incarnation, 1234));
	kq_core_peer_down(c, t->now, 3);
	assert_int_equal(kq_core_peer_up(c, t->now, 3, &past), 0);
	t->cut[1] = true;
	trio_settle(t);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_VOTE_REQ, 9, &v, sizeof(v), &why), 0);
	assert_int_equal(c->hs.vote_inc, (u32)t->core[3]->hs.incarnation);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_VOTE_REQ, 10, &v, sizeof(v), &why), 0);
	assert_int_equal(c->hs.vote_inc, (u32)le64_to_cpu(past.incarnation));
}

static void without_memory_it_begins_later(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = wiped(t, 99);
	long fail;

	write_and_drop(t, c);
	for (fail = 2; fail <= 3; fail++) {
		assert_int_equal(trio_up(c, t->now, fail, TRIO_INCARNATION(fail)), 0);
		say_met(t, c, fail, KQ_MET_EMPTY);
		write_and_drop(t, c);
	}
	c->met_ns = t->now;		/* it has said that it is empty */
	for (fail = 1; !c->log.last; fail++) {
		assert_true(fail < 20);
		assert_int_equal(c->hs.term, 0);
		kq_alloc_fail_at = fail;
		kq_core_tick(c, t->now);
	}
	assert_true(fail > 3);
	assert_int_equal(c->conf_index, 1);
	kq_alloc_fail_at = 0;
	put_away(t, c);
}

static void who_comes_back_with_an_empty_disk_is_refused(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = wiped(t, 99);

	write_and_drop(t, c);
	trio_lead(t);
	kq_core_peer_down(t->core[2], t->now, 1);
	assert_int_equal(connect_to(t, t->core[2], c), -EKEYREJECTED);
	assert_false(t->core[2]->peer[1].connected);
	/* And with the files it had it is welcome. */
	assert_int_equal(connect_to(t, t->core[2], t->core[1]), 0);
	put_away(t, c);
}

/*
 * It may be the one that a newer configuration means: it must be heard, or nobody could tell this
 * node. But whom this node counts is who its own configuration means.
 */
static void another_under_the_number_of_a_member_is_heard_and_does_not_count(void **state)
{
	struct kquorum_past past = { .identity = cpu_to_le64(99), .incarnation = cpu_to_le64(9) };
	struct kq_body_vote_resp vote = { .granted = cpu_to_le32(1) };
	struct kq_body_append_resp ack = {};
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	const char *why;
	uint64_t last;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	kq_core_peer_down(c, t->now, 3);
	assert_int_equal(kq_core_peer_up(c, t->now, 3, &past), 0);
	assert_int_equal(c->peer[3].match, 0);		/* that was the other's */
	assert_int_equal(trio_append(t, 1), 0);
	trio_pass(t, 50);
	last = c->log.last;
	ack.match = cpu_to_le64(last);
	ack.round = cpu_to_le64(c->round);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_APPEND_RESP, c->hs.term, &ack, sizeof(ack), &why),
			 0);
	assert_true(c->commit < last);
	trio_pass(t, 1500);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);	/* nobody else answers it */
	trio_pass(t, 1500);
	assert_int_equal(kq_core_campaign(c, t->now), 0);
	trio_settle(t);
	vote.req_term = cpu_to_le64(c->hs.term);
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_VOTE_RESP, c->hs.term, &vote, sizeof(vote), &why),
			 0);
	assert_int_equal(c->role, KQUORUM_CANDIDATE);
	/* Nor does that vote become the member's, which takes the place of the other at once. */
	assert_int_equal(connect_to(t, c, t->core[3]), 0);
	kq_core_tick(c, t->now);
	assert_int_equal(c->role, KQUORUM_CANDIDATE);
	assert_int_equal(kq_core_peer_up(c, t->now, 3, &past), -EBUSY);
	/* What is known of the member has been known all the time. */
	assert_int_equal(c->hs.whose[3], TRIO_IDENTITY(3));
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_VOTE_RESP, c->hs.term, &vote, sizeof(vote), &why),
			 0);
	assert_int_equal(c->role, KQUORUM_LEADER);
}

/* Same index, same term, and another entry: whatever led to that, it must not go on. */
static void an_entry_of_another_history_stops_the_node(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	struct {
		struct kq_body_append b;
		struct kq_record rec;
	} body = {};
	struct kq_entry *e;
	const char *why;

	trio_lead(t);
	e = kq_log_get(&c->log, c->log.last);
	body.b.prev_index = cpu_to_le64(c->log.last - 1);
	body.b.prev_term = cpu_to_le64(kq_log_term(&c->log, c->log.last - 1));
	body.b.count = cpu_to_le32(1);
	body.b.promise_ms = cpu_to_le32(1000);
	body.rec = (struct kq_record){ .index = e->rec.index, .term = e->rec.term,
				       .type = cpu_to_le16(KQ_ENTRY_NOOP) };
	body.rec.crc = cpu_to_le32(kq_entry_crc(&body.rec, NULL));
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, &body, sizeof(body), &why), 0);
	assert_int_equal(c->state, KQUORUM_NODE_FAILED);
	assert_non_null(strstr(c->reason, "two histories"));
}

static void two_machines_with_the_same_files_are_noticed(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	struct kquorum_past past;

	trio_lead(t);
	/* A copy of the running node's disk, started: by its files it is the next start. */
	kq_core_past(t->core[3], 1, &past);
	past.starts[0] = cpu_to_le32((uint32_t)t->core[3]->hs.incarnation);
	past.incarnation = cpu_to_le64(kq_incarnation(t->core[3]->hs.incarnation, 1234));
	assert_int_equal(kq_core_peer_up(c, t->now, 3, &past), -EBUSY);
	assert_true(c->peer[3].connected);
	/* A follower has nothing to say to another, and is there all the same. */
	t->now += 5000 * MS;
	assert_int_equal(kq_core_peer_up(t->core[2], t->now, 3, &past), -EBUSY);
	/* When the connection of the first has broken, it was that one's restart. */
	kq_core_peer_down(c, t->now, 3);
	assert_int_equal(kq_core_peer_up(c, t->now, 3, &past), 0);
	/* And now it is the first that has no place. */
	kq_core_peer_down(c, t->now, 3);
	assert_int_equal(connect_to(t, c, t->core[3]), -ESTALE);
}

/* Node 1 was alone when it began, and does so again after its files are gone. */
static void two_histories_refuse_each_other(void **state)
{
	struct kquorum_past past = { .origin = cpu_to_le64(99), .identity = cpu_to_le64(99),
				     .incarnation = cpu_to_le64(9) };
	struct trio *t = *state;

	trio_lead(t);
	kq_core_peer_down(t->core[2], t->now, 1);
	assert_int_equal(kq_core_peer_up(t->core[2], t->now, 1, &past), -EXDEV);
	assert_int_equal(connect_to(t, t->core[2], t->core[1]), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TRIO_TEST(the_lowest_of_the_founders_begins_when_all_are_there),
		TRIO_TEST(the_first_configuration_says_what_the_founders_are_called),
		cmocka_unit_test(a_founders_name_has_its_length),
		TRIO_TEST(nobody_begins_before_all_have_said_that_they_have_nothing),
		TRIO_TEST(only_one_is_told_that_there_is_nothing),
		TRIO_TEST(who_has_nothing_says_so_again),
		TRIO_TEST(a_vote_is_for_one_start_of_a_node),
		TRIO_TEST(without_memory_it_begins_later),
		TRIO_TEST(who_comes_back_with_an_empty_disk_is_refused),
		TRIO_TEST(another_under_the_number_of_a_member_is_heard_and_does_not_count),
		TRIO_TEST(two_histories_refuse_each_other),
		TRIO_TEST(an_entry_of_another_history_stops_the_node),
		TRIO_TEST(two_machines_with_the_same_files_are_noticed),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
