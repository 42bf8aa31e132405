// SPDX-License-Identifier: GPL-2.0
/*
 * The core in the kernel does what it does in user space: digests of the same traces, which
 * kunit.t compares with those of tests/core/lockstep_test.c.
 */
#include <kunit/test.h>
#include <linux/kquorum.h>
#include "core/kq_core.h"
#include "lockstep.h"

static void the_core_gives_the_same_outputs_as_in_user_space(struct kunit *test)
{
	u64 applied, sum = 0;
	u32 seed;

	for (seed = 1; seed <= LOCKSTEP_SEEDS; seed++) {
		u32 digest = lockstep_run(seed, &applied);

		pr_info("lockstep %u %08x\n", seed, digest);
		sum += applied;
	}
	KUNIT_EXPECT_GT(test, sum, 20 * LOCKSTEP_SEEDS);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(the_core_gives_the_same_outputs_as_in_user_space),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_lockstep",
	.test_cases = cases,
};
kunit_test_suite(suite);
