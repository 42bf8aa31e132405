// SPDX-License-Identifier: GPL-2.0
/*
 * Histories that come from another one: a node begins with a snapshot that was made for it, above
 * all indexes that were, and waits until old promises have passed; a survivor gives its state away.
 */
#include "../../userspace/cli/seed.h"
#include "settings.h"
#include "snap_state.h"

#define FAR	(1ULL << 40)

static const struct kq_config seed_config = {
	.cluster_id = 78, .self = 2, .founders = 1u << 2, .segments = 4, .salt = 8,
	.set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000, .delta_ms = 50,
		 .drift_ppm = 500 },
	.segment_bytes = 65536,
};

static const struct seed seed_for_2 = {
	.cluster = 78, .origin = 4242, .node = 2, .name = "n2", .address = "10.0.0.2:7420",
	.how = KQUORUM_LINEAGE_RESTORED, .before = TEST_SETTINGS, .now = TEST_SETTINGS,
};

/* A snapshot for @want, from one of three nodes with a held lock. Returns the old index. */
static uint64_t seed_image(struct image *im, const struct seed *want)
{
	struct kq_core *c = lone_create();
	struct kq_snap_head head;
	struct image old;
	void *data;

	assert_int_equal(lone_acquire(c, 1, 1, "db"), 0);
	image_take(&old, c, 4096);
	memcpy(&head, old.data, sizeof(head));
	assert_int_equal(seed_make(&head, want, &data, &im->ref), 0);
	im->data = data;
	im->len = im->ref.bytes;
	image_free(&old);
	kq_core_destroy(c);
	return le64_to_cpu(head.index);
}

/* A core whose disk had nothing on it. */
static struct kq_core *on_new_disk(struct kq_wal_report *report)
{
	static uint8_t zero[65536];
	struct kq_core *c = kq_core_create(&seed_config);
	int slot;

	for (slot = 0; slot < (int)seed_config.segments; slot++)
		assert_int_equal(kq_wal_scan_header(c->wal, slot, zero), 0);
	while ((slot = kq_wal_next_segment(c->wal)) >= 0)
		assert_int_equal(kq_wal_scan_segment(c->wal, slot, zero, sizeof(zero),
						     kq_core_recover_entry, c), 0);
	assert_int_equal(kq_wal_scan_end(c->wal, report), 0);
	return c;
}

static int seed(struct kq_core *c, const struct image *im, const struct kq_wal_report *report)
{
	struct kq_restore *rs;
	char why[160] = "";
	int err;

	rs = image_restore(im, &c->cfg, 100, &err, why);
	if (!rs)
		fail_msg("not restored: %d, %s", err, why);
	err = kq_core_seed(c, kq_ms(1000), rs, report);
	kq_restore_free(rs);
	return err;
}

static void write_all(struct kq_core *c, uint64_t now)
{
	while (kq_core_take_batch(c))
		kq_core_disk_done(c, now, c->batch, 0);
}

static void drop(struct kq_core *c)
{
	write_all(c, c->now_ns);
	while (kq_core_take_done(c))
		;
	kq_core_destroy(c);
}

static void a_history_begins_above_the_one_it_comes_from(void **state)
{
	const struct kquorum_conf *conf;
	struct kq_wal_report report;
	struct image im = {};
	uint64_t old = seed_image(&im, &seed_for_2), now;
	struct kq_core *c = on_new_disk(&report);

	(void)state;
	assert_int_equal(im.ref.index, old + FAR);
	assert_int_equal(seed(c, &im, &report), 0);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->hs.identity, 4242);
	assert_int_equal(c->log.base_index, old + FAR);
	assert_int_equal(c->conf.voters, 1u << 2);
	assert_int_equal(c->res->claims, 0);
	write_all(c, c->now_ns);
	assert_true(kq_snap_same(&c->snap, &im.ref));
	/* Who held something may rely on it for a lease and its guard, by whatever clock. */
	now = kq_ms(1000) + kq_ms(2000 + 2 * 50);
	assert_int_equal(kq_core_campaign(c, now), -EAGAIN);
	now += kq_ms(100);
	assert_int_equal(kq_core_campaign(c, now), 0);
	write_all(c, now);
	kq_core_tick(c, now);
	write_all(c, now);
	kq_core_tick(c, now);
	write_all(c, now);
	assert_true(c->lead_ready);
	/* Its log says where it comes from. */
	assert_true(c->conf_index > c->log.base_index && c->conf_index <= c->commit);
	conf = (const void *)kq_log_get(&c->log, c->conf_index)->data;
	assert_int_equal(le64_to_cpu(conf->lineage.cluster), 77);
	assert_int_equal(le64_to_cpu(conf->lineage.origin), 3);
	assert_int_equal(le64_to_cpu(conf->lineage.index), old);
	assert_int_equal(le64_to_cpu(conf->lineage.begins), old + FAR);
	assert_string_equal(kq_core_member(c, 2)->name, "n2");
	drop(c);
	image_free(&im);
	assert_int_equal(kq_alloc_live, 0);
}

/* A crash may come after the first write, in which the log has no beginning yet. */
static void a_beginning_that_was_cut_short_is_made_again(void **state)
{
	struct kq_wal_report report;
	struct kq_core *c = on_new_disk(&report);
	struct image im = {};

	(void)state;
	report.hs.identity = 4242;
	report.hs.incarnation = 1ULL << 40;
	seed_image(&im, &seed_for_2);
	assert_true(kq_core_is_blank(c, &report));
	assert_int_equal(seed(c, &im, &report), 0);
	assert_true(c->log.base_index > FAR);
	drop(c);
	image_free(&im);
}

