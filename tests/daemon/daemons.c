// SPDX-License-Identifier: GPL-2.0
/*
 * Daemons as processes of their own. What they say goes to a file in memory each, and in the end to
 * $KQD_TEST_LOG, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemons.h"

pid_t daemons[FAKE_NODES + 1];
uint16_t ports[FAKE_NODES + 1];
void (*daemon_config)(struct kqd *d, unsigned int id);

static int said[FAKE_NODES + 1];	/* what each has said */

/* A port that is free now; the daemons listen on it a moment later. */
uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

/* A place for daemons to come to that the test itself looks after. */
int listen_on(uint16_t port, int backlog)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void config(struct kquorum_config *c, unsigned int id)
{
	unsigned int i;

	kquorum_config_defaults(c);
	strcpy(c->name, "fake");
	c->cluster_id = 1;
	c->node_id = id;
	c->n_members = FAKE_NODES;
	for (i = 1; i <= FAKE_NODES; i++) {
		struct kquorum_config_member *m = &c->members[i - 1];

		m->id = i;
		snprintf(m->name, sizeof(m->name), "n%u", i);
		/* Node 1 is found by a name, so that the look-up is run, too. */
		strcpy(m->address.host, i == 1 ? "localhost" : "127.0.0.1");
		m->address.port = ports[i];
	}
	strcpy(c->node_name, c->members[id - 1].name);
	strcpy(c->listen.host, "127.0.0.1");
	c->listen.port = ports[id];
}

pid_t daemon_start(unsigned int id, bool exit_with_node)
{
	static struct kqd d;
	pid_t pid = fork();

	if (pid)
		return daemons[id] = pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(said[id], STDERR_FILENO);
	setlinebuf(stderr);
	fake_self = id;
	kqd_log_init(true);
	d.opt.dir = "fake";
	d.opt.exit_with_node = exit_with_node;
	config(&d.config, id);
	if (daemon_config)
		daemon_config(&d, id);
	d.election_ms = fake->election_ms;
	d.heartbeat_ms = fake->heartbeat_ms;
	if (kqd_loop_init(&d.loop) || kqd_signals_init(&d) || kqd_node_init(&d) || kqd_loop_run(&d.loop))
		_exit(99);
	_exit(d.exit_status);
}

/* New ports and empty logs; after fake_init() or fake_reset(). */
void daemons_begin(void)
{
	unsigned int i;

	daemon_config = NULL;
	for (i = 1; i <= FAKE_NODES; i++) {
		ports[i] = free_port();
		said[i] = memfd_create("said", MFD_CLOEXEC);
		assert_true(said[i] >= 0);
		fcntl(said[i], F_SETFL, O_APPEND);
	}
}

/* Its exit status; -1: it still runs after 5 s; 1000 + signal. */
int daemon_exit_status(pid_t pid)
{
	int i, status;

	for (i = 0; i < 500 && waitpid(pid, &status, WNOHANG) != pid; i++)
		sleep_ms(10);
	if (i == 500)
		return -1;
	for (i = 1; i <= FAKE_NODES; i++)
		if (daemons[i] == pid)
			daemons[i] = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void daemon_kill(unsigned int id)
{
	kill(daemons[id], SIGKILL);
	assert_int_equal(daemon_exit_status(daemons[id]), 1000 + SIGKILL);
}

/* All that a daemon has said; to be freed. */
static char *daemon_text(unsigned int id)
{
	off_t len = lseek(said[id], 0, SEEK_END);
	char *text = calloc(1, len + 1);

	assert_non_null(text);
	assert_int_equal(pread(said[id], text, len, 0), len);
	return text;
}

void daemons_end(void)
{
	const char *path = getenv("KQD_TEST_LOG");
	FILE *log = path ? fopen(path, "a") : NULL;
	unsigned int i;

	for (i = 1; i <= FAKE_NODES; i++) {
		char *text;

		if (daemons[i])
			daemon_kill(i);
		text = daemon_text(i);
		if (log)
			fprintf(log, "--- node %u\n%s", i, text);
		free(text);
		close(said[i]);
	}
	if (log)
		fclose(log);
}

/* How often has a daemon said this? */
unsigned int daemon_said(unsigned int id, const char *text)
{
	char *all = daemon_text(id), *p;
	unsigned int n = 0;

	for (p = strstr(all, text); p; p = strstr(p + 1, text))
		n++;
	free(all);
	return n;
}

void sleep_ms(unsigned int ms)
{
	poll(NULL, 0, ms);
}

bool wait_for(bool (*what)(void))
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if (what())
			return true;
		sleep_ms(10);
	}
	return false;
}

bool all_connected(void)
{
	unsigned int i, j;
	bool all = true;

	fake_lock();
	for (i = 1; i <= FAKE_NODES; i++)
		for (j = 1; j <= FAKE_NODES; j++)
			all &= i == j || fake->node[i].connected[j];
	fake_unlock();
	return all;
}

/* Both sides see that the connection of @a and @b broke. */
void cut(unsigned int a, unsigned int b)
{
	fake_lock();
	fake->node[a].connected[b] = false;
	fake->node[b].connected[a] = false;
	fake_unlock();
	fake_wake(a, KQUORUM_EVENT_PEER);
	fake_wake(b, KQUORUM_EVENT_PEER);
}

/* How often @a was given a connection to @b. */
unsigned int attached(unsigned int a, unsigned int b)
{
	unsigned int n;

	fake_lock();
	n = fake->node[a].attached[b];
	fake_unlock();
	return n;
}

/* Does the status of a node say this of another? */
bool noted(unsigned int node, unsigned int of, const char *text)
{
	bool is;

	fake_lock();
	is = strstr(fake->node[node].note[of], text);
	fake_unlock();
	return is;
}

/* Without waiting for long: a full queue of connections gives no answer. -1: refused. */
int try_to_connect(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	struct timeval limit = { .tv_usec = 50000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)) || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

bool listens(uint16_t port)
{
	int fd = try_to_connect(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int connect_to(unsigned int id)
{
	int fd = try_to_connect(ports[id]);

	assert_true(fd >= 0);
	return fd;
}

/* The other side closes within @ms, without having said anything. */
bool closed_without_a_word(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = recv(fd, &byte, 1, 0);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}
