// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, when nothing can be read of what a segment begins with: which one it is tell the
 * sectors behind; what cannot be told is missing, and known to be.
 */
#include "wal_disk.h"

static struct node n;
static struct place b[64];

static void flip(u32 slot, u64 offset)
{
	*node_at(&n, slot, offset) ^= 0x40;
}

/* Both the header of this segment and that of its first batch. */
static void flip_heads(u32 slot)
{
	flip(slot, 10);
	flip(slot, KQ_WAL_FIRST + 10);
}

/* Three segments; returns the number of the first batch in @slot. */
static u32 build(u32 slot)
{
	u32 first;

	node_build(&n, b, 20, 3000);
	assert_int_equal(b[19].slot, 2);
	for (first = 0; b[first].slot < slot; first++)
		;
	return first;
}

static void a_segment_without_any_header_is_told_by_its_sectors(void **state)
{
	u32 slot, first, k;

	(void)state;
	for (slot = 0; slot < 3; slot++) {
		/* Nothing of the first batch but one sector is whole. */
		for (k = 0; k < 2; k++) {
			first = build(slot);
			flip_heads(slot);
			for (u32 i = 17; k && i < 23; i++)
				flip(slot, i * KQ_WAL_SECTOR);
			node_assert_goes_on(&n, MISSING({ 2 * first + 1, 2 * first + 2 }));
			assert_string_equal(n.report.reason,
					    "segment header: its sector fails its checksum");
			node_free(&n);
		}
	}
}

static void the_batch_before_it_may_be_lost_too(void **state)
{
	u32 first;

	(void)state;
	first = build(1);
	flip_heads(1);
	flip(b[first - 1].slot, b[first - 1].pos);
	node_assert_goes_on(&n, MISSING({ 2 * first - 1, 2 * first + 2 }));
	node_free(&n);
	/* And two segments in a row, or the first two. */
	build(1);
	flip_heads(1);
	flip_heads(2);
	first = 7;
	assert_int_equal(b[first].slot, 1);
	assert_int_equal(b[2 * first].slot, 2);
	node_assert_goes_on(&n, MISSING({ 2 * first + 1, 2 * first + 2 },
					{ 4 * first + 1, 4 * first + 2 }));
	node_free(&n);
	build(1);
	flip_heads(0);
	flip_heads(1);
	node_assert_goes_on(&n, MISSING({ 1, 2 }, { 2 * first + 1, 2 * first + 2 }));
	node_free(&n);
	/* No header is left. */
	build(1);
	for (first = 0; first < 3; first++)
		flip_heads(first);
	node_assert_goes_on(&n, MISSING({ 1, 2 }, { 15, 16 }, { 29, 30 }));
	node_free(&n);
}

/* All that is known of it is that it is there. */
static void nothing_else_in_that_segment_can_be_read(void **state)
{
	u32 first, i;

	(void)state;
	first = build(1);
	flip(1, 10);
	for (i = first; b[i].slot == 1; i++)
		flip(1, b[i].pos);
	node_assert_goes_on(&n, MISSING({ 2 * first + 1, 2 * i }));
	node_free(&n);
}

static void a_blank_header_is_remade_where_a_segment_is_missing(void **state)
{
	u32 slot, first;

	(void)state;
	for (slot = 0; slot < 2; slot++) {
		first = build(slot);
		memset(node_at(&n, slot, 0), 0, KQ_WAL_BLOCK);
		node_assert_goes_on(&n, NOTHING_MISSING);
		assert_string_equal(n.report.reason, "segment header: nothing is there");
		assert_int_equal(n.report.slot, slot);
		flip(slot, KQ_WAL_FIRST + 10);
		node_assert_goes_on(&n, MISSING({ 2 * first + 1, 2 * first + 2 }));
		node_free(&n);
	}
}

