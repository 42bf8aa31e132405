// SPDX-License-Identifier: GPL-2.0
/* kquorum resource list, and show: what there is, who holds it, since when, and who waits. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "resource.h"
#include "say.h"

struct listing {
	const struct kquorum_status *st;
	const char *prefix;	/* of the names, "": all */
	struct table table;
	cJSON *array;
	unsigned int count;
};

/* --- JSON ----------------------------------------------------------------------------------- */

static void ends_json(cJSON *o, const struct kquorum_resource *r, const struct kquorum_claim *c,
		      const struct kquorum_status *st)
{
	json_u64(o, "ttl_ms", c->ttl_ms);	/* 0: it need not be renewed; of who waits: as asked for */
	json_u64(o, "hold_ms", c->hold_ms);	/* 0: no such end */
	cJSON_AddBoolToObject(o, "evicted", c->evicted);
	if (c->evicted)
		json_u64(o, "drain_ms", c->drain_ms);
	else
		cJSON_AddNullToObject(o, "drain_ms");
	json_time(o, "evicted_age_ms", c->evicted ? c->evicted_ns : KQUORUM_NEVER);
	json_time(o, "left_at_most_ms", claim_left_ns(r, c, st));
}

cJSON *resource_claim_json(const struct kquorum_resource *r, const struct kquorum_claim *c,
			   const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject();
	char user[CLAIM_USER_MAX];

	cJSON_AddStringToObject(o, "node", node_name(st, c->node));
	json_u64(o, "node_id", c->node);
	json_u64(o, "pid", c->pid);
	cJSON_AddStringToObject(o, "comm", c->comm);
	if (c->uid == KQUORUM_NOBODY)
		cJSON_AddNullToObject(o, "uid");
	else
		json_u64(o, "uid", c->uid);
	cJSON_AddStringToObject(o, "user", claim_user(user, sizeof(user), c->uid));
	json_u64(o, "token", c->token);
	json_u64(o, "session", c->session);
	json_u64(o, "owner", c->owner);
	json_u64(o, "index", c->index);
	json_time(o, "age_ms", c->age_ns);
	claim_what_json(o, c->mode, c->units, c->numbers);
	cJSON_AddStringToObject(o, "info", c->info);
	ends_json(o, r, c, st);
	return o;
}

/* Of several holders "holder" is the first: for those who know of one. */
static cJSON *resource_json(const struct kquorum_resource *r, const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject(), *holders, *queue;
	unsigned int n = resource_holders(r), i;

	cJSON_AddStringToObject(o, "resource", r->name);
	json_u64(o, "token", r->token);
	json_u64(o, "units", r->units);
	json_u64(o, "in_use", r->in_use);
	resource_terms_json(o, r);
	if (n)
		cJSON_AddItemToObject(o, "holder", resource_claim_json(r, &r->claims[0], st));
	else
		cJSON_AddNullToObject(o, "holder");
	holders = cJSON_AddArrayToObject(o, "holders");
	queue = cJSON_AddArrayToObject(o, "queue");
	for (i = 0; i < r->n_claims; i++)
		cJSON_AddItemToArray(i < n ? holders : queue, resource_claim_json(r, &r->claims[i], st));
	return o;
}

/* --- list ----------------------------------------------------------------------------------- */

static void list_row(struct table *t, const struct kquorum_resource *r,
		     const struct kquorum_status *st)
{
	char in_use[2 * FORMAT_MAX], several[FORMAT_MAX], pid[FORMAT_MAX], age[FORMAT_MAX], left[FORMAT_MAX],
	     waiting[FORMAT_MAX], token[FORMAT_MAX];
	unsigned int n = resource_holders(r);
	const struct kquorum_claim *first = n ? r->claims : NULL;

	snprintf(in_use, sizeof(in_use), "%" PRIu64 "/%u", r->in_use, r->units);
	snprintf(several, sizeof(several), "%u holders", n);
	snprintf(pid, sizeof(pid), "%u", first ? first->pid : 0);
	snprintf(waiting, sizeof(waiting), "%u", r->n_claims - n);
	snprintf(token, sizeof(token), "%" PRIu64, r->token);
	table_row(t, 9, (const char *[]){
		r->name, in_use, n > 1 ? several : first ? node_name(st, first->node) : NULL,
		n == 1 ? pid : NULL, n == 1 ? first->comm : NULL,
		format_duration(age, first ? first->age_ns : KQUORUM_NEVER),
		format_duration(left, first ? claim_left_ns(r, first, st) : KQUORUM_NEVER), waiting,
		r->token ? token : NULL });
}

