// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum bench: how fast this cluster commits and locks. One process, one
 * epoll loop, many clients, each with one request under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cli.h"

#define MAX_CLIENTS 1024

static const struct cli_option options[] = {
	{ 'c', "clients", "N", "clients at once (default 1)" },
	{ 'n', "operations", "N", "stop after so many (default: by time)" },
	{ 't', "time", "TIME", "stop after this time (default 5s)" },
	{ 's', "size", "BYTES", "payload of an entry, for commit (default 128)" },
	{ 0 },
};

struct client {
	int fd;
	uint64_t asked_ns;
};

struct bench {
	struct kquorum *k;
	bool locks;
	unsigned int clients;
	uint64_t operations, time_ns, bytes;
	int epoll;
	struct client client[MAX_CLIENTS];
	char payload[KQUORUM_PAYLOAD_MAX];
	uint64_t *samples;	/* ns */
	size_t done, room;
	uint64_t failed, started, begun_ns, ended_ns;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	interrupted = signal;
}

static void take(int key, const char *arg, void *user)
{
	struct bench *b = user;
	uint64_t bytes;

	switch (key) {
	case 'c':
		b->clients = cli_number("--clients", arg, 1, MAX_CLIENTS);
		break;
	case 'n':
		b->operations = cli_number("--operations", arg, 1, 1000000000);
		break;
	case 't':
		b->time_ns = cli_duration("--time", arg);
		break;
	case 's':
		if (parse_size(arg, &bytes) || !bytes || bytes > KQUORUM_PAYLOAD_MAX)
			cli_usage_error("--size: \"%s\" is not 1 to %d bytes", arg, KQUORUM_PAYLOAD_MAX);
		b->bytes = bytes;
		break;
	}
}

static int watch_fd(struct bench *b, unsigned int i)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };

	return epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->client[i].fd, &e);
}

/* Each client has its own resource: what is measured is the path, not the queue. */
static int ask_lock(struct bench *b, unsigned int i)
{
	struct client *c = &b->client[i];
	struct kquorum_lock_request request = { .flags = KQUORUM_LOCK_CLOEXEC };
	char name[64];

	request.resource = name;
	snprintf(name, sizeof(name), "bench/%d/%u", getpid(), i);
	c->asked_ns = now_ns();
	c->fd = kquorum_lock_open(b->k, &request);
	if (c->fd < 0) {
		cli_error("%s", kquorum_error(b->k));
		return c->fd;
	}
	return watch_fd(b, i) ? -errno : 0;
}

static int ask_commit(struct bench *b, unsigned int i)
{
	struct client *c = &b->client[i];

	c->asked_ns = now_ns();
	if (write(c->fd, b->payload, b->bytes) == (ssize_t)b->bytes)
		return 0;
	cli_error("append: %s", strerror(errno));
	return -errno;
}

static int ask(struct bench *b, unsigned int i)
{
	b->started++;
	return b->locks ? ask_lock(b, i) : ask_commit(b, i);
}

static bool is_over(const struct bench *b)
{
	if (interrupted)
		return true;
	if (b->operations)
		return b->started >= b->operations;
	return now_ns() - b->begun_ns >= b->time_ns;
}

static void record(struct bench *b, uint64_t ns)
{
	if (b->done == b->room) {
		b->room = b->room ? 2 * b->room : 65536;
		b->samples = realloc(b->samples, b->room * sizeof(*b->samples));
		if (!b->samples)
			abort();
	}
	b->samples[b->done++] = ns;
}

/* 1: the operation is over; 0: not yet. A failed one is counted and not timed. */
static int finish_commit(struct bench *b, struct client *c)
{
	struct kquorum_append_result r;
	ssize_t got = read(c->fd, &r, sizeof(r));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* The end of the stream: the node went down. */
	if (got != sizeof(r))
		return -ENODEV;
	if (r.error)
		b->failed++;
	else
		record(b, now_ns() - c->asked_ns);
	return 1;
}

static int finish_lock(struct bench *b, struct client *c)
{
	struct kquorum_lock_info info;
	int ret = kquorum_lock_read(c->fd, &info);

	if (ret)
		return ret;
	if (info.state < KQUORUM_LOCK_GRANTED)
		return 0;
	if (info.state == KQUORUM_LOCK_GRANTED)
		record(b, now_ns() - c->asked_ns);
	else
		b->failed++;
	close(c->fd);
	c->fd = -1;
	return 1;
}

static int loop(struct bench *b)
{
	struct epoll_event events[64];
	unsigned int under_way = 0, i;
	int ret = 0, n;

	b->begun_ns = now_ns();
	for (i = 0; !ret && i < b->clients && !is_over(b); i++, under_way++)
		ret = ask(b, i);
	while (!ret && under_way && !interrupted) {
		n = epoll_wait(b->epoll, events, 64, 1000);
		for (i = 0; n > 0 && !ret && i < (unsigned int)n; i++) {
			unsigned int at = events[i].data.u32;

			ret = b->locks ? finish_lock(b, &b->client[at]) : finish_commit(b, &b->client[at]);
			if (ret <= 0)
				continue;
			ret = 0;
			under_way--;
			if (is_over(b))
				continue;
			under_way++;
			ret = ask(b, at);
		}
	}
	b->ended_ns = now_ns();
	return ret;
}

