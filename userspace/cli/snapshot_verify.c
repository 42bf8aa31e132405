// SPDX-License-Identifier: GPL-2.0
/* kquorum snapshot verify: is a file with a snapshot whole and undamaged? */
#include <inttypes.h>
#include <string.h>

#include "snapshot.h"

enum { OPT_CLUSTER = 256 };

static const struct cli_option options[] = {
	{ OPT_CLUSTER, "cluster-id", "ID", "and of this cluster" },
	{ 0 },
};

static void take(int key, const char *arg, void *user)
{
	uint64_t *cluster = user;

	if (key == OPT_CLUSTER && (parse_hex64(arg, cluster) || !*cluster))
		cli_usage_error("--cluster-id: \"%s\" is not 1 to 16 hexadecimal digits", arg);
}

static void verified_json(cJSON *list, const char *path, const struct snapshot_reader *r)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToArray(list, o);
	cJSON_AddStringToObject(o, "file", path);
	cJSON_AddBoolToObject(o, "whole", !r->error);
	if (!r->error) {
		snapshot_json(o, r);
		return;
	}
	cJSON_AddStringToObject(o, "error", snapshot_error_name(r->error));
	cJSON_AddStringToObject(o, "why", r->why);
	json_u64(o, "offset_bytes", r->offset);
}

static int verify(const char *path, uint64_t cluster, cJSON *list)
{
	struct snapshot_reader r;
	char what[160];

	snapshot_reader_init(&r, cluster, NULL, NULL);
	snapshot_path_read(&r, path);
	if (list)
		verified_json(list, path, &r);
	if (list)
		return snapshot_exit_code(r.error);
	if (r.error)
		return snapshot_complain(path, &r);
	printf("%s: whole\n  %s, cluster id %016" PRIx64 "\n", path,
	       snapshot_describe(&r, what, sizeof(what)),
	       (uint64_t)le64_to_cpu(r.raw.head.cluster));
	return KQUORUM_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	uint64_t cluster = 0;
	int at = cli_parse(argc, argv, take, &cluster), ret = KQUORUM_EXIT_DONE;
	cJSON *list;

	if (at == argc)
		cli_usage_error("verify which file?");
	list = cli.json ? cJSON_CreateArray() : NULL;
	for (; at < argc; at++) {
		int code = verify(argv[at], cluster, list);

		/* The first one that is not whole says what the matter is. */
		if (!ret)
			ret = code;
	}
	if (list)
		json_print(list, false);
	return ret;
}

const struct cli_command command_snapshot_verify = {
	.name = "snapshot verify",
	.synopsis = "[--cluster-id ID] FILE...",
	.summary = "say whether files with snapshots are whole and undamaged",
	.details = "Every byte is checked; \"-\" is the standard input. It says of each that is not whole what is\n"
		   "wrong, and where: cut off, damaged, of a newer version, of another cluster, no snapshot.\n"
		   "The exit status is that of the first one that is not: 1, 66 if there is no such file, 77 if\n"
		   "it may not be read. No module is needed.\n",
	.options = options,
	.json = true,
	.run = run,
};
