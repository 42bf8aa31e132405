// SPDX-License-Identifier: GPL-2.0
/*
 * Three cores side by side: what one sends the other gets at once, what one writes is
 * durable at once, unless a test holds it back.
 */
#include "trio.h"

const struct kq_config trio_config = {
	.cluster_id = 77, .founders = 0xe, .segments = SEGMENTS,
	.set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000, .delta_ms = 50,
		 .drift_ppm = 500 },
	.segment_bytes = SEGMENT,
};

static struct kq_core *core_recovered(uint32_t self, const uint8_t *disk, uint32_t step,
				      struct kq_wal_report *report)
{
	struct kq_config cfg = trio_config;
	struct kq_core *core;
	int slot;

	cfg.self = self;
	cfg.salt = TRIO_IDENTITY(self);
	core = kq_core_create(&cfg);
	if (!core)
		return NULL;
	for (slot = 0; slot < (int)SEGMENTS; slot++)
		assert_int_equal(kq_wal_scan_header(core->wal, slot, disk + slot * step), 0);
	while ((slot = kq_wal_next_segment(core->wal)) >= 0)
		assert_int_equal(kq_wal_scan_segment(core->wal, slot, disk + slot * step, SEGMENT,
						     kq_core_recover_entry, core), 0);
	assert_int_equal(kq_wal_scan_end(core->wal, report), 0);
	return core;
}

struct kq_core *trio_core_recovered(uint32_t self, struct kq_wal_report *report)
{
	static const uint8_t zero[SEGMENT];

	return core_recovered(self, zero, 0, report);
}

void trio_power_off(struct trio *t, uint32_t id)
{
	struct kq_proposal *p, *next;
	uint32_t i;

	for (i = 1; i <= 3; i++)
		if (i != id && t->core[i])
			kq_core_peer_down(t->core[i], t->now, id);
	/* Those who waited for an answer are gone too. */
	list_splice_tail_init(&t->core[id]->done, &t->core[id]->pending);
	list_for_each_entry_safe(p, next, &t->core[id]->pending, node) {
		list_del_init(&p->node);
		if (p != &t->core[id]->local.open) {
			kq_entry_free(p->entry);
			free(p);
		}
	}
	kq_core_destroy(t->core[id]);
	t->core[id] = NULL;
}

struct kq_core *trio_power_on(struct trio *t, uint32_t id, struct kq_wal_report *report)
{
	t->core[id] = core_recovered(id, t->disk[id], SEGMENT, report);
	assert_non_null(t->core[id]);
	kq_core_start(t->core[id], t->now, report);
	return t->core[id];
}

void trio_connect(struct trio *t, uint32_t a, uint32_t b)
{
	assert_int_equal(trio_up(t->core[a], t->now, b, t->core[b]->hs.incarnation), 0);
	assert_int_equal(trio_up(t->core[b], t->now, a, t->core[a]->hs.incarnation), 0);
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
		const struct kq_batch *b = kq_core_take_batch(c);

		if (b && !t->disk_error[id])
			memcpy(t->disk[id] + b->slot * SEGMENT + b->offset, b->data, b->len);
		kq_core_disk_done(c, trio_clock(t, id), c->batch, t->disk_error[id]);
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
				assert_int_equal(kq_core_recv(t->core[to], trio_clock(t, to), h,
							      h + 1, &why), 0);
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

uint64_t trio_clock(const struct trio *t, uint32_t id)
{
	return t->now + t->ahead_ns[id];
}

void trio_settle(struct trio *t)
{
	bool busy = true;
	uint32_t i;

	while (busy)
		for (busy = false, i = 1; i <= 3; i++)
			busy |= drain(t, i);
}

void trio_pass(struct trio *t, uint64_t ms)
{
	uint64_t end = t->now + ms * MS;
	uint32_t i;

	while (t->now < end) {
		t->now += 25 * MS;
		for (i = 1; i <= 3; i++) {
			t->ahead_ns[i] += 25 * t->ppm[i];
			kq_core_tick(t->core[i], trio_clock(t, i));
		}
		trio_settle(t);
	}
}

/* As the disk has it, with which the log of all of them begins. */
static void recover_first_entry(struct kq_core *c)
{
	struct kq_conf first = { .voters = trio_config.founders, .origin = TRIO_IDENTITY(1),
				 .before = trio_config.set, .now = trio_config.set };
	struct kq_record rec = { .index = cpu_to_le64(1), .term = cpu_to_le64(1),
				 .type = cpu_to_le16(KQ_ENTRY_CONF), .node = cpu_to_le32(1) };
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	static uint8_t payload[KQ_CONF_MAX];
	uint32_t id;

	for (id = 1; id <= 3; id++)
		first.identity[id] = TRIO_IDENTITY(id);
	rec.len = cpu_to_le32(kq_conf_write(&first, nameless, NULL, payload));
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, payload));
	assert_int_equal(kq_core_recover_entry(c, &rec, payload), 0);
}

