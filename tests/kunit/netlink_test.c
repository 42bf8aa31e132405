// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family from a socket's side: what is refused, with which error,
 * and that the reason is told in words.
 */
#include <linux/cred.h>
#include "request.h"

#define EPOCH		5

/* --- refusals ------------------------------------------------------------------------ */

struct refusal_row {
	const char *desc;
	u8 cmd;
	int error;
	const char *text;	/* part of what is said; NULL: anything, or nothing */
	/*
	 * u32 each, but EPOCH, CONF_INDEX, SESSION, OWNER and TOKEN, FENCED, PAST (of this incarnation), MEMBER (id alone),
	 * TRANSIT (empty, or with a byte too many), SCRUB (empty, or with a rate), RESOURCE and
	 * LOCK_INFO (of so many bytes), CREATE (a flag)
	 */
	u16 attr[5];		/* 0 ends */
	u64 value[5];
	bool no_node;
	bool half;		/* of PAST only that */
};

static const struct refusal_row refusal_rows[] = {
	{ "status", C(STATUS), 0 },
	{ "status without a node", C(STATUS), -ENODEV, "no node in this network", .no_node = true },
	{ "lock without a node", C(LOCK), -EINVAL, .no_node = true },
	{ "an attribute of other commands", C(STATUS), -EINVAL, NULL, { A(EPOCH) }, { EPOCH } },
	{ "another group", C(STATUS), -ERANGE, NULL, { A(GROUP) }, { 1 } },
	{ "an unknown command", KQUORUM_CMD_MAX + 1, -EOPNOTSUPP },
	{ "the command of multicasts", C(EVENT), -EOPNOTSUPP },
	{ "canvass without epoch", C(CANVASS), -EINVAL },
	{ "canvass of an earlier daemon", C(CANVASS), -ESTALE, "another daemon",
	  { A(EPOCH) }, { EPOCH - 1 } },
	{ "campaign of a later daemon", C(CAMPAIGN), -ESTALE, "another daemon",
	  { A(EPOCH) }, { EPOCH + 1 } },
	{ "transfer by who does not lead", C(TRANSFER), -EREMOTE, "not the leader",
	  { A(NODE_ID) }, { 2 } },
	{ "transfer to node 16", C(TRANSFER), -ERANGE, NULL, { A(NODE_ID) }, { 16 } },
	{ "attach without descriptor", C(PEER_ATTACH), -EINVAL, NULL,
	  { A(EPOCH), A(NODE_ID), A(PAST) }, { EPOCH, 2, 9 } },
	{ "attach to node 0", C(PEER_ATTACH), -ERANGE, NULL,
	  { A(EPOCH), A(NODE_ID), A(PAST), A(FD) }, { EPOCH, 0, 9, 0 } },
	{ "attach to node 16", C(PEER_ATTACH), -ERANGE, NULL,
	  { A(EPOCH), A(NODE_ID), A(PAST), A(FD) }, { EPOCH, 16, 9, 0 } },
	{ "attach what is not open", C(PEER_ATTACH), -EBADF, "not an open socket",
	  { A(EPOCH), A(NODE_ID), A(PAST), A(FD) }, { EPOCH, 2, 9, 9999 } },
	{ "attach with half a past", C(PEER_ATTACH), -ERANGE, NULL,
	  { A(EPOCH), A(NODE_ID), A(PAST), A(FD) }, { EPOCH, 2, 9, 9999 }, .half = true },
	{ "detach what is not connected", C(PEER_DETACH), -ENOTCONN, "no connection",
	  { A(EPOCH), A(NODE_ID) }, { EPOCH, 2 } },
	{ "a note without a reason", C(PEER_NOTE), -EINVAL, NULL,
	  { A(EPOCH), A(NODE_ID) }, { EPOCH, 2 } },
	{ "a note about node 16", C(PEER_NOTE), -ERANGE, NULL, { A(NODE_ID) }, { 16 } },
	{ "how far what is, of an earlier daemon", C(SNAPSHOT_NOTE), -ESTALE, "another daemon",
	  { A(EPOCH), A(NODE_ID) }, { EPOCH - 1, 2 } },
	{ "how far what is, of nobody", C(SNAPSHOT_NOTE), -EINVAL, NULL, { A(EPOCH) }, { EPOCH } },
	{ "how far half of what is", C(SNAPSHOT_NOTE), -EINVAL, "has an index, bytes, and bytes",
	  { A(EPOCH), A(NODE_ID), A(TRANSIT) }, { EPOCH, 2, 0 } },
	{ "more than all of what is", C(SNAPSHOT_NOTE), -EINVAL, "more of it is there than it has",
	  { A(EPOCH), A(NODE_ID), A(TRANSIT) }, { EPOCH, 2, 7 } },
	{ "that nothing is on its way", C(SNAPSHOT_NOTE), 0, NULL,
	  { A(EPOCH), A(NODE_ID) }, { EPOCH, 2 } },
	{ "a scrub without a wish", C(SCRUB), -EINVAL },
	{ "a scrub that neither starts nor stops", C(SCRUB), -EINVAL, "or STOP", { A(SCRUB) }, { 0 } },
	{ "a scrub that never ends", C(SCRUB), -ERANGE, "64 KiB", { A(SCRUB) }, { 4096 } },
	{ "lock without a name", C(LOCK), -EINVAL },
	{ "lock of what has no name", C(LOCK), -EINVAL, "name is empty", { A(RESOURCE) }, { 0 } },
	{ "lock with unknown flags", C(LOCK), -EINVAL, "reserved bit",
	  { A(RESOURCE), A(LOCK_FLAGS) }, { 1, 1ull << 31 } },
	{ "lock of no unit", C(LOCK), -ERANGE, NULL, { A(RESOURCE), A(LOCK_UNITS) }, { 1, 0 } },
	{ "lock of more units than can be", C(LOCK), -ERANGE, NULL,
	  { A(RESOURCE), A(LOCK_UNITS) }, { 1, KQUORUM_UNITS_MAX + 1ull } },
	{ "lock of a share and of units", C(LOCK), -EINVAL, "not both",
	  { A(RESOURCE), A(LOCK_FLAGS), A(LOCK_UNITS) }, { 1, KQUORUM_LOCK_SHARED, 2 } },
	{ "lock for what takes long to say", C(LOCK), -EINVAL, NULL,
	  { A(RESOURCE), A(LOCK_INFO) }, { 1, KQUORUM_INFO_MAX + 1 } },
	{ "lock with what a resource has", C(LOCK), -EINVAL, NULL,
	  { A(RESOURCE), A(UNITS) }, { 1, 2 } },
	{ "lock to be renewed in a month", C(LOCK), -ERANGE, "out of range",
	  { A(RESOURCE), A(TTL) }, { 1, KQ_GRANT_MS_MAX + 1ull } },
	{ "lock held for more than can be", C(LOCK), -ERANGE, "out of range",
	  { A(RESOURCE), A(HOLD) }, { 1, KQ_GRANT_MS_MAX + 1ull } },
	{ "get what is not there", C(RESOURCE_GET), -ENOENT, "not defined, and nobody holds",
	  { A(RESOURCE) }, { 1 } },
	{ "set without a name", C(RESOURCE_SET), -EINVAL, NULL, { A(UNITS) }, { 1 } },
	{ "set what has no name", C(RESOURCE_SET), -EINVAL, "name is empty",
	  { A(RESOURCE), A(UNITS) }, { 0, 1 } },
	{ "set nothing", C(RESOURCE_SET), -EINVAL, "nothing is to change", { A(RESOURCE) }, { 1 } },
	{ "create without units", C(RESOURCE_SET), -EINVAL, "how many units",
	  { A(RESOURCE), A(CREATE), A(MAX_WAITERS) }, { 1, 1, 1 } },
	{ "set no unit", C(RESOURCE_SET), -ERANGE, NULL, { A(RESOURCE), A(UNITS) }, { 1, 0 } },
	{ "set more units than can be", C(RESOURCE_SET), -ERANGE, NULL,
	  { A(RESOURCE), A(UNITS) }, { 1, KQUORUM_UNITS_MAX + 1ull } },
	{ "set without a node", C(RESOURCE_SET), -ENODEV, "no node in this network",
	  { A(RESOURCE), A(UNITS) }, { 1, 1 }, .no_node = true },
	{ "set what is to be renewed in a month", C(RESOURCE_SET), -ERANGE, "out of range",
	  { A(RESOURCE), A(TTL) }, { 1, KQ_GRANT_MS_MAX + 1ull } },
	{ "set a hold that is too long", C(RESOURCE_SET), -ERANGE, "out of range",
	  { A(RESOURCE), A(HOLD) }, { 1, KQ_GRANT_MS_MAX + 1ull } },
	{ "set nobody as owner", C(RESOURCE_SET), -ERANGE, "out of range",
	  { A(RESOURCE), A(UID) }, { 1, U32_MAX } },
	{ "set no group", C(RESOURCE_SET), -ERANGE, "out of range",
	  { A(RESOURCE), A(GID) }, { 1, U32_MAX } },
	{ "set a mode that executes", C(RESOURCE_SET), -EINVAL, "reserved bit",
	  { A(RESOURCE), A(MODE) }, { 1, 0700 } },
	{ "set more than a fence", C(RESOURCE_SET), -ERANGE, "out of range",
	  { A(RESOURCE), A(FENCED) }, { 1, 2 } },
	{ "set the fence itself", C(RESOURCE_SET), -EINVAL, NULL,
	  { A(RESOURCE), A(FENCE) }, { 1, 2 } },
	{ "create with a mode alone", C(RESOURCE_SET), -EINVAL, "how many units",
	  { A(RESOURCE), A(CREATE), A(MODE) }, { 1, 1, 0600 } },
	{ "evict without a name", C(RESOURCE_EVICT), -EINVAL },
	{ "evict nobody", C(RESOURCE_EVICT), -EINVAL, "whose request", { A(RESOURCE) }, { 1 } },
	{ "evict of no session", C(RESOURCE_EVICT), -EINVAL, "whose request",
	  { A(RESOURCE), A(NODE_ID), A(OWNER) }, { 1, 1, 1 } },
	{ "evict of no handle", C(RESOURCE_EVICT), -EINVAL, "whose request",
	  { A(RESOURCE), A(NODE_ID), A(SESSION) }, { 1, 1, 1 } },
	{ "evict of node 16", C(RESOURCE_EVICT), -ERANGE, NULL,
	  { A(RESOURCE), A(NODE_ID), A(SESSION), A(OWNER) }, { 1, 16, 1, 1 } },
	{ "evict with too long a drain", C(RESOURCE_EVICT), -ERANGE, "out of range",
	  { A(RESOURCE), A(NODE_ID), A(SESSION), A(OWNER), A(DRAIN) },
	  { 1, 1, 1, 1, KQ_GRANT_MS_MAX + 1ull } },
	{ "evict without a node", C(RESOURCE_EVICT), -ENODEV, "no node in this network",
	  { A(RESOURCE), A(NODE_ID), A(SESSION), A(OWNER) }, { 1, 1, 1, 1 }, .no_node = true },
	{ "fence without a name", C(FENCE), -EINVAL, NULL, { A(TOKEN) }, { 1 } },
	{ "fence without a token", C(FENCE), -EINVAL, "which TOKEN", { A(RESOURCE) }, { 1 } },
	{ "fence with nobody's token", C(FENCE), -EINVAL, "nobody's token",
	  { A(RESOURCE), A(TOKEN) }, { 1, 0 } },
	{ "fence without a node", C(FENCE), -ENODEV, "no node in this network",
	  { A(RESOURCE), A(TOKEN) }, { 1, 1 }, .no_node = true },
	{ "delete without a name", C(RESOURCE_DELETE), -EINVAL },
	{ "delete units", C(RESOURCE_DELETE), -EINVAL, NULL,
	  { A(RESOURCE), A(UNITS) }, { 1, 1 } },
	{ "delete without a node", C(RESOURCE_DELETE), -ENODEV, "no node in this network",
	  { A(RESOURCE) }, { 1 }, .no_node = true },
	{ "start with nothing", C(NODE_START), -EINVAL },
	{ "reconfigure without learners", C(RECONFIGURE), -EINVAL, NULL,
	  { A(VOTERS), A(CONF_INDEX) }, { 0xe, 0 } },
	{ "reconfigure with node 16", C(RECONFIGURE), -EINVAL, NULL,
	  { A(VOTERS), A(LEARNERS), A(CONF_INDEX) }, { 0x1000e, 0, 0 } },
	{ "reconfigure with node 0", C(RECONFIGURE), -EINVAL, NULL,
	  { A(VOTERS), A(LEARNERS), A(CONF_INDEX) }, { 0xe, 1, 0 } },
	{ "reconfigure by who does not lead", C(RECONFIGURE), -EREMOTE, "ask the leader",
	  { A(VOTERS), A(LEARNERS), A(CONF_INDEX) }, { 0x6, 0, 0 } },
	{ "reconfigure without a node", C(RECONFIGURE), -ENODEV, "no node in this network",
	  { A(VOTERS), A(LEARNERS), A(CONF_INDEX) }, { 0x6, 0, 0 }, .no_node = true },
	{ "save without a node", C(SNAPSHOT_SAVE), -ENODEV, "no node in this network",
	  .no_node = true },
	{ "save what never changed", C(SNAPSHOT_SAVE), -EALREADY, "nothing has changed" },
	{ "adopt without descriptor", C(SNAPSHOT_ADOPT), -EINVAL },
	{ "adopt what is not open", C(SNAPSHOT_ADOPT), -EBADF, "not an open file descriptor",
	  { A(SNAPSHOT_FD) }, { 9999 } },
	{ "install what is not open", C(SNAPSHOT_INSTALL), -EBADF, "not an open file descriptor",
	  { A(SNAPSHOT_FD) }, { 9999 } },
	{ "install a descriptor below 0", C(SNAPSHOT_INSTALL), -ERANGE, NULL,
	  { A(SNAPSHOT_FD) }, { 0xffffffff } },
	{ "install without a node", C(SNAPSHOT_INSTALL), -ENODEV, "no node in this network",
	  { A(SNAPSHOT_FD) }, { 0 }, .no_node = true },
	{ "a member without a name", C(RECONFIGURE), -EINVAL, "needs id, name and address",
	  { A(VOTERS), A(LEARNERS), A(CONF_INDEX), A(MEMBER) }, { 0x6, 0, 0, 2 } },
};

