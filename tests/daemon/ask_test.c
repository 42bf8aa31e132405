// SPDX-License-Identifier: GPL-2.0
/*
 * What a machine asks before it is made a node, and what a daemon tells it: the bytes, and real
 * daemons that answer.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../kmod/core/kq_platform.h"
#include "daemons.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct kqd_told good = {
	.node = 2, .begun = true, .cluster_id = 0xabc, .capacity = 1ULL << 33,
	.founders = 0xe, .gone = 0x10, .settings = { 1, 2, 3, 4, 5, 6 }, .cluster = "demo", .n = 2,
	.member = {
		{ .id = 2, .identity = 77, .member = true, .name = "n2", .address = "[::1]:7420" },
		{ .id = 15, .identity = 78, .name = "", .address = "" },
	},
};

/* --- the bytes ------------------------------------------------------------------------------ */

static int decode(const struct kqd_told_wire *wire, struct kqd_told *t, char *why)
{
	why[0] = '\0';
	return kqd_told_decode(wire, t, why, 128);
}

static void what_was_written_is_read(void **state)
{
	char cluster[KQUORUM_NODE_NAME_MAX + 1], why[128];
	struct kqd_told_wire wire;
	struct kqd_ask_wire ask;
	struct kqd_told t;

	kqd_ask_encode(&ask, "demo");
	assert_int_equal(kqd_ask_decode(&ask, cluster, why, sizeof(why)), 0);
	assert_string_equal(cluster, "demo");
	kqd_told_encode(&wire, &good);
	assert_int_equal(decode(&wire, &t, why), 0);
	assert_memory_equal(&t, &good, sizeof(t));
}

static void every_flipped_bit_is_refused(void **state)
{
	char cluster[KQUORUM_NODE_NAME_MAX + 1], why[128];
	struct kqd_told_wire wire;
	struct kqd_ask_wire ask;
	struct kqd_told t;
	size_t bit;

	for (bit = 0; bit < 8 * sizeof(ask); bit++) {
		kqd_ask_encode(&ask, "demo");
		((uint8_t *)&ask)[bit / 8] ^= 1 << bit % 8;
		why[0] = '\0';
		assert_int_not_equal(kqd_ask_decode(&ask, cluster, why, sizeof(why)), 0);
		assert_true(why[0]);
	}
	for (bit = 0; bit < 8 * sizeof(wire); bit++) {
		kqd_told_encode(&wire, &good);
		((uint8_t *)&wire)[bit / 8] ^= 1 << bit % 8;
		assert_int_not_equal(decode(&wire, &t, why), 0);
		assert_true(why[0]);
	}
}

static void later(struct kqd_told_wire *w) { w->version = cpu_to_le16(2); }
static void longer(struct kqd_told_wire *w) { w->length = cpu_to_le16(sizeof(*w) + 1); }
static void of_nobody(struct kqd_told_wire *w) { w->node = 0; }
static void of_node_16(struct kqd_told_wire *w) { w->node = cpu_to_le32(16); }
static void no_cluster(struct kqd_told_wire *w) { w->cluster_id = 0; }
static void flags(struct kqd_told_wire *w) { w->flags = cpu_to_le32(4); }
static void too_many(struct kqd_told_wire *w) { w->n = cpu_to_le32(16); }
static void founder_0(struct kqd_told_wire *w) { w->founders = cpu_to_le32(1); }
static void gone_16(struct kqd_told_wire *w) { w->gone = cpu_to_le32(1 << 16); }
static void one_twice(struct kqd_told_wire *w) { w->member[1].id = cpu_to_le32(2); }
static void member_16(struct kqd_told_wire *w) { w->member[1].id = cpu_to_le32(16); }
static void no_name(struct kqd_told_wire *w) { w->member[0].name[0] = w->member[0].name[1] = 0; }
static void paints(struct kqd_told_wire *w) { w->member[0].name[0] = '\033'; }
static void endless(struct kqd_told_wire *w) { memset(w->member[0].address, 'x', 80); }
static void tail(struct kqd_told_wire *w) { w->member[1].name[31] = 'x'; }
static void member_flags(struct kqd_told_wire *w) { w->member[0].flags = cpu_to_le32(3); }
static void nameless(struct kqd_told_wire *w) { memset(w->cluster, 0, sizeof(w->cluster)); }

static void what_makes_no_sense_is_refused(void **state)
{
	static void (*const spoil[])(struct kqd_told_wire *w) = {
		later, longer, of_nobody, of_node_16, no_cluster, flags, too_many, founder_0,
		gone_16, one_twice, member_16, no_name, paints, endless, tail, member_flags, nameless,
	};
	struct kqd_told_wire wire;
	struct kqd_told t;
	char why[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(spoil); i++) {
		kqd_told_encode(&wire, &good);
		spoil[i](&wire);
		wire.crc = cpu_to_le32(kq_crc(0, &wire, offsetof(struct kqd_told_wire, crc)));
		if (!decode(&wire, &t, why))
			fail_msg("case %zu is taken", i);
		assert_true(why[0]);
	}
}

/* --- daemons -------------------------------------------------------------------------------- */

static int setup(void **state)
{
	unsigned int i;

	fake_reset();
	daemons_begin();
	for (i = 1; i <= FAKE_NODES; i++)
		snprintf(fake->address[i], sizeof(fake->address[i]), "127.0.0.1:%u", ports[i]);
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	return 0;
}

