// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots that say of resources what cannot be: each field of a claim and of a pool, holders that
 * do not go together, numbers that two have, who waits for what he could have, or never will.
 * Nothing of it is left.
 */
#include "lies.h"
#include "resources.h"

/* The claims in the order in which they were made; pools likewise. */
enum { GPU_TWO, GPU_ONE, GPU_WAITS, GPU_LAST, DB_SHARE, DB_SHARE_TOO, DB_WAITS, ALONE, ALL };
enum { GPU, TAPE };

static struct kq_snap_record *rec[ALL], *pool_rec[2];
static struct kq_snap_claim *claim[ALL];
static struct kq_snap_pool *pools[2];

static int setup(void **state)
{
	struct kq_core *c = lone_create();
	uint32_t i;

	(void)state;
	assert_int_equal(define(c, "gpu", KQ_DEFINE_FLAGS, 4, 7), 0);
	assert_int_equal(define(c, "abc", KQ_DEFINE_FLAGS, 9, 0), 0);
	assert_int_equal(ask(c, 1, 3, "gpu", 0, 2), 0);		/* and says what for */
	assert_int_equal(ask(c, 2, 1, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 3, 1, "gpu", 0, 3), 0);
	assert_int_equal(ask(c, 3, 2, "gpu", 0, 1), 0);
	assert_int_equal(ask(c, 1, 1, "db", KQ_ACQUIRE_SHARED, 0), 0);
	assert_int_equal(ask(c, 2, 2, "db", KQ_ACQUIRE_SHARED, 0), 0);
	assert_int_equal(ask(c, 3, 4, "db", 0, 0), 0);
	assert_int_equal(ask(c, 2, 4, "alone", 0, 0), 0);
	lies_begin(c);
	for (i = 0; i < ALL; i++) {
		rec[i] = record(KQ_SNAP_CLAIM, i);
		claim[i] = (void *)(rec[i] + 1);
	}
	for (i = 0; i < 2; i++) {
		pool_rec[i] = record(KQ_SNAP_POOL, i);
		pools[i] = (void *)(pool_rec[i] + 1);
	}
	kq_core_destroy(c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lies_end();
	return kq_alloc_live != 0;
}

/* What follows a claim's fixed part: name, what it is for, numbers. */
static uint8_t *behind(uint32_t i)
{
	return (uint8_t *)(claim[i] + 1);
}

static uint8_t *numbers(uint32_t i)
{
	return behind(i) + claim[i]->name_len + claim[i]->info_len;
}

static uint16_t plus(__le16 x, int n)
{
	return cpu_to_le16(le16_to_cpu(x) + n);
}

#define CLAIM_LIE(change) RECORD_LIE(change, "a claim that cannot be")
#define POOL_LIE(change)  RECORD_LIE(change, "a resource that cannot be")

static void what_is_not_a_lie_is_restored(void **state)
{
	char why[160];

	(void)state;
	assert_int_equal(sealed(why), 0);
	/* What nobody can know better. */
	claim[GPU_TWO]->pid = cpu_to_le32(U32_MAX);
	claim[GPU_TWO]->comm[15] = 'x';
	behind(GPU_TWO)[3] = 0xff;
	pools[GPU]->max_waiters = 0;
	pools[GPU]->units = cpu_to_le32(3);		/* there were more once */
	sum_up();
	assert_int_equal(sealed(why), 0);
	/* So it is where there were so many that they had no numbers. */
	claim[GPU_ONE]->numbers = 0;
	claim[GPU_ONE]->info_len++;
	sum_up();
	assert_int_equal(sealed(why), 0);
}

static void a_claim_is_as_long_as_it_says(void **state)
{
	(void)state;
	CLAIM_LIE(rec[GPU_TWO]->len = plus(rec[GPU_TWO]->len, -1));
	CLAIM_LIE(rec[GPU_TWO]->len = plus(rec[GPU_TWO]->len, 1));
	CLAIM_LIE(rec[GPU_TWO]->len = cpu_to_le16(sizeof(struct kq_snap_claim)));
	CLAIM_LIE(rec[GPU_TWO]->len = cpu_to_le16(KQ_SNAP_CLAIM_MAX + 1));
	CLAIM_LIE(claim[GPU_TWO]->name_len--);
	CLAIM_LIE(claim[GPU_TWO]->name_len++);
	CLAIM_LIE((claim[ALONE]->name_len = 0, claim[ALONE]->info_len = 5));
	CLAIM_LIE((claim[GPU_TWO]->name_len = KQ_RESOURCE_MAX + 1,
		   rec[GPU_TWO]->len = plus(rec[GPU_TWO]->len, KQ_RESOURCE_MAX + 1 - 3)));
	CLAIM_LIE(claim[GPU_TWO]->info_len--);
	CLAIM_LIE(claim[GPU_TWO]->info_len++);
	CLAIM_LIE((claim[GPU_TWO]->info_len = KQ_INFO_MAX + 1,
		   rec[GPU_TWO]->len = plus(rec[GPU_TWO]->len, KQ_INFO_MAX + 1 - 8)));
	CLAIM_LIE(claim[GPU_TWO]->numbers = 0);
	CLAIM_LIE((claim[GPU_TWO]->numbers = 0, claim[GPU_TWO]->info_len++));
}

static void each_field_of_a_claim_is_one_that_can_be(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(claim[0]->zero); i++)
		CLAIM_LIE(claim[ALONE]->zero[i] = 1);
	CLAIM_LIE(claim[ALONE]->node = 0);
	CLAIM_LIE(claim[ALONE]->node = cpu_to_le32(KQ_MAX_NODES + 1));
	CLAIM_LIE(claim[ALONE]->node = cpu_to_le32(4));		/* has no session */
	CLAIM_LIE(claim[ALONE]->node = cpu_to_le32(3));		/* has another one */
	CLAIM_LIE(claim[ALONE]->session = 0);
	CLAIM_LIE(claim[ALONE]->session = cpu_to_le64(99));
	CLAIM_LIE(claim[ALONE]->index = 0);
	CLAIM_LIE(claim[ALONE]->index = cpu_to_le64(good.ref.index + 1));
	CLAIM_LIE(claim[ALONE]->token = cpu_to_le64((good.ref.index + 1) << KQ_TOKEN_SHIFT));
	CLAIM_LIE(claim[ALONE]->token = cpu_to_le64(U64_MAX));
	CLAIM_LIE(claim[ALONE]->ttl_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	CLAIM_LIE(claim[ALONE]->hold_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	/* Who holds it is evicted, or he has no time to end. */
	CLAIM_LIE(claim[ALONE]->evicted = 2);
	CLAIM_LIE(claim[ALONE]->drain_ms = cpu_to_le32(1));
	CLAIM_LIE((claim[ALONE]->evicted = 1,
		   claim[ALONE]->drain_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1)));
	CLAIM_LIE(claim[DB_WAITS]->evicted = 1);
	CLAIM_LIE(claim[ALONE]->mode = KQ_CLAIM_UNITS + 1);
	CLAIM_LIE(claim[ALONE]->mode = 0xff);
	/* Units have those, and nobody else. */
	CLAIM_LIE(claim[ALONE]->mode = KQ_CLAIM_UNITS);
	CLAIM_LIE(claim[ALONE]->units = cpu_to_le32(1));
	CLAIM_LIE(claim[DB_SHARE]->units = cpu_to_le32(1));
	CLAIM_LIE(claim[GPU_ONE]->mode = KQ_CLAIM_SHARED);
	CLAIM_LIE(claim[GPU_ONE]->mode = KQ_CLAIM_EXCLUSIVE);
	CLAIM_LIE((claim[GPU_ONE]->mode = KQ_CLAIM_SHARED, claim[GPU_ONE]->units = 0));
	CLAIM_LIE(claim[GPU_ONE]->units = 0);
	CLAIM_LIE(claim[GPU_WAITS]->units = cpu_to_le32(KQ_UNITS_MAX + 1));
	/* All of them have numbers, or none. */
	CLAIM_LIE(claim[GPU_ONE]->units = cpu_to_le32(2));
	CLAIM_LIE(claim[GPU_TWO]->units = cpu_to_le32(1));
	CLAIM_LIE(claim[GPU_ONE]->token = 0);
	CLAIM_LIE((claim[GPU_TWO]->units = cpu_to_le32(KQ_NUMBERED + 1),
		   claim[GPU_TWO]->numbers = cpu_to_le16(KQ_NUMBERED + 1),
		   rec[GPU_TWO]->len = plus(rec[GPU_TWO]->len, KQ_NUMBERED - 1)));
}

static void each_field_of_a_pool_is_one_that_can_be(void **state)
{
	(void)state;
	POOL_LIE(pool_rec[GPU]->len = cpu_to_le16(sizeof(struct kq_snap_pool)));
	POOL_LIE(pool_rec[GPU]->len = cpu_to_le16(sizeof(struct kq_snap_pool) - 1));
	POOL_LIE(pool_rec[GPU]->len = cpu_to_le16(KQ_SNAP_POOL_MAX + 1));
	POOL_LIE(pools[GPU]->index = 0);
	POOL_LIE(pools[GPU]->index = cpu_to_le64(good.ref.index + 1));
	POOL_LIE(pools[GPU]->units = 0);
	POOL_LIE(pools[GPU]->units = cpu_to_le32(KQ_UNITS_MAX + 1));
	POOL_LIE(pools[GPU]->ttl_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	POOL_LIE(pools[GPU]->hold_ms = cpu_to_le32(KQ_GRANT_MS_MAX + 1));
	POOL_LIE(pools[GPU]->mode = cpu_to_le16(0111));
	POOL_LIE(pools[GPU]->mode = cpu_to_le16(01000));
	POOL_LIE(pools[GPU]->fenced = cpu_to_le16(2));
	POOL_LIE(pools[GPU]->zero = cpu_to_le32(1));
	/* Nobody was given such a token; and a fence has one that it begins with. */
	POOL_LIE(pools[GPU]->fence = cpu_to_le64((good.ref.index + 1) << KQ_TOKEN_SHIFT));
	POOL_LIE(pools[GPU]->fence = cpu_to_le64(U64_MAX));
	POOL_LIE((pools[GPU]->fenced = cpu_to_le16(1), pools[GPU]->fence = 0));
	RECORD_LIE(memcpy(pools[TAPE] + 1, "gpu", 3), "a resource twice");
}

/* The second one is refused when it comes; a resource that was made for it goes along. */
static void an_owner_has_one_claim(void **state)
{
	(void)state;
	RECORD_LIE(claim[DB_SHARE_TOO]->owner = claim[GPU_ONE]->owner, "two claims of one owner");
	RECORD_LIE(claim[ALONE]->owner = claim[GPU_ONE]->owner, "two claims of one owner");
}

static void those_who_hold_it_go_together(void **state)
{
	(void)state;
	RECORD_LIE(claim[DB_SHARE]->mode = KQ_CLAIM_EXCLUSIVE,
		   "holders of one resource that do not go together");
	RECORD_LIE(claim[DB_SHARE_TOO]->mode = KQ_CLAIM_EXCLUSIVE,
		   "holders of one resource that do not go together");
	RECORD_LIE((claim[DB_SHARE]->mode = KQ_CLAIM_EXCLUSIVE,
		    claim[DB_SHARE_TOO]->mode = KQ_CLAIM_EXCLUSIVE),
		   "holders of one resource that do not go together");
	RECORD_LIE((claim[DB_SHARE]->mode = KQ_CLAIM_UNITS,
		    claim[DB_SHARE]->units = cpu_to_le32(1)),
		   "holders of one resource that do not go together");
}

static void a_unit_is_held_once(void **state)
{
	(void)state;
	RECORD_LIE(numbers(GPU_ONE)[0] = 0, "two holders of one unit");
	RECORD_LIE(numbers(GPU_ONE)[0] = 1, "two holders of one unit");
	RECORD_LIE(numbers(GPU_TWO)[0] = 1, "two holders of one unit");	/* both of them 1 */
	RECORD_LIE((numbers(GPU_TWO)[0] = 1, numbers(GPU_TWO)[1] = 0), "two holders of one unit");
}

static void nobody_waits_for_what_he_could_have(void **state)
{
	(void)state;
	RECORD_LIE(claim[DB_WAITS]->mode = KQ_CLAIM_SHARED, "somebody waits for what could be had");
	RECORD_LIE(claim[GPU_WAITS]->units = cpu_to_le32(1),
		   "somebody waits for what could be had");
	RECORD_LIE(claim[ALONE]->token = 0, "somebody waits for what could be had");
	RECORD_LIE(pools[GPU]->units = cpu_to_le32(6), "somebody waits for what could be had");
	RECORD_LIE((claim[DB_SHARE]->token = 0, claim[DB_SHARE_TOO]->token = 0),
		   "somebody waits for what could be had");
	RECORD_LIE(claim[DB_SHARE_TOO]->token = 0, "somebody waits for what could be had");
	/* In which order two wait is told by their requests. */
	RECORD_LIE(claim[GPU_LAST]->index = claim[GPU_WAITS]->index, "two claims of one request");
}

static void nobody_waits_for_more_than_there_are(void **state)
{
	(void)state;
	RECORD_LIE(pools[GPU]->units = cpu_to_le32(2), "somebody waits for more than there are");
	RECORD_LIE(claim[GPU_WAITS]->units = cpu_to_le32(5),
		   "somebody waits for more than there are");
	/* Nor behind somebody else, */
	RECORD_LIE(claim[GPU_LAST]->units = cpu_to_le32(5),
		   "somebody waits for more than there are");
	/* nor when there is one, for nothing was said of it. */
	RECORD_LIE((claim[DB_WAITS]->mode = KQ_CLAIM_UNITS,
		    claim[DB_WAITS]->units = cpu_to_le32(2)),
		   "somebody waits for more than there are");
}

/* Some of what is restored is no state that ever was, and yet nothing breaks by it. */
static void use(struct kq_core *c)
{
	static const char *const names[] = { "gpu", "db", "abc", "alone", "other" };
	uint8_t buf[COMMAND_MAX];
	uint32_t i;

	for (i = 0; i < 40; i++) {
		const char *name = names[rand() % ARRAY_SIZE(names)];
		uint32_t node = 1 + rand() % 3, owner = rand() % 5, len;
		const struct kq_claim *has = claim_of(c, node, owner);

		switch (c->session[node].id ? rand() % 9 : 9) {
		case 0:
			len = put_define(buf, name, KQ_DEFINE_UNITS | rand() % 2,
					 1 + rand() % 300, 0);
			lone_apply(c, KQ_ENTRY_DEFINE, node, buf, len);
			break;
		case 1: case 2: case 3:
			len = put_acquire(buf, owner, name, 0, rand() % 4, NULL);
			lone_apply(c, KQ_ENTRY_ACQUIRE, node, buf, len);
			break;
		case 4: case 5: case 6:
			len = put_release(buf, owner, has ? has->resource->name : name);
			lone_apply(c, KQ_ENTRY_RELEASE, node, buf, len);
			break;
		case 7: {
			const struct kq_evict_cmd who = {
				.session = cpu_to_le64(c->session[node].id),
				.owner = cpu_to_le64(owner), .node = cpu_to_le32(node),
			};

			uint64_t token = has ? has->token : c->applied;

			/* By an operator, or by the leader. */
			len = put_evict(buf, &who, has ? has->resource->name : name);
			lone_apply(c, KQ_ENTRY_EVICT, rand() % 2 ? node : 0, buf, len);
			len = put_fence(buf, name, token, KQ_ACQUIRE_ADMIN, 0, 0);
			lone_apply(c, KQ_ENTRY_FENCE, node, buf, len);
			break;
		}
		default:
			len = put_acquire(buf, owner, name, KQ_ACQUIRE_SHARED, 0, NULL);
			lone_apply(c, KQ_ENTRY_ACQUIRE, node, buf, len);
		}
	}
	for (i = 1; i <= KQ_MAX_NODES; i++)
		if (c->session[i].id)
			lone_session(c, KQ_ENTRY_EXPIRE, i, c->session[i].id);
	/* Then nobody has anything, and what is left are pools. */
	assert_int_equal(c->res->claims, 0);
	assert_table(c);
}

static void whatever_is_believed_can_be_worked_with(void **state)
{
	uint32_t i, k, len, round, taken = 0;
	uint8_t *bytes = said(&len);
	struct kq_core *c;

	(void)state;
	srand(5);
	for (round = 0; round < 30000; round++) {
		/* One or two bytes of claims and pools: a bit, or all of it. */
		for (k = 0; k <= rand() % 2u; k++) {
			i = (uint8_t *)pool_rec[GPU] - bytes;
			i += rand() % (len - i);
			bytes[i] = rand() % 2 ? rand() % 9 : bytes[i] ^ 1 << rand() % 8;
		}
		sum_up();
		c = believed();
		if (!c)
			continue;
		taken++;
		use(c);
		kq_core_destroy(c);
	}
	assert_in_range(taken, 1000, 29000);
	print_message("# %u of 30000 were believed\n", taken);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(what_is_not_a_lie_is_restored),
		TEST(a_claim_is_as_long_as_it_says),
		TEST(each_field_of_a_claim_is_one_that_can_be),
		TEST(each_field_of_a_pool_is_one_that_can_be),
		TEST(an_owner_has_one_claim),
		TEST(those_who_hold_it_go_together),
		TEST(a_unit_is_held_once),
		TEST(nobody_waits_for_what_he_could_have),
		TEST(nobody_waits_for_more_than_there_are),
		TEST(whatever_is_believed_can_be_worked_with),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
