// SPDX-License-Identifier: GPL-2.0
/* What a command says while the cluster does not answer it, and when it gives up. */
#include <errno.h>
#include <string.h>

#include "cli.h"

/*
 * With a quorum it may still be this node that gets nothing: its session ran out,
 * and the next one begins only when the leader may take the old one for over.
 */
static bool describe_session(const struct kquorum_status *st, char *buf, size_t size)
{
	/* How long a leader waits before it gives away what a silent session held. */
	uint64_t ms = (uint64_t)st->settings.lease_ms + 2 * (uint64_t)st->settings.delta_ms;
	char most[FORMAT_MAX];
	int n;

	if (st->session_left_ns)
		return false;
	n = snprintf(buf, size, "this node%s, a new one begins when %s is settled",
		     st->session ? "'s session ran out" : " has no session yet",
		     st->session ? "that" : "the last one");
	if (st->settings.lease_ms)
		snprintf(buf + n, size - n, " (up to %s)", format_duration(most, ms * NS_PER_MS));
	return true;
}

bool wait_explain(const struct kquorum_status *st, const char *what)
{
	const char *of = what ? " for " : "";
	char why[4096];

	if (!what)
		what = "";
	if (!st->quorum) {
		status_why(st, why, sizeof(why));
		cli_note("waiting%s%s: no quorum\n%s", of, what, why);
		return true;
	}
	if (!describe_session(st, why, sizeof(why)))
		return false;
	cli_note("waiting%s%s: %s", of, what, why);
	return true;
}

void wait_explain_refused(const char *what, int error)
{
	cli_note("waiting%s%s: %s", what ? " for " : "", what ? what : "",
		 error == -ENOSPC ? "the log is full: kquorum status" : "too much is under way");
}

int wait_give_up(const struct kquorum_status *st, const char *what, const char *late)
{
	char head[KQUORUM_RESOURCE_NAME_MAX + 64], why[4096];
	size_t n;

	if (!st->quorum) {
		status_why(st, why, sizeof(why) - 32);
		/* The first line says it; kquorum status has the rest. */
		n = strcspn(why, ":\n");
		snprintf(why + n, sizeof(why) - n, " (kquorum status)");
		snprintf(head, sizeof(head), "%s%sno quorum", what ? what : "", what ? ": " : "");
		cli_error_because(head, why);
		return KQUORUM_EXIT_NO_QUORUM;
	}
	if (!describe_session(st, why, sizeof(why)))
		return KQUORUM_EXIT_DONE;
	snprintf(head, sizeof(head), "%s%s%s", what ? what : "", what ? ": " : "", late);
	cli_error_because(head, why);
	return KQUORUM_EXIT_BLOCKED;
}
