/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A leader in place of libkquorum, which keeps the configuration as the module does. What it knows
 * is in memory that children share, so that commands which run in children follow each other.
 */
#ifndef KQUORUM_TESTS_CLI_LEADER_H
#define KQUORUM_TESTS_CLI_LEADER_H

#include "status.h"

#define MAX_CONFS 32

struct world {
	struct kquorum_status st;
	unsigned int looks;		/* how often somebody asked for the status */
	unsigned int changes;		/* that were taken */
	int errors[8];			/* what the next changes are answered, then 0 */
	unsigned int refused;
	void (*each)(unsigned int look);	/* what else happens, before it is answered */
	struct conf {
		struct kquorum_conf head;
		struct kquorum_conf_member member[KQUORUM_MAX_NODES];
		uint32_t bytes;
	} confs[MAX_CONFS];
	unsigned int n_confs;
	int log_error;		/* of reading the log */
};
extern struct world *w;

/* A cluster of so many nodes, in which nothing is under way. */
void leader_begin(unsigned int nodes);

#endif /* KQUORUM_TESTS_CLI_LEADER_H */
