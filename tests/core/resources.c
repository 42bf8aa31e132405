// SPDX-License-Identifier: GPL-2.0
/* Requests for resources as entries in the log of a core alone: see resources.h. */
#include "resources.h"

/* --- payloads --------------------------------------------------------------------------- */

uint32_t put_acquire(uint8_t *buf, uint64_t owner, const char *name, uint16_t flags, uint32_t units,
		     const char *info)
{
	uint32_t name_len = strlen(name), info_len = info ? strlen(info) : 0;
	struct kq_acquire_cmd a = {
		.owner = cpu_to_le64(owner), .pid = cpu_to_le32(owner % 30000),
		.units = cpu_to_le32(units), .flags = cpu_to_le16(flags | KQ_ACQUIRE_ADMIN),
		.name_len = cpu_to_le16(name_len), .info_len = cpu_to_le16(info_len),
		.comm = "test",
	};

	memcpy(buf, &a, sizeof(a));
	memcpy(buf + sizeof(a), name, name_len);
	if (info_len)
		memcpy(buf + sizeof(a) + name_len, info, info_len);
	return sizeof(a) + name_len + info_len;
}

uint32_t put_release(uint8_t *buf, uint64_t owner, const char *name)
{
	struct kq_release_cmd r = {
		.owner = cpu_to_le64(owner), .name_len = cpu_to_le16(strlen(name)),
	};

	memcpy(buf, &r, sizeof(r));
	memcpy(buf + sizeof(r), name, strlen(name));
	return sizeof(r) + strlen(name);
}

uint32_t put_define(uint8_t *buf, const char *name, uint16_t flags, uint32_t units,
		    uint32_t max_waiters)
{
	struct kq_define_cmd d = {
		.units = cpu_to_le32(units), .max_waiters = cpu_to_le32(max_waiters),
		.flags = cpu_to_le16(flags), .name_len = cpu_to_le16(strlen(name)),
	};

	memcpy(buf, &d, sizeof(d));
	memcpy(buf + sizeof(d), name, strlen(name));
	return sizeof(d) + strlen(name);
}

uint32_t put_terms(uint8_t *buf, const char *name, uint16_t flags, const struct kq_terms *is)
{
	struct kq_define_cmd d = {
		.units = cpu_to_le32(is->units), .max_waiters = cpu_to_le32(is->max_waiters),
		.ttl_ms = cpu_to_le32(is->ttl_ms), .hold_ms = cpu_to_le32(is->hold_ms),
		.uid = cpu_to_le32(is->uid), .gid = cpu_to_le32(is->gid),
		.mode = cpu_to_le16(is->mode), .fenced = cpu_to_le16(is->fenced),
		.flags = cpu_to_le16(flags), .name_len = cpu_to_le16(strlen(name)),
	};

	memcpy(buf, &d, sizeof(d));
	memcpy(buf + sizeof(d), name, strlen(name));
	return sizeof(d) + strlen(name);
}

uint32_t put_evict(uint8_t *buf, const struct kq_evict_cmd *who, const char *name)
{
	struct kq_evict_cmd v = *who;

	v.name_len = cpu_to_le16(strlen(name));
	memcpy(buf, &v, sizeof(v));
	memcpy(buf + sizeof(v), name, strlen(name));
	return sizeof(v) + strlen(name);
}

uint32_t put_fence(uint8_t *buf, const char *name, uint64_t token, uint16_t flags, uint32_t uid,
		   uint32_t gid)
{
	struct kq_fence_cmd f = {
		.token = cpu_to_le64(token), .uid = cpu_to_le32(uid), .gid = cpu_to_le32(gid),
		.flags = cpu_to_le16(flags), .name_len = cpu_to_le16(strlen(name)),
	};

	memcpy(buf, &f, sizeof(f));
	memcpy(buf + sizeof(f), name, strlen(name));
	return sizeof(f) + strlen(name);
}

uint32_t put_undefine(uint8_t *buf, const char *name)
{
	struct kq_undefine_cmd u = { .name_len = cpu_to_le16(strlen(name)) };

	memcpy(buf, &u, sizeof(u));
	memcpy(buf + sizeof(u), name, strlen(name));
	return sizeof(u) + strlen(name);
}

/* --- applied ---------------------------------------------------------------------------- */

static int32_t applied(struct kq_core *c, uint16_t type, uint32_t node, const uint8_t *payload,
		       uint32_t len)
{
	int32_t result = lone_apply(c, type, node, payload, len);

	assert_table(c);
	return result;
}

int32_t ask(struct kq_core *c, uint32_t node, uint64_t owner, const char *name, uint16_t flags,
	    uint32_t units)
{
	uint8_t buf[COMMAND_MAX];

	/* Every third says what it is for. */
	return applied(c, KQ_ENTRY_ACQUIRE, node, buf,
		       put_acquire(buf, owner, name, flags, units, owner % 3 ? NULL : "training"));
}

