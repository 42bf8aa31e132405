// SPDX-License-Identifier: GPL-2.0
/* Netlink commands for tests: see nl.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/kquorum.h>

#include "nl.h"

struct nl_fuzz f;

uint64_t rnd(uint64_t below)
{
	uint64_t z = f.random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % below;
}

bool pct(uint32_t p)
{
	return f.exact ? p >= 50 : rnd(100) < p;
}

void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- attributes ------------------------------------------------------------------------------ */

static uint64_t number(void)
{
	static const uint64_t odd[] = { 0, 1, 2, 3, 16, 17, 255, 4096, 65536, 1ULL << 31, 1ULL << 32,
					~0ULL, ~0ULL - 1, 1ULL << 63, 1ULL << 60 };

	return pct(60) ? rnd(4) : odd[rnd(sizeof(odd) / sizeof(odd[0]))];
}

static int32_t descriptor(void)
{
	switch (rnd(9)) {
	case 0: return -1;
	case 1: return 100000;
	case 2: return f.held[rnd(NL_HELD)];
	case 3: return f.segment[rnd(NL_SEGMENTS)];
	case 4: return f.snapshot[rnd(NL_SNAPSHOTS)];
	default: return f.odd[rnd(f.odds)];
	}
}

static void text(struct nlmsghdr *h, uint16_t type, uint32_t max)
{
	char buf[400];
	uint32_t len = pct(80) ? 2 + rnd(8) : rnd(max + 4), i;

	for (i = 0; i < len; i++)
		buf[i] = pct(95) ? 'a' + rnd(3) : rnd(256);
	if (pct(80) && len)
		buf[len - 1] = 0;
	mnl_attr_put(h, type, len, buf);
}

static void settings(struct nlmsghdr *h)
{
	static const uint32_t good[] = { 0, 100, 1000, 2000, 50, 500, 256 * 1024 };
	struct nlattr *nest = mnl_attr_nest_start(h, KQUORUM_A_SETTINGS);
	uint32_t i;

	for (i = 1; i <= KQUORUM_SETTING_MAX; i++)
		if (pct(98))
			mnl_attr_put_u32(h, i, pct(97) ? good[i] : number());
	if (pct(3))
		mnl_attr_put_u64(h, rnd(12), number());
	mnl_attr_nest_end(h, nest);
}

static void member(struct nlmsghdr *h, uint32_t id)
{
	struct nlattr *nest = mnl_attr_nest_start(h, KQUORUM_A_MEMBER);
	char name[8];

	snprintf(name, sizeof(name), "n%u", id);
	if (pct(99))
		mnl_attr_put_u32(h, KQUORUM_MEMBER_ID, pct(98) ? id : number());
	if (pct(98))
		mnl_attr_put_strz(h, KQUORUM_MEMBER_NAME, name);
	else
		text(h, KQUORUM_MEMBER_NAME, KQUORUM_NODE_NAME_MAX);
	if (pct(98))
		mnl_attr_put_strz(h, KQUORUM_MEMBER_ADDRESS, "127.0.0.1:1");
	if (pct(30))
		mnl_attr_put_u32(h, KQUORUM_MEMBER_FLAGS, pct(90) ? rnd(2) : number());
	mnl_attr_nest_end(h, nest);
}

static void transit(struct nlmsghdr *h)
{
	struct nlattr *nest = mnl_attr_nest_start(h, KQUORUM_A_TRANSIT);

	if (pct(95))
		mnl_attr_put_u64(h, KQUORUM_TRANSIT_INDEX, pct(90) ? 1 + rnd(1000) : number());
	if (pct(95))
		mnl_attr_put_u64(h, KQUORUM_TRANSIT_BYTES, pct(90) ? 1000 : number());
	if (pct(95))
		mnl_attr_put_u64(h, KQUORUM_TRANSIT_DONE, pct(90) ? rnd(1000) : number());
	if (pct(50))
		mnl_attr_put(h, KQUORUM_TRANSIT_COMES, pct(95) ? 0 : 4, "xxx");
	mnl_attr_nest_end(h, nest);
}

