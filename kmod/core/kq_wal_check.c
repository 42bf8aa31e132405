// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk: what is this sector, this batch header, this batch? Answers
 * about single places; kq_wal_recover.c draws the conclusions. Nothing that is
 * read is trusted: each length, count, index and address is checked before use.
 */
#include "kq_break.h"
#include "kq_wal_priv.h"

/* Sectors */

enum kq_sector {
	KQ_SECTOR_GOOD,
	KQ_SECTOR_STALE,
	KQ_SECTOR_BLANK,
	KQ_SECTOR_BAD,
};

/**
 * kq_sector_blank() - was this sector never written?
 * @s: the sector
 *
 * Return: true: all zero.
 */
bool kq_sector_blank(const struct kq_wal_sector *s)
{
	const u8 *p = (const u8 *)s;

	return !p[0] && !memcmp(p, p + 1, sizeof(*s) - 1);
}

/**
 * kq_sector_whole() - is this sector's checksum right?
 * @s: the sector
 *
 * Return: true: it is as it was written, wherever it belongs.
 */
bool kq_sector_whole(const struct kq_wal_sector *s)
{
	return le32_to_cpu(s->crc) == kq_wal_sector_crc(s);
}

/**
 * kq_sector_stamped() - does this sector belong to this batch at this place?
 * @wal: whose cluster and node count
 * @s: the sector; its own attempt counts
 * @generation: of the segment
 * @seq: of the batch
 * @sector: counted from the start of the segment
 * @begins: the batch begins with it
 *
 * Return: true: it does.
 */
bool kq_sector_stamped(const struct kq_wal *wal, const struct kq_wal_sector *s,
		       u64 generation, u64 seq, u32 sector, bool begins)
{
	return le32_to_cpu(s->stamp) ==
	       kq_wal_stamp(wal, generation, seq, le32_to_cpu(s->attempt), sector, begins);
}

/* The sector at @pos, as part of the batch @h. */
static enum kq_sector kq_sector_check(const struct kq_wal *wal, const void *data, u32 pos,
				      const struct kq_wal_head *h)
{
	const struct kq_wal_sector *s = kq_sector_at(data, pos);

	if (kq_sector_blank(s))
		return KQ_SECTOR_BLANK;
	if (!kq_sector_whole(s))
		return KQ_SECTOR_BAD;
	if (KQ_BREAK(STALE))
		return KQ_SECTOR_GOOD;
	if (le32_to_cpu(s->attempt) != h->attempt ||
	    !kq_sector_stamped(wal, s, h->generation, h->seq, pos / KQ_WAL_SECTOR, false))
		return KQ_SECTOR_STALE;
	return KQ_SECTOR_GOOD;
}

/* Batch headers */

static bool kq_head_sane(const struct kq_wal *wal, const struct kq_wal_head *h)
{
	const u64 max = KQ_WAL_NUMBER_MAX;

	if (!h->generation || h->generation >= max || !h->seq || h->seq >= max ||
	    h->attempt >= KQ_WAL_ATTEMPT_MAX)
		return false;
	if (!h->bytes || h->bytes % KQ_WAL_BLOCK || h->bytes > KQ_WAL_BATCH_MAX ||
	    h->bytes > wal->segment_bytes - h->pos)
		return false;
	if (h->body_bytes > h->bytes / KQ_WAL_SECTOR * KQ_WAL_SECTOR_DATA -
			    sizeof(struct kq_wal_batch_head))
		return false;
	if (!h->body_bytes != !h->first)
		return false;
	if (h->hs.term >= max || h->first >= max || h->end_index >= max ||
	    h->end_term > h->hs.term || !h->end_index != !h->end_term)
		return false;
	if (h->hs.snap.index > h->end_index || h->hs.snap.term > h->hs.term ||
	    !h->hs.snap.index != !h->hs.snap.term)
		return false;
	if (h->restart && (h->first || h->repaired || !h->end_index ||
			   h->end_index != h->hs.snap.index || h->end_term != h->hs.snap.term))
		return false;
	if (!h->first || h->repaired)
		return h->base_term == h->end_term && (!h->repaired || h->first);
	return h->end_index >= h->first && (h->first == 1) == !h->base_term &&
		h->base_term <= h->end_term &&
		h->end_index - h->first < h->body_bytes / sizeof(struct kq_record);
}

