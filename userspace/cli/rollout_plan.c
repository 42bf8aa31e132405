// SPDX-License-Identifier: GPL-2.0
/* What comes next on this machine for FILE to come about: see rollout.h. */
#include <stdarg.h>
#include <string.h>

#include "join.h"
#include "kq_platform.h"
#include "rollout.h"

/* So wide may a list of names be: a reason follows on the same line. */
#define NAMES_COLUMNS 36

/* --- answers -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static enum rollout_next wait_for(struct rollout *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, sizeof(r->why), format, ap);
	va_end(ap);
	return ROLLOUT_WAIT;
}

__attribute__((format(printf, 2, 3)))
static enum rollout_next refuse(struct rollout *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, sizeof(r->why), format, ap);
	va_end(ap);
	r->code = KQUORUM_EXIT_ERROR;
	return ROLLOUT_REFUSE;
}

static const char *self_address(const struct rollout *r)
{
	static char quoted[2 * KQUORUM_ADDRESS_MAX];
	char address[KQUORUM_ADDRESS_MAX + 1];

	kquorum_address_format(&r->self->address, address, sizeof(address));
	return shell_quote(quoted, sizeof(quoted), address);
}

/* It was a member, and what it knew is not here. */
static enum rollout_next refuse_lost(struct rollout *r, const char *where)
{
	return refuse(r, "%s is a member of %s already, with other files than %s\n"
		      "  Bring those back; or, are they lost, let this machine take its place, on the leader:\n"
		      "  kquorum member replace %s %s=%s", r->self->name, r->file.name, where,
		      r->self->name, r->self->name, self_address(r));
}

/* --- what others tell ----------------------------------------------------------------------- */

/* Somebody who belongs to a cluster that has begun; of two that differ the first, and @other. */
static const struct kqd_told *find_cluster(const struct rollout *r, const struct kqd_told **other)
{
	const struct kqd_told *found = NULL;
	unsigned int i;

	*other = NULL;
	for (i = 0; i < r->file.n_members; i++) {
		const struct rollout_answer *a = &r->answers[i];

		if (!a->told || !a->t.begun)
			continue;
		if (!found)
			found = &a->t;
		else if (found->cluster_id != a->t.cluster_id)
			*other = &a->t;
	}
	return found;
}

static const struct kqd_told_member *find_name(const struct kqd_told *t, const char *name)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (t->member[i].member && !strcmp(t->member[i].name, name))
			return &t->member[i];
	return NULL;
}

/* What any of them knows of this machine's name: one that is behind may not have heard of it. */
static const struct kqd_told_member *find_self(const struct rollout *r)
{
	const struct kqd_told_member *m = NULL;
	unsigned int i;

	for (i = 0; !m && i < r->file.n_members; i++)
		if (r->answers[i].told && r->answers[i].t.begun)
			m = find_name(&r->answers[i].t, r->self->name);
	return m;
}

static const struct kqd_told_member *find_id(const struct kqd_told *t, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (t->member[i].id == id)
			return &t->member[i];
	return NULL;
}

static const char *told_name(const struct kqd_told *t)
{
	const struct kqd_told_member *m = find_id(t, t->node);

	return m && m->name[0] ? m->name : "a node";
}

static enum rollout_next refuse_two(struct rollout *r, const struct kqd_told *a,
				    const struct kqd_told *b)
{
	return refuse(r, "%s and %s belong to two clusters that are both called %s\n"
		      "  take those of one of them out of FILE, or stop them: kquorum stop there",
		      told_name(a), told_name(b), r->file.name);
}

/* Those of FILE that do not answer, with the first reason; in one line. True: there are such. */
static bool who_is_missing(const struct rollout *r, char *buf, size_t size)
{
	unsigned int i, more = 0;
	const char *why = "";
	size_t at = 0;

	buf[0] = '\0';
	for (i = 0; i < r->file.n_members; i++) {
		const struct kquorum_config_member *m = &r->file.members[i];

		if (m == r->self || r->answers[i].told)
			continue;
		if (!why[0])
			why = r->answers[i].why;
		if (at && at + strlen(m->name) > NAMES_COLUMNS)
			more++;
		else
			at += snprintf(buf + at, size - at, "%s%s", at ? ", " : "", m->name);
	}
	if (more)
		at += snprintf(buf + at, size - at, " and %u more", more);
	if (at && why[0])
		snprintf(buf + at, size - at, " (%s)", why);
	return at;
}

