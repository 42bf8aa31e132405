// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots whose checksums and sums are right, and that say what no node ever saved: each such
 * field is refused, and named. Nothing of it is left.
 */
#include "snap_state.h"
#include "kq_snap_format.h"

static struct image im, good;
static struct kq_snap_head *head;
static struct kq_snap_frame *frame, *end_frame;
static struct kq_snap_end *end;
static uint8_t *records;
static uint32_t records_len;

/* All of its records in one frame. */
static void into_one_frame(struct image *i)
{
	struct kq_snap_frame *to = (void *)(i->data + sizeof(*head)), f;
	uint32_t at = sizeof(*head), len = 0;

	for (;;) {
		memcpy(&f, i->data + at, sizeof(f));
		at += sizeof(f);
		if (le32_to_cpu(f.kind) == KQ_SNAP_END)
			break;
		memmove((uint8_t *)(to + 1) + len, i->data + at, le32_to_cpu(f.bytes));
		len += le32_to_cpu(f.bytes);
		at += le32_to_cpu(f.bytes);
	}
	to->bytes = cpu_to_le32(len);
	f.number = cpu_to_le64(1);
	memmove((uint8_t *)(to + 1) + len + sizeof(f), i->data + at, sizeof(*end));
	memcpy((uint8_t *)(to + 1) + len, &f, sizeof(f));
	i->len = sizeof(*head) + 2 * sizeof(f) + len + sizeof(*end);
}

/* The @nth record of a type; its payload stands behind it. */
static struct kq_snap_record *record(uint32_t type, uint32_t nth)
{
	uint32_t at = 0;

	while (at < records_len) {
		struct kq_snap_record *rec = (void *)(records + at);

		if (le16_to_cpu(rec->type) == type && !nth--)
			return rec;
		at += sizeof(*rec) + le16_to_cpu(rec->len);
	}
	fail_msg("no such record");
	return NULL;
}

/* The head has the sums over the records that are there. */
static void sum_up(void)
{
	uint64_t sum[KQ_SNAP_TYPES] = { 0 };
	uint32_t at = 0, i;

	while (at + sizeof(struct kq_snap_record) <= records_len) {
		const struct kq_snap_record *rec = (void *)(records + at);
		uint32_t len = le16_to_cpu(rec->len);

		at += sizeof(*rec);
		if (len > records_len - at || le16_to_cpu(rec->type) >= KQ_SNAP_TYPES)
			break;
		sum[le16_to_cpu(rec->type)] += kq_snap_hash(records + at, len);
		at += len;
	}
	for (i = 0; i < KQ_SNAP_TYPES; i++)
		head->sum[i] = cpu_to_le64(sum[i]);
}

static void seal_frame(struct kq_snap_frame *f, uint32_t len, uint32_t *chain)
{
	f->body_crc = cpu_to_le32(kq_crc(0, f + 1, len));
	*chain = kq_crc(*chain, f, offsetof(struct kq_snap_frame, crc));
	f->crc = cpu_to_le32(*chain);
}

static void seal(void)
{
	uint32_t len = min_t(uint32_t, le16_to_cpu(head->head_len), sizeof(*head)), chain;

	head->crc = 0;
	chain = kq_crc(0, head, len);
	head->crc = cpu_to_le32(chain);
	seal_frame(frame, records_len, &chain);
	seal_frame(end_frame, sizeof(*end), &chain);
}

static int setup(void **state)
{
	(void)state;
	kq_core_destroy(image_small(&good));
	into_one_frame(&good);
	im = good;
	im.data = malloc(good.len);
	head = (void *)im.data;
	frame = (void *)(head + 1);
	memcpy(im.data, good.data, good.len);
	records_len = le32_to_cpu(frame->bytes);
	records = (void *)(frame + 1);
	end_frame = (void *)(records + records_len);
	end = (void *)(end_frame + 1);
	seal();
	memcpy(good.data, im.data, good.len);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_free(&im);
	image_free(&good);
	return kq_alloc_live != 0;
}

/* All checksums are right again. Returns how it is refused. */
static int sealed(char why[160])
{
	struct kq_restore *rs;
	int err;

	seal();
	why[0] = '\0';
	rs = image_restore(&im, &lone_config, 700, &err, why);
	kq_restore_free(rs);
	memcpy(im.data, good.data, good.len);
	return err;
}

#define LIE(change, text) do {							\
	char why[160];								\
										\
	change;									\
	assert_int_equal(sealed(why), -EBADMSG);				\
	assert_string_equal(why, "damaged: " text);				\
} while (0)

/* Of what is in a record: the sums are those of what it says. */
#define RECORD_LIE(change, text) LIE(change; sum_up(), text)

static void a_head_that_cannot_be_is_refused(void **state)
{
	char why[160];

	(void)state;
	assert_int_equal(sealed(why), 0);
	LIE(head->head_len = cpu_to_le16(8), "its head cannot have 8 bytes");
	LIE(head->head_len = cpu_to_le16(KQ_SNAP_HEAD_MAX + 1), "its head cannot have 1025 bytes");
	LIE(head->version = cpu_to_le16(1), "its head is not of version 1");
	LIE(head->head_len = cpu_to_le16(sizeof(*head) - 8), "its head is not of version 2");
	LIE(head->zero = cpu_to_le64(1), "its head is not of version 2");
	LIE(head->index = 0, "its head has an index or term that cannot be");
	LIE(head->term = 0, "its head has an index or term that cannot be");
	LIE(head->index = cpu_to_le64(KQ_SNAP_NUMBER_MAX),
	    "its head has an index or term that cannot be");
}

static void a_frame_that_cannot_be_is_refused(void **state)
{
	(void)state;
	LIE(frame->number = cpu_to_le64(1), "frame 0, at byte 96, cannot be as it says");
	LIE(frame->bytes = 0, "frame 0, at byte 96, cannot be as it says");
	LIE(frame->bytes = cpu_to_le32(KQ_SNAP_FRAME_MAX + 1),
	    "frame 0, at byte 96, cannot be as it says");
	LIE(frame->kind = cpu_to_le32(3), "frame 0, at byte 96, cannot be as it says");
	LIE(frame->kind = cpu_to_le32(KQ_SNAP_END), "its end is not of this version");
	LIE(end->zero = cpu_to_le64(1), "its end is not of this version");
}

static void sums_that_are_of_something_else_are_refused(void **state)
{
	char why[160];
	uint64_t claims = le64_to_cpu(head->claims);

	(void)state;
	head->claims = cpu_to_le64(claims + 1);
	assert_int_equal(sealed(why), -EBADMSG);
	assert_non_null(strstr(why, " records, it should be "));
	end->records = cpu_to_le64(le64_to_cpu(end->records) + 1);
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

	(void)state;
	RECORD_LIE(rec->len = cpu_to_le16(sizeof(*c)), "a claim that cannot be");
	RECORD_LIE(record(KQ_SNAP_CONF, 0)->type = cpu_to_le16(KQ_SNAP_CLAIM),
		   "a claim that cannot be");				/* that long */
	RECORD_LIE(last->len = cpu_to_le16(le16_to_cpu(last->len) - 2),
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
