// SPDX-License-Identifier: GPL-2.0
/*
 * Name look-up. getaddrinfo(3) may wait for a name server for a long time and
 * cannot be cancelled, so a name (not a numeric address) is looked up by a
 * forked child, which writes its result into a pipe in one piece and can be
 * killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "resolve.h"

_Static_assert(sizeof(struct kqd_addresses) <= PIPE_BUF, "written and read in one piece");

static void resolve_lookup(const char *host, uint16_t port, int flags, struct kqd_addresses *out)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags,
	};
	struct addrinfo *list = NULL, *i;
	char service[8];

	memset(out, 0, sizeof(*out));
	snprintf(service, sizeof(service), "%u", port);
	out->gai_error = getaddrinfo(host, service, &hints, &list);
	if (out->gai_error)
		return;
	for (i = list; i && out->n < sizeof(out->a) / sizeof(out->a[0]); i = i->ai_next) {
		struct kqd_address *a = &out->a[out->n];

		if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
			continue;
		memcpy(&a->storage, i->ai_addr, i->ai_addrlen);
		a->len = i->ai_addrlen;
		out->n++;
	}
	freeaddrinfo(list);
	if (!out->n)
		out->gai_error = EAI_NONAME;
}

/**
 * kqd_resolve_numeric() - only what needs no look-up
 * @host: an IPv4 or IPv6 address
 * @port: the port
 * @out: filled on success
 *
 * Return: 0, or -EINVAL: @host is a name.
 */
int kqd_resolve_numeric(const char *host, uint16_t port, struct kqd_addresses *out)
{
	resolve_lookup(host, port, AI_NUMERICHOST, out);
	return out->gai_error ? -EINVAL : 0;
}

static void __attribute__((noreturn)) resolve_child(int pipe_fd, const char *host, uint16_t port)
{
	struct kqd_addresses out;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Above all not the listening socket, which would outlive the daemon here. */
	if (dup2(pipe_fd, 3) != 3 || close_range(4, ~0U, 0))
		_exit(1);
	resolve_lookup(host, port, 0, &out);
	_exit(write(3, &out, sizeof(out)) != sizeof(out));
}

static void resolve_fail(struct kqd_resolve *r, int gai_error)
{
	r->out.gai_error = gai_error;
	r->out.n = 0;
	r->done(r);
}

static void resolve_read_done(struct kqd_op *op, int res)
{
	struct kqd_resolve *r = (struct kqd_resolve *)((char *)op - offsetof(struct kqd_resolve,
									    read));

	close(r->fd);
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	r->pid = 0;
	if (res != sizeof(r->out))
		resolve_fail(r, EAI_AGAIN);
	else
		r->done(r);
}

/**
 * kqd_resolve_start() - look a host up
 * @r: not busy, @done set; called once, perhaps before this returns
 * @l: the loop
 * @host: name or numeric address
 * @port: goes into the addresses
 */
void kqd_resolve_start(struct kqd_resolve *r, struct kqd_loop *l, const char *host, uint16_t port)
{
	int fds[2];

	if (!kqd_resolve_numeric(host, port, &r->out)) {
		r->done(r);
		return;
	}
	if (pipe2(fds, O_CLOEXEC)) {
		resolve_fail(r, EAI_SYSTEM);
		return;
	}
	r->pid = fork();
	if (!r->pid)
		resolve_child(fds[1], host, port);
	close(fds[1]);
	if (r->pid < 0) {
		close(fds[0]);
		r->pid = 0;
		resolve_fail(r, EAI_MEMORY);
		return;
	}
	r->fd = fds[0];
	r->read.done = resolve_read_done;
	kqd_op_read(l, &r->read, r->fd, &r->out, sizeof(r->out));
}

/**
 * kqd_resolve_kill() - do not wait any longer; @done comes soon, with a failure
 * @r: any
 */
void kqd_resolve_kill(struct kqd_resolve *r)
{
	if (r->pid > 0)
		kill(r->pid, SIGKILL);
}
