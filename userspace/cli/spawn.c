// SPDX-License-Identifier: GPL-2.0
/*
 * Starting kquorumd and seeing that it has the node. It goes to the background
 * by itself and logs to the file that it finds as its standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

/* Beside this program first, so that a build tree runs its own; then PATH. */
static void find_daemon(char *buf, size_t size)
{
	static const char *const places[] = { "%s/kquorumd", "%s/../sbin/kquorumd" };
	char self[400], path[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *dir;
	size_t i;

	snprintf(buf, size, "kquorumd");
	if (n <= 0)
		return;
	self[n] = '\0';
	dir = dirname(self);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), i ? places[1] : places[0], dir);
		if (!access(path, X_OK)) {
			snprintf(buf, size, "%s", path);
			return;
		}
	}
}

static void run_daemon(const char *program, const char *dir, const char *log, int told)
{
	int null = open("/dev/null", O_RDONLY), fd, error;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	if (null >= 0 && fd >= 0 && dup2(null, 0) >= 0 && dup2(fd, 1) >= 0 && dup2(fd, 2) >= 0) {
		if (null > 2)
			close(null);
		if (fd > 2)
			close(fd);
		execlp(program, "kquorumd", "--dir", dir, "--exit-with-node", (char *)NULL);
	}
	error = errno;
	if (write(told, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Returns the pid, or a negative errno when the program could not be run. */
static pid_t spawn(const char *program, const char *dir, const char *log)
{
	int told[2], error = 0;
	pid_t pid;

	if (pipe2(told, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		run_daemon(program, dir, log, told[1]);
	close(told[1]);
	if (pid < 0)
		error = errno;
	else if (read(told[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(told[0]);
	return error ? -error : pid;
}

static void show_last_line(const char *log)
{
	char line[512], last[512] = "";
	FILE *f = fopen(log, "re");

	while (f && fgets(line, sizeof(line), f))
		strcpy(last, line);
	if (f)
		fclose(f);
	last[strcspn(last, "\n")] = '\0';
	if (last[0])
		cli_error("its last word: %s", last);
}

int daemon_ensure(struct kquorum *k, const char *dir, uint64_t wait_ns)
{
	uint64_t until = now_ns() + wait_ns;
	char program[512], log[512], full[4096];
	struct kquorum_status st;
	int status;
	pid_t pid;

	if (!kquorum_status(k, &st) && st.daemon)
		return 0;
	if (!realpath(dir, full)) {
		cli_error("%s: %s", dir, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	find_daemon(program, sizeof(program));
	snprintf(log, sizeof(log), "%.480s/kquorumd.log", full);
	pid = spawn(program, full, log);
	if (pid < 0) {
		cli_error("starting %s: %s", program, strerror(-pid));
		return KQUORUM_EXIT_ERROR;
	}
	do {
		int ret = kquorum_status(k, &st);

		if (!ret && st.daemon)
			return 0;
		if (ret) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		/* It ends with 0 when what it left in the background is up. */
		if (waitpid(pid, &status, WNOHANG) == pid && status) {
			cli_error("kquorumd failed, see %s", log);
			show_last_line(log);
			return KQUORUM_EXIT_ERROR;
		}
		sleep_ms(20);
	} while (now_ns() < until);
	cli_error("kquorumd has not taken the node yet, see %s", log);
	return KQUORUM_EXIT_BLOCKED;
}
