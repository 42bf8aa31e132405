// SPDX-License-Identifier: GPL-2.0
/*
 * The promises of design section 6, each checked where it is made or kept, whoever
 * happens to hold a lock then: deadlines and what ends a session, votes and whom a
 * voter heard, heartbeats and what their sender can do.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

#define SLACK 1000	/* ns lost to rounding */

/* --- sessions ------------------------------------------------------------------------------ */

/* When, in true time, the deadline that @n last had passes or passed. */
static u64 deadline_at(const struct sim *s, const struct sim_node *n)
{
	return n->deadline_at ? n->deadline_at : sim_clock_to_true(s, n, n->seen_deadline);
}

/*
 * The session of @n that ended by an EXPIRE at true time @at was over on @n 2 Delta
 * before; with clocks that err by Delta on both sides, at least over.
 */
static void check_gap(struct sim *s, struct sim_node *n, u64 at)
{
	u64 gap = s->clock_errors ? 0 : 2 * s->d.delta_ms * SIM_MS;
	u64 end = deadline_at(s, n);

	if (s->clocks_lie || at + SLACK >= end + gap)
		return;
	sim_fail(s, n, "its session %llx is expired %lld us after its deadline, 2 Delta is %llu us",
		 (unsigned long long)n->seen_session, ((long long)at - (long long)end) / 1000,
		 (unsigned long long)gap / 1000);
}

/* EXPIRE of a session of @node has been committed. */
void promise_expired(struct sim *s, struct sim_node *n, u32 node, u64 session)
{
	u32 at[] = { node, SIM_GHOST(node) }, i;

	(void)n;
	s->expired[node].session = session;
	s->expired[node].at = s->now;
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		struct sim_node *m = &s->node[at[i]];

		if (m->up && m->seen_session == session && m->seen_deadline)
			check_gap(s, m, s->now);
	}
}

void promise_clock_changes(struct sim *s, struct sim_node *n)
{
	if (n->seen_deadline && !n->deadline_at && sim_clock(s, n) >= n->seen_deadline)
		n->deadline_at = sim_clock_to_true(s, n, n->seen_deadline);
}

/* A leader answers a renewal: remember what it promised, and on what condition. */
void promise_renewal(struct sim *s, struct sim_node *leader, const struct kq_wire_hdr *h,
		     const void *body)
{
	struct sim_node *n = sim_peer(s, leader, le32_to_cpu(h->to));
	const struct kq_body_renew_resp *r = body;

	n->renewal[n->renewals++ % SIM_RENEWALS] = (struct sim_renewal){
		.session = le64_to_cpu(r->session),
		.sent = le64_to_cpu(r->sent_ns),
		.deadline = le64_to_cpu(r->sent_ns) + le64_to_cpu(r->lease_ns),
		.commit = le64_to_cpu(r->commit),
	};
}

/* Is there something in the log that forbids to renew the session @id? */
static const char *why_not(const struct sim_node *n, u32 node, u64 id)
{
	const struct kq_core *c = n->core;
	const char *why = c->session[node].suspect ? "it is suspect" : NULL;
	u64 i;

	if (!kq_conf_has(&c->conf, node))
		why = "it is no member";
	for (i = c->applied + 1; i <= c->log.last; i++) {
		const struct kq_entry *e = kq_log_get(&c->log, i);
		const struct kq_session_cmd *cmd = (const void *)e->data;
		u16 type = le16_to_cpu(e->rec.type);

		if ((type == KQ_ENTRY_SUSPECT || type == KQ_ENTRY_EXPIRE) &&
		    le64_to_cpu(cmd->session) == id && le32_to_cpu(cmd->node) == node)
			why = type == KQ_ENTRY_EXPIRE ? "its EXPIRE is in the log" :
				"its SUSPECT is in the log";
	}
	return why;
}

