/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots to be read, saved by the core itself from a state with something of everything. */
#ifndef KQUORUM_TESTS_CLI_IMAGES_H
#define KQUORUM_TESTS_CLI_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "kq_snap_format.h"

struct bytes {
	uint8_t *data;
	size_t len;
	struct kq_snap_ref ref;
};

#define IMAGE_CLUSTER 77	/* of all of them */

/*
 * n1, n2, n3 vote, n5 is a learner to be promoted, n4 has left. n3 is silent and n1 had a session
 * before. n1 holds "db" (pid 11), n2 and then n1 wait; n2 holds "a\tb"; and @more others are held.
 */
struct bytes image_of_all(unsigned int more);
/*
 * The same nodes. "gpu" has 4 units, at most 9 may wait: n1 has units 0 and 1 ("epoch 3", pid 21), n2 has
 * 2, n3 waits for 4; n1 and n2 share "report"; @more others are defined.
 */
struct bytes image_of_pools(unsigned int more);
/* Before the cluster has begun: no configuration, no sessions. */
struct bytes image_of_nothing(void);

/*
 * A snapshot with right checksums and sums, whatever it says: @records one behind another, each
 * with its header. Its head is that of image_of_all(), but for what follows from the records.
 */
struct bytes image_made(const void *records, size_t len);
/* One record with its header, at the end of @records. Returns the new length. */
size_t record_add(void *records, size_t len, uint16_t type, const void *payload, uint16_t bytes);

/* Does a node take it, the bytes of a snapshot of @cluster? */
int image_restores(const void *data, size_t len, uint64_t cluster);

/* The checksum of its head is made right again. */
void image_seal_head(struct bytes *b);

#endif /* KQUORUM_TESTS_CLI_IMAGES_H */
