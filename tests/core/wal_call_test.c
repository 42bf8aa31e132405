// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk and its caller: what is refused, above all what comes at the wrong time,
 * and what the refusals leave as it was.
 */
#include "wal_disk.h"

static struct node n;
static struct place b[8];

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
	node_build(&n, b, 3, 100);
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

static int take(void *ctx, const struct kq_record *rec, const void *payload)
{
	(void)ctx;
	(void)rec;
	(void)payload;
	return 0;
}

static void sizes_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_null(kq_wal_create(CLUSTER, NODE, SEG, 0));
	assert_null(kq_wal_create(CLUSTER, NODE, SEG, KQ_WAL_MAX_SEGMENTS + 1));
	assert_null(kq_wal_create(CLUSTER, NODE, SEG - KQ_WAL_BLOCK, 4));
	assert_null(kq_wal_create(CLUSTER, NODE, KQ_WAL_SEGMENT_MAX + KQ_WAL_BLOCK, 4));
	assert_null(kq_wal_create(CLUSTER, NODE, SEG + 512, 4));
	assert_null(kq_wal_create(CLUSTER, 0, SEG, 4));
}

static void recovery_takes_only_what_it_asked_for(void **state)
{
	struct kq_wal_report report;
	struct kq_wal *wal;
	int slot;
	u32 i;

	(void)state;
	node_build(&n, b, 3, 100);
	wal = kq_wal_create(CLUSTER, NODE, SEG, 6);
	assert_int_equal(kq_wal_scan_header(wal, 6, node_at(&n, 0, 0)), -EINVAL);
	assert_int_equal(kq_wal_scan_header(wal, 0, node_at(&n, 0, 0)), 0);
	assert_int_equal(kq_wal_scan_header(wal, 0, node_at(&n, 0, 0)), -EINVAL);
	assert_int_equal(kq_wal_next_segment(wal), -EINVAL);	/* five headers are missing */
	assert_int_equal(kq_wal_scan_segment(wal, 0, node_at(&n, 0, 0), SEG, take, NULL), -EINVAL);
	for (i = 1; i < 6; i++)
		assert_int_equal(kq_wal_scan_header(wal, i, node_at(&n, i, 0)), 0);
	assert_int_equal(kq_wal_next_segment(wal), 0);
	assert_int_equal(kq_wal_scan_header(wal, 1, node_at(&n, 1, 0)), -EINVAL);
	assert_int_equal(kq_wal_scan_segment(wal, 1, node_at(&n, 1, 0), SEG, take, NULL), -EINVAL);
	assert_int_equal(kq_wal_scan_segment(wal, 0, node_at(&n, 0, 0), SEG - 1, take, NULL),
			 -EINVAL);
	assert_int_equal(kq_wal_scan_end(wal, &report), -EINVAL);
	assert_int_equal(kq_wal_scan_segment(wal, 0, node_at(&n, 0, 0), SEG, take, NULL), 0);
	assert_int_equal(kq_wal_scan_segment(wal, KQ_WAL_NO_SLOT, node_at(&n, 0, 0), SEG, take,
					     NULL), -EINVAL);
	while ((slot = kq_wal_next_segment(wal)) >= 0)
		assert_int_equal(kq_wal_scan_segment(wal, slot, node_at(&n, slot, 0), SEG, take,
						     NULL), 0);
	/* Nothing can be written and all room counts as used until it is over, once. */
	assert_int_equal(kq_wal_used(wal), kq_wal_capacity(wal));
	assert_int_equal(kq_wal_scan_end(wal, &report), 0);
	assert_int_equal(report.health, KQ_WAL_CLEAN);
	assert_int_equal(report.last_index, b[2].last);
	assert_true(kq_wal_used(wal) < kq_wal_capacity(wal));
	assert_int_equal(kq_wal_scan_end(wal, &report), -EINVAL);
	kq_wal_destroy(wal);
	node_free(&n);
}

