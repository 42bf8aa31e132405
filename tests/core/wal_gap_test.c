// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, going on behind damage: what a batch that is missing may have cut off, the
 * snapshots in it, and where the headers behind a gap contradict the log before.
 */
#include "wal_batches.h"

/* Entries 1 to 6; the batch that puts others in place of 4 to 6 is lost; 6 and 7 come behind it. */
static void build_cut(u64 commit)
{
	init();
	put(0, 0, 2);
	put(1, 0, 2);
	n.hs.commit = commit;
	put(2, 0, 2);
	n.hs.term = 2;
	put(3, 4, 2);
	put(4, 0, 2);
	node_assert_clean(&n);
	lose(3);
}

static void behind_a_lost_cut_only_what_was_committed_is_believed(void **state)
{
	u64 commit;

	(void)state;
	for (commit = 0; commit <= 3; commit++) {
		build_cut(commit);
		node_assert_goes_on(&n, MISSING({ commit + 1, 5 }));
		node_free(&n);
	}
}

static void a_cut_before_a_gap_or_behind_it_takes_nothing_else(void **state)
{
	(void)state;
	build_cut(0);
	node_free(&n);
	/* The one that cuts off is there, and the next is lost. */
	init();
	put(0, 0, 4);
	n.hs.term = 2;
	put(1, 3, 2);
	put(2, 0, 2);
	put(3, 0, 2);
	lose(2);
	node_assert_goes_on(&n, MISSING({ 5, 6 }));
	node_free(&n);
	/* It comes behind what is lost, and cuts off some of that, all of it, or more. */
	for (u64 first = 7; first >= 3; first -= 2) {
		init();
		put(0, 0, 4);
		put(1, 0, 4);
		n.hs.term = 2;
		put(2, first, 2);
		put(3, 0, 2);
		node_assert_clean(&n);
		lose(1);
		if (first == 7)
			node_assert_goes_on(&n, MISSING({ 5, 6 }));
		else
			node_assert_goes_on(&n, NOTHING_MISSING);
		node_free(&n);
	}
}

/* Nobody knows where the log ended before: what is written next counts as one that may cut off. */
static void a_cut_behind_a_gap_may_be_lost_as_well_later(void **state)
{
	(void)state;
	init();
	put(0, 0, 4);
	n.hs.commit = 2;
	put(1, 0, 4);		/* lost, so that this is not seen to cut off 7 and 8 */
	n.hs.term = 2;
	put(2, 7, 2);
	lose(1);
	node_assert_gaps(&n, MISSING({ 5, 6 }));
	assert_int_equal(n.wal->cut_seq, 3);
	put(3, 0, 2);
	put(4, 0, 2);
	assert_int_equal(le32_to_cpu(node_head(&n, b[4].slot, b[4].pos)->cut_seq), 3);
	/* Behind the lot that is damaged now nothing else is known to have been cut off. */
	lose(3);
	node_assert_goes_on(&n, MISSING({ 5, 6 }, { 9, 10 }));
	lose(2);
	node_assert_goes_on(&n, MISSING({ 1, 10 }));
	node_free(&n);
}

static void a_snapshot_in_a_gap_stands_for_what_is_before_it(void **state)
{
	u32 i;

	(void)state;
	init();
	for (i = 0; i < 14; i++) {
		if (i == 5)
			n.hs.snap = (struct kq_snap_ref){ .index = 9, .term = 1, .bytes = 5 };
		put(i, 0, 2);
	}
	node_assert_clean(&n);
	for (i = 2; i < 6; i++)
		lose(i);
	node_assert_goes_on(&n, MISSING({ 10, 12 }));
	assert_int_equal(n.got.base, 9);
	assert_int_equal(n.got.term[9], 1);
	/* Where the next segment's header is the first thing known, nothing tells of it yet. */
	for (i = 6; i < 9; i++)
		lose(i);
	assert_int_equal(b[7].pos, KQ_WAL_FIRST);
	node_assert_goes_on(&n, MISSING({ 5, 18 }));
	assert_int_equal(n.got.base, 0);
	node_free(&n);
}

/*
 * A client has written something into an entry that looks like the header of a batch, with all the
 * right numbers, where a block begins; and of that batch and the one before the headers are lost.
 */
static void what_a_client_wrote_is_no_header(void **state)
{
	struct kq_wal_batch_head *h;
	u32 i;

	(void)state;
	init();
	for (i = 0; i < 6; i++)
		put(i, 0, 2);
	assert_int_equal(b[3].bytes, 2 * KQ_WAL_BLOCK);
	h = node_head(&n, b[3].slot, b[3].pos + KQ_WAL_BLOCK);
	*h = *node_head(&n, b[3].slot, b[3].pos);
	h->term = cpu_to_le64(9);
	h->vote = cpu_to_le32(3);
	h->first_index = cpu_to_le64(1);
	h->base_term = 0;
	h->bytes = cpu_to_le32(KQ_WAL_BLOCK);
	h->body_bytes = cpu_to_le32(3000);
	h->cut_seq = cpu_to_le32(3);
	node_reseal(&n, b[3].slot, b[3].pos + KQ_WAL_BLOCK);
	flip(2, 0);
	flip(3, 0);
	node_assert_goes_on(&n, MISSING({ 5, 8 }));
	node_free(&n);
}

