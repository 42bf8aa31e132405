/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cluster with one resource, "gpu", in place of libkquorum. Commands run in a child: what they
 * asked for last is kept where the test sees it.
 */
#ifndef KQUORUM_TESTS_CLI_POOL_H
#define KQUORUM_TESTS_CLI_POOL_H

#include "cli.h"

extern struct kquorum_status status;
extern struct kquorum_resource gpu;	/* without a name: there is none */
extern struct kquorum_claim claims[4];	/* its: two hold, the others wait */
extern struct kquorum_lock_info lock_info;	/* what a lock's handle says */
extern struct kquorum_append_result outcome;	/* of a change of the resource */
extern unsigned int busy;		/* so often that is refused before, for want of room */
extern int open_error;			/* not even asked for */
extern enum outcome_comes { OUTCOME_COMES, OUTCOME_NEVER, OUTCOME_NODE_DOWN } comes;

/* What was asked for, in words, one line each. */
extern char *asked;

/* For each test; 0, as cmocka wants it. n1 is here, n2 leads; the pool has 4 units, 3 in use. */
int pool_begin(void **state);
/* Nobody has it, and nothing was said of it. */
void pool_none(void);

#endif /* KQUORUM_TESTS_CLI_POOL_H */
