// SPDX-License-Identifier: GPL-2.0
/*
 * A broken invariant stops the node, names itself and harms nobody else. In user space it ends
 * the process; here it goes on, as the module does. Linked with --wrap=kq_assert_fail.
 */
#include "trio.h"

#include "kq_int.h"

void __wrap_kq_assert_fail(const char *what);

static const char *broken;

void __wrap_kq_assert_fail(const char *what)
{
	broken = what;
}

static int setup(void **state)
{
	broken = NULL;
	return trio_setup(state);
}

/* Node @id is stopped by it; the two others go on. */
static void assert_stopped(struct trio *t, uint32_t id, const char *what)
{
	char reason[200];
	uint32_t other = id == 2 ? 3 : 2;

	snprintf(reason, sizeof(reason), "invariant broken: %s", what);
	assert_non_null(broken);
	assert_string_equal(broken, what);
	assert_int_equal(t->core[id]->state, KQUORUM_NODE_FAILED);
	assert_string_equal(t->core[id]->reason, reason);
	assert_true(trio_elect(t, other));
	trio_pass(t, 4000);
	t->done = 0;
	assert_int_equal(trio_append(t, other), 0);
	trio_pass(t, 200);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, 0);
}

static void a_term_never_falls(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];

	trio_lead(t);
	kq_become_follower(c, 0, 3);
	assert_int_equal(c->hs.term, TRIO_TERM);
	assert_int_equal(c->leader, 0);
	assert_stopped(t, 2, "term >= core->hs.term");
}

static void what_is_committed_is_never_cut_off(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	uint64_t last;

	trio_lead(t);
	last = c->log.last;
	kq_log_cut(c, c->commit - 1);
	assert_int_equal(c->log.last, last);
	assert_stopped(t, 2, "last >= core->commit");
}

static void the_end_of_a_write_that_was_not_asked_for_counts_for_nothing(void **state)
{
	struct kq_batch other = { .first = 1000, .last = 1000, .entries = 1 };
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	uint64_t durable;

	trio_lead(t);
	durable = c->durable;
	kq_core_disk_done(c, t->now, &other, 0);
	assert_int_equal(c->durable, durable);
	assert_stopped(t, 2, "batch == core->batch");
}

static void what_changed_in_memory_is_not_applied(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	uint64_t applied;

	trio_lead(t);
	t->cut[3] = true;
	t->disk_hangs[2] = true;	/* it has the entry, and it is not committed */
	assert_int_equal(trio_append(t, 1), 0);
	trio_settle(t);
	applied = c->applied;
	assert_int_equal(c->log.last, applied + 1);
	kq_log_get(&c->log, applied + 1)->data[0] ^= 1;
	t->disk_hangs[2] = false;
	trio_pass(t, 200);
	assert_int_equal(c->applied, applied);
	assert_int_equal(t->done, 1);	/* two have it on disk, as it was */
	t->cut[3] = false;
	assert_stopped(t, 2, "kq_entry_crc(&e->rec, e->data) == le32_to_cpu(e->rec.crc)");
}

static void nothing_is_applied_beyond_the_log(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];

	trio_lead(t);
	c->commit = c->log.last + 1;
	kq_machines_apply(c);
	assert_int_equal(c->applied, c->log.last);
	c->commit = c->log.last;
	assert_stopped(t, 2, "e");
}

static void nothing_is_committed_beyond_the_log(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t commit;
	int err;

	trio_lead(t);
	t->cut[2] = t->cut[3] = true;
	assert_int_equal(trio_append(t, 1), 0);
	commit = c->commit;
	/* Two acknowledge what was cut off the leader's own log meanwhile. */
	c->peer[2].match = c->log.last + 1;
	c->peer[3].match = c->log.last + 1;
	c->hs.term = 0;				/* of the entry that is not there */
	kq_leader_commit(c);
	err = c->state;
	c->hs.term = 1;
	assert_int_equal(err, KQUORUM_NODE_FAILED);
	assert_int_equal(c->commit, commit);
	t->cut[2] = t->cut[3] = false;
	assert_stopped(t, 1, "index <= core->log.last");
}

/* The two readers of records rely on kq_wire_check_body(): without it they stop, and say so. */
static void a_body_that_nobody_checked_ends_at_its_first_bad_record(void **state)
{
	uint8_t raw[sizeof(struct kq_wire_hdr) + sizeof(struct kq_body_append) + 8] = { 0 };
	struct kq_wire_hdr *h = (void *)raw;
	struct trio *t = *state;

	trio_lead(t);
	h->len = cpu_to_le32(sizeof(struct kq_body_append) + 8);
	h->from = cpu_to_le32(1);
	h->term = cpu_to_le64(TRIO_TERM);
	h->type = KQ_MSG_APPEND;
	kq_follow_recv_append(t->core[2], h, h + 1);
	assert_stopped(t, 2, "next");
}

static void proposals_that_nobody_checked_end_at_the_first_bad_one(void **state)
{
	uint8_t raw[sizeof(struct kq_wire_hdr) + 8] = { 0 };
	struct kq_wire_hdr *h = (void *)raw;
	struct trio *t = *state;
	uint64_t last;

	trio_lead(t);
	last = t->core[1]->log.last;
	h->len = cpu_to_le32(8);
	h->from = cpu_to_le32(2);
	h->term = cpu_to_le64(TRIO_TERM);
	h->type = KQ_MSG_PROPOSE;
	kq_propose_recv(t->core[1], h, h + 1);
	assert_int_equal(t->core[1]->log.last, last);
	assert_stopped(t, 1, "next");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trio_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_term_never_falls),
		TEST(what_is_committed_is_never_cut_off),
		TEST(the_end_of_a_write_that_was_not_asked_for_counts_for_nothing),
		TEST(what_changed_in_memory_is_not_applied),
		TEST(nothing_is_applied_beyond_the_log),
		TEST(nothing_is_committed_beyond_the_log),
		TEST(a_body_that_nobody_checked_ends_at_its_first_bad_record),
		TEST(proposals_that_nobody_checked_end_at_the_first_bad_one),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
