// SPDX-License-Identifier: GPL-2.0
/*
 * Commands for resources as no core would make them: each is refused where it is proposed, and has
 * no effect where it is in the log all the same. And those for which there is no memory.
 */
#include "resources.h"

static struct kq_core *c;

static int setup(void **state)
{
	(void)state;
	return resources_begin(&c);
}

static int teardown(void **state)
{
	(void)state;
	return resources_end(c);
}

/* Would a leader let it into its log? */
static int checked(uint16_t type, const uint8_t *payload, uint32_t len)
{
	struct kq_record rec = {
		.len = cpu_to_le32(len), .type = cpu_to_le16(type), .node = cpu_to_le32(1),
		.session = cpu_to_le64(c->session[1].id), .seq = cpu_to_le64(1000),
		.settled = cpu_to_le64(1000),
	};
	uint8_t *copy = malloc(len + !len);	/* of its own size, for ASan */
	int err;

	memcpy(copy, payload, len);
	err = kq_machines_check(c, &rec, copy);
	free(copy);
	return err;
}

static void refused(uint16_t type, const uint8_t *payload, uint32_t len, const char *what)
{
	struct kq_resources before = *c->res;
	long live;

	if (checked(type, payload, len) != -EINVAL)
		fail_msg("it is proposed: %s", what);
	if (lone_apply(c, type, 1, payload, len) != -EINVAL)
		fail_msg("it is applied: %s", what);
	/* Nothing of it is kept: with the last entry alone there is always as much. */
	kq_log_trim(&c->log, c->log.last - 1);
	live = kq_alloc_live;
	assert_int_equal(lone_apply(c, type, 1, payload, len), -EINVAL);
	kq_log_trim(&c->log, c->log.last - 1);
	assert_int_equal(kq_alloc_live, live);
	assert_memory_equal(&before, c->res, sizeof(before));
}

/* With one field changed; @len may be changed too. */
#define BAD(type, change) do {							\
	memcpy(buf, good, sizeof(buf));						\
	len = good_len;								\
	change;									\
	refused(type, buf, len, #change);					\
} while (0)

