// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz target: a whole core between two peers that say anything that passes the decoder, a
 * disk and programs that do anything, in any order. Its log is blank at first, or lacks entries.
 * Nothing may panic, nothing may leak, no invariant may break by what a peer says; what the core
 * sends must pass the decoder.
 */
#include <stdlib.h>

#include <linux/kquorum.h>

#include "commands.h"
#include "kq_core.h"
#include "../core/settings.h"

#define SEGMENT (64u * 1024)
#define SEGMENTS 8u
#define OWNERS 4

struct world {
	struct kq_core *core;
	struct input in;
	uint64_t now;
	struct kq_batch *batch;
	struct kq_owner *owner[OWNERS];
	uint64_t peer_inc[4];
};

static uint64_t identity(uint32_t id)
{
	return 2 * id + 1;
}

/* Numbers that mean something to this core just now. */
static uint64_t number(struct world *w)
{
	const struct kq_core *c = w->core;
	const uint64_t known[] = {
		0, 1, c->log.last, c->commit, c->applied, c->durable, c->verified, c->hs.term,
		kq_log_term(&c->log, c->log.last), c->term_start, c->round, c->local.id,
		c->local.next_seq, c->session[2].id, c->session[3].id, w->now, c->peer[2].match,
		c->peer[3].match, c->cfg.set.lease_ms * 1000000ULL, 1ULL << 20,
	};

	return input_near(&w->in, known, sizeof(known) / sizeof(known[0]));
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	__le64 x = cpu_to_le64(v);

	memcpy(p, &x, sizeof(x));
	return p + sizeof(x);
}

/* Nested, these take from the input from the inside out, whatever the compiler. */
static uint8_t *put_number(struct world *w, uint8_t *p)
{
	return put64(p, number(w));
}

/* Of one number, so that older inputs keep their meaning. */
static uint8_t *put_clock(struct world *w, uint8_t *p)
{
	uint64_t sent = number(w);

	return put64(put64(put64(p, sent), sent & 1 ? w->now - sent % (1 << 30) : 0), sent / 2);
}

static uint8_t *put_records(struct world *w, uint8_t *p, uint8_t type, uint32_t from, uint64_t index,
			    uint64_t term, uint32_t count)
{
	static const uint16_t types[] = { KQ_ENTRY_NOOP, KQ_ENTRY_OPEN, KQ_ENTRY_SUSPECT,
					  KQ_ENTRY_CLEAR, KQ_ENTRY_CLOSE, KQ_ENTRY_EXPIRE,
					  KQ_ENTRY_ACQUIRE, KQ_ENTRY_RELEASE, KQ_ENTRY_APPEND,
					  KQ_ENTRY_CONF, 99 };
	static const uint16_t defines[] = { KQ_ENTRY_DEFINE, KQ_ENTRY_UNDEFINE };
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	uint32_t i;

	while (count--) {
		struct kq_record rec = { 0 };
		uint8_t *body = p + sizeof(rec);
		uint32_t len = 0, id;
		uint8_t which;

		/* One after the other: in which order an initialiser takes them is the compiler's. */
		rec.session = cpu_to_le64(number(w));
		rec.seq = cpu_to_le64(number(w));
		rec.settled = cpu_to_le64(number(w));
		/* Those that came later have numbers of their own: inputs keep their meaning. */
		which = input_u8(&w->in);
		rec.type = cpu_to_le16(which >= 240 ? defines[which % 2] :
				       types[which % ARRAY_SIZE(types)]);
		rec.node = cpu_to_le32(type == KQ_MSG_PROPOSE ? from : input_u8(&w->in) % 5);
		if (type != KQ_MSG_PROPOSE) {
			rec.index = cpu_to_le64(++index);
			rec.term = cpu_to_le64(term);
		}
		switch (le16_to_cpu(rec.type)) {
		case KQ_ENTRY_NOOP:
			rec.session = 0;
			break;
		case KQ_ENTRY_ACQUIRE:
			len = put_acquire(&w->in, body, number(w));
			break;
		case KQ_ENTRY_RELEASE:
			len = put_release(&w->in, body, number(w));
			break;
		case KQ_ENTRY_DEFINE:
			len = put_define(&w->in, body);
			break;
		case KQ_ENTRY_UNDEFINE:
			len = put_undefine(&w->in, body);
			break;
		case KQ_ENTRY_CONF: {
			struct kq_conf conf = {
				.origin = identity(1), .before = TEST_SETTINGS, .now = TEST_SETTINGS,
			};

			conf.voters = input_u8(&w->in) & 0x1e;
			conf.outgoing = input_u8(&w->in) & 0x1e;
			conf.learners = input_u8(&w->in) & 0x1e;
			rec.session = 0;
			for (id = 1; id <= 4; id++)
				conf.identity[id] = identity(id) + !(input_u8(&w->in) % 8);
			len = kq_conf_write(&conf, nameless, NULL, body);
			break;
		}
		case KQ_ENTRY_APPEND:
			len = input_u8(&w->in);
			memset(body, 'x', len);
			break;
		default: {
			struct kq_session_cmd *s = (void *)body;

			memset(s, 0, sizeof(*s));
			s->session = type == KQ_MSG_PROPOSE ? rec.session : cpu_to_le64(number(w));
			s->node = rec.node;
			if (input_u8(&w->in) & 1)
				s->left_ns = cpu_to_le64(number(w));
			len = sizeof(*s);
		}
		}
		/* Now and then the payload is cut or grows, which its CRC does not tell. */
		if (input_u8(&w->in) > 240)
			len = input_u8(&w->in);
		rec.len = cpu_to_le32(len);
		memcpy(p, &rec, sizeof(rec));
		for (i = len; i < kq_record_size(len) - sizeof(rec); i++)
			body[i] = 0;
		p += kq_record_size(len);
	}
	return p;
}

