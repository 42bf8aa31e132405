// SPDX-License-Identifier: GPL-2.0
/*
 * Why a node does not serve, and what to do about it, from its status alone.
 * A pure function of the status, so that every line of it is tested.
 */
#include <inttypes.h>
#include <string.h>

#include "say.h"

/*
 * So wide may the names of missing nodes be, for what to do about it stands on the same line.
 */
#define MISSING_COLUMNS 50
#define SNAPSHOT_COLUMNS 28

/* Who is away for so long may not just be starting again. */
#define GONE_NS	(60 * NS_PER_SEC)

/* So the reason begins when the log is good, and what it goes on from cannot be had. */
#define STATELESS "snapshot: "

/* "n1=10.0.0.1:7420" of this node, as far as that is known. */
static const char *self_at(const struct kquorum_status *st, char *buf, size_t size)
{
	const struct kquorum_peer_status *self = kquorum_status_peer(st, st->node_id);
	char address[2 * KQUORUM_ADDRESS_MAX];

	if (self && self->name[0] && self->address[0])
		snprintf(buf, size, "%s=%s", self->name,
			 shell_quote(address, sizeof(address), self->address));
	else
		snprintf(buf, size, "NAME=ADDR");
	return buf;
}

/* How another machine, or this one without its files, gets this node's place; to be copied. */
static void say_replace(struct text *t, const struct kquorum_status *st)
{
	char at[256];

	self_at(st, at, sizeof(at));
	say(t, "  on the leader: kquorum member replace %.*s %s\n", (int)strcspn(at, "="), at, at);
}

/* What it lacks other nodes have: it gets that by itself. */
static void why_stateless(struct text *t, const struct kquorum_status *st)
{
	say_wrapped(t, "this node has no state, for its snapshot cannot be had: %s",
		    st->reason + strlen(STATELESS));
	say(t, "  it does not lead or serve; the others go on. It mends itself: the leader's kquorumd sends it\n"
	       "  another one. Should that not come, the log of kquorumd, here and there, says why. Or bring the\n"
	       "  file back (kquorum stop; kquorum start), or let a new node take its place:\n");
	say_replace(t, st);
	say(t, "  (when a majority is gone for good: kquorum recover, on a node that has its state)\n");
}

/* "n2, n3": those of @nodes that can be reached. */
static const char *names_of(const struct kquorum_status *st, uint32_t nodes, char *buf, size_t size)
{
	unsigned int i, at = 0;

	buf[0] = '\0';
	for (i = 0; i < st->n_peers && at < size; i++)
		if (nodes & node_bit(st->peers[i].id))
			at += snprintf(buf + at, size - at, "%s%s", at ? ", " : "",
				       node_name(st, st->peers[i].id));
	return buf;
}

static uint32_t connected(const struct kquorum_status *st)
{
	uint32_t nodes = 0;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].connected)
			nodes |= node_bit(st->peers[i].id);
	return nodes;
}

/* Entries are missing, and it fetches them: how far is it, and what stands in its way? */
static void why_repair(struct text *t, const struct kquorum_status *st)
{
	const struct kquorum_disk_status *d = &st->disk;
	uint32_t there = connected(st);
	char names[400];

	say_wrapped(t, "this node repairs its log, which is damaged in segment-%04u at byte %" PRIu64
		    ": %" PRIu64 " of %" PRIu64 " entries that were lost are back",
		    d->segment, d->offset_bytes, d->to_repair - d->missing, d->to_repair);
	if (d->missing && node_count(st->voters | st->outgoing | st->learners) == 1) {
		say(t, "  there is no other member that might have the rest: bring the files back, or take what is there\n"
		       "  (kquorum recover) or a backup (kquorum snapshot restore)\n");
	} else if (d->missing && !there) {
		say(t, "  the other members have the rest, and none of them can be reached:\n");
	} else if (d->missing && !(there & ~d->lacks)) {
		say_wrapped(t, "  entry %" PRIu64 " has been lost here, and %s %s not got it either",
			    d->missing_from, names_of(st, d->lacks & there, names, sizeof(names)),
			    node_count(d->lacks & there) > 1 ? "have" : "has");
		say(t, "  a leader sends a snapshot that stands for it. Where there is no leader, start the members\n"
		       "  that are down; what none of them has is lost: kquorum recover, on the node with the most\n");
	} else {
		say(t, "  until then it does not lead or serve; the others go on, and nothing has to be done.\n"
		       "  Check the disk: what has gone bad once may do so again\n");
	}
}

