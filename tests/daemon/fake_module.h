/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stand-in for the module, in memory that several daemons share: enough of
 * it to run the real loop, dialling, greeting and elections over real sockets.
 */
#ifndef FAKE_MODULE_H
#define FAKE_MODULE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../userspace/daemon/status.h"

#define FAKE_NODES	3
#define FAKE_ALL	0xe	/* bit n: node n */
#define FAKE_CLUSTER	1
#define FAKE_ORIGIN	0x0123456789abcdefULL

struct fake_node {
	bool present;
	uint32_t state;
	uint32_t role, canvass, leader;
	uint64_t term;
	uint64_t incarnation;
	uint64_t epoch;
	uint32_t voters, outgoing, learners;	/* the configuration as it knows it */
	uint32_t named;			/* while there is none: whom it was started with */
	bool left, settled;
	bool connected[FAKE_NODES + 1];
	unsigned int attached[FAKE_NODES + 1];	/* how often */
	char called[FAKE_NODES + 1][32];	/* by its greeting */
	struct kqd_transit transit[FAKE_NODES + 1];	/* as the daemon told last */
	unsigned int transits[FAKE_NODES + 1];	/* how often it was told of one */
	unsigned int bad_attach;	/* a wrong socket or incarnation */
	unsigned int detached;
	char note[FAKE_NODES + 1][128];	/* why that one is not connected */
	unsigned int canvasses, campaigns;
	uint64_t heard_ns;		/* 0: never */

	uint64_t applied;		/* and committed */
	uint64_t log_capacity, log_used;
	uint32_t disk_state;
	struct kqd_ref snapshot;	/* in use */
	struct kqd_ref next;		/* taken, and not in use yet */
	bool hold;			/* what is taken stays so */
	uint64_t needs[FAKE_NODES + 1];	/* at the leader */
	unsigned int saves, adopts, installs;
	unsigned int claims;		/* in a snapshot that is saved: what it is long by */
	size_t save_cut;		/* only so many bytes of it come, 0: all */
	bool save_stuck;		/* what comes then comes never */
	int save_error;
	int hand_error;			/* it takes no snapshot */
	unsigned int feeds;		/* how often one was to be read while it came */
	uint64_t grown;			/* bytes of it, as was told last */
	int feed_error;			/* it reads none so */
	uint64_t feed_breaks;		/* after so many bytes, 0: never */
	char order[64];			/* what was done with files, by fake_order() */
};

struct fake_module {
	pthread_mutex_t lock;
	struct fake_node node[FAKE_NODES + 1];
	uint64_t epoch;			/* given last, to any node */
	char name[FAKE_NODES + 1][32];	/* in the configuration, as every node knows it */
	char address[FAKE_NODES + 1][80];	/* "": it does not tell */
	uint32_t heartbeat_ms, election_ms;
	int event_fd[FAKE_NODES + 1];
};

extern struct fake_module *fake;	/* shared */
extern unsigned int fake_self;		/* the node of this process */

void fake_init(void);
void fake_reset(void);
void fake_lock(void);
void fake_unlock(void);
void fake_wake(unsigned int node, uint32_t bits);
void fake_order(char what);
void fake_use(unsigned int node);

#endif /* FAKE_MODULE_H */
