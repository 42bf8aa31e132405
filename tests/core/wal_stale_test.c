// SPDX-License-Identifier: GPL-2.0
/*
 * What is still on the disk and counts for nothing: parts of writes that were torn, and earlier
 * lives of the same files. None of it comes back, and it is no damage.
 */
#include "wal_disk.h"

static struct node n;

/* Torn writes */

/*
 * Each round: some batches, then one of which a random part of the sectors is
 * missing, several times over at the same place. Nothing that was acknowledged
 * may be lost, nothing that was torn may come back in part, and it is no damage.
 */
static void torn_rounds(u32 seeds, u32 seg, u32 segments, u32 len_max)
{
	u32 seed, torn = 0, whole = 0;

	for (seed = 1; seed <= seeds; seed++) {
		rnd_seed(seed);
		node_init(&n, seg, segments);
		node_assert_clean(&n);
		while (kq_wal_has_room(n.wal, 60000, KQ_WAL_ROOM_CLIENT)) {
			u32 good = rnd(4), bad = 1 + rnd(4);
			u32 count = 1 + rnd(4), len = rnd(len_max);

			while (good--) {
				n.hs.term += rnd(3) == 0;
				if (node_encode(&n, 0, 1 + rnd(3), rnd(len_max),
						KQ_WAL_ROOM_CLIENT))
					break;
				node_write(&n);
			}
			while (bad--) {
				struct kq_hard_state before = n.hs;
				u64 first = n.want.last + 1;
				u64 last, seq;
				bool all;

				seq = n.wal->seq;
				if (rnd(3) == 0)
					len = rnd(len_max);
				n.hs.term += rnd(2);
				if (node_encode(&n, first, rnd(5) ? count : 0, len,
						KQ_WAL_ROOM_CLIENT))
					break;
				all = node_write_torn(&n, 1 + rnd(255));
				last = n.batch->entries ? n.batch->last : n.want.last;
				assert_int_equal(node_recover(&n), 0);
				if (n.report.health == KQ_WAL_DAMAGED)
					fail_msg("seed %u: %s", seed, n.report.reason);
				torn += n.report.health == KQ_WAL_TORN;
				/* Whole (what is missing may be padding), or not there at all. */
				if (n.wal->seq == seq + 1) {
					n.want.last = last;
					whole++;
				} else {
					assert_false(all);
					assert_int_equal(n.wal->seq, seq);
					n.hs = before;
				}
				node_assert_same(&n);
				assert_true(n.report.hs.term == n.hs.term || !n.wal->seq);
			}
			if (rnd(8) == 0)
				assert_int_equal(node_recover(&n), 0);
		}
		assert_int_equal(node_recover(&n), 0);
		assert_int_not_equal(n.report.health, KQ_WAL_DAMAGED);
		node_assert_same(&n);
		node_free(&n);
	}
	print_message("# %u writes torn, %u came through whole\n", torn, whole);
	assert_true(torn > seeds);
}

static void stale_small_torn_batches_are_cut_off(void **state)
{
	(void)state;
	torn_rounds(12, SEG, 12, 3000);
}

static void stale_large_torn_batches_are_cut_off(void **state)
{
	(void)state;
	torn_rounds(25, SEG, 12, 16000);
}

static void stale_torn_batches_of_one_shape_are_cut_off(void **state)
{
	(void)state;
	torn_rounds(5, 2 * SEG, 6, 1);
}

