// SPDX-License-Identifier: LGPL-2.1-or-later
/* The socket: finding the family, one exchange at a time, errors with their text. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char *const attr_names[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = "group", [KQUORUM_A_NAME] = "name",
	[KQUORUM_A_CLUSTER_ID] = "cluster id", [KQUORUM_A_NODE_ID] = "node id",
	[KQUORUM_A_SETTINGS] = "settings", [KQUORUM_A_MEMBER] = "member",
	[KQUORUM_A_SEGMENT_FD] = "segment file", [KQUORUM_A_FORCE] = "force",
	[KQUORUM_A_EPOCH] = "epoch", [KQUORUM_A_FD] = "descriptor",
	[KQUORUM_A_INCARNATION] = "incarnation", [KQUORUM_A_RESOURCE] = "resource",
	[KQUORUM_A_LOCK_FLAGS] = "lock flags", [KQUORUM_A_FIRST_INDEX] = "first index",
	[KQUORUM_A_LAST_INDEX] = "last index", [KQUORUM_A_PAST] = "past",
	[KQUORUM_A_VOTERS] = "voters", [KQUORUM_A_LEARNERS] = "learners",
	[KQUORUM_A_CONF_INDEX] = "configuration index", [KQUORUM_A_TRANSIT] = "transit",
	[KQUORUM_A_LOCK_UNITS] = "units asked for", [KQUORUM_A_LOCK_INFO] = "info",
	[KQUORUM_A_UNITS] = "units", [KQUORUM_A_MAX_WAITERS] = "max waiters",
	[KQUORUM_A_USER_LOCKS] = "user locks", [KQUORUM_A_NODE_LOCKS] = "node locks",
};

int kq_lib_fail(struct kquorum *k, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(k->error, sizeof(k->error), format, ap);
	va_end(ap);
	return error;
}

const char *kquorum_error(const struct kquorum *k)
{
	return k->error;
}

unsigned int kquorum_interface_version(const struct kquorum *k)
{
	return k->version;
}

static struct nlmsghdr *request_begin(struct kquorum *k, uint16_t type, uint8_t cmd,
				      uint8_t version, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(k->request);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++k->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

struct nlmsghdr *kq_lib_request(struct kquorum *k, uint8_t cmd, uint16_t flags)
{
	k->error[0] = '\0';
	return request_begin(k, k->family, cmd, KQUORUM_GENL_VERSION, flags);
}

bool kq_lib_put_ok(const struct nlmsghdr *request, size_t more)
{
	return request->nlmsg_len + more <= KQUORUM_REQUEST_BYTES;
}

int kq_lib_put_resource(struct kquorum *k, struct nlmsghdr *request, const char *name)
{
	size_t n = strlen(name);

	if (!n || n > KQUORUM_RESOURCE_NAME_MAX)
		return kq_lib_fail(k, -EINVAL, "a resource's name has 1 to %u bytes, not %zu",
				   KQUORUM_RESOURCE_NAME_MAX, n);
	mnl_attr_put_strz(request, KQUORUM_A_RESOURCE, name);
	return 0;
}

/* What an errno means here, for when the module has no more to say about it. */
static const char *errno_text(int error)
{
	switch (-error) {
	case ENODEV:
		return "no node runs in this network namespace: kquorum start";
	case EBUSY:	/* what is busy otherwise says so itself */
		return "this node is still reading its log: try again";
	case EPERM:
	case EACCES:
		return "permission denied: this needs CAP_NET_ADMIN (root)";
	case EOPNOTSUPP:
		return "the loaded module does not know this command: it is another version";
	case ENOBUFS:
		return "the answer was too much for the socket's buffer";
	default:
		return strerror(-error);
	}
}

/* The name of the attribute at @offset of the request; the outermost one that covers it. */
static const char *attr_at(const struct nlmsghdr *request, uint32_t offset)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, request, sizeof(struct genlmsghdr)) {
		size_t at = (const char *)a - (const char *)request;

		if (offset >= at && offset < at + a->nla_len)
			return mnl_attr_get_type(a) <= KQUORUM_A_MAX ?
				attr_names[mnl_attr_get_type(a)] : NULL;
	}
	return NULL;
}

static int take_error(struct kquorum *k, const struct nlmsghdr *request, int error,
		      const char *tlvs, size_t len)
{
	const char *message = NULL, *where = NULL;
	const struct nlattr *a = (const struct nlattr *)tlvs;

	for (; tlvs && mnl_attr_ok(a, tlvs + len - (const char *)a); a = mnl_attr_next(a)) {
		switch (mnl_attr_get_type(a)) {
		case NLMSGERR_ATTR_MSG:
			if (!mnl_attr_validate(a, MNL_TYPE_NUL_STRING))
				message = mnl_attr_get_str(a);
			break;
		case NLMSGERR_ATTR_OFFS:
			if (!mnl_attr_validate(a, MNL_TYPE_U32))
				where = attr_at(request, mnl_attr_get_u32(a));
			break;
		}
	}
	if (!error)
		return 0;
	if (message && where)
		return kq_lib_fail(k, error, "%s (%s)", message, where);
	if (message)
		return kq_lib_fail(k, error, "%s", message);
	if (where)
		return kq_lib_fail(k, error, "%s (%s)", errno_text(error), where);
	return kq_lib_fail(k, error, "%s", errno_text(error));
}

