/* SPDX-License-Identifier: GPL-2.0 */
/* The lines that make other machines nodes: of a new cluster, and of one that runs. */
#ifndef KQUORUM_CLI_JOIN_H
#define KQUORUM_CLI_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kquorum_config;
struct kquorum_status;

#define LINE_MAX_BYTES 4096

struct line {
	char text[LINE_MAX_BYTES];
	size_t at;
};

void line_add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The options for what differs from the defaults. */
void line_settings(struct line *l, const struct kquorum_config *c);

/*
 * The --rtt-scale that makes these times, as text of at most FORMAT_MAX bytes. False: none does,
 * for they were written by hand.
 */
bool rtt_scale(uint32_t heartbeat_ms, uint32_t election_ms, char *buf);
/* How many segments have that capacity together. */
unsigned int join_segments(uint64_t capacity_bytes, uint32_t segment_bytes);

/* Who joins, and how the cluster is. */
struct joiner {
	uint32_t id, instead;	/* the member that goes when it comes, 0: none */
	const char *name, *address;
};

/* "kquorum join ...", to be run on the new machine. */
void join_line(struct line *l, const struct kquorum_status *st, const struct joiner *j);
/* What has to be done after that line and before the node is started, "" if nothing. */
void join_remark(struct line *l, const struct kquorum_status *st);

#endif /* KQUORUM_CLI_JOIN_H */
