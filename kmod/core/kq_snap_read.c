// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a snapshot: in pieces of any size, in memory that does not grow with it, and trusting
 * nothing. kq_snap_format.h has the format. Part of the module, and of the daemon.
 */
#include "kq_snap_format.h"

/* The fields of every version: magic, version, length and checksum. */
#define HEAD_LEAST	offsetof(struct kq_snap_head, cluster)

static u64 hash_word(u64 h, u64 word)
{
	h = (h ^ word) * 0xbf58476d1ce4e5b9ULL;
	return h ^ h >> 29;
}

static u64 hash_words(u64 h, const u8 *p, u32 len)
{
	__le64 word;

	/* A copy whose length the compiler knows is one instruction. */
	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = hash_word(h, le64_to_cpu(word));
	}
	if (!len)
		return h;
	word = 0;
	memcpy(&word, p, len);
	return hash_word(h, le64_to_cpu(word));
}

/**
 * kq_snap_hash_two() - as kq_snap_hash(), of what is in two places
 * @a: the first part
 * @a_len: bytes, a multiple of 8
 * @b: the second part
 * @b_len: bytes
 *
 * Return: 64 bits that depend on all of it.
 */
u64 kq_snap_hash_two(const void *a, u32 a_len, const void *b, u32 b_len)
{
	u64 h = hash_words(0x9e3779b97f4a7c15ULL ^ (a_len + b_len), a, a_len);

	h = hash_words(h, b, b_len) * 0x94d049bb133111ebULL;
	return h ^ h >> 32;
}

/**
 * kq_snap_hash() - a record's part in the sum over a machine's state
 * @payload: of the record
 * @len: bytes
 *
 * Return: 64 bits that depend on all of it.
 */
u64 kq_snap_hash(const void *payload, u32 len)
{
	return kq_snap_hash_two(NULL, 0, payload, len);
}

/**
 * kq_snap_reader_init() - begin to read a snapshot
 * @r: the reader
 * @cluster: whose it must be, 0: whoever's
 * @origin: of which history, 0: of any
 */
void kq_snap_reader_init(struct kq_snap_reader *r, u64 cluster, u64 origin)
{
	memset(r, 0, offsetof(struct kq_snap_reader, buf));
	r->cluster = cluster;
	r->origin = origin;
	r->need = HEAD_LEAST;
}

static int __printf(3, 4) fail(struct kq_snap_reader *r, int error, const char *fmt, ...)
{
	va_list ap;

	r->error = error;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return error;
}

static int read_start(struct kq_snap_reader *r)
{
	const struct kq_snap_head *h = (const void *)r->buf;
	u32 len = le16_to_cpu(h->head_len);

	if (le64_to_cpu(h->magic) != KQ_SNAP_MAGIC)
		return fail(r, -EINVAL, "no snapshot begins here");
	if (len <= HEAD_LEAST || len > KQ_SNAP_HEAD_MAX)
		return fail(r, -EBADMSG, "damaged: its head cannot have %u bytes", len);
	r->need = len;
	return 0;
}

static int check_head(struct kq_snap_reader *r, const struct kq_snap_head *h)
{
	u32 version = le16_to_cpu(h->version);

	if (version > KQ_SNAP_VERSION)
		return fail(r, -EPROTONOSUPPORT,
			    "of format version %u, this is read up to %u: use a newer kquorum",
			    version, KQ_SNAP_VERSION);
	if (version != KQ_SNAP_VERSION || r->have != sizeof(*h) || h->zero)
		return fail(r, -EBADMSG, "damaged: its head is not of version %u", version);
	if (r->cluster && le64_to_cpu(h->cluster) != r->cluster)
		return fail(r, -EXDEV, "of another cluster (id %016llx)",
			    (unsigned long long)le64_to_cpu(h->cluster));
	if (r->origin && le64_to_cpu(h->origin) != r->origin)
		return fail(r, -EXDEV, "of another history under this cluster's name");
	if (!h->index || !h->term || le64_to_cpu(h->saved_term) < le64_to_cpu(h->term) ||
	    le64_to_cpu(h->index) >= KQ_SNAP_NUMBER_MAX ||
	    le64_to_cpu(h->saved_term) >= KQ_SNAP_NUMBER_MAX)
		return fail(r, -EBADMSG, "damaged: its head has an index or term that cannot be");
	return 0;
}

