/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the log is scrubbed; and with it the file of the snapshot in use.
 */
#ifndef KQD_SCRUB_H
#define KQD_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "status.h"
#include "throttle.h"

struct kqd;
struct kq_snap_reader;

struct kqd_scrub {
	struct kqd *d;
	struct kqd_timer timer;		/* the next one is due */
	uint64_t due_ns;		/* 0: not known yet */
	uint64_t count;			/* how many the status told of last */
	bool running;			/* one was, by that */
	uint32_t every;			/* hours; what @due_ns goes by */
	struct kqd_op io;
	struct kqd_timer pause;		/* for the sake of the rate */
	struct kqd_throttle throttle;
	uint64_t rate;			/* bytes in a second */
	int file;			/* the snapshot that is being read; -1: none is */
	bool dropped;			/* the node is gone */
	struct kqd_ref ref;
	struct kq_snap_reader *reader;
	char *buf;
	uint64_t at;			/* bytes of it that were read */
};

void kqd_scrub_init(struct kqd *d);
void kqd_scrub_update(struct kqd *d);
void kqd_scrub_drop(struct kqd *d);

#endif /* KQD_SCRUB_H */
