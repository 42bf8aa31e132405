// SPDX-License-Identifier: GPL-2.0
/* kquorum member list: who belongs to the cluster. */
#include <string.h>

#include "member.h"
#include "say.h"

static cJSON *list_json(const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "members");
	unsigned int i;

	json_u64(o, "configuration_index", st->conf_index);
	cJSON_AddBoolToObject(o, "configuration_settled", status_settled(st));
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];
		cJSON *row = cJSON_CreateObject();

		cJSON_AddItemToArray(list, row);
		json_u64(row, "id", p->id);
		cJSON_AddStringToObject(row, "node", p->name);
		cJSON_AddStringToObject(row, "address", p->address);
		cJSON_AddStringToObject(row, "role", node_role(st, p->id));
		cJSON_AddBoolToObject(row, "promote", p->promote);
		json_u64(row, "priority", p->priority);
		cJSON_AddBoolToObject(row, "witness", p->witness);
		cJSON_AddBoolToObject(row, "connected", p->id == st->node_id || p->connected);
	}
	return o;
}

static void print_rows(const struct kquorum_status *st)
{
	struct table t = { 0 };
	unsigned int i;

	table_row(&t, 5, (const char *[]){ "ID", "NODE", "ADDRESS", "ROLE", "PRIORITY" });
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];
		bool waits = p->promote && st->learners & node_bit(p->id);
		char id[FORMAT_MAX], priority[FORMAT_MAX], role[64];

		snprintf(id, sizeof(id), "%u", p->id);
		snprintf(priority, sizeof(priority), "%u", p->priority);
		snprintf(role, sizeof(role), "%s%s", waits ? "learner, to be promoted" :
			 node_role(st, p->id), p->witness ? ", witness" : "");
		table_row(&t, 5, (const char *[]){ id, p->name[0] ? p->name : NULL,
			  p->address[0] ? p->address : NULL, role, p->member ? priority : NULL });
	}
	table_print(&t, stdout);
}

void member_print_waiting(const struct kquorum_status *st, const char *name, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->id != id && p->connected && !status_is_member(st, p->id) && !strcmp(p->name, name))
			printf("A machine called %s has number %u and waits to be taken in. Is it that one? The same\n"
			       "  command with --id %u.\n", name, p->id, p->id);
	}
}

void member_print_list(const struct kquorum_status *st, bool one_line)
{
	char text[2048] = "";
	struct text waiting = { text, sizeof(text), 0 };
	char change[512];

	if (cli.json) {
		json_print(list_json(st), one_line);
		return;
	}
	print_rows(st);
	status_change(st, change, sizeof(change));
	if (change[0])
		printf("%s\n", change);
	say_waiting(&waiting, st);
	fputs(text, stdout);
}
