// SPDX-License-Identifier: GPL-2.0
/*
 * A node whose log has gaps among three: it gets what is missing from whoever has it and no other
 * log's, is as good as any other once that is on its disk, and never before.
 */
#include "kq_int.h"
#include "kq_wal_priv.h"
#include "snap_state.h"
#include "trio.h"

static struct image im;
static struct kq_wal_report report;

static int setup(void **state)
{
	kq_alloc_live = 0;	/* what a test that failed left behind is not this one's */
	return trio_setup(state);
}

static int teardown(void **state)
{
	image_free(&im);
	return trio_teardown(state);
}

static void append_many(struct trio *t, uint32_t id, uint32_t count)
{
	while (count--) {
		assert_int_equal(trio_append(t, id), 0);
		trio_settle(t);
	}
}

/* A bad sector in the newest batch on this disk that has the entry. */
static void damage(struct trio *t, uint32_t id, uint64_t index)
{
	uint64_t pos, at = 0, seq = 0;

	for (pos = 0; pos < SEGMENTS * SEGMENT; pos += KQ_WAL_BLOCK) {
		const struct kq_wal_batch_head *h = (void *)(t->disk[id] + pos);

		if (le64_to_cpu(h->magic) != KQ_WAL_BATCH_MAGIC || le64_to_cpu(h->seq) < seq ||
		    le64_to_cpu(h->first_index) > index || le64_to_cpu(h->end_index) < index ||
		    !h->first_index || le32_to_cpu(h->flags))
			continue;
		seq = le64_to_cpu(h->seq);
		at = pos;
	}
	assert_true(at);
	t->disk[id][at + KQ_WAL_SECTOR + 9] ^= 1;
}

/* Node @id goes, these of its entries are damaged, and it starts; not connected. */
static struct kq_core *restart_damaged(struct trio *t, uint32_t id, uint64_t first, uint64_t last)
{
	struct kq_core *c;

	trio_power_off(t, id);
	while (first && first <= last)
		damage(t, id, first++);
	c = trio_power_on(t, id, &report);
	return c;
}

static void connect_all(struct trio *t, uint32_t id)
{
	uint32_t i;

	for (i = 1; i <= 3; i++)
		if (i != id)
			trio_connect(t, id, i);
}

static void assert_damaged(const struct kq_core *c, uint64_t first, uint64_t count)
{
	char why[60];

	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(c->disk_state, KQUORUM_DISK_DAMAGED);
	assert_int_equal(c->log.missing, count);
	snprintf(why, sizeof(why), "entries are missing from %llu on", (unsigned long long)first);
	assert_non_null(strstr(c->reason, why));
}

static void assert_repaired(struct trio *t, uint32_t id, uint32_t other)
{
	struct kq_core *c = t->core[id];
	uint64_t i;

	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->disk_state, KQUORUM_DISK_OK);
	assert_string_equal(c->reason, "");
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->repair.total, 0);
	assert_int_equal(c->log.last, t->core[other]->log.last);
	for (i = c->log.base_index + 1; i <= c->log.last; i++)
		assert_int_equal(kq_log_get(&c->log, i)->rec.crc,
				 kq_log_get(&t->core[other]->log, i)->rec.crc);
}

/* And it takes part again: who leads counts on it, alone. */
static void assert_takes_part(struct trio *t, uint32_t leader, uint32_t id)
{
	uint32_t other = 6 - leader - id;

	trio_pass(t, 300);
	assert_int_equal(t->core[id]->applied, t->core[leader]->log.last);
	assert_int_equal(t->core[leader]->peer[id].progress, KQUORUM_PROGRESS_REPLICATE);
	t->cut[other] = true;
	t->done = 0;
	append_many(t, leader, 1);
	assert_int_equal(t->done, 1);
	assert_int_equal(t->done_error, 0);
	t->cut[other] = false;
	trio_pass(t, 300);
}

