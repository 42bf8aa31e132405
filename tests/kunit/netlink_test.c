// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family from a socket's side: what is refused, with which error,
 * and that the reason is told in words.
 */
#include <linux/cred.h>
#include <net/genetlink.h>
#include <net/sock.h>
#include "fixture.h"
#include "netlink.h"

#define EPOCH		5
#define ANSWER_MAX	16384

/* A request to be built, and what came back. */
struct request {
	struct socket *sock;
	struct file *file;	/* privileges are those of its opener */
	struct sk_buff *skb;
	u8 *answer;
	char text[160];		/* of the extended ack */
};

static struct request *request_make(struct kunit *test)
{
	struct request *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	int on = 1;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->answer = kunit_kmalloc(test, ANSWER_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->answer);
	KUNIT_ASSERT_EQ(test, sock_create(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, &r->sock), 0);
	r->file = sock_alloc_file(r->sock, O_CLOEXEC, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->file));
	r->sock->sk->sk_rcvtimeo = 20 * HZ;
	KUNIT_ASSERT_EQ(test, r->sock->ops->setsockopt(r->sock, SOL_NETLINK, NETLINK_EXT_ACK,
						       KERNEL_SOCKPTR(&on), sizeof(on)), 0);
	KUNIT_ASSERT_EQ(test, r->sock->ops->setsockopt(r->sock, SOL_NETLINK, NETLINK_CAP_ACK,
						       KERNEL_SOCKPTR(&on), sizeof(on)), 0);
	return r;
}

static void request_new(struct kunit *test, struct request *r, u8 cmd)
{
	r->skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->skb);
	KUNIT_ASSERT_NOT_NULL(test, genlmsg_put(r->skb, 0, 1, &kq_nl_family,
						NLM_F_REQUEST | NLM_F_ACK, cmd));
}

/* The error that is answered, its text kept; 1: this is something else. */
static int ack_error(struct request *r, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = nlmsg_data(nlh);
	const struct nlattr *text;

	if (nlh->nlmsg_type != NLMSG_ERROR)
		return 1;
	text = nla_find((const struct nlattr *)(e + 1), nlmsg_len(nlh) - (int)sizeof(*e),
			NLMSGERR_ATTR_MSG);
	if (text)
		nla_strscpy(r->text, text, sizeof(r->text));
	return e->error;
}

/* Sends the request and frees it. Return: the error that it is acknowledged with. */
static int request_send(struct kunit *test, struct request *r)
{
	struct nlmsghdr *nlh = nlmsg_hdr(r->skb);
	struct msghdr msg = {};
	struct kvec vec = { .iov_base = nlh, .iov_len = r->skb->len };
	int n, err = 1;

	nlh->nlmsg_len = r->skb->len;
	r->text[0] = 0;
	KUNIT_EXPECT_EQ(test, kernel_sendmsg(r->sock, &msg, &vec, 1, vec.iov_len),
			(int)vec.iov_len);
	nlmsg_free(r->skb);
	r->skb = NULL;
	while (err == 1) {
		struct msghdr in = {};
		struct kvec to = { .iov_base = r->answer, .iov_len = ANSWER_MAX };

		n = kernel_recvmsg(r->sock, &in, &to, 1, ANSWER_MAX, 0);
		KUNIT_ASSERT_GE(test, n, (int)NLMSG_HDRLEN);
		err = ack_error(r, (struct nlmsghdr *)r->answer);
	}
	return err;
}

/* --- refusals ------------------------------------------------------------------------ */

struct refusal_row {
	const char *desc;
	u8 cmd;
	int error;
	const char *text;	/* part of what is said; NULL: anything, or nothing */
	/*
	 * u32 each, but EPOCH and CONF_INDEX, PAST (of this incarnation), MEMBER (id alone),
	 * TRANSIT (empty, or with a byte too many), SCRUB (empty, or with a rate)
	 */
	u16 attr[4];		/* 0 ends */
	u64 value[4];
	bool no_node;
	bool half;		/* of PAST only that */
};

#define A(name)	KQUORUM_A_##name
#define C(name)	KQUORUM_CMD_##name

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
	{ "lock with unknown flags", C(LOCK), -EINVAL, NULL, { A(LOCK_FLAGS) }, { 4 } },
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
	C(PEER_ATTACH), C(PEER_DETACH), C(PEER_NOTE), C(LOCK), C(APPEND_OPEN),
	C(RECONFIGURE), C(SNAPSHOT_SAVE), C(SNAPSHOT_ADOPT), C(SNAPSHOT_INSTALL),
};

static void without_privilege_only_looking_is_allowed(struct kunit *test)
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
		if (admin_cmds[i] == C(LOCK))
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
	KUNIT_CASE(without_privilege_only_looking_is_allowed),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_netlink",
	.test_cases = cases,
	.init = netlink_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
