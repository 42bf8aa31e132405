// SPDX-License-Identifier: GPL-2.0
/* What a daemon says of its own node: that the others look for it elsewhere. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemons.h"

static char dir[] = "/tmp/kquorum-own-test-XXXXXX";
static struct kquorum_config conf;	/* what node 1 is started with, in the test too */

static void write_file(void)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(kquorum_config_write(f, &conf), 0);
	fclose(f);
}

static void with_file(struct kqd *d, unsigned int id)
{
	unsigned int i;

	d->opt.dir = dir;
	d->config.listen = conf.listen;
	d->config.advertise = conf.advertise;
	conf = d->config;
	for (i = 0; i < conf.n_members; i++)
		strcpy(conf.members[i].address.host, "127.0.0.1");
	write_file();
}

static int setup(void **state)
{
	fake_reset();
	daemons_begin();
	daemon_config = with_file;
	memset(&conf, 0, sizeof(conf));
	strcpy(conf.listen.host, "127.0.0.1");
	conf.listen.port = ports[1];
	conf.advertise = conf.listen;
	return 0;
}

static int teardown(void **state)
{
	daemons_end();
	return 0;
}

static int setup_all(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown_all(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	unlink(path);
	return rmdir(dir);
}

/* Where node 1 is in the configuration. */
static void moves(const char *host, uint16_t port)
{
	fake_lock();
	snprintf(fake->address[1], sizeof(fake->address[1]), "%s:%u", host, port);
	fake_unlock();
	fake_wake(1, KQUORUM_EVENT_STATE);
}

static void read_again(void)
{
	struct kquorum_config c;
	char path[64], why[256];

	/* The daemon wrote what it was started with, in a process of its own. */
	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	assert_int_equal(kquorum_config_read(path, &c, why, sizeof(why)), 0);
	c.listen = conf.listen;
	c.advertise = conf.advertise;
	conf = c;
	write_file();
	kill(daemons[1], SIGHUP);
}

static bool it_says_so(void) { return noted(1, 1, "not where the others look for it"); }
static bool it_does_not(void) { return !it_says_so(); }

static bool it_listens(void) { return listens(conf.listen.port); }

static void until_it_listens_there(void **state)
{
	uint16_t port = free_port();
	char text[80];

	daemon_start(1, false);
	assert_true(wait_for(it_listens));
	sleep_ms(100);
	assert_false(it_says_so());
	moves("127.0.0.1", port);
	assert_true(wait_for(it_says_so));
	snprintf(text, sizeof(text), "listens on 127.0.0.1:%u, not where", conf.listen.port);
	assert_true(noted(1, 1, text));
	moves("127.0.0.1", port);
	sleep_ms(100);
	snprintf(text, sizeof(text), "the others look for this node at 127.0.0.1:%u, and", port);
	assert_int_equal(daemon_said(1, text), 1);
	assert_int_equal(daemon_said(1, "systemctl reload kquorumd"), 1);
	conf.listen.port = conf.advertise.port = port;
	read_again();
	assert_true(wait_for(it_does_not));
	assert_true(wait_for(it_listens));
	sleep_ms(100);
	assert_false(it_says_so());
	assert_int_equal(daemon_said(1, "the others look for this node at"), 1);
}

/* Something before it forwards what comes there. */
static void unless_its_file_says_that_the_address_is_right(void **state)
{
	uint16_t port = free_port();

	daemon_start(1, false);
	moves("10.9.9.9", port);
	assert_true(wait_for(it_says_so));
	strcpy(conf.advertise.host, "10.9.9.9");
	conf.advertise.port = port;
	read_again();
	assert_true(wait_for(it_does_not));
}

static void all_addresses_are_its_own(void **state)
{
	strcpy(conf.listen.host, "0.0.0.0");
	daemon_start(1, false);
	moves("10.9.9.9", conf.listen.port + 1);
	assert_true(wait_for(it_says_so));
	moves("10.9.9.9", conf.listen.port);
	assert_true(wait_for(it_does_not));
	moves("10.9.9.9", conf.listen.port + 1);
	assert_true(wait_for(it_says_so));
}

/* On this machine its name may be one of loopback, which it is nowhere else. */
static void a_name_that_means_this_machine_only_is_no_proof(void **state)
{
	daemon_start(1, false);
	moves("10.9.9.9", conf.listen.port);
	assert_true(wait_for(it_says_so));
	moves("localhost", conf.listen.port);
	assert_true(wait_for(it_does_not));
	moves("10.9.9.9", conf.listen.port);
	assert_true(wait_for(it_says_so));
	moves("localhost", conf.listen.port + 1);
	assert_true(wait_for(it_does_not));
}

static void who_is_no_member_is_looked_for_nowhere(void **state)
{
	daemon_start(1, false);
	moves("10.9.9.9", conf.listen.port);
	assert_true(wait_for(it_says_so));
	fake_lock();
	fake->node[1].voters = 0xc;
	fake_unlock();
	fake_wake(1, KQUORUM_EVENT_STATE);
	assert_true(wait_for(it_does_not));
}

/* The module keeps what a daemon told it. */
static void the_next_daemon_takes_back_what_the_last_one_said(void **state)
{
	daemon_start(1, false);
	moves("10.9.9.9", conf.listen.port);
	assert_true(wait_for(it_says_so));
	daemon_kill(1);
	moves("127.0.0.1", conf.listen.port);
	assert_true(it_says_so());
	daemon_start(1, false);
	assert_true(wait_for(it_does_not));
}

static bool it_cannot_listen(void) { return noted(1, 1, "cannot listen on"); }

/* Where it cannot listen at all the address does not matter yet. */
static void that_it_cannot_listen_matters_more(void **state)
{
	strcpy(conf.listen.host, "10.9.9.9");
	daemon_start(1, false);
	moves("10.9.9.8", conf.listen.port);
	assert_true(wait_for(it_cannot_listen));
	strcpy(conf.listen.host, "127.0.0.1");
	read_again();
	assert_true(wait_for(it_says_so));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(until_it_listens_there),
		TEST(unless_its_file_says_that_the_address_is_right),
		TEST(all_addresses_are_its_own),
		TEST(a_name_that_means_this_machine_only_is_no_proof),
		TEST(who_is_no_member_is_looked_for_nowhere),
		TEST(the_next_daemon_takes_back_what_the_last_one_said),
		TEST(that_it_cannot_listen_matters_more),
	};

	fake_init();
	return cmocka_run_group_tests_name("daemon_own", tests, setup_all, teardown_all);
}
