/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel in place of libmnl's socket, which answers from a script, so that every kind of answer
 * can be given.
 */
#ifndef KQUORUM_TESTS_CLI_KERNEL_H
#define KQUORUM_TESTS_CLI_KERNEL_H

#include "internal.h"

extern unsigned int queued, taken;	/* answers: put there, and received */
extern char sent[KQUORUM_REQUEST_BYTES];	/* the last request */

/* There are no answers. The family of the module is known, if it is @loaded. */
void kernel_begin(bool loaded);
/* For each test that wants a handle: puts it into @state. Both return 0, as cmocka wants it. */
int kernel_open(void **state);
int kernel_close(void **state);

/* Another answer. What is in it is to be added to those that are returned. */
struct nlmsghdr *answer_genl(uint8_t cmd, uint16_t flags);
/* @message: NULL for none; @offset: of the attribute that it is about, 0: none. */
void answer_ack(int error, const char *message, int offset);
void answer_done(int error);

/* The attribute @type of what was sent last, NULL: there is none. */
const struct nlattr *sent_attr(uint16_t type);

#define WITH_HANDLE(f) cmocka_unit_test_setup_teardown(f, kernel_open, kernel_close)

#endif /* KQUORUM_TESTS_CLI_KERNEL_H */
