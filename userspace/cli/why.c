// SPDX-License-Identifier: GPL-2.0
/*
 * Why a node does not serve, and what to do about it, from its status alone.
 * A pure function of the status, so that every line of it is tested.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli.h"

/*
 * So wide may the names of missing nodes be, for what to do about it stands on the same
 * line; narrower by the words that stand for those left out (" and 13 more").
 */
#define MISSING_COLUMNS 58
#define MORE_COLUMNS 14

struct text {
	char *buf;
	size_t size, at;
};

__attribute__((format(printf, 2, 3)))
static void say(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->at >= t->size)
		return;
	va_start(ap, format);
	n = vsnprintf(t->buf + t->at, t->size - t->at, format, ap);
	va_end(ap);
	t->at += n;
}

/*
 * Who must have answered by now: everyone to the leader's heartbeats, and to a node
 * without a leader that asks around. Followers have nothing to tell each other, and
 * who waits after a restart asks nobody.
 */
static bool is_silent(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	uint64_t election_ms = st->settings.election_ms ? st->settings.election_ms :
		KQUORUM_DEFAULT_ELECTION_MS;

	if (st->quorum ? st->role != KQUORUM_LEADER : st->wait_left_ns > 0)
		return false;
	return p->seen_ns != KQUORUM_NEVER && p->seen_ns > 3 * election_ms * NS_PER_MS;
}

static bool is_live(const struct kquorum_status *st, const struct kquorum_peer_status *p)
{
	if (p->id == st->node_id)
		return st->state == KQUORUM_NODE_RUNNING;
	return p->connected && !is_silent(st, p) && !(p->flags & (KQUORUM_PEERF_FAULTY | KQUORUM_PEERF_LOG_FULL));
}

static unsigned int count_live(const struct kquorum_status *st)
{
	unsigned int i, live = 0;

	for (i = 0; i < st->n_peers; i++)
		live += is_live(st, &st->peers[i]);
	return live;
}

unsigned int status_may_lose(const struct kquorum_status *st)
{
	unsigned int live = count_live(st), majority = st->n_peers / 2 + 1;

	return st->quorum && live > majority ? live - majority : 0;
}

static void why_state(struct text *t, const struct kquorum_status *st)
{
	switch (st->state) {
	case KQUORUM_NODE_RECOVERING:
		say(t, "this node still reads its log\n");
		break;
	case KQUORUM_NODE_DAMAGED:
		say(t, "this node's log is damaged in segment-%04u at byte %" PRIu64 "%s%s\n",
		    st->disk.segment, st->disk.offset_bytes, st->reason[0] ? ": " : "", st->reason);
		say(t, "  it does not lead or serve; the others go on. Check the disk and keep a copy of the files.\n"
		       "  It cannot be repaired from the others yet, and must not come back empty, for it would\n"
		       "  forget what it acknowledged: bring the files back, or leave it down (kquorum stop), or\n"
		       "  make the cluster anew: kquorum init --force with a new --cluster-id on all nodes\n");
		break;
	case KQUORUM_NODE_FAILED:
		say(t, "this node has failed%s%s\n", st->reason[0] ? ": " : "", st->reason);
		if (strstr(st->reason, "acknowledged log entries are gone"))
			say(t, "  these files are older than what it said it had: leave it down (kquorum stop), the others\n"
			       "  go on; it cannot be brought back into this cluster yet\n");
		else
			say(t, "  look at dmesg and the disk, then:\n"
			       "  kquorum stop; kquorum start\n");
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
		say(t, "the log is %u%% full (%s of %s): make this cluster's log larger before it is full\n",
		    percent, format_bytes(a, d->used_bytes), format_bytes(b, d->capacity_bytes));
		break;
	case KQUORUM_DISK_FULL:
		say(t, "the log is full (%s of %s): nothing new is stored here; votes and the rest go on\n",
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
	if (d->torn_bytes)
		say(t, "recovery cut off %s of an unfinished last write (as after a power cut; nothing acknowledged)\n",
		    format_bytes(a, d->torn_bytes));
}

/* Whether @reason says itself what to look at: a wrong greeting does, a refused dial not. */
static bool reason_helps(const char *reason)
{
	static const char *const vague[] = {
		"Connection refused", "no answer", "timed out", "No route", "unreachable", "is down",
		"reset", "closed the connection", "connection broken", "replaced",
	};
	size_t i;

	for (i = 0; i < sizeof(vague) / sizeof(vague[0]); i++)
		if (strstr(reason, vague[i]))
			return false;
	return reason[0];
}

static void why_peer(struct text *t, const struct kquorum_status *st,
		     const struct kquorum_peer_status *p)
{
	char a[FORMAT_MAX];

	if (p->connected && is_silent(st, p)) {
		say(t, "  %s at %s is connected, but has been silent for %s\n",
		    node_name(st, p->id), p->address, format_duration(a, p->seen_ns));
		return;
	}
	if (p->connected) {
		say(t, "  %s at %s says that its %s\n", node_name(st, p->id), p->address,
		    p->flags & KQUORUM_PEERF_FAULTY ? "disk or log is faulty" : "log is full");
		return;
	}
	say(t, "  %s at %s is not connected%s%s", node_name(st, p->id), p->address,
	    p->reason[0] ? ": " : "", p->reason);
	if (p->seen_ns != KQUORUM_NEVER && p->seen_ns)
		say(t, ", last seen %s ago", format_duration(a, p->seen_ns));
	say(t, "\n");
}

static void why_peers(struct text *t, const struct kquorum_status *st)
{
	unsigned int i, live = count_live(st), majority = st->n_peers / 2 + 1, down = 0;

	if (live < majority)
		say(t, "only %u of %u nodes can be reached and work, %u are needed:\n", live, st->n_peers,
		    majority);
	else if (live < st->n_peers)
		say(t, "%u of %u nodes can be reached and work, which is enough; the others:\n", live,
		    st->n_peers);
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->id == st->node_id || is_live(st, p))
			continue;
		why_peer(t, st, p);
		down += !p->connected && !reason_helps(p->reason);
	}
	if (down)
		say(t, down > 1 ? "  are they up (kquorum start there), and are their ports open?\n" :
		    "  is it up (kquorum start there), and is its port open?\n");
}

