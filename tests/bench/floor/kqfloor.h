/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kqfloor.ko and its helper say to each other, on /dev/kqfloor.
 */
#ifndef KQFLOOR_H
#define KQFLOOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KQFLOOR_MESSAGE_MAX	4096	/* bytes */
#define KQFLOOR_SAMPLES_MAX	(1U << 20)

/**
 * struct kqfloor_rtt - bounce a message between two connected TCP sockets
 * @fd: the sockets; each the other's peer
 * @bytes: length of the message, in both directions
 * @count: round trips
 * @samples: address of @count __u32: nanoseconds each
 */
struct kqfloor_rtt {
	__s32 fd[2];
	__u32 bytes;
	__u32 count;
	__u64 samples;
};

/**
 * struct kqfloor_write - overwrite a file durably, one 4 KiB block after the other
 * @fd: the file, open for writing with O_DIRECT, @span bytes of it written before
 * @duration_ms: stop after so long
 * @span: bytes to go round in, a multiple of 4096
 * @count: room for so many samples; set to how many there are
 * @samples: address of them, __u32: nanoseconds each
 */
struct kqfloor_write {
	__s32 fd;
	__u32 duration_ms;
	__u64 span;
	__u32 count;
	__u32 pad;
	__u64 samples;
};

#define KQFLOOR_RTT	_IOW('q', 1, struct kqfloor_rtt)
#define KQFLOOR_WRITE	_IOWR('q', 2, struct kqfloor_write)

#endif /* KQFLOOR_H */
