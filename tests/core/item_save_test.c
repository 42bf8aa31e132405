// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of resources that are shared, have units, or are defined: what is saved while they
 * change is what they were, and what is restored goes on like the other.
 */
#include "resources.h"

static uint64_t rnd_state;

static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (uint32_t)((rnd_state >> 16) % below);
}

/* --- by lot ----------------------------------------------------------------------------- */

static uint32_t any_define(uint8_t *buf, const char *name)
{
	switch (rnd(4)) {
	case 0:
		return put_define(buf, name, KQ_DEFINE_NEW | KQ_DEFINE_UNITS, 1 + rnd(8), 0);
	case 1:
		return put_define(buf, name, KQ_DEFINE_UNITS, 1 + rnd(8), 0);
	case 2:
		return put_define(buf, name, KQ_DEFINE_UNITS | KQ_DEFINE_MAX_WAITERS,
				  200 + rnd(100), rnd(9));
	default:
		return put_define(buf, name, KQ_DEFINE_MAX_WAITERS, 0, rnd(9));
	}
}

static uint32_t any_acquire(uint8_t *buf, uint64_t owner, const char *name)
{
	uint16_t try = !rnd(4) ? KQ_ACQUIRE_TRY : 0;
	const char *info = rnd(3) ? NULL : "backup";

	switch (rnd(3)) {
	case 0:
		return put_acquire(buf, owner, name, try, 0, info);
	case 1:
		return put_acquire(buf, owner, name, try | KQ_ACQUIRE_SHARED, 0, info);
	default:
		return put_acquire(buf, owner, name, try, 1 + rnd(rnd(4) ? 3 : 260), info);
	}
}

/* One command of any kind. */
static void any_command(struct kq_core *c, uint32_t names)
{
	uint32_t node = 1 + rnd(3), what = rnd(64);
	uint64_t owner = rnd(60);
	uint8_t buf[COMMAND_MAX];
	char name[40];

	snprintf(name, sizeof(name), "resource/%u", rnd(names));
	if (!what) {
		lone_session(c, KQ_ENTRY_EXPIRE, node, c->session[node].id);
		lone_session(c, KQ_ENTRY_OPEN, node, c->session[node].last_id + 1);
	} else if (what < 8) {
		lone_apply(c, KQ_ENTRY_DEFINE, node, buf, any_define(buf, name));
	} else if (what < 10) {
		lone_apply(c, KQ_ENTRY_UNDEFINE, node, buf, put_undefine(buf, name));
	} else if (what < 44) {
		lone_apply(c, KQ_ENTRY_ACQUIRE, node, buf, any_acquire(buf, owner, name));
	} else {
		struct kq_claim *claim = claim_of(c, node, owner);

		lone_apply(c, KQ_ENTRY_RELEASE, node, buf,
			   put_release(buf, owner, claim ? claim->resource->name : name));
	}
}

static void fill(struct kq_core *c, uint32_t commands, uint32_t names)
{
	while (commands--)
		any_command(c, names);
}

static void assert_restored(struct kq_core *was, const struct image *im)
{
	struct kq_core *c = twin_of(im, 10000);

	assert_table(c);
	assert_same_state(was, c);
	kq_core_destroy(c);
}

static void what_is_restored_is_what_was_saved(void **state)
{
	uint32_t round;

	(void)state;
	for (round = 1; round <= 20; round++) {
		struct kq_core *c = lone_create();
		struct image im;

		rnd_state = round;
		fill(c, 300 * round, 1 + round);
		assert_table(c);
		assert_true(c->res->claims && c->res->pools);
		image_take(&im, c, 1 + rnd(5000));
		assert_restored(c, &im);
		image_free(&im);
		kq_core_destroy(c);
		assert_int_equal(kq_alloc_live, 0);
	}
}

/* Between any two pieces commands are applied. */
static void save_while(struct kq_core *c, struct image *im, uint32_t each, uint32_t names)
{
	uint8_t buf[300];
	struct kq_save *save;
	int n, err;

	memset(im, 0, sizeof(*im));
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	do {
		fill(c, rnd(each + 1), names);
		n = kq_core_save_next(c, save, buf, 1 + rnd(sizeof(buf)));
		if (n > 0) {
			im->data = realloc(im->data, im->len + n);
			memcpy(im->data + im->len, buf, n);
			im->len += n;
		}
	} while (n > 0 || n == -EAGAIN);
	assert_int_equal(n, 0);
	kq_core_save_ref(save, &im->ref);
	kq_core_save_end(c, save);
}

