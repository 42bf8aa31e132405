// SPDX-License-Identifier: GPL-2.0
/*
 * The greeting. Every field is checked, in the order in which a wrong one says
 * most: the magic (something else speaks here), the version (before all that
 * another version may define differently), then the rest.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../kmod/core/kq_platform.h"
#include "hello.h"

static_assert(sizeof(struct kquorum_hello) == 208, "the greeting's size is part of the wire");

/**
 * kqd_hello_encode() - write a greeting
 * @wire: to be filled
 * @h: who greets whom
 *
 * Context: Any.
 */
void kqd_hello_encode(struct kquorum_hello *wire, const struct kqd_hello *h)
{
	*wire = (struct kquorum_hello) {
		.magic = cpu_to_le64(KQUORUM_HELLO_MAGIC),
		.version = cpu_to_le16(KQUORUM_HELLO_VERSION),
		.length = cpu_to_le16(sizeof(*wire)),
		.from = cpu_to_le32(h->from),
		.to = cpu_to_le32(h->to),
		.cluster = cpu_to_le64(h->cluster),
		.past = h->past,
		.known = cpu_to_le64(h->known),
		.identity = cpu_to_le64(h->identity),
		.whose = cpu_to_le32(h->whose),
	};
	memcpy(wire->name, h->name, sizeof(wire->name));
	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kquorum_hello, crc)));
}

/* Something that a node may be called, and nothing behind it: it is shown to people. */
static bool hello_name(const char name[KQUORUM_NODE_NAME_MAX + 1])
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t n = strnlen(name, KQUORUM_NODE_NAME_MAX + 1), i;

	if (!n || n > KQUORUM_NODE_NAME_MAX || strspn(name, allowed) != n)
		return false;
	for (i = n; i <= KQUORUM_NODE_NAME_MAX; i++)
		if (name[i])
			return false;
	return true;
}

static bool hello_node(uint32_t id)
{
	return id >= 1 && id <= KQUORUM_MAX_NODES;
}

/**
 * kqd_hello_claims() - whose is a greeting that was refused, by what it says itself?
 * @wire: as received
 * @id: set when it names a node; good for a message and nothing else
 * @name: set to what that says that it is called, "" when that is no name; likewise
 *
 * Context: Any.
 */
void kqd_hello_claims(const struct kquorum_hello *wire, uint32_t *id,
		      char name[KQUORUM_NODE_NAME_MAX + 1])
{
	uint32_t from = le32_to_cpu(wire->from);

	name[0] = '\0';
	if (le64_to_cpu(wire->magic) != KQUORUM_HELLO_MAGIC || !hello_node(from))
		return;
	*id = from;
	/* Where that stands in another version nobody knows. */
	if (le16_to_cpu(wire->version) == KQUORUM_HELLO_VERSION && hello_name(wire->name))
		memcpy(name, wire->name, KQUORUM_NODE_NAME_MAX + 1);
}

/**
 * kqd_hello_head() - check what a greeting of any version begins with
 * @wire: as received, KQD_HELLO_HEAD bytes of it at least
 * @why: on failure, what was wrong
 * @whylen: bytes there
 *
 * Context: Any.
 * Return: 0; -EPROTO: not a greeting; -EPROTONOSUPPORT: another version, and how long that is
 * nobody knows.
 */
int kqd_hello_head(const struct kquorum_hello *wire, char *why, size_t whylen)
{
	if (le64_to_cpu(wire->magic) != KQUORUM_HELLO_MAGIC) {
		snprintf(why, whylen, "it does not speak kquorum");
		return -EPROTO;
	}
	if (le16_to_cpu(wire->version) != KQUORUM_HELLO_VERSION) {
		snprintf(why, whylen, "it speaks version %u of the greeting, this node version %d: "
			 "install one kquorum on both", le16_to_cpu(wire->version),
			 KQUORUM_HELLO_VERSION);
		return -EPROTONOSUPPORT;
	}
	return 0;
}

/**
 * kqd_hello_decode() - check a greeting
 * @wire: as received, all of it
 * @self: id of this node
 * @cluster: this node's KQUORUM_A_CLUSTER_HASH
 * @h: filled when all is well
 * @why: on failure, what was wrong
 * @whylen: bytes there
 *
 * Context: Any.
 * Return: 0; -EPROTO (not a greeting, or damaged), -EPROTONOSUPPORT (another
 * version), -EXDEV (another cluster, or other founders), -EINVAL (wrong node).
 */
int kqd_hello_decode(const struct kquorum_hello *wire, uint32_t self, uint64_t cluster,
		     struct kqd_hello *h, char *why, size_t whylen)
{
	uint32_t from = le32_to_cpu(wire->from), to = le32_to_cpu(wire->to);
	int rc = kqd_hello_head(wire, why, whylen);