/* What this core lacks, or now and then something else: first, last, and the entry to match. */
static void gap(struct world *w, uint64_t g[4])
{
	const struct kq_core *c = w->core;
	uint8_t how = input_u8(&w->in);

	g[0] = 0;
	if (how & 1 || !kq_log_gap(&c->log, &g[0], &g[1])) {
		g[0] = number(w);
		g[1] = number(w);
	}
	g[2] = how & 2 ? g[1] : g[1] + 1;
	if (g[2] > c->log.last && !(how & 4))
		g[2] = c->log.last;
	g[3] = how & 8 ? number(w) : kq_log_term(&c->log, g[2]);
}

static void message(struct world *w)
{
	static uint8_t buf[16 * 1024];
	struct kq_core *c = w->core;
	uint8_t type = 1 + input_u8(&w->in) % (KQ_MSG_TYPE_END - 1), *p = buf, *body;
	uint32_t from = 2 + input_u8(&w->in) % 2, count = 0, len;
	struct kq_wire_peer peer;
	struct kq_wire_hdr h = { .type = type };
	const char *why = NULL;
	uint64_t term, prev, prev_term, g[4];

	if (!c->peer[from].connected)
		return;
	/* Nothing of an earlier message may show: a finding must be one when it runs alone. */
	memset(buf, 0, 16 * 1024);
	kq_core_wire_peer(c, from, &peer);
	term = c->hs.term + (int8_t)input_u8(&w->in) / 32;
	switch (type) {
	case KQ_MSG_APPEND:
		prev = number(w);
		prev_term = input_u8(&w->in) & 1 ? number(w) : kq_log_term(&c->log, prev);
		p = put64(put64(p, prev), prev_term);
		p = put_number(w, put_clock(w, put_number(w, put_number(w, p))));
		count = input_u8(&w->in) % 6;
		p = put64(p, count | (uint64_t)(input_u8(&w->in) % 2) << 32);
		p = put64(p, 1000 * input_u8(&w->in));
		p = put_records(w, p, type, from, prev, input_u8(&w->in) & 1 ? term : prev_term,
				count);
		break;
	case KQ_MSG_FETCH:
		gap(w, g);
		p = put64(put64(put64(put64(p, g[0]), g[1]), g[2]), g[3]);
		break;
	case KQ_MSG_FETCHED:
		gap(w, g);
		count = input_u8(&w->in) % 6;
		p = put_number(w, put64(put64(put64(p, g[0]), g[2]), g[3]));
		p = put64(p, count | (uint64_t)(input_u8(&w->in) % 2) << 32);
		p = put_records(w, p, type, from, g[0] - 1, input_u8(&w->in) & 1 ? term : g[3],
				count);
		break;
	case KQ_MSG_PROPOSE:
		p = put_records(w, p, type, from, 0, 0, 1 + input_u8(&w->in) % 4);
		break;
	case KQ_MSG_APPEND_RESP:
		p = put_clock(w, put_number(w, p));
		for (count = 0; count < 5; count++)
			p = put_number(w, p);
		p = put64(p, input_u8(&w->in) % 64);
		break;
	case KQ_MSG_PROPOSE_RESP:
		p = put_number(w, put_number(w, p));
		p = put64(p, input_u8(&w->in));
		break;
	case KQ_MSG_RENEW_RESP:
		p = put_number(w, put_number(w, put_number(w, put_number(w, p))));
		break;
	case KQ_MSG_MET:
		p = put64(p, input_u8(&w->in) % 2);
		break;
	case KQ_MSG_PREVOTE_REQ: case KQ_MSG_VOTE_REQ:
		p = put_number(w, put_number(w, p));
		p = put64(p, input_u8(&w->in) % 2);
		break;
	default:
		p = put_number(w, put_number(w, p));
	}
	len = p - buf;
	h.magic = cpu_to_le32(KQ_WIRE_MAGIC);
	h.version = KQ_WIRE_VERSION;
	h.cluster = cpu_to_le64(peer.cluster);
	h.from = cpu_to_le32(from);
	h.to = cpu_to_le32(1);
	h.from_inc = cpu_to_le64(peer.peer_inc);
	h.to_inc = cpu_to_le64(peer.self_inc);
	h.term = cpu_to_le64(term);
	wire_seal(&h, buf, len);
	if (kq_wire_check_header(&h, &peer, &why) != (int)len)
		return;
	body = malloc(len ? len : 1);
	memcpy(body, buf, len);
	if (!kq_wire_check_body(&h, body, &why) &&
	    kq_core_recv(c, w->now, &h, body, &why)) {
		if (!why)
			abort();	/* refused without a reason */
		kq_core_peer_down(c, w->now, from);
	}
	free(body);
}

