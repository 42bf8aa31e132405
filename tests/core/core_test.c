// SPDX-License-Identifier: GPL-2.0
/*
 * The core's edges: what it answers to calls that come at the wrong time, to peers that say
 * what cannot be, and without memory. Three cores side by side; what one sends the other gets
 * at once, what one writes is durable at once, unless a test holds it back. How clusters behave
 * is the simulator's subject.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kquorum.h>

#include "kq_core.h"

#define SEGMENT	 (64u * 1024)
#define SEGMENTS 16u
#define MS	 1000000ULL

struct trio {
	struct kq_core *core[4];	/* by node id */
	uint64_t now;
	bool cut[4];			/* nothing reaches or leaves it */
	bool disk_hangs[4];
	int disk_error[4];
	uint32_t owners_closed, done;
	int32_t done_error;
};

static const struct kq_config config = {
	.cluster_id = 77, .count = 3, .members = { 1, 2, 3 }, .segments = SEGMENTS,
	.set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000, .delta_ms = 50,
		 .drift_ppm = 500, .segment_bytes = SEGMENT },
};

static struct kq_core *blank(uint32_t self)
{
	static uint8_t zero[SEGMENT];
	struct kq_config cfg = config;
	struct kq_wal_report rep;
	struct kq_core *core;
	int slot;

	cfg.self = self;
	core = kq_core_create(&cfg);
	if (!core)
		return NULL;
	for (slot = 0; slot < (int)SEGMENTS; slot++)
		assert_int_equal(kq_wal_scan_header(core->wal, slot, zero), 0);
	while ((slot = kq_wal_next_segment(core->wal)) >= 0)
		assert_int_equal(kq_wal_scan_segment(core->wal, slot, zero, SEGMENT,
						     kq_core_recover_entry, core), 0);
	assert_int_equal(kq_wal_scan_end(core->wal, &rep), 0);
	kq_core_start(core, 1000 * MS, &rep);
	return core;
}

/* Takes all that came out of one node. Returns true: there was something. */
static bool drain(struct trio *t, uint32_t id)
{
	struct kq_core *c = t->core[id];
	struct kq_proposal *p;
	struct kq_owner *o;
	bool busy = false;
	uint32_t to;

	if (c->batch && !t->disk_hangs[id]) {
		kq_core_take_batch(c);
		kq_core_disk_done(c, t->now, c->batch, t->disk_error[id]);
		busy = true;
	}
	for (to = 1; to <= 3; to++) {
		LIST_HEAD(list);

		kq_core_take_msgs(c, to, &list);
		while (!list_empty(&list)) {
			struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
			const struct kq_wire_hdr *h = (const void *)m->data;
			struct kq_wire_peer peer;
			const char *why;

			list_del(&m->node);
			busy = true;
			if (!t->cut[id] && !t->cut[to]) {
				kq_core_wire_peer(t->core[to], id, &peer);
				assert_true(kq_wire_check_header(h, &peer, &why) >= 0);
				assert_int_equal(kq_wire_check_body(h, h + 1, &why), 0);
				assert_int_equal(kq_core_recv(t->core[to], t->now, h, h + 1, &why), 0);
			}
			kq_free(m);
		}
	}
	while ((p = kq_core_take_done(c))) {
		t->done++;
		t->done_error = p->error;
		kq_entry_free(p->entry);
		free(p);
	}
	while ((o = kq_core_take_owner(c))) {
		if (!o->closed)
			continue;
		t->owners_closed++;
		kq_owner_destroy(o);
		free(o);
	}
	kq_core_take_linger(c);
	return busy;
}

static void settle(struct trio *t)
{
	bool busy = true;
	uint32_t i;

	while (busy)
		for (busy = false, i = 1; i <= 3; i++)
			busy |= drain(t, i);
}

static void pass(struct trio *t, uint64_t ms)
{
	uint64_t end = t->now + ms * MS;
	uint32_t i;

	while (t->now < end) {
		t->now += 25 * MS;
		for (i = 1; i <= 3; i++)
			kq_core_tick(t->core[i], t->now);
		settle(t);
	}
}

