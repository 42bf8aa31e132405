// SPDX-License-Identifier: GPL-2.0
/* What comes next in a change of who belongs to the cluster: see member.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "member.h"

/* So wide may the list of who is missing be. */
#define MISSING_COLUMNS 80

/* --- who is who ----------------------------------------------------------------------------- */

/* The lowest in @nodes with that name. */
static uint32_t find(const struct kquorum_status *st, const char *name, uint32_t nodes)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (nodes & node_bit(st->peers[i].id) && !strcmp(st->peers[i].name, name))
			return st->peers[i].id;
	return 0;
}

static uint32_t find_member(const struct kquorum_status *st, const char *name)
{
	return find(st, name, status_members(st));
}

/* A member: members have a row. */
static const struct kquorum_peer_status *row(const struct kquorum_status *st, uint32_t id)
{
	static const struct kquorum_peer_status none;
	const struct kquorum_peer_status *p = kquorum_status_peer(st, id);

	return p ? p : &none;
}

static bool is_there(const struct kquorum_status *st, uint32_t id)
{
	return id == st->node_id || row(st, id)->connected;
}

uint32_t member_free_id(const struct kquorum_status *st, uint32_t others)
{
	uint32_t used = status_members(st) | node_bit(st->node_id) | others, seen, id;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		used |= node_bit(st->peers[i].id);
	/* What a number meant once may still be remembered somewhere: a fresh one means nothing. */
	seen = used | st->founders | st->gone;
	for (id = KQUORUM_MAX_NODES; id && !(seen & node_bit(id)); id--)
		;
	if (id < KQUORUM_MAX_NODES)
		return id + 1;
	for (id = 1; id <= KQUORUM_MAX_NODES; id++)
		if (!(seen & node_bit(id)))
			return id;
	for (id = 1; id <= KQUORUM_MAX_NODES; id++)
		if (!(used & node_bit(id)))
			return id;
	return 0;
}

/* --- answers -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static enum member_next done(struct member_job *job, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(job->why, sizeof(job->why), format, ap);
	va_end(ap);
	return MEMBER_DONE;
}

__attribute__((format(printf, 2, 3)))
static enum member_next wait_for(struct member_job *job, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(job->why, sizeof(job->why), format, ap);
	va_end(ap);
	return MEMBER_WAIT;
}

__attribute__((format(printf, 3, 4)))
static enum member_next refuse(struct member_job *job, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(job->why, sizeof(job->why), format, ap);
	va_end(ap);
	job->code = code;
	return MEMBER_REFUSE;
}

static enum member_next refuse_unknown(struct member_job *job, const struct kquorum_status *st,
				       const char *name)
{
	return refuse(job, KQUORUM_EXIT_NOT_FOUND, "no member %s in cluster %s", name, st->name);
}

static enum member_next refuse_address(struct member_job *job,
				       const struct kquorum_peer_status *p)
{
	char to[KQUORUM_ADDRESS_MAX + 3];

	return refuse(job, KQUORUM_EXIT_ERROR,
		      "%s is a member already, at %s\n  it has moved? kquorum member set-address %s %s",
		      p->name, p->address, p->name, shell_quote(to, sizeof(to), job->address));
}

/* The change begins with what is. */
static struct kquorum_change *begin(struct member_job *job, const struct kquorum_status *st)
{
	job->change = (struct kquorum_change){
		.based_on = st->conf_index, .voters = st->voters, .learners = st->learners,
	};
	return &job->change;
}

/*
 * What it says of a member; that it gets a vote by itself is no more said, unless it is anew. What
 * nobody asks for stays; who takes the place of another is preferred as that one was.
 */
static void describe(struct member_job *job, const struct kquorum_status *st, uint32_t id,
		     const char *name, const char *address)
{
	uint32_t like = status_is_member(st, id) ? id : job->old;
	const struct kquorum_peer_status *p = row(st, like);
	struct kquorum_change *c = &job->change;

	c->priority = job->has_priority ? job->priority :
		status_is_member(st, like) ? p->priority : KQUORUM_PRIORITY_DEFAULT;
	c->witness = job->has_witness ? job->witness : status_is_member(st, like) && p->witness;
	c->id = id;
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->address, sizeof(c->address), "%s", address);
}

