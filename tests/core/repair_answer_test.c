// SPDX-License-Identifier: GPL-2.0
/*
 * Answers to a node that asks for what its log lacks: only entries of the same log are taken, and
 * only those that were asked for; nobody gets what is not the same log's.
 */
#include "kq_int.h"
#include "damaged.h"

/* Node 3 lacks entries 10 to 14, and has asked node 1. */
static struct kq_core *asked(struct trio *t, struct kq_body_fetch *f)
{
	struct kq_core *c;

	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	c = restart_damaged(t, 3, 10, 14);
	connect_all(t, 3);
	ask(t, 1, f);
	return c;
}

static void stale_answers_are_ignored(void **state)
{
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_core *c = asked(t, &f);
	struct answer a, good;
	const char *why;

	answer(t, &good, &f, 10, 5);
	assert_int_equal(answer_say(t, 2, &good, &why), 0);	/* that one was not asked */
	assert_int_equal(c->log.missing, 5);
	answer(t, &a, &f, 11, 3);
	assert_int_equal(answer_say(t, 1, &a, &why), 0);	/* begins elsewhere */
	answer(t, &a, &f, 10, 3);
	a.b.match_index = cpu_to_le64(14);
	assert_int_equal(answer_say(t, 1, &a, &why), 0);
	answer(t, &a, &f, 10, 3);
	a.b.match_term = cpu_to_le64(TRIO_TERM + 1);
	assert_int_equal(answer_say(t, 1, &a, &why), 0);
	assert_int_equal(c->log.missing, 5);
	assert_true(c->repair.waits);
	answer(t, &a, &f, 10, 2);
	assert_int_equal(answer_say(t, 1, &a, &why), 0);
	assert_int_equal(c->log.missing, 3);
	assert_false(c->repair.waits);
	/* Twice the same, and another one to the same question. */
	assert_int_equal(answer_say(t, 1, &a, &why), 0);
	assert_int_equal(answer_say(t, 1, &good, &why), 0);
	assert_int_equal(c->log.missing, 3);
	trio_pass(t, 300);
	assert_repaired(t, 3, 1);
	assert_int_equal(answer_say(t, 1, &good, &why), 0);
	assert_repaired(t, 3, 1);
}

static void entries_that_were_not_asked_for_are_refused(void **state)
{
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_core *c = asked(t, &f);
	struct answer a;
	const char *why;

	/* One more, which is there: those before it are good all the same. */
	answer(t, &a, &f, 10, 6);
	assert_int_equal(answer_say(t, 1, &a, &why), -EPROTO);
	assert_string_equal(why, "sends entries that were not missing");
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	trio_pass(t, 300);
	assert_repaired(t, 3, 1);
}

static void entries_of_terms_that_cannot_be_are_refused(void **state)
{
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_core *c = asked(t, &f);
	struct kq_record rec = kq_log_get(&t->core[1]->log, 10)->rec;
	struct answer a;
	const char *why;

	/* Below that of the entry before them. */
	rec.term = cpu_to_le64(1);
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, kq_log_get(&t->core[1]->log, 10)->data));
	answer(t, &a, &f, 10, 0);
	answer_add(&a, &rec, kq_log_get(&t->core[1]->log, 10)->data);
	assert_int_equal(answer_say(t, 1, &a, &why), -EPROTO);
	assert_string_equal(why, "sends entries that were not missing");
	assert_int_equal(c->log.missing, 5);
	assert_int_equal(c->repair.first, 0);
	trio_pass(t, 1500);
	assert_repaired(t, 3, 1);
}

/* Of the log's last entry the term is known. */
static void a_last_entry_of_another_term_is_refused(void **state)
{
	struct kq_body_fetch f;
	struct trio *t = *state;
	struct kq_record rec;
	struct kq_core *c;
	struct answer a;
	const char *why;
	uint64_t last;

	trio_elect(t, 1);
	trio_pass(t, 300);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 2), 0);
	trio_pass(t, 500);
	last = t->core[2]->log.last;
	assert_int_equal(kq_log_term(&t->core[2]->log, last), TRIO_TERM + 1);
	assert_int_equal(kq_log_term(&t->core[2]->log, last - 1), TRIO_TERM);
	c = restart_damaged(t, 3, last, last);
	connect_all(t, 3);
	ask(t, 1, &f);
	rec = (struct kq_record){ .type = cpu_to_le16(KQ_ENTRY_NOOP), .node = cpu_to_le32(1),
				  .index = cpu_to_le64(last), .term = cpu_to_le64(TRIO_TERM) };
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, NULL));
	answer(t, &a, &f, last, 0);
	answer_add(&a, &rec, "");
	assert_int_equal(answer_say(t, 1, &a, &why), -EPROTO);
	assert_string_equal(why, "sends entries that were not missing");
	assert_int_equal(c->log.missing, 1);
	trio_pass(t, 1500);
	assert_repaired(t, 3, 2);
	assert_takes_part(t, 2, 3);
}