static void kq_head_decode(const struct kq_wal_batch_head *d, struct kq_wal_head *h)
{
	u32 i;

	h->bytes = le32_to_cpu(d->bytes);
	h->body_bytes = le32_to_cpu(d->body_bytes);
	h->hs.term = le64_to_cpu(d->term);
	h->hs.vote = le32_to_cpu(d->vote);
	h->hs.incarnation = le64_to_cpu(d->incarnation);
	h->hs.commit = le64_to_cpu(d->commit);
	h->hs.promise_ns = le64_to_cpu(d->promise_ns);
	h->hs.vote_inc = le32_to_cpu(d->vote_inc);
	h->hs.identity = le64_to_cpu(d->identity);
	h->hs.peer[0] = 0;
	h->hs.whose[0] = 0;
	h->hs.met[0] = 0;
	for (i = 0; i < KQ_MAX_NODES; i++) {
		h->hs.peer[i + 1] = le64_to_cpu(d->peer[i]);
		h->hs.whose[i + 1] = le32_to_cpu(d->whose[i]);
		h->hs.met[i + 1] = le32_to_cpu(d->met[i]);
	}
	for (i = 0; i < KQUORUM_STARTS; i++)
		h->hs.starts[i] = le32_to_cpu(d->starts[i]);
	h->hs.snap.index = le64_to_cpu(d->snap_index);
	h->hs.snap.term = le64_to_cpu(d->snap_term);
	h->hs.snap.bytes = le64_to_cpu(d->snap_bytes);
	h->hs.snap.crc = le32_to_cpu(d->snap_crc);
	h->restart = le32_to_cpu(d->flags) & KQ_WAL_RESTART;
	h->repaired = le32_to_cpu(d->flags) & KQ_WAL_REPAIRED;
	h->cut_seq = le32_to_cpu(d->cut_seq);
	h->base_term = le64_to_cpu(d->base_term);
	h->first = le64_to_cpu(d->first_index);
	h->end_index = le64_to_cpu(d->end_index);
	h->end_term = le64_to_cpu(d->end_term);
	h->prev_crc = le32_to_cpu(d->prev_crc);
	h->body_crc = le32_to_cpu(d->body_crc);
	h->crc = kq_crc(0, d, sizeof(*d));
}

/**
 * kq_head_read() - which batch begins here?
 * @wal: the log
 * @slot: segment
 * @data: all of it
 * @pos: bytes from its start, a block's
 * @h: the header: whole for KQ_HEAD_OK, its names for KQ_HEAD_INSANE and _NEWER
 *
 * Return: enum kq_head.
 */
enum kq_head kq_head_read(const struct kq_wal *wal, u32 slot, const void *data, u32 pos,
			  struct kq_wal_head *h)
{
	const struct kq_wal_sector *s = kq_sector_at(data, pos);
	const struct kq_wal_batch_head *d = (const void *)s->data;

	if (kq_sector_blank(s))
		return KQ_HEAD_NONE;
	if (!kq_sector_whole(s))
		return KQ_HEAD_BAD;
	if (le64_to_cpu(d->magic) != KQ_WAL_BATCH_MAGIC)
		return KQ_HEAD_NONE;
	h->slot = slot;
	h->pos = pos;
	h->generation = le64_to_cpu(d->generation);
	h->seq = le64_to_cpu(d->seq);
	h->attempt = le32_to_cpu(s->attempt);
	if (!KQ_BREAK(STALE) &&
	    (le64_to_cpu(d->cluster) != wal->cluster || le32_to_cpu(d->node) != wal->node ||
	     !kq_sector_stamped(wal, s, h->generation, h->seq, pos / KQ_WAL_SECTOR, true)))
		return KQ_HEAD_NONE;
	if (le16_to_cpu(d->version) > KQ_WAL_VERSION)
		return KQ_HEAD_NEWER;
	if (le16_to_cpu(d->version) != KQ_WAL_VERSION ||
	    le16_to_cpu(d->head_len) != sizeof(*d) || le32_to_cpu(d->flags) & ~KQ_WAL_FLAGS)
		return KQ_HEAD_INSANE;
	kq_head_decode(d, h);
	return kq_head_sane(wal, h) ? KQ_HEAD_OK : KQ_HEAD_INSANE;
}

/* One batch */

/* Lay the body out in one piece. */
static void kq_batch_gather(const struct kq_wal_head *h, const void *data, u8 *body)
{
	u32 at = sizeof(struct kq_wal_batch_head);
	u32 left = h->body_bytes;

	while (left) {
		u32 in = at % KQ_WAL_SECTOR_DATA;
		u32 n = min_t(u32, left, KQ_WAL_SECTOR_DATA - in);

		memcpy(body, kq_sector_at(data, h->pos + at / KQ_WAL_SECTOR_DATA *
					  KQ_WAL_SECTOR)->data + in, n);
		body += n;
		at += n;
		left -= n;
	}
}

