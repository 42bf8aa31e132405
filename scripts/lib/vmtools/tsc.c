// SPDX-License-Identifier: GPL-2.0
/*
 * kq-tsc: the frequency of this machine's time stamp counter, in kHz. An emulated
 * machine (QEMU's TCG) sees the same counter; measuring it at its boot fails on a busy
 * host, by a factor of six even, and its clock would run that much too fast.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef __x86_64__
#include <x86intrin.h>

struct moment {
	uint64_t ticks, ns;
};

/* Both counters at once: of many tries the one that was interrupted least. */
static struct moment now(void)
{
	struct moment best = { 0, 0 };
	uint64_t least = UINT64_MAX;
	int i;

	for (i = 0; i < 200; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best.ticks = before + least / 2;
		best.ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	return best;
}

int main(void)
{
	struct timespec pause = { 0, 100000000 };
	struct moment a = now(), b;

	nanosleep(&pause, NULL);
	b = now();
	printf("%.0f\n", (b.ticks - a.ticks) * 1e6 / (b.ns - a.ns));
	return 0;
}
#else
int main(void)
{
	return 1;	/* QEMU makes a counter of its own then, which is slower and easier to measure */
}
#endif
