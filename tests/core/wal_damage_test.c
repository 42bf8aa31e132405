// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, damaged: it is told from a torn write, named, and never
 * delivered.
 */
#include "wal_disk.h"

static struct node n;

static struct place b[200];

static void assert_clean(void)
{
	assert_int_equal(node_recover(&n), 0);
	if (n.report.health != KQ_WAL_CLEAN)
		fail_msg("not clean: %s", n.report.reason);
	node_assert_same(&n);
}

static void build(u32 count, u32 len)
{
	node_build(&n, b, count, len);
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

/* A damaged segment and, beside it, one whose opening was torn: that one is used next. */
static void votes_go_on_where_an_opening_was_torn(void **state)
{
	u32 count = build_two_segments(), slot;
	struct place *last = &b[count - 1];
	u64 pos;

	(void)state;
	/* The header alone landed. */
	memset(node_at(&n, last->slot, last->pos), 0, last->bytes);
	memset(node_at(&n, 4, 0), 0x55, KQ_WAL_BLOCK);
	assert_damaged((int)count - 1, (int)count - 2, true);
	assert_string_equal(n.report.reason, "segment header: its sector fails its checksum");
	kq_wal_position(n.wal, &slot, &pos);
	assert_int_equal(slot, last->slot);
	assert_int_equal(pos, KQ_WAL_FIRST);
	assert_votes_go_on((int)count - 1, b[count - 2].last);
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
		cmocka_unit_test(header_of_the_newest_segment_and_the_batch_before_are_lost),
		cmocka_unit_test(votes_go_on_where_an_opening_was_torn),
		cmocka_unit_test(another_format_node_size_or_place_is_refused_by_name),
		cmocka_unit_test(each_flipped_byte_is_noticed_or_unused),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
