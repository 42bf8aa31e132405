// SPDX-License-Identifier: GPL-2.0
/* kquorum snapshot show: what is in a file with a snapshot. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

enum { OPT_CLAIMS = 256, OPT_RESOURCES };

static const struct cli_option options[] = {
	{ OPT_CLAIMS, "claims", NULL, "list who holds what and who waits, one by one" },
	{ OPT_RESOURCES, "resources", NULL, "list the resources that are defined" },
	{ 0 },
};

/* What is in it is kept until its end has been seen, for only then it is known to be good. */
struct contents {
	bool list_claims, list_pools;
	bool has_conf;
	struct snapshot_conf conf;
	/* Names by id, for node_name(): members, else who left with that number last. */
	struct kquorum_status names;
	struct snapshot_session session[KQUORUM_MAX_NODES];
	unsigned int n_sessions;
	struct snapshot_claim *claims;
	size_t n_claims, room;
	struct snapshot_pool *pools;
	size_t n_pools, pool_room;
	void *payload;
};

static void keep_names(struct contents *c)
{
	const struct kq_conf *conf = &c->conf.conf;
	kq_nodes all = kq_conf_members(conf) | conf->left;
	uint32_t id;

	kq_for_each_node(all, id) {
		const struct kquorum_conf_member *m = kq_conf_member(c->payload, conf, id);
		const struct kquorum_conf_left *l = kq_conf_left(c->payload, conf, id);
		struct kquorum_peer_status *p = &c->names.peers[c->names.n_peers++];

		p->id = id;
		snprintf(p->name, sizeof(p->name), "%s", m ? m->name : l->name);
		if (m)
			snprintf(p->address, sizeof(p->address), "%s", m->address);
		p->promote = m && m->flags & KQUORUM_CONF_PROMOTE;
	}
	c->names.voters = conf->voters;
	c->names.outgoing = conf->outgoing;
	c->names.learners = conf->learners;
	c->names.conf_index = c->conf.index;
}

static void keep_conf(struct contents *c, const struct snapshot_conf *conf)
{
	c->has_conf = true;
	c->conf = *conf;
	c->payload = malloc(conf->bytes);
	if (!c->payload)
		abort();
	memcpy(c->payload, conf->payload, conf->bytes);
	c->conf.payload = c->payload;
	keep_names(c);
}

/* Room for one more of @size bytes behind @n others. */
static void *more_room(void *all, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return all;
	*room = *room ? 2 * *room : 64;
	all = reallocarray(all, *room, size);
	if (!all)
		abort();
	return all;
}

static void keep_claim(struct contents *c, const struct snapshot_claim *claim)
{
	if (!c->list_claims)
		return;
	c->claims = more_room(c->claims, c->n_claims, &c->room, sizeof(*claim));
	c->claims[c->n_claims++] = *claim;
}

static void keep_pool(struct contents *c, const struct snapshot_pool *pool)
{
	if (!c->list_pools)
		return;
	c->pools = more_room(c->pools, c->n_pools, &c->pool_room, sizeof(*pool));
	c->pools[c->n_pools++] = *pool;
}

static int keep(const struct snapshot_record *r, void *user)
{
	struct contents *c = user;

	switch (r->type) {
	case KQ_SNAP_CONF:
		keep_conf(c, &r->conf);
		break;
	case KQ_SNAP_SESSION:
		c->session[c->n_sessions++] = r->session;
		break;
	case KQ_SNAP_POOL:
		keep_pool(c, &r->pool);
		break;
	default:
		keep_claim(c, &r->claim);
	}
	return 0;
}

static int compare_names(const char *a, uint32_t a_bytes, const char *b, uint32_t b_bytes)
{
	int d = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);

	return d ? d : a_bytes < b_bytes ? -1 : a_bytes > b_bytes;
}

