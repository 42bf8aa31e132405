// SPDX-License-Identifier: GPL-2.0
/*
 * The model of resources (check_resource.c), the part of what is said of them: who may have them,
 * what a grant is bound to, who is evicted, which token a fence lets pass.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

/* As for a file: he who owns it, those of its group, all others. */
bool model_allows(const struct model_resource *r, const struct sim_committed *c)
{
	static const u32 share[] = { 0400, 0040, 0004 }, all_else[] = { 0200, 0020, 0002 };
	u32 who = c->is.uid == r->is.uid ? 0 : c->is.gid == r->is.gid ? 1 : 2;

	if (c->is_admin)
		return true;
	if (!r->defined)
		return false;
	return r->is.mode & (c->is_shared ? share : all_else)[who];
}

/* It is granted: from now on what was said of the resource counts, whatever is said later. */
void model_bind(const struct model_resource *r, struct model_claim *c)
{
	if (!r->defined)
		return;
	if (c->ttl_ms == 0)
		c->ttl_ms = r->is.ttl_ms;
	if (r->is.hold_ms != 0 && c->hold_ms == 0)
		c->hold_ms = r->is.hold_ms;
	if (r->is.hold_ms != 0 && c->hold_ms > r->is.hold_ms)
		c->hold_ms = r->is.hold_ms;
}

/* Those who hold it and were evicted may from now on lose it sooner than they were told. */
static void cut_short(struct sim *s, const struct model_resource *r)
{
	u32 i;

	for (i = 0; i < r->count; i++)
		if (r->claim[i].evicted)
			s->log[r->claim[i].index].cut = true;
}

/* A DEFINE that takes effect. */
void model_say(struct sim *s, struct model_resource *r, const struct sim_committed *c, u64 index)
{
	bool was_fenced = r->defined && r->is.fenced;
	u64 first = index << KQ_TOKEN_SHIFT;

	if (c->flags & KQ_DEFINE_NEW) {
		r->defined = index;
		r->fence = 0;
		r->is = (struct model_terms){ .mode = 0600 };
	}
#define SAID(flag, field) if (c->flags & KQ_DEFINE_##flag) r->is.field = c->is.field
	SAID(UNITS, units);
	SAID(MAX_WAITERS, max_waiters);
	SAID(TTL, ttl_ms);
	SAID(HOLD, hold_ms);
	SAID(UID, uid);
	SAID(GID, gid);
	SAID(MODE, mode);
	SAID(FENCED, fenced);
#undef SAID
	if (!r->is.fenced || was_fenced)
		return;
	/* Whoever held it before has an older token than who holds it, or than this. */
	if (r->count && r->claim[0].token)
		first = r->claim[0].token;
	if (r->fence < first)
		r->fence = first;
	cut_short(s, r);
}

/*
 * What becomes of an EVICT. Who waits goes; who holds goes when the leader says so, which it may
 * where tokens are checked, once an operator wished it.
 */
s32 model_evict(struct sim *s, struct model_resource *r, struct sim_committed *c)
{
	struct model_claim *m = model_find(s, c->cmd_node, c->cmd_session, c->owner);
	bool fenced = r->defined && r->is.fenced;
	struct sim_committed *request;

	if (!m || m < r->claim || m >= r->claim + r->count)
		return -ENOENT;
	request = &s->log[m->index];
	c->request = m->index;
	if (!m->token) {
		if (!c->session)
			return -EPERM;
		request->result = -ECANCELED;
		model_drop(r, m);
		return 0;
	}
	if (!c->session) {
		if (!m->evicted || !fenced)
			return -EPERM;
		request->taken = true;
		s->st.taken++;
		model_drop(r, m);
		return 0;
	}
	m->drain_ms = m->evicted && m->drain_ms < c->drain_ms ? m->drain_ms : c->drain_ms;
	m->evicted = request->evicted = true;
	s->st.evicted++;
	c->cut = fenced;
	request->cut |= fenced;
	return 0;
}

/* What becomes of a FENCE: may who has this token pass? */
s32 model_show(struct sim *s, struct model_resource *r, const struct sim_committed *c, u64 index)
{
	u64 granted = c->token >> KQ_TOKEN_SHIFT;
	u32 i;

	if (!model_allows(r, c))
		return -EACCES;
	if (!r->defined)
		return -ENOENT;
	if (!r->is.fenced || r->is.units != 1)
		return -EMEDIUMTYPE;
	/* Nobody was given it: no entry has this number, or who holds all of it came later. */
	if (granted << KQ_TOKEN_SHIFT != c->token || granted > index)
		return -EINVAL;
	for (i = r->count; i--;) {
		if (!r->claim[i].token)
			continue;
		if (c->token > r->claim[i].token && !r->claim[i].shares)
			return -EINVAL;
		break;
	}
	if (c->token < r->fence) {
		s->st.refused_tokens++;
		return -ESTALE;
	}
	s->st.passed++;
	r->fence = c->token;
	return 0;
}

/* --- the real state ------------------------------------------------------------------------ */

void model_terms_compare(struct sim *s, struct sim_node *n, const char *name,
			 const struct kq_pool *p, const struct model_resource *m)
{
	const struct model_terms is = {
		.units = p->is.units, .max_waiters = p->is.max_waiters, .ttl_ms = p->is.ttl_ms,
		.hold_ms = p->is.hold_ms, .uid = p->is.uid, .gid = p->is.gid, .mode = p->is.mode,
		.fenced = p->is.fenced,
	};

	if (p->index != m->defined)
		sim_fail(s, n, "%s at index %llu: defined at %llu, by the log at %llu", name,
			 (unsigned long long)n->core->applied, (unsigned long long)p->index,
			 (unsigned long long)m->defined);
	if (memcmp(&is, &m->is, sizeof(is)))
		sim_fail(s, n, "%s at index %llu has %u units, %u waiters, lives %u and holds %u "
			 "ms, is of %u/%u %o fenced %u; by the log %u, %u, %u and %u ms, of %u/%u "
			 "%o fenced %u", name, (unsigned long long)n->core->applied, is.units, is.max_waiters,
			 is.ttl_ms, is.hold_ms, is.uid, is.gid, is.mode, is.fenced, m->is.units,
			 m->is.max_waiters, m->is.ttl_ms, m->is.hold_ms, m->is.uid, m->is.gid,
			 m->is.mode, m->is.fenced);
	if (p->fence != m->fence)
		sim_fail(s, n, "the fence of %s at index %llu has seen %llx, by the log %llx", name,
			 (unsigned long long)n->core->applied, (unsigned long long)p->fence,
			 (unsigned long long)m->fence);
}

void model_grant_compare(struct sim *s, struct sim_node *n, const char *name,
			 const struct kq_claim *c, const struct model_claim *m)
{
	if (c->ttl_ms != m->ttl_ms || c->hold_ms != m->hold_ms || c->uid != m->uid)
		sim_fail(s, n, "%s at index %llu: request %llu of user %u lives %u and holds %u "
			 "ms, by the log user %u, %u and %u", name, (unsigned long long)n->core->applied,
			 (unsigned long long)c->index, c->uid, c->ttl_ms, c->hold_ms, m->uid,
			 m->ttl_ms, m->hold_ms);
	if (c->evicted != m->evicted || c->drain_ms != m->drain_ms)
		sim_fail(s, n, "%s at index %llu: request %llu is evicted %u within %u ms, by the "
			 "log %u within %u", name, (unsigned long long)n->core->applied,
			 (unsigned long long)c->index, c->evicted, c->drain_ms, m->evicted,
			 m->drain_ms);
}
