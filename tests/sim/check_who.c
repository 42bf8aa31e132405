// SPDX-License-Identifier: GPL-2.0
/*
 * Who is who: the past that a node tells, whom a node takes for whom and whom it refuses, who
 * begins a cluster; and that nobody is elected, and nothing committed, by others than those whom
 * the configuration means. Judged by what the machines truly are, whatever their cores believe.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

/* Do the files of @n, as they are now, know of this start of theirs? */
static bool remembers(const struct sim_node *n, u64 incarnation)
{
	u32 i;

	for (i = n->starts; i; i--)
		if (n->start[i - 1] == incarnation)
			return true;
	return false;
}

/* @n greets a peer with its @past. */
void check_past(struct sim *s, struct sim_node *n, const struct kquorum_past *past)
{
	bool empty = le32_to_cpu(past->flags) & KQUORUM_PAST_EMPTY;

	if (le64_to_cpu(past->identity) != n->identity)
		sim_fail(s, n, "tells of the files of another node");
	if (n->rotten || empty == (!n->written_last && !n->core->log.last))
		return;
	sim_fail(s, n, "says that its log is%s empty: it ends at %llu, on disk at %llu",
		 empty ? "" : " not", (unsigned long long)n->core->log.last,
		 (unsigned long long)n->written_last);
}

static const struct sim_side *connected(const struct sim_node *n, u32 id)
{
	const struct sim_side *now = &n->side[id], *ghost = &n->side[SIM_GHOST(id)];

	return ghost->up ? ghost : now->up ? now : NULL;
}

/* Another start or machine is connected under the number, and not in the place of a member. */
static bool is_busy(const struct sim_node *n, u32 id, const struct kquorum_past *past)
{
	const struct sim_side *had = connected(n, id);
	u64 identity = le64_to_cpu(past->identity), member = n->core->conf.identity[id];

	return had && had->inc_peer != le64_to_cpu(past->incarnation) &&
		(identity != member || had->identity_peer == member);
}

/* It has nothing, under the number of a member that is another. */
static bool is_new(const struct sim_node *n, u32 id, const struct kquorum_past *past)
{
	return kq_conf_has(&n->core->conf, id) && le32_to_cpu(past->flags) & KQUORUM_PAST_EMPTY &&
		n->core->conf.identity[id] != le64_to_cpu(past->identity);
}

static void refused(struct sim *s, struct sim_node *n, const struct sim_node *peer,
		    const struct kquorum_past *past, int err)
{
	bool right = false;
	u32 id = peer->id;

	switch (err) {
	case -EBUSY:
		right = is_busy(n, id, past);
		break;
	case -EKEYREJECTED:
		right = is_new(n, id, past);
		break;
	case -ESTALE:
		right = conf_means(&n->core->conf, peer) &&
			!remembers(peer, n->core->hs.peer[id]);
		break;
	case -ENOSPC:
		right = s->d.full;
		break;
	}
	if (!right)
		sim_fail(s, n, "does not take node %u for the one that it knows: %d", id, err);
}

static void taken(struct sim *s, struct sim_node *n, const struct sim_node *peer,
		  const struct kquorum_past *past)
{
	u64 met = n->met[sim_at(s, peer)];

	if (is_busy(n, peer->id, past))
		sim_fail(s, n, "takes a second node %u, while the first is connected", peer->id);
	if (is_new(n, peer->id, past))
		sim_fail(s, n, "takes node %u, which has lost its files, for the one that it knows",
			 peer->id);
	if (met && !n->set_back && conf_means(&n->core->conf, peer) && !remembers(peer, met))
		sim_fail(s, n, "takes node %u for the one that it knows, and its files are older",
			 peer->id);
}

/* @n was given a connection to @peer, who had told of its @past, and said @err. */
void check_taken(struct sim *s, struct sim_node *n, struct sim_node *peer,
		 const struct kquorum_past *past, int err)
{
	u64 identity = le64_to_cpu(past->identity);

	/* Of whom it has not met yet a leader waits for the first answer. */
	if (!err && n->seen_identity[peer->id] != identity)
		n->silent_ticks[peer->id] = 0;
	if (!err)
		n->seen_identity[peer->id] = identity;
	/* The greeting may be of an earlier start, whose connection is long gone. */
	if (!peer->up || peer->core->hs.incarnation != le64_to_cpu(past->incarnation))
		return;
	if (err)
		refused(s, n, peer, past, err);
	else
		taken(s, n, peer, past);
}

/* Is it still the start that @n is connected to? */
static bool is_live(const struct sim_node *n, u32 at, const struct sim_node *peer)
{
	return n->side[at].up && peer->up && peer->core->hs.incarnation == n->side[at].inc_peer;
}