/* By resource; the holders first, then the queue, each as it came: in that order they were granted. */
static int compare_claims(const void *a, const void *b)
{
	const struct snapshot_claim *x = a, *y = b;
	int d = compare_names(x->resource, x->resource_bytes, y->resource, y->resource_bytes);

	if (d)
		return d;
	if (!x->token != !y->token)
		return x->token ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_pools(const void *a, const void *b)
{
	const struct snapshot_pool *x = a, *y = b;

	return compare_names(x->resource, x->resource_bytes, y->resource, y->resource_bytes);
}

static const char *resource_name(const struct snapshot_claim *c, char *buf, size_t size)
{
	format_text(buf, size, c->resource, c->resource_bytes);
	return buf;
}

static const char *comm_of(const struct snapshot_claim *c, char *buf, size_t size)
{
	format_text(buf, size, c->comm, strlen(c->comm));
	return buf;
}

/* --- text ----------------------------------------------------------------------------------- */

static void print_members(const struct contents *c)
{
	const struct kquorum_status *st = &c->names;
	struct table t = { 0 };
	unsigned int i;

	printf("\nconfiguration of index %" PRIu64 ", term %" PRIu64 ":\n", c->conf.index,
	       c->conf.term);
	table_row(&t, 4, (const char *[]){ "ID", "NODE", "ADDRESS", "ROLE" });
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];
		char id[FORMAT_MAX];

		if (!status_is_member(st, p->id))
			continue;
		snprintf(id, sizeof(id), "%u", p->id);
		table_row(&t, 4, (const char *[]){ id, p->name[0] ? p->name : NULL,
			  p->address[0] ? p->address : NULL,
			  p->promote ? "learner, to be promoted" : node_role(st, p->id) });
	}
	table_print(&t, stdout);
}

/* A number that was given again names its node above, so here stands who had it. */
static void print_left(const struct contents *c)
{
	uint32_t id;

	kq_for_each_node(c->conf.conf.left, id) {
		const struct kquorum_conf_left *l = kq_conf_left(c->payload, &c->conf.conf, id);

		printf("has left: %s, number %u\n", l->name[0] ? l->name : "one without a name", id);
	}
}

static void print_sessions(const struct contents *c)
{
	struct table t = { 0 };
	unsigned int i;

	if (!c->n_sessions)
		return;
	putchar('\n');
	table_row(&t, 3, (const char *[]){ "NODE", "SESSION", "STATE" });
	for (i = 0; i < c->n_sessions; i++) {
		const struct snapshot_session *s = &c->session[i];
		char id[FORMAT_MAX], state[FORMAT_MAX + 24], left[FORMAT_MAX];

		snprintf(id, sizeof(id), "%" PRIu64, s->id ? s->id : s->last_id);
		snprintf(state, sizeof(state), "silent, %s left",
			 format_duration(left, s->left_ns));
		table_row(&t, 3, (const char *[]){ node_name(&c->names, s->node), id,
			  !s->id ? "over" : s->silent ? state : "open" });
	}
	table_print(&t, stdout);
}

static void print_claims(const struct contents *c)
{
	struct table t = { 0 };
	size_t i;

	if (!c->n_claims)
		return;
	putchar('\n');
	table_row(&t, 9, (const char *[]){ "RESOURCE", "NODE", "STATE", "TOKEN", "PID", "COMMAND",
					   "INDEX", "HAS/ASKS", "INFO" });
	for (i = 0; i < c->n_claims; i++) {
		const struct snapshot_claim *l = &c->claims[i];
		char name[4 * KQUORUM_RESOURCE_NAME_MAX + 1], token[FORMAT_MAX], pid[FORMAT_MAX],
		     comm[4 * KQUORUM_COMM_MAX + 1], index[FORMAT_MAX], what[CLAIM_WHAT_MAX],
		     info[4 * KQUORUM_INFO_MAX + 1];

		snprintf(token, sizeof(token), "%" PRIu64, l->token);
		snprintf(pid, sizeof(pid), "%u", l->pid);
		snprintf(index, sizeof(index), "%" PRIu64, l->index);
		format_text(info, sizeof(info), l->info, l->info_bytes);
		table_row(&t, 9, (const char *[]){ resource_name(l, name, sizeof(name)),
			  node_name(&c->names, l->node), l->token ? "holds" : "waits",
			  l->token ? token : NULL, pid, comm_of(l, comm, sizeof(comm)), index,
			  claim_what(what, l->mode, l->units, l->numbers), *info ? info : NULL });
	}
	table_fit(&t);
	table_print(&t, stdout);
}

