// SPDX-License-Identifier: GPL-2.0
/* Which node should lead: see prefer.h. */
#include <stddef.h>

#include "prefer.h"

#define YIELD_STEPS	4	/* more of them would put an election off for too long */

/**
 * kqd_prefer() - should one lead rather than another?
 * @a: a voter
 * @b: another one
 *
 * Return: true: @a should. Of two equals neither should rather.
 */
bool kqd_prefer(const struct kqd_voter *a, const struct kqd_voter *b)
{
	if (a->witness != b->witness)
		return b->witness;
	return a->priority > b->priority;
}

static const struct kqd_voter *find(const struct kqd_voter *voters, unsigned int n, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (voters[i].id == id)
			return &voters[i];
	return NULL;
}

/**
 * kqd_prefer_yield_ns() - how much later than others should this node stand for election?
 * @voters: all who have a vote
 * @n: how many
 * @self: this node
 * @election_ms: shortest election timeout
 *
 * A quarter of that for each that should rather lead and can be reached, up to the whole.
 *
 * Return: nanoseconds.
 */
uint64_t kqd_prefer_yield_ns(const struct kqd_voter *voters, unsigned int n, uint32_t self,
			     uint32_t election_ms)
{
	const struct kqd_voter *me = find(voters, n, self);
	unsigned int i, steps = 0;

	for (i = 0; me && i < n; i++)
		if (voters[i].there && kqd_prefer(&voters[i], me))
			steps++;
	if (steps > YIELD_STEPS)
		steps = YIELD_STEPS;
	return steps * (election_ms * 1000000ULL / YIELD_STEPS);
}

/**
 * kqd_prefer_successor() - who should lead in place of this node?
 * @voters: all who have a vote
 * @n: how many
 * @self: this node, the leader
 *
 * Return: the one that should most, of those that could take over now; 0: nobody should rather.
 */
uint32_t kqd_prefer_successor(const struct kqd_voter *voters, unsigned int n, uint32_t self)
{
	const struct kqd_voter *best = find(voters, n, self);
	unsigned int i;

	for (i = 0; best && i < n; i++)
		if (voters[i].there && voters[i].current && kqd_prefer(&voters[i], best))
			best = &voters[i];
	return best && best->id != self ? best->id : 0;
}
