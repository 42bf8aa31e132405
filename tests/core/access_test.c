// SPDX-License-Identifier: GPL-2.0
/*
 * What can be said of a resource beside its units: who may have it, what a grant of it is bound to,
 * each by itself; and what is refused by that.
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

#define NEW (KQ_DEFINE_NEW | KQ_DEFINE_UNITS)
#define WHO (KQ_DEFINE_UID | KQ_DEFINE_GID | KQ_DEFINE_MODE)
#define SHARE KQ_ACQUIRE_SHARED

static const struct kq_terms *terms(const char *name)
{
	return &resource_of(c, name)->pool->is;
}

static void a_user_has_only_what_the_bits_of_his_class_let_him_have(void **state)
{
	static const struct {
		uint16_t mode;
		bool share[3], rest[3];		/* owner, group, others */
	} row[] = {
		{ 0600, { true, false, false }, { true, false, false } },
		{ 0666, { true, true, true }, { true, true, true } },
		{ 0640, { true, true, false }, { true, false, false } },
		{ 0644, { true, true, true }, { true, false, false } },
		{ 0660, { true, true, false }, { true, true, false } },
		{ 0222, { false, false, false }, { true, true, true } },
		{ 0, { false, false, false }, { false, false, false } },
		/* Who owns it, or is in its group, does not go by what others may. */
		{ 0066, { false, true, true }, { false, true, true } },
		{ 0606, { true, false, true }, { true, false, true } },
	};
	static const struct { uint32_t uid, gid; } who[] = { { 5, 1 }, { 6, 50 }, { 6, 51 } };
	uint32_t i, k;

	(void)state;
	assert_int_equal(say(c, "gpu", NEW | WHO, (struct kq_terms){ .units = 1, .uid = 5,
			     .gid = 50 }), 0);
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		assert_int_equal(say(c, "gpu", KQ_DEFINE_MODE,
				     (struct kq_terms){ .mode = row[i].mode }), 0);
		for (k = 0; k < 3; k++) {
			if (ask_as(c, 1, 1, "gpu", SHARE, who[k].uid, who[k].gid) !=
			    (row[i].share[k] ? 0 : -EACCES))
				fail_msg("mode %o, class %u, share", row[i].mode, k);
			give_back(c, 1, 1, "gpu");
			if (ask_as(c, 1, 1, "gpu", 0, who[k].uid, who[k].gid) !=
			    (row[i].rest[k] ? 0 : -EACCES))
				fail_msg("mode %o, class %u", row[i].mode, k);
			give_back(c, 1, 1, "gpu");
		}
		assert_int_equal(ask_as(c, 1, 1, "gpu", KQ_ACQUIRE_ADMIN, 99, 99), 0);
		assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	}
}

static void what_is_not_defined_is_for_admins(void **state)
{
	(void)state;
	assert_int_equal(ask_as(c, 1, 1, "db", 0, 0, 0), -EACCES);
	assert_int_equal(ask_as(c, 1, 1, "db", SHARE, 7, 7), -EACCES);
	assert_null(resource_of(c, "db"));
	/* Nor when an admin holds it for the moment. */
	assert_int_equal(ask(c, 2, 1, "db", 0, 0), 0);
	assert_int_equal(ask_as(c, 1, 1, "db", 0, 7, 7), -EACCES);
	assert_int_equal(ask_as(c, 1, 1, "db", KQ_ACQUIRE_TRY, 7, 7), -EACCES);
	assert_int_equal(resource_of(c, "db")->claims, 1);
}

static void when_nothing_is_said_its_owner_has_it(void **state)
{
	(void)state;
	assert_int_equal(say(c, "gpu", NEW | KQ_DEFINE_UID, (struct kq_terms){ .units = 1,
			     .uid = 5 }), 0);
	assert_int_equal(terms("gpu")->mode, 0600);
	assert_int_equal(ask_as(c, 1, 1, "gpu", 0, 6, 0), -EACCES);
	assert_int_equal(ask_as(c, 1, 1, "gpu", 0, 5, 0), 0);
}

/* It is looked at once: who waits or holds keeps that, whatever is said later. */
static void who_asked_while_he_might_keeps_his_place(void **state)
{
	(void)state;
	assert_int_equal(say(c, "gpu", NEW | WHO, (struct kq_terms){ .units = 1, .uid = 5,
			     .mode = 0666 }), 0);
	assert_int_equal(ask_as(c, 1, 1, "gpu", 0, 7, 7), 0);
	assert_int_equal(ask_as(c, 2, 1, "gpu", 0, 8, 8), 0);
	assert_int_equal(claim_of(c, 2, 1)->uid, 8);
	assert_int_equal(say(c, "gpu", KQ_DEFINE_MODE, (struct kq_terms){ .mode = 0 }), 0);
	assert_int_equal(ask_as(c, 3, 1, "gpu", 0, 5, 5), -EACCES);
	assert_int_equal(give_back(c, 1, 1, "gpu"), 0);
	assert_true(holds(c, 2, 1));
}

