// SPDX-License-Identifier: GPL-2.0
/*
 * A daemon saves snapshots of its node: when, in which order, and what is left when something goes
 * wrong or it is killed on the way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemons.h"
#include "snapdirs.h"
#include "snapstream.h"

#define MIB (1 << 20)

static struct fake_node *node;		/* the one of all tests */

static void config(struct kqd *d, unsigned int id)
{
	d->opt.dir = dirs[id];
	d->config.snapshot_entries = 1000;
}

static int setup(void **state)
{
	fake_reset();
	daemons_begin();
	dirs_make();
	daemon_config = config;
	node = &fake->node[1];
	node->term = 3;
	node->voters = 1 << 1;
	node->applied = 500;
	node->claims = 1000;
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	umount2(dirs[1], MNT_DETACH);
	dirs_remove();
	return 0;
}

/* Something changed at the node, and it tells so. */
#define CHANGE(what) do {			\
	fake_lock();				\
	what;					\
	fake_unlock();				\
	fake_wake(1, KQUORUM_EVENT_DISK);	\
} while (0)

static struct kqd_ref in_use(void)
{
	struct kqd_ref ref;

	fake_lock();
	ref = node->snapshot;
	fake_unlock();
	return ref;
}

static uint64_t wanted;			/* for the following */

static bool wanted_is_in_use(void)
{
	return in_use().index == wanted;
}

static bool comes_into_use(uint64_t index)
{
	wanted = index;
	return wait_for(wanted_is_in_use);
}

static bool no_unfinished(void) { return !dir_files(1, ".new") && !dir_files(1, ".part"); }
static bool one_file(void) { return dir_files(1, "") == 1; }
static bool some_unfinished(void) { return dir_files(1, ".new"); }

static unsigned int saves(void)
{
	unsigned int n;

	fake_lock();
	n = node->saves;
	fake_unlock();
	return n;
}

static void many_entries_make_a_snapshot(void **state)
{
	struct kqd_ref ref;

	daemon_start(1, false);
	CHANGE(node->applied = 999);
	sleep_ms(300);
	assert_int_equal(saves(), 0);
	CHANGE(node->applied = 1000);
	assert_true(comes_into_use(1000));
	ref = in_use();
	assert_int_equal(ref.term, 3);
	assert_true(dir_has_ref(1, &ref));
	assert_int_equal(dir_files(1, ""), 1);
	/* Written and synced before it has its name, and that is safe before anybody is told. */
	assert_string_equal(node->order, "WFRDA");
	assert_int_equal(node->saves, 1);
}

static void the_older_one_goes_when_the_newer_one_is_in_use(void **state)
{
	daemon_start(1, false);
	CHANGE(node->applied = 1000);
	assert_true(comes_into_use(1000));
	assert_true(wait_for(one_file));
	sleep_ms(300);
	/* The module has it, and makes it durable. */
	CHANGE(node->hold = true; node->applied = 2000);
	sleep_ms(500);
	assert_int_equal(node->adopts, 2);
	assert_true(dir_has(1, 1000, 3));
	assert_true(dir_has(1, 2000, 3));
	/* Nor is another one begun before that has ended. */
	CHANGE(node->applied = 3000);
	sleep_ms(1500);
	assert_int_equal(saves(), 2);
	fake_use(1);
	CHANGE(node->hold = false);
	assert_true(comes_into_use(3000));
	assert_true(wait_for(one_file));
	assert_true(dir_has(1, 3000, 3));
}

static void a_log_that_fills_up_makes_a_snapshot(void **state)
{
	daemon_start(1, false);
	CHANGE(node->log_capacity = 100 * MIB; node->log_used = 49 * MIB);
	sleep_ms(300);
	assert_int_equal(saves(), 0);
	CHANGE(node->log_used = 51 * MIB);
	assert_true(comes_into_use(500));
	CHANGE(node->applied = 600);
	sleep_ms(500);
	assert_int_equal(saves(), 1);
	CHANGE(node->log_used = 60 * MIB);
	assert_true(comes_into_use(600));
}

static void who_asks_gets_one(void **state)
{
	daemon_start(1, false);
	sleep_ms(300);
	assert_int_equal(saves(), 0);
	kill(daemons[1], SIGUSR1);
	assert_true(comes_into_use(500));
	sleep_ms(200);
	kill(daemons[1], SIGUSR1);
	sleep_ms(300);
	assert_int_equal(saves(), 1);
	assert_int_equal(daemon_said(1, "the one in use is of this very state"), 1);
}

