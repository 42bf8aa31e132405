// SPDX-License-Identifier: GPL-2.0
/*
 * Resources as processes meet them: what is said of them and what becomes of that, handles for
 * units and shares, and what is told of all of it.
 */
#include <linux/poll.h>
#include <linux/seq_file.h>
#include "request.h"

static __poll_t readiness(struct file *file)
{
	return vfs_poll(file, NULL);
}

static bool in_state(struct fixture *f, struct file *file, u32 state)
{
	return fixture_owner(f, file).state == state;
}

/* --- what is said ---------------------------------------------------------------------- */

static struct file *define_file(struct kunit *test, struct fixture *f, const char *name, u16 flags,
				u32 units, u32 max_waiters)
{
	u8 payload[sizeof(struct kq_define_cmd) + 32] = {};
	struct kq_define_cmd *cmd = (void *)payload;
	struct file *file;

	cmd->flags = cpu_to_le16(flags | (units ? KQ_DEFINE_UNITS : 0) |
				 (max_waiters ? KQ_DEFINE_MAX_WAITERS : 0));
	cmd->units = cpu_to_le32(units);
	cmd->max_waiters = cpu_to_le32(max_waiters);
	cmd->name_len = cpu_to_le16(strlen(name));
	memcpy(cmd + 1, name, strlen(name));
	file = kq_command_file(f->node, KQ_ENTRY_DEFINE, payload, sizeof(*cmd) + strlen(name));
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/* Return: what became of it. */
static s32 ask(struct kunit *test, struct file *file)
{
	s32 err = kq_command_ask(file);

	if (!err)
		err = command_result(test, file).error;
	fput(file);
	return err;
}

static s32 create(struct kunit *test, struct fixture *f, const char *name, u32 units,
		  u32 max_waiters)
{
	return ask(test, define_file(test, f, name, KQ_DEFINE_NEW, units, max_waiters));
}

static s32 change(struct kunit *test, struct fixture *f, const char *name, u32 units,
		  u32 max_waiters)
{
	return ask(test, define_file(test, f, name, 0, units, max_waiters));
}

static s32 undefine(struct kunit *test, struct fixture *f, const char *name)
{
	u8 payload[sizeof(struct kq_undefine_cmd) + 32] = {};
	struct kq_undefine_cmd *cmd = (void *)payload;
	struct file *file;

	cmd->name_len = cpu_to_le16(strlen(name));
	memcpy(cmd + 1, name, strlen(name));
	file = kq_command_file(f->node, KQ_ENTRY_UNDEFINE, payload, sizeof(*cmd) + strlen(name));
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return ask(test, file);
}

static struct file *lock_open(struct kunit *test, struct fixture *f, const char *name, u32 flags,
			      u32 units)
{
	struct file *file = fixture_lock_file(f, name, flags, units);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(file), 0);
	return file;
}

static void a_command_tells_once_what_became_of_it(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = define_file(test, f, "a", KQ_DEFINE_NEW, 4, 0);
	struct kquorum_append_result r;
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, kq_command_ask(file), 0);
	KUNIT_EXPECT_EQ(test, readiness(file), (__poll_t)0);
	KUNIT_EXPECT_FALSE(test, file->f_mode & FMODE_WRITE);
	file->f_flags |= O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)-EAGAIN);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r) - 1, &pos), (ssize_t)-EINVAL);
	fixture_lead(test, f);
	r = command_result(test, file);
	KUNIT_EXPECT_EQ(test, r.error, 0);
	KUNIT_EXPECT_EQ(test, r.number, 1ull);
	KUNIT_EXPECT_GT(test, r.index, 0ull);
	KUNIT_EXPECT_EQ(test, readiness(file), EPOLLHUP);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)0);
	fput(file);
}

