// SPDX-License-Identifier: GPL-2.0
/* Configurations: which can be used, and what a majority of them is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kq_conf.h"

/* Five nodes: every half, every set of answers. */
#define SETS	(1u << 5)
#define SET(bits) ((kq_nodes)(bits) << 1)

/* Said once more, by counting one node after the other. */
static bool most(kq_nodes half, kq_nodes who)
{
	int in = 0, out = 0;
	u32 id;

	for (id = 1; id <= KQ_MAX_NODES; id++) {
		if (!(half >> id & 1))
			continue;
		if (who >> id & 1)
			in++;
		else
			out++;
	}
	return in > out;
}

static bool both(const struct kq_conf *conf, kq_nodes who)
{
	return most(conf->voters, who) && (!conf->outgoing || most(conf->outgoing, who));
}

static void each_half_of_a_joint_configuration_must_agree(void **state)
{
	u32 voters, outgoing, yes, no;

	(void)state;
	for (voters = 1; voters < SETS; voters++) {
		for (outgoing = 0; outgoing < SETS; outgoing++) {
			struct kq_conf conf = { .voters = SET(voters), .outgoing = SET(outgoing) };

			for (yes = 0; yes < SETS; yes++) {
				no = (yes * 7 + voters) % SETS & ~yes;
				assert_int_equal(kq_conf_decided(&conf, SET(yes), SET(no)),
						 both(&conf, SET(yes)) ? 1 :
						 !both(&conf, ~SET(no)) ? -1 : 0);
			}
		}
	}
}

/* Whatever two sets decide, they have a node in common; also while one conf replaces the other. */
static void two_majorities_meet(void **state)
{
	u32 old, new, a, b;

	(void)state;
	for (old = 1; old < SETS; old++) {
		for (new = 1; new < SETS; new++) {
			struct kq_conf joint = { .voters = SET(new), .outgoing = SET(old) };
			struct kq_conf end[] = { { .voters = SET(old) }, { .voters = SET(new) } };

			for (a = 0; a < SETS; a++) {
				if (kq_conf_decided(&joint, SET(a), 0) <= 0)
					continue;
				b = ~a % SETS;
				assert_true(kq_conf_decided(&joint, SET(b), 0) <= 0);
				assert_true(kq_conf_decided(&end[0], SET(b), 0) <= 0);
				assert_true(kq_conf_decided(&end[1], SET(b), 0) <= 0);
			}
		}
	}
}

/* As far as a majority has come, a majority has come; and no further. */
static void what_is_reached_is_what_a_majority_has(void **state)
{
	u32 voters, outgoing, round, id;

	(void)state;
	for (voters = 1; voters < SETS; voters++) {
		for (outgoing = 0; outgoing < SETS; outgoing++) {
			struct kq_conf conf = { .voters = SET(voters), .outgoing = SET(outgoing) };

			for (round = 0; round < 8; round++) {
				u64 value[KQ_MAX_NODES + 1], reached;
				kq_nodes there = 0, beyond = 0;

				for (id = 0; id <= KQ_MAX_NODES; id++)
					value[id] = (id * 5 + round * 3 + voters) % 7;
				reached = kq_conf_reached(&conf, value);
				for (id = 1; id <= 5; id++) {
					there |= value[id] >= reached ? kq_node_bit(id) : 0;
					beyond |= value[id] > reached ? kq_node_bit(id) : 0;
				}
				assert_true(both(&conf, there));
				assert_false(both(&conf, beyond));
			}
		}
	}
}

static void learners_decide_nothing(void **state)
{
	struct kq_conf conf = { .voters = SET(0x3), .learners = SET(0x1c) };
	u64 value[KQ_MAX_NODES + 1] = { 0, 4, 3, 9, 9, 9 };

	(void)state;
	assert_int_equal(kq_conf_decided(&conf, SET(0x1d), 0), 0);
	assert_int_equal(kq_conf_decided(&conf, SET(0x3), SET(0x1c)), 1);
	assert_int_equal(kq_conf_decided(&conf, 0, SET(0x1c)), 0);
	assert_int_equal(kq_conf_reached(&conf, value), 3);
	conf.voters = 0;
	assert_int_equal(kq_conf_reached(&conf, value), 0);
	conf.voters = SET(0x3);
	assert_false(kq_conf_votes(&conf, 3));
	assert_true(kq_conf_votes(&conf, 2));
	assert_int_equal(kq_conf_members(&conf), SET(0x1f));
}

static void what_cannot_be_used_is_refused(void **state)
{
	static const struct {
		struct kq_conf conf;
		const char *why;
	} given[] = {
		{ { .voters = 0x2 }, NULL },
		{ { .voters = KQ_NODES_BITS }, NULL },
		{ { .voters = 0xe, .outgoing = 0x1c, .learners = 0x10 }, NULL },
		{ { .voters = 0xe, .learners = 0x30 }, NULL },
		{ { .learners = 0x2 }, "it has no voters" },
		{ { .outgoing = 0x2 }, "it has no voters" },
		{ { .voters = 0x3 }, "a node id is out of range" },
		{ { .voters = 0x2, .outgoing = 0x1 }, "a node id is out of range" },
		{ { .voters = 0x2, .learners = 2u << KQ_MAX_NODES }, "a node id is out of range" },
		{ { .voters = 0x6, .learners = 0x4 }, "a node is voter and learner" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		const char *why = kq_conf_check(&given[i].conf);

		if (given[i].why)
			assert_string_equal(why, given[i].why);
		else
			assert_null(why);
	}
}

/* Who has left may have had no name. */
static void who_has_left_is_written_with_a_name_or_without(void **state)
{
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	const char *names[KQ_MAX_NODES + 1] = { [4] = "n4" };
	struct kq_settings set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000,
				   .delta_ms = 50, .drift_ppm = 500 };
	struct kq_conf conf = { .voters = 0x2, .left = 0x30, .origin = 3, .before = set, .now = set };
	struct kq_conf read = {};
	u8 payload[KQ_CONF_MAX];
	u32 len;

	(void)state;
	conf.identity[1] = 3;
	conf.left_identity[4] = 8;
	conf.left_identity[5] = 9;
	len = kq_conf_write(&conf, nameless, names, payload);
	assert_null(kq_conf_read(payload, len, &read));
	assert_int_equal(read.left, conf.left);
	assert_string_equal(kq_conf_left(payload, &read, 4)->name, "n4");
	assert_string_equal(kq_conf_left(payload, &read, 5)->name, "");
	assert_int_equal(kq_conf_write(&conf, nameless, NULL, payload), len);
	assert_string_equal(kq_conf_left(payload, &read, 4)->name, "");
	assert_null(kq_conf_left(payload, &read, 1));
}

static void nodes_are_told_one_after_the_other(void **state)
{
	u32 seen[KQ_MAX_NODES], count = 0, id;

	(void)state;
	kq_for_each_node(0x8124, id)
		seen[count++] = id;
	assert_int_equal(count, 4);
	assert_int_equal(kq_node_count(0x8124), 4);
	assert_int_equal(seen[0], 2);
	assert_int_equal(seen[1], 5);
	assert_int_equal(seen[2], 8);
	assert_int_equal(seen[3], 15);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_half_of_a_joint_configuration_must_agree),
		cmocka_unit_test(two_majorities_meet),
		cmocka_unit_test(what_is_reached_is_what_a_majority_has),
		cmocka_unit_test(learners_decide_nothing),
		cmocka_unit_test(what_cannot_be_used_is_refused),
		cmocka_unit_test(who_has_left_is_written_with_a_name_or_without),
		cmocka_unit_test(nodes_are_told_one_after_the_other),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
