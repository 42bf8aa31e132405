// SPDX-License-Identifier: GPL-2.0
/*
 * A node whose log has gaps among three: it gets what is missing from whoever has it, is as good as
 * any other once that is on its disk, and never before.
 */
#include "kq_int.h"
#include "damaged.h"

static void what_is_missing_is_fetched_from_the_leader(void **state)
{
	struct kq_body_fetch f;
	struct trio *t = *state;
	struct kq_core *c;

	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	c = restart_damaged(t, 3, 10, 14);
	assert_int_equal(report.health, KQ_WAL_GAPS);
	assert_damaged(c, 10, 5);
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
	connect_all(t, 3);
	/* With the entry behind it, which another log has or not. */
	ask(t, 1, &f);
	assert_int_equal(le64_to_cpu(f.first), 10);
	assert_int_equal(le64_to_cpu(f.last), 14);
	assert_int_equal(le64_to_cpu(f.match_index), 15);
	assert_int_equal(le64_to_cpu(f.match_term), TRIO_TERM);
	trio_pass(t, 1500);		/* that one was lost: it asks again */
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
	/* It is on its disk. */
	c = restart_damaged(t, 3, 0, 0);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(report.health, KQ_WAL_GAPS);
	connect_all(t, 3);
	assert_takes_part(t, 1, 3);
}

static void no_leader_is_needed(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	t->cut[1] = true;
	restart_damaged(t, 3, 10, 14);
	connect_all(t, 3);
	trio_pass(t, 4000);
	assert_int_equal(t->core[2]->leader == 0 || t->core[2]->silent, 1);
	assert_repaired(t, 3, 2);
	assert_true(trio_elect(t, 3));
}

