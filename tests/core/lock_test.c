// SPDX-License-Identifier: GPL-2.0
/*
 * Locks and proposals at their limits: names that are alike, too many claims, commands
 * that no owner makes, more proposals than the window of a session.
 */
#include "trio.h"
#include "resources.h"

static void names_that_are_alike_are_locks_of_their_own(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o[3];
	static const char same[] = "d\xff", longer[] = "db!!";
	uint32_t i;
	int err;

	trio_lead(t);
	o[0] = trio_owner(t, 1, "db", &err);
	o[1] = trio_owner(t, 2, same, &err);
	o[2] = trio_owner(t, 3, longer, &err);
	trio_pass(t, 100);
	for (i = 0; i < 3; i++)
		assert_int_equal(o[i]->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(holder_of(t->core[2], "db")->holder_node, 1);
	assert_int_equal(holder_of(t->core[2], same)->holder_node, 2);
	assert_int_equal(holder_of(t->core[2], longer)->holder_node, 3);
	kq_core_unlock(t->core[1], t->now, o[0]);
	trio_pass(t, 100);
	assert_null(kq_core_resource_find(t->core[2], "db", 2));
	assert_non_null(kq_core_resource_find(t->core[2], same, 2));
	assert_non_null(kq_core_resource_find(t->core[2], longer, 4));
	kq_core_unlock(t->core[2], t->now, o[1]);
	kq_core_unlock(t->core[3], t->now, o[2]);
	trio_pass(t, 100);
	assert_int_equal(t->core[1]->res->claims, 0);
}

static void set_claims(struct trio *t, uint32_t claims)
{
	uint32_t i;

	for (i = 1; i <= 3; i++)
		t->core[i]->res->claims = claims;
}

static void more_claims_than_the_cluster_holds_are_refused(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;
	uint64_t last;
	int err;

	trio_lead(t);
	/* Already when they are proposed, */
	set_claims(t, KQ_MAX_CLAIMS);
	last = t->core[1]->log.last;
	o = trio_owner(t, 2, "db", &err);
	trio_settle(t);
	assert_int_equal(t->core[1]->log.last, last);
	assert_int_equal(o->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(o->error, -ENFILE);
	kq_core_unlock(t->core[2], t->now, o);
	/* and when others took the last place while they were on their way. */
	set_claims(t, 0);
	t->disk_hangs[2] = t->disk_hangs[3] = true;
	o = trio_owner(t, 1, "db", &err);
	trio_settle(t);
	set_claims(t, KQ_MAX_CLAIMS);
	t->disk_hangs[2] = t->disk_hangs[3] = false;
	trio_settle(t);
	assert_int_equal(t->core[1]->log.last, last + 1);
	assert_int_equal(o->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(o->error, -ENFILE);
	kq_core_unlock(t->core[1], t->now, o);
	set_claims(t, 0);
	assert_null(kq_core_resource_find(t->core[1], "db", 2));
}

/* One proposal of node 2. Returns what applying it gave; 1: it was not let into the log. */
static int32_t propose(struct trio *t, uint16_t type, uint64_t seq, uint64_t settled,
		       const void *payload, uint32_t len)
{
	struct kq_core *c = t->core[1];
	uint64_t last = c->log.last;
	uint8_t body[512] = { 0 };
	struct kq_record rec = {
		.len = cpu_to_le32(len), .type = cpu_to_le16(type), .node = cpu_to_le32(2),
		.session = cpu_to_le64(c->session[2].id), .seq = cpu_to_le64(seq),
		.settled = cpu_to_le64(settled),
	};
	const char *why;

	rec.crc = cpu_to_le32(kq_entry_crc(&rec, payload));
	memcpy(body, &rec, sizeof(rec));
	memcpy(body + sizeof(rec), payload, len);
	assert_int_equal(trio_say(t, 2, 1, KQ_MSG_PROPOSE, TRIO_TERM, body, kq_record_size(len),
				 &why), 0);
	trio_settle(t);
	if (c->log.last == last)
		return 1;
	assert_int_equal(c->applied, last + 1);
	return kq_log_get(&c->log, last + 1)->result;
}

static void a_proposal_is_applied_once_however_often_it_is_made(void **state)
{
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 3, 1, "tree", 4), 0);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 3, 1, "tree", 4), -EALREADY);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 2, 1, "due", 3), 0);
	/* All below 9 is settled now, whether it was applied or not. */
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 9, 9, "nine", 4), 0);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 3, 1, "tree", 4), -EALREADY);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 5, 1, "five", 4), -EALREADY);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 10, 1, "ten", 3), 0);
	/* The numbers wrap around in the window of what was applied. */
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 9 + KQ_WINDOW, 10, "nine", 4), 0);
	assert_int_equal(propose(t, KQ_ENTRY_APPEND, 9 + KQ_WINDOW, 10, "nine", 4), -EALREADY);
}

