// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, hostile: sectors that are all good, but whose numbers no writer wrote.
 * Each lie is named and not believed, and no file makes recovery misbehave.
 */
#include "wal_disk.h"

static struct node n;
static struct place b[200];

#define HEAD(field)	offsetof(struct kq_wal_batch_head, field), \
			sizeof(((struct kq_wal_batch_head *)0)->field)
#define SECTOR(field)	offsetof(struct kq_wal_sector, field), \
			sizeof(((struct kq_wal_sector *)0)->field)
#define RECORD(field)	BODY_AT + offsetof(struct kq_record, field), \
			sizeof(((struct kq_record *)0)->field)
#define SEGHEAD(field)	offsetof(struct kq_wal_segment_head, field), \
			sizeof(((struct kq_wal_segment_head *)0)->field)

/* From here on a place is one in the body, which goes on from sector to sector. */
#define BODY_AT		(1u << 16)

/* A number in a sector, and what it is made to say; at the end of a list @size is 0. */
struct word {
	u32 at, size;
	u64 value;
};

static u8 *body_byte(void *sector, u32 at)
{
	at += sizeof(struct kq_wal_batch_head);
	return (u8 *)sector + at / KQ_WAL_SECTOR_DATA * KQ_WAL_SECTOR + at % KQ_WAL_SECTOR_DATA;
}

static void body_get(void *sector, u8 *to, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = *body_byte(sector, i);
}

static void tell(void *sector, const struct word *w)
{
	for (; w->size; w++) {
		__le64 v = cpu_to_le64(w->value);
		u32 i;

		for (i = 0; i < w->size; i++)
			*(w->at < BODY_AT ? (u8 *)sector + w->at + i :
			  body_byte(sector, w->at - BODY_AT + i)) = ((u8 *)&v)[i];
	}
}

/* Two entries of 40 bytes in each batch: records of 96 bytes. */
#define LEN	40
#define BODY	192

