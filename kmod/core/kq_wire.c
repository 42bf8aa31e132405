// SPDX-License-Identifier: GPL-2.0
/*
 * Checking what arrives: every field of a header, every length of a body. A peer
 * is authenticated, but never trusted to be correct.
 */
#include <linux/kquorum.h>
#include "kq_wire.h"

enum body_shape {
	BODY_FIXED,		/* exactly the size */
	BODY_RECORDS,		/* records behind it */
};

static const struct {
	const char *name;
	u32 size;
	enum body_shape shape;
} msg_table[KQ_MSG_TYPE_END] = {
	[KQ_MSG_PREVOTE_REQ] = { "prevote_req", sizeof(struct kq_body_vote_req), BODY_FIXED },
	[KQ_MSG_PREVOTE_RESP] = { "prevote_resp", sizeof(struct kq_body_vote_resp), BODY_FIXED },
	[KQ_MSG_VOTE_REQ] = { "vote_req", sizeof(struct kq_body_vote_req), BODY_FIXED },
	[KQ_MSG_VOTE_RESP] = { "vote_resp", sizeof(struct kq_body_vote_resp), BODY_FIXED },
	[KQ_MSG_APPEND] = { "append", sizeof(struct kq_body_append), BODY_RECORDS },
	[KQ_MSG_APPEND_RESP] = { "append_resp", sizeof(struct kq_body_append_resp), BODY_FIXED },
	[KQ_MSG_PROPOSE] = { "propose", 0, BODY_RECORDS },
	[KQ_MSG_PROPOSE_RESP] = { "propose_resp", sizeof(struct kq_body_propose_resp),
				  BODY_FIXED },
	[KQ_MSG_RENEW] = { "renew", sizeof(struct kq_body_renew), BODY_FIXED },
	[KQ_MSG_RENEW_RESP] = { "renew_resp", sizeof(struct kq_body_renew_resp), BODY_FIXED },
	[KQ_MSG_TIMEOUT_NOW] = { "timeout_now", sizeof(struct kq_body_timeout_now), BODY_FIXED },
	[KQ_MSG_SUM] = { "sum", sizeof(struct kq_body_sum), BODY_FIXED },
	[KQ_MSG_MET] = { "met", sizeof(struct kq_body_met), BODY_FIXED },
	[KQ_MSG_FETCH] = { "fetch", sizeof(struct kq_body_fetch), BODY_FIXED },
	[KQ_MSG_FETCHED] = { "fetched", sizeof(struct kq_body_fetched), BODY_RECORDS },
};

/**
 * kq_msg_name() - a message type in words
 * @type: enum kq_msg_type
 *
 * Return: its name, "?" for none.
 */
const char *kq_msg_name(u8 type)
{
	if (type >= KQ_MSG_TYPE_END || !msg_table[type].name)
		return "?";
	return msg_table[type].name;
}

/**
 * kq_wire_check_header() - is this header one of this connection?
 * @h: 64 bytes as received
 * @peer: whom the connection belongs to
 * @why: set to what is wrong
 *
 * Return: bytes of body that follow, or -EPROTO (-EPROTONOSUPPORT for a newer
 * version); the connection is then to be closed.
 */
int kq_wire_check_header(const struct kq_wire_hdr *h, const struct kq_wire_peer *peer,
			 const char **why)
{
	u32 len = le32_to_cpu(h->len);

	*why = NULL;
	if (le32_to_cpu(h->magic) != KQ_WIRE_MAGIC)
		*why = "no message starts here (magic)";
	else if (le32_to_cpu(h->crc) != kq_crc(0, h, offsetof(struct kq_wire_hdr, crc)))
		*why = "header checksum";
	if (*why)
		return -EPROTO;
	if (h->version != KQ_WIRE_VERSION) {
		*why = "of another wire version";
		return -EPROTONOSUPPORT;
	}
	if (h->type >= KQ_MSG_TYPE_END || !msg_table[h->type].name)
		*why = "unknown message type";
	else if (h->flags || h->group)
		*why = "flags or group not zero";
	else if (le64_to_cpu(h->cluster) != peer->cluster)
		*why = "another cluster, or other founders";
	else if (le32_to_cpu(h->from) != peer->peer)
		*why = "sender is not whom this connection belongs to";
	else if (le32_to_cpu(h->to) != peer->self)
		*why = "meant for another node";
	else if (le64_to_cpu(h->from_inc) != peer->peer_inc)
		*why = "sender's incarnation changed";
	else if (le64_to_cpu(h->to_inc) != peer->self_inc)
		*why = "meant for an earlier incarnation of this node";
	else if (!h->term || le64_to_cpu(h->term) >= KQ_WIRE_TERM_MAX)
		*why = "term out of range";
	else if (len > KQ_WIRE_BODY_MAX || len < msg_table[h->type].size)
		*why = "body length";
	else if (msg_table[h->type].shape == BODY_FIXED && len != msg_table[h->type].size)
		*why = "body length";
	return *why ? -EPROTO : (int)len;
}

