// SPDX-License-Identifier: GPL-2.0
/* What kquorum lock says while it waits, when it gives up and when it is refused. */
#include <errno.h>
#include <string.h>

#include "lock.h"

/* How it stands with a resource that somebody else has. */
struct standing {
	const struct kquorum_lock_info *info;
	struct kquorum_status st;
	char held[400];		/* by whom, and how many stand before; "": nobody is known */
	uint32_t units;
	bool defined;
	unsigned int waiting;
};

static int take_standing(const struct kquorum_resource *r, void *user)
{
	struct standing *s = user;
	unsigned int holders = resource_holders(r), before = 0, i;
	size_t n;

	s->units = r->units;
	s->defined = r->defined;
	s->waiting = r->n_claims - holders;
	for (i = holders; i < r->n_claims; i++, before++)
		if (r->claims[i].session == s->info->session && r->claims[i].owner == s->info->owner)
			break;
	resource_held_by(r, &s->st, s->held, sizeof(s->held));
	n = strlen(s->held);
	if (n && before)
		snprintf(s->held + n, sizeof(s->held) - n, ", %u more before this one", before);
	return 0;
}

/* Returns false: it cannot be told. */
static bool look(struct kquorum *k, const struct lock_options *o,
		 const struct kquorum_lock_info *info, struct standing *s)
{
	memset(s, 0, sizeof(*s));
	s->info = info;
	s->units = 1;	/* of which nothing was said */
	if (kquorum_status(k, &s->st))
		return false;
	kquorum_resource_get(k, o->name, take_standing, s);
	return true;
}

/* Whoever asks for a pool as for a lock may not know that this is all of it. */
static void note_all_of_it(const struct lock_options *o, const struct standing *s)
{
	static bool told;

	if (told || s->units < 2 || o->exclusive || o->shared || o->units || !cli_progress_wanted())
		return;
	told = true;
	cli_note("%s has %u units, and this asks for all of them; -k 1 asks for one", o->name, s->units);
}

void lock_explain_wait(struct kquorum *k, const struct lock_options *o,
		       const struct kquorum_lock_info *info)
{
	struct standing s;

	if (!look(k, o, info, &s) || wait_explain(&s.st, o->name))
		return;
	cli_note("waiting for %s%s%s", o->name, s.held[0] ? ": " : "", s.held);
	note_all_of_it(o, &s);
}

int lock_give_up(struct kquorum *k, const struct lock_options *o,
		 const struct kquorum_lock_info *info)
{
	char late[KQUORUM_RESOURCE_NAME_MAX + 32];
	struct standing s;
	int ret;

	if (!look(k, o, info, &s)) {
		cli_error("%s: %s", o->name, kquorum_error(k));
		return KQUORUM_EXIT_ERROR;
	}
	ret = wait_give_up(&s.st, o->name, "not granted in time");
	if (ret)
		return ret == KQUORUM_EXIT_BLOCKED ? o->conflict_code : ret;
	snprintf(late, sizeof(late), "%s: not granted in time", o->name);
	if (s.held[0])
		cli_error_because(late, s.held);
	else
		cli_error("%s", late);
	note_all_of_it(o, &s);
	return o->conflict_code;
}

static int refused_held(const struct lock_options *o, const struct standing *s)
{
	if (!o->verbose && !cli_progress_wanted())
		return o->conflict_code;
	cli_error("%s is %s", o->name, s->held[0] ? s->held : "held");
	note_all_of_it(o, s);
	return o->conflict_code;
}

static int refused_units(const struct lock_options *o, const struct standing *s)
{
	char name[4 * KQUORUM_RESOURCE_NAME_MAX + 3];

	shell_quote(name, sizeof(name), o->name);
	if (o->units <= s->units)
		cli_error("%s had fewer than %u units: try again", o->name, o->units);
	else if (s->defined)
		cli_error("%s has %u unit%s, %u were asked for: kquorum resource show %s", o->name,
			  s->units, s->units == 1 ? "" : "s", o->units, name);
	else
		cli_error("%s has 1 unit, for nothing else was said of it, and %u were asked for:\n"
			  "  kquorum resource create %s --units %u", o->name, o->units, name, o->units);
	return KQUORUM_EXIT_ERROR;
}

static int refused_waiters(const struct lock_options *o, const struct standing *s)
{
	char name[4 * KQUORUM_RESOURCE_NAME_MAX + 3];

	shell_quote(name, sizeof(name), o->name);
	cli_error("%s: %u wait for it already, as many as may: kquorum resource set %s --max-waiters N",
		  o->name, s->waiting, name);
	return o->conflict_code;
}

int lock_denied(struct kquorum *k, const struct lock_options *o)
{
	char name[4 * KQUORUM_RESOURCE_NAME_MAX + 3];
	struct kquorum_lock_info none = { 0 };
	struct standing s;

	look(k, o, &none, &s);
	shell_quote(name, sizeof(name), o->name);
	if (s.defined)
		cli_error("%s: its owner, group and mode do not let this user have %s: kquorum resource show %s\n"
			  "  root changes them: kquorum resource set %s --owner, --group or --mode", o->name,
			  o->shared ? "a share of it" : "it", name, name);
	else
		cli_error("%s: nothing was said of it, and so it is root's alone\n"
			  "  root makes it for others: kquorum resource create %s --owner USER", o->name, name);
	return KQUORUM_EXIT_DENIED;
}

int lock_refused(struct kquorum *k, const struct lock_options *o,
		 const struct kquorum_lock_info *info)
{
	struct standing s;

	look(k, o, info, &s);
	switch (-info->error) {
	case EAGAIN:
		return refused_held(o, &s);
	case ERANGE:
		return refused_units(o, &s);
	case EUSERS:
		return refused_waiters(o, &s);
	case EACCES:
		return lock_denied(k, o);
	case ECANCELED:
		cli_error("%s: %s", o->name, kquorum_lock_why(info));
		return info->state == KQUORUM_LOCK_LOST ? KQUORUM_EXIT_LOST : KQUORUM_EXIT_ERROR;
	case ENFILE:
		cli_error("%s: in the whole cluster no more can hold or wait: kquorum resource list", o->name);
		return KQUORUM_EXIT_BLOCKED;
	case EBUSY:
		cli_error("%s: refused, too much is under way; try again", o->name);
		return KQUORUM_EXIT_BLOCKED;
	case ENOSPC:
		cli_error("%s: the log is full%s: kquorum status", o->name,
			  o->nonblock ? "" : ", and no room came in time");
		return KQUORUM_EXIT_ERROR;
	default:
		cli_error("%s: refused: %s", o->name, strerror(-info->error));
		return cli_exit_code(info->error);
	}
}
