// SPDX-License-Identifier: GPL-2.0
/* Snapshots that lie: see lies.h. */
#include "lies.h"

struct image good;
struct kq_snap_head *head;
struct kq_snap_frame *frame;
struct kq_snap_end *ending;

static struct image im;
static struct kq_snap_frame *end_frame;
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
	memmove((uint8_t *)(to + 1) + len + sizeof(f), i->data + at, sizeof(*ending));
	memcpy((uint8_t *)(to + 1) + len, &f, sizeof(f));
	i->len = sizeof(*head) + 2 * sizeof(f) + len + sizeof(*ending);
}

struct kq_snap_record *record(uint32_t type, uint32_t nth)
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

void sum_up(void)
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
	seal_frame(end_frame, sizeof(*ending), &chain);
}

void lies_begin(struct kq_core *c)
{
	image_free(&good);
	image_take(&good, c, 1000);
	into_one_frame(&good);
	im = good;
	im.data = malloc(good.len);
	head = (void *)im.data;
	frame = (void *)(head + 1);
	memcpy(im.data, good.data, good.len);
	records_len = le32_to_cpu(frame->bytes);
	records = (void *)(frame + 1);
	end_frame = (void *)(records + records_len);
	ending = (void *)(end_frame + 1);
	seal();
	memcpy(good.data, im.data, good.len);
}

void lies_end(void)
{
	image_free(&im);
	image_free(&good);
}

struct kq_core *believed(void)
{
	struct kq_wal_report report = { 0 };
	struct kq_core *c = NULL;
	struct kq_restore *rs;
	int err;

	seal();
	rs = image_restore(&im, &lone_config, 700, &err, NULL);
	if (rs) {
		report.hs.snap = *kq_restore_ref(rs);
		c = kq_core_create(&lone_config);
		kq_log_reset(&c->log, report.hs.snap.index, report.hs.snap.term);
		assert_int_equal(kq_core_restore(c, rs, &report), 0);
		c->state = KQUORUM_NODE_RUNNING;
		c->hs.term = report.hs.snap.term;
	} else {
		assert_int_equal(err, -EBADMSG);
	}
	kq_restore_free(rs);
	memcpy(im.data, good.data, good.len);
	return c;
}

uint8_t *said(uint32_t *len)
{
	*len = records_len;
	return records;
}

int sealed(char why[160])
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
