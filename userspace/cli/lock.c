// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum lock: hold a lock while a command runs, or until told to let go.
 *
 * The lock is a descriptor of this process; the kernel releases it when the
 * process ends in whatever way. The command therefore dies with it (parent-death
 * signal), unless it inherits the descriptor. When the lease is about to end, the
 * module signals the command by itself (loss.c).
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli.h"
#include "lock.h"

enum { OPT_INHERIT = 256, OPT_KILL_AFTER, OPT_INFO, OPT_ON_LOSS, OPT_TTL, OPT_MAX_HOLD, OPT_RENEW };

static const struct cli_option options[] = {
	{ 'x', "exclusive", NULL, "all of it, so that nobody else has any (default)" },
	{ 's', "shared", NULL, "a share of it, along with others that share it" },
	{ 'k', "units", "N", "N of its units, beside others: kquorum resource create" },
	{ OPT_INFO, "info", "TEXT", "what for, up to 63 bytes: kquorum resource show tells it" },
	{ 'n', "nonblock", NULL, "fail instead of waiting when it cannot be had at once" },
	{ 'w', "wait", "TIME", "give up after this time; 0 is the same as -n" },
	{ 'E', "conflict-exit-code", "CODE", "exit with CODE in place of 75: held (-n) or not granted in time (-w)" },
	{ OPT_TTL, "ttl", "TIME", "lost when not renewed for TIME (default: the resource's --lease)" },
	{ OPT_RENEW, "renew", "WHO", "auto (default): kquorum renews it; none: COMMAND, by kquorum renew" },
	{ OPT_MAX_HOLD, "max-hold", "TIME", "lost after TIME (the resource's --max-hold bounds it)" },
	{ OPT_ON_LOSS, "on-loss", "WHAT", "before it is lost: term, kill, signal:N, ignore (default term)" },
	{ OPT_KILL_AFTER, "kill-after", "TIME", "from that signal to SIGKILL (default 2s, less in a short lease)" },
	{ 'o', "close", NULL, "do not hand the lock's descriptor on to COMMAND (default)" },
	{ OPT_INHERIT, "inherit", NULL, "hand the lock's descriptor on: held until its last copy closes" },
	{ 'v', "verbose", NULL, "say when it is granted" },
	{ 0 },
};

static const char *info_text(const char *arg)
{
	size_t n = strlen(arg), i;

	if (n > KQUORUM_INFO_MAX)
		cli_usage_error("--info: at most %d bytes, not %zu", KQUORUM_INFO_MAX, n);
	for (i = 0; i < n; i++)
		if (iscntrl((unsigned char)arg[i]))
			cli_usage_error("--info: no control characters");
	return arg;
}

/* Is it the command that renews? */
static bool renews(const char *arg)
{
	if (strcmp(arg, "auto") && strcmp(arg, "none"))
		cli_usage_error("--renew: \"%s\" is not auto or none", arg);
	return !strcmp(arg, "none");
}

