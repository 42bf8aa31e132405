// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk when a snapshot stands for its beginning: segments are used again, a log begins
 * anew behind a snapshot that was installed; and a crash at any step leaves what was before, or
 * what is after.
 */
#include "wal_disk.h"

static struct node n;
static struct place b[64];

static void assert_clean(void)
{
	node_assert_clean(&n);
	assert_true(n.got.base <= n.report.hs.snap.index);
	assert_true(kq_snap_same(&n.report.hs.snap, &n.hs.snap));
}

/* A write was torn: it came through or it did not, and never in part. Returns which. */
static bool recover_torn(bool landed)
{
	u64 seq = n.batch->seq;
	bool came;

	assert_int_equal(node_recover(&n), 0);
	if (n.report.health == KQ_WAL_DAMAGED)
		fail_msg("%s", n.report.reason);
	/* What is lost of a scratch block is not missed. */
	came = n.wal->seq == seq;
	assert_true(came || !landed);
	return came;
}

/* The snapshot of @index is in use; this is not on disk yet. */
static void refer(u64 index)
{
	n.hs.snap = (struct kq_snap_ref){ .index = index, .term = n.want.term[index],
					  .bytes = 1000 + index, .crc = 77 };
}

static void snapshot(u64 index)
{
	refer(index);
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), 0);
	node_write(&n);
}

static int encode_restart(u64 index, u64 term)
{
	n.hs.snap = (struct kq_snap_ref){ .index = index, .term = term, .bytes = 5, .crc = 6 };
	kq_batch_free(n.batch);
	n.batch = NULL;
	return kq_wal_encode_restart(n.wal, &n.hs, KQ_WAL_ROOM_VOTE, &n.batch);
}

static void restarted(u64 index, u64 term)
{
	n.want.base = n.want.last = index;
	n.want.term[index] = term;
}

static void restart(u64 index, u64 term)
{
	assert_int_equal(encode_restart(index, term), 0);
	assert_true(n.batch->restart);
	assert_int_equal(n.batch->last, index);
	node_write(&n);
	restarted(index, term);
}

/* Votes alone fill segments, and no snapshot stands for these. */
static void without_a_snapshot_nothing_is_given_up(void **state)
{
	u32 i;

	(void)state;
	node_init(&n, SEG, 6);
	assert_clean();
	for (i = 0; i < 40; i++)
		node_vote(&n, 1 + i, 1);
	assert_int_equal(n.want.last, 0);
	assert_int_equal(kq_wal_release(n.wal, 0), 0);
	assert_clean();
	node_free(&n);
}

static void a_log_goes_on_for_ever_in_the_same_segments(void **state)
{
	u32 i, freed = 0;

	(void)state;
	rnd_seed(1);
	node_init(&n, SEG, 6);
	assert_clean();
	for (i = 0; i < 800; i++) {
		node_add(&n, 0, 1 + rnd(4), rnd(3000));
		if (!(i % 7)) {
			snapshot(n.want.last - rnd(3));
			freed += kq_wal_release(n.wal, n.hs.snap.index);
			assert_int_equal(kq_wal_release(n.wal, n.hs.snap.index), 0);
			assert_true(kq_wal_used(n.wal) <= kq_wal_capacity(n.wal) / 2);
		}
		if (!(i % 5)) {
			assert_clean();
			/* What was free is free again, and never more is gone. */
			assert_true(kq_wal_used(n.wal) <= kq_wal_capacity(n.wal) / 2);
		}
	}
	assert_true(freed > 20);
	assert_true(n.got.base > 100);
	node_free(&n);
}

