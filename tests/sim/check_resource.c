// SPDX-License-Identifier: GPL-2.0
/*
 * An independent model of the resources, fed from the committed log by check_model.c: what was
 * said of each, who holds it, who waits. The rules of design section 7 said once more, as plainly
 * as they can be: an array of requests in the order of the log, which is looked through from its
 * beginning each time. None of the core's code.
 *
 * A request is granted as soon as all before it are granted or gone, and it goes together with
 * those that hold. What becomes of a request stands in struct sim_committed, for who is told of it.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static u32 units_of(const struct model_resource *r)
{
	return r->defined ? r->is.units : 1;
}

static bool is_exclusive(const struct model_claim *c)
{
	return !c->shares && !c->units;
}

/* Could it hold the resource along with all who do? */
static bool goes_together(const struct model_resource *r, const struct model_claim *c)
{
	u64 units = c->units;
	u32 i;

	for (i = 0; i < r->count; i++) {
		const struct model_claim *h = &r->claim[i];

		if (!h->token)
			continue;
		if (is_exclusive(h) || is_exclusive(c) || h->shares != c->shares)
			return false;
		units += h->units;
	}
	return units <= units_of(r);
}

static bool has_number(const struct model_claim *c, u32 number)
{
	return c->numbers[number / 64] >> (number % 64) & 1;
}

static bool is_free(const struct model_resource *r, u32 number)
{
	u32 i;

	for (i = 0; i < r->count; i++)
		if (has_number(&r->claim[i], number))
			return false;
	return true;
}

/* The lowest that are free; in a large resource units have no numbers. */
static void give_numbers(struct sim *s, const struct model_resource *r, struct model_claim *c)
{
	u32 number, left = units_of(r) <= KQ_NUMBERED ? c->units : 0;

	for (number = 0; left && number < units_of(r); number++) {
		if (!is_free(r, number))
			continue;
		c->numbers[number / 64] |= 1ULL << (number % 64);
		left--;
	}
	if (left)
		sim_fail(s, NULL, "the model has too few units: %u more are needed", left);
}

static void grant_next(struct sim *s, struct model_resource *r, u64 index)
{
	u32 i;

	for (i = 0; i < r->count; i++) {
		struct model_claim *c = &r->claim[i];

		if (c->token)
			continue;
		if (!goes_together(r, c))
			return;
		give_numbers(s, r, c);
		c->token = index << KQ_TOKEN_SHIFT;
		model_bind(r, c);
		s->given[s->givens % SIM_TOKENS].token = c->token;
		s->given[s->givens++ % SIM_TOKENS].resource = r - s->model.res;
	}
}

static u32 waiting(const struct model_resource *r)
{
	u32 i, count = 0;

	for (i = 0; i < r->count; i++)
		count += !r->claim[i].token;
	return count;
}

static void drop_claim(struct model_resource *r, u32 i)
{
	memmove(&r->claim[i], &r->claim[i + 1], (r->count - i - 1) * sizeof(r->claim[0]));
	r->count--;
}

void model_drop(struct model_resource *r, struct model_claim *c)
{
	drop_claim(r, c - r->claim);
}

struct model_claim *model_find(struct sim *s, u32 node, u64 session, u64 owner)
{
	u32 w, i;

	for (w = 0; w < SIM_RESOURCES; w++) {
		struct model_resource *r = &s->model.res[w];

		for (i = 0; i < r->count; i++) {
			struct model_claim *c = &r->claim[i];

			if (c->node == node && c->session == session && c->owner == owner)
				return c;
		}
	}
	return NULL;
}

/* --- what the log says ------------------------------------------------------------------- */

static s32 acquire(struct sim *s, struct model_resource *r, const struct sim_committed *c,
		   u64 index)
{
	struct model_claim claim = {
		.node = c->node, .session = c->session, .owner = c->owner, .index = index,
		.units = c->is.units, .shares = c->is_shared, .ttl_ms = c->is.ttl_ms,
		.hold_ms = c->is.hold_ms, .uid = c->is.uid,
	};
	u32 before = waiting(r);

	if (model_find(s, c->node, c->session, c->owner))
		return -EEXIST;
	if (!model_allows(r, c)) {
		s->st.denied++;
		return -EACCES;
	}
	if (c->is.units > units_of(r))
		return -ERANGE;
	if (before || !goes_together(r, &claim)) {
		if (c->is_try)
			return -EAGAIN;
		if (r->defined && r->is.max_waiters && before >= r->is.max_waiters)
			return -EUSERS;
	}
	if (r->count == MODEL_CLAIMS)
		sim_fail(s, NULL, "more claims than clients can have made");
	r->claim[r->count++] = claim;
	return 0;
}

