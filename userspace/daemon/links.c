// SPDX-License-Identifier: GPL-2.0
/*
 * The link towards the leader: when it loses its carrier, or goes away, the
 * leader cannot be heard any more, and the election need not be put off
 * further than the voters do. A hint and no more: without rtnetlink, or with a
 * leader whose address is not known, the timeout alone decides.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "daemon.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP	(1 << 16)	/* <linux/if.h> and <net/if.h> do not get on */
#endif

static bool link_dead(struct rtnl_link *link)
{
	unsigned int need = IFF_UP | IFF_LOWER_UP;

	return (rtnl_link_get_flags(link) & need) != need;
}

static void links_set(struct kqd *d, bool lost)
{
	if (lost == d->links.lost)
		return;
	d->links.lost = lost;
	kqd_notice("the link towards the leader %s", lost ? "is down" : "is up again");
	kqd_node_refresh(d);
}

struct links_change {
	struct kqd *d;
	bool seen;
	bool dead;
};

static void links_object(struct nl_object *o, void *arg)
{
	struct rtnl_link *link = (struct rtnl_link *)o;
	struct links_change *c = arg;

	if (strcmp(nl_object_get_type(o), "route/link") ||
	    rtnl_link_get_ifindex(link) != c->d->links.ifindex)
		return;
	c->seen = true;
	c->dead = nl_object_get_msgtype(o) == RTM_DELLINK || link_dead(link);
}

static int links_message(struct nl_msg *msg, void *arg)
{
	nl_msg_parse(msg, links_object, arg);
	return NL_OK;
}

/* What the link is now; lost events are made good by it, too. */
static bool links_query_dead(struct kqd *d)
{
	struct rtnl_link *link = NULL;
	bool dead;

	if (rtnl_link_get_kernel(d->links.query, d->links.ifindex, NULL, &link) < 0)
		return true;
	dead = link_dead(link);
	rtnl_link_put(link);
	return dead;
}

static void links_event(struct kqd_op *op, int res)
{
	struct kqd *d = kqd_container(op, struct kqd, links.poll);
	struct links_change c = { .d = d };
	int rc;

	if (res < 0)
		return;
	nl_socket_modify_cb(d->links.events, NL_CB_VALID, NL_CB_CUSTOM, links_message, &c);
	do {
		rc = nl_recvmsgs_default(d->links.events);
	} while (rc >= 0);
	if (rc != -NLE_AGAIN && d->links.ifindex) {
		c.seen = true;
		c.dead = links_query_dead(d);
	}
	kqd_op_poll(&d->loop, &d->links.poll, nl_socket_get_fd(d->links.events), POLLIN);
	if (c.seen)
		links_set(d, c.dead);
}

/**
 * kqd_links_init() - follow changes of links
 * @d: the daemon
 *
 * Return: 0 or a negative errno; the daemon does without, then.
 */
int kqd_links_init(struct kqd *d)
{
	struct kqd_links *l = &d->links;
	struct timeval limit = { .tv_sec = 1 };

	l->events = nl_socket_alloc();
	l->query = nl_socket_alloc();
	if (!l->events || !l->query)
		return -ENOMEM;
	nl_socket_disable_seq_check(l->events);
	nl_socket_disable_auto_ack(l->query);
	if (nl_connect(l->events, NETLINK_ROUTE) < 0 || nl_connect(l->query, NETLINK_ROUTE) < 0)
		return -EIO;
	setsockopt(nl_socket_get_fd(l->query), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	nl_socket_set_nonblocking(l->events);
	if (nl_socket_add_membership(l->events, RTNLGRP_LINK) < 0)
		return -EIO;
	l->poll.done = links_event;
	kqd_op_poll(&d->loop, &l->poll, nl_socket_get_fd(l->events), POLLIN);
	return 0;
}

static int links_route(struct nl_msg *msg, void *arg)
{
	struct rtnl_route *route;
	struct rtnl_nexthop *hop;

	if (rtnl_route_parse(nlmsg_hdr(msg), &route) < 0)
		return NL_SKIP;
	hop = rtnl_route_nexthop_n(route, 0);
	if (hop)
		*(int *)arg = rtnl_route_nh_get_ifindex(hop);
	rtnl_route_put(route);
	return NL_OK;
}

/* Which link do packets to this address take? 0: unknown. */
static int links_ifindex(struct kqd_links *l, const struct kqd_address *a)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	struct rtmsg rt = {
		.rtm_family = a->sa.sa_family,
		.rtm_dst_len = v6 ? 128 : 32,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	int ifindex = 0;

	if (!msg)
		return 0;
	nlmsg_append(msg, &rt, sizeof(rt), NLMSG_ALIGNTO);
	if (v6)
		nla_put(msg, RTA_DST, sizeof(a->in6.sin6_addr), &a->in6.sin6_addr);
	else
		nla_put(msg, RTA_DST, sizeof(a->in.sin_addr), &a->in.sin_addr);
	nl_socket_modify_cb(l->query, NL_CB_VALID, NL_CB_CUSTOM, links_route, &ifindex);
	if (nl_send_auto(l->query, msg) >= 0)
		nl_recvmsgs_default(l->query);
	nlmsg_free(msg);
	return ifindex;
}

/**
 * kqd_links_follow() - another leader: look which link leads to it
 * @d: the daemon
 * @leader: its address; NULL: none known, or this node itself
 *
 * Must not be called for the same leader again when its link is down: the
 * route may be gone then.
 */
void kqd_links_follow(struct kqd *d, const struct kqd_address *leader)
{
	struct kqd_links *l = &d->links;

	l->ifindex = 0;
	l->lost = false;
	if (!leader || !leader->len || !l->poll.busy)
		return;
	l->ifindex = links_ifindex(l, leader);
	kqd_debug("the leader is reached through link %d", l->ifindex);
}
