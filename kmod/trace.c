// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints and what gathers their arguments. Only called when they are on; nothing here
 * allocates or waits.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"

#define KQ_TRACE_PIECE	1024	/* bytes in one event: as text they must fit a page */
#define KQ_TRACE_TEXT	232	/* bytes of a decision's text: a reason fits */

/**
 * kq_trace_text() - a decision of the core, in words (kq_trace() in kq_int.h)
 * @core: the core
 * @fmt: as printf
 *
 * Context: under the node's lock.
 */
void kq_trace_text(struct kq_core *core, const char *fmt, ...)
{
	const struct kq_node *node = core->trace_ctx;
	char text[KQ_TRACE_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* A unit test's core has no node around it. */
	trace_kquorum_decision(node ? node->cluster : "-",
			       node ? node->member[core->cfg.self].name : "-", core, text);
}

/**
 * kq_trace_call_on() - a call of the core follows
 * @node: the node
 * @item: which call
 * @bytes: what it brings, NULL: nothing; their number is in @item
 */
void kq_trace_call_on(struct kq_node *node, const struct kq_trace_item *item, const void *bytes)
{
	u32 at, len = bytes ? item->d : 0;

	trace_kquorum_call(node, item);
	node->trace.part++;
	for (at = 0; at < len; at += KQ_TRACE_PIECE) {
		trace_kquorum_bytes(node, bytes, at, min_t(u32, len - at, KQ_TRACE_PIECE));
		node->trace.part++;
	}
}

/**
 * kq_trace_out_on() - something came out of the core
 * @node: the node
 * @item: what
 */
void kq_trace_out_on(struct kq_node *node, const struct kq_trace_item *item)
{
	trace_kquorum_out(node, item);
	node->trace.part++;
}

/**
 * kq_trace_create() - a node begins, with this configuration
 * @node: complete, not known to anybody yet
 *
 * The bytes are 64-bit numbers, little-endian: cluster id, own id, founders, segments, heartbeat,
 * election, lease and Delta in ms, drift in ppm, bytes of a segment, the salt of the
 * incarnation, 1 if it joins a cluster, 1 if it is a survivor, the founders' ids.
 */
void kq_trace_create(struct kq_node *node)
{
	const struct kq_config *cfg = &node->cfg;
	__le64 words[13 + KQ_MAX_NODES] = {
		cpu_to_le64(cfg->cluster_id), cpu_to_le64(cfg->self),
		cpu_to_le64(kq_node_count(cfg->founders)),
		cpu_to_le64(cfg->segments), cpu_to_le64(cfg->set.heartbeat_ms),
		cpu_to_le64(cfg->set.election_ms), cpu_to_le64(cfg->set.lease_ms),
		cpu_to_le64(cfg->set.delta_ms), cpu_to_le64(cfg->set.drift_ppm),
		cpu_to_le64(cfg->segment_bytes), cpu_to_le64(cfg->salt),
		cpu_to_le64(cfg->joins), cpu_to_le64(cfg->survivor),
	};
	u32 id, i = 0;

	kq_for_each_node(cfg->founders, id)
		words[13 + i++] = cpu_to_le64(id);
	kq_trace_step(node, kq_clock());
	kq_trace_call_bytes(node, KQ_TRACE_CREATE, 0, words, (13 + i) * sizeof(words[0]));
	kq_for_each_node(cfg->founders, id) {
		kq_trace_step(node, kq_clock());
		kq_trace_call_bytes(node, KQ_TRACE_FOUNDER, id, &node->core->founder[id],
				    sizeof(node->core->founder[id]));
	}
}

/**
 * kq_trace_reconfigure_on() - another configuration is asked for
 * @node: the node
 * @change: it; the bytes are a member's number and record, 1 if settings are to change, settings
 */
void kq_trace_reconfigure_on(struct kq_node *node, const struct kq_conf_change *change)
{
	struct {
		__le64 id;
		struct kquorum_conf_member member;
		__le64 settings;
		struct kquorum_conf_settings set;
	} __packed bytes = { cpu_to_le64(change->id), change->member,
			     cpu_to_le64(change->settings) };

	kq_settings_write(&change->to.now, &bytes.set);
	kq_trace_call_on(node, &(struct kq_trace_item){ KQ_TRACE_RECONFIGURE,
			 change->to.voters, change->to.learners, change->based_on,
			 sizeof(bytes) }, &bytes);
}

/**
 * kq_trace_recovered_on() - what recovery found
 * @node: the node
 * @error: 0 or negative errno
 * @report: how it went, NULL with an error
 *
 * The bytes are 64-bit numbers, little-endian: health, last index, term, vote, incarnation, commit
 * index, promise in ns, is the vote known, end and term of the log as the newest header claims
 * them, CRC of all entries, CRC of the starts and peers that it knows of. What became of the
 * snapshot that the log refers to follows.
 */
void kq_trace_recovered_on(struct kq_node *node, int error, const struct kq_wal_report *report)
{
	static const struct kq_wal_report none;
	const struct kq_wal_report *r = report ?: &none;
	__le64 words[] = {
		cpu_to_le64(r->health), cpu_to_le64(r->last_index), cpu_to_le64(r->hs.term),
		cpu_to_le64(r->hs.vote), cpu_to_le64(r->hs.incarnation),
		cpu_to_le64(r->hs.commit), cpu_to_le64(r->hs.promise_ns),
		cpu_to_le64(r->vote_known), cpu_to_le64(r->claimed_index),
		cpu_to_le64(r->claimed_term), cpu_to_le64(kq_log_crc(&node->core->log)),
		cpu_to_le64(kq_hard_state_crc(&r->hs)),
	};

	kq_trace_call_on(node, &(struct kq_trace_item){ KQ_TRACE_RECOVERED, -error,
			 .d = sizeof(words) }, words);
	if (error || !r->hs.snap.index)
		return;
	if (node->core->snap.index)
		kq_trace_snapshot_on(node, KQ_TRACE_RESTORED, &node->core->snap);
	else
		kq_trace_call_on(node, &(struct kq_trace_item){ KQ_TRACE_NO_SNAPSHOT }, NULL);
}

/**
 * kq_trace_snapshot_on() - a snapshot that came out of some core before
 * @node: the node
 * @what: what becomes of it
 * @ref: which
 *
 * The bytes are 64-bit numbers, little-endian: index, term, bytes, CRC. What is in it is not told:
 * a replay has saved it itself.
 */
void kq_trace_snapshot_on(struct kq_node *node, enum kq_trace_what what,
			  const struct kq_snap_ref *ref)
{
	__le64 words[] = { cpu_to_le64(ref->index), cpu_to_le64(ref->term),
			   cpu_to_le64(ref->bytes), cpu_to_le64(ref->crc) };

	kq_trace_call_on(node, &(struct kq_trace_item){ what, .d = sizeof(words) }, words);
}

/**
 * kq_trace_disk_late() - a write ended after its node: its bytes are in the log all the same
 * @node: the node, down
 * @error: 0 or negative errno
 *
 * Context: may sleep, not under the node's lock.
 */
void kq_trace_disk_late(struct kq_node *node, int error)
{
	mutex_lock(&node->lock);
	kq_trace_step(node, kq_clock());
	kq_trace_call(node, KQ_TRACE_DISK_LATE, -error, 0, 0);
	mutex_unlock(&node->lock);
}

/**
 * kq_trace_messages_on() - messages leave the core
 * @node: the node
 * @list: struct kq_msg, for one peer
 * @sent: into its connection; false: there is none
 */
void kq_trace_messages_on(struct kq_node *node, const struct list_head *list, bool sent)
{
	const struct kq_msg *msg;

	list_for_each_entry(msg, list, node) {
		const struct kq_wire_hdr *h = (const void *)msg->data;

		kq_trace_out_on(node, &(struct kq_trace_item){ KQ_TRACE_MESSAGE, msg->to, h->type,
				msg->len, kq_crc(0, msg->data, msg->len) |
				(sent ? 0 : KQ_TRACE_FLAG) });
	}
}

/**
 * kq_trace_batch_on() - a write is given to the disk
 * @node: the node
 * @batch: what is written
 */
void kq_trace_batch_on(struct kq_node *node, const struct kq_batch *batch)
{
	kq_trace_out_on(node, &(struct kq_trace_item){ KQ_TRACE_BATCH, batch->slot, batch->offset,
			batch->len, kq_crc(0, batch->data, batch->len) });
}