static void scrub(struct nlmsghdr *h)
{
	struct nlattr *nest = mnl_attr_nest_start(h, KQUORUM_A_SCRUB);

	if (pct(70))
		mnl_attr_put_u64(h, KQUORUM_SCRUB_RATE, pct(90) ? 65536ULL << rnd(20) : number());
	if (pct(30))
		mnl_attr_put(h, KQUORUM_SCRUB_STOP, pct(95) ? 0 : 4, "xxx");
	mnl_attr_nest_end(h, nest);
}

/* The attribute that a command expects, mostly as it should be. */
void nl_put(struct nlmsghdr *h, uint16_t type)
{
	struct kquorum_past past = { 0 };
	uint32_t i, n;

	switch (type) {
	case KQUORUM_A_NAME:
		if (pct(95))
			mnl_attr_put_strz(h, type, "fuzz");
		else
			text(h, type, 64);
		break;
	case KQUORUM_A_RESOURCE:
		text(h, type, KQUORUM_RESOURCE_NAME_MAX);
		break;
	case KQUORUM_A_REASON:
		text(h, type, 160);
		break;
	case KQUORUM_A_CLUSTER_ID:
		mnl_attr_put_u64(h, type, pct(97) ? 77 : number());
		break;
	case KQUORUM_A_NODE_ID:
		mnl_attr_put_u32(h, type, pct(70) ? 1 + rnd(3) : number());
		break;
	case KQUORUM_A_SETTINGS:
		settings(h);
		break;
	case KQUORUM_A_MEMBER:
		n = f.exact ? 3 : pct(80) ? 1 : pct(80) ? 3 : rnd(20);
		for (i = 1; i <= n; i++)
			member(h, i);
		break;
	case KQUORUM_A_SEGMENT_FD:
		n = pct(97) ? NL_SEGMENTS : rnd(NL_SEGMENTS + 3);
		for (i = 0; i < n; i++)
			mnl_attr_put_u32(h, type, pct(99) ? f.segment[i % NL_SEGMENTS] : descriptor());
		break;
	case KQUORUM_A_SNAPSHOT_FD:
		/* Many are for NODE_START. */
		n = f.exact ? 1 : pct(80) ? 1 + rnd(2) : rnd(KQUORUM_MAX_SNAPSHOT_FDS + 3);
		for (i = 0; i < n; i++)
			mnl_attr_put_u32(h, type, pct(90) ? f.snapshot[rnd(NL_SNAPSHOTS)] :
					 descriptor());
		break;
	case KQUORUM_A_SNAPSHOT_GROWS:
		/* Then it is not read to its end before somebody says that it is whole. */
		if (pct(30))
			mnl_attr_put(h, type, pct(95) ? 0 : 4, "xxx");
		break;
	case KQUORUM_A_EPOCH:
		mnl_attr_put_u64(h, type, pct(90) ? f.epoch : number());
		break;
	case KQUORUM_A_FD:
		mnl_attr_put_u32(h, type, descriptor());
		break;
	case KQUORUM_A_PAST:
		for (i = 0; i < KQUORUM_STARTS; i++)
			past.starts[i] = number();
		past.origin = number();
		past.flags = rnd(4);
		past.identity = number();
		past.incarnation = number();
		past.met = number();
		mnl_attr_put(h, type, pct(95) ? sizeof(past) : rnd(sizeof(past)), &past);
		break;
	case KQUORUM_A_TRANSIT:
		transit(h);
		break;
	case KQUORUM_A_SCRUB:
		scrub(h);
		break;
	case KQUORUM_A_LOCK_FLAGS:
		mnl_attr_put_u32(h, type, pct(90) ? rnd(16) : number());
		break;
	case KQUORUM_A_LOCK_UNITS:
		/* Not along with a share. */
		if (pct(30))
			mnl_attr_put_u32(h, type, pct(90) ? 1 + rnd(5) : number());
		break;
	case KQUORUM_A_LOCK_INFO:
		if (pct(50))
			text(h, type, KQUORUM_INFO_MAX);
		break;
	case KQUORUM_A_UNITS:
		if (pct(80))
			mnl_attr_put_u32(h, type, pct(90) ? 1 + rnd(8) : number());
		break;
	case KQUORUM_A_MAX_WAITERS:
		if (pct(50))
			mnl_attr_put_u32(h, type, pct(90) ? rnd(4) : number());
		break;
	case KQUORUM_A_CREATE:
		if (pct(50))
			mnl_attr_put(h, type, pct(95) ? 0 : 4, "xxx");
		break;
	case KQUORUM_A_TTL:
	case KQUORUM_A_HOLD:
	case KQUORUM_A_DRAIN:
		/* Short enough to be over while this runs. */
		if (pct(40))
			mnl_attr_put_u32(h, type, pct(90) ? rnd(500) : number());
		break;
	case KQUORUM_A_UID:
	case KQUORUM_A_GID:
		if (pct(40))
			mnl_attr_put_u32(h, type, pct(60) ? 65534 : number());
		break;
	case KQUORUM_A_MODE:
		if (pct(40))
			mnl_attr_put_u32(h, type, pct(90) ? rnd(0667) & 0666 : number());
		break;
	case KQUORUM_A_FENCED:
		if (pct(50))
			mnl_attr_put_u8(h, type, pct(90) ? rnd(2) : rnd(256));
		break;
	case KQUORUM_A_SESSION:
		mnl_attr_put_u64(h, type, pct(50) ? rnd(200) : number());
		break;
	case KQUORUM_A_OWNER:
		mnl_attr_put_u64(h, type, pct(80) ? 1 + rnd(20) : number());
		break;
	case KQUORUM_A_TOKEN:
		/* As a session, the index of an entry, with a number behind it. */
		mnl_attr_put_u64(h, type, f.exact ? 1 : pct(80) ? rnd(200) << 12 : number());
		break;
	case KQUORUM_A_VOTERS:
	case KQUORUM_A_LEARNERS:
		mnl_attr_put_u32(h, type, pct(90) ? rnd(16) & ~1u : number());
		break;
	case KQUORUM_A_CONF_INDEX:
		mnl_attr_put_u64(h, type, pct(70) ? 0 : rnd(1000));
		break;
	case KQUORUM_A_FORCE:
		mnl_attr_put(h, type, pct(95) ? 0 : 4, "xxx");
		break;
	default:
		mnl_attr_put_u64(h, type, number());
	}
}

