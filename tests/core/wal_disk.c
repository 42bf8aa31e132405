// SPDX-License-Identifier: GPL-2.0
/*
 * A disk in memory, and a model of what must come back from it.
 */
#include "wal_disk.h"

static u64 rnd_state = 1;

void rnd_seed(u64 seed)
{
	rnd_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

u32 rnd(u32 below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (u32)((rnd_state >> 16) % below);
}

void node_init(struct node *n, u32 seg, u32 segments)
{
	memset(n, 0, sizeof(*n));
	kq_alloc_live = 0;	/* what a test that failed left behind is not this one's */
	n->disk.seg = seg;
	n->disk.segments = segments;
	n->disk.cluster = CLUSTER;
	n->disk.node = NODE;
	n->disk.data = calloc(segments, seg);
	n->hs.term = 1;
}

void node_free(struct node *n)
{
	kq_batch_free(n->batch);
	kq_wal_destroy(n->wal);
	free(n->disk.data);
	n->batch = NULL;
	n->wal = NULL;
	assert_int_equal(kq_alloc_live, 0);
}

u8 *node_at(struct node *n, u32 slot, u64 offset)
{
	return n->disk.data + (u64)slot * n->disk.seg + offset;
}

static int deliver(void *ctx, const struct kq_record *rec, const void *payload)
{
	struct model *m = ctx;
	u64 index = le64_to_cpu(rec->index);

	if (le16_to_cpu(rec->type) == KQ_RECORD_BASE) {
		assert_true(index && rec->term);
		if (index > MODEL_MAX)
			return -E2BIG;
		m->base = m->last = index;
		m->term[index] = le64_to_cpu(rec->term);
		return 0;
	}
	if (le16_to_cpu(rec->type) == KQ_RECORD_GAP) {
		assert_true(le64_to_cpu(rec->seq) <= m->last);
		assert_true(index >= le64_to_cpu(rec->seq) && index <= MODEL_MAX);
		m->last = index;
		for (index = le64_to_cpu(rec->seq) + 1; index <= m->last; index++)
			m->print[index] = m->term[index] = 0;
		m->term[m->last] = le64_to_cpu(rec->term);
		return 0;
	}
	if (le16_to_cpu(rec->type) == KQ_RECORD_FILL) {
		rec = payload;
		index = le64_to_cpu(rec->index);
		assert_true(index && index <= m->last);
		assert_int_equal(kq_entry_check(rec, rec + 1, le32_to_cpu(rec->len)), 0);
		m->term[index] = le64_to_cpu(rec->term);
		m->print[index] = kq_crc(le32_to_cpu(rec->crc), rec + 1, le32_to_cpu(rec->len));
		return 0;
	}
	/* The file said so, so it is for recovery to have checked. */
	assert_true(index >= 1);
	assert_true(index <= m->last + 1);
	assert_int_equal(kq_entry_check(rec, payload, le32_to_cpu(rec->len)), 0);
	if (index > MODEL_MAX)
		return -E2BIG;
	if (index <= m->base)
		m->base = index;
	m->last = index;
	m->term[index] = le64_to_cpu(rec->term);
	m->print[index] = kq_crc(le32_to_cpu(rec->crc), payload, le32_to_cpu(rec->len));
	if (m->keep) {
		kq_entry_free(m->keep[index]);
		m->keep[index] = kq_entry_from_record(rec, payload);
	}
	return 0;
}

int node_recover(struct node *n)
{
	u32 i;
	int slot, err;

	kq_batch_free(n->batch);
	n->batch = NULL;
	kq_wal_destroy(n->wal);
	n->got.last = n->got.base = 0;
	n->scan_error = 0;
	n->wal = kq_wal_create(n->disk.cluster, n->disk.node, n->disk.seg, n->disk.segments);
	if (!n->wal)
		return -ENOMEM;
	for (i = 0; i < n->disk.segments; i++) {
		err = kq_wal_scan_header(n->wal, i, node_at(n, i, 0));
		if (err)
			break;
	}
	while ((slot = kq_wal_next_segment(n->wal)) >= 0) {
		/* A copy of its own size, so that ASan sees what is read beyond it. */
		u8 *copy = malloc(n->disk.seg);

		memcpy(copy, node_at(n, slot, 0), n->disk.seg);
		err = kq_wal_scan_segment(n->wal, slot, copy, n->disk.seg, deliver, &n->got);
		if (err == -ENOMEM)	/* may be called again */
			err = kq_wal_scan_segment(n->wal, slot, copy, n->disk.seg, deliver,
						  &n->got);
		free(copy);
		n->scan_error = err;
		if (err)
			break;
	}
	err = kq_wal_scan_end(n->wal, &n->report);
	if (n->report.health != KQ_WAL_CLEAN)
		assert_true(n->report.reason[0]);
	if (!err)
		assert_int_equal(n->report.last_index, n->got.last);
	return err;
}

static struct kq_entry *entry_make(u64 index, u64 term, u32 len)
{
	struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_APPEND, NULL, len);
	u32 i, seed;

	assert_non_null(e);
	e->rec.index = cpu_to_le64(index);
	e->rec.term = cpu_to_le64(term);
	e->rec.session = cpu_to_le64(rnd(100));
	e->rec.seq = cpu_to_le64(rnd(1u << 30));
	seed = rnd(1u << 30);
	for (i = 0; i < len; i++)
		e->data[i] = (u8)(seed >> (i % 23));
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	return e;
}

