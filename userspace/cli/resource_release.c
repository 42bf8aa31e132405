// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum resource release: an operator makes somebody give a resource back, or wait no longer. Who is
 * meant has to be clear, and what comes of it is said before and after.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "resource.h"
#include "say.h"

#define DRAIN_MS 10000	/* unless it is said */

enum { OPT_FORCE = 256, OPT_NODE, OPT_PID, OPT_LOCK, OPT_ALL, OPT_DRAIN };

static const struct cli_option options[] = {
	{ OPT_FORCE, "force", NULL, "do it; without it only what would come of it is said" },
	{ OPT_NODE, "node", "NODE", "who holds it on that node (name or id)" },
	{ OPT_PID, "pid", "N", "that process" },
	{ OPT_LOCK, "lock", "N", "that \"owner\" of kquorum resource show -j, holder or waiter" },
	{ OPT_ALL, "all", NULL, "all holders (who waits comes next)" },
	{ OPT_DRAIN, "drain", "TIME", "how long a holder has to end (default 10s)" },
	{ 'w', "wait", "TIME", "wait until it is gone, at most so long" },
	{ 0 },
};

/* A request that is meant, as it stood when it was looked for. */
struct victim {
	struct kquorum_claim claim;
	uint64_t left_ns;	/* it is held no longer than this, with its node alive */
	bool gone;
};

struct release {
	struct outcome o;
	const char *node;	/* NULL: on any */
	uint32_t node_id;
	uint64_t pid, lock;	/* KQUORUM_NEVER: any */
	bool force, all, waits;
	uint32_t drain_ms;
	uint64_t wait_ns;	/* until it is gone; with @waits */
	struct kquorum_status st;
	struct kquorum_resource r;	/* without its claims */
	struct victim *victims;
	unsigned int n, holders;
	cJSON *array;
};

static void take(int key, const char *arg, void *user)
{
	struct release *r = user;

	switch (key) {
	case OPT_FORCE:
		r->force = true;
		break;
	case OPT_NODE:
		r->node = arg;
		break;
	case OPT_PID:
		r->pid = cli_number("--pid", arg, 1, UINT32_MAX);
		break;
	case OPT_LOCK:
		r->lock = cli_number("--lock", arg, 0, UINT64_MAX - 1);
		break;
	case OPT_ALL:
		r->all = true;
		break;
	case OPT_DRAIN:
		r->drain_ms = cli_drain_ms("--drain", arg);
		break;
	case 'w':
		r->wait_ns = cli_duration("--wait", arg);
		r->waits = true;
		break;
	}
}

/* --- who is meant --------------------------------------------------------------------------- */

/* Of those who wait only who is named by a process or a number. */
static bool meant(const struct release *r, const struct kquorum_claim *c)
{
	if (!c->token && r->pid == KQUORUM_NEVER && r->lock == KQUORUM_NEVER)
		return false;
	return (!r->node || c->node == r->node_id) && (r->pid == KQUORUM_NEVER || c->pid == r->pid) &&
		(r->lock == KQUORUM_NEVER || c->owner == r->lock);
}

/* Until when at the latest, once it is evicted: of what is not fenced no sooner than its lease ends. */
static uint64_t left_ns(const struct release *r, const struct kquorum_claim *c)
{
	struct kquorum_claim then = *c;

	if (!c->token)
		return 0;
	then.evicted = true;
	then.drain_ms = r->drain_ms;
	then.evicted_ns = 0;
	return claim_left_ns(&r->r, &then, &r->st);
}

static int find(const struct kquorum_resource *res, void *user)
{
	struct release *r = user;
	unsigned int i;

	r->r = *res;
	r->holders = resource_holders(res);
	r->victims = calloc(res->n_claims ? res->n_claims : 1, sizeof(*r->victims));
	if (!r->victims)
		return -ENOMEM;
	for (i = 0; i < res->n_claims; i++) {
		if (!meant(r, &res->claims[i]))
			continue;
		r->victims[r->n].claim = res->claims[i];
		r->victims[r->n++].left_ns = left_ns(r, &res->claims[i]);
	}
	return 0;
}

