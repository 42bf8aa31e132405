// SPDX-License-Identifier: GPL-2.0
/*
 * What one replica's processor does for a lock and unlock, with 10 of each in the table and with many: the
 * core as the module has it, alone, on this machine. What 'make bench-locks' measures around it (network,
 * disk, processes) is a thousand times more; here it is seen when something of it grows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/resources.h"

#define MANY_ITEMS	100000
#define MANY_WAITERS	10000
#define TURNS		31
#define CYCLES		300

static const struct op {
	const char *what, *name;
	uint16_t flags;
} ops[] = {
	{ "lock and unlock", "free", 0 },
	{ "wait behind all others, and leave the queue", "held000000", 0 },
	{ "share what many share, and give it back", "shared", KQ_ACQUIRE_SHARED },
	{ "wait for what many share, and leave the queue", "shared", 0 },
};

static uint64_t next_owner = 1;

static void take(struct kq_core *c, uint64_t owner, const char *name, uint16_t flags)
{
	uint8_t buf[COMMAND_MAX];

	lone_apply(c, KQ_ENTRY_ACQUIRE, 1 + owner % 3, buf,
		   put_acquire(buf, owner, name, flags, 0, NULL));
}

static struct kq_core *filled(unsigned int items, unsigned int waiters)
{
	struct kq_core *c = lone_create();
	uint8_t buf[COMMAND_MAX];
	char name[32];
	unsigned int i;

	for (i = 0; i < items / 2; i++) {
		snprintf(name, sizeof(name), "pool%06u", i);
		lone_apply(c, KQ_ENTRY_DEFINE, 1, buf,
			   put_define(buf, name, KQ_DEFINE_NEW | KQ_DEFINE_UNITS, 4, 0));
		snprintf(name, sizeof(name), "held%06u", i);
		take(c, next_owner++, name, 0);
	}
	for (i = 0; i < waiters; i++) {
		take(c, next_owner++, "held000000", 0);
		take(c, next_owner++, "shared", KQ_ACQUIRE_SHARED);
	}
	return c;
}

/* ns of one, of some that come one after the other */
static double cycle_ns(struct kq_core *c, const struct op *op)
{
	struct timespec begun, ended;
	unsigned int i;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (i = 0; i < CYCLES; i++) {
		take(c, next_owner, op->name, op->flags);
		lone_release(c, 1 + next_owner % 3, next_owner, op->name);
		next_owner++;
	}
	clock_gettime(CLOCK_MONOTONIC, &ended);
	return ((ended.tv_sec - begun.tv_sec) * 1e9 + ended.tv_nsec - begun.tv_nsec) / CYCLES;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(void)
{
	struct kq_core *few = filled(10, 10), *many = filled(MANY_ITEMS, MANY_WAITERS);
	double a[TURNS], b[TURNS];
	unsigned int i, turn;

	printf("One replica alone, here: ns of one (medians of %d turns), with 10 of each, and with\n"
	       "%d resources, %d waiters and as many sharers\n", TURNS, MANY_ITEMS, MANY_WAITERS);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		for (turn = 0; turn < TURNS; turn++) {
			a[turn] = cycle_ns(few, &ops[i]);
			b[turn] = cycle_ns(many, &ops[i]);
		}
		qsort(a, TURNS, sizeof(*a), compare);
		qsort(b, TURNS, sizeof(*b), compare);
		printf("  %-50s %6.0f %8.0f\n", ops[i].what, a[TURNS / 2], b[TURNS / 2]);
	}
	kq_core_destroy(few);
	kq_core_destroy(many);
	return 0;
}
