/* SPDX-License-Identifier: GPL-2.0 */
/* How much a run saw: operations, faults, fail-overs. */
#ifndef KQ_NEMESIS_REPORT_H
#define KQ_NEMESIS_REPORT_H

#include "history.h"

void report_operations(const struct history *h);
void report_stall(const struct history *h, uint64_t election_ms);
int report_faults(const struct history *h, const char *path, uint64_t election_ms);

#endif
