// SPDX-License-Identifier: GPL-2.0
/*
 * What is done under a granted lock: run a command, and stop it before the lease ends. The module does
 * that too (loss.c), whatever becomes of this process: it is the first line, this is the second.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"

/* POLLPRI stays on while little is left: told once, it is left out for a while. */
struct watch {
	const struct lock_options *o;
	int fd;
	uint64_t token;
	bool lost;
	bool evicted;		/* an operator takes it */
	uint64_t quiet_until;
	uint64_t end_ns;	/* of the lock, as things were when it was last read; 0: it was not */
	struct kquorum_lock_info info;	/* then */
	uint64_t renew_each_ns;	/* KQUORUM_NEVER: this process need not */
	uint64_t renew_at;
};

/* A command that runs under the lock, and what it got because of the lease. */
struct job {
	struct watch w;
	const struct loss_plan *plan;
	const char *command;
	pid_t pid;
	int signals;		/* those that this process gets */
	bool foreground;
	bool warned, killed;
	bool told;		/* the user: that it runs on, or that it need not have ended */
};

/* The module looks at its clock, this process a moment later at what was left then. */
#define LATE_NS (100 * NS_PER_MS)

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

static struct watch watch_begin(const struct lock_options *o, int fd, const struct kquorum_lock_info *info)
{
	struct watch w = {
		.o = o, .fd = fd, .token = info->token, .info = *info, .renew_each_ns = KQUORUM_NEVER,
		.renew_at = KQUORUM_NEVER,
	};

	if (!o->command_renews && info->renew_left_ns != KQUORUM_NEVER) {
		w.renew_each_ns = info->renew_left_ns / 3;
		w.renew_at = now_ns() + w.renew_each_ns;
	}
	return w;
}

/* The lock's part of poll(): what is asked for, and until when to sleep. */
static struct pollfd watch_pollfd(const struct watch *w, int *timeout_ms)
{
	struct pollfd p = { w->fd, POLLIN, 0 };

	*timeout_ms = -1;
	if (w->lost) {
		p.fd = -1;
		return p;
	}
	if (now_ns() >= w->quiet_until)
		p.events |= POLLPRI;
	else
		*timeout_ms = poll_ms(w->quiet_until, -1);
	*timeout_ms = poll_ms(w->renew_at, *timeout_ms);
	return p;
}

/* What ends first, in words that "in 3.0s" may follow. */
static const char *end_words(const struct kquorum_lock_info *info)
{
	if (info->hold_left_ns <= info->left_ns)
		return info->why == KQUORUM_RELEASE_EVICTED ? "an operator takes it" :
			"it will have been held as long as it may be";
	return info->renew_left_ns <= info->left_ns ? "unless renewed it is lost" : "the lease ends";
}

/* Each end is told of in time, once in a while; that somebody wants it back at once, and once. */
static void watch_tell(struct watch *w, short revents)
{
	const struct kquorum_lock_info *info = &w->info;
	char left[FORMAT_MAX];

	if (info->why == KQUORUM_RELEASE_EVICTED && info->hold_left_ns != KQUORUM_NEVER) {
		if (!w->evicted)
			cli_note("%s: an operator takes it in %s (kquorum resource release)", w->o->name,
				 format_duration(left, info->hold_left_ns));
		w->evicted = true;
		w->quiet_until = KQUORUM_NEVER;
	} else if (revents & POLLPRI) {
		cli_note(info->renew_left_ns <= info->left_ns || info->hold_left_ns <= info->left_ns ?
			 "%s: %s in %s" : "%s: %s in %s: no quorum renews it", w->o->name, end_words(info),
			 format_duration(left, info->left_ns));
		w->quiet_until = now_ns() + NS_PER_SEC;
	}
}

static void watch_read(struct watch *w, short revents)
{
	uint64_t now = now_ns();

	if (w->lost)
		return;
	if (kquorum_lock_read(w->fd, &w->info) || w->info.state != KQUORUM_LOCK_GRANTED) {
		w->lost = true;
		return;
	}
	w->end_ns = now + w->info.left_ns;
	watch_tell(w, revents);
}

/* When it is time. Whoever was stopped until it was lost reads that it is. */
static void watch_renew(struct watch *w)
{
	uint64_t now = now_ns();

	if (w->lost || now < w->renew_at)
		return;
	kquorum_lock_renew(w->fd, w->token);
	w->renew_at = now + w->renew_each_ns;
	watch_read(w, 0);
}

