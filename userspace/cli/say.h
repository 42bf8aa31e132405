/* SPDX-License-Identifier: GPL-2.0 */
/* Text that grows in a buffer: what several files say about a status. */
#ifndef KQUORUM_CLI_SAY_H
#define KQUORUM_CLI_SAY_H

#include "cli.h"

struct text {
	char *buf;
	size_t size, at;
};

/* say.c */

void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As a paragraph: what is too long for a line goes on, further in, on the next. */
void say_wrapped(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* strangers.c */

/* What to do about a node that is not connected, by the reason for it; says nothing mostly. */
void say_way_out(struct text *t, const struct kquorum_status *st,
		 const struct kquorum_peer_status *p);

/* Somebody else is connected under a member's number. */
void say_stranger(struct text *t, const struct kquorum_status *st,
		  const struct kquorum_peer_status *p);
/* Somebody else comes under the number of one that is connected; @reason: of this node. */
void say_knock(struct text *t, const struct kquorum_status *st, const char *reason);
/* Who is no member and waits to be taken in, where from, and which command does it. */
void say_waiting(struct text *t, const struct kquorum_status *st);

#endif /* KQUORUM_CLI_SAY_H */
