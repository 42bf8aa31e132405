// SPDX-License-Identifier: GPL-2.0
/*
 * One machine: what the module's glue does around a core, and its daemon.
 */
#include <stdio.h>

#include <linux/kquorum.h>
#include "check.h"
#include "disk.h"
#include "sim.h"

/* What its daemon starts it with. */
void node_configure(struct sim *s, const struct sim_node *n, struct kq_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->cluster_id = 0x5eed ^ s->seed;
	cfg->self = n->id;
	cfg->founders = conf_first(s).voters;
	cfg->joins = n->joins;
	cfg->segments = s->d.segments;
	cfg->salt = (s->seed << 24) + (s->lives[n->id] << 8) + (n->id << 1);
	/* What the log says counts, whatever its own file does. */
	cfg->set = s->set;
	if (s->d.w_settings && n->id != 1 && sim_chance(s, 50))
		cfg->set = settings_draw(s, &s->set);
	cfg->segment_bytes = s->d.segment_kib * 1024;
	cfg->keep_entries = s->d.keep_entries;
	cfg->sum_every = 16u << s->seed % 7;
}

/* A machine with a number, and nothing on its disk that it knows of. */
void node_create(struct sim *s, u32 at, u32 id)
{
	struct sim_node *n = &s->node[at];

	n->id = id;
	n->joins = id > s->d.nodes - s->d.joiners;
	n->append = sim_calloc(SIM_APPENDS, sizeof(*n->append));
	disk_init(s, n);
}

void node_free(struct sim_node *n)
{
	disk_free(n);
	free(n->append);
	free(n->start);
}

/* Its start is on its disk: from now on these files remember it. */
static void note_start(struct sim_node *n)
{
	n->greet = true;
	if (n->starts == n->starts_room) {
		n->starts_room = n->starts_room ? 2 * n->starts_room : 16;
		n->start = realloc(n->start, n->starts_room * sizeof(*n->start));
		if (!n->start)
			abort();
	}
	n->start[n->starts++] = n->core->hs.incarnation;
}

void node_restart_at(struct sim *s, struct sim_node *n, u64 at)
{
	if (n->restarting)
		return;
	n->restarting = true;
	sim_push(s, at, EV_RESTART, sim_at(s, n), 0, 0);
}

/* They are part of the first configuration; who joins brings its own. */
static void name_founders(struct sim *s, struct sim_node *n)
{
	char name[16], address[32];
	u32 id;

	kq_for_each_node(n->core->cfg.founders, id) {
		snprintf(name, sizeof(name), "n%u-0", id);
		snprintf(address, sizeof(address), "10.0.0.%u:7420", id);
		if (kq_core_name_founder(n->core, id, name, address))
			sim_fail(s, n, "no name for node %u", id);
	}
}

void node_start(struct sim *s, struct sim_node *n)
{
	s64 bound = (s64)s->d.drift_ppm * 1000 * (s->d.beyond && !s->clocks_right ? 5 : 1);
	struct kq_wal_report rep;
	struct kq_config cfg;
	s64 ppb;

	node_configure(s, n, &cfg);
	n->core = kq_core_create(&cfg);
	if (!n->core) {
		if (!s->d.alloc_fail_pct)
			sim_fail(s, n, "no core for this configuration");
		node_restart_at(s, n, s->now + SIM_SEC / 10);
		return;
	}
	name_founders(s, n);
	if (disk_recover(s, n, &rep) || snap_start(s, n, &rep)) {
		kq_core_destroy(n->core);
		n->core = NULL;
		node_restart_at(s, n, s->now + SIM_SEC / 10);
		return;
	}
	n->up = true;
	n->greet = false;
	n->stopping = false;
	n->installed = 0;
	n->life = ++s->lives[n->id];
	n->paused_until = n->busy_until = 0;
	n->hang_until = n->slow_until = 0;
	n->eio = false;
	/* Mostly at the bound: there the arithmetic of the leases is tight. */
	ppb = sim_chance(s, 60) ? (sim_chance(s, 50) ? bound : -bound) :
		(s64)sim_below(s, 2 * bound + 1) - bound;
	n->clk_own_ppb = ppb;
	n->clk_error_at = 0;
	sim_clock_set(s, n, SIM_SEC + sim_below(s, 1000000 * SIM_SEC), ppb, false);
	n->core->trace = sim_tracing ? sim_core_trace : NULL;
	n->core->trace_ctx = s;
	kq_core_start(n->core, sim_clock(s, n), &rep);
	sim_trace(s, n, "starts: log to %llu, recovery %s", (unsigned long long)rep.last_index,
		  rep.health == KQ_WAL_TORN ? "cut off a torn batch" :
		  rep.health == KQ_WAL_CLEAN ? "clean" : rep.reason);
	check_node_started(s, n);
	node_daemon_start(s, n);
	client_start(s, n);
	if (s->d.snap_ms)
		sim_push(s, s->now + sim_below(s, 20 * SIM_MS), EV_SNAP, sim_at(s, n), 0, n->life);
	sim_push(s, s->now + sim_below(s, SIM_MS), EV_TICK, sim_at(s, n), 0, n->life);
	node_out(s, n);
}

