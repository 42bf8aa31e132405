// SPDX-License-Identifier: GPL-2.0
/*
 * The table of resources: found by name, wherever the search begins, and listed in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "snap_state.h"

#define NAMES	3000

static struct kq_resource *all[NAMES];
static unsigned int count;

/* Of few letters and lengths, so that many are alike, or begin alike. */
static uint32_t some_name(char *name)
{
	uint32_t len = 1 + rand() % 6, i;

	for (i = 0; i < len; i++)
		name[i] = 'a' + rand() % 3;
	return len;
}

static void add(struct kq_resources *res, const char *name, uint32_t len,
		const struct kq_resource_place *place)
{
	struct kq_resource *r = kq_resource_alloc(name, len);

	assert_non_null(r);
	kq_resources_add(res, r, place);
	all[count++] = r;
}

static int behind(const struct kq_resource *a, const struct kq_resource *b)
{
	int cmp = memcmp(a->name, b->name, min(a->name_len, b->name_len));

	return cmp ? cmp > 0 : a->name_len > b->name_len;
}

static void assert_in_order(struct kq_resources *res)
{
	struct kq_resource *r = kq_resources_next(res, "", 0, false), *next;
	unsigned int n = r ? 1 : 0;

	while (r && (next = kq_resources_next(res, r->name, r->name_len, true))) {
		assert_true(behind(next, r));
		r = next;
		n++;
	}
	assert_int_equal(n, count);
}

static void give_back(struct kq_resources *res)
{
	while (count)
		kq_resources_remove(res, all[--count]);
	kq_resources_free(res);
}

static void whoever_is_near_the_same_is_found(void **state)
{
	struct kq_resources *res = kq_resources_create();
	struct kq_resource_place place, same;
	unsigned int i, known = 0;
	struct kq_resource *near;
	char name[8];

	(void)state;
	srand(7);
	for (i = 0; i < NAMES; i++) {
		uint32_t len = some_name(name);
		struct kq_resource *r = kq_resources_locate(res, name, len, &place);

		near = count ? all[rand() % count] : NULL;
		assert_ptr_equal(kq_resources_locate_near(res, near, name, len, &same), r);
		known += !!r;
		if (r)
			continue;
		assert_ptr_equal(same.parent, place.parent);
		assert_ptr_equal(same.link, place.link);
		add(res, name, len, &same);
	}
	assert_in_range(known, 1000, NAMES - 500);
	assert_in_order(res);
	give_back(res);
}

static void each_follows_the_one_before(void **state)
{
	struct kq_resources *res = kq_resources_create();
	struct kq_resource *near[3] = { NULL };
	struct kq_resource_place place;
	char name[16];
	unsigned int i;

	(void)state;
	for (i = 0; i < NAMES; i++) {
		int len = snprintf(name, sizeof(name), "%c/%05u", 'c' - i % 3, i);

		assert_null(kq_resources_locate_near(res, near[i % 3], name, len, &place));
		add(res, name, len, &place);
		near[i % 3] = all[count - 1];
	}
	assert_in_order(res);
	assert_ptr_equal(kq_resources_locate_near(res, all[0], "c/00003", 7, &place), all[3]);
	assert_ptr_equal(kq_resources_locate_near(res, all[3], "c/00003", 7, &place), all[3]);
	give_back(res);
}

/* As they are listed, page by page. */
static void resources_are_found_in_the_order_of_their_names(void **state)
{
	static const char *const names[] = { "a", "b/1", "b/2", "c", "d" };
	struct kq_core *c = lone_create();
	const struct kq_resource *r;
	uint32_t i;

	(void)state;
	assert_null(kq_resources_next(c->res, "", 0, false));
	for (i = 5; i--; )
		lone_acquire(c, 1, i + 1, names[i]);
	for (r = kq_resources_next(c->res, "", 0, false), i = 0; r; i++) {
		assert_string_equal(r->name, names[i]);
		assert_ptr_equal(kq_resources_next(c->res, r->name, r->name_len, false), r);
		r = kq_resources_next(c->res, r->name, r->name_len, true);
	}
	assert_int_equal(i, 5);
	r = kq_resources_next(c->res, "b", 1, false);
	assert_string_equal(r->name, "b/1");
	assert_null(kq_resources_next(c->res, "e", 1, false));
	kq_core_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_is_near_the_same_is_found),
		cmocka_unit_test(each_follows_the_one_before),
		cmocka_unit_test(resources_are_found_in_the_order_of_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
