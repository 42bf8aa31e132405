// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why a lock was refused or is lost, and what to do about it. */
#include <errno.h>
#include <stddef.h>

#include "libkquorum.h"

/* By state and error; what has no row of its own is in the last one of its state. */
static const struct {
	uint32_t state;
	int error;
	const char *why;
} whys[] = {
	{ KQUORUM_LOCK_REFUSED, -EAGAIN, "somebody has it: wait for it, or try again" },
	{ KQUORUM_LOCK_REFUSED, -EBUSY, "too much is under way: try again" },
	{ KQUORUM_LOCK_REFUSED, -ENOSPC, "the log is full: a snapshot makes room, see kquorum status" },
	{ KQUORUM_LOCK_REFUSED, -ERANGE, "it has fewer units: ask for fewer, or kquorum resource set --units" },
	{ KQUORUM_LOCK_REFUSED, -EUSERS, "as many wait for it as may: try again, or kquorum resource set "
		"--max-waiters" },
	{ KQUORUM_LOCK_REFUSED, -ENFILE, "in the whole cluster no more can hold or wait" },
	{ KQUORUM_LOCK_REFUSED, -EACCES, "its owner, group and mode do not let this user: kquorum resource show "
		"has them, kquorum resource set --owner, --group, --mode changes them (what is not defined is "
		"root's)" },
	{ KQUORUM_LOCK_REFUSED, -ECANCELED, "an operator ended the wait (kquorum resource release): ask whoever "
		"did, kquorum log has it" },
	{ KQUORUM_LOCK_REFUSED, 0, "it cannot be had: see kquorum log" },
	{ KQUORUM_LOCK_LOST, -ETIME, "it was not renewed in its time to live: renew it sooner, or ask for a longer "
		"one" },
	{ KQUORUM_LOCK_LOST, -ETIMEDOUT, "it was held as long as it may be: ask for it again, or for longer" },
	{ KQUORUM_LOCK_LOST, -ECANCELED, "an operator took it (kquorum resource release): ask whoever did, kquorum "
		"log has it" },
	{ KQUORUM_LOCK_LOST, 0, "the lease of this node ran out, no quorum renewed it: see kquorum status" },
};

const char *kquorum_lock_why(const struct kquorum_lock_info *info)
{
	const char *why = "";
	size_t i;

	for (i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
		if (whys[i].state != info->state)
			continue;
		why = whys[i].why;
		if (whys[i].error == info->error)
			break;
	}
	return why;
}
