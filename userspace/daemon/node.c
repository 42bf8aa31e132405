// SPDX-License-Identifier: GPL-2.0
/*
 * The node as the daemon sees it. Everything starts from the same place:
 * something happened (event, timer, a connection attached), so read the status
 * and do what follows from it. Nothing is remembered that the status tells.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "daemon.h"
#include "prefer.h"

#define NODE_WAIT_NS	(KQD_NS_PER_SEC / 2)

/**
 * kqd_exit() - leave the loop
 * @d: the daemon
 * @status: of the process
 */
void kqd_exit(struct kqd *d, int status)
{
	d->exit_status = status;
	d->loop.stop = true;
}

static void node_lost_to_other(struct kqd *d)
{
	kqd_notice("another daemon has taken the node; this one ends");
	kqd_exit(d, 0);
}

/**
 * kqd_node_lost() - was a command refused because a newer daemon has the node?
 * @d: the daemon, which ends when it is so
 * @rc: what the command returned
 *
 * -ESTALE alone does not tell: the files of a peer may be older than was seen.
 *
 * Return: true when the node is not ours any more.
 */
bool kqd_node_lost(struct kqd *d, int rc)
{
	if (rc != -ESTALE || kqd_genl_probe(&d->genl, d->st.node_id) != -ESTALE)
		return false;
	node_lost_to_other(d);
	return true;
}

/**
 * kqd_node_serves() - does the node take part, so that connections make sense?
 * @d: the daemon
 *
 * Return: true from the end of recovery until it stops, fails or has left the cluster.
 */
bool kqd_node_serves(const struct kqd *d)
{
	return d->have_node && d->st.incarnation && !d->st.left &&
	       (d->st.state == KQUORUM_NODE_RUNNING || d->st.state == KQUORUM_NODE_DAMAGED);
}

/**
 * kqd_node_outside() - is this node in no configuration that it knows of?
 * @d: with a status
 *
 * It joins, and the entry that takes it in has not come here yet. A node that may still begin the
 * cluster has no configuration either, but everybody it knows of waits for it.
 *
 * Return: true when nobody may know that it is to be dialled.
 */
bool kqd_node_outside(const struct kqd *d)
{
	uint32_t members = kqd_status_members(&d->st);

	return members ? !(members & 1u << d->st.node_id) :
		d->config.founders || d->config.founded;
}

/**
 * kqd_node_name() - what a node is called
 * @d: the daemon
 * @id: its id
 *
 * Names change: kquorum.conf's is of the day on which this node was made.
 *
 * Return: a string that lives until the next status, or the next call.
 */
const char *kqd_node_name(const struct kqd *d, uint32_t id)
{
	const struct kquorum_config_member *m = kquorum_config_member(&d->config, id);
	const char *name = kqd_status_name(&d->st, id);
	static char number[16];

	if (name[0])
		return name;
	if (m)
		return m->name;
	snprintf(number, sizeof(number), "node %u", id);
	return number;
}

static void node_tell_systemd(const struct kqd *d)
{
	const struct kqd_status *st = &d->st;

	unsigned long long term = st->term;
	char self[KQUORUM_NODE_NAME_MAX + 1];

	if (!d->have_node) {
		sd_notifyf(0, "READY=1\nSTATUS=waiting for a node (kquorum start)");
		return;
	}
	snprintf(self, sizeof(self), "%s", kqd_node_name(d, st->node_id));
	if (st->state != KQUORUM_NODE_RUNNING)
		sd_notifyf(0, "READY=1\nSTATUS=%s/%s: %s%s%s", st->cluster, self,
			   kqd_state_name(st->state), st->reason[0] ? ": " : "", st->reason);
	else if (st->left)
		sd_notifyf(0, "READY=1\nSTATUS=%s/%s: has left the cluster (kquorum stop)",
			   st->cluster, self);
	else if (st->leader)
		sd_notifyf(0, "READY=1\nSTATUS=%s/%s: %s leads, term %llu", st->cluster, self,
			   kqd_node_name(d, st->leader), term);
	else
		sd_notifyf(0, "READY=1\nSTATUS=%s/%s: no leader, term %llu", st->cluster, self,
			   term);
}

