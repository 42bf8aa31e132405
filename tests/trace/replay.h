/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace of a real cluster, run again: what its modules recorded (kmod/trace.h), as events in
 * their order, and one checked core for each life of a node.
 */
#ifndef KQ_REPLAY_H
#define KQ_REPLAY_H

#include "sim.h"

enum event_kind { EVENT_CALL, EVENT_OUT, EVENT_BYTES, EVENT_END };

/* One line of the trace. A call has its bytes gathered from the lines that follow it. */
struct event {
	enum event_kind kind;
	u64 line;
	const char *text;	/* the line, behind the event's name */
	u64 step, now;
	u32 part;
	char what[16];		/* of a call, of what came out */
	u64 a, b, c, d;
	u8 *bytes;
	u32 len;
};

/* A node from its start to its end; the same node started again is another life. */
struct life {
	u64 life;
	u32 node;
	struct event *events;
	size_t count, room;
	size_t at;		/* how far it has been run */
	bool cut;		/* the trace ends before this life does */
};

/* trace.c: a file becomes lives, complete and in order, or an error */
extern struct life *lives;
extern size_t life_count;
void trace_read(const char *path);
__attribute__((format(printf, 2, 3), noreturn))
void trace_bad(u64 line, const char *fmt, ...);
void trace_around(void);
u64 event_word(const struct event *e, u32 i);
struct event *life_next(struct life *l);

/* wire.c: connections, by what both ends said of them */
void wire_up(u32 node, u32 peer, u32 ports);
void wire_down(u32 node, u32 peer);
void wire_node_gone(u32 node);
void wire_send(u32 node, u32 peer, const void *data, u32 len);
bool wire_can_take(u32 node, u32 peer);
void wire_take(struct sim *s, u32 node, u32 peer, const void *data, u32 len);

/* node.c: a node's calls, and what came out */
struct replay_stats {
	u64 steps, calls, messages, received, batches, recoveries, refused, deferred, adopted;
};

extern struct replay_stats replayed;
void node_init(struct sim *s);
void node_step(struct sim *s, struct life *l);
void node_differs(struct sim *s, const struct event *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
struct sim_node *node_at(struct sim *s, const struct event *e);

/* program.c: the handles of a node's programs */
u64 append_id(struct sim *s, const struct kq_entry *e);
int program_append(struct sim *s, struct sim_node *n, const struct event *e);
int program_lock(struct sim *s, struct sim_node *n, const struct event *e);
int program_renew(struct sim *s, struct sim_node *n, const struct event *e);
void program_unlock(struct sim *s, struct sim_node *n, const struct event *e);
void program_outcome(struct sim *s, struct sim_node *n, struct kq_proposal *p);
void program_owner(struct sim *s, struct sim_node *n, struct kq_owner *o);
void program_gone(struct sim *s, struct sim_node *n);

/* snapshot.c: saved here too, for those who name them */
int snapshot_begin(struct sim_node *n);
int snapshot_next(struct sim *s, struct sim_node *n, const struct event *e, u64 *value);
int snapshot_adopt(struct sim *s, struct sim_node *n, const struct event *e);
int snapshot_install(struct sim *s, struct sim_node *n, const struct event *e);
void snapshot_restored(struct sim *s, struct sim_node *n, const struct event *e,
		       const struct kq_wal_report *rep);

#endif /* KQ_REPLAY_H */
