// SPDX-License-Identifier: GPL-2.0
/*
 * The core and peers that say what cannot be. A peer is authenticated, but never trusted to
 * be correct.
 */
#include "trio.h"

static void two_leaders_in_one_term_are_not_believed(void **state)
{
	struct kq_body_append b = { .promise_ms = cpu_to_le32(1000) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_APPEND, t->core[2]->hs.term, &b, sizeof(b), &why),
			 -EPROTO);
	assert_string_equal(why, "a second leader in one term");
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_APPEND, t->core[1]->hs.term, &b, sizeof(b), &why),
			 -EPROTO);
	kq_core_peer_down(t->core[2], t->now, 3);
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_APPEND, t->core[2]->hs.term, &b, sizeof(b),
				  &why), 0);
}

static void an_acknowledgement_of_what_was_never_sent_is_refused(void **state)
{
	struct kq_body_append_resp r = { .match = cpu_to_le64(1000) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_APPEND_RESP, t->core[1]->hs.term, &r, sizeof(r),
				  &why), -EPROTO);
	assert_string_equal(why, "acknowledges what was never sent");
	/* To a node that does not lead it says nothing. */
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_APPEND_RESP, t->core[2]->hs.term, &r, sizeof(r),
				  &why), 0);
}

static void a_node_that_says_it_failed_counts_for_nothing(void **state)
{
	struct kq_body_append_resp r = { .flags = cpu_to_le32(KQ_APPEND_FAILED),
					 .match = cpu_to_le64(1000) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	t->core[1]->hs.term += 5;	/* as if it led a later term */
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_APPEND_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
	assert_true(t->core[1]->peer[2].flags & KQUORUM_PEERF_FAULTY);
	t->core[1]->hs.term -= 5;
}

static void a_failed_node_answers_with_the_term_on_its_disk(void **state)
{
	struct kq_body_append b = { .promise_ms = cpu_to_le32(1000) };
	const struct kq_body_append_resp *r;
	const struct kq_wire_hdr *h;
	struct trio *t = *state;
	const char *why;
	LIST_HEAD(list);

	trio_lead(t);
	kq_core_fail(t->core[2], -EIO, "broken by the test");
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, 9, &b, sizeof(b), &why), 0);
	assert_int_equal(t->core[2]->hs.term, TRIO_TERM);
	kq_core_take_msgs(t->core[2], 1, &list);
	assert_false(list_empty(&list));
	h = (const void *)list_first_entry(&list, struct kq_msg, node)->data;
	r = (const void *)(h + 1);
	assert_int_equal(le64_to_cpu(h->term), TRIO_TERM);
	assert_int_equal(le32_to_cpu(r->flags), KQ_APPEND_FAILED);
	while (!list_empty(&list)) {
		struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);

		list_del(&m->node);
		kq_free(m);
	}
}

static void a_lease_beyond_any_setting_is_refused(void **state)
{
	struct trio *t = *state;
	struct kq_body_renew_resp r = { 0 };
	const char *why;

	trio_lead(t);
	r.session = cpu_to_le64(t->core[2]->local.id);
	r.sent_ns = cpu_to_le64(t->now);
	/* One beyond its own settings may be of newer ones: it takes what its own allow. */
	r.lease_ns = cpu_to_le64(2001 * MS);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_RENEW_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
	assert_int_equal(t->core[2]->local.deadline_ns, t->now + 2000 * MS);
	r.lease_ns = cpu_to_le64((KQUORUM_LEASE_MS_MAX + 1) * MS);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_RENEW_RESP, TRIO_TERM, &r, sizeof(r),
				 &why), -EPROTO);
	assert_string_equal(why, "a lease longer than any setting");
	/* Of somebody who does not lead: not even looked at. */
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_RENEW_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
}

static void a_refusal_needs_an_error_and_a_leader(void **state)
{
	struct kq_body_propose_resp r = { .session = cpu_to_le64(1), .seq = cpu_to_le64(1) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_PROPOSE_RESP, TRIO_TERM, &r, sizeof(r),
				 &why), -EPROTO);
	assert_string_equal(why, "a refusal without an error");
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_PROPOSE_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
	r.error = cpu_to_le32(16);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_PROPOSE_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
}

