// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, when nothing is damaged and when a write is torn: what was
 * acknowledged comes back, what was not never does in part.
 */
#include "wal_disk.h"

static struct node n;

static void assert_clean(void)
{
	assert_int_equal(node_recover(&n), 0);
	if (n.report.health != KQ_WAL_CLEAN)
		fail_msg("not clean: %s", n.report.reason);
	node_assert_same(&n);
}

static void fresh_files_are_an_empty_log(void **state)
{
	(void)state;
	node_init(&n, SEG, 4);
	assert_clean();
	assert_int_equal(n.report.last_index, 0);
	assert_int_equal(kq_wal_used(n.wal), 0);
	assert_int_equal(kq_wal_capacity(n.wal), 4 * (SEG - 2 * KQ_WAL_BLOCK));
	node_free(&n);
}

static void entries_of_every_size_come_back(void **state)
{
	static const u32 lens[] = { 0, 1, 7, 8, 9, 315, 316, 317, 499, 500, 501, 3815, 3816, 3817,
				    4000, 4096, 20000, KQ_PAYLOAD_MAX - 1, KQ_PAYLOAD_MAX };
	u32 i;

	(void)state;
	node_init(&n, SEG, 16);
	assert_clean();
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		node_add(&n, 0, 1, lens[i]);
		if (lens[i] < 5000)
			node_add(&n, 0, 3, lens[i]);
		assert_clean();
	}
	node_free(&n);
}

static void a_batch_takes_what_fits_and_says_how_much(void **state)
{
	u64 left = 100;

	(void)state;
	node_init(&n, 2048 * 1024, 2);
	assert_clean();
	while (left) {
		assert_int_equal(node_encode(&n, 0, (u32)left, 20000, KQ_WAL_ROOM_CLIENT), 0);
		assert_true(n.batch->len <= KQ_WAL_BATCH_MAX + KQ_WAL_FIRST);
		assert_true(n.batch->entries >= 1);
		left -= n.batch->entries;
		node_write(&n);
	}
	assert_clean();
	assert_int_equal(n.got.last, 100);
	node_free(&n);
}

static void the_hard_state_comes_back(void **state)
{
	u32 i;

	(void)state;
	node_init(&n, SEG, 4);
	assert_clean();
	n.hs = (struct kq_hard_state){
		.term = 7, .vote = 3, .incarnation = 11, .commit = 5, .promise_ns = 123456789,
	};
	node_add(&n, 0, 2, 10);
	node_vote(&n, 8, 1);
	n.hs.incarnation = 12;
	n.hs.promise_ns = 5;
	n.hs.identity = 1ULL << 63 | 6;
	for (i = 0; i < KQUORUM_STARTS; i++)
		n.hs.starts[i] = 0x80000001 + i;
	for (i = 1; i <= KQ_MAX_NODES; i++) {
		n.hs.peer[i] = 1ULL << 62 | i;
		n.hs.whose[i] = 0x80000100 + i;
		n.hs.met[i] = 0x80000200 + i;
	}
	node_vote(&n, 9, 2);
	assert_clean();
	assert_int_equal(n.report.hs.identity, n.hs.identity);
	assert_memory_equal(n.report.hs.starts, n.hs.starts, sizeof(n.hs.starts));
	assert_memory_equal(n.report.hs.peer, n.hs.peer, sizeof(n.hs.peer));
	assert_memory_equal(n.report.hs.whose, n.hs.whose, sizeof(n.hs.whose));
	assert_memory_equal(n.report.hs.met, n.hs.met, sizeof(n.hs.met));
	assert_int_equal(kq_hard_state_crc(&n.report.hs), kq_hard_state_crc(&n.hs));
	n.report.hs.met[KQ_MAX_NODES]++;
	assert_int_not_equal(kq_hard_state_crc(&n.report.hs), kq_hard_state_crc(&n.hs));
	assert_int_equal(n.report.hs.term, 9);
	assert_int_equal(n.report.hs.vote, 2);
	assert_int_equal(n.report.hs.incarnation, 12);
	assert_int_equal(n.report.hs.commit, 5);
	assert_int_equal(n.report.hs.promise_ns, 5);
	assert_int_equal(n.report.claimed_term, 7);
	node_free(&n);
}

