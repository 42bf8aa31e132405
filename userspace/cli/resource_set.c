// SPDX-License-Identifier: GPL-2.0
/* kquorum resource create, set and delete: what a resource is. Each is one entry of the log. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "resource.h"

enum {
	OPT_MAX_WAITERS = 256, OPT_LEASE, OPT_MAX_HOLD, OPT_OWNER, OPT_GROUP, OPT_MODE, OPT_FENCED,
	OPT_NO_FENCED,
};

#define TERMS \
	{ 'k', "units", "N", "how many there are of it, 1 to 2^31" }, \
	{ OPT_MAX_WAITERS, "max-waiters", "N", "how many may wait for it; 0: any number" }, \
	{ OPT_LEASE, "lease", "TIME", "who holds it loses it when it is not renewed for TIME; 0: need not be" }, \
	{ OPT_MAX_HOLD, "max-hold", "TIME", "nobody holds it for longer; 0: as long as one likes" }, \
	{ OPT_OWNER, "owner", "USER", "whose it is, by name or number" }, \
	{ OPT_GROUP, "group", "GROUP", "its group, by name or number" }, \
	{ OPT_MODE, "mode", "MODE", "who may lock it, as of a file (0660): r a share, w all the rest" }, \
	{ OPT_FENCED, "fenced", NULL, "its users check tokens: a holder can be made to give it back early" }

#define WAIT \
	{ 'w', "wait", "TIME", "how long to wait for the outcome (default 10s)" }

static const struct cli_option create_options[] = { TERMS, WAIT, { 0 } };
static const struct cli_option set_options[] = {
	TERMS,
	{ OPT_NO_FENCED, "no-fenced", NULL, "they do not" },
	WAIT,
	{ 0 },
};
static const struct cli_option delete_options[] = { WAIT, { 0 } };

struct job {
	struct outcome o;
	bool deletes;
	struct kquorum_resource_request request;
	const char *done;		/* how it is called when it has come about */
};

static void take(int key, const char *arg, void *user)
{
	struct job *j = user;
	struct kquorum_resource_request *r = &j->request;

	switch (key) {
	case 'k':
		r->units = cli_number("--units", arg, 1, KQUORUM_UNITS_MAX);
		break;
	case OPT_MAX_WAITERS:
		r->max_waiters = cli_number("--max-waiters", arg, 0, UINT32_MAX);
		r->has_max_waiters = true;
		break;
	case OPT_LEASE:
		r->ttl_ms = cli_grant_ms("--lease", arg, true);
		r->has_ttl = true;
		break;
	case OPT_MAX_HOLD:
		r->hold_ms = cli_grant_ms("--max-hold", arg, true);
		r->has_hold = true;
		break;
	case OPT_OWNER:
		r->uid = resource_user(arg);
		r->has_uid = true;
		break;
	case OPT_GROUP:
		r->gid = resource_group(arg);
		r->has_gid = true;
		break;
	case OPT_MODE:
		r->mode = resource_mode(arg);
		r->has_mode = true;
		break;
	case OPT_FENCED:
	case OPT_NO_FENCED:
		if (r->has_fenced && r->fenced != (key == OPT_FENCED))
			cli_usage_error("--fenced or --no-fenced: one or the other");
		r->fenced = key == OPT_FENCED;
		r->has_fenced = true;
		break;
	case 'w':
		j->o.wait_ns = cli_duration("--wait", arg);
		break;
	}
}

/* --- what became of it ---------------------------------------------------------------------- */

/* On the line of what was done stands how many there are, below it the rest. */
static int describe(const struct kquorum_resource *r, void *user)
{
	char *what = user, terms[RESOURCE_TEXT_MAX];

	resource_describe(r, what, RESOURCE_TEXT_MAX);
	resource_terms(r, terms, sizeof(terms));
	terms[*terms ? strlen(terms) - 1 : 0] = '\0';
	if (*terms)
		snprintf(what + strlen(what), RESOURCE_TEXT_MAX - strlen(what), "\n%s", terms);
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

static int report(struct job *j)
{
	const char *name = j->o.name;
	char what[RESOURCE_TEXT_MAX] = "";
	cJSON *o;

	if (cli.json) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "resource", name);
		cJSON_AddStringToObject(o, "outcome", j->done);
		json_u64(o, "index", j->o.r.index);
		json_u64(o, "term", j->o.r.term);
		json_print(o, false);
		return KQUORUM_EXIT_DONE;
	}
	if (!j->deletes)
		kquorum_resource_get(j->o.k, name, describe, what);
	printf("%s: %s%s%s\n", name, j->done, *what ? ": " : "", what);
	if (!j->deletes && j->request.units)
		kquorum_resource_get(j->o.k, name, note_overbooked, NULL);
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

	if (!kquorum_status(j->o.k, &u.st))
		kquorum_resource_get(j->o.k, j->o.name, take_user, &u);
	cli_error("%s is in use%s%s: it stays as it is\n  kquorum resource show %s", j->o.name,
		  u.held[0] ? ", " : "", u.held, j->o.quoted);
	return KQUORUM_EXIT_ERROR;
}

