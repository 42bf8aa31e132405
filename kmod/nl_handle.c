// SPDX-License-Identifier: GPL-2.0
/*
 * LOCK, APPEND_OPEN, SNAPSHOT_*: commands that answer a file descriptor. nl_resource.c has others.
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

/**
 * kq_nl_open_handle() - answer a command with a descriptor
 * @info: of the command
 * @cmd: which
 * @fd_flags: O_CLOEXEC or 0
 * @file: for the descriptor, consumed; or an error pointer
 * @ask: called when nothing but the answer itself can fail any more; NULL: nothing is to be called
 *
 * Return: 0 or negative errno: of @file, of @ask, or of the answer.
 */
int kq_nl_open_handle(struct genl_info *info, u8 cmd, u32 fd_flags, struct file *file,
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
 * kq_nl_ask_refusal() - why a node takes no lock or command now
 * @node: the node
 * @err: negative errno
 *
 * Return: static text; NULL: the general one by @err.
 */
const char *kq_nl_ask_refusal(const struct kq_node *node, int err)
{
	switch (err) {
	case -EBUSY:
		return is_reading(node) ? KQ_NL_READING : NULL;
	case -ENOSPC:
		return "the log is full";
	case -ENXIO:
		return "this node is no member of the cluster any more";
	case -EDEADLK:
		return kq_asker_refusal(err);
	default:
		return NULL;
	}
}

static int read_lock_ask(struct kq_lock_ask *ask, struct genl_info *info)
{
	const struct nlattr *flags = info->attrs[KQUORUM_A_LOCK_FLAGS];
	const struct nlattr *units = info->attrs[KQUORUM_A_LOCK_UNITS];
	const struct nlattr *text = info->attrs[KQUORUM_A_LOCK_INFO];
	const struct nlattr *ttl = info->attrs[KQUORUM_A_TTL];
	const struct nlattr *hold = info->attrs[KQUORUM_A_HOLD];

	ask->name = kq_nl_resource_name(info, &ask->name_len);
	if (IS_ERR(ask->name))
		return PTR_ERR(ask->name);
	if (flags)
		ask->flags = nla_get_u32(flags);
	if (units)
		ask->units = nla_get_u32(units);
	if (ttl)
		ask->ttl_ms = nla_get_u32(ttl);
	if (hold)
		ask->hold_ms = nla_get_u32(hold);
	if (text) {
		ask->info = nla_data(text);
		ask->info_len = strnlen(ask->info, nla_len(text));
	}
	if (units && ask->flags & KQUORUM_LOCK_SHARED)
		return kq_nl_error(info->extack, units, -EINVAL,
				   "a share, or so many units: not both");
	return 0;
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
	struct kq_lock_ask ask = {};
	const char *why = NULL;
	struct kq_node *node;
	struct file *file;
	int err = read_lock_ask(&ask, info);

	if (err)
		return err;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_nl_sign(skb, info, node, &ask);
	if (err)
		goto put_node;
	file = kq_lock_file(node, &ask);
	if (IS_ERR(file))	/* -EMFILE can be of the process too, then of its descriptors */
		why = kq_asker_refusal(PTR_ERR(file));
	err = kq_nl_open_handle(info, KQUORUM_CMD_LOCK,
				ask.flags & KQUORUM_LOCK_CLOEXEC ? O_CLOEXEC : 0, file,
				kq_lock_ask);
	if (err)
		kq_nl_error(info->extack, NULL, err, why ? why : kq_nl_ask_refusal(node, err));
put_node:
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
	err = kq_nl_open_handle(info, KQUORUM_CMD_APPEND_OPEN, O_CLOEXEC, kq_append_file(node),
				NULL);
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
	err = kq_nl_open_handle(info, KQUORUM_CMD_SNAPSHOT_SAVE, O_CLOEXEC, kq_save_file(node),
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
	err = kq_nl_open_handle(info, cmd, O_CLOEXEC, file, kq_snapshot_ask);
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
