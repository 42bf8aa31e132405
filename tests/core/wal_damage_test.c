// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, damaged: it is told from a torn write, named, and never delivered. What is behind
 * it is, and what is missing is known; where the newest header is not, nothing goes on.
 */
#include "wal_disk.h"

static struct node n;

static struct place b[200];

static void build(u32 count, u32 len)
{
	node_build(&n, b, count, len);
}

static void flip(u32 slot, u64 offset)
{
	*node_at(&n, slot, offset) ^= 0x40;
}

/*
 * Damaged beyond repair: what is before batch @whole came back, but for @m; the newest header is
 * batch @newest.
 */
static void assert_damaged_missing(int whole, int newest, bool vote_known, const struct missing *m,
				   u32 count)
{
	u64 last = whole ? b[whole - 1].last : 0;

	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	node_assert_missing(&n, m, count, last);
	assert_int_equal(n.report.vote_known, vote_known);
	assert_int_equal(n.report.claimed_index, newest < 0 ? 0 : b[newest].last);
	assert_int_equal(n.report.hs.vote, newest + 1);
	assert_int_equal(n.report.hs.term, newest + 1);
	assert_int_equal(node_encode(&n, n.got.last + 1, 1, 1, KQ_WAL_ROOM_CLIENT), -EUCLEAN);
	assert_int_equal(kq_wal_has_room(n.wal, 1, KQ_WAL_ROOM_CLIENT), false);
}

static void assert_damaged(int whole, int newest, bool vote_known)
{
	assert_damaged_missing(whole, newest, vote_known, NOTHING_MISSING);
}

/*
 * After damage with a known vote, votes go on and the claim stays; until the votes are in another
 * segment, behind which the damage is.
 */
static void assert_votes_go_on(int whole, u64 claimed)
{
	u32 i;

	for (i = 0;; i++) {
		assert_true(i < 40);
		n.hs.term = 1000 + i;
		n.hs.vote = 1 + i % 3;
		assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), 0);
		node_write(&n);
		assert_int_equal(node_recover(&n), 0);
		if (n.report.health == KQ_WAL_GAPS)
			break;
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
	node_assert_goes_on(&n, MISSING({ 7, 8 }));
	assert_int_equal(n.report.slot, b[3].slot);
	assert_int_equal(n.report.offset, b[3].pos);
	assert_string_equal(n.report.reason,
			    "batch 4: 1 bad sectors (checksum), the first at offset 34304");
	node_free(&n);
}

static void a_bad_header_in_the_middle(void **state)
{
	(void)state;
	build(6, 3000);
	flip(b[3].slot, b[3].pos);
	node_assert_goes_on(&n, MISSING({ 7, 8 }));
	assert_string_equal(n.report.reason, "batch 4 cannot be read");
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
		node_assert_goes_on(&n, MISSING({ 7, 8 }));
		assert_string_equal(n.report.reason,
				    "batch 4 has 1 sectors that were never written");
		node_free(&n);
	}
}

static void a_lost_batch_in_the_middle(void **state)
{
	(void)state;
	build(6, 3000);
	memset(node_at(&n, b[3].slot, b[3].pos), 0, b[3].bytes);
	node_assert_goes_on(&n, MISSING({ 7, 8 }));
	assert_string_equal(n.report.reason, "batch 4 cannot be read");
	node_free(&n);
}

static void two_batches_are_lost_at_once_and_others_elsewhere(void **state)
{
	(void)state;
	build(14, 3000);
	memset(node_at(&n, b[2].slot, b[2].pos), 0, b[2].bytes + b[3].bytes);
	flip(b[8].slot, b[8].pos + 5 * KQ_WAL_SECTOR);
	flip(b[11].slot, b[11].pos);
	node_assert_goes_on(&n, MISSING({ 5, 8 }, { 17, 18 }, { 23, 24 }));
	assert_int_equal(n.report.crossed, 3);
	assert_string_equal(n.report.reason, "batches 3 to 4 cannot be read");
	node_free(&n);
}

static void a_bad_sector_in_the_last_batch(void **state)
{
	(void)state;
	build(5, 3000);
	flip(b[4].slot, b[4].pos + 3 * KQ_WAL_SECTOR);
	node_assert_goes_on(&n, MISSING({ 9, 10 }));
	node_free(&n);
}

static void a_bad_sector_where_nothing_stands_takes_nothing(void **state)
{
	(void)state;
	build(5, 3000);
	flip(b[4].slot, b[4].pos + b[4].bytes - 100);
	node_assert_goes_on(&n, NOTHING_MISSING);
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
	assert_damaged_missing(4, 3, false, MISSING({ 3, 4 }));
	node_free(&n);
}

