// SPDX-License-Identifier: GPL-2.0
/*
 * Saving: the state at one log index comes out as a snapshot, piece by piece, while commands go on
 * being applied. What is small (the configuration, the sessions) is copied when it begins. Items
 * (claims, and what was said of resources) are written in the order in which they came; one that is
 * about to be changed or taken away before its turn is written first, in the form that it had; one
 * that is made later is not part.
 *
 * What was written before its turn waits in buffers until the next piece is asked for. Should there
 * be no memory for that, the save fails: applying never does.
 */
#include "kq_int.h"

#define EARLY_BUFFER	4096
#define EARLY_MAX	(32 * 1024 * 1024)
#define SCAN_MAX	4096		/* items that are looked at for one piece */

enum save_stage {
	SAVE_HEAD,
	SAVE_FIXED,
	SAVE_ITEMS,
	SAVE_END,
	SAVE_DONE,
};

/* Records that were written before their turn. */
struct early {
	struct list_head node;
	u32 at;
	u32 len;
	u8 data[];
};

/**
 * struct kq_save - a save under way
 * @head: of the snapshot
 * @stage: enum save_stage
 * @error: it came to nothing
 * @next: in the core's list of items: the one whose turn is next
 * @items: that are not written yet
 * @early: of struct early
 * @early_bytes: in all of them
 * @early_room: of the last one
 * @frames: so far
 * @chain: checksum of the header of the last
 * @records: in all of them
 * @ref: what has come out
 * @fixed: records of the configuration and the sessions
 * @fixed_len: bytes
 * @fixed_records: how many those are
 * @len: bytes in @out
 * @at: of which came out
 * @out: head, or frame with its header
 */
struct kq_save {
	struct kq_snap_head head;
	enum save_stage stage;
	int error;
	struct list_head *next;
	u64 items;
	struct list_head early;
	u64 early_bytes;
	u32 early_room;
	u64 frames;
	u32 chain;
	u64 records;
	struct kq_snap_ref ref;
	u32 fixed_len;
	u32 fixed_records;
	u32 len;
	u32 at;
	u8 out[sizeof(struct kq_snap_frame) + KQ_SNAP_FRAME_MAX];
	u8 fixed[KQ_SNAP_FRAME_MAX];
};

static_assert(KQ_CONF_MAX + sizeof(struct kq_snap_conf) + KQ_MAX_NODES *
	      (sizeof(struct kq_snap_session) + sizeof(struct kq_snap_record)) + 256 <
	      KQ_SNAP_FRAME_MAX);

/* The record's header goes before the payload, which is at its place already. */
static u32 put_record(u8 *at, u16 type, u32 len)
{
	struct kq_snap_record rec = { .type = cpu_to_le16(type), .len = cpu_to_le16(len) };

	memcpy(at, &rec, sizeof(rec));
	return sizeof(rec) + len;
}

static void put_fixed(struct kq_save *save, u16 type, u32 len)
{
	u8 *at = save->fixed + save->fixed_len;
	u64 hash = kq_snap_hash(at + sizeof(struct kq_snap_record), len);

	save->head.sum[type] = cpu_to_le64(le64_to_cpu(save->head.sum[type]) + hash);
	save->fixed_len += put_record(at, type, len);
	save->fixed_records++;
}

static void copy_fixed(struct kq_core *core, struct kq_save *save)
{
	u32 id, len;

	len = kq_conf_record(core, save->fixed + sizeof(struct kq_snap_record));
	if (len)
		put_fixed(save, KQ_SNAP_CONF, len);
	for (id = 1; id <= KQ_MAX_NODES; id++) {
		len = kq_session_record(core, id, save->fixed + save->fixed_len +
					sizeof(struct kq_snap_record));
		if (len)
			put_fixed(save, KQ_SNAP_SESSION, len);
	}
}

/**
 * kq_core_save_begin() - save the state as it is now
 * @core: the core
 * @err: gets why it cannot be
 *
 * It is one index, core->applied, whatever is applied until the end comes out.
 *
 * Return: for kq_core_save_next(), and kq_core_save_end() in any case, before the core is
 * destroyed. NULL with -EBUSY: another save is under way; -EALREADY: there is a snapshot of just
 * this state; -EIO: the node has not got it; -ENOMEM.
 */
struct kq_save *kq_core_save_begin(struct kq_core *core, int *err)
{
	struct kq_save *save;