/* What waits from node 3 for another is taken: the newest that asks for entries. */
static bool take_fetch(struct trio *t, uint32_t to, struct kq_body_fetch *out)
{
	bool found = false;
	LIST_HEAD(list);

	kq_core_take_msgs(t->core[3], to, &list);
	while (!list_empty(&list)) {
		struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
		const struct kq_wire_hdr *h = (const void *)m->data;

		if (h->type == KQ_MSG_FETCH) {
			memcpy(out, h + 1, sizeof(*out));
			found = true;
		}
		list_del(&m->node);
		kq_free(m);
	}
	return found;
}

/* Node 3 has asked, and what it asked for is in @out; its disk is done. */
static void ask(struct trio *t, uint32_t to, struct kq_body_fetch *out)
{
	struct kq_core *c = t->core[3];

	while (c->batch) {
		struct kq_batch *b = kq_core_take_batch(c);

		memcpy(t->disk[3] + b->slot * SEGMENT + b->offset, b->data, b->len);
		kq_core_disk_done(c, t->now, b, 0);
	}
	t->now += 25 * MS;
	kq_core_tick(c, t->now);
	assert_true(take_fetch(t, to, out));
}

/* An answer to it, which a test may falsify. */
struct answer {
	struct kq_body_fetched b;
	uint8_t records[8000];
	uint32_t len;
};

static void add(struct answer *a, const struct kq_record *rec, const void *data)
{
	uint32_t size = kq_record_size(le32_to_cpu(rec->len));

	assert_true(a->len + size <= sizeof(a->records));
	memcpy(a->records + a->len, rec, sizeof(*rec));
	memcpy(a->records + a->len + sizeof(*rec), data, le32_to_cpu(rec->len));
	a->len += size;
	a->b.count = cpu_to_le32(le32_to_cpu(a->b.count) + 1);
}

/* @count entries of node 1's log from @first on. */
static void answer(struct trio *t, struct answer *a, const struct kq_body_fetch *f, uint64_t first,
		   uint32_t count)
{
	memset(a, 0, sizeof(*a));
	a->b.first = cpu_to_le64(first);
	a->b.match_index = f->match_index;
	a->b.match_term = f->match_term;
	while (count--) {
		const struct kq_entry *e = kq_log_get(&t->core[1]->log, first++);

		add(a, &e->rec, e->data);
	}
}

static int say(struct trio *t, uint32_t from, const struct answer *a, const char **why)
{
	return trio_say(t, from, 3, KQ_MSG_FETCHED, TRIO_TERM, a, sizeof(a->b) + a->len, why);
}

/* --- who has it ------------------------------------------------------------------------ */

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

/* --- answers --------------------------------------------------------------------------- */

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
	assert_int_equal(say(t, 2, &good, &why), 0);	/* that one was not asked */
	assert_int_equal(c->log.missing, 5);
	answer(t, &a, &f, 11, 3);
	assert_int_equal(say(t, 1, &a, &why), 0);	/* begins elsewhere */
	answer(t, &a, &f, 10, 3);
	a.b.match_index = cpu_to_le64(14);
	assert_int_equal(say(t, 1, &a, &why), 0);
	answer(t, &a, &f, 10, 3);
	a.b.match_term = cpu_to_le64(TRIO_TERM + 1);
	assert_int_equal(say(t, 1, &a, &why), 0);
	assert_int_equal(c->log.missing, 5);
	assert_true(c->repair.waits);
	answer(t, &a, &f, 10, 2);
	assert_int_equal(say(t, 1, &a, &why), 0);
	assert_int_equal(c->log.missing, 3);
	assert_false(c->repair.waits);
	/* Twice the same, and another one to the same question. */
	assert_int_equal(say(t, 1, &a, &why), 0);
	assert_int_equal(say(t, 1, &good, &why), 0);
	assert_int_equal(c->log.missing, 3);
	trio_pass(t, 300);
	assert_repaired(t, 3, 1);
	assert_int_equal(say(t, 1, &good, &why), 0);
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
	assert_int_equal(say(t, 1, &a, &why), -EPROTO);
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
	add(&a, &rec, kq_log_get(&t->core[1]->log, 10)->data);
	assert_int_equal(say(t, 1, &a, &why), -EPROTO);
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
	add(&a, &rec, "");
	assert_int_equal(say(t, 1, &a, &why), -EPROTO);
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
	add(&a, &rec, payload);
	assert_int_equal(say(t, 1, &a, &why), -EPROTO);
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

