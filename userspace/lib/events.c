// SPDX-License-Identifier: LGPL-2.1-or-later
/* Wake-ups by multicast, on a socket of their own so that no exchange swallows one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct kquorum_events {
	struct mnl_socket *nl;
	uint16_t family;
	char buffer[16 * 1024];
};

static int subscribe(struct kquorum_events *e, const struct kquorum *k)
{
	int group = k->group, fd;

	e->family = k->family;
	e->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!e->nl || mnl_socket_bind(e->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (mnl_socket_setsockopt(e->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	fd = mnl_socket_get_fd(e->nl);
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
}

int kquorum_events_open(struct kquorum_events **e, char *err, size_t errlen)
{
	struct kquorum_events *new;
	struct kquorum *k;
	int ret;

	*e = NULL;
	ret = kquorum_open(&k, err, errlen);
	if (ret)
		return ret;
	new = calloc(1, sizeof(*new));
	ret = new ? subscribe(new, k) : -ENOMEM;
	kquorum_close(k);
	if (ret) {
		snprintf(err, errlen, "subscribing to events: %s", strerror(-ret));
		kquorum_events_close(new);
		return ret;
	}
	*e = new;
	return 0;
}

void kquorum_events_close(struct kquorum_events *e)
{
	if (!e)
		return;
	if (e->nl)
		mnl_socket_close(e->nl);
	free(e);
}

int kquorum_events_fd(const struct kquorum_events *e)
{
	return mnl_socket_get_fd(e->nl);
}

int kquorum_events_read(struct kquorum_events *e, struct kquorum_event_record *record)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)e->buffer;
	const struct genlmsghdr *genl;
	struct kq_lib_attrs a;
	ssize_t got;

	for (;;) {
		got = mnl_socket_recvfrom(e->nl, e->buffer, sizeof(e->buffer));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!mnl_nlmsg_ok(nlh, got) || nlh->nlmsg_type != e->family ||
		    mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
			continue;
		genl = mnl_nlmsg_get_payload(nlh);
		if (genl->cmd == KQUORUM_CMD_EVENT)
			break;
	}
	kq_lib_parse(nlh, &a);
	record->events = kq_lib_u32(&a, KQUORUM_A_EVENT, 0);
	record->node_id = kq_lib_u32(&a, KQUORUM_A_NODE_ID, 0);
	record->leader = kq_lib_u32(&a, KQUORUM_A_LEADER, 0);
	record->role = kq_lib_u32(&a, KQUORUM_A_ROLE, 0);
	record->term = kq_lib_u64(&a, KQUORUM_A_TERM, 0);
	return 0;
}