static const struct lie {
	const char *reason;
	u32 batch;		/* counted from 0, of 4 */
	struct word set[8];
} lies[] = {
	{ "batch 2 cannot be read", 1, { { HEAD(version), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(head_len), 496 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(generation), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(generation), KQ_WAL_NUMBER_MAX } } },
	{ "batch 2 cannot be read", 1, { { HEAD(seq), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(seq), KQ_WAL_NUMBER_MAX } } },
	{ "batch 2 cannot be read", 1, { { SECTOR(attempt), KQ_WAL_ATTEMPT_MAX } } },
	{ "batch 2 cannot be read", 1, { { HEAD(bytes), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(bytes), KQ_WAL_BLOCK + 512 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(bytes), SEG } } },
	{ "batch 2 cannot be read", 1, { { HEAD(bytes), KQ_WAL_BATCH_MAX + KQ_WAL_BLOCK } } },
	{ "batch 2 cannot be read", 1, { { HEAD(body_bytes), U32_MAX } } },
	{ "batch 2 cannot be read", 1, { { HEAD(body_bytes), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(first_index), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(first_index), KQ_WAL_NUMBER_MAX } } },
	{ "batch 2 cannot be read", 1, { { HEAD(end_index), U64_MAX } } },
	{ "batch 2 cannot be read", 1, { { HEAD(end_term), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(end_term), 9 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(term), KQ_WAL_NUMBER_MAX } } },
	{ "batch 2 cannot be read", 1, { { HEAD(base_term), 0 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(base_term), 3 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(flags), KQ_WAL_FLAGS + 1 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(flags), KQ_WAL_RESTART } } },
	{ "batch 2 cannot be read", 1, { { HEAD(flags), KQ_WAL_REPAIRED } } },
	{ "batch 2 cannot be read", 1,
	  { { HEAD(flags), KQ_WAL_REPAIRED }, { HEAD(body_bytes), 0 }, { HEAD(first_index), 0 },
	    { HEAD(base_term), 2 } } },
	{ "batch 2 cannot be read", 1,		/* a new beginning, and has entries that were missing */
	  { { HEAD(flags), KQ_WAL_RESTART | KQ_WAL_REPAIRED }, { HEAD(base_term), 2 },
	    { HEAD(snap_index), 4 }, { HEAD(snap_term), 2 } } },
	{ "batch 2 cannot be read", 1,		/* behind no snapshot */
	  { { HEAD(flags), KQ_WAL_RESTART }, { HEAD(body_bytes), 0 }, { HEAD(first_index), 0 },
	    { HEAD(end_index), 0 }, { HEAD(end_term), 0 }, { HEAD(base_term), 0 } } },
	{ "batch 2 cannot be read", 1,		/* behind another entry than the snapshot's */
	  { { HEAD(flags), KQ_WAL_RESTART }, { HEAD(body_bytes), 0 }, { HEAD(first_index), 0 },
	    { HEAD(base_term), 2 }, { HEAD(snap_index), 3 }, { HEAD(snap_term), 2 } } },
	{ "batch 2 cannot be read", 1,
	  { { HEAD(flags), KQ_WAL_RESTART }, { HEAD(body_bytes), 0 }, { HEAD(first_index), 0 },
	    { HEAD(base_term), 2 }, { HEAD(snap_index), 4 }, { HEAD(snap_term), 1 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(magic), 1 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(cluster), 1 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(node), NODE + 1 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(generation), 2 } } },
	{ "batch 2 cannot be read", 1, { { HEAD(seq), 1 } } },
	{ "batch 2 does not follow the one before it", 1, { { HEAD(prev_crc), 1 } } },
	{ "batch 3: its term is below that of the batch before", 2,
	  { { HEAD(term), 1 }, { HEAD(end_term), 1 }, { HEAD(base_term), 1 } } },
	{ "batch 2: it adds nothing, but has another log end", 1,
	  { { HEAD(body_bytes), 0 }, { HEAD(first_index), 0 },
	    { HEAD(end_term), 1 } } },
	{ "batch 2: it adds nothing, but has another log end", 1,
	  { { HEAD(body_bytes), 0 }, { HEAD(first_index), 0 },
	    { HEAD(end_index), 2 }, { HEAD(base_term), 2 } } },
	{ "batch 2: log indices are missing before it", 1,
	  { { HEAD(first_index), 40 }, { HEAD(end_index), 41 } } },
	{ "batch 2: it follows another entry than the log's last", 1, { { HEAD(base_term), 2 } } },
	{ "batch 2: it adds nothing, but has another log end", 1,
	  { { HEAD(flags), KQ_WAL_REPAIRED }, { HEAD(base_term), 2 } } },
	{ "batch 2: it puts entries back that the log does not have", 1,
	  { { HEAD(flags), KQ_WAL_REPAIRED }, { HEAD(end_index), 2 }, { HEAD(end_term), 1 } } },
	{ "batch 2: it puts entries back that the log does not have", 1,
	  { { HEAD(flags), KQ_WAL_REPAIRED }, { HEAD(first_index), 2 }, { HEAD(end_index), 2 },
	    { HEAD(end_term), 1 }, { HEAD(body_bytes), BODY / 2 }, { RECORD(index), 2 } } },
	{ "batch 2: its body fails its checksum", 1, { { HEAD(body_crc), 1 } } },
	{ "batch 2: a record fails its check", 1, { { RECORD(len), U32_MAX - 8 } } },
	{ "batch 2: a record fails its check", 1, { { RECORD(len), BODY } } },
	{ "batch 2: a record fails its check", 1, { { RECORD(flags), 1 } } },
	{ "batch 2: its last record is not what its header says", 1, { { HEAD(end_index), 5 } } },
	{ "batch 2: its records are longer than its body", 1,
	  { { HEAD(end_index), 3 }, { HEAD(body_bytes), 95 },
	    { RECORD(len), LEN - 1 } } },
	{ "batch 2: its records are longer than its body", 1,
	  { { HEAD(body_bytes), BODY + 8 } } },
	{ "batch 2: its log indices are not consecutive", 1, { { RECORD(index), 1 } } },
	{ "batch 2: terms fall", 1, { { RECORD(term), 3 } } },
	{ "batch 3: terms fall", 2, { { RECORD(term), 1 } } },
	{ "batch 2: its last term is not what its header says", 1, { { HEAD(end_term), 1 } } },
};

