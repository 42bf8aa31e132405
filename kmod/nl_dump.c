// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps: resources with their claims, and entries of the log.
 *
 * A dump goes on after what was told last, by (name, log index of the claim) or
 * by index, and not by a count of what it has passed: what exists all the time is told
 * once, whatever comes and goes meanwhile. A resource with more claims than fit one
 * message is continued in the next, under the same name.
 *
 * Claims are told in the order of their requests. Holders, in the order of their grants, and
 * behind them the queue are just that: nobody overtakes (kq_m_resource.c), and a claim that is
 * granted keeps its index, whoever holds or waits then. So what has a higher index than that which
 * was told last has not been told, and all else has. As long as that claim is there, it goes on
 * behind it, and need not look through a million of them for each message.
 */
#include "compat.h"
#include "netlink.h"
#include "node.h"

#define KQ_PAYLOAD_SHOWN 4096	/* bytes; longer payloads are only counted */
#define KQ_REPLY_BYTES	(32 * 1024)

/**
 * struct kq_told - the claim of a resource that was told last
 * @index: log index of its request, 0: none was told yet; U64_MAX: all were
 * @session: whose it is
 * @owner: likewise
 * @node: likewise
 */
struct kq_told {
	u64 index;
	u64 session;
	u64 owner;
	u32 node;
};

/**
 * struct kq_dump - where a dump stands
 * @node: with a reference
 * @name_len: bytes, 0: none was told yet
 * @name: of the resource told last
 * @told: the claim of it told last
 * @only: only this one resource
 * @index: next log index
 * @last: last one wanted
 */
struct kq_dump {
	struct kq_node *node;
	u32 name_len;
	char name[KQUORUM_RESOURCE_NAME_MAX];
	struct kq_told told;
	bool only;
	u64 index;
	u64 last;
};

static struct kq_dump *dump_of(struct netlink_callback *cb)
{
	return *(struct kq_dump **)cb->ctx;
}

static struct kq_dump *dump_start(struct netlink_callback *cb, int *err)
{
	struct kq_dump *dump;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL);
	*err = -ENOMEM;
	if (!dump)
		return NULL;
	dump->node = kq_nl_node(sock_net(cb->skb->sk), cb->extack);
	if (IS_ERR(dump->node)) {
		*err = PTR_ERR(dump->node);
		kfree(dump);
		return NULL;
	}
	*(struct kq_dump **)cb->ctx = dump;
	*err = 0;
	return dump;
}

/**
 * kq_nl_dump_done() - the end of a dump
 * @cb: the dump
 *
 * Return: 0.
 */
int kq_nl_dump_done(struct netlink_callback *cb)
{
	struct kq_dump *dump = dump_of(cb);

	kq_node_put(dump->node);
	kfree(dump);
	return 0;
}

/* --- resources ---------------------------------------------------------------------- */

static_assert((int)KQ_CLAIM_EXCLUSIVE == KQUORUM_CLAIM_EXCLUSIVE);
static_assert((int)KQ_CLAIM_SHARED == KQUORUM_CLAIM_SHARED);
static_assert((int)KQ_CLAIM_UNITS == KQUORUM_CLAIM_MODE_UNITS);

/* What it is for, and how much of it. */
static bool put_want(struct sk_buff *skb, const struct kq_claim *c)
{
	char info[KQ_INFO_MAX + 1] = {};

	memcpy(info, c->bytes, min_t(u32, c->info_len, KQ_INFO_MAX));
	return !nla_put_u32(skb, KQUORUM_CLAIM_MODE, c->mode) &&
		(c->mode != KQ_CLAIM_UNITS ||
		 !nla_put_u32(skb, KQUORUM_CLAIM_UNITS, c->units)) &&
		(!c->numbers ||
		 !nla_put(skb, KQUORUM_CLAIM_NUMBERS, c->numbers, kq_claim_numbers(c))) &&
		(!c->info_len || !nla_put_string(skb, KQUORUM_CLAIM_INFO, info));
}

static u64 since(u64 then_ns, u64 now)
{
	return now > then_ns ? now - then_ns : 0;
}

/* What its grant is bound to. */
static bool put_terms(struct sk_buff *skb, const struct kq_claim *c, u64 now)
{
	if (c->token && c->ttl_ms && nla_put_u32(skb, KQUORUM_CLAIM_TTL, c->ttl_ms))
		return false;
	if (c->token && c->hold_ms && nla_put_u32(skb, KQUORUM_CLAIM_HOLD, c->hold_ms))
		return false;
	return !c->evicted ||
		(!nla_put_u32(skb, KQUORUM_CLAIM_DRAIN, c->drain_ms) &&
		 !nla_put_u64_64bit(skb, KQUORUM_CLAIM_EVICTED, since(c->evict_ns, now),
				    KQUORUM_CLAIM_PAD));
}

