// SPDX-License-Identifier: GPL-2.0
/*
 * Lock handles of this node: asked for, queued, granted, given back. Whatever
 * happens on the way, a handle that is closed leaves nothing behind in the log.
 */
#include "kq_int.h"

/**
 * kq_owner_changed() - its handle is to be told
 * @core: the core
 * @o: the owner
 */
void kq_owner_changed(struct kq_core *core, struct kq_owner *o)
{
	if (list_empty(&o->changed))
		list_add_tail(&o->changed, &core->changed);
}

/**
 * kq_owner_set_state() - it stands elsewhere from now on
 * @core: the core
 * @o: the owner
 * @state: enum kquorum_lock_state
 * @error: negative errno, or 0
 */
void kq_owner_set_state(struct kq_core *core, struct kq_owner *o, u32 state, s32 error)
{
	o->state = state;
	o->error = error;
	if (state != KQUORUM_LOCK_GRANTED)
		kq_owner_no_end(core, o);
	kq_owner_changed(core, o);
}

/* Its number is the highest so far. */
static void add(struct kq_core *core, struct kq_owner *o)
{
	struct rb_node **link = &core->owners_by_id.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->rb_right;
	}
	rb_link_node(&o->by_id, parent, link);
	rb_insert_color(&o->by_id, &core->owners_by_id);
	list_add_tail(&o->node, &core->owners);
}

static void let_go(struct kq_core *core, struct kq_owner *o)
{
	kq_owner_no_end(core, o);
	list_del_init(&o->node);
	rb_erase(&o->by_id, &core->owners_by_id);
	o->closed = true;
	kq_owner_changed(core, o);
}

static bool ask_can_be(const struct kq_lock_ask *ask)
{
	return ask->name_len && ask->name_len <= KQ_RESOURCE_MAX && ask->info_len <= KQ_INFO_MAX &&
		ask->units <= KQ_UNITS_MAX && !(ask->units && ask->flags & KQUORUM_LOCK_SHARED) &&
		ask->ttl_ms <= KQ_GRANT_MS_MAX && ask->hold_ms <= KQ_GRANT_MS_MAX;
}

/* ACQUIRE and RELEASE as they will be proposed; the owner's number is not known yet. */
static void make_entries(struct kq_owner *o, const struct kq_lock_ask *ask)
{
	u8 buf[sizeof(struct kq_acquire_cmd) + KQ_RESOURCE_MAX + KQ_INFO_MAX] = { 0 };
	struct kq_acquire_cmd *a = (void *)buf;
	struct kq_release_cmd *r = (void *)buf;
	char *text = (char *)(a + 1);

	a->pid = cpu_to_le32(ask->pid);
	a->units = cpu_to_le32(ask->units);
	a->ttl_ms = cpu_to_le32(ask->ttl_ms);
	a->hold_ms = cpu_to_le32(ask->hold_ms);
	a->uid = cpu_to_le32(ask->uid);
	a->gid = cpu_to_le32(ask->gid);
	a->flags = cpu_to_le16((o->flags & KQUORUM_LOCK_TRY ? KQ_ACQUIRE_TRY : 0) |
			       (o->flags & KQUORUM_LOCK_SHARED ? KQ_ACQUIRE_SHARED : 0) |
			       (ask->admin ? KQ_ACQUIRE_ADMIN : 0));
	a->name_len = cpu_to_le16(ask->name_len);
	a->info_len = cpu_to_le16(ask->info_len);
	memcpy(a->comm, ask->comm, strnlen(ask->comm, KQ_COMM_MAX));
	memcpy(text, ask->name, ask->name_len);
	if (ask->info_len)
		memcpy(text + ask->name_len, ask->info, ask->info_len);
	o->acquire.entry = kq_entry_alloc(KQ_ENTRY_ACQUIRE, buf,
					  sizeof(*a) + ask->name_len + ask->info_len);
	memset(buf, 0, sizeof(buf));
	r->name_len = cpu_to_le16(ask->name_len);
	memcpy(r + 1, ask->name, ask->name_len);
	o->release.entry = kq_entry_alloc(KQ_ENTRY_RELEASE, buf, sizeof(*r) + ask->name_len);
}

/**
 * kq_owner_init() - prepare an owner; all that it will ever need is allocated here
 * @o: zeroed owner, part of a handle
 * @ask: what it asks for; not needed any more afterwards
 *
 * Return: 0; -EINVAL for a bad name, too much, or units along with a share; -ENOMEM.
 */
