// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum lock: hold a lock while a command runs, or until told to let go.
 *
 * The lock is a descriptor of this process; the kernel releases it when the
 * process ends in whatever way. The command therefore dies with it (parent-death
 * signal), unless it inherits the descriptor.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli.h"
#include "lock.h"

enum { OPT_INHERIT = 256, OPT_KILL_AFTER };

static const struct cli_option options[] = {
	{ 'n', "nonblock", NULL, "fail instead of waiting when it is held" },
	{ 'w', "wait", "TIME", "give up after this time; 0 is the same as -n" },
	{ 'E', "conflict-exit-code", "CODE", "exit with CODE in place of 75: held (-n) or not granted in time (-w)" },
	{ OPT_KILL_AFTER, "kill-after", "TIME", "from SIGTERM to SIGKILL when the lock is lost (default 2s)" },
	{ OPT_INHERIT, "inherit", NULL, "hand the lock's descriptor on: held until its last copy closes" },
	{ 'v', "verbose", NULL, "say when it is granted" },
	{ 0 },
};

static void take(int key, const char *arg, void *user)
{
	struct lock_options *o = user;

	switch (key) {
	case 'n':
		o->nonblock = true;
		break;
	case 'w':
		o->wait_ns = cli_duration("--wait", arg);
		break;
	case 'E':
		o->conflict_code = cli_number("--conflict-exit-code", arg, 0, 255);
		break;
	case 'v':
		o->verbose = true;
		break;
	case OPT_KILL_AFTER:
		o->kill_after_ns = cli_duration("--kill-after", arg);
		break;
	case OPT_INHERIT:
		o->inherit = true;
		break;
	}
}

struct holder_text {
	const struct kquorum_status *st;
	const struct kquorum_lock_info *info;
	char text[300];
};

/* Who stands before us, in a line. */
static int describe_holder(const struct kquorum_resource *r, void *user)
{
	struct holder_text *h = user;
	const struct kquorum_claim *c = r->claims;
	unsigned int i, before = 0;
	char age[FORMAT_MAX];
	int n;

	if (!r->n_claims || !c[0].token)
		return 0;
	for (i = 1; i < r->n_claims; i++) {
		if (c[i].session == h->info->session && c[i].owner == h->info->owner)
			break;
		before++;
	}
	n = snprintf(h->text, sizeof(h->text), "held by %s for %s: pid %u (%s)",
		     node_name(h->st, c[0].node), format_duration(age, c[0].age_ns), c[0].pid,
		     c[0].comm);
	if (before)
		snprintf(h->text + n, sizeof(h->text) - n, ", %u more before this one", before);
	return 0;
}

static void explain_wait(struct kquorum *k, const struct lock_options *o,
			 const struct kquorum_lock_info *info)
{
	struct kquorum_status st;
	struct holder_text h = { .st = &st, .info = info };

	if (kquorum_status(k, &st) || wait_explain(&st, o->name))
		return;
	kquorum_resource_get(k, o->name, describe_holder, &h);
	cli_note("waiting for %s%s%s", o->name, h.text[0] ? ": " : "", h.text);
}

/* The wait is over without the lock: is it that nobody can grant, or that it is held? */
static int give_up(struct kquorum *k, const struct lock_options *o,
		   const struct kquorum_lock_info *info)
{
	char late[KQUORUM_RESOURCE_NAME_MAX + 32];
	struct kquorum_status st;
	struct holder_text h = { .st = &st, .info = info };
	int ret;

	if (kquorum_status(k, &st)) {
		cli_error("%s: %s", o->name, kquorum_error(k));
		return KQUORUM_EXIT_ERROR;
	}
	ret = wait_give_up(&st, o->name, "not granted in time");
	if (ret)
		return ret == KQUORUM_EXIT_BLOCKED ? o->conflict_code : ret;
	kquorum_resource_get(k, o->name, describe_holder, &h);
	snprintf(late, sizeof(late), "%s: not granted in time", o->name);
	if (h.text[0])
		cli_error_because(late, h.text);
	else
		cli_error("%s", late);
	return o->conflict_code;
}

