// SPDX-License-Identifier: GPL-2.0
/*
 * Settings change while leases run under them. A change is an entry of the log, a configuration
 * with the settings of @before and those of @now, in effect like any other as soon as it is in the
 * log and undone when it is cut off. A second one, of the leader's own accord, has @now alone. So
 * each node goes by the settings of before (it has neither entry), by both (it has the first), or
 * by the new ones; at any moment there may be nodes of two of these kinds, of all three as well.
 *
 * Going by both, a node takes for itself the shorter of two times and promises the longer, with the
 * worse of both clocks. What makes that enough:
 *
 * Sessions. A lease is granted by a leader, counted from when its holder asked, after a majority
 * has answered the leader's term since; its promise is kept by whoever leads when it may run out.
 *  - Who leads by the old settings keeps promises for leases of the old length. Others cannot be:
 *    leases under both are no longer than that, and with the new settings nobody has granted
 *    anything, for the second entry is made only when the first is committed. Then no leader can
 *    be without it.
 *  - Who leads by both promises for the longer lease, and no lease is longer than that.
 *  - Who leads by the new settings promises for leases of the new length, which those under both
 *    do not exceed. Those under the old settings are over: their holders had asked before the first
 *    entry was committed, for no majority has answered an older leader since; and the second entry
 *    was made a whole promise, for the longer lease and the worse clocks, after its leader knew of
 *    that. A suspect's rest in the log that was counted by the old settings is of such a lease.
 * A deposed leader that is late grants nothing that counts from later than it was answered.
 * The next change begins when the second entry is committed, with no lease longer than the settings
 * that it then finds.
 *
 * Votes. A voter that hears a leader stands by it for a time. A leader whose settings are newer may
 * count on more than the voter's own settings say, and the voter's may be the newer ones. So a
 * leader says with each message for how long it counts on the receiver, and that is the shorter of
 * both; the voter stands by it for that, or for its own longer time if that is more. It remembers
 * the longest that it promised on disk, before it answers, and after a restart waits for that. An
 * answer counts for as long as the message said that it answers, not by settings that came later.
 *
 * Clocks. As long as settings overlap both must be true of all clocks. Drift and Delta count with
 * the worse.
 */
#include "kq_int.h"

/**
 * kq_overlap_effective() - the configuration is another: what does this node go by?
 * @core: the core; without a configuration it goes by what it was started with
 *
 * At a leader, a session that the log does not call suspect has a full promise with its successor,
 * whatever the length of that is now.
 */
void kq_overlap_effective(struct kq_core *core)
{
	bool none = !core->conf_index;
	const struct kq_settings *before = none ? &core->cfg.set : &core->conf.before;
	const struct kq_settings *now = none ? &core->cfg.set : &core->conf.now;
	struct kq_peer *p;

	core->overlap_until_ns = 0;
	kq_settings_effective(before, now, &core->eff);
	kq_for_each_peer(core, KQ_NODES_BITS, p)
		if (!p->suspect_sent)
			p->told_left_ns = kq_settings_promise_ns(&core->eff);
}

/**
 * kq_overlap_change() - other settings are asked for
 * @core: the core, leader, whose configuration is committed and not a joint one
 * @change: of settings
 * @next: gets them
 *
 * Return: 0; -EINVAL: they cannot be used, or something else is to change with them; -EINPROGRESS:
 * those before are not out of use yet; -EALREADY: they are in force.
 */
int kq_overlap_change(const struct kq_core *core, const struct kq_conf_change *change,
		      struct kq_conf *next)
{
	if (change->id || !kq_conf_same(&change->to, &core->conf) ||
	    kq_settings_check(&change->to.now))
		return -EINVAL;
	if (kq_conf_overlaps(&core->conf))
		return -EINPROGRESS;
	if (kq_settings_same(&change->to.now, &core->conf.now))
		return -EALREADY;
	next->before = core->conf.now;
	next->now = change->to.now;
	return 0;
}

/**
 * kq_overlap_is_over() - can there be nothing any more under the settings of before?
 * @core: the core, leader, whose configuration is committed
 *
 * Return: true: it is time for the new ones alone.
 */
bool kq_overlap_is_over(struct kq_core *core)
{
	if (!kq_conf_overlaps(&core->conf))
		return false;
	if (!core->overlap_until_ns)
		core->overlap_until_ns = core->now_ns + kq_settings_promise_ns(&core->eff);
	return core->now_ns >= core->overlap_until_ns || KQ_BREAK(OVERLAP_SHORT);
}

/**
 * kq_promise_give() - a leader was heard: this node stands by it
 * @core: the core
 * @told_ms: for how long it is counted on
 */
void kq_promise_give(struct kq_core *core, u32 told_ms)
{
	u64 promise_ns = kq_ms(max(told_ms, core->eff.election_ms));

	if (KQ_BREAK(PROMISE_UNTOLD))
		promise_ns = kq_ms(core->eff.election_ms);
	core->promised_until_ns = max(core->promised_until_ns, core->now_ns + promise_ns);
	if (promise_ns < core->hs.promise_ns)
		return;
	core->promised_long_ns = core->now_ns + promise_ns;
	if (promise_ns == core->hs.promise_ns)
		return;
	core->hs.promise_ns = promise_ns;
	kq_hard_state_changed(core);
}

/**
 * kq_promise_tick() - what was promised for longer than is needed now may be forgotten
 * @core: the core
 *
 * Else a node would wait for it after each restart.
 */
void kq_promise_tick(struct kq_core *core)
{
	u64 least = kq_ms(core->eff.election_ms);

	if (core->promised_until_ns > core->now_ns)
		least = max(least, core->promised_until_ns - core->now_ns);
	if (core->hs.promise_ns <= least || core->now_ns < core->wait_until_ns ||
	    core->now_ns < core->promised_long_ns ||
	    !kq_disk_has_room(core, KQ_WAL_BLOCK, KQ_WAL_ROOM_INTERNAL))
		return;
	core->hs.promise_ns = least;
	core->hs_version++;
}