static void votes_that_nobody_asked_for_do_not_count(void **state)
{
	struct kq_body_vote_resp r = { .req_term = cpu_to_le64(TRIO_TERM),
				       .granted = cpu_to_le32(1) };
	struct kq_body_timeout_now n = { .last_index = cpu_to_le64(1),
					 .last_term = cpu_to_le64(TRIO_TERM) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_VOTE_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_PREVOTE_RESP, TRIO_TERM, &r, sizeof(r), &why), 0);
	assert_int_not_equal(t->core[2]->role, KQUORUM_LEADER);
	/* Hand-over by one that does not lead, and one to a node with another log. */
	assert_int_equal(trio_say(t, 3, 2, KQ_MSG_TIMEOUT_NOW, TRIO_TERM, &n, sizeof(n), &why), 0);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_TIMEOUT_NOW, TRIO_TERM, &n, sizeof(n), &why), 0);
	trio_settle(t);
	assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
}

/* Builds a body of APPEND with one record behind @prev; returns its bytes. */
static uint32_t one_record(uint8_t *out, uint64_t prev, uint64_t prev_term, uint64_t commit,
			   struct kq_record rec, const void *payload)
{
	struct kq_body_append b = {
		.prev_index = cpu_to_le64(prev), .prev_term = cpu_to_le64(prev_term),
		.commit = cpu_to_le64(commit), .count = cpu_to_le32(1),
		.promise_ms = cpu_to_le32(1000),
	};
	uint32_t len = le32_to_cpu(rec.len);

	rec.index = cpu_to_le64(prev + 1);
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, payload));
	memset(out, 0, sizeof(b) + kq_record_size(len));
	memcpy(out, &b, sizeof(b));
	memcpy(out + sizeof(b), &rec, sizeof(rec));
	memcpy(out + sizeof(b) + sizeof(rec), payload, len);
	return sizeof(b) + kq_record_size(len);
}

/* A leader whose log has what no leader's core lets in: it is applied everywhere, as nothing. */
static void strange_entries_of_a_leader_have_no_effect(void **state)
{
	const struct kq_session_cmd other = { .session = cpu_to_le64(99),
					       .node = cpu_to_le32(2) };
	const struct kq_session_cmd nobody = { .session = cpu_to_le64(99),
						.node = cpu_to_le32(99) };
	const struct {
		uint16_t type;
		bool in_session;
		uint32_t node, len;
		const void *payload;
	} strange[] = {
		{ KQ_ENTRY_APPEND, false, 2, 4, "none" },
		{ KQ_ENTRY_APPEND, true, 99, 4, "node" },
		{ KQ_ENTRY_OPEN, true, 2, 4, "tiny" },
		{ KQ_ENTRY_OPEN, true, 2, sizeof(nobody), &nobody },
		{ KQ_ENTRY_EXPIRE, false, 1, sizeof(other), &other },
		{ KQ_ENTRY_CLEAR, false, 1, sizeof(other), &other },
		{ KQ_ENTRY_ACQUIRE, true, 2, 4, "tiny" },
		{ KQ_ENTRY_RELEASE, true, 2, 4, "tiny" },
		{ KQ_ENTRY_DEFINE, true, 2, 4, "tiny" },
		{ KQ_ENTRY_UNDEFINE, true, 2, 4, "tiny" },
	};
	struct trio *t = *state;
	uint64_t session, seq = 900, index;
	uint8_t body[512];
	const char *why;
	uint32_t len;
	size_t i;

	trio_lead(t);
	t->cut[1] = t->cut[3] = true;	/* node 2 hears only what is said here */
	session = t->core[2]->local.id;
	for (i = 0; i < ARRAY_SIZE(strange); i++) {
		struct kq_core *c = t->core[2];

		index = c->log.last;
		len = one_record(body, index, kq_log_term(&c->log, index), index + 1,
				 (struct kq_record){
			.len = cpu_to_le32(strange[i].len), .type = cpu_to_le16(strange[i].type),
			.node = cpu_to_le32(strange[i].node), .term = cpu_to_le64(TRIO_TERM),
			.session = cpu_to_le64(strange[i].in_session ? session : 0),
			.seq = cpu_to_le64(strange[i].in_session ? seq++ : 0),
			.settled = cpu_to_le64(strange[i].in_session ? 1 : 0),
		}, strange[i].payload);
		assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, body, len, &why), 0);
		trio_settle(t);
		assert_int_equal(c->applied, index + 1);
		assert_true(kq_log_get(&c->log, index + 1)->result < 0);
		assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
		assert_int_equal(c->res->claims, 0);
	}
}

