// SPDX-License-Identifier: GPL-2.0
/*
 * Daemons in a cluster that changes: nodes join, move, are renamed and leave, and some know it
 * later than others.
 */
#include <endian.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemons.h"

#define BIT(n) (1u << (n))

static int setup(void **state)
{
	fake_reset();
	daemons_begin();
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	return 0;
}

static void start_all(void)
{
	unsigned int i;

	for (i = 1; i <= FAKE_NODES; i++)
		daemon_start(i, false);
}

static void kick(unsigned int id)
{
	fake_wake(id, KQUORUM_EVENT_STATE);
}

/* What is the newest configuration for a node, from its next look at its status on. */
static void knows(unsigned int id, uint32_t voters, uint32_t learners)
{
	fake_lock();
	fake->node[id].voters = voters;
	fake->node[id].learners = learners;
	fake_unlock();
}

/* Where a node is in the configuration, for all that name it there. */
static void moves(unsigned int id, uint16_t port)
{
	fake_lock();
	snprintf(fake->address[id], sizeof(fake->address[id]), "127.0.0.1:%u", port);
	fake_unlock();
}

static bool connected(unsigned int a, unsigned int b)
{
	bool both;

	fake_lock();
	both = fake->node[a].connected[b] && fake->node[b].connected[a];
	fake_unlock();
	return both;
}

static bool one_and_two(void) { return connected(1, 2); }
static bool one_and_three(void) { return connected(1, 3); }

/* kquorum.conf does not name node 1 (but for its own). */
static void not_in_file(struct kqd *d, unsigned int id)
{
	struct kquorum_config *c = &d->config;

	if (id != 1)
		memmove(c->members, c->members + 1, --c->n_members * sizeof(c->members[0]));
}

/* Node 1 joins a cluster that 2 and 3 have begun. */
static void one_joins(struct kqd *d, unsigned int id)
{
	not_in_file(d, id);
	d->config.founders = id == 1 ? 2 : 0;
}

static void prepare_joiner(void)
{
	/* Nobody loses patience with a higher one within a test. */
	fake->election_ms = 5000;
	daemon_config = one_joins;
	fake->node[1].named = FAKE_ALL;
	knows(1, 0, 0);
	knows(2, BIT(2) | BIT(3), 0);
	knows(3, BIT(2) | BIT(3), 0);
}

static void a_joiner_with_a_lower_number_is_connected(void **state)
{
	unsigned int i, j;

	prepare_joiner();
	start_all();
	assert_true(wait_for(all_connected));
	sleep_ms(300);
	for (i = 1; i <= FAKE_NODES; i++) {
		assert_int_equal(fake->node[i].bad_attach, 0);
		for (j = 1; j <= FAKE_NODES; j++)
			assert_int_equal(attached(i, j), i != j);
	}
}

/* The members know already that it is one, and dial it; it does not yet, and dials them. */
static void both_that_dial_end_with_one_connection(void **state)
{
	unsigned int round, before;

	prepare_joiner();
	moves(1, ports[1]);
	start_all();
	assert_true(wait_for(all_connected));
	for (round = 0; round < 10; round++) {
		before = attached(1, 2);
		assert_int_equal(attached(2, 1), before);
		knows(2, BIT(2) | BIT(3), BIT(1));
		knows(3, BIT(2) | BIT(3), BIT(1));
		cut(1, 2);
		cut(1, 3);
		assert_true(wait_for(all_connected));
		sleep_ms(100);
		assert_true(all_connected());
		assert_int_equal(attached(1, 2), before + 1);
		assert_int_equal(attached(1, 3), attached(3, 1));
	}
}

/* The connection that somebody makes within @ms to where the test listens; -1: nobody. */
static int comes_to(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 ? accept(fd, NULL, NULL) : -1;
}

static bool somebody_comes_to(int fd, int ms)
{
	int s = comes_to(fd, ms);

	if (s >= 0)
		close(s);
	return s >= 0;
}

