// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of Raft, seen from outside: what the nodes hold and what they
 * send, compared with what any of them ever held or sent.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "disk.h"
#include "sim.h"

void check_init(struct sim *s)
{
	s->log_room = 4096;
	s->log = sim_calloc(s->log_room, sizeof(*s->log));
	s->term_room = 256;
	s->term_leader = sim_calloc(s->term_room, sizeof(*s->term_leader));
	s->term_vote = sim_calloc(s->term_room, sizeof(*s->term_vote));
}

void check_free(struct sim *s)
{
	u64 i;

	for (i = 1; i <= s->log_count; i++)
		free(s->log[i].conf);
	free(s->log);
	free(s->term_leader);
	free(s->term_vote);
	free(s->ack);
	model_free(s);
}

static void room_for_term(struct sim *s, u64 term)
{
	u64 room = s->term_room;

	if (term > 1000000)
		sim_fail(s, NULL, "terms run away: %llu", (unsigned long long)term);
	while (term >= room)
		room *= 2;
	if (room == s->term_room)
		return;
	s->term_leader = realloc(s->term_leader, room * sizeof(*s->term_leader));
	s->term_vote = realloc(s->term_vote, room * sizeof(*s->term_vote));
	if (!s->term_leader || !s->term_vote)
		abort();
	memset(s->term_leader + s->term_room, 0, (room - s->term_room) * sizeof(*s->term_leader));
	memset(s->term_vote + s->term_room, 0, (room - s->term_room) * sizeof(*s->term_vote));
	s->term_room = room;
}

/* One vote per node and term, for one machine, whatever restarts lie between. */
void check_vote(struct sim *s, struct sim_node *n, u64 term, u32 vote)
{
	u32 at = sim_at(s, n);

	room_for_term(s, term);
	if (s->term_vote[term][at] && s->term_vote[term][at] != vote)
		sim_fail(s, n, "votes twice in term %llu: for %u, then for %u%s",
			 (unsigned long long)term, s->node[s->term_vote[term][at]].id,
			 s->node[vote].id, s->node[s->term_vote[term][at]].id == s->node[vote].id ?
			 ", another machine" : "");
	s->term_vote[term][at] = vote;
}

/* Everything that leaves a node passes here. */
void check_sent(struct sim *s, struct sim_node *n, const struct kq_wire_hdr *h, const void *body)
{
	u64 term = le64_to_cpu(h->term);

	check_durable(s, n, h, body);
	/* Who has seen no term yet says 1, for 0 is none. */
	if (h->type != KQ_MSG_PREVOTE_REQ && n->core->hs.term)
		n->sent_term = max(n->sent_term, term);
	if (h->type == KQ_MSG_VOTE_RESP) {
		const struct kq_body_vote_resp *r = body;

		if (r->granted)
			check_vote(s, n, le64_to_cpu(r->req_term),
				   sim_at(s, sim_peer(s, n, le32_to_cpu(h->to))));
	} else if (h->type == KQ_MSG_VOTE_REQ) {
		check_vote(s, n, term, sim_at(s, n));
	} else if (h->type == KQ_MSG_RENEW_RESP) {
		promise_renewal(s, n, h, body);
	} else if (h->type == KQ_MSG_APPEND) {
		room_for_term(s, term);
		if (s->term_leader[term] && s->term_leader[term] != sim_at(s, n))
			sim_fail(s, n, "sends APPEND in term %llu, which node %u leads",
				 (unsigned long long)term, s->node[s->term_leader[term]].id);
		check_counts(s, n, body);
	}
}

static u64 payload_id(struct sim *s, const struct kq_entry *e)
{
	__le64 id;

	if (s->payload_id)
		return s->payload_id(s, e);
	if (le16_to_cpu(e->rec.type) != KQ_ENTRY_APPEND || kq_entry_len(e) < 8)
		return U64_MAX;
	memcpy(&id, e->data, sizeof(id));
	return le64_to_cpu(id);
}

/* The name stands behind what else the entry says. */
static u32 resource_of(const void *cmd, size_t size, __le16 name_len)
{
	return sim_resource_index((const char *)cmd + size, le16_to_cpu(name_len));
}