void node_daemon_start(struct sim *s, struct sim_node *n)
{
	n->daemon = true;
	n->poll_at = 0;
	memset(&n->handover, 0, sizeof(n->handover));
	kqd_elect_init(&n->elect, n->core->eff.election_ms, sim_rand(s));
	node_poll_soon(s, n);
}

/* The machine is gone, and all that was only in memory. */
void node_down(struct sim *s, struct sim_node *n, const char *how)
{
	sim_trace(s, n, "%s", how);
	check_node_gone(s, n);
	net_node_gone(s, sim_at(s, n));
	disk_power_cut(s, n);
	n->up = false;
	n->daemon = false;
	n->poll_gen++;
	client_gone(s, n);
	snap_daemon_gone(n);
	scrub_gone(n);
	kq_core_destroy(n->core);
	n->core = NULL;
	client_free(s, n);
}

static void stopped(struct sim *s, struct sim_node *n)
{
	if (n->batch)
		sim_fail(s, n, "says it stopped while a write is under way");
	node_down(s, n, "has stopped");
	node_restart_at(s, n, s->now + sim_about(s, 2 * SIM_SEC));
}

/* All that came out of the core, until nothing more comes. */
void node_out(struct sim *s, struct sim_node *n)
{
	struct kq_proposal *p;
	struct kq_owner *o;
	struct kq_batch *b;

	disk_released(s, n);
	check_node(s, n);
	b = kq_core_take_batch(n->core);
	if (b)
		disk_submit(s, n, b);
	net_send(s, n);
	while ((p = kq_core_take_done(n->core)))
		client_append_done(s, n, p);
	while ((o = kq_core_take_owner(n->core)))
		client_owner_changed(s, n, o);
	if (kq_core_take_linger(n->core))
		sim_push(s, s->now + KQ_LINGER_NS + sim_below(s, KQ_LINGER_NS), EV_LINGER,
			 sim_at(s, n), 0, n->life);
	if (!n->greet && n->core->hs_durable && n->core->hs_durable == n->core->hs_version)
		note_start(n);
	if (kq_core_take_events(n->core))
		node_poll_soon(s, n);
	if (n->stopping && kq_core_stopped(n->core) && !n->batch)
		stopped(s, n);
}

void node_tick(struct sim *s, struct sim_node *n)
{
	u64 period = s->d.heartbeat_ms * SIM_MS / 4;

	sim_push(s, s->now + period - period / 16 + sim_below(s, period / 8), EV_TICK,
		 sim_at(s, n), 0, n->life);
	if (!fault_tick(s, n))
		return;
	kq_core_tick(n->core, sim_clock(s, n));
	check_ticked(s, n);
	scrub_tick(s, n);
	node_out(s, n);
	if (n->up && n->stopping && s->now - n->stop_since >
	    30 * SIM_SEC + 4 * settings_most(s).lease_ms * SIM_MS)
		sim_fail(s, n, "does not stop");
}

static void poll_at(struct sim *s, struct sim_node *n, u64 at)
{
	if (n->poll_at && n->poll_at <= at)
		return;
	n->poll_at = max(at, 1);
	sim_push(s, at, EV_POLL, sim_at(s, n), 0, ++n->poll_gen);
}

/* An event woke the daemon; it is scheduled some time later. */
void node_poll_soon(struct sim *s, struct sim_node *n)
{
	if (n->daemon)
		poll_at(s, n, s->now + 1000 * sim_below(s, s->d.daemon_lag_us + 1));
}

static void elect_input(const struct sim *s, const struct sim_node *n,
			struct kqd_elect_input *in)
{
	const struct kq_core *c = n->core;
	kq_nodes reached = kq_node_bit(n->id);
	u32 id;

