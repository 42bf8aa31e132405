/* SPDX-License-Identifier: GPL-2.0 */
/* Running kquorum member in a cluster of three, whose leader is our own. */
#ifndef KQUORUM_TESTS_CLI_MEMBER_RUN_H
#define KQUORUM_TESTS_CLI_MEMBER_RUN_H

#include <string.h>

#include "child.h"
#include "files.h"
#include "leader.h"
#include "reserve.h"
#include "test.h"

static inline int setup(void **state)
{
	(void)state;
	leader_begin(3);
	reserve_directory = tmp;
	return 0;
}

/* Numbers are held in a directory of this run. */
static inline int setup_all(void **state)
{
	(void)state;
	tmp_make();
	return 0;
}

static inline int teardown_all(void **state)
{
	(void)state;
	return tmp_remove();
}

static inline int member(const char *words)
{
	char text[400];

	snprintf(text, sizeof(text), "member %s", words);
	return run(&command_member, text);
}

static inline unsigned int count(const char *what)
{
	const char *at = out;
	unsigned int n = 0;

	while ((at = strstr(at, what))) {
		at += strlen(what);
		n++;
	}
	return n;
}

/* What happens meanwhile: the machine with number 4 is started. */
static inline void n4_comes(unsigned int look)
{
	if (look == 3)
		newcomer_up(&w->st, 4);
}

#define IN_A_CLUSTER(f) cmocka_unit_test_setup(f, setup)

#endif /* KQUORUM_TESTS_CLI_MEMBER_RUN_H */
