// SPDX-License-Identifier: GPL-2.0
/* kquorum fence ask: the token checked by the cluster, for what has no file of its own. */
#include <errno.h>
#include <string.h>

#include "resource.h"

static const struct cli_option options[] = {
	{ 'w', "wait", "TIME", "how long to wait for the answer (default 10s)" },
	{ 0 },
};

struct question {
	struct outcome o;
	uint64_t token;
};

static void take(int key, const char *arg, void *user)
{
	struct question *q = user;

	(void)key;
	q->o.wait_ns = cli_duration("--wait", arg);
}

static int ask(struct kquorum *k, const void *request)
{
	const struct question *q = request;

	return kquorum_fence_ask(k, q->o.name, q->token);
}

static int take_seen(const struct kquorum_resource *r, void *user)
{
	*(uint64_t *)user = r->fence;
	return 0;
}

/* Only for what is said: it may have risen meanwhile. 0: not known. */
static uint64_t seen(struct question *q)
{
	uint64_t token = 0;

	kquorum_resource_get(q->o.k, q->o.name, take_seen, &token);
	return token;
}

static int stale(struct question *q)
{
	uint64_t highest = seen(q);

	if (highest > q->token)
		cli_error("%s: token %llu is stale: %llu has been shown\n"
			  "  whoever has it lost the lock: only a new grant helps", q->o.name,
			  (unsigned long long)q->token, (unsigned long long)highest);
	else
		cli_error("%s: token %llu is stale: a higher one has been shown\n"
			  "  whoever has it lost the lock: only a new grant helps", q->o.name,
			  (unsigned long long)q->token);
	return KQUORUM_EXIT_LOST;
}

static int failed(struct question *q, int error)
{
	if (q->o.asked)
		switch (-error) {
		case ESTALE:
			return stale(q);
		case EINVAL:
			cli_error("%s: nobody was given token %llu yet: is it of another cluster?", q->o.name,
				  (unsigned long long)q->token);
			return KQUORUM_EXIT_ERROR;
		case ENOENT:
			cli_error("%s is not defined: kquorum resource create %s --fenced", q->o.name, q->o.quoted);
			return KQUORUM_EXIT_NOT_FOUND;
		case EMEDIUMTYPE:
			cli_error("%s has no fence: it is not fenced, or has several units\n"
				  "  kquorum resource set %s --fenced (and --units 1)", q->o.name, q->o.quoted);
			return KQUORUM_EXIT_ERROR;
		default:
			break;
		}
	if (error == -EACCES) {
		cli_error("%s: its owner, group and mode do not let this user ask\n  kquorum resource show %s",
			  q->o.name, q->o.quoted);
		return KQUORUM_EXIT_DENIED;
	}
	return outcome_failed(&q->o, error);
}

static void print_json(const struct question *q, int error)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "resource", q->o.name);
	json_u64(o, "token", q->token);
	json_u64(o, "index", q->o.r.index);
	cJSON_AddBoolToObject(o, "passed", !error);
	json_print(o, true);
}

static int run(int argc, char **argv)
{
	struct question q = { .o.wait_ns = 10 * NS_PER_SEC };
	int at = cli_parse(argc, argv, take, &q), ret;

	if (argc - at != 2)
		cli_usage_error(argc - at < 2 ? "NAME and TOKEN are needed" : "NAME and TOKEN, and nothing else");
	q.token = cli_number("TOKEN", argv[at + 1], 1, UINT64_MAX);
	ret = outcome_begin(&q.o, cli_resource_name(argv[at]));
	if (ret)
		return ret;
	ret = outcome_of(&q.o, ask, &q);
	if (cli.json)
		print_json(&q, ret);
	if (ret)
		ret = failed(&q, ret);
	kquorum_close(q.o.k);
	return ret;
}

const struct cli_command command_fence_ask = {
	.name = "fence ask",
	.synopsis = "NAME TOKEN [--wait TIME]",
	.summary = "ask the cluster whether a token may pass",
	.details = "The cluster keeps the highest token that was shown for NAME, which was created --fenced and has\n"
		   "one unit. A lower one is refused with exit 70, an equal one passes, a higher one is kept. It\n"
		   "takes a commit of the log each time, and a quorum: exit 69 without. What is done after it is\n"
		   "not held off by it: another may ask with a higher token meanwhile. Where the resource has a\n"
		   "file of its own, kquorum fence check is faster, and keeps others out until it is done.\n"
		   "Who may lock NAME may ask: else exit 77. Exit: 66 when NAME is not defined, 75 without an\n"
		   "answer in time: it was perhaps noted.\n",
	.options = options,
	.json = true,
	.run = run,
};