static void what_cannot_be_said_is_refused_by_the_log(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held;

	fixture_lead(test, f);
	KUNIT_EXPECT_EQ(test, change(test, f, "a", 4, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, undefine(test, f, "a"), -ENOENT);
	KUNIT_EXPECT_EQ(test, create(test, f, "a", 4, 0), 0);
	KUNIT_EXPECT_EQ(test, create(test, f, "a", 4, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, change(test, f, "a", 0, 7), 0);
	held = lock_open(test, f, "a", 0, 1);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, held, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_EQ(test, undefine(test, f, "a"), -EBUSY);
	fput(held);
	KUNIT_EXPECT_TRUE(test, wait_for(!undefine(test, f, "a")));
	KUNIT_EXPECT_EQ(test, undefine(test, f, "a"), -ENOENT);
}

static int a_is_defined(struct kq_core *core, u64 now_ns)
{
	const struct kq_resource *r = kq_core_resource_find(core, "a", 1);

	return r && r->pool;
}

static void a_command_that_nobody_listens_to_takes_effect(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = define_file(test, f, "a", KQ_DEFINE_NEW, 4, 0);

	KUNIT_EXPECT_EQ(test, kq_command_ask(file), 0);
	fput(file);
	fixture_lead(test, f);
	KUNIT_EXPECT_TRUE(test, wait_for(fixture_step(f, a_is_defined) == 1));
}

static void a_command_never_asked_leaves_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;

	fput(define_file(test, f, "a", KQ_DEFINE_NEW, 4, 0));
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_HANDLE])));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kq_objects[KQ_OBJECT_APPEND]), 0l);
	fixture_lead(test, f);
	KUNIT_EXPECT_EQ(test, fixture_step(f, a_is_defined), 0);
}

static void a_command_that_outlives_its_node_has_an_end(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *asked = define_file(test, f, "a", KQ_DEFINE_NEW, 4, 0);
	struct file *late = define_file(test, f, "b", KQ_DEFINE_NEW, 4, 0);
	struct kquorum_append_result r;
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, kq_command_ask(asked), 0);
	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, readiness(asked), EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	KUNIT_EXPECT_EQ(test, command_result(test, asked).error, -EHOSTDOWN);
	KUNIT_EXPECT_EQ(test, kernel_read(asked, &r, sizeof(r), &pos), (ssize_t)0);
	KUNIT_EXPECT_EQ(test, readiness(late), EPOLLHUP);
	KUNIT_EXPECT_EQ(test, kq_command_ask(late), -ENODEV);
	fput(late);
	fput(asked);
}

static void a_node_that_failed_takes_no_command(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = define_file(test, f, "a", KQ_DEFINE_NEW, 4, 0);
	struct kq_step step;

	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, kq_node_enter(f->node, &step), 0);
	kq_core_fail(step.core, -EIO, "a test says so");
	kq_node_leave(&step);
	KUNIT_EXPECT_EQ(test, kq_command_ask(file), -EIO);
	fput(file);
}

/* --- handles --------------------------------------------------------------------------- */

static void whoever_has_units_is_told_their_numbers(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *three, *one, *waits;
	struct kquorum_lock_info info;

	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, create(test, f, "a", 4, 0), 0);
	three = lock_open(test, f, "a", 0, 3);
	one = lock_open(test, f, "a", 0, 1);
	waits = lock_open(test, f, "a", 0, 2);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, waits, KQUORUM_LOCK_QUEUED)));
	info = lock_info(test, three);
	KUNIT_EXPECT_EQ(test, info.state, (u32)KQUORUM_LOCK_GRANTED);
	KUNIT_EXPECT_EQ(test, info.mode, (u32)KQUORUM_CLAIM_MODE_UNITS);
	KUNIT_EXPECT_EQ(test, info.units, 3u);
	KUNIT_EXPECT_EQ(test, info.numbers[0], 0x7ull);
	KUNIT_EXPECT_EQ(test, info.holder, 1u);
	KUNIT_EXPECT_EQ(test, lock_info(test, one).numbers[0], 0x8ull);
	info = lock_info(test, waits);
	KUNIT_EXPECT_EQ(test, info.units, 2u);
	KUNIT_EXPECT_EQ(test, info.numbers[0], 0ull);
	KUNIT_EXPECT_EQ(test, info.holder, 1u);
	fput(three);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, waits, KQUORUM_LOCK_GRANTED)));
	KUNIT_EXPECT_EQ(test, lock_info(test, waits).numbers[0], 0x3ull);
	fput(waits);
	fput(one);
}

