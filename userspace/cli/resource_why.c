// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum resource why: what each one in the queue waits for, who stands before it, and until when
 * that can last.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../../kmod/core/kq_settings.h"
#include "resource.h"
#include "say.h"

#define NAMED_MAX	10	/* lines for those who stand before one; the rest is counted */

enum { OPT_NODE = 256, OPT_PID, OPT_OWNER };

static const struct cli_option options[] = {
	{ OPT_NODE, "node", "NODE", "only for who waits on that node (name or id)" },
	{ OPT_PID, "pid", "N", "only for that process" },
	{ OPT_OWNER, "owner", "N", "only for that owner: kquorum resource show -j has them" },
	{ 0 },
};

/* Of whom it is asked. */
struct about {
	const char *name, *node;	/* of the resource; NULL: on any node */
	uint32_t node_id;
	uint64_t pid, owner;	/* KQUORUM_NEVER: any */
	struct kquorum_status st;
	bool found;
};

/* What a claim waits for, were nobody before it in the queue. */
enum waits_for { WAITS_GRANT, WAITS_UNITS, WAITS_ALL, WAITS_SHARE };

struct wait {
	enum waits_for what;
	uint64_t units;		/* with WAITS_UNITS: so many are missing */
};

static void take(int key, const char *arg, void *user)
{
	struct about *a = user;

	switch (key) {
	case OPT_NODE:
		a->node = arg;
		break;
	case OPT_PID:
		a->pid = cli_number("--pid", arg, 1, UINT32_MAX);
		break;
	case OPT_OWNER:
		a->owner = cli_number("--owner", arg, 0, UINT64_MAX - 1);
		break;
	}
}

static bool anybody(const struct about *a)
{
	return !a->node && a->pid == KQUORUM_NEVER && a->owner == KQUORUM_NEVER;
}

static bool meant(const struct about *a, const struct kquorum_claim *c)
{
	return (!a->node || c->node == a->node_id) && (a->pid == KQUORUM_NEVER || c->pid == a->pid) &&
		(a->owner == KQUORUM_NEVER || c->owner == a->owner);
}

/* --- what is waited for --------------------------------------------------------------------- */

/* As the module grants: kq_claim_fits(). Holders all share it, or none does. */
static struct wait waits_for(const struct kquorum_resource *r, const struct kquorum_claim *c)
{
	bool held = resource_holders(r) > 0, shared = held && r->claims[0].mode == KQUORUM_CLAIM_SHARED;
	uint64_t wanted = r->in_use + c->units;

	switch (c->mode) {
	case KQUORUM_CLAIM_SHARED:
		return (struct wait){ held && !shared ? WAITS_SHARE : WAITS_GRANT, 0 };
	case KQUORUM_CLAIM_MODE_UNITS:
		return wanted <= r->units ? (struct wait){ WAITS_GRANT, 0 } :
			(struct wait){ WAITS_UNITS, wanted - r->units };
	default:
		return (struct wait){ held ? WAITS_ALL : WAITS_GRANT, 0 };
	}
}

uint64_t resource_promise_ns(const struct kquorum_status *st)
{
	const struct kquorum_settings *now = &st->settings, *before = st->overlap ? &st->before : now;
	const struct kq_settings of[2] = {
		{ before->heartbeat_ms, before->election_ms, before->lease_ms, before->delta_ms,
		  before->drift_ppm },
		{ now->heartbeat_ms, now->election_ms, now->lease_ms, now->delta_ms, now->drift_ppm },
	};
	struct kq_effective eff;

	if (!now->lease_ms)
		return KQUORUM_NEVER;
	kq_settings_effective(&of[0], &of[1], &eff);
	return kq_settings_promise_ns(&eff);
}

/* --- in words ------------------------------------------------------------------------------- */

/* "n2 pid 41 (train) of alice"; root goes without saying. */
static void say_who(struct text *t, const struct kquorum_claim *c, const struct kquorum_status *st)
{
	char comm[4 * KQUORUM_COMM_MAX + 1], user[CLAIM_USER_MAX];

	format_text(comm, sizeof(comm), c->comm, strlen(c->comm));
	say(t, "%s pid %u (%s)", node_name(st, c->node), c->pid, comm);
	if (c->uid && c->uid != KQUORUM_NOBODY)
		say(t, " of %s", claim_user(user, sizeof(user), c->uid));
}

