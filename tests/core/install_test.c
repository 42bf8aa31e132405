// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots among three nodes: who lacks what is gone from the logs gets a snapshot and then the
 * log from there, and nothing that was promised is lost on the way.
 */
#include "trio_snap.h"

static void who_is_far_behind_gets_a_snapshot_and_then_the_log(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;
	int err;

	trio_lead(t);
	o = trio_owner(t, 2, "db", &err);
	trio_settle(t);
	leave_behind(t);
	assert_true(t->core[2]->log.base_index);
	/* The leader serves on meanwhile, and keeps what comes behind the snapshot. */
	append_many(t, 1, 100);
	trio_pass(t, 500);
	assert_int_equal(t->core[1]->log.base_index, im.ref.index);
	assert_int_equal(t->core[2]->log.base_index, t->core[2]->snap.index);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(t->core[3]->applied, im.ref.index);
	assert_non_null(kq_core_resource_find(t->core[3], "db", 2));
	trio_settle(t);
	assert_true(kq_snap_same(&t->core[3]->snap, &im.ref));
	assert_caught_up(t, 1, 3);
	assert_int_equal(t->core[3]->log.base_index, im.ref.index);
	/* It knows who decides, although no entry says so any more. */
	assert_int_equal(t->core[3]->conf.voters, 0xe);
	assert_non_null(kq_core_member(t->core[3], 2));
	kq_core_unlock(t->core[2], t->now, o);
	trio_pass(t, 200);
	assert_int_equal(t->core[3]->res->claims, 0);
	t->done = 0;
	append_many(t, 3, 1);
	assert_int_equal(t->done_error, 0);
}

/* A newer one comes while the first is on its way: with the first it gets on all the same. */
static void what_follows_a_snapshot_that_is_being_sent_is_kept(void **state)
{
	struct trio *t = *state;
	struct kq_body_append_resp late = { .match = cpu_to_le64(2) };
	struct image sent, newer;
	const char *why;

	trio_lead(t);
	leave_behind(t);
	sent = im;
	/* An answer of before says nothing new: it still needs one, and that one. */
	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_APPEND_RESP, TRIO_TERM, &late, sizeof(late), &why),
			 0);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	memset(&im, 0, sizeof(im));
	append_many(t, 1, 30);
	trio_pass(t, 100);
	snapshot(t, 1);
	trio_pass(t, 500);
	assert_true(im.ref.index > sent.ref.index);
	assert_int_equal(t->core[1]->log.base_index, sent.ref.index);
	newer = im;
	im = sent;
	assert_int_equal(install(t, 3), 0);
	assert_caught_up(t, 1, 3);
	trio_pass(t, 100);
	assert_true(t->core[1]->log.base_index > im.ref.index);	/* and no longer */
	image_free(&newer);
}

/* Node 1 sends entries of its log to node 3 once more. */
static void say_again(struct trio *t, uint64_t first, uint32_t count)
{
	const struct kq_log *log = &t->core[1]->log;
	uint8_t body[4096] = { 0 };
	struct kq_body_append *b = (void *)body;
	uint8_t *out = (void *)(b + 1);
	const char *why;
	uint32_t i;

	b->prev_index = cpu_to_le64(first - 1);
	b->prev_term = cpu_to_le64(kq_log_term(log, first - 1));
	b->commit = cpu_to_le64(t->core[1]->commit);
	b->match = b->prev_index;
	b->promise_ms = cpu_to_le32(1000);
	b->count = cpu_to_le32(count);
	for (i = 0; i < count; i++) {
		const struct kq_entry *e = kq_log_get(log, first + i);

		memcpy(out, &e->rec, sizeof(e->rec));
		memcpy(out + sizeof(e->rec), e->data, kq_entry_len(e));
		out += kq_record_size(kq_entry_len(e));
	}
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_APPEND, TRIO_TERM, body, out - body, &why), 0);
}

/* It is newer than what the leader's log begins with: the leader asks for what is in it. */
static void what_a_snapshot_stands_for_matches(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	uint64_t from;

	trio_lead(t);
	leave_behind(t);
	from = im.ref.index + 1;
	append_many(t, 1, 20);
	trio_pass(t, 100);
	image_free(&im);
	image_take(&im, t->core[1], 500);
	assert_true(im.ref.index > from + 10);
	assert_int_equal(install(t, 3), 0);
	assert_true(t->core[1]->log.base_index < c->log.base_index);
	say_again(t, from, 5);
	say_again(t, from, (uint32_t)(im.ref.index - from) + 1);
	trio_settle(t);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_int_equal(c->log.base_index, im.ref.index);
	assert_int_equal(c->log.last, im.ref.index);
	assert_caught_up(t, 1, 3);
}

