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
extern uint64_t after_renewal_ns;	/* not 0: so long it lives by then */
extern unsigned int short_reads;	/* so often it says first that only this is left: */
extern uint64_t short_left_ns;
extern bool lost_then;			/* and then that the lock is lost, once */
extern struct kquorum_append_result outcome;	/* of a change of the resource */
extern unsigned int busy;		/* so often that is refused before, for want of room */
extern int open_error;			/* not even asked for */
extern bool evicted_go;			/* who is evicted is gone at once */
extern enum outcome_comes { OUTCOME_COMES, OUTCOME_NEVER, OUTCOME_NODE_DOWN } comes;

extern int on_loss_error;		/* what the module says when it is told what to do on a loss */

/* What was asked for, in words, one line each. */
extern char *asked;
/* What the module was told to do on a loss, and each renewal, likewise. */
extern char *told;

/* For each test; 0, as cmocka wants it. n1 is here, n2 leads; the pool has 4 units, 3 in use. */
int pool_begin(void **state);
/* Nobody has it, and nothing was said of it. */
void pool_none(void);

#endif /* KQUORUM_TESTS_CLI_POOL_H */