static void a_leader_that_contradicts_itself_is_refused(void **state)
{
	struct kq_record rec = { .len = cpu_to_le32(4), .type = cpu_to_le16(KQ_ENTRY_APPEND),
				 .node = cpu_to_le32(1), .session = cpu_to_le64(1),
				 .seq = cpu_to_le64(1), .settled = cpu_to_le64(1) };
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	uint8_t body[512];
	uint64_t last;
	const char *why;
	uint32_t len;

	trio_lead(t);
	assert_int_equal(trio_append(t, 1), 0);
	trio_pass(t, 200);
	t->cut[1] = t->cut[3] = true;
	last = c->log.last;
	/* The same index with another term, in the term that put it there. */
	rec.term = cpu_to_le64(TRIO_TERM + 1);
	c->hs.term = TRIO_TERM + 1;
	len = one_record(body, last - 1, TRIO_TERM, 0, rec, "liar");
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM + 1, body, len, &why), -EPROTO);
	assert_string_equal(why, "a leader sends two entries for one index");
	/* And in a later term: what is committed stays. */
	trio_up(c, t->now, 1, TRIO_INCARNATION(1));
	c->verified = 0;
	len = one_record(body, last - 2, kq_log_term(&c->log, last - 2), 0, rec, "liar");
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM + 1, body, len, &why), -EPROTO);
	assert_string_equal(why, "a leader overwrites what is committed");
	assert_int_equal(c->log.last, last);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	c->hs.term = TRIO_TERM;
}

static void a_damaged_node_does_not_take_leadership_over(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	struct kq_body_timeout_now n = { 0 };
	const char *why;
	uint32_t i;

	trio_lead(t);
	n.last_index = cpu_to_le64(c->log.last);
	n.last_term = cpu_to_le64(TRIO_TERM);
	for (i = 0; i < 2; i++) {
		c->state = i ? KQUORUM_NODE_RUNNING : KQUORUM_NODE_DAMAGED;
		assert_int_equal(trio_say(t, 1, 2, KQ_MSG_TIMEOUT_NOW, TRIO_TERM, &n, sizeof(n),
					 &why), 0);
		assert_int_equal(c->hs.term, i ? TRIO_TERM + 1 : TRIO_TERM);
	}
}

/* What it acknowledged stands there with another term: a dead branch that had been cut off. */
static void a_leader_that_counts_on_another_entry_is_not_followed(void **state)
{
	struct kq_body_append b = { .promise_ms = cpu_to_le32(1000) };
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	const char *why;

	trio_lead(t);
	b.match = cpu_to_le64(c->durable);
	b.prev_index = cpu_to_le64(c->durable);
	b.prev_term = cpu_to_le64(7);
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, &b, sizeof(b), &why), -EPROTO);
	assert_string_equal(why, "counts on what was never acknowledged");
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	/* Started in this very term, the leader knows better: what it had acknowledged is gone. */
	c->recovered_term = TRIO_TERM;
	assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, &b, sizeof(b), &why), 0);
	assert_int_equal(c->state, KQUORUM_NODE_FAILED);
	assert_non_null(strstr(c->reason, "acknowledged log entries are gone"));
}

