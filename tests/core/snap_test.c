// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: what is saved while the state changes is the state as it was at one index; what is
 * restored is what was saved, to the last claim; what is damaged, cut off, newer or of another is
 * refused and said to be.
 */
#include <time.h>

#include "snap_state.h"

static uint64_t rnd_state;

static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (uint32_t)((rnd_state >> 16) % below);
}

static void any_name(char *name, uint32_t names)
{
	snprintf(name, KQ_RESOURCE_MAX, "resource/%u", rnd(names));
}

/* One random command: locks taken and given back, sessions that end and begin. */
static void any_command(struct kq_core *c, uint32_t names)
{
	uint32_t node = 1 + rnd(3);
	char name[KQ_RESOURCE_MAX];

	any_name(name, names);
	switch (rnd(60)) {
	case 0:
		if (c->session[node].id) {
			lone_session(c, rnd(2) ? KQ_ENTRY_EXPIRE : KQ_ENTRY_CLOSE, node,
				     c->session[node].id);
			lone_session(c, KQ_ENTRY_OPEN, node, c->session[node].last_id + 1);
		}
		break;
	case 1:
		lone_session(c, rnd(2) ? KQ_ENTRY_SUSPECT : KQ_ENTRY_CLEAR, node,
			     c->session[node].id);
		break;
	default:
		if (rnd(3))
			lone_acquire(c, node, rnd(6), name);
		else
			lone_release(c, node, rnd(6), name);
	}
}

static void fill(struct kq_core *c, uint32_t commands, uint32_t names)
{
	while (commands--)
		any_command(c, names);
}

/* Another core with this state in the place of its own. */
static struct kq_core *twin_of(const struct image *im, uint32_t piece)
{
	struct kq_core *c = kq_core_create(&lone_config);
	struct kq_wal_report report = { .hs.snap = im->ref };
	struct kq_restore *rs;
	char why[160] = "";
	int err;

	rs = image_restore(im, &lone_config, piece, &err, why);
	if (!rs)
		fail_msg("not restored: %d, %s", err, why);
	assert_true(kq_snap_same(kq_restore_ref(rs), &im->ref));
	kq_log_reset(&c->log, im->ref.index, im->ref.term);
	assert_int_equal(kq_core_restore(c, rs, &report), 0);
	kq_restore_free(rs);
	assert_int_equal(c->applied, im->ref.index);
	assert_int_equal(c->commit, im->ref.index);
	return c;
}

static void what_is_restored_is_what_was_saved(void **state)
{
	static const uint32_t pieces[] = { 1, 7, 96, 4096, 100000 };
	struct kq_core *c = lone_create(), *d;
	struct image im;
	uint32_t i;

	(void)state;
	rnd_state = 1;
	fill(c, 3000, 200);
	assert_true(c->res->claims > 100);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		image_take(&im, c, pieces[i]);
		assert_int_equal(im.ref.index, c->applied);
		assert_int_equal(im.ref.term, 5);
		assert_int_equal(im.ref.bytes, im.len);
		assert_int_equal(im.ref.crc, kq_crc(0, im.data, im.len));
		d = twin_of(&im, pieces[ARRAY_SIZE(pieces) - 1 - i]);
		assert_same_state(c, d);
		assert_int_equal(d->conf_applied, c->conf_applied);
		assert_memory_equal(kq_core_conf_entry(d, d->conf_applied)->data,
				    kq_core_conf_entry(c, c->conf_applied)->data,
				    kq_entry_len(kq_core_conf_entry(c, c->conf_applied)));
		kq_core_destroy(d);
		image_free(&im);
	}
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* Both go on alike, also in what is granted next and what counts as applied. */
static void what_was_restored_goes_on_like_the_other(void **state)
{
	struct kq_core *c = lone_create(), *d;
	struct image im;
	uint64_t from;

	(void)state;
	rnd_state = 2;
	fill(c, 2000, 50);
	image_take(&im, c, 5000);
	d = twin_of(&im, 300);
	d->state = KQUORUM_NODE_RUNNING;
	from = c->log.last + 1;
	fill(c, 2000, 50);
	for (; from <= c->log.last; from++) {
		const struct kq_entry *e = kq_log_get(&c->log, from);
		struct kq_entry *f = kq_entry_from_record(&e->rec, e->data);

		assert_int_equal(kq_machines_prepare(f), 0);
		assert_int_equal(kq_log_append(&d->log, f), 0);
		d->commit = from;
		kq_machines_apply(d);
		assert_int_equal(f->result, e->result);
	}
	assert_same_state(c, d);
	image_free(&im);
	kq_core_destroy(c);
	kq_core_destroy(d);
	assert_int_equal(kq_alloc_live, 0);
}