/* Does why it is given back go with how it was granted? */
static bool can_be_why(const struct model_claim *m, u16 why)
{
	switch (why) {
	case KQ_RELEASE_ASKED:
		return true;
	case KQ_RELEASE_UNRENEWED:
		return m->token && m->ttl_ms;
	case KQ_RELEASE_OVERDUE:
		return m->token && m->hold_ms;
	default:
		return m->token && m->evicted;
	}
}

static s32 release(struct sim *s, struct model_resource *r, const struct sim_committed *c)
{
	u32 i;

	for (i = 0; i < r->count; i++) {
		if (r->claim[i].session == c->session && r->claim[i].owner == c->owner &&
		    r->claim[i].node == c->node) {
			if (!can_be_why(&r->claim[i], c->why))
				sim_fail(s, &s->node[c->node], "gives request %llu back because of %u",
					 (unsigned long long)r->claim[i].index, c->why);
			drop_claim(r, i);
			return 0;
		}
	}
	return -ENOENT;
}

/* From this index on it has so many units. */
static void note_room(struct model_resource *r, u64 index)
{
	if (r->rooms == r->rooms_room) {
		r->rooms_room = r->rooms_room ? 2 * r->rooms_room : 64;
		r->room = realloc(r->room, r->rooms_room * sizeof(*r->room));
		if (!r->room)
			abort();
	}
	r->room[r->rooms++] = (struct model_room){ .from = index, .units = units_of(r) };
}

static s32 define(struct sim *s, struct model_resource *r, const struct sim_committed *c, u64 index)
{
	bool is_new = c->flags & KQ_DEFINE_NEW;
	u32 i;

	if (is_new && r->defined)
		return -EEXIST;
	if (!is_new && !r->defined)
		return -ENOENT;
	model_say(s, r, c, index);
	/* Nobody waits for what there will not be. */
	for (i = r->count; i--;) {
		if (r->claim[i].token || r->claim[i].units <= r->is.units)
			continue;
		s->log[r->claim[i].index].result = -ERANGE;
		drop_claim(r, i);
	}
	note_room(r, index);
	return 0;
}

static s32 undefine(struct model_resource *r, u64 index)
{
	if (!r->defined)
		return -ENOENT;
	if (r->count)
		return -EBUSY;
	r->defined = 0;
	note_room(r, index);
	return 0;
}

/* An entry that is applied for the first time, in a session that lives. */
void model_resource_step(struct sim *s, struct sim_committed *c, u64 index)
{
	struct model_resource *r = &s->model.res[c->resource];

	switch (c->type) {
	case KQ_ENTRY_ACQUIRE:
		c->result = acquire(s, r, c, index);
		break;
	case KQ_ENTRY_RELEASE:
		c->result = release(s, r, c);
		break;
	case KQ_ENTRY_DEFINE:
		c->result = define(s, r, c, index);
		break;
	case KQ_ENTRY_UNDEFINE:
		c->result = undefine(r, index);
		break;
	case KQ_ENTRY_EVICT:
		c->result = model_evict(s, r, c);
		break;
	case KQ_ENTRY_FENCE:
		c->result = model_show(s, r, c, index);
		break;
	default:
		sim_fail(s, NULL, "entry %llu is of a type that is not known",
			 (unsigned long long)index);
	}
	if (!c->result)
		grant_next(s, r, index);
}

/* All that it held or awaited goes, and only then anything is granted. */
void model_session_end(struct sim *s, u32 node, u64 session, u64 index)
{
	u32 w, i;

	for (w = 0; w < SIM_RESOURCES; w++) {
		struct model_resource *r = &s->model.res[w];

		for (i = r->count; i--;)
			if (r->claim[i].session == session && r->claim[i].node == node)
				drop_claim(r, i);
		grant_next(s, r, index);
	}
}

/* How many units did it have, behind that entry of the log? */
u32 model_units_at(const struct sim *s, u32 which, u64 index)
{
	const struct model_resource *r = &s->model.res[which];
	u32 i;

	for (i = r->rooms; i--;)
		if (r->room[i].from <= index)
			return r->room[i].units;
	return 1;
}

void model_resources_free(struct sim *s)
{
	u32 i;

	for (i = 0; i < SIM_RESOURCES; i++)
		free(s->model.res[i].room);
}

