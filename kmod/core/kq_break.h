/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate bugs, each off in every shipped build. `make demo BREAK=guard`
 * and the tests compile one in, to show that the checks find it.
 */
#ifndef KQ_BREAK_H
#define KQ_BREAK_H

#ifndef KQ_BREAK_GUARD		/* expire sessions before the guard band is over */
#define KQ_BREAK_GUARD 0
#endif
#ifndef KQ_BREAK_FENCE		/* hand out tokens that do not rise */
#define KQ_BREAK_FENCE 0
#endif
#ifndef KQ_BREAK_VOTE		/* vote more than once in a term */
#define KQ_BREAK_VOTE 0
#endif
#ifndef KQ_BREAK_FLUSH		/* acknowledge before the write is durable */
#define KQ_BREAK_FLUSH 0
#endif
#ifndef KQ_BREAK_COMMIT		/* commit entries of an earlier term by counting */
#define KQ_BREAK_COMMIT 0
#endif
#ifndef KQ_BREAK_DEDUP		/* apply a retried proposal twice */
#define KQ_BREAK_DEDUP 0
#endif
#ifndef KQ_BREAK_STALE		/* recovery ignores the generation of a batch */
#define KQ_BREAK_STALE 0
#endif
#ifndef KQ_BREAK_LOST		/* go on without what was acknowledged before a restart */
#define KQ_BREAK_LOST 0
#endif
#ifndef KQ_BREAK_ELECTION	/* vote for a log that is less up-to-date */
#define KQ_BREAK_ELECTION 0
#endif

#endif /* KQ_BREAK_H */