static void take(int key, const char *arg, void *user)
{
	struct lock_options *o = user;

	switch (key) {
	case 'x':
		o->exclusive = true;
		break;
	case 's':
		o->shared = true;
		break;
	case 'k':
		o->units = cli_number("--units", arg, 1, KQUORUM_UNITS_MAX);
		break;
	case OPT_INFO:
		o->info = info_text(arg);
		break;
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
	case OPT_ON_LOSS:
		loss_parse(o, arg);
		break;
	case OPT_KILL_AFTER:
		o->kill_after_ns = cli_duration("--kill-after", arg);
		break;
	case 'o':
		o->close = true;
		break;
	case OPT_INHERIT:
		o->inherit = true;
		break;
	case OPT_TTL:
		o->ttl_ms = cli_grant_ms("--ttl", arg, false);
		break;
	case OPT_MAX_HOLD:
		o->hold_ms = cli_grant_ms("--max-hold", arg, false);
		break;
	case OPT_RENEW:
		o->command_renews = renews(arg);
		break;
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
 * A lease that ends so soon that the command would be stopped as soon as it is started: a moment later
 * it is renewed, or lost.
 */
static bool is_too_short(const struct kquorum_lock_info *info, const struct loss_plan *plan)
{
	return info->left_ns <= loss_first_ms(plan) * NS_PER_MS;
}

/*
 * May the command begin? 0: yes, or there is none; -EAGAIN: not yet; else an exit code. @st: as of now:
 * the settings may have changed while it was waited for.
 */
static int may_begin(struct kquorum *k, const struct lock_options *o,
		     const struct kquorum_lock_info *info, struct kquorum_status *st)
{
	struct loss_plan plan;
	int ret;

	if (!*o->command)
		return 0;
	ret = kquorum_status(k, st);
	if (ret) {
		cli_error("%s: %s: %s is not run", o->name, kquorum_error(k), *o->command);
		return cli_exit_code(ret);
	}
	plan = loss_plan(o, loss_span_granted(st, info).ms);
	return is_too_short(info, &plan) ? -EAGAIN : 0;
}

/*
 * The command, or whoever waits for the token, begins with all of its time to live: this process may
 * have learnt of the grant late.
 */
static int renew_first(int fd, struct kquorum_lock_info *info)
{
	if (info->state != KQUORUM_LOCK_GRANTED || info->renew_left_ns == KQUORUM_NEVER)
		return 0;
	/* When that is too late, what is read says why. */
	kquorum_lock_renew(fd, info->token);
	return kquorum_lock_read(fd, info);
}

/*
 * Waits for the outcome of @fd. 0: granted, with @st as of then where there is a command; -EAGAIN: ask again, for the session
 * ended and took the request with it, or what it was refused for passes; else an exit code.
 */
static int wait_granted(struct kquorum *k, const struct lock_options *o, int fd, uint64_t until,
			uint64_t *explain_at, struct kquorum_lock_info *info,
			struct kquorum_status *st)
{
	uint64_t no_quorum_since = KQUORUM_NEVER;

	for (;;) {
		int ret = kquorum_lock_read(fd, info);
		struct pollfd p = { fd, POLLIN, 0 };
		uint64_t next;

		if (!ret)
			ret = renew_first(fd, info);
		if (ret) {
			cli_error("%s: reading the lock: %s", o->name, strerror(-ret));
			return KQUORUM_EXIT_ERROR;
		}
		if (info->state == KQUORUM_LOCK_GRANTED) {
			ret = may_begin(k, o, info, st);
			if (ret != -EAGAIN)
				return ret;
			sleep_ms(20);
			continue;
		}
		if (info->state == KQUORUM_LOCK_REFUSED)
			return passes(o, info->error, until) ? -EAGAIN : lock_refused(k, o, info);
		if (info->state == KQUORUM_LOCK_LOST && info->error == -ECANCELED)
			return lock_refused(k, o, info);
		if (info->state == KQUORUM_LOCK_UNKNOWN || info->state == KQUORUM_LOCK_LOST)
			return -EAGAIN;
		if (kquorum_status(k, st) == -ENODEV ||
		    (o->nonblock && quorum_is_gone(st, &no_quorum_since)))
			return lock_give_up(k, o, info);
		if (now_ns() >= until)
			return lock_give_up(k, o, info);
		if (now_ns() >= *explain_at) {
			lock_explain_wait(k, o, info);
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
static int open_as_command(struct kquorum *k, const struct lock_options *o)
{
	const struct kquorum_lock_request request = {
		.resource = o->name, .units = o->units, .info = o->info,
		.flags = (o->nonblock ? KQUORUM_LOCK_TRY : 0) | (o->shared ? KQUORUM_LOCK_SHARED : 0) |
			(o->inherit ? 0 : KQUORUM_LOCK_CLOEXEC),
		.ttl_ms = o->ttl_ms, .hold_ms = o->hold_ms,
	};
	char own[16] = "";
	int fd;

	if (!*o->command)
		return kquorum_lock_open(k, &request);
	prctl(PR_GET_NAME, own);
	prctl(PR_SET_NAME, basename(*o->command));
	fd = kquorum_lock_open(k, &request);
	prctl(PR_SET_NAME, own);
	return fd;
}

/* Returns 0 and the descriptor, or an exit code. @st: as of wait_granted(). */
static int acquire(struct kquorum *k, const struct lock_options *o, int *fd,
		   struct kquorum_lock_info *info, struct kquorum_status *st)
{
	uint64_t until = o->wait_ns == KQUORUM_NEVER ? KQUORUM_NEVER : now_ns() + o->wait_ns;
	uint64_t explain_at = cli_progress_wanted() ? now_ns() + NS_PER_SEC : KQUORUM_NEVER;
	int ret;

	for (;;) {
		*fd = open_as_command(k, o);
		if (passes(o, *fd, until)) {
			pause_before_next(o, *fd, &explain_at);
			continue;
		}
		if (*fd == -EACCES)
			return lock_denied(k, o);
		if (*fd < 0) {
			cli_error("%s: %s", o->name, kquorum_error(k));
			return cli_exit_code(*fd);
		}
		ret = wait_granted(k, o, *fd, until, &explain_at, info, st);
		if (!ret)
			return 0;
		close(*fd);
		if (ret != -EAGAIN)
			return ret;
		/* A session that has ended holds nothing: to ask again cannot take it twice. */
		pause_before_next(o, info->state == KQUORUM_LOCK_REFUSED ? info->error : 0, &explain_at);
	}
}

/* What was said of the resource, for the margins that were asked for have to fit into it. */
static int take_times(const struct kquorum_resource *r, void *user)
{
	uint32_t *times = user;

	times[0] = r->ttl_ms;
	times[1] = r->hold_ms;
	return 0;
}

static void check_margins(struct kquorum *k, const struct kquorum_status *st, const struct lock_options *o)
{
	uint32_t times[2] = { 0, 0 }, hold = o->hold_ms;

	if (o->kill_after_ns == KQUORUM_NEVER)
		return;
	kquorum_resource_get(k, o->name, take_times, times);
	if (times[1] && (!hold || times[1] < hold))
		hold = times[1];
	loss_check_span(o, loss_span(st, o->ttl_ms ? o->ttl_ms : times[0], hold));
}

static int hold(struct kquorum *k, const struct lock_options *o)
{
	struct kquorum_lock_info info;
	struct kquorum_status st;
	struct loss_plan plan;
	char what[CLAIM_WHAT_MAX];
	int fd, ret;

	/* Without a node it is the request that says so. */
	if (!kquorum_status(k, &st)) {
		check_margins(k, &st, o);
		ret = held_refuse(k, &st, o);
		if (ret)
			return ret;
	}
	ret = acquire(k, o, &fd, &info, &st);
	if (ret)
		return ret;
	if (o->verbose)
		cli_note("%s: granted, token %llu%s%s", o->name, info.token,
			 info.mode == KQUORUM_CLAIM_EXCLUSIVE ? "" : ", ",
			 info.mode == KQUORUM_CLAIM_EXCLUSIVE ? "" :
			 claim_what(what, info.mode, info.units, info.numbers));
	if (*o->command) {
		plan = loss_plan(o, loss_span_granted(&st, &info).ms);
		held_add(&st, o, &info);
		ret = lock_run_command(o, fd, &info, &plan);
	} else {
		ret = lock_hold(o, fd, &info);
	}
	close(fd);
	return ret;
}

static void check_kind(const struct lock_options *o)
{
	if (o->shared && o->exclusive)
		cli_usage_error("-s is a share of it, -x all of it: one or the other");
	if (o->units && o->exclusive)
		cli_usage_error("-k is so many units, -x all of them: one or the other");
	if (o->units && o->shared)
		cli_usage_error("-k is so many units, -s a share of all of them: one or the other");
	if (o->close && o->inherit)
		cli_usage_error("--close keeps the descriptor from COMMAND, --inherit hands it on: one or the other");
}

/* As with flock(1), whose -c comes behind the lock: one word, for the shell. */
static char **shell_command(char **words)
{
	static char *command[] = { "/bin/sh", "-c", NULL, NULL };

	if (!words[1] || words[2])
		cli_usage_error("-c takes one word, for /bin/sh");
	command[2] = words[1];
	return command;
}

static int run(int argc, char **argv)
{
	struct lock_options o = {
		.wait_ns = KQUORUM_NEVER,
		.conflict_code = KQUORUM_EXIT_BLOCKED,
		.kill_after_ns = KQUORUM_NEVER,
	};
	int at = cli_parse(argc, argv, take, &o), ret;
	struct kquorum *k;

	check_kind(&o);
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
	else if (*o.command && (!strcmp(*o.command, "-c") || !strcmp(*o.command, "--command")))
		o.command = shell_command(o.command);
	else if (*o.command && **o.command == '-')
		cli_usage_error("\"%s\": options come before the lock's name, the command after --", *o.command);
	if (o.command_renews && !*o.command)
		cli_usage_error("--renew=none: it is COMMAND that renews it: there is none");
	loss_check(&o);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = hold(k, &o);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_lock = {
	.name = "lock",
	.synopsis = "[-x | -s | -k N] [-n | -w TIME] [OPTION]... NAME [-c COMMAND | -- COMMAND...]",
	.summary = "hold a lock while COMMAND runs, like flock(1)",
	.details = "NAME is held by one at a time, unless they share it (-s), or it was made with several units\n"
		   "(kquorum resource create) and each takes some of them (-k). Who asked first gets it first.\n"
		   "COMMAND finds the fencing token in KQUORUM_TOKEN, the name in KQUORUM_RESOURCE, and with -k\n"
		   "the numbers of its units (\"0,3\"; of at most 256 each has one) in KQUORUM_UNITS; its exit\n"
		   "status is handed on. Before the lock is lost COMMAND's process group gets SIGTERM, then\n"
		   "SIGKILL, from the module itself, and the exit status is 70: when no quorum renews the node's\n"
		   "lease, when it is not renewed for --ttl, after --max-hold, or when an operator takes it\n"
		   "(kquorum resource release: SIGTERM at once); which of them is said. --on-loss=kill is SIGKILL\n"
		   "only; signal:N (signal:USR1, signal:10) another signal first; ignore: nobody tells COMMAND, it\n"
		   "runs on beside the next holder, and only the token protects what it writes to.\n"
		   "With --ttl kquorum renews it, each third of TIME: who stops kquorum (Ctrl-Z) loses it. A\n"
		   "COMMAND that may hang renews by itself: --renew=none, and kquorum renew in it.\n"
		   "-c: COMMAND is one word, for /bin/sh.\n"
		   "Without COMMAND the token is printed and the lock held until the standard input ends, or\n"
		   "SIGINT or SIGTERM comes.\n"
		   "Exit: 75 when held (-n), not granted in time (-w), or as many wait as may; 69 when there was no\n"
		   "quorum to ask (-n lets an election pass: two of its timeouts); 77 when its owner, group and\n"
		   "mode do not let this user (kquorum resource show); 1 when it has fewer units, or an operator\n"
		   "ended the wait.\n"
		   "A node whose session ran out gets no lock, with -n too, until a new session has begun, up to\n"
		   "lease + 2 Delta (10.5s) later; on a terminal it says so. A log that is full is waited for like\n"
		   "a holder; -n is refused: exit 1. So is, at once, what a command asks for that it runs under.\n"
		   "A lock alone stops nobody who was frozen meanwhile: check the token (kquorum fence).\n"
		   "In cron on each machine, so that one of them runs it; held until clocks that differ are past:\n"
		   "  kquorum lock -n -E 0 nightly -- sh -c './nightly; code=$?; sleep 60; exit $code'\n",
	.options = options,
	.json = true,
	.posix = true,
	.run = run,
};
