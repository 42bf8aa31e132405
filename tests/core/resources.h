/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests for resources, and what is said of them, as entries in the log of a core alone; and
 * what must hold of the table behind each of them.
 */
#ifndef KQ_TESTS_RESOURCES_H
#define KQ_TESTS_RESOURCES_H

#include "snap_state.h"

/* Payloads of entries; each returns how long it is. */
#define COMMAND_MAX 256		/* bytes of any of them */
uint32_t put_acquire(uint8_t *buf, uint64_t owner, const char *name, uint16_t flags, uint32_t units,
		     const char *info);
uint32_t put_release(uint8_t *buf, uint64_t owner, const char *name);
uint32_t put_define(uint8_t *buf, const char *name, uint16_t flags, uint32_t units,
		    uint32_t max_waiters);
uint32_t put_terms(uint8_t *buf, const char *name, uint16_t flags, const struct kq_terms *is);
uint32_t put_undefine(uint8_t *buf, const char *name);
uint32_t put_evict(uint8_t *buf, const struct kq_evict_cmd *who, const char *name);
uint32_t put_fence(uint8_t *buf, const char *name, uint64_t token, uint16_t flags, uint32_t uid,
		   uint32_t gid);

/* Each is applied, then the table is looked over. Returns what applying it gave. */
int32_t ask(struct kq_core *c, uint32_t node, uint64_t owner, const char *name, uint16_t flags,
	    uint32_t units);
int32_t give_back(struct kq_core *c, uint32_t node, uint64_t owner, const char *name);
/* With @flags of struct kq_define_cmd; what they do not name is 0. */
int32_t define(struct kq_core *c, const char *name, uint16_t flags, uint32_t units,
	       uint32_t max_waiters);
int32_t say(struct kq_core *c, const char *name, uint16_t flags, struct kq_terms is);
int32_t undefine(struct kq_core *c, const char *name);
/* All of it, or a share; by a user of one group. */
int32_t ask_as(struct kq_core *c, uint32_t node, uint64_t owner, const char *name, uint16_t flags,
	       uint32_t uid, uint32_t gid);
/* All of it, with ends of its own. */
int32_t ask_ending(struct kq_core *c, uint32_t node, uint64_t owner, const char *name,
		   uint32_t ttl_ms, uint32_t hold_ms);
/* An operator wishes it; and the leader by itself. */
int32_t evict(struct kq_core *c, uint32_t node, uint64_t owner, const char *name,
	      uint32_t drain_ms);
int32_t take(struct kq_core *c, uint32_t node, uint64_t owner, const char *name);
/* By an admin. */
int32_t show(struct kq_core *c, const char *name, uint64_t token);
/* The session of a node ends, and another one begins. */
void end_session(struct kq_core *c, uint32_t node);

/* A pool of so many units that is not defined yet. */
static inline void pool(struct kq_core *c, const char *name, uint32_t units)
{
	assert_int_equal(define(c, name, KQ_DEFINE_NEW | KQ_DEFINE_UNITS, units, 0), 0);
}

static inline struct kq_resource *resource_of(struct kq_core *c, const char *name)
{
	return kq_core_resource_find(c, name, strlen(name));
}

/* The first of those who hold a resource; NULL: nobody does. */
static inline struct kq_claim *holder_of(struct kq_core *c, const char *name)
{
	struct kq_resource *r = resource_of(c, name);

	return r ? list_first_entry_or_null(&r->holders, struct kq_claim, node) : NULL;
}

/* In the node's present session. */
static inline struct kq_claim *claim_of(struct kq_core *c, uint32_t node, uint64_t owner)
{
	return kq_claim_find(c->res, node, c->session[node].id, owner);
}

static inline bool holds(struct kq_core *c, uint32_t node, uint64_t owner)
{
	const struct kq_claim *claim = claim_of(c, node, owner);

	return claim && claim->token;
}

static inline bool waits(struct kq_core *c, uint32_t node, uint64_t owner)
{
	const struct kq_claim *claim = claim_of(c, node, owner);

	return claim && !claim->token;
}

/* The numbers that it has, as "0,1,5"; in a buffer of its own until the next call. */
const char *numbers_of(struct kq_core *c, uint32_t node, uint64_t owner);

/* For a test of one core, which is at *@c meanwhile. */
int resources_begin(struct kq_core **c);
int resources_end(struct kq_core *c);

/* Of what is granted by the entry that was applied last. */
static inline uint64_t token_now(const struct kq_core *c)
{
	return c->applied << KQ_TOKEN_SHIFT;
}

/* All counts, sums and lists agree, and nobody waits whose turn it is. */
void assert_table(struct kq_core *c);

#endif /* KQ_TESTS_RESOURCES_H */
