// SPDX-License-Identifier: GPL-2.0
/*
 * Writes snapshots as kq_snap_format.h says.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../kmod/core/kq_snap_format.h"
#include "fake_module.h"
#include "snapstream.h"

#define PAYLOAD		148
#define PER_FRAME	100

struct stream {
	char *bytes;
	size_t len;
	uint64_t frames;
	uint32_t chain;
};

static void put(struct stream *s, const void *data, size_t len)
{
	memcpy(s->bytes + s->len, data, len);
	s->len += len;
}

static void put_frame(struct stream *s, const void *body, size_t len, uint32_t kind)
{
	struct kq_snap_frame f = {
		.number = cpu_to_le64(s->frames++),
		.bytes = cpu_to_le32(len),
		.kind = cpu_to_le32(kind),
		.body_crc = cpu_to_le32(kq_crc(0, body, len)),
	};

	s->chain = kq_crc(s->chain, &f, offsetof(struct kq_snap_frame, crc));
	f.crc = cpu_to_le32(s->chain);
	put(s, &f, sizeof(f));
	put(s, body, len);
}

static void claim(char *payload, uint64_t index, unsigned int i)
{
	memset(payload, 'a' + i % 26, PAYLOAD);
	memcpy(payload, &i, sizeof(i));
	memcpy(payload + 8, &index, sizeof(index));
}

static void put_head(struct stream *s, uint64_t index, uint64_t term, unsigned int claims)
{
	struct kq_snap_head h = {
		.magic = cpu_to_le64(KQ_SNAP_MAGIC),
		.version = cpu_to_le16(KQ_SNAP_VERSION),
		.head_len = cpu_to_le16(sizeof(h)),
		.cluster = cpu_to_le64(FAKE_CLUSTER),
		.origin = cpu_to_le64(FAKE_ORIGIN),
		.index = cpu_to_le64(index),
		.term = cpu_to_le64(term),
		.saved_term = cpu_to_le64(term),
		.claims = cpu_to_le64(claims),
	};
	char payload[PAYLOAD];
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < claims; i++) {
		claim(payload, index, i);
		sum += kq_snap_hash(payload, PAYLOAD);
	}
	h.sum[KQ_SNAP_CLAIM] = cpu_to_le64(sum);
	s->chain = kq_crc(0, &h, sizeof(h));
	h.crc = cpu_to_le32(s->chain);
	put(s, &h, sizeof(h));
}

static void put_claims(struct stream *s, uint64_t index, unsigned int first, unsigned int n)
{
	struct kq_snap_record rec = {
		.type = cpu_to_le16(KQ_SNAP_CLAIM),
		.len = cpu_to_le16(PAYLOAD),
	};
	char body[PER_FRAME * (sizeof(rec) + PAYLOAD)];
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		memcpy(body + at, &rec, sizeof(rec));
		claim(body + at + sizeof(rec), index, first + i);
		at += sizeof(rec) + PAYLOAD;
	}
	put_frame(s, body, at, KQ_SNAP_DATA);
}

char *snapstream(uint64_t index, uint64_t term, unsigned int claims, struct kqd_ref *ref)
{
	struct kq_snap_end end = { .records = cpu_to_le64(claims) };
	struct stream s = { .bytes = malloc(claims * 200UL + 4096) };
	unsigned int i;

	put_head(&s, index, term, claims);
	for (i = 0; i < claims; i += PER_FRAME)
		put_claims(&s, index, i, claims - i < PER_FRAME ? claims - i : PER_FRAME);
	put_frame(&s, &end, sizeof(end), KQ_SNAP_END);
	*ref = (struct kqd_ref){ index, term, s.len, kq_crc(0, s.bytes, s.len) };
	return s.bytes;
}

void snapstream_file(const char *path, uint64_t index, uint64_t term, unsigned int claims,
		     struct kqd_ref *ref)
{
	char *bytes = snapstream(index, term, claims, ref);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes, ref->bytes) != (ssize_t)ref->bytes)
		abort();
	close(fd);
	free(bytes);
}