/* Whether that learner gets a vote by itself. */
static enum member_next set_promote(struct member_job *job, const struct kquorum_status *st,
				    bool promote)
{
	const struct kquorum_peer_status *p = row(st, job->id);

	begin(job, st)->promote = promote;
	describe(job, st, p->id, p->name, p->address);
	return MEMBER_CHANGE;
}

/* --- who should lead ------------------------------------------------------------------------- */

static bool is_preferred(const struct member_job *job, const struct kquorum_peer_status *p)
{
	return (!job->has_priority || p->priority == job->priority) &&
		(!job->has_witness || p->witness == job->witness);
}

/* Some voter has to lead for good. */
static bool only_witnesses(const struct kquorum_status *st, uint32_t but)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (st->voters & ~node_bit(but) & node_bit(st->peers[i].id) && !st->peers[i].witness)
			return false;
	return true;
}

static enum member_next set_preference(struct member_job *job, const struct kquorum_status *st)
{
	const struct kquorum_peer_status *p = row(st, job->id);

	if (job->has_witness && job->witness && st->voters & node_bit(job->id) &&
	    only_witnesses(st, job->id))
		return refuse(job, KQUORUM_EXIT_ERROR,
			      "no voter but %s may lead for good: a witness needs one that does",
			      job->name);
	begin(job, st)->promote = p->promote;
	describe(job, st, p->id, p->name, p->address);
	return MEMBER_CHANGE;
}

static enum member_next wait_to_catch_up(struct member_job *job, const struct kquorum_status *st)
{
	const struct kquorum_peer_status *p = row(st, job->id);
	char missing[128];

	if (!is_there(st, job->id))
		return wait_for(job, "%s is not connected%s%s", job->name, p->reason[0] ? ": " : "",
				p->reason);
	if (node_is_ready(st, p))
		return wait_for(job, "%s has caught up, and gets its vote", job->name);
	if (node_is_live(st, p) && p->progress == KQUORUM_PROGRESS_REPLICATE)
		return wait_for(job, "%s catches up, %" PRIu64 " entries behind", job->name,
				node_lag(st, p));
	if (node_is_live(st, p) && p->needs_snapshot && p->transit.bytes)
		return wait_for(job, "%s is sent a snapshot, %u %% of it is there", job->name,
				(unsigned int)(p->transit.done_bytes * 10.0 / p->transit.bytes) * 10);
	if (node_is_live(st, p) && p->needs_snapshot)
		return wait_for(job, "%s needs a snapshot, for the log begins behind what it has: %s",
				job->name, st->daemon ? "kquorumd sends it" :
				"there is no kquorumd here to send it");
	node_missing(st, job->id, missing, sizeof(missing));
	return wait_for(job, "the log does not get there: %s", missing);
}

/* --- joining -------------------------------------------------------------------------------- */

/* The member other than @but that has the address; 0: none. */
static uint32_t find_address(const struct kquorum_status *st, const char *address, uint32_t but)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].id != but && status_is_member(st, st->peers[i].id) &&
		    !strcmp(st->peers[i].address, address))
			return st->peers[i].id;
	return 0;
}

static enum member_next refuse_taken_address(struct member_job *job,
					     const struct kquorum_status *st, uint32_t id)
{
	const char *name = node_name(st, id);

	if (job->plan != member_plan_add)
		return refuse(job, KQUORUM_EXIT_ERROR, "%s is at %s already", name, job->address);
	return refuse(job, KQUORUM_EXIT_ERROR,
		      "%s is at %s already\n  kquorum member replace %s puts a new node in its place",
		      name, job->address, name);
}