/* The opening of a segment that was never used was torn; by now another one has its number. */
static void a_torn_opening_is_not_taken_for_a_missing_segment(void **state)
{
	u8 first[KQ_WAL_BLOCK];
	u32 spare;

	(void)state;
	build(1);
	memcpy(first, node_at(&n, 1, KQ_WAL_FIRST), sizeof(first));
	for (spare = 3; spare < 5; spare++) {
		/* A batch of this number, in another place, is none; nor is one for this place. */
		memcpy(node_at(&n, spare, KQ_WAL_FIRST), first, sizeof(first));
		node_reseal(&n, spare, KQ_WAL_FIRST);
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_CLEAN);
		node_assert_same(&n);
	}
	node_free(&n);
}

/* Put the snapshot of @index in use. */
static void snapshot(u64 index)
{
	n.hs.snap = (struct kq_snap_ref){ .index = index, .term = n.want.term[index], .bytes = 5 };
	node_vote(&n, n.hs.term, n.hs.vote);
}

/* Segments that a snapshot stands for, and that are not used again yet. */
static void what_is_spare_again_may_lose_its_header(void **state)
{
	u32 slot;

	(void)state;
	build(0);
	snapshot(n.want.last - 1);
	for (slot = 0; slot < 2; slot++) {
		flip_heads(slot);
		node_assert_gaps(&n, NOTHING_MISSING);
		assert_int_equal(n.wal->spares, n.disk.segments - 1);
	}
	/* They are used again. */
	for (slot = 0; slot < 20; slot++)
		node_add(&n, 0, 2, 3000);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_CLEAN);
	node_assert_same(&n);
	node_free(&n);
}

/* The log still begins with its first entry, and those are not needed any more. */
static void the_first_segment_is_told_by_its_sectors(void **state)
{
	u64 index;

	(void)state;
	for (index = 1; index < 13; index++) {
		build(0);
		snapshot(index);
		flip_heads(0);
		if (index == 1)
			node_assert_goes_on(&n, MISSING({ 2, 2 }));
		else
			node_assert_goes_on(&n, NOTHING_MISSING);
		assert_int_equal(n.got.base, min(index, 2ULL));
		node_free(&n);
	}
}

static void the_segment_that_goes_on_behind_the_snapshot_is_lost(void **state)
{
	u32 first, with;
	u64 index;

	(void)state;
	for (with = 0; with < 5; with++) {
		first = build(1);
		index = b[first + 2].last;
		snapshot(index);
		assert_int_equal(kq_wal_release(n.wal, index), 1);
		/* The one before it is used again. */
		memset(node_at(&n, 0, 0), 0, SEG);
		switch (with) {
		case 0:		/* all of it: it might be the newest */
			memset(node_at(&n, 1, 0), 0x55, SEG);
			assert_int_equal(node_recover(&n), 0);
			assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
			assert_false(n.report.vote_known);
			break;
		case 1:		/* so that it seems never to have been used */
			memset(node_at(&n, 1, 0), 0, SEG);
			node_assert_goes_on(&n, MISSING({ index + 1, b[2 * first - 1].last }));
			assert_int_equal(n.got.base, index);
			break;
		case 2:		/* what it begins with */
			flip_heads(1);
			node_assert_goes_on(&n, NOTHING_MISSING);
			assert_int_equal(n.got.base, b[first].last);
			break;
		case 3:		/* its header */
			memset(node_at(&n, 1, 0), 0, KQ_WAL_BLOCK);
			node_assert_goes_on(&n, NOTHING_MISSING);
			assert_int_equal(n.got.base, b[first - 1].last);
			break;
		case 4:		/* that, and a batch behind the snapshot */
			flip_heads(1);
			flip(1, b[first + 3].pos);
			flip(1, b[first + 4].pos);
			node_assert_goes_on(&n, MISSING({ index + 1, index + 4 }));
			break;
		}
		node_free(&n);
	}
}

#define TEST(name) cmocka_unit_test(name)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_segment_without_any_header_is_told_by_its_sectors),
		TEST(the_batch_before_it_may_be_lost_too),
		TEST(nothing_else_in_that_segment_can_be_read),
		TEST(a_blank_header_is_remade_where_a_segment_is_missing),
		TEST(a_torn_opening_is_not_taken_for_a_missing_segment),
		TEST(what_is_spare_again_may_lose_its_header),
		TEST(the_first_segment_is_told_by_its_sectors),
		TEST(the_segment_that_goes_on_behind_the_snapshot_is_lost),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
