// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, damaged: it is told from a torn write, named, and never
 * delivered. And hostile: nothing in a file may make recovery misbehave.
 */
#include "wal_disk.h"

static struct node n;

/* Batches b[0..] of two entries each in the first segment; each remembers its place. */
struct place {
	u32 slot, bytes;
	u64 pos, last;
};

static struct place b[200];
static u32 batches;

static void assert_clean(void)
{
	assert_int_equal(node_recover(&n), 0);
	if (n.report.health != KQ_WAL_CLEAN)
		fail_msg("not clean: %s", n.report.reason);
	node_assert_same(&n);
}

static void build(u32 count, u32 len)
{
	rnd_seed(3);
	node_init(&n, SEG, 6);
	assert_clean();
	for (batches = 0; batches < count; batches++) {
		struct place *p = &b[batches];
		u32 lead;

		n.hs.term = batches + 1;
		n.hs.vote = batches + 1;
		assert_int_equal(node_encode(&n, 0, 2, len, KQ_WAL_ROOM_CLIENT), 0);
		lead = n.batch->offset ? 0 : KQ_WAL_FIRST;
		p->slot = n.batch->slot;
		p->pos = n.batch->offset + lead;
		p->bytes = n.batch->len - lead;
		p->last = n.batch->last;
		node_write(&n);
	}
}

static void flip(u32 slot, u64 offset)
{
	*node_at(&n, slot, offset) ^= 0x40;
}

/* Damaged: what is before batch @whole came back, the newest header is batch @newest. */
static void assert_damaged(int whole, int newest, bool vote_known)
{
	u64 last = whole ? b[whole - 1].last : 0;

	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_int_equal(n.got.last, last);
	assert_true(model_same(&n.got, &n.want, last));
	assert_int_equal(n.report.vote_known, vote_known);
	assert_int_equal(n.report.claimed_index, newest < 0 ? 0 : b[newest].last);
	assert_int_equal(n.report.hs.vote, newest + 1);
	assert_int_equal(n.report.hs.term, newest + 1);
	assert_int_equal(node_encode(&n, n.got.last + 1, 1, 1, KQ_WAL_ROOM_CLIENT), -EUCLEAN);
	assert_int_equal(kq_wal_has_room(n.wal, 1, KQ_WAL_ROOM_CLIENT), false);
}

/* After damage with a known vote, votes go on and the claim stays. */
static void assert_votes_go_on(int whole, u64 claimed)
{
	u32 i;

	for (i = 0; i < 40; i++) {
		n.hs.term = 1000 + i;
		n.hs.vote = 1 + i % 3;
		assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), 0);
		node_write(&n);
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_true(n.report.vote_known);
		assert_int_equal(n.report.hs.term, n.hs.term);
		assert_int_equal(n.report.hs.vote, n.hs.vote);
		assert_int_equal(n.report.claimed_index, claimed);
		assert_int_equal(n.got.last, whole ? b[whole - 1].last : 0);
	}
}

static void a_bad_sector_in_the_middle(void **state)
{
	(void)state;
	build(8, 3000);
	flip(b[3].slot, b[3].pos + 3 * KQ_WAL_SECTOR + 7);
	assert_damaged(3, 7, true);
	assert_int_equal(n.report.slot, b[3].slot);
	assert_int_equal(n.report.offset, b[3].pos);
	print_message("# %s\n", n.report.reason);
	assert_votes_go_on(3, b[7].last);
	node_free(&n);
}

static void a_bad_header_in_the_middle(void **state)
{
	(void)state;
	build(6, 3000);
	flip(b[3].slot, b[3].pos);
	assert_damaged(3, 5, true);
	print_message("# %s\n", n.report.reason);
	assert_votes_go_on(3, b[5].last);
	node_free(&n);
}

