// SPDX-License-Identifier: GPL-2.0
/*
 * Programs on the nodes: some take locks and hold them, give up waiting or die;
 * one per node appends entries. Each takes note of what it was told.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

static void wake(struct sim *s, struct sim_node *n, u32 slot, u64 at)
{
	sim_push(s, at, EV_CLIENT, sim_at(s, n), slot, ++n->slot[slot].gen);
}

/*
 * The log is not emptied yet: during the faults clients keep quiet above @pct of it
 * (0: always, when the faults are over), so that the rest of the run has room.
 */
static bool sparing(const struct sim *s, const struct sim_node *n, u32 pct)
{
	u64 capacity = kq_wal_capacity(n->core->wal);

	if (s->d.full)
		return false;
	if (s->phase != PHASE_FAULTS)
		return !pct;
	return pct && kq_wal_used(n->core->wal) > capacity / 100 * pct;
}

void client_start(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < min(s->d.clients, SIM_SLOTS); i++) {
		n->slot[i].state = SLOT_IDLE;
		n->slot[i].since = s->now;
		wake(s, n, i, s->now + sim_about(s, s->d.think_ms * SIM_MS));
	}
	sim_push(s, s->now + sim_about(s, s->d.append_ms * SIM_MS), EV_APPEND, sim_at(s, n), 0,
		 n->life);
}

/* The node goes: its programs with it. What the core still points to is freed after it. */
void client_gone(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		n->slot[i].gen++;
	for (i = 0; i < SIM_APPENDS; i++)
		if (n->append[i].busy)
			s->st.unknown++;
}

void client_free(struct sim *s, struct sim_node *n)
{
	u32 i;

	(void)s;
	for (i = 0; i < SIM_SLOTS; i++) {
		if (n->slot[i].owner) {
			kq_owner_destroy(n->slot[i].owner);
			free(n->slot[i].owner);
		}
		n->slot[i].owner = NULL;
		n->slot[i].state = SLOT_IDLE;
	}
	for (i = 0; i < SIM_APPENDS; i++) {
		if (n->append[i].busy)
			kq_entry_free(n->append[i].p.entry);
		n->append[i].busy = false;
	}
}

/* Programs know how much there is of what they use, mostly. */
static u32 how_many(struct sim *s, const struct sim_node *n, const char *name)
{
	const struct kq_resource *r = kq_core_resource_find(n->core, name, strlen(name));
	u32 units = r ? kq_resource_units(r) : 1;

	if (sim_chance(s, 85))
		return 1 + sim_below(s, min(units, 4));
	return min(1 + sim_below(s, units + 1), KQ_UNITS_MAX);
}

/* By the seed one resource is a mutex and nothing else, and another hardly ever. */
static void choose(struct sim *s, const struct sim_node *n, u32 which, struct kq_lock_ask *ask)
{
	u32 kind = (s->seed + which) % 3;
	u64 x = sim_below(s, kind == 2 ? 50 : 100);

	if (!kind)
		return;
	if (x < s->d.share_pct)
		ask->flags |= KQUORUM_LOCK_SHARED;
	else if (x < s->d.share_pct + s->d.units_pct)
		ask->units = how_many(s, n, ask->name);
}

static void lock(struct sim *s, struct sim_node *n, u32 slot)
{
	static const char info[KQ_INFO_MAX + 1] =
		"what it is for, as its user says: nightly report, disk to disk";
	struct sim_slot *c = &n->slot[slot];
	struct kq_lock_ask ask = {
		.info = info,
		.comm = "client",
		.info_len = sim_chance(s, 30) ? sim_below(s, KQ_INFO_MAX + 1) : 0,
		.flags = sim_chance(s, s->d.try_pct) ? KQUORUM_LOCK_TRY : 0,
		.pid = 100 + slot,
	};
	int err;

	c->resource = sim_below(s, s->d.resources);
	ask.name = sim_resource_name(c->resource);
	ask.name_len = strlen(ask.name);
	choose(s, n, c->resource, &ask);
	grant_ask(s, n, ask.name, &ask);
	c->round++;
	memset(&c->grant, 0, sizeof(c->grant));
	c->owner = sim_calloc(1, sizeof(*c->owner));
	err = kq_owner_init(c->owner, &ask);
	if (!err)
		err = kq_core_lock(n->core, sim_clock(s, n), c->owner);
	if (err) {
		if (err != -ENOMEM && !n->core->stopping && n->core->state == KQUORUM_NODE_RUNNING &&
		    err != -EBUSY && err != -ENXIO)
			sim_fail(s, n, "lock refused at once: %d", err);
		kq_owner_destroy(c->owner);
		free(c->owner);
		c->owner = NULL;
		wake(s, n, slot, s->now + sim_about(s, s->d.think_ms * SIM_MS));
		return;
	}
	c->state = SLOT_WAIT;
	c->since = s->now;
	s->st.ops++;
	sim_trace(s, n, "client %u asks for %s: %s%u units%s, owner %llu", slot, ask.name,
		  ask.flags & KQUORUM_LOCK_SHARED ? "shared, " : ask.units ? "" : "all, ",
		  ask.units, ask.flags & KQUORUM_LOCK_TRY ? " (try)" : "",
		  (unsigned long long)c->owner->id);
	if (sim_chance(s, s->d.cancel_pct))
		wake(s, n, slot, s->now + sim_about(s, s->d.hold_ms * SIM_MS));
	else
		c->gen++;
	node_out(s, n);
}

