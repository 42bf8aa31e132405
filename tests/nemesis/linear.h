/* SPDX-License-Identifier: GPL-2.0 */
/* Is there an order of operations, each between its call and its return, that a model allows? */
#ifndef KQ_NEMESIS_LINEAR_H
#define KQ_NEMESIS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the two kinds of objects: a log that grows, a lock with tokens. */
struct state {
	uint64_t holder;	/* 0: nobody. A token, or GHOST with the operation's number */
	uint64_t last;		/* the highest token that was seen; how many entries there are */
};

#define GHOST (1ULL << 63)

enum step {
	STEP_ENTRY,	/* the value'th entry is appended */
	STEP_GRANT,	/* token value is granted to one who waited till nobody held it */
	STEP_HELD,	/* token value holds */
	STEP_FREE,	/* token value holds no more: released, or expired */
	STEP_BUSY,	/* somebody holds it */
};

struct event {
	uint64_t call, ret;	/* @ret NEVER: it may have happened, at any time after @call */
	enum step step;
	uint64_t value;
	size_t op;		/* in the history, to be shown */
};

enum verdict { LINEAR, NOT_LINEAR, UNDECIDED };

enum verdict linear_check(const struct event *events, size_t count, size_t *reached, size_t *stuck);

#endif