/* --- the real state ------------------------------------------------------------------------ */

static void compare_claim(struct sim *s, struct sim_node *n, const char *name,
			  const struct kq_claim *c, const struct model_claim *m)
{
	u64 numbers[KQ_NUMBERED / 64];

	if (c->holder_node != m->node || c->session != m->session || c->owner != m->owner ||
	    c->index != m->index)
		sim_fail(s, n, "%s at index %llu: request %llu of owner %llu on node %u stands "
			 "where request %llu of owner %llu on node %u should", name,
			 (unsigned long long)n->core->applied, (unsigned long long)c->index,
			 (unsigned long long)c->owner, c->holder_node,
			 (unsigned long long)m->index, (unsigned long long)m->owner, m->node);
	if ((c->mode == KQ_CLAIM_SHARED) != m->shares || c->units != m->units ||
	    (c->mode == KQ_CLAIM_EXCLUSIVE) != is_exclusive(m))
		sim_fail(s, n, "%s at index %llu: request %llu is of mode %u for %u units, it %s "
			 "%u", name, (unsigned long long)n->core->applied,
			 (unsigned long long)c->index, c->mode, c->units,
			 m->shares ? "shares" : "asked for", m->units);
	if (c->token != m->token)
		sim_fail(s, n, "%s at index %llu: request %llu has token %llx, by the log %llx",
			 name, (unsigned long long)n->core->applied, (unsigned long long)c->index,
			 (unsigned long long)c->token, (unsigned long long)m->token);
	if (!claim_numbers(c, numbers) || memcmp(numbers, m->numbers, sizeof(numbers)))
		sim_fail(s, n, "%s at index %llu: request %llu has units %llx..., by the log "
			 "%llx...", name, (unsigned long long)n->core->applied,
			 (unsigned long long)c->index, (unsigned long long)numbers[0],
			 (unsigned long long)m->numbers[0]);
	model_grant_compare(s, n, name, c, m);
}

/* Claims of the list @from stand where the model has them, from its number @i on. */
static u32 compare_list(struct sim *s, struct sim_node *n, const char *name,
			const struct list_head *from, const struct model_resource *m, u32 i)
{
	const struct kq_claim *c;

	list_for_each_entry(c, from, node) {
		if (i == m->count)
			sim_fail(s, n, "%s has a claim too many: owner %llu of node %u", name,
				 (unsigned long long)c->owner, c->holder_node);
		compare_claim(s, n, name, c, &m->claim[i++]);
	}
	return i;
}

static void compare_pool(struct sim *s, struct sim_node *n, const char *name,
			 const struct kq_pool *p, const struct model_resource *m)
{
	if (!p != !m->defined)
		sim_fail(s, n, "%s at index %llu is %sdefined against the log", name,
			 (unsigned long long)n->core->applied, p ? "" : "not ");
	if (p)
		model_terms_compare(s, n, name, p, m);
}

static void compare_resource(struct sim *s, struct sim_node *n, u32 which)
{
	const struct model_resource *m = &s->model.res[which];
	const char *name = sim_resource_name(which);
	const struct kq_resource *r = kq_core_resource_find(n->core, name, strlen(name));
	u32 i;

	if (!r) {
		if (m->count || m->defined)
			sim_fail(s, n, "%s should have %u claims%s, and is not there", name,
				 m->count, m->defined ? ", is defined" : "");
		return;
	}
	compare_pool(s, n, name, r->pool, m);
	if (!m->count && !m->defined)
		sim_fail(s, n, "%s is kept, and nobody wants it", name);
	i = compare_list(s, n, name, &r->holders, m, 0);
	if (i < m->count && m->claim[i].token)
		sim_fail(s, n, "%s: request %llu is not granted, by the log it is", name,
			 (unsigned long long)m->claim[i].index);
	i = compare_list(s, n, name, &r->queue, m, i);
	if (i != m->count)
		sim_fail(s, n, "a waiter for %s was forgotten", name);
}

void model_resources_compare(struct sim *s, struct sim_node *n)
{
	u32 i, claims = 0, pools = 0;

	for (i = 0; i < SIM_RESOURCES; i++) {
		compare_resource(s, n, i);
		claims += s->model.res[i].count;
		pools += s->model.res[i].defined > 0;
	}
	if (n->core->res->claims != claims || n->core->res->pools != pools)
		sim_fail(s, n, "counts %u claims and %u resources that are defined, by the log "
			 "%u and %u", n->core->res->claims, n->core->res->pools, claims, pools);
}

