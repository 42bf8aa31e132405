// SPDX-License-Identifier: GPL-2.0
/* Settings: whether they can be used, what follows from two that overlap, what a lease costs. */
#include "kq_break.h"
#include "kq_settings.h"

/**
 * kq_settings_check() - can these settings be used?
 * @set: as they were read or asked for
 *
 * Return: NULL: yes; else what is wrong, for a person.
 */
const char *kq_settings_check(const struct kq_settings *set)
{
	if (set->heartbeat_ms < KQUORUM_HEARTBEAT_MS_MIN ||
	    set->heartbeat_ms > KQUORUM_HEARTBEAT_MS_MAX)
		return "heartbeat_ms must be from 5 to 10000";
	if (set->election_ms < 3 * set->heartbeat_ms)
		return "election_ms must be at least 3 times heartbeat_ms";
	if (set->election_ms > KQUORUM_ELECTION_MS_MAX)
		return "election_ms is over 300000";
	if (set->lease_ms <= 2 * set->heartbeat_ms)
		return "lease_ms must be more than 2 times heartbeat_ms";
	if (set->lease_ms > KQUORUM_LEASE_MS_MAX)
		return "lease_ms is over 3600000";
	if (set->delta_ms >= set->lease_ms)
		return "delta_ms must be less than lease_ms";
	if (set->drift_ppm > KQUORUM_DRIFT_PPM_MAX)
		return "drift_ppm is over 100000";
	return NULL;
}

/**
 * kq_settings_same() - are they the same?
 * @a: settings
 * @b: settings
 *
 * Return: true if so.
 */
bool kq_settings_same(const struct kq_settings *a, const struct kq_settings *b)
{
	return a->heartbeat_ms == b->heartbeat_ms && a->election_ms == b->election_ms &&
		a->lease_ms == b->lease_ms && a->delta_ms == b->delta_ms &&
		a->drift_ppm == b->drift_ppm;
}

/**
 * kq_settings_read() - settings as a configuration has them
 * @set: filled in; for kq_settings_check()
 * @from: in an entry
 */
void kq_settings_read(struct kq_settings *set, const struct kquorum_conf_settings *from)
{
	set->heartbeat_ms = le32_to_cpu(from->heartbeat_ms);
	set->election_ms = le32_to_cpu(from->election_ms);
	set->lease_ms = le32_to_cpu(from->lease_ms);
	set->delta_ms = le32_to_cpu(from->delta_ms);
	set->drift_ppm = le32_to_cpu(from->drift_ppm);
}

/**
 * kq_settings_write() - settings into a configuration
 * @set: settings
 * @to: in an entry
 */
void kq_settings_write(const struct kq_settings *set, struct kquorum_conf_settings *to)
{
	*to = (struct kquorum_conf_settings){
		.heartbeat_ms = cpu_to_le32(set->heartbeat_ms),
		.election_ms = cpu_to_le32(set->election_ms),
		.lease_ms = cpu_to_le32(set->lease_ms),
		.delta_ms = cpu_to_le32(set->delta_ms),
		.drift_ppm = cpu_to_le32(set->drift_ppm),
	};
}

/**
 * kq_settings_effective() - what to go by while settings overlap
 * @before: that were replaced; the same as @now when none overlap
 * @now: that were asked for last
 * @eff: filled in
 *
 * The shorter of what a node takes for itself, the longer of what it promises: kq_overlap.c.
 */
void kq_settings_effective(const struct kq_settings *before, const struct kq_settings *now,
			   struct kq_effective *eff)
{
	if (KQ_BREAK(SETTINGS_AT_ONCE))
		before = now;
	*eff = (struct kq_effective){
		.heartbeat_ms = min(before->heartbeat_ms, now->heartbeat_ms),
		.count_ms = min(before->election_ms, now->election_ms),
		.election_ms = max(before->election_ms, now->election_ms),
		.lease_ms = min(before->lease_ms, now->lease_ms),
		.held_ms = max(before->lease_ms, now->lease_ms),
		.delta_ms = max(before->delta_ms, now->delta_ms),
		.drift_ppm = max(before->drift_ppm, now->drift_ppm),
	};
	if (KQ_BREAK(PROMISE_SHORT))
		eff->held_ms = now->lease_ms;
}

/**
 * kq_settings_promise_ns() - how long a leader waits before it lets a session expire
 * @eff: what it goes by
 *
 * P = (1+rho)(L/(1-rho) + 2 Delta): so the next holder starts at least 2 Delta
 * after the deadline of the last, for clocks whose rates are within rho.
 *
 * Return: the promise.
 */
u64 kq_settings_promise_ns(const struct kq_effective *eff)
{
	u64 lease = (u64)eff->held_ms * KQ_NS_PER_MS;
	u64 delta = (u64)eff->delta_ms * KQ_NS_PER_MS;
	u32 million = 1000000;

	if (KQ_BREAK(GUARD))
		return lease / 2;
	if (KQ_BREAK(DRIFT))
		return lease + 2 * delta;
	lease = div_u64(lease, million - eff->drift_ppm) * million + million;
	if (!KQ_BREAK(NO_GUARD))
		lease += (KQ_BREAK(DELTA) ? 1 : 2) * delta;
	return div_u64(lease, million) * (million + eff->drift_ppm) + million + eff->drift_ppm;
}
