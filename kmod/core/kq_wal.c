// SPDX-License-Identifier: GPL-2.0
/*
 * The log on disk, writing half: where the next batch goes, and what the bytes are.
 * kq_wal_format.h has the format, kq_wal_room.c says how much room is left.
 */
#include "kq_wal_priv.h"

/* Stamps and CRCs, shared with recovery */

/**
 * kq_wal_stamp() - what a sector is bound to
 * @wal: whose cluster and node count
 * @generation: of the segment
 * @seq: of the batch
 * @attempt: of the write
 * @sector: counted from the start of the segment
 * @begins: a batch begins with it
 *
 * Return: the stamp.
 */
u32 kq_wal_stamp(const struct kq_wal *wal, u64 generation, u64 seq, u32 attempt, u32 sector,
		 bool begins)
{
	struct kq_wal_stamp s = {
		.cluster = cpu_to_le64(wal->cluster),
		.generation = cpu_to_le64(generation),
		.seq = cpu_to_le64(seq),
		.node = cpu_to_le32(wal->node),
		.attempt = cpu_to_le32(attempt),
		.sector = cpu_to_le32(sector),
		.begins = cpu_to_le32(begins),
	};

	return kq_crc(0, &s, sizeof(s));
}

/**
 * kq_wal_sector_crc() - checksum of a sector
 * @s: the sector; its crc field does not count
 *
 * Return: CRC32C.
 */
u32 kq_wal_sector_crc(const struct kq_wal_sector *s)
{
	return kq_crc(0, s, offsetof(struct kq_wal_sector, crc));
}

/* Life */

/**
 * kq_wal_create() - a log that nothing is known of yet
 * @cluster: identity of the cluster; new for each life of a cluster
 * @node: this node, not 0
 * @segment_bytes: size of each file: whole blocks, 64 KiB to 1 GiB
 * @segments: how many files
 *
 * Recovery comes first, also on files that were never written.
 * Return: the log, for kq_wal_destroy(); NULL: no memory, or a size out of range.
 */
struct kq_wal *kq_wal_create(u64 cluster, u32 node, u32 segment_bytes, u32 segments)
{
	struct kq_wal *wal;

	if (!node || !segments || segments > KQ_WAL_MAX_SEGMENTS ||
	    segment_bytes % KQ_WAL_BLOCK || segment_bytes < KQ_WAL_SEGMENT_MIN ||
	    segment_bytes > KQ_WAL_SEGMENT_MAX)
		return NULL;
	wal = kq_alloc(sizeof(*wal) + segments * sizeof(wal->slots[0]));
	if (!wal)
		return NULL;
	wal->cluster = cluster;
	wal->node = node;
	wal->segment_bytes = segment_bytes;
	wal->segments = segments;
	wal->slot = KQ_WAL_NO_SLOT;
	wal->scan.asked = KQ_WAL_NO_SLOT;
	wal->scan.first = KQ_WAL_NO_SLOT;
	return wal;
}

/**
 * kq_wal_destroy() - forget the log; the files are not touched
 * @wal: may be NULL
 */
void kq_wal_destroy(struct kq_wal *wal)
{
	if (!wal)
		return;
	kq_free(wal->scan.buf);
	kq_free(wal);
}

/**
 * kq_batch_free() - give a batch back
 * @batch: may be NULL; must not be under way to the disk
 */
void kq_batch_free(struct kq_batch *batch)
{
	if (!batch)
		return;
	kq_free(batch->data);
	kq_free(batch);
}

/* Hard state */

/**
 * kq_hard_state_crc() - one number for what a node knows of its starts and of whom it met
 * @hs: hard state
 *
 * A trace has it, so that what was read is seen to be what was written.
 *
 * Return: CRC32C.
 */