static void a_snapshot_that_is_no_newer_changes_nothing(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	uint64_t last, commit;

	trio_lead(t);
	append_many(t, 1, 3);
	snapshot(t, 1);
	trio_pass(t, 200);
	last = c->log.last;
	commit = c->commit;
	assert_true(commit >= im.ref.index);
	assert_int_equal(install(t, 3), -ESTALE);
	assert_int_equal(c->log.last, last);
	assert_int_equal(c->commit, commit);
	assert_int_equal(c->log.base_index, 0);
	assert_same_state(t->core[1], c);
	/* Nor is there anything that a leader could be told. */
	t->core[1]->commit--;
	assert_int_equal(install(t, 1), -EBUSY);
	t->core[1]->commit++;
}

/* A log that has the entry itself keeps what follows it: etcd#1763. */
static void an_installed_snapshot_keeps_the_log_that_goes_on_behind_it(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	uint64_t last;

	trio_lead(t);
	append_many(t, 1, 5);
	t->cut[2] = true;
	append_many(t, 1, 5);
	last = c->log.last;
	t->disk_hangs[3] = true;
	append_many(t, 1, 4);		/* node 3 has them, not on its disk yet */
	assert_int_equal(c->log.last, last + 4);
	assert_true(c->commit < c->log.last);
	t->cut[2] = false;
	t->cut[3] = true;
	trio_pass(t, 300);
	snapshot(t, 1);
	assert_true(im.ref.index > c->commit);
	assert_true(im.ref.index > c->durable);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(c->restart_at, 0);
	assert_int_equal(c->log.base_index, 0);
	assert_true(c->log.last >= im.ref.index);
	/* The reference waits for the log. */
	assert_int_equal(c->hs.snap.index, 0);
	t->disk_hangs[3] = false;
	t->cut[3] = false;
	trio_settle(t);
	assert_true(kq_snap_same(&c->snap, &im.ref));
	assert_caught_up(t, 1, 3);
}

/* The old leader's own tail is of a dead branch: nothing of it survives. */
static void what_conflicts_with_a_snapshot_is_gone(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];
	uint64_t last;

	trio_lead(t);
	t->cut[1] = true;
	append_many(t, 1, 60);
	last = c->log.last;
	trio_pass(t, 2000);
	assert_true(trio_elect(t, 2));
	trio_pass(t, 4000);
	append_many(t, 2, 30);
	snapshot(t, 2);
	assert_true(im.ref.index < last);
	assert_true(t->core[2]->log.base_index > c->commit);
	t->cut[1] = false;
	trio_pass(t, 300);
	assert_true(kq_core_needs_snapshot(t->core[2], 1));
	t->disk_hangs[1] = true;
	assert_int_equal(install(t, 1), 0);
	assert_int_equal(c->log.base_index, im.ref.index);
	/* It counts for nothing before the disk knows that its log begins anew. */
	assert_int_equal(c->durable, 0);
	trio_pass(t, 300);
	assert_int_equal(t->core[2]->peer[1].match, 0);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	t->disk_hangs[1] = false;
	trio_settle(t);
	assert_caught_up(t, 2, 1);
	trio_pass(t, 3000);
	assert_int_equal(c->pending_count, 0);
}

static void a_write_under_way_counts_for_nothing_behind_a_snapshot(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct image first;

	trio_lead(t);
	leave_behind(t);
	t->disk_hangs[3] = true;
	append_many(t, 1, 1);
	kq_core_reconfigure(t->core[1], t->now, &(struct kq_conf_change){ .to = t->core[1]->conf });
	c->hs_version++;		/* something is under way that is not the log's */
	kq_core_tick(c, t->now);
	assert_non_null(c->batch);
	first = im;
	assert_int_equal(install(t, 3), 0);
	/* The next one comes before the first is on disk. */
	memset(&im, 0, sizeof(im));
	append_many(t, 1, 20);
	image_take(&im, t->core[1], 5000);
	assert_true(im.ref.index > first.ref.index);
	assert_int_equal(install(t, 3), 0);
	image_free(&first);
	assert_int_equal(c->log.base_index, im.ref.index);
	assert_int_equal(c->durable, 0);
	/* What it had acknowledged before its leader still counts on, and may. */
	assert_true(t->core[1]->peer[3].match);
	trio_pass(t, 300);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	t->disk_hangs[3] = false;
	trio_settle(t);
	assert_int_equal(c->restart_at, 0);
	assert_true(kq_snap_same(&c->snap, &im.ref));
	assert_caught_up(t, 1, 3);
}

/*
 * A leader of term 2 may have another entry where term 7 has committed this one: who installs it
 * must not be counted by that leader.
 */