/* The last batch of a segment is lost, and the header of the next one's first. */
static void a_later_header_tells_whether_anything_was_cut_off(void **state)
{
	u32 cuts, first, i;

	(void)state;
	for (cuts = 0; cuts < 3; cuts++) {
		init();
		n.hs.commit = 1;
		for (i = 0; i < 10; i++) {
			if (cuts && i == 4 + cuts) {	/* before what is lost, or in it */
				n.hs.term = 2;
				put(i, n.want.last, 2);
			} else {
				put(i, 0, 2);
			}
		}
		for (first = 0; !b[first].slot; first++)
			;
		assert_int_equal(first, 7);
		assert_int_equal(b[9].slot, 1);
		node_assert_clean(&n);
		lose(first - 1);
		flip(first, 0);
		if (!cuts)
			node_assert_goes_on(&n, MISSING({ 13, 16 }));
		else if (cuts == 1)
			node_assert_goes_on(&n, MISSING({ 12, 15 }));
		else	/* what is not known to be committed may be gone */
			node_assert_goes_on(&n, MISSING({ 2, 15 }));
		node_free(&n);
	}
}

/* Five batches, with little of them known to be committed; then the log begins anew: n.batch. */
static void put_five_and_begin_anew(u64 index, u64 term)
{
	u32 i;

	init();
	n.hs.commit = 3;
	for (i = 0; i < 5; i++)
		put(i, 0, 2);
	n.hs.term = term;
	n.hs.snap = (struct kq_snap_ref){ .index = index, .term = term, .bytes = 5 };
	assert_int_equal(kq_wal_encode_restart(n.wal, &n.hs, KQ_WAL_ROOM_VOTE, &n.batch), 0);
}

static void a_log_that_began_anew_in_a_gap_goes_on_from_there(void **state)
{
	u32 with;

	(void)state;
	for (with = 0; with < 3; with++) {
		put_five_and_begin_anew(20, 1);
		b[5] = (struct place){ .slot = n.batch->slot, .pos = n.batch->offset,
				       .bytes = n.batch->len };
		node_write(&n);
		n.want.base = n.want.last = 20;
		n.want.term[20] = 1;
		put(6, 0, 2);
		put(7, 0, 2);
		node_assert_clean(&n);
		lose(4);		/* before it: not needed any more */
		if (with)
			lose(5);
		if (with == 2)
			lose(6);
		if (with == 2)
			node_assert_goes_on(&n, MISSING({ 21, 22 }));
		else
			node_assert_goes_on(&n, NOTHING_MISSING);
		assert_int_equal(n.got.base, 20);
		node_free(&n);
	}
}

/* The branch that it left had come further than the snapshot, and so has what is committed now. */
static void a_log_that_began_anew_below_its_end_needs_nothing_of_before(void **state)
{
	u32 i;

	(void)state;
	put_five_and_begin_anew(7, 2);
	node_write(&n);
	n.want.base = n.want.last = 7;
	n.want.term[7] = 2;
	n.hs.commit = 20;
	for (i = 5; i < 14; i++)
		put(i, 0, 2);
	assert_true(b[13].slot != b[5].slot);
	node_assert_clean(&n);
	lose(4);
	node_assert_goes_on(&n, NOTHING_MISSING);
	assert_int_equal(n.got.base, 7);
	node_free(&n);
}

/* It says nothing of the entries before it, and counts for nothing itself. */
static void a_torn_new_beginning_behind_a_gap_does_not_hide_it(void **state)
{
	(void)state;
	put_five_and_begin_anew(7, 1);
	memset(n.batch->data + 3 * KQ_WAL_SECTOR, 0, KQ_WAL_SECTOR);
	memcpy(node_at(&n, n.batch->slot, n.batch->offset), n.batch->data, n.batch->len);
	lose(4);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_false(n.report.vote_known);
	node_free(&n);
}

static int refuse_at(void *ctx, const struct kq_record *rec, const void *payload)
{
	u32 *left = ctx;

	return (*left)-- ? 0 : -EUCLEAN;
}

/* Whoever gets what the log holds refuses one thing after the other: each time that ends it. */
static void assert_each_refusal_ends_recovery(void)
{
	u32 at, slot;
	int err, next;

	for (at = 0, err = -EUCLEAN; err; at++) {
		struct kq_wal *wal = kq_wal_create(CLUSTER, NODE, SEG, 6);
		struct kq_wal_report report;
		u32 left = at;

		for (slot = 0; slot < 6; slot++)
			assert_int_equal(kq_wal_scan_header(wal, slot, node_at(&n, slot, 0)), 0);
		for (err = 0; !err && (next = kq_wal_next_segment(wal)) >= 0; )
			err = kq_wal_scan_segment(wal, next, node_at(&n, next, 0), SEG, refuse_at,
						  &left);
		assert_int_equal(kq_wal_scan_end(wal, &report), err);
		assert_true(!err || err == -EUCLEAN);
		assert_true(!err || strstr(report.reason, "refused"));
		kq_wal_destroy(wal);
	}
	assert_true(at > 1);
}

