// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum resource create, set and delete: what a resource is. Each is one entry of the log; its
 * outcome is waited for, and what is refused at once but may pass is asked again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "resource.h"

enum { OPT_MAX_WAITERS = 256 };

static const struct cli_option set_options[] = {
	{ 'k', "units", "N", "how many there are of it, 1 to 2^31" },
	{ OPT_MAX_WAITERS, "max-waiters", "N", "how many may wait for it; 0: any number" },
	{ 'w', "wait", "TIME", "how long to wait for the outcome (default 10s)" },
	{ 0 },
};

static const struct cli_option delete_options[] = {
	{ 'w', "wait", "TIME", "how long to wait for the outcome (default 10s)" },
	{ 0 },
};

struct job {
	struct kquorum *k;
	bool deletes;
	struct kquorum_resource_request request;
	const char *done;		/* how it is called when it has come about */
	uint64_t wait_ns;
	uint64_t until, explain_at;
	char quoted[4 * KQUORUM_RESOURCE_NAME_MAX + 3];	/* the name, for a shell */
};

static void take(int key, const char *arg, void *user)
{
	struct job *j = user;

	switch (key) {
	case 'k':
		j->request.units = cli_number("--units", arg, 1, KQUORUM_UNITS_MAX);
		break;
	case OPT_MAX_WAITERS:
		j->request.max_waiters = cli_number("--max-waiters", arg, 0, UINT32_MAX);
		j->request.has_max_waiters = true;
		break;
	case 'w':
		j->wait_ns = cli_duration("--wait", arg);
		break;
	}
}

/* --- waiting for the outcome ---------------------------------------------------------------- */

static void explain(struct job *j)
{
	struct kquorum_status st;

	if (now_ns() < j->explain_at)
		return;
	if (!kquorum_status(j->k, &st))
		wait_explain(&st, j->request.name);
	j->explain_at = now_ns() + 10 * NS_PER_SEC;
}

/* 0: @r is it; -ETIMEDOUT; -EHOSTDOWN: the node went down; another errno: it cannot be read. */
static int wait_outcome(struct job *j, int fd, struct kquorum_append_result *r)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t got = read(fd, r, sizeof(*r));

		if (got >= 0)
			return got == sizeof(*r) ? 0 : -EHOSTDOWN;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_ns() >= j->until)
			return -ETIMEDOUT;
		explain(j);
		poll(&p, 1, poll_ms(j->explain_at < j->until ? j->explain_at : j->until, -1));
	}
}

/*
 * Not in the log: is it to be tried once more, a little later? What is too busy has time soon, and a
 * log that is full has room once a snapshot is saved. What is in the log, with an index, was decided.
 */
static bool passes(const struct job *j, int error, uint64_t index)
{
	return (error == -EBUSY || error == -ENOSPC) && !index && now_ns() < j->until;
}

static void pause_before_next(struct job *j, int error)
{
	if (now_ns() >= j->explain_at) {
		wait_explain_refused(j->request.name, error);
		j->explain_at = now_ns() + 10 * NS_PER_SEC;
	}
	sleep_ms(error == -ENOSPC ? 200 : 50);
}

/* --- what became of it ---------------------------------------------------------------------- */

static int describe(const struct kquorum_resource *r, void *user)
{
	char *what = user;

	resource_describe(r, what, 160);
	return 0;
}

static int note_overbooked(const struct kquorum_resource *r, void *user)
{
	(void)user;
	if (r->in_use > r->units)
		cli_note("more are in use, and who holds them keeps them:\n"
			 "  nothing is granted until %" PRIu64 " of %" PRIu64 " are given back",
			 r->in_use - r->units, r->in_use);
	return 0;
}

static int report(struct job *j, const struct kquorum_append_result *r)
{
	const char *name = j->request.name;
	char what[160] = "";
	cJSON *o;

	if (cli.json) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "resource", name);
		cJSON_AddStringToObject(o, "outcome", j->done);
		json_u64(o, "index", r->index);
		json_u64(o, "term", r->term);
		json_print(o, false);
		return KQUORUM_EXIT_DONE;
	}
	if (!j->deletes)
		kquorum_resource_get(j->k, name, describe, what);
	printf("%s: %s%s%s\n", name, j->done, *what ? ": " : "", what);
	if (!j->deletes && j->request.units)
		kquorum_resource_get(j->k, name, note_overbooked, NULL);
	return KQUORUM_EXIT_DONE;
}

struct user {
	struct kquorum_status st;
	char held[300];
};

static int take_user(const struct kquorum_resource *r, void *user)
{
	struct user *u = user;

	resource_held_by(r, &u->st, u->held, sizeof(u->held));
	return 0;
}

static int in_use(struct job *j)
{
	struct user u = { .held = "" };

	if (!kquorum_status(j->k, &u.st))
		kquorum_resource_get(j->k, j->request.name, take_user, &u);
	cli_error("%s is in use%s%s: it stays as it is\n  kquorum resource show %s", j->request.name,
		  u.held[0] ? ", " : "", u.held, j->quoted);
	return KQUORUM_EXIT_ERROR;
}

static int exists(struct job *j)
{
	char what[160] = "";

	kquorum_resource_get(j->k, j->request.name, describe, what);
	cli_error("%s exists already%s%s\n  to change it: kquorum resource set %s", j->request.name,
		  *what ? ": " : "", what, j->quoted);
	return KQUORUM_EXIT_ERROR;
}

static int not_found(const struct job *j)
{
	if (j->deletes)
		cli_error("%s is not defined: there is nothing to be deleted", j->request.name);
	else
		cli_error("%s is not defined: kquorum resource create %s", j->request.name, j->quoted);
	return KQUORUM_EXIT_NOT_FOUND;
}

