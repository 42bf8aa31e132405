/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cluster's lease and clock settings. They stand in the log, in each configuration: what all
 * nodes count on must be the same for all of them, and must not change for one behind another's
 * back. What a node goes by while others replace them is in kq_overlap.c.
 */
#ifndef KQ_SETTINGS_H
#define KQ_SETTINGS_H

#include <linux/kquorum.h>
#include "kq_platform.h"

/**
 * struct kq_settings - what a cluster has agreed on
 * @heartbeat_ms: between two heartbeats of a leader
 * @election_ms: the shortest election timeout
 * @lease_ms: of a session
 * @delta_ms: Delta, the largest further error of a clock during one lease
 * @drift_ppm: bound on the error of each clock's rate
 */
struct kq_settings {
	u32 heartbeat_ms;
	u32 election_ms;
	u32 lease_ms;
	u32 delta_ms;
	u32 drift_ppm;
};

/**
 * struct kq_effective - what a node goes by: of one kind of settings, or of two that overlap
 * @heartbeat_ms: as in struct kq_settings; the shorter
 * @count_ms: for how long a leader counts on a voter whom it told so; the shorter election timeout
 * @election_ms: for how long a voter stands by a leader of its own accord; the longer one
 * @lease_ms: that is granted; the shorter
 * @held_ms: that may have been granted, and is promised for; the longer
 * @delta_ms: the larger
 * @drift_ppm: the larger
 */
struct kq_effective {
	u32 heartbeat_ms;
	u32 count_ms;
	u32 election_ms;
	u32 lease_ms;
	u32 held_ms;
	u32 delta_ms;
	u32 drift_ppm;
};

const char *kq_settings_check(const struct kq_settings *set);
bool kq_settings_same(const struct kq_settings *a, const struct kq_settings *b);
void kq_settings_read(struct kq_settings *set, const struct kquorum_conf_settings *from);
void kq_settings_write(const struct kq_settings *set, struct kquorum_conf_settings *to);
void kq_settings_effective(const struct kq_settings *before, const struct kq_settings *now,
			   struct kq_effective *eff);
u64 kq_settings_promise_ns(const struct kq_effective *eff);

#endif /* KQ_SETTINGS_H */