static void why_state(struct text *t, const struct kquorum_status *st)
{
	switch (st->state) {
	case KQUORUM_NODE_RECOVERING:
		say(t, "this node still reads its log\n");
		break;
	case KQUORUM_NODE_DAMAGED:
		if (!strncmp(st->reason, STATELESS, strlen(STATELESS))) {
			why_stateless(t, st);
			break;
		}
		if (st->disk.to_repair) {
			why_repair(t, st);
			break;
		}
		say(t, "this node's log is damaged in segment-%04u at byte %" PRIu64 "%s%s\n",
		    st->disk.segment, st->disk.offset_bytes, st->reason[0] ? ": " : "", st->reason);
		say(t, "  it does not lead or serve; the others go on. Check the disk and keep a copy of the files.\n"
		       "  What it had last, and whom it voted for, is not known, so it cannot be repaired from the\n"
		       "  others; and it must not come back empty, for it would forget what it acknowledged: bring\n"
		       "  the files back, or leave it down (kquorum stop), and let a new node take its place:\n");
		say_replace(t, st);
		say(t, "  (when a majority is gone for good: kquorum recover, best on a node without damage)\n");
		break;
	case KQUORUM_NODE_FAILED:
		say(t, "this node has failed%s%s\n", st->reason[0] ? ": " : "", st->reason);
		if (strstr(st->reason, "acknowledged log entries are gone")) {
			say(t, "  these files are older than what it said it had: leave it down (kquorum stop), the others\n"
			       "  go on. Bring the newest files back, or let a new node take its place:\n");
			say_replace(t, st);
		} else {
			say(t, "  look at dmesg and the disk, then:\n"
			       "  kquorum stop; kquorum start\n");
		}
		break;
	case KQUORUM_NODE_STOPPING:
		say(t, "this node is stopping\n");
		break;
	default:
		break;
	}
}

static void why_disk(struct text *t, const struct kquorum_status *st)
{
	const struct kquorum_disk_status *d = &st->disk;
	char a[FORMAT_MAX], b[FORMAT_MAX];
	unsigned int percent = d->capacity_bytes ? d->used_bytes * 100.0 / d->capacity_bytes : 0;

	switch (d->state) {
	case KQUORUM_DISK_SLOW:
		say(t, "the disk is slow: a log write has been under way for %s\n",
		    format_duration(a, d->write_age_ns));
		break;
	case KQUORUM_DISK_LOW:
		say(t, "the log is %u%% full (%s of %s)\n"
		       "  kquorumd saves a snapshot, which makes room; should it stay so, its log says why\n",
		    percent, format_bytes(a, d->used_bytes), format_bytes(b, d->capacity_bytes));
		break;
	case KQUORUM_DISK_FULL:
		say(t, "the log is full (%s of %s): nothing new is stored here; votes and the rest go on\n"
		       "  a snapshot makes room: should kquorumd not save one, its log says why\n",
		    format_bytes(a, d->used_bytes), format_bytes(b, d->capacity_bytes));
		break;
	case KQUORUM_DISK_FAILED:
		say(t, "the disk failed: %s in segment-%04u at byte %" PRIu64 "\n"
		       "  this node stores nothing until it is restarted\n",
		    strerror(d->error < 0 ? -d->error : d->error), d->segment, d->offset_bytes);
		break;
	default:
		break;
	}
	if (d->damaged_places && !d->to_repair && st->state == KQUORUM_NODE_RUNNING)
		say(t, "at its start this node's log was damaged in %u place%s; it has all that was in it again. Check\n"
		       "  the disk: what has gone bad once may do so again\n", d->damaged_places,
		    d->damaged_places == 1 ? "" : "s");
	if (d->torn_bytes)
		say(t, "recovery cut off %s of an unfinished last write (as after a power cut; nothing acknowledged)\n",
		    format_bytes(a, d->torn_bytes));
}

