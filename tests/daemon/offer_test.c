// SPDX-License-Identifier: GPL-2.0
/*
 * A daemon is offered snapshots by the test itself: what it takes, and what it does not.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../kmod/core/kq_platform.h"
#include "daemons.h"
#include "snapdirs.h"
#include "snapstream.h"

#define CLAIMS	10000

static char *bytes;
static struct kqd_offer offer;		/* of @bytes, and right */

static void config(struct kqd *d, unsigned int id)
{
	d->opt.dir = dirs[id];
}

static bool two_serves(void)
{
	bool is;

	fake_lock();
	is = fake->node[2].epoch;
	fake_unlock();
	return is;
}

static int setup(void **state)
{
	fake_reset();
	daemons_begin();
	dirs_make();
	daemon_config = config;
	fake->node[2].term = 5;
	fake->node[2].applied = 500;
	bytes = snapstream(1000, 5, CLAIMS, &offer.ref);
	offer = (struct kqd_offer){
		.from = 1, .to = 2, .cluster = 0xc0ffee, .origin = FAKE_ORIGIN, .identity = 1,
		.whom = 2, .ref = offer.ref,
	};
	daemon_start(2, false);
	if (!wait_for(two_serves))
		return -1;
	sleep_ms(100);
	return 0;
}

static int teardown(void **state)
{
	free(bytes);
	daemons_end();
	dirs_remove();
	return 0;
}

static int offered_wire(const struct kqd_offer_wire *wire)
{
	int fd = connect_to(2);

	assert_int_equal(send(fd, wire, sizeof(*wire), 0), sizeof(*wire));
	return fd;
}

static int offered(const struct kqd_offer *o)
{
	struct kqd_offer_wire wire;

	kqd_offer_encode(&wire, o);
	return offered_wire(&wire);
}

/* The next answer that is not to wait; -1: none within @ms. */
static int answered(int fd, int ms, uint64_t *offset, char *why)
{
	struct kqd_answer_wire wire;
	enum kqd_answer answer;
	uint64_t at;

	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, ms) != 1 ||
		    recv(fd, &wire, sizeof(wire), MSG_WAITALL) != sizeof(wire))
			return -1;
		assert_int_equal(kqd_answer_decode(&wire, &answer, &at), 0);
	} while (answer == KQD_ANSWER_WORKING);
	if (offset)
		*offset = at;
	if (why)
		strcpy(why, wire.why);
	return answer;
}

static int answer_of(int fd)
{
	int answer = answered(fd, 3000, NULL, NULL);

	close(fd);
	return answer;
}

static void send_all(int fd, const char *from, size_t len)
{
	while (len) {
		ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;		/* it has seen enough */
		from += n;
		len -= n;
	}
}

static void a_good_one_is_taken(void **state)
{
	int fd = offered(&offer);
	uint64_t offset = 1;

	assert_int_equal(answered(fd, 3000, &offset, NULL), KQD_ANSWER_GO);
	assert_int_equal(offset, 0);
	send_all(fd, bytes, offer.ref.bytes);
	assert_int_equal(answer_of(fd), KQD_ANSWER_DONE);
	assert_true(dir_has_ref(2, &offer.ref));
	assert_int_equal(fake->node[2].installs, 1);
}

static void an_offer_in_small_pieces_is_understood(void **state)
{
	struct kqd_offer_wire wire;
	int fd = connect_to(2);
	unsigned int i;

	kqd_offer_encode(&wire, &offer);
	for (i = 0; i < sizeof(wire); i += 4) {
		assert_int_equal(send(fd, (char *)&wire + i, 4, 0), 4);
		sleep_ms(5);
	}
	assert_int_equal(answer_of(fd), KQD_ANSWER_GO);
}

static void who_goes_on_begins_where_it_ended(void **state)
{
	int fd = offered(&offer);
	uint64_t offset = 1;

	assert_int_equal(answered(fd, 3000, &offset, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, 700000);
	sleep_ms(200);
	close(fd);
	sleep_ms(200);
	fd = offered(&offer);
	assert_int_equal(answered(fd, 3000, &offset, NULL), KQD_ANSWER_GO);
	assert_int_equal(offset, 700000);
	send_all(fd, bytes + offset, offer.ref.bytes - offset);
	assert_int_equal(answer_of(fd), KQD_ANSWER_DONE);
	assert_true(dir_has_ref(2, &offer.ref));
}

/* Of the same index and term, but not the same bytes. */
static void parts_of_two_snapshots_are_not_mixed(void **state)
{
	struct kqd_offer other = offer;
	int fd = offered(&offer);
	uint64_t offset = 1;

	assert_int_equal(answered(fd, 3000, &offset, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, 700000);
	sleep_ms(200);
	close(fd);
	sleep_ms(200);
	other.ref.crc++;
	fd = offered(&other);
	assert_int_equal(answered(fd, 3000, &offset, NULL), KQD_ANSWER_GO);
	assert_int_equal(offset, 0);
	close(fd);
}

#define WITH(field, value) ({			\
	struct kqd_offer o = offer;		\
	o.field = (value);			\
	answer_of(offered(&o)); })