int node_encode(struct node *n, u64 first, u32 count, u32 len, enum kq_wal_room room)
{
	struct kq_entry **e = calloc(count + 1, sizeof(*e));
	unsigned long fail = kq_alloc_fail_at;
	u64 term;
	u32 i;
	int err;

	if (!first)
		first = n->want.last + 1;
	term = first > 1 ? n->want.term[first - 1] : 0;
	kq_alloc_fail_at = 0;
	for (i = 0; i < count; i++)
		e[i] = entry_make(first + i, n->hs.term, len);
	kq_alloc_fail_at = fail;
	kq_batch_free(n->batch);
	n->batch = NULL;
	err = kq_wal_encode(n->wal, &n->hs, e, count, term, room, &n->batch);
	if (!err) {
		assert_true(n->batch->offset + n->batch->len <= n->disk.seg);
		assert_int_equal(n->batch->len % KQ_WAL_BLOCK, 0);
		assert_true(!count == !n->batch->entries);
		/* What is expected if this is acknowledged; kept apart by want.last. */
		for (i = 0; i < n->batch->entries; i++) {
			n->want.term[first + i] = n->hs.term;
			n->want.print[first + i] = kq_crc(le32_to_cpu(e[i]->rec.crc), e[i]->data,
							  len);
		}
	}
	for (i = 0; i < count; i++)
		kq_entry_free(e[i]);
	free(e);
	return err;
}

static void node_acknowledge(struct node *n)
{
	if (n->batch->last)
		n->want.last = n->batch->last;
	kq_batch_free(n->batch);
	n->batch = NULL;
}

void node_write(struct node *n)
{
	memcpy(node_at(n, n->batch->slot, n->batch->offset), n->batch->data, n->batch->len);
	node_acknowledge(n);
}

bool node_write_torn(struct node *n, u32 lose)
{
	bool all = true;
	u32 i;

	for (i = 0; i < n->batch->len; i += KQ_WAL_SECTOR) {
		u8 *to = node_at(n, n->batch->slot, n->batch->offset + i);

		if (rnd(256) >= lose)
			memcpy(to, n->batch->data + i, KQ_WAL_SECTOR);
		else if (memcmp(to, n->batch->data + i, KQ_WAL_SECTOR))
			all = false;
	}
	return all;
}

void node_add(struct node *n, u64 first, u32 count, u32 len)
{
	while (count) {
		assert_int_equal(node_encode(n, first, count, len, KQ_WAL_ROOM_CLIENT), 0);
		count -= n->batch->entries;
		first = 0;
		node_write(n);
	}
}

void node_vote(struct node *n, u64 term, u32 vote)
{
	n->hs.term = term;
	n->hs.vote = vote;
	assert_int_equal(node_encode(n, 0, 0, 0, KQ_WAL_ROOM_VOTE), 0);
	node_write(n);
}

bool model_same(const struct model *a, const struct model *b, u64 upto)
{
	u64 i;

	for (i = max(a->base, b->base) + 1; i <= upto; i++)
		if (a->term[i] != b->term[i] || a->print[i] != b->print[i])
			return false;
	return true;
}

void node_assert_same(struct node *n)
{
	assert_int_equal(n->got.last, n->want.last);
	assert_true(model_same(&n->got, &n->want, n->want.last));
	assert_int_equal(n->report.claimed_index, n->want.last);
	assert_true(n->report.vote_known);
}

void node_assert_clean(struct node *n)
{
	assert_int_equal(node_recover(n), 0);
	if (n->report.health != KQ_WAL_CLEAN)
		fail_msg("not clean: %s", n->report.reason);
	node_assert_same(n);
}