static void shares_go_together(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *first, *second, *all;
	struct kquorum_lock_info info;

	fixture_lead(test, f);
	first = lock_open(test, f, "a", KQUORUM_LOCK_SHARED, 0);
	second = lock_open(test, f, "a", KQUORUM_LOCK_SHARED, 0);
	all = lock_open(test, f, "a", 0, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, all, KQUORUM_LOCK_QUEUED)));
	KUNIT_EXPECT_TRUE(test, in_state(f, first, KQUORUM_LOCK_GRANTED));
	info = lock_info(test, second);
	KUNIT_EXPECT_EQ(test, info.state, (u32)KQUORUM_LOCK_GRANTED);
	KUNIT_EXPECT_EQ(test, info.mode, (u32)KQUORUM_CLAIM_SHARED);
	KUNIT_EXPECT_EQ(test, info.units, 0u);
	info = lock_info(test, all);
	KUNIT_EXPECT_EQ(test, info.mode, (u32)KQUORUM_CLAIM_EXCLUSIVE);
	fput(first);
	fput(second);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, all, KQUORUM_LOCK_GRANTED)));
	fput(all);
}

static void whoever_cannot_have_it_is_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held, *waits, *more, *many;

	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, create(test, f, "a", 4, 1), 0);
	held = lock_open(test, f, "a", 0, 4);
	waits = lock_open(test, f, "a", 0, 3);
	more = lock_open(test, f, "a", 0, 1);
	many = lock_open(test, f, "a", 0, 5);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, many, KQUORUM_LOCK_REFUSED)));
	KUNIT_EXPECT_EQ(test, fixture_owner(f, many).error, -ERANGE);
	KUNIT_EXPECT_TRUE(test, in_state(f, more, KQUORUM_LOCK_REFUSED));
	KUNIT_EXPECT_EQ(test, fixture_owner(f, more).error, -EUSERS);
	KUNIT_EXPECT_TRUE(test, in_state(f, waits, KQUORUM_LOCK_QUEUED));
	KUNIT_EXPECT_EQ(test, change(test, f, "a", 2, 0), 0);
	KUNIT_EXPECT_TRUE(test, in_state(f, waits, KQUORUM_LOCK_REFUSED));
	KUNIT_EXPECT_EQ(test, lock_info(test, waits).error, -ERANGE);
	KUNIT_EXPECT_EQ(test, readiness(waits), EPOLLHUP);
	KUNIT_EXPECT_TRUE(test, in_state(f, held, KQUORUM_LOCK_GRANTED));
	fput(many);
	fput(more);
	fput(waits);
	fput(held);
}

static void fdinfo_names_mode_units_and_numbers(struct kunit *test)
{
	struct fixture *f = test->priv;
	char *buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct seq_file m = { .buf = buf, .size = PAGE_SIZE - 1 };
	struct file *units, *share;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, create(test, f, "a", 4, 0), 0);
	units = lock_open(test, f, "a", 0, 3);
	share = lock_open(test, f, "b", KQUORUM_LOCK_SHARED, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, share, KQUORUM_LOCK_GRANTED)));
	units->f_op->show_fdinfo(&m, units);
	KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "kquorum-mode:\tunits\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "kquorum-units:\t3\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "kquorum-numbers:\t0-2\n"));
	m.count = 0;
	memset(buf, 0, PAGE_SIZE);
	share->f_op->show_fdinfo(&m, share);
	KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "kquorum-mode:\tshared\n"));
	KUNIT_EXPECT_NULL(test, strstr(buf, "kquorum-units"));
	KUNIT_EXPECT_NULL(test, strstr(buf, "kquorum-numbers"));
	fput(share);
	fput(units);
}

/* --- what is told ------------------------------------------------------------------------ */

#define HOLDERS	100u	/* with as many who wait; the log has room for little more */
#define OWNERS	512u