static int late(struct job *j)
{
	struct kquorum_status st;
	int ret = kquorum_status(j->k, &st) ? 0 :
		wait_give_up(&st, j->request.name, "no outcome in time");

	if (!ret)
		cli_error("%s: no outcome in time", j->request.name);
	cli_note("it may come about still: kquorum resource show %s", j->quoted);
	return ret ? ret : KQUORUM_EXIT_BLOCKED;
}

/* @index: 0: it is not in the log, or that is not known. */
static int fail(struct job *j, int error, uint64_t index)
{
	const char *name = j->request.name;

	switch (-error) {
	case EEXIST:
		return exists(j);
	case ENOENT:
		return not_found(j);
	case ETIMEDOUT:
		return late(j);
	case EHOSTDOWN:
		cli_error("%s: the outcome is unknown: kquorum resource show %s", name, j->quoted);
		return KQUORUM_EXIT_ERROR;
	case ENFILE:
		cli_error("%s: in the whole cluster no more resources can be defined", name);
		return KQUORUM_EXIT_ERROR;
	case ENOSPC:
		cli_error("%s: the log is full, and no room came in time: kquorum status", name);
		return KQUORUM_EXIT_ERROR;
	case EBUSY:
		if (index)
			return in_use(j);
		cli_error("%s: too much is under way; try again", name);
		return KQUORUM_EXIT_BLOCKED;
	default:
		cli_error("%s: %s", name, strerror(-error));
		return cli_exit_code(error);
	}
}

static int carry_out(struct job *j)
{
	for (;;) {
		struct kquorum_append_result r = { 0 };
		int fd = j->deletes ? kquorum_resource_delete(j->k, j->request.name) :
			kquorum_resource_set(j->k, &j->request);
		int ret = fd < 0 ? fd : wait_outcome(j, fd, &r);

		if (fd >= 0)
			close(fd);
		if (!ret)
			ret = r.error;
		if (!ret)
			return report(j, &r);
		if (passes(j, ret, r.index)) {
			pause_before_next(j, ret);
			continue;
		}
		/* What is refused at once the library has words for. */
		if (fd >= 0 || ret == -ENOSPC)
			return fail(j, ret, r.index);
		cli_error("%s: %s", j->request.name, kquorum_error(j->k));
		return cli_exit_code(ret);
	}
}

/* --- the commands --------------------------------------------------------------------------- */

static int run(struct job *j, int argc, char **argv)
{
	int at = cli_parse(argc, argv, take, j), ret;

	if (at == argc)
		cli_usage_error("the resource's NAME is needed");
	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	j->request.name = cli_resource_name(argv[at]);
	shell_quote(j->quoted, sizeof(j->quoted), j->request.name);
	if (!j->deletes && !j->request.units && !j->request.has_max_waiters)
		cli_usage_error("what is to be set? --units N or --max-waiters N");
	ret = cli_open(&j->k);
	if (ret)
		return ret;
	j->until = now_ns() + j->wait_ns;
	j->explain_at = cli_progress_wanted() ? now_ns() + NS_PER_SEC : KQUORUM_NEVER;
	ret = carry_out(j);
	kquorum_close(j->k);
	return ret;
}

static int run_create(int argc, char **argv)
{
	struct job j = {
		.request = { .create = true, .units = 1 }, .done = "created", .wait_ns = 10 * NS_PER_SEC,
	};

	return run(&j, argc, argv);
}

static int run_set(int argc, char **argv)
{
	struct job j = { .done = "changed", .wait_ns = 10 * NS_PER_SEC };

	return run(&j, argc, argv);
}

static int run_delete(int argc, char **argv)
{
	struct job j = { .deletes = true, .done = "deleted", .wait_ns = 10 * NS_PER_SEC };

	return run(&j, argc, argv);
}

#define EXIT_DETAILS \
	"Exit: 69 without a quorum, 75 when there is no outcome in time otherwise; it may come about later\n" \
	"then, and kquorum resource show tells.\n"

const struct cli_command command_resource_create = {
	.name = "resource create",
	.synopsis = "NAME [--units N] [--max-waiters N] [--wait TIME]",
	.summary = "make a resource with so many units",
	.details = "One unit, and any number that may wait, unless it is said. Who holds NAME already as a lock\n"
		   "that nothing was said of keeps it. Of at most 256 units each has a number, from 0 on: two\n"
		   "holders never have the same. Exit: 1 when it exists.\n" EXIT_DETAILS
		   "  kquorum resource create gpu --units 4; kquorum lock -k 2 gpu -- ./train\n",
	.options = set_options,
	.json = true,
	.run = run_create,
};

const struct cli_command command_resource_set = {
	.name = "resource set",
	.synopsis = "NAME [--units N] [--max-waiters N] [--wait TIME]",
	.summary = "change how many units a resource has, or how many may wait",
	.details = "What is not named stays. Fewer units than are in use take nothing from anybody: nothing is\n"
		   "granted until enough are given back. Who waits for more than there are from now on is\n"
		   "refused. Who waits goes on waiting when fewer may. Exit: 66 when it was not created.\n"
		   EXIT_DETAILS,
	.options = set_options,
	.json = true,
	.run = run_set,
};

const struct cli_command command_resource_delete = {
	.name = "resource delete",
	.synopsis = "NAME [--wait TIME]",
	.summary = "unmake a resource that nobody uses",
	.details = "From then on NAME is a lock of one unit, that nothing was said of. Exit: 66 when it was not\n"
		   "created, 1 when somebody holds it or waits for it.\n" EXIT_DETAILS,
	.options = delete_options,
	.json = true,
	.run = run_delete,
};
