// SPDX-License-Identifier: GPL-2.0
/*
 * The phases of a seed: faults; a majority heals; all heals; all drains. After the first one
 * progress is demanded, and this says what that means.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "disk.h"
#include "sim.h"

/*
 * The nodes @who heal, and the links among them; the others are cut off, whatever they do.
 */
static void heal(struct sim *s, u32 who)
{
	u32 a, b, last = sim_last(s);

	s->fault_gen++;
	s->healed = who;
	kq_alloc_fail_at = 0;
	for (a = 1; a <= last; a++)
		for (b = 1; b <= last; b++) {
			net_unblock(s, a, b, true);
			if (a != b && !(who >> a & who >> b & 1))
				net_block(s, a, b);
		}
	for (a = 1; a <= last; a++) {
		struct sim_node *n = &s->node[a];

		if (!n->id || !(who >> a & 1))
			continue;
		/* It waits for a founder that it met once, and that has lost its disk since. */
		if (!s->conf_index && n->up)
			node_down(s, n, "started again by its operator: no cluster begins");
		if (n->batch && n->hang_until > s->now)
			disk_go_on(s, n);
		n->hang_until = n->slow_until = n->busy_until = 0;
		n->paused_until = min(n->paused_until, s->now + SIM_SEC);
		n->eio = false;
		n->acked = 0;
		n->slot[0].done = 0;
		client_heal(s, n);
		if (!n->up && a > SIM_NODES && !n->restarting)
			continue;	/* a ghost that is off */
		if (!n->up) {
			n->restarting = false;	/* or it would be, at a time that is far off */
			node_restart_at(s, n, s->now + sim_about(s, 100 * SIM_MS));
			continue;
		}
		if (!n->daemon)
			node_daemon_start(s, n);
	}
}

/* Clocks that were beyond the bound are put right, each to something within it. */
static void heal_clocks(struct sim *s)
{
	s64 bound = (s64)s->d.drift_ppm * 1000;
	u32 i;

	if (!s->d.beyond)
		return;
	s->clocks_right = s->now;
	for (i = 1; i <= sim_last(s); i++) {
		struct sim_node *n = &s->node[i];

		if (!n->up)
			continue;
		check_clock_changes(s, n);
		n->clk_own_ppb = (s64)sim_below(s, 2 * bound + 1) - bound;
		sim_clock_set(s, n, sim_clock(s, n), n->clk_own_ppb, n->clk_stopped);
	}
}

/* --- phases -------------------------------------------------------------------------- */

static void enter(struct sim *s, enum sim_phase phase)
{
	s->phase = phase;
	s->phase_since = s->now;
}

/* Do these machines decide, those of them whom @conf means? */
static bool decide(struct sim *s, const struct kq_conf *conf, u32 machines)
{
	kq_nodes who = 0, members = kq_conf_members(conf);
	u32 id;

	kq_for_each_node(members, id) {
		const struct sim_node *m = sim_machine(s, id, conf->identity[id]);

		if (m && machines >> sim_at(s, m) & 1)
			who |= kq_node_bit(id);
	}
	return sim_decides(conf, who);
}

/* A majority by what is committed, and by whatever a node knows that is newer. */
static bool is_majority(struct sim *s, u32 machines)
{
	u32 i;

	for (i = 1; i <= sim_last(s); i++)
		if (s->node[i].seen_conf_index > s->conf_index &&
		    !decide(s, &s->node[i].seen_conf, machines))
			return false;
	return decide(s, &s->conf, machines);
}

/* By chance, of machines whose disks are good. A ghost that is a member still counts as one. */
static u32 any_majority(struct sim *s)
{
	u32 machines = 0, at = sim_below(s, s->d.nodes), i;

	for (i = 0; i < s->d.nodes && !is_majority(s, machines); i++) {
		u32 id = 1 + (at + i) % s->d.nodes, ghost = SIM_GHOST(id);

		if (!sim_disk_bad(s, &s->node[id]))
			machines |= 1u << id;
		if (sim_ghost_counts(s, &s->node[ghost]) && !sim_disk_bad(s, &s->node[ghost]))
			machines |= 1u << ghost;
	}
	/* Where more are damaged, all are needed: what one lacks another has. */
	return is_majority(s, machines) ? machines : (2u << s->d.nodes) - 2;
}

static bool is_healed(const struct sim *s, const struct sim_node *n)
{
	return s->healed >> sim_at(s, n) & 1;
}

/* The leader that counts: one among those that are cut off may not know yet. */
static struct sim_node *healed_leader(struct sim *s)
{
	return sim_leader_among(s, s->healed);
}