static int open_clients(struct bench *b)
{
	unsigned int i;

	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < b->clients; i++)
		b->client[i].fd = -1;
	for (i = 0; !b->locks && i < b->clients; i++) {
		int fd = kquorum_append_open(b->k);

		if (fd < 0) {
			cli_error("%s", kquorum_error(b->k));
			return fd;
		}
		b->client[i].fd = fd;
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		if (watch_fd(b, i))
			return -errno;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The smallest sample that at least @permille of 1000 do not exceed. */
static uint64_t percentile(const struct bench *b, unsigned int permille)
{
	size_t rank = (b->done * permille + 999) / 1000;

	return b->samples[rank ? rank - 1 : 0];
}

static void report(struct bench *b)
{
	double seconds = (b->ended_ns - b->begun_ns) / 1e9, rate = b->done / seconds;
	static const struct { const char *name; unsigned int permille; } marks[] = {
		{ "p50_us", 500 }, { "p99_us", 990 }, { "p999_us", 999 }, { "max_us", 1000 },
	};
	char text[FORMAT_MAX];
	cJSON *o;
	size_t i;

	qsort(b->samples, b->done, sizeof(*b->samples), compare);
	if (!cli.json) {
		printf("%s: %u clients, %zu operations in %.2f s, %.0f/s, %" PRIu64 " failed\n",
		       b->locks ? "lock and unlock" : "durable commit", b->clients, b->done, seconds, rate,
		       b->failed);
		printf("latency%s: p50 %.0f us, p99 %.0f us, p99.9 %.0f us, max %.0f us\n",
		       b->locks ? " until granted" : "", percentile(b, 500) / 1e3, percentile(b, 990) / 1e3,
		       percentile(b, 999) / 1e3, percentile(b, 1000) / 1e3);
		return;
	}
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "operation", b->locks ? "lock" : "commit");
	json_u64(o, "clients", b->clients);
	if (!b->locks)
		json_u64(o, "payload_bytes", b->bytes);
	json_u64(o, "operations", b->done);
	json_u64(o, "failed", b->failed);
	snprintf(text, sizeof(text), "%.3f", seconds);
	cJSON_AddRawToObject(o, "elapsed_s", text);
	snprintf(text, sizeof(text), "%.1f", rate);
	cJSON_AddRawToObject(o, "operations_per_s", text);
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		json_time(o, marks[i].name, percentile(b, marks[i].permille));
	json_print(o, false);
}

static int bench(struct bench *b)
{
	struct sigaction catch = { .sa_handler = on_signal };
	struct kquorum_status st;
	unsigned int i;
	int ret;

	ret = kquorum_status(b->k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(b->k));
		return cli_exit_code(ret);
	}
	if (!st.quorum) {
		cli_error("there is no quorum: kquorum status says why");
		return KQUORUM_EXIT_NO_QUORUM;
	}
	sigaction(SIGINT, &catch, NULL);
	sigaction(SIGTERM, &catch, NULL);
	ret = open_clients(b);
	if (!ret)
		ret = loop(b);
	for (i = 0; i < b->clients; i++)
		if (b->client[i].fd >= 0)
			close(b->client[i].fd);
	close(b->epoll);
	if (ret) {
		cli_error("stopped after %zu operations: %s", b->done, strerror(-ret));
		return cli_exit_code(ret);
	}
	if (!b->done) {
		cli_error("no operation was done, %" PRIu64 " failed", b->failed);
		return interrupted ? 128 + interrupted : KQUORUM_EXIT_ERROR;
	}
	report(b);
	return b->failed ? KQUORUM_EXIT_ERROR : KQUORUM_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	int at, ret;

	if (!b)
		abort();
	b->clients = 1;
	b->bytes = 128;
	b->time_ns = 5 * NS_PER_SEC;
	at = cli_parse(argc, argv, take, b);
	if (argc - at != 1 || (strcmp(argv[at], "commit") && strcmp(argv[at], "lock")))
		cli_usage_error("commit or lock?");
	b->locks = !strcmp(argv[at], "lock");
	memset(b->payload, 'b', sizeof(b->payload));
	ret = cli_open(&b->k);
	if (!ret)
		ret = bench(b);
	kquorum_close(b->k);
	free(b->samples);
	free(b);
	return ret;
}

const struct cli_command command_bench = {
	.name = "bench",
	.synopsis = "commit|lock [-c CLIENTS] [-n OPERATIONS | -t TIME] [-s BYTES]",
	.summary = "measure commits or locks of this cluster",
	.details = "commit: each client appends an entry and waits until it is durable on a majority.\n"
		   "lock: each client takes and releases a resource of its own. The entries stay in the log.\n",
	.options = options,
	.json = true,
	.run = run,
};