static int setup(void **state)
{
	struct trio *t = calloc(1, sizeof(*t));
	uint32_t a, b;

	t->now = 1000 * MS;
	for (a = 1; a <= 3; a++)
		t->core[a] = blank(a);
	settle(t);
	for (a = 1; a <= 3; a++)
		for (b = 1; b <= 3; b++)
			if (a != b)
				assert_int_equal(kq_core_peer_up(t->core[a], t->now, b, 1), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	for (i = 1; i <= 3; i++) {
		t->cut[i] = true;
		t->disk_hangs[i] = false;
		kq_core_stop(t->core[i], t->now, true);
	}
	settle(t);
	for (i = 1; i <= 3; i++)
		kq_core_destroy(t->core[i]);
	free(t);
	assert_int_equal(kq_alloc_live, 0);
	return 0;
}

/* Node 1 leads, all sessions live. */
static void lead(struct trio *t)
{
	assert_int_equal(kq_core_canvass(t->core[1], t->now), 0);
	settle(t);
	assert_int_equal(t->core[1]->canvass, KQUORUM_CANVASS_WON);
	assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
	settle(t);
	assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
	pass(t, 500);
	assert_int_equal(t->core[3]->local.state, KQ_SESSION_LIVE);
}

static struct kq_proposal *proposal(const void *data, uint32_t len)
{
	struct kq_proposal *p = calloc(1, sizeof(*p));

	INIT_LIST_HEAD(&p->node);
	p->entry = kq_entry_alloc(KQ_ENTRY_APPEND, data, len);
	return p;
}

static int append(struct trio *t, uint32_t id)
{
	struct kq_proposal *p = proposal("bytes", 5);
	int err = kq_core_append(t->core[id], t->now, p);

	if (err) {
		kq_entry_free(p->entry);
		free(p);
	}
	return err;
}

static struct kq_owner *owner(struct trio *t, uint32_t id, const char *name, int *err)
{
	struct kq_owner *o = calloc(1, sizeof(*o));

	assert_int_equal(kq_owner_init(o, name, strlen(name), 0, 1, "test"), 0);
	*err = kq_core_lock(t->core[id], t->now, o);
	if (*err) {
		kq_owner_destroy(o);
		free(o);
		return NULL;
	}
	return o;
}

/* Says @h's type with this body to node @to, in @from's name. Returns what the core said. */
static int say(struct trio *t, uint32_t from, uint32_t to, uint8_t type, uint64_t term,
	       const void *body, uint32_t len, const char **why)
{
	struct kq_wire_peer peer;
	struct kq_wire_hdr h = { .type = type };

	kq_core_wire_peer(t->core[to], from, &peer);
	h.magic = cpu_to_le32(KQ_WIRE_MAGIC);
	h.version = KQ_WIRE_VERSION;
	h.len = cpu_to_le32(len);
	h.cluster = cpu_to_le64(peer.cluster);
	h.from = cpu_to_le32(from);
	h.to = cpu_to_le32(to);
	h.from_inc = cpu_to_le64(peer.peer_inc);
	h.to_inc = cpu_to_le64(peer.self_inc);
	h.term = cpu_to_le64(term);
	h.body_crc = cpu_to_le32(kq_crc(0, body, len));
	h.crc = cpu_to_le32(kq_crc(0, &h, offsetof(struct kq_wire_hdr, crc)));
	assert_int_equal(kq_wire_check_header(&h, &peer, why), len);
	assert_int_equal(kq_wire_check_body(&h, body, why), 0);
	return kq_core_recv(t->core[to], t->now, &h, body, why);
}

/* RFC 3720 B.4, and that pieces give the same as the whole. */
static void checksums_are_those_of_iscsi(void **state)
{
	uint8_t bytes[100];
	uint32_t i;

	assert_int_equal(kq_crc(0, "123456789", 9), 0xe3069283u);
	memset(bytes, 0, 32);
	assert_int_equal(kq_crc(0, bytes, 32), 0x8a9136aau);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 7;
	for (i = 0; i <= sizeof(bytes); i++)
		assert_int_equal(kq_crc(kq_crc(0, bytes, i), bytes + i, sizeof(bytes) - i),
				 kq_crc(0, bytes, sizeof(bytes)));
}

/* --- calls at the wrong time --------------------------------------------------------------- */

static void a_core_without_memory_is_none(void **state)
{
	struct kq_core *core = NULL;
	unsigned long i;

	for (i = 1; !core; i++) {
		struct kq_config cfg = config;

		assert_true(i < 10);
		cfg.self = 1;
		kq_alloc_fail_at = i;
		core = kq_core_create(&cfg);
		kq_alloc_fail_at = 0;
	}
	assert_true(i > 2);
	kq_core_destroy(core);
	kq_core_destroy(NULL);
	assert_int_equal(kq_alloc_live, 0);
}

static void connections_of_strangers_are_refused(void **state)
{
	struct trio *t = *state;
	struct kq_core *c = t->core[1];

	assert_int_equal(kq_core_peer_up(c, t->now, 0, 1), -EINVAL);
	assert_int_equal(kq_core_peer_up(c, t->now, 1, 1), -EINVAL);
	assert_int_equal(kq_core_peer_up(c, t->now, 4, 1), -EINVAL);
	assert_int_equal(kq_core_peer_up(c, t->now, KQ_MAX_NODES + 1, 1), -EINVAL);
	assert_int_equal(kq_core_peer_up(c, t->now, 2, 0), -EINVAL);
	assert_int_equal(kq_core_peer_up(c, t->now, 2, 7), 0);	/* replaces the old one */
	assert_int_equal(kq_core_peer_up(c, t->now, 2, 6), -ESTALE);
	kq_core_peer_down(c, t->now, 0);
	kq_core_peer_down(c, t->now, KQ_MAX_NODES + 1);
	kq_core_peer_down(c, t->now, 2);
	kq_core_peer_down(c, t->now, 2);
	assert_false(c->peer[2].connected);
}

static void elections_are_refused_where_they_make_no_sense(void **state)
{
	struct trio *t = *state;

	assert_false(kq_core_has_quorum(t->core[2]));
	lead(t);
	assert_true(kq_core_has_quorum(t->core[1]));
	assert_true(kq_core_has_quorum(t->core[2]));
	assert_int_equal(kq_core_canvass(t->core[1], t->now), -EALREADY);
	assert_int_equal(kq_core_campaign(t->core[1], t->now), -EALREADY);
	assert_int_equal(kq_core_canvass(t->core[2], t->now), -EAGAIN);
	assert_int_equal(kq_core_campaign(t->core[2], t->now), -EAGAIN);
	kq_core_fail(t->core[2], -EIO, "the first reason");
	kq_core_fail(t->core[2], -EIO, "another");
	assert_string_equal(t->core[2]->reason, "the first reason");
	assert_int_equal(kq_core_canvass(t->core[2], t->now), -EIO);
	assert_int_equal(kq_core_campaign(t->core[2], t->now), -EIO);
	assert_false(kq_core_has_quorum(t->core[2]));
	t->cut[1] = true;
	pass(t, 1500);
	assert_false(kq_core_has_quorum(t->core[3]));
}

static void a_leader_without_quorum_steps_down_and_a_vote_is_kept(void **state)
{
	struct trio *t = *state;

	lead(t);
	t->cut[2] = t->cut[3] = true;
	pass(t, 1500);
	assert_int_equal(t->core[1]->role, KQUORUM_FOLLOWER);
	assert_int_equal(t->core[1]->hs.vote, 1);
	t->cut[2] = t->cut[3] = false;
	/* A canvass that nobody answers ends by itself. */
	t->cut[2] = true;
	assert_int_equal(kq_core_canvass(t->core[2], t->now), 0);
	pass(t, 1500);
	assert_int_equal(t->core[2]->canvass, KQUORUM_CANVASS_LOST);
}

static void transfers_are_refused_where_they_make_no_sense(void **state)
{
	struct trio *t = *state;

	assert_int_equal(kq_core_transfer(t->core[1], t->now, 2), -EREMOTE);
	lead(t);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 1), -EALREADY);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 4), -EINVAL);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, KQ_MAX_NODES + 1), -EINVAL);
	kq_core_peer_down(t->core[1], t->now, 2);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 2), -ENOTCONN);
	/* To one that does not answer: given up after an election timeout. */
	t->cut[3] = true;
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 3), 0);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 3), -EBUSY);
	kq_core_peer_up(t->core[1], t->now, 2, 1);
	pass(t, 1100);
	assert_int_equal(t->core[1]->transfer_to, 0);
	kq_core_peer_down(t->core[1], t->now, 2);
	kq_core_peer_down(t->core[1], t->now, 3);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 0), -ENOTCONN);
}