static void a_first_index_below_the_end_truncates(void **state)
{
	(void)state;
	node_init(&n, SEG, 4);
	assert_clean();
	node_add(&n, 0, 10, 50);
	n.hs.term = 3;
	node_add(&n, 6, 2, 60);
	assert_clean();
	assert_int_equal(n.got.last, 7);
	n.hs.term = 4;
	node_add(&n, 1, 1, 60);
	assert_clean();
	assert_int_equal(n.got.last, 1);
	node_free(&n);
}

static void what_recovery_would_refuse_is_not_encoded(void **state)
{
	struct kq_entry *e, *list[1];
	struct kq_batch *b = NULL;

	(void)state;
	node_init(&n, SEG, 4);
	e = kq_entry_alloc(KQ_ENTRY_NOOP, NULL, 0);
	list[0] = e;
	n.wal = kq_wal_create(CLUSTER, NODE, SEG, 4);
	assert_int_equal(node_encode(&n, 0, 1, 1, KQ_WAL_ROOM_CLIENT), -EINVAL);
	assert_clean();
	n.hs.term = 5;
	node_add(&n, 0, 3, 10);
	assert_int_equal(node_encode(&n, 5, 1, 10, KQ_WAL_ROOM_CLIENT), -EINVAL);	/* gap */
	n.hs.term = 4;									/* falls */
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EINVAL);
	n.hs.term = 5;
	e->rec.index = cpu_to_le64(4);
	e->rec.term = cpu_to_le64(6);		/* newer than the hard state */
	assert_int_equal(kq_wal_encode(n.wal, &n.hs, list, 1, 5, KQ_WAL_ROOM_CLIENT, &b),
			 -EINVAL);
	e->rec.term = cpu_to_le64(5);		/* and behind what is there */
	assert_int_equal(kq_wal_encode(n.wal, &n.hs, list, 1, 4, KQ_WAL_ROOM_CLIENT, &b),
			 -EINVAL);
	assert_null(b);
	kq_entry_free(e);
	node_add(&n, 0, 1, 10);
	assert_clean();
	node_free(&n);
}

static void probes_leave_no_trace(void **state)
{
	u32 i;

	(void)state;
	node_init(&n, SEG, 4);
	assert_clean();
	for (i = 0; i < 30; i++) {
		assert_int_equal(kq_wal_encode_probe(n.wal, &n.batch), 0);
		assert_true(n.batch->probe);
		assert_int_equal(n.batch->offset, KQ_WAL_BLOCK);
		assert_int_equal(n.batch->len, KQ_WAL_BLOCK);
		node_write_torn(&n, i % 3 ? 100 : 0);
		if (i % 4 == 0)
			assert_clean();
		node_add(&n, 0, 1, 3000);
	}
	assert_clean();
	node_free(&n);
}

static void each_failing_allocation_leaves_the_log_unchanged(void **state)
{
	u32 round, at;

	(void)state;
	node_init(&n, SEG, 8);
	for (round = 0; round < 40; round++) {
		for (at = 1;; at++) {
			kq_alloc_fail_at = at;
			if (node_recover(&n) == 0 && kq_alloc_fail_at)
				break;
			kq_alloc_fail_at = 0;
			if (n.wal)	/* a segment's buffer: handed in again, and all is well */
				node_assert_same(&n);
			assert_true(at < 10);
		}
		kq_alloc_fail_at = 0;
		node_assert_same(&n);
		for (at = 1; at <= 2; at++) {
			u32 slot, slot2;
			u64 pos, pos2;

			kq_wal_position(n.wal, &slot, &pos);
			kq_alloc_fail_at = at;
			assert_int_equal(node_encode(&n, 0, 2, 2000, KQ_WAL_ROOM_CLIENT), -ENOMEM);
			kq_alloc_fail_at = at;
			assert_int_equal(kq_wal_encode_probe(n.wal, &n.batch), -ENOMEM);
			kq_wal_position(n.wal, &slot2, &pos2);
			assert_int_equal(slot, slot2);
			assert_int_equal(pos, pos2);
		}
		node_add(&n, 0, 2, 2000);
	}
	assert_clean();
	node_free(&n);
}