/*
 * Whoever failed (disk, memory) is started again by its operator; once all heals, who is told
 * by the leader's status: it must know.
 */
static void restart_failed(struct sim *s)
{
	const struct sim_node *l = healed_leader(s);
	u32 i;

	for (i = 1; i <= sim_last(s); i++) {
		struct sim_node *n = &s->node[i];

		/* Who has no term on its disk speaks of none, and is silent. */
		if (s->phase != PHASE_FAULTS && is_healed(s, n) && l && l != n && n->durable_term &&
		    !(l->core->peer[n->id].flags & KQUORUM_PEERF_FAULTY))
			continue;
		if (n->up && n->core->state == KQUORUM_NODE_FAILED && n->paused_until <= s->now &&
		    !fault_told_older(s, n)) {
			node_down(s, n, "taken down: it has failed");
			node_restart_at(s, n, s->now + 10 * SIM_MS);
		}
	}
}

/* Where logs are full, what is left of a majority may have no room to commit anything. */
static bool majority_has_room(struct sim *s)
{
	u32 i, room = 0;

	for (i = 1; i <= sim_last(s); i++)
		if (s->node[i].id && !sim_no_room(s, &s->node[i]) &&
		    !sim_out_for_good(s, &s->node[i]))
			room |= 1u << i;
	return decide(s, &s->conf, room);
}

/* By what @of knows. */
static bool is_member(const struct sim_node *of, const struct sim_node *n)
{
	return conf_means(&of->core->conf, n);
}

/* With all there, nothing stands in its way. */
static bool waits_for_vote(const struct sim *s, const struct sim_node *l, const struct sim_node *n)
{
	const struct kquorum_conf_member *m = kq_core_member(l->core, n->id);

	return s->phase == PHASE_HEALED && l->core->conf.learners & kq_node_bit(n->id) &&
		m->flags & KQUORUM_CONF_PROMOTE;
}

static const char *not_healed(struct sim *s)
{
	struct sim_node *l = healed_leader(s);
	u32 i;

	if (!l)
		return "no leader";
	if (!l->core->conf_index)
		return "the first leader has not begun the cluster";
	if (sim_no_room(s, l) || !majority_has_room(s))
		return NULL;
	for (i = 1; i <= s->d.nodes; i++) {
		struct sim_node *n = &s->node[i];

		if (!is_healed(s, n))
			continue;
		if (!n->up)
			return "a node is not started";
		if (sim_out_for_good(s, n) || sim_no_room(s, n) || !is_member(l, n) ||
		    sim_has_another(s, n, l))
			continue;
		if (waits_for_vote(s, l, n))
			return "a learner does not get the vote that it waits for";
		if (n->core->leader != l->id || n->core->hs.term != l->core->hs.term)
			return "a node does not follow the leader";
		/* It gets none. What is right again is found so. */
		if (s->phase == PHASE_MAJORITY && (l->core->peer[i].rate.off || l->core->own_off))
			continue;
		if (n->core->local.state != KQ_SESSION_LIVE)
			return "a session does not live";
		if (!n->acked && !s->d.full)
			return "a node's append does not commit";
		if (s->d.clients && !n->slot[0].done && !s->d.full)
			return "a lock client does not come to its turn";
	}
	return NULL;
}

static const char *not_drained(struct sim *s)
{
	struct sim_node *l = sim_leader(s);
	u32 i;

	if (!l)
		return "no leader";
	if (sim_no_room(s, l) || !majority_has_room(s))
		return NULL;
	for (i = 1; i <= s->d.nodes; i++) {
		struct sim_node *n = &s->node[i];

		if (!n->up)
			return "a node is down";
		/* Who is no member and knows of no configuration waits for one. */
		if (sim_no_room(s, n) || n->set_back || (!n->core->conf_index && !is_member(l, n)))
			continue;
		/* Of two machines that are no members one is heard, and hears one. */
		if (sim_has_another(s, n, l) || (!is_member(l, n) && s->node[SIM_GHOST(i)].up))
			continue;
		if (!client_idle(n) && !s->d.full)
			return "a request without outcome";
		if (sim_out_for_good(s, n))
			continue;
		if (!is_member(l, n)) {
			if (is_member(n, n))
				return "a node that has left does not know";
			continue;
		}
		if (n->core->applied != l->core->log.last)
			return "a replica lags behind";
		if (n->core->res->claims && !s->d.full)
			return "a claim is left in the state";
		if (n->core->pending_count && !s->d.full)
			return "the core has proposals under way";
	}
	return NULL;
}

