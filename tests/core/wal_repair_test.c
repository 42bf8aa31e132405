// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, putting back what is missing: what counts as put back, and what becomes of that
 * when it is torn, cut off or damaged itself.
 */
#include "wal_batches.h"

/* Ten batches of two entries each, of which that of 7 and 8 is damaged. */
static void build_damaged(void)
{
	u32 i;

	init();
	for (i = 0; i < 10; i++)
		put(i, 0, 2);
	node_keep(&n);
	flip(3, 4);
	node_assert_gaps(&n, MISSING({ 7, 8 }));
}

static void what_is_put_back_is_found_again(void **state)
{
	(void)state;
	build_damaged();
	node_repair(&n, 8, 1);
	node_assert_goes_on(&n, MISSING({ 7, 7 }));
	node_repair(&n, 7, 1);
	node_assert_gaps(&n, NOTHING_MISSING);
	/* What is there already does no harm. */
	node_repair(&n, 6, 4);
	node_assert_gaps(&n, NOTHING_MISSING);
	/* Nor does it if there is more damage at the same place. */
	flip(3, 0);
	node_assert_goes_on(&n, NOTHING_MISSING);
	node_unkeep(&n);
	node_free(&n);
}

static void what_was_put_back_may_be_damaged_itself(void **state)
{
	u32 how;

	(void)state;
	for (how = 0; how < 3; how++) {
		struct place at;

		build_damaged();
		assert_int_equal(node_encode_repaired(&n, 7, 2), 0);
		at = (struct place){ .slot = n.batch->slot, .pos = n.batch->offset,
				     .bytes = n.batch->len };
		assert_true(at.pos);
		node_write(&n);
		put(11, 0, 2);
		node_assert_gaps(&n, NOTHING_MISSING);
		if (how == 2)
			memset(node_at(&n, at.slot, at.pos), 0, at.bytes);
		else
			*node_at(&n, at.slot, at.pos + how * 3 * KQ_WAL_SECTOR) ^= 1;
		node_assert_goes_on(&n, MISSING({ 7, 8 }));
		node_repair(&n, 7, 2);
		node_assert_goes_on(&n, NOTHING_MISSING);
		node_unkeep(&n);
		node_free(&n);
	}
}

/* A torn one was never counted: the entries are missing still. */
static void what_is_being_put_back_may_be_torn(void **state)
{
	(void)state;
	build_damaged();
	assert_int_equal(node_encode_repaired(&n, 7, 2), 0);
	memset(n.batch->data + 3 * KQ_WAL_SECTOR, 0, KQ_WAL_SECTOR);
	memcpy(node_at(&n, n.batch->slot, n.batch->offset), n.batch->data, n.batch->len);
	node_assert_gaps(&n, MISSING({ 7, 8 }));
	node_repair(&n, 7, 2);
	node_assert_goes_on(&n, NOTHING_MISSING);
	node_unkeep(&n);
	node_free(&n);
}

static void what_was_put_back_may_be_cut_off(void **state)
{
	(void)state;
	build_damaged();
	node_repair(&n, 7, 2);
	n.hs.term = 2;
	put(11, 8, 2);
	node_assert_goes_on(&n, NOTHING_MISSING);
	node_unkeep(&n);
	node_free(&n);
}

