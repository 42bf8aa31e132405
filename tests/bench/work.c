// SPDX-License-Identifier: GPL-2.0
/*
 * How slow this processor is at what a new node does: nanoseconds for each byte of a snapshot that
 * is checked and made into a state, by the core as the module has it.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../core/snap_state.h"

#define ITEMS	20000
#define HOLDERS	4
#define TURNS	30
#define PIECE	(64 * 1024)

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* As the bench has them: held by a few processes, with long names, of each process one by one. */
static void make(struct image *im)
{
	struct kq_core *c = lone_create();
	char name[KQ_RESOURCE_MAX + 1];
	unsigned int i;

	for (i = 0; i < ITEMS; i++) {
		int n = snprintf(name, sizeof(name), "item%u-%u-", i % HOLDERS, i / HOLDERS);

		memset(name + n, 'x', sizeof(name) - 1 - n);
		name[sizeof(name) - 1] = '\0';
		/* What is left of an owner is its process. */
		lone_acquire(c, 1, 30000ull * (i + 1) + i % HOLDERS, name);
	}
	image_take(im, c, PIECE);
	kq_core_destroy(c);
}

int main(void)
{
	double best = 1e18;
	struct image im;
	unsigned int i;

	make(&im);
	/* The quickest of many: what else happens here only makes it slower. */
	for (i = 0; i < TURNS; i++) {
		double begun = now_ns(), took;
		struct kq_restore *rs;
		char why[160];
		int err;

		rs = image_restore(&im, &lone_config, PIECE, &err, why);
		took = now_ns() - begun;
		if (!rs) {
			fprintf(stderr, "work: %s\n", why);
			return 1;
		}
		kq_restore_free(rs);
		if (took < best)
			best = took;
	}
	printf("%.4f\n", best / im.len);
	image_free(&im);
	return 0;
}
