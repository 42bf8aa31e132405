// SPDX-License-Identifier: GPL-2.0
/* kquorum settings against a leader of our own, which lives on between the commands. */
#include <errno.h>
#include <signal.h>

#include "child.h"
#include "leader.h"
#include "test.h"

struct cli cli;

static int setup(void **state)
{
	(void)state;
	leader_begin(3);
	return 0;
}

static int settings(const char *words)
{
	char text[400];

	snprintf(text, sizeof(text), "settings %s", words);
	return run(&command_settings, text);
}

static void shows_what_is_in_effect(void **state)
{
	(void)state;
	assert_int_equal(settings(""), 0);
	assert_contains(out, "heartbeat  100ms");
	assert_contains(out, "election   1s");
	assert_contains(out, "lease      10s");
	assert_contains(out, "delta      250ms");
	assert_contains(out, "drift      500");
	assert_null(strstr(out, "BEFORE"));
	assert_null(strstr(out, "Both"));
	assert_fits();
	assert_int_equal(settings("show"), 0);
	assert_contains(out, "lease      10s");
	assert_int_equal(settings("-j"), 0);
	assert_contains(out, "\"lease_ms\":\t10000");
	assert_contains(out, "\"before\":\tnull");
	assert_contains(out, "\"overlap_left_ns\":\tnull");
	assert_contains(out, "\"configuration_settled\":\ttrue");
	w->st.conf_index = 0;
	assert_int_equal(settings(""), 0);
	assert_contains(out, "kquorum.conf");
	assert_fits();
}

static void a_change_is_made_and_shown(void **state)
{
	(void)state;
	assert_int_equal(settings("set lease=20s drift=50"), 0);
	assert_int_equal(w->changes, 1);
	assert_int_equal(w->st.settings.lease_ms, 20000);
	assert_int_equal(w->st.settings.drift_ppm, 50);
	assert_int_equal(w->st.settings.delta_ms, 250);	/* what is not named stays */
	assert_int_equal(w->st.settings.segment_bytes, 64 << 20);
	assert_contains(out, "BEFORE");
	assert_contains(out, "lease      20s    10s");
	assert_contains(out, "That is in 21.0s.");
	assert_fits();
	assert_int_equal(settings("show -j"), 0);
	assert_contains(out, "\"overlap_left_ns\":\t21000000000");
	/* The same once more is so already; another one has to wait. */
	assert_int_equal(settings("set lease=20s"), 0);
	assert_int_equal(w->changes, 1);
	assert_int_equal(settings("set lease=30s"), 75);
	assert_contains(out, "for another 21.0s");
	assert_contains(out, "kquorum settings shows");
	assert_fits();
	w->st.overlap = false;
	assert_int_equal(settings("set lease=30s heartbeat=50ms election=500ms delta=0"), 0);
	assert_int_equal(w->changes, 2);
	assert_int_equal(w->st.settings.heartbeat_ms, 50);
	assert_int_equal(w->st.settings.delta_ms, 0);
}

static void what_cannot_be_is_told_before_it_is_asked_for(void **state)
{
	static const struct { const char *words, *why; } given[] = {
		{ "set", "what is to be set?" },
		{ "set lease", "is not SETTING=VALUE" },
		{ "set =5s", "is not SETTING=VALUE" },
		{ "set leas=5s", "did you mean lease?" },
		{ "set colour=5s", "heartbeat, election, lease, delta or drift" },
		{ "set lease=5x", "is not a time" },
		{ "set lease=0.5ms", "is not a" },
		{ "set lease=2h", "up to an hour" },
		{ "set drift=100001", "drift" },
		{ "set lease=20s lease=30s", "lease is given twice" },
		{ "set election=200ms", "must be at least 3 times heartbeat_ms" },
		{ "set lease=1s", "must be more than election_ms" },
		{ "set delta=10s", "must be more than delta_ms" },
		{ "set heartbeat=1ms", "must be from 5 to 10000" },
		{ "sett lease=20s", "did you mean set" },
		{ "show lease", "one word too many" },
		{ "-w 5", "--wait is for set" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		assert_int_equal(settings(given[i].words), KQUORUM_EXIT_USAGE);
		assert_contains(out, given[i].why);
		assert_fits();
	}
	assert_int_equal(w->changes, 0);
}

static void whoever_leads_is_to_be_asked(void **state)
{
	(void)state;
	w->st.role = KQUORUM_FOLLOWER;
	w->st.leader = 2;
	assert_int_equal(settings("set lease=20s delta=500ms"), 75);
	assert_contains(out, "n2 leads: run there\n  kquorum settings set lease=20s delta=500ms\n");
	w->st.overlap = true;
	w->st.overlap_left_ns = KQUORUM_NEVER;
	assert_int_equal(settings(""), 0);
	assert_contains(out, "knows the leader, n2");
	w->st.overlap = false;
	w->st.leader = 0;
	w->st.quorum = false;
	assert_int_equal(settings("set lease=20s -w 0"), 69);
	assert_contains(out, "there is no leader");
	assert_contains(out, "to go on with it: kquorum settings set lease=20s\n");
	w->st.left = true;
	assert_int_equal(settings("set lease=20s"), 1);
	assert_contains(out, "has left the cluster");
	assert_fits();
}

static void what_passes_is_waited_for(void **state)
{
	(void)state;
	w->errors[0] = -EBUSY;
	w->errors[1] = -EAGAIN;
	w->errors[2] = -ESTALE;
	assert_int_equal(settings("set lease=20s"), 0);
	assert_int_equal(w->refused, 3);
	assert_int_equal(w->changes, 1);
}

static void what_does_not_pass_is_said(void **state)
{
	(void)state;
	w->errors[0] = -ENOSPC;
	assert_int_equal(settings("set lease=20s"), 1);
	assert_contains(out, "the library's words");
	assert_int_equal(w->changes, 0);
}

#define IN_A_CLUSTER(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_A_CLUSTER(shows_what_is_in_effect),
		IN_A_CLUSTER(a_change_is_made_and_shown),
		IN_A_CLUSTER(what_cannot_be_is_told_before_it_is_asked_for),
		IN_A_CLUSTER(whoever_leads_is_to_be_asked),
		IN_A_CLUSTER(what_passes_is_waited_for),
		IN_A_CLUSTER(what_does_not_pass_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
