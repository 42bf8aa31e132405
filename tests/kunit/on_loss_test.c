// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does by itself before a lease runs out: when which signal comes, to whom, and
 * when none does. Whoever gets them is a thread here; process groups and cgroups are for the tests
 * in virtual machines. Once the node ticks no more, nobody renews the lease, or sees its end.
 */
#include <linux/seq_file.h>
#include "victim.h"

static struct file *lock_open(struct kunit *test, struct fixture *f, const char *name, u32 state)
{
	struct file *file = fixture_lock_file(f, name, 0, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(file), 0);
	KUNIT_EXPECT_TRUE_MSG(test, wait_for(fixture_owner(f, file).state == state),
			      "state %u, error %d", fixture_owner(f, file).state,
			      fixture_owner(f, file).error);
	return file;
}

/* A lock that is held, for @v to be stopped with. */
static struct file *held_for(struct kunit *test, const struct victim *v)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);

	KUNIT_EXPECT_EQ(test, put(file, term_then_kill(v)),
			(ssize_t)sizeof(struct kquorum_on_loss));
	return file;
}

static void each_signal_comes_at_its_margin_though_nobody_steps_the_node(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_for(test, v);
	u64 deadline = stop_ticks(f);

	KUNIT_EXPECT_EQ(test, came(v), 0u);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 1));
	expect_at(test, v, 0, SIGTERM, deadline, WARN_MS);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	expect_at(test, v, 1, SIGKILL, deadline, KILL_MS);
	KUNIT_EXPECT_LT(test, v->at_ns[1], deadline);
	KUNIT_EXPECT_TRUE(test, wait_for(kq_clock() > deadline));
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, (u32)KQUORUM_LOCK_GRANTED);
	go_on_ticking(f);
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_owner(f, file).state == KQUORUM_LOCK_LOST));
	msleep(LATE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 2u);
	fput(file);
	victim_end(v);
}

static void one_stage_alone_comes_alone(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *signalled = victim_make(test), *killed = victim_make(test);
	struct kquorum_on_loss only_signal = term_then_kill(signalled);
	struct kquorum_on_loss only_kill = term_then_kill(killed);
	struct file *a = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);
	struct file *b = lock_open(test, f, "b", KQUORUM_LOCK_GRANTED);
	u64 deadline;

	only_signal.flags = 0;
	only_kill.signal = 0;
	only_kill.warn_ms = 0;
	KUNIT_EXPECT_GT(test, put(a, only_signal), (ssize_t)0);
	KUNIT_EXPECT_GT(test, put(b, only_kill), (ssize_t)0);
	deadline = stop_ticks(f);
	msleep(LEASE_MS + LATE_MS);
	KUNIT_EXPECT_EQ(test, came(signalled), 1u);
	expect_at(test, signalled, 0, SIGTERM, deadline, WARN_MS);
	KUNIT_EXPECT_EQ(test, came(killed), 1u);
	expect_at(test, killed, 0, SIGKILL, deadline, KILL_MS);
	go_on_ticking(f);
	fput(a);
	fput(b);
	victim_end(signalled);
	victim_end(killed);
}

static void while_the_lease_is_renewed_nothing_comes(struct kunit *test)
{
	struct victim *v = victim_make(test);
	struct file *file = held_for(test, v);

	msleep(5 * LEASE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	/* It was looked at all the time. */
	stop_ticks(test->priv);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	go_on_ticking(test->priv);
	fput(file);
	victim_end(v);
}

static void what_came_before_a_renewal_does_not_come_again(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_for(test, v);
	u64 deadline;

	stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 1));
	go_on_ticking(f);
	msleep(2 * LEASE_MS);
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, (u32)KQUORUM_LOCK_GRANTED);
	KUNIT_EXPECT_EQ(test, came(v), 1u);
	deadline = stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	expect_at(test, v, 1, SIGKILL, deadline, KILL_MS);
	go_on_ticking(f);
	fput(file);
	victim_end(v);
}