static void several_gaps_are_filled_one_after_the_other(void **state)
{
	struct trio *t = *state;
	uint64_t last;
	uint32_t i;

	trio_lead(t);
	append_many(t, 1, 130);
	trio_pass(t, 200);
	last = t->core[3]->log.last;
	trio_power_off(t, 3);
	for (i = 20; i < 110; i++)	/* more than a batch takes */
		damage(t, 3, i);
	damage(t, 3, 120);
	damage(t, 3, last);
	assert_damaged(trio_power_on(t, 3, &report), 20, 92);
	connect_all(t, 3);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* The log's end itself is missing: what was claimed of it stands for the entry behind. */
static void the_last_entries_are_fetched_too(void **state)
{
	struct kq_body_fetch f;
	struct trio *t = *state;
	uint64_t last;

	trio_lead(t);
	append_many(t, 1, 10);
	trio_pass(t, 200);
	last = t->core[3]->log.last;
	restart_damaged(t, 3, last - 1, last);
	connect_all(t, 3);
	ask(t, 1, &f);
	assert_int_equal(le64_to_cpu(f.first), last - 1);
	assert_int_equal(le64_to_cpu(f.last), last);
	assert_int_equal(le64_to_cpu(f.match_index), last);
	assert_int_equal(le64_to_cpu(f.match_term), TRIO_TERM);
	trio_pass(t, 1500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* Two of them lack the same, and one of them more than that. */
static void who_has_a_part_gives_that(void **state)
{
	struct trio *t = *state;
	struct kq_core *c, *o;

	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	t->cut[1] = true;
	restart_damaged(t, 2, 13, 14);
	restart_damaged(t, 3, 10, 14);
	connect_all(t, 2);
	c = t->core[3];
	o = t->core[2];
	trio_pass(t, 4000);
	/* Nobody that can be asked has these: it says so, and goes on asking. */
	assert_damaged(c, 13, 2);
	assert_damaged(o, 13, 2);
	assert_non_null(kq_log_get(&c->log, 12));
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
	/* One is repaired by who speaks with that one only. */
	t->cut[1] = false;
	trio_pass(t, 3000);
	assert_repaired(t, 3, 2);
	assert_repaired(t, 2, 3);
	trio_connect(t, 3, 1);
	assert_true(trio_elect(t, 1));
}

/* --- on disk, and votes ---------------------------------------------------------------- */

static void what_was_put_back_counts_once_it_is_on_disk(void **state)
{
	struct trio *t = *state;
	struct kq_core *c;
	uint32_t i;

	trio_lead(t);
	append_many(t, 1, 150);
	trio_pass(t, 200);
	restart_damaged(t, 3, 10, 109);
	connect_all(t, 3);
	trio_settle(t);
	t->disk_hangs[3] = true;
	trio_pass(t, 500);
	c = t->core[3];
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
	assert_true(t->core[1]->peer[3].flags & KQUORUM_PEERF_FAULTY);
	/* The power goes: none of it is there. */
	c = restart_damaged(t, 3, 0, 0);
	assert_damaged(c, 10, 100);
	connect_all(t, 3);
	t->disk_hangs[3] = false;
	trio_settle(t);
	t->disk_hangs[3] = true;
	t->now += 25 * MS;
	kq_core_tick(c, t->now);
	trio_settle(t);
	assert_int_equal(c->log.missing, 0);
	assert_true(c->batch && c->batch->repaired);
	/* A part of it is. */
	for (i = 0; i < 2; i++) {
		struct kq_batch *b = kq_core_take_batch(c);

		if (!i)
			memcpy(t->disk[3] + b->slot * SEGMENT + b->offset, b->data, b->len);
		assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
		if (!i)
			kq_core_disk_done(c, t->now, b, 0);
	}
	c = restart_damaged(t, 3, 0, 0);
	assert_damaged(c, 74, 36);
	t->disk_hangs[3] = false;
	connect_all(t, 3);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* Did node 3 grant it? */
static bool grants(struct trio *t, uint8_t type, uint64_t term, uint64_t index, uint64_t last_term)
{
	const struct kq_body_vote_req r = { .last_index = cpu_to_le64(index),
					    .last_term = cpu_to_le64(last_term) };
	bool granted = false, found = false;
	const char *why;
	LIST_HEAD(list);

	assert_int_equal(trio_say(t, 2, 3, type, term, &r, sizeof(r), &why), 0);
	while (t->core[3]->batch)
		kq_core_disk_done(t->core[3], t->now, kq_core_take_batch(t->core[3]), 0);
	kq_core_take_msgs(t->core[3], 2, &list);
	while (!list_empty(&list)) {
		struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
		const struct kq_wire_hdr *h = (const void *)m->data;

		if (h->type == KQ_MSG_PREVOTE_RESP || h->type == KQ_MSG_VOTE_RESP) {
			granted = ((const struct kq_body_vote_resp *)(h + 1))->granted;
			found = true;
		}
		list_del(&m->node);
		kq_free(m);
	}
	assert_true(found);
	return granted;
}

static void a_damaged_node_votes_by_the_end_that_it_had(void **state)
{
	struct kq_body_timeout_now now;
	struct trio *t = *state;
	struct kq_core *c;
	const char *why;
	uint64_t last;

	trio_lead(t);
	append_many(t, 1, 10);
	trio_pass(t, 200);
	last = t->core[3]->log.last;
	c = restart_damaged(t, 3, last - 2, last);
	t->cut[3] = true;
	connect_all(t, 3);
	trio_pass(t, 4000);
	assert_damaged(c, last - 2, 3);
	assert_false(grants(t, KQ_MSG_PREVOTE_REQ, 8, last - 1, TRIO_TERM));
	assert_false(grants(t, KQ_MSG_VOTE_REQ, 8, last - 1, TRIO_TERM));
	assert_true(grants(t, KQ_MSG_PREVOTE_REQ, 9, last, TRIO_TERM));
	assert_true(grants(t, KQ_MSG_VOTE_REQ, 9, last, TRIO_TERM));
	assert_int_equal(c->hs.vote, 2);
	assert_true(grants(t, KQ_MSG_VOTE_REQ, 10, 3, TRIO_TERM + 1));
	/* It never leads, whoever asks for it. */
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
	assert_int_equal(kq_core_campaign(c, t->now), -EIO);
	c->leader = 2;
	now = (struct kq_body_timeout_now){ .last_index = cpu_to_le64(last),
					    .last_term = cpu_to_le64(TRIO_TERM) };
	assert_int_equal(trio_say(t, 2, 3, KQ_MSG_TIMEOUT_NOW, 10, &now, sizeof(now), &why), 0);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);
	assert_int_equal(c->hs.term, 10);
}

/* --- recovery -------------------------------------------------------------------------- */

static int deliver_gap(struct kq_core *c, uint64_t after, uint64_t last, uint64_t term)
{
	const struct kq_record rec = {
		.type = cpu_to_le16(KQ_RECORD_GAP), .seq = cpu_to_le64(after),
		.index = cpu_to_le64(last), .term = cpu_to_le64(term),
	};

	return kq_core_recover_entry(c, &rec, NULL);
}

static int deliver_fill(struct kq_core *c, uint64_t index, uint64_t term)
{
	const struct kq_record fill = { .type = cpu_to_le16(KQ_RECORD_FILL) };
	struct kq_record rec = { .type = cpu_to_le16(KQ_ENTRY_NOOP), .node = cpu_to_le32(1),
				 .index = cpu_to_le64(index), .term = cpu_to_le64(term) };

	rec.crc = cpu_to_le32(kq_entry_crc(&rec, NULL));
	return kq_core_recover_entry(c, &fill, &rec);
}

/* Another entry than the one that is there, of the same term. */
static int deliver_other(struct kq_core *c, uint64_t index, uint64_t term)
{
	const struct kq_record fill = { .type = cpu_to_le16(KQ_RECORD_FILL) };
	struct kq_record rec = { .type = cpu_to_le16(KQ_ENTRY_NOOP), .node = cpu_to_le32(2),
				 .index = cpu_to_le64(index), .term = cpu_to_le64(term) };

	rec.crc = cpu_to_le32(kq_entry_crc(&rec, NULL));
	return kq_core_recover_entry(c, &fill, &rec);
}

static void what_recovery_tells_of_gaps_is_noted(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = trio_replace(t, &report);	/* with entry 1 */

	assert_int_equal(deliver_gap(c, 1, 10, 5), 0);
	assert_int_equal(c->log.missing, 9);
	assert_int_equal(deliver_fill(c, 7, 4), 0);
	assert_int_equal(c->log.missing, 8);
	/* As it is there: it may be read again, or have been there all the time. */
	assert_int_equal(deliver_fill(c, 7, 4), 0);
	assert_int_equal(deliver_fill(c, 7, 5), -EUCLEAN);
	assert_int_equal(deliver_other(c, 7, 4), -EUCLEAN);
	assert_int_equal(deliver_fill(c, 11, 5), -EUCLEAN);
	assert_int_equal(c->log.missing, 8);
	/* A gap that cuts off within that one, and where the log ends with it. */
	assert_int_equal(deliver_gap(c, 4, 4, 3), 0);
	assert_int_equal(c->log.last, 4);
	assert_int_equal(c->log.missing, 3);
	assert_int_equal(kq_log_term(&c->log, 4), 3);
	/* One that a batch before it has cut off. */
	assert_int_equal(deliver_gap(c, 4, 3, 3), 0);
	assert_int_equal(c->log.last, 4);
	assert_int_equal(deliver_gap(c, 4, 6, 4), 0);
	assert_int_equal(c->log.missing, 5);
	/* Memory fails at each step, which recovery takes for its end. */
	kq_alloc_fail_at = 1;
	assert_int_equal(deliver_fill(c, 3, 2), -ENOMEM);
	assert_int_equal(c->log.missing, 5);
	kq_alloc_fail_at = 1;
	assert_int_equal(deliver_gap(c, 6, 600, 4), -ENOMEM);
	kq_alloc_fail_at = 0;
	assert_int_equal(deliver_fill(c, 3, 2), 0);
	kq_core_fail(c, -EIO, "test");
}

/* --- memory ---------------------------------------------------------------------------- */

static void without_memory_nothing_is_lost(void **state)
{
	struct trio *t = *state;
	unsigned long i;
	bool failed = true;

	for (i = 1; failed; i++) {
		assert_true(i < 100);
		trio_lead(t);
		append_many(t, 1, 12);
		trio_pass(t, 200);
		restart_damaged(t, 3, 7, 9);
		connect_all(t, 3);
		assert_damaged(t->core[3], 7, 3);
		kq_alloc_fail_at = i;
		trio_pass(t, 100);
		failed = !kq_alloc_fail_at;
		kq_alloc_fail_at = 0;
		trio_pass(t, 2500);
		assert_repaired(t, 3, 1);
		assert_takes_part(t, 1, 3);
		trio_teardown(state);
		damaged_setup(state);
		t = *state;
	}
	print_message("# %lu allocations failed\n", i - 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, damaged_setup, trio_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_missing_is_fetched_from_the_leader),
		TEST(no_leader_is_needed),
		TEST(several_gaps_are_filled_one_after_the_other),
		TEST(the_last_entries_are_fetched_too),
		TEST(who_has_a_part_gives_that),
		TEST(what_was_put_back_counts_once_it_is_on_disk),
		TEST(a_damaged_node_votes_by_the_end_that_it_had),
		TEST(what_recovery_tells_of_gaps_is_noted),
		TEST(without_memory_nothing_is_lost),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
