/* SPDX-License-Identifier: GPL-2.0 */
/* Whole subcommands, each in a child whose output is read. */
#ifndef KQUORUM_TESTS_CLI_CHILD_H
#define KQUORUM_TESTS_CLI_CHILD_H

#include "cli.h"

/* What the last one wrote, to both outputs. */
extern char out[16384];

/* Both return the exit status, or 1000 and the signal. @words: the command's name first. */
int run(const struct cli_command *command, const char *words);
int run_on_terminal(const struct cli_command *command, const char *words);
/* No line of the output has more than 100 columns. */
void assert_fits(void);

#endif /* KQUORUM_TESTS_CLI_CHILD_H */