/* Each prefix and each single missing sector of one write, exhaustively. */
static void each_cut_point_of_a_write_is_no_damage(void **state)
{
	u32 first, cut, mode;

	(void)state;
	for (first = 0; first <= 1; first++) {		/* opening a segment, or in it */
		for (mode = 0; mode < 3; mode++) {
			for (cut = 0;; cut++) {
				u32 i, sectors;

				rnd_seed(1);
				node_init(&n, SEG, 3);
				node_assert_clean(&n);
				if (first)
					node_add(&n, 0, 2, 100);
				assert_int_equal(node_encode(&n, 0, 3, 2500,
							     KQ_WAL_ROOM_CLIENT), 0);
				sectors = n.batch->len / KQ_WAL_SECTOR;
				for (i = 0; i < sectors; i++) {
					bool lands = mode == 0 ? i < cut : mode == 1 ? i >= cut :
						     i != cut;

					if (lands)
						memcpy(node_at(&n, n.batch->slot, n.batch->offset +
							       i * KQ_WAL_SECTOR),
						       n.batch->data + i * KQ_WAL_SECTOR,
						       KQ_WAL_SECTOR);
				}
				assert_int_equal(node_recover(&n), 0);
				if (n.report.health == KQ_WAL_DAMAGED)
					fail_msg("cut %u: %s", cut, n.report.reason);
				/* Whole, as far as it counts, or not there at all. */
				if (n.got.last != n.want.last) {
					assert_int_equal(n.got.last, n.want.last + 3);
					n.want.last += 3;
				} else if (cut && cut < sectors && mode == 0) {
					assert_int_equal(n.report.health, KQ_WAL_TORN);
				}
				node_add(&n, 0, 1, 100);
				node_assert_clean(&n);
				node_free(&n);
				if (cut == sectors)
					break;
			}
		}
	}
}

/* What the first try to open a segment left, without a header, is not the second's. */
static void stale_rest_of_a_torn_opening_is_cut_off(void **state)
{
	u32 missing;

	(void)state;
	for (missing = 17; missing < 30; missing++) {
		u32 try, i;

		rnd_seed(missing);
		node_init(&n, SEG, 3);
		node_assert_clean(&n);
		for (try = 0; try < 4; try++) {
			u32 lost = try == 3 ? missing : 0;	/* sector 0: the header */

			assert_int_equal(node_encode(&n, 0, 3, 2500, KQ_WAL_ROOM_CLIENT), 0);
			assert_int_equal(n.batch->offset, 0);
			assert_true(n.batch->len > 30 * KQ_WAL_SECTOR);
			for (i = 0; i < n.batch->len / KQ_WAL_SECTOR; i++)
				if (i != lost)
					memcpy(node_at(&n, n.batch->slot, i * KQ_WAL_SECTOR),
					       n.batch->data + i * KQ_WAL_SECTOR, KQ_WAL_SECTOR);
			assert_int_equal(node_recover(&n), 0);
			assert_int_equal(n.report.health, KQ_WAL_TORN);
			assert_int_equal(n.got.last, 0);
		}
		node_free(&n);
	}
}

/* Earlier lives of the same files */

static void fill(u32 len)
{
	while (!node_encode(&n, 0, 1 + rnd(4), 1 + rnd(len), KQ_WAL_ROOM_CLIENT))
		node_write(&n);
}

static void new_life(u64 cluster)
{
	n.disk.cluster = cluster;
	n.want.last = 0;
	memset(&n.hs, 0, sizeof(n.hs));
	n.hs.term = 1;
}

static void stale_records_of_another_cluster_are_not_replayed(void **state)
{
	u32 seed, life;

	(void)state;
	for (seed = 1; seed <= 4; seed++) {
		rnd_seed(seed);
		node_init(&n, SEG, 6);
		node_assert_clean(&n);
		fill(3000);
		for (life = 1; life < 3; life++) {
			u32 steps = 60;

			new_life(CLUSTER + life);
			assert_int_equal(node_recover(&n), 0);
			assert_int_not_equal(n.report.health, KQ_WAL_DAMAGED);
			node_assert_same(&n);
			/* The same sizes again: batches line up with those of before. */
			rnd_seed(seed);
			while (steps-- && !node_encode(&n, 0, 1 + rnd(4), 1 + rnd(3000),
						       KQ_WAL_ROOM_CLIENT)) {
				u64 seq = n.wal->seq;	/* of this batch */
				u64 last = n.batch->last;

				if (rnd(4) == 0) {
					node_write_torn(&n, 128);
				} else {
					node_write(&n);
					if (rnd(3))
						continue;
				}
				assert_int_equal(node_recover(&n), 0);
				if (n.report.health == KQ_WAL_DAMAGED)
					fail_msg("seed %u: %s", seed, n.report.reason);
				if (n.wal->seq == seq)
					n.want.last = last;
				node_assert_same(&n);
			}
			fill(3000);
			node_assert_clean(&n);
		}
		node_free(&n);
	}
}