static void stale_and_blank_sectors_in_the_middle(void **state)
{
	u32 blank;

	(void)state;
	for (blank = 0; blank < 2; blank++) {
		build(blank ? 6 : 8, 3000);
		if (blank)
			memset(node_at(&n, b[3].slot, b[3].pos + 1024), 0, 512);
		else	/* misdirected: a good sector of another place */
			memcpy(node_at(&n, b[3].slot, b[3].pos + 1024),
			       node_at(&n, b[2].slot, b[2].pos + 1024), 512);
		assert_damaged(3, blank ? 5 : 7, true);
		print_message("# %s\n", n.report.reason);
		node_free(&n);
	}
}

static void a_lost_batch_in_the_middle(void **state)
{
	(void)state;
	build(6, 3000);
	memset(node_at(&n, b[3].slot, b[3].pos), 0, b[3].bytes);
	assert_damaged(3, 5, true);
	print_message("# %s\n", n.report.reason);
	node_free(&n);
}

static void a_bad_sector_in_the_last_batch(void **state)
{
	(void)state;
	build(5, 3000);
	flip(b[4].slot, b[4].pos + b[4].bytes - 100);
	assert_damaged(4, 4, true);
	assert_votes_go_on(4, b[4].last);
	node_free(&n);
}

static void a_bad_header_of_the_last_batch_hides_the_vote(void **state)
{
	(void)state;
	build(5, 3000);
	flip(b[4].slot, b[4].pos + 200);
	assert_damaged(4, 3, false);
	print_message("# %s\n", n.report.reason);
	n.hs.term = 100;
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EUCLEAN);
	assert_int_equal(kq_wal_encode_probe(n.wal, &n.batch), -EUCLEAN);
	node_free(&n);
}

static void bad_headers_in_the_middle_and_at_the_end_hide_the_vote(void **state)
{
	(void)state;
	build(5, 3000);
	flip(b[1].slot, b[1].pos + 200);
	flip(b[4].slot, b[4].pos + 200);
	assert_damaged(1, 3, false);
	node_free(&n);
}

static void a_missing_segment_in_the_middle(void **state)
{
	u32 i, first;

	(void)state;
	build(20, 3000);
	for (first = 0; b[first].slot < 1; first++)
		;
	assert_true(b[19].slot >= 2);
	for (i = 0; i < 2; i++) {
		if (i)
			flip(1, 10);		/* unreadable */
		else
			memset(node_at(&n, 1, 0), 0, KQ_WAL_BLOCK);
		assert_damaged((int)first, 19, true);
		print_message("# %s\n", n.report.reason);
		if (!i)
			node_free(&n), build(20, 3000);
	}
	assert_votes_go_on((int)first, b[19].last);
	node_free(&n);
}

static void the_first_segment_is_missing(void **state)
{
	(void)state;
	build(20, 3000);
	memset(node_at(&n, 0, 0), 0, KQ_WAL_BLOCK);
	assert_damaged(0, 19, true);
	print_message("# %s\n", n.report.reason);
	node_free(&n);
}

static void the_header_of_the_newest_segment_is_bad_or_lost(void **state)
{
	u32 first, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		build(20, 3000);
		for (first = 0; b[first].slot < b[19].slot; first++)
			;
		assert_true(first < 19);
		if (i)
			flip(b[19].slot, 10);
		else
			memset(node_at(&n, b[19].slot, 0), 0, KQ_WAL_BLOCK);
		assert_damaged((int)first, 19, true);
		print_message("# %s\n", n.report.reason);
		assert_votes_go_on((int)first, b[19].last);
		node_free(&n);
	}
}

static void header_and_first_batch_of_the_newest_segment_are_bad(void **state)
{
	u32 count = 1;

	(void)state;
	build(1, 3000);
	do {			/* until the last batch is the first of its segment */
		node_free(&n);
		build(++count, 3000);
	} while (b[count - 1].slot == 0);
	flip(b[count - 1].slot, 10);
	flip(b[count - 1].slot, b[count - 1].pos + 10);
	assert_damaged((int)count - 1, (int)count - 2, false);
	node_free(&n);
}

