// SPDX-License-Identifier: GPL-2.0
/* Who answers at a member's address and is not that member; who comes to the wrong node. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemons.h"

#define HERE	0xc0ffee	/* this cluster */
#define THERE	0xdecaf		/* another one */

static int setup(void **state)
{
	fake_reset();
	daemons_begin();
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	return 0;
}

static bool two_listens(void) { return listens(ports[2]); }

static bool one_is_down(void) { return noted(2, 1, "Connection refused"); }

/* Node 2, alone: what it notes of node 1 from now on is of who comes. */
static void two_alone(void)
{
	daemon_start(2, false);
	assert_true(wait_for(two_listens));
	assert_true(wait_for(one_is_down));
}

static struct kqd_hello hello_of(uint32_t from, uint32_t to, uint64_t cluster, const char *name)
{
	struct kqd_hello h = {
		.from = from, .to = to, .cluster = cluster,
		.past = { .identity = htole64(from), .incarnation = htole64(1000 + from) },
	};

	strcpy(h.name, name);
	return h;
}

/* Greets node 2; @answer: what that says. */
static void greets_two_by(const struct kqd_hello *h, struct kquorum_hello *answer)
{
	struct kquorum_hello wire;
	int fd = connect_to(2);

	kqd_hello_encode(&wire, h);
	assert_int_equal(send(fd, &wire, sizeof(wire), 0), sizeof(wire));
	assert_int_equal(recv(fd, answer, sizeof(*answer), MSG_WAITALL), sizeof(*answer));
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);
}

static void greets_two(uint32_t from, uint32_t to, uint64_t cluster, struct kquorum_hello *answer)
{
	struct kqd_hello h = hello_of(from, to, cluster, "x");

	greets_two_by(&h, answer);
}

static bool visitor_is_foreign(void)
{
	return noted(2, 1, "refused, from 127.0.0.1: it is of another cluster");
}

static void who_is_of_another_cluster_hears_that_and_no_more(void **state)
{
	static const struct kquorum_past nothing;
	struct kquorum_hello answer;
	struct kqd_hello h;
	char why[192];

	two_alone();
	greets_two(1, 2, THERE, &answer);
	assert_int_equal(kqd_hello_decode(&answer, 1, THERE, &h, why, sizeof(why)), -EXDEV);
	assert_string_equal(answer.name, "n2");
	assert_memory_equal(&answer.past, &nothing, sizeof(nothing));
	assert_int_equal(answer.known, 0);
	assert_int_equal(answer.identity, 0);
	assert_int_equal(answer.whose, 0);
	assert_true(wait_for(visitor_is_foreign));
}

static void who_wants_another_node_hears_who_this_is(void **state)
{
	struct kquorum_hello answer;
	struct kqd_hello h;
	char why[192];

	two_alone();
	greets_two(3, 1, HERE, &answer);
	assert_int_equal(kqd_hello_decode(&answer, 3, HERE, &h, why, sizeof(why)), 0);
	assert_int_equal(h.from, 2);
	/* It may be this very node, which looks for another one at its own address. */
	greets_two(2, 1, HERE, &answer);
	assert_int_equal(kqd_hello_decode(&answer, 2, HERE, &h, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "it is this node, 2, itself"));
	assert_int_equal(attached(2, 3) + attached(2, 1), 0);
}

/* The greeting of the version behind this one, and how long that is nobody here knows. */
static void encode_newer(struct kquorum_hello *wire, const struct kqd_hello *h)
{
	kqd_hello_encode(wire, h);
	wire->version = htole16(KQUORUM_HELLO_VERSION + 1);
}

static bool visitor_is_newer(void)
{
	return noted(2, 1, "refused, from 127.0.0.1: it speaks version 5 of the greeting, this node "
		     "version 4: install one kquorum on both");
}

