// SPDX-License-Identifier: GPL-2.0
/* A kernel in place of libmnl's socket: see kernel.h. */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

#include "kernel.h"
#include "test.h"

#define FAMILY 0x21

/* One answer to come: what recvfrom() gives next. */
static char queue[8][8192];
unsigned int queued, taken;
char sent[KQUORUM_REQUEST_BYTES];
static bool loaded;

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size);
int __wrap_mnl_socket_close(struct mnl_socket *nl);

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	return (struct mnl_socket *)&queue;
}

int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	(void)nl;
	(void)type;
	(void)buf;
	(void)len;
	return 0;
}

int __wrap_mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	return 0;
}

static struct nlmsghdr *answer(uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	assert_true(queued < 8);
	nlh = mnl_nlmsg_put_header(queue[queued++]);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	return nlh;
}

struct nlmsghdr *answer_genl(uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = answer(FAMILY, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = cmd;
	return nlh;
}

void answer_ack(int error, const char *message, int offset)
{
	struct nlmsghdr *nlh = answer(NLMSG_ERROR, NLM_F_CAPPED | (message ? NLM_F_ACK_TLVS : 0));
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = error;
	if (message)
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, message);
	if (message && offset)
		mnl_attr_put_u32(nlh, NLMSGERR_ATTR_OFFS, offset);
}

void answer_done(int error)
{
	struct nlmsghdr *nlh = answer(NLMSG_DONE, NLM_F_MULTI);

	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = error;
}

static void answer_family(void)
{
	struct nlmsghdr *nlh = answer(GENL_ID_CTRL, 0);
	struct nlattr *groups, *group;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	mnl_attr_put_u32(nlh, CTRL_ATTR_VERSION, KQUORUM_GENL_VERSION);
	groups = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);
	group = mnl_attr_nest_start(nlh, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME, KQUORUM_MCGRP_EVENTS);
	mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, 9);
	mnl_attr_nest_end(nlh, group);
	mnl_attr_nest_end(nlh, groups);
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;

	(void)nl;
	memcpy(sent, buf, len);
	if (nlh->nlmsg_type == GENL_ID_CTRL && loaded) {
		answer_family();
		answer_ack(0, NULL, 0);
	} else if (nlh->nlmsg_type == GENL_ID_CTRL) {
		answer_ack(-ENOENT, NULL, 0);
	}
	return len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)queue[taken];

	(void)nl;
	if (taken == queued) {
		errno = EAGAIN;
		return -1;
	}
	taken++;
	assert_true(nlh->nlmsg_len <= size);
	if (!nlh->nlmsg_seq)
		nlh->nlmsg_seq = ((struct nlmsghdr *)sent)->nlmsg_seq;
	memcpy(buf, nlh, nlh->nlmsg_len);
	return nlh->nlmsg_len;
}

void kernel_begin(bool with_module)
{
	loaded = with_module;
	queued = taken = 0;
	memset(queue, 0, sizeof(queue));
}

int kernel_open(void **state)
{
	struct kquorum *k;
	char err[256];

	kernel_begin(true);
	assert_int_equal(kquorum_open(&k, err, sizeof(err)), 0);
	assert_int_equal(k->family, FAMILY);
	assert_int_equal(k->group, 9);
	kernel_begin(true);
	*state = k;
	return 0;
}

int kernel_close(void **state)
{
	kquorum_close(*state);
	return 0;
}

const struct nlattr *sent_attr(uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, (struct nlmsghdr *)sent, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}
