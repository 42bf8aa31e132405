// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong: each kind of fault, and the choice among them. What comes after
 * is in phase.c.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "disk.h"
#include "sim.h"

static struct sim_node *any_up(struct sim *s)
{
	u32 i, at = sim_below(s, s->d.nodes);

	/* The leader is the most rewarding victim. */
	if (sim_chance(s, 40)) {
		struct sim_node *l = sim_leader(s);

		if (l && sim_at(s, l) <= SIM_NODES)
			return l;
	}
	for (i = 0; i < s->d.nodes; i++) {
		struct sim_node *n = &s->node[1 + (at + i) % s->d.nodes];

		if (n->up)
			return n;
	}
	return NULL;
}

/* How long a fault lasts: around an election timeout, a lease, or much longer. */
static u64 how_long(struct sim *s)
{
	switch (sim_below(s, 4)) {
	case 0:
		return sim_about(s, s->d.heartbeat_ms * SIM_MS);
	case 1:
		return sim_about(s, s->set.election_ms * SIM_MS);
	case 2:
		return sim_about(s, s->d.lease_ms * SIM_MS);
	default:
		return sim_about(s, 2 * (s->d.lease_ms + 2 * s->d.delta_ms) * SIM_MS);
	}
}

static void do_crash(struct sim *s, struct sim_node *n)
{
	s->st.crashes++;
	node_down(s, n, "power cut");
	node_restart_at(s, n, s->now + SIM_MS + how_long(s));
}

static void do_power(struct sim *s, struct sim_node *n)
{
	u32 i;

	(void)n;
	for (i = 1; i <= s->d.nodes; i++)
		if (s->node[i].up)
			do_crash(s, &s->node[i]);
}

static void do_daemon(struct sim *s, struct sim_node *n)
{
	if (!n->daemon)
		return;
	sim_trace(s, n, "daemon killed");
	n->daemon = false;
	n->poll_gen++;
	sim_push(s, s->now + how_long(s), EV_DAEMON_BACK, sim_at(s, n), 0, n->life);
}

static void block(struct sim *s, u32 a, u32 b, u64 until)
{
	net_block(s, a, b);
	sim_push(s, until, EV_UNBLOCK, a, b, s->fault_gen);
}

/* A set of nodes against the rest, both directions or one. */
static void partition(struct sim *s, struct sim_node *n, bool oneway)
{
	u64 until = s->now + how_long(s);
	u32 side = 1u << sim_at(s, n), a, b;

	if (s->d.nodes > 3 && sim_chance(s, 50))
		side |= 1u << (1 + sim_below(s, s->d.nodes));
	/* Ghosts are somewhere too. */
	if (s->last)
		side ^= sim_below(s, 1u << SIM_NODES) << SIM_GHOST(1);
	if (oneway && sim_chance(s, 50))
		side = ~side;
	if (sim_chance(s, s->d.burst_pct))
		sim_push(s, s->now + sim_about(s, s->set.election_ms * SIM_MS / 2), EV_BURST,
			 sim_at(s, n), 0, n->life);
	sim_trace(s, n, "partition%s, nodes %#x", oneway ? " (one way)" : "", side);
	for (a = 1; a <= sim_last(s); a++) {
		for (b = 1; b <= sim_last(s); b++) {
			bool ina = side >> a & 1, inb = side >> b & 1;

			if (a != b && ina != inb && (!oneway || ina))
				block(s, a, b, until);
		}
	}
}

static void do_partition(struct sim *s, struct sim_node *n)
{
	partition(s, n, false);
}

static void do_oneway(struct sim *s, struct sim_node *n)
{
	partition(s, n, true);
}

/* Two halves that see each other only through one node. */
static void do_bridge(struct sim *s, struct sim_node *n)
{
	u64 until = s->now + how_long(s);
	u32 a, b, left = 0, count = 0;

	for (a = 1; a <= s->d.nodes; a++)
		if (a != n->id && count++ % 2)
			left |= 1u << a;
	sim_trace(s, n, "bridges nodes %#x and the others", left);
	for (a = 1; a <= s->d.nodes; a++)
		for (b = 1; b <= s->d.nodes; b++)
			if (a != n->id && b != n->id && (left >> a & 1) != (left >> b & 1))
				block(s, a, b, until);
}

static u32 other(struct sim *s, struct sim_node *n)
{
	u32 o = 1 + sim_below(s, s->d.nodes - 1);

	return o >= n->id ? o + 1 : o;
}

static void do_flap(struct sim *s, struct sim_node *n)
{
	if (s->d.nodes > 1)
		net_break(s, n->id, other(s, n));
}

