// SPDX-License-Identifier: GPL-2.0
/*
 * Connections over real TCP on the loopback device: the near end is the node's, the far
 * end is the test's, which plays node 2.
 */
#include <linux/vmalloc.h>
#include "fixture.h"
#include "loopback.h"

#define PEER		2
#define PEER_INC	9
#define NODE_INC	(1ull << KQUORUM_INCARNATION_SALT)	/* its first start */
#define PIECE		(64u * 1024)

struct message {
	struct kq_wire_hdr h;
	struct kq_body_vote_req b;
} __packed;

struct answer {
	struct kq_wire_hdr h;
	struct kq_body_vote_resp b;
} __packed;

static void seal(struct message *m)
{
	m->h.body_crc = cpu_to_le32(kq_crc(0, &m->b, sizeof(m->b)));
	m->h.crc = cpu_to_le32(kq_crc(0, &m->h, offsetof(struct kq_wire_hdr, crc)));
}

static struct message good_message(void)
{
	const struct kq_config cfg = fixture_config(3);
	struct message m = {
		.h = {
			.magic = cpu_to_le32(KQ_WIRE_MAGIC),
			.version = KQ_WIRE_VERSION,
			.type = KQ_MSG_PREVOTE_REQ,
			.len = cpu_to_le32(sizeof(m.b)),
			.cluster = cpu_to_le64(kq_cluster_hash(&cfg)),
			.from = cpu_to_le32(PEER),
			.to = cpu_to_le32(1),
			.from_inc = cpu_to_le64(PEER_INC),
			.to_inc = cpu_to_le64(NODE_INC),
			.term = cpu_to_le64(5),
		},
	};

	seal(&m);
	return m;
}

static struct socket *attach(struct kunit *test, struct fixture *f)
{
	struct socket *near, *far;
	const char *why = NULL;
	int fd;

	loopback_pair(test, &near, &far);
	fd = socket_fd(test, near);
	KUNIT_EXPECT_EQ_MSG(test, attach_as(f->node, PEER, fd, PEER_INC, 0, &why), 0, "%s",
			    why);
	close_fd(fd);
	flush_delayed_fput();	/* a test's thread closes files later than a process does */
	far_met(test, far);
	return far;
}

#define is_connected(f) READ_ONCE((f)->node->conn[PEER])

static void expect_reason(struct kunit *test, struct fixture *f, const char *why, u64 bad)
{
	KUNIT_EXPECT_TRUE(test, wait_for(!is_connected(f)));
	mutex_lock(&f->node->lock);
	KUNIT_EXPECT_STREQ(test, f->node->member[PEER].reason, why);
	KUNIT_EXPECT_EQ(test, f->node->bad_messages, bad);
	KUNIT_EXPECT_EQ(test, f->node->member[PEER].drops, bad);
	mutex_unlock(&f->node->lock);
}

static void expect_answer(struct kunit *test, struct socket *far)
{
	const struct kq_config cfg = fixture_config(3);
	const struct kq_wire_peer me = {
		.cluster = kq_cluster_hash(&cfg), .self = PEER, .self_inc = PEER_INC,
		.peer = 1, .peer_inc = NODE_INC,
	};
	struct answer a;
	const char *why = NULL;

	KUNIT_ASSERT_EQ(test, far_recv(far, &a, sizeof(a), MSG_WAITALL), (int)sizeof(a));
	KUNIT_EXPECT_EQ_MSG(test, kq_wire_check_header(&a.h, &me, &why), (int)sizeof(a.b), "%s",
			    why);
	KUNIT_EXPECT_EQ(test, a.h.type, KQ_MSG_PREVOTE_RESP);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(a.b.req_term), 5ull);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(a.b.granted), 1u);
}

static void a_message_in_pieces_waits_for_its_last_byte(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	struct message m = good_message();
	u8 byte, *bytes = (u8 *)&m;
	u32 i;

	for (i = 0; i < sizeof(m); i++) {
		KUNIT_ASSERT_EQ(test, far_recv(far, &byte, 1, MSG_DONTWAIT), -EAGAIN);
		KUNIT_ASSERT_EQ(test, far_send(far, bytes + i, 1), 1);
		msleep(20);
	}
	expect_answer(test, far);
	KUNIT_EXPECT_TRUE(test, is_connected(f));
	sock_release(far);
}

