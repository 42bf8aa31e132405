/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints, for tracefs. Not to be included but by trace.h, which has what the other files
 * call, and by trace.c, which makes them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kquorum

#if !defined(KQ_TRACEPOINTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define KQ_TRACEPOINTS_H

#include <linux/tracepoint.h>
#include "node.h"

/* So that trace-cmd and perf, which see only the format, can print names too. */
TRACE_DEFINE_ENUM(KQUORUM_FOLLOWER);
TRACE_DEFINE_ENUM(KQUORUM_CANVASSING);
TRACE_DEFINE_ENUM(KQUORUM_CANDIDATE);
TRACE_DEFINE_ENUM(KQUORUM_LEADER);
TRACE_DEFINE_ENUM(KQUORUM_NODE_RECOVERING);
TRACE_DEFINE_ENUM(KQUORUM_NODE_RUNNING);
TRACE_DEFINE_ENUM(KQUORUM_NODE_DAMAGED);
TRACE_DEFINE_ENUM(KQUORUM_NODE_FAILED);
TRACE_DEFINE_ENUM(KQ_TRACE_CREATE);
TRACE_DEFINE_ENUM(KQ_TRACE_FOUNDER);
TRACE_DEFINE_ENUM(KQ_TRACE_RECOVERED);
TRACE_DEFINE_ENUM(KQ_TRACE_RESTORED);
TRACE_DEFINE_ENUM(KQ_TRACE_NO_SNAPSHOT);
TRACE_DEFINE_ENUM(KQ_TRACE_START);
TRACE_DEFINE_ENUM(KQ_TRACE_SEED);
TRACE_DEFINE_ENUM(KQ_TRACE_TICK);
TRACE_DEFINE_ENUM(KQ_TRACE_LINGER_OVER);
TRACE_DEFINE_ENUM(KQ_TRACE_DISK_DONE);
TRACE_DEFINE_ENUM(KQ_TRACE_DISK_LATE);
TRACE_DEFINE_ENUM(KQ_TRACE_FAIL);
TRACE_DEFINE_ENUM(KQ_TRACE_PEER_UP);
TRACE_DEFINE_ENUM(KQ_TRACE_PEER_DOWN);
TRACE_DEFINE_ENUM(KQ_TRACE_RECV);
TRACE_DEFINE_ENUM(KQ_TRACE_CANVASS);
TRACE_DEFINE_ENUM(KQ_TRACE_CAMPAIGN);
TRACE_DEFINE_ENUM(KQ_TRACE_TRANSFER);
TRACE_DEFINE_ENUM(KQ_TRACE_RECONFIGURE);
TRACE_DEFINE_ENUM(KQ_TRACE_APPEND);
TRACE_DEFINE_ENUM(KQ_TRACE_LOCK);
TRACE_DEFINE_ENUM(KQ_TRACE_RENEW);
TRACE_DEFINE_ENUM(KQ_TRACE_UNLOCK);
TRACE_DEFINE_ENUM(KQ_TRACE_SAVE_BEGIN);
TRACE_DEFINE_ENUM(KQ_TRACE_SAVE_NEXT);
TRACE_DEFINE_ENUM(KQ_TRACE_SAVE_END);
TRACE_DEFINE_ENUM(KQ_TRACE_SCRUB);
TRACE_DEFINE_ENUM(KQ_TRACE_REWRITE);
TRACE_DEFINE_ENUM(KQ_TRACE_ADOPT);
TRACE_DEFINE_ENUM(KQ_TRACE_INSTALL);
TRACE_DEFINE_ENUM(KQ_TRACE_DROP_LEASE);
TRACE_DEFINE_ENUM(KQ_TRACE_STOP);
TRACE_DEFINE_ENUM(KQ_TRACE_DOWN);
TRACE_DEFINE_ENUM(KQ_TRACE_RESULT);
TRACE_DEFINE_ENUM(KQ_TRACE_MESSAGE);
TRACE_DEFINE_ENUM(KQ_TRACE_BATCH);
TRACE_DEFINE_ENUM(KQ_TRACE_OUTCOME);
TRACE_DEFINE_ENUM(KQ_TRACE_OWNER);

#define kq_show_role(role)					\
	__print_symbolic(role,					\
			 { KQUORUM_FOLLOWER, "follower" },	\
			 { KQUORUM_CANVASSING, "canvassing" },	\
			 { KQUORUM_CANDIDATE, "candidate" },	\
			 { KQUORUM_LEADER, "leader" })