int kq_owner_init(struct kq_owner *o, const struct kq_lock_ask *ask)
{
	INIT_LIST_HEAD(&o->node);
	INIT_LIST_HEAD(&o->changed);
	INIT_LIST_HEAD(&o->acquire.node);
	INIT_LIST_HEAD(&o->release.node);
	RB_CLEAR_NODE(&o->by_end);
	o->end_ns = KQ_NEVER;
	o->limit_ns = KQ_NEVER;
	if (!ask_can_be(ask))
		return -EINVAL;
	o->flags = ask->flags & (KQUORUM_LOCK_TRY | KQUORUM_LOCK_SHARED);
	o->units = ask->units;
	o->name_len = ask->name_len;
	memcpy(o->name, ask->name, ask->name_len);
	make_entries(o, ask);
	if (!o->acquire.entry || !o->release.entry) {
		kq_owner_destroy(o);
		return -ENOMEM;
	}
	o->acquire.owner = o;
	o->release.owner = o;
	return 0;
}

/**
 * kq_owner_destroy() - free what kq_owner_init() allocated
 * @o: owner that the core does not know, or has let go of
 */
void kq_owner_destroy(struct kq_owner *o)
{
	kq_entry_free(o->acquire.entry);
	kq_entry_free(o->release.entry);
	o->acquire.entry = NULL;
	o->release.entry = NULL;
}

static void ask(struct kq_core *core, struct kq_owner *o)
{
	if (core->local.state != KQ_SESSION_LIVE)
		return;
	KQ_ASSERT(core, list_empty(&o->acquire.node));
	o->session = core->local.id;
	kq_propose_submit(core, &o->acquire);
}

/* Does anybody wait for it, as far as this replica knows? */
static bool is_awaited(struct kq_core *core, const struct kq_owner *o)
{
	const struct kq_resource *r = kq_core_resource_find(core, o->name, o->name_len);

	return r && !list_empty(&r->queue);
}

/**
 * kq_owner_give_back() - say in the log that it holds, or waits, no more
 * @core: the core
 * @o: the owner, which has a claim and nothing under way
 * @why: as it is said
 */
void kq_owner_give_back(struct kq_core *core, struct kq_owner *o, enum kq_release_why why)
{
	KQ_ASSERT(core, list_empty(&o->release.node));
	/* Nobody may rely on it here once others can have it. */
	KQ_ASSERT(core, o->state != KQUORUM_LOCK_GRANTED || o->closing || KQ_BREAK(END_UNTOLD) ||
		  KQ_BREAK(RELEASE_EARLY));
	((struct kq_release_cmd *)o->release.entry->data)->why = cpu_to_le16(why);
	/* What is under way already makes the next write wait: it gathers there. */
	if (core->pending_count || is_awaited(core, o))
		kq_propose_submit(core, &o->release);
	else
		kq_propose_linger(core, &o->release);
}

/**
 * kq_core_lock() - ask for a lock
 * @core: the core
 * @now_ns: the clock
 * @o: initialised owner; the core's until kq_core_take_owner() gives it closed
 *
 * Return: 0 (the state tells how it goes on); -EBUSY: too much under way;
 * -ESHUTDOWN when the node stops, -EIO when it has failed, -ENXIO when it is no member any more.
 * Not the core's then.
 */
int kq_core_lock(struct kq_core *core, u64 now_ns, struct kq_owner *o)
{
	core->now_ns = now_ns;
	if (core->stopping)
		return -ESHUTDOWN;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (kq_is_out(core))
		return -ENXIO;
	if (core->pending_count >= KQ_WINDOW / 2) {
		core->counters.busy++;
		return -EBUSY;
	}
	o->id = core->next_owner++;
	((struct kq_acquire_cmd *)o->acquire.entry->data)->owner = cpu_to_le64(o->id);
	((struct kq_release_cmd *)o->release.entry->data)->owner = cpu_to_le64(o->id);
	o->state = KQUORUM_LOCK_ASKING;
	add(core, o);
	ask(core, o);
	return 0;
}

/**
 * kq_core_unlock() - the handle is closed: give back, or stop waiting
 * @core: the core
 * @now_ns: the clock
 * @o: the owner; comes back closed through kq_core_take_owner()
 */
