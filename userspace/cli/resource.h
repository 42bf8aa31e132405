/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of kquorum resource share. */
#ifndef KQUORUM_CLI_RESOURCE_H
#define KQUORUM_CLI_RESOURCE_H

#include "cli.h"

/* Each is a command of its own, called "resource VERB": as in snapshot.h. */
extern const struct cli_command command_resource_list, command_resource_show, command_resource_why;
extern const struct cli_command command_resource_create, command_resource_set;
extern const struct cli_command command_resource_delete;

/* resource_list.c */

/* "4 units, 3 in use; at most 10 may wait" */
const char *resource_describe(const struct kquorum_resource *r, char *buf, size_t size);
/* One of its claims as "node", "pid", "token", ... */
cJSON *resource_claim_json(const struct kquorum_claim *c, const struct kquorum_status *st);
/* Says why kquorum_resource_get() gave @ret; returns the exit code. */
int resource_not_had(struct kquorum *k, const char *name, int ret);
/* Says how old it is what was shown, when there is no quorum; not with -j. */
void resource_note_age(const struct kquorum_status *st);

#endif /* KQUORUM_CLI_RESOURCE_H */