/* Bytes, or what is to be said of a resource. */
static void program_append(struct world *w, uint8_t how)
{
	struct kq_proposal *p = calloc(1, sizeof(*p));
	uint8_t body[100];
	uint32_t len;

	INIT_LIST_HEAD(&p->node);
	if (how < 224) {
		p->entry = kq_entry_alloc(KQ_ENTRY_APPEND, "bytes", 5);
	} else if (how < 248) {
		len = put_define(&w->in, body);
		p->entry = kq_entry_alloc(KQ_ENTRY_DEFINE, body, len);
	} else {
		len = put_undefine(&w->in, body);
		p->entry = kq_entry_alloc(KQ_ENTRY_UNDEFINE, body, len);
	}
	if (kq_core_append(w->core, w->now, p)) {
		kq_entry_free(p->entry);
		free(p);
	}
}

static void program(struct world *w)
{
	uint32_t i = input_u8(&w->in) % OWNERS;
	struct kq_owner *o = w->owner[i];
	uint8_t how = input_u8(&w->in);
	char name = 'a' + i % 2;
	struct kq_lock_ask ask = { .name = &name, .name_len = 1, .pid = 1, .comm = "fuzz",
				   .admin = true };
	struct want wanted;

	if (how & 1) {
		program_append(w, how);
		return;
	}
	if (o) {
		kq_core_unlock(w->core, w->now, o);
		return;
	}
	wanted = want(&w->in);
	ask.flags = (wanted.try ? KQUORUM_LOCK_TRY : 0) | (wanted.share ? KQUORUM_LOCK_SHARED : 0);
	ask.units = wanted.units;
	o = calloc(1, sizeof(*o));
	if (kq_owner_init(o, &ask))
		abort();
	if (kq_core_lock(w->core, w->now, o)) {
		kq_owner_destroy(o);
		free(o);
		return;
	}
	w->owner[i] = o;
}