static void a_transfer_hands_over_without_a_daemon(void **state)
{
	struct trio *t = *state;

	lead(t);
	assert_int_equal(append(t, 1), 0);
	assert_int_equal(kq_core_transfer(t->core[1], t->now, 0), 0);
	pass(t, 200);
	assert_int_not_equal(t->core[1]->role, KQUORUM_LEADER);
	assert_true(t->core[2]->role == KQUORUM_LEADER || t->core[3]->role == KQUORUM_LEADER);
	assert_int_equal(t->done_error, 0);
}

static void requests_of_a_node_that_stops_or_failed_are_refused(void **state)
{
	struct trio *t = *state;
	struct kq_owner *o;
	int err;

	lead(t);
	o = owner(t, 3, "db", &err);
	assert_int_equal(err, 0);
	settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	kq_core_stop(t->core[3], t->now, false);
	kq_core_stop(t->core[3], t->now, false);
	settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_LOST);
	assert_int_equal(append(t, 3), -ESHUTDOWN);
	assert_null(owner(t, 3, "db", &err));
	assert_int_equal(err, -ESHUTDOWN);
	kq_core_unlock(t->core[3], t->now, o);
	settle(t);
	assert_true(kq_core_stopped(t->core[3]));

	o = owner(t, 2, "db", &err);
	settle(t);
	assert_int_equal(o->state, KQUORUM_LOCK_GRANTED);
	assert_int_equal(append(t, 2), 0);
	kq_core_fail(t->core[2], -EIO, "broken by the test");
	assert_int_equal(append(t, 2), -EIO);
	assert_null(owner(t, 2, "other", &err));
	assert_int_equal(err, -EIO);
	kq_core_unlock(t->core[2], t->now, o);
	kq_core_unlock(t->core[2], t->now, o);
	kq_core_tick(t->core[2], t->now);
	settle(t);
	assert_int_equal(t->owners_closed, 2);
	assert_int_equal(t->done_error, -EHOSTDOWN);
}