static void say_what(struct text *t, const struct kquorum_claim *c)
{
	char what[CLAIM_WHAT_MAX];

	say(t, ", %s", claim_what(what, c->mode, c->units, c->token ? c->numbers : NULL));
}

static void say_since(struct text *t, const struct kquorum_claim *c, const char *word)
{
	char age[FORMAT_MAX];

	if (c->age_ns != KQUORUM_NEVER)
		say(t, ", %s for %s", word, format_duration(age, c->age_ns));
}

/* Until when at the latest. */
static void say_end(struct text *t, const struct kquorum_resource *r, const struct kquorum_claim *c,
		    const struct kquorum_status *st)
{
	uint64_t left = claim_left_ns(r, c, st);
	char time[FORMAT_MAX];

	if (left != KQUORUM_NEVER)
		say(t, ", for %s more at most", format_duration(time, left));
	if (c->evicted)
		say(t, ": an operator takes it");
	if (c->ttl_ms)
		say(t, "; lost when not renewed for %s", format_duration(time, c->ttl_ms * NS_PER_MS));
}

static void say_wait(struct text *t, const struct kquorum_resource *r, struct wait w)
{
	switch (w.what) {
	case WAITS_GRANT:
		say(t, "what it asks for is free");
		break;
	case WAITS_UNITS:
		say(t, "waits for %" PRIu64 " more of %u", w.units, r->units);
		break;
	case WAITS_ALL:
		say(t, "asks for all of it: waits until all holders are gone");
		break;
	case WAITS_SHARE:
		say(t, "asks for a share: waits until all holders are gone, for they do not share it");
		break;
	}
}

static void print_wrapped(const char *line)
{
	char wrapped[2048];
	struct text t = { wrapped, sizeof(wrapped), 0 };

	say_wrapped(&t, "%s", line);
	fputs(wrapped, stdout);
}

/* One line each, for claims @from to before @to; @queue: they wait, and have places from 1 on. */
static void print_claims(const struct kquorum_resource *r, const struct kquorum_status *st,
			 unsigned int from, unsigned int to, bool queue)
{
	unsigned int named = to - from > NAMED_MAX ? NAMED_MAX : to - from, i;
	char line[512];

	for (i = 0; i < named; i++) {
		const struct kquorum_claim *c = &r->claims[from + i];
		struct text t = { line, sizeof(line), 0 };

		if (queue)
			say(&t, "   before it: %u. ", i + 1);
		else
			say(&t, "   held by ");
		say_who(&t, c, st);
		say_what(&t, c);
		say_since(&t, c, queue ? "waits" : "has it");
		if (!queue)
			say_end(&t, r, c, st);
		print_wrapped(line);
	}
	if (named < to - from)
		printf("   %s %u more\n", queue ? "before it:" : "held by", to - from - named);
}

/* @place: in the queue, from 1 on. @only: what stands before it is not said of others. */
static void print_waiter(const struct kquorum_resource *r, const struct kquorum_status *st,
			 unsigned int place, bool only)
{
	unsigned int holders = resource_holders(r);
	const struct kquorum_claim *c = &r->claims[holders + place - 1];
	struct wait w = waits_for(r, c);
	char line[512];
	struct text t = { line, sizeof(line), 0 };

	say(&t, "%u. ", place);
	say_who(&t, c, st);
	say_what(&t, c);
	say_since(&t, c, "waits");
	say(&t, ": ");
	if (place > 1)
		say(&t, place > 2 ? "behind 1 to %u; %s" : "behind %u; %s", place - 1,
		    w.what == WAITS_GRANT ? "" : "then ");
	say_wait(&t, r, w);
	if (place == 1 && w.what == WAITS_GRANT)
		say(&t, st->quorum ? ": granted in a moment" : ": granted when there is a quorum");
	print_wrapped(line);
	if (only)
		print_claims(r, st, holders, holders + place - 1, true);
	if (only || place == 1)
		print_claims(r, st, 0, holders, false);
}