static void refused(int err)
{
	assert_int_equal(node_recover(&n), err);
	assert_true(n.report.reason[0]);
	print_message("# %s\n", n.report.reason);
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EINVAL);
}

static void another_format_node_size_or_place_is_refused_by_name(void **state)
{
	struct kq_wal_segment_head *h, saved;

	(void)state;
	build(3, 3000);
	h = (void *)node_at(&n, 0, 0);
	saved = *h;
	h->version = cpu_to_le16(2);
	node_reseal(&n, 0, 0);
	refused(-EPROTONOSUPPORT);
	*h = saved;
	h->node = cpu_to_le32(9);
	node_reseal(&n, 0, 0);
	refused(-EINVAL);
	*h = saved;
	h->segment_bytes = cpu_to_le32(2 * SEG);
	node_reseal(&n, 0, 0);
	refused(-EINVAL);
	*h = saved;
	h->slot = cpu_to_le32(3);
	node_reseal(&n, 0, 0);
	refused(-EINVAL);
	*h = saved;
	node_reseal(&n, 0, 0);
	node_head(&n, 0, b[1].pos)->version = cpu_to_le16(2);
	node_reseal(&n, 0, b[1].pos);
	refused(-EPROTONOSUPPORT);
	node_free(&n);
}

/* Sectors that are all good, but whose numbers no honest writer wrote. */
static void lies_in_good_sectors(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < 14; i++) {
		struct kq_wal_batch_head *h;
		struct kq_record *r;

		build(3, 40);
		h = node_head(&n, b[1].slot, b[1].pos);
		r = (void *)(h + 1);
		switch (i) {
		case 0: h->bytes = cpu_to_le32(SEG); break;
		case 1: h->bytes = cpu_to_le32(0); break;
		case 2: h->body_bytes = cpu_to_le32(U32_MAX); break;
		case 3: h->records = cpu_to_le32(U32_MAX); break;
		case 4: h->records = cpu_to_le32(1); break;
		case 5: h->first_index = cpu_to_le64(40); break;
		case 6: h->end_index = cpu_to_le64(U64_MAX); break;
		case 7: h->term = cpu_to_le64(0); break;
		case 8: r->len = cpu_to_le32(U32_MAX - 8); break;
		case 9: r->index = cpu_to_le64(1); break;
		case 10: r->term = cpu_to_le64(1u << 20); break;
		case 11: r->flags = cpu_to_le16(1); break;
		case 12: h->prev_crc = cpu_to_le32(1); break;
		case 13: h->head_len = cpu_to_le16(500); break;
		}
		if (i >= 8 && i <= 11)
			h->body_crc = cpu_to_le32(kq_crc(0, r, le32_to_cpu(h->body_bytes)));
		node_reseal(&n, b[1].slot, b[1].pos);
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_int_equal(n.got.last, b[0].last);
		node_free(&n);
	}
}

static void each_flipped_byte_is_noticed_or_unused(void **state)
{
	u32 slot, damaged = 0, harmless = 0;
	u64 i;

	(void)state;
	build(4, 1500);
	assert_int_equal(b[3].slot, 0);
	for (slot = 0; slot < 2; slot++) {
		u64 end = slot ? KQ_WAL_FIRST + 600 : b[3].pos + b[3].bytes + 600;

		for (i = 0; i < end; i++) {
			bool used = !slot && (i < 512 || i >= KQ_WAL_FIRST) &&
				    i < b[3].pos + b[3].bytes;

			flip(slot, i);
			assert_int_equal(node_recover(&n), 0);
			assert_true(n.got.last <= n.want.last);
			assert_true(model_same(&n.got, &n.want, n.got.last));
			if (n.report.health == KQ_WAL_DAMAGED) {
				damaged++;
			} else {
				assert_false(used);
				node_assert_same(&n);
				assert_int_equal(n.report.health, KQ_WAL_CLEAN);
				harmless++;
			}
			flip(slot, i);
		}
	}
	print_message("# %u flips were damage, %u hit what is not used\n", damaged, harmless);
	assert_clean();
	node_free(&n);
}

