// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: what is saved while the state changes is the state as it was at one index; what is
 * restored is what was saved, to the last claim.
 */
#include <time.h>

#include "resources.h"

static uint64_t rnd_state;

static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (uint32_t)((rnd_state >> 16) % below);
}

/* One random command: locks taken and given back, sessions that end and begin. */
static void any_command(struct kq_core *c, uint32_t names)
{
	uint32_t node = 1 + rnd(3), owner = rnd(6 * names);
	char name[KQ_RESOURCE_MAX];

	/* An owner asks for one resource, always the same. */
	snprintf(name, sizeof(name), "resource/%u", owner % names);
	switch (rnd(60)) {
	case 0:
		if (c->session[node].id) {
			lone_session(c, rnd(2) ? KQ_ENTRY_EXPIRE : KQ_ENTRY_CLOSE, node,
				     c->session[node].id);
			lone_session(c, KQ_ENTRY_OPEN, node, c->session[node].last_id + 1);
		}
		break;
	case 1:
		lone_session(c, rnd(2) ? KQ_ENTRY_SUSPECT : KQ_ENTRY_CLEAR, node,
			     c->session[node].id);
		break;
	default:
		if (rnd(3))
			lone_acquire(c, node, owner, name);
		else
			lone_release(c, node, owner, name);
	}
}

static void fill(struct kq_core *c, uint32_t commands, uint32_t names)
{
	while (commands--)
		any_command(c, names);
}

static void what_is_restored_is_what_was_saved(void **state)
{
	static const uint32_t pieces[] = { 1, 7, 112, 4096, 100000 };
	struct kq_core *c = lone_create(), *d;
	struct image im;
	uint32_t i;

	(void)state;
	rnd_state = 1;
	for (fill(c, 3000, 200); c->res->claims <= 100; )
		fill(c, 10, 200);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		image_take(&im, c, pieces[i]);
		assert_int_equal(im.ref.index, c->applied);
		assert_int_equal(im.ref.term, 5);
		assert_int_equal(im.ref.bytes, im.len);
		assert_int_equal(im.ref.crc, kq_crc(0, im.data, im.len));
		d = twin_of(&im, pieces[ARRAY_SIZE(pieces) - 1 - i]);
		assert_same_state(c, d);
		assert_int_equal(d->conf_applied, c->conf_applied);
		assert_memory_equal(kq_core_conf_entry(d, d->conf_applied)->data,
				    kq_core_conf_entry(c, c->conf_applied)->data,
				    kq_entry_len(kq_core_conf_entry(c, c->conf_applied)));
		kq_core_destroy(d);
		image_free(&im);
	}
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* Both go on alike, also in what is granted next and what counts as applied. */
static void what_was_restored_goes_on_like_the_other(void **state)
{
	struct kq_core *c = lone_create(), *d;
	struct image im;
	uint64_t from;

	(void)state;
	rnd_state = 2;
	fill(c, 2000, 50);
	image_take(&im, c, 5000);
	d = twin_of(&im, 300);
	d->state = KQUORUM_NODE_RUNNING;
	from = c->log.last + 1;
	fill(c, 2000, 50);
	follow(d, c, from);
	assert_same_state(c, d);
	image_free(&im);
	kq_core_destroy(c);
	kq_core_destroy(d);
	assert_int_equal(kq_alloc_live, 0);
}

/* Between any two pieces commands are applied; the snapshot is of the moment when it began. */
static void what_changes_while_it_is_saved_is_saved_as_it_was(void **state)
{
	uint32_t round;

	(void)state;
	for (round = 0; round < 60; round++) {
		struct kq_core *c, *then, *now;
		struct image before, im = { 0 };
		struct kq_save *save;
		uint32_t names, each;
		uint8_t buf[512];
		int n, err;

		rnd_state = 100 + round;
		names = 1 + rnd(300);
		each = rnd(40);
		c = lone_create();
		fill(c, rnd(3000), names);
		image_take(&before, c, 4096);
		save = kq_core_save_begin(c, &err);
		assert_non_null(save);
		do {
			fill(c, rnd(each + 1), names + rnd(20));
			n = kq_core_save_next(c, save, buf, 1 + rnd(sizeof(buf)));
			if (n > 0) {
				im.data = realloc(im.data, im.len + n);
				memcpy(im.data + im.len, buf, n);
				im.len += n;
			}
		} while (n > 0 || n == -EAGAIN);
		assert_int_equal(n, 0);
		kq_core_save_ref(save, &im.ref);
		kq_core_save_end(c, save);
		then = twin_of(&before, 10000);
		now = twin_of(&im, 10000);
		assert_same_state(then, now);
		kq_core_destroy(then);
		kq_core_destroy(now);
		/* And the next one is of what it is by now. */
		image_free(&im);
		fill(c, 1, names);
		image_take(&im, c, 600);
		now = twin_of(&im, 10000);
		assert_same_state(c, now);
		kq_core_destroy(now);
		kq_core_destroy(c);
		image_free(&before);
		image_free(&im);
		assert_int_equal(kq_alloc_live, 0);
	}
}

static void a_node_without_claims_or_sessions_is_saved_too(void **state)
{
	struct kq_core *c = kq_core_create(&lone_config), *d;
	struct image im;
	int err;

	(void)state;
	c->state = KQUORUM_NODE_RUNNING;
	c->hs.term = 1;
	/* Of nothing at all there is none. */
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EALREADY);
	lone_apply(c, KQ_ENTRY_NOOP, 0, NULL, 0);
	image_take(&im, c, 100);
	d = twin_of(&im, 100);
	assert_same_state(c, d);
	kq_core_destroy(d);
	kq_core_destroy(c);
	image_free(&im);
	assert_int_equal(kq_alloc_live, 0);
}