/* "n3 at 10.0.0.3:7420", as far as that is known. */
static const char *who(const struct kquorum_status *st, const struct kquorum_peer_status *p,
		       char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", node_name(st, p->id), p->address[0] ? " at " : "",
		 p->address);
	return buf;
}

static void why_peer(struct text *t, const struct kquorum_status *st,
		     const struct kquorum_peer_status *p)
{
	char a[FORMAT_MAX], seen[FORMAT_MAX + 24] = "", name[160];

	who(st, p, name, sizeof(name));
	if (p->connected && p->stranger) {
		say_stranger(t, st, p);
		return;
	}
	if (p->connected && node_is_silent(st, p)) {
		say_wrapped(t, "  %s is connected, but has been silent for %s", name,
			    format_duration(a, p->seen_ns));
		return;
	}
	if (p->connected) {
		say_wrapped(t, "  %s says that its %s", name,
			    p->flags & KQUORUM_PEERF_FAULTY ? "disk or log is faulty" : "log is full");
		return;
	}
	if (p->seen_ns != KQUORUM_NEVER && p->seen_ns)
		snprintf(seen, sizeof(seen), ", last seen %s ago", format_duration(a, p->seen_ns));
	say_wrapped(t, "  %s is not connected%s%s%s", name, p->reason[0] ? ": " : "", p->reason,
		    seen);
	say_way_out(t, st, p);
}

/* @down: how many did not answer at all. */
static void say_start(struct text *t, unsigned int down)
{
	if (down)
		say(t, down > 1 ? "  are they up (kquorum start there), and are their ports open?\n" :
		    "  is it up (kquorum start there), and is its port open?\n");
}

/* Who of @nodes, this one apart, is not live, a line for each. */
static void why_nodes(struct text *t, const struct kquorum_status *st, uint32_t nodes)
{
	unsigned int i, down = 0;

	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->id == st->node_id || !(nodes & node_bit(p->id)) || node_is_live(st, p))
			continue;
		why_peer(t, st, p);
		down += !p->connected && !reason_helps(p->reason);
	}
	say_start(t, down);
}

/* @which: "old " or "new " in a joint configuration. */
static void why_too_few(struct text *t, const struct kquorum_status *st, const char *which,
			uint32_t voters)
{
	if (nodes_spare(st, voters) < 0)
		say(t, "only %u of %u %svoters can be reached and work, %u are needed%s:\n",
		    node_count(nodes_live(st, voters)), node_count(voters), which,
		    nodes_majority(voters), *which ? " (a change is under way)" : "");
}

static bool long_gone(const struct kquorum_peer_status *p)
{
	return p->seen_ns != KQUORUM_NEVER && p->seen_ns >= GONE_NS;
}

static bool all_long_gone(const struct kquorum_status *st, uint32_t nodes)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (nodes & node_bit(st->peers[i].id) && !long_gone(&st->peers[i]))
			return false;
	return true;
}

static void why_voters(struct text *t, const struct kquorum_status *st)
{
	uint32_t voters = st->voters | st->outgoing, live = nodes_live(st, voters);

	why_too_few(t, st, st->outgoing ? "new " : "", st->voters);
	if (st->outgoing)
		why_too_few(t, st, "old ", st->outgoing);
	if (status_has_majority(st) && live != voters)
		say(t, "%u of %u voters can be reached and work, which is enough; the others:\n",
		    node_count(live), node_count(voters));
	why_nodes(t, st, voters);
	if (!status_has_majority(st) && all_long_gone(st, voters & ~live))
		say(t, "  should too few come back, ever: kquorum recover says what that loses, and does it\n");
}

