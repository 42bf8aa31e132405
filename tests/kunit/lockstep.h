/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One trace of events through three cores, and a digest of all that came out of them: the
 * same in the kernel and in user space, or one of the two is not the core that was tested.
 * Included by tests/core/lockstep_test.c and tests/kunit/lockstep_test.c, after kq_core.h.
 */
#ifndef KQ_LOCKSTEP_H
#define KQ_LOCKSTEP_H

#define LOCKSTEP_SEEDS	 40
#define LOCKSTEP_EVENTS	 3000
#define LOCKSTEP_SEGMENT (64u * 1024)
#define LOCKSTEP_MS	 1000000ULL

struct lockstep {
	struct kq_core *core[4];	/* by node id */
	struct list_head wire[4][4];	/* from, to */
	struct kq_batch *batch[4];
	struct kq_owner *owner[4];
	u64 now, random;
	u32 digest;
};

static u32 lockstep_below(struct lockstep *l, u32 n)
{
	u64 z = l->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (u32)((z ^ (z >> 31)) >> 32) % n;
}

static void lockstep_note(struct lockstep *l, const void *data, u32 len)
{
	l->digest = kq_crc(l->digest, data, len);
}

static void lockstep_number(struct lockstep *l, u64 x)
{
	__le64 le = cpu_to_le64(x);

	lockstep_note(l, &le, sizeof(le));
}

/* All that comes out of a node, noted. */
static void lockstep_drain(struct lockstep *l, u32 id)
{
	struct kq_core *c = l->core[id];
	struct kq_batch *b = kq_core_take_batch(c);
	struct kq_proposal *p;
	struct kq_owner *o;
	u32 to;

	if (b) {
		l->batch[id] = b;
		lockstep_number(l, b->offset);
		lockstep_note(l, b->data, b->len);
	}
	for (to = 1; to <= 3; to++) {
		LIST_HEAD(list);

		kq_core_take_msgs(c, to, &list);
		while (!list_empty(&list)) {
			struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);

			lockstep_note(l, m->data, m->len);
			list_move_tail(&m->node, &l->wire[id][to]);
		}
	}
	while ((p = kq_core_take_done(c))) {
		lockstep_number(l, p->index);
		kq_entry_free(p->entry);
		kq_free(p);
	}
	while ((o = kq_core_take_owner(c))) {
		lockstep_number(l, (u64)o->state << 32 | (u32)-o->error);
		lockstep_number(l, o->token);
		lockstep_number(l, o->numbers[0]);
		if (!o->closed)
			continue;
		l->owner[id] = NULL;
		kq_owner_destroy(o);
		kq_free(o);
	}
	lockstep_number(l, kq_core_take_linger(c));
	lockstep_number(l, kq_core_take_events(c));
	lockstep_number(l, c->hs.term << 8 | c->role);
	lockstep_number(l, c->applied);
}

static void lockstep_lose(struct lockstep *l, u32 from, u32 to)
{
	while (!list_empty(&l->wire[from][to])) {
		struct kq_msg *m = list_first_entry(&l->wire[from][to], struct kq_msg, node);

		list_del(&m->node);
		kq_free(m);
	}
}

static void lockstep_deliver(struct lockstep *l, u32 from, u32 to)
{
	const struct kq_wire_hdr *h;
	const char *why;
	struct kq_msg *m;

	if (list_empty(&l->wire[from][to]))
		return;
	m = list_first_entry(&l->wire[from][to], struct kq_msg, node);
	list_del(&m->node);
	h = (const void *)m->data;
	lockstep_number(l, (u32)-kq_core_recv(l->core[to], l->now, h, h + 1, &why));
	kq_free(m);
}

/* Bytes for the log's own sake, or what is to be said of the resource: it has so many units. */
static struct kq_entry *lockstep_entry(struct lockstep *l)
{
	struct {
		struct kq_define_cmd cmd;
		char name[2];
	} __packed define = { { .name_len = cpu_to_le16(2) }, "db" };

	if (lockstep_below(l, 4))
		return kq_entry_alloc(KQ_ENTRY_APPEND, "lockstep", 1 + lockstep_below(l, 8));
	define.cmd.flags = cpu_to_le16(KQ_DEFINE_UNITS |
				       (lockstep_below(l, 2) ? KQ_DEFINE_NEW : 0));
	define.cmd.units = cpu_to_le32(1 + lockstep_below(l, 4));
	return kq_entry_alloc(KQ_ENTRY_DEFINE, &define, sizeof(define));
}

static void lockstep_lock(struct lockstep *l, u32 id)
{
	static const struct { u32 flags, units; } kinds[] = {
		{ 0, 0 }, { KQUORUM_LOCK_SHARED, 0 }, { 0, 1 }, { 0, 2 }, { KQUORUM_LOCK_TRY, 3 },
	};
	u32 kind = lockstep_below(l, ARRAY_SIZE(kinds));
	struct kq_lock_ask ask = {
		.name = "db", .name_len = 2, .info = "trace", .info_len = kind, .pid = id,
		.comm = "lockstep", .admin = true, .flags = kinds[kind].flags,
		.units = kinds[kind].units,
	};
	struct kq_owner *o = kq_alloc(sizeof(*o));

	if (kq_owner_init(o, &ask) || kq_core_lock(l->core[id], l->now, o)) {
		kq_owner_destroy(o);
		kq_free(o);
		return;
	}
	l->owner[id] = o;
}