static void many_messages_at_once_are_all_answered(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	struct message *m = kunit_kcalloc(test, 200, sizeof(*m), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < 200; i++)
		m[i] = good_message();
	KUNIT_ASSERT_EQ(test, far_send(far, m, 200 * sizeof(*m)), (int)(200 * sizeof(*m)));
	for (i = 0; i < 200; i++)
		expect_answer(test, far);
	sock_release(far);
}

static void a_message_may_begin_behind_another_and_end_later(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	const u32 cut = sizeof(struct message) + sizeof(struct kq_wire_hdr) / 2;
	struct message m[3] = { good_message(), good_message(), good_message() };
	u8 *bytes = (u8 *)m;

	KUNIT_ASSERT_EQ(test, far_send(far, bytes, cut), (int)cut);
	expect_answer(test, far);
	KUNIT_ASSERT_EQ(test, far_send(far, bytes + cut, sizeof(m) - cut), (int)(sizeof(m) - cut));
	expect_answer(test, far);
	expect_answer(test, far);
	KUNIT_EXPECT_TRUE(test, is_connected(f));
	sock_release(far);
}

/* It fits the buffer only because what stood before it is moved out of the way. */
static void the_longest_message_is_read_whole_behind_another(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	struct message first = good_message();
	u8 *body = vzalloc(KQ_WIRE_BODY_MAX);
	u32 sent = 0;

	KUNIT_ASSERT_NOT_NULL(test, body);
	KUNIT_ASSERT_EQ(test, far_send(far, &first, sizeof(first)), (int)sizeof(first));
	first.h.type = KQ_MSG_PROPOSE;
	first.h.len = cpu_to_le32(KQ_WIRE_BODY_MAX);
	first.h.body_crc = cpu_to_le32(kq_crc(0, body, KQ_WIRE_BODY_MAX));
	first.h.crc = cpu_to_le32(kq_crc(0, &first.h, offsetof(struct kq_wire_hdr, crc)));
	KUNIT_ASSERT_EQ(test, far_send(far, &first.h, sizeof(first.h)), (int)sizeof(first.h));
	while (sent < KQ_WIRE_BODY_MAX) {
		int n = far_send(far, body + sent, min_t(u32, PIECE, KQ_WIRE_BODY_MAX - sent));

		KUNIT_ASSERT_GT(test, n, 0);
		sent += n;
	}
	vfree(body);
	expect_answer(test, far);
	/* its checksum is right, so it came whole; there is no proposal in it */
	expect_reason(test, f, "a proposal of another node", 1);
	sock_release(far);
}

struct bad_row {
	const char *desc;
	void (*spoil)(struct message *m);
	const char *why;
};

static void spoil_all(struct message *m)
{
	memset(m, 'x', sizeof(*m));
}

static void spoil_cluster(struct message *m)
{
	m->h.cluster ^= cpu_to_le64(1);
	seal(m);
}

static void spoil_body(struct message *m)
{
	m->b.last_index = cpu_to_le64(1);
}

static const struct bad_row bad_rows[] = {
	{ "garbage", spoil_all, "no message starts here (magic)" },
	{ "of another cluster", spoil_cluster, "another cluster, or other founders" },
	{ "body changed on the way", spoil_body, "body checksum" },
};

static void bad_desc(const struct bad_row *row, char *desc)
{
	strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(bad, bad_rows, bad_desc);

static void a_bad_message_ends_the_connection_and_is_counted(struct kunit *test)
{
	const struct bad_row *row = test->param_value;
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	struct message m = good_message();
	u8 byte;

	KUNIT_ASSERT_EQ(test, far_send(far, &m, sizeof(m)), (int)sizeof(m));
	expect_answer(test, far);
	row->spoil(&m);
	KUNIT_ASSERT_EQ(test, far_send(far, &m, sizeof(m)), (int)sizeof(m));
	expect_reason(test, f, row->why, 1);
	KUNIT_EXPECT_EQ(test, far_recv(far, &byte, 1, 0), -ECONNRESET);
	sock_release(far);
}

static void a_peer_that_closes_is_no_bad_message(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);

	sock_release(far);
	expect_reason(test, f, "peer closed the connection", 0);
}

