// SPDX-License-Identifier: GPL-2.0
/*
 * RESOURCE_SET, RESOURCE_DELETE: what is said of a resource. It goes through the log like all that
 * replicas have to agree on, so the answer is a descriptor that tells what became of it.
 */
#include "handle.h"
#include "netlink.h"
#include "node.h"

/* Whatever can be said: a command, and the name behind it. */
#define KQ_SAID_MAX	(sizeof(struct kq_define_cmd) + KQ_RESOURCE_MAX)
static_assert(sizeof(struct kq_undefine_cmd) <= sizeof(struct kq_define_cmd));

/**
 * kq_nl_resource_name() - the resource that a command is about
 * @info: of the command; it is told what is wrong
 * @len: set to the bytes of the name
 *
 * Return: the name, part of the request, or ERR_PTR(-EINVAL).
 */
const char *kq_nl_resource_name(struct genl_info *info, u32 *len)
{
	struct nlattr *name = info->attrs[KQUORUM_A_RESOURCE];

	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_RESOURCE))
		return ERR_PTR(-EINVAL);
	*len = strnlen(nla_data(name), nla_len(name));
	if (*len)
		return nla_data(name);
	kq_nl_error(info->extack, name, -EINVAL, "the resource's name is empty");
	return ERR_PTR(-EINVAL);
}

static int read_define(struct kq_define_cmd *cmd, struct genl_info *info)
{
	const struct nlattr *units = info->attrs[KQUORUM_A_UNITS];
	const struct nlattr *waiters = info->attrs[KQUORUM_A_MAX_WAITERS];
	u16 flags = 0;

	if (nla_get_flag(info->attrs[KQUORUM_A_CREATE])) {
		flags |= KQ_DEFINE_NEW;
		if (!units)
			return kq_nl_error(info->extack, NULL, -EINVAL,
					   "how many units it has must be said with CREATE");
	}
	if (!units && !waiters)
		return kq_nl_error(info->extack, NULL, -EINVAL,
				   "nothing is to change: neither UNITS nor MAX_WAITERS is there");
	if (units) {
		flags |= KQ_DEFINE_UNITS;
		cmd->units = cpu_to_le32(nla_get_u32(units));
	}
	if (waiters) {
		flags |= KQ_DEFINE_MAX_WAITERS;
		cmd->max_waiters = cpu_to_le32(nla_get_u32(waiters));
	}
	cmd->flags = cpu_to_le16(flags);
	return 0;
}

/* What @cmd says, to the log: @payload, an entry of that type. */
static int say(struct genl_info *info, u8 cmd, u16 type, const void *payload, u32 len)
{
	struct kq_node *node = kq_nl_node(genl_info_net(info), info->extack);
	int err;

	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_nl_open_handle(info, cmd, O_CLOEXEC, kq_command_file(node, type, payload, len),
				kq_command_ask);
	if (err)
		kq_nl_error(info->extack, NULL, err, kq_nl_ask_refusal(node, err));
	kq_node_put(node);
	return err;
}

/**
 * kq_nl_resource_set() - RESOURCE_SET
 * @skb: request
 * @info: its attributes
 *
 * Return: 0: it is proposed, the descriptor tells the rest; or negative errno.
 */
int kq_nl_resource_set(struct sk_buff *skb, struct genl_info *info)
{
	u8 payload[KQ_SAID_MAX] = {};
	struct kq_define_cmd *cmd = (void *)payload;
	const char *name;
	u32 len;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	name = kq_nl_resource_name(info, &len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	err = read_define(cmd, info);
	if (err)
		return err;
	cmd->name_len = cpu_to_le16(len);
	memcpy(cmd + 1, name, len);
	return say(info, KQUORUM_CMD_RESOURCE_SET, KQ_ENTRY_DEFINE, payload, sizeof(*cmd) + len);
}

/**
 * kq_nl_resource_delete() - RESOURCE_DELETE
 * @skb: request
 * @info: its attributes
 *
 * Return: as kq_nl_resource_set().
 */
int kq_nl_resource_delete(struct sk_buff *skb, struct genl_info *info)
{
	u8 payload[KQ_SAID_MAX] = {};
	struct kq_undefine_cmd *cmd = (void *)payload;
	const char *name;
	u32 len;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	name = kq_nl_resource_name(info, &len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	cmd->name_len = cpu_to_le16(len);
	memcpy(cmd + 1, name, len);
	return say(info, KQUORUM_CMD_RESOURCE_DELETE, KQ_ENTRY_UNDEFINE, payload,
		   sizeof(*cmd) + len);
}
