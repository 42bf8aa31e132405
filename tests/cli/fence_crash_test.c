// SPDX-License-Identifier: GPL-2.0
/*
 * The fence of libkquorum: a crash or an error at each call of the system. What was not synced then is
 * lost in every way in which it can be.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fence_world.h"
#include "test.h"

/* --- crashes ---------------------------------------------------------------------------------- */

/* After a crash, with FILE as it is found: nothing that was seen is forgotten, and it goes on. */
static void assert_remembers(uint64_t db, uint64_t gpu)
{
	struct content c;

	get(&c);
	if (db)
		assert_int_equal(check("db", db - 1 ? db - 1 : 1), db - 1 ? -ESTALE : 0);
	if (gpu)
		assert_int_equal(check("gpu/3", gpu - 1), -ESTALE);
	assert_int_equal(check("db", 90), 0);
	assert_int_equal(check("db", 89), -ESTALE);
	put(&c, c.n);
}

/* Each way in which the power may have gone: of what was not synced anything may be there. */
static void assert_every_loss(const struct content *before, uint64_t db, uint64_t gpu)
{
	bool name_lost = world->renamed && !world->name_synced;
	bool content_lost = world->renamed && !world->renamed_whole;
	struct content now;
	size_t n;

	get(&now);
	assert_remembers(db, gpu);
	for (n = 0; content_lost && n < now.n; n++) {
		put(&now, n);
		assert_remembers(db, gpu);
	}
	if (name_lost) {
		put(before, before->n);
		assert_remembers(db, gpu);
	}
}

static void crash_everywhere(bool old, bool left_over)
{
	struct content before = { 0 };
	unsigned int at;
	int code = DIED;

	for (at = 1; code == DIED; at++) {
		world->at = 0;
		unlink("fence");
		unlink("fence.new");
		if (old) {
			put_lines("7 db\n5 gpu/3\n");
			get(&before);
		}
		if (left_over)
			put_text("fence.new", "whatever was left behind, and is longer than what comes: "
				 "all of this must be gone when the next content is written\n");
		world->calls = 0;
		world->renamed = world->renamed_whole = world->name_synced = false;
		world->at = at;
		code = check_in_child("db", 8);
		world->at = 0;
		assert_true(!code || code == DIED);
		assert_every_loss(&before, code ? old ? 7 : 0 : 8, old ? 5 : 0);
	}
	/* open, flock, fstat twice, fchmod, truncate, write, sync, rename, sync at the least */
	assert_in_range(at, 9, 40);
}

static void tokens_survive_a_crash_anywhere(void **state)
{
	(void)state;
	crash_everywhere(true, false);
	crash_everywhere(true, true);
}

static void the_first_one_survives_a_crash_anywhere(void **state)
{
	(void)state;
	crash_everywhere(false, false);
	crash_everywhere(false, true);
}

/* Who wrote it died before its name was on the disk: it is there, and may be gone after all. */
static void an_equal_token_waits_for_the_disk_too(void **state)
{
	struct kquorum_fence *f;

	(void)state;
	put_lines("7 db\n");
	for (world->at = 1; ; world->at++) {
		world->calls = 0;
		assert_int_equal(check_in_child("db", 8), DIED);
		if (world->renamed)
			break;
	}
	world->at = 0;
	assert_false(world->name_synced);
	f = open_fence(false);
	assert_int_equal(kquorum_fence_check(f, "db", 8, NULL), 0);
	assert_true(world->name_synced);
	/* Once for a handle: it is the same file. */
	world->name_synced = false;
	assert_int_equal(kquorum_fence_check(f, "db", 8, NULL), 0);
	assert_false(world->name_synced);
	/* And again when somebody else replaced it. */
	assert_int_equal(check("gpu/3", 1), 0);
	world->name_synced = false;
	assert_int_equal(kquorum_fence_check(f, "db", 8, NULL), 0);
	assert_true(world->name_synced);
	kquorum_fence_close(f);
}

/* --- errors ----------------------------------------------------------------------------------- */

/* Every call fails once: nothing passes, nothing is forgotten, and the next time it works. */
static void fail_everywhere(bool old, uint64_t token, int error)
{
	struct kquorum_fence *f;
	unsigned int at;
	int ret = -1;

	for (at = 1; ret; at++) {
		unlink("fence");
		unlink("fence.new");
		if (old)
			put_lines("7 db\n5 gpu/3\n");
		f = open_fence(true);
		assert_non_null(f);
		world->calls = 0;
		world->at = at;
		world->error = error;
		ret = kquorum_fence_enter(f, "db", token, NULL);
		if (world->calls < at)
			assert_int_equal(ret, 0);
		else
			assert_int_equal(ret, error == ESTALE ? -EIO : -error);
		world->at = 0;
		if (ret) {
			assert_int_equal(kquorum_fence_fd(f), -1);
			if (old) {
				assert_int_equal(check("db", 6), -ESTALE);
				assert_int_equal(check("gpu/3", 4), -ESTALE);
			}
			assert_int_equal(kquorum_fence_enter(f, "db", token, NULL), 0);
		}
		kquorum_fence_leave(f);
		assert_int_equal(check("db", token - 1), -ESTALE);
		kquorum_fence_close(f);
	}
	assert_in_range(at, old && token == 7 ? 6 : 9, 40);
}

static void a_call_that_fails_lets_nothing_pass(void **state)
{
	(void)state;
	fail_everywhere(true, 8, EIO);
	fail_everywhere(true, 7, EIO);
	fail_everywhere(false, 8, ENOSPC);
}

static void the_file_systems_own_stale_is_another_one(void **state)
{
	(void)state;
	fail_everywhere(true, 8, ESTALE);
	fail_everywhere(true, 7, ESTALE);
}

static void a_short_write_goes_on(void **state)
{
	(void)state;
	put_lines("7 db\n5 gpu/3\n");
	world->write_most = 1;
	assert_int_equal(check("db", 8), 0);
	assert_int_equal(check("db", 7), -ESTALE);
	assert_int_equal(check("gpu/3", 4), -ESTALE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fence_begin, fence_end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(tokens_survive_a_crash_anywhere),
		TEST(the_first_one_survives_a_crash_anywhere),
		TEST(an_equal_token_waits_for_the_disk_too),
		TEST(a_call_that_fails_lets_nothing_pass),
		TEST(the_file_systems_own_stale_is_another_one),
		TEST(a_short_write_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