u32 kq_hard_state_crc(const struct kq_hard_state *hs)
{
	u32 crc = kq_crc(0, &hs->identity, sizeof(hs->identity));

	crc = kq_crc(crc, &hs->vote_inc, sizeof(hs->vote_inc));
	crc = kq_crc(crc, hs->peer, sizeof(hs->peer));
	crc = kq_crc(crc, hs->whose, sizeof(hs->whose));
	crc = kq_crc(crc, hs->met, sizeof(hs->met));
	crc = kq_crc(crc, &hs->snap.index, sizeof(hs->snap.index));
	crc = kq_crc(crc, &hs->snap.crc, sizeof(hs->snap.crc));
	return kq_crc(crc, hs->starts, sizeof(hs->starts));
}

/* Laying out a batch */

/* A stream of bytes laid over the data of sectors. */
struct kq_wal_stream {
	u8 *base;
	u32 at;
};

static void kq_wal_put(struct kq_wal_stream *s, const void *from, u32 len)
{
	const u8 *p = from;

	while (len) {
		u32 in = s->at % KQ_WAL_SECTOR_DATA;
		u32 n = min_t(u32, len, KQ_WAL_SECTOR_DATA - in);

		memcpy(s->base + s->at / KQ_WAL_SECTOR_DATA * KQ_WAL_SECTOR + in, p, n);
		s->at += n;
		p += n;
		len -= n;
	}
}

/* The body, behind the room for the header. Returns its CRC. */
static u32 kq_wal_put_body(u8 *base, struct kq_entry *const *entries, u32 count)
{
	static const u8 zeros[8];
	struct kq_wal_stream s = { base, sizeof(struct kq_wal_batch_head) };
	u32 crc = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		const struct kq_entry *e = entries[i];
		u32 len = kq_entry_len(e);
		u32 pad = kq_record_size(len) - (u32)sizeof(e->rec) - len;

		kq_wal_put(&s, &e->rec, sizeof(e->rec));
		kq_wal_put(&s, e->data, len);
		kq_wal_put(&s, zeros, pad);
		crc = kq_crc(crc, &e->rec, sizeof(e->rec));
		crc = kq_crc(crc, e->data, len);
		crc = kq_crc(crc, zeros, pad);
	}
	return crc;
}

/* What goes to @sector and behind it; a batch begins @lead bytes from there. */
static void kq_wal_seal(const struct kq_wal *wal, u8 *data, u32 len, u64 generation, u64 seq,
			u32 sector, u32 lead)
{
	u32 i;

	for (i = 0; i < len / KQ_WAL_SECTOR; i++) {
		struct kq_wal_sector *s = (void *)(data + i * KQ_WAL_SECTOR);

		s->attempt = cpu_to_le32(wal->attempt);
		s->stamp = cpu_to_le32(kq_wal_stamp(wal, generation, seq, wal->attempt,
						    sector + i, i * KQ_WAL_SECTOR == lead));
		s->crc = cpu_to_le32(kq_wal_sector_crc(s));
	}
}

static void kq_wal_put_segment_head(const struct kq_wal *wal, u8 *base, u32 slot, u64 generation)
{
	struct kq_wal_segment_head *h = (void *)base;

	h->magic = cpu_to_le64(KQ_WAL_SEGMENT_MAGIC);
	h->version = cpu_to_le16(KQ_WAL_VERSION);
	h->head_len = cpu_to_le16(sizeof(*h));
	h->node = cpu_to_le32(wal->node);
	h->cluster = cpu_to_le64(wal->cluster);
	h->generation = cpu_to_le64(generation);
	h->segment_bytes = cpu_to_le32(wal->segment_bytes);
	h->slot = cpu_to_le32(slot);
	h->base_seq = cpu_to_le64(wal->seq + 1);
	h->base_index = cpu_to_le64(wal->end_index);
	h->base_term = cpu_to_le64(wal->end_term);
	h->prev_crc = cpu_to_le32(wal->prev_crc);
}

/* Encoding */

