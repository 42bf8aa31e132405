// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink to the module. Commands are answered before sendmsg() has
 * returned, so a synchronous exchange does not hold up the loop; a time limit
 * on the socket covers the case that the kernel is stuck all the same.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "genl.h"
#include "log.h"

#define GENL_BUFFER	(64 * 1024)

/* One exchange: what the callbacks leave for genl_exchange(). */
struct genl_answer {
	uint32_t seq;
	bool done;
	int err;
	int (*parse)(struct nlattr *attrs, int len, void *arg);
	void *arg;
	const char *what;
	bool quiet;
	char *refused;
	size_t refused_len;
};

static int genl_seq_check(struct nl_msg *msg, void *arg)
{
	struct genl_answer *a = arg;

	/* An answer to a request that we gave up waiting for is not ours any more. */
	return nlmsg_hdr(msg)->nlmsg_seq == a->seq ? NL_OK : NL_SKIP;
}

static int genl_valid(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *h = nlmsg_data(nlmsg_hdr(msg));
	struct genl_answer *a = arg;

	if (a->parse)
		a->err = a->parse(genlmsg_attrdata(h, 0), genlmsg_attrlen(h, 0), a->arg);
	return NL_OK;
}

static int genl_ack(struct nl_msg *msg, void *arg)
{
	struct genl_answer *a = arg;

	(void)msg;
	a->done = true;
	return NL_STOP;
}

/* The module's own words about what was wrong (NETLINK_EXT_ACK). */
static const char *genl_ext_ack(struct nlmsgerr *e)
{
	struct nlmsghdr *h = (struct nlmsghdr *)((char *)e - NLMSG_HDRLEN);
	size_t skip = sizeof(*e);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (h->nlmsg_len < NLMSG_HDRLEN + skip)
		return NULL;
	if (nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)e + skip),
		      h->nlmsg_len - NLMSG_HDRLEN - skip, NULL) < 0 || !tb[NLMSGERR_ATTR_MSG])
		return NULL;
	return nla_get_string(tb[NLMSGERR_ATTR_MSG]);
}

static int genl_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	struct genl_answer *a = arg;
	const char *text = genl_ext_ack(e);

	(void)from;
	if (e->msg.nlmsg_seq != a->seq)
		return NL_SKIP;
	a->done = true;
	a->err = e->error;
	if (text)
		snprintf(a->refused, a->refused_len, "%s", text);
	/* No node is what a waiting daemon hears all the time. */
	if (text && !a->quiet && e->error != -ENODEV)
		kqd_info("the module refused %s: %s", a->what, text);
	return NL_STOP;
}

static int genl_exchange(struct kqd_genl *g, struct nl_msg *msg, struct genl_answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc;

	g->refused[0] = '\0';
	a->refused = g->refused;
	a->refused_len = sizeof(g->refused);
	if (!cb) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, genl_seq_check, a);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, genl_valid, a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, genl_ack, a);
	nl_cb_err(cb, NL_CB_CUSTOM, genl_error, a);

	rc = nl_send_auto(g->command, msg);
	a->seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	while (rc >= 0 && !a->done)
		rc = nl_recvmsgs(g->command, cb);
	nl_cb_put(cb);
	if (a->done)
		return a->err;
	kqd_err("netlink: %s: %s", a->what, nl_geterror(rc));
	return rc == -NLE_AGAIN ? -ETIMEDOUT : -EIO;
}

static struct nl_msg *genl_request(const struct kqd_genl *g, uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, g->family, 0, 0, cmd,
				 KQUORUM_GENL_VERSION))
		kqd_die("out of memory");
	return msg;
}

static struct nl_msg *genl_epoch_request(const struct kqd_genl *g, uint8_t cmd)
{
	struct nl_msg *msg = genl_request(g, cmd);

	nla_put_u64(msg, KQUORUM_A_EPOCH, g->epoch);
	return msg;
}

/**
 * kqd_genl_init() - open the sockets
 * @g: to be filled
 *
 * Return: 0 or a negative errno.
 */
int kqd_genl_init(struct kqd_genl *g)
{
	struct timeval limit = { .tv_sec = 5 };
	int on = 1, fd;

	memset(g, 0, sizeof(*g));
	g->command = nl_socket_alloc();
	g->events = nl_socket_alloc();
	if (!g->command || !g->events)
		return -ENOMEM;
	if (genl_connect(g->command) < 0 || genl_connect(g->events) < 0)
		return -EIO;
	nl_socket_set_msg_buf_size(g->command, GENL_BUFFER);
	nl_socket_set_msg_buf_size(g->events, GENL_BUFFER);
	fd = nl_socket_get_fd(g->command);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));

	nl_socket_disable_seq_check(g->events);
	nl_socket_set_nonblocking(g->events);
	/* Tells when the module comes, in whatever namespace we are. */
	if (nl_socket_add_memberships(g->events, genl_ctrl_resolve_grp(g->command, "nlctrl",
								       "notify"), 0) < 0)
		return -EIO;
	return 0;
}

