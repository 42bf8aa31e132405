// SPDX-License-Identifier: GPL-2.0
/*
 * User-space half of the platform: allocation that can be made to fail, an
 * assertion that stops the process, so that no test outlives a broken invariant,
 * and checksums. Not part of the module.
 */
#include "kq_platform.h"

unsigned long kq_alloc_fail_at;
long kq_alloc_live;

/**
 * kq_alloc() - zeroed memory, or NULL when a test asked for failure
 * @size: bytes
 *
 * Return: memory to be given to kq_free(), or NULL.
 */
void *kq_alloc(size_t size)
{
	void *p;

	if (kq_alloc_fail_at && !--kq_alloc_fail_at)
		return NULL;
	p = calloc(1, size);
	if (p)
		kq_alloc_live++;
	return p;
}

/**
 * kq_free() - give memory back
 * @p: what kq_alloc() returned, or NULL
 */
void kq_free(const void *p)
{
	if (!p)
		return;
	kq_alloc_live--;
	free((void *)p);
}

/**
 * kq_assert_fail() - an invariant of the core is broken: stop here
 * @what: the condition, as written
 */
void kq_assert_fail(const char *what)
{
	fprintf(stderr, "kquorum: invariant broken: %s\n", what);
	abort();
}

static u32 crc32c_table(u32 crc, const u8 *p, size_t len)
{
	static u32 table[256];
	u32 i, j;

	if (!table[1]) {
		for (i = 0; i < 256; i++) {
			u32 c = i;

			for (j = 0; j < 8; j++)
				c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
			table[i] = c;
		}
	}
	while (len--)
		crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return crc;
}

#ifdef __x86_64__
/* The processor has an instruction for it; most of a simulation's time was spent here. */
__attribute__((target("sse4.2")))
static u32 crc32c_x86(u32 crc, const u8 *p, size_t len)
{
	u64 c = crc, word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		c = __builtin_ia32_crc32di(c, word);
	}
	for (; len; len--)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}
#endif

/**
 * crc32c() - as the kernel's
 * @crc: of what came before, not inverted
 * @data: bytes
 * @len: how many
 *
 * Return: the CRC, not inverted.
 */
u32 crc32c(u32 crc, const void *data, size_t len)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_x86(crc, data, len);
#endif
	return crc32c_table(crc, data, len);
}
