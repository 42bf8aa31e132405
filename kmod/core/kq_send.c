// SPDX-License-Identifier: GPL-2.0
/*
 * Messages on their way out. Nothing leaves that speaks of a term or a vote
 * which is not on disk, or for a peer whose start is not noted there: such messages
 * wait, in order, for the hard state.
 */
#include "kq_int.h"

/*
 * A disk that hangs holds up its node's answers; past this many they are dropped,
 * as on a lost connection.
 */
#define HELD_MAX 1024

/**
 * kq_msg_alloc() - room for a message with header and body
 * @core: the core
 * @to: receiver
 * @type: enum kq_msg_type
 * @body: bytes of body, zeroed
 *
 * Return: the message, or NULL without memory: whoever sends has to cope, as
 * with a lost connection.
 */
struct kq_msg *kq_msg_alloc(struct kq_core *core, u32 to, u8 type, u32 body)
{
	struct kq_msg *msg = kq_alloc(sizeof(*msg) + sizeof(struct kq_wire_hdr) + body);
	struct kq_wire_hdr *h;

	if (!msg)
		return NULL;
	INIT_LIST_HEAD(&msg->node);
	msg->to = to;
	msg->len = sizeof(*h) + body;
	h = (struct kq_wire_hdr *)msg->data;
	h->magic = cpu_to_le32(KQ_WIRE_MAGIC);
	h->version = KQ_WIRE_VERSION;
	h->type = type;
	h->len = cpu_to_le32(body);
	h->cluster = cpu_to_le64(core->cluster_hash);
	h->from = cpu_to_le32(core->cfg.self);
	h->to = cpu_to_le32(to);
	h->from_inc = cpu_to_le64(core->hs.incarnation);
	h->to_inc = cpu_to_le64(core->peer[to].incarnation);
	return msg;
}

/**
 * kq_msg_body() - where the body of a message stands
 * @msg: the message
 *
 * Return: first byte behind the header.
 */
void *kq_msg_body(struct kq_msg *msg)
{
	return msg->data + sizeof(struct kq_wire_hdr);
}

/**
 * kq_msg_entries_fit() - how much of the log goes into one message?
 * @core: the core
 * @first: index of the first entry that is to go
 * @last: of the last; gets that of the last that goes, below @first if none does
 *
 * One goes however long it is. What is missing does not, and nothing behind it.
 *
 * Return: bytes.
 */
u32 kq_msg_entries_fit(const struct kq_core *core, u64 first, u64 *last)
{
	u32 bytes = 0;
	u64 i;

	for (i = first; i <= *last; i++) {
		const struct kq_entry *e = kq_log_get(&core->log, i);
		u32 size = e ? kq_record_size(kq_entry_len(e)) : 0;

		if (!e || (bytes && bytes + size > KQ_APPEND_BYTES))
			break;
		bytes += size;
	}
	*last = i - 1;
	return bytes;
}

/**
 * kq_msg_put_entries() - copy entries into a message
 * @core: the core
 * @first: index of the first
 * @last: of the last, as kq_msg_entries_fit() said
 * @out: zeroed, and as many bytes as it said
 */
void kq_msg_put_entries(const struct kq_core *core, u64 first, u64 last, void *out)
{
	u8 *to = out;
	u64 i;

	for (i = first; i <= last; i++) {
		const struct kq_entry *e = kq_log_get(&core->log, i);

		memcpy(to, &e->rec, sizeof(e->rec));
		memcpy(to + sizeof(e->rec), e->data, kq_entry_len(e));
		to += kq_record_size(kq_entry_len(e));
	}
}

static void seal(struct kq_msg *msg, u64 term)
{
	struct kq_wire_hdr *h = (struct kq_wire_hdr *)msg->data;

	h->term = cpu_to_le64(term);
	h->body_crc = cpu_to_le32(kq_crc(0, kq_msg_body(msg), msg->len - sizeof(*h)));
	h->crc = cpu_to_le32(kq_crc(0, h, offsetof(struct kq_wire_hdr, crc)));
}

/**
 * kq_msg_send_failed() - what a node that has failed still says: that it has
 * @core: the core, failed
 * @msg: the message; belongs to the queue
 */
void kq_msg_send_failed(struct kq_core *core, struct kq_msg *msg)
{
	seal(msg, core->durable_term);
	msg->hs_version = core->hs_durable;
	list_add_tail(&msg->node, &core->peer[msg->to].msgs);
}

/**
 * kq_msg_send() - finish a message and put it on its peer's queue
 * @core: the core
 * @msg: the message; belongs to the queue
 * @term: for the header
 */
void kq_msg_send(struct kq_core *core, struct kq_msg *msg, u64 term)
{
	if (!core->peer[msg->to].connected || !kq_is_up(core) || !term ||
	    core->held_count >= HELD_MAX) {
		kq_free(msg);
		return;
	}
	seal(msg, term);
	msg->hs_version = max(core->hs_said, core->peer[msg->to].hs_version);
	if (core->hs_durable < msg->hs_version && !KQ_BREAK(FLUSH)) {
		list_add_tail(&msg->node, &core->held);
		core->held_count++;
	} else {
		list_add_tail(&msg->node, &core->peer[msg->to].msgs);
	}
}

/**
 * kq_held_release() - let go of the messages whose hard state is durable now
 * @core: the core
 */
void kq_held_release(struct kq_core *core)
{
	struct kq_msg *msg, *next;

	list_for_each_entry_safe(msg, next, &core->held, node) {
		if (msg->hs_version > core->hs_durable)
			continue;	/* one for another peer may be free to go */
		core->held_count--;
		list_move_tail(&msg->node, &core->peer[msg->to].msgs);
	}
}

/**
 * kq_held_drop() - forget the waiting messages for a peer
 * @core: the core
 * @id: node id; 0: all
 */
void kq_held_drop(struct kq_core *core, u32 id)
{
	struct kq_msg *msg, *next;

	list_for_each_entry_safe(msg, next, &core->held, node) {
		if (id && msg->to != id)
			continue;
		core->held_count--;
		list_del(&msg->node);
		kq_free(msg);
	}
}

/**
 * kq_msgs_free() - free all messages of a list
 * @list: the list
 */
void kq_msgs_free(struct list_head *list)
{
	struct kq_msg *msg, *next;

	list_for_each_entry_safe(msg, next, list, node) {
		list_del(&msg->node);
		kq_free(msg);
	}
}
