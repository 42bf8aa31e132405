// SPDX-License-Identifier: GPL-2.0
/*
 * One entry of the log in memory: made, checked, given back.
 */
#include "kq_conf.h"

/* What the proposer's CRC covers: everything but index, term and the CRC itself. */
#define KQ_RECORD_CRC_FROM	offsetof(struct kq_record, session)
#define KQ_RECORD_CRC_LEN	(offsetof(struct kq_record, crc) - KQ_RECORD_CRC_FROM)

static bool kq_entry_type_known(u16 type)
{
	switch (type) {
	case KQ_ENTRY_NOOP:
	case KQ_ENTRY_OPEN:
	case KQ_ENTRY_CLOSE:
	case KQ_ENTRY_SUSPECT:
	case KQ_ENTRY_CLEAR:
	case KQ_ENTRY_EXPIRE:
	case KQ_ENTRY_CONF:
	case KQ_ENTRY_ACQUIRE:
	case KQ_ENTRY_RELEASE:
	case KQ_ENTRY_DEFINE:
	case KQ_ENTRY_UNDEFINE:
	case KQ_ENTRY_EVICT:
	case KQ_ENTRY_FENCE:
	case KQ_ENTRY_APPEND:
		return true;
	default:
		return false;
	}
}

/**
 * kq_entry_alloc() - make an entry
 * @type: enum kq_entry_type
 * @payload: copied; may be NULL: the payload is zero for now
 * @len: bytes of it
 *
 * Only length and type are set; the caller fills the rest and the CRC.
 * Return: the entry, for kq_entry_free(); NULL: no memory, or @len is too much.
 */
struct kq_entry *kq_entry_alloc(u16 type, const void *payload, u32 len)
{
	struct kq_entry *e;

	if (len > KQ_PAYLOAD_MAX)
		return NULL;
	e = kq_alloc(sizeof(*e) + len);
	if (!e)
		return NULL;
	e->rec.type = cpu_to_le16(type);
	e->rec.len = cpu_to_le32(len);
	if (payload && len)
		memcpy(e->data, payload, len);
	return e;
}

/**
 * kq_entry_from_record() - make an entry of a record that has been checked
 * @rec: copied whole
 * @payload: as many bytes as @rec says
 *
 * Return: the entry, for kq_entry_free(); NULL: no memory, or it is too long.
 */
struct kq_entry *kq_entry_from_record(const struct kq_record *rec, const void *payload)
{
	struct kq_entry *e = kq_entry_alloc(le16_to_cpu(rec->type), payload,
					    le32_to_cpu(rec->len));

	if (e)
		e->rec = *rec;
	return e;
}

/**
 * kq_entry_release() - give back what was allocated to apply an entry
 * @e: applied, or never to be
 */
void kq_entry_release(struct kq_entry *e)
{
	kq_free(e->claim);
	kq_free(e->resource);
	kq_free(e->pool);
	e->claim = NULL;
	e->resource = NULL;
	e->pool = NULL;
}

/**
 * kq_entry_free() - give an entry back, and what was allocated to apply it
 * @e: may be NULL
 */
void kq_entry_free(struct kq_entry *e)
{
	if (!e)
		return;
	kq_entry_release(e);
	kq_free(e);
}

/**
 * kq_entry_crc() - the CRC that the proposer gives an entry
 * @rec: its record; index, term and crc do not count
 * @payload: as many bytes as @rec says
 *
 * Return: CRC32C.
 */
u32 kq_entry_crc(const struct kq_record *rec, const void *payload)
{
	u32 crc = kq_crc(0, (const u8 *)rec + KQ_RECORD_CRC_FROM, KQ_RECORD_CRC_LEN);

	return kq_crc(crc, payload, le32_to_cpu(rec->len));
}

/**
 * kq_entry_check() - may this record be taken for an entry?
 * @rec: from the wire or the disk: nothing about it is trusted
 * @payload: what follows it
 * @room: bytes that are there from @payload on
 *
 * Return: 0; -EMSGSIZE: longer than allowed or than what is there; -EPROTO:
 * unknown type, flags, no index or term, or a configuration that cannot be used; -EBADMSG: the
 * CRC differs.
 */
int kq_entry_check(const struct kq_record *rec, const void *payload, u32 room)
{
	u32 len = le32_to_cpu(rec->len);
	struct kq_conf conf;

	if (len > KQ_PAYLOAD_MAX || len > room)
		return -EMSGSIZE;
	if (!kq_entry_type_known(le16_to_cpu(rec->type)) || rec->flags)
		return -EPROTO;
	if (!rec->index || !rec->term)
		return -EPROTO;
	if (kq_entry_crc(rec, payload) != le32_to_cpu(rec->crc))
		return -EBADMSG;
	if (le16_to_cpu(rec->type) == KQ_ENTRY_CONF && kq_conf_read(payload, len, &conf))
		return -EPROTO;
	return 0;
}
