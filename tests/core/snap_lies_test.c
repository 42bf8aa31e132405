// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots whose checksums and sums are right, and that say what no node ever saved: each such
 * field is refused, and named. Nothing of it is left.
 */
#include "lies.h"

static int setup(void **state)
{
	struct image im;
	struct kq_core *c = image_small(&im);

	(void)state;
	lies_begin(c);
	image_free(&im);
	kq_core_destroy(c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lies_end();
	return kq_alloc_live != 0;
}

static void a_head_that_cannot_be_is_refused(void **state)
{
	char why[160];

	(void)state;
	assert_int_equal(sealed(why), 0);
	LIE(head->head_len = cpu_to_le16(8), "its head cannot have 8 bytes");
	LIE(head->head_len = cpu_to_le16(KQ_SNAP_HEAD_MAX + 1), "its head cannot have 1025 bytes");
	LIE(head->version = cpu_to_le16(1), "its head is not of version 1");
	LIE(head->version = cpu_to_le16(2), "its head is not of version 2");
	LIE(head->version = cpu_to_le16(3), "its head is not of version 3");
	LIE(head->head_len = cpu_to_le16(sizeof(*head) - 8), "its head is not of version 4");
	LIE(head->zero = cpu_to_le64(1), "its head is not of version 4");
	LIE(head->index = 0, "its head has an index or term that cannot be");
	LIE(head->term = 0, "its head has an index or term that cannot be");
	LIE(head->index = cpu_to_le64(KQ_SNAP_NUMBER_MAX),
	    "its head has an index or term that cannot be");
}

static void a_frame_that_cannot_be_is_refused(void **state)
{
	(void)state;
	LIE(frame->number = cpu_to_le64(1), "frame 0, at byte 112, cannot be as it says");
	LIE(frame->bytes = 0, "frame 0, at byte 112, cannot be as it says");
	LIE(frame->bytes = cpu_to_le32(KQ_SNAP_FRAME_MAX + 1),
	    "frame 0, at byte 112, cannot be as it says");
	LIE(frame->kind = cpu_to_le32(3), "frame 0, at byte 112, cannot be as it says");
	LIE(frame->kind = cpu_to_le32(KQ_SNAP_END), "its end is not of this version");
	LIE(ending->zero = cpu_to_le64(1), "its end is not of this version");
}

static void sums_that_are_of_something_else_are_refused(void **state)
{
	char why[160];
	uint64_t claims = le64_to_cpu(head->claims);

	(void)state;
	head->claims = cpu_to_le64(claims + 1);
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, " records, it should be "));
	ending->records = cpu_to_le64(le64_to_cpu(ending->records) + 1);
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, " records, it should be "));
	head->pools = cpu_to_le64(1);
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, " records, it should be "));
	head->sum[KQ_SNAP_CONF] = 0;
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, "the sum over its configuration is not that"));
	head->sum[KQ_SNAP_SESSION] = 0;
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, "the sum over its sessions is not that"));
	head->sum[KQ_SNAP_CLAIM] = 0;
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, "the sum over its claims is not that"));
	head->sum[KQ_SNAP_POOL] = cpu_to_le64(1);
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, "the sum over its resources is not that"));
}

static void from(struct kquorum_conf *c, uint64_t origin, uint64_t index, uint64_t begins,
		 uint32_t zero)
{
	c->lineage = (struct kquorum_lineage){
		.cluster = cpu_to_le64(1), .how = cpu_to_le32(KQUORUM_LINEAGE_RECOVERED),
		.origin = cpu_to_le64(origin), .index = cpu_to_le64(index),
		.begins = cpu_to_le64(begins), .zero = cpu_to_le32(zero),
	};
}

