// SPDX-License-Identifier: GPL-2.0
/* Asks all the other machines of FILE at once what cluster they belong to: see ask.h. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rollout.h"

/* Who takes longer does not answer this time. */
#define ASK_NS		(2 * NS_PER_SEC)

struct asking {
	int fd;				/* -1: over */
	bool connected;
	size_t sent, got;
	struct kqd_told_wire in;
};

static void end(struct asking *q, struct rollout_answer *a, const char *why)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static void begin(struct asking *q, const struct kquorum_address *to, struct rollout_answer *a)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	char port[8];
	int ret;

	*q = (struct asking){ .fd = -1 };
	*a = (struct rollout_answer){ 0 };
	snprintf(port, sizeof(port), "%u", to->port);
	ret = getaddrinfo(to->host, port, &hints, &list);
	if (ret) {
		end(q, a, gai_strerror(ret));
		return;
	}
	q->fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0 || (connect(q->fd, list->ai_addr, list->ai_addrlen) && errno != EINPROGRESS))
		end(q, a, strerror(errno));
	freeaddrinfo(list);
}

static void put(struct asking *q, const struct kqd_ask_wire *ask, struct rollout_answer *a)
{
	socklen_t len = sizeof(int);
	int error = 0;
	ssize_t n;

	if (!q->connected) {
		getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			end(q, a, strerror(error));
			return;
		}
		q->connected = true;
	}
	n = send(q->fd, (const char *)ask + q->sent, sizeof(*ask) - q->sent, MSG_NOSIGNAL);
	if (n > 0)
		q->sent += n;
	else if (errno != EAGAIN && errno != EINTR)
		end(q, a, strerror(errno));
}

static void take(struct asking *q, struct rollout_answer *a)
{
	ssize_t n = recv(q->fd, (char *)&q->in + q->got, sizeof(q->in) - q->got, 0);
	char why[sizeof(a->why)];

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(q, a, n ? strerror(errno) : "it does not tell: another cluster or version?");
		return;
	}
	q->got += n;
	if (q->got < sizeof(q->in))
		return;
	a->told = !kqd_told_decode(&q->in, &a->t, why, sizeof(why));
	end(q, a, a->told ? "" : why);
}

/* One wait for whatever comes. False: nothing is to come any more. */
static bool look(struct asking *q, const struct kqd_ask_wire *ask, struct rollout *r,
		 uint64_t until)
{
	struct pollfd p[KQUORUM_MAX_NODES];
	unsigned int i, busy = 0;

	for (i = 0; i < r->file.n_members; i++) {
		bool asks = q[i].sent < sizeof(*ask);

		p[i] = (struct pollfd){ q[i].fd, asks ? POLLOUT : POLLIN, 0 };
		busy += q[i].fd >= 0;
	}
	if (!busy || now_ns() >= until)
		return false;
	poll(p, r->file.n_members, poll_ms(until, 200));
	for (i = 0; i < r->file.n_members; i++) {
		if (q[i].fd < 0 || !p[i].revents)
			continue;
		if (q[i].sent < sizeof(*ask))
			put(&q[i], ask, &r->answers[i]);
		else
			take(&q[i], &r->answers[i]);
	}
	return true;
}

void rollout_ask(struct rollout *r)
{
	static struct asking asking[KQUORUM_MAX_NODES];
	uint64_t until = now_ns() + ASK_NS;
	struct kqd_ask_wire ask;
	unsigned int i;

	kqd_ask_encode(&ask, r->file.name);
	for (i = 0; i < r->file.n_members; i++) {
		if (&r->file.members[i] == r->self)
			asking[i] = (struct asking){ .fd = -1 };
		else
			begin(&asking[i], &r->file.members[i].address, &r->answers[i]);
	}
	while (look(asking, &ask, r, until))
		;
	for (i = 0; i < r->file.n_members; i++)
		if (asking[i].fd >= 0)
			end(&asking[i], &r->answers[i], "no answer");
}
