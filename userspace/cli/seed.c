// SPDX-License-Identifier: GPL-2.0
/* The snapshot that a history begins with: see seed.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/core/kq_conf.h"
#include "seed.h"

/* A snapshot with one frame of records; the last one follows where the payload ends. */
struct image {
	struct kq_snap_head head;
	struct kq_snap_frame data;
	struct kq_snap_record record;
	struct kq_snap_conf conf;
	uint8_t payload[KQ_CONF_MAX + sizeof(struct kq_snap_frame) + sizeof(struct kq_snap_end)];
};

uint64_t seed_index(const struct kq_snap_head *from, const struct seed *want)
{
	uint64_t last = le64_to_cpu(from->index);
	uint64_t index = want->index ? want->index : last + SEED_JUMP;

	return index > last && index <= SEED_INDEX_MAX ? index : 0;
}

/* Returns the length of the payload, or 0: it cannot be. */
static uint32_t put_conf(struct image *im, const struct kq_snap_head *from, const struct seed *want,
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
	uint32_t len;

	if (strlen(want->name) >= sizeof(m.name) || strlen(want->address) >= sizeof(m.address))
		return 0;
	strcpy(m.name, want->name);
	strcpy(m.address, want->address);
	member[want->node] = &m;
	conf.identity[want->node] = want->origin;
	len = kq_conf_write(&conf, member, NULL, im->payload);
	return kq_conf_read(im->payload, len, &check) ? 0 : len;
}

static uint32_t put_frame(struct kq_snap_frame *f, uint64_t number, uint32_t kind, const void *body,
			  uint32_t bytes, uint32_t chain)
{
	*f = (struct kq_snap_frame){
		.number = cpu_to_le64(number), .bytes = cpu_to_le32(bytes),
		.kind = cpu_to_le32(kind), .body_crc = cpu_to_le32(kq_crc(0, body, bytes)),
	};
	chain = kq_crc(chain, f, offsetof(struct kq_snap_frame, crc));
	f->crc = cpu_to_le32(chain);
	return chain;
}

static uint32_t put_head(struct kq_snap_head *head, const struct seed *want, uint64_t index,
			 __le64 term, uint64_t sum)
{
	*head = (struct kq_snap_head){
		.magic = cpu_to_le64(KQ_SNAP_MAGIC), .version = cpu_to_le16(KQ_SNAP_VERSION),
		.head_len = cpu_to_le16(sizeof(*head)),
		.cluster = cpu_to_le64(want->cluster), .origin = cpu_to_le64(want->origin),
		.index = cpu_to_le64(index), .term = term, .saved_term = term,
		.sum[KQ_SNAP_CONF] = cpu_to_le64(sum),
	};
	head->crc = cpu_to_le32(kq_crc(0, head, sizeof(*head)));
	return le32_to_cpu(head->crc);
}

int seed_make(const struct kq_snap_head *from, const struct seed *want, void **data,
	      struct kq_snap_ref *ref)
{
	uint64_t index = seed_index(from, want);
	struct kq_snap_end end = { .records = cpu_to_le64(1) };
	struct kq_snap_frame last;
	uint32_t chain, payload, len;
	struct image *im;

	if (!index)
		return -ERANGE;
	im = calloc(1, sizeof(*im));
	if (!im)
		return -ENOMEM;
	payload = put_conf(im, from, want, index);
	if (!payload) {
		free(im);
		return -EINVAL;
	}
	im->conf.index = cpu_to_le64(index);
	/* No term of the other history is as high: nothing of it is newer than this. */
	im->conf.term = cpu_to_le64(le64_to_cpu(from->saved_term) + 1);
	len = payload + sizeof(im->conf);
	chain = put_head(&im->head, want, index, im->conf.term, kq_snap_hash(&im->conf, len));
	im->record.type = cpu_to_le16(KQ_SNAP_CONF);
	im->record.len = cpu_to_le16(len);
	len += sizeof(im->record);
	chain = put_frame(&im->data, 0, KQ_SNAP_DATA, &im->record, len, chain);
	put_frame(&last, 1, KQ_SNAP_END, &end, sizeof(end), chain);
	memcpy(im->payload + payload, &last, sizeof(last));
	memcpy(im->payload + payload + sizeof(last), &end, sizeof(end));
	*ref = (struct kq_snap_ref){
		.index = index, .term = le64_to_cpu(im->head.term),
		.bytes = sizeof(im->head) + sizeof(im->data) + len + sizeof(last) + sizeof(end),
	};
	ref->crc = kq_crc(0, im, ref->bytes);
	*data = im;
	return 0;
}
