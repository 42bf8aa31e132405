// SPDX-License-Identifier: GPL-2.0
/*
 * How far snapshots are on their way, for the status. Told now and then only: it is for people.
 */
#include "daemon.h"

#define TRANSIT_TELL_NS	(KQD_NS_PER_SEC / 2)

/**
 * kqd_transit_tell() - a snapshot is on its way
 * @p: to or from whom
 * @t: how far it is
 *
 * That the module cannot be told is seen at the next command that matters.
 */
void kqd_transit_tell(struct kqd_peer *p, const struct kqd_transit *t)
{
	uint64_t now = kqd_now_ns();

	if (p->transit_told_ns && now - p->transit_told_ns < TRANSIT_TELL_NS && t->done < t->bytes)
		return;
	p->transit_told_ns = now;
	kqd_genl_transit(&p->d->genl, p->id, t);
}

/**
 * kqd_transit_end() - it has arrived, or does not come, or begins again later
 * @p: to or from whom it was on its way, if it was
 */
void kqd_transit_end(struct kqd_peer *p)
{
	if (!p->transit_told_ns)
		return;
	p->transit_told_ns = 0;
	if (p->d->have_node)
		kqd_genl_transit(&p->d->genl, p->id, NULL);
}
