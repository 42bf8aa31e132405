// SPDX-License-Identifier: GPL-2.0
/*
 * kq-diskd: the NBD server (fixed newstyle negotiation, simple replies, one client at a time) and
 * the control socket. One thread and one poll loop: requests are served in the order in which
 * they arrive, so "before the flush" has one meaning.
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

/* Returns -1 when the client has gone. */
static int serve_request(int fd)
{
	static unsigned char *data;
	struct nbd_request q;
	struct nbd_reply r = { htobe32(NBD_SIMPLE_REPLY_MAGIC), 0, 0 };
	uint32_t len;
	int error;

	if (!data)
		data = malloc(REQUEST_LEN_MAX);
	if (!data || read_all(fd, &q, sizeof(q)) || be32toh(q.magic) != NBD_REQUEST_MAGIC)
		return -1;
	len = be32toh(q.len);
	r.handle = q.handle;
	switch (be16toh(q.type)) {
	case NBD_CMD_READ:
		if (len > REQUEST_LEN_MAX)
			return -1;
		error = disk_read(be64toh(q.offset), len, data);
		break;
	case NBD_CMD_WRITE:
		if (len > REQUEST_LEN_MAX || read_all(fd, data, len))
			return -1;
		error = disk_write(be64toh(q.offset), len, data,
				   be16toh(q.flags) & NBD_CMD_FLAG_FUA);
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
	if (write_all(fd, &r, sizeof(r)))
		return -1;
	if (be16toh(q.type) == NBD_CMD_READ && !error)
		return write_all(fd, data, len);
	return 0;
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

int server_run(const char *nbd_path, const char *control_path)
{
	int nbd = listen_on(nbd_path), control = listen_on(control_path), client = -1;

	if (nbd < 0 || control < 0)
		return 1;
	while (!stopping) {
		struct pollfd p[3] = {
			{ client < 0 ? nbd : -1, POLLIN, 0 }, { control, POLLIN, 0 },
			{ hanging ? -1 : client, POLLIN, 0 },
		};

		if (poll(p, 3, TICK_MS) < 0 && errno != EINTR)
			return 1;
		if (armed_cut(false))
			break;
		if (p[1].revents & POLLIN)
			serve_control(control);
		if (p[0].revents & POLLIN) {
			client = accept(nbd, NULL, NULL);
			if (client >= 0 && negotiate(client)) {
				close(client);
				client = -1;
			}
		}
		/* ORDER: after the control socket: nothing is served after a cut */
		if (!stopping && !hanging && (p[2].revents & (POLLIN | POLLHUP)) &&
		    serve_request(client)) {
			close(client);
			client = -1;
		}
	}
	unlink(nbd_path);
	unlink(control_path);
	return 0;
}