static void a_save_is_refused_where_it_makes_no_sense(void **state)
{
	struct kq_core *c = lone_create();
	struct kq_save *save;
	int err;

	(void)state;
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EBUSY);
	kq_core_save_end(c, save);
	kq_core_save_end(c, NULL);
	c->snap.index = c->applied;
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EALREADY);
	c->snap.index = 0;
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	kq_core_fail(c, -EIO, "test");
	assert_int_equal(kq_core_save_next(c, save, &err, sizeof(err)), -EIO);
	kq_core_save_end(c, save);
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EIO);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* Applying goes on; the save alone has come to nothing. */
static void a_save_without_memory_harms_nobody(void **state)
{
	struct kq_core *c = lone_create();
	struct kq_save *save;
	uint8_t buf[200];
	char name[20];
	uint32_t i;
	int err;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(lone_acquire(c, 1, i, name), 0);
	}
	kq_alloc_fail_at = 1;
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -ENOMEM);
	save = kq_core_save_begin(c, &err);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), sizeof(buf));
	/* The entry itself, its record and room for its release are there. */
	kq_alloc_fail_at = 2;
	assert_int_equal(lone_release(c, 1, 900, "900"), 0);
	assert_int_equal(kq_alloc_fail_at, 0);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), -ENOMEM);
	assert_int_equal(lone_release(c, 1, 901, "901"), 0);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), -ENOMEM);
	kq_core_save_end(c, save);
	assert_int_equal(c->res->claims, 998);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

static void a_restore_without_memory_says_so(void **state)
{
	struct kq_core *c = lone_create();
	unsigned long nth = 0, left;
	struct kq_restore *rs;
	char why[160] = "";
	struct image im;
	int err;

	(void)state;
	lone_acquire(c, 1, 1, "a");
	lone_acquire(c, 2, 1, "a");
	image_take(&im, c, 1000);
	do {
		kq_alloc_fail_at = ++nth;
		rs = image_restore(&im, &lone_config, 50, &err, why);
		left = kq_alloc_fail_at;
		kq_alloc_fail_at = 0;
		if (!rs)
			assert_int_equal(err, -ENOMEM);
	} while (!left);
	assert_non_null(rs);
	assert_int_equal(nth, 7);
	assert_string_equal(why, "no memory for the state in it");
	kq_restore_free(rs);
	image_free(&im);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* --- size ------------------------------------------------------------------------------- */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

#define MILLION 1000000u

static void a_million_claims_are_saved_while_commands_are_applied(void **state)
{
	struct kq_core *c = lone_create(), *d;
	uint8_t buf[65536];
	struct image im = { 0 };
	struct kq_save *save;
	double start = seconds(), step, longest = 0;
	uint32_t i, calls = 0;
	char name[40];
	int n, err;

	(void)state;
	for (i = 0; i < MILLION; i++) {
		snprintf(name, sizeof(name), "volume/%u/disk", i);
		assert_int_equal(lone_acquire(c, 1 + i % 3, i, name), 0);
		if (!(i % 1024))
			kq_log_trim(&c->log, c->log.last - 1);
	}
	assert_int_equal(c->res->claims, MILLION);
	print_message("# %u claims: %.2f s\n", MILLION, seconds() - start);
	im.data = malloc(200u << 20);
	start = seconds();
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	longest = seconds() - start;
	for (i = 0;; i++) {
		step = seconds();
		n = kq_core_save_next(c, save, buf, sizeof(buf));
		longest = max(longest, seconds() - step);
		if (n != -EAGAIN && n <= 0)
			break;
		calls++;
		if (n > 0) {
			memcpy(im.data + im.len, buf, n);
			im.len += n;
		}
		/* From the far end, so that what is written before its turn is much. */
		snprintf(name, sizeof(name), "volume/%u/disk", MILLION - 1 - i);
		assert_int_equal(lone_release(c, 1 + (MILLION - 1 - i) % 3, MILLION - 1 - i, name),
				 0);
	}
	assert_int_equal(n, 0);
	kq_core_save_ref(save, &im.ref);
	kq_core_save_end(c, save);
	print_message("# saved: %u bytes in %u pieces, %.2f s, the longest took %.2f ms\n", im.len,
		      calls, seconds() - start, longest * 1000);
	assert_int_equal(c->res->claims, MILLION - i);
	start = seconds();
	d = twin_of(&im, 65536);
	print_message("# restored: %.2f s\n", seconds() - start);
	assert_int_equal(d->res->claims, MILLION);
	start = seconds();
	assert_int_equal(holder_of(c, "volume/500000/disk")->owner, 500000);
	lone_session(c, KQ_ENTRY_EXPIRE, 2, c->session[2].id);
	print_message("# a third of them released at once: %.2f s\n", seconds() - start);
	kq_core_destroy(d);
	kq_core_destroy(c);
	image_free(&im);
	assert_int_equal(kq_alloc_live, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_restored_is_what_was_saved),
		cmocka_unit_test(what_was_restored_goes_on_like_the_other),
		cmocka_unit_test(what_changes_while_it_is_saved_is_saved_as_it_was),
		cmocka_unit_test(a_node_without_claims_or_sessions_is_saved_too),
		cmocka_unit_test(a_save_is_refused_where_it_makes_no_sense),
		cmocka_unit_test(a_save_without_memory_harms_nobody),
		cmocka_unit_test(a_restore_without_memory_says_so),
		cmocka_unit_test(a_million_claims_are_saved_while_commands_are_applied),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
