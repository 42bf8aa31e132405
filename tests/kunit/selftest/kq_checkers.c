// SPDX-License-Identifier: GPL-2.0
/*
 * Makes one deliberate mistake, chosen by the parameter "mistake", and reports success to KUnit all
 * the same (but for "fail"). Each mistake has to turn `scripts/uml kunit` red: this is the proof
 * that the checkers are on and heard.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

static char *mistake = "none";
module_param(mistake, charp, 0444);
MODULE_PARM_DESC(mistake, "none, or the name of a row of the table mistakes[]");

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);

/* Takes two locks in both orders: no deadlock with one thread, but one day with two. */
static void mistake_lock_order(struct kunit *test)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);
	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

static void mistake_leak(struct kunit *test)
{
	void *lost = kmalloc(123, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, lost);
	OPTIMIZER_HIDE_VAR(lost);
}

static void mistake_out_of_bounds(struct kunit *test)
{
	char *bytes = kmalloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	OPTIMIZER_HIDE_VAR(bytes);
	bytes[100] = 1;
	kfree(bytes);
}

static void mistake_use_after_free(struct kunit *test)
{
	char *bytes = kmalloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	kfree(bytes);
	OPTIMIZER_HIDE_VAR(bytes);
	READ_ONCE(bytes[3]);
}

static void mistake_sleep_in_atomic(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	kfree(kmalloc(10, GFP_KERNEL));
	spin_unlock(&lock);
}

static void timer_does_nothing(struct timer_list *timer)
{
}

/* Frees memory that holds a running timer, which debug objects notice. */
static void mistake_live_timer(struct kunit *test)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, timer);
	timer_setup(timer, timer_does_nothing, 0);
	mod_timer(timer, jiffies + 10 * HZ);
	kfree(timer);
}

/* Adds one entry twice in a row. */
static void mistake_list(struct kunit *test)
{
	struct list_head head = LIST_HEAD_INIT(head);
	struct list_head entry;

	list_add(&entry, &head);
	list_add(&entry, &head);
}

static void mistake_shift(struct kunit *test)
{
	int bits = 40;

	OPTIMIZER_HIDE_VAR(bits);
	bits = 1 << bits;
	OPTIMIZER_HIDE_VAR(bits);
}

static void mistake_warn(struct kunit *test)
{
	WARN_ON_ONCE(1);
}

static void mistake_panic(struct kunit *test)
{
	panic("deliberate");
}

static void mistake_fail(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1 + 1, 3);
}

static const struct {
	const char *name;
	void (*make)(struct kunit *test);
} mistakes[] = {
	{ "fail", mistake_fail },
	{ "leak", mistake_leak },
	{ "lock-order", mistake_lock_order },
	{ "out-of-bounds", mistake_out_of_bounds },
	{ "use-after-free", mistake_use_after_free },
	{ "sleep-in-atomic", mistake_sleep_in_atomic },
	{ "live-timer", mistake_live_timer },
	{ "list", mistake_list },
	{ "shift", mistake_shift },
	{ "warn", mistake_warn },
	{ "panic", mistake_panic },
};

static void kq_checkers_mistake(struct kunit *test)
{
	size_t i;

	if (!strcmp(mistake, "none"))
		return;
	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (!strcmp(mistakes[i].name, mistake)) {
			mistakes[i].make(test);
			return;
		}
	}
	KUNIT_FAIL(test, "no mistake is called %s", mistake);
}

static const int numbers[] = { 1, 2, 3 };

static void number_to_desc(const int *number, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "number %d", *number);
}

KUNIT_ARRAY_PARAM(number, numbers, number_to_desc);

/* Parameterised cases are nested one level deeper in KUnit's output. */
static void kq_checkers_params(struct kunit *test)
{
	const int *number = test->param_value;

	KUNIT_EXPECT_GT(test, *number, 0);
}

static void kq_checkers_skip(struct kunit *test)
{
	kunit_skip(test, "skipped on purpose");
}

static struct kunit_case kq_checkers_cases[] = {
	KUNIT_CASE(kq_checkers_mistake),
	KUNIT_CASE_PARAM(kq_checkers_params, number_gen_params),
	KUNIT_CASE(kq_checkers_skip),
	{}
};

static struct kunit_suite kq_checkers_suite = {
	.name = "kq_checkers",
	.test_cases = kq_checkers_cases,
};
kunit_test_suite(kq_checkers_suite);

MODULE_DESCRIPTION("kquorum test ring self-test: deliberate mistakes");
MODULE_LICENSE("GPL");
