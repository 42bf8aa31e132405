/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A scrub: the log on disk is read, slowly, while the node runs, and what a start would miss is
 * written again. See core/kq_scrub.h.
 */
#ifndef KQ_SCRUB_WORK_H
#define KQ_SCRUB_WORK_H

#include <linux/types.h>
#include <linux/workqueue.h>

#define KQ_SCRUB_RATE_MIN	(64u * 1024)		/* bytes in a second */
#define KQ_SCRUB_RATE_MAX	(1ULL << 40)
#define KQ_SCRUB_REASON		200

struct kq_node;
struct kq_scrub_job;
struct kq_step;

/**
 * struct kq_scrub_state - of the scrub under way, or the last one
 * @running: one is under way
 * @count: how many have begun since the node's start
 * @rate: bytes in a second
 * @done: bytes read
 * @total: of so many
 * @places: where something cannot be read
 * @missing: entries that a start would have missed
 * @rewritten: how many of them have been written again
 * @slot: segment with the first damage
 * @offset: of that, bytes from its start
 * @ended_ns: when the last one ended, kq_clock(), 0: none did
 * @error: negative errno: it could not do what it should
 * @reason: for a person: what was damaged, or why it ended early
 */
struct kq_scrub_state {
	bool running;
	u64 count;
	u64 rate;
	u64 done;
	u64 total;
	u32 places;
	u64 missing;
	u64 rewritten;
	u32 slot;
	u64 offset;
	u64 ended_ns;
	s32 error;
	char reason[KQ_SCRUB_REASON];
};

/**
 * struct kq_scrub_work - what a node has of it
 * @work: reads the next piece
 * @job: of the work alone
 * @stop: it is to end; looked at without the lock
 * @state: under the node's lock
 */
struct kq_scrub_work {
	struct delayed_work work;
	struct kq_scrub_job *job;
	bool stop;
	struct kq_scrub_state state;
};

void kq_scrub_work_init(struct kq_scrub_work *scrub);
int kq_scrub_start(struct kq_step *step, u64 rate, const char **why);
void kq_scrub_stop(struct kq_node *node);

#endif /* KQ_SCRUB_WORK_H */
