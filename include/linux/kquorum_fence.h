/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fence for users in the kernel: what is asked along with a fencing token is let pass only as
 * long as nobody with a newer grant has been here.
 *
 * For who serves a resource that a lock of the cluster guards, a block device or a queue of
 * requests, and hears requests of its holders. Each of them says the token of its grant (struct
 * kquorum_lock_info, @token); tokens of one resource rise with each grant. A fence is of one such
 * resource, and of one unit: holders of several, and those that share it, have tokens of their own.
 *
 * It is one number in memory. It does not outlive the module or the machine that has it: where
 * what is guarded does, keep the number there as well and begin with it (KQUORUM_FENCE_INIT()), or
 * use the fence of libkquorum, which is a file, or that of the cluster (KQUORUM_CMD_FENCE).
 *
 * It says what may begin. A request that was let pass, and is not done yet when a newer token
 * comes, is not stopped: who must not have that holds a lock of his own from kquorum_fence_pass()
 * until the request is done.
 */
#ifndef _LINUX_KQUORUM_FENCE_H
#define _LINUX_KQUORUM_FENCE_H

#include <linux/atomic.h>
#include <linux/types.h>

/**
 * struct kquorum_fence - the fence of one resource
 * @seen: the highest token that was let pass; use kquorum_fence_seen()
 */
struct kquorum_fence {
	atomic64_t seen;
};

/**
 * KQUORUM_FENCE_INIT() - initial value of a static struct kquorum_fence
 * @token: the highest one that was seen before, 0: none was
 */
#define KQUORUM_FENCE_INIT(token)	{ .seen = ATOMIC64_INIT(token) }

/**
 * kquorum_fence_init() - a fence begins
 * @f: the fence
 * @token: the highest one that was seen before, 0: none was
 *
 * Context: any; nobody else uses it yet.
 */
static inline void kquorum_fence_init(struct kquorum_fence *f, u64 token)
{
	atomic64_set(&f->seen, token);
}

/**
 * kquorum_fence_seen() - the highest token that was let pass
 * @f: the fence
 *
 * Context: any.
 * Return: it, or what the fence began with.
 */
static inline u64 kquorum_fence_seen(const struct kquorum_fence *f)
{
	return atomic64_read(&f->seen);
}

/**
 * kquorum_fence_pass() - may who has this token pass?
 * @f: the fence
 * @token: of his grant
 *
 * Lower than seen: refused; equal: allowed; higher: allowed, and from now on that is what was seen.
 * What the caller does behind it is not moved before it by compiler or processor, and whoever comes
 * on another processor afterwards sees this token.
 *
 * Context: any, also an interrupt; no lock is needed.
 * Return: true if so. No grant has the token 0: it never passes.
 */
static inline bool kquorum_fence_pass(struct kquorum_fence *f, u64 token)
{
	s64 seen = atomic64_read_acquire(&f->seen);

	if (!token)
		return false;
	do {
		if (token < (u64)seen)
			return false;
		if (token == (u64)seen)
			return true;
	} while (!atomic64_try_cmpxchg(&f->seen, &seen, token));
	return true;
}

#endif /* _LINUX_KQUORUM_FENCE_H */
