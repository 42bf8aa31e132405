// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of a real node, as far as its core knew them: who asks for which lock, who appends
 * what. The simulator's checks of locks and of appends look at what is noted here.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "replay.h"

/* --- appends, and what is said of resources -------------------------------------------------- */

struct append {
	struct kq_proposal p;
	struct append *next;
	u64 id;
	u64 since;
};

static struct append *open_appends[SIM_NODES + 1];

/* What was appended, by its number. The trace does not tell two of the same bytes apart. */
static struct payload {
	u32 crc, len;
	bool twin;
} *payloads;

static u64 payload_find(u32 crc, u32 len, u64 below)
{
	u64 i;

	for (i = 0; i < below; i++)
		if (payloads[i].crc == crc && payloads[i].len == len)
			return i;
	return U64_MAX;
}

/**
 * append_id() - for sim.payload_id: the number of what was appended
 * @s: the world
 * @e: an entry of the log
 *
 * Return: its number; U64_MAX: not known, or of several with the same bytes.
 */
u64 append_id(struct sim *s, const struct kq_entry *e)
{
	u64 i;

	if (le16_to_cpu(e->rec.type) != KQ_ENTRY_APPEND)
		return U64_MAX;
	i = payload_find(kq_crc(0, e->data, kq_entry_len(e)), kq_entry_len(e), s->ack_count);
	return i == U64_MAX || payloads[i].twin ? U64_MAX : i;
}

static u64 append_new(struct sim *s, struct sim_node *n, const struct event *e, u16 type)
{
	u64 twin, id = client_ack_new(s, n->id);

	payloads = realloc(payloads, s->ack_room * sizeof(*payloads));
	if (!payloads)
		abort();
	payloads[id] = (struct payload){ 0 };
	/* What is said of a resource is found by its number in its session. */
	s->ack[id].said = type != KQ_ENTRY_APPEND;
	if (s->ack[id].said)
		return id;
	payloads[id] = (struct payload){ .crc = kq_crc(0, e->bytes, e->len), .len = e->len };
	twin = payload_find(payloads[id].crc, e->len, id);
	if (twin != U64_MAX) {
		payloads[twin].twin = payloads[id].twin = true;
		s->ack[twin].done = false;
	}
	return id;
}

/* What became of it; of twins it is not asked. */
static void append_ended(struct sim *s, u64 id, s32 error, u64 index, u64 term)
{
	struct sim_ack *k = &s->ack[id];

	k->done = !payloads[id].twin;
	k->error = error;
	k->index = index;
	k->term = term;
}

static void name_add(const struct event *e, const void *name, u32 len)
{
	if (!sim_resource_add(name, len))
		trace_bad(e->line, "more than %u resources", SIM_RESOURCES);
}

