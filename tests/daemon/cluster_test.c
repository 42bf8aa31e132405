// SPDX-License-Identifier: GPL-2.0
/*
 * Three daemons that are members from the beginning to the end: they connect, elect, are killed,
 * cut off and replaced, and strangers come.
 */
#include <endian.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemons.h"

static unsigned int leaders(void)
{
	unsigned int i, n = 0;

	fake_lock();
	for (i = 1; i <= FAKE_NODES; i++)
		n += fake->node[i].role == KQUORUM_LEADER;
	fake_unlock();
	return n;
}

static bool one_leader(void)
{
	return leaders() == 1;
}

static int setup(void **state)
{
	unsigned int i;

	fake_init();
	daemons_begin();
	for (i = 1; i <= FAKE_NODES; i++)
		daemon_start(i, false);
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	return 0;
}

static void all_connect_once_and_elect(void **state)
{
	unsigned int i, j;

	assert_true(wait_for(all_connected));
	assert_true(wait_for(one_leader));
	sleep_ms(300);
	fake_lock();
	for (i = 1; i <= FAKE_NODES; i++) {
		assert_int_equal(fake->node[i].bad_attach, 0);
		for (j = 1; j <= FAKE_NODES; j++)
			assert_int_equal(fake->node[i].attached[j], i != j);
	}
	fake_unlock();
}

static void killed_daemon_leaves_connections_alone(void **state)
{
	unsigned int before = attached(3, 1);
	uint64_t term, epoch;

	fake_lock();
	term = fake->node[1].term;
	epoch = fake->node[3].epoch;
	fake_unlock();
	daemon_kill(3);
	sleep_ms(100);
	daemon_start(3, false);
	sleep_ms(1500);
	assert_int_equal(attached(3, 1), before);
	fake_lock();
	assert_true(fake->node[3].epoch > epoch);
	assert_int_equal(fake->node[1].term, term);
	fake_unlock();
}

static void broken_connection_is_made_again(void **state)
{
	unsigned int a13 = attached(1, 3), a31 = attached(3, 1), a12 = attached(1, 2);

	cut(1, 3);
	assert_true(wait_for(all_connected));
	assert_int_equal(attached(1, 3), a13 + 1);
	assert_int_equal(attached(3, 1), a31 + 1);
	assert_int_equal(attached(1, 2), a12);
}

static bool refused_is_noted(void) { return noted(3, 1, "Connection refused"); }

static bool stranger_is_noted(void)
{
	return noted(2, 3, "refused, from 127.0.0.1: it is of another cluster");
}

/* Nobody listens for node 3 while its peer is down; then it comes back. */
static void peer_that_was_away_is_found_again(void **state)
{
	daemon_kill(1);
	cut(1, 3);
	cut(1, 2);
	assert_true(wait_for(refused_is_noted));
	assert_false(all_connected());
	daemon_start(1, false);
	assert_true(wait_for(all_connected));
}

static void why_a_node_is_refused_is_noted(void **state)
{
	struct kqd_hello other = { .from = 3, .name = "n3", .to = 2, .cluster = 0xdecaf,
		.past = { .identity = htole64(3), .incarnation = htole64(1) } };
	struct kquorum_hello wire;
	int fd;

	daemon_kill(3);
	cut(2, 3);
	fd = connect_to(2);
	kqd_hello_encode(&wire, &other);
	send(fd, &wire, sizeof(wire), 0);
	assert_true(wait_for(stranger_is_noted));
	close(fd);
	daemon_start(3, false);
	assert_true(wait_for(all_connected));
}

/*
 * A node whose address another number had, in an older configuration, dials itself: nothing is wrong
 * with it that its status should tell.
 */
static void its_own_number_is_not_noted(void **state)
{
	struct kqd_hello own = { .from = 2, .name = "n2", .to = 3, .cluster = 0xc0ffee,
		.past = { .identity = htole64(2), .incarnation = htole64(1) } };
	struct kqd_hello other = { .from = 3, .name = "n3", .to = 2, .cluster = 0xdecaf,
		.past = { .identity = htole64(3), .incarnation = htole64(1) } };
	struct kquorum_hello wire;
	int fd, later;

	(void)state;
	daemon_kill(3);
	cut(2, 3);
	fd = connect_to(2);
	kqd_hello_encode(&wire, &own);
	send(fd, &wire, sizeof(wire), 0);
	assert_int_equal(recv(fd, &wire, sizeof(wire), MSG_WAITALL), sizeof(wire));
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);
	/* What comes later has been noted, so that this would have been. */
	later = connect_to(2);
	kqd_hello_encode(&wire, &other);
	send(later, &wire, sizeof(wire), 0);
	assert_true(wait_for(stranger_is_noted));
	close(later);
	assert_false(noted(2, 2, "it wants node 3"));
	daemon_start(3, false);
	assert_true(wait_for(all_connected));
}