/* With torn writes at any step, also of the batch that names a snapshot, or opens a segment. */
static void torn_writes_among_segments_that_are_used_again(void **state)
{
	u32 seed, torn = 0;

	(void)state;
	for (seed = 1; seed <= 30; seed++) {
		struct kq_snap_ref durable = {};
		u32 i;

		rnd_seed(seed);
		node_init(&n, SEG, 5 + rnd(3));
		assert_clean();
		for (i = 0; i < 150; i++) {
			bool entries = rnd(3);
			u64 last = n.want.last, before;

			n.hs.snap = durable;
			if (n.want.last && !rnd(3))
				refer(max(durable.index, n.want.last - rnd(2)));
			if (kq_wal_used(n.wal) > kq_wal_capacity(n.wal) / 2)
				refer(n.want.last);
			before = n.hs.snap.index;
			assert_int_equal(node_encode(&n, 0, entries ? 1 + rnd(3) : 0, rnd(4000),
						     KQ_WAL_ROOM_VOTE), 0);
			if (rnd(4)) {
				node_write(&n);
				durable = n.hs.snap;
				kq_wal_release(n.wal, durable.index);
			} else {
				u64 end = n.batch->entries ? n.batch->last : last;

				if (recover_torn(node_write_torn(&n, rnd(256)))) {
					n.want.last = end;
					durable = n.hs.snap;
				}
				torn++;
				node_assert_same(&n);
				assert_true(kq_snap_same(&n.report.hs.snap, &durable));
				continue;
			}
			assert_true(before >= durable.index);
			if (!rnd(10)) {
				n.hs.snap = durable;
				assert_clean();
			}
		}
		node_free(&n);
	}
	print_message("# %u writes torn\n", torn);
}

static void a_log_begins_anew_behind_an_installed_snapshot(void **state)
{
	static const u64 at[] = { 500, 30, 3 };		/* above the log, within it, in its begin */
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		rnd_seed(2);
		node_init(&n, SEG, 6);
		assert_clean();
		n.hs.term = 3;
		node_add(&n, 0, 60, 2000);
		n.hs.term = 9;
		restart(at[i], 8);
		assert_clean();
		assert_int_equal(n.got.base, at[i]);
		kq_wal_release(n.wal, at[i]);
		node_add(&n, 0, 3, 100);
		assert_clean();
		/* Nothing of what was before comes back when the log is cut. */
		n.hs.term = 10;
		node_add(&n, at[i] + 2, 1, 100);
		assert_clean();
		assert_int_equal(n.got.last, at[i] + 2);
		/* Another one follows at once: etcd#18055. */
		n.hs.term = 11;
		restart(at[i] + 100, 11);
		restart(at[i] + 200, 11);
		assert_clean();
		kq_wal_release(n.wal, at[i] + 200);
		node_add(&n, 0, 40, 2000);
		snapshot(n.want.last);
		kq_wal_release(n.wal, n.want.last);
		assert_clean();
		node_free(&n);
	}
}

static void an_installation_that_is_torn_leaves_the_log_as_it_was(void **state)
{
	u32 i, came = 0;

	(void)state;
	for (i = 0; i < 200; i++) {
		struct kq_hard_state before;
		u64 at;

		rnd_seed(i + 1);
		node_init(&n, SEG, 5);
		assert_clean();
		n.hs.term = 3;
		node_add(&n, 0, 10 + rnd(40), 1 + rnd(3000));
		before = n.hs;
		n.hs.term = 4;
		at = n.want.last + 1 + rnd(9);
		assert_int_equal(encode_restart(at, 4), 0);
		if (recover_torn(node_write_torn(&n, rnd(256)))) {
			restarted(at, 4);
			came++;
		} else {
			n.hs = before;
		}
		node_assert_same(&n);
		assert_true(kq_snap_same(&n.report.hs.snap, &n.hs.snap));
		assert_int_equal(n.report.hs.term, n.hs.term);
		node_add(&n, 0, 3, 100);
		assert_clean();
		node_free(&n);
	}
	assert_true(came > 5);
	assert_true(came < 195);
}

static void random_histories_with_snapshots_match_a_model(void **state)
{
	u32 seed, batches = 0, released = 0, restarts = 0;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		u32 i;

		rnd_seed(seed);
		node_init(&n, SEG * (1 + rnd(2)), 6 + rnd(6));
		assert_clean();
		for (i = 0; i < 400 && n.want.last < MODEL_MAX - 100; i++) {
			u64 first = 0;

			if (!rnd(6))
				n.hs.term++;
			if (!rnd(10) && n.want.last > n.hs.snap.index) {
				n.hs.term++;
				first = n.want.last - rnd(min_t(u32, 20, (u32)(n.want.last -
									n.hs.snap.index)));
			}
			if (!rnd(40)) {
				restart(n.want.last + rnd(30) + 1, n.hs.term);
				restarts++;
				first = 0;
			}
			if (kq_wal_used(n.wal) > kq_wal_capacity(n.wal) / 3 && n.want.last) {
				snapshot(n.want.last);
				released += kq_wal_release(n.wal, n.hs.snap.index);
				first = 0;
			}
			assert_int_equal(node_encode(&n, first, 1 + rnd(6), rnd(1500),
						     KQ_WAL_ROOM_INTERNAL), 0);
			node_write(&n);
			batches++;
			if (!rnd(15))
				assert_clean();
		}
		assert_clean();
		node_free(&n);
	}
	print_message("# %u batches, %u segments recycled, %u restarts\n", batches, released,
		      restarts);
}

