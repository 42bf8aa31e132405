// SPDX-License-Identifier: GPL-2.0
/* Fuzz target: the greeting on the control connection, the first byte says: CRC made right. */
#include <stdlib.h>

#include "hello.h"
#include "input.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kquorum_hello wire;
	struct kqd_hello h = { 0 };
	char why[160] = "", name[KQUORUM_NODE_NAME_MAX + 1];
	uint32_t id = 0;
	int rc;

	if (size != 1 + sizeof(wire))
		return 0;
	memcpy(&wire, data + 1, sizeof(wire));
	if (data[0] & 1)
		wire.crc = cpu_to_le32(kq_crc(0, &wire, offsetof(struct kquorum_hello, crc)));
	rc = kqd_hello_decode(&wire, 1, 77, &h, why, sizeof(why));
	kqd_hello_claims(&wire, &id, name);
	if (rc && !why[0])
		abort();	/* refused without a reason */
	if (!rc && (h.from < 2 || h.from > 15 || h.to != 1 || h.cluster != 77 || !h.past.incarnation ||
		    !h.past.identity || !h.name[0] || strlen(h.name) > KQUORUM_NODE_NAME_MAX ||
		    strspn(h.name, NAME_CHARACTERS) != strlen(h.name)))
		abort();
	if (id > 15 || strlen(name) > KQUORUM_NODE_NAME_MAX ||
	    strspn(name, NAME_CHARACTERS) != strlen(name))
		abort();
	return 0;
}