static void an_owner_has_one_claim_and_gives_back_only_that(void **state)
{
	struct {
		struct kq_acquire_cmd cmd;
		char name[2];
	} __packed a = { { .owner = cpu_to_le64(5), .flags = cpu_to_le16(KQ_ACQUIRE_ADMIN),
			   .name_len = cpu_to_le16(2) }, "db" };
	struct {
		struct kq_release_cmd cmd;
		char name[2];
	} __packed r = { { .owner = cpu_to_le64(5), .name_len = cpu_to_le16(2) }, "db" };
	struct trio *t = *state;

	trio_lead(t);
	assert_int_equal(propose(t, KQ_ENTRY_RELEASE, 1, 1, &r, sizeof(r)), -ENOENT);
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 2, 1, &a, sizeof(a)), 0);
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 3, 1, &a, sizeof(a)), -EEXIST);
	a.cmd.owner = cpu_to_le64(6);
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 4, 1, &a, sizeof(a)), 0);	/* waits */
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 5, 1, &a, sizeof(a)), -EEXIST);
	r.cmd.owner = cpu_to_le64(7);
	assert_int_equal(propose(t, KQ_ENTRY_RELEASE, 6, 1, &r, sizeof(r)), -ENOENT);
	assert_int_equal(t->core[3]->res->claims, 2);
	assert_int_equal(holder_of(t->core[3], "db")->owner, 5);
	/* Flags of a later version, and what has to be zero. */
	a.cmd.flags = cpu_to_le16(8);
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 7, 1, &a, sizeof(a)), 1);
	r.cmd.why = cpu_to_le16(KQ_RELEASE_WHYS);
	assert_int_equal(propose(t, KQ_ENTRY_RELEASE, 7, 1, &r, sizeof(r)), 1);
	r.cmd.why = 0;
	r.cmd.zero = cpu_to_le32(1);
	assert_int_equal(propose(t, KQ_ENTRY_RELEASE, 7, 1, &r, sizeof(r)), 1);
}

/* Somebody proposes in a node's name: what an owner did not ask for it is not told. */
static void a_grant_that_nobody_asked_for_is_not_taken(void **state)
{
	struct {
		struct kq_acquire_cmd cmd;
		char name[2];
	} __packed a = { { .flags = cpu_to_le16(KQ_ACQUIRE_ADMIN), .name_len = cpu_to_le16(2) },
			 "db" };
	const struct kq_lock_ask try = { .name = "db", .name_len = 2, .admin = true, .comm = "test",
					 .flags = KQUORUM_LOCK_TRY };
	struct trio *t = *state;
	struct kq_owner *holder, *o;
	int err;

	trio_lead(t);
	holder = trio_owner(t, 1, "db", &err);
	trio_settle(t);
	o = trio_ask(t, 2, &try, &err);
	trio_settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_REFUSED);
	kq_core_unlock(t->core[1], t->now, holder);
	trio_pass(t, 50);
	a.cmd.owner = cpu_to_le64(o->id);
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 500, 1, &a, sizeof(a)), 0);
	assert_int_equal(holder_of(t->core[2], "db")->owner, o->id);
	assert_int_equal(o->state, KQUORUM_LOCK_REFUSED);
	assert_int_equal(o->token, 0);
	/* The same in the node's next session. */
	t->cut[2] = true;
	trio_pass(t, 3000);
	t->cut[2] = false;
	trio_pass(t, 1000);
	assert_int_equal(t->core[2]->local.state, KQ_SESSION_LIVE);
	assert_null(kq_core_resource_find(t->core[2], "db", 2));
	assert_int_not_equal(o->session, t->core[2]->local.id);
	assert_int_equal(propose(t, KQ_ENTRY_ACQUIRE, 500, 1, &a, sizeof(a)), 0);
	assert_int_equal(o->state, KQUORUM_LOCK_REFUSED);
	kq_core_unlock(t->core[2], t->now, o);
}

static void what_belongs_to_no_machine_has_no_effect(void **state)
{
	struct kq_session_cmd cmd = { .node = cpu_to_le32(2) };
	struct kq_record rec = { .type = cpu_to_le16(99), .session = cpu_to_le64(1),
				 .seq = cpu_to_le64(1), .settled = cpu_to_le64(1) };
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	struct kq_entry *e;
	uint64_t id;

	trio_lead(t);
	id = c->session[2].id;
	assert_int_equal(kq_machines_check(c, &rec, NULL), -EINVAL);
	rec.type = 0;
	assert_int_equal(kq_machines_check(c, &rec, NULL), -EINVAL);
	cmd.session = cpu_to_le64(id);
	/* Given to a machine that it is not for, */
	e = kq_entry_alloc(KQ_ENTRY_ACQUIRE, &cmd, sizeof(cmd));
	assert_int_equal(kq_session_machine_ops.apply(c, e), -EINVAL);
	assert_int_equal(c->session[2].id, id);
	/* and in the log, where no decoder lets it in. */
	e->rec.type = cpu_to_le16(99);
	e->rec.index = cpu_to_le64(c->log.last + 1);
	e->rec.term = cpu_to_le64(TRIO_TERM);
	e->rec.node = cpu_to_le32(2);
	e->rec.session = cpu_to_le64(id);
	e->rec.seq = cpu_to_le64(500);
	e->rec.settled = cpu_to_le64(1);
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	assert_int_equal(kq_log_append(&c->log, e), 0);
	c->commit = c->log.last;
	kq_machines_apply(c);
	assert_int_equal(c->applied, c->log.last);
	assert_int_equal(e->result, -EINVAL);
	assert_int_equal(c->session[2].id, id);
}