#define kq_show_state(state)					\
	__print_symbolic(state,					\
			 { KQUORUM_NODE_RECOVERING, "recovering" }, \
			 { KQUORUM_NODE_RUNNING, "running" },	\
			 { KQUORUM_NODE_DAMAGED, "damaged" },	\
			 { KQUORUM_NODE_FAILED, "failed" })

#define kq_show_what(what)					\
	__print_symbolic(what,					\
			 { KQ_TRACE_CREATE, "create" },		\
			 { KQ_TRACE_FOUNDER, "founder" },	\
			 { KQ_TRACE_RECOVERED, "recovered" },	\
			 { KQ_TRACE_RESTORED, "restored" },	\
			 { KQ_TRACE_NO_SNAPSHOT, "no-snapshot" }, \
			 { KQ_TRACE_START, "start" },		\
			 { KQ_TRACE_SEED, "seed" },		\
			 { KQ_TRACE_TICK, "tick" },		\
			 { KQ_TRACE_LINGER_OVER, "linger-over" }, \
			 { KQ_TRACE_DISK_DONE, "disk-done" },	\
			 { KQ_TRACE_DISK_LATE, "disk-late" },	\
			 { KQ_TRACE_FAIL, "fail" },		\
			 { KQ_TRACE_PEER_UP, "peer-up" },	\
			 { KQ_TRACE_PEER_DOWN, "peer-down" },	\
			 { KQ_TRACE_RECV, "recv" },		\
			 { KQ_TRACE_CANVASS, "canvass" },	\
			 { KQ_TRACE_CAMPAIGN, "campaign" },	\
			 { KQ_TRACE_TRANSFER, "transfer" },	\
			 { KQ_TRACE_RECONFIGURE, "reconfigure" }, \
			 { KQ_TRACE_APPEND, "append" },		\
			 { KQ_TRACE_LOCK, "lock" },		\
			 { KQ_TRACE_RENEW, "renew" },		\
			 { KQ_TRACE_UNLOCK, "unlock" },		\
			 { KQ_TRACE_SAVE_BEGIN, "save-begin" },	\
			 { KQ_TRACE_SAVE_NEXT, "save-next" },	\
			 { KQ_TRACE_SAVE_END, "save-end" },	\
			 { KQ_TRACE_SCRUB, "scrub" },		\
			 { KQ_TRACE_REWRITE, "rewrite" },	\
			 { KQ_TRACE_ADOPT, "adopt" },		\
			 { KQ_TRACE_INSTALL, "install" },	\
			 { KQ_TRACE_DROP_LEASE, "drop-lease" },	\
			 { KQ_TRACE_STOP, "stop" },		\
			 { KQ_TRACE_DOWN, "down" },		\
			 { KQ_TRACE_RESULT, "result" },		\
			 { KQ_TRACE_MESSAGE, "message" },	\
			 { KQ_TRACE_BATCH, "batch" },		\
			 { KQ_TRACE_OUTCOME, "outcome" },	\
			 { KQ_TRACE_OWNER, "owner" })

/* For people: what the core decides, in words. */
TRACE_EVENT(kquorum_decision,
	TP_PROTO(const char *cluster, const char *name, const struct kq_core *core,
		 const char *text),
	TP_ARGS(cluster, name, core, text),
	TP_STRUCT__entry(
		__dynamic_array(char, cluster, strlen(cluster) + 1)
		__dynamic_array(char, name, strlen(name) + 1)
		__field(u64, term)
		__field(u64, last)
		__field(u64, commit)
		__field(u64, applied)
		__field(u32, role)
		__dynamic_array(char, text, strlen(text) + 1)
	),
	TP_fast_assign(
		memcpy(__get_dynamic_array(cluster), cluster, strlen(cluster) + 1);
		memcpy(__get_dynamic_array(name), name, strlen(name) + 1);
		__entry->term = core->hs.term;
		__entry->last = core->log.last;
		__entry->commit = core->commit;
		__entry->applied = core->applied;
		__entry->role = core->role;
		memcpy(__get_dynamic_array(text), text, strlen(text) + 1);
	),
	TP_printk("%s/%s term=%llu %s last=%llu commit=%llu applied=%llu: %s",
		  __get_str(cluster), __get_str(name),
		  __entry->term, kq_show_role(__entry->role), __entry->last, __entry->commit,
		  __entry->applied, __get_str(text))
);

/*
 * For the replay, which looks at every call of the core and at all that comes out of it: what the
 * four numbers mean is told with each enum kq_trace_what.
 */
