// SPDX-License-Identifier: GPL-2.0
/*
 * Each netlink command again and again, in which the first, the second, ... allocation fails,
 * until one goes through without a failure (/proc/self/fail-nth). Each time there is an
 * answer, and the node goes on. The kernel judges the rest: KASAN, lockdep, kmemleak, its log.
 *
 * usage: failnth DIRECTORY   (the segment files are DIRECTORY/segment-NNNN). Prints TAP.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/kquorum.h>

#include "nl.h"

#define NTH_MAX 2000
#define BUSY_MAX 1000

static int nth_fd;
static uint32_t tests, failed;

static void result(bool good, const char *what, uint32_t injected)
{
	printf("%sok %u - %s (%u allocations failed, one by one)\n", good ? "" : "not ", ++tests,
	       what, injected);
	failed += !good;
}

static void arm(uint32_t nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_fd, text, len, 0) != len)
		die("fail-nth");
}

/* Returns true: an allocation failed since arm(). */
static bool disarm(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) <= 0)
		die("fail-nth");
	arm(0);
	return atoi(text) == 0;
}

static const struct nl_command *command_of(uint8_t cmd)
{
	uint32_t i;

	for (i = 0; i < nl_command_count; i++)
		if (nl_commands[i].cmd == cmd)
			return &nl_commands[i];
	abort();
}

/* Reads answers until the acknowledgement. Returns 0, a negative errno, or 1: there was none. */
static int reap(void)
{
	static char in[NL_BUFFER];
	uint64_t before[NL_ERRORS];
	ssize_t n;
	int i;

	memcpy(before, f.error, sizeof(before));
	for (;;) {
		struct pollfd p = { .fd = mnl_socket_get_fd(f.nl[0]), .events = POLLIN };

		if (poll(&p, 1, 1000) <= 0)
			return 1;
		n = recv(p.fd, in, sizeof(in), MSG_DONTWAIT);
		if (n < 0)
			return -errno;
		if (nl_answer(in, n))
			break;
	}
	for (i = 0; i < NL_ERRORS; i++)
		if (f.error[i] != before[i])
			return -i;
	return 0;
}

/* Sends the command, its @nth allocation fails (0: none); *@injected: so it was. */
static int say(const struct nl_command *c, bool dump, int fd, uint32_t nth, bool *injected)
{
	static const struct kquorum_past past = { .identity = 1, .incarnation = 1 };
	static char buf[NL_BUFFER];
	struct nlmsghdr *h = nl_begin(buf, dump ? NLM_F_DUMP : 0, c->cmd, KQUORUM_GENL_VERSION);
	uint32_t i;
	ssize_t n;

	for (i = 0; i < NL_ATTRS && c->attr[i]; i++) {
		if (c->attr[i] == KQUORUM_A_FD)
			mnl_attr_put_u32(h, KQUORUM_A_FD, fd);
		else if (c->attr[i] == KQUORUM_A_SNAPSHOT_FD)
			mnl_attr_put_u32(h, KQUORUM_A_SNAPSHOT_FD, f.snapshot[0]);
		else if (c->attr[i] == KQUORUM_A_NODE_ID)
			mnl_attr_put_u32(h, KQUORUM_A_NODE_ID,
					 c->cmd == KQUORUM_CMD_NODE_START ? 1 : 2);
		else if (c->attr[i] == KQUORUM_A_PAST)
			mnl_attr_put(h, KQUORUM_A_PAST, sizeof(past), &past);
		else if (!(dump && c->attr[i] == KQUORUM_A_RESOURCE))
			nl_put(h, c->attr[i]);
	}
	if (nth)
		arm(nth);
	n = send(mnl_socket_get_fd(f.nl[0]), h, h->nlmsg_len, 0);
	*injected = nth && disarm();
	return n < 0 ? -errno : reap();
}

static int plainly(uint8_t cmd)
{
	bool injected;

	return say(command_of(cmd), false, -1, 0, &injected);
}

static void close_held(void)
{
	int i;

	for (i = 0; i < NL_HELD; i++) {
		if (f.held[i] >= 0)
			close(f.held[i]);
		f.held[i] = -1;
	}
}

static bool gone(void)
{
	int i;

	for (i = 0; i < 200 && plainly(KQUORUM_CMD_STATUS) != -ENODEV; i++)
		usleep(100000);
	return i < 200;
}

/* A stream that is connected to nothing that speaks. */
static int stream(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0);
	static int other = -1;
	socklen_t len = sizeof(a);

	if (l < 0 || s < 0 || bind(l, (void *)&a, sizeof(a)) || listen(l, 1) ||
	    getsockname(l, (void *)&a, &len) || connect(s, (void *)&a, sizeof(a)))
		die("stream");
	if (other >= 0)
		close(other);
	other = accept(l, NULL, NULL);
	close(l);
	return s;
}

