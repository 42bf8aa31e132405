// SPDX-License-Identifier: GPL-2.0
/*
 * Who may have a resource by its owner, group and mode; the fence that the cluster keeps; and what
 * is told of the terms of resources and grants.
 */
#include <linux/cred.h>
#include "request.h"

#define TTL_MS		5000u
#define HOLD_MS		60000u
#define DRAIN_MS	7000u

enum { OWNER = 1000, MEMBER = 1001, OTHER = 1002, GROUP = 50 };

static bool in_state(struct fixture *f, struct file *file, u32 state)
{
	return fixture_owner(f, file).state == state;
}

/* Somebody without privilege; of one group more, 0: of none. */
static const struct cred *become(struct kunit *test, uid_t uid, gid_t more)
{
	struct group_info *groups = groups_alloc(more ? 1 : 0);
	struct cred *cred = prepare_creds();
	const struct cred *own;

	KUNIT_ASSERT_NOT_NULL(test, cred);
	KUNIT_ASSERT_NOT_NULL(test, groups);
	cap_clear(cred->cap_effective);
	cred->euid = KUIDT_INIT(uid);
	cred->egid = KGIDT_INIT(uid);
	cred->fsgid = cred->egid;
	if (more)
		groups->gid[0] = KGIDT_INIT(more);
	set_groups(cred, groups);
	put_group_info(groups);
	own = override_creds(cred);
	put_cred(cred);
	return own;
}

/* --- commands ---------------------------------------------------------------------------- */

static void put_a(struct kunit *test, struct request *r, u8 cmd)
{
	request_new(test, r, cmd);
	nla_put_string(r->skb, A(RESOURCE), "a");
}

static s32 became(struct kunit *test, struct request *r)
{
	struct file *file = request_file(test, r);
	s32 err = command_result(test, file).error;

	fput(file);
	return err;
}

/* "a", of OWNER and GROUP. */
static void define(struct kunit *test, u32 mode, bool fenced)
{
	struct request *r = request_make(test);

	put_a(test, r, C(RESOURCE_SET));
	nla_put_flag(r->skb, A(CREATE));
	nla_put_u32(r->skb, A(UNITS), 1);
	nla_put_u32(r->skb, A(UID), OWNER);
	nla_put_u32(r->skb, A(GID), GROUP);
	nla_put_u32(r->skb, A(MODE), mode);
	nla_put_u8(r->skb, A(FENCED), fenced);
	KUNIT_EXPECT_EQ(test, became(test, r), 0);
	fput(r->file);
}

static s32 set(struct kunit *test, u16 attr, u32 value)
{
	struct request *r = request_make(test);
	s32 err;

	put_a(test, r, C(RESOURCE_SET));
	if (attr == A(FENCED))
		nla_put_u8(r->skb, attr, value);
	else
		nla_put_u32(r->skb, attr, value);
	err = became(test, r);
	fput(r->file);
	return err;
}

/* As @uid: LOCK of "a". Return: 0 and the handle, or negative errno and why in @text. */
static int lock_as(struct kunit *test, uid_t uid, gid_t more, u32 flags, struct file **file,
		   char *text)
{
	const struct cred *own = become(test, uid, more);
	struct request *r = request_make(test);
	int err;

	put_a(test, r, C(LOCK));
	/* All these users are one process, which must not wait for itself. */
	nla_put_u32(r->skb, A(LOCK_FLAGS), flags | KQUORUM_LOCK_OTHERS);
	err = request_try_file(test, r, file);
	strscpy(text, r->text, sizeof(r->text));
	fput(r->file);
	revert_creds(own);
	return err;
}

/* FENCE of "a". Return: what became of it, or why it was refused at once. */
static s32 fence(struct kunit *test, u64 token)
{
	struct request *r = request_make(test);
	struct file *file;
	s32 err;

	put_a(test, r, C(FENCE));
	nla_put(r->skb, A(TOKEN), sizeof(token), &token);
	err = request_try_file(test, r, &file);
	if (!err) {
		err = command_result(test, file).error;
		fput(file);
	}
	fput(r->file);
	return err;
}

static s32 fence_as(struct kunit *test, uid_t uid, gid_t more, u64 token)
{
	const struct cred *own = become(test, uid, more);
	s32 err = fence(test, token);

	revert_creds(own);
	return err;
}