static void what_is_not_wanted_any_more_comes_back_without_a_cookie(void **state)
{
	struct trio *t = *state;
	struct kq_proposal *p = proposal("x", 1);

	lead(t);
	p->cookie = t;
	t->disk_hangs[1] = t->disk_hangs[2] = t->disk_hangs[3] = true;
	assert_int_equal(kq_core_append(t->core[1], t->now, p), 0);
	kq_core_append_cancel(t->core[1], p);
	assert_null(p->cookie);
	t->disk_hangs[1] = t->disk_hangs[2] = t->disk_hangs[3] = false;
	settle(t);
	assert_int_equal(t->done, 1);
}

static void too_much_under_way_is_busy(void **state)
{
	struct trio *t = *state;
	uint32_t i;
	int err = 0;

	lead(t);
	t->cut[1] = t->cut[2] = t->cut[3] = true;
	for (i = 0; !err; i++)
		err = append(t, 2);
	assert_int_equal(err, -EBUSY);
	assert_int_equal(i - 1, KQ_WINDOW / 2);
	assert_null(owner(t, 2, "db", &err));
	assert_int_equal(err, -EBUSY);
	t->cut[1] = t->cut[2] = t->cut[3] = false;
	pass(t, 4000);
	assert_int_equal(t->done, KQ_WINDOW / 2);
	assert_int_equal(t->done_error, 0);
}