/* Anything at all. */
void nl_garbage(struct nlmsghdr *h)
{
	uint16_t type = rnd(KQUORUM_A_MAX + 4) | (pct(20) ? NLA_F_NESTED : 0);
	uint8_t bytes[64];
	uint32_t len = rnd(sizeof(bytes)), i;

	for (i = 0; i < len; i++)
		bytes[i] = pct(50) ? 0 : rnd(256);
	mnl_attr_put(h, type, len, bytes);
}

/* --- commands -------------------------------------------------------------------------------- */

const struct nl_command nl_commands[] = {
	{ "node_start", KQUORUM_CMD_NODE_START, 10, { KQUORUM_A_NAME, KQUORUM_A_CLUSTER_ID, KQUORUM_A_NODE_ID,
	  KQUORUM_A_SETTINGS, KQUORUM_A_MEMBER, KQUORUM_A_SEGMENT_FD, KQUORUM_A_SNAPSHOT_FD } },
	{ "node_stop", KQUORUM_CMD_NODE_STOP, 1, { KQUORUM_A_FORCE } },
	{ "daemon_take", KQUORUM_CMD_DAEMON_TAKE, 4, { 0 } },
	{ "status", KQUORUM_CMD_STATUS, 6, { 0 } },
	{ "canvass", KQUORUM_CMD_CANVASS, 8, { KQUORUM_A_EPOCH } },
	{ "campaign", KQUORUM_CMD_CAMPAIGN, 8, { KQUORUM_A_EPOCH } },
	{ "transfer", KQUORUM_CMD_TRANSFER, 4, { KQUORUM_A_NODE_ID } },
	{ "reconfigure", KQUORUM_CMD_RECONFIGURE, 6, { KQUORUM_A_VOTERS, KQUORUM_A_LEARNERS,
	  KQUORUM_A_CONF_INDEX, KQUORUM_A_MEMBER } },
	{ "peer_attach", KQUORUM_CMD_PEER_ATTACH, 12, { KQUORUM_A_NODE_ID, KQUORUM_A_FD, KQUORUM_A_PAST,
	  KQUORUM_A_EPOCH, KQUORUM_A_NAME } },
	{ "peer_detach", KQUORUM_CMD_PEER_DETACH, 6, { KQUORUM_A_NODE_ID, KQUORUM_A_EPOCH } },
	{ "peer_note", KQUORUM_CMD_PEER_NOTE, 4, { KQUORUM_A_NODE_ID, KQUORUM_A_REASON, KQUORUM_A_EPOCH } },
	{ "snapshot_note", KQUORUM_CMD_SNAPSHOT_NOTE, 4, { KQUORUM_A_NODE_ID, KQUORUM_A_EPOCH,
	  KQUORUM_A_TRANSIT } },
	{ "scrub", KQUORUM_CMD_SCRUB, 4, { KQUORUM_A_SCRUB } },
	{ "lock", KQUORUM_CMD_LOCK, 16, { KQUORUM_A_RESOURCE, KQUORUM_A_LOCK_FLAGS,
	  KQUORUM_A_LOCK_UNITS, KQUORUM_A_LOCK_INFO, KQUORUM_A_TTL, KQUORUM_A_HOLD } },
	{ "append_open", KQUORUM_CMD_APPEND_OPEN, 6, { 0 } },
	{ "resource_get", KQUORUM_CMD_RESOURCE_GET, 6, { KQUORUM_A_RESOURCE } },
	{ "resource_set", KQUORUM_CMD_RESOURCE_SET, 8, { KQUORUM_A_RESOURCE, KQUORUM_A_UNITS,
	  KQUORUM_A_MAX_WAITERS, KQUORUM_A_CREATE, KQUORUM_A_TTL, KQUORUM_A_HOLD, KQUORUM_A_UID,
	  KQUORUM_A_GID, KQUORUM_A_MODE, KQUORUM_A_FENCED } },
	{ "resource_delete", KQUORUM_CMD_RESOURCE_DELETE, 4, { KQUORUM_A_RESOURCE } },
	{ "resource_evict", KQUORUM_CMD_RESOURCE_EVICT, 6, { KQUORUM_A_RESOURCE, KQUORUM_A_NODE_ID,
	  KQUORUM_A_SESSION, KQUORUM_A_OWNER, KQUORUM_A_DRAIN } },
	{ "fence", KQUORUM_CMD_FENCE, 6, { KQUORUM_A_RESOURCE, KQUORUM_A_TOKEN } },
	{ "log_get", KQUORUM_CMD_LOG_GET, 6, { KQUORUM_A_FIRST_INDEX, KQUORUM_A_LAST_INDEX } },
	{ "snapshot_save", KQUORUM_CMD_SNAPSHOT_SAVE, 6, { 0 } },
	{ "snapshot_adopt", KQUORUM_CMD_SNAPSHOT_ADOPT, 6, { KQUORUM_A_SNAPSHOT_FD } },
	{ "snapshot_install", KQUORUM_CMD_SNAPSHOT_INSTALL, 6,
	  { KQUORUM_A_SNAPSHOT_FD, KQUORUM_A_SNAPSHOT_GROWS } },
	{ "event", KQUORUM_CMD_EVENT, 1, { 0 } },
	{ "none", KQUORUM_CMD_MAX + 1, 1, { 0 } },
};