/* --- what is made --------------------------------------------------------------------------- */

uint64_t rollout_cluster_id(const struct kquorum_config *file)
{
	const uint32_t settings[] = { file->heartbeat_ms, file->election_ms, file->lease_ms,
				      file->delta_ms, file->drift_ppm };
	char text[KQUORUM_NODE_NAME_MAX + KQUORUM_ADDRESS_MAX + 4];
	uint32_t hi, lo;
	unsigned int i;

	if (file->cluster_id)
		return file->cluster_id;
	if (file->n_members < 2)
		return 0;
	hi = kq_crc(0, file->name, strlen(file->name));
	lo = kq_crc(0x6b71, file->name, strlen(file->name));
	for (i = 0; i < file->n_members; i++) {
		const struct kquorum_config_member *m = &file->members[i];
		int n = snprintf(text, sizeof(text), "\n%s=", m->name);

		kquorum_address_format(&m->address, text + n, sizeof(text) - n);
		hi = kq_crc(hi, text, strlen(text));
		lo = kq_crc(lo, text, strlen(text));
	}
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int n = snprintf(text, sizeof(text), " %u", settings[i]);

		hi = kq_crc(hi, text, n);
		lo = kq_crc(lo, text, n);
	}
	return hi || lo ? (uint64_t)hi << 32 | lo : 1;
}

static void make_self(struct rollout *r)
{
	struct kquorum_config *c = &r->make;

	snprintf(c->node_name, sizeof(c->node_name), "%s", r->self->name);
	c->advertise = r->self->address;
	c->listen = r->listen.host[0] ? r->listen : r->self->address;
}

/* One of those that begin the cluster. */
static void make_founder(struct rollout *r)
{
	r->make = r->file;
	r->make.cluster_id = rollout_cluster_id(&r->file);
	r->make.node_id = r->self->id;
	r->joins = false;
	make_self(r);
}

/*
 * The number that follows from its name, if nobody else has it or had it: then two that join at
 * once do not take the same. Else one above all that were seen, or will be taken by others.
 */
static uint32_t choose_number(const struct rollout *r, const struct kqd_told *t)
{
	uint32_t used = t->founders | t->gone, id;
	unsigned int i;

	for (i = 0; i < t->n; i++)
		used |= node_bit(t->member[i].id);
	if (!(used & node_bit(r->self->id)))
		return r->self->id;
	for (i = 0; i < r->file.n_members; i++)
		if (!find_name(t, r->file.members[i].name))
			used |= node_bit(r->file.members[i].id);
	for (id = KQUORUM_MAX_NODES; id && !(used & node_bit(id)); id--)
		;
	if (id < KQUORUM_MAX_NODES)
		return id + 1;
	for (id = 1; id <= KQUORUM_MAX_NODES && used & node_bit(id); id++)
		;
	return id <= KQUORUM_MAX_NODES ? id : 0;
}

/* A node of the cluster of which @t tells. False: there is no number for it. */
static bool make_joiner(struct rollout *r, const struct kqd_told *t)
{
	struct kquorum_config *c = &r->make;
	uint32_t id = choose_number(r, t);
	char why[128];
	unsigned int i;

	*c = r->file;
	c->cluster_id = t->cluster_id;
	c->founders = node_count(t->founders);
	c->heartbeat_ms = t->settings[0];
	c->election_ms = t->settings[1];
	c->lease_ms = t->settings[2];
	c->delta_ms = t->settings[3];
	c->drift_ppm = t->settings[4];
	c->segment_bytes = t->settings[5];
	if (join_segments(t->capacity, c->segment_bytes))
		c->segments = join_segments(t->capacity, c->segment_bytes);
	c->n_members = 0;
	for (i = 0; i < t->n; i++) {
		struct kquorum_config_member *m = &c->members[c->n_members];

		if (!t->member[i].member || t->member[i].id == id ||
		    c->n_members == KQUORUM_MAX_NODES - 1 ||
		    kquorum_address_parse(t->member[i].address, &m->address, why, sizeof(why)))
			continue;
		m->id = t->member[i].id;
		snprintf(m->name, sizeof(m->name), "%s", t->member[i].name);
		c->n_members++;
	}
	c->members[c->n_members] = *r->self;
	c->members[c->n_members++].id = id;
	c->node_id = id;
	r->joins = true;
	make_self(r);
	return id && c->founders;
}