/* There is no configuration yet, and so nobody who could vote. */
static void why_begin(struct text *t, const struct kquorum_status *st)
{
	unsigned int i, missing = 0, down = 0;

	if (st->last_index || st->term > 1) {
		say(t, "this node does not know the configuration yet: the leader tells it\n");
		return;
	}
	say(t, "this node's log is empty; a new cluster begins when all of its first nodes are there at once\n");
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->id == st->node_id || p->connected)
			continue;
		why_peer(t, st, p);
		missing++;
		down += !reason_helps(p->reason);
	}
	if (!missing && st->n_peers)
		say(t, "  all are connected to this one; %s, the first of them, begins it: see its status\n",
		    node_name(st, st->peers[0].id));
	if (down)
		say(t, down > 1 ? "  are they up (kquorum start there), and are their ports open?\n" :
		    "  is it up (kquorum start there), and is its port open?\n");
}

/* Of itself a node says why it takes no connections. */
static void why_self(struct text *t, const struct kquorum_status *st)
{
	const struct kquorum_peer_status *self = kquorum_status_peer(st, st->node_id);

	if (self && self->reason[0])
		say(t, "this node %s\n"
		       "  others connect to it there: free the port, or correct kquorum.conf\n", self->reason);
}

/* What is the matter with @p, in a word or two. */
static void format_missing(const struct kquorum_status *st, const struct kquorum_peer_status *p,
			   char *buf, size_t size)
{
	bool silent = p->connected && is_silent(st, p);
	char a[FORMAT_MAX];
	int n;

	n = snprintf(buf, size, "%s (%s", node_name(st, p->id),
		     !p->connected ? (reason_helps(p->reason) ? "refused" : "down") :
		     silent ? "silent" : p->flags & KQUORUM_PEERF_FAULTY ? "faulty" : "log full");
	/* Followers do not talk to each other: the age of a last word would mislead. */
	if (st->role == KQUORUM_LEADER && p->seen_ns != KQUORUM_NEVER &&
	    (silent || (!p->connected && !reason_helps(p->reason))))
		n += snprintf(buf + n, size - n, silent ? " for %s" : ", heard %s ago",
			      format_duration(a, p->seen_ns));
	snprintf(buf + n, size - n, ")");
}

void status_missing(const struct kquorum_status *st, char *buf, size_t size)
{
	unsigned int i, left = st->n_peers - count_live(st), named = 0, down = 0;
	struct text t = { buf, size, 0 };

	buf[0] = '\0';
	if (!st->quorum || st->state != KQUORUM_NODE_RUNNING || !left)
		return;
	say(&t, "without ");
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];
		unsigned int room = left > 1 ? MISSING_COLUMNS - MORE_COLUMNS : MISSING_COLUMNS;
		char one[80];

		if (p->id == st->node_id || is_live(st, p))
			continue;
		down += !p->connected && !reason_helps(p->reason);
		format_missing(st, p, one, sizeof(one));
		/* It stays one line that fits; the table has them all. */
		if (named && t.at + strlen(one) > room)
			continue;
		say(&t, "%s%s", named++ ? ", " : "", one);
		left--;
	}
	if (left)
		say(&t, " and %u more", left);
	say(&t, down ? ": kquorum start there, or open the port\n" :
	    ": kquorum status there says why\n");
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		if (p->id != st->node_id && !p->connected && reason_helps(p->reason))
			why_peer(&t, st, p);
	}
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
		if (count_live(st) > st->n_peers / 2)
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

void status_why(const struct kquorum_status *st, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	buf[0] = '\0';
	why_state(&t, st);
	why_disk(&t, st);
	why_self(&t, st);
	/* Who does not take part hears nothing of the others, and that is no news of them. */
	if (!st->quorum && st->state == KQUORUM_NODE_RUNNING) {
		if (st->conf_index) {
			why_peers(&t, st);
			why_election(&t, st);
		} else {
			why_begin(&t, st);
		}
	}
	if (!st->daemon)
		say(&t, "no daemon has this node: %s (kquorum start)\n",
		    st->quorum ? "what runs goes on, a lost link or leader is not replaced" :
		    "nobody connects it or stands for election");
	if (!st->quorum && !t.at)
		say(&t, "no leader is known yet%s%s\n", st->reason[0] ? ": " : "", st->reason);
	else if (st->reason[0] && st->state == KQUORUM_NODE_RUNNING && !st->quorum)
		say(&t, "last refused: %s\n", st->reason);
}