/* Another configuration holds at @n: who is connected may count now, and did not before. */
void check_known(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 1; i <= sim_last(s) && !n->set_back; i++)
		if (n->met[i] && is_live(n, i, &s->node[i]) &&
		    conf_means(&n->core->conf, &s->node[i]) && !remembers(&s->node[i], n->met[i]))
			sim_fail(s, n, "counts on node %u again, whose files are older than it knows",
				 s->node[i].id);
}

/* Has this machine the log that begins with @origin? */
static bool has_history(const struct sim_node *n, u64 origin)
{
	if (n->up)
		return n->core->conf.origin == origin;
	return n->written_last && n->seen_conf.origin == origin;
}

/* A cluster begins once; again only when nobody has anything of it. */
void check_began(struct sim *s, struct sim_node *n)
{
	u64 origin = n->core->conf.origin;
	u32 i;

	if (!origin || origin != n->identity || s->begun == origin)
		return;
	if (n->joins)
		sim_fail(s, n, "begins a cluster, and was to join one");
	for (i = 1; s->begun && i <= sim_last(s); i++)
		if (s->node[i].id && has_history(&s->node[i], s->begun))
			sim_fail(s, n, "begins a second history, and node %u has the first",
				 s->node[i].id);
	/* Its terms begin anew; who has a vote in one of them keeps to it. */
	memset(s->term_leader, 0, s->term_room * sizeof(*s->term_leader));
	s->begun = origin;
}

/* Those of @conf with whom it is so, by @is; files that are gone count as if. */
static kq_nodes those(struct sim *s, const struct sim_node *n, const struct kq_conf *conf,
		      bool (*is)(struct sim *s, const struct sim_node *n, const struct sim_node *m))
{
	kq_nodes who = 0;
	u32 id;

	kq_for_each_node(conf->voters | conf->outgoing, id) {
		const struct sim_node *m = sim_machine(s, id, conf->identity[id]);

		if (!m || is(s, n, m))
			who |= kq_node_bit(id);
	}
	return who;
}

static bool has_voted(struct sim *s, const struct sim_node *n, const struct sim_node *m)
{
	return m == n || s->term_vote[n->core->hs.term][sim_at(s, m)] == sim_at(s, n);
}

/* @n leads a new term. */
void check_elected(struct sim *s, struct sim_node *n)
{
	const struct kq_conf *conf = &n->core->conf;
	kq_nodes votes = those(s, n, conf, has_voted);

	if (!sim_decides(conf, votes))
		sim_fail(s, n, "leads by the votes of %#x, voters are %#x outgoing %#x", votes,
			 conf->voters, conf->outgoing);
}

/* What the disk of @m may have lost since, it had. */
static bool has_committed(struct sim *s, const struct sim_node *n, const struct sim_node *m)
{
	u64 index = n->core->commit;

	if (m->rotten || m->older_term || m->set_back)
		return true;
	/* In a snapshot is only what is committed. */
	return m->written_last >= index && (!m->up || index < m->core->log.base_index ||
		kq_log_term(&m->core->log, index) == kq_log_term(&n->core->log, index));
}

/* @n, a leader, commits: by the configuration from before that call, or by that after it. */
void check_counted(struct sim *s, struct sim_node *n)
{
	const struct kq_conf *conf = &n->core->conf, *before = &n->seen_conf;
	kq_nodes have = those(s, n, conf, has_committed);

	if (!sim_decides(conf, have) && !sim_decides(before, those(s, n, before, has_committed)))
		sim_fail(s, n, "commits entry %llu, which is on the disks of %#x, voters are %#x outgoing %#x",
			 (unsigned long long)n->core->commit, have, conf->voters, conf->outgoing);
}

static void swap(u32 *x, u32 a, u32 b)
{
	*x = *x == a ? b : *x == b ? a : *x;
}

/* Machine @a is @b from now on, and @b is @a. */
void check_swap(struct sim *s, u32 a, u32 b)
{
	u64 term, met;
	u32 i, vote;

	for (term = 0; term < s->term_room; term++) {
		swap(&s->term_leader[term], a, b);
		vote = s->term_vote[term][a];
		s->term_vote[term][a] = s->term_vote[term][b];
		s->term_vote[term][b] = vote;
		for (i = 1; i <= sim_last(s); i++) {
			vote = s->term_vote[term][i];
			swap(&vote, a, b);
			s->term_vote[term][i] = vote;
		}
	}
	for (i = 1; i <= sim_last(s); i++) {
		met = s->node[i].met[a];
		s->node[i].met[a] = s->node[i].met[b];
		s->node[i].met[b] = met;
	}
}