int32_t give_back(struct kq_core *c, uint32_t node, uint64_t owner, const char *name)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_RELEASE, node, buf, put_release(buf, owner, name));
}

int32_t define(struct kq_core *c, const char *name, uint16_t flags, uint32_t units,
	       uint32_t max_waiters)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_DEFINE, 1, buf,
		       put_define(buf, name, flags, units, max_waiters));
}

int32_t say(struct kq_core *c, const char *name, uint16_t flags, struct kq_terms is)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_DEFINE, 1, buf, put_terms(buf, name, flags, &is));
}

/* As @change makes it of a request for all of it by an admin. */
#define ASKED(change) do {							\
	uint8_t buf[COMMAND_MAX];						\
	uint32_t len = put_acquire(buf, owner, name, 0, 0, NULL);		\
	struct kq_acquire_cmd *cmd = (void *)buf;				\
										\
	change;									\
	return applied(c, KQ_ENTRY_ACQUIRE, node, buf, len);			\
} while (0)

int32_t ask_as(struct kq_core *c, uint32_t node, uint64_t owner, const char *name, uint16_t flags,
	       uint32_t uid, uint32_t gid)
{
	ASKED((cmd->flags = cpu_to_le16(flags), cmd->uid = cpu_to_le32(uid),
	       cmd->gid = cpu_to_le32(gid)));
}

int32_t ask_ending(struct kq_core *c, uint32_t node, uint64_t owner, const char *name,
		   uint32_t ttl_ms, uint32_t hold_ms)
{
	ASKED((cmd->ttl_ms = cpu_to_le32(ttl_ms), cmd->hold_ms = cpu_to_le32(hold_ms)));
}

static uint32_t evict_of(struct kq_core *c, uint8_t *buf, uint32_t node, uint64_t owner,
			 const char *name, uint32_t drain_ms)
{
	const struct kq_evict_cmd who = {
		.session = cpu_to_le64(node <= KQ_MAX_NODES ? c->session[node].id : 0),
		.owner = cpu_to_le64(owner), .node = cpu_to_le32(node),
		.drain_ms = cpu_to_le32(drain_ms),
	};

	return put_evict(buf, &who, name);
}

int32_t evict(struct kq_core *c, uint32_t node, uint64_t owner, const char *name,
	      uint32_t drain_ms)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_EVICT, 1, buf, evict_of(c, buf, node, owner, name, drain_ms));
}

int32_t take(struct kq_core *c, uint32_t node, uint64_t owner, const char *name)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_EVICT, 0, buf, evict_of(c, buf, node, owner, name, 0));
}

int32_t show(struct kq_core *c, const char *name, uint64_t token)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_FENCE, 2, buf,
		       put_fence(buf, name, token, KQ_ACQUIRE_ADMIN, 0, 0));
}

int32_t undefine(struct kq_core *c, const char *name)
{
	uint8_t buf[COMMAND_MAX];

	return applied(c, KQ_ENTRY_UNDEFINE, 1, buf, put_undefine(buf, name));
}

void end_session(struct kq_core *c, uint32_t node)
{
	lone_session(c, KQ_ENTRY_EXPIRE, node, c->session[node].id);
	assert_table(c);
	lone_session(c, KQ_ENTRY_OPEN, node, c->session[node].last_id + 1);
}

const char *numbers_of(struct kq_core *c, uint32_t node, uint64_t owner)
{
	static char text[4 * KQ_NUMBERED + 1];
	const struct kq_claim *claim = claim_of(c, node, owner);
	uint32_t i, len = 0;

	text[0] = '\0';
	for (i = 0; claim && i < claim->numbers; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%u", i ? "," : "",
				kq_claim_numbers(claim)[i]);
	return text;
}

/* --- what must hold --------------------------------------------------------------------- */

/* As the head comment of kq_m_resource.c says it, counted anew. */
static bool goes_together(const struct kq_resource *r, const struct kq_claim *c)
{
	uint64_t units = c->units;
	const struct kq_claim *h;

	list_for_each_entry(h, &r->holders, node) {
		if (h->mode != c->mode || c->mode == KQ_CLAIM_EXCLUSIVE)
			return false;
		units += h->units;
	}
	return units <= kq_resource_units(r);
}

static void assert_claim(struct kq_core *c, const struct kq_resource *r,
			 const struct kq_claim *claim)
{
	assert_ptr_equal(claim->resource, r);
	assert_ptr_equal(kq_claim_find(c->res, claim->holder_node, claim->session, claim->owner),
			 claim);
	assert_int_equal(claim->session, c->session[claim->holder_node].id);
	assert_int_equal(!claim->units, claim->mode != KQ_CLAIM_UNITS);
	assert_true(claim->index <= c->applied);
	assert_true(!claim->evicted || claim->token);
	assert_int_equal(claim->evicted, !list_empty(&claim->evicting));
	assert_true(claim->evicted || !claim->drain_ms);
}