static bool others_founded(const struct kquorum_status *st, uint32_t nodes)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (nodes & node_bit(st->peers[i].id) && !st->peers[i].connected &&
		    strstr(st->peers[i].reason, "of another cluster"))
			return true;
	return false;
}

/* There is no configuration yet, and so nobody who could vote. */
static void why_begin(struct text *t, const struct kquorum_status *st)
{
	uint32_t missing = st->founders & ~node_bit(st->node_id);
	unsigned int i, first = 0;

	if (st->last_index || st->term > 1) {
		say(t, "this node does not know the configuration yet: the leader tells it\n");
		return;
	}
	say(t, "this node's log is empty; a new cluster begins when all of its first nodes are there at once\n");
	for (i = 0; i < st->n_peers; i++) {
		if (!first && st->founders & node_bit(st->peers[i].id))
			first = st->peers[i].id;
		if (st->peers[i].connected)
			missing &= ~node_bit(st->peers[i].id);
	}
	why_nodes(t, st, missing);
	if (others_founded(st, missing))
		say(t, "  did this machine belong to their cluster, and lost its disk? It does not begin anew: on the\n"
		       "  leader there, kquorum member replace (or add), then here what that prints, with --force\n");
	if (!missing && first)
		say(t, "  all are connected to this one; %s, the first of them, begins it: see its status\n",
		    node_name(st, first));
}

/* Its files are empty, and the mark beside them says that they have been something else. */
static void why_lost(struct text *t, const struct kquorum_status *st)
{
	char at[256];

	say(t, "this node's log is empty, but its cluster has begun: the log was lost\n"
	       "  bring its files back; or, where the others go on, have it made anew, on the leader:\n"
	       "  kquorum member replace %s %s\n", node_name(st, st->node_id), self_at(st, at, sizeof(at)));
	say(t, "  if there are no others: kquorum snapshot restore makes a new cluster from a backup\n");
}

/* It was made for a cluster that runs, in which it has no place yet. */
static void why_joins(struct text *t, const struct kquorum_status *st)
{
	unsigned int i, connected = 0;
	uint32_t members = 0;
	char at[256];

	self_at(st, at, sizeof(at));
	say(t, "this node waits to be taken in: the kquorum member add or replace that printed its line does it,\n");
	say(t, "  on the leader; should it have ended, the same again with --id %u:\n"
	       "  kquorum member add %s --id %u\n", st->node_id, at, st->node_id);
	say(t, "  or, when it takes the place of another: kquorum member replace OLD %s --id %u\n", at,
	    st->node_id);
	for (i = 0; i < st->n_peers; i++) {
		if (st->peers[i].id == st->node_id)
			continue;
		connected += st->peers[i].connected;
		if (st->peers[i].member)
			members |= node_bit(st->peers[i].id);
	}
	if (connected)
		return;
	say(t, "no member is connected to this node:\n");
	why_nodes(t, st, members);
}

static void why_left(struct text *t)
{
	say(t, "this node has left the cluster, and takes no part any more: kquorum stop ends it\n"
	       "  to come back it is made anew: kquorum member add, on the leader, prints the line for that\n"
	       "  (with --force, for there are files here)\n");
}

/* Its address was changed in the configuration, and in its kquorum.conf not yet. */
static void why_elsewhere(struct text *t, const struct kquorum_status *st,
			  const struct kquorum_peer_status *self)
{
	say_wrapped(t, "this node %s, %s", self->reason, self->address);
	say_wrapped(t, "  in its kquorum.conf: listen = %s and advertise = %s, then systemctl reload "
		    "kquorumd (or pkill -HUP kquorumd)", self->address, self->address);
	say_wrapped(t, "  should that address be wrong: kquorum member set-address %s ADDR, on the leader",
		    node_name(st, st->node_id));
}

