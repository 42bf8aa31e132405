/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only door between the core and the world it is compiled in: the
 * kernel's own vocabulary, or a small stand-in for it in user space.
 */
#ifndef KQ_PLATFORM_H
#define KQ_PLATFORM_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint-defs.h>
#include <linux/types.h>
#include <asm/byteorder.h>

/*
 * Callers hold a memalloc_noio scope, so this never recurses into I/O. Each of them copes
 * with a failure and says so: the kernel need not warn.
 */
static inline void *kq_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL | __GFP_NOWARN);
}

static inline void kq_free(const void *p)
{
	kvfree(p);
}

DECLARE_TRACEPOINT(kquorum_decision);
#define kq_trace_wanted(core) tracepoint_enabled(kquorum_decision)

#define kq_assert_fail(what) WARN_ONCE(1, "kquorum: invariant broken: %s\n", what)
#else
#include "kq_platform_user.h"
#endif

/* The CRC of the iSCSI polynomial, seeded and finished as on the wire (RFC 3720). */
static inline u32 kq_crc(u32 crc, const void *data, size_t len)
{
	return ~crc32c(~crc, data, len);
}

#define KQ_NS_PER_MS	1000000ULL
#define KQ_NS_PER_SEC	1000000000ULL

#endif /* KQ_PLATFORM_H */
