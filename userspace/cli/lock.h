/* SPDX-License-Identifier: GPL-2.0 */
/* Between asking for a lock (lock.c), what is said meanwhile (lock_say.c) and what is done (hold.c). */
#ifndef KQUORUM_CLI_LOCK_H
#define KQUORUM_CLI_LOCK_H

#include "cli.h"

struct lock_options {
	const char *name;
	char **command;		/* ends with NULL; empty: none */
	bool exclusive, shared;	/* -x, -s was given; without either, and without units: all of it */
	uint32_t units;		/* 0: no number of them was given */
	const char *info;	/* what for, NULL: it is not said */
	bool nonblock, inherit, verbose;
	int conflict_code;
	uint64_t wait_ns;	/* KQUORUM_NEVER: without end */
	uint64_t kill_after_ns;
};

/* lock_say.c */

/* For whom, or for what, it waits. */
void lock_explain_wait(struct kquorum *k, const struct lock_options *o,
		       const struct kquorum_lock_info *info);
/* The wait is over without the lock: is it that nobody can grant, or that it is held? An exit code. */
int lock_give_up(struct kquorum *k, const struct lock_options *o,
		 const struct kquorum_lock_info *info);
/* It was refused, by @info: an exit code. */
int lock_refused(struct kquorum *k, const struct lock_options *o,
		 const struct kquorum_lock_info *info);

/* hold.c: both return an exit code; the caller closes @fd, which releases the lock. */

int lock_run_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info);
int lock_hold(const struct lock_options *o, int fd, const struct kquorum_lock_info *info);

#endif /* KQUORUM_CLI_LOCK_H */
