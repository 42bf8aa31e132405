// SPDX-License-Identifier: GPL-2.0
/*
 * Small things about sockets, addresses and time limits.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/random.h>

#include "daemon.h"

/**
 * kqd_sock_options() - what every connection between nodes needs
 * @fd: TCP socket
 * @election_ms: shortest election timeout
 *
 * The options stay with the socket when the kernel takes it. A connection that
 * has not been acknowledged for two election timeouts is worth nothing any more:
 * it is closed, and so found and dialled anew.
 */
void kqd_sock_options(int fd, uint32_t election_ms)
{
	unsigned int user_ms = election_ms * 2;
	int on = 1, idle_s = (election_ms + 999) / 1000, count = 3;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/**
 * kqd_silence_ns() - how long who sends or takes a snapshot may be silent
 * @d: with a node
 *
 * A disk that is busy with such a file may stall for longer than an election takes.
 *
 * Return: nanoseconds.
 */
uint64_t kqd_silence_ns(const struct kqd *d)
{
	return 10 * kqd_attempt_limit_ns(d);
}

/**
 * kqd_sock_bulk() - what a connection needs on which a snapshot goes
 * @fd: TCP socket
 * @silence_ns: kqd_silence_ns()
 *
 * The receiver reads as fast as its disk writes, so that the window may be shut for a while.
 */
void kqd_sock_bulk(int fd, uint64_t silence_ns)
{
	unsigned int user_ms = silence_ns / KQD_NS_PER_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
}

/**
 * kqd_address_text() - HOST:PORT for a log line
 * @a: IPv4 or IPv6 address
 * @buf: where to
 * @len: bytes there, KQD_ADDRESS_TEXT are enough
 */
void kqd_address_text(const struct kqd_address *a, char *buf, size_t len)
{
	char host[INET6_ADDRSTRLEN] = "?";

	switch (a->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, ntohs(a->in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
		snprintf(buf, len, "[%s]:%u", host, ntohs(a->in6.sin6_port));
		break;
	default:
		snprintf(buf, len, "?");
	}
}

/**
 * kqd_address_host() - the host alone: the port of who dials says nothing
 * @a: IPv4 or IPv6 address
 * @buf: where to
 * @len: bytes there, KQD_ADDRESS_TEXT are enough
 */
void kqd_address_host(const struct kqd_address *a, char *buf, size_t len)
{
	const struct in6_addr *six = &a->in6.sin6_addr;

	if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, buf, len);
	else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		inet_ntop(AF_INET, &six->s6_addr[12], buf, len);
	else if (a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, six, buf, len);
	else
		snprintf(buf, len, "?");
}

/**
 * kqd_address_loopback() - can only this machine reach it?
 * @a: IPv4 or IPv6 address
 *
 * Return: true for 127.0.0.0/8 and ::1.
 */
bool kqd_address_loopback(const struct kqd_address *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/**
 * kqd_attempt_limit_ns() - how long a look-up, a connect or a greeting may take
 * @d: with a node
 *
 * Return: one election timeout, but 0.5 s at least and 10 s at most.
 */
uint64_t kqd_attempt_limit_ns(const struct kqd *d)
{
	uint64_t ns = d->election_ms * KQD_NS_PER_MS;

	if (ns < KQD_NS_PER_SEC / 2)
		return KQD_NS_PER_SEC / 2;
	return ns < 10 * KQD_NS_PER_SEC ? ns : 10 * KQD_NS_PER_SEC;
}

/**
 * kqd_random() - a random number that no other node draws
 *
 * Return: 64 random bits.
 */
uint64_t kqd_random(void)
{
	uint64_t r;

	/* Only before the kernel has any entropy; the time still tells nodes apart. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = kqd_now_ns() * 0x9e3779b97f4a7c15ULL;
	return r;
}