static void do_stall(struct sim *s, struct sim_node *n)
{
	if (s->d.nodes > 1)
		block(s, n->id, other(s, n), s->now + sim_about(s, s->set.election_ms * SIM_MS));
}

static void do_eio(struct sim *s, struct sim_node *n)
{
	(void)s;
	n->eio = true;
}

static void do_hang(struct sim *s, struct sim_node *n)
{
	n->hang_until = s->now + how_long(s);
}

static void do_slow(struct sim *s, struct sim_node *n)
{
	n->slow_until = s->now + how_long(s);
}

static void do_pause(struct sim *s, struct sim_node *n)
{
	n->paused_until = max(n->paused_until, s->now + how_long(s));
	sim_trace(s, n, "not scheduled until %llu ms",
		  (unsigned long long)(n->paused_until / SIM_MS));
}

/* Its clock goes on while it sleeps; its lease it has dropped before. */
static void do_suspend(struct sim *s, struct sim_node *n)
{
	if (n->paused_until > s->now)
		return;
	sim_trace(s, n, "drops its lease, to sleep");
	kq_core_drop_lease(n->core, sim_clock(s, n));
	if (n->core->local.deadline_ns)
		sim_fail(s, n, "has a deadline after it dropped its lease");
	node_out(s, n);
	if (n->up)
		do_pause(s, n);
}

/* It gets the processor now and then only. */
static void do_busy(struct sim *s, struct sim_node *n)
{
	n->busy_until = s->now + how_long(s);
	sim_trace(s, n, "is slow until %llu ms", (unsigned long long)(n->busy_until / SIM_MS));
}

static void do_freeze(struct sim *s, struct sim_node *n)
{
	check_clock_changes(s, n);
	s->clocks_lie = true;
	s->frozen = true;
	n->paused_until = max(n->paused_until, s->now + how_long(s));
	sim_clock_set(s, n, sim_clock(s, n), n->clk_ppb, true);
	sim_trace(s, n, "frozen, its clock too, until %llu ms",
		  (unsigned long long)(n->paused_until / SIM_MS));
}

static void do_transfer(struct sim *s, struct sim_node *n)
{
	u32 to = sim_chance(s, 50) || s->d.nodes < 2 ? 0 : other(s, n);

	if (n->paused_until > s->now)
		return;
	sim_trace(s, n, "transfer to %u: %d", to, kq_core_transfer(n->core, sim_clock(s, n), to));
	node_out(s, n);
}

static void do_stop(struct sim *s, struct sim_node *n)
{
	if (n->stopping || n->paused_until > s->now)
		return;
	sim_trace(s, n, "stop");
	n->stopping = true;
	n->stop_since = s->now;
	kq_core_stop(n->core, sim_clock(s, n), sim_chance(s, 20));
	node_out(s, n);
}

/*
 * The further error that Delta allows: once during a lease. A raw clock does not
 * step back; it stands still instead, which is a slower rate for a moment.
 */
static void do_clock(struct sim *s, struct sim_node *n)
{
	u64 delta = s->d.delta_ms * SIM_MS;
	u64 apart = max(3 * (s->d.lease_ms + 2 * s->d.delta_ms) * SIM_MS + 2 * SIM_SEC,
			rate_errors_apart_ns(s));

	if (n->clk_stopped || (n->clk_error_at && s->now - n->clk_error_at < apart))
		return;
	check_clock_changes(s, n);
	s->clock_errors = true;
	n->clk_error_at = s->now;
	if (sim_chance(s, 50)) {
		sim_clock_set(s, n, sim_clock(s, n) + sim_below(s, delta + 1), n->clk_ppb, false);
		sim_trace(s, n, "its clock jumps ahead");
		return;
	}
	sim_clock_set(s, n, sim_clock(s, n), -500000000, false);
	sim_push(s, s->now + sim_below(s, 2 * delta), EV_CLOCK, sim_at(s, n), 0, n->life);
	sim_trace(s, n, "its clock goes at half speed");
}

/* Was its disk replaced, and the cluster counts on what had been on it? */
static bool is_wiped(const struct sim *s, const struct sim_node *n)
{
	return n->wiped && kq_conf_has(&s->conf, n->id);
}

/* Damage that was mended counts no more. */
static bool is_damaged(const struct sim_node *n)
{
	return n->rotten && !n->mended;
}

bool sim_disk_bad(const struct sim *s, const struct sim_node *n)
{
	return is_damaged(n) || n->older_term || n->set_back || n->lost || is_wiped(s, n);
}

static bool may_wipe(struct sim *s, const struct sim_node *n);