static void what_is_lost_at_once_has_both_at_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test), *late = victim_make(test);
	struct file *file = held_for(test, v);

	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, fixture_owner(f, file).state, (u32)KQUORUM_LOCK_LOST);
	msleep(LATE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 2u);
	KUNIT_EXPECT_EQ(test, v->signal[0] + v->signal[1], SIGTERM + SIGKILL);
	/* Who is named after the loss was started without a lock. */
	KUNIT_EXPECT_GT(test, put(file, term_then_kill(late)), (ssize_t)0);
	msleep(LATE_MS);
	KUNIT_EXPECT_EQ(test, came(late), 2u);
	KUNIT_EXPECT_EQ(test, came(v), 2u);
	fput(file);
	victim_end(v);
	victim_end(late);
}

static void cleared_it_does_not_come(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_for(test, v);

	KUNIT_EXPECT_GT(test, put(file, (struct kquorum_on_loss){}), (ssize_t)0);
	stop_ticks(f);
	msleep(LEASE_MS + LATE_MS);
	go_on_ticking(f);
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_owner(f, file).state == KQUORUM_LOCK_LOST));
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	fput(file);
	victim_end(v);
}

static void the_newest_that_was_written_counts(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *first = victim_make(test), *second = victim_make(test);
	struct file *file = held_for(test, first);
	struct kquorum_on_loss bad = term_then_kill(first);
	u64 deadline;

	KUNIT_EXPECT_GT(test, put(file, term_then_kill(second)), (ssize_t)0);
	bad.flags |= 4;
	KUNIT_EXPECT_EQ(test, put(file, bad), (ssize_t)-EINVAL);
	deadline = stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(second) == 2));
	expect_at(test, second, 0, SIGTERM, deadline, WARN_MS);
	KUNIT_EXPECT_EQ(test, came(first), 0u);
	go_on_ticking(f);
	fput(file);
	victim_end(first);
	victim_end(second);
}

static void a_closed_handle_stops_nobody(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_for(test, v);

	stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 1));
	fput(file);
	msleep(LEASE_MS);
	go_on_ticking(f);
	msleep(LATE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 1u);
	victim_end(v);
}

/* The checkers of this kernel judge, and the count of objects. */
static void handles_and_nodes_may_end_while_it_acts(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct kquorum_on_loss what = term_then_kill(v);
	struct file *open[6];
	u32 i;

	/* The log has room for little more. */
	for (i = 0; i < 12; i++) {
		struct file *file = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);

		what.warn_ms = LEASE_MS - i % 8;
		what.kill_ms = what.warn_ms - 1;
		KUNIT_EXPECT_GT(test, i % 2 ? put(file, what) : put_as(test, file, what, 0),
				(ssize_t)0);
		msleep(i % 11);
		fput(file);
	}
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == SIGNALS_MAX));
	for (i = 0; i < ARRAY_SIZE(open); i++) {
		const char name[] = { 'b' + i, 0 };

		open[i] = lock_open(test, f, name, KQUORUM_LOCK_GRANTED);
		what.warn_ms = LEASE_MS - i;
		what.kill_ms = 1;
		KUNIT_EXPECT_GT(test, put(open[i], what), (ssize_t)0);
	}
	kq_node_kill(f->node);
	for (i = 0; i < ARRAY_SIZE(open); i++)
		fput(open[i]);
	victim_end(v);
}

static void who_only_waits_for_a_lock_loses_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *held = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);
	struct file *waits = lock_open(test, f, "a", KQUORUM_LOCK_QUEUED);
	u64 deadline;

	KUNIT_EXPECT_GT(test, put(waits, term_then_kill(v)), (ssize_t)0);
	stop_ticks(f);
	msleep(LEASE_MS + LATE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	go_on_ticking(f);
	fput(held);
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_owner(f, waits).state == KQUORUM_LOCK_GRANTED));
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	deadline = stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(v) == 2));
	expect_at(test, v, 1, SIGKILL, deadline, KILL_MS);
	go_on_ticking(f);
	fput(waits);
	victim_end(v);
}