static void a_full_log_keeps_room_for_terms_and_votes(void **state)
{
	static const enum kq_wal_room rooms[] = { KQ_WAL_ROOM_CLIENT, KQ_WAL_ROOM_INTERNAL,
						  KQ_WAL_ROOM_CONF };
	static const u32 kept[] = { 4, 3, 2 };		/* 32nds of the log */
	u64 left[3], capacity, term;
	u32 i, votes = 0;

	(void)state;
	node_init(&n, SEG, 16);
	assert_clean();
	capacity = kq_wal_capacity(n.wal);
	for (i = 0; i < 3; i++) {
		for (;;) {
			bool room = kq_wal_has_room(n.wal, kq_record_size(3000), rooms[i]);
			int err = node_encode(&n, 0, 1, 3000, rooms[i]);

			/* A promise of room is kept. */
			assert_true(!room || !err);
			if (err) {
				assert_int_equal(err, -ENOSPC);
				break;
			}
			node_write(&n);
		}
		left[i] = capacity - kq_wal_used(n.wal);
		assert_true(left[i] >= capacity / 32 * kept[i]);
		assert_true(left[i] < capacity / 32 * kept[i] + 2 * KQ_WAL_BLOCK);
	}
	assert_clean();
	for (term = 2;; term++) {
		n.hs.term = term;
		n.hs.vote = 1 + term % 3;
		if (node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE))
			break;
		node_write(&n);
		votes++;
	}
	assert_int_equal(votes, left[2] / KQ_WAL_BLOCK);
	assert_int_equal(kq_wal_used(n.wal), capacity);
	assert_clean();
	assert_int_equal(n.report.hs.term, term - 1);
	n.hs.term = term;
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -ENOSPC);
	node_free(&n);
}

static void large_entries_keep_the_promise_of_room(void **state)
{
	u32 round;

	(void)state;
	for (round = 0; round < 30; round++) {
		rnd_seed(round);
		node_init(&n, SEG, 1 + round % 9);
		assert_clean();
		for (;;) {
			u32 len = rnd(4) ? rnd(KQ_PAYLOAD_MAX) : KQ_PAYLOAD_MAX;
			bool room = kq_wal_has_room(n.wal, kq_record_size(len),
						    KQ_WAL_ROOM_CLIENT);
			int err = node_encode(&n, 0, 1, len, KQ_WAL_ROOM_CLIENT);

			assert_true(!room || !err);
			if (err)
				break;
			node_write(&n);
		}
		assert_clean();
		node_free(&n);
	}
}

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
		assert_clean();
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
				assert_clean();
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
				assert_clean();
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
		assert_clean();
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
		assert_clean();
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
			assert_clean();
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
	assert_clean();
	fill(3000);
	n.want.last = 0;
	for (slot = 0; slot < 4; slot++)
		memset(node_at(&n, slot, 0), 0, KQ_WAL_BLOCK);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	assert_int_equal(n.got.last, 0);
	memset(n.disk.data, 0, 4 * SEG);
	n.hs.term = 1;
	assert_clean();
	fill(3000);
	assert_clean();
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
	assert_clean();
	n.disk.cluster = CLUSTER;
	kq_wal_destroy(n.wal);
	n.wal = kq_wal_create(CLUSTER, NODE, SEG, 6);
	for (slot = 0; slot < 6; slot++) {
		struct kq_wal_segment_head *h = (void *)node_at(&n, slot, 0);

		h->cluster = cpu_to_le64(CLUSTER + 1);	/* another's, for this one recovery */
		node_reseal(&n, slot, 0);
	}
	assert_clean();
	for (slot = 0; slot < 6; slot++)
		memcpy(node_at(&n, slot, 0), node_at(&old, slot, 0), KQ_WAL_BLOCK);
	node_add(&n, 0, 2, 2000);
	assert_clean();
	while (!node_encode(&n, 0, 2, 2000, KQ_WAL_ROOM_CLIENT)) {
		node_write(&n);
		assert_clean();
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
	assert_clean();
	fill(3000);
	for (slot = 0; slot < 4; slot++) {
		h = (void *)node_at(&n, slot, 0);
		seen = max(seen, (u64)le64_to_cpu(h->generation));
	}
	new_life(42);
	assert_clean();
	node_add(&n, 0, 1, 10);
	h = (void *)node_at(&n, 0, 0);
	assert_true(le64_to_cpu(h->generation) > seen);
	assert_clean();
	node_free(&n);
}