static void strangers_are_refused(void **state)
{
	assert_int_equal(WITH(cluster, 0xdecaf), KQD_ANSWER_REFUSED);
	assert_int_equal(WITH(to, 3), KQD_ANSWER_REFUSED);
	assert_int_equal(WITH(whom, 7), KQD_ANSWER_REFUSED);
	assert_int_equal(WITH(identity, 7), KQD_ANSWER_REFUSED);
	assert_int_equal(WITH(origin, 7), KQD_ANSWER_REFUSED);
	assert_int_equal(WITH(from, 4), KQD_ANSWER_REFUSED);
	assert_int_equal(dir_files(2, ""), 0);
	assert_int_equal(WITH(ref.index, 500), KQD_ANSWER_HAVE);
	assert_int_equal(WITH(ref.index, 1000), KQD_ANSWER_GO);
}

static void another_version_is_refused_by_name(void **state)
{
	struct kqd_offer_wire wire[2] = { 0 };
	char why[KQD_ANSWER_WHY];
	int fd = connect_to(2);

	kqd_offer_encode(wire, &offer);
	wire[0].version = cpu_to_le16(KQD_SHIP_VERSION + 1);
	wire[0].length = cpu_to_le16(sizeof(wire));
	/* It may be longer. */
	assert_int_equal(send(fd, wire, sizeof(wire), 0), sizeof(wire));
	assert_int_equal(answered(fd, 3000, NULL, why), KQD_ANSWER_REFUSED);
	assert_non_null(strstr(why, "version 2"));
	close(fd);
	kqd_offer_encode(wire, &offer);
	wire[0].crc ^= cpu_to_le32(1);
	assert_int_equal(answer_of(offered_wire(wire)), KQD_ANSWER_REFUSED);
	assert_int_equal(dir_files(2, ""), 0);
}

static void a_leader_takes_none(void **state)
{
	fake_lock();
	fake->node[2].role = KQUORUM_LEADER;
	fake->node[2].leader = 2;
	fake_unlock();
	fake_wake(2, KQUORUM_EVENT_LEADER);
	sleep_ms(100);
	assert_int_equal(answer_of(offered(&offer)), KQD_ANSWER_REFUSED);
}

static bool no_files(void) { return !dir_files(2, ""); }

static void sent_with(size_t at, char flip, enum kqd_answer want)
{
	int fd = offered(&offer);

	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	bytes[at] ^= flip;
	send_all(fd, bytes, offer.ref.bytes);
	bytes[at] ^= flip;
	assert_int_equal(answer_of(fd), want);
}

static void what_arrives_damaged_is_not_installed(void **state)
{
	static const size_t at[] = { 0, 9, 40, 100, 500000, 1000001 };
	unsigned int i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		sent_with(at[i], 1 << i % 8, KQD_ANSWER_DAMAGED);
		assert_true(wait_for(no_files));
	}
	sent_with(offer.ref.bytes - 1, 4, KQD_ANSWER_DAMAGED);
	assert_int_equal(fake->node[2].installs, 0);
	assert_true(wait_for(no_files));
	/* Nothing of it is gone on with. */
	sent_with(0, 0, KQD_ANSWER_DONE);
	assert_true(dir_has_ref(2, &offer.ref));
}

/* It is whole, and right, and of a state that was not offered. */
static void another_snapshot_than_was_offered_is_not_installed(void **state)
{
	int fd;

	offer.ref.crc ^= 1;
	sent_with(0, 0, KQD_ANSWER_DAMAGED);
	offer.ref.crc ^= 1;
	offer.ref.term++;
	sent_with(0, 0, KQD_ANSWER_DAMAGED);
	offer.ref.term--;
	/* Longer or shorter than was said. */
	offer.ref.bytes--;
	sent_with(0, 0, KQD_ANSWER_DAMAGED);
	offer.ref.bytes += 2;
	fd = offered(&offer);
	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, offer.ref.bytes - 1);
	send_all(fd, "x", 1);
	assert_int_equal(answer_of(fd), KQD_ANSWER_DAMAGED);
	assert_int_equal(fake->node[2].installs, 0);
	assert_true(wait_for(no_files));
}

static void what_the_module_refuses_is_said(void **state)
{
	char why[KQD_ANSWER_WHY];
	int fd;

	fake_lock();
	fake->node[2].hand_error = -EXDEV;
	fake_unlock();
	fd = offered(&offer);
	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, offer.ref.bytes);
	assert_int_equal(answered(fd, 3000, NULL, why), KQD_ANSWER_FAILED);
	assert_string_equal(why, "told to refuse");
	close(fd);
	assert_true(wait_for(no_files));
}

