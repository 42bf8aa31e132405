// SPDX-License-Identifier: GPL-2.0
/*
 * kq-agent: process 1 of a test machine. Runs commands that kq-exec sends.
 *
 * One worker per virtio-serial port named "kq.exec.*"; a worker runs one command at a time, so
 * there are as many concurrent commands as ports. Process 1 itself only reaps orphans and starts
 * a worker again that died.
 *
 * When the client goes away while its command runs, the command's process group is killed. When
 * the command exits and leaves background processes, the status is reported at once, without
 * waiting for them to close the pipes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"

#define PORTS_MAX	32
#define IDLE_S		1	/* in case a signal went astray */

struct command {
	pid_t pid;		/* 0: none runs */
	uint32_t session;	/* the last one: kept when it is over */
	int in, out, err;	/* our ends of its pipes; -1: closed */
};

static int port = -1;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Returns -1 when the client has gone: a write would then block until the next one comes. */
static int port_write(const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(port, p, len);
		struct pollfd pfd = { .fd = port, .events = POLLOUT };

		if (n > 0) {
			p += n;
			len -= n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		poll(&pfd, 1, 1000);
		if (pfd.revents & (POLLHUP | POLLERR | POLLNVAL))
			return -1;
	}
	return 0;
}

/*
 * Data and the news that a client has connected come on different queues, and on a busy machine
 * the data may be first: a request is no reason to believe POLLHUP.
 */
static int wait_client(void)
{
	struct pollfd pfd = { .fd = port, .events = POLLOUT };
	int i;

	for (i = 0; i < 500; i++) {
		pfd.revents = 0;
		poll(&pfd, 1, 0);
		if (!(pfd.revents & POLLHUP))
			return 0;
		poll(NULL, 0, 10);
	}
	return -1;
}

static int send_frame(uint32_t session, enum frame_type type, const void *data, size_t len)
{
	static unsigned char buf[sizeof(struct frame) + FRAME_PAYLOAD_MAX];
	struct frame f = { FRAME_MAGIC, session, type, len };

	memcpy(buf, &f, sizeof(f));
	if (len)
		memcpy(buf + sizeof(f), data, len);
	return port_write(buf, sizeof(f) + len);
}