static void lockstep_program(struct lockstep *l, u32 id)
{
	struct kq_proposal *p;

	if (lockstep_below(l, 2)) {
		p = kq_alloc(sizeof(*p));
		INIT_LIST_HEAD(&p->node);
		p->entry = lockstep_entry(l);
		if (kq_core_append(l->core[id], l->now, p)) {
			kq_entry_free(p->entry);
			kq_free(p);
		}
	} else if (l->owner[id]) {
		kq_core_unlock(l->core[id], l->now, l->owner[id]);
	} else {
		lockstep_lock(l, id);
	}
}

/* A connection of node @id to @other. */
static void lockstep_up(struct lockstep *l, u32 id, u32 other)
{
	struct kquorum_past past;

	kq_core_past(l->core[other], id, &past);
	kq_core_peer_up(l->core[id], l->now, other, &past);
}

static void lockstep_event(struct lockstep *l)
{
	u32 id = 1 + lockstep_below(l, 3), other = 1 + (id + lockstep_below(l, 2)) % 3;

	l->now += lockstep_below(l, 2000) * 1000;
	switch (lockstep_below(l, 16)) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
		lockstep_deliver(l, id, other);
		id = other;
		break;
	case 7: case 8: case 9:
		if (l->batch[id]) {
			kq_core_disk_done(l->core[id], l->now, l->batch[id], 0);
			l->batch[id] = NULL;
		}
		break;
	case 10: case 11:
		kq_core_tick(l->core[id], l->now += 5 * LOCKSTEP_MS);
		break;
	case 12:
		kq_core_canvass(l->core[id], l->now);
		break;
	case 13:
		if (l->core[id]->canvass == KQUORUM_CANVASS_WON)
			kq_core_campaign(l->core[id], l->now);
		break;
	case 14:
		lockstep_program(l, id);
		break;
	default:
		if (lockstep_below(l, 40))
			break;
		lockstep_lose(l, id, other);
		lockstep_lose(l, other, id);
		kq_core_peer_down(l->core[id], l->now, other);
		kq_core_peer_down(l->core[other], l->now, id);
		lockstep_up(l, id, other);
		lockstep_up(l, other, id);
		lockstep_drain(l, other);
	}
	lockstep_drain(l, id);
}

static int lockstep_start(struct lockstep *l)
{
	struct kq_config cfg = {
		.cluster_id = 77, .founders = 0xe, .segments = 64,
		.set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000,
			 .delta_ms = 50, .drift_ppm = 500 },
		.segment_bytes = LOCKSTEP_SEGMENT,
	};
	void *blank = kq_alloc(LOCKSTEP_SEGMENT);
	struct kq_wal_report *rep = kq_alloc(sizeof(*rep));
	u32 a, b;
	int slot;

	for (a = 1; a <= 3; a++) {
		for (b = 1; b <= 3; b++)
			INIT_LIST_HEAD(&l->wire[a][b]);
		cfg.self = a;
		cfg.salt = a << 1;
		l->core[a] = kq_core_create(&cfg);
		for (slot = 0; slot < (int)cfg.segments; slot++)
			kq_wal_scan_header(l->core[a]->wal, slot, blank);
		while ((slot = kq_wal_next_segment(l->core[a]->wal)) >= 0)
			kq_wal_scan_segment(l->core[a]->wal, slot, blank, LOCKSTEP_SEGMENT,
					    kq_core_recover_entry, l->core[a]);
		if (kq_wal_scan_end(l->core[a]->wal, rep))
			return -EINVAL;
		kq_core_start(l->core[a], l->now, rep);
		lockstep_drain(l, a);
		kq_core_disk_done(l->core[a], l->now, l->batch[a], 0);
		l->batch[a] = NULL;
	}
	for (a = 1; a <= 3; a++)
		for (b = 1; b <= 3; b++)
			if (a != b)
				lockstep_up(l, a, b);
	kq_free(blank);
	kq_free(rep);
	return 0;
}

/**
 * lockstep_run() - one trace
 * @seed: which
 * @applied: gets how far the first node's state came, so that an idle trace is seen
 *
 * Return: the digest of all outputs.
 */
static u32 lockstep_run(u32 seed, u64 *applied)
{
	struct lockstep *l = kq_alloc(sizeof(*l));
	u32 a, b, digest;

	l->now = 1000 * LOCKSTEP_MS;
	l->random = seed;
	if (!lockstep_start(l))
		for (a = 0; a < LOCKSTEP_EVENTS; a++)
			lockstep_event(l);
	*applied = l->core[1]->applied;
	digest = l->digest;
	for (a = 1; a <= 3; a++) {
		kq_core_stop(l->core[a], l->now, true);
		lockstep_drain(l, a);
		for (b = 1; b <= 3; b++)
			lockstep_lose(l, a, b);
		kq_core_destroy(l->core[a]);
		if (l->owner[a]) {
			kq_owner_destroy(l->owner[a]);
			kq_free(l->owner[a]);
		}
	}
	kq_free(l);
	return digest;
}

#endif /* KQ_LOCKSTEP_H */
