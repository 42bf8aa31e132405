// SPDX-License-Identifier: GPL-2.0
/* Snapshots to be read. */
#include "snap_state.h"

#include "images.h"

static struct bytes bytes_of(struct kq_core *c)
{
	struct image im;
	struct bytes b;

	image_take(&im, c, 1000);
	b = (struct bytes){ im.data, im.len, im.ref };
	kq_core_destroy(c);
	return b;
}

static void set_conf(struct kq_core *c)
{
	struct kquorum_conf_member m[6] = { 0 };
	const struct kquorum_conf_member *member[KQ_MAX_NODES + 1] = { NULL };
	const char *left[KQ_MAX_NODES + 1] = { [4] = "n4" };
	struct kq_conf conf = { .voters = 0xe, .learners = 0x20, .left = 0x10, .origin = 3,
				.before = lone_config.set, .now = lone_config.set };
	uint8_t payload[KQ_CONF_MAX];
	uint32_t id;

	for (id = 1; id <= 5; id++) {
		snprintf(m[id].name, sizeof(m[id].name), "n%u", id);
		snprintf(m[id].address, sizeof(m[id].address), "10.0.0.%u:7420", id);
		member[id] = &m[id];
		conf.identity[id] = 2 * id + 1;
	}
	conf.identity[4] = 0;
	conf.left_identity[4] = 99;
	m[5].flags = KQUORUM_CONF_PROMOTE;
	lone_apply(c, KQ_ENTRY_CONF, 0, payload, kq_conf_write(&conf, member, left, payload));
}

struct bytes image_of_all(unsigned int more)
{
	struct kq_core *c = lone_create();
	struct kq_session_cmd suspect = { .session = cpu_to_le64(103), .node = cpu_to_le32(3),
					  .left_ns = cpu_to_le64(4 * KQ_NS_PER_SEC) };
	unsigned int i;
	char name[32];

	set_conf(c);
	lone_session(c, KQ_ENTRY_EXPIRE, 1, 101);
	lone_session(c, KQ_ENTRY_OPEN, 1, 111);
	lone_acquire(c, 1, 11, "db");
	lone_acquire(c, 2, 12, "db");
	lone_acquire(c, 1, 13, "db");
	lone_acquire(c, 2, 14, "a\tb");
	for (i = 0; i < more; i++) {
		snprintf(name, sizeof(name), "more/%u", i);
		lone_acquire(c, 1 + i % 2, 100 + i, name);
	}
	lone_apply(c, KQ_ENTRY_SUSPECT, 0, &suspect, sizeof(suspect));
	return bytes_of(c);
}

static void define(struct kq_core *c, uint32_t node, const char *name, uint32_t units,
		   uint32_t max_waiters)
{
	uint8_t buf[sizeof(struct kq_define_cmd) + KQ_RESOURCE_MAX] = { 0 };
	struct kq_define_cmd *d = (void *)buf;

	d->units = cpu_to_le32(units);
	d->max_waiters = cpu_to_le32(max_waiters);
	d->ttl_ms = cpu_to_le32(30000);
	d->hold_ms = cpu_to_le32(3600000);
	d->uid = cpu_to_le32(1000);
	d->gid = cpu_to_le32(44);
	d->mode = cpu_to_le16(0640);
	d->fenced = cpu_to_le16(1);
	d->flags = cpu_to_le16(KQ_DEFINE_FLAGS);
	d->name_len = cpu_to_le16(strlen(name));
	memcpy(d + 1, name, strlen(name));
	assert_int_equal(lone_apply(c, KQ_ENTRY_DEFINE, node, buf, sizeof(*d) + strlen(name)), 0);
}

static void acquire(struct kq_core *c, uint32_t node, uint32_t owner, const char *name, uint32_t units,
		    uint16_t flags, const char *info)
{
	uint8_t buf[sizeof(struct kq_acquire_cmd) + KQ_RESOURCE_MAX + KQ_INFO_MAX] = { 0 };
	struct kq_acquire_cmd *a = (void *)buf;
	size_t name_len = strlen(name), info_len = strlen(info);

	a->owner = cpu_to_le64(owner);
	a->pid = cpu_to_le32(owner);
	a->units = cpu_to_le32(units);
	a->flags = cpu_to_le16(flags | KQ_ACQUIRE_ADMIN);
	a->name_len = cpu_to_le16(name_len);
	a->info_len = cpu_to_le16(info_len);
	memcpy(a->comm, "test", 4);
	memcpy(buf + sizeof(*a), name, name_len);
	memcpy(buf + sizeof(*a) + name_len, info, info_len);
	assert_int_equal(lone_apply(c, KQ_ENTRY_ACQUIRE, node, buf, sizeof(*a) + name_len + info_len), 0);
}