static void refusal_desc(const struct refusal_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(refusal, refusal_rows, refusal_desc);

static void put_text(struct sk_buff *skb, u16 type, u32 len)
{
	char text[160] = {};

	memset(text, 'a', min_t(u32, len, sizeof(text) - 1));
	nla_put_string(skb, type, text);
}

static void put_attrs(struct sk_buff *skb, const struct refusal_row *row)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(row->attr) && row->attr[i]; i++) {
		struct kquorum_past past = {
			.identity = cpu_to_le64(2),
			.incarnation = cpu_to_le64(row->value[i]),
		};
		struct nlattr *nest;

		switch (row->attr[i]) {
		case A(EPOCH):
		case A(CONF_INDEX):
		case A(SESSION):
		case A(OWNER):
		case A(TOKEN):
			nla_put(skb, row->attr[i], sizeof(u64), &row->value[i]);
			break;
		case A(PAST):
			nla_put(skb, row->attr[i], sizeof(past) / (row->half ? 2 : 1), &past);
			break;
		case A(TRANSIT):
			nest = nla_nest_start(skb, row->attr[i]);
			if (row->value[i]) {
				const u64 bytes = row->value[i] - 1;

				nla_put(skb, KQUORUM_TRANSIT_INDEX, sizeof(u64), &row->value[i]);
				nla_put(skb, KQUORUM_TRANSIT_BYTES, sizeof(u64), &bytes);
				nla_put(skb, KQUORUM_TRANSIT_DONE, sizeof(u64), &row->value[i]);
			}
			nla_nest_end(skb, nest);
			break;
		case A(SCRUB):
			nest = nla_nest_start(skb, row->attr[i]);
			if (row->value[i])
				nla_put(skb, KQUORUM_SCRUB_RATE, sizeof(u64), &row->value[i]);
			nla_nest_end(skb, nest);
			break;
		case A(RESOURCE):
		case A(LOCK_INFO):
			put_text(skb, row->attr[i], row->value[i]);
			break;
		case A(FENCED):
			nla_put_u8(skb, row->attr[i], row->value[i]);
			break;
		case A(CREATE):
			nla_put_flag(skb, row->attr[i]);
			break;
		case A(MEMBER):
			nest = nla_nest_start(skb, row->attr[i]);
			nla_put_u32(skb, KQUORUM_MEMBER_ID, row->value[i]);
			nla_nest_end(skb, nest);
			break;
		default:
			nla_put_u32(skb, row->attr[i], row->value[i]);
		}
	}
}