/* Between any two pieces commands are applied; the snapshot is of the moment when it began. */
static void what_changes_while_it_is_saved_is_saved_as_it_was(void **state)
{
	uint32_t round;

	(void)state;
	for (round = 0; round < 60; round++) {
		struct kq_core *c, *then, *now;
		struct image before, im = { 0 };
		struct kq_save *save;
		uint32_t names, each;
		uint8_t buf[512];
		int n, err;

		rnd_state = 100 + round;
		names = 1 + rnd(300);
		each = rnd(40);
		c = lone_create();
		fill(c, rnd(3000), names);
		image_take(&before, c, 4096);
		save = kq_core_save_begin(c, &err);
		assert_non_null(save);
		do {
			fill(c, rnd(each + 1), names + rnd(20));
			n = kq_core_save_next(c, save, buf, 1 + rnd(sizeof(buf)));
			if (n > 0) {
				im.data = realloc(im.data, im.len + n);
				memcpy(im.data + im.len, buf, n);
				im.len += n;
			}
		} while (n > 0 || n == -EAGAIN);
		assert_int_equal(n, 0);
		kq_core_save_ref(save, &im.ref);
		kq_core_save_end(c, save);
		then = twin_of(&before, 10000);
		now = twin_of(&im, 10000);
		assert_same_state(then, now);
		kq_core_destroy(then);
		kq_core_destroy(now);
		/* And the next one is of what it is by now. */
		image_free(&im);
		fill(c, 1, names);
		image_take(&im, c, 600);
		now = twin_of(&im, 10000);
		assert_same_state(c, now);
		kq_core_destroy(now);
		kq_core_destroy(c);
		image_free(&before);
		image_free(&im);
		assert_int_equal(kq_alloc_live, 0);
	}
}

static void a_node_without_claims_or_sessions_is_saved_too(void **state)
{
	struct kq_core *c = kq_core_create(&lone_config), *d;
	struct image im;
	int err;

	(void)state;
	c->state = KQUORUM_NODE_RUNNING;
	c->hs.term = 1;
	/* Of nothing at all there is none. */
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EALREADY);
	lone_apply(c, KQ_ENTRY_NOOP, 0, NULL, 0);
	image_take(&im, c, 100);
	d = twin_of(&im, 100);
	assert_same_state(c, d);
	kq_core_destroy(d);
	kq_core_destroy(c);
	image_free(&im);
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

static void a_founders_name_has_its_length(void **state)
{
	struct kq_core *c = lone_create();
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(kq_core_name_founder(c, 2, "n2", "10.0.0.2:7420"), 0);
	assert_int_equal(kq_core_name_founder(c, 2, text, "10.0.0.2:7420"), -EINVAL);
	assert_int_equal(kq_core_name_founder(c, 2, "n2", text), -EINVAL);
	assert_int_equal(kq_core_name_founder(c, 2, "n 2", "10.0.0.2:7420"), -EINVAL);
	kq_core_destroy(c);
}

