// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of the real module that nobody would send: valid attributes with wrong values, of
 * wrong types and lengths, missing, twice, in the wrong order, from the wrong namespace and
 * without the right to. The kernel it runs on judges: KASAN, lockdep, kmemleak, its log.
 *
 * usage: netlink COMMANDS SEED DIRECTORY   (the segment files are DIRECTORY/segment-NNNN)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/kquorum.h>

#include "nl.h"

static uint64_t saved, taken, said, renewed;

static uint32_t pick(void)
{
	uint32_t i, total = 0, at;

	for (i = 0; i < nl_command_count; i++)
		total += nl_commands[i].weight;
	at = rnd(total);
	for (i = 0; at >= nl_commands[i].weight; i++)
		at -= nl_commands[i].weight;
	return i;
}

static void command(void)
{
	static char buf[NL_BUFFER], in[NL_BUFFER];
	struct mnl_socket **nl = &f.nl[pct(4)];
	uint32_t which = pick(), i;
	bool unprivileged = pct(4), dump = pct(10);
	uint16_t flags = 0;
	struct nlmsghdr *h;
	ssize_t n;

	if (nl_commands[which].cmd == KQUORUM_CMD_RESOURCE_GET ||
	    nl_commands[which].cmd == KQUORUM_CMD_LOG_GET || dump)
		flags = pct(90) ? NLM_F_DUMP : 0;
	h = nl_begin(buf, flags, nl_commands[which].cmd, pct(97) ? KQUORUM_GENL_VERSION : rnd(256));
	for (i = 0; i < NL_ATTRS && nl_commands[which].attr[i]; i++) {
		if (pct(3))
			continue;
		nl_put(h, nl_commands[which].attr[i]);
		if (pct(2))
			nl_put(h, nl_commands[which].attr[i]);
	}
	while (pct(8))
		nl_garbage(h);
	if (pct(1) && h->nlmsg_len > 8)
		h->nlmsg_len -= 1 + rnd(7);
	if (unprivileged && seteuid(65534))
		die("seteuid");
	n = mnl_socket_sendto(*nl, h, h->nlmsg_len);
	if (unprivileged && seteuid(0))
		die("seteuid");
	if (n < 0)
		return;
	do {
		struct pollfd p = { .fd = mnl_socket_get_fd(*nl), .events = POLLIN };

		/* A dump that nobody reads to its end. */
		if ((h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && pct(5)) {
			nl_reopen(nl);
			return;
		}
		if (poll(&p, 1, 2000) <= 0)
			return;
		n = mnl_socket_recvfrom(*nl, in, sizeof(in));
		if (n < 0)
			return;
		f.answered++;
	} while (!nl_answer(in, n));
}

static bool is_a(int fd, const char *kind)
{
	char link[40], to[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, to, sizeof(to) - 1) > 0 && strstr(to, kind);
}

/* What comes out is a snapshot file then, mostly whole and sound. */
static void save(int fd)
{
	int to = f.snapshot[rnd(NL_SNAPSHOTS)];
	static char bytes[70000];
	off_t at = 0;
	ssize_t n;

	if (ftruncate(to, 0))
		die("ftruncate");
	while (!pct(3) && (n = read(fd, bytes, 1 + rnd(sizeof(bytes)))) >= 0) {
		if (!n) {
			saved++;
			break;
		}
		if (pct(2))
			bytes[rnd(n)] ^= 1 << rnd(8);
		if (pwrite(to, bytes, n, at) != n)
			die("pwrite");
		at += n;
		/* Commands and their writes come between. */
		if (pct(20))
			command();
	}
}

static void see(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct kquorum_snapshot_result r;

	if (poll(&p, 1, 1000) == 1 && read(fd, &r, sizeof(r)) == sizeof(r) && !r.error)
		taken++;
}

/* What became of what was said of a resource: here a node alone leads now and then. */
static void hear(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct kquorum_append_result r;

	if (poll(&p, 1, 100) == 1 && read(fd, &r, sizeof(r)) == sizeof(r) && !r.error)
		said++;
}

/* Whoever holds a lock is at work, mostly. */
static void renew(int fd)
{
	struct kquorum_lock_info info;
	struct kquorum_renew r;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	r.token = info.token + (pct(5) ? rnd(3) - 1 : 0);
	if (write(fd, &r, sizeof(r)) == sizeof(r))
		renewed++;
}

/* What a program does with what it was given. */
static void use(void)
{
	int *fd = &f.held[rnd(NL_HELD)], twin;
	struct pollfd p = { .fd = *fd, .events = POLLIN | POLLPRI | POLLOUT };
	char bytes[600] = "bytes";

	if (*fd < 0)
		return;
	/* Of its own, for the commands between may close the other. */
	if (pct(70) && is_a(*fd, "kquorum-save") && (twin = dup(*fd)) >= 0) {
		save(twin);
		close(twin);
		return;
	}
	if (pct(70) && is_a(*fd, "kquorum-snapshot"))
		see(*fd);
	if (pct(70) && is_a(*fd, "kquorum-command"))
		hear(*fd);
	if (pct(50) && is_a(*fd, "kquorum-lock"))
		renew(*fd);
	switch (rnd(6)) {
	case 0:
		poll(&p, 1, 0);
		break;
	case 1:
		fcntl(*fd, F_SETFL, O_NONBLOCK);
		(void)!read(*fd, bytes, rnd(sizeof(bytes)));
		break;
	case 2:
		fcntl(*fd, F_SETFL, O_NONBLOCK);
		(void)!write(*fd, bytes, rnd(sizeof(bytes)));
		break;
	default:
		close(*fd);
		*fd = -1;
	}
}

int main(int argc, char **argv)
{
	uint64_t count, i;

	if (argc != 4) {
		fprintf(stderr, "usage: netlink COMMANDS SEED DIRECTORY\n");
		return 2;
	}
	count = strtoull(argv[1], NULL, 0);
	f.random = strtoull(argv[2], NULL, 0);
	nl_setup(argv[3]);
	for (i = 0; i < count; i++) {
		command();
		if (pct(30))
			use();
		if (pct(4))
			usleep(rnd(300) * 1000);	/* timers of the node fire */
	}
	printf("%llu commands, %llu answers, %llu descriptors given out; errors:",
	       (unsigned long long)f.sent, (unsigned long long)f.answered,
	       (unsigned long long)f.granted);
	for (i = 1; i < NL_ERRORS; i++)
		if (f.error[i])
			printf(" %s %llu", strerrorname_np(i), (unsigned long long)f.error[i]);
	printf("; none %llu; snapshots saved %llu, adopted or installed %llu; resources set or deleted, fences asked %llu; locks renewed %llu\n",
	       (unsigned long long)f.error[0], (unsigned long long)saved,
	       (unsigned long long)taken, (unsigned long long)said,
	       (unsigned long long)renewed);
	return 0;
}
