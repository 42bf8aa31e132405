/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzz targets share: taking values from the input, and making messages whole
 * (magic, lengths, checksums), since no fuzzer guesses a CRC.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kq_wire.h"

struct input {
	const uint8_t *p, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct input input_of(const uint8_t *data, size_t size)
{
	return (struct input){ data, data + size };
}

static inline size_t input_left(const struct input *in)
{
	return in->end - in->p;
}

/* 0 when the input is used up. */
static inline uint8_t input_u8(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* One of @known, and a little more or less; now and then any number. */
static inline uint64_t input_near(struct input *in, const uint64_t *known, size_t count)
{
	uint8_t which = input_u8(in);
	uint64_t any = 0;

	if (which == 255) {
		for (which = 0; which < 8; which++)
			any = any << 8 | input_u8(in);
		return any;
	}
	if (which & 0x40)
		return known[which % 64 % count] + (int8_t)input_u8(in);
	return known[which % 64 % count];
}

/* Checksums of records, body and header, where what is there has the right shape. */
static inline void wire_seal(struct kq_wire_hdr *h, uint8_t *body, uint32_t len)
{
	size_t before = h->type == KQ_MSG_APPEND ? sizeof(struct kq_body_append) :
		h->type == KQ_MSG_FETCHED ? sizeof(struct kq_body_fetched) :
		h->type == KQ_MSG_PROPOSE ? 0 : len;
	uint8_t *p = body + before, *end = body + len;

	h->len = cpu_to_le32(len);
	while (p < end) {
		struct kq_record rec;
		const uint8_t *next = kq_wire_next_record(p, end, &rec);

		if (!next)
			break;
		rec.crc = cpu_to_le32(kq_entry_crc(&rec, p + sizeof(rec)));
		memcpy(p, &rec, sizeof(rec));
		p += next - p;
	}
	h->body_crc = cpu_to_le32(kq_crc(0, body, len));
	h->crc = cpu_to_le32(kq_crc(0, h, offsetof(struct kq_wire_hdr, crc)));
}

#endif /* FUZZ_INPUT_H */
