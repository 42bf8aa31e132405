// SPDX-License-Identifier: GPL-2.0
/*
 * What decides about snapshots without doing anything: when to save, how fast to send, what an
 * offer and an answer may say, what a file is called.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../kmod/core/kq_platform.h"
#include "../../userspace/daemon/policy.h"
#include "../../userspace/daemon/shipwire.h"
#include "../../userspace/daemon/throttle.h"
#include "../../userspace/lib/snapshots.h"

#define MIB (1 << 20)
#define SEC 1000000000ULL

static struct kqd_policy_input calm(void)
{
	return (struct kqd_policy_input){
		.log_percent = 50,
		.entries = 1000,
		.capacity = 512 * MIB,
		.used = 100 * MIB,
		.applied = 500,
	};
}

static void many_entries_are_a_reason(void **state)
{
	struct kqd_policy_input in = calm();
	struct kqd_policy p = { 0 };

	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.applied = 999;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.applied = 1000;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_ENTRIES);
	in.index = 1000;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.applied = 2000;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_ENTRIES);
}

static void a_save_rests_while_it_is_far_enough(void **state)
{
	struct kqd_policy_pace p = { .expected = 100 * MIB, .room_then = 256 * MIB,
				     .room = 256 * MIB, .capacity = 512 * MIB };

	(void)state;
	assert_int_equal(kqd_policy_rest(&p, 1000), 4000);
	/* A quarter of the room is gone: a third of the snapshot has to be there. */
	p.room = 192 * MIB;
	assert_int_equal(kqd_policy_rest(&p, 1000), 0);
	p.done = 33 * MIB;
	assert_int_equal(kqd_policy_rest(&p, 1000), 0);
	p.done = 34 * MIB;
	assert_int_equal(kqd_policy_rest(&p, 1000), 4000);
	/* It became larger than the last one. */
	p.done = 101 * MIB;
	p.room = 65 * MIB;
	assert_int_equal(kqd_policy_rest(&p, 1000), 4000);
	p.room = 64 * MIB;
	assert_int_equal(kqd_policy_rest(&p, 1000), 0);
	/* Meanwhile there is more room than before. */
	p.room = 300 * MIB;
	assert_int_equal(kqd_policy_rest(&p, 1000), 4000);
}

static void a_save_that_begins_late_does_not_rest(void **state)
{
	struct kqd_policy_pace p = { .done = 50 * MIB, .expected = 100 * MIB,
				     .room_then = 60 * MIB, .room = 60 * MIB, .capacity = 512 * MIB };

	(void)state;
	assert_int_equal(kqd_policy_rest(&p, 1000), 0);
	p = (struct kqd_policy_pace){ 0 };
	assert_int_equal(kqd_policy_rest(&p, 1000), 0);
}

static void a_node_that_needs_a_newer_one_is_a_reason(void **state)
{
	struct kqd_policy_input in = calm();
	struct kqd_policy p = { 0 };

	in.index = in.needed = 400;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.needed = 450;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_PEER);
	/* Not before this node has been there itself. */
	in.needed = 501;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
}

static void a_log_that_fills_up_is_a_reason(void **state)
{
	struct kqd_policy_input in = calm();
	struct kqd_policy p = { 0 };

	in.used = 255 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.used = 257 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_BYTES);
	in.log_percent = 80;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.used = 415 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_BYTES);
}

/* It frees whole segments only: as long as little was written since, the next frees nothing. */
static void snapshots_do_not_chase_each_other(void **state)
{
	struct kqd_policy_input in = calm();
	struct kqd_policy p = { 0 };

	in.used = 400 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_BYTES);
	in.index = in.applied++;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.used += 31 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.used += 2 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_BYTES);
	/* Segments that were given back later count as well. */
	in.used = 300 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.used = 333 * MIB;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_BYTES);
}

static void a_full_log_takes_what_it_can_get(void **state)
{
	struct kqd_policy_input in = calm();
	struct kqd_policy p = { 0 };

	in.used = 500 * MIB;
	in.index = 499;
	kqd_policy_step(&p, &in);
	in.index = 500;
	in.applied = 501;
	in.full = true;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_BYTES);
	in.applied = 500;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
}

static void who_asks_is_answered_if_there_is_something_new(void **state)
{
	struct kqd_policy_input in = calm();
	struct kqd_policy p = { 0 };

	in.by_hand = true;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_HAND);
	in.index = 500;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.by_hand = false;
	in.lost = true;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_NOT);
	in.applied = 501;
	assert_int_equal(kqd_policy_step(&p, &in), KQD_POLICY_LOST);
}

