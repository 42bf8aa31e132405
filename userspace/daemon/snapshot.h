/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots of this node: the files in its directory, saving, and handing to the module.
 */
#ifndef KQD_SNAPSHOT_H
#define KQD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/snapshots.h"
#include "backoff.h"
#include "loop.h"
#include "policy.h"
#include "status.h"

#define KQD_SNAPSHOT_BUFFER	(256 * 1024)

/*
 * So much is written at most before the disk begins with it, and twice that before it has got it:
 * whoever syncs then, as the log does all the time, has no more than that to wait for.
 */
#define KQD_SNAPSHOT_DIRTY	(128 * 1024)

struct kqd;
struct kq_snap_reader;

/* The node's directory. */
struct kqd_files {
	int dir;			/* locked; -1: not ours, or not yet */
	bool stale;			/* of a node that is gone */
	bool dirty;			/* something happened in it */
	bool pending;			/* @newest is newer than the one in use */
	struct kquorum_snapshot_file newest;	/* that was not refused */
	struct kquorum_snapshot_file refused[KQUORUM_MAX_SNAPSHOT_FDS];	/* for good */
	unsigned int n_refused;
	uint64_t used;			/* index of the one in use when it was looked at */
	uint32_t state;			/* of the node, likewise */
	struct kqd_op remove;
	char removing[KQUORUM_SNAPSHOT_NAME_MAX];
	uint64_t locked_ns;		/* by somebody else since then, 0: not */
	char why[192];			/* told last */
};

/* A file that is written becomes a snapshot: durable first, then under its name. */
struct kqd_place {
	struct kqd *d;
	struct kqd_op op;
	int file;
	bool replace;
	const char *from, *to;
	void (*done)(struct kqd_place *p, int err);
};

struct kqd_save {
	struct kqd *d;
	struct kqd_op io;
	struct kqd_place place;
	int from;			/* the module's end; -1: nothing is being saved */
	int to;				/* -1: no file yet */
	bool dropped;			/* the node is gone */
	struct kq_snap_reader *reader;
	char *buf;
	size_t have, put;		/* bytes in @buf; of them, written */
	uint64_t at;			/* bytes in the file */
	uint64_t told;			/* of them, those the disk has been told of */
	uint64_t begun_ns;
	uint64_t room;			/* bytes of the log that were free then */
	uint64_t expected;		/* bytes that it will have, roughly */
	uint64_t piece_ns;		/* when the last piece was begun */
	struct kqd_timer rest;		/* until the next one */
	char name[KQUORUM_SNAPSHOT_NAME_MAX];	/* while it is written; "": none is */
	char whole[KQUORUM_SNAPSHOT_NAME_MAX];
	struct kqd_backoff backoff;
	uint64_t not_before_ns;
	char why[192];			/* it cannot; told last */
};

/* The newest file is given to the module, which then lets its log refer to it. */
struct kqd_settle {
	struct kqd *d;
	struct kqd_op poll;
	int fd;				/* the module's answer comes there */
	bool install;
	bool dropped;
	struct kquorum_snapshot_file file;
	struct kquorum_snapshot_file taken;	/* the module has that, and makes it durable */
	struct kqd_backoff backoff;
	uint64_t not_before_ns;
	char why[256];			/* told last */
};

struct kqd_snapshots {
	struct kqd_files files;
	struct kqd_save save;
	struct kqd_settle settle;
	struct kqd_policy policy;
	bool by_hand;			/* somebody asks for one */
	bool lost;			/* the file of the one in use is gone */
	uint64_t damaged;		/* index of one in use whose file proved damaged, 0: none */
};

/* snapshot.c */
void kqd_snapshot_init(struct kqd *d);
void kqd_snapshot_update(struct kqd *d);
void kqd_snapshot_drop(struct kqd *d);
void kqd_snapshot_request(struct kqd *d);
void kqd_snapshot_note(struct kqd *d, const char *why);

/* files.c */
void kqd_files_init(struct kqd *d);
bool kqd_files_update(struct kqd *d);
void kqd_files_refuse(struct kqd *d, const struct kquorum_snapshot_file *file);
void kqd_files_forgive(struct kqd *d, const struct kquorum_snapshot_file *file);
int kqd_files_read(const struct kqd *d, const char *name);
int kqd_files_create(const struct kqd *d, const char *name);
bool kqd_write_out(struct kqd *d, struct kqd_op *op, int file, uint64_t at, uint64_t *told);
void kqd_place_start(struct kqd_place *p, struct kqd *d, int file, const char *from,
		     const char *to, bool replace);

/* save.c */
void kqd_save_init(struct kqd *d);
bool kqd_save_may_start(const struct kqd *d);
void kqd_save_start(struct kqd *d, enum kqd_policy_why why);
void kqd_save_settled(struct kqd *d, int err);
void kqd_save_drop(struct kqd *d);

/* settle.c */
void kqd_settle_init(struct kqd *d);
void kqd_settle_update(struct kqd *d);
void kqd_settle_drop(struct kqd *d);

#endif /* KQD_SNAPSHOT_H */