static void founders_wait_for_the_higher_ones(void **state)
{
	int fd = listen_on(ports[2], 8);

	fake->node[1].named = FAKE_ALL;
	knows(1, 0, 0);
	daemon_start(1, false);
	assert_false(somebody_comes_to(fd, 500));
	daemon_kill(1);
	daemon_config = one_joins;
	daemon_start(1, false);
	assert_true(somebody_comes_to(fd, 2000));
	close(fd);
}

static bool three_is_refused(void) { return noted(1, 3, "Connection refused"); }
static bool nothing_of_three(void) { return !noted(1, 3, "C"); }

/* Its log begins with members that are long gone; the present ones are in kquorum.conf. */
static void a_joiner_dials_whom_its_file_names_until_it_is_a_member(void **state)
{
	prepare_joiner();
	knows(1, BIT(3), 0);
	daemon_start(1, false);
	daemon_start(2, false);
	assert_true(wait_for(one_and_two));
	knows(1, BIT(2), 0);
	kick(1);
	assert_true(wait_for(three_is_refused));
	knows(1, BIT(1) | BIT(2), 0);
	knows(2, BIT(1) | BIT(2), 0);
	kick(1);
	assert_true(wait_for(nothing_of_three));
	assert_int_equal(attached(1, 2), 1);
}

/* Sends the greeting of node 1 to node 2. */
static int greets_two(uint64_t cluster, uint64_t incarnation)
{
	struct kqd_hello h = { .from = 1, .name = "n1", .to = 2, .cluster = cluster,
		.past = { .identity = htole64(1), .incarnation = htole64(incarnation) } };
	struct kquorum_hello wire;
	int fd = connect_to(2);

	kqd_hello_encode(&wire, &h);
	assert_int_equal(send(fd, &wire, sizeof(wire), 0), sizeof(wire));
	return fd;
}

static bool two_listens(void) { return listens(ports[2]); }
static bool three_listens(void) { return listens(ports[3]); }
static bool three_is_deaf(void) { return !listens(ports[3]); }

