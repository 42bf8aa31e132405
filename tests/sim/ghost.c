// SPDX-License-Identifier: GPL-2.0
/*
 * Two machines under one number: the number of a node is given to another machine, which has
 * nothing, and the one before it keeps its files. It is off for good, or comes back, or never
 * stopped and does not know.
 */
#include <linux/kquorum.h>
#include "check.h"
#include "disk.h"
#include "sim.h"

#define NO_IDENTITY	1	/* none has that: told when it starts */

/* What is to come to machine @a comes to @b, and what to @b to @a. Pairs go on dialling. */
static void swap_events(struct sim *s, u8 a, u8 b)
{
	u32 i;

	for (i = 0; i < s->heap_count; i++) {
		struct sim_event *e = &s->heap[i];

		if (e->kind == EV_DIAL || e->kind >= EV_FAULT)
			continue;
		e->a = e->a == a ? b : e->a == b ? a : e->a;
		/* Of a client that is its slot. */
		if (e->kind == EV_DELIVER || e->kind == EV_SIDE_UP || e->kind == EV_SIDE_DOWN ||
		    e->kind == EV_UNBLOCK)
			e->b = e->b == a ? b : e->b == b ? a : e->b;
	}
}

/* All that makes machine @a is at @b from now on: it runs on, and notices nothing. */
static void swap_machines(struct sim *s, u32 a, u32 b)
{
	struct sim_node *was = sim_calloc(1, sizeof(*was));

	*was = s->node[a];
	s->node[a] = s->node[b];
	s->node[b] = *was;
	free(was);
	net_swap(s, a, b);
	swap_events(s, a, b);
	check_swap(s, a, b);
}

/* Its files are gone: nobody has met them, and they hold no vote. */
static void forget(struct sim *s, u32 at)
{
	struct sim_node *n = &s->node[at], *fresh = sim_calloc(1, sizeof(*fresh));
	u64 term;
	u32 i;

	disk_wipe(s, n);
	free(n->start);
	*fresh = (struct sim_node){
		.id = n->id, .arena = n->arena, .disk = n->disk, .block_kept = n->block_kept,
		.rot = n->rot,
		.append = n->append, .restarting = n->restarting,
		.poll_gen = n->poll_gen, .batch_gen = n->batch_gen,
	};
	for (i = 0; i < SIM_SLOTS; i++)
		fresh->slot[i].gen = n->slot[i].gen;
	*n = *fresh;
	free(fresh);
	n->identity = NO_IDENTITY;
	for (term = 0; term < s->term_room; term++)
		s->term_vote[term][at] = 0;
	for (i = 1; i <= sim_last(s); i++)
		s->node[i].met[at] = 0;
}

/* Nobody begins a cluster with whom it has not noticed to be gone. */
static void notice(struct sim *s, u32 at)
{
	u32 i;

	for (i = 1; i <= sim_last(s); i++)
		if (s->node[i].side[at].up)
			net_side_down(s, i, at, s->node[i].side[at].epoch);
}

/* What is on its disk from an earlier life is no matter of the core under test. */
static void first_init(struct sim *s, u32 ghost, u32 id)
{
	unsigned long fail_at = kq_alloc_fail_at;

	kq_alloc_fail_at = 0;
	node_create(s, ghost, id);
	kq_alloc_fail_at = fail_at;
}

/**
 * ghost_made() - another machine gets the number of @n, which becomes its ghost
 * @s: the simulation
 * @n: the machine, as it is: running or not
 * @joins: the new one is made to join a cluster that runs
 *
 * The ghost before it, if any, is scrapped with its files. So is this one, before the cluster has
 * begun: who might begin it twice is told apart as long as one of both machines runs, or one of
 * those that it told that they have nothing.
 */
void ghost_made(struct sim *s, struct sim_node *n, bool joins)
{
	u32 at = n->id, ghost = SIM_GHOST(at);
	bool first = !s->node[ghost].id;

	s->last = max(sim_last(s), ghost);
	if (first)
		first_init(s, ghost, at);
	else if (s->node[ghost].up)
		node_down(s, &s->node[ghost], "a ghost is scrapped");
	forget(s, ghost);
	swap_machines(s, at, ghost);
	if (first)
		net_dial_all(s, ghost);
	if (!s->conf_index && !s->node[ghost].up) {
		forget(s, ghost);
		notice(s, ghost);
	}
	n->wiped = true;
	n->joins = joins;
	sim_trace(s, n, "another machine has its number%s", joins ? ", to join" : "");
}

/* Is @g the one whom the configuration means, and not who has its number now? */
bool sim_ghost_counts(const struct sim *s, const struct sim_node *g)
{
	u32 i;

	if (!g->id || (!g->up && !g->restarting))
		return false;
	for (i = 1; i <= sim_last(s); i++)
		if (s->node[i].seen_conf_index > s->conf_index &&
		    conf_means(&s->node[i].seen_conf, g))
			return true;
	return conf_means(&s->conf, g);
}

static void haunt(struct sim *s, struct sim_node *g)
{
	bool counts = sim_ghost_counts(s, g);

	if (!g->up) {
		sim_trace(s, g, "is switched on");
		node_restart_at(s, g, s->now);
		return;
	}
	node_down(s, g, "power cut");
	if (counts || sim_chance(s, 60))
		node_restart_at(s, g, s->now + sim_about(s, s->d.lease_ms * SIM_MS));
}

/* The fault: one more machine, or a ghost comes or goes. */
void ghost_strike(struct sim *s, struct sim_node *n)
{
	struct sim_node *g = &s->node[SIM_GHOST(n->id)];
	bool joins;

	/* A disk that went before the cluster began is gone for good. */
	if (g->id && g->identity != NO_IDENTITY && sim_chance(s, 60)) {
		haunt(s, g);
		return;
	}
	if (!s->conf_index || !fault_may_lose(s, n, &joins))
		return;
	ghost_made(s, n, joins);
	node_restart_at(s, n, s->now + SIM_MS + sim_about(s, s->set.election_ms * SIM_MS));
}
