/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the suites that speak to the netlink family as a process does: a socket, a request, and what
 * is answered. A descriptor that is answered is one of the test's thread.
 */
#ifndef KQ_TEST_REQUEST_H
#define KQ_TEST_REQUEST_H

#include <linux/poll.h>
#include <net/genetlink.h>
#include <net/sock.h>
#include "fixture.h"
#include "netlink.h"

#define ANSWER_MAX	16384

#define A(name)	KQUORUM_A_##name
#define C(name)	KQUORUM_CMD_##name

/* A request to be built, and what came back. */
struct request {
	struct socket *sock;
	struct file *file;	/* privileges are those of its opener */
	struct sk_buff *skb;
	u8 *answer;
	u32 answer_max;		/* bytes: what is received at once */
	void (*told)(void *ctx, const struct nlmsghdr *nlh);	/* NULL: nobody looks */
	void (*pause)(void *ctx);	/* before each further piece; NULL: nothing happens then */
	void *ctx;
	char text[160];		/* of the extended ack */
};

static inline struct request *request_make(struct kunit *test)
{
	struct request *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	int on = 1;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->answer_max = ANSWER_MAX;
	r->answer = kunit_kmalloc(test, ANSWER_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->answer);
	KUNIT_ASSERT_EQ(test, sock_create(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, &r->sock), 0);
	r->file = sock_alloc_file(r->sock, O_CLOEXEC, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->file));
	r->sock->sk->sk_rcvtimeo = 20 * HZ;
	KUNIT_ASSERT_EQ(test, r->sock->ops->setsockopt(r->sock, SOL_NETLINK, NETLINK_EXT_ACK,
						       KERNEL_SOCKPTR(&on), sizeof(on)), 0);
	KUNIT_ASSERT_EQ(test, r->sock->ops->setsockopt(r->sock, SOL_NETLINK, NETLINK_CAP_ACK,
						       KERNEL_SOCKPTR(&on), sizeof(on)), 0);
	return r;
}

static inline void request_new_flags(struct kunit *test, struct request *r, u8 cmd, u16 flags)
{
	r->skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->skb);
	KUNIT_ASSERT_NOT_NULL(test, genlmsg_put(r->skb, 0, 1, &kq_nl_family,
						NLM_F_REQUEST | NLM_F_ACK | flags, cmd));
}

static inline void request_new(struct kunit *test, struct request *r, u8 cmd)
{
	request_new_flags(test, r, cmd, 0);
}

/* The error that is answered, its text kept; 0: the end of a dump; 1: this is something else. */
static inline int request_error(struct request *r, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = nlmsg_data(nlh);
	const struct nlattr *text;

	if (nlh->nlmsg_type == NLMSG_DONE)
		return 0;
	if (nlh->nlmsg_type != NLMSG_ERROR) {
		if (r->told)
			r->told(r->ctx, nlh);
		return 1;
	}
	text = nla_find((const struct nlattr *)(e + 1), nlmsg_len(nlh) - (int)sizeof(*e),
			NLMSGERR_ATTR_MSG);
	if (text)
		nla_strscpy(r->text, text, sizeof(r->text));
	return e->error;
}

/* Receives one piece of the answer. Return: as request_error() of its last message. */
static inline int request_receive(struct kunit *test, struct request *r)
{
	struct kvec to = { .iov_base = r->answer, .iov_len = r->answer_max };
	struct nlmsghdr *nlh = (struct nlmsghdr *)r->answer;
	struct msghdr in = {};
	int n, err = 1;

	n = kernel_recvmsg(r->sock, &in, &to, 1, r->answer_max, 0);
	KUNIT_ASSERT_GE(test, n, (int)NLMSG_HDRLEN);
	KUNIT_EXPECT_FALSE(test, in.msg_flags & MSG_TRUNC);
	for (; err == 1 && nlmsg_ok(nlh, n); nlh = nlmsg_next(nlh, &n))
		err = request_error(r, nlh);
	return err;
}

/* Sends the request and frees it. Return: the error that it is acknowledged with. */
static inline int request_send(struct kunit *test, struct request *r)
{
	struct nlmsghdr *nlh = nlmsg_hdr(r->skb);
	struct msghdr msg = {};
	struct kvec vec = { .iov_base = nlh, .iov_len = r->skb->len };
	int err;

	nlh->nlmsg_len = r->skb->len;
	r->text[0] = 0;
	KUNIT_EXPECT_EQ(test, kernel_sendmsg(r->sock, &msg, &vec, 1, vec.iov_len),
			(int)vec.iov_len);
	nlmsg_free(r->skb);
	r->skb = NULL;
	while ((err = request_receive(test, r)) == 1)
		if (r->pause)
			r->pause(r->ctx);
	return err;
}

static inline const struct nlattr *request_attr(const struct nlmsghdr *nlh, int type)
{
	return nlmsg_find_attr(nlh, GENL_HDRLEN, type);
}

/* The descriptor that was answered. */
static inline void request_note_fd(void *ctx, const struct nlmsghdr *nlh)
{
	const struct nlattr *fd = request_attr(nlh, A(FD));

	*(int *)ctx = fd ? nla_get_s32(fd) : -1;
}

/* As request_send(); *file: that behind the descriptor that was answered, which is closed. */
static inline int request_try_file(struct kunit *test, struct request *r, struct file **file)
{
	int fd = -1, err;

	*file = NULL;
	r->told = request_note_fd;
	r->ctx = &fd;
	err = request_send(test, r);
	if (err)
		return err;
	*file = fd < 0 ? NULL : fget(fd);
	KUNIT_ASSERT_NOT_NULL(test, *file);
	close_fd(fd);
	return 0;
}

static inline struct file *request_file(struct kunit *test, struct request *r)
{
	struct file *file;

	KUNIT_EXPECT_EQ_MSG(test, request_try_file(test, r, &file), 0, "%s", r->text);
	KUNIT_ASSERT_NOT_NULL(test, file);
	return file;
}

/* What became of a command, read from its handle. */
static inline struct kquorum_append_result command_result(struct kunit *test, struct file *file)
{
	struct kquorum_append_result r = { .error = -ETIMEDOUT };
	loff_t pos = 0;

	KUNIT_EXPECT_TRUE(test, wait_for(vfs_poll(file, NULL) & EPOLLIN));
	KUNIT_EXPECT_EQ(test, kernel_read(file, &r, sizeof(r), &pos), (ssize_t)sizeof(r));
	return r;
}

/* What a lock handle tells who reads it. */
static inline struct kquorum_lock_info lock_info(struct kunit *test, struct file *file)
{
	struct kquorum_lock_info info = {};
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, kernel_read(file, &info, sizeof(info), &pos), (ssize_t)sizeof(info));
	return info;
}

#endif /* KQ_TEST_REQUEST_H */