/**
 * kqd_genl_resolve() - look for the module
 * @g: initialised
 *
 * Asking also makes the kernel load the module where it is installed.
 *
 * Return: 0, or -ENOENT: it is not there.
 */
int kqd_genl_resolve(struct kqd_genl *g)
{
	int family = genl_ctrl_resolve(g->command, KQUORUM_GENL_NAME);
	int group;

	g->family = 0;
	if (family < 0)
		return -ENOENT;
	group = genl_ctrl_resolve_grp(g->command, KQUORUM_GENL_NAME, KQUORUM_MCGRP_EVENTS);
	if (group < 0 || nl_socket_add_membership(g->events, group) < 0)
		return -ENOENT;
	g->family = family;
	g->group = group;
	return 0;
}

/**
 * kqd_genl_forget() - the module has gone
 * @g: initialised
 *
 * The number of its group may soon belong to another family.
 */
void kqd_genl_forget(struct kqd_genl *g)
{
	if (g->family)
		nl_socket_drop_membership(g->events, g->group);
	g->family = 0;
}

/**
 * kqd_genl_event_fd() - what to poll for events
 * @g: initialised
 *
 * Return: a descriptor, for POLLIN.
 */
int kqd_genl_event_fd(const struct kqd_genl *g)
{
	return nl_socket_get_fd(g->events);
}

struct genl_event {
	const struct kqd_genl *g;
	uint32_t bits;
};

static int genl_event_valid(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *n = nlmsg_hdr(msg);
	struct genlmsghdr *h = nlmsg_data(n);
	struct genl_event *e = arg;
	struct nlattr *a;

	if (!genlmsg_valid_hdr(n, 0))
		return NL_SKIP;
	if (n->nlmsg_type == GENL_ID_CTRL) {
		a = nla_find(genlmsg_attrdata(h, 0), genlmsg_attrlen(h, 0), CTRL_ATTR_FAMILY_NAME);
		if (a && !nla_strcmp(a, KQUORUM_GENL_NAME) &&
		    (h->cmd == CTRL_CMD_NEWFAMILY || h->cmd == CTRL_CMD_DELFAMILY))
			e->bits |= KQD_EVENT_FAMILY;
	} else if (n->nlmsg_type == e->g->family && h->cmd == KQUORUM_CMD_EVENT) {
		a = nla_find(genlmsg_attrdata(h, 0), genlmsg_attrlen(h, 0), KQUORUM_A_EVENT);
		if (a && nla_len(a) >= 4)
			e->bits |= nla_get_u32(a) & ~(KQD_EVENT_FAMILY | KQD_EVENT_OVERRUN);
	}
	return NL_OK;
}

/**
 * kqd_genl_events() - take all events that have arrived
 * @g: initialised
 *
 * Return: the bits of all of them.
 */
uint32_t kqd_genl_events(struct kqd_genl *g)
{
	struct genl_event e = { .g = g };
	int rc;

	nl_socket_modify_cb(g->events, NL_CB_VALID, NL_CB_CUSTOM, genl_event_valid, &e);
	do {
		rc = nl_recvmsgs_default(g->events);
	} while (rc >= 0);
	if (rc != -NLE_AGAIN)
		e.bits |= KQD_EVENT_OVERRUN;
	return e.bits;
}

static int genl_parse_status(struct nlattr *attrs, int len, void *arg)
{
	return kqd_status_parse(attrs, len, arg);
}

/**
 * kqd_genl_status() - ask for the node's status
 * @g: initialised
 * @st: filled on success
 *
 * Return: 0; -ENODEV: no node in this namespace; -ENOENT: the module has gone;
 * another negative errno.
 */
int kqd_genl_status(struct kqd_genl *g, struct kqd_status *st)
{
	struct genl_answer a = {
		.what = "to tell the status",
		.parse = genl_parse_status,
		.arg = st,
	};

	return genl_exchange(g, genl_request(g, KQUORUM_CMD_STATUS), &a);
}

static int genl_parse_epoch(struct nlattr *attrs, int len, void *arg)
{
	struct nlattr *a = nla_find(attrs, len, KQUORUM_A_EPOCH);

	if (!a || nla_len(a) < 8)
		return -EBADMSG;
	*(uint64_t *)arg = nla_get_u64(a);
	return 0;
}

