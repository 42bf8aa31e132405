// SPDX-License-Identifier: GPL-2.0
/*
 * The machine sleeps, goes down, or is a copy of itself: of all nodes, in every namespace.
 *
 * Before it sleeps, while its processes still run, leases are dropped: what they hold is lost,
 * their users are told and acted on. Others get it when the promise is over, as after any loss.
 *
 * Before it goes down leases are given back, so that nobody waits for their end. That is right
 * only once nobody uses what is held: locks are lost first, which ends those who asked for it
 * (on_loss), and where a handle is still open after KQ_POWER_DRAIN_MS its session is left to
 * expire.
 *
 * A hypervisor that resumes a machine from a snapshot, or makes two of one, tells so by another
 * generation id. What the node knows may be undone then, or known to another as well; its clock
 * stood still. It drops its lease and takes no part until it is started again, by when its peers
 * look at what it has (kq_peer.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/rtnetlink.h>
#include <linux/suspend.h>
#include "node.h"
#include "power.h"
#include "trace.h"

#define KQ_POWER_DRAIN_MS	1000	/* for those who were killed to be gone */
#define KQ_POWER_DOWN_MS	5000	/* to close sessions and hand leadership over */
#define KQ_POWER_LOOK_MS	10

/* Calls @look on each node of this kernel. Return: of how many it said true. */
static u32 count_nodes(bool (*look)(struct kq_node *node))
{
	struct kq_node *node;
	struct net *net;
	u32 count = 0;

	down_read(&net_rwsem);
	for_each_net(net) {
		node = kq_node_find(net);
		if (!node)
			continue;
		count += look(node);
		kq_node_put(node);
	}
	up_read(&net_rwsem);
	return count;
}

/* Until @look says true of none, but no longer than @ms. */
static void wait_for_nodes(bool (*look)(struct kq_node *node), u32 ms)
{
	u64 until = kq_clock() + (u64)ms * NSEC_PER_MSEC;

	while (count_nodes(look) && kq_clock() < until)
		msleep(KQ_POWER_LOOK_MS);
}

static void drop_lease(struct kq_step *step)
{
	kq_trace_call(step->node, KQ_TRACE_DROP_LEASE, 0, 0, 0);
	kq_core_drop_lease(step->core, step->now);
}

static bool node_drops_lease(struct kq_node *node)
{
	struct kq_step step;

	if (kq_node_enter(node, &step))
		return false;	/* it has none yet, or none any more */
	drop_lease(&step);
	kq_node_leave(&step);
	return true;
}

static bool node_is_used(struct kq_node *node)
{
	bool used;

	mutex_lock(&node->lock);
	used = !list_empty(&node->locks);
	mutex_unlock(&node->lock);
	return used;
}

static bool node_is_stopping(struct kq_node *node)
{
	bool stopping;

	mutex_lock(&node->lock);
	stopping = !node->dead && !node->recovering && node->core->stopping;
	mutex_unlock(&node->lock);
	return stopping;
}

static void hand_over(struct kq_node *node)
{
	struct kq_step step;

	if (kq_node_enter(node, &step))
		return;
	kq_trace_call(node, KQ_TRACE_TRANSFER, 0, 0, 0);
	kq_trace_result(node, kq_core_transfer(step.core, step.now, 0), 0);
	kq_node_leave(&step);
}

static bool node_goes_down(struct kq_node *node)
{
	if (!node_is_used(node))
		return !kq_node_stop(node, false);
	pr_warn("%s/%s: the machine goes down, and lock handles are open: the session is left to expire\n",
		node->cluster, node->member[node->cfg.self].name);
	hand_over(node);
	return false;
}

static bool node_is_copy(struct kq_node *node)
{
	static const char why[] =
		"the machine was restored from a snapshot or cloned: start the node again";
	struct kq_step step;

	if (kq_node_enter(node, &step))
		return false;
	drop_lease(&step);
	kq_trace_call_bytes(node, KQ_TRACE_FAIL, ESTALE, why, strlen(why));
	kq_core_fail(step.core, -ESTALE, why);
	kq_node_leave(&step);
	return true;
}

/**
 * kq_power_sleep() - the machine is about to sleep, or has slept
 * @nb: ours
 * @action: PM_SUSPEND_PREPARE and the like
 * @data: NULL
 *
 * Context: a process; the others still run.
 * Return: NOTIFY_OK.
 */
int kq_power_sleep(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == PM_SUSPEND_PREPARE || action == PM_HIBERNATION_PREPARE)
		count_nodes(node_drops_lease);
	return NOTIFY_OK;
}

/**
 * kq_power_down() - the machine is about to be started again, halted or switched off
 * @nb: ours
 * @action: SYS_RESTART and the like
 * @data: NULL
 *
 * Context: a process; others may still run.
 * Return: NOTIFY_OK.
 */
int kq_power_down(struct notifier_block *nb, unsigned long action, void *data)
{
	if (!count_nodes(node_drops_lease))
		return NOTIFY_OK;
	wait_for_nodes(node_is_used, KQ_POWER_DRAIN_MS);
	count_nodes(node_goes_down);
	wait_for_nodes(node_is_stopping, KQ_POWER_DOWN_MS);
	return NOTIFY_OK;
}

/**
 * kq_power_copied() - the machine has another generation id
 * @nb: ours
 * @action: 0
 * @data: NULL
 *
 * Context: a process.
 * Return: NOTIFY_OK.
 */
int kq_power_copied(struct notifier_block *nb, unsigned long action, void *data)
{
	count_nodes(node_is_copy);
	return NOTIFY_OK;
}

static struct notifier_block sleep_nb = { .notifier_call = kq_power_sleep };
static struct notifier_block copied_nb = { .notifier_call = kq_power_copied };
/* First: what others take down may be what messages go through. */
static struct notifier_block down_nb = { .notifier_call = kq_power_down, .priority = INT_MAX };

/**
 * kq_power_module_init() - have the kernel tell
 *
 * Return: 0 or negative errno.
 */
int kq_power_module_init(void)
{
	int err = register_pm_notifier(&sleep_nb);

	if (err)
		return err;
	err = register_reboot_notifier(&down_nb);
	if (err)
		goto sleep_exit;
	err = register_random_vmfork_notifier(&copied_nb);
	if (err)
		goto down_exit;
	return 0;
down_exit:
	unregister_reboot_notifier(&down_nb);
sleep_exit:
	unregister_pm_notifier(&sleep_nb);
	return err;
}

/**
 * kq_power_module_exit() - the end of that
 */
void kq_power_module_exit(void)
{
	unregister_random_vmfork_notifier(&copied_nb);
	unregister_reboot_notifier(&down_nb);
	unregister_pm_notifier(&sleep_nb);
}