static void a_node_speaks_for_its_own_session_only(void **state)
{
	struct kq_session_cmd ok = { .node = cpu_to_le32(2) }, cmd;
	struct trio *t = *state;

	trio_lead(t);
	ok.session = cpu_to_le64(t->core[1]->session[2].id);
	cmd = ok;
	cmd.session = cpu_to_le64(t->core[1]->session[2].id + 1);
	assert_int_equal(propose(t, KQ_ENTRY_CLOSE, 1, 1, &cmd, sizeof(cmd)), 1);
	cmd = ok;
	cmd.node = cpu_to_le32(3);
	assert_int_equal(propose(t, KQ_ENTRY_CLOSE, 1, 1, &cmd, sizeof(cmd)), 1);
	cmd = ok;
	cmd.left_ns = cpu_to_le64(1);
	assert_int_equal(propose(t, KQ_ENTRY_CLOSE, 1, 1, &cmd, sizeof(cmd)), 1);
	cmd = ok;
	cmd.zero = cpu_to_le32(1);
	assert_int_equal(propose(t, KQ_ENTRY_CLOSE, 1, 1, &cmd, sizeof(cmd)), 1);
	assert_int_equal(propose(t, KQ_ENTRY_SUSPECT, 1, 1, &ok, sizeof(ok)), 1);
	assert_int_equal(propose(t, KQ_ENTRY_CLOSE, 1, 1, &ok, sizeof(ok)), 0);
	assert_int_equal(t->core[1]->session[2].id, 0);
	assert_int_not_equal(t->core[1]->session[3].id, 0);
}

/* The oldest was lost on its way: what is beyond the session's window waits for it. */
static void proposals_beyond_the_window_wait_for_the_oldest(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[2];
	uint32_t i, k;

	trio_lead(t);
	assert_int_equal(trio_append(t, 2), 0);
	assert_int_equal(trio_take(t, 2, 1, KQ_MSG_PROPOSE), 1);
	for (i = 0; i < 22; i++) {
		for (k = 0; k < 50; k++)
			assert_int_equal(trio_append(t, 2), 0);
		trio_settle(t);
		kq_core_tick(t->core[1], t->now);
		trio_settle(t);
	}
	assert_int_equal(t->done, KQ_WINDOW - 1);
	assert_int_equal(c->pending_count, 22 * 50 + 1 - t->done);
	assert_int_equal(c->local.state, KQ_SESSION_LIVE);
	trio_pass(t, 2500);		/* the oldest is tried again, and all the others follow */
	assert_int_equal(t->done, 22 * 50 + 1);
	assert_int_equal(t->done_error, 0);
	assert_int_equal(c->pending_count, 0);
}

static void an_entry_at_the_wrong_place_does_not_enter_the_log(void **state)
{
	struct kq_log log = { 0 };
	struct kq_entry *e = kq_entry_alloc(KQ_ENTRY_NOOP, NULL, 0);

	e->rec.term = cpu_to_le64(1);
	e->rec.index = cpu_to_le64(2);
	assert_int_equal(kq_log_append(&log, e), -EINVAL);
	assert_int_equal(log.last, 0);
	assert_int_equal(log.bytes, 0);
	e->rec.index = cpu_to_le64(1);
	assert_int_equal(kq_log_append(&log, e), 0);
	assert_int_equal(kq_log_append(&log, e), -EINVAL);	/* twice */
	assert_int_equal(log.last, 1);
	kq_log_destroy(&log);
	assert_int_equal(kq_alloc_live, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(names_that_are_alike_are_locks_of_their_own),
		TRIO_TEST(more_claims_than_the_cluster_holds_are_refused),
		TRIO_TEST(a_proposal_is_applied_once_however_often_it_is_made),
		TRIO_TEST(an_owner_has_one_claim_and_gives_back_only_that),
		TRIO_TEST(a_grant_that_nobody_asked_for_is_not_taken),
		TRIO_TEST(what_belongs_to_no_machine_has_no_effect),
		TRIO_TEST(a_node_speaks_for_its_own_session_only),
		TRIO_TEST(proposals_beyond_the_window_wait_for_the_oldest),
		cmocka_unit_test(an_entry_at_the_wrong_place_does_not_enter_the_log),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