/* All that comes out; what goes to a peer must be what a peer would take. */
static void drain(struct world *w)
{
	struct kq_batch *b = kq_core_take_batch(w->core);
	struct kq_proposal *p;
	struct kq_owner *o;
	uint32_t to, i;

	if (b)
		w->batch = b;
	for (to = 2; to <= 3; to++) {
		LIST_HEAD(list);

		kq_core_take_msgs(w->core, to, &list);
		while (!list_empty(&list)) {
			struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
			const struct kq_wire_hdr *h = (void *)m->data;
			struct kq_wire_peer peer = {
				.cluster = w->core->cluster_hash, .self = to,
				.self_inc = w->peer_inc[to], .peer = 1,
				.peer_inc = w->core->hs.incarnation,
			};
			const char *why;

			list_del(&m->node);
			if (kq_wire_check_header(h, &peer, &why) < 0 ||
			    kq_wire_check_body(h, m->data + sizeof(*h), &why))
				abort();	/* it would be refused */
			kq_free(m);
		}
	}
	while ((p = kq_core_take_done(w->core))) {
		kq_entry_free(p->entry);
		free(p);
	}
	while ((o = kq_core_take_owner(w->core))) {
		if (!o->closed)
			continue;
		for (i = 0; i < OWNERS; i++)
			if (w->owner[i] == o)
				w->owner[i] = NULL;
		kq_owner_destroy(o);
		free(o);
	}
	kq_core_take_linger(w->core);
	kq_core_take_events(w->core);
}

static void disk(struct world *w, int error)
{
	struct kq_batch *b = w->batch;

	w->batch = NULL;
	if (b)
		kq_core_disk_done(w->core, w->now, b, error);
}

/* Mostly the node that it was, which forgot nothing. */
static int peer_up(struct world *w, uint32_t id, uint64_t incarnation)
{
	uint8_t how = input_left(&w->in) ? input_u8(&w->in) : 0xff;
	struct kquorum_past past = {
		.identity = cpu_to_le64(identity(id) + !(how & 15)),
		.incarnation = cpu_to_le64(incarnation),
		.met = cpu_to_le32(how & 16 ? (uint32_t)w->core->hs.peer[id] : 0),
		.flags = cpu_to_le32(how & 32 ? 0 : KQUORUM_PAST_EMPTY),
	};

	return kq_core_peer_up(w->core, w->now, id, &past);
}

static void step(struct world *w)
{
	uint8_t op = input_u8(&w->in), to;

	w->now += 1000;
	switch (op % 16) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
		message(w);
		break;
	case 7: case 8:
		disk(w, op == 0xf7 ? -5 : 0);
		break;
	case 9:
		w->now += input_u8(&w->in) * 10000000ULL;
		kq_core_tick(w->core, w->now);
		break;
	case 10:
		kq_core_tick(w->core, w->now += 25000000);
		break;
	case 11:
		to = 2 + input_u8(&w->in) % 2;
		if (w->core->peer[to].connected)
			kq_core_peer_down(w->core, w->now, to);
		else if (!peer_up(w, to, w->peer_inc[to] + (op & 16 ? 1 : 0)))
			w->peer_inc[to] += op & 16 ? 1 : 0;
		break;
	case 12:
		if (op & 16)
			kq_core_campaign(w->core, w->now);
		else
			kq_core_canvass(w->core, w->now);
		break;
	case 13: case 14:
		program(w);
		break;
	default:
		if (op == 0xff)
			kq_core_stop(w->core, w->now, false);
		else if (op == 0xef)
			kq_core_transfer(w->core, w->now, input_u8(&w->in) % 4);
		else
			kq_core_linger_over(w->core, w->now);
	}
	drain(w);
}

