// SPDX-License-Identifier: GPL-2.0
/*
 * Time: the queue of events, the generator of all chance, the nodes' clocks.
 */
#include "check.h"
#include "disk.h"
#include "sim.h"

static u64 rotl(u64 x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* The generator starts anew from @x: splitmix64. */
void sim_seed(struct sim *s, u64 x)
{
	u64 z;
	u32 i;

	for (i = 0; i < 4; i++) {
		z = (x += 0x9e3779b97f4a7c15ULL);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		s->rng[i] = z ^ (z >> 31);
	}
}

/* xoshiro256** */
u64 sim_rand(struct sim *s)
{
	u64 *r = s->rng, out = rotl(r[1] * 5, 7) * 9, t = r[1] << 17;

	r[2] ^= r[0];
	r[3] ^= r[1];
	r[1] ^= r[2];
	r[0] ^= r[3];
	r[2] ^= t;
	r[3] = rotl(r[3], 45);
	return out;
}

/* From [0, n); 0 when n is 0. */
u64 sim_below(struct sim *s, u64 n)
{
	return n ? sim_rand(s) % n : 0;
}

/* From [lo, hi]. */
u64 sim_range(struct sim *s, u64 lo, u64 hi)
{
	return hi > lo ? lo + sim_below(s, hi - lo + 1) : lo;
}

/* Mostly short, sometimes long: the shape of waiting times, mean about @mean. */
u64 sim_about(struct sim *s, u64 mean)
{
	u64 x = sim_below(s, mean) + sim_below(s, mean);

	return sim_below(s, 16) ? x : x * 3;
}

bool sim_chance(struct sim *s, u64 pct)
{
	return sim_below(s, 100) < pct;
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void push(struct sim *s, struct sim_event e)
{
	u32 i;

	if (s->heap_count == s->heap_room) {
		s->heap_room = s->heap_room ? s->heap_room * 2 : 1024;
		s->heap = realloc(s->heap, s->heap_room * sizeof(*s->heap));
		if (!s->heap)
			abort();
	}
	e.seq = s->event_seq++;
	for (i = s->heap_count++; i && before(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = e;
}

static struct sim_event pop(struct sim *s)
{
	struct sim_event top = s->heap[0], last = s->heap[--s->heap_count];
	u32 i = 0, c;

	for (;;) {
		c = 2 * i + 1;
		if (c >= s->heap_count)
			break;
		if (c + 1 < s->heap_count && before(&s->heap[c + 1], &s->heap[c]))
			c++;
		if (!before(&s->heap[c], &last))
			break;
		s->heap[i] = s->heap[c];
		i = c;
	}
	s->heap[i] = last;
	return top;
}

/* At true time @at, or now when that is past. */
void sim_push(struct sim *s, u64 at, enum sim_kind kind, u32 a, u32 b, u64 gen)
{
	push(s, (struct sim_event){ .at = max(at, s->now), .kind = kind, .a = a, .b = b,
				    .gen = gen });
}

u64 sim_clock(const struct sim *s, const struct sim_node *n)
{
	u64 dt = s->now - n->clk_since;

	if (n->clk_stopped)
		return n->clk_value;
	return n->clk_value + dt + (u64)((__int128)dt * n->clk_ppb / 1000000000);
}

/* When the node's clock shows @clock, if it goes on (or went) as it does now. */
u64 sim_clock_to_true(const struct sim *s, const struct sim_node *n, u64 clock)
{
	__int128 d = (__int128)clock - n->clk_value;

	(void)s;
	return n->clk_since + (u64)(d * 1000000000 / (1000000000 + n->clk_ppb));
}

void sim_clock_set(struct sim *s, struct sim_node *n, u64 value, s64 ppb, bool stopped)
{
	n->clk_since = s->now;
	n->clk_value = value;
	n->clk_ppb = ppb;
	n->clk_stopped = stopped;
}

/* Which machine is that? */
u32 sim_at(const struct sim *s, const struct sim_node *n)
{
	return n - s->node;
}

/* The last of all machines. */
u32 sim_last(const struct sim *s)
{
	return max(s->last, (u32)s->d.nodes);
}

/* The machine with number @id to which @n is connected; without a connection, who has it now. */
struct sim_node *sim_peer(struct sim *s, const struct sim_node *n, u32 id)
{
	u32 ghost = SIM_GHOST(id);

	if (id > SIM_NODES)
		sim_fail(s, n, "speaks of node %u", id);
	return &s->node[n->side[ghost].up ? ghost : id];
}

/* The machine that has these files, or NULL: they are gone. */
struct sim_node *sim_machine(struct sim *s, u32 id, u64 identity)
{
	struct sim_node *n = &s->node[id], *ghost = &s->node[SIM_GHOST(id)];

	if (n->id && n->identity == identity)
		return n;
	return ghost->id && ghost->identity == identity ? ghost : NULL;
}

/*
 * Has @n a connection to another machine with the leader's number? It does not know which one is
 * the member, refuses the second (-EBUSY), and waits until an operator stops one of them.
 */
bool sim_has_another(const struct sim *s, const struct sim_node *n, const struct sim_node *l)
{
	return n->side[sim_at(s, l) == l->id ? SIM_GHOST(l->id) : l->id].up;
}

u32 sim_up(const struct sim *s)
{
	u32 i, up = 0;

	for (i = 1; i <= s->d.nodes; i++)
		up += s->node[i].up;
	return up;
}

/* The leader of the newest term among the machines @who (bit n: machine n), or NULL. */
struct sim_node *sim_leader_among(struct sim *s, u32 who)
{
	struct sim_node *best = NULL;
	u32 i;

	for (i = 1; i <= sim_last(s); i++) {
		struct sim_node *n = &s->node[i];

		if (who >> i & 1 && n->up && n->core->role == KQUORUM_LEADER &&
		    (!best || n->core->hs.term > best->core->hs.term))
			best = n;
	}
	return best;
}

/* Said once more than kq_conf.c does: most of each half. */
bool sim_decides(const struct kq_conf *conf, kq_nodes who)
{
	u32 in[2] = {}, all[2] = {}, id;

	for (id = 1; id <= KQ_MAX_NODES; id++) {
		all[0] += conf->voters >> id & 1;
		all[1] += conf->outgoing >> id & 1;
		in[0] += (conf->voters & who) >> id & 1;
		in[1] += (conf->outgoing & who) >> id & 1;
	}
	return 2 * in[0] > all[0] && (!all[1] || 2 * in[1] > all[1]);
}

struct sim_node *sim_leader(struct sim *s)
{
	return sim_leader_among(s, ~0u);
}

/*
 * Its log is so full that it stores nothing but votes: nothing is demanded of it. Where snapshots make
 * room it has to notice that.
 */
bool sim_no_room(const struct sim *s, const struct sim_node *n)
{
	return s->d.full && n->up && ((n->core->store_full && !s->d.snap_ms) ||
		!kq_wal_has_room(n->core->wal, KQ_PAYLOAD_MAX, KQ_WAL_ROOM_INTERNAL));
}

/* A node that is not scheduled sees nothing until it runs again. */
static bool defer(struct sim *s, struct sim_event *e)
{
	u32 who = e->a;

	switch (e->kind) {
	case EV_DELIVER:
		who = e->b;
		break;
	case EV_TICK: case EV_POLL: case EV_LINGER: case EV_DISK: case EV_CLIENT: case EV_APPEND:
	case EV_SNAP: case EV_INSTALL: case EV_RENEW:
	case EV_BURST: case EV_SIDE_UP: case EV_SIDE_DOWN:
		break;
	default:
		return false;
	}
	if (s->node[who].busy_until > s->now && s->node[who].paused_until <= s->now)
		s->node[who].paused_until = s->now + sim_below(s, 4 * SIM_MS);
	if (!s->node[who].up || s->node[who].paused_until <= s->now)
		return false;
	/* In steps: healing may end the pause before its time. */
	e->at = min(s->node[who].paused_until, s->now + 50 * SIM_MS);
	push(s, *e);
	return true;
}

static void resume(struct sim *s, struct sim_node *n)
{
	if (!n->clk_stopped || n->paused_until > s->now)
		return;
	sim_clock_set(s, n, n->clk_value, n->clk_ppb, false);
}

static void dispatch(struct sim *s, const struct sim_event *e)
{
	struct sim_node *n = &s->node[e->a];
	u32 i;

	switch ((enum sim_kind)e->kind) {
	case EV_TICK:
		if (n->up && n->life == e->gen)
			node_tick(s, n);
		break;
	case EV_LINGER:
		if (n->up && n->life == e->gen) {
			u64 left = kq_core_linger_over(n->core, sim_clock(s, n));

			if (left)
				sim_push(s, s->now + left, EV_LINGER, e->a, 0, n->life);
			node_out(s, n);
		}
		break;
	case EV_POLL:
		if (n->up && n->poll_gen == e->gen)
			node_poll(s, n);
		break;
	case EV_DISK:
		if (n->up && n->batch && n->batch_gen == e->gen)
			disk_done(s, n);
		break;
	case EV_CLIENT:
		client_step(s, n, e->b, e->gen);
		break;
	case EV_APPEND:
		if (n->up && n->life == e->gen)
			client_append(s, n);
		break;
	case EV_BURST:
		if (n->up && n->life == e->gen)
			client_burst(s, n);
		break;
	case EV_SNAP:
		if (n->up && n->life == e->gen)
			snap_step(s, n);
		break;
	case EV_INSTALL:
		if (n->up && n->life == e->gen)
			snap_install(s, n);
		break;
	case EV_RESTART:
		n->restarting = false;
		if (!n->up)
			node_start(s, n);
		break;
	case EV_DAEMON_BACK:
		if (n->up && n->life == e->gen && !n->daemon)
			node_daemon_start(s, n);
		break;
	case EV_DIAL:
		net_dial(s, e->a, e->b);
		break;
	case EV_DELIVER:
		net_deliver(s, e->a, e->b, e->gen);
		break;
	case EV_SIDE_UP:
		net_side_up(s, e->a, e->b, e->gen);
		break;
	case EV_SIDE_DOWN:
		net_side_down(s, e->a, e->b, e->gen);
		break;
	case EV_UNBLOCK:
		if (e->gen == s->fault_gen)
			net_unblock(s, e->a, e->b, false);
		break;
	case EV_CLOCK:
		if (!n->up || n->life != e->gen || n->clk_stopped)
			break;
		check_clock_changes(s, n);
		sim_clock_set(s, n, sim_clock(s, n), n->clk_own_ppb, false);
		break;
	case EV_FAULT:
		if (s->phase == PHASE_FAULTS)
			fault_step(s);
		break;
	case EV_DEFINE:
		define_step(s);
		break;
	case EV_EVICT:
		evict_step(s);
		break;
	case EV_SHOW:
		evict_show(s);
		break;
	case EV_RENEW:
		grant_renew(s, n, e->b, e->gen);
		break;
	case EV_CHECK:
		check_logs(s);
		sim_push(s, s->now + SIM_SEC, EV_CHECK, 0, 0, 0);
		break;
	case EV_PHASE:
		for (i = 1; i <= sim_last(s); i++)
			resume(s, &s->node[i]);
		phase_step(s);
		break;
	}
}

void sim_run(struct sim *s)
{
	u32 i;

	while (s->heap_count && s->phase != PHASE_OVER) {
		struct sim_event e = pop(s);

		s->now = e.at;
		for (i = 1; i <= sim_last(s); i++)
			if (s->node[i].clk_stopped)
				resume(s, &s->node[i]);
		if (defer(s, &e))
			continue;
		if (++s->st.events > 20000000)
			sim_fail(s, NULL, "events without end");
		dispatch(s, &e);
	}
	s->st.virtual_ns = s->now;
}
