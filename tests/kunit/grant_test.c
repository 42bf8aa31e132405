// SPDX-License-Identifier: GPL-2.0
/*
 * Grants that end by themselves, as a handle has them: not renewed, held too long, taken by an
 * operator; what is told of that, and who is woken before. What the module does to who holds one is
 * in on_loss_end_test.c.
 */
#include <linux/seq_file.h>
#include "request.h"

#define TTL_MS		600u
#define HOLD_MS		1000u
#define DRAIN_MS	300u
#define LEASE_MS	2000u	/* of the fixture */
#define TICK_MS		30u	/* likewise, a quarter of a heartbeat, in jiffies */
#define LATE_MS		200u	/* until a work of a busy machine runs */

static u64 ms(u32 ms)
{
	return (u64)ms * NSEC_PER_MSEC;
}

static bool in_state(struct fixture *f, struct file *file, u32 state)
{
	return fixture_owner(f, file).state == state;
}

static struct file *lock_open(struct kunit *test, u32 ttl_ms, u32 hold_ms, u32 state)
{
	struct fixture *f = test->priv;
	const struct kq_lock_ask ask = {
		.name = "a", .name_len = 1, .ttl_ms = ttl_ms, .hold_ms = hold_ms, .admin = true,
		.flags = KQUORUM_LOCK_OTHERS,
	};
	struct file *file = kq_lock_file(f->node, &ask);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(file), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, state)));
	return file;
}

static ssize_t renew(struct file *file, u64 token)
{
	struct kquorum_renew r = { token };
	loff_t pos = 0;

	return kernel_write(file, &r, sizeof(r), &pos);
}

static ssize_t renew_now(struct kunit *test, struct file *file)
{
	return renew(file, fixture_owner(test->priv, file).token);
}

/* It is lost when @end is over, and then @next has it. */
static void expect_lost(struct kunit *test, struct file *file, struct file *next, u64 end,
			s32 error)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_TRUE(test, wait_for(!in_state(f, file, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_GE(test, kq_clock(), end);
	KUNIT_EXPECT_LE(test, kq_clock(), end + ms(LATE_MS));
	KUNIT_EXPECT_EQ(test, lock_info(test, file).state, (u32)KQUORUM_LOCK_LOST);
	KUNIT_EXPECT_EQ(test, lock_info(test, file).error, error);
	KUNIT_EXPECT_EQ(test, lock_info(test, file).left_ns, 0ull);
	KUNIT_EXPECT_TRUE(test, vfs_poll(file, NULL) & EPOLLHUP);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, next, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_GT(test, fixture_owner(f, next).token, fixture_owner(f, file).token);
}

/* --- renewals -------------------------------------------------------------------------- */

static void what_is_not_renewed_is_lost_and_goes_to_the_next(struct kunit *test)
{
	struct file *file = lock_open(test, TTL_MS, 0, KQUORUM_LOCK_GRANTED);
	struct file *next = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);
	struct kquorum_lock_info info = lock_info(test, file);

	KUNIT_EXPECT_GT(test, info.renew_left_ns, 0ull);
	KUNIT_EXPECT_LE(test, info.renew_left_ns, ms(TTL_MS));
	KUNIT_EXPECT_EQ(test, info.left_ns, info.renew_left_ns);
	KUNIT_EXPECT_EQ(test, info.hold_left_ns, U64_MAX);
	KUNIT_EXPECT_EQ(test, info.why, (u32)KQUORUM_RELEASE_ASKED);
	/* Nobody looks at the handle: the node's own tick finds it. */
	expect_lost(test, file, next, fixture_owner(test->priv, file).end_ns, -ETIME);
	info = lock_info(test, next);
	KUNIT_EXPECT_EQ(test, info.renew_left_ns, U64_MAX);
	KUNIT_EXPECT_EQ(test, info.hold_left_ns, U64_MAX);
	KUNIT_EXPECT_GT(test, info.left_ns, ms(LEASE_MS) / 2);
	fput(file);
	fput(next);
}

static void what_is_renewed_stays(struct kunit *test)
{
	struct file *file = lock_open(test, TTL_MS, 0, KQUORUM_LOCK_GRANTED);
	struct file *next = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);
	u32 i;

	for (i = 0; i < 10; i++) {
		msleep(TTL_MS / 2);
		KUNIT_EXPECT_EQ(test, renew_now(test, file),
				(ssize_t)sizeof(struct kquorum_renew));
		KUNIT_EXPECT_GT(test, lock_info(test, file).renew_left_ns,
				ms(TTL_MS - LATE_MS));
	}
	KUNIT_EXPECT_TRUE(test, in_state(test->priv, next, KQUORUM_LOCK_QUEUED));
	expect_lost(test, file, next, fixture_owner(test->priv, file).end_ns, -ETIME);
	fput(file);
	fput(next);
}