struct kq_core *trio_replace(struct trio *t, struct kq_wal_report *report)
{
	kq_core_destroy(t->core[3]);
	t->core[3] = trio_core_recovered(3, report);
	recover_first_entry(t->core[3]);
	report->hs.identity = TRIO_IDENTITY(3);
	return t->core[3];
}

int trio_up(struct kq_core *c, uint64_t now, uint32_t id, uint64_t incarnation)
{
	struct kquorum_past past = {
		.identity = cpu_to_le64(TRIO_IDENTITY(id)),
		.incarnation = cpu_to_le64(incarnation),
		.met = cpu_to_le32(id <= KQ_MAX_NODES ? (uint32_t)c->hs.peer[id] : 0),
	};

	return kq_core_peer_up(c, now, id, &past);
}

int trio_setup(void **state)
{
	struct trio *t = calloc(1, sizeof(*t));
	uint32_t a, b;

	t->now = 1000 * MS;
	for (a = 1; a <= 3; a++) {
		struct kq_wal_report report;

		t->disk[a] = calloc(SEGMENTS, SEGMENT);
		t->core[a] = trio_core_recovered(a, &report);
		kq_core_start(t->core[a], t->now, &report);
	}
	trio_settle(t);
	for (a = 1; a <= 3; a++)
		for (b = 1; b <= 3; b++)
			if (a != b)
				assert_int_equal(trio_up(t->core[a], t->now, b,
							 t->core[b]->hs.incarnation), 0);
	trio_settle(t);
	for (a = 1; a <= 3; a++)
		kq_core_tick(t->core[a], t->now);
	trio_settle(t);
	*state = t;
	return 0;
}

int trio_teardown(void **state)
{
	struct trio *t = *state;
	uint32_t i;

	for (i = 1; i <= 3; i++) {
		t->cut[i] = true;
		t->disk_hangs[i] = false;
		kq_core_stop(t->core[i], t->now, true);
	}
	trio_settle(t);
	for (i = 1; i <= 3; i++) {
		kq_core_destroy(t->core[i]);
		free(t->disk[i]);
	}
	free(t);
	assert_int_equal(kq_alloc_live, 0);
	return 0;
}

void trio_lead(struct trio *t)
{
	assert_int_equal(kq_core_canvass(t->core[1], t->now), 0);
	trio_settle(t);
	assert_int_equal(t->core[1]->canvass, KQUORUM_CANVASS_WON);
	assert_int_equal(kq_core_campaign(t->core[1], t->now), 0);
	trio_settle(t);
	assert_int_equal(t->core[1]->role, KQUORUM_LEADER);
	trio_pass(t, 500);
	assert_int_equal(t->core[3]->local.state, KQ_SESSION_LIVE);
}

void trio_suspect(struct trio *t)
{
	trio_lead(t);
	t->cut[3] = true;
	trio_pass(t, 1300);
	assert_true(t->core[1]->session[3].suspect);
}

void trio_renew(struct trio *t)
{
	const struct kq_body_renew r = {
		.session = cpu_to_le64(t->core[1]->session[3].id),
		.sent_ns = cpu_to_le64(t->now),
	};
	const char *why;

	assert_int_equal(trio_say(t, 3, 1, KQ_MSG_RENEW, TRIO_TERM, &r, sizeof(r), &why), 0);
}

