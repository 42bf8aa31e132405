// SPDX-License-Identifier: GPL-2.0
/*
 * Replicated state machines: which one applies an entry, and the applying.
 */
#include "kq_int.h"

static int append_check(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	return rec->len ? 0 : -EINVAL;
}

static s32 append_apply(struct kq_core *core, struct kq_entry *e)
{
	return 0;
}

/* Bytes of a client: the log itself is all there is to it. */
static const struct kq_machine_ops append_machine_ops = {
	.name = "append",
	.first = KQ_ENTRY_APPEND,
	.last = KQ_ENTRY_APPEND,
	.check = append_check,
	.apply = append_apply,
};

static const struct kq_machine_ops *const machines[] = {
	&kq_session_machine_ops,
	&kq_conf_machine_ops,
	&kq_resource_machine_ops,
	&append_machine_ops,
};

static const struct kq_machine_ops *machine_of(u16 type)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(machines); i++)
		if (type >= machines[i]->first && type <= machines[i]->last)
			return machines[i];
	return NULL;
}

/**
 * kq_machines_check() - may this proposal enter the log?
 * @core: the core, leader
 * @rec: its record
 * @payload: its payload
 *
 * Return: 0, or negative errno for the proposer.
 */
int kq_machines_check(struct kq_core *core, const struct kq_record *rec, const void *payload)
{
	const struct kq_machine_ops *ops = machine_of(le16_to_cpu(rec->type));
	u64 seq = le64_to_cpu(rec->seq), settled = le64_to_cpu(rec->settled);

	if (!ops || !rec->session)
		return -EINVAL;
	if (settled > seq || seq - settled >= KQ_WINDOW)
		return -EINVAL;
	return ops->check(core, rec, payload);
}

/**
 * kq_machines_prepare() - allocate now what applying this entry will need
 * @e: entry that is about to enter the log
 *
 * Return: 0 or -ENOMEM.
 */
int kq_machines_prepare(struct kq_entry *e)
{
	return kq_resources_prepare(e);
}

/**
 * kq_machines_log() - a record becomes an entry of the log, ready to be applied
 * @log: the log
 * @rec: checked record
 * @payload: its payload
 * @put: kq_log_append() or kq_log_fill()
 *
 * Return: 0, -ENOMEM, or as @put.
 */
int kq_machines_log(struct kq_log *log, const struct kq_record *rec, const void *payload,
		    int (*put)(struct kq_log *log, struct kq_entry *e))
{
	struct kq_entry *e = kq_entry_from_record(rec, payload);
	int err = e ? kq_machines_prepare(e) : -ENOMEM;

	if (!err)
		err = put(log, e);
	if (err)
		kq_entry_free(e);
	return err;
}

/* Without a session only the leader itself proposes, and only these. */
static bool is_leaders(u16 type)
{
	switch (type) {
	case KQ_ENTRY_NOOP:
	case KQ_ENTRY_SUSPECT:
	case KQ_ENTRY_CLEAR:
	case KQ_ENTRY_EXPIRE:
	case KQ_ENTRY_CONF:
		return true;
	case KQ_ENTRY_EVICT:
		return !KQ_BREAK(EVICT_SILENT);
	default:
		return false;
	}
}

static s32 apply_one(struct kq_core *core, struct kq_entry *e)
{
	u16 type = le16_to_cpu(e->rec.type);
	const struct kq_machine_ops *ops = machine_of(type);
	s32 result;

	/* A session's end, which only the leader proposes, concerns all. */
	core->concerned |= type >= KQ_ENTRY_ACQUIRE ?
		1ULL << (le32_to_cpu(e->rec.node) & 63) : U64_MAX;
	if (!ops)
		return -EINVAL;
	if (!e->rec.session && !is_leaders(type))
		return -EINVAL;
	if (e->rec.session && type != KQ_ENTRY_OPEN) {
		result = kq_session_admit(core, e);
		if (result)
			return result;
	}
	result = ops->apply(core, e);
	/* A session that was opened before is as open as its proposer wants it. */
	kq_propose_applied(core, e, result == -EALREADY ? 0 : result);
	return result;
}

/**
 * kq_machines_apply() - apply all that is committed
 * @core: the core
 */
void kq_machines_apply(struct kq_core *core)
{
	while (core->applied < core->commit && core->state == KQUORUM_NODE_RUNNING) {
		struct kq_entry *e = kq_log_get(&core->log, core->applied + 1);

		if (!KQ_ASSERT(core, e))
			return;
		if (!KQ_ASSERT(core, kq_entry_crc(&e->rec, e->data) == le32_to_cpu(e->rec.crc)))
			return;
		core->applied++;
		e->result = apply_one(core, e);
		e->applied = true;
		kq_entry_release(e);
		kq_sum_applied(core);
	}
	kq_lease_applied(core);
}
