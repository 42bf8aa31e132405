/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fence in a directory of its own. Its calls of the system are counted, and one of them fails, or is
 * where the process dies; what is synced is noted.
 */
#ifndef KQUORUM_TESTS_CLI_FENCE_WORLD_H
#define KQUORUM_TESTS_CLI_FENCE_WORLD_H

#include "cli.h"
#include "files.h"

/* The exit status of a process that died at a call. */
#define DIED 99

/* Shared with children: what was called, and what of it is on the disk. */
struct world {
	unsigned int calls;
	unsigned int at;	/* this one fails, or is where it dies; 0: none */
	int error;		/* how it fails; 0: it dies */
	size_t write_most;	/* bytes at once; 0: all */
	bool content_synced;	/* of what was written last */
	bool renamed, renamed_whole, name_synced;
	unsigned int n;
	uint64_t passed[4096];
};
extern struct world *world;

/* What FILE is. */
struct content {
	bool there;
	size_t n;
	char data[4096];
};

struct kquorum_fence *open_fence(bool create);
/* As a process of its own would: nothing is remembered. */
int check(const char *name, uint64_t token);
/* In one; the errno, or DIED. */
int check_in_child(const char *name, uint64_t token);
void get(struct content *c);
/* The first @n bytes of it; or none is there. */
void put(const struct content *c, size_t n);
void assert_content(const struct content *c);
uint32_t crc32c(const char *data, size_t n);
/* A fence file with these lines, whatever they are. */
void put_lines(const char *lines);

/* For each test, as cmocka wants them. */
int fence_begin(void **state);
int fence_end(void **state);

#endif /* KQUORUM_TESTS_CLI_FENCE_WORLD_H */
