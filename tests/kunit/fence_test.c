// SPDX-License-Identifier: GPL-2.0
/*
 * The fence for users in the kernel: lower than seen is refused, equal is allowed; also while many
 * raise it at once, threads and a timer's interrupt that comes between.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/kquorum_fence.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/random.h>

static void what_is_lower_than_seen_is_refused(struct kunit *test)
{
	struct kquorum_fence f = KQUORUM_FENCE_INIT(0);

	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, 0));
	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, 5));
	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, 5));
	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, 4));
	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, 9));
	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, 5));
	KUNIT_EXPECT_EQ(test, kquorum_fence_seen(&f), 9ull);
}

static void it_goes_on_from_what_was_seen_before(struct kunit *test)
{
	struct kquorum_fence f;

	kquorum_fence_init(&f, 7);
	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, 6));
	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, 7));
	KUNIT_EXPECT_EQ(test, kquorum_fence_seen(&f), 7ull);
}

/* Tokens are numbers without a sign, whatever they are kept in. */
static void the_highest_bit_is_one_like_others(struct kunit *test)
{
	struct kquorum_fence f = KQUORUM_FENCE_INIT(0);

	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, S64_MAX));
	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, (u64)S64_MAX + 1));
	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, S64_MAX));
	KUNIT_EXPECT_TRUE(test, kquorum_fence_pass(&f, U64_MAX));
	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, U64_MAX - 1));
	KUNIT_EXPECT_FALSE(test, kquorum_fence_pass(&f, 0));
}

#define THREADS		4u
#define TOKENS		20000u
#define TIMER_NS	(20 * NSEC_PER_USEC)

/* Everybody takes the next tokens, and shows them late. */
struct race {
	struct kquorum_fence fence;
	atomic64_t next;
	struct hrtimer timer;
	struct completion done;
	atomic_t running;
	atomic_t wrong, refused;
	atomic64_t passed;	/* the highest that did */
};

static void note_passed(struct race *r, s64 token)
{
	s64 highest = atomic64_read(&r->passed);

	while (token > highest && !atomic64_try_cmpxchg(&r->passed, &highest, token))
		;
}

/* What passed is seen from then on; what was refused was lower than what was seen. */
static void show(struct race *r, s64 token)
{
	s64 passed = atomic64_read(&r->passed);

	if (kquorum_fence_pass(&r->fence, token)) {
		if (token < passed || kquorum_fence_seen(&r->fence) < token)
			atomic_inc(&r->wrong);
		note_passed(r, token);
	} else {
		atomic_inc(&r->refused);
		if (kquorum_fence_seen(&r->fence) <= token)
			atomic_inc(&r->wrong);
	}
}

static void ended(struct race *r)
{
	if (atomic_dec_and_test(&r->running))
		complete(&r->done);
}

static int raise_thread(void *ctx)
{
	struct race *r = ctx;
	u32 i;

	for (i = 0; i < TOKENS; i++) {
		s64 token = atomic64_inc_return(&r->next);

		if (get_random_u32() % 8 == 0)
			schedule();
		show(r, token);
		show(r, token);
	}
	ended(r);
	return 0;
}

static enum hrtimer_restart raise_timer(struct hrtimer *timer)
{
	struct race *r = container_of(timer, struct race, timer);

	show(r, atomic64_inc_return(&r->next));
	hrtimer_forward_now(timer, ns_to_ktime(TIMER_NS));
	return atomic_read(&r->running) ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

static void raised_by_many_at_once_it_never_falls(struct kunit *test)
{
	struct race *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	init_completion(&r->done);
	atomic_set(&r->running, THREADS);
	hrtimer_init(&r->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	r->timer.function = raise_timer;
	hrtimer_start(&r->timer, ns_to_ktime(TIMER_NS), HRTIMER_MODE_REL);
	for (i = 0; i < THREADS; i++) {
		if (!IS_ERR(kthread_run(raise_thread, r, "raise/%u", i)))
			continue;
		KUNIT_FAIL(test, "no thread");
		ended(r);
	}
	wait_for_completion(&r->done);
	hrtimer_cancel(&r->timer);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->wrong), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&r->refused), 0);
	KUNIT_EXPECT_EQ(test, (s64)kquorum_fence_seen(&r->fence), atomic64_read(&r->passed));
	KUNIT_EXPECT_GE(test, atomic64_read(&r->next), (s64)THREADS * TOKENS);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_is_lower_than_seen_is_refused),
	KUNIT_CASE(it_goes_on_from_what_was_seen_before),
	KUNIT_CASE(the_highest_bit_is_one_like_others),
	KUNIT_CASE(raised_by_many_at_once_it_never_falls),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_fence",
	.test_cases = cases,
};
kunit_test_suite(suite);