static void one_is_taken_at_a_time(void **state)
{
	struct kqd_offer from3 = offer;
	int fd = offered(&offer);

	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, 500000);
	from3.from = 3;
	from3.identity = 3;
	assert_int_equal(answer_of(offered(&from3)), KQD_ANSWER_BUSY);
	assert_int_equal(dir_files(2, ".part"), 1);
	send_all(fd, bytes + 500000, offer.ref.bytes - 500000);
	assert_int_equal(answer_of(fd), KQD_ANSWER_DONE);
}

/* Its first connection broke, and the receiver has not noticed. */
static void who_comes_again_takes_its_own_place(void **state)
{
	int fd = offered(&offer), second;

	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, 500000);
	sleep_ms(100);
	assert_int_equal(answer_of(offered(&offer)), KQD_ANSWER_BUSY);
	sleep_ms(100);
	second = offered(&offer);
	assert_int_equal(answered(second, 3000, NULL, NULL), KQD_ANSWER_GO);
	close(second);
	close(fd);
}

static void who_falls_silent_is_sent_away(void **state)
{
	struct kqd_offer from3 = offer;
	uint64_t begun = kqd_now_ns();
	int fd = offered(&offer), half = connect_to(2);
	struct kqd_offer_wire wire;

	kqd_offer_encode(&wire, &offer);
	send(half, &wire, 20, 0);
	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, 500000);
	/* Half an offer does not hold it up for long. */
	assert_true(closed_without_a_word(half, 2000));
	close(half);
	assert_true(closed_without_a_word(fd, 8000));
	assert_in_range(kqd_now_ns() - begun, 4 * KQD_NS_PER_SEC, 8 * KQD_NS_PER_SEC);
	close(fd);
	from3.from = 3;
	from3.identity = 3;
	fd = offered(&from3);
	assert_int_equal(answer_of(fd), KQD_ANSWER_GO);
}

/* Once it has caught up by the log. */
static void what_is_not_needed_any_more_is_given_up(void **state)
{
	int fd = offered(&offer);

	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, 500000);
	sleep_ms(200);
	fake_lock();
	fake->node[2].applied = 1500;
	fake_unlock();
	fake_wake(2, KQUORUM_EVENT_SNAPSHOT);
	assert_int_equal(answer_of(fd), KQD_ANSWER_HAVE);
	assert_true(wait_for(no_files));
}

#define CROWD 30

/* All with half an offer. */
static void make_crowd(int *fd)
{
	struct kqd_offer_wire wire;
	unsigned int i;

	kqd_offer_encode(&wire, &offer);
	for (i = 0; i < CROWD; i++) {
		fd[i] = connect_to(2);
		send(fd[i], &wire, sizeof(wire) / 2, 0);
	}
}

/* How many of them are sent away at once; -1: too slow to tell from the time limit. */
static int crowd_sent_away(void)
{
	uint64_t begun = kqd_now_ns();
	int fd[CROWD], i, away = 0;

	make_crowd(fd);
	sleep_ms(200);
	for (i = 0; i < CROWD; i++) {
		away += closed_without_a_word(fd[i], 0);
		close(fd[i]);
	}
	return kqd_now_ns() - begun < 400 * KQD_NS_PER_MS ? away : -1;
}

static void a_crowd_keeps_nobody_out(void **state)
{
	int crowd[CROWD], fd, away = -1;
	unsigned int i;

	for (i = 0; i < 10 && away < 0; i++)
		away = crowd_sent_away();
	assert_int_equal(away, CROWD - KQD_RECEIVES);
	make_crowd(crowd);
	fd = offered(&offer);
	assert_int_equal(answered(fd, 3000, NULL, NULL), KQD_ANSWER_GO);
	send_all(fd, bytes, offer.ref.bytes);
	assert_int_equal(answer_of(fd), KQD_ANSWER_DONE);
	for (i = 0; i < CROWD; i++)
		close(crowd[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_one_is_taken),
		TEST(an_offer_in_small_pieces_is_understood),
		TEST(who_goes_on_begins_where_it_ended),
		TEST(parts_of_two_snapshots_are_not_mixed),
		TEST(strangers_are_refused),
		TEST(another_version_is_refused_by_name),
		TEST(a_leader_takes_none),
		TEST(what_arrives_damaged_is_not_installed),
		TEST(another_snapshot_than_was_offered_is_not_installed),
		TEST(what_the_module_refuses_is_said),
		TEST(one_is_taken_at_a_time),
		TEST(who_comes_again_takes_its_own_place),
		TEST(who_falls_silent_is_sent_away),
		TEST(what_is_not_needed_any_more_is_given_up),
		TEST(a_crowd_keeps_nobody_out),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_offer", tests, NULL, NULL);
}
