// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's election logic against a model of the module: voters that
 * refuse while they hear a leader, one vote per term, delays, a thousand seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kquorum.h>

#include "../../userspace/daemon/elect.h"

#define MS		1000000ULL
#define ELECTION_MS	1000
#define E_NS		(ELECTION_MS * MS)
#define SEEDS		1000
#define MAX_NODES	5

/* A model of the cluster, in steps of one millisecond. */
struct node {
	struct kqd_elect e;
	bool up;
	uint32_t role, canvass, leader, voted;
	uint64_t term, heard_ns, wait_until_ns;
	bool heard;
	uint64_t ask_ns[MAX_NODES];	/* when the question reaches that voter; 0: it has answered */
	unsigned int yes, no;
	uint64_t next_ns;
	unsigned int canvasses, campaigns;
};

struct cluster {
	struct node n[MAX_NODES];
	unsigned int nodes;
	uint64_t now_ns, random;
	unsigned int delay_ms;		/* of the slowest message */
	unsigned int leaders;		/* won elections */
};

static uint64_t draw(struct cluster *c, uint64_t below)
{
	c->random = c->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (c->random >> 33) % below;
}

static void cluster_init(struct cluster *c, unsigned int nodes, uint64_t seed)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->nodes = nodes;
	c->random = seed * 7919 + 1;
	c->now_ns = 1000 * E_NS;
	c->delay_ms = 40;
	for (i = 0; i < nodes; i++) {
		c->n[i].up = true;
		kqd_elect_init(&c->n[i].e, ELECTION_MS, seed * MAX_NODES + i);
	}
}

static unsigned int up(const struct cluster *c)
{
	unsigned int i, n = 0;

	for (i = 0; i < c->nodes; i++)
		n += c->n[i].up;
	return n;
}

static uint64_t silence(const struct cluster *c, const struct node *n)
{
	return n->heard ? c->now_ns - n->heard_ns : UINT64_MAX;
}

static void adopt(struct node *n, uint64_t term)
{
	n->term = term;
	n->voted = 0;
	n->leader = 0;
	n->role = KQUORUM_FOLLOWER;
	if (n->canvass == KQUORUM_CANVASS_RUNNING || n->canvass == KQUORUM_CANVASS_WON)
		n->canvass = KQUORUM_CANVASS_LOST;
	if (n->canvass == KQUORUM_CAMPAIGN_RUNNING)
		n->canvass = KQUORUM_CAMPAIGN_LOST;
	n->next_ns = 0;
}

/* Would, or does, voter @v vote for @n? */
static bool voter_answers(struct cluster *c, struct node *n, struct node *v)
{
	bool campaign = n->canvass == KQUORUM_CAMPAIGN_RUNNING;
	unsigned int id = n - c->n + 1;

	if (v != n && (silence(c, v) < E_NS || v->role == KQUORUM_LEADER))
		return false;
	if (c->now_ns < v->wait_until_ns || v->term > n->term)
		return false;
	if (!campaign)
		return true;
	if (v->term < n->term)
		adopt(v, n->term);
	if (v->voted && v->voted != id)
		return false;
	v->voted = id;
	return true;
}

/* Votes come one by one, in any order: this is where a vote can be split. */
static void attempt_step(struct cluster *c, struct node *n)
{
	bool campaign = n->canvass == KQUORUM_CAMPAIGN_RUNNING;
	unsigned int i, majority = c->nodes / 2 + 1;

	if (!campaign && n->canvass != KQUORUM_CANVASS_RUNNING)
		return;
	for (i = 0; i < c->nodes; i++) {
		struct node *v = &c->n[i];

		if (!n->ask_ns[i] || c->now_ns < n->ask_ns[i] || !v->up)
			continue;
		n->ask_ns[i] = 0;
		if (voter_answers(c, n, v))
			n->yes++;
		else
			n->no++;
	}
	if (n->yes < majority && n->no < majority)
		return;
	n->next_ns = 0;
	if (!campaign) {
		n->canvass = n->no >= majority ? KQUORUM_CANVASS_LOST : KQUORUM_CANVASS_WON;
	} else if (n->no >= majority) {
		n->canvass = KQUORUM_CAMPAIGN_LOST;
		n->role = KQUORUM_FOLLOWER;
	} else {
		n->canvass = KQUORUM_CAMPAIGN_WON;
		n->role = KQUORUM_LEADER;
		n->leader = n - c->n + 1;
		c->leaders++;
	}
}

static void ask_all(struct cluster *c, struct node *n)
{
	unsigned int i;

	n->yes = n->no = 0;
	for (i = 0; i < c->nodes; i++)
		n->ask_ns[i] = c->now_ns + (&c->n[i] == n ? 0 : (1 + draw(c, c->delay_ms)) * MS);
}