	memset(in, 0, sizeof(*in));
	in->now_ns = sim_clock(s, n);
	in->election_ms = c->eff.election_ms;
	in->state = c->stopping ? KQUORUM_NODE_STOPPING : c->state;
	in->role = c->role;
	in->canvass = c->canvass;
	in->term = c->hs.term;
	in->leader = c->leader;
	in->silence_ns = c->heard_ns ? in->now_ns - c->heard_ns : UINT64_MAX;
	in->wait_left_ns = c->wait_until_ns > in->now_ns ? c->wait_until_ns - in->now_ns : 0;
	kq_for_each_node(KQ_NODES_BITS, id)
		if (c->peer[id].connected)
			reached |= kq_node_bit(id);
	in->may_win = kq_conf_decided(&c->conf, reached, 0) > 0;
	/* It is the module that knows whether it has a vote; a daemon may be late, or wrong. */
	if (s->seed % 2 && !kq_core_is_eligible(c))
		in->may_win = false;
}

/* Who has a vote, as its daemon reads it from the status. */
static unsigned int voters_of(const struct sim_node *n, struct kqd_voter *voters)
{
	const struct kq_core *c = n->core;
	unsigned int count = 0;
	u32 id;

	kq_for_each_node(c->conf.voters, id) {
		const struct kquorum_conf_member *m = kq_core_member(c, id);
		const struct kq_peer *p = &c->peer[id];

		voters[count++] = (struct kqd_voter){
			.id = id, .priority = m ? m->priority : 0,
			.witness = c->conf.witnesses & kq_node_bit(id),
			.there = id == n->id || p->connected,
			.current = p->progress == KQUORUM_PROGRESS_REPLICATE && !p->flags &&
				!p->rate.off && p->match + 1024 >= c->log.last,
		};
	}
	return count;
}

/* Returns when to look again, on its clock. */
static u64 hand_over(struct sim *s, struct sim_node *n, const struct kqd_voter *voters,
		     unsigned int count)
{
	const struct kq_core *c = n->core;
	struct kqd_handover_input in = {
		.now_ns = sim_clock(s, n), .election_ms = c->eff.election_ms,
		.leads = c->role == KQUORUM_LEADER && c->state == KQUORUM_NODE_RUNNING &&
			!c->stopping && c->conf_index <= c->commit && !c->conf.outgoing,
		.witness = c->conf.witnesses & kq_node_bit(n->id),
		.successor = kqd_prefer_successor(voters, count, n->id),
	};
	u64 next;
	u32 to = kqd_handover_step(&n->handover, &in, &next);

	if (!to)
		return next;
	sim_trace(s, n, "daemon: hands over to %u", to);
	kq_core_transfer(n->core, sim_clock(s, n), to);
	node_out(s, n);
	return next;
}

void node_poll(struct sim *s, struct sim_node *n)
{
	struct kqd_voter voters[KQ_MAX_NODES];
	struct kqd_elect_input in;
	unsigned int count;
	enum kqd_elect_action what;
	u64 next, again, now, life = n->life;

	n->poll_at = 0;
	if (!n->daemon)
		return;
	elect_input(s, n, &in);
	count = voters_of(n, voters);
	in.yield_ns = kqd_prefer_yield_ns(voters, count, n->id, in.election_ms);
	what = kqd_elect_step(&n->elect, &in, &next);
	if (what == KQD_ELECT_CANVASS) {
		sim_trace(s, n, "daemon: canvass");
		kq_core_canvass(n->core, sim_clock(s, n));
	} else if (what == KQD_ELECT_CAMPAIGN) {
		sim_trace(s, n, "daemon: campaign");
		if (!kq_core_campaign(n->core, sim_clock(s, n))) {
			s->st.elections++;
			check_stands(s, n);
		}
	}
	if (what != KQD_ELECT_NOTHING)
		node_out(s, n);
	if (!n->up || n->life != life)
		return;
	again = hand_over(s, n, voters, count);
	next = min(next, again);
	if (!n->up || n->life != life || next == UINT64_MAX)
		return;
	now = sim_clock(s, n);
	/* Its timer rounds up, and is late now and then. */
	poll_at(s, n, s->now + (next > now ? next - now : 0) +
		1000 * sim_below(s, s->d.daemon_lag_us + 1) + 1000);
}