static void dead_leader_is_replaced(void **state)
{
	unsigned int i;
	uint64_t term;

	fake_lock();
	term = fake->node[1].term;
	for (i = 1; i <= FAKE_NODES; i++) {
		fake->node[i].role = KQUORUM_FOLLOWER;
		fake->node[i].leader = 0;
	}
	fake_unlock();
	for (i = 1; i <= FAKE_NODES; i++)
		fake_wake(i, KQUORUM_EVENT_LEADER);
	assert_true(wait_for(one_leader));
	fake_lock();
	assert_true(fake->node[1].term > term);
	fake_unlock();
}

static void newer_daemon_wins(void **state)
{
	pid_t old = daemons[2];
	unsigned int before = attached(2, 1);

	daemon_start(2, false);
	assert_int_equal(daemon_exit_status(old), 0);
	sleep_ms(300);
	assert_int_equal(waitpid(daemons[2], NULL, WNOHANG), 0);
	assert_int_equal(attached(2, 1), before);
	/* It took over listening, too. */
	cut(2, 3);
	assert_true(wait_for(all_connected));
}

static void restarted_node_is_taken_again(void **state)
{
	uint64_t epoch;

	fake_lock();
	epoch = fake->node[2].epoch;
	fake->node[2].incarnation += 100;
	fake->node[2].epoch = 0;
	fake->node[2].connected[1] = fake->node[2].connected[3] = false;
	fake->node[1].connected[2] = fake->node[3].connected[2] = false;
	fake_unlock();
	fake_wake(2, KQUORUM_EVENT_STATE);
	fake_wake(1, KQUORUM_EVENT_PEER);
	fake_wake(3, KQUORUM_EVENT_PEER);
	assert_true(wait_for(all_connected));
	fake_lock();
	assert_true(fake->node[2].epoch > epoch);
	fake_unlock();
}

/* A greeting with an old incarnation is refused; it does not make the daemon end. */
static void old_incarnation_is_refused(void **state)
{
	struct kqd_hello h = { .from = 3, .name = "n3", .to = 2, .cluster = 0xc0ffee,
		.past = { .identity = htole64(3), .incarnation = htole64(7) } };
	struct kquorum_hello wire, answer;
	unsigned int before = attached(2, 3);
	int fd = connect_to(2);

	kqd_hello_encode(&wire, &h);
	send(fd, &wire, sizeof(wire), 0);
	assert_int_equal(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);
	sleep_ms(100);
	assert_int_equal(attached(2, 3), before);
	assert_int_equal(waitpid(daemons[2], NULL, WNOHANG), 0);
}

static void recovering_node_neither_dials_nor_listens(void **state)
{
	unsigned int before;

	fake_lock();
	fake->node[3].state = KQUORUM_NODE_RECOVERING;
	fake_unlock();
	fake_wake(3, KQUORUM_EVENT_STATE);
	sleep_ms(100);
	before = attached(3, 1);
	cut(1, 3);
	sleep_ms(700);
	assert_int_equal(attached(3, 1), before);
	/* A daemon that comes while the node recovers learns the rest later. */
	daemon_kill(3);
	daemon_start(3, false);
	sleep_ms(200);
	assert_int_equal(attached(3, 1), before);
	fake_lock();
	fake->node[3].state = KQUORUM_NODE_RUNNING;
	fake_unlock();
	fake_wake(3, KQUORUM_EVENT_STATE);
	assert_true(wait_for(all_connected));
}

static void strangers_are_refused(void **state)
{
	struct kqd_hello from_low = { .from = 1, .name = "n1", .to = 2, .cluster = 0xc0ffee,
		.past = { .identity = htole64(3), .incarnation = htole64(1) } };
	struct kqd_hello other = { .from = 3, .name = "n3", .to = 2, .cluster = 0xdecaf,
		.past = { .identity = htole64(3), .incarnation = htole64(1) } };
	static const char http[] = "GET / HTTP/1.1\r\nHost: somewhere\r\nAccept: */*\r\n\r\n";
	unsigned int before = attached(2, 3) + attached(2, 1);
	struct kquorum_hello wire;
	int fd;

	fd = connect_to(2);
	assert_true(send(fd, http, sizeof(http), 0) > 48);
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);

	fd = connect_to(2);
	kqd_hello_encode(&wire, &other);
	send(fd, &wire, sizeof(wire), 0);
	assert_int_equal(recv(fd, &wire, sizeof(wire), MSG_WAITALL), sizeof(wire));
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);

	/* A lower id listens and does not dial. */
	fd = connect_to(2);
	kqd_hello_encode(&wire, &from_low);
	send(fd, &wire, sizeof(wire), 0);
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);

	/* Half a greeting, then silence. */
	fd = connect_to(2);
	send(fd, &wire, sizeof(wire) / 2, 0);
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);

	assert_int_equal(attached(2, 3) + attached(2, 1), before);
}