/* --- what is refused ----------------------------------------------------------------------- */

static void what_recovery_would_refuse_is_not_encoded(void **state)
{
	(void)state;
	rnd_seed(4);
	node_init(&n, SEG, 6);
	assert_clean();
	n.hs.term = 5;
	node_add(&n, 0, 10, 10);
	refer(10);
	n.hs.snap.index = 11;		/* above the log's end */
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EINVAL);
	refer(10);
	n.hs.snap.term = 6;		/* of a term that nobody has seen */
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EINVAL);
	n.hs.snap.term = 0;
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EINVAL);
	snapshot(8);
	refer(7);			/* an older one */
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -EINVAL);
	refer(8);
	n.hs.term = 6;			/* what it stands for is not cut off */
	assert_int_equal(node_encode(&n, 8, 1, 10, KQ_WAL_ROOM_CLIENT), -EINVAL);
	assert_int_equal(encode_restart(8, 5), -EINVAL);
	assert_int_equal(encode_restart(20, 7), -EINVAL);
	assert_int_equal(encode_restart(20, 0), -EINVAL);
	n.hs.term = 4;			/* the node has seen a later one */
	assert_int_equal(encode_restart(20, 4), -EINVAL);
	n.hs.term = KQ_WAL_NUMBER_MAX;
	assert_int_equal(encode_restart(20, 4), -EINVAL);
	n.hs.term = 6;
	kq_alloc_fail_at = 1;
	assert_int_equal(encode_restart(20, 5), -ENOMEM);
	kq_alloc_fail_at = 0;
	refer(8);
	node_add(&n, 9, 1, 10);
	assert_clean();
	node_free(&n);
}

/* What a writer refuses that knows of the snapshot in use: it forgets, and a start names it. */
static void what_forgets_the_snapshot_is_damage(void **state)
{
	static const char *const why[] = {
		"batch 3: its snapshot is older than that of the batch before",
		"batch 3: it begins the log anew behind a snapshot that was in use",
		"batch 3: it cuts off what its snapshot stands for",
	};
	u32 slot, i;
	u64 offset;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(why); i++) {
		node_init(&n, SEG, 6);
		assert_clean();
		n.hs.term = 5;
		node_add(&n, 0, 10, 10);
		snapshot(8);
		n.wal->snap_index = 0;
		if (i == 1) {
			assert_int_equal(encode_restart(8, 5), 0);
		} else {
			n.hs.snap = (struct kq_snap_ref){};
			assert_int_equal(node_encode(&n, i ? 7 : 0, i ? 3 : 0, 10,
						     KQ_WAL_ROOM_VOTE), 0);
		}
		slot = n.batch->slot;
		offset = n.batch->offset;
		node_write(&n);
		if (i == 2) {
			node_head(&n, slot, offset)->snap_index = cpu_to_le64(8);
			node_head(&n, slot, offset)->snap_term = cpu_to_le64(5);
			node_reseal(&n, slot, offset);
		}
		assert_int_equal(node_recover(&n), 0);
		assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
		assert_string_equal(n.report.reason, why[i]);
		node_free(&n);
	}
}

static void what_no_writer_writes_is_damage(void **state)
{
	static const struct {
		const char *what;
		u64 index, term;
		u32 flags;
	} lies[] = {
		{ "above the log's end", 100, 1, 0 },
		{ "without a term", 2, 0, 0 },
		{ "of a later term", 2, 100, 0 },
		{ "flags of a later version", 2, 1, 2 },
		{ "begins anew elsewhere", 2, 1, KQ_WAL_RESTART },
	};
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		struct kq_wal_batch_head *h;

		node_build(&n, b, 3, 100);
		h = node_head(&n, b[2].slot, b[2].pos);
		h->snap_index = cpu_to_le64(lies[i].index);
		h->snap_term = cpu_to_le64(lies[i].term);
		h->flags = cpu_to_le32(lies[i].flags);
		node_reseal(&n, b[2].slot, b[2].pos);
		assert_int_equal(node_recover(&n), 0);
		if (n.report.health != KQ_WAL_DAMAGED)
			fail_msg("a snapshot %s is believed", lies[i].what);
		assert_int_equal(n.got.last, b[1].last);
		node_free(&n);
	}
}