struct bytes image_of_pools(unsigned int more)
{
	struct kq_core *c = lone_create();
	unsigned int i;
	char name[100];

	set_conf(c);
	define(c, 1, "gpu", 4, 9);
	acquire(c, 1, 21, "gpu", 2, 0, "epoch 3");
	acquire(c, 2, 22, "gpu", 1, 0, "");
	acquire(c, 3, 23, "gpu", 4, 0, "");
	acquire(c, 1, 24, "report", 0, KQ_ACQUIRE_SHARED, "");
	acquire(c, 2, 25, "report", 0, KQ_ACQUIRE_SHARED, "");
	for (i = 0; i < more; i++) {
		snprintf(name, sizeof(name), "%099u", i);
		define(c, 2, name, i + 1, 0);
	}
	return bytes_of(c);
}

struct bytes image_of_nothing(void)
{
	struct kq_core *c = kq_core_create(&lone_config);

	assert_non_null(c);
	c->state = KQUORUM_NODE_RUNNING;
	c->hs.term = 1;
	lone_apply(c, KQ_ENTRY_NOOP, 0, NULL, 0);
	return bytes_of(c);
}

int image_restores(const void *data, size_t len, uint64_t cluster)
{
	struct kq_config cfg = lone_config;
	struct kq_restore *rs;
	int ret;

	cfg.cluster_id = cluster;
	rs = kq_restore_create(&cfg, 1);
	assert_non_null(rs);
	ret = kq_restore_feed(rs, data, len);
	if (!ret)
		ret = kq_restore_finish(rs);
	kq_restore_free(rs);
	return ret;
}

size_t record_add(void *records, size_t len, uint16_t type, const void *payload, uint16_t bytes)
{
	struct kq_snap_record rec = { .type = cpu_to_le16(type), .len = cpu_to_le16(bytes) };

	memcpy((char *)records + len, &rec, sizeof(rec));
	memcpy((char *)records + len + sizeof(rec), payload, bytes);
	return len + sizeof(rec) + bytes;
}

void image_seal_head(struct bytes *b)
{
	struct kq_snap_head *h = (void *)b->data;

	h->crc = 0;
	h->crc = cpu_to_le32(kq_crc(0, h, sizeof(*h)));
}

static void put_frame(struct bytes *b, uint32_t kind, const void *body, uint32_t len,
		      uint32_t *chain, uint64_t *number)
{
	struct kq_snap_frame f = {
		.number = cpu_to_le64((*number)++), .bytes = cpu_to_le32(len),
		.kind = cpu_to_le32(kind), .body_crc = cpu_to_le32(kq_crc(0, body, len)),
	};

	*chain = kq_crc(*chain, &f, offsetof(struct kq_snap_frame, crc));
	f.crc = cpu_to_le32(*chain);
	memcpy(b->data + b->len, &f, sizeof(f));
	memcpy(b->data + b->len + sizeof(f), body, len);
	b->len += sizeof(f) + len;
}

/* How many, with what they add up to in the head. */
static uint64_t count_records(struct kq_snap_head *h, const uint8_t *records, size_t len)
{
	uint64_t n = 0, claims = 0, pools = 0, sum[KQ_SNAP_TYPES] = { 0 };
	struct kq_snap_record rec;
	size_t at;
	int i;

	for (at = 0; at < len; at += le16_to_cpu(rec.len), n++) {
		memcpy(&rec, records + at, sizeof(rec));
		at += sizeof(rec);
		sum[le16_to_cpu(rec.type)] += kq_snap_hash(records + at, le16_to_cpu(rec.len));
		claims += le16_to_cpu(rec.type) == KQ_SNAP_CLAIM;
		pools += le16_to_cpu(rec.type) == KQ_SNAP_POOL;
	}
	for (i = 0; i < KQ_SNAP_TYPES; i++)
		h->sum[i] = cpu_to_le64(sum[i]);
	h->claims = cpu_to_le64(claims);
	h->pools = cpu_to_le64(pools);
	return n;
}

struct bytes image_made(const void *records, size_t len)
{
	struct bytes all = image_of_all(0), b = { 0 };
	struct kq_snap_head *h;
	struct kq_snap_end end = { 0 };
	uint64_t number = 0;
	uint32_t chain;

	b.data = malloc(sizeof(*h) + 2 * sizeof(struct kq_snap_frame) + len + sizeof(end));
	assert_non_null(b.data);
	h = memcpy(b.data, all.data, sizeof(*h));
	b.len = sizeof(*h);
	free(all.data);
	end.records = cpu_to_le64(count_records(h, records, len));
	image_seal_head(&b);
	chain = le32_to_cpu(h->crc);
	if (len)
		put_frame(&b, KQ_SNAP_DATA, records, len, &chain, &number);
	put_frame(&b, KQ_SNAP_END, &end, sizeof(end), &chain, &number);
	return b;
}