static void only_what_is_held_can_be_renewed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, TTL_MS, 0, KQUORUM_LOCK_GRANTED);
	struct file *next = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);
	u64 token = fixture_owner(f, file).token;

	KUNIT_EXPECT_EQ(test, renew(file, token + 1), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, renew(file, token - 1), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, renew(file, 0), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, renew(next, token), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, renew(next, 0), (ssize_t)-EINVAL);
	expect_lost(test, file, next, fixture_owner(f, file).end_ns, -ETIME);
	KUNIT_EXPECT_EQ(test, renew(file, token), (ssize_t)-ETIME);
	/* What needs none may have one. */
	KUNIT_EXPECT_GT(test, renew_now(test, next), (ssize_t)0);
	KUNIT_EXPECT_EQ(test, lock_info(test, next).renew_left_ns, U64_MAX);
	token = fixture_owner(f, next).token;
	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, renew(next, token), (ssize_t)-ETIME);
	KUNIT_EXPECT_EQ(test, renew(next, token + 1), (ssize_t)-EINVAL);
	KUNIT_EXPECT_EQ(test, renew(next, 0), (ssize_t)-EINVAL);
	fput(file);
	fput(next);
}

/* Between two ticks too: whoever looks is told what the clock says. */
static void whoever_looks_finds_it_lost_before_the_tick(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *read = lock_open(test, TTL_MS, 0, KQUORUM_LOCK_GRANTED);
	u64 token = fixture_owner(f, read).token;

	cancel_delayed_work_sync(&f->node->tick);
	KUNIT_EXPECT_TRUE(test, wait_for(kq_clock() >= fixture_owner(f, read).end_ns));
	KUNIT_EXPECT_TRUE(test, in_state(f, read, KQUORUM_LOCK_GRANTED));
	KUNIT_EXPECT_EQ(test, renew(read, token), (ssize_t)-ETIME);
	KUNIT_EXPECT_EQ(test, lock_info(test, read).state, (u32)KQUORUM_LOCK_LOST);
	KUNIT_EXPECT_EQ(test, lock_info(test, read).error, -ETIME);
	queue_delayed_work(kq_wq, &f->node->tick, 0);
	fput(read);
}

/* --- a longest hold ---------------------------------------------------------------------- */

static void nobody_holds_it_longer_than_he_may(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, TTL_MS, HOLD_MS, KQUORUM_LOCK_GRANTED);
	struct file *next = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);
	u64 limit = fixture_owner(f, file).limit_ns;
	struct kquorum_lock_info info = lock_info(test, file);
	u32 i;

	KUNIT_EXPECT_LE(test, info.renew_left_ns, ms(TTL_MS));
	KUNIT_EXPECT_GT(test, info.hold_left_ns, info.renew_left_ns);
	KUNIT_EXPECT_LE(test, info.hold_left_ns, ms(HOLD_MS));
	KUNIT_EXPECT_EQ(test, info.why, (u32)KQUORUM_RELEASE_OVERDUE);
	for (i = 0; i < 2; i++) {
		msleep(TTL_MS / 2 - LATE_MS / 4);
		KUNIT_EXPECT_GT(test, renew_now(test, file), (ssize_t)0);
	}
	/* No renewal helps any more. */
	info = lock_info(test, file);
	KUNIT_EXPECT_EQ(test, info.renew_left_ns, U64_MAX);
	KUNIT_EXPECT_EQ(test, info.left_ns, info.hold_left_ns);
	expect_lost(test, file, next, limit, -ETIMEDOUT);
	fput(file);
	fput(next);
}

/* --- woken before ------------------------------------------------------------------------ */

/* When whoever waits for a handle was woken by a holder's warning, and how often. */
struct listener {
	struct wait_queue_entry wait;
	u64 at_ns;
	u32 count;
};