/* Of itself a node says why it takes no connections, or what is wrong with its snapshots. */
static void why_self(struct text *t, const struct kquorum_status *st)
{
	const struct kquorum_peer_status *self = kquorum_status_peer(st, st->node_id);

	if (!self || !self->reason[0])
		return;
	if (!strncmp(self->reason, "listens on ", 11))
		why_elsewhere(t, st, self);
	else if (!strncmp(self->reason, "another ", 8))
		say_knock(t, st, self->reason);
	else if (strncmp(self->reason, "cannot listen ", 14))
		say_wrapped(t, "%s", self->reason);
	else
		say(t, "this node %s\n"
		       "  others connect to it there: free the port, or correct kquorum.conf and\n"
		       "  systemctl reload kquorumd (or pkill -HUP kquorumd)\n", self->reason);
}

/* Which snapshots are on their way, and how much of them is there. */
static void say_transits(struct text *t, const struct kquorum_status *st)
{
	char there[FORMAT_MAX], all[FORMAT_MAX];
	unsigned int i;

	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->transit.index)
			say(t, "the snapshot of index %" PRIu64 " %s %s: %s of %s\n", p->transit.index,
			    p->transit.comes ? "comes from" : "is on its way to", node_name(st, p->id),
			    format_bytes(there, p->transit.done_bytes),
			    format_bytes(all, p->transit.bytes));
	}
}

/* Who lacks what is gone from the log, at the leader. */
static void say_snapshots(struct text *t, const struct kquorum_status *st)
{
	uint32_t nodes = 0;
	unsigned int i;
	char names[128];

	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].needs_snapshot)
			nodes |= node_bit(st->peers[i].id);
	if (!nodes)
		return;
	nodes_names(st, nodes, SNAPSHOT_COLUMNS, names, sizeof(names));
	say(t, "%s need%s a snapshot, the log begins behind what %s: %s\n", names,
	    node_count(nodes) > 1 ? "" : "s", node_count(nodes) > 1 ? "they have" : "it has",
	    st->daemon ? "kquorumd sends it" : "nobody sends it");
}

/* Who has been away for longer than a reboot may be gone for good; at the leader, which knows. */
static void say_replace_lost(struct text *t, const struct kquorum_status *st, uint32_t missing)
{
	unsigned int i;

	for (i = 0; st->role == KQUORUM_LEADER && i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (!(missing & node_bit(p->id)) || p->connected || !long_gone(p))
			continue;
		say(t, "  should it be gone for good, or its disk: kquorum member replace %s NAME=ADDR\n",
		    node_name(st, p->id));
		return;
	}
}

void status_missing(const struct kquorum_status *st, char *buf, size_t size)
{
	uint32_t members = status_members(st), missing = members & ~nodes_live(st, members);
	struct text t = { buf, size, 0 };
	unsigned int i, down = 0;
	char names[128];

	buf[0] = '\0';
	if (!st->quorum || st->state != KQUORUM_NODE_RUNNING || !status_is_member(st, st->node_id))
		return;
	for (i = 0; i < st->n_peers; i++)
		down += missing & node_bit(st->peers[i].id) && !st->peers[i].connected &&
			!reason_helps(st->peers[i].reason);
	nodes_missing(st, missing, MISSING_COLUMNS, names, sizeof(names));
	if (names[0])
		say(&t, "without %s: %s\n", names, down ? "kquorum start there, or open the port" :
		    "kquorum status there says why");
	say_replace_lost(&t, st, missing);
	say_snapshots(&t, st);
	/* Who is no member, and would be connected but for a reason, may be about to join. */
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->id != st->node_id && (p->connected ? p->stranger : reason_helps(p->reason)))
			why_peer(&t, st, p);
	}
	say_waiting(&t, st);
}

