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
	bool close;		/* the same as without @inherit, when it was said */
	int conflict_code;
	uint64_t wait_ns;	/* KQUORUM_NEVER: without end */
	enum on_loss on_loss;
	unsigned int signal;	/* with ON_LOSS_SIGNAL; 0: none was said, SIGTERM */
	uint64_t kill_after_ns;	/* KQUORUM_NEVER: it was not said */
	uint32_t ttl_ms, hold_ms;	/* of the grant; 0: as the resource says */
	bool command_renews;	/* --renew=none: not this process */
};

/* What ends a grant, and how much of that there is from its beginning on. */
struct loss_span {
	uint32_t ms;		/* 0: not known */
	const char *of;		/* "a lease" */
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
/* Its owner, group and mode do not let this user: an exit code. */
int lock_denied(struct kquorum *k, const struct lock_options *o);
/* It was refused, or lost before anything was done under it, by @info: an exit code. */
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
/* Likewise when --kill-after does not fit into @span. */
void loss_check_span(const struct lock_options *o, struct loss_span span);
/* The shortest of the lease that is granted now, and of these; each 0: none, or not known. */
struct loss_span loss_span(const struct kquorum_status *st, uint32_t ttl_ms, uint32_t hold_ms);
/* That of a grant, from @info on. */
struct loss_span loss_span_granted(const struct kquorum_status *st, const struct kquorum_lock_info *info);
struct loss_plan loss_plan(const struct lock_options *o, uint32_t span_ms);
/* When so many milliseconds are left, something happens; 0: never. */
uint32_t loss_first_ms(const struct loss_plan *plan);
/* From now on only SIGKILL: this process has sent the signal. */
void loss_tell_kill(const struct loss_plan *plan, int fd, int group);
/* Tells the module, for process group @group: 0 or an exit code. */
int loss_tell_module(const struct lock_options *o, const struct loss_plan *plan, int fd, int group);
/* "SIGTERM" */
const char *loss_signal_name(char *buf, unsigned int signal);

/* hold.c: both return an exit code; the caller closes @fd, which releases the lock. */

int lock_run_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info,
		     const struct loss_plan *plan);
int lock_hold(const struct lock_options *o, int fd, const struct kquorum_lock_info *info);

#endif /* KQUORUM_CLI_LOCK_H */
