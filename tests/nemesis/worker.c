// SPDX-License-Identifier: GPL-2.0
/*
 * One client of a node, told what to do line by line, so that whoever tells it knows when it
 * asked and when it was answered. One command is under way at a time; one lock is held at most.
 *
 *   append TEXT MS    ok INDEX TERM | failed WHY (it had no effect) | unknown WHY
 *   lock NAME MS      ok TOKEN | busy | failed WHY | unknown WHY (no grant within MS; 0: try)
 *   held              ok TOKEN | lost: what the handle says now
 *   unlock            the same, and then the handle is closed
 *   status            ok ROLE LEADER TERM LAST COMMIT APPLIED; the leader is 0 without a quorum
 *   log LAST          lines "INDEX TERM TYPE EFFECT TEXT" up to LAST, then: end
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libkquorum.h"

static struct kquorum *k;
static int stream = -1, lock = -1;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Until @fd can be read, or @until. Where the module tells nothing, the caller looks again. */
static void wait_fd(int fd, uint64_t until)
{
	struct pollfd p = { fd, POLLIN, 0 };
	uint64_t now = now_ms();

	if (now < until)
		poll(&p, 1, (int)(until - now));
}

static void append(const char *text, uint64_t ms)
{
	uint64_t until = now_ms() + ms;
	struct kquorum_append_result r;
	ssize_t got;

	if (stream < 0)
		stream = kquorum_append_open(k);
	if (stream < 0) {
		printf("failed %s\n", kquorum_error(k));
		return;
	}
	if (write(stream, text, strlen(text)) < 0) {
		printf("failed %s\n", strerror(errno));
		close_fd(&stream);
		return;
	}
	while ((got = read(stream, &r, sizeof(r))) < 0 && errno == EAGAIN && now_ms() < until)
		wait_fd(stream, until);
	if (got == sizeof(r) && !r.error) {
		printf("ok %llu %llu\n", r.index, r.term);
	} else if (got == sizeof(r) && (r.error == -EBUSY || r.error == -ENOSPC)) {
		printf("failed %s\n", strerror(-r.error));
	} else {
		printf("unknown %s\n", got == sizeof(r) ? strerror(-r.error) : "no answer");
		close_fd(&stream);	/* what comes late must not answer the next */
	}
}

static void take_lock(const char *name, uint64_t ms)
{
	const struct kquorum_lock_request request = {
		.resource = name, .flags = KQUORUM_LOCK_CLOEXEC | (ms ? 0 : KQUORUM_LOCK_TRY),
	};
	uint64_t until = now_ms() + (ms ? ms : 10000);
	struct kquorum_lock_info info;
	int ret;

	close_fd(&lock);
	lock = kquorum_lock_open(k, &request);
	if (lock < 0) {
		printf("failed %s\n", kquorum_error(k));
		return;
	}
	while (!(ret = kquorum_lock_read(lock, &info)) && info.state < KQUORUM_LOCK_GRANTED &&
	       now_ms() < until)
		wait_fd(lock, until);
	if (!ret && info.state == KQUORUM_LOCK_GRANTED) {
		printf("ok %llu\n", info.token);
		return;
	}
	close_fd(&lock);
	if (!ret && info.state == KQUORUM_LOCK_REFUSED && info.error == -EAGAIN)
		printf("busy\n");
	else if (!ret && info.state == KQUORUM_LOCK_QUEUED)
		printf("unknown not granted in time, others stand before\n");
	else
		printf("unknown state %u error %d\n", ret ? 0 : info.state, ret ? ret : info.error);
}

static void held(void)
{
	struct kquorum_lock_info info;

	if (lock >= 0 && !kquorum_lock_read(lock, &info) && info.state == KQUORUM_LOCK_GRANTED)
		printf("ok %llu\n", info.token);
	else
		printf("lost\n");
}

static void status(void)
{
	struct kquorum_status st;

	if (kquorum_status(k, &st))
		printf("failed %s\n", kquorum_error(k));
	else
		printf("ok %u %u %llu %llu %llu %llu\n", st.role, st.quorum ? st.leader : 0,
		       (unsigned long long)st.term, (unsigned long long)st.last_index,
		       (unsigned long long)st.commit_index, (unsigned long long)st.applied_index);
}

static int show(const struct kquorum_log_entry *e, void *user __attribute__((unused)))
{
	bool text = e->type == KQUORUM_ENTRY_APPEND && e->payload;

	if (!e->committed || !e->applied)
		return 0;
	printf("%llu %llu %u %d %.*s\n", (unsigned long long)e->index, (unsigned long long)e->term,
	       e->type, !e->result, text ? (int)e->bytes : 1, text ? (const char *)e->payload : "-");
	return 0;
}

static void show_log(uint64_t last)
{
	int ret = kquorum_log_dump(k, 1, last, show, NULL);

	if (ret)
		printf("failed %s\n", kquorum_error(k));
	else
		printf("end\n");
}

static void command(char *line)
{
	char *what = strtok(line, " \n"), *a = strtok(NULL, " \n"), *b = strtok(NULL, " \n");

	if (!what)
		printf("failed nothing was said\n");
	else if (!strcmp(what, "append") && b)
		append(a, strtoull(b, NULL, 10));
	else if (!strcmp(what, "lock") && b)
		take_lock(a, strtoull(b, NULL, 10));
	else if (!strcmp(what, "held"))
		held();
	else if (!strcmp(what, "status"))
		status();
	else if (!strcmp(what, "unlock")) {
		held();
		close_fd(&lock);
	} else if (!strcmp(what, "log") && a)
		show_log(strtoull(a, NULL, 10));
	else
		printf("failed what is \"%s\"?\n", what);
	fflush(stdout);
}

int main(void)
{
	char line[4096], err[256];

	if (kquorum_open(&k, err, sizeof(err))) {
		fprintf(stderr, "worker: %s\n", err);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin))
		command(line);
	kquorum_close(k);
	return 0;
}