static void a_save_is_refused_where_it_makes_no_sense(void **state)
{
	struct kq_core *c = lone_create();
	struct kq_save *save;
	int err;

	(void)state;
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EBUSY);
	kq_core_save_end(c, save);
	kq_core_save_end(c, NULL);
	c->snap.index = c->applied;
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EALREADY);
	c->snap.index = 0;
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	kq_core_fail(c, -EIO, "test");
	assert_int_equal(kq_core_save_next(c, save, &err, sizeof(err)), -EIO);
	kq_core_save_end(c, save);
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -EIO);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* Applying goes on; the save alone has come to nothing. */
static void a_save_without_memory_harms_nobody(void **state)
{
	struct kq_core *c = lone_create();
	struct kq_save *save;
	uint8_t buf[200];
	char name[20];
	uint32_t i;
	int err;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(lone_acquire(c, 1, i, name), 0);
	}
	kq_alloc_fail_at = 1;
	assert_null(kq_core_save_begin(c, &err));
	assert_int_equal(err, -ENOMEM);
	save = kq_core_save_begin(c, &err);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), sizeof(buf));
	/* The entry itself, its record and room for its release are there. */
	kq_alloc_fail_at = 2;
	assert_int_equal(lone_release(c, 1, 900, "900"), 0);
	assert_int_equal(kq_alloc_fail_at, 0);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), -ENOMEM);
	assert_int_equal(lone_release(c, 1, 901, "901"), 0);
	assert_int_equal(kq_core_save_next(c, save, buf, sizeof(buf)), -ENOMEM);
	kq_core_save_end(c, save);
	assert_int_equal(c->res->claims, 998);
	assert_int_equal(c->state, KQUORUM_NODE_RUNNING);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

static void a_restore_without_memory_says_so(void **state)
{
	struct kq_core *c = lone_create();
	unsigned long nth = 0, left;
	struct kq_restore *rs;
	char why[160] = "";
	struct image im;
	int err;

	(void)state;
	lone_acquire(c, 1, 1, "a");
	lone_acquire(c, 2, 1, "a");
	image_take(&im, c, 1000);
	do {
		kq_alloc_fail_at = ++nth;
		rs = image_restore(&im, &lone_config, 50, &err, why);
		left = kq_alloc_fail_at;
		kq_alloc_fail_at = 0;
		if (!rs)
			assert_int_equal(err, -ENOMEM);
	} while (!left);
	assert_non_null(rs);
	assert_int_equal(nth, 7);
	assert_string_equal(why, "no memory for the state in it");
	kq_restore_free(rs);
	image_free(&im);
	kq_core_destroy(c);
	assert_int_equal(kq_alloc_live, 0);
}

/* --- what is not a snapshot, or not a good one ------------------------------------------- */

static struct kq_core *small(struct image *im)
{
	struct kq_core *c = lone_create();

	lone_acquire(c, 1, 1, "a");
	lone_acquire(c, 2, 1, "a");
	lone_acquire(c, 3, 7, "disk/b");
	image_take(im, c, 1000);
	return c;
}

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
	struct kq_core *c = small(&im);
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
	struct kq_core *c = small(&im);
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
	struct kq_core *c = small(&im);
	struct kq_snap_head *h = (void *)im.data, saved = *h;
	struct kq_snap_reader *r = calloc(1, sizeof(*r));
	char why[160];

	(void)state;
	h->version = cpu_to_le16(KQ_SNAP_VERSION + 1);
	reseal_head(&im);
	assert_int_equal(refused(&im, why), -EPROTONOSUPPORT);
	assert_string_equal(why, "of format version 3, this is read up to 2: use a newer kquorum");
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
	char name[2];
	struct kq_snap_record d_rec;
	struct kq_snap_claim d;
	char name2[2];
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
	h.sum[KQ_SNAP_CLAIM] = cpu_to_le64(kq_snap_hash(&l->c, sizeof(l->c) + 2) +
			(claims > 1 ? kq_snap_hash(&l->d, sizeof(l->d) + 2) : 0));
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
		.c_rec = { cpu_to_le16(KQ_SNAP_CLAIM), cpu_to_le16(sizeof(good.c) + 2) },
		.c = { .session = cpu_to_le64(9), .owner = cpu_to_le64(1),
		       .index = cpu_to_le64(20), .token = cpu_to_le64(20 << KQ_TOKEN_SHIFT),
		       .node = cpu_to_le32(2) },
		.name = "a", .d_rec = good.c_rec,
		.d = { .session = cpu_to_le64(9), .owner = cpu_to_le64(2),
		       .index = cpu_to_le64(21), .node = cpu_to_le32(2) },
		.name2 = "a",
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
	LIE(l.c.token = 0, one, 1, "somebody waits for what nobody holds");
	LIE(l.d.token = good.c.token, two, 2, "two holders of one resource");
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
	struct kq_core *c = small(&im), *d = kq_core_create(&lone_config);
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