static bool told_of_cut(void) { return daemon_said(1, "cut off after 5000 bytes"); }
static bool tried_again(void) { return saves() >= 3; }

static void a_stream_that_is_cut_off_is_no_snapshot(void **state)
{
	struct kqd_ref ref;

	node->save_cut = 5000;
	daemon_start(1, false);
	CHANGE(node->applied = 1000);
	assert_true(wait_for(told_of_cut));
	assert_true(wait_for(no_unfinished));
	assert_int_equal(dir_files(1, ""), 0);
	assert_true(noted(1, 1, "cut off after 5000 bytes"));
	assert_true(wait_for(tried_again));
	/* "trying again" at its first time, and else only with --verbose: no more lines. */
	assert_int_equal(daemon_said(1, "warning: no snapshot saved"), 1);
	CHANGE(node->save_cut = 0);
	assert_true(comes_into_use(1000));
	sleep_ms(100);
	ref = in_use();
	assert_true(dir_has_ref(1, &ref));
	assert_true(noted(1, 1, "") && !noted(1, 1, "cut"));
}

static void a_node_that_cannot_save_is_asked_again(void **state)
{
	node->save_error = -EIO;
	daemon_start(1, false);
	CHANGE(node->applied = 1000);
	assert_true(wait_for(tried_again));
	assert_int_equal(daemon_said(1, "warning: no snapshot saved"), 1);
	CHANGE(node->save_error = 0);
	assert_true(comes_into_use(1000));
}

/* A file system of its own, which is as large as we like. */
static bool small_disk(const char *size)
{
	static bool own;
	char options[32];

	snprintf(options, sizeof(options), "size=%s", size);
	if (!own && unshare(CLONE_NEWNS))
		return false;
	own = true;
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return !mount("none", dirs[1], "tmpfs", 0, options);
}

/* Then every single entry is a reason for the next one. */
static void a_full_log_does_not_keep_the_daemon_busy(void **state)
{
	unsigned int i;

	/* Where a sync takes no time. */
	if (!small_disk("16m"))
		skip();
	daemon_start(1, false);
	CHANGE(node->log_capacity = node->log_used = MIB; node->disk_state = KQUORUM_DISK_FULL);
	assert_true(comes_into_use(500));
	for (i = 0; i < 100; i++) {
		CHANGE(node->applied++);
		sleep_ms(20);
	}
	assert_in_range(saves(), 3, 22);
}

static bool told_of_room(void) { return noted(1, 1, "make room on "); }
static bool not_told_of_room(void) { return !told_of_room(); }

static void a_full_disk_loses_nothing(void **state)
{
	struct kqd_ref ref;

	if (!small_disk("1m"))
		skip();
	dir_put(1, 400, 3, 1000, &node->snapshot);
	ref = node->snapshot;
	node->claims = 20000;
	daemon_start(1, false);
	CHANGE(node->applied = 2000);
	assert_true(wait_for(told_of_room));
	assert_true(wait_for(no_unfinished));
	assert_true(dir_has_ref(1, &ref));
	assert_int_equal(dir_files(1, ""), 1);
	assert_true(wait_for(tried_again));
	assert_int_equal(daemon_said(1, "warning: no snapshot"), 1);
	assert_int_equal(in_use().index, 400);
	assert_int_equal(mount("none", dirs[1], "tmpfs", MS_REMOUNT, "size=32m"), 0);
	assert_true(comes_into_use(2000));
	assert_true(wait_for(one_file));
	assert_true(wait_for(not_told_of_room));
}

/* As if there was no room, without rights to mount. And the daemon must survive the signal. */
static void a_file_size_limit_loses_nothing(void **state)
{
	char script[128];

	node->claims = 20000;
	daemon_start(1, false);
	snprintf(script, sizeof(script), "prlimit --pid %d --fsize=1048576:unlimited", daemons[1]);
	if (system(script))
		skip();
	CHANGE(node->applied = 2000);
	assert_true(wait_for(told_of_room));
	assert_true(wait_for(no_unfinished));
	snprintf(script, sizeof(script), "prlimit --pid %d --fsize=unlimited:unlimited", daemons[1]);
	assert_int_equal(system(script), 0);
	assert_true(comes_into_use(2000));
}

