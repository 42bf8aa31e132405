/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one clock of the node: raw monotonic time plus the time spent suspended.
 *
 * Wall time must not matter. CLOCK_BOOTTIME would count suspended time too, but NTP
 * steers its rate (chrony by up to 8 %), which would stretch a lease; the raw clock is
 * steered by nobody.
 */
#ifndef KQ_CLOCK_H
#define KQ_CLOCK_H

#include <linux/timekeeping.h>

/* Nanoseconds. Context: any but NMI. */
static inline u64 kq_clock(void)
{
	return ktime_get_raw_ns() + ktime_to_ns(ktime_mono_to_any(0, TK_OFFS_BOOT));
}

#endif /* KQ_CLOCK_H */
