// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does by itself before a grant comes to its own end, while the session's lease is
 * renewed all the time: the margins count from whatever comes first; a renewal puts them off, an
 * eviction brings them near.
 */
#include "victim.h"

#define TTL_MS		1500u

/* Held by who has to renew it in TTL_MS, or has it for so long. */
static struct file *held_until(struct kunit *test, u32 ttl_ms, u32 hold_ms)
{
	struct fixture *f = test->priv;
	const struct kq_lock_ask ask = {
		.name = "a", .name_len = 1, .ttl_ms = ttl_ms, .hold_ms = hold_ms, .admin = true,
		.flags = KQUORUM_LOCK_OTHERS,
	};
	struct file *file = kq_lock_file(f->node, &ask);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(file), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_owner(f, file).state == KQUORUM_LOCK_GRANTED));
	return file;
}

static void renew(struct kunit *test, struct file *file)
{
	struct kquorum_renew r = { fixture_owner(test->priv, file).token };
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, kernel_write(file, &r, sizeof(r), &pos), (ssize_t)sizeof(r));
}

/* The signals of @v came before @end, and the loss with it. */
static void expect_stopped(struct kunit *test, struct file *file, struct victim *v, u64 end,
			   s32 error)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	expect_at(test, v, 0, SIGTERM, end, WARN_MS);
	expect_at(test, v, 1, SIGKILL, end, KILL_MS);
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_owner(f, file).state == KQUORUM_LOCK_LOST));
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).error, error);
	KUNIT_EXPECT_LE(test, end, kq_clock());
}

static void who_does_not_renew_is_stopped_before_the_end(struct kunit *test)
{
	struct victim *v = victim_make(test);
	struct file *file = held_until(test, TTL_MS, 0);
	u64 end = fixture_owner(test->priv, file).end_ns;

	KUNIT_EXPECT_GT(test, put(file, term_then_kill(v)), (ssize_t)0);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	expect_stopped(test, file, v, end, -ETIME);
	fput(file);
	victim_end(v);
}

static void the_margins_count_from_the_end_though_nobody_steps_the_node(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_until(test, TTL_MS, 0);
	u64 end = fixture_owner(f, file).end_ns;

	KUNIT_EXPECT_GT(test, put(file, term_then_kill(v)), (ssize_t)0);
	KUNIT_EXPECT_GT(test, stop_ticks(f), end);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	expect_at(test, v, 0, SIGTERM, end, WARN_MS);
	expect_at(test, v, 1, SIGKILL, end, KILL_MS);
	KUNIT_EXPECT_LT(test, v->at_ns[1], end);
	go_on_ticking(f);
	fput(file);
	victim_end(v);
}

static void a_renewal_puts_it_off(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_until(test, TTL_MS, 0);
	u32 i;

	KUNIT_EXPECT_GT(test, put(file, term_then_kill(v)), (ssize_t)0);
	for (i = 0; i < 20; i++) {
		msleep((TTL_MS - WARN_MS) / 2);
		renew(test, file);
	}
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	expect_stopped(test, file, v, fixture_owner(f, file).end_ns, -ETIME);
	fput(file);
	victim_end(v);
}

static void what_is_held_too_long_is_stopped_whoever_renews_it(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_until(test, TTL_MS, 2 * TTL_MS);
	u64 limit = fixture_owner(f, file).limit_ns;

	KUNIT_EXPECT_GT(test, put(file, term_then_kill(v)), (ssize_t)0);
	while (!came(v) && kq_clock() < limit) {
		msleep(100);
		renew(test, file);
	}
	expect_stopped(test, file, v, limit, -ETIMEDOUT);
	fput(file);
	victim_end(v);
}

/* As RESOURCE_EVICT has the log say it. */
static s32 evict(struct kunit *test, struct file *holder, u32 drain_ms)
{
	struct fixture *f = test->priv;
	struct kq_owner o = fixture_owner(f, holder);
	struct {
		struct kq_evict_cmd cmd;
		char name;
	} __packed payload = { .name = 'a' };
	struct kquorum_append_result r = { .error = -ETIMEDOUT };
	struct file *file;
	loff_t pos = 0;

	payload.cmd.session = cpu_to_le64(o.session);
	payload.cmd.owner = cpu_to_le64(o.id);
	payload.cmd.node = cpu_to_le32(1);
	payload.cmd.drain_ms = cpu_to_le32(drain_ms);
	payload.cmd.name_len = cpu_to_le16(1);
	file = kq_command_file(f->node, KQ_ENTRY_EVICT, &payload, sizeof(payload));
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_command_ask(file), 0);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)sizeof(r));
	fput(file);
	return r.error;
}

static void an_eviction_brings_it_near(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_until(test, 0, 0);
	u64 end;

	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).end_ns, KQ_NEVER);
	KUNIT_EXPECT_GT(test, put(file, term_then_kill(v)), (ssize_t)0);
	msleep(LEASE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	KUNIT_EXPECT_EQ(test, evict(test, file, 0), 0);
	/* Nobody said that its users check tokens: what was left of the lease is not cut short. */
	end = fixture_owner(f, file).end_ns;
	KUNIT_EXPECT_GT(test, end, kq_clock() + WARN_MS * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	expect_stopped(test, file, v, end, -ECANCELED);
	fput(file);
	victim_end(v);
}

static void the_lease_counts_when_it_ends_first(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_until(test, 10 * LEASE_MS, 0);
	u64 deadline;

	KUNIT_EXPECT_GT(test, put(file, term_then_kill(v)), (ssize_t)0);
	deadline = stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	expect_at(test, v, 0, SIGTERM, deadline, WARN_MS);
	expect_at(test, v, 1, SIGKILL, deadline, KILL_MS);
	go_on_ticking(f);
	fput(file);
	victim_end(v);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(who_does_not_renew_is_stopped_before_the_end),
	KUNIT_CASE(the_margins_count_from_the_end_though_nobody_steps_the_node),
	KUNIT_CASE(a_renewal_puts_it_off),
	KUNIT_CASE(what_is_held_too_long_is_stopped_whoever_renews_it),
	KUNIT_CASE(an_eviction_brings_it_near),
	KUNIT_CASE(the_lease_counts_when_it_ends_first),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_on_loss_end",
	.test_cases = cases,
	.init = on_loss_setup,
	.exit = on_loss_teardown,
};
kunit_test_suite(suite);
