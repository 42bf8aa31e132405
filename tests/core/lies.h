/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots whose checksums and sums are right, and that say what no node ever saved: one field of
 * a good one is changed, the rest made to go with it.
 */
#ifndef KQ_TESTS_LIES_H
#define KQ_TESTS_LIES_H

#include "snap_state.h"

extern struct image good;		/* all of its records are in one frame */
/* In a copy of it, to be changed: */
extern struct kq_snap_head *head;
extern struct kq_snap_frame *frame;
extern struct kq_snap_end *ending;

/* Of what @c has now. */
void lies_begin(struct kq_core *c);
void lies_end(void);

/* The @nth record of a type; its payload stands behind it. */
struct kq_snap_record *record(uint32_t type, uint32_t nth);
/* The head has the sums over the records that are there. */
void sum_up(void);
/* All checksums are right again. Returns how it is refused; the next one begins with a good one. */
int sealed(char why[160]);
/* The same; a core with what it says, NULL: it is refused. */
struct kq_core *believed(void);
/* Of all records, headers too: so many bytes. */
uint8_t *said(uint32_t *len);

#define LIE(change, text) do {							\
	char why[160];								\
										\
	change;									\
	assert_int_equal(sealed(why), -EBADMSG);				\
	assert_string_equal(why, "damaged: " text);				\
} while (0)

/* Of what is in a record: the sums are those of what it says. */
#define RECORD_LIE(change, text) LIE(change; sum_up(), text)

#endif /* KQ_TESTS_LIES_H */