static void who_installs_a_snapshot_follows_no_leader_of_before(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	struct kq_body_append b = { .promise_ms = cpu_to_le32(1000) };
	const char *why;

	trio_lead(t);
	leave_behind(t);
	((struct kq_snap_head *)im.data)->saved_term = cpu_to_le64(TRIO_TERM + 5);
	((struct kq_snap_head *)im.data)->crc = 0;
	/* The frames go on from the head: it is saved anew, in that term. */
	image_free(&im);
	t->core[1]->hs.term += 5;
	append_many(t, 2, 0);
	t->core[1]->snap.index = 0;
	image_take(&im, t->core[1], 4096);
	t->core[1]->hs.term -= 5;
	assert_int_equal(install(t, 3), 0);
	trio_take(t, 3, 1, 0);
	trio_settle(t);
	assert_int_equal(c->hs.term, TRIO_TERM + 5);
	assert_int_equal(c->leader, 0);
	trio_take(t, 3, 1, 0);
	b.prev_index = cpu_to_le64(1);
	b.prev_term = cpu_to_le64(1);
	assert_int_equal(trio_say(t, 1, 3, KQ_MSG_APPEND, TRIO_TERM, &b, sizeof(b), &why), 0);
	assert_int_equal(c->leader, 0);
	assert_int_equal(trio_take(t, 3, 1, KQ_MSG_APPEND_RESP), 1);	/* of the new term */
	assert_int_equal(c->heard_ns < t->now, 1);
	t->cut[3] = true;
	t->core[1]->snap = im.ref;	/* for the rest of the test: it is there */
}

/* In what it installs it may have no vote any more. */
static void who_installs_a_snapshot_stands_no_more(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];
	uint64_t term;

	trio_lead(t);
	leave_behind(t);
	t->cut[3] = true;
	trio_pass(t, 1500);
	assert_int_equal(kq_core_canvass(c, t->now), 0);
	assert_int_equal(c->role, KQUORUM_CANVASSING);
	term = c->hs.term;
	/* The leader of this term waits for an answer, which comes with the end of a write. */
	c->resp_due = true;
	assert_int_equal(install(t, 3), 0);
	trio_settle(t);
	assert_int_equal(c->leader, 1);
	assert_int_equal(c->role, KQUORUM_FOLLOWER);
	assert_int_equal(c->canvass, KQUORUM_CANVASS_LOST);
	assert_int_equal(c->hs.term, term);
	/* And what it voted in its term it still has. */
	c->hs.vote = 2;
	kq_core_canvass(c, t->now);
	assert_int_equal(c->hs.vote, 2);
}

static void of_another_history_or_half_read_it_is_not_installed(void **state)
{
	struct trio *t = *state;
	struct kq_restore *rs = kq_restore_create(&trio_config, 0);
	uint64_t origin = t->core[3]->conf.origin;

	trio_lead(t);
	leave_behind(t);
	assert_int_equal(kq_restore_feed(rs, im.data, im.len - 1), 0);
	assert_int_equal(kq_core_install(t->core[3], t->now, rs), -EINVAL);
	kq_restore_free(rs);
	t->core[3]->conf.origin++;
	assert_int_equal(install(t, 3), -EXDEV);
	t->core[3]->conf.origin = origin ? origin : t->core[1]->conf.origin;
	t->core[3]->state = KQUORUM_NODE_DAMAGED;
	assert_int_equal(install(t, 3), -EIO);
	t->core[3]->state = KQUORUM_NODE_RUNNING;
	assert_int_equal(install(t, 3), 0);
	assert_caught_up(t, 1, 3);
}

/* Also of a node whose own log is full to the last block that votes may use. */
static void a_snapshot_is_installed_where_the_log_is_full(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[3];

	trio_lead(t);
	leave_behind(t);
	trio_fill_log(t, 3);
	assert_false(kq_disk_has_room(c, 100, KQ_WAL_ROOM_INTERNAL));
	assert_int_equal(install(t, 3), 0);
	trio_settle(t);
	assert_true(kq_snap_same(&c->snap, &im.ref));
	assert_true(kq_disk_has_room(c, 100, KQ_WAL_ROOM_CLIENT));
	assert_caught_up(t, 1, 3);
}

/* Its log was full; when it has room again, what it lacks is gone from the leader's. */
static void who_was_full_and_has_room_again_gets_a_snapshot(void **state)
{
	struct trio *t = *state;
	struct kq_peer *p = &t->core[1]->peer[3];

	trio_lead(t);
	append_many(t, 1, 10);
	trio_fill_log(t, 3);
	append_many(t, 1, 40);
	assert_true(p->flags & KQUORUM_PEERF_LOG_FULL);
	assert_int_equal(p->progress, KQUORUM_PROGRESS_PAUSED);
	snapshot(t, 2);
	snapshot(t, 1);
	assert_true(t->core[1]->log.base_index > t->core[3]->log.last);
	trio_pass(t, 300);
	assert_false(kq_core_needs_snapshot(t->core[1], 3));
	snapshot(t, 3);
	trio_pass(t, 300);
	assert_false(p->flags & KQUORUM_PEERF_LOG_FULL);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	append_many(t, 1, 1);
	snapshot(t, 1);
	assert_int_equal(install(t, 3), 0);
	assert_caught_up(t, 1, 3);
}