/* Those who have it, and are not heard any more. */
static void print_silent(const struct kquorum_resource *r, const struct kquorum_status *st)
{
	unsigned int n = resource_holders(r), i;
	uint32_t said = 0;
	char missing[300];

	for (i = 0; i < n; i++) {
		const struct kquorum_peer_status *p = kquorum_status_peer(st, r->claims[i].node);

		if (!p || node_is_live(st, p) || said & node_bit(p->id))
			continue;
		said |= node_bit(p->id);
		node_missing(st, p->id, missing, sizeof(missing));
		printf("%s has it and is not there.\n", missing);
	}
}

/* By those who hold it, were all their nodes alive: how long it lasts until some is given back. */
static void say_ends(struct text *t, const struct kquorum_resource *r, const struct kquorum_status *st)
{
	unsigned int n = resource_holders(r), ends = 0, i;
	uint64_t first = KQUORUM_NEVER, last = 0;
	char a[FORMAT_MAX], b[FORMAT_MAX];

	for (i = 0; i < n; i++) {
		uint64_t left = claim_left_ns(r, &r->claims[i], st);

		if (left == KQUORUM_NEVER)
			continue;
		ends++;
		first = left < first ? left : first;
		last = left > last ? left : last;
	}
	if (!ends)
		say(t, "Who has it may keep it for ever: no time is set for that. ");
	else if (n == 1)
		say(t, "It is given back in %s at the latest. ", format_duration(a, last));
	else if (ends == n)
		say(t, "The first of it is given back in %s at the latest, all of it in %s. ",
		    format_duration(a, first), format_duration(b, last));
	else
		say(t, "The first of it is given back in %s at the latest; %u of %u who have it may keep it for "
		    "ever. ", format_duration(a, first), n - ends, n);
}

static void print_until(const struct kquorum_resource *r, const struct kquorum_status *st)
{
	uint64_t promise = resource_promise_ns(st);
	char line[768], after[FORMAT_MAX], name[4 * KQUORUM_RESOURCE_NAME_MAX + 3];
	struct text t = { line, sizeof(line), 0 };

	if (!resource_holders(r))
		return;
	if (st->quorum)
		print_silent(r, st);
	say_ends(&t, r, st);
	if (!st->quorum)
		say(&t, "There is no quorum: until there is one, what a dead node has is not given back, and nobody "
		    "is granted it.");
	else if (promise != KQUORUM_NEVER)
		say(&t, "What a node has that dies or is cut off is given back %s after the leader heard from it "
		    "last, at the latest (its lease and the guard); later only if the leader changes meanwhile.",
		    format_duration(after, promise));
	print_wrapped(line);
	if (st->quorum)
		printf("To take it from who has it: kquorum resource release %s\n",
		       shell_quote(name, sizeof(name), r->name));
}

static void print_all(const struct kquorum_resource *r, struct about *a)
{
	unsigned int holders = resource_holders(r), waiting = r->n_claims - holders, i;
	bool only = !anybody(a);

	if (!only && !waiting) {
		printf("nobody waits for %s\n", r->name);
		return;
	}
	printf("%s: %u unit%s, %" PRIu64 " in use; %u wait%s\n", r->name, r->units,
	       r->units == 1 ? "" : "s", r->in_use, waiting, waiting == 1 ? "s" : "");
	for (i = 0; i < r->n_claims; i++) {
		char line[512];
		struct text t = { line, sizeof(line), 0 };

		if (!meant(a, &r->claims[i]) || (!only && i < holders))
			continue;
		if (i >= holders) {
			print_waiter(r, &a->st, i - holders + 1, only);
			continue;
		}
		say_who(&t, &r->claims[i], &a->st);
		say_what(&t, &r->claims[i]);
		say_since(&t, &r->claims[i], "has it");
		say_end(&t, r, &r->claims[i], &a->st);
		say(&t, ": it does not wait");
		print_wrapped(line);
	}
	print_until(r, &a->st);
}

/* --- in JSON -------------------------------------------------------------------------------- */