/* Commands that speak of a resource: what stands before its name, and where its length is. */
static const struct {
	u32 size, name_len;
} command[] = {
#define COMMAND(type, cmd)							\
	[KQ_ENTRY_##type] = { sizeof(struct cmd), offsetof(struct cmd, name_len) }
	COMMAND(DEFINE, kq_define_cmd),
	COMMAND(UNDEFINE, kq_undefine_cmd),
	COMMAND(EVICT, kq_evict_cmd),
	COMMAND(FENCE, kq_fence_cmd),
#undef COMMAND
};

/* The resource is one that the checks know. */
static void name_said(const struct event *e, u16 type)
{
	u32 size = command[type].size;
	__le16 len = 0;

	if (e->len >= size)
		memcpy(&len, e->bytes + command[type].name_len, sizeof(len));
	if (!len || e->len != size + le16_to_cpu(len))
		trace_bad(e->line, "nothing that this program understands is said of a resource");
	name_add(e, e->bytes + size, le16_to_cpu(len));
}

/* What an "append" is about to propose. */
static u16 type_of(const struct event *e)
{
	if (e->a == KQ_ENTRY_APPEND)
		return KQ_ENTRY_APPEND;
	if (e->a >= ARRAY_SIZE(command) || !command[e->a].size)
		trace_bad(e->line, "entries of type %llu nobody appends",
			  (unsigned long long)e->a);
	name_said(e, e->a);
	return e->a;
}

/**
 * program_append() - a program appends, or says something of a resource
 * @s: the world
 * @n: on this node
 * @e: with the payload, and the type of the entry
 *
 * Return: what the core returns.
 */
int program_append(struct sim *s, struct sim_node *n, const struct event *e)
{
	struct append *a = sim_calloc(1, sizeof(*a));
	u16 type = type_of(e);
	int err;

	a->id = append_new(s, n, e, type);
	a->since = s->now;
	a->p.entry = kq_entry_alloc(type, e->bytes, e->len);
	if (!a->p.entry)
		abort();
	INIT_LIST_HEAD(&a->p.node);
	err = kq_core_append(n->core, s->now, &a->p);
	if (err) {
		append_ended(s, a->id, err, 0, 0);
		kq_entry_free(a->p.entry);
		free(a);
		return err;
	}
	a->next = open_appends[n->id];
	open_appends[n->id] = a;
	return 0;
}

/**
 * program_outcome() - an append has its outcome
 * @s: the world
 * @n: the node
 * @p: the proposal; freed
 */
void program_outcome(struct sim *s, struct sim_node *n, struct kq_proposal *p)
{
	struct append *a = container_of(p, struct append, p), **at = &open_appends[n->id];

	while (*at && *at != a)
		at = &(*at)->next;
	if (!*at)
		sim_fail(s, n, "an outcome for a proposal that has one");
	*at = a->next;
	append_ended(s, a->id, p->error, p->index, p->term);
	if (s->ack[a->id].said) {
		s->ack[a->id].session = p->session;
		s->ack[a->id].seq = p->seq;
		model_said(s, n, p);
		if (p->index)
			check_took_effect(s, n, "what is said of a resource", p->index, a->since);
	} else if (!p->error) {
		check_took_effect(s, n, "an append", p->index, a->since);
		s->st.acks++;
	}
	kq_entry_free(p->entry);
	free(a);
}

/* --- locks ---------------------------------------------------------------------------------- */

static struct sim_slot *slot_free(struct sim_node *n)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		if (!n->slot[i].owner)
			return &n->slot[i];
	trace_bad(sim_timeline.line, "more than %u lock handles at once on one node", SIM_SLOTS);
}

/* What a handle asked for, of what the module made of it. */
static struct kq_lock_ask ask_of(const struct event *e)
{
	const struct kq_acquire_cmd *a = (const void *)e->bytes;
	u32 flags;
	struct kq_lock_ask ask = { 0 };

	if (e->len < sizeof(*a) || !a->name_len ||
	    e->len != sizeof(*a) + le16_to_cpu(a->name_len) + le16_to_cpu(a->info_len))
		trace_bad(e->line, "no request for a lock that this program understands");
	flags = le16_to_cpu(a->flags);
	ask.name = (const char *)(a + 1);
	ask.name_len = le16_to_cpu(a->name_len);
	ask.info = ask.name + ask.name_len;
	ask.info_len = le16_to_cpu(a->info_len);
	ask.comm = a->comm;
	ask.pid = le32_to_cpu(a->pid);
	ask.units = le32_to_cpu(a->units);
	ask.ttl_ms = le32_to_cpu(a->ttl_ms);
	ask.hold_ms = le32_to_cpu(a->hold_ms);
	ask.uid = le32_to_cpu(a->uid);
	ask.gid = le32_to_cpu(a->gid);
	ask.admin = flags & KQ_ACQUIRE_ADMIN;
	if (flags & KQ_ACQUIRE_TRY)
		ask.flags |= KQUORUM_LOCK_TRY;
	if (flags & KQ_ACQUIRE_SHARED)
		ask.flags |= KQUORUM_LOCK_SHARED;
	return ask;
}