/**
 * kqd_genl_take() - become the node's daemon
 * @g: initialised; its epoch is set
 *
 * Return: 0; -EPERM: not privileged; -ENODEV: no node; another negative errno.
 */
int kqd_genl_take(struct kqd_genl *g)
{
	struct genl_answer a = {
		.what = "this daemon",
		.parse = genl_parse_epoch,
		.arg = &g->epoch,
	};

	return genl_exchange(g, genl_request(g, KQUORUM_CMD_DAEMON_TAKE), &a);
}

/**
 * kqd_genl_canvass() - ask the voters whether a campaign could win
 * @g: with an epoch
 *
 * Return: 0, or a negative errno; -ESTALE: another daemon has the node.
 */
int kqd_genl_canvass(struct kqd_genl *g)
{
	struct genl_answer a = { .what = "a canvass" };

	return genl_exchange(g, genl_epoch_request(g, KQUORUM_CMD_CANVASS), &a);
}

/**
 * kqd_genl_campaign() - take a new term and ask for votes
 * @g: with an epoch
 *
 * Return: 0, or a negative errno; -ESTALE: another daemon has the node.
 */
int kqd_genl_campaign(struct kqd_genl *g)
{
	struct genl_answer a = { .what = "a campaign" };

	return genl_exchange(g, genl_epoch_request(g, KQUORUM_CMD_CAMPAIGN), &a);
}

/**
 * kqd_genl_transfer() - another node shall lead
 * @g: open
 * @to: its id
 *
 * Return: 0: it is under way; or a negative errno.
 */
int kqd_genl_transfer(struct kqd_genl *g, uint32_t to)
{
	struct genl_answer a = { .what = "a transfer" };
	struct nl_msg *msg = genl_request(g, KQUORUM_CMD_TRANSFER);

	nla_put_u32(msg, KQUORUM_A_NODE_ID, to);
	return genl_exchange(g, msg, &a);
}

/**
 * kqd_genl_probe() - is the node still ours?
 * @g: with an epoch
 * @self: id of this node
 *
 * Drops the connection of the node to itself, which there is none: only the
 * epoch is of interest, and it is checked first.
 *
 * Return: -ESTALE: another daemon has the node; anything else: it is ours.
 */
int kqd_genl_probe(struct kqd_genl *g, uint32_t self)
{
	return kqd_genl_detach(g, self);
}

/**
 * kqd_genl_detach() - have the kernel drop a connection
 * @g: with an epoch
 * @node: to which
 *
 * Return: 0, or a negative errno; -ENOTCONN: there is none; -ESTALE: another daemon has the node.
 */
int kqd_genl_detach(struct kqd_genl *g, uint32_t node)
{
	struct genl_answer a = { .what = "to drop a connection", .quiet = true };
	struct nl_msg *msg = genl_epoch_request(g, KQUORUM_CMD_PEER_DETACH);

	nla_put_u32(msg, KQUORUM_A_NODE_ID, node);
	return genl_exchange(g, msg, &a);
}

/**
 * kqd_genl_note() - have the status say why a node is not connected
 * @g: with an epoch
 * @node: which; this node itself: why it takes no connections
 * @why: for a person, cut when too long; "": no reason any more
 *
 * Return: 0, or a negative errno; -ESTALE: another daemon has the node.
 */
int kqd_genl_note(struct kqd_genl *g, uint32_t node, const char *why)
{
	struct genl_answer a = { .what = "a reason", .quiet = true };
	struct nl_msg *msg = genl_epoch_request(g, KQUORUM_CMD_PEER_NOTE);
	char text[KQD_NOTE_MAX];

	snprintf(text, sizeof(text), "%s", why);
	nla_put_u32(msg, KQUORUM_A_NODE_ID, node);
	nla_put_string(msg, KQUORUM_A_REASON, text);
	return genl_exchange(g, msg, &a);
}

/**
 * kqd_genl_scrub() - have the log on disk read and mended
 * @g: with a node
 * @rate: bytes in a second
 *
 * Return: 0, or a negative errno, and @g->refused says why; -EALREADY: that is under way.
 */
int kqd_genl_scrub(struct kqd_genl *g, uint64_t rate)
{
	struct genl_answer a = { .what = "a scrub", .quiet = true };
	struct nl_msg *msg = genl_request(g, KQUORUM_CMD_SCRUB);
	struct nlattr *nest = nla_nest_start(msg, KQUORUM_A_SCRUB | NLA_F_NESTED);

	nla_put_u64(msg, KQUORUM_SCRUB_RATE, rate);
	nla_nest_end(msg, nest);
	return genl_exchange(g, msg, &a);
}