static void the_uncommitted_log_is_bounded(void **state)
{
	static uint8_t bytes[KQ_PAYLOAD_MAX];
	struct trio *t = *state;
	uint32_t i;

	lead(t);
	t->cut[2] = t->cut[3] = true;
	/* What waits beyond the bound, or for room on the disk, is refused on the spot. */
	for (i = 0; i < 200 && !t->core[1]->counters.busy && t->done < 3; i++) {
		struct kq_proposal *p = proposal(bytes, sizeof(bytes));

		if (kq_core_append(t->core[1], t->now, p)) {
			kq_entry_free(p->entry);
			free(p);
			break;
		}
		settle(t);
	}
	assert_true(i < 200);
	assert_true(t->core[1]->uncommitted_bytes <= KQ_UNCOMMITTED_BYTES);
}

static void owners_need_a_name_and_memory(void **state)
{
	char name[KQ_RESOURCE_MAX + 1];
	struct kq_owner o = { 0 };
	unsigned long i;
	int err = -ENOMEM;

	memset(name, 'a', sizeof(name));
	assert_int_equal(kq_owner_init(&o, name, 0, 0, 1, "test"), -EINVAL);
	assert_int_equal(kq_owner_init(&o, name, sizeof(name), 0, 1, "test"), -EINVAL);
	for (i = 1; err; i++) {
		memset(&o, 0, sizeof(o));
		kq_alloc_fail_at = i;
		err = kq_owner_init(&o, name, 1, 0, 1, "test");
		kq_alloc_fail_at = 0;
		assert_true(!err || err == -ENOMEM);
	}
	assert_int_equal(i, 4);
	kq_owner_destroy(&o);
	assert_int_equal(kq_alloc_live, 0);
}

/* --- without memory --------------------------------------------------------------------------- */

/* What a daemon on node 1 would do until there is a leader. */
static bool elect_somebody(struct trio *t)
{
	uint32_t i, n;

	for (i = 0; i < 40; i++) {
		for (n = 1; n <= 3; n++)
			if (t->core[n]->role == KQUORUM_LEADER && t->core[n]->lead_ready)
				return true;
		if (t->core[1]->canvass == KQUORUM_CANVASS_WON)
			kq_core_campaign(t->core[1], t->now);
		else
			kq_core_canvass(t->core[1], t->now);
		settle(t);
		pass(t, 100);
	}
	return false;
}

/* Everything a cluster does: elects, appends, locks, hands over, loses a connection. */
static void a_busy_day(struct trio *t)
{
	struct kq_owner *o[4] = { NULL };
	uint32_t i;
	int err;

	elect_somebody(t);
	for (i = 1; i <= 3; i++) {
		struct kq_proposal *p = proposal("bytes", 5);

		if (!p->entry || kq_core_append(t->core[i], t->now, p)) {
			kq_entry_free(p->entry);
			free(p);
		}
		o[i] = calloc(1, sizeof(*o[i]));
		err = kq_owner_init(o[i], "db", 2, 0, 1, "test");
		if (!err)
			err = kq_core_lock(t->core[i], t->now, o[i]);
		if (err) {
			assert_true(err == -ENOMEM || err == -EIO);
			kq_owner_destroy(o[i]);
			free(o[i]);
			o[i] = NULL;
		}
		settle(t);
	}
	pass(t, 300);
	kq_core_peer_down(t->core[1], t->now, 2);
	kq_core_peer_down(t->core[2], t->now, 1);
	kq_core_peer_up(t->core[1], t->now, 2, 1);
	kq_core_peer_up(t->core[2], t->now, 1, 1);
	settle(t);
	for (i = 1; i <= 3; i++)
		if (o[i])
			kq_core_unlock(t->core[i], t->now, o[i]);
	pass(t, 300);
	for (i = 1; i <= 3; i++)
		kq_core_transfer(t->core[i], t->now, 0);
	pass(t, 300);
}

