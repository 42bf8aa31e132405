// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum fence check: the token checked at the resource.
 *
 * FILE holds, for each NAME, the highest token seen, as lines "TOKEN NAME". It
 * is read and replaced under flock(2). Replacing is write, fsync, rename: the
 * new file is locked before it gets the name, so that whoever opens it next
 * waits until the command is done; whoever waited on the old one notices that
 * the name has moved on and opens again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

struct fence {
	const char *path, *name;
	uint64_t token, seen;
	bool known;
	int fd, new_fd;		/* -1: none */
	char *rest;		/* the lines of other names */
	size_t rest_len;
};

static int fence_error(const char *path, const char *what)
{
	int error = errno;

	cli_error("%s: %s%s", path, what, strerror(error));
	return cli_exit_code(-error);
}

static int open_locked(struct fence *f)
{
	struct stat by_name, by_fd;

	for (;;) {
		f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (f->fd < 0)
			return fence_error(f->path, "");
		while (flock(f->fd, LOCK_EX)) {
			if (errno != EINTR)
				return fence_error(f->path, "locking: ");
		}
		if (fstat(f->fd, &by_fd))
			return fence_error(f->path, "");
		if (!stat(f->path, &by_name) && by_name.st_ino == by_fd.st_ino &&
		    by_name.st_dev == by_fd.st_dev)
			return 0;
		close(f->fd);
	}
}

static int keep_line(struct fence *f, const char *line)
{
	size_t n = strlen(line);
	char *more = realloc(f->rest, f->rest_len + n + 1);

	if (!more)
		return -1;
	f->rest = more;
	memcpy(f->rest + f->rest_len, line, n + 1);
	f->rest_len += n;
	return 0;
}

static int read_line(struct fence *f, char *line, unsigned int number)
{
	char *name = strchr(line, ' ');
	uint64_t token;

	if (name)
		*name++ = '\0';
	if (!name || !strchr(name, '\n') || parse_number(line, &token)) {
		cli_error("%s:%u: not a line \"TOKEN NAME\": refused, for what it held is unknown", f->path,
			  number);
		return KQUORUM_EXIT_ERROR;
	}
	name[strcspn(name, "\n")] = '\0';
	if (!strcmp(name, f->name)) {
		f->seen = token > f->seen ? token : f->seen;
		f->known = true;
		return 0;
	}
	name[-1] = ' ';
	if (keep_line(f, line) || keep_line(f, "\n")) {
		cli_error("out of memory");
		return KQUORUM_EXIT_ERROR;
	}
	return 0;
}

static int read_seen(struct fence *f)
{
	char line[KQUORUM_RESOURCE_NAME_MAX + 32];
	int copy = dup(f->fd), ret = 0;
	FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
	unsigned int number = 0;

	if (!in)
		return fence_error(f->path, "");
	while (!ret && fgets(line, sizeof(line), in))
		ret = read_line(f, line, ++number);
	if (!ret && ferror(in))
		ret = fence_error(f->path, "reading: ");
	fclose(in);
	return ret;
}

static int sync_parent(const char *path)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", path);
	return sync_directory(dirname(copy));
}

/* Only the holder of the lock on the old file comes here, so the name is its own. */
static int replace(struct fence *f)
{
	char temporary[4096], line[KQUORUM_RESOURCE_NAME_MAX + 32];
	struct stat st;
	int n;

	n = snprintf(line, sizeof(line), "%" PRIu64 " %s\n", f->token, f->name);
	snprintf(temporary, sizeof(temporary), "%.4080s.new", f->path);
	f->new_fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->new_fd < 0 || fstat(f->fd, &st) || fchmod(f->new_fd, st.st_mode & 07777) ||
	    flock(f->new_fd, LOCK_EX) || write_bytes(f->new_fd, line, n) ||
	    write_bytes(f->new_fd, f->rest, f->rest_len) || fsync(f->new_fd) ||
	    rename(temporary, f->path) || sync_parent(f->path))
		return fence_error(f->path, "writing: ");
	return 0;
}

static int check(struct fence *f)
{
	int ret = open_locked(f);

	if (!ret)
		ret = read_seen(f);
	if (ret)
		return ret;
	if (f->known && f->token < f->seen) {
		cli_error("%s: token %" PRIu64 " is stale: %" PRIu64 " has been seen; whoever has the lower one lost the lock",
			  f->name, f->token, f->seen);
		return KQUORUM_EXIT_LOST;
	}
	return !f->known || f->token > f->seen ? replace(f) : 0;
}

/*
 * The command inherits the locked files: should this process be killed, the next
 * token still waits for the command's end.
 */
static int run_command(const struct fence *f, char **argv)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fcntl(f->fd, F_SETFD, 0);
		if (f->new_fd >= 0)
			fcntl(f->new_fd, F_SETFD, 0);
		execvp(argv[0], argv);
		fprintf(stderr, "kquorum fence: %s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0)
		return fence_error(argv[0], "");
	/* The command decides about Ctrl-C, and its exit status is ours. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return fence_error(argv[0], "");
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Returns where the command begins. */
static char **take_operands(struct fence *f, int n, char **words)
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
	f->path = words[0];
	f->name = cli_resource_name(words[1]);
	f->token = cli_number("TOKEN", words[2], 1, UINT64_MAX);
	words += 3;
	if (*words && !strcmp(*words, "--"))
		return words + 1;
	if (*words)
		cli_usage_error("\"%s\": %s", *words, **words == '-' ?
				"options come before FILE, a command after --" :
				"put -- before the command");
	return words;
}

static int run(int argc, char **argv)
{
	struct fence f = { .fd = -1, .new_fd = -1 };
	int at = cli_parse(argc, argv, NULL, NULL), ret;
	char **command;

	if (at >= argc)
		cli_usage_error("check what?");
	if (strcmp(argv[at], "check"))
		cli_usage_error("\"%s\" is not check: FILE, NAME and TOKEN follow that word", argv[at]);
	/* Options may stand on either side of the word. */
	argv += at;
	argc -= at;
	at = cli_parse(argc, argv, NULL, NULL);
	command = take_operands(&f, argc - at, argv + at);
	ret = check(&f);
	if (cli.json) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "resource", f.name);
		json_u64(o, "token", f.token);
		json_u64(o, "highest_seen_before", f.seen);
		cJSON_AddBoolToObject(o, "passed", !ret);
		json_print(o, true);
	}
	if (!ret && *command)
		ret = run_command(&f, command);
	free(f.rest);
	if (f.fd >= 0)
		close(f.fd);
	if (f.new_fd >= 0)
		close(f.new_fd);
	return ret;
}

const struct cli_command command_fence = {
	.name = "fence",
	.synopsis = "check [OPTION]... FILE NAME TOKEN [-- COMMAND...]",
	.summary = "refuse a stale token at the resource",
	.details = "FILE keeps the highest token seen for NAME, durably. A lower one is refused with exit 70; an\n"
		   "equal or higher one passes, and COMMAND runs before the next token can be checked.\n"
		   "  kquorum lock db -- sh -c 'kquorum fence check /mnt/db.fence db $KQUORUM_TOKEN -- ./write'\n",
	.json = true,
	.posix = true,
	.run = run,
};