static struct file *admin_lock(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file = fixture_lock_file(f, "a", 0, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kq_lock_ask(file), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	return file;
}

/* --- access -------------------------------------------------------------------------------- */

struct access_row {
	const char *desc;
	u32 mode;
	uid_t uid;
	gid_t more;
	u32 flags;
	bool granted;
};

static const struct access_row access_rows[] = {
	{ "the owner may", 0600, OWNER, 0, 0, true },
	{ "the owner goes by his own bits", 0066, OWNER, GROUP, 0, false },
	{ "others may not", 0600, OTHER, 0, 0, false },
	{ "the group may", 0660, MEMBER, GROUP, 0, true },
	{ "who is not in it may not", 0660, MEMBER, GROUP + 1, 0, false },
	{ "the group goes by its own bits", 0606, MEMBER, GROUP, 0, false },
	{ "others may have a share", 0604, OTHER, 0, KQUORUM_LOCK_SHARED, true },
	{ "others may not have more than that", 0604, OTHER, 0, 0, false },
	{ "the group may have all, but no share", 0620, MEMBER, GROUP, KQUORUM_LOCK_SHARED, false },
	{ "everybody may", 0666, OTHER, 0, 0, true },
};

static void access_desc(const struct access_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(access, access_rows, access_desc);

static void owner_group_and_mode_decide(struct kunit *test)
{
	const struct access_row *row = test->param_value;
	struct fixture *f = test->priv;
	struct file *file;
	char text[160];
	int err;

	fixture_lead(test, f);
	define(test, row->mode, false);
	err = lock_as(test, row->uid, row->more, row->flags, &file, text);
	KUNIT_EXPECT_EQ_MSG(test, err, row->granted ? 0 : -EACCES, "'%s'", text);
	if (err) {
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "owner, group and mode"), "'%s'",
					  text);
		return;
	}
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	fput(file);
}

static void what_is_not_defined_only_admins_may_have(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file, *held;
	char text[160];

	fixture_lead(test, f);
	KUNIT_EXPECT_EQ(test, lock_as(test, OWNER, 0, 0, &file, text), -EACCES);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "not defined"), "'%s'", text);
	held = admin_lock(test);
	/* That somebody has it does not define it. */
	KUNIT_EXPECT_EQ(test, lock_as(test, OWNER, 0, 0, &file, text), -EACCES);
	KUNIT_EXPECT_EQ(test, fence_as(test, OWNER, 0, 1), -EACCES);
	fput(held);
}

static void a_node_that_may_not_know_yet_lets_the_log_decide(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;
	char text[160];

	KUNIT_ASSERT_EQ(test, lock_as(test, OTHER, 0, 0, &file, text), 0);
	fixture_lead(test, f);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_REFUSED)));
	KUNIT_EXPECT_EQ(test, lock_info(test, file).error, -EACCES);
	fput(file);
}

/* What was said then counts when its turn in the log comes. */
static void who_waits_has_what_he_was_let_have(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *held, *waits, *late;
	char text[160];

	fixture_lead(test, f);
	define(test, 0666, false);
	held = admin_lock(test);
	KUNIT_ASSERT_EQ(test, lock_as(test, OTHER, 0, 0, &waits, text), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, waits, KQUORUM_LOCK_QUEUED)));
	KUNIT_EXPECT_EQ(test, set(test, A(MODE), 0600), 0);
	KUNIT_EXPECT_EQ(test, lock_as(test, OTHER, 0, 0, &late, text), -EACCES);
	fput(held);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, waits, KQUORUM_LOCK_GRANTED)));
	fput(waits);
}

/* As a privileged program that writes to what it was given as its output. */
static void nobody_asks_through_the_socket_of_another_user(struct kunit *test)
{
	struct request *r;
	const struct cred *own;
	struct file *file;

	fixture_lead(test, test->priv);
	define(test, 0600, false);
	own = become(test, OTHER, 0);
	r = request_make(test);
	revert_creds(own);
	put_a(test, r, C(LOCK));
	KUNIT_EXPECT_EQ(test, request_try_file(test, r, &file), -EPERM);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(r->text, "another user"), "'%s'", r->text);
	fput(r->file);
}

/* --- the fence ------------------------------------------------------------------------------ */

static void lower_than_seen_is_refused_equal_is_allowed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;
	u64 first, second;

	fixture_lead(test, f);
	define(test, 0600, true);
	file = admin_lock(test);
	first = fixture_owner(f, file).token;
	KUNIT_EXPECT_EQ(test, fence(test, first), 0);
	KUNIT_EXPECT_EQ(test, fence(test, first), 0);
	fput(file);
	file = admin_lock(test);
	second = fixture_owner(f, file).token;
	/* Until the new one is shown the old one passes: nobody has gone beyond it. */
	KUNIT_EXPECT_EQ(test, fence(test, first), 0);
	KUNIT_EXPECT_EQ(test, fence(test, second), 0);
	KUNIT_EXPECT_EQ(test, fence(test, first), -ESTALE);
	KUNIT_EXPECT_EQ(test, fence(test, second), 0);
	KUNIT_EXPECT_EQ(test, fence(test, U64_MAX), -EINVAL);
	fput(file);
}

