// SPDX-License-Identifier: GPL-2.0
/*
 * User-space half of the platform: allocation that can be made to fail, and
 * an assertion that stops the process, so that no test outlives a broken
 * invariant. Not part of the module.
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