/* "n2 pid 41 (train) of alice, 2 units: 0,3"; root goes without saying. */
static const char *who(const struct release *r, const struct victim *v, char *buf, size_t size)
{
	const struct kquorum_claim *c = &v->claim;
	char comm[4 * KQUORUM_COMM_MAX + 1], user[CLAIM_USER_MAX], what[CLAIM_WHAT_MAX];
	bool root = !c->uid || c->uid == KQUORUM_NOBODY;

	format_text(comm, sizeof(comm), c->comm, strlen(c->comm));
	snprintf(buf, size, "%s pid %u (%s)%s%s, %s", node_name(&r->st, c->node), c->pid, comm,
		 root ? "" : " of ", root ? "" : claim_user(user, sizeof(user), c->uid),
		 claim_what(what, c->mode, c->units, c->token ? c->numbers : NULL));
	return buf;
}

static void print_lines(const struct release *r)
{
	char line[300];
	unsigned int i;

	for (i = 0; i < r->n; i++)
		fprintf(stderr, "  --node %s --lock %" PRIu64 ": %s\n",
			node_name(&r->st, r->victims[i].claim.node), r->victims[i].claim.owner,
			who(r, &r->victims[i], line, sizeof(line)));
}

/* --- what comes of it ----------------------------------------------------------------------- */

static void print_outlook(const struct release *r, const struct victim *v)
{
	char line[600], name[300], left[FORMAT_MAX], drain[FORMAT_MAX], dead[FORMAT_MAX];
	uint64_t drain_ns = r->drain_ms * NS_PER_MS, promise = resource_promise_ns(&r->st);
	struct text t = { line, sizeof(line), 0 };
	char wrapped[1024];
	struct text all = { wrapped, sizeof(wrapped), 0 };

	say(&t, "%s ", who(r, v, name, sizeof(name)));
	if (!v->claim.token) {
		say(&t, "waits: refused at once");
	} else {
		say(&t, "is told, and loses it in %s at the latest",
		    format_duration(left, v->left_ns));
		if (!r->r.fenced && v->left_ns > drain_ns)
			say(&t, ": not after %s, for it may rely on its lease", format_duration(drain, drain_ns));
		if (r->r.fenced)
			say(&t, "; should its node be silent, the leader takes it an election later: only the "
			    "token stops what it writes then");
		else if (promise != KQUORUM_NEVER)
			say(&t, "; should its node be silent, when its session is over, %s after it was heard last",
			    format_duration(dead, promise));
	}
	say_wrapped(&all, "%s", line);
	fputs(wrapped, stdout);
}

static void victim_json(struct release *r, const struct victim *v, const char *outcome)
{
	cJSON *o = resource_claim_json(&r->r, &v->claim, &r->st);

	cJSON_AddStringToObject(o, "outcome", outcome);
	json_u64(o, "release_index", r->o.r.index);
	json_time(o, "gone_in_at_most_ms", v->left_ns);
	cJSON_AddItemToArray(r->array, o);
}

/* --- doing it ------------------------------------------------------------------------------- */

static int ask_evict(struct kquorum *k, const void *request)
{
	return kquorum_resource_evict(k, request);
}

/* 0 or an exit code. */
static int evict(struct release *r, struct victim *v)
{
	const struct kquorum_evict_request request = {
		.name = r->o.name, .node = v->claim.node, .session = v->claim.session,
		.owner = v->claim.owner, .drain_ms = r->drain_ms,
	};
	int ret = outcome_of(&r->o, ask_evict, &request);
	char name[300];

	/* It went by itself meanwhile: that was wanted. */
	if (ret == -ENOENT && r->o.asked && r->o.r.index)
		v->gone = true;
	else if (ret)
		return outcome_failed(&r->o, ret);
	if (!v->claim.token)
		v->gone = true;
	if (cli.json)
		victim_json(r, v, ret ? "gone_already" : v->claim.token ? "told" : "refused");
	else if (ret)
		printf("%s is gone already\n", who(r, v, name, sizeof(name)));
	else
		print_outlook(r, v);
	return 0;
}

static int take_left(const struct kquorum_resource *res, void *user)
{
	struct release *r = user;
	unsigned int i, j;

	for (i = 0; i < r->n; i++) {
		bool there = false;

		for (j = 0; j < res->n_claims; j++)
			there |= res->claims[j].session == r->victims[i].claim.session &&
				res->claims[j].owner == r->victims[i].claim.owner &&
				res->claims[j].node == r->victims[i].claim.node;
		r->victims[i].gone |= !there;
	}
	return 0;
}

static bool all_gone(const struct release *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		if (!r->victims[i].gone)
			return false;
	return true;
}