static int note_wake(struct wait_queue_entry *wait, unsigned int mode, int sync, void *key)
{
	struct listener *l = container_of(wait, struct listener, wait);

	if (key_to_poll(key) == EPOLLPRI) {
		l->at_ns = kq_clock();
		l->count++;
	}
	return 0;
}

static void listen_to(struct listener *l, struct file *file)
{
	struct kq_lock *lock = file->private_data;

	init_waitqueue_func_entry(&l->wait, note_wake);
	add_wait_queue(&lock->wait, &l->wait);
}

static void listen_no_more(struct listener *l, struct file *file)
{
	struct kq_lock *lock = file->private_data;

	remove_wait_queue(&lock->wait, &l->wait);
}

static bool is_warned(struct file *file)
{
	return vfs_poll(file, NULL) & EPOLLPRI;
}

static void expect_woken(struct kunit *test, const struct listener *l, u32 count, u64 due)
{
	KUNIT_EXPECT_EQ(test, l->count, count);
	KUNIT_EXPECT_GE(test, l->at_ns, due);
	KUNIT_EXPECT_LE(test, l->at_ns, due + ms(2 * TICK_MS));
}

static void whoever_does_not_renew_is_woken_when_a_third_is_left(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, TTL_MS, 0, KQUORUM_LOCK_GRANTED);
	struct listener l = {};
	u64 due;
	u32 i;

	listen_to(&l, file);
	for (i = 0; i < 6; i++) {
		msleep(TTL_MS / 3);
		KUNIT_EXPECT_FALSE(test, is_warned(file));
		KUNIT_EXPECT_GT(test, renew_now(test, file), (ssize_t)0);
	}
	KUNIT_EXPECT_EQ(test, l.count, 0u);
	due = fixture_owner(f, file).end_ns - ms(TTL_MS) / 3;
	KUNIT_EXPECT_TRUE(test, wait_for(is_warned(file)));
	msleep(2 * TICK_MS);
	expect_woken(test, &l, 1, due);
	/* And again, should that be so once more. */
	KUNIT_EXPECT_GT(test, renew_now(test, file), (ssize_t)0);
	KUNIT_EXPECT_FALSE(test, is_warned(file));
	due = fixture_owner(f, file).end_ns - ms(TTL_MS) / 3;
	KUNIT_EXPECT_TRUE(test, wait_for(is_warned(file)));
	msleep(2 * TICK_MS);
	expect_woken(test, &l, 2, due);
	listen_no_more(&l, file);
	fput(file);
}

static void whoever_holds_it_long_is_woken_with_a_third_of_a_lease_left(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, 0, HOLD_MS, KQUORUM_LOCK_GRANTED);
	struct listener l = {};
	u64 due = fixture_owner(f, file).end_ns - ms(LEASE_MS) / 3;

	listen_to(&l, file);
	KUNIT_EXPECT_FALSE(test, is_warned(file));
	KUNIT_EXPECT_TRUE(test, wait_for(l.count));
	expect_woken(test, &l, 1, due);
	KUNIT_EXPECT_TRUE(test, is_warned(file));
	listen_no_more(&l, file);
	fput(file);
}

/* Those that do not come next are not looked at, and each is woken in its own time. */
static void each_handle_is_woken_in_its_own_time(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file[5];
	struct listener l[5] = {};
	u64 due[5];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(file); i++) {
		const char name[] = { 'b' + i, 0 };
		const struct kq_lock_ask ask = {
			.name = name, .name_len = 1, .admin = true,
			.ttl_ms = TTL_MS + 150 * (i * 3 % 5),
		};

		file[i] = kq_lock_file(f->node, &ask);
		KUNIT_ASSERT_FALSE(test, IS_ERR(file[i]));
		KUNIT_EXPECT_EQ(test, kq_lock_ask(file[i]), 0);
		listen_to(&l[i], file[i]);
		KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file[i], KQUORUM_LOCK_GRANTED)));
		due[i] = fixture_owner(f, file[i]).end_ns - ms(ask.ttl_ms) / 3;
	}
	for (i = 0; i < ARRAY_SIZE(file); i++) {
		KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file[i], KQUORUM_LOCK_LOST)));
		expect_woken(test, &l[i], 1, due[i]);
		listen_no_more(&l[i], file[i]);
		fput(file[i]);
	}
}

/* --- taken by an operator ---------------------------------------------------------------- */

/* Numbers that a command has besides the resource "a". */
struct number {
	u16 attr;
	u64 value;
};

