// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of membership: which configuration may follow which, that each node goes by
 * the newest in its log, and what those may not do who have no vote.
 */
#include <linux/kquorum.h>
#include "check.h"
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

/*
 * Who joins does so with the files it has, or had when it was asked for. Who has left with that
 * number does not come back as another, by another name.
 */
static void check_joining(struct sim *s, struct sim_node *n, const struct kq_conf *to,
			  const struct kq_entry *e)
{
	kq_nodes joining = kq_conf_members(to) & ~kq_conf_members(&s->conf);
	u32 id;

	kq_for_each_node(joining, id) {
		const char *name = kq_conf_member(e->data, to, id)->name;
		const struct kquorum_conf_member *left = &s->left[id];
		struct sim_node *j = sim_machine(s, id, to->identity[id]);

		if (j)
			j->wiped = false;
		else if (!s->node[id].wiped)
			sim_fail(s, n, "commits a configuration in which node %u has the identity of no node",
				 id);
		if (left->identity == cpu_to_le64(to->identity[id]) && name[0] &&
		    strcmp(name, left->name))
			sim_fail(s, n, "takes node %u, which left as '%s', for another: '%s'", id,
				 left->name, name);
	}
}

/* What a joint configuration says of its members, the one that it leads to says too. */
static void check_members(struct sim *s, struct sim_node *n, const struct kq_conf *to,
			  const struct kq_entry *e)
{
	kq_nodes both = kq_conf_members(to) & kq_conf_members(&s->conf);
	u32 id;

	if (!s->conf.outgoing)
		return;
	kq_for_each_node(both, id)
		if (memcmp(&s->member[id], kq_conf_member(e->data, to, id), sizeof(s->member[id])))
			sim_fail(s, n, "leaves the joint configuration with another name, address or flag of node %u",
				 id);
}

/* For check_joining() and check_members() of the next one. */
static void note_members(struct sim *s, struct sim_node *n, const struct kq_conf *to,
			 const struct kq_entry *e)
{
	kq_nodes all = kq_conf_members(to), leaving = kq_conf_members(&s->conf) & ~all;
	u32 id;

	kq_for_each_node(leaving, id)
		s->left[id] = s->member[id];
	kq_for_each_node(KQ_NODES_BITS, id)
		if (id <= SIM_NODES && cpu_to_le64(to->left_identity[id]) != s->left[id].identity)
			sim_fail(s, n, "commits a configuration that does not say who left with number %u",
				 id);
	kq_for_each_node(all, id)
		s->member[id] = *kq_conf_member(e->data, to, id);
}

/* An operator has asked @n, and got this answer: may it say so? */
void check_asked(struct sim *s, struct sim_node *n, const struct kq_conf_change *change, int err)
{
	const struct kquorum_conf_member *left = &s->left[change->id];
	const struct kq_core *c = n->core;
	kq_nodes joining = kq_conf_members(&change->to) & ~kq_conf_members(&n->seen_conf);

	if (!err && joining & ~kq_node_bit(change->id))
		sim_fail(s, n, "takes in a node that nobody described");
	if (err == -EKEYREJECTED && c->conf_index == s->conf_index &&
	    (!change->id || kq_conf_has(&s->conf, change->id) ||
	     cpu_to_le64(c->peer[change->id].identity) != left->identity ||
	     !strcmp(left->name, change->member.name)))
		sim_fail(s, n, "does not take node %u for the one that joins", change->id);
	if (!err && change->id && memcmp(change->member.name, kq_core_member(c, change->id)->name,
					 sizeof(change->member.name)))
		sim_fail(s, n, "gives node %u another name than it was asked for", change->id);
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
	check_settings(s, n, &to);
	if (!(to.voters & ~to.witnesses))
		sim_fail(s, n, "commits a configuration in which nobody may lead for good");
	check_joining(s, n, &to, e);
	check_members(s, n, &to, e);
	note_members(s, n, &to, e);
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
		/* What was put back counts once all is: until then it takes no part. */
		if (i > c->conf_index && !c->repair.total)
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
	check_began(s, n);
	check_known(s, n);
	if (c->role == KQUORUM_LEADER && c->conf_index > c->term_start &&
	    c->commit < c->term_start)
		sim_fail(s, n, "changes the configuration before an entry of its term is committed");
}

static bool has_vote(const struct kq_conf *conf, const struct sim_node *n)
{
	return kq_conf_votes(conf, n->id) && conf_means(conf, n);
}

/*
 * Whose vote ends by a configuration that it does not know to be committed may be the one who has
 * to commit it (thesis 4.2.2).
 */
static bool may_ask(const struct sim_node *n)
{
	const struct kq_core *c = n->core;
	struct kq_conf before;
	u64 i = c->conf_index;

	if (has_vote(&c->conf, n))
		return true;
	if (i <= c->commit)
		return false;
	while (--i)
		if (read_conf(kq_core_conf_entry(c, i), &before))
			return has_vote(&before, n);
	return false;
}

/* What the entry says by which @n goes; it is read again when its bytes are other ones. */
static const struct kq_conf *conf_says(struct sim_node *n, const struct kq_entry *e)
{
	struct sim_conf_read *r = &n->conf_read;
	u32 len = is_conf(e) ? kq_entry_len(e) : 0;

	if (!len)
		return NULL;
	if (len == r->len && !memcmp(r->bytes, e->data, len))
		return &r->conf;
	r->len = 0;
	if (!read_conf(e, &r->conf))
		return NULL;
	r->len = len;
	memcpy(r->bytes, e->data, len);
	return &r->conf;
}

/* After every call of the core. */
void check_conf(struct sim *s, struct sim_node *n)
{
	static const struct kq_conf none;
	const struct kq_core *c = n->core;
	const struct kq_conf *conf = c->conf_index ?
		conf_says(n, kq_core_conf_entry(c, c->conf_index)) : &none;

	if (!conf)
		sim_fail(s, n, "goes by a configuration at index %llu, which is not in its log",
			 (unsigned long long)c->conf_index);
	if (!kq_conf_same(conf, &c->conf) || !same_identities(conf, &c->conf) ||
	    !kq_settings_same(&conf->before, &c->conf.before) ||
	    !kq_settings_same(&conf->now, &c->conf.now))
		sim_fail(s, n, "goes by another configuration than its log says");
	if (n->seen_conf_index != c->conf_index || !kq_conf_same(&n->seen_conf, &c->conf))
		check_changed(s, n);
	if (!kq_settings_same(&n->seen_conf.before, &c->conf.before) ||
	    !kq_settings_same(&n->seen_conf.now, &c->conf.now)) {
		n->seen_count_ms = min(n->seen_conf.before.election_ms, n->seen_conf.now.election_ms);
		n->seen_delta_ms = max(n->seen_conf.before.delta_ms, n->seen_conf.now.delta_ms);
	}
	n->seen_conf = c->conf;
	n->seen_conf_index = c->conf_index;
	if ((c->role == KQUORUM_CANDIDATE || c->role == KQUORUM_CANVASSING) && !may_ask(n))
		sim_fail(s, n, "asks for votes and has none itself");
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