static void node_wait(struct kqd *d, const char *why)
{
	if (!d->told_waiting)
		kqd_notice("%s", why);
	d->told_waiting = true;
	node_tell_systemd(d);
	/* The module announces itself; a node that starts is found by looking. */
	if (d->genl.family)
		kqd_timer_in(&d->poll, NODE_WAIT_NS);
	else
		kqd_timer_stop(&d->poll);
}

static void node_gone(struct kqd *d, const char *why)
{
	if (d->have_node) {
		kqd_notice("the node has stopped");
		d->have_node = false;
		d->had_node = true;
		d->told_waiting = false;
		d->told_left = false;
		kqd_timer_stop(&d->elect_timer);
		kqd_listen_update(d, false);
		kqd_greet_drop_all(d, "the node has stopped");
		kqd_links_follow(d, NULL);
		kqd_snapshot_drop(d);
		kqd_scrub_drop(d);
		if (d->opt.exit_with_node) {
			kqd_exit(d, 0);
			return;
		}
	}
	node_wait(d, why);
}

static bool node_matches(const struct kquorum_config *c, const struct kqd_status *st)
{
	return st->node_id == c->node_id && !strcmp(st->cluster, c->name) &&
		(!st->cluster_id || st->cluster_id == c->cluster_id);
}

/* The files of another node here would send peers to the wrong place. */
static bool node_is_ours(struct kqd *d, const struct kqd_status *st)
{
	const struct kquorum_config *c = &d->config;

	/* While the daemon waited, the node may have been made anew (kquorum join --force). */
	if (d->had_node || !node_matches(c, st))
		kqd_config_reload(d);
	if (node_matches(c, st))
		return true;
	kqd_err("the node that runs here is node %u of cluster %s, but %s/%s is of node %u (%s) of cluster %s",
		st->node_id, st->cluster, d->opt.dir, KQUORUM_CONFIG_FILE, c->node_id,
		c->node_name, c->name);
	kqd_exit(d, EX_CONFIG);
	return false;
}

/* What the log says counts. That kquorum.conf says something else is no error, but may mislead. */
static void node_tell_settings(struct kqd *d)
{
	const struct kquorum_config *c = &d->config;
	const uint32_t *const told = d->st.settings;
	bool same = c->heartbeat_ms == told[KQUORUM_SETTING_HEARTBEAT_MS - 1] &&
		c->election_ms == told[KQUORUM_SETTING_ELECTION_MS - 1] &&
		c->lease_ms == told[KQUORUM_SETTING_LEASE_MS - 1] &&
		c->delta_ms == told[KQUORUM_SETTING_DELTA_MS - 1] &&
		c->drift_ppm == told[KQUORUM_SETTING_DRIFT_PPM - 1];

	if (!d->st.logged || same) {
		d->told_settings = false;
		return;
	}
	if (!d->told_settings)
		kqd_notice("the cluster's settings are not those of %s/%s, which a new cluster would "
			   "begin with: kquorum settings shows them", d->opt.dir, KQUORUM_CONFIG_FILE);
	d->told_settings = true;
}

static void node_settings(struct kqd *d)
{
	d->heartbeat_ms = d->st.heartbeat_ms ? d->st.heartbeat_ms : d->config.heartbeat_ms;
	d->election_ms = d->st.election_ms ? d->st.election_ms : d->config.election_ms;
}

