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

struct bytes image_of_nothing(void)
{
	struct kq_core *c = kq_core_create(&lone_config);

	assert_non_null(c);
	c->state = KQUORUM_NODE_RUNNING;
	c->hs.term = 1;
	lone_apply(c, KQ_ENTRY_NOOP, 0, NULL, 0);
	return bytes_of(c);
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
	uint64_t n = 0, claims = 0, sum[KQ_SNAP_TYPES] = { 0 };
	struct kq_snap_record rec;
	size_t at;
	int i;

	for (at = 0; at < len; at += le16_to_cpu(rec.len), n++) {
		memcpy(&rec, records + at, sizeof(rec));
		at += sizeof(rec);
		sum[le16_to_cpu(rec.type)] += kq_snap_hash(records + at, le16_to_cpu(rec.len));
		claims += le16_to_cpu(rec.type) == KQ_SNAP_CLAIM;
	}
	for (i = 0; i < KQ_SNAP_TYPES; i++)
		h->sum[i] = cpu_to_le64(sum[i]);
	h->claims = cpu_to_le64(claims);
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
