// SPDX-License-Identifier: GPL-2.0
/*
 * A core alone, and snapshots of it in memory.
 */
#include "snap_state.h"

const struct kq_config lone_config = {
	.cluster_id = 77, .self = 1, .founders = 0xe, .segments = 4, .salt = 3,
	.set = { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000, .delta_ms = 50,
		 .drift_ppm = 500 },
	.segment_bytes = 65536,
};

static uint64_t next_seq[KQ_MAX_NODES + 1];

int32_t lone_apply(struct kq_core *c, uint16_t type, uint32_t node, const void *payload,
		   uint32_t len)
{
	struct kq_entry *e = kq_entry_alloc(type, payload, len);
	uint64_t session = node ? c->session[node].id : 0;

	assert_non_null(e);
	e->rec.index = cpu_to_le64(c->log.last + 1);
	e->rec.term = cpu_to_le64(c->hs.term);
	e->rec.node = cpu_to_le32(node);
	if (type != KQ_ENTRY_OPEN && session) {
		e->rec.session = cpu_to_le64(session);
		e->rec.seq = cpu_to_le64(++next_seq[node]);
		e->rec.settled = e->rec.seq;
	} else if (type == KQ_ENTRY_OPEN) {
		e->rec.session = ((const struct kq_session_cmd *)payload)->session;
		next_seq[node] = 0;
	}
	e->rec.crc = cpu_to_le32(kq_entry_crc(&e->rec, e->data));
	assert_int_equal(kq_machines_prepare(e), 0);
	assert_int_equal(kq_log_append(&c->log, e), 0);
	kq_member_logged(c, e);
	c->commit = c->log.last;
	kq_machines_apply(c);
	assert_int_equal(c->applied, c->log.last);
	return e->result;
}

int32_t lone_acquire(struct kq_core *c, uint32_t node, uint64_t owner, const char *name)
{
	uint8_t buf[sizeof(struct kq_acquire_cmd) + KQ_RESOURCE_MAX] = { 0 };
	struct kq_acquire_cmd *a = (void *)buf;

	a->owner = cpu_to_le64(owner);
	a->pid = cpu_to_le32(owner % 30000);
	a->flags = cpu_to_le16(KQ_ACQUIRE_ADMIN);
	a->name_len = cpu_to_le16(strlen(name));
	memcpy(a->comm, "test", 4);
	memcpy(a + 1, name, strlen(name));
	return lone_apply(c, KQ_ENTRY_ACQUIRE, node, buf, sizeof(*a) + strlen(name));
}

int32_t lone_release(struct kq_core *c, uint32_t node, uint64_t owner, const char *name)
{
	uint8_t buf[sizeof(struct kq_release_cmd) + KQ_RESOURCE_MAX] = { 0 };
	struct kq_release_cmd *r = (void *)buf;

	r->owner = cpu_to_le64(owner);
	r->name_len = cpu_to_le16(strlen(name));
	memcpy(r + 1, name, strlen(name));
	return lone_apply(c, KQ_ENTRY_RELEASE, node, buf, sizeof(*r) + strlen(name));
}

void lone_session(struct kq_core *c, uint16_t type, uint32_t node, uint64_t session)
{
	struct kq_session_cmd cmd = { .session = cpu_to_le64(session),
				      .node = cpu_to_le32(node) };

	lone_apply(c, type, type == KQ_ENTRY_OPEN || type == KQ_ENTRY_CLOSE ? node : 0, &cmd,
		   sizeof(cmd));
}

struct kq_core *lone_create(void)
{
	struct kq_conf conf = { .voters = 0xe, .origin = 3, .before = lone_config.set,
				.now = lone_config.set };
	static const struct kquorum_conf_member *const nameless[KQ_MAX_NODES + 1];
	static uint8_t payload[KQ_CONF_MAX];
	struct kq_core *c;
	uint32_t id;

	kq_alloc_live = 0;	/* what a test that failed left behind is not this one's */
	c = kq_core_create(&lone_config);
	assert_non_null(c);
	c->state = KQUORUM_NODE_RUNNING;
	c->hs.term = 5;
	for (id = 1; id <= 3; id++)
		conf.identity[id] = 2 * id + 1;
	lone_apply(c, KQ_ENTRY_CONF, 0, payload, kq_conf_write(&conf, nameless, NULL, payload));
	for (id = 1; id <= 3; id++)
		lone_session(c, KQ_ENTRY_OPEN, id, 100 + id);
	return c;
}

int image_rest(struct image *im, struct kq_core *c, struct kq_save *save, uint32_t piece)
{
	int n;

	do {
		if (im->len + piece > im->room) {
			im->room = 2 * im->room + piece;
			im->data = realloc(im->data, im->room);
			assert_non_null(im->data);
		}
		n = kq_core_save_next(c, save, im->data + im->len, piece);
		if (n > 0)
			im->len += n;
	} while (n > 0 || n == -EAGAIN);
	kq_core_save_ref(save, &im->ref);
	kq_core_save_end(c, save);
	return n;
}

void image_take(struct image *im, struct kq_core *c, uint32_t piece)
{
	struct kq_save *save;
	int err;

	memset(im, 0, sizeof(*im));
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	assert_int_equal(image_rest(im, c, save, piece), 0);
}

void image_free(struct image *im)
{
	free(im->data);
	memset(im, 0, sizeof(*im));
}

struct kq_core *image_small(struct image *im)
{
	struct kq_core *c = lone_create();