static void only_what_was_in_the_log_is_put_back(void **state)
{
	struct kq_entry *other;

	(void)state;
	build_damaged();
	assert_int_equal(node_encode_repaired(&n, 7, 0), -EINVAL);
	/* As if the log ended there. */
	n.wal->end_index = 7;
	assert_int_equal(node_encode_repaired(&n, 7, 2), -EINVAL);
	assert_int_equal(node_encode_repaired(&n, 7, 1), 0);
	node_assert_gaps(&n, MISSING({ 7, 8 }));
	n.wal->end_term = 0;
	assert_int_equal(node_encode_repaired(&n, 7, 2), -EINVAL);
	n.wal->end_term = 1;
	n.hs.snap = (struct kq_snap_ref){ .index = 7, .term = 1 };
	assert_int_equal(node_encode_repaired(&n, 7, 2), -EINVAL);
	n.hs.snap = (struct kq_snap_ref){};
	other = n.kept[8];
	n.kept[8] = n.kept[9];
	assert_int_equal(node_encode_repaired(&n, 7, 2), -EINVAL);
	n.kept[8] = other;
	/* Nor is anything longer than entries are, or has none of their numbers. */
	other->rec.len = cpu_to_le32(KQ_PAYLOAD_MAX + 1);
	assert_int_equal(node_encode_repaired(&n, 8, 1), -EINVAL);
	other->rec.len = n.kept[7]->rec.len;
	n.hs.term = 0;			/* below what the node has seen */
	assert_int_equal(node_encode_repaired(&n, 7, 2), -EINVAL);
	n.hs.term = 1;
	assert_int_equal(node_encode_repaired(&n, 7, 2), 0);
	n.wal->mode = KQ_WAL_HARD_STATE_ONLY;
	assert_int_equal(node_encode_repaired(&n, 7, 2), -EUCLEAN);
	assert_int_equal(kq_wal_encode_restart(n.wal, &n.hs, KQ_WAL_ROOM_VOTE, &n.batch), -EUCLEAN);
	node_unkeep(&n);
	node_free(&n);
}

/* Damage of all kinds at random, repaired each time, in a log with cuts and votes. */
static void random_damage_is_repaired_from_what_was_kept(void **state)
{
	u32 seed, gaps = 0, over = 0;

	(void)state;
	for (seed = 1; seed <= 60; seed++) {
		struct missing m[8];
		u32 i, hits, count;

		init();
		rnd_seed(seed);
		for (i = 0; i < 24; i++) {
			n.hs.commit = n.want.last > 3 ? n.want.last - 3 : 0;
			n.hs.term += rnd(2);
			put(i, rnd(4) || n.want.last < 5 ? 0 : n.want.last - rnd(2), 1 + rnd(2));
		}
		node_keep(&n);
		for (hits = 1 + rnd(4); hits; hits--) {
			i = rnd(23);
			if (rnd(3))
				flip(i, rnd(8));
			else
				lose(i);
		}
		assert_int_equal(node_recover(&n), 0);
		if (n.report.health == KQ_WAL_CLEAN)
			fail_msg("seed %u: clean", seed);
		if (n.report.health == KQ_WAL_DAMAGED) {
			over++;
			node_unkeep(&n);
			node_free(&n);
			continue;
		}
		gaps++;
		assert_int_equal(n.got.last, n.want.last);
		for (count = 0, i = 1; i <= n.got.last; i++) {
			if (i <= n.got.base || n.got.print[i])
				continue;
			assert_true(count < ARRAY_SIZE(m));
			m[count].first = i;
			while (i < n.got.last && !n.got.print[i + 1])
				i++;
			m[count++].last = i;
		}
		node_assert_gaps(&n, m, count);
		for (; count; count--)
			for (i = (u32)m[count - 1].first; i <= m[count - 1].last; i++)
				node_repair(&n, i, 1);
		node_assert_goes_on(&n, NOTHING_MISSING);
		node_unkeep(&n);
		node_free(&n);
	}
	print_message("# %u repaired, %u damaged for good\n", gaps, over);
	assert_true(gaps > 40);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_back_is_found_again),
		cmocka_unit_test(what_was_put_back_may_be_damaged_itself),
		cmocka_unit_test(what_is_being_put_back_may_be_torn),
		cmocka_unit_test(what_was_put_back_may_be_cut_off),
		cmocka_unit_test(only_what_was_in_the_log_is_put_back),
		cmocka_unit_test(random_damage_is_repaired_from_what_was_kept),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