/* The last committed entries, by type: what was the log used for? */
static void trace_tail(struct sim *s)
{
	char text[200];
	int at = 0;
	u64 i = s->log_count > 60 ? s->log_count - 60 : 1;

	for (; i <= s->log_count && at < (int)sizeof(text) - 8; i++)
		at += snprintf(text + at, sizeof(text) - at, " %u/%u", s->log[i].type,
			       s->log[i].type < 16 ? s->log[i].cmd_node : s->log[i].node);
	sim_trace(s, NULL, "tail of the log, type/node:%s", text);
}

static void demand(struct sim *s, const char *missing, u64 bound)
{
	u32 i;

	if (!missing || s->now - s->phase_since < bound)
		return;
	for (i = 1; i <= s->d.nodes; i++) {
		struct sim_node *n = &s->node[i];

		if (n->up)
			sim_trace(s, n, "at the end: state %u role %u leader %u session %u id %llu "
				  "pending %u claims %u canvass %u log used %u%% why '%s'", n->core->state,
				  n->core->role, n->core->leader, n->core->local.state,
				  (unsigned long long)n->core->local.id, n->core->pending_count,
				  n->core->res->claims, n->core->canvass,
				  (u32)(kq_wal_used(n->core->wal) * 100 /
					kq_wal_capacity(n->core->wal)), n->core->reason);
	}
	trace_tail(s);
	sim_fail(s, sim_leader(s), "no progress within %llu s of healing: %s",
		 (unsigned long long)(bound / SIM_SEC), missing);
}

/* A full log has a reserve, not an endless one: soon after it is full, all heals. */
static void watch_full(struct sim *s)
{
	u32 i;

	for (i = 1; i <= s->d.nodes; i++)
		if (s->node[i].up && s->node[i].core->log_full)
			break;
	if (i > s->d.nodes || s->st.full)
		return;
	s->st.full = 1;
	sim_trace(s, &s->node[i], "its log is full");
	s->end_faults = min(s->end_faults, s->now + sim_below(s, 3 * SIM_SEC));
}

/*
 * Logs that are full, without a snapshot so far: with every other seed daemons begin to save now, each
 * in its own time, and what one of them lacks may be gone from the others' logs before it has room.
 */
static void room_returns(struct sim *s)
{
	u32 i;

	if (!s->d.full || s->seed & 1)
		return;
	s->d.snap_ms = 300;
	for (i = 1; i <= sim_last(s); i++)
		if (s->node[i].up)
			sim_push(s, s->now + sim_below(s, 3 * SIM_SEC), EV_SNAP, i, 0, s->node[i].life);
}

/* Every 50 ms: what is the run waiting for? */
void phase_step(struct sim *s)
{
	struct kq_settings most = settings_most(s);
	u64 lease = (most.lease_ms + 2 * most.delta_ms) * SIM_MS;
	u64 bound = 10 * SIM_SEC + 5 * lease + 20 * most.election_ms * SIM_MS +
		40 * s->d.hold_ms * SIM_MS * s->d.nodes + 2 * rate_wait_ns(s);
	const char *missing;

	sim_push(s, s->now + 50 * SIM_MS, EV_PHASE, 0, 0, 0);
	switch (s->phase) {
	case PHASE_FAULTS:
		if (s->d.full)
			watch_full(s);
		if (sim_chance(s, 2))
			restart_failed(s);
		if (s->now < s->end_faults)
			return;
		enter(s, PHASE_MAJORITY);
		/* Full: each log's rest counts. Other ghosts are on either side. */
		heal(s, s->d.full ? ~0u : any_majority(s) |
		     (u32)(sim_below(s, 1 << SIM_NODES) << SIM_GHOST(1)));
		sim_trace(s, NULL, "a majority heals: nodes %#x", s->healed);
		break;
	case PHASE_MAJORITY:
		restart_failed(s);
		missing = not_healed(s);
		demand(s, missing, bound);
		if (missing || s->now - s->phase_since < rate_wait_ns(s))
			return;
		sim_trace(s, NULL, "everything heals");
		enter(s, PHASE_HEALED);
		heal_clocks(s);
		heal(s, ~0u);
		room_returns(s);
		break;
	case PHASE_HEALED:
		restart_failed(s);
		missing = not_healed(s);
		demand(s, missing, bound);
		/* Where room returns they go on, so that one is left behind. */
		if (missing || (s->d.full && s->d.snap_ms && s->now - s->phase_since < 5 * SIM_SEC))
			return;
		sim_trace(s, NULL, "no new requests from here");
		enter(s, PHASE_DRAIN);
		break;
	case PHASE_DRAIN:
		missing = not_drained(s);
		grant_end(s);
		demand(s, missing, bound);
		if (!missing)
			enter(s, PHASE_OVER);
		break;
	case PHASE_OVER:
		break;
	}
}
