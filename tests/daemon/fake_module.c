// SPDX-License-Identifier: GPL-2.0
/*
 * In place of userspace/daemon/genl.c: the same calls, answered from shared
 * memory. Elections are won by who asks first with a majority connected.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../userspace/daemon/genl.h"
#include "../../userspace/daemon/loop.h"
#include "fake_module.h"

struct fake_module *fake;
unsigned int fake_self;

void fake_init(void)
{
	pthread_mutexattr_t attr;

	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fake == MAP_FAILED)
		abort();
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&fake->lock, &attr);
	fake_reset();
}

/* All nodes are members, run and know nothing; to be called while no daemon runs. */
void fake_reset(void)
{
	unsigned int i;

	fake->heartbeat_ms = 20;
	fake->election_ms = 200;
	for (i = 1; i <= FAKE_NODES; i++) {
		if (fake->event_fd[i])
			close(fake->event_fd[i]);
		fake->event_fd[i] = eventfd(0, EFD_NONBLOCK);
		fake->node[i] = (struct fake_node) {
			.present = true,
			.state = KQUORUM_NODE_RUNNING,
			.incarnation = 1000 + i,
			.voters = FAKE_ALL,
		};
		snprintf(fake->name[i], sizeof(fake->name[i]), "n%u", i);
		fake->address[i][0] = '\0';
	}
}

