// SPDX-License-Identifier: GPL-2.0
/*
 * What may differ between two seeds, one row each.
 */
#include "sim.h"

/*
 * One row per knob: a swarm draws it for each seed from [lo, hi], or 0 in @zero of 100 seeds;
 * else it has its standard value. What is printed may be more than is drawn: up to @most.
 */
static const struct {
	const char *name;
	size_t at;
	u64 lo, hi;
	u32 zero;
	u64 standard;
	u64 most;
} dials[] = {
#define DIAL_TO(name, ...) { #name, offsetof(struct sim_dials, name), __VA_ARGS__ }
#define DIAL(name, lo, hi, zero, standard) DIAL_TO(name, lo, hi, zero, standard, hi)
	DIAL_TO(nodes, 3, 5, 0, 3, SIM_NODES),
	DIAL(heartbeat_ms, 40, 120, 0, 60),
	DIAL(election_beats, 6, 12, 0, 7),
	DIAL(lease_ms, 1200, 4000, 0, 1900),
	DIAL(delta_ms, 10, 200, 0, 57),
	DIAL(drift_ppm, 100, 30000, 20, 7575),
	DIAL_TO(segment_kib, 64, 1024, 0, 304, 2048),
	DIAL_TO(segments, 16, 40, 0, 22, 160),
	DIAL(net_us, 50, 2000, 0, 500),
	DIAL(wan_us, 2000, 60000, 80, 0),
	DIAL(net_jitter_us, 1, 5000, 20, 1000),
	DIAL(net_spike_pm, 1, 30, 60, 8),
	DIAL(detect_ms, 10, 1500, 0, 380),
	DIAL(redial_ms, 10, 300, 0, 80),
	DIAL(disk_us, 200, 8000, 0, 2000),
	DIAL(disk_spike_pm, 1, 50, 60, 13),
	DIAL(daemon_lag_us, 10, 20000, 0, 5000),
	DIAL(clients, 1, SIM_SLOTS, 5, 3),
	DIAL(resources, 1, SIM_RESOURCES - 1, 0, 3),
	DIAL(hold_ms, 2, 200, 0, 20),
	DIAL(think_ms, 2, 200, 0, 20),
	DIAL(try_pct, 5, 50, 60, 16),
	DIAL(cancel_pct, 5, 50, 50, 16),
	DIAL(append_ms, 10, 160, 0, 16),
	DIAL(append_bytes, 1, 3000, 0, 500),
	DIAL(big_pct, 1, 10, 60, 1),
	DIAL(burst_pct, 10, 80, 40, 20),
	DIAL(fault_ms, 200, 2500, 0, 700),
	DIAL(w_crash, 1, 20, 20, 5),
	DIAL(w_power, 1, 8, 60, 2),
	DIAL(w_daemon, 1, 10, 50, 3),
	DIAL(w_partition, 1, 20, 25, 5),
	DIAL(w_oneway, 1, 10, 50, 3),
	DIAL(w_bridge, 1, 10, 60, 3),
	DIAL(w_flap, 1, 30, 40, 8),
	DIAL(w_stall, 1, 20, 40, 5),
	DIAL(w_eio, 1, 5, 70, 0),
	DIAL(w_hang, 1, 8, 60, 2),
	DIAL(w_slow, 1, 8, 60, 2),
	DIAL(w_pause, 1, 20, 40, 5),
	DIAL(w_busy, 1, 10, 50, 3),
	DIAL(w_freeze, 1, 10, 90, 0),
	DIAL(w_transfer, 1, 10, 40, 3),
	DIAL(w_stop, 1, 8, 60, 2),
	DIAL(w_clock, 1, 10, 75, 0),
	DIAL_TO(w_rot, 1, 5, 85, 0, 30),
	DIAL_TO(w_misdirect, 1, 5, 85, 0, 30),
	DIAL(w_older, 1, 10, 85, 0),
	DIAL(w_member, 1, 20, 70, 0),
	DIAL(w_back, 1, 10, 85, 0),
	DIAL(w_wipe, 1, 10, 80, 0),
	DIAL(w_ghost, 1, 10, 80, 0),
	DIAL(w_lost, 1, 5, 75, 0),
	DIAL(rot_tail_pct, 10, 100, 50, 0),
	DIAL(cling_pct, 1, 10, 50, 2),
	DIAL(alloc_fail_pct, 5, 60, 90, 0),
	DIAL(used_disk_pct, 10, 100, 50, 30),
	DIAL(full, 1, 1, 92, 0),
	DIAL(beyond, 1, 1, 97, 0),
	DIAL(joiners, 1, 6, 10, 0),
	DIAL(snap_ms, 50, 3000, 35, 900),
	DIAL(keep_entries, 1, 400, 0, 60),
	DIAL(ship_ms, 1, 400, 0, 60),
	DIAL(w_settings, 1, 20, 70, 0),
	/* drawn apart, see dials_draw() */
	DIAL(w_live_rot, 1, 10, 80, 0),
	DIAL(w_scrub, 1, 30, 70, 0),
	DIAL(share_pct, 5, 45, 40, 20),
	DIAL(units_pct, 5, 45, 40, 25),
	DIAL(define_ms, 20, 2000, 25, 400),
	DIAL(end_pct, 5, 60, 30, 25),
	DIAL(hung_pct, 5, 60, 30, 15),
	DIAL(user_pct, 5, 60, 40, 20),
	DIAL(evict_ms, 20, 2000, 30, 400),
	DIAL(show_ms, 20, 2000, 40, 400),
	DIAL(w_suspend, 1, 10, 70, 0),
#undef DIAL
#undef DIAL_TO
};