/* Where a batch goes and what it takes along. */
struct kq_wal_place {
	u32 slot;
	u32 pos;		/* of the batch */
	u32 lead;		/* bytes before it in the same write */
	u32 bytes;		/* of the batch */
	u32 body;
	u32 take;		/* entries */
	u64 generation;
	u64 first;		/* index of the first of them, 0: none */
	u64 base_term;		/* term of the entry before it */
};

/* How many entries a batch of @limit bytes takes. Returns false: not even the first. */
static bool kq_wal_fit(struct kq_entry *const *entries, u32 count, u64 limit,
		       struct kq_wal_place *at)
{
	u32 body = 0;
	u32 n;

	for (n = 0; n < count; n++) {
		u32 more = kq_record_size(kq_entry_len(entries[n]));

		if (kq_wal_disk_bytes(sizeof(struct kq_wal_batch_head) + body + more) > limit)
			break;
		body += more;
	}
	at->take = n;
	at->body = body;
	at->bytes = kq_wal_disk_bytes(sizeof(struct kq_wal_batch_head) + body);
	return at->bytes <= limit && (n || !count);
}

static int kq_wal_find_place(const struct kq_wal *wal, struct kq_entry *const *entries, u32 count,
			     enum kq_wal_room room, struct kq_wal_place *at)
{
	u64 reserve = kq_wal_reserve(wal, room);
	u64 left = kq_wal_left(wal);
	u64 limit;

	if (left <= reserve)
		return -ENOSPC;
	limit = min_t(u64, left - reserve, min_t(u32, kq_wal_tail(wal), KQ_WAL_BATCH_MAX));
	if (limit && kq_wal_fit(entries, count, limit, at)) {
		at->slot = wal->slot;
		at->pos = wal->pos;
		at->lead = 0;
		at->generation = wal->generation;
		return 0;
	}

	left = (u64)wal->spares * kq_wal_per_segment(wal);	/* the tail is given up */
	if (left <= reserve)
		return -ENOSPC;
	limit = min_t(u64, left - reserve, min_t(u32, kq_wal_per_segment(wal), KQ_WAL_BATCH_MAX));
	if (!kq_wal_fit(entries, count, limit, at))
		return -ENOSPC;
	at->slot = kq_wal_spare(wal);
	at->pos = KQ_WAL_FIRST;
	at->lead = KQ_WAL_FIRST;
	at->generation = wal->generation_max + 1;
	return 0;
}

/* They are consecutive, from @first on, and their terms rise from @term to the node's. */
static int kq_wal_check_entries(struct kq_entry *const *entries, u32 count, u64 first, u64 term,
				u64 last_term)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (!kq_entry_index(entries[i]) || kq_entry_len(entries[i]) > KQ_PAYLOAD_MAX)
			return -EINVAL;
		if (kq_entry_index(entries[i]) != first + i)
			return -EINVAL;
		if (kq_entry_term(entries[i]) < term || kq_entry_term(entries[i]) > last_term)
			return -EINVAL;
		term = kq_entry_term(entries[i]);
	}
	return 0;
}

/* What recovery would refuse must not be written. */
static int kq_wal_check_args(const struct kq_wal *wal, const struct kq_hard_state *hs,
			     struct kq_entry *const *entries, u32 count, u64 base_term)
{
	u64 first;

	if (hs->term < wal->term || hs->term >= KQ_WAL_NUMBER_MAX)
		return -EINVAL;
	if (hs->snap.index < wal->snap_index || hs->snap.index > wal->end_index ||
	    !hs->snap.index != !hs->snap.term || hs->snap.term > hs->term)
		return -EINVAL;
	if (!count)
		return 0;
	first = kq_entry_index(entries[0]);
	if (first > wal->end_index + 1 || first <= hs->snap.index)
		return -EINVAL;
	if (!base_term != !(first - 1))
		return -EINVAL;
	if (first == wal->end_index + 1 && base_term != wal->end_term)
		return -EINVAL;
	return kq_wal_check_entries(entries, count, first, max_t(u64, base_term, 1), hs->term);
}