/* --- size ------------------------------------------------------------------------------- */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

#define MILLION 1000000u

static void a_million_claims_are_saved_while_commands_are_applied(void **state)
{
	struct kq_core *c = lone_create(), *d;
	uint8_t buf[65536];
	struct image im = { 0 };
	struct kq_save *save;
	double start = seconds(), step, longest = 0;
	uint32_t i, calls = 0;
	char name[40];
	int n, err;

	(void)state;
	for (i = 0; i < MILLION; i++) {
		snprintf(name, sizeof(name), "volume/%u/disk", i);
		assert_int_equal(lone_acquire(c, 1 + i % 3, i, name), 0);
		if (!(i % 1024))
			kq_log_trim(&c->log, c->log.last - 1);
	}
	assert_int_equal(c->res->claims, MILLION);
	print_message("# %u claims: %.2f s\n", MILLION, seconds() - start);
	im.data = malloc(200u << 20);
	start = seconds();
	save = kq_core_save_begin(c, &err);
	assert_non_null(save);
	longest = seconds() - start;
	for (i = 0;; i++) {
		step = seconds();
		n = kq_core_save_next(c, save, buf, sizeof(buf));
		longest = max(longest, seconds() - step);
		if (n != -EAGAIN && n <= 0)
			break;
		calls++;
		if (n > 0) {
			memcpy(im.data + im.len, buf, n);
			im.len += n;
		}
		/* From the far end, so that what is written before its turn is much. */
		snprintf(name, sizeof(name), "volume/%u/disk", MILLION - 1 - i);
		assert_int_equal(lone_release(c, 1 + (MILLION - 1 - i) % 3, MILLION - 1 - i, name),
				 0);
	}
	assert_int_equal(n, 0);
	kq_core_save_ref(save, &im.ref);
	kq_core_save_end(c, save);
	print_message("# saved: %u bytes in %u pieces, %.2f s, the longest took %.2f ms\n", im.len,
		      calls, seconds() - start, longest * 1000);
	assert_int_equal(c->res->claims, MILLION - i);
	start = seconds();
	d = twin_of(&im, 65536);
	print_message("# restored: %.2f s\n", seconds() - start);
	assert_int_equal(d->res->claims, MILLION);
	start = seconds();
	assert_int_equal(kq_core_resource_find(c, "volume/500000/disk", 18)->holder->owner,
			 500000);
	lone_session(c, KQ_ENTRY_EXPIRE, 2, c->session[2].id);
	print_message("# a third of them released at once: %.2f s\n", seconds() - start);
	kq_core_destroy(d);
	kq_core_destroy(c);
	image_free(&im);
	assert_int_equal(kq_alloc_live, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_restored_is_what_was_saved),
		cmocka_unit_test(what_was_restored_goes_on_like_the_other),
		cmocka_unit_test(what_changes_while_it_is_saved_is_saved_as_it_was),
		cmocka_unit_test(a_node_without_claims_or_sessions_is_saved_too),
		cmocka_unit_test(resources_are_found_in_the_order_of_their_names),
		cmocka_unit_test(a_founders_name_has_its_length),
		cmocka_unit_test(a_save_is_refused_where_it_makes_no_sense),
		cmocka_unit_test(a_save_without_memory_harms_nobody),
		cmocka_unit_test(a_restore_without_memory_says_so),
		cmocka_unit_test(each_flipped_byte_is_seen),
		cmocka_unit_test(each_cut_off_end_is_seen),
		cmocka_unit_test(what_is_newer_or_of_another_is_named),
		cmocka_unit_test(contents_that_cannot_be_are_refused),
		cmocka_unit_test(a_snapshot_that_the_log_does_not_refer_to_is_not_taken),
		cmocka_unit_test(a_million_claims_are_saved_while_commands_are_applied),
	};

	if (argc > 1)		/* a pattern: only these */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