/* Long random histories */

static void random_histories_with_truncations_match_a_model(void **state)
{
	u32 seed, batches = 0, recoveries = 0;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		rnd_seed(seed);
		node_init(&n, SEG * (1 + rnd(4)), 4 + rnd(12));
		assert_clean();
		for (;;) {
			u32 what = rnd(20);
			u64 first = 0;

			n.hs.commit = n.want.last;
			if (what == 0) {
				n.hs.incarnation++;
				assert_clean();
				assert_int_equal(n.report.hs.term, n.wal->seq ? n.hs.term : 0);
				recoveries++;
				continue;
			}
			if (what < 4) {
				n.hs.term++;
				n.hs.vote = rnd(4);
			}
			if (what == 4 && n.want.last) {
				n.hs.term++;
				first = 1 + n.want.last - rnd(min_t(u32, (u32)n.want.last, 20));
			}
			if (node_encode(&n, first, what < 3 ? 0 : 1 + rnd(6),
					rnd(30) ? rnd(600) : rnd(KQ_PAYLOAD_MAX),
					KQ_WAL_ROOM_INTERNAL))
				break;
			node_write(&n);
			batches++;
		}
		n.hs.term = n.wal->term;
		assert_clean();
		node_free(&n);
	}
	print_message("# %u batches, %u recoveries\n", batches, recoveries);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_files_are_an_empty_log),
		cmocka_unit_test(entries_of_every_size_come_back),
		cmocka_unit_test(a_batch_takes_what_fits_and_says_how_much),
		cmocka_unit_test(the_hard_state_comes_back),
		cmocka_unit_test(a_first_index_below_the_end_truncates),
		cmocka_unit_test(what_recovery_would_refuse_is_not_encoded),
		cmocka_unit_test(probes_leave_no_trace),
		cmocka_unit_test(each_failing_allocation_leaves_the_log_unchanged),
		cmocka_unit_test(a_full_log_keeps_room_for_terms_and_votes),
		cmocka_unit_test(large_entries_keep_the_promise_of_room),
		cmocka_unit_test(each_cut_point_of_a_write_is_no_damage),
		cmocka_unit_test(stale_small_torn_batches_are_cut_off),
		cmocka_unit_test(stale_large_torn_batches_are_cut_off),
		cmocka_unit_test(stale_torn_batches_of_one_shape_are_cut_off),
		cmocka_unit_test(stale_rest_of_a_torn_opening_is_cut_off),
		cmocka_unit_test(stale_records_of_another_cluster_are_not_replayed),
		cmocka_unit_test(stale_records_without_their_headers_are_not_replayed),
		cmocka_unit_test(stale_segments_of_a_lower_generation_are_spare),
		cmocka_unit_test(a_generation_is_higher_than_any_of_an_earlier_life),
		cmocka_unit_test(random_histories_with_truncations_match_a_model),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