static int kq_wal_may_write(const struct kq_wal *wal, bool entries)
{
	if (wal->mode == KQ_WAL_RECOVERING)
		return -EINVAL;
	if (wal->mode == KQ_WAL_DEAD || (entries && wal->mode != KQ_WAL_WRITABLE))
		return -EUCLEAN;
	if (wal->attempt >= KQ_WAL_ATTEMPT_MAX || wal->seq + 1 >= KQ_WAL_NUMBER_MAX ||
	    wal->generation_max + 1 >= KQ_WAL_NUMBER_MAX)
		return -EUCLEAN;
	return 0;
}

static struct kq_batch *kq_batch_alloc(u32 len)
{
	struct kq_batch *b = kq_alloc(sizeof(*b));

	if (!b)
		return NULL;
	b->data = kq_alloc(len);
	if (!b->data) {
		kq_free(b);
		return NULL;
	}
	b->len = len;
	return b;
}

/* The batch in its place; all that is left to do is to note that it was made. */
static void kq_wal_lay_out(const struct kq_wal *wal, const struct kq_wal_place *at,
			   const struct kq_hard_state *hs, struct kq_entry *const *entries,
			   struct kq_batch *b)
{
	u8 *base = b->data + at->lead;
	struct kq_wal_batch_head *h = (void *)base;
	u32 i;

	if (at->lead)
		kq_wal_put_segment_head(wal, b->data, at->slot, at->generation);
	h->magic = cpu_to_le64(KQ_WAL_BATCH_MAGIC);
	h->version = cpu_to_le16(KQ_WAL_VERSION);
	h->head_len = cpu_to_le16(sizeof(*h));
	h->node = cpu_to_le32(wal->node);
	h->cluster = cpu_to_le64(wal->cluster);
	h->generation = cpu_to_le64(at->generation);
	h->seq = cpu_to_le64(b->seq);
	h->bytes = cpu_to_le32(at->bytes);
	h->body_bytes = cpu_to_le32(at->body);
	h->term = cpu_to_le64(hs->term);
	h->incarnation = cpu_to_le64(hs->incarnation);
	h->commit = cpu_to_le64(hs->commit);
	h->promise_ns = cpu_to_le64(hs->promise_ns);
	h->vote_inc = cpu_to_le32(hs->vote_inc);
	h->identity = cpu_to_le64(hs->identity);
	for (i = 0; i < KQ_MAX_NODES; i++) {
		h->peer[i] = cpu_to_le64(hs->peer[i + 1]);
		h->whose[i] = cpu_to_le32(hs->whose[i + 1]);
		h->met[i] = cpu_to_le32(hs->met[i + 1]);
	}
	for (i = 0; i < KQUORUM_STARTS; i++)
		h->starts[i] = cpu_to_le32(hs->starts[i]);
	h->snap_index = cpu_to_le64(hs->snap.index);
	h->snap_term = cpu_to_le64(hs->snap.term);
	h->snap_bytes = cpu_to_le64(hs->snap.bytes);
	h->snap_crc = cpu_to_le32(hs->snap.crc);
	h->flags = cpu_to_le32((b->restart ? KQ_WAL_RESTART : 0) |
			       (b->repaired ? KQ_WAL_REPAIRED : 0));
	h->cut_seq = cpu_to_le32(wal->cut_seq);
	h->first_index = cpu_to_le64(at->first);
	h->end_index = cpu_to_le64(b->last ? b->last : wal->end_index);
	h->end_term = cpu_to_le64(b->last ? b->last_term : wal->end_term);
	h->base_term = b->first ? cpu_to_le64(at->base_term) : h->end_term;
	h->vote = cpu_to_le32(hs->vote);
	h->prev_crc = cpu_to_le32(wal->prev_crc);
	h->body_crc = cpu_to_le32(kq_wal_put_body(base, entries, at->take));
	kq_wal_seal(wal, b->data, b->len, at->generation, b->seq,
		    (at->pos - at->lead) / KQ_WAL_SECTOR, at->lead);
}

