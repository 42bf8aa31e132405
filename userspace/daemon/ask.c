// SPDX-License-Identifier: GPL-2.0
/* What is asked and told before there is a node: see ask.h. All that comes is checked. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../kmod/core/kq_platform.h"
#include "ask.h"

static_assert(sizeof(struct kqd_ask_wire) <= sizeof(struct kquorum_hello),
	      "it is read where a greeting may come");
static_assert(sizeof(struct kqd_told_member_wire) == 128, "part of the wire");
static_assert(sizeof(struct kqd_told_wire) == 2028, "part of the wire");

/* Text that ends, and nothing behind it: it is shown to people. */
static bool is_text(const char *text, size_t size, bool may_be_empty)
{
	size_t n = strnlen(text, size), i;

	if (n == size || (!n && !may_be_empty))
		return false;
	for (i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	for (; i < size; i++)
		if (text[i])
			return false;
	return true;
}

static int check_head(__le64 magic, __le16 version, __le16 length, uint64_t want, size_t size,
		      char *why, size_t whylen)
{
	if (le64_to_cpu(magic) != want) {
		snprintf(why, whylen, "it does not speak kquorum");
		return -EPROTO;
	}
	if (le16_to_cpu(version) != KQD_ASK_VERSION) {
		snprintf(why, whylen, "it asks and answers in version %u, this is version %d",
			 le16_to_cpu(version), KQD_ASK_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (le16_to_cpu(length) != size) {
		snprintf(why, whylen, "it claims %u bytes instead of %zu", le16_to_cpu(length), size);
		return -EPROTO;
	}
	return 0;
}

/**
 * kqd_ask_encode() - write the question
 * @wire: to be filled
 * @cluster: the cluster's name
 */
void kqd_ask_encode(struct kqd_ask_wire *wire, const char *cluster)
{
	*wire = (struct kqd_ask_wire) {
		.magic = cpu_to_le64(KQD_ASK_MAGIC),
		.version = cpu_to_le16(KQD_ASK_VERSION),
		.length = cpu_to_le16(sizeof(*wire)),
	};
	snprintf(wire->cluster, sizeof(wire->cluster), "%s", cluster);
	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kqd_ask_wire, crc)));
}

/**
 * kqd_ask_decode() - check a question
 * @wire: as received, all of it
 * @cluster: set to the cluster's name, KQUORUM_NODE_NAME_MAX + 1 bytes
 * @why: on failure, what was wrong
 * @whylen: bytes there
 *
 * Return: 0; -EPROTO; -EPROTONOSUPPORT: another version.
 */
int kqd_ask_decode(const struct kqd_ask_wire *wire, char *cluster, char *why, size_t whylen)
{
	int rc = check_head(wire->magic, wire->version, wire->length, KQD_ASK_MAGIC, sizeof(*wire),
			    why, whylen);

	if (rc)
		return rc;
	if (le32_to_cpu(wire->crc) != kq_crc(0, wire, offsetof(struct kqd_ask_wire, crc)) ||
	    wire->zero || !is_text(wire->cluster, sizeof(wire->cluster), false)) {
		snprintf(why, whylen, "its question arrived damaged, or makes no sense");
		return -EPROTO;
	}
	memcpy(cluster, wire->cluster, sizeof(wire->cluster));
	return 0;
}

/**
 * kqd_told_encode() - write the answer
 * @wire: to be filled
 * @t: what is told
 */
