// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the configuration: what is refused and why, when one takes effect, how it is
 * undone, and what becomes of a node that has left.
 */
#include "kq_int.h"
#include "trio.h"

static void what_cannot_be_is_refused(void **state)
{
	struct kq_conf_change joint = { .to = { .voters = N1 | N2, .outgoing = N1 } };
	struct trio *t = *state;

	assert_int_equal(trio_change(t, 1, N1 | N2, 0), -EREMOTE);
	trio_lead(t);
	assert_int_equal(trio_change(t, 2, N1 | N2, 0), -EREMOTE);
	assert_int_equal(trio_change(t, 1, 0, N1), -EINVAL);
	assert_int_equal(trio_change(t, 1, N1 | 1, 0), -EINVAL);
	assert_int_equal(trio_change(t, 1, N1, N1), -EINVAL);
	assert_int_equal(trio_change(t, 1, N1 | N2, 2u << KQ_MAX_NODES), -EINVAL);
	assert_int_equal(kq_core_reconfigure(t->core[1], t->now, &joint), -EINVAL);
	assert_int_equal(trio_change(t, 1, N1 | N2 | N3, 0), -EALREADY);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 2), 0);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), -EBUSY);
	trio_assert_conf(t->core[1], N1 | N2 | N3, 0, 0);
}

/* Ongaro 2015, on raft-dev: else two majorities that have nobody in common may decide. */
static void nothing_changes_before_an_entry_of_the_own_term_is_committed(void **state)
{
	struct trio *t = *state;

	assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
	trio_settle(t);
	t->cut[2] = t->cut[3] = true;
	t->now += 1100 * MS;
	kq_core_tick(t->core[1], t->now);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	t->cut[2] = false;
	assert_true(trio_elect(t, 1));
	if (!t->core[1]->lead_ready)
		assert_int_equal(trio_change(t, 1, N1 | N2, 0), -EAGAIN);
	trio_settle(t);
	assert_true(t->core[1]->lead_ready);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
}

static void one_change_at_a_time(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_assert_conf(t->core[1], N1 | N2, N1 | N2 | N3, N3);	/* as soon as it is in the log */
	assert_int_equal(trio_change(t, 1, N1 | N3, 0), -EBUSY);
	t->cut[2] = false;
	trio_pass(t, 200);
	trio_assert_conf(t->core[1], N1 | N2, 0, N3);
	assert_int_equal(t->core[1]->commit, t->core[1]->log.last);
	t->cut[2] = true;
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);		/* a learner less: not joint */
	trio_assert_conf(t->core[1], N1 | N2, 0, 0);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), -EBUSY);
}

static void without_a_majority_of_the_new_voters_it_is_not_begun(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N4, 0), -EHOSTUNREACH);
	assert_int_equal(trio_up(t->core[1], t->now, 4, TRIO_INCARNATION(4)), 0);
	assert_int_equal(trio_change(t, 1, N1 | N4, 0), -ENOTCONN);	/* who was no learner */
	assert_int_equal(trio_change(t, 1, N1 | N2 | N4, 0), 0);	/* does not count here */
	trio_settle(t);
	trio_assert_conf(t->core[1], N1 | N2 | N4, 0, 0);
	t->now += 1100 * MS;		/* it has not been heard since */
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), -ENOTCONN);
}

static void who_lags_or_is_in_trouble_is_not_counted_on(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	struct kq_peer *p = &c->peer[3];
	uint32_t i;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_settle(t);
	t->cut[3] = true;
	for (i = 0; i < 1100; i++) {
		assert_int_equal(trio_append(t, 1), 0);
		if (i % 50)
			continue;	/* many to a batch: the log is small */
		trio_pass(t, 25);
		p->heard_ns = t->now;	/* as if it had answered, and stored nothing */
	}
	assert_int_equal(p->progress, KQUORUM_PROGRESS_REPLICATE);
	assert_int_equal(trio_change(t, 1, N1 | N3, 0), -ENOTCONN);
	p->match = c->log.last;
	p->flags = KQUORUM_PEERF_FAULTY;
	assert_int_equal(trio_change(t, 1, N1 | N3, 0), -ENOTCONN);
	p->flags = 0;
	p->progress = KQUORUM_PROGRESS_PROBE;
	assert_int_equal(trio_change(t, 1, N1 | N3, 0), -ENOTCONN);
	p->progress = KQUORUM_PROGRESS_REPLICATE;
	assert_int_equal(trio_change(t, 1, N1 | N3, 0), 0);
}