static void unlock(struct sim *s, struct sim_node *n, u32 slot)
{
	struct sim_slot *c = &n->slot[slot];

	sim_trace(s, n, "client %u closes owner %llu on %s", slot,
		  (unsigned long long)c->owner->id, sim_resource_name(c->resource));
	check_released(s, n, slot);
	c->state = SLOT_CLOSING;
	c->since = s->now;
	s->st.ops++;
	c->gen++;
	kq_core_unlock(n->core, sim_clock(s, n), c->owner);
	node_out(s, n);
}

/* A timer of a client: its thinking is over, or its patience, or its work. */
void client_step(struct sim *s, struct sim_node *n, u32 slot, u64 gen)
{
	struct sim_slot *c = &n->slot[slot];

	if (!n->up || c->gen != gen)
		return;
	switch (c->state) {
	case SLOT_IDLE:
		if (sparing(s, n, 50)) {
			wake(s, n, slot, s->now + SIM_SEC);
			break;
		}
		if (s->phase < PHASE_DRAIN && !n->stopping)
			lock(s, n, slot);
		break;
	case SLOT_WAIT:
	case SLOT_HOLD:
		unlock(s, n, slot);
		break;
	case SLOT_CLOSING:
		break;
	}
}

static struct sim_slot *slot_of(struct sim *s, struct sim_node *n, struct kq_owner *o, u32 *slot)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++) {
		if (n->slot[i].owner == o) {
			*slot = i;
			return &n->slot[i];
		}
	}
	sim_fail(s, n, "the core speaks of an owner that was let go");
}

/* Some hold on for longer than any lease, while nothing is demanded yet. */
static u64 how_long(struct sim *s)
{
	if (s->phase == PHASE_FAULTS && sim_chance(s, s->d.cling_pct))
		return sim_about(s, 2 * (s->d.lease_ms + 2 * s->d.delta_ms) * SIM_MS);
	return sim_about(s, s->d.hold_ms * SIM_MS);
}

/* The core has let go of the owner of slot @c. */
void client_owner_closed(struct sim *s, struct sim_node *n, struct sim_slot *c)
{
	if (c->state != SLOT_CLOSING)
		sim_fail(s, n, "owner %llu closed without being asked to",
			 (unsigned long long)c->owner->id);
	kq_owner_destroy(c->owner);
	free(c->owner);
	c->owner = NULL;
	c->state = SLOT_IDLE;
	c->hold.active = false;
}

void client_owner_changed(struct sim *s, struct sim_node *n, struct kq_owner *o)
{
	u32 i = 0;
	struct sim_slot *c = slot_of(s, n, o, &i);

	if (o->closed) {
		client_owner_closed(s, n, c);
		c->done++;
		wake(s, n, i, s->now + sim_about(s, s->d.think_ms * SIM_MS));
		return;
	}
	sim_trace(s, n, "owner %llu on %s: state %u token %llx error %d",
		  (unsigned long long)o->id, sim_resource_name(c->resource), o->state,
		  (unsigned long long)o->token, o->error);
	if (c->state == SLOT_CLOSING)
		return;
	switch (o->state) {
	case KQUORUM_LOCK_GRANTED:
		if (c->state == SLOT_HOLD)
			break;
		if (n->core->local.state != KQ_SESSION_LIVE)
			sim_fail(s, n, "is granted a lock in a session that does not live");
		check_took_effect(s, n, "a lock", o->token >> KQ_TOKEN_SHIFT, c->since);
		c->state = SLOT_HOLD;
		s->st.grants++;
		s->st.shares += !!(o->flags & KQUORUM_LOCK_SHARED);
		s->st.units += o->units > 0;
		grant_began(s, n, i);
		if (c->hangs)
			c->gen++;
		else
			wake(s, n, i, s->now + how_long(s));
		break;
	case KQUORUM_LOCK_REFUSED:
		if (o->error != -EAGAIN && o->error != -EBUSY && o->error != -ENOSPC &&
		    o->error != -ERANGE && o->error != -EUSERS && o->error != -EACCES &&
		    o->error != -ECANCELED)
			sim_fail(s, n, "refused by an error that its client cannot know: %d",
				 o->error);
		model_refused(s, n, o);
		/* fall through */
	case KQUORUM_LOCK_LOST:
	case KQUORUM_LOCK_UNKNOWN:
		c->state = SLOT_HOLD;
		wake(s, n, i, s->now + sim_below(s, 20 * SIM_MS));
		break;
	}
}

