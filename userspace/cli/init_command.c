// SPDX-License-Identifier: GPL-2.0
/* kquorum init and kquorum join: what is asked for, and what is told about what was made. */
#include <inttypes.h>
#include <string.h>

#include "init.h"
#include "join.h"
#include "rollout.h"

enum { OPT_FROM = OPT_INIT_END, OPT_TIMEOUT, OPT_NO_DAEMON };

static const struct cli_option init_options[] = {
	INIT_OPTIONS_NODE,
	{ 'p', "peer", "NODE=ADDR[:PORT]", "another node; once for each, on every node the same set" },
	{ OPT_CLUSTER_ID, "cluster-id", "ID", "hexadecimal; the same on all nodes (default: random)" },
	INIT_OPTIONS_LOG,
	{ OPT_FORCE, "force", NULL, "make an existing directory into a new node's" },
	{ OPT_FROM, "from", "FILE", "all of it by one file for all machines: makes, starts and joins" },
	{ OPT_TIMEOUT, "timeout", "TIME", "with --from: how long to wait for all of it (default 10m)" },
	{ OPT_NO_DAEMON, "no-daemon", NULL, "with --from: do not start kquorumd (a service manager does)" },
	{ 0 },
};

static const struct cli_option join_options[] = {
	INIT_OPTIONS_NODE,
	{ 'p', "peer", "NODE=ADDR[:PORT]", "a member; once for each" },
	{ OPT_CLUSTER_ID, "cluster-id", "ID", "the cluster's, hexadecimal" },
	{ OPT_FOUNDERS, "founders", "N", "nodes 1 to N began the cluster" },
	{ OPT_ID, "id", "NODE=N", "the number of a node; once for each, this one too" },
	INIT_OPTIONS_LOG,
	{ OPT_FORCE, "force", NULL, "make it anew where there was a node, whose log is deleted" },
	{ 0 },
};

/* The line that makes member @m, with all that differs from the defaults. */
static void init_line(struct line *l, const struct init *in, const struct kquorum_config_member *m)
{
	char address[KQUORUM_ADDRESS_MAX + 1], quoted[2 * KQUORUM_ADDRESS_MAX];
	const struct kquorum_config *c = &in->c;
	unsigned int i;

	l->at = 0;
	kquorum_address_format(&m->address, address, sizeof(address));
	line_add(l, "kquorum init --name %s --cluster-id %016" PRIx64, c->name, c->cluster_id);
	line_add(l, " --node %s --listen %s", m->name, shell_quote(quoted, sizeof(quoted), address));
	for (i = 0; i < c->n_members; i++) {
		if (c->members[i].id == m->id)
			continue;
		kquorum_address_format(&c->members[i].address, address, sizeof(address));
		line_add(l, " --peer %s=%s", c->members[i].name,
			 shell_quote(quoted, sizeof(quoted), address));
	}
	if (in->given_dir)
		line_add(l, " --dir %s", in->quoted_dir);
	line_settings(l, c);
	if (in->force)
		line_add(l, " --force");
}

static void report_json(const struct init *in)
{
	cJSON *o = cJSON_CreateObject(), *others;
	static struct line line;
	unsigned int i;

	init_json(o, in);
	json_u64(o, "log_bytes", (uint64_t)in->c.segment_bytes * in->c.segments);
	/* The others are members already when this one joins them. */
	others = in->joins ? NULL : cJSON_AddObjectToObject(o, "init_on_others");
	for (i = 0; others && i < in->c.n_members; i++) {
		if (in->c.members[i].id == in->c.node_id)
			continue;
		init_line(&line, in, &in->c.members[i]);
		cJSON_AddStringToObject(others, in->c.members[i].name, line.text);
	}
	json_print(o, false);
}

static void report(const struct init *in)
{
	char size[FORMAT_MAX], of[16] = "";
	static struct line line;
	unsigned int i;

	if (!in->joins)
		snprintf(of, sizeof(of), " of %u", in->c.n_members);
	printf("%s: node %s, id %u%s, cluster id %016" PRIx64 "\n%s: %u segments, %s, filled\n",
	       in->c.name, in->c.node_name, in->c.node_id, of, in->c.cluster_id, in->dir,
	       in->c.segments, format_bytes(size, (uint64_t)in->c.segment_bytes * in->c.segments));
	if (in->joins) {
		printf("\nThen: kquorum start %s%s; what printed this line on the leader takes it from there\n",
		       in->given_dir ? "--dir " : "", in->given_dir ? in->quoted_dir : in->c.name);
		return;
	}
	if (in->c.n_members > 1 && !in->given_id) {
		puts("\nRun on the other machines (--listen may be another address of theirs, with --advertise):");
		for (i = 0; i < in->c.n_members; i++) {
			if (in->c.members[i].id == in->c.node_id)
				continue;
			init_line(&line, in, &in->c.members[i]);
			printf("  %s\n", line.text);
		}
	}
	printf("\nThen%s: kquorum start %s%s\n",
	       in->c.n_members > 1 ? ", on each (it begins when all are up)" : "",
	       in->given_dir ? "--dir " : "", in->given_dir ? in->quoted_dir : in->c.name);
}

