// SPDX-License-Identifier: GPL-2.0
/*
 * A node that lags gets a snapshot from the leader, daemon to daemon: whatever is killed on the
 * way, however fast it may go, and with disks that are too small or damaged.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../kmod/core/kq_platform.h"
#include "daemons.h"
#include "snapdirs.h"
#include "snapstream.h"

#define MIB		(1 << 20)
#define CLAIMS_MIB	7000		/* make about that much */

static uint32_t rate;			/* of all daemons */

static void config(struct kqd *d, unsigned int id)
{
	d->opt.dir = dirs[id];
	d->config.snapshot_rate = rate;
}

/* Node 1 leads, with a snapshot of index 1000; the others have nothing yet. */
static int setup(void **state)
{
	unsigned int i;

	fake_reset();
	daemons_begin();
	dirs_make();
	daemon_config = config;
	rate = 0;
	for (i = 1; i <= FAKE_NODES; i++) {
		fake->node[i].term = 5;
		fake->node[i].leader = 1;
	}
	fake->node[1].role = KQUORUM_LEADER;
	fake->node[1].applied = 1000;
	/* So that it can commit without those. */
	fake->node[1].voters = 1u << 1;
	fake->node[1].learners = FAKE_ALL & ~(1u << 1);
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	umount2(dirs[2], MNT_DETACH);
	dirs_remove();
	return 0;
}

static void snapshot(unsigned int claims)
{
	dir_put(1, 1000, 5, claims, &fake->node[1].snapshot);
}

static void needs(unsigned int node, uint64_t index)
{
	fake_lock();
	fake->node[1].needs[node] = index;
	fake_unlock();
	fake_wake(1, KQUORUM_EVENT_SNAPSHOT);
}

/* Node 1 has a snapshot, and node 2 needs it. */
static void laggard(unsigned int claims)
{
	snapshot(claims);
	daemon_start(1, false);
	daemon_start(2, false);
	needs(2, 900);
}

static bool has(unsigned int id, uint64_t index)
{
	bool is;

	fake_lock();
	is = fake->node[id].snapshot.index == index;
	fake_unlock();
	return is && dir_has_ref(id, &fake->node[id].snapshot);
}

static bool two_has_it(void) { return has(2, 1000); }
static bool three_has_it(void) { return has(3, 1000); }
static bool two_has_newer(void) { return has(2, 1001); }
static bool one_file(void) { return dir_files(2, "") == 1; }

static bool half_is_there(void)
{
	size_t size;

	return dir_find(2, ".part", NULL, &size) && size > MIB;
}

static void a_laggard_gets_it(void **state)
{
	snapshot(2 * CLAIMS_MIB);
	daemon_start(1, false);
	daemon_start(2, false);
	sleep_ms(300);
	assert_int_equal(fake->node[2].installs, 0);
	needs(2, 900);
	assert_true(wait_for(two_has_it));
	assert_int_equal(fake->node[2].installs, 1);
	assert_string_equal(fake->node[2].order, "WFRDI");
	assert_true(wait_for(one_file));
	sleep_ms(500);
	assert_int_equal(daemon_said(1, "n2 has installed"), 1);
	assert_int_equal(daemon_said(1, "from byte 0 on"), 1);
}

static void the_module_reads_it_while_it_comes(void **state)
{
	rate = 4 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	assert_int_equal(fake->node[2].feeds, 1);
	assert_in_range(fake->node[2].grown, MIB / 2, fake->node[1].snapshot.bytes - 1);
	assert_int_equal(fake->node[2].installs, 0);
	assert_true(wait_for(two_has_it));
	assert_int_equal(fake->node[2].grown, fake->node[1].snapshot.bytes);
	assert_int_equal(fake->node[2].installs, 1);
	assert_int_equal(fake->node[2].feeds, 1);
}

static void it_is_handed_over_when_the_module_reads_none_that_comes(void **state)
{
	fake->node[2].feed_error = -EBUSY;
	laggard(2 * CLAIMS_MIB);
	assert_true(wait_for(two_has_it));
	assert_int_equal(fake->node[2].feeds, 1);
	assert_int_equal(fake->node[2].installs, 1);
}

static void it_is_handed_over_when_the_module_ceases_to_read(void **state)
{
	fake->node[2].feed_breaks = MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(two_has_it));
	assert_int_equal(fake->node[2].feeds, 1);
	assert_int_equal(fake->node[2].installs, 1);
}

/* @id was told last how far it is with @peer. */
static bool tells(unsigned int id, unsigned int peer, bool comes)
{
	struct kqd_transit t;

	fake_lock();
	t = fake->node[id].transit[peer];
	fake_unlock();
	return t.index == 1000 && t.bytes == fake->node[1].snapshot.bytes && t.done > MIB / 2 &&
		t.done <= t.bytes && t.comes == comes;
}

static bool both_tell(void) { return tells(1, 2, false) && tells(2, 1, true); }
static bool none_tells(void)
{
	return !fake->node[1].transit[2].index && !fake->node[2].transit[1].index;
}

