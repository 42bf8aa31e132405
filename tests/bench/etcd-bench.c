// SPDX-License-Identifier: GPL-2.0
/*
 * How fast etcd puts and locks, asked as 'kquorum bench' asks kquorum: one process, one
 * epoll loop, many clients, each with one connection that stays open and one request
 * under way. Speaks HTTP/1.1 and JSON to etcd's gRPC gateway.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "samples.h"

#define MAX_CLIENTS 1024
#define MAX_SIZE 1024
#define NS_PER_S 1000000000ull
#define LEASE_TTL_S 600
#define STALL_MS 30000

struct http {
	int fd;
	size_t have;
	char in[8192];
};

/* Which answer a client waits for. */
enum step { STEP_PUT, STEP_LOCK, STEP_UNLOCK };

struct client {
	struct http http;
	enum step step;
	uint64_t asked_ns;	/* the operation: a put, or a lock and unlock */
	char name[96];		/* base64 */
	char lease[32];
	char held[256];		/* base64, as etcd answered */
};

struct bench {
	bool locks;
	unsigned int clients, size, seconds;
	struct sockaddr_in at;
	uint64_t begun_ns, end_ns, ended_ns;
	unsigned int under_way;
	int epoll;
	char payload[MAX_SIZE * 2];	/* base64 */
	struct samples samples, granted;
	struct client client[MAX_CLIENTS];
};

static struct bench bench;

static void fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "etcd-bench: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void base64(const char *from, size_t len, char *to)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	for (i = 0; i < len; i += 3) {
		unsigned int b[3] = { 0 }, n = len - i < 3 ? len - i : 3, k, v;

		for (k = 0; k < n; k++)
			b[k] = (unsigned char)from[i + k];
		v = b[0] << 16 | b[1] << 8 | b[2];
		for (k = 0; k < 4; k++)
			*to++ = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
	}
	*to = '\0';
}

/* --- HTTP --------------------------------------------------------------------------------- */

static void http_open(struct http *h, const struct sockaddr_in *at)
{
	int one = 1;

	h->have = 0;
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || connect(h->fd, (const struct sockaddr *)at, sizeof(*at)))
		fail("cannot connect to %s:%d: %s", inet_ntoa(at->sin_addr), ntohs(at->sin_port),
		     strerror(errno));
	setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* A request fits into the socket's buffer: a send that would wait is an error. */
