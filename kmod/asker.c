// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks for a lock, and may not.
 *
 * A handle counts, for its user and for the node, from the request to its last close, whoever has
 * it then. It is part of its process's stake in a resource while it asks, waits or holds: what has
 * been refused or is lost is no reason to wait. Both are of who asked: fork() and SCM_RIGHTS hand a
 * handle on, not that.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/jhash.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "asker.h"
#include "node.h"

/**
 * struct kq_stake - of a process in a resource
 * @node: in the node's tree, while @handles is not 0
 * @hash: of what follows: the order in that tree
 * @process: the thread group, counted, so that no other one gets its address
 * @handles: that have a part of it
 * @claims: how many of these by mode, enum kquorum_claim_mode
 * @units: of those that want or have so many
 * @name_len: bytes of @name
 * @name: of the resource
 */
struct kq_stake {
	struct rb_node node;
	u32 hash;
	struct pid *process;
	u32 handles;
	u32 claims[KQUORUM_CLAIM_MODE_UNITS + 1];
	u64 units;
	u32 name_len;
	char name[];
};

/* --- how many ------------------------------------------------------------------------------- */

/**
 * kq_askers_init() - nobody has asked yet
 * @as: of a new node
 */
void kq_askers_init(struct kq_askers *as)
{
	xa_init(&as->users);
	as->handles = 0;
	as->user_max = KQUORUM_USER_LOCKS;
	as->node_max = KQUORUM_NODE_LOCKS;
	as->stakes = RB_ROOT;
}

/**
 * kq_askers_destroy() - all handles are gone
 * @as: of a node that goes
 */
void kq_askers_destroy(struct kq_askers *as)
{
	WARN_ON_ONCE(as->handles || !RB_EMPTY_ROOT(&as->stakes));
	xa_destroy(&as->users);
}

/**
 * kq_askers_handles() - how many lock handles are open
 * @as: of a node
 */
u32 kq_askers_handles(struct kq_askers *as)
{
	return READ_ONCE(as->handles);
}

/* Under the lock of the users. */
static unsigned long handles_of(struct kq_askers *as, u32 user)
{
	void *value = xa_load(&as->users, user);

	return value ? xa_to_value(value) : 0;
}

/* @bound: the user's limit counts. Return: 0, -EMFILE, -EDQUOT, -ENOMEM. */
static int count(struct kq_askers *as, u32 user, bool bound)
{
	int err = xa_reserve(&as->users, user, GFP_KERNEL);
	unsigned long n;

	if (err)
		return err;
	xa_lock(&as->users);
	n = handles_of(as, user);
	if (as->handles >= as->node_max)
		err = -EMFILE;
	else if (bound && n >= as->user_max)
		err = -EDQUOT;
	else	/* allocates only if his last handle went since the line above the lock */
		err = xa_err(__xa_store(&as->users, user, xa_mk_value(n + 1), GFP_ATOMIC));
	if (!err)
		WRITE_ONCE(as->handles, as->handles + 1);
	xa_unlock(&as->users);
	if (err)
		xa_release(&as->users, user);
	return err;
}

/**
 * kq_asker_uncount() - a handle is closed
 * @a: of the handle
 * @as: of its node
 */
void kq_asker_uncount(struct kq_asker *a, struct kq_askers *as)
{
	unsigned long n;

	xa_lock(&as->users);
	n = handles_of(as, a->user);
	if (n > 1)
		__xa_store(&as->users, a->user, xa_mk_value(n - 1), 0);
	else
		__xa_erase(&as->users, a->user);
	WRITE_ONCE(as->handles, as->handles - 1);
	xa_unlock(&as->users);
}

/* --- whose ---------------------------------------------------------------------------------- */

static struct kq_stake *stake_alloc(const char *name, u32 name_len)
{
	struct kq_stake *s = kzalloc(struct_size(s, name, name_len), GFP_KERNEL);

	if (!s)
		return NULL;
	s->process = get_pid(task_tgid(current));
	s->name_len = name_len;
	memcpy(s->name, name, name_len);
	s->hash = jhash(name, name_len, hash_ptr(s->process, 32));
	return s;
}

static void stake_free(struct kq_stake *s)
{
	put_pid(s->process);
	kfree(s);
}

static int stake_cmp(const struct kq_stake *a, const struct kq_stake *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return memcmp(a->name, b->name, a->name_len);
}

