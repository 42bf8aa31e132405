/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is checked of a run, by the files that do it. What does not hold ends the seed.
 */
#ifndef KQSIM_CHECK_H
#define KQSIM_CHECK_H

#include "sim.h"

/* check.c */
void check_init(struct sim *s);
void check_node(struct sim *s, struct sim_node *n);
void check_node_started(struct sim *s, struct sim_node *n);
void check_sent(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h, const void *body);
void check_vote(struct sim *s, struct sim_node *n, u64 term, u32 vote);
void check_took_effect(struct sim *s, struct sim_node *n, const char *what, u64 index, u64 since);
void check_logs(struct sim *s);
void check_acks(struct sim *s);
void check_end(struct sim *s);
void check_free(struct sim *s);

/* check_hold.c */
void check_node_gone(struct sim *s, struct sim_node *n);
void check_clock_changes(struct sim *s, struct sim_node *n);
void check_released(struct sim *s, struct sim_node *n, u32 slot);
void check_holds(struct sim *s, struct sim_node *n);
u64 sim_right_by(u64 session, u64 owner);
const char *fence_pass(struct sim_fence *f, const struct sim_right *r);

/* check_state.c */
void check_state(struct sim *s, struct sim_node *n);
bool claim_numbers(const struct kq_claim *c, u64 numbers[KQ_NUMBERED / 64]);
bool sim_resource_add(const char *name, u32 len);
const char *sim_resource_name(u32 which);
u32 sim_resource_index(const char *name, u32 len);

/* check_conf.c */
struct kq_conf conf_first(const struct sim *s);
bool conf_means(const struct kq_conf *conf, const struct sim_node *n);
void check_asked(struct sim *s, struct sim_node *n, const struct kq_conf_change *change, int err);
struct kq_conf *conf_committed(struct sim *s, struct sim_node *n, const struct kq_entry *e);
void conf_applied(struct sim *s, const struct sim_committed *c);
void check_conf(struct sim *s, struct sim_node *n);
void check_voteless(struct sim *s, struct sim_node *n, u64 limit);
void check_confs(struct sim *s, struct sim_node *n);

/* check_who.c */
void check_past(struct sim *s, struct sim_node *n, const struct kquorum_past *past);
void check_taken(struct sim *s, struct sim_node *n, struct sim_node *peer,
		 const struct kquorum_past *past, int err);
void check_known(struct sim *s, struct sim_node *n);
void check_began(struct sim *s, struct sim_node *n);
void check_elected(struct sim *s, struct sim_node *n);
void check_counted(struct sim *s, struct sim_node *n);
void check_swap(struct sim *s, u32 a, u32 b);

/* check_promise.c */
void check_ticked(struct sim *s, struct sim_node *n);
void check_received(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h,
		    const void *body, const struct kq_hard_state *before);
void check_stands(struct sim *s, struct sim_node *n);
void check_counts(struct sim *s, struct sim_node *n, const struct kq_body_append *b);
void promise_renewal(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h,
		     const void *body);
void promise_deadline(struct sim *s, struct sim_node *n);
void promise_clock_changes(struct sim *s, struct sim_node *n);
void promise_answers(struct sim *s, struct sim_node *n);
void check_durable(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h,
		   const void *body);
void promise_expired(struct sim *s, struct sim_node *n, u32 node, u64 session);

/* check_rate.c */
void check_rates(struct sim *s, struct sim_node *n);
void check_rate_ticked(struct sim *s, struct sim_node *n, u64 limit);
void check_rate_heard(struct sim *s, struct sim_node *n, struct sim_node *m,
		      const struct kq_body_append_resp *r);
u64 rate_wait_ns(const struct sim *s);
u64 rate_errors_apart_ns(const struct sim *s);

/* check_model.c */
void model_follow(struct sim *s, struct sim_node *n);
void model_end(struct sim *s);
void model_free(struct sim *s);

/* check_grant.c */
u64 model_request(const struct sim *s, u32 node, u64 session, u64 owner);
void grant_follow(struct sim *s, struct sim_node *n, u32 slot);
void grant_evicted(struct sim *s, struct sim_node *n, u64 index);
void grant_ticked(struct sim *s, struct sim_node *n);
void grant_end(struct sim *s);

/* check_terms.c */
bool model_allows(const struct model_resource *r, const struct sim_committed *c);
void model_bind(const struct model_resource *r, struct model_claim *c);
void model_say(struct sim *s, struct model_resource *r, const struct sim_committed *c, u64 index);
s32 model_evict(struct sim *s, struct model_resource *r, struct sim_committed *c);
s32 model_show(struct sim *s, struct model_resource *r, const struct sim_committed *c, u64 index);
void model_terms_compare(struct sim *s, struct sim_node *n, const char *name,
			 const struct kq_pool *p, const struct model_resource *m);
void model_grant_compare(struct sim *s, struct sim_node *n, const char *name,
			 const struct kq_claim *c, const struct model_claim *m);

/* check_evict.c */
void evict_applied(struct sim *s, struct sim_node *n, u64 from);
void evict_ticked(struct sim *s, struct sim_node *n);

/* check_resource.c */
struct model_claim *model_find(struct sim *s, u32 node, u64 session, u64 owner);
void model_drop(struct model_resource *r, struct model_claim *c);
void model_resource_step(struct sim *s, struct sim_committed *c, u64 index);
void model_session_end(struct sim *s, u32 node, u64 session, u64 index);
void model_resources_compare(struct sim *s, struct sim_node *n);
u32 model_units_at(const struct sim *s, u32 which, u64 index);
void model_owners(struct sim *s, struct sim_node *n);
void model_refused(struct sim *s, struct sim_node *n, const struct kq_owner *o);
void model_said(struct sim *s, struct sim_node *n, const struct kq_proposal *p);
void model_resources_free(struct sim *s);

#endif /* KQSIM_CHECK_H */
