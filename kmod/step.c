// SPDX-License-Identifier: GPL-2.0
/*
 * Stepping the core: whoever has an event enters the node, calls the core and leaves;
 * leaving puts what came out on its queues and sends, without the lock, what can be
 * sent at once.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include "handle.h"
#include "netlink.h"
#include "node.h"
#include "trace.h"
#include "transport.h"

#define KQ_TICK_MS_MIN	5

static void step_begin(struct kq_node *node, struct kq_step *step)
{
	step->noio = memalloc_noio_save();
	step->node = node;
	step->core = node->core;
	step->now = kq_clock();
	kq_trace_step(node, step->now);
}

/**
 * kq_node_enter() - take the node for one step
 * @node: the node
 * @step: filled in
 *
 * Context: may sleep, for other steps only; they do no I/O.
 * Return: 0, the node is locked; -EBUSY while it recovers; -ENODEV once it is down.
 */
int kq_node_enter(struct kq_node *node, struct kq_step *step)
{
	int err = 0;

	mutex_lock(&node->lock);
	if (node->dead)
		err = -ENODEV;
	else if (node->recovering)
		err = -EBUSY;
	if (err) {
		mutex_unlock(&node->lock);
		return err;
	}
	step_begin(node, step);
	return 0;
}

/**
 * kq_node_enter_recovered() - the first step: recovery gives the core back
 * @node: the node
 * @step: filled in
 *
 * Context: the recovery work.
 * Return: 0, the node is locked; -ENODEV: it went down meanwhile, the core is the
 * caller's to free.
 */
int kq_node_enter_recovered(struct kq_node *node, struct kq_step *step)
{
	mutex_lock(&node->lock);
	if (node->dead) {
		/* Still recovering: others keep off the core while it is freed. */
		mutex_unlock(&node->lock);
		return -ENODEV;
	}
	node->recovering = false;
	step_begin(node, step);
	return 0;
}

/* The work has a reference to the node. */
static void node_queue_work(struct kq_node *node, struct work_struct *work)
{
	kq_node_get(node);
	if (!queue_work(kq_wq, work))
		kq_node_put(node);
}

/* Moves messages to the connections. Returns how many of these have something to send. */
static u32 drain_messages(struct kq_step *step, struct kq_conn **kick)
{
	struct kq_node *node = step->node;
	u32 id, count = 0;

	kq_for_each_node(KQ_NODES_BITS, id) {
		struct kq_conn *conn = node->conn[id];
		LIST_HEAD(list);

		kq_core_take_msgs(step->core, id, &list);
		if (list_empty(&list))
			continue;
		kq_trace_messages(node, &list, conn);
		if (!conn) {
			struct kq_msg *msg, *next;

			list_for_each_entry_safe(msg, next, &list, node)
				kq_free(msg);
			continue;
		}
		kq_conn_queue(conn, &list);
		kq_conn_get(conn);
		kick[count++] = conn;
	}
	return count;
}

/**
 * kq_handles_drain() - tell handles what the core has for them
 * @node: the node, locked
 */
void kq_handles_drain(struct kq_node *node)
{
	struct kq_proposal *p;
	struct kq_owner *owner;

	while ((p = kq_core_take_done(node->core))) {
		kq_trace_outcome(node, p);
		kq_append_done(p);
	}
	while ((owner = kq_core_take_owner(node->core))) {
		kq_trace_owner(node, owner);
		kq_lock_changed(owner);
	}
}

/* @m: NULL of who is no member (any more): what was known of it may be another's. */
static void name_member(struct kq_member *member, const struct kquorum_conf_member *m)
{
	if (!m) {
		if (member->name[0])
			memset(member, 0, sizeof(*member));
		return;
	}
	strscpy(member->name, m->name, sizeof(member->name));
	strscpy(member->address, m->address, sizeof(member->address));
	member->flags = m->flags;
	member->priority = m->priority;
}

/*
 * What members are called is in the log; what is shown of them is together here. A node that has
 * not been taken in yet is called what it was started with.
 */
