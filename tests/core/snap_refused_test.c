// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots that are damaged, cut off, newer, of another, or not what the log refers to; and whose
 * contents cannot be: each is refused and said to be.
 */
#include "snap_state.h"

static int refused(const struct image *im, char why[160])
{
	struct kq_restore *rs;
	int err;

	why[0] = '\0';
	rs = image_restore(im, &lone_config, 1000, &err, why);
	assert_null(rs);
	assert_true(why[0]);
	return err;
}

static void each_flipped_byte_is_seen(void **state)
{
	struct image im;
	struct kq_core *c = image_small(&im);
	uint32_t i, bit;
	char why[160];

	(void)state;
	for (i = 0; i < im.len; i++) {
		for (bit = 1; bit < 256; bit <<= 1) {
			im.data[i] ^= bit;
			assert_int_equal(refused(&im, why), i < 8 ? -EINVAL : -EBADMSG);
			im.data[i] ^= bit;
		}
	}
	print_message("# %u bytes, each bit of them: %s\n", im.len, why);
	image_free(&im);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

static void each_cut_off_end_is_seen(void **state)
{
	struct image im;
	struct kq_core *c = image_small(&im);
	uint32_t len = im.len;
	char why[160], text[160];

	(void)state;
	while (im.len--) {
		assert_int_equal(refused(&im, why), -ENODATA);
		snprintf(text, sizeof(text), im.len ? "cut off after %u bytes: its end is missing" :
			 "empty", im.len);
		assert_string_equal(why, text);
	}
	im.len = len;
	im.data = realloc(im.data, len + 1);
	im.data[im.len++] = 0;
	assert_int_equal(refused(&im, why), -EBADMSG);
	print_message("# %s\n", why);
	image_free(&im);
	kq_core_destroy(c);
}

static void reseal_head(struct image *im)
{
	struct kq_snap_head *h = (void *)im->data;

	h->crc = 0;
	h->crc = cpu_to_le32(kq_crc(0, h, sizeof(*h)));
}

static void what_is_newer_or_of_another_is_named(void **state)
{
	struct image im;
	struct kq_core *c = image_small(&im);
	struct kq_snap_head *h = (void *)im.data, saved = *h;
	struct kq_snap_reader *r = calloc(1, sizeof(*r));
	char why[160];

	(void)state;
	h->version = cpu_to_le16(KQ_SNAP_VERSION + 1);
	reseal_head(&im);
	assert_int_equal(refused(&im, why), -EPROTONOSUPPORT);
	assert_string_equal(why, "of format version 5, this is read up to 4: use a newer kquorum");
	*h = saved;
	h->cluster = cpu_to_le64(78);
	reseal_head(&im);
	assert_int_equal(refused(&im, why), -EXDEV);
	assert_string_equal(why, "of another cluster (id 000000000000004e)");
	*h = saved;
	h->index = 0;
	reseal_head(&im);
	assert_int_equal(refused(&im, why), -EBADMSG);
	*h = saved;
	/* A node that installed this could say nothing any more. */
	h->saved_term = cpu_to_le64(KQ_WIRE_TERM_MAX);
	reseal_head(&im);
	assert_int_equal(refused(&im, why), -EBADMSG);
	assert_string_equal(why, "damaged: its head has an index or term that cannot be");
	*h = saved;
	h->saved_term = cpu_to_le64(le64_to_cpu(h->term) - 1);
	reseal_head(&im);
	assert_int_equal(refused(&im, why), -EBADMSG);
	assert_string_equal(why, "damaged: its head has an index or term that cannot be");
	*h = saved;
	memset(im.data, 0, 16);
	assert_int_equal(refused(&im, why), -EINVAL);
	assert_string_equal(why, "no snapshot begins here");
	*h = saved;
	/* Whoever knows the history asks for it. */
	kq_snap_reader_init(r, 77, 4);
	assert_int_equal(kq_snap_read(r, im.data, im.len, NULL, NULL), -EXDEV);
	assert_string_equal(r->why, "of another history under this cluster's name");
	kq_snap_reader_init(r, 77, 3);
	assert_int_equal(kq_snap_read(r, im.data, im.len, NULL, NULL), 0);
	assert_int_equal(kq_snap_read_end(r), 0);
	assert_true(kq_snap_same(&r->ref, &im.ref));
	assert_int_equal(r->claims, 3);
	free(r);
	image_free(&im);
	kq_core_destroy(c);
}

/* Checksums that are right over contents that are not. */
static void put_frame(struct image *im, uint32_t *chain, uint64_t number, uint32_t kind,
		      const void *body, uint32_t len)
{
	struct kq_snap_frame f = { .number = cpu_to_le64(number), .bytes = cpu_to_le32(len),
				   .kind = cpu_to_le32(kind),
				   .body_crc = cpu_to_le32(kq_crc(0, body, len)) };

	*chain = kq_crc(*chain, &f, offsetof(struct kq_snap_frame, crc));
	f.crc = cpu_to_le32(*chain);
	im->data = realloc(im->data, im->len + sizeof(f) + len);
	memcpy(im->data + im->len, &f, sizeof(f));
	memcpy(im->data + im->len + sizeof(f), body, len);
	im->len += sizeof(f) + len;
}

struct liar {
	struct kq_snap_record s_rec;
	struct kq_snap_session s;
	struct kq_snap_record c_rec;
	struct kq_snap_claim c;
	char name[1];
	struct kq_snap_record d_rec;
	struct kq_snap_claim d;
	char name2[1];
} __packed;

/* A snapshot of these records, whole but for what they say. Returns how it was refused. */
static int liar_tells(const struct liar *l, uint32_t len, uint64_t claims, char why[160])
{
	struct kq_snap_head h = {
		.magic = cpu_to_le64(KQ_SNAP_MAGIC), .version = cpu_to_le16(KQ_SNAP_VERSION),
		.head_len = cpu_to_le16(sizeof(h)), .cluster = cpu_to_le64(77),
		.index = cpu_to_le64(50), .term = cpu_to_le64(2), .saved_term = cpu_to_le64(2),
		.claims = cpu_to_le64(claims),
	};
	struct kq_snap_end end = { .records = cpu_to_le64(1 + claims) };
	struct image im = { 0 };
	struct kq_restore *rs;
	uint32_t chain;
	int err;

	h.sum[KQ_SNAP_SESSION] = cpu_to_le64(kq_snap_hash(&l->s, sizeof(l->s)));
	h.sum[KQ_SNAP_CLAIM] = cpu_to_le64(kq_snap_hash(&l->c, sizeof(l->c) + 1) +
			(claims > 1 ? kq_snap_hash(&l->d, sizeof(l->d) + 1) : 0));
	h.crc = cpu_to_le32(kq_crc(0, &h, sizeof(h)));
	chain = le32_to_cpu(h.crc);
	im.data = malloc(sizeof(h));
	memcpy(im.data, &h, sizeof(h));
	im.len = sizeof(h);
	put_frame(&im, &chain, 0, KQ_SNAP_DATA, l, len);
	put_frame(&im, &chain, 1, KQ_SNAP_END, &end, sizeof(end));
	rs = image_restore(&im, &lone_config, 1000, &err, why);
	kq_restore_free(rs);
	image_free(&im);
	return err;
}

static void contents_that_cannot_be_are_refused(void **state)
{
	const struct liar good = {
		.s_rec = { cpu_to_le16(KQ_SNAP_SESSION), cpu_to_le16(sizeof(good.s)) },
		.s = { .node = cpu_to_le32(2), .id = cpu_to_le64(9), .last_id = cpu_to_le64(9) },
		.c_rec = { cpu_to_le16(KQ_SNAP_CLAIM), cpu_to_le16(sizeof(good.c) + 1) },
		.c = { .session = cpu_to_le64(9), .owner = cpu_to_le64(1),
		       .index = cpu_to_le64(20), .token = cpu_to_le64(20 << KQ_TOKEN_SHIFT),
		       .node = cpu_to_le32(2), .name_len = 1 },
		.name = { 'a' }, .d_rec = good.c_rec,
		.d = { .session = cpu_to_le64(9), .owner = cpu_to_le64(2),
		       .index = cpu_to_le64(21), .node = cpu_to_le32(2), .name_len = 1 },
		.name2 = { 'a' },
	};
	uint32_t one = offsetof(struct liar, d_rec), two = sizeof(good);
	struct liar l = good;
	char why[160];

	(void)state;
	assert_int_equal(liar_tells(&l, one, 1, why), 0);
	assert_int_equal(liar_tells(&l, two, 2, why), 0);
	assert_int_equal(liar_tells(&l, two - 1, 2, why), -EBADMSG);
	assert_int_equal(liar_tells(&l, two, 1, why), -EBADMSG);	/* one more than it says */

#define LIE(change, len, count, text) do {					\
	l = good;								\
	change;									\
	assert_int_equal(liar_tells(&l, len, count, why), -EBADMSG);		\
	assert_string_equal(why, "damaged: " text);				\
} while (0)
	LIE(l.s.node = 0, one, 1, "a session that cannot be");
	LIE(l.s.node = cpu_to_le32(16), one, 1, "a session that cannot be");
	LIE(l.s.id = cpu_to_le64(10), one, 1, "a session that cannot be");
	LIE(l.c.node = cpu_to_le32(0), one, 1, "a claim that cannot be");
	LIE(l.c.node = cpu_to_le32(16), one, 1, "a claim that cannot be");
	LIE(l.c.node = cpu_to_le32(3), one, 1, "a claim that cannot be");
	LIE(l.c.session = cpu_to_le64(8), one, 1, "a claim that cannot be");
	LIE(l.c.index = 0, one, 1, "a claim that cannot be");
	LIE(l.c.index = cpu_to_le64(51), one, 1, "a claim that cannot be");
	LIE(l.c.token = cpu_to_le64(51 << KQ_TOKEN_SHIFT), one, 1, "a claim that cannot be");
	LIE(l.c.token = 0, one, 1, "somebody waits for what could be had");
	LIE(l.d.token = good.c.token, two, 2,
	    "holders of one resource that do not go together");
	LIE((l.c.token = 0, l.d.index = good.c.index), two, 2, "two claims of one request");
	LIE(l.c_rec.type = cpu_to_le16(KQ_SNAP_TYPES), one, 1,
	    "frame 0 has a record that cannot be");
	LIE(l.c_rec.len = cpu_to_le16(500), one, 1, "frame 0 has a record that cannot be");
#undef LIE
	assert_int_equal(kq_alloc_live, 0);
}