static void note_define(struct sim_committed *c, const struct kq_define_cmd *d)
{
	c->resource = resource_of(d, sizeof(*d), d->name_len);
	c->flags = le16_to_cpu(d->flags);
	c->is = (struct model_terms){
		.units = le32_to_cpu(d->units), .max_waiters = le32_to_cpu(d->max_waiters),
		.ttl_ms = le32_to_cpu(d->ttl_ms), .hold_ms = le32_to_cpu(d->hold_ms),
		.uid = le32_to_cpu(d->uid), .gid = le32_to_cpu(d->gid),
		.mode = le16_to_cpu(d->mode), .fenced = le16_to_cpu(d->fenced),
	};
}

static void note_acquire(struct sim_committed *c, const struct kq_acquire_cmd *a)
{
	u32 flags = le16_to_cpu(a->flags);

	c->owner = le64_to_cpu(a->owner);
	c->is_try = flags & KQ_ACQUIRE_TRY;
	c->is_shared = flags & KQ_ACQUIRE_SHARED;
	c->is_admin = flags & KQ_ACQUIRE_ADMIN;
	c->is = (struct model_terms){
		.units = le32_to_cpu(a->units), .ttl_ms = le32_to_cpu(a->ttl_ms),
		.hold_ms = le32_to_cpu(a->hold_ms), .uid = le32_to_cpu(a->uid),
		.gid = le32_to_cpu(a->gid),
	};
	c->resource = resource_of(a, sizeof(*a), a->name_len);
}

static void note_evict(struct sim_committed *c, const struct kq_evict_cmd *v)
{
	c->owner = le64_to_cpu(v->owner);
	c->cmd_session = le64_to_cpu(v->session);
	c->cmd_node = le32_to_cpu(v->node);
	c->drain_ms = le32_to_cpu(v->drain_ms);
	c->resource = resource_of(v, sizeof(*v), v->name_len);
}

static void note_fence(struct sim_committed *c, const struct kq_fence_cmd *f)
{
	c->token = le64_to_cpu(f->token);
	c->is.uid = le32_to_cpu(f->uid);
	c->is.gid = le32_to_cpu(f->gid);
	c->is_admin = le16_to_cpu(f->flags) & KQ_ACQUIRE_ADMIN;
	c->resource = resource_of(f, sizeof(*f), f->name_len);
}

static void note_request(struct sim_committed *c, const struct kq_entry *e)
{
	const struct kq_release_cmd *r = (const void *)e->data;
	const struct kq_undefine_cmd *u = (const void *)e->data;

	switch (c->type) {
	case KQ_ENTRY_ACQUIRE:
		note_acquire(c, (const void *)e->data);
		break;
	case KQ_ENTRY_RELEASE:
		c->owner = le64_to_cpu(r->owner);
		c->why = le16_to_cpu(r->why);
		c->resource = resource_of(r, sizeof(*r), r->name_len);
		break;
	case KQ_ENTRY_DEFINE:
		note_define(c, (const void *)e->data);
		break;
	case KQ_ENTRY_UNDEFINE:
		c->resource = resource_of(u, sizeof(*u), u->name_len);
		break;
	case KQ_ENTRY_EVICT:
		note_evict(c, (const void *)e->data);
		break;
	case KQ_ENTRY_FENCE:
		note_fence(c, (const void *)e->data);
		break;
	}
}

