// SPDX-License-Identifier: GPL-2.0
/* When a leader hands over to one that should lead rather: see handover.h. */
#include "handover.h"

#define STEADY_TIMEOUTS	5	/* election timeouts; doubled with each time in a row */
#define OFTEN_MAX	6

static uint64_t hold_ns(const struct kqd_handover *h, const struct kqd_handover_input *in)
{
	uint64_t base = in->election_ms * 1000000ULL;

	if (!in->witness)
		base *= STEADY_TIMEOUTS;
	else if (!h->often)
		return 0;
	return base << h->often;
}

/**
 * kqd_handover_step() - shall this node hand over now?
 * @h: what is remembered between the steps; zeroed at first
 * @in: the present state
 * @next_ns: when to call again at the latest, on the clock of @in->now_ns; UINT64_MAX: with the
 *	next change
 *
 * Context: Any.
 * Return: to whom, 0: no. Whether that came about is seen in who leads.
 */
uint32_t kqd_handover_step(struct kqd_handover *h, const struct kqd_handover_input *in,
			   uint64_t *next_ns)
{
	uint64_t hold = hold_ns(h, in);

	*next_ns = UINT64_MAX;
	/* It has lasted: the next time begins from the beginning. */
	if (h->gave_ns && in->now_ns - h->gave_ns > 2 * hold + 64 * in->election_ms * 1000000ULL) {
		h->gave_ns = 0;
		h->often = 0;
		hold = hold_ns(h, in);
	}
	if (!in->leads || !in->successor) {
		h->to = 0;
		return 0;
	}
	if (h->to != in->successor) {
		h->to = in->successor;
		h->since_ns = in->now_ns;
	}
	if (in->now_ns - h->since_ns < hold) {
		*next_ns = h->since_ns + hold;
		return 0;
	}
	h->gave_ns = in->now_ns;
	h->since_ns = in->now_ns;
	if (h->often < OFTEN_MAX)
		h->often++;
	*next_ns = in->now_ns + hold_ns(h, in);
	return h->to;
}