static void an_entry_beyond_the_window_of_its_session_has_no_effect(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	struct kq_record rec = { .len = cpu_to_le32(4), .type = cpu_to_le16(KQ_ENTRY_APPEND),
				 .node = cpu_to_le32(2), .term = cpu_to_le64(TRIO_TERM) };
	uint8_t body[512];
	const char *why;
	uint32_t i;

	trio_lead(t);
	t->cut[1] = t->cut[3] = true;
	rec.session = cpu_to_le64(c->local.id);
	rec.settled = cpu_to_le64(1);
	for (i = 0; i < 2; i++) {
		uint64_t last = c->log.last;
		uint32_t len;

		rec.seq = cpu_to_le64(KQ_WINDOW + 1 - i);
		len = one_record(body, last, TRIO_TERM, last + 1, rec, "last");
		assert_int_equal(trio_say(t, 1, 2, KQ_MSG_APPEND, TRIO_TERM, body, len, &why), 0);
		trio_settle(t);
		assert_int_equal(c->applied, last + 1);
		assert_int_equal(kq_log_get(&c->log, last + 1)->result, i ? 0 : -EALREADY);
	}
}

/* Proposals that a peer's core would never make. */
static void strange_proposals_are_refused(void **state)
{
	static const struct {
		uint16_t type;
		uint64_t session, seq, settled;
		uint32_t len;
		uint8_t fill;
	} strange[] = {
		{ KQ_ENTRY_APPEND, 0, 1, 1, 4, 0 },		/* no session */
		{ KQ_ENTRY_APPEND, 7, 1, 2, 4, 0 },		/* settled before it was made */
		{ KQ_ENTRY_APPEND, 7, 5000, 1, 4, 0 },		/* outside of the window */
		{ KQ_ENTRY_APPEND, 7, 1, 1, 0, 0 },		/* nothing to append */
		{ KQ_ENTRY_NOOP, 7, 1, 1, 0, 0 },		/* the leader's own */
		{ KQ_ENTRY_EXPIRE, 7, 1, 1, 24, 0 },
		{ KQ_ENTRY_OPEN, 7, 0, 0, 8, 0 },		/* too short */
		{ KQ_ENTRY_OPEN, 7, 0, 0, 24, 9 },		/* of another session */
		{ KQ_ENTRY_ACQUIRE, 7, 1, 1, 4, 0 },
		{ KQ_ENTRY_ACQUIRE, 7, 1, 1, sizeof(struct kq_acquire_cmd), 0 },
		{ KQ_ENTRY_ACQUIRE, 7, 1, 1, sizeof(struct kq_acquire_cmd) + 5, 0xff },
		{ KQ_ENTRY_RELEASE, 7, 1, 1, 4, 0 },
		{ KQ_ENTRY_RELEASE, 7, 1, 1, sizeof(struct kq_release_cmd), 0 },
		{ KQ_ENTRY_RELEASE, 7, 1, 1, sizeof(struct kq_release_cmd) + 5, 0xff },
		{ KQ_ENTRY_DEFINE, 7, 1, 1, 4, 0 },
		{ KQ_ENTRY_DEFINE, 7, 1, 1, sizeof(struct kq_define_cmd), 0 },
		{ KQ_ENTRY_DEFINE, 7, 1, 1, sizeof(struct kq_define_cmd) + 5, 0xff },
		{ KQ_ENTRY_UNDEFINE, 7, 1, 1, 4, 0 },
		{ KQ_ENTRY_UNDEFINE, 7, 1, 1, sizeof(struct kq_undefine_cmd), 0 },
		{ KQ_ENTRY_UNDEFINE, 7, 1, 1, sizeof(struct kq_undefine_cmd) + 5, 0xff },
	};
	struct trio *t = *state;
	uint64_t last;
	size_t i;

	trio_lead(t);
	last = t->core[1]->log.last;
	for (i = 0; i < ARRAY_SIZE(strange); i++) {
		uint8_t body[512] = { 0 };
		struct kq_record rec = {
			.len = cpu_to_le32(strange[i].len), .type = cpu_to_le16(strange[i].type),
			.node = cpu_to_le32(2), .session = cpu_to_le64(strange[i].session),
			.seq = cpu_to_le64(strange[i].seq),
			.settled = cpu_to_le64(strange[i].settled),
		};
		const char *why;

		memset(body + sizeof(rec), strange[i].fill, strange[i].len);
		rec.crc = cpu_to_le32(kq_entry_crc(&rec, body + sizeof(rec)));
		memcpy(body, &rec, sizeof(rec));
		assert_int_equal(trio_say(t, 2, 1, KQ_MSG_PROPOSE, TRIO_TERM, body,
				     kq_record_size(strange[i].len), &why), 0);
		trio_settle(t);
		assert_int_equal(t->core[1]->log.last, last);
	}
}

