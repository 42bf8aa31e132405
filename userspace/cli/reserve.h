/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that are promised to machines which are not there yet. */
#ifndef KQUORUM_CLI_RESERVE_H
#define KQUORUM_CLI_RESERVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/kquorum.h>

/* Where the files are; tests have one of their own. */
extern const char *reserve_directory;

/* Who holds a number. */
struct reservation {
	pid_t pid;
	char name[KQUORUM_NODE_NAME_MAX + 1];	/* of the machine, "": not known */
};

/*
 * Holds number @id of cluster @cluster for the caller, who waits for a machine called @name. Returns
 * a descriptor: the number is free again when it is closed, and so when the process ends, however
 * that ends. -EWOULDBLOCK: another process on this machine holds it, for @other; another negative
 * errno with the text @why: it cannot be held.
 */
int reserve_number(uint64_t cluster, uint32_t id, const char *name, struct reservation *other,
		   char *why, size_t size);

#endif /* KQUORUM_CLI_RESERVE_H */
