/* SPDX-License-Identifier: GPL-2.0 */
/* Files of a test, in a directory of its own. */
#ifndef KQUORUM_TESTS_CLI_FILES_H
#define KQUORUM_TESTS_CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern char tmp[];		/* the directory */

/* A new one. */
void tmp_make(void);
/* With all that is in it. Returns 0, as a teardown of cmocka wants it. */
int tmp_remove(void);

bool is_there(const char *name);
void put_file(const char *name, const void *data, size_t len);
void put_text(const char *name, const char *text);
/* The kquorum.conf of @node, the only one of a cluster, in @dir. */
void put_config(const char *dir, const char *cluster, uint64_t cluster_id, const char *node);

#endif /* KQUORUM_TESTS_CLI_FILES_H */
