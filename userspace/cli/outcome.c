// SPDX-License-Identifier: GPL-2.0
/*
 * A command that the log has to take, as for a resource: its outcome is waited for, and what is refused
 * at once but may pass is asked for again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "resource.h"

int outcome_begin(struct outcome *o, const char *name)
{
	o->name = name;
	shell_quote(o->quoted, sizeof(o->quoted), name);
	o->until = now_ns() + o->wait_ns;
	o->explain_at = cli_progress_wanted() ? now_ns() + NS_PER_SEC : KQUORUM_NEVER;
	return cli_open(&o->k);
}

static void explain(struct outcome *o)
{
	struct kquorum_status st;

	if (now_ns() < o->explain_at)
		return;
	if (!kquorum_status(o->k, &st))
		wait_explain(&st, o->name);
	o->explain_at = now_ns() + 10 * NS_PER_SEC;
}

/* 0: it is in @o; -ETIMEDOUT; -EHOSTDOWN: the node went down; another errno: it cannot be read. */
static int wait_for(struct outcome *o, int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t got = read(fd, &o->r, sizeof(o->r));

		if (got >= 0)
			return got == sizeof(o->r) ? 0 : -EHOSTDOWN;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_ns() >= o->until)
			return -ETIMEDOUT;
		explain(o);
		poll(&p, 1, poll_ms(o->explain_at < o->until ? o->explain_at : o->until, -1));
	}
}

/*
 * Not in the log: is it to be tried once more, a little later? What is too busy has time soon, and a
 * log that is full has room once a snapshot is saved. What is in the log, with an index, was decided.
 */
static bool passes(const struct outcome *o, int error)
{
	return (error == -EBUSY || error == -ENOSPC) && !o->r.index && now_ns() < o->until;
}

static void pause_before_next(struct outcome *o, int error)
{
	if (now_ns() >= o->explain_at) {
		wait_explain_refused(o->name, error);
		o->explain_at = now_ns() + 10 * NS_PER_SEC;
	}
	sleep_ms(error == -ENOSPC ? 200 : 50);
}

int outcome_of(struct outcome *o, int (*ask)(struct kquorum *k, const void *request), const void *request)
{
	for (;;) {
		int fd, ret;

		memset(&o->r, 0, sizeof(o->r));
		fd = ask(o->k, request);
		ret = fd < 0 ? fd : wait_for(o, fd);
		if (fd >= 0)
			close(fd);
		o->asked = fd >= 0;
		if (!ret)
			ret = o->r.error;
		if (!ret || !passes(o, ret))
			return ret;
		pause_before_next(o, ret);
	}
}

static int late(struct outcome *o)
{
	struct kquorum_status st;
	int ret = kquorum_status(o->k, &st) ? 0 : wait_give_up(&st, o->name, "no outcome in time");

	if (!ret)
		cli_error("%s: no outcome in time", o->name);
	cli_note("it may come about still: kquorum resource show %s", o->quoted);
	return ret ? ret : KQUORUM_EXIT_BLOCKED;
}

int outcome_failed(struct outcome *o, int error)
{
	/* What is refused at once the library has words for. */
	if (!o->asked && error != -ENOSPC) {
		cli_error("%s: %s", o->name, kquorum_error(o->k));
		return cli_exit_code(error);
	}
	switch (-error) {
	case ETIMEDOUT:
		return late(o);
	case EHOSTDOWN:
		cli_error("%s: the outcome is unknown: kquorum resource show %s", o->name, o->quoted);
		return KQUORUM_EXIT_ERROR;
	case ENOSPC:
		cli_error("%s: the log is full, and no room came in time: kquorum status", o->name);
		return KQUORUM_EXIT_ERROR;
	case EBUSY:
		cli_error("%s: too much is under way; try again", o->name);
		return KQUORUM_EXIT_BLOCKED;
	default:
		cli_error("%s: %s", o->name, strerror(-error));
		return cli_exit_code(error);
	}
}