static void a_missing_segment_in_the_middle(void **state)
{
	u32 first, behind;

	(void)state;
	build(20, 3000);
	for (first = 0; b[first].slot < 1; first++)
		;
	for (behind = first; b[behind].slot < 2; behind++)
		;
	memset(node_at(&n, 1, 0), 0, KQ_WAL_HEAD_BYTES);
	node_assert_goes_on(&n, MISSING({ b[first - 1].last + 1, b[behind - 1].last }));
	assert_string_equal(n.report.reason, "batches 8 to 14 cannot be read");
	node_free(&n);
}

static void a_segment_header_is_remade_from_the_first_batch(void **state)
{
	u32 slot;

	(void)state;
	for (slot = 0; slot < 3; slot++) {
		build(20, 3000);
		assert_int_equal(b[19].slot, 2);
		flip(slot, 10);
		node_assert_goes_on(&n, NOTHING_MISSING);
		assert_string_equal(n.report.reason,
				    "segment header: its sector fails its checksum");
		assert_int_equal(n.report.slot, slot);
		node_free(&n);
	}
}

/* So far the log went before that batch, which the batch does not tell. */
static void a_segment_header_is_remade_from_a_batch_that_cuts_off(void **state)
{
	(void)state;
	build(7, 3000);
	n.hs.term = 8;
	n.hs.vote = 2;
	node_add(&n, 11, 2, 3000);
	assert_int_equal(n.wal->slot, 1);
	node_add(&n, 0, 2, 3000);
	node_assert_clean(&n);
	flip(1, 10);
	node_assert_goes_on(&n, NOTHING_MISSING);
	node_free(&n);
}

static void the_first_segment_is_missing(void **state)
{
	(void)state;
	build(20, 3000);
	memset(node_at(&n, 0, 0), 0, KQ_WAL_HEAD_BYTES);
	node_assert_goes_on(&n, MISSING({ 1, 14 }));
	node_free(&n);
}

static void the_header_of_the_newest_segment_is_lost(void **state)
{
	u32 first;

	(void)state;
	build(20, 3000);
	for (first = 0; b[first].slot < b[19].slot; first++)
		;
	assert_true(first < 19);
	memset(node_at(&n, b[19].slot, 0), 0, KQ_WAL_BLOCK);
	assert_damaged((int)first, 19, true);
	node_free(&n);
	/* Something was cut off there, which is not to be seen later. */
	build(20, 3000);
	node_add(&n, b[first - 1].last, 2, 2000);
	memset(node_at(&n, b[19].slot, 0), 0, KQ_WAL_BLOCK);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_string_equal(n.report.reason,
			    "the segment's header is missing, but its batches are there");
	assert_votes_go_on((int)first, n.want.last);
	/* Since another one follows, it is known which one it was. */
	node_assert_goes_on(&n, NOTHING_MISSING);
	node_free(&n);
}

/* Batches until the last one opens the second segment; returns how many. */
static u32 build_two_segments(void)
{
	u32 count = 1;

	build(1, 3000);
	while (!b[count - 1].slot) {
		node_free(&n);
		build(++count, 3000);
	}
	return count;
}

static void header_and_first_batch_of_the_newest_segment_are_bad(void **state)
{
	u32 count = build_two_segments();

	(void)state;
	flip(b[count - 1].slot, 10);
	flip(b[count - 1].slot, b[count - 1].pos + 10);
	assert_damaged((int)count - 1, (int)count - 2, false);
	node_free(&n);
}

static void header_of_the_newest_segment_and_the_batch_before_are_lost(void **state)
{
	u32 count = build_two_segments();
	struct place *last = &b[count - 1], *before = &b[count - 2];

	(void)state;
	memset(node_at(&n, last->slot, 0), 0, KQ_WAL_BLOCK);
	memset(node_at(&n, before->slot, before->pos), 0, before->bytes);
	assert_damaged((int)count - 2, (int)count - 1, true);
	assert_string_equal(n.report.reason,
			    "the segment's header is missing, but its batches are there");
	assert_int_equal(n.report.slot, last->slot);
	node_free(&n);
}

/* Beside a damaged segment one whose opening was torn: that one is used next. */
static void the_log_goes_on_where_an_opening_was_torn(void **state)
{
	u32 count = build_two_segments(), slot;
	struct place *last = &b[count - 1];
	u64 pos;

	(void)state;
	/* The header alone landed. */
	memset(node_at(&n, last->slot, last->pos), 0, last->bytes);
	memset(node_at(&n, 4, 0), 0x55, KQ_WAL_BLOCK);
	n.want.last = b[count - 2].last;
	n.hs.term = n.hs.vote = count - 1;
	node_assert_gaps(&n, NOTHING_MISSING);
	assert_string_equal(n.report.reason, "segment header: its sector fails its checksum");
	kq_wal_position(n.wal, &slot, &pos);
	assert_int_equal(slot, last->slot);
	assert_int_equal(pos, KQ_WAL_FIRST);
	node_assert_goes_on(&n, NOTHING_MISSING);
	node_free(&n);
}