struct kq_proposal *command_new(uint16_t type, const void *payload, uint32_t len)
{
	struct kq_proposal *p = calloc(1, sizeof(*p));

	INIT_LIST_HEAD(&p->node);
	p->entry = kq_entry_alloc(type, payload, len);
	return p;
}

struct kq_proposal *proposal_new(const void *data, uint32_t len)
{
	return command_new(KQ_ENTRY_APPEND, data, len);
}

int32_t trio_command(struct trio *t, uint32_t id, uint16_t type, const void *payload, uint32_t len)
{
	t->done = 0;
	assert_int_equal(kq_core_append(t->core[id], t->now, command_new(type, payload, len)), 0);
	trio_settle(t);
	assert_int_equal(t->done, 1);
	return t->done_error;
}

int trio_append(struct trio *t, uint32_t id)
{
	struct kq_proposal *p = proposal_new("bytes", 5);
	int err = kq_core_append(t->core[id], t->now, p);

	if (err) {
		kq_entry_free(p->entry);
		free(p);
	}
	return err;
}

void append_many(struct trio *t, uint32_t id, uint32_t count)
{
	while (count--) {
		assert_int_equal(trio_append(t, id), 0);
		trio_settle(t);
	}
}

void trio_fill_log(struct trio *t, uint32_t id)
{
	struct kq_core *c = t->core[id];
	struct kq_batch *b;

	while (!kq_wal_encode(c->wal, &c->hs, NULL, 0, 0, KQ_WAL_ROOM_INTERNAL, &b))
		kq_batch_free(b);
}

int trio_change(struct trio *t, uint32_t id, kq_nodes voters, kq_nodes learners)
{
	struct kq_conf_change to = { .to = { .voters = voters, .learners = learners } };

	to.id = trio_joining(t->core[id], &to.to);
	return kq_core_reconfigure(t->core[id], t->now, &to);
}

void trio_assert_conf(const struct kq_core *c, kq_nodes voters, kq_nodes outgoing,
		      kq_nodes learners)
{
	assert_int_equal(c->conf.voters, voters);
	assert_int_equal(c->conf.outgoing, outgoing);
	assert_int_equal(c->conf.learners, learners);
}

void trio_drop(struct trio *t, uint32_t id, struct kq_owner *o)
{
	kq_core_unlock(t->core[id], t->now, o);
	trio_pass(t, 50);
}

struct kq_owner *trio_ask(struct trio *t, uint32_t id, const struct kq_lock_ask *ask, int *err)
{
	struct kq_owner *o = calloc(1, sizeof(*o));

	assert_int_equal(kq_owner_init(o, ask), 0);
	*err = kq_core_lock(t->core[id], t->now, o);
	if (*err) {
		kq_owner_destroy(o);
		free(o);
		return NULL;
	}
	return o;
}

struct kq_owner *trio_owner(struct trio *t, uint32_t id, const char *name, int *err)
{
	const struct kq_lock_ask ask = { .name = name, .name_len = strlen(name), .pid = 1,
					 .admin = true, .comm = "test" };

	return trio_ask(t, id, &ask, err);
}

int trio_say(struct trio *t, uint32_t from, uint32_t to, uint8_t type, uint64_t term,
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

uint32_t trio_take(struct trio *t, uint32_t from, uint32_t to, uint8_t type)
{
	LIST_HEAD(list);
	uint32_t found = 0;

	kq_core_take_msgs(t->core[from], to, &list);
	while (!list_empty(&list)) {
		struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);

		found += ((const struct kq_wire_hdr *)m->data)->type == type;
		list_del(&m->node);
		kq_free(m);
	}
	return found;
}

bool trio_elect(struct trio *t, uint32_t id)
{
	struct kq_core *c = t->core[id];
	uint32_t i;

	for (i = 0; i < 40; i++) {
		uint32_t n;

		for (n = 1; n <= 3; n++)
			if (t->core[n]->role == KQUORUM_LEADER && t->core[n]->lead_ready)
				return true;
		if (c->canvass == KQUORUM_CANVASS_WON)
			kq_core_campaign(c, t->now);
		else
			kq_core_canvass(c, t->now);
		trio_settle(t);
		trio_pass(t, 100);
	}
	return false;
}
