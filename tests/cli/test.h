/* SPDX-License-Identifier: GPL-2.0 */
/* cmocka with what it wants included before it. */
#ifndef KQUORUM_TESTS_CLI_TEST_H
#define KQUORUM_TESTS_CLI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define assert_contains(text, part) \
	do { \
		if (!strstr(text, part)) \
			fail_msg("\"%s\" is not in \"%s\"", part, text); \
	} while (0)

#endif /* KQUORUM_TESTS_CLI_TEST_H */
