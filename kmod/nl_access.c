// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks for a resource, by its owner, group and mode. What counts is what the log says when the
 * request is applied; whom that would refuse is told here and now, as far as this node knows it.
 */
#include <linux/cred.h>
#include <linux/uidgid.h>
#include <net/sock.h>
#include "netlink.h"
#include "node.h"

/*
 * As in netlink_capable(): a privileged program that writes to a socket which somebody handed it
 * does not ask for it in its own name.
 */
static bool is_own_socket(struct sk_buff *skb)
{
	const struct netlink_skb_parms *from = &NETLINK_CB(skb);

	return from->flags & NETLINK_SKB_DST ||
		uid_eq(from->sk->sk_socket->file->f_cred->euid, current_euid());
}

/* Before this node's session lives it may lack what was said of the resource: the log decides. */
static int check_terms(const struct kq_core *core, const struct kq_pool *pool,
		       const struct kq_lock_ask *ask, struct genl_info *info)
{
	if (core->local.state != KQ_SESSION_LIVE)
		return 0;
	if (!pool)
		return kq_nl_error(info->extack, info->attrs[KQUORUM_A_RESOURCE], -EACCES,
				   "not defined: that takes CAP_NET_ADMIN in the initial user namespace");
	if (kq_terms_allow(&pool->is, ask->uid, ask->gid, ask->flags & KQUORUM_LOCK_SHARED))
		return 0;
	return kq_nl_error(info->extack, info->attrs[KQUORUM_A_RESOURCE], -EACCES,
			   "its owner, group and mode do not let this user have it");
}

/**
 * kq_nl_sign() - write into a request who makes it
 * @skb: the command
 * @info: its attributes
 * @node: the node, not locked
 * @ask: names the resource, and says whether a share of it will do; @uid, @gid and @admin are
 *	filled in
 *
 * Of his groups that of the resource is the one that counts, if he is in it.
 * Context: of the process that asks; may sleep.
 * Return: 0; -EPERM: another user opened the socket; -EACCES: he may not have it; or as
 * kq_nl_enter().
 */
int kq_nl_sign(struct sk_buff *skb, struct genl_info *info, struct kq_node *node,
	       struct kq_lock_ask *ask)
{
	const struct kq_resource *r;
	struct kq_step step;
	int err;

	ask->uid = from_kuid(&init_user_ns, current_euid());
	ask->gid = from_kgid(&init_user_ns, current_egid());
	ask->admin = netlink_capable(skb, CAP_NET_ADMIN);
	if (ask->admin)
		return 0;
	if (!is_own_socket(skb))
		return kq_nl_error(info->extack, NULL, -EPERM,
				   "the socket was opened by another user");
	err = kq_nl_enter(node, &step, info);
	if (err)
		return err;
	r = kq_core_resource_find(step.core, ask->name, ask->name_len);
	if (r && r->pool && in_egroup_p(make_kgid(&init_user_ns, r->pool->is.gid)))
		ask->gid = r->pool->is.gid;
	err = check_terms(step.core, r ? r->pool : NULL, ask, info);
	kq_node_leave(&step);
	return err;
}