static void what_a_command_cannot_take_is_refused_in_words(struct kunit *test)
{
	const struct refusal_row *row = test->param_value;
	struct fixture *f = test->priv;
	struct request *r = request_make(test);
	int err;

	if (row->no_node)
		fixture_kill(f);
	request_new(test, r, row->cmd);
	put_attrs(r->skb, row);
	err = request_send(test, r);
	KUNIT_EXPECT_EQ_MSG(test, err, row->error, "'%s'", r->text);
	if (row->text)
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(r->text, row->text), "'%s'", r->text);
	fput(r->file);
}

static void a_header_with_reserved_bits_is_refused(struct kunit *test)
{
	struct request *r = request_make(test);

	request_new(test, r, KQUORUM_CMD_STATUS);
	((struct genlmsghdr *)nlmsg_data(nlmsg_hdr(r->skb)))->reserved = 1;
	KUNIT_EXPECT_EQ(test, request_send(test, r), -EINVAL);
	fput(r->file);
}

/* --- privileges ---------------------------------------------------------------------- */

static const u8 admin_cmds[] = {
	C(NODE_START), C(NODE_STOP), C(DAEMON_TAKE), C(CANVASS), C(CAMPAIGN), C(TRANSFER),
	C(PEER_ATTACH), C(PEER_DETACH), C(PEER_NOTE), C(APPEND_OPEN),
	C(RECONFIGURE), C(SNAPSHOT_SAVE), C(SNAPSHOT_ADOPT), C(SNAPSHOT_INSTALL),
	C(RESOURCE_SET), C(RESOURCE_DELETE), C(RESOURCE_EVICT),
};

