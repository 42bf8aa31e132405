/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots on their way between nodes, daemon to daemon.
 */
#ifndef KQD_SHIP_H
#define KQD_SHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "backoff.h"
#include "loop.h"
#include "resolve.h"
#include "shipwire.h"
#include "snapshot.h"
#include "throttle.h"

#define KQD_SHIPS	2	/* under way at a time */
#define KQD_RECEIVES	8	/* connections with an offer; one of them is accepted */

enum kqd_ship_stage {
	KQD_SHIP_WAIT,		/* for the timer */
	KQD_SHIP_RESOLVE,
	KQD_SHIP_CONNECT,
	KQD_SHIP_OFFER,		/* sent, or about to be */
	KQD_SHIP_STREAM,
	KQD_SHIP_OUTCOME,	/* all is sent */
	KQD_SHIP_CLOSING,	/* operations have to end */
};

/* To a peer that lacks what is gone from the log. */
struct kqd_ship {
	struct kqd *d;
	uint32_t peer;			/* 0: none */
	enum kqd_ship_stage stage;
	bool stopped;			/* not needed any more */
	int file;			/* -1: none chosen yet; kept while the peer needs it */
	int fd;				/* -1: none */
	struct kqd_ref ref;		/* of @file */
	struct kqd_resolve resolve;
	struct kqd_op io;		/* connects, reads the file, sends */
	struct kqd_op recv;
	struct kqd_timer limit, next;
	struct kqd_backoff backoff;
	bool by_config;
	unsigned int turn;		/* which of several addresses is next */
	struct kqd_offer_wire offer;
	struct kqd_answer_wire in;
	size_t got;			/* bytes of @in */
	char *buf;
	size_t have, put;		/* bytes to send; of them, sent */
	uint64_t first, at;		/* the first byte that is sent, and the next one to read */
	uint64_t begun_ns;
	uint64_t needed_ns;		/* the module said last that it is needed; 0: it is there */
	uint64_t away_ns;		/* and that the peer is not connected; 0: it always was */
	struct kq_snap_reader *reader;	/* looks at all that is sent when that is all of it */
	char why[192];			/* told last */
};

enum kqd_receive_stage {
	KQD_RECEIVE_OFFER,	/* it is being read */
	KQD_RECEIVE_CHECK,	/* what is here of it already */
	KQD_RECEIVE_STREAM,
	KQD_RECEIVE_PLACE,
	KQD_RECEIVE_SETTLE,	/* the module has it */
	KQD_RECEIVE_LAST,	/* the last word is being said */
};

/* A connection on which a snapshot is offered. */
struct kqd_receive {
	struct kqd *d;
	struct kqd_receive *next;	/* in kqd.receives, oldest first */
	enum kqd_receive_stage stage;
	bool dead;			/* only operations are waited for */
	bool mute;			/* nobody listens any more */
	int fd, file;			/* -1: no file */
	int feed;			/* the module reads @file while it comes; -1: not */
	struct kqd_address address;
	struct kqd_op recv, send, io;
	struct kqd_place place;
	struct kqd_timer limit, pulse;
	struct kqd_offer_wire in;
	size_t got;
	struct kqd_offer offer;
	enum kqd_answer say;		/* next; 0: nothing */
	char why[KQD_ANSWER_WHY];	/* with that */
	struct kqd_answer_wire out;
	size_t sent;
	struct kq_snap_reader *reader;
	char *buf;
	size_t have, put;
	uint64_t at;			/* bytes in the file that are checked */
	uint64_t stored;		/* bytes that were there before */
	uint64_t told;			/* bytes that the disk has been told of */
	uint64_t begun_ns;
	char rest[512];			/* nobody looks at that */
	char part[KQUORUM_SNAPSHOT_NAME_MAX];
	char whole[KQUORUM_SNAPSHOT_NAME_MAX];
};

/* judge.c */
enum kqd_answer kqd_judge_offer(const struct kqd *d, const struct kqd_offer *o, uint64_t stored,
				char *why, size_t whylen);

/* ship.c */
void kqd_ship_init(struct kqd *d);
void kqd_ship_update(struct kqd *d);
void kqd_ship_drop(struct kqd *d);

/* feed.c */
int kqd_feed_open(struct kqd *d, int file);
void kqd_feed_grown(int *fd, uint64_t bytes);
int kqd_feed_whole(int *fd, int file, int named, uint64_t bytes);
void kqd_feed_close(int *fd);

/* receive.c */
void kqd_receive_start(struct kqd *d, int fd, const struct kqd_address *address, const void *bytes,
		       size_t len);
void kqd_receive_update(struct kqd *d);
int kqd_receive_fed(struct kqd *d, const struct kquorum_snapshot_file *file, int named,
		    bool install);
void kqd_receive_settled(struct kqd *d, const struct kquorum_snapshot_file *file, int err,
			 const char *why);
void kqd_receive_drop(struct kqd *d);

#endif /* KQD_SHIP_H */