static int put_claim(struct sk_buff *skb, const struct kq_claim *c, u64 now)
{
	struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_CLAIM);
	char comm[KQ_COMM_MAX + 1];

	snprintf(comm, sizeof(comm), "%.*s", KQ_COMM_MAX, c->comm);
	if (!nest || nla_put_u32(skb, KQUORUM_CLAIM_NODE, c->holder_node) ||
	    nla_put_u64_64bit(skb, KQUORUM_CLAIM_SESSION, c->session, KQUORUM_CLAIM_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_CLAIM_OWNER, c->owner, KQUORUM_CLAIM_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_CLAIM_INDEX, c->index, KQUORUM_CLAIM_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_CLAIM_TOKEN, c->token, KQUORUM_CLAIM_PAD) ||
	    nla_put_u32(skb, KQUORUM_CLAIM_PID, c->pid) ||
	    nla_put_string(skb, KQUORUM_CLAIM_COMM, comm) ||
	    nla_put_u32(skb, KQUORUM_CLAIM_UID, c->uid) ||
	    nla_put_u64_64bit(skb, KQUORUM_CLAIM_AGE, since(c->since_ns, now),
			      KQUORUM_CLAIM_PAD) ||
	    !put_want(skb, c) || !put_terms(skb, c, now)) {
		if (nest)
			nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static const struct kq_claim *first_of(const struct list_head *claims)
{
	return list_empty(claims) ? NULL : list_first_entry(claims, struct kq_claim, node);
}

static const struct kq_claim *first_claim(const struct kq_resource *r)
{
	return first_of(&r->holders) ?: first_of(&r->queue);
}

/* Those who hold it, then those who wait. */
static const struct kq_claim *next_claim(const struct kq_claim *c)
{
	const struct kq_resource *r = c->resource;

	if (!list_is_last(&c->node, c->token ? &r->holders : &r->queue))
		return list_next_entry(c, node);
	return c->token ? first_of(&r->queue) : NULL;
}

/* The first one that has not been told; NULL: there is none. */
static const struct kq_claim *claim_behind(const struct kq_resources *res,
					   const struct kq_resource *r, const struct kq_told *told)
{
	const struct kq_claim *c = told->index ?
		kq_claim_find(res, told->node, told->session, told->owner) : NULL;

	if (c && c->index == told->index)
		return next_claim(c);
	c = first_claim(r);
	while (c && c->index <= told->index)
		c = next_claim(c);
	return c;
}

/* Return: 0: all that come behind @told; -EMSGSIZE: not all, up to @told. */
static int put_claims(struct sk_buff *skb, const struct kq_resources *res,
		      const struct kq_resource *r, struct kq_told *told)
{
	const struct kq_claim *c;
	u64 now = kq_clock();

	for (c = claim_behind(res, r, told); c; c = next_claim(c)) {
		if (put_claim(skb, c, now))
			return -EMSGSIZE;
		*told = (struct kq_told){ c->index, c->session, c->owner, c->holder_node };
	}
	return 0;
}

/* Whoever shares it, or has all of it, leaves none. */
static u64 units_in_use(const struct kq_resource *r)
{
	if (list_empty(&r->holders))
		return 0;
	return r->in_use ?: kq_resource_units(r);
}

static bool put_pool(struct sk_buff *skb, const struct kq_pool *pool)
{
	const struct kq_terms *is = &pool->is;

	return !nla_put_u64_64bit(skb, KQUORUM_A_DEFINED, pool->index, KQUORUM_A_PAD) &&
		!nla_put_u32(skb, KQUORUM_A_MAX_WAITERS, is->max_waiters) &&
		!nla_put_u32(skb, KQUORUM_A_TTL, is->ttl_ms) &&
		!nla_put_u32(skb, KQUORUM_A_HOLD, is->hold_ms) &&
		!nla_put_u32(skb, KQUORUM_A_UID, is->uid) &&
		!nla_put_u32(skb, KQUORUM_A_GID, is->gid) &&
		!nla_put_u32(skb, KQUORUM_A_MODE, is->mode) &&
		!nla_put_u8(skb, KQUORUM_A_FENCED, is->fenced) &&
		!nla_put_u64_64bit(skb, KQUORUM_A_FENCE, pool->fence, KQUORUM_A_PAD);
}

/* Return: 0: told in full; 1: told in part, up to @told; -EMSGSIZE: nothing fits. */
static int put_resource(struct sk_buff *skb, const struct kq_resources *res,
			const struct kq_resource *r, struct kq_told *told)
{
	u64 before = told->index;

	if (nla_put_string(skb, KQUORUM_A_RESOURCE, r->name) ||
	    nla_put_u64_64bit(skb, KQUORUM_A_TOKEN, r->token, KQUORUM_A_PAD) ||
	    nla_put_u32(skb, KQUORUM_A_UNITS, kq_resource_units(r)) ||
	    nla_put_u64_64bit(skb, KQUORUM_A_IN_USE, units_in_use(r), KQUORUM_A_PAD) ||
	    (r->pool && !put_pool(skb, r->pool)))
		return -EMSGSIZE;
	if (!put_claims(skb, res, r, told))
		return 0;
	return told->index == before ? -EMSGSIZE : 1;
}

/* The resource to be told next: the one that was told in part, or the next by name. */
static struct kq_resource *next_resource(struct kq_core *core, struct kq_dump *dump)
{
	return kq_resources_next(core->res, dump->name, dump->name_len,
				 dump->name_len && dump->told.index == U64_MAX);
}

static int dump_resource(struct sk_buff *skb, struct netlink_callback *cb,
			 const struct kq_resources *res, const struct kq_resource *r)
{
	struct kq_dump *dump = dump_of(cb);
	bool same = dump->name_len == r->name_len && !memcmp(dump->name, r->name, r->name_len);
	struct kq_told told = same ? dump->told : (struct kq_told){};
	void *hdr;
	int err;

	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &kq_nl_family,
			  NLM_F_MULTI, KQUORUM_CMD_RESOURCE_GET);
	if (!hdr)
		return -EMSGSIZE;
	err = put_resource(skb, res, r, &told);
	if (err < 0) {
		genlmsg_cancel(skb, hdr);
		return err;
	}
	genlmsg_end(skb, hdr);
	memcpy(dump->name, r->name, r->name_len);
	dump->name_len = r->name_len;
	dump->told = told;
	if (!err)
		dump->told.index = U64_MAX;
	return 0;
}

