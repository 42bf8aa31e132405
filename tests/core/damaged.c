// SPDX-License-Identifier: GPL-2.0
/* Three nodes, one of which has a damaged log: see damaged.h. */
#include "kq_int.h"
#include "kq_wal_priv.h"
#include "damaged.h"

struct kq_wal_report report;

int damaged_setup(void **state)
{
	kq_alloc_live = 0;	/* what a test that failed left behind is not this one's */
	return trio_setup(state);
}

void damage(struct trio *t, uint32_t id, uint64_t index)
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

struct kq_core *restart_damaged(struct trio *t, uint32_t id, uint64_t first, uint64_t last)
{
	trio_power_off(t, id);
	while (first && first <= last)
		damage(t, id, first++);
	return trio_power_on(t, id, &report);
}

void connect_all(struct trio *t, uint32_t id)
{
	uint32_t i;

	for (i = 1; i <= 3; i++)
		if (i != id)
			trio_connect(t, id, i);
}

void assert_damaged(const struct kq_core *c, uint64_t first, uint64_t count)
{
	char why[60];

	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_int_equal(c->disk_state, KQUORUM_DISK_DAMAGED);
	assert_int_equal(c->log.missing, count);
	snprintf(why, sizeof(why), "entries are missing from %llu on", (unsigned long long)first);
	assert_non_null(strstr(c->reason, why));
}

void assert_repaired(struct trio *t, uint32_t id, uint32_t other)
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

void assert_takes_part(struct trio *t, uint32_t leader, uint32_t id)
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

void ask(struct trio *t, uint32_t to, struct kq_body_fetch *out)
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

void answer_add(struct answer *a, const struct kq_record *rec, const void *data)
{
	uint32_t size = kq_record_size(le32_to_cpu(rec->len));

	assert_true(a->len + size <= sizeof(a->records));
	memcpy(a->records + a->len, rec, sizeof(*rec));
	memcpy(a->records + a->len + sizeof(*rec), data, le32_to_cpu(rec->len));
	a->len += size;
	a->b.count = cpu_to_le32(le32_to_cpu(a->b.count) + 1);
}

void answer(struct trio *t, struct answer *a, const struct kq_body_fetch *f, uint64_t first,
	    uint32_t count)
{
	memset(a, 0, sizeof(*a));
	a->b.first = cpu_to_le64(first);
	a->b.match_index = f->match_index;
	a->b.match_term = f->match_term;
	a->b.last_index = cpu_to_le64(t->core[1]->log.last);
	while (count--) {
		const struct kq_entry *e = kq_log_get(&t->core[1]->log, first++);

		answer_add(a, &e->rec, e->data);
	}
}

int answer_say(struct trio *t, uint32_t from, const struct answer *a, const char **why)
{
	return trio_say(t, from, 3, KQ_MSG_FETCHED, TRIO_TERM, a, sizeof(a->b) + a->len, why);
}
