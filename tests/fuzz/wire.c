// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz target: the decoder of the data connections. The first byte says how much of the
 * message is made right beforehand: nothing, its checksums, or whom it names as well.
 */
#include <stdlib.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kq_wire_peer peer = { .cluster = 77, .self = 1, .self_inc = 3, .peer = 2,
					   .peer_inc = 5 };
	struct kq_wire_hdr h = { 0 };
	const char *why = NULL;
	uint8_t *body, mode;
	int want;

	if (size < 1 + sizeof(h))
		return 0;
	mode = data[0] % 4;
	memcpy(&h, data + 1, sizeof(h));
	data += 1 + sizeof(h);
	size -= 1 + sizeof(h);
	/* Exactly as long as it is, so that the sanitizer sees a read past the end. */
	body = malloc(size ? size : 1);
	memcpy(body, data, size);
	if (mode > 1) {
		h.magic = cpu_to_le32(KQ_WIRE_MAGIC);
		h.version = KQ_WIRE_VERSION;
		h.flags = 0;
		h.group = 0;
		h.cluster = cpu_to_le64(peer.cluster);
		h.from = cpu_to_le32(peer.peer);
		h.to = cpu_to_le32(peer.self);
		h.from_inc = cpu_to_le64(peer.peer_inc);
		h.to_inc = cpu_to_le64(peer.self_inc);
	}
	if (mode)
		wire_seal(&h, body, size);
	want = kq_wire_check_header(&h, &peer, &why);
	if (want >= 0 && want <= (int)size && kq_wire_check_body(&h, body, &why) == 0 && why)
		abort();
	if (want < 0 && !why)
		abort();	/* refused without a reason */
	(void)kq_msg_name(h.type);
	free(body);
	return 0;
}
