// SPDX-License-Identifier: GPL-2.0
/*
 * What processes hold: the readiness of lock handles and append streams through grants,
 * refusals, cancelled waits and the end of the node. (What write() copies is seen by user
 * space's tests: there is no user memory here.)
 */
#include <linux/poll.h>
#include <linux/seq_file.h>
#include "fixture.h"

static bool in_state(struct fixture *f, struct file *file, u32 state)
{
	return fixture_owner(f, file).state == state;
}

static struct file *lock_open(struct kunit *test, struct fixture *f, const char *name, u32 flags)
{
	struct file *file = fixture_lock_file(f, name, flags, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(file), 0);
	return file;
}

static __poll_t readiness(struct file *file)
{
	return vfs_poll(file, NULL);
}

static void a_granted_lock_has_a_token_and_no_end(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;

	fixture_lead(test, f);
	file = lock_open(test, f, "a", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_GT(test, fixture_owner(f, file).token, 0ull);
	KUNIT_EXPECT_EQ(test, readiness(file), EPOLLIN | EPOLLRDNORM);
	fput(file);
}

static void a_lock_asked_for_without_a_leader_is_granted_later(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, f, "a", 0);

	msleep(100);
	KUNIT_EXPECT_TRUE(test, in_state(f, file, KQUORUM_LOCK_ASKING));
	fixture_lead(test, f);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	fput(file);
}

static void a_closed_handle_gives_its_lock_to_the_next(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *first, *second, *other;
	u64 token;

	fixture_lead(test, f);
	first = lock_open(test, f, "a", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, first, KQUORUM_LOCK_GRANTED)));
	token = fixture_owner(f, first).token;
	second = lock_open(test, f, "a", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, second, KQUORUM_LOCK_QUEUED)));
	other = lock_open(test, f, "b", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, other, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_TRUE(test, in_state(f, second, KQUORUM_LOCK_QUEUED));
	fput(first);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, second, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_GT(test, fixture_owner(f, second).token, token);
	fput(second);
	fput(other);
}

static void a_held_lock_is_refused_to_who_only_tries(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *first, *second;

	fixture_lead(test, f);
	first = lock_open(test, f, "a", 0);
	second = lock_open(test, f, "a", KQUORUM_LOCK_TRY);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, second, KQUORUM_LOCK_REFUSED)));
	KUNIT_EXPECT_EQ(test, fixture_owner(f, second).error, -EAGAIN);
	KUNIT_EXPECT_EQ(test, readiness(second), EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	fput(second);
	fput(first);
}

static void a_cancelled_wait_leaves_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *first, *second, *third;

	fixture_lead(test, f);
	first = lock_open(test, f, "a", 0);
	second = lock_open(test, f, "a", 0);
	third = lock_open(test, f, "a", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, third, KQUORUM_LOCK_QUEUED)));
	fput(second);
	fput(first);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, third, KQUORUM_LOCK_GRANTED)));
	fput(third);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_HANDLE])));
	mutex_lock(&f->node->lock);
	KUNIT_EXPECT_NULL(test, kq_core_resource_find(f->node->core, "a", 1));
	mutex_unlock(&f->node->lock);
}

static void a_handle_never_asked_with_leaves_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = fixture_lock_file(f, "a", 0, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	fput(file);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_HANDLE])));
}

static void fdinfo_names_the_lock_and_its_state(struct kunit *test)
{
	struct fixture *f = test->priv;
	char *buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct seq_file m = { .buf = buf, .size = PAGE_SIZE - 1 };
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fixture_lead(test, f);
	file = lock_open(test, f, "disk/7", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	file->f_op->show_fdinfo(&m, file);
	KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "kquorum-resource:\tdisk/7\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "kquorum-state:\tgranted\n"));
	fput(file);
}

static void handles_that_outlive_their_node_have_an_end(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held, *waits, *stream, *late;

	fixture_lead(test, f);
	held = lock_open(test, f, "a", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, held, KQUORUM_LOCK_GRANTED)));
	waits = lock_open(test, f, "a", 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, waits, KQUORUM_LOCK_QUEUED)));
	stream = kq_append_file(f->node);
	KUNIT_ASSERT_FALSE(test, IS_ERR(stream));
	kq_node_kill(f->node);
	KUNIT_EXPECT_TRUE(test, readiness(held) & EPOLLHUP);
	KUNIT_EXPECT_TRUE(test, readiness(waits) & EPOLLHUP);
	KUNIT_EXPECT_TRUE(test, readiness(stream) & EPOLLHUP);
	KUNIT_EXPECT_FALSE(test, in_state(f, held, KQUORUM_LOCK_GRANTED));
	late = fixture_lock_file(f, "b", 0, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(late));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(late), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kq_objects[KQ_OBJECT_HANDLE]), 4l);
	fput(late);
	fput(stream);
	fput(waits);
	fput(held);
}

static void an_append_stream_takes_what_fits_an_entry(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = kq_append_file(f->node);
	const struct file_operations *op;
	struct kquorum_append_result r;
	loff_t pos = 0;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	op = file->f_op;
	KUNIT_EXPECT_EQ(test, readiness(file), EPOLLOUT | EPOLLWRNORM);
	KUNIT_EXPECT_EQ(test, op->write(file, NULL, 0, &pos), (ssize_t)-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, op->write(file, NULL, KQUORUM_PAYLOAD_MAX + 1, &pos),
			(ssize_t)-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r) - 1, &pos), (ssize_t)-EINVAL);
	file->f_flags |= O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)-EAGAIN);
	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)0);
	fput(file);
}

static int handle_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (!err)
		fixture_start(test, test->priv, 1);
	return err;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_granted_lock_has_a_token_and_no_end),
	KUNIT_CASE(a_lock_asked_for_without_a_leader_is_granted_later),
	KUNIT_CASE(a_closed_handle_gives_its_lock_to_the_next),
	KUNIT_CASE(a_held_lock_is_refused_to_who_only_tries),
	KUNIT_CASE(a_cancelled_wait_leaves_nothing),
	KUNIT_CASE(a_handle_never_asked_with_leaves_nothing),
	KUNIT_CASE(fdinfo_names_the_lock_and_its_state),
	KUNIT_CASE(handles_that_outlive_their_node_have_an_end),
	KUNIT_CASE(an_append_stream_takes_what_fits_an_entry),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_handle",
	.test_cases = cases,
	.init = handle_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