/* @as becomes a learner, when it is there. */
static enum member_next join(struct member_job *job, const struct kquorum_status *st,
			     const char *as, bool promote)
{
	uint32_t used = find_address(st, job->address, job->old);
	const struct kquorum_peer_status *p;
	struct kquorum_change *c;

	if (used)
		return refuse_taken_address(job, st, used);
	if (job->given_id && status_is_member(st, job->given_id))
		return refuse(job, KQUORUM_EXIT_ERROR, "--id %u: that is the number of %s",
			      job->given_id, node_name(st, job->given_id));
	/* Another command may have been faster to give it away. */
	if (!job->id || status_is_member(st, job->id)) {
		job->id = 0;
		return MEMBER_NUMBER;
	}
	p = row(st, job->id);
	/* On a leader before this one another command may have promised it to another machine. */
	if (p->connected && p->name[0] && strcmp(p->name, job->name)) {
		if (job->given_id)
			return refuse(job, KQUORUM_EXIT_ERROR,
				      "--id %u: %s is connected with that number, not %s: without --id "
				      "there is a new line", job->id, p->name, job->name);
		job->id = 0;
		return MEMBER_NUMBER;
	}
	if (!p->connected && p->reason[0])
		return wait_for(job, "%s is not connected: %s", job->name, p->reason);
	if (!p->connected)
		return wait_for(job, "%s is not connected: is it up, with the line above?", job->name);
	if (row(st, job->old)->connected && !strcmp(row(st, job->old)->address, job->address))
		return wait_for(job, "%s is still connected at %s: kquorum stop there",
				job->old_name, job->address);
	c = begin(job, st);
	c->learners |= node_bit(job->id);
	c->promote = promote;
	describe(job, st, job->id, as, job->address);
	return MEMBER_CHANGE;
}

enum member_next member_plan_add(struct member_job *job, const struct kquorum_status *st)
{
	uint32_t id = find_member(st, job->name);
	const struct kquorum_peer_status *p = row(st, id);

	if (!id)
		return join(job, st, job->name, !job->learner);
	if (job->given_id && job->given_id != id)
		return refuse(job, KQUORUM_EXIT_ERROR,
			      "--id %u: %s is number %u: kquorum member replace gives its place to another",
			      job->given_id, job->name, id);
	job->id = id;
	if (strcmp(p->address, job->address))
		return refuse_address(job, p);
	if (!is_preferred(job, p))
		return set_preference(job, st);
	if (st->voters & node_bit(id))
		return !job->learner ? MEMBER_DONE :
			refuse(job, KQUORUM_EXIT_ERROR,
			       "%s is a voter already: kquorum member demote takes its vote", job->name);
	if (p->promote == job->learner)
		return set_promote(job, st, !job->learner);
	return job->learner ? MEMBER_DONE : wait_to_catch_up(job, st);
}

/* --- votes ---------------------------------------------------------------------------------- */

/* Finds whom it is about, once. */
static bool is_known(struct member_job *job, const struct kquorum_status *st)
{
	if (!job->id)
		job->id = find_member(st, job->name);
	return status_is_member(st, job->id);
}

/* Does it make the cluster weaker than it needs to be? Then a person has to want it. */
static bool is_risky(struct member_job *job, const struct kquorum_status *st)
{
	uint32_t live = nodes_live(st, st->voters), dead = st->voters & ~live;
	uint32_t rest = st->voters & ~node_bit(job->id);
	char missing[128];

	if (live & node_bit(job->id) && dead) {
		nodes_missing(st, dead, MISSING_COLUMNS, missing, sizeof(missing));
		refuse(job, KQUORUM_EXIT_ERROR,
		       "%s works, and %u of the voters that stay do%s not:\n  %s\n"
		       "  take out what is down first, or bring it back (--force does it all the same)",
		       job->name, node_count(dead), node_count(dead) > 1 ? "" : "es", missing);
		return true;
	}
	if (nodes_spare(st, st->voters) < 1 || nodes_spare(st, rest) > 0)
		return false;
	refuse(job, KQUORUM_EXIT_ERROR,
	       "without %s %u voters are left, and none of them may fail (now %d may)\n"
	       "  add another first (--force does it all the same)", job->name, node_count(rest),
	       nodes_spare(st, st->voters));
	return true;
}

static enum member_next take_vote(struct member_job *job, const struct kquorum_status *st,
				  bool stays)
{
	const struct kquorum_peer_status *p = row(st, job->id);
	struct kquorum_change *c;

	if (st->voters == node_bit(job->id))
		return refuse(job, KQUORUM_EXIT_ERROR, "%s is the only voter, and a cluster needs one\n"
			      "  let another vote first: kquorum member add, or promote", job->name);
	if (!job->force && is_risky(job, st))
		return MEMBER_REFUSE;
	c = begin(job, st);
	c->voters &= ~node_bit(job->id);
	c->learners &= ~node_bit(job->id);
	if (stays) {
		c->learners |= node_bit(job->id);
		describe(job, st, job->id, p->name, p->address);
	}
	return MEMBER_CHANGE;
}

