// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks for a lock: a process must not wait for itself, and a user and a node have no more
 * handles than they may. Whatever the end of a handle, it counts no more.
 */
#include <linux/cred.h>
#include <linux/kthread.h>
#include "request.h"

#define POOL	"pool"	/* has 4 units; every other resource has 1 */

static bool in_state(struct fixture *f, struct file *file, u32 state)
{
	return fixture_owner(f, file).state == state;
}

/* A handle that has not asked; or an error pointer. */
static struct file *handle(struct fixture *f, const char *name, u32 flags, u32 units)
{
	const struct kq_lock_ask ask = {
		.name = name, .name_len = strlen(name), .flags = flags, .units = units,
		.admin = true,
	};

	return kq_lock_file(f->node, &ask);
}

/* One that has asked, or an error pointer of how that went. */
static struct file *ask(struct fixture *f, const char *name, u32 flags, u32 units)
{
	struct file *file = handle(f, name, flags, units);
	int err = PTR_ERR_OR_ZERO(file);

	if (err)
		return file;
	err = kq_lock_ask(file);
	if (!err)
		return file;
	fput(file);
	return ERR_PTR(err);
}

/* Return: whether it could ask. It gives back at once what it got. */
static int try(struct fixture *f, const char *name, u32 flags, u32 units)
{
	struct file *file = ask(f, name, flags, units);

	if (IS_ERR(file))
		return PTR_ERR(file);
	fput(file);
	return 0;
}

static struct file *must_ask(struct kunit *test, const char *name, u32 flags, u32 units)
{
	struct file *file = ask(test->priv, name, flags, units);

	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(file), 0l);
	return file;
}

static struct file *must_have(struct kunit *test, const char *name, u32 flags, u32 units)
{
	struct file *file = must_ask(test, name, flags, units);

	KUNIT_ASSERT_TRUE(test, wait_for(in_state(test->priv, file, KQUORUM_LOCK_GRANTED)));
	return file;
}

/* What is closed is gone a moment later: files of a kernel thread are closed by a work. */
static bool handles_are(struct fixture *f, u32 n)
{
	return wait_for(kq_askers_handles(&f->node->askers) == n);
}

static bool no_stakes(struct fixture *f)
{
	bool none;

	mutex_lock(&f->node->lock);
	none = RB_EMPTY_ROOT(&f->node->askers.stakes);
	mutex_unlock(&f->node->lock);
	return none;
}

static void define_pool(struct kunit *test, struct fixture *f)
{
	u8 payload[sizeof(struct kq_define_cmd) + sizeof(POOL)] = {};
	struct kq_define_cmd *cmd = (void *)payload;
	struct kquorum_append_result r = {};
	struct file *file;
	loff_t pos = 0;

	cmd->flags = cpu_to_le16(KQ_DEFINE_NEW | KQ_DEFINE_UNITS);
	cmd->units = cpu_to_le32(4);
	cmd->name_len = cpu_to_le16(strlen(POOL));
	memcpy(cmd + 1, POOL, strlen(POOL));
	file = kq_command_file(f->node, KQ_ENTRY_DEFINE, payload, sizeof(*cmd) + strlen(POOL));
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_command_ask(file), 0);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)sizeof(r));
	KUNIT_EXPECT_EQ(test, r.error, 0);
	fput(file);
}

/* --- waiting for oneself --------------------------------------------------------------- */

struct again_row {
	const char *desc;
	const char *name;
	u32 has, has_units;	/* flags and units of what the process has */
	u32 asks, asks_units;	/* and of what it asks for then */
	int error;
};