/* The records of a body whose CRC is right. Returns NULL or what is wrong. */
static const char *kq_batch_check_records(const struct kq_wal *wal, const struct kq_wal_head *h,
					  const u8 *body)
{
	u64 term = h->repaired ? 1 : max_t(u64, h->base_term, 1);
	u64 index = h->first;
	u32 at = 0;

	while (at < h->body_bytes) {
		const struct kq_record *rec = (const void *)(body + at);
		u32 left = h->body_bytes - at;

		if (left < sizeof(*rec))
			return "its records are longer than its body";
		if (kq_entry_check(rec, rec + 1, left - (u32)sizeof(*rec)))
			return "a record fails its check";
		if (kq_record_size(le32_to_cpu(rec->len)) > left)
			return "its records are longer than its body";
		if (le64_to_cpu(rec->index) != index++)
			return "its log indices are not consecutive";
		if (le64_to_cpu(rec->term) < term)
			return "terms fall";
		term = le64_to_cpu(rec->term);
		at += kq_record_size(le32_to_cpu(rec->len));
	}
	if (h->repaired)
		return index - 1 > wal->end_index || term > wal->end_term ?
			"it puts entries back that the log does not have" : NULL;
	if (index - 1 != h->end_index)
		return "its last record is not what its header says";
	return term == h->end_term ? NULL : "its last term is not what its header says";
}

/**
 * kq_batch_check_head() - can the batch with this header follow in the log?
 * @wal: the log up to the batch before
 * @h: the header
 *
 * Return: NULL: yes; else what is wrong, for a person.
 */
const char *kq_batch_check_head(const struct kq_wal *wal, const struct kq_wal_head *h)
{
	if (h->hs.term < wal->term)
		return "its term is below that of the batch before";
	if (h->hs.snap.index < wal->snap_index)
		return "its snapshot is older than that of the batch before";
	if (h->restart)
		return h->hs.snap.index == wal->snap_index ?
		       "it begins the log anew behind a snapshot that was in use" : NULL;
	if (h->first && h->first <= wal->snap_index && !h->repaired)
		return "it cuts off what its snapshot stands for";
	if (!h->first || h->repaired) {
		if (h->end_index != wal->end_index || h->end_term != wal->end_term)
			return "it adds nothing, but has another log end";
		if (!h->first)
			return NULL;
	} else if (h->first > wal->end_index + 1) {
		return "log indices are missing before it";
	} else if (h->first == wal->end_index + 1 && h->base_term != wal->end_term) {
		return "it follows another entry than the log's last";
	}
	return NULL;
}

/**
 * kq_batch_check_body() - may the records of this batch be believed?
 * @wal: the log up to the batch before
 * @h: its header, checked
 * @data: the segment
 * @body: kq_wal_body_max() bytes; gets the body in one piece
 *
 * Return: NULL: yes; else what is wrong, for a person.
 */
const char *kq_batch_check_body(const struct kq_wal *wal, const struct kq_wal_head *h,
				const void *data, u8 *body)
{
	if (!h->first)
		return NULL;
	kq_batch_gather(h, data, body);
	if (kq_crc(0, body, h->body_bytes) != h->body_crc)
		return "its body fails its checksum";
	return kq_batch_check_records(wal, h, body);
}

/**
 * kq_batch_sectors() - are all sectors of this batch there?
 * @wal: the log
 * @h: its header, which is
 * @data: the segment
 * @missing: gets how many are stale or blank
 * @first_bad: gets the offset of the first bad one, if any
 *
 * Return: how many are bad.
 */
u32 kq_batch_sectors(const struct kq_wal *wal, const struct kq_wal_head *h,
		     const void *data, u32 *missing, u32 *first_bad)
{
	u32 bad = 0;
	u32 pos;

	*missing = 0;
	for (pos = h->pos + KQ_WAL_SECTOR; pos < h->pos + h->bytes; pos += KQ_WAL_SECTOR) {
		switch (kq_sector_check(wal, data, pos, h)) {
		case KQ_SECTOR_GOOD:
			break;
		case KQ_SECTOR_STALE:
		case KQ_SECTOR_BLANK:
			(*missing)++;
			break;
		case KQ_SECTOR_BAD:
			if (!bad++)
				*first_bad = pos;
			break;
		}
	}
	return bad;
}