/* Blank headers are no proof that batches of this very log were not acknowledged. */
static void stale_records_without_their_headers_are_not_replayed(void **state)
{
	u32 slot;

	(void)state;
	node_init(&n, SEG, 4);
	node_assert_clean(&n);
	fill(3000);
	n.want.last = 0;
	for (slot = 0; slot < 4; slot++)
		memset(node_at(&n, slot, 0), 0, KQ_WAL_BLOCK);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_int_equal(n.got.last, 0);
	memset(n.disk.data, 0, 4 * SEG);
	n.hs.term = 1;
	node_assert_clean(&n);
	fill(3000);
	node_assert_clean(&n);
	node_free(&n);
}

/* An older log of the same cluster and node in some of the slots. */
static void stale_segments_of_a_lower_generation_are_spare(void **state)
{
	static struct node old;
	u32 slot;

	(void)state;
	rnd_seed(5);
	node_init(&old, SEG, 6);
	assert_int_equal(node_recover(&old), 0);
	while (!node_encode(&old, 0, 2, 2000, KQ_WAL_ROOM_CLIENT))
		node_write(&old);
	node_init(&n, SEG, 6);
	for (slot = 0; slot < 6; slot++)
		memcpy(node_at(&n, slot, 0), node_at(&old, slot, 0), SEG);
	n.disk.cluster = CLUSTER + 1;		/* so generations go on above the old ones */
	node_assert_clean(&n);
	n.disk.cluster = CLUSTER;
	kq_wal_destroy(n.wal);
	n.wal = kq_wal_create(CLUSTER, NODE, SEG, 6);
	for (slot = 0; slot < 6; slot++) {
		struct kq_wal_segment_head *h = (void *)node_at(&n, slot, 0);

		h->cluster = cpu_to_le64(CLUSTER + 1);	/* another's, for this one recovery */
		node_reseal(&n, slot, 0);
	}
	node_assert_clean(&n);
	for (slot = 0; slot < 6; slot++)
		memcpy(node_at(&n, slot, 0), node_at(&old, slot, 0), KQ_WAL_BLOCK);
	node_add(&n, 0, 2, 2000);
	node_assert_clean(&n);
	while (!node_encode(&n, 0, 2, 2000, KQ_WAL_ROOM_CLIENT)) {
		node_write(&n);
		node_assert_clean(&n);
	}
	node_free(&n);
	free(old.disk.data);
	kq_wal_destroy(old.wal);
	kq_batch_free(old.batch);
}

static void a_generation_is_higher_than_any_of_an_earlier_life(void **state)
{
	struct kq_wal_segment_head *h;
	u64 seen = 0;
	u32 slot;

	(void)state;
	node_init(&n, SEG, 4);
	node_assert_clean(&n);
	fill(3000);
	for (slot = 0; slot < 4; slot++) {
		h = (void *)node_at(&n, slot, 0);
		seen = max(seen, (u64)le64_to_cpu(h->generation));
	}
	new_life(42);
	node_assert_clean(&n);
	node_add(&n, 0, 1, 10);
	h = (void *)node_at(&n, 0, 0);
	assert_true(le64_to_cpu(h->generation) > seen);
	node_assert_clean(&n);
	node_free(&n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cut_point_of_a_write_is_no_damage),
		cmocka_unit_test(stale_small_torn_batches_are_cut_off),
		cmocka_unit_test(stale_large_torn_batches_are_cut_off),
		cmocka_unit_test(stale_torn_batches_of_one_shape_are_cut_off),
		cmocka_unit_test(stale_rest_of_a_torn_opening_is_cut_off),
		cmocka_unit_test(stale_records_of_another_cluster_are_not_replayed),
		cmocka_unit_test(stale_records_without_their_headers_are_not_replayed),
		cmocka_unit_test(stale_segments_of_a_lower_generation_are_spare),
		cmocka_unit_test(a_generation_is_higher_than_any_of_an_earlier_life),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