void kqd_told_encode(struct kqd_told_wire *wire, const struct kqd_told *t)
{
	unsigned int i;

	*wire = (struct kqd_told_wire) {
		.magic = cpu_to_le64(KQD_TOLD_MAGIC),
		.version = cpu_to_le16(KQD_ASK_VERSION),
		.length = cpu_to_le16(sizeof(*wire)),
		.node = cpu_to_le32(t->node),
		.flags = cpu_to_le32((t->begun ? KQD_TOLD_BEGUN : 0) |
				     (t->empty ? KQD_TOLD_EMPTY : 0)),
		.founders = cpu_to_le32(t->founders),
		.cluster_id = cpu_to_le64(t->cluster_id),
		.capacity = cpu_to_le64(t->capacity),
		.gone = cpu_to_le32(t->gone),
		.n = cpu_to_le32(t->n),
	};
	for (i = 0; i < KQD_SETTINGS; i++)
		wire->settings[i] = cpu_to_le32(t->settings[i]);
	memcpy(wire->cluster, t->cluster, sizeof(wire->cluster));
	for (i = 0; i < t->n; i++) {
		struct kqd_told_member_wire *m = &wire->member[i];

		m->identity = cpu_to_le64(t->member[i].identity);
		m->id = cpu_to_le32(t->member[i].id);
		m->flags = cpu_to_le32(t->member[i].member ? KQD_TOLD_MEMBER : 0);
		snprintf(m->name, sizeof(m->name), "%s", t->member[i].name);
		snprintf(m->address, sizeof(m->address), "%s", t->member[i].address);
	}
	wire->crc = cpu_to_le32(kq_crc(0, wire, offsetof(struct kqd_told_wire, crc)));
}

static bool read_member(const struct kqd_told_member_wire *w, struct kqd_told_member *m,
			uint32_t above)
{
	m->id = le32_to_cpu(w->id);
	m->identity = le64_to_cpu(w->identity);
	m->member = le32_to_cpu(w->flags) & KQD_TOLD_MEMBER;
	memcpy(m->name, w->name, sizeof(m->name));
	memcpy(m->address, w->address, sizeof(m->address));
	return m->id > above && m->id <= KQUORUM_MAX_NODES &&
		!(le32_to_cpu(w->flags) & ~KQD_TOLD_MEMBER) &&
		is_text(w->name, sizeof(w->name), !m->member) &&
		is_text(w->address, sizeof(w->address), !m->member);
}

static bool are_nodes(uint32_t set)
{
	return !(set & ~((2u << KQUORUM_MAX_NODES) - 2));
}

static bool read_told(const struct kqd_told_wire *wire, struct kqd_told *t)
{
	uint32_t flags = le32_to_cpu(wire->flags), above = 0;
	unsigned int i;

	if (le32_to_cpu(wire->crc) != kq_crc(0, wire, offsetof(struct kqd_told_wire, crc)) ||
	    flags & ~(KQD_TOLD_BEGUN | KQD_TOLD_EMPTY) ||
	    !is_text(wire->cluster, sizeof(wire->cluster), false))
		return false;
	*t = (struct kqd_told) {
		.node = le32_to_cpu(wire->node),
		.begun = flags & KQD_TOLD_BEGUN,
		.empty = flags & KQD_TOLD_EMPTY,
		.cluster_id = le64_to_cpu(wire->cluster_id),
		.capacity = le64_to_cpu(wire->capacity),
		.founders = le32_to_cpu(wire->founders),
		.gone = le32_to_cpu(wire->gone),
		.n = le32_to_cpu(wire->n),
	};
	for (i = 0; i < KQD_SETTINGS; i++)
		t->settings[i] = le32_to_cpu(wire->settings[i]);
	memcpy(t->cluster, wire->cluster, sizeof(t->cluster));
	if (!t->node || t->node > KQUORUM_MAX_NODES || !t->cluster_id ||
	    t->n > KQUORUM_MAX_NODES || !are_nodes(t->founders) || !are_nodes(t->gone))
		return false;
	for (i = 0; i < t->n; i++) {
		if (!read_member(&wire->member[i], &t->member[i], above))
			return false;
		above = t->member[i].id;
	}
	return true;
}

/**
 * kqd_told_decode() - check an answer
 * @wire: as received, all of it
 * @t: filled when all is well; members rise by number
 * @why: on failure, what was wrong
 * @whylen: bytes there
 *
 * Return: 0; -EPROTO; -EPROTONOSUPPORT: another version.
 */
int kqd_told_decode(const struct kqd_told_wire *wire, struct kqd_told *t, char *why,
		    size_t whylen)
{
	int rc = check_head(wire->magic, wire->version, wire->length, KQD_TOLD_MAGIC,
			    sizeof(*wire), why, whylen);

	if (rc)
		return rc;
	if (read_told(wire, t))
		return 0;
	snprintf(why, whylen, "its answer arrived damaged, or makes no sense");
	return -EPROTO;
}