/* Random bytes, with and without valid checksums, in random places. */
static void hostile_files_do_no_harm(void **state)
{
	u32 seed, health[3] = { 0 }, refusals = 0;

	(void)state;
	for (seed = 1; seed <= 400; seed++) {
		u32 hits = 1 + seed % 6;

		build(18, 2000);
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
							le32_to_cpu(s->attempt), at / 512));
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
	print_message("# clean %u, torn %u, damaged %u, refused %u\n", health[KQ_WAL_CLEAN],
		      health[KQ_WAL_TORN], health[KQ_WAL_DAMAGED], refusals);
}

static int refuse(void *ctx, const struct kq_record *rec, const void *payload)
{
	(void)payload;
	return le64_to_cpu(rec->index) == *(u64 *)ctx ? -ENOANO : 0;
}

static void an_entry_that_is_refused_ends_recovery(void **state)
{
	struct kq_wal_report report;
	struct kq_wal *wal;
	u64 index = 3;
	u32 i;

	(void)state;
	build(3, 100);
	wal = kq_wal_create(CLUSTER, NODE, SEG, 6);
	assert_int_equal(kq_wal_next_segment(wal), -EINVAL);
	for (i = 0; i < 6; i++)
		assert_int_equal(kq_wal_scan_header(wal, i, node_at(&n, i, 0)), 0);
	assert_int_equal(kq_wal_scan_end(wal, &report), -EINVAL);
	assert_int_equal(kq_wal_next_segment(wal), 0);
	assert_int_equal(kq_wal_scan_segment(wal, 0, node_at(&n, 0, 0), SEG, refuse, &index),
			 -ENOANO);
	assert_int_equal(kq_wal_next_segment(wal), -ENOANO);
	assert_int_equal(kq_wal_scan_end(wal, &report), -ENOANO);
	print_message("# %s\n", report.reason);
	kq_wal_destroy(wal);
	node_free(&n);
}

static void sizes_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_null(kq_wal_create(CLUSTER, NODE, SEG, 0));
	assert_null(kq_wal_create(CLUSTER, NODE, SEG, KQ_WAL_MAX_SEGMENTS + 1));
	assert_null(kq_wal_create(CLUSTER, NODE, SEG - KQ_WAL_BLOCK, 4));
	assert_null(kq_wal_create(CLUSTER, NODE, SEG + 512, 4));
	assert_null(kq_wal_create(CLUSTER, 0, SEG, 4));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_sector_in_the_middle),
		cmocka_unit_test(a_bad_header_in_the_middle),
		cmocka_unit_test(stale_and_blank_sectors_in_the_middle),
		cmocka_unit_test(a_lost_batch_in_the_middle),
		cmocka_unit_test(a_bad_sector_in_the_last_batch),
		cmocka_unit_test(a_bad_header_of_the_last_batch_hides_the_vote),
		cmocka_unit_test(bad_headers_in_the_middle_and_at_the_end_hide_the_vote),
		cmocka_unit_test(a_missing_segment_in_the_middle),
		cmocka_unit_test(the_first_segment_is_missing),
		cmocka_unit_test(the_header_of_the_newest_segment_is_bad_or_lost),
		cmocka_unit_test(header_and_first_batch_of_the_newest_segment_are_bad),
		cmocka_unit_test(another_format_node_size_or_place_is_refused_by_name),
		cmocka_unit_test(lies_in_good_sectors),
		cmocka_unit_test(each_flipped_byte_is_noticed_or_unused),
		cmocka_unit_test(hostile_files_do_no_harm),
		cmocka_unit_test(an_entry_that_is_refused_ends_recovery),
		cmocka_unit_test(sizes_out_of_range_are_refused),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
