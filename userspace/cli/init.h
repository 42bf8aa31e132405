/* SPDX-License-Identifier: GPL-2.0 */
/* What the commands share that make a node's directory: init, join, snapshot restore, recover. */
#ifndef KQUORUM_CLI_INIT_H
#define KQUORUM_CLI_INIT_H

#include "cli.h"

enum { OPT_CLUSTER_ID = 256, OPT_SEGMENT_SIZE, OPT_SEGMENTS, OPT_RTT_SCALE, OPT_LEASE, OPT_DELTA,
       OPT_DRIFT, OPT_FORCE, OPT_FOUNDERS, OPT_ID, OPT_INIT_END };

/* What all commands take that make a node, first and last. */
#define INIT_OPTIONS_NODE \
	{ 'n', "name", "NAME", "the cluster's name" }, \
	{ 'N', "node", "NODE", "this node's name, such as n1" }, \
	{ 'l', "listen", "ADDR[:PORT]", "address to listen on; port 7420 unless given" }, \
	{ 'a', "advertise", "ADDR[:PORT]", "address where the others reach it, if another" }

#define INIT_OPTIONS_FILES \
	{ 'd', "dir", "DIR", "default: " KQUORUM_STATE_DIR "/NAME" }, \
	{ OPT_SEGMENT_SIZE, "segment-size", "SIZE", \
	  "bytes in a segment file, a multiple of 4K (default 64M)" }, \
	{ OPT_SEGMENTS, "segments", "N", "how many segment files (default 8)" }

/* What a cluster begins with; in its log from then on. */
#define INIT_OPTIONS_LOG \
	INIT_OPTIONS_FILES, \
	{ OPT_RTT_SCALE, "rtt-scale", "X", "heartbeat and election times X-fold (default 1)" }, \
	{ OPT_LEASE, "lease", "TIME", "session lease (default 10s)" }, \
	{ OPT_DELTA, "delta", "TIME", "largest clock error during a lease (default 250ms)" }, \
	{ OPT_DRIFT, "drift", "PPM", "bound on each clock's rate error (default 500)" }

struct init {
	struct kquorum_config c;
	const char *dir;
	char dir_buf[256], quoted_dir[1024];
	bool joins, given_dir, force, given_id, made_dir;
	bool empty;		/* with @force: what is in its place has nothing, and is down */
	struct {
		char name[KQUORUM_NODE_NAME_MAX + 1];
		uint32_t id;
	} ids[KQUORUM_MAX_NODES];
	unsigned int n_ids;
	/* Puts more into the directory, before the configuration says that it is complete. */
	int (*furnish)(struct init *in);
	void *more;
};

/* Takes one of the options above, for cli_parse(); @user is struct init. */
void init_take(int key, const char *arg, void *user);
/* Where it is to be, unless that was given. */
void init_directory(struct init *in, const char *name);
/* Checks what was given and adds what follows from it; or cli_usage_error(). */
void init_complete(struct init *in);
/* Chance, never 0. */
uint64_t init_random(void);
/* A random cluster id, where none was given. */
void init_choose_id(struct init *in);
/* Makes the directory. 0 or an exit code. */
int init_make(struct init *in);
/* Which node of which cluster it is, and where. */
void init_json(cJSON *o, const struct init *in);

#endif /* KQUORUM_CLI_INIT_H */