static int list_one(const struct kquorum_resource *r, void *user)
{
	struct listing *l = user;

	if (strncmp(r->name, l->prefix, strlen(l->prefix)))
		return 0;
	l->count++;
	if (cli.json)
		cJSON_AddItemToArray(l->array, resource_json(r, l->st));
	else
		list_row(&l->table, r, l->st);
	return 0;
}

static void drop(struct listing *l)
{
	unsigned int i;

	for (i = 0; i < l->table.rows * l->table.columns; i++)
		free(l->table.cells[i]);
	free(l->table.cells);
	memset(&l->table, 0, sizeof(l->table));
	cJSON_Delete(l->array);
	l->array = NULL;
}

static int list(struct kquorum *k, struct listing *l)
{
	unsigned int tries;
	int ret;

	/* A dump that changed under us starts again; in the end it is shown as it is. */
	for (tries = 0; tries < 5; tries++) {
		drop(l);
		l->count = 0;
		l->array = cJSON_CreateArray();
		table_row(&l->table, 9, (const char *[]){ "RESOURCE", "IN-USE", "HOLDER", "PID", "COMMAND",
							  "SINCE", "LEFT", "WAITING", "TOKEN" });
		ret = kquorum_resource_dump(k, list_one, l);
		if (ret != -EINTR)
			break;
	}
	if (ret == -EINTR)
		cli_note("the resources change faster than they can be read: some may be missing");
	else if (ret) {
		cli_error("%s", kquorum_error(k));
		drop(l);
		return cli_exit_code(ret);
	}
	if (cli.json) {
		json_print(l->array, false);
		l->array = NULL;
	} else if (l->count) {
		table_print(&l->table, stdout);
	} else {
		printf("nothing %s%s%sis defined, held or awaited\n", *l->prefix ? "that begins with " : "",
		       l->prefix, *l->prefix ? " " : "");
	}
	drop(l);
	return KQUORUM_EXIT_DONE;
}

/* --- show ----------------------------------------------------------------------------------- */

static void print_head(const struct kquorum_resource *r)
{
	unsigned int n = resource_holders(r);
	char what[RESOURCE_TEXT_MAX];

	if (n > 1)
		printf("%s: held by %u, token %" PRIu64 "\n", r->name, n, r->token);
	else if (n)
		printf("%s: held, token %" PRIu64 "\n", r->name, r->token);
	else
		printf("%s: free\n", r->name);
	puts(resource_describe(r, what, sizeof(what)));
	fputs(resource_terms(r, what, sizeof(what)), stdout);
}

/* @place: in the queue; 0: it holds it. */
static void claim_row(struct table *t, const struct kquorum_resource *r, const struct kquorum_claim *c,
		      unsigned int place, const struct kquorum_status *st)
{
	char user[CLAIM_USER_MAX], left[FORMAT_MAX], number[FORMAT_MAX], pid[FORMAT_MAX],
	     what[CLAIM_WHAT_MAX], age[FORMAT_MAX], token[FORMAT_MAX], info[4 * KQUORUM_INFO_MAX + 1];

	snprintf(number, sizeof(number), "%u", place);
	snprintf(pid, sizeof(pid), "%u", c->pid);
	snprintf(token, sizeof(token), "%" PRIu64, c->token);
	format_text(info, sizeof(info), c->info, strlen(c->info));
	table_row(t, 10, (const char *[]){
		place ? number : c->evicted ? "evicted" : "holder", node_name(st, c->node), pid,
		claim_user(user, sizeof(user), c->uid), c->comm,
		claim_what(what, c->mode, c->units, place ? NULL : c->numbers),
		format_duration(age, c->age_ns), format_duration(left, claim_left_ns(r, c, st)),
		place ? NULL : token, *info ? info : NULL });
}

