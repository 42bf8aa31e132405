// SPDX-License-Identifier: GPL-2.0
/* kquorum stop: the node leaves the kernel and gives its files back. */
#include <errno.h>

#include "cli.h"

enum { OPT_FORCE = 256 };

static const struct cli_option options[] = {
	{ OPT_FORCE, "force", NULL, "do not hand over leadership first" },
	{ 'w', "wait", "TIME", "how long to wait for the end (default 30s)" },
	{ 0 },
};

struct stop {
	bool force;
	uint64_t wait_ns;
};

static void take(int key, const char *arg, void *user)
{
	struct stop *s = user;

	if (key == OPT_FORCE)
		s->force = true;
	else
		s->wait_ns = cli_duration("--wait", arg);
}

static int stop(struct kquorum *k, const struct stop *s)
{
	uint64_t until = now_ns() + s->wait_ns;
	struct kquorum_status st;
	int ret;

	ret = kquorum_status(k, &st);
	if (ret == -ENODEV) {
		if (cli.json)
			puts("{\"stopped\":true,\"was_running\":false}");
		else
			puts("no node runs here");
		return KQUORUM_EXIT_DONE;
	}
	ret = kquorum_node_stop(k, s->force);
	/* -EALREADY: somebody else is stopping it, which is what was asked for. */
	if (ret && ret != -ENODEV && ret != -EALREADY) {
		cli_error("%s", kquorum_error(k));
		return cli_exit_code(ret);
	}
	for (;;) {
		struct kquorum_status now;

		ret = kquorum_status(k, &now);
		if (ret == -ENODEV)
			break;
		if (ret) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		if (now_ns() >= until) {
			cli_error("the node is still stopping; it goes on by itself%s",
				  s->force ? "" : " (--force does not wait for a successor)");
			return KQUORUM_EXIT_BLOCKED;
		}
		sleep_ms(20);
	}
	if (cli.json)
		puts("{\"stopped\":true,\"was_running\":true}");
	else
		printf("%s: node %s stopped\n", st.name, node_name(&st, st.node_id));
	return KQUORUM_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct stop s = { .wait_ns = 30 * NS_PER_SEC };
	int at = cli_parse(argc, argv, take, &s), ret;
	struct kquorum *k;

	if (at < argc)
		cli_usage_error("\"%s\" is one word too many", argv[at]);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = stop(k, &s);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_stop = {
	.name = "stop",
	.synopsis = "[--force] [--wait TIME]",
	.summary = "stop this machine's node: hand over, leave the kernel, close the files",
	.details = "What the node's locks protected is given up. A daemon that kquorum start ran ends too.\n",
	.options = options,
	.json = true,
	.run = run,
};
