// SPDX-License-Identifier: GPL-2.0
/* kquorum renew: says under kquorum lock --renew=none that the work goes on. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define FD "KQUORUM_LOCK_FD"

enum { OPT_FD = 256 };

static const struct cli_option options[] = {
	{ OPT_FD, "fd", "N", "descriptor of the lock (default: that of " FD ")" },
	{ 'v', "verbose", NULL, "say how long it lasts now" },
	{ 0 },
};

struct renewal {
	int fd;			/* -1: none was said */
	bool verbose;
	uint64_t token;
};

static void take(int key, const char *arg, void *user)
{
	struct renewal *r = user;

	if (key == OPT_FD)
		r->fd = cli_number("--fd", arg, 0, INT_MAX);
	else
		r->verbose = true;
}

/* What is written to it would end up in a file, were it one. */
static bool is_lock(int fd)
{
	char path[32], what[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, what, sizeof(what) - 1);
	if (n < 0)
		return false;
	what[n] = '\0';
	return strstr(what, "kquorum-lock");
}

/* That of the environment, as long as the descriptor is the one there too. */
static uint64_t token_of(int fd, bool from_environment)
{
	const char *text = getenv("KQUORUM_TOKEN");
	struct kquorum_lock_info info;
	uint64_t token;

	if (from_environment && text && !parse_number(text, &token))
		return token;
	return kquorum_lock_read(fd, &info) ? 0 : info.token;
}

static int take_fd(struct renewal *r)
{
	const char *text = getenv(FD);
	uint64_t fd;

	if (r->fd < 0) {
		if (!text || parse_number(text, &fd) || fd > INT_MAX)
			cli_usage_error("under no lock that is to be renewed: --fd N, or run it in\n"
					"  kquorum lock --renew=none --ttl TIME NAME -- COMMAND");
		r->fd = fd;
	} else {
		text = NULL;
	}
	if (!is_lock(r->fd)) {
		cli_error("descriptor %d is no lock of kquorum: was it closed on the way here?", r->fd);
		return KQUORUM_EXIT_ERROR;
	}
	r->token = token_of(r->fd, text);
	return 0;
}

static int failed(const struct renewal *r, int error)
{
	struct kquorum_lock_info info;

	if (!kquorum_lock_read(r->fd, &info) && info.state != KQUORUM_LOCK_GRANTED) {
		cli_error("the lock is lost: %s", *kquorum_lock_why(&info) ? kquorum_lock_why(&info) :
			  "it was not granted");
		return KQUORUM_EXIT_LOST;
	}
	cli_error("not renewed: %s", strerror(-error));
	return KQUORUM_EXIT_ERROR;
}

static void say_left(const struct renewal *r)
{
	char renewed[FORMAT_MAX], left[FORMAT_MAX];
	struct kquorum_lock_info info;

	if (kquorum_lock_read(r->fd, &info))
		return;
	if (info.renew_left_ns == KQUORUM_NEVER)
		cli_note("it need not be renewed any more%s%s", info.hold_left_ns == KQUORUM_NEVER ? "" :
			 ", and ends in ", info.hold_left_ns == KQUORUM_NEVER ? "" :
			 format_duration(left, info.hold_left_ns));
	else
		cli_note("renewed for %s%s%s", format_duration(renewed, info.renew_left_ns),
			 info.hold_left_ns == KQUORUM_NEVER ? "" : ", ends at the latest in ",
			 info.hold_left_ns == KQUORUM_NEVER ? "" : format_duration(left, info.hold_left_ns));
}

static int run(int argc, char **argv)
{
	struct renewal r = { .fd = -1 };
	int at = cli_parse(argc, argv, take, &r), ret;

	if (at < argc)
		cli_usage_error("\"%s\" is one word too many: the lock is the one that this runs under", argv[at]);
	ret = take_fd(&r);
	if (ret)
		return ret;
	ret = kquorum_lock_renew(r.fd, r.token);
	if (ret)
		return failed(&r, ret);
	if (r.verbose)
		say_left(&r);
	return KQUORUM_EXIT_DONE;
}

const struct cli_command command_renew = {
	.name = "renew",
	.synopsis = "[--fd N] [-v]",
	.summary = "say under kquorum lock --renew=none that the work goes on",
	.details = "The lock has its time to live (--ttl) once more, up to its longest hold. To be called by what\n"
		   "the lock protects, after each piece of work, in good time: no longer than a third of --ttl\n"
		   "apart. It needs no privilege, for it has the lock from its parent.\n"
		   "Exit: 0 renewed, 70 it is lost, and why is said; 2 when it runs under no such lock.\n"
		   "  kquorum lock --ttl 1m --renew=none mail -- sh -c 'while ./send-some; do kquorum renew; done'\n",
	.options = options,
	.run = run,
};