/**
 * kq_wire_next_record() - take one checked record from a body
 * @p: where it starts
 * @end: end of the body
 * @rec: filled with the record; its payload stands at @p + sizeof(*rec)
 *
 * Return: where the next one starts, or NULL when this one is not whole.
 */
const void *kq_wire_next_record(const void *p, const void *end, struct kq_record *rec)
{
	size_t room = (const u8 *)end - (const u8 *)p;
	u32 size;

	if (room < sizeof(*rec))
		return NULL;
	memcpy(rec, p, sizeof(*rec));
	size = le32_to_cpu(rec->len);
	if (size > KQ_PAYLOAD_MAX)
		return NULL;
	size = kq_record_size(size);
	return size > room ? NULL : (const u8 *)p + size;
}

static const char *check_records(const struct kq_wire_hdr *h, const u8 *p, const u8 *end)
{
	const struct kq_body_append *b = (const void *)p;
	const struct kq_body_fetched *f = (const void *)p;
	bool append = h->type == KQ_MSG_APPEND, fetched = h->type == KQ_MSG_FETCHED;
	u64 index = 0, term = 0, most = le64_to_cpu(h->term);
	u32 count = 0, want = 0;

	if (fetched) {
		index = le64_to_cpu(f->first) - 1;
		most = le64_to_cpu(f->match_term);
		want = le32_to_cpu(f->count);
		if (le32_to_cpu(f->flags) & ~KQ_FETCHED_LEADS)
			return "unknown flags";
		p += sizeof(*f);
	}
	if (append) {
		want = le32_to_cpu(b->count);
		index = le64_to_cpu(b->prev_index);
		term = le64_to_cpu(b->prev_term);
		if (!index != !term)
			return "previous index without term";
		if (le32_to_cpu(b->flags) & ~KQ_APPEND_COMMIT)
			return "unknown flags";
		if (!b->promise_ms || le32_to_cpu(b->promise_ms) > KQUORUM_ELECTION_MS_MAX ||
		    b->zero)
			return "promise out of range";
		p += sizeof(*b);
	}
	while (p < end) {
		struct kq_record rec;
		const u8 *next = kq_wire_next_record(p, end, &rec);
		struct kq_record sum;

		if (!next)
			return "record cut short";
		sum = rec;
		if (append || fetched) {
			if (le64_to_cpu(rec.index) != ++index)
				return "indices not consecutive";
			if (le64_to_cpu(rec.term) < term ||
			    le64_to_cpu(rec.term) > most)
				return "term of an entry";
			term = le64_to_cpu(rec.term);
		} else {
			if (rec.index || rec.term)
				return "a proposal with index or term";
			if (le32_to_cpu(rec.node) != le32_to_cpu(h->from))
				return "a proposal of another node";
			sum.index = cpu_to_le64(1);
			sum.term = cpu_to_le64(1);
		}
		if (kq_entry_check(&sum, p + sizeof(rec), le32_to_cpu(rec.len)))
			return "entry checksum or fields";
		p = next;
		count++;
	}
	if ((append || fetched) && count != want)
		return "number of entries";
	if (fetched && count && index > le64_to_cpu(f->last_index))
		return "entries behind the end of its log";
	if (!append && !fetched && !count)
		return "no proposal in it";
	return NULL;
}

static const char *check_fetch(const struct kq_body_fetch *b)
{
	u64 first = le64_to_cpu(b->first), last = le64_to_cpu(b->last);
	u64 at = le64_to_cpu(b->match_index);

	return !first || last < first || last >= KQ_WIRE_TERM_MAX || !b->match_term ||
		(at != last && at != last + 1) ? "entries asked for" : NULL;
}

static const char *check_met(const struct kq_body_met *b)
{
	return b->zero || le32_to_cpu(b->flags) & ~KQ_MET_EMPTY ? "unknown flags" : NULL;
}

/**
 * kq_wire_check_body() - is this body whole and sane?
 * @h: its checked header
 * @body: as many bytes as the header says
 * @why: set to what is wrong
 *
 * Return: 0, or -EPROTO; the connection is then to be closed.
 */
int kq_wire_check_body(const struct kq_wire_hdr *h, const void *body, const char **why)
{
	u32 len = le32_to_cpu(h->len);

	*why = NULL;
	if (le32_to_cpu(h->body_crc) != kq_crc(0, body, len))
		*why = "body checksum";
	else if (msg_table[h->type].shape == BODY_RECORDS)
		*why = check_records(h, body, (const u8 *)body + len);
	else if (h->type == KQ_MSG_MET)
		*why = check_met(body);
	else if (h->type == KQ_MSG_FETCH)
		*why = check_fetch(body);
	return *why ? -EPROTO : 0;
}
