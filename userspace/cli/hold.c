// SPDX-License-Identifier: GPL-2.0
/* What is done under a granted lock: run a command and stop it should the lock be lost. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"

/* POLLPRI stays on while the lease is short: told once, it is left out for a while. */
struct watch {
	const struct lock_options *o;
	int fd;
	bool lost;
	uint64_t quiet_until;
};

static int open_signals(bool children)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (children) {
		sigaddset(&set, SIGQUIT);
		sigaddset(&set, SIGCHLD);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The lock's part of poll(): what is asked for, and until when to sleep. */
static struct pollfd watch_pollfd(const struct watch *w, int *timeout_ms)
{
	struct pollfd p = { w->fd, POLLIN, 0 };

	*timeout_ms = -1;
	if (w->lost)
		p.fd = -1;
	else if (now_ns() >= w->quiet_until)
		p.events |= POLLPRI;
	else
		*timeout_ms = poll_ms(w->quiet_until, -1);
	return p;
}

static void watch_read(struct watch *w, short revents)
{
	struct kquorum_lock_info info;
	char left[FORMAT_MAX];

	if (!revents || w->lost)
		return;
	if (kquorum_lock_read(w->fd, &info) || info.state != KQUORUM_LOCK_GRANTED) {
		w->lost = true;
		return;
	}
	if (!(revents & POLLPRI))
		return;
	cli_note("%s: the lease is at risk, %s left: no quorum renews it", w->o->name,
		 format_duration(left, info.left_ns));
	w->quiet_until = now_ns() + NS_PER_SEC;
}

/* Those of another one that this runs under are not meant. */
static void put_units(const struct kquorum_lock_info *info)
{
	char numbers[CLAIM_NUMBERS_MAX];

	if (*claim_numbers(numbers, sizeof(numbers), info->numbers))
		setenv("KQUORUM_UNITS", numbers, 1);
	else
		unsetenv("KQUORUM_UNITS");
}

static void exec_command(const struct lock_options *o, const struct kquorum_lock_info *info,
			 pid_t parent, bool foreground)
{
	char token[24];
	sigset_t none;

	setpgid(0, 0);
	if (foreground) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(STDIN_FILENO, getpid());
		signal(SIGTTOU, SIG_DFL);
	}
	/* Killed, the parent cannot stop the command any more, and the lock is free at once. */
	if (!o->inherit) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(KQUORUM_EXIT_LOST);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(token, sizeof(token), "%llu", info->token);
	setenv("KQUORUM_TOKEN", token, 1);
	setenv("KQUORUM_RESOURCE", o->name, 1);
	put_units(info);
	execvp(o->command[0], o->command);
	fprintf(stderr, "kquorum lock: %s: %s\n", o->command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Ctrl-Z on the command stops this process too; fg wakes both. */
static void follow_stop(pid_t pid, bool foreground)
{
	if (!foreground)
		return;
	tcsetpgrp(STDIN_FILENO, getpgrp());
	kill(getpid(), SIGSTOP);
	tcsetpgrp(STDIN_FILENO, pid);
	kill(-pid, SIGCONT);
}

/* True when the command has ended; @status as of waitpid(). */
static bool reap(pid_t pid, bool foreground, int *status)
{
	pid_t got;

	while ((got = waitpid(pid, status, WNOHANG | WUNTRACED)) == pid) {
		if (!WIFSTOPPED(*status))
			return true;
		follow_stop(pid, foreground);
	}
	return false;
}

static void forward_signals(int signals, pid_t pid)
{
	struct signalfd_siginfo si;

	while (read(signals, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			kill(-pid, si.ssi_signo);
}

/* Returns true when the lock was lost before the command ended. */
static bool supervise(struct watch *w, pid_t pid, int signals, bool foreground, int *status)
{
	uint64_t kill_at = KQUORUM_NEVER;
	bool lost = false;

	for (;;) {
		struct pollfd p[2];
		int timeout;

		if (reap(pid, foreground, status))
			return lost;
		p[0] = watch_pollfd(w, &timeout);
		p[1] = (struct pollfd){ signals, POLLIN, 0 };
		if (kill_at != KQUORUM_NEVER)
			timeout = poll_ms(kill_at, -1);
		if (poll(p, 2, timeout) < 0 && errno != EINTR)
			w->lost = true;
		watch_read(w, p[0].revents);
		forward_signals(signals, pid);
		if (w->lost && !lost) {
			lost = true;
			cli_error("%s: the lock is lost: stopping %s", w->o->name, w->o->command[0]);
			kill(-pid, SIGTERM);
			kill(-pid, SIGCONT);
			kill_at = now_ns() + w->o->kill_after_ns;
		}
		if (now_ns() >= kill_at) {
			kill(-pid, SIGKILL);
			kill_at = KQUORUM_NEVER;
		}
	}
}

int lock_run_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info)
{
	bool foreground = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
	struct watch w = { .o = o, .fd = fd };
	int signals = open_signals(true), status = 0;
	pid_t pid, self = getpid();
	bool lost;

	fflush(stdout);
	pid = signals < 0 ? -1 : fork();
	if (pid < 0) {
		cli_error("%s: %s", o->command[0], strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	if (pid == 0)
		exec_command(o, info, self, foreground);
	setpgid(pid, pid);
	if (foreground)
		signal(SIGTTOU, SIG_IGN);
	lost = supervise(&w, pid, signals, foreground, &status);
	if (foreground)
		tcsetpgrp(STDIN_FILENO, getpgrp());
	/* What the command left running in its group may not outlive the lost lock either. */
	if (lost)
		kill(-pid, SIGKILL);
	close(signals);
	if (lost)
		return KQUORUM_EXIT_LOST;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void print_token(const struct lock_options *o, const struct kquorum_lock_info *info)
{
	char numbers[CLAIM_NUMBERS_MAX];
	cJSON *record;

	if (!cli.json) {
		printf("token %llu\n", info->token);
		if (*claim_numbers(numbers, sizeof(numbers), info->numbers))
			printf("units %s\n", numbers);
	} else {
		record = cJSON_CreateObject();
		cJSON_AddStringToObject(record, "resource", o->name);
		json_u64(record, "token", info->token);
		json_u64(record, "session", info->session);
		json_u64(record, "owner", info->owner);
		claim_what_json(record, info->mode, info->units, info->numbers);
		json_print(record, true);
	}
	fflush(stdout);
}

int lock_hold(const struct lock_options *o, int fd, const struct kquorum_lock_info *info)
{
	struct watch w = { .o = o, .fd = fd };
	int signals = open_signals(false), timeout;
	char discard[4096];

	if (signals < 0) {
		cli_error("%s", strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	print_token(o, info);
	for (;;) {
		struct pollfd p[3] = {
			watch_pollfd(&w, &timeout), { signals, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 },
		};

		if (poll(p, 3, timeout) < 0 && errno != EINTR)
			break;
		watch_read(&w, p[0].revents);
		if (w.lost) {
			cli_error("%s: the lock is lost", o->name);
			break;
		}
		if (p[1].revents)
			break;
		if ((p[2].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) &&
		    read(STDIN_FILENO, discard, sizeof(discard)) <= 0)
			break;
	}
	close(signals);
	return w.lost ? KQUORUM_EXIT_LOST : KQUORUM_EXIT_DONE;
}