static void who_may_not_signal_it_may_not_name_it(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);

	KUNIT_EXPECT_EQ(test, put_as(test, file, term_then_kill(v), 1000), (ssize_t)-EPERM);
	stop_ticks(f);
	msleep(LEASE_MS + LATE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	go_on_ticking(f);
	fput(file);
	victim_end(v);
}

static void without_privilege_it_comes_to_whom_the_writer_may_signal_then(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *same = victim_make(test), *other = victim_make(test);
	struct file *a = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);
	struct file *b = lock_open(test, f, "b", KQUORUM_LOCK_GRANTED);
	u64 deadline;

	/* Of the same user as these threads, but no CAP_KILL. */
	KUNIT_EXPECT_GT(test, put_as(test, a, term_then_kill(same), 0), (ssize_t)0);
	KUNIT_EXPECT_GT(test, put_as(test, b, term_then_kill(other), 0), (ssize_t)0);
	WRITE_ONCE(other->becomes_user, true);
	KUNIT_EXPECT_TRUE(test, wait_for(READ_ONCE(other->is_user)));
	deadline = stop_ticks(f);
	KUNIT_EXPECT_TRUE(test, wait_for(came(same) == 2));
	expect_at(test, same, 0, SIGTERM, deadline, WARN_MS);
	expect_at(test, same, 1, SIGKILL, deadline, KILL_MS);
	msleep(LATE_MS);
	KUNIT_EXPECT_EQ(test, came(other), 0u);
	go_on_ticking(f);
	fput(a);
	fput(b);
	victim_end(same);
	victim_end(other);
}

static void what_makes_no_sense_is_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);
	struct file *plain = fixture_open(f->mnt, "cgroup.kill", O_RDWR | O_CREAT);
	struct file *read_only;
	int fd, read_fd;

	KUNIT_ASSERT_FALSE(test, IS_ERR(plain));
	fd = fd_of(test, plain);
	read_only = fixture_open(f->mnt, "cgroup.kill", O_RDONLY);
	KUNIT_ASSERT_FALSE(test, IS_ERR(read_only));
	read_fd = fd_of(test, read_only);
#define REFUSED(err, ...) do {						\
		struct kquorum_on_loss what = term_then_kill(v);	\
		ssize_t n;						\
									\
		__VA_ARGS__;						\
		n = put(file, what);					\
		KUNIT_EXPECT_EQ_MSG(test, n, (ssize_t)(err), #__VA_ARGS__);	\
	} while (0)
	REFUSED(-EINVAL, what.zero[0] = 1);
	REFUSED(-EINVAL, what.zero[1] = 1);
	REFUSED(-EINVAL, what.zero[1] = 1, what.pid = 0);
	REFUSED(-EINVAL, what.flags |= 4);
	REFUSED(-EINVAL, what.flags |= 1u << 31);
	REFUSED(-EINVAL, what.signal = 65);
	REFUSED(-EINVAL, what.signal = ~0u);
	REFUSED(-EINVAL, what.warn_ms = KILL_MS);
	REFUSED(-EINVAL, what.warn_ms = KILL_MS - 1);
	REFUSED(-EINVAL, what.warn_ms = KQUORUM_LEASE_MS_MAX + 1);
	REFUSED(-EINVAL, what.warn_ms = ~0u, what.kill_ms = ~0u - 1);
	REFUSED(-EINVAL, what.kill_ms = KQUORUM_LEASE_MS_MAX + 1, what.signal = 0);
	REFUSED(-EINVAL, what.flags = 0, what.signal = 0);
	REFUSED(-EINVAL, what.flags = 0, what.cgroup_fd = fd);
	REFUSED(-EINVAL, what.pid = -what.pid);
	REFUSED(-EINVAL, what.pid = INT_MIN);
	REFUSED(-ESRCH, what.pid = INT_MAX);
	REFUSED(-ESRCH, what.flags |= KQUORUM_ON_LOSS_GROUP);	/* of which it is not the first */
	REFUSED(-EBADF, what.cgroup_fd = 1 << 20);
	REFUSED(-EBADF, what.cgroup_fd = -2);
	REFUSED(-EBADF, what.cgroup_fd = read_fd);
	REFUSED(-EINVAL, what.cgroup_fd = fd);	/* of that name, but no control group's */
