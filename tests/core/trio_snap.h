/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots among three nodes: one saves, another is given what it saved. */
#ifndef KQ_TESTS_TRIO_SNAP_H
#define KQ_TESTS_TRIO_SNAP_H

#include "snap_state.h"
#include "trio.h"

extern struct image im;		/* what was saved last */

/* As trio_setup(), with short logs: four entries are kept. As trio_teardown(). */
int trio_snap_setup(void **state);
int trio_snap_teardown(void **state);
#define TRIO_SNAP_TEST(name)						\
	cmocka_unit_test_setup_teardown(name, trio_snap_setup, trio_snap_teardown)

/* Node @id saves, and what it saved is in use. */
void snapshot(struct trio *t, uint32_t id);
/* Node @id is given what was saved; returns what the core said. */
int install(struct trio *t, uint32_t id);
/* Node 3 lacks what is gone from the logs of the others. */
void leave_behind(struct trio *t);
void assert_caught_up(struct trio *t, uint32_t leader, uint32_t id);

#endif /* KQ_TESTS_TRIO_SNAP_H */