static int exists(struct job *j)
{
	char what[RESOURCE_TEXT_MAX] = "";

	kquorum_resource_get(j->o.k, j->o.name, describe, what);
	what[strcspn(what, "\n")] = '\0';
	cli_error("%s exists already%s%s\n  to change it: kquorum resource set %s", j->o.name,
		  *what ? ": " : "", what, j->o.quoted);
	return KQUORUM_EXIT_ERROR;
}

static int not_found(const struct job *j)
{
	if (j->deletes)
		cli_error("%s is not defined: there is nothing to be deleted", j->o.name);
	else
		cli_error("%s is not defined: kquorum resource create %s", j->o.name, j->o.quoted);
	return KQUORUM_EXIT_NOT_FOUND;
}

static int fail(struct job *j, int error)
{
	if (j->o.asked && error == -EEXIST)
		return exists(j);
	if (j->o.asked && error == -ENOENT)
		return not_found(j);
	if (j->o.asked && error == -EBUSY && j->o.r.index)
		return in_use(j);
	if (j->o.asked && error == -ENFILE) {
		cli_error("%s: in the whole cluster no more resources can be defined", j->o.name);
		return KQUORUM_EXIT_ERROR;
	}
	return outcome_failed(&j->o, error);
}

static int ask_set(struct kquorum *k, const void *request)
{
	return kquorum_resource_set(k, request);
}

static int ask_delete(struct kquorum *k, const void *request)
{
	return kquorum_resource_delete(k, request);
}

/* --- the commands --------------------------------------------------------------------------- */

static bool says_something(const struct kquorum_resource_request *r)
{
	return r->units || r->has_max_waiters || r->has_ttl || r->has_hold || r->has_uid || r->has_gid ||
		r->has_mode || r->has_fenced;
}

static int run(struct job *j, int argc, char **argv)
{
	int at, ret;

	j->o.wait_ns = 10 * NS_PER_SEC;
	at = cli_parse(argc, argv, take, j);
	if (at == argc)
		cli_usage_error("the resource's NAME is needed");
	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	j->request.name = cli_resource_name(argv[at]);
	if (!j->deletes && !says_something(&j->request))
		cli_usage_error("what is to be set? --units N, --max-hold TIME, or another one of the options");
	ret = outcome_begin(&j->o, j->request.name);
	if (ret)
		return ret;
	ret = j->deletes ? outcome_of(&j->o, ask_delete, j->request.name) :
		outcome_of(&j->o, ask_set, &j->request);
	ret = ret ? fail(j, ret) : report(j);
	kquorum_close(j->o.k);
	return ret;
}

static int run_create(int argc, char **argv)
{
	struct job j = { .request = { .create = true, .units = 1 }, .done = "created" };

	return run(&j, argc, argv);
}

static int run_set(int argc, char **argv)
{
	struct job j = { .done = "changed" };

	return run(&j, argc, argv);
}

static int run_delete(int argc, char **argv)
{
	struct job j = { .deletes = true, .done = "deleted" };

	return run(&j, argc, argv);
}

#define EXIT_DETAILS \
	"Exit: 69 without a quorum, 75 when there is no outcome in time otherwise; it may come about later\n" \
	"then, and kquorum resource show tells.\n"

const struct cli_command command_resource_create = {
	.name = "resource create",
	.synopsis = "NAME [OPTION]...",
	.summary = "make a resource: units, who may have it, when a grant ends",
	.details = "One unit, any number that may wait, grants without an end, and for root only, unless it is\n"
		   "said. Who holds NAME already as a lock that nothing was said of keeps it. Of at most 256 units\n"
		   "each has a number, from 0 on: two holders never have the same. USER and GROUP are looked up\n"
		   "here and kept as numbers, which are to mean the same on all nodes. --fenced is a promise: what\n"
		   "is done under NAME is checked by its token (kquorum fence check, kquorum fence ask).\n"
		   "Exit: 1 when it exists.\n" EXIT_DETAILS
		   "  kquorum resource create gpu --units 2; kquorum lock -k 1 gpu -- ./train      one GPU of two\n"
		   "  kquorum resource create db --owner postgres --lease 30s --max-hold 1h        for that user\n",
	.options = create_options,
	.json = true,
	.run = run_create,
};

const struct cli_command command_resource_set = {
	.name = "resource set",
	.synopsis = "NAME [OPTION]...",
	.summary = "change what was said of a resource",
	.details = "What is not named stays. Who holds it keeps it as it was granted: times and owners are for\n"
		   "later ones. Fewer units than are in use take nothing from anybody: nothing is granted until\n"
		   "enough are given back. Who waits for more than there are from now on is refused. Who waits goes\n"
		   "on waiting when fewer may. USER and GROUP are looked up here and kept as numbers, which are to\n"
		   "mean the same on all nodes. Exit: 66 when it was not created.\n" EXIT_DETAILS,
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
