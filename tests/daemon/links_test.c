// SPDX-License-Identifier: GPL-2.0
/*
 * The carrier of the link towards the leader, on real links in a network
 * namespace of its own. Skipped where such a namespace cannot be made.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../userspace/daemon/daemon.h"

static struct kqd d;
static unsigned int refreshed;

/* What node.c does with the news is not of interest here. */
void kqd_node_refresh(struct kqd *k)
{
	refreshed++;
}

static void stop(struct kqd_timer *t)
{
	d.loop.stop = true;
}

/* Runs the loop for a moment. */
static void settle(void)
{
	static struct kqd_timer timer;

	kqd_timer_add(&d.loop, &timer, stop);
	kqd_timer_in(&timer, 100 * KQD_NS_PER_MS);
	d.loop.stop = false;
	assert_int_equal(kqd_loop_run(&d.loop), 0);
	kqd_timer_del(&d.loop, &timer);
}

static void address(struct kqd_address *a, const char *text)
{
	struct kqd_addresses list;

	assert_int_equal(kqd_resolve_numeric(text, 7420, &list), 0);
	*a = list.a[0];
}

static void write_map(const char *path, unsigned int id)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return;
	fprintf(f, "0 %u 1", id);
	fclose(f);
}

/* A namespace with two veth pairs, made as root or in a user namespace. */
static bool make_links(void)
{
	unsigned int uid = geteuid();

	if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET))
		return false;
	if (uid) {
			write_map("/proc/self/uid_map", uid);
	}
	return !system("ip link set lo up && ip link add va type veth peer name vb && "
		       "ip link add vc type veth peer name vd && "
		       "ip addr add 10.9.0.1/24 dev va && ip addr add 10.9.1.1/24 dev vc && "
		       "ip addr add fd00:9::1/64 dev va nodad && "
		       "ip link set va up && ip link set vb up && "
		       "ip link set vc up && ip link set vd up");
}

static int setup(void **state)
{
	if (kqd_loop_init(&d.loop))
		return -1;
	return kqd_links_init(&d);
}

static void lost_carrier_is_seen(void **state)
{
	static const char *const leaders[] = { "10.9.0.2", "fd00:9::2" };
	struct kqd_address a;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		address(&a, leaders[i]);
		kqd_links_follow(&d, &a);
		assert_true(d.links.ifindex > 0);
		assert_false(d.links.lost);
		refreshed = 0;

		/* The link to somebody else. */
		assert_int_equal(system("ip link set vd down"), 0);
		settle();
		assert_false(d.links.lost);
		assert_int_equal(refreshed, 0);

		/* The other end goes down: no carrier here. */
		assert_int_equal(system("ip link set vb down"), 0);
		settle();
		assert_true(d.links.lost);
		assert_int_equal(refreshed, 1);

		assert_int_equal(system("ip link set vb up && ip link set vd up"), 0);
		settle();
		assert_false(d.links.lost);
		assert_int_equal(refreshed, 2);
	}
}

static void removed_link_is_seen(void **state)
{
	struct kqd_address a;

	address(&a, "10.9.0.2");
	kqd_links_follow(&d, &a);
	assert_int_equal(system("ip link del va"), 0);
	settle();
	assert_true(d.links.lost);
}

static void unknown_leader_is_no_hint(void **state)
{
	struct kqd_address none = { .len = 0 };

	kqd_links_follow(&d, &none);
	assert_false(d.links.lost);
	assert_int_equal(d.links.ifindex, 0);
	kqd_links_follow(&d, NULL);
	assert_int_equal(d.links.ifindex, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_carrier_is_seen),
		cmocka_unit_test(removed_link_is_seen),
		cmocka_unit_test(unknown_leader_is_no_hint),
	};

	if (!make_links()) {
		printf("1..0 # SKIP no namespace with veth links can be made here\n");
		return 0;
	}
	return cmocka_run_group_tests_name("daemon_links", tests, setup, NULL);
}
