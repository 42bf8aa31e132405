/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For suites that hand sockets over: connected pairs on the loopback device. The sockets
 * are of the kind that processes have, which pin their namespace.
 */
#ifndef KQ_TEST_LOOPBACK_H
#define KQ_TEST_LOOPBACK_H

#include <kunit/test.h>
#include <linux/file.h>
#include <linux/in.h>
#include <linux/net.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include "transport.h"

static inline struct socket *socket_make(struct kunit *test, int type, int protocol)
{
	struct socket *sock;

	KUNIT_ASSERT_EQ(test, sock_create(AF_INET, type, protocol, &sock), 0);
	return sock;
}

static inline void loopback_pair(struct kunit *test, struct socket **near, struct socket **far)
{
	struct socket *listener = socket_make(test, SOCK_STREAM, IPPROTO_TCP);
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *addr = (struct sockaddr *)&to;

	KUNIT_ASSERT_EQ(test, kernel_bind(listener, addr, sizeof(to)), 0);
	KUNIT_ASSERT_EQ(test, kernel_listen(listener, 1), 0);
	KUNIT_ASSERT_EQ(test, kernel_getsockname(listener, addr), (int)sizeof(to));
	*near = socket_make(test, SOCK_STREAM, IPPROTO_TCP);
	KUNIT_ASSERT_EQ(test, kernel_connect(*near, addr, sizeof(to), 0), 0);
	KUNIT_ASSERT_EQ(test, kernel_accept(listener, far, 0), 0);
	sock_release(listener);
	(*far)->sk->sk_rcvtimeo = 20 * HZ;	/* a test that waits for ever tells nothing */
}

/* A descriptor for @sock, which belongs to it then. */
static inline int socket_fd(struct kunit *test, struct socket *sock)
{
	struct file *file = sock_alloc_file(sock, O_CLOEXEC, NULL);
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, file);
	return fd;
}

/* A peer that forgot nothing. */
static inline int attach_as(struct kq_node *node, u32 id, int fd, u64 incarnation, u64 epoch,
			    const char **why)
{
	struct kquorum_past past = {
		.identity = cpu_to_le64(id),
		.incarnation = cpu_to_le64(incarnation),
	};

	return kq_conn_attach(node, fd, &(struct kq_conn_ask){
		.id = id, .past = &past, .epoch = epoch, .name = "loopback" }, why);
}

static inline int far_send(struct socket *sock, void *data, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = data, .iov_len = len };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

static inline int far_recv(struct socket *sock, void *data, size_t len, int flags)
{
	struct msghdr msg = {};
	struct kvec vec = { .iov_base = data, .iov_len = len };

	return kernel_recvmsg(sock, &msg, &vec, 1, len, flags);
}

/* The first message on a connection: the greeting of the far end is on the node's disk. */
static inline void far_met(struct kunit *test, struct socket *far)
{
	struct {
		struct kq_wire_hdr h;
		struct kq_body_met b;
	} met;

	KUNIT_ASSERT_EQ(test, far_recv(far, &met, sizeof(met), MSG_WAITALL), (int)sizeof(met));
	KUNIT_EXPECT_EQ(test, met.h.type, KQ_MSG_MET);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(met.b.flags), KQ_MET_EMPTY);
}

#endif /* KQ_TEST_LOOPBACK_H */