void kq_core_unlock(struct kq_core *core, u64 now_ns, struct kq_owner *o)
{
	core->now_ns = now_ns;
	if (o->closing)
		return;
	o->closing = true;
	if (core->state == KQUORUM_NODE_FAILED) {
		/* Nothing can be said any more: the session's end releases it. */
		kq_owners_failed(core);
		return;
	}
	kq_owner_no_end(core, o);
	if (!list_empty(&o->acquire.node) || !list_empty(&o->release.node))
		return;		/* its outcome decides */
	if (o->held && !(KQ_BREAK(CANCEL) && o->state == KQUORUM_LOCK_QUEUED))
		kq_owner_give_back(core, o, KQ_RELEASE_ASKED);
	else
		let_go(core, o);
}

/**
 * kq_owner_outcome() - an ACQUIRE or RELEASE has its outcome
 * @core: the core
 * @p: the proposal, no longer pending
 */
void kq_owner_outcome(struct kq_core *core, struct kq_proposal *p)
{
	struct kq_owner *o = p->owner;

	if (p == &o->release) {
		o->held = false;
		if (o->closing)
			let_go(core, o);
		return;
	}
	if (p->error) {
		kq_owner_set_state(core, o, KQUORUM_LOCK_REFUSED, p->error);
	} else {
		o->held = true;
		/* A grant in the same entry has set the state already. */
		if (o->state == KQUORUM_LOCK_ASKING)
			kq_owner_set_state(core, o, KQUORUM_LOCK_QUEUED, 0);
	}
	if (!o->closing)
		return;
	if (o->held && !KQ_BREAK(NOT_RELEASED))
		kq_owner_give_back(core, o, KQ_RELEASE_ASKED);
	else
		let_go(core, o);
}

static struct kq_owner *find(struct kq_core *core, u64 id)
{
	struct rb_node *n = core->owners_by_id.rb_node;

	while (n) {
		struct kq_owner *o = rb_entry(n, struct kq_owner, by_id);

		if (o->id == id)
			return o;
		n = id < o->id ? n->rb_left : n->rb_right;
	}
	return NULL;
}

/**
 * kq_owner_of() - whose claim is it?
 * @core: the core
 * @c: the claim
 *
 * Return: the owner here that asked for it in the session of now, or NULL.
 */
struct kq_owner *kq_owner_of(struct kq_core *core, const struct kq_claim *c)
{
	struct kq_owner *o = find(core, c->owner);

	return o && c->session == core->local.id && o->session == c->session ? o : NULL;
}

/**
 * kq_owners_session_live() - the session lives: all that waits for it may ask
 * @core: the core
 */
void kq_owners_session_live(struct kq_core *core)
{
	struct kq_proposal *p, *next;
	struct kq_owner *o;
	LIST_HEAD(waiting);

	list_for_each_entry_safe(p, next, &core->pending, node) {
		KQ_ASSERT(core, !p->seq);
		core->pending_count--;
		list_move_tail(&p->node, &waiting);
	}
	list_for_each_entry_safe(p, next, &waiting, node) {
		list_del_init(&p->node);
		kq_propose_submit(core, p);
	}
	list_for_each_entry(o, &core->owners, node)
		if (o->state == KQUORUM_LOCK_ASKING)
			ask(core, o);
}

/**
 * kq_owners_session_lapsed() - the lease has run out here: what was held is lost
 * @core: the core
 */
void kq_owners_session_lapsed(struct kq_core *core)
{
	struct kq_owner *o;

	list_for_each_entry(o, &core->owners, node)
		if (o->state == KQUORUM_LOCK_GRANTED)
			kq_owner_set_state(core, o, KQUORUM_LOCK_LOST, 0);
}

/**
 * kq_owners_session_over() - the log says that the session has ended
 * @core: the core
 *
 * What of it is not applied by now never will be: it is proposed anew in the next
 * session. Waiters ask again, at the end of the queue; closed handles are done.
 */
void kq_owners_session_over(struct kq_core *core)
{
	struct kq_proposal *p, *pnext;
	struct kq_owner *o, *next;

	list_for_each_entry_safe(p, pnext, &core->pending, node) {
		if (p == &core->local.open)
			continue;
		if (p->owner) {
			list_del_init(&p->node);
			core->pending_count--;
		} else {
			p->seq = 0;
			p->session = 0;
			p->sent = false;
		}
	}
	list_for_each_entry_safe(o, next, &core->owners, node) {
		o->held = false;
		if (o->closing)
			let_go(core, o);
		else if (o->state == KQUORUM_LOCK_QUEUED)
			kq_owner_set_state(core, o, KQUORUM_LOCK_ASKING, 0);
		else if (o->state == KQUORUM_LOCK_GRANTED)
			kq_owner_set_state(core, o, KQUORUM_LOCK_LOST, 0);
	}
}