/* Returns false when there is nothing to go on with. */
static bool node_take(struct kqd *d, const struct kqd_status *st)
{
	int rc;

	if (!node_is_ours(d, st))
		return false;
	rc = kqd_genl_take(&d->genl);
	if (rc == -EPERM) {
		kqd_err("not allowed to take the node: kquorumd needs CAP_NET_ADMIN");
		kqd_exit(d, EX_NOPERM);
		return false;
	}
	if (rc) {
		node_gone(d, "waiting for a node: kquorum start");
		return false;
	}
	/* Once more, for it tells our own epoch now. */
	rc = kqd_genl_status(&d->genl, &d->st);
	if (rc) {
		node_gone(d, "waiting for a node: kquorum start");
		return false;
	}
	d->have_node = true;
	node_settings(d);
	kqd_elect_init(&d->elect, d->election_ms, kqd_random());
	memset(&d->handover, 0, sizeof(d->handover));
	kqd_own_forget(d);
	kqd_info("took node %s of cluster %s: %s, term %llu", kqd_node_name(d, d->st.node_id),
		 d->st.cluster, kqd_state_name(d->st.state), (unsigned long long)d->st.term);
	kqd_peers_begin(d);
	return true;
}

static void node_log_changes(struct kqd *d, const struct kqd_status *old)
{
	const struct kqd_status *st = &d->st;

	if (!old || old->state != st->state) {
		int level = st->state == KQUORUM_NODE_DAMAGED ||
			    st->state == KQUORUM_NODE_FAILED ? LOG_ERR : LOG_INFO;

		kqd_log(level, "the node is %s%s%s", kqd_state_name(st->state),
			st->reason[0] ? ": " : "", st->reason);
	}
	if (st->leader && (!old || old->leader != st->leader || old->term != st->term))
		kqd_info("%s leads in term %llu", kqd_node_name(d, st->leader),
			 (unsigned long long)st->term);
	else if (old && old->leader && !st->leader)
		kqd_notice("no leader in term %llu", (unsigned long long)st->term);
}

/* After the peers, for a leader's address may be news, too. */
static void node_follow_leader(struct kqd *d, const struct kqd_status *old)
{
	const struct kqd_status *st = &d->st;

	if (!old || old->leader != st->leader)
		kqd_links_follow(d, st->leader && st->leader != st->node_id ?
				 &d->peers[st->leader].address : NULL);
}

/*
 * By a committed configuration this node is no member any more: it has nothing to say to those who
 * are, and nothing to hear from them. Its connections would only make it look as if it belonged.
 */
static void node_leave(struct kqd *d)
{
	unsigned int i;

	if (!d->st.left) {
		d->told_left = false;
		return;
	}
	if (!d->told_left) {
		kqd_notice("this node has left the cluster: its connections are closed. kquorum "
			   "stop ends it; to come back it is made anew: on the leader kquorum "
			   "member add, here the line that this prints, with --force: kquorum "
			   "join --force ...");
		kqd_greet_drop_all(d, "this node has left the cluster");
	}
	d->told_left = true;
	for (i = 0; i < d->st.n_peers; i++)
		if (d->st.peers[i].connected &&
		    kqd_node_lost(d, kqd_genl_detach(&d->genl, d->st.peers[i].id)))
			return;
}

/* This node may stand, and is connected to a majority. */
static bool node_may_win(const struct kqd *d)
{
	const struct kqd_status *st = &d->st;
	uint32_t reached = 1u << st->node_id;
	unsigned int i;

	if (!st->eligible)
		return false;
	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].connected)
			reached |= 1u << st->peers[i].id;
	return kqd_status_majority(st, reached);
}

/* Who has a vote, as this node sees it. Returns how many. */
static unsigned int node_voters(const struct kqd *d, struct kqd_voter *voters)
{
	const struct kqd_status *st = &d->st;
	unsigned int n = 0;
	uint32_t id;

	for (id = 1; id <= KQUORUM_MAX_NODES; id++) {
		const struct kqd_status_peer *p = kqd_status_peer(st, id);

		if (!(st->voters & 1u << id))
			continue;
		voters[n++] = (struct kqd_voter) {
			.id = id,
			.priority = st->member[id].priority,
			.witness = st->member[id].witness,
			.there = id == st->node_id || (p && p->connected),
			.current = p && p->current,
		};
	}
	return n;
}