#define DIALS_APART	11	/* the last ones */

static u64 value[ARRAY_SIZE(dials)];
static bool fixed[ARRAY_SIZE(dials)];

static u64 draw(struct sim *s, size_t i)
{
	u64 v;

	if (sim_chance(s, dials[i].zero))
		return 0;
	/* Small values as likely as large ones. */
	v = sim_range(s, dials[i].lo, dials[i].hi);
	return sim_chance(s, 50) ? sim_range(s, dials[i].lo, v) : v;
}

static void draw_some(struct sim *s, bool swarm, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++) {
		u64 v = swarm ? draw(s, i) : dials[i].standard;

		if (fixed[i])
			v = value[i];
		*(u64 *)((char *)&s->d + dials[i].at) = v;
	}
}

/* What came later has chance of its own, so that a seed is what it was before. */
static void draw_apart(struct sim *s, bool swarm)
{
	u64 rng[4];

	memcpy(rng, s->rng, sizeof(rng));
	sim_seed(s, ~s->seed);
	draw_some(s, swarm, ARRAY_SIZE(dials) - DIALS_APART, ARRAY_SIZE(dials));
	memcpy(s->rng, rng, sizeof(rng));
}

/* @swarm: each seed leaves some of it out, so that what would hide something is gone. */
void dials_draw(struct sim *s, bool swarm)
{
	u64 x;

	draw_some(s, swarm, 0, ARRAY_SIZE(dials) - DIALS_APART);
	draw_apart(s, swarm);
	x = sim_below(s, 20);
	if (swarm && !fixed[0])
		s->d.nodes = x == 0 ? 1 : x <= 2 ? 5 : 3;
	if (s->d.w_member && swarm && !fixed[0])
		s->d.nodes = 3 + x % 5;
	/* Who comes and goes is a subject of its own. */
	if (s->d.w_member)
		s->d.w_older = s->d.full = 0;
	/* To find a clock off takes many windows: a log without snapshots would not do for that. */
	if (s->d.beyond)
		s->d.full = 0;
	s->d.joiners = s->d.w_member ? min(s->d.joiners, s->d.nodes - 1) : 0;
	if (s->d.nodes == 1)
		s->d.w_flap = s->d.w_stall = s->d.w_partition = s->d.w_oneway =
			s->d.w_bridge = 0;
	if (s->d.full) {
		s->d.w_wipe = s->d.w_ghost = 0;
		/* What of a dead branch is damaged only a snapshot stands for. */
		s->d.w_rot = s->d.w_misdirect = s->d.w_live_rot = 0;
		s->d.segment_kib = 256;
		s->d.segments = sim_range(s, 40, 64);
		s->d.append_ms = 6;
		s->d.append_bytes = 6000;
		s->d.big_pct = 10;
	}
	if (s->d.full)
		s->d.snap_ms = 0;
	else if ((s->d.w_rot || s->d.w_misdirect || s->d.w_live_rot || s->d.beyond) && !s->d.snap_ms)
		s->d.snap_ms = 3000;
	/* Room for what is not applied yet, else for the whole run. */
	while (s->d.snap_ms && s->d.segment_kib * s->d.segments < 8 * 1024)
		*(s->d.segments < 40 ? &s->d.segments : &s->d.segment_kib) *= 2;
	while (!s->d.full && !s->d.snap_ms && s->d.segment_kib * s->d.segments < 96 * 1024)
		*(s->d.segments < 100 ? &s->d.segments : &s->d.segment_kib) *= 2;
	s->d.segment_kib = s->d.segment_kib / 4 * 4;
	s->set = (struct kq_settings){
		.heartbeat_ms = s->d.heartbeat_ms,
		.election_ms = s->d.heartbeat_ms * s->d.election_beats,
		.lease_ms = s->d.lease_ms,
		.delta_ms = s->d.delta_ms,
		.drift_ppm = s->d.drift_ppm,
	};
}