/* A minority of the disks goes bad, while its machine is off. */
static bool may_damage(struct sim *s, struct sim_node *n)
{
	/* With a founder that is damaged no cluster begins. */
	return s->conf_index && !sim_disk_bad(s, n) && may_wipe(s, n);
}

/* More may be, if that is all that is wrong: what one lacks another has. */
static bool may_rot(struct sim *s, struct sim_node *n)
{
	u32 i;

	if (!s->conf_index || s->d.w_member || s->d.nodes == 1 || n->rotten)
		return false;
	for (i = 1; i <= s->d.nodes; i++)
		if (sim_disk_bad(s, &s->node[i]) && (!is_damaged(&s->node[i]) ||
						     disk_beyond_repair(&s->node[i])))
			return false;
	return true;
}

static void do_rot(struct sim *s, struct sim_node *n)
{
	bool alone = may_damage(s, n);

	if (!alone && !may_rot(s, n))
		return;
	do_crash(s, n);
	if (!disk_rot(s, n, alone))
		return;
	s->st.shared += !alone;
	sim_trace(s, n, "a byte of its log changes%s", alone ? "" : ", and not of its alone");
}

/*
 * Nobody sees it before a start, or a scrub. What is newest is that for a moment only: in half of
 * the cases the power goes before the next batch is whole.
 */
static void do_live_rot(struct sim *s, struct sim_node *n)
{
	bool newest;

	if (!may_damage(s, n) || !disk_rot_live(s, n, &newest))
		return;
	n->live_rot = true;
	sim_trace(s, n, "a byte of its log changes while it runs%s",
		  newest ? ", in the newest batch" : "");
	if (newest && sim_chance(s, 50))
		do_crash(s, n);
}

static void do_misdirect(struct sim *s, struct sim_node *n)
{
	if (!may_damage(s, n))
		return;
	do_crash(s, n);
	if (disk_misdirect(s, n))
		sim_trace(s, n, "a block of its log is overwritten by another");
}

static void do_lose(struct sim *s, struct sim_node *n)
{
	if (!n->durable_snap || !may_damage(s, n))
		return;
	do_crash(s, n);
	snap_lose(s, n);
}

/* How many batches must @n lose for a dead branch to come back, no shorter than what it lost? */
static u32 back_to_branch(const struct sim_node *n)
{
	u32 count;

	for (count = 1; count <= n->undos; count++)
		if (n->undo[n->undos - count].branch >= n->undo[n->undos - 1].last)
			return count;
	return 0;
}

/* Returns false: somebody has too little for it, or @count is 0. */
static bool undo_batches(struct sim *s, struct sim_node *n, u32 count)
{
	struct sim_node *l = sim_leader(s);
	u64 last = count ? n->undo[n->undos - 1].last : 0;
	u64 term = kq_log_term(&n->core->log, last);
	u32 i;

	if (!l || n == l || !count || n->batch || l->core->peer[n->id].match < last)
		return false;
	for (i = 1; i <= s->d.nodes; i++) {
		const struct sim_node *o = &s->node[i];

		if (!o->up || sim_disk_bad(s, o) || o->core->durable < last ||
		    kq_log_term(&o->core->log, last) != term)
			return false;
	}
	s->st.crashes++;
	node_down(s, n, "power cut, and its last batches are gone");
	disk_undo(s, n, count);
	n->older_term = l->core->hs.term;
	node_restart_at(s, n, s->now + SIM_MS);
	return true;
}

/*
 * A follower comes back without its last batches, which its leader has seen acknowledged.
 * All nodes have those entries, so none is lost by it; but the node must not go on. In every
 * other seed this strikes when a dead branch comes back by it, which is rare: fault_tick().
 */
static void do_older(struct sim *s, struct sim_node *n)
{
	if (s->seed % 2)
		undo_batches(s, n, n->undos ? 1 + sim_below(s, n->undos) : 0);
	else
		s->older_waits = true;
}

/* Before each tick of @n. Returns false: it has been struck. */
bool fault_tick(struct sim *s, struct sim_node *n)
{
	if (!s->older_waits || s->phase != PHASE_FAULTS || !undo_batches(s, n, back_to_branch(n)))
		return true;
	s->older_waits = false;
	return false;
}

/* Do all others know for good that @n was started once more than when its files were copied? */
static bool all_know(struct sim *s, const struct sim_node *n)
{
	u32 i;

	for (i = 1; i <= sim_last(s); i++) {
		const struct sim_node *o = &s->node[i];

		if (o != n && o->id && (!o->up || o->core->hs_durable != o->core->hs_version ||
					o->core->hs.peer[n->id] != n->core->hs.incarnation))
			return false;
	}
	return kq_incarnation_start(n->core->hs.incarnation) > n->copy_start;
}

