// SPDX-License-Identifier: GPL-2.0
/*
 * Under which locks a command runs: those who are started under one find it in KQUORUM_HELD, one line
 * each: cluster, session and number of the request, mode, name (that ends with the line, for a name has
 * no control characters). To wait for one of them would be to wait for itself.
 *
 * The environment can outlive the lock, in a daemon that was started under it: what counts is that the
 * request is among the holders still.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lock.h"

#define HELD "KQUORUM_HELD"

struct held {
	uint64_t cluster_id, session, owner;
	char mode[16], name[KQUORUM_RESOURCE_NAME_MAX + 1];
	/* Who that is, when it holds it still. */
	bool holds;
	uint32_t node, pid;
	char comm[4 * KQUORUM_COMM_MAX + 1];
};

/* Returns false: that is no such line. */
static bool take_line(const char *line, size_t n, struct held *h)
{
	char text[KQUORUM_RESOURCE_NAME_MAX + 128];
	int at = 0;

	if (n >= sizeof(text))
		return false;
	memcpy(text, line, n);
	text[n] = '\0';
	memset(h, 0, sizeof(*h));
	if (sscanf(text, "%" SCNx64 " %" SCNu64 " %" SCNu64 " %15s%n", &h->cluster_id, &h->session,
		   &h->owner, h->mode, &at) != 4 || text[at] != ' ')
		return false;
	return (size_t)snprintf(h->name, sizeof(h->name), "%s", text + at + 1) < sizeof(h->name);
}

/* Shares go together, and units as long as there are enough: nothing else does. */
static bool goes_beside(const struct held *h, const struct lock_options *o)
{
	if (o->units)
		return !strcmp(h->mode, claim_mode_name(KQUORUM_CLAIM_MODE_UNITS));
	return o->shared && !strcmp(h->mode, claim_mode_name(KQUORUM_CLAIM_SHARED));
}

static int find_claim(const struct kquorum_resource *r, void *user)
{
	unsigned int n = resource_holders(r), i;
	struct held *h = user;

	for (i = 0; i < n; i++) {
		const struct kquorum_claim *c = &r->claims[i];

		if (c->session != h->session || c->owner != h->owner)
			continue;
		h->holds = true;
		h->node = c->node;
		h->pid = c->pid;
		format_text(h->comm, sizeof(h->comm), c->comm, strlen(c->comm));
	}
	return 0;
}

int held_refuse(struct kquorum *k, const struct kquorum_status *st, const struct lock_options *o)
{
	const char *line = getenv(HELD), *end;
	char what[sizeof(((struct held *)0)->name) + sizeof(((struct held *)0)->comm) + 128];
	struct held h;

	for (; line && *line; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		if (!take_line(line, end - line, &h) || h.cluster_id != st->cluster_id ||
		    strcmp(h.name, o->name) || goes_beside(&h, o))
			continue;
		kquorum_resource_get(k, o->name, find_claim, &h);
		if (!h.holds)
			continue;
		snprintf(what, sizeof(what), "%s is held by this very call chain, %s pid %u (%s)", o->name,
			 node_name(st, h.node), h.pid, h.comm);
		cli_error_because(what, "it would wait for itself for ever");
		return KQUORUM_EXIT_ERROR;
	}
	return 0;
}

void held_add(const struct kquorum_status *st, const struct lock_options *o,
	      const struct kquorum_lock_info *info)
{
	const char *before = getenv(HELD);
	char *all;

	if (asprintf(&all, "%s%s%" PRIx64 " %" PRIu64 " %" PRIu64 " %s %s", before ? before : "",
		     before && *before ? "\n" : "", st->cluster_id, (uint64_t)info->session,
		     (uint64_t)info->owner, claim_mode_name(info->mode), o->name) < 0)
		return;
	setenv(HELD, all, 1);
	free(all);
}
