// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is said of resources, who holds them, who waits; a long queue may come in several messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct collecting {
	kquorum_resource_cb cb;
	void *user;
	struct kquorum_resource r;
	struct kquorum_claim *claims;
	size_t room;
	bool have, any;
	bool no_memory;
};

static int hand_over(struct collecting *c)
{
	int ret = 0;

	if (c->have) {
		c->r.claims = c->claims;
		ret = c->cb(&c->r, c->user);
	}
	c->have = false;
	c->r.n_claims = 0;
	return ret;
}

/* Whatever their order: each is a bit of its own. */
static void take_numbers(const struct nlattr *a, __u64 *numbers)
{
	const uint8_t *number;
	size_t i, n;

	memset(numbers, 0, KQUORUM_NUMBERED / 8);
	if (!a)
		return;
	number = mnl_attr_get_payload(a);
	n = mnl_attr_get_payload_len(a);
	for (i = 0; i < n; i++)
		numbers[number[i] / 64] |= 1ULL << (number[i] % 64);
}

static int add_claim(struct collecting *c, const struct nlattr *nest)
{
	struct kquorum_claim *claim;
	struct kq_lib_attrs a;

	if (c->r.n_claims == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct kquorum_claim *more = realloc(c->claims, room * sizeof(*more));

		if (!more) {
			c->no_memory = true;
			return -ENOMEM;
		}
		c->claims = more;
		c->room = room;
	}
	claim = &c->claims[c->r.n_claims++];
	kq_lib_parse_nested(nest, &a);
	claim->node = kq_lib_u32(&a, KQUORUM_CLAIM_NODE, 0);
	claim->pid = kq_lib_u32(&a, KQUORUM_CLAIM_PID, 0);
	claim->session = kq_lib_u64(&a, KQUORUM_CLAIM_SESSION, 0);
	claim->owner = kq_lib_u64(&a, KQUORUM_CLAIM_OWNER, 0);
	claim->index = kq_lib_u64(&a, KQUORUM_CLAIM_INDEX, 0);
	claim->token = kq_lib_u64(&a, KQUORUM_CLAIM_TOKEN, 0);
	claim->age_ns = kq_lib_u64(&a, KQUORUM_CLAIM_AGE, KQUORUM_NEVER);
	kq_lib_string(&a, KQUORUM_CLAIM_COMM, claim->comm, sizeof(claim->comm));
	claim->mode = kq_lib_u32(&a, KQUORUM_CLAIM_MODE, KQUORUM_CLAIM_EXCLUSIVE);
	claim->units = kq_lib_u32(&a, KQUORUM_CLAIM_UNITS, 0);
	take_numbers(a.table[KQUORUM_CLAIM_NUMBERS], claim->numbers);
	kq_lib_string(&a, KQUORUM_CLAIM_INFO, claim->info, sizeof(claim->info));
	claim->uid = kq_lib_u32(&a, KQUORUM_CLAIM_UID, KQUORUM_NOBODY);
	claim->ttl_ms = kq_lib_u32(&a, KQUORUM_CLAIM_TTL, 0);
	claim->hold_ms = kq_lib_u32(&a, KQUORUM_CLAIM_HOLD, 0);
	claim->evicted = a.table[KQUORUM_CLAIM_DRAIN];
	claim->drain_ms = kq_lib_u32(&a, KQUORUM_CLAIM_DRAIN, 0);
	claim->evicted_ns = kq_lib_u64(&a, KQUORUM_CLAIM_EVICTED, KQUORUM_NEVER);
	return 0;
}

/* A message that goes on with a long queue need not repeat them. */
static void take_terms(struct kquorum_resource *r, const struct kq_lib_attrs *a)
{
	r->token = kq_lib_u64(a, KQUORUM_A_TOKEN, r->token);
	r->units = kq_lib_u32(a, KQUORUM_A_UNITS, r->units);
	r->in_use = kq_lib_u64(a, KQUORUM_A_IN_USE, r->in_use);
	r->defined = kq_lib_u64(a, KQUORUM_A_DEFINED, r->defined);
	r->max_waiters = kq_lib_u32(a, KQUORUM_A_MAX_WAITERS, r->max_waiters);
	r->ttl_ms = kq_lib_u32(a, KQUORUM_A_TTL, r->ttl_ms);
	r->hold_ms = kq_lib_u32(a, KQUORUM_A_HOLD, r->hold_ms);
	r->uid = kq_lib_u32(a, KQUORUM_A_UID, r->uid);
	r->gid = kq_lib_u32(a, KQUORUM_A_GID, r->gid);
	r->mode = kq_lib_u32(a, KQUORUM_A_MODE, r->mode);
	r->fenced |= kq_lib_u8(a, KQUORUM_A_FENCED);
	r->fence = kq_lib_u64(a, KQUORUM_A_FENCE, r->fence);
}

static int take_resource(const struct nlmsghdr *answer, void *user)
{
	char name[KQUORUM_RESOURCE_NAME_MAX + 1];
	struct collecting *c = user;
	struct kq_lib_attrs attrs;
	const struct nlattr *a;
	int ret;

	kq_lib_parse(answer, &attrs);
	kq_lib_string(&attrs, KQUORUM_A_RESOURCE, name, sizeof(name));
	if (!c->have || strcmp(name, c->r.name)) {
		ret = hand_over(c);
		if (ret)
			return ret;
		c->r = (struct kquorum_resource){ .units = 1 };
		memcpy(c->r.name, name, sizeof(name));
		c->have = true;
		c->any = true;
	}
	take_terms(&c->r, &attrs);
	mnl_attr_for_each(a, answer, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) != KQUORUM_A_CLAIM)
			continue;
		ret = add_claim(c, a);
		if (ret)
			return ret;
	}
	return 0;
}

