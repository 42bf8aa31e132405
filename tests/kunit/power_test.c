// SPDX-License-Identifier: GPL-2.0
/*
 * The machine sleeps, goes down, or is a copy of itself: what becomes of a node and of what is held.
 */
#include <linux/reboot.h>
#include <linux/suspend.h>
#include "fixture.h"
#include "power.h"

static int core_deadline(struct kq_core *core, u64 now_ns)
{
	return core->local.deadline_ns > 0;
}

static u64 session_of(struct fixture *f)
{
	u64 id;

	mutex_lock(&f->node->lock);
	id = f->node->core->local.id;
	mutex_unlock(&f->node->lock);
	return id;
}

static bool is_dead(struct fixture *f)
{
	bool dead;

	mutex_lock(&f->node->lock);
	dead = f->node->dead;
	mutex_unlock(&f->node->lock);
	return dead;
}

/* A node that leads, and a lock that is held there. */
static struct file *hold(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;

	fixture_start(test, f, 1);
	fixture_lead(test, f);
	file = fixture_lock_file(f, "db", 0, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, kq_lock_ask(file), 0);
	KUNIT_ASSERT_TRUE(test, wait_for(fixture_owner(f, file).state == KQUORUM_LOCK_GRANTED));
	KUNIT_ASSERT_EQ(test, fixture_step(f, core_deadline), 1);
	return file;
}

static const unsigned long sleeps[] = { PM_SUSPEND_PREPARE, PM_HIBERNATION_PREPARE };
static const unsigned long no_sleeps[] = { PM_POST_SUSPEND, PM_POST_HIBERNATION, PM_RESTORE_PREPARE };

static void before_the_machine_sleeps_leases_are_lost_and_open_anew_later(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = hold(test), *next;
	u64 session = session_of(f);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(no_sleeps); i++)
		kq_power_sleep(NULL, no_sleeps[i], NULL);
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, KQUORUM_LOCK_GRANTED);
	for (i = 0; i < ARRAY_SIZE(sleeps); i++) {
		kq_power_sleep(NULL, sleeps[i], NULL);
		KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, KQUORUM_LOCK_LOST);
		KUNIT_EXPECT_EQ(test, fixture_step(f, core_deadline), 0);
		kq_power_sleep(NULL, PM_POST_SUSPEND, NULL);
		/* What it held is another's when the promise is over; what was lost stays lost. */
		next = fixture_lock_file(f, "db", 0, 0);
		KUNIT_ASSERT_FALSE(test, IS_ERR(next));
		KUNIT_ASSERT_EQ(test, kq_lock_ask(next), 0);
		KUNIT_EXPECT_EQ(test, session_of(f), session);
		KUNIT_ASSERT_TRUE(test, wait_for(fixture_step(f, core_serves) == 1));
		KUNIT_EXPECT_NE(test, session_of(f), session);
		KUNIT_EXPECT_TRUE(test, wait_for(fixture_owner(f, next).state ==
						 KQUORUM_LOCK_GRANTED));
		KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, KQUORUM_LOCK_LOST);
		session = session_of(f);
		fput(file);
		file = next;
	}
	fput(file);
}

static void a_machine_that_goes_down_gives_its_leases_back(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = hold(test);

	/* Its holder is gone; what its closing did is on its way. */
	fput(file);
	flush_delayed_fput();
	kq_power_down(NULL, SYS_RESTART, NULL);
	KUNIT_EXPECT_TRUE(test, is_dead(f));
	kq_power_down(NULL, SYS_RESTART, NULL);
}

static void what_is_still_held_when_the_machine_goes_down_expires(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = hold(test);
	u64 began = kq_clock(), session = session_of(f);

	kq_power_down(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, KQUORUM_LOCK_LOST);
	KUNIT_EXPECT_FALSE(test, is_dead(f));
	KUNIT_EXPECT_EQ(test, session_of(f), session);
	KUNIT_EXPECT_LT(test, kq_clock() - began, 2 * NSEC_PER_SEC);
	fput(file);
}

static void a_copy_of_a_machine_loses_its_leases_and_takes_no_part(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = hold(test);

	kq_power_copied(NULL, 0, NULL);
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, KQUORUM_LOCK_LOST);
	KUNIT_EXPECT_EQ(test, fixture_step(f, core_deadline), 0);
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_FAILED));
	KUNIT_EXPECT_NOT_NULL(test, strstr(f->node->core->reason, "cloned"));
	fput(file);
}

static void a_kernel_without_nodes_sleeps_and_goes_down_as_ever(struct kunit *test)
{
	kq_power_sleep(NULL, PM_SUSPEND_PREPARE, NULL);
	kq_power_copied(NULL, 0, NULL);
	KUNIT_EXPECT_EQ(test, kq_power_down(NULL, SYS_HALT, NULL), NOTIFY_OK);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(before_the_machine_sleeps_leases_are_lost_and_open_anew_later),
	KUNIT_CASE(a_machine_that_goes_down_gives_its_leases_back),
	KUNIT_CASE(what_is_still_held_when_the_machine_goes_down_expires),
	KUNIT_CASE(a_copy_of_a_machine_loses_its_leases_and_takes_no_part),
	KUNIT_CASE(a_kernel_without_nodes_sleeps_and_goes_down_as_ever),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_power",
	.init = fixture_setup,
	.exit = fixture_teardown,
	.test_cases = cases,
};
kunit_test_suite(suite);