static const struct again_row again_rows[] = {
	{ "all of it, twice", "a", 0, 0, 0, 0, -EDEADLK },
	{ "all of it, twice, then only to try", "a", 0, 0, KQUORUM_LOCK_TRY, 0, -EDEADLK },
	{ "a share beside all of it", "a", 0, 0, KQUORUM_LOCK_SHARED, 0, -EDEADLK },
	{ "all of it beside a share", "a", KQUORUM_LOCK_SHARED, 0, 0, 0, -EDEADLK },
	{ "two shares", "a", KQUORUM_LOCK_SHARED, 0, KQUORUM_LOCK_SHARED, 0, 0 },
	{ "as many units as are left", POOL, 0, 3, 0, 1, 0 },
	{ "more units than are left", POOL, 0, 3, 0, 2, -EDEADLK },
	{ "all of it beside some units", POOL, 0, 1, 0, 0, -EDEADLK },
	{ "units beside all of it", POOL, 0, 0, 0, 1, -EDEADLK },
	{ "a share beside some units", POOL, 0, 1, KQUORUM_LOCK_SHARED, 0, -EDEADLK },
	{ "for somebody else", "a", 0, 0, KQUORUM_LOCK_OTHERS, 0, 0 },
	{ "for itself, after for somebody else", "a", KQUORUM_LOCK_OTHERS, 0, 0, 0, -EDEADLK },
	{ "more units than are left, for somebody else", POOL, 0, 3, KQUORUM_LOCK_OTHERS, 2, 0 },
};

static void again_desc(const struct again_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(again, again_rows, again_desc);

static void who_has_it_asks_again(struct kunit *test)
{
	const struct again_row *row = test->param_value;
	struct fixture *f = test->priv;
	struct file *file;

	fixture_lead(test, f);
	define_pool(test, f);
	file = must_have(test, row->name, row->has, row->has_units);
	KUNIT_EXPECT_EQ(test, try(f, "elsewhere", row->asks, 0), 0);
	KUNIT_EXPECT_EQ(test, try(f, row->name, row->asks, row->asks_units), row->error);
	KUNIT_EXPECT_TRUE(test, in_state(f, file, KQUORUM_LOCK_GRANTED));
	fput(file);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
	KUNIT_EXPECT_TRUE(test, no_stakes(f));
	KUNIT_EXPECT_EQ(test, try(f, row->name, row->asks, row->asks_units), 0);
}

static void who_asks_or_waits_may_not_ask_again(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *first = must_ask(test, "a", 0, 0), *second;

	KUNIT_EXPECT_TRUE(test, in_state(f, first, KQUORUM_LOCK_ASKING));
	KUNIT_EXPECT_EQ(test, try(f, "a", 0, 0), -EDEADLK);
	fixture_lead(test, f);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, first, KQUORUM_LOCK_GRANTED)));
	second = must_ask(test, "a", KQUORUM_LOCK_OTHERS, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, second, KQUORUM_LOCK_QUEUED)));
	fput(first);
	KUNIT_EXPECT_EQ(test, try(f, "a", 0, 0), -EDEADLK);
	fput(second);
}

static void what_was_refused_is_no_reason_to_wait(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *units, *refused;

	fixture_lead(test, f);
	define_pool(test, f);
	refused = must_ask(test, POOL, 0, 5);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, refused, KQUORUM_LOCK_REFUSED)));
	units = must_have(test, POOL, 0, 4);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 2));
	fput(units);
	fput(refused);
}

/* As with close() and open() one after the other: what is given back may be on its way still. */
static void who_has_closed_it_may_ask_at_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 i;

	fixture_lead(test, f);
	for (i = 0; i < 20; i++) {
		struct file *file = must_have(test, "a", 0, 0);

		__fput_sync(file);
		KUNIT_EXPECT_EQ(test, kq_askers_handles(&f->node->askers), 0u);
		KUNIT_EXPECT_TRUE(test, no_stakes(f));
	}
}

static void what_ended_with_its_node_is_no_stake(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held, *waits;

	fixture_lead(test, f);
	held = must_have(test, "a", 0, 0);
	waits = must_ask(test, "a", KQUORUM_LOCK_OTHERS, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, waits, KQUORUM_LOCK_QUEUED)));
	kq_node_kill(f->node);
	KUNIT_EXPECT_TRUE(test, no_stakes(f));
	KUNIT_EXPECT_EQ(test, kq_askers_handles(&f->node->askers), 2u);
	fput(waits);
	fput(held);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
}

/* Another thread group, which asks for the same. */
static int other_process(void *data)
{
	struct fixture *f = data;
	int err = try(f, "a", 0, 0);

	while (!kthread_should_stop())
		msleep(20);
	return err;
}

