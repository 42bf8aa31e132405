// SPDX-License-Identifier: GPL-2.0
/*
 * One who claims locks in a machine, and says what it sees as it sees it. Ledger.pm tells it
 * what to do, line by line. Times are this machine's CLOCK_MONOTONIC_RAW, which no NTP steers and which is
 * the module's (no machine is suspended here), in microseconds.
 *
 *   t WORD            t WORD TIME
 *   lock NAME FENCE   state TIME WHICH TOKEN LEFT TIME whenever it is another one, between the two
 *                     times; when one that was granted is lost, at once: fence TIME STATUS, how
 *                     'kquorum fence check FENCE NAME TOKEN' ended (FENCE -: it is not run)
 *   samples MS        sample TIME WHICH TOKEN LEFT TIME of that lock every so often (0: no more)
 *   close             closed TIME
 *   child NAME        another process takes NAME and holds it: child TIME
 *   kill              kill -9 of it: killed TIME, of just before
 *   append            commit TIME HOW-LONG
 *   status            status TIME ROLE LEADER TERM QUORUM SESSION-LEFT WAIT-LEFT APPLIED
 *   watch MS          role TIME ROLE LEADER TERM QUORUM at first, and when they change, which is
 *                     looked for every so often (0: no more)
 *
 * What fails says: failed WHY. "claimant beat" only says "beat TIME", fifty times a second.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libkquorum.h"

#define BEAT_US		20000
#define COMMIT_LIMIT_MS	30000
#define NEVER		(~0ULL)

static struct kquorum *k;
static char *word[3];			/* of what is to be done: the verb, and up to two more */
static int lock = -1, stream = -1, child_says = -1;
static pid_t child;
static char name[KQUORUM_RESOURCE_NAME_MAX + 1], fence[256];
static struct kquorum_lock_info last;	/* what was said of the lock last */
static unsigned long long token;	/* that it was granted with, 0: it was not */
static struct kquorum_status seen;	/* and of this node's role */
static unsigned long long sample_every, sample_at = NEVER, watch_every, watch_at = NEVER;

