// SPDX-License-Identifier: GPL-2.0
/*
 * kquorumd: start, signals, end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon.h"

static void usage(FILE *f)
{
	fputs("usage: kquorumd [--dir DIR] [--foreground] [--exit-with-node] [--verbose]\n"
	      "\n"
	      "Connects this machine's kquorum node with its peers and stands for election when\n"
	      "no leader is heard of. It may be stopped and started again at any time: the node\n"
	      "goes on without it.\n"
	      "\n"
	      "  -d, --dir DIR         directory with kquorum.conf; without it the only one in\n"
	      "                        " KQUORUM_STATE_DIR "\n"
	      "  -f, --foreground      do not go to the background\n"
	      "  -x, --exit-with-node  end when the node stops, instead of waiting for it again\n"
	      "  -v, --verbose         log details\n"
	      "  -h, --help            this text\n"
	      "\n"
	      "Signals: TERM and INT end the daemon and leave the node running; HUP reads\n"
	      "kquorum.conf again, for new addresses; USR1 saves a snapshot of the node's state.\n"
	      "Exit status: 0 done, 2 usage, 77 not privileged, 78 wrong kquorum.conf, 1 other.\n", f);
}

static int parse_options(int argc, char **argv, struct kqd_options *o)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "exit-with-node", no_argument, NULL, 'x' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:fxvh", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->dir = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'x':
			o->exit_with_node = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "kquorumd: unexpected argument: %s\n", argv[optind]);
		usage(stderr);
		return -EINVAL;
	}
	return 0;
}

/* Absolute, for going to the background changes the working directory. */
static char *find_dir(const char *dir)
{
	const char *pattern = KQUORUM_STATE_DIR "/*/" KQUORUM_CONFIG_FILE;
	char *path = NULL;
	glob_t g;

	if (dir) {
		path = realpath(dir, NULL);
		if (!path)
			kqd_err("%s: %s", dir, strerror(errno));
		return path;
	}
	if (glob(pattern, 0, NULL, &g)) {
		kqd_err("there is no %s: run kquorum init, or say --dir", pattern);
		return NULL;
	}
	if (g.gl_pathc == 1) {
		path = strdup(g.gl_pathv[0]);
		if (path)
			*strrchr(path, '/') = '\0';
	} else {
		kqd_err("%zu nodes are set up in " KQUORUM_STATE_DIR ": say which one with --dir",
			g.gl_pathc);
	}
	globfree(&g);
	return path;
}

static char pid_path[PATH_MAX];

static void pid_write(const char *dir)
{
	FILE *f;

	snprintf(pid_path, sizeof(pid_path), "%s/kquorumd.pid", dir);
	f = fopen(pid_path, "we");
	if (!f) {
		kqd_warn("%s: %s", pid_path, strerror(errno));
		pid_path[0] = '\0';
		return;
	}
	fprintf(f, "%d\n", (int)getpid());
	fclose(f);
}

/* Only our own: a daemon that took the node from us has written its number there. */
static void pid_remove(void)
{
	FILE *f = pid_path[0] ? fopen(pid_path, "re") : NULL;
	int pid = 0;

	if (!f)
		return;
	if (fscanf(f, "%d", &pid) == 1 && pid == getpid())
		unlink(pid_path);
	fclose(f);
}

/* Both parents wait until the daemon is up, so that the caller learns of a failure. */
static int go_background(void)
{
	int fds[2];
	char up;

	/* What the caller left open, a lock's handle perhaps, must not live on with us. */
	close_range(3, ~0U, 0);
	if (pipe2(fds, O_CLOEXEC))
		kqd_die("pipe: %s", strerror(errno));
	switch (fork()) {
	case -1:
		kqd_die("fork: %s", strerror(errno));
	case 0:
		break;
	default:
		close(fds[1]);
		_exit(read(fds[0], &up, 1) == 1 ? up : EXIT_FAILURE);
	}
	setsid();
	switch (fork()) {
	case -1:
		kqd_die("fork: %s", strerror(errno));
	case 0:
		break;
	default:
		_exit(0);
	}
	close(fds[0]);
	if (chdir("/"))
		kqd_die("/: %s", strerror(errno));
	return fds[1];
}

static void leave_terminal(int up_fd)
{
	char up = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	kqd_log_background();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (fstat(STDERR_FILENO, &st) || !S_ISREG(st.st_mode))
			dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(up_fd, &up, 1) != 1)
		kqd_debug("nobody waits for the daemon to be up");
	close(up_fd);
}

int main(int argc, char **argv)
{
	static struct kqd d;
	int up_fd = -1, rc;

	if (parse_options(argc, argv, &d.opt))
		return 2;
	setlinebuf(stderr);
	kqd_log_init(d.opt.verbose);
	d.opt.dir = find_dir(d.opt.dir);
	if (!d.opt.dir || kqd_config_read(&d))
		return EX_CONFIG;
	d.heartbeat_ms = d.config.heartbeat_ms;
	d.election_ms = d.config.election_ms;
	if (!d.opt.foreground)
		up_fd = go_background();

	rc = kqd_loop_init(&d.loop);
	if (rc)
		kqd_die("io_uring: %s%s", strerror(-rc), rc == -EPERM ?
			" (is the sysctl kernel.io_uring_disabled set?)" : "");
	rc = kqd_signals_init(&d);
	if (rc)
		kqd_die("signals: %s", strerror(-rc));
	rc = kqd_node_init(&d);
	if (rc)
		kqd_die("generic netlink: %s", strerror(-rc));
	if (up_fd >= 0 && !(d.loop.stop && d.exit_status)) {
		pid_write(d.opt.dir);
		leave_terminal(up_fd);
	}
	rc = kqd_loop_run(&d.loop);
	if (rc)
		kqd_die("io_uring: %s", strerror(-rc));
	sd_notify(0, "STOPPING=1");
	pid_remove();
	kqd_loop_exit(&d.loop);
	return d.exit_status;
}