/* Nothing is given up, looked at or closed before there is a log in use. */
static void a_log_that_is_not_in_use_gives_nothing_up(void **state)
{
	struct kq_wal_extent x;
	struct kq_wal *wal;
	u32 i;

	(void)state;
	wal = kq_wal_create(CLUSTER, NODE, SEG, 6);
	assert_int_equal(kq_wal_release(wal, 5), 0);
	assert_int_equal(kq_wal_get_extent(wal, NULL, &x), -EINVAL);
	kq_wal_close_segment(wal);
	kq_wal_destroy(wal);
	node_init(&n, SEG, 2);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(kq_wal_release(n.wal, 5), 0);		/* there is no segment */
	for (i = 0; i < 16; i++)
		node_vote(&n, 1 + i, 1);
	kq_wal_close_segment(n.wal);
	assert_true(kq_wal_is_open(n.wal));		/* there is no room in another */
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_CLEAN);
	node_free(&n);
	node_init(&n, SEG, 6);
	assert_int_equal(node_recover(&n), 0);
	for (i = 0; i < 20; i++)
		node_add(&n, 0, 1, 100);
	kq_wal_close_segment(n.wal);
	assert_false(kq_wal_is_open(n.wal));
	assert_int_equal(kq_wal_release(n.wal, 20), 0);		/* the one to be written says what is needed */
	node_add(&n, 0, 1, 100);
	assert_int_equal(node_recover(&n), 0);
	node_assert_same(&n);
	node_free(&n);
}

static void an_error_ends_recovery_for_good(void **state)
{
	struct kq_wal_report report;
	struct kq_wal *wal;

	(void)state;
	node_build(&n, b, 3, 100);
	wal = kq_wal_create(CLUSTER, NODE + 1, SEG, 6);
	assert_int_equal(kq_wal_scan_header(wal, 0, node_at(&n, 0, 0)), -EINVAL);
	/* The file that follows is fine; the error stays, and so does its reason. */
	assert_int_equal(kq_wal_scan_header(wal, 1, node_at(&n, 1, 0)), -EINVAL);
	assert_int_equal(kq_wal_next_segment(wal), -EINVAL);
	assert_int_equal(kq_wal_scan_segment(wal, 0, node_at(&n, 0, 0), SEG, take, NULL), -EINVAL);
	assert_int_equal(kq_wal_scan_end(wal, &report), -EINVAL);
	assert_string_equal(report.reason, "this is the log of node 2, not of node 3");
	kq_wal_destroy(wal);
	node_free(&n);
}

static int encode(struct kq_entry **list, u32 count, u64 base_term)
{
	struct kq_batch *batch = NULL;
	int err = kq_wal_encode(n.wal, &n.hs, list, count, base_term, KQ_WAL_ROOM_CLIENT, &batch);

	assert_int_equal(!err, !!batch);
	kq_batch_free(batch);
	return err;
}

static void entries_that_recovery_would_refuse_are_not_encoded(void **state)
{
	static const struct {
		u64 index[2], term[2], base_term;
		u32 len;
	} wrong[] = {
		{ { 0, 1 }, { 5, 5 }, 0, 0 },		/* there is no index 0 */
		{ { 7, 9 }, { 5, 5 }, 4, 0 },		/* a gap */
		{ { 7, 7 }, { 5, 5 }, 4, 0 },		/* twice the same */
		{ { 8, 9 }, { 5, 5 }, 4, 0 },		/* a gap before them */
		{ { 7, 8 }, { 3, 5 }, 4, 0 },		/* a term below the log's end */
		{ { 7, 8 }, { 5, 4 }, 4, 0 },		/* terms fall */
		{ { 7, 8 }, { 5, 6 }, 4, 0 },		/* above the hard state's */
		{ { 7, 8 }, { 5, 5 }, 5, 0 },			/* they follow another */
		{ { 2, 3 }, { 5, 5 }, 0, 0 },
		{ { 7, 8 }, { 5, 5 }, 4, KQ_PAYLOAD_MAX + 1 },
	};
	struct kq_entry *list[2];
	u32 i, k;

	(void)state;
	node_build(&n, b, 3, 100);
	n.hs.term = 4;
	node_add(&n, 5, 2, 10);		/* log end: index 6, term 4 */
	n.hs.term = 5;
	for (k = 0; k < 2; k++)
		list[k] = kq_entry_alloc(KQ_ENTRY_NOOP, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		u64 seq = n.wal->seq;

		for (k = 0; k < 2; k++) {
			list[k]->rec.index = cpu_to_le64(wrong[i].index[k]);
			list[k]->rec.term = cpu_to_le64(wrong[i].term[k]);
			list[k]->rec.len = cpu_to_le32(wrong[i].len);
		}
		assert_int_equal(encode(list, 2, wrong[i].base_term), -EINVAL);
		assert_int_equal(n.wal->seq, seq);
	}
	for (k = 0; k < 2; k++) {
		list[k]->rec.index = cpu_to_le64(7 + k);
		list[k]->rec.term = cpu_to_le64(5);
		list[k]->rec.len = 0;
		list[k]->rec.crc = cpu_to_le32(kq_entry_crc(&list[k]->rec, NULL));
	}
	n.hs.term = KQ_WAL_NUMBER_MAX;
	assert_int_equal(encode(list, 2, 4), -EINVAL);
	n.hs.term = 5;
	assert_int_equal(encode(list, 2, 4), 0);
	for (k = 0; k < 2; k++)
		kq_entry_free(list[k]);
	node_free(&n);
}

