// SPDX-License-Identifier: GPL-2.0
/*
 * NODE_START: everything that it says is checked here, before there is a node.
 */
#include <linux/random.h>
#include "netlink.h"
#include "node.h"
#include "snapshot.h"

#define KQ_SEGMENTS_MIN		2
#define KQ_SEGMENT_BYTES_MIN	(64 * 1024)
#define KQ_SEGMENT_BYTES_MAX	(1024 * 1024 * 1024)

/* What NODE_START says, as it is gathered. */
struct start_args {
	struct kq_config cfg;
	struct kq_member member[KQ_MAX_NODES + 1];
	kq_nodes members;
	int fds[KQUORUM_MAX_SEGMENTS];
	int snapshot_fds[KQUORUM_MAX_SNAPSHOT_FDS];
	u32 snapshots;
	bool seed;
};

static int read_settings(struct kq_config *cfg, struct genl_info *info)
{
	int err = kq_nl_settings(&cfg->set, &cfg->segment_bytes, info);

	if (err)
		return err;
	if (cfg->segment_bytes % KQUORUM_BLOCK || cfg->segment_bytes < KQ_SEGMENT_BYTES_MIN ||
	    cfg->segment_bytes > KQ_SEGMENT_BYTES_MAX)
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_SETTINGS], -EINVAL,
				   "segment_bytes must be a multiple of 4096 from 64 KiB to 1 GiB");
	return 0;
}

static int read_member(struct start_args *args, const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KQUORUM_MEMBER_MAX + 1];
	struct kq_member *m;
	u32 id;
	int err;

	err = nla_parse_nested(tb, KQUORUM_MEMBER_MAX, attr, kq_nl_member_policy, extack);
	if (err)
		return err;
	if (!tb[KQUORUM_MEMBER_ID] || !tb[KQUORUM_MEMBER_NAME] || !tb[KQUORUM_MEMBER_ADDRESS])
		return kq_nl_error(extack, attr, -EINVAL, "a member needs id, name and address");
	id = nla_get_u32(tb[KQUORUM_MEMBER_ID]);
	m = &args->member[id];
	if (m->name[0])
		return kq_nl_error(extack, attr, -EINVAL, "two members have the same id");
	nla_strscpy(m->name, tb[KQUORUM_MEMBER_NAME], sizeof(m->name));
	nla_strscpy(m->address, tb[KQUORUM_MEMBER_ADDRESS], sizeof(m->address));
	m->priority = KQUORUM_PRIORITY_DEFAULT;
	if (!m->name[0])
		return kq_nl_error(extack, attr, -EINVAL, "a member's name is empty");
	args->members |= kq_node_bit(id);
	return 0;
}

static int read_lists(struct start_args *args, struct genl_info *info)
{
	struct nlattr *attr;
	int rem, err;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		switch (nla_type(attr)) {
		case KQUORUM_A_MEMBER:
			err = read_member(args, attr, info->extack);
			if (err)
				return err;
			break;
		case KQUORUM_A_SEGMENT_FD:
			if (args->cfg.segments == KQUORUM_MAX_SEGMENTS)
				return kq_nl_error(info->extack, attr, -EINVAL,
						   "more than 1024 segments");
			args->fds[args->cfg.segments++] = nla_get_s32(attr);
			break;
		case KQUORUM_A_SNAPSHOT_FD:
			if (args->snapshots == KQUORUM_MAX_SNAPSHOT_FDS)
				return kq_nl_error(info->extack, attr, -EINVAL,
						   "more than 8 snapshots");
			args->snapshot_fds[args->snapshots++] = nla_get_s32(attr);
			break;
		}
	}
	if (!args->members)
		return kq_nl_error(info->extack, NULL, -EINVAL, "no member");
	if (!args->member[args->cfg.self].name[0])
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_NODE_ID], -EINVAL,
				   "this node is not among the members");
	/* In a cluster that has grown, who founded it may be gone. */
	if (!args->cfg.joins)
		args->cfg.founders = args->members;
	if (!args->cfg.founders)
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_VOTERS], -EINVAL,
				   "a cluster has at least one founder");
	if (args->seed && (args->cfg.joins || args->cfg.founders != kq_node_bit(args->cfg.self)))
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_SEED], -EINVAL,
				   "only a node that founds a cluster alone begins with a snapshot");
	if (args->seed && !args->snapshots)
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_SEED], -EINVAL,
				   "the snapshot to begin with is missing");
	if (args->cfg.segments < KQ_SEGMENTS_MIN)
		return kq_nl_error(info->extack, NULL, -EINVAL,
				   "at least 2 segment files are needed");
	return 0;
}