/* Returns when to look again. */
static uint64_t node_hand_over(struct kqd *d, const struct kqd_voter *voters, unsigned int n)
{
	const struct kqd_status *st = &d->st;
	struct kqd_handover_input in = {
		.now_ns = kqd_now_ns(),
		.election_ms = d->election_ms,
		.leads = st->role == KQUORUM_LEADER && st->quorum && st->settled &&
			st->state == KQUORUM_NODE_RUNNING,
		.witness = st->member[st->node_id].witness,
		.successor = kqd_prefer_successor(voters, n, st->node_id),
	};
	uint64_t next_ns;
	uint32_t to = kqd_handover_step(&d->handover, &in, &next_ns);
	int rc;

	if (!to)
		return next_ns;
	rc = kqd_genl_transfer(&d->genl, to);
	if (rc)
		kqd_info("%s should lead rather, but not now: %s", kqd_node_name(d, to),
			 strerror(-rc));
	else
		kqd_notice("handing over to %s, which should lead rather", kqd_node_name(d, to));
	return next_ns;
}

static void node_elect(struct kqd *d)
{
	struct kqd_voter voters[KQUORUM_MAX_NODES];
	unsigned int n = node_voters(d, voters);
	struct kqd_elect_input in = {
		.now_ns = kqd_now_ns(),
		.election_ms = d->election_ms,
		.state = d->st.state,
		.role = d->st.role,
		.canvass = d->st.canvass,
		.term = d->st.term,
		.leader = d->st.leader,
		.silence_ns = d->st.silence_ns,
		.wait_left_ns = d->st.wait_left_ns,
		.yield_ns = kqd_prefer_yield_ns(voters, n, d->st.node_id, d->election_ms),
		.may_win = node_may_win(d),
		.carrier_lost = d->links.lost,
	};
	uint64_t next_ns, again_ns;
	int rc = 0;

	switch (kqd_elect_step(&d->elect, &in, &next_ns)) {
	case KQD_ELECT_NOTHING:
		break;
	case KQD_ELECT_CANVASS:
		kqd_info("no leader heard of: asking whether this node could win, term %llu",
			 (unsigned long long)d->st.term);
		rc = kqd_genl_canvass(&d->genl);
		break;
	case KQD_ELECT_CAMPAIGN:
		kqd_info("a majority would vote for this node: standing for election");
		rc = kqd_genl_campaign(&d->genl);
		break;
	}
	if (kqd_node_lost(d, rc))
		return;
	if (rc)
		kqd_info("not now: %s", strerror(-rc));
	again_ns = node_hand_over(d, voters, n);
	kqd_timer_at(&d->elect_timer, again_ns < next_ns ? again_ns : next_ns);
}

/* A node that nobody has taken is not the one that we took. */
static bool node_is_new(const struct kqd *d, const struct kqd_status *st)
{
	return !st->epoch || (st->incarnation && d->st.incarnation &&
			      st->incarnation != d->st.incarnation);
}

/* Events are only wake-ups and may get lost: look by ourselves now and then. */
static uint64_t node_poll_ns(const struct kqd *d)
{
	uint64_t ns = d->election_ms * KQD_NS_PER_MS;

	if (d->st.state == KQUORUM_NODE_STOPPING)
		return KQD_NS_PER_SEC / 10;
	return ns > KQD_NS_PER_SEC ? ns : KQD_NS_PER_SEC;
}

/* Returns false when there is no node to go on with. */
static bool node_look(struct kqd *d, struct kqd_status *st)
{
	int rc;

	if (!d->genl.family && kqd_genl_resolve(&d->genl)) {
		node_gone(d, "waiting for the module: modprobe kquorum");
		return false;
	}
	rc = kqd_genl_status(&d->genl, st);
	if (rc == -ENODEV || rc == -EBADMSG) {
		node_gone(d, rc == -ENODEV ? "waiting for a node: kquorum start" :
			  "the module's answers are not understood: another version?");
	} else if (rc) {
		kqd_genl_forget(&d->genl);
		node_gone(d, "waiting for the module: modprobe kquorum");
	}
	return !rc;
}

