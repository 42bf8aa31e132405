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
	return 0;
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
	c->r.token = kq_lib_u64(&attrs, KQUORUM_A_TOKEN, c->r.token);
	c->r.units = kq_lib_u32(&attrs, KQUORUM_A_UNITS, c->r.units);
	c->r.in_use = kq_lib_u64(&attrs, KQUORUM_A_IN_USE, c->r.in_use);
	c->r.defined = kq_lib_u64(&attrs, KQUORUM_A_DEFINED, c->r.defined);
	c->r.max_waiters = kq_lib_u32(&attrs, KQUORUM_A_MAX_WAITERS, c->r.max_waiters);
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

int kquorum_resource_set(struct kquorum *k, const struct kquorum_resource_request *request)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RESOURCE_SET, 0);
	int ret = kq_lib_put_resource(k, nlh, request->name);

	if (ret)
		return ret;
	if (request->units > KQUORUM_UNITS_MAX || (request->create && !request->units))
		return kq_lib_fail(k, -EINVAL, "a resource has 1 to %u units, not %u",
				   KQUORUM_UNITS_MAX, request->units);
	if (!request->units && !request->has_max_waiters)
		return kq_lib_fail(k, -EINVAL, "nothing is to be set");
	if (request->create)
		mnl_attr_put(nlh, KQUORUM_A_CREATE, 0, NULL);
	if (request->units)
		mnl_attr_put_u32(nlh, KQUORUM_A_UNITS, request->units);
	if (request->has_max_waiters)
		mnl_attr_put_u32(nlh, KQUORUM_A_MAX_WAITERS, request->max_waiters);
	return kq_lib_open_handle(k, nlh);
}

int kquorum_resource_delete(struct kquorum *k, const char *name)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RESOURCE_DELETE, 0);
	int ret = kq_lib_put_resource(k, nlh, name);

	return ret ? ret : kq_lib_open_handle(k, nlh);
}