static void put_number(struct sk_buff *skb, const struct number *n)
{
	switch (n->attr) {
	case A(SESSION):
	case A(OWNER):
		nla_put(skb, n->attr, sizeof(u64), &n->value);
		break;
	case A(FENCED):
		nla_put_u8(skb, n->attr, n->value);
		break;
	case A(CREATE):
		nla_put_flag(skb, n->attr);
		break;
	default:
		nla_put_u32(skb, n->attr, n->value);
	}
}

/* Return: what became of the command. */
static s32 command(struct kunit *test, u8 cmd, const struct number *n, u32 count)
{
	struct request *r = request_make(test);
	struct file *file;
	s32 err;
	u32 i;

	request_new(test, r, cmd);
	nla_put_string(r->skb, A(RESOURCE), "a");
	for (i = 0; i < count; i++)
		put_number(r->skb, &n[i]);
	file = request_file(test, r);
	err = command_result(test, file).error;
	fput(file);
	fput(r->file);
	return err;
}

#define COMMAND(test, cmd, ...)							\
	({									\
		const struct number _n[] = { __VA_ARGS__ };			\
										\
		command(test, C(cmd), _n, ARRAY_SIZE(_n));			\
	})

static s32 evict(struct kunit *test, struct file *file, u32 drain_ms)
{
	struct kq_owner o = fixture_owner(test->priv, file);

	return COMMAND(test, RESOURCE_EVICT, { A(NODE_ID), 1 }, { A(SESSION), o.session },
		       { A(OWNER), o.id }, { A(DRAIN), drain_ms });
}

static s32 create_fenced(struct kunit *test)
{
	return COMMAND(test, RESOURCE_SET, { A(CREATE), 1 }, { A(UNITS), 1 }, { A(FENCED), 1 });
}

static void who_is_evicted_is_told_and_keeps_what_is_left_of_the_lease(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, 0, 0, KQUORUM_LOCK_GRANTED);
	struct file *next = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);
	struct kquorum_lock_info info = lock_info(test, file);

	KUNIT_EXPECT_FALSE(test, is_warned(file));
	KUNIT_EXPECT_EQ(test, evict(test, file, DRAIN_MS), 0);
	KUNIT_EXPECT_EQ(test, vfs_poll(file, NULL), EPOLLIN | EPOLLRDNORM | EPOLLPRI);
	info = lock_info(test, file);
	KUNIT_EXPECT_EQ(test, info.state, (u32)KQUORUM_LOCK_GRANTED);
	KUNIT_EXPECT_EQ(test, info.why, (u32)KQUORUM_RELEASE_EVICTED);
	KUNIT_EXPECT_GT(test, info.hold_left_ns, ms(DRAIN_MS));
	KUNIT_EXPECT_EQ(test, info.left_ns, info.hold_left_ns);
	expect_lost(test, file, next, fixture_owner(f, file).limit_ns, -ECANCELED);
	fput(file);
	fput(next);
}

static void what_has_a_fence_is_taken_when_the_drain_is_over(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file, *next;
	struct kquorum_lock_info info;

	KUNIT_ASSERT_EQ(test, create_fenced(test), 0);
	file = lock_open(test, 0, 0, KQUORUM_LOCK_GRANTED);
	next = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);
	KUNIT_EXPECT_EQ(test, evict(test, file, DRAIN_MS), 0);
	info = lock_info(test, file);
	KUNIT_EXPECT_LE(test, info.hold_left_ns, ms(DRAIN_MS));
	KUNIT_EXPECT_EQ(test, info.why, (u32)KQUORUM_RELEASE_EVICTED);
	expect_lost(test, file, next, fixture_owner(f, file).limit_ns, -ECANCELED);
	fput(file);
	fput(next);
}

static void who_is_evicted_while_he_waits_is_refused_at_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = lock_open(test, 0, 0, KQUORUM_LOCK_GRANTED);
	struct file *waits = lock_open(test, 0, 0, KQUORUM_LOCK_QUEUED);

	KUNIT_EXPECT_EQ(test, evict(test, waits, DRAIN_MS), 0);
	KUNIT_EXPECT_TRUE(test, in_state(f, waits, KQUORUM_LOCK_REFUSED));
	KUNIT_EXPECT_EQ(test, lock_info(test, waits).error, -ECANCELED);
	KUNIT_EXPECT_EQ(test, evict(test, waits, DRAIN_MS), -ENOENT);
	KUNIT_EXPECT_TRUE(test, in_state(f, file, KQUORUM_LOCK_GRANTED));
	KUNIT_EXPECT_FALSE(test, is_warned(file));
	fput(waits);
	fput(file);
}