static int refused(struct kquorum *k, const struct lock_options *o,
		   const struct kquorum_lock_info *info)
{
	struct kquorum_status st;
	struct holder_text h = { .st = &st, .info = info };

	switch (-info->error) {
	case EAGAIN:
		if (!kquorum_status(k, &st))
			kquorum_resource_get(k, o->name, describe_holder, &h);
		if (o->verbose || cli_progress_wanted())
			cli_error("%s is %s", o->name, h.text[0] ? h.text : "held");
		return o->conflict_code;
	case EBUSY:
		cli_error("%s: refused, too much is under way; try again", o->name);
		return KQUORUM_EXIT_BLOCKED;
	case ENOSPC:
		cli_error("%s: the log is full%s: kquorum status", o->name,
			  o->nonblock ? "" : ", and no room came in time");
		return KQUORUM_EXIT_ERROR;
	default:
		cli_error("%s: refused: %s", o->name, strerror(-info->error));
		return cli_exit_code(info->error);
	}
}

/*
 * Not to wait for others is not to wait for a quorum either. But an election is no reason to send
 * anyone home: one that goes well is over within two of its timeouts. @since: when it was first seen.
 */
static bool quorum_is_gone(const struct kquorum_status *st, uint64_t *since)
{
	if (st->quorum) {
		*since = KQUORUM_NEVER;
		return false;
	}
	if (*since == KQUORUM_NEVER)
		*since = now_ns();
	return now_ns() - *since >= 2 * (uint64_t)st->settings.election_ms * NS_PER_MS;
}

/*
 * Who waits for others waits for what passes by itself too: what is too busy has time soon, and a
 * log that is full has room once a snapshot is saved, if that can be.
 */
static bool passes(const struct lock_options *o, int error, uint64_t until)
{
	return (error == -EBUSY || error == -ENOSPC) && !o->nonblock && now_ns() < until;
}

/*
 * Waits for the outcome of @fd. 0: granted; -EAGAIN: ask again, for the session
 * ended and took the request with it, or what it was refused for passes; else an exit code.
 */
static int wait_granted(struct kquorum *k, const struct lock_options *o, int fd, uint64_t until,
			uint64_t *explain_at, struct kquorum_lock_info *info)
{
	uint64_t no_quorum_since = KQUORUM_NEVER;

	for (;;) {
		int ret = kquorum_lock_read(fd, info);
		struct pollfd p = { fd, POLLIN, 0 };
		struct kquorum_status st;
		uint64_t next;

		if (ret) {
			cli_error("%s: reading the lock: %s", o->name, strerror(-ret));
			return KQUORUM_EXIT_ERROR;
		}
		if (info->state == KQUORUM_LOCK_GRANTED)
			return 0;
		if (info->state == KQUORUM_LOCK_REFUSED)
			return passes(o, info->error, until) ? -EAGAIN : refused(k, o, info);
		if (info->state == KQUORUM_LOCK_UNKNOWN || info->state == KQUORUM_LOCK_LOST)
			return -EAGAIN;
		if (kquorum_status(k, &st) == -ENODEV ||
		    (o->nonblock && quorum_is_gone(&st, &no_quorum_since)))
			return give_up(k, o, info);
		if (now_ns() >= until)
			return give_up(k, o, info);
		if (now_ns() >= *explain_at) {
			explain_wait(k, o, info);
			*explain_at = now_ns() + 10 * NS_PER_SEC;
		}
		next = *explain_at < until ? *explain_at : until;
		if (poll(&p, 1, poll_ms(next, o->nonblock ? 100 : -1)) < 0 && errno != EINTR) {
			cli_error("%s: %s", o->name, strerror(errno));
			return KQUORUM_EXIT_ERROR;
		}
	}
}

/* A while before it is asked for again; @error: what it was refused for, 0: the session ended. */
static void pause_before_next(const struct lock_options *o, int error, uint64_t *explain_at)
{
	if (error && now_ns() >= *explain_at) {
		wait_explain_refused(o->name, error);
		*explain_at = now_ns() + 10 * NS_PER_SEC;
	}
	sleep_ms(error == -ENOSPC ? 200 : 50);
}

/* Who waits or holds is shown by the name of the process that asked: let it be the command's. */
static int open_as_command(struct kquorum *k, const struct lock_options *o, uint32_t flags)
{
	char own[16] = "";
	int fd;

	if (!*o->command)
		return kquorum_lock_open(k, o->name, flags);
	prctl(PR_GET_NAME, own);
	prctl(PR_SET_NAME, basename(*o->command));
	fd = kquorum_lock_open(k, o->name, flags);
	prctl(PR_SET_NAME, own);
	return fd;
}

