// SPDX-License-Identifier: GPL-2.0
/*
 * The fence of a resource: lower than seen is refused, equal allowed, higher noted; where it
 * begins, that it never falls, and which tokens nobody was given.
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

static void fenced(const char *name)
{
	assert_int_equal(say(c, name, KQ_DEFINE_NEW | KQ_DEFINE_UNITS | KQ_DEFINE_FENCED,
			     (struct kq_terms){ .units = 1, .fenced = 1 }), 0);
}

static int32_t set_fenced(const char *name, bool is)
{
	return say(c, name, KQ_DEFINE_FENCED, (struct kq_terms){ .fenced = is });
}

static uint64_t seen(const char *name)
{
	return resource_of(c, name)->pool->fence;
}

/* One after the other holds it; returns the token that it had. */
static uint64_t held_by(uint64_t owner)
{
	uint64_t token;

	assert_int_equal(ask(c, 1, owner, "disk", 0, 0), 0);
	token = claim_of(c, 1, owner)->token;
	assert_int_not_equal(token, 0);
	return token;
}

static void lower_than_seen_is_refused_and_equal_allowed(void **state)
{
	uint64_t old, new;

	(void)state;
	fenced("disk");
	old = held_by(1);
	assert_int_equal(give_back(c, 1, 1, "disk"), 0);
	new = held_by(2);
	assert_int_equal(show(c, "disk", old), 0);	/* nobody has shown a newer one yet */
	assert_int_equal(seen("disk"), old);
	assert_int_equal(show(c, "disk", new), 0);
	assert_int_equal(show(c, "disk", new), 0);
	assert_int_equal(show(c, "disk", old), -ESTALE);
	assert_int_equal(show(c, "disk", 0), -ESTALE);
	assert_int_equal(seen("disk"), new);
}

static void it_begins_with_who_holds_it_or_with_the_entry(void **state)
{
	uint64_t old, new;

	(void)state;
	old = held_by(1);
	assert_int_equal(give_back(c, 1, 1, "disk"), 0);
	new = held_by(2);
	fenced("disk");
	assert_int_equal(seen("disk"), new);
	assert_int_equal(show(c, "disk", old), -ESTALE);
	assert_int_equal(show(c, "disk", new), 0);
	assert_int_equal(give_back(c, 1, 2, "disk"), 0);
	/* Nobody holds it: whatever was granted before is over. */
	assert_int_equal(undefine(c, "disk"), 0);
	fenced("disk");
	assert_int_equal(seen("disk"), token_now(c));
	assert_int_equal(show(c, "disk", new), -ESTALE);
	new = held_by(3);
	assert_int_equal(show(c, "disk", new), 0);
}

/* Who is let in by the very entry that says so has its index for a token. */
static void who_is_let_in_by_the_entry_may_pass(void **state)
{
	(void)state;
	assert_int_equal(ask(c, 1, 1, "disk", 0, 1), 0);
	assert_int_equal(ask(c, 2, 1, "disk", 0, 1), 0);
	assert_int_equal(say(c, "disk", KQ_DEFINE_NEW | KQ_DEFINE_UNITS | KQ_DEFINE_FENCED,
			     (struct kq_terms){ .units = 2, .fenced = 1 }), 0);
	assert_int_equal(claim_of(c, 2, 1)->token, token_now(c));
	assert_int_equal(say(c, "disk", KQ_DEFINE_UNITS, (struct kq_terms){ .units = 1 }), 0);
	assert_int_equal(show(c, "disk", claim_of(c, 2, 1)->token), 0);
}

static void it_never_falls(void **state)
{
	uint64_t token, new;

	(void)state;
	fenced("disk");
	token = held_by(1);
	assert_int_equal(show(c, "disk", token), 0);
	assert_int_equal(set_fenced("disk", false), 0);
	assert_int_equal(show(c, "disk", token), -EMEDIUMTYPE);
	assert_int_equal(seen("disk"), token);
	assert_int_equal(set_fenced("disk", true), 0);
	assert_int_equal(seen("disk"), token);
	assert_int_equal(give_back(c, 1, 1, "disk"), 0);
	assert_int_equal(set_fenced("disk", false), 0);
	new = held_by(2);
	assert_int_equal(set_fenced("disk", true), 0);
	assert_int_equal(seen("disk"), new);
	assert_int_equal(say(c, "disk", KQ_DEFINE_UNITS, (struct kq_terms){ .units = 3 }), 0);
	assert_int_equal(show(c, "disk", new), -EMEDIUMTYPE);
	assert_int_equal(say(c, "disk", KQ_DEFINE_UNITS, (struct kq_terms){ .units = 1 }), 0);
	assert_int_equal(show(c, "disk", token), -ESTALE);
}

/* Such a one would keep everybody out who comes later, or holds it now. */
static void a_token_that_nobody_was_given_is_none(void **state)
{
	uint64_t token;

	(void)state;
	fenced("disk");
	assert_int_equal(show(c, "disk", U64_MAX), -EINVAL);
	assert_int_equal(show(c, "disk", (c->applied + 2) << KQ_TOKEN_SHIFT), -EINVAL);
	assert_int_equal(show(c, "disk", seen("disk") + 1), -EINVAL);
	token = held_by(1);
	assert_int_equal(ask(c, 2, 1, "other", 0, 0), 0);
	assert_int_equal(show(c, "disk", claim_of(c, 2, 1)->token), -EINVAL);
	assert_int_equal(show(c, "disk", token), 0);
	assert_int_equal(give_back(c, 1, 1, "disk"), 0);
	/* Several share it, and the newest of them is gone: his token may still be shown. */
	assert_int_equal(ask(c, 1, 2, "disk", KQ_ACQUIRE_SHARED, 0), 0);
	assert_int_equal(ask(c, 1, 3, "disk", KQ_ACQUIRE_SHARED, 0), 0);
	token = claim_of(c, 1, 3)->token;
	assert_int_equal(give_back(c, 1, 3, "disk"), 0);
	assert_int_equal(show(c, "disk", token), 0);
}

static int32_t show_as(const char *name, uint64_t token, uint32_t uid, uint32_t gid)
{
	uint8_t buf[COMMAND_MAX];

	return lone_apply(c, KQ_ENTRY_FENCE, 2, buf, put_fence(buf, name, token, 0, uid, gid));
}

static void who_may_have_it_may_ask(void **state)
{
	uint64_t token;

	(void)state;
	fenced("disk");
	token = held_by(1);
	assert_int_equal(say(c, "disk", KQ_DEFINE_UID | KQ_DEFINE_GID | KQ_DEFINE_MODE,
			     (struct kq_terms){ .uid = 5, .gid = 50, .mode = 0640 }), 0);
	assert_int_equal(show_as("disk", token, 5, 1), 0);
	assert_int_equal(show_as("disk", token, 6, 50), -EACCES);
	assert_int_equal(show_as("disk", token, 6, 1), -EACCES);
	/* He is not told either whether there is such a one. */
	assert_int_equal(show_as("tape", token, 5, 1), -EACCES);
	assert_int_equal(show(c, "tape", token), -ENOENT);
	assert_int_equal(ask(c, 2, 2, "db", 0, 0), 0);
	assert_int_equal(show(c, "db", claim_of(c, 2, 2)->token), -ENOENT);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(lower_than_seen_is_refused_and_equal_allowed),
		TEST(it_begins_with_who_holds_it_or_with_the_entry),
		TEST(who_is_let_in_by_the_entry_may_pass),
		TEST(it_never_falls),
		TEST(a_token_that_nobody_was_given_is_none),
		TEST(who_may_have_it_may_ask),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
