// SPDX-License-Identifier: GPL-2.0
/*
 * LOCK, APPEND_OPEN, SNAPSHOT_*: commands that answer a file descriptor.
 */
#include <linux/file.h>
#include "handle.h"
#include "netlink.h"
#include "node.h"
#include "snapshot.h"

/*
 * Answers @fd for @file, which is consumed. ORDER: the reply first; after fd_install()
 * the descriptor is the process's and nothing may fail any more.
 */
static int reply_fd(struct genl_info *info, u8 cmd, int fd, struct file *file,
		    struct sk_buff *reply)
{
	void *hdr = genlmsg_put_reply(reply, info, &kq_nl_family, 0, cmd);
	int err;

	if (!hdr || nla_put_s32(reply, KQUORUM_A_FD, fd)) {
		nlmsg_free(reply);
		err = -EMSGSIZE;
	} else {
		genlmsg_end(reply, hdr);
		err = genlmsg_reply(reply, info);
	}
	if (err) {
		put_unused_fd(fd);
		fput(file);
		return err;
	}
	fd_install(fd, file);
	return 0;
}

static int open_handle(struct genl_info *info, u8 cmd, u32 fd_flags, struct file *file,
		       int (*ask)(struct file *file))
{
	struct sk_buff *reply;
	int fd, err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	err = -ENOMEM;
	reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		goto put_file;
	fd = get_unused_fd_flags(fd_flags);
	err = fd;
	if (fd < 0)
		goto free_reply;
	err = ask ? ask(file) : 0;
	if (!err)
		return reply_fd(info, cmd, fd, file, reply);
	put_unused_fd(fd);
free_reply:
	nlmsg_free(reply);
put_file:
	fput(file);
	return err;
}

/* For a text a look without the lock will do. */
static bool is_reading(const struct kq_node *node)
{
	return READ_ONCE(node->recovering);
}

/**
 * kq_nl_lock() - LOCK
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_lock(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[KQUORUM_A_RESOURCE];
	u32 flags = 0, len;
	struct kq_node *node;
	struct file *file;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_RESOURCE))
		return -EINVAL;
	len = strnlen(nla_data(name), nla_len(name));
	if (!len)
		return kq_nl_error(info->extack, name, -EINVAL, "the resource's name is empty");
	if (info->attrs[KQUORUM_A_LOCK_FLAGS])
		flags = nla_get_u32(info->attrs[KQUORUM_A_LOCK_FLAGS]);
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	file = kq_lock_file(node, nla_data(name), len, flags);
	err = open_handle(info, KQUORUM_CMD_LOCK, flags & KQUORUM_LOCK_CLOEXEC ? O_CLOEXEC : 0,
			  file, kq_lock_ask);
	if (err)
		kq_nl_error(info->extack, NULL, err,
			    err == -EBUSY && is_reading(node) ? KQ_NL_READING : NULL);
	kq_node_put(node);
	return err;
}

/**
 * kq_nl_append_open() - APPEND_OPEN
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_append_open(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_node *node;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = open_handle(info, KQUORUM_CMD_APPEND_OPEN, O_CLOEXEC, kq_append_file(node), NULL);
	kq_node_put(node);
	return err ? kq_nl_error(info->extack, NULL, err, NULL) : 0;
}

static const char *save_refusal(const struct kq_node *node, int err)
{
	switch (err) {
	case -EBUSY:
		return is_reading(node) ? KQ_NL_READING : "a snapshot is being saved already";
	case -EALREADY:
		return "nothing has changed since the snapshot in use, if there is one";
	case -EIO:
		return "this node has failed, or its log is damaged: see its status";
	default:
		return NULL;
	}
}

/**
 * kq_nl_snapshot_save() - SNAPSHOT_SAVE
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_snapshot_save(struct sk_buff *skb, struct genl_info *info)
{
	struct kq_node *node;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = open_handle(info, KQUORUM_CMD_SNAPSHOT_SAVE, O_CLOEXEC, kq_save_file(node),
			  kq_save_ask);
	if (err)
		kq_nl_error(info->extack, NULL, err, save_refusal(node, err));
	kq_node_put(node);
	return err;
}

static int hand_over(struct sk_buff *skb, struct genl_info *info, u8 cmd)
{
	struct nlattr *fd = info->attrs[KQUORUM_A_SNAPSHOT_FD];
	const char *why = NULL;
	struct kq_node *node;
	struct file *file;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_SNAPSHOT_FD))
		return -EINVAL;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	file = kq_snapshot_open(nla_get_s32(fd), &why);
	if (!IS_ERR(file))
		file = kq_snapshot_file(node, file, cmd == KQUORUM_CMD_SNAPSHOT_INSTALL,
					nla_get_flag(info->attrs[KQUORUM_A_SNAPSHOT_GROWS]));
	err = open_handle(info, cmd, O_CLOEXEC, file, kq_snapshot_ask);
	kq_node_put(node);
	if (err == -EBUSY)
		why = "another snapshot is being read";
	return err ? kq_nl_error(info->extack, fd, err, why) : 0;
}

/**
 * kq_nl_snapshot_adopt() - SNAPSHOT_ADOPT
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_snapshot_adopt(struct sk_buff *skb, struct genl_info *info)
{
	return hand_over(skb, info, KQUORUM_CMD_SNAPSHOT_ADOPT);
}

/**
 * kq_nl_snapshot_install() - SNAPSHOT_INSTALL
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_snapshot_install(struct sk_buff *skb, struct genl_info *info)
{
	return hand_over(skb, info, KQUORUM_CMD_SNAPSHOT_INSTALL);
}