/**
 * kqd_node_refresh() - read the status and do what follows from it
 * @d: the daemon
 */
void kqd_node_refresh(struct kqd *d)
{
	struct kqd_status old, st;
	bool first = !d->have_node;

	if (d->loop.stop || !node_look(d, &st))
		return;
	if (d->have_node && node_is_new(d, &st)) {
		/* Stopped and started between two looks. */
		node_gone(d, "waiting for a node: kquorum start");
		first = true;
		if (d->loop.stop)
			return;
	}
	if (first && !node_take(d, &st))
		return;
	if (!first) {
		old = d->st;
		d->st = st;
		/* It is not told while a new term is being written, but it does not change. */
		if (!st.incarnation)
			d->st.incarnation = old.incarnation;
	}
	if (d->st.epoch != d->genl.epoch) {
		node_lost_to_other(d);
		return;
	}
	node_settings(d);
	node_log_changes(d, first ? NULL : &old);
	node_tell_settings(d);
	kqd_config_founded(d);
	node_leave(d);
	kqd_listen_update(d, kqd_node_serves(d));
	kqd_own_update(d);
	kqd_peers_update(d, first);
	node_follow_leader(d, first ? NULL : &old);
	node_elect(d);
	if (d->loop.stop)
		return;
	kqd_snapshot_update(d);
	kqd_scrub_update(d);
	if (d->loop.stop)
		return;
	node_tell_systemd(d);
	kqd_timer_in(&d->poll, node_poll_ns(d));
}

static void node_timer(struct kqd_timer *t)
{
	kqd_node_refresh(kqd_container(t, struct kqd, poll));
}

static void node_elect_timer(struct kqd_timer *t)
{
	kqd_node_refresh(kqd_container(t, struct kqd, elect_timer));
}

static void node_watchdog(struct kqd_timer *t)
{
	struct kqd *d = kqd_container(t, struct kqd, watchdog);

	sd_notify(0, "WATCHDOG=1");
	kqd_timer_in(t, d->watchdog_ns / 2);
}

static void node_event(struct kqd_op *op, int res)
{
	struct kqd *d = kqd_container(op, struct kqd, events);
	uint32_t bits;

	if (res < 0)
		kqd_die("waiting for events: %s", strerror(-res));
	bits = kqd_genl_events(&d->genl);
	kqd_op_poll(&d->loop, &d->events, kqd_genl_event_fd(&d->genl), POLLIN);
	if (bits & KQD_EVENT_FAMILY)
		kqd_genl_forget(&d->genl);
	if (bits)
		kqd_node_refresh(d);
}

/**
 * kqd_node_init() - open netlink and look for the node
 * @d: with configuration and loop
 *
 * Return: 0 or a negative errno.
 */
int kqd_node_init(struct kqd *d)
{
	uint64_t watchdog_us = 0;
	unsigned int i;
	int rc;

	rc = kqd_genl_init(&d->genl);
	if (rc)
		return rc;
	for (i = 0; i <= KQUORUM_MAX_NODES; i++) {
		d->peers[i].d = d;
		d->peers[i].id = i;
		kqd_dial_init(&d->peers[i]);
	}
	kqd_own_init(d);
	kqd_listen_init(d);
	kqd_snapshot_init(d);
	kqd_scrub_init(d);
	if (kqd_links_init(d))
		kqd_notice("no news of links from the kernel; timeouts alone decide");
	kqd_timer_add(&d->loop, &d->poll, node_timer);
	kqd_timer_add(&d->loop, &d->elect_timer, node_elect_timer);
	kqd_timer_add(&d->loop, &d->watchdog, node_watchdog);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
		d->watchdog_ns = watchdog_us * 1000;
		kqd_timer_in(&d->watchdog, 0);
	}
	d->events.done = node_event;
	kqd_op_poll(&d->loop, &d->events, kqd_genl_event_fd(&d->genl), POLLIN);
	kqd_node_refresh(d);
	return 0;
}
