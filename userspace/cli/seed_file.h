/* SPDX-License-Identifier: GPL-2.0 */
/* A node's directory whose history begins with a snapshot made from another one's. */
#ifndef KQUORUM_CLI_SEED_FILE_H
#define KQUORUM_CLI_SEED_FILE_H

#include "init.h"
#include "seed.h"
#include "snapshot_file.h"

/* What restore and recover have in common: @from is where it comes from. */
struct seeding {
	struct kq_snap_head from;
	struct seed_pool *pool;		/* of @want, as they are read */
	size_t room;
	struct seed want;		/* .index and .how are given, the rest follows from the node */
	struct kq_snap_ref ref;		/* of the snapshot that was made */
};

/* For snapshot_reader_init() with a struct seeding: keeps what goes on. */
int seed_take(const struct snapshot_record *r, void *seeding);
/* What is known of the other history, @reader has read to its end. */
void seed_from(struct seeding *s, const struct snapshot_reader *reader);
/* Makes the directory that @in describes, with the snapshot in it. 0 or an exit code. */
int seed_directory(struct init *in, struct seeding *s);
/* What it comes from and begins with, for JSON. */
void seed_json(cJSON *o, const struct seeding *s);
/* How long nothing is granted after its start. */
uint64_t seed_wait_ns(const struct kquorum_config *c);
/* What to run next, a line for each. */
void seed_print_next(const struct init *in);

#endif /* KQUORUM_CLI_SEED_FILE_H */
