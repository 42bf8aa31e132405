// SPDX-License-Identifier: GPL-2.0
/* kquorum snapshot restore: a new cluster, of one node so far, from a snapshot that was kept. */
#include <inttypes.h>
#include <string.h>

#include "seed_file.h"
#include "snapshot.h"

enum { OPT_INDEX = OPT_INIT_END };

static const struct cli_option options[] = {
	INIT_OPTIONS_NODE,
	{ OPT_INDEX, "index", "N", "first log index (default: 2^40 above that of FILE)" },
	INIT_OPTIONS_FILES,
	{ OPT_FORCE, "force", NULL, "make an existing directory into a new node's" },
	{ 0 },
};

struct restore {
	struct init in;
	struct seeding seed;
};

static void take(int key, const char *arg, void *user)
{
	struct restore *r = user;

	if (key == OPT_INDEX)
		r->seed.want.index = cli_number("--index", arg, 1, UINT64_MAX);
	else
		init_take(key, arg, &r->in);
}

static void report(const struct restore *r)
{
	const struct init *in = &r->in;
	char size[FORMAT_MAX];
	cJSON *o;

	if (cli.json) {
		o = cJSON_CreateObject();
		init_json(o, in);
		json_u64(o, "log_bytes", (uint64_t)in->c.segment_bytes * in->c.segments);
		seed_json(o, &r->seed);
		json_print(o, false);
		return;
	}
	printf("%s: node %s, id %u, a new cluster with id %016" PRIx64 "\n", in->c.name,
	       in->c.node_name, in->c.node_id, in->c.cluster_id);
	printf("from index %" PRIu64 " of cluster %016" PRIx64 "; it begins with index %" PRIu64 "\n",
	       le64_to_cpu(r->seed.from.index), le64_to_cpu(r->seed.from.cluster), r->seed.ref.index);
	printf("%s: %u segments, %s, filled\n", in->dir, in->c.segments,
	       format_bytes(size, (uint64_t)in->c.segment_bytes * in->c.segments));
	seed_print_next(in);
}

static int run(int argc, char **argv)
{
	static struct snapshot_reader reader;
	static struct restore r;
	int at, ret;

	kquorum_config_defaults(&r.in.c);
	r.seed.want.how = KQUORUM_LINEAGE_RESTORED;
	at = cli_parse(argc, argv, take, &r);
	if (at == argc)
		cli_usage_error("which snapshot?");
	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	init_complete(&r.in);
	snapshot_reader_init(&reader, 0, seed_take, &r.seed);
	if (snapshot_path_read(&reader, argv[at]))
		return snapshot_complain(argv[at], &reader);
	if (!reader.has_conf) {
		cli_error("%s was saved before its cluster had begun: there is nothing in it", argv[at]);
		return KQUORUM_EXIT_ERROR;
	}
	seed_from(&r.seed, &reader);
	ret = seed_directory(&r.in, &r.seed);
	if (!ret)
		report(&r);
	return ret;
}

const struct cli_command command_snapshot_restore = {
	.name = "snapshot restore",
	.synopsis = "FILE --name NAME --node NODE --listen ADDR[:PORT] [OPTION]...",
	.summary = "make a new cluster from a snapshot",
	.details = "The cluster in FILE may be gone, or run on: this is another one, with an id of its own, of\n"
		   "this node alone until others are added. What resources were made stays; sessions and locks are\n"
		   "no part of it. Its indexes, and so its fencing tokens, begin above all that the other one can\n"
		   "have given away since.\n"
		   "Its settings are those of the other one (kquorum settings): for a lease and its guard after\n"
		   "the start nothing is granted, so that whoever held something has lost it by then.\n"
		   "  kquorum snapshot restore backup.kqs --name demo --node n1 --listen 10.0.0.1\n",
	.options = options,
	.json = true,
	.run = run,
};