static void http_post(struct http *h, const char *path, const char *format, ...)
{
	char body[4096], request[4608];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	if (len >= (int)sizeof(body))
		fail("request too long");
	len = snprintf(request, sizeof(request),
		       "POST %s HTTP/1.1\r\nHost: etcd\r\nContent-Type: application/json\r\n"
		       "Content-Length: %d\r\n\r\n%s", path, len, body);
	if (send(h->fd, request, len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		fail("%s: cannot send: %s", path, strerror(errno));
}

static char *header(char *head, const char *name)
{
	size_t len = strlen(name);
	char *line = head;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (!strncasecmp(line, name, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " ");
	}
	return NULL;
}

/* Return: the body when the whole answer is there, NULL when more must come. */
static char *http_answer(struct http *h)
{
	char *end, *body, *field;
	size_t len;

	h->in[h->have] = '\0';
	end = strstr(h->in, "\r\n\r\n");
	if (!end)
		return NULL;
	body = end + 4;
	end[2] = '\0';
	field = header(h->in, "Content-Length");
	end[2] = '\r';
	if (!field)
		fail("an answer without a length:\n%s", h->in);
	len = strtoul(field, NULL, 10);
	if ((size_t)(body - h->in) + len >= sizeof(h->in))
		fail("an answer of %zu bytes is too long", len);
	if (h->have < (size_t)(body - h->in) + len)
		return NULL;
	if (strncmp(h->in, "HTTP/1.1 200 ", 13))
		fail("etcd refuses:\n%s", h->in);
	h->have = 0;
	return body;
}

/* Return: the body, or NULL when more must come. */
static char *http_receive(struct http *h, int flags)
{
	ssize_t n = recv(h->fd, h->in + h->have, sizeof(h->in) - 1 - h->have, flags);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (n <= 0)
		fail("etcd closed a connection: %s", n ? strerror(errno) : "end of file");
	h->have += n;
	return http_answer(h);
}

static char *http_wait(struct http *h)
{
	char *body;

	do
		body = http_receive(h, 0);
	while (!body);
	return body;
}

/* The string behind "name": in flat JSON. */
static void json_string(const char *body, const char *name, char *to, size_t room)
{
	char pattern[64];
	const char *at;
	size_t len;

	snprintf(pattern, sizeof(pattern), "\"%s\":\"", name);
	at = strstr(body, pattern);
	if (!at)
		fail("no %s in: %s", name, body);
	at += strlen(pattern);
	len = strcspn(at, "\"");
	if (len >= room)
		fail("%s is too long in: %s", name, body);
	memcpy(to, at, len);
	to[len] = '\0';
}

/* --- the measurement ------------------------------------------------------------------------ */

static void ask(struct client *c)
{
	c->asked_ns = now_ns();
	if (bench.locks) {
		c->step = STEP_LOCK;
		http_post(&c->http, "/v3/lock/lock", "{\"name\":\"%s\",\"lease\":\"%s\"}", c->name,
			  c->lease);
	} else {
		c->step = STEP_PUT;
		http_post(&c->http, "/v3/kv/put", "{\"key\":\"%s\",\"value\":\"%s\"}", c->name,
			  bench.payload);
	}
}

static void answered(struct client *c, const char *body)
{
	uint64_t now = now_ns();

	if (c->step == STEP_LOCK) {
		samples_add(&bench.granted, now - c->asked_ns);
		json_string(body, "key", c->held, sizeof(c->held));
		c->step = STEP_UNLOCK;
		http_post(&c->http, "/v3/lock/unlock", "{\"key\":\"%s\"}", c->held);
		return;
	}
	samples_add(&bench.samples, now - c->asked_ns);
	bench.ended_ns = now;
	if (now >= bench.end_ns)
		bench.under_way--;
	else
		ask(c);
}

static void loop(void)
{
	struct epoll_event events[64];
	unsigned int i;
	int n, k;

	bench.begun_ns = now_ns();
	bench.end_ns = bench.begun_ns + bench.seconds * NS_PER_S;
	for (i = 0; i < bench.clients; i++)
		ask(&bench.client[i]);
	bench.under_way = bench.clients;
	while (bench.under_way) {
		n = epoll_wait(bench.epoll, events, 64, STALL_MS);
		if (!n)
			fail("no answer for %d s", STALL_MS / 1000);
		for (k = 0; k < n; k++) {
			struct client *c = &bench.client[events[k].data.u32];
			char *body = http_receive(&c->http, MSG_DONTWAIT);

			if (body)
				answered(c, body);
		}
	}
}

/* Each client has a key of its own: what is measured is the path, not the queue. */
static void open_clients(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	char name[64];
	unsigned int i;

	bench.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < bench.clients; i++) {
		struct client *c = &bench.client[i];

		http_open(&c->http, &bench.at);
		base64(name, snprintf(name, sizeof(name), "bench/%d/%u", getpid(), i), c->name);
		if (bench.locks) {
			http_post(&c->http, "/v3/lease/grant", "{\"TTL\":\"%d\"}", LEASE_TTL_S);
			json_string(http_wait(&c->http), "ID", c->lease, sizeof(c->lease));
		}
		e.data.u32 = i;
		if (epoll_ctl(bench.epoll, EPOLL_CTL_ADD, c->http.fd, &e))
			fail("epoll: %s", strerror(errno));
	}
}

static void close_clients(void)
{
	unsigned int i;

	for (i = 0; i < bench.clients; i++) {
		struct client *c = &bench.client[i];

		if (bench.locks) {
			http_post(&c->http, "/v3/lease/revoke", "{\"ID\":\"%s\"}", c->lease);
			http_wait(&c->http);
		}
		close(c->http.fd);
	}
}

static void report(void)
{
	double elapsed_s = (bench.ended_ns - bench.begun_ns) / 1e9;

	printf("{\"operation\":\"%s\",\"clients\":%u,", bench.locks ? "lock" : "put",
	       bench.clients);
	if (!bench.locks)
		printf("\"payload_bytes\":%u,", bench.size);
	printf("\"operations\":%zu,\"failed\":0,\"elapsed_s\":%.3f,\"operations_per_s\":%.1f,",
	       bench.samples.count, elapsed_s, bench.samples.count / elapsed_s);
	samples_print_json(&bench.samples, "");
	if (bench.locks) {
		putchar(',');
		samples_print_json(&bench.granted, "granted_");
	}
	printf("}\n");
}

static void parse_address(const char *arg, struct sockaddr_in *at)
{
	at->sin_family = AF_INET;
	at->sin_port = htons(2379);
	if (inet_pton(AF_INET, arg, &at->sin_addr) != 1)
		fail("%s is not an IPv4 address", arg);
}

/* Prints the address of the member that leads. */
static void find_leader(int n, char **addresses)
{
	char member[32], leader[32];
	int i;

	for (i = 0; i < n; i++) {
		static struct http h;
		struct sockaddr_in at = { 0 };
		char *body;

		parse_address(addresses[i], &at);
		http_open(&h, &at);
		http_post(&h, "/v3/maintenance/status", "{}");
		body = http_wait(&h);
		close(h.fd);
		if (!strstr(body, "\"leader\":"))
			fail("etcd has no leader");
		json_string(body, "member_id", member, sizeof(member));
		json_string(body, "leader", leader, sizeof(leader));
		if (strcmp(member, leader))
			continue;
		puts(addresses[i]);
		return;
	}
	fail("none of these members leads");
}

static void usage(FILE *to)
{
	fprintf(to, "Usage: etcd-bench put|lock -a ADDRESS [-c CLIENTS] [-t SECONDS] [-s BYTES]\n"
		"       etcd-bench leader ADDRESS...\n\n"
		"put: each client puts a value of BYTES (default 128) and waits for the answer.\n"
		"lock: each client takes and releases a lock of its own; the latency is that of\n"
		"both, granted_* that of the first half. Prints JSON.\n"
		"leader: prints who of them leads.\n");
}

int main(int argc, char **argv)
{
	char value[MAX_SIZE];
	int option;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc > 2 && !strcmp(argv[1], "leader")) {
		find_leader(argc - 2, argv + 2);
		return 0;
	}
	if (argc < 2 || (strcmp(argv[1], "put") && strcmp(argv[1], "lock"))) {
		usage(stderr);
		return 2;
	}
	bench.locks = !strcmp(argv[1], "lock");
	bench.clients = 1;
	bench.seconds = 5;
	bench.size = 128;
	optind = 2;
	while ((option = getopt(argc, argv, "a:c:t:s:")) != -1) {
		switch (option) {
		case 'a':
			parse_address(optarg, &bench.at);
			break;
		case 'c':
			bench.clients = strtoul(optarg, NULL, 10);
			break;
		case 't':
			bench.seconds = strtoul(optarg, NULL, 10);
			break;
		case 's':
			bench.size = strtoul(optarg, NULL, 10);
			break;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (!bench.at.sin_port || !bench.clients || bench.clients > MAX_CLIENTS || !bench.seconds ||
	    !bench.size || bench.size > MAX_SIZE) {
		usage(stderr);
		return 2;
	}
	memset(value, 'b', bench.size);
	base64(value, bench.size, bench.payload);
	open_clients();
	loop();
	close_clients();
	report();
	return 0;
}
