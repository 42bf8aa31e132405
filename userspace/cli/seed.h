/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The snapshot with which a history begins that comes from another one, without I/O. The module's
 * part is kmod/core/kq_seed.c.
 */
#ifndef KQUORUM_CLI_SEED_H
#define KQUORUM_CLI_SEED_H

#include "../../kmod/core/kq_settings.h"
#include "../../kmod/core/kq_snap_format.h"

/* Indexes, and with them tokens, go on above all that the other history may have had. */
#define SEED_JUMP	(1ULL << 40)
/* A token is an index shifted by 12 bits, and has 64. */
#define SEED_INDEX_MAX	(1ULL << 51)
#define SEED_TOKEN_SHIFT 12

/* What was said of a resource. */
struct seed_pool {
	uint32_t units, max_waiters, ttl_ms, hold_ms, uid, gid;
	uint16_t mode;
	bool fenced;
	uint8_t name_len;		/* 1..127 */
	char name[127];
};

/**
 * struct seed - what the new history is to be
 * @cluster: its cluster id
 * @origin: of its log, and the identity of its first node's files: chance, not 0
 * @node: number of its only voter
 * @name: of that one
 * @address: of that one
 * @index: with which it begins; 0: SEED_JUMP above the other
 * @how: enum kquorum_lineage_how
 * @before: settings of the other history, as its configuration has them
 * @now: likewise
 * @pool: what was said of resources there, and goes on to be so
 * @pools: how many
 */
struct seed {
	uint64_t cluster;
	uint64_t origin;
	uint32_t node;
	const char *name;
	const char *address;
	uint64_t index;
	uint32_t how;
	struct kq_settings before, now;
	const struct seed_pool *pool;
	size_t pools;
};

/**
 * seed_index() - with which index does it begin?
 * @from: head of a snapshot of the other history
 * @want: what is asked for
 *
 * Return: the index; 0: it is not above the other's, or too high for tokens.
 */
uint64_t seed_index(const struct kq_snap_head *from, const struct seed *want);

/**
 * seed_make() - the snapshot it begins with
 * @from: head of a snapshot of the other history
 * @want: what it is to be
 * @data: set to its bytes, for free()
 * @ref: set to which it is
 *
 * Sessions and claims are not part of it: whoever held something has it no more. What was said of
 * resources is.
 *
 * Return: 0; -ERANGE: see seed_index(); -EINVAL: no configuration can hold name or address; -ENOMEM.
 */
int seed_make(const struct kq_snap_head *from, const struct seed *want, void **data,
	      struct kq_snap_ref *ref);

#endif /* KQUORUM_CLI_SEED_H */