static void act(struct cluster *c, struct node *n, enum kqd_elect_action action)
{
	ask_all(c, n);
	if (action == KQD_ELECT_CANVASS) {
		n->canvasses++;
		n->canvass = KQUORUM_CANVASS_RUNNING;
		return;
	}
	n->campaigns++;
	adopt(n, n->term + 1);
	n->voted = n - c->n + 1;
	n->role = KQUORUM_CANDIDATE;
	n->canvass = KQUORUM_CAMPAIGN_RUNNING;
}

static void input(const struct cluster *c, const struct node *n, struct kqd_elect_input *in)
{
	*in = (struct kqd_elect_input) {
		.now_ns = c->now_ns,
		.state = KQUORUM_NODE_RUNNING,
		.role = n->role,
		.canvass = n->canvass,
		.term = n->term,
		.leader = n->leader,
		.silence_ns = silence(c, n),
		.wait_left_ns = n->wait_until_ns > c->now_ns ? n->wait_until_ns - c->now_ns : 0,
		.may_win = up(c) > c->nodes / 2,
	};
}

static void node_step(struct cluster *c, struct node *n)
{
	enum kqd_elect_action action;
	struct kqd_elect_input in;

	attempt_step(c, n);
	if (c->now_ns < n->next_ns)
		return;
	input(c, n, &in);
	action = kqd_elect_step(&n->e, &in, &n->next_ns);
	if (in.wait_left_ns)
		assert_int_equal(action, KQD_ELECT_NOTHING);
	if (action != KQD_ELECT_NOTHING)
		act(c, n, action);
}

static void heartbeat(struct cluster *c, struct node *leader)
{
	unsigned int i;

	for (i = 0; i < c->nodes; i++) {
		struct node *n = &c->n[i];

		if (!n->up || n->term > leader->term)
			continue;
		if (n->term < leader->term)
			adopt(n, leader->term);
		if (n->leader != leader->leader || silence(c, n) >= E_NS)
			n->next_ns = 0;
		n->leader = leader->leader;
		n->heard = true;
		n->heard_ns = c->now_ns;
	}
}

static struct node *leader_of(struct cluster *c)
{
	struct node *best = NULL;
	unsigned int i;

	for (i = 0; i < c->nodes; i++)
		if (c->n[i].up && c->n[i].role == KQUORUM_LEADER &&
		    (!best || c->n[i].term > best->term))
			best = &c->n[i];
	return best;
}

static void cluster_tick(struct cluster *c)
{
	struct node *leader;
	unsigned int i;

	c->now_ns += MS;
	leader = leader_of(c);
	if (leader && c->now_ns % (100 * MS) == 0)
		heartbeat(c, leader);
	for (i = 0; i < c->nodes; i++)
		if (c->n[i].up)
			node_step(c, &c->n[i]);
}

/* Milliseconds until there is a leader, or @limit_ms. */
static unsigned int run_to_leader(struct cluster *c, unsigned int limit_ms)
{
	unsigned int ms = 0;

	while (ms < limit_ms && !leader_of(c)) {
		cluster_tick(c);
		ms++;
	}
	return ms;
}

static void run(struct cluster *c, unsigned int ms)
{
	while (ms--)
		cluster_tick(c);
}

/* The longest time to a first leader over all seeds. */
static unsigned int first_boot(unsigned int nodes, unsigned int delay_ms, unsigned int *campaigns)
{
	unsigned int seed, worst = 0, i;

	*campaigns = 0;
	for (seed = 0; seed < SEEDS; seed++) {
		struct cluster c;
		unsigned int ms;

		cluster_init(&c, nodes, seed);
		c.delay_ms = delay_ms;
		ms = run_to_leader(&c, 50 * ELECTION_MS);
		worst = ms > worst ? ms : worst;
		for (i = 0; i < nodes; i++)
			*campaigns += c.n[i].campaigns;
	}
	print_message("# first boot of %u nodes, messages take up to %u ms: a leader after at most "
		      "%u ms, %u campaigns in %u boots\n", nodes, delay_ms, worst, *campaigns, SEEDS);
	return worst;
}

static void first_boot_elects_soon(void **state)
{
	unsigned int campaigns;

	assert_true(first_boot(3, 5, &campaigns) <= 2 * ELECTION_MS);
	assert_true(first_boot(3, 40, &campaigns) <= 4 * ELECTION_MS);
	assert_true(first_boot(5, 40, &campaigns) <= 4 * ELECTION_MS);
}

/* As slow as the operator's settings allow at all. */
static void slow_network_elects(void **state)
{
	unsigned int campaigns;

	assert_true(first_boot(3, 400, &campaigns) <= 30 * ELECTION_MS);
	assert_true(first_boot(5, 400, &campaigns) <= 30 * ELECTION_MS);
	/* Votes were split, or this shows nothing. */
	assert_true(campaigns > SEEDS);
}

