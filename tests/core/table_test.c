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

/* Sessions of a node, one after the other; here all at once. */
#define SESSIONS 5
#define OWNERS	 40

static void claims_are_found_by_session_and_owner(void **state)
{
	struct kq_resources *res = kq_resources_create();
	struct kq_resource_place place;
	struct kq_resource *r;
	uint32_t i, owner, session;

	(void)state;
	srand(9);
	kq_resources_locate(res, "db", 2, &place);
	add(res, "db", 2, &place);
	r = all[0];
	for (i = 0; i < 3 * SESSIONS * OWNERS; i++) {
		struct kq_claim *c = kq_claim_alloc(0, 0), *has;

		c->holder_node = 7;
		c->session = 10 * (1 + rand() % SESSIONS);
		c->owner = rand() % OWNERS;
		has = kq_claim_find(res, 7, c->session, c->owner);
		assert_int_equal(kq_resources_claim(res, r, c), !has);
		if (has) {
			kq_free(c);
			continue;
		}
		kq_claim_wait(c, r->queue.prev);
		assert_ptr_equal(kq_claim_find(res, 7, c->session, c->owner), c);
	}
	assert_null(kq_claim_find(res, 8, 10, 1));
	assert_null(kq_claim_find(res, KQ_MAX_NODES + 1, 10, 1));
	for (session = 0, i = 0; session <= 10 * SESSIONS + 5; session += 5) {
		const struct kq_claim *c = kq_claim_first(res, 7, session), *before = NULL;

		assert_int_equal(!c, !session || session % 10);
		for (; c; before = c, c = kq_claim_next(c), i++) {
			assert_int_equal(c->session, session);
			assert_true(!before || before->owner < c->owner);
		}
	}
	assert_int_equal(i, res->claims);
	assert_in_range(i, SESSIONS * OWNERS / 2, SESSIONS * OWNERS);
	for (owner = 0; owner < OWNERS; owner++)
		for (session = 10; session <= 10 * SESSIONS; session += 10) {
			struct kq_claim *c = kq_claim_find(res, 7, session, owner);

			if (c)
				kq_resources_unclaim(res, c);
			assert_null(kq_claim_find(res, 7, session, owner));
		}
	assert_int_equal(res->claims, 0);
	assert_int_equal(res->sum[KQ_SNAP_CLAIM], 0);
	assert_int_equal(r->waiting, 0);
	give_back(res);
	assert_int_equal(kq_alloc_live, 0);
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
		cmocka_unit_test(claims_are_found_by_session_and_owner),
		cmocka_unit_test(resources_are_found_in_the_order_of_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
