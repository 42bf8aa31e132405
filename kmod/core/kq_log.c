// SPDX-License-Identifier: GPL-2.0
/*
 * The log in memory: entries by index. What a snapshot stands for may be taken off its
 * beginning; of the last entry that was, the base, index and term are kept, for it is what the
 * first one that is there follows. After damage entries between may be missing.
 */
#include "kq_core.h"

#define CHUNK_BITS	9
#define CHUNK_SIZE	(1u << CHUNK_BITS)

static struct kq_entry **log_slot(const struct kq_log *log, u64 index)
{
	return &log->chunks[((index - 1) >> CHUNK_BITS) - log->chunk_first]
			   [(index - 1) & (CHUNK_SIZE - 1)];
}

/* All of the first chunk was taken off: its place in the table is used again. */
static void log_shift(struct kq_log *log)
{
	kq_free(log->chunks[0]);
	memmove(log->chunks, log->chunks + 1, (log->chunk_count - 1) * sizeof(*log->chunks));
	log->chunks[log->chunk_count - 1] = NULL;
	log->chunk_first++;
}

/* Room for one more entry: a new chunk, and a longer table when that is full. */
static int log_grow(struct kq_log *log)
{
	u32 need = (u32)((log->last >> CHUNK_BITS) - log->chunk_first) + 1;

	if (need > log->chunk_count) {
		u32 count = log->chunk_count ? log->chunk_count * 2 : 8;
		struct kq_entry ***chunks = kq_alloc(count * sizeof(*chunks));

		if (!chunks)
			return -ENOMEM;
		if (log->chunk_count)
			memcpy(chunks, log->chunks, log->chunk_count * sizeof(*chunks));
		kq_free(log->chunks);
		log->chunks = chunks;
		log->chunk_count = count;
	}
	if (!log->chunks[need - 1]) {
		log->chunks[need - 1] = kq_alloc(CHUNK_SIZE * sizeof(**log->chunks));
		if (!log->chunks[need - 1])
			return -ENOMEM;
	}
	return 0;
}

/**
 * kq_log_append() - add an entry behind the last one
 * @log: the log
 * @e: entry with index log->last + 1; belongs to the log on success
 *
 * Return: 0, -ENOMEM, or -EINVAL for a wrong index.
 */
int kq_log_append(struct kq_log *log, struct kq_entry *e)
{
	int err;

	if (kq_entry_index(e) != log->last + 1)
		return -EINVAL;
	err = log_grow(log);
	if (err)
		return err;
	log->last++;
	*log_slot(log, log->last) = e;
	log->bytes += kq_record_size(kq_entry_len(e));
	return 0;
}

/**
 * kq_log_skip() - entries behind the last one are missing
 * @log: the log
 * @last: index of the last of them, not below log->last
 * @term: its term
 *
 * Return: 0, or -ENOMEM: as many as there is memory for are noted.
 */
int kq_log_skip(struct kq_log *log, u64 last, u64 term)
{
	while (log->last < last) {
		int err = log_grow(log);

		if (err)
			return err;
		log->last++;
		log->missing++;
	}
	log->last_term = term;
	return 0;
}

/**
 * kq_log_fill() - put back an entry that is missing
 * @log: the log
 * @e: the entry; belongs to the log on success
 *
 * Return: 0; -EEXIST: it is not missing; -EINVAL: the log does not go there.
 */
int kq_log_fill(struct kq_log *log, struct kq_entry *e)
{
	u64 index = kq_entry_index(e);

	if (index <= log->base_index || index > log->last)
		return -EINVAL;
	if (*log_slot(log, index))
		return -EEXIST;
	*log_slot(log, index) = e;
	log->missing--;
	log->bytes += kq_record_size(kq_entry_len(e));
	return 0;
}

/**
 * kq_log_gap() - the first entries that are missing
 * @log: the log
 * @first: where to begin looking; gets the index of the first
 * @last: gets that of the last of those without one between that is there
 *
 * Return: false: none is.
 */
