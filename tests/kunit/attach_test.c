// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets become connections, and how these are replaced and let go.
 */
#include "fixture.h"
#include "loopback.h"

#define EPOCH	5

struct attach_row {
	const char *desc;
	u32 id;
	u64 incarnation;
	u64 epoch;
	struct file *(*open)(struct kunit *test);	/* NULL: a connected socket */
	int error;
};

static struct file *open_plain(struct kunit *test)
{
	struct fixture *f = test->priv;

	return segment_open(test, f->mnt, 0, O_RDWR);
}

static struct file *open_udp(struct kunit *test)
{
	return sock_alloc_file(socket_make(test, SOCK_DGRAM, IPPROTO_UDP), 0, NULL);
}

static struct file *open_unconnected(struct kunit *test)
{
	return sock_alloc_file(socket_make(test, SOCK_STREAM, IPPROTO_TCP), 0, NULL);
}

static const struct attach_row attach_rows[] = {
	{ "no socket", 2, 9, EPOCH, open_plain, -ENOTSOCK },
	{ "UDP", 2, 9, EPOCH, open_udp, -EPROTOTYPE },
	{ "not connected", 2, 9, EPOCH, open_unconnected, -ENOTCONN },
	{ "of an earlier daemon", 2, 9, EPOCH - 1, NULL, -ESTALE },
	{ "no incarnation", 2, 0, EPOCH, NULL, -EINVAL },
	{ "to itself", 1, 9, EPOCH, NULL, -EINVAL },
};

static void attach_desc(const struct attach_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(attach, attach_rows, attach_desc);

/* Attaches a new pair to node 2. Return: the far end, or an error pointer. */
static struct socket *attach(struct kunit *test, u64 incarnation)
{
	struct fixture *f = test->priv;
	struct socket *near, *far;
	const char *why = NULL;
	int fd, err;

	loopback_pair(test, &near, &far);
	fd = socket_fd(test, near);
	err = attach_as(f->node, 2, fd, incarnation, EPOCH, &why);
	close_fd(fd);
	flush_delayed_fput();
	if (!err) {
		far_met(test, far);
		return far;
	}
	sock_release(far);
	return ERR_PTR(err);
}

/* The far end hears that the near one is gone. */
static void expect_end(struct kunit *test, struct socket *far, int how)
{
	u8 byte;

	KUNIT_EXPECT_EQ(test, far_recv(far, &byte, 1, 0), how);
	sock_release(far);
}

static void a_socket_that_does_not_fit_is_not_taken(struct kunit *test)
{
	const struct attach_row *row = test->param_value;
	struct fixture *f = test->priv;
	struct socket *near, *far = NULL;
	const char *why = NULL;
	int fd;

	if (row->open) {
		fd = fd_of(test, row->open(test));
	} else {
		loopback_pair(test, &near, &far);
		fd = socket_fd(test, near);
	}
	KUNIT_EXPECT_EQ(test, attach_as(f->node, row->id, fd, row->incarnation, row->epoch,
					     &why), row->error);
	KUNIT_EXPECT_NULL(test, f->node->conn[2]);
	close_fd(fd);
	/* It was let go of: closing the descriptor closes it. */
	if (far)
		expect_end(test, far, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_read(&f->node->sockets)));
}

static void a_newer_connection_replaces_the_old_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *old = attach(test, 9), *new;

	KUNIT_ASSERT_FALSE(test, IS_ERR(old));
	new = attach(test, 9);
	KUNIT_ASSERT_FALSE(test, IS_ERR(new));
	expect_end(test, old, -ECONNRESET);
	KUNIT_EXPECT_TRUE(test, wait_for(atomic_long_read(&kq_objects[KQ_OBJECT_PEER]) == 1));
	KUNIT_ASSERT_NOT_NULL(test, f->node->conn[2]);
	KUNIT_EXPECT_STREQ(test, f->node->conn[2]->from, "127.0.0.1");
	KUNIT_EXPECT_STREQ(test, f->node->member[2].reason, "replaced by a newer connection");
	sock_release(new);
}

static void another_incarnation_does_not_replace_one_that_is_heard(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, 9);
	u8 byte;

	KUNIT_ASSERT_FALSE(test, IS_ERR(far));
	KUNIT_EXPECT_PTR_EQ(test, attach(test, 10), (struct socket *)ERR_PTR(-EBUSY));
	msleep(50);
	KUNIT_EXPECT_NOT_NULL(test, f->node->conn[2]);
	KUNIT_EXPECT_EQ(test, far_recv(far, &byte, 1, MSG_DONTWAIT), -EAGAIN);
	sock_release(far);
}

static void what_is_detached_is_closed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, 9);
	const char *why = NULL;

	KUNIT_ASSERT_FALSE(test, IS_ERR(far));
	KUNIT_EXPECT_EQ(test, kq_conn_detach(f->node, 2, EPOCH - 1, &why), -ESTALE);
	KUNIT_EXPECT_NOT_NULL(test, f->node->conn[2]);
	KUNIT_EXPECT_EQ(test, kq_conn_detach(f->node, 2, EPOCH, &why), 0);
	expect_end(test, far, 0);
	KUNIT_EXPECT_EQ(test, kq_conn_detach(f->node, 2, EPOCH, &why), -ENOTCONN);
}

/* A daemon that was killed in the middle, or keeps the descriptor by mistake. */
static void a_descriptor_that_stays_open_does_not_keep_the_connection(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *near, *far;
	const char *why = NULL;
	int fd;

	loopback_pair(test, &near, &far);
	fd = socket_fd(test, near);
	KUNIT_ASSERT_EQ(test, attach_as(f->node, 2, fd, 9, EPOCH, &why), 0);
	far_met(test, far);
	KUNIT_EXPECT_EQ(test, kq_conn_detach(f->node, 2, EPOCH, &why), 0);
	expect_end(test, far, 0);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_PEER])));
	close_fd(fd);
}

static int attach_setup(struct kunit *test)
{
	struct fixture *f;
	int err = fixture_setup(test);

	if (err)
		return err;
	f = test->priv;
	fixture_start(test, f, 3);
	f->node->epoch = EPOCH;
	return 0;
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_socket_that_does_not_fit_is_not_taken, attach_gen_params),
	KUNIT_CASE(a_newer_connection_replaces_the_old_one),
	KUNIT_CASE(another_incarnation_does_not_replace_one_that_is_heard),
	KUNIT_CASE(what_is_detached_is_closed),
	KUNIT_CASE(a_descriptor_that_stays_open_does_not_keep_the_connection),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_attach",
	.test_cases = cases,
	.init = attach_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
