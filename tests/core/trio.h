/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three cores side by side in one process, for the tests of the core.
 */
#ifndef TRIO_H
#define TRIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kquorum.h>

#include "kq_core.h"
#include "settings.h"

#define SEGMENT	 (64u * 1024)
#define SEGMENTS 16u
#define MS	 1000000ULL

struct trio {
	struct kq_core *core[4];	/* by node id */
	uint64_t now;
	int32_t ppm[4];			/* its clock is faster by this, while time passes */
	int64_t ahead_ns[4];		/* and ahead of @now */
	bool cut[4];			/* nothing reaches or leaves it */
	bool disk_hangs[4];
	int disk_error[4];
	uint8_t *disk[4];		/* all segments, as far as they were written */
	uint32_t owners_closed, done;
	int32_t done_error;
};

extern const struct kq_config trio_config;

/* A core that found files which were never written, for kq_core_start(). */
struct kq_core *trio_core_recovered(uint32_t self, struct kq_wal_report *report);

/* Node @id goes at once, with what was being written. */
void trio_power_off(struct trio *t, uint32_t id);
/* It starts with what is on its disk; nobody is connected to it. */
struct kq_core *trio_power_on(struct trio *t, uint32_t id, struct kq_wal_report *report);
/* The two are connected, each in its present incarnation. */
void trio_connect(struct trio *t, uint32_t a, uint32_t b);

/* Node 3 goes, another core is there in its place, not started yet. */
struct kq_core *trio_replace(struct trio *t, struct kq_wal_report *report);

/* For cmocka: three connected nodes, nobody leads; at the end nothing may be left. */
int trio_setup(void **state);
int trio_teardown(void **state);
#define TRIO_TEST(name) cmocka_unit_test_setup_teardown(name, trio_setup, trio_teardown)

/* Who leads first, leads in this term: the entry that the log begins with is of the one before. */
#define TRIO_TERM 2
#define TRIO_IDENTITY(id) (2 * (id) + 1)
#define TRIO_INCARNATION(id) (1ULL << KQUORUM_INCARNATION_SALT | TRIO_IDENTITY(id))

/* A connection to node @id, which is in this incarnation and forgot nothing. */
int trio_up(struct kq_core *c, uint64_t now, uint32_t id, uint64_t incarnation);
/* Deliver, write and take what came out until nothing does. */
void trio_settle(struct trio *t);
/* Let @ms milliseconds pass, a tick every 25. */
void trio_pass(struct trio *t, uint64_t ms);
/* What the clock of node @id shows. */
uint64_t trio_clock(const struct trio *t, uint32_t id);
/* Node 1 leads, all sessions live. */
void trio_lead(struct trio *t);
/* The same, then node 3 is cut off until it is suspected. */
void trio_suspect(struct trio *t);
/* Node 1 hears node 3 ask for the renewal of its session, in term 1. */
void trio_renew(struct trio *t);

/* What a daemon on node @id would do until there is a leader. */
bool trio_elect(struct trio *t, uint32_t id);

struct kq_proposal *proposal_new(const void *data, uint32_t len);
/* The same for any command; it has no entry when there is no memory for one. */
struct kq_proposal *command_new(uint16_t type, const void *payload, uint32_t len);
/* The lowest that @to takes in, whom a change has to describe; 0: it takes in nobody. */
static inline uint32_t trio_joining(const struct kq_core *leader, const struct kq_conf *to)
{
	return kq_node_next(kq_conf_members(to) & ~kq_conf_members(&leader->conf), 0);
}

/* Propose five bytes on a node; returns what the core said. */
int trio_append(struct trio *t, uint32_t id);
/* Propose a command on a node, which must have its outcome at once; returns that. */
int32_t trio_command(struct trio *t, uint32_t id, uint16_t type, const void *payload, uint32_t len);
/* Five bytes @count times, each settled; must succeed. */
void append_many(struct trio *t, uint32_t id, uint32_t count);
/* No room is left in the log of node @id but what is kept for configurations, terms and votes. */
void trio_fill_log(struct trio *t, uint32_t id);
/* Node @id, the leader, is to change to these; it describes whom it takes in. */
int trio_change(struct trio *t, uint32_t id, kq_nodes voters, kq_nodes learners);
void trio_assert_conf(const struct kq_core *c, kq_nodes voters, kq_nodes outgoing,
		      kq_nodes learners);
#define N1 kq_node_bit(1)
#define N2 kq_node_bit(2)
#define N3 kq_node_bit(3)
#define N4 kq_node_bit(4)

/* Give back what it holds, or wait no longer. */
void trio_drop(struct trio *t, uint32_t id, struct kq_owner *o);
/* Ask for a lock; NULL: refused, @err says why. */
struct kq_owner *trio_ask(struct trio *t, uint32_t id, const struct kq_lock_ask *ask, int *err);
/* The same for all of a resource. */
struct kq_owner *trio_owner(struct trio *t, uint32_t id, const char *name, int *err);

/* Say this to node @to, in @from's name; all checksums are right. Returns what the core said. */
int trio_say(struct trio *t, uint32_t from, uint32_t to, uint8_t type, uint64_t term,
	     const void *body, uint32_t len, const char **why);
/* Messages of this type that wait from one node for another; all that wait are lost. */
uint32_t trio_take(struct trio *t, uint32_t from, uint32_t to, uint8_t type);

#endif /* TRIO_H */
