// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum init --from: what it makes and starts, and whom it takes in. The module is a fake, whose
 * node children share; the other machines are one that answers on a port of its own.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "rollout.h"
#include "status.h"
#include "test.h"

struct cli cli;

static struct world {
	bool runs;
	unsigned int starts, stops, daemons, changes;
	struct kquorum_status st;
	struct kquorum_change change;
	struct kqd_told told;		/* what the other machine says, with @told.node */
} *w;

/* --- the module ----------------------------------------------------------------------------- */

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	if (!w->runs)
		return -ENODEV;
	*st = w->st;
	return 0;
}

/* It has nothing yet, and has heard of nobody. */
int node_start_from(struct kquorum *k, const char *dir, const struct kquorum_config *c)
{
	(void)k;
	(void)dir;
	w->starts++;
	w->runs = true;
	w->st = (struct kquorum_status){
		.state = KQUORUM_NODE_RUNNING, .node_id = c->node_id, .cluster_id = c->cluster_id,
		.identity = 100 + c->node_id, .empty = true, .joins = c->founders,
		.founders = (2u << (c->founders ? c->founders : c->n_members)) - 2,
	};
	strcpy(w->st.name, c->name);
	return 0;
}

int kquorum_node_stop(struct kquorum *k, bool force)
{
	(void)k;
	(void)force;
	w->stops++;
	w->runs = false;
	return 0;
}

int daemon_ensure(struct kquorum *k, const char *dir, uint64_t wait_ns)
{
	(void)k;
	(void)dir;
	(void)wait_ns;
	w->daemons++;
	w->st.daemon = true;
	return 0;
}

/* It takes it in at once. */
int kquorum_reconfigure(struct kquorum *k, const struct kquorum_change *c)
{
	(void)k;
	w->changes++;
	w->change = *c;
	strcpy(node_up(&w->st, c->id)->address, c->address);
	strcpy(node_row(&w->st, c->id)->name, c->name);
	w->st.voters |= node_bit(c->id);
	return 0;
}

/* --- the other machine ---------------------------------------------------------------------- */

static pid_t other;
static uint16_t port;
static int listener = -1;

/* Answers who asks, as the daemon does, while it is one that does. */
static void answer(int fd)
{
	char cluster[KQUORUM_NODE_NAME_MAX + 1], why[128];
	struct kqd_told_wire wire;
	struct kqd_ask_wire ask;

	if (recv(fd, &ask, sizeof(ask), MSG_WAITALL) != sizeof(ask) ||
	    kqd_ask_decode(&ask, cluster, why, sizeof(why)) || strcmp(cluster, "demo") ||
	    !w->told.node)
		return;
	kqd_told_encode(&wire, &w->told);
	if (send(fd, &wire, sizeof(wire), MSG_NOSIGNAL) < 0)
		return;
}

static void other_machine(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	other = fork();
	while (!other) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		answer(fd);
		close(fd);
	}
}

/* --- running it ----------------------------------------------------------------------------- */

/* A file with n1, which is this machine, and n2 to n@n, of which n2 is the other one. */
static void write_plan(unsigned int n)
{
	char text[512];
	unsigned int i;
	int at;

	at = snprintf(text, sizeof(text), "[cluster]\nname = demo\n[log]\nsegment_bytes = 262144\n"
		      "segments = 2\n[members]\nn1 = 127.0.0.1:1\nn2 = 127.0.0.1:%u\n", port);
	for (i = 3; i <= n; i++)
		at += snprintf(text + at, sizeof(text) - at, "n%u = 127.0.0.1:%u\n", i, i);
	put_text("plan", text);
}

static int roll(const char *more)
{
	char text[200];

	snprintf(text, sizeof(text), "init --from plan --node n1 --dir node --timeout 0 %s", more);
	return run(&command_init, text);
}

static struct kquorum_config made(void)
{
	struct kquorum_config c;
	char err[256];

	if (kquorum_config_read("node/kquorum.conf", &c, err, sizeof(err)))
		fail_msg("%s", err);
	return c;
}

/* The other machine belongs to a cluster in which it has number 2, and so has n9 with number 1. */
static void other_belongs(void)
{
	struct kqd_told t = {
		.node = 2, .begun = true, .cluster_id = 0xabc, .capacity = 4 * (262144 - 8192),
		.founders = 6, .settings = { 100, 1000, 20000, 250, 500, 262144 }, .n = 2,
		.member = {
			{ .id = 1, .identity = 77, .member = true },
			{ .id = 2, .identity = 102, .member = true },
		},
	};

	strcpy(t.cluster, "demo");
	strcpy(t.member[0].name, "n9");
	strcpy(t.member[0].address, "127.0.0.9:7420");
	strcpy(t.member[1].name, "n2");
	snprintf(t.member[1].address, sizeof(t.member[1].address), "127.0.0.1:%u", port);
	w->told = t;
}

static int setup(void **state)
{
	(void)state;
	memset(w, 0, sizeof(*w));
	write_plan(2);
	return system("rm -rf node");
}

/* --- tests ---------------------------------------------------------------------------------- */