static void a_configuration_that_cannot_be_is_refused(void **state)
{
	struct kq_snap_record *rec = record(KQ_SNAP_CONF, 0);
	struct kq_snap_conf *s = (void *)(rec + 1);
	struct kquorum_conf *c = (void *)(s + 1);

	(void)state;
	RECORD_LIE(rec->len = cpu_to_le16(sizeof(*s) - 1), "a configuration that cannot be used");
	RECORD_LIE(record(KQ_SNAP_SESSION, 0)->type = cpu_to_le16(KQ_SNAP_CONF),
		   "a configuration that cannot be used");		/* there is one */
	RECORD_LIE(s->index = 0, "a configuration that cannot be used");
	RECORD_LIE(s->term = 0, "a configuration that cannot be used");
	RECORD_LIE(s->index = cpu_to_le64(good.ref.index + 1), "a configuration that cannot be used");
	RECORD_LIE(c->origin = cpu_to_le64(99), "a configuration that cannot be used");
	RECORD_LIE(c->before.zero = cpu_to_le32(1), "a configuration that cannot be used");
	RECORD_LIE(c->now.zero = cpu_to_le32(1), "a configuration that cannot be used");
	RECORD_LIE(c->before.election_ms = 0, "a configuration that cannot be used");
	RECORD_LIE(c->now.election_ms = 0, "a configuration that cannot be used");
	/* Where it comes from. */
	RECORD_LIE(c->lineage.how = cpu_to_le32(99), "a configuration that cannot be used");
	RECORD_LIE(c->lineage.index = cpu_to_le64(1), "a configuration that cannot be used");
	RECORD_LIE(c->lineage.how = cpu_to_le32(KQUORUM_LINEAGE_RESTORED),
		   "a configuration that cannot be used");
	RECORD_LIE(from(c, 0, 5, 9, 0), "a configuration that cannot be used");
	RECORD_LIE(from(c, 7, 0, 9, 0), "a configuration that cannot be used");
	RECORD_LIE(from(c, 7, 9, 9, 0), "a configuration that cannot be used");
	RECORD_LIE(from(c, 7, 5, 9, 1), "a configuration that cannot be used");
}

static void a_session_that_cannot_be_is_refused(void **state)
{
	struct kq_snap_record *rec = record(KQ_SNAP_SESSION, 0);
	struct kq_snap_session *s = (void *)(rec + 1);
	struct kq_snap_session *other = (void *)(record(KQ_SNAP_SESSION, 1) + 1);

	(void)state;
	RECORD_LIE(rec->len = cpu_to_le16(sizeof(*s) - 1), "a session that cannot be");
	RECORD_LIE(s->node = 0, "a session that cannot be");
	RECORD_LIE(s->node = cpu_to_le32(KQ_MAX_NODES + 1), "a session that cannot be");
	RECORD_LIE((s->id = 0, s->last_id = 0), "a session that cannot be");
	RECORD_LIE(s->id = cpu_to_le64(le64_to_cpu(s->last_id) + 1), "a session that cannot be");
	RECORD_LIE(s->suspect = cpu_to_le32(2), "a session that cannot be");
	RECORD_LIE(other->node = s->node, "a session that cannot be");
}

static void a_claim_that_cannot_be_is_refused(void **state)
{
	struct kq_snap_record *rec = record(KQ_SNAP_CLAIM, 0);
	struct kq_snap_claim *c = (void *)(rec + 1);
	struct kq_snap_record *last = record(KQ_SNAP_CLAIM, 2);
	struct kq_snap_claim *d = (void *)(last + 1);

	(void)state;
	RECORD_LIE(rec->len = cpu_to_le16(sizeof(*c)), "a claim that cannot be");
	RECORD_LIE(record(KQ_SNAP_CONF, 0)->type = cpu_to_le16(KQ_SNAP_CLAIM),
		   "a claim that cannot be");				/* that long */
	RECORD_LIE((last->len = cpu_to_le16(le16_to_cpu(last->len) - 2), d->name_len -= 2),
		   "frame 0 ends within a record");
	RECORD_LIE(c->node = 0, "a claim that cannot be");
	RECORD_LIE(c->node = cpu_to_le32(KQ_MAX_NODES + 1), "a claim that cannot be");
	RECORD_LIE(c->session = 0, "a claim that cannot be");
	RECORD_LIE(c->index = 0, "a claim that cannot be");
	RECORD_LIE(c->index = cpu_to_le64(good.ref.index + 1), "a claim that cannot be");
	RECORD_LIE(c->token = cpu_to_le64((good.ref.index + 1) << KQ_TOKEN_SHIFT),
		   "a claim that cannot be");
	RECORD_LIE(rec->type = cpu_to_le16(KQ_SNAP_TYPES), "frame 0 has a record that cannot be");
}

