/* SPDX-License-Identifier: GPL-2.0 */
/* Three nodes, one of which has a damaged log; what it asks the others for, and their answers. */
#ifndef KQ_TESTS_DAMAGED_H
#define KQ_TESTS_DAMAGED_H

#include "kq_wire.h"
#include "trio.h"

extern struct kq_wal_report report;	/* of the last start */

int damaged_setup(void **state);
/* A bad sector in the newest batch on this disk that has the entry. */
void damage(struct trio *t, uint32_t id, uint64_t index);
/* Node @id goes, these of its entries are damaged, and it starts; not connected. */
struct kq_core *restart_damaged(struct trio *t, uint32_t id, uint64_t first, uint64_t last);
void connect_all(struct trio *t, uint32_t id);
void assert_damaged(const struct kq_core *c, uint64_t first, uint64_t count);
/* Its log is that of @other. */
void assert_repaired(struct trio *t, uint32_t id, uint32_t other);
/* It takes part: who leads counts on it, alone. */
void assert_takes_part(struct trio *t, uint32_t leader, uint32_t id);
/* Node 3 has asked, and what it asked for is in @out; its disk is done. */
void ask(struct trio *t, uint32_t to, struct kq_body_fetch *out);

/* An answer to it, which a test may falsify. */
struct answer {
	struct kq_body_fetched b;
	uint8_t records[8000];
	uint32_t len;
};

void answer_add(struct answer *a, const struct kq_record *rec, const void *data);
/* @count entries of node 1's log from @first on. */
void answer(struct trio *t, struct answer *a, const struct kq_body_fetch *f, uint64_t first,
	    uint32_t count);
int answer_say(struct trio *t, uint32_t from, const struct answer *a, const char **why);

#endif /* KQ_TESTS_DAMAGED_H */
