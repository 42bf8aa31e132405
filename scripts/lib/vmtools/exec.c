// SPDX-License-Identifier: GPL-2.0
/*
 * kq-exec: run a command in a test machine whose kq-agent listens behind DIR/exec.N.
 *
 * Passes stdout and stderr through and returns the command's exit status (128 + signal number if
 * a signal killed it). 124: time limit. 125: the machine went away or cannot be reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

#define EXIT_TIMEOUT	124
#define EXIT_LOST	125
#define PORTS_MAX	32
#define LEAVE_S		3	/* from a signal that was passed on to giving up */
#define REPEAT_S	10	/* a request without an answer is sent again; the agent takes it once */

static const char usage[] =
"Usage: kq-exec [OPTION]... DIR -- CMD [ARG]...\n"
"Run CMD in the test machine whose sockets are DIR/exec.0, DIR/exec.1, ...\n"
"  -C, --cwd DIR      working directory in the machine (default: /)\n"
"  -e, --env NAME=V   set a variable for the command; may be given again\n"
"  -i, --stdin        pass standard input on (default: the command reads end of file)\n"
"  -w, --wait SEC     how long to wait for the machine to answer (default: 60)\n"
"  -t, --timeout SEC  kill the command after so long: exit 124 (default: no limit)\n"
"Exit: that of CMD; 124 time limit; 125 the machine cannot be reached or went away.\n";

static volatile sig_atomic_t pending_signal;

static void on_signal(int sig)
{
	pending_signal = sig;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The lock file keeps a port for one client; it goes with the process. */
static int port_connect(double deadline_s)
{
	for (;;) {
		int i, seen = 0;

		for (i = 0; i < PORTS_MAX; i++) {
			struct sockaddr_un a = { .sun_family = AF_UNIX };
			char lock[32];
			int fd, s;

			snprintf(a.sun_path, sizeof(a.sun_path), "exec.%d", i);
			if (access(a.sun_path, F_OK))
				break;
			seen = 1;
			snprintf(lock, sizeof(lock), "exec.%d.lock", i);
			fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (fd < 0)
				continue;
			if (flock(fd, LOCK_EX | LOCK_NB)) {
				close(fd);
				continue;
			}
			s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
			if (s >= 0 && !connect(s, (struct sockaddr *)&a, sizeof(a)))
				return s;
			if (s >= 0)
				close(s);
			close(fd);
		}
		if (now_s() >= deadline_s) {
			fprintf(stderr, seen ?
				"kq-exec: no free port: the machine is down or too many commands run\n" :
				"kq-exec: no machine there (no socket exec.0)\n");
			return -1;
		}
		poll(NULL, 0, 50);
	}
}

static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static int send_frame(int fd, uint32_t session, enum frame_type type, const void *data, size_t len)
{
	struct frame f = { FRAME_MAGIC, session, type, len };

	return send_all(fd, &f, sizeof(f)) || (len && send_all(fd, data, len)) ? -1 : 0;
}

static void write_out(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 100);
			continue;
		}
		if (n <= 0)
			exit(EXIT_LOST);
		p += n;
		len -= n;
	}
}

struct request {
	char buf[FRAME_PAYLOAD_MAX];
	size_t len;
};

static void request_add(struct request *q, const char *s)
{
	size_t n = strlen(s) + 1;

	if (q->len + n > sizeof(q->buf)) {
		fprintf(stderr, "kq-exec: command line too long\n");
		exit(2);
	}
	memcpy(q->buf + q->len, s, n);
	q->len += n;
}