/* --- what programs are told ---------------------------------------------------------------- */

static void compare_owner(struct sim *s, struct sim_node *n, const struct kq_owner *o)
{
	const struct model_claim *c = model_find(s, n->id, o->session, o->id);
	bool granted = o->state == KQUORUM_LOCK_GRANTED;

	if (!c)
		sim_fail(s, n, "owner %llu %s, and has no claim in the log",
			 (unsigned long long)o->id, granted ? "is granted" : "waits");
	if (!granted && c->token)
		sim_fail(s, n, "owner %llu is not told that it was granted %llx",
			 (unsigned long long)o->id, (unsigned long long)c->token);
	if (!granted)
		return;
	if (o->token != c->token)
		sim_fail(s, n, "owner %llu is told token %llx, by the log it has %llx",
			 (unsigned long long)o->id, (unsigned long long)o->token,
			 (unsigned long long)c->token);
	if (memcmp(o->numbers, c->numbers, sizeof(o->numbers)))
		sim_fail(s, n, "owner %llu is told units %llx..., by the log it has %llx...",
			 (unsigned long long)o->id, (unsigned long long)o->numbers[0],
			 (unsigned long long)c->numbers[0]);
	if (o->ttl_ms != c->ttl_ms)
		sim_fail(s, n, "owner %llu is to renew every %u ms, by the log every %u",
			 (unsigned long long)o->id, o->ttl_ms, c->ttl_ms);
	if ((c->hold_ms || c->evicted) && o->limit_ns == KQ_NEVER)
		sim_fail(s, n, "owner %llu holds without end, by the log %s", (unsigned long long)o->id,
			 c->evicted ? "it was evicted" : "there is one");
}

/* Who waits or holds here knows so: of the node that is as far as the model. */
void model_owners(struct sim *s, struct sim_node *n)
{
	const struct kq_core *core = n->core;
	u32 i;

	if (core->applied != s->model.applied || core->local.state != KQ_SESSION_LIVE)
		return;
	for (i = 0; i < SIM_SLOTS; i++) {
		const struct kq_owner *o = n->slot[i].owner;

		if (o && !o->closing && o->session == core->local.id &&
		    (o->state == KQUORUM_LOCK_QUEUED || o->state == KQUORUM_LOCK_GRANTED))
			compare_owner(s, n, o);
	}
}

/* An owner is told that it is refused, now or after it has waited: so says the log. */
void model_refused(struct sim *s, struct sim_node *n, const struct kq_owner *o)
{
	const struct sim_committed *c;
	u64 index = o->acquire.index;

	if (model_find(s, n->id, o->session, o->id))
		sim_fail(s, n, "owner %llu is refused (%d), and its claim stands",
			 (unsigned long long)o->id, o->error);
	/* The leader did not write it; or it is in a snapshot, and why is not to be seen there. */
	if (!index)
		return;
	c = &s->log[index];
	if (index > s->log_count || c->type != KQ_ENTRY_ACQUIRE || c->node != n->id ||
	    c->session != o->session || c->owner != o->id || !c->counts)
		sim_fail(s, n, "owner %llu is answered by entry %llu, which is not its request",
			 (unsigned long long)o->id, (unsigned long long)index);
	/* It was granted and taken away again; or the session had lapsed, and it was not told. */
	if (c->taken && o->error == -ECANCELED)
		return;
	if (c->result != o->error &&
	    !((c->result || c->taken) && o->error == -EBUSY && n->installed >= index))
		sim_fail(s, n, "owner %llu is refused by %d, by the log its result is %d",
			 (unsigned long long)o->id, o->error, c->result);
}

/* What was to be said of a resource has its outcome: that which the log gives it. */
void model_said(struct sim *s, struct sim_node *n, const struct kq_proposal *p)
{
	const struct sim_committed *c;

	if (!p->index) {
		if (!p->error)
			sim_fail(s, n, "something is said of a resource, and is nowhere in the log");
		return;
	}
	c = &s->log[p->index];
	if (p->index > s->log_count || c->type != le16_to_cpu(p->entry->rec.type) ||
	    c->node != n->id || c->session != p->session || c->seq != p->seq || !c->counts)
		sim_fail(s, n, "what is said of a resource is answered by entry %llu, which is "
			 "another", (unsigned long long)p->index);
	if (c->result != p->error)
		sim_fail(s, n, "what is said of %s at index %llu has the outcome %d, by the log %d",
			 sim_resource_name(c->resource), (unsigned long long)p->index, p->error,
			 c->result);
}