/* Segments are given back before the reference is on disk: the next start finds that out. */
static void a_log_that_begins_above_its_snapshot_has_a_gap(void **state)
{
	u64 begins = U64_MAX;
	u32 i;

	(void)state;
	rnd_seed(6);
	node_init(&n, SEG, 4);
	assert_clean();
	node_add(&n, 0, 50, 3000);
	assert_true(kq_wal_release(n.wal, n.want.last));
	for (i = 0; i < 20 && !node_encode(&n, 0, 2, 3000, KQ_WAL_ROOM_CLIENT); i++)
		node_write(&n);
	for (i = 0; i < 4; i++)
		begins = min(begins, n.wal->slots[i].base_index);
	assert_true(begins > 10);
	node_assert_gaps(&n, MISSING({ 1, begins }));
	node_free(&n);
	/* The same, and the reference is of an older one. */
	node_init(&n, SEG, 4);
	assert_clean();
	node_add(&n, 0, 2, 3000);
	snapshot(1);
	node_add(&n, 0, 50, 3000);
	assert_true(kq_wal_release(n.wal, n.want.last));
	for (i = 0; i < 20 && !node_encode(&n, 0, 2, 3000, KQ_WAL_ROOM_CLIENT); i++)
		node_write(&n);
	for (begins = U64_MAX, i = 0; i < 4; i++)
		begins = min(begins, n.wal->slots[i].base_index);
	node_assert_gaps(&n, MISSING({ 2, begins }));
	assert_int_equal(n.got.base, 1);
	assert_string_equal(n.report.reason,
			    "the log begins above index 1, where its snapshot ends");
	node_free(&n);
}

/* Four segments' worth, a snapshot near the end; the first are spare and stale. */
static void build_stale(void)
{
	rnd_seed(7);
	node_init(&n, SEG, 6);
	assert_clean();
	node_add(&n, 0, 70, 3000);
	snapshot(n.want.last - 3);
	node_add(&n, 0, 2, 3000);
	assert_true(kq_wal_release(n.wal, n.hs.snap.index) >= 3);
}

static void what_is_not_needed_any_more_may_rot(void **state)
{
	u32 slot;

	(void)state;
	build_stale();
	assert_clean();
	assert_int_not_equal(n.got.base, 0);
	for (slot = 0; slot < 3; slot++)
		*node_at(&n, slot, KQ_WAL_FIRST + 700) ^= 1;
	assert_clean();
	node_add(&n, 0, 40, 3000);
	assert_clean();
	node_free(&n);
}

static void each_flipped_byte_of_what_is_needed_is_noticed(void **state)
{
	u32 slot, first, gaps = 0, damaged = 0;
	u64 pos, end, i, k;

	(void)state;
	build_stale();
	restart(n.want.last + 10, n.hs.term);
	node_add(&n, 0, 2, 700);
	assert_clean();
	first = n.wal->scan.first;
	kq_wal_position(n.wal, &slot, &end);
	assert_int_equal(first, slot);
	for (i = 0; i < 512 + end - KQ_WAL_FIRST; i++) {
		pos = i < 512 ? i : i - 512 + KQ_WAL_FIRST;
		*node_at(&n, slot, pos) ^= 0x40;
		assert_int_equal(node_recover(&n), 0);
		assert_true(n.got.last <= n.want.last);
		if (n.report.health == KQ_WAL_DAMAGED) {
			damaged++;
			assert_true(n.got.base < n.want.base ||
				    model_same(&n.got, &n.want, n.got.last));
		} else {
			assert_int_equal(n.report.health, KQ_WAL_GAPS);
			gaps++;
			assert_true(n.report.vote_known);
			assert_int_equal(n.got.last, n.want.last);
			assert_int_equal(n.report.hs.snap.index, n.hs.snap.index);
			/* What is missing is told to be, and nothing else is there. */
			for (k = max(n.got.base, n.want.base) + 1; k <= n.got.last; k++)
				assert_true(!n.got.print[k] || n.got.print[k] == n.want.print[k]);
		}
		*node_at(&n, slot, pos) ^= 0x40;
	}
	print_message("# %u flips left gaps, %u were damage: %s\n", gaps, damaged, n.report.reason);
	assert_clean();
	node_free(&n);
}