static void each_term_is_said_by_itself(void **state)
{
	struct kq_terms now = { .units = 4, .max_waiters = 3, .ttl_ms = 1000, .hold_ms = 2000,
				.uid = 5, .gid = 6, .mode = 0640, .fenced = 1 };

	(void)state;
	assert_int_equal(say(c, "gpu", KQ_DEFINE_FLAGS, now), 0);
	assert_memory_equal(terms("gpu"), &now, sizeof(now));
#define ALONE(flag, field, value) do {						\
	struct kq_terms one = { .field = value };				\
										\
	now.field = value;							\
	assert_int_equal(say(c, "gpu", KQ_DEFINE_##flag, one), 0);		\
	assert_memory_equal(terms("gpu"), &now, sizeof(now));			\
} while (0)
	ALONE(UNITS, units, 7);
	ALONE(MAX_WAITERS, max_waiters, 0);
	ALONE(TTL, ttl_ms, 0);
	ALONE(HOLD, hold_ms, KQ_GRANT_MS_MAX);
	ALONE(UID, uid, U32_MAX);
	ALONE(GID, gid, 0);
	ALONE(MODE, mode, 0666);
	ALONE(FENCED, fenced, 0);
#undef ALONE
	assert_int_equal(say(c, "gpu", 0, (struct kq_terms){ 0 }), 0);
	assert_memory_equal(terms("gpu"), &now, sizeof(now));
}

static void a_grant_is_bound_when_it_is_made(void **state)
{
	static const struct {
		uint32_t says_ttl, says_hold, asks_ttl, asks_hold, ttl, hold;
	} row[] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 500, 700, 500, 700 },
		{ 1000, 0, 0, 0, 1000, 0 },
		{ 1000, 0, 500, 0, 500, 0 },
		{ 1000, 0, 3000, 0, 3000, 0 },		/* what is said is for who asks for none */
		{ 0, 2000, 0, 0, 0, 2000 },
		{ 0, 2000, 0, 700, 0, 700 },
		{ 0, 2000, 0, 9000, 0, 2000 },		/* nobody holds it longer */
	};
	uint32_t i;

	(void)state;
	assert_int_equal(ask_ending(c, 1, 1, "db", 500, 700), 0);
	assert_int_equal(claim_of(c, 1, 1)->ttl_ms, 500);
	assert_int_equal(claim_of(c, 1, 1)->hold_ms, 700);
	pool(c, "gpu", 1);
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 0), 0);
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		uint64_t owner = 10 + i;

		/* What counts is said while it waits, and what is said later does not. */
		assert_int_equal(ask_ending(c, 1, owner, "gpu", row[i].asks_ttl,
					    row[i].asks_hold), 0);
		assert_int_equal(claim_of(c, 1, owner)->ttl_ms, row[i].asks_ttl);
		assert_int_equal(say(c, "gpu", KQ_DEFINE_TTL | KQ_DEFINE_HOLD, (struct kq_terms){
				     .ttl_ms = row[i].says_ttl, .hold_ms = row[i].says_hold }), 0);
		assert_int_equal(give_back(c, 2, i + 1, "gpu"), 0);
		assert_int_equal(say(c, "gpu", KQ_DEFINE_TTL | KQ_DEFINE_HOLD, (struct kq_terms){
				     .ttl_ms = 1, .hold_ms = 1 }), 0);
		if (claim_of(c, 1, owner)->ttl_ms != row[i].ttl ||
		    claim_of(c, 1, owner)->hold_ms != row[i].hold)
			fail_msg("row %u: %u and %u ms", i, claim_of(c, 1, owner)->ttl_ms,
				 claim_of(c, 1, owner)->hold_ms);
		assert_int_equal(ask(c, 2, i + 2, "gpu", 0, 0), 0);
		assert_int_equal(give_back(c, 1, owner, "gpu"), 0);
	}
}

/* The table of before is as it was, in a replica that was restored from a snapshot. */
static void all_of_it_is_in_snapshots(void **state)
{
	struct image im;
	struct kq_core *twin;

	(void)state;
	assert_int_equal(say(c, "gpu", KQ_DEFINE_FLAGS, (struct kq_terms){ .units = 1, .uid = 5,
			     .gid = 6, .mode = 0640, .ttl_ms = 1000, .hold_ms = 2000,
			     .fenced = 1 }), 0);
	assert_int_equal(ask_as(c, 1, 1, "gpu", 0, 5, 6), 0);
	assert_int_equal(ask_ending(c, 2, 1, "gpu", 400, 0), 0);
	assert_int_equal(evict(c, 1, 1, "gpu", 30), 0);
	assert_int_equal(show(c, "gpu", claim_of(c, 1, 1)->token), 0);
	image_take(&im, c, 100);
	twin = twin_of(&im, 100);
	assert_same_state(c, twin);
	assert_table(twin);
	assert_int_equal(claim_of(twin, 1, 1)->ttl_ms, 1000);
	assert_int_equal(claim_of(twin, 1, 1)->drain_ms, 30);
	assert_int_equal(resource_of(twin, "gpu")->pool->fence, claim_of(c, 1, 1)->token);
	kq_core_destroy(twin);
	image_free(&im);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_user_has_only_what_the_bits_of_his_class_let_him_have),
		TEST(what_is_not_defined_is_for_admins),
		TEST(when_nothing_is_said_its_owner_has_it),
		TEST(who_asked_while_he_might_keeps_his_place),
		TEST(each_term_is_said_by_itself),
		TEST(a_grant_is_bound_when_it_is_made),
		TEST(all_of_it_is_in_snapshots),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