DECLARE_EVENT_CLASS(kquorum_item,
	TP_PROTO(const struct kq_node *node, const struct kq_trace_item *item),
	TP_ARGS(node, item),
	TP_STRUCT__entry(
		__field(u64, life)
		__field(u64, step)
		__field(u64, now)
		__field(u64, a)
		__field(u64, b)
		__field(u64, c)
		__field(u64, d)
		__field(u32, id)
		__field(u32, part)
		__field(u32, what)
	),
	TP_fast_assign(
		__entry->life = node->trace.life;
		__entry->step = node->trace.step;
		__entry->now = node->trace.now;
		__entry->a = item->a;
		__entry->b = item->b;
		__entry->c = item->c;
		__entry->d = item->d;
		__entry->id = node->cfg.self;
		__entry->part = node->trace.part;
		__entry->what = item->what;
	),
	TP_printk("node=%u life=%llu step=%llu part=%u now=%llu %s a=%llu b=%llu c=%llu d=%llu",
		  __entry->id, __entry->life, __entry->step, __entry->part, __entry->now,
		  kq_show_what(__entry->what), __entry->a, __entry->b, __entry->c, __entry->d)
);

DEFINE_EVENT(kquorum_item, kquorum_call,
	TP_PROTO(const struct kq_node *node, const struct kq_trace_item *item),
	TP_ARGS(node, item)
);

DEFINE_EVENT(kquorum_item, kquorum_out,
	TP_PROTO(const struct kq_node *node, const struct kq_trace_item *item),
	TP_ARGS(node, item)
);

/* A piece of what the call before brought: a message, an entry, a name. */
TRACE_EVENT(kquorum_bytes,
	TP_PROTO(const struct kq_node *node, const u8 *data, u32 at, u32 len),
	TP_ARGS(node, data, at, len),
	TP_STRUCT__entry(
		__field(u64, life)
		__field(u64, step)
		__field(u32, id)
		__field(u32, part)
		__field(u32, at)
		__dynamic_array(u8, data, len)
	),
	TP_fast_assign(
		__entry->life = node->trace.life;
		__entry->step = node->trace.step;
		__entry->id = node->cfg.self;
		__entry->part = node->trace.part;
		__entry->at = at;
		memcpy(__get_dynamic_array(data), data + at, len);
	),
	TP_printk("node=%u life=%llu step=%llu part=%u at=%u %s",
		  __entry->id, __entry->life, __entry->step, __entry->part, __entry->at,
		  __print_hex_str(__get_dynamic_array(data), __get_dynamic_array_len(data)))
);

/* A step is over: how the core stands. */
TRACE_EVENT(kquorum_end,
	TP_PROTO(const struct kq_node *node, const struct kq_core *core, u32 events, u32 wants),
	TP_ARGS(node, core, events, wants),
	TP_STRUCT__entry(
		__field(u64, life)
		__field(u64, step)
		__field(u64, now)
		__field(u64, term)
		__field(u64, last)
		__field(u64, commit)
		__field(u64, applied)
		__field(u64, durable)
		__field(u64, deadline)
		__field(u32, id)
		__field(u32, part)
		__field(u32, state)
		__field(u32, role)
		__field(u32, vote)
		__field(u32, leader)
		__field(u32, events)
		__field(u32, wants)
	),
	TP_fast_assign(
		__entry->life = node->trace.life;
		__entry->step = node->trace.step;
		__entry->now = node->trace.now;
		__entry->term = core->hs.term;
		__entry->last = core->log.last;
		__entry->commit = core->commit;
		__entry->applied = core->applied;
		__entry->durable = core->durable;
		__entry->deadline = core->local.deadline_ns;
		__entry->id = node->cfg.self;
		__entry->part = node->trace.part;
		__entry->state = core->state;
		__entry->role = core->role;
		__entry->vote = core->hs.vote;
		__entry->leader = core->leader;
		__entry->events = events;
		__entry->wants = wants;
	),
	TP_printk("node=%u life=%llu step=%llu part=%u now=%llu %s %s term=%llu vote=%u leader=%u last=%llu commit=%llu applied=%llu durable=%llu deadline=%llu events=%x wants=%x",
		  __entry->id, __entry->life, __entry->step, __entry->part, __entry->now,
		  kq_show_state(__entry->state), kq_show_role(__entry->role), __entry->term,
		  __entry->vote, __entry->leader, __entry->last, __entry->commit,
		  __entry->applied, __entry->durable, __entry->deadline, __entry->events,
		  __entry->wants)
);

#endif /* KQ_TRACEPOINTS_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tracepoints
#include <trace/define_trace.h>
