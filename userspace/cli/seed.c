// SPDX-License-Identifier: GPL-2.0
/* The snapshot that a history begins with: see seed.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/core/kq_conf.h"
#include "seed.h"

/* Records one behind another, each with its header, and what they add up to. */
struct records {
	uint8_t *data;
	size_t bytes;
	uint64_t count, sum[KQ_SNAP_TYPES];
};

uint64_t seed_index(const struct kq_snap_head *from, const struct seed *want)
{
	uint64_t last = le64_to_cpu(from->index);
	uint64_t index = want->index ? want->index : last + SEED_JUMP;

	return index > last && index <= SEED_INDEX_MAX ? index : 0;
}

/* Where the payload of the next record goes: with its header there is room for it. */
static void *record_at(struct records *r)
{
	return r->data + r->bytes + sizeof(struct kq_snap_record);
}

static void record_end(struct records *r, uint16_t type, uint32_t len)
{
	struct kq_snap_record rec = { .type = cpu_to_le16(type), .len = cpu_to_le16(len) };

	r->sum[type] += kq_snap_hash(record_at(r), len);
	memcpy(r->data + r->bytes, &rec, sizeof(rec));
	r->bytes += sizeof(rec) + len;
	r->count++;
}

/* Returns false: it cannot be. */
static bool put_conf(struct records *r, const struct kq_snap_head *from, const struct seed *want,
		     uint64_t index)
{
	const struct kquorum_conf_member *member[KQ_MAX_NODES + 1] = {};
	struct kquorum_conf_member m = { .priority = KQUORUM_PRIORITY_DEFAULT };
	struct kq_conf conf = {
		.voters = kq_node_bit(want->node), .origin = want->origin,
		.lineage = {
			.cluster = from->cluster, .origin = from->origin, .index = from->index,
			.begins = cpu_to_le64(index), .how = cpu_to_le32(want->how),
		},
		.before = want->before, .now = want->now,
	}, check;
	struct kq_snap_conf *c = record_at(r);
	uint32_t len;

	if (strlen(want->name) >= sizeof(m.name) || strlen(want->address) >= sizeof(m.address))
		return false;
	strcpy(m.name, want->name);
	strcpy(m.address, want->address);
	member[want->node] = &m;
	conf.identity[want->node] = want->origin;
	c->index = cpu_to_le64(index);
	/* No term of the other history is as high: nothing of it is newer than this. */
	c->term = cpu_to_le64(le64_to_cpu(from->saved_term) + 1);
	len = kq_conf_write(&conf, member, NULL, (void *)(c + 1));
	if (kq_conf_read(c + 1, len, &check))
		return false;
	record_end(r, KQ_SNAP_CONF, sizeof(*c) + len);
	return true;
}

static void put_pools(struct records *r, const struct seed *want, uint64_t index)
{
	size_t i;

	for (i = 0; i < want->pools; i++) {
		const struct seed_pool *p = &want->pool[i];
		struct kq_snap_pool *s = record_at(r);

		memset(s, 0, sizeof(*s));
		/* The entry that said it is not in this log; it begins with what it came to. */
		s->index = cpu_to_le64(index);
		s->units = cpu_to_le32(p->units);
		s->max_waiters = cpu_to_le32(p->max_waiters);
		s->ttl_ms = cpu_to_le32(p->ttl_ms);
		s->hold_ms = cpu_to_le32(p->hold_ms);
		s->uid = cpu_to_le32(p->uid);
		s->gid = cpu_to_le32(p->gid);
		s->mode = cpu_to_le16(p->mode);
		s->fenced = cpu_to_le16(p->fenced);
		/* Nobody holds it any more: whatever the other history granted is stale. */
		s->fence = cpu_to_le64(p->fenced ? index << SEED_TOKEN_SHIFT : 0);
		memcpy(s + 1, p->name, p->name_len);
		record_end(r, KQ_SNAP_POOL, sizeof(*s) + p->name_len);
	}
}

/* More than all records take. */
static size_t records_most(const struct seed *want)
{
	size_t bytes = sizeof(struct kq_snap_record) + sizeof(struct kq_snap_conf) + KQ_CONF_MAX, i;

	for (i = 0; i < want->pools; i++)
		bytes += sizeof(struct kq_snap_record) + sizeof(struct kq_snap_pool) +
			want->pool[i].name_len;
	return bytes;
}

