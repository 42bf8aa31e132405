/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many of each object exist. All are zero again when all is gone; to be read in
 * /sys/module/kquorum/parameters/objects.
 */
#ifndef KQ_OBJECTS_H
#define KQ_OBJECTS_H

#include <linux/atomic.h>

enum kq_object {
	KQ_OBJECT_NODE,
	KQ_OBJECT_PEER,		/* connections */
	KQ_OBJECT_HANDLE,	/* lock handles and append streams */
	KQ_OBJECT_APPEND,	/* appends without a result that was read */
	KQ_OBJECT_BATCH,	/* writes of the log under way */
	KQ_OBJECT_MESSAGE,	/* messages waiting to be sent */
	KQ_OBJECT_COUNT,
};

extern atomic_long_t kq_objects[KQ_OBJECT_COUNT];

static inline void kq_object_add(enum kq_object what, long n)
{
	atomic_long_add(n, &kq_objects[what]);
}

#endif /* KQ_OBJECTS_H */
