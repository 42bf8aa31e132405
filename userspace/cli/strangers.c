// SPDX-License-Identifier: GPL-2.0
/*
 * Who comes, or answers, and is not the member that it should be; and which command makes it one,
 * or puts things right. Pure functions of the status.
 */
#include <string.h>

#include "say.h"

/* So many are told of with a command each; whoever wants to may come. */
#define WAITING_MOST	3

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

static const char *on_the_leader(const struct kquorum_status *st)
{
	return st->role == KQUORUM_LEADER ? "" : ", on the leader";
}

/* Commands stand on lines of their own, to be copied. @p: not needed to stop one of two. */
static void say_way(struct text *t, const struct kquorum_status *st,
		    const struct kquorum_peer_status *p, enum way way, const char *what)
{
	const char *where = on_the_leader(st);
	char address[2 * KQUORUM_ADDRESS_MAX] = "";

	if (p)
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

void say_stranger(struct text *t, const struct kquorum_status *st,
		  const struct kquorum_peer_status *p)
{
	const char *at = p->address[0] ? " at " : "", *from = p->from[0] ? ", from " : "";

	say_wrapped(t, "  %s%s%s: another node is connected under its number%s%s: its files are not those that "
		    "the configuration %s", node_name(st, p->id), at, p->address, from, p->from,
		    st->role == KQUORUM_LEADER ? "means" : "here means, which may be an old one");
	if (st->role == KQUORUM_LEADER)
		say_way(t, st, p, WAY_REPLACE, "its own files");
}

void say_knock(struct text *t, const struct kquorum_status *st, const char *reason)
{
	say_wrapped(t, "%s", reason);
	if (strstr(reason, "of another cluster"))
		say_wrapped(t, "  correct the addresses that are in the kquorum.conf of that one, or kquorum "
			    "stop there");
	else
		say_way(t, st, NULL, WAY_STOP_ONE, "");
}

/* "10.0.0.4", "'[fe80::1]'": where it comes from, for a command; its port is not known. */
static const char *comes_from(const struct kquorum_peer_status *p, char *buf, size_t size)
{
	char address[sizeof(p->from) + 2];

	snprintf(address, sizeof(address), strchr(p->from, ':') ? "[%s]" : "%s",
		 p->from[0] ? p->from : "ADDR");
	return shell_quote(buf, size, address);
}

static bool is_called_like_a_member(const struct kquorum_status *st, const char *name)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (status_is_member(st, st->peers[i].id) && !strcmp(st->peers[i].name, name))
			return true;
	return false;
}

static void say_waits(struct text *t, const struct kquorum_status *st,
		      const struct kquorum_peer_status *p)
{
	const char *name = p->name[0] ? p->name : "NAME";
	bool again = is_called_like_a_member(st, name);
	char address[2 * sizeof(p->from) + 8];

	comes_from(p, address, sizeof(address));
	say_wrapped(t, "%s, number %u%s%s, is no member and waits to be taken in%s:", name, p->id,
		    p->from[0] ? ", from " : "", p->from, on_the_leader(st));
	if (!again)
		say(t, "  kquorum member add %s=%s --id %u\n", name, address, p->id);
	say(t, "  %skquorum member replace %s %s=%s --id %u\n", again ? "" : "or, in the place of another: ",
	    again ? name : "OLD", name, address, p->id);
}

/* Who has left may be here for a moment, until it has heard that. */
static bool waits(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	return p->id != st->node_id && p->connected && !status_is_member(st, p->id) &&
		!(st->gone & node_bit(p->id));
}

void say_waiting(struct text *t, const struct kquorum_status *st)
{
	unsigned int i, n = 0;

	if (!st->conf_index || !st->quorum || !status_is_member(st, st->node_id))
		return;
	for (i = 0; i < st->n_peers; i++)
		if (waits(st, &st->peers[i]) && n++ < WAITING_MOST)
			say_waits(t, st, &st->peers[i]);
	if (n)
		say(t, "  with :PORT behind the address, should it not listen on %u: its kquorum status has all of it\n",
		    KQUORUM_PORT);
	if (n > WAITING_MOST)
		say(t, "and %u more that are no members: kquorum member lists them\n", n - WAITING_MOST);
}