static enum rollout_next join(struct rollout *r, const struct kqd_told *t, enum rollout_next how)
{
	if (!make_joiner(r, t))
		return refuse(r, "%s has no number left for %s: kquorum member remove one first",
			      t->cluster, r->self->name);
	snprintf(r->why, sizeof(r->why), "%s belongs to a cluster: this machine joins it",
		 told_name(t));
	return how;
}

/* --- a machine that is no member ------------------------------------------------------------ */

/* There is nothing here yet. */
static enum rollout_next plan_new(struct rollout *r)
{
	const struct kqd_told *other, *t = find_cluster(r, &other);

	if (other)
		return refuse_two(r, t, other);
	if (find_self(r))
		return refuse_lost(r, "are here, for there are none");
	if (t)
		return join(r, t, ROLLOUT_MAKE);
	make_founder(r);
	return ROLLOUT_MAKE;
}

static const struct kquorum_config_member *config_find(const struct kquorum_config *c,
						       const char *name)
{
	unsigned int i;

	for (i = 0; i < c->n_members; i++)
		if (!strcmp(c->members[i].name, name))
			return &c->members[i];
	return NULL;
}

static bool same_address(const struct kquorum_address *a, const struct kquorum_address *b)
{
	return a->port == b->port && !strcmp(a->host, b->host);
}

/* Was it made by what FILE says now? */
static bool is_of_file(const struct kquorum_config *own, const struct kquorum_config *file)
{
	uint64_t id = rollout_cluster_id(file);
	unsigned int i;

	if (own->n_members != file->n_members || (id && own->cluster_id != id) ||
	    own->heartbeat_ms != file->heartbeat_ms || own->election_ms != file->election_ms ||
	    own->lease_ms != file->lease_ms || own->delta_ms != file->delta_ms ||
	    own->drift_ppm != file->drift_ppm)
		return false;
	for (i = 0; i < file->n_members; i++) {
		const struct kquorum_config_member *m = config_find(own, file->members[i].name);

		if (!m || !same_address(&m->address, &file->members[i].address))
			return false;
	}
	return true;
}

/* It was made to begin the cluster with others, and has not yet. */
static enum rollout_next plan_founder(struct rollout *r)
{
	bool same = is_of_file(&r->own, &r->file);
	char missing[256];

	if (who_is_missing(r, missing, sizeof(missing)))
		return wait_for(r, "the cluster begins when all of FILE answer; so far without\n  %s",
				missing);
	if (same)
		return wait_for(r, "all of FILE answer: the cluster is about to begin");
	make_founder(r);
	snprintf(r->why, sizeof(r->why), "FILE is another one by now, and nothing has begun");
	return ROLLOUT_REMAKE;
}

/* Its cluster has begun, and does not know its name. */
static enum rollout_next plan_joiner(struct rollout *r, const struct kqd_told *t)
{
	const struct kqd_told_member *m = find_id(t, r->own.node_id);

	if (!r->own.founders || r->own.cluster_id != t->cluster_id)
		return join(r, t, ROLLOUT_REMAKE);
	if (m && m->member)
		return join(r, t, ROLLOUT_REMAKE);
	return wait_for(r, "%s is taken in by the same command where the leader of %s runs",
			r->self->name, t->cluster);
}

/* A node runs here, and is in no configuration that it knows of. */
static enum rollout_next plan_outside(struct rollout *r)
{
	const struct kqd_told *other, *t = find_cluster(r, &other);
	const struct kqd_told_member *m = find_self(r);