static void name_members(struct kq_node *node)
{
	const struct kq_core *core = node->core;
	u32 id;

	if (node->named == core->conf_count)
		return;
	node->named = core->conf_count;
	if (!core->conf_index)
		return;
	/* Under its number there may have been another one before. */
	kq_for_each_node(KQ_NODES_BITS, id)
		if (id != node->cfg.self || core->conf.identity[id] == core->hs.identity)
			name_member(&node->member[id], kq_core_member(core, id));
}

/**
 * kq_node_leave() - end a step
 * @step: from kq_node_enter()
 *
 * Context: may sleep; sends on sockets without waiting.
 */
void kq_node_leave(struct kq_step *step)
{
	struct kq_node *node = step->node;
	struct kq_conn *kick[KQ_MAX_NODES];
	struct kq_batch *batch;
	bool stopped, linger;
	u32 i, kicks, events;

	name_members(node);
	kicks = drain_messages(step, kick);
	batch = kq_core_take_batch(step->core);
	if (batch) {
		kq_trace_batch(node, batch);
		kq_disk_write(node, batch);
	}
	kq_handles_drain(node);
	events = kq_core_take_events(step->core);
	linger = kq_core_take_linger(step->core);
	stopped = kq_core_stopped(step->core);
	kq_trace_end(node, events, (linger ? KQ_TRACE_LINGER : 0) |
		     (stopped ? KQ_TRACE_STOPPED : 0));
	kq_node_event(node, events);
	if (linger)
		node_queue_work(node, &node->linger);
	mutex_unlock(&node->lock);

	for (i = 0; i < kicks; i++) {
		kq_conn_send(kick[i]);
		kq_conn_put(kick[i]);
	}
	if (stopped)
		node_queue_work(node, &node->teardown);
	memalloc_noio_restore(step->noio);
}

/**
 * kq_node_event() - have changes multicast and told to the kernel log
 * @node: the node, locked
 * @bits: enum kquorum_event
 *
 * A work does it: nothing is allocated for listeners under the lock.
 */
void kq_node_event(struct kq_node *node, u32 bits)
{
	lockdep_assert_held(&node->lock);
	if (!bits)
		return;
	node->event_bits |= bits;
	node_queue_work(node, &node->event);
}

/**
 * kq_node_linger_work() - some proposals waited for company, long enough now
 * @work: of the node, with a reference to it
 */
void kq_node_linger_work(struct work_struct *work)
{
	struct kq_node *node = container_of(work, struct kq_node, linger);
	u64 left_ns = KQ_LINGER_NS;
	struct kq_step step;

	do {
		unsigned long us = DIV_ROUND_UP((u32)left_ns, (u32)NSEC_PER_USEC);

		usleep_range(us, us + 100);
		if (kq_node_enter(node, &step))
			break;
		kq_trace_call(node, KQ_TRACE_LINGER_OVER, 0, 0, 0);
		left_ns = kq_core_linger_over(step.core, step.now);
		kq_trace_result(node, 0, left_ns);
		kq_node_leave(&step);
	} while (left_ns);
	kq_node_put(node);
}

struct told {
	struct kq_nl_event ev;
	u32 state;
	bool new_state;
	bool new_leader;
	bool stateless;
	u64 missing;		/* entries that are being repaired */
	u32 crossed;		/* damaged places */
	char self[KQUORUM_NODE_NAME_MAX + 1];
	char leader[KQUORUM_NODE_NAME_MAX + 1];
	char reason[200];
	u32 slot;		/* where the damage is */
	u64 offset;		/* bytes */
};

/* A clock that is off, or is not any more. */
struct told_clock {
	s32 off;		/* as in struct kq_rate */
	bool own;
	s32 min_ppm;
	s32 max_ppm;
	u32 drift_ppm;
	char self[KQUORUM_NODE_NAME_MAX + 1];
	char whose[KQUORUM_NODE_NAME_MAX + 1];
};

