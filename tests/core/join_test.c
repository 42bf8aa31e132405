// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that join and nodes that have left: who is taken for whom, what members are called, and
 * the vote that a learner waits for.
 */
#include "kq_int.h"
#include "trio.h"

#define ALL (N1 | N2 | N3)

static int change_and_name(struct trio *t, kq_nodes voters, kq_nodes learners, uint32_t id,
			   const char *name, const char *address, uint8_t flags)
{
	struct kq_conf_change to = {
		.to = { .voters = voters, .learners = learners }, .id = id,
		.member.flags = flags,
	};

	strcpy(to.member.name, name);
	strcpy(to.member.address, address);
	return kq_core_reconfigure(t->core[1], t->now, &to);
}

static void who_joins_a_cluster_never_begins_one(void **state)
{
	struct trio *t = *state;
	struct kq_wal_report report;
	struct kq_core *c = trio_core_recovered(1, &report);

	c->cfg.founders = N1;
	c->cfg.joins = true;
	kq_core_start(c, t->now, &report);
	kq_core_tick(c, t->now);
	kq_core_tick(c, t->now + 5000 * MS);
	assert_int_equal(c->log.last, 0);
	assert_int_equal(c->conf_index, 0);
	assert_int_equal(kq_core_campaign(c, t->now + 5000 * MS), -EAGAIN);
	/* But for that it would have. */
	c->cfg.joins = false;
	kq_core_tick(c, t->now + 5000 * MS);
	assert_int_equal(c->log.last, 1);
	while (kq_core_take_batch(c))
		kq_core_disk_done(c, t->now, c->batch, 0);
	kq_core_destroy(c);
}

static void remove_3(struct trio *t)
{
	trio_lead(t);
	assert_int_equal(change_and_name(t, ALL, 0, 3, "n3", "10.0.0.3", 0), 0);
	trio_pass(t, 200);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 3000);
	assert_int_equal(t->core[1]->session[3].id, 0);
}

static void who_has_left_is_not_taken_for_the_next_one_with_its_number(void **state)
{
	struct trio *t = *state;

	remove_3(t);
	assert_true(kq_core_is_gone(t->core[1], 3));
	assert_false(kq_core_is_gone(t->core[1], 2));
	assert_int_equal(change_and_name(t, N1 | N2, N3, 3, "n4", "10.0.0.4", 0), -EKEYREJECTED);
	/* It comes back as what it was; */
	assert_int_equal(change_and_name(t, N1 | N2, N3, 3, "n3", "10.0.0.9", 0), 0);
	trio_pass(t, 200);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 3000);
	/* ... and another machine may have the number, under any name. */
	t->cut[3] = true;
	kq_core_peer_down(t->core[1], t->now, 3);
	t->core[1]->hs.whose[3] = 0;
	t->core[1]->peer[3].identity = 99;
	t->core[1]->peer[3].connected = true;
	assert_int_equal(change_and_name(t, N1 | N2, N3, 3, "n4", "10.0.0.4", 0), 0);
	assert_int_equal(t->core[1]->conf.identity[3], 99);
}

static void who_left_is_known_after_a_restart(void **state)
{
	struct trio *t = *state;
	struct kq_wal_report report;
	struct kq_core *c;
	uint64_t i;

	remove_3(t);
	c = trio_core_recovered(1, &report);
	for (i = 1; i <= t->core[1]->log.last; i++) {
		const struct kq_entry *e = kq_log_get(&t->core[1]->log, i);

		assert_int_equal(kq_core_recover_entry(c, &e->rec, e->data), 0);
	}
	report.hs = t->core[1]->hs;
	kq_core_start(c, t->now, &report);
	assert_int_equal(c->conf.voters, N1 | N2);
	assert_int_equal(c->conf.left_identity[3], TRIO_IDENTITY(3));
	assert_string_equal(kq_conf_left(kq_core_conf_entry(c, c->conf_index)->data, &c->conf, 3)->name,
			    "n3");
	if (kq_core_take_batch(c))
		kq_core_disk_done(c, t->now, c->batch, 0);
	kq_core_destroy(c);
}

static void a_node_knows_that_it_has_left_once_that_is_committed(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];

	trio_lead(t);
	assert_false(kq_core_has_left(c));
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	assert_false(kq_core_has_left(c));
	trio_pass(t, 300);
	assert_true(kq_core_has_left(c));
	assert_false(kq_core_has_left(t->core[1]));
	c->commit = c->conf_index - 1;		/* as if it had heard no more than that */
	assert_false(kq_core_has_left(c));
	kq_core_tick(c, t->now);
	kq_core_take_events(c);
	c->commit = c->conf_index;
	kq_core_tick(c, t->now);
	assert_true(kq_core_take_events(c) & KQUORUM_EVENT_PEER);
	kq_core_tick(c, t->now);
	assert_false(kq_core_take_events(c) & KQUORUM_EVENT_PEER);
	trio_pass(t, 3000);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_pass(t, 300);
	assert_false(kq_core_has_left(c));
}

