// SPDX-License-Identifier: GPL-2.0
/*
 * The table of sessions, the same on every replica: who lives, who is suspect, and
 * which proposals of each have been applied.
 */
#include "kq_int.h"

static void window_clear(struct kq_session *s, u64 from, u64 to)
{
	u64 seq;

	to = min(to, from + KQ_WINDOW);
	for (seq = from; seq < to; seq++)
		s->applied[seq % KQ_WINDOW / 64] &= ~(1ULL << (seq % 64));
}

/**
 * kq_session_admit() - is this the first time that this proposal is applied?
 * @core: the core
 * @e: committed entry with a session
 *
 * A change of leader may bring 5 before 4, so a window is kept, up to what the
 * proposer says is settled. A command of an unknown session is never applied.
 *
 * Return: 0 once per proposal; -EALREADY: it was applied before; -ESTALE: its session is
 * over.
 */
s32 kq_session_admit(struct kq_core *core, const struct kq_entry *e)
{
	u32 node = le32_to_cpu(e->rec.node);
	u64 seq = le64_to_cpu(e->rec.seq), settled = le64_to_cpu(e->rec.settled);
	struct kq_session *s;
	u64 bit = 1ULL << (seq % 64);

	if (!node || node > KQ_MAX_NODES || !seq)
		return -EINVAL;
	s = &core->session[node];
	if (s->id != le64_to_cpu(e->rec.session))
		return -ESTALE;
	if (settled > s->settled) {
		if (!KQ_BREAK(DEDUP_STALE))
			window_clear(s, s->settled, settled);
		s->settled = settled;
	}
	if (KQ_BREAK(DEDUP))
		return 0;
	if (seq < s->settled || seq - s->settled >= KQ_WINDOW)
		return -EALREADY;
	if (s->applied[seq % KQ_WINDOW / 64] & bit)
		return -EALREADY;
	s->applied[seq % KQ_WINDOW / 64] |= bit;
	return 0;
}

/**
 * kq_session_applied() - has a proposal of the present session of a node been applied?
 * @core: the core
 * @node: whose
 * @seq: its number, 0: none
 *
 * Return: true if so.
 */
bool kq_session_applied(const struct kq_core *core, u32 node, u64 seq)
{
	const struct kq_session *s = &core->session[node];

	if (!seq || seq < s->settled)
		return seq;
	return seq - s->settled < KQ_WINDOW &&
		s->applied[seq % KQ_WINDOW / 64] >> (seq % 64) & 1;
}

static_assert(KQ_WINDOW / 64 == KQ_SNAP_WINDOW);

/**
 * kq_session_record() - a node's part of the table as a snapshot has it
 * @core: the core
 * @node: whose
 * @buf: room for struct kq_snap_session
 *
 * Return: how many bytes it has; 0: the node never had a session.
 */
u32 kq_session_record(const struct kq_core *core, u32 node, void *buf)
{
	const struct kq_session *s = &core->session[node];
	struct kq_snap_session *out = buf;
	u32 i;

	if (!s->last_id)
		return 0;
	out->node = cpu_to_le32(node);
	out->suspect = cpu_to_le32(s->suspect);
	out->id = cpu_to_le64(s->id);
	out->last_id = cpu_to_le64(s->last_id);
	out->left_ns = cpu_to_le64(s->left_ns);
	out->settled = cpu_to_le64(s->settled);
	for (i = 0; i < KQ_SNAP_WINDOW; i++)
		out->applied[i] = cpu_to_le64(s->applied[i]);
	return sizeof(*out);
}

static int session_check(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	const struct kq_session_cmd *cmd = payload;
	u16 type = le16_to_cpu(rec->type);

	/* The rest is for the leader alone to say. */
	if (type != KQ_ENTRY_OPEN && type != KQ_ENTRY_CLOSE)
		return -EINVAL;
	if (le32_to_cpu(rec->len) != sizeof(*cmd) || cmd->node != rec->node ||
	    cmd->session != rec->session || cmd->left_ns || cmd->zero)
		return -EINVAL;
	/* Who has left, or has not come yet, waits: its number may go to another. */
	return type == KQ_ENTRY_OPEN && (!kq_is_member(core, le32_to_cpu(rec->node)) ||
					 !kq_rate_may_lease(core, le32_to_cpu(rec->node))) ?
		-EPERM : 0;
}

/* A node has one session: the next begins when the promise for the last is over. */
static s32 session_open(struct kq_core *core, u32 node, u64 id)
{
	struct kq_session *s = &core->session[node];

	if (s->id == id)
		return -EALREADY;	/* a retry */
	if (s->id && !KQ_BREAK(OPEN_TWICE))
		return -EBUSY;
	if (id <= s->last_id)
		return -ESTALE;
	memset(s, 0, sizeof(*s));
	s->id = id;
	s->last_id = id;
	s->settled = 1;
	kq_lease_session_opened(core, node, id);
	return 0;
}

static void session_end(struct kq_core *core, u32 node, u64 index)
{
	struct kq_session *s = &core->session[node];
	u64 id = s->id;

	s->id = 0;
	s->suspect = false;
	kq_trace(core, "session of %u over", node);
	kq_resources_session_end(core, node, id, index);
	kq_lease_session_ended(core, node, id);
}

static s32 session_apply(struct kq_core *core, struct kq_entry *e)
{
	const struct kq_session_cmd *cmd = (const void *)e->data;
	u16 type = le16_to_cpu(e->rec.type);
	struct kq_session *s;
	u32 node;

	if (type == KQ_ENTRY_NOOP)
		return 0;
	if (kq_entry_len(e) != sizeof(*cmd))
		return -EINVAL;
	node = le32_to_cpu(cmd->node);
	if (!node || node > KQ_MAX_NODES)
		return -EINVAL;
	s = &core->session[node];
	if (type == KQ_ENTRY_OPEN)
		return session_open(core, node, le64_to_cpu(cmd->session));
	if (!s->id || s->id != le64_to_cpu(cmd->session))
		return -ENOENT;
	switch (type) {
	case KQ_ENTRY_SUSPECT:
		s->suspect = true;
		s->left_ns = le64_to_cpu(cmd->left_ns);
		break;
	case KQ_ENTRY_CLEAR:
		s->suspect = false;
		kq_lease_session_cleared(core, node);
		break;
	case KQ_ENTRY_CLOSE:
	case KQ_ENTRY_EXPIRE:
		session_end(core, node, kq_entry_index(e));
		break;
	default:
		return -EINVAL;
	}
	return 0;
}

const struct kq_machine_ops kq_session_machine_ops = {
	.name = "sessions",
	.first = KQ_ENTRY_NOOP,
	.last = KQ_ENTRY_EXPIRE,
	.check = session_check,
	.apply = session_apply,
};