/* All is well with disk, state and peers, or nearly: then it is the election. */
static void why_election(struct text *t, const struct kquorum_status *st)
{
	char a[FORMAT_MAX];

	if (st->wait_left_ns)
		say(t, "this node was restarted and may not vote or stand for another %s: it may have promised otherwise\n",
		    format_duration(a, st->wait_left_ns));
	switch (st->canvass) {
	case KQUORUM_CANVASS_RUNNING:
	case KQUORUM_CAMPAIGN_RUNNING:
	case KQUORUM_CANVASS_WON:
		say(t, "an election is under way (%s)\n", canvass_name(st->canvass));
		break;
	case KQUORUM_CANVASS_LOST:
	case KQUORUM_CAMPAIGN_LOST:
		/* Whom nobody could ask has not refused. */
		if (status_has_majority(st))
			say(t, "the others did not vote for this node: they hear a leader, have a longer log or\n"
			       "  wait after a restart\n");
		break;
	default:
		break;
	}
	if (st->leader && st->silence_ns != KQUORUM_NEVER)
		say(t, "leader %s has not been heard of for %s\n", node_name(st, st->leader),
		    format_duration(a, st->silence_ns));
}

/* Who does not take part hears nothing of the others, and that is no news of them. */
static void why_cluster(struct text *t, const struct kquorum_status *st)
{
	char change[512];

	if (status_left(st)) {
		why_left(t);
	} else if (status_lost(st)) {
		why_lost(t, st);
	} else if (status_joins(st)) {
		why_joins(t, st);
	} else if (!st->quorum && !st->conf_index) {
		why_begin(t, st);
	} else if (!st->quorum) {
		why_voters(t, st);
		why_election(t, st);
	}
	status_change(st, change, sizeof(change));
	if (change[0] && !status_left(st))
		say(t, "%s\n", change);
}

/* Two clocks that differ do not say which of them is off; their leader knows by the others. */
static void why_clock(struct text *t, const struct kquorum_status *st,
		      const struct kquorum_peer_status *p)
{
	say(t, "the clock of %s differs from this node's by %+d to %+d ppm, rates are to be within %u (drift_ppm):\n",
	    node_name(st, p->id), p->rate_min_ppm, p->rate_max_ppm, st->settings.drift_ppm);
	if (st->role != KQUORUM_LEADER)
		say(t, "  one of the two is off, kquorum status on %s says which\n", node_name(st, p->id));
	else
		say(t, "  it gets no lease, and so no locks, until that has passed; look at its clock source, or\n"
		       "  allow for more: kquorum settings set drift=PPM\n");
}

static void why_clocks(struct text *t, const struct kquorum_status *st)
{
	unsigned int i;

	if (st->clock_off)
		say(t, "this node's clock is too %s for most of the others: it does not lead until that has passed;\n"
		       "  look at its clock source\n", st->clock_off > 0 ? "fast" : "slow");
	for (i = 0; i < st->n_peers && !st->clock_off; i++)
		if (st->peers[i].clock_off)
			why_clock(t, st, &st->peers[i]);
}

void status_why(const struct kquorum_status *st, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	buf[0] = '\0';
	why_state(&t, st);
	why_disk(&t, st);
	why_self(&t, st);
	why_clocks(&t, st);
	say_transits(&t, st);
	if (st->state == KQUORUM_NODE_RUNNING)
		why_cluster(&t, st);
	if (!st->daemon)
		say(&t, "no daemon has this node: %s (kquorum start)\n",
		    st->quorum ? "what runs goes on, a lost link or leader is not replaced" :
		    "nobody connects it or stands for election");
	if (!st->quorum && !t.at)
		say(&t, "no leader is known yet%s%s\n", st->reason[0] ? ": " : "", st->reason);
	else if (st->reason[0] && st->state == KQUORUM_NODE_RUNNING && !st->quorum)
		say(&t, "last refused: %s\n", st->reason);
}