static void it_is_told_how_far_it_is(void **state)
{
	rate = 2 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(both_tell));
	assert_true(wait_for(two_has_it));
	needs(2, 0);
	assert_true(wait_for(none_tells));
	/* Now and then only. */
	assert_in_range(fake->node[1].transits[2], 3, 20);
	assert_in_range(fake->node[2].transits[1], 3, 20);
}

/* What the peer has of it is not lost because the module's own connection breaks meanwhile. */
static void a_connection_that_breaks_does_not_end_it(void **state)
{
	rate = 4 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	fake_lock();
	fake->node[1].connected[2] = fake->node[2].connected[1] = false;
	dir_put(1, 1001, 5, 100, &fake->node[1].snapshot);
	fake->node[1].applied = 1001;
	fake_unlock();
	needs(2, 0);
	sleep_ms(300);
	needs(2, 900);
	assert_true(wait_for(two_has_it));
	assert_int_equal(daemon_said(1, "from byte 0 on"), 1);
}

static void two_laggards_get_it(void **state)
{
	snapshot(2 * CLAIMS_MIB);
	daemon_start(1, false);
	daemon_start(2, false);
	daemon_start(3, false);
	needs(2, 900);
	needs(3, 900);
	assert_true(wait_for(two_has_it));
	assert_true(wait_for(three_has_it));
}

static void a_node_that_lost_its_state_gets_it(void **state)
{
	char path[256];
	int fd;

	/* It has the very same, but for some bytes. */
	snapshot(100);
	dir_put(2, 1000, 5, 100, &fake->node[2].next);
	dir_path(path, 2, 1000, 5);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "damage", 6, 5000), 6);
	close(fd);
	fake->node[2].state = KQUORUM_NODE_DAMAGED;
	fake->node[2].applied = 0;
	daemon_start(2, false);
	/* A newer kquorum may be able to read it: it stays until there is another one. */
	sleep_ms(500);
	assert_int_equal(fake->node[2].installs, 1);
	assert_true(dir_has(2, 1000, 5));
	daemon_start(1, false);
	needs(2, 1000);
	assert_true(wait_for(two_has_it));
	assert_int_equal(fake->node[2].state, KQUORUM_NODE_RUNNING);
}

/* Not all of what was sent before is sent again. */
static void assert_resumed(void)
{
	assert_int_equal(daemon_said(1, "from byte "), 2);
	assert_int_equal(daemon_said(1, "from byte 0 on"), 1);
}

static void a_receiver_that_was_killed_goes_on(void **state)
{
	rate = 4 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	daemon_kill(2);
	assert_int_equal(dir_files(2, ""), 1);
	daemon_start(2, false);
	assert_true(wait_for(two_has_it));
	assert_resumed();
	assert_true(wait_for(one_file));
}

static void a_sender_that_was_killed_goes_on(void **state)
{
	rate = 4 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	daemon_kill(1);
	daemon_start(1, false);
	assert_true(wait_for(two_has_it));
	assert_resumed();
}

/* As after a power cut: the length is there, and not all of the bytes. */
static void a_part_that_is_damaged_is_sent_anew(void **state)
{
	char path[512];
	int fd;

	rate = 4 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	daemon_kill(2);
	assert_true(dir_find(2, ".part", path, NULL));
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "damage", 6, MIB / 2), 6);
	close(fd);
	daemon_start(2, false);
	assert_true(wait_for(two_has_it));
	assert_int_equal(daemon_said(1, "from byte 0 on"), 2);
	assert_int_equal(daemon_said(1, "from byte "), 2);
}

/* Returns milliseconds. */
static uint64_t time_to_catch_up(void)
{
	uint64_t begun = kqd_now_ns();

	needs(2, 900);
	assert_true(wait_for(two_has_it));
	return (kqd_now_ns() - begun) / KQD_NS_PER_MS;
}

static uint64_t time_at_the_rate(void) { return fake->node[1].snapshot.bytes * 1000 / rate; }

static void the_rate_is_kept(void **state)
{
	rate = MIB;
	snapshot(2 * CLAIMS_MIB);
	daemon_start(1, false);
	daemon_start(2, false);
	sleep_ms(500);
	assert_in_range(time_to_catch_up(), time_at_the_rate() * 9 / 10, time_at_the_rate() * 2);
}

static bool one_and_three(void)
{
	bool connected;

	fake_lock();
	connected = fake->node[1].connected[3] && fake->node[1].connected[2];
	fake_unlock();
	return connected;
}

/* The other voter is there, and what is appended is committed with that one. */
static void the_rate_is_kept_while_others_commit(void **state)
{
	rate = MIB;
	snapshot(2 * CLAIMS_MIB);
	fake->node[1].voters = FAKE_ALL;
	daemon_start(1, false);
	daemon_start(2, false);
	daemon_start(3, false);
	assert_true(wait_for(one_and_three));
	assert_in_range(time_to_catch_up(), time_at_the_rate() * 9 / 10, time_at_the_rate() * 2);
}

static void no_rate_is_kept_where_nobody_can_commit_before(void **state)
{
	rate = MIB / 4;
	snapshot(2 * CLAIMS_MIB);
	fake->node[1].voters = FAKE_ALL;
	daemon_start(1, false);
	daemon_start(2, false);
	sleep_ms(500);
	assert_in_range(time_to_catch_up(), 0, time_at_the_rate() / 2);
}