/**
 * program_lock() - a program asks for a lock
 * @s: the world
 * @n: on this node
 * @e: with what the module made of it, but for the owner's number
 *
 * Return: what the core returns.
 */
int program_lock(struct sim *s, struct sim_node *n, const struct event *e)
{
	struct kq_lock_ask ask = ask_of(e);
	struct sim_slot *c = slot_free(n);
	struct kq_owner *o;
	int err;

	name_add(e, ask.name, ask.name_len);
	o = sim_calloc(1, sizeof(*o));
	if (kq_owner_init(o, &ask))
		abort();
	err = kq_core_lock(n->core, s->now, o);
	if (err) {
		kq_owner_destroy(o);
		free(o);
		return err;
	}
	memset(&c->hold, 0, sizeof(c->hold));
	memset(&c->grant, 0, sizeof(c->grant));
	c->owner = o;
	c->resource = sim_resource_index(ask.name, ask.name_len);
	c->state = SLOT_WAIT;
	c->since = s->now;
	s->st.ops++;
	return 0;
}

static u32 slot_of(struct sim *s, struct sim_node *n, const struct kq_owner *o, u64 id)
{
	u32 i;

	for (i = 0; i < SIM_SLOTS; i++)
		if (n->slot[i].owner && (n->slot[i].owner == o || n->slot[i].owner->id == id))
			return i;
	sim_fail(s, n, "owner %llu is not known here", (unsigned long long)id);
}

/**
 * program_renew() - who holds a lock is still at work
 * @s: the world
 * @n: the node
 * @e: names the owner, and the token
 *
 * Return: what the core returns.
 */
int program_renew(struct sim *s, struct sim_node *n, const struct event *e)
{
	return grant_renewal(s, n, &n->slot[slot_of(s, n, NULL, e->a)], e->b);
}

/**
 * program_unlock() - the handle is closed
 * @s: the world
 * @n: the node
 * @e: names the owner
 */
void program_unlock(struct sim *s, struct sim_node *n, const struct event *e)
{
	u32 i = slot_of(s, n, NULL, e->a);

	check_released(s, n, i);
	n->slot[i].state = SLOT_CLOSING;
	n->slot[i].since = s->now;
	kq_core_unlock(n->core, s->now, n->slot[i].owner);
}

/**
 * program_owner() - the core tells of an owner
 * @s: the world
 * @n: the node
 * @o: the owner; freed when it is closed
 */
void program_owner(struct sim *s, struct sim_node *n, struct kq_owner *o)
{
	u32 i = slot_of(s, n, o, o->id);
	struct sim_slot *c = &n->slot[i];

	if (o->closed) {
		client_owner_closed(s, n, c);
		return;
	}
	if (c->state == SLOT_CLOSING)
		return;
	if (o->state == KQUORUM_LOCK_REFUSED)
		model_refused(s, n, o);
	if (o->state != KQUORUM_LOCK_GRANTED || c->state == SLOT_HOLD)
		return;
	if (n->core->local.state != KQ_SESSION_LIVE)
		sim_fail(s, n, "is granted a lock in a session that does not live");
	check_took_effect(s, n, "a lock", o->token >> KQ_TOKEN_SHIFT, c->since);
	c->state = SLOT_HOLD;
	s->st.grants++;
}

/**
 * program_gone() - the node went down: what its programs still have is worth nothing
 * @s: the world
 * @n: the node, its core freed
 */
void program_gone(struct sim *s, struct sim_node *n)
{
	u32 i;

	(void)s;
	for (i = 0; i < SIM_SLOTS; i++) {
		struct sim_slot *c = &n->slot[i];

		if (c->owner) {
			kq_owner_destroy(c->owner);
			free(c->owner);
		}
		memset(c, 0, sizeof(*c));
	}
	while (open_appends[n->id]) {
		struct append *a = open_appends[n->id];

		open_appends[n->id] = a->next;
		kq_entry_free(a->p.entry);
		free(a);
	}
}
