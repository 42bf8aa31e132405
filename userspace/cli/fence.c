// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum fence: the table of its verbs; and check: the token checked at the resource, and a command
 * behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "resource.h"

struct check {
	const char *path, *name;
	uint64_t token, seen;
	struct kquorum_fence *fence;
};

/* 0: it is entered; or a negative errno, and it was said why. */
static int enter(struct check *c)
{
	char err[512];
	int ret = kquorum_fence_open(&c->fence, c->path, true, err, sizeof(err));

	if (ret) {
		cli_error("%s", err);
		return ret;
	}
	ret = kquorum_fence_enter(c->fence, c->name, c->token, &c->seen);
	if (ret)
		cli_error("%s", kquorum_fence_error(c->fence));
	return ret;
}

static void print_json(const struct check *c, int error)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "resource", c->name);
	json_u64(o, "token", c->token);
	if (!error || error == -ESTALE)
		json_u64(o, "highest_seen_before", c->seen);
	else
		cJSON_AddNullToObject(o, "highest_seen_before");
	cJSON_AddBoolToObject(o, "passed", !error);
	json_print(o, true);
}

static int command_error(const char *name)
{
	cli_error("%s: %s", name, strerror(errno));
	return KQUORUM_EXIT_ERROR;
}

/*
 * The command inherits the locked file: should this process be killed, the next
 * token still waits for the command's end.
 */
static int run_command(const struct check *c, char **argv)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fcntl(kquorum_fence_fd(c->fence), F_SETFD, 0);
		execvp(argv[0], argv);
		fprintf(stderr, "kquorum fence: %s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0)
		return command_error(argv[0]);
	/* The command decides about Ctrl-C, and its exit status is ours. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return command_error(argv[0]);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Returns where the command begins. */
static char **take_operands(struct check *c, int n, char **words)
{
	uint64_t token;
	int i;

	/* A misplaced option is told apart from a file or name only when the token is amiss. */
	if (n < 3 || parse_number(words[2], &token))
		for (i = 0; i < n && strcmp(words[i], "--"); i++)
			if (words[i][0] == '-' && parse_number(words[i] + 1, &token))
				cli_usage_error("\"%s\": options come before FILE, a command after --",
						words[i]);
	if (n < 3)
		cli_usage_error("FILE, NAME and TOKEN are needed");
	c->path = words[0];
	c->name = cli_resource_name(words[1]);
	c->token = cli_number("TOKEN", words[2], 1, UINT64_MAX);
	words += 3;
	if (*words && !strcmp(*words, "--"))
		return words + 1;
	if (*words)
		cli_usage_error("\"%s\": %s", *words, **words == '-' ?
				"options come before FILE, a command after --" :
				"put -- before the command");
	return words;
}

static int run_check(int argc, char **argv)
{
	int at = cli_parse(argc, argv, NULL, NULL), ret;
	struct check c = { 0 };
	char **command = take_operands(&c, argc - at, argv + at);

	ret = enter(&c);
	if (cli.json)
		print_json(&c, ret);
	if (ret)
		ret = ret == -ESTALE ? KQUORUM_EXIT_LOST : cli_exit_code(ret);
	else if (*command)
		ret = run_command(&c, command);
	/* Not left: what the command left behind may have it still. */
	kquorum_fence_close(c.fence);
	return ret;
}

static const struct cli_command command_fence_check = {
	.name = "fence check",
	.synopsis = "[OPTION]... FILE NAME TOKEN [-- COMMAND...]",
	.summary = "refuse a stale token at the resource, which has a file for that",
	.details = "FILE keeps the highest token seen for NAME, durably. A lower one is refused with exit 70; an\n"
		   "equal or higher one passes, and COMMAND runs before the next token can be checked. A FILE that\n"
		   "is damaged or empty is refused: exit 1. It needs no cluster and no module. A program does the\n"
		   "same by kquorum_fence_enter() of libkquorum.\n"
		   "  kquorum lock db -- sh -c 'kquorum fence check /mnt/db.fence db $KQUORUM_TOKEN -- ./write'\n",
	.json = true,
	.posix = true,
	.run = run_check,
};

static const struct cli_command *const verbs[] = { &command_fence_check, &command_fence_ask };

static int run(int argc, char **argv)
{
	return cli_run_verb(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}

const struct cli_command command_fence = {
	.name = "fence",
	.synopsis = "check FILE NAME TOKEN [-- COMMAND...] | ask NAME TOKEN",
	.summary = "refuse a stale token at the resource",
	.details = "For whoever does what came with a token: a lower one than was seen is refused, exit 70.\n"
		   "  check    by a file beside the resource; COMMAND runs before the next token can be checked\n"
		   "  ask      by the cluster, for a resource without a file of its own\n"
		   "Each has its --help.\n",
	.json = true,
	.run = run,
};