/**
 * kq_nl_resource_start() - RESOURCE_GET as a dump begins
 * @cb: the dump
 *
 * Return: 0 or negative errno.
 */
int kq_nl_resource_start(struct netlink_callback *cb)
{
	struct nlattr *name = kq_dump_attrs(cb) ? kq_dump_attrs(cb)[KQUORUM_A_RESOURCE] : NULL;
	struct kq_dump *dump;
	int err;

	dump = dump_start(cb, &err);
	if (!dump)
		return err;
	if (name) {
		dump->only = true;
		dump->name_len = strnlen(nla_data(name), nla_len(name));
		memcpy(dump->name, nla_data(name), dump->name_len);
	}
	return 0;
}

/**
 * kq_nl_resource_dump() - one piece of it
 * @skb: to be filled
 * @cb: the dump
 *
 * Return: bytes; 0: the end; or negative errno.
 */
int kq_nl_resource_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kq_dump *dump = dump_of(cb);
	struct kq_resource *r;
	struct kq_step step;
	int err = kq_node_enter(dump->node, &step);

	if (err)
		return err;
	if (dump->only) {
		r = dump->told.index == U64_MAX ? NULL :
			kq_core_resource_find(step.core, dump->name, dump->name_len);
		while (!err && r && dump->told.index != U64_MAX)
			err = dump_resource(skb, cb, step.core->res, r);
	} else {
		while (!err && (r = next_resource(step.core, dump)))
			err = dump_resource(skb, cb, step.core->res, r);
	}
	kq_node_leave(&step);
	return skb->len ? skb->len : err;
}

/**
 * kq_nl_resource_get() - RESOURCE_GET of one resource
 * @skb: request
 * @info: its attributes
 *
 * Tells as many claims as fit 32 KiB; a dump with RESOURCE tells all.
 *
 * Return: 0 or negative errno; -ENOENT when it is not defined, and nobody holds or awaits it.
 */
