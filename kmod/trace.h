/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tracepoints tell of a node: decisions, for people (kq_trace() in the core); and every call
 * of the core with all that comes out of it, so that a recorded cluster can be run again in
 * tests/trace, by a core that was checked.
 *
 * Everything below is called under the node's lock unless it says otherwise, so the order within a
 * node is exact: steps count up, and so do the parts of a step, up to the event "end". What is
 * missing is seen. A tracepoint that is off costs a jump over it.
 */
#ifndef KQ_TRACE_H
#define KQ_TRACE_H

#include "node.h"

/*
 * What is called and what comes out; a, b, c, d as the text says, 0 where it says nothing. Errors
 * are positive.
 */
enum kq_trace_what {
	/* whole by themselves: the core is not touched, no "end" follows */
	KQ_TRACE_CREATE,	/* d: bytes, see kq_trace_create() */
	KQ_TRACE_FOUNDER,	/* a: node; d: struct kquorum_conf_member; follow CREATE */
	KQ_TRACE_DISK_LATE,	/* a: error of a write that outlived its node */
	/* calls; d: how many bytes follow in kquorum_bytes */
	KQ_TRACE_RECOVERED,	/* a: error; d: see kq_trace_recovered() */
	KQ_TRACE_RESTORED,	/* d: from which snapshot, see kq_trace_snapshot() */
	KQ_TRACE_NO_SNAPSHOT,	/* that which the log refers to could not be restored */
	KQ_TRACE_START,
	KQ_TRACE_SEED,		/* instead: d: with which snapshot its history begins */
	KQ_TRACE_TICK,		/* a: 1: not by the timer, a handle asked */
	KQ_TRACE_LINGER_OVER,
	KQ_TRACE_DISK_DONE,	/* a: error */
	KQ_TRACE_FAIL,		/* a: error; d: the reason */
	KQ_TRACE_PEER_UP,	/* a: peer; b: own port << 16 | its port; d: struct kquorum_past */
	KQ_TRACE_PEER_DOWN,	/* a: peer */
	KQ_TRACE_RECV,		/* a: peer; d: the message */
	KQ_TRACE_CANVASS,
	KQ_TRACE_CAMPAIGN,
	KQ_TRACE_TRANSFER,	/* a: to */
	KQ_TRACE_RECONFIGURE,	/* a: voters; b: learners; c: based on; d: the node's id, record */
	KQ_TRACE_APPEND,	/* a: KQ_ENTRY_APPEND, _DEFINE, _EVICT, ...; d: the payload */
	KQ_TRACE_LOCK,		/* d: struct kq_acquire_cmd, the name, what it is for */
	KQ_TRACE_RENEW,		/* a: owner; b: token */
	KQ_TRACE_UNLOCK,	/* a: owner */
	KQ_TRACE_SAVE_BEGIN,
	KQ_TRACE_SAVE_NEXT,	/* a: bytes there is room for; result: how many, CRC << 32 */
	KQ_TRACE_SAVE_END,
	KQ_TRACE_ADOPT,		/* d: which snapshot is finished, see kq_trace_snapshot() */
	KQ_TRACE_INSTALL,	/* d: likewise */
	KQ_TRACE_SCRUB,		/* a: KQ_TRACE_SCRUB_BEGIN, _MEND or _END */
	KQ_TRACE_REWRITE,	/* a: first index; b: last */
	KQ_TRACE_DROP_LEASE,
	KQ_TRACE_STOP,		/* a: 1: by force */
	KQ_TRACE_DOWN,		/* stopped by force, freed; a: 1: while recovering, no "end" */
	/* what comes out */
	KQ_TRACE_RESULT,	/* a: error that the call returned; b: or its number */
	KQ_TRACE_MESSAGE,	/* a: to; b: type; c: bytes; d: CRC of them, bit 32: not sent */
	KQ_TRACE_BATCH,		/* a: slot; b: offset; c: bytes; d: CRC of them */
	KQ_TRACE_OUTCOME,	/* of KQ_TRACE_APPEND: a: error; b: index; c: term; d: number */
	KQ_TRACE_OWNER,		/* a: owner; b: state; c: token; d: error, bit 32: closed */
};

#define KQ_TRACE_FLAG	(1ULL << 32)
#define KQ_TRACE_SCRUB_END	0
#define KQ_TRACE_SCRUB_BEGIN	1
#define KQ_TRACE_SCRUB_MEND	2
#define KQ_TRACE_LINGER	1	/* what a step wants: to be woken when the linger time is over */
#define KQ_TRACE_STOPPED 2	/* to be taken down */

struct kq_trace_item {
	enum kq_trace_what what;
	u64 a, b, c, d;
};

#include "tracepoints.h"