static unsigned long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static void say_failed(const char *why)
{
	printf("failed %s\n", why);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int open_lock(const char *resource)
{
	const struct kquorum_lock_request request = {
		.resource = resource, .flags = KQUORUM_LOCK_CLOEXEC,
	};
	int fd = kquorum_lock_open(k, &request);

	if (fd < 0)
		say_failed(kquorum_error(k));
	return fd;
}

/* Who has lost a lock does what nobody can keep it from: it shows its old token. */
static void try_old_token(void)
{
	char number[24];
	int status;
	pid_t pid;

	if (!strcmp(fence, "-"))
		return;
	snprintf(number, sizeof(number), "%llu", token);
	pid = fork();
	if (!pid) {
		execlp("kquorum", "kquorum", "fence", "check", fence, name, number, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		say_failed("fence check");
	else
		printf("fence %llu %d\n", now_us(),
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* What the handle says, between two looks at the clock. @what: sample; state: only another one. */
static void look(const char *what)
{
	static const char *const words[] = {
		"asking", "queued", "granted", "refused", "lost", "unknown",
	};
	struct kquorum_lock_info info;
	unsigned long long before, after;
	bool other;
	int ret;

	if (lock < 0)
		return;
	before = now_us();
	ret = kquorum_lock_read(lock, &info);
	after = now_us();
	if (ret || info.state >= sizeof(words) / sizeof(words[0])) {
		say_failed("the handle cannot be read");
		close_fd(&lock);
		return;
	}
	other = info.state != last.state;
	if (info.token)
		token = info.token;
	if (other || !strcmp(what, "sample"))
		printf("%s %llu %s %llu %llu %llu\n", other ? "state" : what, before,
		       words[info.state], token, info.left_ns / 1000, after);
	if (other && info.state == KQUORUM_LOCK_LOST) {
		fflush(stdout);
		try_old_token();
	}
	last = info;
}

static void do_lock(void)
{
	close_fd(&lock);
	snprintf(name, sizeof(name), "%s", word[1]);
	snprintf(fence, sizeof(fence), "%s", word[2]);
	memset(&last, 0xff, sizeof(last));
	token = 0;
	lock = open_lock(name);
	look("state");
}

/* Holds it until it is killed; "g" to its parent says so. The parent's socket is the parent's. */
static void hold(const char *resource, int says)
{
	struct kquorum_lock_info info;
	struct pollfd p = { -1, POLLIN, 0 };
	char err[256];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!kquorum_open(&k, err, sizeof(err)))
		p.fd = open_lock(resource);
	while (p.fd >= 0 && !kquorum_lock_read(p.fd, &info) && info.state <= KQUORUM_LOCK_GRANTED) {
		if (info.state == KQUORUM_LOCK_GRANTED && write(says, "g", 1) == 1)
			for (;;)
				pause();
		poll(&p, 1, -1);
	}
	_exit(1);
}

static void do_child(void)
{
	int says[2];

	if (child || pipe(says)) {
		say_failed("there is a child, or no pipe");
		return;
	}
	fflush(stdout);
	child = fork();
	if (!child)
		hold(word[1], says[1]);
	close(says[1]);
	child_says = says[0];
}

static void hear_child(void)
{
	char byte;

	if (read(child_says, &byte, 1) == 1)
		printf("child %llu\n", now_us());
	else
		say_failed("the child does not get the lock");
	close_fd(&child_says);
}

static void do_kill(void)
{
	unsigned long long now = now_us();

	if (!child || kill(child, SIGKILL)) {
		say_failed("no child");
		return;
	}
	/* What comes next waits for nothing: the grant may be there before the child is reaped. */
	printf("killed %llu\n", now);
}

static void do_append(void)
{
	struct kquorum_append_result r = { 0 };
	unsigned long long begin;
	ssize_t got;

	if (stream < 0)
		stream = kquorum_append_open(k);
	begin = now_us();
	if (stream < 0 || write(stream, "x", 1) != 1) {
		say_failed("append");
		close_fd(&stream);
		return;
	}
	while ((got = read(stream, &r, sizeof(r))) < 0 && errno == EAGAIN &&
	       now_us() - begin < COMMIT_LIMIT_MS * 1000ULL)
		poll(&(struct pollfd){ stream, POLLIN, 0 }, 1, COMMIT_LIMIT_MS);
	if (got == sizeof(r) && !r.error) {
		printf("commit %llu %llu\n", begin, now_us() - begin);
	} else {
		say_failed("append");
		close_fd(&stream);
	}
}

static const char *role(const struct kquorum_status *st)
{
	static const char *const words[] = { "follower", "canvassing", "candidate", "leader" };

	return st->role < sizeof(words) / sizeof(words[0]) ? words[st->role] : "?";
}

static void do_status(void)
{
	struct kquorum_status st;

	if (kquorum_status(k, &st))
		say_failed(kquorum_error(k));
	else
		printf("status %llu %s %u %llu %d %llu %llu %llu\n", now_us(), role(&st),
		       st.leader, (unsigned long long)st.term, st.quorum,
		       (unsigned long long)st.session_left_ns / 1000,
		       (unsigned long long)st.wait_left_ns / 1000,
		       (unsigned long long)st.applied_index);
}

static void watch(void)
{
	struct kquorum_status st;

	if (kquorum_status(k, &st))
		return;
	if (st.role != seen.role || st.leader != seen.leader || st.term != seen.term ||
	    st.quorum != seen.quorum)
		printf("role %llu %s %u %llu %d\n", now_us(), role(&st), st.leader,
		       (unsigned long long)st.term, st.quorum);
	seen = st;
}

static void do_close(void)
{
	close_fd(&lock);
	printf("closed %llu\n", now_us());
}

static void every(const char *ms, unsigned long long *period, unsigned long long *at)
{
	*period = strtoull(ms, NULL, 10) * 1000;
	*at = *period ? now_us() : NEVER;
}

static void do_t(void)
{
	printf("t %s %llu\n", word[1], now_us());
}

static void do_samples(void)
{
	every(word[1], &sample_every, &sample_at);
}

static void do_watch(void)
{
	memset(&seen, 0xff, sizeof(seen));
	every(word[1], &watch_every, &watch_at);
}

static void command(char *line)
{
	static const struct {
		const char *verb;
		void (*run)(void);
		unsigned int n_words;
	} commands[] = {
		{ "t", do_t, 2 },
		{ "lock", do_lock, 3 },
		{ "samples", do_samples, 2 },
		{ "close", do_close, 1 },
		{ "child", do_child, 2 },
		{ "kill", do_kill, 1 },
		{ "append", do_append, 1 },
		{ "status", do_status, 1 },
		{ "watch", do_watch, 2 },
	};
	unsigned int n = 0;
	size_t i;

	while (n < 3 && (word[n] = strtok(n ? NULL : line, " ")))
		n++;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (n != commands[i].n_words || strcmp(word[0], commands[i].verb))
			continue;
		commands[i].run();
		return;
	}
	say_failed("what is that?");
}

/* All lines that are there; false at the end. */
static bool take_lines(void)
{
	static char buf[4096];
	static size_t n;
	ssize_t got = read(STDIN_FILENO, buf + n, sizeof(buf) - 1 - n);
	char *line = buf, *end;

	if (got <= 0)
		return false;
	n += got;
	buf[n] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		command(line);
		line = end + 1;
	}
	n -= line - buf;
	memmove(buf, line, n);
	return n < sizeof(buf) - 1;
}

/* How long poll() may sleep: to a whole millisecond below, then it does not. */
static int sleep_ms(void)
{
	unsigned long long at = sample_at < watch_at ? sample_at : watch_at, now = now_us();

	if (at == NEVER)
		return -1;
	return at > now ? (int)((at - now) / 1000) : 0;
}

static void serve(void)
{
	for (;;) {
		struct pollfd p[3] = {
			{ STDIN_FILENO, POLLIN, 0 }, { lock, POLLIN, 0 }, { child_says, POLLIN, 0 },
		};

		/* A handle that has ended says so for ever. */
		if (lock >= 0 && last.state > KQUORUM_LOCK_GRANTED)
			p[1].fd = -1;
		poll(p, 3, sleep_ms());
		if (p[1].revents)
			look("state");
		if (now_us() >= sample_at) {
			look("sample");
			sample_at = now_us() + sample_every;
		}
		if (now_us() >= watch_at) {
			watch();
			watch_at = now_us() + watch_every;
		}
		if (p[2].revents)
			hear_child();
		if (child && waitpid(child, NULL, WNOHANG) == child)
			child = 0;
		if (p[0].revents && !take_lines())
			return;
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	char err[256];

	if (argc == 2 && !strcmp(argv[1], "beat"))
		for (;;) {
			printf("beat %llu\n", now_us());
			fflush(stdout);
			usleep(BEAT_US);
		}
	if (kquorum_open(&k, err, sizeof(err))) {
		fprintf(stderr, "claimant: %s\n", err);
		return 1;
	}
	serve();
	kquorum_close(k);
	return 0;
}
