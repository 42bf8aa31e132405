// SPDX-License-Identifier: GPL-2.0
/*
 * The family: its commands, its multicasts, and the short commands themselves.
 *
 * No command waits for a disk or a peer: a parallel_ops command still holds a read
 * lock of all generic netlink.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include "netlink.h"
#include "node.h"
#include "trace.h"
#include "transport.h"

/* Over all nodes and namespaces, so that no old daemon fits a new node. */
static atomic64_t kq_epoch = ATOMIC64_INIT(0);

/**
 * kq_nl_admin() - may the sender administrate?
 * @skb: the request
 * @extack: told why not
 *
 * The initial user namespace counts: `unshare -Un` must not open the module to all.
 *
 * Return: true if so.
 */
bool kq_nl_admin(struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_NET_ADMIN))
		return true;
	NL_SET_ERR_MSG(extack, "needs CAP_NET_ADMIN in the initial user namespace");
	return false;
}

/**
 * kq_nl_node() - the node of a namespace
 * @net: the namespace
 * @extack: told when there is none
 *
 * Return: the node with a reference, or ERR_PTR(-ENODEV).
 */
struct kq_node *kq_nl_node(struct net *net, struct netlink_ext_ack *extack)
{
	struct kq_node *node = kq_node_find(net);

	if (node)
		return node;
	NL_SET_ERR_MSG(extack, "no node in this network namespace: kquorum start");
	return ERR_PTR(-ENODEV);
}

/**
 * kq_nl_error() - say what is wrong
 * @extack: told
 * @attr: with which attribute, or NULL
 * @err: negative errno
 * @why: static text, or NULL: a general one by @err
 *
 * Return: @err.
 */
int kq_nl_error(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		const char *why)
{
	if (!why) {
		switch (err) {
		case -EBUSY:
			why = "too much is under way: try again";
			break;
		case -ENODEV:
			why = "the node went down";
			break;
		case -ESHUTDOWN:
			why = "the node is stopping";
			break;
		case -EIO:
			why = "the node does not serve: see REASON in its status";
			break;
		case -ENOMEM:
			why = "no memory";
			break;
		default:
			return err;
		}
	}
	if (extack) {
		extack->_msg = why;
		extack->bad_attr = attr;
	}
	return err;
}

/**
 * kq_nl_enter() - take the node for one step, for a command
 * @node: the node
 * @step: filled in
 * @info: of the command; it is told why not
 *
 * Return: as kq_node_enter().
 */
int kq_nl_enter(struct kq_node *node, struct kq_step *step, struct genl_info *info)
{
	int err = kq_node_enter(node, step);

	return err ? kq_nl_error(info->extack, NULL, err, err == -EBUSY ?
				 KQ_NL_READING : NULL) : 0;
}

/**
 * kq_nl_check_epoch() - is the sender the daemon that has the node?
 * @node: the node, locked
 * @info: of the command; it is told if not
 *
 * Return: 0 or -ESTALE.
 */
int kq_nl_check_epoch(const struct kq_node *node, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KQUORUM_A_EPOCH];

	lockdep_assert_held(&node->lock);
	if (nla_get_u64(attr) == node->epoch)
		return 0;
	return kq_nl_error(info->extack, attr, -ESTALE, "another daemon has taken the node");
}

static int nl_node_stop(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_node *node;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_node_stop(node, info->attrs[KQUORUM_A_FORCE]);
	kq_node_put(node);
	return kq_nl_error(info->extack, NULL, err, NULL);
}

static int nl_daemon_take(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_node *node;
	struct sk_buff *reply;
	void *hdr;
	u64 epoch;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	hdr = reply ? genlmsg_put_reply(reply, info, &kq_nl_family, 0, KQUORUM_CMD_DAEMON_TAKE) :
		NULL;
	if (!hdr) {
		kq_node_put(node);
		nlmsg_free(reply);
		return -ENOMEM;
	}
	mutex_lock(&node->lock);
	epoch = atomic64_inc_return(&kq_epoch);
	node->epoch = epoch;
	kq_nl_forget_transits(node);
	atomic_set(&node->daemon, info->snd_portid);
	kq_node_event(node, KQUORUM_EVENT_DAEMON);
	mutex_unlock(&node->lock);
	kq_node_put(node);
	nla_put_u64_64bit(reply, KQUORUM_A_EPOCH, epoch, KQUORUM_A_PAD);
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/* Runs @step under the node's lock, for the daemon of the present epoch. */
static int daemon_command(struct sk_buff *skb, struct genl_info *info,
			  int (*command)(struct kq_core *core, u64 now_ns),
			  enum kq_trace_what what, const char *refused)
{
	struct kq_node *node;
	struct kq_step step;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_EPOCH))
		return -EINVAL;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_nl_enter(node, &step, info);
	if (!err) {
		err = kq_nl_check_epoch(node, info);
		if (!err) {
			kq_trace_call(node, what, 0, 0, 0);
			err = command(step.core, step.now);
			kq_trace_result(node, err, 0);
			if (err)
				kq_nl_error(info->extack, NULL, err, refused);
		}
		kq_node_leave(&step);
	}
	kq_node_put(node);
	return err;
}