/* Who greets with what no node says is not taken, and nobody is a peer of itself. */
static void a_peer_that_is_none_is_not_taken(void **state)
{
	static const struct {
		uint32_t id;
		uint64_t identity, incarnation;
		uint32_t flags;
	} none[] = {
		{ 0, TRIO_IDENTITY(2), 1, 0 },
		{ KQ_MAX_NODES + 1, TRIO_IDENTITY(2), 1, 0 },
		{ 1, TRIO_IDENTITY(1), 1, 0 },
		{ 2, 0, 1, 0 },
		{ 2, TRIO_IDENTITY(2), 0, 0 },
		{ 2, TRIO_IDENTITY(2), 1, KQUORUM_PAST_EMPTY << 1 },
	};
	struct trio *t = *state;
	size_t i;

	kq_core_peer_down(t->core[1], t->now, 2);
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		const struct kquorum_past past = {
			.identity = cpu_to_le64(none[i].identity),
			.incarnation = cpu_to_le64(none[i].incarnation),
			.flags = cpu_to_le32(none[i].flags),
		};

		assert_int_equal(kq_core_peer_up(t->core[1], t->now, none[i].id, &past), -EINVAL);
	}
	assert_false(t->core[1]->peer[2].connected);
}

/* Who has none asks for no session to be renewed. */
static void a_session_that_is_none_is_not_renewed(void **state)
{
	struct kq_body_renew r = { .sent_ns = cpu_to_le64(5) };
	struct trio *t = *state;
	const char *why;

	trio_lead(t);
	trio_take(t, 1, 3, KQ_MSG_RENEW_RESP);
	t->core[1]->session[3].id = 0;
	t->core[1]->peer[3].renew_session = 77;
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_RENEW, TRIO_TERM, &r, sizeof(r), &why), 0);
	assert_int_equal(t->core[1]->peer[3].renew_session, 77);
	assert_int_equal(trio_take(t, 1, 3, KQ_MSG_RENEW_RESP), 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(two_leaders_in_one_term_are_not_believed),
		TRIO_TEST(an_acknowledgement_of_what_was_never_sent_is_refused),
		TRIO_TEST(a_node_that_says_it_failed_counts_for_nothing),
		TRIO_TEST(a_failed_node_answers_with_the_term_on_its_disk),
		TRIO_TEST(a_lease_beyond_any_setting_is_refused),
		TRIO_TEST(a_refusal_needs_an_error_and_a_leader),
		TRIO_TEST(votes_that_nobody_asked_for_do_not_count),
		TRIO_TEST(strange_entries_of_a_leader_have_no_effect),
		TRIO_TEST(a_damaged_node_does_not_take_leadership_over),
		TRIO_TEST(a_leader_that_counts_on_another_entry_is_not_followed),
		TRIO_TEST(an_entry_beyond_the_window_of_its_session_has_no_effect),
		TRIO_TEST(a_leader_that_contradicts_itself_is_refused),
		TRIO_TEST(strange_proposals_are_refused),
		TRIO_TEST(a_peer_that_is_none_is_not_taken),
		TRIO_TEST(a_session_that_is_none_is_not_renewed),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
