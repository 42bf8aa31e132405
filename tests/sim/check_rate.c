// SPDX-License-Identifier: GPL-2.0
/*
 * What nodes say of each other's clocks, against what these do: nobody is accused whose rate and whose
 * accuser's are within the bound; one that is off by more than round trips hide is, in the time that
 * is stated; and what follows from it.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

#define GRAIN_NS 20000		/* of a measured rate, over a window */

/* By how many ppm does the clock of @m go faster than that of @n? Apart from errors of a moment. */
static double faster(const struct sim_node *n, const struct sim_node *m)
{
	double mine = 1e9 + n->clk_own_ppb, its = 1e9 + m->clk_own_ppb;

	return (its / mine - 1) * 1e6;
}

/* Beyond what two clocks within @rho_ppm can show by how much? Below 0: it is not; @sign: where. */
static double beyond(double ppm, u64 rho_ppm, int sign)
{
	double rho = rho_ppm / 1e6, fast = (1 + rho) / (1 - rho);

	return sign > 0 ? ppm - (fast - 1) * 1e6 : (1 / fast - 1) * 1e6 - ppm;
}

static u64 window_ns(const struct sim_node *n)
{
	return kq_rate_window_ns(&n->core->eff);
}

static void check_accused(struct sim *s, struct sim_node *n, u32 id, int off)
{
	double ppm = faster(n, sim_peer(s, n, id));

	/* What it was before it was put right shows for a while. */
	if (s->clocks_right && s->now < s->clocks_right + 2 * window_ns(n))
		return;
	if (s->frozen || beyond(ppm, s->d.drift_ppm, off) >= 0)
		return;
	sim_fail(s, n, "finds the clock of node %u %s, which differs by %.0f ppm; rates are within %llu",
		 id, off > 0 ? "too fast" : "too slow", ppm, (unsigned long long)s->d.drift_ppm);
}

/* After each call of the core. */
void check_rates(struct sim *s, struct sim_node *n)
{
	const struct kq_core *c = n->core;
	u32 id;

	for (id = 1; id <= s->d.nodes; id++) {
		int off = c->peer[id].rate.off;

		if (off && off != n->seen_off[id])
			check_accused(s, n, id, off);
		n->seen_off[id] = off;
	}
	if (c->own_off && c->role != KQUORUM_FOLLOWER && c->role != KQUORUM_LEADER)
		sim_fail(s, n, "stands for election, and knows that its own clock is off");
	n->seen_own_off = c->own_off;
}

/* Most voters off to the same side are right: after a tick a leader knows, and goes soon. */
void check_rate_ticked(struct sim *s, struct sim_node *n, u64 limit)
{
	const struct kq_core *c = n->core;
	kq_nodes fast = 0, slow = 0;
	u32 id;

	if (c->role != KQUORUM_LEADER) {
		n->off_ticks = 0;
		return;
	}
	for (id = 1; id <= s->d.nodes; id++) {
		fast |= c->peer[id].rate.off > 0 ? kq_node_bit(id) : 0;
		slow |= c->peer[id].rate.off < 0 ? kq_node_bit(id) : 0;
	}
	n->off_ticks = sim_decides(&c->conf, fast) || sim_decides(&c->conf, slow) || c->own_off ?
		n->off_ticks + 1 : 0;
	if (n->off_ticks > limit)
		sim_fail(s, n, "leads on, and its clock is off for most of the others");
}

/* An answer to an APPEND has come to its leader: has it had what it needs to find @m off? */
void check_rate_heard(struct sim *s, struct sim_node *n, struct sim_node *m,
		      const struct kq_body_append_resp *r)
{
	struct sim_watch *w = &n->watch[m->id];
	u64 window = window_ns(n), clock = sim_clock(s, n);
	u64 there = le64_to_cpu(r->clock.sent_ns) - le64_to_cpu(r->clock.came_ns);
	u64 trip = clock - le64_to_cpu(r->clock.echo_ns) - there;
	double ppm = faster(n, m), excess, bound = n->core->eff.drift_ppm;
	bool starts;

	if (!r->clock.echo_ns || n->core->role != KQUORUM_LEADER)
		return;
	excess = max(beyond(ppm, bound, 1), beyond(ppm, bound, -1));
	/* It must be told without a gap, by clocks that go on as they do, and with short round trips. */
	starts = w->term != n->core->hs.term || w->life != m->life || w->window != window ||
		s->now - w->last > window / 12 || clock - w->clock > window / 12 ||
		w->since < n->clk_since || w->since < m->clk_since ||
		(trip + GRAIN_NS) * 2 * 1e6 > excess * (window * 3 / 4);
	if (starts)
		*w = (struct sim_watch){ .term = n->core->hs.term, .life = m->life,
					 .window = window, .since = s->now, .since_clock = clock };
	w->last = s->now;
	w->clock = clock;
	if (clock - w->since_clock <= KQ_RATE_ALARM_WINDOWS * window)
		return;
	s->st.off++;
	if (!n->core->peer[m->id].rate.off && !n->core->own_off)
		sim_fail(s, n, "has not found the clock of node %u off in %u windows: %.0f ppm", m->id,
			 KQ_RATE_ALARM_WINDOWS, ppm);
	w->since_clock = clock;
	w->since = s->now;
}

/* For how long must a cluster with clocks beyond the bound be left alone until that is known? */
u64 rate_wait_ns(const struct sim *s)
{
	struct kq_settings most = settings_most(s);
	struct kq_effective eff;
	u64 window;

	kq_settings_effective(&most, &most, &eff);
	window = kq_rate_window_ns(&eff);
	/* Where it takes very long it is waited for in other seeds. */
	return s->d.beyond && window <= 10 * SIM_SEC ? 8 * window : 0;
}

/* So seldom that no measured rate takes errors of a moment for one, of one clock and the other. */
u64 rate_errors_apart_ns(const struct sim *s)
{
	struct kq_settings most = settings_most(s);
	struct kq_effective eff;

	most.drift_ppm = s->d.drift_ppm;
	kq_settings_effective(&most, &most, &eff);
	return 6 * kq_rate_window_ns(&eff);
}