int kq_nl_resource_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[KQUORUM_A_RESOURCE];
	struct kq_told told = {};
	struct kq_resource *r;
	struct sk_buff *reply;
	struct kq_node *node;
	struct kq_step step;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_RESOURCE))
		return -EINVAL;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	reply = genlmsg_new(KQ_REPLY_BYTES, GFP_KERNEL);
	hdr = reply ? genlmsg_put_reply(reply, info, &kq_nl_family, 0,
					KQUORUM_CMD_RESOURCE_GET) : NULL;
	err = hdr ? kq_node_enter(node, &step) : -ENOMEM;
	if (!err) {
		r = kq_core_resource_find(step.core, nla_data(name),
					  strnlen(nla_data(name), nla_len(name)));
		err = r ? put_resource(reply, step.core->res, r, &told) : -ENOENT;
		kq_node_leave(&step);
	}
	kq_node_put(node);
	if (err < 0) {
		nlmsg_free(reply);
		return kq_nl_error(info->extack, name, err,
				   err == -ENOENT ?
				   "it is not defined, and nobody holds or awaits it" :
				   err == -EBUSY ? KQ_NL_READING : NULL);
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/* --- log ---------------------------------------------------------------------------- */

static int put_entry(struct sk_buff *skb, const struct kq_entry *e, bool committed)
{
	u32 len = kq_entry_len(e);
	struct nlattr *nest = nla_nest_start(skb, KQUORUM_A_ENTRY);

	if (!nest ||
	    nla_put_u64_64bit(skb, KQUORUM_ENTRY_INDEX, kq_entry_index(e), KQUORUM_ENTRY_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_ENTRY_TERM, kq_entry_term(e), KQUORUM_ENTRY_PAD) ||
	    nla_put_u32(skb, KQUORUM_ENTRY_TYPE, le16_to_cpu(e->rec.type)) ||
	    nla_put_u64_64bit(skb, KQUORUM_ENTRY_SESSION, le64_to_cpu(e->rec.session),
			      KQUORUM_ENTRY_PAD) ||
	    nla_put_u64_64bit(skb, KQUORUM_ENTRY_SEQ, le64_to_cpu(e->rec.seq),
			      KQUORUM_ENTRY_PAD) ||
	    nla_put_u8(skb, KQUORUM_ENTRY_COMMITTED, committed) ||
	    nla_put_u32(skb, KQUORUM_ENTRY_BYTES, len) ||
	    nla_put_u32(skb, KQUORUM_ENTRY_NODE, le32_to_cpu(e->rec.node)) ||
	    (e->applied && nla_put_s32(skb, KQUORUM_ENTRY_RESULT, e->result)))
		return -EMSGSIZE;
	if (len <= KQ_PAYLOAD_SHOWN && nla_put(skb, KQUORUM_ENTRY_PAYLOAD, len, e->data))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int dump_entry(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct kq_entry *e, bool committed)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&kq_nl_family, NLM_F_MULTI, KQUORUM_CMD_LOG_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (put_entry(skb, e, committed)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/**
 * kq_nl_log_start() - LOG_GET begins
 * @cb: the dump
 *
 * Return: 0 or negative errno.
 */
int kq_nl_log_start(struct netlink_callback *cb)
{
	struct nlattr **attrs = kq_dump_attrs(cb);
	struct kq_dump *dump;
	int err;

	/* Entries are what clients wrote: not for everybody. */
	if (!kq_nl_admin(cb->skb, cb->extack))
		return -EPERM;
	dump = dump_start(cb, &err);
	if (!dump)
		return err;
	cb->min_dump_alloc = 2 * KQ_PAYLOAD_SHOWN;	/* one entry at least, whoever receives */
	dump->index = 1;
	dump->last = U64_MAX;
	if (attrs && attrs[KQUORUM_A_FIRST_INDEX])
		dump->index = max_t(u64, nla_get_u64(attrs[KQUORUM_A_FIRST_INDEX]), 1);
	if (attrs && attrs[KQUORUM_A_LAST_INDEX])
		dump->last = nla_get_u64(attrs[KQUORUM_A_LAST_INDEX]);
	return 0;
}

/**
 * kq_nl_log_dump() - one piece of it
 * @skb: to be filled
 * @cb: the dump
 *
 * Return: bytes; 0: the end; or negative errno.
 */
int kq_nl_log_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kq_dump *dump = dump_of(cb);
	struct kq_step step;
	int err = kq_node_enter(dump->node, &step);

	if (err)
		return err;
	/* What a snapshot stands for is gone from the log. */
	dump->index = max(dump->index, step.core->log.base_index + 1);
	while (dump->index <= min(dump->last, step.core->log.last)) {
		const struct kq_entry *e = kq_log_get(&step.core->log, dump->index);

		/* Damage may have taken some. */
		err = e ? dump_entry(skb, cb, e, dump->index <= step.core->commit) : 0;
		if (err)
			break;
		dump->index++;
	}
	kq_node_leave(&step);
	return skb->len ? skb->len : err;
}