static bool two_listens(void) { return listens(ports[2]); }

static void start_two(void)
{
	daemon_start(2, false);
	assert_true(wait_for(two_listens));
}

static int asks(unsigned int id, const char *cluster)
{
	struct kqd_ask_wire ask;
	int fd = connect_to(id);

	kqd_ask_encode(&ask, cluster);
	assert_int_equal(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	return fd;
}

/* All that comes until the other side closes. */
static size_t hears(int fd, void *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t got = 0;
	ssize_t n = 1;

	while (n > 0 && got < size && poll(&p, 1, 3000) == 1) {
		n = recv(fd, (char *)buf + got, size - got, 0);
		if (n > 0)
			got += n;
	}
	close(fd);
	return got;
}

static struct kqd_told told(int fd)
{
	struct kqd_told_wire wire[2];
	struct kqd_told t;
	char why[128] = "";

	assert_int_equal(hears(fd, wire, sizeof(wire)), sizeof(wire[0]));
	assert_int_equal(decode(wire, &t, why), 0);
	return t;
}

static void who_asks_is_told_of_the_cluster(void **state)
{
	struct kqd_told t;

	daemon_start(1, false);
	start_two();
	t = told(asks(2, "fake"));
	assert_int_equal(t.node, 2);
	assert_true(t.begun);
	assert_false(t.empty);
	assert_int_equal(t.cluster_id, FAKE_CLUSTER);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.member[0].id, 1);
	assert_true(t.member[0].member);
	assert_string_equal(t.member[0].name, "n1");
	assert_string_equal(t.member[1].address, fake->address[2]);
	assert_int_equal(t.member[1].identity, 2);
	assert_int_equal(t.member[2].identity, 3);
	/* Before there is a configuration. */
	fake_lock();
	fake->node[2].voters = 0;
	fake->node[2].named = FAKE_ALL;
	fake_unlock();
	fake_wake(2, KQUORUM_EVENT_PEER);
	sleep_ms(300);
	t = told(asks(2, "fake"));
	assert_false(t.begun);
	assert_int_equal(t.n, 3);
}

static void who_asks_for_another_cluster_hears_nothing(void **state)
{
	struct kqd_ask_wire ask;
	char buf[64];
	int fd;

	start_two();
	assert_int_equal(hears(asks(2, "other"), buf, sizeof(buf)), 0);
	kqd_ask_encode(&ask, "fake");
	ask.crc ^= cpu_to_le32(1);
	fd = connect_to(2);
	assert_int_equal(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	assert_int_equal(hears(fd, buf, sizeof(buf)), 0);
	/* The daemon is well, and greets. */
	daemon_start(1, false);
	assert_int_equal(told(asks(2, "fake")).node, 2);
}

static void a_question_in_small_pieces_is_understood(void **state)
{
	struct kqd_ask_wire ask;
	size_t i;
	int fd;

	start_two();
	fd = connect_to(2);
	kqd_ask_encode(&ask, "fake");
	for (i = 0; i < sizeof(ask); i += 4) {
		assert_int_equal(send(fd, (char *)&ask + i, 4, 0), 4);
		sleep_ms(5);
	}
	assert_int_equal(told(fd).node, 2);
}

/* Who says that it asks, and then says nothing, keeps nobody else from it. */
static void a_crowd_keeps_nobody_out(void **state)
{
	struct kqd_ask_wire ask;
	int fd[2 * KQD_ASKERS];
	unsigned int i;

	start_two();
	kqd_ask_encode(&ask, "fake");
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = connect_to(2);
		assert_int_equal(send(fd[i], &ask, 12, 0), 12);
	}
	sleep_ms(200);
	assert_int_equal(told(asks(2, "fake")).node, 2);
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
}

/* As by two files under one cluster id. */
static void called_otherwise(struct kqd *d, unsigned int id)
{
	if (id == 3)
		strcpy(d->config.node_name, "n4");
}

static bool two_says_so(void)
{
	return noted(2, 3, "refused, from 127.0.0.1: it is called n4, and node 3 is n3 here");
}

static void founders_of_two_files_do_not_begin_together(void **state)
{
	unsigned int i;

	daemon_config = called_otherwise;
	for (i = 2; i <= FAKE_NODES; i++) {
		fake->node[i].voters = 0;
		fake->node[i].named = FAKE_ALL;
		daemon_start(i, false);
	}
	assert_true(wait_for(two_says_so));
	assert_int_equal(attached(2, 3), 0);
	/* Once there is a configuration, that says who is who. */
	fake_lock();
	fake->node[2].voters = fake->node[3].voters = FAKE_ALL;
	fake_unlock();
	fake_wake(2, KQUORUM_EVENT_PEER);
	fake_wake(3, KQUORUM_EVENT_PEER);
	for (i = 0; i < 100 && !attached(2, 3); i++)
		sleep_ms(50);
	assert_true(attached(2, 3));
	daemon_config = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		TEST(who_asks_is_told_of_the_cluster),
		TEST(who_asks_for_another_cluster_hears_nothing),
		TEST(a_question_in_small_pieces_is_understood),
		TEST(a_crowd_keeps_nobody_out),
		TEST(founders_of_two_files_do_not_begin_together),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_ask", tests, NULL, NULL);
}
