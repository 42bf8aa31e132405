/* SPDX-License-Identifier: GPL-2.0 */
/* What clients asked and were answered, as tests/nemesis/clients writes it, and the logs. */
#ifndef KQ_NEMESIS_HISTORY_H
#define KQ_NEMESIS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEVER UINT64_MAX

enum kind { APPEND, LOCK, HELD, UNLOCK, KINDS };
enum outcome { OK, BUSY, LOST, FAILED, UNKNOWN, OUTCOMES };

struct op {
	char client[16], key[48], text[48];
	uint64_t call, ret;	/* microseconds; NEVER: no answer */
	enum kind kind;
	enum outcome outcome;
	uint64_t token, index, term;
};

struct history {
	struct op *op;
	size_t count;
};

struct log_entry {
	uint64_t index, term;
	uint32_t type;
	bool effect;
	char text[48];		/* "-": not an append */
};

struct log {
	const char *name;
	struct log_entry *entry;
	size_t count;
};

extern const char *const kind_name[KINDS], *const outcome_name[OUTCOMES];

void *grown(void *array, size_t count, size_t size);
int history_read(struct history *h, const char *path);
int log_read(struct log *l, const char *path);

#endif
