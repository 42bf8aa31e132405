/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that are promised to machines which are not there yet. */
#ifndef KQUORUM_CLI_RESERVE_H
#define KQUORUM_CLI_RESERVE_H

#include <stddef.h>
#include <stdint.h>

/* Where the files are; tests have one of their own. */
extern const char *reserve_directory;

/*
 * Holds number @id of cluster @cluster for the caller. Returns a descriptor: the number is free
 * again when it is closed, and so when the process ends, however that ends. -EWOULDBLOCK: another
 * process on this machine holds it; another negative errno with the text @why: it cannot be held.
 */
int reserve_number(uint64_t cluster, uint32_t id, char *why, size_t size);

#endif /* KQUORUM_CLI_RESERVE_H */
