// SPDX-License-Identifier: GPL-2.0
/*
 * When to stand for election. With E the shortest election timeout:
 *
 *   leader heard less than E ago      wait until it has been silent for a time
 *                                     drawn from [E, 2E)
 *   leader's link lost its carrier    the same, but from [E, E + E/8): voters
 *                                     refuse before E whatever we know
 *   silent for longer already (never heard, a majority came back, the wait
 *   after a restart ended)            stand after a draw from [E/10, E/2):
 *                                     everybody else is in the same place
 *   somebody else took a new term     leave it E/2 to E to win
 *   others should rather lead         each of these later by what prefer.h says
 *   canvass won                       campaign at once
 *   lost, or no result within E       stand again after a draw from
 *                                     [b, 2b), b from E/2 growing to 2E
 *
 * Without connections to a majority nothing is asked at all: the answer is
 * known. The draw, not the order of ids, keeps two nodes from standing at the
 * same moment for ever.
 */
#include <linux/kquorum.h>

#include "elect.h"

/* splitmix64: any seed will do, 0 too. */
static uint64_t elect_random(struct kqd_elect *e)
{
	uint64_t z = e->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* A time from [from, to). */
static uint64_t elect_draw(struct kqd_elect *e, uint64_t from, uint64_t to)
{
	return to > from ? from + elect_random(e) % (to - from) : from;
}

static void elect_not_before(struct kqd_elect *e, uint64_t when_ns)
{
	if (when_ns > e->not_before_ns)
		e->not_before_ns = when_ns;
}

static void elect_forget_attempt(struct kqd_elect *e)
{
	e->asked_ns = 0;
	e->campaign_ns = 0;
}

/**
 * kqd_elect_init() - begin with nothing known
 * @e: to be filled
 * @election_ms: shortest election timeout, milliseconds
 * @seed: of the draws; different on every node
 *
 * Context: Any.
 */
void kqd_elect_init(struct kqd_elect *e, uint32_t election_ms, uint64_t seed)
{
	*e = (struct kqd_elect) {
		.election_ms = election_ms,
		.random = seed,
		.term = UINT64_MAX,
	};
}

/* The attempt under way brought nothing: back off. */
static void elect_lost(struct kqd_elect *e, uint64_t now_ns)
{
	uint64_t base = e->election_ms * 1000000ULL / 2;

	elect_forget_attempt(e);
	base += base / 2 * (e->lost < 6 ? e->lost : 6);
	e->lost++;
	elect_not_before(e, now_ns + elect_draw(e, base, 2 * base));
	/* The silence is not new: only the back-off counts from here. */
	e->timeout_ns = 1;
}

/* Where the canvass or campaign we asked for stands. Returns true when it still runs. */
static bool elect_attempt(struct kqd_elect *e, const struct kqd_elect_input *in,
			  enum kqd_elect_action *action)
{
	uint64_t since = e->campaign_ns ? e->campaign_ns : e->asked_ns;
	bool late = in->now_ns - since >= e->election_ms * 1000000ULL;

	switch (in->canvass) {
	case KQUORUM_CANVASS_WON:
		if (!e->campaign_ns && in->may_win) {
			e->campaign_ns = in->now_ns;
			*action = KQD_ELECT_CAMPAIGN;
			return true;
		}
		break;	/* the campaign was refused, the status is older than it, or all changed */
	case KQUORUM_CAMPAIGN_WON:
		/* Won, and not the leader: it has stepped down again. */
	case KQUORUM_CANVASS_NONE:
	case KQUORUM_CANVASS_LOST:
	case KQUORUM_CAMPAIGN_LOST:
		late = true;
		break;
	}
	if (late)
		elect_lost(e, in->now_ns);
	return !late;
}

/* A leader is there and was heard in time. */
static void elect_quiet(struct kqd_elect *e, const struct kqd_elect_input *in, uint64_t election_ns,
			uint64_t *next_ns)
{
	elect_forget_attempt(e);
	e->lost = 0;
	if (e->timeout_ns < election_ns) {
		e->timeout_ns = elect_draw(e, election_ns, 2 * election_ns) + in->yield_ns;
		e->not_before_ns = 0;
	}
	if (in->carrier_lost && e->timeout_ns >= election_ns + in->yield_ns + election_ns / 8)
		e->timeout_ns = elect_draw(e, election_ns, election_ns + election_ns / 8) +
			in->yield_ns;
	*next_ns = in->now_ns;
	if (e->timeout_ns > in->silence_ns)
		*next_ns += e->timeout_ns - in->silence_ns;
}

/* Somebody, perhaps we, took a new term. */
static void elect_new_term(struct kqd_elect *e, const struct kqd_elect_input *in,
			   uint64_t election_ns)
{
	bool first = e->term == UINT64_MAX;

	e->term = in->term;
	if (e->campaign_ns)
		return;		/* most likely it is ours; if not, it will be lost */
	if (e->timeout_ns >= election_ns)
		e->timeout_ns = 0;	/* new leader, new draw */
	if (!first)
		elect_not_before(e, in->now_ns + elect_draw(e, election_ns / 2, election_ns));
}

/* Other settings: what was drawn by the old ones is drawn anew. */
static void elect_settings(struct kqd_elect *e, const struct kqd_elect_input *in)
{
	if (!in->election_ms || in->election_ms == e->election_ms)
		return;
	if (e->timeout_ns >= e->election_ms * 1000000ULL)
		e->timeout_ns = 0;
	e->election_ms = in->election_ms;
}

/**
 * kqd_elect_step() - decide from the present status
 * @e: what is remembered between the steps
 * @in: the present status
 * @next_ns: when to call again at the latest, on the clock of @in->now_ns;
 *	UINT64_MAX: with the next change of the status
 *
 * To be called at each change of the status and at @next_ns. An action that the
 * kernel refuses needs no report: the next steps find no result and back off.
 *
 * Context: Any.
 * Return: what to ask of the kernel now.
 */
enum kqd_elect_action kqd_elect_step(struct kqd_elect *e, const struct kqd_elect_input *in,
				     uint64_t *next_ns)
{
	enum kqd_elect_action action = KQD_ELECT_NOTHING;
	uint64_t election_ns;

	elect_settings(e, in);
	election_ns = e->election_ms * 1000000ULL;
	*next_ns = UINT64_MAX;
	if (in->term != e->term)
		elect_new_term(e, in, election_ns);
	if (in->state != KQUORUM_NODE_RUNNING || in->role == KQUORUM_LEADER) {
		elect_forget_attempt(e);
		e->lost = 0;
		e->timeout_ns = 0;
		e->not_before_ns = 0;
		return KQD_ELECT_NOTHING;
	}
	if (in->silence_ns < (e->timeout_ns > election_ns ? e->timeout_ns : election_ns)) {
		elect_quiet(e, in, election_ns, next_ns);
		if (in->now_ns < *next_ns)
			return KQD_ELECT_NOTHING;
		*next_ns = UINT64_MAX;
	}
	/* A daemon that was started anew adopts what its forerunner asked for. */
	if (!e->asked_ns && (in->canvass == KQUORUM_CANVASS_RUNNING ||
			     in->canvass == KQUORUM_CAMPAIGN_RUNNING)) {
		e->asked_ns = in->now_ns;
		e->campaign_ns = in->canvass == KQUORUM_CAMPAIGN_RUNNING ? in->now_ns : 0;
	}
	if (e->asked_ns && elect_attempt(e, in, &action)) {
		*next_ns = (e->campaign_ns ? e->campaign_ns : e->asked_ns) + election_ns;
		return action;
	}
	if (in->wait_left_ns || !in->may_win) {
		/* Drawn anew when it is over, for the others will be free at the same moment. */
		e->timeout_ns = 0;
		if (in->wait_left_ns)
			*next_ns = in->now_ns + in->wait_left_ns;
		return KQD_ELECT_NOTHING;
	}
	if (!e->timeout_ns) {
		e->timeout_ns = 1;
		elect_not_before(e, in->now_ns + elect_draw(e, election_ns / 10, election_ns / 2) +
				 in->yield_ns);
	}
	if (in->now_ns < e->not_before_ns) {
		*next_ns = e->not_before_ns;
		return KQD_ELECT_NOTHING;
	}
	e->asked_ns = in->now_ns;
	e->campaign_ns = 0;
	*next_ns = in->now_ns + election_ns;
	return KQD_ELECT_CANVASS;
}