static void note_committed(struct sim *s, struct sim_node *n, u64 index)
{
	const struct kq_entry *e = kq_log_get(&n->core->log, index);
	struct sim_committed *c;

	/* It is in a snapshot: somebody has committed it, or it would not be there. */
	if (index <= n->core->log.base_index) {
		if (index > s->log_count)
			sim_fail(s, n, "has a snapshot with entry %llu, which no node has committed",
				 (unsigned long long)index);
		return;
	}
	if (!e)
		sim_fail(s, n, "commits %llu, which is not in its log", (unsigned long long)index);
	if (index >= s->log_room) {
		s->log = realloc(s->log, 2 * s->log_room * sizeof(*s->log));
		if (!s->log)
			abort();
		memset(s->log + s->log_room, 0, s->log_room * sizeof(*s->log));
		s->log_room *= 2;
	}
	c = &s->log[index];
	if (index <= s->log_count) {
		if (c->term != kq_entry_term(e) || c->crc != le32_to_cpu(e->rec.crc))
			sim_fail(s, n, "commits another entry at %llu: term %llu, and term %llu "
				 "was committed there", (unsigned long long)index,
				 (unsigned long long)kq_entry_term(e),
				 (unsigned long long)c->term);
		return;
	}
	if (kq_entry_crc(&e->rec, e->data) != le32_to_cpu(e->rec.crc))
		sim_fail(s, n, "the checksum of entry %llu is wrong", (unsigned long long)index);
	s->log_count = index;
	s->st.committed++;
	c->term = kq_entry_term(e);
	c->commit_term = n->core->hs.term;
	c->at = s->now;
	c->crc = le32_to_cpu(e->rec.crc);
	c->type = le16_to_cpu(e->rec.type);
	c->session = le64_to_cpu(e->rec.session);
	c->seq = le64_to_cpu(e->rec.seq);
	c->settled = le64_to_cpu(e->rec.settled);
	c->node = le32_to_cpu(e->rec.node);
	c->payload = payload_id(s, e);
	note_request(c, e);
	c->conf = conf_committed(s, n, e);
	if (c->type >= KQ_ENTRY_OPEN && c->type <= KQ_ENTRY_EXPIRE) {
		const struct kq_session_cmd *cmd = (const void *)e->data;

		c->cmd_session = le64_to_cpu(cmd->session);
		c->cmd_node = le32_to_cpu(cmd->node);
		if (c->type == KQ_ENTRY_EXPIRE) {
			s->st.expiries++;
			promise_expired(s, n, c->cmd_node, c->cmd_session);
		}
	}
}

/* A new leader has everything that was ever committed. */
static void check_new_leader(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	u64 i;

	room_for_term(s, c->hs.term);
	if (s->term_leader[c->hs.term] && s->term_leader[c->hs.term] != sim_at(s, n))
		sim_fail(s, n, "second leader of term %llu, after node %u",
			 (unsigned long long)c->hs.term, s->node[s->term_leader[c->hs.term]].id);
	if (!s->term_leader[c->hs.term]) {
		s->st.leaders++;
		check_elected(s, n);
	}
	s->term_leader[c->hs.term] = sim_at(s, n);
	for (i = 1; i <= s->log_count; i++) {
		const struct kq_entry *e = kq_log_get(&c->log, i);

		/* Committed in a newer term: this one is a leader of the past. */
		if (s->log[i].commit_term > c->hs.term)
			break;
		if (i < c->log.base_index || (i == c->log.base_index &&
					      c->log.base_term == s->log[i].term))
			continue;
		if (!e || kq_entry_term(e) != s->log[i].term ||
		    le32_to_cpu(e->rec.crc) != s->log[i].crc)
			sim_fail(s, n, "leads without committed entry %llu of term %llu",
				 (unsigned long long)i, (unsigned long long)s->log[i].term);
	}
}

static void check_leader(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;

	if (c->role == KQUORUM_LEADER) {
		if (n->seen_leader_term != c->hs.term) {
			check_new_leader(s, n);
		} else if (c->log.last < n->seen_last ||
			   kq_log_term(&c->log, n->seen_last) != n->seen_last_term) {
			sim_fail(s, n, "a leader rewrites its own log below %llu",
				 (unsigned long long)n->seen_last);
		}
		n->seen_leader_term = c->hs.term;
	}
	if (c->role == KQUORUM_LEADER && c->commit > n->seen_commit)
		check_counted(s, n);
	/* Only an entry of its own term commits by counting (paper 5.4.2). */
	if (c->role == KQUORUM_LEADER && c->commit > n->seen_commit &&
	    kq_log_term(&c->log, c->commit) != c->hs.term)
		sim_fail(s, n, "a leader of term %llu commits %llu, of term %llu, by counting",
			 (unsigned long long)c->hs.term, (unsigned long long)c->commit,
			 (unsigned long long)kq_log_term(&c->log, c->commit));
	n->seen_last = c->log.last;
	n->seen_last_term = kq_log_term(&c->log, c->log.last);
}