/* What is not whole takes nobody's place. */
static void a_restore_that_is_not_finished_is_not_taken(void **state)
{
	struct kq_wal_report rep = { .hs.snap = good.ref };
	struct kq_restore *rs = kq_restore_create(&lone_config, 1);
	struct kq_core *c = kq_core_create(&lone_config);
	struct kq_conf conf;

	(void)state;
	assert_int_equal(kq_restore_feed(rs, good.data, good.len / 2), 0);
	assert_false(kq_restore_conf(rs, &conf));
	assert_int_equal(kq_core_restore(c, rs, &rep), -EINVAL);
	assert_int_equal(kq_restore_finish(rs), -ENODATA);
	assert_int_equal(kq_restore_feed(rs, good.data, 1), -ENODATA);
	assert_int_equal(kq_restore_finish(rs), -ENODATA);
	assert_int_equal(kq_core_restore(c, rs, &rep), -EINVAL);
	c->state = KQUORUM_NODE_RUNNING;
	assert_int_equal(kq_core_install(c, 1, rs), -EINVAL);
	kq_restore_free(rs);
	/* Whole, and too late. */
	rs = kq_restore_create(&lone_config, 1);
	assert_int_equal(kq_restore_feed(rs, good.data, good.len), 0);
	assert_int_equal(kq_core_restore(c, rs, &rep), -EINVAL);
	assert_int_equal(kq_restore_finish(rs), 0);
	assert_true(kq_restore_conf(rs, &conf));
	kq_restore_free(rs);
	/* Memory that failed once is not asked for again. */
	rs = kq_restore_create(&lone_config, 1);
	kq_alloc_fail_at = 1;
	assert_int_equal(kq_restore_feed(rs, good.data, good.len), -ENOMEM);
	kq_alloc_fail_at = 0;
	assert_int_equal(kq_restore_feed(rs, good.data, good.len), -ENOMEM);
	assert_int_equal(kq_restore_finish(rs), -ENOMEM);
	assert_false(kq_restore_conf(rs, &conf));
	kq_restore_free(rs);
	kq_core_destroy(c);
}

/* What is said of the snapshot @ref when a file has @bytes, and something was said before. */
static const char *said_of(const struct kq_snap_ref *ref, uint64_t bytes, const char *before)
{
	static char why[120];
	size_t have = bytes < sizeof(*head) ? bytes : sizeof(*head);

	snprintf(why, sizeof(why), "%s", before);
	kq_snap_say_size(ref, good.data, have, bytes, why, sizeof(why));
	return why;
}

static void a_file_of_another_size_says_what_became_of_it(void **state)
{
	struct kq_snap_ref ref = {
		.index = le64_to_cpu(head->index), .term = le64_to_cpu(head->term),
		.bytes = good.len,
	};
	char why[120];

	assert_string_equal(said_of(&ref, 0, ""), "its file is empty");
	snprintf(why, sizeof(why), "its file has 10 bytes, not %u", good.len);
	assert_string_equal(said_of(&ref, 10, ""), why);
	/* Either may be of another snapshot: what is known for certain stays. */
	assert_string_equal(said_of(&ref, 0, "damaged"), "damaged");
	assert_string_equal(said_of(&ref, 10, "damaged"), "damaged");
	snprintf(why, sizeof(why), "its file has %u bytes, not %u", good.len - 1, good.len);
	assert_string_equal(said_of(&ref, good.len - 1, ""), why);
	assert_string_equal(said_of(&ref, good.len - 1, "its file is empty"), why);
	ref.index++;
	assert_string_equal(said_of(&ref, good.len - 1, ""), "");
	ref.index--;
	ref.term++;
	assert_string_equal(said_of(&ref, good.len - 1, ""), "");
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_head_that_cannot_be_is_refused),
		TEST(a_frame_that_cannot_be_is_refused),
		TEST(sums_that_are_of_something_else_are_refused),
		TEST(a_configuration_that_cannot_be_is_refused),
		TEST(a_session_that_cannot_be_is_refused),
		TEST(a_claim_that_cannot_be_is_refused),
		TEST(a_restore_that_is_not_finished_is_not_taken),
		TEST(a_file_of_another_size_says_what_became_of_it),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
