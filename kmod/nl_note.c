// SPDX-License-Identifier: GPL-2.0
/*
 * PEER_NOTE, SNAPSHOT_NOTE: what the daemon knows and the status shows. Nothing follows from it
 * in the module.
 */
#include "netlink.h"
#include "node.h"
#include "transport.h"

/* Has the node for a step of its daemon. Returns 0, or an error that was told. */
static int enter(struct kq_node *node, struct kq_step *step, struct genl_info *info)
{
	int err = kq_nl_enter(node, step, info);

	if (err)
		return err;
	err = kq_nl_check_epoch(node, info);
	if (err)
		kq_node_leave(step);
	return err;
}

/**
 * kq_nl_peer_note() - PEER_NOTE
 * @skb: request
 * @info: its attributes
 *
 * The daemon's own finding, until a connection has a story of its own.
 *
 * Return: 0 or negative errno.
 */
int kq_nl_peer_note(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_node *node;
	struct kq_step step;
	u32 id;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_EPOCH) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NODE_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_REASON))
		return -EINVAL;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	id = nla_get_u32(info->attrs[KQUORUM_A_NODE_ID]);
	err = enter(node, &step, info);
	if (!err) {
		if (!node->conn[id])
			kq_peer_reason(&step, id, nla_data(info->attrs[KQUORUM_A_REASON]));
		kq_node_leave(&step);
	}
	kq_node_put(node);
	return err;
}

static int read_transit(struct kq_transit *t, struct genl_info *info)
{
	const struct nlattr *nest = info->attrs[KQUORUM_A_TRANSIT];
	struct nlattr *tb[KQUORUM_TRANSIT_MAX + 1];
	int err;

	if (!nest)
		return 0;
	err = nla_parse_nested(tb, KQUORUM_TRANSIT_MAX, nest, kq_nl_transit_policy, info->extack);
	if (err)
		return err;
	if (!tb[KQUORUM_TRANSIT_INDEX] || !tb[KQUORUM_TRANSIT_BYTES] || !tb[KQUORUM_TRANSIT_DONE])
		return kq_nl_error(info->extack, nest, -EINVAL,
				   "a snapshot on its way has an index, bytes, and bytes done");
	t->index = nla_get_u64(tb[KQUORUM_TRANSIT_INDEX]);
	t->bytes = nla_get_u64(tb[KQUORUM_TRANSIT_BYTES]);
	t->done = nla_get_u64(tb[KQUORUM_TRANSIT_DONE]);
	t->comes = tb[KQUORUM_TRANSIT_COMES];
	if (!t->index || t->done > t->bytes)
		return kq_nl_error(info->extack, nest, -EINVAL,
				   "there is no such snapshot, or more of it is there than it has");
	return 0;
}

/**
 * kq_nl_snapshot_note() - SNAPSHOT_NOTE
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_snapshot_note(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_transit transit = {};
	struct kq_node *node;
	struct kq_step step;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_EPOCH) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NODE_ID))
		return -EINVAL;
	err = read_transit(&transit, info);
	if (err)
		return err;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = enter(node, &step, info);
	if (!err) {
		node->member[nla_get_u32(info->attrs[KQUORUM_A_NODE_ID])].transit = transit;
		kq_node_leave(&step);
	}
	kq_node_put(node);
	return err;
}

/**
 * kq_nl_forget_transits() - another daemon has the node: what the one before told is over
 * @node: the node, locked
 */
void kq_nl_forget_transits(struct kq_node *node)
{
	u32 id;

	lockdep_assert_held(&node->lock);
	for (id = 1; id <= KQ_MAX_NODES; id++)
		node->member[id].transit.index = 0;
}
