/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libkquorum share. */
#ifndef KQUORUM_LIB_INTERNAL_H
#define KQUORUM_LIB_INTERNAL_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "libkquorum.h"

#define KQUORUM_REQUEST_BYTES	(64 * 1024)	/* NODE_START with 1024 segments takes 10 KiB */
#define KQUORUM_ANSWER_BYTES	(256 * 1024)

struct kquorum {
	struct mnl_socket *nl;
	uint16_t family;
	uint32_t group;		/* of the events */
	unsigned int version;
	uint32_t seq;
	char error[512];
	char *request;		/* KQUORUM_REQUEST_BYTES, then the answer's buffer */
	char *answer;
};

/* netlink.c */
int kq_lib_fail(struct kquorum *k, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct nlmsghdr *kq_lib_request(struct kquorum *k, uint8_t cmd, uint16_t flags);
/*
 * Sends the request and hands each answer to @cb, whose return value below 0
 * ends the exchange and is returned. Checks sequence numbers, reads the ack and
 * the extended ack's text.
 */
int kq_lib_talk(struct kquorum *k, struct nlmsghdr *request,
		int (*cb)(const struct nlmsghdr *answer, void *user), void *user);
bool kq_lib_put_ok(const struct nlmsghdr *request, size_t more);
/* 0, or -EINVAL: no resource can be called so. */
int kq_lib_put_resource(struct kquorum *k, struct nlmsghdr *request, const char *name);

/* handle.c */

/* The descriptor that the answer has. */
int kq_lib_open_handle(struct kquorum *k, struct nlmsghdr *request);

/* Attributes: @table is indexed by type; unknown and malformed ones are left out. */
struct kq_lib_attrs {
	const struct nlattr *table[96];
};

void kq_lib_parse(const struct nlmsghdr *answer, struct kq_lib_attrs *attrs);
void kq_lib_parse_nested(const struct nlattr *nest, struct kq_lib_attrs *attrs);
uint64_t kq_lib_u64(const struct kq_lib_attrs *attrs, unsigned int type, uint64_t otherwise);
uint32_t kq_lib_u32(const struct kq_lib_attrs *attrs, unsigned int type, uint32_t otherwise);
bool kq_lib_u8(const struct kq_lib_attrs *attrs, unsigned int type);
void kq_lib_string(const struct kq_lib_attrs *attrs, unsigned int type, char *buf, size_t size);

#endif /* KQUORUM_LIB_INTERNAL_H */
