/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One node: the core with all that it needs to live in a kernel.
 *
 * Locks, outermost first:
 *	kq_net.start	one start at a time in a namespace
 *	kq_node.lock	the core and all lists of the node; held for steps only, never
 *			for I/O, never while a socket is used
 *	kq_node.net_lock	@net, while it is used to multicast
 *	kq_conn.lock, kq_disk.lock, kq_net.lock, kq_askers.users	spin locks, innermost
 */
#ifndef KQ_NODE_H
#define KQ_NODE_H

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/timerqueue.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include "asker.h"
#include "clock.h"
#include "core/kq_core.h"
#include "disk.h"
#include "objects.h"
#include "scrub.h"

#define KQ_REASON_MAX	128	/* bytes of a reason shown in the status */

struct kq_conn;

/**
 * struct kq_net - what a network namespace has of ours
 * @start: held while a node is being made
 * @lock: protects @node
 * @node: the namespace's node, with a reference; NULL: none
 */
struct kq_net {
	struct mutex start;
	spinlock_t lock;
	struct kq_node *node;
};

/**
 * struct kq_transit - a snapshot on its way, as the daemon told last
 * @index: the last log index in it, 0: none is
 * @bytes: its size
 * @done: of these, how many are there
 * @comes: to this node
 */
struct kq_transit {
	u64 index;
	u64 bytes;
	u64 done;
	bool comes;
};

/**
 * struct kq_member - what is shown of a node
 * @name: as people call it, empty: it is no member
 * @address: likewise
 * @reason: how its last connection ended, or why there is none
 * @reason_ns: since when that is the reason, kq_clock()
 * @drops: connections closed for a bad message
 * @flags: KQUORUM_CONF_*
 * @transit: between it and this node
 */
struct kq_member {
	char name[KQUORUM_NODE_NAME_MAX + 1];
	char address[KQUORUM_ADDRESS_MAX + 1];
	char reason[KQ_REASON_MAX];
	u64 reason_ns;
	u64 drops;
	u8 flags;
	u8 priority;
	struct kq_transit transit;
};

/**
 * struct kq_trace - where a trace of the node is; see trace.h
 * @life: no other node of this kernel, of whatever cluster, has the same
 * @step: steps so far
 * @now: the clock of this one, ns
 * @part: events of this one so far
 */
struct kq_trace {
	u64 life;
	u64 step;
	u64 now;
	u32 part;
};

/**
 * struct kq_node - a node
 * @ref: the namespace's pointer, each handle, connection, write and scheduled work have one
 * @lock: protects the core and what follows up to @net_lock
 * @core: NULL once the node is down
 * @recovering: the recovery work has the core, without the lock
 * @dead: taken down, or about to be when recovery lets go of the core
 * @trace: how far its tracepoints have counted
 * @cluster: its name
 * @cfg: as it was started
 * @member: by node id; before there is a configuration as it was started, then as that says
 * @named: kq_core.conf_count of the configuration that @member follows
 * @conn: by node id; NULL: not connected
 * @locks: lock handles whose owner the core knows
 * @near: of @locks those whose own end is not near yet, by when it will be
 * @askers: who may have them; its counts have a lock of their own
 * @appends: open append streams
 * @saver: whoever saves a snapshot, NULL: nobody
 * @snapshot_busy: bit 0: one that was handed over is being read
 * @snapshots: what its log may refer to; recovery closes them
 * @seed: if there is no log, it begins with the first of them
 * @begin: read from there; of recovery
 * @scrub: of the log on disk
 * @at_risk: less than a third of the lease was left at the last tick
 * @epoch: of the daemon that took the node last
 * @event_bits: enum kquorum_event, to be multicast
 * @bad_messages: connections closed for a bad message
 * @reason: why the last of them was
 * @told_state: what the kernel log has been told last
 * @told_role: likewise
 * @told_leader: likewise
 * @told_term: likewise
 * @told_off: by node id: whose clock is off, likewise
 * @net_lock: protects @net
 * @net: the namespace, not counted; NULL once it or the node is gone
 * @sockets: attached sockets; each of them pins the namespace
 * @daemon: port of the daemon's netlink socket, 0: none lives
 * @cancel: recovery is to end
 */
struct kq_node {
	refcount_t ref;
	struct mutex lock;
	struct kq_core *core;
	bool recovering;
	bool dead;
	struct kq_trace trace;
	char cluster[KQUORUM_NODE_NAME_MAX + 1];
	struct kq_config cfg;
	struct kq_member member[KQ_MAX_NODES + 1];
	u64 named;
	struct kq_conn *conn[KQ_MAX_NODES + 1];
	struct list_head locks;
	struct timerqueue_head near;
	struct kq_askers askers;
	struct list_head appends;
	struct kq_saver *saver;
	unsigned long snapshot_busy;
	struct file *snapshots[KQUORUM_MAX_SNAPSHOT_FDS];
	bool seed;
	struct kq_restore *begin;
	struct kq_scrub_work scrub;
	bool at_risk;
	u64 epoch;
	u32 event_bits;
	u64 bad_messages;
	char reason[KQ_REASON_MAX];
	u32 told_state;
	u32 told_role;
	u32 told_leader;
	u64 told_term;
	s8 told_off[KQ_MAX_NODES + 1];

	struct mutex net_lock;
	struct net *net;
	atomic_t sockets;
	atomic_t daemon;
	bool cancel;

	struct kq_disk disk;
	struct delayed_work tick;
	struct work_struct recover;
	struct work_struct event;
	struct work_struct linger;
	struct work_struct teardown;
};

/* A step of the core, from kq_node_enter() to kq_node_leave(). */
struct kq_step {
	struct kq_node *node;
	struct kq_core *core;
	u64 now;		/* ns, kq_clock() */
	unsigned int noio;
};

extern unsigned int kq_net_id;
extern struct workqueue_struct *kq_wq;

static inline struct kq_net *kq_net(struct net *net)
{
	return net_generic(net, kq_net_id);
}

/* node.c */
struct kq_node *kq_node_find(struct net *net);
struct kq_node *kq_node_create(const struct kq_config *cfg);
void kq_node_get(struct kq_node *node);
void kq_node_put(struct kq_node *node);
int kq_node_launch(struct kq_node *node, struct net *net);
void kq_node_kill(struct kq_node *node);
int kq_node_stop(struct kq_node *node, bool force);
void kq_node_net_exit(struct net *net);

/* step.c */
int kq_node_enter(struct kq_node *node, struct kq_step *step);
int kq_node_enter_recovered(struct kq_node *node, struct kq_step *step);
void kq_node_leave(struct kq_step *step);
void kq_handles_drain(struct kq_node *node);
void kq_node_event(struct kq_node *node, u32 bits);
void kq_node_disk_done(struct kq_node *node, struct kq_batch *batch, int error,
		       const char *why);
void kq_node_tick(struct work_struct *work);
void kq_node_event_work(struct work_struct *work);
void kq_node_linger_work(struct work_struct *work);

/* recover.c */
void kq_node_recover(struct work_struct *work);
void kq_node_drop_snapshots(struct kq_node *node);

#endif /* KQ_NODE_H */