static void a_snapshot_that_the_log_does_not_refer_to_is_not_taken(void **state)
{
	struct image im;
	struct kq_core *c = image_small(&im), *d = kq_core_create(&lone_config);
	struct kq_wal_report report = { .hs.snap = im.ref };
	struct kq_restore *rs;
	int err;

	(void)state;
	kq_log_reset(&d->log, im.ref.index, im.ref.term);
	rs = image_restore(&im, &lone_config, 1000, &err, NULL);
	report.hs.snap.crc++;
	assert_int_equal(kq_core_restore(d, rs, &report), -ESTALE);
	report.hs.snap.crc--;
	report.hs.snap.bytes++;
	assert_int_equal(kq_core_restore(d, rs, &report), -ESTALE);
	report.hs.snap.bytes--;
	/* Nor where the log is of something else. */
	kq_log_reset(&d->log, im.ref.index, im.ref.term - 1);
	assert_int_equal(kq_core_restore(d, rs, &report), -EUCLEAN);
	kq_log_reset(&d->log, im.ref.index + 1, im.ref.term);
	assert_int_equal(kq_core_restore(d, rs, &report), -EUCLEAN);
	kq_log_reset(&d->log, im.ref.index - 1, im.ref.term);
	assert_int_equal(kq_core_restore(d, rs, &report), -EUCLEAN);
	assert_int_equal(d->applied, 0);
	assert_int_equal(d->res->claims, 0);
	kq_log_reset(&d->log, im.ref.index, im.ref.term);
	assert_int_equal(kq_core_restore(d, rs, &report), 0);
	assert_int_equal(d->res->claims, 3);
	kq_restore_free(rs);
	rs = kq_restore_create(&lone_config, 0);
	assert_int_equal(kq_core_restore(d, rs, &report), -EINVAL);	/* nothing in it */
	kq_restore_free(rs);
	kq_core_destroy(c);
	kq_core_destroy(d);
	image_free(&im);
	assert_int_equal(kq_alloc_live, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flipped_byte_is_seen),
		cmocka_unit_test(each_cut_off_end_is_seen),
		cmocka_unit_test(what_is_newer_or_of_another_is_named),
		cmocka_unit_test(contents_that_cannot_be_are_refused),
		cmocka_unit_test(a_snapshot_that_the_log_does_not_refer_to_is_not_taken),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