	*err = core->state != KQUORUM_NODE_RUNNING ? -EIO : core->save ? -EBUSY :
		core->applied == core->snap.index && !core->cfg.survivor ? -EALREADY : 0;
	if (*err)
		return NULL;
	save = kq_alloc(sizeof(*save));
	*err = save ? 0 : -ENOMEM;
	if (!save)
		return NULL;
	INIT_LIST_HEAD(&save->early);
	save->head = (struct kq_snap_head){
		.magic = cpu_to_le64(KQ_SNAP_MAGIC),
		.version = cpu_to_le16(KQ_SNAP_VERSION),
		.head_len = cpu_to_le16(sizeof(save->head)),
		.cluster = cpu_to_le64(core->cfg.cluster_id),
		.origin = cpu_to_le64(core->conf.origin),
		.index = cpu_to_le64(core->applied),
		.term = cpu_to_le64(kq_log_term(&core->log, core->applied)),
		.saved_term = cpu_to_le64(core->hs.term),
		.claims = cpu_to_le64(core->res->claims),
		.pools = cpu_to_le64(core->res->pools),
	};
	save->ref.index = core->applied;
	save->ref.term = le64_to_cpu(save->head.term);
	copy_fixed(core, save);
	save->head.sum[KQ_SNAP_CLAIM] = cpu_to_le64(core->res->sum[KQ_SNAP_CLAIM]);
	save->head.sum[KQ_SNAP_POOL] = cpu_to_le64(core->res->sum[KQ_SNAP_POOL]);
	save->head.crc = cpu_to_le32(kq_crc(0, &save->head, sizeof(save->head)));
	save->chain = le32_to_cpu(save->head.crc);
	save->items = core->res->claims + core->res->pools;
	save->next = core->res->all.next;
	core->save = save;
	core->saves++;
	kq_trace(core, "saves at %llu", (unsigned long long)save->ref.index);
	return save;
}

static void early_drop(struct kq_save *save)
{
	struct early *e, *next;

	list_for_each_entry_safe(e, next, &save->early, node) {
		list_del(&e->node);
		kq_free(e);
	}
	save->early_bytes = 0;
	save->early_room = 0;
}

/**
 * kq_save_fail() - the save under way, if there is one, comes to nothing
 * @core: the core
 * @error: what kq_core_save_next() is to return
 */
void kq_save_fail(struct kq_core *core, int error)
{
	struct kq_save *save = core->save;

	if (!save || save->error)
		return;
	save->error = error;
	early_drop(save);
}

/* Room for one more record before its turn. */
static struct early *early_room(struct kq_save *save, u32 bytes)
{
	struct early *e;

	if (bytes <= save->early_room)
		return list_last_entry(&save->early, struct early, node);
	if (save->early_bytes + bytes > EARLY_MAX)
		return NULL;
	e = kq_alloc(sizeof(*e) + EARLY_BUFFER);
	if (!e)
		return NULL;
	list_add_tail(&e->node, &save->early);
	save->early_room = EARLY_BUFFER;
	return e;
}

/**
 * kq_save_before() - a claim, or what was said of a resource, is about to change or to go
 * @core: the core
 * @item: it, as it is still
 */
void kq_save_before(struct kq_core *core, struct kq_item *item)
{
	struct kq_save *save = core->save;
	struct early *e;
	u32 len;

	if (!save || save->error || item->saved == core->saves)
		return;
	len = kq_item_record_len(item);
	e = early_room(save, sizeof(struct kq_snap_record) + len);
	if (!e) {
		kq_save_fail(core, -ENOMEM);
		return;
	}
	kq_item_record(item, e->data + e->len + sizeof(struct kq_snap_record));
	len = put_record(e->data + e->len, item->type, len);
	e->len += len;
	save->early_room -= len;
	save->early_bytes += len;
	save->items--;
	item->saved = core->saves;
}

/**
 * kq_save_skip() - a claim, or what was said of a resource, goes: another one is next
 * @core: the core
 * @item: it
 */
void kq_save_skip(struct kq_core *core, struct kq_item *item)
{
	if (core->save && core->save->next == &item->all)
		core->save->next = item->all.next;
}

/* --- pieces --------------------------------------------------------------------------- */

/* The frame in @out is complete but for its header. */
static void seal_frame(struct kq_save *save, u32 kind)
{
	struct kq_snap_frame f = {
		.number = cpu_to_le64(save->frames++),
		.bytes = cpu_to_le32(save->len - sizeof(f)),
		.kind = cpu_to_le32(kind),
		.body_crc = cpu_to_le32(kq_crc(0, save->out + sizeof(f),
					       save->len - sizeof(f))),
	};

	save->chain = kq_crc(save->chain, &f, offsetof(struct kq_snap_frame, crc));
	f.crc = cpu_to_le32(save->chain);
	memcpy(save->out, &f, sizeof(f));
}

static bool fits(const struct kq_save *save, u32 bytes)
{
	return save->len + bytes <= sizeof(save->out);
}