static void print_pools(const struct contents *c)
{
	struct table t = { 0 };
	size_t i;

	if (!c->n_pools)
		return;
	putchar('\n');
	table_row(&t, 10, (const char *[]){ "RESOURCE", "UNITS", "MAX-WAITERS", "LEASE", "MAX-HOLD", "OWNER",
					    "GROUP", "MODE", "FENCE", "INDEX" });
	for (i = 0; i < c->n_pools; i++) {
		const struct snapshot_pool *p = &c->pools[i];
		char name[4 * KQUORUM_RESOURCE_NAME_MAX + 1], units[FORMAT_MAX], most[FORMAT_MAX],
		     lease[FORMAT_MAX], hold[FORMAT_MAX], uid[FORMAT_MAX], gid[FORMAT_MAX], mode[FORMAT_MAX],
		     fence[FORMAT_MAX], index[FORMAT_MAX];

		format_text(name, sizeof(name), p->resource, p->resource_bytes);
		snprintf(units, sizeof(units), "%u", p->units);
		snprintf(most, sizeof(most), "%u", p->max_waiters);
		snprintf(index, sizeof(index), "%" PRIu64, p->index);
		format_duration(lease, p->ttl_ms ? p->ttl_ms * NS_PER_MS : KQUORUM_NEVER);
		format_duration(hold, p->hold_ms ? p->hold_ms * NS_PER_MS : KQUORUM_NEVER);
		snprintf(uid, sizeof(uid), "%u", p->uid);
		snprintf(gid, sizeof(gid), "%u", p->gid);
		snprintf(mode, sizeof(mode), "%04o", p->mode);
		snprintf(fence, sizeof(fence), "%" PRIu64, p->fence);
		table_row(&t, 10, (const char *[]){ name, units, p->max_waiters ? most : NULL, lease,
						    hold, uid, gid, mode, p->fenced ? fence : NULL, index });
	}
	table_print(&t, stdout);
}

static void print_contents(const struct contents *c, const struct snapshot_reader *r,
			   const char *path)
{
	char what[160];

	printf("%s: a snapshot of cluster id %016" PRIx64 "\n", path,
	       (uint64_t)le64_to_cpu(r->raw.head.cluster));
	printf("%s\n", snapshot_describe(r, what, sizeof(what)));
	printf("state sum %016" PRIx64 ", the same on all nodes at this index\n",
	       snapshot_state_sum(r));
	printf("%s\n", snapshot_count(r, what, sizeof(what)));
	if (c->has_conf) {
		print_members(c);
		print_left(c);
	} else {
		puts("\nno configuration: the cluster had not begun");
	}
	print_sessions(c);
	print_pools(c);
	print_claims(c);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void conf_json(cJSON *o, const struct contents *c)
{
	const struct kquorum_status *st = &c->names;
	cJSON *conf = cJSON_AddObjectToObject(o, "configuration"), *list, *row;
	unsigned int i;
	uint32_t id;

	json_u64(conf, "index", c->conf.index);
	json_u64(conf, "term", c->conf.term);
	list = cJSON_AddArrayToObject(conf, "members");
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (!status_is_member(st, p->id))
			continue;
		row = cJSON_CreateObject();
		cJSON_AddItemToArray(list, row);
		json_u64(row, "id", p->id);
		cJSON_AddStringToObject(row, "node", p->name);
		cJSON_AddStringToObject(row, "address", p->address);
		cJSON_AddStringToObject(row, "role", node_role(st, p->id));
		cJSON_AddBoolToObject(row, "promote", p->promote);
	}
	list = cJSON_AddArrayToObject(conf, "left");
	kq_for_each_node(c->conf.conf.left, id) {
		row = cJSON_CreateObject();
		cJSON_AddItemToArray(list, row);
		json_u64(row, "id", id);
		cJSON_AddStringToObject(row, "node",
					kq_conf_left(c->payload, &c->conf.conf, id)->name);
	}
}

static void sessions_json(cJSON *o, const struct contents *c)
{
	cJSON *list = cJSON_AddArrayToObject(o, "session_list"), *row;
	unsigned int i;

	for (i = 0; i < c->n_sessions; i++) {
		const struct snapshot_session *s = &c->session[i];

		row = cJSON_CreateObject();
		cJSON_AddItemToArray(list, row);
		cJSON_AddStringToObject(row, "node", node_name(&c->names, s->node));
		json_u64(row, "id", s->node);
		json_u64(row, "session", s->id);
		json_u64(row, "last_session", s->last_id);
		cJSON_AddBoolToObject(row, "silent", s->silent);
		json_time(row, "left_ms", s->silent ? s->left_ns : KQUORUM_NEVER);
	}
}