/* A node of three, alone: what cannot work so has an answer, @expected, that says it. */
static void each(uint8_t cmd, bool dump, int expected, const char *what)
{
	const struct nl_command *c = command_of(cmd);
	uint32_t nth, injections = 0, busy = 0;
	bool injected = true, good = true;
	int err = 0;

	for (nth = 1; nth < NTH_MAX && injected && good; nth++) {
		int fd = cmd == KQUORUM_CMD_PEER_ATTACH ? stream() : -1;

		err = say(c, dump, fd, nth, &injected);
		if (fd >= 0)
			close(fd);
		/* The one before has not been looked at to its end: once more. */
		if (err == -EBUSY && busy++ < BUSY_MAX) {
			usleep(1000);
			injected = true;
			nth--;
			continue;
		}
		injections += injected;
		/* No answer is one: then the answer itself could not be allocated. */
		if (err < 0 && err != -ENOMEM && err != -ENOBUFS)
			good = err == expected;	/* it was not needed */
		close_held();
		if (cmd != KQUORUM_CMD_NODE_START) {
			good = good && !plainly(KQUORUM_CMD_STATUS);
		} else if (injected && !plainly(KQUORUM_CMD_STATUS)) {
			plainly(KQUORUM_CMD_NODE_STOP);
			good = good && gone();
		}
	}
	if (!good || injected)
		printf("# %s: allocation %u: answer %d (%s)\n", what, nth - 1, err,
		       err < 0 ? strerror(-err) : "");
	result(good && !injected, what, injections);
}

/* The same for what is done with a handle. */
static void each_write(void)
{
	uint32_t nth, injections = 0;
	bool injected = true, good = true;
	char line[] = "a line";

	for (nth = 1; nth < NTH_MAX && injected && good; nth++) {
		ssize_t n;
		int i;

		good = plainly(KQUORUM_CMD_APPEND_OPEN) == 0;
		for (i = 0; i < NL_HELD && f.held[i] < 0; i++)
			;
		if (i == NL_HELD)
			break;
		arm(nth);
		n = write(f.held[i], line, sizeof(line));
		injected = disarm();
		injections += injected;
		if (n < 0 && errno != ENOMEM && errno != ENOBUFS)
			good = false;
		arm(nth);
		close(f.held[i]);
		disarm();
		f.held[i] = -1;
	}
	result(good && !injected, "write to an append stream", injections);
}

int main(int argc, char **argv)
{
	static const struct {
		uint8_t cmd;
		bool dump;
		int expected;
		const char *what;
	} todo[] = {
		{ KQUORUM_CMD_DAEMON_TAKE, false, 0, "daemon take" },
		{ KQUORUM_CMD_STATUS, false, 0, "status" },
		{ KQUORUM_CMD_PEER_ATTACH, false, 0, "peer attach" },
		{ KQUORUM_CMD_PEER_DETACH, false, -ENOTCONN, "peer detach" },
		{ KQUORUM_CMD_PEER_NOTE, false, 0, "peer note" },
		{ KQUORUM_CMD_CANVASS, false, -EAGAIN, "canvass" },
		{ KQUORUM_CMD_CAMPAIGN, false, -EAGAIN, "campaign" },
		{ KQUORUM_CMD_TRANSFER, false, -EREMOTE, "transfer" },
		{ KQUORUM_CMD_LOCK, false, 0, "lock" },
		{ KQUORUM_CMD_APPEND_OPEN, false, 0, "append open" },
		{ KQUORUM_CMD_RESOURCE_SET, false, 0, "resource set" },
		{ KQUORUM_CMD_RESOURCE_DELETE, false, 0, "resource delete" },
		{ KQUORUM_CMD_RESOURCE_EVICT, false, 0, "resource evict" },
		{ KQUORUM_CMD_FENCE, false, 0, "fence" },
		{ KQUORUM_CMD_RESOURCE_GET, false, -ENOENT, "resource get" },
		{ KQUORUM_CMD_RESOURCE_GET, true, 0, "resource dump" },
		{ KQUORUM_CMD_LOG_GET, true, 0, "log dump" },
		{ KQUORUM_CMD_SNAPSHOT_SAVE, false, -EALREADY, "snapshot save" },
		{ KQUORUM_CMD_SNAPSHOT_ADOPT, false, 0, "snapshot adopt" },
		{ KQUORUM_CMD_SNAPSHOT_INSTALL, false, 0, "snapshot install" },
	};
	uint32_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: failnth DIRECTORY\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	f.exact = true;
	nl_setup(argv[1]);
	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		die("/proc/self/fail-nth (the kernel has no fault injection)");
	each(KQUORUM_CMD_NODE_START, false, 0, "node start");
	for (i = 0; i < 100 && plainly(KQUORUM_CMD_DAEMON_TAKE); i++)
		usleep(100000);
	for (i = 0; i < sizeof(todo) / sizeof(todo[0]); i++)
		each(todo[i].cmd, todo[i].dump, todo[i].expected, todo[i].what);
	each_write();
	plainly(KQUORUM_CMD_NODE_STOP);
	result(gone(), "the node stops", 0);
	printf("1..%u\n", tests);
	return failed > 0;
}