static int nl_canvass(struct sk_buff *skb, struct genl_info *info)
{
	return daemon_command(skb, info, kq_core_canvass, KQ_TRACE_CANVASS,
			      "this node cannot canvass now: see its state, role and waiting time");
}

static int nl_campaign(struct sk_buff *skb, struct genl_info *info)
{
	return daemon_command(skb, info, kq_core_campaign, KQ_TRACE_CAMPAIGN,
			      "this node cannot campaign now: see its state, role and waiting time");
}

static int nl_transfer(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *to = info->attrs[KQUORUM_A_NODE_ID];
	struct kq_node *node;
	struct kq_step step;
	const char *why;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_nl_enter(node, &step, info);
	if (!err) {
		why = step.core->role == KQUORUM_LEADER ?
			"that node is no voter, or cannot be reached" :
			"this node is not the leader: ask the leader";
		kq_trace_call(node, KQ_TRACE_TRANSFER, to ? nla_get_u32(to) : 0, 0, 0);
		err = kq_core_transfer(step.core, step.now, to ? nla_get_u32(to) : 0);
		kq_trace_result(node, err, 0);
		if (err)
			kq_nl_error(info->extack, to, err, why);
		kq_node_leave(&step);
	}
	kq_node_put(node);
	return err;
}

static int nl_peer_attach(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_conn_ask ask = {};
	const char *why = NULL;
	struct kq_node *node;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_EPOCH) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NODE_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_FD) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_PAST))
		return -EINVAL;
	ask.id = nla_get_u32(info->attrs[KQUORUM_A_NODE_ID]);
	ask.past = nla_data(info->attrs[KQUORUM_A_PAST]);
	ask.epoch = nla_get_u64(info->attrs[KQUORUM_A_EPOCH]);
	if (info->attrs[KQUORUM_A_NAME])
		nla_strscpy(ask.name, info->attrs[KQUORUM_A_NAME], sizeof(ask.name));
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_conn_attach(node, nla_get_s32(info->attrs[KQUORUM_A_FD]), &ask, &why);
	kq_node_put(node);
	return err ? kq_nl_error(info->extack, info->attrs[KQUORUM_A_FD], err, why) : 0;
}

static int nl_peer_detach(struct sk_buff *skb, struct genl_info *info)
{
	const char *why = NULL;
	struct kq_node *node;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_EPOCH) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NODE_ID))
		return -EINVAL;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_conn_detach(node, nla_get_u32(info->attrs[KQUORUM_A_NODE_ID]),
			     nla_get_u64(info->attrs[KQUORUM_A_EPOCH]), &why);
	kq_node_put(node);
	return err ? kq_nl_error(info->extack, NULL, err, why) : 0;
}