static void kq_wal_advance(struct kq_wal *wal, const struct kq_wal_place *at,
			   const struct kq_hard_state *hs, const struct kq_batch *b)
{
	if (at->lead) {
		wal->slots[at->slot].state = KQ_WAL_SLOT_OURS;
		wal->slots[at->slot].generation = at->generation;
		wal->slots[at->slot].base_index = wal->end_index;
		wal->slots[at->slot].headless = false;
		wal->spares--;
		wal->generation_max = at->generation;
		wal->generation = at->generation;
		wal->slot = at->slot;
	}
	wal->pos = at->pos + at->bytes;
	wal->seq = b->seq;
	wal->prev_crc = kq_crc(0, b->data + at->lead, sizeof(struct kq_wal_batch_head));
	wal->term = hs->term;
	wal->snap_index = hs->snap.index;
	if (b->restart || (b->first && b->first <= wal->end_index))
		wal->cut_seq = (u32)b->seq;
	if (b->last) {
		wal->end_index = b->last;
		wal->end_term = b->last_term;
	}
}

/* What every batch has; from here on it counts as written. */
static void kq_wal_finish(struct kq_wal *wal, const struct kq_wal_place *at,
			  const struct kq_hard_state *hs, struct kq_entry *const *entries,
			  struct kq_batch *b)
{
	b->slot = at->slot;
	b->offset = at->pos - at->lead;
	b->seq = wal->seq + 1;
	b->term = hs->term;
	kq_wal_lay_out(wal, at, hs, entries, b);
	kq_wal_advance(wal, at, hs, b);
}

/**
 * kq_wal_encode() - make the next batch
 * @wal: the log
 * @hs: goes with it
 * @entries: with CRCs, consecutive, from the log's end or below (which truncates)
 * @count: how many; as many are taken as fit one batch
 * @base_term: term of the entry before them; looked at when there are any
 * @room: reserve it may use
 * @out: the batch, for kq_batch_free(); data is ready to be written
 *
 * Without entries the batch names the log end that is on disk already (damage: the
 * end that was claimed): what is not on disk is not claimed.
 * On any error the log is unchanged.
 * Return: 0; -ENOSPC: not in this class; -ENOMEM: try again; -EINVAL: arguments
 * that recovery would refuse, or recovery is not over; -EUCLEAN: damaged: no
 * entries any more, and nothing at all when the newest header is not known.
 */
int kq_wal_encode(struct kq_wal *wal, const struct kq_hard_state *hs,
		  struct kq_entry *const *entries, u32 count, u64 base_term,
		  enum kq_wal_room room, struct kq_batch **out)
{
	struct kq_wal_place at = { .base_term = base_term };
	struct kq_batch *b;
	int err;

	err = kq_wal_may_write(wal, count);
	if (!err)
		err = kq_wal_check_args(wal, hs, entries, count, base_term);
	if (!err)
		err = kq_wal_find_place(wal, entries, count, room, &at);
	if (err)
		return err;
	b = kq_batch_alloc(at.lead + at.bytes);
	if (!b)
		return -ENOMEM;

	b->entries = at.take;
	if (at.take) {
		at.first = kq_entry_index(entries[0]);
		b->first = at.first;
		b->last = kq_entry_index(entries[at.take - 1]);
		b->last_term = kq_entry_term(entries[at.take - 1]);
	}
	kq_wal_finish(wal, &at, hs, entries, b);
	*out = b;
	return 0;
}

/**
 * kq_wal_encode_repaired() - make a batch of entries that were missing
 * @wal: the log
 * @hs: goes with it
 * @entries: with CRCs, consecutive, none of them behind the log's end
 * @count: how many, at least one; as many are taken as fit one batch
 * @room: reserve it may use
 * @out: the batch, for kq_batch_free()
 *
 * The log ends where it did.
 * Return: as kq_wal_encode().
 */