static void greeting_in_small_pieces_is_answered(void **state)
{
	struct kqd_hello h = { .from = 3, .name = "n3", .to = 2, .cluster = 0xc0ffee,
		.past = { .identity = htole64(3), .incarnation = htole64(1003) } };
	unsigned int before = attached(2, 3), i;
	struct kquorum_hello wire, answer;
	struct kqd_hello told;
	char why[192];
	int fd;

	fd = connect_to(2);
	kqd_hello_encode(&wire, &h);
	for (i = 0; i < sizeof(wire); i += 8) {
		assert_int_equal(send(fd, (char *)&wire + i, 8, 0), 8);
		sleep_ms(5);
	}
	assert_int_equal(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	assert_int_equal(kqd_hello_decode(&answer, 3, 0xc0ffee, &told, why,
					  sizeof(why)), 0);
	assert_int_equal(told.from, 2);
	sleep_ms(100);
	/* The module is given the newer connection. */
	assert_int_equal(attached(2, 3), before + 1);
	close(fd);
}

#define CROWD 100

/* How many of a crowd that says nothing are sent away at once; -1: too slow to tell. */
static int crowd_sent_away(void)
{
	uint64_t begin = kqd_now_ns();
	int fd[CROWD], i, away = 0;

	for (i = 0; i < CROWD; i++)
		fd[i] = connect_to(1);
	sleep_ms(100);
	for (i = 0; i < CROWD; i++) {
		away += closed_without_a_word(fd[i], 0);
		close(fd[i]);
	}
	/* From 500 ms on the time limit of a greeting would send them away as well. */
	return kqd_now_ns() - begin < 400 * KQD_NS_PER_MS ? away : -1;
}

static void crowd_of_silent_strangers_keeps_nobody_out(void **state)
{
	int fd[CROWD], i, away = -1;

	for (i = 0; i < 10 && away < 0; i++)
		away = crowd_sent_away();
	assert_int_equal(away, CROWD - KQD_GREETINGS);

	for (i = 0; i < CROWD; i++)
		fd[i] = connect_to(1);
	cut(1, 3);
	assert_true(wait_for(all_connected));
	for (i = 0; i < CROWD; i++)
		close(fd[i]);
}

static void node_that_stops_is_waited_for(void **state)
{
	fake_lock();
	fake->node[3].present = false;
	fake_unlock();
	cut(1, 3);
	cut(2, 3);
	fake_wake(3, KQUORUM_EVENT_STATE);
	sleep_ms(700);
	assert_int_equal(waitpid(daemons[3], NULL, WNOHANG), 0);
	fake_lock();
	fake->node[3].present = true;
	fake->node[3].incarnation++;
	fake->node[3].epoch = 0;
	fake_unlock();
	assert_true(wait_for(all_connected));
}

static void daemon_ends_with_its_node(void **state)
{
	daemon_kill(3);
	daemon_start(3, true);
	sleep_ms(300);
	fake_lock();
	fake->node[3].present = false;
	fake_unlock();
	fake_wake(3, KQUORUM_EVENT_STATE);
	assert_int_equal(daemon_exit_status(daemons[3]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_connect_once_and_elect),
		cmocka_unit_test(killed_daemon_leaves_connections_alone),
		cmocka_unit_test(broken_connection_is_made_again),
		cmocka_unit_test(peer_that_was_away_is_found_again),
		cmocka_unit_test(why_a_node_is_refused_is_noted),
		cmocka_unit_test(its_own_number_is_not_noted),
		cmocka_unit_test(dead_leader_is_replaced),
		cmocka_unit_test(newer_daemon_wins),
		cmocka_unit_test(restarted_node_is_taken_again),
		cmocka_unit_test(old_incarnation_is_refused),
		cmocka_unit_test(recovering_node_neither_dials_nor_listens),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(greeting_in_small_pieces_is_answered),
		cmocka_unit_test(crowd_of_silent_strangers_keeps_nobody_out),
		cmocka_unit_test(node_that_stops_is_waited_for),
		cmocka_unit_test(daemon_ends_with_its_node),
	};

	return cmocka_run_group_tests_name("daemon_cluster", tests, setup, teardown);
}
