// SPDX-License-Identifier: GPL-2.0
/*
 * A node's life in its namespace.
 *
 *	create -> launch -> recovery (a work) -> steps -> stop, or the namespace goes
 *	-> kill: handles end, connections close, the core is freed
 *	-> last reference (handle, write that hangs) -> freed
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/sched/mm.h>
#include "handle.h"
#include "netlink.h"
#include "node.h"
#include "snapshot.h"
#include "trace.h"
#include "transport.h"

static atomic64_t kq_lives = ATOMIC64_INIT(0);

/**
 * kq_node_get() - one more reference
 * @node: the node; the caller has one
 */
void kq_node_get(struct kq_node *node)
{
	refcount_inc(&node->ref);
}

/**
 * kq_node_put() - one reference less; the last frees
 * @node: the node
 *
 * Context: may sleep.
 */
void kq_node_put(struct kq_node *node)
{
	if (!refcount_dec_and_test(&node->ref))
		return;
	kq_core_destroy(node->core);
	kq_disk_destroy(&node->disk);
	kq_node_drop_snapshots(node);
	kq_askers_destroy(&node->askers);
	mutex_destroy(&node->lock);
	mutex_destroy(&node->net_lock);
	kvfree(node);
	kq_object_add(KQ_OBJECT_NODE, -1);
}

/**
 * kq_node_find() - the node of a namespace
 * @net: the namespace
 *
 * Return: the node with a reference, or NULL.
 */
struct kq_node *kq_node_find(struct net *net)
{
	struct kq_net *kn = kq_net(net);
	struct kq_node *node;

	spin_lock(&kn->lock);
	node = kn->node;
	if (node)
		kq_node_get(node);
	spin_unlock(&kn->lock);
	return node;
}

static void teardown_work(struct work_struct *work)
{
	struct kq_node *node = container_of(work, struct kq_node, teardown);

	kq_node_kill(node);
	kq_node_put(node);
}

/**
 * kq_node_create() - a node, not running yet
 * @cfg: checked configuration
 *
 * Context: may sleep.
 * Return: the node with one reference, or NULL without memory.
 */
struct kq_node *kq_node_create(const struct kq_config *cfg)
{
	struct kq_node *node = kvzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return NULL;
	kq_object_add(KQ_OBJECT_NODE, 1);
	refcount_set(&node->ref, 1);
	mutex_init(&node->lock);
	mutex_init(&node->net_lock);
	INIT_LIST_HEAD(&node->locks);
	timerqueue_init_head(&node->near);
	kq_askers_init(&node->askers);
	INIT_LIST_HEAD(&node->appends);
	INIT_DELAYED_WORK(&node->tick, kq_node_tick);
	INIT_WORK(&node->recover, kq_node_recover);
	INIT_WORK(&node->event, kq_node_event_work);
	INIT_WORK(&node->linger, kq_node_linger_work);
	INIT_WORK(&node->teardown, teardown_work);
	kq_scrub_work_init(&node->scrub);
	node->cfg = *cfg;
	node->trace.life = atomic64_inc_return(&kq_lives);
	node->core = kq_core_create(cfg);
	if (kq_disk_init(&node->disk, cfg->segments, cfg->segment_bytes) || !node->core) {
		kq_node_put(node);
		return NULL;
	}
	node->core->trace_ctx = node;
	return node;
}

/**
 * kq_node_launch() - make it the namespace's node and start recovery
 * @node: complete; the namespace takes over the caller's reference
 * @net: the namespace
 *
 * Context: under kq_net.start; a command of the namespace, so both it and the module
 * stay.
 * Return: 0 or -EEXIST.
 */
int kq_node_launch(struct kq_node *node, struct net *net)
{
	struct kq_net *kn = kq_net(net);
	int err = 0;

	lockdep_assert_held(&kn->start);
	node->net = net;
	node->recovering = true;
	node->told_state = KQUORUM_NODE_RECOVERING;
	kq_disk_hold(&node->disk);
	kq_trace_create(node);
	spin_lock(&kn->lock);
	if (kn->node)
		err = -EEXIST;
	else
		kn->node = node;
	if (!err)
		refcount_add(2, &node->ref);	/* recovery and tick */
	spin_unlock(&kn->lock);
	if (err)
		return err;
	__module_get(THIS_MODULE);	/* until it is down */
	queue_work(kq_wq, &node->recover);
	queue_delayed_work(kq_wq, &node->tick, 1);
	return 0;
}

