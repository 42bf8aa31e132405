/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading a snapshot outside of the module: its bytes, in pieces of any size, become records that
 * are checked and unpacked. A record is handed over as soon as its frame is there, before the end
 * is known to be good: whoever acts on what is in a snapshot has to wait for
 * snapshot_reader_end(), or call snapshot_file_read() twice.
 */
#ifndef KQUORUM_CLI_SNAPSHOT_FILE_H
#define KQUORUM_CLI_SNAPSHOT_FILE_H

#include "cli.h"
#include "kq_conf.h"
#include "kq_snap_format.h"

#define SNAPSHOT_TOKEN_SHIFT	12	/* of a token; above it is the index of the entry that granted it */

/* The configuration, and of which entry of the log. */
struct snapshot_conf {
	uint64_t index, term;
	struct kq_conf conf;
	/* As the entry has it, checked: kq_conf_member(), kq_conf_left() find their ways in it. */
	const void *payload;
	uint32_t bytes;
};

struct snapshot_session {
	uint32_t node;
	bool silent;
	uint64_t id;		/* 0: over */
	uint64_t last_id;	/* the newest that ever was */
	uint64_t left_ns;	/* when it is silent */
	uint64_t settled;
	uint64_t applied[KQ_SNAP_WINDOW];
};

struct snapshot_claim {
	uint64_t session, owner, index;
	uint64_t token;		/* 0: it waits */
	uint32_t node, pid;
	char comm[KQUORUM_COMM_MAX + 1];
	uint32_t mode;		/* enum kquorum_claim_mode */
	uint32_t units;		/* with KQUORUM_CLAIM_MODE_UNITS: how many */
	__u64 numbers[KQUORUM_NUMBERED / 64];	/* bit n of the whole: it has unit n */
	uint32_t ttl_ms, hold_ms;	/* 0: none */
	uint32_t uid;
	bool evicted;
	uint32_t drain_ms;	/* with that */
	/* Both end with NUL, and may have others. */
	char resource[KQUORUM_RESOURCE_NAME_MAX + 1];
	uint32_t resource_bytes;
	char info[KQUORUM_INFO_MAX + 1];
	uint32_t info_bytes;
};

/* What was said of a resource. */
struct snapshot_pool {
	uint64_t index;		/* of the entry that did it */
	uint32_t units;
	uint32_t max_waiters;	/* 0: as many as there is room for */
	uint32_t ttl_ms, hold_ms;	/* 0: none */
	uint32_t uid, gid, mode;
	bool fenced;
	uint64_t fence;		/* the highest token that it was shown; 0: none */
	char resource[KQUORUM_RESOURCE_NAME_MAX + 1];	/* as above */
	uint32_t resource_bytes;
};

struct snapshot_record {
	enum kq_snap_type type;		/* which of these it is */
	union {
		struct snapshot_conf conf;
		struct snapshot_session session;
		struct snapshot_claim claim;
		struct snapshot_pool pool;
	};
};

/*
 * The configuration comes first, if there is one, then at most one session for each node, then
 * the claims and what was said of resources, in no order. What is pointed to is valid in the callback. A return value other than
 * 0 ends reading, and is returned there.
 */
typedef int (*snapshot_record_cb)(const struct snapshot_record *r, void *user);

struct snapshot_reader {
	struct kq_snap_reader raw;	/* .head, .ref: which it is, once it has ended */
	snapshot_record_cb cb;
	void *user;
	int stopped;			/* what the callback returned */
	int error;			/* 0; as kq_snap_format.h says; others: it cannot be read */
	char why[160];			/* with @error, for a person */
	uint64_t offset;		/* with @error: of the piece that is wrong, or of the end */
	bool has_conf;
	struct kq_settings before, now;	/* with that */
	uint64_t session[KQUORUM_MAX_NODES + 1];	/* by node, 0: none */
	uint32_t sessions;		/* nodes in it that have one, over or not: bit n */
	uint64_t open_sessions, claims, held, pools;
};

/* @cluster_id: whose it must be, 0: whoever's. @cb: NULL: it is only checked. */
void snapshot_reader_init(struct snapshot_reader *r, uint64_t cluster_id, snapshot_record_cb cb,
			  void *user);
/* The next bytes. 0, @r->error, or what the callback returned; the same again from then on. */
int snapshot_reader_feed(struct snapshot_reader *r, const void *data, size_t len);
/* Nothing more comes: is it whole? Likewise. */
int snapshot_reader_end(struct snapshot_reader *r);

/* Reads from descriptor @fd to its end: all of the above in one call, with @r initialised. */
int snapshot_file_read(struct snapshot_reader *r, int fd);

/* Reads file @path, "-": the standard input. 0, @r->error, or what the callback returned. */
int snapshot_path_read(struct snapshot_reader *r, const char *path);

/* In a word what @error is, with stable names: "damaged", "cut_off", ... */
const char *snapshot_error_name(int error);
/* What to do about it, for a person; "": nothing that could be said. */
const char *snapshot_error_hint(int error);
/* The exit code for it; for 0 too. */
int snapshot_exit_code(int error);

#endif /* KQUORUM_CLI_SNAPSHOT_FILE_H */
