/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between asking for a lock (lock.c), what is said meanwhile (lock_say.c), under which ones this
 * process runs (held.c), what is done with it (hold.c), and what happens before its lease ends (loss.c).
 */
#ifndef KQUORUM_CLI_LOCK_H
#define KQUORUM_CLI_LOCK_H

#include "cli.h"

enum on_loss { ON_LOSS_SIGNAL, ON_LOSS_KILL, ON_LOSS_IGNORE };

struct lock_options {
	const char *name;
	char **command;		/* ends with NULL; empty: none */
	bool exclusive, shared;	/* -x, -s was given; without either, and without units: all of it */
	uint32_t units;		/* 0: no number of them was given */
	const char *info;	/* what for, NULL: it is not said */
	bool nonblock, inherit, verbose;
	int conflict_code;
	uint64_t wait_ns;	/* KQUORUM_NEVER: without end */
	enum on_loss on_loss;
	unsigned int signal;	/* with ON_LOSS_SIGNAL; 0: none was said, SIGTERM */
	uint64_t kill_after_ns;	/* KQUORUM_NEVER: it was not said */
};

/* Before the end of the lease, what becomes of the command's process group. */
struct loss_plan {
	unsigned int signal;	/* when @warn_ms are left; 0: none */
	uint32_t warn_ms;
	uint32_t kill_ms;	/* SIGKILL when so many are left; 0: nothing at all */
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

/* held.c */

/*
 * To ask for what this process runs under would be to wait for itself: says so, and returns an exit
 * code; 0: it is not so.
 */
int held_refuse(struct kquorum *k, const struct kquorum_status *st, const struct lock_options *o);
/* What runs from here on runs under this one too. */
void held_add(const struct kquorum_status *st, const struct lock_options *o,
	      const struct kquorum_lock_info *info);

/* loss.c */

/* The value of --on-loss. */
void loss_parse(struct lock_options *o, const char *arg);
/* Ends as a usage error when options contradict each other. */
void loss_check(const struct lock_options *o);
/* Likewise when --kill-after does not fit into a lease of @lease_ms. */
void loss_check_lease(const struct lock_options *o, uint32_t lease_ms);
/* The lease that is granted now, 0: not known. */
uint32_t loss_lease_ms(const struct kquorum_status *st);
struct loss_plan loss_plan(const struct lock_options *o, uint32_t lease_ms);
/* When so many milliseconds are left, something happens; 0: never. */
uint32_t loss_first_ms(const struct loss_plan *plan);
/* Tells the module, for process group @group: 0 or an exit code. */
int loss_tell_module(const struct lock_options *o, const struct loss_plan *plan, int fd, int group);
/* "SIGTERM" */
const char *loss_signal_name(char *buf, unsigned int signal);

/* hold.c: both return an exit code; the caller closes @fd, which releases the lock. */

int lock_run_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info,
		     const struct loss_plan *plan);
int lock_hold(const struct lock_options *o, int fd, const struct kquorum_lock_info *info);

#endif /* KQUORUM_CLI_LOCK_H */
