// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, when nothing is damaged: what was acknowledged comes back, and there is room for
 * what was promised to have some.
 */
#include "wal_disk.h"

static struct node n;

static void fresh_files_are_an_empty_log(void **state)
{
	(void)state;
	node_init(&n, SEG, 4);
	node_assert_clean(&n);
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
	node_assert_clean(&n);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		node_add(&n, 0, 1, lens[i]);
		if (lens[i] < 5000)
			node_add(&n, 0, 3, lens[i]);
		node_assert_clean(&n);
	}
	node_free(&n);
}

static void a_batch_takes_what_fits_and_says_how_much(void **state)
{
	u64 left = 100;

	(void)state;
	node_init(&n, 2048 * 1024, 2);
	node_assert_clean(&n);
	while (left) {
		assert_int_equal(node_encode(&n, 0, (u32)left, 20000, KQ_WAL_ROOM_CLIENT), 0);
		assert_true(n.batch->len <= KQ_WAL_BATCH_MAX + KQ_WAL_FIRST);
		assert_true(n.batch->entries >= 1);
		left -= n.batch->entries;
		node_write(&n);
	}
	node_assert_clean(&n);
	assert_int_equal(n.got.last, 100);
	node_free(&n);
}

static void the_hard_state_comes_back(void **state)
{
	u32 i;

	(void)state;
	node_init(&n, SEG, 4);
	node_assert_clean(&n);
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
	node_assert_clean(&n);
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
	node_assert_clean(&n);
	node_add(&n, 0, 10, 50);
	n.hs.term = 3;
	node_add(&n, 6, 2, 60);
	node_assert_clean(&n);
	assert_int_equal(n.got.last, 7);
	n.hs.term = 4;
	node_add(&n, 1, 1, 60);
	node_assert_clean(&n);
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
	node_assert_clean(&n);
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
	node_assert_clean(&n);
	node_free(&n);
}

static void probes_leave_no_trace(void **state)
{
	u32 i;

	(void)state;
	node_init(&n, SEG, 4);
	node_assert_clean(&n);
	for (i = 0; i < 30; i++) {
		assert_int_equal(kq_wal_encode_probe(n.wal, &n.batch), 0);
		assert_true(n.batch->probe);
		assert_int_equal(n.batch->offset, KQ_WAL_BLOCK);
		assert_int_equal(n.batch->len, KQ_WAL_BLOCK);
		node_write_torn(&n, i % 3 ? 100 : 0);
		if (i % 4 == 0)
			node_assert_clean(&n);
		node_add(&n, 0, 1, 3000);
	}
	node_assert_clean(&n);
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
	node_assert_clean(&n);
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
	node_assert_clean(&n);
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
	node_assert_clean(&n);
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
	node_assert_clean(&n);
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
		node_assert_clean(&n);
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
		node_assert_clean(&n);
		node_free(&n);
	}
}

static void random_histories_with_truncations_match_a_model(void **state)
{
	u32 seed, batches = 0, recoveries = 0;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		rnd_seed(seed);
		node_init(&n, SEG * (1 + rnd(4)), 4 + rnd(12));
		node_assert_clean(&n);
		for (;;) {
			u32 what = rnd(20);
			u64 first = 0;

			n.hs.commit = n.want.last;
			if (what == 0) {
				n.hs.incarnation++;
				node_assert_clean(&n);
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
		node_assert_clean(&n);
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
		cmocka_unit_test(random_histories_with_truncations_match_a_model),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
