/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A core alone, whose log is fed by hand, and snapshots of it in memory, for the tests of these.
 */
#ifndef SNAP_STATE_H
#define SNAP_STATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kq_int.h"

extern const struct kq_config lone_config;

/* A core that runs, with a configuration and a session of each of three nodes. */
struct kq_core *lone_create(void);
/* One more entry, committed and applied. Returns what applying it gave. */
int32_t lone_apply(struct kq_core *c, uint16_t type, uint32_t node, const void *payload,
		   uint32_t len);
int32_t lone_acquire(struct kq_core *c, uint32_t node, uint64_t owner, const char *name);
int32_t lone_release(struct kq_core *c, uint32_t node, uint64_t owner, const char *name);
void lone_session(struct kq_core *c, uint16_t type, uint32_t node, uint64_t session);

struct image {
	uint8_t *data;
	uint32_t len;
	uint32_t room;
	struct kq_snap_ref ref;
};

/* The rest of a save, in pieces of at most @piece bytes; returns what ended it. */
int image_rest(struct image *im, struct kq_core *c, struct kq_save *save, uint32_t piece);
void image_take(struct image *im, struct kq_core *c, uint32_t piece);
void image_free(struct image *im);
/* A snapshot of three claims, and the core that it is of. */
struct kq_core *image_small(struct image *im);
/* Restored in pieces; NULL: @err and @why say why not. */
struct kq_restore *image_restore(const struct image *im, const struct kq_config *cfg,
				 uint32_t piece, int *err, char why[160]);

/* Another core with this state in the place of its own. */
struct kq_core *twin_of(const struct image *im, uint32_t piece);
/* It applies all that @from has in its log from @index on, and each entry gives the same. */
void follow(struct kq_core *twin, const struct kq_core *from, uint64_t index);

/* The same resources, with the same claims in the same order, sessions, and sums that agree. */
void assert_same_state(const struct kq_core *a, const struct kq_core *b);

#endif /* SNAP_STATE_H */