int kq_wal_encode_repaired(struct kq_wal *wal, const struct kq_hard_state *hs,
			   struct kq_entry *const *entries, u32 count, enum kq_wal_room room,
			   struct kq_batch **out)
{
	struct kq_wal_place at = {};
	struct kq_batch *b;
	int err;

	err = kq_wal_may_write(wal, true);
	if (!err)
		err = kq_wal_check_args(wal, hs, NULL, 0, 0);
	if (!err && (!count || kq_entry_index(entries[0]) <= hs->snap.index ||
		     kq_entry_index(entries[0]) + count - 1 > wal->end_index))
		err = -EINVAL;
	if (!err)
		err = kq_wal_check_entries(entries, count, kq_entry_index(entries[0]), 1,
					   wal->end_term);
	if (!err)
		err = kq_wal_find_place(wal, entries, count, room, &at);
	if (err)
		return err;
	b = kq_batch_alloc(at.lead + at.bytes);
	if (!b)
		return -ENOMEM;
	at.first = kq_entry_index(entries[0]);
	b->entries = at.take;
	b->repaired = true;
	kq_wal_finish(wal, &at, hs, entries, b);
	*out = b;
	return 0;
}

/**
 * kq_wal_encode_restart() - make a batch that says that the log goes on behind a snapshot
 * @wal: the log
 * @hs: goes with it; its snapshot is the one
 * @room: reserve it may use
 * @out: the batch, for kq_batch_free()
 *
 * What the log held until then, on disk or in a batch under way, counts for nothing behind it.
 * Return: as kq_wal_encode().
 */
int kq_wal_encode_restart(struct kq_wal *wal, const struct kq_hard_state *hs,
			  enum kq_wal_room room, struct kq_batch **out)
{
	struct kq_wal_place at = {};
	struct kq_batch *b;
	int err;

	err = kq_wal_may_write(wal, true);
	if (!err && (hs->term < wal->term || hs->term >= KQ_WAL_NUMBER_MAX ||
		     hs->snap.index <= wal->snap_index || !hs->snap.term ||
		     hs->snap.term > hs->term))
		err = -EINVAL;
	if (!err)
		err = kq_wal_find_place(wal, NULL, 0, room, &at);
	if (err)
		return err;
	b = kq_batch_alloc(at.lead + at.bytes);
	if (!b)
		return -ENOMEM;
	b->restart = true;
	b->last = hs->snap.index;
	b->last_term = hs->snap.term;
	kq_wal_finish(wal, &at, hs, NULL, b);
	*out = b;
	return 0;
}

/**
 * kq_wal_encode_probe() - make a write that shows that the disk still takes one
 * @wal: the log
 * @out: for kq_batch_free(); goes to the scratch block, which is never read
 *
 * Return: 0; -ENOMEM; -ENOSPC: no segment to write to; -EINVAL: recovery is not
 * over; -EUCLEAN: damaged, and the newest header is not known.
 */
int kq_wal_encode_probe(struct kq_wal *wal, struct kq_batch **out)
{
	u32 slot = wal->slot == KQ_WAL_NO_SLOT ? kq_wal_spare(wal) : wal->slot;
	struct kq_batch *b;
	__le64 number;
	int err;

	err = kq_wal_may_write(wal, false);
	if (err)
		return err;
	if (slot == KQ_WAL_NO_SLOT)
		return -ENOSPC;
	b = kq_batch_alloc(KQ_WAL_BLOCK);
	if (!b)
		return -ENOMEM;
	number = cpu_to_le64(++wal->probes);
	memcpy(b->data, &number, sizeof(number));
	/* Sequence number 0 is no batch's. */
	kq_wal_seal(wal, b->data, b->len, wal->generation, 0, KQ_WAL_BLOCK_SECTORS, b->len);
	b->slot = slot;
	b->offset = KQ_WAL_BLOCK;
	b->probe = true;
	*out = b;
	return 0;
}