static void dead_leader_is_replaced(void **state)
{
	unsigned int seed, worst = 0;
	uint64_t sum = 0;

	for (seed = 0; seed < SEEDS; seed++) {
		struct cluster c;
		unsigned int ms;

		cluster_init(&c, 3, seed);
		run_to_leader(&c, 20 * ELECTION_MS);
		run(&c, 3 * ELECTION_MS);
		leader_of(&c)->up = false;
		ms = run_to_leader(&c, 30 * ELECTION_MS);
		worst = ms > worst ? ms : worst;
		sum += ms;
	}
	print_message("# dead leader: replaced after %u ms on average, %u ms at most\n",
		      (unsigned int)(sum / SEEDS), worst);
	assert_true(worst <= 8 * ELECTION_MS);
	assert_true(sum / SEEDS <= 2 * ELECTION_MS);
}

static void living_leader_is_left_alone(void **state)
{
	struct cluster c;
	unsigned int i, before = 0, after = 0;

	cluster_init(&c, 3, 1);
	run_to_leader(&c, 20 * ELECTION_MS);
	run(&c, 2 * ELECTION_MS);
	for (i = 0; i < 3; i++)
		before += c.n[i].canvasses;
	run(&c, 60 * ELECTION_MS);
	for (i = 0; i < 3; i++)
		after += c.n[i].canvasses;
	assert_int_equal(before, after);
	assert_int_equal(c.leaders, 1);
}

static void minority_never_asks(void **state)
{
	unsigned int seed;

	for (seed = 0; seed < SEEDS / 10; seed++) {
		struct cluster c;
		struct node *alone;

		cluster_init(&c, 3, seed);
		run_to_leader(&c, 20 * ELECTION_MS);
		run(&c, ELECTION_MS);
		alone = &c.n[seed % 3];
		c.n[0].up = c.n[1].up = c.n[2].up = false;
		alone->up = true;
		alone->role = KQUORUM_FOLLOWER;
		alone->canvasses = alone->campaigns = 0;
		alone->next_ns = 0;
		run(&c, 20 * ELECTION_MS);
		assert_int_equal(alone->canvasses, 0);
		assert_int_equal(alone->campaigns, 0);
	}
}

static void majority_that_returns_elects(void **state)
{
	unsigned int seed, worst = 0;

	for (seed = 0; seed < SEEDS; seed++) {
		struct cluster c;
		unsigned int ms;

		cluster_init(&c, 3, seed);
		run_to_leader(&c, 20 * ELECTION_MS);
		run(&c, ELECTION_MS);
		leader_of(&c)->up = false;
		/* The two that are left do not hear each other for a while. */
		c.n[0].up = c.n[1].up = c.n[2].up = false;
		c.n[0].up = true;
		c.n[0].role = KQUORUM_FOLLOWER;
		run(&c, 10 * ELECTION_MS);
		c.n[1].up = true;
		c.n[1].role = KQUORUM_FOLLOWER;
		c.n[0].next_ns = c.n[1].next_ns = 0;
		ms = run_to_leader(&c, 30 * ELECTION_MS);
		worst = ms > worst ? ms : worst;
	}
	print_message("# majority back: a leader after at most %u ms\n", worst);
	assert_true(worst <= 6 * ELECTION_MS);
}

static void wait_after_restart_is_kept(void **state)
{
	unsigned int seed;

	for (seed = 0; seed < SEEDS / 10; seed++) {
		struct cluster c;
		unsigned int i, ms;

		cluster_init(&c, 3, seed);
		for (i = 0; i < 3; i++)
			c.n[i].wait_until_ns = c.now_ns + 10 * E_NS;
		/* node_step() fails on any action before the wait is over. */
		ms = run_to_leader(&c, 40 * ELECTION_MS);
		assert_true(ms > 10 * ELECTION_MS);
		assert_true(ms < 16 * ELECTION_MS);
	}
}

static void single_node_elects_itself(void **state)
{
	struct cluster c;

	cluster_init(&c, 1, 4);
	assert_true(run_to_leader(&c, 10 * ELECTION_MS) < ELECTION_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_boot_elects_soon),
		cmocka_unit_test(slow_network_elects),
		cmocka_unit_test(dead_leader_is_replaced),
		cmocka_unit_test(living_leader_is_left_alone),
		cmocka_unit_test(minority_never_asks),
		cmocka_unit_test(majority_that_returns_elects),
		cmocka_unit_test(wait_after_restart_is_kept),
		cmocka_unit_test(single_node_elects_itself),
	};

	return cmocka_run_group_tests_name("daemon_elect", tests, NULL, NULL);
}