/* A new leader counts on from what the log says that a suspect has left. */
static void check_suspects(struct sim *s, struct sim_node *n)
{
	u64 error = settings_error_ns(n);
	u32 i;

	for (i = 1; i <= s->d.nodes; i++) {
		const struct kq_session *x = &n->core->session[i];
		u64 until = n->core->peer[i].promise_until_ns;

		if (x->id && x->suspect && until > n->core->now_ns + x->left_ns + error)
			sim_fail(s, n, "gives the suspect session of node %u %llu us, the log %llu",
				 i, (unsigned long long)(until - n->core->now_ns) / 1000,
				 (unsigned long long)x->left_ns / 1000);
	}
}

/* After each call: whose promise did this leader just lengthen, and was it free to? */
void promise_answers(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	bool ready = c->role == KQUORUM_LEADER && c->lead_ready;
	u32 i;

	if (ready && !n->seen_ready)
		check_suspects(s, n);
	for (i = 1; i <= s->d.nodes; i++) {
		u64 until = c->peer[i].promise_until_ns, id = c->session[i].id;
		bool longer = until > n->seen_promise[i] && id && id == n->seen_promised[i];
		const char *why;

		n->seen_promise[i] = until;
		n->seen_promised[i] = id;
		if (!longer || c->role != KQUORUM_LEADER)
			continue;
		if (!ready)
			sim_fail(s, n, "renews the session of node %u and has not applied an entry of its term",
				 i);
		why = n->seen_ready ? why_not(n, i, id) : NULL;
		if (why)
			sim_fail(s, n, "renews the session of node %u: %s", i, why);
		if ((n->seen_off[i] && c->peer[i].rate.off) || (n->seen_own_off && c->own_off))
			sim_fail(s, n, "renews the session of node %u, with a clock that is off", i);
	}
	n->seen_ready = ready;
}

/*
 * Was this deadline promised, and is the condition met? It may have been cut to what the holder's
 * own settings say. A leader's own needs no message.
 */
static void check_promised(struct sim *s, struct sim_node *n)
{
	const struct sim_renewal *late = NULL;
	const struct kq_core *c = n->core;
	u64 i;

	if (c->role == KQUORUM_LEADER || n->seen_leader_term == c->hs.term)
		return;
	for (i = 0; i < SIM_RENEWALS; i++) {
		const struct sim_renewal *r = &n->renewal[i];

		if (r->session != c->local.id || r->deadline < c->local.deadline_ns ||
		    r->sent >= c->local.deadline_ns)
			continue;
		if (r->commit <= c->applied)
			return;
		late = r;
	}
	if (late)
		sim_fail(s, n, "counts a renewal that holds from index %llu on, and has applied %llu",
			 (unsigned long long)late->commit, (unsigned long long)c->applied);
	sim_fail(s, n, "has a deadline that nobody promised");
}

/* A deadline that is past, or 0, is never raised again; one that is raised was promised. */
static void check_raised(struct sim *s, struct sim_node *n)
{
	const struct kq_local_session *l = &n->core->local;

	if (l->id == n->seen_session && n->seen_deadline &&
	    (n->deadline_at || sim_clock(s, n) >= n->seen_deadline))
		sim_fail(s, n, "the deadline of session %llx is raised after it had passed",
			 (unsigned long long)l->id);
	check_promised(s, n);
	n->seen_session = l->id;
	n->seen_deadline = l->deadline_ns;
	n->deadline_at = 0;
	if (s->expired[n->id].session == l->id)
		check_gap(s, n, s->expired[n->id].at);
}

/* After each call of the core. */
void promise_deadline(struct sim *s, struct sim_node *n)
{
	const struct kq_local_session *l = &n->core->local;

	if (l->id != n->seen_session) {
		n->seen_session = l->id;
		n->seen_deadline = 0;
		n->deadline_at = 0;
	}
	promise_clock_changes(s, n);
	if (!l->deadline_ns || l->deadline_ns == n->seen_deadline)
		return;
	if (l->deadline_ns > n->seen_deadline)
		check_raised(s, n);
	else if (!s->clocks_lie)
		sim_fail(s, n, "the deadline of session %llx is taken back by %llu us",
			 (unsigned long long)l->id,
			 (unsigned long long)(n->seen_deadline - l->deadline_ns) / 1000);
}