/* What no header is, is not read; what one says that cannot be so ends the log. */
static void assert_lie(size_t i)
{
	const struct lie *lie = &lies[i];
	const struct place *p = &b[lie->batch];
	bool unread = strstr(lie->reason, "cannot be read");

	assert_int_equal(node_recover(&n), 0);
	if (n.report.health != (unread ? KQ_WAL_GAPS : KQ_WAL_DAMAGED) ||
	    strncmp(n.report.reason, lie->reason, strlen(lie->reason)))
		fail_msg("lie %zu: expected \"%s\", health %d: \"%s\"", i, lie->reason,
			 n.report.health, n.report.reason);
	assert_int_equal(n.report.offset, p->pos);
	assert_true(n.report.vote_known);
	assert_int_equal(n.report.claimed_index, b[3].last);
	if (unread)
		node_assert_goes_on(&n, MISSING({ p->last - 1, p->last }));
	else
		node_assert_missing(&n, NOTHING_MISSING, b[lie->batch - 1].last);
}

static void each_lie_in_a_batch_is_named_and_not_believed(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		const struct lie *lie = &lies[i];
		const struct place *p = &b[lie->batch];
		struct kq_wal_batch_head *h;
		u8 body[BODY + 8];
		struct kq_record *r = (void *)body;
		u64 seq;

		node_build(&n, b, 4, LEN);
		h = node_head(&n, p->slot, p->pos);
		tell(h, lie->set);
		body_get(h, body, sizeof(body));
		/* The checksums as if it were true, but where they are the lie. */
		if (le32_to_cpu(r->len) <= BODY - sizeof(*r))
			tell(h, (struct word[]){ { RECORD(crc), kq_entry_crc(r, r + 1) }, { 0 } });
		body_get(h, body, sizeof(body));
		if (le32_to_cpu(h->body_bytes) <= sizeof(body))
			h->body_crc = cpu_to_le32(kq_crc(0, r, le32_to_cpu(h->body_bytes)));
		tell(h, lie->set);
		seq = le64_to_cpu(h->seq);
		node_restamp(&n, p->slot, p->pos, seq);
		node_reseal(&n, p->slot, p->pos + KQ_WAL_SECTOR);
		assert_lie(i);
		node_free(&n);
	}
}

static void each_lie_in_a_segment_header_is_named(void **state)
{
	static const struct {
		const char *reason;
		struct word set[2];
	} heads[] = {
		{ "segment header: it does not belong here", { { SEGHEAD(head_len), 500 } } },
		{ "segment header: it does not belong here", { { SEGHEAD(generation), 0 } } },
		{ "segment header: it does not belong here",
		  { { SEGHEAD(generation), KQ_WAL_NUMBER_MAX } } },
		{ "segment header: it does not belong here", { { SEGHEAD(base_seq), 0 } } },
		{ "segment header: it does not belong here",
		  { { SEGHEAD(base_seq), KQ_WAL_NUMBER_MAX } } },
		{ "segment header: something else was written there", { { SEGHEAD(magic), 1 } } },
		{ "this segment begins with batch 1, which does not follow batch 0",
		  { { SEGHEAD(prev_crc), 1 } } },
		{ "this segment begins with batch 1, which does not follow batch 0",
		  { { SEGHEAD(base_index), 1 } } },
		{ "this segment begins with batch 1, which does not follow batch 0",
		  { { SEGHEAD(base_term), 1 } } },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		struct kq_wal_segment_head *h;

		node_build(&n, b, 3, LEN);
		h = (void *)node_at(&n, 0, 0);
		tell(h, heads[i].set);
		node_restamp(&n, 0, 0, le64_to_cpu(h->base_seq));
		assert_int_equal(node_recover(&n), 0);
		assert_string_equal(n.report.reason, heads[i].reason);
		/* The batches behind it speak for themselves. */
		assert_true(n.report.vote_known);
		assert_int_equal(n.report.claimed_index, b[2].last);
		if (i < 6) {
			node_assert_goes_on(&n, NOTHING_MISSING);
			node_free(&n);
			continue;
		}
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_int_equal(n.got.last, 0);
		assert_int_equal(n.report.hs.term, 3);
		node_free(&n);
	}
}