static const struct genl_ops nl_ops[] = {
	{ .cmd = KQUORUM_CMD_NODE_START, .doit = kq_nl_node_start,
	  .policy = kq_nl_start_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_NODE_STOP, .doit = nl_node_stop,
	  .policy = kq_nl_stop_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_DAEMON_TAKE, .doit = nl_daemon_take,
	  .policy = kq_nl_none_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_STATUS, .doit = kq_nl_status,
	  .policy = kq_nl_none_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_CANVASS, .doit = nl_canvass,
	  .policy = kq_nl_epoch_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_CAMPAIGN, .doit = nl_campaign,
	  .policy = kq_nl_epoch_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_TRANSFER, .doit = nl_transfer,
	  .policy = kq_nl_transfer_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_RECONFIGURE, .doit = kq_nl_reconfigure,
	  .policy = kq_nl_reconfigure_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_SNAPSHOT_SAVE, .doit = kq_nl_snapshot_save,
	  .policy = kq_nl_none_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_SNAPSHOT_ADOPT, .doit = kq_nl_snapshot_adopt,
	  .policy = kq_nl_adopt_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_SNAPSHOT_INSTALL, .doit = kq_nl_snapshot_install,
	  .policy = kq_nl_install_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_PEER_ATTACH, .doit = nl_peer_attach,
	  .policy = kq_nl_attach_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_PEER_DETACH, .doit = nl_peer_detach,
	  .policy = kq_nl_detach_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_PEER_NOTE, .doit = kq_nl_peer_note,
	  .policy = kq_nl_note_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_SNAPSHOT_NOTE, .doit = kq_nl_snapshot_note,
	  .policy = kq_nl_snapshot_note_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_SCRUB, .doit = kq_nl_scrub,
	  .policy = kq_nl_scrub_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_LOCK, .doit = kq_nl_lock,
	  .policy = kq_nl_lock_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_APPEND_OPEN, .doit = kq_nl_append_open,
	  .policy = kq_nl_none_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_RESOURCE_GET, .doit = kq_nl_resource_get,
	  .start = kq_nl_resource_start, .dumpit = kq_nl_resource_dump, .done = kq_nl_dump_done,
	  .policy = kq_nl_resource_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_RESOURCE_SET, .doit = kq_nl_resource_set,
	  .policy = kq_nl_resource_set_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_RESOURCE_DELETE, .doit = kq_nl_resource_delete,
	  .policy = kq_nl_resource_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_RESOURCE_EVICT, .doit = kq_nl_resource_evict,
	  .policy = kq_nl_resource_evict_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_FENCE, .doit = kq_nl_fence,
	  .policy = kq_nl_fence_policy, .maxattr = KQUORUM_A_MAX },
	{ .cmd = KQUORUM_CMD_LOG_GET,
	  .start = kq_nl_log_start, .dumpit = kq_nl_log_dump, .done = kq_nl_dump_done,
	  .policy = kq_nl_log_policy, .maxattr = KQUORUM_A_MAX },
};

static const struct genl_multicast_group nl_groups[] = {
	{ .name = KQUORUM_MCGRP_EVENTS },
};

/* resv_start_op stays 0: every command is checked strictly, its header too. */
struct genl_family kq_nl_family __ro_after_init = {
	.name = KQUORUM_GENL_NAME,
	.version = KQUORUM_GENL_VERSION,
	.maxattr = KQUORUM_A_MAX,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = nl_ops,
	.n_ops = ARRAY_SIZE(nl_ops),
	.mcgrps = nl_groups,
	.n_mcgrps = ARRAY_SIZE(nl_groups),
};

/**
 * kq_nl_multicast() - wake whoever listens
 * @net: in this namespace
 * @ev: what happened
 *
 * Lost when there is no memory: the truth is in the status, this is a wake-up.
 * Context: may sleep, under the node's net_lock, for which the tick waits: so no I/O.
 */
void kq_nl_multicast(struct net *net, const struct kq_nl_event *ev)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_NOIO);
	void *hdr;

	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &kq_nl_family, 0, KQUORUM_CMD_EVENT);
	if (!hdr || nla_put_u32(skb, KQUORUM_A_EVENT, ev->bits) ||
	    nla_put_u32(skb, KQUORUM_A_NODE_ID, ev->node) ||
	    nla_put_u64_64bit(skb, KQUORUM_A_TERM, ev->term, KQUORUM_A_PAD) ||
	    nla_put_u32(skb, KQUORUM_A_LEADER, ev->leader) ||
	    nla_put_u32(skb, KQUORUM_A_ROLE, ev->role)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&kq_nl_family, net, skb, 0, 0, GFP_NOIO);
}

/* A netlink socket was closed: was it the daemon's? */
static int nl_notify(struct notifier_block *nb, unsigned long what, void *data)
{
	struct netlink_notify *n = data;
	struct kq_node *node;

	if (what != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	node = kq_node_find(n->net);
	if (!node)
		return NOTIFY_DONE;
	atomic_cmpxchg(&node->daemon, n->portid, 0);
	kq_node_put(node);
	return NOTIFY_DONE;
}

static struct notifier_block nl_notifier = {
	.notifier_call = nl_notify,
};

/**
 * kq_nl_module_init() - register the family
 *
 * Return: 0 or negative errno.
 */
int kq_nl_module_init(void)
{
	int err = netlink_register_notifier(&nl_notifier);

	if (err)
		return err;
	err = genl_register_family(&kq_nl_family);
	if (err)
		netlink_unregister_notifier(&nl_notifier);
	return err;
}

/**
 * kq_nl_module_exit() - undo it
 */
void kq_nl_module_exit(void)
{
	genl_unregister_family(&kq_nl_family);
	netlink_unregister_notifier(&nl_notifier);
}