/* A daemon that is killed in here must not take the module with it. */
void fake_lock(void)
{
	if (pthread_mutex_lock(&fake->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&fake->lock);
}

void fake_unlock(void)
{
	pthread_mutex_unlock(&fake->lock);
}

/* An eventfd adds up, so one bit says that there was the event of another daemon. */
void fake_wake(unsigned int node, uint32_t bits)
{
	uint64_t one = bits & KQUORUM_EVENT_DAEMON ? 1000000 : 1;

	if (write(fake->event_fd[node], &one, sizeof(one)) != sizeof(one))
		abort();
}

static struct fake_node *self(void)
{
	return &fake->node[fake_self];
}

int kqd_genl_init(struct kqd_genl *g)
{
	memset(g, 0, sizeof(*g));
	return 0;
}

int kqd_genl_resolve(struct kqd_genl *g)
{
	g->family = 1;
	return 0;
}

void kqd_genl_forget(struct kqd_genl *g)
{
	g->family = 0;
}

int kqd_genl_event_fd(const struct kqd_genl *g)
{
	return fake->event_fd[fake_self];
}

uint32_t kqd_genl_events(struct kqd_genl *g)
{
	uint64_t n;

	if (read(fake->event_fd[fake_self], &n, sizeof(n)) != sizeof(n))
		return 0;
	return n >= 1000000 ? KQUORUM_EVENT_DAEMON : KQUORUM_EVENT_PEER;
}

/* Called locked. The members; before there are any, whom the node was started with. */
static void status_members(const struct fake_node *n, struct kqd_status *st)
{
	unsigned int i;

	st->voters = n->voters;
	st->outgoing = n->outgoing;
	st->learners = n->learners;
	st->left = n->left;
	st->eligible = (n->voters | n->outgoing) & 1u << fake_self;
	st->named = kqd_status_members(st) ? kqd_status_members(st) : n->named;
	for (i = 1; i <= FAKE_NODES; i++) {
		if (!(st->named & 1u << i))
			continue;
		strcpy(st->member[i].name, fake->name[i]);
		strcpy(st->member[i].address, fake->address[i]);
	}
}

/* Called locked. Those, and whoever is connected, or is not for a reason. */
static void status_peers(const struct fake_node *n, struct kqd_status *st)
{
	unsigned int i;

	for (i = 1; i <= FAKE_NODES; i++) {
		struct kqd_status_peer *p = &st->peers[st->n_peers];

		if (i == fake_self ||
		    !(st->named & 1u << i || n->connected[i] || n->note[i][0]))
			continue;
		p->id = i;
		strcpy(p->name, st->member[i].name);
		strcpy(p->address, st->member[i].address);
		strcpy(p->reason, n->note[i]);
		p->identity = kqd_status_members(st) & 1u << i ? i : 0;
		p->connected = n->connected[i];
		p->needs = n->role == KQUORUM_LEADER ? n->needs[i] : 0;
		st->n_peers++;
	}
}

/* Called locked. */
static void status_snapshot(const struct fake_node *n, struct kqd_status *st)
{
	st->commit = st->applied = n->applied;
	st->log_capacity = n->log_capacity;
	st->log_used = n->log_used;
	st->disk_state = n->disk_state;
	st->snapshot = n->snapshot;
}

int kqd_genl_status(struct kqd_genl *g, struct kqd_status *st)
{
	struct fake_node *n = self();

	memset(st, 0, sizeof(*st));
	fake_lock();
	if (!n->present) {
		fake_unlock();
		return -ENODEV;
	}
	strcpy(st->cluster, "fake");
	st->node_id = fake_self;
	st->epoch = n->epoch;
	st->state = n->state;
	st->silence_ns = UINT64_MAX;
	st->heartbeat_ms = fake->heartbeat_ms;
	st->election_ms = fake->election_ms;
	st->cluster_hash = 0xc0ffee;
	st->cluster_id = FAKE_CLUSTER;
	/* Like the module, which knows no more before the log has been read. */
	if (n->state == KQUORUM_NODE_RECOVERING) {
		fake_unlock();
		return 0;
	}
	st->incarnation = n->incarnation;
	st->past.origin = htole64(FAKE_ORIGIN);
	st->past.identity = htole64(fake_self);
	st->past.incarnation = htole64(n->incarnation);
	st->role = n->role;
	st->canvass = n->canvass;
	st->term = n->term;
	st->leader = n->leader;
	/* A leader that is there is always heard. */
	if (n->leader && fake->node[n->leader].role == KQUORUM_LEADER)
		n->heard_ns = kqd_now_ns();
	st->silence_ns = n->heard_ns ? kqd_now_ns() - n->heard_ns : UINT64_MAX;
	st->settled = n->settled;
	status_members(n, st);
	status_peers(n, st);
	status_snapshot(n, st);
	fake_unlock();
	return 0;
}

int kqd_genl_take(struct kqd_genl *g)
{
	fake_lock();
	g->epoch = self()->epoch = ++fake->epoch;
	fake_unlock();
	fake_wake(fake_self, KQUORUM_EVENT_DAEMON);
	return 0;
}

/* Called locked. */
static int check(struct kqd_genl *g)
{
	if (!self()->present)
		return -ENODEV;
	return g->epoch == self()->epoch ? 0 : -ESTALE;
}

int kqd_genl_probe(struct kqd_genl *g, uint32_t node)
{
	int rc;

	fake_lock();
	rc = check(g);
	fake_unlock();
	return rc ? rc : -EINVAL;
}

int kqd_genl_detach(struct kqd_genl *g, uint32_t node)
{
	int rc;

	fake_lock();
	rc = check(g);
	if (!rc && !self()->connected[node])
		rc = -ENOTCONN;
	if (!rc) {
		self()->connected[node] = false;
		self()->detached++;
		fake->node[node].connected[fake_self] = false;
	}
	fake_unlock();
	if (!rc) {
		fake_wake(fake_self, KQUORUM_EVENT_PEER);
		fake_wake(node, KQUORUM_EVENT_PEER);
	}
	return rc;
}

int kqd_genl_canvass(struct kqd_genl *g)
{
	struct fake_node *n = self();
	unsigned int i, connected = 0;
	bool leader = false;
	int rc;

	fake_lock();
	rc = check(g);
	for (i = 1; i <= FAKE_NODES; i++) {
		connected += n->connected[i];
		leader |= fake->node[i].role == KQUORUM_LEADER;
	}
	if (!rc) {
		n->canvasses++;
		n->canvass = connected && !leader ? KQUORUM_CANVASS_WON : KQUORUM_CANVASS_LOST;
	}
	fake_unlock();
	fake_wake(fake_self, KQUORUM_EVENT_CANVASS);
	return rc;
}

int kqd_genl_campaign(struct kqd_genl *g)
{
	struct fake_node *n = self();
	uint64_t term = 0;
	unsigned int i;
	int rc;

	fake_lock();
	rc = check(g);
	for (i = 1; i <= FAKE_NODES; i++)
		term = fake->node[i].term > term ? fake->node[i].term : term;
	for (i = 1; !rc && i <= FAKE_NODES; i++) {
		fake->node[i].role = i == fake_self ? KQUORUM_LEADER : KQUORUM_FOLLOWER;
		fake->node[i].leader = fake_self;
		fake->node[i].term = term + 1;
	}
	if (!rc) {
		n->campaigns++;
		n->canvass = KQUORUM_CAMPAIGN_WON;
	}
	fake_unlock();
	for (i = 1; i <= FAKE_NODES; i++)
		fake_wake(i, KQUORUM_EVENT_LEADER);
	return rc;
}

int kqd_genl_transfer(struct kqd_genl *g, uint32_t to)
{
	unsigned int i;
	int rc;

	fake_lock();
	rc = check(g);
	if (!rc && self()->role != KQUORUM_LEADER)
		rc = -EREMOTE;
	for (i = 1; !rc && i <= FAKE_NODES; i++) {
		fake->node[i].role = i == to ? KQUORUM_LEADER : KQUORUM_FOLLOWER;
		fake->node[i].leader = to;
		fake->node[i].term++;
	}
	fake_unlock();
	for (i = 1; i <= FAKE_NODES; i++)
		fake_wake(i, KQUORUM_EVENT_LEADER);
	return rc;
}

int kqd_genl_note(struct kqd_genl *g, uint32_t node, const char *why)
{
	int rc;

	fake_lock();
	rc = check(g);
	if (!rc && node >= 1 && node <= FAKE_NODES && !self()->connected[node])
		snprintf(self()->note[node], sizeof(self()->note[node]), "%s", why);
	fake_unlock();
	return rc;
}

/* A week does not pass here. */
int kqd_genl_scrub(struct kqd_genl *g, uint64_t rate)
{
	(void)g;
	(void)rate;
	return -EALREADY;
}

int kqd_genl_transit(struct kqd_genl *g, uint32_t node, const struct kqd_transit *t)
{
	struct fake_node *n = self();
	int rc;

	fake_lock();
	rc = check(g);
	if (!rc && node >= 1 && node <= FAKE_NODES) {
		n->transit[node] = t ? *t : (struct kqd_transit){ 0 };
		if (t)
			n->transits[node]++;
	}
	fake_unlock();
	return rc;
}

int kqd_genl_attach(struct kqd_genl *g, int fd, const struct kqd_hello *from)
{
	const struct kquorum_past *past = &from->past;
	uint32_t node = from->from;
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char byte;
	int rc;

	fake_lock();
	rc = check(g);
	if (!rc) {
		/* Connected, and nothing of the greeting left in it; nor more than that taken. */
		if (node < 1 || node > FAKE_NODES || node == fake_self ||
		    getpeername(fd, (struct sockaddr *)&a, &len) ||
		    recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ||
		    le64toh(past->incarnation) != fake->node[node].incarnation) {
			self()->bad_attach++;
			/* As the module says it, and as it says that a daemon is out of date. */
			rc = -ESTALE;
		} else {
			self()->connected[node] = true;
			self()->attached[node]++;
			strcpy(self()->called[node], from->name);
		}
	}
	fake_unlock();
	fake_wake(fake_self, KQUORUM_EVENT_PEER);
	return rc;
}
