/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink commands of the module, for the programs that send them as nobody would: which
 * attributes each has, how each looks when it is right, and mostly, when it is not.
 */
#ifndef FUZZ_NL_H
#define FUZZ_NL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <libmnl/libmnl.h>

#define NL_BUFFER	32768
#define NL_SEGMENTS	4
#define NL_SNAPSHOTS	4
#define NL_HELD		48	/* descriptors that the module gave out */
#define NL_ERRORS	200
#define NL_ATTRS	10	/* of one command, at most */

struct nl_fuzz {
	struct mnl_socket *nl[2];	/* here, and in a namespace without a node */
	uint16_t family;
	bool exact;			/* every attribute as it should be */
	uint64_t random, epoch;
	int segment[NL_SEGMENTS], snapshot[NL_SNAPSHOTS], odd[8], held[NL_HELD];
	uint32_t odds;
	uint64_t sent, answered, granted, error[NL_ERRORS];
};

struct nl_command {
	const char *name;
	uint8_t cmd, weight;
	uint16_t attr[NL_ATTRS];	/* 0 ends */
};

extern struct nl_fuzz f;
extern const struct nl_command nl_commands[];
extern const uint32_t nl_command_count;

uint64_t rnd(uint64_t below);
bool pct(uint32_t p);
void die(const char *what);
struct nlmsghdr *nl_begin(char *buf, uint16_t flags, uint8_t cmd, uint8_t version);
void nl_put(struct nlmsghdr *h, uint16_t type);
void nl_garbage(struct nlmsghdr *h);
void nl_keep(int fd);
bool nl_answer(const char *buf, ssize_t len);
void nl_reopen(struct mnl_socket **nl);
void nl_setup(const char *directory);

#endif /* FUZZ_NL_H */
