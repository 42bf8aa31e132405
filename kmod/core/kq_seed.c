// SPDX-License-Identifier: GPL-2.0
/*
 * Histories that come from another one. A cluster that is made from a snapshot, or from what the
 * last survivor of another one had, begins with a snapshot that was made for it: of its own cluster
 * id, with one voter, without sessions and claims, at an index above all that ever were, so that
 * tokens never fall. The module only begins with it; user space makes it (userspace/cli/seed.c).
 */
#include "kq_int.h"

/**
 * kq_core_is_blank() - may this node begin with a snapshot that was made for it?
 * @core: the core, all entries delivered, not started
 * @report: how recovery went
 *
 * Its identity may be on its disk already: that is written first.
 *
 * Return: true: its log has not begun.
 */
bool kq_core_is_blank(const struct kq_core *core, const struct kq_wal_report *report)
{
	return core->state == KQUORUM_NODE_RECOVERING && report->health == KQ_WAL_CLEAN &&
		!report->hs.term && !report->hs.snap.index && !report->claimed_index &&
		!core->log.last;
}

/**
 * kq_core_seed() - begin a history with a snapshot that was made for it
 * @core: the core, blank, not started
 * @now_ns: the clock
 * @rs: finished; its file is on disk. For kq_restore_free() afterwards in any case
 * @report: how recovery went
 *
 * Whoever held something in the other history may rely on it until its promise has passed: before
 * that this node does not lead, and nobody else can.
 *
 * Return: 0: it is started; -EINVAL: @rs was not made for this node: then nothing happened; or as
 * kq_core_install(): it is started, and without it.
 */
int kq_core_seed(struct kq_core *core, u64 now_ns, struct kq_restore *rs,
		 const struct kq_wal_report *report)
{
	struct kq_wal_report blank = *report;
	struct kq_effective eff;
	struct kq_conf conf;
	int err;

	if (!kq_core_is_blank(core, report) || !kq_restore_conf(rs, &conf) ||
	    conf.voters != kq_node_bit(core->cfg.self) || conf.outgoing || conf.learners ||
	    conf.identity[core->cfg.self] != conf.origin || !conf.lineage.how ||
	    (report->hs.identity && report->hs.identity != conf.origin))
		return -EINVAL;
	blank.hs.identity = conf.origin;
	kq_core_start(core, now_ns, &blank);
	err = kq_core_install(core, now_ns, rs);
	/* Those of the other history, which it goes on with. */
	kq_settings_effective(&conf.before, &conf.now, &eff);
	core->wait_until_ns = now_ns + kq_promise_longest(core, kq_settings_promise_ns(&eff));
	return err;
}

/**
 * kq_survivor_start() - all that the log has counts as committed, and is applied
 * @core: the core, running
 *
 * Its node speaks with nobody, leads nobody and writes nothing, so that its files stay as they are:
 * it is there to have its state saved.
 */
void kq_survivor_start(struct kq_core *core)
{
	core->commit = core->log.last;
	kq_machines_apply(core);
}