static int take_ack(struct kquorum *k, const struct nlmsghdr *request, const struct nlmsghdr *ack)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(ack);
	size_t skip = sizeof(*e), len = mnl_nlmsg_get_payload_len(ack);

	if (len < sizeof(*e))
		return kq_lib_fail(k, -EBADMSG, "an ack from the kernel is too short");
	if (!(ack->nlmsg_flags & NLM_F_CAPPED) && e->error && e->msg.nlmsg_len >= sizeof(e->msg))
		skip += MNL_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (!(ack->nlmsg_flags & NLM_F_ACK_TLVS) || skip > len)
		return take_error(k, request, e->error, NULL, 0);
	return take_error(k, request, e->error, (const char *)e + skip, len - skip);
}

static int take_done(struct kquorum *k, const struct nlmsghdr *request, const struct nlmsghdr *done)
{
	const char *payload = mnl_nlmsg_get_payload(done);
	size_t len = mnl_nlmsg_get_payload_len(done);
	int error = 0;

	if (len >= sizeof(error))
		memcpy(&error, payload, sizeof(error));
	if (error >= 0)
		return 0;
	if (!(done->nlmsg_flags & NLM_F_ACK_TLVS))
		len = sizeof(error);
	return take_error(k, request, error, payload + sizeof(error), len - sizeof(error));
}

int kq_lib_talk(struct kquorum *k, struct nlmsghdr *request,
		int (*cb)(const struct nlmsghdr *answer, void *user), void *user)
{
	bool interrupted = false;
	int ret = 0;

	if (mnl_socket_sendto(k->nl, request, request->nlmsg_len) < 0)
		return kq_lib_fail(k, -errno, "sending to the kernel: %s", strerror(errno));
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(k->nl, k->answer, KQUORUM_ANSWER_BYTES);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)k->answer;
		int left = got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return kq_lib_fail(k, -errno, "%s", errno_text(-errno));
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			int r;

			/* What an exchange that was given up left behind. */
			if (nlh->nlmsg_seq != request->nlmsg_seq)
				continue;
			interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				r = take_ack(k, request, nlh);
				return ret ? ret : r;
			}
			if (nlh->nlmsg_type == NLMSG_DONE) {
				r = take_done(k, request, nlh);
				if (!ret && !r && interrupted)
					return kq_lib_fail(k, -EINTR, "it changed while it was read");
				return ret ? ret : r;
			}
			if (nlh->nlmsg_type < NLMSG_MIN_TYPE || ret || !cb)
				continue;
			if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
				continue;
			/* The rest is still read, so that the next exchange finds an empty socket. */
			ret = cb(nlh, user);
		}
	}
}

static int take_family(const struct nlmsghdr *answer, void *user)
{
	struct kquorum *k = user;
	struct kq_lib_attrs attrs;
	const struct nlattr *group, *a;

	kq_lib_parse(answer, &attrs);
	a = attrs.table[CTRL_ATTR_FAMILY_ID];
	if (!a || mnl_attr_validate(a, MNL_TYPE_U16))
		return kq_lib_fail(k, -EBADMSG, "the kernel's answer lacks the family's id");
	k->family = mnl_attr_get_u16(a);
	k->version = kq_lib_u32(&attrs, CTRL_ATTR_VERSION, 0);
	if (!attrs.table[CTRL_ATTR_MCAST_GROUPS])
		return 0;
	mnl_attr_for_each_nested(group, attrs.table[CTRL_ATTR_MCAST_GROUPS]) {
		struct kq_lib_attrs g;
		char name[32];

		kq_lib_parse_nested(group, &g);
		kq_lib_string(&g, CTRL_ATTR_MCAST_GRP_NAME, name, sizeof(name));
		if (!strcmp(name, KQUORUM_MCGRP_EVENTS))
			k->group = kq_lib_u32(&g, CTRL_ATTR_MCAST_GRP_ID, 0);
	}
	return 0;
}

static int find_family(struct kquorum *k)
{
	struct nlmsghdr *nlh = request_begin(k, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	int ret;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KQUORUM_GENL_NAME);
	ret = kq_lib_talk(k, nlh, take_family, k);
	if (ret == -ENOENT)
		return kq_lib_fail(k, ret, "the module is not loaded: modprobe kquorum");
	if (!ret && k->version != KQUORUM_GENL_VERSION)
		return kq_lib_fail(k, -EPROTONOSUPPORT,
				   "the loaded module speaks interface version %u, this program %u: install matching versions",
				   k->version, KQUORUM_GENL_VERSION);
	return ret;
}

static int connect_kernel(struct kquorum *k)
{
	int on = 1;

	k->request = malloc(KQUORUM_REQUEST_BYTES);
	k->answer = malloc(KQUORUM_ANSWER_BYTES);
	if (!k->request || !k->answer)
		return kq_lib_fail(k, -ENOMEM, "out of memory");
	k->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!k->nl)
		return kq_lib_fail(k, -errno, "netlink socket: %s", strerror(errno));
	if (mnl_socket_bind(k->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return kq_lib_fail(k, -errno, "netlink socket: %s", strerror(errno));
	/* Without these there is less text, that is all. */
	mnl_socket_setsockopt(k->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(k->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(k->nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return find_family(k);
}

int kquorum_open(struct kquorum **k, char *err, size_t errlen)
{
	struct kquorum *new = calloc(1, sizeof(*new));
	int ret;

	*k = NULL;
	if (!new) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	ret = connect_kernel(new);
	if (ret) {
		snprintf(err, errlen, "%s", new->error);
		kquorum_close(new);
		return ret;
	}
	*k = new;
	return 0;
}

void kquorum_close(struct kquorum *k)
{
	if (!k)
		return;
	if (k->nl)
		mnl_socket_close(k->nl);
	free(k->request);
	free(k->answer);
	free(k);
}
