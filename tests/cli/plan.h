/* SPDX-License-Identifier: GPL-2.0 */
/* Asking what comes next in a change of the members. */
#ifndef KQUORUM_TESTS_CLI_PLAN_H
#define KQUORUM_TESTS_CLI_PLAN_H

#include "member.h"
#include "status.h"
#include "test.h"

static struct member_job job;

typedef enum member_next (*plan_fn)(struct member_job *job, const struct kquorum_status *st);

static inline void begin(plan_fn plan, const char *name, const char *address)
{
	job = (struct member_job){ .plan = plan };
	snprintf(job.name, sizeof(job.name), "%s", name);
	snprintf(job.address, sizeof(job.address), "%s", address);
}

static inline void begin_replace(const char *old, const char *name, const char *address)
{
	begin(member_plan_replace, name, address);
	snprintf(job.old_name, sizeof(job.old_name), "%s", old);
}

static inline void assert_next(const struct kquorum_status *st, enum member_next wanted,
			       const char *why)
{
	enum member_next next = member_next(&job, st);

	if (next != wanted)
		fail_msg("%d, wanted %d; \"%s\"", next, wanted, job.why);
	if (why)
		assert_contains(job.why, why);
}

static inline void assert_change(const struct kquorum_status *st, uint32_t voters,
				 uint32_t learners)
{
	assert_next(st, MEMBER_CHANGE, NULL);
	assert_int_equal(job.change.based_on, st->conf_index);
	assert_int_equal(job.change.voters, voters);
	assert_int_equal(job.change.learners, learners);
}

static inline void assert_describes(uint32_t id, const char *name, const char *address,
				    bool promote)
{
	assert_int_equal(job.change.id, id);
	if (id)
		assert_string_equal(job.change.name, name);
	if (id)
		assert_string_equal(job.change.address, address);
	assert_int_equal(job.change.promote, promote);
}

static inline void assert_refused(const struct kquorum_status *st, int code, const char *why)
{
	assert_next(st, MEMBER_REFUSE, why);
	assert_int_equal(job.code, code);
}

#endif /* KQUORUM_TESTS_CLI_PLAN_H */
