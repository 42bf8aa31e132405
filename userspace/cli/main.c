// SPDX-License-Identifier: GPL-2.0
/* kquorum: the table of subcommands. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct cli cli;

static const struct cli_command *const commands[] = {
	&command_init, &command_join, &command_start, &command_stop, &command_status,
	&command_member, &command_settings, &command_lock, &command_renew, &command_resource, &command_log,
	&command_append, &command_snapshot, &command_scrub, &command_recover, &command_transfer,
	&command_fence, &command_bench, &command_version,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_commands(FILE *to)
{
	size_t i;

	fputs("Usage: kquorum COMMAND [OPTION]... [OPERAND]...\n"
	      "       kquorum help [COMMAND] | --help | --version\n\n"
	      "One agreed history and locks that the kernel enforces, for a cluster of machines.\n\n"
	      "Commands:\n", to);
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nkquorum help COMMAND or kquorum COMMAND --help explains a command, kquorum --version (-V) is\n"
	      "kquorum version; kquorum(8) is the manual.\n"
	      "Exit status: 0 done, 1 error, 2 usage, 66 not found, 69 no quorum, 70 lease lost or\n"
	      "stale token, 75 would block or timed out, 77 denied; with a command to run, its own.\n",
	      to);
}

static const struct cli_command *find(const char *name)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i];
	return NULL;
}

static void refuse(const char *name)
{
	const char *names[N_COMMANDS + 1] = { "help" }, *close;
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		names[i + 1] = commands[i]->name;
	close = cli_nearest(name, names, N_COMMANDS + 1);
	if (*name == '-')
		fprintf(stderr, "kquorum: no option %s before the command: kquorum --help\n", name);
	else if (close)
		fprintf(stderr, "kquorum: no command \"%s\": did you mean %s?\n", name, close);
	else
		fprintf(stderr, "kquorum: no command \"%s\": kquorum --help lists them\n", name);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_commands(stdout);
		return cli_finish(KQUORUM_EXIT_DONE);
	}
	if (!strcmp(name, "help")) {
		if (argc < 3) {
			print_commands(stdout);
			return cli_finish(KQUORUM_EXIT_DONE);
		}
		cli.command = find(argv[2]);
		if (cli.command) {
			cli_usage(stdout);
			return cli_finish(KQUORUM_EXIT_DONE);
		}
		name = argv[2];
	}
	cli.command = find(name);
	if (!cli.command) {
		refuse(name);
		return KQUORUM_EXIT_USAGE;
	}
	return cli_finish(cli.command->run(argc - 1, argv + 1));
}
