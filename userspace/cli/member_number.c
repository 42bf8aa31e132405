// SPDX-License-Identifier: GPL-2.0
/*
 * The number that a machine gets which is to become a member, and the line with it, to be run
 * there. The number is held while the command waits, so that no other command gives it away.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "join.h"
#include "member.h"
#include "reserve.h"

void member_release_number(struct member_number *n)
{
	if (n->reservation >= 0)
		close(n->reservation);
	n->reservation = -1;
}

/* @others: numbers that are promised to machines which are not there yet. */
static int no_number(const struct kquorum_status *st, uint32_t others)
{
	char names[128];
	uint32_t seen = 0;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		seen |= node_bit(st->peers[i].id);
	seen &= ~status_members(st);
	nodes_names(st, seen, 80, names, sizeof(names));
	if (others)
		cli_error("no number is free: other kquorum member commands wait for new machines");
	else if (!seen)
		cli_error("a cluster has at most %d nodes: kquorum member remove one first",
			  KQUORUM_MAX_NODES);
	else
		cli_error("no number is free, for these were seen that are no members:\n  %s\n"
			  "  kquorum stop there, and they are forgotten in half a minute", names);
	return KQUORUM_EXIT_ERROR;
}

static int hold(const struct member_job *j, const struct kquorum_status *st, uint32_t id,
		struct reservation *other, char *why, size_t size)
{
	return reserve_number(st->cluster_id, id, j->name, other, why, size);
}

int member_choose_number(struct member_number *n, struct member_job *j,
			 const struct kquorum_status *st)
{
	uint32_t others = 0, id = j->given_id;
	struct reservation other = { 0 };
	int ret = -EWOULDBLOCK;
	char why[256];

	member_release_number(n);
	if (id)
		ret = hold(j, st, id, &other, why, sizeof(why));
	while (!j->given_id && ret == -EWOULDBLOCK && strcmp(other.name, j->name) &&
	       (id = member_free_id(st, others))) {
		ret = hold(j, st, id, &other, why, sizeof(why));
		others |= node_bit(id);
	}
	if (!id)
		return no_number(st, others);
	if (ret == -EWOULDBLOCK && !strcmp(other.name, j->name)) {
		cli_error("another kquorum member, process %d, waits for %s with number %u already:\n"
			  "  run on the new machine the line that it printed; or end it, and ask anew",
			  other.pid, j->name, id);
		return KQUORUM_EXIT_BLOCKED;
	}
	if (ret == -EWOULDBLOCK) {
		cli_error("another kquorum member waits for the new machine with number %u", id);
		return KQUORUM_EXIT_BLOCKED;
	}
	if (ret < 0) {
		cli_error("no number can be held for the new machine: %s", why);
		return cli_exit_code(ret);
	}
	n->reservation = ret;
	j->id = id;
	return 0;
}

static void print_line_json(const struct member_number *n, const struct member_job *j,
			    const struct kquorum_status *st, const char *line, const char *remark)
{
	cJSON *o = cJSON_CreateObject();
	char start[64];

	snprintf(start, sizeof(start), "kquorum start %s", st->name);
	cJSON_AddStringToObject(o, "node", j->name);
	json_u64(o, "id", j->id);
	if (n->told_id)
		json_u64(o, "void_id", n->told_id);
	else
		cJSON_AddNullToObject(o, "void_id");
	cJSON_AddStringToObject(o, "join_command", line);
	cJSON_AddStringToObject(o, "remark", remark);
	cJSON_AddStringToObject(o, "start_command", start);
	json_print(o, true);
}

void member_print_line(struct member_number *n, const struct member_job *j,
		       const struct kquorum_status *st)
{
	struct joiner joiner = { j->id, j->old, j->name, j->address };
	const struct kquorum_peer_status *p = kquorum_status_peer(st, j->id);
	static struct line line, remark;

	if (n->told_id == j->id)
		return;
	/* The machine that it goes on with has the line already. */
	if (!(j->given_id && p && p->connected)) {
		join_line(&line, st, &joiner);
		join_remark(&remark, st);
		if (cli.json) {
			print_line_json(n, j, st, line.text, remark.text);
		} else {
			if (n->told_id)
				printf("The line above is void, for number %u was given to another. ",
				       n->told_id);
			printf("On the new machine:\n  %s\n", line.text);
			if (remark.text[0])
				printf("  %s\n", remark.text);
			printf("  kquorum start %s\n", st->name);
			member_print_waiting(st, j->name, j->id);
		}
		fflush(stdout);
	}
	n->told_id = j->id;
}