static bool two_lost_sender(void) { return daemon_said(2, "n1 has gone after byte"); }

static void it_ends_when_the_peer_does_not_need_it(void **state)
{
	rate = MIB;
	laggard(8 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	needs(2, 0);
	assert_true(wait_for(two_lost_sender));
	sleep_ms(1000);
	assert_int_equal(fake->node[2].installs, 0);
}

static void it_ends_when_another_node_leads(void **state)
{
	unsigned int i;

	rate = MIB;
	laggard(8 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	fake_lock();
	fake->node[1].role = KQUORUM_FOLLOWER;
	fake->node[3].role = KQUORUM_LEADER;
	for (i = 1; i <= FAKE_NODES; i++)
		fake->node[i].leader = 3;
	fake_unlock();
	fake_wake(1, KQUORUM_EVENT_LEADER);
	assert_true(wait_for(two_lost_sender));
}

static void damage_at_the_leader_is_found_and_mended(void **state)
{
	char path[256];
	int fd;

	snapshot(CLAIMS_MIB);
	fake->node[1].claims = 100;
	fake->node[1].applied = 1001;
	dir_path(path, 1, 1000, 5);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "damage", 6, MIB / 2), 6);
	close(fd);
	daemon_start(1, false);
	daemon_start(2, false);
	needs(2, 900);
	assert_true(wait_for(two_has_newer));
	assert_int_equal(daemon_said(1, "cannot be sent: damaged"), 1);
	assert_int_equal(fake->node[2].installs, 1);
}

static void a_newer_one_is_taken_when_it_is_needed(void **state)
{
	snapshot(100);
	daemon_start(1, false);
	daemon_start(2, false);
	sleep_ms(500);
	needs(2, 1001);
	sleep_ms(500);
	assert_int_equal(daemon_said(2, "sends the snapshot"), 0);
	fake_lock();
	dir_put(1, 1001, 5, 100, &fake->node[1].snapshot);
	fake->node[1].applied = 1001;
	fake_unlock();
	needs(2, 1001);
	assert_true(wait_for(two_has_newer));
}

static bool two_is_told_of_room(void) { return noted(2, 2, "no room for a snapshot of"); }
static bool two_is_told_nothing(void) { return !fake->node[2].note[2][0]; }
static bool two_is_told_of_full(void) { return noted(2, 2, "of a snapshot: make room on "); }

static bool small_disk(const char *size)
{
	static bool own;
	char options[32];

	snprintf(options, sizeof(options), "size=%s", size);
	if (!own && unshare(CLONE_NEWNS))
		return false;
	own = true;
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return !mount("none", dirs[2], "tmpfs", 0, options);
}

static void a_disk_that_is_too_small_is_said_and_waited_for(void **state)
{
	if (!small_disk("1m"))
		skip();
	laggard(2 * CLAIMS_MIB);
	assert_true(wait_for(two_is_told_of_room));
	assert_int_equal(mount("none", dirs[2], "tmpfs", MS_REMOUNT, "size=32m"), 0);
	assert_true(wait_for(two_has_it));
	assert_true(wait_for(two_is_told_nothing));
}

/* Somebody else writes there as well. */
static void a_disk_that_fills_up_is_said_and_waited_for(void **state)
{
	char path[256];
	int fd;

	if (!small_disk("6m"))
		skip();
	rate = 2 * MIB;
	laggard(4 * CLAIMS_MIB);
	assert_true(wait_for(half_is_there));
	snprintf(path, sizeof(path), "%s/other", dirs[2]);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 3 * MIB), 0);
	close(fd);
	assert_true(wait_for(two_is_told_of_full));
	assert_int_equal(unlink(path), 0);
	assert_true(wait_for(two_has_it));
	assert_int_equal(daemon_said(1, "from byte 0 on"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_laggard_gets_it),
		TEST(the_module_reads_it_while_it_comes),
		TEST(it_is_handed_over_when_the_module_reads_none_that_comes),
		TEST(it_is_handed_over_when_the_module_ceases_to_read),
		TEST(it_is_told_how_far_it_is),
		TEST(a_connection_that_breaks_does_not_end_it),
		TEST(two_laggards_get_it),
		TEST(a_node_that_lost_its_state_gets_it),
		TEST(a_receiver_that_was_killed_goes_on),
		TEST(a_sender_that_was_killed_goes_on),
		TEST(a_part_that_is_damaged_is_sent_anew),
		TEST(the_rate_is_kept),
		TEST(the_rate_is_kept_while_others_commit),
		TEST(no_rate_is_kept_where_nobody_can_commit_before),
		TEST(it_ends_when_the_peer_does_not_need_it),
		TEST(it_ends_when_another_node_leads),
		TEST(damage_at_the_leader_is_found_and_mended),
		TEST(a_newer_one_is_taken_when_it_is_needed),
		TEST(a_disk_that_is_too_small_is_said_and_waited_for),
		TEST(a_disk_that_fills_up_is_said_and_waited_for),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_ship", tests, NULL, NULL);
}