/* Sends pieces as fast as it may for a second: how many bytes? */
static uint64_t sent_in_a_second(struct kqd_throttle *t, uint64_t rate, uint64_t from)
{
	uint64_t now = from, sent = 0, wait;

	while (now < from + SEC) {
		wait = kqd_throttle_wait(t, now);
		if (wait) {
			now += wait;
			continue;
		}
		kqd_throttle_take(t, rate, now, 10000);
		sent += 10000;
	}
	return sent;
}

static void the_rate_is_kept(void **state)
{
	struct kqd_throttle t = { 0 };
	uint64_t sent = sent_in_a_second(&t, MIB, SEC);

	assert_in_range(sent, MIB, MIB + MIB / 8);
	sent = sent_in_a_second(&t, MIB, 2 * SEC);
	assert_in_range(sent, MIB - 20000, MIB + 20000);
	/* An hour of nothing is no reason for a burst. */
	sent = sent_in_a_second(&t, MIB, 3600 * SEC);
	assert_in_range(sent, MIB, MIB + MIB / 8);
	kqd_throttle_take(&t, 0, 3700 * SEC, MIB);
	assert_int_equal(kqd_throttle_wait(&t, 3700 * SEC), 0);
}

static const struct kqd_offer good = {
	.from = 1, .to = 2, .cluster = 3, .origin = 4, .identity = 5, .whom = 6,
	.ref = { .index = 7, .term = 8, .bytes = 9, .crc = 10 },
};

static void an_offer_comes_over_as_it_is(void **state)
{
	struct kqd_offer_wire wire;
	struct kqd_offer o;
	char why[128];

	kqd_offer_encode(&wire, &good);
	assert_int_equal(kqd_offer_decode(&wire, sizeof(wire), &o, why, sizeof(why)), 0);
	assert_int_equal(o.ref.index, good.ref.index);
	assert_int_equal(o.ref.term, good.ref.term);
	assert_int_equal(o.ref.bytes, good.ref.bytes);
	assert_int_equal(o.ref.crc, good.ref.crc);
	assert_int_equal(o.whom, 6);
	assert_int_equal(kqd_offer_decode(&wire, sizeof(wire) - 1, &o, why, sizeof(why)), -EAGAIN);
	assert_int_equal(kqd_offer_decode(&wire, sizeof(wire) + 1, &o, why, sizeof(why)), -EPROTO);
}

static void every_bit_of_an_offer_is_covered(void **state)
{
	struct kqd_offer_wire wire;
	struct kqd_offer o;
	char why[128];
	unsigned int i;

	for (i = 0; i < 8 * sizeof(wire); i++) {
		kqd_offer_encode(&wire, &good);
		((char *)&wire)[i / 8] ^= 1 << i % 8;
		assert_true(kqd_offer_decode(&wire, sizeof(wire), &o, why, sizeof(why)) < 0);
	}
}

static int seal(struct kqd_offer_wire *wire)
{
	struct kqd_offer o;
	char why[128];

	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kqd_offer_wire, crc)));
	return kqd_offer_decode(wire, sizeof(*wire), &o, why, sizeof(why));
}

static void offers_of_what_cannot_be_are_refused(void **state)
{
	struct kqd_offer_wire wire;
	struct kqd_offer o;

#define WITH(field, value) (o = good, o.field = (value), kqd_offer_encode(&wire, &o), seal(&wire))
	assert_int_equal(WITH(from, 1), 0);
	assert_int_equal(WITH(from, 0), -EINVAL);
	assert_int_equal(WITH(from, 2), -EINVAL);
	assert_int_equal(WITH(from, 16), -EINVAL);
	assert_int_equal(WITH(identity, 0), -EINVAL);
	assert_int_equal(WITH(whom, 0), -EINVAL);
	assert_int_equal(WITH(origin, 0), -EINVAL);
	assert_int_equal(WITH(ref.index, 0), -EINVAL);
	assert_int_equal(WITH(ref.term, 0), -EINVAL);
	assert_int_equal(WITH(ref.bytes, 0), -EINVAL);
	assert_int_equal(WITH(ref.bytes, 1ULL << 63), -EINVAL);
#undef WITH
	kqd_offer_encode(&wire, &good);
	wire.zero = cpu_to_le32(1);
	assert_int_equal(seal(&wire), -EPROTO);
	kqd_offer_encode(&wire, &good);
	wire.version = cpu_to_le16(KQD_SHIP_VERSION + 1);
	wire.length = cpu_to_le16(500);
	assert_int_equal(seal(&wire), -EPROTONOSUPPORT);
}