static void drop_pending(struct kq_core *core)
{
	struct kq_proposal *p, *next;

	list_for_each_entry_safe(p, next, &core->pending, node) {
		if (p == &core->local.open)
			continue;
		list_del_init(&p->node);
		core->pending_count--;
		p->error = -EHOSTDOWN;
		if (!p->owner)
			list_add_tail(&p->node, &core->done);
	}
}

/**
 * kq_owners_failed() - the node has failed: what waits will get no answer
 * @core: the core
 *
 * What is granted stays good until the session's deadline.
 */
void kq_owners_failed(struct kq_core *core)
{
	struct kq_owner *o, *next;

	drop_pending(core);
	list_for_each_entry_safe(o, next, &core->owners, node) {
		if (o->state < KQUORUM_LOCK_GRANTED)
			kq_owner_set_state(core, o, KQUORUM_LOCK_UNKNOWN, 0);
		if (o->closing)
			let_go(core, o);
	}
}

static struct kq_claim *claim_of(struct kq_core *core, const struct kq_owner *o)
{
	return kq_claim_find(core->res, core->cfg.self, o->session, o->id);
}

/* Applied in what was installed. Which entry it was, and what came of it, is to be seen there. */
static void found_applied(struct kq_core *core, struct kq_proposal *p)
{
	const struct kq_owner *o = p->owner;
	s32 error = -EHOSTDOWN;

	if (o && p == &o->release)
		error = 0;
	else if (o)		/* refused, and why is not to be seen: to ask again will tell */
		error = claim_of(core, o) ? 0 : o->flags & KQUORUM_LOCK_TRY ? -EAGAIN : -EBUSY;
	kq_propose_finish(core, p, error, 0, 0);
}

/**
 * kq_owners_installed() - a snapshot was installed: what of this node's is in it?
 * @core: the core; its session is the same as before
 */
void kq_owners_installed(struct kq_core *core)
{
	struct kq_proposal *p, *next;
	struct kq_owner *o;
	LIST_HEAD(applied);

	if (!core->local.id || core->session[core->cfg.self].id != core->local.id)
		return;
	list_for_each_entry_safe(p, next, &core->pending, node)
		if (p->session == core->local.id &&
		    kq_session_applied(core, core->cfg.self, p->seq))
			list_move_tail(&p->node, &applied);
	list_for_each_entry(o, &core->owners, node) {
		struct kq_claim *c = o->session == core->local.id ? claim_of(core, o) : NULL;

		if (c && c->token) {
			kq_owner_granted(core, c);
			if (c->evicted && !KQ_BREAK(EVICT_UNTOLD))
				kq_owner_evicted(core, c);
		} else if (!c && o->held && !KQ_BREAK(REFUSED_UNSEEN)) {
			/* Why somebody waits no longer is not to be seen any more. */
			kq_owner_refuse(core, o, o->state == KQUORUM_LOCK_QUEUED ? -EBUSY :
					-ECANCELED);
		}
	}
	while (!list_empty(&applied))
		found_applied(core, list_first_entry(&applied, struct kq_proposal, node));
}

/**
 * kq_owners_end() - the node stops, or has left: every handle and every proposal ends here
 * @core: the core
 */
void kq_owners_end(struct kq_core *core)
{
	struct kq_owner *o, *next;

	drop_pending(core);
	list_for_each_entry_safe(o, next, &core->owners, node) {
		if (o->state == KQUORUM_LOCK_GRANTED)
			kq_owner_set_state(core, o, KQUORUM_LOCK_LOST, 0);
		else if (o->state < KQUORUM_LOCK_GRANTED)
			kq_owner_set_state(core, o, KQUORUM_LOCK_UNKNOWN, 0);
		o->held = false;
		if (o->closing)
			let_go(core, o);
	}
}

/**
 * kq_owners_any() - does anything wait for an outcome here, or hold a lock?
 * @core: the core
 *
 * Return: true if so.
 */
bool kq_owners_any(const struct kq_core *core)
{
	const struct kq_owner *o;

	list_for_each_entry(o, &core->owners, node)
		if (o->state <= KQUORUM_LOCK_GRANTED || o->closing)
			return true;
	return core->pending_count;
}

/**
 * kq_core_take_owner() - an owner whose state changed
 * @core: the core
 *
 * Return: it, or NULL. With @closed set the core no longer knows it.
 */
struct kq_owner *kq_core_take_owner(struct kq_core *core)
{
	struct kq_owner *o = list_first_entry_or_null(&core->changed, struct kq_owner, changed);

	if (o)
		list_del_init(&o->changed);
	return o;
}
