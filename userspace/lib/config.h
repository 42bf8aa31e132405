/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kquorum.conf: the INI file of one node, read by the kquorum command and by
 * kquorumd. It is written by `kquorum init` and holds nothing that changes.
 */
#ifndef KQUORUM_CONFIG_H
#define KQUORUM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/kquorum.h>

#include "libkquorum.h"

#define KQUORUM_CONFIG_FILE	"kquorum.conf"
/* A mark beside it, once the cluster has begun: who lost its log then must not begin another. */
#define KQUORUM_FOUNDED_FILE	"founded"
#define KQUORUM_SEED_FILE	"seed"
#define KQUORUM_STATE_DIR	"/var/lib/kquorum"

/* "[" host "]:65535" has to fit into KQUORUM_ADDRESS_MAX. */
#define KQUORUM_HOST_MAX	(KQUORUM_ADDRESS_MAX - 8)

#define KQUORUM_DEFAULT_HEARTBEAT_MS	100
#define KQUORUM_DEFAULT_ELECTION_MS	1000
#define KQUORUM_DEFAULT_LEASE_MS	10000
#define KQUORUM_DEFAULT_DELTA_MS	250
#define KQUORUM_DEFAULT_DRIFT_PPM	500
#define KQUORUM_DEFAULT_SEGMENT_BYTES	(64U << 20)
#define KQUORUM_DEFAULT_SEGMENTS	8
#define KQUORUM_DEFAULT_SNAPSHOT_PERCENT 50
#define KQUORUM_DEFAULT_SNAPSHOT_ENTRIES 100000U
#define KQUORUM_MIN_SNAPSHOT_RATE	65536U
#define KQUORUM_DEFAULT_SCRUB_HOURS	168U	/* a week */
#define KQUORUM_DEFAULT_SCRUB_RATE	(8U << 20)
#define KQUORUM_MIN_SCRUB_RATE		65536U
#define KQUORUM_MIN_SEGMENT_BYTES	(256U << 10)
#define KQUORUM_MAX_SEGMENT_BYTES	(1U << 30)
#define KQUORUM_MIN_SEGMENTS		2

struct kquorum_address {
	char host[KQUORUM_HOST_MAX + 1];	/* IPv6 without its brackets */
	uint16_t port;
};

struct kquorum_config_member {
	uint32_t id;		/* 1..; 0 until it is numbered */
	char name[KQUORUM_NODE_NAME_MAX + 1];
	struct kquorum_address address;
};

struct kquorum_config {
	char name[KQUORUM_NODE_NAME_MAX + 1];	/* the cluster's name */
	uint64_t cluster_id;			/* never 0 */
	uint32_t node_id;			/* this node's, looked up in members[] */
	char node_name[KQUORUM_NODE_NAME_MAX + 1];
	struct kquorum_address listen;
	struct kquorum_address advertise;	/* this node's address in members[] */
	unsigned int n_members;			/* this node too */
	struct kquorum_config_member members[KQUORUM_MAX_NODES];	/* by id */
	/* It joins: nodes 1 to this began the cluster. 0: the members are to begin it, or did. */
	uint32_t founders;
	bool founded;				/* KQUORUM_FOUNDED_FILE is there */
	bool seeded;				/* KQUORUM_SEED_FILE is there */
	bool survivor;				/* to be started only to give its state away */
	uint32_t heartbeat_ms;
	uint32_t election_ms;
	uint32_t lease_ms;
	uint32_t delta_ms;
	uint32_t drift_ppm;
	uint32_t segment_bytes;
	uint32_t segments;
	uint32_t snapshot_percent;	/* of the log in use: time for a snapshot */
	uint32_t snapshot_entries;	/* applied since the last one: likewise */
	uint32_t snapshot_rate;		/* bytes per second sent to nodes that lag; 0: no limit */
	uint32_t scrub_every_hours;	/* 0: never */
	uint32_t scrub_rate;		/* bytes read per second */
	uint32_t user_locks;		/* lock handles that one user may have; counts from the node's start */
	uint32_t node_locks;		/* and that there may be in all */
};

/* Everything below returns 0 or a negative errno and, where there is @err, a text. */

void kquorum_config_defaults(struct kquorum_config *c);

/*
 * Reads @path. -EINVAL: the file is wrong; the text begins with "PATH:LINE: ".
 * Other errors are those of opening and reading it.
 */
int kquorum_config_read(const char *path, struct kquorum_config *c, char *err, size_t errlen);

/*
 * Reads a file for a whole cluster, the same on all of its machines: what kquorum.conf has but for
 * [node], and id in [cluster] may be left out (cluster_id is 0 then). The members have numbers.
 */
int kquorum_config_read_plan(const char *path, struct kquorum_config *c, char *err, size_t errlen);

/* Writes what kquorum_config_read() reads. -EIO when the stream failed. */
int kquorum_config_write(FILE *f, const struct kquorum_config *c);

/*
 * Numbers the members by the natural order of their names, and finds node_id. In a cluster that
 * has grown, of which @founders are told, all of them must have numbers already.
 */
int kquorum_config_number(struct kquorum_config *c, char *err, size_t errlen);

/* With which a cluster begins that it founds. */
struct kquorum_settings kquorum_config_settings(const struct kquorum_config *c);

/* Checks what holds between the values; called by kquorum_config_read(). */
int kquorum_config_check(const struct kquorum_config *c, char *err, size_t errlen);

/* HOST, HOST:PORT, [V6] or [V6]:PORT; without a port it is KQUORUM_PORT. */
int kquorum_address_parse(const char *text, struct kquorum_address *a, char *err, size_t errlen);

/* Prints HOST:PORT or [V6]:PORT into @buf of at least KQUORUM_ADDRESS_MAX + 1 bytes. */
void kquorum_address_format(const struct kquorum_address *a, char *buf, size_t len);

/* A name of a node or a cluster: 1..31 of A-Z a-z 0-9 . _ -, first a letter or digit. */
int kquorum_name_check(const char *name);

/* strcmp(), but runs of digits count as numbers: n2 < n10. */
int kquorum_name_compare(const char *a, const char *b);

/* Where node id @id is in members[], NULL when there is none. */
const struct kquorum_config_member *kquorum_config_member(const struct kquorum_config *c,
							  uint32_t id);

#endif /* KQUORUM_CONFIG_H */