static cJSON *waiter_json(const struct kquorum_resource *r, const struct kquorum_status *st,
			  unsigned int place)
{
	static const char *const names[] = {
		[WAITS_GRANT] = "grant", [WAITS_UNITS] = "units", [WAITS_ALL] = "all", [WAITS_SHARE] = "share",
	};
	const struct kquorum_claim *c = &r->claims[resource_holders(r) + place - 1];
	struct wait w = waits_for(r, c);
	cJSON *o = resource_claim_json(r, c, st);

	json_u64(o, "place", place);
	json_u64(o, "behind", place - 1);
	cJSON_AddStringToObject(o, "waits_for", names[w.what]);
	if (w.what == WAITS_UNITS)
		json_u64(o, "missing_units", w.units);
	else
		cJSON_AddNullToObject(o, "missing_units");
	return o;
}

static void print_json(const struct kquorum_resource *r, const struct about *a)
{
	unsigned int holders = resource_holders(r), i;
	cJSON *o = cJSON_CreateObject(), *array;

	cJSON_AddStringToObject(o, "resource", r->name);
	json_u64(o, "units", r->units);
	json_u64(o, "in_use", r->in_use);
	cJSON_AddBoolToObject(o, "quorum", a->st.quorum);
	json_time(o, "given_back_after_node_death_ms", resource_promise_ns(&a->st));
	array = cJSON_AddArrayToObject(o, "holders");
	for (i = 0; i < holders; i++)
		cJSON_AddItemToArray(array, resource_claim_json(r, &r->claims[i], &a->st));
	array = cJSON_AddArrayToObject(o, "waiters");
	for (; i < r->n_claims; i++)
		if (meant(a, &r->claims[i]))
			cJSON_AddItemToArray(array, waiter_json(r, &a->st, i - holders + 1));
	json_print(o, false);
}

/* --- the command ---------------------------------------------------------------------------- */

static int take_resource(const struct kquorum_resource *r, void *user)
{
	struct about *a = user;
	unsigned int i;

	a->found = anybody(a);
	for (i = 0; i < r->n_claims; i++)
		a->found |= meant(a, &r->claims[i]);
	if (!a->found)
		return 0;
	if (cli.json)
		print_json(r, a);
	else
		print_all(r, a);
	return 0;
}

/* By its name first: a node may be called 2. */
bool resource_find_node(const struct kquorum_status *st, const char *node, uint32_t *id)
{
	uint64_t number;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (!strcmp(st->peers[i].name, node)) {
			*id = st->peers[i].id;
			return true;
		}
	if (parse_number(node, &number) || number > KQUORUM_MAX_NODES)
		return false;
	*id = number;
	return true;
}

static int why(struct kquorum *k, struct about *a)
{
	int ret = kquorum_status(k, &a->st);

	if (!ret && a->node && !resource_find_node(&a->st, a->node, &a->node_id)) {
		cli_error("there is no node %s: kquorum status", a->node);
		return KQUORUM_EXIT_NOT_FOUND;
	}
	if (!ret)
		ret = kquorum_resource_get(k, a->name, take_resource, a);
	if (ret)
		return resource_not_had(k, a->name, ret);
	if (!a->found) {
		cli_error("%s: none like that holds it or waits", a->name);
		return KQUORUM_EXIT_NOT_FOUND;
	}
	resource_note_age(&a->st);
	return KQUORUM_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct about a = { .pid = KQUORUM_NEVER, .owner = KQUORUM_NEVER };
	int at = cli_parse(argc, argv, take, &a), ret;
	struct kquorum *k;

	if (argc - at != 1)
		cli_usage_error(at == argc ? "why does one wait for which NAME?" : "why takes one name");
	a.name = cli_resource_name(argv[at]);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = why(k, &a);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_resource_why = {
	.name = "resource why",
	.synopsis = "NAME [--node NODE] [--pid N] [--owner N]",
	.summary = "show what those who wait for a resource wait for, and until when at the latest",
	.details = "Everybody in the queue, in order: what is missing, and who has it, where and since when. With\n"
		   "an option only those whom it names, each with all who stand before it. It ends with until when\n"
		   "that can last: who holds a resource may keep it for ever, as long as its node lives, unless it\n"
		   "was created with --max-hold, or an operator takes it (kquorum resource release); what a node\n"
		   "has that dies is given back when its lease and the guard are over, which is said.\n"
		   "Exit: 66 when there is no NAME, or none like that holds it or waits.\n",
	.options = options,
	.json = true,
	.run = run,
};