static void claims_json(cJSON *o, const struct contents *c)
{
	cJSON *list = cJSON_AddArrayToObject(o, "claim_list"), *row;
	char text[4 * KQUORUM_RESOURCE_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < c->n_claims; i++) {
		const struct snapshot_claim *l = &c->claims[i];

		row = cJSON_CreateObject();
		cJSON_AddItemToArray(list, row);
		cJSON_AddStringToObject(row, "resource", resource_name(l, text, sizeof(text)));
		cJSON_AddStringToObject(row, "node", node_name(&c->names, l->node));
		cJSON_AddStringToObject(row, "state", l->token ? "holds" : "waits");
		json_u64(row, "token", l->token);
		json_u64(row, "pid", l->pid);
		cJSON_AddStringToObject(row, "comm", comm_of(l, text, sizeof(text)));
		json_u64(row, "session", l->session);
		json_u64(row, "owner", l->owner);
		json_u64(row, "index", l->index);
		claim_what_json(row, l->mode, l->units, l->numbers);
		format_text(text, sizeof(text), l->info, l->info_bytes);
		cJSON_AddStringToObject(row, "info", text);
		json_u64(row, "uid", l->uid);
		json_u64(row, "ttl_ms", l->ttl_ms);
		json_u64(row, "hold_ms", l->hold_ms);
		cJSON_AddBoolToObject(row, "evicted", l->evicted);
	}
}

static void pools_json(cJSON *o, const struct contents *c)
{
	cJSON *list = cJSON_AddArrayToObject(o, "resource_list"), *row;
	char text[4 * KQUORUM_RESOURCE_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < c->n_pools; i++) {
		const struct snapshot_pool *p = &c->pools[i];

		row = cJSON_CreateObject();
		cJSON_AddItemToArray(list, row);
		format_text(text, sizeof(text), p->resource, p->resource_bytes);
		cJSON_AddStringToObject(row, "resource", text);
		json_u64(row, "units", p->units);
		json_u64(row, "max_waiters", p->max_waiters);
		json_u64(row, "ttl_ms", p->ttl_ms);
		json_u64(row, "hold_ms", p->hold_ms);
		json_u64(row, "uid", p->uid);
		json_u64(row, "gid", p->gid);
		snprintf(text, sizeof(text), "%04o", p->mode);
		cJSON_AddStringToObject(row, "access", text);
		cJSON_AddBoolToObject(row, "fenced", p->fenced);
		json_u64(row, "fence_token", p->fence);
		json_u64(row, "index", p->index);
	}
}

static void print_json(const struct contents *c, const struct snapshot_reader *r, const char *path)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "file", path);
	json_u64(o, "version", le16_to_cpu(r->raw.head.version));
	snapshot_json(o, r);
	if (c->has_conf)
		conf_json(o, c);
	else
		cJSON_AddNullToObject(o, "configuration");
	sessions_json(o, c);
	if (c->list_pools)
		pools_json(o, c);
	if (c->list_claims)
		claims_json(o, c);
	json_print(o, false);
}

/* -------------------------------------------------------------------------------------------- */

static void take(int key, const char *arg, void *user)
{
	struct contents *c = user;

	(void)arg;
	if (key == OPT_CLAIMS)
		c->list_claims = true;
	else
		c->list_pools = true;
}

static int run(int argc, char **argv)
{
	static struct contents c;
	int at = cli_parse(argc, argv, take, &c), ret;
	struct snapshot_reader r;

	if (argc - at != 1)
		cli_usage_error(at == argc ? "show which file?" : "show takes one file");
	snapshot_reader_init(&r, 0, keep, &c);
	ret = snapshot_path_read(&r, argv[at]);
	if (c.n_claims)
		qsort(c.claims, c.n_claims, sizeof(*c.claims), compare_claims);
	if (c.n_pools)
		qsort(c.pools, c.n_pools, sizeof(*c.pools), compare_pools);
	if (ret)
		ret = snapshot_complain(argv[at], &r);
	else if (cli.json)
		print_json(&c, &r, argv[at]);
	else
		print_contents(&c, &r, argv[at]);
	free(c.claims);
	free(c.pools);
	free(c.payload);
	return ret;
}

const struct cli_command command_snapshot_show = {
	.name = "snapshot show",
	.synopsis = "[--claims] [--resources] FILE",
	.summary = "show what is in a file with a snapshot",
	.details = "Whose it is, of which index of the log, who belongs to the cluster and who has left, the\n"
		   "nodes' sessions, how many hold something or wait, and how many resources are defined. \"-\" is\n"
		   "the standard input. Nothing is shown of a file that is not whole. No module is needed.\n",
	.options = options,
	.json = true,
	.run = run,
};