	if (rc)
		return rc;
	if (le16_to_cpu(wire->length) != sizeof(*wire)) {
		snprintf(why, whylen, "its greeting claims %u bytes instead of %zu",
			 le16_to_cpu(wire->length), sizeof(*wire));
		return -EPROTO;
	}
	if (le32_to_cpu(wire->crc) != kq_crc(0, wire, offsetof(struct kquorum_hello, crc))) {
		snprintf(why, whylen, "its greeting arrived damaged (CRC32C)");
		return -EPROTO;
	}
	if (wire->zero || le32_to_cpu(wire->past.flags) & ~KQUORUM_PAST_EMPTY) {
		snprintf(why, whylen, "its greeting uses fields that this node does not know");
		return -EPROTO;
	}
	if (le64_to_cpu(wire->cluster) != cluster) {
		snprintf(why, whylen,
			 "it is of another cluster, or has other founders (%016" PRIx64
			 ", here %016" PRIx64 ")", (uint64_t)le64_to_cpu(wire->cluster), cluster);
		return -EXDEV;
	}
	if (to != self) {
		snprintf(why, whylen, "it wants node %u, this is node %u", to, self);
		return -EINVAL;
	}
	if (from == self) {
		snprintf(why, whylen, "it says that it is this node, %u, itself", self);
		return -EINVAL;
	}
	if (!hello_node(from)) {
		snprintf(why, whylen, "it says that it is node %u, which there cannot be", from);
		return -EINVAL;
	}
	if (!wire->past.incarnation || !wire->past.identity) {
		snprintf(why, whylen, "its greeting names no identity or no incarnation");
		return -EPROTO;
	}
	if (!hello_name(wire->name)) {
		snprintf(why, whylen, "its greeting says no name that a node can have");
		return -EPROTO;
	}
	*h = (struct kqd_hello) {
		.from = from,
		.to = to,
		.cluster = cluster,
		.past = wire->past,
		.known = le64_to_cpu(wire->known),
		.identity = le64_to_cpu(wire->identity),
		.whose = le32_to_cpu(wire->whose),
	};
	memcpy(h->name, wire->name, sizeof(h->name));
	return 0;
}

/* Is the start in which a peer met this node last, @known, one that the files here know of? */
static bool hello_remembers(const struct kquorum_past *past, uint64_t known)
{
	unsigned int i;

	if (!known || known == le64_to_cpu(past->incarnation) ||
	    (uint32_t)known == le32_to_cpu(past->met))
		return true;
	for (i = 0; i < KQUORUM_STARTS; i++)
		if (past->starts[i] && (uint32_t)known == le32_to_cpu(past->starts[i]))
			return true;
	return false;
}

/**
 * kqd_hello_disowns() - is this node not the one that the other side knows?
 * @h: its greeting
 * @past: of this node, for that peer
 * @joins: this node was made for a cluster that ran, and not to begin one
 * @why: set to the reason
 * @whylen: bytes there
 *
 * The module of the peer decides; this is for saying so where it can be mended.
 *
 * Context: Any.
 * Return: true: the files here were set back, or are new ones under an old name.
 */
bool kqd_hello_disowns(const struct kqd_hello *h, const struct kquorum_past *past, bool joins,
		       char *why, size_t whylen)
{
	unsigned long long now = le64_to_cpu(past->incarnation) >> KQUORUM_INCARNATION_SALT;
	unsigned long long met = h->known >> KQUORUM_INCARNATION_SALT;
	uint64_t identity = le64_to_cpu(past->identity);

	if (h->identity && h->identity != identity &&
	    le32_to_cpu(past->flags) & KQUORUM_PAST_EMPTY) {
		/* Not longer than the module keeps: KQD_NOTE_MAX. */
		snprintf(why, whylen, "%s", joins ?
			 "it knows other files under this number: bring those back, or, on the "
			 "leader, kquorum member replace (or add), and join anew" :
			 "it knows other files than these, which are new: bring those back, or, "
			 "on the leader, kquorum member replace NAME NAME=ADDR");
		return true;
	}
	if (h->whose != (uint32_t)identity || hello_remembers(past, h->known))
		return false;
	if (met < now)
		snprintf(why, whylen, "it met another start %llu of this node than these files had: bring "
			 "those of then back", met);
	else if (met == now)
		snprintf(why, whylen, "it met another start %llu of this node: another machine has its files: "
			 "stop one; or these are older: bring newer ones back", met);
	else
		snprintf(why, whylen, "it met start %llu of this node, these files make it start %llu: bring "
			 "newer ones back", met, now);
	return true;
}
