/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames between kq-exec (host) and kq-agent (guest) on a virtio-serial port.
 *
 * A port is a byte stream that outlives its users: a client that dies leaves half a frame
 * behind. So every frame starts with a magic number that the reader searches for, and carries the
 * session that the client drew at random; frames of another session are thrown away.
 *
 * Both ends run on the same machine: native byte order.
 */
#ifndef KQ_VMTOOLS_FRAME_H
#define KQ_VMTOOLS_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAGIC		0x3158516bU	/* "kQX1" */
#define FRAME_PAYLOAD_MAX	(256U << 10)

enum frame_type {
	/* host to guest */
	FRAME_REQUEST	= 'R',	/* see kq-exec: cwd, number of variables, variables, argv */
	FRAME_STDIN	= 'I',
	FRAME_STDIN_EOF	= 'C',
	FRAME_SIGNAL	= 'S',	/* payload: signal number, 32 bits */
	/* guest to host */
	FRAME_HELLO	= 'H',	/* the request has arrived */
	FRAME_STDOUT	= 'O',
	FRAME_STDERR	= 'E',
	FRAME_EXIT	= 'X',	/* payload: wait status, 32 bits; the last frame of a session */
};

struct frame {
	uint32_t magic;
	uint32_t session;
	uint32_t type;
	uint32_t len;		/* bytes of payload that follow */
};

struct frame_reader {
	unsigned char *buf;
	size_t used;
	size_t size;
};

static inline int frame_reader_init(struct frame_reader *r)
{
	r->size = sizeof(struct frame) + FRAME_PAYLOAD_MAX + 65536;
	r->used = 0;
	r->buf = malloc(r->size);
	return r->buf ? 0 : -1;
}

static inline void frame_reader_drop(struct frame_reader *r, size_t n)
{
	r->used -= n;
	memmove(r->buf, r->buf + n, r->used);
}

/* Point @payload at the payload of the first whole frame; skips what is no frame. */
static inline int frame_reader_peek(struct frame_reader *r, struct frame *f,
				    unsigned char **payload)
{
	size_t skip = 0;
	int found = 0;

	while (r->used - skip >= sizeof(*f)) {
		memcpy(f, r->buf + skip, sizeof(*f));
		if (f->magic == FRAME_MAGIC && f->len <= FRAME_PAYLOAD_MAX) {
			found = 1;
			break;
		}
		skip++;
	}
	if (skip)
		frame_reader_drop(r, skip);
	if (!found || r->used < sizeof(*f) + f->len)
		return 0;
	*payload = r->buf + sizeof(*f);
	return 1;
}

#endif /* KQ_VMTOOLS_FRAME_H */
