/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of kquorum resource, and of other commands that change one, share. */
#ifndef KQUORUM_CLI_RESOURCE_H
#define KQUORUM_CLI_RESOURCE_H

#include "cli.h"

/* Each is a command of its own, called "resource VERB": as in snapshot.h. */
extern const struct cli_command command_resource_list, command_resource_show, command_resource_why;
extern const struct cli_command command_resource_create, command_resource_set;
extern const struct cli_command command_resource_delete, command_resource_release;

/* fence_ask.c */
extern const struct cli_command command_fence_ask;

/* resource_list.c */

/* One of its claims as "node", "pid", "token", ... */
cJSON *resource_claim_json(const struct kquorum_resource *r, const struct kquorum_claim *c,
			   const struct kquorum_status *st);
/* Says why kquorum_resource_get() gave @ret; returns the exit code. */
int resource_not_had(struct kquorum *k, const char *name, int ret);
/* Says how old it is what was shown, when there is no quorum; not with -j. */
void resource_note_age(const struct kquorum_status *st);

/* resource_terms.c */

#define RESOURCE_TEXT_MAX	600

/* "4 units, 3 in use; at most 10 may wait" */
const char *resource_describe(const struct kquorum_resource *r, char *buf, size_t size);
/* Lines of at most 100 columns: what a grant is bound to, whose it is, whether it is fenced. May be empty. */
const char *resource_terms(const struct kquorum_resource *r, char *buf, size_t size);
/* The same as "max_waiters", "ttl_ms", ... */
void resource_terms_json(cJSON *o, const struct kquorum_resource *r);
/* The values of --owner, --group, --mode: a number; whatever is wrong ends as a usage error. */
uint32_t resource_user(const char *arg);
uint32_t resource_group(const char *arg);
uint32_t resource_mode(const char *arg);

/* resource_why.c */

/* The node called @node, or with that number; false: there is none. */
bool resource_find_node(const struct kquorum_status *st, const char *node, uint32_t *id);
/* How long after a node was heard last its session is over at the latest; KQUORUM_NEVER: not known. */
uint64_t resource_promise_ns(const struct kquorum_status *st);

/* outcome.c */

struct outcome {
	struct kquorum *k;
	const char *name;		/* of the resource */
	char quoted[4 * KQUORUM_RESOURCE_NAME_MAX + 3];	/* likewise, for a shell */
	uint64_t wait_ns;		/* set by the caller */
	uint64_t until, explain_at;
	bool asked;			/* it was not refused at once */
	struct kquorum_append_result r;	/* .index 0: it is not in the log, or that is not known */
};

/* Opens the module: 0 or an exit code. From now on @wait_ns counts. */
int outcome_begin(struct outcome *o, const char *name);
/* @ask returns a descriptor as kquorum_resource_set() does. 0 or a negative errno: what became of it. */
int outcome_of(struct outcome *o, int (*ask)(struct kquorum *k, const void *request), const void *request);
/* Says of @error what is the same for all commands; returns the exit code. */
int outcome_failed(struct outcome *o, int error);

#endif /* KQUORUM_CLI_RESOURCE_H */
