// SPDX-License-Identifier: GPL-2.0
/*
 * An operator who changes the settings; machines whose own file says something else; and what may
 * follow what. The clocks keep to the tightest that may ever be asked for, as they must: an
 * operator asks for less only when all clocks are that good, and for more before they are worse.
 */
#include <linux/kquorum.h>
#include "sim.h"

/* What the bounds of a run have to allow for. */
struct kq_settings settings_most(const struct sim *s)
{
	struct kq_settings set = s->set;

	if (!s->d.w_settings)
		return set;
	set.heartbeat_ms *= 2;
	set.election_ms = 12 * set.heartbeat_ms;
	set.lease_ms *= 2;
	set.delta_ms *= 3;
	return set;
}

/* Any that can be used; some of them stay as they are in @from. */
struct kq_settings settings_draw(struct sim *s, const struct kq_settings *from)
{
	struct kq_settings set = *from, most = settings_most(s);

	if (sim_chance(s, 50))
		set.heartbeat_ms = sim_range(s, s->set.heartbeat_ms, most.heartbeat_ms);
	if (sim_chance(s, 50))
		set.lease_ms = sim_range(s, s->set.lease_ms / 3, most.lease_ms);
	if (sim_chance(s, 50))
		set.delta_ms = sim_range(s, s->set.delta_ms, most.delta_ms);
	if (sim_chance(s, 50))
		set.drift_ppm = min(sim_range(s, s->d.drift_ppm, 3 * s->d.drift_ppm), 100000);
	if (sim_chance(s, 50) || set.election_ms < 3 * set.heartbeat_ms)
		set.election_ms = set.heartbeat_ms * sim_range(s, 6, 12);
	set.lease_ms = max(set.lease_ms, 2 * set.heartbeat_ms + 1);
	set.lease_ms = max(set.lease_ms, set.delta_ms + 1);
	return set;
}

/* No fault, but it belongs where faults are. */
void settings_strike(struct sim *s, struct sim_node *n)
{
	struct sim_node *l = sim_leader(s);
	struct kq_conf_change change = { .settings = true };
	const struct kq_settings *set = &change.to.now;
	int err;

	if (l && sim_chance(s, 95))
		n = l;
	if (n->paused_until > s->now)
		return;
	change.to = n->core->conf;
	change.to.outgoing = 0;
	change.to.now = settings_draw(s, &n->core->conf.now);
	if (sim_chance(s, 30))
		change.based_on = n->core->conf_index;
	err = kq_core_reconfigure(n->core, sim_clock(s, n), &change);
	sim_trace(s, n, "is asked for heartbeat %u election %u lease %u delta %u drift %u: %d",
		  set->heartbeat_ms, set->election_ms, set->lease_ms, set->delta_ms, set->drift_ppm,
		  err);
	if (!err && !kq_settings_same(&n->core->conf.now, set))
		sim_fail(s, n, "has other settings than it was asked for");
	node_out(s, n);
}

/* For how long @n counts on a voter whom it speaks to as leader. */
u64 settings_count_ms(const struct sim_node *n)
{
	const struct kq_core *c = n->core;

	if (!c->conf_index)
		return c->cfg.set.election_ms;
	return min(c->conf.before.election_ms, c->conf.now.election_ms);
}

/* Of clocks that differ; one counts on with what another has told. */
u64 settings_error_ns(const struct sim_node *n)
{
	const struct kq_core *c = n->core;

	/* Those before may have held when it began to lead, in the same step. */
	return 2 * max(n->seen_delta_ms, max(c->conf.before.delta_ms, c->conf.now.delta_ms)) *
		SIM_MS;
}

/* A configuration is committed after s->conf: do its settings follow from those? */
void check_settings(struct sim *s, struct sim_node *n, const struct kq_conf *to)
{
	u64 million = 1000000, lease = s->conf.before.lease_ms * SIM_MS;
	bool overlapped = kq_conf_overlaps(&s->conf);

	if (!s->conf_index) {
		if (kq_conf_overlaps(to) ||
		    (s->d.w_settings && !kq_settings_same(&to->now, &s->set)))
			sim_fail(s, n, "begins with other settings than those of who begins");
		return;
	}
	if (kq_settings_same(&to->before, &s->conf.before) &&
	    kq_settings_same(&to->now, &s->conf.now))
		return;
	if (!kq_conf_same(to, &s->conf) || to->outgoing)
		sim_fail(s, n, "changes the settings and the voters at once");
	if (!overlapped) {
		if (!kq_settings_same(&to->before, &s->conf.now))
			sim_fail(s, n, "forgets which settings it replaces");
		s->overlap_since = s->now;
		return;
	}
	if (!kq_settings_same(&to->now, &s->conf.now) || kq_conf_overlaps(to))
		sim_fail(s, n, "replaces settings while others are being replaced");
	/* Those who asked for a lease before the change was committed have it until then. */
	if (!s->clocks_lie && s->now < s->overlap_since + lease / million * (million + s->d.drift_ppm))
		sim_fail(s, n, "forgets settings %llu us after the change, under which a lease is %llu us",
			 (unsigned long long)(s->now - s->overlap_since) / 1000,
			 (unsigned long long)lease / 1000);
}