/* --- snapshots ------------------------------------------------------------------------- */

static int install(struct trio *t, uint32_t id)
{
	struct kq_restore *rs;
	int err;

	rs = image_restore(&im, &t->core[id]->cfg, 1000, &err, NULL);
	assert_non_null(rs);
	err = kq_core_install(t->core[id], t->now, rs);
	kq_restore_free(rs);
	return err;
}

/* Node 1's own tail, of term 2, is of a dead branch, and damaged; node 2 leads in a later one. */
static struct kq_core *dead_branch(struct trio *t)
{
	uint64_t last;

	trio_lead(t);
	append_many(t, 1, 10);
	trio_pass(t, 200);
	image_take(&im, t->core[2], 4096);
	assert_int_equal(im.ref.term, TRIO_TERM);
	t->cut[1] = true;
	append_many(t, 1, 60);
	last = t->core[1]->log.last;
	trio_pass(t, 2000);
	trio_power_off(t, 1);
	damage(t, 1, last - 20);
	trio_power_on(t, 1, &report);
	assert_damaged(t->core[1], last - 20, 1);
	assert_true(trio_elect(t, 2));
	trio_pass(t, 4000);
	t->cut[1] = false;
	connect_all(t, 1);
	trio_pass(t, 3000);
	return t->core[1];
}

static void a_snapshot_stands_for_what_the_leader_has_not_got(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = dead_branch(t);

	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(c->log.missing, 1);
	assert_true(c->repair.snapshot);
	assert_true(kq_core_needs_snapshot(t->core[2], 1));
	assert_true(t->core[2]->log.last < c->report.claimed_index);
	assert_int_equal(t->core[2]->peer[1].snap_index, t->core[2]->log.last);
	/* One in which something may be lacking that this node acknowledged. */
	assert_int_equal(install(t, 1), -ESTALE);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	/* One that ends earlier, and in a later term. */
	image_free(&im);
	image_take(&im, t->core[2], 4096);
	assert_true(im.ref.index < c->report.claimed_index);
	assert_true(im.ref.term > TRIO_TERM);
	assert_int_equal(install(t, 1), 0);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	trio_pass(t, 500);
	assert_repaired(t, 1, 2);
	assert_takes_part(t, 2, 1);
	/* Nothing of that is left on its disk. */
	trio_power_off(t, 1);
	trio_power_on(t, 1, &report);
	assert_int_equal(t->core[1]->log.base_index, im.ref.index);
	assert_int_equal(t->core[1]->log.missing, 0);
	kq_core_fail(t->core[1], -EIO, "its snapshot is no file here");
}

static void a_snapshot_of_the_whole_log_stands_for_it(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = dead_branch(t);

	append_many(t, 2, 80);
	image_free(&im);
	image_take(&im, t->core[2], 4096);
	assert_true(im.ref.index >= c->report.claimed_index);
	/* Also for one that has seen a later term itself. */
	c->recovered_term = im.ref.term;
	assert_int_equal(install(t, 1), 0);
	trio_pass(t, 500);
	assert_repaired(t, 1, 2);
	assert_takes_part(t, 2, 1);
}