static void without_privilege_nothing_is_changed(struct kunit *test)
{
	const struct cred *root;
	struct cred *cred = prepare_creds();
	struct request *r;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cap_clear(cred->cap_effective);
	cred->euid = KUIDT_INIT(1000);
	root = override_creds(cred);
	r = request_make(test);
	for (i = 0; i < ARRAY_SIZE(admin_cmds); i++) {
		request_new(test, r, admin_cmds[i]);
		if (admin_cmds[i] == C(RESOURCE_DELETE))
			nla_put_string(r->skb, A(RESOURCE), "a");
		KUNIT_EXPECT_EQ_MSG(test, request_send(test, r), -EPERM, "command %u",
				    admin_cmds[i]);
	}
	request_new(test, r, C(STATUS));
	KUNIT_EXPECT_EQ(test, request_send(test, r), 0);
	revert_creds(root);
	put_cred(cred);
	fput(r->file);
}

static int netlink_setup(struct kunit *test)
{
	struct fixture *f;
	int err = fixture_setup(test);

	if (err)
		return err;
	f = test->priv;
	fixture_start(test, f, 3);
	f->node->epoch = EPOCH;
	return 0;
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(what_a_command_cannot_take_is_refused_in_words, refusal_gen_params),
	KUNIT_CASE(a_header_with_reserved_bits_is_refused),
	KUNIT_CASE(without_privilege_nothing_is_changed),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_netlink",
	.test_cases = cases,
	.init = netlink_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