/* --- votes --------------------------------------------------------------------------------- */

/*
 * @n votes, for another or itself, and no leader asked for it: those that it heard may count on its
 * not doing so for the time that they told it, whatever restarts lie between.
 */
void check_stands(struct sim *s, struct sim_node *n)
{
	/* A clock may err for the first time after it heard the leader. */
	u64 error = s->clock_errors ? 2 * s->d.delta_ms * SIM_MS : 0;

	if (s->clocks_lie || s->now + SLACK + error >= n->counted_until)
		return;
	sim_fail(s, n, "votes in term %llu, and a leader that it heard counts on it for another %llu us",
		 (unsigned long long)n->core->hs.term,
		 (unsigned long long)(n->counted_until - s->now) / 1000);
}

/* @n has heard its leader, which counts on that for so long. */
static void counted_on(struct sim *s, struct sim_node *n, const struct kq_body_append *b)
{
	u64 million = 1000000, told = le32_to_cpu(b->promise_ms) * SIM_MS;
	u64 least = told / (million + s->d.drift_ppm) * million;

	n->counted_until = max(n->counted_until, s->now + least);
	if (n->core->promised_until_ns < sim_clock(s, n) + told)
		sim_fail(s, n, "stands by its leader for less than the %llu us that it was told",
			 (unsigned long long)told / 1000);
}

/* A leader tells a voter for how long it counts on it: not for longer than it says. */
void check_counts(struct sim *s, struct sim_node *n, const struct kq_body_append *b)
{
	/* It may have been held back since before the settings changed. */
	u64 counts = min(settings_count_ms(n), n->seen_count_ms);

	if (le32_to_cpu(b->promise_ms) < counts)
		sim_fail(s, n, "counts on a voter for %llu ms, and tells it %u ms",
			 (unsigned long long)counts, le32_to_cpu(b->promise_ms));
}

/* Nothing leaves for a member whose start is not noted on disk: a start here would forget it. */
static void check_noted(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h)
{
	u32 to = le32_to_cpu(h->to);
	struct sim_node *peer = sim_peer(s, n, to);

	/* What was said before it became a member may still be on its way out. */
	if (n->core->state == KQUORUM_NODE_FAILED || !conf_means(&n->core->conf, peer) ||
	    n->core->peer[to].hs_version > n->core->hs_durable)
		return;
	if (n->durable_peer[to] != le64_to_cpu(h->to_inc))
		sim_fail(s, n, "speaks to node %u, whose start is not noted on its disk", to);
	n->met[sim_at(s, peer)] = le64_to_cpu(h->to_inc);
}

/* Nothing leaves that speaks of a term or a vote which is not on disk. */
void check_durable(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h,
		   const void *body)
{
	const struct kq_body_vote_resp *r = body;
	u64 term = le64_to_cpu(h->term);
	u32 vote = 0;

	check_noted(s, n, h);
	if (h->type == KQ_MSG_PREVOTE_REQ || h->type == KQ_MSG_PREVOTE_RESP || h->type == KQ_MSG_MET)
		return;
	/* Who has seen no term yet says 1, for 0 is none. */
	if (!n->core->hs.term && term == 1)
		return;
	if (h->type == KQ_MSG_VOTE_REQ)
		vote = n->id;
	if (h->type == KQ_MSG_VOTE_RESP && r->granted)
		vote = le32_to_cpu(h->to);
	if (term > n->durable_term)
		sim_fail(s, n, "speaks of term %llu, on its disk is term %llu",
			 (unsigned long long)term, (unsigned long long)n->durable_term);
	if (vote && term == n->durable_term && vote != n->durable_vote)
		sim_fail(s, n, "votes for %u in term %llu, on its disk is a vote for %u", vote,
			 (unsigned long long)term, n->durable_vote);
}

/* --- what a heartbeat says ------------------------------------------------------------------- */