static void tell_state(const struct kq_node *node, const struct told *t)
{
	const char *self = t->self;

	switch (t->state) {
	case KQUORUM_NODE_RUNNING:
		if (t->crossed)
			pr_warn("%s/%s: the log was damaged in %u places, the first in segment-%04u at byte %llu; it is whole again, but check the disk\n",
				node->cluster, self, t->crossed, t->slot, t->offset);
		pr_info("%s/%s: log recovered, running\n", node->cluster, self);
		break;
	case KQUORUM_NODE_STOPPING:
		pr_info("%s/%s: stopping\n", node->cluster, self);
		break;
	case KQUORUM_NODE_DAMAGED:
		if (t->stateless) {
			pr_err("%s/%s: does not serve: %s\n", node->cluster, self, t->reason);
			break;
		}
		pr_err("%s/%s: does not serve: damage in segment-%04u at byte %llu: %s\n",
		       node->cluster, self, t->slot, t->offset, t->reason);
		if (t->missing) {
			pr_warn("%s/%s: fetches %llu entries from the other members\n",
				node->cluster, self, t->missing);
			break;
		}
		pr_err("%s/%s: check the disk and keep a copy of the files, see kquorum status\n",
		       node->cluster, self);
		break;
	case KQUORUM_NODE_FAILED:
		pr_err("%s/%s: does not serve: %s\n", node->cluster, self, t->reason);
		break;
	}
}

static void tell_leader(const struct kq_node *node, const struct told *t)
{
	const char *self = t->self;

	if (t->ev.role == KQUORUM_LEADER)
		pr_info_ratelimited("%s/%s: leader of term %llu\n", node->cluster, self,
				    t->ev.term);
	else if (t->ev.leader)
		pr_info_ratelimited("%s/%s: follows %s in term %llu\n", node->cluster, self,
				    t->leader, t->ev.term);
	else
		pr_info_ratelimited("%s/%s: no leader in term %llu\n", node->cluster, self,
				    t->ev.term);
}

/* Returns false: there is no news, or no more. */
static bool take_clock(struct kq_node *node, struct told_clock *t)
{
	const struct kq_core *core = node->core;
	u32 self = node->cfg.self, id;

	if (!core || node->recovering)
		return false;
	for (id = 1; id <= KQ_MAX_NODES; id++) {
		const struct kq_rate *r = &core->peer[id].rate;
		s32 off = id == self ? core->own_off : r->off;

		if (off == node->told_off[id])
			continue;
		node->told_off[id] = off;
		t->off = off;
		t->own = id == self;
		t->min_ppm = r->min_ppm;
		t->max_ppm = r->max_ppm;
		t->drift_ppm = core->eff.drift_ppm;
		strscpy(t->self, node->member[self].name, sizeof(t->self));
		strscpy(t->whose, node->member[id].name, sizeof(t->whose));
		return true;
	}
	return false;
}

static void tell_clock(const struct kq_node *node, const struct told_clock *t)
{
	if (t->own && t->off)
		pr_warn_ratelimited("%s/%s: this node's clock is too %s for most others: it does not lead until that has passed\n",
				    node->cluster, t->self, t->off > 0 ? "fast" : "slow");
	else if (t->off)
		pr_warn_ratelimited("%s/%s: the clock of %s differs from this one's by %+d to %+d ppm, which two within drift_ppm (%u) cannot: it gets no lease\n",
				    node->cluster, t->self, t->whose, t->min_ppm, t->max_ppm,
				    t->drift_ppm);
	else
		pr_info_ratelimited("%s/%s: the clock of %s is no longer found off\n",
				    node->cluster, t->self, t->whose);
}

static void tell_clocks(struct kq_node *node)
{
	struct told_clock t;
	bool news;

	do {
		mutex_lock(&node->lock);
		news = take_clock(node, &t);
		mutex_unlock(&node->lock);
		if (news)
			tell_clock(node, &t);
	} while (news);
}

