// SPDX-License-Identifier: GPL-2.0
/* kquorum resource: who holds what, since when, and who waits. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct listing {
	const struct kquorum_status *st;
	struct table table;
	cJSON *array;
	unsigned int count;
};

static cJSON *claim_json(const struct kquorum_claim *c, const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "node", node_name(st, c->node));
	json_u64(o, "node_id", c->node);
	json_u64(o, "pid", c->pid);
	cJSON_AddStringToObject(o, "comm", c->comm);
	json_u64(o, "token", c->token);
	json_u64(o, "session", c->session);
	json_u64(o, "owner", c->owner);
	json_u64(o, "index", c->index);
	json_time(o, "age_ms", c->age_ns);
	return o;
}

static cJSON *resource_json(const struct kquorum_resource *r, const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject(), *queue;
	unsigned int i;

	cJSON_AddStringToObject(o, "resource", r->name);
	json_u64(o, "token", r->token);
	if (r->n_claims && r->claims[0].token)
		cJSON_AddItemToObject(o, "holder", claim_json(&r->claims[0], st));
	else
		cJSON_AddNullToObject(o, "holder");
	queue = cJSON_AddArrayToObject(o, "queue");
	for (i = 0; i < r->n_claims; i++)
		if (!r->claims[i].token)
			cJSON_AddItemToArray(queue, claim_json(&r->claims[i], st));
	return o;
}

static int list_one(const struct kquorum_resource *r, void *user)
{
	char token[FORMAT_MAX], pid[FORMAT_MAX], age[FORMAT_MAX], waiting[FORMAT_MAX];
	const struct kquorum_claim *holder = r->n_claims && r->claims[0].token ? r->claims : NULL;
	struct listing *l = user;

	l->count++;
	if (cli.json) {
		cJSON_AddItemToArray(l->array, resource_json(r, l->st));
		return 0;
	}
	snprintf(token, sizeof(token), "%" PRIu64, r->token);
	snprintf(waiting, sizeof(waiting), "%u", r->n_claims - !!holder);
	if (holder)
		snprintf(pid, sizeof(pid), "%u", holder->pid);
	table_row(&l->table, 7, (const char *[]){
		r->name, holder ? node_name(l->st, holder->node) : NULL, holder ? pid : NULL,
		holder ? holder->comm : NULL, format_duration(age, holder ? holder->age_ns : KQUORUM_NEVER),
		waiting, r->token ? token : NULL });
	return 0;
}

static int show_one(const struct kquorum_resource *r, void *user)
{
	const struct kquorum_status *st = ((struct listing *)user)->st;
	struct table t = { 0 };
	unsigned int i, place = 0;

	if (cli.json) {
		json_print(resource_json(r, st), false);
		return 0;
	}
	printf("%s: %s, token %" PRIu64 "\n", r->name,
	       r->n_claims && r->claims[0].token ? "held" : "free", r->token);
	if (!r->n_claims)
		return 0;
	table_row(&t, 7, (const char *[]){ "PLACE", "NODE", "PID", "COMMAND", "SINCE", "SESSION", "OWNER" });
	for (i = 0; i < r->n_claims; i++) {
		const struct kquorum_claim *c = &r->claims[i];
		char number[FORMAT_MAX], pid[FORMAT_MAX], age[FORMAT_MAX], session[FORMAT_MAX],
		     owner[FORMAT_MAX];

		if (c->token)
			snprintf(number, sizeof(number), "holder");
		else
			snprintf(number, sizeof(number), "%u", ++place);
		snprintf(pid, sizeof(pid), "%u", c->pid);
		snprintf(session, sizeof(session), "%" PRIu64, c->session);
		snprintf(owner, sizeof(owner), "%" PRIu64, c->owner);
		table_row(&t, 7, (const char *[]){ number, node_name(st, c->node), pid, c->comm,
						   format_duration(age, c->age_ns), session, owner });
	}
	table_print(&t, stdout);
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
		table_row(&l->table, 7, (const char *[]){ "RESOURCE", "HOLDER", "PID", "COMMAND", "SINCE",
							  "WAITING", "TOKEN" });
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
		puts("nobody holds or awaits anything");
	}
	drop(l);
	return KQUORUM_EXIT_DONE;
}

static int show(struct kquorum *k, const char *name, struct listing *l)
{
	int ret = kquorum_resource_get(k, name, show_one, l);

	if (!ret)
		return KQUORUM_EXIT_DONE;
	if (ret == -ENOENT) {
		cli_error("nobody holds or awaits %s", name);
		return KQUORUM_EXIT_NOT_FOUND;
	}
	cli_error("%s", kquorum_error(k));
	return cli_exit_code(ret);
}

/* What was heard last may be over: an isolated node learns of neither grants nor losses. */
static void note_age(const struct kquorum_status *st)
{
	char age[FORMAT_MAX];
	bool known = st->silence_ns != KQUORUM_NEVER;

	if (st->quorum || cli.json)
		return;
	cli_note("no quorum: so it stood when the leader was last heard%s%s%s;\n"
		 "  holders may have lost it since (kquorum status)", known ? ", " : "",
		 known ? format_duration(age, st->silence_ns) : "", known ? " ago" : "");
}

static int run(int argc, char **argv)
{
	int at = cli_parse(argc, argv, NULL, NULL), ret;
	const char *verb = at < argc ? argv[at] : NULL, *name = NULL;
	struct kquorum_status st;
	struct listing l = { .st = &st };
	struct kquorum *k;

	if (!verb)
		cli_usage_error("list or show?");
	if (!strcmp(verb, "show")) {
		if (argc - at != 2)
			cli_usage_error("show which one?");
		name = cli_resource_name(argv[at + 1]);
	} else if (strcmp(verb, "list") || argc - at != 1) {
		cli_usage_error(strcmp(verb, "list") ? "\"%s\" is neither list nor show" :
				"%s takes no name", verb);
	}
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		ret = cli_exit_code(ret);
	} else {
		ret = name ? show(k, name, &l) : list(k, &l);
		note_age(&st);
	}
	kquorum_close(k);
	return ret;
}

const struct cli_command command_resource = {
	.name = "resource",
	.synopsis = "list | show NAME",
	.summary = "show who holds what, and who waits",
	.details = "SINCE is the time since the grant, or since it began to wait, as this node saw it. Without a\n"
		   "quorum it is shown as it was when the leader was last heard, which is said below it.\n",
	.json = true,
	.run = run,
};
