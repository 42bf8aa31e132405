// SPDX-License-Identifier: GPL-2.0
/* kquorum transfer: another node shall lead. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "cli.h"

static const struct cli_option options[] = {
	{ 'w', "wait", "TIME", "how long to wait for the new leader (default 10s)" },
	{ 0 },
};

static void take(int key, const char *arg, void *user)
{
	(void)key;
	*(uint64_t *)user = cli_duration("--wait", arg);
}

/* A node by name or number; 0: there is none. */
static uint32_t find_node(const struct kquorum_status *st, const char *text)
{
	unsigned int i;
	uint64_t id;

	for (i = 0; i < st->n_peers; i++)
		if (!strcmp(st->peers[i].name, text))
			return st->peers[i].id;
	if (!parse_number(text, &id) && id <= KQUORUM_MAX_NODES && kquorum_status_peer(st, id))
		return id;
	return 0;
}

static int wait_leader(struct kquorum *k, struct kquorum_events *e, uint32_t from, uint32_t to,
		       uint64_t until)
{
	struct kquorum_status st;

	for (;;) {
		struct pollfd p = { kquorum_events_fd(e), POLLIN, 0 };
		struct kquorum_event_record record;
		int ret = kquorum_status(k, &st);

		if (ret) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		if (st.quorum && st.leader && (to ? st.leader == to : st.leader != from))
			break;
		if (now_ns() >= until) {
			if (st.quorum)
				cli_error("no: the leader is still %s", node_name(&st, st.leader));
			else
				cli_error("no leader yet: kquorum status says why");
			return st.quorum ? KQUORUM_EXIT_BLOCKED : KQUORUM_EXIT_NO_QUORUM;
		}
		poll(&p, 1, poll_ms(until, 200));
		while (!(ret = kquorum_events_read(e, &record)) || ret == -ENOBUFS)
			;
	}
	if (cli.json) {
		cJSON *o = cJSON_CreateObject();

		json_u64(o, "leader", st.leader);
		cJSON_AddStringToObject(o, "leader_node", node_name(&st, st.leader));
		json_u64(o, "term", st.term);
		json_print(o, false);
	} else {
		printf("leader %s, term %llu\n", node_name(&st, st.leader), (unsigned long long)st.term);
	}
	return KQUORUM_EXIT_DONE;
}

static int transfer(struct kquorum *k, struct kquorum_events *e, const char *node, uint64_t wait_ns)
{
	struct kquorum_status st;
	uint32_t to = 0;
	int ret;

	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		return cli_exit_code(ret);
	}
	if (node) {
		to = find_node(&st, node);
		if (!to) {
			cli_error("no node %s in cluster %s", node, st.name);
			return KQUORUM_EXIT_NOT_FOUND;
		}
	}
	if (!st.quorum) {
		cli_error("there is no leader to hand over: kquorum status says why");
		return KQUORUM_EXIT_NO_QUORUM;
	}
	if (st.role != KQUORUM_LEADER && to != st.leader) {
		cli_error("only the leader hands over: run this on %s", node_name(&st, st.leader));
		return KQUORUM_EXIT_ERROR;
	}
	if (to && to == st.leader)
		return wait_leader(k, e, st.leader, to, 0);
	ret = kquorum_transfer(k, to);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		return cli_exit_code(ret);
	}
	return wait_leader(k, e, st.leader, to, now_ns() + wait_ns);
}

static int run(int argc, char **argv)
{
	uint64_t wait_ns = 10 * NS_PER_SEC;
	int at = cli_parse(argc, argv, take, &wait_ns), ret;
	struct kquorum_events *e;
	struct kquorum *k;
	char err[512];

	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = kquorum_events_open(&e, err, sizeof(err));
	if (ret) {
		cli_error("%s", err);
		ret = cli_exit_code(ret);
	} else {
		ret = transfer(k, e, at < argc ? argv[at] : NULL, wait_ns);
	}
	kquorum_events_close(e);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_transfer = {
	.name = "transfer",
	.synopsis = "[NODE] [--wait TIME]",
	.summary = "hand leadership to NODE, or to the most up-to-date one",
	.details = "To be run on the leader.\n",
	.options = options,
	.json = true,
	.run = run,
};