/* @arg: NAME=VALUE. Returns false: no such dial, or out of its range. */
bool dials_fix(const char *arg)
{
	const char *eq = strchr(arg, '=');
	size_t i;

	for (i = 0; eq && i < ARRAY_SIZE(dials); i++) {
		if (strlen(dials[i].name) != (size_t)(eq - arg) ||
		    strncmp(dials[i].name, arg, eq - arg))
			continue;
		value[i] = strtoull(eq + 1, NULL, 0);
		fixed[i] = true;
		return value[i] <= dials[i].most && (i || value[i]);
	}
	return false;
}

static struct {
	u64 value;
	bool fixed;
} undo;

size_t dials_count(void)
{
	return ARRAY_SIZE(dials);
}

static u64 *at(const struct sim_dials *d, size_t i)
{
	return (u64 *)((char *)d + dials[i].at);
}

/* The time between two of something: the longer, the fewer. */
static bool is_pause(size_t i)
{
	return dials[i].at == offsetof(struct sim_dials, append_ms) ||
		dials[i].at == offsetof(struct sim_dials, think_ms) ||
		dials[i].at == offsetof(struct sim_dials, fault_ms) ||
		dials[i].at == offsetof(struct sim_dials, define_ms) ||
		dials[i].at == offsetof(struct sim_dials, evict_ms) ||
		dials[i].at == offsetof(struct sim_dials, show_ms);
}

/*
 * Shrinking: fix dial @i at something smaller than what it has in @now. @how 0: without it,
 * 1: its lowest, 2: its standard value; 3: of a pause, its highest. Returns false: that is no
 * change.
 */
bool dials_smaller(size_t i, u32 how, const struct sim_dials *now)
{
	const u64 to[] = { 0, dials[i].lo, dials[i].standard, dials[i].hi };
	u64 v = to[how];

	if (how ? (how == 3) != is_pause(i) : !dials[i].zero)
		return false;
	if (how < 3 ? v >= *at(now, i) : v <= *at(now, i))
		return false;
	undo.value = value[i];
	undo.fixed = fixed[i];
	value[i] = v;
	fixed[i] = true;
	return true;
}

/* Take back what dials_smaller() did last. */
void dials_undo(size_t i)
{
	value[i] = undo.value;
	fixed[i] = undo.fixed;
}

void dials_print_fixed(FILE *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dials); i++)
		if (fixed[i])
			fprintf(out, " --dial %s=%llu", dials[i].name, (unsigned long long)value[i]);
}

void dials_print(FILE *out, const struct sim_dials *d)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dials); i++)
		fprintf(out, " %s=%llu", dials[i].name, (unsigned long long)
			*(const u64 *)((const char *)d + dials[i].at));
}
