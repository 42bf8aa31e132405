// SPDX-License-Identifier: GPL-2.0
/*
 * kq-netd: the network between test machines, in user space: an Ethernet hub with one unix socket
 * per machine (DIR/net.N, N from 1) for QEMU's "-netdev stream", which frames as 32-bit length
 * (big-endian) and packet. Any direction between two machines can be cut without either seeing
 * its carrier drop. A machine that does not read (stopped) loses packets; nobody waits for it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PORTS_MAX	16
#define FRAME_MAX	(68U << 10)
#define QUEUE_MAX	(1U << 20)	/* bytes waiting for a machine; more is dropped */

struct port {
	int listener, fd;
	unsigned char *in, *out;
	size_t in_used, out_used;
	unsigned long forwarded, dropped;	/* packets towards this machine */
};

static struct port ports[PORTS_MAX + 1];
static bool cut[PORTS_MAX + 1][PORTS_MAX + 1];	/* [from][to] */
static int n_ports;
static bool stopping;

static int listen_on(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4)) {
		fprintf(stderr, "kq-netd: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static void port_close(struct port *p)
{
	close(p->fd);
	p->fd = -1;
	p->in_used = 0;
	p->out_used = 0;
}

static void port_flush(struct port *p)
{
	ssize_t n;

	while (p->fd >= 0 && p->out_used) {
		n = send(p->fd, p->out, p->out_used, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			port_close(p);
			return;
		}
		p->out_used -= n;
		memmove(p->out, p->out + n, p->out_used);
	}
}

static void forward(int from, const unsigned char *frame, size_t len)
{
	int to;

	for (to = 1; to <= n_ports; to++) {
		struct port *p = &ports[to];

		if (to == from || p->fd < 0)
			continue;
		if (cut[from][to] || p->out_used + len > QUEUE_MAX) {
			p->dropped++;
			continue;
		}
		memcpy(p->out + p->out_used, frame, len);
		p->out_used += len;
		p->forwarded++;
		port_flush(p);
	}
}

static void port_read(int i)
{
	struct port *p = &ports[i];
	size_t at = 0;
	uint32_t len;
	ssize_t n;

	n = recv(p->fd, p->in + p->in_used, QUEUE_MAX - p->in_used, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		port_close(p);
		return;
	}
	p->in_used += n;
	while (p->in_used - at >= 4) {
		memcpy(&len, p->in + at, 4);
		len = ntohl(len);
		if (len > FRAME_MAX) {
			fprintf(stderr, "kq-netd: machine %d sends %u bytes at once\n", i, len);
			port_close(p);
			return;
		}
		if (p->in_used - at < 4 + len)
			break;
		forward(i, p->in + at, 4 + len);
		at += 4 + len;
	}
	p->in_used -= at;
	memmove(p->in, p->in + at, p->in_used);
}

static void set_cut(int a, int b, bool value, bool both)
{
	cut[a][b] = value;
	if (both)
		cut[b][a] = value;
}

static void show(char *answer, size_t size)
{
	size_t at = 0;
	int i, j;

	for (i = 1; i <= n_ports; i++)
		at += snprintf(answer + at, size - at, "%d %s forwarded %lu dropped %lu\n", i,
			       ports[i].fd < 0 ? "off" : "on", ports[i].forwarded,
			       ports[i].dropped);
	for (i = 1; i <= n_ports; i++)
		for (j = 1; j <= n_ports; j++)
			if (cut[i][j])
				at += snprintf(answer + at, size - at, "cut %d>%d\n", i, j);
	snprintf(answer + at, size - at, "ok\n");
}

static void control(const char *line, char *answer, size_t size)
{
	int a, b, i;

	snprintf(answer, size, "ok\n");
	if (sscanf(line, "isolate %d", &a) == 1 && a >= 1 && a <= n_ports) {
		for (i = 1; i <= n_ports; i++)
			set_cut(a, i, true, true);
	} else if (sscanf(line, "cut %d %d", &a, &b) == 2 && a >= 1 && b >= 1 && a <= n_ports &&
		   b <= n_ports) {
		set_cut(a, b, true, true);
	} else if (sscanf(line, "cut-oneway %d %d", &a, &b) == 2 && a >= 1 && b >= 1 &&
		   a <= n_ports && b <= n_ports) {
		set_cut(a, b, true, false);
	} else if (!strcmp(line, "heal")) {
		memset(cut, 0, sizeof(cut));
	} else if (!strcmp(line, "list")) {
		show(answer, size);
	} else if (!strcmp(line, "quit")) {
		stopping = true;
	} else {
		snprintf(answer, size, "error: not a command: %s\n", line);
	}
}

static void serve_control(int listener)
{
	char line[256], answer[4096];
	int fd = accept(listener, NULL, NULL);
	ssize_t n;

	if (fd < 0)
		return;
	/* the client is kq-say: one line at a time, and it waits for the answer */
	while ((n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		control(line, answer, sizeof(answer));
		if (write(fd, answer, strlen(answer)) < 0)
			break;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	char path[64];
	int ctl, i;

	if (argc != 3 || atoi(argv[2]) < 1 || atoi(argv[2]) > PORTS_MAX || chdir(argv[1])) {
		fprintf(stderr, "Usage: kq-netd DIR N\nJoin N (at most %d) machines; sockets "
			"DIR/net.1 ... and DIR/net.ctl\nCommands on net.ctl (kq-say): isolate A, "
			"cut A B, cut-oneway A B, heal, list, quit\n", PORTS_MAX);
		return 2;
	}
	n_ports = atoi(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	for (i = 1; i <= n_ports; i++) {
		snprintf(path, sizeof(path), "net.%d", i);
		ports[i].listener = listen_on(path);
		ports[i].fd = -1;
		ports[i].in = malloc(QUEUE_MAX);
		ports[i].out = malloc(QUEUE_MAX);
		if (!ports[i].in || !ports[i].out)
			return 1;
	}
	ctl = listen_on("net.ctl");
	while (!stopping) {
		struct pollfd p[2 * PORTS_MAX + 3] = { { ctl, POLLIN, 0 } };

		for (i = 1; i <= n_ports; i++) {
			p[2 * i].fd = ports[i].listener;
			p[2 * i].events = POLLIN;
			p[2 * i + 1].fd = ports[i].fd;
			p[2 * i + 1].events = POLLIN | (ports[i].out_used ? POLLOUT : 0);
		}
		p[1].fd = -1;
		if (poll(p, 2 * n_ports + 2, -1) < 0 && errno != EINTR)
			return 1;
		if (p[0].revents & POLLIN)
			serve_control(ctl);
		for (i = 1; i <= n_ports; i++) {
			if (ports[i].fd >= 0 && (p[2 * i + 1].revents & POLLOUT))
				port_flush(&ports[i]);
			if (ports[i].fd >= 0 && (p[2 * i + 1].revents & (POLLIN | POLLHUP)))
				port_read(i);
			if (p[2 * i].revents & POLLIN) {
				int fd = accept(ports[i].listener, NULL, NULL);

				/* a machine that was switched off and on again */
				if (ports[i].fd >= 0)
					port_close(&ports[i]);
				ports[i].fd = fd;
			}
		}
	}
	return 0;
}
