// SPDX-License-Identifier: GPL-2.0
/* Monotonic time and deadlines for poll(). */
#include <errno.h>
#include <time.h>

#include "cli.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int poll_ms(uint64_t deadline_ns, int most)
{
	uint64_t now, ms;

	if (deadline_ns == KQUORUM_NEVER)
		return most;
	now = now_ns();
	if (now >= deadline_ns)
		return 0;
	ms = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	if (most >= 0 && ms > (uint64_t)most)
		return most;
	return ms > 1000000 ? 1000000 : (int)ms;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}