const uint32_t nl_command_count = sizeof(nl_commands) / sizeof(nl_commands[0]);

void nl_keep(int fd)
{
	int *slot = &f.held[rnd(NL_HELD)];

	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	f.granted++;
}

static int attr_cb(const struct nlattr *a, void *data)
{
	bool *closing = data;

	if (mnl_attr_get_type(a) == KQUORUM_A_FD && mnl_attr_get_payload_len(a) == 4 && !*closing)
		nl_keep((int)mnl_attr_get_u32(a));
	if (mnl_attr_get_type(a) == KQUORUM_A_EPOCH && mnl_attr_get_payload_len(a) == 8)
		f.epoch = mnl_attr_get_u64(a);
	return MNL_CB_OK;
}

/* Returns false when there is more to come. */
bool nl_answer(const char *buf, ssize_t len)
{
	const struct nlmsghdr *h = (const void *)buf;
	int left = len;
	bool no = false;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			f.error[-e->error < NL_ERRORS && e->error <= 0 ? -e->error : NL_ERRORS - 1]++;
			return true;
		}
		if (h->nlmsg_type == NLMSG_DONE)
			return true;
		if (h->nlmsg_type == f.family)
			mnl_attr_parse(h, sizeof(struct genlmsghdr), attr_cb, &no);
	}
	return false;
}