/* As if the core had sent @count messages of PIECE bytes. */
static void send_pieces(struct kunit *test, struct fixture *f, u32 count)
{
	struct kq_conn *conn;
	struct kq_msg *msg;
	LIST_HEAD(list);
	u32 i;

	for (i = 0; i < count; i++) {
		msg = kq_alloc(sizeof(*msg) + PIECE);
		KUNIT_ASSERT_NOT_NULL(test, msg);
		msg->len = PIECE;
		memset(msg->data, 1 + i, PIECE);
		list_add_tail(&msg->node, &list);
	}
	mutex_lock(&f->node->lock);
	conn = f->node->conn[PEER];
	kq_conn_queue(conn, &list);
	kq_conn_get(conn);
	mutex_unlock(&f->node->lock);
	kq_conn_send(conn);
	kq_conn_put(conn);
}

static void what_the_socket_does_not_take_at_once_follows_in_order(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	u8 *buf = kunit_kmalloc(test, PIECE, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	send_pieces(test, f, 48);
	KUNIT_EXPECT_GT(test, atomic_long_read(&kq_objects[KQ_OBJECT_MESSAGE]), 0l);
	for (i = 0; i < 48; i++) {
		KUNIT_ASSERT_EQ(test, far_recv(far, buf, PIECE, MSG_WAITALL), (int)PIECE);
		KUNIT_ASSERT_NULL(test, memchr_inv(buf, 1 + i, PIECE));
	}
	KUNIT_EXPECT_EQ(test, far_recv(far, buf, 1, MSG_DONTWAIT), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_MESSAGE])));
	KUNIT_EXPECT_TRUE(test, is_connected(f));
	sock_release(far);
}

static void a_peer_that_takes_nothing_is_given_up(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);
	u64 from = kq_clock();

	send_pieces(test, f, 48);
	expect_reason(test, f, "stalled: peer takes no bytes", 0);
	KUNIT_EXPECT_GE(test, kq_clock() - from, 2 * 500ull * NSEC_PER_MSEC);
	KUNIT_EXPECT_TRUE(test, wait_for(!atomic_long_read(&kq_objects[KQ_OBJECT_MESSAGE])));
	sock_release(far);
}

static void a_queue_over_its_bound_ends_the_connection(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);

	send_pieces(test, f, 2 * KQ_CONN_QUEUE_MAX / PIECE);
	expect_reason(test, f, "peer too slow: send queue over its bound", 0);
	sock_release(far);
}

static void a_node_that_goes_takes_its_connections_with_it(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct socket *far = attach(test, f);

	send_pieces(test, f, 48);
	fixture_kill(f);
	KUNIT_EXPECT_TRUE(test, wait_for(!objects_left()));
	/* By a reset: there are bytes that nobody has read. */
	KUNIT_EXPECT_TRUE(test, wait_for(READ_ONCE(far->sk->sk_state) == TCP_CLOSE));
	sock_release(far);
}

static int transport_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (!err)
		fixture_start(test, test->priv, 3);
	return err;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_message_in_pieces_waits_for_its_last_byte),
	KUNIT_CASE(many_messages_at_once_are_all_answered),
	KUNIT_CASE(a_message_may_begin_behind_another_and_end_later),
	KUNIT_CASE(the_longest_message_is_read_whole_behind_another),
	KUNIT_CASE_PARAM(a_bad_message_ends_the_connection_and_is_counted, bad_gen_params),
	KUNIT_CASE(a_peer_that_closes_is_no_bad_message),
	KUNIT_CASE(what_the_socket_does_not_take_at_once_follows_in_order),
	KUNIT_CASE(a_peer_that_takes_nothing_is_given_up),
	KUNIT_CASE(a_queue_over_its_bound_ends_the_connection),
	KUNIT_CASE(a_node_that_goes_takes_its_connections_with_it),
	{}
};

static struct kunit_suite suite = {
	.name = "kquorum_transport",
	.test_cases = cases,
	.init = transport_setup,
	.exit = fixture_teardown,
};
kunit_test_suite(suite);
