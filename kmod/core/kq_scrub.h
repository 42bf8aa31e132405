/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A scrub: recovery of the log on disk is rehearsed while the log is in use, on a log of its own
 * that is thrown away. What the next start would miss is in memory still, and is written again.
 *
 *	kq_core_scrub_begin(); kq_scrub_create()	no segment is recycled from here on
 *	kq_scrub_head() for each slot; while kq_scrub_next() gives one, kq_scrub_segment()
 *	kq_scrub_result()
 *	kq_core_scrub_rewrite() for each gap, or kq_core_scrub_mend() and once more from the start
 *	kq_core_scrub_end()
 */
#ifndef KQ_SCRUB_H
#define KQ_SCRUB_H

#include "kq_core.h"

#define KQ_SCRUB_GAPS	256

/**
 * struct kq_scrub_gap - entries that a start would miss
 * @first: log index
 * @last: likewise
 */
struct kq_scrub_gap {
	u64 first;
	u64 last;
};

/**
 * struct kq_scrub - one pass over the log on disk
 * @wal: what recovery makes of it
 * @extent: as far as the log went when it began
 * @gap: what is missing, in order. Should there be more than fit, two are taken for one with what
 *	is between them: an entry that is not missing is written again, which does no harm
 * @count: how many
 */
struct kq_scrub {
	struct kq_wal *wal;
	struct kq_wal_extent extent;
	struct kq_scrub_gap gap[KQ_SCRUB_GAPS];
	u32 count;
};

/* The pass: touches no core. */
struct kq_scrub *kq_scrub_create(const struct kq_core *core);
void kq_scrub_destroy(struct kq_scrub *scrub);
bool kq_scrub_reads(const struct kq_scrub *scrub, u32 slot);
u32 kq_scrub_segments(const struct kq_scrub *scrub);
int kq_scrub_head(struct kq_scrub *scrub, u32 slot, void *data);
int kq_scrub_next(struct kq_scrub *scrub);
int kq_scrub_segment(struct kq_scrub *scrub, u32 slot, void *data);
int kq_scrub_result(struct kq_scrub *scrub, struct kq_wal_report *report);
int kq_scrub_entry(void *ctx, const struct kq_record *rec, const void *payload);

#endif /* KQ_SCRUB_H */