static void a_daemon_killed_while_it_saves_leaves_what_was(void **state)
{
	struct kqd_ref ref;

	dir_put(1, 400, 3, 1000, &node->snapshot);
	ref = node->snapshot;
	node->save_cut = 50000;
	node->save_stuck = true;
	daemon_start(1, false);
	CHANGE(node->applied = 2000);
	assert_true(wait_for(some_unfinished));
	daemon_kill(1);
	assert_true(dir_has_ref(1, &ref));
	assert_int_equal(dir_files(1, ""), 2);
	/* What it had begun will not be begun again. */
	CHANGE(node->save_cut = 0; node->save_stuck = false; node->applied = 2500);
	daemon_start(1, false);
	assert_true(comes_into_use(2500));
	assert_true(wait_for(one_file));
}

static void a_finished_file_is_handed_over_after_a_crash(void **state)
{
	struct kqd_ref old, ref;

	dir_put(1, 400, 3, 10, &node->snapshot);
	dir_put(1, 300, 3, 10, &old);
	dir_put(1, 450, 3, 10, &ref);
	daemon_start(1, false);
	assert_true(comes_into_use(450));
	assert_int_equal(node->adopts, 1);
	assert_int_equal(node->installs, 0);
	assert_true(wait_for(one_file));
	assert_true(dir_has_ref(1, &ref));
	assert_int_equal(saves(), 0);
}

/* It came from another node, and the daemon did not live to say so. */
static void a_finished_file_of_another_node_is_installed_after_a_crash(void **state)
{
	struct kqd_ref ref;

	dir_put(1, 400, 3, 10, &node->snapshot);
	dir_put(1, 9000, 3, 10, &ref);
	daemon_start(1, false);
	assert_true(comes_into_use(9000));
	assert_int_equal(node->adopts, 0);
	assert_int_equal(node->installs, 1);
	assert_true(wait_for(one_file));
	assert_true(dir_has_ref(1, &ref));
}

static bool no_files(void) { return !dir_files(1, ""); }
static bool retried(void) { return node->adopts >= 3; }

static void what_the_module_never_takes_is_removed(void **state)
{
	struct kqd_ref ref;

	node->hand_error = -EINVAL;
	dir_put(1, 450, 3, 10, &ref);
	daemon_start(1, false);
	assert_true(wait_for(no_files));
	assert_int_equal(node->adopts, 1);
	assert_int_equal(daemon_said(1, "it is removed"), 1);
	/* The next ones are no better, and do not chase each other. */
	CHANGE(node->applied = 2000);
	sleep_ms(2000);
	assert_in_range(saves(), 1, 12);
}

static void what_the_module_does_not_take_yet_is_kept(void **state)
{
	struct kqd_ref ref;

	node->hand_error = -EIO;
	dir_put(1, 450, 3, 10, &ref);
	daemon_start(1, false);
	CHANGE(node->applied = 2000);
	assert_true(wait_for(retried));
	assert_true(dir_has_ref(1, &ref));
	assert_int_equal(saves(), 0);
	assert_int_equal(daemon_said(1, "warning: the module does not take"), 1);
	CHANGE(node->hand_error = 0);
	assert_true(comes_into_use(2000));
}

static void one_that_is_gone_is_replaced(void **state)
{
	char path[256];

	daemon_start(1, false);
	CHANGE(node->applied = 1000);
	assert_true(comes_into_use(1000));
	sleep_ms(200);
	dir_path(path, 1, 1000, 3);
	assert_int_equal(unlink(path), 0);
	daemon_kill(1);
	CHANGE(node->applied = 1001);
	daemon_start(1, false);
	assert_true(comes_into_use(1001));
	assert_int_equal(daemon_said(1, "the snapshot in use is not whole in"), 1);
	assert_int_equal(daemon_said(1, "No such file"), 1);
	/* One that has its name, and nothing in it, is no better. */
	sleep_ms(200);
	dir_path(path, 1, 1001, 3);
	assert_int_equal(truncate(path, 0), 0);
	daemon_kill(1);
	CHANGE(node->applied = 1002);
	daemon_start(1, false);
	assert_true(comes_into_use(1002));
	assert_int_equal(daemon_said(1, ".kqs: it is empty"), 1);
}