/* What RESOURCE_GET told. */
struct told {
	u32 messages;
	u32 units, max_waiters;
	u64 in_use, defined;
	bool is_defined;
	u32 claims;
	u32 mode, claim_units;	/* of the last claim */
	u32 numbers;		/* bytes */
	u8 last_number;
	char info[KQUORUM_INFO_MAX + 1];
	u64 index, owner;	/* of the last one */
	bool sorted;		/* by it, within each message */
	u32 times[OWNERS];	/* by owner: how often its claim was told */
};

static void note_claim(struct told *t, const struct nlattr *claim)
{
	const struct nlattr *tb[KQUORUM_CLAIM_MAX + 1] = {};
	const struct nlattr *a;
	int left;

	nla_for_each_nested(a, claim, left)
		if (nla_type(a) <= KQUORUM_CLAIM_MAX)
			tb[nla_type(a)] = a;
	t->claims++;
	t->mode = nla_get_u32(tb[KQUORUM_CLAIM_MODE]);
	t->claim_units = tb[KQUORUM_CLAIM_UNITS] ? nla_get_u32(tb[KQUORUM_CLAIM_UNITS]) : 0;
	t->numbers = 0;
	if (tb[KQUORUM_CLAIM_NUMBERS]) {
		t->numbers = nla_len(tb[KQUORUM_CLAIM_NUMBERS]);
		t->last_number = ((u8 *)nla_data(tb[KQUORUM_CLAIM_NUMBERS]))[t->numbers - 1];
	}
	t->info[0] = 0;
	if (tb[KQUORUM_CLAIM_INFO])
		nla_strscpy(t->info, tb[KQUORUM_CLAIM_INFO], sizeof(t->info));
	t->sorted = t->sorted && nla_get_u64(tb[KQUORUM_CLAIM_INDEX]) > t->index;
	t->index = nla_get_u64(tb[KQUORUM_CLAIM_INDEX]);
	t->owner = nla_get_u64(tb[KQUORUM_CLAIM_OWNER]) % OWNERS;
	t->times[t->owner]++;
}

static void note(void *ctx, const struct nlmsghdr *nlh)
{
	struct told *t = ctx;
	const struct nlattr *a;
	int left;

	t->messages++;
	t->units = nla_get_u32(request_attr(nlh, A(UNITS)));
	t->in_use = nla_get_u64(request_attr(nlh, A(IN_USE)));
	a = request_attr(nlh, A(DEFINED));
	t->is_defined = a;
	t->defined = a ? nla_get_u64(a) : 0;
	a = request_attr(nlh, A(MAX_WAITERS));
	t->max_waiters = a ? nla_get_u32(a) : 0;
	nlmsg_for_each_attr(a, nlh, GENL_HDRLEN, left)
		if (nla_type(a) == A(CLAIM))
			note_claim(t, a);
}

static struct told *get(struct kunit *test, const char *name, int expected)
{
	struct told *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct request *r = request_make(test);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->sorted = true;
	r->told = note;
	r->ctx = t;
	request_new(test, r, C(RESOURCE_GET));
	nla_put_string(r->skb, A(RESOURCE), name);
	KUNIT_EXPECT_EQ(test, request_send(test, r), expected);
	fput(r->file);
	return t;
}

static void what_is_defined_is_told_without_claims(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct told *t;

	fixture_lead(test, f);
	get(test, "a", -ENOENT);
	KUNIT_ASSERT_EQ(test, create(test, f, "a", 1000, 9), 0);
	t = get(test, "a", 0);
	KUNIT_EXPECT_EQ(test, t->messages, 1u);
	KUNIT_EXPECT_EQ(test, t->units, 1000u);
	KUNIT_EXPECT_EQ(test, t->max_waiters, 9u);
	KUNIT_EXPECT_EQ(test, t->in_use, 0ull);
	KUNIT_EXPECT_GT(test, t->defined, 0ull);
	KUNIT_EXPECT_EQ(test, t->claims, 0u);
	KUNIT_EXPECT_EQ(test, undefine(test, f, "a"), 0);
	get(test, "a", -ENOENT);
}

