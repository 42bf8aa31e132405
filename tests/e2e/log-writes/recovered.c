// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery of segment files by the core's own code, in the order in which kmod/recover.c
 * reads them, and the rules for two states of one node's log of which one is older.
 */
#include "recovered.h"

static int deliver(void *ctx, const struct kq_record *rec, const void *payload)
{
	u64 index = le64_to_cpu(rec->index);
	u32 len = le32_to_cpu(rec->len);
	struct recovered *r = ctx;
	struct seen *e;

	/* A loss of power leaves no gaps, and no snapshot is taken here. */
	if (le16_to_cpu(rec->type) == KQ_RECORD_GAP || le16_to_cpu(rec->type) == KQ_RECORD_FILL ||
	    le16_to_cpu(rec->type) == KQ_RECORD_BASE)
		return -EUCLEAN;
	if (!index || index > r->last + 1 || index > ENTRIES_MAX)
		return -E2BIG;
	if (index <= r->last)
		r->replaced += r->last + 1 - index;
	e = &r->entries[index];
	memset(e, 0, sizeof(*e));
	e->term = le64_to_cpu(rec->term);
	e->print = kq_crc(le32_to_cpu(rec->crc), payload, len);
	if (le16_to_cpu(rec->type) == KQ_ENTRY_APPEND)
		memcpy(e->text, payload, min_t(u32, len, TEXT_MAX - 1));
	r->last = index;
	return 0;
}

/**
 * recover() - what would the module find?
 * @r: gets it
 * @files: the segments, one after the other
 * @cluster: whose log
 * @node: likewise
 * @segments: how many files
 * @segment_bytes: of each
 */
void recover(struct recovered *r, const u8 *files, u64 cluster, u32 node, u32 segments,
	     u32 segment_bytes)
{
	struct kq_wal *wal = kq_wal_create(cluster, node, segment_bytes, segments);
	int slot, err = 0;

	r->last = 0;
	r->replaced = 0;
	if (!wal) {
		r->error = -ENOMEM;
		return;
	}
	for (slot = 0; !err && slot < (int)segments; slot++)
		err = kq_wal_scan_header(wal, slot, files + (u64)slot * segment_bytes);
	while (!err && (slot = kq_wal_next_segment(wal)) >= 0)
		err = kq_wal_scan_segment(wal, slot, files + (u64)slot * segment_bytes,
					  segment_bytes, deliver, r);
	r->error = kq_wal_scan_end(wal, &r->report);
	kq_wal_destroy(wal);
}

void recovered_copy(struct recovered *to, const struct recovered *from)
{
	memcpy(to, from, offsetof(struct recovered, entries) +
	       (from->last + 1) * sizeof(from->entries[0]));
}

/**
 * recovered_bad() - after a loss of power, is this what a node may find?
 * @r: what it finds
 *
 * Return: NULL, or what is wrong.
 */
const char *recovered_bad(const struct recovered *r)
{
	if (r->error)
		return "recovery ends with an error";
	if (r->report.health == KQ_WAL_DAMAGED || r->report.health == KQ_WAL_GAPS)
		return "recovery says: damaged";
	if (!r->report.vote_known)
		return "the vote is not known";
	if (r->report.last_index != r->last || r->report.claimed_index != r->last)
		return "the log ends elsewhere than its headers say";
	return NULL;
}

/**
 * recovered_forgot() - is anything gone that was durable before?
 * @before: at an earlier moment
 * @r: later
 * @committed: index up to which nothing may ever change
 *
 * Return: NULL, or what is wrong.
 */
const char *recovered_forgot(const struct recovered *before, const struct recovered *r,
			     u64 committed)
{
	const struct kq_hard_state *was = &before->report.hs, *is = &r->report.hs;
	u64 i;

	if (is->term < was->term)
		return "the term fell";
	if (is->term == was->term && was->vote && is->vote != was->vote)
		return "the vote changed within a term";
	if (is->incarnation < was->incarnation)
		return "the incarnation fell";
	if (was->identity && is->identity != was->identity)
		return "its identity changed";
	for (i = 1; i <= KQ_MAX_NODES; i++)
		if (kq_incarnation_start(is->peer[i]) < kq_incarnation_start(was->peer[i]))
			return "a start of a peer is forgotten";
	if (is->promise_ns < was->promise_ns)
		return "a promise is forgotten";
	for (i = 1; i <= before->last && i <= r->last; i++)
		if (before->entries[i].term != r->entries[i].term ||
		    before->entries[i].print != r->entries[i].print)
			break;
	if (i > before->last)
		return NULL;
	if (i <= committed)
		return "a committed entry changed or is gone";
	/* A log gets shorter only where the leader of a later term put something else. */
	if (i > r->last)
		return "an entry is gone";
	if (is->term <= before->entries[i].term)
		return "an entry changed in the term that made it";
	return NULL;
}