/* --- what is told -------------------------------------------------------------------------- */

static void fdinfo_tells_each_end(struct kunit *test)
{
	char *buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct seq_file m = { .buf = buf, .size = PAGE_SIZE - 1 };
	struct file *file = lock_open(test, TTL_MS, HOLD_MS, KQUORUM_LOCK_GRANTED);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	file->f_op->show_fdinfo(&m, file);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, "kquorum-renew-left-ms:\t"), "%s", buf);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, "kquorum-hold-left-ms:\t"), "%s", buf);
	KUNIT_EXPECT_NULL(test, strstr(buf, "kquorum-error"));
	KUNIT_EXPECT_EQ(test, evict(test, file, 0), 0);
	m.count = 0;
	memset(buf, 0, PAGE_SIZE);
	file->f_op->show_fdinfo(&m, file);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, "kquorum-evicted-left-ms:\t"), "%s", buf);
	KUNIT_EXPECT_NULL(test, strstr(buf, "hold-left"));
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(test->priv, file, KQUORUM_LOCK_LOST)));
	m.count = 0;
	memset(buf, 0, PAGE_SIZE);
	file->f_op->show_fdinfo(&m, file);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, "kquorum-state:\tlost\n"), "%s", buf);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(buf, "kquorum-error:\t-125\n"), "%s", buf);
	KUNIT_EXPECT_NULL(test, strstr(buf, "renew-left"));
	fput(file);
}

/* The checkers of this kernel judge, and the count of objects. */
static void handles_with_an_end_may_go_in_any_order(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file[8];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(file); i++) {
		const char name[] = { 'b' + i, 0 };
		const struct kq_lock_ask ask = {
			.name = name, .name_len = 1, .admin = true,
			.ttl_ms = i % 3 ? TTL_MS + 100 * (i * 5 % 8) : 0,
			.hold_ms = i % 2 ? 0 : HOLD_MS,
		};

		file[i] = kq_lock_file(f->node, &ask);
		KUNIT_ASSERT_FALSE(test, IS_ERR(file[i]));
		KUNIT_EXPECT_EQ(test, kq_lock_ask(file[i]), 0);
	}
	/* One that was granted never, one in the middle, one that is lost. */
	fput(file[5]);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file[7], KQUORUM_LOCK_GRANTED)));
	fput(file[2]);
	KUNIT_EXPECT_GT(test, renew_now(test, file[1]), (ssize_t)0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file[4], KQUORUM_LOCK_LOST)));
	fput(file[4]);
	fput(file[1]);
	msleep(TTL_MS);
	kq_node_kill(f->node);
	for (i = 0; i < ARRAY_SIZE(file); i++)
		if (i != 1 && i != 2 && i != 4 && i != 5)
			fput(file[i]);
}

static int grant_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (err)
		return err;
	fixture_start(test, test->priv, 1);
	fixture_lead(test, test->priv);
	return 0;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_is_not_renewed_is_lost_and_goes_to_the_next),
	KUNIT_CASE(what_is_renewed_stays),
	KUNIT_CASE(only_what_is_held_can_be_renewed),
	KUNIT_CASE(whoever_looks_finds_it_lost_before_the_tick),
	KUNIT_CASE(nobody_holds_it_longer_than_he_may),
	KUNIT_CASE(whoever_does_not_renew_is_woken_when_a_third_is_left),
	KUNIT_CASE(whoever_holds_it_long_is_woken_with_a_third_of_a_lease_left),
	KUNIT_CASE(each_handle_is_woken_in_its_own_time),
	KUNIT_CASE(who_is_evicted_is_told_and_keeps_what_is_left_of_the_lease),
	KUNIT_CASE(what_has_a_fence_is_taken_when_the_drain_is_over),
	KUNIT_CASE(who_is_evicted_while_he_waits_is_refused_at_once),
	KUNIT_CASE(fdinfo_tells_each_end),
	KUNIT_CASE(handles_with_an_end_may_go_in_any_order),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_grant",
	.test_cases = cases,
	.init = grant_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