/* A log of 12 entries, of which 5 to 9 are lost; @disk: its first segment, blank. */
static void damaged_log(uint8_t disk[SEGMENT])
{
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	struct kq_conf conf = { .voters = 0xe, .origin = identity(1), .before = TEST_SETTINGS,
				.now = TEST_SETTINGS };
	struct kq_hard_state hs = { .term = 2, .incarnation = 5, .identity = identity(1) };
	struct kq_wal *wal = kq_wal_create(77, 1, SEGMENT, SEGMENTS);
	uint8_t payload[KQ_CONF_MAX];
	struct kq_wal_report rep;
	uint32_t id, i, index = 0;
	int slot;

	for (id = 1; id <= 3; id++)
		conf.identity[id] = identity(id);
	for (slot = 0; slot < (int)SEGMENTS; slot++)
		kq_wal_scan_header(wal, slot, disk);
	while ((slot = kq_wal_next_segment(wal)) >= 0)
		kq_wal_scan_segment(wal, slot, disk, SEGMENT, NULL, NULL);
	kq_wal_scan_end(wal, &rep);
	for (i = 0; i < 12; i++) {
		uint32_t len = index ? 5 : kq_conf_write(&conf, nameless, NULL, payload);
		struct kq_entry *e = kq_entry_alloc(index ? KQ_ENTRY_APPEND : KQ_ENTRY_CONF,
						    index ? "bytes" : (void *)payload, len);
		struct kq_batch *b;

		e->rec.index = cpu_to_le64(++index);
		e->rec.term = cpu_to_le64(index < 8 ? 1 : 2);
		e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
		if (kq_wal_encode(wal, &hs, &e, 1, index < 2 ? 0 : index < 9 ? 1 : 2,
				  KQ_WAL_ROOM_CLIENT, &b))
			abort();
		if (b->slot)
			abort();
		if (index < 5 || index > 9)
			memcpy(disk + b->offset, b->data, b->len);
		kq_batch_free(b);
		kq_entry_free(e);
	}
	kq_wal_destroy(wal);
}

static void start(struct world *w)
{
	struct kq_config cfg = {
		.cluster_id = 77, .self = 1, .founders = 0xe,
		.segments = SEGMENTS, .salt = identity(1),
		.set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000,
			 .delta_ms = 50, .drift_ppm = 500 },
		.segment_bytes = SEGMENT,
	};
	static uint8_t blank[SEGMENT], log[SEGMENT];
	bool damaged = input_u8(&w->in) & 1;
	struct kq_wal_report rep;
	uint32_t id;
	int slot;

	w->now = 1000000000;
	if (damaged) {
		memset(log, 0, sizeof(log));
		damaged_log(log);
	}
	w->core = kq_core_create(&cfg);
	for (slot = 0; slot < (int)SEGMENTS; slot++)
		kq_wal_scan_header(w->core->wal, slot, slot || !damaged ? blank : log);
	while ((slot = kq_wal_next_segment(w->core->wal)) >= 0)
		kq_wal_scan_segment(w->core->wal, slot, slot || !damaged ? blank : log, SEGMENT,
				    kq_core_recover_entry, w->core);
	if (kq_wal_scan_end(w->core->wal, &rep) || damaged != (rep.health == KQ_WAL_GAPS))
		abort();
	kq_core_start(w->core, w->now, &rep);
	drain(w);
	disk(w, 0);
	/* Mostly a cluster that has begun. */
	for (id = 2; id <= 3; id++) {
		w->peer_inc[id] = 1;
		peer_up(w, id, 1);
		w->core->peer[id].empty = true;
	}
	drain(w);
	disk(w, 0);
	kq_core_tick(w->core, w->now);
	drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .in = input_of(data, size) };
	uint32_t i;

	start(&w);
	while (input_left(&w.in))
		step(&w);
	/* A node that is taken down gives everything back. */
	kq_core_stop(w.core, w.now, true);
	drain(&w);
	disk(&w, 0);
	drain(&w);
	kq_core_destroy(w.core);
	for (i = 0; i < OWNERS; i++) {
		if (w.owner[i])
			kq_owner_destroy(w.owner[i]);
		free(w.owner[i]);
	}
	if (kq_alloc_live)
		abort();
	return 0;
}