/* All is back, and cannot be written; the snapshot that makes room is not refused. */
static void a_snapshot_makes_room_for_what_was_put_back(void **state)
{
	struct trio *t = *state;
	struct kq_body_fetch f;
	struct kq_batch *b;
	struct kq_core *c;
	struct answer a;
	const char *why;

	trio_lead(t);
	append_many(t, 1, 30);
	trio_pass(t, 200);
	image_take(&im, t->core[1], 4096);
	c = restart_damaged(t, 3, 10, 14);
	connect_all(t, 3);
	ask(t, 1, &f);
	answer(t, &a, &f, 10, 5);
	while (!kq_wal_encode(c->wal, &c->hs, NULL, 0, 0, KQ_WAL_ROOM_INTERNAL, &b))
		kq_batch_free(b);
	assert_int_equal(say(t, 1, &a, &why), 0);
	trio_pass(t, 2000);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(c->log.missing, 0);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	assert_int_equal(im.ref.index, c->log.last);
	assert_int_equal(install(t, 3), 0);
	/* The log has that entry; what is before it is on no disk. */
	assert_int_equal(c->restart_at, im.ref.index);
	trio_pass(t, 500);
	assert_int_equal(c->log.base_index, im.ref.index);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
}

/* What is missing below the snapshot that it has is not needed. */
static void what_is_missing_below_a_snapshot_is_not_fetched(void **state)
{
	struct trio *t = *state;
	struct kq_core *c;
	uint64_t at;

	trio_lead(t);
	append_many(t, 1, 26);
	trio_pass(t, 200);
	image_take(&im, t->core[3], 4096);
	at = im.ref.index;
	assert_int_equal(kq_core_snapshot_done(t->core[3], t->now, &im.ref), 0);
	append_many(t, 1, 10);
	trio_pass(t, 200);
	trio_power_off(t, 3);
	damage(t, 3, at - 1);
	damage(t, 3, at);
	damage(t, 3, at + 5);
	c = trio_power_on(t, 3, &report);
	assert_int_equal(report.crossed, 3);
	assert_int_equal(report.hs.snap.index, at);
	assert_int_equal(c->log.base_index, at);
	assert_int_equal(c->log.base_term, im.ref.term);
	assert_damaged(c, at + 5, 1);
	assert_true(c->stateless);		/* it was not restored here */
	connect_all(t, 3);
	trio_pass(t, 500);
	assert_int_equal(c->log.missing, 0);
	assert_int_equal(c->repair.total, 0);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_non_null(strstr(c->reason, "snapshot: "));
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	image_free(&im);
	image_take(&im, t->core[1], 4096);
	assert_int_equal(install(t, 3), 0);
	trio_pass(t, 500);
	assert_repaired(t, 3, 1);
	assert_takes_part(t, 1, 3);
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
	assert_int_equal(deliver_fill(c, 11, 5), -EUCLEAN);
	assert_int_equal(c->log.missing, 8);
	/* A gap that cuts off within that one, and where the log ends with it. */
	assert_int_equal(deliver_gap(c, 4, 4, 3), 0);
	assert_int_equal(c->log.last, 4);
	assert_int_equal(c->log.missing, 3);
	assert_int_equal(kq_log_term(&c->log, 4), 3);
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
		setup(state);
		t = *state;
	}
	print_message("# %lu allocations failed\n", i - 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_missing_is_fetched_from_the_leader),
		TEST(no_leader_is_needed),
		TEST(several_gaps_are_filled_one_after_the_other),
		TEST(the_last_entries_are_fetched_too),
		TEST(who_has_a_part_gives_that),
		TEST(stale_answers_are_ignored),
		TEST(entries_that_were_not_asked_for_are_refused),
		TEST(entries_of_terms_that_cannot_be_are_refused),
		TEST(a_last_entry_of_another_term_is_refused),
		TEST(a_configuration_of_another_history_is_refused),
		TEST(who_has_another_log_gives_nothing),
		TEST(what_was_put_back_counts_once_it_is_on_disk),
		TEST(a_damaged_node_votes_by_the_end_that_it_had),
		TEST(a_snapshot_stands_for_what_the_leader_has_not_got),
		TEST(a_snapshot_of_the_whole_log_stands_for_it),
		TEST(a_snapshot_makes_room_for_what_was_put_back),
		TEST(what_is_missing_below_a_snapshot_is_not_fetched),
		TEST(what_recovery_tells_of_gaps_is_noted),
		TEST(without_memory_nothing_is_lost),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