static void another_process_may_wait(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct task_struct *other;
	struct file *file;

	fixture_lead(test, f);
	file = must_have(test, "a", 0, 0);
	other = kthread_run(other_process, f, "kq-other");
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	msleep(50);
	KUNIT_EXPECT_EQ(test, kthread_stop(other), 0);
	fput(file);
}

/* --- so many --------------------------------------------------------------------------- */

/* Makes this thread a user's, with CAP_SYS_RESOURCE or without. */
static const struct cred *become(struct kunit *test, u32 uid, bool resource)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	if (!resource)
		cap_lower(cred->cap_effective, CAP_SYS_RESOURCE);
	cred->euid = KUIDT_INIT(uid);
	return override_creds(cred);
}

static void end_of(const struct cred *root)
{
	const struct cred *user = current_cred();

	revert_creds(root);
	put_cred(user);
}

static void a_user_has_so_many_handles(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct cred *root;
	struct file *file[3];

	f->node->askers.user_max = 2;
	root = become(test, 1000, false);
	file[0] = must_ask(test, "a", 0, 0);
	file[1] = must_ask(test, "b", 0, 0);
	KUNIT_EXPECT_EQ(test, try(f, "c", 0, 0), -EDQUOT);
	end_of(root);

	root = become(test, 1001, false);
	file[2] = must_ask(test, "c", 0, 0);
	end_of(root);
	root = become(test, 1000, true);
	KUNIT_EXPECT_EQ(test, try(f, "d", 0, 0), 0);
	end_of(root);

	KUNIT_EXPECT_TRUE(test, handles_are(f, 3));
	root = become(test, 1000, false);
	KUNIT_EXPECT_EQ(test, try(f, "d", 0, 0), -EDQUOT);
	/* Whoever closes it, it was this user's. */
	end_of(root);
	fput(file[1]);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 2));
	root = become(test, 1000, false);
	KUNIT_EXPECT_EQ(test, try(f, "d", 0, 0), 0);
	end_of(root);
	fput(file[0]);
	fput(file[2]);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->node->askers.users));
}

static void a_node_has_so_many_handles(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file[2];

	f->node->askers.node_max = 2;
	file[0] = must_ask(test, "a", 0, 0);
	file[1] = must_ask(test, "b", 0, 0);
	KUNIT_EXPECT_EQ(test, try(f, "c", 0, 0), -EMFILE);
	fput(file[0]);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 1));
	KUNIT_EXPECT_EQ(test, try(f, "c", 0, 0), 0);
	fput(file[1]);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->node->askers.users));
}

static void a_handle_never_asked_with_counts_until_it_is_closed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = handle(f, "a", 0, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_askers_handles(&f->node->askers), 1u);
	KUNIT_EXPECT_TRUE(test, no_stakes(f));
	KUNIT_EXPECT_EQ(test, try(f, "a", 0, 0), 0);
	fput(file);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
}

static void what_the_core_refuses_at_once_counts_no_more(struct kunit *test)
{
	struct fixture *f = test->priv;

	kq_node_kill(f->node);
	KUNIT_EXPECT_EQ(test, try(f, "a", 0, 0), -ENODEV);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
	KUNIT_EXPECT_TRUE(test, no_stakes(f));
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->node->askers.users));
}

/* First of many users, each of whom needs room of his own, then beside a stake that is there. */
static void each_failing_allocation_counts_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held = must_ask(test, "a", KQUORUM_LOCK_OTHERS, 0);
	u32 nth, left = 0, failed = 0;

	for (nth = 1; nth < 1000 && !left; nth++) {
		const struct cred *root = become(test, 100000 + 64 * nth, false);
		struct file *file;

		current->fail_nth = nth;
		file = ask(f, "a", KQUORUM_LOCK_OTHERS, 0);
		left = current->fail_nth;
		current->fail_nth = 0;
		end_of(root);
		if (IS_ERR(file)) {
			failed++;
			KUNIT_EXPECT_TRUE(test, PTR_ERR(file) == -ENOMEM ||
					  PTR_ERR(file) == -ENFILE);
			KUNIT_EXPECT_TRUE(test, handles_are(f, 1));
		} else {
			KUNIT_EXPECT_TRUE(test, handles_are(f, 2));
			fput(file);
		}
		KUNIT_ASSERT_TRUE(test, handles_are(f, 1));
	}
	KUNIT_EXPECT_LT(test, nth, 1000u);
	KUNIT_EXPECT_GT(test, failed, 5u);
	fput(held);
	KUNIT_EXPECT_TRUE(test, handles_are(f, 0));
	KUNIT_EXPECT_TRUE(test, no_stakes(f));
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->node->askers.users));
}