static void a_change_that_is_cut_off_is_undone(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	t->cut[1] = true;
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_assert_conf(c, N1 | N2, N1 | N2 | N3, 0);
	trio_pass(t, 1500);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);
	assert_true(trio_elect(t, 2));
	assert_int_equal(trio_append(t, 2), 0);
	trio_settle(t);
	trio_assert_conf(c, N1 | N2, N1 | N2 | N3, 0);
	t->cut[1] = false;
	trio_pass(t, 1500);
	assert_int_equal(c->leader, 2);
	trio_assert_conf(c, N1 | N2 | N3, 0, 0);
	assert_int_equal(c->conf_index, 1);
}

static void a_configuration_survives_a_restart(void **state)
{
	struct kq_conf conf = { .voters = N1 | N2, .learners = N3, .origin = TRIO_IDENTITY(1),
				.identity = { 0, 3, 5, 7 },
				.before = TEST_SETTINGS, .now = TEST_SETTINGS };
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	static uint8_t payload[KQ_CONF_MAX];
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c;
	struct kq_entry *e;

	c = trio_replace(t, &report);
	e = kq_entry_alloc(KQ_ENTRY_CONF, payload, kq_conf_write(&conf, nameless, NULL, payload));
	e->rec.index = cpu_to_le64(2);
	e->rec.term = cpu_to_le64(1);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	assert_int_equal(kq_core_recover_entry(c, &e->rec, e->data), 0);
	kq_entry_free(e);
	report.hs.term = 1;
	kq_core_start(c, t->now, &report);
	trio_assert_conf(c, N1 | N2, 0, N3);
	assert_int_equal(c->conf_index, 2);
}

/* The leader does not wait for it to ask, and it can do nothing more by itself. */
static void a_learner_neither_stands_nor_counts(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_settle(t);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 3), -EINVAL);
	t->cut[2] = true;
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	assert_int_equal(t->core[3]->log.last, t->core[1]->log.last);
	assert_true(t->core[1]->commit < t->core[1]->log.last);
	t->cut[1] = true;
	t->now += 2000 * MS;
	assert_int_equal(kq_core_campaign(t->core[3], t->now), -EAGAIN);
	assert_int_equal(t->core[3]->hs.term, TRIO_TERM);
}

