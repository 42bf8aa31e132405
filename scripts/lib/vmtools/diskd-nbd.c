// SPDX-License-Identifier: GPL-2.0
/*
 * kq-diskd: the NBD server (fixed newstyle negotiation, simple replies) and the control socket.
 * One thread and one poll loop: requests are served in the order in which they arrive, so "before
 * the flush" has one meaning, and so has "before the write of another machine" on a disk that
 * several share. Of these one may be stopped in the middle of a request: the others are served.
 *
 * Protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "diskd.h"

#define NBD_MAGIC		0x4e42444d41474943ULL
#define NBD_OPTION_MAGIC	0x49484156454f5054ULL
#define NBD_REPLY_MAGIC		0x0003e889045565a9ULL
#define NBD_REQUEST_MAGIC	0x25609513U
#define NBD_SIMPLE_REPLY_MAGIC	0x67446698U

#define NBD_FLAG_FIXED_NEWSTYLE	1
#define NBD_FLAG_NO_ZEROES	2

#define NBD_OPT_EXPORT_NAME	1
#define NBD_OPT_ABORT		2
#define NBD_OPT_INFO		6
#define NBD_OPT_GO		7

#define NBD_REP_ACK		1U
#define NBD_REP_INFO		3U
#define NBD_REP_ERR_UNSUP	0x80000001U
#define NBD_INFO_EXPORT		0

#define NBD_FLAG_HAS_FLAGS	1
#define NBD_FLAG_SEND_FLUSH	4
#define NBD_FLAG_SEND_FUA	8
#define TRANSMISSION_FLAGS	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA)

#define NBD_CMD_READ		0
#define NBD_CMD_WRITE		1
#define NBD_CMD_DISC		2
#define NBD_CMD_FLUSH		3
#define NBD_CMD_FLAG_FUA	1

#define REQUEST_LEN_MAX		(32U << 20)

struct nbd_request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t handle;
	uint64_t offset;
	uint32_t len;
} __attribute__((packed));

struct nbd_reply {
	uint32_t magic;
	uint32_t error;
	uint64_t handle;
} __attribute__((packed));

#define TICK_MS			100

#define CLIENTS_MAX		16

/* What came of the request that is being received; data follows the request when it writes. */
struct client {
	int fd;			/* -1: none */
	unsigned char *request;
	size_t have;
};

static struct client clients[CLIENTS_MAX] = { [0 ... CLIENTS_MAX - 1] = { -1, NULL, 0 } };
static bool stopping, hanging;
static int waiting_fd = -1;	/* control client that waits for "cut-at-flush" */

void server_stop(void)
{
	stopping = true;
}

void server_hang(bool hang)
{
	hanging = hang;
}

static int read_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/* Cuts, and answers who waits for it, if this is the moment. */
static bool armed_cut(bool flush)
{
	char answer[512];

	if (!disk_armed_cut(flush, answer, sizeof(answer)))
		return false;
	if (waiting_fd >= 0)
		write_all(waiting_fd, answer, strlen(answer));
	return true;
}

static int option_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	struct {
		uint64_t magic;
		uint32_t option, type, len;
	} __attribute__((packed)) r = {
		htobe64(NBD_REPLY_MAGIC), htobe32(option), htobe32(type), htobe32(len),
	};

	return write_all(fd, &r, sizeof(r)) || (len && write_all(fd, data, len)) ? -1 : 0;
}

/* Returns 0 when the transmission phase has been reached. */
static int negotiate(int fd)
{
	struct {
		uint64_t magic, option_magic;
		uint16_t flags;
	} __attribute__((packed)) hello = {
		htobe64(NBD_MAGIC), htobe64(NBD_OPTION_MAGIC),
		htobe16(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES),
	};
	struct {
		uint16_t type;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) info = {
		htobe16(NBD_INFO_EXPORT), htobe64(disk_size()), htobe16(TRANSMISSION_FLAGS),
	};
	static const char zeroes[124];
	uint32_t client_flags;

	if (write_all(fd, &hello, sizeof(hello)) || read_all(fd, &client_flags, 4))
		return -1;
	for (;;) {
		struct {
			uint64_t magic;
			uint32_t option, len;
		} __attribute__((packed)) o;
		char data[4096];

		if (read_all(fd, &o, sizeof(o)) || be64toh(o.magic) != NBD_OPTION_MAGIC)
			return -1;
		o.option = be32toh(o.option);
		o.len = be32toh(o.len);
		if (o.len > sizeof(data) || read_all(fd, data, o.len))
			return -1;
		switch (o.option) {
		case NBD_OPT_EXPORT_NAME:
			if (write_all(fd, &info.size, 10))
				return -1;
			if (be32toh(client_flags) & NBD_FLAG_NO_ZEROES)
				return 0;
			return write_all(fd, zeroes, sizeof(zeroes));
		case NBD_OPT_GO:
		case NBD_OPT_INFO:
			if (option_reply(fd, o.option, NBD_REP_INFO, &info, sizeof(info)) ||
			    option_reply(fd, o.option, NBD_REP_ACK, NULL, 0))
				return -1;
			if (o.option == NBD_OPT_GO)
				return 0;
			break;
		case NBD_OPT_ABORT:
			option_reply(fd, o.option, NBD_REP_ACK, NULL, 0);
			return -1;
		default:
			if (option_reply(fd, o.option, NBD_REP_ERR_UNSUP, NULL, 0))
				return -1;
		}
	}
}

