// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum scrub against a node that says what the test wants: libkquorum is replaced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "test.h"

struct cli cli;

static struct kquorum_status status;
static int start_error;
static unsigned int ends_in;	/* statuses until it has ended; 0: as it is */

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	if (ends_in && !--ends_in) {
		status.scrub.running = false;
		status.scrub.ended_ns = 3 * NS_PER_SEC;
	}
	*st = status;
	return 0;
}

int kquorum_scrub_start(struct kquorum *k, uint64_t rate)
{
	(void)k;
	if (start_error)
		return start_error;
	status.scrub.count++;
	status.scrub.running = true;
	status.scrub.rate = rate;
	status.scrub.ended_ns = KQUORUM_NEVER;
	status.scrub.total_bytes = 64 << 20;
	return 0;
}

int kquorum_scrub_stop(struct kquorum *k)
{
	(void)k;
	status.scrub.error = status.scrub.running ? -EINTR : status.scrub.error;
	snprintf(status.scrub.reason, sizeof(status.scrub.reason), "it was stopped");
	ends_in = 2;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	status = (struct kquorum_status){
		.name = "demo", .node_id = 1, .state = KQUORUM_NODE_RUNNING,
		.scrub = { .ended_ns = KQUORUM_NEVER },
	};
	start_error = 0;
	ends_in = 0;
	return 0;
}

static void damaged(void)
{
	status.scrub.damaged_places = 2;
	status.scrub.missing = 12;
	status.scrub.rewritten = 10;
	status.scrub.segment = 3;
	status.scrub.offset_bytes = 8192;
	status.scrub.done_bytes = 64 << 20;
	snprintf(status.scrub.reason, sizeof(status.scrub.reason), "batch 9: 1 bad sectors");
}

static void says_that_there_was_none(void **state)
{
	(void)state;
	assert_int_equal(run(&command_scrub, "scrub status"), 0);
	assert_contains(out, "the log has not been scrubbed since this node was started: "
			"kquorum scrub start\n");
	assert_int_equal(run(&command_scrub, "scrub status -j"), 0);
	assert_contains(out, "\"state\":\t\"never\"");
	assert_contains(out, "\"ended_ago_ms\":\tnull");
}

static void alone_it_starts_one(void **state)
{
	(void)state;
	assert_int_equal(run(&command_scrub, "scrub"), 0);
	assert_contains(out, "scrub running: 0 B of 64 MiB read, 8 MiB/s\n");
	assert_int_equal(run(&command_scrub, "scrub start --rate 1M"), 0);
	assert_contains(out, ", 1 MiB/s\n");
}

static void waits_for_its_end(void **state)
{
	(void)state;
	ends_in = 4;
	damaged();
	assert_int_equal(run(&command_scrub, "scrub start --wait"), 0);
	assert_contains(out, "scrub done 3.0s ago: 64 MiB read\n");
	assert_contains(out, "damaged in 2 places, the first in segment-0003 at byte 8192\n");
	assert_contains(out, "12 entries were lost there: 10 written again, a snapshot stands for "
			"the rest\n");
	assert_contains(out, "check the disk");
	assert_fits();
	ends_in = 4;
	assert_int_equal(run(&command_scrub, "scrub start --wait -j"), 0);
	assert_contains(out, "\"state\":\t\"done\"");
	assert_contains(out, "\"damaged_places\":\t2,\n\t\"entries_missing\":\t12,\n"
			"\t\"entries_rewritten\":\t10");
	assert_contains(out, "\"ended_ago_ms\":\t3000.000");
}

static void says_why_it_failed(void **state)
{
	(void)state;
	ends_in = 3;
	status.scrub.error = -ENOSPC;
	snprintf(status.scrub.reason, sizeof(status.scrub.reason), "no room in the log");
	assert_int_equal(run(&command_scrub, "scrub start --wait"), KQUORUM_EXIT_ERROR);
	assert_contains(out, "scrub failed 3.0s ago");
	assert_contains(out, "it ended early: no room in the log\n");
}

static void stops_one(void **state)
{
	(void)state;
	status.scrub.count = 1;
	status.scrub.running = true;
	assert_int_equal(run(&command_scrub, "scrub stop"), 0);
	assert_contains(out, "scrub stopped 3.0s ago");
}

static void says_why_it_cannot_start(void **state)
{
	(void)state;
	start_error = -EALREADY;
	assert_int_equal(run(&command_scrub, "scrub"), KQUORUM_EXIT_ERROR);
	assert_contains(out, "a scrub is under way: kquorum scrub status, kquorum scrub stop\n");
	start_error = 0;
	status.state = KQUORUM_NODE_DAMAGED;
	assert_int_equal(run(&command_scrub, "scrub"), KQUORUM_EXIT_ERROR);
	assert_contains(out, "this node is damaged: its log cannot be scrubbed; kquorum status "
			"says why\n");
	assert_fits();
}

static void wants_what_it_knows(void **state)
{
	(void)state;
	assert_int_equal(run(&command_scrub, "scrub stat"), KQUORUM_EXIT_USAGE);
	assert_int_equal(run(&command_scrub, "scrub bogus"), KQUORUM_EXIT_USAGE);
	assert_contains(out, "no \"bogus\": start, stop or status");
	assert_int_equal(run(&command_scrub, "scrub start now"), KQUORUM_EXIT_USAGE);
	assert_int_equal(run(&command_scrub, "scrub --rate 1K"), KQUORUM_EXIT_USAGE);
	assert_contains(out, "--rate wants a size from 64K to 1T, as 8M: not \"1K\"");
	assert_int_equal(run(&command_scrub, "scrub status --rate 1M"), KQUORUM_EXIT_USAGE);
	assert_contains(out, "--rate goes with start");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(says_that_there_was_none, setup),
		cmocka_unit_test_setup(alone_it_starts_one, setup),
		cmocka_unit_test_setup(waits_for_its_end, setup),
		cmocka_unit_test_setup(says_why_it_failed, setup),
		cmocka_unit_test_setup(stops_one, setup),
		cmocka_unit_test_setup(says_why_it_cannot_start, setup),
		cmocka_unit_test_setup(wants_what_it_knows, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