static void it_is_made_started_and_waits(void **state)
{
	struct kquorum_config c;

	(void)state;
	assert_int_equal(roll(""), 75);
	assert_contains(out, "demo: made node a node's directory: node n1, number 1\n"
			"demo: started the node\n");
	assert_contains(out, "not yet: the cluster begins when all of FILE answer; so far without\n  n2 (it does not tell");
	assert_contains(out, "the same command goes on with it");
	assert_fits();
	assert_int_equal(w->starts, 1);
	assert_int_equal(w->daemons, 1);
	c = made();
	assert_int_equal(c.founders, 0);
	assert_int_equal(c.n_members, 2);
	assert_string_equal(c.node_name, "n1");
	assert_int_equal(c.segments, 2);
	/* A daemon that is gone comes back; and a service manager's is waited for. */
	w->st.daemon = false;
	assert_int_equal(roll("--no-daemon"), 75);
	assert_int_equal(w->daemons, 1);
	assert_int_equal(roll(""), 75);
	assert_int_equal(w->daemons, 2);
}

static void a_member_has_nothing_to_do(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(roll(""), 75);
	id = made().cluster_id;
	w->st = cluster_of(2);
	w->st.cluster_id = id;
	w->runs = true;
	assert_int_equal(roll(""), 0);
	assert_string_equal(out, "demo: node n1 is a member, and so are all of plan\n");
	assert_int_equal(roll("-j"), 0);
	assert_contains(out, "\"made\":\tfalse");
	assert_contains(out, "\"role\":\t\"voter\"");
	assert_int_equal(w->changes, 0);
	w->st.quorum = false;
	assert_int_equal(roll(""), 69);
}

static void the_leader_takes_in_who_has_come(void **state)
{
	uint64_t id;

	(void)state;
	write_plan(3);
	assert_int_equal(roll(""), 75);
	id = made().cluster_id;
	w->st = cluster_of(2);
	w->st.cluster_id = id;
	w->runs = true;
	strcpy(newcomer_up(&w->st, 5)->name, "n3");
	assert_int_equal(run(&command_init, "init --from plan --node n1 --dir node --timeout 5"), 0);
	assert_contains(out, "demo: took n3 in, number 5\n");
	assert_int_equal(w->changes, 1);
	assert_int_equal(w->change.id, 5);
	assert_string_equal(w->change.name, "n3");
	assert_string_equal(w->change.address, "127.0.0.1:3");
	assert_true(w->change.promote);
	assert_int_equal(w->change.learners, 0x20);
}

static void it_joins_a_cluster_that_runs(void **state)
{
	struct kquorum_config c;

	(void)state;
	other_belongs();
	assert_int_equal(roll(""), 75);
	assert_contains(out, "node n1, number 3, which joins\n");
	c = made();
	assert_int_equal(c.founders, 2);
	assert_true(c.cluster_id == 0xabc);
	assert_int_equal(c.lease_ms, 20000);
	assert_int_equal(c.segments, 4);
	assert_int_equal(c.n_members, 3);
	assert_string_equal(c.members[0].name, "n9");
}

/* It began to wait before the other one answered. */
static void it_is_made_anew_when_there_is_a_cluster(void **state)
{
	struct kquorum_config c;

	(void)state;
	assert_int_equal(roll(""), 75);
	put_text("node/snapshot-00000000000000000001-1.kqs", "old");
	other_belongs();
	assert_int_equal(roll(""), 75);
	assert_contains(out, "demo: n2 belongs to a cluster: this machine joins it\n"
			"demo: made node anew: node n1, number 3, which joins\n"
			"demo: started the node\n");
	assert_contains(out, "n1 is taken in by the same command where the leader of demo runs");
	assert_int_equal(w->stops, 1);
	c = made();
	assert_int_equal(c.founders, 2);
	assert_true(access("node/snapshot-00000000000000000001-1.kqs", F_OK));
	assert_int_equal(w->starts, 2);
}

static void what_stands_in_its_way_is_said(void **state)
{
	(void)state;
	other_belongs();
	strcpy(w->told.member[0].name, "n1");
	assert_int_equal(roll(""), 1);
	assert_contains(out, "kquorum member replace n1 n1=127.0.0.1:1\n");
	assert_fits();
	assert_true(access("node", F_OK));
	/* Files of others, or of nobody any more. */
	assert_int_equal(system("mkdir node && touch node/segment-0000"), 0);
	assert_int_equal(roll(""), 1);
	assert_contains(out, "node has segment files but no kquorum.conf");
	assert_fits();
	assert_int_equal(system("rm node/segment-0000 && touch node/founded"), 0);
	assert_int_equal(roll(""), 1);
	assert_contains(out, "was a node of a cluster that has begun");
	assert_fits();
	put_text("node/kquorum.conf", "nonsense\n");
	assert_int_equal(roll(""), 1);
	assert_contains(out, "node/kquorum.conf:1: ");
	assert_int_equal(system("rm -r node"), 0);
	w->told.node = 0;
	assert_int_equal(roll(""), 75);
	w->runs = true;
	w->st = cluster_of(3);
	assert_int_equal(roll(""), 1);
	assert_contains(out, "a node of cluster demo runs here already, not that of node");
	w->runs = false;
	assert_int_equal(run(&command_init, "init --from plan --node n2 --dir node"), 1);
	assert_contains(out, "node is of node n1 of cluster demo, not of n2 of demo");
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(it_is_made_started_and_waits),
		TEST(a_member_has_nothing_to_do),
		TEST(the_leader_takes_in_who_has_come),
		TEST(it_joins_a_cluster_that_runs),
		TEST(it_is_made_anew_when_there_is_a_cluster),
		TEST(what_stands_in_its_way_is_said),
	};
	int ret;

	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w == MAP_FAILED)
		return 1;
	tmp_make();
	if (chdir(tmp))
		return 1;
	other_machine();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return tmp_remove() ? 1 : ret;
}