void kq_trace_create(struct kq_node *node);
void kq_trace_reconfigure_on(struct kq_node *node, const struct kq_conf_change *change);
void kq_trace_disk_late(struct kq_node *node, int error);
void kq_trace_call_on(struct kq_node *node, const struct kq_trace_item *item, const void *bytes);
void kq_trace_out_on(struct kq_node *node, const struct kq_trace_item *item);
void kq_trace_recovered_on(struct kq_node *node, int error, const struct kq_wal_report *report);
void kq_trace_snapshot_on(struct kq_node *node, enum kq_trace_what what,
			  const struct kq_snap_ref *ref);
void kq_trace_messages_on(struct kq_node *node, const struct list_head *list, bool sent);
void kq_trace_batch_on(struct kq_node *node, const struct kq_batch *batch);

/* Another step. Counted even when nothing is traced, so that a gap in a trace is seen. */
static inline void kq_trace_step(struct kq_node *node, u64 now_ns)
{
	node->trace.step++;
	node->trace.now = now_ns;
	node->trace.part = 0;
}

/* A call follows. */
static inline void kq_trace_call(struct kq_node *node, enum kq_trace_what what, u64 a, u64 b,
				 u64 c)
{
	if (trace_kquorum_call_enabled())
		kq_trace_call_on(node, &(struct kq_trace_item){ what, a, b, c }, NULL);
}

/* A call with @len bytes follows. */
static inline void kq_trace_call_bytes(struct kq_node *node, enum kq_trace_what what, u64 a,
				       const void *bytes, u32 len)
{
	if (trace_kquorum_call_enabled())
		kq_trace_call_on(node, &(struct kq_trace_item){ what, a, .d = len }, bytes);
}

static inline void kq_trace_peer_up(struct kq_node *node, u32 id, u32 ports,
				    const struct kquorum_past *past)
{
	struct kq_trace_item item = { KQ_TRACE_PEER_UP, id, ports, .d = sizeof(*past) };

	if (trace_kquorum_call_enabled())
		kq_trace_call_on(node, &item, past);
}

static inline void kq_trace_reconfigure(struct kq_node *node, const struct kq_conf_change *change)
{
	if (trace_kquorum_call_enabled())
		kq_trace_reconfigure_on(node, change);
}

static inline void kq_trace_recovered(struct kq_node *node, int error,
				      const struct kq_wal_report *report)
{
	if (trace_kquorum_call_enabled())
		kq_trace_recovered_on(node, error, report);
}

static inline void kq_trace_snapshot(struct kq_node *node, enum kq_trace_what what,
				     const struct kq_snap_ref *ref)
{
	if (trace_kquorum_call_enabled())
		kq_trace_snapshot_on(node, what, ref);
}

/* The call returned @error (negative) or @value. */
static inline void kq_trace_result(struct kq_node *node, int error, u64 value)
{
	if (trace_kquorum_out_enabled())
		kq_trace_out_on(node, &(struct kq_trace_item){ KQ_TRACE_RESULT, -error, value });
}

/* The call returned @got: a negative error, or so many @bytes. */
static inline void kq_trace_saved(struct kq_node *node, int got, const void *bytes)
{
	if (trace_kquorum_out_enabled())
		kq_trace_out_on(node, &(struct kq_trace_item){ KQ_TRACE_RESULT, -min(got, 0),
				got > 0 ? got | (u64)kq_crc(0, bytes, got) << 32 : 0 });
}

/* @list: struct kq_msg, for one peer. */
static inline void kq_trace_messages(struct kq_node *node, const struct list_head *list, bool sent)
{
	if (trace_kquorum_out_enabled())
		kq_trace_messages_on(node, list, sent);
}

static inline void kq_trace_batch(struct kq_node *node, const struct kq_batch *batch)
{
	if (trace_kquorum_out_enabled())
		kq_trace_batch_on(node, batch);
}

static inline void kq_trace_outcome(struct kq_node *node, const struct kq_proposal *p)
{
	if (trace_kquorum_out_enabled())
		kq_trace_out_on(node, &(struct kq_trace_item){ KQ_TRACE_OUTCOME, -p->error,
				p->index, p->term, p->seq });
}

static inline void kq_trace_owner(struct kq_node *node, const struct kq_owner *o)
{
	if (trace_kquorum_out_enabled())
		kq_trace_out_on(node, &(struct kq_trace_item){ KQ_TRACE_OWNER, o->id, o->state,
				o->token, (u32)-o->error | (o->closed ? KQ_TRACE_FLAG : 0) });
}

/* The step is over. */
static inline void kq_trace_end(struct kq_node *node, u32 events, u32 wants)
{
	trace_kquorum_end(node, node->core, events, wants);
}

#endif /* KQ_TRACE_H */