/*
 * A client wrote what looks like a batch that names a snapshot, and the batch that carries it was
 * torn: it is not believed, or the log before it would be thought to be spare.
 */
static void what_a_torn_batch_carries_names_no_snapshot(void **state)
{
	enum { AT = 8 * KQ_WAL_SECTOR_DATA - sizeof(struct kq_wal_batch_head) -
		    sizeof(struct kq_record) };
	struct kq_wal_batch_head *h;
	struct kq_entry *e;
	u32 slot;
	u64 pos;

	(void)state;
	rnd_seed(9);
	node_init(&n, SEG, 6);
	assert_clean();
	node_add(&n, 0, 40, 3000);
	kq_wal_position(n.wal, &slot, &pos);
	assert_true(slot && pos > KQ_WAL_FIRST && pos + 20000 < SEG);
	e = kq_entry_alloc(KQ_ENTRY_APPEND, NULL, 12000);
	e->rec.index = cpu_to_le64(n.want.last + 1);
	e->rec.term = cpu_to_le64(n.hs.term);
	h = (void *)(e->data + AT);
	memcpy(h, node_head(&n, slot, pos - KQ_WAL_BLOCK), sizeof(*h));
	if (le64_to_cpu(h->magic) != KQ_WAL_BATCH_MAGIC)
		memcpy(h, node_head(&n, slot, KQ_WAL_FIRST), sizeof(*h));
	h->seq = cpu_to_le64(n.wal->seq + 1);
	h->bytes = cpu_to_le32(KQ_WAL_BLOCK);
	h->body_bytes = 0;
	h->first_index = 0;
	h->end_index = cpu_to_le64(n.want.last);
	h->base_term = h->end_term;
	h->snap_index = h->end_index;
	h->snap_term = h->end_term;
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	assert_int_equal(kq_wal_encode(n.wal, &n.hs, &e, 1, n.wal->end_term,
				       KQ_WAL_ROOM_CLIENT, &n.batch), 0);
	assert_int_equal(n.batch->slot, slot);
	assert_int_equal(n.batch->offset, pos);
	memset(n.batch->data + 3 * KQ_WAL_SECTOR, 0, KQ_WAL_SECTOR);
	memcpy(node_at(&n, slot, pos), n.batch->data, n.batch->len);
	kq_entry_free(e);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_TORN);
	node_assert_same(&n);
	assert_int_equal(n.got.base, 0);
	node_free(&n);
}

/* What is released are never the segments that hold the newest hard state. */
static void a_vote_survives_that_its_segment_is_used_again(void **state)
{
	u32 i;

	(void)state;
	rnd_seed(8);
	node_init(&n, SEG, 4);
	assert_clean();
	n.hs.identity = 99;
	for (i = 0; i < 300; i++) {
		n.hs.term = 2 + i;
		n.hs.vote = 1 + i % 3;
		node_add(&n, 0, 1, 3000);
		if (i % 3 == 0) {
			snapshot(n.want.last);
			kq_wal_release(n.wal, n.want.last);
		}
		assert_clean();
		assert_int_equal(n.report.hs.term, n.hs.term);
		assert_int_equal(n.report.hs.vote, n.hs.vote);
		assert_int_equal(n.report.hs.identity, 99);
		kq_wal_release(n.wal, n.hs.snap.index);
	}
	node_free(&n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_snapshot_nothing_is_given_up),
		cmocka_unit_test(a_log_goes_on_for_ever_in_the_same_segments),
		cmocka_unit_test(torn_writes_among_segments_that_are_used_again),
		cmocka_unit_test(a_log_begins_anew_behind_an_installed_snapshot),
		cmocka_unit_test(an_installation_that_is_torn_leaves_the_log_as_it_was),
		cmocka_unit_test(random_histories_with_snapshots_match_a_model),
		cmocka_unit_test(what_recovery_would_refuse_is_not_encoded),
		cmocka_unit_test(what_no_writer_writes_is_damage),
		cmocka_unit_test(what_forgets_the_snapshot_is_damage),
		cmocka_unit_test(a_log_that_begins_above_its_snapshot_has_a_gap),
		cmocka_unit_test(what_is_not_needed_any_more_may_rot),
		cmocka_unit_test(each_flipped_byte_of_what_is_needed_is_noticed),
		cmocka_unit_test(what_a_torn_batch_carries_names_no_snapshot),
		cmocka_unit_test(a_vote_survives_that_its_segment_is_used_again),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