static int show_one(const struct kquorum_resource *r, void *user)
{
	const struct kquorum_status *st = user;
	unsigned int holders = resource_holders(r), i;
	struct table t = { 0 };

	if (cli.json) {
		json_print(resource_json(r, st), false);
		return 0;
	}
	print_head(r);
	if (!r->n_claims)
		return 0;
	table_row(&t, 10, (const char *[]){ "PLACE", "NODE", "PID", "USER", "COMMAND", "HAS/ASKS", "SINCE",
					    "LEFT", "TOKEN", "INFO" });
	for (i = 0; i < r->n_claims; i++)
		claim_row(&t, r, &r->claims[i], i < holders ? 0 : i - holders + 1, st);
	table_fit(&t);
	table_print(&t, stdout);
	return 0;
}

int resource_not_had(struct kquorum *k, const char *name, int ret)
{
	if (ret == -ENOENT) {
		cli_error("there is no %s: it is not defined, and nobody holds it or waits", name);
		return KQUORUM_EXIT_NOT_FOUND;
	}
	cli_error("%s", kquorum_error(k));
	return cli_exit_code(ret);
}

static int show(struct kquorum *k, const char *name, struct kquorum_status *st)
{
	int ret = kquorum_resource_get(k, name, show_one, st);

	return ret ? resource_not_had(k, name, ret) : KQUORUM_EXIT_DONE;
}

/* --- the commands --------------------------------------------------------------------------- */

/* What was heard last may be over: an isolated node learns of neither grants nor losses. */
void resource_note_age(const struct kquorum_status *st)
{
	char age[FORMAT_MAX];
	bool known = st->silence_ns != KQUORUM_NEVER;

	if (st->quorum || cli.json)
		return;
	cli_note("no quorum: so it stood when the leader was last heard%s%s%s;\n"
		 "  holders may have lost it since (kquorum status)", known ? ", " : "",
		 known ? format_duration(age, st->silence_ns) : "", known ? " ago" : "");
}

/* @name: NULL: all whose names begin with @prefix. */
static int run(const char *name, const char *prefix)
{
	struct kquorum_status st;
	struct listing l = { .st = &st, .prefix = prefix };
	struct kquorum *k;
	int ret = cli_open(&k);

	if (ret)
		return ret;
	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		ret = cli_exit_code(ret);
	} else {
		ret = name ? show(k, name, &st) : list(k, &l);
		resource_note_age(&st);
	}
	kquorum_close(k);
	return ret;
}

static int run_list(int argc, char **argv)
{
	int at = cli_parse(argc, argv, NULL, NULL);

	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many: list takes one beginning of names",
				argv[at + 1]);
	return run(NULL, at < argc ? cli_resource_name(argv[at]) : "");
}

static int run_show(int argc, char **argv)
{
	int at = cli_parse(argc, argv, NULL, NULL);

	if (argc - at != 1)
		cli_usage_error(at == argc ? "show which one?" : "show takes one name");
	return run(cli_resource_name(argv[at]), NULL);
}

const struct cli_command command_resource_list = {
	.name = "resource list",
	.synopsis = "[PREFIX]",
	.summary = "show what is defined, held or awaited",
	.details = "With PREFIX only what begins with it. IN-USE is how many units of how many, SINCE the time\n"
		   "since the grant, LEFT how much longer it is held at most (-: no end is set); of several holders\n"
		   "that of the one who has it longest, as this node saw it. Without a quorum it is shown as it\n"
		   "was when the leader was last heard, which is said below it.\n",
	.json = true,
	.run = run_list,
};

const struct cli_command command_resource_show = {
	.name = "resource show",
	.synopsis = "NAME",
	.summary = "show who holds one resource, and who waits for it",
	.details = "PLACE is the place in the queue: whoever is first gets it as soon as what is free is enough,\n"
		   "and nobody overtakes. USER is who asked. SINCE is the time since the grant, or since it began\n"
		   "to wait, LEFT how much longer it is held at most (-: no end is set), as this node saw it. An\n"
		   "evicted one has to give it back: kquorum resource release. INFO may be cut to the line; -j has\n"
		   "all of it. What is missing to get it says kquorum resource why. Exit: 66 when there is no NAME.\n",
	.json = true,
	.run = run_show,
};