static void units_in_use_are_told_whoever_has_them(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;
	struct told *t;

	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, create(test, f, "a", 7, 0), 0);
	file = lock_open(test, f, "a", 0, 2);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	t = get(test, "a", 0);
	KUNIT_EXPECT_EQ(test, t->in_use, 2ull);
	KUNIT_EXPECT_EQ(test, t->mode, (u32)KQUORUM_CLAIM_MODE_UNITS);
	KUNIT_EXPECT_EQ(test, t->claim_units, 2u);
	KUNIT_EXPECT_EQ(test, t->numbers, 2u);
	KUNIT_EXPECT_EQ(test, t->last_number, 1);
	fput(file);
	file = lock_open(test, f, "a", KQUORUM_LOCK_SHARED, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	t = get(test, "a", 0);
	KUNIT_EXPECT_EQ(test, t->in_use, 7ull);
	KUNIT_EXPECT_EQ(test, t->mode, (u32)KQUORUM_CLAIM_SHARED);
	KUNIT_EXPECT_EQ(test, t->numbers, 0u);
	fput(file);
	file = lock_open(test, f, "nothing said", 0, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	t = get(test, "nothing said", 0);
	KUNIT_EXPECT_EQ(test, t->units, 1u);
	KUNIT_EXPECT_EQ(test, t->in_use, 1ull);
	KUNIT_EXPECT_FALSE(test, t->is_defined);
	KUNIT_EXPECT_EQ(test, t->mode, (u32)KQUORUM_CLAIM_EXCLUSIVE);
	fput(file);
}

static void a_process_says_asks_and_looks(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct request *r = request_make(test);
	struct file *file, *lock;
	struct told *t;

	fixture_lead(test, f);
	request_new(test, r, C(RESOURCE_SET));
	nla_put_string(r->skb, A(RESOURCE), "gpu");
	nla_put_u32(r->skb, A(UNITS), 4);
	nla_put_flag(r->skb, A(CREATE));
	file = request_file(test, r);
	KUNIT_EXPECT_EQ(test, command_result(test, file).error, 0);
	fput(file);

	request_new(test, r, C(RESOURCE_SET));
	nla_put_string(r->skb, A(RESOURCE), "gpu");
	nla_put_u32(r->skb, A(MAX_WAITERS), 3);
	file = request_file(test, r);
	KUNIT_EXPECT_EQ(test, command_result(test, file).error, 0);
	fput(file);

	request_new(test, r, C(LOCK));
	nla_put_string(r->skb, A(RESOURCE), "gpu");
	nla_put_u32(r->skb, A(LOCK_UNITS), 2);
	nla_put_string(r->skb, A(LOCK_INFO), "trains");
	lock = request_file(test, r);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, lock, KQUORUM_LOCK_GRANTED)));
	t = get(test, "gpu", 0);
	KUNIT_EXPECT_EQ(test, t->units, 4u);
	KUNIT_EXPECT_EQ(test, t->max_waiters, 3u);
	KUNIT_EXPECT_EQ(test, t->in_use, 2ull);
	KUNIT_EXPECT_STREQ(test, (const char *)t->info, "trains");

	request_new(test, r, C(RESOURCE_DELETE));
	nla_put_string(r->skb, A(RESOURCE), "gpu");
	file = request_file(test, r);
	KUNIT_EXPECT_EQ(test, command_result(test, file).error, -EBUSY);
	fput(file);
	fput(lock);
	fput(r->file);
}

/* A dump of many, while handles are closed. */
struct crowd {
	struct told t;		/* first: what note() is given */
	struct kunit *test;
	struct fixture *f;
	struct file *file[2 * HOLDERS];
	u64 owner[2 * HOLDERS];
	bool closed[2 * HOLDERS];
	u32 claims, pauses;
};

static struct crowd *crowd;	/* for claims_left() */

static int claims_left(struct kq_core *core, u64 now_ns)
{
	return core->res->claims == crowd->claims;
}

static void crowd_close(struct crowd *c, u32 i)
{
	if (i >= ARRAY_SIZE(c->file) || c->closed[i])
		return;
	c->closed[i] = true;
	c->claims--;
	fput(c->file[i]);
}