/* After every call of the core. */
void check_node(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	u64 i;

	if (c->state == KQUORUM_NODE_FAILED && n->older_term != c->hs.term &&
	    strstr(c->reason, "acknowledged log entries are gone"))
		sim_fail(s, n, "says that it lost what it acknowledged, but has it");
	if (c->sum_alarm ||
	    (c->state == KQUORUM_NODE_FAILED && strstr(c->reason, "differs from that")))
		sim_fail(s, n, "finds that replicas differ, and they do not: %s", c->reason);
	if (c->hs.term < n->seen_term)
		sim_fail(s, n, "its term falls to %llu", (unsigned long long)c->hs.term);
	n->seen_term = c->hs.term;
	if (c->commit < n->seen_commit)
		sim_fail(s, n, "its commit index falls from %llu to %llu",
			 (unsigned long long)n->seen_commit, (unsigned long long)c->commit);
	if (c->applied > c->commit)
		sim_fail(s, n, "applies %llu before it is committed",
			 (unsigned long long)c->applied);
	if (c->applied < n->seen_applied)
		sim_fail(s, n, "its applied index falls");
	if (n->rotten && !n->mended && !n->live_rot && c->state == KQUORUM_NODE_RUNNING &&
	    !c->restart_at) {
		n->mended = true;
		s->st.mended++;
	}
	check_leader(s, n);
	check_conf(s, n);
	for (i = n->seen_commit + 1; i <= c->commit; i++)
		note_committed(s, n, i);
	n->seen_commit = c->commit;
	if (c->applied != n->seen_applied) {
		u64 before = n->seen_applied;

		n->seen_applied = c->applied;
		check_state(s, n);
		model_follow(s, n);
		model_owners(s, n);
		evict_applied(s, n, before);
	}
	snap_check(s, n);
	promise_answers(s, n);
	check_rates(s, n);
	check_holds(s, n);
}

void check_node_started(struct sim *s, struct sim_node *n)
{
	if (n->core->hs.term < n->sent_term && n->core->report.vote_known && !n->set_back)
		sim_fail(s, n, "restarts in term %llu and has spoken of %llu",
			 (unsigned long long)n->core->hs.term, (unsigned long long)n->sent_term);
	n->identity = n->core->hs.identity;
	if (!disk_beyond_repair(n))
		n->written_last = n->core->log.last;
	n->seen_term = n->core->hs.term;
	n->seen_commit = n->seen_applied = n->seen_leader_term = 0;
	n->seen_last = n->core->log.last;
	n->seen_last_term = kq_log_term(&n->core->log, n->seen_last);
	n->seen_session = n->seen_deadline = n->deadline_at = 0;
	n->batch_ticks = 0;
	n->durable_term = n->core->report.hs.term;
	n->durable_vote = n->core->report.hs.vote;
	memcpy(n->durable_peer, n->core->report.hs.peer, sizeof(n->durable_peer));
	memset(n->seen_promise, 0, sizeof(n->seen_promise));
	memset(n->seen_promised, 0, sizeof(n->seen_promised));
	n->seen_ready = false;
	n->lead_clock = 0;
	n->evicts_seen = 0;
	memset(n->seen_off, 0, sizeof(n->seen_off));
	n->seen_own_off = 0;
	n->off_ticks = 0;
	memset(n->watch, 0, sizeof(n->watch));
	memset(n->silent_ticks, 0, sizeof(n->silent_ticks));
	memset(n->seen_identity, 0, sizeof(n->seen_identity));
	memset(n->seen_fence, 0, sizeof(n->seen_fence));
}

/*
 * Linearizability: a command takes effect once, at its index in the log, which every replica
 * applies alike (check_model.c); here: at some time between its call, @since, and its answer, now.
 */