static void a_lower_one_is_taken_unless_it_is_a_member(void **state)
{
	struct kquorum_hello answer;
	int fd;

	prepare_joiner();
	daemon_start(2, false);
	assert_true(wait_for(two_listens));
	fd = greets_two(0xc0ffee, 1001);
	assert_int_equal(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	close(fd);
	sleep_ms(100);
	assert_int_equal(attached(2, 1), 1);

	cut(1, 2);
	knows(2, BIT(2) | BIT(3), BIT(1));
	kick(2);
	sleep_ms(100);
	fd = greets_two(0xc0ffee, 1001);
	assert_true(closed_without_a_word(fd, 2000));
	close(fd);
	sleep_ms(100);
	assert_int_equal(attached(2, 1), 1);
	/* That is not the reason why they are not connected. */
	assert_false(noted(2, 1, "wait"));
}

static bool stranger_is_noted(void) { return noted(2, 1, "1: it is of another cluster"); }
static bool refusal_is_noted(void) { return noted(2, 1, "refused, from 127.0.0.1: it is not"); }

static void why_one_that_is_no_member_is_refused_is_noted(void **state)
{
	int fd;

	prepare_joiner();
	daemon_start(2, false);
	assert_true(wait_for(two_listens));
	fd = greets_two(0xdecaf, 1001);
	assert_true(wait_for(stranger_is_noted));
	close(fd);
	fd = greets_two(0xc0ffee, 1);
	assert_true(wait_for(refusal_is_noted));
	close(fd);
	assert_int_equal(attached(2, 1), 0);
}

/* Node 2 was away while node 1 joined: it neither dials node 1 nor would it hear of it else. */
static void a_member_dials_a_higher_one_that_does_not_know_it(void **state)
{
	daemon_config = not_in_file;
	knows(1, BIT(1) | BIT(2), 0);
	knows(2, BIT(2) | BIT(3), 0);
	daemon_start(1, false);
	sleep_ms(3200);
	/* It is down, as far as can be seen: who has to dial it says so. */
	assert_int_equal(daemon_said(1, "trying on"), 0);
	assert_false(noted(1, 2, "C"));
	daemon_start(2, false);
	assert_true(wait_for(one_and_two));
	sleep_ms(100);
	assert_int_equal(daemon_said(1, "n2 does not know this node as a member"), 1);
}

static void a_peer_that_only_the_status_names_is_dialled(void **state)
{
	daemon_config = not_in_file;
	moves(1, ports[1]);
	daemon_start(1, false);
	daemon_start(3, false);
	assert_true(wait_for(one_and_three));
	/* Later it is said to be elsewhere: that is for the next time. */
	moves(1, free_port());
	kick(1);
	kick(3);
	sleep_ms(300);
	assert_true(one_and_three());
	assert_int_equal(attached(3, 1), 1);
}

/* Node 3 alone, which has nobody to dial but node 1, at ports[1] for its kquorum.conf. */
static void start_three(void)
{
	knows(3, BIT(1) | BIT(3), 0);
	daemon_start(3, false);
}

static void numeric_in_file(struct kqd *d, unsigned int id)
{
	strcpy(d->config.members[0].address.host, "127.0.0.1");
}

static void addresses_are_tried_by_turns_the_configuration_first(void **state)
{
	uint16_t port = free_port();
	int told = listen_on(port, 8), file = listen_on(ports[1], 8), i;

	daemon_config = numeric_in_file;
	moves(1, port);
	start_three();
	for (i = 0; i < 3; i++) {
		assert_true(somebody_comes_to(told, 2000));
		assert_false(somebody_comes_to(file, 0));
		assert_true(somebody_comes_to(file, 2000));
		assert_false(somebody_comes_to(told, 0));
	}
	close(told);
	close(file);
}

/* A hundred attempts are a line for each address. */
static void each_reason_is_said_once_until_something_changes(void **state)
{
	daemon_config = numeric_in_file;
	moves(1, free_port());
	start_three();
	sleep_ms(1500);
	assert_true(daemon_said(3, "cannot connect to n1: ") > 6);
	assert_int_equal(daemon_said(3, "; trying on"), 2);
	assert_true(noted(3, 1, "Connection refused"));
	moves(1, free_port());
	kick(3);
	sleep_ms(500);
	assert_int_equal(daemon_said(3, "; trying on"), 4);
}

static void a_peer_that_moves_is_dialled_at_once(void **state)
{
	uint16_t old_port = free_port(), new_port = free_port();
	int old = listen_on(old_port, 8), new = listen_on(new_port, 8), i;

	fake->heartbeat_ms = 1000;
	daemon_config = not_in_file;
	moves(1, old_port);
	start_three();
	/* The fourth attempt would come after a second at the soonest. */
	for (i = 0; i < 3; i++)
		assert_true(somebody_comes_to(old, 3000));
	sleep_ms(100);
	moves(1, new_port);
	kick(3);
	assert_true(somebody_comes_to(new, 700));
	close(old);
	close(new);
}

/* The attempt under way has ten seconds. */
static void a_peer_that_moves_is_not_waited_for_where_it_was(void **state)
{
	uint16_t old_port = free_port(), new_port = free_port();
	int old = listen_on(old_port, 0), new = listen_on(new_port, 8), crowd[4], i;

	fake->election_ms = 10000;
	daemon_config = not_in_file;
	moves(1, old_port);
	for (i = 0; i < 4; i++)
		crowd[i] = try_to_connect(old_port);
	start_three();
	sleep_ms(300);
	moves(1, new_port);
	kick(3);
	assert_true(somebody_comes_to(new, 1000));
	assert_int_equal(daemon_said(3, "cannot connect to n1: 127.0.0.1"), 0);
	for (i = 0; i < 4; i++)
		close(crowd[i]);
	close(old);
	close(new);
}

static bool three_is_alone(void)
{
	return !connected(1, 3) && !connected(2, 3) && fake->node[3].detached == 2;
}

static void three_leaves(void)
{
	unsigned int i;

	for (i = 1; i <= FAKE_NODES; i++)
		knows(i, BIT(1) | BIT(2), 0);
	fake_lock();
	fake->node[3].left = true;
	fake->node[3].role = KQUORUM_FOLLOWER;
	fake->node[3].canvass = KQUORUM_CANVASS_NONE;
	for (i = 1; i <= FAKE_NODES; i++)
		fake->node[i].leader = 0;
	fake_unlock();
	for (i = 1; i <= FAKE_NODES; i++)
		kick(i);
}

static void three_is_made_anew(void)
{
	unsigned int i;

	for (i = 1; i <= FAKE_NODES; i++)
		knows(i, FAKE_ALL, 0);
	fake_lock();
	fake->node[3].left = false;
	fake->node[3].incarnation++;
	fake->node[3].epoch = 0;
	fake_unlock();
	for (i = 1; i <= FAKE_NODES; i++)
		kick(i);
}

static void a_node_that_has_left_keeps_to_itself(void **state)
{
	unsigned int stood, before, i;

	start_all();
	assert_true(wait_for(all_connected));
	before = attached(3, 1) + attached(3, 2);
	three_leaves();
	assert_true(wait_for(three_is_alone));
	assert_true(wait_for(three_is_deaf));
	stood = fake->node[3].canvasses;
	for (i = 0; i < 5; i++) {
		sleep_ms(300);
		kick(3);
	}
	assert_int_equal(attached(3, 1) + attached(3, 2), before);
	assert_int_equal(fake->node[3].canvasses, stood);
	assert_int_equal(fake->node[3].detached, 2);
	assert_int_equal(daemon_said(3, "this node has left the cluster: its connections"), 1);
	assert_int_equal(daemon_said(3, "kquorum join --force"), 1);
	three_is_made_anew();
	assert_true(wait_for(all_connected));
}

/* Its daemon was not there when it left: the next one closes what the kernel still has. */
static void a_new_daemon_closes_what_was_left_open(void **state)
{
	unsigned int before;

	start_all();
	assert_true(wait_for(all_connected));
	before = attached(3, 1) + attached(3, 2);
	daemon_kill(3);
	three_leaves();
	sleep_ms(100);
	assert_true(connected(1, 3));
	daemon_start(3, false);
	assert_true(wait_for(three_is_alone));
	assert_true(wait_for(three_is_deaf));
	assert_int_equal(attached(3, 1) + attached(3, 2), before);
}

static unsigned int stands_within(unsigned int id, unsigned int ms)
{
	unsigned int before, now;

	fake_lock();
	before = fake->node[id].canvasses;
	fake_unlock();
	kick(id);
	sleep_ms(ms);
	fake_lock();
	now = fake->node[id].canvasses;
	fake_unlock();
	return now - before;
}

static void only_a_voter_stands(void **state)
{
	unsigned int i;

	for (i = 1; i <= FAKE_NODES; i++)
		knows(i, BIT(1) | BIT(2), BIT(3));
	start_all();
	assert_true(wait_for(all_connected));
	/* The voters' daemons are gone; their kernels would still vote. */
	daemon_kill(1);
	daemon_kill(2);
	for (i = 1; i <= FAKE_NODES; i++) {
		fake->node[i].role = KQUORUM_FOLLOWER;
		fake->node[i].leader = 0;
	}
	assert_int_equal(stands_within(3, 1000), 0);	/* a learner */
	knows(3, BIT(1) | BIT(2), 0);
	assert_int_equal(stands_within(3, 1000), 0);	/* none of them yet */
	knows(3, 0, 0);
	assert_int_equal(stands_within(3, 1000), 0);	/* there is no configuration */
	knows(3, FAKE_ALL, 0);
	assert_true(stands_within(3, 2000));
}

static void names_are_those_of_the_status(void **state)
{
	strcpy(fake->name[1], "alpha");
	daemon_start(1, false);
	daemon_start(3, false);
	assert_true(wait_for(one_and_three));
	sleep_ms(100);
	assert_int_equal(daemon_said(3, "alpha is connected"), 1);
	assert_int_equal(daemon_said(1, "took node alpha of"), 1);
	fake_lock();
	strcpy(fake->name[1], "beta");
	fake_unlock();
	cut(1, 3);
	assert_true(wait_for(one_and_three));
	sleep_ms(100);
	assert_int_equal(daemon_said(3, "the connection to beta ended"), 1);
	assert_int_equal(daemon_said(3, "n1 is"), 0);
	assert_int_equal(daemon_said(1, "does not know this node"), 0);
}

static char dir[] = "/tmp/kquorum-member-test-XXXXXX";
static uint16_t new_port;

static void write_file(const struct kquorum_config *c)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(kquorum_config_write(f, c), 0);
	fclose(f);
}