static void a_generation_stands_for_one_segment_only(void **state)
{
	(void)state;
	node_build(&n, b, 3, LEN);
	memcpy(node_at(&n, 4, 0), node_at(&n, 0, 0), KQ_WAL_BLOCK);
	((struct kq_wal_segment_head *)node_at(&n, 4, 0))->slot = cpu_to_le32(4);
	node_reseal(&n, 4, 0);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_int_equal(n.report.slot, 4);
	assert_string_equal(n.report.reason,
			    "segment header: its generation is also another segment's");
	node_free(&n);
}

/* Two segments that both begin a log: the one of the later life counts, wherever it stands. */
static void the_log_begins_where_the_newest_life_began(void **state)
{
	u32 newer;

	(void)state;
	for (newer = 0; newer < 2; newer++) {
		u32 slot;

		node_build(&n, b, 3, LEN);
		memcpy(node_at(&n, 1, 0), node_at(&n, 0, 0), SEG);
		for (slot = 0; slot < 2; slot++) {
			struct kq_wal_segment_head *h = (void *)node_at(&n, slot, 0);

			h->slot = cpu_to_le32(slot);
			h->generation = cpu_to_le64(slot == newer ? 2 : 1);
			node_restamp(&n, slot, 0, 1);
		}
		assert_int_equal(node_recover(&n), 0);
		/* Its batches are of generation 1: as if its opening had been torn. */
		assert_int_equal(n.report.health, KQ_WAL_TORN);
		assert_int_equal(n.report.slot, newer);
		assert_int_equal(n.got.last, 0);
		node_free(&n);
	}
}

static void set_attempt(const struct place *p, u64 seq, u32 attempt)
{
	u64 pos;

	for (pos = p->pos; pos < p->pos + p->bytes; pos += KQ_WAL_SECTOR) {
		struct kq_wal_sector *s = (void *)node_at(&n, p->slot, pos);

		s->attempt = cpu_to_le32(attempt);
		s->stamp = cpu_to_le32(kq_wal_stamp(n.wal, 1, seq, attempt, pos / KQ_WAL_SECTOR,
						    pos == p->pos));
		node_reseal(&n, p->slot, pos);
	}
}

/* What an earlier attempt wrote, at the place of the next batch and behind it. */
static void batches_of_an_earlier_attempt_are_none(void **state)
{
	u32 i;

	(void)state;
	for (i = 2; i < 4; i++) {
		const struct place *other = &b[i == 2 ? 3 : 2];

		node_build(&n, b, 4, LEN);
		set_attempt(&b[i], i + 1, 0);
		memset(node_at(&n, other->slot, other->pos), 0, other->bytes);
		assert_int_equal(node_recover(&n), 0);
		assert_int_not_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_int_equal(n.got.last, b[1].last);
		assert_int_equal(n.report.hs.vote, 2);
		node_free(&n);
	}
}