static void what_is_refused_ends_recovery(void **state)
{
	u32 i;

	(void)state;
	init();
	for (i = 0; i < 20; i++)
		put(i, 0, 2);
	assert_true(b[19].slot != b[0].slot);
	node_assert_clean(&n);
	assert_each_refusal_ends_recovery();
	flip(2, 4);
	lose(4);
	for (i = 0; b[i + 1].slot == b[0].slot; i++)
		;
	lose(i);		/* the last of its segment */
	assert_each_refusal_ends_recovery();
	node_free(&n);
	/* A log that begins behind a snapshot, and anew behind another. */
	init();
	for (i = 0; i < 20; i++)
		put(i, 0, 2);
	n.hs.snap = (struct kq_snap_ref){ .index = 36, .term = 1, .bytes = 5 };
	put(20, 0, 2);
	assert_true(kq_wal_release(n.wal, 36));
	n.hs.snap.index = 60;
	assert_int_equal(kq_wal_encode_restart(n.wal, &n.hs, KQ_WAL_ROOM_VOTE, &n.batch), 0);
	node_write(&n);
	assert_each_refusal_ends_recovery();
	node_free(&n);
}

/* A segment ends with batches that are lost, and the next begins with some. */
static void a_gap_goes_across_the_border_of_segments(void **state)
{
	u32 i, first;

	(void)state;
	init();
	for (i = 0; i < 20; i++) {
		n.hs.commit = n.want.last;
		put(i, 0, 2);
	}
	for (first = 0; !b[first].slot; first++)
		;
	lose(first - 1);
	node_assert_goes_on(&n, MISSING({ b[first - 2].last + 1, b[first - 1].last }));
	/* What the next one's header says is all there is. */
	lose(first);
	node_assert_goes_on(&n, MISSING({ b[first - 2].last + 1, b[first].last }));
	node_free(&n);
}

/* The first header behind the gap says what cannot be so, all its checksums being right. */
static void a_header_behind_a_gap_that_contradicts_the_log_ends_it(void **state)
{
	static const struct {
		u64 first, end;
		u32 cut_seq;
		const char *why;
	} lies[] = {
		{ 1000000, 1000001, 0,
		  "batch 4 is missing, and batch 5 has a log index that this log never reached" },
		{ KQ_WAL_NUMBER_MAX - 2, KQ_WAL_NUMBER_MAX - 1, 0,
		  "batch 4 is missing, and batch 5 has a log index that this log never reached" },
		{ 3, 4, 4, "batch 4 is missing, and batch 5 cuts off what was committed" },
		{ 3, 4, 0, NULL },	/* cuts off itself: nothing against that */
	};
	u32 i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		struct kq_wal_batch_head *h;

		init();
		for (k = 0; k < 7; k++) {
			n.hs.commit = 4;
			put(k, 0, 2);
		}
		lose(3);
		h = node_head(&n, b[4].slot, b[4].pos);
		h->first_index = cpu_to_le64(lies[i].first);
		h->end_index = cpu_to_le64(lies[i].end);
		h->cut_seq = cpu_to_le32(lies[i].cut_seq);
		node_restamp(&n, b[4].slot, b[4].pos, 5);
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		if (lies[i].why)
			assert_string_equal(n.report.reason, lies[i].why);
		else	/* its records are others */
			assert_null(strstr(n.report.reason, "missing"));
		assert_true(n.report.vote_known);
		assert_int_equal(n.report.claimed_index, b[6].last);
		node_assert_missing(&n, NOTHING_MISSING, 6);
		node_free(&n);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_a_lost_cut_only_what_was_committed_is_believed),
		cmocka_unit_test(a_cut_before_a_gap_or_behind_it_takes_nothing_else),
		cmocka_unit_test(a_cut_behind_a_gap_may_be_lost_as_well_later),
		cmocka_unit_test(a_snapshot_in_a_gap_stands_for_what_is_before_it),
		cmocka_unit_test(what_a_client_wrote_is_no_header),
		cmocka_unit_test(a_later_header_tells_whether_anything_was_cut_off),
		cmocka_unit_test(a_log_that_began_anew_in_a_gap_goes_on_from_there),
		cmocka_unit_test(a_log_that_began_anew_below_its_end_needs_nothing_of_before),
		cmocka_unit_test(a_torn_new_beginning_behind_a_gap_does_not_hide_it),
		cmocka_unit_test(what_is_refused_ends_recovery),
		cmocka_unit_test(a_gap_goes_across_the_border_of_segments),
		cmocka_unit_test(a_header_behind_a_gap_that_contradicts_the_log_ends_it),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