/* The torn one says that there was a batch before it, and nothing says what was in that. */
static void a_batch_lost_before_a_torn_opening_hides_the_vote(void **state)
{
	u32 count = build_two_segments();
	struct place *last = &b[count - 1], *before = &b[count - 2];

	(void)state;
	memset(node_at(&n, last->slot, last->pos), 0, last->bytes);
	memset(node_at(&n, before->slot, before->pos), 0, before->bytes);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_false(n.report.vote_known);
	assert_int_equal(n.report.hs.vote, count - 2);
	assert_int_equal(n.report.claimed_index, b[count - 3].last);
	assert_string_equal(n.report.reason,
			    "batches before a torn one cannot be read: the vote is not known");
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EUCLEAN);
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
	h->version = cpu_to_le16(KQ_WAL_VERSION + 1);
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
	node_head(&n, 0, b[1].pos)->version = cpu_to_le16(KQ_WAL_VERSION + 1);
	node_reseal(&n, 0, b[1].pos);
	refused(-EPROTONOSUPPORT);
	node_free(&n);
}

/* Is this byte of a batch, behind its header, in no record? */
static bool is_in_no_record(u64 i, u32 body_bytes)
{
	u32 sector = i % KQ_WAL_BLOCK / KQ_WAL_SECTOR, at = i % KQ_WAL_SECTOR;

	return at >= KQ_WAL_SECTOR_DATA || sector * KQ_WAL_SECTOR_DATA + at >=
		sizeof(struct kq_wal_batch_head) + body_bytes;
}

/* What a flipped byte may do, in a log of four batches of one block each. */
static void assert_flip(u32 slot, u64 i, u32 body_bytes)
{
	u64 end = b[3].pos + b[3].bytes;
	u32 k = (u32)((i - KQ_WAL_FIRST) / KQ_WAL_BLOCK);

	if (i < KQ_WAL_SECTOR) {
		/* Of a segment that was never written too: it may have been. */
		node_assert_gaps(&n, NOTHING_MISSING);
	} else if (slot || i < KQ_WAL_FIRST || i >= end + KQ_WAL_SECTOR) {
		node_assert_clean(&n);
	} else if (i >= end || (k == 3 && i < b[3].pos + KQ_WAL_SECTOR)) {
		/* The newest header, or what may have been a newer one. */
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_false(n.report.vote_known);
		node_assert_missing(&n, NOTHING_MISSING, i >= end ? 8 : 6);
	} else if (i % KQ_WAL_BLOCK >= KQ_WAL_SECTOR && is_in_no_record(i, body_bytes)) {
		node_assert_gaps(&n, NOTHING_MISSING);
	} else {
		node_assert_gaps(&n, MISSING({ 2 * k + 1, 2 * k + 2 }));
	}
}

static void each_flipped_byte_is_noticed_or_unused(void **state)
{
	u32 slot, body;
	u64 i;

	(void)state;
	build(4, 1500);
	assert_int_equal(b[3].slot, 0);
	assert_int_equal(b[3].bytes, KQ_WAL_BLOCK);
	body = le32_to_cpu(node_head(&n, 0, b[3].pos)->body_bytes);
	for (slot = 0; slot < 2; slot++) {
		u64 end = slot ? KQ_WAL_FIRST + 600 : b[3].pos + b[3].bytes + 600;

		for (i = 0; i < end; i++) {
			flip(slot, i);
			assert_flip(slot, i, body);
			flip(slot, i);
		}
	}
	node_assert_clean(&n);
	node_free(&n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_sector_in_the_middle),
		cmocka_unit_test(a_bad_header_in_the_middle),
		cmocka_unit_test(stale_and_blank_sectors_in_the_middle),
		cmocka_unit_test(a_lost_batch_in_the_middle),
		cmocka_unit_test(two_batches_are_lost_at_once_and_others_elsewhere),
		cmocka_unit_test(a_bad_sector_in_the_last_batch),
		cmocka_unit_test(a_bad_sector_where_nothing_stands_takes_nothing),
		cmocka_unit_test(a_bad_header_of_the_last_batch_hides_the_vote),
		cmocka_unit_test(bad_headers_in_the_middle_and_at_the_end_hide_the_vote),
		cmocka_unit_test(a_missing_segment_in_the_middle),
		cmocka_unit_test(a_segment_header_is_remade_from_the_first_batch),
		cmocka_unit_test(a_segment_header_is_remade_from_a_batch_that_cuts_off),
		cmocka_unit_test(the_first_segment_is_missing),
		cmocka_unit_test(the_header_of_the_newest_segment_is_lost),
		cmocka_unit_test(header_and_first_batch_of_the_newest_segment_are_bad),
		cmocka_unit_test(header_of_the_newest_segment_and_the_batch_before_are_lost),
		cmocka_unit_test(the_log_goes_on_where_an_opening_was_torn),
		cmocka_unit_test(a_batch_lost_before_a_torn_opening_hides_the_vote),
		cmocka_unit_test(another_format_node_size_or_place_is_refused_by_name),
		cmocka_unit_test(each_flipped_byte_is_noticed_or_unused),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