static int collect(struct kquorum *k, struct nlmsghdr *nlh, kquorum_resource_cb cb, void *user,
		   bool *any)
{
	struct collecting c = { .cb = cb, .user = user };
	int ret;

	ret = kq_lib_talk(k, nlh, take_resource, &c);
	if (c.no_memory)
		kq_lib_fail(k, ret, "out of memory");
	if (!ret)
		ret = hand_over(&c);
	free(c.claims);
	if (any)
		*any = c.any;
	return ret;
}

int kquorum_resource_dump(struct kquorum *k, kquorum_resource_cb cb, void *user)
{
	return collect(k, kq_lib_request(k, KQUORUM_CMD_RESOURCE_GET, NLM_F_DUMP), cb, user, NULL);
}

int kquorum_resource_get(struct kquorum *k, const char *name, kquorum_resource_cb cb, void *user)
{
	/* A dump of one: the plain answer ends where one message is full. */
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RESOURCE_GET, NLM_F_DUMP);
	int ret = kq_lib_put_resource(k, nlh, name);
	bool any;

	if (ret)
		return ret;
	ret = collect(k, nlh, cb, user, &any);
	if (!ret && !any)
		return kq_lib_fail(k, -ENOENT,
				   "there is no %s: it is not defined, and nobody holds it or waits", name);
	return ret;
}

/* Returns false: there are none. */
static bool put_terms(struct nlmsghdr *nlh, const struct kquorum_resource_request *r)
{
	const struct {
		bool said;
		uint16_t type;
		uint32_t value;
	} terms[] = {
		{ r->units, KQUORUM_A_UNITS, r->units },
		{ r->has_max_waiters, KQUORUM_A_MAX_WAITERS, r->max_waiters },
		{ r->has_ttl, KQUORUM_A_TTL, r->ttl_ms },
		{ r->has_hold, KQUORUM_A_HOLD, r->hold_ms },
		{ r->has_uid, KQUORUM_A_UID, r->uid },
		{ r->has_gid, KQUORUM_A_GID, r->gid },
		{ r->has_mode, KQUORUM_A_MODE, r->mode },
	};
	bool any = r->has_fenced;
	size_t i;

	for (i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		if (terms[i].said)
			mnl_attr_put_u32(nlh, terms[i].type, terms[i].value);
		any |= terms[i].said;
	}
	if (r->has_fenced)
		mnl_attr_put_u8(nlh, KQUORUM_A_FENCED, r->fenced);
	return any;
}

int kquorum_resource_set(struct kquorum *k, const struct kquorum_resource_request *request)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RESOURCE_SET, 0);
	int ret = kq_lib_put_resource(k, nlh, request->name);

	if (ret)
		return ret;
	if (request->units > KQUORUM_UNITS_MAX || (request->create && !request->units))
		return kq_lib_fail(k, -EINVAL, "a resource has 1 to %u units, not %u",
				   KQUORUM_UNITS_MAX, request->units);
	if (request->ttl_ms > KQUORUM_GRANT_MS_MAX || request->hold_ms > KQUORUM_GRANT_MS_MAX)
		return kq_lib_fail(k, -EINVAL, "a time to live and a hold have at most %u ms",
				   KQUORUM_GRANT_MS_MAX);
	if (request->mode & ~0666U)
		return kq_lib_fail(k, -EINVAL, "a mode has the bits of 0666, r for a share and w for the rest, "
				   "not %04o", request->mode);
	if (!put_terms(nlh, request))
		return kq_lib_fail(k, -EINVAL, "nothing is to be set");
	if (request->create)
		mnl_attr_put(nlh, KQUORUM_A_CREATE, 0, NULL);
	return kq_lib_open_handle(k, nlh);
}

int kquorum_resource_delete(struct kquorum *k, const char *name)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RESOURCE_DELETE, 0);
	int ret = kq_lib_put_resource(k, nlh, name);

	return ret ? ret : kq_lib_open_handle(k, nlh);
}

int kquorum_resource_evict(struct kquorum *k, const struct kquorum_evict_request *request)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RESOURCE_EVICT, 0);
	int ret = kq_lib_put_resource(k, nlh, request->name);

	if (ret)
		return ret;
	if (request->drain_ms > KQUORUM_GRANT_MS_MAX)
		return kq_lib_fail(k, -EINVAL, "a drain has at most %u ms", KQUORUM_GRANT_MS_MAX);
	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, request->node);
	mnl_attr_put_u64(nlh, KQUORUM_A_SESSION, request->session);
	mnl_attr_put_u64(nlh, KQUORUM_A_OWNER, request->owner);
	mnl_attr_put_u32(nlh, KQUORUM_A_DRAIN, request->drain_ms);
	return kq_lib_open_handle(k, nlh);
}

int kquorum_fence_ask(struct kquorum *k, const char *name, uint64_t token)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_FENCE, 0);
	int ret = kq_lib_put_resource(k, nlh, name);

	if (ret)
		return ret;
	mnl_attr_put_u64(nlh, KQUORUM_A_TOKEN, token);
	return kq_lib_open_handle(k, nlh);
}