static void what_changes_while_it_is_saved_is_saved_as_it_was(void **state)
{
	uint32_t round;

	(void)state;
	for (round = 0; round < 60; round++) {
		struct kq_core *c = lone_create(), *then;
		struct image before, im;
		uint32_t names;

		rnd_state = 100 + round;
		names = 1 + rnd(100);
		fill(c, 200 + rnd(2000), names);
		image_take(&before, c, 4096);
		then = twin_of(&before, 10000);
		save_while(c, &im, rnd(30), names + rnd(20));
		assert_table(c);
		assert_restored(then, &im);
		image_free(&im);
		/* And the next one is of what it is by now. */
		fill(c, 1, names);
		image_take(&im, c, 600);
		assert_restored(c, &im);
		image_free(&im);
		image_free(&before);
		kq_core_destroy(then);
		kq_core_destroy(c);
		assert_int_equal(kq_alloc_live, 0);
	}
}

static void what_was_restored_goes_on_like_the_other(void **state)
{
	uint32_t round;

	(void)state;
	for (round = 0; round < 10; round++) {
		struct kq_core *c = lone_create(), *d;
		struct image im;
		uint64_t from;

		rnd_state = 300 + round;
		fill(c, 1500, 20);
		image_take(&im, c, 5000);
		d = twin_of(&im, 300);
		d->state = KQUORUM_NODE_RUNNING;
		from = c->log.last + 1;
		fill(c, 1500, 20);
		follow(d, c, from);
		assert_table(d);
		assert_same_state(c, d);
		image_free(&im);
		kq_core_destroy(c);
		kq_core_destroy(d);
		assert_int_equal(kq_alloc_live, 0);
	}
}

static void a_restore_without_memory_for_a_pool_says_so(void **state)
{
	struct kq_core *c = lone_create();
	unsigned long nth = 0, left;
	struct kq_restore *rs;
	struct image im;
	int err;

	(void)state;
	pool(c, "first", 2);			/* its resource comes with it */
	assert_int_equal(ask(c, 1, 1, "later", 0, 0), 0);
	assert_int_equal(ask(c, 2, 1, "first", 0, 2), 0);
	pool(c, "later", 3);			/* its resource is there by then */
	image_take(&im, c, 1000);
	do {
		long live = kq_alloc_live;

		kq_alloc_fail_at = ++nth;
		rs = image_restore(&im, &lone_config, 50, &err, NULL);
		left = kq_alloc_fail_at;
		kq_alloc_fail_at = 0;
		assert_int_equal(!rs, err == -ENOMEM);
		kq_restore_free(rs);
		assert_int_equal(kq_alloc_live, live);
	} while (!left);
	assert_int_equal(err, 0);
	/* The restore, its table, the configuration; four items, on two resources. */
	assert_int_equal(nth, 3 + 4 + 2 + 1);
	image_free(&im);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* --- one change at a time --------------------------------------------------------------- */

static struct kq_core *c;
static struct kq_save *save;
static struct image before, im;

/* Of the save under way not all of the head is out. */
static void begin(void)
{
	int err;

	image_take(&before, c, 4096);
	memset(&im, 0, sizeof(im));
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	im.data = malloc(100);
	im.len = kq_core_save_next(c, save, im.data, 100);
	im.room = 100;
}

/* Many items stand in front of what changes. */
static int setup(void **state)
{
	uint32_t i;

	(void)state;
	c = lone_create();
	for (i = 0; i < 200; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(lone_acquire(c, 1, i, name), 0);
	}
	assert_int_equal(define(c, "gpu", KQ_DEFINE_FLAGS, 4, 7), 0);
	assert_int_equal(define(c, "idle", KQ_DEFINE_FLAGS, 9, 0), 0);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 3), 0);
	assert_int_equal(ask(c, 2, 3, "gpu", 0, 4), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 1), 0);
	begin();
	return 0;
}

