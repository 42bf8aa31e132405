/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a host and a port to socket addresses, without holding up the loop.
 */
#ifndef KQD_RESOLVE_H
#define KQD_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "loop.h"

struct kqd_address {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	};
};

struct kqd_addresses {
	int gai_error;		/* of getaddrinfo(3), 0 on success */
	unsigned int n;
	struct kqd_address a[8];
};

struct kqd_resolve {
	struct kqd_op read;
	pid_t pid;
	int fd;
	struct kqd_addresses out;
	void (*done)(struct kqd_resolve *r);	/* looks at @out */
};

void kqd_resolve_start(struct kqd_resolve *r, struct kqd_loop *l, const char *host, uint16_t port);
void kqd_resolve_kill(struct kqd_resolve *r);
int kqd_resolve_numeric(const char *host, uint16_t port, struct kqd_addresses *out);

#endif /* KQD_RESOLVE_H */