/* The first allocation of such a day fails, on the next day the second, and so on. */
static void each_allocation_may_fail(void **state)
{
	unsigned long nth = 0, left = 0;
	uint32_t i;

	while (!left) {
		struct trio *t;
		void *fresh;

		assert_true(++nth < 20000);
		setup(&fresh);
		t = fresh;
		kq_alloc_fail_at = nth;
		a_busy_day(t);
		left = kq_alloc_fail_at;	/* not reached any more: that was the last */
		kq_alloc_fail_at = 0;
		assert_true(elect_somebody(t));
		pass(t, 4000);
		t->done = 0;
		for (i = 1; i <= 3; i++) {
			assert_int_equal(t->core[i]->state, KQUORUM_NODE_RUNNING);
			assert_int_equal(t->core[i]->local.state, KQ_SESSION_LIVE);
			assert_int_equal(append(t, i), 0);
		}
		pass(t, 1000);
		assert_int_equal(t->done, 3);
		assert_int_equal(t->done_error, 0);
		for (i = 1; i <= 3; i++) {
			assert_int_equal(t->core[i]->applied, t->core[1]->applied);
			assert_int_equal(t->core[i]->claims, 0);
			assert_int_equal(t->core[i]->pending_count, 0);
		}
		teardown(&fresh);
	}
	print_message("# %lu allocations failed, one a day\n", nth - 1);
}

/* --- peers that say what cannot be ---------------------------------------------------------- */

static void two_leaders_in_one_term_are_not_believed(void **state)
{
	struct kq_body_append b = { 0 };
	struct trio *t = *state;
	const char *why;

	lead(t);
	assert_int_equal(say(t, 3, 2, KQ_MSG_APPEND, t->core[2]->hs.term, &b, sizeof(b), &why),
			 -EPROTO);
	assert_string_equal(why, "a second leader in one term");
	assert_int_equal(say(t, 3, 1, KQ_MSG_APPEND, t->core[1]->hs.term, &b, sizeof(b), &why),
			 -EPROTO);
	kq_core_peer_down(t->core[2], t->now, 3);
	assert_int_equal(say(t, 3, 2, KQ_MSG_APPEND, t->core[2]->hs.term, &b, sizeof(b), &why), 0);
}

static void an_acknowledgement_of_what_was_never_sent_is_refused(void **state)
{
	struct kq_body_append_resp r = { .match = cpu_to_le64(1000) };
	struct trio *t = *state;
	const char *why;

	lead(t);
	assert_int_equal(say(t, 2, 1, KQ_MSG_APPEND_RESP, t->core[1]->hs.term, &r, sizeof(r), &why),
			 -EPROTO);
	assert_string_equal(why, "acknowledges what was never sent");
	/* To a node that does not lead it says nothing. */
	assert_int_equal(say(t, 3, 2, KQ_MSG_APPEND_RESP, t->core[2]->hs.term, &r, sizeof(r), &why),
			 0);
}

static void a_node_that_says_it_failed_counts_for_nothing(void **state)
{
	struct kq_body_append_resp r = { .flags = cpu_to_le32(KQ_APPEND_FAILED),
					 .match = cpu_to_le64(1000) };
	struct trio *t = *state;
	const char *why;

	lead(t);
	t->core[1]->hs.term += 5;	/* as if it led a later term */
	assert_int_equal(say(t, 2, 1, KQ_MSG_APPEND_RESP, 1, &r, sizeof(r), &why), 0);
	assert_true(t->core[1]->peer[2].flags & KQUORUM_PEERF_FAULTY);
	t->core[1]->hs.term -= 5;
}