static void every_bit_of_an_answer_is_covered(void **state)
{
	struct kqd_answer_wire wire;
	enum kqd_answer answer;
	uint64_t offset;
	unsigned int i;

	kqd_answer_encode(&wire, KQD_ANSWER_GO, 123, "because");
	assert_int_equal(kqd_answer_decode(&wire, &answer, &offset), 0);
	assert_int_equal(answer, KQD_ANSWER_GO);
	assert_int_equal(offset, 123);
	assert_string_equal(wire.why, "because");
	for (i = 0; i < 8 * sizeof(wire); i++) {
		kqd_answer_encode(&wire, KQD_ANSWER_GO, 123, "because");
		((char *)&wire)[i / 8] ^= 1 << i % 8;
		assert_true(kqd_answer_decode(&wire, &answer, &offset) < 0);
	}
	kqd_answer_encode(&wire, KQD_ANSWER_DAMAGED + 1, 0, "");
	assert_int_equal(kqd_answer_decode(&wire, &answer, &offset), -EPROTO);
	kqd_answer_encode(&wire, KQD_ANSWER_FAILED, 0, "");
	memset(wire.why, 'x', sizeof(wire.why));
	wire.crc = cpu_to_le32(kq_crc(0, &wire, offsetof(struct kqd_answer_wire, crc)));
	assert_int_equal(kqd_answer_decode(&wire, &answer, &offset), -EPROTO);
}

static void names_are_read_only_as_they_are_written(void **state)
{
	static const char *const wrong[] = {
		"snapshot-00000000000000000007-3.kqs.new", "snapshot-7-3.kqs",
		"snapshot-00000000000000000007-03.kqs", "snapshot-00000000000000000007-0.kqs",
		"snapshot-00000000000000000000-3.kqs", "snapshot-00000000000000000007-3",
		"snapshot--0000000000000000007-3.kqs", "snapshot-99999999999999999999-3.kqs",
		"xsnapshot-00000000000000000007-3.kqs", "segment-0000", "",
	};
	struct kquorum_snapshot_file f;
	char name[KQUORUM_SNAPSHOT_NAME_MAX];
	unsigned int i;

	kquorum_snapshot_name(name, 7, 3);
	assert_string_equal(name, "snapshot-00000000000000000007-3.kqs");
	assert_true(kquorum_snapshot_parse(name, &f));
	assert_int_equal(f.index, 7);
	assert_int_equal(f.term, 3);
	kquorum_snapshot_name(name, UINT64_MAX, UINT64_MAX);
	assert_true(kquorum_snapshot_parse(name, &f));
	assert_true(f.index == UINT64_MAX && f.term == UINT64_MAX);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(kquorum_snapshot_parse(wrong[i], &f));
}

static void the_newest_come_first(void **state)
{
	static const uint64_t made[] = { 5, 900, 10, 3, 77, 8, 1000, 4, 6, 2 };
	static const uint64_t want[] = { 1000, 900, 77, 10, 8 };
	char base[] = "/tmp/kquorum-test-XXXXXX", command[64];
	struct kquorum_snapshot_file list[5];
	char name[KQUORUM_SNAPSHOT_NAME_MAX];
	int dir, i;

	assert_non_null(mkdtemp(base));
	dir = open(base, O_RDONLY | O_DIRECTORY);
	assert_int_equal(kquorum_snapshots_list(dir, list, 5), 0);
	for (i = 0; i < 10; i++) {
		kquorum_snapshot_name(name, made[i], 1);
		close(openat(dir, name, O_WRONLY | O_CREAT, 0600));
		strcat(name, ".new");
		close(openat(dir, name, O_WRONLY | O_CREAT, 0600));
	}
	assert_int_equal(kquorum_snapshots_list(dir, list, 5), 5);
	for (i = 0; i < 5; i++)
		assert_int_equal(list[i].index, want[i]);
	close(dir);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_entries_are_a_reason),
		cmocka_unit_test(a_save_rests_while_it_is_far_enough),
		cmocka_unit_test(a_save_that_begins_late_does_not_rest),
		cmocka_unit_test(a_node_that_needs_a_newer_one_is_a_reason),
		cmocka_unit_test(a_log_that_fills_up_is_a_reason),
		cmocka_unit_test(snapshots_do_not_chase_each_other),
		cmocka_unit_test(a_full_log_takes_what_it_can_get),
		cmocka_unit_test(who_asks_is_answered_if_there_is_something_new),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(an_offer_comes_over_as_it_is),
		cmocka_unit_test(every_bit_of_an_offer_is_covered),
		cmocka_unit_test(offers_of_what_cannot_be_are_refused),
		cmocka_unit_test(every_bit_of_an_answer_is_covered),
		cmocka_unit_test(names_are_read_only_as_they_are_written),
		cmocka_unit_test(the_newest_come_first),
	};

	return cmocka_run_group_tests_name("daemon_policy", tests, NULL, NULL);
}