static bool told_of_lock(void) { return noted(1, 1, "is locked, by another kquorumd?"); }

/* Another daemon may be in the middle of something. */
static void a_locked_directory_is_left_alone(void **state)
{
	int fd = open(dirs[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct kqd_ref ref;
	char path[256];

	dir_put(1, 300, 3, 10, &ref);
	dir_path(path, 1, 300, 3);
	strcat(path, ".new");
	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(flock(fd, LOCK_EX), 0);
	CHANGE(node->applied = 2000);
	daemon_start(1, false);
	sleep_ms(1500);
	assert_int_equal(dir_files(1, ""), 2);
	assert_int_equal(saves(), 0);
	assert_true(wait_for(told_of_lock));
	flock(fd, LOCK_UN);
	close(fd);
	assert_true(comes_into_use(2000));
	assert_int_equal(node->adopts, 2);
	assert_false(told_of_lock());
	assert_true(wait_for(one_file));
}

static bool only_others(void) { return dir_files(1, "") == 7; }

static void files_of_others_are_left_alone(void **state)
{
	static const char *const names[] = {
		"segment-0000", "kquorum.conf.new", "snapshot-mine", "snapshot-mine.kqs.new",
		"snapshot-1.part", "snapshot-1-1.kqs.9-12345678.part", "snapshot-of-may.kqs",
	};
	static const char *const ours[] = {
		"snapshot-00000000000000000001-1.kqs.9-12345678.part",
		"snapshot-00000000000000000001-1.kqs.new",
	};
	char path[256];
	unsigned int i;

	for (i = 0; i < 7; i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[1], names[i]);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[1], ours[i]);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	daemon_start(1, false);
	assert_true(wait_for(only_others));
	sleep_ms(200);
	assert_true(only_others());
}

static void a_node_that_stops_takes_its_snapshot_along(void **state)
{
	node->save_cut = 50000;
	node->save_stuck = true;
	daemon_start(1, false);
	CHANGE(node->applied = 1000);
	assert_true(wait_for(some_unfinished));
	CHANGE(node->present = false);
	sleep_ms(500);
	CHANGE(node->present = true; node->incarnation++; node->epoch = 0; node->save_cut = 0;
	       node->save_stuck = false);
	assert_true(comes_into_use(1000));
	assert_true(wait_for(one_file));
}

static bool nothing_unfinished(void) { return !some_unfinished(); }

/* Of a save that is given the time to rest, most is rest. */
static void a_node_that_stops_while_a_save_rests_is_saved_anew(void **state)
{
	unsigned int i;

	node->log_capacity = 512 * MIB;
	node->claims = 100000;
	daemon_start(1, false);
	for (i = 1; i <= 4; i++) {
		CHANGE(node->applied = 2000 * i);
		assert_true(wait_for(some_unfinished));
		CHANGE(node->present = false);
		sleep_ms(50);
		CHANGE(node->present = true; node->incarnation++; node->epoch = 0);
	}
	CHANGE(node->claims = 1000; node->applied = 9000);
	assert_true(comes_into_use(9000));
	assert_true(wait_for(one_file));
	assert_true(wait_for(nothing_unfinished));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_entries_make_a_snapshot),
		TEST(the_older_one_goes_when_the_newer_one_is_in_use),
		TEST(a_log_that_fills_up_makes_a_snapshot),
		TEST(a_full_log_does_not_keep_the_daemon_busy),
		TEST(who_asks_gets_one),
		TEST(a_stream_that_is_cut_off_is_no_snapshot),
		TEST(a_node_that_cannot_save_is_asked_again),
		TEST(a_full_disk_loses_nothing),
		TEST(a_file_size_limit_loses_nothing),
		TEST(a_daemon_killed_while_it_saves_leaves_what_was),
		TEST(a_finished_file_is_handed_over_after_a_crash),
		TEST(a_finished_file_of_another_node_is_installed_after_a_crash),
		TEST(what_the_module_never_takes_is_removed),
		TEST(what_the_module_does_not_take_yet_is_kept),
		TEST(one_that_is_gone_is_replaced),
		TEST(a_locked_directory_is_left_alone),
		TEST(files_of_others_are_left_alone),
		TEST(a_node_that_stops_takes_its_snapshot_along),
		TEST(a_node_that_stops_while_a_save_rests_is_saved_anew),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_snapshot", tests, NULL, NULL);
}