static int wait_gone(struct release *r)
{
	uint64_t until = now_ns() + r->wait_ns;
	int ret;

	for (;;) {
		ret = kquorum_resource_get(r->o.k, r->o.name, take_left, r);
		if (ret == -ENOENT || (!ret && all_gone(r)))
			return KQUORUM_EXIT_DONE;
		if (ret && ret != -EINTR)
			return resource_not_had(r->o.k, r->o.name, ret);
		if (now_ns() >= until)
			break;
		sleep_ms(100);
	}
	cli_error("%s: not gone in time: kquorum resource show %s", r->o.name, r->o.quoted);
	return KQUORUM_EXIT_BLOCKED;
}

static int explain(const struct release *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		print_outlook(r, &r->victims[i]);
	cli_error("%s: nothing was done: --force does it, and the log keeps it", r->o.name);
	return KQUORUM_EXIT_USAGE;
}

static int find_victims(struct release *r)
{
	int ret = kquorum_status(r->o.k, &r->st);

	if (!ret && r->node && !resource_find_node(&r->st, r->node, &r->node_id)) {
		cli_error("there is no node %s: kquorum status", r->node);
		return KQUORUM_EXIT_NOT_FOUND;
	}
	if (!ret)
		ret = kquorum_resource_get(r->o.k, r->o.name, find, r);
	if (ret)
		return resource_not_had(r->o.k, r->o.name, ret);
	if (!r->n) {
		cli_error(r->node || r->pid != KQUORUM_NEVER || r->lock != KQUORUM_NEVER ?
			  "%s: none like that holds it: kquorum resource show %s" :
			  "%s: nobody holds it: kquorum resource show %s", r->o.name, r->o.quoted);
		return KQUORUM_EXIT_NOT_FOUND;
	}
	if (r->n > 1 && !r->all) {
		cli_error("%s: which of these %u? Say it, or --all:", r->o.name, r->n);
		print_lines(r);
		return KQUORUM_EXIT_USAGE;
	}
	return 0;
}

static int release(struct release *r)
{
	int ret = find_victims(r);
	unsigned int i;

	if (ret)
		return ret;
	if (!r->force)
		return explain(r);
	r->array = cJSON_CreateArray();
	for (i = 0; !ret && i < r->n; i++)
		ret = evict(r, &r->victims[i]);
	if (cli.json)
		json_print(r->array, false);
	else
		cJSON_Delete(r->array);
	fflush(stdout);
	return ret || !r->waits ? ret : wait_gone(r);
}

static int run(int argc, char **argv)
{
	struct release r = { .pid = KQUORUM_NEVER, .lock = KQUORUM_NEVER, .drain_ms = DRAIN_MS };
	int at = cli_parse(argc, argv, take, &r), ret;

	if (argc - at != 1)
		cli_usage_error(at == argc ? "release which NAME?" : "release takes one name");
	if (r.all && (r.pid != KQUORUM_NEVER || r.lock != KQUORUM_NEVER))
		cli_usage_error("--all, or one of them: not both");
	r.o.wait_ns = 10 * NS_PER_SEC;
	ret = outcome_begin(&r.o, cli_resource_name(argv[at]));
	if (ret)
		return ret;
	ret = release(&r);
	free(r.victims);
	kquorum_close(r.o.k);
	return ret;
}

const struct cli_command command_resource_release = {
	.name = "resource release",
	.synopsis = "NAME --force [--node NODE] [--pid N] [--lock N] [--all] [OPTION]...",
	.summary = "make who holds a resource give it back, or who waits wait no longer",
	.details = "For when somebody does not let go. A holder is told at once: a command under kquorum lock gets\n"
		   "its signal (--on-loss), and has the time of --drain to end; then its node takes it, and kills\n"
		   "the command before. What is not --fenced (kquorum resource create) is not taken before the\n"
		   "lease of its node would have ended: its users rely on that, and on no token. Of what is fenced\n"
		   "the leader takes it, should that node be frozen or cut off. Where several hold it, say which:\n"
		   "by node, process or lock; with --all they all go. Who waits goes at once, when named by --pid\n"
		   "or --lock. Without --force nothing is done, and it is said what would be. The log has it.\n"
		   "Exit: 66 when nobody like that holds it, 2 without --force, 75 when it is not gone in the time\n"
		   "of --wait, or there is no outcome within 10s, 69 without a quorum.\n"
		   "  kquorum resource release backup --force --drain 1m --wait 2m\n",
	.options = options,
	.json = true,
	.run = run,
};