static void an_acquire_that_cannot_be_has_no_effect(void **state)
{
	uint8_t good[2 * COMMAND_MAX] = { 0 }, buf[sizeof(good)];
	struct kq_acquire_cmd *a = (void *)buf;
	uint32_t good_len = put_acquire(good, 7, "db", 0, 1, "what for"), len;

	(void)state;
	assert_int_equal(checked(KQ_ENTRY_ACQUIRE, good, good_len), 0);
	BAD(KQ_ENTRY_ACQUIRE, len = 0);
	BAD(KQ_ENTRY_ACQUIRE, len = sizeof(*a) - 1);
	BAD(KQ_ENTRY_ACQUIRE, len = sizeof(*a));
	BAD(KQ_ENTRY_ACQUIRE, len--);
	BAD(KQ_ENTRY_ACQUIRE, len++);
	BAD(KQ_ENTRY_ACQUIRE, a->name_len = 0);
	BAD(KQ_ENTRY_ACQUIRE, a->name_len = cpu_to_le16(1));
	BAD(KQ_ENTRY_ACQUIRE, a->name_len = cpu_to_le16(0xffff));
	BAD(KQ_ENTRY_ACQUIRE, (a->name_len = 0, a->info_len = cpu_to_le16(10)));
	BAD(KQ_ENTRY_ACQUIRE, (a->name_len = cpu_to_le16(KQ_RESOURCE_MAX + 1), a->info_len = 0,
			       len = sizeof(*a) + KQ_RESOURCE_MAX + 1));
	BAD(KQ_ENTRY_ACQUIRE, a->info_len = cpu_to_le16(7));
	BAD(KQ_ENTRY_ACQUIRE, a->info_len = cpu_to_le16(0xffff));
	BAD(KQ_ENTRY_ACQUIRE, (a->info_len = cpu_to_le16(KQ_INFO_MAX + 1),
			       len = sizeof(*a) + 2 + KQ_INFO_MAX + 1));
	BAD(KQ_ENTRY_ACQUIRE, a->zero = cpu_to_le16(1));
	BAD(KQ_ENTRY_ACQUIRE, a->flags = cpu_to_le16(8));
	BAD(KQ_ENTRY_ACQUIRE, a->flags = cpu_to_le16(0x8000));
	BAD(KQ_ENTRY_ACQUIRE, a->flags = cpu_to_le16(KQ_ACQUIRE_SHARED));
	BAD(KQ_ENTRY_ACQUIRE, a->units = cpu_to_le32(KQ_UNITS_MAX + 1));
	BAD(KQ_ENTRY_ACQUIRE, a->units = cpu_to_le32(U32_MAX));
	BAD(KQ_ENTRY_ACQUIRE, a->ttl_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	BAD(KQ_ENTRY_ACQUIRE, a->hold_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	BAD(KQ_ENTRY_ACQUIRE, a->hold_ms = cpu_to_le32(U32_MAX));
	assert_int_equal(c->res->claims, 0);
	/* As long as they can be. */
	memset(good, 0, sizeof(good));
	a = (void *)good;
	a->name_len = cpu_to_le16(KQ_RESOURCE_MAX);
	a->info_len = cpu_to_le16(KQ_INFO_MAX);
	a->units = cpu_to_le32(1);
	a->flags = cpu_to_le16(KQ_ACQUIRE_ADMIN);
	len = sizeof(*a) + KQ_RESOURCE_MAX + KQ_INFO_MAX;
	assert_int_equal(checked(KQ_ENTRY_ACQUIRE, good, len), 0);
	assert_int_equal(lone_apply(c, KQ_ENTRY_ACQUIRE, 1, good, len), 0);
	assert_int_equal(c->res->claims, 1);
}

static void a_release_that_cannot_be_has_no_effect(void **state)
{
	uint8_t good[2 * COMMAND_MAX] = { 0 }, buf[sizeof(good)];
	struct kq_release_cmd *r = (void *)buf;
	uint32_t good_len = put_release(good, 7, "db"), len;

	(void)state;
	assert_int_equal(ask(c, 1, 7, "db", 0, 0), 0);
	assert_int_equal(checked(KQ_ENTRY_RELEASE, good, good_len), 0);
	BAD(KQ_ENTRY_RELEASE, len = 0);
	BAD(KQ_ENTRY_RELEASE, len = sizeof(*r) - 1);
	BAD(KQ_ENTRY_RELEASE, len = sizeof(*r));
	BAD(KQ_ENTRY_RELEASE, len--);
	BAD(KQ_ENTRY_RELEASE, len++);
	BAD(KQ_ENTRY_RELEASE, (r->name_len = 0, len = sizeof(*r)));
	BAD(KQ_ENTRY_RELEASE, (r->name_len = cpu_to_le16(KQ_RESOURCE_MAX + 1),
			       len = sizeof(*r) + KQ_RESOURCE_MAX + 1));
	BAD(KQ_ENTRY_RELEASE, r->zero = cpu_to_le32(1));
	BAD(KQ_ENTRY_RELEASE, r->why = cpu_to_le16(KQ_RELEASE_WHYS));
	BAD(KQ_ENTRY_RELEASE, r->why = cpu_to_le16(0xffff));
	assert_true(holds(c, 1, 7));
	/* Of a resource that this owner does not hold. */
	assert_int_equal(give_back(c, 1, 7, "dc"), -ENOENT);
	assert_int_equal(give_back(c, 1, 7, "d"), -ENOENT);
	assert_int_equal(give_back(c, 2, 7, "db"), -ENOENT);
	assert_int_equal(give_back(c, 1, 7, "db"), 0);
}

static void a_define_that_cannot_be_has_no_effect(void **state)
{
	uint8_t good[2 * COMMAND_MAX] = { 0 }, buf[sizeof(good)];
	struct kq_define_cmd *d = (void *)buf;
	const __le16 good_flags = cpu_to_le16(KQ_DEFINE_NEW | KQ_DEFINE_UNITS |
					      KQ_DEFINE_MAX_WAITERS);
	uint32_t good_len = put_define(good, "gpu", KQ_DEFINE_FLAGS, 4, 9), len;

	(void)state;
	assert_int_equal(checked(KQ_ENTRY_DEFINE, good, good_len), 0);
	BAD(KQ_ENTRY_DEFINE, len = 0);
	BAD(KQ_ENTRY_DEFINE, len = sizeof(*d) - 1);
	BAD(KQ_ENTRY_DEFINE, len = sizeof(*d));
	BAD(KQ_ENTRY_DEFINE, len--);
	BAD(KQ_ENTRY_DEFINE, len++);
	BAD(KQ_ENTRY_DEFINE, (d->name_len = 0, len = sizeof(*d)));
	BAD(KQ_ENTRY_DEFINE, (d->name_len = cpu_to_le16(KQ_RESOURCE_MAX + 1),
			      len = sizeof(*d) + KQ_RESOURCE_MAX + 1));
	BAD(KQ_ENTRY_DEFINE, d->flags = cpu_to_le16(KQ_DEFINE_FLAGS | 512));
	BAD(KQ_ENTRY_DEFINE, d->flags = cpu_to_le16(KQ_DEFINE_FLAGS | 0x8000));
	BAD(KQ_ENTRY_DEFINE, d->units = 0);
	BAD(KQ_ENTRY_DEFINE, d->units = cpu_to_le32(KQ_UNITS_MAX + 1));
	BAD(KQ_ENTRY_DEFINE, d->flags = cpu_to_le16(KQ_DEFINE_NEW | KQ_DEFINE_MAX_WAITERS));
	BAD(KQ_ENTRY_DEFINE, (d->flags = cpu_to_le16(KQ_DEFINE_NEW | KQ_DEFINE_MAX_WAITERS),
			      d->units = 0));
	BAD(KQ_ENTRY_DEFINE, d->flags = cpu_to_le16(KQ_DEFINE_NEW | KQ_DEFINE_UNITS));
	BAD(KQ_ENTRY_DEFINE, d->flags = cpu_to_le16(KQ_DEFINE_UNITS));
	BAD(KQ_ENTRY_DEFINE, d->flags = 0);
	BAD(KQ_ENTRY_DEFINE, d->ttl_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	BAD(KQ_ENTRY_DEFINE, d->hold_ms = cpu_to_le32(U32_MAX));
	BAD(KQ_ENTRY_DEFINE, d->mode = cpu_to_le16(0777));
	BAD(KQ_ENTRY_DEFINE, d->mode = cpu_to_le16(01000));
	BAD(KQ_ENTRY_DEFINE, d->fenced = cpu_to_le16(2));
	/* What does not count is 0. */
	BAD(KQ_ENTRY_DEFINE, (d->flags = good_flags, d->ttl_ms = cpu_to_le32(1)));
	BAD(KQ_ENTRY_DEFINE, (d->flags = good_flags, d->hold_ms = cpu_to_le32(1)));
	BAD(KQ_ENTRY_DEFINE, (d->flags = good_flags, d->uid = cpu_to_le32(1)));
	BAD(KQ_ENTRY_DEFINE, (d->flags = good_flags, d->gid = cpu_to_le32(1)));
	BAD(KQ_ENTRY_DEFINE, (d->flags = good_flags, d->mode = cpu_to_le16(0600)));
	BAD(KQ_ENTRY_DEFINE, (d->flags = good_flags, d->fenced = cpu_to_le16(1)));
	assert_int_equal(c->res->pools, 0);
	assert_int_equal(lone_apply(c, KQ_ENTRY_DEFINE, 1, good, good_len), 0);
	assert_int_equal(c->res->pools, 1);
}

static void an_undefine_that_cannot_be_has_no_effect(void **state)
{
	uint8_t good[2 * COMMAND_MAX] = { 0 }, buf[sizeof(good)];
	struct kq_undefine_cmd *u = (void *)buf;
	uint32_t good_len = put_undefine(good, "gpu"), len;

	(void)state;
	pool(c, "gpu", 4);
	assert_int_equal(checked(KQ_ENTRY_UNDEFINE, good, good_len), 0);
	BAD(KQ_ENTRY_UNDEFINE, len = 0);
	BAD(KQ_ENTRY_UNDEFINE, len = sizeof(*u) - 1);
	BAD(KQ_ENTRY_UNDEFINE, len = sizeof(*u));
	BAD(KQ_ENTRY_UNDEFINE, len--);
	BAD(KQ_ENTRY_UNDEFINE, len++);
	BAD(KQ_ENTRY_UNDEFINE, (u->name_len = 0, len = sizeof(*u)));
	BAD(KQ_ENTRY_UNDEFINE, (u->name_len = cpu_to_le16(KQ_RESOURCE_MAX + 1),
				len = sizeof(*u) + KQ_RESOURCE_MAX + 1));
	BAD(KQ_ENTRY_UNDEFINE, u->zero = cpu_to_le16(1));
	BAD(KQ_ENTRY_UNDEFINE, u->zero2 = cpu_to_le32(1));
	assert_int_equal(c->res->pools, 1);
	assert_int_equal(lone_apply(c, KQ_ENTRY_UNDEFINE, 1, good, good_len), 0);
	assert_int_equal(c->res->pools, 0);
}

static void an_evict_that_cannot_be_has_no_effect(void **state)
{
	uint8_t good[2 * COMMAND_MAX] = { 0 }, buf[sizeof(good)];
	struct kq_evict_cmd *v = (void *)buf;
	struct kq_evict_cmd who = { .session = cpu_to_le64(c->session[1].id),
				    .owner = cpu_to_le64(7), .node = cpu_to_le32(1) };
	uint32_t good_len = put_evict(good, &who, "db"), len;

	(void)state;
	assert_int_equal(ask(c, 1, 7, "db", 0, 0), 0);
	assert_int_equal(checked(KQ_ENTRY_EVICT, good, good_len), 0);
	BAD(KQ_ENTRY_EVICT, len = 0);
	BAD(KQ_ENTRY_EVICT, len = sizeof(*v) - 1);
	BAD(KQ_ENTRY_EVICT, len = sizeof(*v));
	BAD(KQ_ENTRY_EVICT, len--);
	BAD(KQ_ENTRY_EVICT, len++);
	BAD(KQ_ENTRY_EVICT, (v->name_len = 0, len = sizeof(*v)));
	BAD(KQ_ENTRY_EVICT, v->node = cpu_to_le32(KQ_MAX_NODES + 1));
	BAD(KQ_ENTRY_EVICT, v->node = cpu_to_le32(U32_MAX));
	BAD(KQ_ENTRY_EVICT, v->drain_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	BAD(KQ_ENTRY_EVICT, v->zero = cpu_to_le16(1));
	BAD(KQ_ENTRY_EVICT, v->zero2 = cpu_to_le32(1));
	assert_false(claim_of(c, 1, 7)->evicted);
	assert_int_equal(lone_apply(c, KQ_ENTRY_EVICT, 2, good, good_len), 0);
	assert_true(claim_of(c, 1, 7)->evicted);
	/* What the leader alone says without a session nobody else may propose. */
	{
		struct kq_record rec = { .len = cpu_to_le32(good_len), .node = cpu_to_le32(2),
					 .type = cpu_to_le16(KQ_ENTRY_EVICT) };

		assert_int_equal(kq_machines_check(c, &rec, good), -EINVAL);
	}
}

static void a_fence_that_cannot_be_has_no_effect(void **state)
{
	uint8_t good[2 * COMMAND_MAX] = { 0 }, buf[sizeof(good)];
	struct kq_fence_cmd *f = (void *)buf;
	uint32_t good_len, len;
	uint64_t token;

	(void)state;
	assert_int_equal(say(c, "db", KQ_DEFINE_NEW | KQ_DEFINE_UNITS | KQ_DEFINE_FENCED,
			     (struct kq_terms){ .units = 1, .fenced = 1 }), 0);
	assert_int_equal(ask(c, 1, 7, "db", 0, 0), 0);
	token = claim_of(c, 1, 7)->token;
	good_len = put_fence(good, "db", token, KQ_ACQUIRE_ADMIN, 0, 0);
	assert_int_equal(checked(KQ_ENTRY_FENCE, good, good_len), 0);
	BAD(KQ_ENTRY_FENCE, len = 0);
	BAD(KQ_ENTRY_FENCE, len = sizeof(*f) - 1);
	BAD(KQ_ENTRY_FENCE, len = sizeof(*f));
	BAD(KQ_ENTRY_FENCE, len--);
	BAD(KQ_ENTRY_FENCE, len++);
	BAD(KQ_ENTRY_FENCE, (f->name_len = 0, len = sizeof(*f)));
	BAD(KQ_ENTRY_FENCE, f->flags = cpu_to_le16(KQ_ACQUIRE_ADMIN | KQ_ACQUIRE_SHARED));
	BAD(KQ_ENTRY_FENCE, f->flags = cpu_to_le16(KQ_ACQUIRE_ADMIN | 8));
	BAD(KQ_ENTRY_FENCE, f->zero = cpu_to_le32(1));
	assert_true(resource_of(c, "db")->pool->fence < token);
	assert_int_equal(lone_apply(c, KQ_ENTRY_FENCE, 2, good, good_len), 0);
	assert_int_equal(resource_of(c, "db")->pool->fence, token);
}

static void when_there_is_no_room_it_is_said_before_it_is_in_the_log(void **state)
{
	uint8_t buf[COMMAND_MAX];
	uint32_t len = put_acquire(buf, 1, "db", 0, 0, NULL);

	(void)state;
	c->res->claims = KQ_MAX_CLAIMS;
	assert_int_equal(checked(KQ_ENTRY_ACQUIRE, buf, len), -ENFILE);
	len = put_release(buf, 1, "db");
	assert_int_equal(checked(KQ_ENTRY_RELEASE, buf, len), 0);
	c->res->claims = 0;
}

/* Whichever of the allocations for it fails, it is not in the log and nothing is left. */
static uint32_t entered(uint16_t type, const uint8_t *payload, uint32_t len)
{
	struct kq_record rec = {
		.len = cpu_to_le32(len), .type = cpu_to_le16(type), .node = cpu_to_le32(1),
		.index = cpu_to_le64(1), .term = cpu_to_le64(1),
	};
	long live = kq_alloc_live;
	uint32_t nth = 0;
	int err;

	do {
		struct kq_log log = { 0 };

		kq_alloc_fail_at = ++nth;
		err = kq_machines_log(&log, &rec, payload, kq_log_append);
		kq_alloc_fail_at = 0;
		assert_true(!err || err == -ENOMEM);
		assert_int_equal(log.last, err ? 0 : 1);
		kq_log_destroy(&log);
		assert_int_equal(kq_alloc_live, live);
	} while (err);
	return nth - 1;
}

static void what_applying_needs_is_there_before_it_is_in_the_log(void **state)
{
	uint8_t buf[COMMAND_MAX];
	uint32_t plain;

	(void)state;
	plain = entered(KQ_ENTRY_RELEASE, buf, put_release(buf, 1, "db"));
	assert_int_equal(entered(KQ_ENTRY_UNDEFINE, buf, put_undefine(buf, "db")), plain);
	assert_int_equal(entered(KQ_ENTRY_ACQUIRE, buf, put_acquire(buf, 1, "db", 0, 300, "x")),
			 plain + 2);
	assert_int_equal(entered(KQ_ENTRY_DEFINE, buf,
				 put_define(buf, "db", KQ_DEFINE_FLAGS, 4, 9)), plain + 2);
	/* One that will not take effect needs nothing. */
	assert_int_equal(entered(KQ_ENTRY_ACQUIRE, buf, put_acquire(buf, 1, "db", 8, 0, NULL)),
			 plain);
	assert_int_equal(entered(KQ_ENTRY_DEFINE, buf, put_define(buf, "db", 512, 4, 0)), plain);
}

/* An entry that is applied when no memory is to be had. */
static void applied_without_memory(uint16_t type, const uint8_t *payload, uint32_t len)
{
	struct kq_entry *e = kq_entry_alloc(type, payload, len);

	assert_non_null(e);
	assert_int_equal(kq_machines_prepare(e), 0);
	e->rec.index = cpu_to_le64(++c->applied);
	e->rec.node = cpu_to_le32(1);
	e->rec.session = cpu_to_le64(c->session[1].id);
	kq_alloc_fail_at = 1;
	assert_int_equal(kq_resource_machine_ops.apply(c, e), 0);
	assert_int_equal(kq_alloc_fail_at, 1);		/* none was asked for */
	kq_alloc_fail_at = 0;
	kq_entry_free(e);
	assert_table(c);
}

static void applying_asks_for_no_memory(void **state)
{
	uint8_t b[COMMAND_MAX];

	(void)state;
	applied_without_memory(KQ_ENTRY_DEFINE, b, put_define(b, "gpu", KQ_DEFINE_FLAGS, 4, 9));
	applied_without_memory(KQ_ENTRY_ACQUIRE, b, put_acquire(b, 1, "gpu", 0, 2, "x"));
	applied_without_memory(KQ_ENTRY_ACQUIRE, b, put_acquire(b, 2, "gpu", 0, 4, NULL));
	applied_without_memory(KQ_ENTRY_ACQUIRE, b, put_acquire(b, 3, "gpu", 0, 1, NULL));
	applied_without_memory(KQ_ENTRY_DEFINE, b, put_define(b, "gpu", KQ_DEFINE_UNITS, 3, 0));
	applied_without_memory(KQ_ENTRY_ACQUIRE, b,
			       put_acquire(b, 4, "db", KQ_ACQUIRE_SHARED, 0, NULL));
	applied_without_memory(KQ_ENTRY_RELEASE, b, put_release(b, 1, "gpu"));
	applied_without_memory(KQ_ENTRY_RELEASE, b, put_release(b, 3, "gpu"));
	applied_without_memory(KQ_ENTRY_RELEASE, b, put_release(b, 4, "db"));
	applied_without_memory(KQ_ENTRY_UNDEFINE, b, put_undefine(b, "gpu"));
	assert_null(rb_first(&c->res->by_name));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(an_acquire_that_cannot_be_has_no_effect),
		TEST(a_release_that_cannot_be_has_no_effect),
		TEST(a_define_that_cannot_be_has_no_effect),
		TEST(an_undefine_that_cannot_be_has_no_effect),
		TEST(an_evict_that_cannot_be_has_no_effect),
		TEST(a_fence_that_cannot_be_has_no_effect),
		TEST(when_there_is_no_room_it_is_said_before_it_is_in_the_log),
		TEST(what_applying_needs_is_there_before_it_is_in_the_log),
		TEST(applying_asks_for_no_memory),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