/* Each configuration says who left with which number last; who did before stands in the log. */
static bool has_departed(const struct kquorum_status *st, const char *name)
{
	uint32_t id;

	for (id = 1; id <= KQUORUM_MAX_NODES; id++)
		if (st->gone & node_bit(id) && !strcmp(st->departed[id], name))
			return true;
	return false;
}

enum member_next member_plan_remove(struct member_job *job, const struct kquorum_status *st)
{
	if (is_known(job, st))
		return take_vote(job, st, false);
	if (job->id)
		return MEMBER_DONE;
	if (has_departed(st, job->name))
		return done(job, "%s has left already", job->name);
	job->wanted = job->name;
	if (job->history == HISTORY_UNKNOWN)
		return MEMBER_HISTORY;
	return job->history == HISTORY_NEVER ? refuse_unknown(job, st, job->name) :
		done(job, "%s has left already", job->name);
}

enum member_next member_plan_promote(struct member_job *job, const struct kquorum_status *st)
{
	struct kquorum_change *c;

	if (!is_known(job, st))
		return refuse_unknown(job, st, job->name);
	if (st->voters & node_bit(job->id))
		return MEMBER_DONE;
	if (!node_is_ready(st, row(st, job->id)))
		return wait_to_catch_up(job, st);
	c = begin(job, st);
	c->voters |= node_bit(job->id);
	c->learners &= ~node_bit(job->id);
	return MEMBER_CHANGE;
}

enum member_next member_plan_demote(struct member_job *job, const struct kquorum_status *st)
{
	if (!is_known(job, st))
		return refuse_unknown(job, st, job->name);
	if (st->voters & node_bit(job->id))
		return take_vote(job, st, true);
	return row(st, job->id)->promote ? set_promote(job, st, false) : MEMBER_DONE;
}

enum member_next member_plan_set(struct member_job *job, const struct kquorum_status *st)
{
	if (!is_known(job, st))
		return refuse_unknown(job, st, job->name);
	return is_preferred(job, row(st, job->id)) ? MEMBER_DONE : set_preference(job, st);
}

enum member_next member_plan_address(struct member_job *job, const struct kquorum_status *st)
{
	const struct kquorum_peer_status *p;
	uint32_t used;

	if (!is_known(job, st))
		return refuse_unknown(job, st, job->name);
	p = row(st, job->id);
	if (!strcmp(p->address, job->address))
		return MEMBER_DONE;
	used = find_address(st, job->address, job->id);
	if (used)
		return refuse_taken_address(job, st, used);
	begin(job, st)->promote = p->promote;
	describe(job, st, job->id, p->name, job->address);
	return MEMBER_CHANGE;
}

/* --- replacing ------------------------------------------------------------------------------ */

/*
 * What the newcomer is called while the old one is still there, for no two members may have one
 * name. A long name is cut, and then the number tells it from others that begin alike.
 */
static const char *newcomer(const struct member_job *job, char *buf, size_t size)
{
	static const char suffix[] = ".new";

	if (strcmp(job->name, job->old_name))
		snprintf(buf, size, "%s", job->name);
	else if (strlen(job->name) + strlen(suffix) <= KQUORUM_NODE_NAME_MAX)
		snprintf(buf, size, "%s%s", job->name, suffix);
	else
		snprintf(buf, size, "%.*s%s%02u", (int)(KQUORUM_NODE_NAME_MAX - strlen(suffix) - 2),
			 job->name, suffix, job->old);
	return buf;
}

/* OLD is no member: has NEW its place, or does it get it, or was there no OLD? */
static enum member_next replace_gone(struct member_job *job, const struct kquorum_status *st)
{
	char as[KQUORUM_NODE_NAME_MAX + 1];
	bool votes = job->old ? job->old_votes : job->history == HISTORY_VOTER;
	const struct kquorum_peer_status *p;
	bool waits;