/* The log that it is sent speaks of configurations before it, and of who had its number. */
static void who_is_being_taken_in_has_not_left(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];

	trio_lead(t);
	assert_int_equal(trio_change(t, 1, N1 | N2, 0), 0);
	trio_pass(t, 300);
	c->hs.identity = 99;
	assert_true(kq_is_out(c));
	assert_false(kq_core_has_left(c));
}

static void two_members_that_are_there_have_two_addresses(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(change_and_name(t, ALL, 0, 3, "n3", "10.0.0.3", 0), 0);
	trio_pass(t, 200);
	assert_int_equal(change_and_name(t, ALL, 0, 2, "n2", "10.0.0.3", 0), -EADDRINUSE);
	assert_int_equal(change_and_name(t, ALL, 0, 2, "n3", "10.0.0.2", 0), -ENOTUNIQ);
	/* It may be the machine itself, which has lost its files, beside its former place. */
	t->cut[3] = true;
	kq_core_peer_down(t->core[1], t->now, 3);
	assert_int_equal(change_and_name(t, ALL, 0, 2, "n2", "10.0.0.3", 0), 0);
}

static void a_vote_that_waits_survives_all_that_passes_meanwhile(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	trio_lead(t);
	t->cut[3] = true;
	trio_pass(t, 1500);
	assert_int_equal(change_and_name(t, N1 | N2, N3, 3, "n3", "a", KQUORUM_CONF_PROMOTE), 0);
	trio_pass(t, 500);
	assert_int_equal(c->conf.learners, N3);
	/* Another change, */
	assert_int_equal(change_and_name(t, N1 | N2, N3, 2, "n2", "b", 0), 0);
	trio_pass(t, 500);
	assert_int_equal(kq_core_member(c, 3)->flags, KQUORUM_CONF_PROMOTE);
	/* ... one of voters, by way of a joint configuration, */
	assert_int_equal(trio_change(t, 1, N1, N2 | N3), 0);
	assert_int_equal(kq_core_member(c, 3)->flags, KQUORUM_CONF_PROMOTE);
	trio_pass(t, 500);
	assert_int_equal(trio_change(t, 1, N1 | N2, N3), 0);
	trio_pass(t, 500);
	/* ... and another leader. */
	assert_int_equal(kq_core_transfer(c, t->now, 2), 0);
	trio_pass(t, 500);
	assert_int_equal(t->core[2]->role, KQUORUM_LEADER);
	assert_int_equal(kq_core_member(t->core[2], 3)->flags, KQUORUM_CONF_PROMOTE);
	assert_int_equal(t->core[2]->conf.learners, N3);
	t->cut[3] = false;
	trio_pass(t, 2000);
	assert_int_equal(t->core[2]->conf.voters, ALL);
}

static void a_vote_that_waits_can_be_called_off(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	t->cut[3] = true;
	trio_pass(t, 1500);
	assert_int_equal(change_and_name(t, N1 | N2, N3, 3, "n3", "a", KQUORUM_CONF_PROMOTE), 0);
	trio_pass(t, 500);
	assert_int_equal(change_and_name(t, N1 | N2, N3, 3, "n3", "a", 0), 0);
	t->cut[3] = false;
	trio_pass(t, 2000);
	assert_int_equal(t->core[1]->conf.voters, N1 | N2);
	assert_int_equal(t->core[3]->conf.learners, N3);
}

static void what_a_member_was_called_holds_again_when_the_change_is_cut_off(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t count;

	trio_lead(t);
	assert_int_equal(change_and_name(t, ALL, 0, 2, "n2", "10.0.0.2", 0), 0);
	trio_pass(t, 200);
	t->cut[1] = true;
	assert_int_equal(change_and_name(t, ALL, 0, 2, "new", "10.0.0.9", 0), 0);
	assert_string_equal(kq_core_member(c, 2)->name, "new");
	count = c->conf_count;
	trio_pass(t, 1500);
	assert_true(trio_elect(t, 2));
	assert_int_equal(trio_append(t, 2), 0);
	t->cut[1] = false;
	trio_pass(t, 500);
	assert_string_equal(kq_core_member(c, 2)->name, "n2");
	assert_string_equal(kq_core_member(c, 2)->address, "10.0.0.2");
	assert_true(c->conf_count > count);	/* who shows names looks again */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TRIO_TEST(who_joins_a_cluster_never_begins_one),
		TRIO_TEST(who_has_left_is_not_taken_for_the_next_one_with_its_number),
		TRIO_TEST(who_left_is_known_after_a_restart),
		TRIO_TEST(a_node_knows_that_it_has_left_once_that_is_committed),
		TRIO_TEST(who_is_being_taken_in_has_not_left),
		TRIO_TEST(two_members_that_are_there_have_two_addresses),
		TRIO_TEST(a_vote_that_waits_survives_all_that_passes_meanwhile),
		TRIO_TEST(a_vote_that_waits_can_be_called_off),
		TRIO_TEST(what_a_member_was_called_holds_again_when_the_change_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