/* Returns false: the frame is full. */
static bool take_early(struct kq_save *save)
{
	struct early *e, *next;

	list_for_each_entry_safe(e, next, &save->early, node) {
		while (e->at < e->len) {
			struct kq_snap_record rec;
			u32 bytes;

			memcpy(&rec, e->data + e->at, sizeof(rec));
			bytes = sizeof(rec) + le16_to_cpu(rec.len);
			if (!fits(save, bytes))
				return false;
			memcpy(save->out + save->len, e->data + e->at, bytes);
			save->len += bytes;
			save->records++;
			e->at += bytes;
			save->early_bytes -= bytes;
		}
		list_del(&e->node);
		kq_free(e);
	}
	save->early_room = 0;
	return true;
}

/* Returns false: the frame is full, or enough was looked at. */
static bool take_items(struct kq_core *core, struct kq_save *save)
{
	u32 seen = 0;

	while (save->next != &core->res->all) {
		struct kq_item *item = list_entry(save->next, struct kq_item, all);
		u8 *at = save->out + save->len;

		if (seen++ == SCAN_MAX)
			return false;
		if (item->saved != core->saves) {
			u32 len = kq_item_record_len(item);

			if (!fits(save, sizeof(struct kq_snap_record) + len))
				return false;
			kq_item_record(item, at + sizeof(struct kq_snap_record));
			save->len += put_record(at, item->type, len);
			save->records++;
			save->items--;
			item->saved = core->saves;
		}
		save->next = item->all.next;
	}
	return true;
}

static void next_items(struct kq_core *core, struct kq_save *save)
{
	save->len = sizeof(struct kq_snap_frame);
	if (take_early(save) && take_items(core, save))
		save->stage = SAVE_END;
	if (save->len == sizeof(struct kq_snap_frame))
		save->len = 0;
	else
		seal_frame(save, KQ_SNAP_DATA);
}

static void next_end(struct kq_core *core, struct kq_save *save)
{
	struct kq_snap_end end = { .records = cpu_to_le64(save->records) };

	if (!KQ_ASSERT(core, !save->items)) {
		kq_save_fail(core, -EIO);
		return;
	}
	memcpy(save->out + sizeof(struct kq_snap_frame), &end, sizeof(end));
	save->len = sizeof(struct kq_snap_frame) + sizeof(end);
	seal_frame(save, KQ_SNAP_END);
	save->stage = SAVE_DONE;
}

/* What comes out next, into @out; that may be nothing for once. */
static void next_piece(struct kq_core *core, struct kq_save *save)
{
	save->at = 0;
	switch (save->stage) {
	case SAVE_HEAD:
		memcpy(save->out, &save->head, sizeof(save->head));
		save->len = sizeof(save->head);
		save->stage = save->fixed_len ? SAVE_FIXED : SAVE_ITEMS;
		break;
	case SAVE_FIXED:
		memcpy(save->out + sizeof(struct kq_snap_frame), save->fixed, save->fixed_len);
		save->len = sizeof(struct kq_snap_frame) + save->fixed_len;
		save->records += save->fixed_records;
		seal_frame(save, KQ_SNAP_DATA);
		save->stage = SAVE_ITEMS;
		break;
	case SAVE_ITEMS:
		next_items(core, save);
		break;
	case SAVE_END:
		next_end(core, save);
		break;
	case SAVE_DONE:
		save->len = 0;
		break;
	}
}

/**
 * kq_core_save_next() - the next bytes of the snapshot
 * @core: the core
 * @save: under way
 * @buf: filled
 * @len: as many as fit
 *
 * The work is bounded by @len.
 *
 * Return: how many came out; 0: that was all; -EAGAIN: none yet, call again; -ENOMEM: there was no
 * memory to keep what changed meanwhile; -ESTALE: another state was installed; -EIO: the node has
 * failed.
 */
int kq_core_save_next(struct kq_core *core, struct kq_save *save, void *buf, u32 len)
{
	u32 out = 0;

	if (core->state != KQUORUM_NODE_RUNNING)
		kq_save_fail(core, -EIO);
	while (out < len && !save->error) {
		u32 n = min(len - out, save->len - save->at);

		if (!n) {
			next_piece(core, save);
			if (!save->len)
				break;
			continue;
		}
		memcpy((u8 *)buf + out, save->out + save->at, n);
		save->at += n;
		out += n;
	}
	if (save->error)
		return save->error;
	save->ref.bytes += out;
	save->ref.crc = kq_crc(save->ref.crc, buf, out);
	return out ? (int)out : save->stage == SAVE_DONE ? 0 : -EAGAIN;
}

/**
 * kq_core_save_ref() - which snapshot has come out?
 * @save: whose end has
 * @ref: filled in, for kq_core_snapshot_done()
 */
void kq_core_save_ref(const struct kq_save *save, struct kq_snap_ref *ref)
{
	*ref = save->ref;
}

/**
 * kq_core_save_end() - the save is over, complete or not
 * @core: the core
 * @save: freed
 */
void kq_core_save_end(struct kq_core *core, struct kq_save *save)
{
	if (!save)
		return;
	if (core->save == save)
		core->save = NULL;
	early_drop(save);
	kq_free(save);
}