/* As of the last read: renewed meanwhile, it is more. */
static uint64_t watch_left(const struct watch *w)
{
	uint64_t now = now_ns();

	return w->lost || now >= w->end_ns ? 0 : w->end_ns - now;
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

/* Where no script has another descriptor: they say so with one digit. */
#define COMMAND_FD 20

/* For kquorum renew in the command; likewise. */
static void put_handle(const struct lock_options *o, int fd)
{
	char number[16];

	unsetenv("KQUORUM_LOCK_FD");
	if (!o->command_renews)
		return;
	snprintf(number, sizeof(number), "%d", fcntl(fd, F_DUPFD, COMMAND_FD));
	setenv("KQUORUM_LOCK_FD", number, 1);
}

/* Not a line of it runs before the module knows whom to stop: the parent says when, or ends. */
static void await_go(int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(KQUORUM_EXIT_LOST);
}

static void exec_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info,
			 pid_t parent, const int *go, bool foreground)
{
	char token[24];
	sigset_t none;

	setpgid(0, 0);
	/* Killed, the parent releases the lock at once. */
	if (!o->inherit) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(KQUORUM_EXIT_LOST);
	}
	close(go[1]);
	await_go(go[0]);
	if (foreground) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(STDIN_FILENO, getpid());
		signal(SIGTTOU, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(token, sizeof(token), "%llu", info->token);
	setenv("KQUORUM_TOKEN", token, 1);
	setenv("KQUORUM_RESOURCE", o->name, 1);
	put_units(info);
	put_handle(o, fd);
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

/* When the lease has to be looked at next, for so much of it would be left then. */
static uint64_t next_look(const struct job *j)
{
	uint32_t ms = j->warned ? j->plan->kill_ms : loss_first_ms(j->plan);

	if (!ms || j->killed || j->w.lost)
		return KQUORUM_NEVER;
	return j->w.end_ns > ms * NS_PER_MS ? j->w.end_ns - ms * NS_PER_MS : 0;
}

static void say_why(const struct job *j, const char *what)
{
	char left[FORMAT_MAX];

	if (j->w.lost)
		cli_error("%s: the lock is lost: %s%s\n  %s", j->w.o->name, what, j->command,
			  kquorum_lock_why(&j->w.info));
	else
		cli_error("%s: %s in %s: %s%s", j->w.o->name, end_words(&j->w.info),
			  format_duration(left, watch_left(&j->w)), what, j->command);
}

/*
 * The signal is the module's: to repeat it would make many a program end at once in place of in good
 * order, which a second one means to it. Should the module fail, SIGKILL comes from here still.
 */
static void warn(struct job *j)
{
	char name[FORMAT_MAX], what[FORMAT_MAX + 8];

	j->warned = true;
	snprintf(what, sizeof(what), "%s to ", loss_signal_name(name, j->plan->signal));
	say_why(j, what);
	/* What is stopped could not obey it. */
	kill(-j->pid, SIGCONT);
}

/*
 * Somebody wants it back and gives time to end, of which the module would leave the least. It comes
 * from here, then, once; of the module only SIGKILL is still to come.
 */
static void warn_evicted(struct job *j)
{
	char name[FORMAT_MAX];

	loss_tell_kill(j->plan, j->w.fd, j->pid);
	j->warned = true;
	cli_error("%s: %s to %s, for an operator takes it", j->w.o->name,
		  loss_signal_name(name, j->plan->signal), j->command);
	kill(-j->pid, j->plan->signal);
	kill(-j->pid, SIGCONT);
}

/* At the margins of the module, which has acted by now, unless something is wrong with it. */
static void act(struct job *j)
{
	uint64_t left = watch_left(&j->w);

	if (!j->plan->kill_ms) {
		if (j->w.lost && !j->told)
			cli_error("%s: the lock is lost: %s runs on\n  %s", j->w.o->name, j->command,
				  kquorum_lock_why(&j->w.info));
		j->told = j->w.lost;
		return;
	}
	if (j->killed)
		return;
	if (left <= j->plan->kill_ms * NS_PER_MS) {
		j->killed = true;
		say_why(j, "SIGKILL to ");
		kill(-j->pid, SIGKILL);
	} else if (j->plan->signal && !j->warned && left <= j->plan->warn_ms * NS_PER_MS) {
		warn(j);
	} else if (j->plan->signal && !j->warned && j->w.evicted) {
		warn_evicted(j);
	} else if (j->warned && !j->told && !j->w.evicted && left > j->plan->warn_ms * NS_PER_MS) {
		j->told = true;
		cli_note("%s: the lease is renewed, after %s was told to end", j->w.o->name, j->command);
	}
}

/* Until the command has ended; its status as of waitpid(). */
static int supervise(struct job *j)
{
	int status, timeout;
	uint64_t look;

	watch_read(&j->w, 0);
	while (!reap(j->pid, j->foreground, &status)) {
		struct pollfd p[2] = { watch_pollfd(&j->w, &timeout), { j->signals, POLLIN, 0 } };

		look = next_look(j);
		if (look != KQUORUM_NEVER)
			timeout = poll_ms(look, timeout);
		if (poll(p, 2, timeout) < 0 && errno != EINTR)
			j->w.lost = true;
		if (p[0].revents || now_ns() >= look)
			watch_read(&j->w, p[0].revents);
		watch_renew(&j->w);
		forward_signals(j->signals, j->pid);
		act(j);
	}
	return status;
}

/*
 * Was it the end of the lease that ended the command? The module may have seen to it before this
 * process did, which may have been stopped. What ends by itself after the first margin has passed ends
 * after the module told it to.
 */
static bool ended_by_lease(struct job *j, int status)
{
	uint64_t first = loss_first_ms(j->plan) * NS_PER_MS;
	bool killed = WIFSIGNALED(status) &&
		(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == (int)j->plan->signal);

	if (!first)
		return false;
	if (j->warned || j->killed)
		return true;
	watch_read(&j->w, 0);
	if (watch_left(&j->w) > first + (killed ? LATE_NS : 0))
		return false;
	say_why(j, "this ended ");
	return true;
}

/* Starts the command; it begins once the module knows of it. 0 or an exit code. */
static int start(struct job *j, const struct kquorum_lock_info *info)
{
	pid_t self = getpid();
	int go[2], ret;

	j->signals = open_signals(true);
	if (j->signals < 0 || pipe2(go, O_CLOEXEC)) {
		cli_error("%s: %s", j->command, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	fflush(stdout);
	j->pid = fork();
	if (j->pid < 0) {
		cli_error("%s: %s", j->command, strerror(errno));
		ret = KQUORUM_EXIT_ERROR;
		goto close_go;
	}
	if (j->pid == 0)
		exec_command(j->w.o, j->w.fd, info, self, go, j->foreground);
	setpgid(j->pid, j->pid);
	ret = loss_tell_module(j->w.o, j->plan, j->w.fd, j->pid);
	/* This end of it is still open for reading: no SIGPIPE, should the child have been killed. */
	if (!ret && write(go[1], "", 1) != 1) {
		cli_error("%s: %s", j->command, strerror(errno));
		ret = KQUORUM_EXIT_ERROR;
	}
close_go:
	close(go[0]);
	close(go[1]);
	if (ret && j->pid > 0)
		waitpid(j->pid, NULL, 0);
	return ret;
}

int lock_run_command(const struct lock_options *o, int fd, const struct kquorum_lock_info *info,
		     const struct loss_plan *plan)
{
	struct job j = {
		.w = watch_begin(o, fd, info), .plan = plan, .command = o->command[0], .signals = -1,
		.foreground = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp(),
	};
	int status, ret = start(&j, info);

	if (ret) {
		close(j.signals);
		return ret;
	}
	if (j.foreground)
		signal(SIGTTOU, SIG_IGN);
	status = supervise(&j);
	if (j.foreground)
		tcsetpgrp(STDIN_FILENO, getpgrp());
	ret = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (ended_by_lease(&j, status)) {
		/* What the command left running in its group may not outlive the lease either. */
		kill(-j.pid, SIGKILL);
		ret = KQUORUM_EXIT_LOST;
	}
	close(j.signals);
	return ret;
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

/* "not_renewed": why it was lost, with names that stay. */
static const char *loss_name(const struct kquorum_lock_info *info)
{
	switch (-info->error) {
	case ETIME:
		return "not_renewed";
	case ETIMEDOUT:
		return "held_too_long";
	case ECANCELED:
		return "evicted";
	default:
		return "lease_over";
	}
}

static void say_lost(const struct watch *w)
{
	cJSON *record;

	cli_error("%s: the lock is lost\n  %s", w->o->name, kquorum_lock_why(&w->info));
	if (!cli.json)
		return;
	record = cJSON_CreateObject();
	cJSON_AddStringToObject(record, "resource", w->o->name);
	json_u64(record, "token", w->token);
	cJSON_AddStringToObject(record, "lost", loss_name(&w->info));
	json_print(record, true);
	fflush(stdout);
}

int lock_hold(const struct lock_options *o, int fd, const struct kquorum_lock_info *info)
{
	struct watch w = watch_begin(o, fd, info);
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
		if (p[0].revents)
			watch_read(&w, p[0].revents);
		watch_renew(&w);
		if (w.lost) {
			say_lost(&w);
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
