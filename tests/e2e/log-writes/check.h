/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replay to every point, recover there, and hold it against what was known by then.
 */
#ifndef CHECK_H
#define CHECK_H

#include "volume.h"

/* Prints TAP. Returns whether all is well. */
bool check_all(const char *dir, u32 nodes);

/* Marks */

struct mark {
	char kind[8];		/* life, ack, lead, match */
	unsigned long long a, b;
	char text[TEXT_MAX];
};

/*
 *	life/CLUSTER		a new log begins (hexadecimal)
 *	ack/INDEX/TERM/TEXT	a client was told that this line is in the log
 *	lead/TERM/NODE		this node leads
 *	match/INDEX/TERM	the leader of this term counts so much of this node's log as durable
 *
 * Return: false: a mark of somebody else.
 */
bool mark_parse(const char *text, struct mark *m);
void marks_put(char **devices, int count);

#endif /* CHECK_H */