/* Some that were told, some that were not; as many of those that wait hold it then. */
static void crowd_thins(struct crowd *c)
{
	crowd_close(c, c->pauses);
	crowd_close(c, HOLDERS / 2 + c->pauses);
	crowd_close(c, HOLDERS - 1 - c->pauses);
	crowd_close(c, HOLDERS + 1 + 7 * c->pauses);
}

/* The dump is one piece of about 30 claims ahead: now and then its last one is gone then. */
static void crowd_loses_the_last(struct crowd *c)
{
	u32 i, last = 0;

	while (last < ARRAY_SIZE(c->owner) - 1 && c->owner[last] != c->t.owner)
		last++;
	for (i = last + 20 + c->pauses / 2 % 2; i < last + 45; i += 2)
		crowd_close(c, i);
}

static void crowd_changes(void *ctx)
{
	struct crowd *c = ctx;

	if (c->pauses++ % 2)
		crowd_loses_the_last(c);
	else
		crowd_thins(c);
	KUNIT_EXPECT_TRUE(c->test, wait_for(fixture_step(c->f, claims_left) == 1));
}

static void a_dump_tells_once_whoever_was_there_all_the_time(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct request *r = request_make(test);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	crowd = c;
	c->test = test;
	c->f = f;
	c->t.sorted = true;
	fixture_lead(test, f);
	KUNIT_ASSERT_EQ(test, create(test, f, "a", HOLDERS, 0), 0);
	for (i = 0; i < ARRAY_SIZE(c->file); i++)
		c->file[i] = lock_open(test, f, "a", 0, 1);
	c->claims = ARRAY_SIZE(c->file);
	KUNIT_ASSERT_TRUE(test, wait_for(fixture_step(f, claims_left) == 1));
	for (i = 0; i < ARRAY_SIZE(c->file); i++)
		c->owner[i] = fixture_owner(f, c->file[i]).id % OWNERS;
	KUNIT_EXPECT_TRUE(test, in_state(f, c->file[HOLDERS - 1], KQUORUM_LOCK_GRANTED));
	KUNIT_EXPECT_TRUE(test, in_state(f, c->file[HOLDERS], KQUORUM_LOCK_QUEUED));
	r->answer_max = 4096;
	r->told = note;
	r->pause = crowd_changes;
	r->ctx = c;
	request_new_flags(test, r, C(RESOURCE_GET), NLM_F_DUMP);
	KUNIT_EXPECT_EQ(test, request_send(test, r), 0);
	KUNIT_EXPECT_GT(test, c->t.messages, 3u);
	KUNIT_EXPECT_GT(test, c->pauses, 3u);
	KUNIT_EXPECT_TRUE(test, c->t.sorted);
	for (i = 0; i < ARRAY_SIZE(c->file); i++) {
		if (c->closed[i])
			KUNIT_EXPECT_LE(test, c->t.times[c->owner[i]], 1u);
		else
			KUNIT_EXPECT_EQ_MSG(test, c->t.times[c->owner[i]], 1u, "handle %u", i);
		crowd_close(c, i);
	}
	fput(r->file);
}

static int resource_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (!err)
		fixture_start(test, test->priv, 1);
	return err;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_command_tells_once_what_became_of_it),
	KUNIT_CASE(what_cannot_be_said_is_refused_by_the_log),
	KUNIT_CASE(a_command_that_nobody_listens_to_takes_effect),
	KUNIT_CASE(a_command_never_asked_leaves_nothing),
	KUNIT_CASE(a_command_that_outlives_its_node_has_an_end),
	KUNIT_CASE(a_node_that_failed_takes_no_command),
	KUNIT_CASE(whoever_has_units_is_told_their_numbers),
	KUNIT_CASE(shares_go_together),
	KUNIT_CASE(whoever_cannot_have_it_is_refused),
	KUNIT_CASE(fdinfo_names_mode_units_and_numbers),
	KUNIT_CASE(what_is_defined_is_told_without_claims),
	KUNIT_CASE(units_in_use_are_told_whoever_has_them),
	KUNIT_CASE(a_process_says_asks_and_looks),
	KUNIT_CASE(a_dump_tells_once_whoever_was_there_all_the_time),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_resource",
	.test_cases = cases,
	.init = resource_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