/* The faults are over: whoever clings to a lock lets go soon. */
void client_heal(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		if (n->slot[i].state == SLOT_HOLD)
			wake(s, n, i, s->now + sim_about(s, s->d.hold_ms * SIM_MS));
}

/* Nothing of this node's programs is under way. */
bool client_idle(const struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		if (n->slot[i].owner)
			return false;
	for (i = 0; i < SIM_APPENDS; i++)
		if (n->append[i].busy)
			return false;
	return true;
}

/* --- appends ------------------------------------------------------------------------- */

u64 client_ack_new(struct sim *s, u32 node)
{
	if (s->ack_count == s->ack_room) {
		s->ack_room = s->ack_room ? s->ack_room * 2 : 1024;
		s->ack = realloc(s->ack, s->ack_room * sizeof(*s->ack));
		if (!s->ack)
			abort();
	}
	memset(&s->ack[s->ack_count], 0, sizeof(*s->ack));
	s->ack[s->ack_count].node = node;
	return s->ack_count++;
}

/* For one more proposal; NULL: too many are under way. Its number is not set. */
struct sim_append *client_append_slot(struct sim *s, struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_APPENDS; i++) {
		struct sim_append *a = &n->append[i];

		if (a->busy)
			continue;
		memset(a, 0, sizeof(*a));
		INIT_LIST_HEAD(&a->p.node);
		a->since = s->now;
		return a;
	}
	return NULL;
}

static void append_one(struct sim *s, struct sim_node *n)
{
	u32 i, len = 8 + sim_below(s, s->d.append_bytes);
	struct sim_append *a;
	__le64 id;
	u8 *data;
	int err;

	if (s->phase >= PHASE_DRAIN || n->stopping || sparing(s, n, 40) ||
	    (n->acked > 2 && sparing(s, n, 0)))
		return;
	a = client_append_slot(s, n);
	if (!a)
		return;
	if (sim_chance(s, s->d.big_pct))
		len = 8 + sim_below(s, KQ_PAYLOAD_MAX - 8);
	s->st.ops++;
	a->id = client_ack_new(s, n->id);
	data = sim_calloc(1, len);
	id = cpu_to_le64(a->id);
	memcpy(data, &id, sizeof(id));
	for (i = 8; i < len && i < 8 + 256; i++)
		data[i] = (u8)(a->id * 31 + i);
	for (; i < len; i += 256)
		memcpy(data + i, data + i - 256, min(256, len - i));
	a->p.entry = kq_entry_alloc(KQ_ENTRY_APPEND, data, len);
	free(data);
	if (!a->p.entry)
		return;
	err = kq_core_append(n->core, sim_clock(s, n), &a->p);
	if (err) {
		kq_entry_free(a->p.entry);
		s->ack[a->id].done = true;
		s->ack[a->id].error = err;
	} else {
		a->busy = true;
	}
	node_out(s, n);
}

void client_append(struct sim *s, struct sim_node *n)
{
	sim_push(s, s->now + sim_about(s, s->d.append_ms * SIM_MS), EV_APPEND, sim_at(s, n), 0,
		 n->life);
	append_one(s, n);
}

/* A long tail that is not committed is what the next leader has to cut off. */
void client_burst(struct sim *s, struct sim_node *n)
{
	u32 count = sim_range(s, 5, SIM_APPENDS);
	u64 life = n->life;

	while (count-- && n->up && n->life == life)
		append_one(s, n);
}

void client_append_done(struct sim *s, struct sim_node *n, struct kq_proposal *p)
{
	struct sim_append *a = container_of(p, struct sim_append, p);
	struct sim_ack *ack = &s->ack[a->id];

	if (a < n->append || a >= n->append + SIM_APPENDS || !a->busy)
		sim_fail(s, n, "an outcome for a proposal that has one");
	a->busy = false;
	ack->done = true;
	ack->error = p->error;
	ack->index = p->index;
	ack->term = p->term;
	if (ack->said) {
		define_done(s, n, a);
		return;
	}
	sim_trace(s, n, "append %llu: error %d index %llu term %llu", (unsigned long long)a->id,
		  p->error, (unsigned long long)p->index, (unsigned long long)p->term);
	if (p->error && p->error != -EHOSTDOWN && p->error != -EBUSY && p->error != -ENOSPC)
		sim_fail(s, n, "append %llu is refused by an error that its client cannot know: %d",
			 (unsigned long long)a->id, p->error);
	if (!p->error) {
		check_took_effect(s, n, "an append", p->index, a->since);
		s->st.acks++;
		n->acked++;
	} else if (p->error == -EHOSTDOWN) {
		s->st.unknown++;
	} else {
		s->st.refused++;
	}
	kq_entry_free(p->entry);
	p->entry = NULL;
}