static int put_records(struct records *r, const struct kq_snap_head *from, const struct seed *want,
		       uint64_t index)
{
	*r = (struct records){ .data = malloc(records_most(want)) };
	if (!r->data)
		return -ENOMEM;
	if (!put_conf(r, from, want, index)) {
		free(r->data);
		return -EINVAL;
	}
	put_pools(r, want, index);
	return 0;
}

/* --- the snapshot around them --------------------------------------------------------------- */

struct image {
	uint8_t *data;
	size_t bytes;
	uint32_t chain;
	uint64_t frames;
};

static void put_head(struct image *im, const struct kq_snap_head *from, const struct seed *want,
		     const struct records *r, uint64_t index)
{
	__le64 term = cpu_to_le64(le64_to_cpu(from->saved_term) + 1);
	struct kq_snap_head head = {
		.magic = cpu_to_le64(KQ_SNAP_MAGIC), .version = cpu_to_le16(KQ_SNAP_VERSION),
		.head_len = cpu_to_le16(sizeof(head)),
		.cluster = cpu_to_le64(want->cluster), .origin = cpu_to_le64(want->origin),
		.index = cpu_to_le64(index), .term = term, .saved_term = term,
		.pools = cpu_to_le64(want->pools),
	};
	int i;

	for (i = 0; i < KQ_SNAP_TYPES; i++)
		head.sum[i] = cpu_to_le64(r->sum[i]);
	im->chain = kq_crc(0, &head, sizeof(head));
	head.crc = cpu_to_le32(im->chain);
	memcpy(im->data, &head, sizeof(head));
	im->bytes = sizeof(head);
}

static void put_frame(struct image *im, uint32_t kind, const void *body, uint32_t bytes)
{
	struct kq_snap_frame f = {
		.number = cpu_to_le64(im->frames++), .bytes = cpu_to_le32(bytes),
		.kind = cpu_to_le32(kind), .body_crc = cpu_to_le32(kq_crc(0, body, bytes)),
	};

	im->chain = kq_crc(im->chain, &f, offsetof(struct kq_snap_frame, crc));
	f.crc = cpu_to_le32(im->chain);
	memcpy(im->data + im->bytes, &f, sizeof(f));
	memcpy(im->data + im->bytes + sizeof(f), body, bytes);
	im->bytes += sizeof(f) + bytes;
}

/* How many bytes of whole records one frame takes, from @at on. */
static uint32_t frame_bytes(const struct records *r, size_t at)
{
	struct kq_snap_record rec;
	uint32_t bytes = 0, next;

	while (at + bytes < r->bytes) {
		memcpy(&rec, r->data + at + bytes, sizeof(rec));
		next = sizeof(rec) + le16_to_cpu(rec.len);
		if (bytes + next > KQ_SNAP_FRAME_MAX)
			break;
		bytes += next;
	}
	return bytes;
}

static void put_frames(struct image *im, const struct records *r)
{
	struct kq_snap_end end = { .records = cpu_to_le64(r->count) };
	uint32_t bytes;
	size_t at;

	for (at = 0; at < r->bytes; at += bytes) {
		bytes = frame_bytes(r, at);
		put_frame(im, KQ_SNAP_DATA, r->data + at, bytes);
	}
	put_frame(im, KQ_SNAP_END, &end, sizeof(end));
}

/* More than all of it takes: a frame has half of what it may have at the least, but for the last. */
static size_t image_most(const struct records *r)
{
	size_t frames = r->bytes / (KQ_SNAP_FRAME_MAX / 2) + 2;

	return sizeof(struct kq_snap_head) + r->bytes + sizeof(struct kq_snap_end) +
		frames * sizeof(struct kq_snap_frame);
}

int seed_make(const struct kq_snap_head *from, const struct seed *want, void **data,
	      struct kq_snap_ref *ref)
{
	uint64_t index = seed_index(from, want);
	struct image im = { 0 };
	struct records r;
	int ret;

	if (!index)
		return -ERANGE;
	ret = put_records(&r, from, want, index);
	if (ret)
		return ret;
	im.data = malloc(image_most(&r));
	if (im.data) {
		put_head(&im, from, want, &r, index);
		put_frames(&im, &r);
		*ref = (struct kq_snap_ref){
			.index = index, .term = le64_to_cpu(from->saved_term) + 1, .bytes = im.bytes,
			.crc = kq_crc(0, im.data, im.bytes),
		};
		*data = im.data;
	}
	free(r.data);
	return im.data ? 0 : -ENOMEM;
}
