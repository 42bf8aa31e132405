// SPDX-License-Identifier: GPL-2.0
/*
 * What may differ between two seeds, one row each.
 */
#include "sim.h"

/* One row per knob: drawn for each seed from [lo, hi], or 0 in @zero of 100 seeds. */
static const struct {
	const char *name;
	size_t at;
	u64 lo, hi;
	u32 zero;
} dials[] = {
#define DIAL(name, lo, hi, zero) { #name, offsetof(struct sim_dials, name), lo, hi, zero }
	DIAL(nodes, 3, 5, 0),
	DIAL(heartbeat_ms, 40, 120, 0),
	DIAL(election_beats, 6, 12, 0),
	DIAL(lease_ms, 1200, 4000, 0),
	DIAL(delta_ms, 10, 200, 0),
	DIAL(drift_ppm, 100, 30000, 20),
	DIAL(segment_kib, 64, 1024, 0),
	DIAL(segments, 16, 40, 0),
	DIAL(net_us, 50, 2000, 0),
	DIAL(wan_us, 2000, 60000, 80),
	DIAL(net_jitter_us, 1, 5000, 20),
	DIAL(net_spike_pm, 1, 30, 60),
	DIAL(detect_ms, 10, 1500, 0),
	DIAL(redial_ms, 10, 300, 0),
	DIAL(disk_us, 200, 8000, 0),
	DIAL(disk_spike_pm, 1, 50, 60),
	DIAL(daemon_lag_us, 10, 20000, 0),
	DIAL(clients, 1, SIM_SLOTS, 5),
	DIAL(resources, 1, SIM_RESOURCES, 0),
	DIAL(hold_ms, 2, 400, 0),
	DIAL(think_ms, 2, 400, 0),
	DIAL(try_pct, 5, 50, 60),
	DIAL(cancel_pct, 5, 50, 50),
	DIAL(append_ms, 10, 400, 0),
	DIAL(append_bytes, 1, 3000, 0),
	DIAL(big_pct, 1, 10, 60),
	DIAL(burst_pct, 10, 80, 40),
	DIAL(fault_ms, 200, 2500, 0),
	DIAL(w_crash, 1, 20, 20),
	DIAL(w_power, 1, 8, 60),
	DIAL(w_daemon, 1, 10, 50),
	DIAL(w_partition, 1, 20, 25),
	DIAL(w_oneway, 1, 10, 50),
	DIAL(w_flap, 1, 30, 40),
	DIAL(w_stall, 1, 20, 40),
	DIAL(w_eio, 1, 5, 70),
	DIAL(w_hang, 1, 8, 60),
	DIAL(w_slow, 1, 8, 60),
	DIAL(w_pause, 1, 20, 40),
	DIAL(w_freeze, 1, 10, 90),
	DIAL(w_transfer, 1, 10, 40),
	DIAL(w_stop, 1, 8, 60),
	DIAL(w_clock, 1, 10, 75),
	DIAL(w_rot, 1, 5, 85),
	DIAL(w_older, 1, 10, 85),
	DIAL(alloc_fail_pct, 5, 60, 90),
	DIAL(used_disk_pct, 10, 100, 50),
	DIAL(full, 1, 1, 92),
#undef DIAL
};

static u64 value[ARRAY_SIZE(dials)];
static bool fixed[ARRAY_SIZE(dials)];

/* Swarm testing: each seed leaves some of it out. */
void dials_draw(struct sim *s)
{
	size_t i;
	u64 x;

	for (i = 0; i < ARRAY_SIZE(dials); i++) {
		u64 v = 0;

		if (!sim_chance(s, dials[i].zero)) {
			/* Small values as likely as large ones. */
			v = sim_range(s, dials[i].lo, dials[i].hi);
			if (sim_chance(s, 50))
				v = sim_range(s, dials[i].lo, v);
		}
		if (fixed[i])
			v = value[i];
		*(u64 *)((char *)&s->d + dials[i].at) = v;
	}
	x = sim_below(s, 20);
	if (!fixed[0])
		s->d.nodes = x == 0 ? 1 : x <= 2 ? 5 : 3;
	if (s->d.nodes == 1)
		s->d.w_flap = s->d.w_stall = s->d.w_partition = s->d.w_oneway = 0;
	if (s->d.full) {
		s->d.segment_kib = 256;
		s->d.segments = sim_range(s, 40, 64);
		s->d.append_ms = 6;
		s->d.append_bytes = 6000;
		s->d.big_pct = 10;
	}
	/* Else room for the whole run: the log is not emptied yet. */
	while (!s->d.full && s->d.segment_kib * s->d.segments < 24 * 1024)
		s->d.segments *= 2;
	s->d.segment_kib = s->d.segment_kib / 4 * 4;
	s->set = (struct kq_settings){
		.heartbeat_ms = s->d.heartbeat_ms,
		.election_ms = s->d.heartbeat_ms * s->d.election_beats,
		.lease_ms = s->d.lease_ms,
		.delta_ms = s->d.delta_ms,
		.drift_ppm = s->d.drift_ppm,
		.segment_bytes = s->d.segment_kib * 1024,
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
		return value[i] <= (i ? dials[i].hi : SIM_NODES) && (i || value[i]);
	}
	return false;
}

void dials_print(FILE *out, const struct sim_dials *d)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dials); i++)
		fprintf(out, " %s=%llu", dials[i].name, (unsigned long long)
			*(const u64 *)((const char *)d + dials[i].at));
}