bool kq_log_gap(const struct kq_log *log, u64 *first, u64 *last)
{
	u64 i = max(*first, log->base_index + 1);

	if (!log->missing)
		return false;
	while (i <= log->last && *log_slot(log, i))
		i++;
	*first = i;
	while (i <= log->last && !*log_slot(log, i))
		i++;
	*last = i - 1;
	return *first <= log->last;
}

/**
 * kq_log_truncate() - drop all entries behind @last
 * @log: the log
 * @last: index that stays the last one, not below the base
 */
void kq_log_truncate(struct kq_log *log, u64 last)
{
	while (log->last > last && log->last > log->base_index) {
		struct kq_entry **slot = log_slot(log, log->last);

		if (*slot)
			log->bytes -= kq_record_size(kq_entry_len(*slot));
		else
			log->missing--;
		kq_entry_free(*slot);
		*slot = NULL;
		log->last--;
	}
}

/**
 * kq_log_take_first() - take the first entry off the log: it becomes the base
 * @log: the log, not empty
 *
 * Return: the entry, which is the caller's now; NULL: it is missing, and so is the base's term.
 */
struct kq_entry *kq_log_take_first(struct kq_log *log)
{
	u64 index = log->base_index + 1;
	struct kq_entry **slot = log_slot(log, index), *e = *slot;

	*slot = NULL;
	if (e)
		log->bytes -= kq_record_size(kq_entry_len(e));
	else
		log->missing--;
	log->base_index = index;
	log->base_term = e ? kq_entry_term(e) : 0;
	if (!(index & (CHUNK_SIZE - 1)))
		log_shift(log);
	return e;
}

/**
 * kq_log_trim() - take entries off the beginning of the log
 * @log: the log
 * @upto: index of the last that goes
 */
void kq_log_trim(struct kq_log *log, u64 upto)
{
	while (log->base_index < upto && log->base_index < log->last)
		kq_entry_free(kq_log_take_first(log));
}

/**
 * kq_log_reset() - begin anew, behind an entry that is not there
 * @log: the log; all its entries are dropped
 * @index: of that entry, 0: none
 * @term: its term
 */
void kq_log_reset(struct kq_log *log, u64 index, u64 term)
{
	kq_log_destroy(log);
	log->base_index = index;
	log->base_term = term;
	log->last = index;
	log->chunk_first = index >> CHUNK_BITS;
}

/**
 * kq_log_get() - the entry at an index
 * @log: the log
 * @index: log index
 *
 * Return: the entry, or NULL when there is none, or none any more.
 */
struct kq_entry *kq_log_get(const struct kq_log *log, u64 index)
{
	if (index <= log->base_index || index > log->last)
		return NULL;
	return *log_slot(log, index);
}

/**
 * kq_log_term() - the term of the entry at an index
 * @log: the log
 * @index: log index
 *
 * Return: the term, also of the base, and of a last entry that is missing; 0 for index 0 and for
 * what is not there.
 */
u64 kq_log_term(const struct kq_log *log, u64 index)
{
	const struct kq_entry *e = kq_log_get(log, index);

	if (index == log->base_index)
		return log->base_term;
	if (!e && index == log->last)
		return log->last_term;
	return e ? kq_entry_term(e) : 0;
}

/**
 * kq_log_crc() - one number for all entries that are there
 * @log: the log
 *
 * A trace has it, so that the log that was read is seen to be the log that was written.
 *
 * Return: CRC32C over headers and payloads.
 */
u32 kq_log_crc(const struct kq_log *log)
{
	u32 crc = 0;
	u64 i;

	for (i = log->base_index + 1; i <= log->last; i++) {
		const struct kq_entry *e = kq_log_get(log, i);

		if (!e)
			continue;
		crc = kq_crc(crc, &e->rec, sizeof(e->rec));
		crc = kq_crc(crc, e->data, kq_entry_len(e));
	}
	return crc;
}

/**
 * kq_log_destroy() - free all entries and tables: the log is empty and begins with 1
 * @log: the log
 */
void kq_log_destroy(struct kq_log *log)
{
	u32 i;

	kq_log_truncate(log, log->base_index);
	for (i = 0; i < log->chunk_count; i++)
		kq_free(log->chunks[i]);
	kq_free(log->chunks);
	memset(log, 0, sizeof(*log));
}