/*
 * With this node set back too: could those that are set back, by what they knew then, decide
 * alone? Nobody else would be asked, and nothing could stop them.
 */
static bool would_decide(const struct sim *s, const struct sim_node *n)
{
	kq_nodes back = kq_node_bit(n->id);
	u32 i;

	for (i = 1; i <= s->d.nodes; i++)
		if (s->node[i].set_back)
			back |= kq_node_bit(i);
	for (i = 1; i <= s->d.nodes; i++)
		if (back >> i & 1 && sim_decides(&s->node[i].copy_conf, back))
			return true;
	return false;
}

/* Without @n, and those whose disks are bad. Learners may be about to get their votes. */
static bool may_do_without(const struct sim *s, const struct kq_conf *conf,
			   const struct sim_node *n)
{
	struct kq_conf then = *conf;
	kq_nodes good = 0;
	u32 id;

	for (id = 1; id <= s->d.nodes; id++) {
		const struct sim_node *m = &s->node[id];

		if (m != n && conf_means(conf, m) && !sim_disk_bad(s, m))
			good |= kq_node_bit(id);
	}
	then.voters |= then.learners;
	return sim_decides(conf, good) && sim_decides(&then, good);
}

/* All configurations that somebody may go by must still find a majority. */
static bool may_wipe(struct sim *s, const struct sim_node *n)
{
	u32 i;

	for (i = 1; i <= sim_last(s); i++)
		if (s->node[i].seen_conf_index > s->conf_index &&
		    !may_do_without(s, &s->node[i].seen_conf, n))
			return false;
	return may_do_without(s, &s->conf, n);
}

/* The files of a node are copied; once it has been started again, the copy takes their place. */
static void do_back(struct sim *s, struct sim_node *n)
{
	if (n->batch || !n->greet || sim_disk_bad(s, n))
		return;
	if (!n->copy) {
		disk_copy(s, n);
		sim_trace(s, n, "its files are copied");
		return;
	}
	if (!all_know(s, n) || !may_damage(s, n) || !may_wipe(s, n) || would_decide(s, n))
		return;
	s->st.crashes++;
	node_down(s, n, "power cut, and its files are the copy");
	disk_set_back(s, n);
	node_restart_at(s, n, s->now + SIM_MS);
}

/* New files would know nothing of one whose files were set back: it leaves before. */
static bool one_is_set_back(const struct sim *s, const struct sim_node *n)
{
	u32 i;

	for (i = 1; i <= s->d.nodes; i++)
		if (&s->node[i] != n && s->node[i].set_back)
			return true;
	return false;
}

/*
 * Founders that have nothing, all of them, begin anew, should they find nobody else: that is the
 * limit of what can be known. One keeps what it has, or the one that would begin is to join.
 */
static bool may_forget(struct sim *s, const struct sim_node *n, bool *joins)
{
	kq_nodes founders = conf_first(s).voters;
	u32 id, first = kq_node_next(founders, 0);

	*joins = !(founders & kq_node_bit(n->id)) || (s->conf_index && sim_chance(s, 50));
	kq_for_each_node(founders & ~kq_node_bit(n->id), id)
		if (s->conf_index ? s->node[id].written_last : !s->node[SIM_GHOST(id)].id)
			return true;
	*joins |= s->conf_index && n->id == first;
	return *joins && (n->id == first || s->node[first].joins);
}

/* The cluster is about to begin: can what somebody has begun with still commit without @n? */
static bool may_begin_without(struct sim *s, const struct sim_node *n)
{
	u32 i, id;

	for (i = 1; i <= s->d.nodes; i++) {
		const struct kq_conf *conf = &s->node[i].seen_conf;
		kq_nodes good = 0;

		if (&s->node[i] == n || !s->node[i].seen_conf_index)
			continue;
		kq_for_each_node(conf->voters, id)
			if (&s->node[id] != n && conf_means(conf, &s->node[id]))
				good |= kq_node_bit(id);
		if (!sim_decides(conf, good))
			return false;
	}
	return true;
}

/* May another machine get the number of @n? As it would be started then: @joins. */
bool fault_may_lose(struct sim *s, struct sim_node *n, bool *joins)
{
	if (sim_disk_bad(s, n) && !(n->set_back && !is_damaged(n)))
		return false;
	if (one_is_set_back(s, n) || !(s->conf_index ? may_wipe(s, n) : may_begin_without(s, n)))
		return false;
	return may_forget(s, n, joins);
}