/* Pools are what is written next. */
static int setup_pools(void **state)
{
	(void)state;
	c = lone_create();
	pool(c, "first", 2);
	pool(c, "second", 2);
	assert_int_equal(ask(c, 1, 1, "third", 0, 0), 0);
	begin();
	return 0;
}

/* What came out is as if nothing had changed since it began. */
static int teardown(void **state)
{
	struct kq_core *then = twin_of(&before, 10000);

	(void)state;
	assert_int_equal(image_rest(&im, c, save, 100), 0);
	assert_restored(then, &im);
	kq_core_destroy(then);
	image_free(&im);
	image_take(&im, c, 1000);
	assert_restored(c, &im);
	image_free(&im);
	image_free(&before);
	kq_core_destroy(c);
	return kq_alloc_live != 0;
}

static void a_pool_that_changes_is_saved_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_UNITS, 5, 0), 0);
	assert_int_equal(define(c, "gpu", KQ_DEFINE_MAX_WAITERS, 0, 9), 0);
	assert_true(holds(c, 2, 1) && waits(c, 2, 3));
}

static void a_pool_that_goes_is_saved_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(undefine(c, "idle"), 0);
	assert_null(resource_of(c, "idle"));
	assert_int_equal(define(c, "idle", KQ_DEFINE_FLAGS, 1, 1), 0);
}

static void a_pool_that_goes_when_it_is_next_is_saved_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(undefine(c, "first"), 0);
	assert_int_equal(undefine(c, "second"), 0);
	assert_int_equal(give_back(c, 1, 1, "third"), 0);
}

static void a_pool_that_comes_is_in_the_next_one(void **state)
{
	(void)state;
	pool(c, "new", 12);
	assert_int_equal(define(c, "new", KQ_DEFINE_UNITS, 13, 0), 0);
	assert_int_equal(ask(c, 3, 2, "new", 0, 13), 0);
	/* Somebody holds it already, in this one without a pool. */
	pool(c, "7", 2);
}

static void who_is_refused_meanwhile_is_saved_as_one_who_waits(void **state)
{
	(void)state;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_UNITS, 3, 0), 0);
	assert_null(claim_of(c, 2, 3));
	assert_true(waits(c, 3, 1));
}

static void who_is_granted_meanwhile_is_saved_without_numbers(void **state)
{
	(void)state;
	assert_int_equal(give_back(c, 2, 1, "gpu"), 0);
	assert_string_equal(numbers_of(c, 2, 3), "0,1,2,3");
	assert_int_equal(give_back(c, 2, 3, "gpu"), 0);
	assert_string_equal(numbers_of(c, 3, 1), "0");
}

/* All of it is changed before its turn, which is remembered in memory: or it is not. */
static void without_memory_for_what_a_pool_was_the_save_alone_fails(void **state)
{
	uint8_t buf[300];

	(void)state;
	/* The entry itself, and room for a pool and its resource, which it does not need. */
	kq_alloc_fail_at = 4;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_UNITS, 5, 0), 0);
	assert_int_equal(kq_alloc_fail_at, 0);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), -ENOMEM);
	kq_core_save_end(c, save);
	image_free(&im);
	image_free(&before);
	/* A new one is of what it is by now. */
	image_take(&before, c, 4096);
	memset(&im, 0, sizeof(im));
	save = kq_core_save_begin(c, &(int){ 0 });
	assert_non_null(save);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_restored_is_what_was_saved),
		cmocka_unit_test(what_changes_while_it_is_saved_is_saved_as_it_was),
		cmocka_unit_test(what_was_restored_goes_on_like_the_other),
		cmocka_unit_test(a_restore_without_memory_for_a_pool_says_so),
		TEST(a_pool_that_changes_is_saved_as_it_was),
		TEST(a_pool_that_goes_is_saved_as_it_was),
		cmocka_unit_test_setup_teardown(a_pool_that_goes_when_it_is_next_is_saved_as_it_was,
						setup_pools, teardown),
		TEST(a_pool_that_comes_is_in_the_next_one),
		TEST(who_is_refused_meanwhile_is_saved_as_one_who_waits),
		TEST(who_is_granted_meanwhile_is_saved_without_numbers),
		TEST(without_memory_for_what_a_pool_was_the_save_alone_fails),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
