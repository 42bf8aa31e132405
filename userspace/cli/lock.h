/* SPDX-License-Identifier: GPL-2.0 */
/* Between asking for a lock (lock.c) and what is done under it (hold.c). */
#ifndef KQUORUM_CLI_LOCK_H
#define KQUORUM_CLI_LOCK_H

#include "cli.h"

struct lock_options {
	const char *name;
	char **command;		/* ends with NULL; empty: none */
	bool nonblock, inherit, verbose;
	int conflict_code;
	uint64_t wait_ns;	/* KQUORUM_NEVER: without end */
	uint64_t kill_after_ns;
};

/* Both return an exit code; the caller closes @fd, which releases the lock. */
int lock_run_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info);
int lock_hold(const struct lock_options *o, int fd, const struct kquorum_lock_info *info);

#endif /* KQUORUM_CLI_LOCK_H */
