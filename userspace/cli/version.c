// SPDX-License-Identifier: GPL-2.0
/* kquorum version: of this program, of the interface, of the module. */
#include <errno.h>
#include <string.h>

#include "cli.h"

static void read_module_version(char *buf, size_t size)
{
	FILE *f = fopen("/sys/module/kquorum/version", "re");

	buf[0] = '\0';
	if (f && fgets(buf, size, f))
		buf[strcspn(buf, "\n")] = '\0';
	if (f)
		fclose(f);
}

static int run(int argc, char **argv)
{
	int at = cli_parse(argc, argv, NULL, NULL), ret;
	char module[64], err[512];
	struct kquorum *k;
	cJSON *o;

	if (at < argc)
		cli_usage_error("\"%s\" is one word too many", argv[at]);
	read_module_version(module, sizeof(module));
	ret = kquorum_open(&k, err, sizeof(err));
	if (cli.json) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "version", KQUORUM_VERSION);
		json_u64(o, "interface_version", KQUORUM_GENL_VERSION);
		cJSON_AddBoolToObject(o, "module_usable", !ret);
		if (module[0])
			cJSON_AddStringToObject(o, "module_version", module);
		else
			cJSON_AddNullToObject(o, "module_version");
		json_print(o, false);
	} else {
		printf("kquorum %s, interface version %d\n", KQUORUM_VERSION, KQUORUM_GENL_VERSION);
		printf("module: %s%s%s\n", ret ? err : "loaded", module[0] ? ", version " : "", module);
	}
	kquorum_close(k);
	return KQUORUM_EXIT_DONE;
}

const struct cli_command command_version = {
	.name = "version",
	.synopsis = "[--json]",
	.summary = "show the versions of this program, the interface and the module",
	.json = true,
	.run = run,
};