static void batches_of_a_newer_format_are_refused_wherever_they_are(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		node_build(&n, b, 4, LEN);
		node_head(&n, b[3].slot, b[3].pos)->version = cpu_to_le16(KQ_WAL_VERSION + 1);
		node_reseal(&n, b[3].slot, b[3].pos);
		if (i == 1)	/* behind a batch that is missing */
			memset(node_at(&n, b[2].slot, b[2].pos), 0, b[2].bytes);
		if (i == 2)	/* behind one that is damaged */
			*node_at(&n, b[1].slot, b[1].pos + 1000) ^= 1;
		assert_int_equal(node_recover(&n), -EPROTONOSUPPORT);
		assert_string_equal(n.report.reason,
				    "a batch of a newer log format: use that version");
		assert_int_equal(n.report.offset, b[3].pos);
		node_free(&n);
	}
	/* In the segment that is written next, whose header is gone. */
	node_build(&n, b, 20, 3000);
	assert_true(b[19].pos > KQ_WAL_FIRST);
	memset(node_at(&n, b[19].slot, 0), 0, KQ_WAL_BLOCK);
	node_head(&n, b[19].slot, b[19].pos)->version = cpu_to_le16(KQ_WAL_VERSION + 1);
	node_reseal(&n, b[19].slot, b[19].pos);
	assert_int_equal(node_recover(&n), -EPROTONOSUPPORT);
	assert_string_equal(n.report.reason, "a batch of a newer log format: use that version");
	node_free(&n);
	/* Of another generation it is what an earlier life left. */
	node_build(&n, b, 4, LEN);
	tell(node_at(&n, b[3].slot, b[3].pos),
	     (struct word[]){ { HEAD(version), KQ_WAL_VERSION + 1 }, { HEAD(generation), 77 }, { 0 } });
	node_restamp(&n, b[3].slot, b[3].pos, 4);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_TORN);
	assert_int_equal(n.got.last, b[2].last);
	node_free(&n);
}

/* Random bytes, with and without valid checksums, in random places. */
static void hostile_files_do_no_harm(void **state)
{
	u32 seed, health[4] = { 0 }, refusals = 0;

	(void)state;
	for (seed = 1; seed <= 400; seed++) {
		u32 hits = 1 + seed % 6;

		node_build(&n, b, 18, 2000);
		rnd_seed(seed);
		while (hits--) {
			u32 p = rnd(18), slot = b[p].slot, i;
			u64 at = rnd(6) ? b[p].pos : 0;

			if (rnd(3) == 0)
				at += 512 * rnd(16);
			for (i = 1 + rnd(8); i; i--) {
				u8 *c = node_at(&n, slot, at + rnd(rnd(2) ? 512 : 128));

				*c = rnd(3) ? (u8)rnd(256) : rnd(2) ? 0xff : 0;
			}
			if (rnd(8)) {	/* stamp and checksum as if it belonged here */
				struct kq_wal_sector *s = (void *)node_at(&n, slot, at);
				struct kq_wal_batch_head *h = (void *)s;
				u64 gen = le64_to_cpu(h->generation);
				u64 seq = le64_to_cpu(h->seq);

				if (rnd(2))
					s->stamp = cpu_to_le32(kq_wal_stamp(n.wal, gen, seq,
							le32_to_cpu(s->attempt), at / 512,
							at % KQ_WAL_BLOCK == 0 && at));
				node_reseal(&n, slot, at);
			}
		}
		if (node_recover(&n)) {
			refusals++;
		} else {
			health[n.report.health]++;
			n.hs.term = n.report.hs.term + 1;
			if (n.hs.term < 1000 && !node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE)) {
				node_write(&n);
				assert_int_equal(node_recover(&n), 0);
			}
		}
		node_free(&n);
	}
	for (seed = 1; seed <= 50; seed++) {
		u32 i;

		rnd_seed(seed);
		node_init(&n, SEG, 2);
		for (i = 0; i < 2 * SEG; i++)
			n.disk.data[i] = (u8)rnd(256);
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_false(n.report.vote_known);
		assert_int_equal(n.got.last, 0);
		node_free(&n);
	}
	print_message("# clean %u, torn %u, gaps %u, damaged %u, refused %u\n",
		      health[KQ_WAL_CLEAN], health[KQ_WAL_TORN], health[KQ_WAL_GAPS],
		      health[KQ_WAL_DAMAGED], refusals);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lie_in_a_batch_is_named_and_not_believed),
		cmocka_unit_test(each_lie_in_a_segment_header_is_named),
		cmocka_unit_test(a_generation_stands_for_one_segment_only),
		cmocka_unit_test(the_log_begins_where_the_newest_life_began),
		cmocka_unit_test(batches_of_an_earlier_attempt_are_none),
		cmocka_unit_test(batches_of_a_newer_format_are_refused_wherever_they_are),
		cmocka_unit_test(hostile_files_do_no_harm),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