	lone_acquire(c, 1, 1, "a");
	lone_acquire(c, 2, 1, "a");
	lone_acquire(c, 3, 7, "disk/b");
	image_take(im, c, 1000);
	return c;
}

struct kq_restore *image_restore(const struct image *im, const struct kq_config *cfg,
				 uint32_t piece, int *err, char why[160])
{
	struct kq_restore *rs = kq_restore_create(cfg, 1);
	uint32_t at, n;

	*err = rs ? 0 : -ENOMEM;
	for (at = 0; !*err && at < im->len; at += n) {
		/* A copy of its own size, so that ASan sees what is read beyond it. */
		uint8_t *copy;

		n = min(piece, im->len - at);
		copy = malloc(n);
		memcpy(copy, im->data + at, n);
		*err = kq_restore_feed(rs, copy, n);
		free(copy);
	}
	if (!*err)
		*err = kq_restore_finish(rs);
	if (!*err)
		return rs;
	if (rs && why)
		snprintf(why, 160, "%s", kq_restore_why(rs));
	kq_restore_free(rs);
	return NULL;
}

struct kq_core *twin_of(const struct image *im, uint32_t piece)
{
	struct kq_core *c = kq_core_create(&lone_config);
	struct kq_wal_report report = { .hs.snap = im->ref };
	struct kq_restore *rs;
	char why[160] = "";
	int err;

	rs = image_restore(im, &lone_config, piece, &err, why);
	if (!rs)
		fail_msg("not restored: %d, %s", err, why);
	assert_true(kq_snap_same(kq_restore_ref(rs), &im->ref));
	kq_log_reset(&c->log, im->ref.index, im->ref.term);
	assert_int_equal(kq_core_restore(c, rs, &report), 0);
	kq_restore_free(rs);
	assert_int_equal(c->applied, im->ref.index);
	assert_int_equal(c->commit, im->ref.index);
	return c;
}

static void assert_same_claim(const struct kq_claim *a, const struct kq_claim *b)
{
	assert_int_equal(a->holder_node, b->holder_node);
	assert_int_equal(a->session, b->session);
	assert_int_equal(a->owner, b->owner);
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->token, b->token);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->units, b->units);
	assert_int_equal(a->ttl_ms, b->ttl_ms);
	assert_int_equal(a->hold_ms, b->hold_ms);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->evicted, b->evicted);
	assert_int_equal(a->drain_ms, b->drain_ms);
	assert_int_equal(a->info_len, b->info_len);
	assert_int_equal(a->numbers, b->numbers);
	assert_memory_equal(a->bytes, b->bytes, a->info_len + a->numbers);
	assert_memory_equal(a->comm, b->comm, sizeof(a->comm));
}

static void assert_same_claims(const struct list_head *a, const struct list_head *b)
{
	const struct list_head *d = b->next;
	const struct kq_claim *c;

	list_for_each_entry(c, a, node) {
		assert_ptr_not_equal(d, b);
		assert_same_claim(c, list_entry(d, struct kq_claim, node));
		d = d->next;
	}
	assert_ptr_equal(d, b);
}

static void assert_same_pool(const struct kq_pool *a, const struct kq_pool *b)
{
	assert_int_equal(!a, !b);
	if (!a)
		return;
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->fence, b->fence);
	assert_memory_equal(&a->is, &b->is, sizeof(a->is));
}

void assert_same_state(const struct kq_core *a, const struct kq_core *b)
{
	struct rb_node *n = rb_first(&a->res->by_name), *m = rb_first(&b->res->by_name);
	uint64_t sum_a[KQ_SNAP_TYPES], sum_b[KQ_SNAP_TYPES];

	for (; n && m; n = rb_next(n), m = rb_next(m)) {
		const struct kq_resource *r = rb_entry(n, struct kq_resource, node);
		const struct kq_resource *q = rb_entry(m, struct kq_resource, node);

		assert_string_equal(r->name, q->name);
		assert_int_equal(r->token, q->token);
		assert_int_equal(r->claims, q->claims);
		assert_int_equal(r->in_use, q->in_use);
		assert_int_equal(r->sharing, q->sharing);
		assert_int_equal(r->waiting, q->waiting);
		assert_memory_equal(r->numbers, q->numbers, sizeof(r->numbers));
		assert_same_pool(r->pool, q->pool);
		assert_same_claims(&r->holders, &q->holders);
		assert_same_claims(&r->queue, &q->queue);
	}
	assert_null(n);
	assert_null(m);
	assert_int_equal(a->res->claims, b->res->claims);
	assert_int_equal(a->res->pools, b->res->pools);
	assert_memory_equal(a->session, b->session, sizeof(a->session));
	kq_core_state_sum(a, sum_a);
	kq_core_state_sum(b, sum_b);
	assert_memory_equal(sum_a, sum_b, sizeof(sum_a));
}

void follow(struct kq_core *twin, const struct kq_core *from, uint64_t index)
{
	for (; index <= from->log.last; index++) {
		const struct kq_entry *e = kq_log_get(&from->log, index);
		struct kq_entry *f = kq_entry_from_record(&e->rec, e->data);

		assert_int_equal(kq_machines_prepare(f), 0);
		assert_int_equal(kq_log_append(&twin->log, f), 0);
		twin->commit = index;
		kq_machines_apply(twin);
		assert_int_equal(f->result, e->result);
	}
}