void nl_reopen(struct mnl_socket **nl)
{
	struct mnl_socket *fresh = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);

	if (!fresh || mnl_socket_bind(fresh, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink socket");
	mnl_socket_close(*nl);
	*nl = fresh;
}

/**
 * nl_begin() - headers of a command of the family
 * @buf: NL_BUFFER bytes
 * @flags: besides NLM_F_REQUEST and NLM_F_ACK
 * @cmd: the command
 * @version: of the family
 *
 * Return: the message, for attributes.
 */
struct nlmsghdr *nl_begin(char *buf, uint16_t flags, uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;

	h->nlmsg_type = f.family;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	h->nlmsg_seq = ++f.sent;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = cmd;
	g->version = version;
	return h;
}

/* --- set-up ---------------------------------------------------------------------------------- */

static int family_cb(const struct nlattr *a, void *data)
{
	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)data = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static uint16_t family(struct mnl_socket *nl)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;
	uint16_t id = 0;

	h->nlmsg_type = GENL_ID_CTRL;
	h->nlmsg_flags = NLM_F_REQUEST;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = CTRL_CMD_GETFAMILY;
	g->version = 1;
	mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, KQUORUM_GENL_NAME);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(nl, buf, sizeof(buf)) < 0)
		die("family");
	h = (void *)buf;
	if (h->nlmsg_type != GENL_ID_CTRL)
		return 0;
	mnl_attr_parse(h, sizeof(*g), family_cb, &id);
	return id;
}

static void odd_files(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	f.odd[f.odds++] = pair[0];
	f.odd[f.odds++] = pair[1];
	f.odd[f.odds++] = socket(AF_INET, SOCK_STREAM, 0);
	f.odd[f.odds++] = socket(AF_INET, SOCK_DGRAM, 0);
	f.odd[f.odds++] = open("/dev/null", O_RDWR);
	f.odd[f.odds++] = open("/", O_RDONLY);
	f.odd[f.odds++] = mnl_socket_get_fd(f.nl[0]);
	f.odd[f.odds++] = 0;
}

static int file_open(const char *directory, const char *kind, uint32_t i, int flags)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s-%04u", directory, kind, i);
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		die(path);
	return fd;
}

/**
 * nl_setup() - sockets, descriptors of segment and snapshot files and of the wrong kind
 * @directory: the segment files are there, segment-0000 and so on
 */
void nl_setup(const char *directory)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint32_t i;

	for (i = 0; i < 2; i++) {
		/* A socket belongs to the namespace in which it was made. */
		if (i && unshare(CLONE_NEWNET))
			die("unshare");
		f.nl[i] = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
		if (!f.nl[i] || mnl_socket_bind(f.nl[i], 0, MNL_SOCKET_AUTOPID) < 0)
			die("netlink socket");
	}
	if (home < 0 || setns(home, CLONE_NEWNET))
		die("setns");
	close(home);
	f.family = family(f.nl[0]);
	if (!f.family) {
		fprintf(stderr, "the module is not loaded\n");
		exit(1);
	}
	for (i = 0; i < NL_HELD; i++)
		f.held[i] = -1;
	for (i = 0; i < NL_SEGMENTS; i++)
		f.segment[i] = file_open(directory, "segment", i, 0);
	for (i = 0; i < NL_SNAPSHOTS; i++)
		f.snapshot[i] = file_open(directory, "snapshot", i, O_CREAT);
	odd_files();
}