/* Returns the exit status when the session is over, else -1. */
static int handle_frame(const struct frame *f, const unsigned char *payload, int *hello)
{
	uint32_t status;

	switch (f->type) {
	case FRAME_HELLO:
		*hello = 1;
		return -1;
	case FRAME_STDOUT:
		write_out(1, payload, f->len);
		return -1;
	case FRAME_STDERR:
		write_out(2, payload, f->len);
		return -1;
	case FRAME_EXIT:
		memcpy(&status, payload, sizeof(status));
		return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return -1;
}

static int session_run(int fd, uint32_t session, const struct request *q, int use_stdin,
		       double wait_s, double limit_s)
{
	double hello_by_s = now_s() + wait_s, end_s = limit_s ? now_s() + limit_s : 0;
	double repeat_s = 0, leave_s = 0;
	int leave_status = 0;
	struct frame_reader r;
	int hello = 0, status;

	if (frame_reader_init(&r))
		return EXIT_LOST;
	for (;;) {
		struct pollfd p[2] = { { fd, POLLIN, 0 }, { use_stdin ? 0 : -1, POLLIN, 0 } };
		unsigned char *payload;
		struct frame f;
		ssize_t n;

		if (pending_signal) {
			uint32_t sig = pending_signal;

			pending_signal = 0;
			/* before the machine answers there is nobody to tell */
			if (!hello)
				return 128 + sig;
			send_frame(fd, session, FRAME_SIGNAL, &sig, sizeof(sig));
			/* a command that does not heed it is killed when the connection closes */
			if (!leave_s) {
				leave_s = now_s() + LEAVE_S;
				leave_status = 128 + sig;
			}
		}
		if (leave_s && now_s() > leave_s)
			return leave_status;
		/* not more often than it takes a machine that is busy: what is sent piles up there */
		if (!hello && now_s() > repeat_s) {
			if (send_frame(fd, session, FRAME_REQUEST, q->buf, q->len) ||
			    (!use_stdin && send_frame(fd, session, FRAME_STDIN_EOF, NULL, 0)))
				return EXIT_LOST;
			repeat_s = now_s() + REPEAT_S;
		}
		if (!hello && now_s() > hello_by_s) {
			fprintf(stderr, "kq-exec: the machine does not answer\n");
			return EXIT_LOST;
		}
		if (end_s && now_s() > end_s) {
			fprintf(stderr, "kq-exec: time limit of %g s is over\n", limit_s);
			return EXIT_TIMEOUT;
		}
		if (poll(p, 2, 100) < 0 && errno != EINTR)
			return EXIT_LOST;
		if (hello && (p[1].revents & (POLLIN | POLLHUP))) {
			char buf[16384];

			n = read(0, buf, sizeof(buf));
			if (n > 0)
				send_frame(fd, session, FRAME_STDIN, buf, n);
			if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
				send_frame(fd, session, FRAME_STDIN_EOF, NULL, 0);
				use_stdin = 0;
			}
		}
		if (!(p[0].revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		n = recv(fd, r.buf + r.used, r.size - r.used, 0);
		if (n <= 0) {
			fprintf(stderr, "kq-exec: the machine went away\n");
			return EXIT_LOST;
		}
		r.used += n;
		while (frame_reader_peek(&r, &f, &payload)) {
			status = f.session == session ? handle_frame(&f, payload, &hello) : -1;
			if (status >= 0)
				return status;
			frame_reader_drop(&r, sizeof(f) + f.len);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "cwd", 1, NULL, 'C' }, { "env", 1, NULL, 'e' }, { "stdin", 0, NULL, 'i' },
		{ "wait", 1, NULL, 'w' }, { "timeout", 1, NULL, 't' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct request q;
	const char *cwd = "/", *env[256];
	int nenv = 0, use_stdin = 0, o, fd, i;
	double wait_s = 60, limit_s = 0;
	uint32_t session = 0;
	char count[16];

	while ((o = getopt_long(argc, argv, "+C:e:iw:t:h", opts, NULL)) != -1) {
		if (o == 'C')
			cwd = optarg;
		else if (o == 'e' && nenv < 256)
			env[nenv++] = optarg;
		else if (o == 'i')
			use_stdin = 1;
		else if (o == 'w')
			wait_s = atof(optarg);
		else if (o == 't')
			limit_s = atof(optarg);
		else if (o == 'h')
			return fputs(usage, stdout), 0;
		else
			return fputs(usage, stderr), 2;
	}
	if (optind + 1 < argc && !strcmp(argv[optind + 1], "--"))
		argv[optind + 1] = argv[optind], optind++;
	if (argc - optind < 2)
		return fputs(usage, stderr), 2;
	/* a socket's path may have 107 bytes only: go there and use the short name */
	if (chdir(argv[optind])) {
		fprintf(stderr, "kq-exec: %s: %s\n", argv[optind], strerror(errno));
		return EXIT_LOST;
	}
	request_add(&q, cwd);
	snprintf(count, sizeof(count), "%d", nenv);
	request_add(&q, count);
	for (i = 0; i < nenv; i++)
		request_add(&q, env[i]);
	for (i = optind + 1; i < argc; i++)
		request_add(&q, argv[i]);

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	fd = port_connect(now_s() + wait_s);
	if (fd < 0)
		return EXIT_LOST;
	if (getrandom(&session, sizeof(session), 0) != sizeof(session))
		return EXIT_LOST;
	return session_run(fd, session, &q, use_stdin, wait_s, limit_s);
}
