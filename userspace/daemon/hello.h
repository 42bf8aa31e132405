/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The greeting (struct kquorum_hello): making and checking it, without I/O.
 */
#ifndef KQD_HELLO_H
#define KQD_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kquorum.h>

/* Who greets whom, in host order. */
struct kqd_hello {
	uint32_t from;
	uint32_t to;
	uint64_t cluster;
	struct kquorum_past past;	/* of who greets */
	uint64_t known;			/* incarnation of who is greeted that was met last */
	uint64_t identity;		/* that the configuration has for it, 0: none */
	uint32_t whose;			/* low half of its identity, with @known */
	char name[KQUORUM_NODE_NAME_MAX + 1];	/* what who greets is called, by its own word */
};

#define KQD_HELLO_HEAD	offsetof(struct kquorum_hello, zero)	/* the same in all versions */

void kqd_hello_encode(struct kquorum_hello *wire, const struct kqd_hello *h);
void kqd_hello_claims(const struct kquorum_hello *wire, uint32_t *id,
		      char name[KQUORUM_NODE_NAME_MAX + 1]);
int kqd_hello_head(const struct kquorum_hello *wire, char *why, size_t whylen);
int kqd_hello_decode(const struct kquorum_hello *wire, uint32_t self, uint64_t cluster,
		     struct kqd_hello *h, char *why, size_t whylen);

bool kqd_hello_disowns(const struct kqd_hello *h, const struct kquorum_past *past, bool joins,
		       char *why, size_t whylen);

#endif /* KQD_HELLO_H */