	if (other)
		return refuse_two(r, t, other);
	if (!t && r->own.founders)
		return wait_for(r, "no member of the cluster answers");
	if (!t && r->own.founded)
		return refuse(r, "the log of %s was lost, for its cluster has begun: bring its files back, or,\n"
			      "  on the leader: kquorum member replace %s %s=%s", r->self->name,
			      r->self->name, r->self->name, self_address(r));
	if (!t)
		return plan_founder(r);
	if (m && m->identity == r->st.identity && r->own.cluster_id == t->cluster_id)
		return wait_for(r, "%s is a member, and is about to hear of it", r->self->name);
	if (!r->st.empty)
		return wait_for(r, "%s has a log, and is no member by it: kquorum status says why",
				r->self->name);
	if (m && r->own.founders && r->own.cluster_id == t->cluster_id && r->own.node_id != m->id)
		return wait_for(r, "%s waits to take the place of the %s that is a member: the kquorum member\n"
				"  replace that printed its line goes on, on the leader", r->self->name,
				m->name);
	if (m)
		return refuse_lost(r, "those here, which are new");
	return plan_joiner(r, t);
}

/* --- a machine that is one ------------------------------------------------------------------ */

static const struct kquorum_peer_status *find_peer(const struct kquorum_status *st,
						   const char *name, bool member)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (status_is_member(st, st->peers[i].id) == member &&
		    !strcmp(st->peers[i].name, name))
			return &st->peers[i];
	return NULL;
}

static bool has_departed(const struct kquorum_status *st, const char *name)
{
	uint32_t id;

	for (id = 1; id <= KQUORUM_MAX_NODES; id++)
		if (st->gone & node_bit(id) && !strcmp(st->departed[id], name))
			return true;
	return false;
}

/* Is @m of FILE what it shall be? DONE; or what comes next for it. */
static enum rollout_next plan_one(struct rollout *r, const struct kquorum_config_member *m)
{
	const struct rollout_answer *a = &r->answers[m - r->file.members];
	const struct kquorum_peer_status *p = find_peer(&r->st, m->name, true);

	if (p && p->promote && r->st.learners & node_bit(p->id))
		return wait_for(r, "%s is taken in, and catches up", m->name);
	if (p)
		return ROLLOUT_DONE;
	p = find_peer(&r->st, m->name, false);
	if (p && p->connected && r->st.role == KQUORUM_LEADER) {
		r->take = m;
		r->take_id = p->id;
		return ROLLOUT_TAKE_IN;
	}
	if (p && p->connected)
		return wait_for(r, "%s is taken in by the same command on %s, which leads", m->name,
				node_name(&r->st, r->st.leader));
	if (!a->told && has_departed(&r->st, m->name))
		return refuse(r, "%s has left the cluster: take it out of FILE; or, on the leader:\n"
			      "  kquorum member add prints the line that makes it a node again", m->name);
	return wait_for(r, "%s is no member yet: %s", m->name, a->told ?
			"it is about to connect" : a->why[0] ? a->why : "it does not answer");
}

/* This machine is a member: are the others? Whoever leads takes them in. */
static enum rollout_next plan_member(struct rollout *r)
{
	enum rollout_next worst = ROLLOUT_DONE, next;
	char why[sizeof(r->why)] = "";
	unsigned int i;

	if (!r->st.quorum || !status_settled(&r->st))
		return wait_for(r, "%s", r->st.quorum ? "a change of the members is under way" :
				"there is no leader: kquorum status says why");
	for (i = 0; i < r->file.n_members; i++) {
		next = plan_one(r, &r->file.members[i]);
		if (next == ROLLOUT_TAKE_IN)
			return next;
		/* The first reason of the worst kind. */
		if (next > worst) {
			worst = next;
			memcpy(why, r->why, sizeof(why));
		}
	}
	memcpy(r->why, why, sizeof(why));
	return worst;
}

/* --- one look ------------------------------------------------------------------------------- */

enum rollout_next rollout_next(struct rollout *r)
{
	r->why[0] = '\0';
	r->code = KQUORUM_EXIT_ERROR;
	if (r->broken)
		return refuse(r, "%s", r->broken);
	if (!r->made)
		return plan_new(r);
	if (!r->runs)
		return ROLLOUT_START;
	if (r->st.state == KQUORUM_NODE_RECOVERING)
		return wait_for(r, "this node is still reading its log");
	if (r->st.state != KQUORUM_NODE_RUNNING)
		return refuse(r, "this node does not serve: kquorum status says why");
	if (status_left(&r->st))
		return refuse(r, "%s has left the cluster: take it out of FILE; or, on the leader:\n"
			      "  kquorum member add prints the line that makes it a node again",
			      r->self->name);
	if (r->st.conf_index && status_is_member(&r->st, r->st.node_id))
		return plan_member(r);
	return plan_outside(r);
}
