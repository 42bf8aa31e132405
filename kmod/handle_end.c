// SPDX-License-Identifier: GPL-2.0
/*
 * Grants that end by themselves, as a handle has them: until when one may be relied on, renewals,
 * and who is woken when that gets short.
 *
 * The core finds and releases what has come to its end with each tick, four in a heartbeat, as long
 * as the node is up (kq_node_tick()): nobody need look at the handle. Who does look is never told
 * more than what the clock says at that moment (kq_lock_refresh()).
 *
 * Each handle with an end of its own waits in a queue for the time when that is near. A renewal
 * moves the end, and not the place in the queue: when its turn comes it is put where it belongs by
 * then. So neither a renewal nor a tick looks at others.
 */
#include <linux/poll.h>
#include "handle.h"
#include "node.h"
#include "trace.h"

#define KQ_NEAR		3	/* an end is near when a third of the time is left */

static_assert((int)KQ_RELEASE_ASKED == KQUORUM_RELEASE_ASKED);
static_assert((int)KQ_RELEASE_UNRENEWED == KQUORUM_RELEASE_UNRENEWED);
static_assert((int)KQ_RELEASE_OVERDUE == KQUORUM_RELEASE_OVERDUE);
static_assert((int)KQ_RELEASE_EVICTED == KQUORUM_RELEASE_EVICTED);

static u64 ms_to_ns(u32 ms)
{
	return (u64)ms * NSEC_PER_MSEC;
}

static u64 left_until(u64 end_ns, u64 now)
{
	return end_ns > now ? end_ns - now : 0;
}

static bool is_granted(const struct kq_owner *o)
{
	return o->state == KQUORUM_LOCK_GRANTED;
}

/* Its end comes by not being renewed, and a renewal helps. */
static bool must_renew(const struct kq_owner *o)
{
	return o->ttl_ms && o->end_ns != o->limit_ns;
}

/**
 * kq_lock_left_ns() - how long may a lock be relied on?
 * @lock: the handle, its node locked
 * @now: the clock
 *
 * Return: ns; 0: it is not granted, or no longer.
 */
u64 kq_lock_left_ns(const struct kq_lock *lock, u64 now)
{
	const struct kq_core *core = lock->node->core;

	if (!core || !is_granted(&lock->owner) || lock->owner.session != core->local.id)
		return 0;
	return left_until(kq_owner_deadline(core, &lock->owner), now);
}

/**
 * kq_lock_ends() - until when it can be held at most, and until when unless it is renewed
 * @lock: the handle, its node locked
 * @now: the clock
 * @info: @renew_left_ns, @hold_left_ns and @why are set
 */
void kq_lock_ends(const struct kq_lock *lock, u64 now, struct kquorum_lock_info *info)
{
	const struct kq_owner *o = &lock->owner;

	if (!is_granted(o))
		return;
	info->renew_left_ns = must_renew(o) ? left_until(o->end_ns, now) : U64_MAX;
	info->hold_left_ns = U64_MAX;
	if (o->limit_ns == KQ_NEVER)
		return;
	info->hold_left_ns = left_until(o->limit_ns, now);
	info->why = o->limit;
}

/* So little is left of the session's lease that it is time to say so. */
static bool is_short(const struct kq_core *core, u64 now)
{
	return left_until(core->local.deadline_ns, now) <
		ms_to_ns(core->eff.lease_ms) / KQ_NEAR;
}

/* From when on the grant's own end is near; KQ_NEVER: it has none. */
static u64 near_ns(const struct kq_core *core, const struct kq_owner *o)
{
	u64 margin = ms_to_ns(must_renew(o) ? o->ttl_ms : core->eff.lease_ms) / KQ_NEAR;

	if (!is_granted(o) || o->closing || o->end_ns == KQ_NEVER)
		return KQ_NEVER;
	if (o->limit == KQ_RELEASE_EVICTED)
		return 0;
	return o->end_ns - min(margin, o->end_ns);
}

/**
 * kq_lock_at_risk() - is it time for who holds it to do something?
 * @lock: the handle, its node locked
 * @now: the clock
 *
 * Return: true if its session's lease or its own end is near, or an operator wants it back.
 */
bool kq_lock_at_risk(const struct kq_lock *lock, u64 now)
{
	const struct kq_core *core = lock->node->core;

	if (!is_granted(&lock->owner))
		return false;
	/* A handle may outlive its node. */
	return !core || is_short(core, now) || near_ns(core, &lock->owner) <= now;
}

/**
 * kq_lock_unwatch() - it is not woken before its end any more
 * @lock: the handle, its node locked
 */
void kq_lock_unwatch(struct kq_lock *lock)
{
	if (!RB_EMPTY_NODE(&lock->near.node))
		timerqueue_del(&lock->node->near, &lock->near);
}

/**
 * kq_lock_watch() - it is woken when its own end is near, if that is to come
 * @lock: the handle, its node locked
 * @now: the clock
 *
 * Return: true if it is to come.
 */
bool kq_lock_watch(struct kq_lock *lock, u64 now)
{
	struct kq_node *node = lock->node;
	u64 near;

	lockdep_assert_held(&node->lock);
	kq_lock_unwatch(lock);
	near = node->core ? near_ns(node->core, &lock->owner) : KQ_NEVER;
	if (near == KQ_NEVER || near <= now)
		return false;
	lock->near.expires = ns_to_ktime(near);
	timerqueue_add(&node->near, &lock->near);
	return true;
}

/**
 * kq_lock_renew() - write() to a handle: whoever holds it is still at work
 * @lock: the handle
 * @what: as written
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: it has no such token; -ETIME: it is lost.
 */
int kq_lock_renew(struct kq_lock *lock, const struct kquorum_renew *what)
{
	struct kq_node *node = lock->node;
	struct kq_step step;
	int err;

	if (kq_node_enter(node, &step)) {
		/* With the node all is lost that was granted. */
		mutex_lock(&node->lock);
		err = what->token && what->token == lock->owner.token ? -ETIME : -EINVAL;
		mutex_unlock(&node->lock);
		return err;
	}
	kq_trace_call(node, KQ_TRACE_RENEW, lock->owner.id, what->token, 0);
	err = kq_core_renew(step.core, step.now, &lock->owner, what->token);
	kq_trace_result(node, err, 0);
	/* It has had its turn: it waits for the next. */
	if (!err && RB_EMPTY_NODE(&lock->near.node))
		kq_lock_watch(lock, step.now);
	kq_node_leave(&step);
	return err;
}

static void wake(struct kq_lock *lock)
{
	wake_up_interruptible_poll(&lock->wait, EPOLLPRI);
}

/* One lease stands for all locks: a million of them are looked at when that is news. */
static void wake_all(struct kq_step *step)
{
	struct kq_node *node = step->node;
	bool was = node->at_risk;
	struct kq_lock *lock;

	node->at_risk = is_short(step->core, step->now);
	if (!node->at_risk || was)
		return;
	list_for_each_entry(lock, &node->locks, link)
		if (is_granted(&lock->owner))
			wake(lock);
}

/**
 * kq_locks_tick() - wake the holders when their lease, or their own end, gets short
 * @step: the step
 */
void kq_locks_tick(struct kq_step *step)
{
	struct kq_node *node = step->node;
	struct timerqueue_node *next;

	wake_all(step);
	while ((next = timerqueue_getnext(&node->near))) {
		struct kq_lock *lock = container_of(next, struct kq_lock, near);

		if (ktime_to_ns(next->expires) > step->now)
			break;
		if (!kq_lock_watch(lock, step->now))
			wake(lock);
	}
}