static void a_failed_node_answers_with_the_term_on_its_disk(void **state)
{
	struct kq_body_append b = { 0 };
	const struct kq_body_append_resp *r;
	const struct kq_wire_hdr *h;
	struct trio *t = *state;
	const char *why;
	LIST_HEAD(list);

	lead(t);
	kq_core_fail(t->core[2], -EIO, "broken by the test");
	assert_int_equal(say(t, 1, 2, KQ_MSG_APPEND, 9, &b, sizeof(b), &why), 0);
	assert_int_equal(t->core[2]->hs.term, 1);
	kq_core_take_msgs(t->core[2], 1, &list);
	assert_false(list_empty(&list));
	h = (const void *)list_first_entry(&list, struct kq_msg, node)->data;
	r = (const void *)(h + 1);
	assert_int_equal(le64_to_cpu(h->term), 1);
	assert_int_equal(le32_to_cpu(r->flags), KQ_APPEND_FAILED);
	while (!list_empty(&list)) {
		struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);

		list_del(&m->node);
		kq_free(m);
	}
}

static void a_lease_beyond_the_setting_is_refused(void **state)
{
	struct trio *t = *state;
	struct kq_body_renew_resp r = { 0 };
	const char *why;

	lead(t);
	r.session = cpu_to_le64(t->core[2]->local.id);
	r.sent_ns = cpu_to_le64(t->now);
	r.lease_ns = cpu_to_le64(2001 * MS);
	assert_int_equal(say(t, 1, 2, KQ_MSG_RENEW_RESP, 1, &r, sizeof(r), &why), -EPROTO);
	assert_string_equal(why, "a lease longer than the setting");
	/* Of somebody who does not lead: not even looked at. */
	assert_int_equal(say(t, 3, 2, KQ_MSG_RENEW_RESP, 1, &r, sizeof(r), &why), 0);
}

static void a_refusal_needs_an_error_and_a_leader(void **state)
{
	struct kq_body_propose_resp r = { .session = cpu_to_le64(1), .seq = cpu_to_le64(1) };
	struct trio *t = *state;
	const char *why;

	lead(t);
	assert_int_equal(say(t, 1, 2, KQ_MSG_PROPOSE_RESP, 1, &r, sizeof(r), &why), -EPROTO);
	assert_string_equal(why, "a refusal without an error");
	assert_int_equal(say(t, 3, 2, KQ_MSG_PROPOSE_RESP, 1, &r, sizeof(r), &why), 0);
	r.error = cpu_to_le32(16);
	assert_int_equal(say(t, 1, 2, KQ_MSG_PROPOSE_RESP, 1, &r, sizeof(r), &why), 0);
}

static void votes_that_nobody_asked_for_do_not_count(void **state)
{
	struct kq_body_vote_resp r = { .req_term = cpu_to_le64(1), .granted = cpu_to_le32(1) };
	struct kq_body_timeout_now n = { .last_index = cpu_to_le64(1), .last_term = cpu_to_le64(1) };
	struct trio *t = *state;
	const char *why;

	lead(t);
	assert_int_equal(say(t, 3, 2, KQ_MSG_VOTE_RESP, 1, &r, sizeof(r), &why), 0);
	assert_int_equal(say(t, 3, 2, KQ_MSG_PREVOTE_RESP, 1, &r, sizeof(r), &why), 0);
	assert_int_not_equal(t->core[2]->role, KQUORUM_LEADER);
	/* Hand-over by one that does not lead, and one to a node with another log. */
	assert_int_equal(say(t, 3, 2, KQ_MSG_TIMEOUT_NOW, 1, &n, sizeof(n), &why), 0);
	assert_int_equal(say(t, 1, 2, KQ_MSG_TIMEOUT_NOW, 1, &n, sizeof(n), &why), 0);
	settle(t);
	assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
}

/* Builds a body of APPEND with one record behind @prev; returns its bytes. */
static uint32_t one_record(uint8_t *out, uint64_t prev, uint64_t prev_term, uint64_t commit,
			   struct kq_record rec, const void *payload)
{
	struct kq_body_append b = {
		.prev_index = cpu_to_le64(prev), .prev_term = cpu_to_le64(prev_term),
		.commit = cpu_to_le64(commit), .count = cpu_to_le32(1),
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

/* A leader whose log has what no leader's core lets in: it is applied everywhere alike, as nothing. */
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
	};
	struct trio *t = *state;
	uint64_t session, seq = 900, index;
	uint8_t body[512];
	const char *why;
	uint32_t len;
	size_t i;