static void do_wipe(struct sim *s, struct sim_node *n)
{
	bool joins;

	if (!fault_may_lose(s, n, &joins))
		return;
	s->st.crashes++;
	node_down(s, n, "power cut, and its disk is replaced by an empty one");
	ghost_made(s, n, joins);
	node_restart_at(s, n, s->now + SIM_MS + how_long(s));
}

/* Says this node that it lacks what it acknowledged, to the leader that still counts on it? */
bool fault_told_older(struct sim *s, const struct sim_node *n)
{
	const struct sim_node *l = sim_leader(s);

	return l && n->up && n->older_term == l->core->hs.term &&
		n->core->state == KQUORUM_NODE_FAILED;
}

/* A node that takes no part any more, and has said so: nothing is demanded of it. */
bool sim_out_for_good(struct sim *s, const struct sim_node *n)
{
	return disk_beyond_repair(n) || n->set_back || fault_told_older(s, n);
}

/* In the order of enum sim_fault and of the weights in struct sim_dials. */
static const struct {
	const char *name;
	void (*strike)(struct sim *s, struct sim_node *n);
} faults[FAULT_KINDS] = {
	[FAULT_CRASH] = { "crash", do_crash },
	[FAULT_POWER] = { "power", do_power },
	[FAULT_DAEMON] = { "daemon", do_daemon },
	[FAULT_PARTITION] = { "partition", do_partition },
	[FAULT_ONEWAY] = { "one-way", do_oneway },
	[FAULT_BRIDGE] = { "bridge", do_bridge },
	[FAULT_FLAP] = { "flap", do_flap },
	[FAULT_STALL] = { "stall", do_stall },
	[FAULT_EIO] = { "eio", do_eio },
	[FAULT_HANG] = { "hang", do_hang },
	[FAULT_SLOW] = { "slow disk", do_slow },
	[FAULT_PAUSE] = { "pause", do_pause },
	[FAULT_BUSY] = { "busy", do_busy },
	[FAULT_FREEZE] = { "freeze", do_freeze },
	[FAULT_TRANSFER] = { "transfer", do_transfer },
	[FAULT_STOP] = { "stop", do_stop },
	[FAULT_CLOCK] = { "clock", do_clock },
	[FAULT_ROT] = { "rot", do_rot },
	[FAULT_MISDIRECT] = { "misdirect", do_misdirect },
	[FAULT_OLDER] = { "older disk", do_older },
	[FAULT_MEMBER] = { "membership", member_strike },
	[FAULT_BACK] = { "set back", do_back },
	[FAULT_WIPE] = { "wiped", do_wipe },
	[FAULT_GHOST] = { "ghost", ghost_strike },
	[FAULT_LOST] = { "snapshot lost", do_lose },
	[FAULT_SETTINGS] = { "settings", settings_strike },
	[FAULT_LIVE_ROT] = { "live rot", do_live_rot },
	[FAULT_SCRUB] = { "scrub", scrub_strike },
	[FAULT_SUSPEND] = { "suspend", do_suspend },
};

const char *fault_name(u32 kind)
{
	return faults[kind].name;
}

static void do_fault(struct sim *s)
{
	const u64 *weight = &s->d.w_crash;
	u64 total = 0, pick;
	struct sim_node *n;
	u32 i;

	for (i = 0; i < FAULT_KINDS; i++)
		total += weight[i];
	if (sim_chance(s, s->d.alloc_fail_pct))
		kq_alloc_fail_at = 1 + sim_below(s, 400);
	n = any_up(s);
	if (!total || !n)
		return;
	pick = sim_below(s, total);
	for (i = 0; pick >= weight[i]; i++)
		pick -= weight[i];
	s->st.faults++;
	s->st.fault[i]++;
	faults[i].strike(s, n);
}

/* Each has chance of its own: to leave one out does not change the others (--faults). */
void fault_step(struct sim *s)
{
	u64 rng[4], no = s->fault_no++;
	/* Mostly a cluster has begun before anything goes wrong. */
	bool early = !s->conf_index && s->seed % 8;

	memcpy(rng, s->rng, sizeof(rng));
	sim_seed(s, s->seed ^ (no + 1) << 32);
	sim_push(s, s->now + sim_about(s, s->conf_index ? s->d.fault_ms * SIM_MS : 200 * SIM_MS),
		 EV_FAULT, 0, 0, 0);
	if (!early && (!opt.faults || (no < opt.fault_count && opt.faults[no])))
		do_fault(s);
	memcpy(s->rng, rng, sizeof(rng));
}