/* Node 3, started anew, and node 1 are connected. */
static void meet(struct trio *t)
{
	kq_core_peer_down(t->core[1], t->now, 3);
	assert_int_equal(trio_up(t->core[1], t->now, 3, t->core[3]->hs.incarnation), 0);
	assert_int_equal(trio_up(t->core[3], t->now, 1, t->core[1]->hs.incarnation), 0);
	trio_pass(t, 300);
}

/* Node 3 starts, and its log goes on from a snapshot of @index that cannot be had. */
static struct kq_core *start_stateless(struct trio *t, u64 index, struct kq_wal_report *report)
{
	const struct kq_record base = { .type = cpu_to_le16(KQ_RECORD_BASE),
					.index = cpu_to_le64(index),
					.term = cpu_to_le64(TRIO_TERM) };
	struct kq_core *c = trio_replace(t, report);

	assert_int_equal(kq_core_recover_entry(c, &base, NULL), 0);
	report->hs.term = TRIO_TERM;
	report->hs.incarnation = TRIO_INCARNATION(3);
	report->claimed_index = index;
	report->claimed_term = TRIO_TERM;
	kq_core_restore_failed(c, "its file is missing");
	kq_core_start(c, t->now, report);
	return c;
}

/* Its log is whole, and its state is gone: it stands still until it is given one. */
static void without_its_snapshot_a_node_waits_for_another(void **state)
{
	struct kq_wal_report report;
	struct trio *t = *state;
	struct kq_core *c;

	trio_lead(t);
	append_many(t, 1, 40);
	snapshot(t, 1);
	c = start_stateless(t, 30, &report);
	assert_int_equal(c->state, KQUORUM_NODE_DAMAGED);
	assert_true(c->stateless);
	assert_string_equal(c->reason, "snapshot: its file is missing");
	assert_int_equal(c->log.last, 30);
	assert_int_equal(kq_core_canvass(c, t->now), -EIO);
	trio_settle(t);
	meet(t);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	assert_int_equal(t->core[1]->peer[3].snap_index, im.ref.index);
	assert_int_equal(install(t, 3), 0);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	assert_string_equal(c->reason, "");
	assert_int_equal(c->conf.voters, 0xe);
	assert_same_state(t->core[1], c);
	assert_caught_up(t, 1, 3);
}

/* The one that it lost was newer than the leader's: it says so. */
static void without_its_snapshot_a_node_needs_one_as_new(void **state)
{
	struct kq_wal_report report;
	struct trio *t = *state;
	u64 lost;

	trio_lead(t);
	append_many(t, 1, 20);
	snapshot(t, 1);
	append_many(t, 1, 20);
	lost = t->core[1]->log.last - 2;
	start_stateless(t, lost, &report);
	trio_settle(t);
	meet(t);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	assert_int_equal(t->core[1]->peer[3].snap_index, lost);
	assert_int_equal(install(t, 3), -ESTALE);
	snapshot(t, 1);
	assert_true(im.ref.index >= lost);
	assert_true(kq_core_needs_snapshot(t->core[1], 3));
	assert_int_equal(install(t, 3), 0);
	assert_caught_up(t, 1, 3);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TRIO_SNAP_TEST(who_is_far_behind_gets_a_snapshot_and_then_the_log),
		TRIO_SNAP_TEST(what_follows_a_snapshot_that_is_being_sent_is_kept),
		TRIO_SNAP_TEST(what_a_snapshot_stands_for_matches),
		TRIO_SNAP_TEST(a_snapshot_that_is_no_newer_changes_nothing),
		TRIO_SNAP_TEST(an_installed_snapshot_keeps_the_log_that_goes_on_behind_it),
		TRIO_SNAP_TEST(what_conflicts_with_a_snapshot_is_gone),
		TRIO_SNAP_TEST(a_write_under_way_counts_for_nothing_behind_a_snapshot),
		TRIO_SNAP_TEST(who_installs_a_snapshot_follows_no_leader_of_before),
		TRIO_SNAP_TEST(who_installs_a_snapshot_stands_no_more),
		TRIO_SNAP_TEST(of_another_history_or_half_read_it_is_not_installed),
		TRIO_SNAP_TEST(a_snapshot_is_installed_where_the_log_is_full),
		TRIO_SNAP_TEST(who_was_full_and_has_room_again_gets_a_snapshot),
		TRIO_SNAP_TEST(without_its_snapshot_a_node_waits_for_another),
		TRIO_SNAP_TEST(without_its_snapshot_a_node_needs_one_as_new),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