/**
 * kqd_genl_transit() - have the status say how far a snapshot is on its way
 * @g: with an epoch
 * @node: to or from which
 * @t: how far; NULL: there is none any more
 *
 * Return: 0, or a negative errno; -ESTALE: another daemon has the node.
 */
int kqd_genl_transit(struct kqd_genl *g, uint32_t node, const struct kqd_transit *t)
{
	struct genl_answer a = { .what = "how far a snapshot is", .quiet = true };
	struct nl_msg *msg = genl_epoch_request(g, KQUORUM_CMD_SNAPSHOT_NOTE);
	struct nlattr *nest;

	nla_put_u32(msg, KQUORUM_A_NODE_ID, node);
	nest = t ? nla_nest_start(msg, KQUORUM_A_TRANSIT | NLA_F_NESTED) : NULL;
	if (nest) {
		nla_put_u64(msg, KQUORUM_TRANSIT_INDEX, t->index);
		nla_put_u64(msg, KQUORUM_TRANSIT_BYTES, t->bytes);
		nla_put_u64(msg, KQUORUM_TRANSIT_DONE, t->done);
		if (t->comes)
			nla_put_flag(msg, KQUORUM_TRANSIT_COMES);
		nla_nest_end(msg, nest);
	}
	return genl_exchange(g, msg, &a);
}

/**
 * kqd_genl_attach() - hand a connection to the kernel
 * @g: with an epoch
 * @fd: connected socket; stays the caller's, who closes it
 * @from: the greeting that came on it
 *
 * Return: 0, or a negative errno, and @g->refused says why; -ESTALE: another daemon has the node,
 * or the peer's files are older than was seen.
 */
int kqd_genl_attach(struct kqd_genl *g, int fd, const struct kqd_hello *from)
{
	struct genl_answer a = { .what = "a connection", .quiet = true };
	struct nl_msg *msg = genl_epoch_request(g, KQUORUM_CMD_PEER_ATTACH);

	nla_put_u32(msg, KQUORUM_A_NODE_ID, from->from);
	nla_put_s32(msg, KQUORUM_A_FD, fd);
	nla_put(msg, KQUORUM_A_PAST, sizeof(from->past), &from->past);
	nla_put_string(msg, KQUORUM_A_NAME, from->name);
	return genl_exchange(g, msg, &a);
}

static int genl_parse_fd(struct nlattr *attrs, int len, void *arg)
{
	struct nlattr *a = nla_find(attrs, len, KQUORUM_A_FD);

	if (!a || nla_len(a) < 4)
		return -EBADMSG;
	*(int *)arg = nla_get_s32(a);
	return 0;
}

/**
 * kqd_genl_save() - begin to save a snapshot of the state
 * @g: with a node
 *
 * Return: a descriptor that gives it, for the caller to close; or a negative errno, and @g->refused
 * says why; -EBUSY: one is being saved already; -EALREADY: the one in use is of this very state.
 */
int kqd_genl_save(struct kqd_genl *g)
{
	int fd = -1, rc;
	struct genl_answer a = {
		.what = "to save a snapshot",
		.quiet = true,
		.parse = genl_parse_fd,
		.arg = &fd,
	};

	rc = genl_exchange(g, genl_request(g, KQUORUM_CMD_SNAPSHOT_SAVE), &a);
	return rc ? rc : fd < 0 ? -EBADMSG : fd;
}

/**
 * kqd_genl_hand_over() - give a snapshot file to the module
 * @g: with a node
 * @file: open for reading; stays the caller's
 * @hand: what for
 *
 * Return: a descriptor that gives struct kquorum_snapshot_result once, for the caller to close, and
 * with KQD_HAND_GROWING takes struct kquorum_snapshot_grown before; or a negative errno, and
 * @g->refused says why; -EBUSY: another one is being read.
 */
int kqd_genl_hand_over(struct kqd_genl *g, int file, enum kqd_hand hand)
{
	int fd = -1, rc;
	struct genl_answer a = {
		.what = "a snapshot",
		.quiet = true,
		.parse = genl_parse_fd,
		.arg = &fd,
	};
	struct nl_msg *msg = genl_request(g, hand == KQD_HAND_ADOPT ? KQUORUM_CMD_SNAPSHOT_ADOPT :
					  KQUORUM_CMD_SNAPSHOT_INSTALL);

	nla_put_s32(msg, KQUORUM_A_SNAPSHOT_FD, file);
	if (hand == KQD_HAND_GROWING)
		nla_put_flag(msg, KQUORUM_A_SNAPSHOT_GROWS);
	rc = genl_exchange(g, msg, &a);
	return rc ? rc : fd < 0 ? -EBADMSG : fd;
}