/* It may have been promoted without having heard of it (etcd#10998). */
static void a_learner_votes_when_it_is_asked(void **state)
{
	struct kq_body_vote_req req = { .last_index = cpu_to_le64(100),
					.last_term = cpu_to_le64(TRIO_TERM) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_settle(t);
	t->now += 2000 * MS;
	assert_int_equal(trio_say(t, 2, 3, KQ_MSG_VOTE_REQ, TRIO_TERM + 1, &req, sizeof(req),
				 &why), 0);
	assert_int_equal(t->core[3]->hs.vote, 2);
}

static void a_learner_that_waits_for_its_vote_gets_it_when_it_has_caught_up(void **state)
{
	struct kq_conf_change demote = {
		.to = { .voters = N1 | N2, .learners = N3 }, .id = 3,
		.member = { .flags = KQUORUM_CONF_PROMOTE, .name = "n3", .address = "10.0.0.3" },
	};
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	t->cut[3] = true;
	trio_pass(t, 1500);
	assert_int_equal(kq_core_reconfigure(c, t->now, &demote), 0);
	trio_pass(t, 2000);
	trio_assert_conf(c, N1 | N2, 0, N3);
	t->cut[3] = false;
	trio_pass(t, 1000);
	trio_assert_conf(c, N1 | N2 | N3, 0, 0);
	trio_assert_conf(t->core[3], N1 | N2 | N3, 0, 0);
	/* The rest is as it was told, on every node; it waits for nothing any more. */
	assert_string_equal(kq_core_member(t->core[2], 3)->name, "n3");
	assert_string_equal(kq_core_member(t->core[2], 3)->address, "10.0.0.3");
	assert_int_equal(kq_core_member(t->core[2], 3)->flags, 0);
	assert_null(kq_core_member(t->core[2], 4));
}

static void who_joins_has_to_be_described(void **state)
{
	struct kq_conf_change join = { .to = { .voters = N1 | N2, .learners = N3 } };
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	t->cut[3] = true;
	trio_pass(t, 8000);
	t->cut[3] = false;
	trio_pass(t, 300);
	assert_int_equal(kq_core_reconfigure(t->core[1], t->now, &join), -EDESTADDRREQ);
	join.id = 2;
	assert_int_equal(kq_core_reconfigure(t->core[1], t->now, &join), -EDESTADDRREQ);
	join.id = 3;
	assert_int_equal(kq_core_reconfigure(t->core[1], t->now, &join), 0);
}

/* A log that is full of other things shall not keep anybody from replacing who has to store it. */
static void a_full_log_has_room_for_a_configuration(void **state)
{
	struct kq_conf_change name = {
		.to = { .voters = N1 | N2, .learners = N3 }, .id = 2, .member.name = "second",
	};
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint32_t id;

	trio_lead(t);
	for (id = 1; id <= 3; id++) {
		trio_fill_log(t, id);
		assert_false(kq_disk_has_room(t->core[id], 100, KQ_WAL_ROOM_INTERNAL));
	}
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	assert_int_equal(t->done_error, -ENOSPC);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_pass(t, 300);
	for (id = 1; id <= 3; id++)
		trio_assert_conf(t->core[id], N1 | N2, 0, N3);
	/* Until that is used up as well; the room for terms and votes is not touched. */
	while (!kq_core_reconfigure(c, t->now, &name))
		trio_pass(t, 300);
	assert_int_equal(kq_core_reconfigure(c, t->now, &name), -ENOSPC);
	assert_true(kq_wal_capacity(c->wal) - kq_wal_used(c->wal) >= kq_wal_capacity(c->wal) / 16);
}

static void what_a_member_is_called_can_be_changed_alone(void **state)
{
	struct kq_conf_change move = {
		.to = { .voters = N1 | N2 | N3 }, .id = 2,
		.member = { .name = "second", .address = "[fd00::2]:7421" },
	};
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	move.based_on = c->conf_index + 1;
	assert_int_equal(kq_core_reconfigure(c, t->now, &move), -ESTALE);
	move.based_on = c->conf_index;
	assert_int_equal(kq_core_reconfigure(c, t->now, &move), 0);
	trio_pass(t, 200);
	trio_assert_conf(c, N1 | N2 | N3, 0, 0);
	assert_string_equal(kq_core_member(t->core[3], 2)->name, "second");
	assert_string_equal(kq_core_member(t->core[3], 2)->address, "[fd00::2]:7421");
	assert_string_equal(kq_core_member(t->core[3], 1)->name, "");
	move.based_on = 0;
	move.id = 3;
	assert_int_equal(kq_core_reconfigure(c, t->now, &move), -ENOTUNIQ);
	move.id = 4;
	assert_int_equal(kq_core_reconfigure(c, t->now, &move), -EINVAL);
	move.id = 3;
	memset(move.member.name, 'x', sizeof(move.member.name));
	assert_int_equal(kq_core_reconfigure(c, t->now, &move), -EINVAL);
}

static int set_member(struct trio *t, uint32_t id, uint8_t priority, uint8_t flags)
{
	struct kq_conf_change to = {
		.to = { .voters = N1 | N2 | N3 }, .id = id,
		.member = { .priority = priority, .flags = flags },
	};
	int err;

	snprintf(to.member.name, sizeof(to.member.name), "n%u", id);
	err = kq_core_reconfigure(t->core[1], t->now, &to);
	trio_settle(t);
	return err;
}

static void who_should_lead_is_in_the_configuration(void **state)
{
	struct trio *t = *state;
	uint32_t id;

	trio_lead(t);
	assert_int_equal(set_member(t, 2, 7, KQUORUM_CONF_WITNESS), 0);
	for (id = 1; id <= 3; id++) {
		assert_int_equal(kq_core_member(t->core[id], 2)->priority, 7);
		assert_int_equal(t->core[id]->conf.witnesses, N2);
	}
	assert_int_equal(set_member(t, 1, 100, KQUORUM_CONF_WITNESS), 0);
	/* Somebody has to lead for good: neither so, nor by taking a vote away. */
	assert_int_equal(set_member(t, 3, 100, KQUORUM_CONF_WITNESS), -EDOM);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), -EDOM);
	assert_int_equal(set_member(t, 1, 100, 0), 0);
	assert_int_equal(t->core[2]->conf.witnesses, N2);
	/* Whom the leader chooses by itself is no witness. */
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 0), 0);
	assert_int_equal(t->core[1]->transfer_to, 3);
}