/* Of the first entry of a log; what lies between two entries nobody was given. */
#define OLDEST	(1ull << KQ_TOKEN_SHIFT)

static void what_has_no_fence_says_so(struct kunit *test)
{
	fixture_lead(test, test->priv);
	KUNIT_EXPECT_EQ(test, fence(test, OLDEST), -ENOENT);
	define(test, 0600, false);
	KUNIT_EXPECT_EQ(test, fence(test, OLDEST), -EMEDIUMTYPE);
	KUNIT_EXPECT_EQ(test, set(test, A(FENCED), 1), 0);
	KUNIT_EXPECT_EQ(test, fence(test, OLDEST), -ESTALE);
	KUNIT_EXPECT_EQ(test, fence(test, OLDEST + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, set(test, A(UNITS), 2), 0);
	KUNIT_EXPECT_EQ(test, fence(test, OLDEST), -EMEDIUMTYPE);
}

static void who_may_have_it_may_show_a_token(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;
	u64 token;

	fixture_lead(test, f);
	define(test, 0664, true);
	file = admin_lock(test);
	token = fixture_owner(f, file).token;
	KUNIT_EXPECT_EQ(test, fence_as(test, OWNER, 0, token), 0);
	KUNIT_EXPECT_EQ(test, fence_as(test, MEMBER, GROUP, token), 0);
	KUNIT_EXPECT_EQ(test, fence_as(test, OTHER, 0, token), -EACCES);
	fput(file);
}

/* --- what is told ---------------------------------------------------------------------------- */

/* Of "a": numbers of the resource, and of its only claim; ~0: it was not told. */
struct told {
	u64 of[KQUORUM_A_MAX + 1];
	u64 claim[KQUORUM_CLAIM_MAX + 1];
};

static u64 number_of(const struct nlattr *a)
{
	switch (nla_len(a)) {
	case sizeof(u8):
		return nla_get_u8(a);
	case sizeof(u32):
		return nla_get_u32(a);
	case sizeof(u64):
		return nla_get_u64(a);
	default:
		return 0;
	}
}

static void note(void *ctx, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *c;
	struct told *t = ctx;
	int left, more;

	nlmsg_for_each_attr(a, nlh, GENL_HDRLEN, left) {
		if (nla_type(a) <= KQUORUM_A_MAX)
			t->of[nla_type(a)] = number_of(a);
		if (nla_type(a) != A(CLAIM))
			continue;
		nla_for_each_nested(c, a, more)
			if (nla_type(c) <= KQUORUM_CLAIM_MAX)
				t->claim[nla_type(c)] = number_of(c);
	}
}

static struct told *get(struct kunit *test)
{
	struct told *t = kunit_kmalloc(test, sizeof(*t), GFP_KERNEL);
	struct request *r = request_make(test);

	KUNIT_ASSERT_NOT_NULL(test, t);
	memset(t, 0xff, sizeof(*t));
	put_a(test, r, C(RESOURCE_GET));
	r->told = note;
	r->ctx = t;
	KUNIT_EXPECT_EQ(test, request_send(test, r), 0);
	fput(r->file);
	return t;
}

static void the_terms_of_a_resource_are_told(struct kunit *test)
{
	struct told *t;

	fixture_lead(test, test->priv);
	define(test, 0640, true);
	KUNIT_EXPECT_EQ(test, set(test, A(TTL), TTL_MS), 0);
	KUNIT_EXPECT_EQ(test, set(test, A(HOLD), HOLD_MS), 0);
	t = get(test);
	KUNIT_EXPECT_EQ(test, t->of[A(UNITS)], 1ull);
	KUNIT_EXPECT_EQ(test, t->of[A(TTL)], (u64)TTL_MS);
	KUNIT_EXPECT_EQ(test, t->of[A(HOLD)], (u64)HOLD_MS);
	KUNIT_EXPECT_EQ(test, t->of[A(UID)], (u64)OWNER);
	KUNIT_EXPECT_EQ(test, t->of[A(GID)], (u64)GROUP);
	KUNIT_EXPECT_EQ(test, t->of[A(MODE)], 0640ull);
	KUNIT_EXPECT_EQ(test, t->of[A(FENCED)], 1ull);
	KUNIT_EXPECT_GT(test, t->of[A(FENCE)], 0ull);
	KUNIT_EXPECT_EQ(test, set(test, A(FENCED), 0), 0);
	KUNIT_EXPECT_EQ(test, set(test, A(UID), OTHER), 0);
	KUNIT_EXPECT_EQ(test, set(test, A(GID), GROUP + 1), 0);
	KUNIT_EXPECT_EQ(test, set(test, A(TTL), 0), 0);
	t = get(test);
	KUNIT_EXPECT_EQ(test, t->of[A(FENCED)], 0ull);
	KUNIT_EXPECT_EQ(test, t->of[A(UID)], (u64)OTHER);
	KUNIT_EXPECT_EQ(test, t->of[A(GID)], GROUP + 1ull);
	KUNIT_EXPECT_EQ(test, t->of[A(TTL)], 0ull);
	KUNIT_EXPECT_EQ(test, t->of[A(HOLD)], (u64)HOLD_MS);
	KUNIT_EXPECT_EQ(test, t->of[A(MODE)], 0640ull);
}

static void what_a_grant_is_bound_to_is_told(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct request *r = request_make(test);
	struct file *file;
	struct told *t;
	char text[160];

	fixture_lead(test, f);
	define(test, 0666, false);
	KUNIT_EXPECT_EQ(test, set(test, A(TTL), TTL_MS), 0);
	KUNIT_ASSERT_EQ(test, lock_as(test, OTHER, 0, 0, &file, text), 0);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	t = get(test);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_UID], (u64)OTHER);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_TTL], (u64)TTL_MS);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_HOLD], U64_MAX);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_DRAIN], U64_MAX);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_EVICTED], U64_MAX);

	put_a(test, r, C(RESOURCE_EVICT));
	nla_put_u32(r->skb, A(NODE_ID), t->claim[KQUORUM_CLAIM_NODE]);
	nla_put(r->skb, A(SESSION), sizeof(u64), &t->claim[KQUORUM_CLAIM_SESSION]);
	nla_put(r->skb, A(OWNER), sizeof(u64), &t->claim[KQUORUM_CLAIM_OWNER]);
	nla_put_u32(r->skb, A(DRAIN), DRAIN_MS);
	KUNIT_EXPECT_EQ(test, became(test, r), 0);
	fput(r->file);
	msleep(50);
	t = get(test);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_DRAIN], (u64)DRAIN_MS);
	KUNIT_EXPECT_GE(test, t->claim[KQUORUM_CLAIM_EVICTED], 50ull * NSEC_PER_MSEC);
	KUNIT_EXPECT_LE(test, t->claim[KQUORUM_CLAIM_EVICTED], 1ull * NSEC_PER_SEC);
	fput(file);
}

