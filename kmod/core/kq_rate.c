// SPDX-License-Identifier: GPL-2.0
/*
 * The rate of another node's clock, measured by this one's (design section 6).
 *
 * A leader's APPEND and the answer to it carry the time at which each was made and, of the newest
 * one that came from the other side, the time that stood in it and the time at which it came. So
 * each of the two learns from every message four readings, in the order in which they were taken:
 *
 *	asked_ns   here:  a message was made that ...
 *	came_ns    there: ... arrived,
 *	sent_ns    there: an answer was made that ...
 *	heard_ns   here:  ... arrived
 *
 * Between two such messages there passed on the other clock at least the time from the first one's
 * sent_ns to the second one's came_ns, and here at least that from heard_ns to asked_ns; at most
 * that from came_ns to sent_ns, and from asked_ns to heard_ns. That bounds the rate from both
 * sides, whatever the network did in between: two clocks whose rates keep to the setting are never
 * found beyond it.
 *
 * The two messages are a window apart: a lease, or longer where the bound is tight, so that round
 * trips of KQ_RATE_TRIPS_NS in all blur no more than the bound of one clock; and always some
 * heartbeats. What hides behind longer round trips hides from a lease, too: in the time of one it
 * is no more than these, which Delta covers. At either end the message with the shortest round
 * trip counts of those that come within an eighth of the window. Where none comes the measurement
 * begins anew.
 *
 * A jump is no rate. An error that Delta is for, a machine that its hypervisor froze for a while,
 * shows in the window in which it happened, and perhaps in the next. So an alarm takes
 * KQ_RATE_ROW windows in a row that are beyond the bound to the same side, and is over with the
 * first one that is not. That is after KQ_RATE_ALARM_WINDOWS windows at the latest.
 *
 * A leader renews no session of a node whose clock it finds off, and opens none: what it holds ends
 * by the ordinary rule. Where most of the voters are off to the same side it is the leader's own
 * clock: it hands over, and does not stand for election as long as that is so.
 */
#include "kq_int.h"

#define RATE_GRAIN_NS 4000	/* of a clock, and then some */
#define RATE_PPM 1000000

/**
 * kq_rate_window_ns() - for how long is a rate measured?
 * @eff: what the node goes by
 *
 * Return: nanoseconds.
 */
u64 kq_rate_window_ns(const struct kq_effective *eff)
{
	u64 least = kq_ms(max(eff->lease_ms, 16 * eff->heartbeat_ms));
	u64 bound = KQ_RATE_WINDOW_MAX_NS;

	if (eff->drift_ppm)
		bound = min(bound, div_u64(KQ_RATE_TRIPS_NS * RATE_PPM, eff->drift_ppm));
	return max(least, bound);
}

/**
 * kq_rate_bound_ppm() - by how much may one clock differ from another, both within the setting?
 * @drift_ppm: the setting
 * @sign: 1: the other one is faster; -1: slower
 *
 * (1+rho)/(1-rho) and its reverse.
 *
 * Return: ppm, rounded up.
 */
u32 kq_rate_bound_ppm(u32 drift_ppm, int sign)
{
	if (KQ_BREAK(RATE_BOUND))
		return drift_ppm;
	return div_u64(2ULL * drift_ppm * RATE_PPM, RATE_PPM - sign * (s32)drift_ppm) + 1;
}

/**
 * kq_rate_stamp() - the times that a message carries
 * @core: the core
 * @p: whom it is for
 * @clock: filled in
 */
void kq_rate_stamp(const struct kq_core *core, const struct kq_peer *p, struct kq_wire_clock *clock)
{
	clock->sent_ns = cpu_to_le64(core->now_ns);
	clock->echo_ns = cpu_to_le64(p->rate.echo_ns);
	clock->came_ns = cpu_to_le64(p->rate.came_ns);
}

/* What passed there in parts per million of what passed here, less a million. */
static s64 ppm(u64 there, u64 here, bool up)
{
	u64 rest;

	there = min(there, 2 * here);
	if (there < here) {
		rest = (here - there) * RATE_PPM;
		return -(s64)div64_u64(rest + (up ? 0 : here - 1), here);
	}
	rest = (there - here) * RATE_PPM;
	return div64_u64(rest + (up ? here - 1 : 0), here);
}