/* Ticks of a node that make up @ms at the very least, and some more. */
static u64 ticks(const struct sim *s, u64 ms)
{
	return ms * 4 * 4 / 3 / s->d.heartbeat_ms + 4;
}

/* @n's timer has fired: how long has its disk been at it, how long have its peers been silent? */
void check_ticked(struct sim *s, struct sim_node *n)
{
	u64 limit = ticks(s, settings_count_ms(n));
	kq_nodes heard = kq_node_bit(n->id);
	u32 i;

	grant_ticked(s, n);
	evict_ticked(s, n);
	check_voteless(s, n, 4 * ticks(s, settings_most(s).election_ms));
	check_rate_ticked(s, n, 4 * ticks(s, settings_most(s).election_ms));
	n->batch_ticks = n->batch ? n->batch_ticks + 1 : 0;
	if (n->core->role != KQUORUM_LEADER) {
		memset(n->silent_ticks, 0, sizeof(n->silent_ticks));
		return;
	}
	if (n->batch_ticks > limit)
		sim_fail(s, n, "leads while its disk has been silent for %llu ticks",
			 (unsigned long long)n->batch_ticks);
	for (i = 1; i <= s->d.nodes; i++)
		if (i != n->id && ++n->silent_ticks[i] <= limit)
			heard |= kq_node_bit(i);
	if (!sim_decides(&n->core->conf, heard))
		sim_fail(s, n, "leads, and has heard nodes %#x of %#x within %llu ticks", heard,
			 n->core->conf.voters, (unsigned long long)limit);
}

/*
 * @n has taken an APPEND: what its leader counts on as acknowledged it has, or it has stopped. Of a
 * dead branch in its place it may learn the next time, when it is asked about that entry.
 */
static void check_counted_on(struct sim *s, struct sim_node *n, const struct sim_node *l,
			     const struct kq_body_append *b)
{
	u64 match = le64_to_cpu(b->match);

	if (n->core->state != KQUORUM_NODE_RUNNING || !l->up || n->core->hs.term != l->core->hs.term)
		return;
	if (match > max(n->core->durable, n->core->restart_at) ||
	    (le64_to_cpu(b->prev_index) <= match &&
	     match >= max(n->core->log.base_index, l->core->log.base_index) &&
	     kq_log_term(&n->core->log, match) != kq_log_term(&l->core->log, match)))
		sim_fail(s, n, "goes on without entry %llu, which it acknowledged to its leader",
			 (unsigned long long)match);
}

/* A message has been taken by the core, whose term and vote were @before. */
void check_received(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h,
		    const void *body, const struct kq_hard_state *before)
{
	const struct kq_body_vote_req *req = body;
	u32 from = le32_to_cpu(h->from);
	const struct kq_hard_state *hs = &n->core->hs;
	bool voted = hs->vote && (hs->vote != before->vote || hs->term != before->term);
	bool transfer = h->type == KQ_MSG_VOTE_REQ &&
			le32_to_cpu(req->flags) & KQ_VOTE_TRANSFER;

	/*
	 * In a transfer the leader itself gives up what it was promised. Who knows the term already
	 * need not have heard of it from that leader: it keeps its promise, and votes.
	 */
	if ((voted && h->type == KQ_MSG_TIMEOUT_NOW) ||
	    (transfer && le64_to_cpu(h->term) > before->term))
		n->counted_until = 0;
	else if (voted && h->type == KQ_MSG_VOTE_REQ && !transfer)
		check_stands(s, n);
	if (conf_means(&n->core->conf, sim_peer(s, n, from)))
		n->silent_ticks[from] = 0;
	if (h->type == KQ_MSG_APPEND_RESP && n->core->hs.term == le64_to_cpu(h->term))
		check_rate_heard(s, n, sim_peer(s, n, from), body);
	if (h->type == KQ_MSG_APPEND && n->core->leader == from &&
	    n->core->hs.term == le64_to_cpu(h->term)) {
		counted_on(s, n, body);
		check_counted_on(s, n, sim_peer(s, n, from), body);
	}
}