/* A handle's own wishes: within what the resource allows. */
static void a_process_asks_for_less_than_it_may_have(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct request *r = request_make(test);
	struct file *file;
	struct told *t;

	fixture_lead(test, f);
	define(test, 0600, false);
	KUNIT_EXPECT_EQ(test, set(test, A(HOLD), HOLD_MS), 0);
	put_a(test, r, C(LOCK));
	nla_put_u32(r->skb, A(TTL), TTL_MS);
	nla_put_u32(r->skb, A(HOLD), 2 * HOLD_MS);
	file = request_file(test, r);
	KUNIT_EXPECT_TRUE(test, wait_for(in_state(f, file, KQUORUM_LOCK_GRANTED)));
	t = get(test);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_TTL], (u64)TTL_MS);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_HOLD], (u64)HOLD_MS);
	KUNIT_EXPECT_EQ(test, t->claim[KQUORUM_CLAIM_UID], 0ull);
	fput(file);
	fput(r->file);
}

static int access_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (!err)
		fixture_start(test, test->priv, 1);
	return err;
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(owner_group_and_mode_decide, access_gen_params),
	KUNIT_CASE(what_is_not_defined_only_admins_may_have),
	KUNIT_CASE(a_node_that_may_not_know_yet_lets_the_log_decide),
	KUNIT_CASE(who_waits_has_what_he_was_let_have),
	KUNIT_CASE(nobody_asks_through_the_socket_of_another_user),
	KUNIT_CASE(lower_than_seen_is_refused_equal_is_allowed),
	KUNIT_CASE(what_has_no_fence_says_so),
	KUNIT_CASE(who_may_have_it_may_show_a_token),
	KUNIT_CASE(the_terms_of_a_resource_are_told),
	KUNIT_CASE(what_a_grant_is_bound_to_is_told),
	KUNIT_CASE(a_process_asks_for_less_than_it_may_have),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_access",
	.test_cases = cases,
	.init = access_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