void check_took_effect(struct sim *s, struct sim_node *n, const char *what, u64 index, u64 since)
{
	if (!index || index > s->log_count)
		sim_fail(s, n, "%s is answered by entry %llu, which no node has committed", what,
			 (unsigned long long)index);
	if (s->log[index].at < since)
		sim_fail(s, n, "%s is answered by entry %llu, which was committed %llu us before it was asked for",
			 what, (unsigned long long)index,
			 (unsigned long long)(since - s->log[index].at) / 1000);
}

/* Two logs with the same index and term are the same up to there. */
static void check_pair(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	u64 i = min(a->core->log.last, b->core->log.last);
	bool same = false;

	for (; i > max(a->core->log.base_index, b->core->log.base_index); i--) {
		const struct kq_entry *x = kq_log_get(&a->core->log, i);
		const struct kq_entry *y = kq_log_get(&b->core->log, i);

		if (!x || !y)		/* damage took it */
			continue;
		if (kq_entry_term(x) != kq_entry_term(y)) {
			if (same)
				sim_fail(s, a, "its log and node %u's agree above %llu, not there",
					 b->id, (unsigned long long)i);
			continue;
		}
		same = true;
		if (x->rec.crc != y->rec.crc)
			sim_fail(s, a, "entry %llu of term %llu differs from node %u's",
				 (unsigned long long)i, (unsigned long long)kq_entry_term(x),
				 b->id);
	}
}

/* The bound on what is not committed is kept by counting: the count must be right. */
static void check_bound(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	u64 i, bytes = 0;

	for (i = c->commit + 1; i <= c->log.last; i++)
		bytes += kq_record_size(kq_entry_len(kq_log_get(&c->log, i)));
	if (bytes != c->uncommitted_bytes)
		sim_fail(s, n, "counts %llu bytes that are not committed, and has %llu",
			 (unsigned long long)c->uncommitted_bytes, (unsigned long long)bytes);
}

void check_logs(struct sim *s)
{
	u32 a, b;

	for (a = 1; a <= sim_last(s); a++)
		if (s->node[a].up && s->node[a].core->role == KQUORUM_LEADER)
			check_bound(s, &s->node[a]);
	for (a = 1; a <= sim_last(s); a++)
		if (s->node[a].up)
			check_confs(s, &s->node[a]);

	for (a = 1; a <= sim_last(s); a++)
		for (b = a + 1; b <= sim_last(s); b++)
			if (s->node[a].up && s->node[b].up)
				check_pair(s, &s->node[a], &s->node[b]);
}

/* Every acknowledged append is where it was said to be, once. */
void check_acks(struct sim *s)
{
	u64 i;

	for (i = 0; i < s->ack_count; i++) {
		const struct sim_ack *k = &s->ack[i];

		if (!k->done || k->error || k->said)
			continue;
		if (k->index > s->log_count || s->log[k->index].payload != i ||
		    s->log[k->index].term != k->term)
			sim_fail(s, &s->node[k->node], "append %llu was acknowledged at index %llu "
				 "term %llu and is not there", (unsigned long long)i,
				 (unsigned long long)k->index, (unsigned long long)k->term);
	}
	model_end(s);
}

/* Must @n have all that is committed? Not who could not hear of it. */
static bool must_have(struct sim *s, const struct sim_node *n)
{
	const struct sim_node *l = sim_leader(s);

	return !s->d.full && conf_means(&s->conf, n) && !sim_out_for_good(s, n) &&
		!(l && sim_has_another(s, n, l));
}

static void check_has_all(struct sim *s, struct sim_node *n)
{
	u64 i;

	for (i = max_t(u64, n->core->log.base_index, 1); i <= s->log_count; i++)
		if (kq_log_term(&n->core->log, i) != s->log[i].term)
			sim_fail(s, n, "has lost committed entry %llu", (unsigned long long)i);
}

/* And every member has it. */
void check_end(struct sim *s)
{
	u32 a;

	check_logs(s);
	for (a = 1; a <= s->d.nodes; a++)
		if (must_have(s, &s->node[a]))
			check_has_all(s, &s->node[a]);
	check_acks(s);
}