/* Returns 0 and the descriptor, or an exit code. */
static int acquire(struct kquorum *k, const struct lock_options *o, int *fd,
		   struct kquorum_lock_info *info)
{
	uint64_t until = o->wait_ns == KQUORUM_NEVER ? KQUORUM_NEVER : now_ns() + o->wait_ns;
	uint64_t explain_at = cli_progress_wanted() ? now_ns() + NS_PER_SEC : KQUORUM_NEVER;
	uint32_t flags = (o->nonblock ? KQUORUM_LOCK_TRY : 0) | (o->inherit ? 0 : KQUORUM_LOCK_CLOEXEC);
	int ret;

	for (;;) {
		*fd = open_as_command(k, o, flags);
		if (passes(o, *fd, until)) {
			pause_before_next(o, *fd, &explain_at);
			continue;
		}
		if (*fd < 0) {
			cli_error("%s: %s", o->name, kquorum_error(k));
			return cli_exit_code(*fd);
		}
		ret = wait_granted(k, o, *fd, until, &explain_at, info);
		if (!ret)
			return 0;
		close(*fd);
		if (ret != -EAGAIN)
			return ret;
		/* A session that has ended holds nothing: to ask again cannot take it twice. */
		pause_before_next(o, info->state == KQUORUM_LOCK_REFUSED ? info->error : 0, &explain_at);
	}
}

static int hold(struct kquorum *k, const struct lock_options *o)
{
	struct kquorum_lock_info info;
	int fd, ret;

	ret = acquire(k, o, &fd, &info);
	if (ret)
		return ret;
	if (o->verbose)
		cli_note("%s: granted, token %llu", o->name, info.token);
	ret = *o->command ? lock_run_command(o, fd, &info) : lock_hold(o, fd, &info);
	close(fd);
	return ret;
}

static int run(int argc, char **argv)
{
	struct lock_options o = {
		.wait_ns = KQUORUM_NEVER,
		.conflict_code = KQUORUM_EXIT_BLOCKED,
		.kill_after_ns = 2 * NS_PER_SEC,
	};
	int at = cli_parse(argc, argv, take, &o), ret;
	struct kquorum *k;

	if (at >= argc)
		cli_usage_error("the lock's NAME is needed");
	if (!o.wait_ns) {
		/* As flock(1) has it: to wait for no time is to try, not to give up unanswered. */
		o.nonblock = true;
		o.wait_ns = KQUORUM_NEVER;
	}
	o.name = cli_resource_name(argv[at]);
	o.command = argv + at + 1;
	if (*o.command && !strcmp(*o.command, "--"))
		o.command++;
	else if (*o.command && **o.command == '-')
		cli_usage_error("\"%s\": options come before the lock's name, the command after --", *o.command);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = hold(k, &o);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_lock = {
	.name = "lock",
	.synopsis = "[-n] [-w TIME] [OPTION]... NAME [-- COMMAND...]",
	.summary = "hold a lock while COMMAND runs, like flock(1)",
	.details = "COMMAND finds the fencing token in KQUORUM_TOKEN and the name in KQUORUM_RESOURCE; its exit\n"
		   "status is handed on. When the lock is lost, COMMAND's process group gets SIGTERM, then\n"
		   "SIGKILL, and the exit status is 70. Without COMMAND the token is printed and the lock held\n"
		   "until the standard input ends, or SIGINT or SIGTERM comes.\n"
		   "Exit: 75 when held (-n) or not granted in time (-w), 69 when there was no quorum to ask (-n\n"
		   "lets an election pass: two of its timeouts).\n"
		   "A node whose session ran out gets no lock, with -n too, until a new session has begun, up to\n"
		   "lease + 2 Delta (10.5s) later; on a terminal it says so. A log that is full is waited for like\n"
		   "a holder; -n is refused: exit 1.\n"
		   "A lock alone stops nobody who was frozen meanwhile: check the token (kquorum fence).\n",
	.options = options,
	.json = true,
	.posix = true,
	.run = run,
};
