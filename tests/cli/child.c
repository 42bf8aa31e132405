// SPDX-License-Identifier: GPL-2.0
/* Whole subcommands, each in a child whose output is read: see child.h. */
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "test.h"

char out[16384];

static void read_all(int fd)
{
	size_t have = 0;
	ssize_t got;

	/* A terminal whose other side is gone answers with an error. */
	while ((got = read(fd, out + have, sizeof(out) - 1 - have)) > 0)
		have += got;
	out[have] = '\0';
	close(fd);
}

/* Never returns. @words: the command's name first. */
static void child(const struct cli_command *command, const char *words)
{
	char text[512], *argv[24] = { NULL };
	int argc = 0, code;

	snprintf(text, sizeof(text), "%s", words);
	for (argv[0] = strtok(text, " "); argv[argc]; )
		argv[++argc] = strtok(NULL, " ");
	alarm(20);
	cli.command = command;
	code = command->run(argc, argv);
	fflush(stdout);
	_exit(code);
}

static int exit_status(pid_t pid)
{
	int wstatus = 0;

	waitpid(pid, &wstatus, 0);
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 1000 + WTERMSIG(wstatus);
}

int run(const struct cli_command *command, const char *words)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		child(command, words);
	}
	close(ends[1]);
	read_all(ends[0]);
	return exit_status(pid);
}

int run_on_terminal(const struct cli_command *command, const char *words)
{
	int terminal;
	pid_t pid;

	fflush(NULL);
	setenv("TERM", "xterm", 1);
	pid = forkpty(&terminal, NULL, NULL, NULL);
	if (!pid)
		child(command, words);
	read_all(terminal);
	return exit_status(pid);
}

void assert_fits(void)
{
	const char *line;

	for (line = out; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] != '\0'))
		if (strcspn(line, "\r\n") > 100)
			fail_msg("more than 100 columns: %s", line);
}