static void a_configuration_of_another_history_is_refused(void **state)
{
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	struct kq_conf other = { .voters = 0xe, .origin = 99, .before = TEST_SETTINGS,
				 .now = TEST_SETTINGS };
	struct kq_record rec = { .type = cpu_to_le16(KQ_ENTRY_CONF), .node = cpu_to_le32(1),
				 .index = cpu_to_le64(10), .term = cpu_to_le64(TRIO_TERM) };
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_core *c = asked(t, &f);
	uint8_t payload[KQ_CONF_MAX];
	struct answer a;
	const char *why;
	uint32_t id;

	for (id = 1; id <= 3; id++)
		other.identity[id] = TRIO_IDENTITY(id);
	rec.len = cpu_to_le32(kq_conf_write(&other, nameless, NULL, payload));
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, payload));
	answer(t, &a, &f, 10, 0);
	answer_add(&a, &rec, payload);
	assert_int_equal(answer_say(t, 1, &a, &why), -EPROTO);
	assert_string_equal(why, "a configuration of another cluster");
	assert_int_equal(c->log.missing, 5);
	assert_int_equal(c->conf.origin, TRIO_IDENTITY(1));
	trio_pass(t, 1500);
	assert_repaired(t, 3, 1);
}

/* Nor does anybody get what is not the same log's. */
static void who_has_another_log_gives_nothing(void **state)
{
	static const struct {
		uint64_t first, last, at, term;
		uint32_t count;
	} asks[] = {
		{ 5, 8, 9, TRIO_TERM, 4 },
		{ 5, 8, 8, TRIO_TERM, 4 },
		{ 5, 8, 9, TRIO_TERM + 1, 0 },
		{ 1, 8, 9, TRIO_TERM, 8 },
		{ 5, 998, 999, TRIO_TERM, 0 },
		{ 5, 8, 9, 1, 0 },
	};
	struct trio *t = *state;
	size_t i;

	trio_lead(t);
	append_many(t, 1, 20);
	trio_pass(t, 100);
	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		const struct kq_body_fetch f = {
			.first = cpu_to_le64(asks[i].first), .last = cpu_to_le64(asks[i].last),
			.match_index = cpu_to_le64(asks[i].at), .match_term = cpu_to_le64(asks[i].term),
		};
		uint32_t from;

		for (from = 1; from <= 2; from++) {
			const char *why;
			uint32_t found = 0;
			LIST_HEAD(list);

			assert_int_equal(trio_say(t, 3, from, KQ_MSG_FETCH, 9, &f, sizeof(f), &why), 0);
			kq_core_take_msgs(t->core[from], 3, &list);
			while (!list_empty(&list)) {
				struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
				const struct kq_wire_hdr *h = (const void *)m->data;
				const struct kq_body_fetched *b = (const void *)(h + 1);

				if (h->type == KQ_MSG_FETCHED) {
					found++;
					assert_int_equal(le32_to_cpu(b->count), asks[i].count);
					assert_int_equal(b->first, f.first);
					assert_int_equal(b->match_index, f.match_index);
					assert_int_equal(b->match_term, f.match_term);
					assert_int_equal(le32_to_cpu(b->flags), from == 1);
				}
				list_del(&m->node);
				kq_free(m);
			}
			assert_int_equal(found, 1);
			assert_int_equal(t->core[from]->hs.term, TRIO_TERM);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, damaged_setup, trio_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(stale_answers_are_ignored),
		TEST(entries_that_were_not_asked_for_are_refused),
		TEST(entries_of_terms_that_cannot_be_are_refused),
		TEST(a_last_entry_of_another_term_is_refused),
		TEST(a_configuration_of_another_history_is_refused),
		TEST(who_has_another_log_gives_nothing),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
