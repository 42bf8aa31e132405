// SPDX-License-Identifier: GPL-2.0
/*
 * Offers and answers. Every field is checked before anybody looks at it; a version comes first, for
 * a later one may define the rest differently.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "../../kmod/core/kq_platform.h"
#include "shipwire.h"

static_assert(sizeof(struct kqd_offer_wire) == 88, "the offer's size is part of the wire");
static_assert(sizeof(struct kqd_answer_wire) == 152, "the answer's size is part of the wire");
/* An offer is read where a greeting is expected. */
static_assert(sizeof(struct kqd_offer_wire) <= sizeof(struct kquorum_hello));

/**
 * kqd_offer_encode() - write an offer
 * @wire: to be filled
 * @o: who offers what to whom
 */
void kqd_offer_encode(struct kqd_offer_wire *wire, const struct kqd_offer *o)
{
	*wire = (struct kqd_offer_wire) {
		.magic = cpu_to_le64(KQD_OFFER_MAGIC),
		.version = cpu_to_le16(KQD_SHIP_VERSION),
		.length = cpu_to_le16(sizeof(*wire)),
		.from = cpu_to_le32(o->from),
		.to = cpu_to_le32(o->to),
		.cluster = cpu_to_le64(o->cluster),
		.origin = cpu_to_le64(o->origin),
		.identity = cpu_to_le64(o->identity),
		.whom = cpu_to_le64(o->whom),
		.index = cpu_to_le64(o->ref.index),
		.term = cpu_to_le64(o->ref.term),
		.bytes = cpu_to_le64(o->ref.bytes),
		.snapshot_crc = cpu_to_le32(o->ref.crc),
	};
	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kqd_offer_wire, crc)));
}

static void offer_read(const struct kqd_offer_wire *wire, struct kqd_offer *o)
{
	*o = (struct kqd_offer) {
		.from = le32_to_cpu(wire->from),
		.to = le32_to_cpu(wire->to),
		.cluster = le64_to_cpu(wire->cluster),
		.origin = le64_to_cpu(wire->origin),
		.identity = le64_to_cpu(wire->identity),
		.whom = le64_to_cpu(wire->whom),
		.ref = {
			.index = le64_to_cpu(wire->index),
			.term = le64_to_cpu(wire->term),
			.bytes = le64_to_cpu(wire->bytes),
			.crc = le32_to_cpu(wire->snapshot_crc),
		},
	};
}

/**
 * kqd_offer_decode() - check an offer
 * @wire: as received
 * @got: bytes of it so far, KQD_OFFER_HEAD at least
 * @o: filled when all is well
 * @why: on failure, what was wrong
 * @whylen: bytes there
 *
 * Return: 0; -EAGAIN: the rest has to come; -EPROTO (no offer, or damaged), -EPROTONOSUPPORT
 * (another version), -EINVAL (a node or a snapshot that there cannot be).
 */
int kqd_offer_decode(const struct kqd_offer_wire *wire, size_t got, struct kqd_offer *o, char *why,
		     size_t whylen)
{
	if (le16_to_cpu(wire->version) != KQD_SHIP_VERSION) {
		snprintf(why, whylen, "it sends snapshots by version %u of the protocol, this node "
			 "takes version %d", le16_to_cpu(wire->version), KQD_SHIP_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (le64_to_cpu(wire->magic) != KQD_OFFER_MAGIC ||
	    le16_to_cpu(wire->length) != sizeof(*wire)) {
		snprintf(why, whylen, "it offers no snapshot, or one of %u bytes instead of %zu",
			 le16_to_cpu(wire->length), sizeof(*wire));
		return -EPROTO;
	}
	if (got < sizeof(*wire))
		return -EAGAIN;
	if (got > sizeof(*wire) || wire->zero ||
	    le32_to_cpu(wire->crc) != kq_crc(0, wire, offsetof(struct kqd_offer_wire, crc))) {
		snprintf(why, whylen, "its offer of a snapshot arrived damaged");
		return -EPROTO;
	}
	offer_read(wire, o);
	if (o->from < 1 || o->from > KQUORUM_MAX_NODES || o->from == o->to || !o->identity ||
	    !o->whom || !o->origin || !o->ref.index || !o->ref.term || !o->ref.bytes ||
	    o->ref.bytes > INT64_MAX) {
		snprintf(why, whylen, "it offers what cannot be");
		return -EINVAL;
	}
	return 0;
}

/**
 * kqd_answer_encode() - write an answer
 * @wire: to be filled
 * @answer: which
 * @offset: with KQD_ANSWER_GO
 * @why: for a person, cut when it is too long
 */
void kqd_answer_encode(struct kqd_answer_wire *wire, enum kqd_answer answer, uint64_t offset,
		       const char *why)
{
	*wire = (struct kqd_answer_wire) {
		.magic = cpu_to_le64(KQD_ANSWER_MAGIC),
		.version = cpu_to_le16(KQD_SHIP_VERSION),
		.length = cpu_to_le16(sizeof(*wire)),
		.answer = cpu_to_le32(answer),
		.offset = cpu_to_le64(offset),
	};
	snprintf(wire->why, sizeof(wire->why), "%s", why);
	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kqd_answer_wire, crc)));
}

/**
 * kqd_answer_decode() - check an answer
 * @wire: as received, all of it; its reason ends with NUL when all is well
 * @answer: set when all is well
 * @offset: likewise
 *
 * Return: 0; -EPROTONOSUPPORT: of another version; -EPROTO: not an answer, or damaged.
 */
int kqd_answer_decode(const struct kqd_answer_wire *wire, enum kqd_answer *answer,
		      uint64_t *offset)
{
	uint32_t a = le32_to_cpu(wire->answer);

	if (le64_to_cpu(wire->magic) != KQD_ANSWER_MAGIC)
		return -EPROTO;
	if (le16_to_cpu(wire->version) != KQD_SHIP_VERSION)
		return -EPROTONOSUPPORT;
	if (le16_to_cpu(wire->length) != sizeof(*wire) || wire->zero ||
	    le32_to_cpu(wire->crc) != kq_crc(0, wire, offsetof(struct kqd_answer_wire, crc)) ||
	    !memchr(wire->why, 0, sizeof(wire->why)) ||
	    a < KQD_ANSWER_GO || a > KQD_ANSWER_DAMAGED)
		return -EPROTO;
	*answer = a;
	*offset = le64_to_cpu(wire->offset);
	return 0;
}