/* Nobody writes that much; a file that claims it must not make a number wrap. */
static void a_log_whose_numbers_are_used_up_is_not_continued(void **state)
{
	(void)state;
	node_build(&n, b, 3, 100);
	n.wal->seq = KQ_WAL_NUMBER_MAX - 3;
	assert_int_equal(encode(NULL, 0, 0), 0);
	assert_int_equal(n.wal->seq, KQ_WAL_NUMBER_MAX - 2);
	assert_int_equal(encode(NULL, 0, 0), 0);
	assert_int_equal(encode(NULL, 0, 0), -EUCLEAN);
	assert_int_equal(kq_wal_encode_probe(n.wal, &n.batch), -EUCLEAN);
	n.wal->seq = 3;
	n.wal->generation_max = KQ_WAL_NUMBER_MAX - 1;
	assert_int_equal(encode(NULL, 0, 0), -EUCLEAN);
	n.wal->generation_max = 1;
	n.wal->attempt = KQ_WAL_ATTEMPT_MAX;
	assert_int_equal(encode(NULL, 0, 0), -EUCLEAN);
	n.wal->attempt = 1;
	assert_int_equal(encode(NULL, 0, 0), 0);
	node_free(&n);
}

static void more_than_the_disk_holds_has_no_room(void **state)
{
	(void)state;
	node_build(&n, b, 1, 100);
	assert_true(kq_wal_has_room(n.wal, 100, KQ_WAL_ROOM_CLIENT));
	assert_false(kq_wal_has_room(n.wal, kq_wal_capacity(n.wal), KQ_WAL_ROOM_VOTE));
	assert_false(kq_wal_has_room(n.wal, kq_wal_capacity(n.wal) + 1, KQ_WAL_ROOM_VOTE));
	assert_false(kq_wal_has_room(n.wal, U64_MAX, KQ_WAL_ROOM_VOTE));
	node_free(&n);
}

static void without_a_segment_nothing_is_written_and_no_probe(void **state)
{
	u32 slot;
	u64 at;

	(void)state;
	node_build(&n, b, 3, 100);
	for (slot = 0; slot < 6; slot++)
		memset(node_at(&n, slot, 0), 0x55, SEG);
	assert_int_equal(node_recover(&n), 0);
	assert_int_equal(n.report.health, KQ_WAL_DAMAGED);
	n.wal->mode = KQ_WAL_HARD_STATE_ONLY;	/* as if one of them had told the vote */
	assert_int_equal(kq_wal_encode_probe(n.wal, &n.batch), -ENOSPC);
	assert_int_equal(node_encode(&n, 0, 0, 0, KQ_WAL_ROOM_VOTE), -ENOSPC);
	kq_wal_position(n.wal, &slot, &at);
	assert_int_equal(slot, KQ_WAL_NO_SLOT);
	node_free(&n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_out_of_range_are_refused),
		cmocka_unit_test(recovery_takes_only_what_it_asked_for),
		cmocka_unit_test(an_entry_that_is_refused_ends_recovery),
		cmocka_unit_test(an_error_ends_recovery_for_good),
		cmocka_unit_test(a_log_that_is_not_in_use_gives_nothing_up),
		cmocka_unit_test(entries_that_recovery_would_refuse_are_not_encoded),
		cmocka_unit_test(a_log_whose_numbers_are_used_up_is_not_continued),
		cmocka_unit_test(more_than_the_disk_holds_has_no_room),
		cmocka_unit_test(without_a_segment_nothing_is_written_and_no_probe),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