static void assert_holders(struct kq_core *c, const struct kq_resource *r)
{
	const struct kq_claim *claim, *before = NULL;
	uint64_t numbers[KQ_NUMBERED / 64] = { 0 }, in_use = 0;
	uint32_t sharing = 0, i;

	list_for_each_entry(claim, &r->holders, node) {
		const uint8_t *number = kq_claim_numbers(claim);

		assert_claim(c, r, claim);
		assert_true(claim->token >> KQ_TOKEN_SHIFT >= claim->index);
		assert_true(claim->token >> KQ_TOKEN_SHIFT <= c->applied);
		if (before) {
			assert_int_equal(before->mode, claim->mode);
			assert_int_not_equal(claim->mode, KQ_CLAIM_EXCLUSIVE);
			/* Nobody overtook: who asked first was granted first. */
			assert_true(before->index < claim->index);
			assert_true(before->token <= claim->token);
		}
		before = claim;
		in_use += claim->units;
		sharing += claim->mode == KQ_CLAIM_SHARED;
		assert_true(!claim->numbers || claim->numbers == claim->units);
		for (i = 0; i < claim->numbers; i++) {
			assert_true(!i || number[i] > number[i - 1]);
			assert_false(numbers[number[i] / 64] >> number[i] % 64 & 1);
			numbers[number[i] / 64] |= 1ULL << number[i] % 64;
		}
	}
	assert_int_equal(r->in_use, in_use);
	assert_int_equal(r->sharing, sharing);
	assert_memory_equal(r->numbers, numbers, sizeof(numbers));
	assert_int_equal(r->token, before ? before->token : 0);
}

static void assert_queue(struct kq_core *c, const struct kq_resource *r)
{
	const struct kq_claim *claim, *first = NULL;
	uint64_t index = list_empty(&r->holders) ? 0 :
		list_last_entry(&r->holders, struct kq_claim, node)->index;
	uint32_t waiting = 0;

	list_for_each_entry(claim, &r->queue, node) {
		assert_claim(c, r, claim);
		assert_int_equal(claim->token, 0);
		assert_int_equal(claim->numbers, 0);
		assert_true(claim->index > index);
		assert_true(claim->units <= kq_resource_units(r));
		index = claim->index;
		first = first ? first : claim;
		waiting++;
	}
	assert_int_equal(r->waiting, waiting);
	assert_false(first && goes_together(r, first));
}

static uint32_t length(const struct list_head *list)
{
	const struct list_head *at;
	uint32_t n = 0;

	for (at = list->next; at != list; at = at->next)
		n++;
	return n;
}

void assert_table(struct kq_core *c)
{
	const struct kq_resources *res = c->res;
	uint64_t sum[KQ_SNAP_TYPES] = { 0 };
	uint32_t count[KQ_SNAP_TYPES] = { 0 }, claims = 0, pools = 0;
	const struct kq_item *item;
	struct rb_node *n;

	list_for_each_entry(item, &res->all, all) {
		uint8_t buf[KQ_ITEM_RECORD_MAX];
		uint32_t len = kq_item_record(item, buf);

		assert_int_equal(len, kq_item_record_len(item));
		sum[item->type] += kq_snap_hash(buf, len);
		count[item->type]++;
	}
	assert_int_equal(res->claims, count[KQ_SNAP_CLAIM]);
	assert_int_equal(res->pools, count[KQ_SNAP_POOL]);
	assert_memory_equal(res->sum, sum, sizeof(sum));
	for (n = rb_first(&res->by_name); n; n = rb_next(n)) {
		const struct kq_resource *r = rb_entry(n, struct kq_resource, node);

		assert_true(r->claims || r->pool);
		assert_true(list_empty(&r->touched));
		assert_int_equal(r->claims, length(&r->holders) + length(&r->queue));
		if (r->pool) {
			assert_ptr_equal(r->pool->resource, r);
			assert_true(!r->pool->is.fenced || r->pool->fence);
			assert_true(r->pool->fence >> KQ_TOKEN_SHIFT <= c->applied);
		}
		assert_holders(c, r);
		assert_queue(c, r);
		claims += r->claims;
		pools += !!r->pool;
	}
	assert_int_equal(claims, res->claims);
	assert_int_equal(pools, res->pools);
}

int resources_begin(struct kq_core **c)
{
	*c = lone_create();
	return 0;
}

int resources_end(struct kq_core *c)
{
	assert_table(c);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
	return 0;
}
