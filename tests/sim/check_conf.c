// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of membership: which configuration may follow which, that each node goes by
 * the newest in its log, and what those may not do who have no vote.
 */
#include <linux/kquorum.h>
#include "sim.h"

static bool is_conf(const struct kq_entry *e)
{
	return e && le16_to_cpu(e->rec.type) == KQ_ENTRY_CONF;
}

static bool read_conf(const struct kq_entry *e, struct kq_conf *conf)
{
	return is_conf(e) && !kq_conf_read(e->data, kq_entry_len(e), conf);
}

/*
 * The same voters and other learners; or other voters, and both kinds have a say; or, after
 * that, what it led to.
 */
static bool may_follow(const struct kq_conf *a, const struct kq_conf *b)
{
	if (a->outgoing)
		return !b->outgoing && b->voters == a->voters && b->learners == a->learners;
	return b->voters == a->voters ? !b->outgoing : b->outgoing == a->voters;
}

/* What the founders begin with. */
struct kq_conf conf_first(const struct sim *s)
{
	return (struct kq_conf){ .voters = KQ_NODES_UPTO(s->d.nodes - s->d.joiners) };
}

/* Is @n, as its disk is now, a member? */
bool conf_means(const struct kq_conf *conf, const struct sim_node *n)
{
	return kq_conf_has(conf, n->id) && conf->identity[n->id] == n->identity;
}

/* Nobody is another from one configuration to the next: it leaves first. */
static bool same_identities(const struct kq_conf *a, const struct kq_conf *b)
{
	kq_nodes both = kq_conf_members(a) & kq_conf_members(b);
	u32 id;

	if (a->origin != b->origin)
		return false;
	kq_for_each_node(both, id)
		if (a->identity[id] != b->identity[id])
			return false;
	return true;
}

/* Who joins does so with the files it has, or had when it was asked for. */
static void check_joining(struct sim *s, struct sim_node *n, const struct kq_conf *to)
{
	kq_nodes joining = kq_conf_members(to) & ~kq_conf_members(&s->conf);
	u32 id;

	kq_for_each_node(joining, id) {
		struct sim_node *j = &s->node[id];

		if (conf_means(to, j))
			j->wiped = false;
		else if (!j->wiped)
			sim_fail(s, n, "commits a configuration in which node %u has the identity of no node",
				 id);
	}
}

/* @e of the log of @n is the first to be committed at its index. Returns it, if it is one. */
struct kq_conf *conf_committed(struct sim *s, struct sim_node *n, const struct kq_entry *e)
{
	const struct kq_conf first = conf_first(s);
	struct kq_conf to, *copy;

	if (!is_conf(e))
		return NULL;
	if (!read_conf(e, &to))
		sim_fail(s, n, "commits a configuration that cannot be used");
	if (!(s->conf_index ? may_follow(&s->conf, &to) && same_identities(&s->conf, &to) :
	      kq_conf_same(&to, &first)))
		sim_fail(s, n, "commits voters %#x outgoing %#x learners %#x, which may not follow voters %#x outgoing %#x",
			 to.voters, to.outgoing, to.learners, s->conf.voters, s->conf.outgoing);
	check_joining(s, n, &to);
	s->conf = to;
	s->conf_index = kq_entry_index(e);
	copy = sim_calloc(1, sizeof(*copy));
	*copy = to;
	return copy;
}

/* The model has come to an entry: who joins has nothing left of an earlier life. */
void conf_applied(struct sim *s, const struct sim_committed *c)
{
	kq_nodes joining = kq_conf_members(c->conf) & ~kq_conf_members(&s->model.conf);
	u32 i;

	for (i = 1; i <= s->d.nodes; i++)
		if (joining >> i & 1 && s->model.session[i].id)
			sim_fail(s, NULL, "node %u joins, and session %llx of its earlier life is not over",
				 i, (unsigned long long)s->model.session[i].id);
	s->model.conf = *c->conf;
}

/* Is there a newer one, and is more than one of them not committed? */
void check_confs(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	u64 i, committed = max(s->log_count, c->commit);
	u32 open = 0;

	for (i = c->log.last; i > min(c->conf_index, committed); i--) {
		if (!is_conf(kq_log_get(&c->log, i)))
			continue;
		if (i > c->conf_index)
			sim_fail(s, n, "has a configuration at %llu in its log, and goes by that of %llu",
				 (unsigned long long)i, (unsigned long long)c->conf_index);
		open += i > committed;
	}
	if (open > 1)
		sim_fail(s, n, "has %u configurations in its log that are not committed", open);
}

static void check_changed(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	kq_nodes joining = kq_conf_members(&c->conf) & ~kq_conf_members(&n->seen_conf);
	u32 i;

	for (i = 1; i <= s->d.nodes; i++)
		if (joining >> i & 1)
			n->silent_ticks[i] = 0;
	check_confs(s, n);
	if (c->role == KQUORUM_LEADER && c->conf_index > c->term_start &&
	    c->commit < c->term_start)
		sim_fail(s, n, "changes the configuration before an entry of its term is committed");
}

/* After every call of the core. */
void check_conf(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	struct kq_conf conf = {};

	if (c->conf_index && !read_conf(kq_log_get(&c->log, c->conf_index), &conf))
		sim_fail(s, n, "goes by a configuration at index %llu, which is not in its log",
			 (unsigned long long)c->conf_index);
	if (!kq_conf_same(&conf, &c->conf) || !same_identities(&conf, &c->conf))
		sim_fail(s, n, "goes by another configuration than its log says");
	if (!kq_conf_same(&n->seen_conf, &c->conf))
		check_changed(s, n);
	n->seen_conf = c->conf;
	n->seen_conf_index = c->conf_index;
	if ((c->role == KQUORUM_CANDIDATE || c->role == KQUORUM_CANVASSING) &&
	    (!kq_conf_votes(&c->conf, n->id) || !conf_means(&c->conf, n)))
		sim_fail(s, n, "asks for votes and has none itself");
}

/* Its files are gone, and with them all that it ever promised: nobody may count on it any more. */
void check_wiped(struct sim *s, struct sim_node *n)
{
	u64 term;

	n->identity = 1;	/* none has that: told when it starts */
	n->wiped = n->renewed = true;
	n->sent_term = n->heard_at = n->older_term = n->written_last = 0;
	n->seen_conf = (struct kq_conf){};
	n->seen_conf_index = 0;
	for (term = 0; term < s->term_room; term++)
		s->term_vote[term][n->id] = 0;
}

/* A leader without a vote looks for a successor and goes. */
void check_voteless(struct sim *s, struct sim_node *n, u64 limit)
{
	const struct kq_core *c = n->core;
	bool out = c->role == KQUORUM_LEADER && !kq_conf_votes(&c->conf, n->id) &&
		c->conf_index <= c->commit;

	n->voteless_ticks = out ? n->voteless_ticks + 1 : 0;
	if (n->voteless_ticks > limit)
		sim_fail(s, n, "leads and has no vote");
}