static void drop_core(struct kq_node *node)
{
	struct kq_core *core = node->core;
	u64 now = kq_clock();

	kq_trace_step(node, now);
	kq_saves_end(node);
	kq_trace_call(node, KQ_TRACE_DOWN, 0, 0, 0);
	kq_core_stop(core, now, true);	/* gives every handle and proposal its end */
	kq_handles_drain(node);
	kq_trace_end(node, 0, 0);
	kq_locks_end(node);
	kq_appends_end(node);
	if (core->batch_taken)
		core->batch = NULL;	/* the disk has it, and frees it */
	kq_core_destroy(core);
	node->core = NULL;
}

/*
 * After an orderly stop what was sent last still reaches the peer. Otherwise the
 * sockets are reset: one that lingers would pin the namespace.
 */
static void close_connections(struct kq_node *node)
{
	bool reset = !node->core || node->recovering || !node->core->stopping;
	u32 i;

	for (i = 1; i <= KQ_MAX_NODES; i++) {
		if (!node->conn[i])
			continue;
		kq_conn_close(node->conn[i], reset);
		node->conn[i] = NULL;
	}
}

static void unlink_node(struct kq_node *node)
{
	struct kq_nl_event ev = {
		.bits = KQUORUM_EVENT_STATE,
		.node = node->cfg.self,
	};

	mutex_lock(&node->net_lock);
	if (node->net) {
		struct kq_net *kn = kq_net(node->net);
		struct net *net = maybe_get_net(node->net);	/* NULL: it goes, nobody listens */

		/* ORDER: once unlinked, the namespace's exit no longer finds us to wait for. */
		WRITE_ONCE(node->net, NULL);
		spin_lock(&kn->lock);
		if (kn->node == node)
			kn->node = NULL;
		spin_unlock(&kn->lock);
		if (net) {
			kq_nl_multicast(net, &ev);
			put_net(net);
		}
	}
	mutex_unlock(&node->net_lock);
}

/**
 * kq_node_kill() - take the node down now
 * @node: the node
 *
 * Waits for no disk and no peer: a recovery or write under way keeps what it needs and
 * ends by itself.
 * Context: may sleep. Nothing happens the second time.
 */
void kq_node_kill(struct kq_node *node)
{
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&node->lock);
	if (node->dead) {
		mutex_unlock(&node->lock);
		memalloc_noio_restore(noio);
		return;
	}
	node->dead = true;
	WRITE_ONCE(node->cancel, true);
	kq_scrub_stop(node);
	close_connections(node);
	if (!node->recovering) {
		drop_core(node);
	} else {
		kq_trace_step(node, kq_clock());
		kq_trace_call(node, KQ_TRACE_DOWN, true, 0, 0);
		kq_appends_end(node);	/* streams can be opened meanwhile */
	}
	mutex_unlock(&node->lock);
	memalloc_noio_restore(noio);

	pr_info("%s/%s: down\n", node->cluster, node->member[node->cfg.self].name);
	/* The next tick finds it dead and drops the tick's reference, once. */
	kq_disk_shutdown(&node->disk);
	/* Once STATUS finds no node any more, the module can be unloaded. */
	module_put(THIS_MODULE);
	unlink_node(node);
	kq_node_put(node);
}

/**
 * kq_node_stop() - have it leave in an orderly way; kq_node_kill() follows by itself
 * @node: the node
 * @force: do not hand over leadership, do not end the session
 *
 * Context: may sleep, does not wait for it.
 * Return: 0 or -ENODEV.
 */
int kq_node_stop(struct kq_node *node, bool force)
{
	struct kq_step step;
	int err = kq_node_enter(node, &step);

	if (err == -EBUSY) {
		/* Nothing to hand over yet: recovery ends and the node with it. */
		WRITE_ONCE(node->cancel, true);
		err = kq_node_enter(node, &step);
		if (err == -EBUSY)
			return 0;
		/* It has ended between the two, perhaps without a look at the flag. */
	}
	if (err)
		return err;
	kq_trace_call(node, KQ_TRACE_STOP, force, 0, 0);
	kq_core_stop(step.core, step.now, force);
	kq_node_leave(&step);
	return 0;
}

/**
 * kq_node_net_exit() - the namespace goes
 * @net: the namespace
 *
 * Context: pernet exit.
 */
void kq_node_net_exit(struct net *net)
{
	struct kq_node *node = kq_node_find(net);

	if (!node)
		return;
	kq_node_kill(node);
	mutex_lock(&node->net_lock);
	node->net = NULL;
	mutex_unlock(&node->net_lock);
	kq_node_put(node);
}