static void command_kill(struct command *c)
{
	if (c->pid) {
		kill(-c->pid, SIGKILL);
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	c->pid = 0;
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
}

/* In the child: payload is "cwd\0" "NENV\0" env... argv..., each ended by a NUL. Never returns. */
static void command_exec(char *payload, size_t len)
{
	static char *argv[FRAME_PAYLOAD_MAX / 2 + 1];
	char *p = payload, *end = payload + len;
	const char *cwd = p;
	int nenv, argc = 0;

	p += strlen(p) + 1;
	nenv = p < end ? atoi(p) : 0;
	p += strlen(p) + 1;
	for (; nenv > 0 && p < end; nenv--, p += strlen(p) + 1)
		putenv(p);
	for (; p < end; p += strlen(p) + 1)
		argv[argc++] = p;
	if (!argc)
		_exit(127);
	if (*cwd && chdir(cwd)) {
		fprintf(stderr, "kq-agent: cannot enter %s: %s\n", cwd, strerror(errno));
		_exit(126);
	}
	execvp(argv[0], argv);
	fprintf(stderr, "kq-agent: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int command_start(struct command *c, unsigned char *payload, size_t len)
{
	int in[2], out[2], err[2];

	if (!len || payload[len - 1])
		return -1;
	if (pipe2(in, O_CLOEXEC))
		return -1;
	if (pipe2(out, O_CLOEXEC))
		goto close_in;
	if (pipe2(err, O_CLOEXEC))
		goto close_out;
	c->pid = fork();
	if (c->pid < 0)
		goto close_err;
	if (!c->pid) {
		sigset_t none;

		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		command_exec((char *)payload, len);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	return 0;

close_err:
	close(err[0]);
	close(err[1]);
close_out:
	close(out[0]);
	close(out[1]);
close_in:
	close(in[0]);
	close(in[1]);
	c->pid = 0;
	return -1;
}

/* Pass on what is in the pipe now. Returns -1 when the client has gone. */
static int forward(struct command *c, int *fd, enum frame_type type)
{
	char buf[32768];
	ssize_t n;

	while (*fd >= 0) {
		n = read(*fd, buf, sizeof(buf));
		if (n > 0 && send_frame(c->session, type, buf, n))
			return -1;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			close_fd(fd);
		if (n > 0 && n < (ssize_t)sizeof(buf))
			return 0;
	}
	return 0;
}

/* While the command does not read, go on passing its output: it may wait for that. */
static void write_stdin(struct command *c, const unsigned char *p, size_t len)
{
	while (len && c->in >= 0) {
		struct pollfd pfd[4] = {
			{ c->in, POLLOUT, 0 }, { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 },
			{ port, 0, 0 },
		};
		ssize_t n = write(c->in, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else if (errno == EAGAIN || errno == EINTR) {
			poll(pfd, 4, 1000);
			if ((pfd[3].revents & POLLHUP) || forward(c, &c->out, FRAME_STDOUT) ||
			    forward(c, &c->err, FRAME_STDERR))
				return;
		} else {
			close_fd(&c->in);
		}
	}
}

static void handle_frame(struct command *c, const struct frame *f, unsigned char *payload)
{
	uint32_t status = 127 << 8, sig;

	if (f->type == FRAME_REQUEST) {
		/* the client repeats its request until it has seen the answer */
		if (f->session == c->session)
			return;
		command_kill(c);
		if (wait_client() || send_frame(f->session, FRAME_HELLO, NULL, 0))
			return;
		c->session = f->session;
		if (command_start(c, payload, f->len))
			send_frame(f->session, FRAME_EXIT, &status, sizeof(status));
		return;
	}
	if (!c->pid || f->session != c->session)
		return;
	if (f->type == FRAME_STDIN) {
		write_stdin(c, payload, f->len);
	} else if (f->type == FRAME_STDIN_EOF) {
		close_fd(&c->in);
	} else if (f->type == FRAME_SIGNAL && f->len == sizeof(sig)) {
		memcpy(&sig, payload, sizeof(sig));
		kill(-c->pid, sig);
	}
}

static int command_step(struct command *c)
{
	uint32_t status32;
	int status;
	pid_t pid;

	/* ORDER: look for the exit first, so that what was written before it is forwarded */
	pid = waitpid(c->pid, &status, WNOHANG);
	if (forward(c, &c->out, FRAME_STDOUT) || forward(c, &c->err, FRAME_STDERR))
		return -1;
	if (pid != c->pid)
		return 0;
	status32 = status;
	/* a short read stops forward(): empty the pipes for good */
	while (c->out >= 0 || c->err >= 0) {
		struct pollfd p[2] = { { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };

		if (poll(p, 2, 0) <= 0)
			break;
		if (forward(c, &c->out, FRAME_STDOUT) || forward(c, &c->err, FRAME_STDERR))
			return -1;
	}
	c->pid = 0;
	if (send_frame(c->session, FRAME_EXIT, &status32, sizeof(status32)))
		return -1;
	command_kill(c);
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* What the port has now; waits for nothing. */
static short port_events(void)
{
	struct pollfd p = { port, POLLIN, 0 };

	return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

/* Returns the number of bytes read: 0 when there is no client, although POLLIN was set. */
static ssize_t port_read(struct frame_reader *r, struct command *c)
{
	ssize_t n = read(port, r->buf + r->used, r->size - r->used);
	unsigned char *payload;
	struct frame f;

	if (n > 0)
		r->used += n;
	while (frame_reader_peek(r, &f, &payload)) {
		handle_frame(c, &f, payload);
		frame_reader_drop(r, sizeof(f) + f.len);
	}
	return n;
}

static void worker(const char *path)
{
	static const struct timespec idle = { IDLE_S, 0 };
	struct command c = { .in = -1, .out = -1, .err = -1 };
	struct frame_reader r;
	sigset_t wakeups, none;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGIO, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigemptyset(&none);
	sigemptyset(&wakeups);
	sigaddset(&wakeups, SIGCHLD);
	sigaddset(&wakeups, SIGIO);
	sigprocmask(SIG_BLOCK, &wakeups, NULL);
	port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port < 0 || frame_reader_init(&r))
		_exit(1);
	/*
	 * While no client is there, poll() on the port returns at once (POLLIN and POLLHUP). So the
	 * port is only looked at, and SIGIO tells of data and of a client that comes or goes.
	 */
	fcntl(port, F_SETOWN, getpid());
	fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC);
	for (;;) {
		struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
		short events = port_events();

		ssize_t n = events & POLLIN ? port_read(&r, &c) : 0;

		/* what was seen before a request was read says nothing about its sender */
		if (c.pid && ((n <= 0 && (events & POLLHUP)) || command_step(&c)))
			command_kill(&c);
		if (n > 0)
			continue;
		/* ORDER: signals are let in only while waiting, so none is missed */
		p[0].fd = c.out;
		p[1].fd = c.err;
		if (ppoll(p, 2, &idle, &none) < 0 && errno != EINTR)
			_exit(1);
	}
}

/* udev's names in /dev/virtio-ports do not exist here: read them from sysfs. */
static int find_ports(char paths[][64])
{
	DIR *d = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	int n = 0;

	while (d && n < PORTS_MAX && (e = readdir(d))) {
		char name[64] = "", path[300];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && !strncmp(name, "kq.exec.", 8))
			snprintf(paths[n++], 64, "/dev/%.50s", e->d_name);
		fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

int main(void)
{
	char paths[PORTS_MAX][64];
	pid_t pids[PORTS_MAX];
	int i, n;

	n = find_ports(paths);
	if (!n) {
		fprintf(stderr, "kq-agent: no virtio-serial port named kq.exec.*\n");
		return 1;
	}
	memset(pids, 0, sizeof(pids));
	/* on the console */
	printf("kq-agent: ready, %d ports\n", n);
	fflush(stdout);
	for (;;) {
		pid_t pid;

		for (i = 0; i < n; i++) {
			if (pids[i])
				continue;
			pids[i] = fork();
			if (!pids[i])
				worker(paths[i]);
			if (pids[i] < 0)
				pids[i] = 0;
		}
		pid = wait(NULL);
		for (i = 0; i < n; i++) {
			if (pid > 0 && pids[i] == pid) {
				pids[i] = 0;
				sleep(1);	/* a worker that cannot start must not spin */
			}
		}
	}
}