/* Its greeting is shorter than one of this version, or there is more to come. */
static void who_speaks_another_version_hears_which_one_this_is(void **state)
{
	static const size_t lengths[] = { KQD_HELLO_HEAD, sizeof(struct kquorum_hello) + 8 };
	static const struct kquorum_past nothing;
	struct kqd_hello h = hello_of(1, 2, HERE, "n1");
	struct kquorum_hello wire[2] = { }, answer;
	unsigned int i;
	int fd;

	two_alone();
	encode_newer(wire, &h);
	for (i = 0; i < 2; i++) {
		fd = connect_to(2);
		assert_int_equal(send(fd, wire, lengths[i], 0), lengths[i]);
		assert_int_equal(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
		assert_int_equal(le16toh(answer.version), KQUORUM_HELLO_VERSION);
		assert_memory_equal(&answer.past, &nothing, sizeof(nothing));
		assert_true(closed_without_a_word(fd, 2000));
		close(fd);
		assert_true(wait_for(visitor_is_newer));
	}
	assert_int_equal(attached(2, 1), 0);
}

/* Who comes to @fd has greeted. Returns -1: nobody came. */
static int visited(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct kquorum_hello wire;
	int s = poll(&p, 1, 5000) == 1 ? accept(fd, NULL, NULL) : -1;

	if (s >= 0)
		assert_int_equal(recv(s, &wire, sizeof(wire), MSG_WAITALL), sizeof(wire));
	return s;
}

/* Whoever comes to @fd is greeted by @h, once it has greeted. Returns false: nobody came. */
static bool answers(int fd, const struct kqd_hello *h)
{
	struct kquorum_hello wire;
	int s = visited(fd);

	if (s < 0)
		return false;
	kqd_hello_encode(&wire, h);
	assert_int_equal(send(s, &wire, sizeof(wire), 0), sizeof(wire));
	closed_without_a_word(s, 2000);
	close(s);
	return true;
}

static bool one_is_foreign(void)
{
	char text[128];

	snprintf(text, sizeof(text), "at 127.0.0.1:%u answers db3: it is of another cluster, or has other "
		 "founders", ports[1]);
	return noted(3, 1, text);
}

/* Whatever number it says that it has, it is node 1 that is not there. */
static void another_cluster_at_the_address_is_named(void **state)
{
	struct kqd_hello h = hello_of(2, 3, THERE, "db3");
	int fd = listen_on(ports[1], 8), i;

	daemon_start(3, false);
	for (i = 0; i < 3; i++)
		assert_true(answers(fd, &h));
	assert_true(wait_for(one_is_foreign));
	assert_false(noted(3, 2, "another cluster"));
	close(fd);
}

static bool one_is_newer(void)
{
	char text[64];

	snprintf(text, sizeof(text), "at 127.0.0.1:%u: it speaks version 5", ports[1]);
	return noted(3, 1, text);
}

static void another_version_at_the_address_is_named(void **state)
{
	struct kqd_hello h = hello_of(1, 3, HERE, "n1");
	int fd = listen_on(ports[1], 8), s;
	struct kquorum_hello wire;

	daemon_start(3, false);
	encode_newer(&wire, &h);
	s = visited(fd);
	assert_true(s >= 0);
	assert_int_equal(send(s, &wire, KQD_HELLO_HEAD, 0), KQD_HELLO_HEAD);
	assert_true(wait_for(one_is_newer));
	assert_int_equal(attached(3, 1), 0);
	close(s);
	close(fd);
}

static bool two_is_at_one(void)
{
	return noted(3, 1, "answers node 2 of this cluster, n2");
}

static void another_node_at_the_address_is_named(void **state)
{
	struct kqd_hello h = hello_of(2, 3, HERE, "n2");
	int fd = listen_on(ports[1], 8);

	daemon_start(3, false);
	assert_true(answers(fd, &h));
	assert_true(wait_for(two_is_at_one));
	assert_int_equal(attached(3, 2), 0);
	close(fd);
}

static bool three_is_foreign(void) { return noted(1, 3, "answers db3: it is of another cluster"); }
static bool nothing_of_three(void) { return !noted(1, 3, "a"); }

/* Node 3 has to dial, and cannot know what is at its address: the lower one says so. */
static void the_lower_one_says_so_too(void **state)
{
	struct kqd_hello h = hello_of(3, 1, THERE, "db3");
	int fd = listen_on(ports[3], 8);

	daemon_start(1, false);
	assert_true(answers(fd, &h));
	assert_true(wait_for(three_is_foreign));
	assert_true(answers(fd, &h));
	sleep_ms(100);
	assert_int_equal(daemon_said(1, "; trying on"), 1);
	/* Afterwards node 3 is just down, and that is for others to say. */
	close(fd);
	assert_true(wait_for(nothing_of_three));
}

static bool another_three(void)
{
	return noted(2, 2, "another n3 comes from 127.0.0.1: ");
}

static bool nobody_else(void) { return !noted(2, 2, "another"); }

/* With the number of one that is connected; its start is another one. */
static void comes_as_three(unsigned int times)
{
	struct kqd_hello h = hello_of(3, 2, HERE, "n3");
	struct kquorum_hello answer;

	h.past.incarnation = htole64(7);
	for (; times; times--) {
		greets_two_by(&h, &answer);
		sleep_ms(100);
	}
}

static bool two_and_three(void)
{
	bool both;

	fake_lock();
	both = fake->node[2].connected[3] && fake->node[3].connected[2];
	fake_unlock();
	return both;
}

/* A copy of its disk is started on another machine; once is a restart. */
static void who_comes_as_one_that_is_connected_is_told_of(void **state)
{
	daemon_start(2, false);
	daemon_start(3, false);
	assert_true(wait_for(two_and_three));
	sleep_ms(1500);
	comes_as_three(2);
	fake_wake(2, KQUORUM_EVENT_STATE);
	sleep_ms(300);
	assert_true(nobody_else());
	comes_as_three(15);
	assert_true(wait_for(another_three));
	assert_true(noted(2, 2, "from 127.0.0.1: Stale file handle"));
	assert_int_equal(attached(2, 3), 1);
	assert_true(wait_for(nobody_else));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_of_another_cluster_hears_that_and_no_more),
		TEST(who_wants_another_node_hears_who_this_is),
		TEST(who_speaks_another_version_hears_which_one_this_is),
		TEST(another_cluster_at_the_address_is_named),
		TEST(another_version_at_the_address_is_named),
		TEST(another_node_at_the_address_is_named),
		TEST(the_lower_one_says_so_too),
		TEST(who_comes_as_one_that_is_connected_is_told_of),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_stranger", tests, NULL, NULL);
}