void node_assert_missing(struct node *n, const struct missing *m, u32 count, u64 last)
{
	u64 i;

	assert_int_equal(n->got.last, last);
	for (i = n->got.base + 1; i <= last; i++) {
		bool gone = false;
		u32 k;

		for (k = 0; k < count; k++)
			gone |= i >= m[k].first && i <= m[k].last;
		if (gone != !n->got.print[i])
			fail_msg("entry %llu is %smissing: %s", (unsigned long long)i,
				 gone ? "not " : "", n->report.reason);
		if (!gone) {
			assert_int_equal(n->got.print[i], n->want.print[i]);
			assert_int_equal(n->got.term[i], n->want.term[i]);
		}
	}
}

void node_assert_gaps(struct node *n, const struct missing *m, u32 count)
{
	assert_int_equal(node_recover(n), 0);
	if (n->report.health != KQ_WAL_GAPS)
		fail_msg("health %d: %s", n->report.health, n->report.reason);
	assert_true(n->report.crossed);
	assert_true(n->report.vote_known);
	node_assert_missing(n, m, count, n->want.last);
	assert_int_equal(n->report.claimed_index, n->want.last);
	assert_int_equal(n->report.claimed_term, n->want.term[n->want.last]);
	assert_int_equal(n->got.term[n->want.last], n->want.term[n->want.last]);
	assert_int_equal(n->report.hs.term, n->hs.term);
	assert_int_equal(n->report.hs.vote, n->hs.vote);
	assert_int_equal(n->report.hs.commit, n->hs.commit);
	assert_true(kq_snap_same(&n->report.hs.snap, &n->hs.snap));
}

void node_assert_goes_on(struct node *n, const struct missing *m, u32 count)
{
	u32 i;

	node_assert_gaps(n, m, count);
	for (i = 0; i < 12; i++) {
		n->hs.term++;
		n->hs.vote = 1 + i % 3;
		if (i % 3)
			node_add(n, 0, 1 + i % 2, 2000);
		else
			node_vote(n, n->hs.term, n->hs.vote);
		node_assert_gaps(n, m, count);
	}
}

void node_keep(struct node *n)
{
	n->kept = calloc(MODEL_MAX + 1, sizeof(*n->kept));
	n->got.keep = n->kept;
	assert_int_equal(node_recover(n), 0);
	assert_int_equal(n->report.health, KQ_WAL_CLEAN);
	n->got.keep = NULL;
}

void node_unkeep(struct node *n)
{
	u32 i;

	for (i = 0; i <= MODEL_MAX; i++)
		kq_entry_free(n->kept[i]);
	free(n->kept);
	n->kept = NULL;
}

int node_encode_repaired(struct node *n, u64 first, u32 count)
{
	kq_batch_free(n->batch);
	n->batch = NULL;
	return kq_wal_encode_repaired(n->wal, &n->hs, n->kept + first, count,
				      KQ_WAL_ROOM_INTERNAL, &n->batch);
}

void node_repair(struct node *n, u64 first, u32 count)
{
	while (count) {
		assert_int_equal(node_encode_repaired(n, first, count), 0);
		assert_true(n->batch->repaired);
		assert_int_equal(n->batch->last, 0);
		count -= n->batch->entries;
		first += n->batch->entries;
		node_write(n);
	}
}

struct kq_wal_batch_head *node_head(struct node *n, u32 slot, u64 offset)
{
	return (void *)node_at(n, slot, offset);
}

void node_reseal(struct node *n, u32 slot, u64 offset)
{
	struct kq_wal_sector *s = (void *)node_at(n, slot, offset);

	s->crc = cpu_to_le32(kq_wal_sector_crc(s));
}

void node_build(struct node *n, struct place *b, u32 count, u32 len)
{
	u32 i;

	rnd_seed(3);
	node_init(n, SEG, 6);
	assert_int_equal(node_recover(n), 0);
	for (i = 0; i < count; i++) {
		u32 lead;

		n->hs.term = i + 1;
		n->hs.vote = i + 1;
		assert_int_equal(node_encode(n, 0, 2, len, KQ_WAL_ROOM_CLIENT), 0);
		lead = n->batch->offset ? 0 : KQ_WAL_FIRST;
		b[i].slot = n->batch->slot;
		b[i].pos = n->batch->offset + lead;
		b[i].bytes = n->batch->len - lead;
		b[i].last = n->batch->last;
		node_write(n);
	}
}

void node_restamp(struct node *n, u32 slot, u64 offset, u64 seq)
{
	struct kq_wal_sector *s = (void *)node_at(n, slot, offset);
	/* Its place is the same in both kinds of headers. */
	u64 generation = le64_to_cpu(((struct kq_wal_batch_head *)s)->generation);

	s->stamp = cpu_to_le32(kq_wal_stamp(n->wal, generation, seq, le32_to_cpu(s->attempt),
					    offset / KQ_WAL_SECTOR, offset));
	node_reseal(n, slot, offset);
}