static void event_snapshot(struct kq_node *node, struct told *t)
{
	const struct kq_core *core = node->core;

	t->ev.bits = node->event_bits;
	node->event_bits = 0;
	t->ev.node = node->cfg.self;
	if (!core || node->recovering)
		return;
	t->ev.term = core->hs.term;
	t->ev.leader = core->leader;
	t->ev.role = core->role;
	t->state = core->state;
	if (core->stopping && core->state == KQUORUM_NODE_RUNNING)
		t->state = KQUORUM_NODE_STOPPING;
	strscpy(t->self, node->member[node->cfg.self].name, sizeof(t->self));
	strscpy(t->leader, node->member[core->leader].name, sizeof(t->leader));
	strscpy(t->reason, core->reason, sizeof(t->reason));
	t->slot = core->report.slot;
	t->offset = core->report.offset;
	t->stateless = core->stateless;
	t->missing = core->repair.total;
	t->crossed = core->report.crossed;
	t->new_state = t->state != node->told_state;
	t->new_leader = core->leader != node->told_leader ||
		(core->leader && core->hs.term != node->told_term) ||
		(core->role == KQUORUM_LEADER) != (node->told_role == KQUORUM_LEADER);
	node->told_state = t->state;
	node->told_role = core->role;
	node->told_leader = core->leader;
	node->told_term = core->hs.term;
}

/**
 * kq_node_event_work() - multicast what changed
 * @work: of the node, with a reference to it
 */
void kq_node_event_work(struct work_struct *work)
{
	struct kq_node *node = container_of(work, struct kq_node, event);
	struct told t = {};

	mutex_lock(&node->lock);
	event_snapshot(node, &t);
	mutex_unlock(&node->lock);
	if (t.new_state)
		tell_state(node, &t);
	if (t.new_leader)
		tell_leader(node, &t);
	if (t.ev.bits & KQUORUM_EVENT_CLOCK)
		tell_clocks(node);
	mutex_lock(&node->net_lock);
	if (node->net && t.ev.bits)
		kq_nl_multicast(node->net, &t.ev);
	mutex_unlock(&node->net_lock);
	kq_node_put(node);
}

/**
 * kq_node_disk_done() - a batch is on disk, or will never be
 * @node: the node
 * @batch: from the core
 * @error: 0 or negative errno
 * @why: NULL, or what is wrong with the segment
 *
 * Context: a work of the disk.
 */
void kq_node_disk_done(struct kq_node *node, struct kq_batch *batch, int error,
		       const char *why)
{
	struct kq_step step;

	/* A node that went down meanwhile has left the batch to us. */
	if (kq_node_enter(node, &step)) {
		kq_trace_disk_late(node, error);
		kq_batch_free(batch);
		return;
	}
	if (error && why) {
		char text[KQ_REASON_MAX];

		snprintf(text, sizeof(text), "log write failed: segment %u: %s", batch->slot, why);
		kq_trace_call_bytes(node, KQ_TRACE_FAIL, -error, text, strlen(text));
		kq_core_fail(step.core, error, text);
	}
	kq_trace_call(node, KQ_TRACE_DISK_DONE, -error, 0, 0);
	kq_core_disk_done(step.core, step.now, batch, error);
	kq_node_leave(&step);
}

/*
 * Sockets given by user space pin their namespace, so its exit would never be run.
 * When nobody but these holds it, no process can ever enter it again.
 */
static bool namespace_abandoned(struct kq_node *node)
{
	unsigned int sockets = atomic_read(&node->sockets);
	bool abandoned;

	if (!sockets)
		return false;
	mutex_lock(&node->net_lock);
	abandoned = node->net && refcount_read(&node->net->ns.count) <= sockets;
	mutex_unlock(&node->net_lock);
	return abandoned;
}

/**
 * kq_node_tick() - time passes
 * @work: of the node; has a reference to it until the node is down
 */
void kq_node_tick(struct work_struct *work)
{
	struct kq_node *node = container_of(to_delayed_work(work), struct kq_node, tick);
	u32 heartbeat_ms = node->cfg.set.heartbeat_ms;
	struct kq_step step;
	int err;

	err = kq_node_enter(node, &step);
	if (err == -ENODEV) {
		kq_node_put(node);
		return;
	}
	if (!err) {
		kq_trace_call(node, KQ_TRACE_TICK, 0, 0, 0);
		kq_core_tick(step.core, step.now);
		kq_locks_tick(&step);
		kq_conns_tick(&step);
		heartbeat_ms = step.core->eff.heartbeat_ms;
		kq_node_leave(&step);
	}
	if (namespace_abandoned(node))
		kq_node_kill(node);
	queue_delayed_work(kq_wq, &node->tick,
			   msecs_to_jiffies(max_t(u32, heartbeat_ms / 4, KQ_TICK_MS_MIN)));
}