static void only_a_node_without_anything_begins_with_a_snapshot(void **state)
{
	static const struct kq_wal_report given[] = {
		{ .health = KQ_WAL_DAMAGED },
		{ .hs.term = 1 },
		{ .hs.snap.index = 5 },
		{ .claimed_index = 1 },
		{ .hs.identity = 4243 },
	};
	struct image im = {};
	uint32_t i;

	(void)state;
	seed_image(&im, &seed_for_2);
	for (i = 0; i < ARRAY_SIZE(given); i++) {
		struct kq_core *c = kq_core_create(&seed_config);

		assert_int_equal(seed(c, &im, &given[i]), -EINVAL);
		assert_int_equal(c->state, KQUORUM_NODE_RECOVERING);
		kq_core_destroy(c);
	}
	image_free(&im);
}

static void only_a_snapshot_that_was_made_for_it_is_a_beginning(void **state)
{
	struct seed other = seed_for_2;
	struct kq_config cfg = seed_config;
	struct kq_wal_report report = {};
	struct image im = {};
	struct kq_core *c;

	(void)state;
	other.node = 3;
	seed_image(&im, &other);
	c = kq_core_create(&seed_config);
	assert_int_equal(seed(c, &im, &report), -EINVAL);
	kq_core_destroy(c);
	image_free(&im);
	/* One that was saved as it is. */
	memset(&im, 0, sizeof(im));
	cfg.cluster_id = 77;
	c = lone_create();
	image_take(&im, c, 4096);
	kq_core_destroy(c);
	c = kq_core_create(&cfg);
	assert_int_equal(seed(c, &im, &report), -EINVAL);
	kq_core_destroy(c);
	image_free(&im);
}

static void an_index_must_be_above_and_leave_room_for_tokens(void **state)
{
	const struct kq_snap_head head = { .index = cpu_to_le64(1000) };
	struct seed want = seed_for_2;

	(void)state;
	assert_int_equal(seed_index(&head, &want), 1000 + FAR);
	want.index = 1000;
	assert_int_equal(seed_index(&head, &want), 0);
	want.index = 1001;
	assert_int_equal(seed_index(&head, &want), 1001);
	want.index = SEED_INDEX_MAX + 1;
	assert_int_equal(seed_index(&head, &want), 0);
}

static void what_no_member_can_be_called_is_no_seed(void **state)
{
	const struct kq_snap_head head = { .index = cpu_to_le64(1000), .origin = cpu_to_le64(3) };
	struct seed want = seed_for_2;
	struct kq_snap_ref ref;
	void *data;

	(void)state;
	want.name = "with blank";
	assert_int_equal(seed_make(&head, &want, &data, &ref), -EINVAL);
	want.name = "a-name-that-is-longer-than-any-name-may-be-here-and-then-some";
	assert_int_equal(seed_make(&head, &want, &data, &ref), -EINVAL);
}

/* All that the log has counts, also what was not known to be committed. */
static void a_survivor_has_applied_all_of_its_log_and_says_nothing(void **state)
{
	struct kq_config cfg = lone_config;
	struct kq_core *from = lone_create(), *c;
	struct kq_wal_report report = { .hs = { .identity = 3, .incarnation = 1ULL << 40, .term = 5 } };
	struct image im;
	uint64_t i;

	(void)state;
	assert_int_equal(lone_acquire(from, 1, 1, "db"), 0);
	cfg.survivor = true;
	c = kq_core_create(&cfg);
	for (i = 1; i <= from->log.last; i++) {
		const struct kq_entry *e = kq_log_get(&from->log, i);

		assert_int_equal(kq_core_recover_entry(c, &e->rec, e->data), 0);
	}
	kq_core_start(c, kq_ms(1), &report);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->applied, from->log.last);
	assert_int_equal(kq_core_canvass(c, kq_ms(100000)), -EAGAIN);
	kq_core_tick(c, kq_ms(100000));
	assert_null(kq_core_take_batch(c));
	image_take(&im, c, 4096);
	assert_int_equal(im.ref.index, from->log.last);
	image_free(&im);
	kq_core_destroy(c);
	kq_core_destroy(from);
	assert_int_equal(kq_alloc_live, 0);
}

/* What is in front of the damage is all there is. */
static void a_survivor_with_a_damaged_log_gives_what_it_has(void **state)
{
	struct kq_config cfg = lone_config;
	struct kq_wal_report report = { .health = KQ_WAL_DAMAGED, .hs.identity = 3 };
	struct kq_core *c;

	(void)state;
	snprintf(report.reason, sizeof(report.reason), "a byte");
	cfg.survivor = true;
	c = kq_core_create(&cfg);
	kq_core_start(c, kq_ms(1), &report);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_string_equal(c->reason, "log damaged: a byte");
	kq_core_destroy(c);
	/* Without the snapshot that its log goes on from it has nothing. */
	c = kq_core_create(&cfg);
	kq_log_reset(&c->log, 7, 2);
	kq_core_start(c, kq_ms(1), &report);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	kq_core_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_history_begins_above_the_one_it_comes_from),
		cmocka_unit_test(a_beginning_that_was_cut_short_is_made_again),
		cmocka_unit_test(only_a_node_without_anything_begins_with_a_snapshot),
		cmocka_unit_test(only_a_snapshot_that_was_made_for_it_is_a_beginning),
		cmocka_unit_test(an_index_must_be_above_and_leave_room_for_tokens),
		cmocka_unit_test(what_no_member_can_be_called_is_no_seed),
		cmocka_unit_test(a_survivor_has_applied_all_of_its_log_and_says_nothing),
		cmocka_unit_test(a_survivor_with_a_damaged_log_gives_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