static int make_one(struct init *in)
{
	int ret;

	if (in->joins && (!in->given_id || !in->c.founders || !in->n_ids))
		cli_usage_error("--cluster-id, --founders and --id are needed: kquorum member add prints "
				"the whole line");
	init_complete(in);
	ret = init_make(in);
	if (ret)
		return ret;
	if (cli.json)
		report_json(in);
	else
		report(in);
	return KQUORUM_EXIT_DONE;
}

struct made {
	struct init in;			/* first: init_take() sees nothing else */
	struct rollout_options from;
	bool waits;
};

static void take(int key, const char *arg, void *user)
{
	struct made *m = user;

	switch (key) {
	case OPT_FROM:
		m->from.file = arg;
		break;
	case OPT_TIMEOUT:
		m->from.wait_ns = cli_duration("--timeout", arg);
		m->waits = true;
		break;
	case OPT_NO_DAEMON:
		m->from.no_daemon = true;
		break;
	default:
		init_take(key, arg, &m->in);
	}
}

/* FILE is the same on all machines: what is of this one alone may be said besides. */
static void refuse_mixed(const struct made *m)
{
	struct kquorum_config c;

	kquorum_config_defaults(&c);
	memcpy(c.node_name, m->in.c.node_name, sizeof(c.node_name));
	c.listen = m->in.c.listen;
	if (memcmp(&c, &m->in.c, sizeof(c)) || m->in.force || m->in.given_id)
		cli_usage_error("--from goes with --node, --listen, --dir, --timeout and --no-daemon: FILE says the rest");
}

static int run(int argc, char **argv)
{
	struct made made = { .in = { .joins = cli.command == &command_join },
			     .from = { .wait_ns = 600 * NS_PER_SEC } };
	int at;

	kquorum_config_defaults(&made.in.c);
	at = cli_parse(argc, argv, take, &made);
	if (at < argc)
		cli_usage_error("\"%s\" is one word too many", argv[at]);
	if (!made.from.file && (made.waits || made.from.no_daemon))
		cli_usage_error("--timeout and --no-daemon go with --from");
	if (!made.from.file)
		return make_one(&made.in);
	refuse_mixed(&made);
	return rollout_run(&made.in, &made.from);
}

const struct cli_command command_init = {
	.name = "init",
	.synopsis = "--name NAME --node NODE --listen ADDR[:PORT] [--peer NODE=ADDR[:PORT]]...\n"
		    "       kquorum init --from FILE [--node NODE] [--timeout TIME]",
	.summary = "make this machine a node of a cluster",
	.details = "Makes the node's directory, fills its log and prints what to run on the other machines.\n"
		   "Node ids follow from the order of the names (n2 before n10), so they agree everywhere.\n"
		   "  kquorum init --name demo --node n1 --listen 10.0.0.1 --peer n2=10.0.0.2 --peer n3=10.0.0.3\n"
		   "With --from the same command runs on each machine, at any time, again and again: it makes this\n"
		   "machine a node and starts it, and waits until all nodes in FILE are members. They begin the\n"
		   "cluster when all of them are there and none belongs to one; else those that are new join it,\n"
		   "taken in by the same command where the leader runs. FILE has what kquorum.conf has but [node]:\n"
		   "  [cluster]     [members]\n"
		   "  name = demo   n1 = 10.0.0.1   (a line for each; and [settings], [log], [snapshot], [limits])\n",
	.options = init_options,
	.json = true,
	.run = run,
};

const struct cli_command command_join = {
	.name = "join",
	.synopsis = "--name NAME --node NODE --listen ADDR[:PORT] --cluster-id ID --founders N\n"
		    "                       --peer NODE=ADDR[:PORT]... --id NODE=N...",
	.summary = "make this machine a node of a cluster that runs",
	.details = "kquorum member add and kquorum member replace print the whole line. It is the same as init,\n"
		   "with what a cluster that has grown needs: which nodes began it, and everybody's number.\n",
	.options = join_options,
	.json = true,
	.run = run,
};