static u64 less(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

static void set_own_off(struct kq_core *core, int off)
{
	if (core->own_off == off)
		return;
	core->own_off = off;
	core->events |= KQUORUM_EVENT_CLOCK;
	kq_trace(core, "its own clock is %s most others", !off ? "good again for" :
		 off > 0 ? "too fast for" : "too slow for");
}

static void keep_own_off(struct kq_core *core)
{
	core->own_off_until_ns = core->now_ns + 2 * kq_rate_window_ns(&core->eff);
}

static void set_off(struct kq_core *core, struct kq_peer *p, int off)
{
	struct kq_rate *r = &p->rate;

	if (r->off == off)
		return;
	r->off = off;
	core->events |= KQUORUM_EVENT_CLOCK;
	kq_trace(core, "the clock of node %u is %s: %lld to %lld ppm", p->id,
		 off ? "beyond the bound" : "within the bound again", (long long)r->min_ppm,
		 (long long)r->max_ppm);
}

/* A window has ended, with the message in @r->best. */
static void judge(struct kq_core *core, struct kq_peer *p)
{
	struct kq_rate *r = &p->rate;
	const struct kq_rate_times *a = &r->from, *b = &r->best;
	u32 drift = core->eff.drift_ppm;
	int beyond = 0;

	/* Round trips as long as the window say nothing. */
	if (b->asked_ns <= a->heard_ns + RATE_GRAIN_NS || b->came_ns <= a->sent_ns) {
		r->row = 0;
		return;
	}
	r->min_ppm = ppm(less(b->sent_ns - a->came_ns, RATE_GRAIN_NS), b->heard_ns - a->asked_ns,
			 false);
	r->max_ppm = ppm(b->came_ns - a->sent_ns + RATE_GRAIN_NS, b->asked_ns - a->heard_ns, true);
	if (KQ_BREAK(RATE_TRIP)) {
		r->min_ppm = ppm(b->sent_ns - a->sent_ns, b->heard_ns - a->heard_ns, true);
		r->max_ppm = r->min_ppm;
	}
	r->judged_ns = core->now_ns;
	if (r->min_ppm > (s64)kq_rate_bound_ppm(drift, 1))
		beyond = 1;
	else if (r->max_ppm < -(s64)kq_rate_bound_ppm(drift, -1))
		beyond = -1;
	/* By the leader that there is now. */
	if (!kq_is_leader(core) && beyond && beyond == -core->own_off)
		keep_own_off(core);
	else if (!kq_is_leader(core))
		set_own_off(core, 0);
	r->row = beyond && beyond * r->row >= 0 ? r->row + beyond : beyond;
	if (!beyond)
		set_off(core, p, 0);
	else if (!KQ_BREAK(RATE_BLIND) &&
		 beyond * r->row >= (KQ_BREAK(RATE_ONCE) ? 1 : KQ_RATE_ROW))
		set_off(core, p, beyond);
}

static u64 round_trip(const struct kq_rate_times *t)
{
	return less(t->heard_ns - t->asked_ns, t->sent_ns - t->came_ns);
}

/* All windows begin together: a leader finds most of the others off at one time, or none. */
static void measure(struct kq_core *core, struct kq_peer *p, const struct kq_rate_times *t)
{
	u64 window = kq_rate_window_ns(&core->eff), number = div64_u64(core->now_ns, window);
	bool begins = core->now_ns - number * window <= window / 8;
	struct kq_rate *r = &p->rate;

	if (r->picks && (!begins || number != r->window)) {
		if (r->from.heard_ns && r->window == r->from_window + 1)
			judge(core, p);
		else
			r->row = 0;
		r->from = r->best;
		r->from_window = r->window;
		r->picks = false;
	}
	if (!begins || (r->picks && round_trip(t) >= round_trip(&r->best)))
		return;
	r->best = *t;
	r->window = number;
	r->picks = true;
}

/**
 * kq_rate_heard() - a message with times has come
 * @core: the core
 * @p: from whom
 * @clock: the times
 *
 * A peer may lie, of its own clock.
 */
void kq_rate_heard(struct kq_core *core, struct kq_peer *p, const struct kq_wire_clock *clock)
{
	struct kq_rate_times t = {
		.asked_ns = le64_to_cpu(clock->echo_ns), .came_ns = le64_to_cpu(clock->came_ns),
		.sent_ns = le64_to_cpu(clock->sent_ns), .heard_ns = core->now_ns,
	};

	if (!t.sent_ns)
		return;
	p->rate.echo_ns = t.sent_ns;
	p->rate.came_ns = t.heard_ns;
	if (!t.asked_ns || t.asked_ns > t.heard_ns || t.came_ns > t.sent_ns)
		return;
	p->rtt_ns = round_trip(&t);
	/* It may be the first word after a long time. */
	if (t.heard_ns - t.asked_ns < kq_rate_window_ns(&core->eff))
		measure(core, p, &t);
}

/**
 * kq_rate_forget() - what was measured of all clocks is of the time of another leader
 * @core: the core
 */
void kq_rate_forget(struct kq_core *core)
{
	struct kq_peer *p;

	kq_for_each_peer(core, KQ_NODES_BITS, p) {
		struct kq_rate *r = &p->rate;

		set_off(core, p, 0);
		*r = (struct kq_rate){ .echo_ns = r->echo_ns, .came_ns = r->came_ns };
	}
}

/**
 * kq_rate_may_lease() - may this leader promise anything to a node?
 * @core: the core, leader
 * @id: node id
 *
 * Return: false: the clock of one of the two is off.
 */
bool kq_rate_may_lease(const struct kq_core *core, u32 id)
{
	return (!core->peer[id].rate.off && !kq_rate_own_is_off(core)) || KQ_BREAK(RATE_RENEWS);
}

/**
 * kq_rate_own_is_off() - is it this node's clock that is off?
 * @core: the core
 *
 * Return: true if so.
 */
bool kq_rate_own_is_off(const struct kq_core *core)
{
	return core->own_off;
}

/* Of whom most are off to the same side. */
static int most_are_off(struct kq_core *core)
{
	kq_nodes fast = 0, slow = 0;
	struct kq_peer *p;

	kq_for_each_member(core, p) {
		if (!kq_is_member(core, p->id))
			continue;
		fast |= p->rate.off > 0 ? kq_node_bit(p->id) : 0;
		slow |= p->rate.off < 0 ? kq_node_bit(p->id) : 0;
	}
	return kq_conf_decided(&core->conf, fast, 0) > 0 ? 1 :
		kq_conf_decided(&core->conf, slow, 0) > 0 ? -1 : 0;
}

/**
 * kq_rate_tick() - is this node's own clock off?
 * @core: the core
 *
 * Without a leader to measure it by it counts as good again after two windows: to be led by such a
 * node for a while is better than by nobody.
 */
void kq_rate_tick(struct kq_core *core)
{
	int off = kq_is_leader(core) && !KQ_BREAK(RATE_SELF) ? most_are_off(core) : 0;

	if (off) {
		set_own_off(core, -off);
		keep_own_off(core);
		kq_member_step_down(core, "its clock is off");
	} else if (core->now_ns >= core->own_off_until_ns) {
		set_own_off(core, 0);
	}
}
