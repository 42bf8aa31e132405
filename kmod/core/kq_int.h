/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the core share among themselves, by the file that defines it.
 */
#ifndef KQ_INT_H
#define KQ_INT_H

#include "kq_break.h"
#include "kq_core.h"

/*
 * An invariant. A broken one stops this node (it no longer votes, acknowledges
 * or sends) and never the cluster; in user space it stops the process.
 */
#define KQ_ASSERT(core, cond)						\
	({								\
		bool _ok = (cond);					\
									\
		if (unlikely(!_ok)) {					\
			kq_assert_fail(#cond);				\
			kq_core_fail(core, -EUCLEAN, "invariant broken: " #cond); \
		}							\
		_ok;							\
	})

/*
 * A decision, in words, for whoever listens; when nobody does, its arguments are not even looked
 * at.
 */
#define kq_trace(core, fmt, ...)						\
	do {									\
		if (kq_trace_wanted(core))					\
			kq_trace_text(core, fmt, ##__VA_ARGS__);		\
	} while (0)

static inline u64 kq_ms(u32 ms)
{
	return (u64)ms * KQ_NS_PER_MS;
}

static inline bool kq_is_leader(const struct kq_core *core)
{
	return core->role == KQUORUM_LEADER;
}

/* Takes part in the protocol at all. */
static inline bool kq_is_up(const struct kq_core *core)
{
	return core->state == KQUORUM_NODE_RUNNING || core->state == KQUORUM_NODE_DAMAGED;
}

static inline struct kq_peer *kq_self(struct kq_core *core)
{
	return &core->peer[core->cfg.self];
}

/* Is node @id the one that the configuration means, and not another under its number? */
static inline bool kq_is_member(const struct kq_core *core, u32 id)
{
	return id && id <= KQ_MAX_NODES && kq_conf_has(&core->conf, id) &&
		(core->conf.identity[id] == core->peer[id].identity || KQ_BREAK(WIPED));
}

/* Its number is out of the configuration, which it was in, or has gone to another. */
static inline bool kq_is_out(const struct kq_core *core)
{
	return core->conf_index && !kq_is_member(core, core->cfg.self);
}

static inline struct kq_peer *kq_peer_next(struct kq_core *core, kq_nodes set, u32 id)
{
	id = kq_node_next(set, id);
	return id ? &core->peer[id] : NULL;
}

#define kq_for_each_peer(core, set, p)						\
	for ((p) = kq_peer_next(core, set, 0); (p); (p) = kq_peer_next(core, set, (p)->id))

#define kq_for_each_member(core, p)						\
	kq_for_each_peer(core, kq_conf_members(&(core)->conf), p)

/* Those to whom a leader sends its log. */
static inline kq_nodes kq_replicas(const struct kq_core *core)
{
	return kq_conf_members(&core->conf) | core->leaving;
}

/* kq_core.c */
void kq_become_follower(struct kq_core *core, u64 term, u32 leader);
u64 kq_promise_longest(const struct kq_core *core, u64 promised_ns);
u64 kq_quorum_value(struct kq_core *core, u64 (*value)(struct kq_core *, struct kq_peer *));

/* kq_peer.c */
int kq_peer_note(struct kq_core *core, struct kq_peer *p, u64 identity, u64 incarnation);
void kq_peer_heard(struct kq_core *core, u32 from);
void kq_peer_recv_met(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_peer_tick(struct kq_core *core);

/* kq_disk.c */
void kq_hard_state_changed(struct kq_core *core);
void kq_peer_changed(struct kq_core *core, struct kq_peer *p);
void kq_log_cut(struct kq_core *core, u64 last);
void kq_disk_pump(struct kq_core *core);
bool kq_disk_has_room(const struct kq_core *core, u32 bytes, enum kq_wal_room room);
enum kq_wal_room kq_room_of(u16 type);
void kq_disk_probe(struct kq_core *core);
void kq_disk_watch(struct kq_core *core);

/* kq_send.c */
struct kq_msg *kq_msg_alloc(struct kq_core *core, u32 to, u8 type, u32 body);
void *kq_msg_body(struct kq_msg *msg);
u32 kq_msg_entries_fit(const struct kq_core *core, u64 first, u64 *last);
void kq_msg_put_entries(const struct kq_core *core, u64 first, u64 last, void *out);
void kq_msg_send_failed(struct kq_core *core, struct kq_msg *msg);
void kq_msg_send(struct kq_core *core, struct kq_msg *msg, u64 term);
void kq_msgs_free(struct list_head *list);
void kq_held_release(struct kq_core *core);
void kq_held_drop(struct kq_core *core, u32 id);

/* kq_vote.c */
void kq_vote_recv_req(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_vote_recv_resp(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_vote_recv_timeout_now(struct kq_core *core, const struct kq_wire_hdr *h,
			      const void *body);
void kq_vote_tick(struct kq_core *core);

/* kq_replicate.c: the leader's side */
void kq_leader_start(struct kq_core *core);
void kq_leader_tick(struct kq_core *core);
void kq_leader_broadcast(struct kq_core *core);
void kq_leader_tell_commit(struct kq_core *core, u64 nodes);
void kq_leader_send(struct kq_core *core);
void kq_leader_recv_resp(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_leader_commit(struct kq_core *core);
void kq_leader_peer_begin(struct kq_core *core, struct kq_peer *p);
void kq_leader_peer_reset(struct kq_core *core, struct kq_peer *p);
int kq_leader_append(struct kq_core *core, const struct kq_record *rec, const void *payload,
		     enum kq_wal_room room);
int kq_leader_append_own(struct kq_core *core, u16 type, const void *payload, u32 len);

/* kq_member.c: changes of the configuration */
void kq_member_logged(struct kq_core *core, const struct kq_entry *e);
void kq_member_cut(struct kq_core *core);
u32 kq_conf_record(const struct kq_core *core, void *buf);
void kq_member_begin(struct kq_core *core);
void kq_member_tick(struct kq_core *core);
void kq_member_settle(struct kq_core *core);
void kq_member_step_down(struct kq_core *core, const char *why);
void kq_member_meet(struct kq_core *core, struct kq_peer *p);
void kq_member_told(struct kq_core *core, struct kq_peer *p);

/* kq_overlap.c: settings that are replaced by others, and what voters promise */
void kq_overlap_effective(struct kq_core *core);
int kq_overlap_change(const struct kq_core *core, const struct kq_conf_change *change,
		      struct kq_conf *next);
bool kq_overlap_is_over(struct kq_core *core);
void kq_promise_give(struct kq_core *core, u32 told_ms);
void kq_promise_tick(struct kq_core *core);

/* kq_seed.c: histories that come from another one */
void kq_survivor_start(struct kq_core *core);

/* kq_follow.c: the follower's side */
void kq_follow_recv_append(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_follow_durable(struct kq_core *core);

bool kq_is_of_another_history(const struct kq_core *core, const struct kq_record *rec,
			      const void *payload);

/* kq_repair.c */
void kq_repair_start(struct kq_core *core);
void kq_repair_tick(struct kq_core *core);
void kq_repair_recv_fetch(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_repair_recv_fetched(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
int kq_repair_batch(struct kq_core *core, u64 *first, u64 last, struct kq_batch **batch);
int kq_repair_encode(struct kq_core *core, struct kq_batch **batch);
void kq_repair_written(struct kq_core *core);
bool kq_repair_covers(const struct kq_core *core, const struct kq_snap_ref *ref);
bool kq_repair_goes_on(const struct kq_core *core, const struct kq_snap_ref *ref);
void kq_repair_refused(struct kq_core *core, const struct kq_snap_ref *ref);
void kq_repair_installed(struct kq_core *core, const struct kq_snap_ref *ref);

/* kq_propose.c */
void kq_propose_submit(struct kq_core *core, struct kq_proposal *p);
void kq_propose_linger(struct kq_core *core, struct kq_proposal *p);
void kq_propose_hurry(struct kq_core *core);
void kq_propose_pump(struct kq_core *core);
void kq_propose_unsend(struct kq_core *core);
void kq_propose_finish(struct kq_core *core, struct kq_proposal *p, s32 error, u64 index,
		       u64 term);
void kq_propose_unknown(struct kq_core *core);
void kq_propose_recv(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_propose_recv_resp(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_propose_applied(struct kq_core *core, const struct kq_entry *e, s32 result);

/* kq_owner.c */
void kq_owner_changed(struct kq_core *core, struct kq_owner *o);
void kq_owner_set_state(struct kq_core *core, struct kq_owner *o, u32 state, s32 error);
void kq_owner_give_back(struct kq_core *core, struct kq_owner *o, enum kq_release_why why);
struct kq_owner *kq_owner_of(struct kq_core *core, const struct kq_claim *c);
void kq_owner_outcome(struct kq_core *core, struct kq_proposal *p);
void kq_owners_session_live(struct kq_core *core);
void kq_owners_session_lapsed(struct kq_core *core);
void kq_owners_session_over(struct kq_core *core);
void kq_owners_failed(struct kq_core *core);
void kq_owners_installed(struct kq_core *core);
void kq_owners_end(struct kq_core *core);
bool kq_owners_any(const struct kq_core *core);

/* kq_grant.c */
void kq_owner_no_end(struct kq_core *core, struct kq_owner *o);
void kq_owner_set_end(struct kq_core *core, struct kq_owner *o, u64 end_ns);
void kq_owner_granted(struct kq_core *core, struct kq_claim *c);
void kq_owner_refuse(struct kq_core *core, struct kq_owner *o, s32 error);
void kq_owner_refused(struct kq_core *core, const struct kq_claim *c, s32 error);
void kq_owner_evicted(struct kq_core *core, const struct kq_claim *c);
void kq_owners_tick(struct kq_core *core);

/* kq_lease.c: sessions, both sides (design section 6) */
void kq_lease_lead(struct kq_core *core);
void kq_lease_leader_tick(struct kq_core *core);
void kq_lease_rounds(struct kq_core *core);
void kq_lease_recv_renew(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);
void kq_lease_recv_renew_resp(struct kq_core *core, const struct kq_wire_hdr *h,
			      const void *body);
void kq_lease_local_tick(struct kq_core *core);
void kq_lease_applied(struct kq_core *core);
void kq_lease_session_opened(struct kq_core *core, u32 node, u64 id);
void kq_lease_session_ended(struct kq_core *core, u32 node, u64 id);
void kq_lease_session_cleared(struct kq_core *core, u32 node);
void kq_lease_open_outcome(struct kq_core *core, struct kq_proposal *p);
void kq_lease_close(struct kq_core *core);
void kq_lease_installed(struct kq_core *core);

/* kq_rate.c: the clocks of others */
void kq_rate_stamp(const struct kq_core *core, const struct kq_peer *p,
		   struct kq_wire_clock *clock);
void kq_rate_heard(struct kq_core *core, struct kq_peer *p, const struct kq_wire_clock *clock);
void kq_rate_forget(struct kq_core *core);
bool kq_rate_may_lease(const struct kq_core *core, u32 id);
void kq_rate_tick(struct kq_core *core);

/* kq_machine.c */

/**
 * struct kq_machine_ops - a replicated state machine
 * @name: for people
 * @first: lowest entry type that it applies
 * @last: highest
 * @check: is this proposal well-formed and within quotas? Asked by the leader.
 * @apply: apply a committed entry; deterministic, cannot fail; the result goes to
 *	the proposer
 */
struct kq_machine_ops {
	const char *name;
	u16 first;
	u16 last;
	int (*check)(struct kq_core *core, const struct kq_record *rec, const void *payload);
	s32 (*apply)(struct kq_core *core, struct kq_entry *e);
};

extern const struct kq_machine_ops kq_conf_machine_ops;
extern const struct kq_machine_ops kq_session_machine_ops;
extern const struct kq_machine_ops kq_resource_machine_ops;

int kq_machines_check(struct kq_core *core, const struct kq_record *rec, const void *payload);
int kq_machines_prepare(struct kq_entry *e);
int kq_machines_log(struct kq_log *log, const struct kq_record *rec, const void *payload,
		    int (*put)(struct kq_log *log, struct kq_entry *e));
void kq_machines_apply(struct kq_core *core);

/* kq_sum.c */
void kq_sum_applied(struct kq_core *core);
void kq_sum_lead(struct kq_core *core);
void kq_sum_tell(struct kq_core *core);
void kq_sum_recv(struct kq_core *core, const struct kq_wire_hdr *h, const void *body);

/* kq_save.c */
void kq_save_before(struct kq_core *core, struct kq_item *item);
void kq_save_skip(struct kq_core *core, struct kq_item *item);
void kq_save_fail(struct kq_core *core, int error);

/* kq_scrub.c */
bool kq_scrub_holds(struct kq_core *core);
void kq_scrub_settle(struct kq_core *core);
int kq_scrub_encode(struct kq_core *core, struct kq_batch **batch);

/* kq_trim.c */
void kq_snap_release(struct kq_core *core, u64 index);
void kq_snap_settle(struct kq_core *core);
void kq_trim_missing(struct kq_core *core, const struct kq_snap_ref *ref);
void kq_trim(struct kq_core *core);

/* kq_m_session.c */
u32 kq_session_record(const struct kq_core *core, u32 node, void *buf);
s32 kq_session_admit(struct kq_core *core, const struct kq_entry *e);
bool kq_session_applied(const struct kq_core *core, u32 node, u64 seq);

/* kq_m_resource.c */
int kq_resources_prepare(struct kq_entry *e);
void kq_resources_session_end(struct kq_core *core, u32 node, u64 session, u64 index);
void kq_resource_unclaim(struct kq_core *core, struct kq_claim *c);
void kq_resource_refuse(struct kq_core *core, struct kq_claim *c, s32 error);
void kq_resource_settle(struct kq_core *core, struct kq_resource *r, u64 index);
bool kq_name_fits(u32 name_len, u32 room);

/* kq_define.c */
bool kq_resource_allows(const struct kq_resource *r, __le32 uid, __le32 gid, __le16 flags);
int kq_define_check(const void *payload, u32 len);
s32 kq_define_apply(struct kq_core *core, struct kq_entry *e);
int kq_undefine_check(const void *payload, u32 len);
s32 kq_undefine_apply(struct kq_core *core, struct kq_entry *e);
int kq_fence_check(const void *payload, u32 len);
s32 kq_fence_apply(struct kq_core *core, struct kq_entry *e);

/* kq_evict.c */
int kq_evict_check(const void *payload, u32 len);
s32 kq_evict_apply(struct kq_core *core, struct kq_entry *e);
void kq_evict_keep(struct kq_core *core, const struct kq_resources *before);
void kq_evict_tick(struct kq_core *core);

#endif /* KQ_INT_H */