	lead(t);
	t->cut[1] = t->cut[3] = true;	/* node 2 hears only what is said here */
	session = t->core[2]->local.id;
	for (i = 0; i < ARRAY_SIZE(strange); i++) {
		struct kq_core *c = t->core[2];

		index = c->log.last;
		len = one_record(body, index, kq_log_term(&c->log, index), index + 1, (struct kq_record){
			.len = cpu_to_le32(strange[i].len), .type = cpu_to_le16(strange[i].type),
			.node = cpu_to_le32(strange[i].node), .term = cpu_to_le64(1),
			.session = cpu_to_le64(strange[i].in_session ? session : 0),
			.seq = cpu_to_le64(strange[i].in_session ? seq++ : 0),
			.settled = cpu_to_le64(strange[i].in_session ? 1 : 0),
		}, strange[i].payload);
		assert_int_equal(say(t, 1, 2, KQ_MSG_APPEND, 1, body, len, &why), 0);
		settle(t);
		assert_int_equal(c->applied, index + 1);
		assert_true(kq_log_get(&c->log, index + 1)->result < 0);
		assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
		assert_int_equal(c->claims, 0);
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

	lead(t);
	assert_int_equal(append(t, 1), 0);
	pass(t, 200);
	t->cut[1] = t->cut[3] = true;
	last = c->log.last;
	/* The same index with another term, in the term that put it there. */
	rec.term = cpu_to_le64(2);
	c->hs.term = 2;
	len = one_record(body, last - 1, 1, 0, rec, "liar");
	assert_int_equal(say(t, 1, 2, KQ_MSG_APPEND, 2, body, len, &why), -EPROTO);
	assert_string_equal(why, "a leader sends two entries for one index");
	/* And in a later term: what is committed stays. */
	kq_core_peer_up(c, t->now, 1, 1);
	c->verified = 0;
	len = one_record(body, last - 2, kq_log_term(&c->log, last - 2), 0, rec, "liar");
	assert_int_equal(say(t, 1, 2, KQ_MSG_APPEND, 2, body, len, &why), -EPROTO);
	assert_string_equal(why, "a leader overwrites what is committed");
	assert_int_equal(c->log.last, last);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	c->hs.term = 1;
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
	};
	struct trio *t = *state;
	uint64_t last;
	size_t i;

	lead(t);
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
		assert_int_equal(say(t, 2, 1, KQ_MSG_PROPOSE, 1, body,
				     kq_record_size(strange[i].len), &why), 0);
		settle(t);
		assert_int_equal(t->core[1]->log.last, last);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_those_of_iscsi),
		cmocka_unit_test(a_core_without_memory_is_none),
		cmocka_unit_test(owners_need_a_name_and_memory),
		TEST(connections_of_strangers_are_refused),
		TEST(elections_are_refused_where_they_make_no_sense),
		TEST(a_leader_without_quorum_steps_down_and_a_vote_is_kept),
		TEST(transfers_are_refused_where_they_make_no_sense),
		TEST(a_transfer_hands_over_without_a_daemon),
		TEST(requests_of_a_node_that_stops_or_failed_are_refused),
		TEST(what_is_not_wanted_any_more_comes_back_without_a_cookie),
		TEST(too_much_under_way_is_busy),
		TEST(the_uncommitted_log_is_bounded),
		cmocka_unit_test(each_allocation_may_fail),
		TEST(two_leaders_in_one_term_are_not_believed),
		TEST(an_acknowledgement_of_what_was_never_sent_is_refused),
		TEST(a_node_that_says_it_failed_counts_for_nothing),
		TEST(a_failed_node_answers_with_the_term_on_its_disk),
		TEST(a_lease_beyond_the_setting_is_refused),
		TEST(a_refusal_needs_an_error_and_a_leader),
		TEST(votes_that_nobody_asked_for_do_not_count),
		TEST(strange_proposals_are_refused),
		TEST(strange_entries_of_a_leader_have_no_effect),
		TEST(a_leader_that_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