/* Return: the one in the tree that is the same, or @s, which is in the tree then. */
static struct kq_stake *stake_find_or_add(struct rb_root *root, struct kq_stake *s)
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		struct kq_stake *other = rb_entry(*link, struct kq_stake, node);
		int cmp = stake_cmp(s, other);

		if (!cmp)
			return other;
		parent = *link;
		link = cmp < 0 ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&s->node, parent, link);
	rb_insert_color(&s->node, root);
	return s;
}

/* How many units there are of what @s is a stake in, as this node knows it. */
static u32 units_there_are(struct kq_node *node, const struct kq_stake *s)
{
	const struct kq_resource *r = kq_core_resource_find(node->core, s->name, s->name_len);

	return r ? kq_resource_units(r) : 1;
}

/* Shares go together, and units as long as there are enough: nothing else does. */
static bool would_wait(struct kq_node *node, const struct kq_stake *s, u32 mode, u32 units)
{
	if (!s->handles)
		return false;
	if (mode == KQUORUM_CLAIM_EXCLUSIVE || s->claims[mode] != s->handles)
		return true;
	return mode == KQUORUM_CLAIM_MODE_UNITS && s->units + units > units_there_are(node, s);
}

/**
 * kq_asker_init() - a process asks: of a new handle
 * @a: zeroed
 * @as: of the node
 * @ask: for what
 *
 * Context: the process that asks; may sleep.
 * Return: 0, it counts from now on; -EMFILE, -EDQUOT: kq_asker_refusal() says why; -ENOMEM.
 */
int kq_asker_init(struct kq_asker *a, struct kq_askers *as, const struct kq_lock_ask *ask)
{
	int err;

	a->user = __kuid_val(current_euid());
	a->others = ask->flags & KQUORUM_LOCK_OTHERS;
	a->stake = stake_alloc(ask->name, ask->name_len);
	if (!a->stake)
		return -ENOMEM;
	err = count(as, a->user, true);
	/* Asked only when it matters, for to ask is noted as a use of the privilege. */
	if (err == -EDQUOT && capable(CAP_SYS_RESOURCE))
		err = count(as, a->user, false);
	if (err)
		kq_asker_destroy(a);
	return err;
}

/**
 * kq_asker_destroy() - of a handle that is freed
 * @a: whose stake, if it has one, was never asked with
 */
void kq_asker_destroy(struct kq_asker *a)
{
	if (a->stake)
		stake_free(a->stake);
	a->stake = NULL;
}

/**
 * kq_asker_stake() - the handle asks; its part of its process's stake begins
 * @a: of the handle
 * @node: locked, with a core
 * @o: what it asks for
 * @mode: likewise, enum kquorum_claim_mode
 *
 * Return: 0; -EDEADLK: the process would wait for itself.
 */
int kq_asker_stake(struct kq_asker *a, struct kq_node *node, const struct kq_owner *o, u32 mode)
{
	struct kq_stake *own = a->stake, *s = stake_find_or_add(&node->askers.stakes, own);

	lockdep_assert_held(&node->lock);
	if (!a->others && would_wait(node, s, mode, o->units))
		return -EDEADLK;
	if (s != own)
		stake_free(own);
	a->stake = s;
	a->mode = mode;
	a->units = o->units;
	s->handles++;
	s->claims[mode]++;
	s->units += o->units;
	return 0;
}

/**
 * kq_asker_done() - it asks, waits and holds no more
 * @a: of a handle that has asked; nothing happens the second time
 * @node: locked
 */
void kq_asker_done(struct kq_asker *a, struct kq_node *node)
{
	struct kq_stake *s = a->stake;

	lockdep_assert_held(&node->lock);
	if (!s || !s->handles)
		return;
	a->stake = NULL;
	s->handles--;
	s->claims[a->mode]--;
	s->units -= a->units;
	if (s->handles)
		return;
	rb_erase(&s->node, &node->askers.stakes);
	stake_free(s);
}

/**
 * kq_asker_refusal() - why a process gets no handle
 * @err: of kq_asker_init() or kq_asker_stake()
 *
 * Return: static text; NULL: the general one by @err.
 */
const char *kq_asker_refusal(int err)
{
	switch (err) {
	case -EDEADLK:
		return "this process has asked for it already and would wait for itself";
	case -EDQUOT:
		return "this user may have no more locks: user_locks in [limits] of kquorum.conf";
	case -EMFILE:
		return "this node may have no more locks: node_locks in [limits] of kquorum.conf";
	default:
		return NULL;
	}
}
