// SPDX-License-Identifier: GPL-2.0
/* Prints the digests of lockstep.h, which tests/kunit/kunit.t compares with the kernel's. */
#include <linux/kquorum.h>

#include "kq_core.h"
#include "../kunit/lockstep.h"

int main(void)
{
	u64 applied, sum = 0;
	u32 seed;

	for (seed = 1; seed <= LOCKSTEP_SEEDS; seed++) {
		printf("# lockstep %u %08x\n", seed, lockstep_run(seed, &applied));
		sum += applied;
	}
	printf("%s 1 - %u traces through three cores, %llu entries applied, nothing is left\n1..1\n",
	       sum > 20 * LOCKSTEP_SEEDS && !kq_alloc_live ? "ok" : "not ok", LOCKSTEP_SEEDS,
	       (unsigned long long)sum);
	return sum <= 20 * LOCKSTEP_SEEDS || kq_alloc_live;
}