#undef REFUSED
	close_fd(fd);
	close_fd(read_fd);
	stop_ticks(f);
	msleep(LEASE_MS + LATE_MS);
	KUNIT_EXPECT_EQ(test, came(v), 0u);
	go_on_ticking(f);
	fput(file);
	victim_end(v);
}

static void only_its_exact_size_is_taken(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = lock_open(test, f, "a", KQUORUM_LOCK_GRANTED);
	struct kquorum_on_loss what[2] = { term_then_kill(v), term_then_kill(v) };
	static const size_t sizes[] = { 0, 1, sizeof(*what) - 1, sizeof(*what) + 1, sizeof(what) };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		loff_t pos = 0;

		KUNIT_EXPECT_EQ(test, kernel_write(file, what, sizes[i], &pos), (ssize_t)-EINVAL);
	}
	fput(file);
	victim_end(v);
}

static void fdinfo_tells_whom_and_when(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct victim *v = victim_make(test);
	struct file *file = held_for(test, v);
	char *buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct seq_file m = { .buf = buf, .size = PAGE_SIZE - 1 };
	char line[96];

	KUNIT_ASSERT_NOT_NULL(test, buf);
	snprintf(line, sizeof(line),
		 "kquorum-on-loss:\tprocess %d signal 15 at 1000 ms kill at 500 ms\n",
		 task_pid_nr(v->task));
	file->f_op->show_fdinfo(&m, file);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, line), "%s", buf);
	KUNIT_EXPECT_GT(test, put(file, (struct kquorum_on_loss){}), (ssize_t)0);
	m.count = 0;
	memset(buf, 0, PAGE_SIZE);
	file->f_op->show_fdinfo(&m, file);
	KUNIT_EXPECT_NULL(test, strstr(buf, "on-loss"));
	KUNIT_EXPECT_TRUE(test, fixture_in_state(f, KQUORUM_NODE_RUNNING));
	fput(file);
	victim_end(v);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_signal_comes_at_its_margin_though_nobody_steps_the_node),
	KUNIT_CASE(one_stage_alone_comes_alone),
	KUNIT_CASE(while_the_lease_is_renewed_nothing_comes),
	KUNIT_CASE(what_came_before_a_renewal_does_not_come_again),
	KUNIT_CASE(what_is_lost_at_once_has_both_at_once),
	KUNIT_CASE(cleared_it_does_not_come),
	KUNIT_CASE(the_newest_that_was_written_counts),
	KUNIT_CASE(a_closed_handle_stops_nobody),
	KUNIT_CASE(handles_and_nodes_may_end_while_it_acts),
	KUNIT_CASE(who_only_waits_for_a_lock_loses_nothing),
	KUNIT_CASE(who_may_not_signal_it_may_not_name_it),
	KUNIT_CASE(without_privilege_it_comes_to_whom_the_writer_may_signal_then),
	KUNIT_CASE(what_makes_no_sense_is_refused),
	KUNIT_CASE(only_its_exact_size_is_taken),
	KUNIT_CASE(fdinfo_tells_whom_and_when),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_on_loss",
	.test_cases = cases,
	.init = on_loss_setup,
	.exit = on_loss_teardown,
};
kunit_test_suite(suite);
