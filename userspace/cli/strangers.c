// SPDX-License-Identifier: GPL-2.0
/*
 * Who comes, or answers, and is not the member that it should be; and which command makes it one,
 * or puts things right. Pure functions of the status.
 */
#include <string.h>

#include "say.h"

enum way {
	WAY_ADDRESS,		/* it is wrong, or the machine is another one */
	WAY_REPLACE,		/* with its own files, or as a new node in its place */
	WAY_STOP_ONE,
};

/* By the words of kquorumd, and of the module that it asks; the first that fits. */
static const struct {
	const char *begins, *has;
	enum way way;
	const char *what;
} ways[] = {
	{ "at ", "of another cluster", WAY_ADDRESS, "" },
	{ "at ", "of this cluster", WAY_ADDRESS, "" },
	{ "", "of another cluster", WAY_REPLACE, "its own files" },
	{ "", "files are new", WAY_REPLACE, "its own files" },
	{ "", "files are older", WAY_REPLACE, "its newest files" },
	{ "", "two machines have its files", WAY_STOP_ONE, "" },
};

/* Commands stand on lines of their own, to be copied. */
static void say_way(struct text *t, const struct kquorum_status *st,
		    const struct kquorum_peer_status *p, enum way way, const char *what)
{
	const char *where = st->role == KQUORUM_LEADER ? "" : ", on the leader";
	char address[2 * KQUORUM_ADDRESS_MAX];

	shell_quote(address, sizeof(address), p->address);
	switch (way) {
	case WAY_ADDRESS:
		say(t, "    is it elsewhere? Then%s: kquorum member set-address %s ADDR\n",
		    where[0] ? where + 1 : "", p->name);
		say(t, "    is it that machine, without its files? Bring them back; or%s:\n", where);
		say(t, "      kquorum member replace %s %s=%s\n", p->name, p->name, address);
		break;
	case WAY_REPLACE:
		say(t, "    bring %s back there; or have a new node in its place%s:\n", what, where);
		say(t, "      kquorum member replace %s %s=%s\n", p->name, p->name, address);
		break;
	case WAY_STOP_ONE:
		say(t, "    should it stay so: stop one of the two; it can be made a node of its own%s:\n",
		    where);
		say(t, "      kquorum member add NAME=ADDR\n");
		break;
	}
}

void say_way_out(struct text *t, const struct kquorum_status *st,
		 const struct kquorum_peer_status *p)
{
	size_t i;

	if (!st->conf_index)
		return;
	if (!status_is_member(st, p->id)) {
		if (strstr(p->reason, "of another cluster"))
			say_wrapped(t, "    should it join this one: kquorum member add prints the line "
				    "for that, on the leader");
		return;
	}
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strncmp(p->reason, ways[i].begins, strlen(ways[i].begins)) ||
		    !strstr(p->reason, ways[i].has))
			continue;
		say_way(t, st, p, ways[i].way, ways[i].what);
		return;
	}
}
