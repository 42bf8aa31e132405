/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When this node saves a snapshot, and how fast; no I/O.
 */
#ifndef KQD_POLICY_H
#define KQD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum kqd_policy_why {
	KQD_POLICY_NOT,
	KQD_POLICY_HAND,	/* somebody asked */
	KQD_POLICY_LOST,	/* the file of the one in use is gone or damaged */
	KQD_POLICY_PEER,	/* a node lacks what only a newer one has */
	KQD_POLICY_BYTES,	/* the log fills up */
	KQD_POLICY_ENTRIES,	/* many entries since the last one */
};

struct kqd_policy {
	bool seen;		/* the rest is filled */
	uint64_t index;		/* of the snapshot in use */
	uint64_t used;		/* bytes of the log, the least since that came; 0: it was there */
};

struct kqd_policy_input {
	uint32_t log_percent;	/* of @capacity; the setting */
	uint64_t entries;	/* the setting */
	uint64_t capacity;	/* of the log, bytes */
	uint64_t used;
	bool full;		/* it takes no entries any more */
	uint64_t applied;	/* log index */
	uint64_t index;		/* of the snapshot in use, 0: none */
	uint64_t needed;	/* index that another node needs at least, 0: none does */
	bool by_hand;
	bool lost;
};

struct kqd_policy_pace {
	uint64_t done;		/* bytes of the snapshot */
	uint64_t expected;	/* that it will have, roughly */
	uint64_t room_then;	/* bytes of the log that were free when it was begun */
	uint64_t room;		/* that are free now */
	uint64_t capacity;	/* that it has in all */
};

enum kqd_policy_why kqd_policy_step(struct kqd_policy *p, const struct kqd_policy_input *in);
uint64_t kqd_policy_rest(const struct kqd_policy_pace *in, uint64_t took);
const char *kqd_policy_text(enum kqd_policy_why why);

#endif /* KQD_POLICY_H */