/* --- in words -------------------------------------------------------------------------- */

static int ask_in_words(struct kunit *test, struct request *r, const char *name)
{
	request_new(test, r, C(LOCK));
	nla_put_string(r->skb, A(RESOURCE), name);
	nla_put_u32(r->skb, A(LOCK_FLAGS), KQUORUM_LOCK_CLOEXEC);
	return request_send(test, r);
}

static void each_refusal_says_why(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held = must_ask(test, "a", 0, 0);
	const struct cred *root;
	struct request *r = request_make(test);

	KUNIT_EXPECT_EQ(test, ask_in_words(test, r, "a"), -EDEADLK);
	KUNIT_EXPECT_NOT_NULL(test, strstr(r->text, "wait for itself"));
	f->node->askers.user_max = 1;
	root = become(test, 0, false);
	KUNIT_EXPECT_EQ(test, ask_in_words(test, r, "b"), -EDQUOT);
	end_of(root);
	KUNIT_EXPECT_NOT_NULL(test, strstr(r->text, "user_locks in [limits]"));
	f->node->askers.node_max = 1;
	KUNIT_EXPECT_EQ(test, ask_in_words(test, r, "b"), -EMFILE);
	KUNIT_EXPECT_NOT_NULL(test, strstr(r->text, "node_locks in [limits]"));
	fput(held);
	fput(r->file);
}

/* What a status says of it. */
struct told {
	u32 handles, user_max, node_max;
};

static u32 told_u32(const struct nlmsghdr *nlh, int type)
{
	const struct nlattr *attr = request_attr(nlh, type);

	return attr ? nla_get_u32(attr) : U32_MAX;
}

static void note(void *ctx, const struct nlmsghdr *nlh)
{
	struct told *t = ctx;

	t->handles = told_u32(nlh, A(LOCKS));
	t->user_max = told_u32(nlh, A(USER_LOCKS));
	t->node_max = told_u32(nlh, A(NODE_LOCKS));
}

static void the_status_tells_how_many(struct kunit *test)
{
	struct file *file[2] = { must_ask(test, "a", 0, 0), must_ask(test, "b", 0, 0) };
	struct request *r = request_make(test);
	struct told t = {};

	r->told = note;
	r->ctx = &t;
	request_new(test, r, C(STATUS));
	KUNIT_EXPECT_EQ(test, request_send(test, r), 0);
	KUNIT_EXPECT_EQ(test, t.handles, 2u);
	KUNIT_EXPECT_EQ(test, t.user_max, (u32)KQUORUM_USER_LOCKS);
	KUNIT_EXPECT_EQ(test, t.node_max, (u32)KQUORUM_NODE_LOCKS);
	fput(file[0]);
	fput(file[1]);
	fput(r->file);
}

static int asker_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (!err)
		fixture_start(test, test->priv, 1);
	return err;
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(who_has_it_asks_again, again_gen_params),
	KUNIT_CASE(who_asks_or_waits_may_not_ask_again),
	KUNIT_CASE(what_was_refused_is_no_reason_to_wait),
	KUNIT_CASE(who_has_closed_it_may_ask_at_once),
	KUNIT_CASE(what_ended_with_its_node_is_no_stake),
	KUNIT_CASE(another_process_may_wait),
	KUNIT_CASE(a_user_has_so_many_handles),
	KUNIT_CASE(a_node_has_so_many_handles),
	KUNIT_CASE(a_handle_never_asked_with_counts_until_it_is_closed),
	KUNIT_CASE(what_the_core_refuses_at_once_counts_no_more),
	KUNIT_CASE(each_failing_allocation_counts_nothing),
	KUNIT_CASE(each_refusal_says_why),
	KUNIT_CASE(the_status_tells_how_many),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_asker",
	.test_cases = cases,
	.init = asker_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
