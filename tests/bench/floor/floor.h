/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of kqfloor.ko. */
#ifndef FLOOR_H
#define FLOOR_H

#include "kqfloor.h"

/* rtt.c */
int floor_rtt(const struct kqfloor_rtt *ask, u32 *samples);
int floor_rtt_init(void);
void floor_rtt_exit(void);

/* write.c */
int floor_write(const struct kqfloor_write *ask, u32 *samples);

#endif /* FLOOR_H */