static int read_head(struct kq_snap_reader *r)
{
	struct kq_snap_head *h = (void *)r->buf;
	u32 crc = le32_to_cpu(h->crc);

	h->crc = 0;
	r->chain = kq_crc(0, r->buf, r->have);
	h->crc = cpu_to_le32(crc);
	if (crc != r->chain)
		return fail(r, -EBADMSG, "damaged: its head fails its checksum");
	if (check_head(r, h))
		return r->error;
	r->head = *h;
	r->has_head = true;
	r->ref.index = le64_to_cpu(h->index);
	r->ref.term = le64_to_cpu(h->term);
	r->have = 0;
	r->need = sizeof(r->frame);
	return 0;
}

static int read_frame_head(struct kq_snap_reader *r)
{
	struct kq_snap_frame *f = &r->frame;
	unsigned long long at = r->ref.bytes - r->have;

	memcpy(f, r->buf, sizeof(*f));
	r->chain = kq_crc(r->chain, f, offsetof(struct kq_snap_frame, crc));
	if (le32_to_cpu(f->crc) != r->chain)
		return fail(r, -EBADMSG,
			    "damaged: the header of frame %llu, at byte %llu, fails its checksum",
			    (unsigned long long)r->frames, at);
	if (le64_to_cpu(f->number) != r->frames || !f->bytes ||
	    le32_to_cpu(f->bytes) > KQ_SNAP_FRAME_MAX ||
	    (le32_to_cpu(f->kind) != KQ_SNAP_DATA && le32_to_cpu(f->kind) != KQ_SNAP_END))
		return fail(r, -EBADMSG, "damaged: frame %llu, at byte %llu, cannot be as it says",
			    (unsigned long long)r->frames, at);
	r->in_frame = true;
	r->have = 0;
	r->need = le32_to_cpu(f->bytes);
	return 0;
}

static int read_end(struct kq_snap_reader *r, const u8 *body)
{
	const struct kq_snap_end *e = (const void *)body;
	u32 i;

	if (r->need != sizeof(*e) || e->zero)
		return fail(r, -EBADMSG, "damaged: its end is not of this version");
	if (le64_to_cpu(e->records) != r->records || le64_to_cpu(r->head.claims) != r->claims ||
	    le64_to_cpu(r->head.pools) != r->pools)
		return fail(r, -EBADMSG, "damaged: it has %llu records, it should be %llu",
			    (unsigned long long)r->records,
			    (unsigned long long)le64_to_cpu(e->records));
	for (i = 0; i < KQ_SNAP_TYPES; i++)
		if (le64_to_cpu(r->head.sum[i]) != r->sum[i])
			return fail(r, -EBADMSG,
				    "damaged: the sum over its %s is not that of the state at index %llu",
				    i == KQ_SNAP_CONF ? "configuration" :
				    i == KQ_SNAP_SESSION ? "sessions" :
				    i == KQ_SNAP_CLAIM ? "claims" : "resources",
				    (unsigned long long)r->ref.index);
	r->ended = true;
	return 0;
}

static int read_records(struct kq_snap_reader *r, const u8 *body, kq_snap_record_fn deliver,
			void *ctx)
{
	struct kq_snap_record rec;
	const char *why = NULL;
	u32 at = 0;

	while (!why && at < r->need) {
		u32 left = r->need - at, type, len;

		if (left < sizeof(rec))
			return fail(r, -EBADMSG, "damaged: frame %llu ends within a record",
				    (unsigned long long)r->frames);
		memcpy(&rec, body + at, sizeof(rec));
		type = le16_to_cpu(rec.type);
		len = le16_to_cpu(rec.len);
		if (type >= KQ_SNAP_TYPES || len > left - sizeof(rec))
			return fail(r, -EBADMSG, "damaged: frame %llu has a record that cannot be",
				    (unsigned long long)r->frames);
		at += sizeof(rec);
		r->records++;
		r->claims += type == KQ_SNAP_CLAIM;
		r->pools += type == KQ_SNAP_POOL;
		r->sum[type] += kq_snap_hash(body + at, len);
		if (deliver)
			why = deliver(ctx, type, body + at, len);
		at += len;
	}
	return why ? fail(r, -EBADMSG, "damaged: %s", why) : 0;
}