static int read_args(struct start_args *args, struct genl_info *info)
{
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_CLUSTER_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NODE_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_SETTINGS))
		return -EINVAL;
	args->cfg.cluster_id = nla_get_u64(info->attrs[KQUORUM_A_CLUSTER_ID]);
	args->cfg.self = nla_get_u32(info->attrs[KQUORUM_A_NODE_ID]);
	args->cfg.salt = get_random_u64();
	if (info->attrs[KQUORUM_A_VOTERS]) {
		args->cfg.founders = nla_get_u32(info->attrs[KQUORUM_A_VOTERS]);
		args->cfg.joins = true;
	}
	args->seed = nla_get_flag(info->attrs[KQUORUM_A_SEED]);
	args->cfg.survivor = nla_get_flag(info->attrs[KQUORUM_A_SURVIVOR]);
	if (!nla_len(info->attrs[KQUORUM_A_NAME]) ||
	    !*(const char *)nla_data(info->attrs[KQUORUM_A_NAME]))
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_NAME], -EINVAL,
				   "the cluster's name is empty");
	err = read_settings(&args->cfg, info);
	return err ? err : read_lists(args, info);
}

/* The attribute of slot @slot, to point at in an error. */
static const struct nlattr *segment_attr(struct genl_info *info, u32 slot)
{
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(attr) == KQUORUM_A_SEGMENT_FD && !slot--)
			return attr;
	return NULL;
}

static int open_segments(struct kq_node *node, const int *fds, struct genl_info *info)
{
	const char *why = NULL;
	u32 i;
	int err;

	for (i = 0; i < node->cfg.segments; i++) {
		err = kq_disk_open(&node->disk, i, fds[i], &why);
		if (err)
			return kq_nl_error(info->extack, segment_attr(info, i), err, why);
	}
	return 0;
}

static int open_snapshots(struct kq_node *node, const struct start_args *args,
			  struct genl_info *info)
{
	const char *why = NULL;
	u32 i;

	node->seed = args->seed;
	for (i = 0; i < args->snapshots; i++) {
		struct file *file = kq_snapshot_open(args->snapshot_fds[i], &why);

		if (IS_ERR(file))
			return kq_nl_error(info->extack, info->attrs[KQUORUM_A_SNAPSHOT_FD],
					   PTR_ERR(file), why);
		node->snapshots[i] = file;
	}
	return 0;
}

static void take_limits(struct kq_askers *as, struct genl_info *info)
{
	const struct nlattr *user = info->attrs[KQUORUM_A_USER_LOCKS];
	const struct nlattr *node = info->attrs[KQUORUM_A_NODE_LOCKS];

	if (user)
		as->user_max = nla_get_u32(user);
	if (node)
		as->node_max = nla_get_u32(node);
}

static int name_founders(struct kq_node *node, struct genl_info *info)
{
	u32 id;

	kq_for_each_node(node->cfg.founders, id)
		if (kq_core_name_founder(node->core, id, node->member[id].name,
					 node->member[id].address))
			return kq_nl_error(info->extack, info->attrs[KQUORUM_A_MEMBER], -EINVAL,
					   "a member's name or address has a blank, or no ASCII");
	return 0;
}

static int start(const struct start_args *args, struct genl_info *info)
{
	struct kq_net *kn = kq_net(genl_info_net(info));
	struct kq_node *node;
	int err = -EEXIST;

	mutex_lock(&kn->start);
	node = kq_node_find(genl_info_net(info));
	if (node)
		goto put;
	err = -ENOMEM;
	node = kq_node_create(&args->cfg);
	if (!node)
		goto unlock;
	nla_strscpy(node->cluster, info->attrs[KQUORUM_A_NAME], sizeof(node->cluster));
	memcpy(node->member, args->member, sizeof(node->member));
	take_limits(&node->askers, info);
	err = name_founders(node, info);
	if (!err)
		err = open_segments(node, args->fds, info);
	if (!err)
		err = open_snapshots(node, args, info);
	if (err)
		goto put;
	err = kq_node_launch(node, genl_info_net(info));
	if (!err)
		goto unlock;	/* the reference is the namespace's now */
put:
	kq_node_put(node);
unlock:
	mutex_unlock(&kn->start);
	if (err == -EEXIST)
		kq_nl_error(info->extack, NULL, err,
			    "this network namespace has a node already: kquorum status");
	else if (err == -ENOMEM)
		kq_nl_error(info->extack, NULL, err, NULL);
	return err;
}

/**
 * kq_nl_node_start() - NODE_START
 * @skb: request
 * @info: its attributes
 *
 * Return: 0: recovery goes on, its end is an event; or negative errno.
 */
int kq_nl_node_start(struct sk_buff *skb, struct genl_info *info)
{
	struct start_args *args;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	args = kvzalloc(sizeof(*args), GFP_KERNEL);
	if (!args)
		return -ENOMEM;
	err = read_args(args, info);
	if (!err)
		err = start(args, info);
	kvfree(args);
	return err;
}