static void only_a_leader_proposes_a_configuration(void **state)
{
	struct {
		struct kq_record rec;
		struct {
			__le32 voters, outgoing, learners, left;
			__le64 origin;
			struct kquorum_lineage lineage;
			struct kquorum_conf_settings before, now;
			struct kquorum_conf_member member;
		} cmd;
	} body = {
		.rec = {
			.len = cpu_to_le32(sizeof(body.cmd)), .type = cpu_to_le16(KQ_ENTRY_CONF),
			.node = cpu_to_le32(2), .seq = cpu_to_le64(1), .settled = cpu_to_le64(1),
		},
		.cmd = { .voters = cpu_to_le32(N2), .origin = cpu_to_le64(1),
			 .member.identity = cpu_to_le64(TRIO_IDENTITY(2)) },
	};
	struct trio *t = *state;
	const char *why;
	uint64_t last;

	kq_settings_write(&trio_config.set, &body.cmd.before);
	kq_settings_write(&trio_config.set, &body.cmd.now);
	trio_lead(t);
	last = t->core[1]->log.last;
	body.rec.session = cpu_to_le64(t->core[1]->session[2].id);
	body.rec.crc = cpu_to_le32(kq_entry_crc(&body.rec, &body.cmd));
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_PROPOSE, TRIO_TERM, &body, sizeof(body),
				 &why), 0);
	assert_int_equal(trio_take(t, 1, 2, KQ_MSG_PROPOSE_RESP), 1);
	assert_int_equal(t->core[1]->log.last, last);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TRIO_TEST(what_cannot_be_is_refused),
		TRIO_TEST(nothing_changes_before_an_entry_of_the_own_term_is_committed),
		TRIO_TEST(one_change_at_a_time),
		TRIO_TEST(without_a_majority_of_the_new_voters_it_is_not_begun),
		TRIO_TEST(who_lags_or_is_in_trouble_is_not_counted_on),
		TRIO_TEST(a_change_that_is_cut_off_is_undone),
		TRIO_TEST(a_configuration_survives_a_restart),
		TRIO_TEST(a_learner_neither_stands_nor_counts),
		TRIO_TEST(a_learner_votes_when_it_is_asked),
		TRIO_TEST(a_learner_that_waits_for_its_vote_gets_it_when_it_has_caught_up),
		TRIO_TEST(who_joins_has_to_be_described),
		TRIO_TEST(a_full_log_has_room_for_a_configuration),
		TRIO_TEST(what_a_member_is_called_can_be_changed_alone),
		TRIO_TEST(who_should_lead_is_in_the_configuration),
		TRIO_TEST(only_a_leader_proposes_a_configuration),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