/* What the daemon starts with is of before; the file is of after. */
static void stale_config(struct kqd *d, unsigned int id)
{
	struct kquorum_config later = d->config;

	later.listen.port = new_port;
	later.advertise = later.members[id - 1].address;
	write_file(&later);
	d->opt.dir = dir;
}

static bool three_listens_elsewhere(void) { return listens(new_port) && three_is_deaf(); }

static void the_file_is_read_again_for_a_new_node(void **state)
{
	char path[64];

	assert_non_null(mkdtemp(dir));
	new_port = free_port();
	daemon_config = stale_config;
	start_three();
	assert_true(wait_for(three_listens));
	three_is_made_anew();
	assert_true(wait_for(three_listens_elsewhere));
	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	unlink(path);
	rmdir(dir);
}

static char founders_dir[] = "/tmp/kquorum-founded.XXXXXX";

static void one_has_a_directory(struct kqd *d, unsigned int id)
{
	if (id == 1)
		d->opt.dir = founders_dir;
}

static bool marked(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", founders_dir, KQUORUM_FOUNDED_FILE);
	return !access(path, F_OK);
}

/* Before that its first entry may be lost, and it has to begin the cluster again. */
static void a_founder_is_marked_once_its_cluster_has_begun(void **state)
{
	char path[64];

	assert_non_null(mkdtemp(founders_dir));
	daemon_config = one_has_a_directory;
	start_all();
	assert_true(wait_for(all_connected));
	assert_false(marked());
	fake_lock();
	fake->node[1].settled = true;
	fake_unlock();
	kick(1);
	assert_true(wait_for(marked));
	snprintf(path, sizeof(path), "%s/%s", founders_dir, KQUORUM_FOUNDED_FILE);
	unlink(path);
	rmdir(founders_dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_joiner_with_a_lower_number_is_connected),
		TEST(both_that_dial_end_with_one_connection),
		TEST(founders_wait_for_the_higher_ones),
		TEST(a_joiner_dials_whom_its_file_names_until_it_is_a_member),
		TEST(a_lower_one_is_taken_unless_it_is_a_member),
		TEST(why_one_that_is_no_member_is_refused_is_noted),
		TEST(a_member_dials_a_higher_one_that_does_not_know_it),
		TEST(a_peer_that_only_the_status_names_is_dialled),
		TEST(addresses_are_tried_by_turns_the_configuration_first),
		TEST(each_reason_is_said_once_until_something_changes),
		TEST(a_peer_that_moves_is_dialled_at_once),
		TEST(a_peer_that_moves_is_not_waited_for_where_it_was),
		TEST(a_node_that_has_left_keeps_to_itself),
		TEST(a_new_daemon_closes_what_was_left_open),
		TEST(only_a_voter_stands),
		TEST(names_are_those_of_the_status),
		TEST(the_file_is_read_again_for_a_new_node),
		TEST(a_founder_is_marked_once_its_cluster_has_begun),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_member", tests, NULL, NULL);
}
