/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A module in place of libkquorum: the snapshot that it gives is made by the core. With it are the
 * files of its node, in a directory of the test's own.
 */
#ifndef KQUORUM_TESTS_CLI_MODULE_H
#define KQUORUM_TESTS_CLI_MODULE_H

#include "cli.h"
#include "images.h"

extern struct kquorum_status status;
extern bool node_runs;
extern struct bytes image;
extern int save_error;			/* 0: it gives one */
extern unsigned int save_errors;	/* so often, then it does */
extern int source;			/* the descriptor that was given, -1: none was */

extern char path[128];			/* of a snapshot that is saved or looked at */
extern char used[256];			/* of the one in use */

/* For each test. Both return 0, as cmocka wants it. */
int module_begin(void **state);
int module_end(void **state);
/* The directory of the node, with the snapshot in use. */
void put_directory(uint64_t cluster_id);
/* The module uses it. */
void use_snapshot(void);

/* Runs "kquorum snapshot ...". Returns the exit status, as run() does. */
int snapshot(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* KQUORUM_TESTS_CLI_MODULE_H */