	job->wanted = job->old_name;
	if (!job->old && job->history == HISTORY_UNKNOWN)
		return MEMBER_HISTORY;
	if (!job->old && job->history == HISTORY_NEVER && !has_departed(st, job->old_name))
		return refuse_unknown(job, st, job->old_name);
	if (!status_is_member(st, job->id))
		job->id = find_member(st, newcomer(job, as, sizeof(as)));
	if (!job->id)
		return refuse(job, KQUORUM_EXIT_NOT_FOUND,
			      "%s has left: kquorum member add takes %s in", job->old_name, job->name);
	p = row(st, job->id);
	if (strcmp(p->address, job->address))
		return refuse_address(job, p);
	waits = votes && !(st->voters & node_bit(job->id));
	if (strcmp(p->name, job->name) || (waits && !p->promote)) {
		begin(job, st)->promote = waits;
		describe(job, st, job->id, job->name, job->address);
		return MEMBER_CHANGE;
	}
	return waits ? wait_to_catch_up(job, st) : MEMBER_DONE;
}

/* OLD itself is what NEW is to be, and is connected: is it there? */
static enum member_next replace_itself(struct member_job *job, const struct kquorum_status *st)
{
	const struct kquorum_peer_status *p = row(st, job->old);

	/* The leader hears of it all the time: one that died a moment ago is connected too. */
	if (st->role != KQUORUM_LEADER ||
	    (job->old != st->node_id && p->seen_ns > st->settings.election_ms * NS_PER_MS))
		return wait_for(job, "%s is connected still, but silent: is it up?", p->name);
	if (p->promote && st->learners & node_bit(job->old)) {
		job->id = job->old;
		return wait_to_catch_up(job, st);
	}
	if (p->flags & KQUORUM_PEERF_FAULTY)
		return refuse(job, KQUORUM_EXIT_ERROR,
			      "%s is up at %s, with a faulty disk or log: kquorum stop there first",
			      p->name, p->address);
	return done(job, "%s is up at %s, and a member: nothing is to be replaced", p->name,
		    p->address);
}

/* NEW is a learner and has caught up: both in one change, so there is no moment without either. */
static enum member_next swap(struct member_job *job, const struct kquorum_status *st)
{
	struct kquorum_change *c = begin(job, st);

	c->voters &= ~node_bit(job->old);
	c->learners &= ~node_bit(job->old);
	if (job->old_votes) {
		c->voters |= node_bit(job->id);
		c->learners &= ~node_bit(job->id);
	} else {
		c->promote = row(st, job->old)->promote;
	}
	describe(job, st, job->id, job->name, job->address);
	return MEMBER_CHANGE;
}

enum member_next member_plan_replace(struct member_job *job, const struct kquorum_status *st)
{
	char as[KQUORUM_NODE_NAME_MAX + 1];
	const struct kquorum_peer_status *p;
	uint32_t id;

	if (!job->old)
		job->old = find_member(st, job->old_name);
	if (!status_is_member(st, job->old))
		return replace_gone(job, st);
	job->old_votes = st->voters & node_bit(job->old);
	id = find_member(st, newcomer(job, as, sizeof(as)));
	if (!id && !strcmp(job->name, job->old_name) && is_there(st, job->old) &&
	    !strcmp(row(st, job->old)->address, job->address))
		return replace_itself(job, st);
	if (!id)
		return join(job, st, as, false);
	job->id = id;
	p = row(st, id);
	if (strcmp(p->address, job->address))
		return refuse_address(job, p);
	if (st->voters & node_bit(id))
		return refuse(job, KQUORUM_EXIT_ERROR,
			      "%s is a voter already: kquorum member remove %s takes the other out",
			      p->name, job->old_name);
	/* Else the leader would give it a vote before the old one has lost its own. */
	if (p->promote)
		return set_promote(job, st, false);
	return node_is_ready(st, p) ? swap(job, st) : wait_to_catch_up(job, st);
}

/* --- one look ------------------------------------------------------------------------------- */

enum member_next member_next(struct member_job *job, const struct kquorum_status *st)
{
	job->why[0] = '\0';
	job->code = KQUORUM_EXIT_ERROR;
	if (st->state == KQUORUM_NODE_RECOVERING)
		return wait_for(job, "this node still reads its log");
	if (!st->conf_index)
		return wait_for(job, "the cluster has not begun, or this node does not know it yet");
	/* In a joint configuration a name may have two nodes, and all of it may still be undone. */
	if (!status_settled(st)) {
		status_change(st, job->why, sizeof(job->why));
		return job->why[0] ? MEMBER_WAIT :
			wait_for(job, "the configuration is not known to be committed yet");
	}
	return job->plan(job, st);
}
