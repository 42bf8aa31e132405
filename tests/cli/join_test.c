// SPDX-License-Identifier: GPL-2.0
/* The lines for other machines: what they say makes the very same settings there. */
#include <stdlib.h>

#include "join.h"
#include "kq_wal_format.h"
#include "status.h"
#include "test.h"

struct cli cli;

static struct line line;

static const char *line_for(const struct kquorum_status *st, uint32_t id, uint32_t instead,
			    const char *name, const char *address)
{
	struct joiner j = { id, instead, name, address };

	join_line(&line, st, &j);
	return line.text;
}

static void scale_makes_both_times_again(void **state)
{
	char text[FORMAT_MAX];
	unsigned int i;

	(void)state;
	for (i = 1000; i <= 1000000; i += 7) {
		uint32_t heartbeat, election, heartbeat2, election2;
		double scale = i / 10000.0;

		scale_times(scale, &heartbeat, &election);
		if (!rtt_scale(heartbeat, election, text))
			fail_msg("no scale for %u and %u (%g)", heartbeat, election, scale);
		scale_times(strtod(text, NULL), &heartbeat2, &election2);
		assert_int_equal(heartbeat2, heartbeat);
		assert_int_equal(election2, election);
	}
	assert_true(rtt_scale(100, 1000, text));
	assert_string_equal(text, "1");
	assert_true(rtt_scale(400, 4000, text));
	assert_string_equal(text, "4");
	/* 0.1045-fold: each is rounded by itself. */
	assert_true(rtt_scale(10, 105, text));
	assert_false(rtt_scale(50, 1000, text));
	assert_false(rtt_scale(5, 50, text));
}

static void segments_follow_from_the_capacity(void **state)
{
	static const uint32_t sizes[] = { 256 << 10, 260 << 10, 1 << 20, 64 << 20, 1 << 30 };
	unsigned int i, n;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (n = KQUORUM_MIN_SEGMENTS; n <= KQUORUM_MAX_SEGMENTS; n++) {
			uint64_t capacity = (uint64_t)n * (sizes[i] - KQ_WAL_FIRST);

			assert_int_equal(join_segments(capacity, sizes[i]), n);
		}
	}
	assert_int_equal(join_segments(1000, 0), 0);
}

static void line_says_how_the_cluster_is(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	assert_string_equal(line_for(&st, 4, 0, "n4", "10.0.0.4:7420"),
			    "kquorum join --name demo --cluster-id 0000000000000abc --node n4 "
			    "--listen 10.0.0.4:7420 --founders 3 --id n4=4 "
			    "--peer n1=10.0.0.1:7420 --id n1=1 --peer n2=10.0.0.2:7420 --id n2=2 "
			    "--peer n3=10.0.0.3:7420 --id n3=3");
	st.settings.segment_bytes = 256 << 10;
	st.disk.capacity_bytes = 1000ULL * ((256 << 10) - 8192);
	st.settings.heartbeat_ms = 400;
	st.settings.election_ms = 4000;
	st.settings.lease_ms = 20000;
	st.settings.delta_ms = 5;
	st.settings.drift_ppm = 50;
	assert_contains(line_for(&st, 4, 0, "n4", "h:1"), " --segment-size 256K --segments 1000 "
			"--rtt-scale 4 --lease 20s --delta 5ms --drift 50");
}

static void line_names_members_only(void **state)
{
	struct kquorum_status st = cluster_of(3);
	const char *text;

	(void)state;
	/* Who has left, who joins too, and who makes room. */
	strcpy(newcomer_up(&st, 6)->name, "n6");
	strcpy(node_row(&st, 6)->address, "10.0.0.6:7420");
	learner_up(&st, 5);
	node_down(&st, 3);
	text = line_for(&st, 4, 3, "n3", "10.0.0.3:7420");
	assert_contains(text, "--node n3 --listen 10.0.0.3:7420 --founders 3 --id n3=4");
	assert_null(strstr(text, "n3=3"));
	assert_null(strstr(text, "n3=10.0.0.3"));
	assert_null(strstr(text, "n6"));
	assert_contains(text, "--peer n5=10.0.0.5:7420 --id n5=5");
}

static void line_is_safe_from_the_shell(void **state)
{
	struct kquorum_status st = cluster_of(1);
	char buf[200];

	(void)state;
	strcpy(st.peers[0].address, "[fe80::1%eth0]:7420");
	assert_contains(line_for(&st, 4, 0, "n4", "[::1]:7420"),
			"--listen '[::1]:7420' --founders 1 --id n4=4 --peer n1='[fe80::1%eth0]:7420'");
	assert_string_equal(shell_quote(buf, sizeof(buf), "/a/b-c_d.e=f"), "/a/b-c_d.e=f");
	assert_string_equal(shell_quote(buf, sizeof(buf), "a b"), "'a b'");
	assert_string_equal(shell_quote(buf, sizeof(buf), "it's"), "'it'\\''s'");
	assert_string_equal(shell_quote(buf, sizeof(buf), ""), "''");
}

static void settings_by_hand_are_said(void **state)
{
	struct kquorum_status st = cluster_of(3);

	(void)state;
	join_remark(&line, &st);
	assert_string_equal(line.text, "");
	st.settings.heartbeat_ms = 50;
	join_remark(&line, &st);
	assert_string_equal(line.text, "in its kquorum.conf set heartbeat_ms = 50 and election_ms = 1000, "
			    "as on the others");
	assert_null(strstr(line_for(&st, 4, 0, "n4", "h:1"), "--rtt-scale"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scale_makes_both_times_again),
		cmocka_unit_test(segments_follow_from_the_capacity),
		cmocka_unit_test(line_says_how_the_cluster_is),
		cmocka_unit_test(line_names_members_only),
		cmocka_unit_test(line_is_safe_from_the_shell),
		cmocka_unit_test(settings_by_hand_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
