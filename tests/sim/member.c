// SPDX-License-Identifier: GPL-2.0
/*
 * An operator who changes the configuration: who votes, who learns, who is no member, and what
 * they are called.
 */
#include <stdio.h>

#include <linux/kquorum.h>
#include "check.h"
#include "sim.h"

/* Who comes back is called as it was, or is taken for another. */
static void name_member(struct sim *s, struct kq_conf_change *change, u32 id, bool joins)
{
	struct kquorum_conf_member *m = &change->member;

	change->id = id;
	if (joins && s->left[id].name[0] && sim_chance(s, 50))
		memcpy(m->name, s->left[id].name, sizeof(m->name));
	else
		snprintf(m->name, sizeof(m->name), "n%u-%u", id, (u32)sim_below(s, 3));
	snprintf(m->address, sizeof(m->address), "10.0.0.%u:7420", id);
	if (change->to.learners & kq_node_bit(id) && sim_chance(s, 60))
		m->flags = KQUORUM_CONF_PROMOTE;
	m->priority = sim_chance(s, 50) ? KQUORUM_PRIORITY_DEFAULT :
		sim_below(s, KQUORUM_PRIORITY_MAX + 1);
	if (sim_chance(s, 30))
		m->flags |= KQUORUM_CONF_WITNESS;
}

/* One of those in it, rather one that joins, is named, and may get a vote when it has caught up. */
static void name_one(struct sim *s, const struct sim_node *n, struct kq_conf_change *change)
{
	kq_nodes members = kq_conf_members(&change->to);
	kq_nodes joining = members & ~kq_conf_members(&n->core->conf);
	u32 id = kq_node_next(joining, 0);

	if (!id || sim_chance(s, 5))
		id = 1 + sim_below(s, s->d.nodes);
	if (members & kq_node_bit(id))
		name_member(s, change, id, joining & kq_node_bit(id));
}

/*
 * Whose files are not what the cluster counts on leaves, before it can come back; and nobody takes in
 * a machine whose disk has gone bad.
 */
static void leave_out(const struct sim *s, struct kq_conf *to)
{
	u32 id;

	to->outgoing = 0;
	for (id = 1; id <= s->d.nodes; id++) {
		const struct sim_node *n = &s->node[id];

		bool member = kq_conf_has(&s->conf, id);

		if (!n->set_back && !(n->wiped && member) && (member || !sim_disk_bad(s, n)))
			continue;
		to->voters &= ~kq_node_bit(id);
		to->learners &= ~kq_node_bit(id);
	}
}

/* Some nodes shall have another part from now on. */
static void change_members(struct sim *s, struct sim_node *n)
{
	u32 count = sim_range(s, 0, 3);
	struct kq_conf_change change = { .to = n->core->conf };
	struct kq_conf *to = &change.to;
	int err;

	while (count--) {
		kq_nodes bit = kq_node_bit(1 + sim_below(s, s->d.nodes));

		to->voters &= ~bit;
		to->learners &= ~bit;
		switch (sim_below(s, 4)) {
		case 0:
			break;
		case 1:
			to->learners |= bit;
			break;
		default:
			to->voters |= bit;
		}
	}
	leave_out(s, to);
	/* Who joins without a name is refused. */
	if (sim_chance(s, kq_conf_members(to) & ~kq_conf_members(&n->core->conf) ? 95 : 70))
		name_one(s, n, &change);
	if (sim_chance(s, 30))
		change.based_on = n->core->conf_index;
	err = kq_core_reconfigure(n->core, sim_clock(s, n), &change);
	sim_trace(s, n, "is asked for voters %#x, learners %#x: %d", to->voters, to->learners,
		  err);
	check_asked(s, n, &change, err);
	node_out(s, n);
}

/* No fault, but it belongs where faults are. An operator does not wait for the first change. */
void member_strike(struct sim *s, struct sim_node *n)
{
	struct sim_node *l = sim_leader(s);
	u64 life;

	if (l && sim_chance(s, 95))
		n = l;
	if (n->paused_until > s->now)
		return;
	life = n->life;
	do {
		change_members(s, n);
	} while (n->up && n->life == life && sim_chance(s, 30));
}