/* How many bytes the request of @c has, as far as is known. */
static size_t request_size(const struct client *c)
{
	const struct nbd_request *q = (const void *)c->request;

	if (c->have < sizeof(*q) || be16toh(q->type) != NBD_CMD_WRITE)
		return sizeof(*q);
	return sizeof(*q) + be32toh(q->len);
}

/* Takes what is there of a request. 1: it is whole; 0: not yet; -1: the client has gone. */
static int receive(struct client *c)
{
	const struct nbd_request *q = (const void *)c->request;

	while (c->have < request_size(c)) {
		ssize_t n = recv(c->fd, c->request + c->have, request_size(c) - c->have, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -1;
		c->have += n;
		if (c->have >= sizeof(*q) && (be32toh(q->magic) != NBD_REQUEST_MAGIC ||
					      be32toh(q->len) > REQUEST_LEN_MAX))
			return -1;
	}
	return 1;
}

/* Returns -1 when the client has gone. */
static int serve_request(struct client *c)
{
	struct nbd_request *q = (void *)c->request;
	struct nbd_reply r = { htobe32(NBD_SIMPLE_REPLY_MAGIC), 0, 0 };
	unsigned char *data = c->request + sizeof(*q);
	int whole = receive(c), error;
	uint32_t len;

	if (whole <= 0)
		return whole;
	c->have = 0;
	len = be32toh(q->len);
	r.handle = q->handle;
	switch (be16toh(q->type)) {
	case NBD_CMD_READ:
		error = disk_read(be64toh(q->offset), len, data);
		break;
	case NBD_CMD_WRITE:
		error = disk_write(be64toh(q->offset), len, data,
				   be16toh(q->flags) & NBD_CMD_FLAG_FUA);
		break;
	case NBD_CMD_FLUSH:
		if (armed_cut(true))
			return 0;
		error = disk_flush();
		break;
	case NBD_CMD_DISC:
		return -1;
	default:
		error = EINVAL;
	}
	r.error = htobe32(error);
	if (write_all(c->fd, &r, sizeof(r)))
		return -1;
	if (be16toh(q->type) == NBD_CMD_READ && !error)
		return write_all(c->fd, data, len);
	return 0;
}

static void client_end(struct client *c)
{
	close(c->fd);
	free(c->request);
	*c = (struct client){ -1, NULL, 0 };
}

/* The first place that is free of @n; NULL: there is none. */
static struct client *client_free(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (clients[i].fd < 0)
			return &clients[i];
	return NULL;
}

static void client_begin(struct client *c, int listener)
{
	c->fd = accept(listener, NULL, NULL);
	if (c->fd < 0)
		return;
	c->request = malloc(sizeof(struct nbd_request) + REQUEST_LEN_MAX);
	if (!c->request || negotiate(c->fd))
		client_end(c);
}

static void serve_control(int listener)
{
	char line[256], answer[512];
	int fd = accept(listener, NULL, NULL);
	ssize_t n;

	if (fd < 0)
		return;
	while (!stopping && (n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		disk_control(line, answer, sizeof(answer));
		if (!answer[0]) {
			waiting_fd = fd;
			return;
		}
		if (write_all(fd, answer, strlen(answer)))
			break;
	}
	close(fd);
}

static int listen_on(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(a.sun_path)) {
		fprintf(stderr, "kq-diskd: %s: too long for a socket\n", path);
		return -1;
	}
	strcpy(a.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4)) {
		fprintf(stderr, "kq-diskd: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return fd;
}

/* Returns how many of @p there are. */
static unsigned int poll_set(struct pollfd *p, int nbd, int control, unsigned int n)
{
	unsigned int i;

	p[0] = (struct pollfd){ client_free(n) ? nbd : -1, POLLIN, 0 };
	p[1] = (struct pollfd){ control, POLLIN, 0 };
	for (i = 0; i < n; i++)
		p[2 + i] = (struct pollfd){ hanging ? -1 : clients[i].fd, POLLIN, 0 };
	return 2 + n;
}

int server_run(const char *nbd_path, const char *control_path, unsigned int n)
{
	int nbd = listen_on(nbd_path), control = listen_on(control_path);
	struct pollfd p[2 + CLIENTS_MAX];
	unsigned int i;

	if (nbd < 0 || control < 0 || n > CLIENTS_MAX)
		return 1;
	while (!stopping) {
		if (poll(p, poll_set(p, nbd, control, n), TICK_MS) < 0 && errno != EINTR)
			return 1;
		if (armed_cut(false))
			break;
		if (p[1].revents & POLLIN)
			serve_control(control);
		/* ORDER: after the control socket: nothing is served after a cut */
		for (i = 0; i < n; i++)
			if (!stopping && !hanging && (p[2 + i].revents & (POLLIN | POLLHUP)) &&
			    serve_request(&clients[i]))
				client_end(&clients[i]);
		if (!stopping && (p[0].revents & POLLIN))
			client_begin(client_free(n), nbd);
	}
	unlink(nbd_path);
	unlink(control_path);
	return 0;
}
