// SPDX-License-Identifier: GPL-2.0
/*
 * RECONFIGURE: who votes, who learns, what a member is called, or other settings. What can be
 * done is decided by the core; here is only what an operator is told.
 */
#include "netlink.h"
#include "node.h"
#include "trace.h"

static const struct {
	int err;
	const char *why;
} refusals[] = {
	{ -EREMOTE, "this node is not the leader: ask the leader" },
	{ -EAGAIN, "the leader has not committed anything in its term yet: try again" },
	{ -EBUSY, "another change, or a transfer, is under way: try again" },
	{ -EINVAL, "no configuration: it needs a voter, a node has one part, settings come alone" },
	{ -ESTALE, "the configuration has changed since it was looked at: look again" },
	{ -EALREADY, "that is the configuration in force" },
	{ -EDOM, "all voters would be witnesses: one that may lead for good is needed" },
	{ -EDESTADDRREQ, "a node that joins needs a MEMBER (name, address), one in each change" },
	{ -EINPROGRESS, "the settings of before are not out of use yet: try again later" },
	{ -ENOTUNIQ, "another member has this name" },
	{ -EADDRINUSE, "another member is at this address" },
	{ -EEXIST, "a session of this number's last node is not over: try again after its lease" },
	{ -EHOSTUNREACH, "the node that joins is not connected to this one" },
	{ -EKEYREJECTED, "the node with this number has left: stop it, or make it a new one" },
	{ -ENOTCONN, "no majority of the new voters is connected and has caught up" },
	{ -ENOSPC, "the log is full" },
};

static const char *refusal(int err)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].err == err)
			return refusals[i].why;
	return NULL;
}

static int read_member(struct kq_conf_change *change, struct genl_info *info)
{
	const struct nlattr *nest = info->attrs[KQUORUM_A_MEMBER];
	struct kquorum_conf_member *m = &change->member;
	struct nlattr *tb[KQUORUM_MEMBER_MAX + 1];
	int err;

	err = nla_parse_nested(tb, KQUORUM_MEMBER_MAX, nest, kq_nl_member_policy, info->extack);
	if (err)
		return err;
	if (!tb[KQUORUM_MEMBER_ID] || !tb[KQUORUM_MEMBER_NAME] || !tb[KQUORUM_MEMBER_ADDRESS])
		return kq_nl_error(info->extack, nest, -EINVAL,
				   "a member needs id, name and address");
	change->id = nla_get_u32(tb[KQUORUM_MEMBER_ID]);
	if (tb[KQUORUM_MEMBER_FLAGS])
		m->flags = nla_get_u32(tb[KQUORUM_MEMBER_FLAGS]);
	m->priority = tb[KQUORUM_MEMBER_PRIORITY] ?
		nla_get_u32(tb[KQUORUM_MEMBER_PRIORITY]) : KQUORUM_PRIORITY_DEFAULT;
	nla_strscpy(m->name, tb[KQUORUM_MEMBER_NAME], sizeof(m->name));
	nla_strscpy(m->address, tb[KQUORUM_MEMBER_ADDRESS], sizeof(m->address));
	if (!m->name[0] || !m->address[0])
		return kq_nl_error(info->extack, nest, -EINVAL, "a name or address is empty");
	return 0;
}

static int reconfigure(struct kq_node *node, const struct kq_conf_change *change,
		       struct genl_info *info)
{
	struct kq_step step;
	int err = kq_nl_enter(node, &step, info);

	if (err)
		return err;
	kq_trace_reconfigure(node, change);
	err = kq_core_reconfigure(step.core, step.now, change);
	kq_trace_result(node, err, 0);
	kq_node_leave(&step);
	return err ? kq_nl_error(info->extack, NULL, err, refusal(err)) : 0;
}

/**
 * kq_nl_reconfigure() - RECONFIGURE
 * @skb: request
 * @info: its attributes
 *
 * Return: 0: it is in the log, whether it comes about is seen in the status; or as
 * kq_core_reconfigure().
 */
int kq_nl_reconfigure(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_conf_change change = {};
	struct kq_node *node;
	int err = 0;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_VOTERS) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_LEARNERS) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_CONF_INDEX))
		return -EINVAL;
	change.to.voters = nla_get_u32(info->attrs[KQUORUM_A_VOTERS]);
	change.to.learners = nla_get_u32(info->attrs[KQUORUM_A_LEARNERS]);
	change.based_on = nla_get_u64(info->attrs[KQUORUM_A_CONF_INDEX]);
	if (info->attrs[KQUORUM_A_MEMBER])
		err = read_member(&change, info);
	change.settings = info->attrs[KQUORUM_A_SETTINGS];
	if (!err && change.settings)
		err = kq_nl_settings(&change.to.now, NULL, info);
	if (err)
		return err;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = reconfigure(node, &change, info);
	kq_node_put(node);
	return err;
}