/* All @r->need bytes of it are at @body. */
static int read_frame(struct kq_snap_reader *r, const u8 *body, kq_snap_record_fn deliver,
		      void *ctx)
{
	int err;

	if (kq_crc(0, body, r->need) != le32_to_cpu(r->frame.body_crc))
		return fail(r, -EBADMSG, "damaged: frame %llu, at byte %llu, fails its checksum",
			    (unsigned long long)r->frames,
			    (unsigned long long)r->ref.bytes - r->need);
	err = le32_to_cpu(r->frame.kind) == KQ_SNAP_END ? read_end(r, body) :
		read_records(r, body, deliver, ctx);
	r->frames++;
	r->in_frame = false;
	r->have = 0;
	r->need = sizeof(r->frame);
	return err;
}

/* A piece is complete, in the buffer. */
static int read_piece(struct kq_snap_reader *r, kq_snap_record_fn deliver, void *ctx)
{
	if (r->in_frame)
		return read_frame(r, r->buf, deliver, ctx);
	if (r->has_head)
		return read_frame_head(r);
	return r->need == HEAD_LEAST ? read_start(r) : read_head(r);
}

/**
 * kq_snap_read() - take the next bytes of a snapshot
 * @r: the reader
 * @data: bytes
 * @len: how many, as it comes
 * @deliver: gets each record, NULL: it is only checked
 * @ctx: for @deliver
 *
 * Return: 0; -EINVAL, -EBADMSG, -EPROTONOSUPPORT, -EXDEV: as kq_snap_format.h says, with
 * @r->why; the same again from then on.
 */
int kq_snap_read(struct kq_snap_reader *r, const void *data, size_t len, kq_snap_record_fn deliver,
		 void *ctx)
{
	const u8 *p = data;

	while (len && !r->error) {
		u32 n = min_t(size_t, len, r->need - r->have);

		if (r->ended)
			return fail(r, -EBADMSG, "damaged: something follows its end, at byte %llu",
				    (unsigned long long)r->ref.bytes);
		r->ref.bytes += n;
		r->ref.crc = kq_crc(r->ref.crc, p, n);
		/* Most frames come whole: they are read where they are. */
		if (r->in_frame && n == r->need) {
			read_frame(r, p, deliver, ctx);
		} else {
			memcpy(r->buf + r->have, p, n);
			r->have += n;
			if (r->have == r->need)
				read_piece(r, deliver, ctx);
		}
		p += n;
		len -= n;
	}
	return r->error;
}

/**
 * kq_snap_read_end() - nothing more comes: is the snapshot whole?
 * @r: the reader
 *
 * Return: 0: @r->ref and @r->head say which it is; -ENODATA: it was cut off; or as kq_snap_read().
 */
int kq_snap_read_end(struct kq_snap_reader *r)
{
	if (r->error || r->ended)
		return r->error;
	if (!r->ref.bytes)
		return fail(r, -ENODATA, "empty");
	return fail(r, -ENODATA, "cut off after %llu bytes: its end is missing",
		    (unsigned long long)r->ref.bytes);
}

/**
 * kq_snap_say_size() - a file has not the size of a snapshot: was it that one?
 * @ref: the snapshot
 * @begin: what the file begins with
 * @have: bytes there: all of the file, or a head of a snapshot
 * @bytes: the file's size, which is not that of @ref
 * @why: what is wrong with the snapshot's file as far as it is known; set to what this file tells
 * @size: bytes there
 *
 * A file that was cut off is not just missing, and a person wants to know that. Of one that is
 * empty, or too short to tell whose it was, it is assumed while nothing better is known.
 */
void kq_snap_say_size(const struct kq_snap_ref *ref, const void *begin, size_t have, u64 bytes,
		      char *why, size_t size)
{
	struct kq_snap_head head;

	if (have < sizeof(head)) {
		if (why[0])
			return;
	} else {
		memcpy(&head, begin, sizeof(head));
		if (le64_to_cpu(head.index) != ref->index || le64_to_cpu(head.term) != ref->term)
			return;
	}
	if (!bytes)
		snprintf(why, size, "its file is empty");
	else
		snprintf(why, size, "its file has %llu bytes, not %llu",
			 (unsigned long long)bytes, (unsigned long long)ref->bytes);
}
